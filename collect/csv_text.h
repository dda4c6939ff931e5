/* SPDX-License-Identifier: MIT */
/*
 * Private to collect_csv: a file's text, read in pieces. Reading, not mapping: that costs no page
 * faults, and what happens to the file meanwhile cannot end us. Its first piece, which is all of a
 * small file, is read ahead of its turn, in any thread; what goes wrong there is told in its turn.
 */
#ifndef PPGEN_COLLECT_CSV_TEXT_H
#define PPGEN_COLLECT_CSV_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"

struct csv_text {
	const char *name; /* borrowed */
	char *data;
	size_t len, cap;      /* of what was read and is yet to be used */
	bool whole;           /* nothing comes behind data */
	bool passed;          /* it is the file that is not to be read */
	bool left;            /* no regular file: opening it may wait for somebody, so not ahead */
	int fd, error;        /* errno of what was tried ahead */
	uint64_t total, size; /* bytes read so far, and to be read at least */
};

struct csv_text *csv_text_new(void);
void csv_text_free(struct csv_text *t);

/* Ahead: opens and begins to read, unless it is the same file as not_this (NULL: none). */
void csv_text_ahead(struct csv_text *t, const char *name, const struct stat *not_this);
/* In its turn: -1 when it cannot be read. */
int csv_text_begin(struct csv_text *t, struct err *e);
/* Drops the first `used` bytes and reads on; -1 also where more than CSV_TEXT_MOST bytes would be
 * held: a row is that long. */
#define CSV_TEXT_MOST ((size_t)256 << 20)
int csv_text_more(struct csv_text *t, size_t used, struct err *e);
/* All of it was used: -1 when the file became shorter meanwhile. */
int csv_text_end(const struct csv_text *t, struct err *e);
void csv_text_close(struct csv_text *t); /* it may be used for another file */

#endif
