#!/bin/bash
# SPDX-License-Identifier: MIT
#
# ppgen submit on a stand-in with Torque's commands (tests/cluster/pbs --torque): what differs from PBS, which tests/e2e/pbs_run.sh and
# pbs_fail.sh have in full. Jobs begin in $HOME, with umask 077, under a login shell whose profile prints.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"

echo 'echo from the profile; PATH=/usr/bin:/bin; cd /' >"$HOME/.bash_profile"
place="$T/a b, 'c' \"d\" \$PBS_ARRAYID \$HOME %a &"
mkdir "$place" && cd "$place" || exit 99

# The ids of all jobs of a spec's latest submission that the server knows: their names are short, and hold its tag.
jobs_of() {
	local tag
	tag=$(sed -n 's/.*"tag":"\([a-z0-9]*\)".*/\1/p' "$(submission "$1")/submission.json")
	qselect -u "$(id -un)" | xargs -r qstat -f | awk -v "tag=-$tag-" '/^Job Id: / { id = $3 } /^ *Job_Name = / && index($3, tag) { print id }'
}
ask_again() {
	rm -f "$(submission "$1")/asked.json" # `status` asks once a minute
}
# "queued:1,running:3,done:0,vanished:0" of the latest submission
elements_are() {
	ask_again "$1"
	ppgen status --json "$1" | sed 's/.*"elements":[0-9]*,\("queued":[0-9]*,"running":[0-9]*,"done":[0-9]*,"vanished":[0-9]*\),.*/\1/' | tr -d '"'
}

# ---- ended jobs are kept for a while; a subjob of every array runs twice

cluster_up pbs --torque --rerun 1 --history --cpus 12

# Resources of two kinds, failures that a second attempt repairs, result files, a name that Torque would not take.
cat >2d-ising-model.yaml <<'END'
ppgen: 1
params:
  grid: {T: {from: 1.5, to: 3.0, step: 0.25}, L: [16, 32, 64], text: ["it's", 'a "b" $c, #PBS -q x', 'ü, ∞']}
repeat: 2
seed: 7
shell: |
  [ "$PPGEN_INDEX" -lt 100 ] || [ "$PPGEN_ATTEMPT" -gt 1 ] || exit 9
  [ -z "${PBS_ARRAYID-}" ] || exit 8
  printf 'step,m\n1,%s\n2,%s\n' "$PPGEN_SEED" "$L" >"$PPGEN_SCRATCH/trace.csv"
  printf '%s %s %s\n' "$((PPGEN_SEED % 1000))" "$PPGEN_CPUS" "$MINE"
resources: {cpus: 1, memory: 50M, time: 20s}
overrides: [{where: L == 64, cpus: 2, memory: 80M}]
results: {stdout: {regex: {m: '^([0-9]+)', said: '^[0-9]+ ([0-9]+)', mine: '^[0-9]+ [0-9]+ (.*)'}}, files: {trace: "{scratch}/trace.csv"}}
retry: {times: 1, on: [exit]}
collect: [{to: results.csv}, {from: trace, to: traces.csv}]
submit: {slots: 2, elements: 3}
END
# shellcheck disable=SC2089 # quotes and all
MINE='what the user has: "a, b" '\''c'\'' \d'
# shellcheck disable=SC2090
export MINE
ok 'tasks on this machine' ppgen run -q -d local.2d 2d-ising-model.yaml
ok 'the same tasks as arrays' ppgen submit 2d-ising-model.yaml
like 'Torque was found' "$err" "^scheduler: torque \('qstat --version' says Version: "
like 'the ids are said' "$err" '^submission 0001: jobs [0-9]+\[\]\.srv, [0-9]+\[\]\.srv, finaliser [0-9]+\.srv$'
like 'a name that it takes' "$(submission 2d-ising-model.yaml)/array-1.sh" '^#PBS -N [a-z][A-Za-z0-9._-]{0,13}-1$'
like 'twice two processors, for those that take two' "$(submission 2d-ising-model.yaml)/array-2.sh" '^#PBS -l nodes=1:ppn=4$'
sed 's/elements: 3/elements: 1/' 2d-ising-model.yaml >single.yaml
ok 'one element' ppgen submit -q single.yaml
like 'is an array all the same' "$(submission single.yaml)/array-1.sh" '^#PBS -t 0-0$'
finished 2d-ising-model.yaml
is 'arrays: all is good' "$code" 0
is 'the table of a local run' "$(table 2d-ising-model.yaml)" "$(sha256sum <local.2d/collect/results.csv)"
same_file 'and its result files' runs/2d-ising-model/collect/traces.csv local.2d/collect/traces.csv
is 'no task ran twice, but for those that failed at first' "$(starts 2d-ising-model.yaml) $(good_times 2d-ising-model.yaml 1)" \
	"$((126 + 26)) 126"
like 'a subjob was run twice, and found nothing to do' "$(submission 2d-ising-model.yaml)/log/1.1" 'element 1 \(start 2\), job'
finished single.yaml
is 'arrays of one: all is good' "$code" 0
is 'the same table' "$(table single.yaml)" "$(table 2d-ising-model.yaml)"

# ---- somebody deletes an array: Torque still knows

cat >wait.spec <<'END'
ppgen: 1
params: {x: {from: 1, to: 6, step: 1}}
shell: |
  until [ -e GATE ]; do sleep 0.1; done
  echo "$x"
results: {stdout: number}
submit: {elements: 3}
END
sed 's/GATE/gate.deleted/' wait.spec >deleted.yaml
ok 'an array' ppgen submit -q deleted.yaml
eventually 30 reaches 3 starts deleted.yaml
ok 'is deleted' qdel -t 0-2 "$(job deleted.yaml 1)"
finished deleted.yaml
is 'who does so wants an end' "$code $(ends deleted.yaml interrupted)" '1 3'
like 'as the finaliser says' "$(submission deleted.yaml)/ended.json" '"how":"failed","why":"elements were cancelled'
touch gate.deleted
ok 'submit goes on' ppgen submit -q deleted.yaml
finished deleted.yaml
is 'to the end' "$code $(good_times deleted.yaml 1)" '0 6'
cluster_down

# ---- ended jobs are gone

cluster_up pbs --torque --cpus 40 --memory 100000 --kill-delay 1 --term-late 0.2

cat >failing.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 9, step: 1}}
shell: test "$x" -ne 5 || { echo no five >&2; exit 9; }
submit: {elements: 2}
END
cat >late.yaml <<'END'
ppgen: 1
params: {x: [1, 2]}
shell: |
  [ "$x" -eq 1 ] || [ "$PPGEN_ATTEMPT" -gt 1 ] || sleep 30
  echo "$x"
results: {stdout: number}
submit: {elements: 2, element_time: 12s}
END
for spec in orphan alone hand; do
	sed 's/GATE/gate/' wait.spec >$spec.yaml
done
ok 'an element out of time' ppgen submit -q late.yaml
ok 'tasks of which one fails' ppgen submit failing.yaml
ok 'one whose finaliser is deleted' ppgen submit orphan.yaml
ok 'it is' qdel "$(job orphan.yaml finalise)"
ok 'one without a finaliser' ppgen submit --no-finalise alone.yaml
ok 'scripts to be submitted by hand' ppgen submit --emit "$T/by hand" hand.yaml
ok 'they work' sh "$T/by hand/submit.sh"
is 'their ids are recorded' "$(sed 's/.*: //' "$out" | tr '\n' ' ')" "$(job hand.yaml 1) $(job hand.yaml finalise) "

cp failing.yaml refused.yaml
exits 2 ppgen submit refused.yaml -- -l nonsense=1
like "refused, in Torque's own words" "$err" '^ppgen: qsub refused array-1\.sh \(exit code [0-9]+\): qsub: .*nonsense'
is 'nothing of it is in the queue' "$(jobs_of refused.yaml)" ''

qmgr -c 'set server max_job_array_size = 7'
sed 's/to: 6/to: 40/; s/elements: 3/elements: 8/' wait.spec >limits.yaml
exits 2 ppgen submit limits.yaml
like 'too many elements: both numbers' "$err" '^ppgen: 8 elements \(.*\) are too many: at most 7 fit into one array \(qstat -B -f\)$'
sed -i '/elements: 8/d' limits.yaml
ok 'else as many as fit' ppgen submit -n limits.yaml
like 'into an array' "$out" '^#PBS -t 0-6$'
qmgr -c 'unset server max_job_array_size'

# ---- states, and a throttle; an array of which somebody deletes one; cancelled, and continued

cat >states.yaml <<'END'
ppgen: 1
params: {x: [0, 1, 2, 3]}
shell: |
  until [ -e "gate$x" ]; do sleep 0.1; done
  echo "$x"
results: {stdout: number}
submit: {elements: 4, max_running: 3}
END
ok 'four elements, three at a time' ppgen submit states.yaml
eventually 30 reaches 3 starts states.yaml
is 'one waits, three run' "$(elements_are states.yaml)" 'queued:1,running:3,done:0,vanished:0'
exits 2 ppgen submit states.yaml
like 'a second submission is refused' "$err" '^ppgen: submission 0001 .* is under way'
ok 'one is deleted' qdel -t 1 "$(job states.yaml 1)"
touch gate0 gate1
eventually 30 says 'done:[23],' elements_are states.yaml
touch gate2 gate3

sed 's/GATE/gate.long/' wait.spec >long.yaml
ok 'one to be cancelled' ppgen submit -q long.yaml
eventually 30 reaches 3 starts long.yaml
ok 'it is' ppgen cancel long.yaml
is 'the queue is empty of it' "$(jobs_of long.yaml)" ''
exits 130 ppgen wait long.yaml
touch gate.long
ok 'it goes on' ppgen submit -q long.yaml

# ---- ppgen is killed behind a command

mkdir "$T/bin"
cat >"$T/bin/qsub" <<'END'
#!/bin/bash
said=$(PATH=${PATH#*:} qsub "$@")
echo x >>"$CUT_COUNT"
[[ $(wc -l <"$CUT_COUNT") -ne $CUT ]] || kill -KILL $PPID
echo "$said"
END
chmod +x "$T/bin/qsub"
CUT_COUNT=$T/count
export CUT_COUNT
for cut in 1 2; do
	sed 's/GATE/gate.cut/' wait.spec >cut-$cut.yaml
	rm -f "$CUT_COUNT"
	{ CUT=$cut PATH=$T/bin:$PATH ppgen submit -q cut-$cut.yaml >"$out" 2>"$err"; } 2>/dev/null # the shell says "Killed"
	is "killed behind qsub $cut" $? 137
	exits 0 ppgen submit cut-$cut.yaml
	like 'submit completes it' "$err" '^submission 0001 had been cut off while it was handed over; now it is complete: job '
	is 'both of its jobs are there, once' "$(jobs_of cut-$cut.yaml | tr '\n' ' ')" "$(job cut-$cut.yaml 1) $(job cut-$cut.yaml finalise) "
done
touch gate.cut

# ---- what came of all of them

finished failing.yaml
is 'a task failed: wait exits with 1' "$code" 1
like 'the finaliser ran after a failure' "$(submission failing.yaml)/log/finalise" '8 good, 1 failed for good'

touch gate
for spec in orphan.yaml alone.yaml; do
	eventually 60 reaches 6 ends $spec ok
	gone() { [ -z "$(jobs_of "$spec")" ]; }
	eventually 30 gone
	ask_again $spec
	ppgen status $spec >status.txt
	like 'status says that the jobs are gone' status.txt 'its jobs are gone: `ppgen submit .*` finishes it$'
	exits 0 ppgen submit $spec
	like 'it was finished' "$err" '^submission 0001: 6 tasks: 6 good'
done
for spec in hand long cut-1 cut-2; do
	finished $spec.yaml
	is "$spec: all is good" "$code $(good_times $spec.yaml 1)" '0 6'
	is 'with the same table' "$(table $spec.yaml)" "$(table alone.yaml)"
done
finished states.yaml
is 'those of the throttle: all is good' "$code $(good_times states.yaml 1)" '0 4'
finished late.yaml
is 'those out of time: all is good' "$code" 0
like 'in a second round' "$(submission late.yaml 1)/log/finalise" '^submission 0002: 1 task is done again, as job [0-9]+\[\]\.srv, finaliser'
is 'nothing is left in the queue' "$(qselect -u "$(id -un)")" ''
done_testing
