/* SPDX-License-Identifier: MIT */
/* The parts of how a task is started that commands and calls share: its folders, what placeholders
 * stand for, the working folder. */
#include "gen/launch_parts.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"

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

void launch_put_scratch_folder(struct buf *out, const struct launch_place *at)
{
	buf_puts(out, at->scratch ? at->scratch : at->rundir);
	buf_puts(out, at->scratch ? "/" : "/scratch/");
}

void launch_put_keep_folder(struct buf *out, const struct launch_place *at)
{
	buf_puts(out, at->rundir);
	buf_puts(out, "/keep/");
}

static void put_folders(struct buf *scratch, struct buf *keep, const struct task *t,
			const struct launch_place *at)
{
	buf_clear(scratch);
	launch_put_scratch_folder(scratch, at);
	buf_puts(scratch, t->shown);
	buf_clear(keep);
	launch_put_keep_folder(keep, at);
	buf_puts(keep, t->shown);
	buf_putc(keep, '.');
	buf_puts(keep, t->code);
}

void launch_specials(struct specials *s, const struct task *t, const struct launch_place *at,
		     struct buf *scratch, struct buf *keep)
{
	put_folders(scratch, keep, t, at);
	put_digits(s->seed, t->seeds.seed);
	put_digits(s->seed64, t->seeds.seed64);
	put_digits(s->cpus, t->res.cpus);
	put_digits(s->memory, t->res.memory);
	put_digits(s->index, t->point.index);
	s->texts[SPECIAL_SEED] = s->seed;
	s->texts[SPECIAL_SEED64] = s->seed64;
	s->texts[SPECIAL_SCRATCH] = scratch->data;
	s->texts[SPECIAL_KEEP] = keep->data;
	s->texts[SPECIAL_LAUNCH] = NULL;
	s->texts[SPECIAL_CPUS] = s->cpus;
	s->texts[SPECIAL_MEMORY] = s->memory;
	s->texts[SPECIAL_TASK] = t->shown;
	s->texts[SPECIAL_INDEX] = s->index;
}

void launch_make_absolute(struct buf *b, size_t from, const char *dir)
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

int launch_put_workdir(const struct task *t, const struct spec *s, const struct specials *sp,
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
	launch_make_absolute(out, from, s->dir);
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
	struct specials sp;
	size_t from = out->len;
	int rc;

	launch_specials(&sp, t, at, &scratch, &keep);
	if (is_input(p->spec, path)) {
		buf_puts(&dir, p->spec->dir);
		rc = 0;
	} else {
		rc = launch_put_workdir(t, p->spec, &sp, &dir, e);
	}
	if (rc == 0)
		rc = ptext_fill(path, t->point.values, sp.texts, out, e);
	if (rc == 0)
		launch_make_absolute(out, from, buf_str(&dir));
	buf_free(&scratch);
	buf_free(&keep);
	buf_free(&dir);
	return rc;
}

int launch_values(struct launch_work *w, const struct spec *s, const struct task *t,
		  const struct launch_place *at, bool shared, struct err *e)
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
			buf_puts(b, at->rundir);
			buf_puts(b, "/inputs/");
			buf_puts(b, in->sha256);
		} else if (!shared || launch_input_is_shared(in)) {
			if (ptext_fill(in->path, t->point.values, NULL, b, e) < 0)
				return err_wrap(e, "input '%s'", in->name);
			launch_make_absolute(b, from, s->dir);
		}
		w->values[t->point.n + k] = (struct value){ VALUE_STRING, NULL, b->len - from };
		buf_putc(b, '\0');
	}
	for (size_t k = 0, at_byte = 0; k < s->n_inputs; k++) {
		w->values[t->point.n + k].text = b->data + at_byte;
		at_byte += w->values[t->point.n + k].len + 1;
	}
	return 0;
}

bool launch_input_is_shared(const struct input *in)
{
	return in->url || ptext_is_constant(in->path);
}

bool launch_env_is_shared(const struct spec *s, const struct env_entry *env)
{
	static const enum special differ[] = { SPECIAL_SEED, SPECIAL_SEED64, SPECIAL_SCRATCH,
					       SPECIAL_KEEP, SPECIAL_TASK,   SPECIAL_INDEX };
	const size_t n = space_names(s->space);

	for (size_t k = 0; k < sizeof differ / sizeof *differ; k++) {
		if (ptext_uses_special(env->value, differ[k]))
			return false;
	}
	for (size_t k = 0; k < n + s->n_inputs; k++) {
		if (ptext_uses(env->value, k) &&
		    (k < n || !launch_input_is_shared(&s->inputs[k - n])))
			return false;
	}
	return true;
}

void launch_put_input_name(struct buf *b, const char *name)
{
	buf_puts(b, "PPGEN_INPUT_");
	for (const char *c = name; *c; c++)
		buf_putc(b, isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_');
}

void launch_put_seed_words(struct buf *b, const struct seeds *seeds)
{
	for (size_t k = 0; k < sizeof seeds->words / sizeof *seeds->words; k++) {
		if (k)
			buf_putc(b, ',');
		buf_put_u64(b, seeds->words[k]);
	}
}
