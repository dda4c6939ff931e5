/* SPDX-License-Identifier: MIT */
/* Checking JSON, with the place of the first fault. */
#include <stdarg.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

struct parser {
	const char *text, *p, *end;
	struct err *e;
};

/* Columns count characters, not bytes. */
__attribute__((format(printf, 3, 4))) static int parse_error(struct parser *in, const char *at,
							     const char *fmt, ...)
{
	size_t line = 1, col = 1;
	va_list ap;
	struct buf b = BUF_INIT;

	for (const char *p = in->text; p < at; p++) {
		if (*p == '\n') {
			line++;
			col = 1;
		} else {
			col += ((unsigned char)*p & 0xc0) != 0x80;
		}
	}
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	err_bad(in->e, "line %zu, column %zu: %s", line, col, b.data);
	buf_free(&b);
	return -1;
}

static void skip_space(struct parser *in)
{
	while (in->p < in->end &&
	       (*in->p == ' ' || *in->p == '\n' || *in->p == '\t' || *in->p == '\r')) {
		in->p++;
	}
}

/* What was met instead of what was wanted. */
static int parse_unexpected(struct parser *in, const char *wanted)
{
	struct buf b = BUF_INIT;
	size_t n;
	int rc;

	if (in->p >= in->end) {
		return parse_error(in, in->p, "the text ends where %s should follow", wanted);
	}
	n = text_utf8_len(in->p, (size_t)(in->end - in->p));
	text_put_shown(&b, in->p, n ? n : 1, 0);
	rc = parse_error(in, in->p, "unexpected '%s' where %s should follow", b.data, wanted);
	buf_free(&b);
	return rc;
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '+' || c == '-' || c == '.';
}

/* A number, one of the three words, or something that people take for one. */
static int parse_word(struct parser *in)
{
	static const char *const words[] = { "true", "false", "null" };
	static const char *const refused[] = {
		"NaN", "nan", "Infinity", "-Infinity", "inf", "-inf"
	};
	const char *const from = in->p;
	struct buf b = BUF_INIT;
	size_t n;
	int rc;

	while (in->p < in->end && is_word_char(*in->p)) {
		in->p++;
	}
	n = (size_t)(in->p - from);
	if (n == 0) {
		return parse_unexpected(in, "a value");
	}
	if (text_is_json_number(from, n)) {
		return 0;
	}
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (text_eq(from, n, words[i])) {
			return 0;
		}
	}
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		if (text_eq(from, n, refused[i])) {
			return parse_error(in, from, "'%s' does not exist in JSON: write null",
					   refused[i]);
		}
	}
	text_put_shown(&b, from, n, 40);
	if ((from[0] >= '0' && from[0] <= '9') || from[0] == '-' || from[0] == '+' ||
	    from[0] == '.') {
		rc = parse_error(in, from, "'%s' is no JSON number", b.data);
	} else {
		rc = parse_error(in, from, "unknown word '%s': put text in double quotes", b.data);
	}
	buf_free(&b);
	return rc;
}

static int parse_escape(struct parser *in)
{
	const char *const from = in->p;

	if (in->end - from < 2) {
		in->p = in->end;
		return parse_error(in, from, "the text ends in an escape");
	}
	in->p += 2;
	if (from[1] == 'u') {
		for (int i = 0; i < 4; i++, in->p++) {
			const char c = in->p < in->end ? *in->p : '\0';

			if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'))) {
				return parse_error(in, from, "'\\u' needs four hexadecimal digits");
			}
		}
		return 0;
	}
	if (from[1] == '\0' || !strchr("\"\\/bfnrt", from[1])) {
		struct buf b = BUF_INIT;
		const size_t n = text_utf8_len(from + 1, (size_t)(in->end - from - 1));

		text_put_shown(&b, from + 1, n ? n : 1, 0);
		parse_error(in, from, "unknown escape '\\%s': write a backslash as '\\\\'", b.data);
		buf_free(&b);
		return -1;
	}
	return 0;
}

static int parse_string(struct parser *in)
{
	const char *const from = in->p++;

	while (in->p < in->end) {
		const unsigned char c = (unsigned char)*in->p;

		if (c == '"') {
			in->p++;
			return 0;
		}
		if (c == '\\') {
			if (parse_escape(in) < 0) {
				return -1;
			}
		} else if (c < 0x20) {
			return parse_error(in, in->p,
					   c == '\n'
						   ? "a string is not closed on its line"
						   : "a control character in a string: escape it");
		} else if (c < 0x80) {
			in->p++;
		} else {
			const size_t n = text_utf8_len(in->p, (size_t)(in->end - in->p));

			if (n == 0) {
				return parse_error(in, in->p, "a string is not UTF-8 (byte 0x%02x)",
						   c);
			}
			in->p += n;
		}
	}
	return parse_error(in, from, "a string is not closed");
}

static int parse_value(struct parser *in, int depth);

static int parse_key(struct parser *in)
{
	if (in->p >= in->end || *in->p != '"') {
		return parse_unexpected(in, "a key in double quotes");
	}
	if (parse_string(in) < 0) {
		return -1;
	}
	skip_space(in);
	if (in->p >= in->end || *in->p != ':') {
		return parse_unexpected(in, "':'");
	}
	in->p++;
	skip_space(in);
	return 0;
}

/* An object or an array. */
static int parse_nested(struct parser *in, int depth)
{
	const bool object = *in->p == '{';
	const char close = object ? '}' : ']';

	if (depth >= JSON_DEPTH_MAX) {
		return parse_error(in, in->p, "nested more than %d deep", JSON_DEPTH_MAX);
	}
	in->p++;
	skip_space(in);
	if (in->p < in->end && *in->p == close) {
		in->p++;
		return 0;
	}
	for (;;) {
		if ((object && parse_key(in) < 0) || parse_value(in, depth + 1) < 0) {
			return -1;
		}
		skip_space(in);
		if (in->p < in->end && *in->p == close) {
			in->p++;
			return 0;
		}
		if (in->p >= in->end || *in->p != ',') {
			return parse_unexpected(in, object ? "',' or '}'" : "',' or ']'");
		}
		in->p++;
		skip_space(in);
	}
}

static int parse_value(struct parser *in, int depth)
{
	if (in->p < in->end && *in->p == '"') {
		return parse_string(in);
	}
	if (in->p < in->end && (*in->p == '{' || *in->p == '[')) {
		return parse_nested(in, depth);
	}
	return parse_word(in);
}

int json_parse(const char *text, size_t len, struct json *out, struct err *e)
{
	struct parser in = { text, text, text + len, e };
	const char *from, *to;

	*out = (struct json){ JSON_NONE, text, 0 };
	skip_space(&in);
	if (in.p == in.end) {
		return parse_error(&in, in.p, "no JSON value: the text is empty");
	}
	from = in.p;
	if (parse_value(&in, 0) < 0) {
		return -1;
	}
	to = in.p;
	skip_space(&in);
	if (in.p < in.end) {
		return parse_error(&in, in.p, "text behind the value: one JSON value is expected");
	}
	*out = json_trust(from, (size_t)(to - from));
	return 0;
}
