/* SPDX-License-Identifier: MIT */
/* The part of `ppgen log` that shows what an element's job said. */
#ifndef PPGEN_CMD_LOG_ELEMENT_H
#define PPGEN_CMD_LOG_ELEMENT_H

#include "cmd/cmd.h"

/* which: "17", "2.17" (array 2) or "finalise", of the latest submission. Prints its log on stdout.
 */
int log_element(const struct place *at, const char *which, struct err *e);

#endif
