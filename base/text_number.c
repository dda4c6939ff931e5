/* SPDX-License-Identifier: MIT */
/* The grammars of numbers, and their values whatever the locale. */
#include "base/text.h"

#include <float.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t skip_digits(const char *s, size_t i, size_t n)
{
	while (i < n && is_digit(s[i])) {
		i++;
	}
	return i;
}

/* Behind the mantissa: nothing, or a whole exponent. */
static bool exponent_or_end(const char *s, size_t i, size_t n)
{
	if (i == n) {
		return true;
	}
	if (s[i] != 'e' && s[i] != 'E') {
		return false;
	}
	i++;
	if (i < n && (s[i] == '-' || s[i] == '+')) {
		i++;
	}
	return i < n && skip_digits(s, i, n) == n;
}

bool text_is_integer(const char *s, size_t n)
{
	size_t i = 0;

	if (i < n && (s[i] == '-' || s[i] == '+')) {
		i++;
	}
	if (i == n) {
		return false;
	}
	return s[i] == '0' ? i + 1 == n : skip_digits(s, i, n) == n;
}

bool text_is_number(const char *s, size_t n)
{
	size_t i = 0, start;

	if (i < n && (s[i] == '-' || s[i] == '+')) {
		i++;
	}
	start = i;
	if (i < n && s[i] == '0') {
		i++;
	} else {
		i = skip_digits(s, i, n);
	}
	if (i < n && s[i] == '.') {
		const size_t whole = i - start, end = skip_digits(s, i + 1, n);

		if (whole == 0 && end == i + 1) {
			return false;
		}
		i = end;
	}
	return i > start && exponent_or_end(s, i, n);
}

bool text_is_json_number(const char *s, size_t n)
{
	size_t i = 0, start;

	if (i < n && s[i] == '-') {
		i++;
	}
	start = i;
	if (i < n && s[i] == '0') {
		i++;
	} else {
		i = skip_digits(s, i, n);
	}
	if (i == start) {
		return false;
	}
	if (i < n && s[i] == '.') {
		const size_t end = skip_digits(s, i + 1, n);

		if (end == i + 1) {
			return false;
		}
		i = end;
	}
	return exponent_or_end(s, i, n);
}

#if FLT_EVAL_METHOD == 0
/*
 * Up to 15 digits and a power of ten up to 22 are exact in a double, so that one multiplication or
 * division rounds rightly (Clinger's fast path). False when the text is not that simple.
 */
static bool number_simple(const char *s, size_t n, double *out)
{
	static const double tens[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
				       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
				       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
	uint64_t digits = 0;
	int count = 0, scale = 0, exponent = 0;
	bool negative = false, small = false, behind = false;
	size_t i = 0;
	double v;

	if (i < n && (s[i] == '-' || s[i] == '+')) {
		negative = s[i++] == '-';
	}
	for (; i < n && (is_digit(s[i]) || s[i] == '.'); i++) {
		if (s[i] == '.') {
			behind = true;
			continue;
		}
		digits = digits * 10 + (uint64_t)(s[i] - '0');
		count += count > 0 || s[i] != '0';
		scale += behind;
		if (count > 15 || scale > 1000) {
			return false;
		}
	}
	if (i < n) {
		i++; /* the e */
		if (i < n && (s[i] == '-' || s[i] == '+')) {
			small = s[i++] == '-';
		}
		for (; i < n; i++) {
			exponent = exponent * 10 + (s[i] - '0');
			if (exponent > 1000) {
				return false;
			}
		}
	}
	exponent = (small ? -exponent : exponent) - scale;
	if (exponent < -22 || exponent > 22) {
		return false;
	}
	v = (double)digits;
	v = exponent < 0 ? v / tens[-exponent] : v * tens[exponent];
	*out = negative ? -v : v;
	return true;
}
#else
static bool number_simple(const char *s, size_t n, double *out)
{
	(void)s;
	(void)n;
	(void)out;
	return false;
}
#endif

double text_number(const char *s, size_t n)
{
	static locale_t plain;
	char few[64];
	char *copy = few;
	double v;

	if (number_simple(s, n, &v)) {
		return v;
	}
	if (!plain) {
		plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	}
	if (n >= sizeof few) {
		copy = mem_dupn(s, n);
	} else {
		memcpy(few, s, n);
		few[n] = '\0';
	}
	v = plain ? strtod_l(copy, NULL, plain) : strtod(copy, NULL);
	if (copy != few) {
		free(copy);
	}
	return v;
}

bool text_u64(const char *s, size_t n, uint64_t *out)
{
	uint64_t v = 0;

	if (n == 0) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		const unsigned digit = (unsigned)(unsigned char)s[i] - '0';

		if (digit > 9 || v > UINT64_MAX / 10 ||
		    (v == UINT64_MAX / 10 && digit > UINT64_MAX % 10)) {
			return false;
		}
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

size_t text_of_double(double d, char out[TEXT_DOUBLE_MAX])
{
	int n = 0;

	for (int digits = 15; digits <= 17; digits++) {
		n = snprintf(out, TEXT_DOUBLE_MAX, "%.*g", digits, d);
		for (int i = 0; i < n; i++) {
			if (out[i] == ',') { /* a locale's decimal point */
				out[i] = '.';
			}
		}
		if (text_number(out, (size_t)n) == d) {
			break;
		}
	}
	return (size_t)n;
}
