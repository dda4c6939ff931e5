/* SPDX-License-Identifier: MIT */
/* Failures by cause. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/failures.h"
#include "store/output.h"

#define SAID_MAX 20 /* causes whose sample's stderr is looked at */

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

/* What causes that differ only in a path or a value have in common: "exit code" keeps its number,
 * which tells, and the text of an exception does not. */
static char *kind_of(const char *why)
{
	struct buf b = BUF_INIT;
	const bool tells = !strncmp(why, "exit code ", 10) || !strncmp(why, "signal ", 7);
	bool quoted = false;
	for (const char *p = why; *p; p++) {
		if (*p == '\'')
			quoted = !quoted;
		if (quoted ? *p == '\'' : tells || *p < '0' || *p > '9')
			buf_putc(&b, *p);
	}
	return buf_take(&b);
}

static struct cause *cause_for(struct cause **list, size_t *n, size_t *cap, enum outcome o,
			       const char *why, uint64_t index)
{
	char *kind = kind_of(why);
	struct cause *c = NULL;
	for (size_t i = 0; !c && i < *n; i++)
		if ((*list)[i].outcome == o &&
		    !strcmp((*list)[i].kind ? (*list)[i].kind : "", kind ? kind : ""))
			c = &(*list)[i];
	if (!c && *n == CAUSES_MAX)
		c = &(*list)[*n - 1];
	if (c) {
		free(kind);
		return c;
	}
	ARRAY_ROOM(*list, *n, *cap);
	(*list)[*n] = (struct cause){ .outcome = o,
				      .why = mem_dup(*n + 1 == CAUSES_MAX ? "other causes" : why),
				      .kind = kind,
				      .sample = index };
	return &(*list)[(*n)++];
}

/* The last line of a task's stderr that is not blank. Damaged output says nothing here. */
static char *last_said(struct scan *s, const struct task_state *t, struct output_reader *outputs)
{
	struct record r;
	const char *data;
	size_t len;
	if (scan_read(s, t->file, t->offset, &r, NULL) < 0)
		return NULL;
	struct piece p = record_stream(&r, STREAM_STDERR);
	if (!p.there ||
	    output_get(outputs, s->files[t->file].writer, &p, false, &data, &len, NULL) < 0)
		return NULL;
	while (len && strchr(" \t\r\n", data[len - 1]))
		len--;
	const char *nl = len ? memrchr(data, '\n', len) : NULL;
	const char *line = nl ? nl + 1 : data;
	return len ? mem_dupn(line, (size_t)(data + len - line)) : NULL;
}

static int more_frequent(const void *a, const void *b)
{
	const struct cause *x = a, *y = b;
	if (x->tasks != y->tasks)
		return x->tasks < y->tasks ? 1 : -1;
	return x->sample < y->sample ? -1 : x->sample > y->sample;
}

int causes_find(struct scan *s, const struct selection *sel, struct cause **out, size_t *n,
		struct err *e)
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
	struct output_reader *outputs = output_reader_new(s->rundir);
	for (size_t i = 0; i < *n && i < SAID_MAX; i++)
		list[i].said = last_said(s, &s->tasks[list[i].sample], outputs);
	output_reader_free(outputs);
	*out = list;
	return 0;
}

void causes_free(struct cause *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(c[i].why);
		free(c[i].kind);
		free(c[i].said);
	}
	free(c);
}

void put_causes(struct buf *b, const struct scan *s, const char *named, const struct cause *c,
		size_t n, size_t most)
{
	struct point pt;
	point_init(&pt, s->plan->spec->space);
	for (size_t i = 0; i < n && i < most; i++) {
		char shown[TASK_ID_SHOWN];
		load_shown(s->plan, c[i].sample, &pt, shown);
		buf_printf(b, "  %6llu x ", (unsigned long long)c[i].tasks);
		text_put_shown(b, c[i].why, strlen(c[i].why), 120);
		buf_printf(b, "\n             e.g. ppgen log%s %.*s  (", named, TASK_BRIEF, shown);
		put_params(b, s->plan, &pt, 100);
		buf_puts(b, ")\n");
		if (c[i].said) {
			buf_puts(b, "             stderr: ");
			text_put_shown(b, c[i].said, strlen(c[i].said), 160);
			buf_putc(b, '\n');
		}
	}
	if (n > most)
		buf_printf(b, "  ... and %zu more causes\n", n - most);
	point_free(&pt);
}
