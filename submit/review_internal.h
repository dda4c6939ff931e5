/* SPDX-License-Identifier: MIT */
/* What review.c (deciding) and review_past.c (reading journals) share. */
#ifndef PPGEN_SUBMIT_REVIEW_INTERNAL_H
#define PPGEN_SUBMIT_REVIEW_INTERNAL_H

#include "store/claim.h"
#include "store/record.h"
#include "submit/review.h"

/* A task without a good result. */
struct lacking {
	uint64_t index;
	const struct task_run *past; /* before this submission */
	unsigned attempt;            /* the highest of this submission; 0: none was started */
	unsigned tries, lost;        /* in all */
	uint32_t cut_by; /* the writer, from 1, that cut it off last: it may have gone on itself */
	uint16_t ooms, timeouts; /* of this submission */
	uint8_t cause;           /* enum outcome, of that attempt; OUTCOME_NONE: not started */
	bool shared;             /* an oom of the element that may be another task's */
	bool checkpointed;
};

struct case_file {
	const char *rundir;
	const struct plan *plan;
	const struct submission *s;
	const struct job_view *jobs; /* NULL: nothing is known */
	struct task_list *lists;     /* one an array */
	struct lacking *tasks;       /* by index */
	size_t n, cap;
	bool started;    /* at least one attempt of any task */
	bool nodes_lost; /* by the scheduler's word */
	bool cancelled;  /* elements, by somebody */
	bool told;       /* elements, to end, by whom nobody knows */
	bool stopped;    /* too many failures */
	struct review *out;
};

/* Reads the journals of all elements, and counts these. */
int review_read(struct case_file *c, struct err *e);

#endif
