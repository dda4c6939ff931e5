/* SPDX-License-Identifier: MIT */
/* The facts of a template that are commands, and what is read from what they print. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gen/template_front.h"

#define LESS_MAX 1000000u

const char *const job_state_names[JOB_STATE_COUNT] = {
	[JOB_STATE_UNKNOWN] = "unknown", [JOB_STATE_QUEUED] = "queued",
	[JOB_STATE_HELD] = "held",       [JOB_STATE_RUNNING] = "running",
	[JOB_STATE_DONE] = "done",       [JOB_STATE_FAILED] = "failed",
	[JOB_STATE_TIMEOUT] = "timeout", [JOB_STATE_OOM] = "oom",
	[JOB_STATE_LOST] = "lost",       [JOB_STATE_CANCELLED] = "cancelled",
	[JOB_STATE_STUCK] = "stuck",     [JOB_STATE_ENDED] = "ended",
};

const char *const limit_names[LIMIT_COUNT] = {
	[LIMIT_INDEX] = "index",   [LIMIT_SIZE] = "size", [LIMIT_JOBS] = "jobs",
	[LIMIT_QUEUED] = "queued", [LIMIT_TIME] = "time",
};

static int compile_word(struct front *f, const struct node *n, bool in_submit,
			struct tmpl_text *out)
{
	struct err e = ERR_INIT;
	size_t at = 0;

	if (!ask_text(&f->r, n, "run[]"))
		return -1;
	if (tmpl_text_compile(f->r.a, f->t, n->text, n->len, in_submit, out, &at, &e) < 0)
		return complain_at(&f->r, n, at, e.text);
	out->line = n->line;
	return 0;
}

/* A list of words. NULL when something is wrong. */
static struct template_command *read_command(struct front *f, const struct node *n,
					     const char *what, bool in_submit)
{
	struct template_command *c = arena_alloc(f->r.a, sizeof *c);
	int rc = 0;

	if (n->kind != NODE_SEQ) {
		complain_must(&f->r, n, what, "a list of words");
		return NULL;
	}
	if (!n->n) {
		COMPLAIN(&f->r, n, "'%s' is empty", what);
		return NULL;
	}
	c->words = arena_alloc(f->r.a, n->n * sizeof *c->words);
	for (size_t i = 0; i < n->n; i++)
		rc |= compile_word(f, n->items[i], in_submit, &c->words[c->n++]);
	return rc ? NULL : c;
}

static uint64_t names_of(const struct template_command *c)
{
	uint64_t bits = 0;

	for (size_t i = 0; c && i < c->n; i++)
		bits |= tmpl_text_names(&c->words[i]);
	return bits;
}

static bool says(const struct template_command *c, int name)
{
	for (size_t i = 0; i < c->n; i++)
		for (size_t k = 0; k < c->words[i].n; k++)
			if (!c->words[i].pieces[k].text && c->words[i].pieces[k].name == name)
				return true;
	return false;
}

/* A fact that is a command which must name {{ids}}. */
static struct template_command *read_of_ids(struct front *f, const struct node *map,
					    const char *where, const char *key)
{
	const struct node *n = front_fact(f, map, where, key);
	struct template_command *c = n ? read_command(f, n, key, false) : NULL;

	if (c && !says(c, JOB_IDS))
		COMPLAIN(&f->r, n, "'%s' must name {{ids}}: it is for certain jobs", key);
	return c;
}

void front_detect(struct front *f, const struct node *root)
{
	const struct node *map = front_fact(f, root, "", "detect"), *n;

	if (!map || !ask_map(&f->r, map, "detect"))
		return;
	keys_check(&f->r, map, "detect", "detect");
	if ((n = front_fact(f, map, "detect", "run")))
		f->t->detect.command = read_command(f, n, "run", false);
	if ((n = front_fact(f, map, "detect", "match"))) {
		f->t->priv->detect = front_pattern(f, n, "match", NULL);
		f->t->detect.match = n->text;
	}
}

/* The id is read by sed -E too, in a script for who submits by hand. */
static void read_id(struct front *f, const struct node *n)
{
	struct template_private *p = f->t->priv;
	char message[120];
	int fault;

	if (!ask_text(&f->r, n, "id"))
		return;
	f->t->submit.id = n->text;
	if (strchr(n->text, '#'))
		COMPLAIN(&f->r, n, "'id' cannot hold '#'");
	fault = regcomp(&p->id, n->text, REG_EXTENDED | REG_NEWLINE);
	if (fault) {
		regerror(fault, &p->id, message, sizeof message);
		COMPLAIN(&f->r, n, "'id' is no extended regular expression: %s", message);
		return;
	}
	p->id_compiled = true;
	if (p->id.re_nsub < 1)
		COMPLAIN(&f->r, n, "'id' has no group: put what is the id in parentheses");
	if (*n->text != '^' || n->text[n->len - 1] != '$')
		COMPLAIN(&f->r, n,
			 "'id' must match a whole line: begin it with '^' and end it with '$'");
}

void front_submit(struct front *f, const struct node *root)
{
	const struct node *map = front_fact(f, root, "", "submit"), *n;
	static const struct {
		int name;
		const char *word;
	} needed[] = { { JOB_SCRIPT, "script" },
		       { JOB_EXTRA, "extra" },
		       { NAME_HOLD, "hold" },
		       { NAME_AFTER, "after" } };
	struct template *t = f->t;

	if (!map || !ask_map(&f->r, map, "submit"))
		return;
	keys_check(&f->r, map, "submit", "submit");
	if ((n = front_fact(f, map, "submit", "run")))
		t->submit.command = read_command(f, n, "run", true);
	for (size_t i = 0; n && t->submit.command && i < sizeof needed / sizeof *needed; i++)
		if (!says(t->submit.command, needed[i].name))
			COMPLAIN(&f->r, n, "'submit.run' must name {{%s}}", needed[i].word);
	if (t->submit.command)
		t->priv->named |= names_of(t->submit.command);
	if ((n = node_get(map, "test")))
		t->submit.test = read_command(f, n, "test", false);
	if ((n = node_get(map, "computed"))) {
		pattern_free(front_pattern(f, n, "computed", NULL)); /* it is one */
		t->submit.computed = n->text;
	}
	if ((n = front_fact(f, map, "submit", "hold")))
		t->hold = read_command(f, n, "hold", false);
	t->after = read_of_ids(f, map, "submit", "after");
	if ((n = front_fact(f, map, "submit", "id")))
		read_id(f, n);
}

static void read_ask(struct front *f, const struct node *map, const char *what,
		     const char *const *groups, struct template_ask *a)
{
	const bool find = strcmp(what, "find") == 0;
	const struct node *n;

	if (!ask_map(&f->r, map, what))
		return;
	keys_check(&f->r, map, find ? "find" : "ask[]", find ? "find" : "ask");
	if ((n = front_fact(f, map, find ? "find" : "ask", "run")))
		a->command = read_command(f, n, "run", false);
	if ((n = front_fact(f, map, find ? "find" : "ask", "match"))) {
		a->reader = front_pattern(f, n, "match", groups);
		a->match = n->text;
	}
	if ((n = node_get(map, "only_if"))) {
		a->condition = front_pattern(f, n, "only_if", NULL);
		a->only_if = n->text;
	}
	if ((n = node_get(map, "lags")))
		ask_true(&f->r, n, "lags", &a->lags);
}

void front_asks(struct front *f, const struct node *root)
{
	static const char *const of_ask[] = { "id", "state", NULL };
	static const char *const of_find[] = { "id", "name", NULL };
	const struct node *list = front_fact(f, root, "", "ask"),
			  *find = front_fact(f, root, "", "find");

	if (list && ask_list(&f->r, list, "ask")) {
		if (!list->n)
			COMPLAIN(&f->r, list, "'ask' is empty");
		f->t->ask = arena_alloc(f->r.a, (list->n + 1) * sizeof *f->t->ask);
		for (size_t i = 0; i < list->n; i++)
			read_ask(f, list->items[i], "ask[]", of_ask, &f->t->ask[f->t->n_ask++]);
	}
	if (find)
		read_ask(f, find, "find", of_find, &f->t->find);
}

static void add_state(struct front *f, const struct node *n, const char *what, enum job_state state)
{
	struct template *t = f->t;
	struct pattern *p = front_pattern(f, n, what, NULL);

	if (!p)
		return;
	t->priv->states[t->n_states] = p;
	t->states[t->n_states++] = (struct template_state){ n->text, state };
}

/* state: PATTERN, or a list of them. */
void front_states(struct front *f, const struct node *root)
{
	const struct node *map = front_fact(f, root, "", "states");
	struct template *t = f->t;
	size_t most = 1;

	if (!map || !ask_map(&f->r, map, "states"))
		return;
	for (size_t i = 0; i < map->n; i++)
		most += map->items[i]->kind == NODE_SEQ ? map->items[i]->n : 1;
	t->states = arena_alloc(f->r.a, most * sizeof *t->states);
	t->priv->states = arena_alloc(f->r.a, most * sizeof *t->priv->states);
	for (size_t i = 0; i < map->n; i++) {
		const struct node *key = map->keys[i], *n = map->items[i];
		const int k =
			ask_choice(&f->r, key, "states", job_state_names + 1, JOB_STATE_COUNT - 1);

		for (size_t w = 0; k >= 0 && w < (n->kind == NODE_SEQ ? n->n : 1); w++)
			add_state(f, n->kind == NODE_SEQ ? n->items[w] : n, key->text,
				  (enum job_state)(k + 1));
	}
}

static void read_limit(struct front *f, const struct node *map, struct template_limit *l)
{
	static const char *const groups[] = { "limit", NULL };
	const struct node *n;
	int k;

	if (!ask_map(&f->r, map, "limits[]"))
		return;
	keys_check(&f->r, map, "limits[]", "limits");
	if ((n = front_fact(f, map, "limits", "of"))) {
		k = ask_choice(&f->r, n, "of", limit_names, LIMIT_COUNT);
		l->kind = k < 0 ? LIMIT_INDEX : (enum limit_kind)k;
	}
	if ((n = front_fact(f, map, "limits", "run")))
		l->command = read_command(f, n, "run", false);
	if ((n = front_fact(f, map, "limits", "match"))) {
		l->reader = front_pattern(f, n, "match", groups);
		l->match = n->text;
	}
	if ((n = node_get(map, "less")))
		ask_count(&f->r, n, "less", 0, LESS_MAX, &l->less);
}

void front_limits(struct front *f, const struct node *root)
{
	const struct node *list = node_get(root, "limits");

	if (!list || !ask_list(&f->r, list, "limits"))
		return;
	f->t->limits = arena_alloc(f->r.a, (list->n + 1) * sizeof *f->t->limits);
	for (size_t i = 0; i < list->n; i++)
		read_limit(f, list->items[i], &f->t->limits[f->t->n_limits++]);
}

void front_release(struct front *f, const struct node *root)
{
	f->t->release = read_of_ids(f, root, "", "release");
	f->t->cancel = read_of_ids(f, root, "", "cancel");
}
