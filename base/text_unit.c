/* SPDX-License-Identifier: MIT */
/* Sizes, durations and counts: read as users write them, written as people read them. */
#include "base/text.h"

#include <string.h>

static const char SIZE_UNITS[] = "BKMGTPE"; /* powers of 1024 */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The power of 1024 that a unit means ("", "G", "GB", "GiB", "B"), or -1. */
static int size_unit(const char *s, size_t n)
{
	const char *at;

	if (n == 0) {
		return 0;
	}
	at = s[0] ? strchr(SIZE_UNITS, s[0] >= 'a' && s[0] <= 'z' ? s[0] - 'a' + 'A' : s[0]) : NULL;
	if (!at || (at == SIZE_UNITS && n > 1)) {
		return -1;
	}
	if (n == 1 || text_eq(s + 1, n - 1, "B") || text_eq(s + 1, n - 1, "iB")) {
		return (int)(at - SIZE_UNITS);
	}
	return -1;
}

bool text_size(const char *s, size_t n, uint64_t *bytes)
{
	uint64_t whole, part = 0, scale = 1, unit;
	size_t i = 0, point;
	int power;

	while (i < n && is_digit(s[i])) {
		i++;
	}
	if (!text_u64(s, i, &whole)) {
		return false;
	}
	point = i;
	if (i < n && s[i] == '.') {
		for (i++; i < n && is_digit(s[i]); i++) {
			if (i - point > 9) {
				return false;
			}
			part = part * 10 + (uint64_t)(s[i] - '0');
			scale *= 10;
		}
		if (scale == 1) {
			return false;
		}
	}
	power = size_unit(s + i, n - i);
	if (power < 0 || (power == 0 && scale > 1)) {
		return false;
	}
	unit = (uint64_t)1 << (10 * power);
	/* part * unit / scale, in two steps that do not overflow */
	part = unit / scale * part + unit % scale * part / scale;
	if (__builtin_mul_overflow(whole, unit, &whole) ||
	    __builtin_add_overflow(whole, part, &whole)) {
		return false;
	}
	*bytes = whole;
	return true;
}

/* Reads digits at *i; false when there are none, or too many. */
static bool take_u64(const char *s, size_t n, size_t *i, uint64_t *v)
{
	const size_t from = *i;

	while (*i < n && is_digit(s[*i])) {
		(*i)++;
	}
	return text_u64(s + from, *i - from, v);
}

static bool sum_scaled(uint64_t *sum, uint64_t v, uint64_t scale)
{
	return !__builtin_mul_overflow(v, scale, &v) && !__builtin_add_overflow(*sum, v, sum);
}

/* "1h30m": each unit at most once, the larger first. */
static bool duration_units(const char *s, size_t n, uint64_t *seconds)
{
	static const char units[] = "dhms";
	static const uint64_t scales[] = { 86400, 3600, 60, 1 };
	uint64_t v, sum = 0;
	size_t next = 0;

	for (size_t i = 0; i < n; i++) {
		const char *at;

		if (!take_u64(s, n, &i, &v) || i == n || s[i] == '\0') {
			return false;
		}
		at = strchr(units + next, s[i]);
		if (!at || !sum_scaled(&sum, v, scales[at - units])) {
			return false;
		}
		next = (size_t)(at - units) + 1;
	}
	*seconds = sum;
	return n > 0;
}

/* "30:00" (m:s), "2:00:00", and behind days "1-12", "1-12:00", "1-12:00:00" (h first). */
static bool duration_clock(const char *s, size_t n, uint64_t *seconds)
{
	static const uint64_t scales[] = { 3600, 60, 1 };
	const char *dash = memchr(s, '-', n);
	uint64_t field[3], sum = 0, days;
	size_t i = 0, count = 0, first;

	if (dash) {
		if (!take_u64(s, n, &i, &days) || s + i != dash || !sum_scaled(&sum, days, 86400)) {
			return false;
		}
		i++;
	}
	for (;; i++) {
		const size_t from = i;

		if (count == 3 || !take_u64(s, n, &i, &field[count])) {
			return false;
		}
		if (count > 0 && (i - from > 2 || field[count] > 59)) {
			return false;
		}
		count++;
		if (i == n) {
			break;
		}
		if (s[i] != ':') {
			return false;
		}
	}
	if (dash && field[0] > 23) {
		return false;
	}
	first = dash ? 0 : 3 - count;
	for (size_t k = 0; k < count; k++) {
		if (!sum_scaled(&sum, field[k], scales[first + k])) {
			return false;
		}
	}
	*seconds = sum;
	return true;
}

bool text_duration(const char *s, size_t n, uint64_t *seconds)
{
	if (n == 0) {
		return false;
	}
	if (memchr(s, ':', n) || memchr(s, '-', n)) {
		return duration_clock(s, n, seconds);
	}
	return text_u64(s, n, seconds) || duration_units(s, n, seconds);
}

void text_put_size(struct buf *b, uint64_t bytes)
{
	size_t power = 0;
	uint64_t tenths, unit;

	while (SIZE_UNITS[power + 1] && bytes >> (10 * (power + 1))) {
		power++;
	}
	for (;; power++) {
		unit = (uint64_t)1 << (10 * power);
		tenths = bytes / unit * 10 + (bytes % unit * 10 + unit / 2) / unit;
		if (tenths < 10240 || !SIZE_UNITS[power + 1]) {
			break;
		}
	}
	buf_put_u64(b, tenths / 10);
	if (tenths % 10) {
		buf_putc(b, '.');
		buf_putc(b, (char)('0' + tenths % 10));
	}
	buf_putc(b, SIZE_UNITS[power]);
}

void text_put_duration(struct buf *b, double seconds)
{
	static const struct {
		uint64_t above, large, small;
		char names[2];
	} forms[] = {
		{ 86400, 86400, 3600, { 'd', 'h' } },
		{ 3600, 3600, 60, { 'h', 'm' } },
		{ 60, 60, 1, { 'm', 's' } },
	};
	uint64_t s;

	if (!(seconds > 0)) {
		seconds = 0;
	}
	if (seconds > 1e15) {
		seconds = 1e15;
	}
	s = (uint64_t)(seconds * 10 + 0.5);
	if (s < 100) {
		buf_printf(b, "%d.%ds", (int)(s / 10), (int)(s % 10));
		return;
	}
	s = (uint64_t)(seconds + 0.5);
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if (s >= forms[i].above) {
			buf_printf(b, "%llu%c %02u%c", (unsigned long long)(s / forms[i].large),
				   forms[i].names[0],
				   (unsigned)(s % forms[i].large / forms[i].small),
				   forms[i].names[1]);
			return;
		}
	}
	buf_printf(b, "%us", (unsigned)s);
}

void text_put_count(struct buf *b, uint64_t n)
{
	char digits[24];
	size_t len = 0;

	do {
		digits[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	while (len) {
		buf_putc(b, digits[--len]);
		if (len && len % 3 == 0) {
			buf_putc(b, ',');
		}
	}
}
