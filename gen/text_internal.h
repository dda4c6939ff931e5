/* SPDX-License-Identifier: MIT */
/* What text.c compiles and text_fill.c fills: a row of literal pieces and placeholders. */
#ifndef PPGEN_GEN_TEXT_INTERNAL_H
#define PPGEN_GEN_TEXT_INTERNAL_H

#include "gen/text.h"

enum part_kind { PART_LITERAL, PART_NAME, PART_SPECIAL };

enum modifier { MOD_NONE, MOD_DIR, MOD_NAME, MOD_STEM, MOD_EXT, MOD_INTEGER, MOD_FLOAT };

struct part {
	enum part_kind kind;
	enum modifier mod;
	size_t which;     /* the parameter or the special */
	const char *text; /* a literal; else the placeholder's name */
	size_t len;
	const char *spec; /* the modifier as written, for messages; NULL without one */
	bool zero;        /* MOD_INTEGER, MOD_FLOAT: pad with zeros, not blanks */
	int width;
	int precision; /* -1: not given */
	char letter;   /* MOD_FLOAT: e E f g G */
};

struct ptext {
	const char *source;
	struct part *parts;
	size_t n;
	bool *uses; /* for each name */
	size_t n_names;
	unsigned specials;
};

#endif
