/* SPDX-License-Identifier: MIT */
/* ppgen submit: hands what has no good result yet to a scheduler, as job arrays. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "cmd/submit_session.h"
#include "collect/collect.h"
#include "store/rundir.h"
#include "store/submission_env.h"

extern char **environ;

static const struct opt opts[] = {
	{ 'n', "dry-run", OPT_FLAG, offsetof(struct run_values, dry), NULL,
	  "show the arrays, their scripts and the commands, and submit nothing", NULL, 0 },
	{ 0, "emit", OPT_TEXT, offsetof(struct submit_values, emit), "DIR",
	  "write scripts into DIR, and submit.sh that submits them, for you to do it by hand", NULL,
	  0 },
	COMMON_SITE,
	{ 0, "template", OPT_TEXT, offsetof(struct submit_values, template), "FILE",
	  "the scheduler's template: a name (`ppgen template list`) or a file", NULL, 0 },
	{ 0, "no-finalise", OPT_FLAG, offsetof(struct submit_values, no_finalise), NULL,
	  "submit no finaliser: `ppgen submit` again does its work when the arrays are over", NULL,
	  0 },
	{ 0, "no-test", OPT_FLAG, offsetof(struct submit_values, no_test), NULL,
	  "submit also what the scheduler says could never run: it may say so while nodes are down",
	  NULL, 0 },
	RUN_SELECTION,
	COMMON_DIR,
	COMMON_SET,
	{ 0 },
};

/* ---- which scheduler ---- */

static int find_template(struct submit_session *x, struct err *e)
{
	const struct site_text named = site_scheduler(x->site);
	struct diags *d = diags_new();
	char *detected = NULL;
	const char *name = x->o->template;
	int rc = 0;

	if (name) {
		x->template_why = mem_dup("--template");
	} else if (named.value) {
		name = named.value;
		x->template_why = mem_dup(named.origin);
	} else if (scheduler_detect(&detected, &x->template_why, e) == 0) {
		name = detected;
	} else {
		rc = -1;
	}
	if (rc == 0) {
		x->template = template_load(name, d);
		if (!x->template)
			rc = err_bad(e, "the template '%s' cannot be used:\n%s", name,
				     diags_text(d));
	}
	free(detected);
	diags_free(d);
	return rc;
}

static int find_site(struct submit_session *x, struct err *e)
{
	struct diags *d = diags_new();
	int rc = 0;

	x->site = site_load(x->o->run.common.site, d);
	fputs(x->site ? diags_text(d) : "", stderr);
	if (!x->site)
		rc = err_bad(e, "the site file cannot be used:\n%s", diags_text(d));
	diags_free(d);
	return rc;
}

/* Ours, unless the site wants the nodes' own. */
static void find_environment(struct submit_session *x)
{
	if (site_keeps_environment(x->site))
		x->environment = submission_env_passed(x->template, (const char *const *)environ);
}

/* ---- what is submitted ---- */

/* Classes of equal resources over what is to be done. */
static int find_classes(struct submit_session *x, struct err *e)
{
	const struct session *s = &x->s;
	const struct spec *spec = s->plan->spec;
	struct point pt;
	int rc = 0;

	point_init(&pt, spec->space);
	for (uint64_t i = 0; rc == 0 && i < s->scan.count; i++) {
		const struct task_state *t = &s->scan.tasks[i];
		const struct task_run past = { .attempt = t->attempts + 1u,
					       .upto = s->o->force ? t->attempts : 0,
					       .memory = 1,
					       .time = 1 };
		struct resources res = spec->res;

		if (!selected(&s->todo, i))
			continue;
		if (spec->n_overrides) {
			space_point(spec->space, i, &pt);
			rc = spec_resources(spec, &pt, &res, e);
		}
		if (rc == 0)
			classes_add(&x->classes, &x->n_classes, &res, i, &past);
	}
	point_free(&pt);
	return rc;
}

static struct submit_request make_request(const struct submit_session *x)
{
	return (struct submit_request){
		.rundir = x->s.at.rundir,
		.plan = x->s.plan,
		.template = x->template,
		.site = x->site,
		.classes = x->classes,
		.n_classes = x->n_classes,
		.extra = x->extra,
		.n_extra = x->n_extra,
		.environment = (const char *const *)x->environment,
		.finalises = !x->o->no_finalise && site_finalises(x->site),
		.by_hand = x->o->emit != NULL,
		.untested = x->o->no_test,
		.round = 1,
		.program = program_path(),
	};
}

static void say_submitted(const struct submit_session *x, const struct submission *s)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "submission %04u: ", s->number);
	put_ids(&b, s);
	buf_putc(&b, '\n');
	for (size_t k = 0; k < s->n_arrays; k++)
		put_array(&b, &s->arrays[k]);
	if (x->o->emit) {
		char *script = path_join(x->o->emit, "submit.sh");

		buf_printf(&b, "emitted to '%s': `sh ", x->o->emit);
		text_put_shell(&b, script, strlen(script));
		buf_puts(&b, "` submits it\n");
		free(script);
	}
	buf_printf(&b, "`ppgen status%s` shows how far it is, `ppgen wait%s` waits for its end%s\n",
		   x->s.at.named, x->s.at.named,
		   s->finalises ? "" : ", and then `ppgen submit` again finishes it");
	fputs(buf_str(&b), stderr);
	buf_free(&b);
}

/* Publishes the plan and the submission and hands it over. */
static int hand_over(struct submit_session *x, struct err *e)
{
	struct session *s = &x->s;
	struct submission sub;
	struct submit_request q;
	int rc;

	if (session_fetch(s, e) < 0 ||
	    (!s->published && publish_draft(s->plan, &s->at, s->argc, s->argv, e) < 0))
		return -1;
	q = make_request(x);
	if (round_begin(&q, &sub, e) < 0)
		return -1;
	rc = x->o->emit ? submit_emit(x, &q, &sub, e) : submit_complete(&q, &sub, false, e);
	if (rc == 0 && !s->o->quiet)
		say_submitted(x, &sub);
	submission_free(&sub);
	return rc;
}

/* Everything is good already: the tables are made, as a run would make them. */
static int nothing_to_do(struct submit_session *x, struct err *e)
{
	if (!x->s.o->quiet)
		say_begin(&x->s, NULL);
	if (!x->s.o->dry && session_collect(&x->s, e) < 0)
		return -1;
	return session_any_bad(&x->s, &x->s.sel) ? EXIT_TASKS : EXIT_GOOD;
}

/* ---- the steps ---- */

static int hold(struct submit_session *x, struct err *e)
{
	struct session *s = &x->s;

	if (s->o->dry)
		return 0;
	return rundir_create(s->at.rundir, e) < 0 ||
			       round_hold(s->at.rundir, s->o->take_over, 0, NULL, &s->hold, e) != 0
		       ? -1
		       : 0;
}

/* The exit code, or -1. */
static int steps(struct submit_session *x, struct err *e)
{
	struct session *s = &x->s;
	struct submit_request q;
	int code = EXIT_GOOD, rc;

	if (find_site(x, e) < 0 || hold(x, e) < 0)
		return -1;
	rc = submit_settle_living(x, &code, e);
	if (rc != 0)
		return rc < 0 ? -1 : code;
	s->plan = plan_now(&s->at, &s->o->common, &s->published, &code);
	if (!s->plan)
		return code;
	if (find_template(x, e) < 0 || session_scan(s, e) < 0 || session_settle(s, e) < 0 ||
	    session_choose(s, e) < 0)
		return -1;
	say_unread(s);
	s->launch = site_launch(x->site) ? site_launch(x->site) : x->template->launch;
	if (!s->todo.count)
		return nothing_to_do(x, e);
	if (!s->o->quiet)
		fprintf(stderr, "scheduler: %s (%s)\n", x->template->name, x->template_why);
	if (find_classes(x, e) < 0)
		return -1;
	find_environment(x);
	q = make_request(x);
	return s->o->dry ? submit_dry_run(x, &q, e) : hand_over(x, e);
}

static void submit_session_free(struct submit_session *x)
{
	classes_free(x->classes, x->n_classes);
	free(x->environment);
	free(x->template_why);
	template_free(x->template);
	site_free(x->site);
	session_free(&x->s);
}

/* What stands behind "--" is for the scheduler's submit command; it is cut off the arguments. */
static void split_extra(struct submit_session *x, int *argc, char **argv)
{
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], "--") != 0)
			continue;
		x->n_extra = (size_t)(*argc - i - 1);
		x->extra = (const char **)(argv + i + 1);
		argv[i] = NULL;
		*argc = i;
		return;
	}
}

static int run(int argc, char **argv)
{
	struct submit_values o = { 0 };
	struct submit_session x = { .o = &o, .s = { .o = &o.run, .guard_fd = -1, .argc = argc } };
	struct err e = ERR_INIT;
	int code;

	x.s.argv = mem_array((size_t)argc + 1, sizeof *x.s.argv);
	memcpy(x.s.argv, argv, (size_t)argc * sizeof *argv);
	split_extra(&x, &argc, argv);
	if (cmd_parse(&cmd_submit, &argc, argv, &o, &code))
		goto out;
	if (argc > 2)
		err_bad(&e,
			"'%s': one spec is submitted at a time; what is for the scheduler stands behind --",
			argv[2]);
	else if (place_find(argv[1], &o.run.common, &x.s.at, &e) == 0)
		code = steps(&x, &e);
	if (err_is(&e))
		code = cmd_fail(&e);
out:
	submit_session_free(&x);
	opt_texts_free(&o.run.common.sets);
	opt_texts_free(&o.run.tasks);
	free(x.s.argv);
	return code;
}

const struct command cmd_submit = {
	.name = "submit",
	.args = "[SPEC|RUNDIR] [-- OPTION ...]",
	.summary = "run what has no good result yet as job arrays on a cluster",
	.about =
		"Hands the tasks of a spec to the scheduler that is here (`ppgen template list` shows which are known; a template of your own adds one) and "
		"returns. Nothing has to stay logged in: the elements of the arrays run the tasks and record every result as it ends; a small "
		"job behind them, the finaliser, submits again what `retry` allows, or writes the tables.\n\n"
		"Tasks of equal resources go into one array. Its elements take chunks of tasks until none is left, so their number is free, and "
		"is chosen under every limit of the scheduler. `submit:` in the spec and the site file (ppgen-sites(5)) shape them. What stands behind "
		"-- is given to the scheduler's submit command as it is.\n\n"
		"The elements and the finaliser run in the environment that submit was started in: an active virtualenv or conda environment, loaded "
		"modules. It is kept with the submission, readable by you alone, and removed when it has ended; ppgen-sites(5) says which "
		"variables are the node's own all the same. Where tasks are functions, each slot of an element starts one interpreter and not one for "
		"each task. The elements of an array wait for their first one by their number, 20 ms from one to the next and 10 s at most, so that they do not all "
		"read the same modules from a shared file system at once: `start_spread` of the site changes that.\n\n"
		"Submitted again, it does only what has no good result yet. While a submission is under way, submit and run refuse. One that "
		"was cut off while it was handed over is completed; one whose jobs are gone is finished first.\n\n"
		"\tppgen submit --dry-run spec.yaml\n"
		"\tppgen submit spec.yaml\n"
		"\tppgen submit spec.yaml -- -p gpu -A phys-12",
	.opts = opts,
	.run = run,
};
