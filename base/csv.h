/* SPDX-License-Identifier: MIT */
/*
 * Delimited text: CSV (RFC 4180; also LF line ends and a UTF-8 BOM), TSV, or columns set off by
 * runs of blanks (sep ' '). Read in place, a row at a time; blank lines are passed over; the last
 * line end is optional.
 */
#ifndef PPGEN_BASE_CSV_H
#define PPGEN_BASE_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct csv_cell {
	const char
		*text; /* unquoted; in the source, or in the reader's buffer until the next row */
	size_t len;
	bool quoted;
};

struct csv {
	const char *p, *end;
	char sep;
	size_t line; /* where the row in `cells` began, from 1 */
	size_t next_line;
	struct csv_cell *cells;
	size_t n, cap;
	struct buf unquoted;
};

/*
 * Text that goes on behind `end`, which is yet to be read: what csv_next says is sure where it
 * leaves p < end; else it is to be asked again, from the p and next_line that it began with, when
 * there is more.
 */

void csv_open(struct csv *c, const char *text, size_t len, char sep); /* ',' '\t' or ' ' */
int csv_next(struct csv *c, struct err *e); /* 1 a row, 0 the end, -1 "line N: ..." (a quote that is
					       not closed, text behind one) */
void csv_close(struct csv *c);

/* Quoted where it holds sep, a quote, CR or LF, or blanks at an end. TSV is quoted by the same
 * rule. */
void csv_put(struct buf *b, char sep, const char *s, size_t n);

#endif
