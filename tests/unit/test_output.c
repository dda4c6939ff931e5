/* SPDX-License-Identifier: MIT */
#include "tests/unit/store_test.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/hash.h"
#include "store/journal_internal.h"
#include "store/output.h"
#include "store/rundir.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_get, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_many, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_own_file, folder_setup, folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
