/* SPDX-License-Identifier: MIT */
/* Where a run came from: who started what, where, with which version and which commit. Secrets are
 * never written. */
#ifndef PPGEN_BASE_PROVENANCE_H
#define PPGEN_BASE_PROVENANCE_H

#include <stdbool.h>

#include "base/buf.h"

/*
 * Appends the members of a JSON object, without braces:
 *   "version":..,"argv":[..],"cwd":..,"user":..,"umask":"0022","host":..,"time":"2026-01-31T12:00:00.123+00:00",
 *   "git":{"commit":..,"branch":..,"remote":..,"dirty":true,"diff_sha256":..}
 * git speaks of the repository around `dir`, and may run what the repository's configuration names;
 * NULL: it is not asked. What it does not tell within 5 seconds is left out,
 * and so is all of it where there is none. branch is absent on a detached head; diff_sha256 is that
 * of `git diff HEAD`, only when dirty.
 */
void provenance_put(struct buf *members, const char *version, const char *dir, int argc,
		    char *const *argv);

/* Whether a name (of a variable, an option, a key) looks like that of a secret: *TOKEN* *SECRET*
 * *PASS* *KEY*, in any case. */
bool provenance_is_secret(const char *name);

/*
 * Appends text less its secrets, each "***": user:password@ and secret-looking query values in
 * URLs, and all that stands behind a name that looks like a secret's ("--token=abc", "{API_KEY:
 * abc}", "password abc").
 */
void provenance_put_public(struct buf *b, const char *text);

#endif
