/* SPDX-License-Identifier: MIT */
/*
 * Walking JSON that is known to be right, and what its values mean. The one who checks is
 * json_parse.c, the one who writes json_write.c. A journal has millions of lines and nearly every
 * byte of them passes here, so nothing is checked, copied or allocated; nothing beyond `end` is
 * read either, whatever the text.
 */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/word.h"

/* Bytes that end a number or a word: structure and white space. */
static const bool ENDS_WORD[256] = { [','] = true,  ['}'] = true,  [']'] = true, [' '] = true,
				     ['\n'] = true, ['\t'] = true, ['\r'] = true };

static inline bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static inline const char *skip_space(const char *p, const char *end)
{
	while (p < end && is_space(*p)) {
		p++;
	}
	return p;
}

/* The first quote or backslash from p on, or end. */
static inline const char *find_quote(const char *p, const char *end)
{
	while (end - p >= 8) {
		const uint64_t marks =
			word_marks(word_load(p), '"') | word_marks(word_load(p), '\\');

		if (marks) {
			return p + word_first(marks);
		}
		p += 8;
	}
	while (p < end && *p != '"' && *p != '\\') {
		p++;
	}
	return p;
}

/* From an opening quote to behind the closing one. */
static inline const char *skip_string(const char *p, const char *end)
{
	for (p++;;) {
		p = find_quote(p, end);
		if (p >= end) {
			return end;
		}
		if (*p == '"') {
			return p + 1;
		}
		p += end - p > 1 ? 2 : 1;
	}
}

/* From an opening bracket to behind the closing one. */
static const char *skip_nested(const char *p, const char *end)
{
	size_t depth = 0;

	while (p < end) {
		switch (*p) {
		case '"':
			p = skip_string(p, end);
			continue;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (--depth == 0) {
				return p + 1;
			}
			break;
		default:
			break;
		}
		p++;
	}
	return end;
}

static inline const char *skip_word(const char *p, const char *end)
{
	while (p < end && !ENDS_WORD[(unsigned char)*p]) {
		p++;
	}
	return p;
}

static inline enum json_type type_of(char c)
{
	switch (c) {
	case '"':
		return JSON_STRING;
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case 't':
	case 'f':
		return JSON_BOOL;
	case 'n':
		return JSON_NULL;
	default:
		return c == '-' || (c >= '0' && c <= '9') ? JSON_NUMBER : JSON_NONE;
	}
}

/* Takes the value at p; returns where it ends. */
static inline const char *take_value(const char *p, const char *end, struct json *out)
{
	const char *const from = p;

	out->type = type_of(*p);
	if (out->type == JSON_STRING) {
		p = skip_string(p, end);
	} else if (out->type == JSON_OBJECT || out->type == JSON_ARRAY) {
		p = skip_nested(p, end);
	} else {
		p = skip_word(p, end);
	}
	out->text = from;
	out->len = (size_t)(p - from);
	return p;
}

struct json json_trust(const char *text, size_t len)
{
	struct json v = { JSON_NONE, text, 0 };
	const char *end = text + len;
	const char *p = skip_space(text, end);

	if (p == end) {
		return v;
	}
	while (is_space(end[-1])) {
		end--;
	}
	v.type = type_of(*p);
	v.text = p;
	v.len = (size_t)(end - p);
	return v;
}

struct json_iter json_iter(struct json v)
{
	struct json_iter it = { NULL, NULL, v.type };

	if ((v.type == JSON_OBJECT || v.type == JSON_ARRAY) && v.len >= 2) {
		it.p = v.text + 1;
		it.end = v.text + v.len - 1;
	}
	return it;
}

bool json_next(struct json_iter *it, struct json *key, struct json *val)
{
	const char *const end = it->end;
	const char *p = skip_space(it->p, end);

	if (key) {
		*key = (struct json){ JSON_NONE, p, 0 };
	}
	if (it->type == JSON_OBJECT) {
		const char *const from = p;

		if (p == end || *p != '"') {
			return false;
		}
		p = skip_string(p, end);
		if (key) {
			*key = (struct json){ JSON_STRING, from, (size_t)(p - from) };
		}
		p = skip_space(p, end);
		if (p == end || *p != ':') {
			return false;
		}
		p = skip_space(p + 1, end);
	}
	if (p == end) {
		return false;
	}
	struct json v;

	p = take_value(p, end, &v);
	if (v.len == 0) {
		return false;
	}
	if (val) {
		*val = v;
	}
	p = skip_space(p, end);
	it->p = p < end && *p == ',' ? p + 1 : p;
	return true;
}

struct json json_get(struct json object, const char *key)
{
	const size_t n = strlen(key);
	const bool plain =
		!memchr(key, '\\', n); /* so that it may be compared with what is written */
	struct json_iter it = json_iter(object);
	struct json name, v;

	if (object.type == JSON_OBJECT) {
		while (json_next(&it, &name, &v)) {
			if (name.len == n + 2 && plain && memcmp(name.text + 1, key, n) == 0) {
				return v;
			}
			if (name.len > n + 2 && json_eq(name, key)) {
				return v;
			}
		}
	}
	return (struct json){ JSON_NONE, NULL, 0 };
}

/* The inside of a string; what an unclosed one lacks is not missed. */
static const char *string_inside(struct json string, size_t *n)
{
	*n = string.len > 1 && string.text[string.len - 1] == '"' ? string.len - 2 : string.len - 1;
	return string.text + 1;
}

bool json_eq(struct json string, const char *s)
{
	const size_t want = strlen(s);
	struct buf b = BUF_INIT;
	const char *text;
	size_t n;
	bool same;

	if (string.type != JSON_STRING) {
		return false;
	}
	text = string_inside(string, &n);
	if (n == want && memcmp(text, s, n) == 0) {
		return !memchr(s, '\\', want);
	}
	if (n < want || !memchr(text, '\\', n)) {
		return false;
	}
	json_put_decoded(&b, string);
	same = text_eq(b.data, b.len, s);
	buf_free(&b);
	return same;
}

void json_get_each(struct json object, const char *const *keys, size_t n, struct json *out)
{
	struct json_iter it = json_iter(object);
	struct json name, v;
	size_t left = n;

	for (size_t i = 0; i < n; i++) {
		out[i] = (struct json){ JSON_NONE, NULL, 0 };
	}
	while (left && object.type == JSON_OBJECT && json_next(&it, &name, &v)) {
		for (size_t i = 0; i < n; i++) {
			if (out[i].type == JSON_NONE && name.len > 1 &&
			    text_eq(name.text + 1, name.len - 2, keys[i])) {
				out[i] = v;
				left--;
				break;
			}
		}
	}
}

/* Four hexadecimal digits, or -1. */
static long hex4(const char *p, const char *end)
{
	long v = 0;

	if (end - p < 4) {
		return -1;
	}
	for (int i = 0; i < 4; i++) {
		const char c = p[i];
		const char low = (char)(c | 0x20);

		if (c >= '0' && c <= '9') {
			v = v * 16 + (c - '0');
		} else if (low >= 'a' && low <= 'f') {
			v = v * 16 + (low - 'a' + 10);
		} else {
			return -1;
		}
	}
	return v;
}

static void put_utf8(struct buf *b, long c)
{
	/* what marks the first byte of each length */
	static const unsigned char marks[] = { 0, 0x00, 0xc0, 0xe0, 0xf0 };
	const int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	buf_putc(b, (char)(marks[n] | (c >> (6 * (n - 1)))));
	for (int i = n - 2; i >= 0; i--) {
		buf_putc(b, (char)(0x80 | ((c >> (6 * i)) & 0x3f)));
	}
}

/* Behind "\u": one character, of two escapes where it is a pair of surrogates; a lone one becomes
 * U+FFFD. */
static const char *put_escaped_unit(struct buf *b, const char *p, const char *end)
{
	long c = hex4(p, end), low;

	if (c < 0) {
		put_utf8(b, 0xfffd);
		return p;
	}
	p += 4;
	if (c >= 0xd800 && c <= 0xdbff && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
		low = hex4(p + 2, end);
		if (low >= 0xdc00 && low <= 0xdfff) {
			put_utf8(b, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
			return p + 6;
		}
	}
	put_utf8(b, c >= 0xd800 && c <= 0xdfff ? 0xfffd : c);
	return p;
}

void json_put_decoded(struct buf *b, struct json string)
{
	static const char names[] = "bfnrt", bytes[] = "\b\f\n\r\t";
	const char *p, *end;
	size_t n;

	buf_room(b, string.len);
	if (string.type != JSON_STRING) {
		return;
	}
	p = string_inside(string, &n);
	end = p + n;
	while (p < end) {
		const char *escape = memchr(p, '\\', (size_t)(end - p));
		const char *at;

		buf_add(b, p, (size_t)((escape ? escape : end) - p));
		if (!escape || escape + 1 == end) {
			return;
		}
		p = escape + 2;
		at = escape[1] ? strchr(names, escape[1]) : NULL;
		if (escape[1] == 'u') {
			p = put_escaped_unit(b, p, end);
		} else {
			buf_putc(b, at ? bytes[at - names] : escape[1]);
		}
	}
}

char *json_string(struct json string)
{
	struct buf b = BUF_INIT;

	if (string.type != JSON_STRING) {
		return NULL;
	}
	json_put_decoded(&b, string);
	return buf_take(&b);
}

bool json_u64(struct json v, uint64_t *out)
{
	if (v.type == JSON_STRING) {
		return v.len > 2 && text_u64(v.text + 1, v.len - 2, out);
	}
	return v.type == JSON_NUMBER && text_u64(v.text, v.len, out);
}

bool json_double(struct json v, double *out)
{
	if (v.type != JSON_NUMBER || !text_is_number(v.text, v.len)) {
		return false;
	}
	*out = text_number(v.text, v.len);
	return true;
}

bool json_true(struct json v)
{
	return v.type == JSON_BOOL && v.text[0] == 't';
}
