/* SPDX-License-Identifier: MIT */
/* What the readers of axes share: names, keys, cells, and the search for equal rows. */
#include "gen/axis.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"

static const char *const reserved[] = {
	"rep", "seed", "seed64", "scratch", "keep", "cpus", "memory", "task", "index", "launch",
};

bool name_is_parameter(const char *s)
{
	size_t i = 0;

	while ((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || s[i] == '_' ||
	       (i && s[i] >= '0' && s[i] <= '9'))
		i++;
	return i && !s[i] && i <= AXIS_NAME_MAX;
}

bool name_is_reserved(const char *s)
{
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (strcmp(reserved[i], s) == 0)
			return true;
	return false;
}

int axis_claim(struct axis_reader *r, const char *name, const struct node *at)
{
	if (!name_is_parameter(name))
		return COMPLAIN(
			r, at,
			"'%s' is no parameter name: use letters, digits and _, at most %d, no digit in front",
			axis_shown(r, name, strlen(name)), AXIS_NAME_MAX);
	if (name_is_reserved(name))
		return COMPLAIN(r, at, "'%s' is reserved: choose another name for the parameter",
				name);
	for (size_t i = 0; i < r->n_names; i++)
		if (strcmp(r->names[i].name, name) == 0)
			return COMPLAIN(r, at, "parameter '%s' is given twice (first at line %d)",
					name, r->names[i].node->line);
	ARRAY_ROOM(r->names, r->n_names, r->names_cap);
	r->names[r->n_names++] = (struct named){ arena_dup(r->a, name), at };
	return 0;
}

void axis_set_names(struct axis_reader *r, struct axis *out, const char *const *names, size_t n)
{
	out->names = arena_alloc(r->a, n * sizeof *out->names);
	for (size_t i = 0; i < n; i++)
		out->names[i] = arena_dup(r->a, names[i]);
	out->n_names = n;
	out->was = arena_alloc(r->a, n * sizeof *out->was);
}

int axis_keys(struct axis_reader *r, const struct node *map, const char *const *keys, size_t n,
	      const char *shown)
{
	int rc = 0;

	for (size_t i = 0; i < map->n; i++) {
		const struct node *k = map->keys[i];
		const char *near;
		size_t j = 0;

		while (j < n && strcmp(keys[j], k->text) != 0)
			j++;
		if (j < n)
			continue;
		near = text_nearest(k->text, keys, n);
		if (near)
			rc = COMPLAIN(r, k, "unknown key '%s' in '%s' (did you mean '%s'?)",
				      axis_shown(r, k->text, k->len), shown, near);
		else
			rc = COMPLAIN(r, k, "unknown key '%s' in '%s'",
				      axis_shown(r, k->text, k->len), shown);
	}
	return rc;
}

const char *axis_text(struct axis_reader *r, const struct node *n, const char *what)
{
	if (n->kind != NODE_SCALAR || !n->len) {
		COMPLAIN(r, n, "'%s' must be text, not %s", what, node_kind_name(n));
		return NULL;
	}
	return n->text;
}

int axis_value(struct axis_reader *r, const struct node *n, struct value *v)
{
	if (value_from_node(r->a, n, v, r->d))
		return -1;
	if (n->kind == NODE_SCALAR)
		v->text = arena_dupn(r->a, v->text, v->len);
	return 0;
}

int axis_read_was(struct axis_reader *r, const struct node *n, struct value *was)
{
	return n ? axis_value(r, n, was) : 0;
}

const char *axis_shown(struct axis_reader *r, const char *s, size_t n)
{
	struct buf b = BUF_INIT;
	const char *shown;

	text_put_shown(&b, s, n, 60);
	shown = arena_dup(r->a, buf_str(&b));
	buf_free(&b);
	return shown;
}

char *axis_path(struct axis_reader *r, const char *path)
{
	return path_join(r->dir ? r->dir : ".", path);
}

int axis_view(struct axis_reader *r, const struct node *at, const char *path, const char *file,
	      struct file_view *v)
{
	struct stat st;

	/* A pipe may never say anything, and a device never end. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return COMPLAIN(r, at, "cannot read '%s': it is no regular file",
				axis_shown(r, file, strlen(file)));
	if (file_view(path, v, NULL) == 0)
		return 0;
	return COMPLAIN(r, at, "cannot read '%s': %s", axis_shown(r, file, strlen(file)),
			strerror(errno));
}

int axis_view_end(struct axis_reader *r, const struct node *at, const char *path, const char *file,
		  struct file_view *v)
{
	const int rc = file_view_check(v, path, NULL);

	file_view_free(v);
	return rc ? COMPLAIN(r, at, "'%s' became shorter while it was read",
			     axis_shown(r, file, strlen(file)))
		  : 0;
}

int axis_bool(struct axis_reader *r, const struct node *n, const char *what, bool *out)
{
	*out = false;
	if (!n)
		return 0;
	if (n->kind != NODE_SCALAR || n->quoted || value_type_of(n->text, n->len) != VALUE_BOOL)
		return COMPLAIN(r, n, "'%s' must be true or false", what);
	*out = value_is_true(&(struct value){ VALUE_BOOL, n->text, n->len });
	return 0;
}

struct value axis_cell(struct axis_reader *r, const char *s, size_t n)
{
	return (struct value){ value_type_of(s, n), arena_dupn(r->a, s, n), n };
}

void axis_to_rows(struct axis_reader *r, struct axis *x)
{
	struct value *rows;

	if (!x->is_range)
		return;
	rows = arena_alloc(r->a, x->n * sizeof *rows);
	for (uint64_t i = 0; i < x->n; i++) {
		char text[RANGE_TEXT_MAX];
		size_t len = range_text(&x->range, i, text);

		rows[i] = (struct value){ VALUE_NUMBER, arena_dupn(r->a, text, len), len };
	}
	x->is_range = false;
	x->rows = rows;
}

/* A table from hashes to row numbers, by open addressing; a slot holds the number + 1. */
struct row_index {
	const struct axis *x;
	uint32_t *slots;
	uint64_t mask;
};

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ (h >> 29);
}

static uint64_t row_hash(const struct value *row, size_t n)
{
	uint64_t h = n;

	for (size_t k = 0; k < n; k++) {
		h = mix(h, (uint64_t)row[k].type);
		h = mix(h, hash_bytes(row[k].text, row[k].len));
	}
	return h ^ (h >> 32);
}

static bool row_equal(const struct value *a, const struct value *b, size_t n)
{
	for (size_t k = 0; k < n; k++)
		if (!value_equal(&a[k], &b[k]))
			return false;
	return true;
}

/* The slot of a row that is equal, or the free one where it would stand. */
static uint64_t row_slot(const struct row_index *t, const struct value *row)
{
	size_t n = t->x->n_names;
	uint64_t s = row_hash(row, n) & t->mask;

	while (t->slots[s] && !row_equal(row, t->x->rows + (uint64_t)(t->slots[s] - 1) * n, n))
		s = (s + 1) & t->mask;
	return s;
}

struct row_index *row_index_room(const struct axis *x, uint64_t n)
{
	struct row_index *t = mem_alloc(sizeof *t);
	uint64_t size = 16;

	while (size < 2 * n)
		size *= 2;
	t->x = x;
	t->mask = size - 1;
	t->slots = mem_array(size, sizeof *t->slots);
	return t;
}

struct row_index *row_index_new(const struct axis *x)
{
	struct row_index *t = row_index_room(x, x->is_range ? 0 : x->n);

	for (uint64_t i = 0; !x->is_range && i < x->n; i++)
		row_index_put(t, i);
	return t;
}

bool row_index_put(struct row_index *t, uint64_t i)
{
	uint64_t s = row_slot(t, t->x->rows + i * t->x->n_names);

	if (t->slots[s])
		return false;
	t->slots[s] = (uint32_t)(i + 1);
	return true;
}

void row_index_free(struct row_index *t)
{
	if (t)
		free(t->slots);
	free(t);
}

bool row_index_find(const struct row_index *t, const struct value *row, uint64_t *i)
{
	uint64_t s;

	if (t->x->is_range)
		return range_find(&t->x->range, t->x->n, row, i);
	s = row_slot(t, row);
	if (!t->slots[s])
		return false;
	*i = t->slots[s] - 1;
	return true;
}

static void put_row(struct buf *b, const struct axis *x, uint64_t i)
{
	for (size_t k = 0; k < x->n_names && k < 4; k++) {
		const struct value *v = &x->rows[i * x->n_names + k];

		buf_printf(b, "%s%s=", k ? ", " : "", x->names[k]);
		text_put_shown(b, v->text, v->len, 40);
	}
	if (x->n_names > 4)
		buf_puts(b, ", ...");
}

static int complain_equal(struct axis_reader *r, const struct axis *x, uint64_t i, uint64_t j)
{
	const struct node *at = x->node;
	struct buf b = BUF_INIT;

	put_row(&b, x, j);
	if (at->kind == NODE_SEQ && at->n == x->n)
		at = at->items[j];
	if (x->file)
		COMPLAIN(r, x->node,
			 "equal points: lines %" PRIu32 " and %" PRIu32 " of '%s' are both %s",
			 x->lines[i], x->lines[j], x->file, buf_str(&b));
	else
		COMPLAIN(r, at, "equal points: values %" PRIu64 " and %" PRIu64 " are both %s",
			 i + 1, j + 1, buf_str(&b));
	buf_free(&b);
	return -1;
}

static int check_equal(struct axis_reader *r, const struct axis *x)
{
	struct row_index *t = row_index_room(x, x->n);
	int rc = 0;

	for (uint64_t i = 0; i < x->n && !rc; i++) {
		if (!row_index_put(t, i))
			rc = complain_equal(r, x,
					    t->slots[row_slot(t, x->rows + i * x->n_names)] - 1, i);
	}
	row_index_free(t);
	return rc;
}

static uint64_t number_key(const struct value *v)
{
	double d = text_number(v->text, v->len);
	uint64_t bits;

	d += 0.0; /* -0 and 0 are one number */
	memcpy(&bits, &d, sizeof bits);
	return bits;
}

/* Warns at the first number of column k that stands in two spellings, as 3.1 and 3.10. */
static void check_spelling(struct axis_reader *r, const struct axis *x, size_t k)
{
	struct row_index *t = row_index_room(x, x->n);
	uint64_t *keys = mem_array(x->n, sizeof *keys);

	for (uint64_t i = 0; i < x->n; i++) {
		const struct value *v = &x->rows[i * x->n_names + k], *w;
		uint64_t s;

		if (v->type != VALUE_NUMBER)
			continue;
		keys[i] = number_key(v);
		s = mix(0, keys[i]) & t->mask;
		while (t->slots[s] && keys[t->slots[s] - 1] != keys[i])
			s = (s + 1) & t->mask;
		if (!t->slots[s]) {
			t->slots[s] = (uint32_t)(i + 1);
			continue;
		}
		w = &x->rows[(uint64_t)(t->slots[s] - 1) * x->n_names + k];
		if (value_equal(v, w))
			continue;
		diag_warn(
			r->d, x->node->origin, x->node->line, x->node->col,
			"'%s' has one number in two spellings, %s and %s: they are different points",
			x->names[k], axis_shown(r, w->text, w->len),
			axis_shown(r, v->text, v->len));
		break;
	}
	free(keys);
	row_index_free(t);
}

void axis_check_spelling(struct axis_reader *r, const struct axis *x)
{
	for (size_t k = 0; k < x->n_names; k++)
		check_spelling(r, x, k);
}

int axis_check_rows(struct axis_reader *r, const struct axis *x)
{
	if (x->is_range)
		return 0;
	axis_check_spelling(r, x);
	return check_equal(r, x);
}
