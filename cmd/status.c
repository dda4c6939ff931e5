/* SPDX-License-Identifier: MIT */
/* ppgen status: how far a run is, from its journals alone. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/proc.h"
#include "base/text.h"
#include "cmd/failures.h"
#include "cmd/status_jobs.h"
#include "store/rundir.h"

struct values {
	struct common common;
	bool json;
};

static const struct opt opts[] = {
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL, "print it as JSON", NULL, 0 },
	COMMON_DIR,
	COMMON_SITE,
	{ 0 },
};

/* Tasks by state; every task is in exactly one. */
struct counts {
	uint64_t total, good, failed, running, lost, stale, waiting, differs;
};

static void count_states(const struct scan *s, struct counts *c)
{
	*c = (struct counts){ .total = s->count };
	for (uint64_t i = 0; i < s->count; i++) {
		const struct task_state *t = &s->tasks[i];
		c->differs += (t->flags & TASK_DIFFERS) != 0;
		if (t->outcome == OUTCOME_OK)
			c->good++;
		else if (t->flags & TASK_RUNNING)
			c->running++;
		else if (t->outcome != OUTCOME_NONE)
			c->failed++;
		else if (t->flags & TASK_STALE)
			c->stale++;
		else if (t->flags & TASK_LOST)
			c->lost++;
		else
			c->waiting++;
	}
}

static void put_line(struct buf *b, uint64_t n, const char *what)
{
	struct buf num = BUF_INIT;
	text_put_count(&num, n);
	if (n)
		buf_printf(b, "  %10s %s\n", buf_str(&num), what);
	buf_free(&num);
}

/* What runs now: task, how long, where. At most ten. */
static void put_running(struct buf *b, const struct scan *s)
{
	struct point pt;
	size_t shown = 0;
	point_init(&pt, s->plan->spec->space);
	for (size_t k = 0; k < s->n_open && shown < 10; k++) {
		const struct open_start *o = &s->open[k];
		if (o->index >= s->count || !(s->tasks[o->index].flags & TASK_RUNNING))
			continue;
		char id_text[TASK_ID_SHOWN];
		uint64_t now = proc_unix_ms();
		load_shown(s->plan, o->index, &pt, id_text);
		buf_puts(b, shown++ ? "" : "\nrunning\n");
		buf_printf(b, "  %.*s  ", TASK_BRIEF, id_text);
		text_put_duration(b, now > o->time_ms ? (double)(now - o->time_ms) / 1000 : 0);
		buf_puts(b, "  ");
		put_params(b, s->plan, &pt, 100);
		buf_putc(b, '\n');
	}
	point_free(&pt);
}

static void put_counts(struct buf *b, const struct scan *s, const struct counts *c,
		       const char *holder)
{
	buf_printf(b, "%s: ", s->plan->spec->name);
	put_counted(b, c->total, "task");
	buf_printf(b, ", plan %04u, %s\n", s->plan->number, s->rundir);
	put_line(b, c->good, "good");
	put_line(b, c->failed, "failed");
	put_line(b, c->running, "running");
	put_line(b, c->lost, "lost with their worker (run again)");
	put_line(b, c->stale, "stale: only results of older code");
	put_line(b, c->waiting, "not run yet");
	if (c->differs)
		buf_printf(
			b,
			"  warning: %" PRIu64
			" ran twice under one code and returned different results: not deterministic\n",
			c->differs);
	if (s->damaged)
		buf_printf(b, "  warning: %" PRIu64 " damaged journal lines were passed over\n",
			   s->damaged);
	if (s->damaged_output)
		buf_printf(b, "  warning: kept output of %" PRIu64 " attempts is damaged\n",
			   s->damaged_output);
	if (holder)
		buf_printf(b, "  held by %s\n", holder);
}

static int print_text(struct scan *s, const struct counts *c, const char *named, const char *holder,
		      const struct jobs_status *jobs, struct err *e)
{
	struct buf b = BUF_INIT;
	struct selection all = { NULL, s->count };
	struct cause *list = NULL;
	size_t n = 0;
	put_counts(&b, s, c, holder);
	if (jobs)
		put_jobs(&b, jobs);
	put_running(&b, s);
	int r = causes_find(s, &all, &list, &n, e);
	if (r == 0 && n) {
		buf_puts(&b, "\nfailed\n");
		put_causes(&b, s, named, list, n, 10);
	}
	if (r == 0)
		fputs(buf_str(&b), stdout);
	causes_free(list, n);
	buf_free(&b);
	return r;
}

static int print_json(struct scan *s, const struct counts *c, const char *holder,
		      const struct jobs_status *jobs, struct err *e)
{
	struct buf b = BUF_INIT;
	struct selection all = { NULL, s->count };
	struct cause *list = NULL;
	size_t n = 0;
	if (causes_find(s, &all, &list, &n, e) < 0)
		return -1;
	buf_puts(&b, "{\"name\":");
	json_puts(&b, s->plan->spec->name);
	buf_printf(&b, ",\"plan\":%u,\"rundir\":", s->plan->number);
	json_puts(&b, s->rundir);
	buf_puts(&b, ",\"held_by\":");
	json_puts(&b, holder);
	buf_printf(&b,
		   ",\"tasks\":%" PRIu64 ",\"good\":%" PRIu64 ",\"failed\":%" PRIu64
		   ",\"running\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"stale\":%" PRIu64
		   ",\"waiting\":%" PRIu64 ",\"differing\":%" PRIu64 ",\"damaged_lines\":%" PRIu64
		   ",\"causes\":[",
		   c->total, c->good, c->failed, c->running, c->lost, c->stale, c->waiting,
		   c->differs, s->damaged);
	for (size_t i = 0; i < n; i++) {
		json_put_sep(&b);
		buf_printf(&b, "{\"outcome\":\"%s\",\"why\":", outcome_names[list[i].outcome]);
		json_puts(&b, list[i].why);
		buf_puts(&b, ",\"stderr\":");
		json_puts(&b, list[i].said);
		buf_printf(&b, ",\"tasks\":%" PRIu64 ",\"sample\":%" PRIu64 "}", list[i].tasks,
			   list[i].sample);
	}
	buf_puts(&b, "],\"submission\":");
	put_jobs_json(&b, jobs);
	buf_puts(&b, "}\n");
	fputs(buf_str(&b), stdout);
	causes_free(list, n);
	buf_free(&b);
	return 0;
}

static int show(const struct place *at, const struct plan *p, bool json)
{
	struct err e = ERR_INIT;
	struct scan s;
	struct counts c;
	struct scan_options o = { .judge = true };
	struct jobs_status *jobs = NULL;
	char *who = NULL;
	bool here = false;
	if (scan_fold(at->rundir, p, &o, &s, &e) < 0)
		return cmd_fail(&e);
	count_states(&s, &c);
	int r = rundir_holder(at->rundir, &who, &here, &e);
	if (r >= 0)
		r = jobs_status_find(at, &s, &jobs, &e);
	if (r >= 0)
		r = json ? print_json(&s, &c, who, jobs, &e)
			 : print_text(&s, &c, at->named, who, jobs, &e);
	jobs_status_free(jobs);
	free(who);
	scan_free(&s);
	if (r < 0)
		return cmd_fail(&e);
	return c.good == c.total ? EXIT_GOOD : EXIT_TASKS;
}

static int run(int argc, char **argv)
{
	struct values o = { 0 };
	struct place at = { 0 };
	struct err e = ERR_INIT;
	int code;
	if (cmd_parse(&cmd_status, &argc, argv, &o, &code))
		return code;
	if ((argc > 2 ? err_bad(&e, "one run is shown at a time")
		      : place_find(argv[1], &o.common, &at, &e)) < 0) {
		code = cmd_fail(&e);
	} else {
		struct plan *p = plan_last(&at, &code);
		if (p)
			code = show(&at, p, o.json);
		plan_free(p);
	}
	place_free(&at);
	return code;
}

const struct command cmd_status = {
	.name = "status",
	.args = "[SPEC|RUNDIR]",
	.summary = "show how far a run is, and what failed, by cause",
	.about =
		"Counts the tasks that are good, failed, running, lost or not run yet, from the run's journals, and groups the failures by "
		"cause with a sample each. Of the latest submission it shows the elements that are queued, running, done or vanished, how many tasks end a "
		"second and how long the rest will take; the scheduler is asked at most once a minute. The exit code is 0 when all tasks are good, else 1.",
	.opts = opts,
	.run = run,
};
