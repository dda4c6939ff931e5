/* SPDX-License-Identifier: MIT */
/* Private to the collector: how many tasks there are of each kind, and why a table would not be
 * whole. */
#ifndef PPGEN_COLLECT_TALLY_H
#define PPGEN_COLLECT_TALLY_H

#include "base/err.h"
#include "collect/collect.h"
#include "store/scan.h"

/* Counts. -1, with all the counts in the message and some tasks named, when a task has no good
 * result and `partial` is false. */
int tally_tasks(const struct scan *s, bool partial, struct collect_report *out, struct err *e);

#endif
