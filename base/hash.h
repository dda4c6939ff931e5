/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4, by libcrypto), CRC-32C (RFC 3720, appendix B.4), and hexadecimal. */
#ifndef PPGEN_BASE_HASH_H
#define PPGEN_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SHA256_SIZE 32
#define SHA256_HEX  65 /* with the NUL */

struct sha256; /* a running hash; may be reused after sha256_end */

struct sha256 *sha256_new(void);
void sha256_free(struct sha256 *h);
void sha256_begin(struct sha256 *h);
void sha256_add(struct sha256 *h, const void *p, size_t n);
/* The length (8 bytes, little endian), then the bytes: so that ("ab","c") and ("a","bc") differ. */
void sha256_add_framed(struct sha256 *h, const void *p, size_t n);
void sha256_end(struct sha256 *h, uint8_t out[SHA256_SIZE]);

void sha256_of(const void *p, size_t n, uint8_t out[SHA256_SIZE]); /* one shot, the quickest way */
int sha256_file(const char *path, uint8_t out[SHA256_SIZE], struct err *e);

uint32_t crc32c(uint32_t crc, const void *p,
		size_t n); /* start with 0; SSE4.2 where the processor has it */
uint32_t crc32c_by_tables(uint32_t crc, const void *p,
			  size_t n); /* the same, slower: for the tests */

/* A quick hash for tables in memory; not for disk. */
uint64_t hash_bytes(const void *p, size_t n);

void hex_put(char *out, const uint8_t *p, size_t n); /* 2n digits and a NUL */
bool hex_get(const char *s, size_t digits,
	     uint8_t *out); /* false unless all are hexadecimal; digits is even */

#endif
