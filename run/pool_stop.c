/* SPDX-License-Identifier: MIT */
/*
 * Stopping: what signals and the clock say, and how running attempts are told: their checkpoint
 * signal, TERM, KILL. See pool.h for what each means.
 */
#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/pool_internal.h"

#define TERM_GRACE_S 5.0 /* after SIGTERM and SIGHUP: who sends these will not wait long */
#define ECHO_S       1.0

/* Goes on to a higher level of stopping, and says so. */
void stop_say(struct pool *p, enum stop level, const char *what)
{
	const bool element = p->o->end > 0 || p->o->drain_on_usr; /* nobody sits before it */
	const bool one = p->running == 1;
	struct pool_event ev = { .kind = POOL_STOPPING };
	struct buf *b = &p->text;

	if (level <= p->stop) {
		return;
	}
	p->stop = level;
	if (p->running == 0) {
		return;
	}
	buf_clear(b);
	buf_printf(b, "%s: %s %u %s", what, level == STOP_DRAIN ? "waiting for" : "ending",
		   p->running, one ? "task" : "tasks");
	if (level == STOP_DRAIN && !element) {
		buf_printf(b, ", Ctrl-C %sends %s", p->sum->stopped_by_signal ? "again " : "",
			   one ? "it" : "them");
	}
	ev.text = b->data;
	pool_event_send(p, &ev);
}

/* ---- the checkpoint signal ---- */

bool stop_died_of(int status, int number)
{
	return WIFSIGNALED(status) ? WTERMSIG(status) == number
				   : WIFEXITED(status) && WEXITSTATUS(status) == 128 + number;
}

void stop_checkpoint_due(const struct pool *p, struct slot *s)
{
	const struct checkpoint *c = &p->spec->checkpoint;
	const double end = p->o->end > 0 ? p->o->end : NEVER, least = fmin(s->deadline, end),
		     first = s->started + fmin(CHECKPOINT_S, (least - s->started) / 2);

	s->checkpoint_sent = false;
	s->checkpoint_at = NEVER;
	s->announced = s->deadline <= end ? OUTCOME_TIMEOUT : OUTCOME_INTERRUPTED;
	if (c->signal && least < NEVER) {
		s->checkpoint_at = fmax(least - (double)c->before_s, first);
	}
}

/* To the leader alone, see pool.h. It was not waited for, so the number is its own. */
void stop_checkpoint(const struct pool *p, struct slot *s)
{
	s->checkpoint_at = NEVER;
	if (s->pid > 1 && kill(s->pid, p->spec->checkpoint.signal) == 0) {
		s->checkpoint_sent = true;
	}
}

static bool wants_checkpoint(const struct pool *p, const struct slot *s)
{
	return p->spec->checkpoint.signal && s->state == SLOT_RUNNING && !s->checkpoint_sent &&
	       !s->term_sent;
}

/* ---- all of them ---- */

/* Its checkpoint signal now, TERM after half of the grace, KILL after all of it. */
static void save_and_end(struct pool *p, struct slot *s, double grace)
{
	s->announced = OUTCOME_INTERRUPTED;
	stop_checkpoint(p, s);
	s->grace = fmin(s->grace, grace / 2);
	if (s->deadline > p->now + grace / 2) {
		s->deadline = p->now + grace / 2;
		s->due_as = OUTCOME_INTERRUPTED;
	}
}

static void end_all(struct pool *p, double grace)
{
	calls_take_back(p, NULL);
	for (unsigned i = 0; i < p->n_slots; i++) {
		struct slot *s = &p->slots[i];

		if (wants_checkpoint(p, s)) {
			save_and_end(p, s, grace);
		} else if (s->state == SLOT_RUNNING) {
			slot_term(p, s, OUTCOME_INTERRUPTED, grace);
		} else if (s->state == SLOT_LINGERING) {
			s->deadline = fmin(s->deadline, p->now + grace);
		}
	}
}

void stop_killing(struct pool *p)
{
	calls_take_back(p, NULL);
	for (unsigned i = 0; i < p->n_slots; i++) {
		if (p->slots[i].state == SLOT_RUNNING) {
			slot_kill(p, &p->slots[i], OUTCOME_INTERRUPTED);
		} else if (p->slots[i].state == SLOT_LINGERING) {
			p->slots[i].deadline = p->now;
		}
	}
}

/* ---- signals ---- */

/*
 * A scheduler may signal every process of a job: then the same signal comes to us directly and by
 * the guardian, and must not count twice, which would be a KILL.
 */
bool stop_is_echo(struct pool *p, int number, uint32_t from)
{
	const uint32_t guardian = p->guard_fd >= 0 ? (uint32_t)getppid() : 0;
	struct heard *h = &p->heard[number & 31];
	const bool echo = guardian > 0 && h->at > 0 && p->now - h->at < ECHO_S && h->from != from &&
			  (h->from == guardian || from == guardian);

	*h = (struct heard){ echo ? 0 : p->now, from }; /* a pair is one */
	return echo;
}

static void near_end(struct pool *p)
{
	p->sum->stopped_by_time = true;
	stop_say(p, STOP_DRAIN, "the end is near");
	for (unsigned i = 0; i < p->n_slots; i++) {
		struct slot *s = &p->slots[i];

		if (wants_checkpoint(p, s)) {
			s->announced = OUTCOME_INTERRUPTED;
			s->checkpoint_at =
				fmin(s->checkpoint_at, fmax(p->now, s->started + CHECKPOINT_S));
		}
	}
}

/* Ctrl-C: let them finish; again: TERM, grace; again: KILL. TERM and HUP begin at the second step.
 */
void stop_obey(struct pool *p, int number)
{
	const bool hurry = number == SIGTERM || number == SIGHUP;
	const bool first = !p->sum->stopped_by_signal;
	const double grace = hurry ? fmin(p->o->grace_s, TERM_GRACE_S) : p->o->grace_s;

	if (number != SIGINT && !hurry) {
		if (p->o->drain_on_usr) {
			near_end(p);
		}
		return; /* what is recorded is synced in any case */
	}
	p->sum->stopped_by_signal = true;
	if (p->stop == STOP_NO && !hurry) {
		stop_say(p, STOP_DRAIN, "interrupted");
	} else if (p->stop < STOP_TERM || (p->stop == STOP_TERM && first)) {
		stop_say(p, STOP_TERM, hurry ? "terminated" : "interrupted");
		end_all(p, grace);
	} else {
		stop_say(p, STOP_KILL, "interrupted");
		stop_killing(p);
	}
}

/* ---- the clock ---- */

double stop_next(const struct pool *p)
{
	return p->o->end > 0 && p->stop < STOP_TERM ? p->o->end : NEVER;
}

void stop_in_time(struct pool *p)
{
	if (p->now < stop_next(p)) {
		return;
	}
	p->sum->stopped_by_time = true;
	stop_say(p, STOP_TERM, "out of time");
	for (unsigned i = 0; i < p->n_slots; i++) {
		struct slot *s = &p->slots[i];

		if (s->state == SLOT_RUNNING) {
			s->cut_off = s->ended_by == OUTCOME_NONE;
			slot_term(p, s, OUTCOME_INTERRUPTED, p->o->grace_s);
		} else if (s->state == SLOT_LINGERING) {
			s->deadline = fmin(s->deadline, p->now + p->o->grace_s);
		}
	}
	p->next_sync = p->now;
}
