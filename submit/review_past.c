/* SPDX-License-Identifier: MIT */
/*
 * What this submission's journals tell of the tasks that are not good: how often each was tried,
 * why it ended, and whether it ended at all. Journals are read one by one; of each only the
 * attempts that have not ended yet are remembered, of which there are no more than slots.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/scan.h"
#include "submit/review_internal.h"

struct begun { /* an attempt without an end so far, or one that was cut off */
	struct lacking *task;
	unsigned attempt;
	bool cut;
};

struct walk {
	struct case_file *c;
	struct begun *open;
	size_t n_open, cap_open;
	uint32_t writer; /* from 1 */
	bool closed, told;
};

static struct lacking *find_task(const struct case_file *c, uint64_t index)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (c->tasks[middle].index < index) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < c->n && c->tasks[low].index == index ? &c->tasks[low] : NULL;
}

static void count_up(uint16_t *n)
{
	*n = (uint16_t)(*n + (*n < UINT16_MAX));
}

/*
 * The attempt with the highest number tells why a task is not good. Two may have one number, when
 * an element that was given up still ran: a failure is told rather than that the other is lost.
 */
static void set_cause(struct lacking *t, unsigned attempt, enum outcome cause)
{
	const bool failed = outcome_is_failure((enum outcome)t->cause);

	if (attempt > t->attempt || (attempt == t->attempt && !failed)) {
		t->attempt = attempt;
		t->cause = (uint8_t)cause;
		t->shared = t->checkpointed = false;
	}
}

static void take_failure(struct lacking *t, unsigned attempt, enum outcome cause)
{
	t->tries++;
	if (cause == OUTCOME_OOM) {
		count_up(&t->ooms);
	} else if (cause == OUTCOME_TIMEOUT) {
		count_up(&t->timeouts);
	}
	set_cause(t, attempt, cause);
}

/* ---- records ---- */

static void forget_start(struct walk *w, const struct lacking *t, unsigned attempt)
{
	for (size_t i = w->n_open; i-- > 0;) {
		if (w->open[i].task == t && w->open[i].attempt == attempt) {
			w->open[i] = w->open[--w->n_open];
			return;
		}
	}
}

static void take_start(struct walk *w, struct lacking *t, const struct record *r)
{
	if (t->cut_by == w->writer) { /* it was put off only: this very worker made it again */
		t->cut_by = 0;
		t->lost--;
		forget_start(w, t, t->attempt);
	}
	set_cause(t, r->attempt, OUTCOME_LOST);
	ARRAY_ROOM(w->open, w->n_open, w->cap_open);
	w->open[w->n_open++] = (struct begun){ t, r->attempt, false };
}

static void take_end(struct walk *w, struct lacking *t, const struct record *r)
{
	forget_start(w, t, r->attempt);
	if (outcome_is_failure(r->outcome)) {
		take_failure(t, r->attempt, r->outcome);
		return;
	}
	set_cause(t, r->attempt, r->outcome);
	if (r->outcome != OUTCOME_INTERRUPTED && r->outcome != OUTCOME_LOST) {
		return;
	}
	if (r->checkpointed) {
		t->checkpointed |= r->attempt == t->attempt;
	} else {
		t->lost++;
		t->cut_by = w->writer;
		ARRAY_ROOM(w->open, w->n_open, w->cap_open);
		w->open[w->n_open++] = (struct begun){ t, r->attempt, true };
	}
}

static bool is_progress(const struct record *r)
{
	return r->outcome == OUTCOME_OK || outcome_is_failure(r->outcome) || r->checkpointed;
}

/* A scan_fn. */
static int take_record(void *arg, const struct scan_file *file, uint64_t offset,
		       const struct record *r)
{
	struct walk *w = arg;
	struct case_file *c = w->c;
	struct lacking *t;

	(void)file;
	(void)offset;
	w->closed |= r->kind == RECORD_CLOSE;
	w->told |= r->kind == RECORD_UNKNOWN && json_eq(json_get(r->line, "k"), "told");
	if ((r->kind != RECORD_START && r->kind != RECORD_END) || !r->has_id ||
	    r->plan != c->plan->number) {
		return 0;
	}
	t = find_task(c, r->index);
	c->started = true;
	if (r->kind == RECORD_START) {
		if (t) {
			take_start(w, t, r);
		}
	} else {
		c->out->progress |= is_progress(r);
		if (t) {
			take_end(w, t, r);
		}
	}
	return 0;
}

/* ---- elements ---- */

/*
 * What has no end when its journal does: the element's own end tells why. A worker that is killed
 * for its memory may still have recorded that it was told to end.
 */
static void end_open(struct walk *w, enum job_state state)
{
	for (size_t i = 0; i < w->n_open; i++) {
		struct lacking *t = w->open[i].task;
		const unsigned attempt = w->open[i].attempt;

		if (w->open[i].cut) {
			if (state != JOB_STATE_OOM) {
				continue;
			}
			t->lost--; /* it was counted */
		}
		if (state == JOB_STATE_OOM && w->n_open == 1) {
			take_failure(t, attempt, OUTCOME_OOM);
			continue;
		}
		t->lost++;
		if (state == JOB_STATE_OOM) {
			count_up(&t->ooms);
			set_cause(t, attempt, OUTCOME_OOM);
			t->shared = t->attempt == attempt;
		} else if (state == JOB_STATE_TIMEOUT || state == JOB_STATE_CANCELLED) {
			set_cause(t, attempt, OUTCOME_INTERRUPTED);
		} else {
			set_cause(t, attempt, OUTCOME_LOST);
		}
	}
	w->n_open = 0;
}

static enum job_state state_of(const struct case_file *c, unsigned array, uint64_t element)
{
	return c->jobs ? job_view_state(c->jobs, array, element, NULL) : JOB_STATE_UNKNOWN;
}

/* One start of an element. What came before its last start was requeued: the scheduler says nothing
 * of that any more. */
static int read_run(struct walk *w, const struct element_run *run, bool last, struct err *e)
{
	struct case_file *c = w->c;
	const enum job_state state =
		last ? state_of(c, run->array, run->element) : JOB_STATE_UNKNOWN;
	struct element_start start;
	int rc = 0;

	if (claims_element(c->rundir, c->s->number, run, &start, e) < 0) {
		return -1;
	}
	w->writer++;
	w->closed = w->told = false;
	if (start.writer && start.writer[0]) {
		rc = scan_writer_records(c->rundir, start.writer, take_record, w, e);
	}
	end_open(w, state);
	if (last) {
		c->out->elements_started++;
		c->out->elements_lost += !w->closed && state != JOB_STATE_LOST &&
					 state != JOB_STATE_TIMEOUT && state != JOB_STATE_OOM &&
					 state != JOB_STATE_CANCELLED;
		c->told |= w->told && (state == JOB_STATE_UNKNOWN || state == JOB_STATE_ENDED);
	}
	element_start_free(&start);
	return rc;
}

/* The scheduler's word on all elements, those that never began too. */
static void count_states(struct case_file *c)
{
	for (unsigned a = 1; a <= c->s->n_arrays; a++) {
		const struct submission_array *x = &c->s->arrays[a - 1];

		c->out->elements += x->elements;
		for (uint64_t i = x->first; i < x->first + x->elements; i++) {
			const enum job_state state = state_of(c, a, i);

			c->out->elements_timed_out += state == JOB_STATE_TIMEOUT;
			c->out->elements_oom += state == JOB_STATE_OOM;
			c->out->elements_lost += state == JOB_STATE_LOST;
			c->nodes_lost |= state == JOB_STATE_LOST;
			c->out->elements_cancelled += state == JOB_STATE_CANCELLED;
		}
	}
	c->cancelled = c->out->elements_cancelled > 0;
}

int review_read(struct case_file *c, struct err *e)
{
	struct walk w = { .c = c };
	struct claims_view view;
	int rc = 0;

	if (claims_view(c->rundir, c->s->number, &view, e) < 0) {
		return -1;
	}
	c->stopped = view.stopped;
	count_states(c);
	for (size_t i = 0; rc == 0 && i < view.n_elements; i++) {
		const struct element_run *x = &view.elements[i];
		const bool last = i + 1 == view.n_elements || x[1].array != x->array ||
				  x[1].element != x->element;

		rc = read_run(&w, x, last, e);
	}
	free(w.open);
	claims_view_free(&view);
	return rc;
}
