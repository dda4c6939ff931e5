/* SPDX-License-Identifier: MIT */
/* ppgen finalise: the job behind the arrays. It submits again what may be, or merges. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/proc.h"
#include "cmd/round.h"
#include "store/rundir.h"
#include "store/submission_env.h"

struct values {
	uint64_t submission;
	const char *job;
};

static const struct opt opts[] = {
	{ 0, "submission", OPT_COUNT, offsetof(struct values, submission), "N",
	  "the submission's number", NULL, 1 },
	{ 0, "job", OPT_TEXT, offsetof(struct values, job), "ID",
	  "the scheduler's id of this job, for the log", NULL, 0 },
	{ 0 },
};

#define HOLD_TRIES  30 /* of 2 s: somebody may be submitting or cancelling just now */
#define HOLD_PAUSE  2
#define LAG_TRIES   6 /* accounting may lag by some 15 s */
#define LAG_PAUSE   3
#define ALIVE_TRIES 40 /* of 30 s: a scheduler that let us go too early */
#define ALIVE_PAUSE 30
#define PATIENCE    10 /* tries more, where the scheduler does not take the next round */

static void pause_s(unsigned seconds)
{
	struct timespec t = { (time_t)seconds, 0 };

	while (nanosleep(&t, &t) < 0) {
	}
}

static int hold_patiently(const char *rundir, unsigned number, const char *job, struct hold **hold,
			  struct err *e)
{
	for (int i = 0;; i++) {
		struct err why = ERR_INIT;

		if (round_hold(rundir, false, number, job, hold, &why) == 0)
			return 0;
		if (i == HOLD_TRIES) {
			*e = why;
			return -1;
		}
		pause_s(HOLD_PAUSE);
	}
}

/* Whether an element may still be unknown only because the accounting lags. */
static bool may_come(const struct round *r, const struct job_view *view)
{
	if (!view->lags)
		return false;
	for (unsigned a = 1; a <= r->sub.n_arrays; a++) {
		const struct submission_array *x = &r->sub.arrays[a - 1];

		for (uint64_t i = x->first; i < x->first + x->elements; i++)
			if (job_view_state(view, a, i, NULL) == JOB_STATE_UNKNOWN)
				return true;
	}
	return false;
}

/* Asks until every element is over, as far as the scheduler can tell. */
static int view_over(const struct round *r, struct job_view *view, struct err *e)
{
	for (int lag = 0, alive = 0;;) {
		if (scheduler_view(r->template, &r->sub, 0, view, e) < 0)
			return -1;
		if (!view->failed && round_has_jobs(r, view, false) && alive++ < ALIVE_TRIES)
			pause_s(ALIVE_PAUSE);
		else if ((view->failed || may_come(r, view)) && lag++ < LAG_TRIES)
			pause_s(LAG_PAUSE);
		else
			break;
		job_view_free(view);
	}
	if (view->failed || !round_has_jobs(r, view, false))
		return 0;
	job_view_free(view);
	return err_fail(e,
			"elements of submission %04u still run: `ppgen submit` finishes it later",
			r->sub.number);
}

/* What was submitted from: the scheduler's commands and a site's variables are found as they were
 * there. The next round has it too, though somebody ends this one meanwhile, by which it is
 * removed. Merging needs nothing of it. */
static void take_environment(struct round *r)
{
	struct err why = ERR_INIT;

	r->unattended = true;
	if (round_find_environment(r, &why) < 0 || submission_env_apply(&r->sub, &why) < 0)
		fprintf(stderr, "ppgen: note: %s\n", why.text);
}

/* The submission is over, or a later one is there already: an earlier start of this job came that
 * far. What it did not hand over is handed over now. */
static int go_on(const char *rundir, unsigned number, struct err *e)
{
	const unsigned latest = submission_latest(rundir, e);
	struct round r;
	int rc = EXIT_GOOD;

	if (err_is(e))
		return -1;
	if (latest == number || submission_has_ended(rundir, latest)) {
		fprintf(stderr, "submission %04u has ended already\n", number);
		return EXIT_GOOD;
	}
	if (round_load(rundir, latest, &r, e) < 0)
		return -1;
	take_environment(&r);
	if (r.sub.chain > number) {
		fprintf(stderr, "submission %04u has ended already\n", number);
	} else {
		r.patience = PATIENCE;
		rc = round_resume(&r, false, e) < 0 ? -1 : EXIT_TASKS;
		if (rc >= 0)
			fprintf(stderr, "submission %04u is followed by %04u\n", number, latest);
	}
	round_free(&r);
	return rc;
}

static int finish(const char *rundir, unsigned number, struct err *e)
{
	struct job_view view;
	struct round r;
	unsigned next;
	int rc;

	if (round_load(rundir, number, &r, e) < 0)
		return -1;
	take_environment(&r);
	r.patience = PATIENCE;
	rc = view_over(&r, &view, e);
	if (rc == 0) {
		rc = round_finish(&r, &view, &next, e);
		job_view_free(&view);
	}
	round_free(&r);
	return rc;
}

static int finalise(const char *rundir, unsigned number, const char *job, struct err *e)
{
	struct hold *hold = NULL;
	int rc;

	rundir_umask(rundir);
	if (rundir_check(rundir, e) < 0 || hold_patiently(rundir, number, job, &hold, e) < 0)
		return -1;
	rc = submission_has_ended(rundir, number) || submission_latest(rundir, NULL) > number
		     ? go_on(rundir, number, e)
		     : finish(rundir, number, e);
	rundir_release(hold);
	return rc;
}

static int run(int argc, char **argv)
{
	struct values o = { 0 };
	struct err e = ERR_INIT;
	int code;

	if (cmd_parse(&cmd_finalise, &argc, argv, &o, &code))
		return code;
	if (argc != 2 || !o.submission || o.submission > UINT32_MAX) {
		err_bad(&e, "a run directory and --submission are needed");
		return cmd_fail(&e);
	}
	fprintf(stderr, "finaliser of submission %04u on %s, job %s\n", (unsigned)o.submission,
		proc_host(), o.job && *o.job ? o.job : "not known");
	code = finalise(argv[1], (unsigned)o.submission, o.job, &e);
	return code < 0 ? cmd_fail(&e) : code;
}

const struct command cmd_finalise = {
	.name = "finalise",
	.args = "RUNDIR",
	.summary = "what the job behind the arrays runs: submits again or merges",
	.about =
		"Scripts that `ppgen submit` writes start it, when all elements of a submission have ended, however. It tells what failed, ran "
		"out of time or memory, was lost or never started, submits again what `retry` allows as a further submission with a finaliser of its "
		"own, or merges the tables when all tasks are good. Started by hand it does the same.",
	.opts = opts,
	.run = run,
};
