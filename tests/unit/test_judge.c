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

/* texts: stdout, stderr, the one file. */
static int give(void *arg, size_t which, const char **data, size_t *len, struct err *e)
{
	const char *const *texts = arg;
	const char *text = texts[which < STREAM_COUNT ? which : 2];

	(void)e;
	assert_true(which != STREAM_VALUE && which <= STREAM_COUNT);
	if (!text)
		return 1;
	*data = text;
	*len = strlen(text);
	return 0;
}

/* The same for a value; its streams are not asked for. */
static int give_value(void *arg, size_t which, const char **data, size_t *len, struct err *e)
{
	(void)e;
	assert_int_equal(which, STREAM_VALUE);
	*data = arg;
	*len = strlen(arg);
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

struct value_case {
	const char *text, *row, *rows; /* row NULL: it is invalid, and rows says why */
};

#define SAME(text)               \
	{                        \
		text, text, text \
	}

static const struct value_case values[] = {
	SAME("{\"value\":1.5}"),
	SAME("{}"),
	SAME("{\"a\":null,\"b\":true,\"c\":-1e-07,\"d\":\"x y\",\"e\":[1,[2,\"z \"],{\"k\":null}],\"\":\"\"}"),
	SAME("{\"v\":\"NaN\",\"w\":\"-inf\",\"\xc3\xa9\":\"\xf0\x9f\x98\x80\"}"),
	SAME("{\"n\":123456789012345678901234567890}"),
	/* what is not compact is written anew */
	{ "{\"a\": 1}", "{\"a\":1}", "{\"a\":1}" },
	{ "{\"a\":1 }", "{\"a\":1}", "{\"a\":1}" },
	{ " {\"a\":1}\n", "{\"a\":1}", "{\"a\":1}" },
	{ "{\"a\":[1, 2]}", "{\"a\":[1,2]}", "{\"a\":[1,2]}" },
	{ "{\"a\":\"\\u00e9\\/\"}", "{\"a\":\"\xc3\xa9/\"}", "{\"a\":\"\xc3\xa9/\"}" },
	{ "{\"\\u0061\":1}", "{\"a\":1}", "{\"a\":1}" },
	{ "{\"a\":\"\\n\"}", "{\"a\":\"\\n\"}", "{\"a\":\"\\n\"}" },
	{ "{\"a\":{\"b\":1,\"c\":{\"d\":\"x\"}}}", "{\"a.b\":1,\"a.c.d\":\"x\"}",
	  "{\"a.b\":1,\"a.c.d\":\"x\"}" },
	{ "{\"a\":{}}", "{}", "{}" },
	{ "{\"a\":{},\"b\":1}", "{\"b\":1}", "{\"b\":1}" },
	/* lists */
	{ "[]", "", "" },
	{ "[{}]", "{}", "{}" },
	{ "[{\"a\":1}]", "{\"a\":1}", "{\"a\":1}" },
	{ "[{\"a\":1},{\"b\":2},{}]", "", "{\"a\":1}{\"b\":2}{}" },
	/* what no interpreter should send */
	{ "", NULL, "value: line 1, column 1: no JSON value: the text is empty" },
	{ "3", NULL,
	  "value: line 1, column 1: a number where an object or a list of objects should stand" },
	{ "[{\"a\":1},7]", NULL,
	  "value: line 1, column 10: a number in a list that should hold objects, one a row" },
	{ "{\"a\":1}\n{\"a\":2}", NULL,
	  "value: line 2, column 1: text behind the value: one JSON value is expected" },
	{ "{\"a.b\":1,\"a\":{\"b\":2}}", NULL,
	  "value: line 1, column 15: 'a.b' stands twice in one object" },
};

/* A function's value alone gives the rows. */
static void test_values(void **state)
{
	struct buf row = BUF_INIT, why = BUF_INIT, rows = BUF_INIT;
	const struct results rs = { .stream = { [STREAM_VALUE] = { .format = FORMAT_VALUE } } };
	struct judge *j = judge_new(&rs);

	(void)state;
	for (size_t k = 0; k < 2 * sizeof values / sizeof *values; k++) {
		const struct value_case *c = &values[k / 2]; /* each twice: a judge is used again */
		void *arg = (void *)(uintptr_t)c->text;
		struct err e = ERR_INIT;
		int rc;

		buf_clear(&why);
		assert_int_equal(judge_run(j, give_value, arg, &row, &why, &e), c->row ? 1 : 0);
		assert_string_equal(buf_str(&row), c->row ? c->row : "");
		assert_string_equal(buf_str(&why), c->row ? "" : c->rows);
		buf_clear(&rows);
		rc = judge_stream_rows(j, give_value, arg, put, &rows, &e);
		if (c->row) {
			assert_int_equal(rc, 0);
			assert_string_equal(buf_str(&rows), c->rows);
		} else {
			assert_int_equal(rc, -1);
			assert_string_equal(e.text, c->rows);
		}
	}
	judge_free(j);
	buf_free(&row);
	buf_free(&why);
	buf_free(&rows);
}

/* Up to RESULT_INLINE bytes stand in the record, whichever way they were found. */
static void test_value_inline(void **state)
{
	const struct results rs = { .stream = { [STREAM_VALUE] = { .format = FORMAT_VALUE } } };
	struct judge *j = judge_new(&rs);
	struct buf text = BUF_INIT, row = BUF_INIT, why = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t len = RESULT_INLINE - 2; len <= RESULT_INLINE + 2; len++) {
		for (int blank = 0; blank < 2; blank++) {
			buf_clear(&text);
			buf_puts(&text, blank ? "{ \"a\":\"" : "{\"a\":\"");
			while (text.len < len - 2 + (size_t)blank)
				buf_putc(&text, 'x');
			buf_puts(&text, "\"}");
			assert_int_equal(judge_run(j, give_value, text.data, &row, &why, &e), 1);
			assert_int_equal(row.len, len <= RESULT_INLINE ? len : 0);
		}
	}
	judge_free(j);
	buf_free(&text);
	buf_free(&row);
	buf_free(&why);
}

/* Bytes are good whatever they are, are not even asked for, and give the task its line. */
static void test_bytes(void **state)
{
	struct result_file file = { .name = "trace", .format = FORMAT_CSV };
	struct results rs = { .stream = { [STREAM_VALUE] = { .format = FORMAT_BYTES } } };
	const char *texts[] = { NULL, NULL, "x\n1,2\n" };
	struct buf row = BUF_INIT, why = BUF_INIT, rows = BUF_INIT;
	struct judge *j = judge_new(&rs);
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(judge_run(j, fail_to_give, NULL, &row, &why, &e), 1);
	assert_string_equal(buf_str(&row), "");
	assert_int_equal(judge_stream_rows(j, fail_to_give, NULL, put, &rows, &e), 0);
	assert_string_equal(rows.data, "{}");
	assert_int_equal(judge_stream_rows(j, fail_to_give, NULL, stop, NULL, &e), 7);
	judge_free(j);
	/* files beside it are looked at */
	rs.files = &file;
	rs.n_files = 1;
	j = judge_new(&rs);
	assert_int_equal(judge_run(j, give, texts, &row, &why, &e), 0);
	assert_string_equal(why.data, "trace: line 2: 2 cells where the header has 1");
	judge_free(j);
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
		cmocka_unit_test(test_cases),           cmocka_unit_test(test_values),
		cmocka_unit_test(test_value_inline),    cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_stops_and_fails), cmocka_unit_test(test_large_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
