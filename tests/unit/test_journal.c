/* SPDX-License-Identifier: MIT */
#include "tests/unit/store_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/hash.h"
#include "base/proc.h"
#include "store/journal.h"
#include "store/output.h"
#include "store/rundir.h"
#include "store/scan.h"

static struct journal *begin(const char *dir)
{
	struct err e = ERR_INIT;
	struct journal *j;

	rundir_create(dir, &e);
	assert_no_error(&e);
	j = journal_create(dir, 1, "\"env\":{\"LANG\":\"C\"}", &e);
	assert_no_error(&e);
	assert_non_null(j);
	return j;
}

static int append_end(struct journal *j, unsigned long i, const char *more, struct err *e)
{
	char text[512];
	const int n =
		snprintf(text, sizeof text,
			 "{\"k\":\"end\",\"id\":\"%032lx\",\"i\":%lu,\"att\":1,\"out\":\"ok\"%s", i,
			 i, more);

	return journal_append(j, text, (size_t)n, e);
}

struct seen {
	unsigned long headers, ends, closes;
	unsigned long long sum;
	uint64_t damaged;
	bool dead, closed;
	struct piece pieces[8];
	char writer[128];
	char sha[8][65], file[8][256];
	size_t n;
};

static int see(void *arg, const struct scan_file *f, uint64_t offset, const struct record *r)
{
	struct seen *s = arg;

	(void)offset;
	snprintf(s->writer, sizeof s->writer, "%s", f->writer);
	s->damaged = f->damaged;
	s->dead = f->dead;
	s->closed = f->closed;
	s->headers += r->kind == RECORD_HEADER;
	s->closes += r->kind == RECORD_CLOSE;
	if (r->kind == RECORD_END) {
		s->ends++;
		s->sum += r->index;
		if (s->n < 8) {
			struct piece p = record_piece(r, "o", NULL);

			if (p.there && p.len) {
				memcpy(s->sha[s->n], p.sha256, 64);
				p.sha256 = s->sha[s->n];
			}
			if (p.file) {
				memcpy(s->file[s->n], p.file, p.file_len);
				p.file = s->file[s->n];
			}
			s->pieces[s->n++] = p;
		}
	}
	return 0;
}

static void read_all(const char *dir, struct seen *s)
{
	struct err e = ERR_INIT;

	*s = (struct seen){ .headers = 0 };
	assert_int_equal(scan_records(dir, see, s, &e), 0);
	assert_no_error(&e);
}

static void test_plain(void **state)
{
	struct journal *j = begin(*state);
	struct err e = ERR_INIT;
	struct seen s;
	char *name = mem_dup(journal_writer(j));

	assert_int_equal(
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"),
		strlen(name));
	assert_in_range(strlen(name), 18, 70);
	for (unsigned long i = 0; i < 1000; i++) {
		assert_int_equal(append_end(j, i, "", &e), 0);
		if (i % 100 == 0) {
			assert_int_equal(journal_sync(j, &e), 0);
		}
	}
	read_all(*state, &s);
	assert_int_equal(s.headers, 1);
	assert_int_equal(s.ends, 1000);
	assert_int_equal(s.sum, 499500);
	assert_false(s.closed);
	assert_false(s.dead);
	assert_string_equal(s.writer, name);
	assert_int_equal(journal_append(j, "{\"k\":\"end\",\n", 12, &e), -1);
	err_clear(&e);
	assert_int_equal(journal_close(j, &e), 0);
	assert_no_error(&e);
	read_all(*state, &s);
	assert_int_equal(s.closes, 1);
	assert_true(s.closed);
	assert_int_equal(s.damaged, 0);
	assert_int_equal(journal_close(NULL, &e), 0);
	free(name);
}

static void test_writers(void **state)
{
	struct journal *j[5];
	struct err e = ERR_INIT;
	struct seen s;

	for (int i = 0; i < 5; i++) {
		j[i] = begin(*state);
	}
	for (unsigned long i = 0; i < 100; i++) {
		assert_int_equal(append_end(j[i % 5], i, "", &e), 0);
	}
	for (int i = 0; i < 5; i++) {
		assert_int_equal(journal_close(j[i], &e), 0);
	}
	read_all(*state, &s);
	assert_int_equal(s.headers, 5);
	assert_int_equal(s.ends, 100);
	assert_int_equal(s.sum, 4950);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit l;

	getrlimit(RLIMIT_FSIZE, &l);
	l.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

/* The disk is full at every possible byte of a record: nothing recorded is lost, nothing wrong is
 * read, and it goes on afterwards. */
static void test_full(void **state)
{
	struct journal *j = begin(*state);
	struct err e = ERR_INIT;
	unsigned long long sum = 0;
	unsigned long good = 0, failed = 0;
	struct seen s;

	signal(SIGXFSZ, SIG_IGN);
	for (unsigned long i = 0; i < 150; i++) {
		struct stat st;
		char *top = path_join(*state, "journal");
		char **names, **files;
		size_t n;

		/* where the journal stands */
		assert_int_equal(file_list(top, &names, &n, &e), 0);
		char *dir = path_join(top, names[0]);

		assert_int_equal(file_list(dir, &files, &n, &e), 0);
		char *path = path_join(dir, files[0]);

		assert_int_equal(stat(path, &st), 0);
		free(path);
		free(dir);
		free(top);
		free(names);
		free(files);
		limit_files((rlim_t)st.st_size + i);
		if (append_end(j, i, "", &e) == 0) {
			good++;
			sum += i;
		} else {
			failed++;
			assert_non_null(strstr(e.text, "nothing that was recorded is lost"));
			assert_non_null(strstr(e.text, ".jsonl"));
			err_clear(&e);
		}
		limit_files(RLIM_INFINITY);
		assert_int_equal(append_end(j, 1000 + i, "", &e), 0);
		good++;
		sum += 1000 + i;
	}
	assert_int_equal(journal_close(j, &e), 0);
	assert_in_range(failed, 50, 149);
	read_all(*state, &s);
	/* a record that lacks but its newline is whole, though it was not acknowledged */
	assert_in_range(s.ends, good, good + 1);
	assert_true(s.sum >= sum);
	signal(SIGXFSZ, SIG_DFL);
}

static void test_output_full(void **state)
{
	struct journal *j = begin(*state);
	struct output_reader *r = output_reader_new(*state);
	char bytes[1000];
	uint64_t a, b, c;
	struct err e = ERR_INIT;
	struct piece p = { .there = true, .len = sizeof bytes };
	const char *data;
	size_t len;

	memset(bytes, 'a', sizeof bytes);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(journal_output(j, bytes, sizeof bytes, &a, &e), 0);
	limit_files(1300);
	assert_int_equal(journal_output(j, bytes, sizeof bytes, &b, &e), -1);
	assert_non_null(strstr(e.text, "nothing that was recorded is lost"));
	err_clear(&e);
	limit_files(RLIM_INFINITY);
	memset(bytes, 'c', sizeof bytes);
	assert_int_equal(journal_output(j, bytes, sizeof bytes, &c, &e), 0);
	assert_int_equal(a, 0);
	assert_int_equal(c, 1300); /* behind the damage */
	p.offset = c;
	assert_int_equal(output_get(r, journal_writer(j), &p, false, &data, &len, &e), 0);
	assert_int_equal(len, sizeof bytes);
	assert_memory_equal(data, bytes, len);
	output_reader_free(r);
	assert_int_equal(journal_close(j, &e), 0);
	signal(SIGXFSZ, SIG_DFL);
}

/* A spool with n bytes; the caller closes and frees. */
static int make_spool(const char *dir, struct journal *j, uint64_t n, char **path)
{
	static char block[65536];
	int fd;

	*path = journal_spool_path(dir, journal_writer(j), 3, "out");
	unlink(*path);
	fd = open(*path, O_RDWR | O_CREAT, 0666);
	assert_true(fd >= 0);
	for (uint64_t at = 0; at < n; at += sizeof block) {
		const uint64_t left = n - at;

		for (size_t i = 0; i < sizeof block; i += 8) {
			const uint64_t x = (at + i) * 0x9e3779b97f4a7c15u;

			memcpy(block + i, &x, 8);
		}
		const size_t take = left < sizeof block ? (size_t)left : sizeof block;

		assert_int_equal(write(fd, block, take), take);
	}
	return fd;
}

/* All three steps; with `path` the file may be renamed. */
static int take(struct journal *j, int fd, const char *path, uint64_t len, const char *name,
		struct buf *members, bool *renamed, struct err *e)
{
	struct take_tools *tools = take_tools_new();
	struct take t = { .fd = fd, .path = path, .name = name, .len = len };
	int rc;

	journal_take_begin(j, &t);
	rc = journal_take_copy(j, tools, &t, e);
	if (rc == 0) {
		rc = journal_take_end(j, tools, &t, members, e);
	}
	*renamed = t.own;
	take_tools_free(tools);
	return rc;
}

static void test_spools(void **state)
{
	static const struct {
		uint64_t size, take;
		bool move, renamed;
	} rows[] = {
		{ 0, 0, true, false },
		{ 1, 1, true, false },
		{ 5000, 4000, true, false },
		{ 65536, 65536, true, false },
		{ 65537, 65537, true, false },
		{ 300000, 300000, true, false },
		{ OUTPUT_OWN_FILE + 10, OUTPUT_OWN_FILE, true, true },
		{ OUTPUT_OWN_FILE, OUTPUT_OWN_FILE, false, false },
	};
	struct journal *j = begin(*state);
	struct output_reader *r = output_reader_new(*state);
	struct err e = ERR_INIT;
	struct seen s;
	char writer[128];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf more = BUF_INIT;
		bool renamed;
		char *path;
		int fd = make_spool(*state, j, rows[i].size, &path);

		buf_puts(&more, ",\"o\":");
		assert_int_equal(take(j, fd, rows[i].move ? path : NULL, rows[i].take, "out/put",
				      &more, &renamed, &e),
				 0);
		assert_no_error(&e);
		assert_int_equal(renamed, rows[i].renamed);
		assert_int_equal(file_exists(path), !rows[i].renamed);
		assert_int_equal(append_end(j, i, more.data, &e), 0);
		buf_free(&more);
		close(fd);
		free(path);
	}
	assert_int_equal(journal_sync(j, &e), 0);
	read_all(*state, &s);
	assert_int_equal(s.n, sizeof rows / sizeof *rows);
	snprintf(writer, sizeof writer, "%s", journal_writer(j));
	for (size_t i = 0; i < s.n; i++) {
		const char *data;
		size_t len;

		assert_true(s.pieces[i].there);
		assert_int_equal(s.pieces[i].len, rows[i].take);
		assert_int_equal(s.pieces[i].file != NULL, rows[i].renamed);
		output_get(r, writer, &s.pieces[i], true, &data, &len, &e);
		assert_no_error(&e);
		assert_int_equal(len, rows[i].take);
	}
	output_reader_free(r);
	assert_int_equal(journal_close(j, &e), 0);
}

/* A task that truncates its own output while it is taken in: what is left is what was kept. */
static void test_spool_shrunk(void **state)
{
	struct journal *j = begin(*state);
	struct buf more = BUF_INIT;
	struct err e = ERR_INIT;
	bool renamed;
	char *path;
	int fd = make_spool(*state, j, 100, &path);

	assert_int_equal(take(j, fd, path, 200, "out", &more, &renamed, &e), 0);
	assert_memory_equal(more.data, "[0,100,\"", 8);
	buf_clear(&more);
	assert_int_equal(take(j, fd, path, 200000, "out", &more, &renamed, &e), 0);
	assert_memory_equal(more.data, "[200,100,\"", 10);
	buf_free(&more);
	close(fd);
	free(path);
	assert_int_equal(journal_close(j, &e), 0);
}

/* Killed with SIGKILL in the middle of writing: every acknowledged record is there. */
static void test_killed(void **state)
{
	struct seen s;
	unsigned long sent = 0, got = 0;

	for (int turn = 0; turn < 20; turn++) {
		unsigned long n, last = 0;
		int ack[2];
		pid_t pid;

		assert_int_equal(pipe(ack), 0);
		pid = fork();
		if (pid == 0) {
			struct journal *j = begin(*state);

			for (n = 1;; n++) {
				if (append_end(j, n, "", NULL) < 0 ||
				    write(ack[1], &n, sizeof n) < 0) {
					_exit(1);
				}
			}
		}
		close(ack[1]);
		for (int i = 0; i < 20 + 7 * turn; i++) {
			assert_int_equal(read(ack[0], &last, sizeof last), sizeof last);
		}
		kill(pid, SIGKILL);
		while (read(ack[0], &n, sizeof n) == (ssize_t)sizeof n) {
			last = n;
		}
		close(ack[0]);
		waitpid(pid, NULL, 0);
		sent += last;
	}
	read_all(*state, &s);
	got = s.ends;
	assert_in_range(got, sent, sent + 20);
	assert_int_equal(s.damaged, 0);
	assert_true(s.dead);
	assert_int_equal(s.headers, 20);
}

/* ---- held back ---- */

static char *journal_file(const char *dir, const char *kind)
{
	struct err e = ERR_INIT;
	char *top = path_join(dir, kind), **names, *sub, *path;
	size_t n;

	assert_int_equal(file_list(top, &names, &n, &e), 0);
	assert_int_equal(n, 1);
	sub = path_join(top, names[0]);
	free(names);
	assert_int_equal(file_list(sub, &names, &n, &e), 0);
	assert_int_equal(n, 1);
	path = path_join(sub, names[0]);
	free(names);
	free(sub);
	free(top);
	return path;
}

static off_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* A record of `n` bytes of output, all of them `c`. */
static int put_task(struct journal *j, unsigned long i, char c, size_t n, struct err *e)
{
	char *bytes = mem_alloc(n);
	struct buf more = BUF_INIT;
	uint64_t at;
	int rc;

	memset(bytes, c, n);
	rc = journal_output(j, bytes, n, &at, e);
	if (rc == 0) {
		buf_puts(&more, ",\"o\":");
		journal_put_piece(&more, at, bytes, n);
		rc = append_end(j, i, more.data, e);
	}
	buf_free(&more);
	free(bytes);
	return rc;
}

/* Every record that is there has its output, of one letter: 'a' and its index. */
static void check_pieces(const char *dir, const char *writer, const struct seen *s, size_t len)
{
	struct output_reader *r = output_reader_new(dir);
	struct err e = ERR_INIT;

	for (size_t i = 0; i < s->n; i++) {
		const char *data;
		size_t n;

		assert_true(s->pieces[i].there);
		assert_int_equal(output_get(r, writer, &s->pieces[i], true, &data, &n, &e), 0);
		assert_no_error(&e);
		assert_int_equal(n, len);
		assert_int_equal(data[0], data[len - 1]);
	}
	output_reader_free(r);
}

/* Nothing is on file before; then all of it, in its order, and a second release has nothing. */
static void test_hold(void **state)
{
	struct journal *j = begin(*state);
	char *path = journal_file(*state, "journal"), *out = journal_file(*state, "output");
	const off_t before = size_of(path);
	struct err e = ERR_INIT;
	struct seen s;

	journal_hold(j);
	assert_int_equal(journal_release(j, &e), 0); /* of nothing */
	assert_int_equal(journal_release(j, &e), 0); /* without a hold */
	assert_int_equal(size_of(path), before);
	journal_hold(j);
	for (unsigned long i = 0; i < 5; i++) {
		assert_int_equal(put_task(j, i, (char)('a' + i), 100, &e), 0);
	}
	assert_int_equal(size_of(path), before);
	assert_int_equal(size_of(out), 0);
	assert_int_equal(journal_release(j, &e), 0);
	assert_no_error(&e);
	assert_int_equal(size_of(out), 500);
	read_all(*state, &s);
	assert_int_equal(s.ends, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(s.pieces[i].offset, 100 * i);
	}
	check_pieces(*state, journal_writer(j), &s, 100);
	assert_int_equal(put_task(j, 5, 'f', 100, &e), 0); /* goes out at once again */
	assert_int_equal(size_of(out), 600);
	read_all(*state, &s);
	assert_int_equal(s.ends, 6);
	check_pieces(*state, journal_writer(j), &s, 100);
	assert_int_equal(journal_close(j, &e), 0);
	free(path);
	free(out);
}

/* Places that were given to files, whose bytes come whenever they come. */
static void test_hold_take(void **state)
{
	struct journal *j = begin(*state);
	struct take_tools *tools = take_tools_new();
	struct buf more = BUF_INIT;
	struct err e = ERR_INIT;
	char *path, *out = journal_file(*state, "output");
	const int fd = make_spool(*state, j, 300000, &path);
	struct take t = { .fd = fd, .name = "value", .len = 300000 };
	struct seen s;

	journal_hold(j);
	assert_int_equal(put_task(j, 0, 'a', 50, &e), 0);
	journal_take_begin(j, &t);
	assert_int_equal(t.offset, 50);
	assert_int_equal(put_task(j, 1, 'b', 50, &e), 0);
	assert_int_equal(put_task(j, 2, 'c', 50, &e), 0);
	assert_int_equal(journal_take_copy(j, tools, &t, &e), 0);
	buf_puts(&more, ",\"o\":");
	assert_int_equal(journal_take_end(j, tools, &t, &more, &e), 0);
	assert_int_equal(append_end(j, 3, more.data, &e), 0);
	assert_int_equal(journal_release(j, &e), 0);
	assert_no_error(&e);
	assert_int_equal(size_of(out), 300150);
	read_all(*state, &s);
	assert_int_equal(s.ends, 4);
	assert_int_equal(s.pieces[0].offset, 0);
	assert_int_equal(s.pieces[1].offset, 300050);
	assert_int_equal(s.pieces[2].offset, 300100);
	assert_int_equal(s.pieces[3].offset, 50);
	assert_int_equal(s.pieces[3].len, 300000);
	s.n = 3;
	check_pieces(*state, journal_writer(j), &s, 50);
	s.pieces[0] = s.pieces[3]; /* its hash must be that of what is there */
	s.n = 1;
	struct output_reader *r = output_reader_new(*state);
	const char *data;
	size_t len;

	assert_int_equal(output_get(r, journal_writer(j), &s.pieces[0], true, &data, &len, &e), 0);
	assert_no_error(&e);
	output_reader_free(r);
	assert_int_equal(journal_close(j, &e), 0);
	buf_free(&more);
	take_tools_free(tools);
	close(fd);
	free(path);
	free(out);
}

/* A sync in between covers what was held, and its mark speaks of no other. */
static void test_hold_sync(void **state)
{
	struct journal *j = begin(*state);
	char *path = journal_file(*state, "journal");
	struct err e = ERR_INIT;
	struct buf text = BUF_INIT;
	const char *first, *mark, *second;

	journal_hold(j);
	assert_int_equal(put_task(j, 1001, 'a', 10, &e), 0);
	assert_int_equal(journal_sync(j, &e), 0);
	assert_int_equal(put_task(j, 1002, 'b', 10, &e), 0);
	assert_int_equal(file_read(path, &text, 0, &e), 0);
	first = strstr(text.data, "\"i\":1001,");
	mark = strstr(text.data, "\"k\":\"sync\"");
	assert_true(first && mark && first < mark);
	assert_null(strstr(text.data, "\"i\":1002,"));
	assert_int_equal(journal_release(j, &e), 0);
	buf_clear(&text);
	assert_int_equal(file_read(path, &text, 0, &e), 0);
	mark = strstr(text.data, "\"k\":\"sync\"");
	second = strstr(text.data, "\"i\":1002,");
	assert_true(second && mark < second);
	assert_int_equal(journal_close(j, &e), 0);
	buf_free(&text);
	free(path);
}

/* The disk is full at every byte of what was held: what is there is whole, and from the beginning;
 * nothing is there twice; and it goes on afterwards. */
static void test_hold_full(void **state)
{
	struct journal *j = begin(*state);
	char *path = journal_file(*state, "journal");
	struct err e = ERR_INIT;
	unsigned long most = 0, torn = 0, after = 0;
	off_t line;
	bool done = false;

	signal(SIGXFSZ, SIG_IGN);
	line = size_of(path);
	assert_int_equal(append_end(j, 7, "", &e), 0);
	line = size_of(path) - line;
	for (off_t room = 0; !done; room += room % line < 3 || room % line > line - 3 ? 1 : 9) {
		struct seen old, now;

		read_all(*state, &old);
		journal_hold(j);
		for (unsigned long i = 0; i < 3; i++) {
			assert_int_equal(append_end(j, i, "", &e), 0);
		}
		limit_files((rlim_t)(size_of(path) + room));
		done = journal_release(j, &e) == 0;
		limit_files(RLIM_INFINITY);
		if (!done) {
			assert_non_null(strstr(e.text, "nothing that was recorded is lost"));
			err_clear(&e);
		}
		assert_int_equal(append_end(j, 7, "", &e), 0);
		after++;
		read_all(*state, &now);
		now.ends -= old.ends + 1;
		now.sum -= old.sum + 7;
		assert_int_equal(now.sum, now.ends == 3 ? 3 : now.ends == 2 ? 1 : 0);
		assert_true(now.ends == 3 || !done);
		assert_in_range(now.ends, room / (line + 1), 3);
		most = now.ends > most ? now.ends : most;
		torn = now.damaged;
	}
	assert_int_equal(most, 3);
	assert_true(torn > 0 && torn <= after); /* and each is passed over */
	assert_int_equal(journal_close(j, &e), 0);
	free(path);
	signal(SIGXFSZ, SIG_DFL);
}

/* No record names output that has found no room, whenever that was seen; and the next ones have
 * their own. */
static void test_hold_output_full(void **state)
{
	for (int early = 0; early < 2; early++) {
		char *dir = mem_printf("%s/%d", (char *)*state, early);
		struct journal *j = begin(dir);
		struct take t = { .fd = -1, .name = "value", .len = 1000 };
		struct err e = ERR_INIT, later = ERR_INIT;
		struct seen s;

		signal(SIGXFSZ, SIG_IGN);
		assert_int_equal(put_task(j, 0, 'a', 1000, &e), 0);
		journal_hold(j);
		assert_int_equal(put_task(j, 1, 'b', 1000, &e), 0);
		assert_int_equal(put_task(j, 2, 'c', 1000, &e), 0);
		limit_files(2500);
		if (early) { /* something else gets a place: what is held goes out at once */
			journal_take_begin(j, &t);
			assert_int_equal(put_task(j, 3, 'd', 1000, &e), -1);
			assert_non_null(strstr(e.text, "cannot keep output in"));
			limit_files(RLIM_INFINITY); /* and what comes after it does not hide it */
			assert_int_equal(journal_release(j, &later), -1);
			assert_non_null(strstr(later.text, "File too large"));
		} else {
			assert_int_equal(journal_release(j, &e), -1);
			assert_non_null(strstr(e.text, "cannot keep output in"));
			assert_non_null(strstr(e.text, "nothing that was recorded is lost"));
			limit_files(RLIM_INFINITY);
		}
		err_clear(&e);
		read_all(dir, &s);
		assert_int_equal(s.ends, 1);
		assert_int_equal(put_task(j, 4, 'e', 1000, &e), 0);
		journal_hold(j);
		assert_int_equal(put_task(j, 5, 'f', 1000, &e), 0);
		assert_int_equal(journal_release(j, &e), 0);
		assert_no_error(&e);
		read_all(dir, &s);
		assert_int_equal(s.ends, 3);
		assert_int_equal(s.sum, 9);
		check_pieces(dir, journal_writer(j), &s, 1000);
		assert_int_equal(journal_close(j, &e), 0);
		free(dir);
	}
	signal(SIGXFSZ, SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plain, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_writers, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_full, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_output_full, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_spools, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_spool_shrunk, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_hold, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_hold_take, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_hold_sync, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_hold_full, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_hold_output_full, folder_setup,
						folder_teardown),
		cmocka_unit_test_setup_teardown(test_killed, folder_setup, folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
