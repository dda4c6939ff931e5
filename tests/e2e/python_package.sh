#!/bin/sh
# SPDX-License-Identifier: MIT
# The Python package: tests/python with the built program, doctests with them. PPGEN_TEST_PYTHON names another interpreter; the
# system's has NumPy, pandas and cloudpickle where the packages are installed.

. "$(dirname "$0")/lib.sh"

python=${PPGEN_TEST_PYTHON:-}
[ -n "$python" ] || for python in /usr/bin/python3 "$(command -v python3)"; do
	[ -x "$python" ] && break
done
command -v "$python" >/dev/null || skip_all 'there is no python3'

PYTHONPATH=$SRC/python
PYTHONDONTWRITEBYTECODE=1
TMPDIR=$T
export PYTHONPATH PYTHONDONTWRITEBYTECODE TMPDIR
"$python" "$SRC/tests/python/tap.py" "$@"
