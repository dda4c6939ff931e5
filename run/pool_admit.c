/* SPDX-License-Identifier: MIT */
/*
 * Admission: which task starts next. In the order of the source, but when the first does not fit
 * into what is free, up to POOL_AHEAD behind it are looked at; a first one that was overtaken
 * POOL_OVERTAKEN times blocks the rest until it fits, so that no large task starves. One that would
 * not end in time is left, and those behind it are looked at; but not too many, for what is taken
 * from a source is not there for others.
 */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "run/pool_internal.h"

#define PARAMS_SHOWN 200
/* What an attempt without a limit may take: so many times the longest one so far. */
#define LONGER 1.5

void admit_open(struct pool *p)
{
	const struct capacity *c = p->o->capacity;

	p->ahead = p->o->ahead > 0 && p->o->ahead < POOL_AHEAD ? p->o->ahead : POOL_AHEAD;
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
	for (size_t i = 0; i < p->n_back; i++) {
		job_free(p->back[i]);
	}
	free(p->back);
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

/* Processors that it needs on this machine. What it needs on several is not ours to count. */
static uint64_t cpus_needed(const struct resources *r)
{
	const uint64_t ranks = r->ranks > 0 ? r->ranks : 1;

	return r->nodes > 1 ? 1 : r->cpus > UINT64_MAX / ranks ? UINT64_MAX : r->cpus * ranks;
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
		r->cpus = 1; /* no test: a spec that gives none has 1, and 0 is refused */
	}
	/* who runs alone takes all, so that it waits for all and nothing starts beside it */
	job->cpus = resources_alone(r) && p->o->capacity->cpus > cpus_needed(r)
			    ? p->o->capacity->cpus
			    : cpus_needed(r);
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

static void put_cpus(struct buf *b, const struct job *job, const struct capacity *c)
{
	const struct resources *r = &job->task.res;

	buf_printf(b, "%llu cpus", (unsigned long long)job->cpus);
	if (r->ranks > 1) {
		buf_printf(b, " (%llu ranks of %llu)", (unsigned long long)r->ranks,
			   (unsigned long long)r->cpus);
	}
	buf_printf(b, ", but only %llu may be used here (%s): lower resources.%s, or raise -j",
		   (unsigned long long)c->cpus, c->cpus_by, r->ranks > 1 ? "ranks" : "cpus");
}

/* Whether it could ever run here; else p->fault says what it lacks. */
static bool can_fit(struct pool *p, const struct job *job)
{
	const struct capacity *c = p->o->capacity;
	const struct resources *r = &job->task.res;
	struct buf b = BUF_INIT;

	if (job->cpus <= c->cpus && r->gpus <= c->n_gpus &&
	    (c->memory == 0 || r->memory <= c->memory)) {
		return true;
	}
	put_task(&b, p, &job->task);
	buf_puts(&b, " needs ");
	if (job->cpus > c->cpus) {
		put_cpus(&b, job, c);
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

	return job->cpus <= p->cpus_free && r->gpus <= p->gpus_free &&
	       (p->o->capacity->memory == 0 || r->memory <= p->memory_free);
}

/* ---- time ---- */

/* Of all attempts so far, also of those that run. */
static double longest_attempt(const struct pool *p)
{
	double longest = p->longest;

	for (unsigned i = 0; i < p->n_slots; i++) {
		if (p->slots[i].state == SLOT_RUNNING) {
			longest = fmax(longest, p->now - p->slots[i].started);
		}
	}
	return longest;
}

/* Whether it would end before our time does, as far as can be told; or could save what it has done
 * until then. */
static bool ends_in_time(const struct pool *p, uint64_t limit_s)
{
	const struct checkpoint *c = &p->spec->checkpoint;
	const double left = p->o->end - p->now, saves = (double)c->before_s + CHECKPOINT_S;
	double need;

	if (p->o->end <= 0) {
		return true;
	}
	need = limit_s > 0 ? (double)limit_s : LONGER * longest_attempt(p);
	if (c->signal && (need <= 0 || need > saves)) {
		need = saves;
	}
	return left > 0 && need <= left;
}

/* Where growing attempts are left to others, limits are never cut down to what is here. */
bool admit_may_grow(const struct pool *p, const struct job *job, enum outcome why)
{
	const struct retry *r = &p->spec->retry;
	const struct resources *now = &job->task.res;
	const uint64_t all = p->o->capacity->memory;

	if (!p->o->leave_growing) {
		return true;
	}
	if (why == OUTCOME_OOM && r->memory > 1) {
		return all == 0 || scaled(now->memory, r->memory) <= all;
	}
	return why != OUTCOME_TIMEOUT || r->time <= 1 ||
	       ends_in_time(p, scaled(now->time_s, r->time));
}

static void take(struct pool *p, const struct job *job)
{
	p->cpus_free -= job->cpus;
	p->gpus_free -= job->task.res.gpus;
	if (p->o->capacity->memory > 0) {
		p->memory_free -= job->task.res.memory;
	}
}

/* Names in p->gpus those that the job is about to get, and gives them to `slot` unless it is -1. */
static void choose_gpus(struct pool *p, const struct job *job, int slot)
{
	const struct capacity *c = p->o->capacity;
	uint64_t want = job->task.res.gpus;

	buf_clear(&p->gpus);
	buf_puts(&p->gpus, "");
	for (size_t g = 0; g < c->n_gpus && want > 0; g++) {
		if (p->gpu_slot[g] < 0) {
			p->gpu_slot[g] = slot;
			buf_printf(&p->gpus, "%s%s", p->gpus.len ? "," : "", c->gpus[g]);
			want--;
		}
	}
}

void admit_take_gpus(struct pool *p, const struct job *job, unsigned slot)
{
	choose_gpus(p, job, (int)slot);
}

void admit_name_gpus(struct pool *p, const struct job *job)
{
	choose_gpus(p, job, -1);
}

void admit_return(struct pool *p, const struct job *job, unsigned slot)
{
	const struct capacity *c = p->o->capacity;

	p->cpus_free += job->cpus;
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

/* Whether an attempt is made again before the source is asked: they are not kept by the million,
 * and where all fail that is not found out at the end only. */
static bool again_first(const struct pool *p)
{
	return p->source_empty || p->n_again - p->again_head > POOL_AGAIN;
}

/* What the source gives next, and behind its end the attempts that are made again. 1, 0 none, -1.
 */
static int next_attempt(struct pool *p, struct again *a)
{
	int r = 0;

	*a = (struct again){ .attempt = 1, .memory_factor = 1, .time_factor = 1 };
	if (!again_first(p)) {
		r = p->src->next(p->src->arg, &a->index, &a->attempt, &a->upto, &p->fault);
		p->source_empty = r <= 0;
		p->given += r > 0;
		if (r > 0 && p->src->past) {
			p->src->past(p->src->arg, &a->tries, &a->memory_factor, &a->time_factor);
		}
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
	job->single = false;
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
	return job;
}

static struct job *window_take(struct pool *p, size_t k)
{
	struct job *job = window_remove(p, k);

	p->overtaken = k == 0 ? 0 : p->overtaken + 1;
	take(p, job);
	return job;
}

/* Time only gets shorter: it is never looked at again. */
static void window_leave(struct pool *p, size_t k)
{
	admit_release(p, window_remove(p, k));
	p->overtaken = k == 0 ? 0 : p->overtaken;
	p->late++;
	p->sum->stopped_by_time = true;
}

/* ---- what was sent ahead and came back ---- */

void admit_back(struct pool *p, struct job *job)
{
	ARRAY_ROOM(p->back, p->n_back, p->cap_back);
	p->back[p->n_back++] = job;
}

/* The one that came back last; NULL: it would not end in time, and is left. */
static struct job *back_take(struct pool *p)
{
	struct job *job = p->back[--p->n_back];

	if (ends_in_time(p, job->task.res.time_s)) {
		return job;
	}
	admit_release(p, job);
	p->late++;
	p->sum->stopped_by_time = true;
	return NULL;
}

uint64_t admit_left(const struct pool *p)
{
	return p->n_back + p->n_window + (p->n_again - p->again_head) +
	       (p->src->total > p->given ? p->src->total - p->given : 0);
}

struct job *admit_same(struct pool *p, const struct job *as)
{
	const struct job *next;

	if (p->n_back == 0 && p->n_window == 0 && !window_add(p)) {
		return NULL;
	}
	next = p->n_back > 0 ? p->back[p->n_back - 1] : p->window[0];
	if (next->single || next->cpus != as->cpus ||
	    !resources_equal(&next->task.res, &as->task.res) ||
	    !ends_in_time(p, next->task.res.time_s)) {
		return NULL;
	}
	return p->n_back > 0 ? p->back[--p->n_back] : window_remove(p, 0);
}

struct job *admit_next(struct pool *p)
{
	struct job *job = NULL;
	size_t k = 0;

	if (p->cpus_free == 0) {
		return NULL; /* every task takes one at least */
	}
	while (!job && p->n_back > 0) {
		if (!fits_now(p, p->back[p->n_back - 1])) {
			return NULL;
		}
		job = back_take(p);
	}
	if (job) {
		take(p, job);
		return job;
	}
	while (k + p->late < p->ahead) {
		if (k == p->n_window && !window_add(p)) {
			return NULL;
		}
		if (!ends_in_time(p, p->window[k]->task.res.time_s)) {
			window_leave(p, k);
			continue;
		}
		if (fits_now(p, p->window[k])) {
			return window_take(p, k);
		}
		if (p->overtaken >= POOL_OVERTAKEN) {
			return NULL;
		}
		k++;
	}
	if (k == 0) {
		stop_say(p, STOP_DRAIN, "no time for further tasks");
	}
	return NULL;
}

bool admit_waiting(const struct pool *p)
{
	return p->n_window > 0 || p->n_back > 0 ||
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
	if (p->again_head > 0 && p->n_again == p->cap_again) {
		p->n_again -= p->again_head;
		memmove(p->again, p->again + p->again_head, p->n_again * sizeof *p->again);
		p->again_head = 0;
	}
	ARRAY_ROOM(p->again, p->n_again, p->cap_again);
	p->again[p->n_again++] = a;
}
