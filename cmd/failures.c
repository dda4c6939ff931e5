/* SPDX-License-Identifier: MIT */
/* Failures by cause. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/failures.h"

void put_why(struct buf *b, const struct record *r)
{
	struct json why = json_get(r->line, "why");
	size_t from = b->len;
	if (why.type == JSON_STRING)
		json_put_decoded(b, why);
	if (b->len > from)
		return;
	if (r->outcome == OUTCOME_EXIT)
		buf_printf(b, "exit code %d", r->exit_code);
	else if (r->outcome == OUTCOME_SIGNAL)
		buf_printf(b, "signal %d (%s)", r->signal, strsignal(r->signal));
	else
		buf_puts(b, outcome_names[r->outcome]);
}

static struct cause *cause_for(struct cause **list, size_t *n, size_t *cap, enum outcome o, const char *why, uint64_t index)
{
	for (size_t i = 0; i < *n; i++)
		if ((*list)[i].outcome == o && !strcmp((*list)[i].why, why))
			return &(*list)[i];
	if (*n == CAUSES_MAX)
		return &(*list)[*n - 1];
	ARRAY_ROOM(*list, *n, *cap);
	(*list)[*n] = (struct cause){ o, mem_dup(*n + 1 == CAUSES_MAX ? "other causes" : why), 0, index };
	return &(*list)[(*n)++];
}

static int more_frequent(const void *a, const void *b)
{
	const struct cause *x = a, *y = b;
	if (x->tasks != y->tasks)
		return x->tasks < y->tasks ? 1 : -1;
	return x->sample < y->sample ? -1 : x->sample > y->sample;
}

int causes_find(struct scan *s, const struct selection *sel, struct cause **out, size_t *n, struct err *e)
{
	struct cause *list = NULL;
	struct buf why = BUF_INIT;
	size_t cap = 0;
	int r = 0;
	*n = 0;
	for (uint64_t i = 0; r == 0 && i < s->count; i++) {
		struct record rec;
		enum outcome o = s->tasks[i].outcome;
		if (!outcome_is_failure(o) || !selected(sel, i))
			continue;
		r = scan_read(s, s->tasks[i].file, s->tasks[i].offset, &rec, e);
		if (r < 0)
			break;
		buf_clear(&why);
		if (s->tasks[i].flags & TASK_REREAD)
			r = scan_judge(s, s->tasks[i].file, &rec, &o, &why, e);
		else
			put_why(&why, &rec);
		cause_for(&list, n, &cap, o, buf_str(&why), i)->tasks++;
	}
	buf_free(&why);
	if (r < 0) {
		causes_free(list, *n);
		return -1;
	}
	if (*n)
		qsort(list, *n, sizeof *list, more_frequent);
	*out = list;
	return 0;
}

void causes_free(struct cause *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(c[i].why);
	free(c);
}

void put_causes(struct buf *b, const struct scan *s, const char *named, const struct cause *c, size_t n, size_t most)
{
	const struct space *sp = s->plan->spec->space;
	struct point pt;
	point_init(&pt, sp);
	for (size_t i = 0; i < n && i < most; i++) {
		uint8_t id[TASK_ID_SIZE];
		char shown[TASK_ID_SHOWN];
		space_point(sp, c[i].sample, &pt);
		task_id(sp, &pt, id);
		task_id_show(id, shown);
		buf_printf(b, "  %6llu x ", (unsigned long long)c[i].tasks);
		text_put_shown(b, c[i].why, strlen(c[i].why), 120);
		buf_printf(b, "\n             e.g. ppgen log%s %.*s  (", named, TASK_BRIEF, shown);
		put_params(b, s->plan, &pt, 100);
		buf_puts(b, ")\n");
	}
	if (n > most)
		buf_printf(b, "  ... and %zu more causes\n", n - most);
	point_free(&pt);
}
