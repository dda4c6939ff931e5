#!/bin/sh
# SPDX-License-Identifier: MIT
# Changed code, changed inputs, changed results: what runs again, and what is asked first.
. "$(dirname "$0")/lib.sh"

cat >work.sh <<'SH'
echo "x" >> "$PPGEN_RUN/../../count"
echo "{\"v\": $1, \"extra\": 7}"
SH
cat >spec.yaml <<'YAML'
ppgen: 1
name: s
params: {x: [1, 2, 3, 4]}
command: sh work.sh {x}
results: {stdout: json}
YAML
runs() { wc -l <count | tr -d ' '; }

exits 0 ppgen run spec.yaml
is 'four ran' "$(runs)" 4
sed -i 's/7/8/' work.sh
exits 2 ppgen run spec.yaml
like 'an edited script makes results stale' "$err" '4 tasks .*older code.*--stale=keep.*--stale=rerun'
exits 0 ppgen run -n spec.yaml
like 'a dry run says what will be asked' "$err" '4 tasks have results of older code'
is 'nothing ran' "$(runs)" 4
exits 1 ppgen collect spec.yaml
like 'collect refuses too' "$err" 'older code'
exits 0 ppgen run --stale=keep spec.yaml
is 'keep runs nothing' "$(runs)" 4
exits 0 ppgen run spec.yaml
like 'and is remembered' "$err" 'nothing to do'
sed -i 's/x: \[1/x: [0, 1/' spec.yaml
exits 0 ppgen run spec.yaml
is 'kept while the grid grows' "$(runs)" 5
is 'both codes are in the table' "$(cut -d, -f2,5 runs/s/collect/results.csv | tr '\n' ' ')" 'x,extra 0,8 1,7 2,7 3,7 4,7 '
sed -i 's/8/9/' work.sh
exits 2 ppgen run spec.yaml
exits 0 ppgen run --stale=rerun spec.yaml
is 'rerun runs all' "$(runs)" 10
is 'all by the new code' "$(cut -d, -f5 runs/s/collect/results.csv | sort -u | tr '\n' ' ')" '9 extra '

results() { sed -i "s|^results:.*|results: $1|" spec.yaml; }
results "{stdout: {regex: {w: '\"v\": ([0-9]+)'}}}"
exits 0 ppgen run spec.yaml
is 'changed results are read again, nothing runs' "$(runs)" 10
is 'from kept output' "$(cut -d, -f2,4 runs/s/collect/results.csv | head -n 2 | tr '\n' ' ')" 'x,w 0,0 '
results '{stdout: number}'
exits 1 ppgen collect spec.yaml
like 'results that the kept output does not have are an error' "$err" 'stdout'
results '{stdout: json}'
exits 0 ppgen collect spec.yaml
is 'still nothing ran' "$(runs)" 10

mkdir data
for i in 1 2 3; do echo "$i" >data/$i.txt; done
cat >in.yaml <<'YAML'
ppgen: 1
params: {f: {glob: "data/{n}.txt"}}
inputs: {data: "{f}"}
shell: echo x >> count2; cat "$f"
results: {stdout: number}
YAML
exits 0 ppgen run in.yaml
is 'a table of files' "$(cut -d, -f2,3,5 runs/in/collect/results.csv | tr '\n' ' ')" 'f,n,value data/1.txt,1,1 data/2.txt,2,2 data/3.txt,3,3 '
echo 22 >data/2.txt
exits 2 ppgen run in.yaml
like 'only the task of the changed file is stale' "$err" '1 task '
exits 0 ppgen run --stale=rerun in.yaml
is 'and runs again' "$(wc -l <count2 | tr -d ' ')" 4
is 'with the new content' "$(cut -d, -f5 runs/in/collect/results.csv | tr '\n' ' ')" 'value 1 22 3 '
cat >again.yaml <<'YAML'
ppgen: 1
name: again
params: {x: [1, 2]}
command: sh code.sh {x}
results: {stdout: number}
YAML
values() { cut -d, -f4 runs/again/collect/results.csv | tr '\n' ' '; }
echo 'echo "x" >>count3; echo "$1"' >code.sh
exits 0 ppgen run again.yaml
sed -i 's/stdout: number/stdout: {regex: {v: "v=([0-9]+)"}}/' again.yaml
exits 1 ppgen run again.yaml
like 'results that are not found in kept output are no reason to run' "$err" '2 tasks were good until'
is 'nothing ran' "$(wc -l <count3 | tr -d ' ')" 2
sed -i 's/v=//' again.yaml
exits 0 ppgen run again.yaml
is 'corrected, all is good again' "$(values)" 'v 1 2 '
is 'and still nothing ran' "$(wc -l <count3 | tr -d ' ')" 2
echo 'echo "x" >>count3; echo "5$1"' >code.sh
exits 0 ppgen run --stale=rerun again.yaml
exits 0 ppgen run --stale=keep again.yaml
like 'a decision stands, and that is said' "$err" 'rerun was said'
echo 'echo "x" >>count3; echo "6$1"' >code.sh
exits 0 ppgen run --stale=keep again.yaml
is 'what was run again before is kept, not what it replaced' "$(values)" 'v 51 52 '
cat >named.yaml <<'YAML'
ppgen: 1
inputs: {first: data/1.txt}
command: sh -c 'cat "$0"; echo "$TOO"' {first}
env: {TOO: "{first:stem}"}
results: {stdout: {last_line: number}}
YAML
exits 0 ppgen run named.yaml
is "an input's name stands for its path" "$(ppgen log runs/named 0 --stdout | tr '\n' ' ')" '1 1 '
rm data/3.txt
exits 0 ppgen status runs/in
mv data/2.txt data/4.txt
exits 0 ppgen run in.yaml
is 'a renamed file is another task' "$(cut -d, -f2 runs/in/collect/results.csv | tr '\n' ' ')" 'f data/1.txt data/4.txt '

# A result file that is declared later was not kept: the tasks must run again, and that is asked first.
cat >later.yaml <<'YAML'
ppgen: 1
name: later
params: {x: [1, 2]}
shell: echo r >> count_later; mkdir -p f; printf 'a\n%s\n' "$x" > "f/$x.csv"; echo "$x"
results: {stdout: number}
YAML
exits 0 ppgen run later.yaml
sed -i 's|^results.*|results: {stdout: number, files: {t: "f/{x}.csv"}}|' later.yaml
exits 2 ppgen run later.yaml
like 'a file that was not kept' "$err" '2 good results lack a file.*--stale=rerun'
is 'nothing ran without being asked' "$(wc -l <count_later | tr -d ' ')" 2
exits 0 ppgen run --stale=rerun later.yaml
is 'then it did' "$(wc -l <count_later | tr -d ' ')" 4

# status tells that a file has changed since.
echo '#' >>work.sh
exits 0 ppgen status runs/s
like 'status: a file has changed' "$err" 'note: a file whose content counts has changed'

# Edited by its own tasks: what ran afterwards is of other code, and even a quiet run says so.
cat >grows.sh <<'SH'
echo "# $1" >>grows.sh
sleep 1.5
echo "$1"
SH
cat >grows.yaml <<'YAML'
ppgen: 1
params: {x: [1, 2]}
command: sh grows.sh {x}
results: {stdout: number}
YAML
exits 1 ppgen run -q -j 1 grows.yaml
like 'code that is edited while tasks run' "$err" 'code that counts was changed while tasks ran: [12] results? '
done_testing
