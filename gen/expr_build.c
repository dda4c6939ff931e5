/* SPDX-License-Identifier: MIT */
/* Expressions: the nodes of the tree, checked and simplified as they are made. */
#include <string.h>

#include "gen/expr_internal.h"

struct expr_node *expr_node_new(struct parse *p, enum expr_kind kind, size_t at)
{
	struct expr_node *x = arena_alloc(p->x->arena, sizeof *x);

	x->kind = kind;
	x->types = T_ANY;
	x->at = at;
	return x;
}

struct expr_node *expr_constant(struct parse *p, size_t at, const struct operand *o)
{
	struct expr_node *x = expr_node_new(p, EXPR_CONST, at);

	x->constant = *o;
	x->types = expr_type_bit(o->type);
	return x;
}

/* Evaluates what has constants only, so that its faults are found here and its value is there at
 * once. */
static struct expr_node *fold(struct parse *p, struct expr_node *x)
{
	struct eval v = { .room = p->x->arena, .e = p->e };
	struct operand out;
	const struct operand *o;

	for (size_t i = 0; i < x->n; i++)
		if (x->args[i]->kind != EXPR_CONST)
			return x;
	o = expr_eval(&v, x, &out);
	if (!o) {
		expr_fault_at(p, v.fault);
		return NULL;
	}
	return expr_constant(p, x->at, o);
}

/* Counts the levels of the tree, which evaluation recurses into. */
struct expr_node *expr_finish(struct parse *p, struct expr_node *x)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->args[i]->levels >= x->levels)
			x->levels = x->args[i]->levels + 1;
	if (x->levels <= EXPR_TREE_MAX)
		return fold(p, x);
	err_bad(p->e, "the expression is too long");
	expr_fault_at(p, x->at);
	return NULL;
}

struct expr_node *expr_apply(struct parse *p, const struct rule *r, size_t at,
			     struct expr_node **args, size_t n)
{
	struct expr_node *x = expr_node_new(p, EXPR_APPLY, at);

	x->rule = r;
	x->args = arena_alloc(p->x->arena, (n + 1) * sizeof *x->args);
	x->n = n;
	x->types = r->gives;
	for (size_t i = 0; i < n; i++) {
		x->args[i] = args[i];
		if (!(args[i]->types & r->takes)) {
			err_bad(p->e, "'%s' wants %s", r->name, r->wants);
			expr_fault_at(p, args[i]->at);
			return NULL;
		}
	}
	return expr_finish(p, x);
}

struct expr_node *expr_binary(struct parse *p, const char *op, size_t at, struct expr_node *a,
			      struct expr_node *b)
{
	struct expr_node *args[2] = { a, b };

	return a && b ? expr_apply(p, expr_rule(expr_operators, op), at, args, 2) : NULL;
}

/* A pattern that stands there as text is compiled once, here. */
struct expr_node *expr_keep_pattern(struct parse *p, struct expr_node *x)
{
	struct expr *ex = p->x;
	const struct expr_node *arg;

	if (!x || x->kind != EXPR_APPLY || strcmp(x->rule->name, "matches") != 0 ||
	    x->args[1]->kind != EXPR_CONST)
		return x;
	arg = x->args[1];
	x->pattern = expr_pattern(arg->constant.text, arg->constant.len, p->e);
	if (!x->pattern) {
		expr_fault_at(p, arg->at);
		return NULL;
	}
	ARRAY_ROOM(ex->patterns, ex->n_patterns, ex->patterns_cap);
	ex->patterns[ex->n_patterns++] = x->pattern;
	return x;
}

struct expr_node *expr_want_bool(struct parse *p, const char *op, struct expr_node *x)
{
	if (!x || x->types & T_BOOL)
		return x;
	err_bad(p->e, "'%s' wants true or false", op);
	expr_fault_at(p, x->at);
	return NULL;
}
