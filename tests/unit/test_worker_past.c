/* SPDX-License-Identifier: MIT */
/* What an element makes of what earlier holders of its chunks did. */
#include <sys/stat.h>

#include "tests/unit/worker_test.h"

/* ---- what earlier holders did ---- */

struct did { /* an attempt of task 1 of chunk 0 */
	enum record_kind kind;
	unsigned attempt;
	enum outcome outcome;
	bool saved, other_code;
};

static void put_did(struct journal *j, const struct plan *p, const struct did *d)
{
	struct buf b = BUF_INIT;
	char id[2 * TASK_ID_SIZE + 1];
	struct err e = ERR_INIT;

	hex_id(p, 1, id);
	buf_printf(&b, "{\"k\":\"%s\",\"id\":\"%s\",\"i\":1,\"plan\":%u,\"att\":%u",
		   d->kind == RECORD_START ? "start" : "end", id, p->number, d->attempt);
	if (d->kind == RECORD_END) {
		buf_printf(&b, ",\"out\":\"%s\",\"code\":\"%s\",\"rh\":\"%s\"%s",
			   outcome_names[d->outcome], d->other_code ? OTHER : p->code, p->results,
			   d->saved ? ",\"ckpt\":true" : "");
	}
	assert_int_equal(journal_append(j, b.data, b.len, &e), 0);
	buf_free(&b);
}

/* An earlier holder of chunk 0 that did this by the plan's code, freed it, and is gone. */
static void hold_before(const struct world *w, const struct plan *plan, const struct did *did,
			size_t n)
{
	struct err e = ERR_INIT;
	struct journal *j = journal_create(w->rundir, w->plan->number, "", &e);
	struct claims *c;
	struct claim_holder *h;
	unsigned run;
	uint64_t chunk;
	size_t n_holders;

	assert_no_error(&e);
	c = claims_open(w->rundir, 1, 1, 3, 3, 1, j, "", &run, &e);
	assert_no_error(&e);
	assert_int_equal(claims_next(c, &chunk, &h, &n_holders, &e), 1);
	for (size_t i = 0; i < n; i++) {
		put_did(j, plan, &did[i]);
	}
	assert_int_equal(claims_release(c, chunk, &e), 0);
	claim_holders_free(h, n_holders);
	claims_close(c);
	assert_int_equal(journal_close(j, &e), 0);
}

#define BEGAN(a)                         \
	{                                \
		RECORD_START, a, 0, 0, 0 \
	}
#define ENDED(a, o)                              \
	{                                        \
		RECORD_END, a, OUTCOME_##o, 0, 0 \
	}

static const struct did_row {
	const char *name;
	struct did did[8];
	size_t n;
	struct task_run past;
	bool given;
	unsigned attempt, tries;
	double memory, time;
} did_rows[] = {
#define PAST                                         \
	{                                            \
		.attempt = 1, .memory = 1, .time = 1 \
	}
	{ "nothing", { BEGAN(1) }, 0, PAST, true, 1, 0, 1, 1 },
	{ "good", { BEGAN(1), ENDED(1, OK) }, 2, PAST, false, 0, 0, 0, 0 },
	{ "good by other code",
	  { BEGAN(1), { RECORD_END, 1, OUTCOME_OK, 0, true } },
	  2,
	  PAST,
	  true,
	  2,
	  0,
	  1,
	  1 },
	{ "lost with its holder", { BEGAN(1) }, 1, PAST, true, 2, 0, 1, 1 },
	{ "interrupted", { BEGAN(1), ENDED(1, INTERRUPTED) }, 2, PAST, true, 2, 0, 1, 1 },
	{ "failed once of three", { BEGAN(1), ENDED(1, EXIT) }, 2, PAST, true, 2, 1, 1, 1 },
	{ "failed by what is not retried",
	  { BEGAN(1), ENDED(1, INVALID) },
	  2,
	  PAST,
	  false,
	  0,
	  0,
	  0,
	  0 },
	{ "not started", { BEGAN(1), ENDED(1, NOT_STARTED) }, 2, PAST, false, 0, 0, 0, 0 },
	{ "failed three times",
	  { BEGAN(1), ENDED(1, EXIT), BEGAN(2), ENDED(2, SIGNAL), BEGAN(3), ENDED(3, EXIT) },
	  6,
	  PAST,
	  false,
	  0,
	  0,
	  0,
	  0 },
	{ "failed, then good",
	  { BEGAN(1), ENDED(1, EXIT), BEGAN(2), ENDED(2, OK) },
	  4,
	  PAST,
	  false,
	  0,
	  0,
	  0,
	  0 },
	{ "failed in another round",
	  { BEGAN(3), ENDED(3, EXIT) },
	  2,
	  { .attempt = 3, .tries = 2, .memory = 1, .time = 1 },
	  false,
	  0,
	  0,
	  0,
	  0 },
	{ "out of memory", { BEGAN(1), ENDED(1, OOM) }, 2, PAST, true, 2, 1, 2, 1 },
	{ "out of memory, twice what there is",
	  { BEGAN(1), ENDED(1, OOM), BEGAN(2), ENDED(2, OOM) },
	  4,
	  PAST,
	  false,
	  0,
	  0,
	  0,
	  0 },
	{ "timed out", { BEGAN(1), ENDED(1, TIMEOUT) }, 2, PAST, true, 2, 1, 1, 3 },
	{ "timed out, and there is no such time",
	  { BEGAN(1), ENDED(1, TIMEOUT), BEGAN(2), ENDED(2, TIMEOUT) },
	  4,
	  PAST,
	  false,
	  0,
	  0,
	  0,
	  0 },
	{ "factors of another round",
	  { BEGAN(4), ENDED(4, OOM) },
	  2,
	  { .attempt = 4, .memory = 8, .time = 9 },
	  true,
	  5,
	  1,
	  16,
	  9 },
	{ "cut off three times",
	  { BEGAN(1), ENDED(1, INTERRUPTED), BEGAN(2), BEGAN(3) },
	  4,
	  PAST,
	  false,
	  0,
	  0,
	  0,
	  0 },
	{ "cut off a third time",
	  { BEGAN(5) },
	  1,
	  { .attempt = 5, .lost = 2, .memory = 1, .time = 1 },
	  false,
	  0,
	  0,
	  0,
	  0 },
	{ "cut off, but it had saved its work",
	  { BEGAN(5), { RECORD_END, 5, OUTCOME_INTERRUPTED, true, false } },
	  2,
	  { .attempt = 5, .lost = 2, .memory = 1, .time = 1 },
	  true,
	  6,
	  0,
	  1,
	  1 },
	{ "highest attempt", { BEGAN(7), ENDED(7, EXIT), BEGAN(3) }, 3, PAST, true, 8, 1, 1, 1 },
};

static void check_did(const char *dir, const struct did_row *row)
{
	struct site_of_test site = ordinary;
	struct err e = ERR_INIT;
	struct world w;
	struct worker_options o;
	struct capacity c = { .cpus = 1, .memory = 2 << 20 };
	struct worker_source s = { .capacity = &c };
	struct journal *j;
	unsigned run, attempt, upto, tries;
	uint64_t index, given = 0;
	double memory, time;
	bool found = false;

	site.past = row->past;
	site.chunk = 4;
	world_begin(&w, dir,
		    "params: {x: [0, 1, 2, 3]}\ncommand: echo\n"
		    "resources: {memory: 1M, time: 100s}\n"
		    "retry: {times: 2, on: [exit, signal, timeout, oom], memory: x2, time: x3}\n",
		    &site);
	hold_before(&w, w.plan, row->did, row->n);
	o = element_of(&w, 1);
	s.o = &o;
	s.array = &w.submission.arrays[0];
	s.end = proc_monotonic() + 400;
	assert_int_equal(task_list_load(w.submission.dir, 1, &s.tasks, &e), 0);
	j = journal_create(w.rundir, 1, "", &e);
	s.claims = claims_open(w.rundir, 1, 1, 1, 3, 1, j, "", &run, &e);
	assert_no_error(&e);
	while (source_next(&s, &index, &attempt, &upto, &e) == 1) {
		given++;
		source_past(&s, &tries, &memory, &time);
		if (index != 1) {
			assert_int_equal(attempt, row->past.attempt);
			assert_int_equal(tries, row->past.tries);
			assert_true(memory == row->past.memory && time == row->past.time);
			continue;
		}
		found = true;
		assert_int_equal(attempt, row->attempt);
		assert_int_equal(tries, row->tries);
		assert_true(memory == row->memory && time == row->time);
	}
	assert_no_error(&e);
	if (found != row->given || given != (row->given ? 4 : 3)) {
		fail_msg("%s: %d, %u given", row->name, found, (unsigned)given);
	}
	source_close(&s);
	claims_close(s.claims);
	assert_int_equal(journal_close(j, &e), 0);
	world_end(&w);
}

static void test_earlier_holders(void **state)
{
	for (size_t i = 0; i < sizeof did_rows / sizeof *did_rows; i++) {
		char *dir = mem_printf("%s/%zu", (char *)*state, i);

		check_did(dir, &did_rows[i]);
		free(dir);
	}
}

/* Where each task has an input of its own, what was made from the same one counts, and from another
 * one not. */
static void test_own_inputs(void **state)
{
	for (int other = 0; other < 3; other++) {
		struct did did[] = { BEGAN(1), ENDED(1, OK) };
		struct site_of_test site = ordinary;
		struct worker_report rep;
		struct plan of_task;
		struct point pt;
		struct world w;
		char *dir = mem_printf("%s/%d", (const char *)*state, other), *spec;

		assert_int_equal(mkdir(dir, 0755), 0);
		for (char x = '0'; x < '2'; x++) {
			char *path = mem_printf("%s/%c.in", dir, x);

			assert_int_equal(file_publish(path, &x, 1, NULL), 0);
			free(path);
		}
		spec = mem_printf("params: {x: [0, 1]}\ncommand: echo {x}\n"
				  "inputs: {data: '%s/{x}.in'}\n",
				  dir);
		site.chunk = 2;
		world_begin(&w, dir, spec, &site);
		assert_true(w.plan->per_task_inputs);
		of_task = *w.plan;
		point_init(&pt, w.plan->spec->space);
		space_point(w.plan->spec->space, (uint64_t)!other, &pt);
		assert_int_equal(plan_task_code(w.plan, &pt, of_task.code, NULL), 0);
		point_free(&pt);
		hold_before(&w, &of_task, did, 2);
		if (other == 2) { /* a plan that has lost what it knew of its inputs */
			const size_t n = w.plan->n_files;
			const struct worker_options o = element_of(&w, 1);
			struct err e = ERR_INIT;

			w.plan->n_files = 0;
			assert_int_equal(run_options(&w, &o, &rep, &e), -1);
			assert_non_null(strstr(e.text, "was not there when plan 1 was made"));
			assert_int_equal(rep.sum.attempts, 0);
			w.plan->n_files = n;
		} else {
			rep = run_element(&w, 1);
			assert_int_equal(rep.sum.ok, other ? 2 : 1);
		}
		free(spec);
		free(dir);
		world_end(&w);
	}
}

/* The raised limit reaches the task. */
static void test_raised(void **state)
{
	static const struct did did[] = { BEGAN(1), ENDED(1, TIMEOUT) };
	struct site_of_test site = ordinary;
	struct world w;
	struct worker_report rep;
	struct ends x;

	site.chunk = 2;
	world_begin(&w, *state,
		    "params: {x: [0, 1]}\ncommand: echo {x}\nresources: {time: 100s}\n"
		    "retry: {times: 1, time: x3}\n",
		    &site);
	hold_before(&w, w.plan, did, 2);
	rep = run_element(&w, 1);
	assert_int_equal(rep.sum.ok, 2);
	x = read_ends(&w);
	assert_int_equal(x.highest[1], 2);
	assert_non_null(strstr(x.start, "\"i\":1,"));
	assert_non_null(strstr(x.start, "\"limit\":300"));
	free(x.start);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_earlier_holders),
		TEST(test_own_inputs),
		TEST(test_raised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
