/* SPDX-License-Identifier: MIT */
/* What pool_call.c and pool_lane.c share: what is the same for all interpreters of a pool. */
#ifndef PPGEN_RUN_POOL_CALLS_H
#define PPGEN_RUN_POOL_CALLS_H

#include "run/pool_internal.h"

#define DEATHS_MAX 3   /* of interpreters in turn that had begun no call */
#define CLOSED_S   1.0 /* that one may live which can answer no more: it may be about to end */

#define CALLS_AHEAD 256 /* calls of a lane at most */

/* An interpreter that forks, for tasks of equal resources. */
struct zygote {
	struct interp *interp; /* NULL: it is gone */
	int log_fd;            /* what it prints itself */
	bool ready, gone;
	int status; /* how it went */
	uint64_t cpus, memory;
	char *gpus;
	char code[CODE_HEX];
};

struct calls {
	struct zygote *zygotes;
	size_t n_zygotes, cap_zygotes;
	struct call_maker *maker;
	int program_fd;  /* what interpreters run */
	struct buf open; /* the first line that each gets */
	struct buf line, wants;
	struct buf packet;     /* lines that are sent at one go */
	bool shares;           /* each interpreter gets a page of memory that we share */
	bool scratch, keep;    /* tasks need these folders */
	bool opened;           /* some interpreter has loaded the function */
	unsigned opening;      /* how many have not loaded it yet, */
	unsigned loading;      /* and how many of these do */
	unsigned edits;        /* of code that changed while it was loaded, in turn: */
	char edited[CODE_HEX]; /* to this */
	unsigned deaths;       /* of interpreters in turn that had begun no call */
	char *folder;          /* for large values */
};

/* pool_call.c. The first call of a lane that is ready: the slot's job. -1: the pool cannot go on */
int call_send_first(struct pool *p, struct slot *s);

/* The request of one job, into calls.line. 1: it has a fault of its own, p->why. */
int call_put_request(struct pool *p, const struct job *job, uint64_t seq);
/* The folders of the job whose request was made last. The same; -1: the pool cannot go on. */
int call_make_folders(struct pool *p, struct slot *s);

/* Sends calls.line. */
void call_send_line(struct pool *p, struct lane *l);

/* pool_ahead.c */
struct call *call_at(const struct lane *l, size_t k);
void call_add(struct lane *l, struct job *job);
/* The number of the slot's own call. */
uint64_t call_first(const struct lane *l);
/* A call that the interpreter had read, and did not begin since it was taken back. */
void call_came_back(struct pool *p, struct slot *s, uint64_t seq);
/* Of an interpreter that is gone: it had not begun the slot's own call. */
bool call_is_unread(const struct slot *s);

/* pool_lane.c. What the function wants: what the hello said, in calls.wants. */
void lane_read_wants(struct pool *p);
/* Tells one that was started to load the function: now, or another time. */
void lane_load(struct pool *p, struct lane *l);
/* None can be started, as p->why says, for this errno: -1. */
int lane_unstarted(struct pool *p, int number);
/* The code was edited while it was loaded. -1: it always is. */
int lane_edited(struct pool *p);
/* "signal 11 (Segmentation fault)", "exit code 3". */
void lane_put_end(struct buf *b, int status);
/* Fills in what all interpreters of this pool are started with, for the slot's job. 1: p->why. */
int lane_prepare(struct pool *p, const struct slot *s, struct interp_start *w);

/* pool_answer.c: the same. Hears all that came from one, and how it went */
int answer_hear(struct pool *p, struct slot *s);
/* Records that the call which goes on has begun. */
int answer_begun(struct pool *p, struct slot *s);

#endif
