/* SPDX-License-Identifier: MIT */
/* Between space*.c and task_id.c only. */
#ifndef PPGEN_GEN_SPACE_INTERNAL_H
#define PPGEN_GEN_SPACE_INTERNAL_H

#include "gen/axis.h"
#include "gen/expr.h"
#include "gen/space.h"

/* The points that a `where` keeps: a bit each, and for every block of words how many bits stand
 * before it. */
struct bitmap {
	uint64_t *words;
	uint64_t n;       /* bits */
	uint64_t *before; /* one a block */
	uint64_t kept;
};

#define BITMAP_BLOCK 8 /* words */

struct bitmap *bitmap_new(uint64_t n); /* all 0 */
void bitmap_free(struct bitmap *m);
void bitmap_set_run(struct bitmap *m, uint64_t from, uint64_t n);
void bitmap_finish(struct bitmap *m); /* counts; after the last bit was set */
uint64_t bitmap_words(uint64_t n);
bool bitmap_get(const struct bitmap *m, uint64_t i);
uint64_t bitmap_select(const struct bitmap *m,
		       uint64_t k); /* where bit number k of the set ones is; k < kept */

struct space {
	struct arena *arena;
	struct axis *axes; /* `rep` is the last one where `repeat` is given */
	size_t n_axes;
	const char **names;
	size_t n_names;
	const struct value **was; /* one a name; NULL: none */
	bool repeats;
	uint64_t repeat; /* 1 without `repeat` */
	const char *seed;
	const char **seed_by;
	size_t *seed_by_name; /* their places in names */
	size_t n_seed_by;
	size_t *sorted;       /* the names but rep, by name: the order of identities */
	struct bitmap *where; /* NULL: none */
	bool where_rep;       /* the bitmap tells reps apart; else a bit stands for all of them */
	const struct value *added; /* n_added points, each of the names but rep */
	uint64_t n_added;
	uint64_t crossed; /* points before where and add, with rep */
	uint64_t kept;    /* of which where keeps */
	size_t text_room; /* for the texts of ranges and rep in a point */
};

/* The axes that are not rep, and the names. */
size_t space_plain_axes(const struct space *s);
size_t space_plain_names(const struct space *s);

/* Fills in what follows from axes, repeat, where and added: names, order, counts. -1: too many
 * tasks (no message). */
int space_complete(struct space *s);
int space_add_rep(struct space *s);                    /* the axis of `repeat`, behind the others */
bool space_find_seed_by(struct space *s, size_t *bad); /* false: seed_by[*bad] is no name */

/* Point number i of the crossed ones, before where; index and so on are not touched. */
void space_crossed_point(const struct space *s, uint64_t i, struct point *p);

/* gen/where.c: evaluates x over the crossed points, at most `most`. -1 with a message. */
int space_where(struct space *s, const struct expr *x, uint64_t most, struct err *e);

/* What is written into axes.jsonl, all of it. */
void space_put_axes(const struct space *s, struct buf *b);

#endif
