/* SPDX-License-Identifier: MIT */
/* Filling text with placeholders for one task. */
#include <string.h>

#include "base/text.h"
#include "gen/text_internal.h"

static int misfit(const struct part *p, const char *value, size_t len, const char *wants,
		  struct err *e)
{
	struct buf b = BUF_INIT;

	text_put_shown(&b, value, len, 60);
	err_bad(e, "'{%s:%s}' wants %s, and '%s' is none", p->text, p->spec, wants, buf_str(&b));
	buf_free(&b);
	return -1;
}

/* Where the suffix of a file's name begins: at its last dot, unless that is its first byte; else
 * its end. */
static size_t suffix_start(const char *name, size_t len)
{
	for (size_t i = len; i > 1; i--)
		if (name[i - 1] == '.')
			return i - 1;
	return len;
}

/* dir, name, stem and ext of a path; slashes at its end are passed over, so that "a/b/" is "b" in
 * "a". */
static void put_path_piece(enum modifier mod, const char *s, size_t len, struct buf *out)
{
	const char *name;
	size_t start, dot;

	while (len > 1 && s[len - 1] == '/')
		len--;
	start = len;
	while (start > 0 && s[start - 1] != '/')
		start--;
	name = s + start;
	dot = suffix_start(name, len - start);
	if (mod == MOD_NAME) {
		buf_add(out, name, len - start);
	} else if (mod == MOD_STEM) {
		buf_add(out, name, dot);
	} else if (mod == MOD_EXT) {
		buf_add(out, name + dot, len - start - dot);
	} else if (!start) {
		buf_putc(out, '.');
	} else {
		while (start > 1 && s[start - 1] == '/')
			start--;
		buf_add(out, s, start);
	}
}

/* As printf's %0Nd, on the digits themselves: no integer is too big. */
static int put_integer(const struct part *p, const char *s, size_t len, struct buf *out,
		       struct err *e)
{
	bool minus;
	size_t pad;

	if (!text_is_integer(s, len))
		return misfit(p, s, len, "an integer", e);
	minus = *s == '-';
	if (*s == '-' || *s == '+') {
		s++;
		len--;
	}
	pad = (size_t)p->width > len + minus ? (size_t)p->width - len - minus : 0;
	if (minus && p->zero)
		buf_putc(out, '-');
	for (size_t i = 0; i < pad; i++)
		buf_putc(out, p->zero ? '0' : ' ');
	if (minus && !p->zero)
		buf_putc(out, '-');
	buf_add(out, s, len);
	return 0;
}

static int put_float(const struct part *p, const char *s, size_t len, struct buf *out,
		     struct err *e)
{
	int precision = p->precision < 0 ? 6 : p->precision;
	double x;

	if (!text_is_number(s, len))
		return misfit(p, s, len, "a number", e);
	x = text_number(s, len);
	switch (p->letter) {
	case 'e':
		buf_printf(out, p->zero ? "%0*.*e" : "%*.*e", p->width, precision, x);
		return 0;
	case 'E':
		buf_printf(out, p->zero ? "%0*.*E" : "%*.*E", p->width, precision, x);
		return 0;
	case 'f':
		buf_printf(out, p->zero ? "%0*.*f" : "%*.*f", p->width, precision, x);
		return 0;
	case 'G':
		buf_printf(out, p->zero ? "%0*.*G" : "%*.*G", p->width, precision, x);
		return 0;
	default:
		buf_printf(out, p->zero ? "%0*.*g" : "%*.*g", p->width, precision, x);
		return 0;
	}
}

static int put_value(const struct part *p, const char *s, size_t len, struct buf *out,
		     struct err *e)
{
	if (p->mod == MOD_NONE)
		buf_add(out, s, len);
	else if (p->mod == MOD_INTEGER)
		return put_integer(p, s, len, out, e);
	else if (p->mod == MOD_FLOAT)
		return put_float(p, s, len, out, e);
	else
		put_path_piece(p->mod, s, len, out);
	return 0;
}

int ptext_fill(const struct ptext *t, const struct value *values, const char *const *specials,
	       struct buf *out, struct err *e)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct part *p = &t->parts[i];
		const char *s = p->text;
		size_t len = p->len;

		if (p->kind == PART_NAME) {
			s = values[p->which].text;
			len = values[p->which].len;
			if (p->mod != MOD_NONE && values[p->which].type == VALUE_LIST)
				return misfit(p, s, len, "text or a number", e);
		} else if (p->kind == PART_SPECIAL) {
			s = specials ? specials[p->which] : NULL;
			if (!s)
				return err_bad(e, "'{%s}' is not known here", p->text);
			len = strlen(s);
		}
		if (put_value(p, s, len, out, e))
			return -1;
	}
	return 0;
}
