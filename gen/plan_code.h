/* SPDX-License-Identifier: MIT */
/* Private to plan*.c: what a plan's hashes are made of. */
#ifndef PPGEN_GEN_PLAN_CODE_H
#define PPGEN_GEN_PLAN_CODE_H

#include "gen/plan.h"
#include "gen/plan_files.h"

/* Hashes what all tasks share; its files go to `files`. -1: complaints are in d. */
int plan_code_shared(const struct spec *s, struct plan_files *files, char out[CODE_HEX],
		     struct diags *d);

/* Hashes the files that inputs with parameters name, over all tasks, into `files` (in no particular
 * order). -1: complaints are in d. */
int plan_code_per_task(const struct spec *s, struct plan_files *files, struct diags *d);

/* The files of a function's modules, for plan_code_shared. -1: one cannot be read. */
int plan_code_function(const struct spec *s, struct plan_files *files, struct sha256 *h,
		       struct err *e);

/* 1 and the resolved path (the caller frees) where `path` is a file beside or under the spec's
 * folder, outside of run directories, that can be read; 0 and NULL where not; -1. */
int plan_find_beside(const struct spec *s, const char *path, char **real, struct err *e);

/* How many of a plan's files are shared by all tasks: they stand first. */
size_t plan_shared_files(const struct plan *p);

/* A hash over everything that decides how results are read. */
void plan_results_hash(const struct results *r, char out[RESULTS_HEX]);

/* A text, and a count with the name of what is counted, into a hash; framed. */
void plan_put(struct sha256 *h, const char *text);
void plan_put_count(struct sha256 *h, const char *what, size_t n);

/* An input's path against the spec's folder, as text. The caller frees. */
char *plan_input_path(const struct spec *s, const char *filled);

#endif
