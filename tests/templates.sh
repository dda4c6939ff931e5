#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Golden tests of templates: what they make of values, and what they read from a scheduler's answers. Each folder tests/templates/NAME/CASE is a
# case of the template NAME:
#
#	values      YAML, as `ppgen template render` takes it
#	script      the job script that must come of it
#	commands    the commands
#	error       in place of script: what it must be refused with
#	FACT.said   what a command printed, and ...
#	FACT.seen   ... what `ppgen template read NAME FACT` must say of it: detect, id, ask-1, find, limit-1, ...
#
# So a new scheduler is a file and some folders. `tests/templates.sh NAME` tries one; UPDATE=1 writes what is expected anew.

set -u
LC_ALL=C
export LC_ALL

cd "$(dirname "$0")/.." || exit 99
src=$PWD
cases=$src/tests/templates
PPGEN=${PPGEN:-${abs_top_builddir:-$src}/ppgen}
[[ $PPGEN = /* ]] || PPGEN=$src/$PPGEN
if [[ ! -x $PPGEN ]]; then
	echo "Bail out! no program at '$PPGEN': build it, or name it in PPGEN"
	exit 99
fi
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
export XDG_CONFIG_HOME=$scratch # no templates of the user

count=0
failed=0

# The verdict on one check: its name, the exit code; $scratch/why says more.
verdict() {
	count=$((count + 1))
	if [[ $2 -eq 0 ]]; then
		echo "ok $count - $1"
		return
	fi
	echo "not ok $count - $1"
	head -n 40 "$scratch/why" | sed 's/^/# /'
	failed=1
}

# Compares $scratch/got to a file of the case.
compare() {
	if [[ ${UPDATE:-0} = 1 ]]; then
		cp "$scratch/got" "$2"
	fi
	diff -u "$2" "$scratch/got" >"$scratch/why" 2>&1
	verdict "$1" $?
}

# Renders: the case's folder, what to compare, options.
render() {
	local dir=$1 what=$2 name=${1%/*}
	name=${name##*/}
	shift 2
	(cd "$dir" && "$PPGEN" template render "$name" values "$@") >"$scratch/got" 2>"$scratch/err"
	echo $? >"$scratch/code"
	# lines of the template come and go
	[[ $what != error ]] || sed 's/^ppgen: //; s/\(\.tmpl\):[0-9]*/\1/; s/its line [0-9]*/a line/' "$scratch/err" >"$scratch/got"
	[[ $what = error || ! -s $scratch/err ]] || cat "$scratch/err" >>"$scratch/got"
	compare "$name: ${dir##*/}: $what" "$dir/$what"
	if [[ $what = error ]]; then
		[[ $(<"$scratch/code") -eq 2 ]]
		verdict "$name: ${dir##*/}: it is refused" $?
	fi
}

one_case() {
	local dir=$1 name=${1%/*} said fact found=0
	name=${name##*/}
	if [[ -f $dir/values ]]; then
		found=1
		if [[ -f $dir/error ]]; then
			render "$dir" error
		else
			render "$dir" script
			[[ ! -f $dir/commands ]] || render "$dir" commands --commands
		fi
	fi
	for said in "$dir"/*.said; do
		[[ -f $said ]] || continue
		found=1
		fact=${said##*/}
		fact=${fact%.said}
		"$PPGEN" template read "$name" "$fact" <"$said" >"$scratch/got" 2>&1
		compare "$name: ${dir##*/}: reads $fact" "$dir/$fact.seen"
	done
	echo "there is nothing to try in it" >"$scratch/why"
	[[ $found = 1 ]] || verdict "$name: ${dir##*/}" 1
}

one_template() {
	local name=$1 dir
	"$PPGEN" template check "$name" >"$scratch/out" 2>"$scratch/why"
	verdict "$name: is good" $?
	for dir in "$cases/$name"/*/; do
		[[ -d $dir ]] && one_case "${dir%/}"
	done
}

names=("$@")
if [[ $# -eq 0 ]]; then
	mapfile -t names < <("$PPGEN" template list --json | grep -o '"name":"[^"]*"' | cut -d '"' -f 4)
	for file in templates/*.tmpl; do
		name=${file##*/}
		name=${name%.tmpl}
		echo "there is no folder tests/templates/$name, or $file is not listed in Makefile.am" >"$scratch/why"
		[[ -d $cases/$name && " ${names[*]} " == *" $name "* ]]
		verdict "$name: is built in, and has cases" $?
	done
fi
for name in "${names[@]}"; do
	one_template "$name"
done
echo "1..$count"
exit $failed
