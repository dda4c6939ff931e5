#!/bin/sh
# SPDX-License-Identifier: MIT
#
# For `make check-valgrind`: tests/valgrind.sh PROGRAM ARGUMENTS... runs a program of ours under memcheck, with a log in
# $VALGRIND_LOGS; tests/valgrind.sh --look FOLDER prints what the logs found and exits with 1 when that is anything.
#
# What a program starts is not looked at (a task's shell, python): only what it forks. A log decides, not the exit code, for that
# is what most tests are about. Leaked memory counts when nothing points to it any more. A descriptor counts when it was opened by
# the program itself and is open when it ends; those that are meant to stay open are listed below. A process that a unit test forks
# ends with what the test held, so there only the first process counts for leaks. Code that PCRE2 makes as it goes reads whole words
# at the ends of a text; it is known by having no name, nor its callers: a suppression that says "no name" would fit every fault.

dir=$(CDPATH='' cd -- "$(dirname "$0")" && pwd) || exit 99

if [ "${1:-}" != --look ]; then
	exec valgrind -q --leak-check=full --show-leak-kinds=definite --track-fds=yes --num-callers=20 --vgdb=no \
		--suppressions="$dir/valgrind.supp" --log-file="$VALGRIND_LOGS/${1##*/}.$$" "$@"
fi

# Functions whose descriptors stay open until the process ends, and why.
#	guard_start        the pipe by which each of the two processes sees the other's end
kept='guard_start'

found=0
for log in "$2"/*; do
	[ -s "$log" ] || continue
	awk -v log_name="${log##*/}" -v kept="^($kept)\$" '
	# The lines of one process, up to an empty one, are one finding; processes write between one another.
	function take(pid) {
		if (kind[pid] == "error" || (lasting(pid) && (kind[pid] == "leak" || (kind[pid] == "fd" && stack[pid])))) {
			printf "%s", text[pid]
			bad = 1
		}
		kind[pid] = text[pid] = stack[pid] = beyond[pid] = ""
	}
	function lasting(pid) { return log_name !~ /^test_/ || pid == first }
	BEGIN { first = log_name; sub(/.*\./, "", first) }
	!match($0, /^==[0-9]+==/) { print "# " $0; bad = 1; next }
	{ pid = substr($0, 3, RLENGTH - 4); $0 = substr($0, RLENGTH + 2) }
	/^$/ { take(pid); next }
	/^FILE DESCRIPTORS: / { next }
	kind[pid] == "" {
		if (/^Open (file descriptor|AF_)/) kind[pid] = "fd"
		else if (/ (are|is) definitely lost /) kind[pid] = "leak"
		else kind[pid] = "error"
	}
	kind[pid] == "error" && /^ +at 0x[0-9A-F]+: \?\?\?$/ && !stack[pid] { kind[pid] = "made" }
	kind[pid] == "made" && /^ +by 0x/ && !/: \?\?\?$/ && !beyond[pid] { kind[pid] = "error" }
	/^ +Address 0x/ { beyond[pid] = 1 }
	/^ +(at|by) 0x/ { stack[pid] = 1 }
	kind[pid] == "fd" && $3 ~ kept { kind[pid] = "kept" }
	{ text[pid] = text[pid] "# " $0 "\n" }
	END {
		for (pid in kind) take(pid)
		exit bad
	}' "$log" || {
		echo "# in the log ${log##*/}"
		found=1
	}
done
exit $found
