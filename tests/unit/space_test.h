/* SPDX-License-Identifier: MIT */
/* What the tests of spaces share: a space from YAML text, and its points as text. */
#ifndef PPGEN_TESTS_SPACE_TEST_H
#define PPGEN_TESTS_SPACE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gen/space.h"

/* The space of a spec; what was complained of goes into `said` (may be NULL). */
static inline struct space *space_of(const char *yaml, const char *dir, struct buf *said)
{
	struct arena *a = arena_new();
	struct diags *d = diags_new();
	struct node *root = yaml_parse(a, yaml, strlen(yaml), "s", d);
	struct space *s = NULL;

	if (root) {
		struct space_source src = { .root = root, .dir = dir, .fetched = dir };

		s = space_new(&src, d);
	}
	if (said)
		buf_puts(said, diags_text(d));
	if (!said && !s)
		print_error("%s\n", diags_text(d));
	diags_free(d);
	arena_free(a);
	return s;
}

/* "1 16;1 32;..." */
static inline void put_points(const struct space *s, struct buf *b)
{
	struct point p;

	point_init(&p, s);
	for (uint64_t i = 0; i < space_count(s); i++) {
		if (i)
			buf_putc(b, ';');
		space_point(s, i, &p);
		assert_int_equal(p.index, i);
		for (size_t k = 0; k < p.n; k++) {
			buf_puts(b, k ? " " : "");
			buf_add(b, p.values[k].text, p.values[k].len);
			assert_int_equal(strlen(p.values[k].text), p.values[k].len);
		}
	}
	point_free(&p);
}

#endif
