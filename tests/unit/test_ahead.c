/* SPDX-License-Identifier: MIT */
/* Work that is done ahead comes in its order, whoever made it. */
#include "tests/unit/store_test.h"

#include <stdatomic.h>

#include "base/ahead.h"

struct work {
	atomic_uint slots, made; /* how many there are, or were */
	uint64_t taken;
	uint64_t stop_at; /* UINT64_MAX: never */
	unsigned most_ahead;
};

struct slot {
	struct work *w;
	uint64_t job, result;
};

static void *slot_new(void *arg)
{
	struct slot *s = mem_alloc(sizeof *s);

	s->w = arg;
	atomic_fetch_add(&s->w->slots, 1);
	return s;
}

static void slot_free(void *slot)
{
	struct slot *s = slot;

	atomic_fetch_sub(&s->w->slots, 1);
	free(s);
}

/* Takes longer for some jobs than for others, so that they become ready out of order. */
static void make(void *arg, uint64_t job, void *slot)
{
	struct work *w = arg;
	struct slot *s = slot;
	uint64_t x = job;

	for (uint64_t i = 0; i < (job % 7) * 2000; i++) {
		x = x * 6364136223846793005u + 1;
	}
	s->job = job;
	s->result = x;
	atomic_fetch_add(&w->made, 1);
}

static int take(void *arg, uint64_t job, void *slot)
{
	struct work *w = arg;
	const struct slot *s = slot;
	struct slot again = { w, 0, 0 };
	const unsigned ahead = atomic_load(&w->made) - (unsigned)w->taken;

	assert_int_equal(job, w->taken);
	assert_int_equal(s->job, job);
	make(&(struct work){ .stop_at = 0 }, job, &again);
	assert_int_equal(s->result, again.result);
	w->taken++;
	w->most_ahead = ahead > w->most_ahead ? ahead : w->most_ahead;
	return w->taken == w->stop_at ? 42 : 0;
}

static const struct ahead steps = { slot_new, slot_free, make, take };

static void test_order(void **state)
{
	static const uint64_t jobs[] = { 0, 1, 2, 5, 1000 };

	(void)state;
	for (unsigned threads = 1; threads <= 6; threads++) {
		for (size_t k = 0; k < sizeof jobs / sizeof *jobs; k++) {
			struct work w = { .stop_at = UINT64_MAX };

			assert_int_equal(ahead_run(&steps, &w, jobs[k], threads), 0);
			assert_int_equal(w.taken, jobs[k]);
			assert_int_equal(w.made, jobs[k]);
			assert_int_equal(w.slots, 0);
			assert_true(w.most_ahead <= threads * 3);
		}
	}
}

static void test_stopped(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 4; threads++) {
		for (uint64_t at = 1; at <= 30; at++) {
			struct work w = { .stop_at = at };

			assert_int_equal(ahead_run(&steps, &w, 100, threads), 42);
			assert_int_equal(w.taken, at);
			assert_int_equal(w.slots, 0);
			assert_true(w.made <= at + threads * 3);
		}
	}
}

static void test_threads(void **state)
{
	(void)state;
	assert_int_equal(ahead_threads(1), 1);
	assert_true(ahead_threads(3) >= 1 && ahead_threads(3) <= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_order),
					    cmocka_unit_test(test_stopped),
					    cmocka_unit_test(test_threads) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
