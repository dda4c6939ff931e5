/* SPDX-License-Identifier: MIT */
/* The readers of results: what each format makes of a text, shown as "name=type:text" cells, rows
 * set off by "; ". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "store/result.h"

struct row_case {
	enum format format;
	bool last_line;
	const char *text;
	const char *want; /* rows, or "!" and the message */
};

static void put_row(struct buf *b, const struct row *row)
{
	static const char letters[] = "-?bnsao";

	if (b->len)
		buf_puts(b, "; ");
	for (size_t i = 0; i < row->n; i++) {
		const struct cell *c = &row->cells[i];

		if (i)
			buf_putc(b, ' ');
		text_put_shown(b, c->name, c->name_len, 0);
		buf_printf(b, "=%c:", letters[c->type == JSON_NULL ? 0 : c->type]);
		text_put_shown(b, c->text, c->len, 0);
	}
}

static void walk(struct rows *r, const char *text, size_t len, struct buf *got)
{
	struct err e = ERR_INIT;
	const struct row *row;
	char *exact = malloc(len ? len : 1); /* so that a sanitizer sees reads beyond the end */
	int rc;

	memcpy(exact, text, len);
	buf_clear(got);
	rc = rows_begin(r, exact, len, &e);
	while (rc == 0 && (rc = rows_next(r, &row, &e)) == 1) {
		put_row(got, row);
		rc = 0;
	}
	if (rc < 0) {
		buf_clear(got);
		buf_printf(got, "!%s", e.text);
	}
	free(exact);
}

static const struct row_case cases[] = {
	/* JSON */
	{ FORMAT_JSON, false, "{\"a\": 1.50, \"b\": \"x y\", \"c\": null, \"d\": true}",
	  "a=n:1.50 b=s:x y c=-: d=b:true" },
	{ FORMAT_JSON, false, "\xef\xbb\xbf{\"a\":1}\r\n", "a=n:1" },
	{ FORMAT_JSON, false, "{\"a\":{\"b\":{\"c\":1},\"d\":2},\"e\":3}",
	  "a.b.c=n:1 a.d=n:2 e=n:3" },
	{ FORMAT_JSON, false, "{\"a\\n\":{\"\\\"\":\"\\u00e9\\t\"}}", "a\\n.\"=s:\xc3\xa9\\x09" },
	{ FORMAT_JSON, false, "{\"a\": [1, {\"x\" : \"y z\\\" \"},\n []]}",
	  "a=a:[1,{\"x\":\"y z\\\" \"},[]]" },
	{ FORMAT_JSON, false, "{\"a\":[1,2]}", "a=a:[1,2]" },
	{ FORMAT_JSON, false, "[{\"a\":1}, {\"a\":2}]", "a=n:1; a=n:2" },
	{ FORMAT_JSON, false, "[]", "" },
	{ FORMAT_VALUE, false, "[{\"a\":\"NaN\"},{}]", "a=s:NaN; " },
	{ FORMAT_VALUE, false, "{\"a\":1}\n{\"a\":2}\n",
	  "!line 2, column 1: text behind the value: one JSON value is expected" },
	{ FORMAT_BYTES, false, "\xff\n", "" },
	{ FORMAT_JSON, false, "{}", "" },
	{ FORMAT_JSON, false, "{\"a\":1}\n{\"a\":2}\n\n",
	  "!line 2, column 1: text behind the value: one JSON value is expected; for an object a line write jsonl, for the last line alone {last_line: json}" },
	{ FORMAT_JSON, false, "hello\n{\"a\":2}\n\n",
	  "!line 1, column 1: unknown word 'hello': put text in double quotes; its last line is JSON: write {last_line: json}" },
	{ FORMAT_JSON, false, "{\n \"a\": 1\n}\n", "a=n:1" },
	{ FORMAT_JSON, true, "noise {\n\n{\"a\":1}\n \n", "a=n:1" },
	{ FORMAT_JSON, true, "{\"a\":1}", "a=n:1" },
	{ FORMAT_JSON, false, "", "!line 1, column 1: no JSON value: the text is empty" },
	{ FORMAT_JSON, true, "one\ntwo\n{\"a\":x}\n\n",
	  "!line 3, column 6: unknown word 'x': put text in double quotes" },
	{ FORMAT_JSON, false, "{\"a\":NaN}",
	  "!line 1, column 6: 'NaN' does not exist in JSON: write null" },
	{ FORMAT_JSON, false, "{\"a\":-Infinity}",
	  "!line 1, column 6: '-Infinity' does not exist in JSON: write null" },
	{ FORMAT_JSON, false, "3.5\n",
	  "!line 1, column 1: a number where an object or a list of objects should stand" },
	{ FORMAT_JSON, false, "[{\"a\":1},\n 7]",
	  "!line 2, column 2: a number in a list that should hold objects, one a row" },
	{ FORMAT_JSON, false, "{\"a\":1,\n\"a\":2}",
	  "!line 2, column 1: 'a' stands twice in one object" },
	{ FORMAT_JSON, false, "{\"a\":{\"b\":1},\"a.b\":2}",
	  "!line 1, column 14: 'a.b' stands twice in one object" },
	{ FORMAT_JSON, false,
	  "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"\\u0063\":1}",
	  "!line 1, column 56: 'c' stands twice in one object" },
	{ FORMAT_JSONL, false, "{\"a\":1}\n{\"a\":2,\"a\":3}\n",
	  "!line 2, column 8: 'a' stands twice in one object" },
	{ FORMAT_JSON, false, "{\"a\":1}\nTraceback\n",
	  "!line 2, column 1: text behind the value: one JSON value is expected" },
	{ FORMAT_JSON, false, "{\"a\":\"\xff\"}",
	  "!line 1, column 7: a string is not UTF-8 (byte 0xff)" },
	/* JSON Lines */
	{ FORMAT_JSONL, false, "{\"a\":1}\r\n\r\n{\"a\":\"2\",\"b\":[ ]}", "a=n:1; a=s:2 b=a:[]" },
	{ FORMAT_JSONL, false, "\n\n", "!no rows: the text is empty" },
	{ FORMAT_JSONL, false, "{\"a\":1}\n[1]\n",
	  "!line 2: a list where an object should stand, one a line" },
	{ FORMAT_JSONL, false, "{\"a\":1}\n{\"a\":1,}\n",
	  "!line 2, column 8: unexpected '}' where a key in double quotes should follow" },
	/* CSV */
	{ FORMAT_CSV, false, "a,b\n1,x\n-2e5,\n", "a=n:1 b=s:x; a=n:-2e5 b=-:" },
	{ FORMAT_CSV, false,
	  "\xef\xbb\xbf"
	  "a,\"b\"\r\n010,\"x,\"\"\ny\"\r\n",
	  "a=s:010 b=s:x,\"\\ny" },
	{ FORMAT_CSV, false, "a, b ,\"\"\n 1.0, 2 ,\"\"", "a=n:1.0 b=n:2 =s:" },
	{ FORMAT_CSV, false, "a,b\nnan,Infinity\n", "a=s:nan b=s:Infinity" },
	{ FORMAT_CSV, false, "a\n\xff\xfe\n", "a=s:\\xff\\xfe" },
	{ FORMAT_CSV, false, "a,b\n", "" },
	{ FORMAT_CSV, false, "", "!no header line: the text is empty" },
	{ FORMAT_CSV, false, "a,b\n1,2\n3\n", "!line 3: 1 cell where the header has 2" },
	{ FORMAT_CSV, false, "a,b\n\"1\n2\",2\n3,4,5\n",
	  "!line 4: 3 cells where the header has 2" },
	{ FORMAT_CSV, false, "x,y, x\n", "!line 1: column 'x' stands twice in the header" },
	{ FORMAT_CSV, false, "a\n\"b\n", "!line 2: a quote is not closed" },
	{ FORMAT_TSV, false, "a\tb\n1\tx, y\n", "a=n:1 b=s:x, y" },
	/* one value */
	{ FORMAT_NUMBER, false, " 3.140 \r\n\n", "value=n:3.140" },
	{ FORMAT_NUMBER, false, "-.5", "value=n:-.5" },
	{ FORMAT_NUMBER, true, "step 1\nstep 2\n42\n\n", "value=n:42" },
	{ FORMAT_NUMBER, false, "\n", "!no number: the text is empty" },
	{ FORMAT_NUMBER, false, "\nnan\n", "!line 2: 'nan' is no number" },
	{ FORMAT_NUMBER, false, "1 2", "!line 1: '1 2' is no number" },
	{ FORMAT_TEXT, false, "", "text=s:" },
	{ FORMAT_TEXT, false, "a,\"b\"\n\n", "text=s:a,\"b\"\\n" },
	{ FORMAT_TEXT, false, "a\r\n", "text=s:a" },
	{ FORMAT_TEXT, false, "\xff\n", "text=s:\\xff" },
	{ FORMAT_TEXT, true, "a\n b \n\n", "text=s: b" },
};

static void test_formats(void **state)
{
	struct buf got = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct extract x = { .format = cases[i].format,
					   .last_line = cases[i].last_line };
		struct rows *r = rows_new(&x);

		for (int again = 0; again < 2; again++) { /* a walk leaves nothing behind */
			walk(r, cases[i].text, strlen(cases[i].text), &got);
			if (strcmp(got.data, cases[i].want) != 0)
				print_error("case %zu: %s\n", i, cases[i].text);
			assert_string_equal(got.data, cases[i].want);
		}
		rows_free(r);
	}
	buf_free(&got);
}

static void test_regex(void **state)
{
	static const struct {
		const char *pattern, *text, *want;
	} rows[] = {
		{ "E = ([-+.0-9eE]+)", "E = 1\nE = -2.5e3\nend", "x=n:-2.5e3" },
		{ "^done in .*$", "done in 3 s\nnot done in 4 s\n", "x=s:done in 3 s" },
		{ "\\d+", "a1b22", "x=n:22" },
		{ "a(b)?", "a", "x=-:" },
		{ "x*", "\xc3\xa9", "x=s:" },
		{ "E=(\\S+)", "\xff\xfe E=7 \xff", "x=n:7" },
		{ "E=(\\d+)", "F=7", "!nothing matches the regex of 'x'" },
		{ "(", "", "!regex 'x': at 1: missing closing parenthesis" },
		{ "(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", NULL },
	};
	struct buf got = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct regex_entry entry = { .column = "x", .pattern = rows[i].pattern };
		const struct extract x = { .format = FORMAT_REGEX, .regex = &entry, .n_regex = 1 };
		struct rows *r = rows_new(&x);

		walk(r, rows[i].text, strlen(rows[i].text), &got);
		if (rows[i].want)
			assert_string_equal(got.data, rows[i].want);
		else
			assert_int_equal(got.data[0], '!');
		rows_free(r);
	}
	buf_free(&got);
}

/* Long texts: the compiler's own stack does not hold what they need, and all memory must not. */
static void test_regex_long(void **state)
{
	static const struct {
		const char *pattern;
		size_t len;
		const char *said;
	} rows[] = {
		{ "^(?:a|b)*(z)", 200000, "x=s:z" },
		{ "(*NO_JIT)^(?:(a)|(b))*+(z)", 100000, "x=s:a" },
		{ "(*NO_JIT)^(?:(?:a|b)(c)?)*z", 2000000,
		  "!regex 'x' gave up: heap limit exceeded" },
	};
	struct buf got = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct regex_entry entry = { .column = "x", .pattern = rows[i].pattern };
		const struct extract x = { .format = FORMAT_REGEX, .regex = &entry, .n_regex = 1 };
		struct rows *r = rows_new(&x);
		char *text = mem_alloc(rows[i].len + 1);

		memset(text, 'a', rows[i].len);
		text[rows[i].len] = 'z';
		walk(r, text, rows[i].len + 1, &got);
		assert_string_equal(got.data, rows[i].said);
		free(text);
		rows_free(r);
	}
	buf_free(&got);
}

static void test_inline_and_back(void **state)
{
	static const char text[] =
		"{\"a\":{\"b\":-0.10},\"\\\"q\\\"\":\"\\u0001\\n\",\"l\":[1, \"]\"],\"z\":null,\"t\":false,\"n\":\"12\"}";
	const struct extract x = { .format = FORMAT_JSON };
	struct rows *r = rows_new(&x);
	struct buf json = BUF_INIT, one = BUF_INIT, two = BUF_INIT;
	struct err e = ERR_INIT;
	const struct row *row;

	(void)state;
	assert_int_equal(rows_begin(r, text, sizeof text - 1, &e), 0);
	assert_int_equal(rows_next(r, &row, &e), 1);
	put_row(&one, row);
	row_put_json(row, &json);
	assert_string_equal(
		json.data,
		"{\"a.b\":-0.10,\"\\\"q\\\"\":\"\\u0001\\n\",\"l\":[1,\"]\"],\"z\":null,\"t\":false,\"n\":\"12\"}");
	assert_int_equal(row_from_json(r, json_trust(json.data, json.len), &row, &e), 0);
	put_row(&two, row);
	assert_string_equal(one.data, two.data);
	rows_free(r);
	buf_free(&json);
	buf_free(&one);
	buf_free(&two);
}

/* 199 objects in each other, a cell of 1 MB, 20,000 columns, and a name that would repeat itself
 * for ever. */
static void test_large(void **state)
{
	const struct extract x = { .format = FORMAT_JSON };
	struct rows *r = rows_new(&x);
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	const struct row *row;

	(void)state;
	for (int i = 0; i < 199; i++)
		buf_puts(&b, "{\"k\":");
	buf_puts(&b, "1");
	for (int i = 0; i < 199; i++)
		buf_puts(&b, "}");
	assert_int_equal(rows_begin(r, b.data, b.len, &e), 0);
	assert_int_equal(rows_next(r, &row, &e), 1);
	assert_int_equal(row->cells[0].name_len, 199 * 2 - 1);

	buf_clear(&b);
	buf_puts(&b, "{\"a\":\"");
	for (int i = 0; i < 1 << 19; i++)
		buf_puts(&b, "\\\"");
	buf_puts(&b, "\"}");
	assert_int_equal(rows_begin(r, b.data, b.len, &e), 0);
	assert_int_equal(rows_next(r, &row, &e), 1);
	assert_int_equal(row->cells[0].len, 1 << 19);

	buf_clear(&b);
	for (int i = 0; i < 20000; i++)
		buf_printf(&b, "%c\"c%d\":%d", i ? ',' : '{', i, i);
	buf_puts(&b, "}");
	assert_int_equal(rows_begin(r, b.data, b.len, &e), 0);
	assert_int_equal(rows_next(r, &row, &e), 1);
	assert_int_equal(row->n, 20000);

	buf_clear(&b);
	buf_puts(&b, "{\"");
	for (int i = 0; i < 5000; i++)
		buf_putc(&b, 'n');
	buf_puts(&b, "\":1}");
	assert_int_equal(rows_begin(r, b.data, b.len, &e), 0);
	assert_int_equal(rows_next(r, &row, &e), -1);
	assert_string_equal(e.text, "line 1, column 2: a column's name is longer than 4096 bytes");
	rows_free(r);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),    cmocka_unit_test(test_regex),
		cmocka_unit_test(test_regex_long), cmocka_unit_test(test_inline_and_back),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
