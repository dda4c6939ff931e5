/* SPDX-License-Identifier: MIT */
/*
 * The collector: from the attempts that count to tables. The same bytes wherever, with however many
 * slots and in whatever order the tasks ran: rows are in the order of the tasks, a task's rows in
 * the order in which it gave them, columns in the order of first appearance by that order.
 *
 * Columns: task, the parameters in the spec's order (rep last of them), seed, then results. A
 * result column that has a parameter's name is dropped where every value agrees, else an error.
 * Numbers pass as they were written.
 */
#ifndef PPGEN_COLLECT_COLLECT_H
#define PPGEN_COLLECT_COLLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "gen/plan.h"
#include "store/scan.h"

struct collect_options {
	bool partial;   /* leave out tasks without a good result, cells that are missing empty */
	const char *to; /* NULL: everything that the spec's `collect:` lists; "-" stdout; else a
			   file for the main table */
	char format;    /* for `to`: 'c' 't' 'l' 'j'; 0: by the ending, CSV for "-" */
};

struct collected { /* one table that was written */
	char *path;
	uint64_t rows;
	char sha256[65];
};

/* expected = merged + failed + missing; stale and running are parts of missing. Counted also when
 * nothing was published. */
struct collect_report {
	uint64_t expected, merged, failed, missing, stale, running;
	struct collected *tables;
	size_t n_tables;
};

/*
 * Writes the tables (whole or not at all: published by rename) into <rundir>/collect/ or to
 * options.to, and marks what was published. -1: nothing was published; the error names the task,
 * its parameters and what to do (`ppgen log TASK`, --partial). Without `partial`, any task without
 * a good accepted result is an error that counts them.
 */
int collect_run(struct scan *s, const struct collect_options *o, struct collect_report *out,
		struct err *e);
void collect_report_free(struct collect_report *r);

/*
 * Without any run: many CSV files of one structure into one, in the order of names, headers checked
 * ("b.csv: line 1: column 3 is 'x', in 'a.csv' it is 'y'"), ragged rows refused. patterns are file
 * names or globs; to as above. *files and *rows count.
 */
int collect_csv(const char *const *patterns, size_t n, const char *to, char format, uint64_t *files,
		uint64_t *rows, char sha256[65], struct err *e);

#endif
