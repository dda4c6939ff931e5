/* SPDX-License-Identifier: MIT */
/*
 * The fold's working state, shared by scan.c (its steps), scan_fold.c (a pass over the journals)
 * and scan_finish.c (what follows when all has been read).
 */
#ifndef PPGEN_STORE_SCAN_FOLD_H
#define PPGEN_STORE_SCAN_FOLD_H

#include "store/scan_internal.h"

/* What a code hash means for the plan. */
enum accept { ACCEPT_YES, ACCEPT_STALE, ACCEPT_RERUN };

struct fold {
	struct scan *s;
	const struct scan_options *o;
	struct id_index *ids; /* made when a record of another plan is met */
	struct point point;
	uint32_t file;       /* the one whose records are being taken; UINT32_MAX: none yet */
	bool checked;        /* of that file: an index was compared with its id */
	bool by_id;          /* of that file: its indexes cannot be trusted */
	bool again;          /* the second pass */
	char code[CODE_HEX]; /* the last hash that was asked for, where all tasks have one code */
	enum accept accept;
	struct open_table open;      /* of this file */
	size_t n_known;              /* voids that are sorted and heeded */
	uint64_t *from;              /* how far each file had been read before; NULL: not at all */
	struct open_start *was_open; /* then, sorted by file and offset */
	size_t n_was_open, cap_open;
	struct err *e;
};

/* Walks every journal. */
int fold_pass(struct fold *f);
/* The attempts of a task up to this number are void; once fold_voids has sorted them. */
unsigned fold_voided(const struct fold *f, uint64_t index);

/* What follows the first pass, in this order. */
int fold_voids(struct fold *f);
int fold_open(struct fold *f);
int fold_stale(struct fold *f);

#endif
