/* SPDX-License-Identifier: MIT */
/*
 * Starts that wait for their end. There are never more of them in a sound journal than its writer
 * had slots, so this stays small however long the journal is; a damaged one can leave many, hence a
 * hash.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/scan_internal.h"

#define OPEN_FIRST ((size_t)64)

/* Ids are the beginnings of SHA-256 hashes: their bytes need no mixing. */
static size_t open_home(const struct open_table *t, const uint8_t *id, unsigned attempt)
{
	uint64_t bits;

	memcpy(&bits, id, sizeof bits);
	return (size_t)(bits + attempt * 0x9e3779b97f4a7c15u) & (t->cap - 1);
}

static bool open_is(const struct open_entry *x, const uint8_t *id, unsigned attempt)
{
	return x->attempt == attempt && memcmp(x->id, id, TASK_ID_SIZE) == 0;
}

/* Where it is, or the free slot where it would be. */
static size_t open_find(const struct open_table *t, const uint8_t *id, unsigned attempt)
{
	size_t i = open_home(t, id, attempt);

	while (t->slots[i].used && !open_is(&t->slots[i], id, attempt)) {
		i = (i + 1) & (t->cap - 1);
	}
	return i;
}

static void open_grow(struct open_table *t)
{
	const struct open_table old = *t;

	t->cap = old.cap ? old.cap * 2 : OPEN_FIRST;
	t->slots = mem_array(t->cap, sizeof *t->slots);
	for (size_t i = 0; i < old.cap; i++) {
		if (old.slots[i].used) {
			t->slots[open_find(t, old.slots[i].id, old.slots[i].attempt)] =
				old.slots[i];
		}
	}
	free(old.slots);
}

void open_table_add(struct open_table *t, const struct open_entry *entry)
{
	size_t i;

	if (t->n * 2 >= t->cap) {
		open_grow(t);
	}
	i = open_find(t, entry->id, entry->attempt);
	t->n += !t->slots[i].used;
	t->slots[i] = *entry;
	t->slots[i].used = true;
}

bool open_table_remove(struct open_table *t, const uint8_t id[TASK_ID_SIZE], unsigned attempt)
{
	size_t hole, i;

	if (t->n == 0) {
		return false;
	}
	hole = open_find(t, id, attempt);
	if (!t->slots[hole].used) {
		return false;
	}
	/* what stands behind moves up, unless its home is behind the hole */
	for (i = (hole + 1) & (t->cap - 1); t->slots[i].used; i = (i + 1) & (t->cap - 1)) {
		const size_t home = open_home(t, t->slots[i].id, t->slots[i].attempt);

		if (((i - home) & (t->cap - 1)) >= ((i - hole) & (t->cap - 1))) {
			t->slots[hole] = t->slots[i];
			hole = i;
		}
	}
	t->slots[hole].used = false;
	t->n--;
	return true;
}

void open_table_clear(struct open_table *t)
{
	if (t->n) {
		memset(t->slots, 0, t->cap * sizeof *t->slots);
	}
	t->n = 0;
}

void open_table_free(struct open_table *t)
{
	free(t->slots);
	*t = (struct open_table){ NULL, 0, 0 };
}
