/* SPDX-License-Identifier: MIT */
/*
 * Text with placeholders: {T}, {f:stem}, {rep:03d}, {{ and }}. Compiled once against the names of
 * the parameters and filled for a task. Modifiers: :dir :name :stem :ext (of a path), :03d (an
 * integer, printf's width), :.3f :.3e :g (a number).
 */
#ifndef PPGEN_GEN_TEXT_H
#define PPGEN_GEN_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "gen/value.h"

/* What a placeholder may name beside the parameters (`rep` is a parameter where `repeat:` is given,
 * else an error). */
enum special {
	SPECIAL_SEED,
	SPECIAL_SEED64,
	SPECIAL_SCRATCH,
	SPECIAL_CPUS,
	SPECIAL_MEMORY,
	SPECIAL_TASK,
	SPECIAL_INDEX,
	SPECIAL_KEEP,
	SPECIAL_LAUNCH,
	SPECIAL_COUNT
};
extern const char *const special_names[SPECIAL_COUNT];
#define SPECIAL_BIT(s) (1u << (s))
#define SPECIAL_ALL    ((1u << SPECIAL_COUNT) - 1)
#define SPECIAL_PATH   (SPECIAL_ALL & ~SPECIAL_BIT(SPECIAL_LAUNCH)) /* in the path of something */

struct ptext;

/*
 * `specials` is the set of specials that are allowed here. On error NULL and *at is the byte offset
 * of the fault
 * ("unknown parameter 'Tt' (did you mean 'T'?)", "'{' is not closed: write '{{' for a brace", "no
 * modifier 'stm' ...").
 */
struct ptext *ptext_compile(struct arena *a, const char *text, size_t len, const char *const *names,
			    size_t n, unsigned specials, size_t *at, struct err *e);

bool ptext_uses(const struct ptext *t, size_t name);
bool ptext_uses_special(const struct ptext *t, enum special s);
bool ptext_is_constant(const struct ptext *t);
const char *ptext_source(const struct ptext *t); /* as it was written */

/* The parameter whose placeholder, without modifier, is all of the text; -1 when there is none. */
int ptext_alone(const struct ptext *t);
/* Whether this special, without modifier, is all of the text. */
bool ptext_alone_special(const struct ptext *t, enum special s);

/* Appends the text for these values and specials (indexed by enum special). -1: a modifier does not
 * fit the value. */
int ptext_fill(const struct ptext *t, const struct value *values, const char *const *specials,
	       struct buf *out, struct err *e);

/*
 * A command line: split by POSIX shell quoting, each word a ptext. Unquoted | & ; < > $ * ~ ( ) ? [
 * ` # (at a word's beginning), newline within, and $ or ` within double quotes are errors that say
 * "use shell:". *at as above.
 */
struct words {
	struct ptext **items;
	size_t n;
};
int words_split(struct arena *a, const char *text, size_t len, const char *const *names, size_t n,
		unsigned specials, struct words *out, size_t *at, struct err *e);

#endif
