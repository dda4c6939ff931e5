/* SPDX-License-Identifier: MIT */
/*
 * Makes system calls of ppgen fail, or ends it at one: a library for LD_PRELOAD.
 *
 *	cc -shared -fPIC -o shim.so shim.c -ldl
 *	LD_PRELOAD=$PWD/shim.so PPGEN_FAULTS='write@journal/:3:ENOSPC' ppgen run spec.yaml
 *
 * PPGEN_FAULTS is a list of rules with blanks between them, each WHAT[@TEXT]:WHEN:ACTION
 *
 *   WHAT    a class of calls:
 *             open      open openat creat mkstemp memfd_create
 *             read      read pread
 *             write     write pwrite writev
 *             sync      fsync fdatasync syncfs
 *             rename    rename renameat renameat2
 *             link      link linkat symlink
 *             unlink    unlink unlinkat rmdir
 *             mkdir     mkdir mkdirat mkdtemp
 *             close     close (the descriptor is closed in any case, as Linux does it)
 *             truncate  ftruncate truncate fallocate posix_fallocate
 *             mmap      mmap
 *             memory    malloc calloc realloc reallocarray aligned_alloc posix_memalign
 *             fd        pipe pipe2 socketpair epoll_create1 eventfd timerfd_create signalfd dup,
 *                       and fcntl when it makes a descriptor
 *             process   fork vfork clone posix_spawn posix_spawnp pthread_create
 *             stat      stat lstat fstat fstatat access faccessat realpath readlink
 *             dir       opendir fdopendir readdir
 *             mode      chmod fchmod fchmodat
 *             copy      copy_file_range sendfile
 *             wait      poll ppoll waitpid wait4 waitid sigwaitinfo sigtimedwait nanosleep
 *           or one call: =write, =pwrite, =fdatasync
 *   @TEXT   only where the path holds TEXT: @journal/ @plan/ @results.csv
 *   WHEN    N: the Nth such call, from 1; N+: that one and all that follow; a rule counts for
 *itself ACTION  an errno's name (ENOSPC EIO EINTR ...): the call is not made, and fails so short a
 *read or write of half of what was asked for kill       SIGKILL to the calling process instead of
 *the call done-kill  the call, then SIGKILL half-kill  half of the write, then SIGKILL stop SIGSTOP
 *to the calling process, then the call: for a test that wants to look
 *
 * PPGEN_FAULT_BELOW=DIR  calls that have a path count only when it lies at or below DIR (absolute,
 *                        without symbolic links). A descriptor's path is what it was opened by.
 * PPGEN_FAULT_LOG=FILE   gets a line for each rule that acted: rule, pid, class, call, path
 * PPGEN_FAULT_TRACE=FILE gets a line for each call that counts: pid, class, call, path. So a run
 *                        without rules shows how many there are of each, and which one the Nth is.
 * PPGEN_FAULT_EXE=NAME   the program to act in, instead of ppgen
 *
 * It acts in ppgen alone: in the process that was started, and in those that it forks (guardian and
 * pool count together). Other programs load it and it does nothing there; and ppgen's own children
 * do not even load it, for it takes itself out of the environment. Between vfork and exec it does
 * nothing. What libc calls within itself (stdio's writes, glob) passes it by: for these there is
 * /dev/full. With a program built by gcc -fsanitize=address, libasan must stand before it in
 * LD_PRELOAD; then memory never fails, for libasan has malloc.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define RULES 16
#define SPOT  4096 /* of a path */

enum how { GO, FAIL, SHORT, KILL, DONE_KILL, HALF_KILL, STOP };

struct verdict {
	enum how how;
	int number; /* the errno */
};

struct rule {
	char what[32];
	bool one;      /* a call, not a class */
	char text[96]; /* "": any path */
	unsigned long from;
	bool on; /* and all that follow */
	struct verdict verdict;
};

/* What a call is about: a path, seen from a folder; or a descriptor (path NULL); or two paths. */
struct subject {
	int at;
	const char *path;
	int at2;
	const char *path2;
};
#define NOTHING         ((struct subject){ -1, NULL, -1, NULL })
#define PATH(p)         ((struct subject){ AT_FDCWD, p, -1, NULL })
#define AT(d, p)        ((struct subject){ d, p, -1, NULL })
#define FD(d)           ((struct subject){ d, NULL, -1, NULL })
#define TWO(a, p, b, q) ((struct subject){ a, p, b, q })

static struct rule rules[RULES];
static size_t n_rules;
static atomic_ulong *counts; /* of the rules, shared with what is forked */
static char below[SPOT], log_file[SPOT], trace_file[SPOT];
static pid_t self; /* 0: not active. A child by vfork shares this memory, and is told by its pid */

static const struct {
	const char *name;
	struct verdict verdict;
} actions[] = {
	{ "EIO", { FAIL, EIO } },          { "ENOSPC", { FAIL, ENOSPC } },
	{ "EDQUOT", { FAIL, EDQUOT } },    { "EINTR", { FAIL, EINTR } },
	{ "EMFILE", { FAIL, EMFILE } },    { "ENFILE", { FAIL, ENFILE } },
	{ "ENOMEM", { FAIL, ENOMEM } },    { "EAGAIN", { FAIL, EAGAIN } },
	{ "EACCES", { FAIL, EACCES } },    { "EPERM", { FAIL, EPERM } },
	{ "EROFS", { FAIL, EROFS } },      { "ENOENT", { FAIL, ENOENT } },
	{ "EEXIST", { FAIL, EEXIST } },    { "EXDEV", { FAIL, EXDEV } },
	{ "ESTALE", { FAIL, ESTALE } },    { "EFBIG", { FAIL, EFBIG } },
	{ "EBUSY", { FAIL, EBUSY } },      { "ENOTSUP", { FAIL, ENOTSUP } },
	{ "ENOSYS", { FAIL, ENOSYS } },    { "ELOOP", { FAIL, ELOOP } },
	{ "EINVAL", { FAIL, EINVAL } },    { "ENOTEMPTY", { FAIL, ENOTEMPTY } },
	{ "short", { SHORT, 0 } },         { "kill", { KILL, 0 } },
	{ "done-kill", { DONE_KILL, 0 } }, { "half-kill", { HALF_KILL, 0 } },
	{ "stop", { STOP, 0 } },
};

/* ---- beginning */

static _Noreturn void refuse(const char *what, const char *rule)
{
	dprintf(STDERR_FILENO, "fault shim: %s in the rule '%s'\n", what, rule);
	_exit(99);
}

static void read_rule(char *text)
{
	char *when = strchr(text, ':'), *action = when ? strchr(when + 1, ':') : NULL, *at, *end;
	struct rule *r = &rules[n_rules];
	size_t i = 0;

	if (!action || n_rules == RULES) {
		refuse("not WHAT:WHEN:ACTION, or too many rules,", text);
	}
	*when++ = *action++ = '\0';
	at = strchr(text, '@');
	if (at) {
		*at++ = '\0';
	}
	r->one = *text == '=';
	text += r->one;
	r->from = strtoul(when, &end, 10);
	r->on = *end == '+';
	if (r->from == 0 || end[r->on] != '\0') {
		refuse("no number", when);
	}
	while (i < sizeof actions / sizeof *actions && strcmp(actions[i].name, action) != 0) {
		i++;
	}
	if (i == sizeof actions / sizeof *actions) {
		refuse("an unknown action", action);
	}
	if (strlen(text) >= sizeof r->what || (at && strlen(at) >= sizeof r->text)) {
		refuse("a word that is too long", text);
	}
	r->verdict = actions[i].verdict;
	memcpy(r->what, text, strlen(text) + 1);
	if (at) {
		memcpy(r->text, at, strlen(at) + 1);
	}
	n_rules++;
}

/* An environment variable's value, which is then removed. */
static void take_variable(const char *name, char *to, size_t room)
{
	const char *value = getenv(name);

	if (value && strlen(value) < room) {
		memcpy(to, value, strlen(value) + 1);
	}
	unsetenv(name);
}

static bool is_program(const char *name)
{
	char exe[SPOT];
	const long n = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", exe, sizeof exe - 1);
	const char *slash;

	if (n <= 0) {
		return false;
	}
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	return strcmp(slash ? slash + 1 : exe, name) == 0;
}

__attribute__((constructor)) static void begin(void)
{
	static char text[SPOT];
	const char *exe = getenv("PPGEN_FAULT_EXE");
	char *next = text;
	void *p;

	if (!is_program(exe ? exe : "ppgen")) {
		return;
	}
	take_variable("PPGEN_FAULTS", text, sizeof text);
	take_variable("PPGEN_FAULT_BELOW", below, sizeof below);
	take_variable("PPGEN_FAULT_LOG", log_file, sizeof log_file);
	take_variable("PPGEN_FAULT_TRACE", trace_file, sizeof trace_file);
	unsetenv("PPGEN_FAULT_EXE");
	unsetenv("LD_PRELOAD");
	p = (void *)syscall(SYS_mmap, NULL, RULES * sizeof *counts, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		refuse("no memory for the counters", text);
	}
	counts = p;
	while (next) {
		char *rule = strsep(&next, " \t\n");

		if (*rule) {
			read_rule(rule);
		}
	}
	self = (pid_t)syscall(SYS_getpid);
}

/* ---- judging a call: by system calls alone, for malloc comes here too */

static bool is_active(void)
{
	return self && (pid_t)syscall(SYS_getpid) == self;
}

/* Puts the path that a descriptor was opened by; "" when it cannot be known. */
static size_t put_fd(char *to, size_t room, int fd)
{
	char name[64];
	long n;

	if (fd == AT_FDCWD) {
		n = syscall(SYS_getcwd, to, room);
		return n > 0 ? (size_t)n - 1 : 0;
	}
	if (fd < 0) {
		return 0;
	}
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	n = syscall(SYS_readlinkat, AT_FDCWD, name, to, room);
	return n > 0 ? (size_t)n : 0;
}

static void put_path(char to[SPOT], int at, const char *path)
{
	size_t n = 0, more = path ? strlen(path) : 0;

	if (!path || path[0] != '/') {
		n = put_fd(to, SPOT - 1, at);
		if (n && path && n < SPOT - 1) {
			to[n++] = '/';
		}
	}
	if (more > SPOT - 1 - n) {
		more = SPOT - 1 - n;
	}
	if (more) {
		memcpy(to + n, path, more);
	}
	to[n + more] = '\0';
}

static bool is_below(const char *path)
{
	const size_t n = strlen(below);

	return strncmp(path, below, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static void say(const char *file, const char *first, const char *class, const char *call,
		const char *path, const char *path2)
{
	char line[3 * SPOT];
	const int n = snprintf(line, sizeof line, "%s%s%d %s %s %s%s%s\n", first, *first ? " " : "",
			       (int)self, class, call, path, *path2 ? " -> " : "", path2);
	const long fd = syscall(SYS_openat, AT_FDCWD, file,
				O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	if (fd >= 0) {
		(void)!syscall(SYS_write, (int)fd, line,
			       n < (int)sizeof line ? (size_t)n : sizeof line - 1);
		syscall(SYS_close, (int)fd);
	}
}

static void die(int number)
{
	syscall(SYS_kill, self, number);
}

static struct verdict judge_call(const char *class, const char *call, const struct subject *s)
{
	char path[SPOT] = "", path2[SPOT] = "", first[16];
	const bool about = s->path || s->at >= 0;
	struct verdict v = { GO, 0 };

	if (about) {
		put_path(path, s->at, s->path);
	}
	if (s->path2) {
		put_path(path2, s->at2, s->path2);
	}
	if (about && below[0] && !is_below(path) && !is_below(path2)) {
		return v;
	}
	if (trace_file[0]) {
		say(trace_file, "", class, call, path, path2);
	}
	for (size_t i = 0; i < n_rules; i++) {
		const struct rule *r = &rules[i];
		unsigned long n;

		if (strcmp(r->what, r->one ? call : class) != 0 ||
		    (r->text[0] && !strstr(path, r->text) && !strstr(path2, r->text))) {
			continue;
		}
		n = atomic_fetch_add(&counts[i], 1) + 1;
		if (v.how != GO || !(n == r->from || (r->on && n > r->from))) {
			continue;
		}
		v = r->verdict;
		if (log_file[0]) {
			snprintf(first, sizeof first, "%zu", i + 1);
			say(log_file, first, class, call, path, path2);
		}
	}
	if (v.how == KILL || v.how == STOP) {
		die(v.how == KILL ? SIGKILL : SIGSTOP);
	}
	return v;
}

static struct verdict judge(const char *class, const char *call, struct subject s)
{
	const int number = errno;
	struct verdict v = { GO, 0 };

	if (is_active()) {
		v = judge_call(class, call, &s);
		errno = number;
	}
	return v;
}

/* ---- the calls */

/* The next definition of a function; the cast by way of memory is what dlsym(3) advises. */
#define REAL(type, name, params)                                      \
	static type(*real) params;                                    \
	if (!real) {                                                  \
		*(void **)(uintptr_t)&real = dlsym(RTLD_NEXT, #name); \
	}

#define HOOK_NAMED(type, bad, class, call, name, params, args, subject) \
	type name params;                                               \
	type name params                                                \
	{                                                               \
		REAL(type, name, params)                                \
		const struct verdict v = judge(class, call, subject);   \
		type result;                                            \
		if (v.how == FAIL) {                                    \
			errno = v.number;                               \
			return bad;                                     \
		}                                                       \
		result = real args;                                     \
		if (v.how == DONE_KILL || v.how == HALF_KILL) {         \
			die(SIGKILL);                                   \
		}                                                       \
		return result;                                          \
	}
#define HOOK(type, bad, class, name, params, args, subject) \
	HOOK_NAMED(type, bad, class, #name, name, params, args, subject)
#define HOOK_INT(class, name, params, args, subject) \
	HOOK(int, -1, class, name, params, args, subject)

/* One that returns the error's number. */
#define HOOK_RC(class, name, params, args, subject) \
	HOOK(int, v.number, class, name, params, args, subject)

static size_t half(struct verdict v, size_t n)
{
	return v.how == SHORT && n > 1 ? n / 2 : v.how == HALF_KILL ? n / 2 : n;
}

/* One that moves n bytes from or to fd. */
#define HOOK_IO(class, call, name, params, args)                     \
	ssize_t name params;                                         \
	ssize_t name params                                          \
	{                                                            \
		REAL(ssize_t, name, params)                          \
		const struct verdict v = judge(class, call, FD(fd)); \
		ssize_t result;                                      \
		if (v.how == FAIL) {                                 \
			errno = v.number;                            \
			return -1;                                   \
		}                                                    \
		n = half(v, n);                                      \
		result = real args;                                  \
		if (v.how == DONE_KILL || v.how == HALF_KILL) {      \
			die(SIGKILL);                                \
		}                                                    \
		return result;                                       \
	}

/* open and openat take a mode only when they make a file. */
static int open_mode(int flags, va_list ap)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(ap, int) : 0;
}

#define HOOK_OPEN(call, name, params, at, path)                             \
	int name params;                                                    \
	int name params                                                     \
	{                                                                   \
		const struct verdict v = judge("open", call, AT(at, path)); \
		va_list ap;                                                 \
		long fd;                                                    \
		va_start(ap, flags);                                        \
		const int mode = open_mode(flags, ap);                      \
		va_end(ap);                                                 \
		if (v.how == FAIL) {                                        \
			errno = v.number;                                   \
			return -1;                                          \
		}                                                           \
		fd = syscall(SYS_openat, at, path, flags, mode);            \
		if (v.how == DONE_KILL || v.how == HALF_KILL) {             \
			die(SIGKILL);                                       \
		}                                                           \
		return (int)fd;                                             \
	}
HOOK_OPEN("open", open, (const char *path, int flags, ...), AT_FDCWD, path)
HOOK_OPEN("open", open64, (const char *path, int flags, ...), AT_FDCWD, path)
HOOK_OPEN("openat", openat, (int at, const char *path, int flags, ...), at, path)
HOOK_OPEN("openat", openat64, (int at, const char *path, int flags, ...), at, path)
HOOK_NAMED(int, -1, "open", "open", __open_2, (const char *path, int flags), (path, flags),
	   PATH(path))
HOOK_NAMED(int, -1, "open", "open", __open64_2, (const char *path, int flags), (path, flags),
	   PATH(path))
HOOK_NAMED(int, -1, "open", "openat", __openat_2, (int at, const char *path, int flags),
	   (at, path, flags), AT(at, path))
HOOK_INT("open", creat, (const char *path, mode_t mode), (path, mode), PATH(path))
HOOK_INT("open", mkstemp, (char *path), (path), PATH(path))
HOOK_INT("open", memfd_create, (const char *name, unsigned flags), (name, flags), NOTHING)

HOOK_IO("read", "read", read, (int fd, void *p, size_t n), (fd, p, n))
HOOK_IO("read", "read", __read_chk, (int fd, void *p, size_t n, size_t room), (fd, p, n, room))
HOOK_IO("read", "pread", pread, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
HOOK_IO("read", "pread", pread64, (int fd, void *p, size_t n, off64_t at), (fd, p, n, at))
HOOK_IO("read", "pread", __pread_chk, (int fd, void *p, size_t n, off_t at, size_t room),
	(fd, p, n, at, room))
HOOK_IO("write", "write", write, (int fd, const void *p, size_t n), (fd, p, n))
HOOK_IO("write", "pwrite", pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
HOOK_IO("write", "pwrite", pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at))

ssize_t writev(int fd, const struct iovec *iov, int n)
{
	REAL(ssize_t, writev, (int, const struct iovec *, int))
	const struct verdict v = judge("write", "writev", FD(fd));
	ssize_t result;

	if (v.how == FAIL) {
		errno = v.number;
		return -1;
	}
	if ((v.how == SHORT || v.how == HALF_KILL) && n > 0) {
		result = write(fd, iov[0].iov_base, half(v, iov[0].iov_len));
	} else {
		result = real(fd, iov, n);
	}
	if (v.how == DONE_KILL || v.how == HALF_KILL) {
		die(SIGKILL);
	}
	return result;
}

HOOK_INT("sync", fsync, (int fd), (fd), FD(fd))
HOOK_INT("sync", fdatasync, (int fd), (fd), FD(fd))
HOOK_INT("sync", syncfs, (int fd), (fd), FD(fd))

HOOK_INT("rename", rename, (const char *a, const char *b), (a, b), TWO(AT_FDCWD, a, AT_FDCWD, b))
HOOK_INT("rename", renameat, (int at, const char *a, int at2, const char *b), (at, a, at2, b),
	 TWO(at, a, at2, b))
HOOK_INT("rename", renameat2, (int at, const char *a, int at2, const char *b, unsigned flags),
	 (at, a, at2, b, flags), TWO(at, a, at2, b))
HOOK_INT("link", link, (const char *a, const char *b), (a, b), TWO(AT_FDCWD, a, AT_FDCWD, b))
HOOK_INT("link", linkat, (int at, const char *a, int at2, const char *b, int flags),
	 (at, a, at2, b, flags), TWO(at, a, at2, b))
HOOK_INT("link", symlink, (const char *to, const char *path), (to, path), PATH(path))
HOOK_INT("unlink", unlink, (const char *path), (path), PATH(path))
HOOK_INT("unlink", unlinkat, (int at, const char *path, int flags), (at, path, flags), AT(at, path))
HOOK_INT("unlink", rmdir, (const char *path), (path), PATH(path))
HOOK_INT("mkdir", mkdir, (const char *path, mode_t mode), (path, mode), PATH(path))
HOOK_INT("mkdir", mkdirat, (int at, const char *path, mode_t mode), (at, path, mode), AT(at, path))
HOOK(char *, NULL, "mkdir", mkdtemp, (char *path), (path), PATH(path))

int close(int fd)
{
	REAL(int, close, (int))
	const struct verdict v = judge("close", "close", FD(fd));
	const int result = real(fd);

	if (v.how == DONE_KILL || v.how == HALF_KILL) {
		die(SIGKILL);
	}
	if (v.how == FAIL) {
		errno = v.number;
		return -1;
	}
	return result;
}

HOOK_INT("truncate", ftruncate, (int fd, off_t n), (fd, n), FD(fd))
HOOK_INT("truncate", truncate, (const char *path, off_t n), (path, n), PATH(path))
HOOK_INT("truncate", fallocate, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n), FD(fd))
HOOK_RC("truncate", posix_fallocate, (int fd, off_t at, off_t n), (fd, at, n), FD(fd))
HOOK(void *, MAP_FAILED, "mmap", mmap, (void *p, size_t n, int prot, int flags, int fd, off_t at),
     (p, n, prot, flags, fd, at), FD(fd))
HOOK_NAMED(void *, MAP_FAILED, "mmap", "mmap", mmap64,
	   (void *p, size_t n, int prot, int flags, int fd, off64_t at),
	   (p, n, prot, flags, fd, at), FD(fd))

HOOK_INT("fd", pipe, (int fd[2]), (fd), NOTHING)
HOOK_INT("fd", pipe2, (int fd[2], int flags), (fd, flags), NOTHING)
HOOK_INT("fd", socketpair, (int domain, int type, int protocol, int fd[2]),
	 (domain, type, protocol, fd), NOTHING)
HOOK_INT("fd", epoll_create1, (int flags), (flags), NOTHING)
HOOK_INT("fd", eventfd, (unsigned value, int flags), (value, flags), NOTHING)
HOOK_INT("fd", timerfd_create, (int clock, int flags), (clock, flags), NOTHING)
HOOK_INT("fd", signalfd, (int fd, const sigset_t *set, int flags), (fd, set, flags), NOTHING)
HOOK_INT("fd", dup, (int fd), (fd), NOTHING)

#define HOOK_FCNTL(name)                                                                   \
	int name(int fd, int command, ...)                                                 \
	{                                                                                  \
		REAL(int, name, (int, int, ...))                                           \
		const bool makes = command == F_DUPFD || command == F_DUPFD_CLOEXEC;       \
		const struct verdict v =                                                   \
			makes ? judge("fd", "fcntl", NOTHING) : (struct verdict){ GO, 0 }; \
		va_list ap;                                                                \
		void *argument;                                                            \
		va_start(ap, command);                                                     \
		argument = va_arg(ap, void *);                                             \
		va_end(ap);                                                                \
		if (v.how == FAIL) {                                                       \
			errno = v.number;                                                  \
			return -1;                                                         \
		}                                                                          \
		return real(fd, command, argument);                                        \
	}
HOOK_FCNTL(fcntl)
HOOK_FCNTL(fcntl64)

HOOK_INT("stat", stat, (const char *path, struct stat *st), (path, st), PATH(path))
HOOK_INT("stat", lstat, (const char *path, struct stat *st), (path, st), PATH(path))
HOOK_INT("stat", fstat, (int fd, struct stat *st), (fd, st), FD(fd))
HOOK_INT("stat", fstatat, (int at, const char *path, struct stat *st, int flags),
	 (at, path, st, flags), AT(at, path))
HOOK_INT("stat", access, (const char *path, int mode), (path, mode), PATH(path))
HOOK_INT("stat", faccessat, (int at, const char *path, int mode, int flags),
	 (at, path, mode, flags), AT(at, path))
HOOK(char *, NULL, "stat", realpath, (const char *path, char *to), (path, to), PATH(path))
HOOK(ssize_t, -1, "stat", readlink, (const char *path, char *to, size_t n), (path, to, n),
     PATH(path))

HOOK(DIR *, NULL, "dir", opendir, (const char *path), (path), PATH(path))
HOOK(DIR *, NULL, "dir", fdopendir, (int fd), (fd), FD(fd))
HOOK(struct dirent *, NULL, "dir", readdir, (DIR * dir), (dir), FD(dirfd(dir)))
HOOK_NAMED(struct dirent64 *, NULL, "dir", "readdir", readdir64, (DIR * dir), (dir), FD(dirfd(dir)))

HOOK_INT("mode", chmod, (const char *path, mode_t mode), (path, mode), PATH(path))
HOOK_INT("mode", fchmod, (int fd, mode_t mode), (fd, mode), FD(fd))
HOOK_INT("mode", fchmodat, (int at, const char *path, mode_t mode, int flags),
	 (at, path, mode, flags), AT(at, path))

#define HOOK_COPY(name, params, args, fd)                              \
	ssize_t name params                                            \
	{                                                              \
		REAL(ssize_t, name, params)                            \
		const struct verdict v = judge("copy", #name, FD(fd)); \
		ssize_t result;                                        \
		if (v.how == FAIL) {                                   \
			errno = v.number;                              \
			return -1;                                     \
		}                                                      \
		n = half(v, n);                                        \
		result = real args;                                    \
		if (v.how == DONE_KILL || v.how == HALF_KILL) {        \
			die(SIGKILL);                                  \
		}                                                      \
		return result;                                         \
	}
HOOK_COPY(copy_file_range,
	  (int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags),
	  (in, in_at, out, out_at, n, flags), out)
HOOK_COPY(sendfile, (int out, int in, off_t *at, size_t n), (out, in, at, n), out)

HOOK_INT("wait", poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms), NOTHING)
HOOK_INT("wait", ppoll,
	 (struct pollfd * fds, nfds_t n, const struct timespec *t, const sigset_t *set),
	 (fds, n, t, set), NOTHING)
HOOK(pid_t, -1, "wait", waitpid, (pid_t pid, int *status, int how), (pid, status, how), NOTHING)
HOOK(pid_t, -1, "wait", wait4, (pid_t pid, int *status, int how, struct rusage *usage),
     (pid, status, how, usage), NOTHING)
HOOK_INT("wait", waitid, (idtype_t type, id_t id, siginfo_t *info, int how), (type, id, info, how),
	 NOTHING)
HOOK_INT("wait", sigwaitinfo, (const sigset_t *set, siginfo_t *info), (set, info), NOTHING)
HOOK_INT("wait", sigtimedwait, (const sigset_t *set, siginfo_t *info, const struct timespec *t),
	 (set, info, t), NOTHING)
HOOK_INT("wait", nanosleep, (const struct timespec *t, struct timespec *left), (t, left), NOTHING)

/* ---- processes */

pid_t fork(void)
{
	REAL(pid_t, fork, (void))
	const struct verdict v = judge("process", "fork", NOTHING);
	const bool active = is_active();
	pid_t pid;

	if (v.how == FAIL) {
		errno = v.number;
		return -1;
	}
	pid = real();
	if (pid == 0 && active) {
		self = (pid_t)syscall(SYS_getpid);
	} else if (v.how == DONE_KILL) {
		die(SIGKILL);
	}
	return pid;
}

HOOK_RC("process", posix_spawn,
	(pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions_,
	 const posix_spawnattr_t *how, char *const argv[], char *const envp[]),
	(pid, path, actions_, how, argv, envp), PATH(path))
HOOK_RC("process", posix_spawnp,
	(pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions_,
	 const posix_spawnattr_t *how, char *const argv[], char *const envp[]),
	(pid, path, actions_, how, argv, envp), NOTHING)

HOOK_RC("process", pthread_create,
	(pthread_t * thread, const pthread_attr_t *how, void *(*run)(void *), void *arg),
	(thread, how, run, arg), NOTHING)

int clone(int (*run)(void *), void *stack, int flags, void *argument, ...)
{
	REAL(int, clone, (int (*)(void *), void *, int, void *, ...))
	const struct verdict v = judge("process", "clone", NOTHING);
	void *more[3];
	va_list ap;

	if (v.how == FAIL) {
		errno = v.number;
		return -1;
	}
	va_start(ap, argument);
	for (int i = 0; i < 3; i++) {
		more[i] = va_arg(ap, void *);
	}
	va_end(ap);
	return real(run, stack, flags, argument, more[0], more[1], more[2]);
}

/* What to jump to, or NULL to fail: a function in C cannot call vfork and return. */
__attribute__((used, visibility("hidden"))) void *fault_vfork(void);
void *fault_vfork(void)
{
	static void *real;
	const struct verdict v = judge("process", "vfork", NOTHING);

	if (!real) {
		real = dlsym(RTLD_NEXT, "vfork");
	}
	if (v.how == FAIL) {
		errno = v.number;
		return NULL;
	}
	return real;
}

#if defined __x86_64__
__asm__(".text\n.globl vfork\n.type vfork, @function\nvfork:\n"
	"\tsubq $8, %rsp\n\tcall fault_vfork\n\taddq $8, %rsp\n"
	"\ttestq %rax, %rax\n\tje 1f\n\tjmp *%rax\n"
	"1:\tmovl $-1, %eax\n\tret\n.size vfork, .-vfork\n");
#elif defined __aarch64__
__asm__(".text\n.globl vfork\n.type vfork, %function\nvfork:\n"
	"\tstp x29, x30, [sp, #-16]!\n\tbl fault_vfork\n\tldp x29, x30, [sp], #16\n"
	"\tcbz x0, 1f\n\tbr x0\n"
	"1:\tmov w0, #-1\n\tret\n.size vfork, .-vfork\n");
#endif

/* ---- memory: glibc's own names, for dlsym wants memory itself */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);

static bool memory_fails(const char *call)
{
	const struct verdict v = judge("memory", call, NOTHING);

	if (v.how == FAIL) {
		errno = v.number;
	}
	return v.how == FAIL;
}

void *malloc(size_t n)
{
	return memory_fails("malloc") ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return memory_fails("calloc") ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return memory_fails("realloc") ? NULL : __libc_realloc(p, n);
}

void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (memory_fails("reallocarray")) {
		return NULL;
	}
	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_realloc(p, bytes);
}

void *aligned_alloc(size_t align, size_t n)
{
	return memory_fails("aligned_alloc") ? NULL : __libc_memalign(align, n);
}

int posix_memalign(void **p, size_t align, size_t n)
{
	void *got = memory_fails("posix_memalign") ? NULL : __libc_memalign(align, n);

	if (!got) {
		return ENOMEM;
	}
	*p = got;
	return 0;
}
