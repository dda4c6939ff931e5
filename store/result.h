/* SPDX-License-Identifier: MIT */
/*
 * Results: what a task's output means, as rows of named cells. The same reader judges an attempt
 * when it ends and feeds the table when it is collected.
 *
 * JSON: an object is a row, a list of objects is a row each, (JSON Lines: jsonl) an object a line
 * is a row each; members of nested objects become columns "a.b"; lists stay JSON text (type
 * JSON_ARRAY), without white space between tokens. CSV: the header names the columns, cells that
 * look like numbers are numbers (blanks around them and around names are dropped), empty ones
 * without quotes are null. number: the text trimmed must be one number, in column `column`
 * ("value"). text: the bytes less one final newline, in column `column` ("text"). regex: a column a
 * pattern, a number or text. No row at all is an error, but for CSV (a header alone is no rows) and
 * an empty JSON list. The value that a function returned (FORMAT_VALUE) is read as JSON is, "{}"
 * being a row without cells; that of FORMAT_BYTES is not read: it is one row without cells, so that
 * the task has its line in the table.
 */
#ifndef PPGEN_STORE_RESULT_H
#define PPGEN_STORE_RESULT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "gen/spec.h"

struct cell {
	const char *name; /* not NUL-terminated */
	size_t name_len;
	enum json_type type; /* NULL, BOOL, NUMBER, STRING; ARRAY: text is JSON */
	const char *text;    /* decoded; of NULL: "" */
	size_t len;
};

struct row {
	struct cell *cells;
	size_t n, cap;
};

struct rows; /* a walk over the rows of one text */

/* Compiles what can be compiled once (regexes). `x` must outlive it. */
struct rows *rows_new(const struct extract *x);
void rows_free(struct rows *r);
/* Begins a walk; data must stay until it ends. */
int rows_begin(struct rows *r, const char *data, size_t len, struct err *e);
/* 1: a row, in *row until the next call; 0: no more; -1: "line 3: ..." without a subject. */
int rows_next(struct rows *r, const struct row **row, struct err *e);

/* A row from the object that stands in an end record. */
int row_from_json(struct rows *r, struct json object, const struct row **row, struct err *e);
/*
 * {"a":1,"b.c":"x"}; the inverse of row_from_json, but for text that is no UTF-8 (U+FFFD) and
 * numbers that JSON does not know (.5 becomes 0.5).
 */
void row_put_json(const struct row *row, struct buf *b);
void cell_put_json(const struct cell *c, struct buf *b); /* the value alone */

/*
 * Judges streams and files at once. get(arg, which, ...) gives the bytes: of a stream (STREAM_*),
 * or STREAM_COUNT + k for result file k; it returns 0, or 1 when that file is not there. On OK,
 * `inline_row` gets the streams' one row as JSON when there is exactly one, it is UTF-8, and it is
 * at most RESULT_INLINE bytes; it stays empty otherwise. Of a value that is
 * one object, written without blanks and escapes and with nothing nested but lists, it is the text
 * itself. Returns 1 good, 0 invalid (`why` says e.g.
 * "stdout: line 3, column 7: ..."), -1 the system failed.
 */
#define RESULT_INLINE 4096
struct judge; /* compiled for one spec's results */
struct judge *judge_new(const struct results *rs);
void judge_free(struct judge *j);
typedef int (*judge_get)(void *arg, size_t which, const char **data, size_t *len, struct err *e);
int judge_run(struct judge *j, judge_get get, void *arg, struct buf *inline_row, struct buf *why,
	      struct err *e);

/* Walks the rows of the streams together: stdout's and stderr's columns side by side where both
 * give one row; else it must be one stream that gives rows. Where a value is a result, it alone
 * gives them. */
int judge_stream_rows(struct judge *j, judge_get get, void *arg,
		      int (*fn)(void *arg2, const struct row *row), void *arg2, struct err *e);
/* The rows of result file k. */
int judge_file_rows(struct judge *j, size_t k, judge_get get, void *arg,
		    int (*fn)(void *arg2, const struct row *row), void *arg2, struct err *e);

#endif
