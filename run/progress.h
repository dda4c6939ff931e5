/* SPDX-License-Identifier: MIT */
/* What a person sees while a run goes: a bar on a terminal, a plain line now and then elsewhere;
 * failures with a sample, no flood. */
#ifndef PPGEN_RUN_PROGRESS_H
#define PPGEN_RUN_PROGRESS_H

#include "run/pool.h"

struct progress;

/* fd: where it is shown (stderr); quiet: only failures. */
struct progress *progress_new(const struct plan *p, int fd, bool quiet);
void progress_event(void *progress, const struct pool_event *ev); /* a pool_options.event */
void progress_free(struct progress *p);                           /* clears the bar */

#endif
