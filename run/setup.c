/* SPDX-License-Identifier: MIT */
/*
 * `setup:` in a login shell. The environment comes back through a file in memory on descriptor 3,
 * not a pipe: a daemon that setup leaves behind would keep a pipe open for ever. What setup says is
 * read while the shell lives, passed to stderr, and its end is kept for the message.
 */
#include "run/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "gen/task.h"
#include "run/guard.h"

#define SAID_MAX        2000 /* bytes of its last words that are kept */
#define SHOWN_MAX       400  /* and shown in a message */
#define ENVIRONMENT_MAX (16u << 20)
#define POLL_MS         20
#define PIPE_READS \
	64 /* what a pipe holds, and more: what it left running may go on writing for ever */

extern char **environ;

/*
 * -e, so that a module that cannot be loaded ends the set-up there and then. Descriptor 3 is closed
 * for what the set-up starts. `command -p` finds env whatever happened to PATH.
 */
static char script[] = "set -e; eval \"$1\" 3>&-; command -p env -0 >&3";

/* What a shell changes on its own account keeps the value that we had. */
static const char *const shells_own[] = { "_", "SHLVL", "PWD", "OLDPWD" };

struct setup {
	int env_fd, said_fd; /* memory file; read end of the pipe */
	pid_t pid;
	struct buf said;
};

_Noreturn static void child_run(int env_fd, int said_fd, const char *dir, char *const *argv)
{
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	const int null_fd = open("/dev/null", O_RDONLY);
	sigset_t none;

	for (int i = 1; i < NSIG; i++) {
		(void)sigaction(i, &by_default, NULL);
	}
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* dup2 to 3 last: one of ours may be 3, but none that is still needed then. */
	if (null_fd >= 0 && dup2(null_fd, 0) == 0 && dup2(said_fd, 1) == 1 &&
	    dup2(said_fd, 2) == 2 &&
	    (env_fd == 3 ? fcntl(3, F_SETFD, 0) == 0 : dup2(env_fd, 3) == 3) && chdir(dir) == 0) {
		(void)execvp(argv[0], argv);
	}
	_exit(127); /* no test: bash was there when this was built; then "exit code 127" is said */
}

static int setup_start(struct setup *s, const char *text, const char *dir, struct err *e)
{
	char bash[] = "bash", login[] = "-l", command[] = "-c", name[] = "setup";
	char *copy = mem_dup(text);
	char *argv[] = { bash, login, command, script, name, copy, NULL };
	int ends[2];

	s->env_fd = memfd_create("ppgen-environment", MFD_CLOEXEC);
	if (s->env_fd < 0 || pipe2(ends, O_CLOEXEC) < 0) {
		free(copy);
		return err_errno(e, "setup: cannot make a pipe");
	}
	s->said_fd = ends[0];
	(void)fflush(NULL);
	s->pid = fork();
	if (s->pid == 0) {
		child_run(s->env_fd, ends[1], dir, argv);
	}
	free(copy);
	(void)close(ends[1]);
	return s->pid < 0 ? err_errno(e, "setup: cannot start 'bash'") : 0;
}

/* Passes on what is there; false when there is nothing at the moment or any more. */
static bool pass_on(struct setup *s)
{
	char text[4096];
	const ssize_t n = read(s->said_fd, text, sizeof text);

	if (n <= 0) {
		return false;
	}
	(void)file_write_fd(STDERR_FILENO, text, (size_t)n, "stderr", NULL);
	if (s->said.len + (size_t)n > 2 * SAID_MAX && s->said.len > SAID_MAX) {
		memmove(s->said.data, s->said.data + s->said.len - SAID_MAX, SAID_MAX);
		s->said.len = SAID_MAX;
	}
	buf_add(&s->said, text, (size_t)n);
	return true;
}

/* Until the shell ends; its wait status. When who started us is gone (the guardian, killed), it is
 * ended. */
static int setup_wait(struct setup *s)
{
	struct pollfd p = { .fd = s->said_fd, .events = POLLIN };
	const pid_t parent = getppid();
	int status = 0;
	pid_t pid;

	(void)fcntl(s->said_fd, F_SETFL, O_NONBLOCK);
	do {
		if (getppid() != parent) {
			(void)kill(s->pid, SIGKILL);
			(void)waitpid(s->pid, &status, 0);
			(void)guard_end_descendants();
			break;
		}
		if (poll(&p, 1, POLL_MS) > 0 && !pass_on(s) && (p.revents & POLLHUP)) {
			p.fd = -1;
		}
		pid = waitpid(s->pid, &status, WNOHANG);
	} while (pid == 0 || (pid < 0 && errno == EINTR));
	for (int i = 0; i < PIPE_READS && pass_on(s); i++) {
	}
	return status;
}

/* The last line or two that it said, for a message. */
static void put_last_words(struct buf *b, const struct buf *said)
{
	const char *text = buf_str(said);
	size_t n = said->len, from;

	while (n > 0 && strchr(" \t\r\n", text[n - 1])) {
		n--;
	}
	from = n;
	while (from > 0 && n - from < SHOWN_MAX && text[from - 1] != '\0') {
		from--;
	}
	if (n > from) {
		buf_puts(b, ": ");
		text_put_shown(b, text + from, n - from, 0);
	}
}

static int setup_judge(const struct setup *s, int status, struct err *e)
{
	struct buf words = BUF_INIT;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		return 0;
	}
	put_last_words(&words, &s->said);
	if (WIFEXITED(status)) {
		(void)err_fail(e, "setup: exit code %d%s", WEXITSTATUS(status), buf_str(&words));
	} else {
		(void)err_fail(e, "setup: signal %d%s", WTERMSIG(status), buf_str(&words));
	}
	buf_free(&words);
	return -1;
}

static const char *variable(char *const *envp, const char *name, size_t n)
{
	for (; *envp; envp++) {
		if (strncmp(*envp, name, n) == 0 && (*envp)[n] == '=') {
			return *envp;
		}
	}
	return NULL;
}

/* The variable as we had it where the shell changed it on its own account, NULL where we had none,
 * else `entry`. */
static char *settled(char *entry)
{
	const size_t n = strcspn(entry, "=");

	for (size_t i = 0; i < sizeof shells_own / sizeof *shells_own; i++) {
		if (text_eq(entry, n, shells_own[i])) {
			return (char *)variable(environ, entry, n);
		}
	}
	return entry;
}

/* From "K=V\0K=V\0" to what tasks inherit. */
static char **take_environment(struct buf *text)
{
	char **list = NULL, **out;
	size_t n = 0, cap = 0;

	for (size_t at = 0; at < text->len; at += strlen(text->data + at) + 1) {
		char *entry = settled(text->data + at);

		if (entry) {
			ARRAY_ROOM(list, n, cap);
			list[n++] = entry;
		}
	}
	ARRAY_ROOM(list, n, cap);
	list[n] = NULL;
	out = task_base_env(list);
	free(list);
	return out;
}

static int read_environment(int fd, struct buf *out, struct err *e)
{
	ssize_t n;

	if (lseek(fd, 0, SEEK_SET) < 0) {
		/* no test: a memory file of ours can be sought, and read below */
		return err_errno(e, "setup: cannot read its environment");
	}
	do {
		buf_room(out, 65536);
		n = read(fd, out->data + out->len, 65536);
		if (n > 0) {
			out->len += (size_t)n;
			out->data[out->len] = '\0';
		}
	} while (n > 0 && out->len < ENVIRONMENT_MAX);
	if (n < 0) {
		/* no test: as above */
		return err_errno(e, "setup: cannot read its environment");
	}
	/* `exit 0` within the set-up ends the shell before it could tell. */
	return out->len
		       ? 0
		       : err_fail(e,
				  "setup: it left no environment (does it call 'exit' or 'exec'?)");
}

char **setup_environment(const char *setup, const char *dir, struct err *e)
{
	struct setup s = { .env_fd = -1, .said_fd = -1, .said = BUF_INIT };
	struct buf text = BUF_INIT;
	char **out = NULL;

	if (!setup) {
		return task_base_env(environ);
	}
	if (setup_start(&s, setup, dir, e) == 0 && setup_judge(&s, setup_wait(&s), e) == 0 &&
	    read_environment(s.env_fd, &text, e) == 0) {
		out = take_environment(&text);
	}
	if (s.env_fd >= 0) {
		(void)close(s.env_fd);
	}
	if (s.said_fd >= 0) {
		(void)close(s.said_fd);
	}
	buf_free(&s.said);
	buf_free(&text);
	return out;
}
