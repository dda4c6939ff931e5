#!/bin/sh
# SPDX-License-Identifier: MIT
# Tasks that fail in every way: told apart, retried by cause, limited, shown.
. "$(dirname "$0")/lib.sh"

MARK=$$ # so that processes of this very test can be told
export MARK

cat >spec.yaml <<'YAML'
ppgen: 1
name: f
params: {how: [good, code, signal, hang, ignore, nojson, eat, background]}
shell: |
  case $how in
  good) ;;
  code) echo "went wrong here" >&2; exit 7 ;;
  signal) kill -SEGV $$ ;;
  hang) sleep 60 ;;
  ignore) trap '' TERM; n=0; while [ $n -lt 600 ]; do sleep 0.1; n=$((n + 1)); done ;;
  nojson) echo "no json"; exit 0 ;;
  eat) python3 -c 'x = bytearray(300 << 20); import time; time.sleep(30)' ;;
  background) setsid sleep "77.0$MARK" & sleep "77.0$MARK" & ;;
  esac
  echo '{"ok": 1}'
results: {stdout: json}
resources: {time: 30s}
overrides:
  - {where: how == 'hang' or how == 'ignore', time: 1s}
  - {where: how == 'eat', memory: 100M}
YAML
exits 1 ppgen run -j 4 spec.yaml
exits 1 ppgen status
like 'two are good' "$out" '2 good'
like 'an exit code' "$out" '1 x exit code 7'
like 'a signal' "$out" '1 x .*[Ss]egmentation'
like 'timeouts' "$out" '2 x .*(time|timeout)'
like 'a result that is none' "$out" '1 x .*stdout'
like 'too much memory' "$out" '1 x .*memory'
exits 1 ppgen status --json
is 'outcomes as JSON' "$(jq -r '[.causes[].outcome] | sort | unique | join(" ")' "$out")" 'exit invalid oom signal timeout'
exits 0 ppgen log how=code
like 'log shows what it said' "$out" 'went wrong here'
like 'and the cause' "$out" 'exit code 7'
exits 0 ppgen log --failed -n 2
like 'more are counted' "$err" '4 more'
ok 'nothing is left in the background' sh -c '! pgrep -f "[s]leep 77.0$MARK"'
exits 1 ppgen collect spec.yaml
like 'collect says why not' "$err" '6'
exits 1 ppgen collect --partial spec.yaml
is 'a partial table' "$(cut -d, -f2,4 runs/f/collect/results.csv | tr '\n' ' ')" 'how,ok good,1 background,1 '

cat >retry.yaml <<'YAML'
ppgen: 1
name: r
params: {x: [1, 2, 3]}
shell: |
  echo a >> "tries.$x"
  [ "$PPGEN_ATTEMPT" -ge "$x" ] || exit 1
  echo "$PPGEN_ATTEMPT"
results: {stdout: number}
retry: {times: 2}
YAML
exits 0 ppgen run retry.yaml
is 'retried until good' "$(cut -d, -f4 runs/r/collect/results.csv | tr '\n' ' ')" 'value 1 2 3 '
rm tries.* -f
sed -e 's/name: r/name: r2/' -e 's/times: 2/times: 2, on: [signal]/' retry.yaml >r2.yaml
exits 1 ppgen run r2.yaml
is 'only for the causes that are named' "$(cat tries.* | wc -l | tr -d ' ')" 3
rm tries.*
sed -e 's/name: r/name: r3/' -e 's/times: 2/times: 1/' retry.yaml >r3.yaml
exits 1 ppgen run r3.yaml
is 'at most so many times' "$(wc -l <tries.3 | tr -d ' ')" 2
exits 0 ppgen run r3.yaml
is 'a new run tries again, attempts go on counting' "$(wc -l <tries.3 | tr -d ' ')" 3

cat >grow.yaml <<'YAML'
ppgen: 1
name: g
shell: |
  if [ "$PPGEN_MEMORY" -lt 400000000 ]; then python3 -c 'x = bytearray(300 << 20); import time; time.sleep(30)'; fi
  echo "$PPGEN_MEMORY"
resources: {memory: 100M, time: 20s}
results: {stdout: number}
retry: {times: 3, on: [oom], memory: x2}
YAML
exits 0 ppgen run grow.yaml
is 'memory doubles after an oom' "$(tail -n 1 runs/g/collect/results.csv | sed 's/.*,//')" 419430400

cat >max.yaml <<'YAML'
ppgen: 1
name: m
params: {x: {from: 1, to: 200, step: 1}}
shell: exit 1
max_failures: 10
YAML
exits 1 ppgen run -j 2 max.yaml
like 'stops after max_failures' "$err" 'max_failures'
n=$(cat runs/m/journal/*/*.jsonl | grep -c '"k":"end"')
ok "and not much later ($n)" test "$n" -le 14
sed -e 's/name: m/name: m2/' -e 's/max_failures: 10/max_failures: 5%/' max.yaml >m2.yaml
exits 1 ppgen run -j 2 m2.yaml
n=$(cat runs/m2/journal/*/*.jsonl | grep -c '"k":"end"')
ok "a share counts from 20 ended tasks ($n)" test "$n" -ge 20 -a "$n" -le 24
exits 1 ppgen run -q -j 2 --set max_failures=1000 --set name=m3 max.yaml
is 'failures do not flood' "$(wc -l <"$err" | awk '{print ($1 < 20)}')" 1

cat >start.yaml <<'YAML'
ppgen: 1
name: s
params: {c: [no-such-program, ./not-executable, /etc, "true"]}
command: "{c}"
YAML
: >not-executable
exits 1 ppgen run start.yaml
exits 1 ppgen status runs/s
like 'what cannot be started is told apart' "$out" "cannot start"
is 'three of four' "$(cat runs/s/journal/*/*.jsonl | grep -c '"out":"not-started"')" 3
cat >dir.yaml <<'YAML'
ppgen: 1
name: d
command: "true"
workdir: not/there
YAML
exits 1 ppgen run dir.yaml
like 'a working folder that is not there' "$err" "not/there"
exits 2 ppgen run --set resources.cpus=100000 dir.yaml
like 'a task that can never fit' "$err" 'cpus'
cat >setup.yaml <<'YAML'
ppgen: 1
name: u
setup: export GREETING="hello there"; echo noise
shell: echo "$GREETING"
results: {stdout: text}
YAML
exits 0 ppgen run setup.yaml
like 'setup reaches the tasks' runs/u/collect/results.csv 'hello there'
exits 3 ppgen run --set 'setup=exit 4' --set name=u2 setup.yaml
like 'a setup that fails is no task that fails' "$err" 'setup'
is 'no task ran' "$(cat runs/u2/journal/*/*.jsonl 2>/dev/null | grep -c '"k":"start"')" 0

# A limit on the size of files: an error with a message, and then it goes on.
cat >size.yaml <<'YAML'
ppgen: 1
name: size
params: {x: {from: 1, to: 200, step: 1}}
shell: printf '%0400d\n' "$x"
results: {stdout: text}
YAML
exits 3 sh -c 'ulimit -f 80; exec ppgen run -q size.yaml'
like 'it names the file and the remedy' "$err" "cannot (record|keep output) in '.*'.*run again"
exits 0 ppgen run -q size.yaml
is 'and goes on without the limit' "$(wc -l <runs/size/collect/results.csv | tr -d ' ')" 201

cat >force.yaml <<'YAML'
ppgen: 1
name: force
params: {x: [1, 2]}
shell: echo "$x"; test ! -e broken
results: {stdout: number}
YAML
exits 0 ppgen run force.yaml
: >broken
exits 1 ppgen run --force force.yaml
like 'what was good still counts' "$err" 'earlier result still counts'
exits 0 ppgen status force.yaml

cat >none.yaml <<'YAML'
ppgen: 1
name: none
params: {x: [1, 2, 3]}
shell: "true"
results: {files: {t: "out/{x}.csv"}}
YAML
exits 1 ppgen run none.yaml
exits 1 ppgen status none.yaml
like 'missing files are one cause' "$out" "3 x result file 't': 'out/\{x\}.csv' is not there"

cat >gone.yaml <<'YAML'
ppgen: 1
name: gone
params: {x: [1]}
shell: rm -rf runs/gone; echo "$x"
results: {stdout: number}
YAML
exits 3 ppgen run gone.yaml
like 'a run directory that is removed' "$err" 'was removed'

# What failed before comes last, so that a limit on failures cannot keep the others from their turn.
cat >last.yaml <<'YAML'
ppgen: 1
name: last
params: {x: {from: 1, to: 30, step: 1}}
shell: '[ "$x" -gt 10 ]'
max_failures: 3
YAML
exits 1 ppgen run -q -j 1 last.yaml
exits 1 ppgen run -q -j 1 last.yaml
exits 1 ppgen run -q -j 1 last.yaml
exits 1 ppgen run -q -j 1 last.yaml
exits 1 ppgen status runs/last
like 'all that can be good is good' "$out" '^ *20 good'

# As many processes as there may be: who cannot start waits for a turn, and has not failed.
mkdir crowd
cp "$PPGEN" crowd/ppgen
cat >crowd/many.yaml <<'YAML'
ppgen: 1
name: many
params: {x: {from: 1, to: 40, step: 1}}
command: sleep 0.2
YAML
others=0
as=
if [ "$(id -u)" = 0 ]; then
	chmod 755 "$test_place" "$T" && chown -R 64321 crowd
	as='setpriv --reuid=64321 --regid=64321 --clear-groups'
else
	others=$(ps -L -u "$(id -u)" | wc -l)
fi
# shellcheck disable=SC2086 # words of their own
exits 0 $as bash -c "cd crowd && ulimit -u $((others + 14)) && exec ./ppgen run -q -j 40 many.yaml"
is 'all ran in the end' "$(cat crowd/runs/many/journal/*/*.jsonl | grep -c '"out":"ok"')" 40
like 'though some had to wait' "$(cat crowd/runs/many/journal/*/*.jsonl >crowd.txt; echo crowd.txt)" 'limit of processes'
done_testing
