#!/bin/sh
# SPDX-License-Identifier: MIT
# Checkpoints: the signal before the time limit and before a task is ended, and {keep}, with which the next attempt goes on.
. "$(dirname "$0")/lib.sh"

# Counts to its goal; when told, saves how far it is.
cat >count.sh <<'SH'
n=0
[ ! -e "$1/n" ] || n=$(cat "$1/n")
echo "from $n" >>"$2.log"
trap 'echo "$n" >"$1/n.new" && mv "$1/n.new" "$1/n"' USR1
trap 'exit 9' TERM
while [ "$n" -lt "$3" ] && { [ ! -e fast ] || n=$3; }; do
	sleep 0.05
	n=$((n + 1))
done
echo "$n"
SH
spec() {
	cat <<YAML
ppgen: 1
name: $1
params: {x: [1, 2]}
inputs: {script: count.sh}
command: sh {script} {keep} {x} $2
results: {stdout: number}
checkpoint: {signal: USR1, before: 1s}
$3
YAML
}
begins() { sed -n 's/^from //p' "$1.log"; }
kept() { find "runs/$1/keep" -mindepth 1 -maxdepth 1 | wc -l | tr -d ' '; }
saved() { cat "runs/$1"/journal/*/*.jsonl | grep -c '"ckpt":true'; }

# A limit that is too short for the whole: each attempt does a part of it.
spec limit 60 'resources: {time: 2s}
retry: {times: 20, on: [timeout]}' >limit.yaml
exits 0 ppgen run -j 2 limit.yaml
is 'both came to their end' "$(cut -d, -f2,4 runs/limit/collect/results.csv | tr '\n' ' ')" 'x,value 1,60 2,60 '
ok 'in more than one attempt' test "$(begins 1 | wc -l)" -gt 1
is 'the first began at nothing' "$(begins 1 | head -n 1)" 0
is 'each of the others where one before it was' "$(begins 1)" "$(begins 1 | sort -n -u)"
ok 'timeouts after a checkpoint are recorded as such' test "$(saved limit)" -ge 2
is 'after success nothing is kept' "$(kept limit)" 0
exits 0 ppgen log limit.yaml 0
rm -f ./*.log

# Ended by hand: what ran has saved, and the next run goes on from there.
spec ended 100000 '' >ended.yaml
begin() {
	rm -f ./*.log
	setsid ppgen run -j 2 ended.yaml 2>said &
	pid=$!
	within 20 test -e 1.log -a -e 2.log
	sleep 1
}
begin
kill -INT "$pid"
within 10 grep -q 'Ctrl-C' said
kill -INT "$pid"
wait "$pid"
is 'Ctrl-C twice: 130' $? 130
is 'both saved first' "$(saved ended)" 2
is 'and what they saved is kept' "$(kept ended)" 2
exits 0 ppgen log ended.yaml 0
like 'log tells that it was interrupted' "$out" interrupted
before=$(cat runs/ended/keep/*/n | sort -n | head -n 1)
ok 'they had begun to count' test "$before" -gt 0

begin
kill -TERM "$pid"
wait "$pid"
is 'SIGTERM: 130' $? 130
ok 'the second run went on' test "$(begins 1)" -gt 0
is 'and saved, too' "$(saved ended)" 4
after=$(cat runs/ended/keep/*/n | sort -n | head -n 1)
ok 'further on' test "$after" -gt "$before"
: >fast
exits 0 ppgen run -j 2 ended.yaml
is 'after success nothing is kept' "$(kept ended)" 0

# Begun anew: a forced run does not go on from what was kept.
rm -f fast ./*.log
begin_force() {
	setsid ppgen run -j 2 --force ended.yaml 2>said &
	pid=$!
	within 20 test -e 1.log -a -e 2.log
	sleep 1
}
begin_force
kill -TERM "$pid"
wait "$pid"
is 'something is kept' "$(kept ended)" 2
rm -f ./*.log
: >fast
exits 0 ppgen run -j 2 --force ended.yaml
is 'a forced run begins at nothing' "$(begins 1)" 0

# A program that does not know the signal dies of it, and is told so.
cat >dies.yaml <<'YAML'
ppgen: 1
name: dies
command: sleep 30
resources: {time: 3s}
checkpoint: {signal: USR1, before: 1s}
YAML
exits 1 ppgen run dies.yaml
like 'said at once' "$err" 'does not know its checkpoint signal'
exits 0 ppgen log dies.yaml 0
like 'and by log' "$out" 'signal 10 .*: it does not know its checkpoint signal'
is 'that is no checkpoint' "$(saved dies)" 0
done_testing
