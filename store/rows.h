/* SPDX-License-Identifier: MIT */
/* Private to the readers of results: the state of a walk, shared by rows.c, rows_json.c and
 * rows_csv.c. */
#ifndef PPGEN_STORE_ROWS_H
#define PPGEN_STORE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/csv.h"
#include "store/regex.h"
#include "store/row.h"

struct rows {
	const struct extract *x;
	struct regex_set *regex;
	struct row_maker m;

	const char *whole;   /* what positions count from */
	const char *p, *end; /* what is still to be read */
	int (*next)(struct rows *r, struct err *e);
	uint64_t given; /* rows so far */

	struct json json; /* the one object, or the list */
	bool is_json;     /* the row is `json` */
	struct json_iter items;
	size_t line; /* of p, in a walk over lines; before a CSV text: how many lines */

	struct csv csv;
	bool csv_open;
	struct buf header_text;
	struct cell *header; /* names only */
	size_t n_header, cap_header;
};

/* Where something stands in the text, from 1. Columns count characters. */
size_t rows_line(const struct rows *r, const char *at);
size_t rows_column(const struct rows *r, const char *at);

/* Errors of readers below count from where they began to read: `line` is where that stands in the
 * whole. Returns -1. */
int rows_wrap(struct err *e, const struct err *inner, size_t line);

const char *rows_skip_blanks(const char *p, const char *end);

/* Each begins a walk of its format at r->p and sets r->next. */
int rows_begin_json(struct rows *r, struct err *e);
int rows_begin_jsonl(struct rows *r, struct err *e);
int rows_begin_csv(struct rows *r, struct err *e); /* TSV too */

int rows_next_none(struct rows *r, struct err *e);

/* Whether the last row was read from a text that row_put_json would write just so. */
bool rows_verbatim(const struct rows *r, struct json *text);

#endif
