#!/bin/sh
# SPDX-License-Identifier: MIT
# The real Slurm that other tests run on (tests/cluster/slurm): it starts, behaves as they rely on, and leaves nothing behind.
. "$(dirname "$0")/lib.sh"

cluster() { bash "$SRC/tests/cluster/slurm" "$@"; }
lacking=$(cluster missing) || skip_all "no Slurm here: $(echo "$lacking" | paste -s -d, -)"
accounting=$(cluster missing --accounting) || :
mpi=$(cluster missing --mpi) || :

# What is still known of a job: its state, or 'gone'. Asked of two ids, squeue does not fail for one that it has forgotten.
state() {
	state_now=$(squeue -h -r -t all -j "$1,$1" -o "${2:-%T}" | sort -u | paste -s -d ' ' -)
	echo "${state_now:-gone}"
}
state_is() { [ "$(state "$1" "${3:-%T}")" = "$2" ]; }
answers() {
	python3 - "$SLURM_TEST_REST" <<-'PYTHON'
		import http.client, json, socket, sys
		connection = http.client.HTTPConnection("localhost")
		connection.sock = socket.socket(socket.AF_UNIX)
		connection.sock.connect(sys.argv[1])
		connection.request("GET", "/openapi/v3")
		paths = json.load(connection.getresponse())["paths"]
		sys.exit(not any(path.endswith("/job/submit") for path in paths))
	PYTHON
}
# Processes that name a folder in their command line, or are of a cluster's jobs.
left() {
	for process in /proc/[0-9]*; do
		if tr '\0' ' ' <"$process/cmdline" | grep -qF "$1"; then
			tr '\0' ' ' <"$process/cmdline"
		elif tr '\0' '\n' <"$process/environ" | grep -qxF "SLURM_CLUSTER_NAME=$2"; then
			tr '\0' ' ' <"$process/cmdline"
		fi
	done 2>/dev/null
}

at_end "cluster down '$T/one'; cluster down '$T/two'"
ok 'a cluster starts' cluster up "$T/one" || done_testing
name=$(sed -n 's/^ClusterName=//p' one/slurm.conf)
# shellcheck source=/dev/null
. ./one/env
is 'three nodes are idle' "$(sinfo -h -p main -t idle -o %D)" 3
is 'its limits can be asked for' "$(scontrol show config | grep -cE '^(MaxArraySize|MaxJobCount) *= [0-9]+')" 2
ok 'its REST daemon answers' answers
exits 2 cluster up "$T/one"
like 'a second one in the same folder is refused' "$err" 'has a cluster already'

# It ends half a minute later, since Slurm looks at time limits every 30 seconds.
cat >long.sh <<'SH'
#!/bin/bash
echo "began on $SLURMD_NODENAME, restarts: ${SLURM_RESTART_COUNT:-0}"
exec sleep 500
SH
long=$(sbatch --parsable -t 5 -w n1 -o long.out long.sh)
within 20 state_is "$long" RUNNING
ok 'its end can be brought forward' scontrol update jobid="$long" EndTime=now+1seconds

ok 'an array runs to its end' sbatch -W --array=0-3 -o /dev/null --wrap 'echo "$SLURM_ARRAY_TASK_ID" >"task.$SLURM_ARRAY_TASK_ID"'
is 'and each of its tasks wrote' "$(cat task.? | paste -s -d ' ' -)" '0 1 2 3'
exits 3 sbatch -W -o /dev/null --wrap 'exit 3'
ok 'gpus, features and licences are there' sbatch -W -o kinds.out --gres=gpu:a100:2 -L matlab:1 --wrap 'srun -n 1 env'
like 'and a gpu is assigned' kinds.out '^CUDA_VISIBLE_DEVICES=0,1$'
is 'a feature has one node' "$(sinfo -h -p main -o '%f %N' | grep big)" 'big n2'
ok 'no more gpus than there are' sh -c '! sbatch --gres=gpu:3 --wrap true'

if [ -z "$mpi" ]; then
	cat >hello.c <<-'C'
		#include <mpi.h>
		#include <stdio.h>
		#include <stdlib.h>
		int main(int argc, char **argv)
		{
			int rank, size, sum;
			MPI_Init(&argc, &argv);
			MPI_Comm_rank(MPI_COMM_WORLD, &rank);
			MPI_Comm_size(MPI_COMM_WORLD, &size);
			MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
			printf("%s %d %d\n", getenv("SLURMD_NODENAME"), size, sum);
			return MPI_Finalize();
		}
	C
	ok 'an MPI program' mpicc -o hello hello.c
	ok 'runs' sbatch -W -N 2 -n 4 --ntasks-per-node=2 -o mpi.out --wrap 'srun ./hello'
	is 'as one program of four ranks' "$(cut -d ' ' -f 2- mpi.out | paste -s -d ';' -)" '4 6;4 6;4 6;4 6'
	is 'two on each of two nodes' "$(cut -d ' ' -f 1 mpi.out | sort | uniq -c | tr -s ' ' | cut -d ' ' -f 2 | paste -s -d ' ' -)" '2 2'
else
	skip 'MPI' "missing: $mpi"
fi

# A node is lost with all that ran on it; its job begins again elsewhere. slurmd and job of n3 stay untouched.
moved=$(sbatch --parsable -t 5 -C big -o moved.out --open-mode=append long.sh)
stays=$(sbatch --parsable -t 5 -w n3 -o stays.out long.sh)
within 20 state_is "$moved" 'RUNNING n2' '%T %N'
within 20 state_is "$stays" 'RUNNING n3' '%T %N'
within 5 grep -q began moved.out
ok 'a node is killed' cluster kill-node "$T/one" n2 --steps
is 'with what ran on it, and nothing else' "$(pgrep -f 'sleep 500' | while read -r p; do tr '\0' '\n' <"/proc/$p/environ"; done | grep -c "^SLURM_JOB_ID=$moved\$")" 0
ok 'Slurm is told' scontrol update nodename=n2 state=down reason=killed
within 10 state_is "$moved" PENDING
is 'its job waits for another turn' "$(state "$moved")" PENDING
is 'others go on' "$(state "$stays" '%T %N')" 'RUNNING n3'
ok 'it comes back' cluster start-node "$T/one" n2
within 30 state_is "$moved" 'RUNNING n2' '%T %N'
within 5 grep -q 'restarts: 1' moved.out
is 'and the job begins again' "$(paste -s -d ';' moved.out)" 'began on n2, restarts: 0;began on n2, restarts: 1'

if [ -z "$accounting" ]; then
	ok 'a second cluster with accounting' cluster up "$T/two" --nodes 1 --accounting --memory-limits --no-rest --set MaxArraySize=20
	cat >eat.py <<-'PYTHON'
		import time
		eaten = b"x" * (300 << 20)
		time.sleep(60)
	PYTHON
	(
		# shellcheck source=/dev/null
		. ./two/env
		scontrol show config | grep -E '^MaxArraySize +='
		sbatch -W --parsable --mem=100 -o eat.out --wrap 'python3 eat.py'
		echo "exit $?"
		scontrol show job 1 | grep -o 'JobState=.*'
		within 30 sh -c 'sacct -n -P -X -j 1 -o account,state,exitcode | grep .'
		sacct -n -P -X -j 1 -o account,state,exitcode
	) >two.out 2>&1
	like 'has the setting' two.out '^MaxArraySize += 20$'
	like 'it kills a job with too much memory' two.out '^JobState=FAILED '
	like 'which says why' eat.out 'exceeded memory limit'
	like 'and keeps the account of it' two.out '^test[|]FAILED[|]0:9$'
	two_name=$(sed -n 's/^ClusterName=//p' two/slurm.conf)
	ok 'it stops' cluster down "$T/two"
	is 'without a trace' "$(left "$T/two" "$two_name")" ''
else
	skip 'accounting' "missing: $accounting"
fi

within 60 state_is "$long" TIMEOUT
is 'a job over its time limit' "$(state "$long" '%T %r')" 'TIMEOUT TimeLimit'

ok 'the controller is killed' cluster kill-controller "$T/one"
ok 'and starts again' cluster start-controller "$T/one"
is 'it knows its jobs' "$(state "$stays" '%T %N')" 'RUNNING n3'

# Last, a job that hides its processes.
sbatch --parsable -t 5 -o hidden.out --wrap 'setsid sleep 501 & env -i setsid sleep 502 & echo there; wait' >/dev/null
within 20 grep -q there hidden.out
ok 'all stops' cluster down "$T/one"
is 'nothing is left' "$(left "$T/one" "$name")" ''
is 'not even a hidden process' "$(pgrep -f 'sleep 50[012]$' | while read -r p; do readlink "/proc/$p/cwd"; done | grep -F "$T")" ''
ok 'stopping again is no error' cluster down "$T/one"
done_testing
