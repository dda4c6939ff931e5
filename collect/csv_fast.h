/* SPDX-License-Identifier: MIT */
/* Private to collect_csv: checking lines without quotes, many bytes at a time. */
#ifndef PPGEN_COLLECT_CSV_FAST_H
#define PPGEN_COLLECT_CSV_FAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whole lines, but for the end of the text. */
struct csv_lines {
	const char *p, *end;
	char sep;
	size_t columns;
	uint64_t line;   /* of p, from 1 */
	size_t cells;    /* of the line that was refused */
	const char *odd; /* a quote or a CR, the first in the next line, which is to be read */
};

/*
 * Takes lines that each have `columns` cells, and neither quotes nor CRs: *run .. *run + *n are to
 * be copied, *rows lines. Blank lines stand between runs. True while there was one; at the end, at
 * an odd line, or at a line with another number of cells (in `cells`, 0 otherwise), false.
 */
bool csv_lines_take(struct csv_lines *l, const char **run, size_t *n, uint64_t *rows);
/* The same without what only some processors can: for the tests. */
bool csv_lines_take_anywhere(struct csv_lines *l, const char **run, size_t *n, uint64_t *rows);

/*
 * For the lines that end in CRLF around p, a CR in a text without a quote before it: takes the CRs
 * of line ends out, up to the line of the next quote. The lines are shifted towards the end of the
 * text: returns where the line at `from` begins now. Other CRs stay.
 */
char *csv_lines_drop_crs(char *from, const char *cr, const char *end);

#endif
