/* SPDX-License-Identifier: MIT */
#include "tests/unit/store_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/json.h"
#include "base/proc.h"
#include "store/process.h"
#include "store/rundir.h"

static void put_file(const char *dir, const char *name, const char *text)
{
	struct err e = ERR_INIT;
	char *path = path_join(dir, name);

	file_publish(path, text, strlen(text), &e);
	assert_no_error(&e);
	free(path);
}

static bool is_there(const char *dir, const char *name)
{
	char *path = path_join(dir, name);
	const bool is = file_exists(path);

	free(path);
	return is;
}

static void test_create(void **state)
{
	static const char *const wanted[] = { "ppgen.json", "plan", "claims", "journal", "output" };
	char *path = path_join(*state, "runs/a b");
	struct err e = ERR_INIT;

	assert_false(rundir_is(path));
	assert_int_equal(rundir_check(path, &e), -1);
	assert_non_null(strstr(e.text, "is no run directory"));
	err_clear(&e);
	rundir_create(path, &e);
	assert_no_error(&e);
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		assert_true(is_there(path, wanted[i]));
	}
	assert_true(rundir_is(path));
	assert_int_equal(rundir_check(path, &e), 0);
	assert_int_equal(rundir_create(path, &e), 0); /* again */
	free(path);
}

/* What is somebody else's stays as it is. */
static void test_refused(void **state)
{
	static const struct {
		const char *name, *text, *message;
	} rows[] = {
		{ "notes.txt", "mine", "neither empty nor a run directory" },
		{ ".hidden", "mine", "neither empty nor a run directory" },
		{ "ppgen.json", "{\"format\":2}",
		  "has format 2, but this ppgen knows formats up to 1" },
		{ "ppgen.json", "{\"format\":\"x\"}", "is damaged" },
		{ "ppgen.json", "", "is damaged" },
	};
	struct err e = ERR_INIT;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char name[16];
		char *path;
		char **names;
		size_t n;

		snprintf(name, sizeof name, "d%zu", i);
		path = path_join(*state, name);
		assert_int_equal(mkdir(path, 0777), 0);
		put_file(path, rows[i].name, rows[i].text);
		assert_int_equal(rundir_create(path, &e), -1);
		assert_non_null(strstr(e.text, rows[i].message));
		assert_int_equal(e.kind, ERR_BAD);
		err_clear(&e);
		assert_int_equal(file_list(path, &names, &n, &e), 0);
		assert_int_equal(n, rows[i].name[0] == '.' ? 0 : 1);
		free(names);
		free(path);
	}
	put_file(*state, "file", "x");
	char *file = path_join(*state, "file");

	assert_int_equal(rundir_create(file, &e), -1);
	assert_non_null(strstr(e.text, "is no folder"));
	free(file);
}

/* Run as another user where we are root: root may write anywhere. */
static void test_not_writable(void **state)
{
	char *path = path_join(*state, "run"), *below = path_join(*state, "run/x");
	struct err e = ERR_INIT;
	int status;
	pid_t pid;

	rundir_create(path, &e);
	assert_no_error(&e);
	assert_int_equal(chmod(*state, 0755), 0);
	pid = fork();
	if (pid == 0) {
		const char *faults[2] = { "", "" };
		struct err e2 = ERR_INIT;

		if (geteuid() == 0 && setuid(65534) < 0) {
			_exit(9);
		}
		if (geteuid() != 65534) {
			chmod(path, 0555);
			char *journal = path_join(path, "journal");

			chmod(journal, 0555);
			free(journal);
		}
		if (rundir_create(path, &e) == 0 || !strstr(e.text, "with -d DIR") ||
		    !strstr(e.text, "cannot write in")) {
			faults[0] = e.text;
			_exit(1);
		}
		if (rundir_create(below, &e2) == 0 || !strstr(e2.text, "-d DIR")) {
			faults[1] = e2.text;
			_exit(2);
		}
		(void)faults;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	chmod(path, 0755);
	free(path);
	free(below);
}

static void test_hold(void **state)
{
	struct err e = ERR_INIT;
	struct hold *h, *other;
	char *who;
	bool here;

	rundir_create(*state, &e);
	assert_no_error(&e);
	assert_int_equal(rundir_holder(*state, &who, &here, &e), 0);
	assert_int_equal(rundir_hold(*state, false, &h, &e), 0);
	assert_int_equal(rundir_hold(*state, false, &other, &e), 1);
	assert_null(other);
	assert_non_null(strstr(e.text, "is in use by pid "));
	err_clear(&e);
	assert_int_equal(rundir_hold(*state, true, &other, &e), 1); /* alive: never taken over */
	err_clear(&e);
	assert_int_equal(rundir_holder(*state, &who, &here, &e), 1);
	assert_true(here);
	assert_non_null(strstr(who, proc_host()));
	free(who);
	rundir_release(h);
	assert_int_equal(rundir_holder(*state, &who, &here, &e), 0);
	for (int i = 0; i < 30; i++) {
		assert_int_equal(rundir_hold(*state, false, &h, &e), 0);
		rundir_release(h);
	}
	/* old generations are cleared away */
	char *claims = path_join(*state, "claims");
	char **names;
	size_t n;

	assert_int_equal(file_list(claims, &names, &n, &e), 0);
	assert_in_range(n, 1, 20);
	free(names);
	free(claims);
	rundir_release(NULL);
}

/* A child that inherits a hold does not end it. */
static void test_hold_fork(void **state)
{
	struct err e = ERR_INIT;
	struct hold *h;
	char *who;
	bool here;
	int status;
	pid_t pid;

	rundir_create(*state, &e);
	assert_int_equal(rundir_hold(*state, false, &h, &e), 0);
	pid = fork();
	if (pid == 0) {
		rundir_release(h);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(rundir_holder(*state, &who, &here, &e), 1);
	free(who);
	rundir_release(h);
}

/* Holds the directory in a child that ends without a word; guarded: by this process. */
static void hold_and_die(const char *rundir, bool guarded)
{
	const pid_t self = getpid(), pid = fork();
	struct hold *h;
	int status;

	if (pid == 0) {
		process_set_guardian(guarded ? self : 0);
		_exit(rundir_hold(rundir, false, &h, NULL));
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

/* What a holder started may live as long as its guardian does. */
static void test_hold_guarded(void **state)
{
	char *text = mem_printf("in use by pid %ld on ", (long)getpid());
	struct err e = ERR_INIT;
	struct hold *h;

	rundir_create(*state, &e);
	hold_and_die(*state, false);
	hold_and_die(*state, true);
	assert_int_equal(rundir_hold(*state, false, &h, &e), 1);
	assert_non_null(strstr(e.text, text));
	assert_int_equal(rundir_hold(*state, true, &h, &e), 1);
	free(text);
}

/* A holder that was killed is succeeded, also while nobody has waited for it. */
static void test_hold_killed(void **state)
{
	struct err e = ERR_INIT;
	struct hold *h;
	int ready[2];
	char c;
	pid_t pid;

	rundir_create(*state, &e);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		c = rundir_hold(*state, false, &h, NULL) == 0 ? 'y' : 'n';
		if (write(ready[1], &c, 1) != 1) {
			_exit(1);
		}
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	assert_int_equal(rundir_hold(*state, true, &h, &e), 1);
	err_clear(&e);
	kill(pid, SIGKILL);
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(rundir_hold(*state, false, &h, &e), 0);
	rundir_release(h);
	waitpid(pid, NULL, 0);
	assert_int_equal(rundir_hold(*state, false, &h, &e), 0);
	rundir_release(h);
	close(ready[0]);
	close(ready[1]);
}

/* What can be told of holders that are not here. */
static void test_hold_elsewhere(void **state)
{
	static const struct {
		const char *text; /* %s: this host, this boot */
		int plain, forced;
	} rows[] = {
		{ "{\"host\":\"node3\",\"boot\":\"b\",\"pid\":1,\"start\":1,\"time\":17}", 1, 0 },
		{ "{\"host\":\"%s\",\"boot\":\"an older boot\",\"pid\":1,\"start\":1}", 0, 0 },
		{ "{\"host\":\"%s\",\"boot\":\"an older boot\",\"machine_id\":\"another\",\"pid\":1}",
		  1, 0 },
		{ "{\"host\":\"%s\",\"boot\":\"%s\",\"pid\":1,\"start\":1}", 0,
		  0 }, /* another process had pid 1 */
		{ "{\"host\":\"%s\",\"boot\":\"%s\",\"ns\":\"pid:[1]\",\"pid\":1,\"start\":1}", 1,
		  0 },
		{ "{\"host\":\"%s\",\"boot\":\"%s\",\"pid\":999999999,\"start\":1}", 0, 0 },
		{ "no JSON", 1, 0 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (int force = 0; force < 2; force++) {
			struct err e = ERR_INIT;
			struct hold *h = NULL;
			char text[1024], name[32];
			char *path;

			snprintf(name, sizeof name, "d%zu-%d", i, force);
			path = path_join(*state, name);
			rundir_create(path, &e);
			assert_no_error(&e);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(text, sizeof text, rows[i].text, proc_host(), proc_boot_id());
#pragma GCC diagnostic pop
			put_file(path, "claims/local.0007", text);
			assert_int_equal(rundir_hold(path, force, &h, &e),
					 force ? rows[i].forced : rows[i].plain);
			if (h) {
				assert_true(is_there(path, "claims/local.0008"));
			} else {
				assert_non_null(strstr(e.text, "cannot be told from here"));
			}
			rundir_release(h);
			free(path);
		}
	}
}

/* A finaliser says whose it is; who knows that it is gone takes over from that claim, and from no
 * other. */
static void test_hold_finaliser(void **state)
{
	static const char away[] =
		"{\"host\":\"node3\",\"boot\":\"b\",\"pid\":1,\"start\":1,\"submission\":12,\"time\":17}";
	struct hold_how how = { .submission = 3 };
	struct err e = ERR_INIT;
	struct hold *h;
	unsigned number;

	rundir_create(*state, &e);
	assert_int_equal(rundir_held_by(*state, &number), 0);
	assert_int_equal(rundir_hold_how(*state, &how, &h, &e), 0);
	assert_int_equal(rundir_held_by(*state, &number), 1);
	assert_int_equal(number, 3);
	rundir_release(h);
	assert_int_equal(rundir_held_by(*state, &number), 0);
	assert_int_equal(rundir_hold(*state, false, &h, &e), 0);
	assert_int_equal(rundir_held_by(*state, &number), 0); /* nobody's finaliser */
	rundir_release(h);
	put_file(*state, "claims/local.0005", away);
	assert_int_equal(rundir_held_by(*state, &number), 5);
	assert_int_equal(number, 12);
	how.over = 4; /* somebody else took over meanwhile */
	assert_int_equal(rundir_hold_how(*state, &how, &h, &e), 1);
	err_clear(&e);
	how.over = 5;
	assert_int_equal(rundir_hold_how(*state, &how, &h, &e), 0);
	assert_no_error(&e);
	assert_int_equal(rundir_held_by(*state, &number), 6);
	how.over = 6; /* alive, and here: never */
	struct hold *other;

	assert_int_equal(rundir_hold_how(*state, &how, &other, &e), 1);
	rundir_release(h);
}

/*
 * Many processes want it at once, again and again; half of them die with it. While one holds, it
 * alone may touch the counter file: it makes it with O_EXCL and removes it, and any clash is a
 * second holder.
 */
static int race(const char *dir, unsigned turns)
{
	char *mark = path_join(dir, "mark"), *counter = path_join(dir, "counter");
	int clashes = 0;

	for (unsigned i = 0; i < turns; i++) {
		struct err e = ERR_INIT;
		struct hold *h;
		int rc, fd;

		while ((rc = rundir_hold(dir, false, &h, &e)) == 1) {
			usleep(2000);
			err_clear(&e);
		}
		if (rc < 0) {
			return 100;
		}
		fd = open(mark, O_CREAT | O_EXCL | O_WRONLY, 0666);
		clashes += fd < 0;
		close(fd);
		fd = open(counter, O_WRONLY | O_APPEND | O_CREAT, 0666);
		clashes += write(fd, "x", 1) != 1;
		close(fd);
		usleep(500);
		unlink(mark);
		if (i + 1 == turns && getpid() % 2) {
			_exit(clashes); /* without a release */
		}
		rundir_release(h);
	}
	free(mark);
	free(counter);
	return clashes;
}

static void test_race(void **state)
{
	enum { PROCESSES = 20, TURNS = 4 };
	struct err e = ERR_INIT;
	struct stat st;
	pid_t pids[PROCESSES];
	char *counter = path_join(*state, "counter");
	int status;

	rundir_create(*state, &e);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			_exit(race(*state, TURNS));
		}
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(stat(counter, &st), 0);
	assert_int_equal(st.st_size, PROCESSES * TURNS);
	free(counter);
}

/* Many make the same run directory at once: all succeed. */
static void test_create_race(void **state)
{
	char *path = path_join(*state, "runs/x");
	pid_t pids[12];
	int status;

	for (int i = 0; i < 12; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			_exit(rundir_create(path, NULL) != 0);
		}
	}
	for (int i = 0; i < 12; i++) {
		waitpid(pids[i], &status, 0);
		assert_int_equal(status, 0);
	}
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_refused, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_not_writable, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_hold, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_hold_fork, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_hold_killed, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_hold_guarded, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_hold_elsewhere, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_hold_finaliser, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_race, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_create_race, folder_setup, folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
