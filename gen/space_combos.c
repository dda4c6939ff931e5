/* SPDX-License-Identifier: MIT */
/* The distinct combinations of some parameters, found axis by axis. */
#include <stdlib.h>
#include <string.h>

#include "gen/space_internal.h"

/* The rows of an axis that differ in what is marked: the first of each kind, and how many there are
 * of it. */
struct kinds {
	bool marked;
	uint64_t n;
	uint64_t *rows; /* NULL: every row is a kind of its own */
	uint64_t *times;
	struct axis
		part; /* the marked columns, for `index`; the axis itself where all are marked */
	struct value *part_rows;
	struct row_index *index;
};

struct combos {
	const struct space *s;
	const bool *uses;
	struct kinds *kinds; /* one an axis */
	bool known;          /* times can be told */
	struct point p;
	int (*fn)(void *arg, const struct point *p, uint64_t times);
	void *arg;
};

/* Marked columns of rows, as an axis of its own. */
static struct value *marked_columns(const struct axis *x, const bool *uses, size_t n_marked)
{
	struct value *rows = mem_array(x->n * n_marked, sizeof *rows);
	uint64_t at = 0;

	for (uint64_t i = 0; i < x->n; i++)
		for (size_t k = 0; k < x->n_names; k++)
			if (uses[k])
				rows[at++] = x->rows[i * x->n_names + k];
	return rows;
}

/* Numbers the rows that differ in marked columns. */
static void count_kinds(struct kinds *kinds)
{
	uint64_t n = kinds->part.n, *kind_of = mem_array(n, sizeof *kind_of);

	kinds->index = row_index_room(&kinds->part, n);
	kinds->rows = mem_array(n, sizeof *kinds->rows);
	kinds->times = mem_array(n, sizeof *kinds->times);
	kinds->n = 0;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t first = i;

		if (row_index_put(kinds->index, i)) {
			kind_of[i] = kinds->n;
			kinds->rows[kinds->n++] = i;
		} else {
			row_index_find(kinds->index, kinds->part.rows + i * kinds->part.n_names,
				       &first);
		}
		kinds->times[kind_of[first]]++;
	}
	free(kind_of);
}

static void find_kinds(const struct axis *x, const bool *uses, bool added, struct kinds *kinds)
{
	size_t marked = 0;

	for (size_t k = 0; k < x->n_names; k++)
		marked += uses[k];
	kinds->marked = marked > 0;
	kinds->n = x->n;
	kinds->part = *x;
	if (marked && marked < x->n_names) {
		kinds->part_rows = marked_columns(x, uses, marked);
		kinds->part.rows = kinds->part_rows;
		kinds->part.n_names = marked;
		count_kinds(kinds);
	} else if (marked && added) {
		kinds->index = row_index_new(&kinds->part);
	}
}

static void free_kinds(struct kinds *kinds)
{
	free(kinds->rows);
	free(kinds->times);
	free(kinds->part_rows);
	row_index_free(kinds->index);
}

/* Walks axis by axis; `at` is the crossed point's number so far, `times` the tasks that share what
 * is chosen. */
static int walk(struct combos *c, size_t axis, uint64_t at, uint64_t times)
{
	const struct space *s = c->s;
	const struct kinds *k;
	int rc = 0;

	if (axis == s->n_axes) {
		space_crossed_point(s, at, &c->p);
		c->p.rep = at % s->repeat;
		return c->fn(c->arg, &c->p, c->known ? times : 0);
	}
	k = &c->kinds[axis];
	if (!k->marked)
		return walk(c, axis + 1, at * k->n, times * k->n);
	for (uint64_t i = 0; i < k->n && !rc; i++) {
		uint64_t row = k->rows ? k->rows[i] : i, share = k->times ? k->times[i] : 1;

		rc = walk(c, axis + 1, at * s->axes[axis].n + row, times * share);
	}
	return rc;
}

/* Whether the axes make this combination anyway: each has a row with these marked values. */
static bool is_crossed(const struct combos *c, const struct value *marked)
{
	uint64_t i;

	for (size_t a = 0; a < space_plain_axes(c->s); a++) {
		if (!c->kinds[a].marked)
			continue;
		if (!row_index_find(c->kinds[a].index, marked, &i))
			return false;
		marked += c->kinds[a].part.n_names;
	}
	return true;
}

static int walk_added_point(struct combos *c, uint64_t i)
{
	const struct space *s = c->s;
	uint64_t reps = s->repeats && c->uses[s->n_names - 1] ? s->repeat : 1;
	int rc = 0;

	for (uint64_t r = 0; r < reps && !rc; r++) {
		space_point(s, s->kept + i * s->repeat + r, &c->p);
		rc = c->fn(c->arg, &c->p, 0);
	}
	return rc;
}

/* The combinations of added points that neither the axes make nor an earlier added point has. */
static int walk_added(struct combos *c)
{
	const struct space *s = c->s;
	size_t names = space_plain_names(s);
	struct value *rows = mem_array(s->n_added * names + 1, sizeof *rows);
	struct axis as = { .rows = rows };
	struct row_index *seen;
	uint64_t n = 0;
	int rc = 0;

	for (size_t k = 0; k < names; k++)
		as.n_names += c->uses[k];
	seen = row_index_room(&as, s->n_added);
	for (uint64_t i = 0; i < s->n_added && !rc; i++) {
		struct value *row = rows + n * as.n_names;
		size_t at = 0;

		for (size_t k = 0; k < names; k++)
			if (c->uses[k])
				row[at++] = s->added[i * names + k];
		if (is_crossed(c, row) || !row_index_put(seen, n))
			continue;
		n++;
		rc = walk_added_point(c, i);
	}
	row_index_free(seen);
	free(rows);
	return rc;
}

int space_combinations(const struct space *s, const bool *uses,
		       int (*fn)(void *arg, const struct point *p, uint64_t times), void *arg)
{
	struct combos c = {
		.s = s, .uses = uses, .fn = fn, .arg = arg, .known = !s->where && !s->n_added
	};
	size_t k = 0;
	int rc;

	c.kinds = mem_array(s->n_axes + 1, sizeof *c.kinds);
	for (size_t a = 0; a < s->n_axes; a++) {
		find_kinds(&s->axes[a], uses + k, s->n_added > 0, &c.kinds[a]);
		k += s->axes[a].n_names;
	}
	point_init(&c.p, s);
	rc = walk(&c, 0, 0, 1);
	if (!rc && s->n_added)
		rc = walk_added(&c);
	point_free(&c.p);
	for (size_t a = 0; a < s->n_axes; a++)
		free_kinds(&c.kinds[a]);
	free(c.kinds);
	return rc;
}
