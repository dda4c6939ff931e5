/* SPDX-License-Identifier: MIT */
/* UTF-8, quoting, showing, and near misses. Numbers are in text_number.c, units in text_unit.c. */
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define HIGH_BITS 0x8080808080808080u

size_t text_utf8_len(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned char low = 0x80, high = 0xbf; /* what the second byte may be */
	size_t len;

	if (n == 0) {
		return 0;
	}
	if (u[0] < 0x80) {
		return 1;
	}
	if (u[0] < 0xc2 || u[0] > 0xf4) {
		return 0;
	}
	len = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	if (n < len) {
		return 0;
	}
	if (u[0] == 0xe0) {
		low = 0xa0; /* shorter forms exist below */
	} else if (u[0] == 0xed) {
		high = 0x9f; /* surrogates above */
	} else if (u[0] == 0xf0) {
		low = 0x90;
	} else if (u[0] == 0xf4) {
		high = 0x8f; /* the end of Unicode */
	}
	if (u[1] < low || u[1] > high) {
		return 0;
	}
	for (size_t i = 2; i < len; i++) {
		if ((u[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	return len;
}

bool text_is_utf8(const char *s, size_t n)
{
	while (n) {
		size_t len;
		uint64_t word;

		while (n >= sizeof word) {
			memcpy(&word, s, sizeof word);
			if (word & HIGH_BITS) {
				break;
			}
			s += sizeof word;
			n -= sizeof word;
		}
		if (n == 0) {
			break;
		}
		len = text_utf8_len(s, n);
		if (len == 0) {
			return false;
		}
		s += len;
		n -= len;
	}
	return true;
}

bool text_eq(const char *s, size_t n, const char *word)
{
	return strlen(word) == n && (n == 0 || memcmp(s, word, n) == 0);
}

static bool is_name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

/* Whether sh would take the word as an assignment where a command may stand: NAME=... */
static bool shell_assigns(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && is_name_char(s[i], i == 0)) {
		i++;
	}
	return i > 0 && i < n && s[i] == '=';
}

static bool shell_safe(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_name_char(s[i], false) && (s[i] == '\0' || !strchr("@%+=:,./-", s[i]))) {
			return false;
		}
	}
	return n > 0 && !shell_assigns(s, n);
}

void text_put_shell(struct buf *b, const char *s, size_t n)
{
	if (shell_safe(s, n)) {
		buf_add(b, s, n);
		return;
	}
	buf_putc(b, '\'');
	while (n) {
		const char *quote = memchr(s, '\'', n);
		const size_t run = quote ? (size_t)(quote - s) : n;

		buf_add(b, s, run);
		s += run;
		n -= run;
		if (quote) {
			buf_puts(b, "'\\''");
			s++;
			n--;
		}
	}
	buf_putc(b, '\'');
}

/*
 * What stands for the character at s when it is shown: into `piece`, which has room for 8 bytes.
 * Returns how many bytes of s it stands for.
 */
static size_t shown_piece(const char *s, size_t n, char *piece, size_t *piece_len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char c = (unsigned char)s[0];
	const size_t len = text_utf8_len(s, n);
	const bool c1 = len == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0;

	if (c == '\n') {
		memcpy(piece, "\\n", 2);
		*piece_len = 2;
		return 1;
	}
	if (len == 0 || c < 0x20 || c == 0x7f || c1) {
		memcpy(piece, "\\x", 2);
		piece[2] = digits[c >> 4];
		piece[3] = digits[c & 15];
		*piece_len = 4;
		if (c1) { /* its second byte will not stand alone, so it is written here */
			memcpy(piece + 4, "\\x", 2);
			piece[6] = digits[(unsigned char)s[1] >> 4];
			piece[7] = digits[s[1] & 15];
			*piece_len = 8;
			return 2;
		}
		return 1;
	}
	memcpy(piece, s, len);
	*piece_len = len;
	return len;
}

void text_put_shown(struct buf *b, const char *s, size_t n, size_t most)
{
	const size_t start = b->len;

	buf_room(b, 0);
	while (n) {
		char piece[8];
		size_t piece_len;
		const size_t used = shown_piece(s, n, piece, &piece_len);

		if (most && b->len - start + piece_len > most) {
			buf_puts(b, "...");
			return;
		}
		buf_add(b, piece, piece_len);
		s += used;
		n -= used;
	}
}

/*
 * The Damerau-Levenshtein distance (neighbours swapped count once; "optimal string alignment").
 * `rows` has room for three rows of strlen(b) + 1.
 */
static size_t text_distance(const char *a, const char *b, size_t *rows)
{
	const size_t na = strlen(a), nb = strlen(b);
	size_t *before = rows, *last = rows + nb + 1, *row = rows + 2 * (nb + 1);

	for (size_t j = 0; j <= nb; j++) {
		last[j] = j;
	}
	for (size_t i = 1; i <= na; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);

			best = last[j] + 1 < best ? last[j] + 1 : best;
			best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < best) {
				best = before[j - 2] + 1;
			}
			row[j] = best;
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[nb];
}

/* The only candidate that differs from the word in upper and lower case alone. */
static const char *nearest_but_case(const char *word, const char *const *candidates, size_t n)
{
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(word, candidates[i]) != 0) {
			continue;
		}
		if (found && strcmp(found, candidates[i]) != 0) {
			return NULL;
		}
		found = candidates[i];
	}
	return found;
}

const char *text_nearest(const char *word, const char *const *candidates, size_t n)
{
	const size_t len = strlen(word), most = len == 2 ? 1 : len / 3;
	const char *nearest = len ? nearest_but_case(word, candidates, n) : NULL;
	size_t best = most + 1;
	size_t *rows;
	bool tie = false;

	if (nearest || most == 0 || len > 1000) {
		return nearest;
	}
	rows = mem_array(3 * (len + 1), sizeof *rows);
	for (size_t i = 0; i < n; i++) {
		const size_t other = strlen(candidates[i]);
		size_t distance;

		if (other + most < len || other > len + most) {
			continue;
		}
		distance = text_distance(candidates[i], word, rows);
		tie |= len == 2 && nearest && distance == best &&
		       strcmp(nearest, candidates[i]) != 0;
		if (other > 0 && distance < best) {
			best = distance;
			nearest = candidates[i];
		}
	}
	free(rows);
	return tie ? NULL : nearest;
}
