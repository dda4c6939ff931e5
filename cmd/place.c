/* SPDX-License-Identifier: MIT */
/* Which run is meant: from a spec, a run directory, or the folder that the user stands in. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/provenance.h"
#include "cmd/cmd.h"
#include "gen/site.h"
#include "store/rundir.h"

static bool ends_like_yaml(const char *s)
{
	const char *dot = strrchr(s, '.');
	return dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

/* "f=a.yaml" is a TASK, unless there is such a file. */
bool place_is(const char *word)
{
	return (ends_like_yaml(word) && !strchr(word, '=')) || rundir_is(word) ||
	       ((ends_like_yaml(word) || strchr(word, '/')) && file_exists(word));
}

/* Whether `params: {table: ...}` names a url. */
static bool names_url(const struct node *params)
{
	const struct node *t = params ? node_get(params, "table") : NULL;
	if (t && t->kind == NODE_SEQ) {
		for (size_t i = 0; i < t->n; i++)
			if (node_get(t->items[i], "url"))
				return true;
	}
	return t && node_get(t, "url");
}

/* The run's name without reading all of the spec: `name:` (or --set name=), else the file's stem.
 */
static char *peek_name(const char *spec, const struct common *c, bool *fetches)
{
	struct buf text = BUF_INIT;
	struct arena *a = arena_new();
	struct diags *d = diags_new();
	char *name = NULL;
	if (file_read(spec, &text, YAML_BYTES_MAX, NULL) == 0) {
		const struct node *root = yaml_parse(a, buf_str(&text), text.len, spec, d);
		const struct node *n = root ? node_get(root, "name") : NULL;
		if (n && n->kind == NODE_SCALAR && n->len && !strchr(n->text, '/') &&
		    n->text[0] != '.')
			name = mem_dup(n->text);
		*fetches = root && names_url(node_get(root, "params"));
	}
	for (size_t i = 0; i < c->sets.n; i++) {
		if (!strncmp(c->sets.items[i], "name=", 5) && !strchr(c->sets.items[i] + 5, '/')) {
			free(name);
			name = mem_dup(c->sets.items[i] + 5);
		}
	}
	diags_free(d);
	arena_free(a);
	buf_free(&text);
	if (!name) {
		name = mem_dup(path_name(spec));
		char *dot = strrchr(name, '.');
		if (dot && dot > name)
			*dot = '\0';
	}
	return name;
}

/* The only spec in this folder. */
static int find_spec(char **out, struct err *e)
{
	char **names = NULL;
	size_t n = 0, found = 0;
	if (file_list(".", &names, &n, e) < 0)
		return -1;
	struct buf seen = BUF_INIT;
	*out = NULL;
	for (size_t i = 0; i < n; i++) {
		struct buf text = BUF_INIT;
		if (ends_like_yaml(names[i]) &&
		    file_read(names[i], &text, YAML_BYTES_MAX, NULL) == 0) {
			const char *t = buf_str(&text);
			if (!strncmp(t, "ppgen:", 6) || strstr(t, "\nppgen:")) {
				buf_printf(&seen, "%s%s", found++ ? ", " : "", names[i]);
				if (!*out)
					*out = mem_dup(names[i]);
			}
		}
		buf_free(&text);
	}
	free(names);
	int r = 0;
	if (found != 1) {
		free(*out);
		*out = NULL;
		if (found)
			r = err_bad(e, "there are several specs here (%s): name one",
				    buf_str(&seen));
		else
			r = err_bad(
				e,
				"there is no spec in this folder: name one, or write one with `ppgen init`");
	}
	buf_free(&seen);
	return r;
}

/*
 * The folder of run directories: what the site says, else runs/ beside the spec. A site file that
 * is wrong is an error even when it says nothing of this: else tables would appear in two places.
 */
static int find_runs(const char *spec, const struct common *c, char **out, struct err *e)
{
	struct diags *d = diags_new();
	struct site *site = site_load(c->site, d);
	int r = 0;
	if (!site) {
		fputs(diags_text(d), stderr);
		r = err_bad(e, "the site file cannot be used: correct it, or give --site none");
	} else if (site_runs(site).value) {
		*out = mem_dup(site_runs(site).value);
	} else {
		char *dir = path_dir(spec);
		*out = path_join(dir, "runs");
		free(dir);
	}
	site_free(site);
	diags_free(d);
	return r;
}

static int place_of_spec(const char *spec, const struct common *c, struct place *out, struct err *e)
{
	struct stat st;
	if (stat(spec, &st) < 0)
		return err_errno(e, "'%s'", spec), e->kind = ERR_BAD, -1;
	if (S_ISDIR(st.st_mode))
		return rundir_find(spec, e) < 0
			       ? -1
			       : err_bad(e, "'%s' is a folder, but no run directory: name a spec",
					 spec);
	out->spec = mem_dup(spec);
	char *name = peek_name(spec, c, &out->fetches);
	if (c->dir) {
		out->rundir = path_absolute(c->dir);
		free(name);
		return 0;
	}
	char *runs = NULL;
	int r = find_runs(spec, c, &runs, e);
	if (r == 0) {
		char *rel = path_join(runs, name);
		out->rundir = path_absolute(rel);
		free(rel);
	}
	free(runs);
	free(name);
	return r;
}

int place_find(const char *word, const struct common *c, struct place *out, struct err *e)
{
	*out = (struct place){ .named = word ? mem_printf(" %s", word) : mem_dup("") };
	if (word && rundir_is(word)) {
		if (c->dir)
			return err_bad(e, "'%s' is a run directory itself: leave out -d", word);
		out->rundir = path_absolute(word);
		return 0;
	}
	if (word)
		return place_of_spec(word, c, out, e);
	if (rundir_is(".")) {
		out->rundir = path_absolute(".");
		return 0;
	}
	if (c->dir && rundir_is(c->dir)) {
		out->rundir = path_absolute(c->dir);
		return 0;
	}
	char *spec = NULL;
	if (find_spec(&spec, e) < 0)
		return -1;
	int r = place_of_spec(spec, c, out, e);
	free(spec);
	return r;
}

void place_free(struct place *p)
{
	free(p->spec);
	free(p->rundir);
	free(p->named);
	*p = (struct place){ 0 };
}

/* Reads the spec with everything that --set says; what a table by url needs is kept in the run
 * directory. */
static struct spec *read_spec(const struct place *at, const struct common *c, struct diags *d)
{
	struct err e = ERR_INIT;
	if (at->fetches && rundir_create(at->rundir, &e) < 0)
		return diag_error(d, at->spec, 0, 0, "%s", e.text), NULL;
	char *fetched = rundir_path(at->rundir, "inputs");
	struct spec_options o = { .sets = c->sets.items, .n_sets = c->sets.n, .fetched = fetched };
	struct spec *s = spec_read(at->spec, &o, d);
	free(fetched);
	return s;
}

/* The latest published plan, or NULL when there is none; -1 on damage. */
static int load_latest(const char *rundir, struct plan **out, struct diags *d)
{
	struct err e = ERR_INIT;
	*out = NULL;
	int is = rundir_find(rundir, &e);
	if (is == 0)
		return 0;
	if (is < 0 || rundir_check(rundir, &e) < 0)
		return diag_error(d, rundir, 0, 0, "%s", e.text);
	char *plans = rundir_path(rundir, "plan");
	unsigned n = plan_latest(plans, &e);
	if (n)
		*out = plan_load(plans, n, d);
	free(plans);
	if (err_is(&e))
		return diag_error(d, rundir, 0, 0, "%s", e.text);
	return n && !*out ? -1 : 0;
}

static bool same_place(const char *a, const char *b)
{
	struct stat x, y;
	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* One file in one folder, which two mounts may show by two names. */
static bool same_spec(const struct plan *a, const char *a_path, const struct plan *b,
		      const char *b_path)
{
	return strcmp(a_path, b_path) == 0 ||
	       (same_place(a->spec->dir, b->spec->dir) && same_place(a_path, b_path));
}

/* Two specs of one name would take turns in one run directory, each writing over the other's
 * tables. */
static int refuse_other(const struct place *at, const struct plan *old, const struct plan *now,
			struct diags *d)
{
	char *mine = path_join(now->spec->dir, path_name(now->spec->path));
	char *theirs = path_join(old->spec->dir, path_name(old->spec->path));
	int r = 0;
	if (!same_spec(now, mine, old, theirs) && file_exists(theirs))
		r = diag_error(
			d, at->spec, 0, 0,
			"'%s' belongs to '%s': give this spec a name of its own (name:), or another folder (-d DIR)",
			at->rundir, theirs);
	free(theirs);
	free(mine);
	return r;
}

struct plan *plan_now(const struct place *at, const struct common *c, bool *published, int *code)
{
	struct diags *d = diags_new();
	struct plan *old = NULL, *now = NULL;
	*published = false;
	if (!at->spec) {
		now = plan_last(at, code);
		*published = now != NULL;
		diags_free(d);
		return now;
	}
	if (load_latest(at->rundir, &old, d) < 0)
		goto out;
	struct spec *s = read_spec(at, c, d);
	if (s)
		now = plan_draft(s, old, d);
	if (now && old && refuse_other(at, old, now, d) < 0) {
		plan_free(now);
		now = NULL;
	} else if (now && old && plan_same(now, old)) {
		plan_free(now);
		now = old;
		old = NULL;
		*published = true;
	}
out:
	*code = cmd_diags(d);
	if (!now && *code == EXIT_GOOD)
		*code = EXIT_SYSTEM;
	plan_free(old);
	diags_free(d);
	return now;
}

/* Says so when the spec is no longer what the plan froze. */
static void note_changed(const struct place *at, const struct plan *p)
{
	struct buf text = BUF_INIT;
	if (at->spec && file_read(at->spec, &text, YAML_BYTES_MAX, NULL) == 0 &&
	    !spec_has_text(p->spec, buf_str(&text), text.len))
		fprintf(stderr,
			"ppgen: note: '%s' has changed since it was last run (plan %04u is shown)\n",
			at->spec, p->number);
	buf_free(&text);
	char now[CODE_HEX];
	if (plan_code_now(p, now, NULL) == 0 && strcmp(now, p->code) != 0)
		fputs("ppgen: note: a file whose content counts has changed since then: `ppgen run` asks what older results are worth\n",
		      stderr);
}

struct plan *plan_last(const struct place *at, int *code)
{
	struct diags *d = diags_new();
	struct plan *p = NULL;
	int r = load_latest(at->rundir, &p, d);
	*code = cmd_diags(d);
	diags_free(d);
	if (r < 0 && *code == EXIT_GOOD)
		*code = EXIT_SYSTEM;
	if (!p && *code == EXIT_GOOD) {
		fprintf(stderr, "ppgen: nothing has been run in '%s' yet: `ppgen run` starts it\n",
			at->rundir);
		*code = EXIT_USAGE;
	}
	if (p)
		note_changed(at, p);
	return p;
}

int publish_draft(struct plan *p, const struct place *at, int argc, char **argv, struct err *e)
{
	struct buf prov = BUF_INIT;
	char *plans = rundir_path(at->rundir, "plan");
	provenance_put(&prov, PPGEN_VERSION, at->starts_nothing ? NULL : p->spec->dir, argc, argv);
	int r = plan_publish(p, plans, buf_str(&prov), e);
	free(plans);
	buf_free(&prov);
	return r;
}
