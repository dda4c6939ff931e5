/* SPDX-License-Identifier: MIT */
/* The tree of a YAML text, what is refused in it, and --set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "gen/yaml.h"

/* The tree on one line: texts in quotes where they were quoted, each scalar and collection followed
 * by @line:col when asked. */
static void dump(struct buf *b, const struct node *n, int places)
{
	const char *sep = "";

	if (n->kind == NODE_SCALAR) {
		buf_printf(b, n->quoted ? "\"%s\"" : "%s", n->text);
	} else {
		buf_putc(b, n->kind == NODE_MAP ? '{' : '[');
		for (size_t i = 0; i < n->n; i++, sep = ", ") {
			buf_puts(b, sep);
			if (n->kind == NODE_MAP) {
				dump(b, n->keys[i], places);
				buf_puts(b, ": ");
			}
			dump(b, n->items[i], places);
		}
		buf_putc(b, n->kind == NODE_MAP ? '}' : ']');
	}
	if (places)
		buf_printf(b, "@%d:%d", n->line, n->col);
}

struct row {
	const char *text;
	size_t len; /* 0: strlen */
	const char *want;
	int places;
};

static const struct row good[] = {
	{ "a: 1", 0, "{a: 1}", 0 },
	{ "v: 3.10\nw: no\nx: 010\ny: 1e-3\nz: 10:00:00", 0,
	  "{v: 3.10, w: no, x: 010, y: 1e-3, z: 10:00:00}", 0 },
	{ "a: 'it''s'\nb: \"t\\tb\"\nc: |\n  x\n  y\nd: >\n  x\n  y\n", 0,
	  "{a: \"it's\", b: \"t\tb\", c: \"x\ny\n\", d: \"x y\n\"}", 0 },
	{ "a: [1, [2, {b: c}]]\nd:\n  - e\n  -\n    f: g\n", 0,
	  "{a: [1, [2, {b: c}]], d: [e, {f: g}]}", 0 },
	{ "a: [1, 2]\nb:\n  c: x y\n", 0,
	  "{a@1:1: [1@1:5, 2@1:8]@1:4, b@2:1: {c@3:3: x y@3:6}@3:3}@1:1", 1 },
	{ "\xef\xbb\xbf\xc3\xa9: \xc3\xa9\xc3\xa9", 0, "{\xc3\xa9@1:1: \xc3\xa9\xc3\xa9@1:4}@1:1",
	  1 },
	{ "a: &x [1, 2]\nb: *x\n", 0, "{a: [1, 2], b: [1, 2]}", 0 },
	{ "a: &x 1\nb: &x 2\nc: *x\n", 0, "{a: 1, b: 2, c: 2}", 0 },
	{ "a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3, r: 4}\n", 0,
	  "{a: {p: 1, q: 2}, b: {p: 1, q: 3, r: 4}}", 0 },
	{ "a: &x {p: 1}\nb: &y {p: 2, q: 2}\nc: {z: 0, <<: [*x, *y]}\n", 0,
	  "{a: {p: 1}, b: {p: 2, q: 2}, c: {z: 0, p: 1, q: 2}}", 0 },
	{ "'<<': 1", 0, "{\"<<\": 1}", 0 },
	{ "a: !!str 1\nb: ! 2\n", 0, "{a: \"1\", b: \"2\"}", 0 },
	{ "%YAML 1.2\n---\na:\nb: ~\n...\n", 0, "{a: , b: ~}", 0 },
	{ "a: 1\r\nb: 2\r\n", 0, "{a@1:1: 1@1:4, b@2:1: 2@2:4}@1:1", 1 },
	{ "a: \"\\u20ac\"\n", 0, "{a: \"\xe2\x82\xac\"}", 0 },
	{ "- a\n- b\n", 0, "[a, b]", 0 },
	{ "just text", 0, "just text", 0 },
	{ "{a: 1, b: [x,y], }", 0, "{a: 1, b: [x, y]}", 0 },
	{ "a:\n- 1\n- 2\n", 0, "{a: [1, 2]}", 0 },
};

static const struct row bad[] = {
	{ "", 0, "f:1:1: there is nothing in it\n", 0 },
	{ "# only a comment\n", 0, "f:1:1: there is nothing in it\n", 0 },
	{ "a: 1\nb: 2\na: 3\n", 0, "f:3:1: the key 'a' is here twice: first in line 1\n", 0 },
	{ "a: 1\na: 2\nb: {c: 1, c: 2}\n", 0,
	  "f:2:1: the key 'a' is here twice: first in line 1\nf:3:11: the key 'c' is here twice: "
	  "first in line 3\n",
	  0 },
	{ "? [a]\n: 1\n", 0,
	  "f:1:3: a key must be text: a value that begins with '[' must be in quotes\n", 0 },
	{ "a: 1\n---\nb: 2\n", 0,
	  "f:2:1: a second document begins here: one file is one document\n", 0 },
	{ "a: !!int 1\n", 0, "f:1:4: the tag 'int' is not known here: only '!!str' is\n", 0 },
	{ "a: !mine [1]\n", 0, "f:1:4: the tag '!mine' is not known here: only '!!str' is\n", 0 },
	{ "a: *x\n", 0, "f:1:4: no anchor '&x' stands in front of '*x'\n", 0 },
	{ "a: &x [1, *x]\n", 0, "f:1:11: '*x' stands within what it means\n", 0 },
	{ "a: {<<: 1}\n", 0, "f:1:5: '<<' wants a mapping, or a list of mappings, to merge in\n",
	  0 },
	{ "a:\n\tb: 1\n", 0, "f:2:1: a tab cannot indent in YAML: use spaces\n", 0 },
	{ "a: @x\n", 0, "f:1:4: a value cannot begin with '@': put it in quotes\n", 0 },
	{ "a: echo b: c\n", 0,
	  "f:1:10: ': ' cannot stand in plain text: put the whole value in quotes\n", 0 },
	{ "a: 1\n  b: 2\n", 0,
	  "f:2:4: this line goes on with the value above it: check the indentation\n", 0 },
	{ "a:1\nb: 2\n", 0, "f:1:1: a blank must follow the colon: write 'a: '\n", 0 },
	{ "a: 1\nb\nc: 2\n", 0,
	  "f:2:1: a ':' is missing here: each line of a mapping is 'key: value'\n", 0 },
	{ "a: {s} -x\n", 0,
	  "f:1:8: text follows '}': a value that begins with '{' must be in quotes as a whole\n",
	  0 },
	{ "a: [s] -x\n", 0,
	  "f:1:8: text follows ']': a value that begins with '[' must be in quotes as a whole\n",
	  0 },
	{ "a: \"s\" x\n", 0,
	  "f:1:8: text follows a closing quote: put the whole value in quotes of the other kind\n",
	  0 },
	{ "a: \"\\d\"\n", 0,
	  "f:1:5: '\\d' means nothing in double quotes: use single quotes, in which a backslash "
	  "is a backslash\n",
	  0 },
	{ "a: 1\nb: \"x\n", 0, "f:2:4: the quote that opens here is not closed\n", 0 },
	{ "a: [1, 2\nb: 3\n", 0, "f:2:2: '[' of 1:4 is not closed: ',' or ']' was expected here\n",
	  0 },
	{ "a: {b: 1\n", 0, "f:2:1: '{' of 1:4 is not closed: ',' or '}' was expected here\n", 0 },
	{ "a:\n  b: 1\n c: 2\n", 0, "f:3:2: a key was expected here: check the indentation\n", 0 },
	{ "a: - 1\n", 0,
	  "f:1:4: '- ' cannot begin a list here: put it on a line of its own, or write [a, b]\n",
	  0 },
	{ "a: 1\0b: 2", 9, "f:1:5: a NUL byte is here: a spec is UTF-8 text\n", 0 },
	{ "a: 1\nb: x\x01\n", 0,
	  "f:2:5: the control character \\x01 is here: write \"\\x01\" in double quotes\n", 0 },
	{ "a: \xc3(\n", 0, "f:1:4: not UTF-8: the byte \\xc3 is here\n", 0 },
	{ "a: \"x\\0y\"\n", 0, "f:1:4: a text cannot hold a NUL character\n", 0 },
	{ "a: 1\nb: x\xe2\x80\xa8y\n", 0,
	  "f:2:5: U+2028 ends a line for some readers of YAML: write \"\\L\" in double quotes\n",
	  0 },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct arena *a = arena_new();
		struct diags *d = diags_new();
		struct buf b = BUF_INIT;
		const struct node *n = yaml_parse(a, good[i].text, strlen(good[i].text), "f", d);

		if (!n)
			fail_msg("row %zu: %s", i, diags_text(d));
		dump(&b, n, good[i].places);
		assert_string_equal(buf_str(&b), good[i].want);
		buf_free(&b);
		diags_free(d);
		arena_free(a);
	}
}

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct arena *a = arena_new();
		struct diags *d = diags_new();
		const size_t len = bad[i].len ? bad[i].len : strlen(bad[i].text);

		assert_null(yaml_parse(a, bad[i].text, len, "f", d));
		assert_string_equal(diags_text(d), bad[i].want);
		diags_free(d);
		arena_free(a);
	}
}

static void refuse(const struct buf *b, const char *want)
{
	struct arena *a = arena_new();
	struct diags *d = diags_new();

	assert_null(yaml_parse(a, b->data, b->len, "f", d));
	assert_non_null(strstr(diags_text(d), want));
	diags_free(d);
	arena_free(a);
}

static void test_limits(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_putc(&b, '[');
	refuse(&b, "nested too deeply: more than 100 levels");
	buf_clear(&b);
	buf_puts(&b, "x0: &x0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
	for (int i = 1; i < 9; i++) {
		buf_printf(&b, "x%d: &x%d [", i, i);
		for (int k = 0; k < 10; k++)
			buf_printf(&b, "%s*x%d", k ? ", " : "", i - 1);
		buf_puts(&b, "]\n");
	}
	refuse(&b, "too large: more than 2000000 values, aliases counted where they stand");
	buf_clear(&b);
	buf_room(&b, YAML_BYTES_MAX + 1);
	memset(b.data, 'x', YAML_BYTES_MAX + 1);
	b.len = YAML_BYTES_MAX + 1;
	refuse(&b, "f: too large: more than 64 MiB");
	buf_free(&b);
}

/* 100,000 keys and anchors: no step may be quadratic. */
static void test_many(void **state)
{
	struct arena *a = arena_new();
	struct diags *d = diags_new();
	struct buf b = BUF_INIT;
	const struct node *n;

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_printf(&b, "k%d: &a%d v\n", i, i);
	buf_puts(&b, "last: *a500\n");
	n = yaml_parse(a, b.data, b.len, "f", d);
	assert_non_null(n);
	assert_int_equal(n->n, 100001);
	assert_string_equal(node_get(n, "last")->text, "v");
	assert_null(node_get(n, "absent"));
	buf_free(&b);
	diags_free(d);
	arena_free(a);
}

static const struct {
	const char *text, *key, *value, *want; /* want: the tree, or "!" and the complaint */
} sets[] = {
	{ "a: 1", "a", "2", "{a: 2}" },
	{ "a: 1", "b.c.d", "[1, x]", "{a: 1, b: {c: {d: [1, x]}}}" },
	{ "a: {b: 1}", "a.b", "'q'", "{a: {b: \"q\"}}" },
	{ "a: {b: 1}", "a.c", "3.10", "{a: {b: 1, c: 3.10}}" },
	{ "a:\n", "a.b", "1", "{a: {b: 1}}" },
	{ "a: 1", "a", "", "{a: }" },
	{ "a: 1", "a", "null", "{a: null}" },
	{ "a: [1, {b: 2}]", "a.1.b", "3", "{a: [1, {b: 3}]}" },
	{ "a: [1, 2]", "a.0", "3", "{a: [3, 2]}" },
	{ "a: &x {p: 1}\nb: *x\n", "b.p", "2", "{a: {p: 1}, b: {p: 2}}" },
	{ "a: 1", "a", "x=y", "{a: x=y}" },
	{ "a: 1", "a.b", "2", "!--set a.b: 'a' is a number and has no keys\n" },
	{ "a: [1]", "a.1", "2", "!--set a.1: the list has no item '1': they count from 0\n" },
	{ "a: [1]", "a.x.y", "2", "!--set a.x.y: the list has no item 'x': they count from 0\n" },
	{ "a: 1", "a..b", "2",
	  "!--set a..b: a name is missing in the key: write KEY=VALUE, as in "
	  "resources.memory=4G\n" },
	{ "a: 1", "a", "[1",
	  "!--set a:2:1: '[' of 1:1 is not closed: ',' or ']' was expected here\n" },
};

static void test_set(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
		struct arena *a = arena_new();
		struct diags *d = diags_new();
		struct buf b = BUF_INIT;
		struct node *n = yaml_parse(a, sets[i].text, strlen(sets[i].text), "f", d);

		assert_non_null(n);
		if (yaml_set(a, n, sets[i].key, sets[i].value, d)) {
			buf_printf(&b, "!%s", diags_text(d));
		} else {
			dump(&b, n, 0);
		}
		assert_string_equal(buf_str(&b), sets[i].want);
		buf_free(&b);
		diags_free(d);
		arena_free(a);
	}
}

static void test_pos(void **state)
{
	static const char text[] = "a: x{y\nb: \"x{y\"\nc: |\n  x{y\nd: x\n  {y\n";
	static const struct {
		const char *key;
		int line, col;
	} rows[] = { { "a", 1, 5 }, { "b", 2, 6 }, { "c", 3, 4 }, { "d", 5, 4 } };
	struct arena *a = arena_new();
	struct diags *d = diags_new();
	const struct node *n = yaml_parse(a, text, strlen(text), "f", d);
	int line, col;

	(void)state;
	assert_non_null(n);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		node_pos(node_get(n, rows[i].key), 1, &line, &col);
		assert_int_equal(line, rows[i].line);
		assert_int_equal(col, rows[i].col);
	}
	diags_free(d);
	arena_free(a);
}

static void test_cut(void **state)
{
	static const char text[] = "a: x #y\nb: x # y\nc: 'x' #y\nd: x#y\ne: {f: x #y\n}\n";
	struct arena *a = arena_new();
	struct diags *d = diags_new();
	const struct node *n = yaml_parse(a, text, strlen(text), "f", d);

	(void)state;
	assert_non_null(n);
	assert_true(node_get(n, "a")->cut);
	assert_false(node_get(n, "b")->cut);
	assert_false(node_get(n, "c")->cut);
	assert_false(node_get(n, "d")->cut);
	assert_true(node_get(node_get(n, "e"), "f")->cut);
	diags_free(d);
	arena_free(a);
}

static void test_kind(void **state)
{
	static const char text[] = "- {}\n- []\n- x\n- 1\n- true\n- ~\n- ''\n-\n";
	static const char *const want[] = { "a mapping",     "a list",  "text", "a number",
					    "true or false", "nothing", "text", "nothing" };
	struct arena *a = arena_new();
	struct diags *d = diags_new();
	const struct node *n = yaml_parse(a, text, strlen(text), "f", d);

	(void)state;
	assert_non_null(n);
	for (size_t i = 0; i < n->n; i++)
		assert_string_equal(node_kind_name(n->items[i]), want[i]);
	diags_free(d);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),   cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_many),
		cmocka_unit_test(test_set),    cmocka_unit_test(test_pos),
		cmocka_unit_test(test_cut),    cmocka_unit_test(test_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
