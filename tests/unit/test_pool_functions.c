/* SPDX-License-Identifier: MIT */
/* Functions where the system refuses something: what was recorded is sound and has its value, no
 * call counts twice, no process is left, and the message says what it was. Each case in a process
 * of its own. */
#include <fcntl.h>
#include <sys/wait.h>

#include "tests/unit/pool_test.h"

#define TASKS 200

/* What a task gives: its number, 1000 times. "large": 2 MiB more. */
static const char work[] = "def run(k, much=0):\n"
			   "    return (b'%04d' % k) * (250 + much)\n"
			   "def runs(ks):\n"
			   "    return [run(k) for k in ks]\n"
			   "def large(k):\n"
			   "    return run(k, 1 << 19)\n";

#define BYTES   "results: {value: bytes}\n"
#define MANY    "params: {k: {from: 0, to: 199, step: 1}}\n" BYTES "python: "
#define FEW     "params: {k: {from: 0, to: 2, step: 1}}\n" BYTES "python: "
#define RUN     "{call: work:run}\n"
#define LARGE   "{call: work:large}\n"
#define CHUNKS  "{call: work:runs, per: chunk}\n"
#define FORKED  "{call: work:run, isolate: fork}\n"
#define NO_WORD "python-that-is-none"

/* ---- what is refused ---- */

static void nothing(void)
{
}

static void no_packets(void)
{
	refuse_at(SYS_pipe2, 1, O_CLOEXEC | O_DIRECT, EINVAL);
}

static void no_pipes(void)
{
	refuse(SYS_pipe2, ANY, EMFILE);
}

static void no_sockets(void)
{
	refuse(SYS_socketpair, ANY, EMFILE);
}

static void no_memory_files(void)
{
	refuse(SYS_memfd_create, ANY, ENOSYS);
}

static void no_nameless_files(void)
{
	refuse_at(SYS_openat, 2, O_TMPFILE | O_RDWR | O_CLOEXEC, EOPNOTSUPP);
}

static void no_files_for_values(void)
{
	refuse_at(SYS_openat, 2, O_TMPFILE | O_RDWR | O_CLOEXEC, ENOSPC);
}

static void small_files(void)
{
	limit_files(60000);
}

static void files_below_a_megabyte(void)
{
	limit_files(1 << 20);
}

static const struct row {
	const char *name, *spec;
	void (*prepare)(void);
	int rc;
	const char *text; /* in the message, when rc is -1 */
	int good;         /* this many are; -1: no matter, but not all */
} rows[] = {
	{ "nothing", MANY RUN, nothing, 0, "", TASKS },
	{ "nothing, chunks", MANY CHUNKS, nothing, 0, "", TASKS },
	{ "nothing, large", FEW LARGE, nothing, 0, "", 3 },
	{ "no packets", MANY RUN, no_packets, 0, "", TASKS },
	{ "no packets, chunks", MANY CHUNKS, no_packets, 0, "", TASKS },
	{ "no files without names", FEW LARGE, no_nameless_files, 0, "", 3 },
	{ "no files without names, forked", FEW FORKED, no_nameless_files, 0, "", 3 },
	{ "no pipes", FEW RUN, no_pipes, -1,
	  "cannot make pipes for an interpreter: Too many open files", 0 },
	{ "no sockets", FEW FORKED, no_sockets, -1,
	  "cannot make pipes for an interpreter: Too many open files", 0 },
	{ "no processes", FEW RUN, refuse_processes, -1, "the limit of processes, see ulimit -u",
	  0 },
	{ "no processes, forked", FEW FORKED, refuse_processes, -1,
	  "the limit of processes, see ulimit -u", 0 },
	{ "no program", FEW "{call: work:run, interpreter: " NO_WORD "}\n", nothing, -1,
	  "cannot start '" NO_WORD "': no such file or directory", 0 },
	{ "no files in memory", FEW RUN, no_memory_files, -1, "Function not implemented", 0 },
	{ "no files for values", FEW LARGE, no_files_for_values, -1, "cannot keep a value in '",
	  0 },
	{ "no files, forked", FEW FORKED, no_files_for_values, -1, "cannot make a file in '", 0 },
	{ "small values", FEW LARGE, files_below_a_megabyte, -1, "cannot keep a value in '", 0 },
	{ "small files", MANY RUN, small_files, -1, "(nothing that was recorded is lost", -1 },
	{ "small files, chunks", MANY CHUNKS, small_files, -1, "(nothing that was recorded is lost",
	  -1 },
	{ "small files, forked", MANY FORKED, small_files, -1, "(nothing that was recorded is lost",
	  -1 },
};

/* ---- */

static void put_work(const struct run *r)
{
	char *path = path_join(r->dir, "work.py");

	assert_int_equal(file_publish(path, work, strlen(work), NULL), 0);
	free(path);
}

/* What was told as good, as someone hears it who believes it when the pool waits: by index. */
static bool heard[TASKS], told[TASKS];

static void hear(struct run *r, const struct pool_event *ev)
{
	(void)r;
	switch (ev->kind) {
	case POOL_END:
		heard[ev->task->point.index] |= ev->outcome == OUTCOME_OK;
		break;
	case POOL_UNRECORDED:
		memset(heard, 0, sizeof heard);
		break;
	case POOL_IDLE:
	case POOL_TICK:
		for (size_t i = 0; i < TASKS; i++) {
			told[i] |= heard[i];
			heard[i] = false;
		}
		break;
	default:
		break;
	}
}

static void check_told(const struct run *r, const char *name)
{
	bool good[TASKS] = { false };

	for (size_t i = 0; i < r->n_ends; i++) {
		good[r->ends[i].index] |= r->ends[i].outcome == OUTCOME_OK;
	}
	for (size_t i = 0; i < TASKS; i++) {
		if ((told[i] || heard[i]) && !good[i]) {
			fail_msg("%s: %zu was told as good, and is not recorded", name, i);
		}
	}
}

static int count_good(struct run *r, const char *name)
{
	int good[TASKS] = { 0 }, n = 0;

	for (size_t i = 0; i < r->n_ends; i++) {
		const struct end *end = &r->ends[i];
		char *value, want[5];

		if (end->outcome != OUTCOME_OK) {
			if (end->outcome != OUTCOME_INTERRUPTED) {
				fail_msg("%s: %s", name, end->line);
			}
			continue;
		}
		n++;
		if (good[end->index]++) {
			fail_msg("%s: twice: %s", name, end->line);
		}
		value = run_output(r, end, "v", NULL);
		(void)snprintf(want, sizeof want, "%04u", (unsigned)end->index % 10000);
		if (strlen(value) < 1000 || strlen(value) % 4 != 0) {
			fail_msg("%s: %zu bytes of %s", name, strlen(value), end->line);
		}
		for (size_t at = 0; value[at]; at += 4) {
			assert_memory_equal(value + at, want, 4);
		}
		free(value);
	}
	return n;
}

static void check_row(size_t i)
{
	const struct row *row = &rows[i];
	struct run r;
	int rc, good;

	run_begin(&r, row->spec);
	put_work(&r);
	r.before = row->prepare;
	r.on_event = hear;
	rc = run_pool(&r);
	if (rc != row->rc || (rc < 0 && !strstr(r.e.text, row->text))) {
		fail_msg("%s: %d, %s\n%s", row->name, rc, r.e.text, buf_str(&r.journal));
	}
	good = count_good(&r, row->name);
	if (row->good >= 0 ? good != row->good : good >= TASKS) {
		fail_msg("%s: %d good\n%s", row->name, good, buf_str(&r.journal));
	}
	check_told(&r, row->name);
	if (rc == 0) {
		assert_int_equal(r.sum.ok, good);
		assert_int_equal(r.events[POOL_UNRECORDED], 0);
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left */
	run_free(&r);
}

static void test_refused(void **state)
{
	(void)state;
	at_once(sizeof rows / sizeof *rows, check_row);
}

/* ---- descriptors ---- */

static unsigned left;

static void few_descriptors(void)
{
	leave_descriptors(left);
}

static void check_descriptors(size_t n, const char *spec)
{
	struct run r;
	int rc;

	run_begin(&r, spec);
	put_work(&r);
	left = (unsigned)n;
	r.before = few_descriptors;
	rc = run_pool(&r);
	if (rc < 0 ? r.e.text[0] == '\0' : count_good(&r, "descriptors") != 3) {
		fail_msg("%zu descriptors: %d, %s\n%s", n, rc, r.e.text, buf_str(&r.journal));
	}
	(void)count_good(&r, "descriptors");
	if (n < 2 || n >= 30) {
		assert_int_equal(rc, n < 2 ? -1 : 0);
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	run_free(&r);
}

static void check_worker_descriptors(size_t n)
{
	check_descriptors(2 * n, FEW LARGE);
}

static void check_fork_descriptors(size_t n)
{
	check_descriptors(2 * n, FEW FORKED);
}

static void test_descriptors(void **state)
{
	(void)state;
	at_once(16, check_worker_descriptors);
	at_once(16, check_fork_descriptors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
