/* SPDX-License-Identifier: MIT */
/* What pool_call.c and pool_lane.c share: what is the same for all interpreters of a pool. */
#ifndef PPGEN_RUN_POOL_CALLS_H
#define PPGEN_RUN_POOL_CALLS_H

#include "run/pool_internal.h"

struct calls {
	struct call_maker *maker;
	int program_fd;  /* what interpreters run */
	struct buf open; /* the first line that each gets */
	struct buf line, wants;
	bool scratch, keep; /* tasks need these folders */
	bool opened;        /* some interpreter has loaded the function */
	unsigned opening;   /* how many are loading it */
	unsigned deaths;    /* of interpreters in turn that had begun no call */
	char *folder;       /* for large values */
};

/* pool_call.c. The first call of a lane that is ready: the slot's job. -1: the pool cannot go on */
int call_send_first(struct pool *p, struct slot *s);

/* pool_answer.c: the same. Hears all that came from one, and how it went */
int answer_hear(struct pool *p, struct slot *s);
/* Records that the call which goes on has begun. */
int answer_begun(struct pool *p, struct slot *s);

#endif
