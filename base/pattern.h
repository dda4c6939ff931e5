/* SPDX-License-Identifier: MIT */
/* Regular expressions (PCRE2) with named groups, for reading what other programs print. */
#ifndef PPGEN_BASE_PATTERN_H
#define PPGEN_BASE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/*
 * pcre2_match (base/pattern.h knows no PCRE2: these are its pcre2_code and pcre2_match_data) with
 * the limits that all of the program has: patterns and texts may be anybody's. It gives up, with a
 * code of PCRE2's, after 10 million steps or at 64 MiB of memory.
 */
struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
int pattern_match(const struct pcre2_real_code_8 *code, struct pcre2_real_match_data_8 *match,
		  const char *text, size_t len, size_t from, uint32_t options);

/* The options of patterns that read what programs print, in the words of pcre2.h. */
#define PATTERN_OPTIONS \
	(PCRE2_MULTILINE | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C)

#endif
