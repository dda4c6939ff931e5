/* SPDX-License-Identifier: MIT */
/* The languages whose functions can be tasks. */
#include "gen/language.h"

#include <string.h>

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

bool language_put_file(const struct language *l, size_t k, const char *name, size_t n,
		       struct buf *out)
{
	const char *word = l->files + strspn(l->files, " "), *mark;
	size_t len = strcspn(word, " ");

	for (; *word && k; k--) {
		word += len;
		word += strspn(word, " ");
		len = strcspn(word, " ");
	}
	if (!*word)
		return false;
	mark = memmem(word, len, "{}", 2);
	buf_add(out, word, mark ? (size_t)(mark - word) : len);
	buf_add(out, name, n);
	if (mark)
		buf_add(out, mark + 2, len - (size_t)(mark - word) - 2);
	return true;
}

bool language_is_file(const struct language *l, const char *name, size_t n)
{
	const char *word = l->files + strspn(l->files, " ");

	while (*word) {
		const size_t len = strcspn(word, " ");

		/* of "{}.py {}/__init__.py" the first says what files end in */
		if (len > 2 && !memchr(word, '/', len) && n > len - 2 &&
		    memcmp(name + n - (len - 2), word + 2, len - 2) == 0)
			return true;
		word += len;
		word += strspn(word, " ");
	}
	return false;
}
