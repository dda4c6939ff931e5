/* SPDX-License-Identifier: MIT */
/* What an element may use. */
#include "tests/unit/worker_test.h"

#include <math.h>

/* ---- scratch ---- */

/* Tasks 3 and 4 fail. */
#define SCRATCH                                                           \
	"params: {x: {from: 1, to: %d, step: 1}}\nworkdir: '{scratch}'\n" \
	"shell: 'pwd >> \"$TEST_LIST\"; echo $x > f; test $x -lt 3'\n"

/* Names in a folder; 0 when it is not there. */
static size_t count_names(const char *path, char **first)
{
	char **names;
	size_t n = 0;

	if (file_list(path, &names, &n, NULL) == 0) {
		*first = n ? path_join(path, names[0]) : NULL;
		free(names);
	}
	return n;
}

/* Every task has a folder of its own in one of the writer's own, which goes when nothing that
 * failed is left in it. */
static void check_scratch(const char *dir, const char *scratch, const char *base, int tasks)
{
	char *list = path_join(dir, "list"), *spec = mem_printf(SCRATCH, tasks), *writer = NULL;
	struct site_of_test site = ordinary;
	struct buf b = BUF_INIT;
	struct world w;
	unsigned lines = 0;

	assert_int_equal(file_make_dirs(dir, NULL), 0);
	assert_int_equal(setenv("TEST_LIST", list, 1), 0);
	site.scratch = scratch;
	world_begin(&w, dir, spec, &site);
	(void)run_element(&w, 1);
	assert_int_equal(count_names(base, &writer), tasks > 2);
	assert_int_equal(file_read(list, &b, 0, NULL), 0);
	for (char *at = b.data; *at; at = strchr(at, '\n') + 1) {
		assert_memory_equal(at, base, strlen(base));
		if (writer) {
			assert_memory_equal(at, writer, strlen(writer));
		}
		lines++;
	}
	assert_int_equal(lines, tasks);
	if (writer) {
		char *task = NULL;

		assert_int_equal(count_names(writer, &task), tasks - 2);
		free(task);
	}
	buf_free(&b);
	free(writer);
	free(list);
	free(spec);
	world_end(&w);
}

static void test_scratch(void **state)
{
	char *node = path_join(*state, "node/of me");

	assert_int_equal(setenv("TEST_SCRATCH", *state, 1), 0);
	for (int tasks = 2; tasks <= 4; tasks++) {
		char *dir = mem_printf("%s/%d", (char *)*state, tasks);
		char *base = path_join(dir, "run/scratch");

		check_scratch(dir, NULL, base, tasks);
		free(base);
		base = path_join(dir, "again");
		check_scratch(base, "$TEST_SCRATCH/node/of me", node, tasks);
		assert_int_equal(file_remove_tree(node, NULL), 0);
		free(base);
		free(dir);
	}
	unsetenv("TEST_LIST");
	unsetenv("TEST_SCRATCH");
	free(node);
}

static void test_scratch_refused(void **state)
{
	static const struct {
		const char *scratch, *message;
	} rows[] = {
		{ "$TEST_NOT_SET/x", "TEST_NOT_SET" },
		{ "scratch", "is no absolute path" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *dir = mem_printf("%s/%zu", (char *)*state, i), *spec = mem_printf(SCRATCH, 3);
		struct site_of_test site = ordinary;
		struct worker_options o;
		struct worker_report rep;
		struct err e = ERR_INIT;
		struct world w;

		site.scratch = rows[i].scratch;
		world_begin(&w, dir, spec, &site);
		o = element_of(&w, 1);
		assert_int_equal(run_options(&w, &o, &rep, &e), -1);
		if (!strstr(e.text, rows[i].message)) {
			fail_msg("'%s' is not in '%s'", rows[i].message, e.text);
		}
		world_end(&w);
		free(spec);
		free(dir);
	}
}

/* ---- capacity ---- */

static void test_capacity(void **state)
{
	static const char *const cpus[] = { "TEST_CPUS", NULL };
	static const struct {
		const char *granted; /* by the variable; NULL: not set */
		uint64_t slots;
		struct resources res;
		uint64_t cpus; /* UINT64_MAX: whatever this machine has, at most slots x cpus */
		uint64_t memory;
	} rows[] = {
		{ "1", 1, { .cpus = 1 }, 1, 0 },
		{ "1", 8, { .cpus = 1 }, 1, 0 },   /* fewer than asked for */
		{ "1", 1, { .cpus = 64 }, 64, 0 }, /* one task in any case */
		{ "1", 4, { .cpus = 64 }, 64, 0 },
		{ NULL, 1, { .cpus = 1 }, 1, 0 }, /* more than asked for is not ours */
		{ "x", 1, { .cpus = 1 }, 1, 0 },
		{ "1", 1, { .cpus = 3, .ranks = 4 }, 12, 0 },
		{ "1", 1, { .cpus = 3, .ranks = 4, .nodes = 2 }, 1, 0 },
		{ "1", 1, { .cpus = 1, .memory = 1 << 20 }, 1, 1 << 20 },
		{ "1", 3, { .cpus = 1, .memory = 1 << 20 }, 1, 3 << 20 },
		{ "1", 2, { .cpus = 1, .memory = UINT64_C(1) << 60 }, 1, UINT64_C(1) << 60 },
		{ "1", 99, { .cpus = 1, .memory = UINT64_MAX / 2 }, 1, UINT64_MAX / 2 },
	};
	struct world w;

	world_begin(&w, *state, "params: {x: [1]}\ncommand: echo\n", &ordinary);
	w.template.environment.cpus = cpus;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct submission_array *a = &w.submission.arrays[0];
		const struct worker_options o = element_of(&w, 1);
		struct capacity c;

		unsetenv("TEST_CPUS");
		if (rows[i].granted) {
			assert_int_equal(setenv("TEST_CPUS", rows[i].granted, 1), 0);
		}
		a->slots = rows[i].slots;
		a->res = rows[i].res;
		place_capacity(&o, &c);
		assert_int_equal(c.cpus, rows[i].cpus);
		if (rows[i].memory) {
			assert_int_equal(c.memory, rows[i].memory);
		}
		capacity_free(&c);
	}
	unsetenv("TEST_CPUS");
	world_end(&w);
}

/* No more GPUs than were asked for, where more are to be seen. */
static void test_gpus(void **state)
{
	struct world w;
	struct submission_array *a;
	struct capacity c;

	world_begin(&w, *state, "params: {x: [1]}\ncommand: echo\n", &ordinary);
	a = &w.submission.arrays[0];
	a->slots = 2;
	a->res.gpus = 1;
	assert_int_equal(setenv("CUDA_VISIBLE_DEVICES", "4,5,6", 1), 0);
	{
		const struct worker_options o = element_of(&w, 1);

		place_capacity(&o, &c);
	}
	assert_int_equal(c.n_gpus, 2);
	assert_string_equal(c.gpus[1], "5");
	capacity_free(&c);
	unsetenv("CUDA_VISIBLE_DEVICES");
	world_end(&w);
}

/* ---- time ---- */

/* Where the end is, against where the job began. */
static void test_end(void **state)
{
	static const struct {
		uint64_t time, reserve;
		double ago;        /* it began */
		double ends;       /* the variable, from now; 0: not set */
		double end, grace; /* from now; end 0: never */
	} rows[] = {
		{ 0, 0, 100, 0, 0, 10 },
		{ 600, 60, 0, 0, 540, 10 },
		{ 600, 60, 100, 0, 440, 10 },
		{ 600, 10, 100, 0, 490, 5 },
		{ 600, 60, 100, 300, 240, 10 }, /* the earlier one */
		{ 600, 60, 100, 3000, 440, 10 },
		{ 600, 60, 100, -50, 440, 10 },   /* a clock that is wrong */
		{ 0, 0, 100, 100, 90, 5 },        /* a tenth of what is left */
		{ 0, 0, 100, 20, 15, 2.5 },       /* but some seconds at least */
		{ 0, 0, 100, 100000, 99940, 10 }, /* and a minute at most */
	};
	struct world w;

	world_begin(&w, *state, "params: {x: [1]}\ncommand: echo\n", &ordinary);
	w.template.environment.ends = "TEST_ENDS";
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct worker_options o = element_of(&w, 1);
		const double before = proc_monotonic();
		double end, grace, took;

		unsetenv("TEST_ENDS");
		if (rows[i].ends != 0) {
			char *text =
				mem_printf("%.0f", (double)(proc_unix_ms() / 1000) + rows[i].ends);

			assert_int_equal(setenv("TEST_ENDS", text, 1), 0);
			free(text);
		}
		w.submission.arrays[0].time = rows[i].time;
		w.submission.arrays[0].reserve = rows[i].reserve;
		o.began = proc_monotonic() - rows[i].ago;
		end = place_end(&o, &grace);
		took = proc_monotonic() - before;
		if (rows[i].end == 0) {
			assert_true(end == 0);
		} else if (end < before + rows[i].end - 1.2 - took ||
			   end > before + rows[i].end + 1.2 + took) { /* whole seconds */
			fail_msg("row %zu: %.1f", i, end - before);
		}
		assert_true(grace <= rows[i].grace && grace > rows[i].grace - 0.2 - took);
	}
	unsetenv("TEST_ENDS");
	world_end(&w);
}

/* How long an element waits before its first interpreter. */
static void test_spread(void **state)
{
	static const struct {
		uint64_t elements, throttle, time, first, element, most;
		double wait;
	} rows[] = {
		{ 1, 0, 0, 0, 0, 10, 0 },    /* alone */
		{ 4, 0, 0, 0, 0, 10, 0 },    /* the first one */
		{ 4, 0, 0, 0, 1, 10, 0.02 }, /* 20 ms each */
		{ 4, 0, 0, 0, 3, 10, 0.06 },
		{ 4, 0, 0, 1, 4, 10, 0.06 }, /* indexes from 1 */
		{ 500, 0, 0, 0, 499, 10, 9.98 },
		{ 1000, 0, 0, 0, 500, 10, 5 }, /* no more than the most */
		{ 1000, 0, 0, 0, 999, 10, 9.99 },
		{ 1000, 0, 0, 0, 999, 60, 19.98 },
		{ 1000, 0, 0, 0, 999, 0, 0 },      /* a site wants none */
		{ 1000, 100, 0, 0, 99, 10, 1.98 }, /* those that run at a time */
		{ 1000, 100, 0, 0, 100, 10, 0 },
		{ 1000, 2000, 0, 0, 999, 10, 9.99 },
		{ 1000, 0, 3600, 0, 999, 10, 9.99 },
		{ 1000, 0, 100, 0, 500, 10, 0.5 }, /* a hundredth of a short element */
		{ 1000, 0, 100, 0, 999, 10, 0.999 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct submission_array a = { .elements = rows[i].elements,
						    .throttle = rows[i].throttle,
						    .time = rows[i].time,
						    .first = rows[i].first };
		const double wait = worker_spread(&a, rows[i].element, rows[i].most);

		if (fabs(wait - rows[i].wait) > 1e-9) {
			fail_msg("row %zu: %f", i, wait);
		}
	}
}

/* A process that goes on in a child asks before it: the child is younger. */
static void test_began(void **state)
{
	const double began = worker_began(), now = proc_monotonic();
	const struct timespec pause = { 0, 50000000 };
	pid_t pid;

	(void)state;
	assert_true(began <= now);
	nanosleep(&pause, NULL);
	pid = fork();
	if (pid == 0) {
		_exit(worker_began() > began && worker_began() <= proc_monotonic() ? 0 : 1);
	}
	assert_int_equal(wait_for(pid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_scratch),
		TEST(test_scratch_refused),
		TEST(test_capacity),
		TEST(test_gpus),
		TEST(test_end),
		TEST(test_began),
		cmocka_unit_test(test_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
