/* SPDX-License-Identifier: MIT */
/* Staying in a folder that somebody else may have filled: with symbolic links, too. */
#ifndef PPGEN_BASE_INSIDE_H
#define PPGEN_BASE_INSIDE_H

#include "base/err.h"

/* -1 where `path`, a name below `folder`, leads out of it, links followed: nothing may be written
 * there. What is not there leads nowhere. */
int inside_check(const char *folder, const char *path, struct err *e);
/* The same for a path and the folder that it lies in. */
int inside_check_parent(const char *path, struct err *e);

#endif
