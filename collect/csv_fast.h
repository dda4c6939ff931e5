/* SPDX-License-Identifier: MIT */
/* Private to collect_csv: checking lines without quotes, many bytes at a time. */
#ifndef PPGEN_COLLECT_CSV_FAST_H
#define PPGEN_COLLECT_CSV_FAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lines that hold no quote and no CR: whole ones, but for the end of the text. */
struct csv_lines {
	const char *p, *end;
	char sep;
	size_t columns;
	uint64_t line; /* of p, from 1 */
	size_t cells;  /* of the line that was refused */
};

/* Whether the bytes may be read by csv_lines_take: no quote, no CR. */
bool csv_lines_plain(const char *p, size_t n);

/*
 * Takes lines that each have `columns` cells: *run .. *run + *n are to be copied, *rows lines.
 * Blank lines stand between runs. True while there was one; at the end, or at a line with another
 * number of cells (in `cells`, 0 otherwise), false.
 */
bool csv_lines_take(struct csv_lines *l, const char **run, size_t *n, uint64_t *rows);

#endif
