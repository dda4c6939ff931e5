/* SPDX-License-Identifier: MIT */
/*
 * The quick way to tables: tasks are cut into blocks, whose rows threads read and write apart, and
 * which are joined in their order. It is tried on the guess that all rows have the columns of the
 * first. A block in which anything is otherwise ends it: the careful way begins anew, and tells.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ahead.h"
#include "base/mem.h"
#include "collect/collection.h"

#define THREADS     4
#define LEARN_MOST  64                  /* tasks that are asked for a first row of every source */
#define BLOCK_TASKS 2048                /* at most */
#define BLOCK_BYTES ((size_t)256 << 10) /* of rows, as many as the first task's let expect */
#define BLOCK_MOST  ((size_t)32 << 20)  /* more at once is too much for memory */

struct quick {
	struct collection *c;
	uint64_t block; /* tasks in one */
};

struct block {
	const struct quick *q;
	struct gather *gather;
	struct writer **parts; /* one a table */
	size_t source;         /* whose rows are being given */
	bool otherwise;
};

/* ---- the first rows ---- */

struct learning {
	struct collection *c;
	size_t source;
};

static int learn_row(void *arg, struct gather_task *t, const struct row *row, struct err *e)
{
	struct learning *l = arg;

	return columns_note(l->c->columns[l->source], t, row, e);
}

/* Whether every source has given rows, and all of the same columns. */
static bool has_learned(const struct collection *c)
{
	struct column_gap gap;

	for (size_t k = 0; k < c->n_sources; k++)
		if (c->columns[k] &&
		    (columns_rows(c->columns[k]) == 0 || columns_gap(c->columns[k], &gap)))
			return false;
	return true;
}

/* Notes the first tasks, until all columns are known. */
static bool learn_columns(struct collection *c)
{
	unsigned tried = 0;

	for (uint64_t i = 0; i < c->scan->count && tried < LEARN_MOST; i++) {
		struct learning l = { c, 0 };
		struct err e = ERR_INIT;

		if (c->scan->tasks[i].outcome != OUTCOME_OK)
			continue;
		tried++;
		if (gather_open(c->gather, i, &e) != 0)
			return false;
		for (l.source = 0; l.source < c->n_sources; l.source++)
			if (c->columns[l.source] &&
			    gather_rows(c->gather, l.source, learn_row, &l, &e) != 0)
				return false;
		if (has_learned(c))
			return true;
	}
	return false;
}

/* ---- blocks ---- */

static void *block_new(void *arg)
{
	const struct quick *q = arg;
	struct block *b = mem_alloc(sizeof *b);

	b->q = q;
	b->gather = gather_new(q->c->scan);
	b->parts = mem_array(q->c->n_tables, sizeof(struct writer *));
	for (size_t i = 0; i < q->c->n_tables; i++)
		b->parts[i] = writer_part(q->c->tables[i].w);
	return b;
}

static void block_free(void *slot)
{
	struct block *b = slot;

	for (size_t i = 0; i < b->q->c->n_tables; i++)
		writer_free(b->parts[i]);
	free(b->parts);
	gather_free(b->gather);
	free(b);
}

static int block_row(void *arg, struct gather_task *t, const struct row *row, struct err *e)
{
	struct block *b = arg;
	const struct collection *c = b->q->c;
	const struct columns *columns = c->columns[b->source];
	const long *order = columns_same(columns, t, row);

	if (!order)
		return -1;
	for (size_t i = 0; i < c->n_tables; i++) {
		if (c->tables[i].source != b->source)
			continue;
		table_put_row(b->parts[i], t, row, order, columns_count(columns), e);
		if (writer_part_size(b->parts[i]) > BLOCK_MOST)
			return -1;
	}
	return 0;
}

/* What may be wrong is told by the careful way. */
static bool make_task(struct block *b, uint64_t index, struct err *unsaid)
{
	const struct collection *c = b->q->c;

	if (gather_open(b->gather, index, unsaid) != 0)
		return false;
	for (b->source = 0; b->source < c->n_sources; b->source++)
		if (c->columns[b->source] &&
		    gather_rows(b->gather, b->source, block_row, b, unsaid) != 0)
			return false;
	return true;
}

static uint64_t block_end(const struct quick *q, uint64_t job)
{
	const uint64_t end = (job + 1) * q->block;

	return end < q->c->scan->count ? end : q->c->scan->count;
}

static void make_block(void *arg, uint64_t job, void *slot)
{
	const struct quick *q = arg;
	const uint64_t end = block_end(q, job);
	struct block *b = slot;
	struct err unsaid = ERR_INIT;

	b->otherwise = false;
	for (uint64_t i = job * q->block; !b->otherwise && i < end; i++)
		if (q->c->scan->tasks[i].outcome == OUTCOME_OK)
			b->otherwise = !make_task(b, i, &unsaid);
}

struct joining {
	struct quick q; /* first: the steps above are given the whole */
	struct err *e;
};

static int take_block(void *arg, uint64_t job, void *slot)
{
	struct joining *j = arg;
	struct block *b = slot;

	(void)job;
	if (b->otherwise)
		return QUICK_NOT;
	for (size_t i = 0; i < j->q.c->n_tables; i++)
		if (writer_join(j->q.c->tables[i].w, b->parts[i], j->e) < 0)
			return -1;
	return 0;
}

/* ---- all of it ---- */

/* How many tasks make a block of a good size, by what the first one gives. */
static uint64_t block_tasks(struct quick *q)
{
	struct block *b = block_new(q);
	struct err unsaid = ERR_INIT;
	size_t most = 1;
	uint64_t n;

	for (uint64_t i = 0; i < q->c->scan->count; i++) {
		if (q->c->scan->tasks[i].outcome == OUTCOME_OK) {
			make_task(b, i, &unsaid);
			break;
		}
	}
	for (size_t i = 0; i < q->c->n_tables; i++)
		if (writer_part_size(b->parts[i]) > most)
			most = writer_part_size(b->parts[i]);
	block_free(b);
	n = BLOCK_BYTES / most;
	return n < 1 ? 1 : n > BLOCK_TASKS ? BLOCK_TASKS : n;
}

/* What cannot be begun anew, or must see each row in turn. */
static bool can_be_quick(const struct collection *c)
{
	for (size_t i = 0; i < c->n_tables; i++)
		if (c->tables[i].o->n_stats || strcmp(c->tables[i].o->to, "-") == 0)
			return false;
	return true;
}

static void give_up(struct collection *c)
{
	for (size_t i = 0; i < c->n_tables; i++) {
		writer_free(c->tables[i].w);
		c->tables[i].w = NULL;
	}
}

int quick_write(struct collection *c, struct err *e)
{
	static const struct ahead steps = { block_new, block_free, make_block, take_block };
	struct joining j = { .q = { .c = c }, .e = e };
	uint64_t jobs;
	int rc;

	if (!can_be_quick(c) || !learn_columns(c))
		return QUICK_NOT;
	for (size_t i = 0; i < c->n_tables; i++)
		if (table_open(c, &c->tables[i], e) < 0)
			return -1;
	j.q.block = block_tasks(&j.q);
	jobs = (c->scan->count + j.q.block - 1) / j.q.block;
	rc = ahead_run(&steps, &j, jobs, ahead_threads(THREADS));
	if (rc == QUICK_NOT)
		give_up(c);
	return rc;
}
