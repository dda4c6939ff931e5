/* SPDX-License-Identifier: MIT */
/* What the scanner's files share: scan_files.c (the walk), scan_fold.c, scan_winner.c, scan_open.c,
 * scan_judge.c, scan_publish.c. */
#ifndef PPGEN_STORE_SCAN_INTERNAL_H
#define PPGEN_STORE_SCAN_INTERNAL_H

#include "base/file.h"
#include "gen/space.h"
#include "store/output.h"
#include "store/result.h"
#include "store/scan.h"

/* ---- the walk ---- */

/* Lists every journal, by the writers' names; free() each with scan_file_release, then the array.
 */
int scan_list(const char *rundir, struct scan_file **files, size_t *n, struct err *e);
void scan_file_release(struct scan_file *f);
/* Finds out how long it is, and whether it is closed. */
int scan_open(struct scan_file *f, struct err *e);
/* Sets `dead` by the header, for those that do not walk over it. */
void scan_read_header(struct scan_file *f);
void scan_take_header(struct scan_file *f, struct json header); /* dead, unsure */

/* A line that is longer is no record. */
#define RECORD_MAX ((size_t)16 << 20)

struct scan_walk {
	struct scan_file *files; /* that scan_open was called for */
	size_t n;
	const uint64_t *from; /* where to begin in each; NULL: at the beginning */
	/* For each sound record, file by file; a value that is not 0 ends the walk. */
	int (*fn)(void *arg, size_t file, uint64_t offset, const struct record *r);
	/* Before a file's first record and after its last, for each file; may be NULL. */
	void (*begin)(void *arg, size_t file);
	void (*end)(void *arg, size_t file);
	void *arg;
};
/* Also adds up `damaged` of each file, and sets `whole`, `closed` and `dead`. Returns what fn
 * returned, or -1. */
int scan_walk(const struct scan_walk *w, struct err *e);

/* ---- starts that have no end (yet), of one file ---- */

struct open_entry {
	uint8_t id[TASK_ID_SIZE];
	unsigned attempt, slot;
	uint64_t index, offset, time_ms;
	bool used;
};

struct open_table { /* a hash by id and attempt; linear probing */
	struct open_entry *slots;
	size_t n, cap; /* cap: 0 or a power of two */
};

void open_table_add(struct open_table *t, const struct open_entry *entry);
bool open_table_remove(struct open_table *t, const uint8_t id[TASK_ID_SIZE], unsigned attempt);
void open_table_clear(struct open_table *t);
void open_table_free(struct open_table *t);

/* ---- output that a power loss took ---- */

/* Where the last sync record of a journal stands; 0: it has none. */
uint64_t scan_last_sync(const struct scan_file *f);
/* Whether every byte of output that a record names is there: 1, 0 it is not, -1. Looks only where
 * the file is `unsure`. */
int scan_output_there(struct scan *s, uint32_t file, uint64_t offset, const struct record *r,
		      struct err *e);

/* ---- places of records ---- */

struct place {
	uint64_t index; /* the task */
	uint64_t offset;
	uint32_t file, unset; /* `unset` fills up: the cursor holds these as they are in memory */
};

struct places {
	struct place *items;
	size_t n, cap;
};

/* What a table that was published had read of a journal, and which of its records must go on
 * counting. */
struct published {
	uint64_t bytes;
	uint64_t *winners; /* offsets, ascending */
	size_t n_winners;
};

struct voided { /* attempts of a task up to this number do not count */
	uint64_t index;
	unsigned upto, unset;
};

struct ended { /* an end whose start is not in its own journal */
	uint8_t id[TASK_ID_SIZE];
	unsigned attempt;
};

struct scan_private {
	struct scan_reader *records;
	struct published *published; /* one a file; NULL: none */
	struct judge *judge;
	struct output_reader *reader;
	struct buf row, why;
	struct places doubles; /* successes that lost to another success of their task */
	struct voided *voids;  /* sorted by index when all has been read */
	size_t n_voids, cap_voids;
	struct ended *ends;
	size_t n_ends, cap_ends;
	bool any_stale;
	uint64_t remembered; /* bytes of journals that the cursor knows */
};

/* ---- which attempt counts ---- */

/* In ascending order of worth. */
enum rank { RANK_NOTHING, RANK_NOT_KEPT, RANK_FAILED, RANK_STALE, RANK_GOOD };

struct contender {
	enum rank rank;
	enum outcome outcome;
	unsigned flags; /* TASK_STALE, TASK_REREAD */
	unsigned attempt;
	uint32_t file;
	uint64_t offset;
};

/* Puts an attempt in the place of the one that counted so far, where it is worth more. */
int winner_offer(struct scan *s, uint64_t index, const struct contender *c, struct err *e);
/* Whether a is before b among successes of one rank, when nothing had been published. */
bool winner_first(const struct contender *a, const struct contender *b);
/* Sets TASK_DIFFERS where successes of one code hash disagree. */
int winner_compare_all(struct scan *s, struct err *e);

/* ---- what was published ---- */

#define PUBLISHED "collect/published.json"

/* Reads collect/published.json, if it is there and sound, into s->priv->published. */
int published_load(struct scan *s, struct err *e);
bool published_has(const struct scan *s, uint32_t file, uint64_t offset);
bool published_won(const struct scan *s, uint32_t file, uint64_t offset);
void published_free(struct scan *s);

/* ---- where the last fold ended ---- */

/*
 * Takes up what a fold of this plan remembered. Returns for each file how far it had been read, for
 * the caller to free; NULL when there is nothing that holds still, and nothing is changed. The
 * starts that were open then are in *was_open.
 */
uint64_t *cursor_load(struct scan *s, struct open_start **was_open, size_t *n_open);
/* Remembers, where it is worth it and all that was read will stay as it is. Failing is no fault. */
void cursor_save(struct scan *s);

#endif
