/* SPDX-License-Identifier: MIT */
/* The part of `ppgen status` that tells of the latest submission. */
#ifndef PPGEN_CMD_STATUS_JOBS_H
#define PPGEN_CMD_STATUS_JOBS_H

#include "cmd/cmd.h"

struct jobs_status;

/* Reads the latest submission, and asks the scheduler where the last answer is older than a minute.
 * *out is NULL where nothing was submitted. */
int jobs_status_find(const struct place *at, const struct scan *s, struct jobs_status **out,
		     struct err *e);
void jobs_status_free(struct jobs_status *j); /* accepts NULL */

void put_jobs(struct buf *b, const struct jobs_status *j);
void put_jobs_json(struct buf *b, const struct jobs_status *j); /* an object, or null for NULL */

#endif
