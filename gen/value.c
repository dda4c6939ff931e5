/* SPDX-License-Identifier: MIT */
/* Values: their types by looks, from YAML nodes, the items of a list, and as JSON. */
#include "gen/value.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

static bool is_bool(const char *text, size_t len)
{
	static const char *const words[] = { "true", "True", "TRUE", "false", "False", "FALSE" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (text_eq(text, len, words[i]))
			return true;
	return false;
}

static bool is_null(const char *text, size_t len)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (text_eq(text, len, words[i]))
			return true;
	return false;
}

enum value_type value_type_of(const char *text, size_t len)
{
	if (text_is_number(text, len))
		return VALUE_NUMBER;
	return is_bool(text, len) ? VALUE_BOOL : VALUE_STRING;
}

static int scalar_from_node(const struct node *n, struct value *v, struct diags *d)
{
	if (!n->quoted && is_null(n->text, n->len))
		return diag_error(
			d, n->origin, n->line, n->col,
			"a value is missing: write \"\" for the empty text, or \"%s\" in quotes",
			n->len ? n->text : "null");
	if (memchr(n->text, '\0', n->len))
		return diag_error(d, n->origin, n->line, n->col, "a value cannot hold a NUL byte");
	if (!text_is_utf8(n->text, n->len))
		return diag_error(d, n->origin, n->line, n->col, "a value must be UTF-8");
	v->type = n->quoted ? VALUE_STRING : value_type_of(n->text, n->len);
	v->text = n->text;
	v->len = n->len;
	return 0;
}

void value_list_add(struct buf *b, const struct value *item)
{
	if (!b->len)
		buf_putc(b, '[');
	else
		buf_putc(b, ',');
	if (item->type == VALUE_STRING)
		json_put(b, item->text, item->len);
	else if (item->type == VALUE_BOOL)
		buf_puts(b, value_is_true(item) ? "true" : "false");
	else
		buf_add(b, item->text, item->len);
}

void value_list_end(struct buf *b)
{
	buf_puts(b, b->len ? "]" : "[]");
}

int value_from_node(struct arena *a, const struct node *n, struct value *v, struct diags *d)
{
	struct buf text = BUF_INIT;
	int rc = 0;

	if (n->kind == NODE_SCALAR)
		return scalar_from_node(n, v, d);
	if (n->kind == NODE_MAP)
		return diag_error(
			d, n->origin, n->line, n->col,
			"a value must be text, a number, true, false or a list of these: this is a mapping");
	for (size_t i = 0; i < n->n; i++) {
		const struct node *c = n->items[i];
		struct value item;

		if (c->kind != NODE_SCALAR)
			rc = diag_error(
				d, c->origin, c->line, c->col,
				"a list that is one value can hold only text, numbers, true and false");
		else if (scalar_from_node(c, &item, d))
			rc = -1;
		else
			value_list_add(&text, &item);
	}
	value_list_end(&text);
	v->type = VALUE_LIST;
	v->text = arena_dupn(a, text.data, text.len);
	v->len = text.len;
	buf_free(&text);
	return rc;
}

/* The end of the item that begins at p, in a list that we wrote ourselves. */
static const char *item_end(const char *p, const char *end)
{
	if (*p != '"') {
		while (p < end && *p != ',' && *p != ']')
			p++;
		return p;
	}
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\' && p + 1 < end)
			p++;
	return p < end ? p + 1 : end;
}

bool value_list_next(const struct value *list, size_t *at, struct buf *room, struct value *item)
{
	const char *end = list->text + list->len;
	const char *p = list->text + (*at ? *at : 1);
	const char *stop;

	buf_clear(room);
	if (p < end && *p == ',')
		p++;
	if (p >= end || *p == ']')
		return false;
	stop = item_end(p, end);
	if (*p == '"') {
		item->type = VALUE_STRING;
		json_put_decoded(room, (struct json){ JSON_STRING, p, (size_t)(stop - p) });
	} else {
		item->type = value_type_of(p, (size_t)(stop - p));
		buf_add(room, p, (size_t)(stop - p));
	}
	*at = (size_t)(stop - list->text);
	item->text = buf_str(room);
	item->len = room->len;
	return true;
}

bool value_equal(const struct value *a, const struct value *b)
{
	return a->type == b->type && a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

bool value_is_true(const struct value *v)
{
	return v->type == VALUE_BOOL && (v->text[0] == 't' || v->text[0] == 'T');
}

/* JSON wants digits on both sides of the point and no plus in front. */
static void put_number(struct buf *b, const char *s, size_t n)
{
	const char *end = s + n;

	if (text_is_json_number(s, n)) {
		buf_add(b, s, n);
		return;
	}
	if (s < end && (*s == '-' || *s == '+')) {
		if (*s == '-')
			buf_putc(b, '-');
		s++;
	}
	if (s < end && *s == '.')
		buf_putc(b, '0');
	for (; s < end; s++) {
		if (*s == '.' && (s + 1 == end || s[1] < '0' || s[1] > '9'))
			continue;
		buf_putc(b, *s);
	}
}

/* The items stand in a list as JSON has them, but for numbers. */
static void put_list(struct buf *b, const struct value *v)
{
	const char *p = v->text + 1, *end = v->text + v->len, *stop;

	buf_putc(b, '[');
	for (; p < end && *p != ']'; p = stop) {
		if (*p == ',') {
			buf_putc(b, *p);
			p++;
		}
		stop = item_end(p, end);
		if (*p != '"' && value_type_of(p, (size_t)(stop - p)) == VALUE_NUMBER)
			put_number(b, p, (size_t)(stop - p));
		else
			buf_add(b, p, (size_t)(stop - p));
	}
	buf_putc(b, ']');
}

void value_put_json(struct buf *b, const struct value *v)
{
	switch (v->type) {
	case VALUE_NUMBER:
		put_number(b, v->text, v->len);
		return;
	case VALUE_BOOL:
		buf_puts(b, value_is_true(v) ? "true" : "false");
		return;
	case VALUE_LIST:
		put_list(b, v);
		return;
	case VALUE_STRING:
		json_put(b, v->text, v->len);
		return;
	}
}
