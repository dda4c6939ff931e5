#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/cluster/sge: a real Grid Engine starts, runs an array, survives its daemons, and leaves nothing running.
. "$(dirname "$0")/lib.sh"

sge=$SRC/tests/cluster/sge
if ! missing=$("$sge" missing); then
	skip_all "missing: $(echo "$missing" | tr '\n' ' ')"
fi

# shellcheck disable=SC2317 # called by ok and within
# Whether any of the processes still runs. One that ended and that nobody waited for does not.
alive() {
	for pid; do
		case $(ps -o stat= -p "$pid" 2>/dev/null) in
		'' | Z* | X*) ;;
		*) return 0 ;;
		esac
	done
	return 1
}

# shellcheck disable=SC2317
gone() {
	[ $# -gt 0 ] || return 1
	! alive "$@"
}

pid_of() {
	awk -v "name=$1" '$1 == name { print $2 }' cell/pids
}

exits 1 "$sge" start cell
exits 0 "$sge" down cell
# shellcheck disable=SC2016
at_end '"$sge" down "$T/cell"'
exits 1 "$sge" up bad --set no_such_key=1
like 'a key that nobody has is refused by name' "$err" "no_such_key"
ok 'and nothing stays of the cell' gone "$(grep -o '[0-9][0-9]*' bad/spool/qmaster/qmaster.pid || echo 1)"

ok 'up' "$sge" up cell --set max_aj_tasks=7 --set slots=3
# shellcheck disable=SC1091
. cell/env
exits 1 "$sge" up cell
qconf -sconf >conf
like 'a value of the configuration is as it was set' conf '^max_aj_tasks +7$'
qconf -sq all.q >queue
like 'so is one of the queue' queue '^slots +3$'
ok 'an array of 7 is taken' qsub -t 1-7 -b y -cwd -o /dev/null -j y -S /bin/bash true
exits 1 qsub -t 1-8 -b y -cwd -o /dev/null -j y -S /bin/bash true

cat >task.sh <<'SH'
echo "$JOB_ID $SGE_TASK_ID" >"ran.$SGE_TASK_ID.new" && mv "ran.$SGE_TASK_ID.new" "ran.$SGE_TASK_ID"
SH
job=$(qsub -terse -t 1-4 -cwd -o /dev/null -j y -S /bin/bash task.sh)
like 'qsub names the array' "$(echo "$job" >id; echo id)" '^[0-9]+\.1-4:1$'
within 30 test -e ran.1 -a -e ran.2 -a -e ran.3 -a -e ran.4
is 'all four tasks ran' "$(cat ran.[1-4] 2>/dev/null)" "$(for i in 1 2 3 4; do echo "${job%%.*} $i"; done)"

# A job whose processes do all that they can not to be found: other sessions, other parents, no environment.
cat >stay.sh <<'SH'
setsid sleep 1000 &
echo $! >pids.new
(setsid sh -c 'echo $$ >>pids.new; exec sleep 1000' &)
[ "$(id -u)" -ne 0 ] || (env -i setsid sh -c 'echo $$ >>pids.new; exec sleep 1000' &)
echo $$ >>pids.new
until [ "$(wc -l <pids.new)" -ge "$1" ]; do sleep 0.1; done
mv pids.new pids
sleep 1000
SH
many=3
[ "$(id -u)" -ne 0 ] || many=4
stay=$(qsub -terse -cwd -o /dev/null -j y -S /bin/bash stay.sh $many)
within 30 test -e pids
ok "job $stay runs" test -s pids
daemons="$(pid_of qmaster) $(pid_of execd)"
# shellcheck disable=SC2086
kill -KILL $daemons
# shellcheck disable=SC2086
within 10 gone $daemons
ok 'start, after both daemons were killed' "$sge" start cell
qstat >jobs.txt
like 'the job is still known' jobs.txt "^ *$stay .* r "
# shellcheck disable=SC2046
ok 'and still runs' alive $(cat pids)

daemons="$daemons $(pid_of qmaster) $(pid_of execd)"
ok 'down' "$sge" down cell
# shellcheck disable=SC2046,SC2086
ok 'no daemon and no process of a job is left' gone $daemons $(cat pids)
exits 0 "$sge" down cell
done_testing
