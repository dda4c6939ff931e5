/* SPDX-License-Identifier: MIT */
/* What expr_parse.c builds and expr_eval.c walks. */
#ifndef PPGEN_GEN_EXPR_INTERNAL_H
#define PPGEN_GEN_EXPR_INTERNAL_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "gen/expr.h"

#define EXPR_DEPTH_MAX 200  /* nesting in the text */
#define EXPR_TREE_MAX  2000 /* levels of the tree: `a + b + c` has one for each sign */
#define EXPR_ARGS_MAX  16   /* of a function; lists may be longer */

/* Sets of types, for what is clear before any value is known. */
enum { T_STRING = 1, T_NUMBER = 2, T_BOOL = 4, T_LIST = 8, T_ANY = 15 };

struct expr_node;
struct eval;

/* One operator or function: what it takes, what it gives, and how. */
struct rule {
	const char *name;
	unsigned takes; /* each argument: a set of types */
	unsigned gives;
	unsigned least, most; /* arguments */
	const char *wants;    /* for messages: "two numbers" */
	int (*apply)(struct eval *v, const struct expr_node *x, const struct operand *const *args,
		     struct operand *out);
};

enum expr_kind { EXPR_CONST, EXPR_NAME, EXPR_APPLY, EXPR_LIST, EXPR_AND, EXPR_OR };

struct expr_node {
	enum expr_kind kind;
	unsigned types; /* what it can be */
	size_t at;      /* offset in the source */
	struct operand constant;
	size_t name;
	const char *name_text;
	const struct rule *rule;
	struct expr_node **args;
	size_t n;
	unsigned levels;
	pcre2_code *pattern; /* of matches() with a literal */
};

struct expr {
	struct arena *arena;
	struct expr_node *top;
	bool *uses;
	size_t n_names;
	pcre2_code **patterns; /* to be freed */
	size_t n_patterns, patterns_cap;
};

/* One evaluation. Exactly one of values and operands is given, or neither for constants. */
struct eval {
	const struct value *values;
	const struct operand *const *operands;
	struct arena *room; /* made when first needed */
	size_t fault;       /* offset of the node that failed */
	struct err *e;
};

extern const struct rule expr_operators[]; /* ended by a NULL name */
extern const struct rule expr_functions[];
const struct rule *expr_rule(const struct rule *rules, const char *name);

/* The value of x, in *out or wherever it lies; NULL on error. */
const struct operand *expr_eval(struct eval *v, const struct expr_node *x, struct operand *out);
const char *expr_type_name(enum value_type t); /* "a number", "text", "true or false", "a list" */
unsigned expr_type_bit(enum value_type t);
int expr_misfit(struct eval *v, const struct expr_node *x,
		const struct operand *const *args); /* -1, with a message */

void expr_set_bool(struct operand *out, bool flag);
/* -1 with a message when d is no number. */
int expr_set_number(struct eval *v, const struct expr_node *x, struct operand *out, double d);
struct arena *expr_room(struct eval *v);
const struct operand *expr_list_items(struct eval *v, const struct operand *list, size_t *n);

/* NULL with a message when the pattern is wrong. */
pcre2_code *expr_pattern(const char *text, size_t len, struct err *e);

/* The parser's state; expr_token.c reads its tokens. */
enum token { TOK_END, TOK_NUMBER, TOK_STRING, TOK_NAME, TOK_SIGN };

struct parse {
	struct expr *x;
	const char *text;
	size_t len;
	const char *const *names;
	size_t n_names;
	struct err *e;
	unsigned depth;
	size_t next;      /* where the next token is looked for */
	enum token token; /* the current one */
	size_t at, end;
	char word[80];      /* of a name or sign, cut */
	const char *string; /* of a string, decoded */
	size_t string_len;
	size_t fault;
};

int expr_advance(struct parse *p);             /* makes the next token the current one */
int expr_fault_at(struct parse *p, size_t at); /* -1 */

/* expr_build.c: nodes. NULL with a message when the arguments cannot fit, or a NULL argument came.
 */
struct expr_node *expr_node_new(struct parse *p, enum expr_kind kind, size_t at);
struct expr_node *expr_constant(struct parse *p, size_t at, const struct operand *o);
struct expr_node *expr_apply(struct parse *p, const struct rule *r, size_t at,
			     struct expr_node **args, size_t n);
struct expr_node *expr_binary(struct parse *p, const char *op, size_t at, struct expr_node *a,
			      struct expr_node *b);
struct expr_node *expr_finish(struct parse *p, struct expr_node *x); /* of a list, and, or */
struct expr_node *expr_keep_pattern(struct parse *p, struct expr_node *x);
struct expr_node *expr_want_bool(struct parse *p, const char *op, struct expr_node *x);

#endif
