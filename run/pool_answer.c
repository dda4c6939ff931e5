/* SPDX-License-Identifier: MIT */
/* Answers: what interpreters say, and how calls end by it. See pool_call.c for how they begin. */
#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/pool_calls.h"

#define MEAN_NEW     0.2 /* the part of the newest in the running mean */
#define READS_A_TURN 8
/* Bytes of output that are emptied where that costs nothing. */
#define SPOOL_MUCH ((off_t)1 << 20)

/* Empties the files for output when nothing is under way. */
static void empty_spools(struct pool *p, struct slot *s)
{
	struct lane *l = s->lane;

	if (l->n > 0 || !l->interp || (l->from[0] <= SPOOL_MUCH && l->from[1] <= SPOOL_MUCH)) {
		return;
	}
	for (int k = 0; k < SPOOL_COUNT; k++) {
		if (!(k == STREAM_STDERR && p->spec->results.log) && ftruncate(s->fd[k], 0) == 0) {
			l->from[k] = 0;
		}
	}
}

/* What the pool said of the slot's call. */
struct told {
	enum outcome ended_by, due_as;
	bool term_sent;
	double deadline, grace;
};

/*
 * It was told to end, and has answered: it may have done so before. Then it counts, and what was
 * said is meant for the call behind it. A time limit was its own.
 */
static void answer_counts(struct slot *s)
{
	if (!s->term_sent || s->lane->n > 1 || s->ended_by == OUTCOME_INTERRUPTED) {
		s->ended_by = OUTCOME_NONE;
	}
	if (s->lane->n == 1) {
		lane_kill(s); /* it would wait for calls, and gets none */
	}
}

static void tell_next(struct slot *s, const struct told *t)
{
	s->ended_by = t->ended_by;
	s->due_as = t->due_as;
	s->term_sent = t->term_sent;
	s->deadline = t->deadline;
	s->grace = t->grace;
}

static void note_answer(struct pool *p, struct slot *s, const struct answer *a)
{
	struct lane *l = s->lane;

	s->answer = *a;
	s->answered = true;
	l->mean = l->mean > 0 ? l->mean + MEAN_NEW * (a->wall - l->mean) : fmax(a->wall, 1e-6);
	l->cpu += a->cpu;
	p->calls->deaths = 0;
	s->ended = p->now;
	s->started = l->begun ? s->started : fmin(p->now - a->wall, p->now);
	s->status = a->status == ANSWER_EXIT ? W_EXITCODE(a->code, 0) : 0;
	s->usage.ru_utime.tv_sec = (time_t)a->cpu;
	s->usage.ru_utime.tv_usec = (suseconds_t)((a->cpu - floor(a->cpu)) * 1e6);
}

static int answered(struct pool *p, struct slot *s, const struct answer *a)
{
	const struct told told = { .ended_by = s->ended_by,
				   .due_as = s->due_as,
				   .term_sent = s->term_sent,
				   .deadline = s->deadline,
				   .grace = s->grace };
	const bool is_told = s->term_sent || s->ended_by != OUTCOME_NONE;
	int rc;

	if (a->status == ANSWER_BACK) {
		call_came_back(p, s, a->seq);
		return 0;
	}
	if (a->seq != call_first(s->lane)) {
		return 1;
	}
	note_answer(p, s, a);
	if (is_told) {
		answer_counts(s);
	}
	rc = end_slot(p, s);
	if (rc == 0 && is_told && s->state == SLOT_RUNNING) {
		tell_next(s, &told);
	}
	return rc;
}

/* What the interpreter said is none of the protocol: it is ended, as if it had crashed. */
static void spoilt(struct slot *s)
{
	if (!s->lane->doomed) {
		s->lane->spoilt = true;
		lane_kill(s);
	}
}

static int hear_hello(struct pool *p, struct slot *s)
{
	struct lane *l = s->lane;
	struct calls *c = p->calls;
	struct buf why = BUF_INIT;
	int r;

	buf_clear(&c->wants);
	r = interp_hello(l->interp, &c->wants, &why);
	if (r < 0) {
		r = lane_refused(p, s->fd[STREAM_STDERR],
				 why.len ? why.data
					 : "its interpreter said what is none of the protocol");
		lane_kill(s);
		call_forget(p, s);
		buf_free(&why);
		return r;
	}
	buf_free(&why);
	if (r == 0) {
		return 0;
	}
	l->ready = c->opened = true;
	c->opening--;
	c->loading--;
	watch_code_now(p);
	if (strcmp(l->code, p->code) != 0) {
		lane_kill(s); /* edited since it began: who knows which code it has read */
		call_forget(p, s);
		return lane_edited(p);
	}
	c->edits = 0;
	lane_opened(p, s);
	return call_send_first(p, s);
}

/* Hears all that has come, and records that the call which goes on has begun. */
int answer_hear(struct pool *p, struct slot *s)
{
	struct lane *l = s->lane;
	struct answer a;
	int more = s->state == SLOT_RUNNING && !l->spoilt ? 1 : 0, r = 0;

	for (int i = 0; s->state == SLOT_RUNNING && more > 0 && i < READS_A_TURN; i++) {
		more = interp_read(l->interp);
		if (!l->ready && (r = hear_hello(p, s)) < 0) {
			return -1;
		}
		while (l->ready && s->state == SLOT_RUNNING &&
		       (r = interp_answer(l->interp, &a)) > 0) {
			r = answered(p, s, &a);
			if (r != 0) {
				break;
			}
		}
		if (r == -2) {
			return err_errno(&p->fault,
					 "cannot keep a value in '%s' (nothing that was recorded "
					 "is lost: make room, then run again)",
					 p->calls->folder);
		}
		if (r < 0 && err_is(&p->fault)) {
			return -1;
		}
		if (r != 0) {
			spoilt(s);
			more = 0;
			break;
		}
	}
	if (more < 0 && !l->gone && !l->closed) {
		l->closed = true;
		l->closed_at = p->now;
	}
	if (l->closed && !l->doomed && p->now >= l->closed_at + CLOSED_S) {
		spoilt(s);
	}
	if (l->gone && more <= 0 && (s->state == SLOT_RUNNING || s->state == SLOT_FREE)) {
		return lane_bury(p, s);
	}
	if (s->state == SLOT_FREE) {
		empty_spools(p, s);
	}
	return 0;
}

int answer_begun(struct pool *p, struct slot *s)
{
	struct lane *l = s->lane;

	if (s->state != SLOT_RUNNING || !l->ready || l->begun || l->chunk > 1) {
		return 0;
	}
	l->begun = true;
	if (record_start(p, s) < 0) {
		return -1;
	}
	slot_send_start(p, s);
	return 0;
}
