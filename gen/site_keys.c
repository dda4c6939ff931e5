/* SPDX-License-Identifier: MIT */
/* The keys of a site file, and what people write instead of them. */
#include <string.h>

#include "gen/site_internal.h"

/* clang-format off */
#define KEY(path) { path, NULL, NULL, "", 0 }
/* What can differ by class. */
#define BLOCK(path)                                                                       \
	KEY(path ".account"), KEY(path ".partition"), KEY(path ".qos"),                    \
	KEY(path ".reservation"), KEY(path ".mail"), KEY(path ".mail_on"),                 \
	KEY(path ".directives"), KEY(path ".options")

const struct key site_keys[] = {
	KEY("default"),
	KEY("sites"),
	KEY("sites.*"),
	KEY("sites.*.hosts"),
	KEY("sites.*.scheduler"),
	KEY("sites.*.template"),
	BLOCK("sites.*"),
	KEY("sites.*.options.*"),
	KEY("sites.*.launch"),
	KEY("sites.*.runs"),
	KEY("sites.*.scratch"),
	KEY("sites.*.setup"),
	KEY("sites.*.environment"),
	KEY("sites.*.start_spread"),
	KEY("sites.*.submit"),
	KEY("sites.*.submit.slots"),
	KEY("sites.*.submit.max_running"),
	KEY("sites.*.submit.element_time"),
	KEY("sites.*.submit.elements"),
	KEY("sites.*.limits"),
	KEY("sites.*.limits.time"),
	KEY("sites.*.limits.elements"),
	KEY("sites.*.finaliser"),
	KEY("sites.*.finaliser.cpus"),
	KEY("sites.*.finaliser.memory"),
	KEY("sites.*.finaliser.time"),
	BLOCK("sites.*.finaliser"),
	KEY("sites.*.when"),
	KEY("sites.*.when[].if"),
	BLOCK("sites.*.when[]"),
	KEY("sites.*.when[].submit"),
	{ NULL, NULL, NULL, NULL, 0 },
};
/* clang-format on */

#define IN_SITE "it belongs in a site: sites: {NAME: {...}}"

static const struct habit {
	const char *in, *key, *advice; /* in: the path's last step; "": all of them */
} habits[] = {
	{ "", "queue", "write 'partition'" },
	{ "", "project", "write 'account'" },
	{ "", "email", "write 'mail'" },
	{ "", "mail_type", "write 'mail_on'" },
	{ "", "mail-on", "write 'mail_on'" },
	{ "", "extra", "write 'directives': whole lines of the job script" },
	{ "", "directive", "write 'directives', a list of whole lines of the job script" },
	{ "", "finalizer", "write 'finaliser'" },
	{ "*", "host", "write 'hosts'" },
	{ "*", "hostname", "write 'hosts'" },
	{ "*", "hostnames", "write 'hosts'" },
	{ "*", "modules", "write 'setup: module load ...'" },
	{ "*", "env",
	  "write 'environment: submitter' or 'environment: node'; variables belong in a spec's 'env' or in 'setup'" },
	{ "*", "export", "write 'environment: submitter' or 'environment: node'" },
	{ "*", "launcher", "write 'launch'" },
	{ "*", "mpi", "write 'launch'" },
	{ "*", "rundir", "write 'runs'" },
	{ "*", "workdir", "write 'runs' for run directories, 'scratch' for {scratch}" },
	{ "*", "tmpdir", "write 'scratch'" },
	{ "*", "if", "write 'when: [{if: ..., ...}]'" },
	{ "*", "finalise", "write 'finaliser'" },
	{ "*", "max_running", "it belongs in 'submit'" },
	{ "*", "slots", "it belongs in 'submit'" },
	{ "*", "elements", "it belongs in 'submit' as a wish, in 'limits' as a limit" },
	{ "*", "time", "write 'limits: {time: ...}' for the longest job" },
	{ "*", "walltime", "write 'limits: {time: ...}' for the longest job" },
	{ "submit", "array", "write 'elements'" },
	{ "submit", "jobs", "write 'elements'" },
	{ "submit", "time", "write 'element_time'" },
	{ "submit", "walltime", "write 'element_time'" },
	{ "submit", "throttle", "write 'max_running'" },
	{ "submit", "concurrency", "write 'max_running'" },
	{ "limits", "walltime", "write 'time'" },
	{ "limits", "jobs", "write 'elements'" },
	{ "limits", "max_running", "it belongs in 'submit'" },
	{ "finaliser", "mem", "write 'memory'" },
	{ "finaliser", "walltime", "write 'time'" },
	{ "when[]", "where", "write 'if'" },
	{ "when[]", "when", "write 'if'" },
};

const char *site_advice(const char *path, const char *name)
{
	const char *dot = strrchr(path, '.');
	const char *last = dot ? dot + 1 : path;

	for (size_t i = 0; *path && i < sizeof habits / sizeof *habits; i++)
		if (strcmp(habits[i].key, name) == 0 &&
		    (!*habits[i].in || strcmp(habits[i].in, last) == 0))
			return habits[i].advice;
	for (const struct key *k = site_keys; !*path && k->path; k++)
		if (strncmp(k->path, "sites.*.", 8) == 0 && strcmp(k->path + 8, name) == 0)
			return IN_SITE;
	return NULL;
}
