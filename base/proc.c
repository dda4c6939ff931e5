/* SPDX-License-Identifier: MIT */
/* Short helper programs: started, listened to, and ended in time. Facts about the machine are in
 * proc_facts.c. */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4u
#endif

#define FDS_MOST 4096 /* where the kernel cannot close a range (before 5.11) */
#define TICK_MS  20   /* how soon an end is seen that no pipe tells of */

enum { PIPE_OUT, PIPE_ERRORS, PIPE_EXEC, PIPES };

/* What is to be started. */
struct helper_words {
	const char *program; /* absolute */
	char *const *argv, *const *envp;
	const char *dir; /* NULL: here */
	bool errors;     /* stderr is wanted */
};

struct helper {
	int pipes[PIPES][2];
	pid_t pid;
	bool ended; /* and waited for */
	int status;
	double deadline; /* 0: none */
};

static void close_end(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

/* Finds a program as a shell would; an absolute path, for the caller may change folder. NULL: not
 * found. */
static char *find_program(const char *name)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/')) {
		return path_absolute(name);
	}
	if (!path || !*path) {
		path = "/usr/local/bin:/usr/bin:/bin";
	}
	for (;;) {
		const size_t n = strcspn(path, ":");
		char *dir = mem_dupn(n ? path : ".", n ? n : 1);
		char *joined = path_join(dir, name);
		char *full = path_absolute(joined);
		struct stat st;

		free(dir);
		free(joined);
		if (stat(full, &st) == 0 && S_ISREG(st.st_mode) && access(full, X_OK) == 0) {
			return full;
		}
		free(full);
		if (path[n] == '\0') {
			errno = ENOENT;
			return NULL;
		}
		path += n + 1;
	}
}

/* Marks all descriptors above the standard ones to be closed by exec: those too that came to us
 * from outside. */
static void close_on_exec(void)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, STDERR_FILENO + 1u, ~0u, CLOSE_RANGE_CLOEXEC) == 0) {
		return;
	}
#endif
	for (int fd = STDERR_FILENO + 1; fd < FDS_MOST; fd++) {
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
}

/* In the child, with async-signal-safe calls only. What fails is told through the third pipe. */
static _Noreturn void helper_exec(const struct helper *h, int null_fd, const struct helper_words *w)
{
	struct sigaction plain;
	sigset_t none;
	int number;

	memset(&plain, 0, sizeof plain);
	plain.sa_handler = SIG_DFL;
	for (int s = 1; s < NSIG; s++) {
		sigaction(s, &plain, NULL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	close_on_exec();
	if (dup2(null_fd, STDIN_FILENO) >= 0 && dup2(h->pipes[PIPE_OUT][1], STDOUT_FILENO) >= 0 &&
	    dup2(w->errors ? h->pipes[PIPE_ERRORS][1] : null_fd, STDERR_FILENO) >= 0 &&
	    (!w->dir || chdir(w->dir) == 0)) {
		execve(w->program, w->argv, w->envp);
	}
	number = errno;
	while (write(h->pipes[PIPE_EXEC][1], &number, sizeof number) < 0 && errno == EINTR) {
	}
	_exit(127);
}

/* Opens a file so that its descriptor is none of 0, 1, 2, even when the process began without
 * those. */
static int raise_fd(int fd)
{
	int high;

	if (fd < 0 || fd > STDERR_FILENO) {
		return fd;
	}
	high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(fd);
	return high;
}

static int helper_pipes(struct helper *h)
{
	for (int i = 0; i < PIPES; i++) {
		if (pipe2(h->pipes[i], O_CLOEXEC) < 0) {
			return -1;
		}
		for (int end = 0; end < 2; end++) {
			h->pipes[i][end] = raise_fd(h->pipes[i][end]);
			if (h->pipes[i][end] < 0) {
				return -1;
			}
		}
	}
	fcntl(h->pipes[PIPE_OUT][0], F_SETFL, O_NONBLOCK);
	fcntl(h->pipes[PIPE_ERRORS][0], F_SETFL, O_NONBLOCK);
	return 0;
}

/* Waits for the helper; without `block`, only when it has ended. */
static void helper_reap(struct helper *h, bool block)
{
	pid_t got;

	if (h->ended) {
		return;
	}
	do {
		got = waitpid(h->pid, &h->status, block ? 0 : WNOHANG);
	} while (got < 0 && errno == EINTR);
	if (got != 0) { /* -1: somebody else has waited for it; its status is lost */
		h->ended = true;
		h->status = got < 0 ? -1 : h->status;
	}
}

static void helper_kill(struct helper *h)
{
	kill(-h->pid, SIGKILL);
	kill(h->pid, SIGKILL);
	helper_reap(h, true);
}

/* Starts the program; -1 with errno when it cannot be. */
static int helper_start(struct helper *h, const struct helper_words *w)
{
	int null_fd, number = 0;
	ssize_t got;

	null_fd = raise_fd(open("/dev/null", O_RDWR | O_CLOEXEC));
	if (null_fd < 0 || helper_pipes(h) < 0) {
		number = errno;
		close_end(&null_fd);
		errno = number;
		return -1;
	}
	h->pid = fork();
	if (h->pid == 0) {
		helper_exec(h, null_fd, w);
	}
	number = h->pid < 0 ? errno : 0;
	close_end(&null_fd);
	for (int i = 0; i < PIPES; i++) {
		close_end(&h->pipes[i][1]);
	}
	if (h->pid > 0) {
		setpgid(h->pid, h->pid);
		do {
			got = read(h->pipes[PIPE_EXEC][0], &number, sizeof number);
		} while (got < 0 && errno == EINTR);
		if (got == (ssize_t)sizeof number) {
			helper_reap(h, true);
		} else {
			number = 0;
		}
	}
	errno = number;
	return number ? -1 : 0;
}

/* Takes what a pipe has now. Closes it at its end. */
static void pipe_drain(int *fd, struct buf *b, size_t start, size_t most)
{
	char part[16384];

	while (*fd >= 0) {
		const ssize_t got = read(*fd, part, sizeof part);

		if (got > 0) {
			const size_t kept = b ? b->len - start : 0;
			size_t n = (size_t)got;

			if (most && n > most - kept) {
				n = most - kept;
			}
			if (b) {
				buf_add(b, part, n);
			}
		} else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
			close_end(fd);
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

/*
 * Listens until the helper has ended. A descendant that holds the pipes open (an agent that a login
 * shell left behind) is not waited for. False when time ran out.
 */
static bool helper_listen(struct helper *h, struct buf *out, struct buf *errors, size_t most)
{
	const size_t out_start = out ? out->len : 0, errors_start = errors ? errors->len : 0;

	for (;;) {
		struct pollfd fds[2] = {
			{ .fd = h->pipes[PIPE_OUT][0], .events = POLLIN },
			{ .fd = h->pipes[PIPE_ERRORS][0], .events = POLLIN },
		};
		const bool open = fds[0].fd >= 0 || fds[1].fd >= 0;

		if (!open && h->deadline == 0) {
			helper_reap(h, true);
		}
		if (!h->ended) {
			poll(fds, 2, open ? TICK_MS : 1);
			helper_reap(h, false);
		}
		pipe_drain(&h->pipes[PIPE_OUT][0], out, out_start, most);
		pipe_drain(&h->pipes[PIPE_ERRORS][0], errors, errors_start, most);
		if (h->ended) {
			return true;
		}
		if (h->deadline > 0 && proc_monotonic() > h->deadline) {
			return false;
		}
	}
}

int proc_capture(const char *const *argv, const char *dir, unsigned timeout_s, struct buf *out,
		 struct buf *errors, size_t most, struct err *e)
{
	return proc_capture_env(argv, (const char *const *)(uintptr_t)environ, dir, timeout_s, out,
				errors, most, e);
}

int proc_capture_env(const char *const *argv, const char *const *envp, const char *dir,
		     unsigned timeout_s, struct buf *out, struct buf *errors, size_t most,
		     struct err *e)
{
	struct helper h = { .pipes = { { -1, -1 }, { -1, -1 }, { -1, -1 } } };
	char *program = find_program(argv[0]);
	const struct helper_words words = {
		.program = program,
		.argv = (char *const *)(uintptr_t)argv,
		.envp = (char *const *)(uintptr_t)envp,
		.dir = dir,
		.errors = errors != NULL,
	};
	int rc = -1;

	if (out) {
		buf_room(out, 0);
	}
	if (errors) {
		buf_room(errors, 0);
	}
	if (!program || helper_start(&h, &words) < 0) {
		err_errno(e, "cannot start '%s'", argv[0]);
		goto out;
	}
	h.deadline = timeout_s ? proc_monotonic() + timeout_s : 0;
	if (!helper_listen(&h, out, errors, most)) {
		helper_kill(&h);
		err_fail(e, "'%s' did not end within %u seconds", argv[0], timeout_s);
	} else if (h.status == -1) {
		err_fail(e, "the exit code of '%s' is lost", argv[0]);
	} else {
		rc = WIFSIGNALED(h.status) ? 128 + WTERMSIG(h.status) : WEXITSTATUS(h.status);
	}
out:
	for (int i = 0; i < PIPES; i++) {
		close_end(&h.pipes[i][0]);
		close_end(&h.pipes[i][1]);
	}
	free(program);
	return rc;
}
