/* SPDX-License-Identifier: MIT */
/*
 * Memory. Running out of it is the one thing that ends the process from below main: a message
 * on stderr and exit 3 (what is recorded in journals stays recorded). So these never return NULL.
 */
#ifndef PPGEN_BASE_MEM_H
#define PPGEN_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Sets how much memory this process may ask for: `bytes`, or what PPGEN_MEMORY_LIMIT says in their
 * place ("8G"; 0: no limit). Files that are mapped for reading do not count. Asking for more is
 * running out of memory, and the message names the limit. -1: the variable is no size. Does nothing
 * under sanitizers, whose own memory cannot be told from ours.
 */
int mem_limit(uint64_t bytes, struct err *e);
/* Allows so much more, for what is asked for whole and used in part only: the states of a huge
 * sweep's tasks. Does nothing where no limit was set. */
void mem_limit_raise(uint64_t bytes);

void *mem_alloc(size_t n);                        /* zeroed */
void *mem_array(size_t n, size_t size);           /* zeroed, checked for overflow */
void *mem_resize(void *p, size_t n, size_t size); /* realloc of n elements, checked */
char *mem_dup(const char *s);
char *mem_dupn(const char *s, size_t n); /* NUL appended; s may hold NULs */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Makes room for one more element in a growing array: ARRAY_ROOM(items, n, cap); items[n++] = x; */
#define ARRAY_ROOM(items, n, cap)                                              \
	do {                                                                   \
		if ((n) == (cap)) {                                            \
			(cap) = (cap) ? (cap)*2 : 8;                           \
			(items) = mem_resize((items), (cap), sizeof *(items)); \
		}                                                              \
	} while (0)

/* An arena: many small pieces that live and die together. Pieces are zeroed and aligned for any
 * type. */
struct arena;
struct arena *arena_new(void);
void arena_free(struct arena *a);
void *arena_alloc(struct arena *a, size_t n);
char *arena_dup(struct arena *a, const char *s);
char *arena_dupn(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
