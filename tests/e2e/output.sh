#!/bin/sh
# SPDX-License-Identifier: MIT
# Output of any size: kept whole, packed or in a file of its own, with little memory.
. "$(dirname "$0")/lib.sh"

cat >spec.yaml <<'YAML'
ppgen: 1
name: o
params: {mb: [0, 1, 80]}
shell: |
  head -c $((mb * 1048576)) /dev/zero | tr '\0' x
  echo "done $mb" >&2
results: {stderr: {regex: {mb_said: 'done ([0-9]+)'}}}
YAML
exits 0 ppgen run -j 1 spec.yaml
is 'results beside large output' "$(cut -d, -f2,4 runs/o/collect/results.csv | tr '\n' ' ')" 'mb,mb_said 0,0 1,1 80,80 '
ppgen log runs/o mb=80 --stdout | wc -c | tr -d ' ' >n
is '80 MB are kept whole' "$(cat n)" 83886080
is 'in a file of its own' "$(find runs/o/files -type f -size +70M | wc -l | tr -d ' ')" 1
ppgen log runs/o mb=1 --stdout | wc -c | tr -d ' ' >n
is '1 MB is packed' "$(cat n)" 1048576
is 'files are few' "$(find runs/o/output runs/o/journal -type f | wc -l | tr -d ' ')" 2
ppgen log runs/o mb=80 >text
ok 'log shows the end of long output only' test "$(wc -c <text)" -lt 200000

cat >mem.yaml <<'YAML'
ppgen: 1
name: m
shell: head -c 500000000 /dev/zero
YAML
exits 0 ppgen run mem.yaml
exits 0 ppgen collect mem.yaml
is 'half a gigabyte without results' "$(ppgen log runs/m 0 --stdout | wc -c | tr -d ' ')" 500000000
cat >peak.py <<'PY'
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 200000)
PY
is 'ran in little memory' "$(python3 peak.py ppgen run -q -d again mem.yaml)" '0 True'

cat >strays.yaml <<'YAML'
ppgen: 1
name: st
params: {x: {from: 1, to: 12, step: 1}}
shell: |
  (setsid sh -c 'sleep 0.3; echo "stray of '$x'"' &)
  exec 3>&1
  echo "task $x"
results: {stdout: text}
YAML
exits 0 ppgen run -j 2 strays.yaml
is 'a stray never writes into the output of another task' "$(grep -c stray runs/st/collect/results.csv)" 0
is 'each has its own line' "$(grep -c 'task [0-9]' runs/st/collect/results.csv)" 12

cat >close.yaml <<'YAML'
ppgen: 1
name: c
shell: echo before; exec >&- 2>&-; sleep 0.1; exit 0
results: {stdout: text}
YAML
exits 0 ppgen run close.yaml
like 'a task may close its stdout' runs/c/collect/results.csv 'before'
done_testing
