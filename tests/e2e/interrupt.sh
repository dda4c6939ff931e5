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

# While the set-up runs, the pool does not watch signals yet. A shell has its background jobs ignore SIGINT.
cat >setup.yaml <<'YAML'
ppgen: 1
name: u
setup: |
  : >setting-up
  sleep 25.125
params: {x: [1]}
shell: echo "$x"
YAML
begin_setup() {
	rm -f setting-up
	setsid ppgen run setup.yaml 2>said &
	pid=$!
	within 20 test -e setting-up
}
gone() { within 10 sh -c '! pgrep -f "[s]leep 25.125" >/dev/null'; }
for number in INT TERM KILL; do
	begin_setup
	kill -s $number "$pid"
	ok "SIG$number during the set-up leaves nothing" gone
	wait "$pid"
	ok "and ends it ($?)" test $? -ge 129
done
begin_setup
kill -s USR1 "$pid"
kill -s USR2 "$pid"
sleep 0.3
ok 'SIGUSR1 and SIGUSR2 do not' kill -0 "$pid"
kill -s TERM "$pid"
wait "$pid"
ok 'nothing is left' gone

# A task that is followed, and its worker killed.
cat >talk.yaml <<'YAML'
ppgen: 1
name: talk
params: {x: [1]}
shell: echo hello; sleep 20
YAML
setsid ppgen run talk.yaml 2>said &
pid=$!
within 20 sh -c 'ppgen status talk.yaml | grep -q 1.running'
timeout 20 ppgen log -f talk.yaml 0 >followed &
follower=$!
within 10 grep -q hello followed
kill -KILL "$(pgrep -P "$pid")"
wait "$follower"
is 'log -f ends with the worker' $? 0
wait "$pid"
exits 0 timeout 20 ppgen log -f talk.yaml 0
like 'and shows what a lost task said' "$out" 'hello'
done_testing
