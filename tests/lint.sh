#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `make lint`: shell scripts, manual pages, spelling, layout and the C code, each by the program that knows it; one TAP line each.
# Takes srcdir, builddir, VERSION, C_FILES and LIB_CFLAGS from the environment. All are run, then the exit code says whether one
# complained.

set -u -o pipefail
: "${srcdir:?}" "${builddir:?}" "${VERSION:?}" "${C_FILES:?}" "${LIB_CFLAGS?}"
cd "$srcdir" || exit 99
count=0
failed=0
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log
read -ra c_files <<<"$C_FILES"
read -ra lib_cflags <<<"$LIB_CFLAGS"
cppflags=(-D_GNU_SOURCE "-DPPGEN_VERSION=\"$VERSION\"" "-I$srcdir" "${lib_cflags[@]}")

# One check: its name, the program that it needs, the command.
check() {
	local name=$1 program=$2
	shift 2
	count=$((count + 1))
	if ! command -v "$program" >/dev/null; then
		echo "ok $count - $name # SKIP no $program found"
	elif "$@" >"$log" 2>&1; then
		echo "ok $count - $name"
	else
		echo "not ok $count - $name"
		sed 's/^/# /' "$log" | head -n 100
		failed=1
	fi
}

mapfile -t scripts < <(find quickstart .ci/run tests bench -path tests/cases -prune -o -type f \( -name '*.sh' -o -name quickstart \
	-o -path .ci/run -o -path 'bench/[a-z]*' ! -name '*.*' ! -name pool ! -name 'python*' -o -path 'tests/cluster/[a-z]*' ! -name '*.*' \) -print)
mapfile -t words < <(find . -path ./.git -prune -o -path './build*' -prune -o -path ./autom4te.cache -prune -o -path ./tests -prune -o \
	-path ./examples/words/sonnets -prune -o -name runs -prune -o -type f \( -name '*.[ch]' -o -name '*.md' -o -name '*.sh' -o -name '*.m4' -o -name '*.txt' -o -name '*.yaml' \
	-o -name configure.ac -o -name Makefile.am -o -name quickstart \) -print)

# Manual pages have no date: the same source must give the same bytes.
pages() {
	! mandoc -Tlint -Wwarning "$@" | grep -v 'missing date, using ""'
}

# The files that `make format` would change.
layout() {
	! clang-format --dry-run "$@" 2>&1 | sed -n 's/^\([^ :]*\):[0-9]*:[0-9]*: warning: code should.*/\1/p' | uniq -c | grep .
}

# Its flags come from a file; it counts what it does not show, which nobody wants to read.
tidy() {
	printf '%s\n' -std=c11 "${cppflags[@]}" >"$scratch/compile_flags.txt"
	printf '%s\n' "${c_files[@]}" | grep '\.c$' | xargs -P 2 -n 8 clang-tidy --quiet -p "$scratch" 2>&1 |
		sed -E '/^[0-9]* *warnings? generated\.$/d'
}

check 'shellcheck' shellcheck shellcheck -S warning "${scripts[@]}"
check 'mandoc -Tlint' mandoc pages "$builddir"/man/*.1 "$builddir"/man/ppgen-spec.5 man/ppgen-sites.5 man/ppgen-template.5 man/ppgen-language.7
# upto is a field's name, hexdecimal a slip of libyaml's; tests/ misspells on purpose.
check 'codespell' codespell codespell -L nd,ist,te,fo,ba,ans,hist,upto,hexdecimal --ignore-regex '\\n' "${words[@]}"
check 'clang-format' clang-format layout "${c_files[@]}"
check 'cppcheck' cppcheck cppcheck -q -j 2 --std=c11 --language=c --enable=warning,portability --inline-suppr \
	--suppress=missingIncludeSystem --suppress=identicalInnerCondition --suppress=internalAstError --error-exitcode=1 "${cppflags[@]}" "${c_files[@]}"
check 'clang-tidy' clang-tidy tidy

echo "1..$count"
exit $failed
