/* SPDX-License-Identifier: MIT */
/* Between template*.c only: what a template makes of values that are made up. */
#ifndef PPGEN_CMD_TEMPLATE_H
#define PPGEN_CMD_TEMPLATE_H

#include "base/mem.h"
#include "cmd/cmd.h"
#include "gen/template.h"

/* One job that nobody asked for. */
struct sample {
	struct job_values v;
	const char **options; /* as v.options; of the template, in its order */
	struct arena *arena;
};

/* What is always set. Texts live in s->arena, which is made here. */
void sample_new(struct sample *s, const struct template *t);
void sample_free(struct sample *s);
void sample_set(struct sample *s, enum job_value k, const char *text);
void sample_add(struct sample *s, enum job_value k, const char *item); /* to a list */
/* An array of 10 elements; an MPI task on two nodes. */
void sample_array(struct sample *s, const struct template *t);
void sample_mpi(struct sample *s);
/* Sets a wish to something that looks like it; false for what is no wish. */
bool sample_wish(struct sample *s, const struct template *t, enum job_value k);

/* Values from a YAML file: {name: text, ids: [list], options: {pe: smp}}. Complaints are in d. */
int sample_read(struct sample *s, const struct template *t, const char *path, struct diags *d);

/*
 * Every command of a template as lines "submit: sbatch ..." for a shell. Those that name something
 * that is not set are left out.
 */
int sample_put_commands(const struct sample *s, const struct template *t, struct buf *out,
			struct err *e);

/* `ppgen template check`; the exit code. */
int template_check(const char *name);

#endif
