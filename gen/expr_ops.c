/* SPDX-License-Identifier: MIT */
/* Expressions: the operators. */
#include <math.h>
#include <string.h>

#include "gen/expr_internal.h"

static bool both(const struct operand *const *a, enum value_type t)
{
	return a[0]->type == t && a[1]->type == t;
}

void expr_set_bool(struct operand *out, bool flag)
{
	*out = (struct operand){ .type = VALUE_BOOL, .flag = flag };
}

int expr_set_number(struct eval *v, const struct expr_node *x, struct operand *out, double d)
{
	*out = (struct operand){ .type = VALUE_NUMBER, .number = d };
	if (!isnan(d))
		return 0;
	v->fault = x->at;
	return err_bad(v->e, "the outcome of '%s' is no number", x->rule->name);
}

static bool list_equal(struct eval *v, const struct operand *a, const struct operand *b);

static bool equal(struct eval *v, const struct operand *a, const struct operand *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == VALUE_NUMBER)
		return a->number == b->number;
	if (a->type == VALUE_BOOL)
		return a->flag == b->flag;
	if (a->type == VALUE_LIST)
		return list_equal(v, a, b);
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static bool list_equal(struct eval *v, const struct operand *a, const struct operand *b)
{
	size_t na, nb;
	const struct operand *ia = expr_list_items(v, a, &na);
	const struct operand *ib = expr_list_items(v, b, &nb);

	if (na != nb)
		return false;
	for (size_t i = 0; i < na; i++)
		if (!equal(v, &ia[i], &ib[i]))
			return false;
	return true;
}

static int do_eq(struct eval *v, const struct expr_node *x, const struct operand *const *a,
		 struct operand *out)
{
	(void)x;
	expr_set_bool(out, equal(v, a[0], a[1]));
	return 0;
}

static int do_ne(struct eval *v, const struct expr_node *x, const struct operand *const *a,
		 struct operand *out)
{
	(void)x;
	expr_set_bool(out, !equal(v, a[0], a[1]));
	return 0;
}

/* <, <=, > and >=: the rule's name tells which. */
static int do_order(struct eval *v, const struct expr_node *x, const struct operand *const *a,
		    struct operand *out)
{
	const char *op = x->rule->name;
	int c;

	if (both(a, VALUE_NUMBER)) {
		c = (a[0]->number > a[1]->number) - (a[0]->number < a[1]->number);
	} else if (both(a, VALUE_STRING)) {
		size_t n = a[0]->len < a[1]->len ? a[0]->len : a[1]->len;

		c = memcmp(a[0]->text, a[1]->text, n);
		if (!c)
			c = (a[0]->len > a[1]->len) - (a[0]->len < a[1]->len);
	} else {
		return expr_misfit(v, x, a);
	}
	expr_set_bool(out, op[0] == '<' ? c < 0 || (op[1] && c == 0) : c > 0 || (op[1] && c == 0));
	return 0;
}

static int do_in(struct eval *v, const struct expr_node *x, const struct operand *const *a,
		 struct operand *out)
{
	bool negate = x->rule->name[0] == 'n', found = false;

	if (a[1]->type == VALUE_LIST) {
		size_t n;
		const struct operand *items = expr_list_items(v, a[1], &n);

		for (size_t i = 0; i < n && !found; i++)
			found = equal(v, a[0], &items[i]);
	} else if (both(a, VALUE_STRING)) {
		found = memmem(a[1]->text, a[1]->len, a[0]->text, a[0]->len);
	} else {
		return expr_misfit(v, x, a);
	}
	expr_set_bool(out, found != negate);
	return 0;
}

static int do_add(struct eval *v, const struct expr_node *x, const struct operand *const *a,
		  struct operand *out)
{
	char *joined;

	if (both(a, VALUE_NUMBER))
		return expr_set_number(v, x, out, a[0]->number + a[1]->number);
	if (!both(a, VALUE_STRING))
		return expr_misfit(v, x, a);
	joined = arena_alloc(expr_room(v), a[0]->len + a[1]->len + 1);
	memcpy(joined, a[0]->text, a[0]->len);
	memcpy(joined + a[0]->len, a[1]->text, a[1]->len);
	*out = (struct operand){ .type = VALUE_STRING,
				 .text = joined,
				 .len = a[0]->len + a[1]->len };
	return 0;
}

static double modulo(double a, double b)
{
	double m = fmod(a, b);

	return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}

/* Floor division that agrees with %: a == (a // b) * b + a % b. */
static double floor_div(double a, double b)
{
	double q = floor(a / b);
	double exact = (a - modulo(a, b)) / b;

	return fabs(exact - q) <= 1 ? round(exact) : q;
}

static int do_number(struct eval *v, const struct expr_node *x, const struct operand *const *a,
		     struct operand *out)
{
	const char *op = x->rule->name;
	double l, r, d;

	if (!both(a, VALUE_NUMBER))
		return expr_misfit(v, x, a);
	l = a[0]->number;
	r = a[1]->number;
	if ((op[0] == '/' || op[0] == '%') && r == 0) {
		v->fault = x->at;
		return err_bad(v->e, "division by zero");
	}
	if (op[0] == '-')
		d = l - r;
	else if (op[0] == '*')
		d = op[1] ? pow(l, r) : l * r;
	else if (op[0] == '/')
		d = op[1] ? floor_div(l, r) : l / r;
	else
		d = modulo(l, r);
	return expr_set_number(v, x, out, d);
}

static int do_sign(struct eval *v, const struct expr_node *x, const struct operand *const *a,
		   struct operand *out)
{
	if (a[0]->type != VALUE_NUMBER)
		return expr_misfit(v, x, a);
	return expr_set_number(v, x, out, x->rule->name[0] == 'n' ? -a[0]->number : a[0]->number);
}

static int do_not(struct eval *v, const struct expr_node *x, const struct operand *const *a,
		  struct operand *out)
{
	if (a[0]->type != VALUE_BOOL)
		return expr_misfit(v, x, a);
	expr_set_bool(out, !a[0]->flag);
	return 0;
}

const struct rule expr_operators[] = {
	{ "==", T_ANY, T_BOOL, 2, 2, "two values", do_eq },
	{ "!=", T_ANY, T_BOOL, 2, 2, "two values", do_ne },
	{ "<", T_NUMBER | T_STRING, T_BOOL, 2, 2, "two numbers or two texts", do_order },
	{ "<=", T_NUMBER | T_STRING, T_BOOL, 2, 2, "two numbers or two texts", do_order },
	{ ">", T_NUMBER | T_STRING, T_BOOL, 2, 2, "two numbers or two texts", do_order },
	{ ">=", T_NUMBER | T_STRING, T_BOOL, 2, 2, "two numbers or two texts", do_order },
	{ "in", T_ANY, T_BOOL, 2, 2, "a list behind it, or two texts", do_in },
	{ "not in", T_ANY, T_BOOL, 2, 2, "a list behind it, or two texts", do_in },
	{ "+", T_NUMBER | T_STRING, T_NUMBER | T_STRING, 2, 2, "two numbers or two texts", do_add },
	{ "-", T_NUMBER, T_NUMBER, 2, 2, "two numbers", do_number },
	{ "*", T_NUMBER, T_NUMBER, 2, 2, "two numbers", do_number },
	{ "/", T_NUMBER, T_NUMBER, 2, 2, "two numbers", do_number },
	{ "//", T_NUMBER, T_NUMBER, 2, 2, "two numbers", do_number },
	{ "%", T_NUMBER, T_NUMBER, 2, 2, "two numbers", do_number },
	{ "**", T_NUMBER, T_NUMBER, 2, 2, "two numbers", do_number },
	{ "negation", T_NUMBER, T_NUMBER, 1, 1, "a number", do_sign },
	{ "plus", T_NUMBER, T_NUMBER, 1, 1, "a number", do_sign },
	{ "not", T_BOOL, T_BOOL, 1, 1, "true or false", do_not },
	{ 0 },
};
