#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `make coverage`: which share of each file's lines and branches the tests ran, the least covered first, and the whole. Then what
# no test reached in run/ and collect/: lines, and conditions that always went one way. There, each is either reached by a test or
# argued: a comment `no test: WHY` on the line or in the lines just above leaves it, and what is unreached right below it, out of
# the list. Run in the build folder; a file named as an argument is listed instead of the two rooms.

# shellcheck disable=SC2016 # the inner shell expands
find . -name '*.gcda' ! -path './tests/*' -exec "${SHELL:-sh}" -c '
	for f; do ${GCOV:-gcov} -b -c -t -o "$(dirname "$f")" "$f"; done' coverage {} + 2>/dev/null |
	awk -v top="${srcdir:-.}" -v listed="${1:-(run|collect)/.*}" '
	# What a line of the source is worth in the list: its condition went one way, or it did not run.
	function end_line() {
		if (reason && state != "" ) argued++
		else if (state == "line") missed[++n_missed] = sprintf("%s:%d: not reached: %s", file, number, code)
		else if (state == "branch") oneway[++n_oneway] = sprintf("%s:%d: one way only: %s", file, number, code)
		state = ""
	}
	/^ +-: +0:Source:/ {
		end_line()
		file = substr($0, index($0, "Source:") + 7)
		if (index(file, top "/") == 1) file = substr(file, length(top) + 2)
		wanted = file ~ /\.c$/ && file !~ /^\//
		listing = file ~ ("^" listed "$")
		reason = 0
		next
	}
	!wanted { next }
	/^ *[^ :]+: *[0-9]+:/ {
		end_line()
		split($0, part, ":")
		count = part[1]
		number = part[2] + 0
		if (number == 0) next
		code = substr($0, length(part[1]) + length(part[2]) + 3)
		ran = count !~ /-$|#####$|=====$/
		if (code ~ /no test: /) reason = 1
		else if (ran && !comment) reason = 0
		comment = reason && count ~ /-$/ # the lines of the comment and blank ones
		sub(/^[ \t]+/, "", code)
		if (count !~ /-$/) {
			lines[file]++
			run[file] += ran
			if (!ran && listing) state = "line"
		}
		next
	}
	/^branch / {
		branches[file]++
		if (/taken [1-9]/) taken[file]++
		else if (listing && state == "" && ran) state = "branch"
	}
	END {
		end_line()
		print "lines           branches"
		for (f in lines) {
			share = branches[f] ? sprintf("%5.1f%% of %5d", 100 * taken[f] / branches[f], branches[f]) : "              "
			printf "%5.1f%% of %5d %s  %s\n", 100 * run[f] / lines[f], lines[f], share, f | "sort -n"
			split(f, room, "/")
			if (f !~ /\//) room[1] = "ppgen.c"
			room_lines[room[1]] += lines[f]; room_run[room[1]] += run[f]
			room_branches[room[1]] += branches[f]; room_taken[room[1]] += taken[f]
			all_lines += lines[f]; all_run += run[f]; all_branches += branches[f]; all_taken += taken[f]
		}
		close("sort -n")
		for (r in room_lines)
			printf "%5.1f%% of %5d %5.1f%% of %5d  all of %s\n", 100 * room_run[r] / room_lines[r], room_lines[r],
				100 * room_taken[r] / (room_branches[r] + !room_branches[r]), room_branches[r], r | "sort -n"
		close("sort -n")
		if (!all_lines) exit 1
		printf "%5.1f%% of %5d %5.1f%% of %5d  all\n", 100 * all_run / all_lines, all_lines,
			100 * all_taken / all_branches, all_branches
		print ""
		for (i = 1; i <= n_missed; i++) print missed[i]
		for (i = 1; i <= n_oneway; i++) print oneway[i]
		printf "%d lines not reached and %d conditions that went one way, without a reason in the source; %d with one\n",
			n_missed, n_oneway, argued
	}'
