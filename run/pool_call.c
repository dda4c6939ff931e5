/* SPDX-License-Identifier: MIT */
/*
 * Calls: tasks of a function are sent to interpreters, which answer. An attempt begins when the one
 * before it in its lane has ended, and ends with its answer, or with the interpreter.
 *
 * Short calls are sent ahead, as many as take about AHEAD_S, so that the interpreter need not wait
 * for us, nor we wake up for each answer. What is sent ahead is not lost to others: where an
 * interpreter is kept by a long call while others have nothing to do, it is taken back.
 *
 * An attempt that ends between two looks of ours has one record, its end; its start is recorded
 * only where it goes on when all that came is heard.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/proc.h"
#include "run/pool_calls.h"

#define AHEAD_S      0.02 /* seconds of work that are sent ahead, */
#define AHEAD_UNSURE 4.0  /* and so many times that, a call may go on until they are taken back */
#define CHUNK_S      0.5  /* that a chunk of calls shall take, */
#define CHUNK_MAX    1000 /* and of how many tasks it may be */
#define SPOOL_FULL   ((off_t)16 << 20) /* bytes of output after which it is emptied */
#define PACKET_S     5e-5 /* of work that go in a packet, and of how many calls at most, */
#define PACKET_MAX   16   /* where an interpreter takes several at a time */
#define MOMENT_S     2e-4 /* between two looks while many answers come: at least, */
#define MOMENT_MAX_S 5e-3 /* and at most */

/* ---- sending ---- */

/* The folders of the call that was put last, and what is there of its result files. Only where
 * nothing is sent ahead. 1: p->why; -1. */
int call_make_folders(struct pool *p, struct slot *s)
{
	const struct calls *c = p->calls;
	const struct job *job = s->job;
	const bool fresh = job->upto > 0 && job->task.attempt == job->upto + 1;
	const struct launch_place at = { .rundir = p->o->rundir,
					 .base_env = p->o->base_env,
					 .scratch = p->o->scratch };
	struct err e = ERR_INIT;

	s->scratch = c->scratch ? mem_dup(call_scratch(c->maker)) : NULL;
	s->keep = c->keep ? mem_dup(call_keep(c->maker)) : NULL;
	if ((s->scratch && folder_scratch(s->scratch, &e) < 0) ||
	    (s->keep && folder_keep(s->keep, fresh, &e) < 0)) {
		buf_puts(&p->why, e.text);
		return 1;
	}
	return results_note(p, s, &at, p->spec->dir);
}

/* Appends the request for one job to calls.line. 1: it has a fault of its own, p->why. */
int call_put_request(struct pool *p, const struct job *job, uint64_t seq)
{
	struct err e = ERR_INIT;

	buf_clear(&p->calls->line);
	if (call_put(p->calls->maker, &job->task, seq, &p->calls->line, &e) < 0) {
		buf_clear(&p->why);
		buf_puts(&p->why, e.text);
		return 1;
	}
	return 0;
}

void call_send_line(struct pool *p, struct lane *l)
{
	const struct buf *line = &p->calls->line;

	l->long_line = line->len > INTERP_PACKET;
	interp_send(l->interp, line->data, line->len);
}

static bool alone(const struct pool *p, const struct lane *l)
{
	return l->long_line || p->calls->scratch || p->calls->keep ||
	       p->spec->results.n_files > 0 || p->spec->checkpoint.signal ||
	       l->from[0] > SPOOL_FULL || l->from[1] > SPOOL_FULL;
}

/* The part of what is left that one interpreter may have. */
static uint64_t fair_share(const struct pool *p)
{
	return admit_left(p) / (2 * (uint64_t)p->n_slots) + 1;
}

/* How many calls the slot's lane should have. */
static size_t depth(const struct pool *p, const struct slot *s)
{
	const struct lane *l = s->lane;
	const uint64_t asked = p->spec->function.batch, most = interp_ahead(l->interp),
		       share = fair_share(p);
	uint64_t n = asked;

	if (p->stop != STOP_NO || s->term_sent || l->doomed || alone(p, l)) {
		return 1;
	}
	if (n == 0) {
		n = l->mean > 0 && l->mean < AHEAD_S ? (uint64_t)(AHEAD_S / l->mean) + 1 : 1;
	}
	n = n < most ? n : most;
	n = n < CALLS_AHEAD ? n : CALLS_AHEAD;
	return (size_t)(n < share ? n : share);
}

/* How many calls go to it at one go. */
static size_t packet_size(const struct lane *l)
{
	const double n = l->mean > 0 ? PACKET_S / l->mean : 1;

	return !interp_packs(l->interp) || n < 2 ? 1 : n < PACKET_MAX ? (size_t)n : PACKET_MAX;
}

static void send_packet(struct pool *p, struct lane *l)
{
	struct buf *packet = &p->calls->packet;

	if (packet->len > 0) {
		interp_send(l->interp, packet->data, packet->len);
	}
	buf_clear(packet);
}

static void send_ahead(struct pool *p, struct slot *s)
{
	struct lane *l = s->lane;
	const struct buf *line = &p->calls->line;
	const size_t want = depth(p, s), size = packet_size(l);
	size_t held = 0;

	while (l->n < want && !l->long_line) {
		struct job *job = admit_same(p, s->job);

		if (!job) {
			break;
		}
		if (call_put_request(p, job, l->next_seq) != 0 || line->len > INTERP_PACKET) {
			admit_back(p, job); /* its turn is when it is the first */
			break;
		}
		if (held == size || p->calls->packet.len + line->len > INTERP_PACKET) {
			send_packet(p, l);
			held = 0;
		}
		buf_add(&p->calls->packet, line->data, line->len);
		held++;
		call_add(l, job);
	}
	send_packet(p, l);
}

/* How many tasks a chunk has. */
static size_t chunk_size(const struct pool *p, const struct lane *l)
{
	const uint64_t asked = p->spec->function.batch, share = fair_share(p);
	uint64_t n = l->mean > 0 ? (uint64_t)(CHUNK_S / l->mean) : asked ? asked : 8;

	n = asked ? asked : n < 1 ? 1 : n > CHUNK_MAX ? CHUNK_MAX : n;
	return (size_t)(n < share ? n : share);
}

static int send_chunk(struct pool *p, struct slot *s)
{
	struct lane *l = s->lane;
	const size_t want = s->job->single ? 1 : chunk_size(p, l);
	struct err e = ERR_INIT;
	struct job *job;

	call_chunk_begin(p->calls->maker, call_first(l));
	if (call_chunk_add(p->calls->maker, &s->job->task, &e) < 0) {
		buf_puts(&p->why, e.text);
		return 1;
	}
	while (l->n < want && (job = admit_same(p, s->job)) != NULL) {
		if (call_chunk_add(p->calls->maker, &job->task, NULL) < 0) {
			job->single = true;
			admit_back(p, job);
			break;
		}
		call_add(l, job);
	}
	l->chunk = l->n;
	buf_clear(&p->calls->line);
	call_chunk_end(p->calls->maker, &p->calls->line);
	return 0;
}

/* The first call of a lane that is ready: the slot's job. */
int call_send_first(struct pool *p, struct slot *s)
{
	struct lane *l = s->lane;
	int r;

	p->now = proc_monotonic();
	slot_begin(p, s, s->job);
	memcpy(s->code, l->code, sizeof s->code);
	s->pid = interp_pid(l->interp);
	s->mask = p->own_peak;
	l->begun = s->answered = false;
	l->chunk = 0;
	buf_clear(&p->why);
	r = p->spec->function.chunk ? send_chunk(p, s) : call_put_request(p, s->job, call_first(l));
	if (r == 0) {
		r = call_make_folders(p, s);
	}
	if (r != 0) {
		call_drop(p, s, 1);
		return r < 0 ? -1 : end_unstarted(p, s, false);
	}
	call_send_line(p, l);
	slot_set_deadline(p, s, l->n);
	if (!p->spec->function.chunk) {
		send_ahead(p, s);
	}
	return 0;
}

int call_start(struct pool *p, struct job *job)
{
	struct slot *s;
	struct lane *l;
	int r, number;

	if (p->spec->function.fork) {
		return fork_start(p, job);
	}
	s = lane_for(p, job);
	l = s->lane;

	slot_take(p, s, job);
	call_add(l, job);
	buf_clear(&p->why);
	if (l->interp && lane_suits(p, l, job)) {
		return call_send_first(p, s);
	}
	if (l->interp) {
		lane_leave(p, s);
	}
	r = lane_start(p, s);
	number = errno;
	if (r > 0 && number == EAGAIN && p->running > 1) {
		p->crowded = true; /* its turn comes when a process of ours has ended */
		call_forget(p, s);
		return 0;
	}
	if (r > 0) {
		call_forget(p, s);
		return lane_unstarted(p, number);
	}
	return r;
}

/* ---- a turn of the loop ---- */

/* When the calls behind the first of a lane are wanted back, if others have nothing to do. */
static double unsure_at(const struct slot *s)
{
	const struct lane *l = s->lane;

	return l->n > 1 && l->chunk == 0 && s->state == SLOT_RUNNING
		       ? s->started + AHEAD_UNSURE * fmax(AHEAD_S, l->mean)
		       : NEVER;
}

static bool somebody_idles(const struct pool *p)
{
	return p->running < p->n_slots && p->cpus_free > 0 && p->n_back == 0 && p->n_window == 0 &&
	       p->source_empty;
}

static bool has_lanes(const struct pool *p)
{
	return p->calls && !p->spec->function.fork;
}

double call_due(const struct pool *p)
{
	const bool idle = has_lanes(p) && somebody_idles(p);
	double due = NEVER;

	for (unsigned i = 0; has_lanes(p) && i < p->n_slots; i++) {
		const struct slot *s = &p->slots[i];

		if (s->lane->closed && !s->lane->doomed) {
			due = fmin(due, s->lane->closed_at + CLOSED_S);
		}
		due = idle ? fmin(due, unsure_at(s)) : due;
	}
	return due;
}

static bool is_unsure(const struct pool *p, const struct slot *s)
{
	return unsure_at(s) <= p->now;
}

/* What is sent ahead goes on where it is, or comes back. */
static void share_out(struct pool *p)
{
	const bool idle = somebody_idles(p);

	if (p->stop != STOP_NO || idle) {
		calls_take_back(p, p->stop != STOP_NO ? NULL : is_unsure);
	}
	for (unsigned i = 0; i < p->n_slots; i++) {
		struct slot *s = &p->slots[i];

		if (s->state != SLOT_RUNNING || s->lane->gone) {
			continue;
		}
		if (!s->lane->ready) {
			if (p->stop != STOP_NO) { /* no call has begun: nobody need wait for it */
				lane_kill(s);
				call_forget(p, s);
			} else {
				lane_load(p, s->lane);
			}
			continue;
		}
		if (p->stop == STOP_NO && !p->spec->function.chunk && !idle) {
			send_ahead(p, s);
		}
	}
	p->hurry |= idle && p->n_back > 0 && p->stop == STOP_NO;
}

int call_turn(struct pool *p)
{
	int rc = 0;

	if (p->spec->function.fork) {
		return fork_turn(p);
	}
	journal_hold(p->journal);
	for (unsigned i = 0; i < p->n_slots && rc == 0; i++) {
		struct slot *s = &p->slots[i];

		if (!s->lane->interp || s->state == SLOT_TAKING) {
			continue;
		}
		interp_go_on(s->lane->interp);
		if (s->state == SLOT_RUNNING || s->lane->gone) {
			rc = answer_hear(p, s);
		}
	}
	if (rc == 0) {
		share_out(p);
	}
	for (unsigned i = 0; i < p->n_slots && rc == 0; i++) {
		rc = answer_begun(p, &p->slots[i]);
	}
	if (journal_release(p->journal, &p->fault) < 0) {
		struct pool_event ev = { .kind = POOL_UNRECORDED };

		pool_event_send(p, &ev);
		rc = -1;
	}
	return rc;
}

size_t call_polls(const struct pool *p, struct pollfd *fds)
{
	size_t n = 0;

	if (p->calls && p->spec->function.fork) {
		return fork_polls(p, fds);
	}
	for (unsigned i = 0; p->calls && i < p->n_slots; i++) {
		const struct slot *s = &p->slots[i];

		if (!s->lane->interp || s->state == SLOT_TAKING) {
			continue;
		}
		if (s->state == SLOT_RUNNING && !s->lane->gone && !s->lane->closed) {
			fds[n++] = (struct pollfd){ .fd = interp_fd(s->lane->interp),
						    .events = POLLIN };
		}
		if (interp_unsent_fd(s->lane->interp) >= 0) {
			fds[n++] = (struct pollfd){ .fd = interp_unsent_fd(s->lane->interp),
						    .events = POLLOUT };
		}
	}
	return n;
}

double call_moment(const struct pool *p)
{
	double moment = has_lanes(p) && p->running > 0 ? MOMENT_MAX_S : 0;

	for (unsigned i = 0; moment > 0 && i < p->n_slots; i++) {
		const struct lane *l = p->slots[i].lane;

		if (l->interp && l->n > 0) {
			moment = l->n < 4 || l->gone ? 0 : fmin(moment, (double)l->n * l->mean / 4);
		}
	}
	return moment > 0 ? fmax(moment, MOMENT_S) : 0;
}
