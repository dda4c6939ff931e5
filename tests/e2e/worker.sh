#!/bin/sh
# SPDX-License-Identifier: MIT
# Array elements, started by hand from the scripts that `ppgen submit` wrote for a scheduler that is none: alone, together, killed, told to
# end, started again. Whatever happens to them, the table has the bytes of a local run's.
. "$(dirname "$0")/lib.sh"

# A queue that nobody works off but this test: it prints an id, and keeps the script.
cat >"$test_place/bin/tqsub" <<'SH'
#!/bin/sh
for script; do :; done
n=$(($(cat "$HOME/last" 2>/dev/null || echo 100) + 1))
echo $n >"$HOME/last"
cp "$script" "$HOME/$n.sh" || exit 1
echo "id $n"
SH
chmod +x "$test_place/bin/tqsub"

# Submits; the script is then $script, the run directory $run, the elements' logs $run/submissions/0001/log.
submit() {
	run=$T/runs/$(sed -n 's/^name: //p' "$1")
	ppgen submit -q --template "$SRC/tests/e2e/queue.tmpl" --no-finalise "$1" >"$out" 2>"$err" || test_show submit "$err"
	script=$H/$(cat "$H/last").sh
}
# Becomes element $1, as the scheduler starts it: from its script, in a session of its own. To be called in a subshell or behind "&": then
# $! is the job's process.
element() {
	cd / || exit 99
	TQ_JOB=4711 TQ_INDEX=$1
	export TQ_JOB TQ_INDEX
	exec setsid bash "$script"
}
starts() { cat "$run"/journal/*/*.jsonl 2>/dev/null | grep -c '"k":"start"'; }
# So many attempts wait for the gate.
# shellcheck disable=SC2317 # called by `within`
waiting() { [ "$(find waits -type f | wc -l)" -ge "$1" ]; }
# Indexes of tasks with so many good ends, and how many those are.
good_times() {
	cat "$run"/journal/*/*.jsonl | grep '"out":"ok"' | sed 's/.*"i":\([0-9]*\),.*/\1/' | sort | uniq -c | awk -v n="$1" '$1 == n' | wc -l | tr -d ' '
}
freed() { find "$run/claims" -name '*.free' | wc -l | tr -d ' '; }

# ---- many short tasks, several elements at once

cat >short.yaml <<'YAML'
ppgen: 1
name: short
params: {x: {from: 1, to: 2000, step: 1}}
command: echo {x}
results: {stdout: number}
submit: {elements: 5, slots: 2}
YAML
ok 'a local run of the same tasks' ppgen run -q -d calm short.yaml
submit short.yaml
like 'the script starts the worker' "$script" "^exec '?/.*ppgen'? worker '?$run'? --submission 1 --array 1 --element \"\\\$TQ_INDEX\""
pids=
for i in 1 2 3 4 5; do
	element $i &
	pids="$pids $!"
done
codes=
for pid in $pids; do
	wait "$pid"
	codes="$codes $?"
done
is 'every element ends with 0' "$codes" ' 0 0 0 0 0'
is 'every task ran' "$(good_times 1)" 2000
is 'and none twice' "$(starts)" 2000
is 'no chunk is left' "$(freed)" 0
like 'a log tells who it is' "$run/submissions/0001/log/1.3" '^ppgen: submission 1, array 1, element 3, job 4711.3 on '
cat "$run"/journal/*/*.jsonl | grep '"k":"header"' >headers
like 'a journal keeps what the template finds worth keeping' headers '"submission":1,"array":1,"element":3,"job":"4711.3",.*"recorded":\{"TQ_JOB":"4711"\}'
like 'and how it ended' "$run/submissions/0001/log/1.3" '^ppgen: end: nothing is left to take: [0-9,]+ good, of [0-9]+ chunks?, in '
exits 0 ppgen collect short.yaml
same_file 'the table of a local run' "$run/collect/results.csv" calm/collect/results.csv

# ---- killed, told to end, started again

# Once 40 tasks have begun, all others wait for the gate: so an element with two slots comes to stand in the middle of its work.
cat >gated.yaml <<'YAML'
ppgen: 1
name: gated
params: {x: {from: 1, to: 120, step: 1}}
setup: echo up >>ups
shell: |
  : >"began/$x"
  while [ ! -e gate ] && [ "$(ls began | wc -l)" -gt 40 ]; do : >"waits/$x.$PPGEN_ATTEMPT"; sleep 0.02; done
  echo "${TQ_INDEX-none} $x"
results: {stdout: text}
submit: {elements: 3, slots: 2}
YAML
fresh() {
	rm -rf runs/gated gate began waits ups
	mkdir began waits
}
fresh
touch gate
ok 'a local run of the gated tasks' ppgen run -q -d calm2 gated.yaml
fresh
submit gated.yaml
element 1 &
first=$!
within 60 waiting 2
kill -KILL "$first" # the guardian, which is the job's process
wait "$first" 2>/dev/null
ok 'no process of it is left' within 20 sh -c "! pgrep -s $first"
before=$(starts)
element 1 & # requeued
first=$!
within 60 waiting 4
like 'a requeued element knows that it is one' "$run/submissions/0001/log/1.1" 'element 1 \(start 2\), job 4711.1 '
is 'it goes on where it was: with what ran when it was killed' "$(starts)" $((before + 2))
kill -TERM "$first"
wait "$first"
is 'told to end, it ends with 0' "$?" 0
like 'and says so' "$run/submissions/0001/log/1.1" '^ppgen: end: told to end'
ok 'what it left is freed' test "$(freed)" -ge 1
touch gate
(element 2)
is 'another one ends the work' "$?" 0
is 'every task is good once' "$(good_times 1)" 120
is 'only what was cut off began again' "$(starts)" 124
is 'the set-up ran once a start' "$(wc -l <ups | tr -d ' ')" 3
exits 0 ppgen collect gated.yaml
same_file 'the table of a local run, in spite of all; tasks see no variable of the array' "$run/collect/results.csv" calm2/collect/results.csv
(element 3)
is 'an element that finds nothing to do ends with 0' "$?" 0
like 'and says so' "$run/submissions/0001/log/1.3" 'end: there is nothing to do'
is 'before the set-up' "$(wc -l <ups | tr -d ' ')" 3

# ---- two attempts of one element at once

fresh
submit gated.yaml
element 1 &
first=$!
within 60 waiting 2
element 1 &
second=$!
within 60 waiting 4
touch gate
wait "$first"
is 'the first attempt ends with 0' "$?" 0
wait "$second"
is 'and so does the second' "$?" 0
twice=$(good_times 2)
chunk=$(sed -n 's/.*"chunk":\([0-9]*\),.*/\1/p' "$run/submissions/0001/submission.json")
ok 'only the chunks that were in hand were worked on twice' test "$twice" -ge 2 -a "$twice" -le $((2 * chunk))
is 'all others once' "$(good_times 1)" $((120 - twice))
exits 0 ppgen collect gated.yaml
same_file 'and the table is the same' "$run/collect/results.csv" calm2/collect/results.csv

# ---- a submission that has ended

fresh
submit gated.yaml
echo '{"how":"cancelled","why":"","next":0,"time":1}' >"$run/submissions/0001/ended.json"
(element 1)
is 'an element of an ended submission ends with 0' "$?" 0
like 'and says why' "$run/submissions/0001/log/1.1" 'the submission has ended'
ok 'it left nothing' test ! -e "$run/claims/0001"

# ---- time: what the script took before the worker counts

cat >timed.yaml <<'YAML'
ppgen: 1
name: timed
params: {x: [1, 2, 3, 4]}
command: sleep 0
submit: {elements: 2, slots: 1, element_time: 10s}
YAML
submit timed.yaml
(TQ_DELAY=6 && export TQ_DELAY && element 1) # of 10 seconds, 5 are kept in reserve
is 'out of time, it ends with 0' "$?" 0
like 'and says so' "$run/submissions/0001/log/1.1" 'end: out of time'
is 'nothing was started' "$(starts)" 0
sed -i 's/^name: timed/name: longer/; s/element_time: 10s/element_time: 10m/' timed.yaml
submit timed.yaml
(TQ_ENDS=$(($(date +%s) + 50)) && export TQ_ENDS && element 2) # a minute is kept in reserve
like 'the end that the scheduler names, where it is earlier' "$run/submissions/0001/log/1.2" 'end: out of time'
is 'nothing was started then' "$(starts)" 0
(element 1)
is 'with all of its time it does its work' "$(good_times 1)" 4

# ---- failures, and what is wrong

cat >bad.yaml <<'YAML'
ppgen: 1
name: bad
params: {x: [1, 2, 3, 4]}
setup: test ! -e broken || { echo 'no such module' >&2; false; }
shell: test "$x" -ne 3 || exit 9
submit: {elements: 2, slots: 1}
YAML
submit bad.yaml
touch broken
(element 1)
is 'a set-up that fails: exit 3' "$?" 3
like 'with what it said' "$run/submissions/0001/log/1.1" '^ppgen: setup: exit code 1: no such module'
is 'no task was started' "$(starts)" 0
rm broken
(element 2)
is 'tasks that fail: exit 1' "$?" 1
is 'three are good' "$(good_times 1)" 3
like 'the log names the cause' "$run/submissions/0001/log/1.2" 'failed: exit code 9 \(x=3\)'
exits 2 ppgen worker
exits 2 ppgen worker "$run"
exits 2 ppgen worker "$run" --submission 1 --array 1
exits 2 ppgen worker "$run" --submission 2 --array 1 --element 1
like 'it is named' "$err" 'no submission 2'
exits 2 ppgen worker "$run" --submission 1 --array 2 --element 1
like 'it is named' "$err" 'has 1 array, and no array 2'
exits 2 ppgen worker "$run" --submission 1 --array 1 --element 3
like 'it is named' "$err" 'elements 1 to 2, and no element 3'
exits 2 ppgen worker "$T" --submission 1 --array 1 --element 1
like 'it is named' "$err" 'is no run directory'
exits 0 ppgen worker "$run" --submission 1 --array 1 --element 1
cp -r "$run" broken
sed -i 's/"v":1/"v":9/' broken/submissions/0001/submission.json
exits 2 ppgen worker "$T/broken" --submission 1 --array 1 --element 1
like 'it is named' "$err" "submission.json': it has version 9, but this ppgen"
rm -rf broken
cp -r "$run" broken
printf 'x' >>broken/submissions/0001/tasks-1.jsonl
exits 3 ppgen worker "$T/broken" --submission 1 --array 1 --element 1
like 'it is named' "$err" "tasks-1.jsonl': it is damaged"
rm -rf broken

# ---- code that was edited between submitting and running

cat >sim.sh <<'SH'
echo 1
SH
cat >code.yaml <<'YAML'
ppgen: 1
name: code
params: {x: [1, 2]}
command: sh sim.sh {x}
results: {stdout: number}
submit: {elements: 1, slots: 1}
YAML
submit code.yaml
cp sim.sh saved.sh
echo 'echo 2' >sim.sh
(element 1)
is 'edited code runs' "$?" 0
cp -p saved.sh sim.sh
exits 1 ppgen collect code.yaml
like 'but what it made is not taken for the work of the code that was submitted' "$err" '2 tasks have only results of older code'

# ---- what is shown and written before anything is submitted, in a folder whose name must not be taken for a variable

mkdir 'a $id1 b' && cd 'a $id1 b' || exit 99
cat >shown.yaml <<'YAML'
ppgen: 1
params: {x: [1, 2, 3]}
command: echo {x}
results: {stdout: number}
submit: {elements: 2}
YAML
ok 'a dry run' ppgen submit -n --template "$SRC/tests/e2e/queue.tmpl" shown.yaml
like 'shows that the array is held' "$out" "^id1=\\$\(tqsub -h '/.* b/runs/shown/submissions/0001/array-1.sh' \| sed "
like 'that the finaliser waits for it' "$out" "^idf=\\$\(tqsub -w \"\\\$id1\" '/.* b/runs/shown/submissions/0001/finalise.sh' \| sed "
like 'and that it is let go' "$out" '^true "\$id1"$'
ok 'nothing was made' test ! -e runs
ok 'a run' ppgen run -q shown.yaml
ok 'a dry run of all of it again' ppgen submit -n --force --template "$SRC/tests/e2e/queue.tmpl" shown.yaml
ok 'nothing was added' test ! -e runs/shown/submissions
rm runs/shown/collect/results.csv
ok 'a dry run of nothing' ppgen submit -n --template "$SRC/tests/e2e/queue.tmpl" shown.yaml
ok 'makes no table' test ! -e runs/shown/collect/results.csv
before=$(cat "$H/last")
ok 'scripts to be submitted by hand' ppgen submit --force --emit 'by hand' --template "$SRC/tests/e2e/queue.tmpl" shown.yaml
like 'it is said how' "$err" "\`sh 'by hand/submit.sh'\` submits it"
ok 'they are submitted' sh 'by hand/submit.sh'
is 'each' "$(cat "$H/last")" $((before + 2))
same_file 'as they are' "$H/$((before + 1)).sh" 'by hand/array-1.sh'
ok 'their ids are recorded' grep -q "\"id\":\"$((before + 2))\"" runs/shown/submissions/0001/job-finalise.json
done_testing
