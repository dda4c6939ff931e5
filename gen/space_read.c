/* SPDX-License-Identifier: MIT */
/* A space from a spec: params, repeat, seed and seed_by. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gen/space_build.h"

#define REPEAT_MAX UINT64_C(1000000000)

static const char *const sections[] = { "grid", "zip", "table", "where", "add" };
#define N_SECTIONS (sizeof sections / sizeof *sections)

static struct axis *next_axis(struct build *b)
{
	/* One more than is used: `rep` may come. */
	if (b->s->n_axes + 2 > b->axes_cap) {
		b->axes_cap = b->axes_cap ? 2 * b->axes_cap : 8;
		b->s->axes = mem_resize(b->s->axes, b->axes_cap, sizeof *b->s->axes);
	}
	return &b->s->axes[b->s->n_axes];
}

/* An axis was read, with this outcome. */
static void keep_axis(struct build *b, int rc)
{
	struct axis *x = &b->s->axes[b->s->n_axes];

	if (rc || axis_check_rows(&b->r, x)) {
		b->bad = true;
		return;
	}
	b->s->n_axes++;
}

static void read_grid(struct build *b, const struct node *n)
{
	if (n->kind != NODE_MAP) {
		COMPLAIN(&b->r, n, "'grid' must be a mapping of parameters, as in {T: [1, 2]}");
		b->bad = true;
		return;
	}
	for (size_t i = 0; i < n->n; i++)
		keep_axis(b, axis_read(&b->r, n->keys[i], n->items[i], next_axis(b)));
}

static void read_zip(struct build *b, const struct node *n)
{
	if (n->kind == NODE_MAP) {
		keep_axis(b, axis_read_zip(&b->r, n, next_axis(b)));
		return;
	}
	if (n->kind != NODE_SEQ || !n->n) {
		COMPLAIN(&b->r, n,
			 "'zip' must be a list of groups, as in [{a: [1, 2], b: [3, 4]}]");
		b->bad = true;
		return;
	}
	for (size_t i = 0; i < n->n; i++)
		keep_axis(b, axis_read_zip(&b->r, n->items[i], next_axis(b)));
}

static void read_table(struct build *b, const struct node *n)
{
	if (n->kind == NODE_SEQ && n->n)
		for (size_t i = 0; i < n->n; i++)
			keep_axis(b, axis_read_table(&b->r, n->items[i], next_axis(b)));
	else
		keep_axis(b, axis_read_table(&b->r, n, next_axis(b)));
}

static void keep_where(struct build *b, const struct node *n)
{
	b->where = n;
}

static void keep_add(struct build *b, const struct node *n)
{
	b->add = n;
}

static bool has_section(const struct node *params)
{
	for (size_t i = 0; i < N_SECTIONS; i++)
		if (node_get(params, sections[i]))
			return true;
	return false;
}

static void unknown_section(struct build *b, const struct node *key)
{
	const char *near = text_nearest(key->text, sections, N_SECTIONS);

	b->bad = true;
	if (near)
		COMPLAIN(&b->r, key, "unknown key '%s' in params (did you mean '%s'?)", key->text,
			 near);
	else
		COMPLAIN(
			&b->r, key,
			"unknown key '%s' in params: beside grid, zip, table, where and add, parameters stand under 'grid'",
			axis_shown(&b->r, key->text, key->len));
}

static void read_params(struct build *b, const struct node *n)
{
	static void (*const readers[N_SECTIONS])(struct build *, const struct node *) = {
		read_grid, read_zip, read_table, keep_where, keep_add,
	};

	next_axis(b);
	if (!n)
		return;
	if (n->kind != NODE_MAP) {
		COMPLAIN(&b->r, n, "'params' must be a mapping, as in {T: [1, 2]}");
		b->bad = true;
		return;
	}
	if (!has_section(n)) {
		read_grid(b, n);
		return;
	}
	for (size_t i = 0; i < n->n; i++) {
		size_t k = 0;

		while (k < N_SECTIONS && strcmp(sections[k], n->keys[i]->text) != 0)
			k++;
		if (k == N_SECTIONS)
			unknown_section(b, n->keys[i]);
		else
			readers[k](b, n->items[i]);
	}
}

static void read_repeat(struct build *b, const struct node *n)
{
	b->s->repeat = 1;
	if (!n)
		return;
	if (n->kind != NODE_SCALAR || n->quoted || !text_u64(n->text, n->len, &b->s->repeat) ||
	    !b->s->repeat || b->s->repeat > REPEAT_MAX) {
		COMPLAIN(&b->r, n, "'repeat' must be a whole number from 1 to %" PRIu64,
			 REPEAT_MAX);
		b->s->repeat = 1;
		b->bad = true;
	}
	space_add_rep(b->s);
}

static void read_seed(struct build *b, const struct node *n)
{
	uint64_t v;

	b->s->seed = "0";
	if (!n)
		return;
	if (n->kind != NODE_SCALAR || n->quoted || !text_is_integer(n->text, n->len) ||
	    !text_u64(n->text, n->len, &v)) {
		COMPLAIN(&b->r, n, "'seed' must be a whole number from 0 to 2^64 - 1");
		b->bad = true;
		return;
	}
	b->s->seed = arena_dupn(b->s->arena, n->text, n->len);
}

static void read_seed_by(struct build *b, const struct node *n)
{
	struct space *s = b->s;
	size_t bad;

	if (!n)
		return;
	if (n->kind != NODE_SEQ || !n->n) {
		COMPLAIN(&b->r, n, "'seed_by' must be a list of parameters, as in [rep]");
		b->bad = true;
		return;
	}
	s->seed_by = arena_alloc(s->arena, n->n * sizeof *s->seed_by);
	for (size_t i = 0; i < n->n; i++) {
		const char *name = axis_text(&b->r, n->items[i], "seed_by");

		b->bad |= !name;
		s->seed_by[i] = name ? arena_dup(s->arena, name) : "";
	}
	s->n_seed_by = n->n;
	if (!b->bad && !space_find_seed_by(s, &bad)) {
		const char *name = s->seed_by[bad],
			   *near = text_nearest(name, s->names, s->n_names);

		b->bad = true;
		if (strcmp(name, "rep") == 0)
			COMPLAIN(&b->r, n->items[bad], "'rep' in 'seed_by' needs 'repeat:'");
		else if (near)
			COMPLAIN(&b->r, n->items[bad],
				 "unknown parameter '%s' (did you mean '%s'?)", name, near);
		else
			COMPLAIN(&b->r, n->items[bad], "unknown parameter '%s'",
				 axis_shown(&b->r, name, strlen(name)));
	}
}

static void complain_where(struct build *b, size_t at, const char *text)
{
	int line, col;

	node_pos(b->where, at, &line, &col);
	diag_error(b->r.d, b->where->origin, line, col, "where: %s", text);
	b->bad = true;
}

static void read_where(struct build *b)
{
	struct space *s = b->s;
	const struct node *n = b->where;
	struct err e = ERR_INIT;
	struct expr *x;
	size_t at = 0;

	if (!n)
		return;
	if (n->kind != NODE_SCALAR) {
		COMPLAIN(&b->r, n, "'where' must be an expression, not %s", node_kind_name(n));
		b->bad = true;
		return;
	}
	x = expr_compile(n->text, n->len, s->names, s->n_names, &at, &e);
	if (!x) {
		complain_where(b, at, e.text);
		return;
	}
	if (space_where(s, x, b->where_most, &e))
		complain_where(b, 0, e.text);
	else
		s->kept = s->where->kept * (s->where_rep ? 1 : s->repeat);
	expr_free(x);
	if (!b->bad && s->where_rep && b->add) {
		COMPLAIN(&b->r, n, "a 'where' that uses 'rep' does not go with 'add'");
		b->bad = true;
	}
}

static void check_counts(struct build *b, const struct node *params)
{
	struct space *s = b->s;

	if (s->n_added > (SPACE_TASKS_MAX - s->kept) / s->repeat) {
		COMPLAIN(&b->r, params, "more than 2^48 tasks");
		b->bad = true;
	} else if (!space_count(s)) {
		COMPLAIN(&b->r, b->where ? b->where : params,
			 "'where' leaves no point: no task would run");
		b->bad = true;
	}
}

/* The parts that need all axes. */
static void read_rest(struct build *b, const struct node *root, const struct node *params)
{
	struct space *s = b->s;

	if (b->bad)
		return;
	if (space_complete(s)) {
		COMPLAIN(&b->r, params, "more than 2^48 points");
		b->bad = true;
		return;
	}
	read_seed_by(b, node_get(root, "seed_by"));
	read_where(b);
	if (!b->bad)
		space_read_add(b);
	if (!b->bad)
		check_counts(b, params ? params : root);
}

struct space *space_new(const struct space_source *src, struct diags *d)
{
	struct space *s = mem_alloc(sizeof *s);
	const uint64_t most = src->points_most ? src->points_most : UINT64_MAX;
	struct build b = { .s = s,
			   .r = { .d = d,
				  .dir = src->dir,
				  .fetched = src->fetched,
				  .rows_most = most < AXIS_ROWS_MAX ? most : AXIS_ROWS_MAX },
			   .where_most = most < SPACE_WHERE_MAX ? most : SPACE_WHERE_MAX };
	const struct node *params = node_get(src->root, "params");
	struct axis *axes;

	s->arena = b.r.a = arena_new();
	read_params(&b, params);
	read_repeat(&b, node_get(src->root, "repeat"));
	read_seed(&b, node_get(src->root, "seed"));
	axes = s->axes;
	s->axes = memcpy(arena_alloc(s->arena, (s->n_axes + 1) * sizeof *axes), axes,
			 s->n_axes * sizeof *axes);
	free(axes);
	read_rest(&b, src->root, params);
	free(b.r.names);
	if (b.bad) {
		space_free(s);
		return NULL;
	}
	return s;
}
