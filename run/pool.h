/* SPDX-License-Identifier: MIT */
/*
 * The pool: runs tasks of a plan on this machine, a slot each, and journals what happened. It knows
 * nothing of schedulers: an array element runs this very pool with a source that claims chunks.
 *
 * One loop: fill slots, wait for a child, a signal or a timer, reap, record, report.
 */
#ifndef PPGEN_RUN_POOL_H
#define PPGEN_RUN_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "gen/plan.h"
#include "gen/task.h"
#include "run/capacity.h"
#include "store/journal.h"
#include "store/record.h"

/* Where tasks come from: a work list, or (an array element) chunks that are claimed. */
struct source {
	/* 1: *index and *attempt are the next task, with *upto > 0 when earlier attempts up to it
	 * no longer count once this one is good; 0: none left. */
	int (*next)(void *arg, uint64_t *index, unsigned *attempt, unsigned *upto, struct err *e);
	void *arg;
	uint64_t total; /* how many `next` will give; for progress */
	/* NULL, or called right after `next` gave a task that has a past elsewhere: how many of its
	 * attempts have failed of those that `retry.times` counts, and what its limits are
	 * multiplied with (rounded up). They come as 0, 1 and 1. */
	void (*past)(void *arg, unsigned *tries, double *memory, double *time);
};

/*
 * What happens, for progress bars and plain lines. All are called from the pool's loop.
 *
 * Each attempt that was started gives one POOL_END, also one that was interrupted, one that never
 * ran because its command could not be started (there is no POOL_START then), and one whose end
 * could not be recorded. task->point.index names the task. What the source gave and nobody started
 * gives no event.
 */
struct pool_event {
	/* POOL_IDLE: nothing more is to be done at once, the pool is about to wait. It may come
	 * often, and twice in a row: what costs time is done only where something happened since.
	 */
	/* POOL_UNRECORDED: the pool ends by a fault, and what was said to have ended since the last
	 * POOL_TICK or POOL_IDLE may have no record. */
	enum { POOL_START, POOL_END, POOL_TICK, POOL_STOPPING, POOL_IDLE, POOL_UNRECORDED } kind;
	const struct task *task; /* start, end */
	enum outcome outcome;    /* end */
	bool retried; /* end: another attempt is to follow; it does not where the pool stops before,
			 or where it would not end in time */
	const char *why; /* end: for people: "exit code 3", "no result: stdout: line 1, column 1:
			    ..." */
	double wall;     /* end: seconds */
	/* end: what the record names as the value that a function returned. `row`: all of it is
	 * this row, compact JSON of row_len bytes, not NUL-terminated. Else `value_file`: the file
	 * below the run directory in which it stands, from value_offset on for value_len bytes.
	 * Both are NULL where there is no value; they are valid during the call. */
	const char *row;
	size_t row_len;
	const char *value_file;
	uint64_t value_offset, value_len;
	const char *text; /* stopping: "interrupted: waiting for 3 tasks, Ctrl-C again ends them" */
	uint64_t done, ok, failed, running, total; /* counted by task, after this event */
};

struct pool_options {
	const struct plan *plan;
	const char *rundir;              /* absolute */
	const struct capacity *capacity; /* cpus already set to -j's */
	const char *const *base_env;     /* what tasks inherit, `setup` applied */
	int guard_fd;                    /* of guard_start */
	double sync_s;                   /* seconds between syncs: 1 locally */
	double grace_s;                  /* between TERM and KILL: 10 */
	uint64_t max_failures;     /* stop when more tasks than this failed; UINT64_MAX: never */
	double max_failures_share; /* or this share of ended ones, from 20 ended; > 1: never */
	void (*event)(void *arg, const struct pool_event *ev);
	void *event_arg;
	/* The rest is for array elements; 0 means what a local run does. */
	const char
		*scratch; /* as in struct launch_place. Two attempts of a task may run at once on
			     two nodes, and a scratch folder is emptied before an attempt: so this
			     must be this pool's own folder, named after the journal's writer. It
			     is made when it is needed, and removed at the end if empty */
	const char *const *launch; /* as in struct launch_place */
	double end;     /* on the monotonic clock: tasks are ended then, and none is started that
			   could not end before (see below); 0: never */
	unsigned ahead; /* how many tasks are taken from the source before they can start, and how
			   many that would not end in time before no more are looked at; at most
			   and 0: 64 */
	bool drain_on_usr;  /* SIGUSR1 and SIGUSR2 say that the end is near: nothing is started any
			       more, tasks get their checkpoint signal and go on */
	bool leave_growing; /* an attempt that ended by oom or timeout is made again here only where
			       its raised limit fits the capacity, or the time that is left; else it
			       is left as failed (event.retried is false) */
};

struct pool_summary {
	uint64_t ok, failed, interrupted; /* tasks */
	uint64_t attempts;
	bool stopped_by_signal; /* Ctrl-C or the like */
	bool stopped_by_failures;
	bool stopped_by_time;   /* something was cut off at `end`, or not started since it would not
				   have ended before; or SIGUSR1 or 2 said that the end is near */
	bool stopped_by_system; /* see err */
};

/*
 * Runs until the source is empty or something stops it. 0: everything that was started is recorded
 * (see summary); -1: the system failed (disk full, ...): running tasks were ended, what could be
 * recorded is. A task that can never fit the capacity is an error before anything starts it.
 *
 * The end: an attempt is started when its time limit fits into what is left; without a limit, when
 * one and a half times the longest attempt of this pool so far does. With `checkpoint:` it is
 * enough that the task has a few seconds more than `before`. At `end` what runs gets TERM, and
 * KILL after grace_s, and is recorded as interrupted.
 *
 * The checkpoint signal goes once to an attempt: `before` seconds before its time limit or `end`,
 * whichever is earlier, though not within its first seconds; at once when the pool drains by
 * SIGUSR1 or 2; and when the pool is to end it (SIGTERM, SIGHUP, a second Ctrl-C), with half of the
 * grace before the TERM. It goes to the attempt's first process alone: launchers (mpiexec, srun)
 * pass it on, and of a whole group each shell, tee and helper that does not know it
 * would die. A shell script is that process itself: it ends in `exec program`, or traps the
 * signal.
 *
 * The task goes on after the signal. One that leaves with exit code 0 and all its results is good.
 * One that leaves by another exit code or without its results was cut off by what the signal
 * announced: a timeout, or interrupted. One that dies of the signal itself did not know it. See
 * "ckpt" in store/record.h.
 *
 * A scheduler's TERM may reach the tasks at the same moment as us: an attempt that dies of TERM,
 * HUP or INT is interrupted when the same signal comes to us within half a second, else it failed.
 *
 * MPI tasks and exclusive ones (resources_alone) run with nothing beside them.
 */
int pool_run(const struct pool_options *o, struct journal *j, struct source *src,
	     struct pool_summary *out, struct err *e);

#endif
