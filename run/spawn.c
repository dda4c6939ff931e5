/* SPDX-License-Identifier: MIT */
/*
 * vfork and execve. Between the two the child shares our memory: it makes system calls only, and
 * tells of a failure by writing into `struct failure`. Where the program is, is found out before,
 * by the task's own PATH.
 */
#include "run/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

/* The thread sanitizer's vfork is a fork that does not wait, and so is valgrind's. */
#ifdef __SANITIZE_THREAD__
#define VFORK_IS_FORK true
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
#define VFORK_IS_FORK true
#endif
#endif
#ifndef VFORK_IS_FORK
#define VFORK_IS_FORK (RUNNING_ON_VALGRIND > 0)
#endif

#define FOUND_KEPT 8 /* programs whose place is remembered */
#define OOM_SCORE_MORE \
	500 /* under memory pressure the kernel shall end tasks, not the pool or the session */
#define TRIES                                                                                    \
	5 /* while the kernel has no process for us (EAGAIN), or the program is open for writing \
	   */
#define TRY_PAUSE_MS 50
#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"

enum step { STEP_FORK, STEP_PREPARE, STEP_ENTER, STEP_EXEC };

struct failure {
	enum step step;
	int number; /* 0: none */
};

struct found {
	char *name, *search, *workdir; /* workdir: NULL when it does not matter */
	char *path;
};

struct spawner {
	struct found found[FOUND_KEPT];
	size_t next;            /* the entry to be replaced next */
	struct failure *forked; /* shared with the child where vfork is a fork; else NULL */
};

int spawn_prepare(struct spawn_shared *s)
{
	struct sigaction action;
	struct buf score = BUF_INIT;
	size_t n = 0;

	*s = (struct spawn_shared){ .self = getpid(),
				    .null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC) };
	if (s->null_fd < 0) {
		return -1;
	}
	for (int i = 1; i < NSIG && n + 1 < sizeof s->ignored / sizeof *s->ignored; i++) {
		if (sigaction(i, NULL, &action) == 0 && action.sa_handler == SIG_IGN) {
			s->ignored[n++] = i;
		}
	}
	if (file_read("/proc/self/oom_score_adj", &score, 64, NULL) == 0) {
		const long now = strtol(buf_str(&score), NULL, 10);
		const long more = now + OOM_SCORE_MORE < 1000 ? now + OOM_SCORE_MORE : 1000;

		buf_clear(&score);
		buf_printf(&score, "%ld", more);
		if (more > now && score.len < sizeof s->oom_score) {
			memcpy(s->oom_score, score.data, score.len + 1);
			s->oom_score_len = score.len;
		}
	}
	buf_free(&score);
	return 0;
}

void spawn_release(struct spawn_shared *s)
{
	if (s->null_fd >= 0) {
		(void)close(s->null_fd);
	}
	s->null_fd = -1;
}

struct spawner *spawner_new(void)
{
	struct spawner *s = mem_alloc(sizeof *s);

	if (VFORK_IS_FORK) { /* no test: only under checkers, and there all tests of the pool */
		s->forked = mmap(NULL, sizeof *s->forked, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		s->forked = s->forked == MAP_FAILED ? NULL : s->forked;
	}
	return s;
}

static void found_free(struct found *f)
{
	free(f->name);
	free(f->search);
	free(f->workdir);
	free(f->path);
	*f = (struct found){ 0 };
}

void spawner_free(struct spawner *s)
{
	for (size_t i = 0; s && i < FOUND_KEPT; i++) {
		found_free(&s->found[i]);
	}
	if (s && s->forked) {
		/* no test: as above */
		(void)munmap(s->forked, sizeof *s->forked);
	}
	free(s);
}

/* ---- where the program is ---- */

static const char *search_path(char *const *envp)
{
	for (; *envp; envp++) {
		if (strncmp(*envp, "PATH=", 5) == 0) {
			return *envp + 5;
		}
	}
	return PATH_DEFAULT;
}

/* An empty entry is the working folder, like any that does not begin with a slash. */
static bool has_relative_entry(const char *search)
{
	for (const char *p = search;; p = strchr(p, ':') + 1) {
		if (*p != '/') {
			return true;
		}
		if (!strchr(p, ':')) {
			return false;
		}
	}
}

static bool is_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		return false;
	}
	if (!S_ISREG(st.st_mode)) {
		errno = EACCES;
		return false;
	}
	return access(path, X_OK) == 0;
}

/* Where `name` is by the search path: the caller frees. NULL with errno: EACCES when one was there
 * that may not be run. */
static char *find_program(const char *name, const char *search, const char *workdir)
{
	struct buf path = BUF_INIT;
	int number = ENOENT;

	for (const char *p = search;; p++) {
		const size_t n = strcspn(p, ":");

		buf_clear(&path);
		if (*p != '/') {
			buf_puts(&path, workdir);
			buf_putc(&path, '/');
		}
		buf_add(&path, p, n);
		buf_putc(&path, '/');
		buf_puts(&path, name);
		if (is_program(path.data)) {
			return buf_take(&path);
		}
		if (errno == EACCES) {
			number = EACCES;
		}
		p += n;
		if (*p == '\0') {
			break;
		}
	}
	buf_free(&path);
	errno = number;
	return NULL;
}

static bool is_found(const struct found *f, const char *name, const char *search,
		     const char *workdir)
{
	return f->path && strcmp(f->name, name) == 0 && strcmp(f->search, search) == 0 &&
	       (!f->workdir || strcmp(f->workdir, workdir) == 0);
}

/* The path to execute, borrowed until the next call; NULL with errno. */
static const char *locate(struct spawner *s, const struct spawn *w)
{
	const char *name = w->argv[0], *search;
	struct found *f;
	char *path;

	if (*name == '\0') {
		errno = ENOENT;
		return NULL;
	}
	if (strchr(name, '/')) {
		return name; /* the kernel takes it from the working folder, like a shell */
	}
	search = search_path(w->envp);
	for (size_t i = 0; i < FOUND_KEPT; i++) {
		if (is_found(&s->found[i], name, search, w->workdir)) {
			return s->found[i].path;
		}
	}
	path = find_program(name, search, w->workdir);
	if (!path) {
		return NULL;
	}
	f = &s->found[s->next++ % FOUND_KEPT];
	found_free(f);
	*f = (struct found){ mem_dup(name), mem_dup(search),
			     has_relative_entry(search) ? mem_dup(w->workdir) : NULL, path };
	return path;
}

static void forget(struct spawner *s)
{
	for (size_t i = 0; i < FOUND_KEPT; i++) {
		found_free(&s->found[i]);
	}
}

int spawn_move_fd(int fd)
{
	const int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_MORE_FD);
	const int number = errno;

	if (fd >= 0) {
		(void)close(fd);
	}
	errno = number;
	return moved;
}

/* ---- the child ---- */

_Noreturn static void child_fail(volatile struct failure *f, enum step step)
{
	f->number = errno;
	f->step = step;
	(void)syscall(SYS_exit_group, 127); /* a sanitizer's _exit does more than to end us */
	_exit(127);                         /* no test: the call above does not return */
}

static void child_raise_oom_score(const struct spawn_shared *s)
{
	const int fd =
		s->oom_score_len ? open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		if (write(fd, s->oom_score, s->oom_score_len) < 0) {
			errno = 0; /* no test: some containers forbid it; best effort */
		}
		(void)close(fd);
	}
}

/* Only system calls from here to execve, and no write to memory but *f and the stack. */
_Noreturn static void child_run(const struct spawn *w, const char *path, volatile struct failure *f)
{
	const struct spawn_shared *const s = w->shared;
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	sigset_t none;

	if (setpgid(0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
		child_fail(f, STEP_PREPARE);
	}
	if (getppid() != s->self) {
		_exit(127); /* it died before the line above: nobody is left to tell */
	}
	if (dup2(s->null_fd, 0) < 0 || dup2(w->out_fd, 1) < 0 || dup2(w->err_fd, 2) < 0) {
		child_fail(f, STEP_PREPARE);
	}
	for (size_t i = 0; i < w->n_more; i++) {
		if (dup2(w->more[i], 3 + (int)i) < 0) {
			child_fail(f, STEP_PREPARE);
		}
	}
	if (chdir(w->workdir) < 0) {
		child_fail(f, STEP_ENTER);
	}
	child_raise_oom_score(s);
	if (s->restore_files && setrlimit(RLIMIT_NOFILE, &s->files) < 0) {
		child_fail(f, STEP_PREPARE);
	}
	for (const int *i = s->ignored; *i; i++) {
		(void)sigaction(*i, &by_default, NULL);
	}
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execve(path, w->argv, w->envp);
	child_fail(f, STEP_EXEC);
}

/* For checkers only: what vfork would be if the child had a copy of our memory.
 * no test: it needs one to run */
static pid_t start_forked(const struct spawn *w, const char *path, volatile struct failure *f,
			  struct failure *out)
{
	pid_t pid;

	f->step = STEP_FORK;
	f->number = 0;
	pid = (pid_t)syscall(SYS_clone, (unsigned long)(CLONE_VFORK | SIGCHLD), 0L, 0L, 0L, 0L);
	if (pid == 0) {
		child_run(w, path, f);
	}
	if (pid < 0) {
		f->number = errno;
	}
	out->step = f->step;
	out->number = f->number;
	return pid;
}

/* Kept apart and small: after vfork the compiler may trust no register that the child had. */
__attribute__((noinline)) static pid_t start_once(const struct spawn *w, const char *path,
						  struct failure *out)
{
	volatile struct failure f = { STEP_FORK, 0 };
	const pid_t pid = vfork();

	if (pid == 0) {
		child_run(w, path, &f);
	}
	if (pid < 0) {
		f.number = errno;
	}
	out->step = f.step;
	out->number = f.number;
	return pid;
}

/* ---- what people are told ---- */

static void put_errno(struct buf *b, int number)
{
	const char *text = strerror(number);

	/* "No such file" begins in lower case; "RPC version wrong" stays. */
	if (text[0] >= 'A' && text[0] <= 'Z' && !(text[1] >= 'A' && text[1] <= 'Z')) {
		buf_putc(b, (char)(text[0] - 'A' + 'a'));
		text++;
	}
	buf_puts(b, text);
}

/* The program is there, yet the kernel says it is not: then its "#!" line names one that is not. */
static bool put_interpreter(struct buf *why, const struct spawn *w, const char *path)
{
	char *whole = path_join(w->workdir, path), line[256];
	const char *name;
	const int fd = open(whole, O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
	bool said = false;

	if (n > 2 && line[0] == '#' && line[1] == '!') {
		line[n] = '\0';
		name = line + 2 + strspn(line + 2, " \t");
		buf_puts(why, ": its interpreter '");
		text_put_shown(why, name, strcspn(name, "\r\n \t"), 200);
		buf_puts(why, strchr(line, '\r')
				      ? "' does not exist (the file has Windows line ends)"
				      : "' does not exist");
		said = true;
	}
	if (fd >= 0) {
		(void)close(fd);
	}
	free(whole);
	return said;
}

static void explain(struct buf *why, const struct spawn *w, const char *path,
		    const struct failure *f)
{
	const bool enter = f->step == STEP_ENTER;
	const char *subject = enter ? w->workdir : w->argv[0];

	buf_clear(why);
	buf_puts(why, enter ? "cannot enter '" : "cannot start '");
	text_put_shown(why, subject, strlen(subject), 300);
	buf_puts(why, "'");
	if (f->step == STEP_EXEC && f->number == ENOENT && path && put_interpreter(why, w, path)) {
		return;
	}
	buf_puts(why, ": ");
	put_errno(why, f->number);
	if (f->number == ENOEXEC) {
		buf_puts(why, " (a script needs a '#!' line)");
	} else if (f->step == STEP_FORK && f->number == EAGAIN) {
		buf_puts(why, " (the limit of processes, see ulimit -u)");
	} else if (f->number == E2BIG) {
		buf_puts(why, " (words and environment together: pass long ones in a file)");
	}
}

/* The working folder is looked at only when something failed: without it a program by a relative
 * path is missing, too. */
static bool workdir_fault(const struct spawn *w, struct failure *f)
{
	struct stat st;

	if (stat(w->workdir, &st) == 0 && !S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
	} else if (access(w->workdir, X_OK) == 0) {
		return false;
	}
	*f = (struct failure){ STEP_ENTER, errno };
	return true;
}

static void pause_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

pid_t spawn_start(struct spawner *s, const struct spawn *w, struct buf *why)
{
	struct failure f = { STEP_EXEC, 0 };
	const char *path = NULL;
	pid_t pid;

	if (!w->argv[0]) {
		buf_clear(why);
		buf_puts(why, "the command has no words");
		return -1;
	}
	for (int try = 0; try < TRIES; try++) {
		path = locate(s, w);
		if (!path) {
			f = (struct failure){ STEP_EXEC, errno };
			(void)workdir_fault(w, &f);
			break;
		}
		pid = s->forked ? start_forked(w, path, s->forked, &f) : start_once(w, path, &f);
		if (pid > 0 && f.number == 0) {
			return pid;
		}
		if (pid > 0) {
			(void)waitpid(pid, NULL, 0);
		}
		if (f.number == ENOENT && f.step == STEP_EXEC && path != w->argv[0] && try == 0) {
			forget(s); /* it was there before: look again */
		} else if (f.number == EAGAIN || f.number == ETXTBSY) {
			pause_ms(TRY_PAUSE_MS);
		} else {
			break;
		}
	}
	explain(why, w, path, &f);
	errno = f.number;
	return -1;
}
