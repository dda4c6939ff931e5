/* SPDX-License-Identifier: MIT */
/* Private to the readers of results: the patterns of a `regex:`, compiled once and searched for
 * their last match. */
#ifndef PPGEN_STORE_REGEX_H
#define PPGEN_STORE_REGEX_H

#include <stddef.h>

#include "base/err.h"
#include "gen/spec.h"

struct regex_set;

struct regex_set *regex_set_new(const struct regex_entry *entries,
				size_t n); /* a pattern that is wrong is told by regex_last */
void regex_set_free(struct regex_set *s);  /* accepts NULL */

/*
 * The last match of entry k: group 1 where the pattern has one, else all of it. ^ and $ match at
 * lines. 1 found (*found is NULL when the group took no part), 0 none, -1 the pattern is wrong or
 * gave up.
 */
int regex_last(struct regex_set *s, size_t k, const char *text, size_t len, const char **found,
	       size_t *n, struct err *e);

#endif
