/* SPDX-License-Identifier: MIT */
/*
 * An array element: runs the pool on the chunks that it claims, within its allocation, until
 * nothing is left to claim, its time is over, or it is told to end.
 */
#ifndef PPGEN_RUN_WORKER_H
#define PPGEN_RUN_WORKER_H

#include <stdint.h>

#include "base/err.h"
#include "gen/plan.h"
#include "gen/template.h"
#include "run/pool.h"
#include "store/submission.h"

struct worker_options {
	const char *rundir; /* absolute */
	const struct plan *plan;
	const struct submission *submission;
	const struct template *template;
	unsigned array; /* from 1 */
	uint64_t element;
	const char *job; /* the scheduler's id of this element, "" when not known */
	int guard_fd;    /* of guard_start */
	double began;    /* when the job began, on the monotonic clock: see worker_began */
};

struct worker_report {
	struct pool_summary sum;
	uint64_t chunks;  /* taken */
	unsigned run;     /* how often this element has begun, this time included; 0: it did not */
	bool out_of_time; /* stopped because no further task would have fitted */
	bool nothing_to_do; /* there was no task for it */
};

/*
 * When this process began, as one that exec left in its place: a job script's time before it
 * counts. To be asked before guard_start, which goes on in a new process.
 */
double worker_began(void);

/*
 * Seconds that an element waits before its set-up and its first interpreter, where tasks are
 * functions. A scheduler starts the elements of an array in one moment, and each interpreter looks
 * for hundreds of small files on the file system that all share; 20 ms from one to the next are
 * what a server of it needs to answer one, and what the others then find in its memory. Within an
 * element the pool sees to it: it starts one interpreter and the rest when that has loaded its
 * modules.
 *
 * By the element's number, not by chance, so that it can be told beforehand: elements that may run
 * at a time (all, or `throttle`) are spread evenly over 20 ms each, but over no more than `most`
 * seconds, nor a hundredth of the element's time. 0 for the first one, and where there is only one.
 */
double worker_spread(const struct submission_array *a, uint64_t element, uint64_t most);

/*
 * In this order: is there anything to do at all; capacity, time and scratch; the journal; the
 * claims, and the first task (nothing to do: it ends here); the wait; the set-up; the pool; what is
 * left is freed. -1: the system failed (set-up, a full disk): what was recorded is recorded, and
 * chunks with something left are freed. Says on stderr what it does, for the element's log. SIGTERM
 * and the like are blocked but for the time of the pool, which obeys them.
 */
int worker_run(const struct worker_options *o, struct worker_report *out, struct err *e);

#endif
