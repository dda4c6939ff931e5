/* SPDX-License-Identifier: MIT */
/*
 * Private to the readers of results: building one row. A cell borrows its text where the source has
 * it as it is, and has it in the maker's buffer where it had to be decoded or joined. As that
 * buffer moves while it grows, such cells hold an offset until row_maker_end.
 */
#ifndef PPGEN_STORE_ROW_H
#define PPGEN_STORE_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "store/result.h"

#define COLUMN_NAME_MAX \
	((size_t)4096) /* bytes; members of nested objects repeat the names around them */

struct cell_place {
	size_t name_at,
		text_at; /* in the maker's buffer; SIZE_MAX: the cell's pointer is right already */
	const char *key; /* where the name stands in the source; for messages */
};

struct row_maker {
	struct row row;
	struct cell_place *places;
	size_t places_cap;
	bool moved; /* some cell is in `text` */
	struct buf text;
	struct buf path;  /* the names of the objects around, each with a dot behind */
	struct buf shape; /* the names of the last row that was found to name each column once */
	size_t shape_n;
	uint32_t *slots; /* a hash table over the names */
	size_t slots_cap;
};

void row_maker_begin(struct row_maker *m);
/* name and text must outlive the row. */
void row_maker_add(struct row_maker *m, const char *name, size_t name_len, enum json_type type,
		   const char *text, size_t len);
/* Adds an object's members, nested ones as "a.b". -1: *at is a key that makes a column's name too
 * long. */
int row_maker_add_object(struct row_maker *m, struct json object, const char **at);
const struct row *row_maker_end(struct row_maker *m);
/* After the end: a cell whose name an earlier cell has too, or -1. Quick where rows look like the
 * one before. */
long row_maker_twice(struct row_maker *m);
void row_maker_release(struct row_maker *m);

#endif
