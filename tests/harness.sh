#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs one test for `make check`: tests/harness.sh SECONDS COMMAND...
#
# A test that hangs is ended after so many seconds. What it says goes to a file first, so that a process that a failed test left
# behind cannot keep a pipe open and hang all. Descriptors of make's are closed: some tests count theirs. With VALGRIND set, the
# test (when it is a program) and every ppgen that it starts run under memcheck, and what that finds makes the test fail.

limit=$1
shift
place=$(mktemp -d "${TMPDIR:-/tmp}/ppgen-harness.XXXXXX") || exit 99
said=$place/said
trap 'rm -rf "$place"' EXIT
code=0
if [ -n "${VALGRIND:-}" ]; then
	tests=$(CDPATH='' cd -- "$(dirname "$0")" && pwd) || exit 99
	VALGRIND_LOGS=$place/logs
	export VALGRIND_LOGS
	mkdir "$VALGRIND_LOGS" || exit 99
	printf '#!/bin/sh\nexec sh "%s/valgrind.sh" "%s" "$@"\n' "$tests" "$PPGEN" >"$place/ppgen"
	chmod +x "$place/ppgen"
	PPGEN=$place/ppgen
	case $1 in
	*/unit/*) set -- sh "$tests/valgrind.sh" "$@" ;;
	esac
fi
timeout -k 10 "$limit" "$@" >"$said" 2>&1 </dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- || code=$?
sed 's/^not ok \([0-9]* # SKIP\)/ok \1/' "$said" # cmocka calls a skipped test "not ok"
if [ $code -eq 124 ]; then
	echo "Bail out! ended after $limit s"
fi
if [ -n "${VALGRIND:-}" ] && ! sh "$tests/valgrind.sh" --look "$VALGRIND_LOGS"; then
	echo "# valgrind found the above"
	[ $code -ne 0 ] || code=1
fi
exit $code
