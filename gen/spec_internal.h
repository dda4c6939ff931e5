/* SPDX-License-Identifier: MIT */
/* Between spec*.c only: the reader of a spec, and how its parts ask for values and complain. */
#ifndef PPGEN_GEN_SPEC_INTERNAL_H
#define PPGEN_GEN_SPEC_INTERNAL_H

#include "base/buf.h"
#include "gen/spec.h"

/* A column that a result is known to give. */
struct column {
	const char *name;
	const char *source; /* "stdout", "stderr", "log" */
};

struct key;

struct reader {
	struct spec *s;
	struct arena *a;
	struct diags *d;
	const struct spec_options *o;
	const struct node *root;
	const char **sets; /* those of s */
	/* The table that keys are checked against, and what to tell who writes another one (NULL:
	 * nothing special). */
	const struct key *keys;
	const char *(*advice)(const char *path, const char *name);
	/*
	 * The parameters' names. When the parameters are wrong, they are guessed from what is
	 * written, so that the rest can be checked; where that cannot be (a table's columns),
	 * names_open says to compile nothing.
	 */
	const char *const *names;
	size_t n_names;
	size_t n_extra; /* how many of them, at the end, are names of inputs */
	bool names_open;
	struct column *columns;
	size_t n_columns, columns_cap;
	bool top_unknown;  /* a key at the top is unknown: what is missing may be what it was meant
			      to be */
	bool columns_open; /* some result gives columns that are known only when it is read */
};

#define COMPLAIN(r, n, ...) diag_error((r)->d, (n)->origin, (n)->line, (n)->col, __VA_ARGS__)
#define WARN(r, n, ...)     diag_warn((r)->d, (n)->origin, (n)->line, (n)->col, __VA_ARGS__)

/*
 * spec_check.c: complains of every key of `map` that the table does not have under `path` ("" at
 * the top, "resources", "collect[]"), and of those that are not yet supported. `shown` is what
 * messages call the place.
 */
int keys_check(struct reader *r, const struct node *map, const char *path, const char *shown);

/*
 * spec_ask.c: each complains of what it finds and then returns false, NULL or -1. `what` names the
 * key; "collect[]" stands for each item of it. complain_must says "'what' must be MUST, not ..."
 * and returns -1.
 */
const char *shown(struct reader *r, const char *text,
		  size_t len); /* fit for a message: one line, cut */
int complain_must(struct reader *r, const struct node *n, const char *what, const char *must);
bool ask_map(struct reader *r, const struct node *n, const char *what);
bool ask_list(struct reader *r, const struct node *n, const char *what);
bool ask_text(struct reader *r, const struct node *n,
	      const char *what); /* a scalar that is not null */
int ask_count(struct reader *r, const struct node *n, const char *what, uint64_t least,
	      uint64_t most, uint64_t *out);
/* Text in somebody else's words: one line, without control characters, not empty. */
int ask_line(struct reader *r, const struct node *n, const char *what, const char **out);
int ask_size(struct reader *r, const struct node *n, const char *what, uint64_t *out);
int ask_duration(struct reader *r, const struct node *n, const char *what, uint64_t *out);
bool ask_true(struct reader *r, const struct node *n, const char *what, bool *out);
struct ptext *ask_ptext(struct reader *r, const struct node *n, const char *what,
			unsigned specials);
int ask_words(struct reader *r, const struct node *n, const char *what, unsigned specials,
	      struct words *out);
/* Words without placeholders. */
int ask_constant_words(struct reader *r, const struct node *n, const char *what, struct words *out);
const struct expr *ask_expr(struct reader *r, const struct node *n, const char *what);
/* One of a list of words. Its index, or -1. */
int ask_choice(struct reader *r, const struct node *n, const char *what, const char *const *choices,
	       size_t n_choices);
/* A parameter's name. Its index, or -1. */
int ask_name(struct reader *r, const struct node *n, const char *what);
void warn_cut(struct reader *r, const struct node *n); /* a command that " #" may have cut */
bool is_identifier(const char *s);
const struct node *key_node(const struct node *map,
			    const char *key); /* where the key itself stands */
/* Complains at byte `at` of a scalar's text. Returns -1. */
int complain_at(struct reader *r, const struct node *n, size_t at, const char *text);

/* The parts of a spec, each with its own keys. Complaints are in r->d. */
void read_start(struct reader *r); /* command, shell, env, setup, workdir, inputs */
void read_function(struct reader *r, const struct node *n, const struct language *l);
void check_function(struct reader *r); /* of read_start, at its end */
void read_resources(struct reader *r); /* resources, overrides, retry, max_failures */
void read_submit(struct reader *r);    /* checkpoint, submit; after read_start and read_resources */
void read_results(struct reader *r);
void read_collect(struct reader *r); /* after read_results */

bool name_is_reserved_column(const char *name);

enum {
	KEY_SHOWN = 1, /* a row of `plan` */
	KEY_LATER = 2, /* known, and not yet supported */
};

/* The step of a path that stands for every language's name. */
#define KEY_LANGUAGE "@"

/* The table of keys, for spec_settings. Rows end with a NULL path. */
struct key {
	const char *path; /* '*' stands for a name of the user's, "[]" for each item of a list */
	const char *type;
	const char *fallback; /* the default, as people read it; NULL: none */
	const char *help;
	unsigned flags;
};
extern const struct key spec_keys[];
const char *spec_advice(const char *path, const char *name); /* spec_habits.c */

/* A node as flow-style text on one line, without what is secret in urls. */
void node_put_flow(struct buf *b, const struct node *n, size_t most);

#endif
