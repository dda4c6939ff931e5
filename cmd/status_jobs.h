/* SPDX-License-Identifier: MIT */
/* The part of `ppgen status` that tells of the latest submission. */
#ifndef PPGEN_CMD_STATUS_JOBS_H
#define PPGEN_CMD_STATUS_JOBS_H

#include "cmd/cmd.h"
#include "cmd/round.h"

struct jobs_status;

/* Reads the latest submission, and asks the scheduler where the last answer is older than a minute.
 * *out is NULL where nothing was submitted. */
int jobs_status_find(const struct place *at, const struct scan *s, struct jobs_status **out,
		     struct err *e);
void jobs_status_free(struct jobs_status *j); /* accepts NULL */

void put_jobs(struct buf *b, const struct jobs_status *j);
/* What the scheduler keeps back until somebody acts, a line each, and what to do. False: nothing
 * is. */
bool put_stuck(struct buf *b, const struct round *r, const struct job_view *view,
	       const char *named);
/* "submission 0001 ended: failed: why", and where to go from here. */
void put_ended(struct buf *b, const struct submission *s, const char *named);
void put_jobs_json(struct buf *b, const struct jobs_status *j); /* an object, or null for NULL */

#endif
