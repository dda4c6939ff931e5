/* SPDX-License-Identifier: MIT */
/* The front matter of a template: the facts of a scheduler. */
#include <string.h>

#include "base/text.h"
#include "gen/task.h"
#include "gen/template_front.h"

#define NAME_LENGTHS_MAX 4096u
#define INDEX_MAX        1000000000u
#define ORDINARY         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* clang-format off */
#define KEY(path) { path, NULL, NULL, "", 0 }
static const struct key template_keys[] = {
	KEY("template"), KEY("name"), KEY("about"),
	KEY("detect"), KEY("detect.run"), KEY("detect.match"),
	KEY("submit"), KEY("submit.run"), KEY("submit.test"), KEY("submit.computed"), KEY("submit.hold"), KEY("submit.after"), KEY("submit.id"),
	KEY("release"), KEY("cancel"),
	KEY("ask"), KEY("ask[].run"), KEY("ask[].match"), KEY("ask[].only_if"), KEY("ask[].lags"),
	KEY("find"), KEY("find.run"), KEY("find.match"), KEY("find.only_if"),
	KEY("states"),
	KEY("limits"), KEY("limits[].of"), KEY("limits[].run"), KEY("limits[].match"), KEY("limits[].less"),
	KEY("array"), KEY("array.first"), KEY("array.least"),
	KEY("job_name"), KEY("job_name.most"), KEY("job_name.allowed"), KEY("job_name.letter_first"),
	KEY("launch"),
	KEY("environment"), KEY("environment.cpus"), KEY("environment.hidden"), KEY("environment.own"),
	KEY("environment.recorded"), KEY("environment.ends"),
	KEY("script"), KEY("script.directive"), KEY("script.forbidden"),
	KEY("options"), KEY("options.*"), KEY("options.*.default"), KEY("options.*.help"),
	{ NULL, NULL, NULL, NULL, 0 },
};
/* clang-format on */

static const char *advice(const char *path, const char *name)
{
	static const struct {
		const char *key, *advice;
	} rows[] = {
		{ "state", "write 'states'" },
		{ "command", "write 'run', a list of words" },
		{ "cmd", "write 'run', a list of words" },
		{ "regex", "write 'match'" },
		{ "pattern", "write 'match'" },
		{ "env", "write 'environment'" },
		{ "description", "write 'about'" },
		{ "version", "write 'template: 1'" },
	};

	(void)path;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].key, name) == 0)
			return rows[i].advice;
	return NULL;
}

/* ---- pieces that occur again and again ---- */

/* A fact that must be there; NULL when it is not. where: "" or "submit". */
const struct node *front_fact(struct front *f, const struct node *map, const char *where,
			      const char *key)
{
	const struct node *n = node_get(map, key);

	if (!n)
		COMPLAIN(&f->r, map, "the fact '%s%s%s' is missing", where, *where ? "." : "", key);
	return n;
}

void front_text(struct front *f, const struct node *map, const char *where, const char *key,
		const char **out)
{
	const struct node *n = front_fact(f, map, where, key);

	if (n && ask_text(&f->r, n, key))
		*out = n->text;
}

/* A pattern, and the groups that it must have (ending with NULL). */
struct pattern *front_pattern(struct front *f, const struct node *n, const char *what,
			      const char *const *groups)
{
	struct err e = ERR_INIT;
	struct pattern *p;

	if (!ask_text(&f->r, n, what))
		return NULL;
	p = pattern_new(n->text, &e);
	if (!p) {
		COMPLAIN(&f->r, n, "'%s' is no pattern: %s", what, e.text);
		return NULL;
	}
	for (; groups && *groups; groups++)
		if (!pattern_has_group(p, *groups))
			COMPLAIN(&f->r, n, "'%s' has no group '%s': write (?<%s>...)", what,
				 *groups, *groups);
	return p;
}

/* A list of texts that ends with NULL. */
static const char *const *read_texts(struct front *f, const struct node *n, const char *what)
{
	const char *each = arena_printf(f->r.a, "%s[]", what);
	const char **out;

	if (!ask_list(&f->r, n, what))
		return arena_alloc(f->r.a, sizeof *out);
	out = arena_alloc(f->r.a, (n->n + 1) * sizeof *out);
	for (size_t i = 0, k = 0; i < n->n; i++)
		if (ask_text(&f->r, n->items[i], each))
			out[k++] = n->items[i]->text;
	return out;
}

/* ---- the facts, each with its function ---- */

static void read_head(struct front *f, const struct node *root)
{
	const struct node *n = front_fact(f, root, "", "template");

	if (n && (n->kind != NODE_SCALAR || !text_eq(n->text, n->len, "1")))
		complain_must(&f->r, n, "template",
			      "1, the version of templates that this ppgen knows");
	n = front_fact(f, root, "", "name");
	if (n && ask_text(&f->r, n, "name")) {
		if (!n->len || n->text[strspn(n->text, ORDINARY "._-")] || *n->text == '.')
			COMPLAIN(&f->r, n, "'%s' is no name: letters, digits, '.', '_' and '-'",
				 shown(&f->r, n->text, n->len));
		f->t->name = n->text;
	}
	front_text(f, root, "", "about", &f->t->about);
}

static void read_array(struct front *f, const struct node *root)
{
	const struct node *map = front_fact(f, root, "", "array"), *n;

	f->t->array_least = 1;
	if (!map || !ask_map(&f->r, map, "array"))
		return;
	keys_check(&f->r, map, "array", "array");
	if ((n = front_fact(f, map, "array", "first")))
		ask_count(&f->r, n, "first", 0, 1, &f->t->array_first);
	if ((n = node_get(map, "least")))
		ask_count(&f->r, n, "least", 1, INDEX_MAX, &f->t->array_least);
}

static void read_job_name(struct front *f, const struct node *root)
{
	const struct node *map = front_fact(f, root, "", "job_name"), *n;

	if (!map || !ask_map(&f->r, map, "job_name"))
		return;
	keys_check(&f->r, map, "job_name", "job_name");
	if ((n = front_fact(f, map, "job_name", "most")))
		ask_count(&f->r, n, "most", 12, NAME_LENGTHS_MAX, &f->t->job_name.most);
	if ((n = front_fact(f, map, "job_name", "allowed")) && ask_text(&f->r, n, "allowed")) {
		f->t->job_name.allowed = n->text;
		if (!strchr(n->text, '_'))
			COMPLAIN(&f->r, n,
				 "'allowed' must hold '_', which takes the place of what is not");
	}
	if ((n = node_get(map, "letter_first")))
		ask_true(&f->r, n, "letter_first", &f->t->job_name.letter_first);
}

static void read_launch(struct front *f, const struct node *root)
{
	const struct node *n = front_fact(f, root, "", "launch");

	if (!n)
		return;
	f->t->launch = read_texts(f, n, "launch");
	for (size_t i = 0; n->kind == NODE_SEQ && i < n->n; i++) {
		struct err e = ERR_INIT;

		if (n->items[i]->kind == NODE_SCALAR &&
		    launch_check_word(n->items[i]->text, &e) < 0)
			COMPLAIN(&f->r, n->items[i], "%s", e.text);
	}
	if (n->kind == NODE_SEQ && !n->n)
		COMPLAIN(&f->r, n, "'launch' is empty");
}

/* Names of variables; a star may end one. */
static const char *const *read_variables(struct front *f, const struct node *map, const char *key,
					 bool needed)
{
	const struct node *n = needed ? front_fact(f, map, "environment", key) : node_get(map, key);

	if (!n)
		return arena_alloc(f->r.a, sizeof(char *));
	for (size_t i = 0; n->kind == NODE_SEQ && i < n->n; i++) {
		const struct node *v = n->items[i];
		const size_t len = v->kind == NODE_SCALAR ? strspn(v->text, ORDINARY "_") : 0;

		if (v->kind == NODE_SCALAR &&
		    (!len || strcmp(v->text + len + (v->text[len] == '*'), "")))
			COMPLAIN(&f->r, v,
				 "'%s' is no name of an environment variable (a '*' may end it)",
				 shown(&f->r, v->text, v->len));
	}
	return read_texts(f, n, key);
}

static void read_environment(struct front *f, const struct node *root)
{
	const struct node *map = front_fact(f, root, "", "environment"), *n;
	struct template *t = f->t;

	if (!map || !ask_map(&f->r, map, "environment"))
		return;
	keys_check(&f->r, map, "environment", "environment");
	t->environment.cpus = read_variables(f, map, "cpus", false);
	t->environment.hidden = read_variables(f, map, "hidden", true);
	t->environment.own = read_variables(f, map, "own", true);
	t->environment.recorded = read_variables(f, map, "recorded", false);
	if ((n = node_get(map, "ends")) && ask_text(&f->r, n, "ends"))
		t->environment.ends = n->text;
}

static void read_script(struct front *f, const struct node *root)
{
	const struct node *map = front_fact(f, root, "", "script"), *n;
	struct template_private *p = f->t->priv;

	if (!map || !ask_map(&f->r, map, "script"))
		return;
	keys_check(&f->r, map, "script", "script");
	front_text(f, map, "script", "directive", &p->directive);
	if (p->directive && *p->directive != '#')
		COMPLAIN(&f->r, map,
			 "'directive' must begin with '#': it is a comment for the shell");
	if ((n = node_get(map, "forbidden"))) {
		p->no_go = front_pattern(f, n, "forbidden", NULL);
		p->forbidden = n->text;
	}
}

static void read_option(struct front *f, const struct node *key, const struct node *map,
			struct template_option *o)
{
	const char *what = arena_printf(f->r.a, "options.%s", shown(&f->r, key->text, key->len));
	const struct node *n;

	o->name = key->text;
	if (!is_identifier(key->text))
		COMPLAIN(&f->r, key, "'%s' is no name for an option: letters, digits and '_'",
			 shown(&f->r, key->text, key->len));
	if (!ask_map(&f->r, map, what))
		return;
	keys_check(&f->r, map, "options.*", what);
	if ((n = front_fact(f, map, what, "help")) && ask_text(&f->r, n, "help"))
		o->help = n->text;
	if ((n = node_get(map, "default")) && ask_text(&f->r, n, "default"))
		o->fallback = n->text;
}

static void read_options(struct front *f, const struct node *root)
{
	const struct node *map = node_get(root, "options");

	if (!map || !ask_map(&f->r, map, "options"))
		return;
	f->t->options = arena_alloc(f->r.a, (map->n + 1) * sizeof *f->t->options);
	for (size_t i = 0; i < map->n; i++)
		read_option(f, map->keys[i], map->items[i], &f->t->options[f->t->n_options++]);
}

void template_read_front(struct template *t, const char *front, size_t len, struct diags *d)
{
	struct front f = {
		.t = t,
		.r = { .a = t->priv->arena, .d = d, .keys = template_keys, .advice = advice },
	};
	const struct node *root = yaml_parse(f.r.a, front, len, t->priv->file, d);

	if (!root)
		return;
	if (root->kind != NODE_MAP) {
		COMPLAIN(&f.r, root, "the front matter is a mapping of facts, not %s",
			 node_kind_name(root));
		return;
	}
	f.r.root = root;
	keys_check(&f.r, root, "", "");
	read_head(&f, root);
	read_options(&f, root); /* the commands may name them */
	front_detect(&f, root);
	front_submit(&f, root);
	front_release(&f, root);
	front_asks(&f, root);
	front_states(&f, root);
	front_limits(&f, root);
	read_array(&f, root);
	read_job_name(&f, root);
	read_launch(&f, root);
	read_environment(&f, root);
	read_script(&f, root);
}
