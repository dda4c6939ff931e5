#!/bin/bash
# SPDX-License-Identifier: MIT
#
# ppgen submit on a real Grid Engine, where things go wrong: elements that are deleted, over their time, killed or run again, an execution
# daemon that dies, jobs that are stuck, a finaliser that may not submit, and a submit that is killed in between. Whatever happens, no
# process of a task is left, and the table comes out in the end.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"
. "$SRC/tests/e2e/sge_lib.sh"
sge_up --set slots=24

# ---- helpers

# Runs a command as $user.
as() {
	if [ "$user" = "$(id -un)" ]; then
		"$@"
	else
		setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups env HOME=/nonexistent "$@"
	fi
}
# The processes of a task that names $1, but for this shell's.
left() {
	pgrep -f "$1" | grep -vx "$$"
}
nothing_left() {
	! left "$1"
}
# pid of the pool of an element, as its journal names it: SPEC ELEMENT
pool_of() {
	sed -n "1s/.*\"pid\":\([0-9]*\),.*\"element\":$2,.*/\1/p" "$(run_of "$1")"/journal/*/*.jsonl | tail -n 1
}
failed_of() { # SPEC ELEMENT: qacct's words
	qacct -j "$(job "$1" 1 1)" -t "$2" | awk '$1 == "failed" { print $2 }' | tail -n 1
}
# Tasks whose processes do all that they can not to be found; each waits for its gate.
stubborn() {
	cat <<-END
		ppgen: 1
		params: {x: [1, 2]}
		shell: |
		  setsid sleep $1 &
		  (setsid sh -c 'env -i setsid sleep $1' &)
		  until [ -e gate ]; do sleep 0.2; done
		  pkill -f 'sleep $1'
		  echo "\$x"
		results: {stdout: number}
		resources: {memory: 50M, time: 5s}
		retry: {times: 0}
		submit: {elements: 2, element_time: 16s}
	END
}

users=$(id -un)
if [ "$(id -u)" -eq 0 ]; then
	mkdir "$T/nobody" && chown nobody "$T/nobody"
	user=nobody
	if as sh -c "cd '$T/nobody' && ppgen --version"; then
		users="$users nobody"
	else
		skip 'as another user' 'user nobody cannot run ppgen here'
	fi >/dev/null 2>&1
fi

# ---- h_rt, at work from here on: pools that hang, so that not even their own clock ends them

for user in $users; do
	mkdir -p "$T/$user" && cd "$T/$user" || exit 99
	stubborn "77$$" >hung.yaml
	ok "$user: tasks" as ppgen submit hung.yaml
done
for user in $users; do
	cd "$T/$user" || exit 99
	eventually 30 reaches 2 starts hung.yaml
	for i in 1 2; do
		kill -STOP "$(pool_of hung.yaml $i)"
	done
	ok "$user: both pools are stopped" test "$(starts hung.yaml)" -eq 2
	touch gate # for the next round
done
