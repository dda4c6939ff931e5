/* SPDX-License-Identifier: MIT */
/* Values: types by looks, lists as text, JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gen/value.h"

static struct node scalar(const char *text, bool quoted)
{
	return (struct node){ .kind = NODE_SCALAR,
			      .quoted = quoted,
			      .line = 3,
			      .col = 5,
			      .origin = "s.yaml",
			      .text = text,
			      .len = strlen(text) };
}

static void test_types(void **state)
{
	static const struct {
		const char *text;
		enum value_type type;
	} rows[] = {
		{ "1", VALUE_NUMBER },        { "-0.5", VALUE_NUMBER },
		{ ".5", VALUE_NUMBER },       { "3.", VALUE_NUMBER },
		{ "1e-3", VALUE_NUMBER },     { "3.10", VALUE_NUMBER },
		{ "+7", VALUE_NUMBER },       { "010", VALUE_STRING },
		{ "0x1F", VALUE_STRING },     { "1_000", VALUE_STRING },
		{ ".inf", VALUE_STRING },     { "nan", VALUE_STRING },
		{ "", VALUE_STRING },         { "no", VALUE_STRING },
		{ "yes", VALUE_STRING },      { "true", VALUE_BOOL },
		{ "True", VALUE_BOOL },       { "FALSE", VALUE_BOOL },
		{ "tRue", VALUE_STRING },     { "10:00:00", VALUE_STRING },
		{ "adam sgd", VALUE_STRING }, { "1 ", VALUE_STRING },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(value_type_of(rows[i].text, strlen(rows[i].text)), rows[i].type);
}

static void test_scalars(void **state)
{
	static const struct {
		const char *text;
		bool quoted;
		enum value_type type; /* 0: refused */
	} rows[] = {
		{ "3.10", false, VALUE_NUMBER },
		{ "3.10", true, VALUE_STRING },
		{ "true", false, VALUE_BOOL },
		{ "true", true, VALUE_STRING },
		{ "null", true, VALUE_STRING },
		{ "", true, VALUE_STRING },
		{ "null", false, 0 },
		{ "~", false, 0 },
		{ "", false, 0 },
		{ "Null", false, 0 },
		{ "\xff", false, 0 },
	};
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct node n = scalar(rows[i].text, rows[i].quoted);
		struct diags *d = diags_new();
		struct value v;
		int rc = value_from_node(a, &n, &v, d);

		assert_int_equal(rc, rows[i].type ? 0 : -1);
		assert_int_equal(diags_errors(d), rows[i].type ? 0 : 1);
		if (!rc) {
			assert_int_equal(v.type, rows[i].type);
			assert_string_equal(v.text, rows[i].text);
		} else {
			assert_ptr_equal(strstr(diags_text(d), "s.yaml:3:5: "), diags_text(d));
		}
		diags_free(d);
	}
	arena_free(a);
}

static void test_lists(void **state)
{
	struct node items[] = { scalar("1e3", false),  scalar("a \"b\"", false),
				scalar("True", false), scalar("7", true),
				scalar(".5", false),   scalar("", true) };
	struct node *list[] = { &items[0], &items[1], &items[2], &items[3], &items[4], &items[5] };
	static const char letters[] = "nsbsns";
	static const char *const texts[] = { "1e3", "a \"b\"", "true", "7", ".5", "" };
	struct node seq = {
		.kind = NODE_SEQ, .line = 1, .col = 1, .origin = "s", .items = list, .n = 6
	};
	struct node map = { .kind = NODE_MAP, .line = 1, .col = 1, .origin = "s" };
	struct arena *a = arena_new();
	struct diags *d = diags_new();
	struct buf room = BUF_INIT, json = BUF_INIT;
	struct value v, item;
	size_t at = 0, n = 0;

	(void)state;
	assert_int_equal(value_from_node(a, &seq, &v, d), 0);
	assert_int_equal(v.type, VALUE_LIST);
	assert_string_equal(v.text, "[1e3,\"a \\\"b\\\"\",true,\"7\",.5,\"\"]");
	for (; value_list_next(&v, &at, &room, &item); n++) {
		assert_int_equal(item.type, letters[n]);
		assert_string_equal(item.text, texts[n]);
	}
	assert_int_equal(n, 6);
	value_put_json(&json, &v);
	assert_string_equal(json.data, "[1e3,\"a \\\"b\\\"\",true,\"7\",0.5,\"\"]");
	seq.n = 0;
	assert_int_equal(value_from_node(a, &seq, &v, d), 0);
	assert_string_equal(v.text, "[]");
	at = 0;
	assert_false(value_list_next(&v, &at, &room, &item));
	assert_int_equal(value_from_node(a, &map, &v, d), -1);
	list[0] = &map;
	seq.n = 1;
	assert_int_equal(value_from_node(a, &seq, &v, d), -1);
	buf_free(&room);
	buf_free(&json);
	diags_free(d);
	arena_free(a);
}

static void test_json(void **state)
{
	static const struct {
		const char *text, *json;
		enum value_type type;
	} rows[] = {
		{ "1", "1", VALUE_NUMBER },          { "3.10", "3.10", VALUE_NUMBER },
		{ "+1", "1", VALUE_NUMBER },         { ".5", "0.5", VALUE_NUMBER },
		{ "-.5e3", "-0.5e3", VALUE_NUMBER }, { "3.", "3", VALUE_NUMBER },
		{ "+3.e5", "3e5", VALUE_NUMBER },    { "True", "true", VALUE_BOOL },
		{ "FALSE", "false", VALUE_BOOL },    { "a\"\n", "\"a\\\"\\n\"", VALUE_STRING },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct value v = { rows[i].type, rows[i].text, strlen(rows[i].text) };
		struct buf b = BUF_INIT;

		value_put_json(&b, &v);
		assert_string_equal(b.data, rows[i].json);
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
