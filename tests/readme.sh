#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs what README.md and doc/python.md show, so that they stay true. One TAP line a command.
#
# In a block fenced with ```console a line "$ command" is run (lines "> ..." after it continue it) and what it says (both streams) is
# compared with the lines that follow. A line "..." stands for any number of lines, and "..." within a line for any text there.
# A block fenced with ```console slurm is run on a real Slurm that is started for it; where that is not installed it is skipped.
# ```console python:MODULE and ```console r:PACKAGE are skipped where python3 or R has no such module or package.
# All commands of a page run in order in one scratch folder; `cd` and `$?` carry over. A block fenced with ```yaml FILE (any language,
# then a file's name) is written to that file. examples/ of the source is there as a copy; ppgen is on PATH, the Python package is found.

set -u
top=$(cd "$(dirname "$0")/.." && pwd) || exit 99
ppgen=${PPGEN:-${abs_top_builddir:-$top/build}/ppgen}
[[ $ppgen = /* ]] || ppgen=$PWD/$ppgen
if [[ ! -x $ppgen ]]; then
	echo "Bail out! no program at '$ppgen': build it, or name it in PPGEN"
	exit 99
fi
scratch=$(mktemp -d "${TMPDIR:-/tmp}/ppgen-readme.XXXXXX") || exit 99
slurm=$top/tests/cluster/slurm
clean() {
	[[ ! -d $scratch/slurm ]] || "$slurm" down "$scratch/slurm" >/dev/null 2>&1
	rm -rf "$scratch"
}
trap clean EXIT
mkdir "$scratch/home" "$scratch/bin"
ln -s "$ppgen" "$scratch/bin/ppgen"
# Debian's packages are the system's python3 only, and another one may stand first.
if ! python3 -c 'import numpy' 2>/dev/null && /usr/bin/python3 -c 'import numpy' 2>/dev/null; then
	ln -s /usr/bin/python3 "$scratch/bin/python3"
fi
export LC_ALL=C TZ=UTC HOME=$scratch/home XDG_CONFIG_HOME=$scratch/home/.config PATH=$scratch/bin:$PATH PYTHONPATH=$top/python
export PYTHONDONTWRITEBYTECODE=1

count=0
failed=0
lacking=
command=
expected=()
shopt -s extglob

# The expected lines as one shell pattern.
pattern() {
	local line text=

	for line in "${expected[@]}"; do
		if [[ $line = ... ]]; then
			text+='*'
			continue
		fi
		line=$(printf '%s' "$line" | sed 's/[^A-Za-z0-9 _]/\\&/g; s/\\\.\\\.\\\./*([!\x01])/g') # \x01 stands for a newline
		text+=$line$'\n'
	done
	printf '%s' "${text//$'\x01'/$'\n'}"
}

# Runs the command that was gathered and compares.
finish() {
	[[ -n $command ]] || return
	count=$((count + 1))
	if [[ -n $lacking ]]; then
		echo "ok $count - ${command//[$'\n#']/ } # SKIP not installed: $lacking"
		command=
		expected=()
		return
	fi
	(
		cd "$(<"$scratch/cwd")" || exit 99
		exec </dev/null >"$scratch/stdout" 2>&1
		code=$(<"$scratch/code")
		# shellcheck disable=SC2016 # the inner shell expands
		bash -c '(exit "$1"); eval "$2"; code=$?; pwd >"$3/cwd"; exit $code' readme "$code" "$command" "$scratch"
	)
	echo $? >"$scratch/code"
	local got wanted
	got=$(cat "$scratch/stdout" && echo .)
	got=${got%.}
	wanted=$(pattern && echo .)
	wanted=${wanted%.}
	# shellcheck disable=SC2053 # a pattern is meant
	if [[ $got == $wanted ]]; then
		echo "ok $count - ${command//[$'\n#']/ }"
	else
		echo "not ok $count - ${command//[$'\n#']/ }"
		echo "# exit $(<"$scratch/code"); stdout, as ${page#"$top"/} shows it (-) and as it is (+):"
		diff <(printf '%s\n' "${expected[@]}") "$scratch/stdout" | sed 's/^</-/; s/^>/+/; s/^/# /' | head -n 60
		failed=1
	fi
	command=
	expected=()
}

# Starts the Slurm that the block's commands talk to, once.
need_slurm() {
	lacking=$("$slurm" missing | tr '\n' ' ')
	[[ -z $lacking && ! -d $scratch/slurm ]] || return
	if ! "$slurm" up "$scratch/slurm" >"$scratch/up" 2>&1; then
		echo "Bail out! no Slurm: $(tail -n 3 "$scratch/up" | tr '\n' ' ')"
		exit 99
	fi
	set -a
	# shellcheck disable=SC1091 # written by `up`
	. "$scratch/slurm/env"
	set +a
}

# What a block needs beside ppgen.
need() {
	case $1 in
	slurm) need_slurm ;;
	python:*) python3 -c "import ${1#*:}" 2>/dev/null || lacking="Python's ${1#*:}" ;;
	r:*) Rscript -e "library(${1#*:})" >/dev/null 2>&1 || lacking="R's ${1#*:}" ;;
	*)
		echo "Bail out! $page: there is no '$1' that a block could need"
		exit 99
		;;
	esac
}

# Runs a page, in a folder of its own.
run_page() {
	local line block='' place=$scratch/place.$count file=

	page=$1
	mkdir "$place"
	cp -R "$top/examples" "$place/examples" && chmod -R u+w "$place/examples" || exit 99
	echo "$place" >"$scratch/cwd"
	echo 0 >"$scratch/code"
	while IFS= read -r line || [[ -n $line ]]; do
		case $block in
		'')
			case $line in
			'```console '*)
				block=console
				need "${line#* }"
				;;
			'```console') block=console ;;
			'```'*' '*)
				block=text
				file=$(<"$scratch/cwd")/${line#* }
				: >"$file"
				;;
			'```'*) block=foreign ;;
			esac
			continue
			;;
		esac
		if [[ $line = '```' ]]; then
			finish
			block=
			lacking=
		elif [[ $block = text ]]; then
			printf '%s\n' "$line" >>"$file"
		elif [[ $block = console && $line = '$ '* ]]; then
			finish
			command=${line#'$ '}
		elif [[ $block = console && $line = '> '* && ${#expected[@]} -eq 0 ]]; then
			command+=$'\n'${line#'> '}
		elif [[ $block = console ]]; then
			expected+=("$line")
		fi
	done <"$page"
}

page=
for name in README.md doc/python.md; do
	run_page "$top/$name"
done
echo "1..$count"
exit $failed
