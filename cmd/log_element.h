/* SPDX-License-Identifier: MIT */
/* The part of `ppgen log` that shows what an element's job said. */
#ifndef PPGEN_CMD_LOG_ELEMENT_H
#define PPGEN_CMD_LOG_ELEMENT_H

#include "cmd/cmd.h"

/* number: of the submission; 0: the latest. which: "17", "2.17" (array 2) or "finalise". Prints its
 * log on stdout. */
int log_element(const struct place *at, uint64_t number, const char *which, struct err *e);

#endif
