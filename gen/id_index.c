/* SPDX-License-Identifier: MIT */
/*
 * From ids to indexes: 8 bytes a task, also while it is made. An entry is the beginning of an id
 * with the task's index in its low bits. Entries are in order; as ids are evenly spread, where one
 * is can be reckoned from what it begins with, give or take a few. The ids of those that could be
 * the one are computed.
 */
#include <stdlib.h>
#include <string.h>

#include "gen/space_internal.h"

#define SMALL 24 /* entries that are quicker put in order by insertion */

struct id_index {
	const struct space *s;
	uint64_t n;
	unsigned index_bits;
	uint64_t *entries;
};

static uint64_t id_head(const uint8_t id[TASK_ID_SIZE])
{
	uint64_t v = 0;

	for (size_t i = 0; i < 8; i++)
		v = v << 8 | id[i];
	return v;
}

static unsigned bits_for(uint64_t n)
{
	unsigned bits = 1;

	while (bits < 63 && (UINT64_C(1) << bits) < n)
		bits++;
	return bits;
}

static uint64_t index_mask(const struct id_index *x)
{
	return (UINT64_C(1) << x->index_bits) - 1;
}

static void sort_small(uint64_t *v, uint64_t n)
{
	for (uint64_t i = 1; i < n; i++) {
		uint64_t one = v[i], k = i;

		for (; k > 0 && v[k - 1] > one; k--)
			v[k] = v[k - 1];
		v[k] = one;
	}
}

/* Sorts by the byte at `shift` and those below it, without further memory. */
static void sort(uint64_t *v, uint64_t n, unsigned shift)
{
	uint64_t next[256], end[256] = { 0 }, sum = 0;

	if (n <= SMALL) {
		sort_small(v, n);
		return;
	}
	for (uint64_t i = 0; i < n; i++)
		end[v[i] >> shift & 255]++;
	for (unsigned b = 0; b < 256; b++) {
		next[b] = sum;
		sum += end[b];
		end[b] = sum;
	}
	for (unsigned b = 0; b < 256; b++) {
		while (next[b] < end[b]) {
			uint64_t one = v[next[b]];
			uint64_t *place = &next[one >> shift & 255];

			v[next[b]] = v[*place]; /* itself, where it is in place */
			v[(*place)++] = one;
		}
	}
	for (unsigned b = 0; shift > 0 && b < 256; b++) {
		uint64_t from = b ? end[b - 1] : 0;

		sort(v + from, end[b] - from, shift - 8);
	}
}

struct id_index *id_index_new(const struct space *s)
{
	struct id_index *x = mem_alloc(sizeof *x);
	uint8_t id[TASK_ID_SIZE];
	struct point p;

	x->s = s;
	x->n = space_count(s);
	x->index_bits = bits_for(x->n);
	x->entries = mem_array(x->n, sizeof *x->entries);
	point_init(&p, s);
	for (uint64_t i = 0; i < x->n; i++) {
		space_point(s, i, &p);
		task_id(s, &p, id);
		x->entries[i] = (id_head(id) & ~index_mask(x)) | i;
	}
	point_free(&p);
	sort(x->entries, x->n, 56);
	return x;
}

static bool is_it(const struct id_index *x, uint64_t index, const uint8_t id[TASK_ID_SIZE])
{
	uint8_t its[TASK_ID_SIZE];
	struct point p;

	point_init(&p, x->s);
	space_point(x->s, index, &p);
	task_id(x->s, &p, its);
	point_free(&p);
	return memcmp(its, id, TASK_ID_SIZE) == 0;
}

/* The place of the first entry that is not below `want`. */
static uint64_t find_place(const struct id_index *x, uint64_t want)
{
	uint64_t at = (uint64_t)((double)want / 0x1p64 * (double)x->n), low, high, step;

	if (at >= x->n)
		at = x->n - 1;
	low = at;
	for (step = 4; low > 0 && x->entries[low] >= want; step *= 2)
		low = low > step ? low - step : 0;
	high = at;
	for (step = 4; high < x->n && x->entries[high] < want; step *= 2)
		high = x->n - high > step ? high + step : x->n;
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (x->entries[mid] < want)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

uint64_t id_index_find(const struct id_index *x, const uint8_t id[TASK_ID_SIZE])
{
	uint64_t mask = index_mask(x), want = id_head(id) & ~mask;

	for (uint64_t i = x->n ? find_place(x, want) : 0; i < x->n; i++) {
		if ((x->entries[i] & ~mask) != want)
			break;
		if (is_it(x, x->entries[i] & mask, id))
			return x->entries[i] & mask;
	}
	return UINT64_MAX;
}

void id_index_free(struct id_index *x)
{
	if (!x)
		return;
	free(x->entries);
	free(x);
}
