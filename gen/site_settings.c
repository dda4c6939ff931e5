/* SPDX-License-Identifier: MIT */
/* What a site says of a class of tasks: plain keys, then every `when` that holds, in their order,
 * then, of the finaliser, its own. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "gen/site_internal.h"

#define FINALISER_MEMORY (UINT64_C(2) << 30)
#define FINALISER_TIME   UINT64_C(3600)
#define VALUE_SHOWN      500

const char *const when_names[WHEN_COUNT] = {
	[WHEN_CPUS] = "cpus",         [WHEN_MEMORY] = "memory",         [WHEN_TIME] = "time",
	[WHEN_GPUS] = "gpus",         [WHEN_NODES] = "nodes",           [WHEN_RANKS] = "ranks",
	[WHEN_GPU_TYPE] = "gpu_type", [WHEN_CONSTRAINT] = "constraint",
};

static struct operand number(uint64_t n)
{
	return (struct operand){ .type = VALUE_NUMBER, .number = (double)n };
}

static struct operand text(const char *s)
{
	s = s ? s : "";
	return (struct operand){ .type = VALUE_STRING, .text = s, .len = strlen(s) };
}

int site_when(const struct site_block *b, const struct resources *res, struct err *e)
{
	const struct operand values[WHEN_COUNT] = {
		[WHEN_CPUS] = number(res->cpus),
		[WHEN_MEMORY] = number(res->memory),
		[WHEN_TIME] = number(res->time_s),
		[WHEN_GPUS] = number(res->gpus),
		[WHEN_NODES] = number(res->nodes ? res->nodes : 1),
		[WHEN_RANKS] = number(res->ranks),
		[WHEN_GPU_TYPE] = text(res->gpu_type),
		[WHEN_CONSTRAINT] = text(res->constraint),
	};
	const struct operand *operands[WHEN_COUNT];

	for (int k = 0; k < WHEN_COUNT; k++)
		operands[k] = &values[k];
	return b->when ? expr_test_operands(b->when, operands, e) : 1;
}

static void apply(const struct site_block *b, struct site_settings *out)
{
	const struct shape_wish *w = &b->wish;

	for (int k = 0; k < SITE_KEY_COUNT; k++)
		if (b->text[k].value)
			out->text[k] = b->text[k];
	if (b->directives_origin) {
		out->directives = b->directives;
		out->n_directives = b->n_directives;
		out->directives_origin = b->directives_origin;
	}
	if (w->slots) {
		out->wish.slots = w->slots;
		out->wish.slots_origin = w->slots_origin;
	}
	if (w->elements) {
		out->wish.elements = w->elements;
		out->wish.elements_origin = w->elements_origin;
	}
	if (w->max_running)
		out->wish.max_running = w->max_running;
	if (w->element_time) {
		out->wish.element_time = w->element_time;
		out->wish.time_origin = w->time_origin;
	}
}

static int complain_option(const struct template *t, const struct site_option *o, struct err *e)
{
	const char **all = mem_array(t->n_options + 1, sizeof *all);
	const char *near;

	for (size_t i = 0; i < t->n_options; i++)
		all[i] = t->options[i].name;
	near = text_nearest(o->name, all, t->n_options);
	free(all);
	if (near)
		return err_bad(e, "%s:%d:%d: template '%s' has no option '%s' (did you mean '%s'?)",
			       o->pos.origin, o->pos.line, o->pos.col, t->name, o->name, near);
	return err_bad(e,
		       "%s:%d:%d: template '%s' has no option '%s': `ppgen template show %s` lists "
		       "them",
		       o->pos.origin, o->pos.line, o->pos.col, t->name, o->name, t->name);
}

/* All options of a block must be the template's, whether it holds or not. */
static int take_options(const struct template *t, const struct site_block *b, bool holds,
			const char **options, struct err *e)
{
	for (size_t i = 0; i < b->n_options; i++) {
		size_t k = 0;

		while (k < t->n_options && strcmp(t->options[k].name, b->options[i].name) != 0)
			k++;
		if (k == t->n_options)
			return complain_option(t, &b->options[i], e);
		if (holds)
			options[k] = b->options[i].value;
	}
	return 0;
}

static int take(const struct template *t, const struct site_block *b, const struct resources *res,
		struct site_settings *out, struct err *e)
{
	const int holds = site_when(b, res, e);

	if (holds < 0)
		return err_wrap(e, "%s:%d:%d: this 'when' cannot be told", b->pos.origin,
				b->pos.line, b->pos.col);
	if (holds)
		apply(b, out);
	return t ? take_options(t, b, holds, out->options, e) : 0;
}

int site_settings(const struct site *s, const struct template *t, const struct resources *res,
		  bool finaliser, struct site_settings *out, struct err *e)
{
	const struct site_def *def = s->def;
	static const struct site_block nothing;
	int rc;

	*out = (struct site_settings){ 0 };
	out->options = mem_array((t ? t->n_options : 0) + 1, sizeof *out->options);
	for (size_t i = 0; t && i < t->n_options; i++)
		out->options[i] = t->options[i].fallback;
	rc = take(t, &def->plain, res, out, e);
	for (size_t i = 0; rc == 0 && i < def->n_whens; i++)
		rc = take(t, &def->whens[i], res, out, e);
	if (rc == 0)
		rc = take(t, finaliser ? &def->finaliser : &nothing, res, out, e);
	if (rc < 0) {
		free(out->options);
		out->options = NULL;
	}
	return rc;
}

bool site_finalises(const struct site *s)
{
	return !s->def->no_finaliser;
}

void site_finaliser(const struct site *s, struct resources *res)
{
	const struct site_def *def = s->def;
	const struct resources *own = &def->job;

	*res = (struct resources){ .set = RES_CPUS | RES_MEMORY | RES_TIME,
				   .cpus = own->set & RES_CPUS ? own->cpus : 1,
				   .memory = own->set & RES_MEMORY ? own->memory : FINALISER_MEMORY,
				   .time_s = FINALISER_TIME,
				   .nodes = 1 };
	if (def->most_time && def->most_time < res->time_s)
		res->time_s = def->most_time;
	if (own->set & RES_TIME)
		res->time_s = own->time_s;
}

static void narrow(struct shape_limits *l, enum limit_kind kind, uint64_t most, const char *origin)
{
	if (!most || most >= l->of[kind])
		return;
	l->of[kind] = most;
	l->origin[kind] = origin;
}

void site_limits(const struct site *s, struct shape_limits *l)
{
	const struct site_def *def = s->def;

	narrow(l, LIMIT_TIME, def->most_time, def->time_origin);
	narrow(l, LIMIT_QUEUED, def->most_elements, def->elements_origin);
}

/* Where a wish of the spec came from: "spec.yaml:12", "--set submit.slots". */
static const char *wish_origin(const struct spec *s, const struct pos *p)
{
	return p->line ? arena_printf(s->arena, "%s:%d", path_name(p->origin), p->line) : p->origin;
}

void submit_wish_merge(const struct spec *s, const struct site_settings *site,
		       struct shape_wish *out)
{
	const struct submit_wish *w = &s->submit;

	*out = site->wish;
	if (w->slots) {
		out->slots = w->slots;
		out->slots_origin = wish_origin(s, &w->slots_pos);
	}
	if (w->elements) {
		out->elements = w->elements;
		out->elements_origin = wish_origin(s, &w->elements_pos);
	}
	if (w->max_running)
		out->max_running = w->max_running;
	if (w->element_time) {
		out->element_time = w->element_time;
		out->time_origin = wish_origin(s, &w->time_pos);
	}
}

/* ---- everything that is said, for people ---- */

struct rows {
	struct arena *a;
	struct site_row *items;
	size_t n, cap;
};

static void add_row(struct rows *r, const char *key, const struct node *n)
{
	struct buf whole = BUF_INIT, shown = BUF_INIT;

	node_put_flow(&whole, n, VALUE_SHOWN);
	text_put_shown(&shown, buf_str(&whole), whole.len, VALUE_SHOWN);
	ARRAY_ROOM(r->items, r->n, r->cap);
	r->items[r->n++] =
		(struct site_row){ key, arena_dup(r->a, buf_str(&shown)), site_origin(r->a, n) };
	buf_free(&whole);
	buf_free(&shown);
}

/* One row a key that holds no mapping; a `when` is a row a key, with its condition in front. */
static void add_rows(struct rows *r, const char *prefix, const struct node *map)
{
	for (size_t i = 0; i < map->n; i++) {
		const char *key = arena_printf(r->a, "%s%s", prefix, map->keys[i]->text);
		const struct node *n = map->items[i];

		if (n->kind == NODE_MAP)
			add_rows(r, arena_printf(r->a, "%s.", key), n);
		else if (!*prefix && strcmp(key, "when") == 0)
			for (size_t k = 0; k < n->n; k++)
				add_rows(r,
					 arena_printf(r->a, "when %s: ",
						      node_get(n->items[k], "if")->text),
					 n->items[k]);
		else if (strcmp(map->keys[i]->text, "if") != 0)
			add_row(r, key, n);
	}
}

size_t site_rows(const struct site *s, struct site_row **out)
{
	struct rows r = { .a = s->arena };

	if (s->def->node)
		add_rows(&r, "", s->def->node);
	*out = arena_alloc(s->arena, (r.n + 1) * sizeof **out);
	if (r.n)
		memcpy(*out, r.items, r.n * sizeof **out);
	free(r.items);
	return r.n;
}
