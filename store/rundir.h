/* SPDX-License-Identifier: MIT */
/*
 * The run directory: where things stand in it, and who runs in it. See HACKING.md, "The run
 * directory". Nobody needs a lock or a server: what must be unique is taken by link().
 */
#ifndef PPGEN_STORE_RUNDIR_H
#define PPGEN_STORE_RUNDIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define RUNDIR_FORMAT 1

/* Makes what is missing (also ppgen.json, which says the format's version) and checks that it can
 * be written. */
int rundir_create(const char *path, struct err *e);
/* Checks that it is a run directory of a format that this program knows; a newer one is refused by
 * name. */
int rundir_check(const char *path, struct err *e);
bool rundir_is(const char *path);
/* The same, where what cannot be looked at must not be taken for absent: 1, 0, -1. */
int rundir_find(const char *path, struct err *e);

/*
 * A scheduler may start jobs with a umask of its own (077 by PBS). Whoever may read the run
 * directory may read what jobs put into it: takes out of the umask what its mode allows.
 */
void rundir_umask(const char *rundir);

/* "<path>/<what>", the caller frees. */
char *rundir_path(const char *rundir, const char *what);

/*
 * The holder: only one `run` works in a run directory at a time. claims/local.NNNN names the
 * process (host, boot id, pid, start time); the highest generation counts; local.NNNN.done says
 * that it ended. A holder whose process is gone on this very boot of this machine is succeeded; one
 * on another machine cannot be judged from here: it is refused unless take_over. 1: held by
 * somebody, and `e` says by whom, since when and what to do. 0: held by us now.
 */
struct hold;
int rundir_hold(const char *rundir, bool take_over, struct hold **out, struct err *e);
/*
 * The same for a job. A finaliser names its submission in its claim: others, on whatever machine,
 * can then ask the scheduler whether it still lives, and take over from this very claim.
 */
struct hold_how {
	bool take_over;
	uint64_t over;       /* a generation that may be succeeded though it cannot be judged; 0 */
	unsigned submission; /* whose finaliser we are; 0: of none */
};
int rundir_hold_how(const char *rundir, const struct hold_how *how, struct hold **out,
		    struct err *e);
/* The generation of the present claim, where it is a finaliser's, and of which submission; else 0.
 */
uint64_t rundir_held_by(const char *rundir, unsigned *submission);
void rundir_release(struct hold *h); /* accepts NULL */

/* For status: 1 and a description ("pid 4711 on node3 since 2026-...") when a live (or not
 * judgeable) holder is there. */
int rundir_holder(const char *rundir, char **who, bool *alive_here, struct err *e);

#endif
