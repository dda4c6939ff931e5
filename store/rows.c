/* SPDX-License-Identifier: MIT */
/*
 * The walk over the rows of a text. Each format is a pair of functions: one begins, and leaves in
 * the walk the one that gives the next row. One number, a text and regexes are here, the others in
 * rows_json.c and rows_csv.c. Positions count from the text's own first line, also where only its
 * last line is read.
 */
#include "store/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* ---- positions ---- */

size_t rows_line(const struct rows *r, const char *at)
{
	size_t line = 1;

	for (const char *p = r->whole; p < at && (p = memchr(p, '\n', (size_t)(at - p))) != NULL;
	     p++)
		line++;
	return line;
}

size_t rows_column(const struct rows *r, const char *at)
{
	size_t column = 1;

	for (const char *p = at; p > r->whole && p[-1] != '\n'; p--)
		column += ((unsigned char)p[-1] & 0xc0) != 0x80;
	return column;
}

/* Errors of json_parse count from where it began to read: `line` is where that stands in the whole.
 */
int rows_wrap(struct err *e, const struct err *inner, size_t line)
{
	const char *p = inner->text;
	size_t n = 0, at = 0;

	if (strncmp(p, "line ", 5) != 0)
		return err_bad(e, "%s", p);
	for (n = 5; p[n] >= '0' && p[n] <= '9'; n++)
		at = at * 10 + (size_t)(p[n] - '0');
	return err_bad(e, "line %zu%s", line + at - 1, p + n);
}

const char *rows_skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

static const char *trim_end(const char *p, const char *end)
{
	while (end > p && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\n' || end[-1] == '\r'))
		end--;
	return end;
}

/* Leaves only the last line that is not blank. */
static void keep_last_line(struct rows *r)
{
	const char *from;

	r->end = trim_end(r->p, r->end);
	from = r->end > r->p ? memrchr(r->p, '\n', (size_t)(r->end - r->p)) : NULL;
	if (from)
		r->p = from + 1;
}

/* ---- one value ---- */

int rows_next_none(struct rows *r, struct err *e)
{
	(void)r;
	(void)e;
	return 0;
}

static int next_single(struct rows *r, struct err *e)
{
	(void)e;
	r->next = rows_next_none;
	r->given++;
	return 1;
}

/* The column's name, as the spec has it. */
static const char *single_name(const struct rows *r, const char *otherwise)
{
	return r->x->column ? r->x->column : otherwise;
}

static int begin_number(struct rows *r, struct err *e)
{
	const char *from = rows_skip_blanks(r->p, r->end);
	const char *to = trim_end(from, r->end);
	struct buf shown = BUF_INIT;

	if (from == to)
		return err_bad(e, "no number: the text is empty");
	if (!text_is_number(from, (size_t)(to - from))) {
		text_put_shown(&shown, from, (size_t)(to - from), 60);
		err_bad(e, "line %zu: '%s' is no number", rows_line(r, from), shown.data);
		buf_free(&shown);
		return -1;
	}
	row_maker_begin(&r->m);
	row_maker_add(&r->m, single_name(r, "value"), strlen(single_name(r, "value")), JSON_NUMBER,
		      from, (size_t)(to - from));
	r->next = next_single;
	return 0;
}

static int begin_text(struct rows *r, struct err *e)
{
	const char *to = r->end;

	(void)e;
	if (to > r->p && to[-1] == '\n')
		to -= to - 1 > r->p && to[-2] == '\r' ? 2 : 1;
	row_maker_begin(&r->m);
	row_maker_add(&r->m, single_name(r, "text"), strlen(single_name(r, "text")), JSON_STRING,
		      r->p, (size_t)(to - r->p));
	r->next = next_single;
	return 0;
}

static int begin_regex(struct rows *r, struct err *e)
{
	row_maker_begin(&r->m);
	for (size_t k = 0; k < r->x->n_regex; k++) {
		const struct regex_entry *x = &r->x->regex[k];
		const char *found = NULL;
		size_t n = 0;
		const int rc =
			regex_last(r->regex, k, r->p, (size_t)(r->end - r->p), &found, &n, e);

		if (rc < 0)
			return -1;
		if (rc == 0)
			return err_bad(e, "nothing matches the regex of '%s'", x->column);
		row_maker_add(&r->m, x->column, strlen(x->column),
			      !found                     ? JSON_NULL
			      : text_is_number(found, n) ? JSON_NUMBER
							 : JSON_STRING,
			      found ? found : "", n);
	}
	r->next = next_single;
	return 0;
}

/* Whatever it is: one row without cells. */
static int begin_bytes(struct rows *r, struct err *e)
{
	(void)e;
	row_maker_begin(&r->m);
	r->next = next_single;
	return 0;
}

static int begin_none(struct rows *r, struct err *e)
{
	(void)e;
	r->next = rows_next_none;
	return 0;
}

/* ---- the walk ---- */

static int (*const begins[])(struct rows *, struct err *) = {
	[FORMAT_NONE] = begin_none,        [FORMAT_JSON] = rows_begin_json,
	[FORMAT_JSONL] = rows_begin_jsonl, [FORMAT_CSV] = rows_begin_csv,
	[FORMAT_TSV] = rows_begin_csv,     [FORMAT_NUMBER] = begin_number,
	[FORMAT_TEXT] = begin_text,        [FORMAT_REGEX] = begin_regex,
	[FORMAT_VALUE] = rows_begin_json,  [FORMAT_BYTES] = begin_bytes,
};

struct rows *rows_new(const struct extract *x)
{
	struct rows *r = mem_alloc(sizeof *r);

	r->x = x;
	r->next = rows_next_none;
	if (x->format == FORMAT_REGEX)
		r->regex = regex_set_new(x->regex, x->n_regex);
	return r;
}

void rows_free(struct rows *r)
{
	if (!r)
		return;
	if (r->csv_open)
		csv_close(&r->csv);
	regex_set_free(r->regex);
	row_maker_release(&r->m);
	buf_free(&r->header_text);
	free(r->header);
	free(r);
}

int rows_begin(struct rows *r, const char *data, size_t len, struct err *e)
{
	if (r->csv_open)
		csv_close(&r->csv);
	r->csv_open = false;
	r->given = 0;
	r->is_json = false;
	r->next = rows_next_none;
	if (r->x->format != FORMAT_TEXT && len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
		data += 3;
		len -= 3;
	}
	r->whole = r->p = data;
	r->end = data + len;
	if (r->x->last_line)
		keep_last_line(r);
	return begins[r->x->format](r, e);
}

int rows_next(struct rows *r, const struct row **row, struct err *e)
{
	const int rc = r->next(r, e);

	if (rc == 1)
		*row = row_maker_end(&r->m);
	else
		r->next = rows_next_none;
	return rc;
}

int row_from_json(struct rows *r, struct json object, const struct row **row, struct err *e)
{
	const char *at;

	row_maker_begin(&r->m);
	if (object.type != JSON_OBJECT || row_maker_add_object(&r->m, object, &at) < 0)
		return err_bad(e, "a recorded row is no object of columns");
	*row = row_maker_end(&r->m);
	return 0;
}
