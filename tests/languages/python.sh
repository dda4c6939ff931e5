#!/bin/sh
# SPDX-License-Identifier: MIT
# What templates/python.py answers, call by call. PPGEN_TEST_PYTHON names another interpreter; the system's has NumPy and pandas where
# the packages are installed.

SRC=$(CDPATH='' cd -- "$(dirname "$0")/../.." && pwd) || exit 99
python=${PPGEN_TEST_PYTHON:-}
[ -n "$python" ] || for python in /usr/bin/python3 "$(command -v python3)"; do
	[ -x "$python" ] && break
done
if ! command -v "$python" >/dev/null; then
	echo "1..0 # SKIP there is no python3"
	exit 0
fi
command -v python3 >/dev/null && driver=python3 || driver=$python
# shellcheck disable=SC2086 # words
exec "$driver" -B "$SRC/tests/languages/check_python.py" $python
