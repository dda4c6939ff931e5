/* SPDX-License-Identifier: MIT */
/*
 * What the submission's files share: submission.c (numbers, drafts, what has happened),
 * submission_save.c and submission_load.c (submission.json), task_list.c. One table says what
 * stands in submission.json: it is written, checked and read by the same rows.
 */
#ifndef PPGEN_STORE_SUBMISSION_INTERNAL_H
#define PPGEN_STORE_SUBMISSION_INTERNAL_H

#include "base/buf.h"
#include "store/submission.h"

#define SUBMISSION_FORMAT 1
#define NUMBERS_MAX       1000000u
#define SPREAD_MAX        86400u /* seconds */

enum member_type {
	MEMBER_UNSIGNED,
	MEMBER_U64,
	MEMBER_U64_OR_0, /* 0 where it is absent: earlier versions did not write it */
	MEMBER_BOOL,
	MEMBER_TEXT,
	MEMBER_TEXT_OR_NULL
};

struct member {
	const char *key;
	enum member_type type;
	size_t offset; /* into the struct that it belongs to */
	uint64_t least, most;
};

struct member_table {
	const struct member *rows;
	size_t n;
};
extern const struct member_table submission_members, array_members, resource_members;

static inline void *member_place(const struct member *m, void *base)
{
	return (char *)base + m->offset;
}

static inline const void *member_value(const struct member *m, const void *base)
{
	return (const char *)base + m->offset;
}

/* Whether the parts fit each other: "array 2: its 'chunks' are not ...". */
int submission_check(const struct submission *s, struct err *e);
/* submission.json, whole; everything is checked first. */
int submission_put(const struct submission *s, struct buf *b, struct err *e);

/* What job-N.json, released.json and ended.json say, where they are there. */
int submission_read_events(struct submission *s, struct err *e);
/* The text of a value, in the arena; NULL when it is no string, or holds a NUL. */
const char *submission_text(struct submission *s, struct json v);

/* Writes a file of a draft, and syncs it. */
int submission_write(const char *path, const void *p, size_t n, struct err *e);
/* "it has version 3, but ..." */
int submission_newer(uint64_t version, int known, struct err *e);

#endif
