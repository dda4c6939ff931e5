/* SPDX-License-Identifier: MIT */
/*
 * A YAML document (1.2, read by libyaml's events) as a tree in which every node knows its place and
 * its source text. Types are not decided here: `no`, 3.10 and 010 are the text that they are.
 *
 * Refused with a position: duplicate keys, keys that are no scalars, several documents, tags other
 * than !!str, undefined or circular aliases, more than YAML_BYTES_MAX bytes, trees that expand
 * (aliases counted where they are used) to more than YAML_NODES_MAX nodes, more than YAML_DEPTH_MAX
 * levels. Merge keys (<<) are expanded; keys written out win.
 */
#ifndef PPGEN_GEN_YAML_H
#define PPGEN_GEN_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

#define YAML_BYTES_MAX (64u << 20)
#define YAML_NODES_MAX 2000000u
#define YAML_DEPTH_MAX 100

enum node_kind { NODE_SCALAR, NODE_SEQ, NODE_MAP };

struct node {
	enum node_kind kind;
	bool quoted;   /* a scalar in quotes or a block: never a number, a boolean or null */
	bool one_line; /* a scalar that begins at line:col and ends on that line */
	bool cut; /* plain, and ended by a comment whose '#' has no blank behind it: meant as text?
		   */
	char style;         /* of a scalar: ' ' plain, '\'' and '"' quotes, '|' and '>' blocks */
	int line, col;      /* from 1 */
	const char *origin; /* the file as the user named it, or "--set KEY" */
	const char *text;   /* of a scalar; UTF-8, NUL-terminated (it may hold no NUL itself) */
	size_t len;
	struct node **items; /* of a sequence; of a map: the values */
	struct node **keys;  /* of a map: n scalars */
	size_t n;
};

/* NULL when anything is wrong; everything that was found wrong is then in d. The tree lives in a.
 * Empty text is an error. A NUL must follow the text. */
struct node *yaml_parse(struct arena *a, const char *text, size_t len, const char *origin,
			struct diags *d);

struct node *node_get(const struct node *map, const char *key); /* NULL when absent or no map */
bool node_is_null(const struct node *n);                        /* ~, null, nothing; not "" */
/* Where byte `at` of a scalar's text stands: exact in plain text on one line, near it in quotes,
 * else the scalar's beginning. */
void node_pos(const struct node *n, size_t at, int *line, int *col);
const char *node_kind_name(const struct node *n); /* "a mapping", "a list", "text", "a number",
						     "true or false", "nothing" */

/*
 * For --set: puts the YAML text `value` at the dotted path `key` ("resources.memory",
 * "params.grid.T"; maps that are missing on the way are made). Complaints are at origin "--set
 * KEY". -1 when something is wrong.
 */
int yaml_set(struct arena *a, struct node *root, const char *key, const char *value,
	     struct diags *d);

#endif
