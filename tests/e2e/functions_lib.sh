# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What the scripts on functions have in common, behind lib.sh:
#
#	spec NAME <<'YAML'         NAME.yaml: the head, then what is read from stdin; with ISOLATE=fork each call gets a process
#	ends NAME [FILTER]         "index outcome exit signal why" of each end record, by index; FILTER is jq's
#	once DESCRIPTION FILE N    FILE has each number from 0 to N-1 exactly once
#	nothing_left               whether no process of a task or interpreter lives
#	clean DESCRIPTION          a check of that, after some patience
#	values NAME                the table's column `value`, in the tasks' order
#
# Interpreters are found by their environment: PPGEN_RUN is below this script's folder.

skip_without() {
	command -v "$1" >/dev/null || skip_all "there is no $1"
}
skip_without python3
skip_without jq

# The interpreter itself, where `python3` is a script that looks for it.
PATH=$(dirname "$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')"):$PATH
export PATH PYTHONDONTWRITEBYTECODE=1
if [ "$(python3 -c 'print(1)' 2>&1)" != 1 ]; then
	skip_all 'python3 does not work here'
fi

spec() {
	{
		echo 'ppgen: 1'
		echo "name: $1"
		if [ "${ISOLATE:-worker}" = fork ]; then
			sed -E 's/^python: \{(.*)\}$/python: {\1, isolate: fork}/; t; s/^python: (.*)$/python: {call: "\1", isolate: fork}/'
		else
			cat
		fi
	} >"$1.yaml"
}

ends() {
	cat "runs/$1/journal/"*/*.jsonl | jq -r "select(.k == \"end\") | ${2:-.} | \"\(.i) \(.out) \(.exit) \(.sig) \(.why // \"\")\"" | sort -n
}

once() {
	is "$1" "$(sort -n "$2" | cmp - <(seq 0 $(($3 - 1))) 2>&1; sort -n "$2" | uniq -c | awk '$1 != 1 { print $2 ": " $1 " times" }')" ''
}

nothing_left() {
	! grep -lz "^PPGEN_RUN=$T" /proc/[0-9]*/environ 2>/dev/null | grep -q .
}

clean() {
	within 20 nothing_left
	is "$1: nothing is left running" "$(grep -lz "^PPGEN_RUN=$T" /proc/[0-9]*/environ 2>/dev/null)" ''
}

values() {
	python3 -c '
import csv, sys
print(" ".join(row["value"] for row in csv.DictReader(open(sys.argv[1]))))' "runs/$1/collect/results.csv"
}
