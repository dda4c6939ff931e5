/* SPDX-License-Identifier: MIT */
/* Many CSV files into one: order, headers, the quick way and the careful way, and every complaint.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "collect/collect.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_nothing_half_done),
		cmocka_unit_test(test_blocks),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
