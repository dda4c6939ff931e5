/* SPDX-License-Identifier: MIT */
/* Private to plan*.c: files that are hashed for a plan, each only once. */
#ifndef PPGEN_GEN_PLAN_FILES_H
#define PPGEN_GEN_PLAN_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/hash.h"
#include "gen/plan.h"
#include "gen/textset.h"

#define PLAN_FOLDER_MAX 100000 /* files in a folder that is an input */

struct plan_files {
	struct plan_file *items;
	size_t n, cap;
	struct textset *paths;         /* of items, numbered alike */
	const struct plan_file **lend; /* an older plan's, sorted by dev and ino */
	size_t n_lend;
};

/* `old` (may be NULL) lends the hashes of files that did not change. */
void plan_files_init(struct plan_files *l, const struct plan *old);
void plan_files_free(struct plan_files *l);

/*
 * Adds a file, or all files of a folder in sorted order: names that begin with a dot, __pycache__
 * and run directories in it are passed over. Where h is given, each file's label ("label" or
 * "label/below") and hash are added to it, framed. 1: nothing stands at `path`. -1: error.
 */
int plan_files_put(struct plan_files *l, const char *path, const char *label, struct sha256 *h,
		   struct err *e);

/* Whether a folder is a run directory of ours: what lies in it is nobody's code. */
bool plan_files_is_rundir(const char *path);

void plan_file_free(struct plan_file *f);

#endif
