/* SPDX-License-Identifier: MIT */
/* Small questions about text: UTF-8, numbers, sizes, durations, quoting, near misses. */
#ifndef PPGEN_BASE_TEXT_H
#define PPGEN_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

bool text_is_utf8(const char *s, size_t n); /* well-formed (RFC 3629); NUL bytes are allowed */
size_t text_utf8_len(const char *s,
		     size_t n); /* bytes of the well-formed character at s, 1 to 4; 0: none */
bool text_eq(const char *s, size_t n, const char *word);

/*
 * Our grammar of numbers (YAML 1.2 core's decimal ones, less leading zeros, which are text):
 *   [-+]? ( (0|[1-9][0-9]*) ('.' [0-9]*)? | '.' [0-9]+ ) ([eE] [-+]? [0-9]+)?
 * So 1, -0.5, .5, 3., 1e-3 are numbers; 010, 0x1F, 1_000, .inf, nan and the empty text are not.
 */
bool text_is_number(const char *s, size_t n);
bool text_is_integer(const char *s, size_t n);     /* [-+]?(0|[1-9][0-9]*) */
bool text_is_json_number(const char *s, size_t n); /* RFC 8259 */
double text_number(const char *s, size_t n); /* of a text_is_number text; locale-independent */
bool text_u64(const char *s, size_t n,
	      uint64_t *out); /* decimal digits only, all of them, in range */

#define TEXT_DOUBLE_MAX 32
size_t text_of_double(
	double d,
	char out[TEXT_DOUBLE_MAX]); /* 15 to 17 digits, as few as read back as d; its length */

/* "2G", "1.5G", "512M", "100k", "1024" (bytes), also with B or iB behind; powers of 1024. */
bool text_size(const char *s, size_t n, uint64_t *bytes);
/* "90" (seconds), "10m", "2h", "1d", "1h30m", "1-12:00:00", "2:00:00", "30:00" (m:s). */
bool text_duration(const char *s, size_t n, uint64_t *seconds);

void text_put_size(struct buf *b,
		   uint64_t bytes); /* "1.5G": the largest exact or one-decimal unit */
void text_put_duration(struct buf *b,
		       double seconds);         /* "0.3s", "42s", "3m 05s", "2h 10m", "3d 04h" */
void text_put_count(struct buf *b, uint64_t n); /* "1,000,000" */

/* A word as POSIX sh would have to be given it: as it is where that is safe, else in single quotes.
 */
void text_put_shell(struct buf *b, const char *s, size_t n);

/*
 * For showing to people on one line: control characters and invalid UTF-8 as \xNN, newline as \n;
 * cut with "..." after `most` bytes (0: not cut).
 */
void text_put_shown(struct buf *b, const char *s, size_t n, size_t most);

/*
 * The candidate nearest to `word`, or NULL: one that differs only in case; else by
 * Damerau-Levenshtein, at most a third of the word's length. For a word of two letters one edit
 * will do where only one candidate is that near.
 */
const char *text_nearest(const char *word, const char *const *candidates, size_t n);

#endif
