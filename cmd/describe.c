/* SPDX-License-Identifier: MIT */
/* Resource classes, and how a task looks when it is started. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cmd/describe.h"

int classes_find(const struct plan *p, const struct selection *s, struct class **out, size_t *n,
		 bool *whole, struct err *e)
{
	const struct spec *spec = p->spec;
	uint64_t count = space_count(spec->space);
	size_t cap = 0;
	struct class *list = NULL;
	*n = 0;
	*whole = true;
	if (!spec->n_overrides) {
		list = mem_alloc(sizeof *list);
		*list = (struct class){ spec->res, s->count };
		*n = 1;
		*out = list;
		return 0;
	}
	struct point pt;
	point_init(&pt, spec->space);
	int r = 0;
	if (count > CLASSES_WALK_MAX) {
		count = CLASSES_WALK_MAX;
		*whole = false;
	}
	for (uint64_t i = 0; r == 0 && i < count; i++) {
		struct resources res;
		if (!selected(s, i))
			continue;
		space_point(spec->space, i, &pt);
		r = spec_resources(spec, &pt, &res, e);
		size_t k = 0;
		while (k < *n && !resources_equal(&list[k].res, &res))
			k++;
		if (k == *n) {
			ARRAY_ROOM(list, *n, cap);
			list[(*n)++] = (struct class){ res, 0 };
		}
		list[k].tasks++;
	}
	point_free(&pt);
	if (r < 0) {
		free(list);
		list = NULL;
	}
	*out = list;
	return r;
}

/* A part of a list, behind what stands there. */
static void put_part(struct buf *b, const char *what, const char *value)
{
	if (value) {
		buf_printf(b, ", %s ", what);
		text_put_shown(b, value, strlen(value), 60);
	}
}

void put_resources(struct buf *b, const struct resources *r)
{
	const bool many = r->nodes > 1;
	if (many) {
		put_counted(b, r->nodes, "node");
		buf_puts(b, ", ");
	}
	if (r->ranks) {
		put_counted(b, r->ranks, "rank");
		buf_puts(b, " of ");
	}
	put_counted(b, r->cpus, "cpu");
	buf_puts(b, many && !r->ranks ? " a node" : "");
	if (r->memory) {
		buf_puts(b, ", ");
		text_put_size(b, r->memory);
		buf_puts(b, many ? " a node" : "");
	}
	if (r->time_s) {
		buf_puts(b, ", at most ");
		text_put_duration(b, (double)r->time_s);
	}
	if (r->gpus) {
		buf_puts(b, ", ");
		put_counted(b, r->gpus, "gpu");
		buf_puts(b, many ? " a node" : "");
	}
	put_part(b, "gpu type", r->gpu_type);
	put_part(b, "constraint", r->constraint);
	put_part(b, "licences", r->licences);
	if (r->exclusive)
		buf_puts(b, ", exclusive");
}

void put_classes(struct buf *b, const struct class *c, size_t n, bool whole)
{
	for (size_t i = 0; i < n; i++) {
		buf_puts(b, "  ");
		put_resources(b, &c[i].res);
		buf_puts(b, " each: ");
		put_counted(b, c[i].tasks, "task");
		buf_putc(b, '\n');
	}
	if (!whole)
		buf_puts(b, "  (of the first 10,000,000 tasks)\n");
}

int put_command(struct buf *b, const struct plan *p, const char *rundir, const char *const *launch,
		uint64_t index, struct err *e)
{
	struct task t;
	struct launch l = { 0 };
	char **env = task_base_env(environ);
	struct launch_place at = { .rundir = rundir,
				   .base_env = (const char *const *)env,
				   .launch = launch };
	task_init(&t, p);
	int r = task_load(&t, p, index, e);
	if (r == 0)
		r = task_launch(&t, p, &at, &l, e);
	if (r == 0) {
		buf_puts(b, "      ");
		launch_put_command(&l, b);
		buf_putc(b, '\n');
	}
	launch_free(&l);
	task_free(&t);
	free(env);
	return r;
}

int put_sample(struct buf *b, const struct plan *p, const char *rundir, const char *const *launch,
	       uint64_t index, struct err *e)
{
	struct point pt;
	char shown[TASK_ID_SHOWN];
	point_init(&pt, p->spec->space);
	load_shown(p, index, &pt, shown);
	buf_printf(b, "  %llu  %.*s  ", (unsigned long long)index, TASK_BRIEF, shown);
	put_params(b, p, &pt, 200);
	buf_putc(b, '\n');
	point_free(&pt);
	return put_command(b, p, rundir, launch, index, e);
}
