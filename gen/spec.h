/* SPDX-License-Identifier: MIT */
/*
 * A spec, read and checked: everything in it has its type, its default and its place. See
 * ppgen-spec(5). All of it lives in one arena and is constant after spec_read.
 */
#ifndef PPGEN_GEN_SPEC_H
#define PPGEN_GEN_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "gen/expr.h"
#include "gen/space.h"
#include "gen/text.h"
#include "gen/yaml.h"

struct pos {
	const char *origin;
	int line, col; /* line 0: a default */
};

/* `inputs:` — files whose content belongs to the code's identity. */
struct input {
	const char *name;
	const struct ptext *path; /* may name parameters; NULL for a url */
	const char *url;
	const char *sha256; /* of a url; 64 lower-case digits */
	struct pos pos;
};

enum start_kind { START_COMMAND, START_SHELL, START_FUNCTION };

struct language;

/* `python:`, `r:` a function that interpreters call: see gen/call.h. */
struct function {
	const struct language *language;
	const char *call;         /* as written: "sim:run", "models/sim.py:run" */
	struct words interpreter; /* constant words; the first, when it is a relative path, begins
				     in the spec's folder */
	bool interpreter_given;   /* else it is the language's */
	uint64_t batch; /* with `chunk`: items a call; else calls that are sent ahead; 0: auto */
	bool chunk;     /* the function gets a list of tasks' parameters, and returns a list */
	bool fork;      /* a child of an interpreter a task; else one interpreter a slot */
	struct pos pos;
};

struct env_entry {
	const char *name;
	const struct ptext *value;
};

enum {
	RES_CPUS = 1,
	RES_MEMORY = 2,
	RES_TIME = 4,
	RES_GPUS = 8,
	RES_NODES = 16,
	RES_RANKS = 32,
	RES_GPU_TYPE = 64,
	RES_CONSTRAINT = 128,
	RES_LICENCES = 256,
	RES_EXCLUSIVE = 512
};

struct resources {
	unsigned set;    /* which of them were given, RES_* */
	uint64_t cpus;   /* default 1; of one rank where there are ranks */
	uint64_t memory; /* bytes; 0: no limit. Of the task on one node */
	uint64_t time_s; /* seconds; 0: no limit */
	uint64_t gpus;   /* default 0; on each node */
	uint64_t nodes;  /* default 1 */
	uint64_t ranks;  /* MPI processes in all; 0: not an MPI task */
	const char *gpu_type, *constraint, *licences; /* in the scheduler's own words; NULL: none */
	bool exclusive;                               /* nobody else on its nodes */
};
/* Whether tasks of these may run in one array. */
bool resources_equal(const struct resources *a, const struct resources *b);
/* An MPI task, or one that wants a node for itself: it runs alone in its element, started by
 * {launch}. */
bool resources_alone(const struct resources *r);
uint64_t resources_ranks_per_node(const struct resources *r); /* rounded up; at least 1 */
uint64_t resources_cpus(const struct resources *r);           /* processors in all, of all nodes */

struct override {
	const struct expr *where; /* NULL: all */
	struct resources res;     /* only what `set` names */
	struct pos pos;
};

/* How a result is read. ROWS_*: many rows are possible. */
enum format {
	FORMAT_NONE,
	FORMAT_JSON,
	FORMAT_JSONL,
	FORMAT_CSV,
	FORMAT_TSV,
	FORMAT_NUMBER,
	FORMAT_TEXT,
	FORMAT_REGEX,
	FORMAT_VALUE, /* of STREAM_VALUE: a list of objects, or one, is rows */
	FORMAT_BYTES  /* of STREAM_VALUE: kept as they are, no columns */
};

struct regex_entry {
	const char *column;
	const char *pattern; /* PCRE2; group 1 if it has one, else the whole match; the last match
				counts */
	struct pos pos;
};

struct extract {
	enum format format;
	bool last_line;     /* read the last line that is not blank, not the whole */
	const char *column; /* of FORMAT_NUMBER and FORMAT_TEXT: "value" and "text" unless named */
	struct regex_entry *regex;
	size_t n_regex;
	struct pos pos;
};

/* STREAM_VALUE: what a function returned, as its interpreter wrote it down: see store/result.h. The
 * first SPOOL_COUNT are files while a task runs. */
enum stream { STREAM_STDOUT, STREAM_STDERR, STREAM_VALUE, STREAM_COUNT };
enum { SPOOL_COUNT = STREAM_VALUE };

struct result_file {
	const char *name;
	const struct ptext *path; /* relative to the task's working folder */
	enum format format;       /* FORMAT_CSV, TSV, JSON or JSONL, by `format:` or the ending */
	struct pos pos;
};

struct results {
	struct extract stream[STREAM_COUNT];
	bool log; /* `log:` both streams go to stdout's file, and stream[STREAM_STDOUT] reads it */
	struct result_file *files;
	size_t n_files;
};

/* What an attempt's end can be retried for. OUTCOME_* of store/record.h have the same order. */
enum { RETRY_EXIT = 1, RETRY_SIGNAL = 2, RETRY_TIMEOUT = 4, RETRY_OOM = 8, RETRY_INVALID = 16 };

struct retry {
	uint64_t times;      /* further attempts; default 0 */
	unsigned on;         /* RETRY_*; default all */
	double memory, time; /* factor an attempt that ended by oom / timeout; default 1 */
};

enum stat_kind {
	STAT_COUNT,
	STAT_MEAN,
	STAT_SD,
	STAT_SEM,
	STAT_MIN,
	STAT_MAX,
	STAT_MEDIAN,
	STAT_QUANTILE,
	STAT_SUM
};

struct statistic { /* `struct stat` is the system's */
	enum stat_kind kind;
	const char *column; /* NULL for STAT_COUNT */
	double q;           /* STAT_QUANTILE: 0..1 */
	const char *title;  /* column's name in the table: "mean_energy", "q25_energy", "count" */
};

/* `checkpoint:` a signal that tasks get before they would be ended. */
struct checkpoint {
	int signal;        /* 0: none */
	uint64_t before_s; /* before the task's time limit, or the end of the element's wall time */
};

/* `submit:` wishes for array elements; 0: not said. */
struct submit_wish {
	uint64_t slots, elements, max_running, element_time; /* the last in seconds */
	struct pos slots_pos, elements_pos, time_pos;
};

/* One entry of `collect:`. */
struct output {
	const char *to;   /* relative to the run's collect/; never absolute, no ".." */
	const char *from; /* NULL: the main table; else a result file's name */
	char format;      /* 'c' CSV, 't' TSV, 'l' JSON Lines, 'j' JSON, by the ending */
	const char **by;  /* of a summary */
	size_t n_by;
	struct statistic *stats; /* n_stats > 0: a summary */
	size_t n_stats;
	const char *by_text; /* for messages */
	struct pos pos;
};

struct spec {
	struct arena *arena;
	const char *path; /* as the user gave it */
	const char *dir;  /* the spec's folder, absolute */
	const char *text; /* the file's bytes, less passwords and tokens in urls */
	size_t text_len;
	const char *const *sets; /* --set KEY=VALUE, as given, less the same */
	size_t n_sets;
	const struct node *root;

	const char *name;
	struct space *space; /* the parameters: names, points, seeds */

	struct input *inputs;
	size_t n_inputs;

	enum start_kind start;
	struct words command;     /* START_COMMAND */
	const char *shell;        /* START_SHELL: the script */
	struct words shell_with;  /* the interpreter's words: {"/bin/sh", "-c"} or {"bash", "-c"} */
	struct function function; /* START_FUNCTION */
	struct env_entry *env;
	size_t n_env;
	const char *setup;           /* NULL: none */
	const struct ptext *workdir; /* NULL: the spec's folder */

	struct resources res;
	struct override *overrides;
	size_t n_overrides;
	struct results results;
	struct retry retry;
	struct checkpoint checkpoint;
	struct submit_wish submit;
	double max_failures; /* < 0: no limit; a count, or a fraction when max_failures_percent */
	bool max_failures_percent;
	struct output *outputs; /* at least one */
	size_t n_outputs;
	bool outputs_given; /* false: the default */
};

struct spec_options {
	const char *const *sets; /* "KEY=VALUE" */
	size_t n_sets;
	const char *frozen; /* a plan's folder: parameters are loaded from it, no file of the user's
			       is read */
	const char *origin; /* how messages name the spec; NULL: its path */
	const char *dir;    /* with frozen: the original spec's folder */
	uint64_t points_most; /* points that a `where` may pass over, and rows of an axis; 0: as
				 many as the program can (for tests, which have no time) */
	const char *fetched;  /* where tables by url are kept, as <sha256>; NULL: a url table is an
				 error */
};

/*
 * Reads, sets, checks. NULL when there are errors in d (or the file cannot be read). Warnings may
 * be in d in any case. The caller frees.
 */
struct spec *spec_read(const char *path, const struct spec_options *o, struct diags *d);
void spec_free(struct spec *s);

/* Whether a file's bytes (a NUL behind them) are what s was read from. */
bool spec_has_text(const struct spec *s, const char *text, size_t len);

/* The resources of a task: `res`, then every override whose `where` holds, in their order. -1: a
 * `where` cannot be told. */
int spec_resources(const struct spec *s, const struct point *p, struct resources *out,
		   struct err *e);

/* Whether something names {scratch} ({keep}), so that the folder must be made. */
bool spec_uses_scratch(const struct spec *s);
bool spec_uses_keep(const struct spec *s);
/* Where a function's module is looked for: the spec's folder, or `workdir` where that is the same
 * for all tasks. Absolute; the caller frees. */
char *spec_folder(const struct spec *s);
/* Whether the command names {launch}. */
bool spec_uses_launch(const struct spec *s);

/* One row a setting for `plan`: key, value as text, origin ("spec.yaml:12", "--set
 * resources.memory", "default"). */
struct setting {
	const char *key, *value, *origin;
};
size_t spec_settings(const struct spec *s, struct setting **out); /* in s's arena */

/* The table of keys as man-page text: for ppgen-spec(5). */
void spec_man_keys(struct buf *b);

#endif
