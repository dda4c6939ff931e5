/* SPDX-License-Identifier: MIT */
/* Downloads by libcurl, which is opened (dlopen) only when the first download is asked for. */
#ifndef PPGEN_BASE_FETCH_H
#define PPGEN_BASE_FETCH_H

#include <stdbool.h>

#include "base/err.h"

bool fetch_is_url(const char *s);      /* begins with scheme:// */
bool fetch_url_allowed(const char *s); /* http:// or https:// */

/*
 * Fetches url into the file `path` (published by rename; a file that is there is replaced),
 * redirects followed (to http and https only, at most 10), certificates verified against the
 * system's store, CURL_CA_BUNDLE or SSL_CERT_FILE. The bytes must have the SHA-256 that is given
 * (64 hexadecimal digits); with a wrong one nothing is left at `path` and the message names both.
 * A body that ends early is an error. HTTP errors name the status. Transient faults are tried 3
 * times.
 */
int fetch_file(const char *url, const char *sha256, const char *path, struct err *e);

/* The url without user:password@ and with the values of query keys that look secret replaced: for
 * records. The caller frees. */
char *fetch_url_public(const char *url);

#endif
