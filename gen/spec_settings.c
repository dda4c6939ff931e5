/* SPDX-License-Identifier: MIT */
/* Every setting with its value and where it came from, for `plan`: the rows of the table of keys
 * that are marked so. */
#include <stdlib.h>
#include <string.h>

#include "base/fetch.h"
#include "base/text.h"
#include "gen/language.h"
#include "gen/spec_internal.h"

#define VALUE_SHOWN 200

void node_put_flow(struct buf *b, const struct node *n, size_t most)
{
	const char *sep = "";

	if (n->kind == NODE_SCALAR && fetch_is_url(n->text)) {
		char *url = fetch_url_public(n->text);

		text_put_shown(b, url, strlen(url), 0);
		free(url);
		return;
	}
	if (n->kind == NODE_SCALAR) {
		text_put_shown(b, n->text, n->len, 0);
		return;
	}
	buf_putc(b, n->kind == NODE_MAP ? '{' : '[');
	for (size_t i = 0; i < n->n && b->len < most; i++, sep = ", ") {
		buf_puts(b, sep);
		if (n->kind == NODE_MAP) {
			node_put_flow(b, n->keys[i], most);
			buf_puts(b, ": ");
		}
		node_put_flow(b, n->items[i], most);
	}
	buf_putc(b, n->kind == NODE_MAP ? '}' : ']');
}

/* The part of a value that came from --set, if any did; else the value. */
static const struct node *origin_node(const struct node *n)
{
	if (!n->line)
		return n;
	for (size_t i = 0; i < n->n; i++) {
		const struct node *inner = origin_node(n->items[i]);

		if (!inner->line)
			return inner;
	}
	return n;
}

struct settings {
	const struct spec *s;
	struct setting *rows;
	size_t n, cap;
};

static void setting_add(struct settings *t, const char *key, const char *value, const char *origin)
{
	if (t->n == t->cap) {
		struct setting *more = arena_alloc(t->s->arena, (t->cap + 64) * sizeof *more);

		if (t->n)
			memcpy(more, t->rows, t->n * sizeof *more);
		t->rows = more;
		t->cap += 64;
	}
	t->rows[t->n++] = (struct setting){ key, value, origin };
}

static void setting_node(struct settings *t, const char *key, const struct node *n)
{
	const struct node *from = origin_node(n);
	struct buf value = BUF_INIT, cut = BUF_INIT;

	node_put_flow(&value, n, VALUE_SHOWN);
	text_put_shown(&cut, buf_str(&value), value.len, VALUE_SHOWN);
	setting_add(t, key, arena_dup(t->s->arena, buf_str(&cut)),
		    from->line ? arena_printf(t->s->arena, "%s:%d", from->origin, from->line)
			       : arena_dup(t->s->arena, from->origin));
	buf_free(&value);
	buf_free(&cut);
}

/* A row whose path is fixed. `retry: 2` is short for its `times`, `python: sim:run` for its `call`.
 */
static const struct node *fixed_node(const struct spec *s, const char *path)
{
	const char *dot = strchr(path, '.');
	const struct node *n = s->root;

	if (!dot)
		return node_get(n, path);
	n = node_get(n, arena_dupn(s->arena, path, (size_t)(dot - path)));
	if (n && n->kind == NODE_SCALAR &&
	    (strcmp(path, "retry.times") == 0 || strcmp(dot, ".call") == 0))
		return n;
	return n ? node_get(n, dot + 1) : NULL;
}

/* Defaults that another key of the spec does away with. */
static bool default_holds(const struct spec *s, const char *path)
{
	const struct node *results = node_get(s->root, "results");
	const bool function = s->start == START_FUNCTION;

	if (strcmp(path, "results.value") == 0)
		return function;
	if (function &&
	    (strcmp(path, "results.stdout") == 0 || strcmp(path, "results.stderr") == 0))
		return false;
	if (strcmp(path, "results.stdout") == 0)
		return !results || (!node_get(results, "log") && !node_get(results, "last_line"));
	if (strcmp(path, "results.stderr") == 0)
		return !results || !node_get(results, "log");
	if (strcmp(path, "checkpoint.before") == 0)
		return node_get(s->root, "checkpoint") != NULL;
	return true;
}

static const char *fallback_of(const struct spec *s, const struct key *k)
{
	if (strcmp(k->path, "name") == 0)
		return s->name;
	if (strcmp(k->path, KEY_LANGUAGE ".interpreter") == 0)
		return s->function.language->interpreter;
	return k->fallback;
}

static void setting_row(struct settings *t, const struct key *k)
{
	const bool language = strncmp(k->path, KEY_LANGUAGE, strlen(KEY_LANGUAGE)) == 0;
	const char *path = k->path;
	const struct node *n;

	if (language && t->s->start != START_FUNCTION)
		return;
	if (language)
		path = arena_printf(t->s->arena, "%s%s", t->s->function.language->name,
				    path + strlen(KEY_LANGUAGE));
	n = fixed_node(t->s, path);
	if (n)
		setting_node(t, path, n);
	else if (k->fallback && default_holds(t->s, path))
		setting_add(t, path, fallback_of(t->s, k), "default");
}

/* A row of names that are the user's: one setting a name. */
static void setting_rows(struct settings *t, const struct key *k)
{
	const size_t n = strlen(k->path) - 2;
	const struct node *map = t->s->root;
	const char *path = arena_dupn(t->s->arena, k->path, n), *dot = strchr(path, '.');

	if (dot)
		map = node_get(node_get(map, arena_dupn(t->s->arena, path, (size_t)(dot - path))),
			       dot + 1);
	else
		map = node_get(map, path);
	for (size_t i = 0; map && map->kind == NODE_MAP && i < map->n; i++)
		setting_node(t, arena_printf(t->s->arena, "%s.%s", path, map->keys[i]->text),
			     map->items[i]);
}

size_t spec_settings(const struct spec *s, struct setting **out)
{
	struct settings t = { .s = s };

	for (const struct key *k = spec_keys; k->path; k++) {
		const size_t n = strlen(k->path);

		if (!(k->flags & KEY_SHOWN))
			continue;
		if (n > 2 && strcmp(k->path + n - 2, ".*") == 0)
			setting_rows(&t, k);
		else
			setting_row(&t, k);
	}
	*out = t.rows;
	return t.n;
}
