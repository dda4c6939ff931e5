#!/bin/bash
# SPDX-License-Identifier: MIT
# Functions that want too much: values, prints, time, memory, attempts. Each beside others that are good and are called once.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/functions_lib.sh"

cat >much.py <<'PY'
import glob
import os
import signal
import subprocess
import sys
import time


def note(name, text):
    fd = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, b"%s\n" % str(text).encode())
    os.close(fd)


def value(k):
    note("ran.value", k)
    return {"v": "x" * 50000000 if k == 5 else "y", "k": k}


def raw(k):
    note("ran.raw", k)
    return bytes([k % 256]) * (50000000 if k == 5 else k)


def rows(k):
    note("ran.rows", k)
    return [{"v": i, "w": k} for i in range(200000 if k == 5 else 2)]


def prints(k):
    note("ran.prints", k)
    print("task", k)
    if k == 5:
        for i in range(200):
            sys.stdout.write("z" * 999999 + "\n")
    print("error", k, file=sys.stderr)
    return k


def others_print(k):
    note("ran.others", k)
    print("python", k)
    sys.stdout.flush()
    os.write(1, b"write %d\n" % k)
    subprocess.check_call(["sh", "-c", 'echo "shell $0"; echo "error $0" >&2', str(k)])
    if k == 7:
        subprocess.check_call(["sh", "-c", "seq 300000"])
    print("end", k)
    return k


def hang(k):
    note("ran.hang", k)
    if k in (0, 50, 99):
        time.sleep(600)
    return k


def hang_chunk(items):
    if 7 in items:
        time.sleep(600)
    return items


def deaf(k):
    note("ran.deaf", k)
    if k == 50:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        until = time.time() + 2.5
        while time.time() < until:
            time.sleep(0.01)
    return k


def polite(k):
    """One is over its time, and takes a while to end at TERM; meanwhile there is much to be sent."""
    note("ran.polite", k)
    if k == 50:
        signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), sys.exit(3)))
        time.sleep(600)
    time.sleep(0.002 if k > 50 else 0)
    return k


def memory(k):
    note("ran.memory", k)
    if k == 50:
        kept = []
        while sum(map(len, kept)) < 1 << 30:
            kept.append(b"m" * (1 << 22))
            time.sleep(0.005)
        time.sleep(600)
    return k


def slow(k):
    note("ran.slow", k)
    if k == 200:
        # Until all others have been called, wherever they were sent before.
        until = time.time() + 60
        while time.time() < until and len(open("ran.slow").readlines()) < 400:
            time.sleep(0.01)
    note("ended.slow", k)
    return k


def meet(k):
    if not 10000 <= k < 10004:
        return 4
    # Four neighbours, of which each waits until all have begun: so none may wait for another.
    open("met.%d" % k, "w").close()
    until = time.time() + 60
    while time.time() < until and len(glob.glob("met.*")) < 4:
        time.sleep(0.01)
    return len(glob.glob("met.*"))


def third(k, how):
    note("ran.third." + how, k)
    tries = open("ran.third." + how).read().split().count(str(k))
    if k % 10 == 3 and tries < 3:
        if how == "raise":
            raise ValueError("attempt %d of %s" % (tries, os.environ["PPGEN_ATTEMPT"]))
        os._exit(9)
    return {"tries": tries, "attempt": int(os.environ["PPGEN_ATTEMPT"])}


def never(k):
    note("ran.never", k)
    raise ValueError("never good")
PY

# call NAME FUNCTION TASKS CODE [OPTION..]: more of the spec from stdin; runs it.
call() {
	name=$1
	{
		echo "params: {k: {from: 0, to: $(($3 - 1)), step: 1}}"
		echo "python: much:$2"
		cat
	} | spec "$1"
	code=$4
	shift 4
	exits "$code" ppgen run -q -j 2 "$@" "$name.yaml"
	clean "$name"
	ppgen log "$name.yaml" 50 >"$name.log" 2>&1
}
bad() { ends "$name" 'select(.out != "ok")'; }

# ---- values and prints

call value value 20 0 </dev/null
once 'value: each call once' ran.value 20
is 'value: 50 MB are whole' "$(python3 -c '
import csv, sys
csv.field_size_limit(1 << 30)
rows = list(csv.DictReader(open("runs/value/collect/results.csv")))
print(len(rows), sum(len(r["v"]) for r in rows), set(rows[5]["v"]))')" "20 50000019 {'x'}"
rm -rf runs/value
call raw raw 20 0 <<'YAML'
results: {value: bytes}
YAML
once 'raw: each call once' ran.raw 20
is 'raw: bytes are kept as they are' "$(find runs/raw/files runs/raw/output -type f -size +40M | wc -l)" 1
call rows rows 20 0 </dev/null
is 'rows: many of one task' "$(sed 1d runs/rows/collect/results.csv | wc -l)" 200038
is 'rows: the last of them' "$(python3 -c '
import csv
rows = [r for r in csv.DictReader(open("runs/rows/collect/results.csv")) if r["w"] == "5"]
print(len(rows), rows[-1]["v"])')" '200000 199999'

call prints prints 20 0 </dev/null
once 'prints: each call once' ran.prints 20
is 'prints: 200 MB are kept' "$(ppgen log prints.yaml 5 --stdout | sha256sum)" \
	"$(python3 -c '
import sys
print("task 5")
for i in range(200):
    sys.stdout.write("z" * 999999 + "\n")' | sha256sum)"
for k in 0 4 6 19; do
	is "prints: those of task $k are its own" "$(ppgen log prints.yaml $k --stdout; ppgen log prints.yaml $k --stderr)" "task $k
error $k"
done
is 'prints: no file for output is left behind' "$(find runs/prints/output -type f ! -name '*.out' -o -name '*.[0-9].out' | wc -l)" 0
rm -rf runs/prints
call others others_print 20 0 </dev/null
for k in 0 6 8 19; do
	is "others: what $k had printed, in its order" "$(ppgen log others.yaml $k --stdout; ppgen log others.yaml $k --stderr)" "python $k
write $k
shell $k
end $k
error $k"
done
is 'others: much of a subprocess' "$(ppgen log others.yaml 7 --stdout | sha256sum)" "$( (echo python 7; echo write 7; echo shell 7; seq 300000; echo end 7) | sha256sum)"

# ---- time and memory

call hang hang 100 1 <<'YAML'
resources: {time: 1s}
YAML
is 'hang: those are charged that hang' "$(bad)" '0 timeout 0 15 over its time limit of 1s
50 timeout 0 15 over its time limit of 1s
99 timeout 0 15 over its time limit of 1s'
once 'hang: those behind were called once, elsewhere or afterwards' ran.hang 100
is 'hang: one end each' "$(ends hang | wc -l)" 100
name=hang_chunk
spec hang_chunk <<'YAML'
params: {k: {from: 0, to: 15, step: 1}}
python: {call: "much:hang_chunk", per: chunk, batch: 3}
resources: {time: 1s}
YAML
exits 1 ppgen run -q -j 2 hang_chunk.yaml
clean hang_chunk
is 'hang_chunk: of a list only the item is charged that hangs' "$(bad | cut -d ' ' -f 1,2,5-)" '7 timeout over its time limit of 1s'
is 'hang_chunk: the others are good' "$(ends hang_chunk 'select(.out == "ok")' | cut -d ' ' -f 1 | tr '\n' ' ')" '0 1 2 3 4 5 6 8 9 10 11 12 13 14 15 '
call deaf deaf 100 1 <<'YAML'
resources: {time: 1s}
YAML
is 'deaf: one that heeds no TERM and returns late is over its time' "$(bad | cut -d ' ' -f 1,2)" '50 timeout'
once 'deaf: each call once' ran.deaf 100
call polite polite 1600 1 <<'YAML'
resources: {time: 1s}
YAML
is 'polite: what it was told is meant for it alone' "$(bad | cut -d ' ' -f 1,2)" '50 timeout'
once 'polite: each call once' ran.polite 1600
if sanitized; then
	echo '# memory: not tried: a sanitizer has much memory of its own'
else
	call memory memory 100 1 <<'YAML'
resources: {memory: 200M}
YAML
	is 'memory: the one that takes too much is charged' "$(bad | cut -d ' ' -f 1,2,5-)" '50 oom over its memory limit of 200M'
	once 'memory: each call once' ran.memory 100
fi

# ---- what is sent ahead does not wait for a slow call: that one ends when all others have been called

for batch in auto 40; do
	rm -f ran.slow ended.slow
	spec "slow.$batch" <<YAML
params: {k: {from: 0, to: 399, step: 1}}
python: {call: "much:slow", batch: $batch}
YAML
	exits 0 ppgen run -q -j 2 "slow.$batch.yaml"
	clean "slow.$batch"
	once "slow.$batch: each call once" ran.slow 400
	is "slow.$batch: nobody waited for the slow one" "$(tail -n 1 ended.slow)" 200
done

# What was sent in one packet with a slow call neither.
spec meet <<'YAML'
params: {k: {from: 0, to: 19999, step: 1}}
python: much:meet
YAML
exits 0 ppgen run -q -j 4 meet.yaml
clean meet
is 'meet: neighbours of a slow call go to others' "$(values meet | tr ' ' '\n' | sort | uniq -c | tr -s ' ')" ' 20000 4'

# ---- attempts

for how in raise exit; do
	spec "third.$how" <<YAML
params: {k: {from: 0, to: 99, step: 1}, how: [$how]}
python: much:third
retry: {times: 2}
YAML
	exits 0 ppgen run -q -j 2 "third.$how.yaml"
	clean "third.$how"
	is "third.$how: ten fail twice, and are called three times" "$(sort -n "ran.third.$how" | uniq -c | awk '{ print $1 }' | sort | uniq -c | tr -s ' ' | tr '\n' ,)" ' 90 1, 10 3,'
	is "third.$how: the ends of one" "$(ends "third.$how" 'select(.i == 53)' | cut -d ' ' -f 2,3 | sort | tr '\n' ,)" "$([ $how = raise ] && echo 'exit 1,exit 1,ok 0,' || echo 'exit 9,exit 9,ok 0,')"
	is "third.$how: the attempts are told to the function" "$(sed 1d "runs/third.$how/collect/results.csv" | awk -F, '{ print $(NF - 1), $NF }' | sort | uniq -c | tr -s ' ' | tr '\n' ,)" ' 90 1 1, 10 3 3,'
done
call never never 400 1 <<'YAML'
max_failures: 5
YAML
like 'never: stops after so many' "$err" 'too many failures'
is 'never: what was called is recorded, each once' "$(ends never | cut -d ' ' -f 1,2)" "$(sort -n ran.never | sed 's/$/ exit/')"
ok 'never: and the rest was not called' test "$(wc -l <ran.never)" -lt 100
done_testing
