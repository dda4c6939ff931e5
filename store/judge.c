/* SPDX-License-Identifier: MIT */
/*
 * Judging: whether all that a task should give is there and can be read, and the rows that it gave.
 * When an attempt ends and when it is collected, the same walk is done, so what was good once can
 * be merged.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/rows.h"

/* A row that outlives what it was read from. */
struct held_row {
	struct row row;
	struct buf text;
	size_t seen; /* rows that came, of which the first is kept */
};

struct judge {
	const struct results *rs;
	struct rows *stream[STREAM_COUNT];
	struct rows **file;
	struct extract *file_extract;
	struct held_row held[SPOOL_COUNT];
	struct row both;
};

typedef int (*row_fn)(void *arg, const struct row *row);

struct judge *judge_new(const struct results *rs)
{
	struct judge *j = mem_alloc(sizeof *j);

	j->rs = rs;
	for (size_t s = 0; s < STREAM_COUNT; s++)
		if (rs->stream[s].format != FORMAT_NONE)
			j->stream[s] = rows_new(&rs->stream[s]);
	j->file = mem_array(rs->n_files + 1, sizeof *j->file);
	j->file_extract = mem_array(rs->n_files + 1, sizeof *j->file_extract);
	for (size_t k = 0; k < rs->n_files; k++) {
		j->file_extract[k].format = rs->files[k].format;
		j->file[k] = rows_new(&j->file_extract[k]);
	}
	return j;
}

void judge_free(struct judge *j)
{
	if (!j)
		return;
	for (size_t s = 0; s < STREAM_COUNT; s++)
		rows_free(j->stream[s]);
	for (size_t s = 0; s < SPOOL_COUNT; s++) {
		free(j->held[s].row.cells);
		buf_free(&j->held[s].text);
	}
	for (size_t k = 0; k < j->rs->n_files; k++)
		rows_free(j->file[k]);
	free(j->both.cells);
	free(j->file);
	free(j->file_extract);
	free(j);
}

static const char *stream_name(const struct judge *j, size_t s)
{
	return s == STREAM_VALUE    ? "value"
	       : s == STREAM_STDERR ? "stderr"
	       : j->rs->log         ? "log"
				    : "stdout";
}

/* ---- one text ---- */

/* What a walk has told: 0 all is well, FAILED (the system), INVALID (the text), or what fn
 * returned, in `stop`. */
enum { WALK_OK = 0, WALK_FAILED, WALK_INVALID, WALK_STOPPED };

struct walk {
	struct judge *j;
	judge_get get;
	void *arg;
	struct err *failed, *invalid;
	int stop;
};

/* Gives the rows of one stream or file to fn. */
static int walk_text(struct walk *w, struct rows *r, size_t which, const char *name, row_fn fn,
		     void *arg)
{
	const struct row *row;
	const char *data = "";
	size_t len = 0;
	int rc = w->get(w->arg, which, &data, &len, w->failed);

	if (rc < 0)
		return WALK_FAILED;
	if (rc > 0 && which >= STREAM_COUNT) {
		err_bad(w->invalid, "result file '%s' is missing", name);
		return WALK_INVALID;
	}
	rc = rows_begin(r, rc > 0 ? "" : data, rc > 0 ? 0 : len, w->invalid);
	while (rc == 0 && (rc = rows_next(r, &row, w->invalid)) == 1) {
		w->stop = fn(arg, row);
		if (w->stop)
			return WALK_STOPPED;
		rc = 0;
	}
	if (rc < 0) {
		err_wrap(w->invalid, "%s", name);
		return WALK_INVALID;
	}
	return WALK_OK;
}

static int count_row(void *arg, const struct row *row)
{
	(void)row;
	++*(uint64_t *)arg;
	return 0;
}

/* ---- both streams ---- */

/* Copies the first row that comes. */
static int hold_row(void *arg, const struct row *row)
{
	struct held_row *h = arg;
	const char *p;

	if (h->seen++)
		return 0;
	buf_clear(&h->text);
	h->row.n = 0;
	for (size_t i = 0; i < row->n; i++) {
		buf_add(&h->text, row->cells[i].name, row->cells[i].name_len);
		buf_add(&h->text, row->cells[i].text, row->cells[i].len);
		ARRAY_ROOM(h->row.cells, h->row.n, h->row.cap);
		h->row.cells[h->row.n++] = row->cells[i];
	}
	p = buf_str(&h->text);
	for (size_t i = 0; i < row->n; i++) {
		h->row.cells[i].name = p;
		p += h->row.cells[i].name_len;
		h->row.cells[i].text = p;
		p += h->row.cells[i].len;
	}
	return 0;
}

static bool row_names(const struct row *row, const struct cell *c)
{
	for (size_t i = 0; i < row->n; i++)
		if (row->cells[i].name_len == c->name_len &&
		    memcmp(row->cells[i].name, c->name, c->name_len) == 0)
			return true;
	return false;
}

/* stdout's cells, then stderr's, as one row. */
static int join_rows(struct walk *w, row_fn fn, void *arg)
{
	struct judge *j = w->j;

	j->both.n = 0;
	for (size_t s = 0; s < SPOOL_COUNT; s++) {
		for (size_t i = 0; i < j->held[s].row.n; i++) {
			const struct cell *c = &j->held[s].row.cells[i];

			if (s > 0 && row_names(&j->held[0].row, c)) {
				err_bad(w->invalid, "column '%.*s' stands in stdout and in stderr",
					(int)(c->name_len < 200 ? c->name_len : 200), c->name);
				return WALK_INVALID;
			}
			ARRAY_ROOM(j->both.cells, j->both.n, j->both.cap);
			j->both.cells[j->both.n++] = *c;
		}
	}
	w->stop = fn(arg, &j->both);
	return w->stop ? WALK_STOPPED : WALK_OK;
}

static int walk_both(struct walk *w, row_fn fn, void *arg)
{
	struct judge *j = w->j;
	int rc = WALK_OK;

	for (size_t s = 0; rc == WALK_OK && s < SPOOL_COUNT; s++) {
		j->held[s].seen = 0;
		rc = walk_text(w, j->stream[s], s, stream_name(j, s), hold_row, &j->held[s]);
	}
	if (rc != WALK_OK)
		return rc;
	if (j->held[0].seen == 1 && j->held[1].seen == 1)
		return join_rows(w, fn, arg);
	for (size_t s = 0; s < SPOOL_COUNT; s++)
		if (j->held[!s].seen == 0)
			return walk_text(w, j->stream[s], s, stream_name(j, s), fn, arg);
	err_bad(w->invalid,
		"stdout gives %zu rows and stderr %zu: only one of them can give several",
		j->held[0].seen, j->held[1].seen);
	return WALK_INVALID;
}

/* A function's value is the result, whatever it wrote beside. Its bytes are not asked for where
 * nothing is read from them. */
static int walk_value(struct walk *w, row_fn fn, void *arg)
{
	static const struct row nothing = { NULL, 0, 0 };
	struct rows *r = w->j->stream[STREAM_VALUE];

	if (w->j->rs->stream[STREAM_VALUE].format == FORMAT_VALUE)
		return walk_text(w, r, STREAM_VALUE, stream_name(w->j, STREAM_VALUE), fn, arg);
	w->stop = fn(arg, &nothing);
	return w->stop ? WALK_STOPPED : WALK_OK;
}

static int walk_streams(struct walk *w, row_fn fn, void *arg)
{
	struct judge *j = w->j;

	if (j->stream[STREAM_VALUE])
		return walk_value(w, fn, arg);
	if (j->stream[0] && j->stream[1])
		return walk_both(w, fn, arg);
	for (size_t s = 0; s < SPOOL_COUNT; s++)
		if (j->stream[s])
			return walk_text(w, j->stream[s], s, stream_name(j, s), fn, arg);
	return WALK_OK;
}

/* ---- the judge ---- */

struct inline_row {
	const struct rows *from;
	struct buf *b;
	size_t rows;
};

/* Whether the row comes back from JSON just as it was: UTF-8, and numbers that JSON knows. */
static bool row_is_json(const struct row *row)
{
	size_t all = 0;

	for (size_t i = 0; i < row->n; i++) {
		const struct cell *c = &row->cells[i];

		all += c->name_len + c->len;
		if (all > RESULT_INLINE || !text_is_utf8(c->name, c->name_len) ||
		    !text_is_utf8(c->text, c->len))
			return false;
		if (c->type == JSON_NUMBER && !text_is_json_number(c->text, c->len))
			return false;
	}
	return true;
}

static int keep_inline(void *arg, const struct row *row)
{
	struct inline_row *in = arg;

	struct json text;

	buf_clear(in->b);
	if (++in->rows > 1)
		return 0;
	if (in->from && rows_verbatim(in->from, &text)) {
		if (text.len <= RESULT_INLINE)
			buf_add(in->b, text.text, text.len);
		return 0;
	}
	if (!row_is_json(row))
		return 0;
	row_put_json(row, in->b);
	if (in->b->len > RESULT_INLINE)
		buf_clear(in->b);
	return 0;
}

int judge_run(struct judge *j, judge_get get, void *arg, struct buf *inline_row, struct buf *why,
	      struct err *e)
{
	struct err invalid = ERR_INIT;
	struct walk w = { .j = j, .get = get, .arg = arg, .failed = e, .invalid = &invalid };
	struct inline_row in = { j->stream[STREAM_VALUE], inline_row, 0 };
	uint64_t rows = 0;
	int rc;

	buf_clear(inline_row);
	rc = j->rs->stream[STREAM_VALUE].format == FORMAT_BYTES
		     ? WALK_OK
		     : walk_streams(&w, keep_inline, &in);
	for (size_t k = 0; rc == WALK_OK && k < j->rs->n_files; k++)
		rc = walk_text(&w, j->file[k], STREAM_COUNT + k, j->rs->files[k].name, count_row,
			       &rows);
	if (rc == WALK_OK)
		return 1;
	buf_clear(inline_row);
	if (rc == WALK_FAILED)
		return -1;
	buf_puts(why, invalid.text);
	return 0;
}

static int walk_result(const struct walk *w, int rc)
{
	return rc == WALK_STOPPED ? w->stop : rc == WALK_OK ? 0 : -1;
}

int judge_stream_rows(struct judge *j, judge_get get, void *arg,
		      int (*fn)(void *arg2, const struct row *row), void *arg2, struct err *e)
{
	struct walk w = { .j = j, .get = get, .arg = arg, .failed = e, .invalid = e };

	return walk_result(&w, walk_streams(&w, fn, arg2));
}

int judge_file_rows(struct judge *j, size_t k, judge_get get, void *arg,
		    int (*fn)(void *arg2, const struct row *row), void *arg2, struct err *e)
{
	struct walk w = { .j = j, .get = get, .arg = arg, .failed = e, .invalid = e };

	return walk_result(
		&w, walk_text(&w, j->file[k], STREAM_COUNT + k, j->rs->files[k].name, fn, arg2));
}
