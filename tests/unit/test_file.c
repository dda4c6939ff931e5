/* SPDX-License-Identifier: MIT */
/* Files: read and viewed whole, published whole or not at all, folders made, listed and removed;
 * paths as text. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Each test has a folder of its own, which is the working folder. */
static int set_up(void **state)
{
	char name[] = "/tmp/ppgen-test-XXXXXX";

	if (!mkdtemp(name) || chdir(name) < 0) {
		return -1;
	}
	*state = mem_dup(name);
	return 0;
}

static int tear_down(void **state)
{
	struct err e = ERR_INIT;
	const int rc = file_remove_tree(*state, &e);

	if (rc < 0) {
		print_error("%s\n", e.text);
	}
	if (chdir("/") < 0 || file_exists(*state)) {
		return -1;
	}
	free(*state);
	return rc;
}

static void make_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void expect_file(const char *path, const char *text)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	if (file_read(path, &b, 0, &e) < 0) {
		fail_msg("%s", e.text);
	}
	assert_string_equal(b.data, text);
	buf_free(&b);
}

static void test_read(void **state)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	make_file("f", "12345");
	buf_puts(&b, "<");
	assert_int_equal(file_read("f", &b, 5, &e), 0);
	assert_string_equal(b.data, "<12345");
	assert_int_equal(file_read("f", &b, 4, &e), -1);
	assert_string_equal(e.text, "'f' is larger than 4 bytes");
	assert_int_equal(e.kind, ERR_BAD);
	err_clear(&e);
	assert_int_equal(file_read("none", &b, 0, &e), -1);
	assert_int_equal(errno, ENOENT);
	assert_string_equal(e.text, "cannot read 'none': No such file or directory");
	assert_int_equal(e.kind, ERR_BAD);
	err_clear(&e);
	assert_int_equal(file_read(".", &b, 0, &e), -1);
	assert_string_equal(e.text, "cannot read '.': Is a directory");
	err_clear(&e);
	buf_clear(&b);
	make_file("empty", "");
	assert_int_equal(file_read("empty", &b, 1, &e), 0);
	assert_int_equal(b.len, 0);
	assert_int_equal(file_read("/proc/self/stat", &b, 0, &e), 0); /* has no size */
	assert_true(b.len > 10);
	assert_int_equal(file_read("/dev/zero", &b, 100000, NULL), -1);
	buf_free(&b);
}

static void test_view(void **state)
{
	static const size_t sizes[] = { 0, 1, 4096, 100000, 300000 };
	struct file_view v;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		char *text = mem_alloc(sizes[i] + 1);

		memset(text, 'x', sizes[i]);
		make_file("f", text);
		assert_int_equal(file_view("f", &v, &e), 0);
		assert_int_equal(v.len, sizes[i]);
		assert_memory_equal(v.data, text, v.len);
		file_view_free(&v);
		file_view_free(&v);
		free(text);
	}
	assert_int_equal(file_view("none", &v, &e), -1);
	file_view_free(&v);
	err_clear(&e);
	assert_int_equal(file_view("/proc/self/status", &v, &e), 0);
	assert_true(v.len > 10);
	file_view_free(&v);
}

static bool all_are(const struct file_view *v, size_t from, size_t to, char c)
{
	for (size_t i = from; i < to; i++) {
		if (v->data[i] != c) {
			return false;
		}
	}
	return true;
}

/* A mapped file that somebody shortens meanwhile: zeros, and everybody is told. */
static void test_view_torn(void **state)
{
	static const size_t lefts[] = { 0, 1, 8192, 100000, 299500 };
	enum { SIZE = 300000 };
	char *text = mem_alloc(SIZE + 1);
	struct file_view v, other;
	struct err e = ERR_INIT;

	(void)state;
	memset(text, 'x', SIZE);
	make_file("other", text);
	assert_int_equal(file_view("other", &other, &e), 0);
	for (size_t i = 0; i < COUNT(lefts); i++) {
		make_file("torn", text);
		assert_int_equal(file_view("torn", &v, &e), 0);
		assert_true(v.mapped);
		assert_true(all_are(&v, 0, v.len, 'x'));
		assert_false(file_view_torn(&v));
		assert_int_equal(file_view_check(&v, "torn", &e), 0);
		assert_int_equal(truncate("torn", (off_t)lefts[i]), 0);
		assert_true(all_are(&v, 0, lefts[i], 'x'));
		assert_true(all_are(&v, lefts[i], v.len, '\0'));
		assert_int_equal(file_view_check(&v, "torn", &e), -1);
		assert_string_equal(e.text, "'torn' became shorter while it was read");
		assert_int_equal(e.kind, ERR_SYSTEM);
		err_clear(&e);
		/* all but the last, which ends in the same page, are seen without the name, too */
		assert_int_equal(file_view_torn(&v), i + 1 < COUNT(lefts));
		file_view_free(&v);
	}
	assert_true(all_are(&other, 0, other.len, 'x'));
	assert_int_equal(file_view_check(&other, "other", &e), 0);
	file_view_free(&other);
	free(text);
}

/* More than are guarded at a time: the others are read. */
static void test_view_many(void **state)
{
	enum { SIZE = 20000, MANY = 4100 };
	struct file_view *v = mem_array(MANY, sizeof *v);
	char *text = mem_alloc(SIZE + 1);
	struct err e = ERR_INIT;

	(void)state;
	memset(text, 'y', SIZE);
	make_file("many", text);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(file_view("many", &v[i], &e), 0);
		assert_int_equal(v[i].len, SIZE);
	}
	assert_true(v[0].mapped);
	assert_false(v[MANY - 1].mapped);
	assert_true(all_are(&v[MANY - 1], 0, SIZE, 'y'));
	for (size_t i = 0; i < MANY; i++) {
		file_view_free(&v[i]);
	}
	assert_int_equal(file_view("many", &v[0], &e), 0);
	assert_true(v[0].mapped);
	file_view_free(&v[0]);
	free(text);
	free(v);
}

static void touch_foreign(void)
{
	const int fd = open("foreign", O_RDONLY);
	const volatile char *p = mmap(NULL, 20000, PROT_READ, MAP_PRIVATE, fd, 0);

	if (fd < 0 || (const void *)p == MAP_FAILED || truncate("foreign", 0) < 0) {
		_exit(99);
	}
	(void)*p;
}

static void send_bus(void)
{
	(void)kill(getpid(), SIGBUS);
}

/* A SIGBUS that is none of ours ends the process as it always did. */
static void test_view_foreign(void **state)
{
	static void (*const deeds[])(void) = { touch_foreign, send_bus };
	char *text = mem_alloc(20000 + 1);
	struct file_view v;
	int status;

	(void)state;
	memset(text, 'z', 20000);
	for (size_t i = 0; i < COUNT(deeds); i++) {
		make_file("foreign", text);
		const pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			const struct rlimit no_core = { 0, 0 };

			(void)setrlimit(RLIMIT_CORE, &no_core);
			if (file_view("foreign", &v, NULL) < 0 || !v.mapped) {
				_exit(98);
			}
			deeds[i]();
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGBUS);
	}
	free(text);
}

static size_t count_entries(const char *path)
{
	struct stat st;
	char **names;
	size_t n;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(file_list(path, &names, &n, NULL), 0);
	free(names);
	return n;
}

static int not_dots(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* The folder holds these names, each with a blank behind it, and no temporary file. */
static void expect_only(const char *want)
{
	struct buf b = BUF_INIT;
	struct dirent **entries;
	const int n = scandir(".", &entries, not_dots, alphasort);

	for (int i = 0; i < n; i++) {
		buf_printf(&b, "%s ", entries[i]->d_name);
		free(entries[i]);
	}
	assert_true(n >= 0);
	free(entries);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
}

static void test_publish(void **state)
{
	struct err e = ERR_INIT;
	struct stat st;

	(void)state;
	umask(022);
	assert_int_equal(file_publish("f", "one", 3, &e), 0);
	expect_file("f", "one");
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(file_publish("f", "two", 3, &e), 0);
	expect_file("f", "two");
	assert_int_equal(file_publish_new("f", "three", 5, &e), 1);
	expect_file("f", "two");
	assert_int_equal(file_publish_new("g", "three", 5, &e), 0);
	expect_file("g", "three");
	assert_int_equal(file_publish("g", NULL, 0, &e), 0);
	expect_file("g", "");
	assert_false(err_is(&e));
	expect_only("f g ");
	assert_int_equal(file_publish("none/f", "x", 1, &e), -1);
	assert_string_equal(e.text, "cannot write 'none/f': No such file or directory");
	err_clear(&e);
	assert_int_equal(mkdir("d", 0777), 0);
	assert_int_equal(file_publish("d", "x", 1, &e), -1);
	assert_string_equal(e.text, "cannot write 'd': Is a directory");
	assert_int_equal(file_publish_new("d", "x", 1, NULL), 1);
	expect_only("d f g ");
}

static void test_publish_special(void **state)
{
	struct err e = ERR_INIT;
	struct stat st;

	(void)state;
	assert_int_equal(file_publish("/dev/null", "x", 1, &e), 0);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(mkdir("d", 0777), 0);
	make_file("d/target", "old");
	assert_int_equal(symlink("d/target", "link"), 0);
	assert_int_equal(file_publish("link", "new", 3, &e), 0);
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	expect_file("d/target", "new");
	assert_int_equal(count_entries("d"), 1);
}

static void test_draft_dropped(void **state)
{
	struct file_draft d;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(file_draft_open(&d, "f", &e), 0);
	assert_int_equal(file_write_fd(d.fd, "abc", 3, "f", &e), 0);
	assert_false(file_exists("f"));
	file_draft_drop(&d);
	file_draft_drop(&d);
	make_file("only", "");
	expect_only("only ");
	assert_int_equal(file_draft_open(&d, "f", &e), 0);
	assert_int_equal(file_write_fd(d.fd, "abc", 3, "f", &e), 0);
	assert_int_equal(file_draft_publish(&d, false, &e), 0);
	file_draft_drop(&d);
	expect_only("f only ");
}

/* Many processes want one name: exactly one gets it, and it is whole. */
static void test_publish_race(void **state)
{
	enum { RACERS = 8 };
	pid_t pids[RACERS];
	int winners = 0;

	(void)state;
	for (int i = 0; i < RACERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			_exit(file_publish_new("f", "text", 4, NULL));
		}
	}
	for (int i = 0; i < RACERS; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
		winners += WEXITSTATUS(status) == 0;
	}
	assert_int_equal(winners, 1);
	expect_file("f", "text");
	expect_only("f ");
}

/* Half-made things of the dead are removed, those of the living and of others are not. */
static void test_sweep(void **state)
{
	static const struct {
		const char *name; /* H: our host, P: a process that is gone, S: ourselves */
		bool folder, stays;
	} rows[] = {
		{ ".tmp-H-P-0", false, false },        { ".new-H-P-3", true, false },
		{ ".draft-H-P-12", true, false },      { ".tmp-H-S-0", false, true },
		{ ".tmp-elsewhere-P-0", false, true }, { ".tmp-H2-P-0", false, true },
		{ ".tmp-H-P-", false, true },          { ".tmp-H-P-1x", false, true },
		{ ".tmp-H-0-1", false, true },         { ".other-H-P-0", false, true },
		{ "tmp-H-P-0", false, true },          { ".tmp-H-P-9", false, true }, /* locked */
	};
	char *names[COUNT(rows)];
	const pid_t gone = fork();
	int locked;

	(void)state;
	if (gone == 0) {
		_exit(0);
	}
	assert_int_equal(waitpid(gone, NULL, 0), gone);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf b = BUF_INIT;

		for (const char *p = rows[i].name; *p; p++) {
			if (*p == 'H') {
				buf_puts(&b, proc_host());
			} else if (*p == 'P' || *p == 'S') {
				buf_put_u64(&b, (uint64_t)(*p == 'P' ? gone : getpid()));
			} else {
				buf_putc(&b, *p);
			}
		}
		names[i] = buf_take(&b);
		if (rows[i].folder) {
			assert_int_equal(mkdir(names[i], 0777), 0);
		} else {
			const int fd = open(names[i], O_WRONLY | O_CREAT, 0666);

			assert_true(fd >= 0);
			close(fd);
		}
	}
	locked = open(names[COUNT(rows) - 1], O_RDONLY);
	assert_int_equal(flock(locked, LOCK_EX), 0);
	file_sweep(".");
	file_sweep("absent");
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (file_exists(names[i]) != rows[i].stays) {
			fail_msg("%s %s", names[i], rows[i].stays ? "is gone" : "stays");
		}
	}
	close(locked);
	file_sweep(".");
	assert_false(file_exists(names[COUNT(rows) - 1]));
	for (size_t i = 0; i < COUNT(rows); i++) {
		free(names[i]);
	}
}

/* A draft is locked while it is made. */
static void test_draft_locked(void **state)
{
	struct file_draft d;
	int fd;

	(void)state;
	assert_int_equal(file_draft_open(&d, "x", NULL), 0);
	fd = open(d.temporary, O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	file_draft_drop(&d);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	close(fd);
}

static void test_write_error(void **state)
{
	const int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct err e = ERR_INIT;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, "x", 1, "the disk", &e), -1);
	assert_string_equal(e.text, "cannot write 'the disk': No space left on device");
	assert_int_equal(e.kind, ERR_SYSTEM);
	close(fd);
}

static void test_make_dirs(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(file_make_dirs("a/b//c/", &e), 0);
	assert_int_equal(file_make_dirs("a/b/c", &e), 0);
	assert_int_equal(file_make_dirs("/", &e), 0);
	assert_int_equal(file_make_dirs(".", &e), 0);
	assert_true(file_exists("a/b/c"));
	make_file("a/f", "");
	assert_int_equal(file_make_dirs("a/f/g", &e), -1);
	assert_string_equal(e.text, "cannot make folder 'a/f/g': Not a directory");
	err_clear(&e);
	assert_int_equal(file_make_dirs("a/f", &e), -1);
	err_clear(&e);
	assert_int_equal(file_make_dirs("", &e), -1);
	assert_int_equal(file_sync_dir("a", NULL), 0);
	assert_int_equal(file_sync_dir("none", NULL), -1);
}

static void test_list(void **state)
{
	static const char *const made[] = { "b", "a", ".hidden", "B", "a b", "\xc3\xa9" };
	static const char *const want[] = { "B", "a", "a b", "b", "\xc3\xa9" };
	struct err e = ERR_INIT;
	char **names;
	size_t n;

	(void)state;
	assert_int_equal(file_list(".", &names, &n, &e), 0);
	assert_int_equal(n, 0);
	free(names);
	for (size_t i = 0; i < COUNT(made); i++) {
		make_file(made[i], "");
	}
	assert_int_equal(file_list(".", &names, &n, &e), 0);
	assert_int_equal(n, COUNT(want));
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(names[i], want[i]);
	}
	free(names);
	assert_int_equal(file_list("none", &names, &n, &e), -1);
	assert_string_equal(e.text, "cannot read 'none': No such file or directory");
}

static void test_remove(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(file_remove_tree("none", &e), 0);
	make_file("f", "");
	assert_int_equal(file_remove_tree("f", &e), 0);
	assert_int_equal(file_make_dirs("keep/inner", &e), 0);
	make_file("keep/inner/f", "kept");
	assert_int_equal(file_make_dirs("t/a/b/c", &e), 0);
	assert_int_equal(file_make_dirs("t/x", &e), 0);
	assert_int_equal(file_make_dirs("t/empty", &e), 0);
	make_file("t/a/b/c/f", "");
	make_file("t/a/.hidden", "");
	assert_int_equal(symlink("../keep", "t/link"), 0);
	assert_int_equal(symlink("../../keep/inner", "t/a/link"), 0);
	make_file("t/x/f", "");
	assert_int_equal(chmod("t/x", 0500), 0);
	assert_int_equal(chmod("t/a/b", 0), 0);
	assert_int_equal(file_remove_tree("t", &e), 0);
	assert_false(file_exists("t"));
	assert_int_equal(symlink("keep", "link"), 0);
	assert_int_equal(file_remove_tree("link", &e), 0);
	expect_file("keep/inner/f", "kept");
	assert_false(err_is(&e));
}

static void test_remove_deep(void **state)
{
	int at = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	for (int i = 0; i < 3000; i++) { /* deeper than PATH_MAX, and than descriptors go */
		int next;

		assert_int_equal(mkdirat(at, "d", 0777), 0);
		next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	close(at);
	assert_int_equal(file_remove_tree("d", NULL), 0);
	assert_false(file_exists("d"));
}

static void test_paths(void **state)
{
	static const char *const joins[][3] = {
		{ "a", "b", "a/b" },       { "a/", "b", "a/b" }, { "a", "/b", "/b" },
		{ "/", "b", "/b" },        { "", "b", "b" },     { "a", "", "a" },
		{ "a//", "b/c", "a/b/c" },
	};
	static const char *const dirs[][3] = {
		{ "a/b", "a", "b" }, { "b", ".", "b" },    { "/b", "/", "b" },
		{ "/", "/", "" },    { "a//b", "a", "b" }, { "a/b/", "a/b", "" },
		{ "", ".", "" },     { "//b", "/", "b" },
	};
	static const char *const absolutes[][2] = {
		{ "/a/b", "/a/b" },     { "/a/../b", "/b" },    { "/../..", "/" },
		{ "/a//./b/", "/a/b" }, { "/", "/" },           { "/a/b/../../c", "/c" },
		{ "/...", "/..." },     { "/a/..b", "/a/..b" },
	};
	char *here, *p;

	for (size_t i = 0; i < COUNT(joins); i++) {
		p = path_join(joins[i][0], joins[i][1]);
		assert_string_equal(p, joins[i][2]);
		free(p);
	}
	for (size_t i = 0; i < COUNT(dirs); i++) {
		p = path_dir(dirs[i][0]);
		assert_string_equal(p, dirs[i][1]);
		free(p);
		assert_string_equal(path_name(dirs[i][0]), dirs[i][2]);
	}
	for (size_t i = 0; i < COUNT(absolutes); i++) {
		p = path_absolute(absolutes[i][0]);
		assert_string_equal(p, absolutes[i][1]);
		free(p);
	}
	here = realpath(*state, NULL);
	p = path_absolute("./x/..//y");
	assert_memory_equal(p, here, strlen(here));
	assert_string_equal(p + strlen(here), "/y");
	free(p);
	p = path_absolute("");
	assert_string_equal(p, here);
	free(p);
	free(here);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read),
		TEST(test_view),
		TEST(test_view_torn),
		TEST(test_view_many),
		TEST(test_view_foreign),
		TEST(test_publish),
		TEST(test_publish_special),
		TEST(test_draft_dropped),
		TEST(test_publish_race),
		TEST(test_sweep),
		TEST(test_draft_locked),
		TEST(test_write_error),
		TEST(test_make_dirs),
		TEST(test_list),
		TEST(test_remove),
		TEST(test_remove_deep),
		TEST(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
