/* SPDX-License-Identifier: MIT */
/*
 * The expression language of `where:`, overrides and --only. Typed, no side effects, no evaluation
 * of strings.
 *
 *   expr    = or
 *   or      = and { "or" and }
 *   and     = not { "and" not }
 *   not     = "not" not | compare
 *   compare = sum [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) sum | [ "not" ] "in" sum ]
 *   sum     = term { ( "+" | "-" ) term }
 *   term    = unary { ( "*" | "/" | "//" | "%" ) unary }
 *   unary   = ( "-" | "+" ) unary | power
 *   power   = primary [ "**" unary ]
 *   primary = number | string | "true" | "false" | name | name "(" [ expr { "," expr } ] ")"
 *           | "(" expr ")" | "[" [ expr { "," expr } ] "]"
 *   string  = "'" ... "'" | '"' ... '"'   (\\ \' \" \n \t)
 *   name    = [A-Za-z_][A-Za-z0-9_]*
 *
 * Numbers are IEEE doubles; a % b has the sign of b, // is floor division (as in Python). == and !=
 * compare any two values (of different types: never equal); < and its kin compare two numbers or
 * two strings (bytewise). `in` looks for an item in a list, or for text in text. + joins two
 * strings. and, or, not want booleans and stop early. Functions: abs floor ceil round sqrt exp log
 * log2 log10 min max len startswith endswith matches(text, pcre) number(text) text(x). round takes
 * halves away from zero; min and max take numbers or one list of them; len counts characters or
 * items; matches looks anywhere in the text. What is no number (sqrt(-1), 1/0) is an error.
 */
#ifndef PPGEN_GEN_EXPR_H
#define PPGEN_GEN_EXPR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "gen/value.h"

struct expr;

/*
 * Compiles text in which the n names may stand. On error NULL, *at is the byte offset of the fault
 * in text, and e says e.g. "unknown parameter 'Tt' (did you mean 'T'?)", "'=' compares nothing:
 * write '=='", "'&&' is not known: write 'and'". What is clear from literals alone is type-checked
 * here (`L >= 'a'` is not: L's type is known only by value).
 */
struct expr *expr_compile(const char *text, size_t len, const char *const *names, size_t n,
			  size_t *at, struct err *e);
void expr_free(struct expr *x);

bool expr_uses(const struct expr *x, size_t name); /* whether names[name] stands in it */

/* 1 or 0 for the values of the names in their order; -1 on a type error, on a division by zero, or
 * when the outcome is no boolean. */
int expr_test(const struct expr *x, const struct value *values, struct err *e);

/* The same with values that were prepared once: *operands[k] is that of names[k]; those of unused
 * names may be NULL. */
struct operand {
	enum value_type type;
	bool flag;        /* VALUE_BOOL */
	double number;    /* VALUE_NUMBER */
	const char *text; /* VALUE_STRING; of a number or list from a value: its text; else NULL */
	size_t len;
	const struct operand *items; /* of a list that has no text */
	size_t n;
};
void operand_of(const struct value *v, struct operand *out); /* borrows v's text */
int expr_test_operands(const struct expr *x, const struct operand *const *operands, struct err *e);

#endif
