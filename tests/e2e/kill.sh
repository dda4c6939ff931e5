#!/bin/sh
# SPDX-License-Identifier: MIT
# Killed at any moment: nothing that ended runs again, nothing is left over, and the table's bytes are those of a run that nobody disturbed.
. "$(dirname "$0")/lib.sh"

cat >spec.yaml <<'YAML'
ppgen: 1
name: k
params: {x: {from: 1, to: 60, step: 1}}
shell: |
  echo "$PPGEN_TASK" >> "began/$x" # MARK
  sleep 0.0$((x % 5))
  i=0
  while [ $i -lt 50 ]; do echo "line $i of $x"; i=$((i + 1)); done
  echo "{\"x2\": $((x * x))}"
results: {stdout: {last_line: json}}
YAML
sed -i "s/# MARK/# of $$/" spec.yaml # so that processes of this very test can be told
mkdir began
ppgen run -q -d calm spec.yaml || echo "Bail out! the undisturbed run failed"
rm -f began/*
recorded() { cat runs/k/journal/*/*.jsonl 2>/dev/null | grep -c '"out":"ok"'; }
enough() { [ "$(recorded)" -ge "$1" ]; }

# The guardian (the process that was started) and the pool (its child), in turn.
killed=0
for round in 1 2 3 4 5 6 7 8; do
	setsid ppgen run -q spec.yaml >/dev/null 2>&1 &
	pid=$!
	within 5 enough $((round * 4)) || :
	sleep 0.0$((round * 7 % 10))
	victim=$pid
	[ $((round % 2)) -eq 0 ] && victim=$(pgrep -P "$pid" | head -n 1)
	[ -n "$victim" ] && kill -KILL "$victim" 2>/dev/null && killed=$((killed + 1))
	wait "$pid" 2>/dev/null
	within 10 sh -c '! pgrep -s '"$pid"' >/dev/null' || :
	if ! within 10 sh -c '! pgrep -f "[#] of '"$$"'"'; then
		ok "round $round leaves no process" false
	fi
done
ok 'some were killed' test "$killed" -ge 3
ended=$(recorded)
exits 0 ppgen run spec.yaml
same_file 'the same bytes as the calm run' runs/k/collect/results.csv calm/collect/results.csv
is 'every task is recorded as good once' "$(cat runs/k/journal/*/*.jsonl | grep '"out":"ok"' | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/' | sort | uniq -d | wc -l | tr -d ' ')" 0
ok 'what had ended did not run again' test "$ended" -gt 0
exits 0 ppgen run spec.yaml
like 'and then there is nothing to do' "$err" 'nothing to do'

# A torn journal: cut at places within its last records, whatever was whole still counts.
j=$(ls -S runs/k/journal/*/*.jsonl | head -n 1)
cp -r runs/k saved
size=$(wc -c <"$j")
for cut in 1 7 40 120 333 700; do
	rm -rf runs/k
	cp -r saved runs/k
	truncate -s $((size - cut)) "$j"
	ppgen run -q spec.yaml >/dev/null 2>&1 || ok "a journal cut by $cut bytes goes on" false
	cmp -s runs/k/collect/results.csv calm/collect/results.csv || ok "the table after a cut by $cut bytes" false
done
ok 'cut journals were continued' true
rm -rf runs/k
cp -r saved runs/k
printf 'garbage in the middle' | dd of="$j" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
exits 0 ppgen run spec.yaml
same_file 'a damaged line costs its task only' runs/k/collect/results.csv calm/collect/results.csv
o=$(ls -S runs/k/output/*/*.out | head -n 1)
printf 'XXXX' | dd of="$o" bs=1 seek=100 conv=notrunc 2>/dev/null
sed -i 's/{stdout: {last_line: json}}/{stdout: text}/' spec.yaml # so that the kept output is read again
exits 1 ppgen collect spec.yaml
like 'damaged output is noticed' "$err" 'damaged'
done_testing
