/* SPDX-License-Identifier: MIT */
/* Checking the keys of a mapping against a table of keys: that of the spec, or of the site file. */
#include <string.h>

#include "base/text.h"
#include "gen/language.h"
#include "gen/spec_internal.h"

/* The last step of a row's path when the row stands right under `path`, else NULL. */
static const char *child_name(const struct key *k, const char *path)
{
	const size_t n = strlen(path);
	const char *rest = k->path;

	if (n) {
		if (strncmp(rest, path, n) != 0 || rest[n] != '.')
			return NULL;
		rest += n + 1;
	}
	return rest[strcspn(rest, ".[")] ? NULL : rest;
}

static bool is_name(const char *child, const char *name)
{
	if (strcmp(child, KEY_LANGUAGE) == 0)
		return language_find(name, strlen(name)) != NULL;
	return strcmp(child, name) == 0 || strcmp(child, "*") == 0;
}

static const struct key *key_find(const struct reader *r, const char *path, const char *name)
{
	for (const struct key *k = r->keys; k->path; k++) {
		const char *child = child_name(k, path);

		if (child && is_name(child, name))
			return k;
	}
	return NULL;
}

/* The names that may stand under `path`, those of the user's choice left out. */
static size_t children(const struct reader *r, const char *path, const char **out, size_t most)
{
	const struct language *l;
	size_t n = 0;

	for (const struct key *k = r->keys; k->path && n < most; k++) {
		const char *child = child_name(k, path);

		if (child && strcmp(child, KEY_LANGUAGE) == 0)
			for (size_t i = 0; (l = language_at(i)) != NULL && n < most; i++)
				out[n++] = l->name;
		else if (child && strcmp(child, "*") != 0)
			out[n++] = child;
	}
	return n;
}

/* The place of a key that stands in the wrong one: only fixed places, "" for the top. NULL when
 * there is none. */
static const char *other_place(struct reader *r, const char *path, const char *name)
{
	for (const struct key *k = r->keys; k->path; k++) {
		const char *dot = strrchr(k->path, '.');
		const char *last = dot ? dot + 1 : k->path;
		const char *parent = arena_dupn(r->a, k->path, dot ? (size_t)(dot - k->path) : 0);

		if (strcmp(last, name) == 0 && !strpbrk(parent, "*[" KEY_LANGUAGE) &&
		    strcmp(parent, path) != 0)
			return parent;
	}
	return NULL;
}

/* The path of a parameter of this name, for a key at the top; NULL when there is none. */
static const char *param_path(struct reader *r, const char *path, const char *name)
{
	const struct node *params = node_get(r->root, "params"), *grid = node_get(params, "grid");

	if (*path)
		return NULL;
	if (node_get(grid, name))
		return arena_printf(r->a, "params.grid.%s", name);
	return node_get(params, name) ? arena_printf(r->a, "params.%s", name) : NULL;
}

/* Says what is wrong with a key that the table does not have here. */
static void key_unknown(struct reader *r, const struct node *key, const char *path,
			const char *place)
{
	const char *all[64];
	const char *in = *place ? arena_printf(r->a, " in %s", place) : "";
	const char *name = shown(r, key->text, key->len);
	const size_t colon = strcspn(key->text, ":"), n = children(r, path, all, 64);
	const char *advice = r->advice(path, key->text);
	const char *near = text_nearest(key->text, all, n);
	const char *other = other_place(r, path, key->text);
	const char *param = param_path(r, path, key->text);

	if (advice)
		COMPLAIN(r, key, "unknown key '%s'%s: %s", name, in, advice);
	else if (key->text[colon] && key_find(r, path, arena_dupn(r->a, key->text, colon)))
		COMPLAIN(r, key, "unknown key '%s'%s: a blank must follow the colon", name, in);
	else if (param)
		COMPLAIN(r, key, "unknown key '%s': the parameter is '%s'", name, param);
	else if (other && !*path)
		COMPLAIN(r, key, "unknown key '%s': it belongs in '%s'", name, other);
	else if (near)
		COMPLAIN(r, key, "unknown key '%s'%s (did you mean '%s'?)", name, in, near);
	else if (other && !*other)
		COMPLAIN(r, key, "unknown key '%s'%s: it belongs at the top, without indentation",
			 name, in);
	else if (other)
		COMPLAIN(r, key, "unknown key '%s'%s: it belongs in '%s'", name, in, other);
	else
		COMPLAIN(r, key, "unknown key '%s'%s", name, in);
}

int keys_check(struct reader *r, const struct node *map, const char *path, const char *place)
{
	int rc = 0;

	for (size_t i = 0; i < map->n; i++) {
		const struct node *key = map->keys[i];
		const struct key *k = key_find(r, path, key->text);

		if (k && !(k->flags & KEY_LATER))
			continue;
		rc = -1;
		if (k && *place)
			COMPLAIN(r, key, "'%s' in %s is not yet supported", key->text, place);
		else if (k)
			COMPLAIN(r, key, "'%s' is not yet supported", key->text);
		else
			key_unknown(r, key, path, place);
	}
	return rc;
}
