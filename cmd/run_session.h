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
	bool dry, force, take_over, quiet, json, together, no_collect;
	uint64_t jobs, first;
	const char *only, *index, *stale;
	struct opt_texts tasks;
};

/* clang-format off */
#define RUN_SELECTION \
	{ 0, "task", OPT_TEXTS, offsetof(struct run_values, tasks), "TASK", \
	  "only this task: an index, an id's beginning, or T=2.5,L=64; may be repeated", NULL, 0 }, \
	{ 0, "only", OPT_TEXT, offsetof(struct run_values, only), "EXPR", \
	  "only tasks for which EXPR holds, as in `where:`", NULL, 0 }, \
	{ 0, "index", OPT_TEXT, offsetof(struct run_values, index), "A-B", \
	  "only the tasks with the indexes A to B", NULL, 0 }, \
	{ 0, "first", OPT_COUNT, offsetof(struct run_values, first), "N", \
	  "only the first N tasks that have work to do", NULL, 1 }, \
	{ 0, "force", OPT_FLAG, offsetof(struct run_values, force), NULL, \
	  "run tasks again that have a good result; the new one counts once it is good", NULL, 0 }, \
	{ 0, "stale", OPT_CHOICE, offsetof(struct run_values, stale), "WHAT", \
	  "what to do with results that older code made: keep or rerun (remembered)", "keep|rerun", 0 }, \
	{ 0, "take-over", OPT_FLAG, offsetof(struct run_values, take_over), NULL, \
	  "go on although a run on another machine seems to hold the run directory", NULL, 0 }, \
	{ 'q', "quiet", OPT_FLAG, offsetof(struct run_values, quiet), NULL, \
	  "say nothing but failures, and nothing at all when all is good", NULL, 0 }
/* clang-format on */

/* What one `ppgen run` or `ppgen submit` holds. */
struct session {
	const struct run_values *o;
	struct place at;
	struct plan *plan;
	bool published;
	const char *const *launch; /* what {launch} stands for in what is shown; NULL: mpiexec */
	struct hold *hold;
	struct scan scan;
	bool scanned;
	struct selection sel;      /* what the options mean */
	struct selection todo;     /* of these, what has work to do */
	struct selection unread;   /* and what was good until `results:` changed */
	uint64_t good;             /* selected and good already */
	uint64_t next;             /* the source's place */
	uint64_t given;            /* how many tasks the source has given */
	bool failed_turn;          /* what has never failed was given; now what has */
	struct pool_summary sum;   /* of `ppgen run` */
	struct run_events *events; /* of --json; NULL: none */
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

/* Fetches what inputs name by url. */
int session_fetch(const struct session *s, struct err *e);
/* When all of the plan is good, merges it, whatever was selected. */
int session_collect(struct session *s, struct err *e);
void session_free(struct session *s);

void say_begin(const struct session *s, const struct capacity *c);
void say_unread(struct session *s);
/* How the first tasks to do are started. */
int put_samples(struct buf *b, struct session *s, struct err *e);
int say_dry_run(struct session *s, const struct capacity *c, struct err *e);
void say_end(struct session *s, const struct pool_summary *sum, double seconds, bool bad);

#endif
