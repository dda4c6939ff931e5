/* SPDX-License-Identifier: MIT */
/* The guardian: exit codes and signals pass through, and whichever of the two dies, no descendant
 * is left. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "run/guard.h"
#include "run/usage.h"
#include "tests/unit/refuse.h"

static int pipe_fd[2]; /* every process of a case holds its write end: end-of-file says that all are
			  gone */

static void nap(unsigned ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	(void)nanosleep(&t, NULL);
}

/* The descriptor survives exec and must not be closed by what is tested. */
static void begin_case(void)
{
	assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
}

/* Whether every process that had the write end is gone within 10 s. */
static int all_gone(void)
{
	char c;
	ssize_t n;

	(void)close(pipe_fd[1]);
	(void)fcntl(pipe_fd[0], F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 1000; i++) {
		n = read(pipe_fd[0], &c, 1);
		if (n == 0) {
			(void)close(pipe_fd[0]);
			return 1;
		}
		if (n < 0) {
			nap(10);
		}
	}
	(void)close(pipe_fd[0]);
	return 0;
}

#define LITTER_S 8 /* where the guardian fails, what it left ends by itself */
#define CHAIN_MS \
	10 /* a process that was chained on is a zombie until it is reaped: these must stay few */

static void sleeper(void)
{
	if (fork() == 0) {
		nap(LITTER_S * 1000);
		_exit(0);
	}
}

/* A process that goes on in its child all the time. */
static void chain(void)
{
	const time_t last = time(NULL) + LITTER_S;

	while (time(NULL) < last) {
		if (fork() != 0) {
			_exit(0);
		}
		nap(CHAIN_MS);
	}
	_exit(0);
}

/*
 * Children of every kind: plain, in sessions of their own with the parents gone, ignoring TERM,
 * stopped, and ones that fork all the time, in our group and in one of their own.
 */
static void litter(void)
{
	sleeper();
	if (fork() == 0) {
		(void)setsid();
		sleeper();
		sleeper();
		_exit(0);
	}
	if (fork() == 0) {
		(void)signal(SIGTERM, SIG_IGN);
		const pid_t self = getpid();

		if (fork() == 0) {
			nap(LITTER_S * 1000);
			(void)kill(self, SIGKILL);
			_exit(0);
		}
		(void)raise(SIGSTOP);
		_exit(0);
	}
	if (fork() == 0) {
		chain();
	}
	if (fork() == 0) {
		(void)setpgid(0, 0);
		chain();
	}
	nap(50);
}

/* Runs a program with a guardian: body is the pool; its pid is told through *pool_pid. */
static pid_t guarded(int (*body)(int guard_fd), pid_t *pool_pid)
{
	int told[2];
	pid_t pid;

	begin_case();
	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct err e = ERR_INIT;
		const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		int fd;

		(void)dup2(null, 2);
		(void)close(pipe_fd[0]);
		fd = guard_start(&e);
		if (fd < 0) {
			_exit(99);
		}
		{
			const pid_t self = getpid();

			(void)!write(told[1], &self, sizeof self);
		}
		_exit(body(fd));
	}
	assert_int_equal(read(told[0], pool_pid, sizeof *pool_pid), sizeof *pool_pid);
	(void)close(told[0]);
	(void)close(told[1]);
	return pid;
}

static int status_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int exit_42(int fd)
{
	(void)fd;
	return 42;
}

static int litter_and_exit(int fd)
{
	(void)fd;
	litter();
	return 5;
}

static int litter_and_wait(int fd)
{
	char c;

	litter();
	(void)!read(fd, &c, 1); /* until the guardian is gone */
	(void)guard_end_descendants();
	return 0;
}

static void test_exit_codes(void **state)
{
	pid_t pool;
	int status;

	(void)state;
	status = status_of(guarded(exit_42, &pool));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
	assert_true(all_gone());
	status = status_of(guarded(litter_and_exit, &pool));
	assert_int_equal(WEXITSTATUS(status), 5);
	assert_true(all_gone());
}

static void test_pool_killed(void **state)
{
	static const struct {
		int number, signal, code;
	} rows[] = { { SIGKILL, 0, 3 }, { SIGQUIT, SIGQUIT, 0 }, { SIGABRT, SIGABRT, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		pid_t pool, pid = guarded(litter_and_wait, &pool);
		int status;

		nap(150);
		(void)kill(pool, rows[i].number);
		status = status_of(pid);
		if (rows[i].signal) {
			assert_true(WIFSIGNALED(status));
			assert_int_equal(WTERMSIG(status), rows[i].signal);
		} else {
			assert_true(WIFEXITED(status));
			assert_int_equal(WEXITSTATUS(status), rows[i].code);
		}
		assert_true(all_gone());
	}
}

static void test_guardian_killed(void **state)
{
	(void)state;
	for (int stopped = 0; stopped < 2; stopped++) {
		pid_t pool, pid = guarded(litter_and_wait, &pool);

		nap(150);
		if (stopped) {
			(void)kill(pool, SIGSTOP);
		}
		(void)kill(pid, SIGKILL);
		assert_true(WIFSIGNALED(status_of(pid)));
		assert_true(all_gone());
	}
}

static volatile sig_atomic_t got;

static void on_signal(int number)
{
	got = number;
}

static int tell_signal(int fd)
{
	struct sigaction action = { .sa_handler = on_signal };

	(void)fd;
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGUSR1, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
	for (int i = 0; i < 500 && !got; i++) {
		nap(10);
	}
	return (int)got;
}

static void test_signals_pass(void **state)
{
	static const int numbers[] = { SIGINT, SIGUSR1, SIGHUP };
	pid_t pool, pid;
	int status;

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		pid = guarded(tell_signal, &pool);
		nap(50);
		(void)kill(pid, numbers[i]);
		status = status_of(pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), numbers[i]);
		assert_true(all_gone());
	}
	pid = guarded(litter_and_wait, &pool); /* it does not handle TERM: both end by it */
	nap(100);
	(void)kill(pid, SIGTERM);
	status = status_of(pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
	assert_true(all_gone());
}

/* 0: as it should be; else which property is wrong. */
static int check_pool(int fd)
{
	const int flags = fcntl(fd, F_GETFD), inherited = fcntl(7, F_GETFD);
	sigset_t set;
	int reaper = 0;

	if (flags < 0 || !(flags & FD_CLOEXEC)) {
		return 1;
	}
	if (inherited < 0 || !(inherited & FD_CLOEXEC)) {
		return 2;
	}
	if (getsid(0) != getpid()) {
		return 3;
	}
	if (open("/dev/tty", O_RDWR) >= 0) {
		return 4;
	}
	(void)prctl(PR_GET_CHILD_SUBREAPER, &reaper);
	if (!reaper) {
		return 5;
	}
	(void)sigprocmask(SIG_SETMASK, NULL, &set);
	if (sigismember(&set, SIGINT) || sigismember(&set, SIGCHLD)) {
		return 6;
	}
	if (fcntl(0, F_GETFD) < 0 || fcntl(1, F_GETFD) < 0 || fcntl(2, F_GETFD) < 0) {
		return 7;
	}
	return 0;
}

static void test_pool(void **state)
{
	const int in = dup(0), out = dup(1);
	pid_t pool, pid;

	(void)state;
	(void)dup2(in, 7);
	(void)fflush(NULL);
	pid = guarded(check_pool, &pool);
	assert_int_equal(WEXITSTATUS(status_of(pid)), 0);
	assert_true(all_gone());
	(void)close(0); /* started without stdin */
	pid = guarded(check_pool, &pool);
	(void)dup2(in, 0);
	assert_int_equal(WEXITSTATUS(status_of(pid)), 0);
	assert_true(all_gone());
	(void)close(in);
	(void)close(out);
	(void)close(7);
}

static void test_end_descendants(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	begin_case();
	pid = fork();
	if (pid == 0) {
		unsigned n;

		(void)close(pipe_fd[0]);
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
		litter();
		n = guard_end_descendants();
		_exit(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD && n >= 5
			      ? (int)guard_end_descendants()
			      : 50);
	}
	status = status_of(pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(all_gone());
}

/* ---- what the system may refuse ---- */

static void no_null(void)
{
	leave_descriptors(0);
}

static void no_pipe(void)
{
	refuse(SYS_pipe2, ANY, EMFILE);
}

static void no_reaper(void)
{
	refuse(SYS_prctl, PR_SET_CHILD_SUBREAPER, EINVAL);
}

static void no_session(void)
{
	refuse(SYS_setsid, ANY, EPERM);
}

static void no_death_signal(void)
{
	refuse(SYS_prctl, PR_SET_PDEATHSIG, EINVAL);
}

/* guard_start in a process of its own that has prepared for it; what went wrong is written to the
 * pipe. */
static pid_t start_refused(void (*prepare)(void), int report)
{
	const pid_t pid = fork();

	if (pid == 0) {
		struct err e = ERR_INIT;
		int fd;

		prepare();
		fd = guard_start(&e);
		if (fd >= 0) {
			_exit(42);
		}
		(void)!write(report, e.text, strlen(e.text));
		free_descriptors();
		_exit(7);
	}
	return pid;
}

static void test_refused(void **state)
{
	static const struct {
		void (*prepare)(void);
		const char *text;
	} rows[] = {
		{ no_null, "cannot open '/dev/null': Too many open files" },
		{ no_pipe, "cannot make a pipe: Too many open files" },
		{ no_reaper, "cannot become the reaper of tasks: Invalid argument" },
		{ refuse_processes,
		  "cannot start a process (are there too many on this machine?): Resource temporarily unavailable" },
		{ no_session, "cannot begin a session: Operation not permitted" },
		{ no_death_signal, "cannot ask for the guardian's end: Invalid argument" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[512] = "";
		int report[2], status;
		pid_t pid;

		if (rows[i].prepare == no_null && getenv("VALGRIND_LOGS")) {
			continue; /* setrlimit is only played there */
		}
		assert_int_equal(pipe2(report, O_CLOEXEC), 0);
		(void)fflush(NULL);
		pid = start_refused(rows[i].prepare, report[1]);
		status = status_of(pid);
		(void)close(report[1]);
		assert_true(read(report[0], text, sizeof text - 1) >= 0);
		(void)close(report[0]);
		assert_string_equal(text, rows[i].text);
		assert_true(WIFEXITED(status)); /* also where it was the pool that failed */
		assert_int_equal(WEXITSTATUS(status), 7);
	}
}

static void old_kernel(void)
{
#ifdef SYS_close_range
	refuse(SYS_close_range, ANY, ENOSYS);
#endif
}

/* A kernel without close_range: descriptors are closed for tasks one by one. */
static void test_old_kernel(void **state)
{
	const int in = dup2(open("/dev/null", O_RDONLY), 9);
	pid_t pid;
	int status;

	(void)state;
	assert_int_equal(in, 9);
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		struct err e = ERR_INIT;

		old_kernel();
		if (guard_start(&e) < 0) {
			_exit(7);
		}
		_exit(fcntl(9, F_GETFD) == FD_CLOEXEC ? 42 : 43);
	}
	(void)close(in);
	status = status_of(pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
}

/* A set-uid program's processes are not ours to end: they do not hold us up. */
static void test_denied(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	begin_case();
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		pid_t sleeping;

		(void)close(pipe_fd[0]);
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
		sleeping = fork();
		if (sleeping == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			nap(LITTER_S * 1000);
			_exit(0);
		}
		refuse(SYS_kill, ANY, EPERM);
		status = (int)guard_end_descendants();
		_exit(status == 0 && waitpid(sleeping, NULL, WNOHANG) == 0 ? 42 : 43);
	}
	status = status_of(pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
	assert_true(all_gone());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_pool_killed),
		cmocka_unit_test(test_guardian_killed),
		cmocka_unit_test(test_signals_pass),
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_end_descendants),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_old_kernel),
		cmocka_unit_test(test_denied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
