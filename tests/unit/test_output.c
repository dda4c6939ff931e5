/* SPDX-License-Identifier: MIT */
#include "tests/unit/store_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/hash.h"
#include "store/journal_internal.h"
#include "store/output.h"
#include "store/rundir.h"
#include "tests/unit/refuse.h"

static char *out_path(const char *dir, const char *writer)
{
	char xx[JOURNAL_XX];

	journal_xx(writer, xx);
	return mem_printf("%s/output/%s/%s.out", dir, xx, writer);
}

static void put(const char *path, const void *p, size_t n)
{
	struct err e = ERR_INIT;
	char *dir = path_dir(path);

	assert_int_equal(file_make_dirs(dir, &e), 0);
	assert_int_equal(file_publish(path, p, n, &e), 0);
	free(dir);
}

static void test_get(void **state)
{
	struct output_reader *r = output_reader_new(*state);
	char *path = out_path(*state, "w1");
	static char bytes[100000];
	char sha[SHA256_HEX];
	uint8_t hash[SHA256_SIZE];
	struct err e = ERR_INIT;
	struct piece p = { .there = true, .offset = 10, .len = 5, .sha256 = sha };
	const char *data;
	size_t len;
	int fd;

	assert_int_equal(output_get(r, "w1", &p, true, &data, &len, &e), -1);
	assert_int_equal(e.kind, ERR_BAD);
	assert_non_null(strstr(e.text, "output of 'w1'"));
	assert_non_null(strstr(e.text, "is missing"));
	err_clear(&e);
	put(path, "0123456789hello", 15);
	sha256_of("hello", 5, hash);
	hex_put(sha, hash, SHA256_SIZE);
	assert_int_equal(output_get(r, "w1", &p, true, &data, &len, &e), 0);
	assert_int_equal(len, 5);
	assert_memory_equal(data, "hello", 5);
	/* it grows */
	fd = open(path, O_WRONLY | O_APPEND);
	memset(bytes, 'x', sizeof bytes);
	assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
	close(fd);
	p.offset = 15;
	p.len = sizeof bytes;
	assert_int_equal(output_get(r, "w1", &p, false, &data, &len, &e), 0);
	assert_int_equal(len, sizeof bytes);
	assert_memory_equal(data, bytes, len);
	/* wrong bytes, and too few */
	assert_int_equal(output_get(r, "w1", &p, true, &data, &len, &e), -1);
	assert_int_equal(e.kind, ERR_BAD);
	assert_non_null(strstr(e.text, "output of 'w1' is damaged"));
	err_clear(&e);
	p.len++;
	assert_int_equal(output_get(r, "w1", &p, false, &data, &len, &e), -1);
	assert_non_null(strstr(e.text, "is damaged"));
	err_clear(&e);
	p.offset = UINT64_MAX;
	assert_int_equal(output_get(r, "w1", &p, false, &data, &len, &e), -1);
	err_clear(&e);
	/* nothing kept */
	p = (struct piece){ .there = false };
	assert_int_equal(output_get(r, "none", &p, true, &data, &len, &e), 0);
	assert_int_equal(len, 0);
	p.there = true;
	assert_int_equal(output_get(r, "none", &p, true, &data, &len, &e), 0);
	assert_int_equal(len, 0);
	output_reader_free(r);
	output_reader_free(NULL);
	free(path);
}

/* Many files, in turns: only a few are mapped at a time. */
static void test_many(void **state)
{
	struct output_reader *r = output_reader_new(*state);
	struct err e = ERR_INIT;

	for (int i = 0; i < 40; i++) {
		char writer[16];
		char *path;

		snprintf(writer, sizeof writer, "w%d", i);
		path = out_path(*state, writer);
		put(path, writer, strlen(writer));
		free(path);
	}
	for (int i = 0; i < 400; i++) {
		struct piece p = { .there = true };
		char writer[16];
		const char *data;
		size_t len;

		snprintf(writer, sizeof writer, "w%d", i * 7 % 40);
		p.len = strlen(writer);
		assert_int_equal(output_get(r, writer, &p, false, &data, &len, &e), 0);
		assert_memory_equal(data, writer, len);
	}
	output_reader_free(r);
}

/* A file of its own lies below files/, whatever the journal says. */
static void test_own_file(void **state)
{
	static const struct {
		const char *name;
		int rc;
	} rows[] = {
		{ "ab/w.trace", 0 },
		{ "ab/..w", 0 },
		{ "../secret", -1 },
		{ "/etc/passwd", -1 },
		{ "ab/../../secret", -1 },
		{ "ab/..", -1 },
		{ "", -1 },
	};
	struct output_reader *r = output_reader_new(*state);
	char *secret = path_join(*state, "secret"), *good = path_join(*state, "files/ab/w.trace");
	char *odd = path_join(*state, "files/ab/..w");

	put(secret, "x", 1);
	put(good, "x", 1);
	put(odd, "x", 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		struct piece p = {
			.there = true,
			.file = rows[i].name,
			.file_len = strlen(rows[i].name),
			.len = 1,
		};
		const char *data;
		size_t len;

		assert_int_equal(output_get(r, "w", &p, false, &data, &len, &e), rows[i].rc);
	}
	output_reader_free(r);
	free(secret);
	free(good);
	free(odd);
}

/* ---- what the system may refuse a journal ---- */

static struct journal *begin(const char *dir, struct err *e)
{
	err_clear(e);
	return journal_create(dir, 1, "", e);
}

static bool says(struct err *e, const char *text)
{
	const bool does = strstr(e->text, text) != NULL;

	if (!does)
		print_error("'%s' lacks '%s'\n", e->text, text);
	err_clear(e);
	return does;
}

static int no_chance(const char *dir, struct err *e)
{
	refuse(SYS_getrandom, ANY, EIO);
	return !begin(dir, e) && says(e, "cannot get random bytes from the system");
}

/* All folders that a name may ask for. */
static bool make_all(const char *dir)
{
	static const char *const tops[] = { "output", "journal", "files" };
	bool made = true;

	for (int i = 0; i < 768; i++) {
		char *path = mem_printf("%s/%s/%02x", dir, tops[i / 256], i % 256);

		made &= file_make_dirs(path, NULL) == 0;
		free(path);
	}
	return made;
}

static int no_new_file(const char *dir, struct err *e)
{
	if (!make_all(dir))
		return 0;
	refuse(SYS_openat, ANY, ENOSPC);
	return !begin(dir, e) && says(e, ".out': No space left on device");
}

static int same_name(const char *dir, struct err *e)
{
	if (!make_all(dir))
		return 0;
	refuse(SYS_openat, ANY, EEXIST);
	return !begin(dir, e) && says(e, "it is there already");
}

static int no_folder_sync(const char *dir, struct err *e)
{
	if (!make_all(dir))
		return 0;
	refuse(SYS_fsync, ANY, EIO);
	return !begin(dir, e) && says(e, "Input/output error");
}

static int in_the_way(const char *dir, struct err *e)
{
	char *path = path_join(dir, "output");
	const bool made = rmdir(path) == 0 && file_publish(path, "x", 1, e) == 0;

	free(path);
	return made && !begin(dir, e) && says(e, "output");
}

static int no_first_sync(const char *dir, struct err *e)
{
	refuse(SYS_fdatasync, ANY, EIO);
	return !begin(dir, e) && says(e, "cannot sync '");
}

/* A sync that failed is not forgotten: the next one fails, too. */
static int no_sync(const char *dir, struct err *e)
{
	struct journal *a = begin(dir, e), *b = begin(dir, e);
	uint64_t at;

	if (!a || !b || journal_sync(a, e) < 0 || journal_sync(a, e) < 0 ||
	    journal_append(a, "{\"k\":\"x\"", 8, e) < 0 || journal_output(b, "x", 1, &at, e) < 0)
		return 0;
	refuse(SYS_fdatasync, ANY, EIO);
	for (int i = 0; i < 2; i++)
		if (journal_sync(a, e) == 0 || !says(e, ".jsonl': Input/output error") ||
		    journal_sync(b, e) == 0 || !says(e, ".out': Input/output error"))
			return 0;
	return journal_close(a, e) < 0 && says(e, ".jsonl': Input/output error") &&
	       journal_close(b, e) < 0 && says(e, ".out': Input/output error");
}

static int no_close(const char *dir, struct err *e)
{
	struct journal *j = begin(dir, e);

	refuse(SYS_close, ANY, EIO);
	return j && journal_close(j, e) < 0 && says(e, "cannot close '");
}

/* ---- and a file that is taken in ---- */

struct taking {
	struct journal *j;
	struct take_tools *tools;
	struct take t;
	char *path;
	struct buf members;
};

/* A file of so many bytes that take no room. */
static bool taking_open(struct taking *x, const char *dir, struct journal *j, uint64_t len,
			int flags)
{
	struct err e = ERR_INIT;

	*x = (struct taking){ .j = j, .tools = take_tools_new(), .members = BUF_INIT };
	x->path = path_join(dir, "spool");
	unlink(x->path);
	if (file_publish(x->path, "", 0, &e) < 0 || truncate(x->path, (off_t)len) < 0)
		return false;
	x->t = (struct take){ .path = x->path, .name = "out", .len = len };
	x->t.fd = open(x->path, flags | O_CLOEXEC);
	journal_take_begin(j, &x->t);
	return x->t.fd >= 0;
}

static int taking_end(struct taking *x, struct err *e)
{
	return journal_take_end(x->j, x->tools, &x->t, &x->members, e);
}

static int no_reading(const char *dir, struct err *e)
{
	struct journal *j = begin(dir, e);
	struct taking x;

	return taking_open(&x, dir, j, 100, O_WRONLY) &&
	       journal_take_copy(j, x.tools, &x.t, e) < 0 && says(e, "cannot read '");
}

static int no_room(const char *dir, struct err *e)
{
	struct journal *j = begin(dir, e);
	struct taking x;
	int rc;

	if (!taking_open(&x, dir, j, 5000, O_RDWR))
		return 0;
	limit_files(1000);
	rc = journal_take_copy(j, x.tools, &x.t, e);
	free_files();
	return rc < 0 && says(e, "cannot keep output in '");
}

static int no_files_folder(const char *dir, struct err *e)
{
	struct journal *j = begin(dir, e);
	char *files = path_join(dir, "files");
	struct taking x;

	(void)rmdir(files);
	return file_publish(files, "x", 1, e) == 0 &&
	       taking_open(&x, dir, j, OUTPUT_OWN_FILE, O_RDWR) && x.t.own &&
	       taking_end(&x, e) < 0 && says(e, "files");
}

static int no_files_sync(const char *dir, struct err *e)
{
	struct journal *j = begin(dir, e);
	struct taking x;

	if (!make_all(dir) || !taking_open(&x, dir, j, OUTPUT_OWN_FILE, O_RDWR) || !x.t.own)
		return 0;
	refuse(SYS_fsync, ANY, EIO);
	return taking_end(&x, e) < 0 && says(e, "Input/output error");
}

static int no_shortening(const char *dir, struct err *e)
{
	struct journal *j = begin(dir, e);
	struct taking x;

	return taking_open(&x, dir, j, OUTPUT_OWN_FILE, O_RDONLY) && x.t.own &&
	       truncate(x.path, OUTPUT_OWN_FILE + 1) == 0 && taking_end(&x, e) < 0 &&
	       says(e, "cannot shorten '");
}

static void refuse_renames(int number)
{
#ifdef SYS_rename
	refuse(SYS_rename, ANY, number);
#endif
#ifdef SYS_renameat
	refuse(SYS_renameat, ANY, number);
#endif
	refuse(SYS_renameat2, ANY, number);
}

static int no_renaming(const char *dir, struct err *e)
{
	struct journal *j = begin(dir, e);
	struct taking x;

	if (!taking_open(&x, dir, j, OUTPUT_OWN_FILE, O_RDWR) || !x.t.own)
		return 0;
	refuse_renames(EACCES);
	return taking_end(&x, e) < 0 && says(e, "cannot keep '");
}

/* A file that cannot be moved after all, or has another name by now, is packed. */
static int another_system(const char *dir, struct err *e)
{
	struct journal *j = begin(dir, e);
	struct taking x;

	if (!taking_open(&x, dir, j, OUTPUT_OWN_FILE, O_RDWR) || !x.t.own)
		return 0;
	refuse_renames(EXDEV);
	return taking_end(&x, e) == 0 && !x.t.own &&
	       strncmp(x.members.data, "[0,67108864,\"", 13) == 0;
}

static int another_name(const char *dir, struct err *e)
{
	struct journal *j = begin(dir, e);
	char *other = path_join(dir, "other");
	struct taking x;

	return taking_open(&x, dir, j, OUTPUT_OWN_FILE, O_RDWR) && x.t.own &&
	       link(x.path, other) == 0 && taking_end(&x, e) == 0 && !x.t.own &&
	       strncmp(x.members.data, "[0,67108864,\"", 13) == 0;
}

static int no_descriptor(const char *dir, struct err *e)
{
	struct journal *j = begin(dir, e);
	struct taking x;

	if (!taking_open(&x, dir, j, OUTPUT_OWN_FILE, O_RDWR) || taking_end(&x, e) < 0 ||
	    !taking_open(&x, dir, j, OUTPUT_OWN_FILE, O_RDWR) || !x.t.own)
		return 0;
	refuse(SYS_fcntl, ANY, EMFILE);
	return taking_end(&x, e) < 0 && says(e, "cannot keep '");
}

/* So many wait for the next sync that it must be now. */
static int no_sync_of_many(const char *dir, struct err *e)
{
	struct journal *j = begin(dir, e);
	struct taking x;

	for (int i = 0; i <= JOURNAL_UNSYNCED; i++) {
		if (!taking_open(&x, dir, j, OUTPUT_OWN_FILE, O_RDWR) || !x.t.own)
			return 0;
		if (i < JOURNAL_UNSYNCED && taking_end(&x, e) < 0)
			return 0;
	}
	refuse(SYS_fdatasync, ANY, EIO);
	return taking_end(&x, e) < 0 && says(e, "cannot sync 'files'") && journal_close(j, e) < 0 &&
	       says(e, "cannot sync 'files'");
}

/* Each in a process of its own, which the system refuses something for good. */
static void test_refused(void **state)
{
	static int (*const rows[])(const char *, struct err *) = {
		no_chance,       no_new_file,   same_name,       no_folder_sync, in_the_way,
		no_first_sync,   no_sync,       no_close,        no_reading,     no_room,
		no_files_folder, no_files_sync, no_shortening,   no_renaming,    another_system,
		another_name,    no_descriptor, no_sync_of_many,
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *dir = mem_printf("%s/%zu", (char *)*state, i);
		struct err e = ERR_INIT;
		int status;
		pid_t pid;

		assert_int_equal(rundir_create(dir, &e), 0);
		(void)fflush(NULL);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(rows[i](dir, &e) ? 0 : 1);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (status != 0)
			print_error("refusal %zu\n", i);
		assert_int_equal(status, 0);
		free(dir);
	}
}

/* A folder where the kept output should be. */
static void test_no_file(void **state)
{
	struct output_reader *r = output_reader_new(*state);
	char *path = out_path(*state, "w1");
	struct piece p = { .there = true, .len = 5 };
	struct err e = ERR_INIT;
	const char *data;
	size_t len;

	assert_int_equal(file_make_dirs(path, &e), 0);
	assert_int_equal(output_get(r, "w1", &p, false, &data, &len, &e), -1);
	assert_int_equal(e.kind, ERR_SYSTEM);
	assert_non_null(strstr(e.text, "output of 'w1'"));
	output_reader_free(r);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_get, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_many, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_own_file, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_no_file, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_refused, folder_setup, folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
