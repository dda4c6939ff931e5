/* SPDX-License-Identifier: MIT */
/* Between language.c and what templates/embed.awk makes: the languages that are built in. */
#ifndef PPGEN_GEN_LANGUAGE_INTERNAL_H
#define PPGEN_GEN_LANGUAGE_INTERNAL_H

#include "gen/language.h"

extern const struct language language_builtins[]; /* sorted by name; ends with a NULL name */

#endif
