/* SPDX-License-Identifier: MIT */
/* Whole elements, alone and together. */
#include <sys/stat.h>

#include "tests/unit/worker_test.h"

/* ---- whole elements ---- */

#define QUICK \
	"params: {x: {from: 1, to: %d, step: 1}}\ncommand: echo {x}\nresults: {stdout: number}\n"

static void test_all_alone(void **state)
{
	char *spec = mem_printf(QUICK, 40);
	struct world w;
	struct worker_report rep;
	struct ends x;

	world_begin(&w, *state, spec, &ordinary);
	rep = run_element(&w, 2);
	assert_int_equal(rep.sum.ok, 40);
	assert_int_equal(rep.chunks, 6);
	assert_int_equal(rep.run, 1);
	assert_false(rep.nothing_to_do);
	assert_false(rep.out_of_time);
	assert_each_once(&w);
	assert_int_equal(count_free(&w), 0);
	x = read_ends(&w);
	assert_int_equal(x.n_claims, 6); /* no attempt in vain: nobody else was there */
	assert_int_equal(x.n_done, 6);
	free(x.start);
	assert_said(&w, "element 2, job 4711_1 on ");
	assert_said(&w, "end: nothing is left to take: 40 good, of 6 chunks, in ");

	rep = run_element(&w, 2); /* requeued when all is done */
	assert_true(rep.nothing_to_do);
	assert_int_equal(rep.run, 2);
	assert_int_equal(rep.chunks, 0);
	rep = run_element(&w, 1);
	assert_true(rep.nothing_to_do);
	assert_each_once(&w);
	assert_said(&w, "end: there is nothing to do");
	world_end(&w);
	free(spec);
}

static void test_together(void **state)
{
	char *spec = mem_printf(QUICK, 300);
	struct site_of_test site = ordinary;
	struct world w;
	pid_t pids[4];

	site.elements = 4;
	site.chunk = 5;
	world_begin(&w, *state, spec, &site);
	for (unsigned i = 0; i < 4; i++) {
		pids[i] = start_element(&w, i + 1);
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(wait_for(pids[i]), 0);
	}
	assert_each_once(&w);
	world_end(&w);
	free(spec);
}

/* Tasks from the fifth of element 1's first chunk on wait for a file: with two slots, four end and
 * two wait. */
#define GATED                                                                                  \
	"params: {x: {from: 1, to: 30, step: 1}}\n"                                            \
	"shell: 'while test $x -ge 11 -a ! -e \"$TEST_GATE\"; do sleep 0.02; done; echo $x'\n" \
	"results: {stdout: number}\n"

static void gate_close(const char *dir)
{
	char *gate = path_join(dir, "gate");

	assert_int_equal(setenv("TEST_GATE", gate, 1), 0);
	free(gate);
}

static void gate_open(void)
{
	assert_int_equal(file_publish(getenv("TEST_GATE"), "", 0, NULL), 0);
}

/* An element that is in the middle of its first chunk. */
static pid_t start_gated(struct world *w, const char *dir)
{
	struct site_of_test site = ordinary;
	pid_t pid;

	gate_close(dir);
	site.chunk = 6; /* so that all of the first one is given out */
	world_begin(w, dir, GATED, &site);
	pid = start_element(w, 1);
	wait_for_records(w, 4, 6);
	return pid;
}

/* Killed in the middle of a chunk and started again with its number: it goes on. */
static void test_killed(void **state)
{
	struct world w;
	struct worker_report rep;
	struct ends x;
	const pid_t pid = start_gated(&w, *state);

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(wait_for(pid), 128 + SIGKILL);
	gate_open();
	rep = run_element(&w, 1);
	assert_int_equal(rep.run, 2);
	assert_int_equal(rep.sum.ok, 26);
	assert_true(claim_there(&w, "a1.000001.2")); /* its share: the second chunk, ... */
	x = read_ends(&w);
	assert_int_equal(x.n_good, 30);
	assert_int_equal(x.n_starts, 32); /* what ran when it was killed ran again */
	for (unsigned i = 0; i < 30; i++) {
		assert_int_equal(x.good[i], 1);
		assert_int_equal(x.highest[i], x.starts[i]);
	}
	assert_said(&w, "element 1 (start 2), job ");
	free(x.start);
	world_end(&w);
}

/* Told to end: what it leaves is another's. */
static void test_terminated(void **state)
{
	struct world w;
	struct worker_report rep;
	struct ends x;
	const pid_t pid = start_gated(&w, *state);

	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(wait_for(pid), 0);
	assert_true(claim_there(&w, "a1.000001.1.free"));
	assert_int_equal(count_free(&w), 1);
	assert_said(&w, "end: told to end: 4 good, 2 interrupted, of 1 chunk, in ");
	gate_open();
	rep = run_element(&w, 3);
	assert_int_equal(rep.run, 1);
	assert_int_equal(rep.sum.ok, 26);
	x = read_ends(&w);
	assert_int_equal(x.n_good, 30);
	assert_int_equal(x.n_cut, 2);
	for (unsigned i = 0; i < 30; i++) {
		assert_int_equal(x.good[i], 1);
		assert_int_equal(x.highest[i], x.starts[i]);
		assert_int_equal(x.starts[i], 1 + x.cut[i]);
	}
	free(x.start);
	world_end(&w);
}

/* A scan_fn. */
static int count_told(void *arg, const struct scan_file *file, uint64_t offset,
		      const struct record *r)
{
	unsigned *n = arg;

	(void)file;
	(void)offset;
	*n += json_eq(json_get(r->line, "k"), "told");
	return 0;
}

/* Told to end before its time is over: that is recorded, for a scheduler may forget who was
 * cancelled. Without an end nobody would ask. */
static void test_told(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct site_of_test site = ordinary;
		struct err e = ERR_INIT;
		unsigned told = 0;
		struct world w;
		char *dir = mem_printf("%s/%u", (const char *)*state, i);
		pid_t pid;

		assert_int_equal(mkdir(dir, 0755), 0);
		gate_close(dir);
		site.chunk = 6;
		site.time = i ? 5000 : 0;
		world_begin(&w, dir, GATED, &site);
		pid = start_element(&w, 1);
		wait_for_records(&w, 4, 6);
		assert_int_equal(kill(pid, SIGTERM), 0);
		assert_int_equal(wait_for(pid), 0);
		assert_int_equal(scan_records(w.rundir, count_told, &told, &e), 0);
		assert_no_error(&e);
		assert_int_equal(told, i);
		free(dir);
		world_end(&w);
	}
}

/* Claims that are gone when what is left is to be freed: the element fails, what it did is kept. */
static void test_claims_gone(void **state)
{
	struct world w;
	struct ends x;
	const pid_t pid = start_gated(&w, *state);
	char *from = path_join(w.rundir, "claims/0001"), *to = path_join(w.rundir, "claims/moved");

	assert_int_equal(rename(from, to), 0);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(wait_for(pid), 3);
	assert_said(&w, "end: the system failed");
	x = read_ends(&w);
	assert_int_equal(x.n_good, 4);
	assert_int_equal(x.n_cut, 2);
	free(x.start);
	free(from);
	free(to);
	world_end(&w);
}

/* A journal that cannot be made durable: nothing is run. */
static void test_no_sync(void **state)
{
	struct world w;
	struct ends x;
	pid_t pid;

	world_begin(&w, *state, "params: {x: [1, 2, 3]}\ncommand: 'true'\n", &ordinary);
	pid = fork();
	if (pid == 0) {
		const struct worker_options o = element_of(&w, 1);
		struct err e = ERR_INIT;
		struct worker_report rep;
		int rc;

		refuse(SYS_fdatasync, ANY, EIO);
		rc = run_options(&w, &o, &rep, &e);
		_exit(rc == -1 && strstr(e.text, "cannot sync '") && rep.sum.stopped_by_system ? 9
											       : 8);
	}
	assert_int_equal(wait_for(pid), 9);
	assert_said(&w, "end: the system failed");
	x = read_ends(&w);
	assert_int_equal(x.n_starts, 0);
	world_end(&w);
}

/* A journal that takes no more when the element is told to end: it fails, and what it did is kept.
 */
static void test_full(void **state)
{
	struct rlimit l;
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
	struct world w;
	struct ends x;
	const pid_t pid = start_gated(&w, *state);

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = 1;
	assert_int_equal(prlimit(pid, RLIMIT_FSIZE, &l, NULL), 0);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(wait_for(pid), 3);
	x = read_ends(&w);
	assert_int_equal(x.n_good, 4);
	assert_int_equal(x.n_starts, 6);
	assert_int_equal(x.n_cut, 0);
	free(x.start);
	(void)signal(SIGXFSZ, before);
	world_end(&w);
}

/* SIGUSR1: what runs may end, nothing new is started. */
static void test_drained(void **state)
{
	const struct timespec pause = { 0, 5000000 };
	struct world w;
	struct ends x;
	const pid_t pid = start_gated(&w, *state);

	assert_int_equal(kill(pid, SIGUSR1), 0);
	while (!has_said(&w, "the end is near: waiting for 2 tasks")) {
		nanosleep(&pause, NULL);
	}
	gate_open();
	assert_int_equal(wait_for(pid), 0);
	x = read_ends(&w);
	assert_int_equal(x.n_good, 6);
	assert_int_equal(x.n_starts, 6);
	free(x.start);
	assert_int_equal(count_free(&w), 0); /* all of its chunk had begun */
	assert_said(&w, "end: out of time: 6 good, of 1 chunk, in ");
	(void)run_element(&w, 1);
	assert_each_once(&w);
	world_end(&w);
}

/* Told to end while a task is tried again: its chunk is not done. */
static void test_terminated_while_retrying(void **state)
{
	struct site_of_test site = ordinary;
	struct world w;
	struct worker_report rep;
	struct ends x;
	pid_t pid;

	gate_close(*state);
	site.chunk = 1;
	world_begin(&w, *state,
		    "params: {x: [1]}\nretry: {times: 1}\n"
		    "shell: 'test $PPGEN_ATTEMPT -gt 1 || exit 3\n\n"
		    "  while test ! -e \"$TEST_GATE\"; do sleep 0.02; done'\n",
		    &site);
	pid = start_element(&w, 1);
	wait_for_records(&w, 0, 2);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(wait_for(pid), 0);
	assert_true(claim_there(&w, "a1.000000.1.free"));
	gate_open();
	rep = run_element(&w, 2);
	assert_int_equal(rep.sum.ok, 1);
	x = read_ends(&w);
	assert_int_equal(x.highest[0], 3);
	assert_int_equal(x.n_bad, 1);
	assert_int_equal(x.n_cut, 1);
	free(x.start);
	world_end(&w);
}

/* Two attempts of one element at once, as when a node comes back: tasks run twice, and the first
 * good attempt counts, whoever reads. */
static void test_twice_at_once(void **state)
{
	struct world w;
	struct scan s;
	struct ends x;
	const pid_t a = start_gated(&w, *state), b = start_element(&w, 1);
	uint64_t first;

	wait_for_records(&w, 4, 8); /* the same two tasks again */
	assert_true(claim_there(&w, "a1.000001.2"));
	gate_open();
	assert_int_equal(wait_for(a), 0);
	assert_int_equal(wait_for(b), 0);
	x = read_ends(&w);
	for (first = 0; x.starts[first] != 2; first++) {
	}
	assert_int_equal(x.good[first], 2);
	assert_int_equal(x.good[first + 1], 2);
	assert_int_equal(x.highest[first], 2);
	free(x.start);
	assert_int_equal(count_free(&w), 0);
	fold(w.rundir, w.plan, NULL, &s);
	for (uint64_t i = 0; i < s.count; i++) {
		struct record r;

		assert_int_equal(s.tasks[i].outcome, OUTCOME_OK);
		assert_int_equal(s.tasks[i].flags & (TASK_DIFFERS | TASK_LOST), 0);
		assert_int_equal(scan_read(&s, s.tasks[i].file, s.tasks[i].offset, &r, NULL), 0);
		assert_int_equal(r.attempt, 1);
	}
	scan_free(&s);
	world_end(&w);
}

static void test_over(void **state)
{
	char *spec = mem_printf(QUICK, 4);
	struct world w;
	struct worker_report rep;
	struct ends x;

	world_begin(&w, *state, spec, &ordinary);
	assert_int_equal(submission_set_ended(&w.submission, "cancelled", "", 0, NULL), 0);
	rep = run_element(&w, 1);
	assert_true(rep.nothing_to_do);
	assert_int_equal(rep.run, 0);
	assert_said(&w, "the submission has ended");
	x = read_ends(&w);
	assert_int_equal(x.n_starts, 0);
	free(x.start);
	world_end(&w);
	free(spec);
}

/* ---- failures ---- */

#define FAILING                                               \
	"params: {x: {from: 1, to: 12, step: 1}}\n"           \
	"shell: 'test $((x % 3)) -gt 0 || exit 4; echo $x'\n" \
	"results: {stdout: number}\n"

static void test_failures(void **state)
{
	struct site_of_test site = ordinary;
	struct world w;
	struct worker_report rep;
	struct ends x;

	site.past.tries = 1; /* of which one was made before */
	site.past.attempt = 2;
	world_begin(&w, *state, FAILING "retry: {times: 2}\n", &site);
	rep = run_element(&w, 1);
	assert_int_equal(rep.sum.ok, 8);
	assert_int_equal(rep.sum.failed, 4);
	x = read_ends(&w);
	for (unsigned i = 0; i < 12; i++) {
		assert_int_equal(x.bad[i], i % 3 == 2 ? 2 : 0);
		assert_int_equal(x.highest[i], i % 3 == 2 ? 3 : 2);
	}
	free(x.start);
	assert_int_equal(count_free(&w), 0); /* no attempt is left: nobody else shall try */
	assert_said(&w, " failed: exit code 4 (x=");
	assert_said(&w, "4 tasks failed so: exit code 4");
	rep = run_element(&w, 1);
	assert_true(rep.nothing_to_do);
	world_end(&w);
}

/* A line a cause, not one a task. */
static void test_causes(void **state)
{
	char *path;
	struct buf b = BUF_INIT;
	struct world w;
	unsigned lines = 0;

	world_begin(&w, *state,
		    "params: {x: {from: 1, to: 60, step: 1}}\nshell: 'exit $((x % 30 + 1))'\n",
		    &ordinary);
	(void)run_element(&w, 1);
	path = path_join(w.rundir, "said");
	assert_int_equal(file_read(path, &b, 0, NULL), 0);
	for (const char *at = b.data; (at = strstr(at, " failed: exit code")); at++) {
		lines++;
	}
	assert_int_equal(lines, 20);
	assert_said(&w, "20 more tasks failed, by causes that are not shown");
	buf_free(&b);
	free(path);
	world_end(&w);
}

/* Too many failures stop all elements. */
static void test_too_many_failures(void **state)
{
	struct world w;
	struct worker_report rep;

	world_begin(&w, *state,
		    "params: {x: {from: 1, to: 90, step: 1}}\nshell: exit 5\nmax_failures: 5\n",
		    &ordinary);
	rep = run_element(&w, 1);
	assert_true(rep.sum.stopped_by_failures);
	assert_in_range(rep.sum.failed, 6, 8);
	assert_true(claims_stopped(w.rundir, 1));
	assert_said(&w, "end: too many failures: 0 good, ");
	rep = run_element(&w, 2);
	assert_true(rep.nothing_to_do);
	assert_said(&w, "too many tasks of the submission failed");
	world_end(&w);
}

/* A share of them: counted from 20 on. */
static void test_too_large_a_share_fails(void **state)
{
	struct world w;
	struct worker_report rep;

	world_begin(&w, *state,
		    "params: {x: {from: 1, to: 90, step: 1}}\n"
		    "shell: test $((x % 3)) -gt 0\nmax_failures: 20%\n",
		    &ordinary);
	rep = run_element(&w, 1);
	assert_true(rep.sum.stopped_by_failures);
	assert_in_range(rep.sum.ok + rep.sum.failed, 20, 23);
	assert_true(claims_stopped(w.rundir, 1));
	world_end(&w);
}

/* ---- the set-up ---- */

static void test_setup(void **state)
{
	static const char *const hidden[] = { "TEST_ARRAY_*", NULL };
	struct site_of_test site = ordinary;
	struct world w;
	struct ends x;
	struct scan s;
	struct record r;

	site.setup = "export A=site; echo 'the site says so' # a comment";
	world_begin(&w, *state,
		    "params: {x: [1]}\nsetup: export B=$A+spec\n"
		    "shell: 'echo \"$B ${TEST_ARRAY_INDEX-none} ${TEST_OTHER-none}\"'\n"
		    "results: {stdout: text}\n",
		    &site);
	w.template.environment.hidden = hidden;
	assert_int_equal(setenv("TEST_ARRAY_INDEX", "1", 1), 0);
	assert_int_equal(setenv("TEST_OTHER", "2", 1), 0);
	(void)run_element(&w, 1);
	assert_said(&w, "the site says so");
	x = read_ends(&w);
	assert_int_equal(x.n_good, 1);
	free(x.start);
	fold(w.rundir, w.plan, NULL, &s);
	assert_int_equal(scan_read(&s, s.tasks[0].file, s.tasks[0].offset, &r, NULL), 0);
	assert_true(json_eq(json_get(record_row(&r), "text"), "site+spec none 2"));
	scan_free(&s);
	unsetenv("TEST_ARRAY_INDEX");
	unsetenv("TEST_OTHER");
	world_end(&w);
}

/* Told to end while it is being set up: nothing is started, nothing held back. */
static void test_ended_in_setup(void **state)
{
	const struct timespec pause = { 0, 5000000 };
	char *up = path_join(*state, "up");
	struct site_of_test site = ordinary;
	struct world w;
	struct ends x;
	pid_t pid;

	gate_close(*state);
	assert_int_equal(setenv("TEST_UP", up, 1), 0);
	site.setup = ": >\"$TEST_UP\"; while test ! -e \"$TEST_GATE\"; do sleep 0.02; done";
	world_begin(&w, *state, "params: {x: [1, 2, 3]}\ncommand: echo {x}\n", &site);
	pid = start_element(&w, 1);
	while (!file_exists(up)) {
		nanosleep(&pause, NULL);
	}
	assert_int_equal(kill(pid, SIGTERM), 0);
	gate_open();
	assert_int_equal(wait_for(pid), 0);
	x = read_ends(&w);
	assert_int_equal(x.n_starts, 0);
	free(x.start);
	assert_int_equal(count_free(&w), 1);
	assert_said(&w, "end: told to end");
	unsetenv("TEST_UP");
	world_end(&w);
	free(up);
}

/* A node on which the set-up fails starts nothing, and holds nothing back. */
static void test_setup_fails(void **state)
{
	struct site_of_test site = ordinary;
	struct worker_options o;
	struct worker_report rep;
	struct err e = ERR_INIT;
	struct world w;
	struct ends x;

	site.setup = "test \"$TEST_NODE\" = good || { echo 'no module here' >&2; exit 7; }";
	world_begin(&w, *state, "params: {x: [1, 2, 3]}\ncommand: echo {x}\n", &site);
	o = element_of(&w, 1);
	assert_int_equal(run_options(&w, &o, &rep, &e), -1);
	assert_int_equal(e.kind, ERR_SYSTEM);
	assert_non_null(strstr(e.text, "setup: exit code 7: no module here"));
	assert_true(rep.sum.stopped_by_system);
	x = read_ends(&w);
	assert_int_equal(x.n_starts, 0);
	free(x.start);
	assert_int_equal(count_free(&w), 1);
	assert_int_equal(setenv("TEST_NODE", "good", 1), 0);
	rep = run_element(&w, 2);
	assert_int_equal(rep.sum.ok, 3);
	unsetenv("TEST_NODE");
	/* where nothing is to do, it does not run */
	o = element_of(&w, 3);
	assert_int_equal(run_options(&w, &o, &rep, &e), 0);
	assert_true(rep.nothing_to_do);
	world_end(&w);
}

/* ---- time ---- */

/* The end comes while tasks run: they are cut off, and all is freed. */
static void test_out_of_time(void **state)
{
	struct site_of_test site = ordinary;
	struct worker_options o;
	struct worker_report rep;
	struct err e = ERR_INIT;
	struct world w;
	struct ends x;

	site.time = 100;
	site.reserve = 10;
	world_begin(&w, *state, "params: {x: {from: 1, to: 20, step: 1}}\nshell: 'exec sleep 60'\n",
		    &site);
	o = element_of(&w, 1);
	o.began -= 89; /* of 90 */
	assert_int_equal(run_options(&w, &o, &rep, &e), 0);
	assert_no_error(&e);
	assert_true(rep.out_of_time);
	assert_int_equal(rep.sum.failed, 0);
	x = read_ends(&w);
	assert_int_equal(x.n_cut, x.n_starts);
	assert_in_range(x.n_cut, 1, 2);
	free(x.start);
	assert_true(claim_there(&w, "a1.000001.1.free"));
	assert_said(&w, "end: out of time: 0 good, ");

	o.element = 2;
	o.began -= 100; /* too late for anything */
	assert_int_equal(run_options(&w, &o, &rep, &e), 0);
	assert_true(rep.out_of_time);
	assert_int_equal(rep.chunks, 0);
	assert_true(claim_there(&w, "e1.000002.1"));
	world_end(&w);
}

/* A task whose limit does not fit is not started. */
static void test_does_not_fit(void **state)
{
	struct site_of_test site = ordinary;
	struct worker_options o;
	struct worker_report rep;
	struct err e = ERR_INIT;
	struct world w;
	struct ends x;

	site.time = 1000;
	site.reserve = 60;
	world_begin(&w, *state, "params: {x: [1, 2]}\ncommand: echo {x}\nresources: {time: 10m}\n",
		    &site);
	o = element_of(&w, 1);
	o.began -= 500;
	assert_int_equal(run_options(&w, &o, &rep, &e), 0);
	assert_no_error(&e);
	assert_true(rep.out_of_time);
	x = read_ends(&w);
	assert_int_equal(x.n_starts, 0);
	free(x.start);
	assert_int_equal(count_free(&w), 1);
	rep = run_element(&w, 2); /* which has all of its time */
	assert_int_equal(rep.sum.ok, 2);
	world_end(&w);
}

/* ---- what is wrong ---- */

static void test_wrong_list(void **state)
{
	struct worker_options o;
	struct worker_report rep;
	struct err e = ERR_INIT;
	struct world w;
	struct task_list l = { .runs = NULL };

	world_begin(&w, *state, "params: {x: [1, 2]}\ncommand: echo\n", &ordinary);
	o = element_of(&w, 1);
	task_list_add(&l, 0, &ordinary.past);
	assert_int_equal(submission_put_tasks(&w.submission, 1, &l, &e), 0);
	assert_int_equal(run_options(&w, &o, &rep, &e), -1);
	assert_non_null(strstr(e.text, "other tasks than were submitted"));
	err_clear(&e);
	task_list_add(&l, 7, &ordinary.past);
	assert_int_equal(submission_put_tasks(&w.submission, 1, &l, &e), 0);
	assert_int_equal(run_options(&w, &o, &rep, &e), -1);
	assert_non_null(strstr(e.text, "not in plan 1"));
	task_list_free(&l);
	world_end(&w);
}

/* A file where a folder must be: the element ends with a message that names it, having run nothing.
 */
static void test_in_the_way(void **state)
{
	static const char *const names[] = { "journal", "claims" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *path, *top = mem_printf("%s/%zu", (const char *)*state, i);
		struct err e = ERR_INIT;
		struct worker_report rep;
		struct worker_options o;
		struct world w;

		assert_int_equal(mkdir(top, 0755), 0);
		world_begin(&w, top, "params: {x: [1, 2, 3]}\ncommand: 'true'\n", &ordinary);
		path = path_join(w.rundir, names[i]);
		(void)file_remove_tree(path, NULL);
		assert_int_equal(file_publish(path, "", 0, NULL), 0);
		o = element_of(&w, 1);
		assert_int_equal(run_options(&w, &o, &rep, &e), -1);
		if (!strstr(e.text, path)) {
			fail_msg("%s: %s", names[i], e.text);
		}
		assert_true(rep.sum.stopped_by_system);
		assert_int_equal(rep.sum.attempts, 0);
		assert_said(&w, "ppgen: end: the system failed\n");
		free(path);
		free(top);
		world_end(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_alone),
		TEST(test_together),
		TEST(test_killed),
		TEST(test_terminated),
		TEST(test_told),
		TEST(test_claims_gone),
		TEST(test_no_sync),
		TEST(test_full),
		TEST(test_drained),
		TEST(test_terminated_while_retrying),
		TEST(test_twice_at_once),
		TEST(test_over),
		TEST(test_failures),
		TEST(test_causes),
		TEST(test_too_many_failures),
		TEST(test_too_large_a_share_fails),
		TEST(test_setup),
		TEST(test_ended_in_setup),
		TEST(test_setup_fails),
		TEST(test_out_of_time),
		TEST(test_does_not_fit),
		TEST(test_wrong_list),
		TEST(test_in_the_way),
	};

	(void)setenv("HOME", "/nonexistent", 1); /* no profile of the user's is read by set-ups */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
