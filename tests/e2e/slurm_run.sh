#!/bin/bash
# SPDX-License-Identifier: MIT
#
# ppgen submit on a real Slurm, from submitting to the tables: what status, wait and cancel say of it on the way, who is refused
# meanwhile, and how a submission goes on that was cancelled, whose finaliser is gone, or that has none. Everything is in a folder
# with a name that a careless script would stumble over.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"
cluster_up slurm --no-rest

place="$T/a b 'c' \"d\" %A %j %% \$HOME &"
mkdir "$place" && cd "$place" || exit 99

# Words of squeue, for one job.
job_says() {
	squeue -h -r -j "$1,$1" -t all -o "$2" | sort -u
}
ask_again() {
	rm -f "$(submission "$1")/asked.json" # `status` asks once a minute
}
# "running 3 queued 1" of the latest submission
elements_are() {
	ask_again "$1"
	ppgen status --json "$1" | sed 's/.*"elements":[0-9]*,\("queued":[0-9]*,"running":[0-9]*,"done":[0-9]*,"vanished":[0-9]*\),.*/\1/' | tr -d '"'
}

# ---- several at once, looked at later

cat >failing.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 9, step: 1}}
shell: test "$x" -ne 5 || { echo no five >&2; exit 9; }
submit: {elements: 2}
END
cat >orphan.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 6, step: 1}}
shell: |
  until [ -e gate ]; do sleep 0.1; done
  echo "$x"
results: {stdout: number}
submit: {elements: 3}
END
cp orphan.yaml alone.yaml
ok 'tasks of which one fails' ppgen submit failing.yaml
ok 'one without a finaliser' ppgen submit -q -d lonely --no-finalise alone.yaml
ok 'is cancelled' ppgen cancel -d lonely alone.yaml
ok 'one whose finaliser is cancelled' ppgen submit orphan.yaml
ok 'the scheduler takes it out' scancel "$(job orphan.yaml finalise)"
ok 'one without a finaliser' ppgen submit --no-finalise alone.yaml
like 'what is to be done then is said' "$err" 'then `ppgen submit` again finishes it'
ok 'it has none' test ! -e "$(submission alone.yaml)/job-finalise.json"

# ---- states

cat >states.yaml <<'END'
ppgen: 1
params: {x: [0, 1, 2, 3]}
shell: |
  until [ -e "gate$x" ]; do sleep 0.1; done
  echo "$x"
results: {stdout: number}
submit: {elements: 4, max_running: 3}
END
touch gate0 gate1 gate2 gate3
ok 'the same tasks on this machine' ppgen run -q -d local states.yaml
rm gate0 gate1 gate2 gate3
ok 'four elements, three at a time' ppgen submit states.yaml
like 'the ids are said' "$err" "^submission 0001: job $(job states.yaml 1), finaliser $(job states.yaml finalise)\$"
eventually 30 reaches 3 starts states.yaml
is 'one waits, three run' "$(elements_are states.yaml)" 'queued:1,running:3,done:0,vanished:0'
ppgen status states.yaml >status.txt
like 'status says so in words' status.txt '^submission 0001 \(job [0-9]+, finaliser [0-9]+\), 4 elements: 3 running, 1 queued$'
like 'and what runs' status.txt '3 running'

mkdir "$T/bin"
printf '#!/bin/sh\necho x >>%q\nexec %q "$@"\n' "$T/asked" "$(command -v squeue)" >"$T/bin/squeue"
chmod +x "$T/bin/squeue"
ask_again states.yaml
PATH=$T/bin:$PATH ppgen status states.yaml >status.txt
PATH=$T/bin:$PATH ppgen status states.yaml >status.txt
PATH=$T/bin:$PATH timeout 5 ppgen wait states.yaml >/dev/null 2>&1
is 'the scheduler is asked once a minute' "$(wc -l <"$T/asked")" 1

exits 2 ppgen submit states.yaml
like 'a second submission is refused, and the first is named' "$err" "^ppgen: submission 0001 .*job $(job states.yaml 1),.* is under way: .ppgen status"
exits 2 ppgen run -q states.yaml
like 'so is a run' "$err" '^ppgen: submission 0001 .* is under way'
exits 2 ppgen submit --force states.yaml
ok 'nothing was submitted by that' test ! -e "$(submission states.yaml 2)"

touch gate0 gate3
eventually 30 reaches 2 ends states.yaml ok
eventually 30 says 'done:2' elements_are states.yaml
is 'whoever is done takes what waits; the last finds nothing to do' "$(elements_are states.yaml)" 'queued:0,running:2,done:2,vanished:0'
writer=$(grep -l '^{"k":"start".*"i":1,' "$(run_of states.yaml)"/journal/*/*)
element=$(sed -n '1s/.*"element":\([0-9]*\),.*/\1/p' "$writer")
pid=$(sed -n '1s/.*,"pid":\([0-9]*\),.*/\1/p' "$writer")
kill -KILL "$pid"
ok 'a worker is killed in mid-task, and all of its processes end' within 20 sh -c "! kill -0 $pid"
eventually 30 says 'vanished:1' elements_are states.yaml
is 'its element vanished' "$(elements_are states.yaml)" 'queued:0,running:1,done:2,vanished:1'
ppgen status --json states.yaml >status.json
like 'the task is lost' status.json '"tasks":4,"good":2,"failed":0,"running":1,"lost":1,'
like 'the finaliser waits for the last of them' <(job_says "$(job states.yaml finalise)" '%T %r') '^PENDING Dependency$'
touch gate1 gate2
finished states.yaml
is 'wait: all is good' "$code" 0
ppgen status states.yaml >status.txt
like 'in a second round' status.txt '^submission 0002 ended: done'
like 'the finaliser says why' "$(submission states.yaml 1)/log/finalise" '4 tasks: 3 good, 0 failed for good, 1 lost with their element'
is 'for one task only' "$(starts states.yaml) $(good_times states.yaml 1)" '5 4'
is 'the table of a local run' "$(table states.yaml)" "$(sha256sum <local/collect/results.csv)"
ok 'log shows what an element said' ppgen log --element "$element" --submission 1 states.yaml
like 'whose worker was killed' "$out" "^ppgen: submission 1, array 1, element $element, job $(job states.yaml 1 1)_$element on "
ok 'and its successor' ppgen log --element 0 states.yaml
like 'which is a submission of its own' "$out" '^ppgen: submission 2, array 1, element 0, job '
exits 2 ppgen log --element 0 --submission 3 states.yaml
exits 2 ppgen log --submission 1 states.yaml

# ---- those that were submitted first

finished failing.yaml
is 'a task failed: wait exits with 1' "$code" 1
like 'and names the cause' "$err" 'exit code 9.*|no five'
like 'the finaliser ran after a failure' "$(submission failing.yaml)/log/finalise" '8 good, 1 failed for good'
is 'no task is left undone' "$(good_times failing.yaml 1)" 8

touch gate
for spec in orphan.yaml alone.yaml; do
	eventually 60 reaches 6 ends $spec ok
	gone() { ! squeue -h -t all -j "$(job $spec 1)" -o %T | grep -qE 'PEND|RUN|COMPLETING'; }
	eventually 30 gone
	ok "$spec: nobody has collected" test ! -e "$(submission $spec)/ended.json"
	ask_again $spec
	ppgen status $spec >status.txt
	like 'status says that the jobs are gone' status.txt 'its jobs are gone: `ppgen submit .*` finishes it$'
	exits 0 ppgen submit $spec
	like 'it was finished' "$err" '^submission 0001: 6 tasks: 6 good'
	is 'by hand' "$(wc -l <"$(run_of $spec)/collect/results.csv")" 7
	exits 0 ppgen wait $spec
	ok 'no further one was made' test ! -e "$(submission $spec 2)"
done

# ---- cancelled, and continued

cat >long.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 60, step: 1}}
seed: 5
shell: |
  [ "$x" -le 20 ] || until [ -e go ]; do sleep 0.1; done
  echo "$x,$PPGEN_SEED"
results: {stdout: {regex: {number: '^([0-9]+)', drawn: ',(.*)'}}}
submit: {elements: 4}
END
touch go
ok 'the same tasks on this machine' ppgen run -q -d local.long long.yaml
rm go
ok 'a long one' ppgen submit -q long.yaml
eventually 30 reaches 20 ends long.yaml ok
eventually 30 reaches 24 starts long.yaml
(timeout 60 ppgen wait -q long.yaml >/dev/null 2>&1; echo $? >waited) &
waiting=$!
ok 'it is cancelled' ppgen cancel long.yaml
like 'and says how to go on' "$err" '^submission 0001 \(job .*\) is cancelled: `ppgen submit .*` or `ppgen run .*` goes on from here$'
wait $waiting
is 'who waits gets 130' "$(cat waited)" 130
exits 130 ppgen wait long.yaml
is 'the queue is empty of it' "$(squeue -h -o %F | grep -cxE "$(job long.yaml 1)|$(job long.yaml finalise)")" 0
is 'what ended stays' "$(ends long.yaml ok)" 20
is 'what ran was interrupted' "$(ends long.yaml interrupted)" 4
ppgen status long.yaml >status.txt
like 'status says so' status.txt '^submission 0001 ended: cancelled'
exits 2 ppgen cancel long.yaml
touch go
ok 'it goes on' ppgen submit long.yaml
finished long.yaml
is 'to its end' "$code" 0
is 'with what was lacking' "$(good_times long.yaml 1) $(starts long.yaml)" '60 64'
is 'and the table of a local run' "$(table long.yaml)" "$(sha256sum <local.long/collect/results.csv)"

# ---- two at once; a set-up that fails; from within a job

cat >two.yaml <<'END'
ppgen: 1
params: {x: [1, 2]}
command: echo {x}
results: {stdout: number}
END
for i in 1 2 3; do
	(ppgen submit -q two.yaml >"two.$i" 2>&1; echo $? >"code.$i") &
done
wait
is 'of three submitters one wins' "$(cat code.? | sort | paste -s -d ' ')" '0 2 2'
is 'and nothing was submitted twice' "$(squeue -h -t all -o '%F %j' | grep ' two-' | sort -u | wc -l)" 2
sed 's/^command.*/setup: echo no such module >\&2; false\n&/' two.yaml >setup.yaml
ok 'one whose set-up fails' ppgen submit -q setup.yaml
cp two.yaml within.yaml
ok 'one that a job submits' sbatch -W --mem=70 -c 2 --array=3 -o /dev/null --wrap "ppgen submit within.yaml"
finished within.yaml
is 'it comes to its end' "$code" 0
like 'and asks for no more than its own' <(scontrol show job "$(job within.yaml 1)" | tr ' ' '\n') '^NumCPUs=1$'
finished two.yaml
is 'the first comes to its end' "$code" 0
finished setup.yaml
is 'without a set-up no task is started, and none again' "$code $(starts setup.yaml) $(basename "$(submission setup.yaml)")" '1 0 0001'
like 'which wait says' "$err" 'none of its tasks was ever started'
like 'the element has the cause' "$(submission setup.yaml)/log/1.0" 'setup: exit code 1: no such module'

exits 0 ppgen submit long.yaml
ok 'once more there is nothing to do' test ! -e "$(submission long.yaml 3)"
is 'nothing is left in the queue' "$(squeue -h)" ''
done_testing
