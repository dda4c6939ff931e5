/* SPDX-License-Identifier: MIT */
/*
 * How a task is started. All text goes into one buffer that is used again for the next task; while
 * it grows, places in it are offsets, and only at the end pointers.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "gen/call.h"
#include "gen/language.h"
#include "gen/launch_parts.h"

/* Programs that would take all processors of the machine otherwise. */
static const char *const thread_names[] = {
	"OMP_NUM_THREADS",   "MKL_NUM_THREADS",        "OPENBLAS_NUM_THREADS",
	"BLIS_NUM_THREADS",  "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS",
	"NUMBA_NUM_THREADS", "JULIA_NUM_THREADS",
};

static void end_text(struct buf *b)
{
	buf_putc(b, '\0');
}

static void add_word(struct launch_work *w, size_t at)
{
	ARRAY_ROOM(w->words, w->n_words, w->cap);
	w->words[w->n_words++] = at;
}

/* A list that is all of a word: a word each item. */
static void put_items(struct launch *l, const struct value *list)
{
	struct launch_work *w = l->work;
	struct value item;
	size_t at = 0;

	while (value_list_next(list, &at, &w->item, &item)) {
		add_word(w, l->text.len);
		buf_add(&l->text, item.text, item.len);
		end_text(&l->text);
	}
}

/* {launch} that is all of a word: the launcher's words. */
static int put_launcher(struct launch *l, const struct task *t, struct err *e)
{
	const struct launcher *from = &l->work->launcher;
	const char *word = from->words.data;

	if (!from->n)
		return err_bad(e, "'{launch}' needs 'ranks', and task %s has none", t->shown);
	for (size_t k = 0; k < from->n; k++, word += strlen(word) + 1) {
		add_word(l->work, l->text.len);
		buf_puts(&l->text, word);
		end_text(&l->text);
	}
	return 0;
}

static int put_words(struct launch *l, const struct words *words, const struct task *t,
		     const struct specials *sp, struct err *e)
{
	const struct value *values = l->work->values;

	for (size_t k = 0; k < words->n; k++) {
		const struct ptext *word = words->items[k];
		int alone = ptext_alone(word);

		if (alone >= 0 && values[alone].type == VALUE_LIST) {
			put_items(l, &values[alone]);
			continue;
		}
		if (ptext_alone_special(word, SPECIAL_LAUNCH)) {
			if (put_launcher(l, t, e) < 0)
				return -1;
			continue;
		}
		add_word(l->work, l->text.len);
		if (ptext_fill(word, values, sp->texts, &l->text, e) < 0)
			return err_wrap(e, "task %s", t->shown);
		end_text(&l->text);
	}
	return 0;
}

/* The words of a function's interpreter: a program beside the spec is found from anywhere. */
static int put_interpreter(struct launch *l, const struct spec *s, const struct task *t,
			   const struct specials *sp, struct err *e)
{
	const size_t from = l->text.len;

	if (put_words(l, &s->function.interpreter, t, sp, e) < 0)
		return -1;
	if (strchr(l->text.data + from, '/') && l->text.data[from] != '/') {
		const size_t grown = l->text.len;

		launch_make_absolute(&l->text, from, s->dir);
		for (size_t k = 1; k < l->work->n_words; k++)
			l->work->words[k] += l->text.len - grown;
	}
	return 0;
}

/* One call, in an interpreter of its own: what people are shown. */
static int put_call(struct launch *l, const struct spec *s, const struct task *t,
		    const struct specials *sp, struct err *e)
{
	const char *word = s->function.language->show;

	if (put_interpreter(l, s, t, sp, e) < 0)
		return -1;
	while (*word) {
		const size_t n = strcspn(word, " ");

		add_word(l->work, l->text.len);
		buf_add(&l->text, word, n);
		end_text(&l->text);
		word += n;
		word += strspn(word, " ");
	}
	add_word(l->work, l->text.len);
	call_put_program(s, &t->point, &l->text);
	end_text(&l->text);
	return 0;
}

static int put_argv(struct launch *l, const struct spec *s, const struct task *t,
		    const struct specials *sp, struct err *e)
{
	if (s->start == START_COMMAND) {
		if (put_words(l, &s->command, t, sp, e) < 0)
			return -1;
	} else if (s->start == START_FUNCTION) {
		if (put_call(l, s, t, sp, e) < 0)
			return -1;
	} else {
		if (put_words(l, &s->shell_with, t, sp, e) < 0)
			return -1;
		add_word(l->work, l->text.len);
		buf_puts(&l->text, s->shell);
		end_text(&l->text);
	}
	if (!l->work->n_words)
		return err_bad(e, "the command of task %s is empty: all its words are empty lists",
			       t->shown);
	return 0;
}

static void set(struct launch *l, const char *name, const char *value)
{
	launch_env_begin(&l->work->env, &l->text, name, false);
	buf_puts(&l->text, value);
	end_text(&l->text);
}

static void set_number(struct launch *l, const char *name, uint64_t value)
{
	launch_env_begin(&l->work->env, &l->text, name, false);
	buf_put_u64(&l->text, value);
	end_text(&l->text);
}

static void set_seed_words(struct launch *l, const struct task *t)
{
	launch_env_begin(&l->work->env, &l->text, "PPGEN_SEED_WORDS", false);
	launch_put_seed_words(&l->text, &t->seeds);
	end_text(&l->text);
}

/* PPGEN_INPUT_<NAME>: the inputs' paths. */
static void set_inputs(struct launch *l, const struct spec *s, const struct task *t, bool shared)
{
	struct buf *b = &l->text;

	for (size_t k = 0; k < s->n_inputs; k++) {
		const struct value *path = &l->work->values[t->point.n + k];
		size_t from = b->len;

		if (shared && !launch_input_is_shared(&s->inputs[k]))
			continue;
		launch_put_input_name(b, s->inputs[k].name);
		launch_env_named(&l->work->env, b, from, false);
		buf_add(b, path->text, path->len);
		end_text(b);
	}
}

static void set_own(struct launch *l, const struct task *t, const struct specials *sp,
		    const struct launch_place *at, bool shared)
{
	if (!shared) {
		set(l, "PPGEN_TASK", t->shown);
		set(l, "PPGEN_INDEX", sp->index);
		set(l, "PPGEN_SEED", sp->seed);
		set(l, "PPGEN_SEED64", sp->seed64);
		set_seed_words(l, t);
		set_number(l, "PPGEN_ATTEMPT", t->attempt);
	}
	set(l, "PPGEN_CPUS", sp->cpus);
	set(l, "PPGEN_MEMORY", sp->memory);
	set(l, "PPGEN_RUN", at->rundir);
	if (!shared) {
		set(l, "PPGEN_SCRATCH", sp->texts[SPECIAL_SCRATCH]);
		set(l, "PPGEN_KEEP", sp->texts[SPECIAL_KEEP]);
	}
	if (sp->texts[SPECIAL_LAUNCH])
		set(l, "PPGEN_LAUNCH", sp->texts[SPECIAL_LAUNCH]);
}

static int put_env(struct launch *l, const struct spec *s, const struct task *t,
		   const struct specials *sp, const struct launch_place *at, bool shared,
		   struct err *e)
{
	struct launch_env *env = &l->work->env;

	launch_env_start(env, at->base_env);
	set_own(l, t, sp, at, shared);
	set_inputs(l, s, t, shared);
	for (size_t k = 0; k < sizeof thread_names / sizeof *thread_names; k++) {
		if (!launch_env_has(env, &l->text, thread_names[k]))
			set(l, thread_names[k], sp->cpus);
	}
	if (at->gpus) {
		set(l, "CUDA_VISIBLE_DEVICES", at->gpus);
		set(l, "ROCR_VISIBLE_DEVICES", at->gpus);
	}
	for (size_t k = 0; s->start == START_SHELL && k < t->point.n; k++) {
		launch_env_begin(env, &l->text, space_name(s->space, k), true);
		buf_add(&l->text, t->point.values[k].text, t->point.values[k].len);
		end_text(&l->text);
	}
	for (size_t k = 0; k < s->n_env; k++) {
		if (shared && !launch_env_is_shared(s, &s->env[k]))
			continue;
		launch_env_begin(env, &l->text, s->env[k].name, true);
		if (ptext_fill(s->env[k].value, l->work->values, sp->texts, &l->text, e) < 0)
			return err_wrap(e, "env.%s", s->env[k].name);
		end_text(&l->text);
	}
	return 0;
}

/* The text has its final place: offsets become pointers. */
static void point_into_text(struct launch *l)
{
	struct launch_work *w = l->work;

	if (l->argv_cap < w->n_words + 1) {
		l->argv_cap = w->cap + 1;
		l->argv = mem_resize(l->argv, l->argv_cap, sizeof *l->argv);
	}
	for (size_t k = 0; k < w->n_words; k++)
		l->argv[k] = l->text.data + w->words[k];
	l->argv[w->n_words] = NULL;
	if (l->envp_cap < w->env.n + 1) {
		l->envp_cap = w->env.cap + 1;
		l->envp = mem_resize(l->envp, l->envp_cap, sizeof *l->envp);
	}
	launch_env_point(&w->env, &l->text, l->envp);
	l->workdir = l->text.data + w->workdir;
}

/* What both kinds of start begin with: the places, and what placeholders stand for. */
static int begin(struct launch *l, const struct task *t, const struct spec *s,
		 const struct launch_place *at, struct specials *sp, bool shared, struct err *e)
{
	struct launch_work *w;

	if (!l->work)
		l->work = mem_alloc(sizeof *l->work);
	w = l->work;
	w->spec = s;
	w->n_words = 0;
	w->workdir = 0;
	buf_clear(&l->text);
	launch_specials(sp, t, at, &w->scratch, &w->keep);
	if (shared && s->workdir && !ptext_is_constant(s->workdir))
		buf_puts(&l->text, s->dir);
	else if (launch_put_workdir(t, s, sp, &l->text, e) < 0)
		return -1;
	end_text(&l->text);
	return launch_values(w, s, t, at, shared, e);
}

int task_launch(const struct task *t, const struct plan *p, const struct launch_place *at,
		struct launch *l, struct err *e)
{
	const struct spec *s = p->spec;
	struct specials sp;

	if (begin(l, t, s, at, &sp, false, e) < 0 ||
	    launcher_fill(&l->work->launcher, at->launch, &t->res, e) < 0)
		return -1;
	if (l->work->launcher.n)
		sp.texts[SPECIAL_LAUNCH] = buf_str(&l->work->launcher.line);
	if (put_argv(l, s, t, &sp, e) < 0 || put_env(l, s, t, &sp, at, false, e) < 0)
		return -1;
	point_into_text(l);
	l->scratch = spec_uses_scratch(s) ? l->work->scratch.data : NULL;
	l->keep = spec_uses_keep(s) ? l->work->keep.data : NULL;
	return 0;
}

/* Folders are told to interpreters as JSON, which is UTF-8. */
static int check_places(const struct spec *s, const struct launch_place *at, struct err *e)
{
	const char *const places[] = { s->dir, at->rundir, at->scratch };

	for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
		if (places[k] && !text_is_utf8(places[k], strlen(places[k])))
			return err_bad(e,
				       "functions cannot be told of the folder '%s', whose name "
				       "is no UTF-8: rename it",
				       places[k]);
	}
	return 0;
}

int call_launch(const struct task *t, const struct plan *p, const struct launch_place *at,
		struct launch *l, struct err *e)
{
	const struct spec *s = p->spec;
	struct specials sp;

	if (check_places(s, at, e) < 0 || begin(l, t, s, at, &sp, true, e) < 0 ||
	    put_interpreter(l, s, t, &sp, e) < 0)
		return -1;
	add_word(l->work, l->text.len);
	buf_puts(&l->text, CALL_SCRIPT);
	end_text(&l->text);
	if (put_env(l, s, t, &sp, at, true, e) < 0)
		return -1;
	point_into_text(l);
	l->scratch = l->keep = NULL;
	return 0;
}

void launch_free(struct launch *l)
{
	if (l->work) {
		launch_env_free(&l->work->env);
		free(l->work->words);
		free(l->work->values);
		buf_free(&l->work->paths);
		buf_free(&l->work->scratch);
		buf_free(&l->work->keep);
		buf_free(&l->work->item);
		launcher_free(&l->work->launcher);
		free(l->work);
	}
	free(l->argv);
	free(l->envp);
	buf_free(&l->text);
	memset(l, 0, sizeof *l);
}
