/* SPDX-License-Identifier: MIT */
/*
 * Talking to a scheduler through its template's commands. Every command is run without a shell,
 * with the variables that a job must not pass on (environment.own), functions of a shell and values
 * of several lines taken out of its environment, and is ended after a while; what it said is part
 * of the error. Where an answer is read it is asked for in English (LC_ALL=C); what is submitted
 * keeps the user's own environment.
 */
#ifndef PPGEN_SUBMIT_SCHEDULER_H
#define PPGEN_SUBMIT_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

#include "gen/shape.h"
#include "gen/template.h"
#include "store/submission.h"

/*
 * Which scheduler is here: tries the detect command of every template that can be found. *why says
 * e.g. "'sbatch --version' says slurm-wlm 22.05.8" (the caller frees both). -1: none, or several
 * ("both 'pbs' and 'sge' seem to be here ..: name one in the site file or with --template").
 */
int scheduler_detect(char **name, char **why, struct err *e);

/*
 * Asks for everything that limits arrays; each command once, however many limits it tells. What
 * cannot be asked is no limit. v: what the commands may name (partition, account, qos; the user is
 * put in); NULL: nothing. Origins live for ever.
 */
void scheduler_limits(const struct template *t, const struct job_values *v,
		      struct shape_limits *out);

/*
 * Whether a script's job could ever run, as the template's submit.test says: a job that is held is
 * taken whatever it asks for, and waits for ever once it is released. ERR_BAD: it could not; or
 * only not now, while nodes are down. Templates without a test say yes.
 */
int scheduler_test(const struct template *t, const struct job_values *v, struct err *e);

/*
 * Submits one script; *id is the caller's to free. hold; after: ids to wait for (n may be 0).
 * ERR_BAD: the scheduler refused it ("sbatch refused array-1.sh (exit code 1): ..."). ERR_SYSTEM:
 * the command could not be run or did not end in time, or no id could be read: the job may be
 * there, scheduler_find tells.
 */
int scheduler_submit(const struct template *t, const struct job_values *v, bool hold,
		     const char *const *after, size_t n_after, char **id, struct err *e);
/* A job that is gone already is no error in either of these. */
int scheduler_release(const struct template *t, const char *const *ids, size_t n, struct err *e);
int scheduler_cancel(const struct template *t, const char *const *ids, size_t n, struct err *e);

/*
 * The ids of this user's jobs that have one of these names (a name may be NULL: nobody has it);
 * ids[k] is NULL where there is none (free each). -1: it could not be asked, or two jobs have one
 * name.
 */
int scheduler_find(const struct template *t, const char *const *names, size_t n, char **ids,
		   struct err *e);

/* ---- what has become of the elements ---- */

#define JOB_WORD 64

struct job_seen {
	unsigned array;       /* from 1; 0: the finaliser */
	uint64_t first, last; /* indexes of elements; 0 of the finaliser */
	enum job_state state;
	char word[JOB_WORD]; /* the scheduler's own */
};

struct job_view {
	struct job_seen *seen; /* by array and index; runs of one state and word are joined */
	size_t n;
	uint64_t asked_ms; /* when; 0: never */
	bool failed;       /* it could not be asked: `why`; seen is what was known before */
	char *why;
	bool lags; /* an accounting that lags was asked and something is still unknown: it may come
		    */
};

/*
 * In one command for all arrays, at most once in `max_age_s` seconds, whoever asks: else what was
 * last said is read from the submission's asked.json. Several may ask at once, and the last one's
 * answer stays. A time in the future (somebody's clock went back) is as old as it is ahead.
 *
 * `ask` entries of the template are tried in turn while something is unknown. A later one fills in
 * only what is unknown, or "over, who knows how". What a lagging accounting says of jobs that still
 * live counts only when nobody else could be asked. What was once seen to have ended stays so when
 * the scheduler has forgotten it; any other state is forgotten with it. Arrays of which all is
 * known to have ended are not asked for.
 *
 * Impossible to ask: `failed`, no error.
 */
int scheduler_view(const struct template *t, const struct submission *s, unsigned max_age_s,
		   struct job_view *out, struct err *e);
void job_view_free(struct job_view *v);
/* The state of one element; JOB_STATE_UNKNOWN where nothing was said. word may be NULL. */
enum job_state job_view_state(const struct job_view *v, unsigned array, uint64_t element,
			      const char **word);
bool job_state_is_over(enum job_state s); /* done, failed, timeout, oom, lost, cancelled, ended */

#endif
