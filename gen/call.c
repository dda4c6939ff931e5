/* SPDX-License-Identifier: MIT */
/*
 * What is told to interpreters. A hundred thousand requests a second: whatever can be is made once
 * a plan, and buffers are used again.
 */
#include "gen/call.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "gen/language.h"
#include "gen/launch_parts.h"

size_t call_module(const char *call)
{
	const char *colon = strrchr(call, ':');

	return colon ? (size_t)(colon - call) : 0;
}

enum variable_kind {
	VAR_TASK,
	VAR_INDEX,
	VAR_SEED,
	VAR_SEED64,
	VAR_SEED_WORDS,
	VAR_ATTEMPT,
	VAR_SCRATCH,
	VAR_KEEP,
	VAR_OWN_COUNT,
	VAR_INPUT = VAR_OWN_COUNT,
	VAR_ENV
};
static const char *const own_names[VAR_OWN_COUNT] = {
	"PPGEN_TASK",       "PPGEN_INDEX",   "PPGEN_SEED",    "PPGEN_SEED64",
	"PPGEN_SEED_WORDS", "PPGEN_ATTEMPT", "PPGEN_SCRATCH", "PPGEN_KEEP",
};

/* A variable that differs between tasks. */
struct variable {
	enum variable_kind kind;
	char *name;
	size_t which; /* of the inputs, or of env */
};

struct call_maker {
	const struct plan *plan;
	struct launch_place at;
	char **keys; /* of the parameters: {"T": and ,"L": */
	size_t n_params;
	struct variable *vars;
	size_t n_vars, cap_vars;
	bool fills;              /* env or inputs want values of the task */
	bool moves;              /* each task has a working folder of its own */
	struct launch_work work; /* of it the folders and values */
	struct specials specials;
	struct buf text;
	struct buf params, variables; /* of a chunk */
	uint64_t seq;
};

static void add_variable(struct call_maker *m, enum variable_kind kind, size_t which,
			 const char *name)
{
	ARRAY_ROOM(m->vars, m->n_vars, m->cap_vars);
	m->vars[m->n_vars++] = (struct variable){ kind, mem_dup(name), which };
}

/* What call_launch leaves out of an interpreter's environment. */
static void find_variables(struct call_maker *m, const struct spec *s)
{
	struct buf name = BUF_INIT;

	for (int k = 0; k < VAR_OWN_COUNT; k++)
		add_variable(m, (enum variable_kind)k, 0, own_names[k]);
	for (size_t k = 0; k < s->n_inputs; k++) {
		if (launch_input_is_shared(&s->inputs[k]))
			continue;
		buf_clear(&name);
		launch_put_input_name(&name, s->inputs[k].name);
		add_variable(m, VAR_INPUT, k, name.data);
	}
	for (size_t k = 0; k < s->n_env; k++) {
		if (!launch_env_is_shared(s, &s->env[k]))
			add_variable(m, VAR_ENV, k, s->env[k].name);
	}
	m->fills = m->n_vars > VAR_OWN_COUNT;
	buf_free(&name);
}

struct call_maker *call_maker_new(const struct plan *p, const struct launch_place *at)
{
	struct call_maker *m = mem_alloc(sizeof *m);
	const struct spec *s = p->spec;

	m->plan = p;
	m->at = *at;
	m->moves = s->workdir && !ptext_is_constant(s->workdir);
	m->n_params = space_names(s->space);
	m->keys = mem_array(m->n_params + 1, sizeof *m->keys);
	for (size_t k = 0; k < m->n_params; k++) {
		struct buf key = BUF_INIT;

		buf_putc(&key, k ? ',' : '{');
		json_puts(&key, space_name(s->space, k));
		buf_putc(&key, ':');
		m->keys[k] = buf_take(&key);
	}
	find_variables(m, s);
	return m;
}

void call_maker_free(struct call_maker *m)
{
	if (!m)
		return;
	for (size_t k = 0; k < m->n_params; k++)
		free(m->keys[k]);
	free(m->keys);
	for (size_t k = 0; k < m->n_vars; k++)
		free(m->vars[k].name);
	free(m->vars);
	free(m->work.values);
	buf_free(&m->work.paths);
	buf_free(&m->work.scratch);
	buf_free(&m->work.keep);
	buf_free(&m->text);
	buf_free(&m->params);
	buf_free(&m->variables);
	free(m);
}

static const char *value_word(const struct spec *s)
{
	switch (s->results.stream[STREAM_VALUE].format) {
	case FORMAT_NONE:
		return "none";
	case FORMAT_BYTES:
		return "bytes";
	default:
		return "rows";
	}
}

void call_put_open(const struct call_maker *m, struct buf *out)
{
	const struct spec *s = m->plan->spec;
	const struct function *f = &s->function;
	char *folder = spec_folder(s);

	buf_puts(out, "{\"ppgen\":");
	buf_put_u64(out, CALL_PROTOCOL);
	buf_puts(out, ",\"call\":");
	json_puts(out, f->call);
	buf_puts(out, ",\"folder\":");
	json_puts(out, folder);
	free(folder);
	buf_puts(out, f->chunk ? ",\"per\":\"chunk\"" : ",\"per\":\"task\"");
	buf_puts(out, f->fork ? ",\"isolate\":\"fork\"" : ",\"isolate\":\"worker\"");
	buf_puts(out, ",\"value\":");
	json_puts(out, value_word(s));
	buf_puts(out, ",\"params\":[");
	for (size_t k = 0; k < m->n_params; k++) {
		json_put_sep(out);
		json_puts(out, space_name(s->space, k));
	}
	buf_puts(out, "],\"variables\":[");
	for (size_t k = 0; k < m->n_vars; k++) {
		json_put_sep(out);
		json_puts(out, m->vars[k].name);
	}
	buf_puts(out, "]}\n");
}

static void put_params(const struct call_maker *m, const struct task *t, struct buf *out)
{
	for (size_t k = 0; k < m->n_params; k++) {
		buf_puts(out, m->keys[k]);
		value_put_json(out, &t->point.values[k]);
	}
	buf_puts(out, m->n_params ? "}" : "{}");
}

/* A number, or a text that no JSON would escape. */
static void put_plain(struct buf *out, const char *text)
{
	buf_putc(out, '"');
	buf_puts(out, text);
	buf_putc(out, '"');
}

static int put_env(struct call_maker *m, const struct task *t, const struct variable *v,
		   struct buf *out, struct err *e)
{
	const struct env_entry *env = &m->plan->spec->env[v->which];

	buf_clear(&m->text);
	if (ptext_fill(env->value, m->work.values, m->specials.texts, &m->text, e) < 0)
		return err_wrap(e, "task %s: env.%s", t->shown, env->name);
	json_put(out, buf_str(&m->text), m->text.len);
	return 0;
}

static int put_variable(struct call_maker *m, const struct task *t, const struct variable *v,
			struct buf *out, struct err *e)
{
	const struct specials *sp = &m->specials;
	const struct value *path;

	switch (v->kind) {
	case VAR_TASK:
		put_plain(out, t->shown);
		return 0;
	case VAR_INDEX:
		put_plain(out, sp->index);
		return 0;
	case VAR_SEED:
		put_plain(out, sp->seed);
		return 0;
	case VAR_SEED64:
		put_plain(out, sp->seed64);
		return 0;
	case VAR_SEED_WORDS:
		buf_putc(out, '"');
		launch_put_seed_words(out, &t->seeds);
		buf_putc(out, '"');
		return 0;
	case VAR_ATTEMPT:
		buf_putc(out, '"');
		buf_put_u64(out, t->attempt);
		buf_putc(out, '"');
		return 0;
	case VAR_SCRATCH:
		json_put(out, m->work.scratch.data, m->work.scratch.len);
		return 0;
	case VAR_KEEP:
		json_put(out, m->work.keep.data, m->work.keep.len);
		return 0;
	case VAR_INPUT:
		path = &m->work.values[t->point.n + v->which];
		json_put(out, path->text, path->len);
		return 0;
	case VAR_ENV:
		return put_env(m, t, v, out, e);
	}
	return 0;
}

static int put_variables(struct call_maker *m, const struct task *t, struct buf *out, struct err *e)
{
	for (size_t k = 0; k < m->n_vars; k++) {
		buf_putc(out, k ? ',' : '[');
		if (put_variable(m, t, &m->vars[k], out, e) < 0)
			return -1;
	}
	buf_putc(out, ']');
	return 0;
}

static int prepare(struct call_maker *m, const struct task *t, struct err *e)
{
	launch_specials(&m->specials, t, &m->at, &m->work.scratch, &m->work.keep);
	if (m->fills && launch_values(&m->work, m->plan->spec, t, &m->at, false, e) < 0)
		return err_wrap(e, "task %s", t->shown);
	return 0;
}

static int put_moved(struct call_maker *m, const struct task *t, struct buf *out, struct err *e)
{
	if (!m->moves)
		return 0;
	buf_clear(&m->text);
	if (launch_put_workdir(t, m->plan->spec, &m->specials, &m->text, e) < 0)
		return err_wrap(e, "task %s", t->shown);
	buf_putc(out, ',');
	json_put(out, m->text.data, m->text.len);
	return 0;
}

/* Takes back what was begun. */
static int cut(struct buf *b, size_t len)
{
	if (b->data) {
		b->len = len;
		b->data[len] = '\0';
	}
	return -1;
}

int call_put(struct call_maker *m, const struct task *t, uint64_t seq, struct buf *out,
	     struct err *e)
{
	const size_t from = out->len;

	if (prepare(m, t, e) < 0)
		return -1;
	buf_puts(out, "[\"call\",");
	buf_put_u64(out, seq);
	buf_putc(out, ',');
	put_params(m, t, out);
	buf_putc(out, ',');
	if (put_variables(m, t, out, e) < 0 || put_moved(m, t, out, e) < 0)
		return cut(out, from);
	buf_puts(out, "]\n");
	return 0;
}

void call_chunk_begin(struct call_maker *m, uint64_t seq)
{
	m->seq = seq;
	buf_clear(&m->params);
	buf_clear(&m->variables);
}

int call_chunk_add(struct call_maker *m, const struct task *t, struct err *e)
{
	const size_t params = m->params.len, variables = m->variables.len;

	if (prepare(m, t, e) < 0)
		return -1;
	if (params) {
		buf_putc(&m->params, ',');
		buf_putc(&m->variables, ',');
	}
	put_params(m, t, &m->params);
	if (put_variables(m, t, &m->variables, e) < 0) {
		cut(&m->params, params);
		return cut(&m->variables, variables);
	}
	return 0;
}

void call_chunk_end(struct call_maker *m, struct buf *out)
{
	buf_puts(out, "[\"chunk\",");
	buf_put_u64(out, m->seq);
	buf_puts(out, ",[");
	buf_add(out, m->params.data, m->params.len);
	buf_puts(out, "],[");
	buf_add(out, m->variables.data, m->variables.len);
	buf_puts(out, "]]\n");
}

const char *call_scratch(const struct call_maker *m)
{
	return buf_str(&m->work.scratch);
}

const char *call_keep(const struct call_maker *m)
{
	return buf_str(&m->work.keep);
}
