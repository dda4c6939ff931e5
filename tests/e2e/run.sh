#!/bin/sh
# SPDX-License-Identifier: MIT
# The main road: check, plan, run, run again, grow, choose tasks, collect.
. "$(dirname "$0")/lib.sh"

cat >spec.yaml <<'YAML'
ppgen: 1
name: sweep
params:
  grid:
    x: [1, 2, 3]
    y: [a, b]
shell: |
  echo ran >> "$COUNT"
  printf '{"xy": "%s%s", "n": %s}\n' "$x" "$y" "$((x * 10))"
env: {COUNT: "counts/{task}"}
results: {stdout: json}
YAML
mkdir counts
runs() { cat counts/* 2>/dev/null | wc -l | tr -d ' '; }
table=runs/sweep/collect/results.csv

exits 0 ppgen check spec.yaml
like 'check says how many tasks' "$out" '^spec.yaml: good, 6 tasks$'
exits 0 ppgen plan spec.yaml
like 'plan shows the axes' "$out" 'x: 3 values'
is 'neither check nor plan writes' "$(ls)" "counts
spec.yaml"
exits 0 ppgen run -n spec.yaml
like 'a dry run counts' "$err" '6 tasks, 6 to run'
is 'a dry run writes nothing' "$(ls)" "counts
spec.yaml"

exits 0 ppgen run -j 2 spec.yaml
is 'every task ran once' "$(runs)" 6
is 'the table has a row a task' "$(cut -d, -f2,3,5- "$table")" 'x,y,xy,n
1,a,1a,10
1,b,1b,10
2,a,2a,20
2,b,2b,20
3,a,3a,30
3,b,3b,30'
cp "$table" first.csv

exits 0 ppgen run spec.yaml
like 'run again has nothing to do' "$err" 'nothing to do'
is 'and runs nothing' "$(runs)" 6
exits 0 ppgen status
like 'the only spec in the folder is found' "$out" '6 good'
exits 0 ppgen run runs/sweep
like 'a run directory stands for its spec' "$err" 'nothing to do'

rm -rf runs
exits 0 ppgen run -j 1 spec.yaml
same_file 'one slot gives the same bytes' "$table" first.csv

sed -i 's/x: \[1, 2, 3\]/x: [0, 1, 2, 3]/' spec.yaml
exits 0 ppgen run spec.yaml
like 'a grown grid runs only the new points' "$err" '8 tasks, 6 good already, 2 to run'
is 'new points once' "$(runs)" 14
is 'rows come in the order of the grid' "$(cut -d, -f2,3 "$table" | sed -n 2p)" '0,a'
is 'old results are the same' "$(tail -n 6 "$table")" "$(tail -n 6 first.csv)"
is 'plans are numbered' "$(ls runs/sweep/plan)" "0001
0002"

exits 0 ppgen run --force --task x=3,y=b spec.yaml
like '--force --task runs one again' "$err" '1 task, 1 good already, 1 to run'
is 'just one' "$(runs)" 15
like 'and log shows both attempts' "$(ppgen log x=3,y=b >log.txt; echo log.txt)" 'attempt 2'

rm -rf runs counts/*
exits 0 ppgen run --only 'x >= 2 and y == "a"' spec.yaml
is '--only' "$(runs)" 2
exits 0 ppgen run --first 3 spec.yaml
is '--first takes what has work to do' "$(runs)" 5
exits 0 ppgen run --task 7 --task 0 spec.yaml
is '--task by index; what is good is left' "$(runs)" 6
exits 0 ppgen run --index 1-3 --only 'y == "a"' spec.yaml
like '--index: a range, of what --only means' "$err" ': 1 task, 1 good already'
exits 0 ppgen run --index 6- spec.yaml
like '--index without an end' "$err" '2 tasks, 2 good already'
exits 2 ppgen run --index 3-1 spec.yaml
like 'a range that ends before it begins' "$err" "^ppgen: --index '3-1' ends before it begins$"
exits 1 ppgen status
like 'status counts' "$out" '6 good'
like 'status counts the rest' "$out" '2 not run yet'
exits 1 ppgen collect spec.yaml
like 'collect refuses a part' "$err" 'partial'
exits 1 ppgen collect --partial spec.yaml
is 'a partial table has what is good' "$(sed 1d "$table" | wc -l | tr -d ' ')" 6
like 'and says what is missing' "$err" '6 merged'
exits 0 ppgen run spec.yaml
is 'the rest runs' "$(runs)" 8

exits 0 ppgen run --set 'params.grid.x=[9]' --set name=other spec.yaml
is '--set makes another run' "$(cut -d, -f2,3 runs/other/collect/results.csv)" 'x,y
9,a
9,b'
exits 0 ppgen run -d elsewhere/dir spec.yaml
ok '-d puts the run elsewhere' test -s elsewhere/dir/collect/results.csv
exits 0 ppgen collect spec.yaml -o t.jsonl
is 'JSON Lines by the ending' "$(jq -r '[.x,.y,.n]|@csv' t.jsonl | head -n 2)" '0,"a",0
0,"b",0'
exits 0 ppgen collect spec.yaml -o - --format tsv
like 'TSV to stdout' "$out" 'task	x	y	seed	xy	n'

# Two specs of one name do not take turns in one run directory.
sed 's/x: .*/x: [77]/' spec.yaml >second.yaml
exits 2 ppgen run second.yaml
like 'the run directory belongs to another spec' "$err" "belongs to '.*spec.yaml'.*name:"
exits 0 ppgen run -d third second.yaml
mv second.yaml renamed.yaml
exits 0 ppgen run -d third renamed.yaml
like 'a renamed spec goes on' "$err" 'nothing to do'
# Every line of a journal is one object that names nothing twice.
once='import json, sys
def once(pairs):
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)
for line in sys.stdin:
    json.loads(line, object_pairs_hook=once)'
ok 'the journal names nothing twice' sh -c 'cat runs/*/journal/*/*.jsonl | python3 -c "$0"' "$once"
done_testing
