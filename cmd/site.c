/* SPDX-License-Identifier: MIT */
/* ppgen site: which site and which scheduler are meant, what is in force there, and where each
 * value came from. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "gen/site.h"
#include "submit/scheduler.h"

struct values {
	bool json, list;
};

static const struct opt opts[] = {
	{ 0, "list", OPT_FLAG, offsetof(struct values, list), NULL,
	  "list the sites of the file; '*' marks the one that is chosen here", NULL, 0 },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL, "print it as JSON", NULL, 0 },
	{ 0 },
};

struct view {
	struct site *site;
	struct template *template; /* NULL: none, see why */
	char *why;                 /* this template, or none */
	struct site_row *rows;
	size_t n, cap;
	struct shape_limits limits;
	struct arena *arena;
};

static void add(struct view *v, const char *key, const char *value, const char *origin)
{
	ARRAY_ROOM(v->rows, v->n, v->cap);
	v->rows[v->n++] = (struct site_row){ key, value, origin };
}

static bool has(const struct view *v, const char *key)
{
	for (size_t i = 0; i < v->n; i++)
		if (!strcmp(v->rows[i].key, key))
			return true;
	return false;
}

static void add_default(struct view *v, const char *key, const char *value, const char *origin)
{
	if (!has(v, key))
		add(v, key, value, origin);
}

/* The template that the site names, or that is found by asking. */
static void find_template(struct view *v, struct diags *d)
{
	const struct site_text named = site_scheduler(v->site);
	struct err e = ERR_INIT;
	char *name = NULL;
	if (named.value) {
		name = mem_dup(named.value);
		v->why = mem_dup(named.origin);
	} else if (scheduler_detect(&name, &v->why, &e) < 0) {
		v->why = mem_dup(e.text);
		return;
	}
	v->template = template_load(name, d);
	if (!v->template && named.value)
		fprintf(stderr, "ppgen: the template '%s' of %s cannot be used\n", name,
			named.origin);
	free(name);
}

static const char *words_text(struct view *v, const char *const *words)
{
	struct buf b = BUF_INIT;
	for (; words && *words; words++) {
		buf_puts(&b, b.len ? " " : "");
		text_put_shown(&b, *words, strlen(*words), 0);
	}
	const char *text = arena_dup(v->arena, buf_str(&b));
	buf_free(&b);
	return text;
}

static void add_template_defaults(struct view *v)
{
	const struct template *t = v->template;
	const char *origin = t ? arena_printf(v->arena, "template %s", t->name) : "default";
	add_default(v, "launch", t ? words_text(v, t->launch) : "mpiexec -n {{ranks}}", origin);
	for (size_t i = 0; t && i < t->n_options; i++)
		if (t->options[i].fallback)
			add_default(v, arena_printf(v->arena, "options.%s", t->options[i].name),
				    t->options[i].fallback, origin);
}

static void add_finaliser(struct view *v)
{
	struct resources res;
	struct buf b = BUF_INIT;
	if (!site_finalises(v->site))
		return;
	site_finaliser(v->site, &res);
	text_put_duration(&b, (double)res.time_s);
	add_default(v, "finaliser.time", arena_dup(v->arena, buf_str(&b)), "default");
	buf_clear(&b);
	text_put_size(&b, res.memory);
	add_default(v, "finaliser.memory", arena_dup(v->arena, buf_str(&b)), "default");
	add_default(v, "finaliser.cpus", arena_printf(v->arena, "%" PRIu64, res.cpus), "default");
	buf_free(&b);
}

static void add_said(struct view *v)
{
	struct site_row *said = NULL;
	const size_t n = site_rows(v->site, &said);
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(said[i].key, "runs")) /* with its variables filled in */
			add(v, "runs", site_runs(v->site).value, said[i].origin);
		else if (strcmp(said[i].key, "scheduler") != 0 &&
			 strcmp(said[i].key, "template") != 0)
			add(v, said[i].key, said[i].value, said[i].origin);
	}
}

/* What the site says, then what holds where it says nothing. */
static void fill_rows(struct view *v)
{
	static const char *const defaults[][2] = {
		{ "runs", "runs/ beside the spec" },
		{ "scratch", "in the run directory" },
		{ "environment", "submitter" },
		{ "start_spread", "10s" },
		{ "submit.slots", "chosen for each array" },
		{ "submit.elements", "chosen for each array" },
		{ "submit.element_time", "chosen for each array" },
		{ "submit.max_running", "no limit" },
	};
	add_said(v);
	add_template_defaults(v);
	for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++)
		add_default(v, defaults[i][0], defaults[i][1], "default");
	add_finaliser(v);
}

/* Those of a task that asks for nothing special. */
static void fill_limits(struct view *v, const struct site_settings *s)
{
	const struct job_values values = { .text = {
						   [JOB_ACCOUNT] = s->text[SITE_ACCOUNT].value,
						   [JOB_PARTITION] = s->text[SITE_PARTITION].value,
						   [JOB_QOS] = s->text[SITE_QOS].value,
					   } };
	for (int k = 0; k < LIMIT_COUNT; k++)
		v->limits.of[k] = UINT64_MAX;
	if (v->template)
		scheduler_limits(v->template, &values, &v->limits);
	site_limits(v->site, &v->limits);
}

static void put_limit(struct buf *b, const struct view *v, int kind)
{
	const uint64_t most = v->limits.of[kind];
	if (most == UINT64_MAX)
		buf_puts(b, "none is known");
	else if (kind == LIMIT_TIME)
		text_put_duration(b, (double)most);
	else
		text_put_count(b, most);
	if (most != UINT64_MAX && v->limits.origin[kind])
		buf_printf(b, "  (%s)", v->limits.origin[kind]);
	buf_putc(b, '\n');
}

static void put_head(struct buf *b, const struct view *v)
{
	const char *name = site_name(v->site);
	buf_printf(b, "site       %s: %s\n", name ? name : "none", site_chosen(v->site));
	if (v->template)
		buf_printf(b, "scheduler  %s: %s\ntemplate   %s\n", v->template->name, v->why,
			   v->template->origin);
	else
		buf_printf(b, "scheduler  none: %s\n", v->why);
}

/* What to write where nothing was written yet. */
static void put_example(struct buf *b, const struct view *v)
{
	char *path = site_file();
	if (file_exists(path)) {
		free(path);
		return;
	}
	buf_printf(b,
		   "\nA site file would be read from '%s' (see ppgen-sites(5)), for example:\n\n",
		   path);
	buf_puts(b, "\tdefault: cluster\n\tsites:\n\t  cluster:\n");
	if (v->template)
		buf_printf(b, "\t    scheduler: %s\n", v->template->name);
	buf_puts(b, "\t    account: project-17\n"
		    "\t    partition: normal\n"
		    "\t    runs: /scratch/$USER/runs\n"
		    "\t    submit: {max_running: 100}\n"
		    "\t    when:\n"
		    "\t      - {if: gpus > 0, partition: gpu}\n");
	free(path);
}

static void put_text(struct buf *b, const struct view *v)
{
	put_head(b, v);
	buf_puts(b, "\nsettings, and where each comes from\n");
	for (size_t i = 0; i < v->n; i++) {
		buf_printf(b, "  %-20s ", v->rows[i].key);
		text_put_shown(b, v->rows[i].value, strlen(v->rows[i].value), 100);
		buf_printf(b, "  (%s)\n", v->rows[i].origin);
	}
	buf_puts(b, "\nlimits of arrays, and who says so\n");
	for (int k = 0; k < LIMIT_COUNT; k++) {
		buf_printf(b, "  %-20s ", limit_names[k]);
		put_limit(b, v, k);
	}
	put_example(b, v);
}

static void put_json(struct buf *b, const struct view *v)
{
	buf_puts(b, "{\"site\":");
	json_puts(b, site_name(v->site));
	json_put_key(b, "chosen");
	json_puts(b, site_chosen(v->site));
	json_put_key(b, "scheduler");
	json_puts(b, v->template ? v->template->name : NULL);
	json_put_key(b, "why");
	json_puts(b, v->why);
	json_put_key(b, "template");
	json_puts(b, v->template ? v->template->origin : NULL);
	json_put_key(b, "settings");
	buf_putc(b, '{');
	for (size_t i = 0; i < v->n; i++) {
		json_put_key(b, v->rows[i].key);
		buf_puts(b, "{\"value\":");
		json_puts(b, v->rows[i].value);
		buf_puts(b, ",\"from\":");
		json_puts(b, v->rows[i].origin);
		buf_putc(b, '}');
	}
	buf_puts(b, "},\"limits\":{");
	for (int k = 0; k < LIMIT_COUNT; k++) {
		if (v->limits.of[k] == UINT64_MAX)
			continue;
		json_put_key(b, limit_names[k]);
		buf_printf(b, "{\"value\":%" PRIu64 ",\"from\":", v->limits.of[k]);
		json_puts(b, v->limits.origin[k]);
		buf_putc(b, '}');
	}
	buf_puts(b, "}}\n");
}

static void put_list(struct buf *b, const struct site *site, bool json)
{
	const char *const *names = NULL;
	const int n = site_names(site, &names);
	const char *chosen = site_name(site);
	if (json)
		buf_putc(b, '[');
	for (int i = 0; i < n; i++) {
		const bool here = chosen && !strcmp(names[i], chosen);
		if (json) {
			json_put_sep(b);
			buf_puts(b, "{\"site\":");
			json_puts(b, names[i]);
			buf_printf(b, ",\"chosen\":%s}", here ? "true" : "false");
		} else {
			buf_printf(b, "%c %s\n", here ? '*' : ' ', names[i]);
		}
	}
	if (json)
		buf_puts(b, "]\n");
	else if (!n)
		fprintf(stderr, "ppgen: no sites: %s\n", site_chosen(site));
}

/*
 * Whether what the site says fits the template, for a task that asks for nothing special and for
 * the finaliser: an option that the template does not have is told here, and not only when somebody
 * submits.
 */
static int fill(struct view *v, struct err *e)
{
	const struct resources task = { .cpus = 1, .nodes = 1 };
	struct resources finaliser;
	struct site_settings s;
	site_finaliser(v->site, &finaliser);
	if (site_settings(v->site, v->template, &finaliser, true, &s, e) < 0)
		return -1;
	free(s.options);
	if (site_settings(v->site, v->template, &task, false, &s, e) < 0)
		return -1;
	free(s.options);
	fill_rows(v);
	fill_limits(v, &s);
	return 0;
}

static int show(struct site *site, bool json, struct buf *b)
{
	struct view v = { .site = site, .arena = arena_new() };
	struct diags *d = diags_new();
	struct err e = ERR_INIT;
	find_template(&v, d);
	int code = cmd_diags(d);
	if (code == EXIT_GOOD && fill(&v, &e) < 0)
		code = cmd_fail(&e);
	else if (code == EXIT_GOOD && json)
		put_json(b, &v);
	else if (code == EXIT_GOOD)
		put_text(b, &v);
	diags_free(d);
	template_free(v.template);
	free(v.why);
	free(v.rows);
	arena_free(v.arena);
	return code;
}

static int run(int argc, char **argv)
{
	struct values o = { 0 };
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	int code;
	if (cmd_parse(&cmd_site, &argc, argv, &o, &code))
		return code;
	if (argc > 2) {
		err_bad(&e, "one site is shown at a time: --list names them all");
		return cmd_fail(&e);
	}
	struct diags *d = diags_new();
	struct site *site = site_load(argv[1], d);
	code = cmd_diags(d);
	diags_free(d);
	if (!site)
		return code;
	if (o.list)
		put_list(&b, site, o.json);
	else
		code = show(site, o.json, &b);
	fputs(buf_str(&b), stdout);
	buf_free(&b);
	site_free(site);
	return code;
}

const struct command cmd_site = {
	.name = "site",
	.args = "[NAME]",
	.summary = "show which site and scheduler are meant, and what is in force there",
	.about =
		"Shows which site of the site file is chosen and why, which scheduler is used and why, every setting with where it comes from, and the "
		"limits that the scheduler reports. Nothing is submitted.\n\n"
		"The site is NAME, else what PPGEN_SITE names, else the first whose `hosts` match this machine, else the file's `default`. The file is "
		"$XDG_CONFIG_HOME/ppgen/sites.yaml, or what PPGEN_SITES names; ppgen-sites(5) describes it. Where it names no scheduler, every template is "
		"asked whether its scheduler is here.",
	.opts = opts,
	.run = run,
};
