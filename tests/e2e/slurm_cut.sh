#!/bin/bash
# SPDX-License-Identifier: MIT
#
# ppgen submit is killed at every step of handing a submission over to a real Slurm, right before and right after each command. The
# next `ppgen submit` completes it: each of its jobs is there once, and the table is that of a local run. The same for a finaliser
# that is killed while it hands over the next round.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"
cluster_up slurm --no-rest

# Commands that kill who called them. $cut is "WHEN COMMAND-NUMBER", counted over the commands that change something.
mkdir "$T/bin"
cat >"$T/bin/cutter" <<'END'
#!/bin/bash
real=$(PATH=${PATH#*:} command -v "${0##*/}") || exit 127
case "${0##*/} $*" in
sbatch* | *release*) ;;
*) exec "$real" "$@" ;;
esac
echo x >>"$CUT_COUNT"
[[ $(wc -l <"$CUT_COUNT") -eq ${CUT#* } ]] || exec "$real" "$@"
[[ $CUT != before* ]] || { kill -KILL $PPID; exit 1; }
said=$("$real" "$@")
code=$?
kill -KILL $PPID
echo "$said"
exit $code
END
chmod +x "$T/bin/cutter"
ln -s cutter "$T/bin/sbatch"
ln -s cutter "$T/bin/scontrol"
CUT_COUNT=$T/count
export CUT_COUNT

# Submits one that is cut off.
submit_cut() {
	rm -f "$CUT_COUNT"
	{ CUT=$1 PATH=$T/bin:$PATH ppgen submit -q "${@:2}" >"$out" 2>"$err"; } 2>/dev/null # the shell says "Killed"
}
# Jobs of a spec that are, or were, there: by their names.
jobs_of() {
	squeue -h -t all -o '%F %j' | sed -n "s/ $1-/ /p" | sort -u
}

cat >any.spec <<'END'
ppgen: 1
params: {x: {from: 1, to: 8, step: 1}}
shell: until [ -e go ]; do sleep 0.1; done; echo "$x"
overrides: [{where: x > 4, cpus: 2}]
results: {stdout: number}
submit: {elements: 2}
END
cp any.spec any.yaml
touch go
ok 'the same tasks on this machine' ppgen run -q -d local any.yaml
rm go

# Two arrays, each tested and submitted, the finaliser, the release: six commands.
specs=
for n in 1 2 3 4 5 6; do
	for when in before after; do
		name=$when$n
		cp any.spec $name.yaml
		submit_cut "$when $n" $name.yaml
		is "cut off $when command $n" $? 137
		specs="$specs $name"
	done
done
is 'there are no more commands' "$(submit_cut 'before 7' any.yaml; wc -l <"$CUT_COUNT")" 6

for name in $specs; do
	[ $name = after6 ] || is "$name: nothing runs" "$(starts $name.yaml)" 0
	ppgen status $name.yaml >status.txt
	like "$name: status says so" status.txt 'it was cut off while it was handed over: `ppgen submit '
	exits 2 ppgen run -q $name.yaml
	ok "$name: submitted again" ppgen submit $name.yaml
	like "$name: it is completed" "$err" '^submission 0001 had been cut off .* jobs? [0-9]+, [0-9]+, finaliser [0-9]+$'
done
touch go
finished any.yaml
for name in $specs; do
	finished $name.yaml
	is "$name: all is good" "$code" 0
	is "$name: each job was there once" "$(jobs_of $name | wc -l) $(jobs_of $name | cut -d - -f 2 | sort -u | wc -l)" '3 3'
	is "$name: it is one submission" "$(submission $name.yaml)" "runs/$name/submissions/0001"
	is "$name: no task ran twice" "$(starts $name.yaml)" 8
	is "$name: the table of a local run" "$(table $name.yaml)" "$(sha256sum <local/collect/results.csv)"
done

# ---- cut off, and cancelled

for cut in 'after 2' 'after 5'; do
	name=cancel${cut#* }
	cp any.spec $name.yaml
	submit_cut "$cut" $name.yaml
	ok "$name: cancelled" ppgen cancel $name.yaml
	is "$name: nothing of it is left" "$(squeue -h -o %j | grep "^$name-")" ''
	ok "$name: submitted anew" ppgen submit -q $name.yaml
	finished $name.yaml
	is "$name: all is good" "$code" 0
	is "$name: the table of a local run" "$(table $name.yaml)" "$(sha256sum <local/collect/results.csv)"
done

# ---- a finaliser is killed while it hands over the next round

cat >round.spec <<'END'
ppgen: 1
params: {x: {from: 1, to: 8, step: 1}}
shell: |
  [ "$x" -ne 3 ] || [ "$PPGEN_ATTEMPT" -gt 1 ] || kill -KILL $PPID # the worker
  echo "$x"
results: {stdout: number}
submit: {elements: 1}
END
specs=
for cut in 'before 5' 'after 5' 'after 6' 'after 7'; do # 1 to 4 are of the first round
	name=round${cut/ /}
	cp round.spec $name.yaml
	submit_cut "$cut" $name.yaml
	is "$name: submitted" $? 0
	specs="$specs $name"
	eventually 60 reaches "${cut#* }" grep -c x "$CUT_COUNT"
done
for name in $specs; do
	no_finaliser() { ! squeue -h -t pending,running,completing -o %F | grep -qx "$(job $name.yaml finalise 1)"; }
	eventually 60 no_finaliser
	ok "$name: the first round is over" over $name.yaml 1
	ppgen submit $name.yaml >"$out" 2>"$err"
	is "$name: submitted again" $? 0
	finished $name.yaml
	is "$name: all is good" "$code" 0
	is "$name: in two rounds" "$(submission $name.yaml)" "runs/$name/submissions/0002"
	is "$name: each of their jobs was there once" "$(jobs_of $name | wc -l) $(jobs_of $name | cut -d ' ' -f 2 | sort -u | wc -l)" '4 4'
	is "$name: the table of a local run" "$(table $name.yaml)" "$(sha256sum <local/collect/results.csv)"
done

# ---- the controller is killed; it has forgotten arrays that were recorded, and gives their ids to other jobs

sed 's/^submit.*/submit: {elements: 3}/; /^override/d' any.spec >lost.yaml
cp lost.yaml cancelled.yaml
# It writes down what it knows at most every five seconds: from now on that is what it will remember.
written=$(stat -c %y "$CLUSTER/state/job_state")
scancel "$(sbatch --parsable --hold -o /dev/null --wrap true)"
written_again() { [ "$(stat -c %y "$CLUSTER/state/job_state")" != "$written" ]; }
within 20 written_again
submit_cut 'before 3' lost.yaml # the finaliser
submit_cut 'before 3' cancelled.yaml
ok 'the controller is killed' "$SRC/tests/cluster/slurm" kill-controller "$CLUSTER"
ok 'and started again' "$SRC/tests/cluster/slurm" start-controller "$CLUSTER"
ids=" $(job lost.yaml 1) $(job cancelled.yaml 1) "
others=
for _ in 1 2 3 4 5 6 7 8; do
	other=$(sbatch --parsable --hold -o /dev/null -J other --wrap true)
	case $ids in
	*" $other "*) others="$others $other" ;;
	*) scancel "$other" ;;
	esac
done
others_live() { [ "$(squeue -h -t pending -o '%i %j' | grep -c ' other$')" = 2 ]; }
if [ "$others" = "${ids% }" ]; then
	exits 2 ppgen submit lost.yaml
	like 'a job is lost: that is said' "$err" "^ppgen: job $(job lost.yaml 1) of submission 0001 is gone: submit again\$"
	ok 'submitted again' ppgen submit lost.yaml
	finished lost.yaml
	is 'all is good' "$code" 0
	is 'in a submission of its own' "$(submission lost.yaml)" runs/lost/submissions/0002
	ok 'a submission whose job is lost is cancelled' ppgen cancel cancelled.yaml
	ok 'jobs that have their ids now are let alone' others_live
else
	echo "# lost jobs were not tried: the controller gave other ids:$others, not$ids"
	ppgen cancel lost.yaml >"$out" 2>&1
	ppgen cancel cancelled.yaml >"$out" 2>&1
fi
# shellcheck disable=SC2086 # several ids
scancel $others
is 'nothing is left in the queue' "$(squeue -h)" ''
done_testing
