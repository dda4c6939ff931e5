/* SPDX-License-Identifier: MIT */
/*
 * From ids to indexes. An entry is 8 bytes: the task's index in the low bits and the beginning of
 * its id above them, sorted into buckets by the id's first bits. A find reads one bucket and
 * computes the ids of the few entries that could be the one.
 */
#include <stdlib.h>
#include <string.h>

#include "gen/space_internal.h"

#define PER_BUCKET      8 /* entries, about */
#define BUCKET_BITS_MAX 26

struct id_index {
	const struct space *s;
	uint64_t n;
	unsigned index_bits, bucket_bits;
	uint64_t *entries;
	uint64_t *starts; /* one a bucket, and the end */
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

static uint64_t bucket_of(const struct id_index *x, uint64_t head)
{
	return head >> (64 - x->bucket_bits);
}

static uint64_t entry_of(const struct id_index *x, uint64_t head, uint64_t index)
{
	return (head << x->bucket_bits >> x->index_bits << x->index_bits) | index;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Puts the heads in order of their buckets: counts, sums up, places. */
static void fill(struct id_index *x, const uint64_t *heads)
{
	uint64_t buckets = UINT64_C(1) << x->bucket_bits, sum = 0;

	for (uint64_t i = 0; i < x->n; i++)
		x->starts[bucket_of(x, heads[i]) + 1]++;
	for (uint64_t b = 0; b <= buckets; b++) {
		sum += x->starts[b];
		x->starts[b] = sum;
	}
	/* starts[b] moves to the bucket's end while it is filled, which is the next one's start. */
	for (uint64_t i = 0; i < x->n; i++)
		x->entries[x->starts[bucket_of(x, heads[i])]++] = entry_of(x, heads[i], i);
	memmove(x->starts + 1, x->starts, buckets * sizeof *x->starts);
	x->starts[0] = 0;
	for (uint64_t b = 0; b < buckets; b++) {
		uint64_t size = x->starts[b + 1] - x->starts[b];

		if (size > 4 * PER_BUCKET)
			qsort(x->entries + x->starts[b], size, sizeof *x->entries, compare_u64);
	}
}

struct id_index *id_index_new(const struct space *s)
{
	struct id_index *x = mem_alloc(sizeof *x);
	uint64_t *heads;
	uint8_t id[TASK_ID_SIZE];
	struct point p;

	x->s = s;
	x->n = space_count(s);
	x->index_bits = bits_for(x->n);
	x->bucket_bits = bits_for(x->n / PER_BUCKET);
	if (x->bucket_bits > BUCKET_BITS_MAX)
		x->bucket_bits = BUCKET_BITS_MAX;
	heads = mem_array(x->n, sizeof *heads);
	x->entries = mem_array(x->n, sizeof *x->entries);
	x->starts = mem_array((UINT64_C(1) << x->bucket_bits) + 2, sizeof *x->starts);
	point_init(&p, s);
	for (uint64_t i = 0; i < x->n; i++) {
		space_point(s, i, &p);
		task_id(s, &p, id);
		heads[i] = id_head(id);
	}
	point_free(&p);
	fill(x, heads);
	free(heads);
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

uint64_t id_index_find(const struct id_index *x, const uint8_t id[TASK_ID_SIZE])
{
	uint64_t head = id_head(id), b = bucket_of(x, head);
	uint64_t low = x->starts[b], high = x->starts[b + 1];
	uint64_t mask = (UINT64_C(1) << x->index_bits) - 1, want = entry_of(x, head, 0), end = high;
	bool sorted = high - low > 4 * PER_BUCKET;

	if (sorted) {
		while (low < high) {
			uint64_t mid = low + (high - low) / 2;

			if (x->entries[mid] < want)
				low = mid + 1;
			else
				high = mid;
		}
	}
	for (uint64_t i = low; i < end && !(sorted && x->entries[i] > (want | mask)); i++)
		if ((x->entries[i] & ~mask) == want && is_it(x, x->entries[i] & mask, id))
			return x->entries[i] & mask;
	return UINT64_MAX;
}

void id_index_free(struct id_index *x)
{
	if (!x)
		return;
	free(x->entries);
	free(x->starts);
	free(x);
}
