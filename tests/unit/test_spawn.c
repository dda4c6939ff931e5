/* SPDX-License-Identifier: MIT */
/* Starting programs: where they are found, what is said when they are not, and what a child is
 * given. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "run/spawn.h"
#include "tests/unit/refuse.h"

static char *top;
static struct spawn_shared shared;
static struct spawner *spawner;

static void put_file(const char *name, const char *text, mode_t mode)
{
	char *path = path_join(top, name);

	assert_int_equal(file_publish(path, text, strlen(text), NULL), 0);
	assert_int_equal(chmod(path, mode), 0);
	free(path);
}

static int begin(void **state)
{
	(void)state;
	top = mem_dup("/tmp/ppgen-test-XXXXXX");
	assert_non_null(mkdtemp(top));
	for (int fd = 3; fd < 1024; fd++) {
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* what this program was started with: the
							 guardian does it in the pool */
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGUSR2, SIG_IGN);
	assert_int_equal(spawn_prepare(&shared), 0);
	spawner = spawner_new();
	return 0;
}

static int finish(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGUSR2, SIG_DFL);
	spawner_free(spawner);
	spawn_release(&shared);
	(void)file_remove_tree(top, NULL);
	free(top);
	return 0;
}

/* Runs argv; what it wrote to stdout and stderr, or what was said of its start. */
static char *run(const char *const *argv, const char *path, const char *workdir, int *status)
{
	struct buf why = BUF_INIT, said = BUF_INIT;
	char *variable = mem_printf("PATH=%s", path ? path : "/usr/bin:/bin"),
	     *file = path_join(top, "said");
	char *envp[] = { variable, NULL };
	const int fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	const struct spawn w = {
		&shared, (char *const *)argv, envp, workdir ? workdir : top, fd, fd, NULL, 0
	};
	const pid_t pid = spawn_start(spawner, &w, &why);

	*status = -1;
	if (pid > 0) {
		assert_int_equal(waitpid(pid, status, 0), pid);
		assert_int_equal(file_read(file, &said, 0, NULL), 0);
	}
	(void)close(fd);
	free(variable);
	free(file);
	if (pid > 0) {
		buf_free(&why);
		return said.data ? buf_take(&said) : mem_dup("");
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	return buf_take(&why);
}

/* By tests/harness.sh. */
static bool under_valgrind(void)
{
	return getenv("VALGRIND_LOGS") != NULL;
}

static void test_starts(void **state)
{
	static const struct {
		const char *argv[4];
		const char *path, *workdir; /* NULL: the usual */
		const char *said;
		int code; /* -1: not started */
	} rows[] = {
		{ { "echo", "a b", "$(x)" }, NULL, NULL, "a b $(x)\n", 0 },
		{ { "sh", "-c", "exit 7" }, NULL, NULL, "", 7 },
		{ { "./hello", "x" }, NULL, NULL, "hello x\n", 0 },
		{ { "hello", "x" }, ".", NULL, "hello x\n", 0 },
		{ { "hello", "x" }, "/nowhere::/bin", NULL, "hello x\n", 0 },
		{ { "hello", "x" }, "sub:.", NULL, "sub x\n", 0 },
		{ { "hello" },
		  "/bin",
		  NULL,
		  "cannot start 'hello': no such file or directory",
		  -1 },
		{ { "python9" },
		  NULL,
		  NULL,
		  "cannot start 'python9': no such file or directory",
		  -1 },
		{ { "" }, NULL, NULL, "cannot start '': no such file or directory", -1 },
		{ { NULL }, NULL, NULL, "the command has no words", -1 },
		{ { "./plain" }, NULL, NULL, "cannot start './plain': permission denied", -1 },
		{ { "plain" }, ".", NULL, "cannot start 'plain': permission denied", -1 },
		{ { "/etc" }, NULL, NULL, "cannot start '/etc': permission denied", -1 },
		{ { "./noline" },
		  NULL,
		  NULL,
		  "cannot start './noline': exec format error (a script needs a '#!' line)",
		  -1 },
		{ { "./nointerpreter" },
		  NULL,
		  NULL,
		  "cannot start './nointerpreter': its interpreter '/no/such/python' does not exist",
		  -1 },
		{ { "nointerpreter" },
		  ".",
		  NULL,
		  "cannot start 'nointerpreter': its interpreter '/no/such/python' does not exist",
		  -1 },
		{ { "./windows" },
		  NULL,
		  NULL,
		  "cannot start './windows': its interpreter '/bin/sh' does not exist (the file has Windows line ends)",
		  -1 },
		{ { "echo" },
		  NULL,
		  "/no/such/folder",
		  "cannot enter '/no/such/folder': no such file or directory",
		  -1 },
		{ { "python9" },
		  NULL,
		  "/no/such/folder",
		  "cannot enter '/no/such/folder': no such file or directory",
		  -1 },
		{ { "echo" },
		  NULL,
		  "/etc/passwd",
		  "cannot enter '/etc/passwd': not a directory",
		  -1 },
		{ { "python9" },
		  NULL,
		  "/etc/passwd",
		  "cannot enter '/etc/passwd': not a directory",
		  -1 },
		{ { "sub" }, ".:/bin", NULL, "cannot start 'sub': permission denied", -1 },
		{ { "./busy" }, NULL, NULL, "cannot start './busy': text file busy", -1 },
		{ { "a\nb" }, NULL, NULL, "cannot start 'a\\nb': no such file or directory", -1 },
	};

	char *busy;
	int busy_fd;

	(void)state;
	put_file("hello", "#!/bin/sh\necho hello \"$@\"\n", 0755);
	put_file("plain", "#!/bin/sh\n", 0644);
	put_file("noline", "echo hi\n", 0755);
	put_file("nointerpreter", "#! /no/such/python -u\n", 0755);
	put_file("windows", "#!/bin/sh\r\necho\r\n", 0755);
	put_file("busy", "#!/bin/sh\n", 0755);
	busy = path_join(top, "busy");
	busy_fd = open(busy, O_WRONLY | O_CLOEXEC);
	assert_true(busy_fd >= 0);
	{
		char *sub = path_join(top, "sub");

		assert_int_equal(mkdir(sub, 0755), 0);
		free(sub);
	}
	put_file("sub/hello", "#!/bin/sh\necho sub \"$@\"\n", 0755);
	for (int round = 0; round < 2; round++) { /* the second time from what is remembered */
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			int status;
			char *said;

			if (under_valgrind() &&
			    (strstr(rows[i].said, "interpreter") || strstr(rows[i].said, "busy"))) {
				continue; /* valgrind dies of such an execve */
			}
			said = run(rows[i].argv, rows[i].path, rows[i].workdir, &status);

			assert_string_equal(said, rows[i].said);
			assert_int_equal(status < 0 ? -1 : WEXITSTATUS(status), rows[i].code);
			free(said);
		}
	}
	(void)close(busy_fd);
	free(busy);
}

/* A program that was found may move to another folder of the PATH. */
static void test_moved(void **state)
{
	static const char *const argv[] = { "moved", NULL };
	char *one = path_join(top, "one"), *two = path_join(top, "two"),
	     *path = mem_printf("%s:%s", one, two), *said;
	int status;

	(void)state;
	assert_int_equal(mkdir(one, 0755), 0);
	assert_int_equal(mkdir(two, 0755), 0);
	put_file("one/moved", "#!/bin/sh\necho 1\n", 0755);
	put_file("two/moved", "#!/bin/sh\necho 2\n", 0755);
	said = run(argv, path, NULL, &status);
	assert_string_equal(said, "1\n");
	free(said);
	assert_int_equal(file_remove_tree(one, NULL), 0);
	said = run(argv, path, NULL, &status);
	assert_string_equal(said, "2\n");
	free(said);
	free(one);
	free(two);
	free(path);
}

static void test_given(void **state)
{
	static const char *const argv[] = {
		"sh", "-c",
		"grep -E '^Sig(Blk|Ign)' /proc/self/status | sed 's/[01][08]0000000$/000000000/' | tr -d '\\n\\t'; echo; ls /proc/$$/fd; "
		"printf '%s' \"$(readlink /proc/$$/fd/0)\"; read a b c d pgrp rest </proc/$$/stat; "
		"[ $pgrp = $$ ] && printf ' leader'; printf ' %s' $(cat /proc/$$/oom_score_adj); printf ' %s' $(ulimit -n)",
		NULL
	};
	const int extra = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct rlimit before, lower;
	sigset_t set, old;
	char *said, *expected;
	int status;

	(void)state;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &set, &old);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	shared.files = before;
	shared.restore_files = true;
	lower = before;
	lower.rlim_cur = before.rlim_cur - 7;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &lower), 0);
	said = run(argv, NULL, NULL, &status);
	if (under_valgrind()) { /* setrlimit is only played there */
		before.rlim_cur = strtoull(strrchr(said, ' '), NULL, 10);
	}
	expected = mem_printf(
		"SigBlk:0000000000000000SigIgn:0000000000000000\n0\n1\n2\n/dev/null leader %s %llu",
		shared.oom_score, (unsigned long long)before.rlim_cur);
	assert_string_equal(said, expected);
	(void)setrlimit(RLIMIT_NOFILE, &before);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	(void)close(extra);
	free(said);
	free(expected);
}

/* Words and environment are too long together; no PATH at all. */
static void test_environments(void **state)
{
	static const char *const argv[] = { "echo", "x", NULL };
	struct buf why = BUF_INIT;
	char *long_one = mem_alloc(4 << 20), *none[] = { NULL }, *one[] = { NULL, NULL };
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct spawn w = { &shared, (char *const *)argv, none, "/", null, null, NULL, 0 };
	pid_t pid;
	int status;

	(void)state;
	pid = spawn_start(spawner, &w, &why);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	memset(long_one, 'A', (4 << 20) - 1);
	one[0] = long_one;
	w.envp = one;
	if (!under_valgrind()) {
		assert_int_equal(spawn_start(spawner, &w, &why), -1);
		assert_string_equal(
			buf_str(&why),
			"cannot start 'echo': argument list too long (words and environment together: pass long ones in a file)");
	}
	(void)close(null);
	buf_free(&why);
	free(long_one);
}

static void no_group(void)
{
	refuse(SYS_setpgid, ANY, EPERM);
}

static void test_refused(void **state)
{
	static const struct {
		void (*prepare)(void);
		const char *said;
	} rows[] = {
		{ refuse_processes,
		  "cannot start 'echo': resource temporarily unavailable (the limit of processes, see ulimit -u)" },
		{ no_group, "cannot start 'echo': operation not permitted" },
	};
	static const char *const argv[] = { "echo", "x", NULL };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int status;
		pid_t pid;

		(void)fflush(NULL);
		pid = fork();
		if (pid == 0) {
			char *said;

			assert_int_equal(setenv("CMOCKA_TEST_ABORT", "1", 1), 0);
			shared.self = getpid();
			rows[i].prepare();
			said = run(argv, NULL, NULL, &status);
			assert_string_equal(said, rows[i].said);
			free(said);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

/* Killed when the one that started it dies. */
static void test_dies_with_us(void **state)
{
	static const char *const argv[] = { "sleep", "1000", NULL };
	struct buf why = BUF_INIT;
	char path[] = "PATH=/bin:/usr/bin", *envp[] = { path, NULL };
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int ends[2];
	pid_t pid, task = 0;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		const struct spawn w = { &shared, (char *const *)argv, envp, "/", null, null, NULL,
					 0 };

		task = spawn_start(spawner, &w, &why);
		(void)!write(ends[1], &task, sizeof task);
		_exit(0);
	}
	assert_int_equal(read(ends[0], &task, sizeof task), sizeof task);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(task > 0);
	for (int i = 0; i < 500 && kill(task, 0) == 0; i++) {
		char state_path[64], text[512] = "";
		int fd;

		/* Where nobody reaps orphans it stays a zombie. */
		(void)snprintf(state_path, sizeof state_path, "/proc/%d/stat", (int)task);
		fd = open(state_path, O_RDONLY);
		if (fd >= 0 && read(fd, text, sizeof text - 1) > 0 && strstr(text, ") Z")) {
			(void)close(fd);
			break;
		}
		if (fd >= 0) {
			(void)close(fd);
		}
		assert_true(i < 499);
		(void)usleep(10000);
	}
	(void)close(ends[0]);
	(void)close(ends[1]);
	(void)close(null);
	buf_free(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_starts, begin, finish),
		cmocka_unit_test_setup_teardown(test_moved, begin, finish),
		cmocka_unit_test_setup_teardown(test_given, begin, finish),
		cmocka_unit_test_setup_teardown(test_environments, begin, finish),
		cmocka_unit_test_setup_teardown(test_refused, begin, finish),
		cmocka_unit_test_setup_teardown(test_dies_with_us, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
