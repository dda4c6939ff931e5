/* SPDX-License-Identifier: MIT */
/* Submissions for commands: loading one with all that it was made by, beginning one, finishing one.
 */
#include "cmd/round.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "collect/collect.h"
#include "store/rundir.h"

#define DRAFTS 20 /* times that somebody else may take the number */

/* ---- loading ---- */

static int failed_by(struct diags *d, const char *what, struct err *e)
{
	return err_fail(e, "%s cannot be read:\n%s", what, diags_text(d));
}

static int load_plan(struct round *r, struct err *e)
{
	struct diags *d = diags_new();
	char *plans = rundir_path(r->rundir, "plan");
	int rc = 0;

	r->plan = plan_load(plans, r->sub.plan, d);
	if (!r->plan)
		rc = failed_by(d, "the plan of the submission", e);
	free(plans);
	diags_free(d);
	return rc;
}

static int load_template(struct round *r, struct err *e)
{
	char *path = path_join(r->sub.dir, "template.tmpl");
	struct diags *d = diags_new();
	struct buf b = BUF_INIT;
	int rc = file_read(path, &b, YAML_BYTES_MAX, e);

	if (rc == 0) {
		r->template = template_parse(buf_str(&b), b.len, path, d);
		if (!r->template)
			rc = failed_by(d, "the template of the submission", e);
	}
	buf_free(&b);
	diags_free(d);
	free(path);
	return rc;
}

static int load_site(struct round *r, struct err *e)
{
	char *path = path_join(r->sub.dir, "sites.yaml");
	char *name = json_string(json_get(r->sub.site, "name"));
	struct diags *d = diags_new();
	int rc = 0;

	r->site = site_load_file(path, name, d);
	if (!r->site)
		rc = failed_by(d, "the site file of the submission", e);
	diags_free(d);
	free(name);
	free(path);
	return rc;
}

static void load_extra(struct round *r)
{
	struct json_iter it = json_iter(json_get(r->sub.site, "extra"));
	struct json word;
	size_t cap = 0;

	while (json_next(&it, NULL, &word)) {
		char *text = json_string(word);

		ARRAY_ROOM(r->extra, r->n_extra, cap);
		r->extra[r->n_extra++] = arena_dup(r->sub.arena, text ? text : "");
		free(text);
	}
	r->by_hand = json_true(json_get(r->sub.site, "by_hand"));
}

int round_load(const char *rundir, unsigned number, struct round *out, struct err *e)
{
	*out = (struct round){ .rundir = mem_dup(rundir) };
	if (submission_load(rundir, number, &out->sub, e) < 0 || load_plan(out, e) < 0 ||
	    load_template(out, e) < 0 || load_site(out, e) < 0) {
		round_free(out);
		return -1;
	}
	load_extra(out);
	return 0;
}

void round_free(struct round *r)
{
	free(r->extra);
	free(r->environment);
	site_free(r->site);
	template_free(r->template);
	plan_free(r->plan);
	submission_free(&r->sub);
	free(r->rundir);
	*r = (struct round){ 0 };
}

struct submit_request round_request(const struct round *r)
{
	return (struct submit_request){
		.rundir = r->rundir,
		.plan = r->plan,
		.template = r->template,
		.site = r->site,
		.extra = r->extra,
		.n_extra = r->n_extra,
		.environment = (const char *const *)r->environment,
		.finalises = r->sub.finalises,
		.chain = r->sub.chain,
		.round = r->sub.round,
		.program = program_path(),
		.patience = r->patience,
	};
}

/* ---- beginning ---- */

int round_begin(struct submit_request *request, struct submission *out, struct err *e)
{
	struct shape *shapes;
	int rc = 1;

	if (!request->program)
		return err_fail(e, "the path of this program cannot be told: is /proc there?");
	for (int i = 0; rc == 1 && i < DRAFTS; i++) {
		if (submit_draft(request, out, &shapes, e) < 0)
			return -1;
		free(shapes);
		rc = submission_publish(out, e);
		if (rc != 0)
			submission_drop(out);
	}
	if (rc == 1)
		return err_fail(e, "cannot number a submission in '%s': others take every number",
				request->rundir);
	return rc;
}

/* ---- the state of elements ---- */

static const struct scan_file *writer_file(const struct scan *s, const char *writer)
{
	for (size_t i = 0; i < s->n_files; i++)
		if (!strcmp(s->files[i].writer, writer))
			return &s->files[i];
	return NULL;
}

static bool is_waiting(enum job_state state)
{
	return state == JOB_STATE_QUEUED || state == JOB_STATE_HELD || state == JOB_STATE_STUCK;
}

/* One that began: its last start tells; and the scheduler, where it was asked after that start and
 * says that it waits for another. One whose process is gone, as far as this host can tell, has left
 * its journal open. */
static int count_started(const struct round *r, const struct scan *s, const struct element_run *run,
			 const struct job_view *view, enum job_state state, struct elements *out,
			 struct err *e)
{
	const struct scan_file *file;
	struct element_start start;

	if (claims_element(r->rundir, r->sub.number, run, &start, e) < 0)
		return -1;
	if (start.time_ms && (!out->first_start_ms || start.time_ms < out->first_start_ms))
		out->first_start_ms = start.time_ms;
	file = writer_file(s, start.writer);
	if (is_waiting(state) && view->asked_ms > start.time_ms)
		out->queued++;
	else if (file && file->closed)
		out->done++;
	else if (job_state_is_over(state) || (file && file->dead))
		out->vanished++;
	else
		out->running++;
	element_start_free(&start);
	return 0;
}

static void count_waiting(enum job_state state, bool told, struct elements *out)
{
	if (state == JOB_STATE_RUNNING)
		out->running++; /* it has not written its first line yet */
	else if (job_state_is_over(state) || (state == JOB_STATE_UNKNOWN && told))
		out->vanished++;
	else
		out->queued++;
}

int elements_count(const struct round *r, const struct scan *s, const struct job_view *view,
		   struct elements *out, struct err *e)
{
	struct claims_view c;
	size_t at = 0;
	int rc = 0;

	*out = (struct elements){ 0 };
	if (claims_view(r->rundir, r->sub.number, &c, e) < 0)
		return -1;
	for (unsigned a = 1; rc == 0 && a <= r->sub.n_arrays; a++) {
		const struct submission_array *x = &r->sub.arrays[a - 1];
		/* of what it was not asked for it could say nothing */
		const bool told = view && !view->failed && x->id;

		out->total += x->elements;
		for (uint64_t i = x->first; rc == 0 && i < x->first + x->elements; i++) {
			const enum job_state state =
				view ? job_view_state(view, a, i, NULL) : JOB_STATE_UNKNOWN;
			const struct element_run *last = NULL;

			while (at < c.n_elements &&
			       (c.elements[at].array < a ||
				(c.elements[at].array == a && c.elements[at].element <= i))) {
				if (c.elements[at].array == a && c.elements[at].element == i)
					last = &c.elements[at];
				at++;
			}
			if (last)
				rc = count_started(r, s, last, view, state, out, e);
			else
				count_waiting(state, told, out);
		}
	}
	claims_view_free(&c);
	return rc;
}

bool round_submitted(const struct round *r)
{
	for (size_t k = 0; k < r->sub.n_arrays; k++)
		if (!r->sub.arrays[k].id)
			return false;
	return r->sub.released && (!r->sub.finalises || r->sub.finalise_id);
}

bool round_has_jobs(const struct round *r, const struct job_view *view, bool with_finaliser)
{
	(void)r;
	for (size_t i = 0; i < view->n; i++) {
		const enum job_state state = view->seen[i].state;

		if (view->seen[i].array == 0 && !with_finaliser)
			continue;
		if (state != JOB_STATE_UNKNOWN && !job_state_is_over(state))
			return true;
	}
	return false;
}

/* ---- finishing ---- */

static void say_review(const struct round *r, const struct review *v)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "submission %04u: ", r->sub.number);
	put_counted(&b, v->tasks, "task");
	buf_puts(&b, ": ");
	text_put_count(&b, v->good);
	buf_puts(&b, " good, ");
	text_put_count(&b, v->failed);
	buf_puts(&b, " failed for good");
	const struct {
		uint64_t n;
		const char *what;
	} causes[] = {
		{ v->timed_out, "over their time" },    { v->oom, "over their memory" },
		{ v->lost, "lost with their element" }, { v->interrupted, "cut off" },
		{ v->never_started, "never started" },  { v->left, "left as they are" },
	};
	for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
		if (!causes[i].n)
			continue;
		buf_puts(&b, ", ");
		text_put_count(&b, causes[i].n);
		buf_printf(&b, " %s", causes[i].what);
	}
	buf_putc(&b, '\n');
	if (v->elements_started < v->elements)
		buf_printf(&b, "%llu of %llu elements never began\n",
			   (unsigned long long)(v->elements - v->elements_started),
			   (unsigned long long)v->elements);
	fputs(buf_str(&b), stderr);
	buf_free(&b);
}

/* Whether what a class asks for was granted to an array of this round: it can run then, even if
 * just now the nodes for it are down. */
static bool was_granted(const struct round *r, const struct submit_class *c)
{
	for (size_t k = 0; k < r->sub.n_arrays; k++) {
		const struct resources *res = &r->sub.arrays[k].res;

		if (res->memory >= c->res.memory && res->time_s >= c->res.time_s &&
		    res->cpus == c->res.cpus && res->gpus == c->res.gpus &&
		    res->nodes == c->res.nodes && res->ranks == c->res.ranks)
			return true;
	}
	return false;
}

/* The next round: what is to be done again, as a submission with a finaliser of its own. */
static int begin_next(struct round *r, struct review *v, unsigned *next, struct err *e)
{
	struct submit_request q;
	struct submission s;
	char why[64];
	int rc;

	if (round_find_environment(r, e) < 0)
		return -1;
	q = round_request(r);
	q.classes = v->classes;
	q.n_classes = v->n_classes;
	q.round = r->sub.round + 1;
	q.untested = true;
	for (size_t k = 0; k < v->n_classes; k++)
		q.untested &= was_granted(r, &v->classes[k]);
	if (round_begin(&q, &s, e) < 0)
		return -1;
	*next = s.number;
	snprintf(why, sizeof why, "%llu task%s done again", (unsigned long long)v->again,
		 v->again == 1 ? " is" : "s are");
	rc = submission_set_ended(&r->sub, "superseded", why, s.number, e);
	if (rc == 1 && r->sub.next != s.number) { /* we were thought to be gone */
		rc = err_fail(e, "submission %04u has been ended meanwhile: %s", r->sub.number,
			      r->sub.how);
		*next = 0;
		(void)submission_withdraw(&s, NULL);
		return rc;
	}
	rc = rc < 0 ? -1 : 0;
	if (rc == 0 && submit_complete(&q, &s, false, e) < 0) {
		rc = err_wrap(e, "submission %04u, in which %s", s.number, why);
		(void)err_append(
			e,
			": `ppgen submit` where you log in goes on; where jobs may not submit, use --no-finalise");
	}
	if (rc == 0) {
		fprintf(stderr, "submission %04u: %s, as ", s.number, why);
		struct buf b = BUF_INIT;
		put_ids(&b, &s);
		fprintf(stderr, "%s\n", buf_str(&b));
		buf_free(&b);
	}
	submission_free(&s);
	return rc;
}

/* Merges when all tasks of the plan are good. EXIT_GOOD, also where only the tasks are that were
 * asked for, EXIT_TASKS, -1. why: what there is to say of it. */
static int collect_good(struct scan *s, const struct review *v, struct err *why)
{
	struct collect_options o = { 0 };
	struct collect_report rep = { 0 };
	uint64_t bad = 0;

	for (uint64_t i = 0; i < s->count; i++)
		bad += s->tasks[i].outcome != OUTCOME_OK;
	if (bad) {
		err_bad(why, "%llu of %llu tasks have no good result%s: no table was made",
			(unsigned long long)bad, (unsigned long long)s->count,
			v->lacking ? "" : ", and were not submitted");
		return v->lacking ? EXIT_TASKS : EXIT_GOOD;
	}
	int rc = collect_run(s, &o, &rep, why);
	if (rc == 0)
		say_collected(&rep);
	say_differing(s);
	collect_report_free(&rep);
	return rc < 0 ? -1 : EXIT_GOOD;
}

/* Nothing is done again: merges, or says what is missing; then the submission is over. */
static int end_round(struct round *r, struct scan *scan, const struct review *v, struct err *e)
{
	struct err why = ERR_INIT;
	struct claims_view c = { 0 };
	const char *how = "failed";
	const int code = collect_good(scan, v, &why);

	if (code == EXIT_GOOD)
		how = "done";
	else if (claims_view(r->rundir, r->sub.number, &c, NULL) == 0 && c.stopped)
		how = "stopped";
	claims_view_free(&c);
	if (code == EXIT_TASKS && v->stopped)
		(void)err_wrap(&why, "%s", v->stopped);
	if (submission_set_ended(&r->sub, how, why.text, 0, e) < 0)
		return -1;
	if (err_is(&why))
		fprintf(stderr, "%s%s\n", code < 0 ? "ppgen: " : "", why.text);
	if (code < 0) /* no table could be made: the submission is over all the same */
		return why.kind == ERR_SYSTEM ? EXIT_SYSTEM : EXIT_TASKS;
	return code;
}

int round_finish(struct round *r, const struct job_view *view, unsigned *next, struct err *e)
{
	const struct scan_options o = { .judge = true };
	struct review v = { 0 };
	struct scan scan;
	int rc;

	*next = 0;
	if (scan_fold(r->rundir, r->plan, &o, &scan, e) < 0)
		return -1;
	rc = review_find(r->rundir, r->plan, &r->sub, &scan, view, &v, e);
	if (rc == 0) {
		say_review(r, &v);
		rc = v.again ? begin_next(r, &v, next, e) : end_round(r, &scan, &v, e);
		if (rc == 0 && v.again)
			rc = EXIT_TASKS;
	}
	review_free(&v);
	scan_free(&scan);
	return rc;
}

/* ---- for people ---- */

void put_ids(struct buf *b, const struct submission *s)
{
	const char *sep = "";

	for (size_t k = 0; k < s->n_arrays; k++) {
		if (!s->arrays[k].id)
			continue;
		buf_printf(b, "%s%s",
			   *sep              ? sep
			   : s->n_arrays > 1 ? "jobs "
					     : "job ",
			   s->arrays[k].id);
		sep = ", ";
	}
	if (s->finalise_id)
		buf_printf(b, "%sfinaliser %s", sep, s->finalise_id);
	if (!*sep && !s->finalise_id)
		buf_puts(b, "no job yet");
}

void put_elements(struct buf *b, const struct round *r, const struct elements *x,
		  const struct job_view *view)
{
	const struct {
		uint64_t n;
		const char *what;
	} states[] = { { x->running, "running" },
		       { x->queued, "queued" },
		       { x->done, "done" },
		       { x->vanished, "vanished" } };
	const char *sep = ": ";

	buf_printf(b, "submission %04u (", r->sub.number);
	put_ids(b, &r->sub);
	buf_puts(b, "), ");
	put_counted(b, x->total, "element");
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		if (!states[i].n)
			continue;
		buf_puts(b, sep);
		text_put_count(b, states[i].n);
		buf_printf(b, " %s", states[i].what);
		sep = ", ";
	}
	buf_putc(b, '\n');
	if (view && view->failed)
		buf_printf(b, "  the scheduler could not be asked: %s\n", view->why);
}
