#!/bin/sh
# SPDX-License-Identifier: MIT
# Tables: several outputs, result files, summaries, conflicts, missing columns; the same bytes whatever the order of ends.
. "$(dirname "$0")/lib.sh"

cat >task.py <<'PY'
import csv, random, sys, time
a, b, seed = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
time.sleep(random.Random(time.time_ns()).random() / 50)
with open(sys.argv[4], "w", newline="") as f:
    w = csv.writer(f)
    w.writerow(["t", "v"])
    w.writerows((t, a * 10 + t) for t in range(a))
print('{"y": %d, "z": {"p": 1.50, "q": [1, 2]}, "text": "a,b \\"c\\""}' % (a * a))
PY
cat >spec.yaml <<'YAML'
ppgen: 1
name: c
params: {a: [1, 2, 3], b: [u, v]}
repeat: 2
command: python3 task.py {a} {b} {seed} {scratch}/t.csv
results:
  stdout: json
  files: {trace: "{scratch}/t.csv"}
collect:
  - {to: main.csv}
  - {to: main.json}
  - {from: trace, to: sub/traces.csv}
  - {to: sums.csv, by: [b], count: true, mean: [y, z.p], sd: y, min: y, max: y, median: y, quantiles: {y: [0.25]}}
YAML
exits 0 ppgen run -j 4 spec.yaml
c=runs/c/collect
is 'columns' "$(head -n 1 $c/main.csv)" 'task,a,b,rep,seed,y,z.p,z.q,text'
is 'numbers pass as written, text is quoted' "$(sed -n 2p $c/main.csv | cut -d, -f6-)" '1,1.50,"[1,2]","a,b ""c"""'
is 'JSON' "$(jq -c '[length, .[0].y, .[0]["z.q"], .[0].rep, .[11].b]' $c/main.json)" '[12,1,[1,2],0,"v"]'
is 'all rows of a result file' "$(wc -l <$c/sub/traces.csv | tr -d ' ')" 25
is 'with the parameters in front' "$(head -n 1 $c/sub/traces.csv)" 'task,a,b,rep,seed,t,v'
is 'a summary' "$(cat $c/sums.csv)" 'b,count,mean_y,mean_z.p,sd_y,min_y,max_y,median_y,q25_y
u,6,4.666666666666667,1.5,3.614784456460256,1,9,4,1.75
v,6,4.666666666666667,1.5,3.614784456460256,1,9,4,1.75'
mkdir keep
cp -r $c/. keep
for j in 1 3; do
	rm -rf runs
	exits 0 ppgen run -q -j $j spec.yaml
	for f in main.csv main.json sub/traces.csv sums.csv; do
		same_file "the same bytes of $f with -j $j" $c/$f keep/$f
	done
done
sum=$(sha256sum $c/main.csv | cut -d' ' -f1)
exits 0 ppgen collect spec.yaml
like 'the sha256 is said' "$err" "main.csv: 12 rows, sha256 $sum"

cat >odd.yaml <<'YAML'
ppgen: 1
name: odd
params: {k: [1, 2, 3]}
shell: |
  case $k in 2) echo '{"y": 2}' ;; *) echo "{\"y\": $k, \"extra\": 1}" ;; esac
results: {stdout: json}
YAML
exits 1 ppgen run odd.yaml
like 'a missing column names the task' "$err" 'extra.*k=2|k=2.*extra'
like 'and the remedy' "$err" 'partial'
exits 0 ppgen collect --partial odd.yaml
is 'with --partial the cell is empty' "$(cut -d, -f2,4,5 runs/odd/collect/results.csv | tr '\n' ' ')" 'k,y,extra 1,1,1 2,2, 3,3,1 '

cat >clash.yaml <<'YAML'
ppgen: 1
name: clash
params: {k: [1, 2], m: [0.5]}
shell: echo "{\"k\":$(( k * F )), \"m\":0.50, \"r\":1}"
env: {F: "1"}
results: {stdout: json}
YAML
exits 0 ppgen run clash.yaml
is 'a result that repeats a parameter is dropped' "$(head -n 1 runs/clash/collect/results.csv)" 'task,k,m,seed,r'
exits 1 ppgen run --set env.F=3 --set name=clash2 clash.yaml
like 'one that contradicts it is an error' "$err" "'k'"

cat >rows.yaml <<'YAML'
ppgen: 1
name: rows
params: {k: [1, 2]}
shell: printf 'i,v\n0,%s\n1,%s\n' "$k" "$k$k"
results: {stdout: csv}
YAML
exits 0 ppgen run rows.yaml
is 'a task may return several rows' "$(cut -d, -f2,4- runs/rows/collect/results.csv | tr '\n' ' ')" 'k,i,v 1,0,1 1,1,11 2,0,2 2,1,22 '
exits 1 ppgen run --set 'shell=printf "i,v\n0\n"' --set name=ragged rows.yaml
like 'ragged CSV is a result that is none' "$err" 'line 2'
cat >none.yaml <<'YAML'
ppgen: 1
name: none
params: {k: [1, 2]}
command: "true"
YAML
exits 0 ppgen run none.yaml
is 'without results a table of what ran' "$(cut -d, -f2 runs/none/collect/results.csv | tr '\n' ' ')" 'k 1 2 '
ln -s /tmp/outside-of-the-run runs/none/collect/link
exits 2 ppgen collect --set 'collect=[{to: "../x.csv"}]' none.yaml
mkdir out
exits 3 ppgen collect none.yaml -o out
ok 'a table that cannot be written leaves nothing' test -z "$(ls -A out)"

cat >clash3.yaml <<'YAML'
ppgen: 1
name: clash3
params: {k: [1, 2]}
shell: echo "{\"k\":1,\"r\":$k}"
results: {stdout: json}
YAML
exits 1 ppgen run clash3.yaml
exits 1 ppgen collect --partial clash3.yaml
is 'with --partial the task that contradicts its parameter is left out' "$(cut -d, -f2,4 runs/clash3/collect/results.csv | tr '\n' ' ')" 'k,r 1,1 '
# The states of a huge sweep's tasks are asked for beside what the limit of memory allows.
cat >huge.yaml <<'YAML'
ppgen: 1
params: {x: {from: 1, to: 10000000, step: 1}}
command: echo {x}
results: {stdout: number}
YAML
exits 0 ppgen run -q --first 3 huge.yaml
exits 1 env PPGEN_MEMORY_LIMIT=64M ppgen collect --partial huge.yaml
like 'what there is of a huge sweep is merged' "$err" '10,000,000 tasks: 3 merged'
done_testing
