/* SPDX-License-Identifier: MIT */
/*
 * Looking at eight bytes at once, for the inner loops of this room. A mark is the highest bit of a
 * byte; of the marks in a word the one of the lowest address is right, those behind it may be
 * false.
 */
#ifndef PPGEN_BASE_WORD_H
#define PPGEN_BASE_WORD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WORD_ONES  0x0101010101010101u
#define WORD_HIGHS 0x8080808080808080u

/* The byte at the lowest address becomes the lowest one. */
static inline uint64_t word_load(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof w);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	return w;
}

/* Marks the bytes below `limit` (at most 128), as far as bytes from 128 on are marked by somebody
 * else. */
static inline uint64_t word_below(uint64_t w, unsigned char limit)
{
	return (w - WORD_ONES * limit) & ~w & WORD_HIGHS;
}

/* Marks the bytes that are c. */
static inline uint64_t word_marks(uint64_t w, char c)
{
	return word_below(w ^ (WORD_ONES * (unsigned char)c), 1);
}

/* Which byte has the first mark; there must be one. */
static inline size_t word_first(uint64_t marks)
{
	return (size_t)__builtin_ctzll(marks) / 8;
}

#endif
