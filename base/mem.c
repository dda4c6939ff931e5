/* SPDX-License-Identifier: MIT */
/* Checked allocation, and arenas: chains of blocks that grow from 4 KiB to 256 KiB. */
#include "base/mem.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/text.h"

#define LIMIT_NAME    "PPGEN_MEMORY_LIMIT"
#define ARENA_FIRST   ((size_t)4096)
#define ARENA_LARGEST ((size_t)262144)

/* What is said when there is no more. */
static char out_text[160] = "ppgen: out of memory: give it more, or fewer slots\n";

/* Ends the process; no stdio and no atexit handlers, for either may want memory. */
static _Noreturn void mem_out(void)
{
	if (write(STDERR_FILENO, out_text, strlen(out_text)) < 0) {
		_exit(3);
	}
	_exit(3);
}

#if defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static bool limited;

int mem_limit(uint64_t bytes, struct err *e)
{
	const char *wish = getenv(LIMIT_NAME);
	struct rlimit limit;
	struct buf shown = BUF_INIT;

	if (wish && *wish && !text_size(wish, strlen(wish), &bytes)) {
		return err_bad(e, LIMIT_NAME " is '%s', which is no size, as in 8G", wish);
	}
	if (SANITIZED || bytes == 0 || getrlimit(RLIMIT_DATA, &limit) < 0 ||
	    limit.rlim_cur <= bytes) {
		return 0;
	}
	limit.rlim_cur = bytes;
	if (setrlimit(RLIMIT_DATA, &limit) < 0) {
		return err_errno(e, "cannot limit the memory");
	}
	limited = true;
	text_put_size(&shown, bytes);
	snprintf(out_text, sizeof out_text,
		 "ppgen: out of memory: more than %s are wanted, and that is the limit: " LIMIT_NAME
		 "=SIZE sets another\n",
		 buf_str(&shown));
	buf_free(&shown);
	return 0;
}

void mem_limit_raise(uint64_t bytes)
{
	struct rlimit limit;

	if (!limited || getrlimit(RLIMIT_DATA, &limit) < 0) {
		return;
	}
	limit.rlim_cur =
		limit.rlim_max - limit.rlim_cur < bytes ? limit.rlim_max : limit.rlim_cur + bytes;
	(void)setrlimit(RLIMIT_DATA, &limit);
}

void *mem_alloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (!p) {
		mem_out();
	}
	return p;
}

void *mem_array(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p) {
		mem_out();
	}
	return p;
}

void *mem_resize(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		mem_out();
	}
	p = realloc(p, bytes ? bytes : 1);
	if (!p) {
		mem_out();
	}
	return p;
}

char *mem_dup(const char *s)
{
	return mem_dupn(s, strlen(s));
}

char *mem_dupn(const char *s, size_t n)
{
	char *copy;

	if (n == SIZE_MAX || !(copy = malloc(n + 1))) {
		mem_out();
	}
	if (n) {
		memcpy(copy, s, n);
	}
	copy[n] = '\0';
	return copy;
}

char *mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0) {
		mem_out();
	}
	return s;
}

struct block {
	struct block *next;
	size_t used, size;
	alignas(max_align_t) unsigned char bytes[];
};

struct arena {
	struct block *head; /* the block that is being filled */
	size_t next_size;
};

struct arena *arena_new(void)
{
	struct arena *a = mem_alloc(sizeof *a);

	a->next_size = ARENA_FIRST;
	return a;
}

void arena_free(struct arena *a)
{
	if (!a) {
		return;
	}
	for (struct block *b = a->head, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}

static struct block *block_new(size_t size)
{
	struct block *b;

	if (size > SIZE_MAX - sizeof *b) {
		mem_out();
	}
	b = mem_alloc(sizeof *b + size);
	b->size = size;
	return b;
}

/* Large pieces get a block of their own, behind the head, which goes on being filled. */
static void *arena_large(struct arena *a, size_t n)
{
	struct block *b = block_new(n);

	b->used = n;
	if (a->head) {
		b->next = a->head->next;
		a->head->next = b;
	} else {
		a->head = b;
	}
	return b->bytes;
}

void *arena_alloc(struct arena *a, size_t n)
{
	const size_t align = alignof(max_align_t);
	struct block *b = a->head;
	void *p;

	if (n > SIZE_MAX - align) {
		mem_out();
	}
	n = (n + align - 1) / align * align;
	if (n == 0) {
		n = align;
	}
	if (!b || b->size - b->used < n) {
		if (n > a->next_size / 4) {
			return arena_large(a, n);
		}
		b = block_new(a->next_size);
		b->next = a->head;
		a->head = b;
		if (a->next_size < ARENA_LARGEST) {
			a->next_size *= 2;
		}
	}
	p = b->bytes + b->used;
	b->used += n;
	return p;
}

char *arena_dup(struct arena *a, const char *s)
{
	return arena_dupn(a, s, strlen(s));
}

char *arena_dupn(struct arena *a, const char *s, size_t n)
{
	char *copy;

	if (n == SIZE_MAX) {
		mem_out();
	}
	copy = arena_alloc(a, n + 1);
	if (n) {
		memcpy(copy, s, n);
	}
	return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *s;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		mem_out();
	}
	s = arena_alloc(a, (size_t)n + 1);
	vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	return s;
}
