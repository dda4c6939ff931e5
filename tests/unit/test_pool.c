/* SPDX-License-Identifier: MIT */
/* The pool, as a whole, on small specs: how attempts end, what is recorded of them, what starts
 * when, and what stops it. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "run/guard.h"
#include "tests/unit/pool_test.h"

static void need(bool good, const struct run *r, const char *what)
{
	if (!good) {
		fail_msg("%s: %s\n%s", what, r->e.text, buf_str(&r->journal));
	}
}

static void put_text(const struct run *r, const char *name, const char *text)
{
	char *path = path_join(r->dir, name);

	assert_int_equal(file_publish(path, text, strlen(text), NULL), 0);
	free(path);
}

/* The first number in a file of the run's folder; 0 when there is none. */
static long number_in(const struct run *r, const char *name)
{
	char *path = path_join(r->dir, name);
	struct buf b = BUF_INIT;
	long n = 0;

	if (file_read(path, &b, 0, NULL) == 0) {
		n = strtol(buf_str(&b), NULL, 10);
	}
	buf_free(&b);
	free(path);
	return n;
}

static bool there(const struct run *r, const char *name)
{
	char *path = path_join(r->dir, name);
	const bool is = file_exists(path);

	free(path);
	return is;
}

/* A zombie that nobody reaps has ended, too. */
static bool alive(long pid)
{
	struct buf b = BUF_INIT;
	char path[64];
	bool is;

	(void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	is = pid > 0 && file_read(path, &b, 0, NULL) == 0 && !strstr(buf_str(&b), ") Z");
	buf_free(&b);
	return is;
}

static void nap(double s)
{
	const struct timespec t = { (time_t)s, (long)((s - (double)(time_t)s) * 1e9) };

	(void)nanosleep(&t, NULL);
}

/* ---- how attempts end ---- */

static void test_outcomes(void **state)
{
	static const struct {
		enum outcome outcome;
		int exit_code, signal;
		const char *why; /* a part of the record; NULL: none */
	} rows[] = {
		{ OUTCOME_OK, 0, 0, NULL },
		{ OUTCOME_EXIT, 7, 0, NULL },
		{ OUTCOME_SIGNAL, 0, SIGSEGV, NULL },
		{ OUTCOME_TIMEOUT, 0, SIGTERM, "over its time limit of 1s" },
		{ OUTCOME_TIMEOUT, 0, SIGKILL, "over its time limit of 1s" },
		{ OUTCOME_TIMEOUT, 0, 0, "over its time limit of 1s" },
		{ OUTCOME_INVALID, 0, 0, "stdout: " },
		{ OUTCOME_OOM, 0, SIGKILL, "over its memory limit of 60M" },
		{ OUTCOME_EXIT, 137, 0, NULL },
		{ OUTCOME_OK, 0, 0, NULL },
	};
	struct run r;

	(void)state;
	run_begin(
		&r,
		"params: {how: [good, code, signal, hang, ignore, trap, nojson, eat, e137, neighbour]}\n"
		"shell: |\n"
		"  case $how in\n"
		"  code) echo wrong >&2; exit 7;;\n"
		"  signal) kill -SEGV $$;;\n"
		"  hang) sleep 60;;\n"
		"  ignore) trap '' TERM; while :; do sleep 0.1; done;;\n"
		"  trap) trap 'exit 0' TERM; while :; do sleep 0.05; done;;\n"
		"  nojson) echo no json; exit 0;;\n"
		"  eat) exec python3 -c 'x = bytearray(200 << 20); import time; time.sleep(30)';;\n"
		"  e137) exit 137;;\n"
		"  neighbour) sleep 1;;\n"
		"  esac\n"
		"  echo '{\"ok\": 1}'\n"
		"results: {stdout: json}\n"
		"overrides:\n"
		"  - {where: how == 'hang' or how == 'ignore' or how == 'trap', time: 1s}\n"
		"  - {where: how == 'eat', memory: 60M}\n");
	r.capacity.cpus = 10;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.n_ends, sizeof rows / sizeof *rows);
	assert_int_equal(r.n_starts, r.n_ends);
	for (size_t i = 0; i < r.n_ends; i++) {
		const struct end *end = run_end_of(&r, i);

		if (end->outcome != rows[i].outcome || end->exit_code != rows[i].exit_code ||
		    end->signal != rows[i].signal) {
			fail_msg("task %zu: %s", i, end->line);
		}
		if (rows[i].why ? !strstr(end->line, rows[i].why)
				: strstr(end->line, "\"why\"") != NULL) {
			fail_msg("task %zu: %s", i, end->line);
		}
		assert_true((end->outcome == OUTCOME_OK) ==
			    (strstr(end->line, "\"r\":{\"ok\":1}") != NULL));
	}
	assert_int_equal(r.sum.ok, 2);
	assert_int_equal(r.sum.failed, 8);
	assert_int_equal(r.events[POOL_END], 10);
	run_free(&r);
}

static void test_not_started(void **state)
{
	struct run r;

	(void)state;
	run_begin(
		&r,
		"params: {c: [python9, /etc, ./no, 'true']}\ncommand: '{c}'\nretry: {times: 3}\n");
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.n_ends, 4); /* never made again */
	assert_non_null(strstr(run_end_of(&r, 0)->line,
			       "\"why\":\"cannot start 'python9': no such file or directory\""));
	assert_non_null(strstr(run_end_of(&r, 1)->line, "cannot start '/etc': permission denied"));
	assert_int_equal(run_end_of(&r, 2)->outcome, OUTCOME_NOT_STARTED);
	assert_int_equal(run_end_of(&r, 3)->outcome, OUTCOME_OK);
	assert_int_equal(r.sum.failed, 3);
	run_free(&r);
	run_begin(&r, "command: 'true'\nworkdir: not/there\n");
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_non_null(strstr(run_end_of(&r, 0)->line, "cannot enter '/tmp/ppgen-test-"));
	run_free(&r);
}

static void test_retries(void **state)
{
	struct run r;

	(void)state;
	run_begin(&r, "params: {x: [1, 2, 3, 9]}\n"
		      "shell: '[ \"$PPGEN_ATTEMPT\" -ge \"$x\" ] || exit 1'\nretry: {times: 2}\n");
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.n_ends, 1 + 2 + 3 + 3);
	assert_int_equal(run_end_of(&r, 2)->attempt, 3);
	assert_int_equal(run_end_of(&r, 2)->outcome, OUTCOME_OK);
	assert_int_equal(run_end_of(&r, 3)->attempt, 3);
	assert_int_equal(r.sum.ok, 3);
	assert_int_equal(r.sum.failed, 1);
	assert_int_equal(r.sum.attempts, 9);
	run_free(&r);

	run_begin(&r, "shell: exit 1\nretry: {times: 2, on: [signal]}\n");
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.n_ends, 1);
	run_free(&r);

	/* where all fail, that is not found out at the end only */
	run_begin(&r, "params: {x: {from: 1, to: 1000, step: 1}}\ncommand: /bin/false\n"
		      "retry: {times: 1}\n");
	r.o.max_failures = 3;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_true(r.sum.stopped_by_failures && r.sum.attempts < 400);
	run_free(&r);

	/* 60M, 120M, 200M (all there is); 1 s, 2 s */
	run_begin(
		&r,
		"params: {what: [memory, time]}\n"
		"shell: |\n"
		"  echo $PPGEN_MEMORY\n"
		"  case $what in memory) exec python3 -c 'x = bytearray(400 << 20); import time; time.sleep(30)';; esac\n"
		"  sleep 1.5\n"
		"resources: {memory: 60M, time: 20s}\n"
		"overrides: [{where: what == 'time', time: 1s}]\n"
		"retry: {times: 2, on: [oom, timeout], memory: x2, time: x2}\n");
	r.capacity.memory = (uint64_t)200 << 20;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(run_end_of(&r, 0)->outcome, OUTCOME_OOM);
	assert_int_equal(run_end_of(&r, 0)->attempt, 3);
	assert_non_null(strstr(run_end_of(&r, 0)->line, "limit of 200M"));
	assert_int_equal(run_end_of(&r, 1)->outcome, OUTCOME_OK);
	assert_int_equal(run_end_of(&r, 1)->attempt, 2);
	run_free(&r);
}

static void test_forced(void **state)
{
	struct run r;

	(void)state;
	run_begin(&r, "command: 'true'\n");
	r.upto = 4;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(run_end_of(&r, 0)->attempt, 5);
	assert_int_equal(run_end_of(&r, 0)->voids, 4);
	run_free(&r);
}

/* ---- output ---- */

static void test_output(void **state)
{
	struct run r;
	char *text;

	(void)state;
	run_begin(&r, "params: {kb: [0, 1, 3000, 70000]}\n"
		      "shell: |\n"
		      "  head -c $((kb * 1024)) /dev/zero | tr '\\0' x\n"
		      "  printf 'a\\377\\000b' >&2\n");
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_null(strstr(run_end_of(&r, 0)->line, "\"o\":"));
	for (uint64_t i = 0; i < 4; i++) {
		static const size_t sizes[] = { 0, 1024, 3000 * 1024, 70000 * 1024 };

		text = run_output(&r, run_end_of(&r, i), "o", NULL);
		assert_int_equal(strlen(text), sizes[i]);
		assert_true(sizes[i] == 0 || (text[0] == 'x' && text[sizes[i] - 1] == 'x'));
		free(text);
		text = run_output(&r, run_end_of(&r, i), "e", NULL);
		assert_memory_equal(text, "a\377\0b", 5);
		free(text);
	}
	run_free(&r);

	run_begin(
		&r,
		"shell: echo one; echo two >&2; echo three; exec >&- 2>&-; sleep 0.1\nresults: {log: text}\n");
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.sum.ok, 1);
	text = run_output(&r, run_end_of(&r, 0), "o", NULL);
	assert_string_equal(text, "one\ntwo\nthree\n");
	free(text);
	run_free(&r);
}

/* Short tasks use the same spools again, emptied; none is left at the end. */
static void test_short_outputs(void **state)
{
	struct run r;
	char *spool, *dir, **names;
	size_t n;

	(void)state;
	run_begin(
		&r,
		"params: {x: {from: 1, to: 60, step: 1}}\n"
		"shell: '[ $((x % 3)) = 0 ] || echo \"$x says\"; [ $((x % 4)) = 0 ] || echo \"err $x\" >&2'\n");
	need(run_pool(&r) == 0, &r, "pool_run");
	for (uint64_t i = 0; i < 60; i++) {
		char *said = (i + 1) % 3 ? mem_printf("%u says\n", (unsigned)i + 1) : mem_dup("");
		char *err = (i + 1) % 4 ? mem_printf("err %u\n", (unsigned)i + 1) : mem_dup("");
		char *out_text = run_output(&r, run_end_of(&r, i), "o", NULL);
		char *err_text = run_output(&r, run_end_of(&r, i), "e", NULL);

		assert_string_equal(out_text, said);
		assert_string_equal(err_text, err);
		free(said);
		free(err);
		free(out_text);
		free(err_text);
	}
	spool = journal_spool_path(r.rundir, r.writer, 0, "out");
	dir = path_dir(spool);
	assert_int_equal(file_list(dir, &names, &n, NULL), 0);
	assert_int_equal(n, 1); /* the packed output */
	free(names);
	free(dir);
	free(spool);
	run_free(&r);
}

/* What a task does to its open streams (flags, offset, locks) is nothing to the next one. */
static void test_streams_as_new(void **state)
{
	struct run r;

	(void)state;
	run_begin(&r, "params: {x: {from: 1, to: 6, step: 1}}\n"
		      "command: [python3, task.py, '{x}']\n"
		      "results: {stdout: number}\n");
	put_text(&r, "task.py",
		 "import os, sys\n"
		 "from fcntl import F_OFD_SETLK, F_WRLCK, LOCK_EX, LOCK_NB, fcntl, flock\n"
		 "from struct import pack\n"
		 "for fd in 1, 2:\n"
		 "    assert os.get_blocking(fd) and os.lseek(fd, 0, os.SEEK_CUR) == 0\n"
		 "    other = os.open(f'/proc/self/fd/{fd}', os.O_WRONLY)\n"
		 "    flock(other, LOCK_EX | LOCK_NB)\n"
		 "    fcntl(other, F_OFD_SETLK, pack('hhqqi4x', F_WRLCK, 0, 0, 0, 0))\n"
		 "    os.close(other)\n"
		 "    flock(fd, LOCK_EX | LOCK_NB)\n"
		 "    fcntl(fd, F_OFD_SETLK, pack('hhqqi4x', F_WRLCK, 0, 0, 0, 0))\n"
		 "    os.lseek(fd, 100, os.SEEK_SET)\n"
		 "    if int(sys.argv[1]) % 3 == 0:\n"
		 "        os.set_blocking(fd, False)\n"
		 "print(sys.argv[1])\n");
	r.capacity.cpus = 1;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.sum.ok, 6);
	run_free(&r);
}

/* A descendant of one task never writes into what a later one's output is: it writes while the next
 * task runs, unless it was found before and ended. */
static void test_output_of_strays(void **state)
{
	struct run r;

	(void)state;
	run_begin(&r, "params: {x: {from: 1, to: 8, step: 1}}\n"
		      "command: [sh, task.sh, '{x}']\n"
		      "results: {stdout: number}\n");
	put_text(&r, "stray.sh",
		 ": > left.$1; until [ -e begun.$(($1 + 1)) ]; do sleep 0.02; done\n"
		 "echo stray; : > wrote.$1\n");
	put_text(&r, "task.sh",
		 ": > begun.$1\n"
		 "[ $1 = 8 ] || (setsid sh stray.sh $1 &)\n"
		 "until [ $1 = 8 ] || [ -e left.$1 ]; do sleep 0.02; done\n"
		 "tries=0\n"
		 "until [ $1 = 1 ] || [ -e wrote.$(($1 - 1)) ] || [ $tries = 100 ]; do\n"
		 "  sleep 0.02; tries=$((tries + 1))\n"
		 "done\n"
		 "echo $1\n");
	r.capacity.cpus = 1;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.sum.ok, 8);
	run_free(&r);
}

static void test_result_files(void **state)
{
	struct run r;
	char *text;

	(void)state;
	run_begin(&r, "params: {x: [good, missing, old, folder, bad, again, fifo]}\n"
		      "shell: |\n"
		      "  case $x in\n"
		      "  good|again) printf 'a,b\\n1,2\\n' > out.$x.csv;;\n"
		      "  folder) mkdir out.$x.csv;;\n"
		      "  bad) printf 'a,b\\n1\\n' > out.$x.csv;;\n"
		      "  fifo) mkfifo out.$x.csv;;\n"
		      "  esac\n"
		      "results: {files: {trace: 'out.{x}.csv'}}\n");
	put_text(&r, "out.old.csv", "a,b\n1,2\n");
	put_text(&r, "out.again.csv", "a,b\n1,2\n");
	nap(0.05); /* the clock of files ticks every few milliseconds: within one, old cannot be
		      told */
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(run_end_of(&r, 0)->outcome, OUTCOME_OK);
	text = run_output(&r, run_end_of(&r, 0), "f", "trace");
	assert_string_equal(text, "a,b\n1,2\n");
	free(text);
	for (uint64_t i = 1; i < 7; i++) {
		static const char *const why[] = { "",
						   "'out.{x}.csv' is not there",
						   "'out.{x}.csv' is older than the start",
						   "'out.{x}.csv' is not a regular file",
						   "trace: line 2",
						   NULL,
						   "'out.{x}.csv' is not a regular file" };
		const struct end *end = run_end_of(&r, i);

		assert_int_equal(end->outcome, why[i] ? OUTCOME_INVALID : OUTCOME_OK);
		if (why[i] && !strstr(end->line, why[i])) {
			fail_msg("%s", end->line);
		}
	}
	text = run_output(&r, run_end_of(&r, 4), "f",
			  "trace"); /* kept, so that it can be read again */
	assert_string_equal(text, "a,b\n1\n");
	free(text);
	run_free(&r);
}

static void test_scratch(void **state)
{
	struct run r;
	char *path, **names;
	size_t n;

	(void)state;
	run_begin(&r,
		  "params: {x: [0, 1]}\n"
		  "command: [sh, -c, 'test ! -e mark && touch mark && stat -c %a . && exit {x}']\n"
		  "workdir: '{scratch}'\nretry: {times: 1}\n");
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(run_end_of(&r, 1)->exit_code, 1); /* empty at the second attempt, too */
	assert_int_equal(run_end_of(&r, 1)->attempt, 2);
	path = path_join(r.rundir, "scratch");
	assert_int_equal(file_list(path, &names, &n, NULL), 0);
	assert_int_equal(n, 1); /* removed after success, kept after failure */
	free(names);
	free(path);
	path = run_output(&r, run_end_of(&r, 0), "o", NULL);
	assert_string_equal(path, "700\n");
	free(path);
	run_free(&r);
}

/* ---- processes that tasks leave ---- */

static void test_background(void **state)
{
	struct run r;

	(void)state;
	run_begin(
		&r,
		"shell: |\n"
		"  sleep 1000 & echo $! > one\n"
		"  setsid sh -c 'echo $$ > two; exec sleep 1000' &\n"
		"  (setsid sh -c 'trap \"\" TERM; echo $$ > three; kill -STOP $$; sleep 1000' &)\n"
		"  env -i setsid sh -c 'echo $$ > four; exec sleep 1000' &\n"
		"  while [ ! -s one ] || [ ! -s two ] || [ ! -s three ] || [ ! -s four ]; do sleep 0.02; done\n");
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.sum.ok, 1);
	assert_false(alive(number_in(&r, "one")));
	assert_false(alive(number_in(&r, "two")));
	assert_false(alive(number_in(&r, "three")));
	assert_false(alive(number_in(&r, "four")));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	run_free(&r);
}

/* A stray of a task that ended is ended while others run; one of a task that runs is left alone. */
static void test_strays(void **state)
{
	struct run r;

	(void)state;
	run_begin(
		&r,
		"params: {x: [leaves, looks]}\n"
		"shell: |\n"
		"  if [ $x = leaves ]; then (setsid sh -c 'echo $$ > stray; exec sleep 1000' &)\n"
		"  while [ ! -s stray ]; do sleep 0.02; done; exit 0; fi\n"
		"  (setsid sh -c 'echo $$ > mine; exec sleep 1000' &)\n"
		"  i=0; while [ $i -lt 600 ] && [ -d /proc/$(cat stray) ]; do sleep 0.1; i=$((i + 1)); done\n"
		"  sleep 1; [ -d /proc/$(cat mine) ] || exit 4\n"
		"  [ ! -d /proc/$(cat stray) ] || exit 5\n");
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(run_end_of(&r, 1)->exit_code, 0);
	assert_int_equal(r.sum.ok, 2);
	assert_false(alive(number_in(&r, "mine")));
	run_free(&r);
}

/* At a timeout the leader may go first: those behind it have their grace all the same. */
static void test_grace(void **state)
{
	struct run r;

	(void)state;
	run_begin(
		&r,
		"shell: |\n"
		"  (trap 'sleep 0.5; echo saved > saved; exit' TERM; while :; do sleep 0.05; done) &\n"
		"  sleep 1000\n"
		"resources: {time: 1s}\n");
	r.o.grace_s = 5;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(run_end_of(&r, 0)->outcome, OUTCOME_TIMEOUT);
	assert_true(there(&r, "saved"));
	run_free(&r);
}

/* ---- admission ---- */

static uint64_t cpus_running, cpus_most;

static void on_cpus(struct run *r, const struct pool_event *ev)
{
	(void)r;
	if (ev->kind == POOL_START) {
		cpus_running += ev->task->res.cpus;
	} else if (ev->kind == POOL_END) {
		cpus_running -= ev->task->res.cpus;
	}
	cpus_most = cpus_running > cpus_most ? cpus_running : cpus_most;
}

static void test_cpus(void **state)
{
	struct run r;
	size_t at = 0;

	(void)state;
	run_begin(&r, "params: {x: {from: 0, to: 199, step: 1}}\ncommand: 'true'\n"
		      "overrides:\n  - {where: x == 3, cpus: 4}\n  - {where: x == 5, cpus: 3}\n");
	r.capacity.cpus = 4;
	r.on_event = on_cpus;
	cpus_running = cpus_most = 0;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.sum.ok, 200);
	assert_int_equal(cpus_most, 4);
	while (at < r.n_ends && r.ends[at].index != 3) {
		at++;
	}
	assert_true(at <= 64 + 8); /* overtaken, but not for ever */
	run_free(&r);
}

static void test_gpus(void **state)
{
	struct run r;
	static const char *const ids[] = { "3", "5", "7" };
	char *text;

	(void)state;
	run_begin(&r, "params: {x: {from: 0, to: 11, step: 1}}\n"
		      "shell: |\n"
		      "  IFS=,; for g in $CUDA_VISIBLE_DEVICES; do mkdir gpu.$g || exit 1; done\n"
		      "  sleep 0.05\n"
		      "  for g in $ROCR_VISIBLE_DEVICES; do rmdir gpu.$g; done\n"
		      "  echo \"<$CUDA_VISIBLE_DEVICES>\"\n"
		      "resources: {gpus: 1}\n"
		      "overrides:\n  - {where: x == 4, gpus: 2}\n  - {where: x == 5, gpus: 0}\n");
	r.capacity.cpus = 8;
	while (r.capacity.n_gpus) {
		free(r.capacity.gpus[--r.capacity.n_gpus]);
	}
	free(r.capacity.gpus);
	r.capacity.gpus = mem_array(3, sizeof *r.capacity.gpus);
	for (size_t i = 0; i < 3; i++) {
		r.capacity.gpus[r.capacity.n_gpus++] = mem_dup(ids[i]);
	}
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.sum.ok, 12);
	text = run_output(&r, run_end_of(&r, 5), "o", NULL);
	assert_string_equal(text, "<>\n");
	free(text);
	text = run_output(&r, run_end_of(&r, 4), "o", NULL);
	assert_int_equal(strlen(text), strlen("<3,5>\n"));
	free(text);
	run_free(&r);
}

static void test_never_fits(void **state)
{
	static const struct {
		const char *resource, *text;
	} rows[] = {
		{ "cpus: 64",
		  "(x=2) needs 64 cpus, but only 2 may be used here (affinity): lower resources.cpus, or raise -j" },
		{ "gpus: 9", "(x=2) needs 9 gpus, but " },
		{ "memory: 900T", "(x=2) needs 900T of memory, but only " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *spec = mem_printf(
			"params: {x: [0, 1, 2, 3]}\ncommand: sleep 0.1\noverrides: [{where: x == 2, %s}]\n",
			rows[i].resource);
		struct run r;

		run_begin(&r, spec);
		r.capacity.cpus_by = "affinity";
		assert_int_equal(run_pool(&r), -1);
		assert_int_equal(r.e.kind, ERR_BAD);
		if (!strstr(r.e.text, rows[i].text)) {
			fail_msg("%s", r.e.text);
		}
		assert_int_equal(r.n_ends, 2); /* those before are done, none behind was begun */
		assert_int_equal(r.n_starts, 2);
		assert_int_equal(r.sum.ok, 2);
		run_free(&r);
		free(spec);
	}
}

/* ---- stopping ---- */

static void test_max_failures(void **state)
{
	struct run r;

	(void)state;
	run_begin(&r, "params: {x: {from: 1, to: 100, step: 1}}\ncommand: 'false'\n");
	r.o.max_failures = 5;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_true(r.sum.stopped_by_failures);
	assert_in_range(r.sum.failed, 6, 8);
	run_free(&r);
	run_begin(&r, "params: {x: {from: 1, to: 100, step: 1}}\ncommand: 'false'\n");
	r.o.max_failures_share = 0.1;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_in_range(r.sum.failed, 20, 22);
	run_free(&r);
}

static int signals_sent[3];
static size_t n_signals;

/* Whether both tasks have come so far that they heed TERM. */
static bool both_ready(const struct run *r)
{
	char *one = path_join(r->dir, "ready.1"), *two = path_join(r->dir, "ready.2");
	const bool ready = file_exists(one) && file_exists(two);

	free(one);
	free(two);
	return ready;
}

/* Sends the first signal when two tasks run, the others when the one before was heard. */
static void on_stop(struct run *r, const struct pool_event *ev)
{
	if (n_signals < 3 && signals_sent[n_signals] &&
	    ((ev->kind == POOL_TICK && both_ready(r) && n_signals == 0) ||
	     ev->kind == POOL_STOPPING)) {
		(void)kill(getpid(), signals_sent[n_signals++]);
	}
}

static void test_interrupts(void **state)
{
	static const struct {
		int signals[3];
		uint64_t ok, interrupted;
		double least, most; /* seconds */
		const char *said;
	} rows[] = {
		{ { SIGINT },
		  2,
		  0,
		  1.0,
		  3.5,
		  "interrupted: waiting for 2 tasks, Ctrl-C again ends them\n" },
		{ { SIGINT, SIGINT },
		  0,
		  2,
		  0.3,
		  2.5,
		  "interrupted: waiting for 2 tasks, Ctrl-C again ends them\ninterrupted: ending 2 tasks\n" },
		{ { SIGTERM }, 0, 2, 0.3, 2.5, "terminated: ending 2 tasks\n" },
		{ { SIGHUP }, 0, 2, 0.3, 2.5, "terminated: ending 2 tasks\n" },
		{ { SIGTERM, SIGTERM },
		  0,
		  2,
		  0,
		  1.5,
		  "terminated: ending 2 tasks\ninterrupted: ending 2 tasks\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const double begin = proc_monotonic();
		struct run r;
		double took;

		run_begin(
			&r,
			"params: {x: {from: 1, to: 9, step: 1}}\n"
			"shell: \"trap 'echo told' TERM; : > ready.$x; n=0; while [ $n -lt 60 ]; do sleep 0.05; n=$((n + 1)); done\"\n"
			"retry: {times: 2}\n");
		memcpy(signals_sent, rows[i].signals, sizeof signals_sent);
		n_signals = 0;
		r.on_event = on_stop;
		need(run_pool(&r) == 0, &r, "pool_run");
		took = proc_monotonic() - begin;
		assert_true(r.sum.stopped_by_signal);
		assert_string_equal(r.said.data, rows[i].said);
		assert_int_equal(r.sum.ok, rows[i].ok);
		assert_int_equal(r.sum.interrupted, rows[i].interrupted);
		assert_int_equal(r.n_ends, 2);
		if (took < rows[i].least || took > rows[i].most + 5) {
			fail_msg("row %zu took %.1f s", i, took);
		}
		if (rows[i].interrupted && !rows[i].signals[1]) {
			char *text = run_output(&r, run_end_of(&r, 0), "o", NULL);

			assert_string_equal(text,
					    "told\n"); /* what it said until its end is kept */
			free(text);
			assert_int_equal(run_end_of(&r, 0)->outcome, OUTCOME_INTERRUPTED);
		}
		run_free(&r);
	}
}

/* ---- code that changes ---- */

static void on_edit(struct run *r, const struct pool_event *ev)
{
	if (ev->kind == POOL_START && ev->task->point.index == 1) {
		put_text(r, "input.txt", "two, and of another size\n");
	}
}

static void test_code_changes(void **state)
{
	struct run r;
	char *dir, *spec;
	struct run first;

	(void)state;
	/* The input must be there when planned: a folder made before. */
	run_begin(&first, "command: 'true'\n");
	put_text(&first, "input.txt", "one\n");
	dir = path_join(first.dir, "input.txt");
	spec = mem_printf("params: {x: [0, 1, 2]}\ninputs: {data: '%s'}\ncommand: sleep 1.3\n",
			  dir);
	run_begin(&r, spec);
	free(r.dir);
	r.dir = mem_dup(first.dir);
	r.capacity.cpus = 1;
	r.on_event = on_edit;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_string_equal(run_end_of(&r, 0)->code, r.plan->code);
	assert_string_not_equal(run_end_of(&r, 1)->code, r.plan->code);
	assert_string_equal(run_end_of(&r, 2)->code, run_end_of(&r, 1)->code);
	free(r.dir);
	r.dir = path_dir(r.rundir);
	run_free(&r);
	run_free(&first);
	free(dir);
	free(spec);
}

/* ---- the system fails ---- */

static void test_no_room(void **state)
{
	struct rlimit before, small;
	struct run r;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	run_begin(
		&r,
		"params: {x: {from: 1, to: 50, step: 1}}\nshell: 'sleep 1000 & echo $! > bg.$x; wait $!'\n"
		"overrides: [{where: x != 1, time: 10m}]\n");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 1200; /* enough for a few records */
	r.capacity.cpus = 50;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	{
		struct source src = { .next = run_next, .arg = &r, .total = 50 };
		char *env[] = { NULL };
		struct journal *j = journal_create(r.rundir, 1, "", &r.e);
		int rc;

		r.o = (struct pool_options){ .plan = r.plan,
					     .rundir = r.rundir,
					     .capacity = &r.capacity,
					     .base_env = (const char *const *)env,
					     .guard_fd = -1,
					     .sync_s = 1,
					     .grace_s = 1,
					     .max_failures = UINT64_MAX,
					     .max_failures_share = 2,
					     .event = run_event,
					     .event_arg = &r };
		assert_non_null(j);
		rc = pool_run(&r.o, j, &src, &r.sum, &r.e);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		(void)journal_close(j, NULL);
		assert_int_equal(rc, -1);
	}
	assert_int_equal(r.e.kind, ERR_SYSTEM);
	assert_true(r.sum.stopped_by_system);
	assert_true(r.events[POOL_START] > 0);
	assert_int_equal(r.events[POOL_END], r.events[POOL_START]); /* unrecorded as they are */
	assert_int_equal(r.sum.interrupted, r.events[POOL_END]);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_false(alive(number_in(&r, "bg.1")));
	run_free(&r);
	(void)signal(SIGXFSZ, SIG_DFL);
}

/* ---- with its guardian ---- */

/* Starts guardian and pool on the spec; the pid of the guardian, and the run's folder in *r (its
 * journal is read by the caller). */
static pid_t start_guarded(struct run *r, const char *spec)
{
	pid_t pid;

	run_begin(r, spec);
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int fd;

		(void)freopen("/dev/null", "w", stderr);
		for (int i = 0; i < 500; i++) {
			(void)dup(0); /* inherited by mistake, and many */
		}
		fd = guard_start(&r->e);
		r->o.grace_s = 5;
		_exit(fd < 0                   ? 90
		      : run_pool_in(r, fd) < 0 ? 91
					       : (int)(r->sum.ok + 10 * r->sum.failed));
	}
	return pid;
}

static void test_guarded(void **state)
{
	struct run r;
	int status;

	(void)state;
	assert_int_equal(
		waitpid(start_guarded(
				&r,
				"params: {x: [0, 1]}\n"
				"shell: |\n"
				"  ls /proc/$$/fd > fds.$x; [ $(wc -l < fds.$x) -le 4 ] || exit 1\n"
				"  if [ $x = 1 ]; then (exec </dev/tty) 2>/dev/null && exit 1; fi\n"
				"  [ -z \"$(trap)\" ]\n"),
			&status, 0) > 0,
		1);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 2);
	run_free(&r);
}

#define LITTER                                                         \
	"params: {x: [0, 1]}\n"                                        \
	"shell: |\n"                                                   \
	"  (setsid sh -c 'echo $$ > stray.'$x'; exec sleep 1000' &)\n" \
	"  trap '' TERM; sleep 1000 & echo $! > child.$x; echo said; echo $$ > leader.$x; while :; do sleep 1; done\n"

static void wait_for_litter(const struct run *r)
{
	assert_true(alive(getpid()));
	for (int i = 0; i < 500; i++) {
		if (number_in(r, "leader.0") && number_in(r, "leader.1") &&
		    number_in(r, "stray.0") && number_in(r, "stray.1")) {
			return;
		}
		nap(0.02);
	}
	fail_msg("the tasks did not start");
}

static void none_alive(const struct run *r)
{
	static const char *const names[] = { "leader.0", "leader.1", "stray.0",
					     "stray.1",  "child.0",  "child.1" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		for (int k = 0; k < 500 && alive(number_in(r, names[i])); k++) {
			nap(0.02);
		}
		assert_false(alive(number_in(r, names[i])));
	}
}

/* The pid of the pool: the guardian's child. */
static pid_t pool_of(pid_t guardian)
{
	struct buf b = BUF_INIT;
	char path[64];
	pid_t pid;

	(void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)guardian,
		       (int)guardian);
	if (file_read(path, &b, 0, NULL) < 0) {
		return 0; /* a kernel without these */
	}
	pid = (pid_t)strtol(buf_str(&b), NULL, 10);
	buf_free(&b);
	return pid;
}

static void test_guardian_killed(void **state)
{
	struct run r;
	pid_t pid = start_guarded(&r, LITTER), pool;
	int status;

	(void)state;
	wait_for_litter(&r);
	pool = pool_of(pid);
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	none_alive(&r);
	for (int i = 0; i < 500 && pool && alive(pool); i++) {
		nap(0.02);
	}
	run_read(&r);
	assert_int_equal(r.n_ends, 2); /* recorded all the same */
	assert_int_equal(r.ends[0].outcome, OUTCOME_INTERRUPTED);
	assert_non_null(strstr(r.ends[0].line, "\"o\":["));
	run_free(&r);
}

static void test_pool_killed(void **state)
{
	struct run r;
	pid_t pid = start_guarded(&r, LITTER);
	int status;

	(void)state;
	wait_for_litter(&r);
	if (pool_of(pid) > 1) {
		(void)kill(pool_of(pid), SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 3);
	} else {
		(void)kill(pid, SIGTERM);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	none_alive(&r);
	run_free(&r);
}

/* A scheduler's TERM to all processes of a job comes to the pool twice, and is one. */
static void test_told_twice(void **state)
{
	struct run r;
	pid_t pid = start_guarded(&r, "params: {x: [0]}\n"
				      "shell: |\n"
				      "  trap 'sleep 1; echo > saved; exit 9' TERM\n"
				      "  echo $$ > ready; while :; do sleep 0.05; done\n"),
	      pool;
	int status;

	(void)state;
	for (int i = 0; i < 500 && !number_in(&r, "ready"); i++) {
		nap(0.02);
	}
	pool = pool_of(pid);
	if (pool > 1) {
		(void)kill(pool, SIGTERM);
	}
	(void)kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	run_read(&r);
	assert_int_equal(run_end_of(&r, 0)->outcome, OUTCOME_INTERRUPTED);
	assert_int_equal(run_end_of(&r, 0)->exit_code, 9);
	assert_true(there(&r, "saved"));
	run_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes),       cmocka_unit_test(test_not_started),
		cmocka_unit_test(test_retries),        cmocka_unit_test(test_forced),
		cmocka_unit_test(test_output),         cmocka_unit_test(test_short_outputs),
		cmocka_unit_test(test_streams_as_new), cmocka_unit_test(test_output_of_strays),
		cmocka_unit_test(test_result_files),   cmocka_unit_test(test_scratch),
		cmocka_unit_test(test_background),     cmocka_unit_test(test_strays),
		cmocka_unit_test(test_grace),          cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_gpus),           cmocka_unit_test(test_never_fits),
		cmocka_unit_test(test_max_failures),   cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_code_changes),   cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_guarded),        cmocka_unit_test(test_guardian_killed),
		cmocka_unit_test(test_pool_killed),    cmocka_unit_test(test_told_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
