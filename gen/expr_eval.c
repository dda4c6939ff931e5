/* SPDX-License-Identifier: MIT */
/* Expressions: walking the tree for one set of values. The operators are in expr_ops.c, the
 * functions in expr_call.c. */
#include <stdlib.h>
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

const struct rule *expr_rule(const struct rule *rules, const char *name)
{
	for (; rules->name; rules++)
		if (strcmp(rules->name, name) == 0)
			return rules;
	return NULL;
}

static const struct operand *eval_logic(struct eval *v, const struct expr_node *x,
					struct operand *out)
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
			err_bad(v->e, "'%s' wants true or false, not %s", stop ? "or" : "and",
				buf_str(&b));
			buf_free(&b);
			v->fault = x->args[i]->at;
			return NULL;
		}
		if (o->flag == stop) {
			expr_set_bool(out, stop);
			return out;
		}
	}
	expr_set_bool(out, !stop);
	return out;
}

static const struct operand *eval_list(struct eval *v, const struct expr_node *x,
				       struct operand *out)
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

static const struct operand *eval_apply(struct eval *v, const struct expr_node *x,
					struct operand *out)
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
		err_bad(v->e, "the outcome is %s, and must be true or false",
			expr_type_name(o->type));
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
