/* SPDX-License-Identifier: MIT */
/*
 * What became of a submission when its arrays are over: which tasks are good, which failed and why,
 * which were cut off, lost with their element or never started, and what of it is to be done again.
 * What happened is read from the journals of this submission's own writers, as claims name them;
 * the scheduler's word is used for one thing only: why an element ended whose attempts have no end,
 * or that was told to end.
 *
 * Of a task that is not good the attempt with the highest number counts:
 *
 * - It failed (exit, signal, timeout, oom, invalid): done again where `retry` names the cause and
 *   the task's failures are not more than retry.times, with retry's factors for every oom and
 *   timeout of this submission. A command that could not be started is not tried again.
 * - It has no end, and its element ran out of memory: as oom, where it was the only one without an
 *   end. Were there several, nobody knows whose fault it was: cut off, with more memory.
 * - It was cut off otherwise (the wall time, a signal from the scheduler, a node that died, a
 *   worker that vanished): done again until that has happened LOST_MOST times. Where it went
 *   through its checkpoint signal that does not count: it goes on from there.
 * - It was never started: done again. In a round in which nothing ended that counts as being cut
 *   off, so that elements that die one after another come to an end.
 * - It ended well, and does not count (its code had changed meanwhile): left alone.
 *
 * Nothing is done again, and `stopped` says why, where too many tasks failed; where somebody
 * cancelled elements: who does so by hand wants it to stop (where the scheduler knows no better, so
 * was an element whose last start a signal ended before its time); where nothing was ever started
 * and no node was lost: elements then fail by something that another round would meet too (setup, a
 * script that cannot run).
 */
#ifndef PPGEN_SUBMIT_REVIEW_H
#define PPGEN_SUBMIT_REVIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "gen/plan.h"
#include "store/scan.h"
#include "store/submission.h"
#include "submit/scheduler.h"
#include "submit/submitter.h"

#define ROUNDS_MOST                                                                   \
	1000 /* of a chain: a task that saves its state, and never gets further, ends \
	      */

struct review {
	uint64_t tasks, good; /* of this submission */
	uint64_t failed;      /* for good: no attempt is left */
	uint64_t again;       /* to be done again */
	uint64_t left;        /* neither: because of `stopped`, or it would change nothing */
	uint64_t lacking; /* of all tasks that the chain was submitted for: have no good result */
	/* last causes of those that are not good; what is none of them failed by itself */
	uint64_t timed_out;   /* over the task's own time limit */
	uint64_t oom;         /* over its memory, or the element was */
	uint64_t lost;        /* with its element */
	uint64_t interrupted; /* by the element's end */
	uint64_t never_started;
	uint64_t elements, elements_started, elements_timed_out, elements_oom;
	uint64_t elements_lost; /* by the scheduler's word, or they began and vanished */
	uint64_t elements_cancelled;
	bool progress;       /* at least one attempt ended by itself, or went on to a checkpoint */
	const char *stopped; /* why nothing is done again, though something might be; NULL */
	struct submit_class *classes; /* what is to be done again */
	size_t n_classes;
};

/*
 * scan: folded after the arrays ended, for the submission's own plan; jobs: what the scheduler says
 * of the elements (NULL, or may know nothing). -1: something could not be read.
 */
int review_find(const char *rundir, const struct plan *p, const struct submission *s,
		struct scan *scan, const struct job_view *jobs, struct review *out, struct err *e);
void review_free(struct review *r);

/* Cuts tasks into classes of equal resources: one call a task, in order. res: raised already. */
void classes_add(struct submit_class **classes, size_t *n, const struct resources *res,
		 uint64_t index, const struct task_run *past);
void classes_free(struct submit_class *classes, size_t n);
/* A task's resources with the factors of its past, rounded up. */
void resources_raise(struct resources *res, const struct task_run *past);

#endif
