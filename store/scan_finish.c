/* SPDX-License-Identifier: MIT */
/*
 * The fold's end: what can be said only when every journal has been read. Which attempts are void,
 * which starts never ended, and what is stale.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/scan_fold.h"

static int compare_voids(const void *pa, const void *pb)
{
	const struct voided *a = pa, *b = pb;

	if (a->index != b->index) {
		return a->index < b->index ? -1 : 1;
	}
	return a->upto < b->upto ? -1 : a->upto > b->upto;
}

/* Sorts the voids, one a task; forgets what the first pass made of those tasks, and passes over the
 * journals again for them. */
int fold_voids(struct fold *f)
{
	struct scan_private *p = f->s->priv;
	struct places *d = &p->doubles;
	size_t n = 0;

	if (p->n_voids == f->n_known) {
		return 0;
	}
	qsort(p->voids, p->n_voids, sizeof *p->voids, compare_voids);
	for (size_t i = 0; i < p->n_voids; i++) {
		if (i + 1 == p->n_voids || p->voids[i + 1].index != p->voids[i].index) {
			p->voids[n++] = p->voids[i];
		}
	}
	p->n_voids = f->n_known = n;
	for (size_t i = 0; i < p->n_voids; i++) {
		struct task_state *st = &f->s->tasks[p->voids[i].index];

		*st = (struct task_state){ .attempts = st->attempts };
	}
	n = 0;
	for (size_t i = 0; i < d->n; i++) {
		if (fold_voided(f, d->items[i].index) == 0) {
			d->items[n++] = d->items[i];
		}
	}
	d->n = n;
	f->again = true;
	return fold_pass(f);
}

static int compare_ends(const void *pa, const void *pb)
{
	const struct ended *a = pa, *b = pb;
	const int order = memcmp(a->id, b->id, TASK_ID_SIZE);

	return order ? order : a->attempt < b->attempt ? -1 : a->attempt > b->attempt;
}

static int compare_open(const void *pa, const void *pb)
{
	const struct open_start *a = pa, *b = pb;

	if (a->file != b->file) {
		return a->file < b->file ? -1 : 1;
	}
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* Drops the starts whose end stands in another journal, and marks the tasks of the others. */
int fold_open(struct fold *f)
{
	struct scan *s = f->s;
	struct scan_private *p = s->priv;
	size_t n = 0;

	if (s->n_open == 0) {
		return 0;
	}
	qsort(s->open, s->n_open, sizeof *s->open, compare_open);
	if (p->n_ends > 0) {
		qsort(p->ends, p->n_ends, sizeof *p->ends, compare_ends);
	}
	for (size_t i = 0; i < s->n_open; i++) {
		const struct open_start x = s->open[i];
		struct ended key = { .attempt = x.attempt };
		struct task_state *st;

		memcpy(key.id, x.id, TASK_ID_SIZE);
		if (p->n_ends > 0 &&
		    bsearch(&key, p->ends, p->n_ends, sizeof *p->ends, compare_ends)) {
			continue;
		}
		s->open[n++] = x;
		if (x.index == UINT64_MAX || x.attempt <= fold_voided(f, x.index)) {
			continue;
		}
		st = &s->tasks[x.index];
		if (!s->files[x.file].dead && !s->files[x.file].closed) {
			st->flags |= TASK_RUNNING;
		} else if (x.attempt >= st->attempts) {
			st->flags |= TASK_LOST;
		}
	}
	s->n_open = n;
	return 0;
}

static int compare_codes(const void *a, const void *b)
{
	return strcmp(a, b); /* a code is the first member */
}

/* Counts stale tasks by the code hash of what they have: with inputs of single tasks, each may have
 * its own. */
int fold_stale(struct fold *f)
{
	struct scan *s = f->s;
	size_t cap = 0, n = 0;
	struct record r;

	for (uint64_t i = 0; s->priv->any_stale && i < s->count; i++) {
		const struct task_state *st = &s->tasks[i];

		if (!(st->flags & TASK_STALE)) {
			continue;
		}
		if (scan_read(s, st->file, st->offset, &r, f->e) < 0) {
			return -1;
		}
		/* tasks that lie together mostly share their code */
		if (s->n_stale == 0 || strcmp(s->stale[s->n_stale - 1].code, r.code) != 0) {
			ARRAY_ROOM(s->stale, s->n_stale, cap);
			memcpy(s->stale[s->n_stale].code, r.code, sizeof r.code);
			s->stale[s->n_stale++].tasks = 0;
		}
		s->stale[s->n_stale - 1].tasks++;
	}
	if (s->n_stale < 2) {
		return 0;
	}
	qsort(s->stale, s->n_stale, sizeof *s->stale, compare_codes);
	for (size_t i = 1; i < s->n_stale; i++) {
		if (strcmp(s->stale[i].code, s->stale[n].code) == 0) {
			s->stale[n].tasks += s->stale[i].tasks;
		} else {
			s->stale[++n] = s->stale[i];
		}
	}
	s->n_stale = n + 1;
	return 0;
}
