/* SPDX-License-Identifier: MIT */
/* The table of processes: parents, hostile names, memory, children, environment. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "run/usage.h"
#include "tests/unit/refuse.h"

#define MB ((size_t)1 << 20)

/* A child that tells when it is ready, and waits to be killed. */
static pid_t child(void (*prepare)(void))
{
	int ends[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		if (prepare) {
			prepare();
		}
		(void)!write(ends[1], "x", 1);
		(void)close(ends[1]);
		for (;;) {
			(void)pause();
		}
	}
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], &c, 1), 1);
	(void)close(ends[0]);
	return pid;
}

static void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void hostile_name(void)
{
	(void)prctl(PR_SET_NAME, "a) R 1 1 (b");
	(void)setpgid(0, 0);
}

static void test_names(void **state)
{
	struct usage u = USAGE_INIT;
	const pid_t pid = child(hostile_name);
	const struct usage_proc *p;
	const uint64_t now = usage_ticks_now();

	(void)state;
	assert_int_equal(usage_scan(&u), 0);
	p = usage_find(&u, pid);
	assert_non_null(p);
	assert_int_equal(p->ppid, getpid());
	assert_int_equal(p->group, pid);
	assert_non_null(strchr("SRD", p->state)); /* it has just said that it is there */
	assert_true(p->start <= now && p->start + 500 > now);
	assert_null(usage_find(&u, 0));
	for (size_t i = 1; i < u.n; i++) {
		assert_true(u.procs[i - 1].pid < u.procs[i].pid);
	}
	end(pid);
	assert_int_equal(usage_scan(&u), 0);
	assert_null(usage_find(&u, pid));
	usage_free(&u);
}

static pid_t grandchild;

static void fork_more(void)
{
	grandchild = fork();
	if (grandchild == 0) {
		for (;;) {
			(void)pause();
		}
	}
}

static void test_owners(void **state)
{
	struct usage u = USAGE_INIT;
	const pid_t pid = child(fork_more), other = child(NULL);
	int found = 0;

	(void)state;
	assert_int_equal(usage_scan(&u), 0);
	usage_find(&u, getpid())->owner = 7;
	usage_find(&u, pid)->owner = 1;
	usage_inherit(&u);
	for (size_t i = 0; i < u.n; i++) {
		if (u.procs[i].ppid == pid) {
			assert_int_equal(u.procs[i].owner, 1);
			grandchild = u.procs[i].pid;
			found++;
		}
	}
	assert_int_equal(found, 1);
	assert_int_equal(usage_find(&u, other)->owner, 7);
	assert_int_equal(usage_find(&u, getppid())->owner, USAGE_FOREIGN);
	(void)kill(grandchild, SIGKILL);
	end(pid);
	end(other);
	usage_free(&u);
}

/* The kernel fills the pages: where we write, a sanitizer writes as well. */
static void take_own(void)
{
	assert_true(mmap(NULL, 64 * MB, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) != MAP_FAILED);
}

static void take_shared(void)
{
	assert_true(mmap(NULL, 64 * MB, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) != MAP_FAILED);
}

static void test_memory(void **state)
{
	const pid_t small = child(NULL), big = child(take_own), common = child(take_shared);
	uint64_t own0, shared0, own, shared;

	(void)state;
	usage_memory(small, &own0, &shared0);
	usage_memory(big, &own, &shared);
	assert_in_range(own - own0, 60 * MB, 72 * MB);
	usage_memory(common, &own, &shared);
	assert_in_range(shared - shared0, 60 * MB, 72 * MB);
	assert_true(own < own0 + 8 * MB);
	end(small);
	end(big);
	end(common);
	usage_memory(small, &own, &shared);
	assert_int_equal(own + shared, 0);
}

static bool lists(const pid_t *pids, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++) {
		if (pids[i] == pid) {
			return true;
		}
	}
	return false;
}

#define MANY 1000 /* their numbers fill more than a page */

static void test_children(void **state)
{
	struct usage u = USAGE_INIT;
	pid_t *pids, made[MANY];
	size_t n, many = 0;

	(void)state;
	if (usage_children(&u, &pids, &n) < 0) {
		print_message("this kernel does not list children\n");
		skip();
	}
	assert_int_equal(n, 0);
	made[0] = fork();
	while (made[many] > 0 && ++many < MANY) {
		made[many] = fork();
	}
	if (many < MANY && made[many] == 0) {
		for (;;) {
			(void)pause();
		}
	}
	assert_true(many > 0);
	assert_int_equal(usage_children(&u, &pids, &n), 0);
	assert_int_equal(n, many);
	for (size_t i = 0; i < many; i++) {
		assert_true(lists(pids, n, made[i]));
	}
	for (size_t i = 1; i < many; i++) {
		end(made[i]);
	}
	assert_int_equal(usage_children(&u, &pids, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(pids[0], made[0]);
	end(made[0]);
	assert_int_equal(usage_children(&u, &pids, &n), 0);
	assert_int_equal(n, 0);
	usage_free(&u);
}

static void test_variable(void **state)
{
	struct usage u = USAGE_INIT;
	struct buf v = BUF_INIT;
	char sleep_[] = "sleep", long_[] = "1000", one[] = "PPGEN_TASKS=no",
	     two[] = "PPGEN_TASK=t12 3", three[] = "EMPTY=";
	char *argv[] = { sleep_, long_, NULL }, *envp[] = { one, two, three, NULL };
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		(void)execve("/bin/sleep", argv, envp);
		_exit(127);
	}
	for (int i = 0; i < 500 && !usage_variable(&u, pid, "EMPTY", &v); i++) {
		(void)usleep(10000); /* until it is another program */
	}
	assert_true(usage_variable(&u, pid, "PPGEN_TASK", &v));
	assert_string_equal(v.data, "t12 3");
	assert_true(usage_variable(&u, pid, "EMPTY", &v));
	assert_int_equal(v.len, 0);
	assert_false(usage_variable(&u, pid, "PPGEN", &v));
	end(pid);
	assert_false(usage_variable(&u, pid, "PPGEN_TASK", &v));
	buf_free(&v);
	usage_free(&u);
}

static void no_list(void)
{
	refuse(SYS_getdents64, ANY, EIO);
}

static void no_descriptors(void)
{
	leave_descriptors(0);
}

static void no_reading(void)
{
	refuse(SYS_pread64, ANY, EIO);
}

/* In a process that is refused it. */
static void test_refused(void **state)
{
	static const struct {
		void (*refuse)(void);
		bool scan, children;
	} rows[] = {
		{ no_list, false, true },
		{ no_descriptors, false, true },
		{ no_reading, true, false },
	};

	(void)state;
	if (getenv("VALGRIND_LOGS")) {
		return; /* valgrind itself needs what is refused */
	}
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const pid_t pid = fork();
		int status;

		if (pid == 0) {
			struct usage u = USAGE_INIT;
			pid_t *pids;
			size_t n;
			bool scan, children;

			if (usage_children(&u, &pids, &n) < 0) {
				_exit(2); /* a kernel that does not list them */
			}
			rows[i].refuse();
			scan = usage_scan(&u) == 0;
			children = usage_children(&u, &pids, &n) == 0;
			free_descriptors();
			_exit(scan != rows[i].scan || children != rows[i].children);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (status == W_EXITCODE(2, 0)) {
			skip();
		}
		if (status != 0) {
			fail_msg("row %zu: %x", i, (unsigned)status);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),    cmocka_unit_test(test_owners),
		cmocka_unit_test(test_memory),   cmocka_unit_test(test_children),
		cmocka_unit_test(test_variable), cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
