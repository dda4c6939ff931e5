/* SPDX-License-Identifier: MIT */
/*
 * How one task is started: words, environment and working folder, computed from a plan without
 * touching anything. `plan`, --dry-run, `log` and the pool all use this.
 */
#ifndef PPGEN_GEN_TASK_H
#define PPGEN_GEN_TASK_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "gen/plan.h"

struct task {
	struct point point;
	uint8_t id[TASK_ID_SIZE];
	char shown[TASK_ID_SHOWN];
	struct seeds seeds;
	struct resources res; /* by task_load those of a first attempt; who retries may raise them
				 before task_launch */
	char code[CODE_HEX];
	unsigned attempt; /* from 1; task_load leaves it alone */
};

void task_init(struct task *t, const struct plan *p);
void task_free(struct task *t);

/* Fills point, id, seeds, resources and code. -1: an override or an input cannot be told. */
int task_load(struct task *t, const struct plan *p, uint64_t index, struct err *e);

struct launch_place {
	const char *rundir; /* absolute: PPGEN_RUN, and where scratch folders are */
	const char *gpus; /* "0,1": CUDA_VISIBLE_DEVICES and ROCR_VISIBLE_DEVICES; NULL: left alone;
			     "" with no gpus of its own */
	const char *const *base_env; /* NULL-terminated "K=V": see task_base_env */
	const char *scratch; /* where {scratch} folders are, of this run alone: TASK is all that is
				put behind it; NULL: RUNDIR/scratch */
	/* what {launch} stands for, NULL-terminated words in which {{ranks}}, {{nodes}}, {{cpus}}
	 * (of a rank) and {{ranks_per_node}} are filled in; NULL: mpiexec -n RANKS */
	const char *const *launch;
};

struct launch_work;

/*
 * How to start one task. Zero it first. The arrays are NULL-terminated; their texts lie in `text`
 * or in at->base_env, and all of it is valid until the next task_launch with the same struct, which
 * uses the same memory again.
 */
struct launch {
	char **argv;
	char **envp;
	char *workdir; /* absolute */
	char *scratch; /* absolute; NULL when nothing names it */
	char *keep; /* the same: RUNDIR/keep/TASK.CODE, which lasts over attempts of one code until
		       one is good */
	struct buf text; /* private */
	size_t argv_cap, envp_cap;
	struct launch_work *work; /* private */
};

/*
 * The command with its placeholders filled; a list that is all of a word becomes its items' words,
 * and {launch} the launcher's; for `shell:` the interpreter, its "-c", the script. Of a function it
 * is what a person would type to call it once, and how it runs says call_launch. The environment is
 * base_env with, in this order and each taking the place of one of its name:
 *
 * - PPGEN_TASK (the shown id), PPGEN_INDEX, PPGEN_SEED, PPGEN_SEED64, PPGEN_SEED_WORDS ("a,b,c,d"),
 *   PPGEN_ATTEMPT, PPGEN_CPUS, PPGEN_MEMORY (bytes; 0: no limit), PPGEN_RUN, PPGEN_SCRATCH and
 *   PPGEN_KEEP (RUNDIR/scratch/TASK, RUNDIR/keep/TASK.CODE; the folders are made only where the
 * spec names them), and for a task with ranks PPGEN_LAUNCH (the words of {launch} as a shell takes
 * them)
 *
 * - PPGEN_INPUT_<NAME> for every input, its name in upper case: its absolute path (of a url: where
 *   it was fetched to, RUNDIR/inputs/SHA256)
 *
 * - OMP_NUM_THREADS and its kin, only where base_env has none of that name: the task's cpus
 *
 * - CUDA_VISIBLE_DEVICES and ROCR_VISIBLE_DEVICES, where at->gpus says
 *
 * - for `shell:` one variable a parameter
 *
 * - the spec's env
 *
 * Files named by :stem etc. are text only. -1: a modifier does not fit, or all words vanished.
 */
int task_launch(const struct task *t, const struct plan *p, const struct launch_place *at,
		struct launch *l, struct err *e);
void launch_free(struct launch *l);

/* Whether a word of a launcher names only what can be filled in; -1 and what is wrong. */
int launch_check_word(const char *word, struct err *e);

/*
 * What tasks inherit from `environ`: everything but PPGEN_* and the variables of array elements
 * that the templates list (`hidden`). One block: free() it.
 */
char **task_base_env(char **environ_);

/*
 * Appends the absolute path of a result file (relative ones begin in the task's working folder) or
 * of one of the spec's inputs (in the spec's folder).
 */
int task_path(const struct task *t, const struct plan *p, const struct launch_place *at,
	      const struct ptext *path, struct buf *out, struct err *e);

/*
 * For people: the command as one line that a shell would take and that does the task again:
 * "cd DIR && env A=1 python3 sim.py --T=1.5". Of the environment: what the spec sets, for `shell:`
 * the parameters, every PPGEN_* that a word names, and PPGEN_SEED unless the spec passes the seed
 * on by {seed} or {seed64}. The plan must still live.
 */
void launch_put_command(const struct launch *l, struct buf *b);

#endif
