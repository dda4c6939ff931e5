/* SPDX-License-Identifier: MIT */
/* Expressions: from text to a tree, by recursive descent. The grammar is in expr.h. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gen/expr_internal.h"

static struct expr_node *parse_or(struct parse *p);

static bool is_word(const struct parse *p, const char *word)
{
	return (p->token == TOK_NAME || p->token == TOK_SIGN) && strcmp(p->word, word) == 0;
}

static struct expr_node *unknown_name(struct parse *p, const char *name, size_t at)
{
	static const struct {
		const char *word, *message;
	} rows[] = {
		{ "True", "write 'true' in lower case" },
		{ "False", "write 'false' in lower case" },
		{ "AND", "write 'and' in lower case" },
		{ "OR", "write 'or' in lower case" },
		{ "NOT", "write 'not' in lower case" },
		{ "rep", "'rep' needs 'repeat:'" },
		{ "is", "'is' is not known: write '=='" },
	};
	const char *near = text_nearest(name, p->names, p->n_names);

	expr_fault_at(p, at);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (strcmp(rows[i].word, name) == 0) {
			err_bad(p->e, "%s", rows[i].message);
			return NULL;
		}
	}
	if (near)
		err_bad(p->e, "unknown parameter '%s' (did you mean '%s'?)", name, near);
	else
		err_bad(p->e, "unknown parameter '%s': put text in quotes", name);
	return NULL;
}

static struct expr_node *name_node(struct parse *p, const char *name, size_t at)
{
	for (size_t i = 0; i < p->n_names; i++) {
		if (strcmp(p->names[i], name) == 0) {
			struct expr_node *x = expr_node_new(p, EXPR_NAME, at);

			x->name = i;
			x->name_text = p->names[i];
			p->x->uses[i] = true;
			return x;
		}
	}
	return unknown_name(p, name, at);
}

/* Items up to `close`, which is passed over. */
static int items(struct parse *p, const char *close, struct expr_node ***out, size_t *n)
{
	struct expr_node **list = NULL;
	size_t cap = 0;
	int rc = -1;

	*n = 0;
	while (!is_word(p, close)) {
		ARRAY_ROOM(list, *n, cap);
		list[*n] = parse_or(p);
		if (!list[*n])
			goto out;
		++*n;
		if (is_word(p, close))
			break;
		if (!is_word(p, ",")) {
			err_bad(p->e, "a '%s' is missing", close);
			expr_fault_at(p, p->at);
			goto out;
		}
		if (expr_advance(p))
			goto out;
	}
	rc = expr_advance(p);
out:
	*out = arena_alloc(p->x->arena, (*n + 1) * sizeof **out);
	if (*n)
		memcpy(*out, list, *n * sizeof **out);
	free(list);
	return rc;
}

static struct expr_node *unknown_function(struct parse *p, const char *name, size_t at)
{
	const char *names[32];
	size_t n = 0;
	const char *near;

	while (n < 32 && expr_functions[n].name) {
		names[n] = expr_functions[n].name;
		n++;
	}
	near = text_nearest(name, names, n);
	expr_fault_at(p, at);
	if (near)
		err_bad(p->e, "unknown function '%s' (did you mean '%s'?)", name, near);
	else
		err_bad(p->e, "unknown function '%s'", name);
	return NULL;
}

static struct expr_node *call(struct parse *p, const char *name, size_t at)
{
	const struct rule *r = expr_rule(expr_functions, name);
	struct expr_node **args;
	size_t n;

	if (!r)
		return unknown_function(p, name, at);
	if (expr_advance(p) || items(p, ")", &args, &n))
		return NULL;
	if (n < r->least || n > r->most) {
		if (r->least == r->most)
			err_bad(p->e, "'%s' takes %u argument%s, and here are %zu", name, r->least,
				r->least == 1 ? "" : "s", n);
		else
			err_bad(p->e, "'%s' takes %u to %u arguments, and here are %zu", name,
				r->least, r->most, n);
		expr_fault_at(p, at);
		return NULL;
	}
	return expr_keep_pattern(p, expr_apply(p, r, at, args, n));
}

static struct expr_node *name_or_call(struct parse *p)
{
	char name[sizeof p->word];
	size_t at = p->at;

	memcpy(name, p->word, sizeof name);
	if (strcmp(name, "and") == 0 || strcmp(name, "or") == 0 || strcmp(name, "in") == 0) {
		err_bad(p->e, "'%s' has nothing in front", name);
		expr_fault_at(p, at);
		return NULL;
	}
	if (expr_advance(p))
		return NULL;
	if (is_word(p, "("))
		return call(p, name, at);
	if (strcmp(name, "true") == 0 || strcmp(name, "false") == 0) {
		struct operand o = { .type = VALUE_BOOL, .flag = name[0] == 't' };

		return expr_constant(p, at, &o);
	}
	return name_node(p, name, at);
}

static struct expr_node *list(struct parse *p)
{
	struct expr_node *x = expr_node_new(p, EXPR_LIST, p->at);

	x->types = T_LIST;
	if (expr_advance(p) || items(p, "]", &x->args, &x->n))
		return NULL;
	return expr_finish(p, x);
}

static struct expr_node *literal(struct parse *p)
{
	struct operand o = { .type = VALUE_STRING, .text = p->string, .len = p->string_len };
	size_t at = p->at;

	if (p->token == TOK_NUMBER) {
		o.type = VALUE_NUMBER;
		o.text = arena_dupn(p->x->arena, p->text + at, p->end - at);
		o.len = p->end - at;
		o.number = text_number(o.text, o.len);
	}
	return expr_advance(p) ? NULL : expr_constant(p, at, &o);
}

static struct expr_node *primary(struct parse *p)
{
	struct expr_node *x;

	if (p->token == TOK_NUMBER || p->token == TOK_STRING)
		return literal(p);
	if (p->token == TOK_NAME)
		return name_or_call(p);
	if (is_word(p, "["))
		return list(p);
	if (is_word(p, "(")) {
		if (expr_advance(p))
			return NULL;
		x = parse_or(p);
		if (!x)
			return NULL;
		if (is_word(p, ")"))
			return expr_advance(p) ? NULL : x;
		err_bad(p->e, "a ')' is missing");
	} else if (p->token == TOK_END) {
		err_bad(p->e, p->at ? "the expression ends too early" : "the expression is empty");
	} else {
		err_bad(p->e, "'%s' has nothing in front", p->word);
	}
	expr_fault_at(p, p->at);
	return NULL;
}

/* Counts nesting: every recursion passes here. */
static struct expr_node *unary(struct parse *p)
{
	struct expr_node *x = NULL;
	size_t at = p->at;
	bool minus = is_word(p, "-");

	if (++p->depth > EXPR_DEPTH_MAX) {
		err_bad(p->e, "the expression is nested too deeply");
		expr_fault_at(p, at);
		return NULL;
	}
	if (minus || is_word(p, "+")) {
		if (!expr_advance(p))
			x = unary(p);
		if (x)
			x = expr_apply(p, expr_rule(expr_operators, minus ? "negation" : "plus"),
				       at, &x, 1);
	} else {
		x = primary(p);
		at = p->at;
		if (x && is_word(p, "**"))
			x = expr_advance(p) ? NULL : expr_binary(p, "**", at, x, unary(p));
	}
	p->depth--;
	return x;
}

static struct expr_node *chain(struct parse *p, const char *const *ops,
			       struct expr_node *(*part)(struct parse *))
{
	struct expr_node *x = part(p);

	while (x) {
		size_t at = p->at, i = 0;

		while (ops[i] && !is_word(p, ops[i]))
			i++;
		if (!ops[i])
			break;
		x = expr_advance(p) ? NULL : expr_binary(p, ops[i], at, x, part(p));
	}
	return x;
}

static struct expr_node *term(struct parse *p)
{
	static const char *const ops[] = { "*", "//", "/", "%", NULL };

	return chain(p, ops, unary);
}

static struct expr_node *sum(struct parse *p)
{
	static const char *const ops[] = { "+", "-", NULL };

	return chain(p, ops, term);
}

static const char *compare_sign(struct parse *p)
{
	static const char *const ops[] = { "==", "!=", "<", "<=", ">", ">=", "in", "not", NULL };

	for (size_t i = 0; ops[i]; i++)
		if (is_word(p, ops[i]))
			return ops[i];
	return NULL;
}

static struct expr_node *compare(struct parse *p)
{
	struct expr_node *x = sum(p);
	const char *op = x ? compare_sign(p) : NULL;
	size_t at = p->at;

	if (!op)
		return x;
	if (expr_advance(p))
		return NULL;
	if (strcmp(op, "not") == 0) {
		if (!is_word(p, "in")) {
			err_bad(p->e, "'not' after a value wants 'in'");
			expr_fault_at(p, at);
			return NULL;
		}
		op = "not in";
		if (expr_advance(p))
			return NULL;
	}
	x = expr_binary(p, op, at, x, sum(p));
	if (x && compare_sign(p)) {
		err_bad(p->e, "comparisons cannot be chained: write 'a < b and b < c'");
		expr_fault_at(p, p->at);
		return NULL;
	}
	return x;
}

static struct expr_node *parse_not(struct parse *p)
{
	struct expr_node *x = NULL;
	size_t at = p->at;

	if (!is_word(p, "not"))
		return compare(p);
	if (++p->depth > EXPR_DEPTH_MAX) {
		err_bad(p->e, "the expression is nested too deeply");
		expr_fault_at(p, at);
		return NULL;
	}
	if (!expr_advance(p))
		x = parse_not(p);
	p->depth--;
	return x ? expr_apply(p, expr_rule(expr_operators, "not"), at, &x, 1) : NULL;
}

/* a and b and c: one node with many arguments, so that long chains are not deep. */
static struct expr_node *logic(struct parse *p, const char *op, enum expr_kind kind,
			       struct expr_node *(*part)(struct parse *))
{
	struct expr_node *x = part(p), *all, **args = NULL;
	size_t n = 0, cap = 0;

	if (!x || !is_word(p, op))
		return x;
	all = expr_node_new(p, kind, p->at);
	all->types = T_BOOL;
	ARRAY_ROOM(args, n, cap);
	args[n++] = expr_want_bool(p, op, x);
	while (args[n - 1] && is_word(p, op)) {
		x = expr_advance(p) ? NULL : expr_want_bool(p, op, part(p));
		ARRAY_ROOM(args, n, cap);
		args[n++] = x;
	}
	x = args[n - 1];
	all->args = arena_alloc(p->x->arena, n * sizeof *all->args);
	memcpy(all->args, args, n * sizeof *args);
	all->n = n;
	free(args);
	return x ? expr_finish(p, all) : NULL;
}

static struct expr_node *parse_and(struct parse *p)
{
	return logic(p, "and", EXPR_AND, parse_not);
}

static struct expr_node *parse_or(struct parse *p)
{
	return logic(p, "or", EXPR_OR, parse_and);
}

static struct expr_node *parse_all(struct parse *p)
{
	struct expr_node *x = expr_advance(p) ? NULL : parse_or(p);

	if (!x)
		return NULL;
	if (p->token != TOK_END) {
		err_bad(p->e, "an operator is missing in front of '%.*s'", (int)(p->end - p->at),
			p->text + p->at);
		expr_fault_at(p, p->at);
		return NULL;
	}
	if (!(x->types & T_BOOL)) {
		err_bad(p->e, "the outcome must be true or false: compare with something");
		expr_fault_at(p, x->at);
		return NULL;
	}
	return x;
}

struct expr *expr_compile(const char *text, size_t len, const char *const *names, size_t n,
			  size_t *at, struct err *e)
{
	struct expr *x = mem_alloc(sizeof *x);
	struct err own = ERR_INIT;
	struct parse p = {
		.x = x, .text = text, .len = len, .names = names, .n_names = n, .e = e ? e : &own
	};

	x->arena = arena_new();
	x->n_names = n;
	x->uses = arena_alloc(x->arena, n + 1);
	x->top = parse_all(&p);
	if (x->top)
		return x;
	if (at)
		*at = p.fault < len ? p.fault : len;
	expr_free(x);
	return NULL;
}

void expr_free(struct expr *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->n_patterns; i++)
		pcre2_code_free(x->patterns[i]);
	free(x->patterns);
	arena_free(x->arena);
	free(x);
}

bool expr_uses(const struct expr *x, size_t name)
{
	return name < x->n_names && x->uses[name];
}
