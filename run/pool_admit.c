/* SPDX-License-Identifier: MIT */
/*
 * Admission: which task starts next. In the order of the source, but when the first does not fit
 * into what is free, up to POOL_AHEAD behind it are looked at; a first one that was overtaken
 * POOL_OVERTAKEN times blocks the rest until it fits, so that no large task starves.
 */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "run/pool_internal.h"

#define PARAMS_SHOWN 200

void admit_open(struct pool *p)
{
	const struct capacity *c = p->o->capacity;

	p->cpus_free = c->cpus;
	p->memory_free = c->memory;
	p->gpus_free = c->n_gpus;
	p->gpu_slot = mem_array(c->n_gpus + 1, sizeof *p->gpu_slot);
	for (size_t g = 0; g < c->n_gpus; g++) {
		p->gpu_slot[g] = -1;
	}
}

static void job_free(struct job *job)
{
	task_free(&job->task);
	free(job);
}

void admit_close(struct pool *p)
{
	for (size_t i = 0; i < p->n_window; i++) {
		job_free(p->window[i]);
	}
	for (size_t i = 0; i < p->n_spare; i++) {
		job_free(p->spare[i]);
	}
	free(p->spare);
	free(p->again);
	free(p->gpu_slot);
}

static struct job *job_new(struct pool *p)
{
	struct job *job;

	if (p->n_spare) {
		return p->spare[--p->n_spare];
	}
	job = mem_alloc(sizeof *job);
	task_init(&job->task, p->o->plan);
	return job;
}

void admit_release(struct pool *p, struct job *job)
{
	ARRAY_ROOM(p->spare, p->n_spare, p->cap_spare);
	p->spare[p->n_spare++] = job;
}

/* ---- what a task needs ---- */

static uint64_t scaled(uint64_t v, double factor)
{
	const double x = ceil((double)v * factor);

	return factor == 1 ? v : x < 9e18 ? (uint64_t)x : INT64_MAX;
}

/* Limits as earlier attempts raised them; memory not over what there is, unless the spec itself
 * asks for more. */
static void scale_limits(const struct pool *p, struct job *job)
{
	struct resources *r = &job->task.res;
	const uint64_t all = p->o->capacity->memory, asked = r->memory;

	r->memory = scaled(asked, job->memory_factor);
	if (all > 0 && r->memory > all) {
		r->memory = asked > all ? asked : all;
	}
	r->time_s = scaled(r->time_s, job->time_factor);
	if (r->cpus == 0) {
		r->cpus = 1;
	}
}

static void put_task(struct buf *b, const struct pool *p, const struct task *t)
{
	const struct space *space = p->spec->space;

	buf_printf(b, "task %s (", t->shown);
	for (size_t k = 0; k < t->point.n && b->len < PARAMS_SHOWN; k++) {
		const struct value *v = &t->point.values[k];

		buf_printf(b, "%s%s=", k ? ", " : "", space_name(space, k));
		text_put_shown(b, v->text, v->len, 40);
	}
	buf_puts(b, ")");
}

/* Whether it could ever run here; else p->fault says what it lacks. */
static bool can_fit(struct pool *p, const struct job *job)
{
	const struct capacity *c = p->o->capacity;
	const struct resources *r = &job->task.res;
	struct buf b = BUF_INIT;

	if (r->cpus <= c->cpus && r->gpus <= c->n_gpus &&
	    (c->memory == 0 || r->memory <= c->memory)) {
		return true;
	}
	put_task(&b, p, &job->task);
	buf_puts(&b, " needs ");
	if (r->cpus > c->cpus) {
		buf_printf(
			&b,
			"%llu cpus, but only %llu may be used here (%s): lower resources.cpus, or raise -j",
			(unsigned long long)r->cpus, (unsigned long long)c->cpus, c->cpus_by);
	} else if (r->gpus > c->n_gpus) {
		buf_printf(
			&b,
			"%llu gpus, but %zu are here: lower resources.gpus, or set CUDA_VISIBLE_DEVICES",
			(unsigned long long)r->gpus, c->n_gpus);
	} else {
		text_put_size(&b, r->memory);
		buf_puts(&b, " of memory, but only ");
		text_put_size(&b, c->memory);
		buf_puts(&b, " may be used here: lower resources.memory");
	}
	(void)err_bad(&p->fault, "%s", b.data);
	buf_free(&b);
	return false;
}

static bool fits_now(const struct pool *p, const struct job *job)
{
	const struct resources *r = &job->task.res;

	return r->cpus <= p->cpus_free && r->gpus <= p->gpus_free &&
	       (p->o->capacity->memory == 0 || r->memory <= p->memory_free);
}

static void take(struct pool *p, const struct job *job)
{
	p->cpus_free -= job->task.res.cpus;
	p->gpus_free -= job->task.res.gpus;
	if (p->o->capacity->memory > 0) {
		p->memory_free -= job->task.res.memory;
	}
}

void admit_take_gpus(struct pool *p, const struct job *job, unsigned slot)
{
	const struct capacity *c = p->o->capacity;
	uint64_t want = job->task.res.gpus;

	buf_clear(&p->gpus);
	buf_puts(&p->gpus, "");
	for (size_t g = 0; g < c->n_gpus && want > 0; g++) {
		if (p->gpu_slot[g] < 0) {
			p->gpu_slot[g] = (int)slot;
			buf_printf(&p->gpus, "%s%s", p->gpus.len ? "," : "", c->gpus[g]);
			want--;
		}
	}
}

void admit_return(struct pool *p, const struct job *job, unsigned slot)
{
	const struct capacity *c = p->o->capacity;

	p->cpus_free += job->task.res.cpus;
	p->gpus_free += job->task.res.gpus;
	if (c->memory > 0) {
		p->memory_free += job->task.res.memory;
	}
	for (size_t g = 0; g < c->n_gpus; g++) {
		if (p->gpu_slot[g] == (int)slot) {
			p->gpu_slot[g] = -1;
		}
	}
}

/* ---- the window ---- */

/* What the source gives next, and behind its end the attempts that are made again. 1, 0 none, -1.
 */
static int next_attempt(struct pool *p, struct again *a)
{
	int r = 0;

	*a = (struct again){ .attempt = 1, .memory_factor = 1, .time_factor = 1 };
	if (!p->source_empty) {
		r = p->src->next(p->src->arg, &a->index, &a->attempt, &a->upto, &p->fault);
		p->source_empty = r <= 0;
	}
	if (r == 0 && p->again_head < p->n_again) {
		*a = p->again[p->again_head++];
		r = 1;
	}
	return r;
}

/* Puts one more job into the window; false when there is none. */
static bool window_add(struct pool *p)
{
	struct again a;
	struct job *job;

	if (err_is(&p->fault) || next_attempt(p, &a) <= 0) {
		return false;
	}
	job = job_new(p);
	job->upto = a.upto;
	job->tries = a.tries;
	job->memory_factor = a.memory_factor;
	job->time_factor = a.time_factor;
	job->task.attempt = a.attempt;
	if (task_load(&job->task, p->o->plan, a.index, &p->fault) < 0) {
		admit_release(p, job);
		return false;
	}
	job->task.attempt = a.attempt;
	scale_limits(p, job);
	if (!can_fit(p, job)) {
		admit_release(p, job);
		return false;
	}
	p->window[p->n_window++] = job;
	return true;
}

static struct job *window_remove(struct pool *p, size_t k)
{
	struct job *job = p->window[k];

	p->n_window--;
	memmove(p->window + k, p->window + k + 1, (p->n_window - k) * sizeof(struct job *));
	p->overtaken = k == 0 ? 0 : p->overtaken + 1;
	take(p, job);
	return job;
}

struct job *admit_next(struct pool *p)
{
	if (p->cpus_free == 0) {
		return NULL; /* every task takes one at least */
	}
	for (size_t k = 0; k < POOL_AHEAD; k++) {
		if (k == p->n_window && !window_add(p)) {
			return NULL;
		}
		if (fits_now(p, p->window[k])) {
			return window_remove(p, k);
		}
		if (p->overtaken >= POOL_OVERTAKEN) {
			return NULL;
		}
	}
	return NULL;
}

bool admit_waiting(const struct pool *p)
{
	return p->n_window > 0 ||
	       (!err_is(&p->fault) && (!p->source_empty || p->again_head < p->n_again));
}

void admit_again(struct pool *p, const struct job *job, enum outcome why)
{
	const struct retry *r = &p->spec->retry;
	struct again a = { .index = job->task.point.index,
			   .attempt = job->task.attempt + 1,
			   .upto = job->upto,
			   .tries = job->tries + (why != OUTCOME_INTERRUPTED),
			   .memory_factor = job->memory_factor,
			   .time_factor = job->time_factor };

	if (why == OUTCOME_OOM) {
		a.memory_factor *= r->memory;
	} else if (why == OUTCOME_TIMEOUT) {
		a.time_factor *= r->time;
	}
	if (p->again_head == p->n_again) {
		p->again_head = p->n_again = 0;
	}
	ARRAY_ROOM(p->again, p->n_again, p->cap_again);
	p->again[p->n_again++] = a;
}
