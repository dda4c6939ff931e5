#!/bin/sh
# SPDX-License-Identifier: MIT
# Ctrl-C once, Ctrl-C twice, SIGTERM: what runs may finish, what is ended is recorded, and the next run goes on.
. "$(dirname "$0")/lib.sh"

cat >spec.yaml <<'YAML'
ppgen: 1
name: i
params: {x: [1, 2, 3, 4, 5, 6]}
shell: |
  trap 'echo terminated; exit 9' TERM
  : > "began.$x"
  n=0; while [ -e slow ] && [ $n -lt 200 ]; do sleep 0.05; n=$((n + 1)); done
  echo "$x"
results: {stdout: number}
YAML
begin() {
	rm -rf began.* runs
	: >slow
	setsid ppgen run -j 2 spec.yaml 2>said &
	pid=$!
	within 20 test -e began.1 -a -e began.2
}

begin
kill -INT "$pid"
within 10 grep -q 'Ctrl-C' said
rm slow
wait "$pid"
is 'interrupted: 130' $? 130
is 'no further task began' "$(ls began.* | wc -l | tr -d ' ')" 2
exits 1 ppgen status
like 'running tasks finished' "$out" '2 good'
like 'nothing failed' "$out" '4 not run yet'
exits 0 ppgen run spec.yaml
like 'the next run goes on' "$err" '2 good already, 4 to run'

begin
kill -INT "$pid"
within 10 grep -q 'Ctrl-C' said
kill -INT "$pid"
wait "$pid"
is 'twice: 130' $? 130
exits 1 ppgen status
unlike 'an interrupted task has not failed' "$out" 'failed'
exits 0 ppgen log 0
like 'what it said is kept' "$out" 'terminated'
rm slow
exits 0 ppgen run spec.yaml
like 'nothing counts as done' "$err" '6 to run'

begin
kill -TERM "$pid"
wait "$pid"
is 'SIGTERM ends tasks at once: 130' $? 130
ok 'long before they would have ended' test -e slow
rm slow
exits 0 ppgen run spec.yaml
done_testing
