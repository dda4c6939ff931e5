/* SPDX-License-Identifier: MIT */
/* The parts of `ppgen run`: run.c has the steps, run_choose.c what is to be done, run_say.c what
 * people are told. */
#ifndef PPGEN_CMD_RUN_SESSION_H
#define PPGEN_CMD_RUN_SESSION_H

#include "cmd/cmd.h"
#include "run/capacity.h"
#include "run/pool.h"

struct run_values {
	struct common common;
	bool dry, force, take_over, quiet;
	uint64_t jobs, first;
	const char *only, *stale;
	struct opt_texts tasks;
};

/* What one `ppgen run` holds. */
struct session {
	const struct run_values *o;
	struct place at;
	struct plan *plan;
	bool published;
	struct hold *hold;
	struct scan scan;
	bool scanned;
	struct selection sel;    /* what the options mean */
	struct selection todo;   /* of these, what has work to do */
	struct selection unread; /* and what was good until `results:` changed */
	uint64_t good;           /* selected and good already */
	uint64_t next;           /* the source's place */
	uint64_t given;          /* how many tasks the source has given */
	bool failed_turn;        /* what has never failed was given; now what has */
	int guard_fd;
	int argc;
	char **argv;
};

/* Folds the journals (again) for the plan as it is now. */
int session_scan(struct session *s, struct err *e);
/* Results by older code: asks, or does what --stale says and remembers it in a draft plan. */
int session_settle(struct session *s, struct err *e);
/* What is selected, and what of it has work to do. */
int session_choose(struct session *s, struct err *e);
/* The pool's source. */
int session_next(void *session, uint64_t *index, unsigned *attempt, unsigned *upto, struct err *e);
/* Whether any of these has no good result. */
bool session_any_bad(const struct session *s, const struct selection *of);

void say_begin(const struct session *s, const struct capacity *c);
void say_unread(struct session *s);
int say_dry_run(struct session *s, const struct capacity *c, struct err *e);
void say_end(struct session *s, const struct pool_summary *sum, double seconds, bool bad);

#endif
