/* SPDX-License-Identifier: MIT */
/* Growing strings: always ended by a NUL, whatever was added. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void test_empty(void **state)
{
	struct buf b = BUF_INIT;
	char *s;

	(void)state;
	assert_string_equal(buf_str(&b), "");
	buf_add(&b, NULL, 0);
	assert_non_null(b.data);
	assert_string_equal(b.data, "");
	buf_free(&b);
	assert_null(b.data);
	buf_clear(&b);
	assert_string_equal(b.data, "");
	s = buf_take(&b);
	assert_string_equal(s, "");
	free(s);
	s = buf_take(&b);
	assert_string_equal(s, "");
	free(s);
	buf_free(&b);
}

static void test_grows(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		buf_putc(&b, (char)('a' + i % 26));
		assert_int_equal(b.data[b.len], 0);
	}
	assert_int_equal(b.len, 10000);
	for (size_t i = 0; i < b.len; i++) {
		assert_int_equal(b.data[i], 'a' + i % 26);
	}
	buf_clear(&b);
	assert_int_equal(b.len, 0);
	buf_add(&b, "a\0b", 3);
	buf_puts(&b, "cd");
	assert_int_equal(b.len, 5);
	assert_memory_equal(b.data, "a\0bcd", 6);
	buf_free(&b);
}

static void test_room(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t more = 0; more < 300; more++) {
		buf_room(&b, more);
		assert_true(b.cap - b.len > more);
		memset(b.data + b.len, 'x', more); /* the sanitizer watches */
		b.data[b.len] = '\0';
		buf_putc(&b, 'y');
	}
	buf_free(&b);
}

static void test_printf(void **state)
{
	char wide[500];
	struct buf b = BUF_INIT;

	(void)state;
	memset(wide, 'w', sizeof wide - 1);
	wide[sizeof wide - 1] = '\0';
	buf_printf(&b, "%d,", 12);
	buf_printf(&b, "%s", wide);
	buf_printf(&b, "%s", "");
	assert_int_equal(b.len, 3 + sizeof wide - 1);
	assert_memory_equal(b.data, "12,www", 6);
	for (size_t n = 55; n < 70; n++) { /* about the first size */
		buf_free(&b);
		buf_printf(&b, "%.*s", (int)n, wide);
		assert_int_equal(b.len, n);
		assert_int_equal(strlen(b.data), n);
	}
	buf_free(&b);
}

static void test_u64(void **state)
{
	static const struct {
		unsigned long long v;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ 9, "9" },
		{ 10, "10" },
		{ 1000000, "1000000" },
		{ 18446744073709551615u, "18446744073709551615" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b = BUF_INIT;

		buf_put_u64(&b, rows[i].v);
		assert_string_equal(b.data, rows[i].text);
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty), cmocka_unit_test(test_grows),
		cmocka_unit_test(test_room),  cmocka_unit_test(test_printf),
		cmocka_unit_test(test_u64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
