/* SPDX-License-Identifier: MIT */
/* The pool in an array element: within its time, with checkpoints, told by a scheduler, beside
 * other pools; and tasks that run alone. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/pool_test.h"

static void need(bool good, const struct run *r, const char *what)
{
	if (!good) {
		fail_msg("%s: %s\n%s", what, r->e.text, buf_str(&r->journal));
	}
}

static bool there(const struct run *r, const char *name)
{
	char *path = path_join(r->dir, name);
	const bool is = file_exists(path);

	free(path);
	return is;
}

static void said(struct run *r, uint64_t index, const char *expected)
{
	char *text = run_output(r, run_end_of(r, index), "o", NULL);

	if (strcmp(text, expected) != 0) {
		fail_msg("task %u said '%s', not '%s'", (unsigned)index, text, expected);
	}
	free(text);
}

static size_t names_in(const struct run *r, const char *folder)
{
	char *path = path_join(r->rundir, folder), **names;
	size_t n = 0;

	if (file_exists(path)) {
		assert_int_equal(file_list(path, &names, &n, NULL), 0);
		free(names);
	}
	free(path);
	return n;
}

/* How one attempt is expected to have ended. */
struct expected {
	enum outcome outcome;
	int exit_code, signal;
	bool saved;          /* "ckpt" */
	const char *why;     /* "why" in the record; NULL: none */
	const char *printed; /* NULL: whatever */
};

static void check_end(struct run *r, uint64_t index, const struct expected *x)
{
	const struct end *end = run_end_of(r, index);
	char *why = x->why ? mem_printf("\"why\":\"%s\"", x->why) : mem_dup("\"why\"");
	struct record rec;

	assert_int_equal(record_decode(end->line, strlen(end->line), &rec), 1);
	if (end->outcome != x->outcome || end->exit_code != x->exit_code ||
	    end->signal != x->signal || rec.checkpointed != x->saved ||
	    (strstr(end->line, why) != NULL) != (x->why != NULL)) {
		fail_msg("task %u: %s", (unsigned)index, end->line);
	}
	if (x->printed) {
		said(r, index, x->printed);
	}
	free(why);
}

/* ---- time ---- */

static const struct {
	const char *spec;
	double left;
	unsigned ahead;
	uint64_t cpus;
	uint64_t taken, ok; /* of the source; good */
	bool by_time;
} fits[] = {
	{ "params: {x: [1, 2, 3]}\ncommand: 'true'\nresources: {time: 1m}\n", 300, 0, 2, 3, 3,
	  false },
	{ "params: {x: [1, 2, 3]}\ncommand: 'true'\nresources: {time: 1h}\n", 300, 1, 2, 1, 0,
	  true },
	{ "params: {x: [1, 2, 3]}\ncommand: 'true'\nresources: {time: 1h}\n", 300, 0, 2, 3, 0,
	  true },
	/* the first two are left, and that is all that may be looked at */
	{ "params: {x: [1, 2, 3]}\ncommand: 'true'\nresources: {time: 1h}\n"
	  "overrides: [{where: x == 3, time: 1m}]\n",
	  300, 2, 2, 2, 0, true },
	{ "params: {x: [1, 2, 3, 4, 5]}\ncommand: 'true'\nresources: {time: 1m}\n"
	  "overrides: [{where: x == 1 or x == 3, time: 1h}]\n",
	  300, 4, 1, 5, 3, true },
	/* without a limit the longest so far tells */
	{ "params: {x: [1, 2]}\ncommand: sleep 2\n", 4.5, 1, 1, 2, 1, true },
	{ "params: {x: [1, 2]}\ncommand: sleep 1\n", 300, 1, 1, 2, 2, false },
	/* also of those that run: when the third ends, the first has run for 3 s */
	{ "params: {x: [4, 1.4, 1.6, 0]}\ncommand: 'sleep {x}'\n", 6, 1, 2, 4, 3, true },
	{ "params: {x: [1, 2]}\ncommand: 'true'\n", -1, 4, 2, 2, 0, true },
	/* who can save what it did needs no more than the time for that */
	{ "params: {x: [1, 2]}\ncommand: 'true'\nresources: {time: 1h}\n"
	  "checkpoint: {signal: USR1, before: 1m}\n",
	  300, 4, 1, 2, 2, false },
	{ "params: {x: [1, 2]}\ncommand: 'true'\nresources: {time: 1h}\n"
	  "checkpoint: {signal: USR1, before: 299s}\n",
	  300, 4, 1, 2, 0, true },
	{ "params: {x: [1, 2]}\ncommand: 'true'\n"
	  "checkpoint: {signal: USR1, before: 299s}\n",
	  300, 4, 1, 2, 0, true },
	{ "params: {x: [1, 2]}\ncommand: 'true'\nresources: {time: 1m}\n"
	  "checkpoint: {signal: USR1, before: 299s}\n",
	  300, 4, 1, 2, 2, false },
};

static void check_fits(size_t i)
{
	struct run r;

	run_begin(&r, fits[i].spec);
	r.capacity.cpus = fits[i].cpus;
	r.left = fits[i].left;
	r.o.ahead = fits[i].ahead;
	need(run_pool(&r) == 0, &r, "pool_run");
	if (r.next != fits[i].taken || r.sum.ok != fits[i].ok || r.n_ends != fits[i].ok ||
	    r.sum.stopped_by_time != fits[i].by_time) {
		fail_msg("row %zu: %u taken, %u good, %s\n%s", i, (unsigned)r.next,
			 (unsigned)r.sum.ok, r.sum.stopped_by_time ? "stopped" : "not stopped",
			 buf_str(&r.journal));
	}
	assert_false(r.sum.stopped_by_signal);
	run_free(&r);
}

static void test_what_fits(void **state)
{
	(void)state;
	at_once(sizeof fits / sizeof *fits, check_fits);
}

static void check_cut_off(void)
{
	static const struct expected rows[] = {
		{ OUTCOME_INTERRUPTED, 0, SIGTERM, false,
		  "cut off by the end of the element's wall time", "begun\n" },
		{ OUTCOME_INTERRUPTED, 0, SIGKILL, false,
		  "cut off by the end of the element's wall time", "begun\n" },
		{ OUTCOME_INTERRUPTED, 0, 0, false, "cut off by the end of the element's wall time",
		  "begun\ntold\n" },
		{ OUTCOME_TIMEOUT, 0, SIGTERM, false, "over its time limit of 2s", "begun\n" },
		{ OUTCOME_OK, 0, 0, false, NULL, "begun\n" },
	};
	struct run r;

	run_begin(&r, "params: {how: [hang, ignore, told, limit, short]}\n"
		      "shell: |\n"
		      "  echo begun\n"
		      "  case $how in\n"
		      "  hang|limit) exec sleep 60;;\n"
		      "  ignore) trap '' TERM; while :; do sleep 0.1; done;;\n"
		      "  told) trap 'echo told; exit 0' TERM; while :; do sleep 0.05; done;;\n"
		      "  esac\n"
		      "overrides: [{where: how == 'limit', time: 2s}]\n"
		      "retry: {times: 3}\n");
	r.capacity.cpus = 5;
	r.left = 3;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.n_ends, 5);
	for (size_t i = 0; i < r.n_ends; i++) {
		check_end(&r, i, &rows[i]);
	}
	assert_true(r.sum.stopped_by_time);
	assert_false(r.sum.stopped_by_signal);
	assert_int_equal(r.sum.interrupted, 3);
	assert_int_equal(r.sum.ok, 1);
	assert_non_null(strstr(r.said.data, "out of time: ending 3 tasks\n"));
	run_free(&r);
}

static void check_retry_in_time(void)
{
	static const struct {
		double left;
		unsigned ends;
		uint64_t failed;
		bool by_time;
	} rows[] = { { 4.5, 1, 0, true }, { 60, 2, 1, false } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct run r;

		run_begin(&r, "shell: sleep 2; exit 3\nretry: {times: 1}\n");
		r.left = rows[i].left;
		need(run_pool(&r) == 0, &r, "pool_run");
		assert_int_equal(r.n_ends, rows[i].ends);
		assert_int_equal(r.sum.failed, rows[i].failed);
		assert_int_equal(r.sum.stopped_by_time, rows[i].by_time);
		run_free(&r);
	}
}

/* ---- growing ---- */

static unsigned n_retried;

static void on_retried(struct run *r, const struct pool_event *ev)
{
	(void)r;
	n_retried += ev->kind == POOL_END && ev->retried;
}

#define EATS                                                                                \
	"command: [python3, -c, 'x = bytearray(400 << 20); import time; time.sleep(30)']\n" \
	"resources: {memory: 60M}\nretry: {times: 1, on: [oom], memory: x2}\n"
#define SLEEPS                                        \
	"command: sleep 2.5\nresources: {time: 2s}\n" \
	"retry: {times: 1, on: [timeout], time: x10}\n"

static const struct {
	const char *spec;
	bool leave;
	uint64_t memory; /* M */
	double left;
	unsigned ends, retried, ok;
} growths[] = {
	{ EATS, true, 100, 300, 1, 0, 0 },  { EATS, true, 120, 300, 2, 1, 0 },
	{ EATS, false, 100, 300, 2, 1, 0 }, { SLEEPS, true, 0, 20, 1, 0, 0 },
	{ SLEEPS, true, 0, 300, 2, 1, 1 },  { SLEEPS, true, 0, 0, 2, 1, 1 },
};

static void check_growing(size_t i)
{
	struct run r;

	run_begin(&r, growths[i].spec);
	r.capacity.memory = growths[i].memory << 20;
	r.left = growths[i].left;
	r.o.leave_growing = growths[i].leave;
	r.on_event = on_retried;
	n_retried = 0;
	need(run_pool(&r) == 0, &r, "pool_run");
	if (r.n_ends != growths[i].ends || n_retried != growths[i].retried ||
	    r.sum.ok != growths[i].ok || r.sum.failed != 1 - growths[i].ok) {
		fail_msg("row %zu: %u retried\n%s", i, n_retried, buf_str(&r.journal));
	}
	run_free(&r);
}

static void test_growing(void **state)
{
	(void)state;
	at_once(sizeof growths / sizeof *growths, check_growing);
}

static void had_past(void *arg, unsigned *tries, double *memory, double *time)
{
	const struct run *r = arg;

	*tries = 1;
	*memory = 2;
	*time = r->next == 2 ? 4 : 1;
}

/* What earlier attempts elsewhere have left: tries that count, limits that are raised. */
static void check_past(void)
{
	static const unsigned ends[] = { 2, 1 };
	struct run r;

	run_begin(&r, "params: {x: [fails, sleeps]}\n"
		      "shell: 'echo $PPGEN_MEMORY; [ $x = sleeps ] || exit 1; sleep 2.5'\n"
		      "resources: {memory: 60M, time: 2s}\nretry: {times: 2, on: [exit]}\n");
	r.past = had_past;
	r.o.leave_growing = true;
	r.capacity.memory = (uint64_t)1 << 30;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.n_ends, ends[0] + ends[1]);
	assert_int_equal(run_end_of(&r, 0)->attempt, 2);
	said(&r, 0, "125829120\n");
	said(&r, 1, "125829120\n");
	assert_int_equal(run_end_of(&r, 1)->outcome, OUTCOME_OK);
	assert_non_null(strstr(r.journal.data, "\"limit\":8"));
	run_free(&r);
}

/* ---- checkpoints ---- */

#define SAVERS                                                                                           \
	"params: {how: [goes_on, leaves, ends, lacks, dies, dies2, crashes, leader, quick]}\n"           \
	"shell: |\n"                                                                                     \
	"  case $how in\n"                                                                               \
	"  goes_on) trap 'echo saved' USR1;;\n"                                                          \
	"  leaves) trap 'echo saved; exit 85' USR1;;\n"                                                  \
	"  ends) trap 'echo \"{}\"; exit 0' USR1;;\n"                                                    \
	"  lacks) trap 'exit 0' USR1;;\n"                                                                \
	"  dies2) trap 'exit 138' USR1;;\n"                                                              \
	"  crashes) trap 'kill -SEGV $$' USR1;;\n"                                                       \
	"  leader) sleep 60 & child=$!; trap 'sleep 0.3; kill -0 $child && echo lives; exit 1' USR1;;\n" \
	"  quick) echo '{}'; exit 0;;\n"                                                                 \
	"  esac\n"                                                                                       \
	"  while :; do sleep 0.05; done\n"                                                               \
	"results: {stdout: json}\n"

static void check_savers(struct run *r, const struct expected *rows)
{
	r->capacity.cpus = 9;
	need(run_pool(r) == 0, r, "pool_run");
	assert_int_equal(r->n_ends, 9);
	for (uint64_t i = 0; i < 9; i++) {
		check_end(r, i, &rows[i]);
	}
	run_free(r);
}

#define UNKNOWN ": it does not know its checkpoint signal"

static void check_checkpoint_before_limit(void)
{
	static const struct expected rows[] = {
		{ OUTCOME_TIMEOUT, 0, SIGTERM, true, "over its time limit of 4s", "saved\n" },
		{ OUTCOME_TIMEOUT, 85, 0, true,
		  "left after its checkpoint signal with exit code 85", "saved\n" },
		{ OUTCOME_OK, 0, 0, false, NULL, "{}\n" },
		{ OUTCOME_TIMEOUT, 0, 0, true, "left after its checkpoint signal", "" },
		{ OUTCOME_SIGNAL, 0, SIGUSR1, false, "signal 10 (User defined signal 1)" UNKNOWN,
		  "" },
		{ OUTCOME_EXIT, 138, 0, false, "exit code 138" UNKNOWN, "" },
		{ OUTCOME_SIGNAL, 0, SIGSEGV, false, "signal 11 (Segmentation fault)", "" },
		{ OUTCOME_TIMEOUT, 1, 0, true, "left after its checkpoint signal with exit code 1",
		  "lives\n" },
		{ OUTCOME_OK, 0, 0, false, NULL, "{}\n" },
	};
	struct run r;

	run_begin(&r, SAVERS "resources: {time: 4s}\ncheckpoint: {signal: USR1, before: 2s}\n");
	check_savers(&r, rows);
}

static void check_checkpoint_before_end(void)
{
	static const struct expected rows[] = {
		{ OUTCOME_INTERRUPTED, 0, SIGTERM, true,
		  "cut off by the end of the element's wall time", "saved\n" },
		{ OUTCOME_INTERRUPTED, 85, 0, true,
		  "left after its checkpoint signal with exit code 85", "saved\n" },
		{ OUTCOME_OK, 0, 0, false, NULL, "{}\n" },
		{ OUTCOME_INTERRUPTED, 0, 0, true, "left after its checkpoint signal", "" },
		{ OUTCOME_INTERRUPTED, 0, SIGUSR1, false, "interrupted" UNKNOWN, "" },
		{ OUTCOME_INTERRUPTED, 138, 0, false, "interrupted" UNKNOWN, "" },
		{ OUTCOME_SIGNAL, 0, SIGSEGV, false, "signal 11 (Segmentation fault)", "" },
		{ OUTCOME_INTERRUPTED, 1, 0, true,
		  "left after its checkpoint signal with exit code 1", "lives\n" },
		{ OUTCOME_OK, 0, 0, false, NULL, "{}\n" },
	};
	struct run r;

	run_begin(&r, SAVERS "resources: {time: 1h}\ncheckpoint: {signal: USR1, before: 2s}\n"
			     "retry: {times: 2, on: [timeout]}\n");
	r.left = 8;
	check_savers(&r, rows);
}

static int signals_sent[3];
static size_t n_signals;

static bool all_ready(const struct run *r)
{
	return there(r, "ready.1") && there(r, "ready.2");
}

/* Sends the first signal when two tasks run, the others when the one before was heard. */
static void on_stop(struct run *r, const struct pool_event *ev)
{
	if (n_signals < 3 && signals_sent[n_signals] &&
	    ((ev->kind == POOL_TICK && n_signals == 0 && all_ready(r)) ||
	     ev->kind == POOL_STOPPING)) {
		(void)kill(getpid(), signals_sent[n_signals++]);
	}
}

static const struct {
	int signals[3];
	bool drain;
	struct expected x;
	bool by_signal, by_time;
	unsigned begun;
} tellings[] = {
	/* the checkpoint signal, then TERM */
	{ { SIGTERM },
	  false,
	  { OUTCOME_INTERRUPTED, 9, 0, true, "interrupted", "saved\ntold\n" },
	  true,
	  false,
	  2 },
	{ { SIGHUP },
	  true,
	  { OUTCOME_INTERRUPTED, 9, 0, true, "interrupted", "saved\ntold\n" },
	  true,
	  false,
	  2 },
	{ { SIGINT, SIGINT },
	  false,
	  { OUTCOME_INTERRUPTED, 9, 0, true, "interrupted", "saved\ntold\n" },
	  true,
	  false,
	  2 },
	/* the first Ctrl-C lets them finish */
	{ { SIGINT }, false, { OUTCOME_OK, 0, 0, false, NULL, "done\n" }, true, false, 2 },
	/* near the end: they are told, and go on */
	{ { SIGUSR1 }, true, { OUTCOME_OK, 0, 0, false, NULL, "saved\ndone\n" }, false, true, 2 },
	{ { SIGUSR2 }, true, { OUTCOME_OK, 0, 0, false, NULL, "saved\ndone\n" }, false, true, 2 },
	{ { SIGUSR1 }, false, { OUTCOME_OK, 0, 0, false, NULL, "done\n" }, false, false, 3 },
};

static void check_telling(size_t i)
{
	struct run r;

	run_begin(
		&r,
		"params: {x: [1, 2, 3]}\n"
		"shell: |\n"
		"  trap 'echo saved; echo > saved.$x' USR1; trap 'echo told; exit 9' TERM\n"
		"  : > ready.$x; n=0\n"
		"  while [ $n -lt 25 ] || { [ -e wait ] && [ ! -e saved.$x ]; }; do sleep 0.1; n=$((n + 1)); done\n"
		"  echo done\n"
		"checkpoint: {signal: USR1, before: 1s}\n");
	if (tellings[i].by_time) {
		char *wait = path_join(r.dir, "wait");

		assert_int_equal(file_publish(wait, "", 0, NULL), 0);
		free(wait);
	}
	memcpy(signals_sent, tellings[i].signals, sizeof signals_sent);
	n_signals = 0;
	r.on_event = on_stop;
	r.o.drain_on_usr = tellings[i].drain;
	r.o.grace_s = 3;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.n_ends, tellings[i].begun);
	check_end(&r, 0, &tellings[i].x);
	check_end(&r, 1, &tellings[i].x);
	assert_int_equal(r.sum.stopped_by_signal, tellings[i].by_signal);
	assert_int_equal(r.sum.stopped_by_time, tellings[i].by_time);
	run_free(&r);
}

static void test_checkpoint_when_told(void **state)
{
	(void)state;
	at_once(sizeof tellings / sizeof *tellings, check_telling);
}

/* Tells the pool as soon as the task's first process is gone. */
#define LATER                                                                                             \
	"setsid sh -c \": > up; while kill -0 $$; do sleep 0.01; done; kill -TERM $PPID\" 2>/dev/null & " \
	"while [ ! -e up ]; do sleep 0.01; done; "

/* A signal of the scheduler that reaches tasks and pool at once is nobody's fault. */
static const struct {
	const char *does; /* $PPID is the pool */
	enum outcome outcome;
	bool by_signal;
} hits[] = {
	{ "kill -TERM $PPID $$", OUTCOME_INTERRUPTED, true },
	{ "kill -HUP $PPID $$", OUTCOME_INTERRUPTED, true },
	{ LATER "kill -TERM $$", OUTCOME_INTERRUPTED, true },
	{ LATER "exit 143", OUTCOME_INTERRUPTED, true },
	{ LATER "exit 3", OUTCOME_EXIT, true },
	{ "kill -TERM $$", OUTCOME_SIGNAL, false },
	{ "kill -INT $$", OUTCOME_SIGNAL, false },
	{ "exit 143", OUTCOME_EXIT, false },
};

static void check_hit(size_t i)
{
	/* a neighbour, so that the pool is there to be told */
	char *spec = mem_printf("params: {x: [0, 1]}\n"
				"shell: |\n"
				"  if [ $x = 1 ]; then exec sleep 1.5; fi\n"
				"  sleep 0.3; %s; sleep 30\n",
				hits[i].does);
	struct run r;

	run_begin(&r, spec);
	need(run_pool(&r) == 0, &r, "pool_run");
	if (run_end_of(&r, 0)->outcome != hits[i].outcome ||
	    r.sum.stopped_by_signal != hits[i].by_signal) {
		fail_msg("row %zu: %s", i, run_end_of(&r, 0)->line);
	}
	assert_int_equal(run_end_of(&r, 1)->outcome,
			 hits[i].by_signal ? OUTCOME_INTERRUPTED : OUTCOME_OK);
	run_free(&r);
	free(spec);
}

static void test_told_at_once(void **state)
{
	(void)state;
	at_once(sizeof hits / sizeof *hits, check_hit);
}

static void (*const waits[])(void) = { check_cut_off, check_retry_in_time, check_past,
				       check_checkpoint_before_limit, check_checkpoint_before_end };

static void check_wait(size_t i)
{
	waits[i]();
}

static void test_waits(void **state)
{
	(void)state;
	at_once(sizeof waits / sizeof *waits, check_wait);
}

/* ---- alone ---- */

static unsigned alone_now, beside_now, alone_with;

static void on_alone(struct run *r, const struct pool_event *ev)
{
	const int step = ev->kind == POOL_START ? 1 : ev->kind == POOL_END ? -1 : 0;

	(void)r;
	if (step != 0 && resources_alone(&ev->task->res)) {
		alone_now += (unsigned)step;
	} else if (step != 0) {
		beside_now += (unsigned)step;
	}
	alone_with += alone_now > 1 || (alone_now == 1 && beside_now > 0);
}

static void test_alone(void **state)
{
	static const char *const kinds[] = { "exclusive: true", "ranks: 2",
					     "nodes: 3, ranks: 500, cpus: 8", "nodes: 2" };

	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		char *spec = mem_printf(
			"params: {x: {from: 1, to: 30, step: 1}}\ncommand: sleep 0.05\n"
			"overrides: [{where: x == 2 or x == 3 or x == 9 or x == 20, %s}]\n",
			kinds[i]);
		struct run r;

		run_begin(&r, spec);
		r.capacity.cpus = 4;
		r.on_event = on_alone;
		alone_now = beside_now = alone_with = 0;
		need(run_pool(&r) == 0, &r, "pool_run");
		assert_int_equal(r.sum.ok, 30);
		assert_int_equal(alone_with, 0);
		run_free(&r);
		free(spec);
	}
}

static void test_ranks_that_never_fit(void **state)
{
	static const struct {
		const char *resources, *text;
	} rows[] = {
		{ "ranks: 3",
		  "needs 3 cpus (3 ranks of 1), but only 2 may be used here (-j): lower resources.ranks, or raise -j" },
		{ "ranks: 16, cpus: 4",
		  "needs 64 cpus (16 ranks of 4), but only 2 may be used here (-j): lower resources.ranks" },
		{ "ranks: 1, cpus: 3",
		  "needs 3 cpus, but only 2 may be used here (-j): lower resources.cpus, or raise -j" },
		{ "exclusive: true, cpus: 3", "needs 3 cpus, but only 2" },
		{ "nodes: 2, ranks: 2, memory: 900T", "needs 900T of memory" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *spec = mem_printf("command: ['true']\nresources: {%s}\n", rows[i].resources);
		struct run r;

		run_begin(&r, spec);
		r.capacity.cpus_by = "-j";
		assert_int_equal(run_pool(&r), -1);
		assert_int_equal(r.e.kind, ERR_BAD);
		if (!strstr(r.e.text, rows[i].text)) {
			fail_msg("%s", r.e.text);
		}
		run_free(&r);
		free(spec);
	}
}

/* The words of {launch} are the pool's option. */
static void test_launch(void **state)
{
	static const char *const words[] = { "env", "-u", "NONE", "echo", "{{ranks}}", NULL };
	struct run r;

	(void)state;
	run_begin(&r, "command: '{launch} program'\nresources: {ranks: 2}\n");
	r.o.launch = words;
	need(run_pool(&r) == 0, &r, "pool_run");
	said(&r, 0, "2 program\n");
	run_free(&r);
}

/* ---- folders ---- */

static void test_keep(void **state)
{
	static const char spec[] = "params: {x: [good, bad]}\n"
				   "shell: |\n"
				   "  cd \"$PPGEN_KEEP\" || exit 9\n"
				   "  stat -c %a . >> seen; wc -l < seen | tr -d ' '\n"
				   "  [ $x = good ] && [ $(wc -l < seen) = 2 ]\n"
				   "retry: {times: 1}\n";
	struct run r;

	(void)state;
	run_begin(&r, spec);
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.n_ends, 4);
	said(&r, 0, "2\n"); /* the second attempt found what the first had left */
	said(&r, 1, "2\n");
	assert_int_equal(run_end_of(&r, 0)->outcome, OUTCOME_OK);
	assert_int_equal(names_in(&r, "keep"), 1); /* gone with success, else it stays */
	run_free(&r);
}

/* A forced run begins anew: what those left that no longer count is not gone on with. */
static void test_keep_forced(void **state)
{
	struct run r;
	char *dir, *file;
	struct task t;

	(void)state;
	run_begin(&r, "shell: 'ls \"$PPGEN_KEEP\"; : > \"$PPGEN_KEEP/new\"; exit 1'\n"
		      "retry: {times: 1}\n");
	task_init(&t, r.plan);
	assert_int_equal(task_load(&t, r.plan, 0, NULL), 0);
	dir = mem_printf("%s/keep/%s.%s", r.rundir, t.shown, t.code);
	file = path_join(dir, "old");
	assert_int_equal(file_make_dirs(dir, NULL), 0);
	assert_int_equal(file_publish(file, "", 0, NULL), 0);
	r.upto = 3;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.n_ends, 2);
	assert_int_equal(run_end_of(&r, 0)->attempt, 5);
	said(&r, 0, "new\n"); /* of the attempt before, which does count */
	task_free(&t);
	free(file);
	free(dir);
	run_free(&r);
}

/* {keep} that is no folder is the task's own fault. */
static void test_keep_in_the_way(void **state)
{
	struct run r;
	char *path;
	struct task t;

	(void)state;
	run_begin(&r, "command: ls {keep}\n");
	task_init(&t, r.plan);
	assert_int_equal(task_load(&t, r.plan, 0, NULL), 0);
	path = mem_printf("%s/keep", r.rundir);
	assert_int_equal(file_make_dirs(path, NULL), 0);
	free(path);
	path = mem_printf("%s/keep/%s.%s", r.rundir, t.shown, t.code);
	assert_int_equal(file_publish(path, "", 0, NULL), 0);
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(run_end_of(&r, 0)->outcome, OUTCOME_NOT_STARTED);
	assert_non_null(strstr(run_end_of(&r, 0)->line, "' is no folder: remove it"));
	task_free(&t);
	free(path);
	run_free(&r);
}

/* One attempt of the task in a pool of its own process, as on another node; the pid. */
static pid_t start_beside(struct run *r, const char *name, const char *other)
{
	const pid_t pid = fork();

	if (pid == 0) {
		static char *environment[] = { "PATH=/usr/bin:/bin", NULL, NULL, NULL };
		char *scratch = mem_printf("%s/scratch/%s", r->rundir, name);
		struct source src = { .next = run_next, .arg = r, .total = 1 };
		struct journal *j = journal_create(r->rundir, r->plan->number, "", &r->e);
		struct pool_options o = { .plan = r->plan,
					  .rundir = r->rundir,
					  .capacity = &r->capacity,
					  .base_env = (const char *const *)environment,
					  .guard_fd = -1,
					  .sync_s = 1,
					  .grace_s = 1,
					  .max_failures = UINT64_MAX,
					  .max_failures_share = 2,
					  .scratch = scratch };

		environment[1] = mem_printf("ME=%s/%s", r->dir, name);
		environment[2] = mem_printf("OTHER=%s/%s", r->dir, other);
		if (!j || pool_run(&o, j, &src, &r->sum, &r->e) < 0 || journal_close(j, NULL) < 0) {
			_exit(90);
		}
		_exit((int)r->sum.ok);
	}
	return pid;
}

/* Two attempts of one task at once, on two nodes, have each a scratch folder of their own. */
static void test_two_nodes(void **state)
{
	pid_t pids[2];
	struct run r;
	int status;

	(void)state;
	run_begin(
		&r,
		"shell: |\n"
		"  echo mine > file; pwd > \"$ME\"\n"
		"  n=0; while [ ! -e \"$OTHER\" ] && [ $n -lt 400 ]; do sleep 0.05; n=$((n + 1)); done\n"
		"  sleep 0.3; [ -e file ] && [ \"$(cat \"$ME\")\" != \"$(cat \"$OTHER\")\" ]\n"
		"workdir: '{scratch}'\n");
	(void)fflush(NULL);
	pids[0] = start_beside(&r, "a", "b");
	pids[1] = start_beside(&r, "b", "a");
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 1);
	}
	assert_int_equal(names_in(&r, "scratch"), 0); /* removed, being empty */
	run_free(&r);
}

/* ---- clocks ---- */

/* A result file that was there, with a time that is yet to come: another machine's clock. */
static void test_file_of_the_future(void **state)
{
	struct timespec times[2];
	struct run r;

	(void)state;
	run_begin(&r, "params: {x: [old, new]}\n"
		      "shell: '[ $x = old ] || printf \"a\\n2\\n\" > out.$x.csv'\n"
		      "results: {files: {trace: 'out.{x}.csv'}}\n"
		      "resources: {nodes: 2}\n");
	for (int i = 0; i < 2; i++) {
		char *path = path_join(r.dir, i ? "out.new.csv" : "out.old.csv");

		assert_int_equal(file_publish(path, "a\n1\n", 4, NULL), 0);
		assert_int_equal(clock_gettime(CLOCK_REALTIME, &times[0]), 0);
		times[0].tv_sec += 60;
		times[1] = times[0];
		assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
		free(path);
	}
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(run_end_of(&r, 0)->outcome, OUTCOME_INVALID);
	assert_non_null(strstr(run_end_of(&r, 0)->line, "is older than the start"));
	assert_int_equal(run_end_of(&r, 1)->outcome, OUTCOME_OK);
	run_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_fits),
		cmocka_unit_test(test_growing),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_checkpoint_when_told),
		cmocka_unit_test(test_told_at_once),
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_ranks_that_never_fit),
		cmocka_unit_test(test_launch),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_keep_forced),
		cmocka_unit_test(test_keep_in_the_way),
		cmocka_unit_test(test_two_nodes),
		cmocka_unit_test(test_file_of_the_future),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
