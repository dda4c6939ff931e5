/* SPDX-License-Identifier: MIT */
/* What a task returns: on its streams, and in files. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "base/pattern.h"
#include "base/text.h"
#include "gen/spec_internal.h"

bool name_is_reserved_column(const char *name)
{
	return strcmp(name, "task") == 0 || strcmp(name, "seed") == 0 || strcmp(name, "rep") == 0;
}

/* Notes a column and complains when something else gives it too. */
static void column_add(struct reader *r, const struct node *at, const char *name,
		       const char *source)
{
	const char *seen = shown(r, name, strlen(name));

	if (name_is_reserved_column(name)) {
		COMPLAIN(r, at, "the column '%s' is ppgen's own: choose another name", seen);
		return;
	}
	for (size_t i = 0; i < r->n_names; i++)
		if (strcmp(r->names[i], name) == 0) {
			COMPLAIN(r, at,
				 "the column '%s' has the name of a parameter: choose another name",
				 seen);
			return;
		}
	for (size_t i = 0; i < r->n_columns; i++)
		if (strcmp(r->columns[i].name, name) == 0) {
			COMPLAIN(r, at,
				 "the column '%s' comes from %s and from %s: name one of them, as "
				 "in {number: NAME}",
				 seen, r->columns[i].source, source);
			return;
		}
	ARRAY_ROOM(r->columns, r->n_columns, r->columns_cap);
	r->columns[r->n_columns++] = (struct column){ name, source };
}

/* Compiles a pattern once, to check it. */
static void check_pattern(struct reader *r, const struct node *n)
{
	PCRE2_UCHAR text[256];
	PCRE2_SIZE at;
	int code;
	pcre2_code *re =
		pcre2_compile((PCRE2_SPTR)n->text, n->len, PATTERN_OPTIONS, &code, &at, NULL);

	if (!re) {
		pcre2_get_error_message(code, text, sizeof text);
		complain_at(r, n, at,
			    arena_printf(r->a, "not a regular expression: %s", (const char *)text));
		return;
	}
	pcre2_code_free(re);
}

static void read_regex(struct reader *r, const struct node *n, const char *source,
		       struct extract *x)
{
	if (!ask_map(r, n, "regex"))
		return;
	x->format = FORMAT_REGEX;
	x->regex = arena_alloc(r->a, (n->n + 1) * sizeof *x->regex);
	if (!n->n)
		COMPLAIN(r, n, "'regex' is empty: write {COLUMN: 'PATTERN'}");
	for (size_t i = 0; i < n->n; i++) {
		const struct node *key = n->keys[i], *v = n->items[i];

		if (!ask_text(r, v, arena_printf(r->a, "regex.%s", shown(r, key->text, key->len))))
			continue;
		check_pattern(r, v);
		column_add(r, key, key->text, source);
		x->regex[x->n_regex++] = (struct regex_entry){
			.column = key->text,
			.pattern = v->text,
			.pos = { v->origin, v->line, v->col },
		};
	}
}

static const struct {
	const char *word;
	enum format format;
} formats[] = {
	{ "json", FORMAT_JSON },   { "csv", FORMAT_CSV },       { "tsv", FORMAT_TSV },
	{ "jsonl", FORMAT_JSONL }, { "number", FORMAT_NUMBER }, { "text", FORMAT_TEXT },
	{ "none", FORMAT_NONE },
};
#define N_FORMATS (sizeof formats / sizeof *formats)

static enum format ask_format(struct reader *r, const struct node *n, const char *what,
			      bool last_line)
{
	static const char *const line[] = { "json", "number", "text" };
	static const enum format line_formats[] = { FORMAT_JSON, FORMAT_NUMBER, FORMAT_TEXT };
	const char *words[N_FORMATS];
	int k;

	if (last_line) {
		k = ask_choice(r, n, what, line, 3);
		return k < 0 ? FORMAT_NONE : line_formats[k];
	}
	for (size_t i = 0; i < N_FORMATS; i++)
		words[i] = formats[i].word;
	k = ask_choice(r, n, what, words, N_FORMATS);
	return k < 0 ? FORMAT_NONE : formats[k].format;
}

/* {number: NAME} or {text: NAME}. */
static void read_named(struct reader *r, const struct node *n, const char *what, const char *source,
		       struct extract *x)
{
	if (!ask_text(r, n, what))
		return;
	x->format = strcmp(what, "number") == 0 ? FORMAT_NUMBER : FORMAT_TEXT;
	x->column = n->text;
	column_add(r, n, n->text, source);
}

static void read_format(struct reader *r, const struct node *n, const char *what,
			const char *source, struct extract *x)
{
	x->format = ask_format(r, n, what, x->last_line);
	if (x->format == FORMAT_NUMBER || x->format == FORMAT_TEXT) {
		x->column = x->format == FORMAT_NUMBER ? "value" : "text";
		column_add(r, n, x->column, source);
	} else if (x->format != FORMAT_NONE) {
		r->columns_open = true;
	}
}

/* The last line: a format, or {number:} or {text:}. */
static void read_line(struct reader *r, const struct node *n, const char *source, struct extract *x)
{
	x->last_line = true;
	if (n->kind == NODE_MAP && n->n == 1 && (node_get(n, "number") || node_get(n, "text")))
		read_named(r, n->items[0], n->keys[0]->text, source, x);
	else
		read_format(r, n, "last_line", source, x);
}

/* A stream's value: a format, or one of {regex:}, {last_line:}, {number:}, {text:}. */
static void read_extract(struct reader *r, const struct node *n, const char *source,
			 struct extract *x)
{
	static const char *const kinds[] = { "regex", "last_line", "number", "text" };
	const char *place = arena_printf(r->a, "results.%s", source);
	const struct node *v;

	x->pos = (struct pos){ n->origin, n->line, n->col };
	if (n->kind != NODE_MAP) {
		read_format(r, n, source, source, x);
		return;
	}
	if (keys_check(r, n, "results.stdout", place))
		return;
	if (n->n != 1) {
		COMPLAIN(r, n, "'%s' wants exactly one of regex, last_line, number and text",
			 source);
		return;
	}
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!(v = node_get(n, kinds[i])))
			continue;
		if (i == 0)
			read_regex(r, v, source, x);
		else if (i == 1)
			read_line(r, v, source, x);
		else
			read_named(r, v, kinds[i], source, x);
	}
}

static const struct {
	const char *ending;
	enum format format;
} endings[] = {
	{ ".csv", FORMAT_CSV },     { ".tsv", FORMAT_TSV },      { ".json", FORMAT_JSON },
	{ ".jsonl", FORMAT_JSONL }, { ".ndjson", FORMAT_JSONL },
};

static enum format format_by_ending(const char *path)
{
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
		if (strcasecmp(dot, endings[i].ending) == 0)
			return endings[i].format;
	return FORMAT_NONE;
}

static void read_file_format(struct reader *r, const struct node *n, const struct node *path,
			     struct result_file *f)
{
	static const char *const words[] = { "csv", "tsv", "json", "jsonl" };
	static const enum format of[] = { FORMAT_CSV, FORMAT_TSV, FORMAT_JSON, FORMAT_JSONL };

	if (n) {
		const int k = ask_choice(r, n, "format", words, sizeof words / sizeof *words);

		f->format = k < 0 ? FORMAT_NONE : of[k];
		return;
	}
	f->format = format_by_ending(path->text);
	if (f->format == FORMAT_NONE)
		COMPLAIN(r, path,
			 "the format of '%s' does not show in its ending: write {path: ..., "
			 "format: csv}",
			 shown(r, path->text, path->len));
}

static void read_as(struct reader *r, const struct node *n)
{
	static const char *const words[] = { "rows", "file", "in-place" };

	if (ask_choice(r, n, "as", words, 3) > 0)
		COMPLAIN(r, n, "'as: %s' is not yet supported", n->text);
}

/* A path that is the same for every task, in a folder that is the same for every task, is written
 * by them all. */
static void warn_shared(struct reader *r, const struct node *n, const struct result_file *f)
{
	const struct spec *s = r->s;

	if (f->path && ptext_is_constant(f->path) &&
	    (!s->workdir || ptext_is_constant(s->workdir)) && s->space && space_count(s->space) > 1)
		WARN(r, n,
		     "every task writes the same file '%s': name a parameter or {task} in it, or "
		     "write "
		     "workdir: \"{scratch}\"",
		     shown(r, n->text, n->len));
}

static void read_file(struct reader *r, const struct node *key, const struct node *n,
		      struct result_file *f)
{
	const char *name = shown(r, key->text, key->len);
	const char *place = arena_printf(r->a, "results.files.%s", name);
	const struct node *path = n, *format = NULL, *as;
	bool unknown;

	f->name = key->text;
	f->pos = (struct pos){ n->origin, n->line, n->col };
	if (!is_identifier(key->text))
		COMPLAIN(r, key, "'%s' is no name for a result file: letters, digits and '_'",
			 name);
	if (n->kind == NODE_MAP && !(n->n == 1 && node_is_null(n->items[0]))) {
		unknown = keys_check(r, n, "results.files.*", place) != 0;
		format = node_get(n, "format");
		if ((as = node_get(n, "as")))
			read_as(r, as);
		path = node_get(n, "path");
		if (!path && !unknown)
			COMPLAIN(r, n, "'path' is missing in %s", place);
		if (!path)
			return;
		place = arena_printf(r->a, "%s.path", place);
	}
	if (path->kind == NODE_SCALAR && path->quoted && !path->len) {
		COMPLAIN(r, path, "the path of the result file '%s' is empty", name);
		return;
	}
	f->path = ask_ptext(r, path, place, SPECIAL_PATH);
	if (path->kind != NODE_SCALAR || node_is_null(path))
		return;
	as = n->kind == NODE_MAP ? node_get(n, "as") : NULL;
	if (!as || text_eq(as->text, as->len, "rows"))
		read_file_format(r, format, path, f);
	warn_shared(r, path, f);
}

static void read_files(struct reader *r, const struct node *map)
{
	struct results *res = &r->s->results;

	if (!ask_map(r, map, "files"))
		return;
	res->files = arena_alloc(r->a, (map->n + 1) * sizeof *res->files);
	for (size_t i = 0; i < map->n; i++)
		read_file(r, map->keys[i], map->items[i], &res->files[res->n_files++]);
}

/* `last_line: X` beside the streams is short for `stdout: {last_line: X}`. */
static void read_last_line(struct reader *r, const struct node *results, const struct node *n,
			   struct extract *x)
{
	if (node_get(results, "stdout") || node_get(results, "log")) {
		COMPLAIN(r, key_node(results, "last_line"),
			 "'last_line' stands for stdout, which is given too: write "
			 "'stdout: {last_line: ...}'");
		return;
	}
	x->pos = (struct pos){ n->origin, n->line, n->col };
	read_line(r, n, "stdout", x);
}

/* What a function returns; rows unless something else is said. */
static void read_value(struct reader *r, const struct node *n)
{
	static const char *const words[] = { "rows", "bytes", "none" };
	static const enum format of[] = { FORMAT_VALUE, FORMAT_BYTES, FORMAT_NONE };
	struct extract *x = &r->s->results.stream[STREAM_VALUE];
	int k = 0;

	if (n)
		k = ask_choice(r, n, "value", words, 3);
	x->format = k < 0 ? FORMAT_NONE : of[k];
	if (n)
		x->pos = (struct pos){ n->origin, n->line, n->col };
	if (x->format == FORMAT_VALUE)
		r->columns_open = true;
}

/* The value is a function's result; everything else has streams. */
static void check_streams(struct reader *r, const struct node *results)
{
	static const char *const streams[] = { "stdout", "stderr", "log", "last_line" };

	for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
		if (node_get(results, streams[i]))
			COMPLAIN(r, key_node(results, streams[i]),
				 "the value that the function returns is the result: leave '%s' "
				 "out",
				 streams[i]);
	}
}

void read_results(struct reader *r)
{
	const struct node *n = node_get(r->root, "results"), *out, *err, *log, *k;
	struct results *res = &r->s->results;

	if (r->s->start == START_FUNCTION)
		read_value(r, n && n->kind == NODE_MAP ? node_get(n, "value") : NULL);
	if (!n || !ask_map(r, n, "results"))
		return;
	keys_check(r, n, "results", "results");
	if (r->s->start == START_FUNCTION)
		check_streams(r, n);
	else if (node_get(n, "value"))
		COMPLAIN(r, key_node(n, "value"),
			 "'value' is what a function returns, and none is called: use 'stdout' "
			 "or 'files'");
	out = node_get(n, "stdout");
	err = node_get(n, "stderr");
	log = node_get(n, "log");
	if (log && (out || err))
		COMPLAIN(r, key_node(n, "log"),
			 "'log' is both streams: it cannot stand beside '%s'",
			 out ? "stdout" : "stderr");
	if (out)
		read_extract(r, out, "stdout", &res->stream[STREAM_STDOUT]);
	if (err)
		read_extract(r, err, "stderr", &res->stream[STREAM_STDERR]);
	if (log) {
		res->log = true;
		read_extract(r, log, "log", &res->stream[STREAM_STDOUT]);
	}
	if ((k = node_get(n, "last_line")))
		read_last_line(r, n, k, &res->stream[STREAM_STDOUT]);
	if ((k = node_get(n, "files")))
		read_files(r, k);
}
