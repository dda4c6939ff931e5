/* SPDX-License-Identifier: MIT */
/* Helper programs: their output, exit code, signal, time limit and what they inherit; clocks and
 * names. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/proc.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static int shell(const char *script, struct buf *out, struct buf *errors, size_t most,
		 struct err *e)
{
	const char *const argv[] = { "sh", "-c", script, NULL };

	return proc_capture(argv, NULL, 20, out, errors, most, e);
}

static void test_capture(void **state)
{
	static const struct {
		const char *script;
		int rc;
		const char *out, *errors;
	} rows[] = {
		{ "echo hello", 0, "hello\n", "" },
		{ "echo one; echo two >&2; exit 7", 7, "one\n", "two\n" },
		{ "kill -KILL $$", 128 + SIGKILL, "", "" },
		{ "cat", 0, "", "" }, /* stdin is empty */
		{ "printf 'a\\000b' | wc -c | tr -d ' '", 0, "3\n", "" },
		{ "exec >&- 2>&-; sleep 0.1; exit 3", 3, "", "" },
		{ "trap", 0, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf out = BUF_INIT, errors = BUF_INIT;
		struct err e = ERR_INIT;

		assert_int_equal(shell(rows[i].script, &out, &errors, 0, &e), rows[i].rc);
		assert_string_equal(out.data, rows[i].out);
		assert_string_equal(errors.data, rows[i].errors);
		assert_false(err_is(&e));
		buf_free(&out);
		buf_free(&errors);
	}
}

static void test_limits(void **state)
{
	struct buf out = BUF_INIT, errors = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	buf_puts(&out, "<");
	assert_int_equal(
		shell("head -c 300000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero >&2", &out,
		      &errors, 1000, &e),
		0);
	assert_int_equal(out.len, 1001);
	assert_int_equal(errors.len, 1000);
	buf_clear(&out);
	assert_int_equal(shell("head -c 300000 /dev/zero; echo x >&2", &out, NULL, 0, &e), 0);
	assert_int_equal(out.len, 300000);
	assert_int_equal(shell("echo x; echo x >&2; exit 4", NULL, NULL, 10, &e), 4);
	buf_free(&out);
	buf_free(&errors);
}

static void test_not_started(void **state)
{
	static const char *const none[] = { "ppgen-no-such-program", NULL };
	static const char *const path[] = { "/etc/passwd", NULL };
	static const char *const sh[] = { "sh", "-c", "pwd", NULL };
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(proc_capture(none, NULL, 0, &out, NULL, 0, &e), -1);
	assert_string_equal(e.text,
			    "cannot start 'ppgen-no-such-program': No such file or directory");
	err_clear(&e);
	assert_int_equal(proc_capture(path, NULL, 0, &out, NULL, 0, &e), -1);
	assert_string_equal(e.text, "cannot start '/etc/passwd': Permission denied");
	err_clear(&e);
	assert_int_equal(proc_capture(sh, "/no/such/folder", 0, &out, NULL, 0, &e), -1);
	err_clear(&e);
	assert_int_equal(proc_capture(sh, "/usr", 0, &out, NULL, 0, &e), 0);
	assert_string_equal(out.data, "/usr\n");
	buf_free(&out);
}

/* The whole group is ended, and the wait is short. */
static void test_timeout(void **state)
{
	static const char *const argv[] = { "sh", "-c", "echo $$; sleep 100 & sleep 100; :", NULL };
	const double start = proc_monotonic();
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	pid_t group;

	(void)state;
	assert_int_equal(proc_capture(argv, NULL, 1, &out, NULL, 0, &e), -1);
	assert_string_equal(e.text, "'sh' did not end within 1 seconds");
	assert_true(proc_monotonic() - start < 10);
	group = (pid_t)strtol(out.data, NULL, 10);
	assert_true(group > 1);
	for (int i = 0; i < 100 && kill(-group, 0) == 0; i++) {
		usleep(20000); /* until init has buried the second one */
	}
	assert_true(kill(-group, 0) < 0 || waitpid(-group, NULL, WNOHANG) >= 0);
	buf_free(&out);
}

/* An agent that a login shell leaves behind holds the pipe; it is not waited for. */
static void test_left_behind(void **state)
{
	const double start = proc_monotonic();
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(shell("sleep 15 & echo $!; exit 5", &out, NULL, 0, &e), 5);
	assert_true(proc_monotonic() - start < 10);
	kill((pid_t)strtol(out.data, NULL, 10), SIGKILL);
	buf_free(&out);
}

static void test_inherits_nothing(void **state)
{
	struct buf out = BUF_INIT;
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	sigset_t block, mask;
	int pipes[2];

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	sigaction(SIGUSR1, &ignore, &before);
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigprocmask(SIG_BLOCK, &block, &mask);
	assert_int_equal(
		/* glibc's posix_spawn, by which make starts us, ignores its own signals 32 and 33
		   for us, and the thread sanitizer one of them */
		shell("grep -E '^Sig(Blk|Ign)' /proc/self/status | sed 's/[01][08]0000000$/000000000/'; ls /proc/self/fd | tr '\\n' ' '",
		      &out, NULL, 0, NULL),
		0);
	assert_string_equal(out.data,
			    "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n0 1 2 3 ");
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGUSR1, &before, NULL);
	close(pipes[0]);
	close(pipes[1]);
	buf_free(&out);
}

/* The program is found by our PATH, and sees nothing of our environment. */
static void test_environment(void **state)
{
	static const char *const argv[] = { "env", NULL };
	static const char *const envp[] = { "A=1 2", "PATH=/nowhere", "B=", NULL };
	static const char *const none[] = { NULL };
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(setenv("PPGEN_TEST_PROC", "ours", 1), 0);
	assert_int_equal(proc_capture_env(argv, envp, NULL, 20, &out, NULL, 0, &e), 0);
	assert_string_equal(out.data, "A=1 2\nPATH=/nowhere\nB=\n");
	buf_clear(&out);
	assert_int_equal(proc_capture_env(argv, none, NULL, 20, &out, NULL, 0, &e), 0);
	assert_string_equal(out.data, "");
	assert_int_equal(shell("echo $PPGEN_TEST_PROC", &out, NULL, 0, &e), 0);
	assert_string_equal(out.data, "ours\n");
	unsetenv("PPGEN_TEST_PROC");
	buf_free(&out);
}

/* Descriptors 0 to 2 may be closed in us. */
static void test_closed_standard(void **state)
{
	const pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		struct buf out = BUF_INIT, errors = BUF_INIT;
		int rc;

		close(0);
		close(1);
		close(2);
		rc = shell("cat; echo out; echo err >&2", &out, &errors, 0, NULL);
		rc = rc == 0 && strcmp(out.data, "out\n") == 0 && strcmp(errors.data, "err\n") == 0
			     ? 0
			     : 1;
		buf_free(&out);
		buf_free(&errors);
		_exit(rc);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_time(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00.000+00:00" },
		{ 1769860800123, "2026-01-31T12:00:00.123+00:00" },
		{ 951825599999, "2000-02-29T11:59:59.999+00:00" },
	};
	const double before = proc_monotonic();
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		buf_clear(&b);
		proc_put_time(&b, rows[i].ms);
		assert_string_equal(b.data, rows[i].text);
	}
	assert_true(proc_monotonic() >= before);
	assert_true(proc_unix_ms() > 1700000000000);
	buf_free(&b);
}

static void test_names(void **state)
{
	char host[256] = "";
	pid_t pid;

	(void)state;
	gethostname(host, sizeof host - 1);
	assert_string_equal(proc_host(), host);
	assert_ptr_equal(proc_host(), proc_host());
	assert_int_equal(strlen(proc_boot_id()), 36);
	assert_true(proc_start_ticks(getpid()) > 0);
	assert_int_equal(proc_start_ticks(getpid()), proc_start_ticks(getpid()));
	pid = fork();
	if (pid == 0) {
		_exit(0);
	}
	assert_true(proc_start_ticks(pid) >= proc_start_ticks(getpid()));
	waitpid(pid, NULL, 0);
	assert_int_equal(proc_start_ticks(pid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capture),         cmocka_unit_test(test_limits),
		cmocka_unit_test(test_not_started),     cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_left_behind),     cmocka_unit_test(test_inherits_nothing),
		cmocka_unit_test(test_closed_standard), cmocka_unit_test(test_time),
		cmocka_unit_test(test_environment),     cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
