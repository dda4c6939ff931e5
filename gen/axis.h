/* SPDX-License-Identifier: MIT */
/*
 * One axis of a space, private to gen/: what a grid parameter, a zip group, a table or `repeat`
 * becomes. Axes are read here (axis*.c) and crossed in space*.c. A decimal range stays a rule;
 * everything else is rows of values.
 */
#ifndef PPGEN_GEN_AXIS_H
#define PPGEN_GEN_AXIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "gen/value.h"
#include "gen/yaml.h"

#define AXIS_RANGE_MAX (UINT64_C(1) << 40) /* values of a rule */
#define AXIS_ROWS_MAX  (UINT64_C(1) << 26) /* rows that are kept in memory */
#define AXIS_NAME_MAX  64
#define RANGE_TEXT_MAX 24 /* of one value, with the NUL */

/* from + i * step, in units of 10^-decimals. Texts have as many decimals as the value needs, and at
 * least `least`. */
struct range {
	int64_t from, step;
	unsigned decimals, least;
};

struct axis {
	const char **names;
	size_t n_names;
	struct value *was; /* one a name; text NULL where there is none */
	uint64_t n;        /* values, or rows */
	bool is_range;     /* then n_names is 1 and rows is NULL */
	struct range range;
	const struct value *rows; /* n times n_names */
	/* For messages, while a spec is read. */
	const struct node *node;
	const char *file;      /* rows came from its lines */
	const uint32_t *lines; /* one a row; with `file` */
};

/* Reading: where things lie, and the names that were given so far. */
struct axis_reader {
	struct arena *a;
	struct diags *d;
	const char *dir;
	const char *fetched;
	uint64_t rows_most; /* AXIS_ROWS_MAX, or less */
	struct named {
		const char *name;
		const struct node *node;
	} * names;
	size_t n_names, names_cap;
};

#define COMPLAIN(r, n, ...) diag_error((r)->d, (n)->origin, (n)->line, (n)->col, __VA_ARGS__)

/* Each fills out, or complains and returns -1. */
int axis_read(struct axis_reader *r, const struct node *key, const struct node *n,
	      struct axis *out); /* of a grid */
int axis_read_zip(struct axis_reader *r, const struct node *group, struct axis *out);
int axis_read_table(struct axis_reader *r, const struct node *n, struct axis *out);

/* The forms that have files of their own. `names` (one for the key, plus what the form adds) are
 * checked by them. */
int axis_read_numbers(struct axis_reader *r, const struct node *key, const struct node *n,
		      struct axis *out);
int axis_read_glob(struct axis_reader *r, const struct node *key, const struct node *n,
		   struct axis *out);
int axis_read_lines(struct axis_reader *r, const struct node *key, const struct node *n,
		    struct axis *out);

/* axis.c: what the readers share. */
bool name_is_parameter(const char *s); /* [A-Za-z_][A-Za-z0-9_]*, at most AXIS_NAME_MAX */
bool name_is_reserved(const char *s);
int axis_claim(struct axis_reader *r, const char *name,
	       const struct node *at); /* checks a name and notes it */
void axis_set_names(struct axis_reader *r, struct axis *out, const char *const *names, size_t n);
int axis_keys(struct axis_reader *r, const struct node *map, const char *const *keys, size_t n,
	      const char *shown);
const char *axis_text(struct axis_reader *r, const struct node *n,
		      const char *what); /* NULL with a complaint */
int axis_value(struct axis_reader *r, const struct node *n,
	       struct value *v); /* a copy in r's arena */
int axis_read_was(struct axis_reader *r, const struct node *n,
		  struct value *was); /* n may be NULL */
const char *axis_shown(struct axis_reader *r, const char *s, size_t n);
char *axis_path(struct axis_reader *r,
		const char *path); /* against the spec's folder; the caller frees */
int axis_view(struct axis_reader *r, const struct node *at, const char *path, const char *file,
	      struct file_view *v); /* a file that messages call `file`, as the user wrote it */
/* Frees the view; -1 with a complaint when the file became shorter while it was read. */
int axis_view_end(struct axis_reader *r, const struct node *at, const char *path, const char *file,
		  struct file_view *v);
/* A key that may be absent: then *out is false. */
int axis_bool(struct axis_reader *r, const struct node *n, const char *what, bool *out);
/* Complains of keys by which other programs call the parts of a range. -1 when there are any. */
int axis_habits(struct axis_reader *r, const struct node *key, const struct node *n);
struct value axis_cell(struct axis_reader *r, const char *s,
		       size_t n);                         /* a copy, typed by its looks */
void axis_to_rows(struct axis_reader *r, struct axis *x); /* a rule becomes rows */

/* Complains when two rows are equal; warns when a column spells one number in two ways. */
int axis_check_rows(struct axis_reader *r, const struct axis *x);
void axis_check_spelling(struct axis_reader *r, const struct axis *x); /* the warning alone */

/* Values. */
size_t range_text(const struct range *g, uint64_t i, char out[RANGE_TEXT_MAX]); /* its length */
/* How the range spells a number; 0: it does not have it. */
size_t range_spelling(const struct range *g, uint64_t n, const struct value *v,
		      char out[RANGE_TEXT_MAX]);
bool range_find(const struct range *g, uint64_t n, const struct value *v, uint64_t *i);

/* Finds rows by value: made once, for `add`. */
struct row_index;
struct row_index *row_index_new(const struct axis *x);
void row_index_free(struct row_index *t);
struct row_index *row_index_room(const struct axis *x,
				 uint64_t n); /* empty, for n rows that x is to get */
bool row_index_put(struct row_index *t,
		   uint64_t i); /* row i of x; false when an equal one is there */
bool row_index_find(const struct row_index *t, const struct value *row, uint64_t *i);

#endif
