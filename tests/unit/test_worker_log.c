/* SPDX-License-Identifier: MIT */
/* What an element says of itself in its log: what it has, failures by cause, a line a minute, how
 * it ended. The clock is the test's. */
#include "tests/unit/worker_test.h"

#include <sys/syscall.h>

static long ahead_s;

/* In place of the library's: time goes on when we say so. */
int clock_gettime(clockid_t id, struct timespec *t)
{
	const int rc = (int)syscall(SYS_clock_gettime, id, t);

	t->tv_sec += ahead_s;
	return rc;
}

static struct world w;
static struct worker_options o;
static struct worker_log *l;
static struct task t;

/* Forty parameters with values that are longer than a line shows. */
static int begin(void **state)
{
	struct buf spec = BUF_INIT;

	if (folder_setup(state) < 0) {
		return -1;
	}
	buf_puts(&spec, "command: 'true'\nparams: {");
	for (unsigned i = 0; i < 40; i++) {
		buf_printf(&spec, "%sname_%u: [abcdefghijklmnopqrstuvwxyz%u]", i ? ", " : "", i, i);
	}
	buf_puts(&spec, "}\n");
	world_begin(&w, *state, buf_str(&spec), &ordinary);
	buf_free(&spec);
	o = element_of(&w, 2);
	l = worker_log_new(&o);
	task_init(&t, w.plan);
	return task_load(&t, w.plan, 0, NULL);
}

static int finish(void **state)
{
	task_free(&t);
	worker_log_free(l);
	world_end(&w);
	return folder_teardown(state);
}

static size_t count(const char *text)
{
	char *path = path_join(w.rundir, "said");
	struct buf b = BUF_INIT;
	size_t n = 0;

	assert_int_equal(file_read(path, &b, 0, NULL), 0);
	for (const char *p = b.data; (p = strstr(p, text)); p++) {
		n++;
	}
	buf_free(&b);
	free(path);
	return n;
}

static void test_begin(void **state)
{
	char zero[] = "0", one[] = "1", *gpus[] = { zero, one };
	const struct capacity c = { .cpus = 1,
				    .cpus_by = "affinity",
				    .memory = (uint64_t)3 << 30,
				    .gpus = gpus,
				    .n_gpus = 2 };

	(void)state;
	quieten(&w);
	worker_log_begin(l, &c, 0, 3);
	speak_again();
	assert_said(&w, "ppgen: submission 1, array 1, element 2 (start 3), job 4711_1 on ");
	assert_said(&w, ": up to 2 tasks at a time, 1 cpu (affinity), 3G of memory, 2 gpus\n");
}

static void send(int kind, const char *why, uint64_t ok, uint64_t failed)
{
	const struct pool_event ev = { .kind = kind,
				       .task = &t,
				       .outcome = OUTCOME_EXIT,
				       .why = why,
				       .text = why,
				       .done = ok + failed,
				       .ok = ok,
				       .failed = failed,
				       .running = 2 };

	worker_log_event(l, &ev);
}

static void test_counts(void **state)
{
	(void)state;
	ahead_s = 0;
	quieten(&w);
	send(POOL_TICK, NULL, 1200, 0);
	ahead_s = 61;
	send(POOL_TICK, NULL, 1200, 7);
	send(POOL_TICK, NULL, 1300, 7); /* not yet again */
	ahead_s = 122;
	send(POOL_TICK, NULL, 1200, 7); /* nothing has ended since */
	ahead_s = 183;
	send(POOL_TICK, NULL, 1201, 7);
	speak_again();
	ahead_s = 0;
	assert_said(&w, "+00:00: 1,200 good, 7 failed, 2 running\n");
	assert_said(&w, "+00:00: 1,201 good, 7 failed, 2 running\n");
	assert_int_equal(count("\n"), 2);
}

static void test_failures(void **state)
{
	char why[32];

	(void)state;
	quieten(&w);
	for (unsigned i = 0; i < 200; i++) {
		(void)snprintf(why, sizeof why, "exit code %u", i % 100 + 1);
		send(POOL_END, why, 0, i + 1);
	}
	send(POOL_STOPPING, "told to end", 0, 200);
	worker_log_end(l, &(struct worker_report){ .sum = { .attempts = 200, .failed = 200 },
						   .chunks = 1 });
	speak_again();
	assert_said(&w, " failed: exit code 1 (name_0=abcdefghijklmnopqrstuvwxyz0, name_1=");
	assert_said(&w, ", ...)\n");
	assert_said(&w, "ppgen: told to end\n");
	assert_said(&w, "ppgen: 2 tasks failed so: exit code 1\n");
	assert_int_equal(count("exit code 100 ("), 0); /* causes have an end, too */
	assert_said(&w, " more tasks failed, by causes that are not shown\n");
	assert_said(&w, "ppgen: end: nothing is left to take: 0 good, 200 failed, of 1 chunk, in ");
}

static void test_end(void **state)
{
	static const struct {
		struct worker_report rep;
		const char *text;
	} rows[] = {
		{ { .sum = { .stopped_by_system = true } }, "end: the system failed\n" },
		{ { .sum = { .stopped_by_signal = true } }, "end: told to end\n" },
		{ { .sum = { .stopped_by_failures = true } }, "end: too many failures\n" },
		{ { .out_of_time = true }, "end: out of time\n" },
		{ { .nothing_to_do = true }, "end: there is nothing to do\n" },
		{ { .chunks = 0 }, "end: nothing is left to take\n" },
	};

	(void)state;
	quieten(&w);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		worker_log_end(l, &rows[i].rep);
	}
	speak_again();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_said(&w, rows[i].text);
	}
	worker_log_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_begin, begin, finish),
		cmocka_unit_test_setup_teardown(test_counts, begin, finish),
		cmocka_unit_test_setup_teardown(test_failures, begin, finish),
		cmocka_unit_test_setup_teardown(test_end, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
