/* SPDX-License-Identifier: MIT */
/*
 * Writing: one writer's journal and its packed output. Recorded: write() returned, so the record
 * survives this process. Durable: journal_sync returned (output first, then a sync record, then
 * journal), so it survives the node.
 */
#ifndef PPGEN_STORE_JOURNAL_H
#define PPGEN_STORE_JOURNAL_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct journal;

/*
 * Makes journal/<xx>/<writer>.jsonl and output/<xx>/<writer>.out, both O_EXCL, and writes the
 * header record. The writer's name is made here, unlike any other: host, time and chance.
 * `header_members`: more members for the header ("\"env\":{..}"), or "".
 */
struct journal *journal_create(const char *rundir, unsigned plan, const char *header_members,
			       struct err *e);
const char *journal_writer(const struct journal *j);

/*
 * Appends one record: `members` is the object's text from its '{' to its last member, without the
 * closing brace. After a short or failed write, the next record begins with a newline. -1: not
 * recorded (disk full, ...).
 */
int journal_append(struct journal *j, const char *members, size_t len, struct err *e);

/* Appends bytes to the packed output; *offset is where they begin. On failure the bytes are void
 * and the place is not used again. */
int journal_output(struct journal *j, const void *p, size_t n, uint64_t *offset, struct err *e);

/*
 * Takes a finished spool file in: its first `len` bytes go to the packed output, or, from
 * OUTPUT_OWN_FILE bytes, the file itself is renamed to files/. Appends to `members` the piece as
 * JSON ([OFF,LEN,"SHA"]). Memory use is constant. The spool is gone (renamed) or may be reused
 * afterwards: *renamed tells. fd is open for reading. With path NULL the file is not ours to move:
 * it is copied, whatever its size.
 */
#define OUTPUT_OWN_FILE (UINT64_C(64) << 20)
int journal_take_spool(struct journal *j, int fd, const char *path, uint64_t len, const char *name,
		       struct buf *members, bool *renamed, struct err *e);

int journal_sync(struct journal *j, struct err *e);
int journal_close(struct journal *j,
		  struct err *e); /* close record, sync; frees j in any case; accepts NULL */

/* Where a slot's live output stands: "<rundir>/output/<xx>/<writer>.<slot>.<out|err>". The caller
 * frees. */
char *journal_spool_path(const char *rundir, const char *writer, unsigned slot, const char *ending);

#endif
