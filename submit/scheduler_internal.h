/* SPDX-License-Identifier: MIT */
/*
 * What the scheduler's files share: scheduler_run.c (running a command of a template),
 * scheduler.c (commands that change something), scheduler_view.c and scheduler_asked.c (what has
 * become of the jobs), scheduler_detect.c, scheduler_limits.c.
 */
#ifndef PPGEN_SUBMIT_SCHEDULER_INTERNAL_H
#define PPGEN_SUBMIT_SCHEDULER_INTERNAL_H

#include "base/buf.h"
#include "submit/scheduler.h"

#define COMMAND_S 60 /* after which a command is ended */
#define PROBE_S   10 /* the same, where an answer is not important */

/* How long to wait for jobs to end that do not let themselves be cancelled (30; tests need not). */
extern unsigned scheduler_patience_s;

/* What a command said. */
struct answer {
	char *command; /* its words, for people: "sbatch --version" */
	int code;      /* exit code, or 128 + signal */
	struct buf out, errors;
};

struct command_how {
	unsigned timeout_s;
	bool hold, after; /* of submit */
	bool passes_on;   /* the environment goes to a job: it stays in the user's language */
};

/*
 * Runs a command of a template. -1: it could not be made, started, or did not end in time; any exit
 * code is no error. The caller frees the answer in any case.
 */
int command_run(const struct template *t, const struct template_command *c,
		const struct job_values *v, const struct command_how *how, struct answer *a,
		struct err *e);
void answer_free(struct answer *a);
/* Appends the last lines of what it said, stderr before stdout, as one line for people. */
void answer_put_said(const struct answer *a, struct buf *b);

/* Whether an answer counts (see struct template_ask); else why not is in `why`. */
bool answer_counts(const struct template_ask *ask, const struct answer *a, struct err *why);

/* Who runs this: borrowed. */
const char *own_user(void);

/* ---- asked.json ---- */

/* Reads what was said last. False when there is nothing sound. */
bool asked_load(const struct submission *s, struct job_view *out);
/* Keeps it for others, where that is possible. */
void asked_save(const struct submission *s, const struct job_view *v);

#endif
