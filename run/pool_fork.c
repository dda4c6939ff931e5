/* SPDX-License-Identifier: MIT */
/*
 * Functions of which each task has a process of its own: an interpreter loads the function once,
 * and forks a child a task, which becomes our child, too. So all that holds for commands holds for
 * these: nothing leaks from one task to the next, and limits, crashes and what is left behind
 * concern one task. There is one such interpreter for all tasks of equal resources.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"
#include "run/pool_calls.h"

/* ---- the interpreters ---- */

static void zygote_end(struct calls *c, struct zygote *z)
{
	c->opening -= z->interp && !z->ready;
	interp_free(z->interp);
	z->interp = NULL;
	if (z->log_fd >= 0) {
		(void)close(z->log_fd);
	}
	z->log_fd = -1;
	free(z->gpus);
	z->gpus = NULL;
}

static struct zygote *zygote_for(struct pool *p, const struct job *job)
{
	const struct resources *r = &job->task.res;

	for (size_t k = 0; k < p->calls->n_zygotes; k++) {
		struct zygote *z = &p->calls->zygotes[k];

		if (!z->interp || z->cpus != r->cpus || z->memory != r->memory ||
		    strcmp(z->gpus, buf_str(&p->gpus)) != 0) {
			continue;
		}
		if (strcmp(z->code, p->code) == 0) {
			return z;
		}
		zygote_end(p->calls, z); /* the code was edited; its children go on */
	}
	return NULL;
}

static struct zygote *zygote_new(struct calls *c)
{
	for (size_t k = 0; k < c->n_zygotes; k++) {
		if (!c->zygotes[k].interp) {
			return &c->zygotes[k];
		}
	}
	ARRAY_ROOM(c->zygotes, c->n_zygotes, c->cap_zygotes);
	return &c->zygotes[c->n_zygotes++];
}

/* One for tasks like the slot's job. -1: there can be none. */
static int zygote_start(struct pool *p, const struct slot *s)
{
	struct zygote *z = zygote_new(p->calls);
	const int fd = interp_open_file(p->calls->folder);
	struct interp_start w;

	watch_code_now(p);
	*z = (struct zygote){ .log_fd = fd,
			      .cpus = s->job->task.res.cpus,
			      .memory = s->job->task.res.memory,
			      .gpus = mem_dup(buf_str(&p->gpus)) };
	memcpy(z->code, p->code, sizeof z->code);
	if (fd < 0 || fcntl(fd, F_SETFL, O_APPEND) < 0) {
		return err_errno(&p->fault, "cannot make a file in '%s'", p->calls->folder);
	}
	if (lane_prepare(p, s, &w) == 0) {
		w.out_fd = w.err_fd = fd;
		z->interp = interp_start(&w, &p->why);
	}
	if (!z->interp) {
		const int number = errno;

		zygote_end(p->calls, z);
		return lane_unstarted(p, number);
	}
	interp_send(z->interp, p->calls->open.data, p->calls->open.len);
	p->calls->opening++;
	return 0;
}

/* How it ended, or is ended now. It has closed its answers. */
static int zygote_wait(struct zygote *z)
{
	const struct timespec step = { .tv_nsec = 10000000 };
	const pid_t pid = interp_pid(z->interp);
	int status = 0;

	for (int i = 0; !z->gone && i < 100; i++) {
		z->gone = waitpid(pid, &z->status, WNOHANG) == pid;
		if (!z->gone) {
			(void)nanosleep(&step, NULL);
		}
	}
	if (!z->gone && kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid) {
		z->gone = true;
		z->status = status;
	}
	return z->status;
}

static int hear_hello(struct pool *p, struct zygote *z)
{
	struct buf why = BUF_INIT;
	const int more = interp_read(z->interp);
	int r;

	buf_clear(&p->calls->wants);
	r = interp_hello(z->interp, &p->calls->wants, &why);
	if (r == 0 && more < 0) {
		buf_puts(&why, "its interpreter ended while it loaded the function: ");
		lane_put_end(&why, zygote_wait(z));
		r = -1;
	}
	if (r < 0) {
		r = lane_refused(p, z->log_fd, buf_str(&why));
	} else if (r > 0) {
		watch_code_now(p); /* edited since it began, it is not used: see zygote_for */
		r = strcmp(z->code, p->code) == 0 ? 0 : lane_edited(p);
		z->ready = p->calls->opened = true;
		p->calls->opening--;
		lane_read_wants(p);
	}
	buf_free(&why);
	return r < 0 ? -1 : 0;
}

int fork_turn(struct pool *p)
{
	for (size_t k = 0; k < p->calls->n_zygotes; k++) {
		struct zygote *z = &p->calls->zygotes[k];

		if (z->interp && !z->ready) {
			interp_go_on(z->interp);
			if (hear_hello(p, z) < 0) {
				return -1;
			}
			p->hurry |= z->ready;
		}
	}
	return 0;
}

size_t fork_polls(const struct pool *p, struct pollfd *fds)
{
	size_t n = 0;

	for (size_t k = 0; k < p->calls->n_zygotes; k++) {
		const struct zygote *z = &p->calls->zygotes[k];

		if (z->interp && !z->ready) {
			fds[n++] = (struct pollfd){ .fd = interp_fd(z->interp), .events = POLLIN };
		}
	}
	return n;
}

/* ---- for pool_lane.c ---- */

static struct zygote *zygote_of(const struct pool *p, pid_t pid)
{
	for (size_t k = 0; k < p->calls->n_zygotes; k++) {
		struct zygote *z = &p->calls->zygotes[k];

		if (z->interp && interp_pid(z->interp) == pid) {
			return z;
		}
	}
	return NULL;
}

bool fork_owns(const struct pool *p, pid_t pid)
{
	return zygote_of(p, pid) != NULL;
}

/* One that is loading is heard first. */
bool fork_reap(struct pool *p, pid_t pid)
{
	struct zygote *z = zygote_of(p, pid);

	if (!z) {
		return false;
	}
	z->gone = waitpid(pid, &z->status, 0) == pid;
	if (z->ready) {
		zygote_end(p->calls, z);
	}
	return true;
}

size_t fork_count(const struct pool *p)
{
	size_t n = 0;

	for (size_t k = 0; k < p->calls->n_zygotes; k++) {
		n += p->calls->zygotes[k].interp != NULL;
	}
	return n;
}

unsigned fork_hang_up(struct pool *p)
{
	for (size_t k = 0; k < p->calls->n_zygotes; k++) {
		if (p->calls->zygotes[k].interp) {
			interp_hang_up(p->calls->zygotes[k].interp);
		}
	}
	return (unsigned)fork_count(p);
}

void fork_close(struct pool *p)
{
	for (size_t k = 0; k < p->calls->n_zygotes; k++) {
		zygote_end(p->calls, &p->calls->zygotes[k]);
	}
	free(p->calls->zygotes);
}

/* ---- a task ---- */

/* 0, 1: a fault of its own, p->why; -1. */
static int prepare(struct pool *p, struct slot *s)
{
	int r;

	buf_clear(&p->why);
	r = call_put_request(p, s->job, 0);
	if (r == 0) {
		r = call_make_folders(p, s);
	}
	if (r == 0 && (s->answer_fd = interp_open_file(p->calls->folder)) < 0) {
		return err_errno(&p->fault, "cannot make a file in '%s'", p->calls->folder);
	}
	return r;
}

/* Its resources are given back, and it comes first again. */
static void wait_for_zygote(struct pool *p, struct slot *s)
{
	struct job *job = s->job;

	s->state = SLOT_FREE;
	s->job = NULL;
	p->running--;
	admit_return(p, job, s->number);
	admit_back(p, job);
}

static void fork_task(struct pool *p, struct slot *s, struct zygote *z)
{
	const int fds[3] = { s->fd[STREAM_STDOUT], s->fd[STREAM_STDERR], s->answer_fd };
	const struct buf *line = &p->calls->line;

	s->start_ticks = usage_ticks_now();
	s->started = proc_monotonic();
	s->pid = interp_fork(z->interp, line->data, line->len, fds, &p->why);
}

int fork_start(struct pool *p, struct job *job)
{
	struct slot *s = slot_find(p);
	struct zygote *z;
	int r;

	s->pid = 0;
	s->fd[0] = s->fd[1] = -1;
	slot_take(p, s, job);
	z = zygote_for(p, job);
	if (!z || !z->ready) {
		r = z ? 0 : zygote_start(p, s);
		wait_for_zygote(p, s);
		return r;
	}
	memcpy(s->code, z->code, sizeof s->code);
	r = prepare(p, s);
	if (r < 0 || spools_open(p, s) < 0 || record_start(p, s) < 0) {
		return -1;
	}
	if (r == 0) {
		fork_task(p, s, z);
	}
	if (s->pid <= 0) {
		const bool gone = r == 0 && (errno == EPIPE || errno == ECONNRESET),
			   crowded = r == 0 && errno == EAGAIN && p->running > 1;

		s->uncharged = gone && ++p->calls->deaths < DEATHS_MAX;
		if (s->answer_fd >= 0) {
			(void)close(s->answer_fd);
			s->answer_fd = -1;
		}
		if (r == 0 && !crowded) {
			zygote_end(p->calls,
				   z); /* whatever ails it: the next task gets a new one */
		}
		return end_unstarted(p, s, crowded);
	}
	p->calls->deaths = 0;
	s->mask = 0;
	slot_set_deadline(p, s, 1);
	slot_send_start(p, s);
	return 0;
}

/* What its process left, as an answer. */
void fork_read_answer(struct slot *s)
{
	struct answer *a = &s->answer;
	struct buf *why = &s->answer_why;
	const int fd = s->answer_fd;
	off_t from = 0;

	s->answer_fd = -1;
	s->answered = fd >= 0 && interp_file_answer(fd, a, &from) == 1;
	if (!s->answered) {
		if (fd >= 0) {
			(void)close(fd);
		}
		return;
	}
	buf_clear(why);
	buf_room(why, a->why_len);
	if (pread(fd, why->data, a->why_len, from + (off_t)a->value_len) == (ssize_t)a->why_len) {
		why->len = a->why_len;
	}
	a->why = why->data;
	a->why_len = why->len;
	a->value = NULL;
	a->value_fd = fd;
	a->value_from = (uint64_t)from;
}
