/* SPDX-License-Identifier: MIT */
/* One task of a plan: what it is, what it inherits, and how it is shown. */
#include "gen/task.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "gen/launch_env.h"
#include "gen/template.h"

void task_init(struct task *t, const struct plan *p)
{
	memset(t, 0, sizeof *t);
	point_init(&t->point, p->spec->space);
	t->attempt = 1;
}

void task_free(struct task *t)
{
	point_free(&t->point);
	memset(t, 0, sizeof *t);
}

int task_load(struct task *t, const struct plan *p, uint64_t index, struct err *e)
{
	const struct space *space = p->spec->space;

	space_point(space, index, &t->point);
	task_id(space, &t->point, t->id);
	task_id_show(t->id, t->shown);
	task_seeds(space, &t->point, t->id, &t->seeds);
	if (spec_resources(p->spec, &t->point, &t->res, e) < 0)
		return err_wrap(e, "task %s", t->shown);
	if (plan_task_code(p, &t->point, t->code, e) < 0)
		return err_wrap(e, "task %s", t->shown);
	return 0;
}

/*
 * Variables that tell of the array element around a task are not the task's: scripts that were
 * written for arrays would take the element's number for their own.
 */
static bool is_inherited(const char *var)
{
	static const char *const own[] = { "PPGEN_*", NULL };
	const size_t n = strcspn(var, "=");

	return n > 0 && var[n] == '=' && !variables_have(own, var, n) &&
	       !variables_have(template_variables()->hidden, var, n);
}

char **task_base_env(char **environ_)
{
	size_t n = 0, bytes = 0;
	char **out, *at;

	for (char **v = environ_; v && *v; v++) {
		if (is_inherited(*v)) {
			n++;
			bytes += strlen(*v) + 1;
		}
	}
	out = mem_alloc((n + 1) * sizeof *out + bytes);
	at = (char *)(out + n + 1);
	n = 0;
	for (char **v = environ_; v && *v; v++) {
		size_t len = strlen(*v) + 1;

		if (!is_inherited(*v))
			continue;
		memcpy(at, *v, len);
		out[n++] = at;
		at += len;
	}
	return out;
}

/* Whether a word speaks of the variable, and not of one whose name only begins so. */
static bool word_names(const char *word, const char *name, size_t n)
{
	for (const char *at = strstr(word, "PPGEN_"); at; at = strstr(at + 1, "PPGEN_")) {
		if (strncmp(at, name, n) == 0 && !isalnum((unsigned char)at[n]) && at[n] != '_')
			return true;
	}
	return false;
}

/* Whether the spec itself passes the task's seed on. */
static bool passes_seed(const struct spec *s)
{
	bool passes = false;

	for (size_t k = 0; s->start == START_COMMAND && k < s->command.n; k++)
		passes |= ptext_uses_special(s->command.items[k], SPECIAL_SEED) ||
			  ptext_uses_special(s->command.items[k], SPECIAL_SEED64);
	for (size_t k = 0; k < s->n_env; k++)
		passes |= ptext_uses_special(s->env[k].value, SPECIAL_SEED) ||
			  ptext_uses_special(s->env[k].value, SPECIAL_SEED64);
	return passes;
}

/* Whether a variable belongs to what people are shown. */
static bool is_shown(const struct launch *l, size_t k, bool seed)
{
	const char *var = l->envp[k];
	size_t n = strcspn(var, "=");

	if (launch_env_shown(&l->work->env, k))
		return true;
	if (strncmp(var, "PPGEN_", 6) != 0)
		return false;
	for (char **word = l->argv; *word; word++) {
		if (word_names(*word, var, n))
			return true;
	}
	return seed && n == strlen("PPGEN_SEED") && strncmp(var, "PPGEN_SEED", n) == 0;
}

void launch_put_command(const struct launch *l, struct buf *b)
{
	bool seed = !passes_seed(l->work->spec), any = false;

	const char *const folders[] = { l->scratch, l->keep };
	size_t n_folders = 0;

	for (size_t k = 0; k < 2; k++) {
		if (!folders[k])
			continue;
		buf_puts(b, n_folders++ ? " " : "mkdir -p ");
		text_put_shell(b, folders[k], strlen(folders[k]));
	}
	if (n_folders)
		buf_puts(b, " && ");
	buf_puts(b, "cd ");
	text_put_shell(b, l->workdir, strlen(l->workdir));
	buf_puts(b, " &&");
	for (size_t k = 0; l->envp[k]; k++) {
		size_t n = strcspn(l->envp[k], "=") + 1;

		if (!is_shown(l, k, seed))
			continue;
		buf_puts(b, any ? " " : " env ");
		any = true;
		buf_add(b, l->envp[k], n);
		text_put_shell(b, l->envp[k] + n, strlen(l->envp[k] + n));
	}
	for (char **word = l->argv; *word; word++) {
		buf_putc(b, ' ');
		text_put_shell(b, *word, strlen(*word));
	}
}
