/* SPDX-License-Identifier: MIT */
/* CRC-32C: by the processor where it can, else by eight tables, a word at a time. */
#include <string.h>

#include "base/hash.h"

#define POLYNOMIAL 0x82f63b78u /* Castagnoli's, bits reversed */

static uint32_t tables[8][256];

static void tables_make(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int bit = 0; bit < 8; bit++) {
			c = c & 1 ? c >> 1 ^ POLYNOMIAL : c >> 1;
		}
		tables[0][i] = c;
	}
	for (int t = 1; t < 8; t++) {
		for (int i = 0; i < 256; i++) {
			tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 255];
		}
	}
}

static uint32_t crc_by_tables(uint32_t crc, const unsigned char *s, size_t n)
{
	for (; n >= 8; s += 8, n -= 8) {
		const uint32_t low = crc ^ ((uint32_t)s[0] | (uint32_t)s[1] << 8 |
					    (uint32_t)s[2] << 16 | (uint32_t)s[3] << 24);

		crc = tables[7][low & 255] ^ tables[6][low >> 8 & 255] ^
		      tables[5][low >> 16 & 255] ^ tables[4][low >> 24] ^ tables[3][s[4]] ^
		      tables[2][s[5]] ^ tables[1][s[6]] ^ tables[0][s[7]];
	}
	while (n--) {
		crc = crc >> 8 ^ tables[0][(crc ^ *s++) & 255];
	}
	return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_by_processor(uint32_t crc,
								   const unsigned char *s, size_t n)
{
	uint64_t wide = crc, word;

	for (; n >= 8; s += 8, n -= 8) {
		memcpy(&word, s, 8);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	while (n--) {
		crc = __builtin_ia32_crc32qi(crc, *s++);
	}
	return crc;
}

static bool processor_can(void)
{
	return __builtin_cpu_supports("sse4.2");
}
#else
static uint32_t crc_by_processor(uint32_t crc, const unsigned char *s, size_t n)
{
	return crc_by_tables(crc, s, n);
}

static bool processor_can(void)
{
	return false;
}
#endif

static uint32_t (*way)(uint32_t crc, const unsigned char *s, size_t n);

/* Before main, since threads use it. */
__attribute__((constructor)) static void choose_way(void)
{
	tables_make();
	way = processor_can() ? crc_by_processor : crc_by_tables;
}

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	return ~way(~crc, p, n);
}

uint32_t crc32c_by_tables(uint32_t crc, const void *p, size_t n)
{
	return ~crc_by_tables(~crc, p, n);
}
