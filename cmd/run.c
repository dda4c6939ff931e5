/* SPDX-License-Identifier: MIT */
/* ppgen run: runs what has no good result yet, on this machine. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/provenance.h"
#include "base/text.h"
#include "cmd/describe.h"
#include "cmd/failures.h"
#include "collect/collect.h"
#include "run/guard.h"
#include "run/pool.h"
#include "run/progress.h"
#include "run/setup.h"
#include "store/rundir.h"

struct values {
	struct common common;
	bool dry, force, take_over, quiet;
	uint64_t jobs, first;
	const char *only, *stale;
	struct opt_texts tasks;
};

static const struct opt opts[] = {
	{ 'j', "jobs", OPT_COUNT, offsetof(struct values, jobs), "N",
	  "use N processors (default: all that this process may use)", NULL, 1 },
	{ 'n', "dry-run", OPT_FLAG, offsetof(struct values, dry), NULL, "show what would run, and run nothing", NULL, 0 },
	{ 0, "task", OPT_TEXTS, offsetof(struct values, tasks), "TASK",
	  "run only this task: an index, an id's beginning, or T=2.5,L=64; may be repeated", NULL, 0 },
	{ 0, "only", OPT_TEXT, offsetof(struct values, only), "EXPR", "run only tasks for which EXPR holds, as in `where:`",
	  NULL, 0 },
	{ 0, "first", OPT_COUNT, offsetof(struct values, first), "N", "run only the first N tasks that have work to do", NULL, 1 },
	{ 0, "force", OPT_FLAG, offsetof(struct values, force), NULL,
	  "run tasks again that have a good result; the new one counts once it is good", NULL, 0 },
	{ 0, "stale", OPT_CHOICE, offsetof(struct values, stale), "WHAT",
	  "what to do with results that older code made: keep or rerun (remembered)", "keep|rerun", 0 },
	{ 0, "take-over", OPT_FLAG, offsetof(struct values, take_over), NULL,
	  "go on although a run on another machine seems to hold the run directory", NULL, 0 },
	{ 'q', "quiet", OPT_FLAG, offsetof(struct values, quiet), NULL, "no progress, only failures and the end", NULL, 0 },
	COMMON_DIR,
	COMMON_SET,
	{ 0 },
};

/* What one `ppgen run` holds. */
struct session {
	const struct values *o;
	struct place at;
	struct plan *plan;
	bool published;
	struct hold *hold;
	struct scan scan;
	bool scanned;
	struct selection sel;   /* what the options mean */
	struct selection todo;  /* of these, what has work to do */
	struct selection unread; /* and what was good until `results:` changed */
	uint64_t good;          /* selected and good already */
	uint64_t next;          /* the source's place */
	uint64_t given;         /* how many tasks the source has given */
	bool failed_turn;       /* what has never failed was given; now what has */
	int guard_fd;
	int argc;
	char **argv;
};

static int scan_again(struct session *s, struct err *e)
{
	struct scan_options o = { .judge = true };
	if (s->scanned)
		scan_free(&s->scan);
	s->scanned = false;
	if (scan_fold(s->at.rundir, s->plan, &o, &s->scan, e) < 0)
		return -1;
	s->scanned = true;
	return 0;
}

/* --stale was said where nothing is stale (any more): what was decided before stands. */
static void note_decided(const struct session *s)
{
	const struct plan *p = s->plan;
	bool keep = s->o->stale && !strcmp(s->o->stale, "keep");
	if (keep && p->n_rerun)
		fputs("ppgen: note: --stale=keep finds nothing: --stale=rerun was said of older results before\n", stderr);
	else if (s->o->stale && !keep && p->n_keep)
		fputs("ppgen: note: --stale=rerun finds nothing: --stale=keep was said of older results before; --force runs tasks again\n",
		      stderr);
}

/* Results by older code: asks, or does what --stale says and remembers it in a new plan. */
static int settle_stale(struct session *s, struct err *e)
{
	struct buf b = BUF_INIT;
	uint64_t tasks = 0;
	for (size_t i = 0; i < s->scan.n_stale; i++) {
		tasks += s->scan.stale[i].tasks;
		if (s->o->stale && !strcmp(s->o->stale, "keep"))
			plan_add_keep(s->plan, s->scan.stale[i].code);
		else if (s->o->stale)
			plan_add_rerun(s->plan, s->scan.stale[i].code);
	}
	if (!s->scan.n_stale) {
		note_decided(s);
		return 0;
	}
	if (!s->o->stale && s->o->dry) {
		put_counted(&b, tasks, "task");
		fprintf(stderr, "ppgen: note: %s %s results of older code: run will ask for --stale=keep or --stale=rerun\n",
			buf_str(&b), tasks == 1 ? "has" : "have");
		buf_free(&b);
		return 0;
	}
	if (!s->o->stale) {
		put_counted(&b, tasks, "task");
		err_bad(e,
			"%s in '%s' %s results of older code (the command, environment or an input has changed since): "
			"accept them with --stale=keep, or run them again with --stale=rerun",
			buf_str(&b), s->at.rundir, tasks == 1 ? "has" : "have");
		buf_free(&b);
		return -1;
	}
	s->plan->number = 0; /* a draft again, to be published under a number of its own */
	s->published = false;
	return scan_again(s, e);
}

static void mark(struct selection *sel, uint64_t i)
{
	sel->bits[i / 64] |= UINT64_C(1) << (i % 64);
	sel->count++;
}

/* Good when it ran, and not by the `results:` of now. Its output is kept: to run it again would change nothing. */
static bool is_unread(struct session *s, const struct task_state *t)
{
	struct record r;
	return t->outcome == OUTCOME_INVALID && t->flags & TASK_REREAD && scan_read(&s->scan, t->file, t->offset, &r, NULL) == 0 &&
	       r.outcome == OUTCOME_OK;
}

static void say_unread(struct session *s)
{
	struct cause *list = NULL;
	struct buf b = BUF_INIT;
	size_t n = 0;
	if (!s->unread.count)
		return;
	buf_puts(&b, "ppgen: ");
	put_counted(&b, s->unread.count, "task");
	buf_printf(&b, " %s good until `results:` changed, and what %s wrote is kept: correct `results:`, or run again with --force\n",
		   s->unread.count == 1 ? "was" : "were", s->unread.count == 1 ? "it" : "they");
	if (causes_find(&s->scan, &s->unread, &list, &n, NULL) == 0)
		put_causes(&b, &s->scan, s->at.named, list, n, 3);
	causes_free(list, n);
	fputs(buf_str(&b), stderr);
	buf_free(&b);
}

/* What is selected and has no good result (or all that is selected, with --force). */
static int choose(struct session *s, struct err *e)
{
	if (select_tasks(s->plan, s->o->tasks.items, s->o->tasks.n, s->o->only, &s->sel, e) < 0)
		return -1;
	uint64_t lacking = 0;
	s->todo.bits = mem_array(s->scan.count / 64 + 1, sizeof *s->todo.bits);
	s->unread.bits = mem_array(s->scan.count / 64 + 1, sizeof *s->unread.bits);
	for (uint64_t i = 0; i < s->scan.count; i++) {
		if (!selected(&s->sel, i))
			continue;
		bool full = s->o->first && s->todo.count == s->o->first;
		if (full && s->scan.count > CLASSES_WALK_MAX)
			break; /* to count the good ones of 10^9 would take longer than to run the first ten */
		const struct task_state *t = &s->scan.tasks[i];
		bool good = t->outcome == OUTCOME_OK;
		s->good += good;
		lacking += t->outcome == OUTCOME_NONE && t->flags & TASK_REREAD;
		if (!good && !s->o->force && is_unread(s, t))
			mark(&s->unread, i);
		else if (!full && (!good || s->o->force))
			mark(&s->todo, i);
	}
	bool rerun = s->o->force || (s->o->stale && !strcmp(s->o->stale, "rerun"));
	if (lacking && !rerun && !s->o->dry)
		return err_bad(e, "%llu good result%s a file that `results:` declares now and did not then: take it out again, or run "
				  "these tasks again with --stale=rerun", (unsigned long long)lacking, lacking == 1 ? " lacks" : "s lack");
	return 0;
}

/* The pool's source: the tasks to do in their order, those that failed before last, so that they cannot keep the others from their turn. */
static int next_task(void *arg, uint64_t *index, unsigned *attempt, unsigned *upto, struct err *e)
{
	struct session *s = arg;
	(void)e;
	if (s->given == s->todo.count)
		return 0;
	for (;; s->next++) {
		if (s->next == s->scan.count) {
			s->failed_turn = true;
			s->next = 0;
		}
		if (selected(&s->todo, s->next) && outcome_is_failure(s->scan.tasks[s->next].outcome) == s->failed_turn)
			break;
	}
	const struct task_state *t = &s->scan.tasks[s->next];
	s->given++;
	*index = s->next++;
	*attempt = t->attempts + 1u;
	*upto = s->o->force ? t->attempts : 0;
	return 1;
}

static void say_begin(const struct session *s, const struct capacity *c)
{
	struct buf b = BUF_INIT;
	buf_printf(&b, "%s: ", s->plan->spec->name);
	put_counted(&b, s->sel.count, "task");
	if (s->good) {
		buf_puts(&b, ", ");
		text_put_count(&b, s->good);
		buf_puts(&b, " good already");
	}
	if (s->todo.count) {
		buf_puts(&b, ", ");
		text_put_count(&b, s->todo.count);
		buf_puts(&b, " to run");
	} else {
		buf_puts(&b, ": nothing to do");
	}
	if (c && s->todo.count) {
		buf_puts(&b, " on ");
		put_counted(&b, c->cpus, "processor");
		buf_printf(&b, " (%s)", c->cpus_by);
	}
	fprintf(stderr, "%s\n", buf_str(&b));
	buf_free(&b);
}

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
		if (x->cpus > c->cpus)
			r = err_bad(e, "there are tasks that need %llu cpus, and %llu may be used here (%s): lower resources.cpus, or "
				       "raise -j", (unsigned long long)x->cpus, (unsigned long long)c->cpus, c->cpus_by);
		else if (x->gpus > c->n_gpus)
			r = err_bad(e, "there are tasks that need %llu gpus, and %zu are here: lower resources.gpus, or set "
				       "CUDA_VISIBLE_DEVICES", (unsigned long long)x->gpus, c->n_gpus);
		else if (c->memory && x->memory > c->memory) {
			text_put_size(&b, x->memory);
			buf_puts(&b, " of memory, and this machine has ");
			text_put_size(&b, c->memory);
			r = err_bad(e, "there are tasks that need %s: lower resources.memory", buf_str(&b));
		}
	}
	buf_free(&b);
	free(list);
	return r;
}

#define DRY_SAMPLES 5

static int dry_run(struct session *s, const struct capacity *c, struct err *e)
{
	struct buf b = BUF_INIT;
	struct class *list = NULL;
	size_t n = 0, shown = 0;
	bool whole;
	say_begin(s, c);
	int r = classes_find(s->plan, &s->todo, &list, &n, &whole, e);
	if (r == 0 && s->todo.count) {
		put_classes(&b, list, n, whole);
		double hours = 0;
		for (size_t i = 0; i < n; i++)
			hours += (double)list[i].tasks * (double)list[i].res.cpus * (double)list[i].res.time_s / 3600;
		if (hours > 0)
			buf_printf(&b, "  at most %.1f cpu hours\n", hours);
	}
	for (uint64_t i = 0; r == 0 && i < s->scan.count && shown < DRY_SAMPLES; i++) {
		if (selected(&s->todo, i)) {
			r = put_sample(&b, s->plan, s->at.rundir, i, e);
			shown++;
		}
	}
	if (s->todo.count > shown) {
		buf_puts(&b, "  ... ");
		put_counted(&b, s->todo.count - shown, "more task");
		buf_putc(&b, '\n');
	}
	if (r == 0)
		fputs(buf_str(&b), stdout);
	free(list);
	buf_free(&b);
	return r;
}

static int publish(struct session *s, struct err *e)
{
	if (s->published)
		return 0;
	struct buf prov = BUF_INIT;
	provenance_put(&prov, PPGEN_VERSION, s->plan->spec->dir, s->argc, s->argv);
	char *plans = rundir_path(s->at.rundir, "plan");
	int r = plan_publish(s->plan, plans, buf_str(&prov), e);
	free(plans);
	buf_free(&prov);
	s->published = r == 0;
	return r;
}

/* Fetches what inputs name by url. */
static int fetch_inputs(const struct session *s, struct err *e)
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

static int run_pool(struct session *s, const struct capacity *c, struct pool_summary *sum, struct err *e)
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
	struct progress *bar = progress_new(s->plan, STDERR_FILENO, s->o->quiet);
	struct pool_options o = { .plan = s->plan, .rundir = s->at.rundir, .capacity = c, .base_env = (const char *const *)env,
				  .guard_fd = s->guard_fd, .sync_s = 1, .grace_s = 10, .event = progress_event, .event_arg = bar };
	struct source src = { .next = next_task, .arg = s, .total = s->todo.count };
	set_limits(&o, s->plan->spec);
	int r = pool_run(&o, j, &src, sum, e);
	progress_free(bar);
	if (journal_close(j, r < 0 ? NULL : e) < 0)
		r = -1;
	free(env);
	return r;
}

/* After the pool: counts, causes, and what to do next. */
static void say_end(struct session *s, const struct pool_summary *sum, double seconds, bool bad)
{
	struct buf b = BUF_INIT;
	struct cause *list = NULL;
	size_t n = 0;
	buf_printf(&b, "%s: ", s->plan->spec->name);
	put_counted(&b, sum->ok + sum->failed, "task");
	buf_puts(&b, " ended in ");
	text_put_duration(&b, seconds);
	buf_printf(&b, ": %llu good, %llu failed", (unsigned long long)sum->ok, (unsigned long long)sum->failed);
	if (sum->interrupted)
		buf_printf(&b, ", %llu interrupted", (unsigned long long)sum->interrupted);
	buf_putc(&b, '\n');
	if (sum->failed && causes_find(&s->scan, &s->todo, &list, &n, NULL) == 0)
		put_causes(&b, &s->scan, s->at.named, list, n, 5);
	causes_free(list, n);
	if (sum->failed && s->o->force)
		buf_puts(&b, "where a task that was good failed now, its earlier result still counts\n");
	if (sum->stopped_by_failures)
		buf_puts(&b, "stopped: more failed than max_failures allows\n");
	if (sum->stopped_by_signal)
		buf_printf(&b, "interrupted: `ppgen run%s` goes on from here\n", s->at.named);
	else if (bad)
		buf_printf(&b, "`ppgen run%s` runs what failed or is missing again; `ppgen collect%s --partial` merges what is good\n",
			   s->at.named, s->at.named);
	fputs(buf_str(&b), stderr);
	buf_free(&b);
}

/* Whether any of these has no good result. */
static bool any_bad(const struct session *s, const struct selection *of)
{
	uint64_t left = of->count;
	for (uint64_t i = 0; left && i < s->scan.count; i++) {
		if (!selected(of, i))
			continue;
		if (s->scan.tasks[i].outcome != OUTCOME_OK)
			return true;
		left--;
	}
	return false;
}

/* When all of the plan is good, merges it, whatever was selected. */
static int collect_all(struct session *s, struct err *e)
{
	struct selection all = { NULL, s->scan.count };
	if (any_bad(s, &all))
		return 0;
	struct collect_options o = { 0 };
	struct collect_report rep = { 0 };
	int r = collect_run(&s->scan, &o, &rep, e);
	if (r == 0 && !s->o->quiet) {
		say_collected(&rep);
		if (rep.n_tables)
			say_preview(rep.tables[0].path);
	}
	say_differing(&s->scan);
	collect_report_free(&rep);
	return r;
}

/* Runs what there is to do; the exit code. */
static int work(struct session *s, struct capacity *c, struct err *e)
{
	struct pool_summary sum = { 0 };
	double t0 = proc_monotonic();
	if (publish(s, e) < 0 || check_fit(s, c, e) < 0 || fetch_inputs(s, e) < 0)
		return -1;
	if (!s->o->quiet)
		say_begin(s, c);
	int r = s->todo.count ? run_pool(s, c, &sum, e) : 0;
	if (s->todo.count) {
		struct err e2 = ERR_INIT;
		if (!rundir_is(s->at.rundir))
			return err_fail(e, "'%s' was removed while the run wrote to it: its results are gone", s->at.rundir);
		if (scan_again(s, r < 0 ? &e2 : e) < 0)
			return -1;
		if (!s->o->quiet || sum.ok < s->todo.count)
			say_end(s, &sum, proc_monotonic() - t0, any_bad(s, &s->todo));
	}
	if (r < 0)
		return -1;
	if (sum.stopped_by_signal)
		return EXIT_INTERRUPTED;
	if (collect_all(s, e) < 0) {
		int code = cmd_fail(e);
		return code == EXIT_USAGE ? EXIT_TASKS : code; /* results that make no table are no fault of the usage */
	}
	return sum.failed || s->unread.count || any_bad(s, s->o->first ? &s->todo : &s->sel) ? EXIT_TASKS : EXIT_GOOD;
}

static unsigned latest_number(const struct session *s)
{
	char *plans = rundir_path(s->at.rundir, "plan");
	unsigned n = rundir_is(s->at.rundir) ? plan_latest(plans, NULL) : 0;
	free(plans);
	return n;
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
		if (rundir_create(s->at.rundir, &e) < 0 || rundir_hold(s->at.rundir, s->o->take_over, &s->hold, &e))
			goto failed;
		if (latest_number(s) != latest) { /* somebody published before we held the directory */
			plan_free(s->plan);
			s->plan = plan_now(&s->at, &s->o->common, &s->published, &code);
		}
	}
	if (!s->plan)
		goto out;
	if (scan_again(s, &e) < 0 || settle_stale(s, &e) < 0 || choose(s, &e) < 0)
		goto failed;
	say_unread(s);
	code = s->o->dry ? dry_run(s, &c, &e) : work(s, &c, &e);
	if (code >= 0)
		goto out;
failed:
	code = cmd_fail(&e);
out:
	capacity_free(&c);
	return code;
}

static void session_free(struct session *s)
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
	struct values o = { 0 };
	struct session s = { .o = &o, .guard_fd = -1, .argc = argc };
	struct err e = ERR_INIT;
	int code;
	signal(SIGPIPE, SIG_IGN); /* a terminal that went away must not end the tasks */
	s.argv = mem_array((size_t)argc + 1, sizeof *s.argv);
	memcpy(s.argv, argv, (size_t)argc * sizeof *argv);
	if (cmd_parse(&cmd_run, &argc, argv, &o, &code))
		goto out;
	int r = argc > 2 ? err_bad(&e, "'%s': one spec is run at a time; tasks are named with --task", argv[2]) :
			   place_find(argv[1], &o.common, &s.at, &e);
	if (r == 0 && !o.dry)
		r = s.guard_fd = guard_start(&e);
	code = r < 0 ? cmd_fail(&e) : session_run(&s);
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
	.about = "Runs the tasks of a spec on this machine and records every result as it ends, so that a run can be killed at any "
		 "time and goes on where it was. Run again, it does only what has no good result yet: tasks that failed, tasks that were "
		 "interrupted, and points that the spec did not have before.\n\n"
		 "When the command, its environment or an input has changed, results made before are stale: run stops and asks for "
		 "--stale=keep or --stale=rerun.\n\n"
		 "The first Ctrl-C lets running tasks finish; the second ends them. When all tasks are good, the tables that the spec's "
		 "`collect:` lists are written.\n\n"
		 "\tppgen run spec.yaml\n"
		 "\tppgen run -n spec.yaml\n"
		 "\tppgen run --only 'T > 2 and L == 64' -j 4 spec.yaml",
	.opts = opts,
	.run = run,
};
