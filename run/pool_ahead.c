/* SPDX-License-Identifier: MIT */
/* The calls that a lane has: the first is the slot's own, those behind it were sent ahead, and may
 * be taken back. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "run/pool_calls.h"

struct call *call_at(const struct lane *l, size_t k)
{
	return &l->calls[(l->head + k) % l->cap];
}

void call_add(struct lane *l, struct job *job)
{
	if (l->n == l->cap) {
		const size_t cap = l->cap ? 2 * l->cap : 8;
		struct call *calls = mem_array(cap, sizeof *calls);

		for (size_t k = 0; k < l->n; k++) {
			calls[k] = *call_at(l, k);
		}
		free(l->calls);
		l->calls = calls;
		l->cap = cap;
		l->head = 0;
	}
	l->calls[(l->head + l->n++) % l->cap] = (struct call){ job, l->next_seq++ };
}

uint64_t call_first(const struct lane *l)
{
	return call_at(l, 0)->seq;
}

void call_drop(struct pool *p, struct slot *s, size_t keep)
{
	struct lane *l = s->lane;

	while (l->n > keep) {
		struct job *job = call_at(l, --l->n)->job;

		job->single = l->chunk > 1;
		admit_back(p, job);
	}
}

/* Removes the call of this number, if it is not the first. */
static void call_remove(struct pool *p, struct lane *l, uint64_t seq)
{
	for (size_t k = l->n - 1; k > 0; k--) {
		if (call_at(l, k)->seq == seq) {
			admit_back(p, call_at(l, k)->job);
			for (; k + 1 < l->n; k++) {
				*call_at(l, k) = *call_at(l, k + 1);
			}
			l->n--;
			return;
		}
	}
}

void call_released(struct pool *p, struct slot *s)
{
	struct lane *l = s->lane;

	l->head = (l->head + 1) % l->cap;
	l->n--;
	l->begun = s->answered = false;
	if (l->n == 0) {
		l->chunk = 0;
		return;
	}
	slot_begin(p, s, call_at(l, 0)->job);
	memcpy(s->code, l->code, sizeof s->code);
	slot_set_deadline(p, s, l->chunk ? l->n : 1);
	if (p->stop == STOP_TERM) { /* said while the one before it was taken in */
		slot_term(p, s, OUTCOME_INTERRUPTED, p->o->grace_s);
	} else if (p->stop == STOP_KILL) {
		slot_kill(p, s, OUTCOME_INTERRUPTED);
	}
}

/* The first came back, and calls behind it did not: these come first. A start that was recorded
 * for it counts for when it begins. */
static void pass_first(struct pool *p, struct slot *s)
{
	admit_back(p, s->job);
	call_released(p, s);
}

/* Tells an interpreter to begin no call that it has. Whether that is news. */
static bool tell_off(struct lane *l)
{
	const uint64_t last = l->next_seq - 1;

	if (!l->interp || !l->ready || l->n < 2 || l->revoked == last || !interp_packs(l->interp)) {
		return false;
	}
	l->revoked = last;
	interp_revoke(l->interp, last);
	return true;
}

/* The numbers of those calls that the interpreter has not begun, and now will not begin. */
static size_t unbegun(struct lane *l, uint64_t *seqs)
{
	uint64_t begun;
	size_t n = 0;

	if (!interp_packs(l->interp)) {
		return interp_take_back(l->interp, seqs, CALLS_AHEAD);
	}
	if (tell_off(l)) {
		interp_barrier();
	}
	begun = interp_revoked(l->interp);
	for (size_t k = 0; k < l->n; k++) {
		if (call_at(l, k)->seq > begun) {
			seqs[n++] = call_at(l, k)->seq;
		}
	}
	return n;
}

/* The first came back. It is called after those that did not, or at once. */
static void first_again(struct pool *p, struct slot *s)
{
	struct lane *l = s->lane;

	if (l->n > 1) {
		pass_first(p, s);
		return;
	}
	if (p->stop != STOP_NO && !l->begun && s->ended_by == OUTCOME_NONE) {
		call_forget(p, s); /* nothing begins any more */
		return;
	}
	call_at(l, 0)->seq = l->next_seq++;
	if (call_put_request(p, s->job, call_first(l)) == 0) {
		call_send_line(p, l);
	}
}

void call_take_back(struct pool *p, struct slot *s)
{
	struct lane *l = s->lane;
	uint64_t seqs[CALLS_AHEAD];
	size_t n;

	if (!l || !l->interp || !l->ready || l->n < 2 || l->chunk > 0) {
		return;
	}
	n = unbegun(l, seqs);
	for (size_t k = n; k > 0; k--) {
		call_remove(p, l, seqs[k - 1]);
	}
	if (n > 0 && seqs[0] == call_first(l)) {
		first_again(p, s);
	}
}

void calls_take_back(struct pool *p, bool (*which)(const struct pool *, const struct slot *))
{
	bool any = false;

	for (int step = 0; step < 2; step++) {
		for (unsigned i = 0; p->calls && i < p->n_slots; i++) {
			struct slot *s = &p->slots[i];

			if (!s->lane || s->lane->gone || s->state != SLOT_RUNNING ||
			    (which && !which(p, s))) {
				continue;
			}
			if (step == 0) {
				any |= tell_off(s->lane);
			} else {
				call_take_back(p, s);
			}
		}
		if (any && step == 0) {
			interp_barrier();
		}
	}
}

void call_came_back(struct pool *p, struct slot *s, uint64_t seq)
{
	struct lane *l = s->lane;

	if (seq != call_first(l)) {
		return; /* it was taken back without that */
	}
	if (!s->term_sent) {
		first_again(p, s);
		return;
	}
	/* It was told to end, waits for calls, and gets none. This call it has not begun. */
	call_at(l, 0)->seq = l->next_seq++;
	if (l->begun) {
		s->ended_by = OUTCOME_INTERRUPTED;
		s->uncharged = true;
	}
	lane_kill(s);
}

bool call_is_unread(const struct slot *s)
{
	uint64_t seqs[CALLS_AHEAD];
	size_t n;

	if (interp_packs(s->lane->interp)) {
		return interp_begun(s->lane->interp) < call_first(s->lane);
	}
	n = interp_take_back(s->lane->interp, seqs, CALLS_AHEAD);
	return n > 0 && seqs[0] <= call_first(s->lane);
}

void call_forget(struct pool *p, struct slot *s)
{
	struct job *job = s->job;

	s->lane->n = 0;
	s->lane->chunk = 0;
	s->state = SLOT_FREE;
	s->pid = 0;
	s->job = NULL;
	p->running--;
	admit_return(p, job, s->number);
	admit_back(p, job);
	results_forget(p, s);
	free(s->scratch);
	free(s->keep);
	s->scratch = s->keep = NULL;
	if (!s->lane->interp) {
		spools_drop(p, s);
	}
}

bool call_goes_on(const struct slot *s)
{
	return s->lane && s->lane->n > 1 && s->lane->interp;
}
