/* SPDX-License-Identifier: MIT */
/* Reading the sites of a site file. All of them are checked, whichever is meant. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "gen/site_internal.h"
#include "gen/task.h"

#define COUNT_MAX 100000000u
#define CPUS_MAX  65536u

const char *site_origin(struct arena *a, const struct node *n)
{
	return arena_printf(a, "%s:%d", path_name(n->origin), n->line);
}

static struct site_text text_of(struct reader *r, const struct node *n, const char *value)
{
	return (struct site_text){ value, site_origin(r->a, n) };
}

static void read_line(struct reader *r, const struct node *map, const char *key,
		      struct site_text *out)
{
	const struct node *n = node_get(map, key);
	const char *value;

	if (n && !ask_line(r, n, key, &value))
		*out = text_of(r, n, value);
}

/* A list of lines, or one. */
static const char **read_lines(struct reader *r, const struct node *n, const char *what,
			       size_t *count)
{
	const size_t most = n->kind == NODE_SEQ ? n->n : 1;
	const char **out = arena_alloc(r->a, (most + 1) * sizeof *out);
	const char *each = arena_printf(r->a, "%s[]", what);

	*count = 0;
	if (n->kind == NODE_MAP) {
		complain_must(r, n, what, "a list of texts");
		return out;
	}
	for (size_t i = 0; i < most; i++) {
		const struct node *item = n->kind == NODE_SEQ ? n->items[i] : n;

		if (!ask_line(r, item, n->kind == NODE_SEQ ? each : what, &out[*count]))
			++*count;
	}
	return out;
}

static void read_options(struct reader *r, const struct node *n, struct site_block *b)
{
	if (!ask_map(r, n, "options"))
		return;
	b->options = arena_alloc(r->a, (n->n + 1) * sizeof *b->options);
	for (size_t i = 0; i < n->n; i++) {
		struct site_option *o = &b->options[b->n_options];
		const struct node *v = n->items[i];

		if (ask_line(r, v, arena_printf(r->a, "options.%s", n->keys[i]->text), &o->value))
			continue;
		o->name = n->keys[i]->text;
		o->pos = (struct pos){ v->origin, n->keys[i]->line, n->keys[i]->col };
		b->n_options++;
	}
}

static void read_wish(struct reader *r, const struct node *n, const char *place,
		      struct shape_wish *w)
{
	const struct node *k;

	if (!ask_map(r, n, "submit"))
		return;
	keys_check(r, n, "sites.*.submit", place);
	if ((k = node_get(n, "slots")) && !ask_count(r, k, "slots", 1, COUNT_MAX, &w->slots))
		w->slots_origin = site_origin(r->a, k);
	if ((k = node_get(n, "elements")) &&
	    !ask_count(r, k, "elements", 1, COUNT_MAX, &w->elements))
		w->elements_origin = site_origin(r->a, k);
	if ((k = node_get(n, "max_running")))
		ask_count(r, k, "max_running", 1, COUNT_MAX, &w->max_running);
	if ((k = node_get(n, "element_time")) &&
	    !ask_duration(r, k, "element_time", &w->element_time))
		w->time_origin = site_origin(r->a, k);
}

/* What a site, a `when` and the finaliser can all say. */
static void read_block(struct reader *r, const struct node *map, const char *place,
		       struct site_block *b)
{
	const struct node *n;

	b->pos = (struct pos){ map->origin, map->line, map->col };
	for (int k = 0; k < SITE_KEY_COUNT; k++)
		read_line(r, map, site_key_names[k], &b->text[k]);
	if ((n = node_get(map, "directives"))) {
		b->directives = read_lines(r, n, "directives", &b->n_directives);
		b->directives_origin = site_origin(r->a, n);
	}
	if ((n = node_get(map, "options")))
		read_options(r, n, b);
	if ((n = node_get(map, "submit")))
		read_wish(r, n, arena_printf(r->a, "%s.submit", place), &b->wish);
}

/* A condition that mixes types is better told now than when somebody submits. */
static void try_when(struct reader *r, const struct node *n, const struct site_block *b)
{
	const struct resources sample = { .cpus = 1, .nodes = 1 };
	struct err e = ERR_INIT;

	if (site_when(b, &sample, &e) < 0)
		COMPLAIN(r, n, "this 'if' cannot be told: %s", e.text);
}

static void read_if(struct reader *r, const struct node *n, struct site_block *b)
{
	struct err e = ERR_INIT;
	size_t at = 0;

	if (!ask_text(r, n, "if"))
		return;
	b->when = expr_compile(n->text, n->len, when_names, WHEN_COUNT, &at, &e);
	if (!b->when && strncmp(e.text, "unknown parameter", 17) == 0)
		err_append(&e, ": 'if' knows cpus, memory, time, gpus, nodes, ranks, gpu_type and "
			       "constraint");
	else if (!b->when && strstr(e.text, "is no number"))
		err_append(&e,
			   ": memory counts in bytes, as in memory > 64 * 1024 ** 3, and time in "
			   "seconds");
	if (!b->when)
		complain_at(r, n, at, e.text);
	else
		try_when(r, n, b);
}

static void read_when(struct reader *r, const struct node *n, const char *place,
		      struct site_block *b)
{
	const struct node *test;
	bool unknown;

	if (!ask_map(r, n, "when[]"))
		return;
	place = arena_printf(r->a, "%s.when", place);
	unknown = keys_check(r, n, "sites.*.when[]", place) != 0;
	read_block(r, n, place, b);
	test = node_get(n, "if");
	if (test)
		read_if(r, test, b);
	else if (!unknown)
		COMPLAIN(r, n, "'if' is missing in %s: it says for which tasks", place);
	if (test && n->n == 1)
		COMPLAIN(r, n, "this 'when' changes nothing: give a partition or the like");
}

static void read_whens(struct reader *r, const struct node *n, const char *place,
		       struct site_def *def)
{
	if (!ask_list(r, n, "when"))
		return;
	def->whens = arena_alloc(r->a, (n->n + 1) * sizeof *def->whens);
	for (size_t i = 0; i < n->n; i++)
		read_when(r, n->items[i], place, &def->whens[def->n_whens++]);
}

/* Words of a launcher: a list, or a text that is cut at its blanks. */
static void read_launch(struct reader *r, const struct node *n, struct site_def *def)
{
	struct err e = ERR_INIT;
	const char *line, **words;
	size_t count = 0;

	if (n->kind == NODE_SEQ) {
		words = read_lines(r, n, "launch", &count);
	} else {
		if (ask_line(r, n, "launch", &line))
			return;
		if (strpbrk(line, "'\"\\")) {
			COMPLAIN(r, n, "'launch' is no line for a shell: write a list of words");
			return;
		}
		words = arena_alloc(r->a, (n->len + 2) * sizeof *words);
		for (line += strspn(line, " "); *line; line += strspn(line, " ")) {
			const size_t len = strcspn(line, " ");

			words[count++] = arena_dupn(r->a, line, len);
			line += len;
		}
	}
	if (!count && n->kind == NODE_SEQ && !n->n)
		COMPLAIN(r, n, "'launch' is empty: leave it out for that of the template");
	for (size_t i = 0; i < count; i++)
		if (launch_check_word(words[i], &e) < 0)
			COMPLAIN(r, n, "'launch': %s", e.text);
	words[count] = NULL;
	def->launch = words;
}

/* A folder, which may begin with a variable. */
static void read_folder(struct reader *r, const struct node *map, const char *key,
			struct site_text *out)
{
	const struct node *n = node_get(map, key);

	read_line(r, map, key, out);
	if (out->value && out->value[0] != '/' && out->value[0] != '$' &&
	    strncmp(out->value, "~/", 2) != 0) {
		COMPLAIN(r, n, "'%s' must be an absolute path, or begin with a variable, not '%s'",
			 key, shown(r, n->text, n->len));
		*out = (struct site_text){ NULL, NULL };
	}
}

static void read_scheduler(struct reader *r, const struct node *map, struct site_def *def)
{
	const struct node *sched = node_get(map, "scheduler"), *tmpl = node_get(map, "template");
	const size_t len = sched && sched->kind == NODE_SCALAR ? sched->len : 0;

	read_line(r, map, "scheduler", &def->scheduler);
	read_line(r, map, "template", &def->template);
	if (sched && tmpl)
		COMPLAIN(
			r, key_node(map, "template"),
			"'scheduler' and 'template' exclude each other: the first names a template, "
			"the second its file");
	else if (len && (strchr(sched->text, '/') ||
			 (len > 5 && strcmp(sched->text + len - 5, ".tmpl") == 0)))
		COMPLAIN(r, sched, "'scheduler' is a name: write 'template: %s' for a file",
			 shown(r, sched->text, len));
	if (tmpl)
		def->template_pos = (struct pos){ tmpl->origin, tmpl->line, tmpl->col };
}

static void read_limits(struct reader *r, const struct node *n, const char *place,
			struct site_def *def)
{
	const struct node *k;

	if (!ask_map(r, n, "limits"))
		return;
	keys_check(r, n, "sites.*.limits", arena_printf(r->a, "%s.limits", place));
	if ((k = node_get(n, "time")) && !ask_duration(r, k, "time", &def->most_time))
		def->time_origin = site_origin(r->a, k);
	if ((k = node_get(n, "elements")) &&
	    !ask_count(r, k, "elements", 1, COUNT_MAX, &def->most_elements))
		def->elements_origin = site_origin(r->a, k);
}

/* `false`, or a mapping. */
static void read_finaliser(struct reader *r, const struct node *n, const char *place,
			   struct site_def *def)
{
	struct resources *job = &def->job;
	const struct node *k;
	bool on;

	if (n->kind == NODE_SCALAR && !node_is_null(n)) {
		if (value_type_of(n->text, n->len) != VALUE_BOOL || n->quoted)
			complain_must(r, n, "finaliser", "a mapping or false");
		else if (ask_true(r, n, "finaliser", &on))
			def->no_finaliser = !on;
		return;
	}
	if (!ask_map(r, n, "finaliser"))
		return;
	place = arena_printf(r->a, "%s.finaliser", place);
	keys_check(r, n, "sites.*.finaliser", place);
	read_block(r, n, place, &def->finaliser);
	if ((k = node_get(n, "cpus")) && !ask_count(r, k, "cpus", 1, CPUS_MAX, &job->cpus))
		job->set |= RES_CPUS;
	if ((k = node_get(n, "memory")) && !ask_size(r, k, "memory", &job->memory))
		job->set |= RES_MEMORY;
	if ((k = node_get(n, "time")) && !ask_duration(r, k, "time", &job->time_s))
		job->set |= RES_TIME;
}

/* What workers run in, and how their beginning is spread. */
static void read_workers(struct reader *r, const struct node *map, struct site_def *def)
{
	static const char *const whose[] = { "submitter", SITE_ENVIRONMENT_NODE };
	const struct node *n = node_get(map, "environment");
	int k = n ? ask_choice(r, n, "environment", whose, sizeof whose / sizeof *whose) : -1;

	if (k >= 0)
		def->environment = text_of(r, n, whose[k]);
	n = node_get(map, "start_spread");
	if (!n)
		return;
	if (n->kind != NODE_SCALAR || !text_duration(n->text, n->len, &def->spread_s) ||
	    def->spread_s > START_SPREAD_MAX)
		complain_must(r, n, "start_spread",
			      "a duration of at most a day, as in 10s or 1m, or 0 for none");
	else
		def->start_spread = text_of(r, n, n->text);
}

static void read_site(struct reader *r, const struct node *n, struct site_def *def)
{
	const char *place = arena_printf(r->a, "sites.%s", def->name);
	const struct node *k;

	if (!ask_map(r, n, place))
		return;
	def->node = n;
	keys_check(r, n, "sites.*", place);
	if ((k = node_get(n, "hosts")))
		def->hosts = read_lines(r, k, "hosts", &def->n_hosts);
	read_scheduler(r, n, def);
	read_block(r, n, place, &def->plain);
	if ((k = node_get(n, "launch")))
		read_launch(r, k, def);
	read_folder(r, n, "runs", &def->runs);
	if ((k = node_get(n, "runs")))
		def->runs_pos = (struct pos){ k->origin, k->line, k->col };
	read_folder(r, n, "scratch", &def->scratch);
	if ((k = node_get(n, "setup")) && ask_text(r, k, "setup"))
		def->setup = text_of(r, k, k->text);
	read_workers(r, n, def);
	if ((k = node_get(n, "limits")))
		read_limits(r, k, place, def);
	if ((k = node_get(n, "finaliser")))
		read_finaliser(r, k, place, def);
	if ((k = node_get(n, "when")))
		read_whens(r, k, place, def);
}

static bool is_site_name(const char *s)
{
	static const char all[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	return *s && !strchr("._-", *s) && !s[strspn(s, all)];
}

static void read_default(struct reader *r, const struct site *s)
{
	const struct node *n = node_get(r->root, "default");
	const char *near;

	if (!n || !ask_text(r, n, "default"))
		return;
	for (size_t i = 0; i < s->n_defs; i++)
		if (strcmp(s->names[i], n->text) == 0)
			return;
	near = text_nearest(n->text, s->names, s->n_defs);
	if (near)
		COMPLAIN(r, n, "'default' names no site of this file: '%s' (did you mean '%s'?)",
			 shown(r, n->text, n->len), near);
	else
		COMPLAIN(r, n, "'default' names no site of this file: '%s'",
			 shown(r, n->text, n->len));
}

void site_read(struct reader *r, struct site *s)
{
	const bool unknown = keys_check(r, r->root, "", "") != 0;
	const struct node *map = node_get(r->root, "sites");

	if (!map && !unknown)
		COMPLAIN(r, r->root, "'sites' is missing: write sites: {NAME: {...}}");
	if (!map || !ask_map(r, map, "sites"))
		return;
	s->defs = arena_alloc(r->a, (map->n + 1) * sizeof *s->defs);
	s->names = arena_alloc(r->a, (map->n + 1) * sizeof *s->names);
	for (size_t i = 0; i < map->n; i++) {
		const struct node *key = map->keys[i];

		if (!is_site_name(key->text))
			COMPLAIN(
				r, key,
				"'%s' is no name for a site: letters, digits, '.', '_' and '-', the "
				"first a letter or digit",
				shown(r, key->text, key->len));
		else if (strcmp(key->text, SITE_NONE) == 0)
			COMPLAIN(r, key, "'%s' means no site: choose another name", SITE_NONE);
		s->names[s->n_defs] = s->defs[s->n_defs].name = key->text;
		read_site(r, map->items[i], &s->defs[s->n_defs++]);
	}
	read_default(r, s);
}
