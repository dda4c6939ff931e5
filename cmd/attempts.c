/* SPDX-License-Identifier: MIT */
/* Gathers the attempts of some tasks from all journals. */
#include "cmd/attempts.h"

#include <stdlib.h>
#include <string.h>

struct walk {
	struct attempts *list;
	size_t n;
	const struct scan_file *file;
	char *host; /* of the file that is walked */
};

static struct attempts *wanted(struct walk *w, const struct record *r)
{
	for (size_t i = 0; r->has_id && i < w->n; i++)
		if (!memcmp(w->list[i].id, r->id, TASK_ID_SIZE))
			return &w->list[i];
	return NULL;
}

/* The attempt that this writer has begun under this number, or a new one. */
static struct attempt *attempt_of(struct attempts *a, const char *writer, unsigned number)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->items[i].rec.attempt == number && !strcmp(a->items[i].writer, writer))
			return &a->items[i];
	ARRAY_ROOM(a->items, a->n, a->cap);
	struct attempt *t = &a->items[a->n++];
	*t = (struct attempt){ .writer = mem_dup(writer) };
	return t;
}

static int take(void *arg, const struct scan_file *file, uint64_t offset, const struct record *r)
{
	struct walk *w = arg;
	(void)offset;
	if (r->kind == RECORD_HEADER) {
		free(w->host);
		w->host = json_string(json_get(r->line, "host"));
	}
	struct attempts *a = r->kind == RECORD_START || r->kind == RECORD_END ? wanted(w, r) : NULL;
	if (!a)
		return 0;
	struct attempt *t = attempt_of(a, file->writer, r->attempt);
	free(t->line);
	t->line = mem_dupn(r->line.text, r->line.len);
	record_decode(t->line, r->line.len, &t->rec);
	t->ended = r->kind == RECORD_END;
	t->writer_dead = file->dead || file->closed;
	if (!t->host)
		t->host = mem_dup(w->host ? w->host : "?");
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct attempt *x = a, *y = b;
	if (x->rec.attempt != y->rec.attempt)
		return x->rec.attempt < y->rec.attempt ? -1 : 1;
	return strcmp(x->writer, y->writer);
}

int attempts_find(const char *rundir, struct attempts *list, size_t n, struct err *e)
{
	struct walk w = { list, n, NULL, NULL };
	int r = scan_records(rundir, take, &w, e);
	for (size_t i = 0; i < n; i++)
		if (list[i].n)
			qsort(list[i].items, list[i].n, sizeof *list[i].items, by_number);
	free(w.host);
	return r;
}

uint64_t attempt_begins(const struct attempt *a, enum stream which)
{
	struct json_iter it = json_iter(json_get(a->rec.line, "at"));
	struct json item;
	uint64_t at = 0;
	for (int k = STREAM_STDOUT; it.type == JSON_ARRAY && json_next(&it, NULL, &item); k++)
		if (k == (int)which && json_u64(item, &at))
			return at;
	return 0;
}

void attempts_free(struct attempts *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < list[i].n; k++) {
			free(list[i].items[k].writer);
			free(list[i].items[k].line);
			free(list[i].items[k].host);
		}
		free(list[i].items);
	}
}
