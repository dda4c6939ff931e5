/* SPDX-License-Identifier: MIT */
/*
 * Private to the collector: the rows of one task after another, from what its end record and its
 * kept output hold. Source 0 is the streams, source 1 + k is result file k.
 */
#ifndef PPGEN_COLLECT_GATHER_H
#define PPGEN_COLLECT_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "gen/space.h"
#include "store/result.h"
#include "store/scan.h"

/* The task whose rows are being given. */
struct gather_task {
	const struct space *space;
	uint64_t index;
	uint8_t id[TASK_ID_SIZE];
	char shown[TASK_ID_SHOWN];

	/* private: see gather_point and gather_seed */
	struct point *point;
	bool pointed;
	const struct record *record; /* NULL: the seed is known already */
	struct json seed;
};

/* The task's parameters: computed when first asked for. */
const struct point *gather_point(struct gather_task *t);

/* The seed that the attempt used, in decimal; len 0 where the record does not tell. */
struct gather_text {
	const char *text; /* not NUL-terminated */
	size_t len;
};
struct gather_text gather_seed(struct gather_task *t);

/* "task t0123456789abcdef (T=1.5, L=16)". */
void gather_put_name(struct gather_task *t, struct buf *b);
/* The same for any task of a space; `most` bytes of its parameters are shown. */
void gather_put_index(const struct space *s, uint64_t index, size_t most, struct buf *b);
#define GATHER_PARAMS_SHOWN 160

struct gather;

/* One reads for one thread; several may read one scan. */
struct gather *gather_new(const struct scan *s);
void gather_free(struct gather *g);

typedef int (*gather_fn)(void *arg, struct gather_task *t, const struct row *row, struct err *e);

/* Reads the end record that counts of a task with a good result; -1: it cannot be read. */
int gather_open(struct gather *g, uint64_t index, struct err *e);

/*
 * Gives the opened task's rows of a source to fn, which returns 0 or -1 with e set. 0; -1: fn
 * failed; GATHER_LOST: what the task left is damaged or can no longer be read, and e names the task
 * and says why.
 */
#define GATHER_LOST 1
int gather_rows(struct gather *g, size_t source, gather_fn fn, void *arg, struct err *e);

#endif
