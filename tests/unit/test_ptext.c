/* SPDX-License-Identifier: MIT */
/* Placeholders, and the splitting of command lines: gen/text.c, gen/text_fill.c, gen/words.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gen/text.h"

static const char *const names[] = { "T", "f", "id", "xs" };
static const struct value values[] = {
	{ VALUE_NUMBER, "-2.5", 4 },
	{ VALUE_STRING, "data/a b.tar.gz", 15 },
	{ VALUE_NUMBER, "7", 1 },
	{ VALUE_LIST, "[1,\"x\"]", 7 },
};
static const char *const specials[SPECIAL_COUNT] = { "11",   "12", "/s c", "4", "2048",
						     "tabc", "99", "/k",   NULL };

static struct ptext *compile(struct arena *a, const char *text, size_t *at, struct err *e)
{
	return ptext_compile(a, text, strlen(text), names, 4,
			     SPECIAL_ALL & ~SPECIAL_BIT(SPECIAL_MEMORY), at, e);
}

static void test_fill(void **state)
{
	static const struct {
		const char *text, *filled;
	} rows[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "{T}", "-2.5" },
		{ "a{T}b{f}c", "a-2.5bdata/a b.tar.gzc" },
		{ "{{}}{{T}}", "{}{T}" },
		{ "{{{T}}}", "{-2.5}" },
		{ "{f:dir}|{f:name}|{f:stem}|{f:ext}", "data|a b.tar.gz|a b.tar|.gz" },
		{ "{id:03d} {id:3d} {id:d} {index:05d}", "007   7 7 00099" },
		{ "{T:.3f} {T:08.2f} {T:.1e} {T:g} {T:6g}",
		  "-2.500 -0002.50 -2.5e+00 -2.5   -2.5" },
		{ "{xs}", "[1,\"x\"]" },
		{ "{scratch}/x-{seed}-{seed64}-{cpus}-{task}", "/s c/x-11-12-4-tabc" },
		{ "{scratch:dir}", "/" },
		{ "{keep}/state", "/k/state" },
	};
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		struct buf b = BUF_INIT;
		struct ptext *t = compile(a, rows[i].text, NULL, &e);

		assert_string_equal(e.text, "");
		assert_int_equal(ptext_fill(t, values, specials, &b, &e), 0);
		assert_string_equal(buf_str(&b), rows[i].filled);
		assert_string_equal(ptext_source(t), rows[i].text);
		buf_free(&b);
	}
	arena_free(a);
}

static void test_paths(void **state)
{
	static const struct {
		const char *path, *pieces;
	} rows[] = {
		{ "a", ".|a|a|" },
		{ "/", "/|||" },
		{ "/a", "/|a|a|" },
		{ "a/b.c", "a|b.c|b|.c" },
		{ "a/b/", "a|b|b|" },
		{ "a//b.c", "a|b.c|b|.c" },
		{ ".bashrc", ".|.bashrc|.bashrc|" },
		{ "x/.a.b", "x|.a.b|.a|.b" },
		{ "a.", ".|a.|a|." },
		{ "../x.y", "..|x.y|x|.y" },
		{ "", ".|||" },
	};
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct value v[4] = { values[0],
				      { VALUE_STRING, rows[i].path, strlen(rows[i].path) },
				      values[2],
				      values[3] };
		struct buf b = BUF_INIT;
		struct ptext *t = compile(a, "{f:dir}|{f:name}|{f:stem}|{f:ext}", NULL, NULL);

		assert_int_equal(ptext_fill(t, v, specials, &b, NULL), 0);
		assert_string_equal(b.data, rows[i].pieces);
		buf_free(&b);
	}
	arena_free(a);
}

static void test_compile_errors(void **state)
{
	static const struct {
		const char *text, *message;
		size_t at;
	} rows[] = {
		{ "a{Tt}", "unknown parameter 'Tt' (did you mean 'T'?)", 1 },
		{ "ab{T", "'{' is not closed: write '{{' for a brace", 2 },
		{ "a}", "'}' closes nothing: write '}}' for a brace", 1 },
		{ "{}",
		  "a placeholder is a name in braces, as in '{T}': write '{{' and '}}' for braces",
		  0 },
		{ "{\"a\": 1}",
		  "a placeholder is a name in braces, as in '{T}': write '{{' and '}}' for braces",
		  0 },
		{ "{f:stm}", "no modifier 'stm' (did you mean 'stem'?)", 3 },
		{ "{f:}",
		  "no modifier '': there are dir, name, stem, ext, and formats such as 03d and .3f",
		  3 },
		{ "{id:0.3d}",
		  "no modifier '0.3d': there are dir, name, stem, ext, and formats such as 03d and .3f",
		  4 },
		{ "{id:09999d}",
		  "no modifier '09999d': there are dir, name, stem, ext, and formats such as 03d and .3f",
		  4 },
		{ "{T:%s}",
		  "no modifier '%s': there are dir, name, stem, ext, and formats such as 03d and .3f",
		  3 },
		{ "{rep}", "'{rep}' needs 'repeat:'", 0 },
		{ "{memory}", "'{memory}' cannot stand here", 0 },
		{ "{kep}", "unknown parameter 'kep' (did you mean 'keep'?)", 0 },
		{ "{sead}", "unknown parameter 'sead' (did you mean 'seed'?)", 0 },
	};
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		size_t at = 77;

		assert_null(compile(a, rows[i].text, &at, &e));
		assert_string_equal(e.text, rows[i].message);
		assert_int_equal(at, rows[i].at);
		assert_int_equal(e.kind, ERR_BAD);
	}
	arena_free(a);
}

static void test_fill_errors(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "{T:03d}", "'{T:03d}' wants an integer, and '-2.5' is none" },
		{ "{f:.3f}", "'{f:.3f}' wants a number, and 'data/a b.tar.gz' is none" },
		{ "{xs:stem}", "'{xs:stem}' wants text or a number, and '[1,\"x\"]' is none" },
		{ "a {launch}", "'{launch}' is not known here" }, /* a task without ranks */
	};
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		struct buf b = BUF_INIT;

		assert_int_equal(
			ptext_fill(compile(a, rows[i].text, NULL, NULL), values, specials, &b, &e),
			-1);
		assert_string_equal(e.text, rows[i].message);
		buf_free(&b);
	}
	arena_free(a);
}

static void test_questions(void **state)
{
	struct arena *a = arena_new();
	struct ptext *t = compile(a, "{f}/{seed}", NULL, NULL);

	(void)state;
	assert_true(ptext_uses(t, 1));
	assert_false(ptext_uses(t, 0));
	assert_false(ptext_uses(t, 99));
	assert_true(ptext_uses_special(t, SPECIAL_SEED));
	assert_false(ptext_uses_special(t, SPECIAL_SCRATCH));
	assert_false(ptext_is_constant(t));
	assert_int_equal(ptext_alone(t), -1);
	assert_int_equal(ptext_alone(compile(a, "{xs}", NULL, NULL)), 3);
	assert_int_equal(ptext_alone(compile(a, "{f:dir}", NULL, NULL)), -1);
	assert_int_equal(ptext_alone(compile(a, "{seed}", NULL, NULL)), -1);
	assert_true(ptext_alone_special(compile(a, "{launch}", NULL, NULL), SPECIAL_LAUNCH));
	assert_false(ptext_alone_special(compile(a, "{keep}", NULL, NULL), SPECIAL_LAUNCH));
	assert_false(ptext_alone_special(compile(a, "{launch:dir}", NULL, NULL), SPECIAL_LAUNCH));
	assert_false(ptext_alone_special(compile(a, "{launch} x", NULL, NULL), SPECIAL_LAUNCH));
	assert_false(ptext_alone_special(compile(a, "{xs}", NULL, NULL), SPECIAL_LAUNCH));
	assert_true(ptext_is_constant(compile(a, "x{{", NULL, NULL)));
	assert_true(ptext_is_constant(compile(a, "", NULL, NULL)));
	arena_free(a);
}

/* Words are shown as [word][word]. */
static void test_words(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "a b  c\n", "[a][b][c]" },
		{ "\n  a\tb ", "[a][b]" },
		{ "'a b' \"c d\" e\\ f", "[a b][c d][e f]" },
		{ "a'b'\"c\"d", "[abcd]" },
		{ "'' \"\" x", "[][][x]" },
		{ "a '|&;<>$*~()`?[#\n' b", "[a][|&;<>$*~()`?[#\n][b]" },
		{ "a \\| \\$ \\\\ \\'", "[a][|][$][\\][']" },
		{ "a \"\\$ \\` \\\\ \\\" \\n\"", "[a][$ ` \\ \" \\n]" },
		{ "a \\\n  b\\\nc", "[a][bc]" },
		{ "a#b x=1 --y=2", "[a#b][x=1][--y=2]" },
		{ "run {f} '{T}' \"{id:03d}\" {{x}}", "[run][data/a b.tar.gz][-2.5][007][{x}]" },
		{ "'A=1' b", "[A=1][b]" },
		{ "p --T={T} --o={scratch}/x.csv", "[p][--T=-2.5][--o=/s c/x.csv]" },
	};
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		struct buf b = BUF_INIT;
		struct words w;

		assert_int_equal(words_split(a, rows[i].text, strlen(rows[i].text), names, 4,
					     SPECIAL_ALL, &w, NULL, &e),
				 0);
		for (size_t k = 0; k < w.n; k++) {
			buf_putc(&b, '[');
			assert_int_equal(ptext_fill(w.items[k], values, specials, &b, &e), 0);
			buf_putc(&b, ']');
		}
		assert_string_equal(buf_str(&b), rows[i].words);
		buf_free(&b);
	}
	arena_free(a);
}

static void test_words_errors(void **state)
{
	static const struct {
		const char *text, *message; /* message: how it begins */
		size_t at;
	} rows[] = {
		{ "", "the command is empty", 0 },
		{ " \n", "the command is empty", 2 },
		{ "a | b",
		  "unquoted '|' is for a shell (a pipe), and none runs here: quote it, or use shell:",
		  2 },
		{ "a > b", "unquoted '>' is for a shell (a redirection)", 2 },
		{ "a *.c", "unquoted '*' is for a shell (a pattern)", 2 },
		{ "a $x", "unquoted '$'", 2 },
		{ "a `x`", "unquoted '`'", 2 },
		{ "a ~/x", "unquoted '~'", 2 },
		{ "a (b)", "unquoted '('", 2 },
		{ "a && b", "unquoted '&'", 2 },
		{ "a; b", "unquoted ';'", 1 },
		{ "a x?", "unquoted '?'", 3 },
		{ "a [x]", "unquoted '['", 2 },
		{ "a # b", "unquoted '#' is for a shell (a comment)", 2 },
		{ "a \"$x\"", "'$' within double quotes", 3 },
		{ "a \"`x`\"", "'`' within double quotes", 3 },
		{ "a\nb", "a command is one line: fold it with '>-', or use shell:", 1 },
		{ "a 'b", "a single quote is not closed", 2 },
		{ "a \"b", "a double quote is not closed", 2 },
		{ "a \\", "a backslash at the end quotes nothing", 2 },
		{ "A=1 b",
		  "'A=' in front of a command sets a variable in a shell, and none runs here: use env:",
		  0 },
		{ "a 'x' \"y{Tt}\"", "unknown parameter 'Tt'", 8 },
		{ "a { T }", "'{' is not closed", 2 },
	};
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		struct words w;
		size_t at = 77;

		assert_int_equal(words_split(a, rows[i].text, strlen(rows[i].text), names, 4,
					     SPECIAL_ALL, &w, &at, &e),
				 -1);
		if (strncmp(e.text, rows[i].message, strlen(rows[i].message)) != 0)
			assert_string_equal(e.text, rows[i].message);
		assert_int_equal(at, rows[i].at);
	}
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fill),           cmocka_unit_test(test_paths),
		cmocka_unit_test(test_compile_errors), cmocka_unit_test(test_fill_errors),
		cmocka_unit_test(test_questions),      cmocka_unit_test(test_words),
		cmocka_unit_test(test_words_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
