#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs the fuzz targets for `make fuzz`: tests/fuzz/fuzz.sh FOLDER SECONDS [TARGET...]
#
# FOLDER holds `engine`, the program of all targets, and gets a folder of inputs for each, which begins with the kept ones and
# grows. Two run at a time. One line of TAP a target; an input that ends one is kept as FOLDER/TARGET-crash-... and the like.
#
# An input that ended a target goes into tests/fuzz/corpus/TARGET/ under a name that says what it showed: `make check` replays it.
# What a long run found is kept by, in FOLDER,
#	mkdir new && ./TARGET -set_cover_merge=1 new TARGET.inputs && ../tests/fuzz/replay --pack new/* >corpus/TARGET.pack

set -u
folder=$1
seconds=$2
shift 2
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 99
targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
	for file in "$top"/tests/fuzz/fuzz_*.c; do
		name=$(basename "$file" .c)
		targets+=("${name#fuzz_}")
	done
fi
replay=$PWD/tests/fuzz/replay
cd "$folder" || exit 99

one() {
	local name=$1 number=$2 code=0 dictionary=$top/tests/fuzz/$1.dict
	local -a options=()
	ln -f engine "$name"
	mkdir -p "$name.inputs"
	srcdir=$top "$replay" --unpack "$name" "$name.inputs" || exit 99
	[[ -d $top/tests/fuzz/corpus/$name ]] && cp "$top/tests/fuzz/corpus/$name"/* "$name.inputs/"
	[[ -f $dictionary ]] && options+=("-dict=$dictionary")
	"./$name" -max_total_time="$seconds" -timeout=100 -rss_limit_mb=1024 -max_len=8192 -verbosity=1 \
		-print_final_stats=1 -artifact_prefix="$name-" "${options[@]}" "$name.inputs" >"$name.log" 2>&1 || code=$?
	local runs
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$name.log")
	if [[ $code -eq 0 ]]; then
		echo "ok $number - $name: $runs inputs"
	else
		echo "not ok $number - $name: exit $code"
		grep -vE '^#[0-9]+	' "$name.log" | tail -n 60 | sed 's/^/# /'
		for found in "$name"-*; do
			[[ -f $found ]] && echo "# the input: $PWD/$found"
		done
	fi
}

code=0
number=0
for name in "${targets[@]}"; do
	number=$((number + 1))
	while [[ $(jobs -rp | wc -l) -ge 2 ]]; do
		wait -n
	done
	one "$name" "$number" >"$name.tap" &
done
wait
for name in "${targets[@]}"; do
	cat "$name.tap"
	grep -q '^ok' "$name.tap" || code=1
done
echo "1..$number"
exit $code
