/* SPDX-License-Identifier: MIT */
/* The pool's loop: fill slots, wait for a child, a signal or a timer, reap, record, report. See
 * pool_internal.h for the other parts. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"
#include "run/guard.h"
#include "run/pool_internal.h"

#define STARTS_A_TURN 64 /* then signals and ends are looked at */
#define TICK_S        0.5
#define HURRY_S       0.5 /* between syncs while tasks are being ended: we may be, too */
#define FILES_SPARE   64  /* descriptors beside those of the slots */

/* ---- what is told ---- */

void pool_event_send(struct pool *p, struct pool_event *ev)
{
	const struct pool_summary *s = p->sum;

	if (!p->o->event) {
		return;
	}
	ev->ok = s->ok;
	ev->failed = s->failed;
	ev->done = s->ok + s->failed;
	ev->running = p->running;
	ev->total = p->src->total;
	p->o->event(p->o->event_arg, ev);
}

/* ---- signals ---- */

static int sync_now(struct pool *p)
{
	p->next_sync = p->now + (p->stop >= STOP_TERM ? fmin(p->o->sync_s, HURRY_S) : p->o->sync_s);
	if (!p->dirty) {
		return 0;
	}
	p->dirty = false;
	if (journal_sync(p->journal, &p->fault) < 0) {
		return -1;
	}
	folder_synced(p);
	return 0;
}

static void hear(struct pool *p, const struct signalfd_siginfo *info, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (info[i].ssi_signo == SIGINT || info[i].ssi_signo == SIGTERM ||
		    info[i].ssi_signo == SIGHUP) {
			p->told |= 1u << info[i].ssi_signo;
		}
	}
}

/*
 * Signals are read before children are reaped, or the news of one that ends in between would be
 * lost; and obeyed after it: a task that ended before we were told to stop is not interrupted,
 * unless it died of what we were told.
 */
static int take_signals(struct pool *p)
{
	struct signalfd_siginfo info[16];
	const ssize_t got = read(p->signal_fd, info, sizeof info);
	const size_t n = got > 0 ? (size_t)got / sizeof *info : 0;
	bool asked = false;

	hear(p, info, n);
	if (end_reap(p) < 0) {
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		const int number = (int)info[i].ssi_signo;

		if (number != SIGCHLD && !stop_is_echo(p, number, info[i].ssi_pid)) {
			stop_obey(p, number);
			asked = true;
		}
	}
	return asked ? sync_now(p) : 0;
}

/* ---- the loop ---- */

static bool may_fill(struct pool *p)
{
	return !p->calls || lane_may_start(p);
}

static int fill(struct pool *p)
{
	struct job *job;

	p->hurry = false;
	for (int i = 0; p->stop == STOP_NO && !p->crowded && may_fill(p) && (job = admit_next(p));
	     i++) {
		watch_code(p);
		if (start_job(p, job) < 0) {
			return -1;
		}
		if (i == STARTS_A_TURN) {
			p->hurry = true;
			break;
		}
	}
	return 0;
}

static bool is_done(const struct pool *p)
{
	return p->running == 0 && (p->stop != STOP_NO || !admit_waiting(p));
}

/* Records those attempts that the intake is done with. */
static int take_turn(struct pool *p)
{
	struct taking *t = intake_fetch(p), *next;

	for (; t; t = next) {
		next = t->next;
		if (end_taken(p, t->slot) < 0) {
			return -1;
		}
	}
	return 0;
}

static void send_idle(struct pool *p)
{
	struct pool_event ev = { .kind = POOL_IDLE };

	pool_event_send(p, &ev);
}

/* Until a child ends, a signal comes, the guardian dies, the intake is done with something, or
 * something is due. */
static int wait_turn(struct pool *p)
{
	struct pollfd *const fds = p->polls;
	nfds_t n_fds = 3;
	const double moment = call_moment(p);
	const double due = fmin(fmin(p->dirty ? p->next_sync : NEVER, p->next_tick),
				fmin(fmin(watch_next(p), stop_next(p)), call_due(p)));
	const double wait = p->hurry ? 0 : fmin(fmax(due - proc_monotonic(), 0), 3600);
	const struct timespec t = { (time_t)wait, (long)((wait - floor(wait)) * 1e9) };
	int n;

	send_idle(p);
	fds[0] = (struct pollfd){ .fd = p->signal_fd, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = p->guard_fd, .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = intake_fd(p), .events = POLLIN };
	n_fds += call_polls(p, fds + 3);
	if (moment > 0 && !p->hurry) {
		(void)ppoll(fds, 3, &(struct timespec){ .tv_nsec = (long)(moment * 1e9) }, NULL);
	}
	n = ppoll(fds, n_fds, &t, NULL);
	p->now = proc_monotonic();
	if (n < 0 && errno != EINTR) {
		return err_errno(&p->fault, "cannot wait for tasks");
	}
	if (n > 0 && fds[1].revents) {
		p->guard_fd = -1; /* the guardian is gone, and nobody is left to be told */
		p->sum->stopped_by_signal = true;
		p->stop = STOP_KILL;
		stop_killing(p);
	}
	if (n > 0 && fds[0].revents && take_signals(p) < 0) {
		return -1;
	}
	if (n > 0 && fds[2].revents && take_turn(p) < 0) {
		return -1;
	}
	return p->calls ? call_turn(p) : 0;
}

static int do_due(struct pool *p)
{
	if (watch_deadlines(p) < 0) {
		return -1;
	}
	stop_in_time(p);
	if (p->running && p->now >= p->next_sample) {
		watch_processes(p);
	}
	if (p->now >= p->next_sync && sync_now(p) < 0) {
		return -1;
	}
	if (p->now >= p->next_tick) {
		struct pool_event ev = { .kind = POOL_TICK };

		p->next_tick = p->now + TICK_S;
		pool_event_send(p, &ev);
	}
	return 0;
}

static int loop(struct pool *p)
{
	for (;;) {
		p->now = proc_monotonic();
		if (fill(p) < 0) {
			return -1;
		}
		if (is_done(p)) {
			return 0;
		}
		if (wait_turn(p) < 0 || do_due(p) < 0) {
			return -1;
		}
	}
}

/* After a fault of the system: ends what runs, and records what can still be recorded. */
static void give_up(struct pool *p)
{
	const struct err first = p->fault;

	p->now = proc_monotonic();
	p->stop = STOP_KILL;
	p->sum->stopped_by_system = true;
	for (unsigned i = 0; i < p->n_slots; i++) {
		if (p->slots[i].state == SLOT_RUNNING || p->slots[i].state == SLOT_LINGERING) {
			slot_kill(p, &p->slots[i], OUTCOME_INTERRUPTED);
		}
	}
	intake_close(p);
	for (unsigned i = 0; i < p->n_slots; i++) {
		struct slot *s = &p->slots[i];

		if (s->state == SLOT_FREE || s->pid <= 0) {
			continue; /* nothing was started */
		}
		if (s->state == SLOT_RUNNING) {
			while (wait4(s->pid, &s->status, 0, &s->usage) < 0 && errno == EINTR) {
			}
			s->ended = proc_monotonic();
		}
		if ((s->state == SLOT_TAKING ? end_waiting(p, s) : end_slot(p, s)) < 0) {
			end_unrecorded(p, s); /* its spool stays: it could not be taken in */
		}
	}
	p->fault = first;
}

/* ---- begin and end ---- */

/* Every slot holds two descriptors; tasks get the limit that we had. */
static void raise_file_limit(struct pool *p)
{
	const rlim_t a_slot = p->spec->start == START_FUNCTION ? 8 : 2,
		     need = (rlim_t)p->n_slots * a_slot + FILES_SPARE;
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= need) {
		return;
	}
	p->shared.files = l;
	l.rlim_cur = l.rlim_max < need ? l.rlim_max : need;
	p->shared.restore_files = setrlimit(RLIMIT_NOFILE, &l) == 0;
}

static int open_signals(struct pool *p)
{
	static const int watched[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD };
	const struct sigaction by_default = { .sa_handler = SIG_DFL },
			       ignored = { .sa_handler = SIG_IGN };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) {
		(void)sigaddset(&set, watched[i]);
	}
	(void)sigaction(SIGCHLD, &by_default,
			&p->chld_before); /* ignored, children would vanish unseen */
	(void)sigaction(SIGPIPE, &ignored,
			&p->pipe_before); /* a closed terminal must not end the tasks */
	(void)sigprocmask(SIG_BLOCK, &set, &p->mask_before);
	p->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return p->signal_fd < 0 ? err_errno(&p->fault, "cannot watch signals") : 0;
}

static void close_signals(struct pool *p)
{
	if (p->signal_fd >= 0) {
		(void)close(p->signal_fd);
	}
	(void)sigprocmask(SIG_SETMASK, &p->mask_before, NULL);
	(void)sigaction(SIGPIPE, &p->pipe_before, NULL);
	(void)sigaction(SIGCHLD, &p->chld_before, NULL);
}

static int pool_open(struct pool *p)
{
	const uint64_t cpus = p->o->capacity->cpus;

	p->n_slots = cpus < 1 ? 1 : cpus > 65536 ? 65536 : (unsigned)cpus;
	p->slots = mem_array(p->n_slots, sizeof *p->slots);
	p->polls = mem_array(3 + 3 * (size_t)p->n_slots, sizeof *p->polls);
	for (unsigned i = 0; i < p->n_slots; i++) {
		p->slots[i].number = i;
		p->slots[i].fd[0] = p->slots[i].fd[1] = p->slots[i].answer_fd = -1;
		p->slots[i].spool_spare[0] = p->slots[i].spool_spare[1] = -1;
		p->slots[i].results =
			mem_array(p->spec->results.n_files + 1, sizeof(struct result_place));
	}
	admit_open(p);
	oom_watch_open(&p->oom, CGROUP_SELF, CGROUP_ROOT);
	taker_open(&p->taker, p);
	p->spawner = spawner_new();
	p->begin_ticks = usage_ticks_now();
	watch_own_peak(p);
	p->now = proc_monotonic();
	p->next_tick = p->now;
	p->next_sample = p->now;
	p->next_sync = p->now + p->o->sync_s;
	p->next_code = p->now;
	memcpy(p->code, p->o->plan->code, sizeof p->code);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (open_signals(p) < 0) {
		return -1;
	}
	if (spawn_prepare(&p->shared) < 0) {
		return err_errno(&p->fault, "cannot open '/dev/null'");
	}
	raise_file_limit(p);
	return lanes_open(p);
}

static void slot_free(struct pool *p, struct slot *s)
{
	take_done(p, s);
	spools_release(p, s);
	results_forget(p, s);
	if (s->answer_fd >= 0) {
		(void)close(s->answer_fd);
	}
	buf_free(&s->answer_why);
	free(s->results);
	free(s->scratch);
	free(s->keep);
	if (s->job) {
		admit_release(p, s->job);
	}
}

static void pool_close(struct pool *p)
{
	for (unsigned i = 0; i < p->n_slots; i++) {
		slot_free(p, &p->slots[i]);
	}
	free(p->slots);
	free(p->polls);
	if (p->shared.restore_files) {
		(void)setrlimit(RLIMIT_NOFILE, &p->shared.files);
	}
	spawn_release(&p->shared);
	spawner_free(p->spawner);
	take_close(p);
	oom_watch_close(&p->oom);
	usage_free(&p->procs);
	launch_free(&p->launch);
	admit_close(p);
	folder_close(p);
	close_signals(p);
	buf_free(&p->line);
	buf_free(&p->pieces);
	buf_free(&p->gpus);
	buf_free(&p->why);
	buf_free(&p->row);
	buf_free(&p->text);
}

int pool_run(const struct pool_options *o, struct journal *j, struct source *src,
	     struct pool_summary *out, struct err *e)
{
	struct pool p = {
		.o = o,
		.spec = o->plan->spec,
		.journal = j,
		.src = src,
		.sum = out,
		.fault = ERR_INIT,
		.guard_fd = o->guard_fd,
		.signal_fd = -1,
		.shared = { .null_fd = -1 },
	};

	*out = (struct pool_summary){ 0 };
	if (pool_open(&p) < 0 || loop(&p) < 0) {
		give_up(&p);
	}
	intake_close(&p);
	lanes_close(&p);
	(void)guard_end_descendants();
	p.dirty = true;
	(void)sync_now(&p);
	pool_close(&p);
	if (!err_is(&p.fault)) {
		return 0;
	}
	if (e && !err_is(e)) {
		*e = p.fault;
	}
	return -1;
}
