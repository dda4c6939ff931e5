/* SPDX-License-Identifier: MIT */
/* Between template_front*.c only: reading the facts of a template. */
#ifndef PPGEN_GEN_TEMPLATE_FRONT_H
#define PPGEN_GEN_TEMPLATE_FRONT_H

#include "gen/spec_internal.h"
#include "gen/template_internal.h"

/* The reader of the spec asks for values and complains; this is what it reads into. */
struct front {
	struct reader r;
	struct template *t;
};

/* A fact that must be there; NULL when it is not, which is said. where: "" or "submit". */
const struct node *front_fact(struct front *f, const struct node *map, const char *where,
			      const char *key);
void front_text(struct front *f, const struct node *map, const char *where, const char *key,
		const char **out);
/* A pattern, and the groups that it must have (ending with NULL). NULL: it is wrong. */
struct pattern *front_pattern(struct front *f, const struct node *n, const char *what,
			      const char *const *groups);

/* template_front_run.c: what is run and what is read from it. */
void front_detect(struct front *f, const struct node *root);
void front_submit(struct front *f, const struct node *root);
void front_release(struct front *f, const struct node *root); /* and cancel */
void front_asks(struct front *f, const struct node *root);    /* and find */
void front_states(struct front *f, const struct node *root);
void front_limits(struct front *f, const struct node *root);

#endif
