/* SPDX-License-Identifier: MIT */
/*
 * What is known of a chunk's tasks when others had it before: their journals tell which tasks are
 * done, how often others were tried, and which number the next attempt has.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "run/worker_internal.h"
#include "store/scan.h"

struct reading {
	const struct worker_source *s;
	struct task_past *pasts;
	size_t n;
	struct point point;
};

static int compare_pasts(const void *pa, const void *pb)
{
	const struct task_past *a = pa, *b = pb;

	return a->index < b->index ? -1 : a->index > b->index;
}

struct task_past *past_find(struct task_past *pasts, size_t n, uint64_t index)
{
	const struct task_past key = { .index = index };

	return n ? bsearch(&key, pasts, n, sizeof *pasts, compare_pasts) : NULL;
}

/* Whether what was made by this code counts. */
static bool is_accepted(struct reading *x, const struct record *r)
{
	const struct plan *p = x->s->o->plan;
	char now[CODE_HEX];

	memcpy(now, p->code, sizeof now);
	if (p->per_task_inputs) {
		space_point(p->spec->space, r->index, &x->point);
		if (plan_task_code(p, &x->point, now, NULL) < 0) {
			return false;
		}
	}
	return plan_accepts(p, r->code, now);
}

static void take_failure(struct reading *x, struct task_past *t, enum outcome o)
{
	const struct retry *retry = &x->s->o->plan->spec->retry;

	if (!(retry->on & outcome_retry_bit(o)) || ++t->tries > retry->times) {
		t->failed = true;
	} else if (o == OUTCOME_OOM) {
		t->memory *= retry->memory;
	} else if (o == OUTCOME_TIMEOUT) {
		t->time *= retry->time;
	}
}

static void take_end(struct reading *x, struct task_past *t, const struct record *r)
{
	/* one that saved what it had done before it was cut off has lost nothing */
	if (r->outcome != OUTCOME_INTERRUPTED || r->checkpointed) {
		t->lost -= t->lost > 0; /* its start counted it, as if it had no end */
	}
	if ((r->outcome != OUTCOME_OK && !outcome_is_failure(r->outcome)) || !is_accepted(x, r)) {
		return;
	}
	if (r->outcome == OUTCOME_OK) {
		t->good = true;
	} else {
		take_failure(x, t, r->outcome);
	}
}

/* A scan_fn. */
static int take_record(void *arg, const struct scan_file *file, uint64_t offset,
		       const struct record *r)
{
	struct reading *x = arg;
	struct task_past *t;

	(void)file;
	(void)offset;
	if ((r->kind != RECORD_START && r->kind != RECORD_END) ||
	    r->plan != x->s->o->plan->number) {
		return 0;
	}
	t = past_find(x->pasts, x->n, r->index);
	if (!t) {
		return 0;
	}
	if (r->attempt >= t->attempt) {
		t->attempt = r->attempt + 1;
	}
	if (r->kind == RECORD_START) {
		t->lost++;
	} else {
		take_end(x, t, r);
	}
	return 0;
}

int past_read(const struct worker_source *s, uint64_t from, uint64_t to,
	      const struct claim_holder *holders, size_t n_holders, struct task_past *pasts,
	      struct err *e)
{
	struct reading x = { .s = s, .pasts = pasts, .n = (size_t)(to - from) };
	int rc = 0;

	for (size_t i = 0; i < x.n; i++) {
		struct task_run run;

		task_list_at(&s->tasks, from + i, &run);
		pasts[i] = (struct task_past){ .index = run.first,
					       .attempt = run.attempt,
					       .tries = run.tries,
					       .lost = run.lost,
					       .memory = run.memory,
					       .time = run.time };
	}
	qsort(pasts, x.n, sizeof *pasts, compare_pasts);
	point_init(&x.point, s->o->plan->spec->space);
	for (size_t i = 0; rc == 0 && i < n_holders; i++) {
		rc = scan_writer_records(s->o->rundir, holders[i].writer, take_record, &x, e);
	}
	point_free(&x.point);
	return rc;
}
