/* SPDX-License-Identifier: MIT */
/* The arithmetic of arrays. Times first, then elements, class by class and then all together, then
 * chunks. Task counts go up to 2^48 and are never multiplied by more than small numbers. */
#include "gen/shape.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#define ELEMENT_S         3600 /* of tasks, in an element */
#define ELEMENTS_DEFAULT  1000 /* of all arrays together */
#define SPREAD            10   /* elements, where nobody knows how long tasks are */
#define SLOT_CHUNKS       8
#define SLOT_CHUNKS_LEAST 4  /* for short tasks */
#define CHUNK_S           60 /* below that a chunk is short */
#define MINUTE            60
#define NO_LIMIT          UINT64_MAX

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t clamp(uint64_t x, uint64_t low, uint64_t high)
{
	return most(low, least(x, high));
}

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

static uint64_t times(uint64_t a, uint64_t b)
{
	uint64_t x;

	return __builtin_mul_overflow(a, b, &x) ? UINT64_MAX : x;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* ---- time ---- */

static uint64_t reserve_of(uint64_t time)
{
	return clamp(time / 10, 5, 60);
}

uint64_t shape_usable(uint64_t time)
{
	return less(time, reserve_of(time) + clamp(time / 20, 2, 60));
}

/* The least whole minutes in which tasks have so many seconds. */
static uint64_t time_for(uint64_t seconds)
{
	uint64_t time;

	if (seconds > UINT64_MAX / 2) {
		return UINT64_MAX / 2;
	}
	time = most(seconds / MINUTE, 1) * MINUTE;
	while (shape_usable(time) < seconds) {
		time += MINUTE;
	}
	return time;
}

static uint64_t task_time(const struct shape_class *c)
{
	return c->res.time_s ? c->res.time_s : TASK_ASSUMED_S;
}

static const char *origin_or(const char *origin, const char *otherwise)
{
	return origin ? origin : otherwise;
}

/* "1h 30m" */
static char *duration_text(uint64_t seconds)
{
	struct buf b = BUF_INIT;

	if (seconds < MINUTE) {
		buf_printf(&b, "%llus", (unsigned long long)seconds);
	} else {
		text_put_duration(&b, (double)seconds);
	}
	return buf_take(&b);
}

/* A task's time that no element can hold. */
static int time_too_short(const struct shape_class *c, uint64_t time, const char *what,
			  const char *origin, struct err *e)
{
	char *task = duration_text(c->res.time_s), *element = duration_text(time);
	char *usable = duration_text(shape_usable(time));

	err_bad(e,
		"a task's 'time' of %s does not fit into an element: %s of %s (%s) leaves %s for tasks: give "
		"tasks less time, elements more, or 'checkpoint' tasks that can go on later",
		task, what, element, origin, usable);
	free(task);
	free(element);
	free(usable);
	return -1;
}

static int wished_time(const struct shape_class *c, const struct shape_limits *l, bool checkpoints,
		       struct shape *s, struct err *e)
{
	const uint64_t time = c->wish.element_time;
	const char *origin = origin_or(c->wish.time_origin, "submit");

	s->time_by = origin;
	if (time > l->of[LIMIT_TIME]) {
		char *wish = duration_text(time), *limit = duration_text(l->of[LIMIT_TIME]);

		err_bad(e, "'element_time' of %s (%s) is longer than a job may last here: %s (%s)",
			wish, origin, limit, origin_or(l->origin[LIMIT_TIME], "a limit"));
		free(wish);
		free(limit);
		return -1;
	}
	if (shape_usable(time) == 0) {
		return err_bad(
			e,
			"'element_time' of %llus (%s) leaves no time for tasks: give a minute or more",
			(unsigned long long)time, origin);
	}
	if (!checkpoints && c->res.time_s > shape_usable(time)) {
		return time_too_short(c, time, "an 'element_time'", origin, e);
	}
	s->time = time;
	return 0;
}

/* Sets time, and how many tasks a slot can do one after another in it. */
static int find_time(const struct shape_class *c, const struct shape_limits *l, bool checkpoints,
		     struct shape *s, uint64_t *in_slot, struct err *e)
{
	const uint64_t task = task_time(c);
	uint64_t limit;

	if (c->own) {
		l = c->own;
	}
	limit = l->of[LIMIT_TIME];
	s->assumed = c->res.time_s == 0;
	if (c->wish.element_time) {
		if (wished_time(c, l, checkpoints, s, e) < 0) {
			return -1;
		}
		*in_slot = most(shape_usable(s->time) / task, 1);
		return 0;
	}
	*in_slot = most(ELEMENT_S / task, s->assumed ? 1 : 2);
	*in_slot = least(*in_slot, most(ceil_div(c->tasks, s->slots), 1));
	s->time_by = "the scheduler's default: tasks have no time limit";
	if (s->assumed) {
		return 0;
	}
	s->time = time_for(times(*in_slot, task));
	s->time_by = "the tasks' time limit";
	if (s->time > limit) {
		s->time = limit;
		s->time_by = origin_or(l->origin[LIMIT_TIME], "a limit");
		if (!checkpoints && task > shape_usable(limit)) {
			return time_too_short(c, limit, "a wall time", s->time_by, e);
		}
		*in_slot = most(shape_usable(limit) / task, 1);
	}
	return 0;
}

/* ---- elements of one array ---- */

/* The most elements that an array may have. */
static uint64_t array_most(const struct shape_limits *l, const struct template *t,
			   enum limit_kind *by)
{
	const uint64_t index = l->of[LIMIT_INDEX], size = l->of[LIMIT_SIZE];
	uint64_t by_index = NO_LIMIT;

	if (index != NO_LIMIT) {
		by_index = less(index, t->array_first) + (index >= t->array_first);
	}
	*by = by_index <= size ? LIMIT_INDEX : LIMIT_SIZE;
	return most(least(by_index, size), 1); /* one needs no array */
}

static int elements_refused(const struct shape_class *c, uint64_t wish, uint64_t allowed,
			    const char *what, const char *origin, struct err *e)
{
	return err_bad(e, "%llu elements (%s) are too many: at most %llu %s (%s)",
		       (unsigned long long)wish, origin_or(c->wish.elements_origin, "submit"),
		       (unsigned long long)allowed, what, origin_or(origin, "a limit"));
}

static int find_elements(const struct shape_class *c, const struct shape_limits *l,
			 const struct template *t, uint64_t in_slot, struct shape *s, struct err *e)
{
	const uint64_t useful = most(ceil_div(c->tasks, s->slots), 1);
	enum limit_kind by;
	const uint64_t allowed = array_most(l, t, &by);

	if (c->wish.elements) {
		s->elements = least(c->wish.elements, useful);
		s->elements_by = s->elements < c->wish.elements
					 ? "one task for each slot"
					 : origin_or(c->wish.elements_origin, "submit");
		if (s->elements > allowed) {
			return elements_refused(c, s->elements, allowed, "fit into one array",
						l->origin[by], e);
		}
		return 0;
	}
	s->elements = most(ceil_div(useful, most(in_slot / 2, 1)), 1);
	s->elements_by = "the work: each has half of its time to fill";
	if (s->assumed && s->elements < SPREAD) {
		s->elements = least(useful, SPREAD);
		s->elements_by = "tasks without a time limit";
	}
	if (s->elements > ELEMENTS_DEFAULT) {
		s->elements = ELEMENTS_DEFAULT;
		s->elements_by = "the default";
	}
	if (s->elements > allowed) {
		s->elements = allowed;
		s->elements_by = origin_or(l->origin[by], "a limit");
	}
	return 0;
}

/* ---- elements of all arrays ---- */

/* What all arrays together may have. */
struct total {
	uint64_t of;
	const char *what, *by;
};

static void total_lower(struct total *t, uint64_t of, const char *what, const char *by)
{
	if (of < t->of) {
		*t = (struct total){ of, what, origin_or(by, "a limit") };
	}
}

/* What cannot be broken: besides the arrays there is the finaliser. */
static struct total total_hard(const struct shape_limits *l)
{
	struct total t = { CHUNKS_MAX, "fit into all arrays together", "ppgen's own limit" };

	if (l->of[LIMIT_JOBS] != NO_LIMIT) {
		total_lower(&t, most(less(l->of[LIMIT_JOBS], 1), 1),
			    "jobs of all users may be there beside the finaliser",
			    l->origin[LIMIT_JOBS]);
	}
	if (l->of[LIMIT_QUEUED] != NO_LIMIT) {
		total_lower(&t, most(less(l->of[LIMIT_QUEUED], 1), 1),
			    "jobs of yours may be queued beside the finaliser",
			    l->origin[LIMIT_QUEUED]);
	}
	return t;
}

/* What is taken without being told: others need some too, and the finaliser that submits us still
 * runs. */
static struct total total_soft(const struct shape_limits *l)
{
	struct total t = { ELEMENTS_DEFAULT, "", "the default" };

	if (l->of[LIMIT_JOBS] != NO_LIMIT) {
		total_lower(&t, l->of[LIMIT_JOBS] / 2, "", l->origin[LIMIT_JOBS]);
	}
	if (l->of[LIMIT_QUEUED] != NO_LIMIT) {
		total_lower(&t, less(l->of[LIMIT_QUEUED], 2), "", l->origin[LIMIT_QUEUED]);
	}
	return t;
}

/*
 * Divides `budget` among those that want more than their least: each gets its least and a part of
 * what is left in proportion to what it wants beyond. The leasts fit into the budget. Everything
 * here is below 2^32.
 */
static uint64_t share(uint64_t want, uint64_t floor, uint64_t all_wants, uint64_t all_floors,
		      uint64_t budget)
{
	if (all_wants <= budget) {
		return want;
	}
	return floor + (want - floor) * (budget - all_floors) / (all_wants - all_floors);
}

static int share_elements(const struct shape_class *classes, size_t n, const struct shape_limits *l,
			  struct shape *out, struct err *e)
{
	const struct total hard = total_hard(l), soft = total_soft(l);
	uint64_t wished = 0, wanted = 0, free_n = 0, budget;

	for (size_t k = 0; k < n; k++) {
		if (classes[k].wish.elements) {
			/* out[k].elements may be 2^48 where nothing limits it */
			wished = least(wished + least(out[k].elements, NO_LIMIT / 4), NO_LIMIT / 4);
		} else {
			wanted += out[k].elements;
			free_n++;
		}
	}
	if (n > hard.of) {
		return err_bad(
			e,
			"%zu arrays, one for each class of resources, are too many: at most %llu %s (%s): let "
			"tasks share resources, or submit some of them at a time with --only",
			n, (unsigned long long)hard.of, hard.what, hard.by);
	}
	for (size_t k = 0; wished + free_n > hard.of && k < n; k++) {
		if (classes[k].wish.elements) {
			return elements_refused(&classes[k], wished, hard.of - free_n, hard.what,
						hard.by, e);
		}
	}
	budget = clamp(less(soft.of, wished), free_n, hard.of - wished);
	for (size_t k = 0; k < n; k++) {
		uint64_t got;

		if (classes[k].wish.elements) {
			continue;
		}
		got = share(out[k].elements, 1, wanted, free_n, budget);
		if (got < out[k].elements) {
			out[k].elements = got;
			out[k].elements_by = soft.by;
		}
	}
	return 0;
}

/* ---- chunks, throttle ---- */

/*
 * How many chunks a class would have, were there no bound; at least as many as elements. in_slot:
 * tasks that a slot can do one after another. A chunk is then a small part of what an element can
 * do: what is left of one must be looked through again by who takes it over.
 */
static uint64_t chunks_wanted(const struct shape_class *c, const struct shape *s, uint64_t in_slot)
{
	const uint64_t slots = times(s->elements, s->slots);
	const uint64_t even = c->tasks / times(slots, SLOT_CHUNKS);
	const uint64_t whole = c->tasks / times(slots, SLOT_CHUNKS_LEAST);
	const uint64_t enough = CHUNK_S / (s->assumed ? 1 : least(c->res.time_s, CHUNK_S));
	uint64_t chunk = most(even, least(enough, whole));

	if (!s->assumed) {
		chunk = least(chunk, times(in_slot, s->slots) / SLOT_CHUNKS_LEAST);
	}
	return most(least(ceil_div(c->tasks, most(chunk, 1)), CHUNKS_MAX), s->elements);
}

/* The sum of all elements is at most CHUNKS_MAX: so each can have a chunk. */
static void find_chunks(const struct shape_class *classes, size_t n, const uint64_t *in_slot,
			struct shape *out)
{
	uint64_t wants = 0, floors = 0;

	for (size_t k = 0; k < n; k++) {
		wants += chunks_wanted(&classes[k], &out[k], in_slot[k]);
		floors += out[k].elements;
	}
	for (size_t k = 0; k < n; k++) {
		const uint64_t want = chunks_wanted(&classes[k], &out[k], in_slot[k]);
		const uint64_t got = share(want, out[k].elements, wants, floors, CHUNKS_MAX);

		out[k].chunk = most(ceil_div(classes[k].tasks, got), 1);
		out[k].chunks = ceil_div(classes[k].tasks, out[k].chunk);
	}
	for (size_t k = 0; k < n; k++) {
		/* by rounding, fewer chunks than elements may have come out */
		out[k].elements = clamp(out[k].elements, 1, most(out[k].chunks, 1));
	}
}

static void find_throttles(const struct shape_class *classes, size_t n, struct shape *out)
{
	uint64_t elements = 0;

	for (size_t k = 0; k < n; k++) {
		elements += out[k].elements;
	}
	for (size_t k = 0; k < n; k++) {
		const uint64_t running = classes[k].wish.max_running;

		if (running && running < elements) {
			out[k].throttle = most(running * out[k].elements / elements, 1);
		}
		if (out[k].throttle >= out[k].elements) {
			out[k].throttle = 0;
		}
	}
}

int shape_find(const struct shape_class *classes, size_t n, const struct shape_limits *limits,
	       const struct template *t, bool checkpoints, struct shape *out, struct err *e)
{
	uint64_t *in_slot = mem_array(n, sizeof *in_slot);
	int rc = -1;

	for (size_t k = 0; k < n; k++) {
		const struct shape_class *c = &classes[k];
		struct shape *s = &out[k];

		*s = (struct shape){ .slots = most(c->wish.slots, 1) };
		s->slots = resources_alone(&c->res) ? 1 : least(s->slots, most(c->tasks, 1));
		if (find_time(c, limits, checkpoints, s, &in_slot[k], e) < 0 ||
		    find_elements(c, limits, t, in_slot[k], s, e) < 0) {
			goto out;
		}
		s->reserve = s->time ? reserve_of(s->time) : reserve_of(ELEMENT_S);
	}
	if (share_elements(classes, n, limits, out, e) < 0) {
		goto out;
	}
	find_chunks(classes, n, in_slot, out);
	for (size_t k = 0; k < n; k++) {
		if (out[k].elements < t->array_least) {
			out[k].elements = 1;
		}
	}
	find_throttles(classes, n, out);
	rc = 0;
out:
	free(in_slot);
	return rc;
}
