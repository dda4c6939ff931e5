/* SPDX-License-Identifier: MIT */
/*
 * How a task is started. All text goes into one buffer that is used again for the next task; while
 * it grows, places in it are offsets, and only at the end pointers.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "gen/launch_env.h"
#include "gen/task.h"

#define DIGITS_MAX 21 /* of a 64-bit number, and the NUL */

/* Programs that would take all processors of the machine otherwise. */
static const char *const thread_names[] = {
	"OMP_NUM_THREADS",   "MKL_NUM_THREADS",        "OPENBLAS_NUM_THREADS",
	"BLIS_NUM_THREADS",  "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS",
	"NUMBA_NUM_THREADS", "JULIA_NUM_THREADS",
};

/* The texts of {seed}, {cpus} and so on. */
struct specials {
	const char *texts[SPECIAL_COUNT];
	char seed[DIGITS_MAX], seed64[DIGITS_MAX], cpus[DIGITS_MAX], memory[DIGITS_MAX],
		index[DIGITS_MAX];
};

static void put_digits(char out[DIGITS_MAX], uint64_t n)
{
	char *at = out + DIGITS_MAX - 1;
	size_t len;

	*at = '\0';
	do
		*--at = (char)('0' + n % 10);
	while (n /= 10);
	len = (size_t)(out + DIGITS_MAX - at);
	memmove(out, at, len);
}

/* The folders of one task. */
struct folders {
	const char *scratch, *keep;
};

static void specials_fill(struct specials *s, const struct task *t, const struct folders *f)
{
	put_digits(s->seed, t->seeds.seed);
	put_digits(s->seed64, t->seeds.seed64);
	put_digits(s->cpus, t->res.cpus);
	put_digits(s->memory, t->res.memory);
	put_digits(s->index, t->point.index);
	s->texts[SPECIAL_SEED] = s->seed;
	s->texts[SPECIAL_SEED64] = s->seed64;
	s->texts[SPECIAL_SCRATCH] = f->scratch;
	s->texts[SPECIAL_KEEP] = f->keep;
	s->texts[SPECIAL_LAUNCH] = NULL;
	s->texts[SPECIAL_CPUS] = s->cpus;
	s->texts[SPECIAL_MEMORY] = s->memory;
	s->texts[SPECIAL_TASK] = t->shown;
	s->texts[SPECIAL_INDEX] = s->index;
}

static struct folders put_folders(struct buf *scratch, struct buf *keep, const struct task *t,
				  const struct launch_place *at)
{
	buf_clear(scratch);
	buf_puts(scratch, at->scratch ? at->scratch : at->rundir);
	buf_puts(scratch, at->scratch ? "/" : "/scratch/");
	buf_puts(scratch, t->shown);
	buf_clear(keep);
	buf_puts(keep, at->rundir);
	buf_puts(keep, "/keep/");
	buf_puts(keep, t->shown);
	buf_putc(keep, '.');
	buf_puts(keep, t->code);
	return (struct folders){ scratch->data, keep->data };
}

/* Makes what begins at `from` in b absolute: relative paths begin in dir. */
static void make_absolute(struct buf *b, size_t from, const char *dir)
{
	size_t dir_len = strlen(dir), len = b->len - from;
	bool slash = len > 0 && dir_len > 0 && dir[dir_len - 1] != '/';

	if (b->len > from && b->data[from] == '/')
		return;
	buf_room(b, dir_len + 1);
	memmove(b->data + from + dir_len + slash, b->data + from, len + 1);
	memcpy(b->data + from, dir, dir_len);
	if (slash)
		b->data[from + dir_len] = '/';
	b->len += dir_len + slash;
}

/* Appends the task's working folder. */
static int put_workdir(const struct task *t, const struct spec *s, const struct specials *sp,
		       struct buf *out, struct err *e)
{
	size_t from = out->len;

	if (!s->workdir) {
		buf_puts(out, s->dir);
		return 0;
	}
	if (ptext_fill(s->workdir, t->point.values, sp->texts, out, e) < 0)
		return err_wrap(e, "workdir");
	if (out->len == from)
		return err_bad(e, "workdir is empty for task %s", t->shown);
	make_absolute(out, from, s->dir);
	return 0;
}

static bool is_input(const struct spec *s, const struct ptext *path)
{
	for (size_t k = 0; k < s->n_inputs; k++) {
		if (s->inputs[k].path == path)
			return true;
	}
	return false;
}

int task_path(const struct task *t, const struct plan *p, const struct launch_place *at,
	      const struct ptext *path, struct buf *out, struct err *e)
{
	struct buf scratch = BUF_INIT, keep = BUF_INIT, dir = BUF_INIT;
	const struct folders folders = put_folders(&scratch, &keep, t, at);
	struct specials sp;
	size_t from = out->len;
	int rc;

	specials_fill(&sp, t, &folders);
	if (is_input(p->spec, path)) {
		buf_puts(&dir, p->spec->dir);
		rc = 0;
	} else {
		rc = put_workdir(t, p->spec, &sp, &dir, e);
	}
	if (rc == 0)
		rc = ptext_fill(path, t->point.values, sp.texts, out, e);
	if (rc == 0)
		make_absolute(out, from, buf_str(&dir));
	buf_free(&scratch);
	buf_free(&keep);
	buf_free(&dir);
	return rc;
}

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

/*
 * What placeholders of the command and of env stand for: the parameters, then the inputs' absolute
 * paths (of a url: where it was fetched to).
 */
static int collect_values(struct launch_work *w, const struct spec *s, const struct task *t,
			  const struct launch_place *at, struct err *e)
{
	const size_t n = t->point.n + s->n_inputs;
	struct buf *b = &w->paths;

	if (w->cap_values < n) {
		w->values = mem_resize(w->values, n, sizeof *w->values);
		w->cap_values = n;
	}
	if (t->point.n)
		memcpy(w->values, t->point.values, t->point.n * sizeof *w->values);
	buf_clear(b);
	for (size_t k = 0; k < s->n_inputs; k++) {
		const struct input *in = &s->inputs[k];
		const size_t from = b->len;

		if (in->url) {
			buf_printf(b, "%s/inputs/%s", at->rundir, in->sha256);
		} else if (ptext_fill(in->path, t->point.values, NULL, b, e) < 0) {
			return err_wrap(e, "input '%s'", in->name);
		} else {
			make_absolute(b, from, s->dir);
		}
		w->values[t->point.n + k] = (struct value){ VALUE_STRING, NULL, b->len - from };
		end_text(b);
	}
	for (size_t k = 0, at_byte = 0; k < s->n_inputs; k++) {
		w->values[t->point.n + k].text = b->data + at_byte;
		at_byte += w->values[t->point.n + k].len + 1;
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

static int put_argv(struct launch *l, const struct spec *s, const struct task *t,
		    const struct specials *sp, struct err *e)
{
	l->work->n_words = 0;
	if (s->start == START_COMMAND) {
		if (put_words(l, &s->command, t, sp, e) < 0)
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
	char digits[DIGITS_MAX];

	put_digits(digits, value);
	set(l, name, digits);
}

static void set_seed_words(struct launch *l, const struct task *t)
{
	launch_env_begin(&l->work->env, &l->text, "PPGEN_SEED_WORDS", false);
	for (size_t k = 0; k < sizeof t->seeds.words / sizeof *t->seeds.words; k++) {
		if (k)
			buf_putc(&l->text, ',');
		buf_put_u64(&l->text, t->seeds.words[k]);
	}
	end_text(&l->text);
}

/* PPGEN_INPUT_<NAME>: the inputs' paths. */
static void set_inputs(struct launch *l, const struct spec *s, const struct task *t)
{
	struct buf *b = &l->text;

	for (size_t k = 0; k < s->n_inputs; k++) {
		const struct value *path = &l->work->values[t->point.n + k];
		size_t from = b->len;

		buf_puts(b, "PPGEN_INPUT_");
		for (const char *c = s->inputs[k].name; *c; c++)
			buf_putc(b, isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c)
							       : '_');
		launch_env_named(&l->work->env, b, from, false);
		buf_add(b, path->text, path->len);
		end_text(b);
	}
}

static void set_own(struct launch *l, const struct task *t, const struct specials *sp,
		    const struct launch_place *at)
{
	set(l, "PPGEN_TASK", t->shown);
	set(l, "PPGEN_INDEX", sp->index);
	set(l, "PPGEN_SEED", sp->seed);
	set(l, "PPGEN_SEED64", sp->seed64);
	set_seed_words(l, t);
	set_number(l, "PPGEN_ATTEMPT", t->attempt);
	set(l, "PPGEN_CPUS", sp->cpus);
	set(l, "PPGEN_MEMORY", sp->memory);
	set(l, "PPGEN_RUN", at->rundir);
	set(l, "PPGEN_SCRATCH", sp->texts[SPECIAL_SCRATCH]);
	set(l, "PPGEN_KEEP", sp->texts[SPECIAL_KEEP]);
	if (sp->texts[SPECIAL_LAUNCH])
		set(l, "PPGEN_LAUNCH", sp->texts[SPECIAL_LAUNCH]);
}

static int put_env(struct launch *l, const struct spec *s, const struct task *t,
		   const struct specials *sp, const struct launch_place *at, struct err *e)
{
	struct launch_env *env = &l->work->env;

	launch_env_start(env, at->base_env);
	set_own(l, t, sp, at);
	set_inputs(l, s, t);
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

int task_launch(const struct task *t, const struct plan *p, const struct launch_place *at,
		struct launch *l, struct err *e)
{
	const struct spec *s = p->spec;
	struct folders folders;
	struct specials sp;

	if (!l->work)
		l->work = mem_alloc(sizeof *l->work);
	l->work->spec = s;
	buf_clear(&l->text);
	folders = put_folders(&l->work->scratch, &l->work->keep, t, at);
	specials_fill(&sp, t, &folders);
	if (launcher_fill(&l->work->launcher, at->launch, &t->res, e) < 0)
		return -1;
	if (l->work->launcher.n)
		sp.texts[SPECIAL_LAUNCH] = buf_str(&l->work->launcher.line);
	l->work->workdir = 0;
	if (put_workdir(t, s, &sp, &l->text, e) < 0)
		return -1;
	end_text(&l->text);
	if (collect_values(l->work, s, t, at, e) < 0 || put_argv(l, s, t, &sp, e) < 0 ||
	    put_env(l, s, t, &sp, at, e) < 0)
		return -1;
	point_into_text(l);
	l->scratch = spec_uses_scratch(s) ? l->work->scratch.data : NULL;
	l->keep = spec_uses_keep(s) ? l->work->keep.data : NULL;
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
