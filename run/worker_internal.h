/* SPDX-License-Identifier: MIT */
/*
 * The element's insides. worker.c has the steps; worker_place.c what it may use: processors,
 * memory, time, folders, environment; worker_source.c makes the pool's tasks of chunks that it
 * claims; worker_past.c reads what earlier holders of a chunk did; worker_log.c tells people.
 */
#ifndef PPGEN_RUN_WORKER_INTERNAL_H
#define PPGEN_RUN_WORKER_INTERNAL_H

#include "run/worker.h"
#include "store/claim.h"

/* ---- worker_place.c ---- */

/* What this element may use: the least of what this machine grants and what was asked for, but
 * enough for one task in any case: the scheduler has let it in. */
void place_capacity(const struct worker_options *o, struct capacity *c);
/* On the monotonic clock, when tasks are ended; 0: never. *grace: seconds from TERM to KILL. */
double place_end(const struct worker_options *o, double *grace);
/* Where scratch folders of this writer are; the caller frees. */
char *place_scratch(const struct worker_options *o, const char *writer, struct err *e);
/* What tasks inherit: both set-ups have run. One block. */
char **place_environment(const struct worker_options *o, struct err *e);
/* More members for the journal's header. */
void place_put_header(const struct worker_options *o, const struct capacity *c, struct buf *b);

/* ---- worker_past.c ---- */

/* What earlier holders of a chunk did with a task. */
struct task_past {
	uint64_t index;
	unsigned attempt;    /* the number of its next attempt */
	unsigned tries;      /* failed attempts that `retry` counts, those of the list included */
	unsigned lost;       /* attempts cut off, the same */
	double memory, time; /* factors of its limits */
	bool good, failed;   /* for good */
};

struct worker_source;

/* Fills the pasts of positions from .. to (sorted by index): of the list, and, with holders, of
 * their journals. */
int past_read(const struct worker_source *s, uint64_t from, uint64_t to,
	      const struct claim_holder *holders, size_t n_holders, struct task_past *pasts,
	      struct err *e);
struct task_past *past_find(struct task_past *pasts, size_t n, uint64_t index);

/* ---- worker_source.c ---- */

struct work { /* a chunk that was taken */
	uint64_t chunk;
	uint64_t at, to;         /* the next position, and the end */
	uint64_t left;           /* tasks that are not done */
	struct task_past *pasts; /* of a chunk that others had before; NULL */
	size_t n_pasts;
};

struct worker_source {
	const struct worker_options *o;
	const struct submission_array *array;
	const struct capacity *capacity;
	double end; /* as of place_end */
	struct task_list tasks;
	struct claims *claims; /* borrowed */
	struct work **works;   /* with something left */
	size_t n_works, cap_works;
	struct work *now;    /* of works: tasks are being given from it; NULL */
	struct given *given; /* tasks that the pool has */
	size_t n_given, cap_given;
	struct task_past next; /* what is given next, where it is `ready` */
	unsigned upto;
	bool ready;
	uint64_t chunks; /* taken */
};

/* Makes the next task ready: 1, 0 there is none, -1. */
int source_ready(struct worker_source *s, struct err *e);
/* The pool's callbacks. */
int source_next(void *source, uint64_t *index, unsigned *attempt, unsigned *upto, struct err *e);
void source_past(void *source, unsigned *tries, double *memory, double *time);
/* A task of ours ended. */
void source_ended(struct worker_source *s, const struct pool_event *ev);
/* Frees every chunk with something left, for others. The journal is synced. */
int source_release(struct worker_source *s, struct err *e);
void source_close(struct worker_source *s);

/* ---- worker_log.c ---- */

struct worker_log;

struct worker_log *worker_log_new(const struct worker_options *o);
void worker_log_free(struct worker_log *l);
void worker_log_begin(struct worker_log *l, const struct capacity *c, double end, unsigned run);
void worker_log_note(struct worker_log *l, const char *text); /* a line */
void worker_log_event(struct worker_log *l, const struct pool_event *ev);
void worker_log_end(struct worker_log *l, const struct worker_report *r);

#endif
