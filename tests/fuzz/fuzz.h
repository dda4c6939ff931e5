/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets share. A target takes any bytes: nothing may crash, leak, hang or read
 * beyond its input, and what a target says must hold does hold. engine.c makes them libFuzzer's;
 * replay.c runs the kept corpus through them without it.
 */
#ifndef PPGEN_TESTS_FUZZ_H
#define PPGEN_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

struct part {
	const char *text; /* a NUL stands behind the whole input, not behind a part */
	size_t len;
};

struct fuzz_target {
	const char *name;
	void (*run)(struct part in);
};
extern const struct fuzz_target fuzz_targets[];
extern const size_t fuzz_target_count;
const struct fuzz_target *fuzz_find(const char *name); /* NULL: there is none */

void fuzz_csv(struct part in);
void fuzz_expr(struct part in);
void fuzz_journal(struct part in);
void fuzz_json(struct part in);
void fuzz_merge(struct part in);
void fuzz_plan(struct part in);
void fuzz_regex(struct part in);
void fuzz_rows(struct part in);
void fuzz_rundir(struct part in);
void fuzz_site(struct part in);
void fuzz_spec(struct part in);
void fuzz_submission(struct part in);
void fuzz_template(struct part in);
void fuzz_text(struct part in);

/* Ends the process with a message unless x holds. */
#define MUST(x) ((x) ? (void)0 : must_failed(#x, __FILE__, __LINE__))
_Noreturn void must_failed(const char *what, const char *file, int line);
void must_equal(const char *a, size_t an, const char *b, size_t bn, const char *what);

/* Cuts off what stands before the first line "--", which belongs to neither part. */
struct part part_cut(struct part *rest);
/* The first line, without its end. */
struct part part_line(struct part *rest);
char *part_copy(struct part p); /* NUL-terminated; the caller frees */

/*
 * An input that is many files: each begins with a line "== NAME", or is a symbolic link
 * "== NAME -> TARGET". What stands before the first is a file without name.
 */
#define ENTRIES_MAX 64
struct entry {
	char *name;   /* relative, without ".."; "" of the first */
	char *target; /* of a symbolic link; NULL */
	struct part text;
};
struct archive {
	struct entry items[ENTRIES_MAX];
	size_t n;
};
void archive_open(struct archive *a, struct part in);
void archive_free(struct archive *a);
const struct entry *archive_find(const struct archive *a, const char *name); /* NULL: none */

/* An empty folder for this process, on a file system in memory where there is one. */
const char *scratch_folder(void);
void scratch_empty(void);
/* Writes a file below a folder, its folders made; follows no symbolic link on the way. */
void scratch_write(const char *folder, const char *name, const char *text, size_t len);
void scratch_link(const char *folder, const char *name, const char *target);

/* Whether a text names files outside the folder that it is read in. */
bool names_outside(struct part p);

/* Appends a journal's text with "crc":"?" at the end of a line made right. */
void put_sealed(struct buf *b, struct part text);

#endif
