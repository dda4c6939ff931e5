#!/bin/bash
# SPDX-License-Identifier: MIT
#
# ppgen submit on a real Grid Engine, where things go wrong: elements that are deleted, over their time, killed or run again, an execution
# daemon that dies, jobs that are stuck, a finaliser that may not submit, and a submit that is killed in between. Whatever happens, no
# process of a task is left, and the table comes out in the end.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"
. "$SRC/tests/e2e/sge_lib.sh"
sge_up --set slots=24

# ---- helpers

# Runs a command as $user.
as() {
	if [ "$user" = "$(id -un)" ]; then
		"$@"
	else
		setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups env HOME=/nonexistent "$@"
	fi
}
# How many of the sleeping processes of tasks with this mark there are.
running() {
	pgrep -fxc "sleep $1"
}
nothing_left() {
	! pgrep -fx "sleep $1"
}
parent_of() {
	ps -o ppid= -p "$1" | tr -d ' '
}
# pid of the pool of an element, as its journal names it: SPEC ELEMENT
pool_of() {
	sed -sn "1s/.*,\"pid\":\([0-9]*\),.*\"element\":$2,.*/\1/p" "$(run_of "$1")"/journal/*/*.jsonl | tail -n 1
}
# What qacct says of a job of the first submission: SPEC [ELEMENT]
failed_of() {
	qacct -j "$(job "$1" 1 1)" ${2:+-t "$2"} | awk '$1 == "failed" { print $2 }' | tail -n 1
}
# Two tasks whose processes do all that they can not to be found. They wait for a gate, and are given $2 more lines of the spec.
stubborn() {
	cat <<-END
		ppgen: 1
		params: {x: [1, 2]}
		shell: |
		  setsid sleep $1 &
		  (setsid sh -c 'env -i setsid sleep $1' &)
		  until [ -e gate ]; do sleep 0.2; done
		  echo "\$x"
		results: {stdout: number}
		$2
	END
}

mark() { # SPEC: a number that only its tasks, as this user's, have
	echo "$(id -u "$user")$$$(printf '%s' "$1" | cksum | cut -c 1-3)"
}

users=$(id -un)
if [ "$(id -u)" -eq 0 ]; then
	mkdir "$T/nobody" && chown nobody "$T/nobody"
	user=nobody
	if as sh -c "cd '$T/nobody' && ppgen --version" >/dev/null 2>&1; then
		users="$users nobody"
	else
		skip 'as another user' 'nobody cannot run ppgen here'
	fi
fi

# ---- both daemons die. The execution daemon that is started then looks once a minute what has become of its jobs

user=$(id -un)
mkdir "$T/more" && cd "$T/more" || exit 99
stubborn "$(mark daemon)" 'submit: {elements: 2}' >daemon.yaml
ok 'elements whose daemons will die' ppgen submit daemon.yaml
eventually 30 reaches 4 running "$(mark daemon)"
# shellcheck disable=SC2046 # several
kill -KILL $(awk '{ print $2 }' "$CLUSTER/pids")
ask_again daemon.yaml
exits 1 ppgen status daemon.yaml
like 'status says that nobody can be asked' "$out" 'the scheduler could not be asked: .qstat -xml .* failed'
exits 2 ppgen submit daemon.yaml
like 'so does submit' "$err" 'may be under way, and the scheduler could not be asked'
ok 'they are started again' "$SRC/tests/cluster/sge" start "$CLUSTER"
is 'its elements run on' "$(elements_are daemon.yaml)" 'queued:0,running:2,done:0,vanished:0'
touch gate
eventually 20 nothing_left "$(mark daemon)"
is 'to their end' "$(ends daemon.yaml ok)" 2
rm gate

# ---- h_rt, at work from here on: pools that hang, so that not even their own clock ends them

for user in $users; do
	mkdir -p "$T/$user" && cd "$T/$user" || exit 99
	stubborn "$(mark hung)" 'resources: {memory: 50M, time: 5s}
submit: {elements: 2, element_time: 16s}' >hung.yaml
	ok "$user: tasks whose pools will hang" as ppgen submit hung.yaml
	stubborn "$(mark deleted)" 'submit: {elements: 2}' >deleted.yaml
	ok "$user: tasks that will be cancelled" as ppgen submit deleted.yaml
done
for user in $users; do
	cd "$T/$user" || exit 99
	eventually 30 reaches 4 running "$(mark hung)"
	ok "$user: both are stopped" kill -STOP "$(pool_of hung.yaml 1)" "$(pool_of hung.yaml 2)"
done

# ---- cancelled

for user in $users; do
	cd "$T/$user" || exit 99
	eventually 30 reaches 4 running "$(mark deleted)"
	is "$user: they run" "$(running "$(mark deleted)")" 4
	ok "$user: they are cancelled" as ppgen cancel deleted.yaml
	eventually 20 nothing_left "$(mark deleted)"
	is "$user: no process is left of them" "$(running "$(mark deleted)")" 0
	touch gate # also for what follows h_rt
done

# ---- out of time by its own clock

user=$(id -un)
cd "$T/more" || exit 99
cat >clock.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 7, step: 1}}
shell: sleep 2; echo "$x"
results: {stdout: number}
resources: {memory: 50M, time: 3s}
submit: {elements: 1, element_time: 16s}
END
ok 'more than an element can do in its time' ppgen submit clock.yaml

# ---- elements that are killed, one that is deleted, one that is run again

stubborn "$(mark killed)" 'submit: {elements: 4}' | sed 's/\[1, 2\]/[1, 2, 3, 4]/' >killed.yaml
ok 'elements that will be killed' ppgen submit killed.yaml
eventually 30 reaches 8 running "$(mark killed)"
array=$(job killed.yaml 1)
kill -KILL "$(pool_of killed.yaml 1)" "$(parent_of "$(pool_of killed.yaml 2)")"
ok 'one is run again' qmod -rj "$array.3"
ok 'one is deleted' qdel "$array" -t 4
eventually 30 says 'running:1,done:[12],vanished:[12]' elements_are killed.yaml
eventually 20 reaches 5 starts killed.yaml
eventually 20 says '^2$' running "$(mark killed)"
is 'the processes of the others have ended' "$(running "$(mark killed)")" 2
is 'one began anew' "$(find runs/killed/claims -name 'e1.*.2' | wc -l)" 1
like 'which its log knows' runs/killed/submissions/0001/log/1.3 '\(start 2\)'
touch gate
finished killed.yaml
is 'killed: all is good' "$code" 0
is 'in a second round' "$(basename "$(submission killed.yaml)")" 0002
is 'nothing was done again that had ended' "$(good_times killed.yaml 1)" 4
is 'no process is left' "$(running "$(mark killed)")" 0

# ---- memory: what ppgen does not see, as it thinks that there is more

limited=1
if sanitized; then
	skip 'over h_vmem' 'programs with sanitizers cannot be limited in memory'
	limited=0
elif [ "$(id -u)" -ne 0 ]; then
	skip 'over h_vmem' "only root's execution daemon measures memory"
	limited=0
else
	user=${users##* } # of root's jobs some processes would live on, and tell
	cd "$T/$user" || exit 99
	cat >memory.yaml <<-'END'
		ppgen: 1
		params: {x: [1]}
		shell: |
		  for i in 1 2; do { head -c 80000000 /dev/zero; sleep 8; } | tail -c 80000000 >/dev/null & done
		  wait
		resources: {memory: 1G}
		retry: {times: 1, on: [oom], memory: x2}
	END
	ok 'more than what was asked for' as ppgen submit memory.yaml -- -l h_vmem=120M
	user=$(id -un)
	cd "$T/more" || exit 99
fi

# ---- submit is killed in between

mkdir "$T/bin"
for command in qsub qrls; do
	cat >"$T/bin/$command" <<-END
		#!/bin/bash
		$(command -v $command) "\$@" >"$T/said" || exit
		[[ "$command \$*" != *\$KILL_AT* ]] || kill -KILL \$PPID
		cat "$T/said"
	END
	chmod +x "$T/bin/$command"
done
cat >cut1.yaml <<'END'
ppgen: 1
params: {x: [1, 2, 3, 4]}
command: echo {x}
results: {stdout: number}
resources: {memory: 50M}
overrides: [{where: x > 2, memory: 60M}]
submit: {elements: 2}
END
cut=0
for where in array-1.sh array-2.sh finalise.sh qrls; do
	cut=$((cut + 1))
	[ $cut -eq 1 ] || cp cut1.yaml cut$cut.yaml
	code=$(env PATH="$T/bin:$PATH" KILL_AT="$where" sh -c "ppgen submit -q cut$cut.yaml; echo \$?" 2>/dev/null)
	is "submit is killed behind $where" "$code" 137
	exits 0 ppgen submit cut$cut.yaml
	like 'the next one completes it' "$err" '^submission 0001 had been cut off while it was handed over; now it is complete: jobs [0-9]+, [0-9]+, finaliser [0-9]+$'
done
for cut in 1 2 3 4; do
	finished cut$cut.yaml
	is "cut$cut: all is good" "$code" 0
	is 'all was submitted once' "$(good_times cut$cut.yaml 1) $(submission cut$cut.yaml)" "4 runs/cut$cut/submissions/0001"
done
is 'and no job more' "$(jobs_of cut)" ''

if [ $limited -eq 1 ]; then
	cd "$T/${users##* }" || exit 99
	eventually 60 over memory.yaml 1
	is 'over h_vmem: Grid Engine says no more than that' "$(failed_of memory.yaml)" 37
	like 'the finaliser tells it from h_rt' runs/memory/submissions/0001/log/finalise '1 over their memory$'
	like 'and gives more' runs/memory/submissions/0002/array-1.sh '^#\$ -l h_vmem=2112M$'
	user=${users##* }
	ok 'in vain' as ppgen cancel memory.yaml
	user=$(id -un)
	cd "$T/more" || exit 99
fi

# ---- what was begun before

finished clock.yaml
is 'out of time: all is good' "$code" 0
like 'the element ended before' runs/clock/submissions/0001/log/1.1 '^ppgen: end: out of time: '
is 'by itself' "$(failed_of clock.yaml 1)" 0
is 'and no task was cut off' "$(ends clock.yaml) $(ends clock.yaml ok)" '7 7'

for user in $users; do
	cd "$T/$user" || exit 99
	finished hung.yaml
	is "$user: hung: all is good" "$code" 0
	is "$user: it was h_rt" "$(failed_of hung.yaml 1) $(failed_of hung.yaml 2)" '37 37'
	like "$user: the finaliser tells" runs/hung/submissions/0001/log/finalise '2 tasks: 0 good, 0 failed for good, 2 cut off$'
	is "$user: no process is left of it" "$(running "$(mark hung)")" 0
done
user=$(id -un)
cd "$T/more" || exit 99

# ---- a finaliser that may not submit, for some time

cat >denied.yaml <<'END'
ppgen: 1
params: {x: [1, 2, 3]}
shell: '[ -e gate ] || sleep 5; echo "$x"'
results: {stdout: number}
resources: {time: 1s}
retry: {times: 1, on: [timeout], time: x60}
submit: {elements: 3}
END
rm gate
ok 'tasks that need a second round' ppgen submit denied.yaml
host=$(qconf -ss)
eventually 30 reaches 3 starts denied.yaml
qconf -ds "$host" >/dev/null 2>&1
touch gate
eventually 30 grep -q 'it is tried again' runs/denied/submissions/0001/log/finalise
like 'the finaliser says why, and is patient' runs/denied/submissions/0001/log/finalise 'qsub refused array-1.sh .*denied: host .* is not a submit host.*: it is tried again in 30 s'
qconf -as "$host" >/dev/null 2>&1

# ---- jobs that are stuck

printf '#!/bin/sh\nexit 100\n' >"$T/prolog"
chmod +x "$T/prolog"
qconf -rattr queue prolog "$T/prolog" all.q >/dev/null 2>&1
cat >stuck.yaml <<'END'
ppgen: 1
params: {x: [1, 2, 3]}
command: echo {x}
results: {stdout: number}
submit: {elements: 3}
END
ok 'jobs that cannot start' ppgen submit stuck.yaml
in_error() { [ "$(jobs_of stuck.yaml | sort | uniq -c | tr -s ' \n' ' ')" = ' 3 Eqw 1 hqw ' ]; }
eventually 30 in_error
ask_again stuck.yaml
ppgen status stuck.yaml >status.txt
like 'status says so' status.txt "^  elements 1 to 3 of job $(job stuck.yaml 1) are stuck in 'Eqw'\$"
timeout 3 ppgen wait -q stuck.yaml >"$out" 2>"$err"
like 'so does wait' "$err" "^  elements 1 to 3 of job $(job stuck.yaml 1) are stuck in 'Eqw'\$"
qconf -rattr queue prolog NONE all.q >/dev/null 2>&1
qmod -cj "$(job stuck.yaml 1)" >/dev/null # exits with 1
finished stuck.yaml
is 'stuck: all is good' "$code" 0

# ---- what takes half a minute, and a whole one

finished denied.yaml
is 'denied: all is good' "$code" 0
is 'in a second round' "$(submission denied.yaml) $(ends denied.yaml timeout) $(ends denied.yaml ok)" 'runs/denied/submissions/0002 3 3'

finished daemon.yaml
is 'daemon: all is good' "$code" 0
is 'nothing was done twice' "$(starts daemon.yaml) $(submission daemon.yaml)" '2 runs/daemon/submissions/0001'

queue_is_empty() { [ -z "$(qstat -u '*')" ]; }
eventually 30 queue_is_empty
ok 'nothing is left in the queue' queue_is_empty
done_testing
