/* SPDX-License-Identifier: MIT */
/* Regular expressions (PCRE2) with named groups, for reading what other programs print. */
#ifndef PPGEN_BASE_PATTERN_H
#define PPGEN_BASE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct pattern;

/* ^ and $ match at lines. NULL: "column 4 of 'a(b': missing closing parenthesis". */
struct pattern *pattern_new(const char *text, struct err *e);
void pattern_free(struct pattern *p); /* accepts NULL */

/*
 * The next match in text from *at on; *at is then behind it (and always moves on). 1 found, 0 none,
 * -1 the pattern gave up. The groups are those of the last match until the next call.
 */
int pattern_next(struct pattern *p, const char *text, size_t len, size_t *at, struct err *e);

/* Whether all of text matches: 1, 0, -1. */
int pattern_whole(struct pattern *p, const char *text, size_t len, struct err *e);

bool pattern_has_group(const struct pattern *p, const char *name);
/* A named group of the last match, borrowed from its text; NULL when it took no part. */
const char *pattern_group(const struct pattern *p, const char *name, size_t *len);

#endif
