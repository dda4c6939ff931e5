/* SPDX-License-Identifier: MIT */
/* ppgen worker: an array element; what job scripts start. */
#include <signal.h>
#include <stdlib.h>

#include "base/file.h"
#include "cmd/cmd.h"
#include "run/guard.h"
#include "run/worker.h"
#include "store/rundir.h"
#include "store/submission_env.h"

struct values {
	uint64_t submission, array, element;
	const char *job;
};

#define NOT_SAID UINT64_MAX /* an element's number may be 0 */

static const struct opt opts[] = {
	{ 0, "submission", OPT_COUNT, offsetof(struct values, submission), "N",
	  "the submission's number", NULL, 1 },
	{ 0, "array", OPT_COUNT, offsetof(struct values, array), "A", "which of its arrays, from 1",
	  NULL, 1 },
	{ 0, "element", OPT_COUNT, offsetof(struct values, element), "I",
	  "the element's index, as the scheduler counts", NULL, 0 },
	{ 0, "job", OPT_TEXT, offsetof(struct values, job), "ID",
	  "the scheduler's id of this element, for people", NULL, 0 },
	{ 0 },
};

/* All that a worker reads: nothing of it changes any more. */
struct frozen {
	char *rundir;
	struct submission submission;
	struct plan *plan;
	struct template *template;
};

static void frozen_free(struct frozen *f)
{
	template_free(f->template);
	plan_free(f->plan);
	submission_free(&f->submission);
	free(f->rundir);
}

/* Complaints as one error: a frozen file is not the user's to correct. */
static int refuse(struct diags *d, const char *what, struct err *e)
{
	return err_fail(e, "the %s of this submission cannot be read:\n%s", what, diags_text(d));
}

/* The plan that was submitted, which need not be the latest. */
static int load_plan(struct frozen *f, struct err *e)
{
	struct diags *d = diags_new();
	char *plans = rundir_path(f->rundir, "plan");
	f->plan = plan_load(plans, f->submission.plan, d);
	int r = f->plan ? 0 : refuse(d, "plan", e);
	free(plans);
	diags_free(d);
	return r;
}

/* The template as it was when the scripts were made of it. */
static int load_template(struct frozen *f, struct err *e)
{
	struct diags *d = diags_new();
	struct buf text = BUF_INIT;
	char *path = path_join(f->submission.dir, "template.tmpl");
	int r = file_read(path, &text, 0, e);
	if (r == 0) {
		f->template = template_parse(buf_str(&text), text.len, path, d);
		r = f->template ? 0 : refuse(d, "template", e);
	}
	free(path);
	buf_free(&text);
	diags_free(d);
	return r;
}

/* Whether there is such an element. */
static int check_element(const struct submission *s, const struct values *o, struct err *e)
{
	if (o->array > s->n_arrays)
		return err_bad(e, "submission %u has %zu array%s, and no array %llu", s->number,
			       s->n_arrays, s->n_arrays == 1 ? "" : "s",
			       (unsigned long long)o->array);
	const struct submission_array *a = &s->arrays[o->array - 1];
	if (o->element < a->first || o->element - a->first >= a->elements)
		return err_bad(e, "array %llu has elements %llu to %llu, and no element %llu",
			       (unsigned long long)o->array, (unsigned long long)a->first,
			       (unsigned long long)(a->first + a->elements - 1),
			       (unsigned long long)o->element);
	return 0;
}

static int load(struct frozen *f, const struct values *o, struct err *e)
{
	if (o->submission > UINT32_MAX)
		return err_bad(e, "there is no submission %llu", (unsigned long long)o->submission);
	if (rundir_check(f->rundir, e) < 0 ||
	    submission_load(f->rundir, (unsigned)o->submission, &f->submission, e) < 0 ||
	    check_element(&f->submission, o, e) < 0 || submission_env_apply(&f->submission, e) < 0)
		return -1;
	return load_plan(f, e) < 0 ? -1 : load_template(f, e);
}

/* Never 99 or 100, by which some schedulers run or hold a job again; never a signal's number. */
static int work(const struct values *o, const char *rundir, double began, int guard_fd)
{
	struct frozen f = { .rundir = path_absolute(rundir) };
	struct worker_report rep = { 0 };
	struct err e = ERR_INIT;
	int code;
	rundir_umask(f.rundir);
	if (load(&f, o, &e) < 0) {
		code = cmd_fail(&e);
	} else {
		struct worker_options w = { .rundir = f.rundir,
					    .plan = f.plan,
					    .submission = &f.submission,
					    .template = f.template,
					    .array = (unsigned)o->array,
					    .element = o->element,
					    .job = o->job ? o->job : "",
					    .guard_fd = guard_fd,
					    .began = began };
		if (worker_run(&w, &rep, &e) < 0) {
			(void)cmd_fail(&e);
			code = EXIT_SYSTEM;
		} else {
			code = rep.sum.failed ? EXIT_TASKS : EXIT_GOOD;
		}
	}
	frozen_free(&f);
	return code;
}

static int run(int argc, char **argv)
{
	struct values o = { .element = NOT_SAID };
	struct err e = ERR_INIT;
	double began = worker_began();
	int code;
	signal(SIGPIPE, SIG_IGN); /* a log that cannot be written must not end the tasks */
	if (cmd_parse(&cmd_worker, &argc, argv, &o, &code))
		return code;
	if (argc != 2 || !o.submission || !o.array || o.element == NOT_SAID) {
		err_bad(&e,
			"RUNDIR, --submission, --array and --element are needed: `ppgen submit` "
			"writes scripts that say them");
		return cmd_fail(&e);
	}
	int guard_fd = guard_start(&e);
	return guard_fd < 0 ? cmd_fail(&e) : work(&o, argv[1], began, guard_fd);
}

const struct command cmd_worker = {
	.name = "worker",
	.args = "RUNDIR",
	.summary = "run tasks as an element of a job array; what job scripts start",
	.about =
		"Job scripts that `ppgen submit` writes start this command; nobody else needs it. It runs tasks of one array of a "
		"submission within what the scheduler allotted to it: it claims chunks of tasks, its own first, until none is left, and "
		"ends at once when there is nothing to do.\n\n"
		"Before each task it looks whether the time that is left suffices. On SIGTERM it ends its tasks; on SIGUSR1 or "
		"SIGUSR2 it starts no more, and tasks get their checkpoint signal. What it leaves is freed for other elements. "
		"Started again with the same number, as after a requeue, it goes on with what it held.\n\n"
		"It ends with 0 when it did its work, also when it was told to end, when its time was over or when nothing was left to "
		"do; with 1 when tasks failed; with 2 when there is no such element; with 3 when the system failed, for instance the "
		"set-up.\n\n"
		"\tppgen worker /scratch/me/runs/ising --submission 1 --array 1 --element 17 --job 4711_17",
	.opts = opts,
	.run = run,
};
