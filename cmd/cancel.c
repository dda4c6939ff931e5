/* SPDX-License-Identifier: MIT */
/* ppgen cancel: ends a submission; what is recorded stays, and submit goes on from there. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/round.h"
#include "store/rundir.h"

struct values {
	struct common common;
	bool take_over;
};

static const struct opt opts[] = {
	{ 0, "take-over", OPT_FLAG, offsetof(struct values, take_over), NULL,
	  "go on although a process on another machine seems to hold the run directory", NULL, 0 },
	COMMON_SITE,
	COMMON_DIR,
	{ 0 },
};

#define LOOKS   10 /* until its elements have seen the signal and recorded what they had */
#define PAUSE_S 3

/*
 * Its jobs that are in the queue, found by their names: a crash may have kept an id from the
 * record, and a scheduler that was killed may have given one to another job. Where it cannot be
 * asked for names, the ids that are known.
 */
static const char **all_ids(struct round *r, size_t *n, struct err *e)
{
	const size_t jobs = r->sub.n_arrays + 1;
	const char **ids = mem_array(jobs + 1, sizeof *ids),
		   **names = mem_array(jobs, sizeof *names);
	char **found = mem_array(jobs, sizeof *found);
	struct err why = ERR_INIT;
	bool lacking = false, asked;

	*n = 0;
	for (size_t k = 0; k < jobs; k++) {
		const bool array = k < r->sub.n_arrays;
		const char *id = array ? r->sub.arrays[k].id : r->sub.finalise_id;

		names[k] = array ? r->sub.arrays[k].name : r->sub.finalise_name;
		lacking |= !id && (array || r->sub.finalises);
	}
	asked = scheduler_find(r->template, names, jobs, found, &why) == 0;
	if (!asked && lacking) {
		*e = why;
		free(ids);
		ids = NULL;
	}
	/* the finaliser first, or it would submit again what is cancelled behind it */
	for (size_t k = jobs; ids && k-- > 0;) {
		const bool array = k < r->sub.n_arrays;
		const char *id = array ? r->sub.arrays[k].id : r->sub.finalise_id;

		if (asked)
			id = found[k] ? arena_dup(r->sub.arena, found[k]) : NULL;
		if (id)
			ids[(*n)++] = id;
	}
	for (size_t k = 0; k < jobs; k++)
		free(found[k]);
	free(found);
	free(names);
	return ids;
}

/* Waits a little until nothing of it runs. */
static bool is_gone(const struct round *r)
{
	const struct timespec pause = { PAUSE_S, 0 };
	bool gone = false;

	for (int i = 0; i < LOOKS && !gone; i++) {
		struct job_view view;

		nanosleep(&pause, NULL);
		if (scheduler_view(r->template, &r->sub, 0, &view, NULL) < 0)
			return false;
		gone = !view.failed && !round_has_jobs(r, &view, true);
		job_view_free(&view);
	}
	return gone;
}

static int cancel(struct round *r, const char *named, struct err *e)
{
	size_t n;
	const char **ids = all_ids(r, &n, e);
	struct buf b = BUF_INIT;
	int rc = 0;

	if (!ids)
		return -1;
	if (n > 0)
		rc = scheduler_cancel(r->template, ids, n, e);
	free(ids);
	if (rc < 0)
		return -1;
	if (n > 0 && !is_gone(r))
		fputs("ppgen: note: some of it may run for some seconds yet; it takes nothing new\n",
		      stderr);
	if (round_end_earlier(r, e) < 0 || submission_set_ended(&r->sub, "cancelled", "", 0, e) < 0)
		return -1;
	put_ids(&b, &r->sub);
	fprintf(stderr,
		"submission %04u (%s) is cancelled: `ppgen submit%s` or `ppgen run%s` goes on from here\n",
		r->sub.number, buf_str(&b), named, named);
	buf_free(&b);
	return 0;
}

/*
 * Holds the run directory. A finaliser that is at work holds it too; nobody should have to wait for
 * it: it is ended first, and what it had begun stands in the run directory as after a crash.
 */
static int hold(const char *rundir, bool take_over, struct hold **out, struct err *e)
{
	const struct timespec pause = { PAUSE_S, 0 };
	struct err why = ERR_INIT;
	struct round r;
	unsigned number;
	int rc = round_hold(rundir, take_over, 0, NULL, out, e);

	if (rc != 1 || !rundir_held_by(rundir, &number) || round_load(rundir, number, &r, NULL) < 0)
		return rc;
	if (r.sub.finalise_id && scheduler_cancel(r.template, &r.sub.finalise_id, 1, &why) == 0) {
		for (int i = 0; i < LOOKS && rc == 1; i++) {
			nanosleep(&pause, NULL);
			err_clear(e);
			rc = round_hold(rundir, take_over, 0, NULL, out, e);
		}
	}
	round_free(&r);
	return rc;
}

static int cancel_living(const struct place *at, bool take_over, struct err *e)
{
	struct submission living;
	struct hold *held = NULL;
	struct round r;
	unsigned number;
	int rc;

	rc = rundir_find(at->rundir, e);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return err_bad(e, "nothing was submitted in '%s'", at->rundir);
	if (hold(at->rundir, take_over, &held, e) != 0)
		return -1;
	rc = submission_living(at->rundir, &living, e);
	if (rc == 0)
		rc = err_bad(e, "no submission is under way in '%s'", at->rundir);
	if (rc > 0) {
		number = living.number;
		submission_free(&living);
		rc = round_load(at->rundir, number, &r, e);
		if (rc == 0) {
			rc = cancel(&r, at->named, e);
			round_free(&r);
		}
	}
	rundir_release(held);
	return rc;
}

static int run(int argc, char **argv)
{
	struct values o = { 0 };
	struct place at = { 0 };
	struct err e = ERR_INIT;
	int code;

	if (cmd_parse(&cmd_cancel, &argc, argv, &o, &code))
		return code;
	if (argc > 2)
		err_bad(&e, "one run is cancelled at a time");
	else if (place_find(argv[1], &o.common, &at, &e) == 0)
		(void)cancel_living(&at, o.take_over, &e);
	code = err_is(&e) ? cmd_fail(&e) : EXIT_GOOD;
	place_free(&at);
	return code;
}

const struct command cmd_cancel = {
	.name = "cancel",
	.args = "[SPEC|RUNDIR]",
	.summary = "end a submission; what is recorded stays",
	.about =
		"Takes the jobs of the submission that is under way out of the queue, or ends them where they run: running tasks are interrupted, and what had "
		"ended is recorded. `ppgen submit` or `ppgen run` goes on from there.",
	.opts = opts,
	.run = run,
};
