/* SPDX-License-Identifier: MIT */
/* What journal.c (records, packed output, syncing) and journal_spool.c (taking spools in) share. */
#ifndef PPGEN_STORE_JOURNAL_INTERNAL_H
#define PPGEN_STORE_JOURNAL_INTERNAL_H

#include <stdbool.h>

#include "base/hash.h"
#include "store/journal.h"

#define JOURNAL_XX       3  /* two hexadecimal digits, NUL */
#define JOURNAL_UNSYNCED 16 /* files of their own that may wait for the next sync */

struct journal {
	char *rundir;
	char *writer;
	char *path, *output_path;
	int fd, output_fd;
	bool dirty, output_dirty; /* since the last sync */
	bool torn;                /* the last write did not end in a newline */
	uint64_t output_end;      /* where the next piece goes */
	uint64_t own_files;       /* how many have been taken to files/ */
	int unsynced[JOURNAL_UNSYNCED];
	size_t n_unsynced;
	bool files_made; /* files/<xx> is there */
	struct buf line;
	bool held;
	struct buf held_lines, held_output;
	uint64_t held_at; /* where held_output goes */
	int held_fault;   /* errno of what could not go out since journal_hold; 0 */
};

/* The folder in which a writer's files stand, so that none grows large: two digits of a hash of its
 * name. */
void journal_xx(const char *writer, char xx[JOURNAL_XX]);

/* Writes to the packed output at *place, which goes along. */
int journal_write_output(const struct journal *j, const void *p, size_t n, uint64_t *place,
			 struct err *e);

/* fdatasync, EINTR retried; file systems that know none are taken at their word. */
int journal_sync_fd(int fd, const char *name, struct err *e);

/* The `v` of a header: what this program writes, and the newest that it reads. */
#define JOURNAL_FORMAT 1

#endif
