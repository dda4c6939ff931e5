/* SPDX-License-Identifier: MIT */
/* A growing string of bytes. `data` is NUL-terminated after every call, and never NULL after the
 * first. */
#ifndef PPGEN_BASE_BUF_H
#define PPGEN_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

struct buf {
	char *data;
	size_t len;
	size_t cap;
};

#define BUF_INIT           \
	{                  \
		NULL, 0, 0 \
	}

void buf_free(struct buf *b);              /* b is empty and usable afterwards */
void buf_clear(struct buf *b);             /* keeps the memory */
void buf_room(struct buf *b, size_t more); /* at least `more` bytes beyond len, and the NUL */

/* Here, since most pieces are of a few bytes. */
static inline void buf_add(struct buf *b, const void *p, size_t n)
{
	if (n >= b->cap - b->len) {
		buf_room(b, n);
	}
	if (n) {
		memcpy(b->data + b->len, p, n);
	}
	b->len += n;
	b->data[b->len] = '\0';
}

static inline void buf_putc(struct buf *b, char c)
{
	if (b->cap - b->len < 2) {
		buf_room(b, 1);
	}
	b->data[b->len++] = c;
	b->data[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void buf_put_u64(struct buf *b, unsigned long long v); /* decimal; quicker than buf_printf */
void buf_swap(struct buf *a, struct buf *b);
const char *buf_str(const struct buf *b); /* "" for a buffer that was never used */
char *buf_take(struct buf *b);            /* the caller frees; b is empty afterwards */

#endif
