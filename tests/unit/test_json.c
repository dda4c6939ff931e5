/* SPDX-License-Identifier: MIT */
/* JSON: what is accepted, where faults are, walking, decoding and writing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* In memory of its exact size, so that the sanitizer sees a read behind the end. */
static char *exact(const char *s, size_t n)
{
	char *copy = malloc(n ? n : 1);

	assert_non_null(copy);
	memcpy(copy, s, n);
	return copy;
}

static struct json parse(const char *s)
{
	struct err e = ERR_INIT;
	struct json v;

	if (json_parse(s, strlen(s), &v, &e) < 0) {
		fail_msg("%s: %s", s, e.text);
	}
	return v;
}

static void test_good(void **state)
{
	static const struct {
		const char *s;
		enum json_type type;
		const char *slice;
	} rows[] = {
		{ "null", JSON_NULL, "null" },
		{ " true ", JSON_BOOL, "true" },
		{ "false\n", JSON_BOOL, "false" },
		{ "0", JSON_NUMBER, "0" },
		{ "-1.50e+3", JSON_NUMBER, "-1.50e+3" },
		{ "\"\"", JSON_STRING, "\"\"" },
		{ "\t\"a\\\"b\" ", JSON_STRING, "\"a\\\"b\"" },
		{ "[]", JSON_ARRAY, "[]" },
		{ "{ }", JSON_OBJECT, "{ }" },
		{ "[1, [2, {\"a\": []}], null ]\r\n", JSON_ARRAY, "[1, [2, {\"a\": []}], null ]" },
		{ "{\"a\":1,\"a\":2}", JSON_OBJECT, "{\"a\":1,\"a\":2}" },
		{ "\"\\u00e9\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\\\\\"", JSON_STRING, NULL },
		{ "\"\xc3\xa9\xf0\x9f\x98\x80\x7f\"", JSON_STRING, NULL },
		{ "\"\\ud800\"", JSON_STRING, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const size_t n = strlen(rows[i].s);
		char *s = exact(rows[i].s, n);
		struct err e = ERR_INIT;
		struct json v, trusted;

		if (json_parse(s, n, &v, &e) < 0) {
			fail_msg("%s: %s", rows[i].s, e.text);
		}
		trusted = json_trust(s, n);
		assert_int_equal(v.type, rows[i].type);
		assert_int_equal(trusted.type, v.type);
		assert_ptr_equal(trusted.text, v.text);
		assert_int_equal(trusted.len, v.len);
		if (rows[i].slice) {
			assert_int_equal(v.len, strlen(rows[i].slice));
			assert_memory_equal(v.text, rows[i].slice, v.len);
		}
		free(s);
	}
}

static void test_bad(void **state)
{
	static const char *const rows[][2] = {
		{ "", "line 1, column 1: no JSON value: the text is empty" },
		{ " \n ", "line 2, column 2: no JSON value: the text is empty" },
		{ "{\"a\": 1,\n \"b\": NaN}",
		  "line 2, column 7: 'NaN' does not exist in JSON: write null" },
		{ "[-Infinity]",
		  "line 1, column 2: '-Infinity' does not exist in JSON: write null" },
		{ "Infinity", "line 1, column 1: 'Infinity' does not exist in JSON: write null" },
		{ "[1 2]", "line 1, column 4: unexpected '2' where ',' or ']' should follow" },
		{ "[1,]", "line 1, column 4: unexpected ']' where a value should follow" },
		{ "{\"a\":1,}",
		  "line 1, column 8: unexpected '}' where a key in double quotes should follow" },
		{ "{a:1}",
		  "line 1, column 2: unexpected 'a' where a key in double quotes should follow" },
		{ "{\"a\" 1}", "line 1, column 6: unexpected '1' where ':' should follow" },
		{ "{\"a\":1 \"b\":2}",
		  "line 1, column 8: unexpected '\"' where ',' or '}' should follow" },
		{ "[1", "line 1, column 3: the text ends where ',' or ']' should follow" },
		{ "{",
		  "line 1, column 2: the text ends where a key in double quotes should follow" },
		{ "{\"a\":", "line 1, column 6: the text ends where a value should follow" },
		{ "\"abc", "line 1, column 1: a string is not closed" },
		{ "\"ab\nc\"", "line 1, column 4: a string is not closed on its line" },
		{ "\"\t\"", "line 1, column 2: a control character in a string: escape it" },
		{ "\"\\x41\"",
		  "line 1, column 2: unknown escape '\\x': write a backslash as '\\\\'" },
		{ "\"\\u12g4\"", "line 1, column 2: '\\u' needs four hexadecimal digits" },
		{ "\"\\u12", "line 1, column 2: '\\u' needs four hexadecimal digits" },
		{ "\"\\", "line 1, column 2: the text ends in an escape" },
		{ "\"\xc3\xa9\xff\"", "line 1, column 3: a string is not UTF-8 (byte 0xff)" },
		{ "\"\xed\xa0\x80\"", "line 1, column 2: a string is not UTF-8 (byte 0xed)" },
		{ "01", "line 1, column 1: '01' is no JSON number" },
		{ "1.", "line 1, column 1: '1.' is no JSON number" },
		{ "[.5]", "line 1, column 2: '.5' is no JSON number" },
		{ "+1", "line 1, column 1: '+1' is no JSON number" },
		{ "True", "line 1, column 1: unknown word 'True': put text in double quotes" },
		{ "{'a':1}",
		  "line 1, column 2: unexpected ''' where a key in double quotes should follow" },
		{ "1 2", "line 1, column 3: text behind the value: one JSON value is expected" },
		{ "{\"a\":1}\n{\"a\":2}",
		  "line 2, column 1: text behind the value: one JSON value is expected" },
		{ "\xef\xbb\xbf{}",
		  "line 1, column 1: unexpected '\xef\xbb\xbf' where a value should follow" },
		{ "]", "line 1, column 1: unexpected ']' where a value should follow" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const size_t n = strlen(rows[i][0]);
		char *s = exact(rows[i][0], n);
		struct err e = ERR_INIT;
		struct json v;

		assert_int_equal(json_parse(s, n, &v, &e), -1);
		assert_string_equal(e.text, rows[i][1]);
		assert_int_equal(v.type, JSON_NONE);
		free(s);
	}
}

static void test_depth(void **state)
{
	char text[2 * JSON_DEPTH_MAX + 4] = "";
	struct err e = ERR_INIT;
	struct json v;

	(void)state;
	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	assert_int_equal(json_parse(text, 2 * JSON_DEPTH_MAX, &v, &e), 0);
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	assert_int_equal(json_parse(text, 2 * JSON_DEPTH_MAX + 2, &v, &e), -1);
	assert_string_equal(e.text, "line 1, column 201: nested more than 200 deep");
}

static void test_walk(void **state)
{
	static const char *const keys[] = { "\"a\"", "\"long key, more than 8\"", "\"c\"",
					    "\"d\\n\"" };
	static const char *const values[] = { "1.50", "{\"x\": [\"]}\\\"\", {}]}", "\"s, \\\\\"",
					      "[ ]" };
	const struct json v =
		parse("{ \"a\" : 1.50 ,\"long key, more than 8\":{\"x\": [\"]}\\\"\", {}]}, \n"
		      "\"c\":\"s, \\\\\",\"d\\n\":[ ] }");
	const struct json array = parse("[ null,\"two\", 3 ]");
	struct json_iter it = json_iter(v);
	struct json key, val;
	size_t n = 0;

	(void)state;
	for (; json_next(&it, &key, &val); n++) {
		assert_int_equal(key.type, JSON_STRING);
		assert_int_equal(key.len, strlen(keys[n]));
		assert_memory_equal(key.text, keys[n], key.len);
		assert_int_equal(val.len, strlen(values[n]));
		assert_memory_equal(val.text, values[n], val.len);
	}
	assert_int_equal(n, COUNT(keys));
	it = json_iter(array);
	assert_true(json_next(&it, &key, &val));
	assert_int_equal(key.type, JSON_NONE);
	assert_int_equal(val.type, JSON_NULL);
	assert_true(json_next(&it, NULL, &val));
	assert_true(json_eq(val, "two"));
	assert_true(json_next(&it, NULL, &val));
	assert_int_equal(val.len, 1);
	assert_false(json_next(&it, NULL, &val));
	assert_false(json_next(&it, NULL, &val));
	it = json_iter(parse("{}"));
	assert_false(json_next(&it, &key, &val));
	it = json_iter(parse("[ ]"));
	assert_false(json_next(&it, &key, &val));
	it = json_iter(parse("\"text\""));
	assert_false(json_next(&it, &key, &val));
	it = json_iter((struct json){ JSON_NONE, NULL, 0 });
	assert_false(json_next(&it, &key, &val));
}

static void test_get(void **state)
{
	const struct json v =
		parse("{\"a\":1,\"b\\u0063\":2,\"a\":3,\"in\":{\"a\":4},\"\":5,\"q\\\\\":6}");

	(void)state;
	assert_memory_equal(json_get(v, "a").text, "1", 1);
	assert_memory_equal(json_get(v, "bc").text, "2", 1);
	assert_memory_equal(json_get(v, "").text, "5", 1);
	assert_memory_equal(json_get(v, "q\\").text, "6", 1);
	assert_int_equal(json_get(v, "q\\\\").type, JSON_NONE);
	assert_memory_equal(json_get(json_get(v, "in"), "a").text, "4", 1);
	assert_int_equal(json_get(v, "x").type, JSON_NONE);
	assert_int_equal(json_get(json_get(v, "a"), "a").type, JSON_NONE);
	assert_int_equal(json_get(parse("[1]"), "a").type, JSON_NONE);
}

static void test_get_each(void **state)
{
	static const char *const keys[] = { "c", "none", "a", "" };
	const struct json v = parse("{\"a\":1,\"b\":2,\"a\":3,\"\":4,\"c\":{\"none\":5}}");
	struct json out[4];

	(void)state;
	json_get_each(v, keys, 4, out);
	assert_memory_equal(out[0].text, "{\"none\":5}", 10);
	assert_int_equal(out[1].type, JSON_NONE);
	assert_memory_equal(out[2].text, "1", 1);
	assert_memory_equal(out[3].text, "4", 1);
	json_get_each(parse("[1]"), keys, 4, out);
	assert_int_equal(out[0].type, JSON_NONE);
	json_get_each(v, keys, 0, out);
}

static void test_decode(void **state)
{
	static const struct {
		const char *s, *text;
	} rows[] = {
		{ "\"\"", "" },
		{ "\"plain\"", "plain" },
		{ "\"\\u00e9\"", "\xc3\xa9" },
		{ "\"\\u20ac\\uD83D\\uDE00\"", "\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
		{ "\"a\\u0041b\"", "aAb" },
		{ "\"\\ud800\"", "\xef\xbf\xbd" },
		{ "\"\\ude00x\"", "\xef\xbf\xbdx" },
		{ "\"\\ud800\\u0041\"", "\xef\xbf\xbd"
					"A" },
		{ "\"\\ud800\\ud800\\udc00\"", "\xef\xbf\xbd\xf0\x90\x80\x80" },
		{ "\"\\u07ff\\u0800\\uffff\\u007f\\u0080\"",
		  "\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\x7f\xc2\x80" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = json_string(parse(rows[i].s));

		assert_string_equal(text, rows[i].text);
		assert_true(json_eq(parse(rows[i].s), rows[i].text));
		assert_false(json_eq(parse(rows[i].s), "other"));
		free(text);
	}
	assert_null(json_string(parse("1")));
	assert_false(json_eq(parse("1"), "1"));
	assert_false(json_eq(parse("\"a\\nb\""), "a\\nb"));
}

static void test_values(void **state)
{
	uint64_t u = 0;
	double d = 0;

	(void)state;
	assert_true(json_u64(parse("18446744073709551615"), &u));
	assert_true(u == UINT64_MAX);
	assert_true(json_u64(parse("\"42\""), &u));
	assert_int_equal(u, 42);
	assert_false(json_u64(parse("-1"), &u));
	assert_false(json_u64(parse("1.0"), &u));
	assert_false(json_u64(parse("\"\""), &u));
	assert_false(json_u64(parse("\"x\""), &u));
	assert_false(json_u64(parse("null"), &u));
	assert_true(json_double(parse("-1.5e3"), &d));
	assert_true(d == -1500);
	assert_false(json_double(parse("\"1\""), &d));
	assert_true(json_true(parse("true")));
	assert_false(json_true(parse("false")));
	assert_false(json_true(parse("\"true\"")));
}

/* Walking text that was trusted wrongly must stay inside it and end. */
static void walk_all(struct json v, int depth)
{
	struct json_iter it = json_iter(v);
	struct json key, val;
	struct buf b = BUF_INIT;
	uint64_t u;
	double d;

	json_put_decoded(&b, v);
	buf_free(&b);
	json_u64(v, &u);
	json_double(v, &d);
	json_true(v);
	while (json_next(&it, &key, &val)) {
		json_eq(key, "a");
		if (depth < 50) {
			walk_all(val, depth + 1);
		}
	}
	json_get(v, "b");
}

static void test_trust_anything(void **state)
{
	static const char *const seeds[] = {
		"{\"a\":1,\"b\":[true,{\"c\":\"d\\\"e\\u00e9\"}],\"f\":\"\\ud83d\\ude00\",\"g\":-1.5e3}",
		"[[[[\"\\\\\"]]],{},\"\"]",
		"\"\\",
		"{\"a\":",
		"{\"a\"",
		"{\"",
		"{,}",
		"[,,]",
		"{\"a\"::1}",
		"\"",
		"-",
		"[\"",
		"{\"a\":}",
		"[]]]",
		"{}}}",
		"\"\\u",
		"t",
		"[}",
		"{]",
		"\"\\u00",
		"\"a\"b",
	};
	static const char bytes[] = "{}[]\",:\\u0 1tn\n\xc3";

	(void)state;
	for (size_t i = 0; i < COUNT(seeds); i++) {
		const size_t n = strlen(seeds[i]);

		for (size_t cut = 0; cut <= n; cut++) {
			for (size_t c = 0; c < sizeof bytes; c++) {
				char *s = exact(seeds[i], cut);
				struct json v;

				if (c < cut) {
					s[(c * 7 + cut) % cut] = bytes[c];
				}
				walk_all(json_trust(s, cut), 0);
				json_parse(s, cut, &v, NULL);
				free(s);
			}
		}
	}
	assert_int_equal(json_trust("", 0).type, JSON_NONE);
	assert_int_equal(json_trust("  ", 2).type, JSON_NONE);
	assert_int_equal(json_trust("x", 1).type, JSON_NONE);
}

static void test_put(void **state)
{
	static const struct {
		const char *s, *json;
	} rows[] = {
		{ "", "\"\"" },
		{ "plain", "\"plain\"" },
		{ "a\"b\\c/", "\"a\\\"b\\\\c/\"" },
		{ "\b\f\n\r\t\x01\x1f\x7f", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"" },
		{ "\xc3\xa9\xf0\x9f\x98\x80", "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
		{ "\xff", "\"\xef\xbf\xbd\"" },
		{ "a\xc3", "\"a\xef\xbf\xbd\"" },
		{ "\xe2\x82x", "\"\xef\xbf\xbd\xef\xbf\xbdx\"" },
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	};
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		buf_clear(&b);
		json_puts(&b, rows[i].s);
		assert_string_equal(b.data, rows[i].json);
		parse(b.data);
	}
	buf_clear(&b);
	json_put(&b, "a\0b", 3);
	assert_string_equal(b.data, "\"a\\u0000b\"");
	buf_clear(&b);
	json_puts(&b, NULL);
	assert_string_equal(b.data, "null");
	buf_free(&b);
}

static void test_put_structure(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	json_put_sep(&b);
	buf_putc(&b, '{');
	json_put_key(&b, "a");
	buf_putc(&b, '[');
	for (int i = 0; i < 3; i++) {
		json_put_sep(&b);
		buf_put_u64(&b, (unsigned)i);
	}
	buf_putc(&b, ']');
	json_put_key(&b, "b\"");
	json_put_sep(&b);
	json_puts(&b, "x{");
	json_put_key(&b, "c");
	buf_puts(&b, "{");
	json_put_key(&b, "d");
	buf_puts(&b, "null}}");
	assert_string_equal(b.data, "{\"a\":[0,1,2],\"b\\\"\":\"x{\",\"c\":{\"d\":null}}");
	parse(b.data);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_get_each),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_trust_anything),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_put_structure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
