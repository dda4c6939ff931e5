/* SPDX-License-Identifier: MIT */
/* ppgen run: runs what has no good result yet, on this machine. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/text.h"
#include "cmd/describe.h"
#include "cmd/round.h"
#include "cmd/run_events.h"
#include "cmd/run_session.h"
#include "collect/collect.h"
#include "run/guard.h"
#include "run/pool.h"
#include "run/progress.h"
#include "run/setup.h"
#include "store/rundir.h"
#include "store/submission.h"

static const struct opt opts[] = {
	{ 'j', "jobs", OPT_COUNT, offsetof(struct run_values, jobs), "N",
	  "use N processors (default: all that this process may use)", NULL, 1 },
	{ 'n', "dry-run", OPT_FLAG, offsetof(struct run_values, dry), NULL,
	  "show what would run, and run nothing", NULL, 0 },
	{ 0, "json", OPT_FLAG, offsetof(struct run_values, json), NULL,
	  "print what happens on stdout, as it happens: a JSON object a line, no progress bar",
	  NULL, 0 },
	{ 0, "together", OPT_FLAG, offsetof(struct run_values, together), NULL,
	  "with --json: name many good tasks in one line", NULL, 0 },
	{ 0, "no-collect", OPT_FLAG, offsetof(struct run_values, no_collect), NULL,
	  "write no tables, also when all tasks are good", NULL, 0 },
	RUN_SELECTION,
	COMMON_DIR,
	COMMON_SITE,
	COMMON_SET,
	{ 0 },
};

/* Refuses, before anything starts, a class of tasks that can never fit. */
static int check_fit(const struct session *s, const struct capacity *c, struct err *e)
{
	struct class *list = NULL;
	struct buf b = BUF_INIT;
	size_t n = 0;
	bool whole;
	int r = classes_find(s->plan, &s->todo, &list, &n, &whole, e);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct resources *x = &list[i].res;
		if (!list[i].tasks)
			continue;
		if (resources_cpus(x) > c->cpus)
			r = err_bad(
				e,
				"there are tasks that need %llu cpus, and %llu may be used here (%s): lower resources.cpus, or "
				"raise -j",
				(unsigned long long)resources_cpus(x), (unsigned long long)c->cpus,
				c->cpus_by);
		else if (x->gpus > c->n_gpus)
			r = err_bad(
				e,
				"there are tasks that need %llu gpus, and %zu are here: lower resources.gpus, or set "
				"CUDA_VISIBLE_DEVICES",
				(unsigned long long)x->gpus, c->n_gpus);
		else if (c->memory && x->memory > c->memory) {
			text_put_size(&b, x->memory);
			buf_puts(&b, " of memory, and this machine has ");
			text_put_size(&b, c->memory);
			r = err_bad(e, "there are tasks that need %s: lower resources.memory",
				    buf_str(&b));
		}
	}
	buf_free(&b);
	free(list);
	return r;
}

int session_fetch(const struct session *s, struct err *e)
{
	struct diags *d = diags_new();
	char *dir = rundir_path(s->at.rundir, "inputs");
	int r = plan_fetch(s->plan->spec, dir, d);
	if (r < 0)
		err_bad(e, "inputs could not be fetched:\n%s", diags_text(d));
	free(dir);
	diags_free(d);
	return r;
}

static void set_limits(struct pool_options *o, const struct spec *spec)
{
	o->max_failures = UINT64_MAX;
	o->max_failures_share = 2;
	if (spec->max_failures >= 0 && spec->max_failures_percent)
		o->max_failures_share = spec->max_failures;
	else if (spec->max_failures >= 0)
		o->max_failures = (uint64_t)spec->max_failures;
}

struct watchers {
	struct progress *bar;
	struct run_events *events;
};

/* A pool_options.event. */
static void tell(void *arg, const struct pool_event *ev)
{
	const struct watchers *w = arg;
	if (w->events)
		run_events_pool(w->events, ev);
	if (ev->kind != POOL_IDLE)
		progress_event(w->bar, ev);
}

static int run_pool(struct session *s, const struct capacity *c, struct err *e)
{
	struct buf members = BUF_INIT;
	char **env = setup_environment(s->plan->spec->setup, s->plan->spec->dir, e);
	if (!env)
		return -1;
	capacity_put_environment(&members, c);
	struct journal *j = journal_create(s->at.rundir, s->plan->number, buf_str(&members), e);
	buf_free(&members);
	if (!j) {
		free(env);
		return -1;
	}
	struct watchers w = { progress_new(s->plan, STDERR_FILENO, s->o->quiet || s->o->json),
			      s->events };
	struct pool_options o = { .plan = s->plan,
				  .rundir = s->at.rundir,
				  .capacity = c,
				  .base_env = (const char *const *)env,
				  .guard_fd = s->guard_fd,
				  .sync_s = 1,
				  .grace_s = 10,
				  .event = tell,
				  .event_arg = &w };
	struct source src = { .next = session_next, .arg = s, .total = s->todo.count };
	set_limits(&o, s->plan->spec);
	int r = pool_run(&o, j, &src, &s->sum, e);
	progress_free(w.bar);
	if (journal_close(j, r < 0 ? NULL : e) < 0)
		r = -1;
	free(env);
	return r;
}

int session_collect(struct session *s, struct err *e)
{
	struct selection all = { NULL, s->scan.count };
	if (session_any_bad(s, &all))
		return 0;
	struct collect_options o = { 0 };
	struct collect_report rep = { 0 };
	int r = s->o->no_collect ? 0 : collect_run(&s->scan, &o, &rep, e);
	if (r == 0 && !s->o->quiet && !s->o->no_collect) {
		say_collected(&rep);
		if (rep.n_tables)
			say_preview(rep.tables[0].path);
	}
	say_differing(&s->scan);
	collect_report_free(&rep);
	return r;
}

static uint64_t count_stale(const struct scan *s)
{
	uint64_t n = 0;
	for (size_t i = 0; i < s->n_stale; i++)
		n += s->stale[i].tasks;
	return n;
}

/* Runs what there is to do; the exit code. */
static int work(struct session *s, struct capacity *c, struct err *e)
{
	const struct pool_summary *sum = &s->sum;
	double t0 = proc_monotonic();
	if (check_fit(s, c, e) < 0 || session_fetch(s, e) < 0 ||
	    (!s->published && publish_draft(s->plan, &s->at, s->argc, s->argv, e) < 0))
		return -1;
	if (!s->o->quiet)
		say_begin(s, c);
	run_events_plan(s->events, s);
	uint64_t stale = count_stale(&s->scan);
	int r = s->todo.count ? run_pool(s, c, e) : 0;
	if (s->todo.count) {
		struct err e2 = ERR_INIT;
		if (!rundir_is(s->at.rundir))
			return err_fail(
				e,
				"'%s' was removed while the run wrote to it: its results are gone",
				s->at.rundir);
		if (session_scan(s, r < 0 ? &e2 : e) < 0)
			return -1;
		if (!s->o->quiet || sum->ok < s->todo.count)
			say_end(s, sum, proc_monotonic() - t0, session_any_bad(s, &s->todo));
		const uint64_t now = count_stale(&s->scan);
		if (now > stale)
			fprintf(stderr,
				"ppgen: code that counts was changed while tasks ran: %llu result%s of other code than this plan's, "
				"and the next run asks what to do\n",
				(unsigned long long)(now - stale),
				now - stale == 1 ? " is" : "s are");
	}
	if (r < 0)
		return -1;
	if (sum->stopped_by_signal)
		return EXIT_INTERRUPTED;
	if (session_collect(s, e) < 0) {
		int code = cmd_fail(e);
		return code == EXIT_USAGE
			       ? EXIT_TASKS
			       : code; /* results that make no table are no fault of the usage */
	}
	return sum->failed || s->unread.count ||
			       session_any_bad(s, s->o->first ? &s->todo : &s->sel)
		       ? EXIT_TASKS
		       : EXIT_GOOD;
}

static unsigned latest_number(const struct session *s)
{
	char *plans = rundir_path(s->at.rundir, "plan");
	unsigned n = rundir_is(s->at.rundir) ? plan_latest(plans, NULL) : 0;
	free(plans);
	return n;
}

/* While a submission lives, its elements do what there is to do. */
static int refuse_submission(const struct session *s, struct err *e)
{
	struct submission living;
	int r = submission_living(s->at.rundir, &living, e);
	if (r <= 0)
		return r;
	err_bad(e,
		"submission %04u of '%s' is under way: `ppgen status%s` shows it, `ppgen cancel%s` ends it",
		living.number, s->at.rundir, s->at.named, s->at.named);
	submission_free(&living);
	return -1;
}

/* Everything between the options and the exit code. */
static int session_run(struct session *s)
{
	struct err e = ERR_INIT;
	struct capacity c;
	int code = EXIT_GOOD;
	capacity_find(&c);
	if (s->o->jobs) {
		c.cpus = s->o->jobs;
		c.cpus_by = "-j";
	}
	unsigned latest = latest_number(s);
	s->plan = plan_now(&s->at, &s->o->common, &s->published, &code);
	if (s->plan && !s->o->dry) {
		if (rundir_create(s->at.rundir, &e) < 0 ||
		    round_hold(s->at.rundir, s->o->take_over, 0, NULL, &s->hold, &e) ||
		    refuse_submission(s, &e) < 0)
			goto failed;
		if (latest_number(s) !=
		    latest) { /* somebody published before we held the directory */
			plan_free(s->plan);
			s->plan = plan_now(&s->at, &s->o->common, &s->published, &code);
		}
	}
	if (!s->plan)
		goto out;
	if (session_scan(s, &e) < 0 || session_settle(s, &e) < 0 || session_choose(s, &e) < 0)
		goto failed;
	say_unread(s);
	code = s->o->dry ? say_dry_run(s, &c, &e) : work(s, &c, &e);
	if (code >= 0)
		goto out;
failed:
	code = cmd_fail(&e);
out:
	run_events_summary(s->events, s, code);
	capacity_free(&c);
	return code;
}

void session_free(struct session *s)
{
	if (s->scanned)
		scan_free(&s->scan);
	selection_free(&s->sel);
	selection_free(&s->todo);
	selection_free(&s->unread);
	rundir_release(s->hold);
	plan_free(s->plan);
	place_free(&s->at);
}

static int run(int argc, char **argv)
{
	struct run_values o = { 0 };
	struct session s = { .o = &o, .guard_fd = -1, .argc = argc };
	struct err e = ERR_INIT;
	int code;
	signal(SIGPIPE, SIG_IGN); /* a terminal that went away must not end the tasks */
	s.argv = mem_array((size_t)argc + 1, sizeof *s.argv);
	memcpy(s.argv, argv, (size_t)argc * sizeof *argv);
	if (cmd_parse(&cmd_run, &argc, argv, &o, &code))
		goto out;
	int r = o.together && !o.json ? err_bad(&e, "--together is for --json: give both")
		: argc > 2            ? err_bad(&e,
						"'%s': one spec is run at a time; tasks are named with --task",
						argv[2])
		: o.json && o.dry
			? err_bad(&e,
				  "--json tells of a run, and --dry-run makes none: leave one of them out")
			: place_find(argv[1], &o.common, &s.at, &e);
	if (r == 0 && !o.dry)
		r = s.guard_fd = guard_start(&e);
	if (o.json)
		s.events = run_events_new(STDOUT_FILENO, o.together);
	code = r < 0 ? cmd_fail(&e) : session_run(&s);
	run_events_free(s.events);
out:
	session_free(&s);
	opt_texts_free(&o.common.sets);
	opt_texts_free(&o.tasks);
	free(s.argv);
	return code;
}

const struct command cmd_run = {
	.name = "run",
	.args = "[SPEC|RUNDIR]",
	.summary = "run what has no good result yet, on this machine",
	.about =
		"Runs the tasks of a spec on this machine and records every result as it ends, so that a run can be killed at any "
		"time and goes on where it was. Run again, it does only what has no good result yet: tasks that failed, tasks that were "
		"interrupted, and points that the spec did not have before.\n\n"
		"When the command, its environment or an input has changed, results made before are stale: run stops and asks for "
		"--stale=keep or --stale=rerun.\n\n"
		"The first Ctrl-C lets running tasks finish; the second ends them. When all tasks are good, the tables that the spec's "
		"`collect:` lists are written.\n\n"
		"With --json each line on stdout is an object whose \"event\" is plan, start (of a task that runs for a moment already), end, "
		"stopping or summary; what an end names is recorded. Its \"row\" is the one row that the task gave, where that is small; "
		"else \"value\" says where the value is that a function returned: [file below the run directory, offset, length]. With --together as well, "
		"good tasks that have such a value are told of by lines of another kind, good: \"index\" and \"length\" are lists, and "
		"their values follow one another in \"file\" from \"offset\" on.\n\n"
		"\tppgen run spec.yaml\n"
		"\tppgen run -n spec.yaml\n"
		"\tppgen run --json --no-collect spec.yaml\n"
		"\tppgen run --only 'T > 2 and L == 64' -j 4 spec.yaml",
	.opts = opts,
	.run = run,
};
