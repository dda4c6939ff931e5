/* SPDX-License-Identifier: MIT */
/* Failures, grouped by cause with a sample each: a flood tells nothing. */
#ifndef PPGEN_CMD_FAILURES_H
#define PPGEN_CMD_FAILURES_H

#include "cmd/cmd.h"

struct cause {
	enum outcome outcome;
	char *why;  /* "exit code 3", of the first of them */
	char *kind; /* the same less what differs between tasks: quoted text and numbers; private */
	char *said; /* the last line that it wrote to stderr; NULL when there is none */
	uint64_t tasks;
	uint64_t sample; /* the first of them */
};

#define CAUSES_MAX 200 /* further causes are counted under the last one, "other causes" */

/* The causes of the selected tasks whose outcome stands as a failure, most frequent first. The
 * caller frees with causes_free. */
int causes_find(struct scan *s, const struct selection *sel, struct cause **out, size_t *n,
		struct err *e);
void causes_free(struct cause *c, size_t n);

/* "  12 x exit code 3    e.g. t3f9a1c0 (T=1.5, L=16)\n", at most `most` causes, then how many are
 * not shown. named: struct place. */
void put_causes(struct buf *b, const struct scan *s, const char *named, const struct cause *c,
		size_t n, size_t most);

/* An end record's cause for people: its "why", else what its outcome says. */
void put_why(struct buf *b, const struct record *r);

#endif
