/* SPDX-License-Identifier: MIT */
/*
 * The space of points that a sweep visits: axes that are crossed (a grid parameter, a zip group, a
 * table, `rep`), less what `where` drops, plus `add`. Never built in memory: point i comes from
 * index arithmetic. The first axis varies slowest, `rep` fastest.
 *
 * Decimal ranges (from/to/step) stay rules, computed exactly in integers; every other axis has its
 * values as text.
 */
#ifndef PPGEN_GEN_SPACE_H
#define PPGEN_GEN_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "gen/value.h"
#include "gen/yaml.h"

#define SPACE_TASKS_MAX (UINT64_C(1) << 48)
#define SPACE_WHERE_MAX (UINT64_C(1) << 36) /* points that a `where` may pass over */
#define TASK_ID_SIZE    16
#define TASK_ID_SHOWN \
	18 /* 't', 16 hexadecimal digits, NUL: what tables, {task} and PPGEN_TASK hold */

struct space;

struct point {
	uint64_t index;       /* of the task, from 0 */
	uint64_t rep;         /* 0 without `repeat` */
	struct value *values; /* one a name, in space_name's order; `rep` is the last where `repeat`
				 is given */
	struct buf text;      /* room for the texts of ranges and rep */
	size_t n;
};

struct space_source {
	const struct node *root; /* the spec: params, repeat, seed, seed_by */
	const char *dir;         /* relative paths in it start here */
	const char *fetched;     /* tables by url: see struct spec_options */
	uint64_t points_most;    /* as there */
};

/* From a spec. NULL when something is wrong (then in d). Files are read: tables, lines, globs. */
struct space *space_new(const struct space_source *src, struct diags *d);

/* Freezes into, and loads from, a plan's folder: axes.jsonl and, with a `where`, where.bits. */
int space_save(const struct space *s, const char *dir, struct err *e);
struct space *space_load(const char *dir, struct err *e);
/* A hash over what space_save would write. */
void space_hash(const struct space *s, uint8_t out[32]);
void space_free(struct space *s);

uint64_t space_count(const struct space *s);   /* tasks */
uint64_t space_crossed(const struct space *s); /* points before `where` and `add`, with rep */
uint64_t space_added(
	const struct space *s); /* of which by `add` (times repeat); duplicates are not counted */
size_t space_names(const struct space *s); /* parameters, with `rep` where `repeat` is given */
const char *space_name(const struct space *s, size_t k);
const char *const *space_name_list(const struct space *s);
bool space_repeats(const struct space *s); /* `repeat` is given: the last name is "rep" */

/* How an axis looks, for `plan`: "T: 7 values, 1.5 ... 3.0", "code, steps: 2 points", "rep: 0 ...
 * 4". */
size_t space_axes(const struct space *s);
void space_put_axis(const struct space *s, size_t axis, struct buf *b);

void point_init(struct point *p, const struct space *s);
void point_free(struct point *p);
void space_point(const struct space *s, uint64_t index, struct point *p); /* index < space_count */

/*
 * Walks the distinct combinations of the parameters that `uses` marks (uses[k] for name k), without
 * visiting every task where the axes allow it: for hashing per-task inputs and counting resource
 * classes. `times` is the number of crossed tasks that share the combination, or 0 when unknown (a
 * `where` or `add` is there: then combinations may occur that no task has). Values that are not
 * marked hold those of some point. fn returning non-zero ends the walk with that value.
 */
int space_combinations(const struct space *s, const bool *uses,
		       int (*fn)(void *arg, const struct point *p, uint64_t times), void *arg);

/*
 * Identity: the first 128 bits of SHA-256 over ("ppgen-task-v1", then each parameter's name, type
 * letter and text, sorted by name, each framed by its length, then rep in decimal). A parameter
 * with a `was` equal to its value is left out. Never the index.
 */
void task_id(const struct space *s, const struct point *p, uint8_t id[TASK_ID_SIZE]);
void task_id_show(const uint8_t id[TASK_ID_SIZE], char out[TASK_ID_SHOWN]);

/*
 * Seeds: SHA-256 over ("ppgen-seed-v1", the root seed's text, and the 16 bytes of the id, or name,
 * type and text of each `seed_by` parameter as written), framed. seed64: bytes 0-7, big endian, top
 * bit cleared. seed: the top 31 of those 63 bits. words: bytes 8-23 as four big-endian numbers, for
 * NumPy's SeedSequence.
 */
struct seeds {
	uint32_t seed;
	uint64_t seed64;
	uint32_t words[4];
};
void task_seeds(const struct space *s, const struct point *p, const uint8_t id[TASK_ID_SIZE],
		struct seeds *out);
const char *space_root_seed(const struct space *s); /* its text; "0" by default */
size_t space_seed_by(const struct space *s, const char *const **names);

/* From ids to indexes, made on demand: 8 bytes a task. -1 (as UINT64_MAX) when no task has this id.
 */
struct id_index;
struct id_index *id_index_new(const struct space *s);
uint64_t id_index_find(const struct id_index *x, const uint8_t id[TASK_ID_SIZE]);
void id_index_free(struct id_index *x);

#endif
