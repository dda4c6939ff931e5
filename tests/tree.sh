#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The rules of the tree that no compiler checks: the lists in Makefile.am are in step with the disk, includes go one way, no banned
# function is called, every file names its licence, and no file or function is too long.

cd "$(dirname "$0")/.." || exit 99

rooms='base gen store run submit collect cmd'
file_most=500
function_most=80
count=0
failed=0

# The verdict on one rule: its name, and the findings (none is good).
rule() {
	count=$((count + 1))
	if [ -z "$2" ]; then
		echo "ok $count - $1"
		return
	fi
	echo "not ok $count - $1"
	printf '%s\n' "$2" | sed 's/^/# /'
	failed=1
}

sources() {
	for room in $rooms; do
		[ -d "$room" ] && find "$room" -name '*.[ch]'
	done
	echo ppgen.c
}

# What Makefile.am lists, one word a line; comments do not count.
listed() {
	sed '/^#/d' Makefile.am | tr -s ' \t\134' '\n' | sort -u
}

# Files on disk (stdin) that Makefile.am does not list, and listed ones that match $1 and are not on disk.
out_of_step() {
	sort -u | comm -3 - <(listed | grep -E "$1") |
		sed -E 's/^\t(.*)/\1: listed in Makefile.am, not on disk/; t; s/$/: not listed in Makefile.am/'
}

# The C code without comments and the insides of strings, as file:line:code. After --strings they stay.
code() {
	local strings=0
	if [ "$1" = --strings ]; then
		strings=1
		shift
	fi
	awk -v strings=$strings '
	FNR == 1 { inside = 0 }
	{
		line = $0
		out = ""
		while (length(line) > 0) {
			if (inside) {
				end = index(line, "*/")
				if (!end) { line = ""; break }
				line = substr(line, end + 2)
				inside = 0
			} else if (match(line, /^[^"\x27\/]+/)) {
				out = out substr(line, 1, RLENGTH)
				line = substr(line, RLENGTH + 1)
			} else if (substr(line, 1, 2) == "/*") {
				line = substr(line, 3)
				inside = 1
			} else if (substr(line, 1, 2) == "//") {
				line = ""
			} else if (match(line, /^"([^"\\]|\\.)*"/) || match(line, /^\x27([^\x27\\]|\\.)*\x27/)) {
				out = out (strings ? substr(line, 1, RLENGTH) : "\"\"")
				line = substr(line, RLENGTH + 1)
			} else {
				out = out substr(line, 1, 1)
				line = substr(line, 2)
			}
		}
		print FILENAME ":" FNR ":" out
	}' "$@"
}

mapfile -t files < <(sources)
mapfile -t units < <(find tests/unit -name 'test_*.c')

rule 'every source is listed in Makefile.am' \
	"$(printf '%s\n' "${files[@]}" | out_of_step '^(base|gen|store|run|submit|collect|cmd)/.*\.[ch]$|^ppgen\.c$')"
rule 'every unit test is listed in Makefile.am' \
	"$(printf '%s\n' "${units[@]%.c}" | sed '/^$/d' | out_of_step '^tests/unit/test_[a-z0-9_]*$')"
rule 'every header of the unit tests and every fuzz target is listed in Makefile.am' \
	"$(find tests/unit tests/fuzz -name '*.h' -o -path 'tests/fuzz/*.c' | out_of_step '^tests/(unit/.*\.h|fuzz/.*\.[ch])$')"
rule 'every end-to-end test is listed in Makefile.am' \
	"$(find tests/e2e -name '*.sh' ! -name '*lib.sh' | out_of_step '^tests/e2e/.*\.sh$')"

rule 'every command has its manual page in Makefile.am' \
	"$(sed -nE '/^\t\.name = /s/.*"(.*)".*/man\/ppgen-\1.1/p' cmd/*.c | grep -v '^man/ppgen-man.1$' |
		out_of_step '^man/ppgen-[a-z]*\.1$')"

rule "includes go one way: ${rooms// / < }" "$(
	grep -Hn '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "${files[@]}" | awk -F: -v rooms="$rooms" '
	BEGIN { n = split(rooms, name, " "); for (i = 1; i <= n; i++) rank[name[i]] = i }
	{
		split($1, from, "/")
		match($3, /"[^"]*"/)
		file = substr($3, RSTART + 1, RLENGTH - 2)
		split(file, to, "/")
		mine = from[1] in rank ? rank[from[1]] : n + 1
		if (!(to[1] in rank)) print $1 ":" $2 ": include \"" file "\" by its room"
		else if (rank[to[1]] > mine) print $1 ":" $2 ": " from[1] " must not include " file
	}')"
rule 'every quoted include is a file here' "$(
	grep -Hn '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "${files[@]}" "${units[@]}" |
		sed -E 's/^([^:]*:[0-9]*):[^"]*"([^"]*)".*/\1 \2/' |
		while read -r place file; do
			[ -f "$file" ] || echo "$place: no file '$file'"
		done)"
rule 'no banned function is called' "$(
	code "${files[@]}" "${units[@]}" |
		grep -E '(^|[^a-zA-Z0-9_.>])(v?sprintf|strcpy|strcat|strncpy|strncat|strtok|system|popen|atoi|gets|alloca|tmpnam|mktemp)[[:space:]]*\('
	code "${files[@]}" | grep -E '(^|[^a-zA-Z0-9_.>])(atol|atoll|atof)[[:space:]]*\(')"
rule 'only main, a child after fork and running out of memory exit' "$(
	code "${files[@]}" | grep -E '(^|[^a-zA-Z0-9_])(exit|abort)[[:space:]]*\(' |
		grep -vE '^(ppgen\.c|base/mem\.c):')"
# All that is known of schedulers stands in templates/.
rule 'no scheduler is named in the code' "$(
	code --strings "${files[@]}" |
		grep -iE '(^|[^a-z])(slurm|pbs|sge|torque|grid ?engine|lsf|flux|[sq]batch|squeue|sacct|scontrol|scancel|srun|q(sub|stat|del|conf|acct))([^a-z]|$)')"
rule 'every file names its licence' "$(
	find . -path ./.git -prune -o -path './build*' -prune -o -path ./autom4te.cache -prune -o -path ./tests/cases -prune -o \
		-path ./examples -prune -o -name runs -prune -o -name aclocal.m4 -prune -o \
		-type f \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.m4' -o -name configure.ac \
		-o -name Makefile.am -o -path ./quickstart -o -path ./.ci/run \) -exec grep -L 'SPDX-License-Identifier: MIT' {} +)"
rule "no file is over $file_most lines (a test, with its tables, twice that)" "$(
	awk -v most=$file_most 'FNR > seen[FILENAME] { seen[FILENAME] = FNR }
	END { for (f in seen) if (seen[f] > (f ~ /^(\.\/)?tests\// ? 2 * most : most)) print f ": " seen[f] " lines" }' \
		"${files[@]}" "${units[@]}" | sort)"
rule "no function is over $function_most lines" "$(
	awk -v most=$function_most '
	/^{/ { start = FNR }
	/^}/ { if (start && FNR - start + 1 > most) print FILENAME ":" start ": " FNR - start + 1 " lines"; start = 0 }
	FNR == 1 && !/^{/ { start = 0 }' "${files[@]}")"
# A message stays in one piece, so that it can be searched for.
rule 'no line without a string is over 100 columns' "$(
	for f in "${files[@]}"; do
		expand -t 8 "$f" | awk -v f="$f" 'length($0) > 100 && !/"/ { print f ":" NR ": " length($0) " columns" }'
	done)"

echo "1..$count"
exit $failed
