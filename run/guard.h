/* SPDX-License-Identifier: MIT */
/*
 * The guardian. guard_start forks: the parent stays as guardian (the process that the user started:
 * it holds the terminal, passes signals on and waits), the child goes on as the pool in a session
 * of its own. Both are subreapers, so whichever of the two is killed, the other ends every
 * descendant: no task outlives ppgen. The guardian's exit code is the pool's; where the pool died
 * by a signal, all its descendants are ended first, a line is said on stderr, and the guardian ends
 * itself by the same signal (SIGKILL: exit 3).
 */
#ifndef PPGEN_RUN_GUARD_H
#define PPGEN_RUN_GUARD_H

#include "base/err.h"

/*
 * Returns only in the pool: a descriptor that reads end-of-file when the guardian is gone. -1 on
 * error. SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 that reach the guardian are passed to the pool.
 * Nothing may have been started before. All descriptors from 3 up are made close-on-exec in the
 * pool.
 */
int guard_start(struct err *e);

/* Ends (SIGKILL) and reaps every descendant of this process; returns how many there were. Repeats
 * until none is left. */
unsigned guard_end_descendants(void);

#endif
