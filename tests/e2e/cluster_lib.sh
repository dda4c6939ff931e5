# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What the scripts that need a scheduler share; sourced after lib.sh.
#
#	cluster_up KIND [OPTION...]     starts tests/cluster/KIND and its variables; skips the script where its programs are missing
#	cluster_down                    ends it before the script's end
#	job_state_gone                  whether the queue of this user is empty
#	finished SPEC [SECONDS]         waits for a submission; its exit code is in $code
#	table SPEC                      the sha256 of the run's results.csv

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
	code=0
	timeout "${2:-240}" ppgen wait -q "$1" >"$out" 2>"$err" || code=$?
}

table() {
	sha256sum <"runs/$(basename "$1" .yaml)/collect/results.csv"
}
