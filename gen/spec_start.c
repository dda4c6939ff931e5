/* SPDX-License-Identifier: MIT */
/* How a task is started: command or shell, environment, setup, working folder, and the files that
 * belong to the code. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fetch.h"
#include "base/hash.h"
#include "base/text.h"
#include "gen/axis.h"
#include "gen/language.h"
#include "gen/spec_internal.h"
#include "gen/template.h"

/* Variables that a parameter of a `shell:` spec would hide. A '*' at the end stands for anything.
 */
static const char *const precious[] = {
	"PATH",
	"HOME",
	"SHELL",
	"IFS",
	"ENV",
	"BASH_ENV",
	"PWD",
	"OLDPWD",
	"USER",
	"LOGNAME",
	"HOSTNAME",
	"TMPDIR",
	"TERM",
	"LANG",
	"LANGUAGE",
	"TZ",
	"PS1",
	"PS2",
	"PS4",
	"OPTARG",
	"OPTIND",
	"SHELLOPTS",
	"BASHOPTS",
	"CDPATH",
	"UID",
	"EUID",
	"PPID",
	"RANDOM",
	"SECONDS",
	"LINENO",
	"MANPATH",
	"MODULEPATH",
	"LOADEDMODULES",
	"VIRTUAL_ENV",
	"CUDA_VISIBLE_DEVICES",
	"ROCR_VISIBLE_DEVICES",
	"LC_*",
	"LD_*",
	"PPGEN_*",
	"OMP_*",
	"MKL_*",
	"OPENBLAS_*",
	"PYTHON*",
	"CONDA_*",
	"BASH_FUNC_*",
	NULL,
};

/*
 * Those of schedulers are listed by their templates. Some call theirs QUEUE and ARC, which a sweep
 * may well vary: names without a '_' are left to it.
 */
static bool is_precious(const char *name)
{
	const struct scheduler_variables *v = template_variables();
	const size_t n = strlen(name);

	return variables_have(precious, name, n) ||
	       (strchr(name, '_') &&
		(variables_have(v->own, name, n) || variables_have(v->recorded, name, n)));
}

/* Where a parameter is written: the first key of its name under `params`. NULL when its name is not
 * a key. */
static const struct node *param_node(const struct node *n, const char *name)
{
	const struct node *found = NULL;

	for (size_t i = 0; n && i < n->n && !found; i++) {
		if (n->kind == NODE_MAP && strcmp(n->keys[i]->text, name) == 0)
			found = n->keys[i];
		else if (n->items[i]->kind != NODE_SCALAR)
			found = param_node(n->items[i], name);
	}
	return found;
}

/* Each parameter becomes an environment variable of the script. */
static void check_names(struct reader *r, const struct node *shell)
{
	if (r->names_open)
		return;
	for (size_t i = 0; i < r->n_names; i++) {
		const struct node *at = param_node(node_get(r->root, "params"), r->names[i]);

		if (is_precious(r->names[i]))
			COMPLAIN(r, at ? at : shell,
				 "the parameter '%s' would hide the environment variable of this "
				 "name in 'shell': "
				 "give it another name",
				 r->names[i]);
	}
}

static void read_command(struct reader *r, const struct node *n)
{
	r->s->start = START_COMMAND;
	warn_cut(r, n);
	ask_words(r, n, "command", SPECIAL_ALL, &r->s->command);
}

/* The interpreter's words: constants, then -c. */
static void read_with(struct reader *r, const struct node *n)
{
	struct words given = { 0 }, *out = &r->s->shell_with;
	static const char *const standard[] = { "/bin/sh" };
	struct err e = ERR_INIT;
	size_t at;

	if (n)
		ask_constant_words(r, n, "with", &given);
	out->items = arena_alloc(r->a, (given.n + 2) * sizeof *out->items);
	for (size_t i = 0; i < given.n; i++)
		out->items[out->n++] = given.items[i];
	if (!n)
		out->items[out->n++] =
			ptext_compile(r->a, standard[0], strlen(standard[0]), NULL, 0, 0, &at, &e);
	out->items[out->n++] = ptext_compile(r->a, "-c", 2, NULL, 0, 0, &at, &e);
}

/* Placeholders that scripts have as variables, and how they stand there. */
static const char *const ours[][2] = {
	{ "scratch", "\"$PPGEN_SCRATCH\"" },
	{ "keep", "\"$PPGEN_KEEP\"" },
	{ "launch", "$PPGEN_LAUNCH" },
};

/* A script gets its parameters from the environment: "{T}" in it stays as it is. */
static void warn_braces(struct reader *r, const struct node *script)
{
	for (const char *p = strchr(script->text, '{'); p; p = strchr(p + 1, '{')) {
		const size_t n = strcspn(p + 1, "}");

		if (p > script->text && p[-1] == '$')
			continue;
		for (size_t i = 0; p[n + 1] == '}' && i < sizeof ours / sizeof *ours; i++)
			if (text_eq(p + 1, n, ours[i][0])) {
				WARN(r, script, "'{%s}' is not replaced in 'shell': write %s",
				     ours[i][0], ours[i][1]);
				return;
			}
		for (size_t i = 0; p[n + 1] == '}' && i < r->n_names; i++)
			if (text_eq(p + 1, n, r->names[i])) {
				WARN(r, script, "'{%s}' is not replaced in 'shell': write \"$%s\"",
				     r->names[i], r->names[i]);
				return;
			}
	}
}

static void read_shell(struct reader *r, const struct node *n)
{
	const struct node *script = n, *with = NULL;
	bool unknown;

	r->s->start = START_SHELL;
	check_names(r, key_node(r->root, "shell"));
	if (n->kind == NODE_MAP && !(n->n == 1 && node_is_null(n->items[0]))) {
		unknown = keys_check(r, n, "shell", "shell") != 0;
		script = node_get(n, "script");
		with = node_get(n, "with");
		if (!script && !unknown)
			COMPLAIN(r, n, "'script' is missing in 'shell'");
		if (!script)
			return;
	}
	read_with(r, with);
	if (!ask_text(r, script, "shell"))
		return;
	warn_cut(r, script);
	warn_braces(r, script);
	r->s->shell = script->text;
	if (!script->text[strspn(script->text, " \t\r\n")])
		COMPLAIN(r, script, "'shell' is empty");
}

/* The k-th key that says how a task is started; NULL behind the last. */
static const char *way_at(size_t k, const struct language **language)
{
	static const char *const ways[] = { "command", "shell" };
	const size_t n = sizeof ways / sizeof *ways;

	*language = k < n ? NULL : language_at(k - n);
	return k < n ? ways[k] : *language ? (*language)->name : NULL;
}

/* Exactly one way to start. */
static void read_way(struct reader *r)
{
	const struct language *language;
	const char *first = NULL, *way;

	for (size_t i = 0; (way = way_at(i, &language)) != NULL; i++) {
		const struct node *n = node_get(r->root, way);

		if (!n)
			continue;
		if (first)
			COMPLAIN(r, key_node(r->root, way),
				 "'%s' and '%s' both say how a task is started: keep one", first,
				 way);
		else if (i == 0)
			read_command(r, n);
		else if (language)
			read_function(r, n, language);
		else
			read_shell(r, n);
		first = first ? first : way;
	}
	if (!first && !r->top_unknown)
		COMPLAIN(r, r->root,
			 "'command' is missing: it says how a task is started (or 'shell', for a "
			 "script, or '%s', for a function)",
			 language_at(0)->name);
}

static bool is_parameter(const struct reader *r, const char *name)
{
	for (size_t i = 0; i + r->n_extra < r->n_names; i++)
		if (strcmp(r->names[i], name) == 0)
			return true;
	return false;
}

static void read_env(struct reader *r)
{
	const struct node *env = node_get(r->root, "env");
	struct spec *s = r->s;

	if (!env || !ask_map(r, env, "env"))
		return;
	s->env = arena_alloc(r->a, (env->n + 1) * sizeof *s->env);
	for (size_t i = 0; i < env->n; i++) {
		const struct node *key = env->keys[i], *n = env->items[i];
		const char *what = arena_printf(r->a, "env.%s", shown(r, key->text, key->len));

		if (!is_identifier(key->text))
			COMPLAIN(r, key,
				 "'%s' is no name of an environment variable: letters, digits and "
				 "'_'",
				 shown(r, key->text, key->len));
		else if (strncmp(key->text, "PPGEN_", 6) == 0)
			COMPLAIN(r, key,
				 "'%s' is set by ppgen: names that begin with PPGEN_ are taken",
				 key->text);
		else if (node_get(r->root, "shell") && is_parameter(r, key->text))
			COMPLAIN(r, key, "'%s' is a parameter, which 'shell' gets as this variable",
				 key->text);
		if (node_is_null(n)) {
			COMPLAIN(r, n, "'%s' has no value: write \"\" for the empty text", what);
			continue;
		}
		warn_cut(r, n);
		s->env[s->n_env++] =
			(struct env_entry){ key->text, ask_ptext(r, n, what, SPECIAL_ALL) };
	}
}

static void read_setup(struct reader *r)
{
	const struct node *n = node_get(r->root, "setup");

	if (!n || !ask_text(r, n, "setup"))
		return;
	warn_cut(r, n);
	r->s->setup = n->text;
}

static void read_workdir(struct reader *r)
{
	const struct node *n = node_get(r->root, "workdir");

	if (!n)
		return;
	if (n->kind == NODE_SCALAR && n->quoted && !n->len)
		COMPLAIN(r, n, "'workdir' is empty");
	else
		r->s->workdir = ask_ptext(r, n, "workdir", SPECIAL_PATH);
}

static void read_sha256(struct reader *r, const struct node *n, struct input *in)
{
	char *digits;

	if (n->kind != NODE_SCALAR || n->len != 2 * SHA256_SIZE ||
	    n->text[strspn(n->text, "0123456789abcdefABCDEF")]) {
		COMPLAIN(r, n, "'sha256' must be 64 hexadecimal digits, as sha256sum prints them");
		return;
	}
	digits = arena_dup(r->a, n->text);
	for (char *p = digits; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	in->sha256 = digits;
}

/* A url as messages may show it. */
static const char *public_url(struct reader *r, const char *url)
{
	char *text = fetch_url_public(url);
	const char *out = shown(r, text, strlen(text));

	free(text);
	return out;
}

static void read_url(struct reader *r, const struct node *map, const struct node *n,
		     const char *name, struct input *in)
{
	const struct node *sha256 = node_get(map, "sha256");

	if (!ask_text(r, n, "url"))
		return;
	if (!fetch_url_allowed(n->text))
		COMPLAIN(r, n, "'url' must begin with http:// or https://, not '%s'",
			 public_url(r, n->text));
	in->url = n->text;
	if (node_get(map, "path"))
		COMPLAIN(r, key_node(map, "path"), "'path' and 'url' exclude each other");
	if (sha256)
		read_sha256(r, sha256, in);
	else
		COMPLAIN(r, map,
			 "'sha256' is missing: the input '%s' comes from a url, and must be known "
			 "when it arrives",
			 name);
}

static void read_path(struct reader *r, const struct node *n, const char *name, struct input *in)
{
	if (n->kind == NODE_SCALAR && fetch_is_url(n->text))
		COMPLAIN(r, n, "'%s' is a url: write %s: {url: ..., sha256: ...}",
			 public_url(r, n->text), name);
	else if (n->kind == NODE_SCALAR && n->quoted && !n->len)
		COMPLAIN(r, n, "the path of the input '%s' is empty", name);
	else
		in->path = ask_ptext(r, n, arena_printf(r->a, "inputs.%s", name), 0);
}

static void read_input(struct reader *r, const struct node *key, const struct node *n,
		       struct input *in)
{
	const char *name = shown(r, key->text, key->len);
	const char *place = arena_printf(r->a, "inputs.%s", name);
	const struct node *url, *path;
	bool unknown;

	in->name = key->text;
	in->pos = (struct pos){ n->origin, n->line, n->col };
	if (!is_identifier(key->text))
		COMPLAIN(r, key, "'%s' is no name for an input: letters, digits and '_'", name);
	if (n->kind != NODE_MAP || (n->n == 1 && node_is_null(n->items[0]))) {
		read_path(r, n, name, in);
		return;
	}
	unknown = keys_check(r, n, "inputs.*", place) != 0;
	url = node_get(n, "url");
	path = node_get(n, "path");
	if (url)
		read_url(r, n, url, name, in);
	else if (node_get(n, "sha256"))
		COMPLAIN(r, key_node(n, "sha256"), "'sha256' goes with 'url'");
	else if (path)
		read_path(r, path, name, in);
	else if (!unknown)
		COMPLAIN(r, n, "the input '%s' has neither a 'path' nor a 'url'", name);
}

/* Each input has a variable PPGEN_INPUT_<NAME> in upper case, and as a placeholder must not hide
 * one of ours. */
static void check_input_name(struct reader *r, const struct node *map, size_t at)
{
	const struct node *key = map->keys[at];

	if (name_is_reserved(key->text))
		COMPLAIN(r, key, "'%s' is reserved: choose another name for the input", key->text);
	for (size_t i = 0; i < at; i++)
		if (strcasecmp(map->keys[i]->text, key->text) == 0)
			COMPLAIN(r, key,
				 "the inputs '%s' and '%s' would have one environment variable: "
				 "choose another name",
				 shown(r, map->keys[i]->text, map->keys[i]->len),
				 shown(r, key->text, key->len));
}

/* A sweep over files whose content counts for nothing is mostly an oversight; `inputs:`, even
 * empty, says that it was thought of. */
static void warn_globs(struct reader *r, const struct node *params)
{
	for (size_t i = 0; params && params->kind == NODE_MAP && i < params->n; i++) {
		const struct node *n = params->items[i];

		if (n->kind == NODE_MAP && node_get(n, "glob"))
			WARN(r, n,
			     "the content of these files does not count: when one changes, its old result stays; write "
			     "inputs: {%s: \"{%s}\"} so that it is noticed (inputs: {} if that is meant)",
			     params->keys[i]->text, params->keys[i]->text);
		else if (strcmp(params->keys[i]->text, "grid") == 0)
			warn_globs(r, n);
	}
}

static void read_inputs(struct reader *r)
{
	const struct node *map = node_get(r->root, "inputs");
	struct spec *s = r->s;

	if (!map)
		warn_globs(r, node_get(r->root, "params"));
	if (!map || !ask_map(r, map, "inputs"))
		return;
	s->inputs = arena_alloc(r->a, (map->n + 1) * sizeof *s->inputs);
	for (size_t i = 0; i < map->n; i++) {
		check_input_name(r, map, i);
		read_input(r, map->keys[i], map->items[i], &s->inputs[s->n_inputs++]);
	}
}

/*
 * In the command and in env an input's name stands for its path, unless a parameter has that name.
 * The inputs follow the parameters in the order that launch.c gives them values in.
 */
static void read_with_inputs(struct reader *r)
{
	const char *const *names = r->names;
	const size_t n = r->n_names;
	const char **all = arena_alloc(r->a, (n + r->s->n_inputs + 1) * sizeof *all);

	for (size_t i = 0; i < n; i++)
		all[i] = names[i];
	for (size_t i = 0; i < r->s->n_inputs; i++)
		all[n + i] = r->s->inputs[i].name;
	r->names = all;
	r->n_extra = r->s->n_inputs;
	r->n_names = n + r->n_extra;
	if (node_get(r->root, "command"))
		read_way(r);
	read_env(r);
	r->names = names;
	r->n_names = n;
	r->n_extra = 0;
	if (!node_get(r->root, "command"))
		read_way(r);
}

void read_start(struct reader *r)
{
	read_inputs(r);
	read_with_inputs(r);
	read_setup(r);
	read_workdir(r);
	check_function(r);
}
