/* SPDX-License-Identifier: MIT */
/* ppgen log -f. */
#ifndef PPGEN_CMD_LOG_FOLLOW_H
#define PPGEN_CMD_LOG_FOLLOW_H

#include "cmd/attempts.h"

/* Copies what an attempt writes to stdout, until it ends or its worker is gone. NULL: it never
 * began. */
int log_follow(const char *rundir, const struct scan *s, const struct attempt *a, struct err *e);

#endif
