/* SPDX-License-Identifier: MIT */
/* A growing string of bytes: doubles its memory, and keeps a NUL behind the last byte. */
#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define BUF_FIRST ((size_t)64)

void buf_free(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = 0;
	b->cap = 0;
}

void buf_room(struct buf *b, size_t more)
{
	size_t need, cap;

	if (more < b->cap - b->len) {
		return;
	}
	if (more > SIZE_MAX - b->len - 1) {
		more = SIZE_MAX - b->len - 1; /* mem_resize will refuse that much */
	}
	need = b->len + more + 1;
	cap = b->cap ? b->cap : BUF_FIRST;
	while (cap < need) {
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	}
	b->data = mem_resize(b->data, cap, 1);
	b->cap = cap;
	b->data[b->len] = '\0';
}

void buf_clear(struct buf *b)
{
	buf_room(b, 0);
	b->len = 0;
	b->data[0] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	buf_room(b, 0);
	va_copy(again, ap);
	n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, ap);
	if (n > 0 && (size_t)n >= b->cap - b->len) {
		buf_room(b, (size_t)n);
		vsnprintf(b->data + b->len, b->cap - b->len, fmt, again);
	}
	va_end(again);
	if (n > 0) {
		b->len += (size_t)n;
	}
	b->data[b->len] = '\0';
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void buf_put_u64(struct buf *b, unsigned long long v)
{
	char digits[24];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	buf_add(b, digits + at, sizeof digits - at);
}

void buf_swap(struct buf *a, struct buf *b)
{
	const struct buf c = *a;

	*a = *b;
	*b = c;
}

const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_take(struct buf *b)
{
	char *data;

	buf_room(b, 0);
	data = b->data;
	b->data = NULL;
	b->len = 0;
	b->cap = 0;
	return data;
}
