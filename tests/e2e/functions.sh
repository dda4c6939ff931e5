#!/bin/bash
# SPDX-License-Identifier: MIT
# Functions that misbehave, among many short calls that are sent ahead: the guilty task is charged with what it did, all others are
# good and were made once, and nothing is left running.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/functions_lib.sh"

# functions_fork.sh runs this, too: with a process for each call, of which there are fewer.
n=1000
[ "${ISOLATE:-worker}" = worker ] || n=24

cat >ways.py <<'PY'
import os
import resource
import signal
import sys
import threading
import time

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def note(name, text):
    fd = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, b"%s\n" % str(text).encode())
    os.close(fd)


class Lattice:
    pass


class Sly(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def fail():
    raise ValueError("no such lattice\nsecond line")


def die(number):
    return lambda: os.kill(os.getpid(), number)


def leave(*args):
    return lambda: sys.exit(*args)


def deep():
    return deep()


def itself():
    a = []
    a.append(a)
    return a


def sly():
    raise Sly()


def stop():
    raise KeyboardInterrupt()


def close_all():
    os.closerange(3, 65536)


def thread():
    def work():
        time.sleep(0.01)
        os._exit(6)

    threading.Thread(target=work).start()
    time.sleep(60)


WAYS = {
    "raise": fail,
    "sly": sly,
    "interrupt": stop,
    "deep": deep,
    "exit3": leave(3),
    "exit0": leave(0),
    "exit": leave(),
    "exit256": leave(256),
    "exittext": leave("no lattice today"),
    "gone0": lambda: os._exit(0),
    "gone5": lambda: os._exit(5),
    "abort": os.abort,
    "segv": die(signal.SIGSEGV),
    "kill": die(signal.SIGKILL),
    "term": die(signal.SIGTERM),
    "object": Lattice,
    "inside": lambda: {"a": [1, Lattice()]},
    "set": lambda: {1, 2},
    "lambda": lambda: fail,
    "itself": itself,
    "surrogate": lambda: "\ud800",
    "closed": close_all,
    "thread": thread,
}


def run(k, way, last):
    note("ran." + way, k)
    if k in (0, (last + 1) // 2, last):
        return WAYS[way]()
    return 2 * k
PY

# What each way is recorded as; what stands in the log.
# name|outcome exit signal|why (ERE)|log (ERE)
while IFS='|' read -r way ended why seen; do
	spec "$way" <<YAML
params: {k: {from: 0, to: $((n - 1)), step: 1}, way: [$way], last: [$((n - 1))]}
python: ways:run
YAML
	exits 1 ppgen run -q -j 2 "$way.yaml"
	is "$way: the guilty are charged" "$(ends "$way" 'select(.out != "ok")' | cut -d ' ' -f 1-4 | tr '\n' ,)" "0 $ended,$((n / 2)) $ended,$((n - 1)) $ended,"
	is "$way: and the reason is said" "$(ends "$way" 'select(.out != "ok")' | cut -d ' ' -f 5- | grep -Exc "$why")" 3
	is "$way: each attempt has one end" "$(ends "$way" | wc -l)" $n
	once "$way: each call was made once" "ran.$way" $n
	ppgen status "$way.yaml" >"$way.status"
	like "$way: status says how many" "$way.status" "^ *3 x "
	ppgen log "$way.yaml" $((n / 2)) >"$way.log"
	like "$way: log shows it" "$way.log" "$seen"
	case $way in
	abort | segv) like "$way: and where it was" "$way.log" 'ways\.py", line [0-9]+ in run$' ;;
	*) unlike "$way: and nothing of ours" "$way.log" '/dev/fd/5' ;;
	esac
	ppgen collect -q --partial "$way.yaml" -o "$way.csv"
	is "$way: the table has the others" "$(sed 1d "$way.csv" | awk -F, '{ n++; sum += $NF } END { print n, sum }')" "$((n - 3)) $((n * (n - 1) - n - 2 * (n - 1)))"
	clean "$way"
done <<'END'
raise|exit 1 0|ValueError: no such lattice|^ +ValueError: no such lattice
sly|exit 1 0|Sly: \(its text cannot be had\)|in sly
interrupt|exit 1 0|KeyboardInterrupt|in stop
deep|exit 1 0|RecursionError: maximum recursion depth exceeded.*|in deep
exit3|exit 3 0|sys\.exit\(3\)|failed: sys\.exit\(3\)
exit0|invalid 0 0|the function left by sys\.exit\(0\) and returned nothing|sys\.exit\(0\) and returned nothing
exit|invalid 0 0|the function left by sys\.exit\(\) and returned nothing|sys\.exit\(\) and returned nothing
exit256|invalid 0 0|the function left by sys\.exit\(256\) and returned nothing|sys\.exit\(256\) and returned nothing
exittext|exit 1 0|sys\.exit\('no lattice today'\)|^ +no lattice today$
gone0|invalid 0 0|the interpreter ended \(exit code 0\) before the function had returned|before the function had returned
gone5|exit 5 0|exit code 5|failed: exit code 5
abort|signal 0 6|signal 6 \(Aborted\)|signal 6
segv|signal 0 11|signal 11 \(Segmentation fault\)|signal 11
kill|signal 0 9|signal 9 \(Killed\)|signal 9
term|signal 0 15|signal 15 \(Terminated\)|signal 15
object|invalid 0 0|value is a 'Lattice', which has no columns: return numbers.*|is a 'Lattice'
inside|invalid 0 0|value\.a\[1\] is a 'Lattice', which has no columns: return numbers.*|value\.a\[1\] is a 'Lattice'
set|invalid 0 0|value is a 'set', which has no columns: return numbers.*|is a 'set'
lambda|invalid 0 0|value is a 'function', which has no columns: return numbers.*|is a 'function'
itself|invalid 0 0|value.* does it hold itself\?|does it hold itself
surrogate|invalid 0 0|value holds text with a lone surrogate.*|lone surrogate
closed|exit 1 0|exit code 1|exit code 1
thread|exit 6 0|exit code 6|exit code 6
END
done_testing
