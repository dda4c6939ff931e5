#!/bin/sh
# SPDX-License-Identifier: MIT
# What functions returned, from the journal to `results`, `log` and tables; and read again when `results:` changes.
. "$(dirname "$0")/lib.sh"

# Lines of `results --json` without what differs from run to run.
plain() {
	sed -e 's/"task":"t[0-9a-f]*"/"task":"t"/' -e 's/"wall":[0-9.]*/"wall":W/' \
		-e 's|"output/[^"]*",[0-9]*,|"FILE",AT,|' -e 's/,"[0-9a-f]\{64\}"\]/,"SHA"]/' "$@"
}

cat >sim.py <<'PY'
def run(x, kind):
    print("says", kind)
    if kind == "raise":
        raise ValueError("not with %s" % x)
    return {"row": {"a": x, "b": {"c": [1, 2]}}, "nan": {"a": float("nan"), "b": {"c": None}}, "none": None,
            "many": [{"a": i, "b": {"c": "text, %d" % i}} for i in range(25)], "long": {"a": "y" * 5000, "b": {"c": 0}},
            "empty": []}[kind]
PY
cat >spec.yaml <<'YAML'
ppgen: 1
name: r
params:
  zip: {x: [0, 1, 2, 3, 4], kind: [row, nan, many, long, empty]}
python: sim:run
YAML
ok 'all good' ppgen run -q -j 1 spec.yaml
ppgen results --json spec.yaml >listed
plain listed >got
cat >want <<'END'
{"index":0,"task":"t","outcome":"ok","attempt":1,"plan":1,"wall":W,"params":{"x":0,"kind":"row"},"row":{"a":0,"b.c":[1,2]}}
{"index":1,"task":"t","outcome":"ok","attempt":1,"plan":1,"wall":W,"params":{"x":1,"kind":"nan"},"row":{"a":"NaN","b.c":null}}
{"index":2,"task":"t","outcome":"ok","attempt":1,"plan":1,"wall":W,"params":{"x":2,"kind":"many"},"value":["FILE",AT,731,"SHA"]}
{"index":3,"task":"t","outcome":"ok","attempt":1,"plan":1,"wall":W,"params":{"x":3,"kind":"long"},"value":["FILE",AT,5020,"SHA"]}
{"index":4,"task":"t","outcome":"ok","attempt":1,"plan":1,"wall":W,"params":{"x":4,"kind":"empty"},"value":["FILE",AT,2,"SHA"]}
END
same_file 'a line a task' got want
cat >bytes.py <<'PY'
import hashlib, json, sys

for line in open("listed"):
    task = json.loads(line)
    if "value" in task:
        name, offset, size, digest = task["value"]
        data = open("runs/r/" + name, "rb").read()[offset:offset + size]
        print(task["index"], hashlib.sha256(data).hexdigest() == digest, len(json.loads(data.decode())))
PY
is 'values are where it says' "$(python3 bytes.py | tr '\n' ' ')" '2 True 25 3 True 2 4 True 0 '
python3 - >want <<'PY'
print("a,b.c")
print('0,"[1,2]"')
print("NaN,")
for i in range(25):
    print('%d,"text, %d"' % (i, i))
print("y" * 5000 + ",0")
PY
cut -d, -f 5- runs/r/collect/results.csv >got
same_file 'the table has their rows' got want
ppgen results spec.yaml | sed 's/t[0-9a-f]\{16\}/t/' >got
cat >want <<'END'
index  task               outcome      attempt  result
    0  t  ok                 1  {"a":0,"b.c":[1,2]}
    1  t  ok                 1  {"a":"NaN","b.c":null}
    2  t  ok                 1  731 bytes
    3  t  ok                 1  5,020 bytes
    4  t  ok                 1  2 bytes
END
same_file 'for people' got want
is 'tasks, as in log' "$(ppgen results --json spec.yaml x=3 0 | cut -d, -f 1 | tr -d '\n')" '{"index":0{"index":3'
is '--only' "$(ppgen results --json --only 'x > 2' spec.yaml | cut -d, -f 1 | tr -d '\n')" '{"index":3{"index":4'
is '--index A-B' "$(ppgen results --json --index 1-2 spec.yaml | cut -d, -f 1 | tr -d '\n')" '{"index":1{"index":2'
is '--index A-' "$(ppgen results --json --index 3- spec.yaml | cut -d, -f 1 | tr -d '\n')" '{"index":3{"index":4'
is '--index A' "$(ppgen results --json --index 4 spec.yaml | cut -d, -f 1)" '{"index":4'
is '--index beyond the end' "$(ppgen results --json --index 5-9 spec.yaml)" ''
for range in x 1-x -3 2-1 ''; do
	exits 2 ppgen results --index "$range" spec.yaml
	like 'says what is wrong' "$err" "^ppgen: --index '$range' (is no range: write A-B, A- or A|ends before it begins)\$"
done

# log
ppgen log spec.yaml 0 >got
like 'a row' got '^  result \{"a":0,"b.c":\[1,2\]\}$'
unlike 'is no value beside' got '^  value'
ppgen log spec.yaml 2 >got
like 'rows' got '^    \{"a":19,"b":\{"c":"text, 19"\}\}$'
unlike 'not all' got '^    \{"a":20'
like 'but how many' got '^    \.\.\. 5 rows more \(--value prints all\)$'
like 'and what it said' got '^    says many$'
is 'a long one is cut' "$(ppgen log spec.yaml 3 | awk 'length > 2100' | wc -l)" 0
is 'every byte' "$(ppgen log spec.yaml 2 --value | python3 -c 'import json, sys
print(len(json.load(sys.stdin)))')" 25
is 'also of a row' "$(ppgen log spec.yaml 1 --value)" '{"a":"NaN","b.c":null}'

# A failure, and a task that has not run.
cat >fail.yaml <<'YAML'
ppgen: 1
name: f
params: {grid: {x: [1, 2, 3], kind: [raise]}}
python: sim:run
YAML
exits 1 ppgen run -q --first 2 fail.yaml
like 'exceptions that differ in a number are one cause' "$err" '2 x ValueError: not with'
ppgen results --json fail.yaml | plain >got
cat >want <<'END'
{"index":0,"task":"t","outcome":"exit","attempt":1,"plan":1,"wall":W,"params":{"x":1,"kind":"raise"},"why":"ValueError: not with 1"}
{"index":1,"task":"t","outcome":"exit","attempt":1,"plan":1,"wall":W,"params":{"x":2,"kind":"raise"},"why":"ValueError: not with 2"}
{"index":2,"task":"t","outcome":"missing","attempt":0,"params":{"x":3,"kind":"raise"}}
END
same_file 'failed and missing' got want
is '--failed' "$(ppgen results --failed fail.yaml | awk '{ print $1, $3, $5 }' | tail -n 2)" '0 exit ValueError:
1 exit ValueError:'
is 'a missing one' "$(ppgen results fail.yaml 2 | awk 'NR == 2 { print $1, $3, $4, $5 }')" '2 missing 0 -'

# Kept, they are read as bytes, and as rows again: nothing runs.
echo 'results: {value: bytes}' >>spec.yaml
ok 'bytes' ppgen run --stale=keep spec.yaml
like 'nothing runs for it' "$err" '5 good already: nothing to do'
is 'and the table has no columns of it' "$(head -n 1 runs/r/collect/results.csv)" 'task,x,kind,seed'
is 'a line a task' "$(wc -l <runs/r/collect/results.csv)" 6
ppgen log spec.yaml 2 >got
like 'log counts them' got '^  value 731 bytes \(--value prints them\)$'
is 'the same places' "$(ppgen results --json spec.yaml | grep -c '"value":\["output')" 3
sed -i 's/value: bytes/value: rows/' spec.yaml
ok 'rows' ppgen run --stale=keep spec.yaml
like 'nothing runs for it, either' "$err" '5 good already: nothing to do'
cut -d, -f 5- runs/r/collect/results.csv >got
python3 - >want <<'PY'
print("a,b.c")
print('0,"[1,2]"')
print("NaN,")
for i in range(25):
    print('%d,"text, %d"' % (i, i))
print("y" * 5000 + ",0")
PY
same_file 'the table is as it was' got want

# Bytes that are no rows, and values that were not kept.
cat >raw.py <<'PY'
def run(x):
    return b"\x80\x04\x95" * x
PY
cat >raw.yaml <<'YAML'
ppgen: 1
name: b
params: {x: [1, 2]}
python: raw:run
results: {value: bytes}
YAML
ok 'any bytes' ppgen run -q raw.yaml
ppgen log raw.yaml x=2 --value >got
printf '\200\004\225\200\004\225' >want
same_file 'come back as they are' got want
sed -i 's/value: bytes/value: rows/' raw.yaml
exits 1 ppgen run --stale=keep raw.yaml
like 'are no rows' "$err" '2 tasks were good until `results:` changed'
is 'in results, too' "$(ppgen results --json raw.yaml | grep -c '"outcome":"invalid".*"why":"value: line 1, column 1: ')" 2
cat >none.yaml <<'YAML'
ppgen: 1
name: n
params: {x: [1, 2]}
python: raw:run
results: {value: none}
YAML
ok 'no value is kept' ppgen run -q none.yaml
is 'nor listed' "$(ppgen results --json none.yaml | grep -c '"value"\|"row"')" 0
sed -i 's/value: none/value: bytes/' none.yaml
exits 2 ppgen run --stale=keep none.yaml
like 'so it must run again' "$err" '2 good results lack a file or value that .results:. asks for now'
ok 'which it does' ppgen run -q --stale=rerun none.yaml
is 'and has it then' "$(ppgen results --json none.yaml | grep -c '"attempt":2.*"value"')" 2

# A call whose interpreter is gone: its own output is shown, not that of the calls before.
cat >lost.py <<'PY'
import glob, os, sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.environ["SRC"] + "/tests/e2e")
from killed import crc32c

(path,) = glob.glob("runs/r/journal/*/*.jsonl")
lines = open(path, "rb").read().splitlines()
start = next(line for line in lines if b'"k":"end"' in line and b'"i":2,' in line)
start = start[:start.index(b',"out"')].replace(b'"k":"end"', b'"k":"start"').replace(b'"att":1', b'"att":7')
start += b',"at":[9,4]'
start += b',"crc":"%08x"}' % crc32c(start)
open(path, "wb").write(lines[0] + b"\n" + start + b"\n")
out = path.replace("/journal/", "/output/").replace(".jsonl", ".0.")
open(out + "out", "w").write("the past\nmine\n")
open(out + "err", "w").write("old\nmy errors\n")
PY
export SRC
ok 'a start without an end' python3 lost.py
ppgen log spec.yaml 2 >got 2>said
like 'is an attempt' got '^  attempt 7    lost: its worker died'
sed -n '/^  stdout/,$p' got >shown
printf '  stdout\n    mine\n  stderr\n    my errors\n\n' >want
same_file 'whose own output is shown' shown want
is 'alone' "$(ppgen log --stdout spec.yaml 2 2>said)" 'mine'
is 'it has no value' "$(ppgen log --value spec.yaml 2 2>said)" ''
is 'and no result' "$(ppgen results --json spec.yaml 2 2>said | sed 's/.*"outcome"/"outcome"/; s/,"params".*//')" \
	'"outcome":"missing","attempt":7,"state":"lost"'

# The same while it runs, as this script pretends: log -f shows what is this call's, and ends where it does.
cat >follow.py <<'PY'
import glob, json, os, signal, subprocess, sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.environ["SRC"] + "/tests/e2e")
from killed import crc32c


def sealed(record, more=b""):
    line = json.dumps(record, separators=(",", ":")).encode()[:-1] + more
    return line + b',"crc":"%08x"}\n' % crc32c(line)


(path,) = glob.glob("runs/r/journal/*/*.jsonl")
out = path.replace("/journal/", "/output/").replace(".jsonl", ".0.out")
header, start = [json.loads(line.decode()) for line in open(path, "rb")]
header["pid"] = header["guardian"]["pid"] = os.getpid()
header["start"] = header["guardian"]["start"] = int(open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19])
for record in header, start:
    del record["crc"]
with open(path, "wb") as journal, open(out, "wb") as spool:
    journal.write(sealed(header) + sealed(start))
    journal.flush()
    spool.write(b"the past\nmine 1\n")
    spool.flush()
    follower = subprocess.Popen(["ppgen", "log", "-f", "spec.yaml", "2"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    print(follower.stdout.readline().decode().strip())
    follower.send_signal(signal.SIGSTOP)
    os.waitpid(follower.pid, os.WUNTRACED)
    spool.write(b"mine 2\nthe next call's\n")
    spool.flush()
    del start["at"]
    start["k"] = "end"
    journal.write(sealed(start, b',"out":"exit","rh":"00000000","exit":1,"sig":0,"o":[0,14,"%s"]' % (b"0" * 64)))
    journal.flush()
    follower.send_signal(signal.SIGCONT)
    print(follower.stdout.read().decode().strip())
    print(follower.wait())
PY
is 'log -f of a call' "$(timeout 60 python3 follow.py | tr '\n' ' ')" 'mine 1 mine 2 0 '
done_testing
