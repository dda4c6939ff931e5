#!/bin/bash
# SPDX-License-Identifier: MIT
# Killed at every point where something changes on disk: after each write, sync, rename, link, unlink, mkdir and truncation of a run, and in
# the middle of each write. Then the same command again: it ends with the tables of a run that nobody disturbed, and nothing that was
# recorded as good runs again.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/faults_lib.sh"

step=1
! sanitized || step=6 # it is slow to start
STARTS=$T/starts
export STARTS
cat >spec.yaml <<'YAML'
ppgen: 1
name: p
params: {x: [1, 2, 3]}
shell: |
  echo "$PPGEN_TASK $PPGEN_ATTEMPT" >>"$STARTS"
  echo "t,v" >"$PPGEN_SCRATCH/t.csv"; echo "1,$x" >>"$PPGEN_SCRATCH/t.csv"
  [ $x -ne 2 ] || [ $PPGEN_ATTEMPT -ge 2 ] || exit 1
  echo "$x"
results: {stdout: number, files: {trace: "{scratch}/t.csv"}}
retry: {times: 1}
collect:
  - {to: results.csv}
  - {from: trace, to: traces.csv}
  - {to: sub/sums.csv, by: [x], mean: value, count: true}
YAML
sed 's/^name: p/name: g/' spec.yaml >grown.yaml
cat >big.yaml <<'YAML'
ppgen: 1
name: b
params: {x: [1]}
shell: |
  echo "$PPGEN_TASK $PPGEN_ATTEMPT" >>"$STARTS"
  truncate -s 66M /dev/stdout; echo; echo "{\"x2\": $((x * 2))}"
results: {stdout: {last_line: json}}
YAML
cat >array.yaml <<'YAML'
ppgen: 1
name: a
params: {x: [1, 2, 3, 4]}
shell: echo "$PPGEN_TASK $PPGEN_ATTEMPT" >>"$STARTS"; echo "$x"
results: {stdout: number}
submit: {elements: 2, slots: 1}
YAML
# A queue that nobody works off.
printf '#!/bin/sh\necho id 1\n' >"$test_place/bin/tqsub"
chmod +x "$test_place/bin/tqsub"

# ids of tasks with a good record that is whole, as tasks know themselves
good_ids() {
	grep -ah '"out":"ok".*"crc":"[0-9a-f]\{8\}"}$' runs/*/journal/*/*.jsonl 2>/dev/null | sed 's/.*"id":"\([0-9a-f]\{16\}\).*/t\1/' | sort
}

# Puts the run directory back to how it was before.
afresh() {
	rm -rf runs starts
	[ ! -d before ] || cp -r before runs
	: >starts
}

# What stands in the way of "as if nothing had happened", after the command was killed and run again; $1 lines of starts and the ids in
# the file good were there when it was killed.
judge() {
	tail -n +$(($1 + 1)) starts | cut -d' ' -f1 | sort | comm -12 - good | sed 's/$/ was good and ran again/'
	sort starts | uniq -d | sed 's/$/ ran twice/'
	good_ids | diff - ids
	(cd runs/*/collect && find . -type f ! -name published.json ! -name '.tmp-*' -exec sha256sum {} + | sort -k 2) | diff - sums
}

# points NAME CLASSES COMMAND...: kills the command at every such point and runs it again (`again`, which a case may set).
points() {
	local name=$1 classes=$2 class total n action at faults=0 tried=0 code seen
	shift 2
	afresh
	if ! traced trace "$@" >said 2>&1 || ! $again >>said 2>&1; then
		test_line 1 "$name: the calm run"
		test_show said said
		return
	fi
	good_ids >ids
	(cd runs/*/collect && find . -type f ! -name published.json -exec sha256sum {} + | sort -k 2) >sums
	for class in $classes; do
		total=$(awk -v c="${class%%@*}" -v t="${class#*@}" '$2 == c && (t == c || index($0, t))' trace | wc -l)
		[ "$total" -gt 0 ] || { test_line 1 "$name: there are calls of '$class'"; continue; }
		for action in done-kill half-kill; do
			[ "${class%%@*}" = write ] || [ $action = done-kill ] || continue
			for ((n = 1; n <= total; n += step)); do
				afresh
				at="$class:$n:$action"
				faulty "$at" "$@" >said 2>&1
				code=$?
				if [ ! -s "$acted" ]; then # no run makes quite as many calls as another
					[ "$code" -eq 0 ] || { echo "# $name at $at: exit $code: $(tail -n 1 said)"; faults=$((faults + 1)); }
					continue
				fi
				tried=$((tried + 1))
				if [ "$code" -ne 3 ] && [ "$code" -ne 137 ]; then
					echo "# $name at $at: exit $code"
					faults=$((faults + 1))
				fi
				good_ids >good
				seen=$(wc -l <starts)
				code=0
				$again >said 2>&1 || code=$?
				judge "$seen" >found 2>&1
				if [ "$code" -ne 0 ] || [ -s found ]; then
					echo "# $name at $at ($(cat "$acted")): then exit $code"
					test_show said said
					test_show found found
					faults=$((faults + 1))
				fi
			done
		done
	done
	is "$name: killed at $tried points" "$faults faults" '0 faults'
	ok "$name: and these are many" test "$tried" -ge $((least / step))
}

rm -rf before
again='ppgen run -q -j1 spec.yaml'
least=100
points 'a run' 'write sync rename link unlink mkdir truncate' ppgen run -q -j1 spec.yaml

# The same run directory goes on with more tasks and other tables: a second plan, published.json replaced.
afresh
ok 'a run that will grow' ppgen run -q -j1 grown.yaml
rm runs/g/collect/results.csv # it will not be made again
mv runs before
sed -i 's/\[1, 2, 3\]/[1, 2, 3, 4]/; s/to: results.csv/to: all.json/' grown.yaml
again='ppgen run -q -j1 grown.yaml'
least=40
points 'a grown run' 'write sync@plan/ rename link sync@collect/' ppgen run -q -j1 grown.yaml
rm -rf before

# Output that becomes a file of its own.
again='ppgen run -q big.yaml'
least=10
points 'big output' 'write@journal/ rename sync@files/ sync@journal/' ppgen run -q big.yaml

# An array element; killed, it is requeued, then the other one comes.
afresh
ok 'a submission' ppgen submit -q --template "$SRC/tests/e2e/queue.tmpl" --no-finalise array.yaml
mv runs before
element() { ppgen worker runs/a --submission 1 --array 1 --element "$1" --job 4711; }
# A claim whose file does not say whose it is belongs to nobody: its tasks wait until the submission has ended.
elements() {
	element 1 && element 2 && echo '{"how":"cancelled","why":"","next":0,"time":1}' >runs/a/submissions/0001/ended.json &&
		ppgen run -q array.yaml && ppgen collect -q array.yaml
}
again=elements
least=30
points 'an element' 'write open@claims/ sync mkdir' ppgen worker runs/a --submission 1 --array 1 --element 1 --job 4711
done_testing
