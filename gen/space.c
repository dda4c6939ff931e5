/* SPDX-License-Identifier: MIT */
/* Spaces: counting, and point number i by index arithmetic. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gen/space_internal.h"

#define SHOWN_MAX 40

void space_free(struct space *s)
{
	if (!s)
		return;
	bitmap_free(s->where);
	arena_free(s->arena);
	free(s);
}

size_t space_plain_axes(const struct space *s)
{
	return s->n_axes - s->repeats;
}

size_t space_plain_names(const struct space *s)
{
	return s->n_names - s->repeats;
}

uint64_t space_added(const struct space *s)
{
	return s->n_added * s->repeat;
}

uint64_t space_count(const struct space *s)
{
	return s->kept + space_added(s);
}

uint64_t space_crossed(const struct space *s)
{
	return s->crossed;
}

size_t space_names(const struct space *s)
{
	return s->n_names;
}

const char *space_name(const struct space *s, size_t k)
{
	return s->names[k];
}

const char *const *space_name_list(const struct space *s)
{
	return s->names;
}

bool space_repeats(const struct space *s)
{
	return s->repeats;
}

size_t space_axes(const struct space *s)
{
	return s->n_axes;
}

const char *space_root_seed(const struct space *s)
{
	return s->seed;
}

size_t space_seed_by(const struct space *s, const char *const **names)
{
	*names = s->seed_by;
	return s->n_seed_by;
}

int space_add_rep(struct space *s)
{
	static const char *const name = "rep";
	struct axis *x = &s->axes[s->n_axes++];

	*x = (struct axis){
		.n_names = 1, .n = s->repeat, .is_range = true, .range = { .step = 1 }
	};
	x->names = arena_alloc(s->arena, sizeof *x->names);
	x->names[0] = name;
	x->was = arena_alloc(s->arena, sizeof *x->was);
	s->repeats = true;
	return 0;
}

bool space_find_seed_by(struct space *s, size_t *bad)
{
	s->seed_by_name = arena_alloc(s->arena, (s->n_seed_by + 1) * sizeof *s->seed_by_name);
	for (size_t i = 0; i < s->n_seed_by; i++) {
		size_t k = 0;

		while (k < s->n_names && strcmp(s->names[k], s->seed_by[i]) != 0)
			k++;
		s->seed_by_name[i] = k;
		*bad = i;
		if (k == s->n_names)
			return false;
	}
	return true;
}

/* Names in alphabetical order, by insertion: there are few. */
static void sort_names(struct space *s)
{
	size_t n = space_plain_names(s);

	s->sorted = arena_alloc(s->arena, (n + 1) * sizeof *s->sorted);
	for (size_t i = 0; i < n; i++) {
		size_t k = i;

		for (; k > 0 && strcmp(s->names[s->sorted[k - 1]], s->names[i]) > 0; k--)
			s->sorted[k] = s->sorted[k - 1];
		s->sorted[k] = i;
	}
}

static void collect_names(struct space *s)
{
	size_t k = 0;

	s->n_names = 0;
	s->text_room = 0;
	for (size_t i = 0; i < s->n_axes; i++) {
		s->n_names += s->axes[i].n_names;
		s->text_room += s->axes[i].is_range ? RANGE_TEXT_MAX : 0;
	}
	s->text_room += RANGE_TEXT_MAX; /* rep of an added point */
	s->names = arena_alloc(s->arena, (s->n_names + 1) * sizeof *s->names);
	s->was = arena_alloc(s->arena, (s->n_names + 1) * sizeof *s->was);
	for (size_t i = 0; i < s->n_axes; i++) {
		const struct axis *x = &s->axes[i];

		for (size_t j = 0; j < x->n_names; j++, k++) {
			s->names[k] = x->names[j];
			s->was[k] = x->was[j].text ? &x->was[j] : NULL;
		}
	}
}

int space_complete(struct space *s)
{
	collect_names(s);
	sort_names(s);
	s->crossed = 1;
	for (size_t i = 0; i < s->n_axes; i++) {
		if (s->axes[i].n > SPACE_TASKS_MAX / s->crossed)
			return -1;
		s->crossed *= s->axes[i].n;
	}
	s->kept = s->crossed;
	return 0;
}

void point_init(struct point *p, const struct space *s)
{
	*p = (struct point){ .n = s->n_names };
	p->values = mem_array(s->n_names + 1, sizeof *p->values);
	buf_room(&p->text, s->text_room);
}

void point_free(struct point *p)
{
	free(p->values);
	buf_free(&p->text);
	p->values = NULL;
}

/* Decimal digits of v; their number. */
static size_t put_u64(uint64_t v, char *out)
{
	char digits[RANGE_TEXT_MAX];
	size_t n = 0, len;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	for (len = 0; len < n; len++)
		out[len] = digits[n - 1 - len];
	out[len] = '\0';
	return len;
}

void space_crossed_point(const struct space *s, uint64_t i, struct point *p)
{
	char *room = p->text.data;
	size_t k = s->n_names;

	for (size_t a = s->n_axes; a-- > 0;) {
		const struct axis *x = &s->axes[a];
		uint64_t at = i % x->n;

		i /= x->n;
		k -= x->n_names;
		if (x->is_range) {
			p->values[k].type = VALUE_NUMBER;
			p->values[k].text = room;
			p->values[k].len = x->range.decimals || x->range.step != 1 || x->range.from
						   ? range_text(&x->range, at, room)
						   : put_u64(at, room);
			room += RANGE_TEXT_MAX;
		} else {
			memcpy(&p->values[k], &x->rows[at * x->n_names],
			       x->n_names * sizeof *p->values);
		}
	}
}

static void added_point(const struct space *s, uint64_t i, struct point *p)
{
	size_t n = space_plain_names(s);

	p->rep = i % s->repeat;
	if (n)
		memcpy(p->values, s->added + i / s->repeat * n, n * sizeof *p->values);
	if (s->repeats) {
		char *room = p->text.data;

		p->values[n] = (struct value){ VALUE_NUMBER, room, put_u64(p->rep, room) };
	}
}

void space_point(const struct space *s, uint64_t index, struct point *p)
{
	uint64_t at = index;

	p->index = index;
	if (index >= s->kept) {
		added_point(s, index - s->kept, p);
		return;
	}
	if (s->where && s->where_rep)
		at = bitmap_select(s->where, index);
	else if (s->where)
		at = bitmap_select(s->where, index / s->repeat) * s->repeat + index % s->repeat;
	p->rep = at % s->repeat;
	space_crossed_point(s, at, p);
}

static void put_shown_value(struct buf *b, const struct axis *x, uint64_t i)
{
	char text[RANGE_TEXT_MAX];
	size_t n;

	if (x->is_range) {
		n = range_text(&x->range, i, text);
		buf_add(b, text, n);
	} else {
		text_put_shown(b, x->rows[i].text, x->rows[i].len, SHOWN_MAX);
	}
}

void space_put_axis(const struct space *s, size_t axis, struct buf *b)
{
	const struct axis *x = &s->axes[axis];
	bool rep = s->repeats && axis + 1 == s->n_axes;

	for (size_t k = 0; k < x->n_names; k++)
		buf_printf(b, "%s%s", k ? ", " : "", x->names[k]);
	buf_puts(b, ": ");
	if (x->n_names > 1) {
		text_put_count(b, x->n);
		buf_puts(b, x->n == 1 ? " point" : " points");
		return;
	}
	if (!rep) {
		text_put_count(b, x->n);
		buf_puts(b, x->n == 1 ? " value, " : " values, ");
	}
	for (uint64_t i = 0; i < x->n; i++) {
		if (i == 1 && (x->is_range ? x->n > 2 : x->n > 4)) {
			buf_puts(b, " ... ");
			i = x->n - 1;
		} else if (i) {
			buf_puts(b, rep ? " ... " : ", ");
		}
		put_shown_value(b, x, i);
	}
}
