#!/bin/bash
# SPDX-License-Identifier: MIT
# Functions that cannot be had: what is wrong is shown with its place, no task is charged with it, and what is put right runs.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/functions_lib.sh"

cat >good.py <<'PY'
def run(x):
    return x


def two(x, y):
    return x


def positional(*args):
    return 1


async def later(x):
    return x


class Model:
    def __init__(self, x):
        self.x = x

    def __call__(self, x):
        return x

    @staticmethod
    def fit(x):
        return 3 * x


NUMBER = 5
run_all = Model(1)
PY
cat >missing.py <<'PY'
"""Wants what is not there."""
import no_such_module_at_all


def run(x):
    return x
PY
cat >raises.py <<'PY'
print("before the fault")
TABLE = {}["no such key"]


def run(x):
    return x
PY
printf 'def run(x):\n    return (x\n' >syntax.py
printf 'import sys\nsys.exit(7)\n' >leaves.py
printf 'import os\nos._exit(7)\n' >gone.py
printf 'import os\nos._exit(0)\n' >gone0.py
printf 'import os, resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\nos.abort()\n' >crashes.py
printf 'import sys\nprint("x" * 3000000)\nsys.stderr.write("last words\\n")\nraise ValueError("after much")\n' >talks.py
printf 'import os\nos.write(4, b"hello there\\n")\nos.write(1, b"0 ok\\n")\n\n\ndef run(x):\n    return x\n' >writes.py
printf 'import missing\n\n\ndef run(x):\n    return x\n' >indirect.py
mkdir -p pack/inner
: >pack/__init__.py
: >pack/inner/__init__.py
printf 'def run(x):\n    return x\n' >pack/inner/sim.py

# What cannot be had; what is said (ERE); what else is shown of it (ERE).
# name|call|said|shown
while IFS='|' read -r name call said shown; do
	spec "$name" <<YAML
params: {x: [1, 2, 3, 4]}
python: {call: "$call"}
YAML
	code=0
	ppgen run -q -j 2 "$name.yaml" >"$out" 2>"$err" || code=$?
	is "$name: neither good nor a failure of tasks" "$code" 2
	like "$name: what is wrong is said" "$err" "$said"
	like "$name: and shown" "$err" "$shown"
	[ "$name" = crashes ] || unlike "$name: nothing of ours is" "$err" '/dev/fd/5|importlib'
	is "$name: no task is charged" "$(cat "runs/$name/journal/"*/*.jsonl 2>/dev/null | grep '"k":"end"' | grep -vc '"out":"interrupted"')" 0
	clean "$name"
done <<'END'
missing|missing:run|python 'missing:run': cannot import 'missing': ModuleNotFoundError: No module named 'no_such_module_at_all' \(missing.py:2\)|File ".*missing.py", line 2
indirect|indirect:run|cannot import 'indirect': ModuleNotFoundError: .* \(missing.py:2\)|File ".*indirect.py", line 1
raises|raises:run|cannot import 'raises': KeyError: 'no such key' \(raises.py:2\)|^KeyError: 'no such key'
syntax|syntax.py:run|cannot import 'syntax.py': SyntaxError: .* \(syntax.py:[123]\)|SyntaxError: 
leaves|leaves:run|cannot import 'leaves': it left by sys.exit\(7\) \(leaves.py:2\)|leaves.py
gone|gone:run|its interpreter ended while it loaded the function: exit code 7|exit code 7
gone0|gone0:run|its interpreter ended while it loaded the function: exit code 0|exit code 0
crashes|crashes:run|its interpreter ended while it loaded the function: signal 6 \(Aborted\)|signal 6
talks|talks:run|cannot import 'talks': ValueError: after much \(talks.py:4\)|^last words
nobody|good:nobody|there is no 'nobody' in 'good' \(.*good.py\)|good.py
number|good:NUMBER|'good:NUMBER' is a 'int', and cannot be called|int
needs|good:two|'two' needs 'y', which is no parameter of the spec: add it, or give it a default|needs 'y'
positional|good:positional|'positional' does not take the parameter 'x'|takes? the parameter 'x'|
later|good:later|'later' is a coroutine \(async def\)|asyncio.run
END
for name in gone crashes; do
	ppgen status "$name.yaml" >"$out" 2>&1
	unlike "$name: status has no failure" "$out" '[1-9] failed'
done
spec extra <<'YAML'
params: {x: [1, 2], z: [1]}
python: good:run
YAML
exits 2 ppgen run -q extra.yaml
like 'extra: a parameter that it does not take' "$err" "'run' does not take the parameter 'z': add it, or \*\*others"

# What `check` sees without an interpreter.
for call in nomodule:run nofile.py:run pack.inner.none:run; do
	spec none <<YAML
params: {x: [1, 2]}
python: {call: "$call"}
YAML
	code=0
	ppgen run -q none.yaml >"$out" 2>"$err" || code=$?
	like "$call: what is missing is named" "$err" "${call%%:*}"
	is "$call: does not run" "$code" 2
	is "$call: no task is charged" "$(cat runs/none/journal/*/*.jsonl 2>/dev/null | grep '"k":"end"' | grep -vc '"out":"interrupted"')" 0
	rm -rf runs/none
done

# Interpreters that are none.
printf '#!/bin/sh\nexit 9\n' >exits
printf '#!/bin/sh\necho 1 2 3 >&4\nexec cat <&3 >/dev/null\n' >babbles
printf '#!/bin/sh\necho "{\\"ppgen\\":9}" >&4\nexec cat <&3 >/dev/null\n' >newer
chmod +x exits babbles newer
# name|interpreter|said
while IFS='|' read -r name interpreter said; do
	spec "$name" <<YAML
params: {x: [1, 2]}
python: {call: "good:run", interpreter: "$interpreter"}
YAML
	code=0
	ppgen run -q "$name.yaml" >"$out" 2>"$err" || code=$?
	like "$name: said" "$err" "$said"
	is "$name: does not run" "$code" 2
	is "$name: no task is charged" "$(cat "runs/$name/journal/"*/*.jsonl 2>/dev/null | grep '"k":"end"' | grep -vc '"out":"interrupted"')" 0
	clean "$name"
done <<END
absent|no_such_python|no_such_python
folder|$T/pack|pack
exits|$T/exits|its interpreter ended while it loaded the function: exit code 9
babbles|$T/babbles|what it said first is not the protocol that this ppgen speaks
newer|$T/newer|what it said first is not the protocol that this ppgen speaks
END
# An interpreter with words of its own.
spec words <<'YAML'
params: {x: [1, 2]}
python: {call: "good:run", interpreter: "python3 -W error -X dev"}
YAML
exits 0 ppgen run -q words.yaml
is 'words: an interpreter with options' "$(values words)" '1 2'

# Names in packages, methods, objects that can be called.
for call in pack.inner.sim:run pack/inner/sim.py:run good:Model.fit good:run_all ./good.py:run; do
	spec named <<YAML
params: {x: [1, 2]}
python: {call: "$call"}
YAML
	exits 0 ppgen run -q named.yaml
	want='1 2'
	[ "$call" != good:Model.fit ] || want='3 6'
	is "$call: is called" "$(values named)" "$want"
	rm -rf runs/named
done

# Put right, it runs; what was run is not run again.
spec later2 <<'YAML'
params: {x: [1, 2, 3]}
python: fixed:run
YAML
echo 'def run(x) return x' >fixed.py
exits 2 ppgen run -q later2.yaml
printf 'def run(x):\n    open("fixed.ran", "a").write("%%d\\n" %% (x - 1))\n    return x\n' >fixed.py
exits 0 ppgen run -q later2.yaml
once 'fixed: runs when it is put right' fixed.ran 3
exits 0 ppgen run -q later2.yaml
once 'fixed: and not again' fixed.ran 3

# What writes to the descriptors that the interpreter was started with.
spec writes <<'YAML'
params: {x: [1, 2, 3]}
python: writes:run
YAML
exits 2 ppgen run -q writes.yaml
like 'writes: the descriptor of the answers is none of its own' "$err" "cannot import 'writes': OSError: .*Bad file descriptor"
clean 'writes'

# One that hangs when it is loaded.
cat >hangs.py <<'PY'
import os
import time

open("hangs.began", "a").write("%d\n" % os.getpid())
while not os.path.exists("hangs.go"):
    time.sleep(0.02)


def run(x):
    open("hangs.ran", "a").write("%d\n" % x)
    return x
PY
spec hangs <<'YAML'
params: {x: {from: 0, to: 9, step: 1}}
python: hangs:run
resources: {time: 1s}
YAML
for signal in INT TERM; do
	rm -f hangs.began
	ppgen run -q -j 2 hangs.yaml >"$out" 2>"$err" &
	pid=$!
	within 20 test -s hangs.began
	is "hangs: one loads it first (SIG$signal)" "$(wc -l <hangs.began)" 1
	kill -s $signal "$pid"
	[ $signal = TERM ] || { sleep 0.3; kill -s $signal "$pid"; }
	code=0
	wait "$pid" || code=$?
	ok "hangs: SIG$signal ends it ($code)" test "$code" -ge 1
	clean "hangs (SIG$signal)"
	is "hangs: no task is charged (SIG$signal)" "$(cat runs/hangs/journal/*/*.jsonl 2>/dev/null | grep '"k":"end"' | grep -vc interrupted)" 0
done
(
	sleep 2.5
	: >hangs.go
) &
exits 0 ppgen run -q -j 2 hangs.yaml
once 'hangs: loading is no part of the limit of a task' hangs.ran 10
done_testing
