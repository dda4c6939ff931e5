/* SPDX-License-Identifier: MIT */
/* An array element from its beginning to its end: see worker_run. */
#include "run/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/proc.h"
#include "run/worker_internal.h"

#define SPREAD_SLICE_NS 50000000
#define SYNC_S          10.0 /* on storage that many nodes share */

struct worker {
	const struct worker_options *o;
	const struct submission_array *array;
	struct worker_report *out;
	struct capacity capacity;
	double end, grace; /* as of place_end */
	struct journal *journal;
	struct claims *claims;
	char *scratch;
	char **env;
	struct worker_source source;
	struct worker_log *log;
	sigset_t before; /* the signals that were blocked */
};

/* ---- signals ---- */

/* But for the pool's time a signal must not keep us from freeing what is left. */
static void block_signals(struct worker *w)
{
	static const int told[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
		(void)sigaddset(&set, told[i]);
	}
	(void)sigprocmask(SIG_BLOCK, &set, &w->before);
}

/* What came when all was done has been obeyed. */
static void unblock_signals(struct worker *w)
{
	const struct timespec none = { 0, 0 };
	sigset_t now;

	(void)sigprocmask(SIG_BLOCK, NULL, &now);
	for (int i = 1; i < NSIG; i++) {
		if (sigismember(&w->before, i) == 1) {
			/* no test: a scheduler that starts jobs with signals blocked; they stay so
			 */
			(void)sigdelset(&now, i);
		}
	}
	while (sigtimedwait(&now, NULL, &none) > 0) {
	}
	(void)sigprocmask(SIG_SETMASK, &w->before, NULL);
}

static bool told_to_end(const sigset_t *pending)
{
	return sigismember(pending, SIGTERM) == 1 || sigismember(pending, SIGHUP) == 1 ||
	       sigismember(pending, SIGINT) == 1;
}

static bool told_of_time(const sigset_t *pending)
{
	return sigismember(pending, SIGUSR1) == 1 || sigismember(pending, SIGUSR2) == 1;
}

/* ---- the steps: 0 go on, 1 it ends here, -1 ---- */

/* A submission that was ended while this element waited in the queue. */
static int is_over(struct worker *w, struct err *e)
{
	const struct worker_options *o = w->o;

	(void)e;
	if (submission_has_ended(o->rundir, o->submission->number)) {
		worker_log_note(w->log, "the submission has ended");
		w->out->nothing_to_do = true;
	} else if (claims_stopped(o->rundir, o->submission->number)) {
		worker_log_note(w->log, "too many tasks of the submission failed");
		w->out->nothing_to_do = true;
	}
	return w->out->nothing_to_do;
}

static int load_tasks(struct worker *w, struct err *e)
{
	struct task_list *l = &w->source.tasks;
	const uint64_t points = space_count(w->o->plan->spec->space);

	if (task_list_load(w->o->submission->dir, w->o->array, l, e) < 0) {
		return -1;
	}
	if (l->tasks != w->array->tasks) {
		return err_fail(e, "'%s/tasks-%u.jsonl' holds other tasks than were submitted",
				w->o->submission->dir, w->o->array);
	}
	for (size_t i = 0; i < l->n; i++) {
		if (l->runs[i].first + l->runs[i].count > points) {
			return err_fail(e,
					"'%s/tasks-%u.jsonl' names tasks that are not in plan %u",
					w->o->submission->dir, w->o->array, w->o->plan->number);
		}
	}
	return 0;
}

static int find_place(struct worker *w, struct err *e)
{
	(void)e;
	place_capacity(w->o, &w->capacity);
	w->end = w->source.end = place_end(w->o, &w->grace);
	return 0;
}

static int open_journal(struct worker *w, struct err *e)
{
	struct buf members = BUF_INIT;

	place_put_header(w->o, &w->capacity, &members);
	w->journal = journal_create(w->o->rundir, w->o->plan->number, members.data, e);
	buf_free(&members);
	if (!w->journal) {
		return -1;
	}
	w->scratch = place_scratch(w->o, journal_writer(w->journal), e);
	return w->scratch ? 0 : -1;
}

static int open_claims(struct worker *w, struct err *e)
{
	const struct submission_array *a = w->array;

	w->claims = claims_open(w->o->rundir, w->o->submission->number, w->o->array, w->o->element,
				a->elements, a->chunks, w->journal, w->o->job, &w->out->run, e);
	if (!w->claims) {
		return -1;
	}
	worker_log_begin(w->log, &w->capacity, w->end, w->out->run);
	return 0;
}

/* A job that got going so late that nothing would fit. */
static int is_too_late(struct worker *w, struct err *e)
{
	(void)e;
	w->out->out_of_time = w->end > 0 && w->end <= proc_monotonic();
	return w->out->out_of_time;
}

/* Before the set-up, which may take long for nothing. */
static int find_first_task(struct worker *w, struct err *e)
{
	int rc;

	w->source.claims = w->claims;
	rc = source_ready(&w->source, e);
	w->out->nothing_to_do = rc == 0;
	return rc < 0 ? -1 : rc == 0;
}

/* Elements of an array do not all read the modules of functions at once. What comes meanwhile is
 * for the next step. */
static int spread_start(struct worker *w, struct err *e)
{
	const struct worker_options *o = w->o;
	const struct timespec slice = { 0, SPREAD_SLICE_NS };
	double until = worker_spread(w->array, o->element, o->submission->start_spread);
	char text[100];
	sigset_t now;

	(void)e;
	if (until <= 0 || o->plan->spec->start != START_FUNCTION) {
		return 0;
	}
	snprintf(text, sizeof text,
		 "waits %.2fs, so that elements do not all load the function at once", until);
	worker_log_note(w->log, text);
	until += proc_monotonic();
	while (proc_monotonic() < until && sigpending(&now) == 0 && !told_to_end(&now) &&
	       !told_of_time(&now)) {
		(void)nanosleep(&slice, NULL);
	}
	return 0;
}

static int set_up(struct worker *w, struct err *e)
{
	w->env = place_environment(w->o, e);
	return w->env ? 0 : -1;
}

/* A signal came during the wait or the set-up: nothing is begun any more. */
static int is_told_to_end(struct worker *w, struct err *e)
{
	struct pool_summary *sum = &w->out->sum;
	sigset_t now;

	(void)e;
	if (sigpending(&now) < 0) {
		return 0; /* no test: it fails for a bad address only */
	}
	sum->stopped_by_signal = told_to_end(&now);
	sum->stopped_by_time = told_of_time(&now);
	w->out->out_of_time = sum->stopped_by_time;
	return sum->stopped_by_signal || sum->stopped_by_time;
}

static void on_event(void *arg, const struct pool_event *ev)
{
	struct worker *w = arg;

	if (ev->kind == POOL_END) {
		source_ended(&w->source, ev);
	}
	worker_log_event(w->log, ev);
}

static int run_tasks(struct worker *w, struct err *e)
{
	const struct worker_options *o = w->o;
	const struct spec *spec = o->plan->spec;
	const bool share = spec->max_failures >= 0 && spec->max_failures_percent;
	struct source source = {
		.next = source_next,
		.past = source_past,
		.arg = &w->source,
		.total = w->array->tasks,
	};
	const struct pool_options pool = {
		.plan = o->plan,
		.rundir = o->rundir,
		.capacity = &w->capacity,
		.base_env = (const char *const *)w->env,
		.guard_fd = o->guard_fd,
		.sync_s = SYNC_S,
		.grace_s = w->grace,
		.max_failures = spec->max_failures >= 0 && !share ? (uint64_t)spec->max_failures
								  : UINT64_MAX,
		.max_failures_share = share ? spec->max_failures : 2,
		.event = on_event,
		.event_arg = w,
		.scratch = w->scratch,
		.launch = o->submission->launch ? o->submission->launch : o->template->launch,
		.end = w->end,
		.ahead = 1, /* the tasks of an array are alike: none fits where another does not */
		.drain_on_usr = true,
		.leave_growing = true,
	};
	const int rc = pool_run(&pool, w->journal, &source, &w->out->sum, e);

	w->out->out_of_time = w->out->sum.stopped_by_time;
	if (rc == 0 && w->out->sum.stopped_by_failures) {
		return claims_stop(w->claims, e); /* the others would only fail as well */
	}
	return rc;
}

/* ---- the end ---- */

/* Where the scheduler forgets what it ended, this tells who was cancelled: an end that is not known
 * may have been the wall time's. */
static int note_told(struct worker *w, struct err *e)
{
	char text[64];

	if (!w->journal || !w->out->sum.stopped_by_signal || w->end <= proc_monotonic()) {
		return 0;
	}
	snprintf(text, sizeof text, "{\"k\":\"told\",\"t\":%llu",
		 (unsigned long long)proc_unix_ms());
	return journal_append(w->journal, text, strlen(text), e);
}

/* What is left is freed for others, once what was done of it is durable. */
static int finish(struct worker *w, struct err *e)
{
	int rc = note_told(w, e);

	if (w->claims && (journal_sync(w->journal, e) < 0 || source_release(&w->source, e) < 0)) {
		rc = -1;
	}
	claims_close(w->claims);
	if (journal_close(w->journal, e) < 0) {
		rc = -1;
	}
	return rc;
}

static void worker_free(struct worker *w)
{
	source_close(&w->source);
	capacity_free(&w->capacity);
	worker_log_free(w->log);
	free(w->scratch);
	free(w->env);
}

int worker_run(const struct worker_options *o, struct worker_report *out, struct err *e)
{
	static int (*const steps[])(struct worker * w, struct err * e) = {
		is_over,        load_tasks,  find_place,      open_journal,
		open_claims,    is_too_late, find_first_task, spread_start,
		is_told_to_end, set_up,      is_told_to_end,  run_tasks,
	};
	struct worker w = {
		.o = o,
		.array = &o->submission->arrays[o->array - 1],
		.out = out,
		.log = worker_log_new(o),
	};
	int rc = 0;

	*out = (struct worker_report){ .run = 0 };
	w.source.o = o;
	w.source.array = w.array;
	w.source.capacity = &w.capacity;
	block_signals(&w);
	for (size_t i = 0; rc == 0 && i < sizeof steps / sizeof *steps; i++) {
		rc = steps[i](&w, e);
	}
	if (finish(&w, rc < 0 ? NULL : e) < 0) {
		rc = -1;
	}
	out->chunks = w.source.chunks;
	out->sum.stopped_by_system |= rc < 0;
	worker_log_end(w.log, out);
	worker_free(&w);
	unblock_signals(&w);
	return rc < 0 ? -1 : 0;
}
