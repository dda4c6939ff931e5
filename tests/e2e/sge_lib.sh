# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What the scripts share that need a Grid Engine; sourced after cluster_lib.sh.
#
#	sge_up [OPTION...]      cluster_up, with jobs that begin as in a login shell whose profile sets PATH, as Debian's does: this user's own
#	                        may take its time. Under sanitizers no memory is limited
#	jobs_of SPEC            the states of all jobs and elements of its submissions that Grid Engine knows, a line each
#	elements_are SPEC       "queued:1,running:3,done:0,vanished:0", of the latest submission
#	ask_again SPEC          `status` asks once a minute: now it does

sge_up() {
	if sanitized; then
		# h_vmem limits the addresses of each process
		set -- --set complex.h_vmem=none "$@"
		mkdir -p "$XDG_CONFIG_HOME/ppgen"
		cat >"$XDG_CONFIG_HOME/ppgen/sites.yaml" <<-'END'
			default: test
			sites: {test: {options: {memory: virtual_free}, directives: ["#$ -w n"]}}
		END
	fi
	# shellcheck disable=SC2154 # of lib.sh
	cat >"$test_place/profile" <<-'END'
		#!/bin/sh
		PATH=/usr/local/bin:/usr/bin:/bin
		exec "$SGE_STARTER_SHELL_PATH" "$@"
	END
	chmod +x "$test_place/profile"
	chmod 755 "$test_place" # for jobs of other users
	cluster_up sge --set "starter_method=$test_place/profile" "$@"
}

jobs_of() {
	qstat -g d -xml -u '*' | awk -F '[<>]' -v "name=$(basename "$1" .yaml)-" '
		$2 == "JB_name" { ours = index($3, name) == 1 || index($3, "j" name) == 1 }
		$2 == "state" && ours { print $3 }'
}

ask_again() {
	rm -f "$(submission "$1")/asked.json"
}

elements_are() {
	ask_again "$1"
	ppgen status --json "$1" | sed 's/.*"elements":[0-9]*,\("queued":[0-9]*,"running":[0-9]*,"done":[0-9]*,"vanished":[0-9]*\),.*/\1/' | tr -d '"'
}
