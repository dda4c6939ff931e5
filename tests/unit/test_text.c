/* SPDX-License-Identifier: MIT */
/* Questions about text: each answer in a table. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void test_utf8(void **state)
{
	static const struct {
		const char *s;
		bool good;
	} rows[] = {
		{ "", true },
		{ "plain", true },
		{ "long plain text, more than a word", true },
		{ "\xc3\xa9", true },
		{ "\xe2\x82\xac", true },
		{ "\xf0\x9f\x98\x80", true },
		{ "12345678\xc3\xa9"
		  "12345678",
		  true },
		{ "\xf4\x8f\xbf\xbf", true },
		{ "\xed\x9f\xbf", true },
		{ "\xee\x80\x80", true },
		{ "\x80", false },
		{ "\xc3", false },
		{ "a\xc3", false },
		{ "\xc3(", false },
		{ "\xc0\x80", false },
		{ "\xc1\xbf", false },
		{ "\xe0\x80\x80", false },
		{ "\xe0\x9f\xbf", false },
		{ "\xed\xa0\x80", false },
		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xf4\x90\x80\x80", false },
		{ "\xf5\x80\x80\x80", false },
		{ "\xff", false },
		{ "\xe2\x82", false },
		{ "\xf0\x9f\x98", false },
		{ "1234567\xff", false },
		{ "12345678\xff", false },
		{ "\xe2\x82(", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (text_is_utf8(rows[i].s, strlen(rows[i].s)) != rows[i].good) {
			fail_msg("row %zu", i);
		}
	}
	assert_true(text_is_utf8("a\0b", 3));
	assert_int_equal(text_utf8_len("", 0), 0);
	assert_int_equal(text_utf8_len("\0", 1), 1);
	assert_int_equal(text_utf8_len("\xe2\x82\xac!", 4), 3);
	assert_true(text_eq("abc", 2, "ab"));
	assert_false(text_eq("abc", 3, "ab"));
	assert_true(text_eq(NULL, 0, ""));
}

enum { NUMBER = 1, INTEGER = 2, JSON = 4 };

static void test_number_grammar(void **state)
{
	static const struct {
		const char *s;
		int is;
	} rows[] = {
		{ "1", 7 },
		{ "0", 7 },
		{ "-1", 7 },
		{ "-0", 7 },
		{ "12345678901234567890123", 7 },
		{ "+1", NUMBER | INTEGER },
		{ "+0", NUMBER | INTEGER },
		{ "0.5", NUMBER | JSON },
		{ "-0.5", NUMBER | JSON },
		{ "3.10", NUMBER | JSON },
		{ "1e-3", NUMBER | JSON },
		{ "1E+3", NUMBER | JSON },
		{ "0e0", NUMBER | JSON },
		{ "1.5e10", NUMBER | JSON },
		{ ".5", NUMBER },
		{ "-.5", NUMBER },
		{ "3.", NUMBER },
		{ "+3.", NUMBER },
		{ "3.e2", NUMBER },
		{ ".5e2", NUMBER },
		{ "0.", NUMBER },
		{ "", 0 },
		{ "-", 0 },
		{ "+", 0 },
		{ ".", 0 },
		{ "-.", 0 },
		{ "010", 0 },
		{ "-01", 0 },
		{ "00", 0 },
		{ "00.5", 0 },
		{ "0x1F", 0 },
		{ "1_000", 0 },
		{ ".inf", 0 },
		{ "nan", 0 },
		{ "1e", 0 },
		{ "1e+", 0 },
		{ "e5", 0 },
		{ ".e5", 0 },
		{ "1.2.3", 0 },
		{ "1,5", 0 },
		{ " 1", 0 },
		{ "1 ", 0 },
		{ "--1", 0 },
		{ "1e5.5", 0 },
		{ "no", 0 },
		{ "1d3", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *s = rows[i].s;
		const size_t n = strlen(s);
		const int is = (text_is_number(s, n) ? NUMBER : 0) |
			       (text_is_integer(s, n) ? INTEGER : 0) |
			       (text_is_json_number(s, n) ? JSON : 0);

		if (is != rows[i].is) {
			fail_msg("'%s' is %d, not %d", s, is, rows[i].is);
		}
	}
}

static void test_number_value(void **state)
{
	static const char *const rows[] = {
		"0",
		"-0",
		"1",
		"+1",
		"0.1",
		"3.10",
		"1e-3",
		"1e22",
		"1e23",
		"123456789012345",
		"1234567890123456789",
		"0.1000000000000000000000001",
		"1e308",
		"1e309",
		"-1e-400",
		"4.9406564584124654e-324",
		"2.2250738585072014e-308",
		"9007199254740993",
		".5",
		"3.",
		"3.e2",
		"0.000000000000000000000000000000000000000001",
		"1e99999999999999999999",
		"0e99999999999999",
		"179769313486231570000000000000000000000000000000000000000000000000",
		"5e-324",
		"123456.789e-10",
		"-2.5E+3",
		"72057594037927945",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const double want = strtod(rows[i], NULL),
			     got = text_number(rows[i], strlen(rows[i]));

		assert_memory_equal(&got, &want, sizeof got);
	}
	for (unsigned i = 0; i < 20000; i++) {
		const unsigned long long v = (unsigned long long)i * 0x9e3779b97f4a7c15u;
		char text[80];
		double want, got;

		snprintf(text, sizeof text, "%llu.%llue%d", v % 100000 / (i % 7 * 1000 + 1),
			 v % 9999999, (int)(v >> 58) - 32);
		want = strtod(text, NULL);
		got = text_number(text, strlen(text));
		assert_memory_equal(&got, &want, sizeof got);
	}
	assert_true(text_number("15xyz", 2) == 15);
}

static void test_number_locale(void **state)
{
	static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8" };
	bool set = false;

	(void)state;
	for (size_t i = 0; !set && i < COUNT(names); i++) {
		set = setlocale(LC_ALL, names[i]) != NULL;
	}
	assert_true(text_number("1.5", 3) == 1.5);
	assert_true(text_number("1.50000000000000000000000001", 28) == 1.5);
	setlocale(LC_ALL, "C");
}

static void test_u64(void **state)
{
	static const struct {
		const char *s;
		bool good;
		uint64_t v;
	} rows[] = {
		{ "0", true, 0 },
		{ "007", true, 7 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", false, 0 },
		{ "99999999999999999999", false, 0 },
		{ "", false, 0 },
		{ "-1", false, 0 },
		{ "+1", false, 0 },
		{ "1 ", false, 0 },
		{ "1.0", false, 0 },
		{ "0x1", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t v = 12345;

		assert_int_equal(text_u64(rows[i].s, strlen(rows[i].s), &v), rows[i].good);
		assert_int_equal(v, rows[i].good ? rows[i].v : 12345);
	}
}

static void test_size(void **state)
{
	static const struct {
		const char *s;
		bool good;
		uint64_t v;
	} rows[] = {
		{ "2G", true, 2147483648u },
		{ "1.5G", true, 1610612736u },
		{ "512M", true, 536870912u },
		{ "100k", true, 102400 },
		{ "1024", true, 1024 },
		{ "1024B", true, 1024 },
		{ "2GB", true, 2147483648u },
		{ "2GiB", true, 2147483648u },
		{ "0", true, 0 },
		{ "1T", true, 1099511627776u },
		{ "1P", true, 1125899906842624u },
		{ "2g", true, 2147483648u },
		{ "0.1K", true, 102 },
		{ "15E", true, 17293822569102704640u },
		{ "0.25K", true, 256 },
		{ "1.000000001T", true, 1099511628875u },
		{ "16E", false, 0 },
		{ "", false, 0 },
		{ "G", false, 0 },
		{ "-1G", false, 0 },
		{ "1.5", false, 0 },
		{ "1.5B", false, 0 },
		{ "1.G", false, 0 },
		{ ".5G", false, 0 },
		{ "2 G", false, 0 },
		{ "2X", false, 0 },
		{ "2GG", false, 0 },
		{ "2Gi", false, 0 },
		{ "2BiB", false, 0 },
		{ "2GB ", false, 0 },
		{ "1e3", false, 0 },
		{ "99999999999G", false, 0 },
		{ "1.00000000000000001G", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t v = 0;

		if (text_size(rows[i].s, strlen(rows[i].s), &v) != rows[i].good || v != rows[i].v) {
			fail_msg("'%s' gave %llu", rows[i].s, (unsigned long long)v);
		}
	}
	assert_false(text_size("2\0", 2, &(uint64_t){ 0 }));
}

static void test_duration(void **state)
{
	static const struct {
		const char *s;
		bool good;
		uint64_t v;
	} rows[] = {
		{ "90", true, 90 },
		{ "0", true, 0 },
		{ "90s", true, 90 },
		{ "10m", true, 600 },
		{ "2h", true, 7200 },
		{ "1d", true, 86400 },
		{ "1h30m", true, 5400 },
		{ "1d2h3m4s", true, 93784 },
		{ "1-12:00:00", true, 129600 },
		{ "2:00:00", true, 7200 },
		{ "30:00", true, 1800 },
		{ "90:00", true, 5400 },
		{ "1-12", true, 129600 },
		{ "1-00:30", true, 88200 },
		{ "100:00:00", true, 360000 },
		{ "", false, 0 },
		{ "h", false, 0 },
		{ "1h1h", false, 0 },
		{ "30m1h", false, 0 },
		{ "1.5h", false, 0 },
		{ "-5", false, 0 },
		{ "1:60", false, 0 },
		{ "1:00:60", false, 0 },
		{ "1-24:00:00", false, 0 },
		{ "1:2:3:4", false, 0 },
		{ ":30", false, 0 },
		{ "30:", false, 0 },
		{ "1-", false, 0 },
		{ "1h30", false, 0 },
		{ "10 m", false, 0 },
		{ "1w", false, 0 },
		{ "99999999999999999999", false, 0 },
		{ "999999999999999999d", false, 0 },
		{ "1:000", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t v = 0;
		const bool good = text_duration(rows[i].s, strlen(rows[i].s), &v);

		if (good != rows[i].good || (good && v != rows[i].v)) {
			fail_msg("'%s' gave %llu", rows[i].s, (unsigned long long)v);
		}
	}
}

static void test_put_units(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{ 0, "0B" },
		{ 1000, "1000B" },
		{ 1023, "1023B" },
		{ 1024, "1K" },
		{ 1536, "1.5K" },
		{ 1610612736, "1.5G" },
		{ 536870912, "512M" },
		{ 1048575, "1M" },
		{ 1073741823, "1G" },
		{ 123456789, "117.7M" },
		{ UINT64_MAX, "16E" },
		{ 1ull << 60, "1E" },
		{ 10ull << 30, "10G" },
	};
	static const struct {
		double seconds;
		const char *text;
	} durations[] = {
		{ 0, "0.0s" },        { 0.3, "0.3s" },    { 9.94, "9.9s" },    { 9.96, "10s" },
		{ 42, "42s" },        { 59.4, "59s" },    { 59.7, "1m 00s" },  { 185, "3m 05s" },
		{ 3599.6, "1h 00m" }, { 7800, "2h 10m" }, { 86400, "1d 00h" }, { 273600, "3d 04h" },
		{ -3, "0.0s" },
	};
	static const struct {
		uint64_t n;
		const char *text;
	} counts[] = {
		{ 0, "0" },
		{ 999, "999" },
		{ 1000, "1,000" },
		{ 1000000, "1,000,000" },
		{ 123456, "123,456" },
		{ UINT64_MAX, "18,446,744,073,709,551,615" },
	};
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		buf_clear(&b);
		text_put_size(&b, sizes[i].bytes);
		assert_string_equal(b.data, sizes[i].text);
	}
	for (size_t i = 0; i < COUNT(durations); i++) {
		buf_clear(&b);
		text_put_duration(&b, durations[i].seconds);
		assert_string_equal(b.data, durations[i].text);
	}
	buf_clear(&b);
	text_put_duration(&b, (double)NAN);
	assert_string_equal(b.data, "0.0s");
	for (size_t i = 0; i < COUNT(counts); i++) {
		buf_clear(&b);
		text_put_count(&b, counts[i].n);
		assert_string_equal(b.data, counts[i].text);
	}
	buf_free(&b);
}

static void test_shell(void **state)
{
	static const struct {
		const char *s, *quoted;
	} rows[] = {
		{ "abc", "abc" },
		{ "a/b.c-d_e", "a/b.c-d_e" },
		{ "--T=2.5", "--T=2.5" },
		{ "", "''" },
		{ "a b", "'a b'" },
		{ "it's", "'it'\\''s'" },
		{ "'", "''\\'''" },
		{ "$(rm)", "'$(rm)'" },
		{ "T=2", "'T=2'" },
		{ "2=T", "2=T" },
		{ "a\nb", "'a\nb'" },
		{ "*", "'*'" },
		{ "~", "'~'" },
		{ "{a,b}", "'{a,b}'" },
		{ "\xc3\xa9", "'\xc3\xa9'" },
		{ "a\\b", "'a\\b'" },
		{ "#", "'#'" },
	};
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		buf_clear(&b);
		text_put_shell(&b, rows[i].s, strlen(rows[i].s));
		assert_string_equal(b.data, rows[i].quoted);
	}
	buf_free(&b);
}

static void test_shown(void **state)
{
	static const struct {
		const char *s;
		size_t most;
		const char *shown;
	} rows[] = {
		{ "plain", 0, "plain" },
		{ "", 0, "" },
		{ "a\nb", 0, "a\\nb" },
		{ "a\tb\x1b[1m", 0, "a\\x09b\\x1b[1m" },
		{ "\x7f", 0, "\\x7f" },
		{ "\xff\xc3", 0, "\\xff\\xc3" },
		{ "\xc3\xa9", 0, "\xc3\xa9" },
		{ "\xc2\x9b"
		  "1m",
		  0, "\\xc2\\x9b1m" },
		{ "abcdef", 6, "abcdef" },
		{ "abcdef", 5, "abcde..." },
		{ "ab\xc3\xa9", 3, "ab..." },
		{ "ab\xc3\xa9", 4, "ab\xc3\xa9" },
		{ "a\n", 2, "a..." },
		{ "\xed\xa0\x80", 0, "\\xed\\xa0\\x80" },
	};
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		buf_clear(&b);
		buf_puts(&b, "<");
		text_put_shown(&b, rows[i].s, strlen(rows[i].s), rows[i].most);
		assert_string_equal(b.data + 1, rows[i].shown);
	}
	buf_clear(&b);
	text_put_shown(&b, "a\0b", 3, 0);
	assert_string_equal(b.data, "a\\x00b");
	buf_free(&b);
}

static void test_nearest(void **state)
{
	static const char *const words[] = { "memory",       "time", "cpus", "gpus",
					     "max_failures", "env",  "" };
	static const char *const names[] = { "T", "L", "code" };
	static const struct {
		const char *word, *nearest;
	} rows[] = {
		{ "memroy", "memory" },
		{ "memori", "memory" },
		{ "tiem", "time" },
		{ "cpu", "cpus" },
		{ "max_failure", "max_failures" },
		{ "maxfailures", "max_failures" },
		{ "evn", "env" },
		{ "zzzzzz", NULL },
		{ "ev", "env" },
		{ "nv", "env" },
		{ "vn", NULL },
		{ "e", NULL },
		{ "Memory", "memory" },
		{ "CPUS", "cpus" },
		{ "", NULL },
		{ "xpus", "cpus" },
		{ "tyne", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *got = text_nearest(rows[i].word, words, COUNT(words));

		if (rows[i].nearest) {
			assert_non_null(got);
			assert_string_equal(got, rows[i].nearest);
		} else {
			assert_null(got);
		}
	}
	assert_null(text_nearest("word", NULL, 0));
	assert_string_equal(text_nearest("Tt", names, 3), "T");
	assert_string_equal(text_nearest("t", names, 3), "T");
	assert_string_equal(text_nearest("LL", names, 3), "L");
	assert_null(text_nearest("TL", names, 3)); /* T or L? */
	assert_null(text_nearest("x", names, 3));
	assert_null(text_nearest("xy", names, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8),         cmocka_unit_test(test_number_grammar),
		cmocka_unit_test(test_number_value), cmocka_unit_test(test_number_locale),
		cmocka_unit_test(test_u64),          cmocka_unit_test(test_size),
		cmocka_unit_test(test_duration),     cmocka_unit_test(test_put_units),
		cmocka_unit_test(test_shell),        cmocka_unit_test(test_shown),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
