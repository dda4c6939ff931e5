/* SPDX-License-Identifier: MIT */
/* Between space_read.c and space_add.c: a space while it is read from a spec. */
#ifndef PPGEN_GEN_SPACE_BUILD_H
#define PPGEN_GEN_SPACE_BUILD_H

#include "gen/space_internal.h"

struct build {
	struct space *s;
	struct axis_reader r;
	size_t axes_cap;
	uint64_t where_most; /* points that `where` may pass over */
	const struct node *where, *add;
	bool bad; /* something was complained of */
};

void space_read_add(struct build *b); /* after `where` */

#endif
