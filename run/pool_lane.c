/* SPDX-License-Identifier: MIT */
/*
 * Lanes: the interpreters of a pool, one a slot, from their start to their end. They are started
 * when tasks need them and stay until the pool ends; one that dies, or was started with other
 * resources than the next task has, is replaced.
 *
 * The first one of a pool loads the function alone. The others follow when it has, and find what it
 * read in this machine's memory: so of a shared file system each node reads the modules once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "gen/language.h"
#include "run/pool_calls.h"

#define LEAVE_S     5.0   /* that idle interpreters have at the end, to leave by themselves */
#define PIPE_PAGES  12000 /* of 4 KiB, in all pipes: the system gives a user 16384, and few more */
#define PAGES_LEAST 16
#define PAGES_MOST  256

/* ---- all of them ---- */

static int open_program(struct pool *p)
{
	const struct language *l = p->spec->function.language;
	const int fd = memfd_create(l->name, MFD_CLOEXEC);
	size_t done = 0;

	p->calls->program_fd = fd;
	while (fd >= 0 && done < l->len) {
		const ssize_t put = write(fd, l->text + done, l->len - done);

		if (put <= 0) {
			break;
		}
		done += (size_t)put;
	}
	return fd >= 0 && done == l->len
		       ? 0
		       : err_errno(&p->fault, "cannot make room for the program of '%s'", l->name);
}

int lanes_open(struct pool *p)
{
	const struct launch_place at = { .rundir = p->o->rundir,
					 .base_env = p->o->base_env,
					 .scratch = p->o->scratch };

	if (p->spec->start != START_FUNCTION) {
		return 0;
	}
	p->calls = mem_alloc(sizeof *p->calls);
	p->calls->program_fd = -1;
	p->calls->maker = call_maker_new(p->o->plan, &at);
	p->calls->folder = mem_printf("%s/output", p->o->rundir);
	p->calls->shares =
		!p->spec->function.fork && !p->spec->function.chunk && interp_can_share();
	call_put_open(p->calls->maker, p->calls->shares, &p->calls->open);
	for (unsigned i = 0; i < p->n_slots && !p->spec->function.fork; i++) {
		p->slots[i].lane = mem_alloc(sizeof *p->slots[i].lane);
		p->slots[i].lane->next_seq = 1;
	}
	return open_program(p);
}

static void pause_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

/* Closed pipes tell them to leave. Who does not is ended with all else that is left. */
static void let_leave(struct pool *p)
{
	const double until = proc_monotonic() + (p->stop >= STOP_TERM ? 0 : LEAVE_S);
	unsigned left = 0;

	for (unsigned i = 0; i < p->n_slots; i++) {
		struct lane *l = p->slots[i].lane;

		if (l && l->interp && !l->gone && !l->doomed) {
			interp_hang_up(l->interp);
			left++;
		}
	}
	left += fork_hang_up(p);
	while (left > 0 && proc_monotonic() < until) {
		pid_t pid;

		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
			for (unsigned i = 0; i < p->n_slots; i++) {
				const struct lane *l = p->slots[i].lane;

				left -= l && l->interp && !l->gone && !l->doomed &&
					interp_pid(l->interp) == pid;
			}
			left -= fork_owns(p, pid);
		}
		if (pid < 0) {
			return;
		}
		pause_ms(left > 0 ? 2 : 0);
	}
}

void lanes_close(struct pool *p)
{
	if (!p->calls) {
		return;
	}
	let_leave(p);
	for (unsigned i = 0; i < p->n_slots; i++) {
		struct slot *s = &p->slots[i];
		struct lane *l = s->lane;

		if (!l) {
			continue;
		}
		if (l->n > 0) {
			l->chunk = 0;
			call_drop(p, s, s->job ? 1 : 0);
		}
		if (l->interp && !s->job) {
			spools_drop(p, s);
		}
		interp_free(l->interp);
		free(l->gpus);
		free(l->calls);
		free(l);
		s->lane = NULL;
	}
	fork_close(p);
	call_maker_free(p->calls->maker);
	if (p->calls->program_fd >= 0) {
		(void)close(p->calls->program_fd);
	}
	buf_free(&p->calls->open);
	buf_free(&p->calls->line);
	buf_free(&p->calls->wants);
	buf_free(&p->calls->packet);
	free(p->calls->folder);
	free(p->calls);
	p->calls = NULL;
}

/* ---- one of them ---- */

static bool is_usable(const struct lane *l)
{
	return l->interp && !l->gone && !l->doomed;
}

bool lane_suits(const struct pool *p, const struct lane *l, const struct job *job)
{
	return is_usable(l) && l->cpus == job->task.res.cpus && l->memory == job->task.res.memory &&
	       strcmp(l->gpus, buf_str(&p->gpus)) == 0 && strcmp(l->code, p->code) == 0;
}

struct slot *lane_for(struct pool *p, const struct job *job)
{
	struct slot *empty = NULL, *other = NULL;

	admit_name_gpus(p, job); /* an interpreter has those that it was started with */
	for (unsigned i = 0; i < p->n_slots; i++) {
		struct slot *s = &p->slots[i];

		if (s->state != SLOT_FREE || s->lane->gone || s->lane->doomed) {
			continue;
		}
		if (lane_suits(p, s->lane, job)) {
			return s;
		}
		if (!s->lane->interp) {
			empty = empty ? empty : s;
		} else {
			other = other ? other : s;
		}
	}
	return empty ? empty : other;
}

/* The first of a pool loads alone, while another gets ready; and a lane whose interpreter is being
 * ended takes no task. */
bool lane_may_start(const struct pool *p)
{
	const struct calls *c = p->calls;
	bool room = p->spec->function.fork;

	for (unsigned i = 0; !room && i < p->n_slots; i++) {
		const struct slot *s = &p->slots[i];

		room = s->state == SLOT_FREE && !s->lane->gone && !s->lane->doomed;
	}
	return room && (p->spec->function.fork ? c->opening == 0 : c->opening < 2 || c->opened);
}

void lane_leave(struct pool *p, struct slot *s)
{
	struct lane *l = s->lane;

	interp_free(l->interp); /* it leaves by itself, and is reaped as somebody's orphan */
	l->interp = NULL;
	spools_drop(p, s);
}

static void lane_fresh(struct lane *l)
{
	free(l->gpus);
	*l = (struct lane){ .calls = l->calls,
			    .head = l->head,
			    .n = l->n,
			    .cap = l->cap,
			    .next_seq = l->next_seq,
			    .revoked = l->revoked };
}

/* Of each of the two pipes that every slot has. */
static int pipe_pages(const struct pool *p)
{
	const unsigned n = PIPE_PAGES / 2 / p->n_slots;

	return n < PAGES_LEAST ? PAGES_LEAST : n > PAGES_MOST ? PAGES_MOST : (int)n;
}

int lane_prepare(struct pool *p, const struct slot *s, struct interp_start *w)
{
	struct err e = ERR_INIT;
	const struct launch_place at = {
		.rundir = p->o->rundir,
		.gpus = p->o->capacity->n_gpus ? p->gpus.data : NULL,
		.base_env = p->o->base_env,
		.scratch = p->o->scratch,
	};

	*w = (struct interp_start){
		.spawner = p->spawner,
		.shared = &p->shared,
		.program_fd = p->calls->program_fd,
		.folder = p->calls->folder,
		.pages = pipe_pages(p),
		.forks = p->spec->function.fork,
		.shares = p->calls->shares,
	};
	buf_clear(&p->why);
	if (call_launch(&s->job->task, p->o->plan, &at, &p->launch, &e) < 0) {
		buf_puts(&p->why, e.text);
		return 1;
	}
	w->argv = p->launch.argv;
	w->envp = p->launch.envp;
	w->workdir = p->launch.workdir;
	return 0;
}

void lane_load(struct pool *p, struct lane *l)
{
	struct calls *c = p->calls;

	if (!l->loading && (c->opened || c->loading == 0)) {
		interp_send(l->interp, c->open.data, c->open.len);
		l->loading = true;
		c->loading++;
	}
}

/* The interpreter of the slot's job, which waits in the lane. 1: it cannot be started, p->why. */
int lane_start(struct pool *p, struct slot *s)
{
	struct lane *l = s->lane;
	struct interp_start w;

	lane_fresh(l);
	watch_code_now(p);
	l->cpus = s->job->task.res.cpus;
	l->memory = s->job->task.res.memory;
	l->gpus = mem_dup(buf_str(&p->gpus));
	memcpy(l->code, p->code, sizeof l->code);
	if (lane_prepare(p, s, &w) != 0) {
		return 1;
	}
	if (spools_open(p, s) < 0) {
		return -1;
	}
	w.out_fd = s->fd[STREAM_STDOUT];
	w.err_fd = s->fd[STREAM_STDERR];
	s->start_ticks = usage_ticks_now();
	l->interp = interp_start(&w, &p->why);
	if (!l->interp) {
		return 1;
	}
	s->pid = interp_pid(l->interp);
	s->mask = p->own_peak;
	p->calls->opening++;
	lane_load(p, l);
	return 0;
}

/* ["seed","scratch"] */
void lane_read_wants(struct pool *p)
{
	struct calls *c = p->calls;
	struct json wants, item;

	c->scratch = spec_uses_scratch(p->spec);
	c->keep = spec_uses_keep(p->spec);
	if (json_parse(buf_str(&c->wants), c->wants.len, &wants, NULL) == 0) {
		struct json_iter it = json_iter(wants);

		while (json_next(&it, NULL, &item)) {
			c->scratch |= json_eq(item, "scratch");
			c->keep |= json_eq(item, "keep");
		}
	}
}

/* What it printed so far belongs to no task. */
void lane_opened(struct pool *p, struct slot *s)
{
	struct stat st;

	for (int k = 0; k < SPOOL_COUNT; k++) {
		s->lane->from[k] = fstat(s->fd[k], &st) == 0 ? st.st_size : 0;
	}
	lane_read_wants(p);
}

void lane_kill(struct slot *s)
{
	const pid_t pid = interp_pid(s->lane->interp);

	s->lane->doomed = true;
	if (pid > 1) {
		(void)kill(-pid, SIGKILL);
	}
}

bool lane_reap(struct pool *p, pid_t pid)
{
	for (unsigned i = 0; p->calls && i < p->n_slots; i++) {
		struct lane *l = p->slots[i].lane;

		if (l && l->interp && !l->gone && interp_pid(l->interp) == pid) {
			(void)kill(-pid, SIGKILL); /* while nobody else can have its number */
			while (wait4(pid, &l->status, 0, &l->usage) < 0 && errno == EINTR) {
			}
			l->gone = true;
			l->gone_at = proc_monotonic();
			return true;
		}
	}
	return p->calls && fork_reap(p, pid);
}

bool lane_owns(const struct pool *p, pid_t pid)
{
	for (unsigned i = 0; p->calls && i < p->n_slots; i++) {
		const struct lane *l = p->slots[i].lane;

		if (l && l->interp && interp_pid(l->interp) == pid) {
			return true;
		}
	}
	return p->calls && fork_owns(p, pid);
}

size_t lane_idle(const struct pool *p)
{
	size_t n = p->calls ? fork_count(p) : 0;

	for (unsigned i = 0; p->calls && i < p->n_slots; i++) {
		const struct slot *s = &p->slots[i];

		n += s->state == SLOT_FREE && s->lane && s->lane->interp;
	}
	return n;
}
