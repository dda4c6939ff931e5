/* SPDX-License-Identifier: MIT */
/* What interp.c and interp_fork.c share. */
#ifndef PPGEN_RUN_INTERP_INTERNAL_H
#define PPGEN_RUN_INTERP_INTERNAL_H

#include "base/buf.h"
#include "run/interp.h"

struct interp {
	pid_t pid;
	int requests;   /* we write to it */
	int unread;     /* the same pipe, to take back from */
	int replies;    /* we read from it */
	uint64_t *page; /* shared with it; NULL: it has none, or does not use it */
	unsigned ahead;
	char *folder;
	struct buf out; /* unsent */
	size_t out_at;
	size_t long_line; /* the length of the last line where it is more than a packet; 0 */
	struct buf in;
	size_t in_at;
	/* of an answer whose value goes to a file: */
	int value_fd;
	uint64_t value_left;
	struct answer large;
};

/* interp_page.c. -1 with errno; *theirs is what the interpreter is to have */
int interp_page_open(struct interp *ip, int *theirs);
void interp_page_drop(struct interp *ip);

#endif
