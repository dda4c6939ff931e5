/* SPDX-License-Identifier: MIT */
/* The parts of `ppgen submit`: submit.c has the steps, submit_living.c what is done where a
 * submission lives, submit_emit.c what is shown or written instead of submitting. */
#ifndef PPGEN_CMD_SUBMIT_SESSION_H
#define PPGEN_CMD_SUBMIT_SESSION_H

#include "cmd/round.h"
#include "cmd/run_session.h"

struct submit_values {
	struct run_values run; /* first: the options that both commands have */
	const char *template, *emit;
	bool no_finalise, no_test;
};

struct submit_session {
	struct session s;
	const struct submit_values *o;
	struct site *site;
	struct template *template;
	char *template_why; /* why this template, for people */
	const char **extra; /* behind "--" */
	size_t n_extra;
	struct submit_class *classes;
	size_t n_classes;
	char **environment; /* of ours, what is passed on; NULL: the site wants the node's */
};

/*
 * What lives in the run directory: 0: nothing does (any more), go on; 1: something was done about
 * it and *code is the exit code; -1. A submission that was cut off while it was handed over is
 * completed, one whose jobs are all gone is finished; one that is under way is refused and named.
 */
int submit_settle_living(struct submit_session *x, int *code, struct err *e);

/* What would be submitted: classes, shapes, scripts, commands. */
int submit_dry_run(struct submit_session *x, struct submit_request *q, struct err *e);
/* Writes the scripts of a published submission and submit.sh into the folder. */
int submit_emit(const struct submit_session *x, const struct submit_request *q,
		const struct submission *s, struct err *e);

/* "ising-k3f9a1c2-1: 200 tasks (1 cpu, 2G each) in 10 elements, 4 at a time in each, of 2h 00m" */
void put_array(struct buf *b, const struct submission_array *a);

#endif
