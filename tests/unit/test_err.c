/* SPDX-License-Identifier: MIT */
/* Errors: the first wins, context is put in front, long texts are cut; diagnostics are sorted and
 * counted. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void test_first_wins(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_false(err_is(&e));
	assert_int_equal(err_bad(&e, "no '%s'", "a"), -1);
	assert_int_equal(err_fail(&e, "later"), -1);
	errno = ENOENT;
	assert_int_equal(err_errno(&e, "later"), -1);
	assert_true(err_is(&e));
	assert_int_equal(e.kind, ERR_BAD);
	assert_string_equal(e.text, "no 'a'");
	err_clear(&e);
	assert_false(err_is(&e));
	assert_string_equal(e.text, "");
	err_fail(&e, "system");
	assert_int_equal(e.kind, ERR_SYSTEM);
}

static void test_errno_and_wrap(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	errno = ENOENT;
	err_errno(&e, "cannot read '%s'", "f");
	assert_int_equal(errno, ENOENT);
	assert_int_equal(err_wrap(&e, "plan %d", 3), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(e.kind, ERR_SYSTEM);
	assert_string_equal(e.text, "plan 3: cannot read 'f': No such file or directory");
	err_clear(&e);
	err_wrap(&e, "nothing to wrap");
	assert_false(err_is(&e));
}

static void test_null(void **state)
{
	(void)state;
	assert_int_equal(err_bad(NULL, "x"), -1);
	assert_int_equal(err_fail(NULL, "x"), -1);
	assert_int_equal(err_errno(NULL, "x"), -1);
	assert_int_equal(err_wrap(NULL, "x"), -1);
	assert_false(err_is(NULL));
	err_clear(NULL);
}

static void test_cut(void **state)
{
	char text[3 * ERR_TEXT_MAX];
	struct err e = ERR_INIT;
	size_t n;

	(void)state;
	for (size_t i = 0; i + 1 < sizeof text; i += 2) {
		memcpy(text + i, "\xc3\xa9", 2);
	}
	text[sizeof text - 2] = '\0';
	for (int shift = 0; shift < 2; shift++) {
		err_clear(&e);
		err_bad(&e, "%s%s", shift ? "x" : "", text);
		n = strlen(e.text);
		assert_in_range(n, ERR_TEXT_MAX - 8, ERR_TEXT_MAX - 1);
		assert_string_equal(e.text + n - 3, "...");
		assert_memory_equal(e.text + n - 5, "\xc3\xa9", 2);
		err_wrap(&e, "outer");
		n = strlen(e.text);
		assert_memory_equal(e.text, "outer: ", 7);
		assert_in_range(n, ERR_TEXT_MAX - 8, ERR_TEXT_MAX - 1);
		assert_string_equal(e.text + n - 3, "...");
	}
	errno = ENOENT;
	err_clear(&e);
	err_errno(&e, "%s", text);
	assert_string_equal(e.text + strlen(e.text) - 3, "...");
}

static void test_diags_sorted(void **state)
{
	struct diags *d = diags_new();

	(void)state;
	assert_string_equal(diags_text(d), "");
	assert_int_equal(diag_error(d, "s.yaml", 12, 5, "unknown key '%s'", "b"), -1);
	diag_warn(d, "s.yaml", 3, 1, "first of two");
	diag_error(d, "s.yaml", 3, 1, "second of two");
	diag_error(d, "s.yaml", 12, 2, "left of it");
	diag_error(d, "--set a", 0, 0, "no position");
	assert_int_equal(diags_errors(d), 4);
	assert_string_equal(diags_text(d), "--set a: no position\n"
					   "s.yaml:3:1: warning: first of two\n"
					   "s.yaml:3:1: second of two\n"
					   "s.yaml:12:2: left of it\n"
					   "s.yaml:12:5: unknown key 'b'\n");
	diags_free(d);
	diags_free(NULL);
}

static void test_diags_counted(void **state)
{
	static const struct {
		int errors, warnings;
		const char *end;
	} rows[] = {
		{ DIAG_SHOWN, 0, "s:20:1: e\n" },
		{ DIAG_SHOWN + 1, 0, "s:20:1: e\n1 more error\n" },
		{ DIAG_SHOWN + 7, 0, "s:20:1: e\n7 more errors\n" },
		{ 0, DIAG_SHOWN + 2, "s:20:2: warning: w\n2 more warnings\n" },
		{ 30, 21, "s:20:2: warning: w\n1 more warning\n10 more errors\n" },
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		struct diags *d = diags_new();
		const char *text;

		for (int i = 1; i <= rows[r].errors; i++) {
			diag_error(d, "s", i, 1, "e");
		}
		for (int i = 1; i <= rows[r].warnings; i++) {
			diag_warn(d, "s", i, 2, "w");
		}
		assert_int_equal(diags_errors(d), rows[r].errors);
		text = diags_text(d);
		assert_string_equal(text + strlen(text) - strlen(rows[r].end), rows[r].end);
		assert_string_equal(diags_text(d), text);
		diags_free(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_wins),   cmocka_unit_test(test_errno_and_wrap),
		cmocka_unit_test(test_null),         cmocka_unit_test(test_cut),
		cmocka_unit_test(test_diags_sorted), cmocka_unit_test(test_diags_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
