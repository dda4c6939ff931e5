/* SPDX-License-Identifier: MIT */
/*
 * A template: everything that ppgen knows of one scheduler, in one file, NAME.tmpl. No scheduler's
 * name or word stands in the program itself. The file is YAML front matter between two lines "---",
 * the facts, and behind it the body, the job script. See ppgen-template(5).
 *
 * Body, and words of commands: {{name}} stands for a value, {{name|filter}} for what a filter makes
 * of it, {{option:name}} for an option of the template. {? ... ?} is left out when a value in it is
 * not set; a line of the body (outside {? ?}) with a value that is not set is left out whole;
 * likewise a word of a command. A list (ids, directives, extra) alone in a word becomes that many
 * words, alone in a line that many lines; elsewhere its items are joined by filter join:SEP.
 */
#ifndef PPGEN_GEN_TEMPLATE_H
#define PPGEN_GEN_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/pattern.h"

/*
 * What a template may name. REQUEST values are wishes of the user: one that is set and does not
 * reach the script or the submit command is an error ("template 'pbs' cannot express qos (from
 * sites.yaml:4)").
 */
enum job_value {
	/* always set */
	JOB_NAME,   /* the job's name, made to fit job_name */
	JOB_SCRIPT, /* absolute path of the script */
	JOB_WORKER, /* a shell command, quoted, that is to be exec'ed. The script puts --job ID
		       behind it, and in an array --element N; for a single job the element's number
		       is in it already */
	JOB_LOG, /* absolute path of where the script sends its output. In an array the script puts
		    ".N" behind it: "{{log|q}}.$INDEX"; for a single job it is the whole path */
	JOB_NODES,
	JOB_RANKS,
	JOB_RANKS_PER_NODE, /* 1 but for MPI tasks */
	JOB_CPUS,           /* per rank; slots x cpus where there are no ranks */
	JOB_CPUS_PER_NODE,  /* ranks_per_node x cpus */
	JOB_CPUS_TOTAL,     /* nodes x cpus_per_node */
	/* set for an array, not for a single job */
	JOB_FIRST,
	JOB_LAST,
	JOB_COUNT,    /* indexes of elements, and how many */
	JOB_THROTTLE, /* most elements at a time; unset: no limit */
	/* set when they are asked for */
	JOB_MEMORY,
	JOB_MEMORY_PER_CPU, /* bytes, of a node; of a processor */
	JOB_TIME,           /* wall time, seconds */
	JOB_NOTICE,         /* seconds before the wall time at which a signal is wanted */
	JOB_GPUS,           /* per node */
	JOB_GPU_TYPE,
	JOB_CONSTRAINT,
	JOB_LICENCES,
	JOB_EXCLUSIVE, /* the last: "yes" */
	JOB_ACCOUNT,
	JOB_PARTITION,
	JOB_QOS,
	JOB_RESERVATION,
	JOB_MAIL,
	JOB_MAIL_ON,
	JOB_DIRECTIVES, /* list: whole lines of a site */
	JOB_EXTRA,      /* list: words that the user gave behind "--" */
	JOB_IDS,        /* list: of jobs; in commands that ask, cancel, release, wait for them */
	JOB_USER,       /* who submits */
	JOB_VALUE_COUNT
};
extern const char *const job_value_names[JOB_VALUE_COUNT]; /* "name", "script", "cpus_per_node" */
bool job_value_is_request(enum job_value v); /* throttle, memory .. extra but notice */
bool job_value_is_list(enum job_value v);    /* directives, extra, ids */

/* The values of one job. */
struct job_values {
	const char *text[JOB_VALUE_COUNT]; /* NULL: not set. Numbers are decimal digits */
	const char *const *list[JOB_VALUE_COUNT];
	size_t n_list[JOB_VALUE_COUNT]; /* 0: not set */
	const char
		*origin[JOB_VALUE_COUNT]; /* where a wish came from, for messages; NULL: nowhere */
	/* values of the template's own options (a parallel environment's name), in its order; NULL
	   items are not set. NULL: all have their defaults */
	const char *const *options;
};

struct template_command; /* words with {{...}} */

enum job_state {
	JOB_STATE_UNKNOWN, /* the scheduler does not know it, or a word that the template does not
			      list */
	JOB_STATE_QUEUED,
	JOB_STATE_HELD,
	JOB_STATE_RUNNING,
	JOB_STATE_DONE,    /* ended with 0 */
	JOB_STATE_FAILED,  /* ended with something else */
	JOB_STATE_TIMEOUT, /* by the wall time */
	JOB_STATE_OOM,     /* for want of memory */
	JOB_STATE_LOST,    /* a node died, preempted, a launch that failed */
	JOB_STATE_CANCELLED,
	JOB_STATE_STUCK, /* it will not move until somebody acts; see the scheduler's own words */
	JOB_STATE_ENDED, /* over; how is not known */
	JOB_STATE_COUNT
};
extern const char *const job_state_names[JOB_STATE_COUNT]; /* "queued", ..., as in `states:` */

/*
 * Patterns, but for submit.id, are PCRE2 as in base/pattern.h: ^ and $ match at lines, . does not
 * match a newline. Use the functions of "reading" below rather than the patterns.
 */

/* A command whose output a pattern reads, again and again through all of it. */
struct template_ask {
	struct template_command *command;
	const char *match; /* groups id and id2 (joined), index (absent or empty: all elements that
			      no other match speaks of), state and state2 (joined by a blank), name
			      (that of another job: it is passed over); for
			      `find` id, id2 and name. Of two matches for one element the later
			      counts */
	const char *only_if; /* the answer counts when this is found in stdout or stderr, whatever
				the exit code; NULL: when the command exits with 0 */
	bool lags;           /* accounting: what it does not show yet may still come */
	struct pattern *reader, *condition; /* private */
};

/* What the scheduler allows. */
enum limit_kind {
	LIMIT_INDEX,  /* the highest index of an array */
	LIMIT_SIZE,   /* elements of one array */
	LIMIT_JOBS,   /* elements of all users together */
	LIMIT_QUEUED, /* elements of this user together */
	LIMIT_TIME,   /* wall time, seconds */
	LIMIT_COUNT
};
extern const char *const limit_names[LIMIT_COUNT]; /* "index", "size", "jobs", "queued", "time" */

struct template_limit {
	enum limit_kind kind;
	struct template_command *command; /* not asked unless template_can_say */
	const char *match;      /* group limit: digits, or h:m:s for time. No match, or text that is
				   neither: no limit; of several matches the least counts */
	uint64_t less;          /* taken off what was read (a size where an index is meant) */
	struct pattern *reader; /* private */
};

struct template_option {
	const char *name, *help;
	const char *fallback; /* NULL: not set unless a site says it */
};

struct template_state {
	const char *pattern; /* all of the state's text */
	enum job_state state;
};

/* All texts live as long as the template. */
struct template
{
	const char *name, *about;
	const char *origin; /* the file, or "built in" */
	struct {
		struct template_command *command; /* run to see whether this scheduler is here */
		const char *match;                /* found in what it prints, stdout then stderr */
	} detect;
	struct {
		struct template_command *command; /* names script and extra; hold and after stand
						     where it says {{hold}} and {{after}} */
		const char *computed; /* matches options of the user's that would overrule what is
					 reckoned with; NULL: none would */
		struct template_command *test; /* fails, and says why, where the job could never
						  run; NULL: submitting does so itself */
		const char *id; /* POSIX extended, matches a whole line of stdout; group 1 is the
				   id as the other commands want it and as asks show it. It holds no
				   '#' (sed reads it in submit.sh) */
	} submit;
	struct template_command *hold; /* words of submit that leave the job held */
	struct template_command
		*after; /* words of submit: start when all of {{ids}} ended, however */
	struct template_command *release, *cancel; /* of {{ids}} */
	struct template_ask *ask;                  /* tried in turn until every element is known */
	size_t n_ask;
	struct template_ask find;      /* all jobs of this user that live: id and name */
	struct template_state *states; /* the first that matches */
	size_t n_states;
	struct template_limit *limits;
	size_t n_limits;
	uint64_t array_first; /* index of the first element: 0 or 1 */
	uint64_t array_least; /* fewer elements cannot be an array; a single job is made then */
	struct {
		uint64_t most;
		const char *allowed; /* inside of a bracket expression: "A-Za-z0-9._-" */
		bool letter_first;
	} job_name;
	const char *const *launch; /* starts an MPI task: words that may name {{ranks}}, {{nodes}},
				      {{cpus}} and {{ranks_per_node}}, as in struct launch_place;
				      ends with NULL */
	struct {
		const char *const
			*cpus; /* variables that hold the processors allotted on this node */
		const char *const *hidden;   /* variables ("X_*") that tasks do not see: they would
						take themselves for the element */
		const char *const *own;      /* that a job must not pass on to jobs that it submits,
							and has from nobody else */
		const char *const *recorded; /* worth keeping in a journal's header */
		const char *ends;            /* holds the unix time when the job ends; NULL */
	} environment;                       /* each list ends with NULL */
	struct template_option *options;
	size_t n_options;
	struct template_private *priv;
};

/* ---- loading ---- */

/*
 * By name or, with a '/' in it or ending in .tmpl, by path: a name is looked for in the user's
 * folder ($XDG_CONFIG_HOME/ppgen/templates, ~/.config), then among those built in. NULL: what is
 * wrong is in d, with template:line; "slrum: there is no template of this name (did
 * you mean 'slurm'?): there are ...".
 */
struct template *template_load(const char *name, struct diags *d);
/* From text (a frozen copy). */
struct template *template_parse(const char *text, size_t len, const char *origin, struct diags *d);
void template_free(struct template *t);                           /* accepts NULL */
const char *template_text(const struct template *t, size_t *len); /* the whole file */

/* The names of all that can be found, sorted, the user's before built-in ones of the same name. */
struct template_name {
	char *name;
	char *origin;
	bool shadowed;
};
int template_list(struct template_name **out, size_t *n, struct err *e);
void template_list_free(struct template_name *list, size_t n);

/* ---- rendering: pure ---- */

/* The job script. -1: a filter does not fit, or a wish cannot be expressed. */
int template_script(const struct template *t, const struct job_values *v, struct buf *out,
		    struct err *e);

/*
 * The words of a command, NULL-terminated in one block (free it). For submit, hold and after say
 * whether these words are put in. NULL: as -1 above.
 */
char **template_words(const struct template *t, const struct template_command *c,
		      const struct job_values *v, bool hold, bool after, struct err *e);
/* Whether all that a command names is set. A command of `limits` that is not so is not run. */
bool template_can_say(const struct template *t, const struct template_command *c,
		      const struct job_values *v);

/* Fits a name to job_name: bad characters become '_', the name is cut so that `suffix` stays whole.
 */
void template_job_name(const struct template *t, const char *name, const char *suffix,
		       struct buf *out);

const char *template_directive(const struct template *t); /* how directives begin: "#SBATCH" */

/* ---- reading what commands print: pure too ---- */

/* Whether the output of `detect` says that this scheduler is here. */
bool template_is_here(const struct template *t, const char *out, const char *err);
/* The id in what submit printed; NULL: none is there. The caller frees. */
char *template_read_id(const struct template *t, const char *out);
/* The limit that a command's output tells; UINT64_MAX: none. */
uint64_t template_read_limit(const struct template_limit *l, const char *out, size_t len);
/* Whether an answer counts at all; else the scheduler could not be asked. */
bool template_ask_counts(const struct template_ask *a, int exit_code, const char *out,
			 const char *err);

/* One job or element that an answer speaks of. NULL: the pattern does not tell. */
struct template_seen {
	char *id, *index, *name;
	char *word; /* the scheduler's own text for the state */
	enum job_state state;
};
/* The next in out from *at on. 1 (free it with template_seen_free), 0 none, -1 the pattern gave up.
 */
int template_read(const struct template *t, const struct template_ask *a, const char *out,
		  size_t len, size_t *at, struct template_seen *seen, struct err *e);
void template_seen_free(struct template_seen *s);
/* What a scheduler's text for a state means. */
enum job_state template_state_of(const struct template *t, const char *text, size_t len);

/*
 * Variables that all known templates list, in one block each, for those who meet schedulers without
 * having chosen one: `ppgen run` within a job. Never fails: a template that cannot be read is left
 * out.
 */
struct scheduler_variables {
	const char *const *cpus, *const *hidden, *const *own, *const *recorded;
};
const struct scheduler_variables *template_variables(void); /* read once; lives for ever */
/* Whether a variable's name of n bytes is in such a list; a '*' at an item's end stands for any
 * rest. */
bool variables_have(const char *const *list, const char *name, size_t n);

#endif
