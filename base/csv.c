/* SPDX-License-Identifier: MIT */
/* Delimited text, read in place: only cells with doubled quotes in them are copied. */
#include "base/csv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void csv_open(struct csv *c, const char *text, size_t len, char sep)
{
	static const char mark[] = "\xef\xbb\xbf"; /* UTF-8's byte order mark */

	memset(c, 0, sizeof *c);
	c->p = text;
	c->end = text + len;
	c->sep = sep;
	c->next_line = 1;
	if (len >= 3 && memcmp(text, mark, 3) == 0) {
		c->p += 3;
	}
}

void csv_close(struct csv *c)
{
	free(c->cells);
	buf_free(&c->unquoted);
	memset(c, 0, sizeof *c);
}

static inline bool is_blank(char ch)
{
	return ch == ' ' || ch == '\t';
}

/* Where a line end at p ends (LF, CRLF, CR at the end of all), or NULL when there is none. */
static inline const char *line_end(const char *p, const char *end)
{
	if (p == end) {
		return p;
	}
	if (*p == '\n') {
		return p + 1;
	}
	if (*p == '\r' && (p + 1 == end || p[1] == '\n')) {
		return p + 1 == end ? end : p + 2;
	}
	return NULL;
}

/* Passes over lines without a cell; false at the end of all. */
static bool skip_blank_lines(struct csv *c)
{
	while (c->p < c->end) {
		const char *p = c->p, *next;

		while (p < c->end && is_blank(*p) && (c->sep != '\t' || *p == ' ')) {
			p++;
		}
		next = line_end(p, c->end);
		if (!next) {
			return true;
		}
		c->next_line++;
		c->p = next;
	}
	return false;
}

/* Room for n more unquoted bytes; cells of this row that lie in the buffer move with it. */
static void unquoted_room(struct csv *c, size_t n)
{
	const uintptr_t old = (uintptr_t)c->unquoted.data;
	const size_t len = c->unquoted.len;

	buf_room(&c->unquoted, n);
	if (!old || old == (uintptr_t)c->unquoted.data) {
		return;
	}
	for (size_t i = 0; i < c->n; i++) {
		const uintptr_t at = (uintptr_t)c->cells[i].text;

		if (at >= old && at <= old + len && c->cells[i].quoted) {
			c->cells[i].text = c->unquoted.data + (at - old);
		}
	}
}

/* Copies the inside of a quoted cell, each doubled quote once. */
static void unquote(struct csv *c, struct csv_cell *cell, const char *s, const char *end)
{
	size_t start;

	unquoted_room(c, (size_t)(end - s) + 1);
	start = c->unquoted.len;
	while (s < end) {
		const char *quote = memchr(s, '"', (size_t)(end - s));
		const char *to = quote ? quote + 1 : end;

		buf_add(&c->unquoted, s, (size_t)(to - s));
		s = quote ? to + 1 : to;
	}
	cell->text = c->unquoted.data + start;
	cell->len = c->unquoted.len - start;
	buf_putc(&c->unquoted, '\0'); /* so that an empty cell at the end has a place of its own */
}

/* A cell that begins with a quote at c->p; c->p is behind the closing one afterwards. */
static int take_quoted(struct csv *c, struct csv_cell *cell, struct err *e)
{
	const size_t line = c->next_line;
	const char *const from = c->p + 1;
	const char *p = from, *newline;
	bool doubled = false;

	for (;;) {
		p = memchr(p, '"', (size_t)(c->end - p));
		if (!p) {
			c->p = c->end;
			return err_bad(e, "line %zu: a quote is not closed", line);
		}
		if (p + 1 == c->end || p[1] != '"') {
			break;
		}
		doubled = true;
		p += 2;
	}
	for (const char *s = from; (newline = memchr(s, '\n', (size_t)(p - s))) != NULL;) {
		c->next_line++;
		s = newline + 1;
	}
	cell->quoted = true;
	cell->text = from;
	cell->len = (size_t)(p - from);
	if (doubled) {
		unquote(c, cell, from, p);
	}
	c->p = p + 1;
	if (c->p < c->end && *c->p != c->sep && !line_end(c->p, c->end) &&
	    !(c->sep == ' ' && is_blank(*c->p))) {
		return err_bad(e, "line %zu: text behind a closing quote: double the quotes inside",
			       c->next_line);
	}
	return 0;
}

static void take_plain(struct csv *c, struct csv_cell *cell)
{
	const char *const end = c->end;
	const char sep = c->sep, other = sep == ' ' ? '\t' : sep;
	const char *p = c->p;

	while (p < end && *p != sep && *p != '\n' && *p != other) {
		p++;
	}
	cell->quoted = false;
	cell->text = c->p;
	cell->len = (size_t)(p - c->p);
	if (cell->len && p[-1] == '\r' && (p == end || *p == '\n')) {
		cell->len--;
		p--;
	}
	c->p = p;
}

static void skip_blanks(struct csv *c)
{
	while (c->p < c->end && is_blank(*c->p)) {
		c->p++;
	}
}

int csv_next(struct csv *c, struct err *e)
{
	const char *next;

	c->n = 0;
	buf_clear(&c->unquoted);
	if (!skip_blank_lines(c)) {
		return 0;
	}
	c->line = c->next_line;
	if (c->sep == ' ') {
		skip_blanks(c);
	}
	for (;;) {
		struct csv_cell cell;

		if (c->p < c->end && *c->p == '"') {
			if (take_quoted(c, &cell, e) < 0) {
				return -1;
			}
		} else {
			take_plain(c, &cell);
		}
		ARRAY_ROOM(c->cells, c->n, c->cap);
		c->cells[c->n++] = cell;
		if (c->sep == ' ') {
			skip_blanks(c);
		}
		next = line_end(c->p, c->end);
		if (next) {
			break;
		}
		c->p += c->sep != ' ';
	}
	c->p = next;
	c->next_line++;
	return 1;
}

/* Bytes that may ask for quotes, whatever the separator. */
static const bool SUSPECT[256] = {
	[','] = true, ['\t'] = true, [' '] = true, ['"'] = true, ['\n'] = true, ['\r'] = true
};

static bool must_quote(char sep, const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && !SUSPECT[(unsigned char)s[i]]) {
		i++;
	}
	if (i == n) {
		return n == 0 && sep == ' ';
	}
	if (is_blank(s[0]) || is_blank(s[n - 1])) {
		return true;
	}
	for (; i < n; i++) {
		if (s[i] == sep || s[i] == '"' || s[i] == '\n' || s[i] == '\r' ||
		    (sep == ' ' && s[i] == '\t')) {
			return true;
		}
	}
	return false;
}

void csv_put(struct buf *b, char sep, const char *s, size_t n)
{
	if (!must_quote(sep, s, n)) {
		buf_add(b, s, n);
		return;
	}
	buf_putc(b, '"');
	while (n) {
		const char *quote = memchr(s, '"', n);
		const size_t run = quote ? (size_t)(quote - s) + 1 : n;

		buf_add(b, s, run);
		if (quote) {
			buf_putc(b, '"');
		}
		s += run;
		n -= run;
	}
	buf_putc(b, '"');
}
