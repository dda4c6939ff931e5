/* SPDX-License-Identifier: MIT */
/* Questions about nodes, and --set: changing a tree from the command line. */
#include <string.h>

#include "base/text.h"
#include "gen/value.h"
#include "gen/yaml_internal.h"

static ptrdiff_t map_find(const struct node *map, const char *key, size_t len)
{
	if (!map || map->kind != NODE_MAP)
		return -1;
	for (size_t i = 0; i < map->n; i++)
		if (map->keys[i]->len == len && memcmp(map->keys[i]->text, key, len) == 0)
			return (ptrdiff_t)i;
	return -1;
}

struct node *node_get(const struct node *map, const char *key)
{
	const ptrdiff_t i = map_find(map, key, strlen(key));

	return i < 0 ? NULL : map->items[i];
}

bool node_is_null(const struct node *n)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };

	if (n->kind != NODE_SCALAR || n->quoted)
		return false;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (text_eq(n->text, n->len, words[i]))
			return true;
	return false;
}

const char *node_kind_name(const struct node *n)
{
	if (n->kind == NODE_MAP)
		return "a mapping";
	if (n->kind == NODE_SEQ)
		return "a list";
	if (node_is_null(n))
		return "nothing";
	if (n->quoted)
		return "text";
	switch (value_type_of(n->text, n->len)) {
	case VALUE_NUMBER:
		return "a number";
	case VALUE_BOOL:
		return "true or false";
	default:
		return "text";
	}
}

void node_pos(const struct node *n, size_t at, int *line, int *col)
{
	*line = n->line;
	*col = n->col;
	if (n->kind != NODE_SCALAR || !n->one_line || !n->line)
		return;
	if (n->quoted)
		*col += 1;
	for (size_t i = 0; i < at && i < n->len; i++)
		*col += ((unsigned char)n->text[i] & 0xc0) != 0x80;
}

/* Values from the command line have no line: their origin names the option. */
static void forget_place(struct node *n)
{
	n->line = 0;
	n->col = 0;
	for (size_t i = 0; i < n->n; i++) {
		if (n->kind == NODE_MAP)
			forget_place(n->keys[i]);
		forget_place(n->items[i]);
	}
}

static struct node *scalar_make(struct arena *a, const char *origin, const char *text, size_t len)
{
	struct node *n = arena_alloc(a, sizeof *n);

	n->kind = NODE_SCALAR;
	n->origin = origin;
	n->text = arena_dupn(a, text, len);
	n->len = len;
	n->style = ' ';
	return n;
}

/* A map's own copy, so that what an alias shares is not changed with it; room for one entry more.
 */
static struct node *map_copy(struct arena *a, const struct node *from, const char *origin)
{
	struct node *n = arena_alloc(a, sizeof *n);

	if (from->kind == NODE_SCALAR) {
		n->kind = NODE_MAP;
		n->origin = origin;
		n->text = "";
	} else {
		*n = *from;
	}
	n->items = arena_alloc(a, (from->n + 1) * sizeof *n->items);
	n->keys = n->kind == NODE_MAP ? arena_alloc(a, (from->n + 1) * sizeof *n->keys) : NULL;
	if (from->n) {
		memcpy(n->items, from->items, from->n * sizeof *n->items);
		if (n->keys)
			memcpy(n->keys, from->keys, from->n * sizeof *n->keys);
	}
	return n;
}

static void map_put(struct node *map, struct node *key, struct node *value)
{
	const ptrdiff_t i = map_find(map, key->text, key->len);

	if (i >= 0) {
		map->items[i] = value;
		return;
	}
	map->keys[map->n] = key;
	map->items[map->n++] = value;
}

/* Where the path's next step lies in n; in a list it is a number from 0. NULL when n cannot have
 * it. */
static struct node **step_slot(struct node *n, const char *step, size_t len)
{
	uint64_t index;

	if (n->kind == NODE_SEQ)
		return text_u64(step, len, &index) && index < n->n ? &n->items[index] : NULL;
	const ptrdiff_t i = map_find(n, step, len);

	return i < 0 ? NULL : &n->items[i];
}

/* Makes the next step of the path writable and goes there; NULL, complained of, when that is no
 * place for keys. */
static struct node *step_down(struct arena *a, struct node *at, const char *step, size_t len,
			      const char *origin, struct diags *d)
{
	struct node **slot = step_slot(at, step, len);
	struct node *next = slot ? *slot : NULL;

	if (!next && at->kind == NODE_SEQ) {
		diag_error(d, origin, 0, 0, "the list has no item '%.*s': they count from 0",
			   (int)len, step);
		return NULL;
	}
	if (next && next->kind == NODE_SCALAR && !node_is_null(next)) {
		diag_error(d, origin, 0, 0, "'%.*s' is %s and has no keys", (int)len, step,
			   node_kind_name(next));
		return NULL;
	}
	next = map_copy(a, next ? next : scalar_make(a, origin, "", 0), origin);
	if (slot)
		*slot = next;
	else
		map_put(at, scalar_make(a, origin, step, len), next);
	return next;
}

int yaml_set(struct arena *a, struct node *root, const char *key, const char *value,
	     struct diags *d)
{
	const char *origin = arena_printf(a, "--set %s", key);
	struct node *at = root, *v;
	const char *step = key;
	size_t len;

	if (root->kind != NODE_MAP)
		return diag_error(d, origin, 0, 0, "the spec is no mapping");
	if (!*key || *key == '.' || strstr(key, "..") || key[strlen(key) - 1] == '.')
		return diag_error(
			d, origin, 0, 0,
			"a name is missing in the key: write KEY=VALUE, as in resources.memory=4G");
	*root = *map_copy(a, root, origin);
	for (len = strcspn(step, ".");; step += len + 1, len = strcspn(step, ".")) {
		if (!step[len])
			break;
		at = step_down(a, at, step, len, origin, d);
		if (!at)
			return -1;
	}
	v = scalar_make(a, origin, value, strlen(value));
	if (!node_is_null(v))
		v = yaml_parse(a, value, strlen(value), origin, d);
	if (!v)
		return -1;
	forget_place(v);
	if (at->kind == NODE_SEQ) {
		struct node **slot = step_slot(at, step, len);

		if (!slot)
			return diag_error(d, origin, 0, 0,
					  "the list has no item '%s': they count from 0", step);
		*slot = v;
		return 0;
	}
	map_put(at, scalar_make(a, origin, step, len), v);
	return 0;
}
