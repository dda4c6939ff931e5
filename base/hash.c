/* SPDX-License-Identifier: MIT */
/* SHA-256 through libcrypto's EVP interface, hexadecimal, and a hash for tables. CRC-32C is in
 * hash_crc.c. */
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define FILE_STEP ((size_t)262144)

struct sha256 {
	EVP_MD_CTX *ctx;
};

/* libcrypto fails here only for want of memory, or of SHA-256 itself: there is no result to go on
 * with. */
static void sha_check(int ok)
{
	static const char text[] =
		"ppgen: libcrypto gives no sha-256: its installation is broken\n";

	if (ok != 1) {
		(void)!write(STDERR_FILENO, text, sizeof text - 1);
		_exit(3);
	}
}

/* Looked up once: a look-up costs more than the hash of an id. */
static const EVP_MD *sha_kind(void)
{
	static const EVP_MD *kind;

	if (!kind) {
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
		kind = EVP_MD_fetch(NULL, "SHA256", NULL);
#else
		kind = EVP_sha256();
#endif
	}
	return kind;
}

struct sha256 *sha256_new(void)
{
	struct sha256 *h = mem_alloc(sizeof *h);

	h->ctx = EVP_MD_CTX_new();
	sha_check(h->ctx != NULL);
	return h;
}

void sha256_free(struct sha256 *h)
{
	if (h) {
		EVP_MD_CTX_free(h->ctx);
		free(h);
	}
}

void sha256_begin(struct sha256 *h)
{
	sha_check(EVP_DigestInit_ex(h->ctx, sha_kind(), NULL));
}

void sha256_add(struct sha256 *h, const void *p, size_t n)
{
	if (n) {
		sha_check(EVP_DigestUpdate(h->ctx, p, n));
	}
}

void sha256_add_framed(struct sha256 *h, const void *p, size_t n)
{
	uint8_t len[8];

	for (int i = 0; i < 8; i++) {
		len[i] = (uint8_t)((uint64_t)n >> (8 * i));
	}
	sha256_add(h, len, sizeof len);
	sha256_add(h, p, n);
}

void sha256_end(struct sha256 *h, uint8_t out[SHA256_SIZE])
{
	sha_check(EVP_DigestFinal_ex(h->ctx, out, NULL));
}

static pthread_key_t kept_key;

static void kept_free(void *h)
{
	sha256_free(h);
}

static void kept_init(void)
{
	sha_check(pthread_key_create(&kept_key, kept_free) == 0);
}

void sha256_of(const void *p, size_t n, uint8_t out[SHA256_SIZE])
{
	static _Thread_local struct sha256 *h;
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (!h) { /* kept while the thread lives */
		h = sha256_new();
		(void)pthread_once(&once, kept_init);
		(void)pthread_setspecific(kept_key, h);
	}
	sha256_begin(h);
	sha256_add(h, p, n);
	sha256_end(h, out);
}

int sha256_file(const char *path, uint8_t out[SHA256_SIZE], struct err *e)
{
	struct sha256 *h = NULL;
	char *part = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int rc = -1, number;
	ssize_t got;

	if (fd < 0) {
		goto out;
	}
	h = sha256_new();
	part = mem_alloc(FILE_STEP);
	sha256_begin(h);
	while ((got = read(fd, part, FILE_STEP)) != 0) {
		if (got > 0) {
			sha256_add(h, part, (size_t)got);
		} else if (errno != EINTR) {
			goto out;
		}
	}
	sha256_end(h, out);
	rc = 0;
out:
	number = errno;
	if (rc < 0) {
		err_errno(e, "cannot read '%s'", path);
	}
	if (fd >= 0) {
		close(fd);
	}
	free(part);
	sha256_free(h);
	errno = number;
	return rc;
}

static uint64_t mix(uint64_t v)
{
	v ^= v >> 32;
	v *= 0xd6e8feb86659fd93u;
	v ^= v >> 32;
	v *= 0xd6e8feb86659fd93u;
	return v ^ (v >> 32);
}

uint64_t hash_bytes(const void *p, size_t n)
{
	const uint64_t odd = 0x9e3779b97f4a7c15u;
	const unsigned char *s = p;
	uint64_t h = odd ^ n, word;

	for (; n >= 8; s += 8, n -= 8) {
		memcpy(&word, s, 8);
		h = (h ^ word) * odd;
		h ^= h >> 29;
	}
	if (n) {
		word = 0;
		memcpy(&word, s, n);
		h = (h ^ word) * odd;
	}
	return mix(h);
}

void hex_put(char *out, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_get(const char *s, size_t digits, uint8_t *out)
{
	for (size_t i = 0; i + 1 < digits; i += 2) {
		const int high = hex_value(s[i]);
		const int low = high < 0 ? -1 : hex_value(s[i + 1]);

		if (low < 0) {
			return false;
		}
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	return digits % 2 == 0;
}
