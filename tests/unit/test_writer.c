/* SPDX-License-Identifier: MIT */
/* Tables as they stand in files: each format's bytes, hostile cells, the hash, and nothing left
 * behind by what failed. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "collect/writer.h"

static char dir[] = "/tmp/ppgen-test-writer-XXXXXX";

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return file_remove_tree(dir, NULL);
}

/* A table of two rows with everything in it that can go wrong. */
static char *write_table(char format, uint64_t rows, char *sha256)
{
	static const struct value bools = { VALUE_BOOL, "True", 4 },
				  list = { VALUE_LIST, "[.5,\"a,b\"]", 10 };
	static const struct value number = { VALUE_NUMBER, "+.50", 4 };
	char *path = path_join(dir, "t");
	struct err e = ERR_INIT;
	struct buf got = BUF_INIT;
	struct writer *w = writer_open(path, format, &e);

	assert_non_null(w);
	writer_column(w, "a", 1);
	writer_column(w, "x,\"y\"", 5);
	writer_column(w, "n", 1);
	writer_column(w, "b", 1);
	writer_column(w, "l", 1);
	for (uint64_t i = 0; i < rows; i++) {
		writer_cell(w, JSON_STRING, i ? "-1\n=\"2\"" : " \xff", i ? 7 : 2);
		if (i)
			writer_cell(w, JSON_ARRAY, "[1,2]", 5);
		else
			writer_cell(w, JSON_NUMBER, "1.50", 4);
		writer_value(w, &number);
		writer_value(w, &bools);
		if (i)
			writer_cell(w, JSON_NULL, "", 0);
		else
			writer_value(w, &list);
		assert_int_equal(writer_row(w, &e), 0);
	}
	assert_int_equal(writer_finish(w, &e), 0);
	assert_false(file_exists(path));
	assert_int_equal(writer_rows(w), rows);
	memcpy(sha256, writer_sha256(w), 65);
	assert_int_equal(writer_publish(w, &e), 0);
	writer_free(w);
	assert_int_equal(file_read(path, &got, 0, &e), 0);
	assert_int_equal(unlink(path), 0);
	free(path);
	return buf_take(&got);
}

static void test_formats(void **state)
{
	static const struct {
		char format;
		uint64_t rows;
		const char *want;
	} cases[] = {
		{ 'c', 0, "a,\"x,\"\"y\"\"\",n,b,l\n" },
		{ 'c', 2,
		  "a,\"x,\"\"y\"\"\",n,b,l\n"
		  "\" \xff\",1.50,+.50,True,\"[.5,\"\"a,b\"\"]\"\n"
		  "\"-1\n=\"\"2\"\"\",\"[1,2]\",+.50,True,\n" },
		{ 't', 2,
		  "a\t\"x,\"\"y\"\"\"\tn\tb\tl\n"
		  "\" \xff\"\t1.50\t+.50\tTrue\t\"[.5,\"\"a,b\"\"]\"\n"
		  "\"-1\n=\"\"2\"\"\"\t[1,2]\t+.50\tTrue\t\n" },
		{ 'l', 0, "" },
		{ 'l', 2,
		  "{\"a\":\" \xef\xbf\xbd\",\"x,\\\"y\\\"\":1.50,\"n\":0.50,\"b\":true,\"l\":[0.5,\"a,b\"]}\n"
		  "{\"a\":\"-1\\n=\\\"2\\\"\",\"x,\\\"y\\\"\":[1,2],\"n\":0.50,\"b\":true,\"l\":null}\n" },
		{ 'j', 0, "[]\n" },
		{ 'j', 1,
		  "[\n{\"a\":\" \xef\xbf\xbd\",\"x,\\\"y\\\"\":1.50,\"n\":0.50,\"b\":true,\"l\":[0.5,\"a,b\"]}\n]\n" },
		{ 'j', 2,
		  "[\n{\"a\":\" \xef\xbf\xbd\",\"x,\\\"y\\\"\":1.50,\"n\":0.50,\"b\":true,\"l\":[0.5,\"a,b\"]},\n"
		  "{\"a\":\"-1\\n=\\\"2\\\"\",\"x,\\\"y\\\"\":[1,2],\"n\":0.50,\"b\":true,\"l\":null}\n]\n" },
	};
	uint8_t digest[SHA256_SIZE];
	char sha256[65], want[65];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *got = write_table(cases[i].format, cases[i].rows, sha256);

		assert_string_equal(got, cases[i].want);
		sha256_of(got, strlen(got), digest);
		hex_put(want, digest, sizeof digest);
		assert_string_equal(sha256, want);
		free(got);
	}
}

/* A blank line would be passed over by every reader of CSV. */
static void test_lone_empty_cell(void **state)
{
	char *path = path_join(dir, "t");
	struct err e = ERR_INIT;
	struct buf got = BUF_INIT;
	struct writer *w = writer_open(path, 'c', &e);

	(void)state;
	writer_column(w, "", 0);
	writer_cell(w, JSON_NULL, "", 0);
	assert_int_equal(writer_row(w, &e), 0);
	assert_int_equal(writer_finish(w, &e), 0);
	assert_int_equal(writer_publish(w, &e), 0);
	writer_free(w);
	file_read(path, &got, 0, &e);
	assert_string_equal(got.data, "\"\"\n\"\"\n");
	buf_free(&got);
	free(path);
}

static void test_large_and_dropped(void **state)
{
	char *path = path_join(dir, "big");
	char *cell = mem_alloc(1 << 20);
	struct err e = ERR_INIT;
	struct writer *w = writer_open(path, 'l', &e);

	(void)state;
	memset(cell, '"', 1 << 20);
	writer_column(w, "c", 1);
	for (int i = 0; i < 3; i++) {
		writer_cell(w, JSON_STRING, cell, 1 << 20);
		assert_int_equal(writer_row(w, &e), 0);
	}
	writer_free(w); /* never finished */
	assert_false(file_exists(path));
	free(cell);
	free(path);
	assert_null(writer_open("/nonexistent/x.csv", 'c', &e));
	assert_true(err_is(&e));
}

/* `| head` ends the reading of stdout: no error, and the hash is of all that was said. */
static void test_closed_pipe(void **state)
{
	const int keep = dup(STDOUT_FILENO);
	struct err e = ERR_INIT;
	struct writer *w;
	int ends[2], rc = 0;

	(void)state;
	fflush(stdout);
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
	w = writer_open("-", 'c', &e);
	writer_column(w, "c", 1);
	for (int i = 0; i < 200000 && rc == 0; i++) {
		writer_cell(w, JSON_NUMBER, "1234567", 7);
		rc = writer_row(w, &e);
	}
	if (rc == 0)
		rc = writer_finish(w, &e);
	dup2(keep, STDOUT_FILENO);
	close(keep);
	assert_int_equal(rc, 0);
	assert_int_equal(strlen(writer_sha256(w)), 64);
	writer_free(w);
}

static void test_format_of(void **state)
{
	static const struct {
		const char *path;
		char given, want;
	} cases[] = {
		{ "-", 0, 'c' },           { "-", 'j', 'j' },       { "a.csv", 0, 'c' },
		{ "a.CSV", 0, 'c' },       { "a.b/c.tsv", 0, 't' }, { "a.jsonl", 0, 'l' },
		{ "a.json", 0, 'j' },      { "a.json", 'c', 'c' },  { "/dev/null", 0, 'c' },
		{ "dir.x/table", 0, 'c' }, { "a.xlsx", 0, 0 },      { "a.xlsx", 't', 't' },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err e = ERR_INIT;
		char format;

		assert_int_equal(writer_format_of(cases[i].path, cases[i].given, &format, &e),
				 cases[i].want ? 0 : -1);
		assert_int_equal(format, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),           cmocka_unit_test(test_lone_empty_cell),
		cmocka_unit_test(test_large_and_dropped), cmocka_unit_test(test_closed_pipe),
		cmocka_unit_test(test_format_of),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, setup, teardown);
}
