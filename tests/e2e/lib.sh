# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# What every end-to-end script begins with:
#
#	. "$(dirname "$0")/lib.sh"
#
# Then the script stands in an empty scratch folder ($T, removed at the end unless KEEP=1), `ppgen` is the built program
# ($PPGEN, else the one in the build folder or at the top), $SRC is the top of the source, and each check prints one line of TAP.
# HOME and XDG_CONFIG_HOME lie in the scratch folder's neighbour $H, so nothing of the user is read or written.
#
#	ok DESCRIPTION COMMAND...       passes when the command exits with 0
#	exits CODE COMMAND...           passes when it exits with CODE
#	is DESCRIPTION GOT EXPECTED     passes when the two texts are the same
#	like DESCRIPTION FILE ERE       passes when a line of FILE matches; unlike is its opposite
#	same_file DESCRIPTION A B       passes when the files have the same bytes
#	within SECONDS COMMAND...       waits until the command succeeds; returns 1 when it never did (no TAP line of its own)
#	sanitized                       whether the program was built with sanitizers, under which memory cannot be limited
#	skip DESCRIPTION WHY            one check that cannot be made here
#	skip_all WHY                    the same for the whole script; ends it
#	at_end COMMAND                  run at exit, last one first (to stop a server)
#	done_testing                    the plan; ends the script
#
# ok and exits keep what the command wrote in the files $out and $err; a failed check shows both.

set -u
LC_ALL=C
TZ=UTC
export LC_ALL TZ

SRC=$(CDPATH='' cd -- "$(dirname "$0")/../.." && pwd) || exit 99
case ${PPGEN:-} in
/*) ;;
'')
	if [ -n "${abs_top_builddir:-}" ]; then
		PPGEN=$abs_top_builddir/ppgen
	elif [ -x ./ppgen ]; then
		PPGEN=$PWD/ppgen
	elif [ -x "$SRC/build/ppgen" ]; then
		PPGEN=$SRC/build/ppgen
	else
		PPGEN=$SRC/ppgen
	fi
	;;
*/*) PPGEN=$PWD/$PPGEN ;;
*) PPGEN=$(command -v "$PPGEN") ;;
esac
export PPGEN
if [ ! -x "$PPGEN" ]; then
	echo "Bail out! no program at '$PPGEN': build it, or name it in PPGEN"
	exit 99
fi

test_place=$(mktemp -d "${TMPDIR:-/tmp}/ppgen-test.XXXXXX") || exit 99
test_place=$(CDPATH='' cd -- "$test_place" && pwd -P) || exit 99
T=$test_place/work
H=$test_place/home
out=$test_place/out
err=$test_place/err
mkdir "$T" "$H" "$test_place/bin" || exit 99
ln -s "$PPGEN" "$test_place/bin/ppgen"
HOME=$H
XDG_CONFIG_HOME=$H/.config
XDG_CACHE_HOME=$H/.cache
PATH=$test_place/bin:$PATH
export HOME XDG_CONFIG_HOME XDG_CACHE_HOME PATH
cd "$T" || exit 99

test_count=0
test_failed=0
test_at_end=:

test_clean() {
	eval "$test_at_end"
	cd / || :
	if [ "${KEEP:-0}" = 1 ]; then
		echo "# kept: $test_place"
	else
		chmod -R u+rwX "$test_place" 2>/dev/null
		rm -rf "$test_place"
	fi
}
trap test_clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

at_end() {
	test_at_end="$1; $test_at_end"
}

# A file's beginning as TAP comments, each line with a label.
test_show() {
	[ -s "$2" ] && head -n 40 "$2" | sed "s/^/# $1: /"
	:
}

# The TAP line: result (0 is good), description.
test_line() {
	test_count=$((test_count + 1))
	test_text=$(printf '%s' "$2" | tr '\n#\134' '   ' | cut -c 1-200)
	if [ "$1" -eq 0 ]; then
		echo "ok $test_count - $test_text"
		return 0
	fi
	echo "not ok $test_count - $test_text"
	test_failed=$((test_failed + 1))
	return 1
}

ok() {
	test_name=$1
	shift
	test_code=0
	"$@" >"$out" 2>"$err" || test_code=$?
	test_line "$test_code" "$test_name" && return 0
	echo "# exit $test_code from: $*" | tr '\n' ' '
	echo
	test_show stdout "$out"
	test_show stderr "$err"
	return 1
}

exits() {
	test_wanted=$1
	shift
	test_code=0
	"$@" >"$out" 2>"$err" || test_code=$?
	test_line $((test_code != test_wanted)) "exit $test_wanted: $*" && return 0
	echo "# exit $test_code, expected $test_wanted"
	test_show stdout "$out"
	test_show stderr "$err"
	return 1
}

is() {
	test_code=0
	[ "$2" = "$3" ] || test_code=1
	test_line $test_code "$1" && return 0
	printf '%s\n' "$2" | sed 's/^/# got:      /'
	printf '%s\n' "$3" | sed 's/^/# expected: /'
	return 1
}

like() {
	test_code=0
	grep -Eq -e "$3" -- "$2" || test_code=1
	test_line $test_code "$1" && return 0
	printf '%s\n' "$3" | sed 's/^/# no line matches: /'
	test_show "$(basename "$2")" "$2"
	return 1
}

unlike() {
	test_code=0
	if [ ! -r "$2" ] || grep -Eq -e "$3" -- "$2"; then
		test_code=1
	fi
	test_line $test_code "$1" && return 0
	printf '%s\n' "$3" | sed 's/^/# a line matches, or the file is missing: /'
	test_show "$(basename "$2")" "$2"
	return 1
}

same_file() {
	test_code=0
	cmp -- "$2" "$3" >/dev/null 2>&1 || test_code=1
	test_line $test_code "$1" && return 0
	diff -u -- "$2" "$3" 2>&1 | head -n 40 | sed 's/^/# /'
	return 1
}

within() {
	test_left=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		test_left=$((test_left - 1))
		[ "$test_left" -gt 0 ] || return 1
		sleep 0.05
	done
}

sanitized() {
	grep -q -e __asan_init -e __tsan_init -- "$PPGEN"
}

skip() {
	test_count=$((test_count + 1))
	echo "ok $test_count - $1 # SKIP $2"
}

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

done_testing() {
	echo "1..$test_count"
	[ "$test_failed" -eq 0 ] || exit 1
	exit 0
}
