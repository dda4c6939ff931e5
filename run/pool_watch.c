/* SPDX-License-Identifier: MIT */
/*
 * Watching: time limits, memory, processes that tasks left behind, code that changes while tasks
 * run.
 *
 * A process belongs to the task whose leader is among its ancestors, or whose process group it is
 * in. One whose parents ended is our child then (we are a subreaper): it is told by PPGEN_TASK and
 * PPGEN_ATTEMPT in its environment, and where it has none of these, it may belong to any task that
 * began before it did.
 */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/text.h"
#include "run/pool_internal.h"

#define SAMPLE_LIMITED_S 0.25 /* between looks at /proc while some task has a memory limit, */
#define SAMPLE_S         1.0  /* and else */
#define SAMPLE_SHARE     20   /* but a look takes at most this part of the time */
#define CODE_S           1.0
#define LINGER_S         0.02
#define PEAK_MORE        ((uint64_t)1 << 20)

enum {
	OWNER_POOL = -3,
	OWNER_STRAY = -4,
	OWNER_OLDER = -5
}; /* beside slots' numbers and USAGE_* */

/* ---- signals ---- */

/* Never with a pid of 0 or less: kill() would take these for our own group, or for everybody. */
bool slot_signal(const struct slot *s, int number)
{
	return s->pid > 1 && kill(-s->pid, number) == 0;
}

/* TERM, and CONT for one that is stopped; KILL follows when the grace is over. The first reason
 * counts. */
void slot_term(struct pool *p, struct slot *s, enum outcome why, double grace)
{
	if (s->ended_by == OUTCOME_NONE) {
		s->ended_by = why;
	}
	call_take_back(p, s);
	if (!s->term_sent) {
		(void)slot_signal(s, SIGTERM);
		(void)slot_signal(s, SIGCONT);
		s->term_sent = true;
		s->deadline = p->now + grace;
	} else if (s->deadline > p->now + grace) {
		s->deadline = p->now + grace;
	}
}

void slot_kill(struct pool *p, struct slot *s, enum outcome why)
{
	if (s->ended_by == OUTCOME_NONE) {
		s->ended_by = why;
	}
	call_take_back(p, s);
	if (s->lane) {
		s->lane->doomed = true;
	}
	(void)slot_signal(s, SIGKILL);
	s->deadline = NEVER;
}

/* ---- deadlines ---- */

double watch_next(const struct pool *p)
{
	double next = p->running ? p->next_sample : NEVER;

	for (unsigned i = 0; i < p->n_slots; i++) {
		const struct slot *s = &p->slots[i];

		if (s->state == SLOT_LINGERING) {
			next = fmin(next, p->now + LINGER_S);
		} else if (s->state == SLOT_RUNNING) {
			next = fmin(next, fmin(s->deadline, s->checkpoint_at));
		}
	}
	return next;
}

/* Whether one that has ended still waits: for others of its group, or for news of a signal. */
static bool is_waiting(const struct pool *p, const struct slot *s)
{
	if (s->deadline <= p->now) {
		return false;
	}
	return s->held ? !end_was_told(p, s->status) : slot_signal(s, 0);
}

int watch_deadlines(struct pool *p)
{
	for (unsigned i = 0; i < p->n_slots; i++) {
		struct slot *s = &p->slots[i];
		const bool due = s->state != SLOT_FREE && s->deadline <= p->now;

		if (s->state == SLOT_LINGERING && !is_waiting(p, s)) {
			if (due && !s->held) {
				(void)slot_signal(s, SIGKILL);
			}
			if (end_slot(p, s) < 0) {
				return -1;
			}
		} else if (due && s->term_sent) {
			slot_kill(p, s, s->due_as);
		} else if (due) {
			slot_term(p, s, s->due_as, s->grace);
		} else if (s->state == SLOT_RUNNING && s->checkpoint_at <= p->now) {
			stop_checkpoint(p, s);
		}
	}
	return 0;
}

/* ---- whose a process is ---- */

/* What an attempt that is being taken in has left behind is nobody's. */
static bool slot_is_alive(const struct slot *s)
{
	return s->state == SLOT_RUNNING || s->state == SLOT_LINGERING;
}

static struct slot *slot_of_group(const struct pool *p, pid_t group)
{
	for (unsigned i = 0; i < p->n_slots; i++) {
		if (slot_is_alive(&p->slots[i]) && p->slots[i].pid == group) {
			return &p->slots[i];
		}
	}
	return NULL;
}

/* The running attempt that PPGEN_TASK and PPGEN_ATTEMPT name. *known: they are there, whether it
 * runs or not. */
static const struct slot *slot_by_environment(struct pool *p, pid_t pid, bool *known)
{
	uint64_t attempt;
	char shown[TASK_ID_SHOWN] = "";

	*known = usage_variable(&p->procs, pid, "PPGEN_TASK", &p->text) &&
		 p->text.len < sizeof shown;
	if (!*known) {
		return NULL;
	}
	memcpy(shown, p->text.data, p->text.len + 1);
	*known = usage_variable(&p->procs, pid, "PPGEN_ATTEMPT", &p->text) &&
		 text_u64(p->text.data, p->text.len, &attempt);
	for (unsigned i = 0; *known && i < p->n_slots; i++) {
		const struct slot *s = &p->slots[i];

		if (slot_is_alive(s) && s->job->task.attempt == attempt &&
		    strcmp(s->job->task.shown, shown) == 0) {
			return s;
		}
	}
	return NULL;
}

/* Of a child of ours that leads no running task. */
static int orphan_owner(struct pool *p, const struct usage_proc *proc)
{
	const struct slot *s = slot_of_group(p, proc->group);
	bool known;

	if (s) {
		return (int)s->number;
	}
	if (proc->start < p->begin_ticks) {
		return OWNER_OLDER; /* the set-up's, say an ssh-agent: ends when we end */
	}
	s = slot_by_environment(p, proc->pid, &known);
	if (s) {
		return (int)s->number;
	}
	for (unsigned i = 0; !known && i < p->n_slots; i++) {
		if (slot_is_alive(&p->slots[i]) && p->slots[i].start_ticks <= proc->start) {
			return OWNER_POOL; /* perhaps this one's: it is looked at again */
		}
	}
	return OWNER_STRAY;
}

/* ---- one look ---- */

struct tree {
	uint64_t own, shared;
};

static void add_memory(const struct usage_proc *proc, struct tree *trees)
{
	struct tree *t = &trees[proc->owner];
	uint64_t own, shared;

	usage_memory(proc->pid, &own, &shared);
	t->own += own;
	t->shared = shared > t->shared ? shared : t->shared;
}

static void judge_memory(struct pool *p, const struct tree *trees)
{
	for (unsigned i = 0; i < p->n_slots; i++) {
		struct slot *s = &p->slots[i];
		const uint64_t sum = trees[i].own + trees[i].shared;

		if (s->state == SLOT_FREE) {
			continue;
		}
		s->peak = sum > s->peak ? sum : s->peak;
		if (s->job->task.res.memory > 0 && sum > s->job->task.res.memory &&
		    s->state == SLOT_RUNNING) {
			slot_kill(p, s, OUTCOME_OOM);
			for (size_t k = 0; k < p->procs.n; k++) {
				if (p->procs.procs[k].owner == (int)i) {
					(void)kill(p->procs.procs[k].pid, SIGKILL);
				}
			}
		}
	}
}

/* Fills p->procs with owners; false without /proc. */
static bool look(struct pool *p)
{
	const pid_t self = getpid();
	struct usage_proc *proc;

	if (usage_scan(&p->procs) < 0) {
		return false;
	}
	for (unsigned i = 0; i < p->n_slots; i++) {
		const struct slot *s = &p->slots[i];

		proc = s->state == SLOT_RUNNING ? usage_find(&p->procs, s->pid) : NULL;
		if (proc) {
			proc->owner = (int)s->number;
		}
	}
	for (size_t k = 0; k < p->procs.n; k++) {
		proc = &p->procs.procs[k];
		if (proc->pid == self) {
			proc->owner = OWNER_POOL;
		} else if (proc->ppid == self && proc->owner == USAGE_UNKNOWN &&
			   proc->state != 'Z') {
			proc->owner = lane_owns(p, proc->pid) ? OWNER_POOL : orphan_owner(p, proc);
		}
	}
	usage_inherit(&p->procs);
	return true;
}

static bool some_limit(const struct pool *p)
{
	for (unsigned i = 0; i < p->n_slots; i++) {
		if (p->slots[i].state != SLOT_FREE && p->slots[i].job->task.res.memory > 0) {
			return true;
		}
	}
	return false;
}

/*
 * The kernel's peak of a child begins with the peak of the process that it shared its memory with
 * until it was another program: us. A little more, for what we grow until the next look.
 */
void watch_own_peak(struct pool *p)
{
	struct rusage u;

	p->own_peak = getrusage(RUSAGE_SELF, &u) == 0 ? (uint64_t)u.ru_maxrss * 1024 + PEAK_MORE
						      : PEAK_MORE;
}

void watch_processes(struct pool *p)
{
	const double begin = proc_monotonic();
	struct tree *trees;

	watch_own_peak(p);
	if (look(p)) {
		buf_clear(&p->text);
		buf_room(&p->text, p->n_slots * sizeof *trees);
		trees = (struct tree *)(void *)p->text.data; /* from malloc: aligned */
		memset(trees, 0, p->n_slots * sizeof *trees);
		for (size_t k = 0; k < p->procs.n; k++) {
			const struct usage_proc *proc = &p->procs.procs[k];

			if (proc->owner >= 0) {
				add_memory(proc, trees);
			} else if (proc->owner == OWNER_STRAY) {
				(void)kill(proc->pid, SIGKILL);
			}
		}
		judge_memory(p, trees);
	}
	p->next_sample = p->now + fmax(some_limit(p) ? SAMPLE_LIMITED_S : SAMPLE_S,
				       (proc_monotonic() - begin) * SAMPLE_SHARE);
}

/* ---- code ---- */

/*
 * When a shared file changed since the plan, attempts that run or begin now are not that code's any
 * more. One that cannot be read at the moment (an editor may be about to rename a new one into its
 * place) changes nothing yet.
 */
void watch_code(struct pool *p)
{
	if (p->now >= p->next_code) {
		watch_code_now(p);
	}
}

void watch_code_now(struct pool *p)
{
	char code[CODE_HEX];

	p->next_code = p->now + CODE_S;
	if (plan_code_now(p->o->plan, code, NULL) < 0) {
		return;
	}
	memcpy(p->code, code, sizeof p->code);
	if (strcmp(p->code, p->o->plan->code) == 0) {
		return;
	}
	for (unsigned i = 0; i < p->n_slots; i++) {
		if (p->slots[i].state != SLOT_FREE && !p->slots[i].lane) {
			memcpy(p->slots[i].code, p->code, sizeof p->slots[i].code);
		}
	}
}
