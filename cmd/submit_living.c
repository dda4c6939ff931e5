/* SPDX-License-Identifier: MIT */
/* ppgen submit: a submission that is there already. */
#include <stdlib.h>
#include <string.h>

#include "cmd/submit_session.h"
#include "store/rundir.h"

#define ASK_AGAIN_S 60

/* ---- who holds the run directory ---- */

/* Whether the job that is (or was) the finaliser of a submission is gone, by the scheduler's word.
 * A queued one will begin again. Where it lives, why says what to do. */
static bool finaliser_is_gone(const char *rundir, unsigned number, struct err *why)
{
	struct job_view view;
	struct round r;
	bool gone = false;

	if (round_load(rundir, number, &r, NULL) < 0)
		return false;
	if (r.sub.finalise_id && scheduler_view(r.template, &r.sub, 0, &view, NULL) == 0) {
		const enum job_state state = job_view_state(&view, 0, 0, NULL);

		gone = !view.failed && (state == JOB_STATE_UNKNOWN || job_state_is_over(state));
		if (!gone && !view.failed) {
			err_clear(why);
			err_bad(why,
				"'%s' is in use by the finaliser of submission %04u, job %s, which is %s: wait until it has ended, or "
				"end it with `ppgen cancel`",
				rundir, number, r.sub.finalise_id, job_state_names[state]);
		}
		job_view_free(&view);
	}
	round_free(&r);
	return gone;
}

/* Whether this is the job that was submitted as the finaliser, and not somebody who started one by
 * hand. */
static bool is_finaliser(const char *rundir, unsigned number, const char *job)
{
	struct submission s;
	bool is = false;

	if (number && job && submission_load(rundir, number, &s, NULL) == 0) {
		is = s.finalise_id && !strcmp(s.finalise_id, job);
		submission_free(&s);
	}
	return is;
}

int round_hold(const char *rundir, bool take_over, unsigned as, const char *job, struct hold **out,
	       struct err *e)
{
	struct hold_how how = {
		.take_over = take_over,
		.submission = is_finaliser(rundir, as, job) ? as : 0,
	};
	struct err why = ERR_INIT;
	unsigned number;
	int rc = rundir_hold_how(rundir, &how, out, &why);

	if (rc == 1 && (how.over = rundir_held_by(rundir, &number)) &&
	    (number == how.submission || finaliser_is_gone(rundir, number, &why))) {
		err_clear(&why); /* we are that job, begun again; or it died without a word */
		rc = rundir_hold_how(rundir, &how, out, &why);
	}
	if (rc != 0)
		*e = why;
	return rc;
}

/* ---- handing over ---- */

int round_end_earlier(const struct round *r, struct err *e)
{
	for (unsigned n = r->sub.chain; n < r->sub.number; n++) {
		struct submission s;
		int rc;

		if (submission_has_ended(r->rundir, n) ||
		    submission_load(r->rundir, n, &s, NULL) < 0)
			continue;
		rc = submission_set_ended(&s, "superseded", "", r->sub.number, e);
		submission_free(&s);
		if (rc < 0)
			return -1;
	}
	return 0;
}

int round_resume(struct round *r, bool untested, struct err *e)
{
	struct submit_request q = round_request(r);

	q.untested = untested;
	if (round_end_earlier(r, e) < 0)
		return -1;
	return round_submitted(r) ? 0 : submit_complete(&q, &r->sub, true, e);
}

/* ---- what lives ---- */

/* A crash came while it was handed over. */
static int complete(const struct submit_session *x, struct round *r, int *code, struct err *e)
{
	struct buf b = BUF_INIT;

	if (x->s.o->dry) {
		fprintf(stderr,
			"ppgen: note: submission %04u was cut off while it was handed over: submit will complete it\n",
			r->sub.number);
		return 1;
	}
	if (round_resume(r, x->o->no_test, e) < 0)
		return -1;
	put_ids(&b, &r->sub);
	fprintf(stderr,
		"submission %04u had been cut off while it was handed over; now it is complete: %s\n",
		r->sub.number, buf_str(&b));
	buf_free(&b);
	*code = EXIT_GOOD;
	return 1;
}

static int refuse(const struct submit_session *x, const struct round *r,
		  const struct job_view *view, struct err *e)
{
	struct buf b = BUF_INIT;

	put_ids(&b, &r->sub);
	if (view->failed)
		err_bad(e,
			"submission %04u of '%s' (%s) may be under way, and the scheduler could not be asked (%s): try again, or end it "
			"with `ppgen cancel%s`",
			r->sub.number, x->s.at.rundir, buf_str(&b), view->why, x->s.at.named);
	else
		err_bad(e,
			"submission %04u of '%s' (%s) is under way: `ppgen status%s` shows it, `ppgen wait%s` waits for it, `ppgen cancel%s` "
			"ends it",
			r->sub.number, x->s.at.rundir, buf_str(&b), x->s.at.named, x->s.at.named,
			x->s.at.named);
	buf_free(&b);
	return -1;
}

/* None of its jobs is left: the finaliser was not wanted, or died. What it would have done is done
 * here. */
static int finish(const struct submit_session *x, struct round *r, const struct job_view *view,
		  int *code, struct err *e)
{
	unsigned next;
	int rc;

	if (x->s.o->dry) {
		fprintf(stderr,
			"ppgen: note: the jobs of submission %04u are gone: submit will finish it first\n",
			r->sub.number);
		return 0;
	}
	rc = round_finish(r, view, &next, e);
	if (rc < 0)
		return -1;
	*code = rc == EXIT_TASKS && next ? EXIT_GOOD : rc;
	return next != 0;
}

static int settle(struct submit_session *x, struct round *r, int *code, struct err *e)
{
	struct job_view view;
	int rc;

	if (!r->by_hand && !round_submitted(r))
		return complete(x, r, code, e);
	if (!round_submitted(r))
		return err_bad(
			e,
			"the scripts of submission %04u were emitted, to be submitted by hand: `ppgen status%s` shows how far it "
			"is; `ppgen cancel%s` ends it",
			r->sub.number, x->s.at.named, x->s.at.named);
	if (scheduler_view(r->template, &r->sub, ASK_AGAIN_S, &view, e) < 0)
		return -1;
	if (!view.failed &&
	    !round_has_jobs(r, &view, true)) { /* what is done then needs it fresh */
		job_view_free(&view);
		if (scheduler_view(r->template, &r->sub, 0, &view, e) < 0)
			return -1;
	}
	if (view.failed || round_has_jobs(r, &view, true))
		rc = refuse(x, r, &view, e);
	else
		rc = finish(x, r, &view, code, e);
	job_view_free(&view);
	return rc;
}

int submit_settle_living(struct submit_session *x, int *code, struct err *e)
{
	struct submission living;
	struct round r;
	unsigned number;
	int rc;

	rc = rundir_find(x->s.at.rundir, e);
	if (rc <= 0)
		return rc;
	rc = submission_living(x->s.at.rundir, &living, e);
	if (rc <= 0)
		return rc;
	number = living.number;
	submission_free(&living);
	if (round_load(x->s.at.rundir, number, &r, e) < 0)
		return -1;
	rc = settle(x, &r, code, e);
	round_free(&r);
	return rc;
}
