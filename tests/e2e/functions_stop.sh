#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs of functions that are stopped, killed, narrowed, forced, or whose module is edited: nothing that is good is called again, what was
# sent ahead and not begun is not begun, and each result is of the code that is said.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/functions_lib.sh"

cat >sim.py <<'PY'
import os
import time


def note(name, text):
    fd = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, b"%s\n" % str(text).encode())
    os.close(fd)


def wait_for(name):
    until = time.time() + 120
    while not os.path.exists(name) and time.time() < until:
        time.sleep(0.01)


def gate(k):
    """The first fifty are quick, so that others are sent ahead; then each waits."""
    note("ran", k)
    if k >= 50:
        with open("pid.%d" % k, "w") as f:
            f.write(str(os.getpid()))
        wait_for("go")
    note("ended", k)
    return {"value": k, "pid": os.getpid()}


def quick(k):
    note("ran", k)
    time.sleep(0.001)
    return k
PY
good() { cat "runs/$1/journal/"*/*.jsonl 2>/dev/null | grep -c '"out":"ok"'; }
enough() { [ "$(good "$1")" -ge "$2" ]; }
lines() { wc -l <"$1"; }
held() { [ "$(find . -name 'pid.*' -size +0 | wc -l)" -ge 2 ]; }
once_good() { cat "runs/$1/journal/"*/*.jsonl | jq -r 'select(.k == "end" and .out == "ok") | .i' | sort -n | cmp - <(seq 0 $(($2 - 1))) 2>&1; }

# ---- Ctrl-C

spec gate <<'YAML'
params: {k: {from: 0, to: 299, step: 1}}
python: {call: "sim:gate", batch: 40}
YAML
begin() {
	rm -rf runs/gate ran ended go pid.*
	setsid ppgen run -j 2 gate.yaml 2>said &
	pid=$!
	within 60 held || ok 'two calls wait' false
	began=$(lines ran)
}

begin
kill -INT "$pid"
within 60 grep -q 'Ctrl-C' said
: >go
code=0
wait "$pid" || code=$?
is 'once: 130' "$code" 130
is 'once: nothing that was sent ahead began' "$(lines ran)" "$began"
is 'once: what had begun has ended' "$(lines ended)" "$began"
is 'once: and is recorded' "$(good gate)" "$began"
clean once
exits 1 ppgen status gate.yaml
like 'once: the rest is not run yet' "$out" "$((300 - began)) not run yet"
unlike 'once: nothing failed' "$out" 'failed'
exits 0 ppgen run -q -j 2 gate.yaml
once 'once: the next run calls the rest' ran 300
is 'once: the table is complete' "$(values gate | tr ' ' '\n' | cmp - <(seq 0 299) 2>&1)" ''

begin
kill -INT "$pid"
within 60 grep -q 'Ctrl-C' said
kill -INT "$pid"
code=0
wait "$pid" || code=$?
is 'twice: 130' "$code" 130
is 'twice: nothing that was sent ahead began' "$(lines ran)" "$began"
is 'twice: those that waited are interrupted' "$(ends gate 'select(.out != "ok")' | cut -d ' ' -f 2 | uniq -c | tr -s ' ')" ' 2 interrupted'
clean twice
: >go
exits 0 ppgen run -q -j 2 gate.yaml
is 'twice: the next run completes it' "$(once_good gate 300)" ''
is 'twice: only those that were interrupted are called again' "$(sort -n ran | uniq -d | wc -l)" 2

begin
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
ok "TERM: ends it ($code)" test "$code" -gt 1
clean TERM
: >go
exits 0 ppgen run -q -j 2 gate.yaml
is 'TERM: the next run completes it' "$(once_good gate 300)" ''

# A signal to one interpreter alone is its call's affair.
begin
holds=$(awk '$1 >= 50' ran | head -n 1)
kill -INT "$(cat "pid.$holds")"
: >go
code=0
wait "$pid" || code=$?
is 'INT to an interpreter alone: the run ends' "$code" 1
is 'INT to an interpreter alone: its call is charged, no other' "$(ends gate 'select(.out != "ok")' | cut -d ' ' -f 2- | sed 's/:.*//')" 'exit 1 0 KeyboardInterrupt'
is 'INT to an interpreter alone: one end each' "$(ends gate | cut -d ' ' -f 1 | cmp - <(seq 0 299) 2>&1)" ''
clean 'INT to an interpreter'

# ---- kills

begin
holds=$(awk '$1 >= 50' ran | head -n 1)
kill -KILL "$(cat "pid.$holds")"
: >go
code=0
wait "$pid" || code=$?
is 'kill of an interpreter: the run goes on' "$code" 1
is 'kill of an interpreter: the call that it was in is charged' "$(ends gate 'select(.out != "ok")')" "$holds signal 0 9 signal 9 (Killed)"
once 'kill of an interpreter: each call once' ran 300
clean 'kill of an interpreter'
exits 0 ppgen run -q gate.yaml
is 'kill of an interpreter: the next run completes it' "$(once_good gate 300)" ''

spec quick <<'YAML'
params: {k: {from: 0, to: 2999, step: 1}}
python: sim:quick
YAML
exits 0 ppgen run -q -j 2 -d calm quick.yaml
for round in 1 2 3 4; do
	setsid ppgen run -q -j 2 quick.yaml >/dev/null 2>&1 &
	pid=$!
	within 30 enough quick $((round * 400)) || :
	victim=$pid
	[ $((round % 2)) -eq 0 ] || victim=$(pgrep -P "$pid" | head -n 1)
	[ -n "$victim" ] && kill -KILL "$victim" 2>/dev/null
	wait "$pid" 2>/dev/null
	clean "guardian and pool, round $round"
done
before=$(good quick)
rm -f ran
exits 0 ppgen run -q -j 2 quick.yaml
unlike 'guardian and pool: the journals are sound' "$err" 'damaged'
is 'guardian and pool: what was recorded is not called again' "$(lines ran)" "$((3000 - before))"
is 'guardian and pool: each task has one good end' "$(once_good quick 3000)" ''
same_file 'guardian and pool: the same bytes as the calm run' runs/quick/collect/results.csv calm/collect/results.csv

# ---- signals at any moment, while calls come and go: what began ends, or is interrupted; nobody waits for a call that nobody has

cat >any.py <<'PY'
import time


def run(k, pause):
    with open("any.ran", "a") as f:
        f.write("%d\n" % k)
    time.sleep(pause)
    return k
PY
for way in 'INT 0.007 2' 'INT 0.001 auto' 'INT 0 auto' 'TERM 0.003 2' 'TERM 0 auto'; do
	# shellcheck disable=SC2086 # words
	set -- $way
	spec any <<YAML
params: {k: {from: 0, to: 29999, step: 1}, pause: [$2]}
python: {call: "any:run", batch: $3}
YAML
	sed -i '/batch: auto/s/, batch: auto//' any.yaml
	strays='' hung=''
	for round in 1 2 3 4 5 6; do
		rm -rf runs/any any.ran
		setsid ppgen run -q -j 2 any.yaml >/dev/null 2>&1 &
		pid=$!
		within 60 enough any $((round * 7))
		kill "-$1" "$pid"
		within 60 eval '! kill -0 $pid 2>/dev/null' || hung="$hung $round"
		kill -KILL "$pid" 2>/dev/null && within 20 nothing_left
		wait "$pid" 2>/dev/null
		ends any | cut -d ' ' -f 1 | sort >any.ended
		strays="$strays$(sort any.ran | comm -23 - any.ended | tr '\n' ,)"
		# TERM may come when a call has begun, and has not written yet: one for each of the two.
		early=$(sort any.ran | comm -13 - any.ended | wc -l)
		[ "$early" -eq 0 ] || { [ "$1" = TERM ] && [ "$early" -le 2 ]; } || strays="$strays ($early not called)"
	done
	is "$way: the run ends" "$hung" ''
	is "$way: what has an end was called, and the reverse" "$strays" ''
	[ "$1" = TERM ] || is "$way: all of it is good" "$(ends any 'select(.out != "ok")')" ''
done

# ---- parts of it

rm -rf runs ran
: >go
exits 0 ppgen run -q -j 2 --first 7 gate.yaml
is '--first: so many' "$(sort -n ran | tr '\n' ' ')" '0 1 2 3 4 5 6 '
exits 0 ppgen run -q --task 100 --task k=120 gate.yaml
is '--task: these' "$(tail -n 2 ran | sort -n | tr '\n' ' ')" '100 120 '
exits 0 ppgen run -q --only 'k % 100 == 0' gate.yaml
is '--only: those that are not good' "$(tail -n +10 ran | sort -n | tr '\n' ' ')" '200 '
exits 0 ppgen run -q -j 1 gate.yaml
once '-j 1: the rest' ran 300
is '-j 1: one interpreter' "$(python3 -c '
import csv
rows = list(csv.DictReader(open("runs/gate/collect/results.csv")))
print(len({r["pid"] for r in rows if int(r["k"]) not in (0, 1, 2, 3, 4, 5, 6, 100, 120, 200)}))')" 1
rm -f ran
exits 0 ppgen run -q --force --only 'k < 10' gate.yaml
once '--force: these again' ran 10

# ---- edited modules

sed -i 's/"value": k,/"value": k + 1000,/' sim.py
exits 2 ppgen run -q gate.yaml
like 'edited: results are stale' "$err" '300 tasks .*older code.*--stale=keep.*--stale=rerun'
rm -f ran
exits 0 ppgen run -q --stale=rerun gate.yaml
once 'edited: all again' ran 300
is 'edited: by the new code' "$(values gate | tr ' ' '\n' | cmp - <(seq 1000 1299) 2>&1)" ''

# While tasks run: what is recorded as made by some code was made by it.
cat >edit.py <<'PY'
import os
import time

VERSION = 1


def run(k):
    if k >= 50:
        open("edit.began.%d.%d" % (VERSION, os.getpid()), "a").close()
        until = time.time() + 120
        while not os.path.exists("edit.go") and time.time() < until:
            time.sleep(0.01)
    return VERSION
PY
spec edit <<'YAML'
params: {k: {from: 0, to: 199, step: 1}}
python: edit:run
YAML
ppgen run -j 2 edit.yaml 2>said &
pid=$!
two_began() { [ "$(find . -name 'edit.began.1.*' | wc -l)" -eq 2 ]; }
within 60 two_began
sed 's/VERSION = 1/VERSION = 2/' edit.py >edit.new
mv edit.new edit.py
: >edit.go
code=0
wait "$pid" || code=$?
ok "edit: the run ends ($code)" test "$code" -le 2
is 'edit: one end each' "$(ends edit | cut -d ' ' -f 1,2 | cmp - <(seq -f '%.0f ok' 0 199) 2>&1)" ''
code_of() {
	cat "runs/$1/journal/"*/*.jsonl | jq -r 'select(.k == "end") | "\(.code) \(.r.value)"' | sort -u | cut -d ' ' -f 1 | uniq -d
}
is 'edit: a result has the code that made it' "$(code_of edit)" ''
exits 0 ppgen run -q --stale=rerun edit.yaml
is 'edit: in the end all are of one' "$(values edit | tr ' ' '\n' | sort | uniq -c | tr -s ' ')" ' 200 2'
clean edit

# The same right when an interpreter has been started and has not read the module yet.
cat >starts <<'SH'
#!/bin/sh
echo $$ >>starts.count
until [ "$(wc -l <starts.count)" -ge 2 ]; do sleep 0.01; done
if [ "$(sort -n starts.count | sed -n 2p)" = $$ ]; then # the first loads alone
	until [ -e late.began ]; do sleep 0.01; done
	sed 's/VERSION = 1/VERSION = 2/' late.py >late.new
	mv late.new late.py
	: >late.edited
fi
exec python3 "$@"
SH
chmod +x starts
cat >late.py <<'PY'
import os
import time

VERSION = 1


def run(k):
    open("late.began", "w").close()
    until = time.time() + 120
    while not os.path.exists("late.edited") and time.time() < until:
        time.sleep(0.01)
    time.sleep(0.01)
    return VERSION
PY
spec late <<YAML
params: {k: {from: 0, to: 99, step: 1}}
python: {call: "late:run", interpreter: "$T/starts"}
YAML
ppgen run -q -j 2 late.yaml >"$out" 2>"$err"
is 'late: both have made some' "$(cat runs/late/journal/*/*.jsonl | jq -r 'select(.k == "end") | .r.value' | sort -u | tr '\n' ' ')" '1 2 '
is 'late: a result has the code that made it' "$(code_of late)" ''
clean late
done_testing
