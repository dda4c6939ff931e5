/* SPDX-License-Identifier: MIT */
/* What the commands share: finding the run that is meant, its plan, the tasks that are meant, and
 * saying what went wrong. */
#ifndef PPGEN_CMD_CMD_H
#define PPGEN_CMD_CMD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/opt.h"
#include "gen/plan.h"
#include "gen/task.h"
#include "store/scan.h"

enum { EXIT_GOOD = 0, EXIT_TASKS = 1, EXIT_USAGE = 2, EXIT_SYSTEM = 3, EXIT_INTERRUPTED = 130 };

/* One command a file; ppgen.c lists them. */
extern const struct command cmd_init, cmd_check, cmd_plan, cmd_run, cmd_status, cmd_log,
	cmd_collect, cmd_submit, cmd_wait, cmd_cancel, cmd_site, cmd_template, cmd_worker,
	cmd_finalise, cmd_completion, cmd_man, cmd_results;
extern const struct command *const commands[];
extern const size_t n_commands;

/* Options that every command on a run has: the first members of their structs of values. */
struct common {
	const char *dir;       /* -d */
	const char *site;      /* --site */
	struct opt_texts sets; /* --set */
};
/* clang-format off */
#define COMMON_DIR                                                                          \
	{ 'd', "dir", OPT_TEXT, offsetof(struct common, dir), "DIR",                        \
	  "the run directory (default: runs/NAME beside the spec, or where the site says)", NULL, 0 }
#define COMMON_SITE                                                                         \
	{ 0, "site", OPT_TEXT, offsetof(struct common, site), "NAME",                       \
	  "the site of the site file that is meant, or none (see ppgen-sites(5))", NULL, 0 }
#define COMMON_SET                                                                          \
	{ 0, "set", OPT_TEXTS, offsetof(struct common, sets), "KEY=VALUE",                  \
	  "as if the spec said so, e.g. --set repeat=3, --set params.grid.T='[1, 2]'", NULL, 0 }
/* clang-format on */

/* Parses; 0 go on, else *code is the exit code (help was shown, or the usage is wrong and that was
 * said). */
int cmd_parse(const struct command *c, int *argc, char **argv, void *values, int *code);

/* Prints "ppgen: ..." and returns the exit code that the error's kind asks for. */
int cmd_fail(const struct err *e);
/* Prints diagnostics; EXIT_USAGE when there are errors, else EXIT_GOOD. */
int cmd_diags(struct diags *d);

/* The run that is meant. */
struct place {
	char *spec;   /* the spec's path as it was given; NULL when a run directory was */
	char *rundir; /* absolute */
	char *named;  /* the word that named it, with a blank in front, for hints (" spec.yaml"); ""
			 when none did */
	bool fetches; /* a table of parameters is fetched: the run directory is made early to keep
			 it */
	bool starts_nothing; /* the command may start no other program, git included */
};

/* Whether a word is a spec or a run directory rather than a TASK. */
bool place_is(const char *word);
/*
 * word NULL: the only spec in this folder, or this folder when it is a run directory. Where only a
 * spec is named, the site file says where run directories are.
 */
int place_find(const char *word, const struct common *c, struct place *out, struct err *e);
void place_free(struct place *p);

/*
 * The plan as the spec says now: a draft, or the latest published one when nothing changed. With a
 * run directory alone: the latest one. *published tells which. NULL: said on stderr, *code is the
 * exit code. Warnings are printed.
 */
struct plan *plan_now(const struct place *at, const struct common *c, bool *published, int *code);
/* Publishes a draft under the next number, with where it came from, so that what is done by it can
 * be traced. */
int publish_draft(struct plan *p, const struct place *at, int argc, char **argv, struct err *e);
/* The latest published plan; NULL as above ("nothing has been run yet"). A note is printed when the
 * spec has changed since. */
struct plan *plan_last(const struct place *at, int *code);

/* "T=1.5, L=16": the parameters of a point, cut after `most` bytes (0: whole). */
void put_params(struct buf *b, const struct plan *p, const struct point *pt, size_t most);
/* Fills pt (of point_init) and the shown id of a task. */
void load_shown(const struct plan *p, uint64_t index, struct point *pt, char shown[TASK_ID_SHOWN]);
/* The first digits of an id that people need: "t3f9a1c0". */
#define TASK_BRIEF 8
/* "1 task", "1,000 tasks" */
void put_counted(struct buf *b, uint64_t n, const char *noun);

/*
 * Which tasks are meant. TASK words: an index, an id's beginning ("t3f9"), or "T=2.5,L=64". None at
 * all and no `only`: all. A word that means no task is an error.
 */
struct selection {
	uint64_t *bits; /* NULL: all */
	uint64_t count;
};
int select_tasks(const struct plan *p, const char *const *words, size_t n, const char *only,
		 struct selection *s, struct err *e);
bool selected(const struct selection *s, uint64_t index);
/* --index A-B, A- or A, of `count` tasks: those from *from on and before *to; all where text is
 * NULL. */
int read_index_range(const char *text, uint64_t count, uint64_t *from, uint64_t *to, struct err *e);
/* Takes out what is not from `from` on and before `to`; count: tasks of the plan. */
void selection_narrow(struct selection *s, uint64_t count, uint64_t from, uint64_t to);
void selection_free(struct selection *s);

/* Prints a collect report on stderr: "results.csv: 400 rows, sha256 ..."; counts when something is
 * missing. */
struct collect_report;
void say_collected(const struct collect_report *r);
/* Warns where two successes of one task under the same code returned different results. */
void say_differing(const struct scan *s);
/* The first rows of a table that was written, on stderr. */
void say_preview(const char *path);

#endif
