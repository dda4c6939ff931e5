/* SPDX-License-Identifier: MIT */
/* A table from texts to nodes: open addressing, never more than half full. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "gen/yaml_internal.h"

void yaml_names_reset(struct yaml_names *t, size_t n)
{
	size_t want = 16;

	while (want < 2 * n + 2)
		want *= 2;
	if (want > t->cap) {
		free(t->slots);
		t->slots = mem_array(want, sizeof *t->slots);
		t->cap = want;
	} else {
		memset(t->slots, 0, want * sizeof *t->slots);
	}
	t->mask = want - 1;
	t->n = 0;
}

struct yaml_name *yaml_names_slot(const struct yaml_names *t, const char *text, size_t len)
{
	size_t i = (size_t)hash_bytes(text, len) & t->mask;

	while (t->slots[i].text &&
	       (t->slots[i].len != len || memcmp(t->slots[i].text, text, len) != 0))
		i = (i + 1) & t->mask;
	return &t->slots[i];
}

struct node *yaml_names_put(struct yaml_names *t, const char *text, size_t len, struct node *node)
{
	struct yaml_name *s = yaml_names_slot(t, text, len);
	struct node *old = s->node;

	if (!s->text)
		t->n++;
	*s = (struct yaml_name){ text, len, node };
	return old;
}

void yaml_names_grow(struct yaml_names *t)
{
	struct yaml_names old = *t;

	if (2 * t->n + 2 < t->mask)
		return;
	t->slots = NULL;
	t->cap = 0;
	yaml_names_reset(t, 2 * old.n + 16);
	for (size_t i = 0; old.slots && i <= old.mask; i++)
		if (old.slots[i].text)
			yaml_names_put(t, old.slots[i].text, old.slots[i].len, old.slots[i].node);
	free(old.slots);
}

void yaml_names_free(struct yaml_names *t)
{
	free(t->slots);
	*t = (struct yaml_names){ 0 };
}
