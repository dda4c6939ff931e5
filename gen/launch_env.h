/* SPDX-License-Identifier: MIT */
/*
 * Private to launch*.c and task.c: an environment in the making. A name that is set again takes the
 * place of what was there.
 */
#ifndef PPGEN_GEN_LAUNCH_ENV_H
#define PPGEN_GEN_LAUNCH_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "gen/spec.h"

struct launch_var {
	const char *borrowed; /* "K=V" of the base; NULL: at `offset` in the text */
	size_t offset, name_len;
	uint32_t hash;
	bool shown; /* worth showing to people */
};

struct launch_env {
	struct launch_var *vars;
	size_t n, cap;
	uint32_t *slots; /* number plus 1, found by the name's hash; 0: free */
	size_t n_slots;
	struct { /* what all this was right after the base went in: tasks differ in the rest only */
		const char **base;
		size_t n_base;
		struct launch_var *vars;
		size_t n;
		uint32_t *slots;
		size_t n_slots;
	} start;
};

/* The words of {launch} for one task, and the line of them that a shell would take; none where the
 * task has no ranks. */
struct launcher {
	struct buf words; /* n of them, each with its NUL */
	size_t n;
	struct buf line;
};

/* What a struct launch keeps from one task to the next. */
struct launch_work {
	struct launch_env env;
	size_t *words; /* argv as offsets in the text */
	size_t n_words, cap;
	size_t workdir; /* an offset */
	struct buf scratch, keep, item;
	struct launcher launcher;
	struct value *values; /* of the parameters, then the inputs' paths, which lie in `paths` */
	size_t cap_values;
	struct buf paths;
	const struct spec *spec;
};

/* launch_mpi.c: fills in what a task was given. words: as in struct launch_place; NULL: mpiexec. */
int launcher_fill(struct launcher *l, const char *const *words, const struct resources *res,
		  struct err *e);
void launcher_free(struct launcher *l);

/* Begins with the variables of base (may be NULL), whose strings must not change between calls. */
void launch_env_start(struct launch_env *env, const char *const *base);
void launch_env_free(struct launch_env *env);

/* Begins a variable: appends "NAME=" to text; the caller appends its value and a NUL. */
void launch_env_begin(struct launch_env *env, struct buf *text, const char *name, bool shown);
/* The same for a name that stands at `from` in the text; appends the "=". */
void launch_env_named(struct launch_env *env, struct buf *text, size_t from, bool shown);

bool launch_env_has(const struct launch_env *env, const struct buf *text, const char *name);
bool launch_env_shown(const struct launch_env *env, size_t k);

/* Fills envp (n + 1 places) once the text has its final place. */
void launch_env_point(const struct launch_env *env, const struct buf *text, char **envp);

#endif
