/* SPDX-License-Identifier: MIT */
/*
 * A pass of the fold: from records to a state a task. One pass over all journals. Voids may stand
 * anywhere, also in front of what they void, so they are collected in this pass; where there are
 * any, the states of the tasks that they name are then made anew by a second pass that knows them
 * all.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/scan_fold.h"

/* The task of this plan that a record is about; UINT64_MAX when it is of none. */
static uint64_t fold_find(struct fold *f, const struct record *r)
{
	const struct plan *p = f->s->plan;
	uint8_t id[TASK_ID_SIZE];

	if (p->number > 0 && r->plan == p->number && r->index < f->s->count && !f->by_id) {
		if (f->checked) {
			return r->index;
		}
		f->checked = true;
		space_point(p->spec->space, r->index, &f->point);
		task_id(p->spec->space, &f->point, id);
		if (memcmp(id, r->id, TASK_ID_SIZE) == 0) {
			return r->index;
		}
		f->by_id = true;
	}
	if (!f->ids) {
		f->ids = id_index_new(p->spec->space);
	}
	return id_index_find(f->ids, r->id);
}

/* Whether results under a code hash count for a task. */
static enum accept fold_accept(struct fold *f, const char *code, uint64_t index)
{
	const struct plan *p = f->s->plan;
	char now[CODE_HEX] = "";
	enum accept a;

	if (!p->per_task_inputs && f->code[0] && strcmp(f->code, code) == 0) {
		return f->accept;
	}
	if (p->per_task_inputs) {
		space_point(p->spec->space, index, &f->point);
		if (plan_task_code(p, &f->point, now, NULL) < 0) {
			now[0] = '\0'; /* an input is gone: no hash is that of the code now */
		}
	} else {
		memcpy(now, p->code, sizeof now);
	}
	a = plan_accepts(p, code, now) ? ACCEPT_YES
	    : plan_reruns(p, code)     ? ACCEPT_RERUN
				       : ACCEPT_STALE;
	memcpy(f->code, code, sizeof f->code);
	f->accept = a;
	return a;
}

unsigned fold_voided(const struct fold *f, uint64_t index)
{
	const struct voided *voids = f->s->priv->voids;
	size_t low = 0, high = f->n_known;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (voids[middle].index < index) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < f->n_known && voids[low].index == index ? voids[low].upto : 0;
}

static void fold_void(struct fold *f, uint64_t index, unsigned upto)
{
	struct scan_private *p = f->s->priv;

	if (upto > fold_voided(f, index)) {
		ARRAY_ROOM(p->voids, p->n_voids, p->cap_voids);
		p->voids[p->n_voids++] = (struct voided){ index, upto, 0 };
	}
}

static void raise_attempts(struct task_state *st, unsigned attempt)
{
	if (attempt > st->attempts) {
		st->attempts = attempt > UINT16_MAX ? UINT16_MAX : (uint16_t)attempt;
	}
}

static void fold_start(struct fold *f, uint64_t index, uint64_t offset, const struct record *r)
{
	struct open_entry x = {
		.attempt = r->attempt,
		.slot = r->slot,
		.index = index,
		.offset = offset,
		.time_ms = r->time_ms,
	};

	if (f->again) {
		return;
	}
	memcpy(x.id, r->id, TASK_ID_SIZE);
	open_table_add(&f->open, &x);
	if (index != UINT64_MAX) {
		raise_attempts(&f->s->tasks[index], r->attempt);
	}
}

static void fold_close_start(struct fold *f, const struct record *r)
{
	struct scan_private *p = f->s->priv;

	if (!open_table_remove(&f->open, r->id, r->attempt)) {
		ARRAY_ROOM(p->ends, p->n_ends, p->cap_ends);
		p->ends[p->n_ends].attempt = r->attempt;
		memcpy(p->ends[p->n_ends++].id, r->id, TASK_ID_SIZE);
	}
}

/* Weighs an attempt that ended and is not void. */
static int fold_weigh(struct fold *f, uint64_t index, uint64_t offset, const struct record *r)
{
	const enum accept accept = fold_accept(f, r->code, index);
	struct contender c = {
		.rank = r->outcome == OUTCOME_OK ? RANK_GOOD : RANK_FAILED,
		.outcome = r->outcome,
		.attempt = r->attempt,
		.file = f->file,
		.offset = offset,
	};
	int there;

	if (accept == ACCEPT_RERUN || (accept == ACCEPT_STALE && r->outcome != OUTCOME_OK)) {
		return 0;
	}
	if (accept == ACCEPT_STALE) {
		f->s->priv->any_stale = true;
		c.rank = RANK_STALE;
		c.outcome = OUTCOME_NONE;
		c.flags = TASK_STALE;
		return winner_offer(f->s, index, &c, f->e);
	}
	there = scan_output_there(f->s, f->file, offset, r, f->e);
	if (there <= 0) {
		f->s->damaged_output += there == 0;
		return there;
	}
	if ((r->outcome == OUTCOME_OK || r->outcome == OUTCOME_INVALID) &&
	    strcmp(r->results, f->s->plan->results) != 0) {
		c.flags = TASK_REREAD;
		if (f->o->judge) {
			buf_clear(&f->s->priv->why);
			if (scan_judge(f->s, f->file, r, &c.outcome, &f->s->priv->why, f->e) < 0) {
				return -1;
			}
			if (c.outcome == OUTCOME_LOST) {
				f->s->damaged_output++;
				return 0;
			}
		}
		c.rank = c.outcome == OUTCOME_OK     ? RANK_GOOD
			 : c.outcome == OUTCOME_NONE ? RANK_NOT_KEPT
						     : RANK_FAILED;
	}
	return winner_offer(f->s, index, &c, f->e);
}

static int fold_end(struct fold *f, uint64_t index, uint64_t offset, const struct record *r)
{
	unsigned upto;

	if (!f->again) {
		fold_close_start(f, r);
		if (index == UINT64_MAX) {
			f->s->foreign++;
			return 0;
		}
		raise_attempts(&f->s->tasks[index], r->attempt);
		if (r->outcome == OUTCOME_OK && r->voids > 0) {
			fold_void(f, index, r->voids);
		}
	}
	upto = index == UINT64_MAX ? 0 : fold_voided(f, index);
	if (r->attempt <= upto || (f->again && upto == 0)) {
		return 0;
	}
	if (r->outcome != OUTCOME_OK && !outcome_is_failure(r->outcome)) {
		return 0; /* interrupted or lost: as if it had not been */
	}
	return fold_weigh(f, index, offset, r);
}

static int fold_record(void *arg, size_t file, uint64_t offset, const struct record *r)
{
	struct fold *f = arg;
	uint64_t index;

	(void)file;
	if (!r->has_id || r->kind == RECORD_UNKNOWN) {
		return 0;
	}
	index = fold_find(f, r);
	if (r->kind == RECORD_START) {
		fold_start(f, index, offset, r);
	} else if (r->kind == RECORD_END) {
		return fold_end(f, index, offset, r);
	} else if (r->kind == RECORD_VOID && index != UINT64_MAX && r->upto > 0 && !f->again) {
		fold_void(f, index, r->upto);
	}
	return 0;
}

static void begin_file(void *arg, size_t file)
{
	struct fold *f = arg;

	f->file = (uint32_t)file;
	f->checked = f->by_id = false;
	for (size_t i = 0; !f->again && i < f->n_was_open; i++) {
		const struct open_start *x = &f->was_open[i];
		struct open_entry entry = {
			.attempt = x->attempt,
			.slot = x->slot,
			.index = x->index,
			.offset = x->offset,
			.time_ms = x->time_ms,
		};

		if (x->file == file) {
			memcpy(entry.id, x->id, TASK_ID_SIZE);
			open_table_add(&f->open, &entry);
		}
	}
}

/* The starts that are left when a journal has been read. */
static void keep_open(void *arg, size_t file)
{
	struct fold *f = arg;
	struct scan *s = f->s;

	s->damaged += s->files[file].damaged;
	for (size_t i = 0; f->open.n > 0 && i < f->open.cap; i++) {
		const struct open_entry *x = &f->open.slots[i];

		if (x->used) {
			ARRAY_ROOM(s->open, s->n_open, f->cap_open);
			s->open[s->n_open] = (struct open_start){
				.index = x->index,
				.file = (uint32_t)file,
				.offset = x->offset,
				.attempt = x->attempt,
				.slot = x->slot,
				.time_ms = x->time_ms,
			};
			memcpy(s->open[s->n_open++].id, x->id, TASK_ID_SIZE);
		}
	}
	open_table_clear(&f->open);
}

int fold_pass(struct fold *f)
{
	const struct scan_walk w = {
		.files = f->s->files,
		.n = f->s->n_files,
		.from = f->again ? NULL : f->from,
		.fn = fold_record,
		.begin = begin_file,
		.end = f->again ? NULL : keep_open,
		.arg = f,
	};

	return scan_walk(&w, f->e) == 0 ? 0 : -1;
}
