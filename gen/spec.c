/* SPDX-License-Identifier: MIT */
/* Reading a spec, step by step; every step adds what it finds wrong, so that all of it is shown at
 * once. */
#include "gen/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fetch.h"
#include "base/file.h"
#include "base/text.h"
#include "gen/spec_internal.h"

#define NAME_MAX_LEN  64u
#define VERSION_KNOWN "1"

static const char *origin_of(const struct reader *r)
{
	return r->o->origin ? r->o->origin : r->s->path;
}

static int read_text(struct reader *r)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	struct stat st = { 0 };
	int rc = 0;

	if (stat(r->s->path, &st) && errno == ENOENT)
		return diag_error(r->d, origin_of(r), 0, 0, "there is no such file");
	if (st.st_size > YAML_BYTES_MAX)
		return diag_error(r->d, origin_of(r), 0, 0,
				  "too large for a spec: more than %u MiB", YAML_BYTES_MAX >> 20);
	if (file_read(r->s->path, &b, YAML_BYTES_MAX, &e))
		rc = diag_error(r->d, origin_of(r), 0, 0, "%s", e.text);
	r->s->text = arena_dupn(r->a, buf_str(&b), b.len);
	r->s->text_len = b.len;
	buf_free(&b);
	return rc;
}

/* --set KEY=VALUE, in their order. */
static int apply_sets(struct reader *r, struct node *root)
{
	const char **kept = arena_alloc(r->a, (r->o->n_sets + 1) * sizeof *kept);
	int rc = 0;

	for (size_t i = 0; i < r->o->n_sets; i++) {
		const char *set = kept[i] = arena_dup(r->a, r->o->sets[i]);
		const char *equals = strchr(set, '=');

		if (!equals)
			rc = diag_error(r->d, arena_printf(r->a, "--set %s", set), 0, 0,
					"there is no '=' in it: write KEY=VALUE, as in "
					"resources.memory=4G");
		else if (yaml_set(r->a, root, arena_dupn(r->a, set, (size_t)(equals - set)),
				  equals + 1, r->d))
			rc = -1;
	}
	r->s->sets = r->sets = kept;
	r->s->n_sets = r->o->n_sets;
	return rc;
}

static int read_tree(struct reader *r)
{
	struct node *root = yaml_parse(r->a, r->s->text, r->s->text_len, origin_of(r), r->d);

	if (!root)
		return -1;
	if (root->kind != NODE_MAP)
		return COMPLAIN(
			r, root,
			"a spec is a mapping of keys to values, not %s: it begins with 'ppgen: 1'",
			node_kind_name(root));
	if (apply_sets(r, root))
		return -1;
	r->root = r->s->root = root;
	return 0;
}

static void check_version(struct reader *r)
{
	const struct node *n = node_get(r->root, "ppgen");

	if (!n)
		diag_error(r->d, origin_of(r), 1, 1,
			   "'ppgen: %s' is missing: a spec begins with the version of its format",
			   VERSION_KNOWN);
	else if (n->kind != NODE_SCALAR || !text_eq(n->text, n->len, VERSION_KNOWN))
		COMPLAIN(r, n, "this version of ppgen knows the format '%s', not %s", VERSION_KNOWN,
			 n->kind == NODE_SCALAR
				 ? arena_printf(r->a, "'%s'", shown(r, n->text, n->len))
				 : node_kind_name(n));
}

/* [A-Za-z0-9][A-Za-z0-9._-]*, at most 64. */
static bool is_run_name(const char *s)
{
	const char *const all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	return *s && !strchr("._-", *s) && !s[strspn(s, all)] && strlen(s) <= NAME_MAX_LEN;
}

static void read_name(struct reader *r)
{
	static const char rule[] =
		"letters, digits, '.', '_' and '-', the first a letter or digit, at most 64";
	const struct node *n = node_get(r->root, "name");
	const char *file = path_name(origin_of(r)), *dot = strrchr(file, '.');

	if (n && !ask_text(r, n, "name"))
		return;
	r->s->name =
		n ? n->text
		  : arena_dupn(r->a, file, dot && dot > file ? (size_t)(dot - file) : strlen(file));
	if (is_run_name(r->s->name))
		return;
	if (n)
		COMPLAIN(r, n, "'%s' is no name: %s", shown(r, n->text, n->len), rule);
	else
		diag_error(r->d, origin_of(r), 1, 1,
			   "the file's stem '%s' is no name: give 'name:' with %s",
			   shown(r, r->s->name, strlen(r->s->name)), rule);
}

static void read_dir(struct reader *r)
{
	char *dir, *whole;

	if (r->o->dir) {
		r->s->dir = arena_dup(r->a, r->o->dir);
		return;
	}
	dir = path_dir(r->s->path);
	whole = path_absolute(dir);
	r->s->dir = arena_dup(r->a, whole);
	free(whole);
	free(dir);
}

/* Collects what may be parameters from params that are wrong: every key, and every {name} of a
 * text. */
static void guess_names(struct reader *r, const struct node *n, const char **names, size_t *count,
			size_t most)
{
	for (size_t i = 0; i < n->n; i++) {
		const struct node *v = n->items[i];

		if (n->kind == NODE_MAP) {
			if (*count < most)
				names[(*count)++] = n->keys[i]->text;
			if (strcmp(n->keys[i]->text, "table") == 0)
				r->names_open = true;
		}
		guess_names(r, v, names, count, most);
	}
	for (const char *p = n->kind == NODE_SCALAR ? strchr(n->text, '{') : NULL; p;
	     p = strchr(p + 1, '{'))
		if (*count < most)
			names[(*count)++] = arena_dupn(r->a, p + 1, strcspn(p + 1, "}"));
}

static void names_from_tree(struct reader *r)
{
	const size_t most = 10000;
	const char **names = arena_alloc(r->a, (most + 2) * sizeof *names);
	const struct node *params = node_get(r->root, "params");
	size_t n = 0;

	if (params)
		guess_names(r, params, names, &n, most);
	names[n++] = "rep";
	names[n++] = "line";
	r->names = names;
	r->n_names = n;
}

static void read_space(struct reader *r)
{
	const struct space_source src = { .root = r->root,
					  .dir = r->s->dir,
					  .fetched = r->o->fetched,
					  .points_most = r->o->points_most };
	struct err e = ERR_INIT;

	if (r->o->frozen) {
		r->s->space = space_load(r->o->frozen, &e);
		if (!r->s->space)
			diag_error(r->d, origin_of(r), 0, 0, "%s", e.text);
	} else {
		r->s->space = space_new(&src, r->d);
	}
	if (!r->s->space) {
		names_from_tree(r);
		return;
	}
	r->names = space_name_list(r->s->space);
	r->n_names = space_names(r->s->space);
}

/* An override whose `where` mixes types is better told now than when its first task starts: tried
 * on the ends. */
static void try_overrides(struct reader *r)
{
	const struct space *space = r->s->space;
	const uint64_t count = space ? space_count(space) : 0;
	struct point p;

	if (!count)
		return;
	point_init(&p, space);
	for (size_t i = 0; i < r->s->n_overrides; i++) {
		const struct override *o = &r->s->overrides[i];
		struct err e = ERR_INIT;

		if (!o->where)
			continue;
		space_point(space, 0, &p);
		if (expr_test(o->where, p.values, &e) >= 0) {
			space_point(space, count - 1, &p);
			expr_test(o->where, p.values, &e);
		}
		if (err_is(&e))
			diag_error(r->d, o->pos.origin, o->pos.line, o->pos.col,
				   "this 'where' cannot be told: %s", e.text);
	}
	point_free(&p);
}

/* Where a line begins; lines count from 1 and end as YAML has it. */
static size_t line_start(const char *text, size_t len, int line)
{
	size_t i = 0;

	for (; line > 1 && i < len; i++)
		line -= text[i] == '\n' || (text[i] == '\r' && text[i + 1] != '\n');
	return i;
}

/* Strikes what is secret in a url out of the text that it stands in, from byte `from` on. */
static const char *strike(struct arena *a, const char *text, size_t *len, size_t from,
			  const char *url)
{
	const size_t n = strlen(url);
	const char *at = memmem(text + from, *len - from, url, n), *struck = text;
	char *shown = fetch_url_public(url);
	struct buf b = BUF_INIT;

	if (at && strcmp(shown, url) != 0) {
		buf_add(&b, text, (size_t)(at - text));
		buf_puts(&b, shown);
		buf_add(&b, at + n, *len - (size_t)(at - text) - n);
		*len = b.len;
		struck = arena_dupn(a, b.data, b.len);
		buf_free(&b);
	}
	free(shown);
	return struck;
}

/* Strikes the secrets of the urls that stand in a spec's text (those of --set have no line). */
static void strike_text(struct arena *a, const struct node *const *urls, size_t n,
			const char **text, size_t *len)
{
	for (size_t i = 0; i < n; i++)
		if (urls[i]->line)
			*text = strike(a, *text, len, line_start(*text, *len, urls[i]->line),
				       urls[i]->text);
}

/* The urls of inputs and tables. */
static const struct node **find_urls(struct arena *a, const struct node *root, size_t *n)
{
	const struct node *inputs = node_get(root, "inputs");
	const struct node *table = node_get(node_get(root, "params"), "table");
	const size_t most = (inputs ? inputs->n : 0) + (table ? table->n : 0) + 1;
	const struct node **urls = arena_alloc(a, most * sizeof *urls), *url;

	*n = 0;
	for (size_t i = 0; inputs && i < inputs->n; i++)
		if ((url = node_get(inputs->items[i], "url")))
			urls[(*n)++] = url;
	if ((url = node_get(table, "url")))
		urls[(*n)++] = url;
	for (size_t i = 0; table && table->kind == NODE_SEQ && i < table->n; i++)
		if ((url = node_get(table->items[i], "url")))
			urls[(*n)++] = url;
	return urls;
}

/*
 * The spec's text and what --set says are kept with the plan, which others may read: passwords and
 * tokens in urls are left out of them. What fetches has them still.
 */
static void strike_secrets(struct reader *r)
{
	size_t n;
	const struct node **urls = find_urls(r->a, r->root, &n);

	strike_text(r->a, urls, n, &r->s->text, &r->s->text_len);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; !urls[i]->line && k < r->s->n_sets; k++) {
			size_t len = strlen(r->sets[k]);

			r->sets[k] = strike(r->a, r->sets[k], &len, 0, urls[i]->text);
		}
}

bool spec_has_text(const struct spec *s, const char *text, size_t len)
{
	struct arena *a = arena_new();
	struct diags *d = diags_new();
	const struct node *root = yaml_parse(a, text, len, s->path, d), **urls;
	size_t n;
	bool same;

	if (root) {
		urls = find_urls(a, root, &n);
		strike_text(a, urls, n, &text, &len);
	}
	same = len == s->text_len && memcmp(text, s->text, len) == 0;
	diags_free(d);
	arena_free(a);
	return same;
}

static void read_all(struct reader *r)
{
	if (read_text(r) || read_tree(r))
		return;
	r->top_unknown = keys_check(r, r->root, "", "") != 0;
	check_version(r);
	read_name(r);
	read_dir(r);
	read_space(r);
	read_start(r);
	read_resources(r);
	read_submit(r);
	read_results(r);
	read_collect(r);
	try_overrides(r);
}

struct spec *spec_read(const char *path, const struct spec_options *o, struct diags *d)
{
	static const struct spec_options none = { 0 };
	const size_t before = diags_errors(d);
	struct arena *a = arena_new();
	struct spec *s = arena_alloc(a, sizeof *s);
	struct reader r = {
		.s = s, .a = a, .d = d, .o = o ? o : &none, .keys = spec_keys, .advice = spec_advice
	};

	s->arena = a;
	s->path = arena_dup(a, path);
	s->max_failures = -1;
	read_all(&r);
	free(r.columns);
	if (diags_errors(d) > before) {
		spec_free(s);
		return NULL;
	}
	strike_secrets(&r);
	return s;
}

void spec_free(struct spec *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_overrides; i++)
		expr_free((struct expr *)s->overrides[i].where);
	space_free(s->space);
	arena_free(s->arena);
}

/* Whether a text has a placeholder, or the name of the variable that holds the same. */
static bool names_special(const struct ptext *t, enum special which, const char *variable)
{
	return t && (ptext_uses_special(t, which) || strstr(ptext_source(t), variable));
}

static bool uses_special(const struct spec *s, enum special which, const char *variable)
{
	for (size_t i = 0; i < s->command.n; i++)
		if (names_special(s->command.items[i], which, variable))
			return true;
	for (size_t i = 0; i < s->n_env; i++)
		if (names_special(s->env[i].value, which, variable))
			return true;
	for (size_t i = 0; i < s->results.n_files; i++)
		if (names_special(s->results.files[i].path, which, variable))
			return true;
	return names_special(s->workdir, which, variable) ||
	       (s->shell && strstr(s->shell, variable));
}

bool spec_uses_scratch(const struct spec *s)
{
	return uses_special(s, SPECIAL_SCRATCH, "PPGEN_SCRATCH");
}

bool spec_uses_keep(const struct spec *s)
{
	return uses_special(s, SPECIAL_KEEP, "PPGEN_KEEP");
}

bool spec_uses_launch(const struct spec *s)
{
	return uses_special(s, SPECIAL_LAUNCH, "PPGEN_LAUNCH");
}

char *spec_folder(const struct spec *s)
{
	struct buf text = BUF_INIT;
	char *folder;

	if (s->workdir && ptext_is_constant(s->workdir))
		ptext_fill(s->workdir, NULL, NULL, &text, NULL);
	folder = text.len ? path_join(s->dir, text.data) : mem_dup(s->dir);
	buf_free(&text);
	return folder;
}
