/* SPDX-License-Identifier: MIT */
/*
 * A language: all that is known of how its functions are called, in one file of templates/. That
 * file is the program that its interpreter runs (see ppgen-language(7) for what it must do); lines
 * in its head, "# ppgen-NAME: value", hold the facts. No language's name stands in C.
 */
#ifndef PPGEN_GEN_LANGUAGE_H
#define PPGEN_GEN_LANGUAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct language {
	const char *name;        /* "python": the spec's key */
	const char *title;       /* "Python" */
	const char *interpreter; /* words: "python3" */
	const char *form; /* of a call, for messages: "MODULE:FUNCTION or FILE.py:FUNCTION" */
	/* How a person would call it: words for the interpreter, and what follows them, with
	 * {module} or {file}, {function} and {arguments} in it. */
	const char *show, *show_module, *show_file;
	/* How it writes true and false, and eight words in all: what stands around the items of a
	 * list, named values, and a list of these: "True False [ ] dict( ) [ ]". */
	const char *literals;
	const char *files;  /* where a module's code is, words: "{}.py {}/__init__.py"; {} is its
			       name, dots made slashes */
	const char *import; /* PCRE2, searched for in a module's code; its groups: `modules` names
			       others, commas between them, and `names` what may be modules in
			       the one that `within` names */
	bool fork;          /* it can fork a child a task */
	const char *text;   /* the program */
	size_t len;
};

/* NULL: no such language. What is returned lives as long as the program. */
const struct language *language_find(const char *name, size_t len);
/* The k-th, by name; NULL behind the last. */
const struct language *language_at(size_t k);

/* Whether a name is that of a file with code, as its ending says; else it is a module's. */
bool language_is_file(const struct language *l, const char *name, size_t n);

/* Appends the k-th place where the code of a module of this name, its dots made slashes, may be;
 * false behind the last. */
bool language_put_file(const struct language *l, size_t k, const char *name, size_t n,
		       struct buf *out);

#endif
