/* SPDX-License-Identifier: MIT */
/* Expressions: the tokens. */
#include <string.h>

#include "base/text.h"
#include "gen/expr_internal.h"

int expr_fault_at(struct parse *p, size_t at)
{
	p->fault = at;
	return -1;
}

static bool is_name_byte(char c, bool first)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (!first && c >= '0' && c <= '9');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char byte_at(const struct parse *p, size_t at)
{
	return at < p->len ? p->text[at] : '\0';
}

/* Signs of other languages, and what to write here. */
static int refuse_sign(struct parse *p)
{
	static const struct {
		const char *sign, *message;
	} rows[] = {
		{ "=", "'=' compares nothing: write '=='" },
		{ "&&", "'&&' is not known: write 'and'" },
		{ "&", "'&' is not known: write 'and'" },
		{ "||", "'||' is not known: write 'or'" },
		{ "|", "'|' is not known: write 'or'" },
		{ "!", "'!' is not known: write 'not'" },
		{ "<>", "'<>' is not known: write '!='" },
		{ "^", "'^' is not known: write '**' for a power" },
		{ "{", "braces have no place here: write a parameter's name as it is" },
		{ "}", "braces have no place here: write a parameter's name as it is" },
		{ "$", "'$' has no place here: write a parameter's name as it is" },
	};
	size_t left = p->len - p->at;
	struct buf b = BUF_INIT;
	size_t n = 1;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t k = strlen(rows[i].sign);

		if (k <= left && memcmp(p->text + p->at, rows[i].sign, k) == 0 &&
		    (k > 1 || !strchr("&|", rows[i].sign[0]) ||
		     byte_at(p, p->at + 1) != rows[i].sign[0])) {
			err_bad(p->e, "%s", rows[i].message);
			return expr_fault_at(p, p->at);
		}
	}
	while (p->at + n < p->len && (p->text[p->at + n] & 0xC0) == 0x80)
		n++;
	text_put_shown(&b, p->text + p->at, n, 0);
	err_bad(p->e, "'%s' has no place here", buf_str(&b));
	buf_free(&b);
	return expr_fault_at(p, p->at);
}

static int read_number(struct parse *p)
{
	size_t i = p->at;

	while (is_digit(byte_at(p, i)))
		i++;
	if (byte_at(p, i) == '.')
		for (i++; is_digit(byte_at(p, i));)
			i++;
	if (byte_at(p, i) == 'e' || byte_at(p, i) == 'E') {
		size_t k = i + 1;

		if (byte_at(p, k) == '-' || byte_at(p, k) == '+')
			k++;
		if (is_digit(byte_at(p, k)))
			for (i = k; is_digit(byte_at(p, i));)
				i++;
	}
	while (is_name_byte(byte_at(p, i), false))
		i++;
	p->token = TOK_NUMBER;
	p->end = i;
	if (text_is_number(p->text + p->at, i - p->at))
		return 0;
	err_bad(p->e, "'%.*s' is no number", (int)(i - p->at), p->text + p->at);
	return expr_fault_at(p, p->at);
}

static int read_string(struct parse *p)
{
	static const char from[] = "nt\\'\"", to[] = "\n\t\\'\"";
	char quote = p->text[p->at];
	struct buf b = BUF_INIT;
	size_t i = p->at + 1;
	int rc = 0;

	for (; i < p->len && p->text[i] != quote; i++) {
		char c = p->text[i];

		if (c == '\\') {
			const char *f = byte_at(p, i + 1) ? strchr(from, p->text[i + 1]) : NULL;

			if (!f) {
				err_bad(p->e,
					"a backslash in text goes before one of \\ ' \" n t: write '\\\\' for itself");
				rc = expr_fault_at(p, i);
				break;
			}
			c = to[f - from];
			i++;
		}
		buf_putc(&b, c);
	}
	if (!rc && i >= p->len) {
		err_bad(p->e, "the quote is not closed");
		rc = expr_fault_at(p, p->at);
	}
	p->token = TOK_STRING;
	p->end = i + 1;
	p->string = arena_dupn(p->x->arena, buf_str(&b), b.len);
	p->string_len = b.len;
	buf_free(&b);
	return rc;
}

static int read_sign(struct parse *p)
{
	static const char *const signs[] = { "==", "!=", "<=", ">=", "**", "//", "<", ">", "+",
					     "-",  "*",  "/",  "%",  "(",  ")",  "[", "]", "," };

	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		size_t n = strlen(signs[i]);

		if (n > p->len - p->at || memcmp(p->text + p->at, signs[i], n) != 0)
			continue;
		if (signs[i][0] == '<' && n == 1 && byte_at(p, p->at + 1) == '>')
			break;
		p->token = TOK_SIGN;
		memcpy(p->word, signs[i], n + 1);
		p->end = p->at + n;
		return 0;
	}
	return refuse_sign(p);
}

int expr_advance(struct parse *p)
{
	size_t i = p->next, n;
	int rc = 0;

	while (i < p->len && strchr(" \t\r\n", p->text[i]) && p->text[i])
		i++;
	p->at = p->end = i;
	p->word[0] = '\0';
	if (i == p->len) {
		p->token = TOK_END;
	} else if (is_name_byte(p->text[i], true)) {
		while (is_name_byte(byte_at(p, p->end), false))
			p->end++;
		n = p->end - i;
		if (n >= sizeof p->word)
			n = sizeof p->word - 1;
		memcpy(p->word, p->text + i, n);
		p->word[n] = '\0';
		p->token = TOK_NAME;
	} else if (is_digit(p->text[i]) || (p->text[i] == '.' && is_digit(byte_at(p, i + 1)))) {
		rc = read_number(p);
	} else if (p->text[i] == '\'' || p->text[i] == '"') {
		rc = read_string(p);
	} else {
		rc = read_sign(p);
	}
	p->next = p->end;
	return rc;
}
