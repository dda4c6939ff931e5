/* SPDX-License-Identifier: MIT */
/* Numbers by rule: {from, to, step} exactly in decimals, {from, to, num} evenly or, with log,
 * geometrically. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "gen/axis.h"

#define DECIMALS_MAX 18
#define DIGITS_MAX   INT64_C(1000000000000000000) /* so that differences fit in 64 bits too */

__extension__ typedef __int128 wide;

/* A decimal number: digits * 10^-decimals. */
struct decimal {
	wide digits;
	int decimals; /* may be negative: 1e6 is 1 * 10^6 */
};

/* Enough digits for every decimal text that makes sense here; false when there are more, or an
 * exponent beyond reason. */
static bool decimal_read(const char *s, size_t n, struct decimal *out)
{
	const wide most = (wide)1 << 100;
	bool minus = n && *s == '-', point = false;
	int exponent = 0, sign = 1;
	size_t i = n && (*s == '-' || *s == '+');

	*out = (struct decimal){ 0, 0 };
	for (; i < n && s[i] != 'e' && s[i] != 'E'; i++) {
		if (s[i] == '.') {
			point = true;
			continue;
		}
		out->digits = out->digits * 10 + (s[i] - '0');
		out->decimals += point;
		if (out->digits > most)
			return false;
	}
	if (i < n && (s[++i] == '-' || s[i] == '+'))
		sign = s[i++] == '-' ? -1 : 1;
	for (; i < n; i++) {
		exponent = exponent * 10 + (s[i] - '0');
		if (exponent > 400)
			return false;
	}
	out->decimals -= sign * exponent;
	if (minus)
		out->digits = -out->digits;
	return true;
}

/* The number in units of 10^-decimals; false when it does not fit, or has more decimals. */
static bool decimal_scale(struct decimal d, unsigned decimals, int64_t *out)
{
	int shift = (int)decimals - d.decimals;

	if (d.digits == 0)
		shift = 0;
	for (; shift > 0; shift--) {
		d.digits *= 10;
		if (d.digits > DIGITS_MAX || d.digits < -DIGITS_MAX)
			return false;
	}
	for (; shift < 0; shift++) {
		if (d.digits % 10)
			return false;
		d.digits /= 10;
	}
	if (d.digits > DIGITS_MAX || d.digits < -DIGITS_MAX)
		return false;
	*out = (int64_t)d.digits;
	return true;
}

static size_t put_decimal(int64_t v, unsigned decimals, unsigned least, char *out)
{
	char digits[48];
	size_t n = 0, len = 0;
	bool minus = v < 0;

	if (minus)
		v = -v;
	while (decimals > least && v % 10 == 0) {
		v /= 10;
		decimals--;
	}
	do {
		digits[n++] = (char)('0' + (int)(v % 10));
		v /= 10;
	} while (v || n <= decimals);
	if (minus)
		out[len++] = '-';
	while (n) {
		if (n == decimals && n)
			out[len++] = '.';
		out[len++] = digits[--n];
	}
	out[len] = '\0';
	return len;
}

size_t range_text(const struct range *g, uint64_t i, char out[RANGE_TEXT_MAX])
{
	return put_decimal(g->from + (int64_t)i * g->step, g->decimals, g->least, out);
}

/* The place of a number, however it is spelled. */
static bool range_place(const struct range *g, uint64_t n, const struct value *v, uint64_t *i)
{
	struct decimal d;
	int64_t scaled;
	wide way;

	if (v->type != VALUE_NUMBER || !decimal_read(v->text, v->len, &d) ||
	    !decimal_scale(d, g->decimals, &scaled))
		return false;
	way = (wide)scaled - g->from;
	if (g->step == 0 ? way != 0
			 : way % g->step != 0 || way / g->step < 0 || way / g->step >= (wide)n)
		return false;
	*i = g->step ? (uint64_t)(way / g->step) : 0;
	return true;
}

size_t range_spelling(const struct range *g, uint64_t n, const struct value *v,
		      char out[RANGE_TEXT_MAX])
{
	uint64_t i;

	return range_place(g, n, v, &i) ? range_text(g, i, out) : 0;
}

bool range_find(const struct range *g, uint64_t n, const struct value *v, uint64_t *i)
{
	char text[RANGE_TEXT_MAX];

	return range_place(g, n, v, i) && range_text(g, *i, text) == v->len &&
	       memcmp(text, v->text, v->len) == 0;
}

struct bounds {
	const struct node *key, *from, *to, *step, *num;
	struct decimal a, b;
	bool log;
};

static int read_decimal(struct axis_reader *r, const struct node *n, const char *what,
			struct decimal *out)
{
	if (n->kind != NODE_SCALAR || n->quoted || !text_is_number(n->text, n->len))
		return COMPLAIN(r, n, "'%s' must be a number", what);
	if (!decimal_read(n->text, n->len, out))
		return COMPLAIN(r, n, "'%s' has too many digits", what);
	return 0;
}

static int more_decimals(struct decimal d)
{
	return d.digits != 0 && d.decimals > 0 ? d.decimals : 0;
}

/* Decimals as they were written: 1.50 has two. Texts then have at least as many. */
static unsigned written_decimals(const struct node *n, struct decimal d)
{
	return d.decimals > 0 && d.decimals <= DECIMALS_MAX && !strpbrk(n->text, "eE")
		       ? (unsigned)d.decimals
		       : 0;
}

static int check_hit(struct axis_reader *r, const struct bounds *b, const struct range *g,
		     int64_t to, uint64_t *n)
{
	wide way = (wide)to - g->from, steps;
	char last[RANGE_TEXT_MAX];

	if (g->step == 0)
		return COMPLAIN(r, b->step, "'step' must not be 0");
	if (way != 0 && (way > 0) != (g->step > 0))
		return COMPLAIN(r, b->step, "'step' leads away from 'to': %s",
				g->step > 0 ? "make it negative, or swap 'from' and 'to'"
					    : "make it positive, or swap 'from' and 'to'");
	steps = way / g->step;
	if (steps >= (wide)AXIS_RANGE_MAX)
		return COMPLAIN(r, b->step, "'%s' has more than 2^40 values", b->key->text);
	*n = (uint64_t)steps + 1;
	if (way % g->step == 0)
		return 0;
	range_text(g, *n - 1, last);
	return COMPLAIN(
		r, b->to,
		"'to' %s is not reached from %s by steps of %s: the last value would be %s, so write 'to: %s'",
		b->to->text, b->from->text, b->step->text, last, last);
}

static int read_step(struct axis_reader *r, const struct bounds *b, struct axis *out)
{
	struct decimal step;
	struct range *g = &out->range;
	int64_t to;
	int most;

	if (read_decimal(r, b->step, "step", &step))
		return -1;
	most = more_decimals(b->a);
	if (more_decimals(b->b) > most)
		most = more_decimals(b->b);
	if (more_decimals(step) > most)
		most = more_decimals(step);
	g->least = written_decimals(b->from, b->a);
	if ((unsigned)most < g->least)
		most = (int)g->least;
	g->decimals = (unsigned)most;
	if (most > DECIMALS_MAX || !decimal_scale(b->a, g->decimals, &g->from) ||
	    !decimal_scale(b->b, g->decimals, &to) || !decimal_scale(step, g->decimals, &g->step))
		return COMPLAIN(r, b->from, "'%s' needs more than 18 digits", b->key->text);
	out->is_range = true;
	return check_hit(r, b, g, to, &out->n);
}

struct line {
	int64_t from, to;
	unsigned decimals, least;
	uint64_t last;
};

/*
 * (from * (last - i) + to * i) / last, exactly where that is a decimal of at most 17 digits. Else
 * its first 40 digits are read as a double, so that every machine makes the same text.
 */
static size_t linear_text(const struct line *l, uint64_t i, char *out)
{
	const uint64_t last = l->last;
	wide v = (wide)l->from * (wide)(last - i) + (wide)l->to * (wide)i;
	wide whole, rest;
	bool minus = v < 0;
	char text[100];
	int n;

	if (minus)
		v = -v;
	whole = v / (wide)last;
	rest = v % (wide)last;
	for (unsigned extra = 0; extra <= DECIMALS_MAX; extra++) {
		if (rest == 0 && whole < (wide)100000000000000000)
			return put_decimal((int64_t)(minus ? -whole : whole), l->decimals + extra,
					   l->least, out);
		if (whole > (wide)100000000000000000)
			break;
		whole = whole * 10 + rest * 10 / (wide)last;
		rest = rest * 10 % (wide)last;
		if (whole > (wide)1000000000000000000)
			break;
	}
	n = snprintf(text, sizeof text, "%s%" PRIu64, minus ? "-" : "", (uint64_t)(v / (wide)last));
	text[n++] = '.';
	rest = v % (wide)last;
	for (int k = 0; k < 40; k++) {
		text[n++] = (char)('0' + (int)(rest * 10 / (wide)last));
		rest = rest * 10 % (wide)last;
	}
	n += snprintf(text + n, sizeof text - (size_t)n, "e-%u", l->decimals);
	return text_of_double(text_number(text, (size_t)n), out);
}

static int read_num(struct axis_reader *r, const struct bounds *b, uint64_t *n)
{
	const struct node *num = b->num;

	if (num->kind != NODE_SCALAR || num->quoted || !text_u64(num->text, num->len, n) || *n < 1)
		return COMPLAIN(r, num, "'num' must be a whole number from 1");
	if (*n > r->rows_most)
		return COMPLAIN(r, num, "'num' is more than %" PRIu64 ": use 'step'", r->rows_most);
	if (*n == 1 && strcmp(b->from->text, b->to->text) != 0)
		return COMPLAIN(r, num, "'num: 1' leaves no room for both ends");
	return 0;
}

static int read_even(struct axis_reader *r, const struct bounds *b, struct axis *out)
{
	int most = more_decimals(b->a) > more_decimals(b->b) ? more_decimals(b->a)
							     : more_decimals(b->b);
	struct value *rows;
	struct line l;
	double lo = text_number(b->from->text, b->from->len),
	       hi = text_number(b->to->text, b->to->len);

	if (read_num(r, b, &out->n))
		return -1;
	l = (struct line){ .decimals = (unsigned)most,
			   .least = written_decimals(b->from, b->a),
			   .last = out->n - 1 };
	if (l.decimals < l.least)
		l.decimals = l.least;
	if (!b->log && (most > DECIMALS_MAX || !decimal_scale(b->a, l.decimals, &l.from) ||
			!decimal_scale(b->b, l.decimals, &l.to)))
		return COMPLAIN(r, b->from, "'%s' needs more than 18 digits", b->key->text);
	if (b->log && (lo == 0 || hi == 0 || (lo < 0) != (hi < 0)))
		return COMPLAIN(r, b->from, "with 'log', both ends must be above 0, or both below");
	rows = arena_alloc(r->a, out->n * sizeof *rows);
	for (uint64_t i = 0; i < out->n; i++) {
		char text[64];
		size_t len;
		long double part = (long double)i / (long double)(out->n > 1 ? out->n - 1 : 1);

		if (i == 0 || i + 1 == out->n) {
			const struct node *end = i ? b->to : b->from;

			rows[i] = (struct value){ VALUE_NUMBER,
						  arena_dupn(r->a, end->text, end->len), end->len };
			continue;
		}
		if (b->log)
			len = (size_t)snprintf(text, sizeof text, "%.15Lg",
					       lo * powl((long double)hi / lo, part));
		else
			len = linear_text(&l, i, text);
		rows[i] = (struct value){ VALUE_NUMBER, arena_dupn(r->a, text, len), len };
	}
	out->rows = rows;
	return 0;
}

int axis_habits(struct axis_reader *r, const struct node *key, const struct node *n)
{
	static const char linspace[] = "{from: .., to: .., num: ..}: both ends are included",
			  logspace[] = "{from: .., to: .., num: .., log: true}: both ends are "
				       "given as values, and are included",
			  arange[] = "{from: .., to: .., step: ..}: both ends are included";
	static const struct {
		const char *theirs, *ours;
	} rows[] = {
		{ "start", "'from'" },     { "begin", "'from'" },    { "min", "'from'" },
		{ "first", "'from'" },     { "lower", "'from'" },    { "stop", "'to'" },
		{ "end", "'to'" },         { "max", "'to'" },        { "last", "'to'" },
		{ "upper", "'to'" },       { "n", "'num'" },         { "count", "'num'" },
		{ "points", "'num'" },     { "by", "'step'" },       { "increment", "'step'" },
		{ "delta", "'step'" },     { "linspace", linspace }, { "logspace", logspace },
		{ "geomspace", logspace }, { "arange", arange },     { "range", arange },
	};
	int rc = 0;

	for (size_t i = 0; i < n->n; i++)
		for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
			if (strcmp(n->keys[i]->text, rows[k].theirs) == 0)
				rc = COMPLAIN(r, n->keys[i], "unknown key '%s' in '%s': write %s",
					      rows[k].theirs, key->text, rows[k].ours);
	return rc;
}

int axis_read_numbers(struct axis_reader *r, const struct node *key, const struct node *n,
		      struct axis *out)
{
	static const char *const keys[] = { "from", "to", "step", "num", "log", "was" };
	struct bounds b = { .key = key,
			    .from = node_get(n, "from"),
			    .to = node_get(n, "to"),
			    .step = node_get(n, "step"),
			    .num = node_get(n, "num") };
	int rc = axis_habits(r, key, n);

	if (rc)
		return -1;
	rc = axis_keys(r, n, keys, sizeof keys / sizeof *keys, key->text);
	axis_set_names(r, out, &key->text, 1);
	if (!b.from || !b.to)
		return COMPLAIN(r, n, "'%s' has no '%s': write {from: .., to: .., step: ..}",
				key->text, b.from ? "to" : "from");
	if (b.step && b.num)
		return COMPLAIN(r, n, "'%s' has both 'step' and 'num': choose one", key->text);
	if (!b.step && !b.num)
		return COMPLAIN(r, n, "'%s' needs 'step' or 'num'", key->text);
	if (axis_read_was(r, node_get(n, "was"), out->was) ||
	    axis_bool(r, node_get(n, "log"), "log", &b.log) ||
	    read_decimal(r, b.from, "from", &b.a) || read_decimal(r, b.to, "to", &b.b) || rc)
		return -1;
	if (b.log && b.step)
		return COMPLAIN(r, b.step, "'log' goes with 'num', not with 'step'");
	return b.step ? read_step(r, &b, out) : read_even(r, &b, out);
}
