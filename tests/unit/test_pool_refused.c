/* SPDX-License-Identifier: MIT */
/* The pool where the system refuses something: what runs is ended, what is recorded stays sound,
 * and the message says what it was. Each case in a process of its own. */
#include <fcntl.h>
#include <sys/wait.h>

#include "tests/unit/pool_test.h"

/* ---- cases ---- */

#define QUICK "params: {x: [1, 2, 3]}\nshell: 'echo $x'\nresults: {stdout: number}\n"
#define LONG  "params: {x: [1, 2, 3]}\nshell: 'echo begun; sleep 60'\nresults: {stdout: text}\n"

static void no_signals(void)
{
	refuse(SYS_signalfd4, ANY, EMFILE);
}

static void no_waiting(void)
{
	refuse(SYS_ppoll, ANY, EINVAL);
}

static void no_sync(void)
{
	refuse(SYS_fdatasync, ANY, EIO);
}

static void no_group(void)
{
	refuse(SYS_setpgid, ANY, EPERM);
}

static void small_files(void)
{
	limit_files(700);
}

static void no_truncation(void)
{
	refuse(SYS_ftruncate, ANY, EIO);
}

static const struct {
	const char *name, *spec;
	void (*prepare)(void);
	int rc;
	const char *text;     /* in the message when rc is -1, else in a record */
	int ends;             /* records of ends; -1: no matter */
	enum outcome outcome; /* of each */
} rows[] = {
	{ "no signals", QUICK, no_signals, -1, "cannot watch signals: Too many open files", 0,
	  OUTCOME_OK },
	{ "no waiting", LONG, no_waiting, -1, "cannot wait for tasks: Invalid argument", 2,
	  OUTCOME_INTERRUPTED },
	{ "no sync", LONG, no_sync, -1, "cannot sync '", -1, OUTCOME_INTERRUPTED },
	{ "no processes", QUICK, refuse_processes, 0, "the limit of processes, see ulimit -u", 3,
	  OUTCOME_NOT_STARTED },
	{ "no group", QUICK, no_group, 0, "cannot start '/bin/sh': operation not permitted", 3,
	  OUTCOME_NOT_STARTED },
	{ "small files", QUICK, small_files, -1, "/journal/", -1, OUTCOME_OK },
	{ "no truncation", QUICK, no_truncation, 0, "value", 3, OUTCOME_OK },
};

static void check_row(size_t i)
{
	struct run r;
	int rc;

	run_begin(&r, rows[i].spec);
	r.before = rows[i].prepare;
	rc = run_pool(&r);
	if (rc != rows[i].rc) {
		fail_msg("%s: %d, %s\n%s", rows[i].name, rc, r.e.text, buf_str(&r.journal));
	}
	if (!strstr(rc < 0 ? r.e.text : buf_str(&r.journal), rows[i].text)) {
		fail_msg("%s: %s\n%s", rows[i].name, r.e.text, buf_str(&r.journal));
	}
	if (rows[i].ends >= 0) {
		assert_int_equal(r.n_ends, rows[i].ends);
	}
	for (size_t k = 0; k < r.n_ends; k++) {
		if (r.ends[k].outcome != rows[i].outcome) {
			fail_msg("%s: %s", rows[i].name, r.ends[k].line);
		}
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left */
	run_free(&r);
}

static void test_refused(void **state)
{
	(void)state;
	at_once(sizeof rows / sizeof *rows, check_row);
}

/* ---- descriptors ---- */

static unsigned left;

static void few_descriptors(void)
{
	leave_descriptors(left);
}

/*
 * With ever more descriptors the run fails with a message, and then succeeds; whatever is missing,
 * every task has a sound record or none.
 */
static void check_descriptors(size_t n)
{
	struct run r;
	int rc;

	run_begin(&r, QUICK);
	left = (unsigned)n;
	r.before = few_descriptors;
	rc = run_pool(&r);
	if (rc < 0 ? !strstr(r.e.text, "Too many open files") : r.n_ends != 3) {
		fail_msg("%zu descriptors: %d, %s\n%s", n, rc, r.e.text, buf_str(&r.journal));
	}
	if (n < 2) {
		assert_int_equal(rc, -1);
	}
	if (n >= 20) {
		assert_int_equal(rc, 0);
		assert_int_equal(r.sum.ok, 3);
	}
	run_free(&r);
}

static void test_descriptors(void **state)
{
	(void)state;
	at_once(21, check_descriptors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
