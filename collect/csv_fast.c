/* SPDX-License-Identifier: MIT */
/* Lines without quotes: separators are counted eight bytes at a time. */
#include "collect/csv_fast.h"

#include <string.h>

#define ONES UINT64_C(0x0101010101010101)
#define LOWS UINT64_C(0x7f7f7f7f7f7f7f7f)

bool csv_lines_plain(const char *p, size_t n)
{
	return !memchr(p, '"', n) && !memchr(p, '\r', n);
}

/* The top bit of every byte of `word` that equals the byte repeated in `same`; exact, without
 * carries. */
static inline uint64_t bytes_equal(uint64_t word, uint64_t same)
{
	const uint64_t x = word ^ same;

	return ~(((x & LOWS) + LOWS) | x | LOWS);
}

static inline size_t count_marks(uint64_t marks)
{
	return (size_t)(((marks >> 7) * ONES) >> 56);
}

/* The end of the line at p (its newline, or `end`); how many separators stand before it. */
static inline const char *scan_line(const char *p, const char *end, char sep, size_t *seps)
{
	const uint64_t newlines = ONES * (unsigned char)'\n',
		       separators = ONES * (unsigned char)sep;
	size_t n = 0;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	for (; end - p >= 8; p += 8) {
		uint64_t word, ends, marks;

		memcpy(&word, p, 8);
		ends = bytes_equal(word, newlines);
		marks = bytes_equal(word, separators);
		if (ends) {
			marks &= (ends & -ends) - 1; /* those before the first newline */
			*seps = n + count_marks(marks);
			return p + __builtin_ctzll(ends) / 8;
		}
		n += count_marks(marks);
	}
#else
	(void)newlines;
	(void)separators;
#endif
	for (; p < end && *p != '\n'; p++)
		n += *p == sep;
	*seps = n;
	return p;
}

/* As base/csv.h has it: nothing but blanks, where those are no separators. */
static bool is_blank(const char *p, const char *end, char sep)
{
	while (p < end && (*p == ' ' || (*p == '\t' && sep != '\t')))
		p++;
	return p == end;
}

bool csv_lines_take(struct csv_lines *l, const char **run, size_t *n, uint64_t *rows)
{
	*run = l->p;
	*rows = 0;
	l->cells = 0;
	while (l->p < l->end) {
		size_t seps;
		const char *to = scan_line(l->p, l->end, l->sep, &seps);
		const char *next = to < l->end ? to + 1 : to;

		if ((seps == 0 || seps + 1 != l->columns) && is_blank(l->p, to, l->sep)) {
			if (*rows)
				break;
			*run = next;
		} else if (seps + 1 != l->columns) {
			l->cells = seps + 1;
			break;
		} else {
			++*rows;
		}
		l->p = next;
		l->line++;
	}
	*n = (size_t)(l->p - *run);
	return *rows > 0;
}
