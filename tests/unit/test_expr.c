/* SPDX-License-Identifier: MIT */
/* The expression language: outcomes, faults and where they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gen/expr.h"

static const char *const names[] = { "T", "L", "code", "opt", "xs", "on", "big" };
#define N_NAMES (sizeof names / sizeof *names)
static const struct value values[N_NAMES] = {
	{ VALUE_NUMBER, "2.5", 3 },           { VALUE_NUMBER, "16", 2 },
	{ VALUE_STRING, "wolff", 5 },         { VALUE_STRING, "\xc3\xa4", 2 },
	{ VALUE_LIST, "[1,\"a\",true]", 12 }, { VALUE_BOOL, "True", 4 },
	{ VALUE_NUMBER, "1e308", 5 },
};

static struct expr *compile(const char *text, size_t *at, struct err *e)
{
	return expr_compile(text, strlen(text), names, N_NAMES, at, e);
}

static void test_outcomes(void **state)
{
	static const struct {
		const char *text;
		int outcome;
	} rows[] = {
		{ "true", 1 },
		{ "false", 0 },
		{ "not true", 0 },
		{ "on", 1 },
		{ "not on", 0 },
		{ "not not on", 1 },
		{ "T == 2.5", 1 },
		{ "T == 2.50", 1 },
		{ "T != 2.5", 0 },
		{ "T < 3", 1 },
		{ "T <= 2.5", 1 },
		{ "T > 2.5", 0 },
		{ "T >= 2.5", 1 },
		{ "16.0 == L", 1 },
		{ "L == '16'", 0 },
		{ "L != '16'", 1 },
		{ "code == 'wolff'", 1 },
		{ "code == \"wolff\"", 1 },
		{ "code < 'wolfg'", 1 },
		{ "code < 'wolffe'", 1 },
		{ "code > 'wolf'", 1 },
		{ "code >= 'wolff'", 1 },
		{ "not (code == 'wolff' and L == 16)", 0 },
		{ "code == 'x' or L == 16", 1 },
		{ "true or false and false", 1 },
		{ "(true or false) and false", 0 },
		{ "not false and true", 1 },
		{ "false and 1/L > 'x'", 0 },
		{ "true or T > 'x'", 1 },
		{ "false or false or on", 1 },
		{ "1 + 2 * 3 == 7", 1 },
		{ "(1 + 2) * 3 == 9", 1 },
		{ "10 - 2 - 3 == 5", 1 },
		{ "2 ** 3 ** 2 == 512", 1 },
		{ "-2 ** 2 == -4", 1 },
		{ "2 ** -1 == 0.5", 1 },
		{ "- - 2 == 2", 1 },
		{ "+T == T", 1 },
		{ "-T == -2.5", 1 },
		{ "7 % 3 == 1", 1 },
		{ "-7 % 3 == 2", 1 },
		{ "7 % -3 == -2", 1 },
		{ "-7 // 3 == -3", 1 },
		{ "7 // 3 == 2", 1 },
		{ "-6 // 3 == -2", 1 },
		{ "1 // 0.1 == 9", 1 },
		{ "5.5 % 2 == 1.5", 1 },
		{ "7 / 2 == 3.5", 1 },
		{ ".5 + 3. == 3.5", 1 },
		{ "1e3 == 1000", 1 },
		{ "L*2==32", 1 },
		{ "T*-1 == -2.5", 1 },
		{ "code in ['metro', 'wolff']", 1 },
		{ "code not in ['metro']", 1 },
		{ "L in [8, 16.0]", 1 },
		{ "L in []", 0 },
		{ "'olf' in code", 1 },
		{ "'x' in code", 0 },
		{ "'' in code", 1 },
		{ "not 'x' in code", 1 },
		{ "'a' in xs", 1 },
		{ "1 in xs", 1 },
		{ "true in xs", 1 },
		{ "'1' in xs", 0 },
		{ "xs == [1, 'a', true]", 1 },
		{ "xs == [1, 'a']", 0 },
		{ "[1,[2]] == [1.0,[2]]", 1 },
		{ "[T] == [2.5]", 1 },
		{ "len([T, L]) == 2", 1 },
		{ "'a' + code == 'awolff'", 1 },
		{ "code + '' == code", 1 },
		{ "'it\\'s' == \"it's\"", 1 },
		{ "len('a\\n\\t\\\\') == 4", 1 },
		{ "abs(-3) == 3", 1 },
		{ "floor(2.7) == 2", 1 },
		{ "floor(-2.5) == -3", 1 },
		{ "ceil(T) == 3", 1 },
		{ "round(T) == 3", 1 },
		{ "round(-2.5) == -3", 1 },
		{ "sqrt(L) == 4", 1 },
		{ "exp(0) == 1", 1 },
		{ "log(exp(1)) == 1", 1 },
		{ "log2(L) == 4", 1 },
		{ "log10(1000) == 3", 1 },
		{ "min(3, T, 9) == 2.5", 1 },
		{ "max([1, 7, 3]) == 7", 1 },
		{ "max(T) == 2.5", 1 },
		{ "len(code) == 5", 1 },
		{ "len(opt) == 1", 1 },
		{ "len(xs) == 3", 1 },
		{ "startswith(code, 'wo')", 1 },
		{ "startswith('w', code)", 0 },
		{ "endswith(code, 'ff')", 1 },
		{ "matches(code, '^w.*f$')", 1 },
		{ "matches(code, 'olf')", 1 },
		{ "matches(code, '^olf')", 0 },
		{ "matches(opt, '^.$')", 1 },
		{ "matches(code, 'w' + 'o')", 1 },
		{ "matches(code, text(L) + '|wo')", 1 },
		{ "number('1e2') == 100", 1 },
		{ "number(T) == T", 1 },
		{ "number('008') == 8 and number('0') == 0", 1 },
		{ "text(T) == '2.5'", 1 },
		{ "text(T + 0.1) == '2.6'", 1 },
		{ "text(on) == 'True'", 1 },
		{ "text(1 < 2) == 'true'", 1 },
		{ "text(code) == code", 1 },
		{ "text(1/3) == '0.3333333333333333'", 1 },
		{ "on == (1 < 2)", 1 },
		{ "big * 10 > big", 1 },
		{ "(on)", 1 },
		{ "\t T\n== 2.5 ", 1 },
		{ "true == on", 1 },
		{ "L % 16 == 0 and T < 3 and len(code) > 4", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		struct operand operands[N_NAMES];
		const struct operand *refs[N_NAMES];
		struct expr *x = compile(rows[i].text, NULL, &e);

		for (size_t k = 0; k < N_NAMES; k++) {
			operand_of(&values[k], &operands[k]);
			refs[k] = &operands[k];
		}
		if (!x)
			fail_msg("%s: %s", rows[i].text, e.text);
		if (expr_test(x, values, &e) != rows[i].outcome)
			fail_msg("%s: not %d %s", rows[i].text, rows[i].outcome, e.text);
		assert_int_equal(expr_test_operands(x, refs, &e), rows[i].outcome);
		expr_free(x);
	}
}

static void test_faults(void **state)
{
	static const struct {
		const char *text;
		size_t at;
		const char *message;
	} rows[] = {
		{ "", 0, "the expression is empty" },
		{ "cdoe == 1", 0, "unknown parameter 'cdoe' (did you mean 'code'?)" },
		{ "L == wolfram", 5, "unknown parameter 'wolfram': put text in quotes" },
		{ "L = 1", 2, "'=' compares nothing: write '=='" },
		{ "L == 1 && on", 7, "'&&' is not known: write 'and'" },
		{ "L == 1 & on", 7, "'&' is not known: write 'and'" },
		{ "on || on", 3, "'||' is not known: write 'or'" },
		{ "!on", 0, "'!' is not known: write 'not'" },
		{ "L <> 1", 2, "'<>' is not known: write '!='" },
		{ "L ^ 2 == 1", 2, "'^' is not known: write '**' for a power" },
		{ "{L} == 1", 0, "braces have no place here: write a parameter's name as it is" },
		{ "$L == 1", 0, "'$' has no place here: write a parameter's name as it is" },
		{ "on == True", 6, "write 'true' in lower case" },
		{ "L is 1", 2, "an operator is missing in front of 'is'" },
		{ "L == 010", 5, "'010' is no number" },
		{ "L == 1x", 5, "'1x' is no number" },
		{ "code == 'x", 8, "the quote is not closed" },
		{ "code == 'x\\d'", 10,
		  "a backslash in text goes before one of \\ ' \" n t: write '\\\\' for itself" },
		{ "L == 1 L", 7, "an operator is missing in front of 'L'" },
		{ "L ==", 4, "the expression ends too early" },
		{ "(L == 1", 7, "a ')' is missing" },
		{ "L == 1)", 6, "an operator is missing in front of ')'" },
		{ "L in [1, 2", 10, "a ']' is missing" },
		{ "L in [1 2]", 8, "a ']' is missing" },
		{ "* 2", 0, "'*' has nothing in front" },
		{ "and on", 0, "'and' has nothing in front" },
		{ "L not 1", 2, "'not' after a value wants 'in'" },
		{ "1 < T < 3", 6, "comparisons cannot be chained: write 'a < b and b < c'" },
		{ "sqr(L) == 1", 0, "unknown function 'sqr' (did you mean 'sqrt'?)" },
		{ "qqqq(L) == 1", 0, "unknown function 'qqqq'" },
		{ "sqrt() == 1", 0, "'sqrt' takes 1 argument, and here are 0" },
		{ "startswith(code)", 0, "'startswith' takes 2 arguments, and here are 1" },
		{ "min() == 1", 0, "'min' takes 1 to 16 arguments, and here are 0" },
		{ "matches(code, '(')", 14,
		  "the pattern '(' is wrong at character 2: missing closing parenthesis" },
		{ "1 < 'a'", 2, "'<' wants two numbers or two texts, not a number and text" },
		{ "L * 'a' == 1", 4, "'*' wants two numbers" },
		{ "L and on", 99, NULL }, /* L's type is known only by value */
		{ "1 and on", 0, "'and' wants true or false" },
		{ "on or L + 1", 8, "'or' wants true or false" },
		{ "not 5", 4, "'not' wants true or false" },
		{ "not L + 1", 6, "'not' wants true or false" },
		{ "L + 1", 2, "the outcome must be true or false: compare with something" },
		{ "'x'", 0, "the outcome must be true or false: compare with something" },
		{ "1 / 0 == 1", 2, "division by zero" },
		{ "1 // 0 == 1", 2, "division by zero" },
		{ "1 % 0 == 1", 2, "division by zero" },
		{ "sqrt(-1) == 1", 0, "the outcome of 'sqrt' is no number" },
		{ "log(0) == 1", 0, "the outcome of 'log' is no number" },
		{ "(-8) ** 0.5 == 1", 5, "the outcome of '**' is no number" },
		{ "number('x') == 1", 0, "'x' is no number" },
		{ "L == \xc3\xa4", 5, "'\xc3\xa4' has no place here" },
		{ "L.x == 1", 1, "'.' has no place here" },
		{ "min([]) == 1", 0, "'min' of an empty list" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		size_t at = 99;
		struct expr *x = compile(rows[i].text, &at, &e);

		if (!rows[i].message) {
			assert_non_null(x);
			expr_free(x);
			continue;
		}
		if (x)
			fail_msg("%s: compiled", rows[i].text);
		assert_string_equal(e.text, rows[i].message);
		if (at != rows[i].at)
			fail_msg("%s: at %zu, not %zu", rows[i].text, at, rows[i].at);
	}
}

static void test_faults_by_value(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "L >= 'a'", "'>=' wants two numbers or two texts, not 'L' (a number) and text" },
		{ "code > 1",
		  "'>' wants two numbers or two texts, not 'code' (text) and a number" },
		{ "L and on", "'and' wants true or false, not 'L' (a number)" },
		{ "on and (false or code)", "'or' wants true or false, not 'code' (text)" },
		{ "not L", "'not' wants true or false, not 'L' (a number)" },
		{ "L", "the outcome is a number, and must be true or false" },
		{ "L / (L - 16) > 1", "division by zero" },
		{ "L + code == 1",
		  "'+' wants two numbers or two texts, not 'L' (a number) and 'code' (text)" },
		{ "L in code",
		  "'in' wants a list behind it, or two texts, not 'L' (a number) and 'code' (text)" },
		{ "code in L",
		  "'in' wants a list behind it, or two texts, not 'code' (text) and 'L' (a number)" },
		{ "sqrt(code) == 1", "'sqrt' wants a number, not 'code' (text)" },
		{ "max(xs) == 1",
		  "'max' wants numbers, or one list of numbers, not 'xs' (a list)" },
		{ "matches(L, 'a')",
		  "'matches' wants text and a pattern, not 'L' (a number) and text" },
		{ "matches('a', code + '(')",
		  "the pattern 'wolff(' is wrong at character 7: missing closing parenthesis" },
		{ "number(code) == 1", "'wolff' is no number" },
		{ "-code == 1", "'negation' wants a number, not 'code' (text)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		struct expr *x = compile(rows[i].text, NULL, &e);

		assert_string_equal(e.text, "");
		assert_int_equal(expr_test(x, values, &e), -1);
		assert_string_equal(e.text, rows[i].message);
		assert_int_equal(expr_test(x, values, NULL), -1);
		expr_free(x);
	}
}

static void test_uses(void **state)
{
	struct expr *x = compile("T > 1 and code == 'L'", NULL, NULL);

	(void)state;
	assert_true(expr_uses(x, 0));
	assert_false(expr_uses(x, 1));
	assert_true(expr_uses(x, 2));
	assert_false(expr_uses(x, 99));
	expr_free(x);
	expr_free(NULL);
}

/* Deep nesting and long chains are refused before they use up the stack. */
static void test_depth(void **state)
{
	static const struct {
		const char *piece, *last, *message;
	} rows[] = {
		{ "(", "on", "the expression is nested too deeply" },
		{ "not ", "on", "the expression is nested too deeply" },
		{ "-", "1", "the expression is nested too deeply" },
		{ "[", "1", "the expression is nested too deeply" },
		{ "abs(", "1", "the expression is nested too deeply" },
		{ "2**", "1", "the expression is nested too deeply" },
		{ "T + ", "1 == 2", "the expression is too long" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		struct buf b = BUF_INIT;
		size_t at;

		for (int k = 0; k < 100000; k++)
			buf_puts(&b, rows[i].piece);
		buf_puts(&b, rows[i].last);
		assert_null(compile(b.data, &at, &e));
		assert_string_equal(e.text, rows[i].message);
		buf_free(&b);
	}
}

static void test_long_chain(void **state)
{
	struct buf b = BUF_INIT;
	struct expr *x;

	(void)state;
	buf_puts(&b, "false");
	for (int k = 0; k < 50000; k++)
		buf_printf(&b, " or L == %d", k + 17);
	x = compile(b.data, NULL, NULL);
	assert_non_null(x);
	assert_int_equal(expr_test(x, values, NULL), 0);
	expr_free(x);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes),        cmocka_unit_test(test_faults),
		cmocka_unit_test(test_faults_by_value), cmocka_unit_test(test_uses),
		cmocka_unit_test(test_depth),           cmocka_unit_test(test_long_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
