/* SPDX-License-Identifier: MIT */
/* A set of texts: open addressing over one block that holds all of them. */
#include "gen/textset.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"

struct item {
	uint64_t hash;
	size_t offset, len;
};

struct textset {
	struct buf text;
	struct item *items;
	size_t n, cap;
	size_t *slots;  /* a number plus 1; 0: free */
	size_t n_slots; /* a power of two, at least twice n */
};

struct textset *textset_new(void)
{
	struct textset *s = mem_alloc(sizeof *s);

	s->n_slots = 16;
	s->slots = mem_array(s->n_slots, sizeof *s->slots);
	return s;
}

void textset_free(struct textset *s)
{
	if (!s)
		return;
	buf_free(&s->text);
	free(s->items);
	free(s->slots);
	free(s);
}

static size_t slot_of(const struct textset *s, const char *text, size_t len, uint64_t hash)
{
	size_t at = (size_t)hash & (s->n_slots - 1);

	while (s->slots[at]) {
		const struct item *it = &s->items[s->slots[at] - 1];

		if (it->hash == hash && it->len == len &&
		    (len == 0 || memcmp(s->text.data + it->offset, text, len) == 0))
			break;
		at = (at + 1) & (s->n_slots - 1);
	}
	return at;
}

static void grow(struct textset *s)
{
	free(s->slots);
	s->n_slots *= 2;
	s->slots = mem_array(s->n_slots, sizeof *s->slots);
	for (size_t k = 0; k < s->n; k++) {
		size_t at = (size_t)s->items[k].hash & (s->n_slots - 1);

		while (s->slots[at])
			at = (at + 1) & (s->n_slots - 1);
		s->slots[at] = k + 1;
	}
}

size_t textset_add(struct textset *s, const char *text, size_t len, bool *added)
{
	uint64_t hash = hash_bytes(text, len);
	size_t at = slot_of(s, text, len, hash);

	if (added)
		*added = s->slots[at] == 0;
	if (s->slots[at])
		return s->slots[at] - 1;
	if ((s->n + 1) * 2 > s->n_slots) {
		grow(s);
		at = slot_of(s, text, len, hash);
	}
	ARRAY_ROOM(s->items, s->n, s->cap);
	s->items[s->n] = (struct item){ hash, s->text.len, len };
	buf_add(&s->text, text, len);
	buf_putc(&s->text, '\0');
	s->slots[at] = ++s->n;
	return s->n - 1;
}

size_t textset_find(const struct textset *s, const char *text, size_t len)
{
	size_t at = slot_of(s, text, len, hash_bytes(text, len));

	return s->slots[at] ? s->slots[at] - 1 : TEXTSET_NONE;
}

size_t textset_count(const struct textset *s)
{
	return s->n;
}

const char *textset_text(const struct textset *s, size_t k)
{
	return s->text.data + s->items[k].offset;
}
