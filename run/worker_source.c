/* SPDX-License-Identifier: MIT */
/*
 * From chunks to tasks. A chunk is claimed when the pool asks for a task and the last one is given
 * out; so several are open while the last tasks of one run. A task is done when it ended and is not
 * to be tried again here; a chunk when all of its tasks are. One with something left when the
 * element ends is freed for others. What only the finaliser can do (an attempt with more memory or
 * time than this element has) counts as done: nobody else of this array could do it either.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/proc.h"
#include "run/worker_internal.h"

struct given {
	uint64_t index;
	struct work *work;
};

/* ---- chunks ---- */

static void work_free(struct work *w)
{
	free(w->pasts);
	free(w);
}

static void drop_work(struct worker_source *s, struct work *w)
{
	for (size_t i = 0; i < s->n_works; i++) {
		if (s->works[i] == w) {
			s->works[i] = s->works[--s->n_works];
			break;
		}
	}
	if (s->now == w) {
		s->now = NULL; /* no test: who drops one has put it out of `now` before */
	}
	work_free(w);
}

/* Its last task is done. That this cannot be recorded costs a requeued element a look. */
static void finish_work(struct worker_source *s, struct work *w)
{
	if (w->left == 0) {
		(void)claims_done(s->claims, w->chunk, NULL);
		drop_work(s, w);
	}
}

/* Takes one more chunk: 1, 0 there is none, -1. */
static int take_chunk(struct worker_source *s, struct err *e)
{
	struct claim_holder *holders;
	struct work *w;
	uint64_t chunk;
	size_t n;
	int rc = claims_next(s->claims, &chunk, &holders, &n, e);

	if (rc <= 0) {
		return rc;
	}
	w = mem_alloc(sizeof *w);
	w->chunk = chunk;
	w->at = chunk * s->array->chunk;
	w->to = s->array->tasks - w->at < s->array->chunk ? s->array->tasks
							  : w->at + s->array->chunk;
	w->left = w->to - w->at;
	ARRAY_ROOM(s->works, s->n_works, s->cap_works);
	s->works[s->n_works++] = s->now = w; /* from here on it is freed where this fails */
	s->chunks++;
	if (n > 0) {
		w->n_pasts = (size_t)w->left;
		w->pasts = mem_array(w->n_pasts, sizeof *w->pasts);
		rc = past_read(s, w->at, w->to, holders, n, w->pasts, e) < 0 ? -1 : 1;
	}
	claim_holders_free(holders, n);
	return rc;
}

/* ---- tasks ---- */

static struct task_past past_at(const struct worker_source *s, const struct work *w, unsigned *upto)
{
	struct task_run run;
	const uint64_t index = task_list_at(&s->tasks, w->at, &run);
	const struct task_past *known = past_find(w->pasts, w->n_pasts, index);

	*upto = run.upto;
	return known ? *known
		     : (struct task_past){ .index = index,
					   .attempt = run.attempt,
					   .tries = run.tries,
					   .lost = run.lost,
					   .memory = run.memory,
					   .time = run.time };
}

/* Whether limits that earlier holders' failures raised fit what this element has. Those of the
 * array are raised by the list's own factors. */
static bool fits(const struct worker_source *s, const struct task_past *t, uint64_t position)
{
	const struct resources *r = &s->array->res;
	struct task_run run;

	task_list_at(&s->tasks, position, &run);
	if (t->memory > run.memory && s->capacity->memory > 0 &&
	    ceil((double)r->memory * (t->memory / run.memory)) > (double)s->capacity->memory) {
		return false;
	}
	return t->time <= run.time || s->end <= 0 ||
	       (double)r->time_s * (t->time / run.time) <= s->end - proc_monotonic();
}

static bool is_wanted(const struct worker_source *s, const struct work *w,
		      const struct task_past *t)
{
	return !w->pasts || (!t->good && !t->failed && t->lost < LOST_MOST && fits(s, t, w->at));
}

int source_ready(struct worker_source *s, struct err *e)
{
	while (!s->ready) {
		struct work *w = s->now;
		int rc;

		if (!w || w->at == w->to) {
			s->now = NULL;
			if (w) {
				finish_work(s, w);
			}
			rc = take_chunk(s, e);
			if (rc <= 0) {
				return rc;
			}
			continue;
		}
		s->next = past_at(s, w, &s->upto);
		s->ready = is_wanted(s, w, &s->next);
		w->at++;
		w->left -= !s->ready;
	}
	return 1;
}

int source_next(void *source, uint64_t *index, unsigned *attempt, unsigned *upto, struct err *e)
{
	struct worker_source *s = source;
	const int rc = source_ready(s, e);

	if (rc <= 0) {
		return rc;
	}
	s->ready = false;
	*index = s->next.index;
	*attempt = s->next.attempt;
	*upto = s->upto;
	ARRAY_ROOM(s->given, s->n_given, s->cap_given);
	s->given[s->n_given++] = (struct given){ *index, s->now };
	return 1;
}

void source_past(void *source, unsigned *tries, double *memory, double *time)
{
	const struct worker_source *s = source;

	*tries = s->next.tries;
	*memory = s->next.memory;
	*time = s->next.time;
}

void source_ended(struct worker_source *s, const struct pool_event *ev)
{
	size_t i = s->n_given;
	struct work *w;

	if (ev->retried || ev->outcome == OUTCOME_INTERRUPTED) {
		return;
	}
	while (i > 0 && s->given[i - 1].index != ev->task->point.index) {
		i--; /* the newest stand last */
	}
	if (i == 0) {
		return; /* no test: the pool tells of a task that it was not given; it counts in no
			   chunk */
	}
	w = s->given[i - 1].work;
	s->given[i - 1] = s->given[--s->n_given];
	w->left--;
	if (w != s->now) {
		finish_work(s, w);
	}
}

/* ---- the end ---- */

int source_release(struct worker_source *s, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < s->n_works; i++) {
		if (s->works[i]->left == 0) {
			(void)claims_done(s->claims, s->works[i]->chunk, NULL);
		} else if (claims_release(s->claims, s->works[i]->chunk, e) < 0) {
			rc = -1;
		}
	}
	return rc;
}

void source_close(struct worker_source *s)
{
	for (size_t i = 0; i < s->n_works; i++) {
		work_free(s->works[i]);
	}
	free(s->works);
	free(s->given);
	task_list_free(&s->tasks);
}
