/* SPDX-License-Identifier: MIT */
/* Expressions: walking the tree for one set of values. The operators are here, the functions in expr_call.c. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "gen/expr_internal.h"

static const struct {
	enum value_type type;
	unsigned bit;
	const char *name;
} types[] = {
	{ VALUE_STRING, T_STRING, "text" },
	{ VALUE_NUMBER, T_NUMBER, "a number" },
	{ VALUE_BOOL, T_BOOL, "true or false" },
	{ VALUE_LIST, T_LIST, "a list" },
};

const char *expr_type_name(enum value_type t)
{
	size_t i = 0;

	while (types[i].type != t)
		i++;
	return types[i].name;
}

unsigned expr_type_bit(enum value_type t)
{
	size_t i = 0;

	while (types[i].type != t)
		i++;
	return types[i].bit;
}

void operand_of(const struct value *v, struct operand *out)
{
	*out = (struct operand){ .type = v->type, .text = v->text, .len = v->len };
	if (v->type == VALUE_NUMBER)
		out->number = text_number(v->text, v->len);
	else if (v->type == VALUE_BOOL)
		out->flag = value_is_true(v);
}

struct arena *expr_room(struct eval *v)
{
	if (!v->room)
		v->room = arena_new();
	return v->room;
}

const struct operand *expr_list_items(struct eval *v, const struct operand *list, size_t *n)
{
	struct value whole = { VALUE_LIST, list->text, list->len }, item;
	struct operand *items = NULL;
	struct buf room = BUF_INIT;
	size_t at = 0, cap = 0;
	struct operand *out;

	*n = list->n;
	if (!list->text)
		return list->items;
	*n = 0;
	while (value_list_next(&whole, &at, &room, &item)) {
		item.text = arena_dupn(expr_room(v), item.text, item.len);
		ARRAY_ROOM(items, *n, cap);
		operand_of(&item, &items[(*n)++]);
	}
	buf_free(&room);
	out = arena_alloc(expr_room(v), (*n + 1) * sizeof *out);
	if (*n)
		memcpy(out, items, *n * sizeof *out);
	free(items);
	return out;
}

static void describe(struct buf *b, const struct expr_node *x, const struct operand *o)
{
	if (x->kind == EXPR_NAME)
		buf_printf(b, "'%s' (%s)", x->name_text, expr_type_name(o->type));
	else
		buf_puts(b, expr_type_name(o->type));
}

int expr_misfit(struct eval *v, const struct expr_node *x, const struct operand *const *args)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < x->n; i++) {
		if (i)
			buf_puts(&b, i + 1 == x->n ? " and " : ", ");
		describe(&b, x->args[i], args[i]);
	}
	err_bad(v->e, "'%s' wants %s, not %s", x->rule->name, x->rule->wants, buf_str(&b));
	v->fault = x->at;
	buf_free(&b);
	return -1;
}

static bool both(const struct operand *const *a, enum value_type t)
{
	return a[0]->type == t && a[1]->type == t;
}

static void set_bool(struct operand *out, bool flag)
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

static int do_eq(struct eval *v, const struct expr_node *x, const struct operand *const *a, struct operand *out)
{
	(void)x;
	set_bool(out, equal(v, a[0], a[1]));
	return 0;
}

static int do_ne(struct eval *v, const struct expr_node *x, const struct operand *const *a, struct operand *out)
{
	(void)x;
	set_bool(out, !equal(v, a[0], a[1]));
	return 0;
}

/* <, <=, > and >=: the rule's name tells which. */
static int do_order(struct eval *v, const struct expr_node *x, const struct operand *const *a, struct operand *out)
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
	set_bool(out, op[0] == '<' ? c < 0 || (op[1] && c == 0) : c > 0 || (op[1] && c == 0));
	return 0;
}

static int do_in(struct eval *v, const struct expr_node *x, const struct operand *const *a, struct operand *out)
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
	set_bool(out, found != negate);
	return 0;
}

static int do_add(struct eval *v, const struct expr_node *x, const struct operand *const *a, struct operand *out)
{
	char *joined;

	if (both(a, VALUE_NUMBER))
		return expr_set_number(v, x, out, a[0]->number + a[1]->number);
	if (!both(a, VALUE_STRING))
		return expr_misfit(v, x, a);
	joined = arena_alloc(expr_room(v), a[0]->len + a[1]->len + 1);
	memcpy(joined, a[0]->text, a[0]->len);
	memcpy(joined + a[0]->len, a[1]->text, a[1]->len);
	*out = (struct operand){ .type = VALUE_STRING, .text = joined, .len = a[0]->len + a[1]->len };
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

static int do_number(struct eval *v, const struct expr_node *x, const struct operand *const *a, struct operand *out)
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

static int do_sign(struct eval *v, const struct expr_node *x, const struct operand *const *a, struct operand *out)
{
	if (a[0]->type != VALUE_NUMBER)
		return expr_misfit(v, x, a);
	return expr_set_number(v, x, out, x->rule->name[0] == 'n' ? -a[0]->number : a[0]->number);
}

static int do_not(struct eval *v, const struct expr_node *x, const struct operand *const *a, struct operand *out)
{
	if (a[0]->type != VALUE_BOOL)
		return expr_misfit(v, x, a);
	set_bool(out, !a[0]->flag);
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

const struct rule *expr_rule(const struct rule *rules, const char *name)
{
	for (; rules->name; rules++)
		if (strcmp(rules->name, name) == 0)
			return rules;
	return NULL;
}

static const struct operand *eval_logic(struct eval *v, const struct expr_node *x, struct operand *out)
{
	bool stop = x->kind == EXPR_OR;
	struct operand room;

	for (size_t i = 0; i < x->n; i++) {
		const struct operand *o = expr_eval(v, x->args[i], &room);

		if (!o)
			return NULL;
		if (o->type != VALUE_BOOL) {
			struct buf b = BUF_INIT;

			describe(&b, x->args[i], o);
			err_bad(v->e, "'%s' wants true or false, not %s", stop ? "or" : "and", buf_str(&b));
			buf_free(&b);
			v->fault = x->args[i]->at;
			return NULL;
		}
		if (o->flag == stop) {
			set_bool(out, stop);
			return out;
		}
	}
	set_bool(out, !stop);
	return out;
}

static const struct operand *eval_list(struct eval *v, const struct expr_node *x, struct operand *out)
{
	struct operand *items = arena_alloc(expr_room(v), (x->n + 1) * sizeof *items);

	for (size_t i = 0; i < x->n; i++) {
		const struct operand *o = expr_eval(v, x->args[i], &items[i]);

		if (!o)
			return NULL;
		items[i] = *o;
	}
	*out = (struct operand){ .type = VALUE_LIST, .items = items, .n = x->n };
	return out;
}

static const struct operand *eval_apply(struct eval *v, const struct expr_node *x, struct operand *out)
{
	const struct operand *args[EXPR_ARGS_MAX];
	struct operand pair[2], *room = pair;

	if (x->n > 2)
		room = arena_alloc(expr_room(v), x->n * sizeof *room);
	for (size_t i = 0; i < x->n; i++) {
		args[i] = expr_eval(v, x->args[i], &room[i]);
		if (!args[i])
			return NULL;
	}
	return x->rule->apply(v, x, args, out) ? NULL : out;
}

const struct operand *expr_eval(struct eval *v, const struct expr_node *x, struct operand *out)
{
	switch (x->kind) {
	case EXPR_CONST:
		return &x->constant;
	case EXPR_NAME:
		if (v->operands)
			return v->operands[x->name];
		operand_of(&v->values[x->name], out);
		return out;
	case EXPR_APPLY:
		return eval_apply(v, x, out);
	case EXPR_LIST:
		return eval_list(v, x, out);
	case EXPR_AND:
	case EXPR_OR:
		return eval_logic(v, x, out);
	}
	return NULL;
}

static int test(const struct expr *x, struct eval *v)
{
	struct operand room;
	const struct operand *o = expr_eval(v, x->top, &room);
	int rc = -1;

	if (o && o->type != VALUE_BOOL)
		err_bad(v->e, "the outcome is %s, and must be true or false", expr_type_name(o->type));
	else if (o)
		rc = o->flag;
	arena_free(v->room);
	return rc;
}

int expr_test(const struct expr *x, const struct value *values, struct err *e)
{
	struct eval v = { .values = values, .e = e };

	return test(x, &v);
}

int expr_test_operands(const struct expr *x, const struct operand *const *operands, struct err *e)
{
	struct eval v = { .operands = operands, .e = e };

	return test(x, &v);
}
