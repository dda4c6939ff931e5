/* SPDX-License-Identifier: MIT */
/* `setup:`: what it exports reaches tasks, what it says reaches stderr, and when it fails the
 * message says how. */
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "run/guard.h"
#include "run/setup.h"
#include "tests/unit/refuse.h"

static char *top; /* also HOME: no profile of the user's is read */

static int begin(void **state)
{
	(void)state;
	top = mem_dup("/tmp/ppgen-test-XXXXXX");
	assert_non_null(mkdtemp(top));
	assert_int_equal(setenv("HOME", top, 1), 0);
	assert_int_equal(setenv("KEPT", "a b", 1), 0);
	assert_int_equal(setenv("SHLVL", "7", 1), 0);
	assert_int_equal(unsetenv("OLDPWD"), 0);
	assert_int_equal(setenv("SLURM_ARRAY_TASK_ID", "3", 1), 0);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	(void)guard_end_descendants();
	(void)file_remove_tree(top, NULL);
	free(top);
	return 0;
}

static const char *get(char **env, const char *name)
{
	const size_t n = strlen(name);

	for (; *env; env++) {
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=') {
			return *env + n + 1;
		}
	}
	return NULL;
}

/* Runs it with stderr in a file; *said is what stands there. */
static char **run(const char *setup, char **said, struct err *e)
{
	char *path = path_join(top, "stderr");
	const int keep = dup(2), fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct buf b = BUF_INIT;
	char **env;

	(void)dup2(fd, 2);
	env = setup_environment(setup, top, e);
	(void)dup2(keep, 2);
	(void)close(keep);
	(void)close(fd);
	assert_int_equal(file_read(path, &b, 0, NULL), 0);
	*said = mem_dup(buf_str(&b));
	buf_free(&b);
	free(path);
	return env;
}

static void test_environment(void **state)
{
	static const struct {
		const char *setup, *name, *value; /* NULL: not there */
	} rows[] = {
		{ NULL, "KEPT", "a b" },
		{ NULL, "SLURM_ARRAY_TASK_ID", NULL },
		{ "export NEW=1", "NEW", "1" },
		{ "export NEW='two\nlines = $x'", "NEW", "two\nlines = $x" },
		{ "NOT_EXPORTED=1", "NOT_EXPORTED", NULL },
		{ "unset KEPT", "KEPT", NULL },
		{ "export KEPT=\"$KEPT c\"", "KEPT", "a b c" },
		{ "export SLURM_ARRAY_TASK_ID=9", "SLURM_ARRAY_TASK_ID", NULL },
		{ "true", "SHLVL", "7" },
		{ "cd /", "OLDPWD", NULL },
		{ "export PATH=/nowhere", "PATH", "/nowhere" },
		{ "f() { export FROM_F=yes; }; f", "FROM_F", "yes" },
		{ "echo noise; echo more >&2", "KEPT", "a b" },
		{ "export HERE=$(pwd -P)", "HERE", "" },
		{ "false || export WENT_ON=1", "WENT_ON", "1" },
		{ "read x || export NO_INPUT=1", "NO_INPUT", "1" },
		{ "[ -t 0 ] || { true <&3; } 2>/dev/null || export NO_3=1", "NO_3", "1" },
		{ "# nothing", "KEPT", "a b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		char *said, **env = run(rows[i].setup, &said, &e);
		const char *value;

		if (!env) {
			fail_msg("row %zu: %s", i, e.text);
		}
		value = get(env, rows[i].name);
		if (rows[i].value && *rows[i].value == '\0') {
			assert_string_equal(value, top); /* it runs in the folder it is given */
		} else if (rows[i].value) {
			assert_non_null(value);
			assert_string_equal(value, rows[i].value);
		} else {
			assert_null(value);
		}
		value = get(env,
			    "_"); /* bash sets it to the program that told us its environment */
		assert_true(!value || !strstr(value, "/env"));
		free(env);
		free(said);
	}
}

static void test_failures(void **state)
{
	static const struct {
		const char *setup, *text;
	} rows[] = {
		{ "exit 4", "setup: exit code 4" },
		{ "false; echo never", "setup: exit code 1" },
		{ "echo before; no-such-command-here", "setup: exit code 127: before" },
		{ "echo 'module not found' >&2; exit 1", "setup: exit code 1: module not found" },
		{ "kill -KILL $$", "setup: signal 9" },
		{ "exit 0", "setup: it left no environment" },
		{ "if", "setup: exit code " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		char *said, **env = run(rows[i].setup, &said, &e);

		assert_null(env);
		if (strncmp(e.text, rows[i].text, strlen(rows[i].text)) != 0) {
			fail_msg("row %zu: %s", i, e.text);
		}
		assert_null(strchr(e.text, '\n'));
		free(said);
	}
}

static void test_said(void **state)
{
	struct err e = ERR_INIT;
	char *said, **env = run("echo out; echo err >&2; head -c 100000 /dev/zero | tr '\\0' x",
				&said, &e);

	(void)state;
	assert_non_null(env);
	assert_int_equal(strncmp(said, "out\nerr\nxxx", 11), 0);
	assert_int_equal(strlen(said), 8 + 100000);
	free(env);
	free(said);
}

/* A daemon that holds stdout open does not hold us up, and one that writes for ever neither. */
static void test_daemons(void **state)
{
	static const char *const setups[] = {
		"sleep 100 & export A=1",
		"setsid sh -c 'while :; do echo x; sleep 0.01; done' & export A=1"
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct err e = ERR_INIT;
		const double begin_s = proc_monotonic();
		char *said, **env = run(setups[i], &said, &e);

		assert_non_null(env);
		assert_string_equal(get(env, "A"), "1");
		assert_true(proc_monotonic() - begin_s < 20);
		(void)guard_end_descendants();
		free(env);
		free(said);
	}
}

static void no_memory_file(void)
{
	refuse(SYS_memfd_create, ANY, ENOSYS);
}

static void no_pipe(void)
{
	refuse(SYS_pipe2, ANY, EMFILE);
}

static void test_refused(void **state)
{
	static const struct {
		void (*prepare)(void);
		const char *text;
	} rows[] = {
		{ no_memory_file, "setup: cannot make a pipe: Function not implemented" },
		{ no_pipe, "setup: cannot make a pipe: Too many open files" },
		{ refuse_processes,
		  "setup: cannot start 'bash': Resource temporarily unavailable" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int status;
		pid_t pid;

		(void)fflush(NULL);
		pid = fork();
		if (pid == 0) {
			struct err e = ERR_INIT;

			rows[i].prepare();
			if (setup_environment("true", top, &e)) {
				_exit(42);
			}
			if (strcmp(e.text, rows[i].text) != 0) {
				(void)fprintf(stderr, "row %zu: %s\n", i, e.text);
				_exit(43);
			}
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

/* When the process that started us is gone, the set-up is ended with all that it began. */
static void test_left_alone(void **state)
{
	char c = 0;
	int ends[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		struct err e = ERR_INIT;
		const pid_t starter = getpid();
		char *up = path_join(top, "up"), **env;

		if (fork() != 0) {
			while (!file_exists(up)) {
				(void)usleep(10000);
			}
			_exit(0);
		}
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
		if (getppid() != starter) {
			_exit(0);
		}
		env = setup_environment("sleep 1000 & : > up; sleep 1000", top, &e);
		c = !env && strcmp(e.text, "setup: signal 9") == 0 &&
				    waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD
			    ? 'y'
			    : 'n';
		(void)!write(ends[1], &c, 1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	(void)close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_environment, begin, finish),
		cmocka_unit_test_setup_teardown(test_failures, begin, finish),
		cmocka_unit_test_setup_teardown(test_said, begin, finish),
		cmocka_unit_test_setup_teardown(test_daemons, begin, finish),
		cmocka_unit_test_setup_teardown(test_refused, begin, finish),
		cmocka_unit_test_setup_teardown(test_left_alone, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
