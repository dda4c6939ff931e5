/* SPDX-License-Identifier: MIT */
/* Between template*.c only: texts with {{...}} in them, and what is behind a struct template. */
#ifndef PPGEN_GEN_TEMPLATE_INTERNAL_H
#define PPGEN_GEN_TEMPLATE_INTERNAL_H

#include <regex.h>

#include "base/mem.h"
#include "gen/template.h"

/* What a placeholder may name beside the values. */
enum { NAME_HOLD = JOB_VALUE_COUNT, NAME_AFTER, NAME_OPTION };

enum filter_kind {
	FILTER_ABOVE, /* :N a number that is not more than N is not set */
	FILTER_DHMS,  /* seconds: d-hh:mm:ss */
	FILTER_GIB,   /* bytes, rounded up */
	FILTER_HMS,   /* seconds: h:mm:ss */
	FILTER_IF,    /* nothing; only whether it is set counts */
	FILTER_JOIN,  /* :TEXT a list as one text */
	FILTER_KIB,
	FILTER_MIB,
	FILTER_MIN,    /* seconds: minutes, rounded up */
	FILTER_OR,     /* :TEXT what stands there when it is not set */
	FILTER_PLAIN,  /* not set when it has unusual characters */
	FILTER_Q,      /* a word for a shell */
	FILTER_UNLESS, /* the opposite of if */
	FILTER_COUNT
};
extern const char *const filter_names[FILTER_COUNT];

struct filter {
	enum filter_kind kind;
	const char *arg; /* what stands behind the colon; NULL: nothing */
	uint64_t number; /* of above */
};

/* A part of a text: literal, or a placeholder. */
struct piece {
	const char *text; /* of a literal; else NULL */
	size_t len;
	int name;      /* an enum job_value, or NAME_* */
	size_t option; /* which one, for NAME_OPTION */
	struct filter *filters;
	size_t n_filters;
	unsigned group; /* 0: outside of {? ?}; else which one, from 1 */
};

struct tmpl_text {
	struct piece *pieces;
	size_t n;
	unsigned groups;
	int line; /* in the template */
};

struct template_command {
	struct tmpl_text *words;
	size_t n;
};

/* A line of the body. */
struct body_line {
	struct tmpl_text text;
	bool directive; /* it begins as directives do */
};

struct template_private {
	struct arena *arena;
	const char *file; /* as messages name it */
	const char *text; /* the whole file */
	size_t len;
	struct body_line *body;
	size_t n_body;
	const char *directive;                    /* how directives begin: "#SBATCH" */
	const char *forbidden;                    /* what no other line may hold; NULL */
	struct pattern *detect, *no_go, **states; /* no_go: of `forbidden` */
	regex_t id;
	bool id_compiled;
	uint64_t named; /* values that the body or submit name, by bits */
};

#define VALUE_BIT(v) (UINT64_C(1) << (v))

/*
 * template_text.c: compiles a text without newlines. -1: what is wrong with it, at byte *at.
 * in_submit:
 * {{hold}} and {{after}} are known.
 */
int tmpl_text_compile(struct arena *a, const struct template *t, const char *text, size_t len,
		      bool in_submit, struct tmpl_text *out, size_t *at, struct err *e);
/* The list that is all of a text (without join); -1: it is no such text. */
int tmpl_text_list(const struct tmpl_text *t);
/* Whether only its being set counts: it ends in if or unless. */
bool piece_is_condition(const struct piece *p);
bool tmpl_text_has_names(const struct tmpl_text *t); /* any placeholder */
uint64_t tmpl_text_names(const struct tmpl_text *t); /* bits of values */

/* ---- template_fill.c: rendering ---- */

enum text_place { PLACE_WORD, PLACE_SHELL, PLACE_DIRECTIVE };

/* What became of the values in a rendering. */
struct rendering {
	const struct template *t;
	const struct job_values *v;
	bool hold, after;
	uint64_t used;    /* they are in what was rendered */
	uint64_t written; /* with their text, not as a condition only */
	struct drop {
		int line;               /* where a value was left out; 0: nowhere */
		const struct piece *by; /* for want of this one */
	} drops[JOB_VALUE_COUNT];
};

/* Appends. 1; 0: it is left out, for want of a value; -1. */
int tmpl_text_fill(struct rendering *r, const struct tmpl_text *t, enum text_place place,
		   struct buf *out, struct err *e);
/* "qos", "option 'pe'" */
void piece_put_name(struct buf *b, const struct template *t, const struct piece *p);
/* Words as template_words gives them, with what became of the values in r. */
int template_fill_words(struct rendering *r, const struct template_command *c, struct buf *out,
			size_t *n, struct err *e);

/* ---- template_front.c, template_body.c: reading a file; complaints are in d ---- */

/* `front` is a text from the file's first byte to the end of the front matter. */
void template_read_front(struct template *t, const char *front, size_t len, struct diags *d);
/* Lines from `first` (a number from 1) on. After template_read_front. */
void template_read_body(struct template *t, const char *body, size_t len, int first,
			struct diags *d);

/* ---- what is built in: made from templates/ when ppgen is built ---- */

struct template_builtin {
	const char *name, *text;
	size_t len;
};
extern const struct template_builtin template_builtins[]; /* sorted; ends with NULL */

#endif
