#!/bin/bash
# SPDX-License-Identifier: MIT
#
# ppgen.map and ppgen.submit of the Python package on a real Slurm: results as on this machine, a handle and the same one in another
# session, failures, what is refused meanwhile, cancelling, and going on here with what was begun there.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"
cluster_up slurm --no-rest

python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3)
PYTHONPATH=$SRC/python:$SRC/tests/python
PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE

says_python() { "$python" -c "import functions, ppgen; $1"; }

cat >mapped.py <<'END'
import functions
import ppgen


def scaled(x):
    functions.note(x)
    return (x, {"scaled": x * FACTOR})


FACTOR = 3
if __name__ == "__main__":
    assert ppgen.map(scaled, range(20), on="slurm", options={"submit": {"elements": 2}}) == [
        (x, {"scaled": 3 * x}) for x in range(20)]
    assert ppgen.map(scaled, [5, 50]) == [(5, {"scaled": 15}), (50, {"scaled": 150})]
    try:
        ppgen.map(functions.not_three, [1, 3], on="slurm", name="fails")
    except ppgen.TaskError as error:
        print(error.index, error.item, error.why)
END
ok 'a map over an array of jobs' "$python" mapped.py
is 'an exception names its item' "$(cat "$out")" '1 3 ValueError: three'
is 'each item is called once; here only what was not called there' "$(sort -n calls | uniq | wc -l) $(wc -l <calls)" '21 23'

rm -f calls
ok 'a handle' says_python '
run = ppgen.submit(functions.waits, range(4), on="slurm", name="w", options={"submit": {"elements": 2}})
assert not run.done()
assert run.status()["submission"]["ended"] is None
try:
    ppgen.map(functions.waits, [9], name="w")
except ppgen.PpgenError as error:
    print(error)
'
like 'while it is under way, its items are left alone' "$out" "^submission 0001 of 'runs/w' is under way"
exits 1 says_python 'ppgen.load("runs/w").results()'
like 'a result that is not there yet' "$err" 'has no result yet: wait\(\) waits for it'
touch go
ok 'another session waits for it' says_python '
run = ppgen.load("runs/w")
assert run.wait()
assert run.results() == [0, 1, 2, 3] and run.done()
'

rm -f calls go
ok 'one that is cancelled' says_python '
run = ppgen.submit(functions.waits, range(4), on="cluster", name="c", options={"submit": {"elements": 2}})
run.cancel()
assert run.wait(60)
assert run.status()["good"] == 0
'
touch go
ok 'goes on here' says_python 'assert ppgen.map(functions.waits, range(4), name="c") == [0, 1, 2, 3]'

done_testing
