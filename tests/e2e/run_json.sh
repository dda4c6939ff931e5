#!/bin/sh
# SPDX-License-Identifier: MIT
# `run --json`: what happens, as it happens; a reader that is slow, or gone. And --no-collect.
. "$(dirname "$0")/lib.sh"

# The events without what differs from run to run: task ids and times.
plain() {
	sed -e 's/"task":"t[0-9a-f]*",//' -e 's/"wall":[0-9.]*/"wall":W/' -e "s|$T|T|" "$@"
}

cat >spec.yaml <<'YAML'
ppgen: 1
name: j
params: {x: [1, 2, 3]}
shell: |
  if [ "$x" = 2 ] && [ -e bad ]; then exit 3; fi
  n=0; while [ "$x" = 3 ] && [ ! -e go ] && [ $n -lt 600 ]; do sleep 0.05; n=$((n + 1)); done
  echo "$x"
results: {stdout: number}
retry: {times: 1}
YAML

: >bad
ppgen run --json -j 1 spec.yaml >events 2>said &
pid=$!
within 30 grep -q '"event":"start"' events
ok 'what happens is told while it goes on' grep -q '"event":"start"' events
is 'not the end of what still runs' "$(grep -c '"index":2,.*"outcome"' events)" 0
: >go
wait "$pid"
is 'one task failed' $? 1
cat >want <<'END'
{"event":"plan","plan":1,"tasks":3,"good":0,"todo":3,"run":"T/runs/j"}
{"event":"end","index":0,"attempt":1,"outcome":"ok","retried":false,"wall":W,"row":{"value":1}}
{"event":"end","index":1,"attempt":1,"outcome":"exit","retried":true,"wall":W,"why":"exit code 3"}
{"event":"end","index":1,"attempt":2,"outcome":"exit","retried":false,"wall":W,"why":"exit code 3"}
{"event":"end","index":2,"attempt":1,"outcome":"ok","retried":false,"wall":W,"row":{"value":3}}
{"event":"summary","ok":2,"failed":1,"interrupted":0,"missing":0,"exit":1}
END
plain events >got
head -n 1 got >first
tail -n 1 got >last
grep '"end"' got | sort >ends
head -n 1 want >want_first
tail -n 1 want >want_last
grep '"end"' want | sort >want_ends
same_file 'the plan is first' first want_first
same_file 'each attempt has its end' ends want_ends
same_file 'the summary is last' last want_last
is 'each line is JSON, and a task has one id' \
	"$(python3 -c 'import json
for line in open("events"): json.loads(line)
print(len({json.loads(line).get("task", "") for line in open("events")}))')" 4
like 'what is said to people is on stderr' said '1 x exit code 3'

rm bad
ok 'the rest' ppgen run -q --json --no-collect spec.yaml
plain "$out" >got
cat >want <<'END'
{"event":"plan","plan":1,"tasks":3,"good":2,"todo":1,"run":"T/runs/j"}
{"event":"end","index":1,"attempt":3,"outcome":"ok","retried":false,"wall":W,"row":{"value":2}}
{"event":"summary","ok":3,"failed":0,"interrupted":0,"missing":0,"exit":0}
END
same_file 'goes on where it was' got want
is 'and writes no table' "$(ls runs/j/collect 2>/dev/null)" ''
ok 'nothing to do' ppgen run -q --json spec.yaml
plain "$out" >got
cat >want <<'END'
{"event":"plan","plan":1,"tasks":3,"good":3,"todo":0,"run":"T/runs/j"}
{"event":"summary","ok":3,"failed":0,"interrupted":0,"missing":0,"exit":0}
END
same_file 'is told, too' got want
ok 'and writes the table' test -s runs/j/collect/results.csv
exits 2 ppgen run --json -n spec.yaml
like 'a dry run has no events' "$err" '^ppgen: --json tells of a run, and --dry-run makes none: leave one of them out$'
exits 2 ppgen run --json --only 'y > 1' spec.yaml
is 'nothing was begun, so nothing is told' "$(cat "$out")" ''

# A signal: the rest is missing.
rm go
ppgen run --json -d cut -j 1 spec.yaml >cut.events 2>said &
pid=$!
within 30 grep -q '"event":"start"' cut.events
kill -TERM "$pid"
wait "$pid"
is 'interrupted: 130' $? 130
like 'the signal is told' cut.events '^\{"event":"stopping","text":"terminated'
like 'so is what it cut off' cut.events '"index":2,"attempt":1,"outcome":"interrupted","retried":false'
is 'and what is missing now' "$(tail -n 1 cut.events)" \
	'{"event":"summary","ok":2,"failed":0,"interrupted":1,"missing":1,"exit":130}'

# A reader that is gone, and one that never was, stop nothing.
cat >many.yaml <<'YAML'
ppgen: 1
name: m
params: {x: {from: 1, to: 800, step: 1}}
command: ["true"]
YAML
ppgen run -q --json many.yaml --first 300 2>said | head -n 1 >first
like 'the first line came' first '"event":"plan"'
is 'all ran all the same' "$(ppgen status many.yaml | grep -c '300.* good')" 1
ppgen run -q --json many.yaml --first 10 >&- 2>said
is 'nor does it need a stdout' "$(ppgen status many.yaml | grep -c '310.* good')" 1

# One that takes nothing for a while does not delay the tasks; it gets all of it in the end.
cat >slow.py <<'PY'
import glob, json, subprocess, sys, time

run = subprocess.Popen(["ppgen", "run", "-q", "--json", "-d", "slow", "many.yaml"], stdout=subprocess.PIPE)
for _ in range(2400):
    ends = sum(open(f).read().count('{"k":"end"') for f in glob.glob("slow/journal/*/*.jsonl"))
    if ends == 800:
        break
    time.sleep(0.05)
events = [json.loads(line) for line in run.stdout.read().decode().splitlines()]
size = sum(len(json.dumps(e, separators=(",", ":"))) for e in events)
print(ends, len([e for e in events if e["event"] == "end"]), len({e.get("index") for e in events}),
      events[-1]["event"], run.wait(), size > 65536)
PY
is 'a slow reader' "$(python3 slow.py)" '800 800 801 summary 0 True'

# What functions returned: rows, where the other bytes are, and why there is none.
cat >sim.py <<'PY'
def run(x):
    if x == 2:
        raise ValueError("two is\ntoo much")
    return [{"a": 1}, {"a": 2.5}] if x == 3 else x / 2
PY
cat >calls.yaml <<'YAML'
ppgen: 1
name: c
params: {x: [1, 2, 3]}
python: sim:run
YAML
exits 1 ppgen run -q --json -j 1 calls.yaml
like 'a row' "$out" '"index":0,"attempt":1,"outcome":"ok",.*,"row":\{"value":0.5\}\}$'
like 'an exception' "$out" '"index":1,"attempt":1,"outcome":"exit",.*,"why":"ValueError: two is"\}$'
like 'a value' "$out" '"index":2,"attempt":1,"outcome":"ok",.*,"value":\["output/[0-9a-f]+/[^"]+",[0-9]+,[0-9]+\]\}$'
is 'whose bytes are there' "$(python3 -c 'import json, sys
for line in sys.stdin:
    event = json.loads(line)
    if "value" in event:
        name, offset, size = event["value"]
        with open("runs/c/" + name, "rb") as f:
            f.seek(offset)
            print(f.read(size).decode())' <"$out")" '[{"a":1},{"a":2.5}]'

# Many good values in a line: each is said once, and is where that says; all else is said as ever.
cat >bytes.yaml <<'YAML'
ppgen: 1
name: b
params: {x: {from: 0, to: 2999, step: 1}}
python: sim:text
results: {value: bytes}
YAML
cat >>sim.py <<'PY'


def text(x):
    if x == 7:
        raise ValueError("seven")
    return b"<%d>" % x * (x % 3)
PY
exits 1 ppgen run -q --json --together -j 2 bytes.yaml
is 'together: where all values are' "$(python3 -c 'import json, sys
good, other, lines = [], [], 0
for line in sys.stdin:
    event = json.loads(line)
    if event["event"] == "good":
        lines += 1
        with open("runs/b/" + event["file"], "rb") as file:
            file.seek(event["offset"])
            for index, length in zip(event["index"], event["length"]):
                good.append((index, file.read(length)))
        assert len(event["index"]) == len(event["length"])
    else:
        other.append((event["event"], event.get("index")))
good.sort()
ends = [index for kind, index in other if kind == "end"]
want = [(x, b"<%d>" % x * (x % 3)) for x in range(3000) if x != 7]
print(good == [w for w in want if w[0] not in ends], set(ends) - {7} <= {w[0] for w in want if not w[1]},
      7 in ends, lines < 3000, other[0][0], other[-1][0])' <"$out")" 'True True True True plan summary'
exits 2 ppgen run --together bytes.yaml
like 'together is for JSON' "$err" '^ppgen: --together is for --json: give both$'
done_testing
