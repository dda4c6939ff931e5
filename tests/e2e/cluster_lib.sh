# shellcheck shell=bash disable=SC2154,SC2034 # lib.sh has the variables, scripts read code
# SPDX-License-Identifier: MIT
#
# What the scripts that need a scheduler share; sourced after lib.sh.
#
#	cluster_up KIND [OPTION...]     starts tests/cluster/KIND and its variables; skips the script where its programs are missing
#	cluster_down                    ends it before the script's end
#	finished SPEC [SECONDS]         waits for a submission and what follows it; wait's exit code is in $code
#	table SPEC                      the sha256 of the run's results.csv
#	run_of SPEC                     its run directory, where it is beside the spec
#	submission SPEC [N]             the folder of submission N, else of the latest one
#	over SPEC [N]                   whether submission N has ended; without N, the latest one, and no other follows
#	job SPEC 1|finalise [N]         the id of its first array (second, ...) or of its finaliser
#	starts SPEC                     how many attempts began
#	ends SPEC [OUTCOME]             how many ended (ok, exit, timeout, ...)
#	good_times SPEC N               how many tasks have N good ends
#	eventually SECONDS COMMAND...   as `within` of lib.sh, for commands that cost something
#	reaches N COMMAND...            whether the command prints N or more: for `within` and `eventually`
#	says ERE COMMAND...             whether a line that the command prints matches: the same

CLUSTER=

cluster_up() {
	local kind=$1 lacking
	shift
	if ! lacking=$("$SRC/tests/cluster/$kind" missing); then
		skip_all "not installed: $(printf '%s' "$lacking" | tr '\n' ' ')"
	fi
	CLUSTER=$test_place/$kind
	at_end "'$SRC/tests/cluster/$kind' down '$CLUSTER' >/dev/null 2>&1"
	if ! "$SRC/tests/cluster/$kind" up "$CLUSTER" "$@" >"$out" 2>"$err"; then
		echo "Bail out! $kind did not start"
		test_show stderr "$err"
		exit 99
	fi
	cluster_kind=$kind
	# shellcheck disable=SC1091 # written by `up`
	. "$CLUSTER/env"
}

cluster_down() {
	"$SRC/tests/cluster/$cluster_kind" down "$CLUSTER" >/dev/null 2>&1
}

finished() {
	if [ -n "$(submission "$1")" ]; then
		eventually "${2:-240}" over "$1" # quicker than `wait`, which is not asked to hurry
	fi
	code=0
	timeout 60 ppgen wait -q "$1" >"$out" 2>"$err" || code=$?
}

run_of() {
	echo "runs/$(basename "$1" .yaml)"
}

table() {
	sha256sum <"$(run_of "$1")/collect/results.csv"
}

submission() {
	if [ $# -gt 1 ]; then
		printf '%s/submissions/%04d\n' "$(run_of "$1")" "$2"
	else
		find "$(run_of "$1")/submissions" -maxdepth 1 -name '[0-9]*' 2>/dev/null | sort | tail -n 1
	fi
}

over() {
	if [ $# -gt 1 ]; then
		test -e "$(submission "$@")/ended.json"
	else
		grep -q '"next":0,' "$(submission "$1")/ended.json"
	fi 2>/dev/null
}

job() {
	sed 's/^{"id":"\([^"]*\)".*/\1/' "$(submission "$1" "${@:3}")/job-$2.json"
}

# All journals of a run.
records() {
	find "$(run_of "$1")/journal" -name '*.jsonl' -exec cat {} + 2>/dev/null
}

starts() {
	records "$1" | grep -c '^{"k":"start"'
}

ends() {
	records "$1" | grep '^{"k":"end"' | grep -c "\"out\":\"${2:-}"
}

good_times() {
	records "$1" | grep '^{"k":"end".*"out":"ok"' | sed 's/.*"i":\([0-9]*\),.*/\1/' | sort | uniq -c | awk -v n="$2" '$1 == n' | wc -l
}

# As `within`, for commands that cost something.
eventually() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.3
	done
}

reaches() {
	[ "$("${@:2}")" -ge "$1" ]
}

says() {
	"${@:2}" 2>&1 | grep -Eq -e "$1"
}
