/* SPDX-License-Identifier: MIT */
/*
 * The walk over the rows of a text: JSON, JSON Lines, CSV, TSV, one number, a text, or what regexes
 * find. Each format is a pair of functions in a table. Positions count from the text's own first
 * line, also where only its last line is read.
 */
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/regex.h"
#include "store/row.h"

struct rows {
	const struct extract *x;
	struct regex_set *regex;
	struct row_maker m;

	const char *whole; /* what positions count from */
	const char *p, *end; /* what is still to be read */
	int (*next)(struct rows *r, struct err *e);
	uint64_t given; /* rows so far */

	struct json json; /* the one object, or the list */
	struct json_iter items;
	size_t line; /* of p, in a walk over lines; before a CSV text: how many lines */

	struct csv csv;
	bool csv_open;
	struct buf header_text;
	struct cell *header; /* names only */
	size_t n_header, cap_header;
};

/* ---- positions ---- */

static size_t line_of(const struct rows *r, const char *at)
{
	size_t line = 1;

	for (const char *p = r->whole; p < at && (p = memchr(p, '\n', (size_t)(at - p))) != NULL;
	     p++)
		line++;
	return line;
}

static size_t column_of(const struct rows *r, const char *at)
{
	size_t column = 1;

	for (const char *p = at; p > r->whole && p[-1] != '\n'; p--)
		column += ((unsigned char)p[-1] & 0xc0) != 0x80;
	return column;
}

/* Errors of json_parse count from where it began to read: `line` is where that stands in the whole.
 */
static int wrap_json_error(struct err *e, const struct err *inner, size_t line)
{
	const char *p = inner->text;
	size_t n = 0, at = 0;

	if (strncmp(p, "line ", 5) != 0)
		return err_bad(e, "%s", p);
	for (n = 5; p[n] >= '0' && p[n] <= '9'; n++)
		at = at * 10 + (size_t)(p[n] - '0');
	return err_bad(e, "line %zu%s", line + at - 1, p + n);
}

static const char *skip_blanks(const char *p, const char *end)
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

/* ---- JSON and JSON Lines ---- */

static const char *type_name(enum json_type t)
{
	static const char *const names[] = { "nothing",  "null",   "true or false", "a number",
					     "a string", "a list", "an object" };

	return names[t];
}

static int key_error(struct rows *r, const char *at, const char *what, struct err *e)
{
	return err_bad(e, "line %zu, column %zu: %s", line_of(r, at), column_of(r, at), what);
}

/* The row of one object that was checked. */
static int take_object(struct rows *r, struct json object, struct err *e)
{
	const char *at;
	struct buf shown = BUF_INIT;
	const struct cell *c;
	long twice;

	row_maker_begin(&r->m);
	if (row_maker_add_object(&r->m, object, &at) < 0)
		return key_error(r, at, "a column's name is longer than 4096 bytes", e);
	row_maker_end(&r->m);
	twice = row_maker_twice(&r->m);
	if (twice < 0) {
		r->given++;
		return 1;
	}
	c = &r->m.row.cells[twice];
	at = r->m.places[twice].key;
	text_put_shown(&shown, c->name, c->name_len, 80);
	err_bad(e, "line %zu, column %zu: '%s' stands twice in one object", line_of(r, at),
		column_of(r, at), shown.data);
	buf_free(&shown);
	return -1;
}

static int next_none(struct rows *r, struct err *e)
{
	(void)r;
	(void)e;
	return 0;
}

static int next_object(struct rows *r, struct err *e)
{
	r->next = next_none;
	return take_object(r, r->json, e);
}

static int next_item(struct rows *r, struct err *e)
{
	struct json item;

	if (!json_next(&r->items, NULL, &item))
		return 0;
	if (item.type != JSON_OBJECT)
		return err_bad(
			e, "line %zu, column %zu: %s in a list that should hold objects, one a row",
			line_of(r, item.text), column_of(r, item.text), type_name(item.type));
	return take_object(r, item, e);
}

static int next_line(struct rows *r, struct err *e)
{
	while (r->p < r->end) {
		const char *from = r->p;
		const char *to = memchr(from, '\n', (size_t)(r->end - from));
		const size_t line = r->line++;
		struct err inner = ERR_INIT;
		struct json v;

		r->p = to ? to + 1 : r->end;
		if (!to)
			to = r->end;
		if (skip_blanks(from, to) == to)
			continue;
		if (json_parse(from, (size_t)(to - from), &v, &inner) < 0)
			return wrap_json_error(e, &inner, line);
		if (v.type != JSON_OBJECT)
			return err_bad(e, "line %zu: %s where an object should stand, one a line",
				       line, type_name(v.type));
		return take_object(r, v, e);
	}
	return r->given ? 0 : err_bad(e, "no rows: the text is empty");
}

static int begin_jsonl(struct rows *r, struct err *e)
{
	(void)e;
	r->line = line_of(r, r->p);
	r->next = next_line;
	return 0;
}

/* Whether a text that is no single value is JSON Lines: its first line is an object by itself. */
static bool looks_like_lines(const struct rows *r)
{
	const char *from = skip_blanks(r->p, r->end);
	const char *to = memchr(from, '\n', (size_t)(r->end - from));
	struct json v;

	return to && *from == '{' && json_parse(from, (size_t)(to - from), &v, NULL) == 0;
}

static int begin_json(struct rows *r, struct err *e)
{
	struct err inner = ERR_INIT;

	if (json_parse(r->p, (size_t)(r->end - r->p), &r->json, &inner) < 0) {
		if (looks_like_lines(r))
			return begin_jsonl(r, e);
		return wrap_json_error(e, &inner, line_of(r, r->p));
	}
	if (r->json.type == JSON_OBJECT) {
		r->next = next_object;
		return 0;
	}
	if (r->json.type == JSON_ARRAY) {
		r->items = json_iter(r->json);
		r->next = next_item;
		return 0;
	}
	return err_bad(
		e, "line %zu, column %zu: %s where an object or a list of objects should stand",
		line_of(r, r->json.text), column_of(r, r->json.text), type_name(r->json.type));
}

/* ---- CSV and TSV ---- */

/* Blanks around a name or a number are not meant; in text they may be. */
static void trim_cell(const struct csv_cell *c, const char **from, size_t *n)
{
	const char *end = c->text + c->len;
	const char *p = c->text;

	while (p < end && *p == ' ')
		p++;
	while (end > p && end[-1] == ' ')
		end--;
	*from = p;
	*n = (size_t)(end - p);
}

/* The reader reuses its buffer, so the names are copied. */
static int take_header(struct rows *r, struct err *e)
{
	const char *from;
	size_t n, at = 0;

	buf_clear(&r->header_text);
	r->n_header = 0;
	for (size_t i = 0; i < r->csv.n; i++) {
		from = r->csv.cells[i].text;
		n = r->csv.cells[i].len;
		if (!r->csv.cells[i].quoted)
			trim_cell(&r->csv.cells[i], &from, &n);
		if (n > COLUMN_NAME_MAX)
			return err_bad(e, "line %zu: a column's name is longer than 4096 bytes",
				       r->line + r->csv.line);
		ARRAY_ROOM(r->header, r->n_header, r->cap_header);
		r->header[r->n_header++] = (struct cell){ .name_len = n };
		buf_add(&r->header_text, from, n);
	}
	row_maker_begin(&r->m);
	for (size_t i = 0; i < r->n_header; at += r->header[i++].name_len) {
		r->header[i].name = buf_str(&r->header_text) + at;
		row_maker_add(&r->m, r->header[i].name, r->header[i].name_len, JSON_NULL, "", 0);
	}
	return 0;
}

static int next_csv(struct rows *r, struct err *e)
{
	struct err inner = ERR_INIT;
	const int rc = csv_next(&r->csv, &inner);

	if (rc < 0)
		return wrap_json_error(e, &inner, r->line + 1);
	if (rc == 0)
		return 0;
	if (r->csv.n != r->n_header)
		return err_bad(e, "line %zu: %zu cell%s where the header has %zu",
			       r->line + r->csv.line, r->csv.n, r->csv.n == 1 ? "" : "s",
			       r->n_header);
	row_maker_begin(&r->m);
	for (size_t i = 0; i < r->n_header; i++) {
		const struct csv_cell *c = &r->csv.cells[i];
		enum json_type type = JSON_STRING;
		const char *text = c->text, *number;
		size_t len = c->len, n;

		trim_cell(c, &number, &n);
		if (text_is_number(number, n)) {
			type = JSON_NUMBER;
			text = number;
			len = n;
		} else if (len == 0 && !c->quoted) {
			type = JSON_NULL;
		}
		row_maker_add(&r->m, r->header[i].name, r->header[i].name_len, type, text, len);
	}
	r->given++;
	return 1;
}

static int begin_csv(struct rows *r, struct err *e)
{
	struct err inner = ERR_INIT;
	struct buf shown = BUF_INIT;
	long twice;
	int rc;

	r->line = line_of(r, r->p) - 1;
	csv_open(&r->csv, r->p, (size_t)(r->end - r->p), r->x->format == FORMAT_TSV ? '\t' : ',');
	r->csv_open = true;
	rc = csv_next(&r->csv, &inner);
	if (rc < 0)
		return wrap_json_error(e, &inner, r->line + 1);
	if (rc == 0)
		return err_bad(e, "no header line: the text is empty");
	if (take_header(r, e) < 0)
		return -1;
	twice = row_maker_twice(&r->m);
	if (twice >= 0) {
		text_put_shown(&shown, r->header[twice].name, r->header[twice].name_len, 80);
		err_bad(e, "line %zu: column '%s' stands twice in the header",
			r->line + r->csv.line, shown.data);
		buf_free(&shown);
		return -1;
	}
	r->next = next_csv;
	return 0;
}

/* ---- one value ---- */

static int next_single(struct rows *r, struct err *e)
{
	(void)e;
	r->next = next_none;
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
	const char *from = skip_blanks(r->p, r->end);
	const char *to = trim_end(from, r->end);
	struct buf shown = BUF_INIT;

	if (from == to)
		return err_bad(e, "no number: the text is empty");
	if (!text_is_number(from, (size_t)(to - from))) {
		text_put_shown(&shown, from, (size_t)(to - from), 60);
		err_bad(e, "line %zu: '%s' is no number", line_of(r, from), shown.data);
		buf_free(&shown);
		return -1;
	}
	row_maker_begin(&r->m);
	row_maker_add(&r->m, single_name(r, "value"), strlen(single_name(r, "value")), JSON_NUMBER, from, (size_t)(to - from));
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
	row_maker_add(&r->m, single_name(r, "text"), strlen(single_name(r, "text")), JSON_STRING, r->p, (size_t)(to - r->p));
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

static int begin_none(struct rows *r, struct err *e)
{
	(void)e;
	r->next = next_none;
	return 0;
}

/* ---- the walk ---- */

static int (*const begins[])(struct rows *, struct err *) = {
	[FORMAT_NONE] = begin_none, [FORMAT_JSON] = begin_json,   [FORMAT_JSONL] = begin_jsonl,
	[FORMAT_CSV] = begin_csv,   [FORMAT_TSV] = begin_csv,     [FORMAT_NUMBER] = begin_number,
	[FORMAT_TEXT] = begin_text, [FORMAT_REGEX] = begin_regex,
};

struct rows *rows_new(const struct extract *x)
{
	struct rows *r = mem_alloc(sizeof *r);

	r->x = x;
	r->next = next_none;
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
	r->next = next_none;
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
		r->next = next_none;
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
