/* SPDX-License-Identifier: MIT */
/* Between yaml*.c only. */
#ifndef PPGEN_GEN_YAML_INTERNAL_H
#define PPGEN_GEN_YAML_INTERNAL_H

#include <yaml.h>

#include "gen/yaml.h"

/* Tells in our words what libyaml found wrong with `text`, with its place. */
void yaml_fault(const yaml_parser_t *p, const char *text, size_t len, const char *origin,
		struct diags *d);

/* The offset of a mark in text; marks count characters. */
size_t yaml_offset(const char *text, size_t len, size_t line, size_t column);

/* Line and column, from 1, of a byte offset. */
void yaml_place(const char *text, size_t at, int *line, int *col);

struct yaml_name {
	const char *text;
	size_t len;
	struct node *node;
};

/* From texts to nodes: the keys of one map, or the anchors of a document. */
struct yaml_names {
	struct yaml_name *slots;
	size_t cap, mask, n;
};

void yaml_names_free(struct yaml_names *t);
void yaml_names_reset(struct yaml_names *t, size_t n); /* empties it and makes room for n */
void yaml_names_grow(struct yaml_names *t);            /* makes room for one more */
/* The slot of a text; its text is NULL when the table does not have it. */
struct yaml_name *yaml_names_slot(const struct yaml_names *t, const char *text, size_t len);
/* Puts a text that may be there already; gives what was there, or NULL. There must be room. */
struct node *yaml_names_put(struct yaml_names *t, const char *text, size_t len, struct node *node);

#endif
