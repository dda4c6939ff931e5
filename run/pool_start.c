/* SPDX-License-Identifier: MIT */
/*
 * Starting an attempt: its folders, spools, the start record, the process. What is the task's
 * own fault (a command that is not there) ends the attempt as not started; what is the system's (no
 * room for the spools) ends the pool.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/proc.h"
#include "run/pool_internal.h"

#define START_S 1.0 /* that a start may take, from when a task was chosen */

struct slot *slot_find(struct pool *p)
{
	for (unsigned i = 0; i < p->n_slots; i++) {
		if (p->slots[i].state == SLOT_FREE) {
			return &p->slots[i];
		}
	}
	/* no test: there are as many slots as processors, and each task takes one at least */
	return NULL;
}

/* An attempt, as it is before anything was done. */
void slot_begin(struct pool *p, struct slot *s, struct job *job)
{
	const bool code_changed = strcmp(p->code, p->o->plan->code) != 0;

	s->job = job;
	s->started = s->ended = p->now;
	s->deadline = s->checkpoint_at = NEVER;
	s->due_as = OUTCOME_TIMEOUT;
	s->grace = p->o->grace_s;
	s->term_sent = s->cut_off = s->held = s->checkpoint_sent = s->uncharged = false;
	s->answered = false;
	s->ended_by = OUTCOME_NONE;
	s->peak = 0;
	s->status = 0;
	memset(&s->usage, 0, sizeof s->usage);
	memcpy(s->code, code_changed ? p->code : job->task.code, sizeof s->code);
}

void slot_take(struct pool *p, struct slot *s, struct job *job)
{
	s->state = SLOT_RUNNING;
	slot_begin(p, s, job);
	p->running++;
	admit_take_gpus(p, job, s->number);
}

static struct slot *take_slot(struct pool *p, struct job *job)
{
	struct slot *s = slot_find(p);

	s->pid = 0;
	s->fd[0] = s->fd[1] = -1;
	slot_take(p, s, job);
	return s;
}

/* Computes the command; its faults are the task's own. */
static int prepare(struct pool *p, struct slot *s)
{
	struct err e = ERR_INIT;
	const struct launch_place at = {
		.rundir = p->o->rundir,
		.gpus = p->o->capacity->n_gpus ? p->gpus.data : NULL,
		.base_env = p->o->base_env,
		.scratch = p->o->scratch,
		.launch = p->o->launch,
	};
	const struct job *job = s->job;
	const bool fresh = job->upto > 0 && job->task.attempt == job->upto + 1;

	if (task_launch(&s->job->task, p->o->plan, &at, &p->launch, &e) < 0) {
		buf_puts(&p->why, e.text);
		return 1;
	}
	s->scratch = p->launch.scratch ? mem_dup(p->launch.scratch) : NULL;
	s->keep = p->launch.keep ? mem_dup(p->launch.keep) : NULL;
	if ((s->scratch && folder_scratch(s->scratch, &e) < 0) ||
	    (s->keep && folder_keep(s->keep, fresh, &e) < 0)) {
		buf_puts(&p->why, e.text);
		return 1;
	}
	return results_note(p, s, &at, p->launch.workdir);
}

void slot_send_start(struct pool *p, const struct slot *s)
{
	struct pool_event ev = { .kind = POOL_START, .task = &s->job->task };

	pool_event_send(p, &ev);
}

/* A limit that just fitted is over at the end of our time, not behind it. */
void slot_set_deadline(struct pool *p, struct slot *s, uint64_t times)
{
	const uint64_t limit = s->job->task.res.time_s * times;
	const double end = p->o->end;

	if (limit) {
		s->deadline = s->started + (double)limit;
		if (end > 0 && s->deadline > end && s->deadline - end < START_S) {
			/* no test: it fitted to within the moment that its start took */
			s->deadline = end;
		}
	}
	stop_checkpoint_due(p, s);
}

int start_job(struct pool *p, struct job *job)
{
	struct slot *s;
	int r;

	if (p->spec->start == START_FUNCTION) {
		return call_start(p, job);
	}
	s = take_slot(p, job);
	buf_clear(&p->why);
	r = prepare(p, s);
	if (r < 0 || spools_open(p, s) < 0 || record_start(p, s) < 0) {
		return -1;
	}
	if (r == 0) {
		const struct spawn w = {
			.shared = &p->shared,
			.argv = p->launch.argv,
			.envp = p->launch.envp,
			.workdir = p->launch.workdir,
			.out_fd = s->fd[STREAM_STDOUT],
			.err_fd = s->fd[STREAM_STDERR],
		};

		s->start_ticks = usage_ticks_now();
		s->started = proc_monotonic();
		s->pid = spawn_start(p->spawner, &w, &p->why);
	}
	if (s->pid <= 0) {
		/* too many processes while others of ours run: its turn comes when one has ended */
		return end_unstarted(p, s, r == 0 && errno == EAGAIN && p->running > 1);
	}
	s->mask = p->own_peak;
	slot_set_deadline(p, s, 1);
	slot_send_start(p, s);
	return 0;
}
