#!/bin/bash
# SPDX-License-Identifier: MIT
# `isolate: fork`: what only matters where each call has a process of its own. Limits, processors, what a call leaves behind, the death of
# the interpreter that forks, Ctrl-C.
. "$(dirname "$0")/lib.sh"
ISOLATE=fork
. "$SRC/tests/e2e/functions_lib.sh"

cat >apart.py <<'PY'
import os
import signal
import subprocess
import threading
import time

STARTED = os.environ.get("OMP_NUM_THREADS")
SERVER = os.getpid()
COUNT = 0


def note(name, text):
    fd = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, b"%s\n" % str(text).encode())
    os.close(fd)


def threads(k):
    return {"is": "%s %s %s" % (os.environ["PPGEN_CPUS"], os.environ["OMP_NUM_THREADS"], STARTED)}


def counts(k):
    global COUNT
    COUNT += 1
    return {"count": COUNT, "own": os.getpid() != SERVER, "group": os.getpgid(0) == os.getpid(), "pid": os.getpid()}


def hang(k):
    note("ran.hang", k)
    if k in (0, 20, 39):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen(["sleep", "600"])
        time.sleep(600)
    return k


def memory(k):
    note("ran.memory", k)
    if k == 20:
        kept = []
        while sum(map(len, kept)) < 1 << 30:
            kept.append(b"m" * (1 << 22))
            time.sleep(0.005)
        time.sleep(600)
    return k


def behind(k):
    note("ran.behind", k)
    if k % 5 == 0:
        subprocess.Popen(["sleep", "600"])
        subprocess.Popen(["sleep", "600"], start_new_session=True)
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
    print("print", k, flush=True)
    return k


def kills_server(k):
    note("ran.server", k)
    if k == 20:
        os.kill(SERVER, signal.SIGKILL)
    return k


def large(k, text):
    print(len(text))
    return {"n": len(text), "same": text == "x" * len(text)}


def gate(k):
    note("ran.gate", k)
    until = time.time() + 120
    while k >= 10 and not os.path.exists("go") and time.time() < until:
        time.sleep(0.01)
    note("ended.gate", k)
    return k
PY
# call NAME TASKS CODE: more of the spec from stdin.
call() {
	name=$1
	{
		echo "params: {k: {from: 0, to: $(($2 - 1)), step: 1}}"
		echo "python: apart:$1"
		cat
	} | spec "$1"
	exits "$3" ppgen run -q -j 2 "$1.yaml"
	clean "$1"
}
bad() { ends "$name" 'select(.out != "ok")'; }

if [ "$(nproc)" -ge 2 ]; then
	call threads 30 0 <<'YAML'
resources: {cpus: 1}
overrides: [{where: k % 3 == 0, cpus: 2}]
YAML
	is 'threads: as many as the task has processors' "$(sed 1d runs/threads/collect/results.csv | sed 's/.*,//' | sort | uniq -c | tr -s ' ')" ' 20 1 1 1
 10 2 2 2'
else
	skip 'threads: of tasks with two processors' 'there is one'
fi
call counts 30 0 </dev/null
is 'counts: nothing that a call does lasts; each has a process and a group of its own' \
	"$(sed 1d runs/counts/collect/results.csv | cut -d, -f 4-6 | sort | uniq -c | tr -s ' ')" ' 30 1,true,true'
is 'counts: each another process' "$(sed 1d runs/counts/collect/results.csv | cut -d, -f 7 | sort -u | wc -l)" 30
call hang 40 1 <<'YAML'
resources: {time: 1s}
YAML
is 'hang: those are charged that hang' "$(bad | cut -d ' ' -f 1,2,5-)" '0 timeout over its time limit of 1s
20 timeout over its time limit of 1s
39 timeout over its time limit of 1s'
once 'hang: each call once' ran.hang 40
if sanitized; then
	echo '# memory: not tried: a sanitizer has much memory of its own'
else
	call memory 40 1 <<'YAML'
resources: {memory: 200M}
YAML
	is 'memory: the one that takes too much is charged' "$(bad | cut -d ' ' -f 1,2,5-)" '20 oom over its memory limit of 200M'
	once 'memory: each call once' ran.memory 40
fi
call behind 40 0 </dev/null
once 'behind: each call once' ran.behind 40
is 'behind: prints are those of the call' "$(for k in 0 1 20 39; do ppgen log behind.yaml $k --stdout; done)" 'print 0
print 1
print 20
print 39'

# The interpreter that forks dies: the call that killed it has its answer, and the others go on in another one's children.
spec server <<'YAML'
params: {k: {from: 0, to: 39, step: 1}}
python: apart:kills_server
YAML
exits 0 ppgen run -q -j 2 server.yaml
# A call that could not be begun is not charged; that it was tried may be recorded.
is 'server: one end each, all good' "$(ends server 'select(.out != "interrupted")' | cut -d ' ' -f 1,2 | cmp - <(seq -f '%.0f ok' 0 39) 2>&1)" ''
once 'server: each call once' ran.server 40
clean server

# A request that no message holds.
python3 -c '
print("k,text")
for k in range(4):
    print("%d,%s" % (k, "x" * (1 << (14 + 2 * k))))' >large.csv
spec large <<'YAML'
params: {table: {file: large.csv}}
python: apart:large
YAML
exits 0 ppgen run -q -j 2 large.yaml
is 'large: requests of any length' "$(python3 -c '
import csv
csv.field_size_limit(1 << 30)
print(" ".join(r["n"] + r["same"] for r in csv.DictReader(open("runs/large/collect/results.csv"))))')" '16384true 65536true 262144true 1048576true'

# Modules that crash.
for way in 'exit code 7|import os; os._exit(7)' 'signal 11 (Segmentation fault)|import os, resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); os.kill(os.getpid(), 11)'; do
	echo "${way#*|}" >crash.py
	spec crash <<'YAML'
params: {k: [1, 2, 3]}
python: crash:run
YAML
	exits 2 ppgen run -q crash.yaml
	is "crash at import: ${way%%|*} is said" "$(grep -cF "its interpreter ended while it loaded the function: ${way%%|*}" "$err")" 1
	is 'crash at import: no task is charged' "$(cat runs/crash/journal/*/*.jsonl | grep -c '"k":"end"')" 0
	rm -rf runs/crash
done
clean 'crash at import'

# Ctrl-C once: what runs may end. Twice: it is ended. Then the rest.
spec gate <<'YAML'
params: {k: {from: 0, to: 29, step: 1}}
python: apart:gate
YAML
held() { [ -e ran.gate ] && [ "$(awk '$1 >= 10' ran.gate | wc -l)" -ge 2 ]; }
for times in 1 2; do
	rm -rf runs/gate ran.gate ended.gate go
	setsid ppgen run -j 2 gate.yaml 2>said &
	pid=$!
	within 60 held || ok 'two calls wait' false
	kill -INT "$pid"
	within 60 grep -q 'Ctrl-C' said
	[ $times = 1 ] || kill -INT "$pid"
	[ $times = 2 ] || : >go
	code=0
	wait "$pid" || code=$?
	is "Ctrl-C ($times): 130" "$code" 130
	is "Ctrl-C ($times): nothing more began" "$(wc -l <ran.gate)" 12
	is "Ctrl-C ($times): how they ended" "$(ends gate | cut -d ' ' -f 2 | sort | uniq -c | tr -s ' ' | tr '\n' ,)" "$([ $times = 1 ] && echo ' 12 ok,' || echo ' 2 interrupted, 10 ok,')"
	clean "Ctrl-C ($times)"
	: >go
	exits 0 ppgen run -q -j 2 gate.yaml
	is "Ctrl-C ($times): the next run completes it" "$(ends gate 'select(.out == "ok")' | cut -d ' ' -f 1 | cmp - <(seq 0 29) 2>&1)" ''
done
done_testing
