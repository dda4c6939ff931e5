/* SPDX-License-Identifier: MIT */
/* One row of results: built from JSON or cell by cell, and written as JSON. */
#include "store/row.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "gen/value.h"

#define NOWHERE   SIZE_MAX
#define FEW_CELLS 8 /* up to here, comparing each with each is quicker than a table */

void row_maker_begin(struct row_maker *m)
{
	m->row.n = 0;
	m->moved = false;
	buf_clear(&m->text);
	buf_clear(&m->path);
}

void row_maker_release(struct row_maker *m)
{
	free(m->row.cells);
	free(m->places);
	free(m->slots);
	buf_free(&m->text);
	buf_free(&m->path);
	buf_free(&m->shape);
	*m = (struct row_maker){ .moved = false };
}

static struct cell *add_cell(struct row_maker *m, const char *key)
{
	ARRAY_ROOM(m->row.cells, m->row.n, m->row.cap);
	if (m->places_cap < m->row.cap) {
		m->places_cap = m->row.cap;
		m->places = mem_resize(m->places, m->places_cap, sizeof *m->places);
	}
	m->places[m->row.n] = (struct cell_place){ NOWHERE, NOWHERE, key };
	return &m->row.cells[m->row.n++];
}

void row_maker_add(struct row_maker *m, const char *name, size_t name_len, enum json_type type,
		   const char *text, size_t len)
{
	*add_cell(m, name) = (struct cell){ name, name_len, type, text, len };
}

const struct row *row_maker_end(struct row_maker *m)
{
	for (size_t i = 0; m->moved && i < m->row.n; i++) {
		if (m->places[i].name_at != NOWHERE)
			m->row.cells[i].name = m->text.data + m->places[i].name_at;
		if (m->places[i].text_at != NOWHERE)
			m->row.cells[i].text = m->text.data + m->places[i].text_at;
	}
	return &m->row;
}

/* ---- from JSON ---- */

static bool has_blanks(struct json v)
{
	return memchr(v.text, ' ', v.len) || memchr(v.text, '\n', v.len) ||
	       memchr(v.text, '\t', v.len) || memchr(v.text, '\r', v.len);
}

/* Without the white space between its tokens, so that a list spread over lines is one line in every
 * table. */
static void put_compact(struct buf *b, struct json v)
{
	bool inside = false;

	buf_room(b, v.len);
	for (size_t i = 0; i < v.len; i++) {
		const char c = v.text[i];

		if (inside && c == '\\' && i + 1 < v.len) {
			buf_add(b, v.text + i++, 2);
			continue;
		}
		if (c == '"')
			inside = !inside;
		if (inside || (c != ' ' && c != '\n' && c != '\t' && c != '\r'))
			buf_putc(b, c);
	}
}

/* The cell's text where it is not in the source as it is. */
static void cell_decode(struct row_maker *m, struct cell *c, struct json v)
{
	struct cell_place *place = &m->places[m->row.n - 1];

	if (v.type == JSON_STRING) {
		c->text = v.text + 1;
		c->len = v.len - 2;
		if (!memchr(c->text, '\\', c->len))
			return;
	} else if (!has_blanks(v)) {
		return;
	}
	place->text_at = m->text.len;
	if (v.type == JSON_STRING)
		json_put_decoded(&m->text, v);
	else
		put_compact(&m->text, v);
	c->len = m->text.len - place->text_at;
	m->moved = true;
}

static void add_json_cell(struct row_maker *m, struct json key, struct json v)
{
	struct cell *c = add_cell(m, key.text);
	struct cell_place *place = &m->places[m->row.n - 1];

	*c = (struct cell){ key.text + 1, key.len - 2, v.type, v.text, v.len };
	if (m->path.len || memchr(c->name, '\\', c->name_len)) {
		place->name_at = m->text.len;
		buf_add(&m->text, m->path.data, m->path.len);
		json_put_decoded(&m->text, key);
		c->name_len = m->text.len - place->name_at;
		m->moved = true;
	}
	if (v.type == JSON_NULL) {
		c->text = "";
		c->len = 0;
	} else if (v.type == JSON_STRING || v.type == JSON_ARRAY) {
		cell_decode(m, c, v);
	}
}

int row_maker_add_object(struct row_maker *m, struct json object, const char **at)
{
	const size_t path_len = m->path.len;
	struct json_iter it = json_iter(object);
	struct json key, v;
	int rc = 0;

	while (rc == 0 && json_next(&it, &key, &v)) {
		if (path_len + key.len > COLUMN_NAME_MAX) {
			*at = key.text;
			return -1;
		}
		if (v.type != JSON_OBJECT) {
			add_json_cell(m, key, v);
			continue;
		}
		json_put_decoded(&m->path, key);
		buf_putc(&m->path, '.');
		rc = row_maker_add_object(m, v, at);
		m->path.len = path_len;
	}
	return rc;
}

/* ---- names that stand twice ---- */

static bool same_name(const struct cell *a, const struct cell *b)
{
	return a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0;
}

static bool shape_is_known(const struct row_maker *m)
{
	const char *p = m->shape.data;

	if (!p || m->shape_n != m->row.n)
		return false;
	for (size_t i = 0; i < m->row.n; i++) {
		const struct cell *c = &m->row.cells[i];
		size_t n;

		memcpy(&n, p, sizeof n);
		p += sizeof n;
		if (n != c->name_len || memcmp(p, c->name, n) != 0)
			return false;
		p += n;
	}
	return true;
}

static void shape_keep(struct row_maker *m)
{
	buf_clear(&m->shape);
	for (size_t i = 0; i < m->row.n; i++) {
		const struct cell *c = &m->row.cells[i];

		buf_add(&m->shape, &c->name_len, sizeof c->name_len);
		buf_add(&m->shape, c->name, c->name_len);
	}
	m->shape_n = m->row.n;
}

static long find_twice_few(const struct row *row)
{
	for (size_t i = 1; i < row->n; i++)
		for (size_t j = 0; j < i; j++)
			if (same_name(&row->cells[i], &row->cells[j]))
				return (long)i;
	return -1;
}

static long find_twice_many(struct row_maker *m)
{
	const struct row *row = &m->row;
	size_t size = 64;

	while (size < row->n * 2)
		size *= 2;
	if (size > m->slots_cap) {
		m->slots = mem_resize(m->slots, size, sizeof *m->slots);
		m->slots_cap = size;
	}
	memset(m->slots, 0, size * sizeof *m->slots);
	for (size_t i = 0; i < row->n; i++) {
		size_t at =
			(size_t)hash_bytes(row->cells[i].name, row->cells[i].name_len) & (size - 1);

		for (; m->slots[at]; at = (at + 1) & (size - 1))
			if (same_name(&row->cells[m->slots[at] - 1], &row->cells[i]))
				return (long)i;
		m->slots[at] = (uint32_t)(i + 1);
	}
	return -1;
}

long row_maker_twice(struct row_maker *m)
{
	long twice;

	if (shape_is_known(m))
		return -1;
	twice = m->row.n <= FEW_CELLS ? find_twice_few(&m->row) : find_twice_many(m);
	if (twice < 0)
		shape_keep(m);
	return twice;
}

/* ---- to JSON ---- */

void row_put_json(const struct row *row, struct buf *b)
{
	buf_putc(b, '{');
	for (size_t i = 0; i < row->n; i++) {
		const struct cell *c = &row->cells[i];

		if (i)
			buf_putc(b, ',');
		json_put(b, c->name, c->name_len);
		buf_putc(b, ':');
		cell_put_json(c, b);
	}
	buf_putc(b, '}');
}

void cell_put_json(const struct cell *c, struct buf *b)
{
	if (c->type == JSON_STRING)
		json_put(b, c->text, c->len);
	else if (c->type == JSON_NUMBER)
		value_put_json(b, &(struct value){ VALUE_NUMBER, c->text, c->len });
	else if (c->type == JSON_NULL || c->type == JSON_NONE)
		buf_puts(b, "null");
	else
		buf_add(b, c->text, c->len);
}
