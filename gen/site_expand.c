/* SPDX-License-Identifier: MIT */
/* Variables of the environment in a site file's paths. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gen/site.h"

/* Characters of a variable's name. */
static size_t name_length(const char *s)
{
	const char *const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";

	if (!*s || !strchr(letters, *s))
		return 0;
	return strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
}

/* A variable that is not set, or empty, has no value: "/x" is seldom what "$SCRATCH/x" means. */
static int put_variable(const char *s, size_t n, const char *fallback, size_t n_fallback,
			struct buf *out, struct err *e)
{
	char *name = mem_dupn(s, n);
	const char *value = getenv(name);
	int rc = 0;

	if (value && *value)
		buf_puts(out, value);
	else if (fallback)
		buf_add(out, fallback, n_fallback);
	else
		rc = err_bad(e, "the variable '%s' is not set: set it, or write ${%s:-PATH}", name,
			     name);
	free(name);
	return rc;
}

/* At "${": NAME} or NAME:-TEXT}. *s moves behind it. */
static int put_braced(const char **s, struct buf *out, struct err *e)
{
	const char *name = *s + 2, *close = strchr(name, '}');
	const size_t n = name_length(name);
	const char *rest = name + n;

	if (!close || !n || (rest != close && strncmp(rest, ":-", 2) != 0))
		return err_bad(e, "'%s' is no variable: write ${NAME} or ${NAME:-TEXT}", *s);
	*s = close + 1;
	return put_variable(name, n, rest == close ? NULL : rest + 2,
			    rest == close ? 0 : (size_t)(close - rest) - 2, out, e);
}

int site_expand(const char *text, struct buf *out, struct err *e)
{
	if (strncmp(text, "~/", 2) == 0) {
		if (put_variable("HOME", 4, NULL, 0, out, e) < 0)
			return -1;
		text++;
	}
	while (*text) {
		const size_t n = *text == '$' ? name_length(text + 1) : 0;

		if (n) {
			if (put_variable(text + 1, n, NULL, 0, out, e) < 0)
				return -1;
			text += n + 1;
		} else if (text[0] == '$' && text[1] == '{') {
			if (put_braced(&text, out, e) < 0)
				return -1;
		} else {
			buf_putc(out, *text++);
		}
	}
	return 0;
}
