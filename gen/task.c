/* SPDX-License-Identifier: MIT */
/* One task of a plan: what it is, and what it inherits. How it is started is in launch.c. */
#include "gen/task.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/*
 * Variables that tell of the array element around a task and not of the task. A '*' at the end stands for anything. Tasks of
 * scripts that were written for arrays would take the element's number for their own.
 */
static const char *const element_names[] = {
	"PPGEN_*",
	"SLURM_ARRAY_*",
	"PBS_ARRAY_*", "PBS_ARRAYID",
	"SGE_TASK_*",
	"LSB_JOBINDEX*",
	"OAR_ARRAY_*",
};

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

static bool is_inherited(const char *var)
{
	size_t n = strcspn(var, "=");

	if (!n || var[n] != '=')
		return false;
	for (size_t k = 0; k < sizeof element_names / sizeof *element_names; k++) {
		const char *name = element_names[k];
		size_t len = strlen(name);

		if (name[len - 1] == '*' ? n >= len - 1 && strncmp(var, name, len - 1) == 0
					 : n == len && strncmp(var, name, len) == 0)
			return false;
	}
	return true;
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
