#!/bin/sh
# SPDX-License-Identifier: MIT
# `pip install ./python`: from the tree, without a way to the internet, and away again.
. "$(dirname "$0")/lib.sh"

unset PYTHONPATH PIP_REQUIRE_VIRTUALENV
PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
export PIP_CONFIG_FILE PIP_NO_INDEX PIP_DISABLE_PIP_VERSION_CHECK PIP_NO_CACHE_DIR
python=
for candidate in python3 /usr/bin/python3; do
	"$candidate" -c 'import ensurepip' 2>/dev/null && python=$candidate && break
done
[ -n "$python" ] || skip_all 'no python3 with ensurepip (python3-venv) here'

cp -R "$SRC/python" tree
chmod -R u+w tree
find tree | grep -v __pycache__ | sort >before
ok 'a virtual environment' "$python" -m venv env
exits 0 env/bin/pip install ./tree
find tree | grep -v __pycache__ | sort >after
same_file 'nothing is left in the tree' before after

mkdir elsewhere
cd elsewhere || exit 99
exits 0 ../env/bin/python -c 'import ppgen; print(ppgen.__file__); print("ppgen " + ppgen.__version__)'
like 'it is the installed one' "$out" '/env/lib.*/site-packages/ppgen/__init__\.py$'
is 'of the version of the program' "$(tail -n 1 "$out")" "$("$PPGEN" --version | head -n 1)"
cat >squares.py <<'PY'
import ppgen

def square(x):
    return x * x

if __name__ == "__main__":
    print(ppgen.map(square, range(5)))
PY
exits 0 ../env/bin/python squares.py
is 'it calls' "$(cat "$out")" '[0, 1, 4, 9, 16]'
exits 0 ../env/bin/python -m pip check
exits 0 ../env/bin/pip uninstall -y ppgen
exits 1 ../env/bin/python -c 'import ppgen'
exits 0 ../env/bin/pip install -e ../tree
exits 0 ../env/bin/python -c 'import ppgen; print(ppgen.__file__)'
is 'editable: it is the tree' "$(cat "$out")" "$T/tree/ppgen/__init__.py"
done_testing
