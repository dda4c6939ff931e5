/* SPDX-License-Identifier: MIT */
/* Expressions: the functions. */
#include <math.h>
#include <string.h>

#include "base/pattern.h"
#include "base/text.h"
#include "gen/expr_internal.h"

typedef double (*math_fn)(double);

static const struct {
	const char *name;
	math_fn fn;
} math_rows[] = {
	{ "abs", fabs }, { "floor", floor }, { "ceil", ceil }, { "round", round }, { "sqrt", sqrt },
	{ "exp", exp },  { "log", log },     { "log2", log2 }, { "log10", log10 },
};

static int do_math(struct eval *v, const struct expr_node *x, const struct operand *const *a,
		   struct operand *out)
{
	size_t i = 0;
	double d;

	if (a[0]->type != VALUE_NUMBER)
		return expr_misfit(v, x, a);
	while (strcmp(math_rows[i].name, x->rule->name) != 0)
		i++;
	d = math_rows[i].fn(a[0]->number);
	if (isinf(d) && !isinf(a[0]->number) && strncmp(x->rule->name, "log", 3) == 0)
		d = NAN;
	return expr_set_number(v, x, out, d);
}

/* min and max of numbers, or of one list of numbers. */
static int do_extreme(struct eval *v, const struct expr_node *x, const struct operand *const *a,
		      struct operand *out)
{
	bool least = x->rule->name[1] == 'i';
	const struct operand *items = NULL;
	size_t n = x->n;
	double d = 0;

	if (n == 1 && a[0]->type == VALUE_LIST)
		items = expr_list_items(v, a[0], &n);
	if (!n) {
		v->fault = x->at;
		return err_bad(v->e, "'%s' of an empty list", x->rule->name);
	}
	for (size_t i = 0; i < n; i++) {
		const struct operand *o = items ? &items[i] : a[i];

		if (o->type != VALUE_NUMBER)
			return expr_misfit(v, x, a);
		if (i == 0 || (least ? o->number < d : o->number > d))
			d = o->number;
	}
	return expr_set_number(v, x, out, d);
}

static int do_len(struct eval *v, const struct expr_node *x, const struct operand *const *a,
		  struct operand *out)
{
	size_t n = 0;

	if (a[0]->type == VALUE_LIST) {
		expr_list_items(v, a[0], &n);
	} else if (a[0]->type == VALUE_STRING) {
		for (size_t i = 0; i < a[0]->len; i++)
			n += (a[0]->text[i] & 0xC0) != 0x80;
	} else {
		return expr_misfit(v, x, a);
	}
	return expr_set_number(v, x, out, (double)n);
}

/* startswith and endswith. */
static int do_affix(struct eval *v, const struct expr_node *x, const struct operand *const *a,
		    struct operand *out)
{
	size_t from = 0;
	bool holds;

	if (a[0]->type != VALUE_STRING || a[1]->type != VALUE_STRING)
		return expr_misfit(v, x, a);
	holds = a[1]->len <= a[0]->len;
	if (holds && x->rule->name[0] == 'e')
		from = a[0]->len - a[1]->len;
	holds = holds && memcmp(a[0]->text + from, a[1]->text, a[1]->len) == 0;
	*out = (struct operand){ .type = VALUE_BOOL, .flag = holds };
	return 0;
}

pcre2_code *expr_pattern(const char *text, size_t len, struct err *e)
{
	PCRE2_UCHAR message[160];
	PCRE2_SIZE at;
	int code;
	pcre2_code *p = pcre2_compile((PCRE2_SPTR)text, len, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C,
				      &code, &at, NULL);

	if (p) {
		pcre2_jit_compile(p, PCRE2_JIT_COMPLETE);
		return p;
	}
	pcre2_get_error_message(code, message, sizeof message);
	err_bad(e, "the pattern '%s' is wrong at character %zu: %s", text, (size_t)at + 1,
		(const char *)message);
	return NULL;
}

static int do_matches(struct eval *v, const struct expr_node *x, const struct operand *const *a,
		      struct operand *out)
{
	pcre2_code *p = x->pattern;
	pcre2_match_data *m;
	int rc;

	if (a[0]->type != VALUE_STRING || a[1]->type != VALUE_STRING)
		return expr_misfit(v, x, a);
	v->fault = x->at;
	if (!p)
		p = expr_pattern(a[1]->text, a[1]->len, v->e);
	if (!p)
		return -1;
	m = pcre2_match_data_create_from_pattern(p, NULL);
	rc = pattern_match(p, m, a[0]->text, a[0]->len, 0, 0);
	pcre2_match_data_free(m);
	if (p != x->pattern)
		pcre2_code_free(p);
	*out = (struct operand){ .type = VALUE_BOOL, .flag = rc >= 0 };
	if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH)
		return 0;
	return err_bad(v->e, "the pattern is too costly for this text");
}

static int do_to_number(struct eval *v, const struct expr_node *x, const struct operand *const *a,
			struct operand *out)
{
	struct buf b = BUF_INIT;

	if (a[0]->type == VALUE_NUMBER) {
		*out = *a[0];
		return 0;
	}
	if (a[0]->type != VALUE_STRING)
		return expr_misfit(v, x, a);
	const char *p = a[0]->text;
	size_t n = a[0]->len;

	for (; n > 1 && p[0] == '0' && p[1] >= '0' && p[1] <= '9';
	     n--) /* 008 is text, and can be meant as 8 */
		p++;
	if (text_is_number(p, n))
		return expr_set_number(v, x, out, text_number(p, n));
	text_put_shown(&b, a[0]->text, a[0]->len, 60);
	err_bad(v->e, "'%s' is no number", buf_str(&b));
	buf_free(&b);
	v->fault = x->at;
	return -1;
}

static char *number_text(struct arena *room, double d)
{
	char text[TEXT_DOUBLE_MAX];

	return arena_dupn(room, text, text_of_double(d, text));
}

static int do_to_text(struct eval *v, const struct expr_node *x, const struct operand *const *a,
		      struct operand *out)
{
	*out = (struct operand){ .type = VALUE_STRING, .text = a[0]->text, .len = a[0]->len };
	if (a[0]->type == VALUE_LIST)
		return expr_misfit(v, x, a);
	if (out->text)
		return 0;
	out->text = a[0]->type == VALUE_BOOL ? (a[0]->flag ? "true" : "false")
					     : number_text(expr_room(v), a[0]->number);
	out->len = strlen(out->text);
	return 0;
}

const struct rule expr_functions[] = {
	{ "abs", T_NUMBER, T_NUMBER, 1, 1, "a number", do_math },
	{ "floor", T_NUMBER, T_NUMBER, 1, 1, "a number", do_math },
	{ "ceil", T_NUMBER, T_NUMBER, 1, 1, "a number", do_math },
	{ "round", T_NUMBER, T_NUMBER, 1, 1, "a number", do_math },
	{ "sqrt", T_NUMBER, T_NUMBER, 1, 1, "a number", do_math },
	{ "exp", T_NUMBER, T_NUMBER, 1, 1, "a number", do_math },
	{ "log", T_NUMBER, T_NUMBER, 1, 1, "a number", do_math },
	{ "log2", T_NUMBER, T_NUMBER, 1, 1, "a number", do_math },
	{ "log10", T_NUMBER, T_NUMBER, 1, 1, "a number", do_math },
	{ "min", T_NUMBER | T_LIST, T_NUMBER, 1, EXPR_ARGS_MAX, "numbers, or one list of numbers",
	  do_extreme },
	{ "max", T_NUMBER | T_LIST, T_NUMBER, 1, EXPR_ARGS_MAX, "numbers, or one list of numbers",
	  do_extreme },
	{ "len", T_STRING | T_LIST, T_NUMBER, 1, 1, "text or a list", do_len },
	{ "startswith", T_STRING, T_BOOL, 2, 2, "two texts", do_affix },
	{ "endswith", T_STRING, T_BOOL, 2, 2, "two texts", do_affix },
	{ "matches", T_STRING, T_BOOL, 2, 2, "text and a pattern", do_matches },
	{ "number", T_STRING | T_NUMBER, T_NUMBER, 1, 1, "text or a number", do_to_number },
	{ "text", T_STRING | T_NUMBER | T_BOOL, T_STRING, 1, 1, "a number, text, true or false",
	  do_to_text },
	{ 0 },
};
