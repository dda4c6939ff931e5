/* SPDX-License-Identifier: MIT */
/* Between site*.c only: a site file, read and checked. All of it lives in one arena. */
#ifndef PPGEN_GEN_SITE_INTERNAL_H
#define PPGEN_GEN_SITE_INTERNAL_H

#include "gen/site.h"
#include "gen/spec_internal.h"

#define SITE_NONE             "none" /* the name of no site at all */
#define SITE_ENVIRONMENT_NODE "node"
#define START_SPREAD_S        10 /* where the site says nothing */
#define START_SPREAD_MAX      86400

struct site_option {
	const char *name, *value;
	struct pos pos;
};

/* What is said in one place: of the site, of one `when`, of the finaliser. */
struct site_block {
	struct expr *when; /* NULL: always */
	struct pos pos;
	struct site_text text[SITE_KEY_COUNT];
	const char *const *directives;
	size_t n_directives;
	const char *directives_origin; /* NULL: not said */
	struct site_option *options;
	size_t n_options;
	struct shape_wish wish;
};

struct site_def {
	const char *name;
	const struct node *node; /* NULL: nothing is said */
	const char **hosts;
	size_t n_hosts;
	struct site_text scheduler, template, runs, scratch, setup, environment, start_spread;
	uint64_t spread_s; /* where start_spread is said */
	struct pos template_pos, runs_pos;
	const char *const *launch;
	struct site_block plain, finaliser, *whens;
	size_t n_whens;
	bool no_finaliser;
	struct resources job;              /* of the finaliser: what `set` names */
	uint64_t most_time, most_elements; /* 0: no limit */
	const char *time_origin, *elements_origin;
};

struct site {
	struct arena *arena;
	const char *file;   /* NULL: none was read */
	const char *source; /* its bytes, NULL where there is no file */
	size_t source_len;
	const struct node *root; /* NULL: nothing is said in it */
	struct site_def *defs;
	size_t n_defs;
	const char **names;
	const struct site_def *def; /* the chosen one; never NULL */
	const char *chosen;
	struct site_text scheduler, runs; /* with variables filled in */
};

/* What a condition may name: values of a class of tasks. */
enum when_name {
	WHEN_CPUS,
	WHEN_MEMORY,
	WHEN_TIME,
	WHEN_GPUS,
	WHEN_NODES,
	WHEN_RANKS,
	WHEN_GPU_TYPE,
	WHEN_CONSTRAINT,
	WHEN_COUNT
};
extern const char *const when_names[WHEN_COUNT];
/* 1 it holds, 0, -1 it cannot be told. */
int site_when(const struct site_block *b, const struct resources *res, struct err *e);

/* site_keys.c */
extern const struct key site_keys[];
const char *site_advice(const char *path, const char *name);

/* site_read.c: the sites of the tree that r->root is; complaints are in r->d. */
void site_read(struct reader *r, struct site *s);
/* "sites.yaml:12", in a. */
const char *site_origin(struct arena *a, const struct node *n);

#endif
