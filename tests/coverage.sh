#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `make coverage`: which share of each file's lines the tests ran, the least covered first, and the whole. Run in the build folder.

# shellcheck disable=SC2016 # the inner shell expands
find . -name '*.gcda' ! -path './tests/*' -exec "${SHELL:-sh}" -c '
	for f; do ${GCOV:-gcov} -n -o "$(dirname "$f")" "$f"; done' coverage {} + 2>/dev/null |
	awk -v top="${srcdir:-.}" '
	/^File / { file = $2; gsub(/\x27/, "", file); if (index(file, top "/") == 1) file = substr(file, length(top) + 2) }
	/^Lines executed:/ && file ~ /\.[ch]$/ && file !~ /^\// {
		split($0, part, /[:% ]+/)
		lines[file] = part[5]
		share[file] = part[3]
		file = ""
	}
	END {
		for (f in lines) {
			printf "%6.1f%% of %5d  %s\n", share[f], lines[f], f | "sort -n"
			all += lines[f]
			run += lines[f] * share[f] / 100
		}
		close("sort -n")
		if (all) printf "%6.1f%% of %5d  all\n", 100 * run / all, all
	}'
