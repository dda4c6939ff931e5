/* SPDX-License-Identifier: MIT */
/*
 * Errors. A function that can fail returns -1 (or NULL) and fills the caller's struct err.
 * The first error wins: err_set on an err that is already set changes nothing. Callers add
 * context outward with err_wrap. A NULL err is allowed everywhere and means "do not tell me".
 *
 * Wording: lower case, the fault first, the subject in single quotes, the position in front,
 * the remedy last, no full stop.
 */
#ifndef PPGEN_BASE_ERR_H
#define PPGEN_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define ERR_TEXT_MAX 2000 /* longer texts are cut and end in "..." */

/* What the exit code will be: the user's input (2), or the system under us (3). */
enum err_kind { ERR_NONE = 0, ERR_BAD, ERR_SYSTEM };

struct err {
	enum err_kind kind;
	char text[ERR_TEXT_MAX];
};

#define ERR_INIT                             \
	{                                    \
		.kind = ERR_NONE, .text = "" \
	}

/* Each returns -1, so that `return err_bad(e, ...)` reads well. */
int err_bad(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int err_fail(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As err_fail, followed by ": " and the text of errno. */
int err_errno(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "fmt: " in front of the text that is there. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts text behind what is there. */
int err_append(struct err *e, const char *text);

bool err_is(const struct err *e);
void err_clear(struct err *e);

/*
 * Diagnostics: complaints with a place in a file, collected so that several are shown at once.
 * Errors and warnings are kept in the order of their position; at most DIAG_SHOWN errors are kept,
 * the rest is counted; likewise warnings. `origin` is a file's name as the user wrote it, or "--set
 * key". line and col count from 1; line 0 means "no position".
 */
#define DIAG_SHOWN 20

struct diags;

struct diags *diags_new(void);
void diags_free(struct diags *d);
int diag_error(struct diags *d, const char *origin, int line, int col, const char *fmt, ...)
	__attribute__((format(printf, 5, 6))); /* returns -1 */
void diag_warn(struct diags *d, const char *origin, int line, int col, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
size_t diags_errors(const struct diags *d);

/*
 * The whole text: "origin:line:col: message\n" each, warnings as "origin:line:col: warning: ...",
 * sorted by line and column (stable), and a last line "N more errors\n" (and one "N more
 * warnings\n") where some were not kept. Borrowed; valid until the next call on d.
 */
const char *diags_text(struct diags *d);

#endif
