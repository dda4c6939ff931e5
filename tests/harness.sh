#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs one test for `make check`: tests/harness.sh SECONDS COMMAND...
#
# A test that hangs is ended after so many seconds. What it says goes to a file first, so that a process that a failed test left
# behind cannot keep a pipe open and hang all. Descriptors of make's are closed: some tests count theirs.

limit=$1
shift
said=$(mktemp "${TMPDIR:-/tmp}/ppgen-harness.XXXXXX") || exit 99
trap 'rm -f "$said"' EXIT
code=0
timeout -k 10 "$limit" "$@" >"$said" 2>&1 </dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- || code=$?
sed 's/^not ok \([0-9]* # SKIP\)/ok \1/' "$said" # cmocka calls a skipped test "not ok"
if [ $code -eq 124 ]; then
	echo "Bail out! ended after $limit s"
fi
exit $code
