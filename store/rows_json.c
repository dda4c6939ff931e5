/* SPDX-License-Identifier: MIT */
/* Rows from JSON: one object or a list of objects; and from JSON Lines, an object a line. */
#include <string.h>

#include "base/text.h"
#include "store/rows.h"

static const char *type_name(enum json_type t)
{
	static const char *const names[] = { "nothing",  "null",   "true or false", "a number",
					     "a string", "a list", "an object" };

	return names[t];
}

static int key_error(struct rows *r, const char *at, const char *what, struct err *e)
{
	return err_bad(e, "line %zu, column %zu: %s", rows_line(r, at), rows_column(r, at), what);
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
	err_bad(e, "line %zu, column %zu: '%s' stands twice in one object", rows_line(r, at),
		rows_column(r, at), shown.data);
	buf_free(&shown);
	return -1;
}

static int next_object(struct rows *r, struct err *e)
{
	r->next = rows_next_none;
	r->is_json = true;
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
			rows_line(r, item.text), rows_column(r, item.text), type_name(item.type));
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
		if (rows_skip_blanks(from, to) == to)
			continue;
		if (json_parse(from, (size_t)(to - from), &v, &inner) < 0)
			return rows_wrap(e, &inner, line);
		if (v.type != JSON_OBJECT)
			return err_bad(e, "line %zu: %s where an object should stand, one a line",
				       line, type_name(v.type));
		return take_object(r, v, e);
	}
	return r->given ? 0 : err_bad(e, "no rows: the text is empty");
}

int rows_begin_jsonl(struct rows *r, struct err *e)
{
	(void)e;
	r->line = rows_line(r, r->p);
	r->next = next_line;
	return 0;
}

static bool is_object(const char *from, const char *to)
{
	struct json v;

	return json_parse(from, (size_t)(to - from), &v, NULL) == 0 && v.type == JSON_OBJECT;
}

/* What to write in the spec for a text that is not one JSON value, where its lines tell: an object
 * a line, or a log whose last line is the result. */
static const char *remedy(const struct rows *r)
{
	const char *from = rows_skip_blanks(r->p, r->end), *to = r->end, *last;
	const char *nl = memchr(from, '\n', (size_t)(to - from));

	while (to > from && strchr(" \t\r\n", to[-1]))
		to--;
	last = memrchr(from, '\n', (size_t)(to - from));
	if (!last || !is_object(last + 1, to))
		return "";
	return nl && is_object(from, nl)
		       ? "; for an object a line write jsonl, for the last line alone {last_line: json}"
		       : "; its last line is JSON: write {last_line: json}";
}

int rows_begin_json(struct rows *r, struct err *e)
{
	struct err inner = ERR_INIT;

	if (json_parse(r->p, (size_t)(r->end - r->p), &r->json, &inner) < 0) {
		rows_wrap(e, &inner, rows_line(r, r->p));
		return r->x->format == FORMAT_VALUE ? -1 : err_append(e, remedy(r));
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
		rows_line(r, r->json.text), rows_column(r, r->json.text), type_name(r->json.type));
}

/* Nothing was decoded, and the row's tokens are as many bytes as the text: so nothing stands
 * between them, and nothing is nested. */
bool rows_verbatim(const struct rows *r, struct json *text)
{
	const struct row *row = &r->m.row;
	size_t len = row->n ? row->n + 1 : 2; /* braces and commas */

	if (!r->is_json || r->m.moved)
		return false;
	for (size_t i = 0; i < row->n; i++) {
		const struct cell *c = &row->cells[i];

		len += c->name_len + 3; /* quotes and colon */
		len += c->type == JSON_NULL ? 4 : c->type == JSON_STRING ? c->len + 2 : c->len;
	}
	*text = r->json;
	return len == r->json.len;
}
