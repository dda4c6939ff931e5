/* SPDX-License-Identifier: MIT */
/*
 * Reading: every journal of a run, record by record, and what each task's state follows from them.
 * One scanner serves status, run, log and collect. What it says does not depend on the order in
 * which files are listed or records were written.
 *
 * Which attempt counts: not void; under an accepted code hash; success before failure; of successes
 * those that were there when a table was last published, then the lowest attempt number; of
 * failures, and of successes under other code, the highest; ties by the writer's name and then by
 * place.
 */
#ifndef PPGEN_STORE_SCAN_H
#define PPGEN_STORE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "gen/plan.h"
#include "store/record.h"

/* ---- the plain walk ---- */

struct scan_file {
	char *writer;
	char *path;
	bool closed; /* has a close record */
	bool dead;   /* its process is known to be gone: same machine and boot, no such process; or
			the submission that it was an element of has ended */
	bool unsure; /* dead, not closed, and its machine was perhaps started anew since then: so
			what it recorded last may lack its output */
	uint64_t sure;  /* of an unsure file: up to here no record does */
	uint64_t bytes; /* as long as it was when it was opened */
	uint64_t whole; /* where the last sound record ends */
	/* Lines that are no sound record, but for a torn tail of a file that is not closed. */
	uint64_t damaged;
};

typedef int (*scan_fn)(void *arg, const struct scan_file *file, uint64_t offset,
		       const struct record *r);

/*
 * Calls fn for every sound record, file by file in the order of names. A non-zero return of fn ends
 * the walk and is returned.
 */
int scan_records(const char *rundir, scan_fn fn, void *arg, struct err *e);

/* The same for one writer's journal; one that is not there has no records. */
int scan_writer_records(const char *rundir, const char *writer, scan_fn fn, void *arg,
			struct err *e);

/* Whether one writer will write no more: its journal is closed, or it is dead. */
bool scan_writer_gone(const char *rundir, const char *writer);

/* ---- the fold: a state a task of one plan ---- */

/*
 * STALE: only successes under a code hash that nobody accepted (`outcome` is OUTCOME_NONE then).
 * RUNNING: a start without an end, its writer not known to be dead. LOST: such a start, its writer
 * dead, and nothing recorded since. DIFFERS: two successes of one code hash returned different
 * results. REREAD: the winner was judged under another results hash (see scan_judge).
 */
enum { TASK_STALE = 1, TASK_RUNNING = 2, TASK_LOST = 4, TASK_DIFFERS = 8, TASK_REREAD = 16 };

struct task_state {
	uint64_t offset;   /* of the end record that counts */
	uint32_t file;     /* its journal: scan->files[file] */
	uint16_t attempts; /* the highest attempt number that was seen; saturates */
	uint8_t outcome;   /* of the attempt that counts; OUTCOME_NONE when there is none */
	uint8_t flags;
};

struct open_start { /* a start without an end */
	uint8_t id[TASK_ID_SIZE];
	uint64_t index; /* UINT64_MAX: of no task of this plan */
	uint64_t offset;
	uint64_t time_ms;
	uint32_t file;
	unsigned attempt, slot, unset;
};

struct scan {
	const struct plan *plan;
	char *rundir;
	struct scan_file *files;
	size_t n_files;
	struct task_state *tasks; /* space_count of them */
	uint64_t count;
	struct open_start *open;
	size_t n_open;
	uint64_t foreign; /* ended attempts of tasks that are not in this plan */
	uint64_t damaged;
	uint64_t damaged_output; /* attempts that are as good as lost: what they left is not what
				    was written */
	/* Code hashes of stale results, with the number of tasks that have only those; for the
	 * question --stale answers. */
	struct {
		char code[CODE_HEX];
		uint64_t tasks;
	} * stale;
	size_t n_stale;
	struct scan_private *priv; /* NULL: folded nothing, or freed */
};

struct scan_options {
	bool repick; /* ignore what was published */
	bool judge;  /* call scan_judge for every TASK_REREAD (run, status, collect want this) */
};

/*
 * Folds all journals for a plan. `scan->tasks[i].outcome` of a TASK_REREAD task is what the plan's
 * results make of the kept output where options.judge is set: OK, or INVALID; or OUTCOME_NONE when
 * a result file that is now declared was not kept then (so it must run again).
 *
 * What was read of long journals is remembered in <rundir>/cache/scan, so that the next fold reads
 * on from there: see scan_cursor.c. Deleting it costs time only.
 */
int scan_fold(const char *rundir, const struct plan *p, const struct scan_options *o,
	      struct scan *out, struct err *e);
void scan_free(struct scan *s);

/* Reads the record at a place. *r borrows from the scan until the next call. */
int scan_read(struct scan *s, uint32_t file, uint64_t offset, struct record *r, struct err *e);

/* The same for a thread: each has its reader. *r borrows from the reader until its next call. */
struct scan_reader;
struct scan_reader *scan_reader_new(const struct scan *s);
void scan_reader_free(struct scan_reader *x);
int scan_reader_get(struct scan_reader *x, uint32_t file, uint64_t offset, struct record *r,
		    struct err *e);

/*
 * Judges an end record under the plan's `results`: OUTCOME_OK, OUTCOME_INVALID (why says what is
 * wrong), OUTCOME_NONE (a file that is now declared was not kept) or OUTCOME_LOST (what was kept is
 * damaged). Any other outcome stays what it was.
 */
int scan_judge(struct scan *s, uint32_t file, const struct record *r, enum outcome *out,
	       struct buf *why, struct err *e);

/* What was published: remembers, for every journal, how far it had been read. See
 * `collect/published.json`. */
int scan_mark_published(struct scan *s, const char *table_sha256, struct err *e);

#endif
