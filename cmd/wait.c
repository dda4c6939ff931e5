/* SPDX-License-Identifier: MIT */
/* ppgen wait: until a submission and the rounds that follow it have ended. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/proc.h"
#include "base/text.h"
#include "cmd/failures.h"
#include "cmd/status_jobs.h"
#include "store/rundir.h"

struct values {
	struct common common;
	bool quiet;
};

static const struct opt opts[] = {
	{ 'q', "quiet", OPT_FLAG, offsetof(struct values, quiet), NULL,
	  "say nothing while it waits, and nothing at all when all is good", NULL, 0 },
	COMMON_SITE,
	COMMON_DIR,
	{ 0 },
};

#define ASK_S   60.0 /* between two questions to the scheduler */
#define SOON_S  20.0 /* short runs are looked at every second, */
#define LATER_S 5    /* others less often */
/* Times that all jobs were gone and no end was written: then somebody has to finish it. While it is
 * handed over more: a finaliser is patient where the scheduler does not take it. */
#define GONE_MAX    2
#define HANDING_MAX 10

/* What is known of the scheduler while we wait. */
struct patience {
	double begun, next_ask;
	unsigned number, gone, gone_max;
	bool quiet, told_stuck;
};

static void say_progress(const struct round *r, const struct job_view *view)
{
	struct buf b = BUF_INIT;
	struct elements x;
	struct scan scan;
	const struct scan_options o = { 0 };
	uint64_t good = 0;

	if (scan_fold(r->rundir, r->plan, &o, &scan, NULL) < 0)
		return;
	for (uint64_t i = 0; i < scan.count; i++)
		good += scan.tasks[i].outcome == OUTCOME_OK;
	if (elements_count(r, &scan, view, &x, NULL) == 0) {
		put_elements(&b, r, &x, view);
		buf_printf(&b, "  %llu of %llu tasks good\n", (unsigned long long)good,
			   (unsigned long long)scan.count);
		fputs(buf_str(&b), stderr);
	}
	scan_free(&scan);
	buf_free(&b);
}

/* That nothing moves any more is said once, even to who wants quiet. */
static void say_stuck(const struct place *at, const struct round *r, const struct job_view *view,
		      struct patience *p)
{
	struct buf b = BUF_INIT;
	const bool stuck = put_stuck(&b, r, view, at->named);

	if (stuck && !p->told_stuck)
		fprintf(stderr, "%ssubmission %04u:\n%s", p->quiet ? "ppgen: note: " : "",
			r->sub.number, buf_str(&b));
	p->told_stuck = stuck;
	buf_free(&b);
}

static bool is_handed_over(const struct round *r)
{
	char *who = NULL;
	bool here, held;

	if (round_submitted(r))
		return false;
	held = rundir_holder(r->rundir, &who, &here, NULL) > 0;
	free(who);
	return held;
}

/* Asks now and then whether there is still something to wait for. */
static int look(const struct place *at, struct round *r, struct patience *p, struct err *e)
{
	const double now = proc_monotonic();
	struct job_view view;
	bool waiting;

	if (now < p->next_ask)
		return 0;
	p->next_ask = now + ASK_S;
	if (!round_submitted(r)) { /* its ids may have come meanwhile */
		round_free(r);
		if (round_load(at->rundir, p->number, r, e) < 0)
			return -1;
	}
	if (scheduler_view(r->template, &r->sub, (unsigned)ASK_S - 1, &view, e) < 0)
		return -1;
	waiting = view.failed || (r->by_hand && !round_submitted(r)) ||
		  round_has_jobs(r, &view, true);
	p->gone = waiting ? 0 : p->gone + 1;
	p->gone_max = is_handed_over(r) ? HANDING_MAX : GONE_MAX;
	if (!p->quiet)
		say_progress(r, &view);
	say_stuck(at, r, &view, p);
	job_view_free(&view);
	return 0;
}

/* How a chain ended, for people; the exit code. */
static int say_end(const struct place *at, const struct round *r, bool quiet, struct err *e)
{
	const struct submission *s = &r->sub;
	const struct scan_options o = { .judge = true };
	struct selection all = { 0 };
	struct cause *list = NULL;
	struct buf b = BUF_INIT;
	struct scan scan;
	size_t n = 0;

	put_ended(&b, s, at->named);
	if (scan_fold(at->rundir, r->plan, &o, &scan, e) < 0) {
		buf_free(&b);
		return -1;
	}
	all.count = scan.count;
	if (causes_find(&scan, &all, &list, &n, NULL) == 0)
		put_causes(&b, &scan, at->named, list, n, 5);
	causes_free(list, n);
	scan_free(&scan);
	if (!quiet || strcmp(s->how, "done") != 0)
		fputs(buf_str(&b), stderr);
	buf_free(&b);
	if (!strcmp(s->how, "cancelled"))
		return EXIT_INTERRUPTED;
	if (!strcmp(s->how, "refused"))
		return EXIT_SYSTEM;
	return strcmp(s->how, "done") ? EXIT_TASKS : EXIT_GOOD;
}

/* All jobs are gone, and nobody wrote an end: the exit code by what the journals hold. */
static int say_unfinished(const struct place *at, const struct round *r, struct err *e)
{
	const struct scan_options o = { .judge = true };
	struct scan scan;
	uint64_t bad = 0;

	if (scan_fold(at->rundir, r->plan, &o, &scan, e) < 0)
		return -1;
	for (uint64_t i = 0; i < scan.count; i++)
		bad += scan.tasks[i].outcome != OUTCOME_OK;
	scan_free(&scan);
	if (round_submitted(r))
		fprintf(stderr,
			"the jobs of submission %04u are gone%s: `ppgen submit%s` finishes it\n",
			r->sub.number, r->sub.finalises ? ", and its finaliser with them" : "",
			at->named);
	else
		fprintf(stderr,
			"submission %04u was cut off while it was handed over: `ppgen submit%s` completes it\n",
			r->sub.number, at->named);
	return bad ? EXIT_TASKS : EXIT_GOOD;
}

/* One round: the exit code, or -1; *next when another round follows. */
static int wait_round(const struct place *at, unsigned number, struct patience *p, unsigned *next,
		      struct err *e)
{
	struct round r;
	int code = -1;

	*next = 0;
	p->number = number;
	if (round_load(at->rundir, number, &r, e) < 0)
		return -1;
	while (!submission_has_ended(at->rundir, number)) {
		const bool soon = proc_monotonic() - p->begun < SOON_S;
		const struct timespec pause = { soon ? 1 : LATER_S, 0 };

		if (look(at, &r, p, e) < 0)
			goto out;
		if (p->gone >= p->gone_max) {
			code = say_unfinished(at, &r, e);
			goto out;
		}
		nanosleep(&pause, NULL);
	}
	round_free(&r);
	if (round_load(at->rundir, number, &r, e) < 0)
		return -1;
	*next = r.sub.next;
	code = *next ? EXIT_TASKS : say_end(at, &r, p->quiet, e);
out:
	round_free(&r);
	return code;
}

static int wait_all(const struct place *at, bool quiet, struct err *e)
{
	struct patience p = { .begun = proc_monotonic(), .quiet = quiet };
	unsigned number = rundir_find(at->rundir, e) > 0 ? submission_latest(at->rundir, e) : 0;
	int code = EXIT_GOOD;

	if (err_is(e))
		return -1;
	if (!number)
		return err_bad(e, "nothing was submitted in '%s': `ppgen submit%s` does it",
			       at->rundir, at->named);
	while (number && code >= 0)
		code = wait_round(at, number, &p, &number, e);
	return code;
}

static int run(int argc, char **argv)
{
	struct values o = { 0 };
	struct place at = { 0 };
	struct err e = ERR_INIT;
	int code;

	if (cmd_parse(&cmd_wait, &argc, argv, &o, &code))
		return code;
	code = argc > 2 ? err_bad(&e, "one run is waited for at a time")
			: place_find(argv[1], &o.common, &at, &e);
	if (code == 0)
		code = wait_all(&at, o.quiet, &e);
	if (code < 0)
		code = cmd_fail(&e);
	place_free(&at);
	return code;
}

const struct command cmd_wait = {
	.name = "wait",
	.args = "[SPEC|RUNDIR]",
	.summary = "wait until a submission has ended, with run's exit codes",
	.about =
		"Waits for the latest submission and for those that follow it, asks the scheduler at most once a minute, and says how it ended. The exit code is 0 "
		"when all tasks are good, 1 when some failed or are missing, 3 when the scheduler refused it, 130 when it was cancelled. Ended by Ctrl-C, "
		"it changes nothing.",
	.opts = opts,
	.run = run,
};
