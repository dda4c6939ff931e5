/* SPDX-License-Identifier: MIT */
/* The site file: where it is, which of its sites is meant, and what it says once for all jobs. */
#include "gen/site.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include "gen/site_internal.h"

#define SITE_BYTES_MAX (1u << 20)

const char *const site_key_names[SITE_KEY_COUNT] = {
	[SITE_ACCOUNT] = "account", [SITE_PARTITION] = "partition",
	[SITE_QOS] = "qos",         [SITE_RESERVATION] = "reservation",
	[SITE_MAIL] = "mail",       [SITE_MAIL_ON] = "mail_on",
};

static const struct site_def nothing_said;

static const char *env_text(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

char *site_file(void)
{
	const char *named = env_text("PPGEN_SITES");

	return named ? mem_dup(named) : proc_config_path("sites.yaml");
}

/* A file of blank lines and comments says nothing, and is no error. */
static bool is_blank(const char *text)
{
	while (*text) {
		text += strspn(text, " \t\r");
		if (*text && *text != '#' && *text != '\n')
			return false;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return true;
}

static void read_tree(struct site *s, struct diags *d)
{
	struct reader r = { .a = s->arena, .d = d, .keys = site_keys, .advice = site_advice };

	if (is_blank(s->source) && strlen(s->source) == s->source_len)
		return;
	r.root = yaml_parse(s->arena, s->source, s->source_len, s->file, d);
	if (r.root && r.root->kind != NODE_MAP)
		COMPLAIN(&r, r.root, "a site file is a mapping, not %s: it begins with 'sites:'",
			 node_kind_name(r.root));
	else if (r.root)
		site_read(&r, s);
	s->root = r.root;
}

/* 1: there is no such file; 0; -1: complaints are in d. */
static int read_file(struct site *s, const char *path, struct diags *d)
{
	const size_t before = diags_errors(d);
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	struct stat st;

	if (stat(path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 1;
	s->file = arena_dup(s->arena, path);
	if (file_read(path, &b, SITE_BYTES_MAX, &e) < 0) {
		diag_error(d, path, 0, 0, "%s", e.text);
	} else {
		s->source = arena_dupn(s->arena, buf_str(&b), b.len);
		s->source_len = b.len;
		read_tree(s, d);
	}
	buf_free(&b);
	return diags_errors(d) > before ? -1 : 0;
}

/* Reads the user's file, if there is one. */
static int read_own_file(struct site *s, struct diags *d)
{
	char *path = site_file();
	int rc = read_file(s, path, d);

	if (rc == 1 && env_text("PPGEN_SITES"))
		rc = diag_error(d, path, 0, 0, "there is no such file (PPGEN_SITES names it)");
	free(path);
	return rc < 0 ? -1 : 0;
}

static const struct site_def *find_def(const struct site *s, const char *name)
{
	for (size_t i = 0; i < s->n_defs; i++)
		if (strcmp(s->defs[i].name, name) == 0)
			return &s->defs[i];
	return NULL;
}

/* There is no site of the name that somebody gave by `how`. */
static int complain_name(const struct site *s, const char *name, const char *how, struct diags *d)
{
	const char *near = text_nearest(name, s->names, s->n_defs);
	struct buf b = BUF_INIT;
	char *path = site_file();

	buf_printf(&b, "there is no site '%s'", name);
	if (near)
		buf_printf(&b, " (did you mean '%s'?)", near);
	if (!s->file)
		buf_printf(&b, ": there is no file '%s'", path);
	else if (!s->n_defs)
		buf_printf(&b, ": '%s' has none", s->file);
	else
		buf_printf(&b, ": '%s' has ", s->file);
	for (size_t i = 0; i < s->n_defs; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", s->names[i]);
	diag_error(d, how, 0, 0, "%s", buf_str(&b));
	free(path);
	buf_free(&b);
	return -1;
}

/* Whether a pattern is meant for this host: against its whole name, and the part before the first
 * dot. */
static bool is_here(const struct site_def *def, const char *host)
{
	char *brief = mem_dupn(host, strcspn(host, "."));
	bool here = false;

	for (size_t i = 0; i < def->n_hosts && !here; i++)
		here = fnmatch(def->hosts[i], host, 0) == 0 ||
		       fnmatch(def->hosts[i], brief, 0) == 0;
	free(brief);
	return here;
}

static void choose_by_host(struct site *s)
{
	const struct node *usual = node_get(s->root, "default");
	const char *host = proc_host();

	for (size_t i = 0; i < s->n_defs; i++) {
		if (is_here(&s->defs[i], host)) {
			s->def = &s->defs[i];
			s->chosen = arena_printf(s->arena, "its hosts match '%s'", host);
			return;
		}
	}
	if (usual) {
		s->def = find_def(s, usual->text);
		s->chosen = arena_printf(s->arena, "it is the default of '%s'", s->file);
	} else {
		s->chosen = arena_printf(s->arena,
					 "'%s' has no site whose hosts match '%s', and no default",
					 s->file, host);
	}
}

static int choose(struct site *s, const char *name, struct diags *d)
{
	const char *how = "--site";
	char *path;

	if (!name) {
		name = env_text("PPGEN_SITE");
		how = "PPGEN_SITE";
	}
	if (name) {
		const struct site_def *def = find_def(s, name);

		if (!def)
			return complain_name(s, name, how, d);
		s->def = def;
		s->chosen = how;
		return 0;
	}
	if (s->root) {
		choose_by_host(s);
		return 0;
	}
	path = site_file();
	s->chosen = s->file ? arena_printf(s->arena, "'%s' says nothing", path)
			    : arena_printf(s->arena, "there is no file '%s'", path);
	free(path);
	return 0;
}

/* Fills the variables of a path in; relative ones begin in the site file's folder. */
static int fill_path(struct site *s, const struct site_text *from, const struct pos *pos,
		     struct site_text *out, struct diags *d)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	char *dir, *joined, *whole;
	int rc = 0;

	if (!from->value)
		return 0;
	if (site_expand(from->value, &b, &e) < 0) {
		rc = diag_error(d, pos->origin, pos->line, pos->col, "%s", e.text);
	} else {
		dir = path_dir(s->file);
		joined = path_join(dir, buf_str(&b));
		whole = path_absolute(joined);
		*out = (struct site_text){ arena_dup(s->arena, whole), from->origin };
		free(whole);
		free(joined);
		free(dir);
	}
	buf_free(&b);
	return rc;
}

static struct site *site_new(void)
{
	struct arena *a = arena_new();
	struct site *s = arena_alloc(a, sizeof *s);

	s->arena = a;
	s->def = &nothing_said;
	return s;
}

/* s, or NULL where rc says that something is wrong. */
static struct site *finish(struct site *s, int rc)
{
	if (rc == 0)
		return s;
	site_free(s);
	return NULL;
}

struct site *site_load(const char *name, struct diags *d)
{
	struct site *s = site_new();
	const char *wanted = name ? name : env_text("PPGEN_SITE");
	int rc;

	if (wanted && strcmp(wanted, SITE_NONE) == 0) {
		s->chosen = name ? "--site " SITE_NONE : "PPGEN_SITE=" SITE_NONE;
		return s;
	}
	rc = read_own_file(s, d);
	if (rc == 0)
		rc = choose(s, name, d);
	if (rc == 0) {
		s->scheduler = s->def->scheduler;
		rc = fill_path(s, &s->def->template, &s->def->template_pos, &s->scheduler, d);
		if (fill_path(s, &s->def->runs, &s->def->runs_pos, &s->runs, d) < 0)
			rc = -1;
	}
	return finish(s, rc);
}

struct site *site_load_file(const char *path, const char *name, struct diags *d)
{
	struct site *s = site_new();
	int rc = read_file(s, path, d);

	s->chosen = "it was chosen when submitting";
	if (rc >= 0 && name) {
		const struct site_def *def = find_def(s, name);

		rc = 0;
		if (def)
			s->def = def;
		else
			rc = diag_error(d, path, 0, 0, "there is no site '%s' in it", name);
	}
	s->scheduler = s->def->template.value ? s->def->template : s->def->scheduler;
	s->runs = s->def->runs;
	return finish(s, rc < 0 ? -1 : 0);
}

const char *site_source(const struct site *s, size_t *len)
{
	*len = s->source_len;
	return s->source;
}

void site_free(struct site *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_defs; i++)
		for (size_t k = 0; k < s->defs[i].n_whens; k++)
			expr_free(s->defs[i].whens[k].when);
	arena_free(s->arena);
}

const char *site_name(const struct site *s)
{
	return s->def->name;
}

const char *site_chosen(const struct site *s)
{
	return s->chosen;
}

struct site_text site_scheduler(const struct site *s)
{
	return s->scheduler;
}

struct site_text site_runs(const struct site *s)
{
	return s->runs;
}

struct site_text site_scratch(const struct site *s)
{
	return s->def->scratch;
}

struct site_text site_setup(const struct site *s)
{
	return s->def->setup;
}

struct site_text site_environment(const struct site *s)
{
	return s->def->environment;
}

bool site_keeps_environment(const struct site *s)
{
	const char *said = s->def->environment.value;

	return !said || strcmp(said, SITE_ENVIRONMENT_NODE) != 0;
}

uint64_t site_start_spread(const struct site *s)
{
	return s->def->start_spread.value ? s->def->spread_s : START_SPREAD_S;
}

const char *const *site_launch(const struct site *s)
{
	return s->def->launch;
}

int site_names(const struct site *s, const char *const **names)
{
	*names = s->names;
	return (int)s->n_defs;
}
