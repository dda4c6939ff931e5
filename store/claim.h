/* SPDX-License-Identifier: MIT */
/*
 * Claims: which element works on which chunk of a submission's array. claims/0001/ holds one file a
 * claimed chunk and generation, made by O_EXCL, so at most one element ever gets it:
 *
 *   a1.000123.1        chunk 123 of array 1, first generation: {"writer":..,"element":17,"run":1}
 *   a1.000123.1.free   its holder will do no more of it: the next generation may be taken
 *   e1.000017.1        element 17 of array 1 began, first time: {"writer":..,"job":..,"time":MS,
 *                      process}; a requeued one is e1.000017.2
 *   stop               too many failures: nobody takes anything more
 *
 * A chunk is given up by whoever frees it; by its own element when that was requeued; else it waits
 * for the finaliser, and so does one whose file is torn: it is nobody's. What was done of a chunk
 * is read from the journals of its earlier holders, which they synced before they freed it.
 *
 * An element's journal says what it claimed: {"k":"claim","c":123,"g":1} stands there before each
 * attempt to make the file, {"k":"done","c":123,"g":1} when nothing of the chunk is left to do
 * here. So a requeued element knows from its earlier selves' journals which few claims may have
 * been theirs to the end.
 */
#ifndef PPGEN_STORE_CLAIM_H
#define PPGEN_STORE_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/journal.h"

struct claims;

/*
 * Opens the claims of one array for one element and registers it. j: this element's journal, which
 * must live as long; job: the scheduler's id for it ("" when not known). *run is how often this
 * element has begun, this time included. elements and chunks: how many the array has.
 */
struct claims *claims_open(const char *rundir, unsigned submission, unsigned array,
			   uint64_t element, uint64_t elements, uint64_t chunks, struct journal *j,
			   const char *job, unsigned *run, struct err *e);
void claims_close(struct claims *c); /* keeps what is held; accepts NULL */

/* An earlier holder of a chunk. */
struct claim_holder {
	char *writer;
	unsigned generation;
};

/*
 * Takes the next chunk: what this element held when it was ended before it began again, then its
 * own share (every elements'th chunk) in order, then, by chance, what others have not taken, then
 * what was freed. 1: *chunk is ours, *holders (free with claim_holders_free) are those before us;
 * 0: nothing is left for us (now), or `stop` is there, or the submission has ended; -1. Reads the
 * folder at most once a call, and not at all while its own share lasts.
 */
int claims_next(struct claims *c, uint64_t *chunk, struct claim_holder **holders, size_t *n,
		struct err *e);
void claim_holders_free(struct claim_holder *h, size_t n);

/* Nothing of it is left to do here: a requeued self will not look at it again. */
int claims_done(struct claims *c, uint64_t chunk, struct err *e);
/* Something is left: makes .free; the journal was synced before. */
int claims_release(struct claims *c, uint64_t chunk, struct err *e);
int claims_stop(struct claims *c, struct err *e); /* makes stop */
bool claims_stopped(const char *rundir, unsigned submission);

/* ---- for status and the finaliser: what the folder tells ---- */

struct element_run { /* one start of an element */
	uint64_t element;
	unsigned array, run;
};

struct claims_view {
	struct element_run *elements; /* sorted by array, element, run */
	size_t n_elements;
	uint64_t taken; /* chunks of all arrays that somebody holds or held */
	bool stopped;
};
/* No folder: nobody has begun yet. */
int claims_view(const char *rundir, unsigned submission, struct claims_view *out, struct err *e);
void claims_view_free(struct claims_view *v);

struct element_start {
	char *writer, *job, *host;
	uint64_t time_ms;
};
/* A file that is torn gives empty texts. */
int claims_element(const char *rundir, unsigned submission, const struct element_run *r,
		   struct element_start *out, struct err *e);
void element_start_free(struct element_start *s);

#endif
