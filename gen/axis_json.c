/* SPDX-License-Identifier: MIT */
/* Tables in JSON: an object a line, or one array of objects. All objects have the keys of the
 * first, in any order. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "gen/axis_table.h"

static int scalar_value(struct table *t, uint64_t line, const char *name, struct json v,
			struct value *out)
{
	struct buf b = BUF_INIT;
	int rc = 0;

	if (v.type == JSON_STRING) {
		json_put_decoded(&b, v);
		rc = table_check_text(t, line, buf_str(&b), b.len);
		*out = (struct value){ VALUE_STRING, arena_dupn(t->r->a, buf_str(&b), b.len),
				       b.len };
	} else if (v.type == JSON_NUMBER || v.type == JSON_BOOL) {
		*out = (struct value){ v.type == JSON_NUMBER ? VALUE_NUMBER : VALUE_BOOL,
				       arena_dupn(t->r->a, v.text, v.len), v.len };
	} else {
		rc = COMPLAIN(
			t->r, t->at,
			"'%s' line %" PRIu64
			": '%s' is %s, and must be text, a number, true, false or a list of these",
			t->file, line, name,
			v.type == JSON_NULL     ? "null"
			: v.type == JSON_OBJECT ? "an object"
						: "nested");
	}
	buf_free(&b);
	return rc;
}

static int cell_value(struct table *t, uint64_t line, const char *name, struct json v,
		      struct value *out)
{
	struct json_iter it;
	struct json item;
	struct buf b = BUF_INIT;
	int rc = 0;

	if (v.type != JSON_ARRAY)
		return scalar_value(t, line, name, v, out);
	it = json_iter(v);
	while (!rc && json_next(&it, NULL, &item)) {
		struct value one;

		rc = scalar_value(t, line, name, item, &one);
		if (!rc)
			value_list_add(&b, &one);
	}
	value_list_end(&b);
	*out = (struct value){ VALUE_LIST, arena_dupn(t->r->a, b.data, b.len), b.len };
	buf_free(&b);
	return rc;
}

static int first_columns(struct table *t, struct json object)
{
	struct json_iter it = json_iter(object);
	struct json key, v;

	while (json_next(&it, &key, &v)) {
		char *name = json_string(key);
		int rc = table_column(t, name, t->at);

		free(name);
		if (rc)
			return -1;
	}
	return 0;
}

/* Without `columns`, a key that the first object did not have is an error too. */
static int count_keys(struct table *t, uint64_t line, struct json object)
{
	struct json_iter it = json_iter(object);
	struct json key, v;

	for (size_t n = 0; json_next(&it, &key, &v); n++) {
		size_t k = 0;

		while (k < t->n_columns && !json_eq(key, t->columns[k].name))
			k++;
		if (k == t->n_columns || n == t->n_columns)
			return COMPLAIN(t->r, t->at, "'%s' line %" PRIu64 ": the key %s %s",
					t->file, line, axis_shown(t->r, key.text, key.len),
					k == t->n_columns ? "is not in the first row"
							  : "is there twice");
	}
	return 0;
}

static int read_object(struct table *t, uint64_t line, struct json object)
{
	struct value *row;
	size_t k = 0;

	if (object.type != JSON_OBJECT)
		return COMPLAIN(t->r, t->at, "'%s' line %" PRIu64 ": not an object", t->file, line);
	if (!t->given && !t->n && first_columns(t, object))
		return -1;
	if ((!t->given && count_keys(t, line, object)) || !(row = table_row(t, line)))
		return -1;
	for (size_t i = 0; i < t->n_columns; i++) {
		struct json v;

		if (!t->columns[i].used)
			continue;
		v = json_get(object, t->columns[i].name);
		if (v.type == JSON_NONE)
			return COMPLAIN(t->r, t->at, "'%s' line %" PRIu64 ": no '%s'", t->file,
					line, t->columns[i].name);
		if (cell_value(t, line, t->columns[i].name, v, &row[k++]))
			return -1;
	}
	return 0;
}

static bool is_blank(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strchr(" \t\r", s[i]) || !s[i])
			return false;
	return true;
}

static int read_lines(struct table *t, const char *text, size_t len)
{
	const char *p = text, *end = text + len;

	for (uint64_t line = 1; p < end; line++) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		struct err e = ERR_INIT;
		struct json v;

		if (!stop)
			stop = end;
		if (!is_blank(p, (size_t)(stop - p))) {
			if (json_parse(p, (size_t)(stop - p), &v, &e)) {
				const char *where =
					strncmp(e.text, "line 1, ", 8) == 0 ? e.text + 8 : e.text;

				return COMPLAIN(t->r, t->at, "'%s' line %" PRIu64 ", %s", t->file,
						line, where);
			}
			if (read_object(t, line, v))
				return -1;
		}
		p = stop + 1;
	}
	return 0;
}

static int read_array(struct table *t, const char *text, size_t len)
{
	struct err e = ERR_INIT;
	struct json all, v;
	struct json_iter it;
	const char *p = text;
	uint64_t line = 1;

	if (json_parse(text, len, &all, &e))
		return COMPLAIN(t->r, t->at, "'%s' %s", t->file, e.text);
	if (all.type != JSON_ARRAY)
		return COMPLAIN(
			t->r, t->at,
			"'%s' is no array of objects: for an object a line write 'format: jsonl'",
			t->file);
	it = json_iter(all);
	while (json_next(&it, NULL, &v)) {
		for (; p < v.text; p++)
			line += *p == '\n';
		if (read_object(t, line, v))
			return -1;
	}
	return 0;
}

int table_read_json(struct table *t, const char *text, size_t len)
{
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	return t->format == TABLE_JSON ? read_array(t, text, len) : read_lines(t, text, len);
}
