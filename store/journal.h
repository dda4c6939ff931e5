/* SPDX-License-Identifier: MIT */
/*
 * Writing: one writer's journal and its packed output. Recorded: write() returned, so the record
 * survives this process. Durable: journal_sync returned (output first, then a sync record, then
 * journal), so it survives the node.
 */
#ifndef PPGEN_STORE_JOURNAL_H
#define PPGEN_STORE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

struct journal;

/*
 * Makes journal/<xx>/<writer>.jsonl and output/<xx>/<writer>.out, both O_EXCL, and writes the
 * header record. The writer's name is made here, unlike any other: host, time and chance.
 * `header_members`: more members for the header ("\"env\":{..}"), or "".
 */
struct journal *journal_create(const char *rundir, unsigned plan, const char *header_members,
			       struct err *e);
const char *journal_writer(const struct journal *j);
const char *journal_output_file(const struct journal *j); /* below the run directory */

/*
 * Appends one record: `members` is the object's text from its '{' to its last member, without the
 * closing brace. After a short or failed write, the next record begins with a newline. -1: not
 * recorded (disk full, ...).
 */
int journal_append(struct journal *j, const char *members, size_t len, struct err *e);

/*
 * Between the two, records and output are gathered, and go out together, the output first: for many
 * small ones at once. Nothing of it is recorded before journal_release has returned 0. After -1
 * some may be; all else goes on as before journal_hold.
 */
void journal_hold(struct journal *j);
int journal_release(struct journal *j, struct err *e);

/* Appends bytes to the packed output; *offset is where they begin. On failure the bytes are void
 * and the place is not used again. */
int journal_output(struct journal *j, const void *p, size_t n, uint64_t *offset, struct err *e);

/*
 * Taking a finished file in, in three steps, so that the long one may be done on another thread:
 * begin gives it its place, copy reads, hashes and copies it, end names it. Its first `len` bytes
 * go to the packed output; or, from OUTPUT_OWN_FILE bytes, the file itself is renamed to files/,
 * where it is ours to move.
 *
 * Begin and end are called by the journal's own thread, like all else here; between them it may
 * append, put out and sync. Copy uses nothing of the journal that changes, and syncs what is very
 * large, so that journal_sync, which comes later, is quick. Memory use is constant.
 */
#define OUTPUT_OWN_FILE (UINT64_C(64) << 20)
struct take {
	int fd;           /* open for reading; closed by the caller, any time after the end */
	const char *path; /* NULL: not ours to move */
	uint64_t from;    /* where in the file it begins; 0 where it is ours to move */
	const char *name; /* for messages, and in the name of a file of its own */
	uint64_t len;     /* copy makes it less where the file has become shorter */
	bool own;
	uint64_t offset;
	uint8_t hash[SHA256_SIZE];
};

struct take_tools; /* what copy needs; one a thread */
struct take_tools *take_tools_new(void);
void take_tools_free(struct take_tools *t);

void journal_take_begin(struct journal *j, struct take *t);
int journal_take_copy(const struct journal *j, struct take_tools *tools, struct take *t,
		      struct err *e);
/* Appends to `members` the piece as JSON ([OFF,LEN,"SHA"]). What cannot be renamed after all (its
 * name is gone) is copied here. */
int journal_take_end(struct journal *j, struct take_tools *tools, struct take *t,
		     struct buf *members, struct err *e);

/* The piece of bytes that journal_output has put at `offset`. */
void journal_put_piece(struct buf *members, uint64_t offset, const void *p, size_t len);

int journal_sync(struct journal *j, struct err *e);
int journal_close(struct journal *j,
		  struct err *e); /* close record, sync; frees j in any case; accepts NULL */

/* Where a slot's live output stands: "<rundir>/output/<xx>/<writer>.<slot>.<out|err>". The caller
 * frees. */
char *journal_spool_path(const char *rundir, const char *writer, unsigned slot, const char *ending);

#endif
