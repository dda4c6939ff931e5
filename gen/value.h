/* SPDX-License-Identifier: MIT */
/*
 * A parameter's value: a type and the exact source text. The text is what commands get and what
 * identities are made of. A list's text is compact JSON ([1,"a",true]; numbers as they were
 * written). Values borrow their text.
 */
#ifndef PPGEN_GEN_VALUE_H
#define PPGEN_GEN_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "gen/yaml.h"

/* The letters stand in identities and in frozen plans: they never change. */
enum value_type { VALUE_STRING = 's', VALUE_NUMBER = 'n', VALUE_BOOL = 'b', VALUE_LIST = 'l' };

struct value {
	enum value_type type;
	const char *text; /* NUL-terminated */
	size_t len;
};

/* The type of plain text, in a spec as in a CSV cell: number (text_is_number), bool (true True TRUE
 * false ...), else string. */
enum value_type value_type_of(const char *text, size_t len);

/* From a node. Maps, null (~, null, nothing), NUL and non-UTF-8 are complained of; lists hold
 * scalars only. -1 then. */
int value_from_node(struct arena *a, const struct node *n, struct value *v, struct diags *d);

bool value_equal(const struct value *a, const struct value *b); /* same type and text */
bool value_is_true(const struct value *v);

/*
 * Walks a list: *at is 0 at first; the item's text lies in room until the next call. false at the
 * end. while (value_list_next(&v, &at, &room, &item)) ...
 */
bool value_list_next(const struct value *list, size_t *at, struct buf *room, struct value *item);

/* Makes a list's text: add each scalar to a buffer that was empty, then end it. */
void value_list_add(struct buf *b, const struct value *item);
void value_list_end(struct buf *b);

void value_put_json(struct buf *b, const struct value *v); /* a number that JSON does not know (.5,
							      +1) as JSON spells it: 0.5, 1 */

#endif
