#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs the case folders: a spec and what ppgen must say to it. One TAP line a case.
#
#	bad/NAME/    `ppgen check spec.yaml` must print exactly the file `expected` on stderr and nothing on stdout, and exit with 2
#	good/NAME/   `ppgen plan --format csv spec.yaml` must print exactly `expected` on stdout and exit with 0
#
# A folder may also hold:
#	args         the arguments to give instead, quoted as in a shell
#	setup.sh     run first, by sh, in the copy (for files that git cannot hold, or large ones)
#	exit         the exit code to expect instead
#	stderr       (good only) what stderr must be
#
# Each case runs in a copy of its folder. Arguments choose cases: `tests/cases.sh bad/near_miss good/grid`. With ACCEPT=1 what
# is said now is written to `expected` in the source, to be read with care before it is committed.

set -u
top=$(cd "$(dirname "$0")/.." && pwd) || exit 99
ppgen=${PPGEN:-${abs_top_builddir:-$top/build}/ppgen}
[[ $ppgen = /* ]] || ppgen=$PWD/$ppgen
if [[ ! -x $ppgen ]]; then
	echo "Bail out! no program at '$ppgen': build it, or name it in PPGEN"
	exit 99
fi
scratch=$(mktemp -d "${TMPDIR:-/tmp}/ppgen-cases.XXXXXX") || exit 99
trap 'rm -rf "$scratch"' EXIT
export LC_ALL=C TZ=UTC HOME=$scratch/home XDG_CONFIG_HOME=$scratch/home/.config XDG_CACHE_HOME=$scratch/home/.cache
mkdir "$HOME"

count=0
failed=0

# Shows how two files differ, as TAP comments: a label, what was expected, what came.
differ() {
	diff -u --label "expected $1" --label "actual $1" "$2" "$3" | head -n 60 | sed 's/^/# /'
}

# Runs one case in $work; the verdict is the return code, the reasons go to stdout.
run_case() {
	local kind=$1 source=$2 wanted=0 code=0 bad=0
	local -a args=(plan --format csv spec.yaml)

	if [[ $kind = bad ]]; then
		args=(check spec.yaml)
		wanted=2
	fi
	[[ -f $source/args ]] && eval "args=($(<"$source/args"))"
	[[ -f $source/exit ]] && wanted=$(<"$source/exit")
	if [[ -f $source/setup.sh ]] && ! (cd "$work" && sh ./setup.sh) >"$scratch/setup" 2>&1; then
		echo "# setup.sh failed"
		sed 's/^/# /' "$scratch/setup"
		return 1
	fi
	(cd "$work" && exec "$ppgen" "${args[@]}") >"$scratch/stdout" 2>"$scratch/stderr" </dev/null || code=$?

	local checked=$scratch/stdout
	[[ $kind = bad ]] && checked=$scratch/stderr
	if [[ ${ACCEPT:-0} = 1 ]]; then
		cp "$checked" "$source/expected"
	fi
	if ! cmp -s "$source/expected" "$checked"; then
		differ "$(basename "$checked")" "$source/expected" "$checked"
		bad=1
	fi
	if [[ $kind = bad && -s $scratch/stdout ]]; then
		echo "# stdout should be empty"
		head -n 20 "$scratch/stdout" | sed 's/^/# /'
		bad=1
	fi
	if [[ $kind = good && -f $source/stderr ]] && ! cmp -s "$source/stderr" "$scratch/stderr"; then
		differ stderr "$source/stderr" "$scratch/stderr"
		bad=1
	fi
	if [[ $code != "$wanted" ]]; then
		echo "# exit $code, expected $wanted"
		[[ $kind = good ]] && head -n 20 "$scratch/stderr" | sed 's/^/# /'
		bad=1
	fi
	return $bad
}

if [[ $# -gt 0 ]]; then
	cases=("$@")
else
	cases=()
	for folder in "$top"/tests/cases/bad/*/ "$top"/tests/cases/good/*/; do
		[[ -d $folder ]] || continue
		folder=${folder%/}
		cases+=("${folder#"$top"/tests/cases/}")
	done
fi
if [[ ${#cases[@]} -eq 0 ]]; then
	echo "1..0 # SKIP no case folders"
	exit 0
fi

for name in "${cases[@]}"; do
	source=$top/tests/cases/$name
	work=$scratch/work
	count=$((count + 1))
	rm -rf "$work"
	if [[ ! -f $source/expected && ${ACCEPT:-0} != 1 ]]; then
		reason="# no file 'expected' in tests/cases/$name"
		verdict=not
	elif cp -R "$source" "$work" && chmod -R u+w "$work" && reason=$(run_case "${name%%/*}" "$source"); then
		verdict=
	else
		verdict=not
	fi
	echo "${verdict:+$verdict }ok $count - $name"
	[[ -n $reason ]] && printf '%s\n' "$reason"
	[[ -n $verdict ]] && failed=1
done
echo "1..$count"
exit $failed
