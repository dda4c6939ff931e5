/* SPDX-License-Identifier: MIT */
/*
 * Private to the collector: which columns a table gets. Result columns stand in the order of their
 * first appearance. A first walk notes every row; then every row's cells can be asked for in the
 * table's order. Quick where a row has the names of the row before it.
 */
#ifndef PPGEN_COLLECT_COLUMNS_H
#define PPGEN_COLLECT_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/gather.h"
#include "gen/space.h"
#include "store/result.h"

struct column {
	const char *name; /* not NUL-terminated */
	size_t len;
};

struct columns;

struct columns *columns_new(const struct space *s);
void columns_free(struct columns *c);
void columns_clear(struct columns *c);

/* The first walk. -1: a cell of a column named as a parameter, `task` or `seed` differs from ours.
 */
int columns_note(struct columns *c, struct gather_task *t, const struct row *row, struct err *e);

/* The result columns; those that repeat a parameter, `task` or `seed` are not among them. */
size_t columns_count(const struct columns *c);
struct column columns_get(const struct columns *c, size_t k);
long columns_find(const struct columns *c, const char *name, size_t len); /* -1: none */
uint64_t columns_rows(const struct columns *c);                           /* that were noted */

/* Where rows differ in their columns, the first case: a column, a task whose row has it, and one
 * whose row does not. */
struct column_gap {
	struct column column;
	uint64_t has, lacks;
};
bool columns_gap(const struct columns *c, struct column_gap *gap);

/* The same order for a row that has just the columns, as every noted row had, and repeats nothing
 * that differs from ours; else NULL. Changes nothing, so that threads may ask. */
const long *columns_same(const struct columns *c, struct gather_task *t, const struct row *row);

/* For a row that was noted: of each column the position of its cell in the row, or -1. Valid until
 * the next call. */
const long *columns_order(struct columns *c, const struct row *row);

#endif
