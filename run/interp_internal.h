/* SPDX-License-Identifier: MIT */
/* What interp.c and interp_fork.c share. */
#ifndef PPGEN_RUN_INTERP_INTERNAL_H
#define PPGEN_RUN_INTERP_INTERNAL_H

#include "base/buf.h"
#include "run/interp.h"

struct interp {
	pid_t pid;
	int requests; /* we write to it */
	int unread;   /* the same pipe, to take back from */
	int replies;  /* we read from it */
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

#endif
