/* SPDX-License-Identifier: MIT */
/* Reading kept output: the bytes behind a piece of an end record, checked against their hash. */
#ifndef PPGEN_STORE_OUTPUT_H
#define PPGEN_STORE_OUTPUT_H

#include "base/buf.h"
#include "base/err.h"
#include "store/record.h"

/* Keeps the last few output files mapped; one per walk. */
struct output_reader;
struct output_reader *output_reader_new(const char *rundir);
void output_reader_free(struct output_reader *r);

/*
 * The bytes of a piece, valid until the next call with this reader. With `check`, a wrong hash is
 * an error ("output of ... is damaged"). A piece that is not `there` has len 0. Errors name the
 * writer; ERR_BAD: what was kept is missing or damaged, so that attempt is lost; ERR_SYSTEM: it
 * could not be read.
 */
int output_get(struct output_reader *r, const char *writer, const struct piece *p, bool check,
	       const char **data, size_t *len, struct err *e);

/* Appends the file that holds a piece, as a path below the run directory. Not of a piece that is a
 * text. */
void output_put_place(struct buf *b, const char *writer, const struct piece *p);

#endif
