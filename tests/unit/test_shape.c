/* SPDX-License-Identifier: MIT */
/* The shape of arrays: what follows from the tasks, what wishes and limits do to it, and what holds
 * whatever the input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gen/shape.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define NONE     UINT64_MAX
#define HOUR     3600u
#define CLASSES  4
#define M        UINT64_C(1000000)
#define MOST     (UINT64_C(1) << 48)
#define FULL     (62 * 60) /* an hour of tasks */

static const struct template from_0 = { .array_first = 0, .array_least = 1 };
static const struct template from_1 = { .array_first = 1, .array_least = 1 };
static const struct template no_ones = { .array_first = 0, .array_least = 2 };
static const struct template no_twos = { .array_first = 0, .array_least = 3 };

static struct shape_limits no_limits(void)
{
	struct shape_limits l;

	for (int k = 0; k < LIMIT_COUNT; k++) {
		l.of[k] = NONE;
		l.origin[k] = "somewhere";
	}
	return l;
}

/* A limit: its kind plus 1 (0: none), and how much. */
struct lim {
	int kind;
	uint64_t of;
};
#define INDEX  (LIMIT_INDEX + 1)
#define SIZE   (LIMIT_SIZE + 1)
#define JOBS   (LIMIT_JOBS + 1)
#define QUEUED (LIMIT_QUEUED + 1)
#define TIME   (LIMIT_TIME + 1)

static struct shape_limits limits_of(const struct lim *given, size_t n)
{
	struct shape_limits l = no_limits();

	for (size_t k = 0; k < n; k++) {
		if (given[k].kind) {
			l.of[given[k].kind - 1] = given[k].of;
		}
	}
	return l;
}

/* ---- one class ---- */

static void test_one(void **state)
{
	static const struct {
		uint64_t tasks, time;
		struct shape_wish wish;
		struct lim limits[2];
		const struct template *t; /* NULL: from_0 */
		uint64_t slots, elements, element_time, chunk, throttle;
	} rows[] = {
		/* small sweeps ask for little time: 4 minutes of tasks, 2 elements for them */
		{ 4, 60, { 0 }, { { 0 } }, NULL, 1, 2, 300, 1, 0 },
		{ 1, 60, { 0 }, { { 0 } }, NULL, 1, 1, 120, 1, 0 },
		{ 1, 10, { 0 }, { { 0 } }, NULL, 1, 1, 60, 1, 0 },
		/* an hour of tasks, half of it filled */
		{ 1000, 60, { 0 }, { { 0 } }, NULL, 1, 34, FULL, 3, 0 },
		{ 1000, 60, { .slots = 4 }, { { 0 } }, NULL, 4, 9, FULL, 3, 0 },
		/* two long tasks */
		{ 100, 4 * HOUR, { 0 }, { { 0 } }, NULL, 1, 100, 8 * HOUR + 120, 1, 0 },
		{ 1, 4 * HOUR, { 0 }, { { 0 } }, NULL, 1, 1, 4 * HOUR + 120, 1, 0 },
		/* no more slots than tasks */
		{ 3, 60, { .slots = 8 }, { { 0 } }, NULL, 3, 1, 120, 1, 0 },
		/* without a time limit none is asked for, and few tasks are spread */
		{ 6, 0, { 0 }, { { 0 } }, NULL, 1, 6, 0, 1, 0 },
		{ 600, 0, { 0 }, { { 0 } }, NULL, 1, 10, 0, 15, 0 },
		{ 10000, 0, { 0 }, { { 0 } }, NULL, 1, 167, 0, 14, 0 },
		{ 6000, 0, { .element_time = 2 * HOUR }, { { 0 } }, NULL, 1, 51, 2 * HOUR, 29, 0 },
		/* many: the default's end, and chunks by their bound */
		{ M * 1000, 60, { 0 }, { { 0 } }, NULL, 1, 1000, FULL, 50000, 0 },
		{ MOST, 1, { 0 }, { { 0 } }, NULL, 1, 1000, FULL, MOST / 20000 + 1, 0 },
		/* wishes */
		{ 1000, 60, { .elements = 1000 }, { { 0 } }, NULL, 1, 1000, FULL, 1, 0 },
		{ 1000, 60, { .elements = 5000 }, { { 0 } }, NULL, 1, 1000, FULL, 1, 0 },
		{ 1000,
		  60,
		  { .elements = 50, .max_running = 7 },
		  { { 0 } },
		  NULL,
		  1,
		  50,
		  FULL,
		  2,
		  7 },
		{ 1000,
		  60,
		  { .elements = 5, .max_running = 7 },
		  { { 0 } },
		  NULL,
		  1,
		  5,
		  FULL,
		  15,
		  0 },
		{ 10, 60, { .element_time = 4 * HOUR }, { { 0 } }, NULL, 1, 1, 4 * HOUR, 1, 0 },
		/* limits */
		{ M, 60, { 0 }, { { INDEX, 100 } }, NULL, 1, 101, FULL, 50, 0 },
		{ M, 60, { 0 }, { { INDEX, 100 } }, &from_1, 1, 100, FULL, 50, 0 },
		{ M, 60, { 0 }, { { INDEX, 0 } }, &from_1, 1, 1, FULL, 50, 0 },
		{ M, 60, { 0 }, { { SIZE, 80 }, { INDEX, 100 } }, NULL, 1, 80, FULL, 50, 0 },
		{ M, 60, { 0 }, { { JOBS, 81 } }, NULL, 1, 40, FULL, 50, 0 },
		{ M, 60, { 0 }, { { QUEUED, 42 } }, NULL, 1, 40, FULL, 50, 0 },
		{ M, 60, { .elements = 41 }, { { QUEUED, 42 } }, NULL, 1, 41, FULL, 50, 0 },
		{ M, 60, { 0 }, { { QUEUED, 1 } }, NULL, 1, 1, FULL, 50, 0 },
		{ 1000, 60, { 0 }, { { TIME, 600 } }, NULL, 1, 250, 600, 1, 0 },
		{ 1000, 60, { .elements = 5000 }, { { SIZE, 2000 } }, NULL, 1, 1000, FULL, 1, 0 },
		/* too few for an array */
		{ 1, 60, { 0 }, { { 0 } }, &no_ones, 1, 1, 120, 1, 0 },
		{ 4, 60, { 0 }, { { 0 } }, &no_ones, 1, 2, 300, 1, 0 },
		{ 4, 60, { 0 }, { { 0 } }, &no_twos, 1, 1, 300, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct shape_class c = { .res = { .cpus = 1, .time_s = rows[i].time },
					       .tasks = rows[i].tasks,
					       .wish = rows[i].wish };
		const struct shape_limits l = limits_of(rows[i].limits, 2);
		struct err e = ERR_INIT;
		struct shape s;

		if (shape_find(&c, 1, &l, rows[i].t ? rows[i].t : &from_0, false, &s, &e) < 0) {
			fail_msg("row %zu: %s", i, e.text);
		}
		if (s.slots != rows[i].slots || s.elements != rows[i].elements ||
		    s.time != rows[i].element_time || s.chunk != rows[i].chunk ||
		    s.throttle != rows[i].throttle) {
			fail_msg(
				"row %zu: slots %llu, elements %llu, time %llu, chunk %llu, throttle %llu",
				i, (unsigned long long)s.slots, (unsigned long long)s.elements,
				(unsigned long long)s.time, (unsigned long long)s.chunk,
				(unsigned long long)s.throttle);
		}
		assert_int_equal(s.assumed, rows[i].time == 0);
		assert_non_null(s.elements_by);
		assert_non_null(s.time_by);
	}
}

/* Who decided is told. */
static void test_by(void **state)
{
	static const struct {
		struct shape_wish wish;
		uint64_t tasks, time;
		struct lim limit;
		const char *elements_by, *time_by;
	} rows[] = {
		{ { 0 }, 100, 60, { 0 }, "the work", "the tasks' time limit" },
		{ { 0 }, 4, 0, { 0 }, "tasks without a time limit", "the scheduler's default" },
		{ { .elements = 3, .elements_origin = "spec.yaml:9" },
		  100,
		  60,
		  { 0 },
		  "spec.yaml:9",
		  "the tasks' time limit" },
		{ { .elements = 300, .elements_origin = "spec.yaml:9" },
		  100,
		  60,
		  { 0 },
		  "one task for each slot",
		  "the tasks' time limit" },
		{ { .element_time = 600, .time_origin = "site:3" },
		  100,
		  60,
		  { 0 },
		  "the work",
		  "site:3" },
		{ { 0 }, 100, 60, { TIME, 300 }, "the work", "somewhere" },
		{ { 0 }, M, 60, { INDEX, 30 }, "somewhere", "the tasks' time limit" },
		{ { 0 }, M, 60, { JOBS, 30 }, "somewhere", "the tasks' time limit" },
		{ { 0 }, M, 60, { 0 }, "the default", "the tasks' time limit" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct shape_class c = { .res = { .cpus = 1, .time_s = rows[i].time },
					       .tasks = rows[i].tasks,
					       .wish = rows[i].wish };
		const struct shape_limits l = limits_of(&rows[i].limit, 1);
		struct err e = ERR_INIT;
		struct shape s;

		assert_int_equal(shape_find(&c, 1, &l, &from_0, false, &s, &e), 0);
		if (!strstr(s.elements_by, rows[i].elements_by) ||
		    !strstr(s.time_by, rows[i].time_by)) {
			fail_msg("row %zu: by '%s' and '%s'", i, s.elements_by, s.time_by);
		}
	}
}

static void test_refused(void **state)
{
	static const struct {
		uint64_t tasks, time;
		struct shape_wish wish;
		struct lim limit;
		const char *message;
	} rows[] = {
		{ 9000,
		  60,
		  { .elements = 5000, .elements_origin = "spec.yaml:12" },
		  { INDEX, 1000 },
		  "5000 elements (spec.yaml:12) are too many: at most 1001 fit into one array (somewhere)" },
		{ 9000,
		  60,
		  { .elements = 5000, .elements_origin = "spec.yaml:12" },
		  { SIZE, 1000 },
		  "at most 1000 fit into one array (somewhere)" },
		{ 9000,
		  60,
		  { .elements = 5000 },
		  { JOBS, 1000 },
		  "5000 elements (submit) are too many: at most 999 jobs of all users" },
		{ 9000, 60, { .elements = 5000 }, { QUEUED, 1000 }, "at most 999 jobs of yours" },
		{ 90000, 60, { .elements = 50000 }, { 0 }, "at most 20000 fit into all arrays" },
		{ UINT64_MAX, 60, { .elements = UINT64_MAX }, { 0 }, "at most 20000 fit into all" },
		{ 10,
		  60,
		  { .element_time = 7200, .time_origin = "spec.yaml:3" },
		  { TIME, 3600 },
		  "'element_time' of 2h 00m (spec.yaml:3) is longer than a job may last here: 1h 00m (somewhere)" },
		{ 10,
		  600,
		  { .element_time = 600, .time_origin = "spec.yaml:3" },
		  { 0 },
		  "a task's 'time' of 10m 00s does not fit into an element: an 'element_time' of 10m 00s "
		  "(spec.yaml:3) leaves 8m 30s for tasks" },
		{ 10, 3600, { 0 }, { TIME, 3600 }, "a wall time of 1h 00m (somewhere) leaves 58m" },
		{ 10,
		  0,
		  { .element_time = 5 },
		  { 0 },
		  "'element_time' of 5s (submit) leaves no time" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct shape_class c = { .res = { .cpus = 1, .time_s = rows[i].time },
					       .tasks = rows[i].tasks,
					       .wish = rows[i].wish };
		const struct shape_limits l = limits_of(&rows[i].limit, 1);
		struct err e = ERR_INIT;
		struct shape s;

		assert_int_equal(shape_find(&c, 1, &l, &from_0, false, &s, &e), -1);
		assert_int_equal(e.kind, ERR_BAD);
		if (!strstr(e.text, rows[i].message)) {
			fail_msg("row %zu: %s", i, e.text);
		}
	}
}

/* What can go on from a checkpoint may be longer than an element. */
static void test_checkpoints(void **state)
{
	const struct shape_class c = { .res = { .cpus = 1, .time_s = 10 * HOUR }, .tasks = 8 };
	struct shape_class wished = c;
	struct shape_limits l = no_limits();
	struct err e = ERR_INIT;
	struct shape s;

	(void)state;
	l.of[LIMIT_TIME] = HOUR;
	assert_int_equal(shape_find(&c, 1, &l, &from_0, false, &s, &e), -1);
	err_clear(&e);
	assert_int_equal(shape_find(&c, 1, &l, &from_0, true, &s, &e), 0);
	assert_int_equal(s.time, HOUR);
	assert_int_equal(s.elements, 8);
	wished.wish.element_time = 600;
	assert_int_equal(shape_find(&wished, 1, &l, &from_0, true, &s, &e), 0);
	assert_int_equal(s.time, 600);
	assert_int_equal(s.reserve, 60);
}

/* An MPI task has its element to itself. */
static void test_alone(void **state)
{
	const struct shape_class c = {
		.res = { .cpus = 1,
			 .time_s = 60,
			 .nodes = 2,
			 .ranks = 8,
			 .set = RES_NODES | RES_RANKS },
		.tasks = 100,
		.wish = { .slots = 4 },
	};
	const struct shape_limits l = no_limits();
	struct err e = ERR_INIT;
	struct shape s;

	(void)state;
	assert_int_equal(shape_find(&c, 1, &l, &from_0, false, &s, &e), 0);
	assert_int_equal(s.slots, 1);
}

/* ---- several classes ---- */

static void test_shared(void **state)
{
	struct shape_class c[3] = {
		{ .res = { .cpus = 1, .time_s = 60 }, .tasks = M },
		{ .res = { .cpus = 2, .time_s = 60 }, .tasks = 9000 },
		{ .res = { .cpus = 4, .time_s = 60 }, .tasks = 3 },
	};
	struct shape_limits l = no_limits();
	struct err e = ERR_INIT;
	struct shape s[3];

	(void)state;
	/* 1000 and 300 and 2 are wanted, 1000 are free */
	assert_int_equal(shape_find(c, 3, &l, &from_0, false, s, &e), 0);
	assert_in_range(s[0].elements, 760, 770);
	assert_in_range(s[1].elements, 228, 232);
	assert_in_range(s[2].elements, 1, 2);
	assert_true(s[0].elements + s[1].elements + s[2].elements <= 1000);
	/* what is wished is taken first */
	c[0].wish.elements = 900;
	assert_int_equal(shape_find(c, 3, &l, &from_0, false, s, &e), 0);
	assert_int_equal(s[0].elements, 900);
	assert_true(s[1].elements + s[2].elements <= 100);
	/* each has at least one, whatever is wished */
	c[0].wish.elements = 1500;
	assert_int_equal(shape_find(c, 3, &l, &from_0, false, s, &e), 0);
	assert_int_equal(s[0].elements, 1500);
	assert_int_equal(s[1].elements, 1);
	/* max_running is for all */
	for (int k = 0; k < 3; k++) {
		c[k].wish = (struct shape_wish){ .max_running = 100 };
	}
	assert_int_equal(shape_find(c, 3, &l, &from_0, false, s, &e), 0);
	assert_in_range(s[0].throttle, 75, 77);
	assert_in_range(s[1].throttle, 22, 24);
	assert_true(s[2].throttle <= 1);
	/* three arrays and a finaliser */
	l.of[LIMIT_QUEUED] = 4;
	assert_int_equal(shape_find(c, 3, &l, &from_0, false, s, &e), 0);
	for (int k = 0; k < 3; k++) {
		assert_int_equal(s[k].elements, 1);
	}
	l.of[LIMIT_QUEUED] = 3;
	assert_int_equal(shape_find(c, 3, &l, &from_0, false, s, &e), -1);
	assert_non_null(strstr(
		e.text, "3 arrays, one for each class of resources, are too many: at most 2"));
	err_clear(&e);
	c[1].wish.elements = 9;
	l.of[LIMIT_QUEUED] = 11;
	assert_int_equal(shape_find(c, 3, &l, &from_0, false, s, &e), -1);
	assert_non_null(
		strstr(e.text, "9 elements (submit) are too many: at most 8 jobs of yours"));
}

/* A generator of our own: the same everywhere. */
static uint64_t chance(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 11;
}

/* 0 (not said) once in two, else of any size up to 2^bits. */
static uint64_t any(uint64_t *seed, unsigned bits)
{
	const unsigned shift = 53 - (unsigned)(chance(seed) % bits + 1);

	return chance(seed) % 2 ? 0 : chance(seed) >> shift;
}

static void check_one(const struct shape_class *c, const struct shape *s,
		      const struct shape_limits *l, const struct template *t, bool checkpoints)
{
	assert_true(s->elements >= 1 && s->slots >= 1 && s->chunk >= 1);
	assert_true(s->elements == 1 || s->elements >= t->array_least);
	if (s->elements > 1) { /* else it may be a single job, which has no index */
		assert_true(l->of[LIMIT_INDEX] == NONE ||
			    t->array_first + s->elements - 1 <= l->of[LIMIT_INDEX]);
		assert_true(s->elements <= l->of[LIMIT_SIZE]);
	}
	assert_true(s->chunks == c->tasks / s->chunk + (c->tasks % s->chunk != 0));
	assert_true(s->elements <= (s->chunks ? s->chunks : 1));
	assert_true(s->slots <= (c->tasks ? c->tasks : 1));
	assert_true(s->time <= l->of[LIMIT_TIME]);
	assert_true(!c->wish.element_time || s->time == c->wish.element_time);
	assert_true(!c->wish.elements || s->elements <= c->wish.elements);
	assert_true(s->reserve >= 5 && s->reserve <= 60);
	assert_true(s->throttle < s->elements);
	if (s->time && c->res.time_s && !checkpoints) {
		assert_true(c->res.time_s <= shape_usable(s->time));
	}
	assert_true((s->time > 0) == (c->res.time_s > 0 || c->wish.element_time > 0));
}

static void test_properties(void **state)
{
	static const struct template *const templates[] = { &from_0, &from_1, &no_ones, &no_twos };
	uint64_t seed = 20240601, refused = 0, shaped = 0;

	(void)state;
	for (int turn = 0; turn < 200000; turn++) {
		const struct template *t = templates[chance(&seed) % COUNT(templates)];
		const size_t n = chance(&seed) % CLASSES + 1;
		const bool checkpoints = chance(&seed) % 2;
		struct shape_limits l = no_limits();
		struct shape_class c[CLASSES];
		struct shape s[CLASSES];
		struct err e = ERR_INIT;
		uint64_t elements = 0, chunks = 0;

		for (int k = 0; k < LIMIT_COUNT; k++) {
			const uint64_t x = any(&seed, k == LIMIT_TIME ? 20 : 16);

			l.of[k] = x ? x : NONE;
		}
		for (size_t k = 0; k < n; k++) {
			c[k] = (struct shape_class){
				.res = { .cpus = 1, .time_s = any(&seed, 18) },
				.tasks = any(&seed, 49) + 1,
				.wish = { .slots = any(&seed, 8), .max_running = any(&seed, 12) },
			};
			if (chance(&seed) % 4 == 0) {
				c[k].wish.elements = any(&seed, 14);
				c[k].wish.element_time = any(&seed, 20);
			}
		}
		if (shape_find(c, n, &l, t, checkpoints, s, &e) < 0) {
			assert_true(err_is(&e) && e.kind == ERR_BAD);
			refused++;
			continue;
		}
		shaped++;
		for (size_t k = 0; k < n; k++) {
			check_one(&c[k], &s[k], &l, t, checkpoints);
			elements += s[k].elements;
			chunks += s[k].chunks;
		}
		assert_true(chunks <= CHUNKS_MAX);
		assert_true(elements + 1 <= l.of[LIMIT_QUEUED] || elements == 1);
		assert_true(elements + 1 <= l.of[LIMIT_JOBS] || elements == 1);
	}
	/* both sides were seen */
	assert_true(refused > 10000 && shaped > 50000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),        cmocka_unit_test(test_by),
		cmocka_unit_test(test_refused),    cmocka_unit_test(test_checkpoints),
		cmocka_unit_test(test_alone),      cmocka_unit_test(test_shared),
		cmocka_unit_test(test_properties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
