/* SPDX-License-Identifier: MIT */
/*
 * The site file: what belongs to a cluster and not to the science. It is
 * $XDG_CONFIG_HOME/ppgen/sites.yaml (else ~/.config/ppgen/sites.yaml), or the file that PPGEN_SITES
 * names. See ppgen-sites(5).
 *
 *   default: hpc                       # which one, where nothing else tells
 *   sites:
 *     hpc:
 *       hosts: ["login*", "hpc-*"]     # it is meant on these machines
 *       scheduler: NAME                # of a template; or template: FILE
 *       account: phys-12
 *       partition: normal              # also qos, reservation, mail, mail_on
 *       directives: ["..."]            # whole lines of the job script
 *       options: {pe: smp}             # of the template
 *       launch: [mpirun, -np, "{{ranks}}"]  # in place of the template's
 *       runs: /scratch/$USER/runs      # where run directories are
 *       scratch: $TMPDIR               # where {scratch} is; variables are those of the node
 *       setup: module load gcc         # before the spec's
 *       environment: submitter         # or node: what workers run in
 *       start_spread: 10s              # interpreters of an array do not all start at once
 *       submit: {slots: 4, max_running: 100, element_time: 4h, elements: 500}
 *       limits: {time: 24h, elements: 1000}
 *       finaliser: {time: 30m, memory: 2G, partition: serial}  # or false
 *       when:                          # any of account .. options, submit; the last that holds
 *         - {if: gpus > 0, partition: gpu}
 */
#ifndef PPGEN_GEN_SITE_H
#define PPGEN_GEN_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "gen/shape.h"
#include "gen/spec.h"
#include "gen/template.h"

/* The texts of a site that can differ by class. */
enum site_key {
	SITE_ACCOUNT,
	SITE_PARTITION,
	SITE_QOS,
	SITE_RESERVATION,
	SITE_MAIL,
	SITE_MAIL_ON,
	SITE_KEY_COUNT
};
extern const char *const site_key_names[SITE_KEY_COUNT];

struct site_text {
	const char *value;  /* NULL: not said */
	const char *origin; /* "sites.yaml:4", "--set ..." */
};

struct site;

/* What holds for one class of tasks (or the finaliser). Texts live as long as the site. */
struct site_settings {
	struct site_text text[SITE_KEY_COUNT];
	const char *const *directives;
	size_t n_directives;
	const char *directives_origin;
	const char *
		*options; /* in the template's order; NULL: not set. The caller frees the array */
	struct shape_wish wish; /* of the site alone */
};

/* Which file is read; the caller frees. */
char *site_file(void);

/*
 * Chooses and reads. name NULL: $PPGEN_SITE, else the first site whose hosts match this host, else
 * `default:`, else none. No file and no name, or the name "none" (then the file is not even read):
 * a site in which nothing is said. All sites of the file are checked, whichever is chosen. NULL:
 * complaints in d, with file:line:col.
 */
struct site *site_load(const char *name, struct diags *d);
/* The same from one file (a submission's frozen copy; absent: nothing is said), by a name that was
 * chosen before (NULL: none). */
struct site *site_load_file(const char *path, const char *name, struct diags *d);
void site_free(struct site *s);
/* The file's bytes as they were read; NULL where there was no file. */
const char *site_source(const struct site *s, size_t *len);

const char *site_name(const struct site *s); /* NULL: none was chosen */
const char *site_chosen(
	const struct site *s); /* why this one: "--site", "its hosts match 'login3'", ... */
struct site_text site_scheduler(
	const struct site *s); /* a template's name or file; value NULL: to be detected */
struct site_text site_runs(const struct site *s); /* variables of the environment are filled in */
struct site_text site_scratch(
	const struct site *s); /* as written: a worker fills its variables in */
struct site_text site_setup(const struct site *s);
/* What workers run in: "submitter" or "node"; value NULL: not said, so the submitter's. */
struct site_text site_environment(const struct site *s);
bool site_keeps_environment(const struct site *s); /* the submitter's */
uint64_t site_start_spread(const struct site *s);  /* seconds, the most; 0: none */
const char *const *site_launch(
	const struct site *s); /* words as of a template's launch; NULL: the template's */
bool site_finalises(const struct site *s); /* false where `finaliser: false` */
void site_finaliser(const struct site *s, struct resources *res); /* default 1 cpu, 2G, 1h */
/* Narrows what the scheduler reports. */
void site_limits(const struct site *s, struct shape_limits *l);

/* What holds for a class; `finaliser`: for that job, whose own keys come last. -1: an option that
 * the template does not have, a `when` that cannot be told. */
int site_settings(const struct site *s, const struct template *t, const struct resources *res,
		  bool finaliser, struct site_settings *out, struct err *e);

/* $NAME, ${NAME}, ${NAME:-TEXT} and a leading "~/" filled in; -1: a variable that is not set, or
 * empty. */
int site_expand(const char *text, struct buf *out, struct err *e);

/* Everything in force, one row a key, for `ppgen site`: key, value, origin. */
struct site_row {
	const char *key, *value, *origin;
};
size_t site_rows(const struct site *s, struct site_row **out);   /* lives as long as the site */
int site_names(const struct site *s, const char *const **names); /* all in the file; count */

/* What a submission wishes: the spec's `submit`, then the site's. Origins live as long as both. */
void submit_wish_merge(const struct spec *s, const struct site_settings *site,
		       struct shape_wish *out);

#endif
