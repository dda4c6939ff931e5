/* SPDX-License-Identifier: MIT */
/* Writing JSON. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/word.h"

static void put_escape(struct buf *b, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";
	static const char bytes[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
	const char *at = c ? strchr(bytes, c) : NULL;
	char unit[6] = { '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] };

	if (at) {
		unit[1] = names[at - bytes];
	}
	buf_add(b, unit, at ? 2 : 6);
}

/* Eight bytes of ASCII that need no escape. */
static inline bool is_plain_word(uint64_t w)
{
	return !((w & WORD_HIGHS) | word_marks(w, '"') | word_marks(w, '\\') | word_below(w, 0x20));
}

/* How many bytes from s on are ASCII that needs no escape. */
static inline size_t plain_length(const char *s, size_t n)
{
	size_t i = 0;

	while (n - i >= 8 && is_plain_word(word_load(s + i))) {
		i += 8;
	}
	while (i < n && (unsigned char)s[i] >= 0x20 && (unsigned char)s[i] < 0x80 && s[i] != '"' &&
	       s[i] != '\\') {
		i++;
	}
	return i;
}

void json_put(struct buf *b, const char *s, size_t n)
{
	buf_putc(b, '"');
	buf_room(b, n + 1);
	while (n) {
		const size_t plain = plain_length(s, n);
		size_t len;

		buf_add(b, s, plain);
		s += plain;
		n -= plain;
		if (n == 0) {
			break;
		}
		len = text_utf8_len(s, n);
		if (len > 1) {
			buf_add(b, s, len);
		} else if (len == 1) {
			put_escape(b, (unsigned char)*s);
		} else {
			buf_puts(b, "\xef\xbf\xbd");
			len = 1;
		}
		s += len;
		n -= len;
	}
	buf_putc(b, '"');
}

void json_puts(struct buf *b, const char *s)
{
	if (s) {
		json_put(b, s, strlen(s));
	} else {
		buf_puts(b, "null");
	}
}

void json_put_sep(struct buf *b)
{
	if (b->len > 0 && b->data[b->len - 1] != '{' && b->data[b->len - 1] != '[' &&
	    b->data[b->len - 1] != ':') {
		buf_putc(b, ',');
	}
}

void json_put_key(struct buf *b, const char *key)
{
	json_put_sep(b);
	json_put(b, key, strlen(key));
	buf_putc(b, ':');
}
