/* SPDX-License-Identifier: MIT */
/* The languages whose functions can be tasks. */
#include "gen/language.h"

#include "base/text.h"
#include "gen/language_internal.h"

const struct language *language_find(const char *name, size_t len)
{
	for (const struct language *l = language_builtins; l->name; l++) {
		if (text_eq(name, len, l->name))
			return l;
	}
	return NULL;
}

const struct language *language_at(size_t k)
{
	for (const struct language *l = language_builtins; l->name; l++) {
		if (k-- == 0)
			return l;
	}
	return NULL;
}
