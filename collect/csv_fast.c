/* SPDX-License-Identifier: MIT */
/*
 * Lines without quotes. Of 64 bytes at a time three masks tell where newlines, separators and odd
 * bytes are: so a line costs a few instructions, whatever is in it.
 */
#include "collect/csv_fast.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/word.h"

#define BLOCK ((size_t)64)

#define WORD_LOWS UINT64_C(0x7f7f7f7f7f7f7f7f)
#define GATHER    UINT64_C(0x0102040810204080) /* brings the lowest bits of eight bytes together */

/* A bit a byte, the first byte's is the lowest. */
struct masks {
	uint64_t newlines, separators, odd;
};

typedef void (*masks_fn)(const char *p, char sep, struct masks *m);

/* A bit for every byte of `word` that is c; exact, without carries. */
static inline uint64_t bits_equal(uint64_t word, char c)
{
	const uint64_t x = word ^ (WORD_ONES * (unsigned char)c);
	const uint64_t marks = ~(((x & WORD_LOWS) + WORD_LOWS) | x | WORD_LOWS);

	return ((marks >> 7) * GATHER) >> 56;
}

static inline void masks_anywhere(const char *p, char sep, struct masks *m)
{
	*m = (struct masks){ 0, 0, 0 };
	for (size_t i = 0; i < BLOCK; i += 8) {
		const uint64_t word = word_load(p + i);

		m->newlines |= bits_equal(word, '\n') << i;
		m->separators |= bits_equal(word, sep) << i;
		m->odd |= (bits_equal(word, '"') | bits_equal(word, '\r')) << i;
	}
}

/* The line that ends at `to` with so many separators, where it is not simply right. */
enum line { LINE_RIGHT, LINE_BLANK, LINE_RAGGED };

static enum line line_kind(const struct csv_lines *l, const char *from, const char *to, size_t seps)
{
	const char *p = from;

	/* as base/csv.h has it: nothing but blanks, where those are no separators */
	while (p < to && (*p == ' ' || (*p == '\t' && l->sep != '\t'))) {
		p++;
	}
	if (p == to) {
		return LINE_BLANK;
	}
	return seps + 1 == l->columns ? LINE_RIGHT : LINE_RAGGED;
}

/* Ends a walk before, or (a blank line that begins it) behind, a line that is not right. */
static bool walk_stop(struct csv_lines *l, enum line kind, size_t seps)
{
	if (kind == LINE_RAGGED) {
		l->cells = seps + 1;
	}
	return kind != LINE_RIGHT;
}

/* See csv_lines_take; from l->p, which begins no blank line. l->p is then behind what was taken. */
static inline __attribute__((always_inline)) uint64_t walk(struct csv_lines *l, masks_fn masks_of)
{
	const size_t want = l->columns - 1;
	size_t seps = 0;
	uint64_t rows = 0;

	for (const char *p = l->p; p < l->end; p += BLOCK) {
		char room[BLOCK] = { 0 };
		struct masks m;

		if ((size_t)(l->end - p) >= BLOCK) {
			masks_of(p, l->sep, &m);
		} else {
			memcpy(room, p, (size_t)(l->end - p));
			masks_of(room, l->sep, &m);
		}
		if (m.odd) {
			m.newlines &= (m.odd & -m.odd) - 1;
		}
		while (m.newlines) {
			const uint64_t before = (m.newlines & -m.newlines) - 1;
			const char *to = p + __builtin_ctzll(m.newlines);

			seps += (size_t)__builtin_popcountll(m.separators & before);
			if ((seps != want || seps == 0) &&
			    walk_stop(l, line_kind(l, l->p, to, seps), seps)) {
				return rows;
			}
			rows++;
			l->p = to + 1;
			seps = 0;
			m.separators &= ~before;
			m.newlines &= m.newlines - 1;
		}
		if (m.odd) {
			l->odd = p + __builtin_ctzll(m.odd);
			return rows;
		}
		seps += (size_t)__builtin_popcountll(m.separators);
	}
	/* the text's last line has no newline */
	if (l->p < l->end && !walk_stop(l, line_kind(l, l->p, l->end, seps), seps)) {
		rows++;
		l->p = l->end;
	}
	return rows;
}

static void skip_blank_lines(struct csv_lines *l)
{
	while (l->p < l->end) {
		const char *newline;
		const char c = *l->p;

		if (c != '\n' && c != ' ' && c != '\t') {
			return; /* which is nearly always so */
		}
		newline = memchr(l->p, '\n', (size_t)(l->end - l->p));
		if (line_kind(l, l->p, newline ? newline : l->end, 0) != LINE_BLANK) {
			return;
		}
		l->p = newline ? newline + 1 : l->end;
		l->line++;
	}
}

static inline __attribute__((always_inline)) bool take(struct csv_lines *l, const char **run,
						       size_t *n, uint64_t *rows, masks_fn masks_of)
{
	skip_blank_lines(l);
	l->cells = 0;
	l->odd = NULL;
	*run = l->p;
	*rows = walk(l, masks_of);
	*n = (size_t)(l->p - *run);
	l->line += *rows;
	return *rows > 0;
}

bool csv_lines_take_anywhere(struct csv_lines *l, const char **run, size_t *n, uint64_t *rows)
{
	return take(l, run, n, rows, masks_anywhere);
}

char *csv_lines_drop_crs(char *from, const char *cr, const char *end)
{
	const char *quote = memchr(cr, '"', (size_t)(end - cr));
	const char *last = memrchr(cr, '\n', (size_t)((quote ? quote : end) - cr));
	char *out = from + (last + 1 - from); /* what begins at `rest` is to stand here */
	char *rest = out;
	char *at;

	for (char *to = out; (at = memrchr(from, '\r', (size_t)(to - from))) != NULL; to = at) {
		if (at[1] == '\n' && (at == from || at[-1] != '\r')) {
			const size_t n = (size_t)(rest - at) - 1;

			out -= n;
			memmove(out, at + 1, n);
			rest = at;
		}
	}
	out -= rest - from;
	memmove(out, from, (size_t)(rest - from));
	return out;
}

#if defined(__x86_64__)
#define WIDE __attribute__((target("avx2,popcnt,bmi")))

WIDE static inline uint64_t bits_of(__m256i low, __m256i high)
{
	return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
							     << 32;
}

WIDE static inline void masks_wide(const char *p, char sep, struct masks *m)
{
	const __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)p);
	const __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(p + BLOCK / 2));
	const __m256i newline = _mm256_set1_epi8('\n'), separator = _mm256_set1_epi8(sep);
	const __m256i quote = _mm256_set1_epi8('"'), cr = _mm256_set1_epi8('\r');

	m->newlines = bits_of(_mm256_cmpeq_epi8(low, newline), _mm256_cmpeq_epi8(high, newline));
	m->separators =
		bits_of(_mm256_cmpeq_epi8(low, separator), _mm256_cmpeq_epi8(high, separator));
	m->odd = bits_of(
		_mm256_or_si256(_mm256_cmpeq_epi8(low, quote), _mm256_cmpeq_epi8(low, cr)),
		_mm256_or_si256(_mm256_cmpeq_epi8(high, quote), _mm256_cmpeq_epi8(high, cr)));
}

WIDE static bool take_wide(struct csv_lines *l, const char **run, size_t *n, uint64_t *rows)
{
	return take(l, run, n, rows, masks_wide);
}

static bool is_wide(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") &&
	       __builtin_cpu_supports("bmi");
}
#else
static bool take_wide(struct csv_lines *l, const char **run, size_t *n, uint64_t *rows)
{
	return csv_lines_take_anywhere(l, run, n, rows);
}

static bool is_wide(void)
{
	return false;
}
#endif

bool csv_lines_take(struct csv_lines *l, const char **run, size_t *n, uint64_t *rows)
{
	return is_wide() ? take_wide(l, run, n, rows) : csv_lines_take_anywhere(l, run, n, rows);
}
