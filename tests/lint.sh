#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `make lint`: shell scripts, manual pages, spelling, layout and the C code, each by the program that knows it; one TAP line each.
# Takes srcdir, builddir, C_FILES and CPPFLAGS from the environment. All are run, then the exit code says whether one complained.

set -u
: "${srcdir:?}" "${builddir:?}" "${C_FILES:?}" "${CPPFLAGS:?}"
cd "$srcdir" || exit 99
count=0
failed=0
log=$(mktemp) || exit 99
trap 'rm -f "$log"' EXIT
read -ra c_files <<<"$C_FILES"
read -ra cppflags <<<"$CPPFLAGS"

# One check: its name, then the command; the program that it needs is the command's first word.
check() {
	local name=$1
	shift
	count=$((count + 1))
	if ! command -v "$1" >/dev/null; then
		echo "ok $count - $name # SKIP no $1 found"
	elif "$@" >"$log" 2>&1; then
		echo "ok $count - $name"
	else
		echo "not ok $count - $name"
		sed 's/^/# /' "$log" | head -n 100
		failed=1
	fi
}

mapfile -t scripts < <(find quickstart .ci/run tests -path tests/cases -prune -o \( -name '*.sh' -o -name quickstart -o -path .ci/run \) -print)
mapfile -t words < <(find . -path ./.git -prune -o -path './build*' -prune -o -path ./autom4te.cache -prune -o -path ./tests/cases -prune -o \
	-name runs -prune -o -type f \( -name '*.[ch]' -o -name '*.md' -o -name '*.sh' -o -name '*.m4' -o -name '*.txt' -o -name '*.yaml' \
	-o -name configure.ac -o -name Makefile.am -o -name quickstart \) -print)

check 'shellcheck' shellcheck "${scripts[@]}"
check 'mandoc -Tlint' mandoc -Tlint -Wwarning "$builddir"/man/*.1 "$builddir"/man/ppgen-spec.5
check 'codespell' codespell -L nd,ist,te,fo,ba,ans,hist "${words[@]}"
check 'clang-format' clang-format --dry-run -Werror "${c_files[@]}"
check 'cppcheck' cppcheck -q -j 2 --std=c11 --language=c --enable=warning,portability --inline-suppr \
	--suppress=missingIncludeSystem --suppress=identicalInnerCondition --error-exitcode=1 "${cppflags[@]}" "${c_files[@]}"
check 'clang-tidy' xargs -P 2 -n 8 sh -c 'clang-tidy --quiet "$@" -- -std=c11 '"$CPPFLAGS" tidy \
	< <(printf '%s\n' "${c_files[@]}" | grep '\.c$')

echo "1..$count"
exit $failed
