/* SPDX-License-Identifier: MIT */
/*
 * From a task's resources to what a job asks for. An element holds `slots` tasks at a time, so it
 * asks for that many times theirs; an MPI task has its element to itself, and asks for nodes and
 * ranks.
 */
#include "submit/job.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define NOTICE_S 60 /* before a wall time that is not ours, so not known */

/* ---- putting values ---- */

static void put_text(struct job_values *v, enum job_value key, const char *text, const char *origin)
{
	v->text[key] = text;
	v->origin[key] = origin;
}

static void put_number(struct arena *a, struct job_values *v, enum job_value key, uint64_t n,
		       const char *origin)
{
	put_text(v, key, arena_printf(a, "%llu", (unsigned long long)n), origin);
}

static void put_list(struct job_values *v, enum job_value key, const char *const *items, size_t n,
		     const char *origin)
{
	if (n == 0)
		return;
	v->list[key] = items;
	v->n_list[key] = n;
	v->origin[key] = origin;
}

static uint64_t saturating(uint64_t a, uint64_t b)
{
	uint64_t x;

	return __builtin_mul_overflow(a, b, &x) || x > INT64_MAX ? INT64_MAX : x;
}

/* ---- what one job needs ---- */

struct needs {
	struct resources res;
	uint64_t slots, time; /* time 0: not asked for */
	uint64_t own;         /* memory of the element itself */
	const char *origin;
};

static void put_needs(struct arena *a, struct job_values *v, const struct needs *w)
{
	const struct resources *r = &w->res;
	const uint64_t nodes = r->nodes ? r->nodes : 1;
	const uint64_t ranks = r->ranks ? r->ranks : nodes;
	const uint64_t per_node = resources_ranks_per_node(r);
	const uint64_t cpus = saturating(w->slots, r->cpus ? r->cpus : 1);
	const uint64_t on_node = saturating(cpus, per_node);

	put_number(a, v, JOB_NODES, nodes, nodes > 1 ? w->origin : NULL);
	put_number(a, v, JOB_RANKS, ranks, ranks > 1 ? w->origin : NULL);
	put_number(a, v, JOB_RANKS_PER_NODE, per_node, NULL);
	put_number(a, v, JOB_CPUS, cpus, NULL);
	put_number(a, v, JOB_CPUS_PER_NODE, on_node, NULL);
	put_number(a, v, JOB_CPUS_TOTAL, saturating(on_node, nodes), NULL);
	if (r->memory) {
		const uint64_t all = saturating(w->slots, r->memory) + w->own;

		put_number(a, v, JOB_MEMORY, all, w->origin);
		put_number(a, v, JOB_MEMORY_PER_CPU, all / on_node + (all % on_node != 0),
			   w->origin);
	}
	if (w->time)
		put_number(a, v, JOB_TIME, w->time, w->origin);
	if (r->gpus) {
		put_number(a, v, JOB_GPUS, saturating(w->slots, r->gpus), w->origin);
		put_text(v, JOB_GPU_TYPE, r->gpu_type, w->origin);
	}
	put_text(v, JOB_CONSTRAINT, r->constraint, w->origin);
	put_text(v, JOB_LICENCES, r->licences, w->origin);
	if (r->exclusive)
		put_text(v, JOB_EXCLUSIVE, "yes", w->origin);
}

static void put_settings(struct arena *a, struct job_values *v, const struct site_settings *s,
			 size_t n_options)
{
	static const enum job_value of[SITE_KEY_COUNT] = {
		[SITE_ACCOUNT] = JOB_ACCOUNT, [SITE_PARTITION] = JOB_PARTITION,
		[SITE_QOS] = JOB_QOS,         [SITE_RESERVATION] = JOB_RESERVATION,
		[SITE_MAIL] = JOB_MAIL,       [SITE_MAIL_ON] = JOB_MAIL_ON,
	};
	const char **options = arena_alloc(a, (n_options + 1) * sizeof *options);

	for (int k = 0; k < SITE_KEY_COUNT; k++)
		if (s->text[k].value)
			put_text(v, of[k], s->text[k].value, s->text[k].origin);
	put_list(v, JOB_DIRECTIVES, s->directives, s->n_directives, s->directives_origin);
	memcpy(options, s->options, n_options * sizeof *options);
	v->options = options;
}

/* ---- what all jobs of a submission have ---- */

const char *submission_home(const char *rundir, const struct submission *s)
{
	return arena_printf(s->arena, "%s/submissions/%04u", rundir, s->number);
}

/*
 * "'/path/ppgen' COMMAND '/run' --submission 1": words for a shell. ppgen takes the submitter's
 * environment from the submission, but first it must start, with libraries out of a module perhaps.
 */
static void put_program(struct buf *b, const struct submit_request *r, const struct submission *s,
			const char *command)
{
	static const char libraries[] = "LD_LIBRARY_PATH=";
	const char *const *v = r->environment;

	while (v && *v && strncmp(*v, libraries, sizeof libraries - 1) != 0)
		v++;
	if (v && *v && (*v)[sizeof libraries - 1]) {
		buf_puts(b, "env ");
		text_put_shell(b, *v, strlen(*v));
		buf_putc(b, ' ');
	}
	text_put_shell(b, r->program, strlen(r->program));
	buf_printf(b, " %s ", command);
	text_put_shell(b, r->rundir, strlen(r->rundir));
	buf_printf(b, " --submission %u", s->number);
}

static int put_site(const struct submit_request *r, const struct submission *s,
		    const struct resources *res, bool finaliser, struct job_values *v,
		    struct err *e)
{
	struct site_settings settings = { 0 };

	if (site_settings(r->site, r->template, res, finaliser, &settings, e) < 0)
		return -1;
	put_settings(s->arena, v, &settings, r->template->n_options);
	free(settings.options);
	put_list(v, JOB_EXTRA, r->extra, r->n_extra, "--");
	put_text(v, JOB_USER, s->user, NULL);
	return 0;
}

int job_of_array(const struct submit_request *r, const struct submission *s, size_t k,
		 struct job_values *v, struct err *e)
{
	const struct submission_array *x = &s->arrays[k];
	const char *home = submission_home(r->rundir, s);
	const struct needs needs = { x->res, x->slots, x->time, JOB_MEMORY_OWN,
				     "the spec's resources" };
	struct buf b = BUF_INIT;

	*v = (struct job_values){ 0 };
	put_text(v, JOB_NAME, x->name, NULL);
	put_text(v, JOB_SCRIPT, arena_printf(s->arena, "%s/array-%zu.sh", home, k + 1), NULL);
	put_text(v, JOB_LOG, arena_printf(s->arena, "%s/log/%zu", home, k + 1), NULL);
	put_program(&b, r, s, "worker");
	buf_printf(&b, " --array %zu", k + 1);
	if (x->single)
		buf_printf(&b, " --element %llu", (unsigned long long)x->first);
	put_text(v, JOB_WORKER, arena_dup(s->arena, b.data), NULL);
	buf_free(&b);
	put_needs(s->arena, v, &needs);
	if (!x->time) {
		const uint64_t before =
			r->plan->spec->checkpoint.signal ? r->plan->spec->checkpoint.before_s : 0;

		put_number(s->arena, v, JOB_NOTICE, before > NOTICE_S ? before : NOTICE_S, NULL);
	}
	if (!x->single) {
		put_number(s->arena, v, JOB_FIRST, x->first, NULL);
		put_number(s->arena, v, JOB_LAST, x->first + x->elements - 1, NULL);
		put_number(s->arena, v, JOB_COUNT, x->elements, NULL);
		if (x->throttle)
			put_number(s->arena, v, JOB_THROTTLE, x->throttle, "submit.max_running");
	}
	return put_site(r, s, &x->res, false, v, e);
}

int job_of_finaliser(const struct submit_request *r, const struct submission *s,
		     struct job_values *v, struct err *e)
{
	const char *home = submission_home(r->rundir, s);
	struct needs needs = { .slots = 1, .origin = "what the finaliser needs" };
	struct buf b = BUF_INIT;

	site_finaliser(r->site, &needs.res);
	needs.time = needs.res.time_s;
	if (s->finalise_most && needs.time > s->finalise_most)
		needs.time = s->finalise_most;
	*v = (struct job_values){ 0 };
	put_text(v, JOB_NAME, s->finalise_name, NULL);
	put_text(v, JOB_SCRIPT, arena_printf(s->arena, "%s/finalise.sh", home), NULL);
	put_text(v, JOB_LOG, arena_printf(s->arena, "%s/log/finalise", home), NULL);
	put_program(&b, r, s, "finalise");
	put_text(v, JOB_WORKER, arena_dup(s->arena, b.data), NULL);
	buf_free(&b);
	put_needs(s->arena, v, &needs);
	return put_site(r, s, &needs.res, true, v, e);
}
