/* SPDX-License-Identifier: MIT */
/*
 * The shape of an array: how many elements, how many tasks run in one at a time, how long it may
 * last, how tasks are cut into chunks. Pure arithmetic. Since elements claim chunks, their number
 * is free: it is chosen under every limit, whatever the number of tasks. What a wish does not say
 * follows from these rules:
 *
 * slots: 1, and never more than there are tasks. Always 1 for tasks that have an element to
 *   themselves (resources_alone).
 *
 * time: of it, `reserve` (a tenth, 5 s to 60 s) is kept for ending tasks and recording them, and a
 *   twentieth (2 s to 60 s) for what comes before the first task: the scheduler's own start,
 *   `setup`. The rest is for tasks, each of which is reckoned with its time limit. An hour of tasks
 *   (two tasks, when that is longer), or what all the tasks need one after another in a single
 *   element, when that is shorter; in whole minutes. Never over the limit. No time is asked for
 *   where tasks have no time limit: the scheduler's default holds.
 *
 * elements: so many that each has half of its time to fill, so that the others can take over what
 *   one did not do. Tasks without a time limit are reckoned with TASK_ASSUMED_S, and are spread
 *   over 10 elements even when they seem to need fewer. At most as many as have a task for each
 *   slot; together at most 1000, half of LIMIT_JOBS, and LIMIT_QUEUED less two (the finaliser, and
 *   the one that may be submitting us). What must be given up is given up in proportion.
 *
 * chunk: about 8 for each slot of each element, so that whoever is done early takes from the
 *   others; where tasks are short 4, so that claiming costs nothing to speak of; more where an
 *   element cannot do its part of all tasks anyway.
 *
 * throttle: max_running holds for all arrays together: each gets its share, at least 1.
 *
 * A single element, or fewer than the template's array_least, are no array but a single job.
 */
#ifndef PPGEN_GEN_SHAPE_H
#define PPGEN_GEN_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "gen/spec.h"
#include "gen/template.h"

#define CHUNKS_MAX     20000 /* of a submission: each claimed one is a file */
#define TASK_ASSUMED_S 30    /* how long a task without a time limit is taken to be */

/* What is wished; 0: not said. */
struct shape_wish {
	uint64_t slots, elements, max_running, element_time;      /* seconds */
	const char *slots_origin, *elements_origin, *time_origin; /* for messages */
};

/* What is allowed; UINT64_MAX: no limit is known. */
struct shape_limits {
	uint64_t of[LIMIT_COUNT];
	const char *origin[LIMIT_COUNT]; /* "scontrol show config", "sites.yaml:12" */
};

/* One class of tasks: equal resources. */
struct shape_class {
	struct resources res; /* of a task, as retries have raised them */
	uint64_t tasks;
	struct shape_wish wish;
	/* of its partition and account: how long its jobs may last; NULL: as all */
	const struct shape_limits *own;
};

struct shape {
	uint64_t slots;    /* tasks at a time in an element; 1 for tasks with nodes or ranks */
	uint64_t elements; /* at least 1 */
	uint64_t chunk, chunks;
	uint64_t throttle; /* 0: none */
	uint64_t time;     /* wall time of an element, seconds; 0: not asked for */
	uint64_t reserve;  /* seconds before the wall time at which tasks are ended */
	bool assumed;      /* tasks have no time limit: TASK_ASSUMED_S was taken */
	const char *elements_by, *time_by; /* what decided, for people */
};

/*
 * Shapes for all classes of one submission together. The sum of all chunks is at most CHUNKS_MAX.
 * -1: a wish breaks a limit, or a task's time is longer than an element may last (unless
 * `checkpoints`: then a task may be cut off and goes on in another element); the message names both
 * and where they came from. A wish for more elements than there is something to do for is not
 * broken by a limit, and is cut to that.
 */
int shape_find(const struct shape_class *classes, size_t n, const struct shape_limits *limits,
	       const struct template *t, bool checkpoints, struct shape *out, struct err *e);

/* The seconds that tasks have in an element of this wall time. */
uint64_t shape_usable(uint64_t time);

#endif
