/* SPDX-License-Identifier: MIT */
/* Columns by first appearance, and what of a row goes where. */
#include "collect/columns.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"

/* A result column that repeats what the table has already: a parameter (its number), or one of
 * these. */
enum { OURS_TASK = -1, OURS_SEED = -2 };

struct ours {
	size_t cell; /* its position in the row */
	long which;
};

struct entry {
	struct column column;
	uint64_t first; /* the task that brought it */
};

struct columns {
	const struct space *space;
	struct arena *arena;
	struct entry *entries;
	size_t n, cap;
	uint32_t *slots; /* a hash table: 1 + the entry's number */
	size_t n_slots;
	uint64_t rows, first_task;
	bool gap_found;
	struct column_gap gap;

	struct buf shape; /* the names of the row that `order` and `ours` are for, each behind its
			     length */
	size_t shape_n;
	bool shape_known;
	long *order;
	size_t order_cap;
	size_t order_n; /* columns when `order` was made */
	struct ours *ours;
	size_t n_ours, ours_cap;
};

struct columns *columns_new(const struct space *s)
{
	struct columns *c = mem_alloc(sizeof *c);

	c->space = s;
	c->arena = arena_new();
	return c;
}

void columns_free(struct columns *c)
{
	if (!c)
		return;
	arena_free(c->arena);
	free(c->entries);
	free(c->slots);
	free(c->order);
	free(c->ours);
	buf_free(&c->shape);
	free(c);
}

void columns_clear(struct columns *c)
{
	c->n = 0;
	c->rows = 0;
	c->gap_found = false;
	c->shape_known = false;
	if (c->slots)
		memset(c->slots, 0, c->n_slots * sizeof *c->slots);
}

size_t columns_count(const struct columns *c)
{
	return c->n;
}

struct column columns_get(const struct columns *c, size_t k)
{
	return c->entries[k].column;
}

uint64_t columns_rows(const struct columns *c)
{
	return c->rows;
}

bool columns_gap(const struct columns *c, struct column_gap *gap)
{
	*gap = c->gap;
	return c->gap_found;
}

/* ---- the set ---- */

/* The slot where a name is, or would be. */
static size_t slot_of(const struct columns *c, const char *name, size_t len)
{
	size_t at = (size_t)hash_bytes(name, len) & (c->n_slots - 1);

	for (; c->slots[at]; at = (at + 1) & (c->n_slots - 1)) {
		const struct column *x = &c->entries[c->slots[at] - 1].column;

		if (x->len == len && memcmp(x->name, name, len) == 0)
			break;
	}
	return at;
}

long columns_find(const struct columns *c, const char *name, size_t len)
{
	return c->n_slots ? (long)c->slots[slot_of(c, name, len)] - 1 : -1;
}

static void slots_grow(struct columns *c)
{
	c->n_slots = c->n_slots ? c->n_slots * 2 : 64;
	free(c->slots);
	c->slots = mem_array(c->n_slots, sizeof *c->slots);
	for (size_t i = 0; i < c->n; i++)
		c->slots[slot_of(c, c->entries[i].column.name, c->entries[i].column.len)] =
			(uint32_t)(i + 1);
}

static void add_column(struct columns *c, const struct cell *cell, uint64_t task)
{
	const char *name = arena_dupn(c->arena, cell->name, cell->name_len);

	if ((c->n + 1) * 2 > c->n_slots)
		slots_grow(c);
	ARRAY_ROOM(c->entries, c->n, c->cap);
	c->slots[slot_of(c, name, cell->name_len)] = (uint32_t)(c->n + 1);
	c->entries[c->n++] = (struct entry){ { name, cell->name_len }, task };
	if (c->rows > 0 && !c->gap_found) {
		c->gap_found = true;
		c->gap = (struct column_gap){ { name, cell->name_len }, task, c->first_task };
	}
}

/* ---- shapes ---- */

static bool shape_matches(const struct columns *c, const struct row *row)
{
	const char *p = c->shape.data;

	if (!c->shape_known || c->shape_n != row->n || c->order_n != c->n)
		return false;
	for (size_t i = 0; i < row->n; i++) {
		size_t n;

		memcpy(&n, p, sizeof n);
		p += sizeof n;
		if (n != row->cells[i].name_len || memcmp(p, row->cells[i].name, n) != 0)
			return false;
		p += n;
	}
	return true;
}

static void shape_keep(struct columns *c, const struct row *row)
{
	buf_clear(&c->shape);
	for (size_t i = 0; i < row->n; i++) {
		buf_add(&c->shape, &row->cells[i].name_len, sizeof row->cells[i].name_len);
		buf_add(&c->shape, row->cells[i].name, row->cells[i].name_len);
	}
	c->shape_n = row->n;
	c->shape_known = true;
}

static bool is_ours(const struct columns *c, const struct cell *cell, long *which)
{
	const size_t n = space_names(c->space);

	for (size_t k = 0; k < n; k++) {
		if (text_eq(cell->name, cell->name_len, space_name(c->space, k))) {
			*which = (long)k;
			return true;
		}
	}
	*which = text_eq(cell->name, cell->name_len, "task") ? OURS_TASK : OURS_SEED;
	return *which == OURS_TASK || text_eq(cell->name, cell->name_len, "seed");
}

/* Learns a shape: adds its columns where `task` is given, and makes `order` and `ours` for it. */
static void shape_learn(struct columns *c, const struct row *row, const uint64_t *task)
{
	struct ours ours;

	c->n_ours = 0;
	for (size_t i = 0; i < row->n; i++) {
		if (is_ours(c, &row->cells[i], &ours.which)) {
			ours.cell = i;
			ARRAY_ROOM(c->ours, c->n_ours, c->ours_cap);
			c->ours[c->n_ours++] = ours;
		} else if (task &&
			   columns_find(c, row->cells[i].name, row->cells[i].name_len) < 0) {
			add_column(c, &row->cells[i], *task);
		}
	}
	if (c->order_cap < c->n + 1) {
		c->order_cap = c->n + 1;
		c->order = mem_resize(c->order, c->order_cap, sizeof *c->order);
	}
	for (size_t k = 0; k < c->n; k++)
		c->order[k] = -1;
	for (size_t i = 0, o = 0; i < row->n; i++) {
		long k;

		if (o < c->n_ours && c->ours[o].cell == i) {
			o++;
			continue;
		}
		k = columns_find(c, row->cells[i].name, row->cells[i].name_len);
		if (k >= 0)
			c->order[k] = (long)i;
	}
	c->order_n = c->n;
	shape_keep(c, row);
}

static void find_gap(struct columns *c, uint64_t task)
{
	for (size_t k = 0; k < c->n && !c->gap_found; k++) {
		if (c->order[k] < 0) {
			c->gap_found = true;
			c->gap = (struct column_gap){ c->entries[k].column, c->entries[k].first,
						      task };
		}
	}
}

/* ---- what repeats ours ---- */

static bool same_value(const struct cell *cell, const char *text, size_t len)
{
	if (cell->len == len && memcmp(cell->text, text, len) == 0)
		return true;
	return text_is_number(cell->text, cell->len) && text_is_number(text, len) &&
	       text_number(cell->text, cell->len) == text_number(text, len);
}

/* What the table has itself for a column that a result repeats. */
static struct gather_text ours_text(struct gather_task *t, long which)
{
	if (which == OURS_TASK)
		return (struct gather_text){ t->shown, strlen(t->shown) };
	if (which == OURS_SEED)
		return gather_seed(t);
	return (struct gather_text){ gather_point(t)->values[which].text,
				     gather_point(t)->values[which].len };
}

static int check_ours(const struct columns *c, struct gather_task *t, const struct row *row,
		      struct err *e)
{
	for (size_t i = 0; i < c->n_ours; i++) {
		const struct cell *cell = &row->cells[c->ours[i].cell];
		const long which = c->ours[i].which;
		const struct gather_text want = ours_text(t, which);
		struct buf b = BUF_INIT;

		if ((which == OURS_SEED && want.len == 0) || same_value(cell, want.text, want.len))
			continue;
		gather_put_name(t, &b);
		buf_printf(&b, ": its result '%.*s' is '", (int)cell->name_len, cell->name);
		text_put_shown(&b, cell->text, cell->len, 80);
		buf_printf(&b, "', but its %s of this name is '",
			   which >= 0 ? "parameter" : "column");
		text_put_shown(&b, want.text, want.len, 80);
		err_bad(e, "%s': rename the result", b.data);
		buf_free(&b);
		return -1;
	}
	return 0;
}

int columns_note(struct columns *c, struct gather_task *t, const struct row *row, struct err *e)
{
	if (c->rows == 0)
		c->first_task = t->index;
	if (!shape_matches(c, row)) {
		shape_learn(c, row, &t->index);
		find_gap(c, t->index);
	}
	c->rows++;
	return c->n_ours ? check_ours(c, t, row, e) : 0;
}

const long *columns_order(struct columns *c, const struct row *row)
{
	if (!shape_matches(c, row))
		shape_learn(c, row, NULL);
	return c->order;
}

const long *columns_same(const struct columns *c, struct gather_task *t, const struct row *row)
{
	if (!shape_matches(c, row) || (c->n_ours && check_ours(c, t, row, NULL) < 0))
		return NULL;
	return c->order;
}
