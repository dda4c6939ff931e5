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

/* The variables that every task has. */
enum variable_kind {
	VAR_TASK,
	VAR_INDEX,
	VAR_SEED,
	VAR_SEED64,
	VAR_SEED_WORDS,
	VAR_ATTEMPT,
	VAR_SCRATCH,
	VAR_KEEP,
	VAR_OWN_COUNT
};
static const char *const own_names[VAR_OWN_COUNT] = {
	"PPGEN_TASK",       "PPGEN_INDEX",   "PPGEN_SEED",    "PPGEN_SEED64",
	"PPGEN_SEED_WORDS", "PPGEN_ATTEMPT", "PPGEN_SCRATCH", "PPGEN_KEEP",
};

/* A variable of the spec's that differs between tasks. */
struct variable {
	bool is_input; /* else of env */
	char *name;
	size_t which;
};

struct call_maker {
	const struct plan *plan;
	struct launch_place at;
	char **keys; /* of the parameters: {"T": and ,"L": */
	size_t n_params;
	struct variable *vars;
	size_t n_vars, cap_vars; /* of the spec's */
	bool moves;              /* each task has a working folder of its own */
	struct launch_work work; /* of it the folders and values */
	struct specials specials;
	struct buf text;
	struct buf params, words, texts; /* of a chunk */
	uint64_t seq;
};

static void add_variable(struct call_maker *m, bool is_input, size_t which, const char *name)
{
	ARRAY_ROOM(m->vars, m->n_vars, m->cap_vars);
	m->vars[m->n_vars++] = (struct variable){ is_input, mem_dup(name), which };
}

/* What call_launch leaves out of an interpreter's environment, and is not every task's. */
static void find_variables(struct call_maker *m, const struct spec *s)
{
	struct buf name = BUF_INIT;

	for (size_t k = 0; k < s->n_inputs; k++) {
		if (launch_input_is_shared(&s->inputs[k]))
			continue;
		buf_clear(&name);
		launch_put_input_name(&name, s->inputs[k].name);
		add_variable(m, true, k, name.data);
	}
	for (size_t k = 0; k < s->n_env; k++) {
		if (!launch_env_is_shared(s, &s->env[k]))
			add_variable(m, false, k, s->env[k].name);
	}
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
	buf_free(&m->words);
	buf_free(&m->texts);
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

/* What stands before a variable's word. */
static void put_own_head(struct call_maker *m, enum variable_kind k, struct buf *out)
{
	struct buf *head = &m->text;

	buf_clear(head);
	buf_puts(head, own_names[k]);
	buf_putc(head, '=');
	if (k == VAR_SCRATCH)
		launch_put_scratch_folder(head, &m->at);
	if (k == VAR_KEEP)
		launch_put_keep_folder(head, &m->at);
	json_put_sep(out);
	json_put(out, head->data, head->len);
}

void call_put_open(struct call_maker *m, bool shares, struct buf *out)
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
	for (int k = 0; k < VAR_OWN_COUNT; k++)
		put_own_head(m, (enum variable_kind)k, out);
	buf_puts(out, "],\"texts\":[");
	for (size_t k = 0; k < m->n_vars; k++) {
		json_put_sep(out);
		json_puts(out, m->vars[k].name);
	}
	buf_puts(out, shares ? "],\"page\":true}\n" : "]}\n");
}

static void put_params(const struct call_maker *m, const struct task *t, struct buf *out)
{
	for (size_t k = 0; k < m->n_params; k++) {
		buf_puts(out, m->keys[k]);
		value_put_json(out, &t->point.values[k]);
	}
	buf_puts(out, m->n_params ? "}" : "{}");
}

/* What a request says of variable k < VAR_OWN_COUNT: a word that no JSON would escape. */
static void put_word(const struct call_maker *m, const struct task *t, enum variable_kind k,
		     struct buf *out)
{
	switch (k) {
	case VAR_INDEX:
		buf_puts(out, m->specials.index);
		break;
	case VAR_SEED:
		buf_puts(out, m->specials.seed);
		break;
	case VAR_SEED64:
		buf_puts(out, m->specials.seed64);
		break;
	case VAR_SEED_WORDS:
		launch_put_seed_words(out, &t->seeds);
		break;
	case VAR_ATTEMPT:
		buf_put_u64(out, t->attempt);
		break;
	case VAR_KEEP:
		buf_puts(out, t->shown);
		buf_putc(out, '.');
		buf_puts(out, t->code);
		break;
	default: /* of VAR_SCRATCH it is the folder's name */
		buf_puts(out, t->shown);
		break;
	}
}

static void put_words(const struct call_maker *m, const struct task *t, struct buf *out)
{
	for (int k = 0; k < VAR_OWN_COUNT; k++) {
		buf_putc(out, k ? ' ' : '"');
		put_word(m, t, (enum variable_kind)k, out);
	}
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

static int put_texts(struct call_maker *m, const struct task *t, struct buf *out, struct err *e)
{
	buf_putc(out, '[');
	for (size_t k = 0; k < m->n_vars; k++) {
		const struct variable *v = &m->vars[k];

		if (k)
			buf_putc(out, ',');
		if (v->is_input) {
			const struct value *path = &m->work.values[t->point.n + v->which];

			json_put(out, path->text, path->len);
		} else if (put_env(m, t, v, out, e) < 0) {
			return -1;
		}
	}
	buf_putc(out, ']');
	return 0;
}

static int prepare(struct call_maker *m, const struct task *t, struct err *e)
{
	launch_specials(&m->specials, t, &m->at, &m->work.scratch, &m->work.keep);
	if (m->n_vars > 0 && launch_values(&m->work, m->plan->spec, t, &m->at, false, e) < 0)
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
	put_words(m, t, out);
	if (m->n_vars > 0 || m->moves) {
		buf_putc(out, ',');
		if (put_texts(m, t, out, e) < 0 || put_moved(m, t, out, e) < 0)
			return cut(out, from);
	}
	buf_puts(out, "]\n");
	return 0;
}

void call_chunk_begin(struct call_maker *m, uint64_t seq)
{
	m->seq = seq;
	buf_clear(&m->params);
	buf_clear(&m->words);
	buf_clear(&m->texts);
}

int call_chunk_add(struct call_maker *m, const struct task *t, struct err *e)
{
	const size_t texts = m->texts.len;

	if (prepare(m, t, e) < 0)
		return -1;
	if (texts)
		buf_putc(&m->texts, ',');
	if (put_texts(m, t, &m->texts, e) < 0)
		return cut(&m->texts, texts);
	if (texts) {
		buf_putc(&m->params, ',');
		buf_putc(&m->words, ',');
	}
	put_params(m, t, &m->params);
	put_words(m, t, &m->words);
	return 0;
}

void call_chunk_end(struct call_maker *m, struct buf *out)
{
	buf_puts(out, "[\"chunk\",");
	buf_put_u64(out, m->seq);
	buf_puts(out, ",[");
	buf_add(out, m->params.data, m->params.len);
	buf_puts(out, "],[");
	buf_add(out, m->words.data, m->words.len);
	if (m->n_vars > 0) {
		buf_puts(out, "],[");
		buf_add(out, m->texts.data, m->texts.len);
	}
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
