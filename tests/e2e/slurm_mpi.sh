#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A real MPI program as a task, over two nodes of a real Slurm: the ranks that were asked for, spread as was asked for, one task at a
# time in an element, and none of its processes left when a task's time is over.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"
lacking=$("$SRC/tests/cluster/slurm" missing --mpi) || skip_all "not installed: $(printf '%s' "$lacking" | tr '\n' ' ')"
cluster_up slurm --no-rest

cat >sum.c <<'END'
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Prints where its ranks are; `sum hang` does so never. */
int main(int argc, char **argv)
{
	char node[64] = "", all[64 * 64];
	int rank, size, sum;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &size);
	MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
	if (getenv("SLURMD_NODENAME"))
		snprintf(node, sizeof node, "%s", getenv("SLURMD_NODENAME"));
	MPI_Gather(node, sizeof node, MPI_CHAR, all, sizeof node, MPI_CHAR, 0, MPI_COMM_WORLD);
	if (argc > 1 && !strcmp(argv[1], "hang"))
		pause();
	if (rank == 0) {
		printf("%d ranks, sum %d, on", size, sum);
		for (int i = 0; i < size; i++)
			printf(" %s", all + 64 * i);
		printf("\n");
	}
	return MPI_Finalize();
}
END
ok 'an MPI program' mpicc -o sum sum.c || done_testing

mkdir -p "$XDG_CONFIG_HOME/ppgen"
cat >"$XDG_CONFIG_HOME/ppgen/sites.yaml" <<'END'
sites:
  here: {hosts: ["*"], launch: [srun, --mpi=pmi2, --overlap, -n, "{{ranks}}"]}
END
cat >mpi.yaml <<'END'
ppgen: 1
params: {case: [a, b, c]}
command: "{launch} ./sum {case}"
resources: {nodes: 2, ranks: 4, memory: 20M, time: 1m}
results: {stdout: text}
submit: {elements: 2}
END
cat >shell.yaml <<'END'
ppgen: 1
params: {case: [a]}
shell: $PPGEN_LAUNCH ./sum "$case"
resources: {nodes: 1, ranks: 3, time: 1m}
results: {stdout: text}
END
cat >hang.yaml <<'END'
ppgen: 1
params: {case: [hang]}
command: "{launch} ./sum {case}"
resources: {nodes: 2, ranks: 2, time: 3s}
results: {stdout: text}
END
for name in mpi shell hang; do
	ok "$name: submitted" ppgen submit -q $name.yaml
done
like 'the script asks for nodes' "$(submission mpi.yaml)/array-1.sh" '^#SBATCH --nodes=2$'
like 'and for ranks' "$(submission mpi.yaml)/array-1.sh" '^#SBATCH --ntasks=4$'
finished mpi.yaml
is 'all is good' "$code" 0
is 'each task is one program of four ranks' "$(grep -c '4 ranks, sum 6, on' "$(run_of mpi.yaml)/collect/results.csv")" 3
is 'two on each of two nodes' \
	"$(sed -n 's/.*, on \([n123 ]*\).*/\1/p' "$(run_of mpi.yaml)/collect/results.csv" | tr ' ' '\n' | sort | uniq -c | awk '{ print $1 % 2 }' | sort -u)" 0
is 'on two nodes' \
	"$(sed -n 's/.*, on \([n123 ]*\).*/\1/p' "$(run_of mpi.yaml)/collect/results.csv" | while read -ra on; do printf '%s\n' "${on[@]}" | sort -u | wc -l; done | sort -u)" 2
like 'one at a time' "$(submission mpi.yaml)/log/1.0" 'up to 1 task at a time'
finished shell.yaml
is 'a shell starts it by PPGEN_LAUNCH' "$code" 0
like 'as three ranks on one node' "$(run_of shell.yaml)/collect/results.csv" '3 ranks, sum 3, on (n[123]) \1 \1'
finished hang.yaml
is 'one whose time is over' "$code" 1
is 'is recorded so' "$(ends hang.yaml timeout)" 1
gone() { ! pgrep -f "^$T/sum hang|^./sum hang"; }
ok 'and none of its ranks is left' within 20 gone
is 'nothing is left in the queue' "$(squeue -h)" ''
done_testing
