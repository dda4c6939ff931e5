/* SPDX-License-Identifier: MIT */
/*
 * The command line. One table a command; the parser, -h, the man page and shell completion all come
 * from it.
 */
#ifndef PPGEN_BASE_OPT_H
#define PPGEN_BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum opt_type {
	OPT_FLAG,   /* bool */
	OPT_TEXT,   /* const char *, borrowed from argv */
	OPT_TEXTS,  /* struct opt_texts: may be given several times */
	OPT_COUNT,  /* uint64_t, from `least` */
	OPT_CHOICE, /* const char *, one of `choices` ("keep|rerun") */
};

struct opt_texts {
	const char **items;
	size_t n, cap;
};

struct opt {
	char letter;      /* 0: none */
	const char *name; /* without the dashes; NULL ends a table */
	enum opt_type type;
	size_t offset;       /* into the command's struct of values */
	const char *arg;     /* "N", "EXPR"; NULL for a flag */
	const char *help;    /* one sentence, lower case, no full stop */
	const char *choices; /* OPT_CHOICE */
	uint64_t least;      /* OPT_COUNT */
};

struct command {
	const char *name;
	const char *args;    /* "[SPEC|RUNDIR] [TASK ...]" */
	const char *summary; /* one line */
	const char *about;   /* a few short paragraphs for the man page, plain text, "\n\n" between;
				".EX" blocks: lines that begin with a tab */
	const struct opt *opts;
	bool bounded; /* reads what strangers wrote: may ask for MEMORY_MOST bytes at most */
	int (*run)(int argc,
		   char **argv); /* argv[0] is the command's name; returns the exit code */
};

/*
 * Parses argv[1..] into `values` and moves the words that are no options to the front of argv[1..];
 * *argc and argv then hold just them. Knows -x, -xVALUE, -x VALUE, clustered flags, --name,
 * --name=VALUE, --name VALUE, and "--". -h and --help print help to stdout and return 1. Options
 * may stand after words. A near miss is suggested. An option given twice: the last one wins.
 */
int opt_parse(const struct command *c, int *argc, char **argv, void *values, struct err *e);
void opt_texts_free(struct opt_texts *t);

void opt_help(const struct command *c, struct buf *b); /* what -h prints */
void opt_man(const struct command *c, const char *version,
	     struct buf *b); /* a man page in man(7) macros */
void opt_completion(const struct command *const *commands, size_t n, struct buf *b); /* for bash */

#endif
