/* SPDX-License-Identifier: MIT */
/* From classes of tasks to a submission in the making: shapes, names, scripts. Handing it over is
 * submit_complete's. */
#include "submit/submitter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/pattern.h"
#include "base/proc.h"
#include "base/text.h"
#include "store/submission_env.h"
#include "submit/job.h"
#include "submit/scheduler.h"

/* ---- what the user gave behind "--" ---- */

/* Some options would overrule what ppgen reckons with: a shorter time, another array. */
static int check_extra(const struct submit_request *r, struct err *e)
{
	struct pattern *p;
	int found = 0;

	if (!r->template->submit.computed)
		return 0;
	p = pattern_new(r->template->submit.computed, e);
	if (!p)
		return -1;
	for (size_t i = 0; found == 0 && i < r->n_extra; i++) {
		found = pattern_whole(p, r->extra[i], strlen(r->extra[i]), e);
		if (found > 0)
			err_bad(e,
				"'%s' behind '--' would overrule what ppgen reckons with: give resources.time or submit.element_time "
				"for times, submit.elements for arrays",
				r->extra[i]);
	}
	pattern_free(p);
	return found ? -1 : 0;
}

/* ---- shapes ---- */

/* What a site wishes for such jobs, and the limits of the partition and account that they go to. */
static int find_limits(const struct submit_request *r, const struct resources *res, bool finaliser,
		       struct shape_wish *wish, struct shape_limits *limits, struct err *e)
{
	struct site_settings settings = { 0 };
	struct job_values v = { 0 };

	if (site_settings(r->site, r->template, res, finaliser, &settings, e) < 0)
		return -1;
	submit_wish_merge(r->plan->spec, &settings, wish);
	v.text[JOB_ACCOUNT] = settings.text[SITE_ACCOUNT].value;
	v.text[JOB_PARTITION] = settings.text[SITE_PARTITION].value;
	v.text[JOB_QOS] = settings.text[SITE_QOS].value;
	free(settings.options);
	scheduler_limits(r->template, &v, limits);
	site_limits(r->site, limits);
	return 0;
}

/* How long the finaliser may last, perhaps in a partition of its own. */
static int find_finaliser(const struct submit_request *r, struct submission *s, struct err *e)
{
	struct resources res = { 0 };
	struct shape_limits limits;
	struct shape_wish wish;

	site_finaliser(r->site, &res);
	if (find_limits(r, &res, true, &wish, &limits, e) < 0)
		return -1;
	s->finalise_most = limits.of[LIMIT_TIME] != UINT64_MAX ? limits.of[LIMIT_TIME] : 0;
	return 0;
}

/* What holds for all classes together: the least of each. */
static void narrow(struct shape_limits *all, const struct shape_limits *one)
{
	for (int k = 0; k < LIMIT_COUNT; k++) {
		if (one->of[k] < all->of[k]) {
			all->of[k] = one->of[k];
			all->origin[k] = one->origin[k];
		}
	}
}

static int find_shapes(const struct submit_request *r, struct shape *shapes, struct err *e)
{
	struct shape_class *classes = mem_array(r->n_classes, sizeof *classes);
	struct shape_limits *limits = mem_array(r->n_classes, sizeof *limits), all;
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < r->n_classes; k++) {
		classes[k].res = r->classes[k].res;
		classes[k].tasks = r->classes[k].tasks.tasks;
		classes[k].own = &limits[k];
		rc = find_limits(r, &classes[k].res, false, &classes[k].wish, &limits[k], e);
		if (k == 0)
			all = limits[0];
		narrow(&all, &limits[k]);
	}
	if (rc == 0)
		rc = shape_find(classes, r->n_classes, &all, r->template,
				r->plan->spec->checkpoint.signal != 0, shapes, e);
	free(limits);
	free(classes);
	return rc;
}

static const char *job_name(const struct submit_request *r, const struct submission *s,
			    const char *part)
{
	struct buf b = BUF_INIT;
	const char *suffix = arena_printf(s->arena, "-%s-%s", s->tag, part), *name;

	template_job_name(r->template, r->plan->spec->name, suffix, &b);
	name = arena_dup(s->arena, b.data);
	buf_free(&b);
	return name;
}

static void fill_array(const struct submit_request *r, struct submission *s, size_t k,
		       const struct shape *shape)
{
	struct submission_array *x = &s->arrays[k];

	*x = (struct submission_array){
		.res = r->classes[k].res,
		.tasks = r->classes[k].tasks.tasks,
		.chunk = shape->chunk,
		.chunks = shape->chunks,
		.slots = shape->slots,
		.elements = shape->elements,
		.first = r->template->array_first,
		.single = shape->elements < r->template->array_least,
		.throttle = shape->throttle,
		.time = shape->time,
		.reserve = shape->reserve,
	};
	x->name = job_name(r, s, arena_printf(s->arena, "%zu", k + 1));
}

/* What the next round must find again, wherever it is made. */
static struct json site_member(const struct submit_request *r, const struct submission *s)
{
	struct buf b = BUF_INIT;
	struct json v;

	buf_puts(&b, "{\"name\":");
	json_puts(&b, site_name(r->site));
	buf_puts(&b, ",\"extra\":[");
	for (size_t i = 0; i < r->n_extra; i++) {
		json_put_sep(&b);
		json_puts(&b, r->extra[i]);
	}
	buf_printf(&b, "],\"by_hand\":%s}", r->by_hand ? "true" : "false");
	v = json_trust(arena_dup(s->arena, b.data), b.len);
	buf_free(&b);
	return v;
}

static void fill_submission(const struct submit_request *r, struct submission *s,
			    const struct shape *shapes)
{
	struct arena *a = s->arena;

	s->plan = r->plan->number;
	s->chain = r->chain ? r->chain : s->number;
	s->round = r->round;
	s->time_ms = proc_unix_ms();
	s->program = arena_dup(a, r->program);
	s->template_name = arena_dup(a, r->template->name);
	s->finalises = r->finalises;
	s->scratch = site_scratch(r->site).value;
	s->setup = site_setup(r->site).value;
	s->environment = r->environment ? SUBMISSION_ENVIRONMENT : NULL;
	s->start_spread = site_start_spread(r->site);
	s->launch = site_launch(r->site);
	s->site = site_member(r, s);
	s->n_arrays = r->n_classes;
	s->arrays = arena_alloc(a, (r->n_classes + 1) * sizeof *s->arrays);
	for (size_t k = 0; k < r->n_classes; k++)
		fill_array(r, s, k, &shapes[k]);
	s->finalise_name = job_name(r, s, "f");
}

/* ---- files ---- */

/* A file of the draft; synced when the submission is published. */
static int put_file(const struct submission *s, const char *name, const char *text, size_t len,
		    struct err *e)
{
	char *path = path_join(s->dir, name);
	int rc = file_publish(path, text, len, e);

	free(path);
	return rc;
}

static int put_script(const struct submit_request *r, const struct submission *s,
		      const struct job_values *v, struct err *e)
{
	const char *name = path_name(v->text[JOB_SCRIPT]);
	struct buf b = BUF_INIT;
	int rc = template_script(r->template, v, &b, e);

	if (rc == 0)
		rc = put_file(s, name, buf_str(&b), b.len, e);
	buf_free(&b);
	return rc;
}

/* Before anything is submitted, and published with the rest. */
static int put_environment(const struct submit_request *r, const struct submission *s,
			   struct err *e)
{
	const int rc = r->environment ? submission_env_write(s, r->environment, e) : 0;

	if (rc == 1)
		fprintf(stderr,
			"ppgen: warning: others can read '%s/" SUBMISSION_ENVIRONMENT
			"', which holds your environment: its file system keeps no modes\n",
			s->home);
	return rc < 0 ? -1 : 0;
}

static int put_files(const struct submit_request *r, const struct submission *s, struct err *e)
{
	struct job_values v;
	size_t len;
	const char *text = template_text(r->template, &len);
	int rc = put_file(s, "template.tmpl", text, len, e);

	if (rc == 0)
		rc = put_environment(r, s, e);
	if (rc == 0 && (text = site_source(r->site, &len)))
		rc = put_file(s, "sites.yaml", text, len, e);
	for (size_t k = 0; rc == 0 && k < s->n_arrays; k++) {
		rc = submission_put_tasks(s, (unsigned)k + 1, &r->classes[k].tasks, e);
		if (rc == 0)
			rc = job_of_array(r, s, k, &v, e);
		if (rc == 0)
			rc = put_script(r, s, &v, e);
	}
	if (rc == 0 && s->finalises) {
		rc = job_of_finaliser(r, s, &v, e);
		if (rc == 0)
			rc = put_script(r, s, &v, e);
	}
	return rc;
}

int submit_draft(const struct submit_request *r, struct submission *out, struct shape **shapes,
		 struct err *e)
{
	*shapes = mem_array(r->n_classes + 1, sizeof **shapes);
	if (check_extra(r, e) < 0 || find_shapes(r, *shapes, e) < 0 ||
	    submission_draft(r->draft_in ? r->draft_in : r->rundir, out, e) < 0)
		goto failed;
	fill_submission(r, out, *shapes);
	if ((!out->finalises || find_finaliser(r, out, e) == 0) && put_files(r, out, e) == 0)
		return 0;
	submission_drop(out);
failed:
	free(*shapes);
	*shapes = NULL;
	return -1;
}

/* ---- the commands, for people ---- */

/* What stands for an id that is not known before: a shell's variable, between two bytes that no
 * word of the user's holds. */
#define VARIABLE_BEGIN '\001'
#define VARIABLE_END   '\002'

static const char *variable_mark(struct arena *a, const char *variable)
{
	return arena_printf(a, "%c%s%c", VARIABLE_BEGIN, variable, VARIABLE_END);
}

static void put_word(struct buf *b, const char *word)
{
	const char *begin, *end;

	if (!*word)
		buf_puts(b, "''");
	for (; *word; word = end + 1) {
		begin = strchrnul(word, VARIABLE_BEGIN);
		end = strchr(begin, VARIABLE_END);
		if (!end) {
			text_put_shell(b, word, strlen(word));
			return;
		}
		if (begin > word)
			text_put_shell(b, word, (size_t)(begin - word));
		buf_printf(b, "\"$%.*s\"", (int)(end - begin - 1), begin + 1);
	}
}

/* A command of the template as words for a shell. */
static int put_line(const struct submit_request *r, const struct template_command *c,
		    const struct job_values *v, bool hold, struct buf *out, struct err *e)
{
	char **words = template_words(r->template, c, v, hold, v->n_list[JOB_IDS] > 0, e);

	if (!words)
		return -1;
	for (size_t i = 0; words[i]; i++) {
		buf_puts(out, i ? " " : "");
		put_word(out, words[i]);
	}
	free(words);
	return 0;
}

/* " | sed ..." that leaves a job's id of what the submit command prints. */
static void put_id_filter(const struct template *t, struct buf *out)
{
	struct buf script = BUF_INIT;

	buf_printf(&script, "s#%s#\\1#p", t->submit.id);
	buf_puts(out, " | sed -nE ");
	text_put_shell(out, buf_str(&script), script.len);
	buf_free(&script);
}

static int put_submit(const struct submit_request *r, const struct job_values *v, bool hold,
		      const char *part, const char *variable, struct buf *out, struct err *e)
{
	buf_printf(out, "%s=$(", variable);
	if (put_line(r, r->template->submit.command, v, hold, out, e) < 0)
		return -1;
	put_id_filter(r->template, out);
	buf_printf(out, ")\n[ -n \"$%s\" ] || exit 1\n", variable);
	if (r->by_hand)
		buf_printf(out, "record %s \"$%s\"\n", part, variable);
	return 0;
}

static int put_array(const struct submit_request *r, const struct submission *s, size_t k,
		     const char *variable, struct buf *out, struct err *e)
{
	const struct template_command *test = r->template->submit.test;
	struct job_values v;

	if (job_of_array(r, s, k, &v, e) < 0)
		return -1;
	if (test && !r->by_hand && !r->untested) {
		if (put_line(r, test, &v, false, out, e) < 0)
			return -1;
		buf_puts(out, " || exit 1\n");
	}
	return put_submit(r, &v, !r->by_hand, arena_printf(s->arena, "%zu", k + 1), variable, out,
			  e);
}

int submit_put_commands(const struct submit_request *r, const struct submission *s, struct buf *out,
			struct err *e)
{
	const char **ids = arena_alloc(s->arena, (s->n_arrays + 1) * sizeof *ids);
	struct job_values arrays = { .list = { [JOB_IDS] = ids },
				     .n_list = { [JOB_IDS] = s->n_arrays } };
	struct job_values v;

	for (size_t k = 0; k < s->n_arrays; k++) {
		const char *variable = arena_printf(s->arena, "id%zu", k + 1);

		if (put_array(r, s, k, variable, out, e) < 0)
			return -1;
		ids[k] = variable_mark(s->arena, variable);
	}
	if (s->finalises) {
		if (job_of_finaliser(r, s, &v, e) < 0)
			return -1;
		v.list[JOB_IDS] = ids;
		v.n_list[JOB_IDS] = s->n_arrays;
		if (put_submit(r, &v, false, "finalise", "idf", out, e) < 0)
			return -1;
	}
	if (r->by_hand)
		return 0;
	arrays.text[JOB_USER] = s->user;
	if (put_line(r, r->template->release, &arrays, false, out, e) < 0)
		return -1;
	buf_putc(out, '\n');
	return 0;
}
