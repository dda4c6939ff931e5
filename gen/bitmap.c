/* SPDX-License-Identifier: MIT */
/* A bit for each crossed point, with counts that find the k-th set bit by one search and a few
 * words. */
#include <stdlib.h>
#include <string.h>

#include "gen/space_internal.h"

uint64_t bitmap_words(uint64_t n)
{
	return n / 64 + (n % 64 != 0);
}

struct bitmap *bitmap_new(uint64_t n)
{
	struct bitmap *m = mem_alloc(sizeof *m);

	m->n = n;
	m->words = mem_array(bitmap_words(n) + 1, sizeof *m->words);
	return m;
}

void bitmap_free(struct bitmap *m)
{
	if (!m)
		return;
	free(m->words);
	free(m->before);
	free(m);
}

void bitmap_set_run(struct bitmap *m, uint64_t from, uint64_t n)
{
	while (n) {
		unsigned at = (unsigned)(from % 64);
		uint64_t k = 64 - at < n ? 64 - at : n;
		uint64_t bits = k == 64 ? UINT64_MAX : (UINT64_C(1) << k) - 1;

		m->words[from / 64] |= bits << at;
		from += k;
		n -= k;
	}
}

bool bitmap_get(const struct bitmap *m, uint64_t i)
{
	return m->words[i / 64] >> (i % 64) & 1;
}

void bitmap_finish(struct bitmap *m)
{
	uint64_t words = bitmap_words(m->n), blocks = words / BITMAP_BLOCK + 1;

	free(m->before);
	m->before = mem_array(blocks, sizeof *m->before);
	m->kept = 0;
	for (uint64_t w = 0; w < words; w++) {
		if (w % BITMAP_BLOCK == 0)
			m->before[w / BITMAP_BLOCK] = m->kept;
		m->kept += (uint64_t)__builtin_popcountll(m->words[w]);
	}
	if (words % BITMAP_BLOCK == 0)
		m->before[words / BITMAP_BLOCK] = m->kept;
}

/* The place of bit number k of the set ones in a word. */
static unsigned select_in_word(uint64_t word, uint64_t k)
{
	for (; k; k--)
		word &= word - 1;
	return (unsigned)__builtin_ctzll(word);
}

uint64_t bitmap_select(const struct bitmap *m, uint64_t k)
{
	uint64_t low = 0, high = bitmap_words(m->n) / BITMAP_BLOCK, w;

	/* The last block that has at most k bits before it. */
	while (low < high) {
		uint64_t mid = low + (high - low + 1) / 2;

		if (m->before[mid] <= k)
			low = mid;
		else
			high = mid - 1;
	}
	k -= m->before[low];
	for (w = low * BITMAP_BLOCK;; w++) {
		uint64_t here = (uint64_t)__builtin_popcountll(m->words[w]);

		if (k < here)
			return w * 64 + select_in_word(m->words[w], k);
		k -= here;
	}
}
