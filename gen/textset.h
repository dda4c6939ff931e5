/* SPDX-License-Identifier: MIT */
/* A set of texts, numbered from 0 in the order in which they came: for finding one of a million
 * paths or hashes at once. */
#ifndef PPGEN_GEN_TEXTSET_H
#define PPGEN_GEN_TEXTSET_H

#include <stdbool.h>
#include <stddef.h>

#define TEXTSET_NONE ((size_t)-1)

struct textset;

struct textset *textset_new(void);
void textset_free(struct textset *s); /* accepts NULL */

/* The text's number; *added (may be NULL) tells whether it is new. */
size_t textset_add(struct textset *s, const char *text, size_t len, bool *added);
size_t textset_find(const struct textset *s, const char *text,
		    size_t len); /* TEXTSET_NONE: absent */
size_t textset_count(const struct textset *s);
const char *textset_text(const struct textset *s,
			 size_t k); /* borrowed until the next textset_add */

#endif
