#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What goes wrong on the PBS stand-in (tests/cluster/pbs) while tasks run, on a server that keeps a history: subjobs and arrays that
# somebody deletes, a killed worker, one that hangs until PBS ends it, and a mom that dies: what it had started goes on to its end, or
# not, and is run again. Each table is that of a local run in the end.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"
cluster_up pbs --history --cpus 24 --kill-delay 1 --term-late 2

# "queued:1,running:3,done:0,vanished:0" of the latest submission
elements_are() {
	rm -f "$(submission "$1")/asked.json"
	ppgen status --json "$1" | sed 's/.*"elements":[0-9]*,\("queued":[0-9]*,"running":[0-9]*,"done":[0-9]*,"vanished":[0-9]*\),.*/\1/' | tr -d '"'
}
# The number of array 1, and a subjob of it.
number_of() {
	job "$1" 1 1 | sed 's/\[.*//'
}
subjob() {
	echo "$(number_of "$1")[$2]"
}
# An attribute of a job, whether it is over or not: id, name.
attribute() {
	qstat -x -f -F dsv "$1" | tr '|' '\n' | sed -n "s/^$2=//p"
}
# The process of the worker that runs the task with this index.
worker_of() {
	find "$(run_of "$1")/journal" -name '*.jsonl' -exec grep -l "^{\"k\":\"start\".*\"i\":$2," {} + | tail -n 1 | xargs sed -n '1s/.*,"pid":\([0-9]*\),.*/\1/p'
}
# A spec whose tasks from $2 on wait for a file, with lines of its own; and its table on this machine.
gated() {
	cat >"$1.yaml" <<-END
		ppgen: 1
		params: {x: {from: 1, to: 6, step: 1}}
		seed: 3
		shell: |
		  echo "\$PPGEN_INDEX \$PPGEN_ATTEMPT" >>"$PWD/begun.$1"
		  [ "\$x" -lt $2 ] || until [ -e "$PWD/gate.$1" ]; do sleep 0.1; done
		  echo "\$x,\$PPGEN_SEED"
		results: {stdout: {regex: {number: '^([0-9]+)', drawn: ',(.*)'}}}
		$3
	END
	touch "gate.$1"
	ok "$1: the tasks on this machine" ppgen run -q -d "local.$1" "$1.yaml"
	rm "gate.$1" "begun.$1"
}
# The end of one, in so many rounds.
good() {
	finished "$1.yaml"
	is "$1: all is good, in round" "$code $(ppgen status --json "$1.yaml" | sed 's/.*"round":\([0-9]*\).*/\1/')" "0 $2"
	is "$1: the table of a local run" "$(table "$1.yaml")" "$(sha256sum <"local.$1/collect/results.csv")"
	is "$1: each task has one good result" "$(good_times "$1.yaml" 1)" 6
}

gated hangs 6 'submit: {elements: 2, element_time: 40s}'
gated taken 3 'submit: {elements: 3}'
gated one 6 'submit: {elements: 2}'
gated array 4 'submit: {elements: 3}'
gated queued 1 'submit: {elements: 3, max_running: 1}'
gated killed 4 'submit: {elements: 3}'
for spec in hangs taken one array queued killed; do
	ok "$spec: submitted" ppgen submit -q $spec.yaml
done

# ---- it hangs: its own clock stands still with it, so PBS ends it

eventually 30 reaches 6 starts hangs.yaml
pid=$(worker_of hangs.yaml 5)
kill -STOP "$pid"

# ---- a running subjob is deleted: others take what it had

eventually 30 reaches 5 starts taken.yaml
ok 'a running subjob is deleted' qdel "$(subjob taken.yaml 1)"
eventually 30 reaches 1 ends taken.yaml interrupted
touch gate.taken
good taken 1
is 'PBS says that it was' "$(attribute "$(subjob taken.yaml 1)" Exit_status)" 271

# ---- the last one is deleted: who does so wants an end

eventually 30 reaches 5 ends one.yaml ok
eventually 30 says 'done:1' elements_are one.yaml
ok 'the subjob that is left is deleted' qdel "$(subjob one.yaml "$(sed -n '1s/.*"element":\([0-9]*\),.*/\1/p' "$(grep -rl '"k":"start".*"i":5,' runs/one/journal)")")"
finished one.yaml
is 'that is an end' "$code" 1
like 'for a reason' "$err" 'submission 0001 ended: failed: elements were cancelled'
ok 'no round follows' test ! -e "$(submission one.yaml 2)"
touch gate.one
ok 'submit goes on' ppgen submit -q one.yaml
good one 1

# ---- an array is deleted

eventually 30 reaches 6 starts array.yaml
ok 'an array is deleted' qdel "$(job array.yaml 1)"
finished array.yaml
is 'that is an end too' "$code $(ends array.yaml interrupted)" '1 3'
like 'for the same reason' "$err" 'elements were cancelled'
touch gate.array
ok 'submit goes on' ppgen submit -q array.yaml
good array 1

# ---- a subjob is deleted before it begins: it had nothing yet

eventually 30 reaches 1 starts queued.yaml
ok 'a queued subjob is deleted' qdel "$(subjob queued.yaml 2)"
eventually 30 says 'running:1,done:0,vanished:1' elements_are queued.yaml
is 'status knows' "$(elements_are queued.yaml)" 'queued:1,running:1,done:0,vanished:1'
touch gate.queued
good queued 1

# ---- a worker is killed

eventually 30 reaches 6 starts killed.yaml
pid2=$(worker_of killed.yaml 4)
kill -KILL "$pid2"
ok 'a worker is killed in mid-task, and all of its processes end' within 20 sh -c "! kill -0 $pid2"
eventually 30 says 'vanished:1' elements_are killed.yaml
is 'its element vanished' "$(elements_are killed.yaml)" 'queued:0,running:2,done:0,vanished:1'
touch gate.killed
good killed 2
like 'the finaliser says why' "$(submission killed.yaml 1)/log/finalise" '6 tasks: 5 good, 0 failed for good, 1 lost with their element'

# ---- the one that hung

ok 'it still hangs' kill -0 "$pid"
touch gate.hangs
finished hangs.yaml 150
is 'PBS ended it' "$(attribute "$(subjob hangs.yaml "$(sed 's/.*"element":\([0-9]*\).*/\1/; q' "$(grep -rl "\"pid\":$pid," runs/hangs/journal)")")" Exit_status)" -29
ok 'and all of its processes' within 20 sh -c "! kill -0 $pid"
good hangs 2

# ---- the mom dies

# What it had started is over when the new one comes; or it still runs, and is killed. All of it is run again.
gated over 5 'submit: {elements: 2}'
gated still 3 'submit: {elements: 2}'
for spec in over still; do
	ok "$spec: submitted" ppgen submit -q $spec.yaml
done
eventually 30 reaches 6 starts over.yaml
eventually 30 reaches 4 starts still.yaml
ok 'the mom is killed' "$SRC/tests/cluster/pbs" kill-mom "$CLUSTER"
is 'what it had started goes on' "$(elements_are over.yaml) $(elements_are still.yaml)" \
	'queued:0,running:2,done:0,vanished:0 queued:0,running:2,done:0,vanished:0'
touch gate.over
eventually 30 reaches 6 ends over.yaml ok
is 'to its end' "$(ends over.yaml ok)" 6
eventually 30 says 'done:2' elements_are over.yaml
is 'which PBS does not see' "$(attribute "$(subjob over.yaml 0)" job_state) $(attribute "$(subjob over.yaml 1)" job_state)" 'R R'
ok 'so nobody has collected' test ! -e "$(submission over.yaml)/ended.json"
ok 'the mom is back' "$SRC/tests/cluster/pbs" start-mom "$CLUSTER"
good over 1
is 'the second run found nothing to do' "$(starts over.yaml) $(attribute "$(subjob over.yaml 0)" run_count) $(attribute "$(subjob over.yaml 1)" run_count)" '6 2 2'
eventually 30 reaches 6 starts still.yaml
touch gate.still
good still 1
is 'two tasks were begun again' "$(sort begun.still | tr '\n' ,)" '0 1,1 1,2 1,2 2,3 1,3 2,4 1,5 1,'
is 'by the elements that had them' "$(attribute "$(subjob still.yaml 0)" run_count) $(attribute "$(subjob still.yaml 1)" run_count)" '2 2'
is 'nothing is left in the queue' "$(qselect -u "$(id -un)")" ''
done_testing
