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
	if [[ -f templates/$name.tmpl ]]; then
		"$PPGEN" template show "$name" >"$scratch/got"
		cmp "templates/$name.tmpl" "$scratch/got" >"$scratch/why" 2>&1
		verdict "$name: is built in as it is" $?
	fi
	for dir in "$cases/$name"/*/; do
		[[ -d $dir ]] && one_case "${dir%/}"
	done
}

# The example of the manual page is a good template.
manual_example() {
	sed -n '/reads this example/,/^\.EE/p' man/ppgen-template.5 | sed '1,2d; $d; s/\\-/-/g; s/\\(aq/'"'"'/g; s/\\e/\\/g' >"$scratch/fq.tmpl"
	"$PPGEN" template check "$scratch/fq.tmpl" >"$scratch/out" 2>"$scratch/why"
	verdict 'the example in ppgen-template(5): is good' $?
	printf 'job 12 was queued\n' | "$PPGEN" template read "$scratch/fq.tmpl" id >"$scratch/got" 2>"$scratch/why"
	[[ $(<"$scratch/got") = 12 ]]
	verdict 'the example in ppgen-template(5): reads an id' $?
	printf 'JOB STATE\n12.1-3 waiting\n12.4 ended:0\n12.5 ended:time\n12.6 ended:7\n' |
		"$PPGEN" template read "$scratch/fq.tmpl" ask-1 >"$scratch/got" 2>"$scratch/why"
	[[ $(cut -f 3 "$scratch/got" | tr '\n' ' ') = 'queued done timeout failed ' ]]
	verdict 'the example in ppgen-template(5): reads states' $?
}

# The command itself: what it says of a template that is wrong, of one that a shell cannot read, and of the user's.
command_works() {
	local fq=$scratch/fq.tmpl user=$scratch/ppgen/templates
	sed 's/{{worker}}/{{workers}}/; s/^about/abuot/' "$fq" >"$scratch/bad.tmpl"
	"$PPGEN" template check "$scratch/bad.tmpl" >"$scratch/out" 2>"$scratch/why"
	[[ $? -eq 2 ]] && grep -q "bad.tmpl:4:1: unknown key 'abuot' (did you mean 'about'?)" "$scratch/why"
	verdict 'check: facts that are wrong' $?
	sed 's/{{worker}}/{{workers}}/' "$fq" >"$scratch/bad.tmpl"
	"$PPGEN" template check "$scratch/bad.tmpl" >"$scratch/out" 2>"$scratch/why"
	[[ $? -eq 2 ]] && grep -q "bad.tmpl:[0-9]*:[0-9]*: unknown value 'workers' (did you mean 'worker'?)" "$scratch/why"
	verdict 'check: a body that is wrong' $?
	sed '$ a if true' "$fq" >"$scratch/bad.tmpl"
	"$PPGEN" template check "$scratch/bad.tmpl" >"$scratch/out" 2>"$scratch/why"
	[[ $? -eq 2 ]] && grep -q 'syntax error' "$scratch/why"
	verdict 'check: a script that the shell cannot read' $?
	mkdir -p "$user"
	sed 's/^name: fq/name: slurm/' "$fq" >"$user/slurm.tmpl"
	"$PPGEN" template show slurm >"$scratch/out" 2>"$scratch/why" && cmp -s "$scratch/out" "$user/slurm.tmpl"
	verdict "show: the user's template comes first" $?
	"$PPGEN" template list >"$scratch/out" 2>"$scratch/why" && [[ $(grep -c '^slurm ' "$scratch/out") = 2 ]] &&
		grep -q '^slurm *hidden by the one above (built in)$' "$scratch/out"
	verdict 'list: and hides the other' $?
	rm -r "$user"
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
if [[ $# -eq 0 ]]; then
	manual_example
	command_works
fi
for name in "${names[@]}"; do
	one_template "$name"
done
echo "1..$count"
exit $failed
