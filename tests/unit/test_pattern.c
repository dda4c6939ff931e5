/* SPDX-License-Identifier: MIT */
/* Patterns: what they find, how they go on, and their groups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/pattern.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static struct pattern *make(const char *text)
{
	struct err e = ERR_INIT;
	struct pattern *p = pattern_new(text, &e);

	if (!p)
		fail_msg("%s: %s", text, e.text);
	return p;
}

static void test_wrong(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "a(b", "column 4 of 'a(b': " }, { "[", "column 2 of '[': " },
		{ "*", "column 1 of '*': " },     { "(?<1>x)", "of '(?<1>x)': " },
		{ "\\C", "column 3 of '\\C': " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = ERR_INIT;

		assert_null(pattern_new(rows[i].text, &e));
		if (!strstr(e.text, rows[i].why))
			fail_msg("%s: %s", rows[i].text, e.text);
		assert_int_equal(e.kind, ERR_BAD);
	}
	pattern_free(NULL);
}

/* All matches of group x, each in brackets; without such a group, of all. */
static void put_all(struct pattern *p, const char *text, size_t len, struct buf *out)
{
	struct err e = ERR_INIT;
	size_t at = 0, n, before = 0;
	int rc;

	while ((rc = pattern_next(p, text, len, &at, &e)) == 1) {
		const char *group = pattern_group(p, "x", &n);

		assert_true(at > before);
		before = at;
		buf_putc(out, '[');
		buf_add(out, group ? group : "-", group ? n : 1);
		buf_putc(out, ']');
	}
	assert_int_equal(rc, 0);
	assert_null(pattern_group(p, "x", &n)); /* there is no last match any more */
}

static void test_next(void **state)
{
	static const struct {
		const char *pattern, *text, *all;
	} rows[] = {
		{ "(?<x>\\d+)", "a1bb22c333", "[1][22][333]" },
		{ "(?<x>\\d+)", "", "" },
		{ "(?<x>\\d+)", "none", "" },
		{ "^(?<x>.*)$", "one\ntwo\n\nthree", "[one][two][][three]" },
		{ "^(?<x>\\w+)=", "a=1\nb=2\n c=3", "[a][b]" },
		{ "(?<x>a*)", "aab", "[aa][][]" },
		{ "(?<x>x*)", "\xc3\xa9\xc3\xa9", "[][][]" },
		{ "(?<x>.)", "\xc3\xa9\xe2\x82\xac", "[\xc3\xa9][\xe2\x82\xac]" },
		{ "k(?<x>\\d)?", "k1 k k2", "[1][-][2]" },
		/* one name for two groups: the one that took part */
		{ "a(?<x>\\d)|b(?<x>\\d)", "a1 b2", "[1][2]" },
		{ "(?<x>1)?(?<x>2)", "12 2", "[1][2]" },
		{ "(?<x>.)",
		  "a\xff"
		  "b",
		  "[a][b]" }, /* what is no text never matches */
		{ "(?s)<(?<x>.*?)>", "<a\nb><c>", "[a\nb][c]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pattern *p = make(rows[i].pattern);
		struct buf out = BUF_INIT;

		put_all(p, rows[i].text, strlen(rows[i].text), &out);
		if (strcmp(buf_str(&out), rows[i].all) != 0)
			fail_msg("row %zu, %s: %s", i, rows[i].pattern, buf_str(&out));
		buf_free(&out);
		pattern_free(p);
	}
}

static void test_whole(void **state)
{
	static const struct {
		const char *pattern, *text;
		int rc;
	} rows[] = {
		{ "\\d+", "123", 1 },     { "\\d+", "123a", 0 },   { "\\d+", "a123", 0 },
		{ "a|ab", "ab", 1 },      { "a", "a\n", 0 },       { "", "", 1 },
		{ "^a$", "a\nb", 0 },     { "(?s).*", "a\nb", 1 }, { ".*", "a\nb", 0 },
		{ "[^\\d]+", "\xff", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pattern *p = make(rows[i].pattern);
		struct err e = ERR_INIT;

		if (pattern_whole(p, rows[i].text, strlen(rows[i].text), &e) != rows[i].rc)
			fail_msg("row %zu: %s", i, rows[i].pattern);
		pattern_free(p);
	}
}

static void test_groups(void **state)
{
	struct pattern *p = make("(?<id>\\d+)(_(?<index>\\d+))?");
	struct err e = ERR_INIT;
	size_t at = 0, n;

	(void)state;
	assert_true(pattern_has_group(p, "id"));
	assert_true(pattern_has_group(p, "index"));
	assert_false(pattern_has_group(p, "state"));
	assert_null(pattern_group(p, "id", &n)); /* nothing was matched yet */
	assert_int_equal(pattern_next(p, "7", 1, &at, &e), 1);
	assert_non_null(pattern_group(p, "id", &n));
	assert_int_equal(n, 1);
	assert_null(pattern_group(p, "index", &n));
	assert_null(pattern_group(p, "state", &n));
	pattern_free(p);

	p = make("(?<a>x)|(?<a>y)");
	assert_true(pattern_has_group(p, "a")); /* named twice */
	pattern_free(p);
}

/* A match may be long, and one that would never end is given up. */
static void test_limits(void **state)
{
	const size_t lines = 50000;
	struct pattern *p = make("^begin(?:\\n .*)*?\\nend (?<x>\\d)");
	struct buf text = BUF_INIT, out = BUF_INIT;
	struct err e = ERR_INIT;
	size_t at = 0;

	(void)state;
	buf_puts(&text, "begin");
	for (size_t i = 0; i < lines; i++)
		buf_puts(&text, "\n a line of the record");
	buf_puts(&text, "\nend 4");
	put_all(p, text.data, text.len, &out);
	assert_string_equal(buf_str(&out), "[4]");
	pattern_free(p);

	p = make("^(a+)+$");
	buf_clear(&text);
	for (size_t i = 0; i < 40; i++)
		buf_putc(&text, 'a');
	buf_putc(&text, 'b');
	assert_int_equal(pattern_next(p, text.data, text.len, &at, &e), -1);
	assert_non_null(strstr(e.text, "'^(a+)+$' gave up: "));
	pattern_free(p);
	buf_free(&text);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong),  cmocka_unit_test(test_next),
		cmocka_unit_test(test_whole),  cmocka_unit_test(test_groups),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
