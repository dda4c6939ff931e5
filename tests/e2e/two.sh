#!/bin/sh
# SPDX-License-Identifier: MIT
# Several `ppgen run` on one run directory: one works, the others say who holds it; no task runs twice.
. "$(dirname "$0")/lib.sh"

cat >spec.yaml <<'YAML'
ppgen: 1
name: t
params: {x: {from: 1, to: 30, step: 1}}
shell: echo a >> "ran/$x"; sleep 0.05; echo "$x"
results: {stdout: number}
YAML
mkdir ran
pids=
for i in 1 2 3 4 5; do
	ppgen run -q spec.yaml 2>said.$i &
	pids="$pids $!"
done
good=0
refused=0
for pid in $pids; do
	wait "$pid"
	case $? in
	0) good=$((good + 1)) ;;
	2) refused=$((refused + 1)) ;;
	esac
done
ok "one at least did the work ($good), the others refused ($refused)" test $good -ge 1 -a $((good + refused)) -eq 5
is 'every task ran' "$(ls ran | wc -l | tr -d ' ')" 30
is 'and just once' "$(cat ran/* | wc -l | tr -d ' ')" 30
like 'the refusal names the holder' "$(cat said.* >said; echo said)" 'pid [0-9]+'

rm -rf runs ran/*
ppgen run -q spec.yaml 2>/dev/null &
pid=$!
within 10 test -e ran/1
exits 1 ppgen status
like 'status names the holder' "$out" 'pid'
exits 2 ppgen run spec.yaml
wait $pid
exits 0 ppgen run spec.yaml

# A holder on another machine cannot be judged from here.
h=$(find runs/t/claims -name 'local.*' ! -name '*.done' | sort | tail -n 1)
rm -f runs/t/claims/*.done
sed -i 's/"host":"[^"]*"/"host":"elsewhere"/; s/"boot":"[^"]*"/"boot":"another"/' "$h"
exits 2 ppgen run spec.yaml
like 'it is named, with the remedy' "$err" 'elsewhere.*--take-over'
exits 0 ppgen run --take-over spec.yaml
done_testing
