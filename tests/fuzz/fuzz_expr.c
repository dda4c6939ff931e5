/* SPDX-License-Identifier: MIT */
/*
 * Expressions: a fault's offset lies in the text; and what an expression says does not depend on
 * how its values are prepared, on brackets around it, or on what is joined to it.
 */
#include <stdlib.h>

#include "gen/expr.h"
#include "tests/fuzz/fuzz.h"

#define N_NAMES 6
static const char *const names[N_NAMES] = { "T", "code", "xs", "on", "n", "zero" };
static const struct value values[N_NAMES] = {
	{ VALUE_NUMBER, "2.5", 3 },
	{ VALUE_STRING, "a/b.c", 5 },
	{ VALUE_LIST, "[1,\"a\",true]", 12 },
	{ VALUE_BOOL, "true", 4 },
	{ VALUE_NUMBER, "17", 2 },
	{ VALUE_NUMBER, "0", 1 },
};

static int test(const char *text, size_t len)
{
	struct err e = ERR_INIT;
	struct operand operands[N_NAMES];
	const struct operand *p[N_NAMES];
	size_t at = 0;
	struct expr *x = expr_compile(text, len, names, N_NAMES, &at, &e);
	int said, again;

	MUST(at <= len && !x == err_is(&e));
	if (!x)
		return -2;
	for (size_t i = 0; i < N_NAMES; i++) {
		operand_of(&values[i], &operands[i]);
		p[i] = expr_uses(x, i) ? &operands[i] : NULL;
	}
	said = expr_test(x, values, &e);
	MUST(said >= -1 && said <= 1 && (said == -1) == err_is(&e));
	again = expr_test_operands(x, p, NULL);
	MUST(said == again);
	expr_free(x);
	return said;
}

static int test_in(const char *before, struct part in, const char *behind)
{
	struct buf b = BUF_INIT;
	int said;

	buf_puts(&b, before);
	buf_add(&b, in.text, in.len);
	buf_puts(&b, behind);
	said = test(b.data, b.len);
	buf_free(&b);
	return said;
}

void fuzz_expr(struct part in)
{
	const int said = test(in.text, in.len);
	int other;

	if (said == -2)
		return;
	/* one level more may be one too many */
	other = test_in("(", in, ")");
	MUST(other == said || other == -2);
	other = test_in("not (", in, ")");
	MUST(other == -2 || (said < 0 ? other < 0 : other == !said));
	other = test_in("(", in, ") or on");
	MUST(other == -2 || (said < 0 ? other < 0 : other == 1));
	other = test_in("not on and (", in, ")");
	MUST(other == -2 || other == 0);
}
