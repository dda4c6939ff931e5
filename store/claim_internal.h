/* SPDX-License-Identifier: MIT */
/*
 * What claim.c (taking and giving back), claim_names.c (the folder and its files) and
 * claim_requeue.c (what an earlier self held) share.
 */
#ifndef PPGEN_STORE_CLAIM_INTERNAL_H
#define PPGEN_STORE_CLAIM_INTERNAL_H

#include "base/buf.h"
#include "store/claim.h"

/* ---- names ---- */

enum claim_kind { CLAIM_CHUNK, CLAIM_FREE, CLAIM_ELEMENT };

struct claim_name {
	enum claim_kind kind;
	unsigned array;
	uint64_t number;     /* of the chunk, or the element */
	unsigned generation; /* or run */
};

#define CLAIM_NAME_MAX 64
void claim_name_put(char out[CLAIM_NAME_MAX], const struct claim_name *n);
/* False for a name that claim_name_put would not write: a foreign file. */
bool claim_name_parse(const char *text, struct claim_name *n);

char *claim_folder(const char *rundir, unsigned submission);
char *claim_path(const char *folder, const struct claim_name *n);
/* Calls fn for every name of ours in the folder. -1: it cannot be read. No folder: no names. */
int claim_folder_read(const char *folder, void (*fn)(void *arg, const struct claim_name *n),
		      void *arg, struct err *e);

/* ---- files ---- */

/* Makes a file that must be new, with a text: 0, 1 it is there already, -1. */
int claim_create(const char *path, const struct buf *text, bool sync, struct err *e);
/* The writer that a claim's or an element's file names; NULL: it is not there, torn, or cannot be
 * read. The caller frees. */
char *claim_writer(const char *folder, const struct claim_name *n);

/* ---- the claims of one element ---- */

struct chunk_state {
	unsigned generation; /* the highest that is known; 0: nobody has taken it */
	unsigned held;       /* the generation that we took; 0: none */
	bool freed;          /* that generation was freed */
	bool mine;           /* an earlier self of this element holds it: it is to be taken over */
	bool shut;           /* some claim of it is nobody's: left to the finaliser */
};

struct claims {
	char *rundir, *folder;
	unsigned submission, array, run;
	uint64_t element, elements, chunks;
	struct journal *journal;
	struct chunk_state *states; /* one a chunk */
	uint64_t share;             /* the next chunk of our own share */
	uint64_t mine;              /* how many are marked so */
	uint64_t chance;            /* state of the generator */
	bool listed;                /* the folder was read, ever */
};

/* Reads the folder into the states. */
int claims_list(struct claims *c, struct err *e);
/* Marks what earlier selves of this element held to their end. */
int claims_inherit(struct claims *c, struct err *e);

#endif
