/* SPDX-License-Identifier: MIT */
/*
 * Submitting, in an order that survives a crash at any point: the record, the arrays held, the
 * finaliser, their ids, release. What a crash left is completed by the same function: jobs that
 * were submitted and not recorded are found by their names, which hold the tag.
 */
#ifndef PPGEN_SUBMIT_SUBMITTER_H
#define PPGEN_SUBMIT_SUBMITTER_H

#include <stdbool.h>

#include "gen/plan.h"
#include "gen/shape.h"
#include "gen/site.h"
#include "gen/template.h"
#include "store/submission.h"

/* Tasks of one array to be. */
struct submit_class {
	struct resources res; /* as retries have raised them */
	struct task_list tasks;
};

struct submit_request {
	const char *rundir; /* absolute */
	const struct plan *plan;
	const struct template *template;
	const struct site *site; /* settings by class, limits, finaliser */
	struct submit_class *classes;
	size_t n_classes;
	const char *const *extra; /* the user's words behind "--" */
	size_t n_extra;
	/* what workers are to run in, as of submission_env_passed; NULL: the node's own */
	const char *const *environment;
	bool finalises;
	bool by_hand;          /* --emit: somebody else submits the scripts */
	bool untested;         /* scheduler_test is not asked */
	unsigned chain, round; /* 0, 1: the first of a chain */
	const char *draft_in;  /* where drafts are made; NULL: in rundir */
	const char *program;   /* absolute */
	unsigned patience;     /* how often submit_complete tries again, half a minute later */
};

/*
 * Decides the shapes, drafts a submission with its scripts. Nothing is published. The caller drops
 * or publishes. shapes: n_classes, for people; the caller frees it.
 */
int submit_draft(const struct submit_request *r, struct submission *out, struct shape **shapes,
		 struct err *e);

/*
 * The commands that will be run, as lines for a shell, ids as "$id1" and so on: for --dry-run and
 * --emit's submit.sh. Those that are run by hand hold nothing back, so need no release; each is
 * followed by `record 1 "$id1"` or `record finalise "$idf"`, a function of the script's.
 */
int submit_put_commands(const struct submit_request *r, const struct submission *s, struct buf *out,
			struct err *e);

/*
 * Submits what of a published submission has not been submitted yet, records ids, releases. To be
 * called again after a crash, with `recover`: then the scheduler is first asked for jobs by their
 * names. r->classes is not looked at. -1: a system's fault leaves what was submitted held and
 * recorded; where the scheduler refused a job, the others are cancelled again and the submission is
 * ended ("refused"), unless the scheduler cannot be asked whether it took the job all the same.
 */
extern unsigned submit_pause_s; /* between two tries; changed by tests only */
int submit_complete(const struct submit_request *r, struct submission *s, bool recover,
		    struct err *e);

#endif
