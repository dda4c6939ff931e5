/* SPDX-License-Identifier: MIT */
/*
 * A plan: a spec at one moment, frozen, so that whoever runs its tasks (a worker on another node, a
 * run next week) computes the very same ones. A plan's folder is plan/0001 in the run directory:
 *
 *   spec.yaml      the spec's bytes
 *   run.json       one JSON object: what follows from it and where it came from (see plan_save.c)
 *   axes.jsonl     the parameters' values as text (space_save), where.bits with a `where`
 *   inputs.jsonl   a line per hashed file: {"path":..,"size":..,"mtime_ns":"..","dev":"..",
 *                  "ino":"..","sha256":..}; with "task":true where it belongs to single tasks
 *
 * Plans are numbered, published by rename and never changed.
 */
#ifndef PPGEN_GEN_PLAN_H
#define PPGEN_GEN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "gen/spec.h"

#define CODE_HEX    17 /* 16 digits and a NUL */
#define RESULTS_HEX 9

struct plan_file {  /* a file whose content was hashed */
	char *path; /* absolute */
	uint64_t dev, ino, size;
	int64_t mtime_ns;
	char sha256[65];
	bool per_task; /* belongs only to the tasks whose inputs name it */
	bool racy; /* changed so shortly before it was hashed that its mtime proves nothing: looked
		      at again */
};

struct textset;

struct plan {
	unsigned number;           /* 0: a draft, not published */
	char *dir;                 /* its folder; NULL for a draft */
	struct spec *spec;         /* owned */
	char code[CODE_HEX];       /* code_hash of what all tasks share */
	char results[RESULTS_HEX]; /* hash over how results are read */
	struct plan_file *files;   /* shared ones first in the order hashed, then the per-task ones
				      sorted by path */
	size_t n_files;
	bool per_task_inputs;
	char (*keep)[CODE_HEX]; /* code hashes of older results that were accepted (--stale=keep) */
	size_t n_keep;
	char (*rerun)[CODE_HEX]; /* those that are to be run again (--stale=rerun) */
	size_t n_rerun;
	struct textset *keep_set, *rerun_set; /* private: the same, for looking up */
};

/*
 * From a spec that was read: hashes the code and the inputs. Shared files are those that `inputs`
 * name without a parameter and every command word that names a file beside or under the spec's
 * folder. Takes spec. NULL on error in d. `old` (may be NULL) lends hashes of files whose (dev,
 * ino, size, mtime) did not change, and, where the code is still the same, its stale decisions.
 */
struct plan *plan_draft(struct spec *take_spec, const struct plan *old, struct diags *d);
void plan_free(struct plan *p);

/*
 * Whether two plans would do the same and read it the same (provenance aside). A draft whose urls
 * hold secrets differs from a published plan, which does not hold them, while an input must still
 * be fetched.
 */
bool plan_same(const struct plan *a, const struct plan *b);

/*
 * Publishes a draft as the next number under `plans` (".../plan"); number and dir are then set.
 * `provenance` is a JSON object's members without braces, put into run.json ("" for none).
 */
int plan_publish(struct plan *p, const char *plans, const char *provenance, struct err *e);

/* 0 when there is none. */
unsigned plan_latest(const char *plans, struct err *e);
struct plan *plan_load(const char *plans, unsigned number, struct diags *d);

/*
 * The code hash of one task: the plan's, or with per-task inputs a hash over it and theirs. -1: an
 * input of the task is not among the files (it vanished).
 */
int plan_task_code(const struct plan *p, const struct point *pt, char out[CODE_HEX], struct err *e);

/* Whether results under this hash count for a task whose hash is `now`: equal, or accepted. */
bool plan_accepts(const struct plan *p, const char *code, const char *now);
/* As if by --stale=rerun for this one. */
bool plan_reruns(const struct plan *p, const char *code);
void plan_add_keep(struct plan *p, const char *code);
void plan_add_rerun(struct plan *p, const char *code);

/*
 * Looks whether a shared file changed on disk since the plan (by dev, ino, size, mtime, and then by
 * content): the code hash as of now. -1 when a shared input is gone or cannot be read.
 */
int plan_code_now(const struct plan *p, char out[CODE_HEX], struct err *e);

/*
 * Fetches the inputs by url into inputs_dir ("<rundir>/inputs") as <sha256>; what is there with the
 * right hash is left alone, with a wrong one it is fetched again. -1 with a message that names url
 * and hashes. (Tables by url are fetched by space_new, which must have their rows before there is a
 * plan.)
 */
int plan_fetch(const struct spec *s, const char *inputs_dir, struct diags *d);

#endif
