/* SPDX-License-Identifier: MIT */
/* Between axis_table.c and axis_json.c: a table while it is read. */
#ifndef PPGEN_GEN_AXIS_TABLE_H
#define PPGEN_GEN_AXIS_TABLE_H

#include "gen/axis.h"

enum table_format { TABLE_CSV, TABLE_TSV, TABLE_JSONL, TABLE_JSON };

struct table_column {
	const char *name;
	bool used; /* false: '-' */
};

struct table {
	struct axis_reader *r;
	const struct node *node, *at; /* the mapping; what names the file */
	const char *file;             /* as the user wrote it */
	enum table_format format;
	char sep;
	bool given, header; /* `columns` is there; and so is a header, to be passed over */
	struct table_column *columns;
	size_t n_columns, cap_columns, n_used;
	struct value *rows;
	uint32_t *lines;
	uint64_t n, cap;
};

/* Each returns -1, or NULL, with a complaint. */
int table_column(struct table *t, const char *name, const struct node *at);
struct value *table_row(struct table *t, uint64_t line); /* n_used cells, to be filled */
int table_check_text(struct table *t, uint64_t line, const char *s, size_t n);
int table_read_json(struct table *t, const char *text, size_t len);

#endif
