/* SPDX-License-Identifier: MIT */
/*
 * Private to the collector: one table on its way into a file or to stdout. First the columns are
 * named, then come rows, cell by cell. The file stands under a temporary name until it is
 * published; its SHA-256 runs along.
 *
 * Formats: 'c' CSV, 't' TSV (null and missing cells are empty, text quoted where it must be), 'l'
 * JSON Lines, 'j' a JSON list of objects, a row a line (missing cells are null). Numbers pass as
 * they were written, as far as JSON knows them.
 */
#ifndef PPGEN_COLLECT_WRITER_H
#define PPGEN_COLLECT_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "gen/value.h"

struct writer;

/* path "-": stdout. Folders on the way must exist. NULL on error. */
struct writer *writer_open(const char *path, char format, struct err *e);
void writer_free(struct writer *w); /* what was not published is dropped; accepts NULL */

void writer_column(struct writer *w, const char *name, size_t len);

/* Exactly one cell a column, then the end of the row. */
void writer_cell(struct writer *w, enum json_type type, const char *text, size_t len);
void writer_value(struct writer *w, const struct value *v);
int writer_row(struct writer *w, struct err *e);

/* Bytes of whole CSV or TSV rows that are right as they are; for collect_csv. */
int writer_copy(struct writer *w, const char *p, size_t n, uint64_t rows, struct err *e);

/* Rows that are made apart from the others, in another thread: a part has its table's columns, is
 * given cells and rows, and is joined to the table in its turn; then it is empty again. */
struct writer *writer_part(const struct writer *w); /* freed by writer_free */
size_t writer_part_size(const struct writer *part);
void writer_part_clear(struct writer *part);
int writer_join(struct writer *w, struct writer *part, struct err *e);

/* All of it is written and synced; what is then known of it. */
int writer_finish(struct writer *w, struct err *e);
uint64_t writer_rows(const struct writer *w);
const char *writer_sha256(const struct writer *w);
const char *writer_path(const struct writer *w);

/* Gives a finished file its name; nothing to do for stdout. */
int writer_publish(struct writer *w, struct err *e);

/* The format that a file name's ending names; 0: none that is known. */
char writer_format(const char *path);

/* As writer_format for what -o names: CSV for "-" and for a name without ending. -1: an ending that
 * is not known. */
int writer_format_of(const char *path, char given, char *format, struct err *e);

#endif
