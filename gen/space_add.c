/* SPDX-License-Identifier: MIT */
/* `add`: points beside the crossed ones. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gen/space_build.h"

/* Where a parameter stands in a mapping of `add`. */
static const struct node *add_value(struct build *b, const struct node *map, size_t k)
{
	const struct node *v = node_get(map, b->s->names[k]);

	if (!v) {
		COMPLAIN(&b->r, map, "'%s' is missing: a point of 'add' gives every parameter",
			 b->s->names[k]);
		b->bad = true;
	}
	return v;
}

static int read_point(struct build *b, const struct node *map, struct value *row)
{
	struct space *s = b->s;
	size_t n = space_plain_names(s);
	bool bad = b->bad;

	b->bad = false;
	if (map->kind != NODE_MAP) {
		COMPLAIN(&b->r, map,
			 "a point of 'add' must be a mapping of parameters, as in {T: 1}");
		b->bad = true;
	}
	for (size_t i = 0; map->kind == NODE_MAP && i < map->n; i++) {
		const struct node *key = map->keys[i];
		const char *near;
		size_t k = 0;

		while (k < n && strcmp(s->names[k], key->text) != 0)
			k++;
		if (k < n)
			continue;
		b->bad = true;
		near = text_nearest(key->text, s->names, n);
		if (strcmp(key->text, "rep") == 0)
			COMPLAIN(&b->r, key, "'rep' cannot be given: each added point is repeated");
		else if (near)
			COMPLAIN(&b->r, key, "unknown parameter '%s' (did you mean '%s'?)",
				 key->text, near);
		else
			COMPLAIN(
				&b->r, key,
				"unknown parameter '%s': 'add' gives values to parameters that are there",
				axis_shown(&b->r, key->text, key->len));
	}
	for (size_t k = 0; !b->bad && k < n; k++) {
		const struct node *v = add_value(b, map, k);

		if (v && axis_value(&b->r, v, &row[k]))
			b->bad = true;
	}
	if (b->bad)
		return -1;
	b->bad = bad;
	return 0;
}

/* Whether a point is among the crossed ones that `where` keeps. */
static bool is_crossed(const struct space *s, struct row_index *const *finders,
		       const struct value *row)
{
	uint64_t at = 0, i;
	size_t k = 0;

	for (size_t a = 0; a < space_plain_axes(s); a++) {
		if (!row_index_find(finders[a], row + k, &i))
			return false;
		at = at * s->axes[a].n + i;
		k += s->axes[a].n_names;
	}
	return !s->where || bitmap_get(s->where, at);
}

/* Warns where the added points spell a number of this axis, or of each other, in another way. */
static void check_spelling(struct build *b, const struct axis *x, const struct value *added,
			   size_t stride)
{
	const uint64_t n = b->s->n_added;
	struct axis all = { .names = x->names, .n_names = x->n_names, .node = b->add };
	const uint64_t own = x->is_range ? n : x->n;
	struct value *rows = mem_array((own + n) * x->n_names, sizeof *rows);

	if (!x->is_range) {
		memcpy(rows, x->rows, x->n * x->n_names * sizeof *rows);
		all.n = x->n;
	}
	for (uint64_t i = 0; i < n; i++, added += stride) {
		char text[RANGE_TEXT_MAX];
		size_t len = x->is_range ? range_spelling(&x->range, x->n, added, text) : 0;

		if (len)
			rows[all.n++] = axis_cell(&b->r, text, len);
		memcpy(rows + all.n++ * x->n_names, added, x->n_names * sizeof *rows);
	}
	all.rows = rows;
	axis_check_spelling(&b->r, &all);
	free(rows);
}

void space_read_add(struct build *b)
{
	struct space *s = b->s;
	size_t n = space_plain_names(s), axes = space_plain_axes(s);
	const struct node *list = b->add;
	struct row_index **finders, *seen;
	struct axis points = { .n_names = n };
	struct value *added;

	if (!list)
		return;
	if (list->kind != NODE_SEQ) {
		COMPLAIN(&b->r, list, "'add' must be a list of points, as in [{T: 1}]");
		b->bad = true;
		return;
	}
	finders = mem_array(axes + 1, sizeof *finders);
	for (size_t a = 0; a < axes; a++)
		finders[a] = row_index_new(&s->axes[a]);
	added = arena_alloc(s->arena, (list->n * n + 1) * sizeof *added);
	points.rows = added;
	seen = row_index_room(&points, list->n);
	for (size_t i = 0; i < list->n; i++) {
		struct value *row = added + s->n_added * n;

		if (!read_point(b, list->items[i], row) && !is_crossed(s, finders, row) &&
		    row_index_put(seen, s->n_added))
			s->n_added++;
	}
	s->added = added;
	for (size_t a = 0, k = 0; s->n_added && a < axes; k += s->axes[a++].n_names)
		check_spelling(b, &s->axes[a], added + k, n);
	row_index_free(seen);
	for (size_t a = 0; a < axes; a++)
		row_index_free(finders[a]);
	free(finders);
}
