#!/bin/bash
# SPDX-License-Identifier: MIT
# What a function does to its surroundings, which the next call shares: descriptors, streams, forks, folders, variables, threads.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/functions_lib.sh"

cat >acts.py <<'PY'
import os
import subprocess
import sys
import threading
import time


def note(name, text):
    fd = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, b"%s\n" % str(text).encode())
    os.close(fd)


HERE = os.getcwd()
BEFORE = dict(os.environ)


def fork_both():
    os.fork()
    return 1


def fork_exit():
    if os.fork() == 0:
        sys.exit(3)
    return 1


def fork_raise():
    if os.fork() == 0:
        raise ValueError("in the child")
    os.wait()
    return 1


def background():
    subprocess.Popen(["sleep", "600"])
    return 1


def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    os.wait()
    return 1


def elsewhere():
    os.mkdir("gone")
    os.chdir("gone")
    os.rmdir("../gone")
    return 1


def other_environment():
    os.environ["PPGEN_TASK"] = "mine"
    os.environ["MARK"] = "mine"
    os.environ.pop("PPGEN_SEED")
    del os.environ["PPGEN_INDEX"]
    return 1


def clear_environment():
    path = os.environ["PATH"]
    os.environ.clear()
    os.environ["PATH"] = path
    return 1


def close_stdout():
    print("closed")
    sys.stdout.close()
    return 1


def close_fds():
    print("closed")
    sys.stdout.flush()
    os.close(1)
    os.close(2)
    return 1


class Tee:
    def write(self, text):
        pass

    def flush(self):
        raise RuntimeError("cannot be flushed")


def replace_stdout():
    print("replaced")
    sys.stdout = Tee()
    print("unseen")
    return 1


def no_stdout():
    sys.stdout = sys.stderr = None
    return 1


def redirect():
    print("redirected")
    sys.stdout.flush()
    fd = os.open("elsewhere.txt", os.O_WRONLY | os.O_CREAT)
    os.dup2(fd, 1)
    os.close(fd)
    print("unseen")
    return 1


def threads():
    for i in range(5):
        threading.Thread(target=time.sleep, args=(0.2,)).start()
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    return 1


def failing_thread():
    t = threading.Thread(target=lambda: 1 // 0)
    t.start()
    t.join()
    return 1


def truncate():
    print("x" * 100000)
    sys.stdout.flush()
    os.ftruncate(1, 0)
    return 1


def signals():
    import signal
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    return 1


def hooks():
    sys.excepthook = None
    sys.exit = None
    sys.setrecursionlimit(60)
    return 1


def builtins_gone():
    import json
    json.loads = json.dumps = None
    os.write_all = None
    return 1


def trace():
    sys.settrace(lambda *args: None)
    return 1


def slow_exit():
    import atexit
    atexit.register(note, "left", os.getpid())
    return 1


def act(k, what):
    note("ran." + what, k)
    if k in (10, 50):
        value = globals()[what]()
        assert value == 1
    else:
        print("print", k)
        print("error", k, file=sys.stderr)
    if k in (11, 51):
        # What it did is gone for the next call, where that is ours to say.
        assert os.getcwd() == HERE, os.getcwd()
        assert os.environ["PPGEN_INDEX"] == str(k), os.environ["PPGEN_INDEX"]
        assert os.environ["PPGEN_TASK"].startswith("t"), os.environ["PPGEN_TASK"]
        assert int(os.environ["PPGEN_SEED"]) > 0
        out = subprocess.check_output(["sh", "-c", 'echo "$PPGEN_INDEX $PPGEN_TASK"']).decode().split()
        assert out == [str(k), os.environ["PPGEN_TASK"]], out
    return 2 * k
PY

for what in fork_both fork_exit fork_raise background daemon elsewhere other_environment clear_environment close_stdout close_fds \
	replace_stdout no_stdout redirect threads failing_thread truncate signals hooks builtins_gone trace slow_exit; do
	spec "$what" <<YAML
params: {k: {from: 0, to: 99, step: 1}, what: [$what]}
python: acts:act
YAML
	exits 0 ppgen run -q -j 1 "$what.yaml"
	is "$what: all are good, and have one end each" "$(ends "$what" | cut -d ' ' -f 2- | uniq -c | tr -s ' ')" ' 100 ok 0 0 '
	once "$what: each call once" "ran.$what" 100
	is "$what: what comes after it" "$(values "$what" | tr ' ' '\n' | awk '{ s += $1 } END { print NR, s }')" '100 9900'
	# What was not taken in yet is lost with what `truncate` takes away.
	them='9 11 51 99'
	[ "$what" != truncate ] || them='51 99'
	for k in $them; do
		echo "$k $(ppgen log "$what.yaml" "$k" --stdout) $(ppgen log "$what.yaml" "$k" --stderr)"
	done >"$what.prints"
	is "$what: others' prints are theirs" "$(cat "$what.prints")" "$(for k in $them; do echo "$k print $k error $k"; done)"
	clean "$what"
done
ppgen log close_stdout.yaml 10 --stdout >"$out"
is 'close_stdout: what it had printed' "$(cat "$out")" closed
is 'replace_stdout: what it had printed' "$(ppgen log replace_stdout.yaml 50 --stdout)" replaced
is 'redirect: what it had printed' "$(ppgen log redirect.yaml 50 --stdout)" redirected
is 'redirect: what went elsewhere' "$(cat elsewhere.txt)" unseen
like 'failing_thread: its traceback is there' <(ppgen log failing_thread.yaml 50) ZeroDivisionError
is 'slow_exit: interpreters leave in their own way' "$(sort -u left | wc -l)" 1

done_testing
