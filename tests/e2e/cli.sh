#!/bin/sh
# SPDX-License-Identifier: MIT
# The command line: help, mistakes, exit codes, init, completion, man pages.
. "$(dirname "$0")/lib.sh"

exits 2 ppgen
exits 0 ppgen --version
like 'version' "$out" '^ppgen [0-9]+\.[0-9]+\.[0-9]+$'
exits 0 ppgen help
for c in init check plan run status log collect completion; do
	exits 0 ppgen $c -h
	like "help of $c" "$out" "^usage: ppgen $c"
	ppgen man $c >$c.1
	if command -v mandoc >/dev/null; then
		ok "the page of $c is sound" mandoc -Tlint -Werror $c.1
	fi
done
ppgen man >ppgen.1
command -v mandoc >/dev/null && ok 'ppgen(1) is sound' mandoc -Tlint -Werror ppgen.1
exits 2 ppgen rnu
like 'a near miss' "$err" "did you mean 'run'"
exits 2 ppgen resume
like 'a habit' "$err" 'use .ppgen run'
exits 2 ppgen run --forse
like 'an unknown option' "$err" "forse.*did you mean.*force"
exits 2 ppgen run -j
exits 2 ppgen run -j 0
exits 2 ppgen run -j x
exits 2 ppgen run --stale=maybe
exits 2 ppgen run
like 'no spec' "$err" 'ppgen init'
exits 2 ppgen check nothing.yaml
like 'a spec that is not there' "$err" "nothing.yaml"
exits 2 ppgen status .
exits 0 ppgen init
ok 'init writes sweep.yaml' test -s sweep.yaml
exits 2 ppgen init
exits 0 ppgen run
is 'what init writes runs' "$(wc -l <runs/sweep/collect/results.csv | tr -d ' ')" 16
ok 'with a summary' test -s runs/sweep/collect/by_angle.csv
exits 0 ppgen init other.yaml
exits 2 ppgen run
like 'two specs: name one' "$err" 'other.yaml, sweep.yaml|sweep.yaml, other.yaml'
exits 2 ppgen log sweep.yaml 99
exits 2 ppgen log sweep.yaml zzz
exits 2 ppgen log sweep.yaml speeed=10
like 'a parameter that is not there' "$err" "did you mean 'speed'"
exits 2 ppgen run sweep.yaml --only 'speed = 10'
like 'an expression with a fault' "$err" "=="
exits 0 ppgen plan sweep.yaml --format csv
is 'a sweep as CSV' "$(head -n 2 "$out" | cut -d, -f2-)" 'speed,angle
10,15'
exits 0 ppgen plan sweep.yaml --json
is 'plan as JSON' "$(jq -c '[.tasks, .parameters]' "$out")" '[15,["speed","angle"]]'
exits 0 ppgen log sweep.yaml 0 --json
is 'log as JSON' "$(jq -c '[.state, .parameters.speed, .attempts[0].out]' "$out")" '["good",10,"ok"]'
exits 0 ppgen completion
ok 'completion is bash' bash -n "$out"
exits 0 bash -c '. <(ppgen completion); COMP_WORDS=(ppgen run --f); COMP_CWORD=2; COMP_LINE="ppgen run --f"; $(complete -p ppgen | sed "s/.*-F \([^ ]*\).*/\1/"); echo "${COMPREPLY[@]}"'
like 'it completes options' "$out" 'first.*force|force.*first'
mkdir ro
cp sweep.yaml ro
ppgen plan sweep.yaml >/dev/full 2>"$err"
is 'a full stdout is an error' $? 3
mkdir notes
echo mine >notes/file
exits 2 ppgen run -d notes sweep.yaml
like "somebody's folder is left alone" "$err" 'notes'
is 'untouched' "$(ls notes)" file

# What whoever started us left in disorder.
cat >q.yaml <<'YAML'
ppgen: 1
name: q
params: {f: [a.yaml, b]}
setup: "true"
shell: echo "$f"
results: {stdout: text}
YAML
exits 0 sh -c "trap '' CHLD; exec timeout 30 ppgen run -q q.yaml"
cp runs/q/collect/results.csv want.csv
exits 0 sh -c 'exec ppgen collect q.yaml <&- >&- 2>&-'
same_file 'a table, without descriptors 0, 1, 2' runs/q/collect/results.csv want.csv
exits 0 sh -c 'exec ppgen run -d r2 q.yaml <&- >&- 2>&-'
same_file 'a run without them' r2/collect/results.csv want.csv
exits 3 sh -c 'exec ppgen status q.yaml >&-'
exits 0 ppgen log runs/q f=a.yaml
exits 0 sh -c 'cd runs/q && exec ppgen log f=a.yaml'
like 'a TASK may look like a spec' "$out" 'a.yaml'
exits 0 ppgen log q.yaml --only 'f == "b"' -n 18446744073709551615
exits 2 ppgen run runs/q -d elsewhere
like 'a run directory, and -d' "$err" 'leave out -d'
exits 2 ppgen collect q.yaml --format json
like '--format without -o' "$err" '-o FILE'
done_testing
