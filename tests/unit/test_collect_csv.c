/* SPDX-License-Identifier: MIT */
/* Many CSV files into one: order, headers, the quick way and the careful way, and every complaint.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "collect/collect.h"
#include "collect/csv_fast.h"
#include "tests/unit/refuse.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define IS_CHECKED 1
#else
#define IS_CHECKED 0
#endif

static char dir[] = "/tmp/ppgen-test-csv-XXXXXX";

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return chdir("/") == 0 ? file_remove_tree(dir, NULL) : -1;
}

struct csv_case {
	const char *files[6]; /* name, content, name, content, ... */
	const char *patterns[4];
	char format;
	const char *want; /* or "!" and the message */
	uint64_t n_files, rows;
};

static const struct csv_case cases[] = {
	{ { "b.csv", "x,y\n3,4\n", "a.csv", "x,y\n1,2" },
	  { "*.csv" },
	  'c',
	  "x,y\n1,2\n3,4\n",
	  2,
	  2 },
	{ { "b.csv", "x,y\n3,4\n", "a.csv", "x,y\n1,2" },
	  { "b.csv", "[ab].csv", "a.csv" },
	  'c',
	  "x,y\n1,2\n3,4\n",
	  2,
	  2 },
	/* BOM, CRLF, quoted newlines, blank lines, quotes that were not needed */
	{ { "a.csv", "\xef\xbb\xbfx,y\r\n\"1\",\"a\nb\"\r\n\r\n2,\"c \"\"d\"\"\"", "b.csv",
	    "\"x\",y\n\n3,4\n  \n5,6" },
	  { "*.csv" },
	  'c',
	  "x,y\n1,\"a\nb\"\n2,\"c \"\"d\"\"\"\n3,4\n5,6\n",
	  2,
	  4 },
	{ { "a.csv", "x,y\n\xff,-1\n-rf,=1+1\n" },
	  { "a.csv" },
	  'c',
	  "x,y\n\xff,-1\n-rf,=1+1\n",
	  1,
	  2 },
	{ { "a.csv", "x\n\n1\n \n\n2\n\n" }, { "a.csv" }, 'c', "x\n1\n2\n", 1, 2 },
	{ { "a.csv", "x,y\n", "b.csv", "x,y" }, { "*.csv" }, 'c', "x,y\n", 2, 0 },
	{ { "a.tsv", "x\ty,z\n1\t2\n", "b.csv", "x,\"y,z\"\n3,4\n" },
	  { "b.csv", "a.tsv" },
	  't',
	  "x\ty,z\n1\t2\n3\t4\n",
	  2,
	  2 },
	{ { "a.csv", "x,y\n1.50,\n010,\"\"\n\"q\"\"\",nan\n" },
	  { "a.csv" },
	  'l',
	  "{\"x\":1.50,\"y\":null}\n{\"x\":\"010\",\"y\":\"\"}\n{\"x\":\"q\\\"\",\"y\":\"nan\"}\n",
	  1,
	  3 },
	{ { "a.csv", "x\n1\n2\n" }, { "a.csv" }, 'j', "[\n{\"x\":1},\n{\"x\":2}\n]\n", 1, 2 },
	/* what stands at the output's name already is no input */
	{ { "a.csv", "x\n1\n", "out", "x\n9\n" }, { "a.csv", "out" }, 'c', "x\n1\n", 1, 1 },
	{ { "odd[1].csv", "x\n1\n" }, { "odd[1].csv" }, 'c', "x\n1\n", 1, 1 },
	/* complaints */
	{ { "a.csv", "x,y\n1,2\n", "b.csv", "x,z\n1,2\n" },
	  { "*.csv" },
	  'c',
	  "!b.csv: line 1: column 2 is 'z', in 'a.csv' it is 'y'",
	  0,
	  0 },
	{ { "a.csv", "x,y\n1,2\n", "b.csv", "x\n1\n" },
	  { "*.csv" },
	  'c',
	  "!b.csv: line 1: 1 column, in 'a.csv' there are 2",
	  0,
	  0 },
	{ { "a.csv", "x,y\n1,2\n\n1,2,3\n" },
	  { "*.csv" },
	  'c',
	  "!a.csv: line 4: 3 cells where the header has 2",
	  0,
	  0 },
	{ { "a.csv", "x,y\n1,2\n1\n" },
	  { "*.csv" },
	  'l',
	  "!a.csv: line 3: 1 cell where the header has 2",
	  0,
	  0 },
	{ { "a.csv", "x,y\n\"1\n\",2\n1,\"2\",3\n" },
	  { "*.csv" },
	  'c',
	  "!a.csv: line 4: 3 cells where the header has 2",
	  0,
	  0 },
	{ { "a.csv", "x,y\n1,\"2\n" },
	  { "*.csv" },
	  'c',
	  "!a.csv: line 2: a quote is not closed",
	  0,
	  0 },
	{ { "a.csv", "x,y,x\n1,2,3\n" },
	  { "*.csv" },
	  'c',
	  "!a.csv: line 1: column 'x' stands twice in the header",
	  0,
	  0 },
	{ { "a.csv", "x\n", "b.csv", "" },
	  { "*.csv" },
	  'c',
	  "!b.csv: no header line: the file is empty",
	  0,
	  0 },
	{ { NULL }, { "*.csv" }, 'c', "!no file matches '*.csv'", 0, 0 },
	{ { "out", "x\n" },
	  { "out" },
	  'c',
	  "!no CSV files are given: name them, or a pattern in quotes: 'data/*.csv'",
	  0,
	  0 },
	{ { NULL }, { "a.csv" }, 'c', "!cannot read 'a.csv': No such file or directory", 0, 0 },
	{ { NULL }, { "/dev" }, 'c', "!cannot read '/dev': Is a directory", 0, 0 },
	/* lone CRs are text; a blank line may hold blanks; a row of blanks and separators is one */
	{ { "a.csv", "x,y\r\n1\r,2\r\n \t\r\n , \n3,4\r" },
	  { "a.csv" },
	  'c',
	  "x,y\n\"1\r\",2\n , \n3,4\n",
	  1,
	  3 },
	{ { "a.tsv", "x\ty\n\t\n  \n1\t2\n" }, { "a.tsv" }, 't', "x\ty\n\t\n1\t2\n", 1, 2 },
	{ { "a.csv", "x,y\r\n1, 2\r\n\r\n3,\r\r\n4,5\r6\r\n7,\"8\"\r\n9,0\n1,2\r\n3,4\r" },
	  { "a.csv" },
	  'c',
	  "x,y\n1, 2\n3,\"\r\"\n4,\"5\r6\"\n7,8\n9,0\n1,2\n3,4\n",
	  1,
	  7 },
	/* odd lines among plain ones, and a ragged one behind them */
	{ { "a.csv", "x,y\n1,2\n3,\"4\"\n5,6\n\n7\n" },
	  { "a.csv" },
	  'c',
	  "!a.csv: line 6: 1 cell where the header has 2",
	  0,
	  0 },
};

static void make_files(const char *const *files, struct err *e)
{
	char **names;
	size_t n;

	assert_int_equal(file_list(".", &names, &n, e), 0);
	for (size_t i = 0; i < n; i++)
		unlink(names[i]);
	free(names);
	for (size_t i = 0; files[i]; i += 2)
		assert_int_equal(file_publish(files[i], files[i + 1], strlen(files[i + 1]), e), 0);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct csv_case *c = &cases[i];
		struct err e = ERR_INIT;
		struct buf got = BUF_INIT;
		uint64_t files = 0, rows = 0;
		uint8_t digest[SHA256_SIZE];
		char sha256[65], hex[65];
		size_t n = 0;
		int rc;

		make_files(c->files, &e);
		while (c->patterns[n])
			n++;
		rc = collect_csv(c->patterns, n, "out", c->format, &files, &rows, sha256, &e);
		if (c->want[0] == '!') {
			assert_string_equal(e.text, c->want + 1);
			assert_int_equal(rc, -1);
			continue;
		}
		assert_string_equal(e.text, "");
		assert_int_equal(rc, 0);
		assert_int_equal(file_read("out", &got, 0, &e), 0);
		assert_string_equal(got.data, c->want);
		assert_int_equal(files, c->n_files);
		assert_int_equal(rows, c->rows);
		sha256_of(got.data, got.len, digest);
		hex_put(hex, digest, sizeof digest);
		assert_string_equal(sha256, hex);
		buf_free(&got);
	}
}

/* Nothing is left of a merge that failed, and what was there before stays. */
static void test_nothing_half_done(void **state)
{
	static const char *const files[] = { "a.csv", "x\n1\n1,2\n", "out.csv", "old", NULL };
	const char *pattern = "a.csv";
	struct err e = ERR_INIT;
	struct buf got = BUF_INIT;
	uint64_t n, rows;
	char sha256[65], **names;
	size_t count;

	(void)state;
	make_files(files, &e);
	assert_int_equal(collect_csv(&pattern, 1, "out.csv", 0, &n, &rows, sha256, &e), -1);
	file_read("out.csv", &got, 0, &e);
	assert_string_equal(got.data, "old");
	assert_int_equal(file_list(".", &names, &count, &e), 0);
	assert_int_equal(count, 2);
	free(names);
	buf_free(&got);
}

/* Over many blocks, with a quoted cell now and then: the same bytes as one careful reading gives.
 */
static void test_blocks(void **state)
{
	static const char *const none[] = { NULL };
	const char *pattern = "big.csv";
	struct err e = ERR_INIT;
	struct buf in = BUF_INIT, want = BUF_INIT, got = BUF_INIT;
	uint64_t n, rows;
	char sha256[65];

	(void)state;
	make_files(none, &e);
	buf_puts(&in, "k,text,v\n");
	buf_puts(&want, "k,text,v\n");
	for (int i = 0; i < 150000; i++) {
		if (i % 40000 == 39999) {
			buf_printf(&in, "%d,\"a\n\n,\"\"b\"\"\",\"%d\"\r\n\r\n", i, i);
			buf_printf(&want, "%d,\"a\n\n,\"\"b\"\"\",%d\n", i, i);
		} else {
			buf_printf(&in, "%d,some plain text,%d.25\n%s", i, i, i % 1000 ? "" : "\n");
			buf_printf(&want, "%d,some plain text,%d.25\n", i, i);
		}
	}
	assert_int_equal(file_publish("big.csv", in.data, in.len, &e), 0);
	assert_int_equal(collect_csv(&pattern, 1, "out.csv", 0, &n, &rows, sha256, &e), 0);
	assert_int_equal(rows, 150000);
	file_read("out.csv", &got, 0, &e);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.data, want.data, want.len);
	buf_puts(&in, "1,2\n");
	assert_int_equal(file_publish("big.csv", in.data, in.len, &e), 0);
	assert_int_equal(collect_csv(&pattern, 1, "out.csv", 0, &n, &rows, sha256, &e), -1);
	assert_string_equal(e.text, "big.csv: line 150161: 2 cells where the header has 3");
	buf_free(&in);
	buf_free(&want);
	buf_free(&got);
}

/* ---- chance ---- */

static uint32_t chance;

static uint32_t any(uint32_t below)
{
	chance = chance * 1664525u + 1013904223u;
	return (chance >> 8) % below;
}

/* What csv_lines_take says of a text, in one number and three. */
struct taken {
	uint64_t hash, rows, line;
	size_t cells, left;
	bool odd;
};

static struct taken take_all(const char *text, size_t len, char sep, size_t columns,
			     bool (*take)(struct csv_lines *, const char **, size_t *, uint64_t *))
{
	struct csv_lines l = {
		.p = text, .end = text + len, .sep = sep, .columns = columns, .line = 1
	};
	struct taken t = { 0 };
	struct buf b = BUF_INIT;
	const char *run;
	uint64_t rows;
	size_t n;

	while (take(&l, &run, &n, &rows)) {
		buf_add(&b, run, n);
		t.rows += rows;
	}
	t.hash = hash_bytes(buf_str(&b), b.len);
	t.line = l.line;
	t.cells = l.cells;
	t.odd = l.odd != NULL;
	assert_true(!l.odd || *l.odd == '"' || *l.odd == '\r');
	t.left = (size_t)(l.end - l.p);
	buf_free(&b);
	return t;
}

/* The same, a byte at a time. */
static struct taken take_slowly(const char *text, size_t len, char sep, size_t columns)
{
	struct taken t = { .line = 1 };
	struct buf b = BUF_INIT;
	const char *p = text, *const end = text + len;

	while (p < end) {
		const char *to = memchr(p, '\n', (size_t)(end - p));
		size_t cells = 1;
		bool blank = true;

		to = to ? to : end;
		for (const char *s = p; s < to; s++) {
			cells += *s == sep;
			blank &= *s == ' ' || (*s == '\t' && sep != '\t');
			t.odd |= *s == '"' || *s == '\r';
		}
		if (t.odd || (!blank && cells != columns)) {
			t.cells = t.odd ? 0 : cells;
			break;
		}
		to += to < end;
		if (!blank) {
			buf_add(&b, p, (size_t)(to - p));
			t.rows++;
		}
		t.line++;
		p = to;
	}
	t.hash = hash_bytes(buf_str(&b), b.len);
	t.left = (size_t)(end - p);
	buf_free(&b);
	return t;
}

static void assert_taken(struct taken got, struct taken want, uint32_t from)
{
	if (got.hash != want.hash || got.rows != want.rows || got.line != want.line ||
	    got.cells != want.cells || got.odd != want.odd || got.left != want.left)
		fail_msg("from %u: %llu rows, line %llu, %zu cells, odd %d, %zu left; it is "
			 "%llu, %llu, %zu, %d, %zu",
			 from, (unsigned long long)got.rows, (unsigned long long)got.line,
			 got.cells, got.odd, got.left, (unsigned long long)want.rows,
			 (unsigned long long)want.line, want.cells, want.odd, want.left);
}

/* Masks and bytes agree, wherever lines, blanks and odd bytes fall. */
static void test_lines(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		const size_t columns = 1 + i % 4;
		const char sep = i % 3 ? ',' : '\t';
		struct buf b = BUF_INIT;
		struct taken want;
		uint32_t lines;

		chance = i;
		lines = any(24);
		buf_room(&b, 0);
		for (uint32_t k = 0; k < lines; k++) {
			const uint32_t kind = any(40);

			for (size_t c = 0; kind > 2 && c < columns + (kind == 3); c++) {
				if (c)
					buf_putc(&b, sep);
				for (uint32_t n = any(kind == 4 ? 150 : 9); n; n--)
					buf_putc(&b, "abc 1.\xff\x8a,"[any(sep == ',' ? 8 : 9)]);
			}
			if (kind < 2)
				buf_puts(&b, kind ? "  \t" : " ");
			if (kind == 5 && any(8) == 0)
				buf_putc(&b, any(2) ? '"' : '\r');
			if (k + 1 < lines || any(2))
				buf_putc(&b, '\n');
		}
		/* a block of its own size, so that reading past it is seen */
		char *exact = mem_dupn(buf_str(&b), b.len);

		want = take_slowly(exact, b.len, sep, columns);
		assert_taken(take_all(exact, b.len, sep, columns, csv_lines_take), want, i);
		assert_taken(take_all(exact, b.len, sep, columns, csv_lines_take_anywhere), want,
			     i);
		free(exact);
		buf_free(&b);
	}
}

/* A file of random rows, some with long quoted cells; `want` gets them as they are to be written.
 */
static void random_file(struct buf *in, struct buf *want, uint32_t rows, bool with_cr)
{
	struct buf cell = BUF_INIT;

	buf_puts(in, any(2) ? "\xef\xbb\xbfk,text\n" : "\"k\",text\r\n");
	for (uint32_t i = 0; i < rows; i++) {
		const bool quoted = any(10) == 0;
		const bool ends = i + 1 < rows || any(2);

		buf_clear(&cell);
		for (uint32_t n = any(quoted && any(200) == 0 ? 700000 : 60); n; n--)
			buf_putc(&cell, quoted ? "a\"b\n\r, "[any(7)] : "abc. 12"[any(7)]);
		buf_printf(in, "%u,", i);
		buf_printf(want, "%u,", i);
		if (quoted) {
			buf_putc(in, '"');
			for (size_t k = 0; k < cell.len; k++)
				buf_puts(in, (char[]){ cell.data[k],
						       cell.data[k] == '"' ? '"' : '\0', '\0' });
			buf_putc(in, '"');
			csv_put(want, ',', cell.data, cell.len);
		} else {
			buf_add(in, cell.data, cell.len); /* and all the line as it is */
			buf_add(want, cell.data, cell.len);
		}
		buf_puts(in, !ends ? "" : with_cr ? "\r\n" : "\n");
		buf_putc(want, '\n');
		if (any(100) == 0 && ends)
			buf_puts(in, with_cr ? "\r\n" : " \n");
	}
	buf_free(&cell);
}

/* Many files, short and long, that are read in pieces: rows may lie anywhere in them. */
static void test_pieces(void **state)
{
	static const char *const none[] = { NULL };
	static const uint32_t sizes[] = { 0, 1, 7, 40, 900, 30000 };
	const char *pattern = "*.csv";
	struct err e = ERR_INIT;
	struct buf want = BUF_INIT, got = BUF_INIT;
	uint64_t n, rows, all = 0;
	char sha256[65], name[32];

	(void)state;
	chance = 4711;
	make_files(none, &e);
	buf_puts(&want, "k,text\n");
	for (int i = 0; i < 60; i++) {
		const uint32_t size = sizes[i % 6];
		struct buf in = BUF_INIT;

		snprintf(name, sizeof name, "f%02d.csv", i);
		random_file(&in, &want, size, i % 4 == 3);
		all += size;
		assert_int_equal(file_publish(name, in.data, in.len, &e), 0);
		buf_free(&in);
	}
	assert_int_equal(collect_csv(&pattern, 1, "out", 'c', &n, &rows, sha256, &e), 0);
	assert_int_equal(n, 60);
	assert_int_equal(rows, all);
	assert_int_equal(file_read("out", &got, 0, &e), 0);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.data, want.data, want.len);
	buf_free(&want);
	buf_free(&got);
}

/* Lines are counted right over the ends of pieces. */
static void test_line_numbers(void **state)
{
	static const char *const none[] = { NULL };
	const char *pattern = "f.csv";
	struct buf in = BUF_INIT, unused = BUF_INIT;
	struct err e = ERR_INIT;
	uint64_t n, rows;
	size_t line = 1;
	char sha256[65], want[80];

	(void)state;
	chance = 42;
	make_files(none, &e);
	random_file(&in, &unused, 30000, false);
	buf_putc(&in, '\n');
	for (size_t i = 0; i < in.len; i++)
		line += in.data[i] == '\n';
	buf_puts(&in, "1,2,3\n4,5\n");
	assert_int_equal(file_publish(pattern, in.data, in.len, &e), 0);
	assert_int_equal(collect_csv(&pattern, 1, "out", 'c', &n, &rows, sha256, &e), -1);
	snprintf(want, sizeof want, "f.csv: line %zu: 3 cells where the header has 2", line);
	assert_string_equal(e.text, want);
	buf_free(&in);
	buf_free(&unused);
}

/* Whatever is read ahead, the first fault in the order of names is told. */
static void test_first_fault(void **state)
{
	static const char *const none[] = { NULL };
	const char *patterns[] = { "f??.csv", "f20.csv", "f31.csv" };
	struct err e = ERR_INIT;
	uint64_t n, rows;
	char sha256[65], name[32];

	(void)state;
	make_files(none, &e);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof name, "f%02d.csv", i);
		if (i != 20 && i != 31)
			assert_int_equal(file_publish(name, i == 25 ? "y\n1\n" : "x\n1\n", 4, &e),
					 0);
	}
	assert_int_equal(collect_csv(patterns, 3, "out", 'c', &n, &rows, sha256, &e), -1);
	assert_string_equal(e.text, "cannot read 'f20.csv': No such file or directory");
	err_clear(&e);
	assert_int_equal(mkdir("f20.csv", 0700), 0);
	assert_int_equal(collect_csv(patterns, 3, "out", 'c', &n, &rows, sha256, &e), -1);
	assert_string_equal(e.text, "cannot read 'f20.csv': Is a directory");
	assert_int_equal(e.kind, ERR_BAD);
	assert_int_equal(rmdir("f20.csv"), 0);
	err_clear(&e);
	assert_int_equal(collect_csv(patterns, 1, "out", 'c', &n, &rows, sha256, &e), -1);
	assert_string_equal(e.text, "f25.csv: line 1: column 1 is 'y', in 'f00.csv' it is 'x'");
	assert_false(file_exists("out"));
}

static int merge_one(const char *name, uint64_t *rows, struct err *e)
{
	uint64_t n;
	char sha256[65];

	err_clear(e);
	return collect_csv(&name, 1, "out", 'c', &n, rows, sha256, e);
}

/* A header that is longer than what is read ahead. */
static void test_long_header(void **state)
{
	static const char *const none[] = { NULL };
	struct buf in = BUF_INIT, got = BUF_INIT;
	struct err e = ERR_INIT;
	uint64_t rows;

	(void)state;
	make_files(none, &e);
	for (int i = 0; i < 50000; i++)
		buf_printf(&in, "%sc%d", i ? "," : "", i);
	buf_puts(&in, "\n1");
	for (int i = 1; i < 50000; i++)
		buf_puts(&in, ",2");
	buf_putc(&in, '\n');
	assert_int_equal(file_publish("f.csv", in.data, in.len, &e), 0);
	assert_int_equal(merge_one("f.csv", &rows, &e), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(file_read("out", &got, 0, &e), 0);
	assert_string_equal(got.data, in.data);
	buf_free(&in);
	buf_free(&got);
}

/* A quote that is never closed, in a file that is longer than a row may be. */
static void test_no_end(void **state)
{
	static const struct {
		const char *begin, *says;
	} rows[] = {
		{ "\"", "f.csv: a row of more than 256M: a quote is not closed, perhaps" },
		{ "x\n\"",
		  "f.csv: line 2: a row of more than 256M: a quote is not closed, perhaps" },
	};
	static const char *const none[] = { NULL };
	struct err e = ERR_INIT;

	(void)state;
	if (IS_CHECKED || getenv("VALGRIND_LOGS"))
		return; /* minutes and gigabytes there: the plain build tries it */
	make_files(none, &e);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint64_t n;

		assert_int_equal(file_publish("f.csv", rows[i].begin, strlen(rows[i].begin), &e),
				 0);
		assert_int_equal(truncate("f.csv", 260 << 20), 0); /* takes no room */
		assert_int_equal(merge_one("f.csv", &n, &e), -1);
		assert_string_equal(e.text, rows[i].says);
		assert_int_equal(e.kind, ERR_BAD);
		assert_false(file_exists("out"));
	}
	unlink("f.csv");
}

/* What has a name, and cannot be read. */
static void test_unreadable(void **state)
{
	static const char *const none[] = { NULL };
	/* says that it has 4096 bytes */
	static const char short_one[] = "/sys/devices/system/cpu/online";
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "socket.csv" };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct err e = ERR_INIT;
	struct stat st;
	uint64_t rows;

	(void)state;
	make_files(none, &e);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
	assert_int_equal(merge_one("socket.csv", &rows, &e), -1);
	assert_string_equal(e.text, "cannot read 'socket.csv': No such device or address");
	assert_int_equal(e.kind, ERR_SYSTEM);
	close(fd);
	assert_int_equal(merge_one("/proc/self/mem", &rows, &e), -1);
	assert_string_equal(e.text, "cannot read '/proc/self/mem': Input/output error");
	assert_int_equal(e.kind, ERR_SYSTEM);
	if (stat(short_one, &st) < 0 || st.st_size < 100) {
		print_message("SKIP: '%s' is not there, or as long as it says\n", short_one);
	} else {
		assert_int_equal(merge_one(short_one, &rows, &e), -1);
		assert_string_equal(
			e.text,
			"'/sys/devices/system/cpu/online' became shorter while it was read");
		assert_int_equal(e.kind, ERR_SYSTEM);
	}
	assert_false(file_exists("out"));
}

/* The disk is full: within the rows, and at the line's end that the last file lacks. */
static void test_full(void **state)
{
	static const size_t sizes[] = { 1000000, (256 << 10) - 1 };
	static const char *const none[] = { NULL };
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct buf in = BUF_INIT;
		uint64_t rows, want = 1;
		int rc;

		make_files(none, &e);
		buf_puts(&in, "x\n");
		for (; in.len + 2 < sizes[i]; want++)
			buf_puts(&in, "1\n");
		while (in.len < sizes[i])
			buf_putc(&in, '2');
		assert_int_equal(file_publish("f.csv", in.data, in.len, &e), 0);
		limit_files(1000);
		rc = merge_one("f.csv", &rows, &e);
		free_files();
		assert_int_equal(rc, -1);
		assert_string_equal(e.text, "cannot write 'out': File too large");
		assert_int_equal(e.kind, ERR_SYSTEM);
		assert_false(file_exists("out"));
		assert_int_equal(merge_one("f.csv", &rows, &e), 0);
		assert_int_equal(rows, want);
		buf_free(&in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),       cmocka_unit_test(test_nothing_half_done),
		cmocka_unit_test(test_blocks),      cmocka_unit_test(test_lines),
		cmocka_unit_test(test_pieces),      cmocka_unit_test(test_line_numbers),
		cmocka_unit_test(test_first_fault), cmocka_unit_test(test_long_header),
		cmocka_unit_test(test_no_end),      cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
