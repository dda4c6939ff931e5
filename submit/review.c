/* SPDX-License-Identifier: MIT */
/* What is to be done again after a submission's arrays are over. */
#include "submit/review.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "submit/review_internal.h"

#define FACTOR_MOST 1e12 /* of memory and time: beyond that no task gets what it asks for */

enum verdict { VERDICT_FAILED, VERDICT_AGAIN, VERDICT_LEFT };

/* ---- which tasks have no good result ---- */

/* -1: a task that the plan has not. */
static int note_list(struct case_file *c, const struct task_list *l, const struct scan *scan)
{
	for (size_t k = 0; k < l->n; k++) {
		const struct task_run *run = &l->runs[k];

		if (run->first >= scan->count || run->count > scan->count - run->first) {
			return -1;
		}
		for (uint64_t i = run->first; i < run->first + run->count; i++) {
			c->out->tasks++;
			if (scan->tasks[i].outcome == OUTCOME_OK) {
				c->out->good++;
				continue;
			}
			ARRAY_ROOM(c->tasks, c->n, c->cap);
			c->tasks[c->n++] = (struct lacking){
				.index = i, .past = run, .tries = run->tries, .lost = run->lost
			};
		}
	}
	return 0;
}

static int compare_tasks(const void *pa, const void *pb)
{
	const struct lacking *a = pa, *b = pb;

	return a->index < b->index ? -1 : a->index > b->index;
}

static int note_lacking(struct case_file *c, const struct scan *scan, struct err *e)
{
	c->lists = mem_array(c->s->n_arrays + 1, sizeof *c->lists);
	for (unsigned a = 1; a <= c->s->n_arrays; a++) {
		struct task_list *l = &c->lists[a - 1];

		if (task_list_load(c->s->dir, a, l, e) < 0) {
			return -1;
		}
		if (note_list(c, l, scan) < 0) {
			return err_fail(
				e, "array %u of submission %04u names tasks that its plan has not",
				a, c->s->number);
		}
	}
	if (c->n > 1) {
		qsort(c->tasks, c->n, sizeof *c->tasks, compare_tasks);
	}
	return 0;
}

static uint64_t count_bad(const struct task_list *l, const struct scan *scan)
{
	uint64_t bad = 0;

	for (size_t k = 0; k < l->n; k++) {
		const struct task_run *run = &l->runs[k];

		for (uint64_t i = run->first; i - run->first < run->count; i++) {
			bad += i >= scan->count || scan->tasks[i].outcome != OUTCOME_OK;
		}
	}
	return bad;
}

/* A round has only what was done again: the chain's first submission knows what was asked for. */
static int count_lacking(struct case_file *c, const struct scan *scan, struct err *e)
{
	struct submission first;
	int rc = 0;

	if (submission_load(c->rundir, c->s->chain, &first, e) < 0) {
		return -1;
	}
	for (unsigned a = 1; rc == 0 && a <= first.n_arrays; a++) {
		struct task_list l;

		rc = task_list_load(first.dir, a, &l, e);
		if (rc == 0) {
			c->out->lacking += count_bad(&l, scan);
			task_list_free(&l);
		}
	}
	submission_free(&first);
	return rc;
}

/* ---- deciding ---- */

static enum verdict decide(const struct case_file *c, struct lacking *t)
{
	const struct retry *retry = &c->plan->spec->retry;
	const enum outcome cause = (enum outcome)t->cause;

	if (cause == OUTCOME_OK) {
		return VERDICT_LEFT;
	}
	if (outcome_is_failure(cause) && !t->shared) {
		return (retry->on & outcome_retry_bit(cause)) && t->tries <= retry->times
			       ? VERDICT_AGAIN
			       : VERDICT_FAILED;
	}
	if (cause == OUTCOME_NONE && !c->out->progress) {
		t->lost++;
	}
	return t->checkpointed || t->lost < LOST_MOST ? VERDICT_AGAIN : VERDICT_FAILED;
}

static const char *why_stopped(const struct case_file *c)
{
	if (c->stopped) {
		return "too many tasks failed";
	}
	if (c->cancelled) {
		return "elements were cancelled";
	}
	if (c->told) {
		return "elements were told to end before their time, as if cancelled";
	}
	if (c->s->round >= ROUNDS_MOST) {
		return "this was its last round: tasks that checkpoint do not come to an end";
	}
	if (!c->started && !c->nodes_lost) {
		return "none of its tasks was ever started";
	}
	return NULL;
}

static void count_cause(struct review *r, const struct lacking *t)
{
	switch ((enum outcome)t->cause) {
	case OUTCOME_TIMEOUT:
		r->timed_out++;
		break;
	case OUTCOME_OOM:
		r->oom++;
		break;
	case OUTCOME_LOST:
		r->lost++;
		break;
	case OUTCOME_INTERRUPTED:
		r->interrupted++;
		break;
	case OUTCOME_NONE:
		r->never_started++;
		break;
	default:
		break;
	}
}

/* ---- what is done again ---- */

static double raised(double before, double factor, unsigned times)
{
	const double x = before * pow(factor, times);

	return x < FACTOR_MOST ? x : FACTOR_MOST;
}

/* Its past as the next submission knows it. */
static struct task_run next_past(const struct case_file *c, const struct scan *scan,
				 const struct lacking *t)
{
	const struct retry *retry = &c->plan->spec->retry;
	const unsigned seen = scan->tasks[t->index].attempts;
	struct task_run run = *t->past;

	run.first = t->index;
	run.count = 1;
	run.attempt = seen + 1 > run.attempt ? seen + 1 : run.attempt;
	if (t->attempt >= run.attempt) {
		run.attempt = t->attempt + 1;
	}
	run.tries = t->tries;
	run.lost = t->lost;
	run.memory = raised(run.memory, retry->memory, t->ooms);
	run.time = raised(run.time, retry->time, t->timeouts);
	return run;
}

static int do_again(struct case_file *c, const struct scan *scan, const struct lacking *t,
		    struct point *pt, struct err *e)
{
	const struct spec *spec = c->plan->spec;
	const struct task_run past = next_past(c, scan, t);
	struct resources res = spec->res;

	if (spec->n_overrides) {
		space_point(spec->space, t->index, pt);
		if (spec_resources(spec, pt, &res, e) < 0) {
			return -1;
		}
	}
	resources_raise(&res, &past);
	classes_add(&c->out->classes, &c->out->n_classes, &res, t->index, &past);
	return 0;
}

static int decide_all(struct case_file *c, const struct scan *scan, struct err *e)
{
	struct review *r = c->out;
	const char *stopped = why_stopped(c);
	struct point pt;
	int rc = 0;

	point_init(&pt, c->plan->spec->space);
	for (size_t i = 0; rc == 0 && i < c->n; i++) {
		struct lacking *t = &c->tasks[i];
		const enum verdict v = decide(c, t);

		count_cause(r, t);
		if (v == VERDICT_FAILED) {
			r->failed++;
		} else if (v == VERDICT_LEFT || stopped) {
			r->left++;
			r->stopped = v == VERDICT_AGAIN ? stopped : r->stopped;
		} else {
			r->again++;
			rc = do_again(c, scan, t, &pt, e);
		}
	}
	point_free(&pt);
	return rc;
}

int review_find(const char *rundir, const struct plan *p, const struct submission *s,
		struct scan *scan, const struct job_view *jobs, struct review *out, struct err *e)
{
	struct case_file c = { .rundir = rundir, .plan = p, .s = s, .jobs = jobs, .out = out };
	int rc = -1;

	*out = (struct review){ .tasks = 0 };
	if (p->number != s->plan || scan->plan->number != s->plan) {
		return err_fail(e, "submission %04u belongs to plan %u, not to plan %u", s->number,
				s->plan, p->number);
	}
	if (note_lacking(&c, scan, e) == 0 && count_lacking(&c, scan, e) == 0 &&
	    review_read(&c, e) == 0) {
		rc = decide_all(&c, scan, e);
	}
	for (size_t k = 0; c.lists && k < s->n_arrays; k++) {
		task_list_free(&c.lists[k]);
	}
	free(c.lists);
	free(c.tasks);
	if (rc < 0) {
		review_free(out);
	}
	return rc;
}

void review_free(struct review *r)
{
	classes_free(r->classes, r->n_classes);
	r->classes = NULL;
	r->n_classes = 0;
}
