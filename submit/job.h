/* SPDX-License-Identifier: MIT */
/* The values of one job, for its script and for the command that submits it. */
#ifndef PPGEN_SUBMIT_JOB_H
#define PPGEN_SUBMIT_JOB_H

#include "gen/site.h"
#include "gen/template.h"
#include "submit/submitter.h"

/* Memory that an element needs beside its tasks': ppgen itself, setup, the shell. */
#define JOB_MEMORY_OWN (UINT64_C(64) << 20)

/* Those of array k (from 0) of a drafted submission. Texts go into s->arena. -1: the site's
 * settings do not fit the template. */
int job_of_array(const struct submit_request *r, const struct submission *s, size_t k,
		 struct job_values *out, struct err *e);
/* Those of the finaliser. */
int job_of_finaliser(const struct submit_request *r, const struct submission *s,
		     struct job_values *out, struct err *e);

/* Where the submission's folder will be, or is: in s->arena. */
const char *submission_home(const char *rundir, const struct submission *s);

#endif
