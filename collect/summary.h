/* SPDX-License-Identifier: MIT */
/*
 * Private to the collector: one row a group of tasks. Groups stand in the order of their first
 * task, and values are added in the order of the tasks, so the numbers do not depend on the order
 * in which tasks ran.
 *
 * Sums are compensated (Neumaier); the variance is Welford's, divided by n - 1; quantiles are type
 * 7 of Hyndman and Fan, as in R and NumPy. Cells that are missing, null or empty are passed over
 * (`count` counts rows, whatever is in them); statistics of nothing, and sd and sem of one value,
 * are empty. min and max keep the source text; other numbers have the shortest text that reads back
 * as the same double.
 */
#ifndef PPGEN_COLLECT_SUMMARY_H
#define PPGEN_COLLECT_SUMMARY_H

#include "base/buf.h"
#include "base/err.h"
#include "collect/columns.h"
#include "collect/gather.h"
#include "collect/writer.h"
#include "gen/spec.h"

struct summary;

/* -1 (NULL): a parameter or a column that it names does not exist. The columns were noted; o and
 * they must outlive it. */
struct summary *summary_new(const struct output *o, const struct space *s, const struct columns *c,
			    struct err *e);
void summary_free(struct summary *s); /* accepts NULL */

/* `order` as columns_order gave it for the row. -1: a cell that must be a number is none. */
int summary_row(struct summary *s, struct gather_task *t, const struct row *row, const long *order,
		struct err *e);

int summary_write(struct summary *s, struct writer *w, struct err *e);

/* The shortest decimal text that reads back as v; v is finite. */
void summary_put_double(struct buf *b, double v);

#endif
