/* SPDX-License-Identifier: MIT */
/* Downloads, as far as they need no net: what is a URL, what of it may be written down, what is
 * refused at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fetch.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void test_is_url(void **state)
{
	static const struct {
		const char *s;
		bool url, allowed;
	} rows[] = {
		{ "https://example.org/a", true, true },
		{ "http://example.org", true, true },
		{ "HTTPS://EXAMPLE.ORG", true, true },
		{ "file:///etc/passwd", true, false },
		{ "ftp://x", true, false },
		{ "git+ssh://x", true, false },
		{ "httpsx://x", true, false },
		{ "data/a.csv", false, false },
		{ "", false, false },
		{ "://x", false, false },
		{ "C:\\x", false, false },
		{ "http:/x", false, false },
		{ "9p://x", false, false },
		{ "a b://x", false, false },
		{ "./https://x", false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(fetch_is_url(rows[i].s), rows[i].url);
		assert_int_equal(fetch_url_allowed(rows[i].s), rows[i].allowed);
	}
}

static void test_public(void **state)
{
	static const char *const rows[][2] = {
		{ "https://example.org/a?b=c", "https://example.org/a?b=c" },
		{ "https://me:pass@example.org/a", "https://example.org/a" },
		{ "https://me@example.org", "https://example.org" },
		{ "https://me:p@ss@example.org:8443/a@b", "https://example.org:8443/a@b" },
		{ "https://x/a?token=abc&n=3", "https://x/a?token=***&n=3" },
		{ "https://x/a?n=3&X-Amz-Signature=abc", "https://x/a?n=3&X-Amz-Signature=***" },
		{ "https://x/a?sig=1;API_KEY=2&design=3",
		  "https://x/a?sig=***;API_KEY=***&design=3" },
		{ "https://x/a?token", "https://x/a?token" },
		{ "https://x/a?access_token=a=b#frag", "https://x/a?access_token=***#frag" },
		{ "https://x/a#access_token=abc", "https://x/a#access_token=***" },
		{ "https://x/me@home?user=a@b", "https://x/me@home?user=a@b" },
		{ "data/a@b.csv", "data/a@b.csv" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *s = fetch_url_public(rows[i][0]);

		assert_string_equal(s, rows[i][1]);
		free(s);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *url, *sha256, *text;
	} rows[] = {
		{ "file:///etc/passwd", "",
		  "cannot fetch 'file:///etc/passwd': only http and https are fetched" },
		{ "https://u:p@127.0.0.1/x", "41ab",
		  "cannot fetch 'https://127.0.0.1/x': '41ab' is no sha256: it has 64 hexadecimal digits" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = ERR_INIT;

		assert_int_equal(
			fetch_file(rows[i].url, rows[i].sha256, "/tmp/ppgen-test-none", &e), -1);
		assert_string_equal(e.text, rows[i].text);
		assert_int_equal(e.kind, ERR_BAD);
		assert_int_equal(
			fetch_file(rows[i].url, rows[i].sha256, "/tmp/ppgen-test-none", NULL), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_url),
		cmocka_unit_test(test_public),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
