/* SPDX-License-Identifier: MIT */
/* Judging what a task gave: its streams together, its files, and the row that stands in the record.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/result.h"

struct judge_case {
	enum format out, err, file; /* file: FORMAT_NONE: none declared */
	bool log;
	const char *texts[3]; /* NULL: not there */
	int want;
	const char *row, *why;
	const char *rows; /* what judge_stream_rows gives, as JSON, one after another */
};

static int give(void *arg, size_t which, const char **data, size_t *len, struct err *e)
{
	const char *const *texts = arg;

	(void)e;
	if (!texts[which])
		return 1;
	*data = texts[which];
	*len = strlen(texts[which]);
	return 0;
}

static int fail_to_give(void *arg, size_t which, const char **data, size_t *len, struct err *e)
{
	(void)arg;
	(void)which;
	(void)data;
	(void)len;
	return err_fail(e, "the disk is gone");
}

static int put(void *arg, const struct row *row)
{
	row_put_json(row, arg);
	return 0;
}

static int stop(void *arg, const struct row *row)
{
	(void)arg;
	(void)row;
	return 7;
}

static const struct judge_case cases[] = {
	{ FORMAT_NONE, FORMAT_NONE, FORMAT_NONE, false, { "x", "y" }, 1, "", "", "" },
	{ FORMAT_JSON,
	  FORMAT_NONE,
	  FORMAT_NONE,
	  false,
	  { "{\"a\":1}", "" },
	  1,
	  "{\"a\":1}",
	  "",
	  "{\"a\":1}" },
	{ FORMAT_JSON,
	  FORMAT_NUMBER,
	  FORMAT_NONE,
	  false,
	  { "{\"a\":1}", " 2\n" },
	  1,
	  "{\"a\":1,\"value\":2}",
	  "",
	  "{\"a\":1,\"value\":2}" },
	{ FORMAT_CSV,
	  FORMAT_NUMBER,
	  FORMAT_NONE,
	  false,
	  { "a\n1\n2\n", " 2\n" },
	  0,
	  "",
	  "stdout gives 2 rows and stderr 1: only one of them can give several",
	  NULL },
	{ FORMAT_CSV,
	  FORMAT_CSV,
	  FORMAT_NONE,
	  false,
	  { "a\n1\n2\n", "b\n" },
	  1,
	  "",
	  "",
	  "{\"a\":1}{\"a\":2}" },
	{ FORMAT_CSV,
	  FORMAT_CSV,
	  FORMAT_NONE,
	  false,
	  { "a\n", "b\n1\n2\n" },
	  1,
	  "",
	  "",
	  "{\"b\":1}{\"b\":2}" },
	{ FORMAT_NUMBER,
	  FORMAT_NUMBER,
	  FORMAT_NONE,
	  false,
	  { "1", "2" },
	  0,
	  "",
	  "column 'value' stands in stdout and in stderr",
	  NULL },
	{ FORMAT_JSON,
	  FORMAT_NONE,
	  FORMAT_NONE,
	  false,
	  { "oops", "" },
	  0,
	  "",
	  "stdout: line 1, column 1: unknown word 'oops': put text in double quotes",
	  NULL },
	{ FORMAT_NUMBER,
	  FORMAT_NONE,
	  FORMAT_NONE,
	  true,
	  { "oops", "" },
	  0,
	  "",
	  "log: line 1: 'oops' is no number",
	  NULL },
	{ FORMAT_NONE,
	  FORMAT_NUMBER,
	  FORMAT_NONE,
	  false,
	  { "", "" },
	  0,
	  "",
	  "stderr: no number: the text is empty",
	  NULL },
	{ FORMAT_NUMBER,
	  FORMAT_NONE,
	  FORMAT_CSV,
	  false,
	  { "1", "", "x\n1\n" },
	  1,
	  "{\"value\":1}",
	  "",
	  "{\"value\":1}" },
	{ FORMAT_NUMBER,
	  FORMAT_NONE,
	  FORMAT_CSV,
	  false,
	  { "1", "", NULL },
	  0,
	  "",
	  "result file 'trace' is missing",
	  "{\"value\":1}" },
	{ FORMAT_NUMBER,
	  FORMAT_NONE,
	  FORMAT_CSV,
	  false,
	  { "1", "", "x\n1,2\n" },
	  0,
	  "",
	  "trace: line 2: 2 cells where the header has 1",
	  "{\"value\":1}" },
	/* what would not come back from JSON as it was is read from the output instead */
	{ FORMAT_TEXT,
	  FORMAT_NONE,
	  FORMAT_NONE,
	  false,
	  { "\xff", "" },
	  1,
	  "",
	  "",
	  "{\"text\":\"\xef\xbf\xbd\"}" },
	{ FORMAT_NUMBER,
	  FORMAT_NONE,
	  FORMAT_NONE,
	  false,
	  { ".5", "" },
	  1,
	  "",
	  "",
	  "{\"value\":0.5}" },
	{ FORMAT_JSONL,
	  FORMAT_NONE,
	  FORMAT_NONE,
	  false,
	  { "{\"a\":1}\n{\"a\":2}", "" },
	  1,
	  "",
	  "",
	  "{\"a\":1}{\"a\":2}" },
};

static void test_cases(void **state)
{
	struct buf row = BUF_INIT, why = BUF_INIT, rows = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct judge_case *c = &cases[i];
		struct result_file file = { .name = "trace", .format = c->file };
		const struct results rs = { .stream = { { .format = c->out },
							{ .format = c->err } },
					    .log = c->log,
					    .files = &file,
					    .n_files = c->file != FORMAT_NONE };
		struct judge *j = judge_new(&rs);
		struct err e = ERR_INIT;
		void *arg = (void *)(uintptr_t)c->texts;
		int rc;

		buf_clear(&why);
		assert_int_equal(judge_run(j, give, arg, &row, &why, &e), c->want);
		assert_string_equal(buf_str(&row), c->row);
		assert_string_equal(buf_str(&why), c->why);
		assert_false(err_is(&e));
		buf_clear(&rows);
		rc = judge_stream_rows(j, give, arg, put, &rows, &e);
		assert_int_equal(rc, c->rows ? 0 : -1);
		assert_string_equal(c->rows ? rows.data : e.text, c->rows ? c->rows : c->why);
		judge_free(j);
	}
	buf_free(&row);
	buf_free(&why);
	buf_free(&rows);
}

static void test_stops_and_fails(void **state)
{
	struct result_file file = { .name = "trace", .format = FORMAT_CSV };
	const struct results rs = { .stream = { { .format = FORMAT_NUMBER } },
				    .files = &file,
				    .n_files = 1 };
	const char *texts[] = { "1", "", "x,y\n1,a\n2,b\n" };
	struct judge *j = judge_new(&rs);
	struct buf b = BUF_INIT, why = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(judge_stream_rows(j, give, texts, stop, NULL, &e), 7);
	assert_int_equal(judge_file_rows(j, 0, give, texts, stop, NULL, &e), 7);
	assert_int_equal(judge_file_rows(j, 0, give, texts, put, &b, &e), 0);
	assert_string_equal(b.data, "{\"x\":1,\"y\":\"a\"}{\"x\":2,\"y\":\"b\"}");
	assert_int_equal(judge_run(j, fail_to_give, NULL, &b, &why, &e), -1);
	assert_int_equal(e.kind, ERR_SYSTEM);
	judge_free(j);
	buf_free(&b);
	buf_free(&why);
}

static void test_large_row(void **state)
{
	const struct results rs = { .stream = { { .format = FORMAT_TEXT } } };
	struct judge *j = judge_new(&rs);
	struct buf text = BUF_INIT, row = BUF_INIT, why = BUF_INIT;
	const char *texts[2];
	struct err e = ERR_INIT;

	(void)state;
	for (size_t n = 1000; n < 100000; n *= 3) {
		buf_clear(&text);
		while (text.len < n)
			buf_puts(&text, "\"");
		texts[0] = text.data;
		texts[1] = "";
		assert_int_equal(judge_run(j, give, texts, &row, &why, &e), 1);
		assert_int_equal(row.len, n == 1000 ? 2011 : 0);
	}
	judge_free(j);
	buf_free(&text);
	buf_free(&row);
	buf_free(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_stops_and_fails),
		cmocka_unit_test(test_large_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
