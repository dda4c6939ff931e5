/* SPDX-License-Identifier: MIT */
/*
 * Handing a published submission over: arrays held, the finaliser behind them, then release. Every
 * step is recorded once it is done, and a step is done only when it was not: so this may be cut off
 * anywhere and called again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/claim.h"
#include "submit/job.h"
#include "submit/scheduler.h"
#include "submit/submitter.h"

/* The ids of its arrays and then of its finaliser, NULL for those that are not in the queue: by
 * their names, since a scheduler that was killed gives an id again. NULL: it cannot be asked. */
static char **find_jobs(const struct submit_request *r, const struct submission *s, struct err *e)
{
	const size_t n = s->n_arrays + s->finalises;
	const char **names = mem_array(n + 1, sizeof *names);
	char **ids = mem_array(n + 1, sizeof *ids);

	for (size_t k = 0; k < s->n_arrays; k++)
		names[k] = s->arrays[k].name;
	if (s->finalises)
		names[s->n_arrays] = s->finalise_name;
	if (scheduler_find(r->template, names, n, ids, e) < 0) {
		free(ids);
		ids = NULL;
	}
	free(names);
	return ids;
}

static void free_jobs(char **ids, const struct submission *s)
{
	for (size_t k = 0; ids && k < s->n_arrays + s->finalises; k++)
		free(ids[k]);
	free(ids);
}

static bool has_begun(const struct submit_request *r, const struct submission *s)
{
	struct claims_view c;
	bool begun;

	if (claims_view(r->rundir, s->number, &c, NULL) < 0)
		return true;
	begun = c.n_elements > 0;
	claims_view_free(&c);
	return begun;
}

/* What was submitted before a crash, and not recorded. ERR_BAD: something that was recorded has got
 * lost, before it was let go. */
static int recover_ids(const struct submit_request *r, struct submission *s, struct err *e)
{
	char **ids = find_jobs(r, s, e);
	int rc = ids ? 0 : -1;

	for (size_t k = 0; rc == 0 && k < s->n_arrays + s->finalises; k++) {
		const bool array = k < s->n_arrays;
		const char *known = array ? s->arrays[k].id : s->finalise_id;

		if (ids[k] && !known)
			rc = submission_set_id(s, array ? (unsigned)k + 1 : 0, ids[k], e) < 0 ? -1
											      : 0;
		else if (!ids[k] && known && !s->released && !has_begun(r, s))
			rc = err_bad(e, "job %s of submission %04u is gone: submit again", known,
				     s->number);
	}
	free_jobs(ids, s);
	return rc;
}

static const char **array_ids(const struct submission *s, size_t *n)
{
	const char **ids = mem_array(s->n_arrays + 1, sizeof *ids);

	*n = 0;
	for (size_t k = 0; k < s->n_arrays; k++)
		if (s->arrays[k].id)
			ids[(*n)++] = s->arrays[k].id;
	return ids;
}

/* Where somebody else has submitted the same meanwhile, his counts, and ours must not stay held. */
static int record_id(const struct submit_request *r, struct submission *s, unsigned array,
		     const char *id, struct err *e)
{
	const int rc = submission_set_id(s, array, id, e);
	const char *known = array ? s->arrays[array - 1].id : s->finalise_id;

	if (rc == 1 && known && strcmp(known, id) != 0)
		(void)scheduler_cancel(r->template, &id, 1, NULL);
	return rc < 0 ? -1 : 0;
}

/* The scheduler's word that it could never run may be wrong: nodes that are down do not count. */
static int test_array(const struct submit_request *r, const struct job_values *v, struct err *e)
{
	if (r->untested || scheduler_test(r->template, v, e) == 0)
		return 0;
	return err_append(
		e, ": where it lacks only nodes that are down now, `ppgen submit --no-test`");
}

static int submit_arrays(const struct submit_request *r, struct submission *s, struct err *e)
{
	for (size_t k = 0; k < s->n_arrays; k++) {
		struct job_values v;
		char *id = NULL;
		int rc;

		if (s->arrays[k].id)
			continue;
		if (job_of_array(r, s, k, &v, e) < 0 || test_array(r, &v, e) < 0 ||
		    scheduler_submit(r->template, &v, true, NULL, 0, &id, e) < 0)
			return -1;
		rc = record_id(r, s, (unsigned)k + 1, id, e);
		free(id);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int submit_finaliser(const struct submit_request *r, struct submission *s, struct err *e)
{
	struct job_values v;
	const char **after;
	char *id = NULL;
	size_t n;
	int rc;

	if (!s->finalises || s->finalise_id)
		return 0;
	after = array_ids(s, &n);
	rc = job_of_finaliser(r, s, &v, e);
	if (rc == 0)
		rc = scheduler_submit(r->template, &v, false, after, n, &id, e);
	if (rc == 0)
		rc = record_id(r, s, 0, id, e);
	free(id);
	free(after);
	return rc < 0 ? -1 : 0;
}

/* Whether none of the arrays waits for its release any more: a crash came between letting go and
 * saying so. */
static bool was_released(const struct submit_request *r, const struct submission *s)
{
	struct job_view view;
	bool held = false;

	if (scheduler_view(r->template, s, 0, &view, NULL) < 0)
		return false;
	held = view.failed;
	for (size_t i = 0; i < view.n; i++)
		held |= view.seen[i].array > 0 && view.seen[i].state == JOB_STATE_HELD;
	job_view_free(&view);
	return !held;
}

static int release(const struct submit_request *r, struct submission *s, bool recover,
		   struct err *e)
{
	struct err why = ERR_INIT;
	const char **ids;
	size_t n;
	int rc;

	if (s->released)
		return 0;
	ids = array_ids(s, &n);
	rc = scheduler_release(r->template, ids, n, &why);
	free(ids);
	if (rc < 0 && !(recover && was_released(r, s))) {
		if (e)
			*e = why;
		return -1;
	}
	return submission_set_released(s, e) < 0 ? -1 : 0;
}

/* The scheduler did not take all of it: what it took is taken back, so that nothing half waits for
 * ever. It may have said no to a job and have it nevertheless (an answer that came too late). */
static void take_back(const struct submit_request *r, struct submission *s, const struct err *why)
{
	char **ids = find_jobs(r, s, NULL);
	const char **there;
	size_t n = 0;

	if (!ids)
		return; /* to be completed or cancelled when it can be asked again */
	there = mem_array(s->n_arrays + 1, sizeof *there);
	for (size_t k = 0; k < s->n_arrays + s->finalises; k++)
		if (ids[k])
			there[n++] = ids[k];
	if (n == 0 || scheduler_cancel(r->template, there, n, NULL) == 0)
		(void)submission_set_ended(s, "refused", why->text, 0, NULL);
	free(there);
	free_jobs(ids, s);
}

unsigned submit_pause_s = 30;

int submit_complete(const struct submit_request *r, struct submission *s, bool recover,
		    struct err *e)
{
	for (unsigned left = r->patience;; left--) {
		struct err why = ERR_INIT;
		const bool asked = !recover || recover_ids(r, s, &why) == 0;
		const bool taken = asked && submit_arrays(r, s, &why) == 0 &&
				   submit_finaliser(r, s, &why) == 0;

		if (taken && release(r, s, recover, &why) == 0)
			return 0;
		if (left == 0) {
			/* else a job may be there whose id is not known */
			if (!taken && why.kind == ERR_BAD)
				take_back(r, s, &why);
			if (e)
				*e = why;
			return -1;
		}
		fprintf(stderr, "ppgen: note: %s: it is tried again in %u s, %u times at most\n",
			why.text, submit_pause_s, left);
		sleep(submit_pause_s);
		recover = true;
	}
}
