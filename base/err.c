/* SPDX-License-Identifier: MIT */
/* One error on the caller's stack, and many diagnostics with their places in files. */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

static const char CUT[] = "...";

/* Ends a text that did not fit in "...", without leaving half a UTF-8 character in front of it. */
static void err_cut(struct err *e)
{
	size_t at = ERR_TEXT_MAX - sizeof CUT;

	while (at > 0 && ((unsigned char)e->text[at] & 0xc0) == 0x80) {
		at--;
	}
	memcpy(e->text + at, CUT, sizeof CUT);
}

static void put_behind(struct err *e, const char *s)
{
	const size_t n = strlen(e->text), more = strlen(s), room = ERR_TEXT_MAX - 1 - n;

	memcpy(e->text + n, s, more < room ? more : room);
	e->text[n + (more < room ? more : room)] = '\0';
	if (more > room) {
		err_cut(e);
	}
}

__attribute__((format(printf, 3, 0))) static void err_vset(struct err *e, enum err_kind kind,
							   const char *fmt, va_list ap)
{
	int n;

	if (!e || e->kind != ERR_NONE) {
		return;
	}
	e->kind = kind;
	n = vsnprintf(e->text, sizeof e->text, fmt, ap);
	if (n < 0) {
		e->text[0] = '\0';
		put_behind(e, fmt);
	} else if (n >= ERR_TEXT_MAX) {
		err_cut(e);
	}
}

int err_bad(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(e, ERR_BAD, fmt, ap);
	va_end(ap);
	return -1;
}

int err_fail(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(e, ERR_SYSTEM, fmt, ap);
	va_end(ap);
	return -1;
}

int err_errno(struct err *e, const char *fmt, ...)
{
	const int number = errno;
	const bool first = e && e->kind == ERR_NONE;
	va_list ap;

	va_start(ap, fmt);
	err_vset(e, ERR_SYSTEM, fmt, ap);
	va_end(ap);
	if (first) {
		put_behind(e, ": ");
		put_behind(e, strerror(number));
	}
	errno = number;
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	const int number = errno;
	struct err outer = ERR_INIT;
	va_list ap;

	if (e && e->kind != ERR_NONE) {
		va_start(ap, fmt);
		err_vset(&outer, e->kind, fmt, ap);
		va_end(ap);
		put_behind(&outer, ": ");
		put_behind(&outer, e->text);
		*e = outer;
	}
	errno = number;
	return -1;
}

int err_append(struct err *e, const char *text)
{
	if (e && e->kind != ERR_NONE)
		put_behind(e, text);
	return -1;
}

bool err_is(const struct err *e)
{
	return e && e->kind != ERR_NONE;
}

void err_clear(struct err *e)
{
	if (e) {
		e->kind = ERR_NONE;
		e->text[0] = '\0';
	}
}

struct diag {
	int line, col;
	size_t order; /* of arrival: the last key of the sort */
	char *text;   /* the whole line, "origin:line:col: ..." */
};

enum diag_sort { DIAG_ERROR, DIAG_WARNING, DIAG_SORTS };

static const char *const DIAG_NAMES[DIAG_SORTS][2] = {
	[DIAG_ERROR] = { "error", "errors" },
	[DIAG_WARNING] = { "warning", "warnings" },
};

struct diags {
	struct diag kept[DIAG_SORTS * DIAG_SHOWN];
	size_t n;
	size_t seen[DIAG_SORTS];
	struct buf text;
};

struct diags *diags_new(void)
{
	return mem_alloc(sizeof(struct diags));
}

void diags_free(struct diags *d)
{
	if (!d) {
		return;
	}
	for (size_t i = 0; i < d->n; i++) {
		free(d->kept[i].text);
	}
	buf_free(&d->text);
	free(d);
}

__attribute__((format(printf, 6, 0))) static void diag_add(struct diags *d, enum diag_sort sort,
							   const char *origin, int line, int col,
							   const char *fmt, va_list ap)
{
	struct buf b = BUF_INIT;

	if (!d || d->seen[sort]++ >= DIAG_SHOWN) {
		return;
	}
	buf_puts(&b, origin);
	if (line > 0) {
		buf_printf(&b, ":%d:%d", line, col);
	}
	buf_puts(&b, sort == DIAG_WARNING ? ": warning: " : ": ");
	buf_vprintf(&b, fmt, ap);
	d->kept[d->n] = (struct diag){
		.line = line,
		.col = col,
		.order = d->n,
		.text = buf_take(&b),
	};
	d->n++;
}

int diag_error(struct diags *d, const char *origin, int line, int col, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_add(d, DIAG_ERROR, origin, line, col, fmt, ap);
	va_end(ap);
	return -1;
}

void diag_warn(struct diags *d, const char *origin, int line, int col, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_add(d, DIAG_WARNING, origin, line, col, fmt, ap);
	va_end(ap);
}

size_t diags_errors(const struct diags *d)
{
	return d ? d->seen[DIAG_ERROR] : 0;
}

static int diag_compare(const void *pa, const void *pb)
{
	const struct diag *a = pa, *b = pb;

	if (a->line != b->line) {
		return a->line < b->line ? -1 : 1;
	}
	if (a->col != b->col) {
		return a->col < b->col ? -1 : 1;
	}
	return a->order < b->order ? -1 : a->order > b->order;
}

const char *diags_text(struct diags *d)
{
	struct diag sorted[DIAG_SORTS * DIAG_SHOWN];

	memcpy(sorted, d->kept, d->n * sizeof *sorted);
	qsort(sorted, d->n, sizeof *sorted, diag_compare);
	buf_clear(&d->text);
	for (size_t i = 0; i < d->n; i++) {
		buf_puts(&d->text, sorted[i].text);
		buf_putc(&d->text, '\n');
	}
	for (int sort = DIAG_SORTS - 1; sort >= 0; sort--) {
		if (d->seen[sort] > DIAG_SHOWN) {
			const size_t more = d->seen[sort] - DIAG_SHOWN;

			buf_printf(&d->text, "%zu more %s\n", more, DIAG_NAMES[sort][more > 1]);
		}
	}
	return d->text.data;
}
