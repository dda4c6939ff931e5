/* SPDX-License-Identifier: MIT */
/*
 * The guardian and the end of all descendants. Both processes are subreapers: whoever's parent dies
 * becomes a child of the pool, or, where the pool is gone, of the guardian. So "every descendant"
 * can be found as long as one of the two lives.
 */
#include "run/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "run/usage.h"
#include "store/process.h"

#define EXIT_SYSTEM  3
#define PAUSE_MS_MAX 50
#define STOP_PASSES  10
#define CHASES       50

static const int passed_on[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };
#define PASSED_ON (sizeof passed_on / sizeof *passed_on)

/* ---- ending descendants ---- */

struct seen {
	pid_t pid;
	uint64_t start;
};

struct victims {
	struct usage table;
	struct seen *seen; /* already counted */
	size_t n_seen, cap_seen;
	pid_t *groups; /* signalled in this pass */
	size_t n_groups, cap_groups;
	size_t denied; /* in this pass: not ours to signal (a set-uid program) */
};

static void count_once(struct victims *v, const struct usage_proc *p)
{
	for (size_t i = 0; i < v->n_seen; i++) {
		if (v->seen[i].pid == p->pid && v->seen[i].start == p->start) {
			return;
		}
	}
	ARRAY_ROOM(v->seen, v->n_seen, v->cap_seen);
	v->seen[v->n_seen++] = (struct seen){ p->pid, p->start };
}

/* A whole group at once: no process can escape this by forking. Not our own, which others may be
 * in. */
static void signal_group(struct victims *v, pid_t group, int number)
{
	if (group <= 1 || group == getpgrp()) {
		return;
	}
	for (size_t i = 0; i < v->n_groups; i++) {
		if (v->groups[i] == group) {
			return;
		}
	}
	ARRAY_ROOM(v->groups, v->n_groups, v->cap_groups);
	v->groups[v->n_groups++] = group;
	(void)kill(-group, number);
}

/* Looks for all living descendants and sends them and their groups a signal; how many it reached.
 */
static size_t signal_all(struct victims *v, int number)
{
	const pid_t self = getpid();
	struct usage_proc *me;
	size_t reached = 0;

	v->n_groups = v->denied = 0;
	me = usage_scan(&v->table) < 0 ? NULL : usage_find(&v->table, self);
	if (!me) {
		return 0; /* no test: without /proc nobody can be found; it is tried again */
	}
	me->owner = 0;
	usage_inherit(&v->table);
	for (size_t i = 0; i < v->table.n; i++) {
		const struct usage_proc *p = &v->table.procs[i];

		if (p->owner != 0 || p->pid == self || p->state == 'Z' || p->state == 'X') {
			continue;
		}
		signal_group(v, p->group, number);
		if (kill(p->pid, number) == 0) {
			count_once(v, p);
			reached++;
		} else if (errno == EPERM) {
			v->denied++;
		}
	}
	return reached;
}

/* Stops all until no new one turns up: a stopped process cannot fork while the others are being
 * killed. */
static void stop_all(struct victims *v)
{
	size_t before;

	for (int pass = 0; pass < STOP_PASSES; pass++) {
		before = v->n_seen;
		if (signal_all(v, SIGSTOP) == 0 || v->n_seen == before) {
			return;
		}
	}
}

/* Reaps what ended; false when no child is left at all, and so no descendant: orphans become our
 * children. */
static bool reap_all(void)
{
	pid_t pid;

	do {
		pid = waitpid(-1, NULL, WNOHANG);
	} while (pid > 0 || (pid < 0 && errno == EINTR));
	return pid == 0;
}

/* One that forks and exits all the time is another process at each look; the kernel's list of our
 * children is quick enough for it. */
static void chase_children(struct victims *v)
{
	pid_t *pids;
	size_t n;

	for (int i = 0; i < CHASES && reap_all(); i++) {
		if (usage_children(&v->table, &pids, &n) < 0) {
			return; /* no test: a kernel that lists no children; they are found by /proc
				 */
		}
		for (size_t k = 0; k < n; k++) {
			(void)kill(pids[k], SIGKILL);
		}
	}
}

unsigned guard_end_descendants(void)
{
	struct victims v = { .table = USAGE_INIT };
	struct timespec pause = { 0, 1000000 };
	unsigned n;

	while (reap_all()) {
		stop_all(&v);
		if (signal_all(&v, SIGKILL) == 0 && v.denied > 0) {
			break; /* only such as we may not end are left */
		}
		chase_children(&v);
		(void)nanosleep(&pause, NULL);
		if (pause.tv_nsec < PAUSE_MS_MAX * 1000000L) {
			pause.tv_nsec *= 2;
		}
	}
	n = (unsigned)v.n_seen;
	usage_free(&v.table);
	free(v.seen);
	free(v.groups);
	return n;
}

/* ---- the guardian ---- */

/*
 * nohup's SIGHUP stays ignored. Not so SIGINT, which a script's shell ignores for what it puts into
 * the background: who sends it to a run means that run.
 */
static bool is_ignored(int number)
{
	struct sigaction action;

	return number == SIGHUP && sigaction(number, NULL, &action) == 0 &&
	       action.sa_handler == SIG_IGN;
}

static void guarded_signals(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGCHLD);
	for (size_t i = 0; i < PASSED_ON; i++) {
		if (!is_ignored(passed_on[i])) {
			(void)sigaddset(set, passed_on[i]);
		}
	}
}

/* Waits for the pool's end, passing signals on; returns its wait status and tells whether a signal
 * was passed on that may have ended it. */
static int guard_wait(pid_t pool, const sigset_t *set, bool *told)
{
	int status = 0, number;
	pid_t pid;

	*told = false;
	for (;;) {
		pid = waitpid(-1, &status, WNOHANG);
		if (pid == pool) {
			return status;
		}
		if (pid < 0 && errno == EINTR) {
			continue;
		}
		if (pid > 0) {
			continue; /* no test: an orphan that ended after the pool had, and just now
				   */
		}
		number = sigwaitinfo(set, NULL);
		if (number > 0 && number != SIGCHLD) {
			*told = true;
			(void)kill(pool, number);
		}
	}
}

/* Ends this process by a signal, as the pool ended. */
static void die_by(int number)
{
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	const struct rlimit no_core = { 0, 0 };
	sigset_t set;

	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)sigaction(number, &by_default, NULL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, number);
	(void)kill(getpid(), number);
	/* no test: it ends the process that would have to count it */
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

_Noreturn static void guard_end(int status, bool told)
{
	const unsigned n = guard_end_descendants();

	if (WIFEXITED(status)) {
		_exit(WEXITSTATUS(status));
	}
	if (!told || WTERMSIG(status) == SIGKILL) {
		(void)fprintf(
			stderr,
			"ppgen: the pool was ended by signal %d (%s); its %u processes were ended, what was recorded is kept: "
			"run the same command again to go on\n",
			WTERMSIG(status), strsignal(WTERMSIG(status)), n);
		(void)fflush(stderr);
	}
	if (WTERMSIG(status) != SIGKILL) {
		die_by(WTERMSIG(status));
	}
	_exit(EXIT_SYSTEM);
}

/* ---- the pool's side ---- */

/* 0, 1 and 2 must exist, or files of ours would take their place and end up as a task's stdin. */
static int open_standard(struct err *e)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0) {
			return err_errno(e, "cannot open '/dev/null'");
		}
	} while (fd <= 2);
	(void)close(fd);
	return 0;
}

static void close_on_exec(int fd)
{
	const int flags = fcntl(fd, F_GETFD);

	if (flags >= 0) {
		(void)fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
	}
}

/* Every descriptor from 3 up: by one call where the kernel has it (5.11), else one by one. */
static void close_all_on_exec(void)
{
#if defined SYS_close_range
	if (syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) == 0) {
		return;
	}
#endif
	const long most = sysconf(_SC_OPEN_MAX);

	for (int fd = 3; fd < (most > 0 ? most : 65536); fd++) {
		close_on_exec(fd);
	}
}

/*
 * While the pool does not watch signals itself (set-up, scanning, collecting), those that end it
 * do, even where they were ignored or blocked by who started us, as a script's shell does with
 * SIGINT; SIGUSR1 and SIGUSR2 mean nothing yet.
 */
static void take_signals(sigset_t *mask)
{
	for (size_t i = 0; i < PASSED_ON; i++) {
		const bool user = passed_on[i] == SIGUSR1 || passed_on[i] == SIGUSR2;
		const struct sigaction action = { .sa_handler = user ? SIG_IGN : SIG_DFL };

		if (!is_ignored(passed_on[i])) {
			(void)sigaction(passed_on[i], &action, NULL);
			(void)sigdelset(mask, passed_on[i]);
		}
	}
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
}

/* What the child of the fork does before it is the pool. */
static int pool_begin(pid_t guardian, sigset_t *mask, const int pipe_fd[2], struct err *e)
{
	process_set_guardian(guardian);
	(void)close(pipe_fd[1]);
	if (setsid() < 0) {
		return err_errno(e, "cannot begin a session");
	}
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
		/* no test: a kernel that refuses it has refused it to the guardian */
		return err_errno(e, "cannot become the reaper of tasks");
	}
	/* by the guardian's death: a pool that somebody stopped would not see that it is alone */
	if (prctl(PR_SET_PDEATHSIG, SIGCONT) < 0) {
		return err_errno(e, "cannot ask for the guardian's end");
	}
	take_signals(mask);
	close_all_on_exec();
	return pipe_fd[0];
}

int guard_start(struct err *e)
{
	const pid_t guardian = getpid();
	sigset_t set, before;
	int pipe_fd[2], status;
	bool told;
	pid_t pid;

	if (open_standard(e) < 0) {
		return -1;
	}
	if (pipe2(pipe_fd, O_CLOEXEC) < 0) {
		return err_errno(e, "cannot make a pipe");
	}
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
		return err_errno(e, "cannot become the reaper of tasks");
	}
	(void)fflush(NULL);
	guarded_signals(&set);
	(void)sigprocmask(SIG_BLOCK, &set, &before);
	pid = fork();
	if (pid < 0) {
		(void)sigprocmask(SIG_SETMASK, &before, NULL);
		return err_errno(e, "cannot start a process (are there too many on this machine?)");
	}
	if (pid == 0) {
		return pool_begin(guardian, &before, pipe_fd, e);
	}
	(void)close(pipe_fd[0]);
	status = guard_wait(pid, &set, &told);
	guard_end(status, told);
}
