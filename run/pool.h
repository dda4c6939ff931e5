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
};

/* What happens, for progress bars and plain lines. All are called from the pool's loop. */
struct pool_event {
	enum { POOL_START, POOL_END, POOL_TICK, POOL_STOPPING } kind;
	const struct task *task; /* start, end */
	enum outcome outcome;    /* end */
	bool retried;            /* end: another attempt follows */
	const char *why;  /* end: for people: "exit code 3", "no result: stdout: line 1, column 1:
			     ..." */
	double wall;      /* end: seconds */
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
};

struct pool_summary {
	uint64_t ok, failed, interrupted; /* tasks */
	uint64_t attempts;
	bool stopped_by_signal; /* Ctrl-C or the like */
	bool stopped_by_failures;
	bool stopped_by_system; /* see err */
};

/*
 * Runs until the source is empty or something stops it. 0: everything that was started is recorded
 * (see summary); -1: the system failed (disk full, ...): running tasks were ended, what could be
 * recorded is. A task that can never fit the capacity is an error before anything starts it.
 */
int pool_run(const struct pool_options *o, struct journal *j, struct source *src,
	     struct pool_summary *out, struct err *e);

#endif
