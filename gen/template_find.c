/* SPDX-License-Identifier: MIT */
/* Where templates are: files that are named, the user's folder, and those that are built in. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include "gen/template_internal.h"

#define SUFFIX    ".tmpl"
#define BYTES_MAX ((uint64_t)4 << 20)
#define BUILT_IN  "built in"

static char *user_folder(void)
{
	return proc_config_path("templates");
}

static bool is_path(const char *name)
{
	const size_t n = strlen(name), tail = strlen(SUFFIX);

	return strchr(name, '/') || (n > tail && strcmp(name + n - tail, SUFFIX) == 0);
}

static const struct template_builtin *find_builtin(const char *name)
{
	for (const struct template_builtin *b = template_builtins; b->name; b++)
		if (strcmp(b->name, name) == 0)
			return b;
	return NULL;
}

/* ---- list ---- */

static void add_name(struct template_name **list, size_t *n, size_t *cap, const char *name,
		     size_t len, const char *origin)
{
	ARRAY_ROOM(*list, *n, *cap);
	(*list)[(*n)++] =
		(struct template_name){ .name = mem_dupn(name, len), .origin = mem_dup(origin) };
}

/* By name; of one name the user's first, which hides the other. */
static int compare(const void *a, const void *b)
{
	const struct template_name *x = a, *y = b;
	const int names = strcmp(x->name, y->name);

	return names ? names
		     : (strcmp(x->origin, BUILT_IN) == 0) - (strcmp(y->origin, BUILT_IN) == 0);
}

static int list_folder(struct template_name **list, size_t *n, size_t *cap, struct err *e)
{
	char *folder = user_folder(), **names = NULL;
	size_t count = 0;
	int rc = 0;

	if (!file_absent(folder))
		rc = file_list(folder, &names, &count, e);
	for (size_t i = 0; i < count; i++) {
		const size_t len = strlen(names[i]), tail = strlen(SUFFIX);
		char *path;

		if (len <= tail || strcmp(names[i] + len - tail, SUFFIX) != 0)
			continue;
		path = path_join(folder, names[i]);
		add_name(list, n, cap, names[i], len - tail, path);
		free(path);
	}
	free(names);
	free(folder);
	return rc;
}

int template_list(struct template_name **out, size_t *n, struct err *e)
{
	size_t cap = 0;

	*out = NULL;
	*n = 0;
	if (list_folder(out, n, &cap, e) < 0)
		return -1;
	for (const struct template_builtin *b = template_builtins; b->name; b++)
		add_name(out, n, &cap, b->name, strlen(b->name), BUILT_IN);
	if (*n)
		qsort(*out, *n, sizeof **out, compare);
	for (size_t i = 1; i < *n; i++)
		(*out)[i].shadowed = strcmp((*out)[i].name, (*out)[i - 1].name) == 0;
	return 0;
}

void template_list_free(struct template_name *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].name);
		free(list[i].origin);
	}
	free(list);
}

/* ---- load ---- */

static struct template *load_file(const char *path, struct diags *d)
{
	struct buf text = BUF_INIT;
	struct err e = ERR_INIT;
	struct template *t = NULL;

	if (file_read(path, &text, BYTES_MAX, &e) < 0)
		diag_error(d, path, 0, 0, "%s", errno == ENOENT ? "there is no such file" : e.text);
	else
		t = template_parse(buf_str(&text), text.len, path, d);
	buf_free(&text);
	return t;
}

static struct template *load_builtin(const struct template_builtin *b, struct diags *d)
{
	char *file = mem_printf("%s" SUFFIX, b->name);
	struct template *t = template_parse(b->text, b->len, file, d);

	if (t)
		t->origin = BUILT_IN;
	free(file);
	return t;
}

static void complain_unknown(const char *name, struct diags *d)
{
	struct template_name *list;
	struct buf all = BUF_INIT;
	const char **names, *near;
	size_t n, count = 0;

	if (template_list(&list, &n, NULL) < 0)
		n = 0;
	names = mem_array(n + 1, sizeof *names);
	for (size_t i = 0; i < n; i++) {
		if (list[i].shadowed)
			continue;
		names[count++] = list[i].name;
		buf_printf(&all, "%s%s", all.len ? ", " : "", list[i].name);
	}
	near = text_nearest(name, names, count);
	if (near)
		diag_error(d, name, 0, 0,
			   "there is no template of this name (did you mean '%s'?): there are %s",
			   near, buf_str(&all));
	else
		diag_error(d, name, 0, 0, "there is no template of this name: there are %s",
			   buf_str(&all));
	free(names);
	buf_free(&all);
	template_list_free(list, n);
}

/* The one of this name in the user's folder; NULL: there is none, or it is wrong. */
static struct template *load_users(const char *name, bool *there, struct diags *d)
{
	char *folder = user_folder(), *path = mem_printf("%s/%s" SUFFIX, folder, name);
	struct template *t = NULL;

	*there = !file_absent(path);
	if (*there)
		t = load_file(path, d);
	if (t && strcmp(t->name, name) != 0) {
		diag_error(d, path, 0, 0, "this template calls itself '%s': write 'name: %s'",
			   t->name, name);
		template_free(t);
		t = NULL;
	}
	free(path);
	free(folder);
	return t;
}

struct template *template_load(const char *name, struct diags *d)
{
	const struct template_builtin *b = find_builtin(name);
	struct template *t;
	bool there = false;

	if (is_path(name)) {
		t = load_file(name, d);
	} else {
		t = load_users(name, &there, d);
		if (!there && b)
			t = load_builtin(b, d);
		else if (!there)
			complain_unknown(name, d);
	}
	return t;
}

/* ---- variables of all schedulers ---- */

struct variables {
	const char **items;
	size_t n, cap;
};

static void add_variables(struct variables *v, struct arena *a, const char *const *list)
{
	for (; list && *list; list++) {
		size_t i = 0;

		while (i < v->n && strcmp(v->items[i], *list) != 0)
			i++;
		if (i < v->n)
			continue;
		ARRAY_ROOM(v->items, v->n, v->cap);
		v->items[v->n++] = arena_dup(a, *list);
	}
}

static const char *const *take_list(struct variables *v, struct arena *a)
{
	const char **out = arena_alloc(a, (v->n + 1) * sizeof *out);

	if (v->n)
		memcpy(out, v->items, v->n * sizeof *out);
	free(v->items);
	return out;
}

/* What lives for ever, with the memory that it lives in. */
struct kept {
	struct scheduler_variables lists;
	struct arena *arena;
};

struct all_variables {
	struct arena *arena;
	struct variables cpus, hidden, own, recorded;
};

static void add_template(struct all_variables *v, struct template *t)
{
	if (t) {
		add_variables(&v->cpus, v->arena, t->environment.cpus);
		add_variables(&v->hidden, v->arena, t->environment.hidden);
		add_variables(&v->own, v->arena, t->environment.own);
		add_variables(&v->recorded, v->arena, t->environment.recorded);
	}
	template_free(t);
}

/* Those that are built in, hidden ones too, for what hides them may be wrong; then the user's. */
static void add_all(struct all_variables *v)
{
	struct diags *d = diags_new();
	struct template_name *list;
	size_t n;

	for (const struct template_builtin *b = template_builtins; b->name; b++)
		add_template(v, load_builtin(b, d));
	if (template_list(&list, &n, NULL) == 0) {
		for (size_t i = 0; i < n; i++)
			if (strcmp(list[i].origin, BUILT_IN) != 0)
				add_template(v, load_file(list[i].origin, d));
		template_list_free(list, n);
	}
	diags_free(d);
}

static const struct scheduler_variables *read_variables(void)
{
	struct all_variables v = { .arena = arena_new() };
	struct kept *out = arena_alloc(v.arena, sizeof *out);

	add_all(&v);
	out->lists.cpus = take_list(&v.cpus, v.arena);
	out->lists.hidden = take_list(&v.hidden, v.arena);
	out->lists.own = take_list(&v.own, v.arena);
	out->lists.recorded = take_list(&v.recorded, v.arena);
	out->arena = v.arena;
	return &out->lists;
}

const struct scheduler_variables *template_variables(void)
{
	static const struct scheduler_variables *known;

	if (!known)
		known = read_variables();
	return known;
}

bool variables_have(const char *const *list, const char *name, size_t n)
{
	for (; list && *list; list++) {
		const size_t len = strlen(*list);

		if ((*list)[len - 1] == '*' ? n >= len - 1 && strncmp(name, *list, len - 1) == 0
					    : text_eq(name, n, *list))
			return true;
	}
	return false;
}
