/* SPDX-License-Identifier: MIT */
#include "tests/unit/store_test.h"

#include <sys/stat.h>

#include "store/submission_env.h"

extern char **environ;

#define MOST 16

static const char *const own[] = { "X_JOB_*", "QUEUE", NULL };
static const char *const hidden[] = { "X_ARRAY_*", NULL };

static struct template scheduler(void)
{
	return (struct template){ .environment = { .own = own, .hidden = hidden } };
}

static void assert_same(char *const *got, const char *const *expected)
{
	size_t i = 0;

	for (; got[i] && expected[i]; i++) {
		assert_string_equal(got[i], expected[i]);
	}
	assert_null(got[i]);
	assert_null(expected[i]);
}

/* Each variable alone: whether it goes with a submission. */
static void test_passed(void **state)
{
	static const struct {
		const char *entry;
		bool passed;
	} rows[] = {
		{ "PATH=/venv/bin:/usr/bin", true },
		{ "LD_LIBRARY_PATH=/sw/lib", true },
		{ "PYTHONPATH=", true },
		{ "VIRTUAL_ENV=/venv", true },
		{ "CONDA_PREFIX=/conda", true },
		{ "LOADEDMODULES=gcc/12:openmpi", true },
		{ "MODULEPATH=/sw/modules", true },
		{ "BASH_FUNC_module%%=() {  eval `modulecmd bash \"$@\"`\n}", true },
		{ "BASH_ENV=/etc/bash", true },
		{ "HOME=/home/a", true },
		{ "USER=a", true },
		{ "LANG=de_DE.UTF-8", true },
		{ "TZ=UTC", true },
		{ "OMP_NUM_THREADS=1", true },
		{ "OMPI_MCA_btl=self", true },
		{ "PMIX_MCA_gds=hash", true },
		{ "CUDA_HOME=/sw/cuda", true },
		{ "CUDA_CACHE_PATH=/tmp/x", true },
		{ "TERMINAL=x", true },
		{ "HOSTNAMES=a,b", true },
		{ "API_TOKEN=secret", true },
		{ "LINES_OF=a\nb\n", true },
		{ "BYTES=\xff\xfe=\x01", true },
		{ "X_CONF=/etc/x.conf", true },
		{ "X_JOB_ID=7", false },
		{ "X_ARRAY_ID=7", false },
		{ "QUEUE=all", false },
		{ "HOSTNAME=login1", false },
		{ "TMPDIR=/tmp/login", false },
		{ "DISPLAY=:0", false },
		{ "SSH_AUTH_SOCK=/tmp/s", false },
		{ "SSH_CONNECTION=1 2 3 4", false },
		{ "XDG_RUNTIME_DIR=/run/user/1", false },
		{ "XDG_CONFIG_HOME=/home/a/.config", true },
		{ "DBUS_SESSION_BUS_ADDRESS=unix:x", false },
		{ "KRB5CCNAME=FILE:/tmp/krb5cc", false },
		{ "TERM=xterm", false },
		{ "CUDA_VISIBLE_DEVICES=0", false },
		{ "ROCR_VISIBLE_DEVICES=0", false },
		{ "OMPI_COMM_WORLD_RANK=3", false },
		{ "PMI_RANK=3", false },
		{ "PWD=/home/a", false },
		{ "SHLVL=2", false },
		{ "_=/usr/bin/ppgen", false },
		{ "no variable", false },
		{ "=x", false },
	};
	const struct template t = scheduler();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *const env[] = { rows[i].entry, NULL };
		char **passed = submission_env_passed(&t, env);

		if ((passed[0] != NULL) != rows[i].passed) {
			fail_msg("%s", rows[i].entry);
		}
		if (passed[0]) {
			assert_string_equal(passed[0], rows[i].entry);
		}
		free(passed);
	}
}

static void test_merged(void **state)
{
	static const struct {
		const char *passed[MOST], *node[MOST], *expected[MOST];
	} rows[] = {
		{ { NULL }, { NULL }, { NULL } },
		/* the submitter's counts; what he had not is the node's */
		{ { "A=1", "B=\n" }, { "B=2", "C=3", "AB=4" }, { "A=1", "B=\n", "C=3", "AB=4" } },
		/* what the job is given is not passed, so the node's stays */
		{ { "A=1" },
		  { "TMPDIR=/local/7", "X_JOB_ID=7" },
		  { "A=1", "TMPDIR=/local/7", "X_JOB_ID=7" } },
		/* other programs' modules and threads than he had */
		{ { "A=1" },
		  { "PYTHONPATH=/old", "CONDA_PREFIX=/base", "OMP_NUM_THREADS=64", "VIRTUAL_ENV=/v",
		    "R_LIBS_USER=/r", "OMP_PLACES=cores" },
		  { "A=1", "OMP_PLACES=cores" } },
		{ { "PYTHONPATH=/mine", "OMP_NUM_THREADS=2" },
		  { "PYTHONPATH=/old", "OMP_NUM_THREADS=64" },
		  { "PYTHONPATH=/mine", "OMP_NUM_THREADS=2" } },
		/* folders that only the node's PATH has come last */
		{ { "PATH=/venv/bin:/usr/bin" },
		  { "PATH=/usr/bin:/opt/x/bin::/usr/bin:/venv" },
		  { "PATH=/venv/bin:/usr/bin:/opt/x/bin:/venv" } },
		{ { "PATH=" }, { "PATH=/bin:" }, { "PATH=/bin" } },
		{ { "PATH=/a" }, { "PATH=" }, { "PATH=/a" } },
		{ { "PATH=/a" }, { "A=1" }, { "PATH=/a", "A=1" } },
		{ { "A=1" }, { "PATH=/b" }, { "A=1", "PATH=/b" } },
		{ { "LD_LIBRARY_PATH=/a" }, { "LD_LIBRARY_PATH=/b" }, { "LD_LIBRARY_PATH=/a" } },
		/* twice: the first counts, as for getenv */
		{ { "PATH=/a", "PATH=/b" }, { "PATH=/c" }, { "PATH=/a:/c", "PATH=/b" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char **merged = submission_env_merged(rows[i].passed, rows[i].node);

		assert_same(merged, rows[i].expected);
		free(merged);
	}
}

/* A published submission with such an environment, as far as this file is concerned. */
static void fill(struct submission *s, const char *folder)
{
	*s = (struct submission){ .dir = folder, .environment = SUBMISSION_ENVIRONMENT };
}

static char *file_of(const char *folder)
{
	return path_join(folder, SUBMISSION_ENVIRONMENT);
}

static void test_file(void **state)
{
	char *huge = mem_alloc((size_t)300 << 10), *path = file_of(*state), **read;
	const char *const env[] = { "A=", "BASH_FUNC_f%%=() {  :\n}", "B=\xff\x01=", huge, NULL };
	struct err e = ERR_INIT;
	struct submission s;
	struct stat st;
	const mode_t before = umask(0);

	fill(&s, *state);
	memset(huge, 'x', ((size_t)300 << 10) - 1);
	huge[1] = '=';
	assert_int_equal(submission_env_write(&s, env, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600); /* whatever the umask is */
	read = submission_env_read(&s, &e);
	assert_no_error(&e);
	assert_same(read, env);
	free(read);
	assert_int_equal(submission_env_write(&s, env, &e), -1); /* never over another */
	(void)umask(before);
	free(path);
	free(huge);
}

static void test_file_empty(void **state)
{
	const char *const none[] = { NULL };
	struct err e = ERR_INIT;
	struct submission s;
	char **read;

	fill(&s, *state);
	assert_int_equal(submission_env_write(&s, none, &e), 0);
	read = submission_env_read(&s, &e);
	assert_no_error(&e);
	assert_same(read, none);
	free(read);
}

static void test_file_damaged(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} rows[] = {
		{ "A=1\0B=2", 7 }, /* cut off */
		{ "A=1\0\0B=2\0", 9 },
		{ "A=1\0B\0", 6 },
		{ "=1\0", 3 },
	};
	char *path = file_of(*state);
	struct submission s;

	fill(&s, *state);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;

		assert_int_equal(file_publish(path, rows[i].text, rows[i].len, &e), 0);
		assert_null(submission_env_read(&s, &e));
		assert_non_null(strstr(e.text, "/environment' is damaged"));
	}
	free(path);
}

static void test_apply(void **state)
{
	static const char *const passed[] = { "PATH=/mine", "WORD=a b", NULL };
	static char *node[] = { "PATH=/here", "TMPDIR=/local", "WORD=x", NULL };
	static const char *const expected[] = { "PATH=/mine:/here", "WORD=a b", "TMPDIR=/local",
						NULL };
	char **before = environ, *path = file_of(*state), *ended = path_join(*state, "ended.json");
	struct err e = ERR_INIT;
	struct submission s;

	fill(&s, *state);
	environ = node;
	s.environment = NULL; /* an older one, or the site wants the node's */
	assert_int_equal(submission_env_apply(&s, &e), 0);
	assert_ptr_equal(environ, node);
	s.environment = SUBMISSION_ENVIRONMENT; /* it has one, which is not there */
	assert_int_equal(submission_env_apply(&s, &e), -1);
	assert_non_null(strstr(e.text, path));
	assert_ptr_equal(environ, node);
	err_clear(&e);
	assert_int_equal(submission_env_write(&s, passed, &e), 0);
	assert_int_equal(submission_env_apply(&s, &e), 0);
	assert_same(environ, expected);
	free(environ);
	environ = node; /* removed when it ended: an element that comes late */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(file_publish(ended, "{}", 2, &e), 0);
	assert_int_equal(submission_env_apply(&s, &e), 0);
	assert_ptr_equal(environ, node);
	environ = before;
	free(ended);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passed),
		cmocka_unit_test(test_merged),
		cmocka_unit_test_setup_teardown(test_file, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_file_empty, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_file_damaged, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_apply, folder_setup, folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
