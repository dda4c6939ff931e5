/* SPDX-License-Identifier: MIT */
/*
 * The end of an attempt: reaped, its group ended, what it left taken in, judged, recorded; then its
 * slot is free, and it is made again when `retry` says so.
 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/text.h"
#include "run/pool_internal.h"

#define EXIT_KILLED (128 + SIGKILL) /* how a shell tells that its command was killed */

/* ---- how it ended ---- */

/* A kill that was not ours, or a shell's word for one, while the kernel killed something for want
 * of memory. */
static bool killed_for_memory(struct pool *p, int status)
{
	const bool killed = (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
			    (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_KILLED);

	return killed && oom_watch_rose(&p->oom);
}

static const int stops[] = { SIGINT, SIGTERM, SIGHUP };

/* Whether it died of a signal that came to us, too. */
bool end_was_told(const struct pool *p, int status)
{
	for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
		if ((p->told & 1u << stops[i]) && stop_died_of(status, stops[i])) {
			return true;
		}
	}
	return false;
}

/* Whether it died of a signal that may be on its way to us, too: none of ours. */
static bool may_be_told(const struct pool *p, const struct slot *s)
{
	for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
		if (stop_died_of(s->status, stops[i]) && !(p->told & 1u << stops[i])) {
			return s->ended_by == OUTCOME_NONE && !s->term_sent &&
			       !(s->checkpoint_sent && p->spec->checkpoint.signal == stops[i]);
		}
	}
	return false;
}

static bool died_of_checkpoint(const struct pool *p, const struct slot *s)
{
	return s->checkpoint_sent && stop_died_of(s->status, p->spec->checkpoint.signal);
}

/* Whether it went, and not by us, since it had its checkpoint signal. */
static bool left_after_checkpoint(const struct pool *p, const struct slot *s, enum outcome outcome)
{
	return s->ended_by == OUTCOME_NONE && s->checkpoint_sent && !end_was_told(p, s->status) &&
	       (outcome == OUTCOME_INTERRUPTED || outcome == OUTCOME_TIMEOUT ||
		died_of_checkpoint(p, s));
}

static enum outcome outcome_of(struct pool *p, const struct slot *s)
{
	if (s->ended_by != OUTCOME_NONE) {
		return s->ended_by;
	}
	if (s->lane && s->lane->spoilt) {
		return OUTCOME_INVALID;
	}
	if (killed_for_memory(p, s->status)) {
		/* no test: it takes a machine or a cgroup of ours without memory */
		return OUTCOME_OOM;
	}
	if (end_was_told(p, s->status)) {
		return OUTCOME_INTERRUPTED;
	}
	if (s->checkpoint_sent && s->status != 0 && s->announced == OUTCOME_INTERRUPTED) {
		return died_of_checkpoint(p, s) || WIFEXITED(s->status) ? OUTCOME_INTERRUPTED
									: OUTCOME_SIGNAL;
	}
	if (WIFSIGNALED(s->status)) {
		return OUTCOME_SIGNAL;
	}
	if (WEXITSTATUS(s->status) == 0) {
		return p->calls && (!s->answered || s->answer.status != ANSWER_OK) ? OUTCOME_INVALID
										   : OUTCOME_OK;
	}
	return s->checkpoint_sent && !died_of_checkpoint(p, s) ? s->announced : OUTCOME_EXIT;
}

static void put_signal(struct buf *b, int number)
{
	buf_printf(b, "signal %d (%s)", number, strsignal(number));
}

static void put_limit(struct buf *b, uint64_t seconds)
{
	buf_puts(b, "over its time limit of ");
	if (seconds < 60) {
		buf_printf(b, "%us", (unsigned)seconds);
	} else {
		text_put_duration(b, (double)seconds); /* no test: a minute would be waited */
	}
}

/* Of one that we did not end, after its checkpoint signal. */
static void put_why_left(struct pool *p, const struct slot *s, enum outcome outcome)
{
	struct buf *b = &p->why;

	if (!died_of_checkpoint(p, s)) {
		buf_puts(b, "left after its checkpoint signal");
		if (WEXITSTATUS(s->status)) {
			buf_printf(b, " with exit code %d", WEXITSTATUS(s->status));
		}
		return;
	}
	if (outcome == OUTCOME_INTERRUPTED) {
		buf_puts(b, "interrupted");
	} else if (outcome == OUTCOME_SIGNAL) {
		put_signal(b, WTERMSIG(s->status));
	} else {
		buf_printf(b, "exit code %d", WEXITSTATUS(s->status));
	}
	buf_puts(b, ": it does not know its checkpoint signal");
}

/* Why it failed, in words that are the same for all tasks with the same fault: failures are grouped
 * by them. */
static void put_why(struct pool *p, const struct slot *s, enum outcome outcome)
{
	const struct resources *r = &s->job->task.res;
	struct buf *b = &p->why;

	if (left_after_checkpoint(p, s, outcome)) {
		put_why_left(p, s, outcome);
	} else if (outcome == OUTCOME_EXIT) {
		buf_printf(b, "exit code %d", WEXITSTATUS(s->status));
	} else if (outcome == OUTCOME_SIGNAL) {
		put_signal(b, WTERMSIG(s->status));
	} else if (outcome == OUTCOME_TIMEOUT) {
		put_limit(b, r->time_s);
	} else if (outcome == OUTCOME_OOM && s->ended_by == OUTCOME_OOM) {
		buf_puts(b, "over its memory limit of ");
		text_put_size(b, r->memory);
	} else if (outcome == OUTCOME_OOM) {
		/* no test: as in outcome_of */
		buf_puts(b, "killed by the kernel: no memory left");
	} else if (s->cut_off) {
		buf_puts(b, "cut off by the end of the element's wall time");
	} else if (outcome == OUTCOME_INTERRUPTED) {
		buf_puts(b, "interrupted");
	}
}

/*
 * Peak memory. The kernel's figure for the leader begins with the peak of the process that started
 * it, which is us: so it is used only where it is above that, else the sampled one; 0 when there is
 * none.
 */
static uint64_t peak_memory(const struct slot *s)
{
	const uint64_t kernels = (uint64_t)s->usage.ru_maxrss * 1024;

	return kernels > s->mask && kernels > s->peak ? kernels : s->peak;
}

/* ---- giving back ---- */

static bool is_retried(const struct pool *p, const struct slot *s, enum outcome outcome)
{
	if ((p->crowded || s->uncharged) && outcome == OUTCOME_INTERRUPTED) {
		return p->stop == STOP_NO;
	}
	return p->stop == STOP_NO && (p->spec->retry.on & outcome_retry_bit(outcome)) &&
	       s->job->tries < p->spec->retry.times && admit_may_grow(p, s->job, outcome);
}

static void count(struct pool *p, enum outcome outcome, bool retried)
{
	struct pool_summary *sum = p->sum;
	uint64_t ended;

	sum->attempts++;
	if (retried) {
		return;
	}
	if (outcome == OUTCOME_OK) {
		sum->ok++;
	} else if (outcome == OUTCOME_INTERRUPTED) {
		sum->interrupted++;
	} else {
		sum->failed++;
	}
	ended = sum->ok + sum->failed;
	if (p->stop == STOP_NO &&
	    (sum->failed > p->o->max_failures ||
	     (ended >= 20 && (double)sum->failed > p->o->max_failures_share * (double)ended))) {
		sum->stopped_by_failures = true;
	}
}

static void send_end(struct pool *p, const struct slot *s, enum outcome outcome, bool retried)
{
	struct pool_event ev = { .kind = POOL_END,
				 .task = &s->job->task,
				 .outcome = outcome,
				 .retried = retried,
				 .wall = s->ended - s->started };

	buf_clear(&p->text);
	buf_printf(&p->text, "%s%s", outcome == OUTCOME_INVALID ? "no result: " : "",
		   buf_str(&p->why));
	ev.why = p->text.data;
	if (p->value.len > 0) {
		ev.value_file = journal_output_file(p->journal);
		ev.value_offset = p->value.offset;
		ev.value_len = p->value.len;
	} else if (p->row.len > 0) {
		ev.row = p->row.data;
		ev.row_len = p->row.len;
	}
	pool_event_send(p, &ev);
}

/* Once recorded: the slot is free, the job comes again or not. */
static void release(struct pool *p, struct slot *s, enum outcome outcome)
{
	const bool retried = is_retried(p, s, outcome), goes_on = call_goes_on(s);
	struct job *job = s->job;

	take_done(p, s);
	if (!s->lane || !s->lane->interp) {
		spools_drop(p, s);
	}
	folder_scratch_done(s, outcome);
	folder_keep_done(p, s, outcome);
	results_forget(p, s);
	count(p, outcome, retried);
	p->longest = fmax(p->longest, s->ended - s->started);
	if (goes_on) {
		s->state = SLOT_RUNNING; /* what it has of resources, the next one needs, too */
	} else {
		s->state = SLOT_FREE;
		p->running--;
		admit_return(p, job, s->number);
	}
	if (retried) {
		admit_again(p, job, outcome);
	}
	send_end(p, s, outcome, retried);
	admit_release(p, job);
	s->job = NULL;
	s->pid = goes_on ? s->pid : 0;
	if (s->lane) {
		call_released(p, s);
	}
	if (p->sum->stopped_by_failures && p->stop == STOP_NO) {
		stop_say(p, STOP_DRAIN, "too many failures");
	}
}

int end_unstarted(struct pool *p, struct slot *s, bool crowded)
{
	const enum outcome outcome =
		crowded || s->uncharged ? OUTCOME_INTERRUPTED : OUTCOME_NOT_STARTED;

	p->crowded |= crowded;
	s->ended = s->started;
	s->mask = 0;
	buf_clear(&p->row);
	p->value.len = 0;
	record_end_begin(p, s);
	if (record_end(p, s, outcome, false, 0) < 0) {
		return -1;
	}
	release(p, s, outcome);
	return 0;
}

/* Its process is gone: takes in what it left, and records it, now or when the intake is done. */
int end_slot(struct pool *p, struct slot *s)
{
	enum outcome outcome;

	if (p->calls && !s->lane) {
		fork_read_answer(s);
	}
	outcome = outcome_of(p, s);
	s->state = SLOT_TAKING;
	s->deadline = s->checkpoint_at = NEVER;
	p->crowded = false;
	if (!s->lane) {
		watch_code(p);
	}
	record_end_begin(p, s);
	take_begin(p, s, outcome);
	return take_in(p, s->taking) ? end_taken(p, s) : 0;
}

/* All is taken in. Whatever happens here, the slot's state says what is still to be freed. */
int end_taken(struct pool *p, struct slot *s)
{
	struct taking *t = s->taking;
	enum outcome outcome = t->outcome;
	bool saved;

	if (take_end(p, s) < 0) {
		return -1;
	}
	if (outcome == OUTCOME_INVALID && s->checkpoint_sent) {
		outcome = s->announced;
		buf_clear(&p->why);
		buf_clear(&p->row);
	}
	if (outcome != OUTCOME_OK && outcome != OUTCOME_INVALID && p->why.len == 0) {
		put_why(p, s, outcome);
	}
	saved = (outcome == OUTCOME_INTERRUPTED || outcome == OUTCOME_TIMEOUT) &&
		s->checkpoint_sent && !died_of_checkpoint(p, s);
	if (record_end(p, s, outcome, saved, peak_memory(s)) < 0) {
		t->rc = -1;
		return -1;
	}
	release(p, s, outcome);
	return 0;
}

/* What was not recorded when the pool gave up. */
int end_waiting(struct pool *p, struct slot *s)
{
	struct taking *t = s->taking;

	if (t->rc == 0 && !t->done) {
		/* no test: chance decides how far the intake is when the pool gives up */
		t->rc = take_much(&p->taker, t);
	}
	return t->rc < 0 ? -1 : end_taken(p, s);
}

/* The attempt is over, and no record says so. */
void end_unrecorded(struct pool *p, struct slot *s)
{
	buf_clear(&p->why);
	buf_puts(&p->why, "its end could not be recorded");
	count(p, OUTCOME_INTERRUPTED, false);
	p->running--;
	send_end(p, s, OUTCOME_INTERRUPTED, false);
}

/* ---- reaping ---- */

static struct slot *slot_of(const struct pool *p, pid_t pid)
{
	for (unsigned i = 0; i < p->n_slots; i++) {
		if (p->slots[i].state == SLOT_RUNNING && p->slots[i].pid == pid) {
			return &p->slots[i];
		}
	}
	return NULL;
}

/* A leader that is a zombie yet: its group is ended while nobody else can have its number. After a
 * TERM the others keep their grace. */
static int end_leader(struct pool *p, struct slot *s)
{
	if (!s->term_sent) {
		(void)slot_signal(s, SIGKILL);
	}
	while (wait4(s->pid, &s->status, 0, &s->usage) < 0 && errno == EINTR) {
	}
	s->ended = proc_monotonic();
	if (s->term_sent && s->deadline < NEVER && slot_signal(s, 0)) {
		s->state = SLOT_LINGERING;
		return 0;
	}
	return end_gone(p, s);
}

int end_gone(struct pool *p, struct slot *s)
{
	if (p->stop < STOP_KILL && may_be_told(p, s)) {
		s->state = SLOT_LINGERING;
		s->held = true;
		s->deadline = s->ended + HELD_S;
		return 0;
	}
	return end_slot(p, s);
}

int end_reap(struct pool *p)
{
	for (;;) {
		siginfo_t info = { .si_pid = 0 };
		struct slot *s;

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0) {
			if (errno == EINTR) {
				continue; /* no test: with WNOHANG no signal comes in between */
			}
			return 0; /* ECHILD: none is left */
		}
		if (info.si_pid == 0) {
			return 0;
		}
		if (lane_reap(p, info.si_pid)) {
			p->hurry = true; /* what it said last is yet to be heard */
			continue;
		}
		s = slot_of(p, info.si_pid);
		if (!s) {
			(void)waitpid(info.si_pid, NULL, WNOHANG); /* somebody's orphan */
		} else if (end_leader(p, s) < 0) {
			return -1;
		}
	}
}
