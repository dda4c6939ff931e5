/* SPDX-License-Identifier: MIT */
/* ppgen status: the latest submission, its elements, how fast its tasks end, and when they will all
 * have. */
#include "cmd/status_jobs.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/proc.h"
#include "base/text.h"
#include "store/rundir.h"

#define ASK_AGAIN_S 60

struct jobs_status {
	struct round round;
	struct elements elements;
	struct job_view view;
	bool viewed;
	const char *named;     /* struct place */
	uint64_t tasks, ended; /* of this submission */
	double rate;           /* tasks a second since its first element began; 0: not known */
};

/* How many of its tasks have ended since it was made. A task that had failed before counts once a
 * later attempt ended. */
static int count_tasks(struct jobs_status *j, const struct scan *s, struct err *e)
{
	j->tasks = j->ended = 0;
	for (unsigned a = 1; a <= j->round.sub.n_arrays; a++) {
		struct task_list list;

		if (task_list_load(j->round.sub.dir, a, &list, e) < 0)
			return -1;
		for (size_t k = 0; k < list.n; k++) {
			const struct task_run *run = &list.runs[k];

			for (uint64_t i = run->first; i < run->first + run->count && i < s->count;
			     i++) {
				const struct task_state *t = &s->tasks[i];

				j->ended += t->outcome != OUTCOME_NONE &&
					    t->attempts >= run->attempt &&
					    !(t->flags & TASK_RUNNING);
			}
		}
		j->tasks += list.tasks;
		task_list_free(&list);
	}
	return 0;
}

static void find_rate(struct jobs_status *j)
{
	const uint64_t now = proc_unix_ms(), from = j->elements.first_start_ms;

	if (from && now > from && j->ended)
		j->rate = (double)j->ended / ((double)(now - from) / 1000);
}

/* The latest may be a plan's whose tasks have other indexes than the one that status shows. */
static bool same_plan(const struct jobs_status *j, const struct scan *s)
{
	return j->round.sub.plan == s->plan->number;
}

int jobs_status_find(const struct place *at, const struct scan *s, struct jobs_status **out,
		     struct err *e)
{
	const unsigned number = submission_latest(at->rundir, e);
	struct jobs_status *j;

	*out = NULL;
	if (!number)
		return err_is(e) ? -1 : 0;
	j = mem_alloc(sizeof *j);
	j->named = at->named;
	if (round_load(at->rundir, number, &j->round, e) < 0) {
		free(j);
		return -1;
	}
	*out = j;
	if (!j->round.sub.how) {
		if (scheduler_view(j->round.template, &j->round.sub, ASK_AGAIN_S, &j->view, e) < 0)
			return -1;
		j->viewed = true;
	}
	if (elements_count(&j->round, s, j->viewed ? &j->view : NULL, &j->elements, e) < 0)
		return -1;
	if (same_plan(j, s) && count_tasks(j, s, e) < 0)
		return -1;
	find_rate(j);
	return 0;
}

void jobs_status_free(struct jobs_status *j)
{
	if (!j)
		return;
	if (j->viewed)
		job_view_free(&j->view);
	round_free(&j->round);
	free(j);
}

/* Whether somebody is at work on it. */
static bool is_held(const struct jobs_status *j)
{
	char *who = NULL;
	bool here;
	const bool held = rundir_holder(j->round.rundir, &who, &here, NULL) > 0;

	free(who);
	return held;
}

/* What to do about one whose jobs are all gone, or were never there, or only in part. */
static void put_gone(struct buf *b, const struct jobs_status *j)
{
	const bool gone =
		j->viewed && !j->view.failed && !round_has_jobs(&j->round, &j->view, true);

	if (round_submitted(&j->round)) {
		if (gone)
			buf_printf(b, "  its jobs are gone: `ppgen submit%s` finishes it\n",
				   j->named);
	} else if (j->round.by_hand) {
		if (gone)
			buf_puts(b, "  its scripts were emitted, to be submitted by hand\n");
	} else if (!is_held(j)) {
		buf_printf(
			b,
			"  it was cut off while it was handed over: `ppgen submit%s` completes it\n",
			j->named);
	}
}

/* "elements 0 to 2 of job 4711 are" */
static void put_who(struct buf *b, const struct round *r, const struct job_seen *x)
{
	const char *id = x->array ? r->sub.arrays[x->array - 1].id : r->sub.finalise_id;

	if (!x->array)
		buf_printf(b, "  the finaliser (job %s) is", id);
	else if (x->first == x->last)
		buf_printf(b, "  element %llu of job %s is", (unsigned long long)x->first, id);
	else
		buf_printf(b, "  elements %llu to %llu of job %s are", (unsigned long long)x->first,
			   (unsigned long long)x->last, id);
}

/* Arrays that wait for somebody's word though they were let go: a user may have held them, a
 * scheduler that was killed may have forgotten. */
static void put_held(struct buf *b, const struct round *r, const struct job_view *view)
{
	for (size_t i = 0; r->sub.released && i < view->n; i++) {
		const struct job_seen *x = &view->seen[i];

		if (x->state != JOB_STATE_HELD || !x->array)
			continue;
		put_who(b, r, x);
		buf_printf(b, " held in '%s'\n", x->word);
	}
}

bool put_stuck(struct buf *b, const struct round *r, const struct job_view *view, const char *named)
{
	const size_t before = b->len;

	for (size_t i = 0; i < view->n; i++) {
		const struct job_seen *x = &view->seen[i];

		if (x->state != JOB_STATE_STUCK)
			continue;
		put_who(b, r, x);
		buf_printf(b, " stuck in '%s'\n", x->word);
	}
	if (b->len == before)
		return false;
	buf_printf(
		b,
		"  nothing will move them, and nothing that waits for them: the scheduler's own commands tell why and let them go on; "
		"`ppgen cancel%s` ends the submission\n",
		named);
	return true;
}

void put_ended(struct buf *b, const struct submission *s, const char *named)
{
	buf_printf(b, "submission %04u ended: %s%s%s\n", s->number, s->how,
		   s->why && *s->why ? ": " : "", s->why ? s->why : "");
	if (!strcmp(s->how, "refused") && s->round > 1)
		buf_printf(
			b,
			"  `ppgen submit%s` goes on from here; where jobs may not submit, use --no-finalise\n",
			named);
}

void put_jobs(struct buf *b, const struct jobs_status *j)
{
	const struct submission *s = &j->round.sub;

	buf_putc(b, '\n');
	if (s->how) {
		put_ended(b, s, j->named);
		return;
	}
	put_elements(b, &j->round, &j->elements, j->viewed ? &j->view : NULL);
	if (s->round > 1)
		buf_printf(b, "  round %u, of what was submitted as %04u\n", s->round, s->chain);
	if (j->viewed) {
		(void)put_stuck(b, &j->round, &j->view, j->named);
		put_held(b, &j->round, &j->view);
	}
	put_gone(b, j);
	if (j->rate > 0 && j->ended < j->tasks) {
		buf_printf(b, "  %.3g tasks a second, about ", j->rate);
		text_put_duration(b, (double)(j->tasks - j->ended) / j->rate);
		buf_puts(b, " left\n");
	}
}

void put_jobs_json(struct buf *b, const struct jobs_status *j)
{
	const struct submission *s = j ? &j->round.sub : NULL;
	const struct elements *x = j ? &j->elements : NULL;

	if (!j) {
		buf_puts(b, "null");
		return;
	}
	buf_printf(b, "{\"number\":%u,\"round\":%u,\"ended\":", s->number, s->round);
	json_puts(b, s->how);
	buf_puts(b, ",\"jobs\":[");
	for (size_t k = 0; k < s->n_arrays; k++) {
		json_put_sep(b);
		json_puts(b, s->arrays[k].id);
	}
	buf_puts(b, "],\"finaliser\":");
	json_puts(b, s->finalise_id);
	buf_printf(
		b,
		",\"elements\":%llu,\"queued\":%llu,\"running\":%llu,\"done\":%llu,\"vanished\":%llu",
		(unsigned long long)x->total, (unsigned long long)x->queued,
		(unsigned long long)x->running, (unsigned long long)x->done,
		(unsigned long long)x->vanished);
	buf_printf(b, ",\"tasks\":%llu,\"tasks_ended\":%llu,\"rate\":%.6g,\"asked\":%s}",
		   (unsigned long long)j->tasks, (unsigned long long)j->ended, j->rate,
		   j->viewed && !j->view.failed ? "true" : "false");
}
