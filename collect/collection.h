/* SPDX-License-Identifier: MIT */
/* What collect.c and quick.c share: the tables that are being made. */
#ifndef PPGEN_COLLECT_COLLECTION_H
#define PPGEN_COLLECT_COLLECTION_H

#include "collect/collect.h"
#include "collect/columns.h"
#include "collect/gather.h"
#include "collect/summary.h"
#include "collect/writer.h"

struct table {
	const struct output *o;
	size_t source;
	struct writer *w;
	struct summary *summary; /* NULL: rows pass through */
};

struct collection {
	struct scan *scan;
	const struct collect_options *options;
	const struct spec *spec;
	struct gather *gather;
	struct output main; /* of options->to */
	struct table *tables;
	size_t n_tables;
	struct columns **columns; /* one a source; NULL where no table is from it */
	size_t n_sources;
	uint8_t *lost; /* a bit a task: what it left is damaged */
	uint64_t n_lost;
};

/* Opens a table's file, or makes its summary, once its columns are known. */
int table_open(struct collection *c, struct table *t, struct err *e);
/* A row of a table that is no summary; `order` and `n` are its columns'. */
int table_put_row(struct writer *w, struct gather_task *t, const struct row *row, const long *order,
		  size_t n, struct err *e);

/*
 * Writes all tables in one walk, by several threads, where every row has the columns of the first
 * and nothing is wrong with any. QUICK_NOT: it is not so, and nothing was written; the one who asks
 * finds out what it is, and says so. -1: a table cannot be written.
 */
#define QUICK_NOT 1
int quick_write(struct collection *c, struct err *e);

#endif
