/* SPDX-License-Identifier: MIT */
/*
 * Starting an attempt: scratch folder, spools, the start record, the process. What is the task's
 * own fault (a command that is not there) ends the attempt as not started; what is the system's (no
 * room for the spools) ends the pool.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/text.h"
#include "run/pool_internal.h"

/* An empty folder that only we may enter: what an earlier attempt left is removed. */
static int make_scratch(const char *path, struct err *e)
{
	char *dir;
	int rc;

	if (mkdir(path, 0700) == 0) {
		return 0;
	}
	if (errno == EEXIST) {
		if (file_remove_tree(path, e) < 0) {
			return -1;
		}
	} else if (errno == ENOENT) {
		dir = path_dir(path);
		rc = file_make_dirs(dir, e);
		free(dir);
		if (rc < 0) {
			return -1;
		}
	}
	return mkdir(path, 0700) == 0 ? 0 : err_errno(e, "cannot make the folder '%s'", path);
}

static struct slot *free_slot(struct pool *p)
{
	for (unsigned i = 0; i < p->n_slots; i++) {
		if (p->slots[i].state == SLOT_FREE) {
			return &p->slots[i];
		}
	}
	return NULL; /* cannot be: there are as many slots as processors, and each task takes one at
			least */
}

/* Gives the job a slot, as it is before anything was done. */
static struct slot *take_slot(struct pool *p, struct job *job)
{
	struct slot *s = free_slot(p);
	const bool code_changed = strcmp(p->code, p->o->plan->code) != 0;

	s->state = SLOT_RUNNING;
	s->job = job;
	s->pid = 0;
	s->fd[0] = s->fd[1] = -1;
	s->started = s->ended = p->now;
	s->deadline = NEVER;
	s->term_sent = false;
	s->ended_by = OUTCOME_NONE;
	s->peak = 0;
	s->status = 0;
	memset(&s->usage, 0, sizeof s->usage);
	memcpy(s->code, code_changed ? p->code : job->task.code, sizeof s->code);
	p->running++;
	admit_take_gpus(p, job, s->number);
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
	};

	if (task_launch(&s->job->task, p->o->plan, &at, &p->launch, &e) < 0) {
		buf_puts(&p->why, e.text);
		return 1;
	}
	s->scratch = p->launch.scratch ? mem_dup(p->launch.scratch) : NULL;
	if (s->scratch && make_scratch(s->scratch, &e) < 0) {
		buf_puts(&p->why, e.text);
		return 1;
	}
	return results_note(p, s, &at, p->launch.workdir);
}

static void send_start(struct pool *p, const struct slot *s)
{
	struct pool_event ev = { .kind = POOL_START, .task = &s->job->task };

	pool_event_send(p, &ev);
}

int start_job(struct pool *p, struct job *job)
{
	struct slot *s = take_slot(p, job);
	const uint64_t limit = job->task.res.time_s;
	int r;

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
	s->deadline = limit ? s->started + (double)limit : NEVER;
	send_start(p, s);
	return 0;
}
