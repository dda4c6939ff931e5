/* SPDX-License-Identifier: MIT */
/*
 * The environment that the user submitted from, which is what workers and the finaliser run in.
 *
 * It is kept with the submission, as submissions/0001/environment ("K=V", each with a NUL behind
 * it, as `env -0` prints it), and no scheduler is asked to pass it on: some pass nothing, sites
 * forbid it, some break on a value with a newline or on a shell's function, and some show all of it
 * to whoever asks for the job. Here every value survives, of whatever bytes and length.
 *
 * What of it counts on a node:
 * - The node's own, whatever was submitted: what says which machine, job and session this is. These
 *   are the template's lists `own` and `hidden`, and a list in submission_env.c: HOSTNAME; TMPDIR
 *   and its kin, which a prologue makes for the job; DISPLAY, SSH_*, DBUS_*, KRB5CCNAME,
 *   XDG_RUNTIME_DIR, TERM, which end with the login; CUDA_VISIBLE_DEVICES and its kin, which are
 *   the allocation's; what an MPI launcher tells a rank; PWD and what else a shell keeps for
 * itself. They are not even written.
 * - Everything else is the submitter's where he had it: PATH, LD_LIBRARY_PATH, PYTHONPATH,
 *   VIRTUAL_ENV, CONDA_*, what `module` keeps and its functions, HOME, LANG, OMP_NUM_THREADS.
 * - Of what he had not, the node's stays, but for what would bring in other programs' modules or
 *   threads than he had: PYTHON*, VIRTUAL_ENV, CONDA_*, R_LIBS, OMP_NUM_THREADS and the like.
 * - Folders of the node's PATH that are not in his are appended: the first one that has a program
 *   counts, so he loses nothing.
 * `setup:` runs on top of that.
 *
 * It may hold secrets (tokens, passwords), so it can be read by the user alone (mode 0600),
 * whatever the run directory's mode is, nothing of it is copied into a journal but what
 * run/capacity.h lists, and it is removed when the submission has ended. It decides what programs
 * are run, as the scripts beside it do: nobody but the user may be able to write in the run
 * directory. On a file system without modes it is no safer than the rest of the run.
 */
#ifndef PPGEN_STORE_SUBMISSION_ENV_H
#define PPGEN_STORE_SUBMISSION_ENV_H

#include "base/err.h"
#include "gen/template.h"
#include "store/submission.h"

#define SUBMISSION_ENVIRONMENT "environment" /* the file's name */

/* Environments here are "K=V", NULL-terminated, in one block: free it. */

/* What of env is passed on. */
char **submission_env_passed(const struct template *t, const char *const *env);
/* What a worker runs in that was started with the environment `node`. Of a name that is there
 * twice, the first one counts, as for getenv. */
char **submission_env_merged(const char *const *passed, const char *const *node);

/* Into a draft; submission_publish syncs it. 1: others may read it, since the file system keeps no
 * modes. */
int submission_env_write(const struct submission *s, const char *const *passed, struct err *e);
/* NULL: it cannot be read, or is damaged. Only where s->environment. */
char **submission_env_read(const struct submission *s, struct err *e);

/*
 * Makes it this process's environment, for good: to be called once, while there is one thread.
 * Nothing is done where the submission has none (s->environment NULL: one of an older ppgen, or the
 * site says so), nor where it has ended, so that it is removed.
 */
int submission_env_apply(const struct submission *s, struct err *e);

#endif
