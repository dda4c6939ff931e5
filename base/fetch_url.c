/* SPDX-License-Identifier: MIT */
/* URLs as text: what is one, which are fetched, and what of one may be written down. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/fetch.h"
#include "base/mem.h"

/* The length of "scheme" where "://" follows it, else 0. */
static size_t scheme_length(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || (n > 0 && s[n] != '\0' && strchr("+-.", s[n]))) {
		n++;
	}
	return n > 0 && isalpha((unsigned char)s[0]) && strncmp(s + n, "://", 3) == 0 ? n : 0;
}

bool fetch_is_url(const char *s)
{
	return scheme_length(s) > 0;
}

bool fetch_url_allowed(const char *s)
{
	const size_t n = scheme_length(s);

	return (n == 4 && strncasecmp(s, "http", 4) == 0) ||
	       (n == 5 && strncasecmp(s, "https", 5) == 0);
}

/* Whether a query key's name looks like that of a secret: access_token, X-Amz-Signature, api_key,
 * sig... */
static bool is_secret(const char *key, size_t n)
{
	static const char *const parts[] = { "token",     "secret",     "pass", "pwd",  "key",
					     "signature", "credential", "auth", "code", "session" };
	char *copy = mem_dupn(key, n);
	bool secret = strcasecmp(copy, "sig") == 0;

	for (size_t i = 0; !secret && i < sizeof parts / sizeof *parts; i++) {
		secret = strcasestr(copy, parts[i]) != NULL;
	}
	free(copy);
	return secret;
}

char *fetch_url_public(const char *url)
{
	struct buf b = BUF_INIT;
	const size_t scheme = scheme_length(url);
	const char *rest = scheme ? url + scheme + 3 : url;
	const char *at = NULL;
	size_t n = scheme ? strcspn(rest, "/?#") : 0;

	for (size_t i = 0; i < n; i++) { /* the last one: a password may hold others */
		at = rest[i] == '@' ? rest + i : at;
	}
	buf_add(&b, url, (size_t)(rest - url));
	rest = at ? at + 1 : rest;
	n = strcspn(rest, "?#");
	buf_add(&b, rest, n);
	rest += n;
	while (*rest) { /* each part begins with its "?", "&", ";" or "#" */
		const size_t part = 1 + strcspn(rest + 1, "&;#?");
		const char *equals = memchr(rest, '=', part);

		if (equals && is_secret(rest + 1, (size_t)(equals - rest) - 1)) {
			buf_add(&b, rest, (size_t)(equals - rest) + 1);
			buf_puts(&b, "***");
		} else {
			buf_add(&b, rest, part);
		}
		rest += part;
	}
	return buf_take(&b);
}
