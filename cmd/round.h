/* SPDX-License-Identifier: MIT */
/*
 * A submission as commands work with it: with the plan, the template and the site that it was made
 * by. A round is one submission; the rounds that retries make follow one another in a chain.
 */
#ifndef PPGEN_CMD_ROUND_H
#define PPGEN_CMD_ROUND_H

#include "cmd/cmd.h"
#include "gen/site.h"
#include "gen/template.h"
#include "store/claim.h"
#include "store/rundir.h"
#include "store/submission.h"
#include "submit/review.h"
#include "submit/scheduler.h"
#include "submit/submitter.h"

struct round {
	char *rundir;
	struct submission sub;
	struct plan *plan; /* the submission's, whatever came later */
	struct template *template;
	struct site *site;
	const char **extra; /* what the user gave behind "--" */
	size_t n_extra;
	char **environment; /* for the next round: see round_find_environment; NULL: not looked for,
			       or the node's */
	bool unattended;    /* nobody is there who could be told: the finaliser */
	bool by_hand;       /* its scripts were emitted */
	unsigned patience;  /* as of struct submit_request, for the next round; 0 */
};

/* Loads a submission and what it was made by. -1: also when one of its files is damaged. */
int round_load(const char *rundir, unsigned number, struct round *out, struct err *e);
void round_free(struct round *r);

/* For submit_complete and the next round; classes are the caller's to fill in. program: this very
 * ppgen. */
struct submit_request round_request(const struct round *r);

/* Elements by what they do, from claims, journals and (where view is not NULL) the scheduler's
 * word. */
struct elements {
	uint64_t total, queued, running, done, vanished;
	uint64_t first_start_ms; /* 0: none has begun */
};
int elements_count(const struct round *r, const struct scan *s, const struct job_view *view,
		   struct elements *out, struct err *e);

/* Whether all of its jobs are known to be handed over. */
bool round_submitted(const struct round *r);

/* Whether the scheduler still has something of it (queued, held, running, stuck); of the finaliser
 * only where that is asked for. */
bool round_has_jobs(const struct round *r, const struct job_view *view, bool with_finaliser);

/*
 * When nothing of it runs any more: reviews what became of it, and either makes and hands over the
 * next round (*next is its number), or collects when all tasks of the plan are good; then ends it.
 * Says what it does on stderr. Returns the exit code (EXIT_GOOD: all tasks that the chain was
 * submitted for are good; EXIT_TASKS: some are not, or another round follows; EXIT_SYSTEM: the
 * tables could not be written), or -1. The run directory must be held.
 */
int round_finish(struct round *r, const struct job_view *view, unsigned *next, struct err *e);

/*
 * Holds the run directory (1: refused). Where a finaliser on another machine seems to hold it, the
 * scheduler is asked whether that job lives. job: we are the finaliser of submission `as`, begun
 * again perhaps, with this id; NULL: we are none.
 */
int round_hold(const char *rundir, bool take_over, unsigned as, const char *job, struct hold **out,
	       struct err *e);

/* Ends those of its chain before it that a crash kept from being ended. */
int round_end_earlier(const struct round *r, struct err *e);
/* Goes on with handing it over, where a crash came between; and ends those that it follows.
 * untested: as of struct submit_request. */
int round_resume(struct round *r, bool untested, struct err *e);

/* Publishes and hands over: *number is the new submission's. Drafts again where somebody took its
 * number. */
int round_begin(struct submit_request *request, struct submission *out, struct err *e);

/* "jobs 4711, 4712, finaliser 4713" */
void put_ids(struct buf *b, const struct submission *s);
/* "submission 0001 (job 4711, finaliser 4712), 10 elements: 3 running, 2 queued", for status and
 * wait. */
void put_elements(struct buf *b, const struct round *r, const struct elements *x,
		  const struct job_view *view);

/*
 * The environment that the next round runs in: that of the whole chain. Where it cannot be read (it
 * belongs to another user), somebody who submits is told that it is his own instead; nobody being
 * there, it is an error.
 */
int round_find_environment(struct round *r, struct err *e);

/* The path of this program. NULL: it cannot be told. */
const char *program_path(void);

#endif
