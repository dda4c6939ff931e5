/* SPDX-License-Identifier: MIT */
#include "tests/unit/store_test.h"

#include "base/hash.h"
#include "store/submission.h"

#define FRESH                                            \
	{                                                \
		.attempt = 1, .memory = 1.0, .time = 1.0 \
	}

static struct submission in_folder(const char *dir)
{
	return (struct submission){ .dir = dir };
}

/* Writes, reads back, and compares every task. */
static void assert_round_trip(const char *dir, const struct task_list *l)
{
	const struct submission s = in_folder(dir);
	struct task_list back;
	struct err e = ERR_INIT;

	assert_int_equal(submission_put_tasks(&s, 1, l, &e), 0);
	assert_no_error(&e);
	task_list_load(dir, 1, &back, &e);
	assert_no_error(&e);
	assert_int_equal(back.tasks, l->tasks);
	assert_int_equal(back.n, l->n);
	for (uint64_t i = 0; i < l->tasks; i += 1 + l->tasks / 5000) {
		struct task_run a, b;

		assert_int_equal(task_list_at(l, i, &a), task_list_at(&back, i, &b));
		assert_int_equal(a.attempt, b.attempt);
		assert_int_equal(a.upto, b.upto);
		assert_int_equal(a.tries, b.tries);
		assert_int_equal(a.lost, b.lost);
		assert_true(a.memory == b.memory && a.time == b.time);
	}
	task_list_free(&back);
}

static void test_one_run(void **state)
{
	const struct task_run fresh = FRESH;
	struct task_list l = { .runs = NULL };
	struct task_run past;

	for (uint64_t i = 0; i < 1000000; i++) {
		task_list_add(&l, i, &fresh);
	}
	assert_int_equal(l.n, 1);
	assert_int_equal(l.tasks, 1000000);
	assert_int_equal(task_list_at(&l, 0, &past), 0);
	assert_int_equal(task_list_at(&l, 999999, &past), 999999);
	assert_int_equal(past.first, 999999);
	assert_int_equal(past.count, 1);
	assert_int_equal(past.attempt, 1);
	assert_round_trip(*state, &l);
	task_list_free(&l);
	assert_int_equal(l.tasks, 0);
}

/* Every run of one task alone: the worst that there is. */
static void test_many_runs(void **state)
{
	struct task_list l = { .runs = NULL };
	struct task_run past;

	for (uint64_t i = 0; i < 1000000; i++) {
		struct task_run like = FRESH;

		like.attempt = 1 + (unsigned)(i % 3);
		task_list_add(&l, i * 2, &like);
	}
	assert_int_equal(l.n, 1000000);
	for (uint64_t i = 0; i < 1000000; i += 997) {
		assert_int_equal(task_list_at(&l, i, &past), i * 2);
		assert_int_equal(past.attempt, 1 + i % 3);
	}
	assert_round_trip(*state, &l);
	task_list_free(&l);
}

/* What joins a run, and what begins another. */
static void test_joins(void **state)
{
	static const struct {
		uint64_t index;
		struct task_run past;
		size_t runs; /* then */
	} rows[] = {
		{ 10, FRESH, 1 },
		{ 11, FRESH, 1 },
		{ 13, FRESH, 2 }, /* a gap */
		{ 12, FRESH, 3 }, /* another order */
		{ 13, { .attempt = 2, .memory = 1, .time = 1 }, 4 },
		{ 14, { .attempt = 2, .memory = 1, .time = 1 }, 4 },
		{ 15, { .attempt = 2, .upto = 1, .memory = 1, .time = 1 }, 5 },
		{ 16, { .attempt = 2, .upto = 1, .tries = 1, .memory = 1, .time = 1 }, 6 },
		{ 17,
		  { .attempt = 2, .upto = 1, .tries = 1, .lost = 3, .memory = 1, .time = 1 },
		  7 },
		{ 18,
		  { .attempt = 2, .upto = 1, .tries = 1, .lost = 3, .memory = 2, .time = 1 },
		  8 },
		{ 19, { .attempt = 2, .memory = 2, .time = 1.5 }, 9 },
		{ 20, { .attempt = 2, .memory = 2, .time = 1.5 }, 9 },
	};
	const size_t n = sizeof rows / sizeof *rows;
	struct task_list l = { .runs = NULL };

	for (size_t i = 0; i < n; i++) {
		task_list_add(&l, rows[i].index, &rows[i].past);
		assert_int_equal(l.n, rows[i].runs);
	}
	for (size_t i = 0; i < n; i++) {
		struct task_run past;

		assert_int_equal(task_list_at(&l, i, &past), rows[i].index);
		assert_int_equal(past.attempt, rows[i].past.attempt);
		assert_int_equal(past.lost, rows[i].past.lost);
		assert_true(past.time == rows[i].past.time);
	}
	assert_round_trip(*state, &l);
	task_list_free(&l);
}

static void test_factors(void **state)
{
	struct task_run like = { .attempt = 4000000000u,
				 .upto = 3999999999u,
				 .tries = 4294967295u,
				 .lost = 4294967295u,
				 .memory = 1.1 * 1.1 * 1.1,
				 .time = 1e-300 };
	struct task_list l = { .runs = NULL };

	task_list_add(&l, (UINT64_C(1) << 48) - 1, &like);
	assert_round_trip(*state, &l);
	task_list_free(&l);
}

static char *list_text(const char *dir)
{
	char *path = path_join(dir, "tasks-1.jsonl");
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	file_read(path, &b, 0, &e);
	assert_no_error(&e);
	free(path);
	return buf_take(&b);
}

static void put_list(const char *dir, const char *text, size_t n)
{
	char *path = path_join(dir, "tasks-1.jsonl");
	struct err e = ERR_INIT;

	file_publish(path, text, n, &e);
	assert_no_error(&e);
	free(path);
}

static void assert_refused(const char *dir, const char *message)
{
	struct task_list l;
	struct err e = ERR_INIT;

	assert_int_equal(task_list_load(dir, 1, &l, &e), -1);
	if (!strstr(e.text, message) || !strstr(e.text, "tasks-1.jsonl")) {
		fail_msg("'%s' is not in '%s'", message, e.text);
	}
	assert_int_equal(l.tasks, 0);
}

/* Cut at any byte, or changed at any, a list is refused: it must not run other tasks. */
static void test_damaged(void **state)
{
	const struct submission s = in_folder(*state);
	struct task_list l = { .runs = NULL };
	struct err e = ERR_INIT;
	char *text;
	size_t n;

	for (unsigned i = 0; i < 6; i++) {
		const struct task_run like = { .attempt = 1 + i / 2, .memory = 1, .time = 2 };

		task_list_add(&l, 100 + i, &like);
	}
	assert_int_equal(submission_put_tasks(&s, 1, &l, &e), 0);
	text = list_text(*state);
	n = strlen(text);
	for (size_t cut = 0; cut < n; cut++) {
		put_list(*state, text, cut);
		assert_refused(*state, cut == 0 ? "empty or cut short" : ": ");
	}
	for (size_t at = 0; at < n; at++) {
		struct task_list back;

		text[at] ^= 1;
		put_list(*state, text, n);
		if (task_list_load(*state, 1, &back, NULL) == 0) {
			/* a letter of a key that is not read would be no damage: there is none */
			fail_msg("byte %zu was changed unseen: %s", at, text);
		}
		text[at] ^= 1;
	}
	free(text);
	task_list_free(&l);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "", "empty or cut short" },
		{ "nonsense\n", "line 1" },
		{ "{}\n", "has no 'v'" },
		{ "{\"v\":2,\"tasks\":1,\"runs\":1}\n", "version 2, but this ppgen" },
		{ "{\"v\":1}\n", "how many tasks" },
		{ "{\"v\":1,\"tasks\":1,\"runs\":1,\"crc\":\"00000000\"}\n[0,1,1,0,0,0,1,1]\n",
		  "checksum" },
		{ "{\"v\":1,\"tasks\":1,\"runs\":1,\"crc\":\"00000000\"}\n", "0 tasks and not 1" },
	};
	struct task_list l;
	struct err e = ERR_INIT;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		put_list(*state, rows[i].text, strlen(rows[i].text));
		assert_refused(*state, rows[i].message);
	}
	assert_int_equal(task_list_load(*state, 2, &l, &e), -1);
	assert_non_null(strstr(e.text, "tasks-2.jsonl"));
}

/* Lines that put_run would not write, under a checksum that is right. */
static void test_wrong_runs(void **state)
{
	static const char *const rows[] = {
		"[0,1,1,0,0,0,1]\n",
		"[0,1,1,0,0,0,1,1,1]\n",
		"[0,1.5,1,0,0,0,1,1]\n",
		"[-1,1,1,0,0,0,1,1]\n",
		"[0,0,1,0,0,0,1,1]\n",
		"[0,1,0,0,0,0,1,1]\n",
		"[0,1,1,1,0,0,1,1]\n",
		"[0,1,4294967296,0,0,0,1,1]\n",
		"[0,1,1,0,0,4294967296,1,1]\n",
		"[0,1,1,0,0,0,0,1]\n",
		"[0,1,1,0,0,0,1,-1]\n",
		"[0,1,1,0,0,0,1,1e999]\n",
		"[0,1,1,0,0,0,\"1\",1]\n",
		"[281474976710656,1,1,0,0,0,1,1]\n",
		"[1,281474976710656,1,0,0,0,1,1]\n",
		"[0,281474976710656,1,0,0,0,1,1]\n[0,1,1,0,0,0,1,1]\n",
		"{}\n",
		"[0,1,1,0,0,0,1,1]",
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const uint32_t crc = crc32c(0, rows[i], strlen(rows[i]));
		char *text = mem_printf("{\"v\":1,\"tasks\":1,\"runs\":1,\"crc\":\"%08x\"}\n%s",
					(unsigned)crc, rows[i]);

		put_list(*state, text, strlen(text));
		assert_refused(*state, strchr(rows[i], '\n') && strchr(rows[i], '\n')[1]
					       ? "line 3 is no run of tasks"
					       : "line 2 is no run of tasks");
		free(text);
	}
}

/* Nothing is written that could not be read back. */
static void test_not_written(void **state)
{
	static const struct {
		uint64_t index;
		struct task_run like;
	} rows[] = {
		{ UINT64_C(1) << 48, FRESH },
		{ 1, { .attempt = 0, .memory = 1, .time = 1 } },
		{ 1, { .attempt = 1, .upto = 1, .memory = 1, .time = 1 } },
		{ 1, { .attempt = 1, .memory = 0, .time = 1 } },
		{ 1, { .attempt = 1, .memory = -1, .time = 1 } },
		{ 1, { .attempt = 1, .memory = 1, .time = 1e308 * 10 } },
	};
	const struct submission s = in_folder(*state);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct task_list l = { .runs = NULL };
		struct err e = ERR_INIT;

		task_list_add(&l, rows[i].index, &rows[i].like);
		assert_int_equal(submission_put_tasks(&s, 1, &l, &e), -1);
		assert_non_null(strstr(e.text, "out of range"));
		task_list_free(&l);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_run),     TEST(test_many_runs),  TEST(test_joins),
		TEST(test_factors),     TEST(test_damaged),    TEST(test_refused),
		TEST(test_not_written), TEST(test_wrong_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
