/* SPDX-License-Identifier: MIT */
/*
 * `where`: one pass over the crossed points. The expression is evaluated only for each combination
 * of the axes that it uses; what it says is then spread over the others, runs of them at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gen/space_internal.h"

#define PREPARED_MAX \
	1000000 /* values of an axis that are parsed once; longer ones are parsed at each step */

struct walk {
	const struct space *s;
	const struct expr *x;
	struct err *e;
	size_t n_axes;             /* in the bitmap: all but rep, unless x uses rep */
	bool *used;                /* one an axis */
	size_t last;               /* axes from here on are not used */
	uint64_t *run;             /* points that one step of an axis passes over */
	struct operand **operands; /* one an axis: n times n_names, parsed once; of a long axis one
				      row at a time */
	char **texts;              /* of a range: RANGE_TEXT_MAX each */
	const struct operand **current; /* one a name */
	struct bitmap *verdicts;        /* of the combinations, in their order */
	uint64_t next;
};

static size_t first_name(const struct space *s, size_t axis)
{
	size_t k = 0;

	for (size_t i = 0; i < axis; i++)
		k += s->axes[i].n_names;
	return k;
}

static bool axis_is_used(const struct walk *w, size_t axis)
{
	size_t first = first_name(w->s, axis);

	for (size_t k = 0; k < w->s->axes[axis].n_names; k++)
		if (expr_uses(w->x, first + k))
			return true;
	return false;
}

static bool is_long(const struct axis *x)
{
	return x->n * x->n_names > PREPARED_MAX;
}

static void prepare_row(struct walk *w, size_t axis, uint64_t i, uint64_t slot)
{
	const struct axis *x = &w->s->axes[axis];

	for (size_t k = 0; k < x->n_names; k++) {
		struct value v;

		if (x->is_range) {
			v.type = VALUE_NUMBER;
			v.text = w->texts[axis] + slot * RANGE_TEXT_MAX;
			v.len = range_text(&x->range, i, w->texts[axis] + slot * RANGE_TEXT_MAX);
		} else {
			v = x->rows[i * x->n_names + k];
		}
		operand_of(&v, &w->operands[axis][slot * x->n_names + k]);
	}
}

/* The values of a used axis as operands. */
static void prepare_axis(struct walk *w, size_t axis)
{
	const struct axis *x = &w->s->axes[axis];
	uint64_t n = is_long(x) ? 1 : x->n;

	w->operands[axis] = mem_array(n * x->n_names, sizeof **w->operands);
	if (x->is_range)
		w->texts[axis] = mem_array(n, RANGE_TEXT_MAX);
	for (uint64_t i = 0; i < n; i++)
		prepare_row(w, axis, i, i);
}

/* "at T=1.5, L=16": the values of what the expression uses. */
static int complain(struct walk *w)
{
	struct buf b = BUF_INIT;

	for (size_t k = 0; k < w->s->n_names; k++) {
		const struct operand *o = w->current[k];

		if (!expr_uses(w->x, k))
			continue;
		buf_printf(&b, "%s%s=", b.len ? ", " : "", w->s->names[k]);
		text_put_shown(&b, o->text, o->len, 40);
	}
	err_wrap(w->e, "at %s", buf_str(&b));
	buf_free(&b);
	return -1;
}

/* Evaluates every combination of the used axes from `axis` on. */
static int evaluate(struct walk *w, size_t axis)
{
	const struct axis *x = &w->s->axes[axis];
	size_t first;

	if (axis == w->last) {
		int verdict = expr_test_operands(w->x, w->current, w->e);

		if (verdict < 0)
			return complain(w);
		if (verdict)
			bitmap_set_run(w->verdicts, w->next, 1);
		w->next++;
		return 0;
	}
	if (!w->used[axis])
		return evaluate(w, axis + 1);
	first = first_name(w->s, axis);
	for (uint64_t i = 0; i < x->n; i++) {
		uint64_t slot = is_long(x) ? 0 : i;

		if (is_long(x))
			prepare_row(w, axis, i, 0);
		for (size_t k = 0; k < x->n_names; k++)
			w->current[first + k] = &w->operands[axis][slot * x->n_names + k];
		if (evaluate(w, axis + 1))
			return -1;
	}
	return 0;
}

/* Spreads the verdicts: `combination` counts the used axes passed so far, `at` the points. */
static void spread(const struct walk *w, struct bitmap *m, size_t axis, uint64_t combination,
		   uint64_t at)
{
	if (axis == w->last) {
		if (bitmap_get(w->verdicts, combination))
			bitmap_set_run(m, at, axis ? w->run[axis - 1] : m->n);
		return;
	}
	for (uint64_t i = 0; i < w->s->axes[axis].n; i++) {
		uint64_t next = w->used[axis] ? combination * w->s->axes[axis].n + i : combination;

		spread(w, m, axis + 1, next, at + i * w->run[axis]);
	}
}

static int walk_all(struct walk *w, uint64_t points, struct bitmap **out)
{
	uint64_t combinations = 1;

	for (size_t i = 0; i < w->n_axes; i++) {
		if (!w->used[i])
			continue;
		w->last = i + 1;
		combinations *= w->s->axes[i].n;
	}
	for (size_t i = 0; i < w->last; i++)
		if (w->used[i])
			prepare_axis(w, i);
	w->verdicts = bitmap_new(combinations);
	if (evaluate(w, 0))
		return -1;
	*out = bitmap_new(points);
	spread(w, *out, 0, 0, 0);
	bitmap_finish(*out);
	return 0;
}

static void walk_free(struct walk *w)
{
	for (size_t i = 0; i < w->s->n_axes; i++) {
		free(w->operands[i]);
		free(w->texts[i]);
	}
	free(w->used);
	free(w->run);
	free(w->operands);
	free(w->texts);
	free(w->current);
	bitmap_free(w->verdicts);
}

int space_where(struct space *s, const struct expr *x, uint64_t most, struct err *e)
{
	struct walk w = { .s = s, .x = x, .e = e, .n_axes = s->n_axes };
	uint64_t points = 1;
	int rc = 0;

	s->where_rep = s->repeats && expr_uses(x, s->n_names - 1);
	if (s->repeats && !s->where_rep)
		w.n_axes--;
	w.used = mem_array(s->n_axes + 1, sizeof *w.used);
	w.run = mem_array(s->n_axes + 1, sizeof *w.run);
	w.operands = mem_array(s->n_axes + 1, sizeof *w.operands);
	w.texts = mem_array(s->n_axes + 1, sizeof *w.texts);
	w.current = mem_array(s->n_names + 1, sizeof *w.current);
	for (size_t i = w.n_axes; i-- > 0;) {
		w.used[i] = axis_is_used(&w, i);
		w.run[i] = points;
		if (s->axes[i].n > most / points) {
			rc = err_bad(
				e,
				"more than 2^36 points to pass over: leave them out by the axes themselves");
			goto out;
		}
		points *= s->axes[i].n;
	}
	rc = walk_all(&w, points, &s->where);
out:
	walk_free(&w);
	return rc;
}
