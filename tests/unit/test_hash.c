/* SPDX-License-Identifier: MIT */
/* Hashes against published values. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/mem.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct {
	const char *text, *hex;
} shas[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

static void expect_sha(const uint8_t sha[SHA256_SIZE], const char *want)
{
	char hex[SHA256_HEX];

	hex_put(hex, sha, SHA256_SIZE);
	assert_string_equal(hex, want);
}

static void test_sha256(void **state)
{
	struct sha256 *h = sha256_new();
	uint8_t sha[SHA256_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(shas); i++) {
		const size_t n = strlen(shas[i].text);

		sha256_of(shas[i].text, n, sha);
		expect_sha(sha, shas[i].hex);
		sha256_begin(h); /* the same one again and again */
		for (size_t k = 0; k < n; k++) {
			sha256_add(h, shas[i].text + k, 1);
		}
		sha256_end(h, sha);
		expect_sha(sha, shas[i].hex);
	}
	sha256_begin(h);
	for (int i = 0; i < 1000; i++) {
		char part[1000];

		memset(part, 'a', sizeof part);
		sha256_add(h, part, sizeof part);
	}
	sha256_end(h, sha);
	expect_sha(sha, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	sha256_free(h);
	sha256_free(NULL);
}

static void test_framed(void **state)
{
	struct sha256 *h = sha256_new();
	uint8_t a[SHA256_SIZE], b[SHA256_SIZE];

	(void)state;
	sha256_begin(h);
	sha256_add_framed(h, "ab", 2);
	sha256_add_framed(h, "c", 1);
	sha256_end(h, a);
	sha256_of("\2\0\0\0\0\0\0\0ab\1\0\0\0\0\0\0\0c", 19, b);
	assert_memory_equal(a, b, sizeof a);
	sha256_begin(h);
	sha256_add_framed(h, "a", 1);
	sha256_add_framed(h, "bc", 2);
	sha256_end(h, b);
	assert_memory_not_equal(a, b, sizeof a);
	sha256_free(h);
}

static void test_sha256_file(void **state)
{
	char name[] = "/tmp/ppgen-test-XXXXXX";
	const int fd = mkstemp(name);
	struct err e = ERR_INIT;
	uint8_t sha[SHA256_SIZE];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(sha256_file(name, sha, &e), 0);
	expect_sha(sha, shas[0].hex);
	assert_int_equal(write(fd, "abc", 3), 3);
	close(fd);
	assert_int_equal(sha256_file(name, sha, &e), 0);
	expect_sha(sha, shas[1].hex);
	unlink(name);
	assert_int_equal(sha256_file("/tmp", sha, &e), -1);
	assert_string_equal(e.text, "cannot read '/tmp': Is a directory");
	assert_int_equal(sha256_file(name, sha, NULL), -1);
	assert_int_equal(errno, ENOENT);
}

static void test_crc32c(void **state)
{
	static const unsigned char read_command[48] = {
		0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0,    0, 0, 0,    0, 0, 0, 0,
		0x14, 0,    0, 0, 0, 0, 4, 0, 0,    0, 0, 0x14, 0, 0, 0, 0x18,
		0x28, 0,    0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0,    0, 0, 0, 0,
	};
	unsigned char bytes[4][32], many[1000];

	(void)state;
	for (int i = 0; i < 32; i++) {
		bytes[0][i] = 0;
		bytes[1][i] = 0xff;
		bytes[2][i] = (unsigned char)i;
		bytes[3][i] = (unsigned char)(31 - i);
	}
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, "", 0), 0);
	assert_int_equal(crc32c(0, bytes[0], 32), 0x8a9136aa); /* RFC 3720, B.4 */
	assert_int_equal(crc32c(0, bytes[1], 32), 0x62a8ab43);
	assert_int_equal(crc32c(0, bytes[2], 32), 0x46dd794e);
	assert_int_equal(crc32c(0, bytes[3], 32), 0x113fdb5c);
	assert_int_equal(crc32c(0, read_command, 48), 0xd9963a56);
	for (size_t i = 0; i < sizeof many; i++) {
		many[i] = (unsigned char)(i * 197 >> 3);
	}
	for (size_t from = 0; from < 9; from++) { /* both ways, every alignment, in two parts */
		for (size_t n = 0; n < 100; n++) {
			const uint32_t whole = crc32c(0, many + from, n);
			const uint32_t part = crc32c(0, many + from, n / 3);

			assert_int_equal(crc32c_by_tables(0, many + from, n), whole);
			assert_int_equal(crc32c(part, many + from + n / 3, n - n / 3), whole);
		}
	}
	assert_int_equal(crc32c_by_tables(0, many, sizeof many), crc32c(0, many, sizeof many));
}

static int compare_u64(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void test_hash_bytes(void **state)
{
	enum { N = 100000 };
	uint64_t *all = mem_array(N, sizeof *all);
	unsigned low[16] = { 0 };

	(void)state;
	for (int i = 0; i < N; i++) {
		char key[32];
		const int n = snprintf(key, sizeof key, "key-%d", i);

		all[i] = hash_bytes(key, (size_t)n);
		assert_int_equal(hash_bytes(key, (size_t)n), all[i]);
		low[all[i] & 15]++;
	}
	qsort(all, N, sizeof *all, compare_u64);
	for (int i = 1; i < N; i++) {
		assert_true(all[i] != all[i - 1]);
	}
	for (int i = 0; i < 16; i++) {
		assert_in_range(low[i], N / 16 - N / 100, N / 16 + N / 100);
	}
	assert_true(hash_bytes("a\0", 2) != hash_bytes("a", 1));
	assert_true(hash_bytes(NULL, 0) == hash_bytes("", 0));
	free(all);
}

static void test_hex(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x9f, 0xff, 0x1a };
	uint8_t out[4] = { 0 };
	char hex[9];

	(void)state;
	hex_put(hex, bytes, 4);
	assert_string_equal(hex, "009fff1a");
	assert_true(hex_get("009FfF1a", 8, out));
	assert_memory_equal(out, bytes, 4);
	assert_true(hex_get("", 0, out));
	assert_false(hex_get("0g", 2, out));
	assert_false(hex_get("g0", 2, out));
	assert_false(hex_get("0 ", 2, out));
	assert_false(hex_get("0", 2, out));
	assert_false(hex_get("@0", 2, out));
	assert_false(hex_get("\x10"
			     "0",
			     2, out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),      cmocka_unit_test(test_framed),
		cmocka_unit_test(test_sha256_file), cmocka_unit_test(test_crc32c),
		cmocka_unit_test(test_hash_bytes),  cmocka_unit_test(test_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
