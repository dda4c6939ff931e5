/* SPDX-License-Identifier: MIT */
/* Everything that the journals hold of some tasks, for `log`. */
#ifndef PPGEN_CMD_ATTEMPTS_H
#define PPGEN_CMD_ATTEMPTS_H

#include "cmd/cmd.h"

struct attempt {
	char *writer;
	char *line;        /* the end record, or the start record where it never ended */
	struct record rec; /* borrows from line */
	char *host;        /* of the writer */
	bool ended, writer_dead;
};

struct attempts {
	uint8_t id[TASK_ID_SIZE];
	struct attempt *items; /* in order of attempt number */
	size_t n, cap;
};

/* Fills the items of n entries whose ids are set; one walk over all journals. */
int attempts_find(const char *rundir, struct attempts *list, size_t n, struct err *e);
/* Where in its slot's spools the output of an attempt that has not ended begins. */
uint64_t attempt_begins(const struct attempt *a, enum stream which);
void attempts_free(struct attempts *list, size_t n);

#endif
