/* SPDX-License-Identifier: MIT */
/* {file: sites.csv}: a row of a table is a point. CSV and other delimited text here, JSON in
 * axis_json.c. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/fetch.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/inside.h"
#include "base/text.h"
#include "gen/axis_table.h"

static const struct {
	const char *name;
	enum table_format format;
} formats[] = {
	{ "csv", TABLE_CSV },      { "tsv", TABLE_TSV },   { "jsonl", TABLE_JSONL },
	{ "ndjson", TABLE_JSONL }, { "json", TABLE_JSON },
};

/* What stands behind the last dot of the file's name, of a url without its query; "" when nothing
 * does. */
static const char *ending(const struct table *t)
{
	const bool url = node_get(t->node, "url") != NULL;
	const char *path = arena_dupn(t->r->a, t->file, strcspn(t->file, url ? "?#" : ""));
	const char *dot = strrchr(path_name(path), '.');

	return dot ? dot + 1 : "";
}

static int read_format(struct table *t, const struct node *n)
{
	const char *name = n ? axis_text(t->r, n, "format") : ending(t);

	if (!name)
		return -1;
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		if (strcasecmp(formats[i].name, name) == 0) {
			t->format = formats[i].format;
			t->sep = t->format == TABLE_TSV ? '\t' : ',';
			return 0;
		}
	}
	if (n)
		return COMPLAIN(t->r, n, "unknown format '%s': there are csv, tsv, jsonl and json",
				axis_shown(t->r, name, n->len));
	if (node_get(t->node, "sep")) {
		t->format = TABLE_CSV;
		return 0;
	}
	return COMPLAIN(
		t->r, t->at,
		"the format of '%s' cannot be told by its name: write 'format: csv', tsv, jsonl or json",
		t->file);
}

static int read_sep(struct table *t, const struct node *n)
{
	static const struct {
		const char *name;
		char sep;
	} rows[] = {
		{ "space", ' ' }, { "tab", '\t' }, { "comma", ',' }, { "semicolon", ';' },
		{ " ", ' ' },     { "\t", '\t' },  { ",", ',' },     { ";", ';' },
	};

	if (!n)
		return 0;
	for (size_t i = 0; n->kind == NODE_SCALAR && i < sizeof rows / sizeof *rows; i++) {
		if (strcmp(rows[i].name, n->text) == 0) {
			t->sep = rows[i].sep;
			return t->format == TABLE_CSV || t->format == TABLE_TSV
				       ? 0
				       : COMPLAIN(t->r, n,
						  "'sep' goes with CSV and TSV, not with JSON");
		}
	}
	return COMPLAIN(t->r, n, "'sep' must be space, tab, comma or semicolon");
}

static int read_columns(struct table *t, const struct node *n)
{
	if (!n)
		return 0;
	if (n->kind != NODE_SEQ || !n->n)
		return COMPLAIN(t->r, n, "'columns' must be a list of names");
	for (size_t i = 0; i < n->n; i++) {
		const char *name = axis_text(t->r, n->items[i], "columns");

		if (!name || table_column(t, name, n->items[i]))
			return -1;
	}
	t->given = true;
	return 0;
}

int table_column(struct table *t, const char *name, const struct node *at)
{
	ARRAY_ROOM(t->columns, t->n_columns, t->cap_columns);
	t->columns[t->n_columns++] =
		(struct table_column){ arena_dup(t->r->a, name), strcmp(name, "-") != 0 };
	if (strcmp(name, "-") == 0)
		return 0;
	t->n_used++;
	if (at != t->at || (name_is_parameter(name) && !name_is_reserved(name)))
		return axis_claim(t->r, t->columns[t->n_columns - 1].name, at);
	if (strpbrk(name, ";\t"))
		return COMPLAIN(t->r, at, "'%s' has columns set off by %s: write sep: %s", t->file,
				strchr(name, ';') ? "';'" : "tabs",
				strchr(name, ';') ? "semicolon" : "tab");
	return COMPLAIN(
		t->r, at,
		"column '%s' of '%s' %s: give names by 'columns: [..]' and 'header: true' ('-' leaves a column out)",
		axis_shown(t->r, name, strlen(name)), t->file,
		name_is_parameter(name) ? "has a reserved name" : "is no parameter name");
}

struct value *table_row(struct table *t, uint64_t line)
{
	if (t->n == AXIS_ROWS_MAX || line > UINT32_MAX) {
		COMPLAIN(t->r, t->at, "'%s' has more than %" PRIu64 " rows", t->file,
			 AXIS_ROWS_MAX);
		return NULL;
	}
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 64;
		t->rows = mem_resize(t->rows, t->cap * (t->n_used + 1), sizeof *t->rows);
		t->lines = mem_resize(t->lines, t->cap, sizeof *t->lines);
	}
	t->lines[t->n] = (uint32_t)line;
	return t->rows + t->n++ * t->n_used;
}

int table_check_text(struct table *t, uint64_t line, const char *s, size_t n)
{
	if (!memchr(s, '\0', n) && text_is_utf8(s, n))
		return 0;
	return COMPLAIN(t->r, t->at, "'%s' line %" PRIu64 ": not UTF-8 text", t->file, line);
}

static int read_header(struct table *t, const struct csv *c)
{
	for (size_t k = 0; k < c->n; k++) {
		char *name;

		if (table_check_text(t, c->line, c->cells[k].text, c->cells[k].len))
			return -1;
		name = arena_dupn(t->r->a, c->cells[k].text, c->cells[k].len);
		if (table_column(t, name, t->at))
			return -1;
	}
	return 0;
}

static int read_cells(struct table *t, const struct csv *c)
{
	struct value *row;
	size_t k = 0;

	if (c->n != t->n_columns)
		return COMPLAIN(t->r, t->at, "'%s' line %zu: %zu cells where %s %zu", t->file,
				c->line, c->n, t->given ? "'columns' names" : "the header has",
				t->n_columns);
	row = table_row(t, c->line);
	if (!row)
		return -1;
	for (size_t i = 0; i < c->n; i++) {
		const struct csv_cell *cell = &c->cells[i];

		if (!t->columns[i].used)
			continue;
		if (table_check_text(t, c->line, cell->text, cell->len))
			return -1;
		row[k++] = axis_cell(t->r, cell->text, cell->len);
	}
	return 0;
}

static int read_delimited(struct table *t, const char *text, size_t len)
{
	struct err e = ERR_INIT;
	struct csv c;
	bool header = !t->given || t->header;
	int rc;

	csv_open(&c, text, len, t->sep);
	while ((rc = csv_next(&c, &e)) == 1) {
		if (header && t->given)
			rc = 0;
		else
			rc = header ? read_header(t, &c) : read_cells(t, &c);
		header = false;
		if (rc)
			break;
	}
	if (err_is(&e))
		COMPLAIN(t->r, t->at, "'%s' %s", t->file, e.text);
	csv_close(&c);
	return rc;
}

/* Where the table's bytes are: a file, or what was fetched from a url. The caller frees; NULL with
 * a complaint. */
static char *fetched_path(struct table *t, const struct node *url, const struct node *sum)
{
	const char *from = axis_text(t->r, url, "url");
	uint8_t want[SHA256_SIZE], is[SHA256_SIZE];
	char hex[SHA256_HEX];
	struct err e = ERR_INIT;
	char *path;

	if (!from)
		return NULL;
	path = fetch_url_public(from);
	t->file = arena_dup(t->r->a, path);
	free(path);
	if (!sum || sum->kind != NODE_SCALAR || sum->len != 64 || !hex_get(sum->text, 64, want)) {
		COMPLAIN(t->r, sum ? sum : url,
			 "a table by url needs 'sha256' with 64 hexadecimal digits");
		return NULL;
	}
	if (!fetch_url_allowed(from)) {
		COMPLAIN(t->r, url, "'url' must begin with https:// or http://");
		return NULL;
	}
	if (!t->r->fetched) {
		COMPLAIN(t->r, url, "a table by url cannot be read here");
		return NULL;
	}
	hex_put(hex, want, sizeof want);
	path = path_join(t->r->fetched, hex);
	if (file_exists(path) && sha256_file(path, is, NULL) == 0 &&
	    memcmp(want, is, sizeof is) == 0)
		return path;
	if (inside_check_parent(t->r->fetched, &e) == 0 && file_make_dirs(t->r->fetched, &e) == 0 &&
	    inside_check(t->r->fetched, path, &e) == 0 && fetch_file(from, hex, path, &e) == 0)
		return path;
	COMPLAIN(t->r, url, "%s", e.text);
	free(path);
	return NULL;
}

static char *table_path(struct table *t)
{
	const struct node *file = node_get(t->node, "file"), *url = node_get(t->node, "url");
	const struct node *run = node_get(t->node, "run"), *sum = node_get(t->node, "sha256");

	t->at = file ? file : url ? url : t->node;
	if (run) {
		COMPLAIN(t->r, run, "'run' is not yet supported: name the run's table by 'file'");
		return NULL;
	}
	if (!file == !url) {
		COMPLAIN(t->r, t->at,
			 file ? "a table has 'file' or 'url', not both"
			      : "a table needs 'file', as in {file: sites.csv}");
		return NULL;
	}
	if (url)
		return fetched_path(t, url, sum);
	if (sum) {
		COMPLAIN(t->r, sum, "'sha256' goes with 'url'");
		return NULL;
	}
	t->file = axis_text(t->r, file, "file");
	return t->file ? axis_path(t->r, t->file) : NULL;
}

static int read_options(struct table *t)
{
	static const char *const keys[] = { "file",   "url", "sha256", "format", "columns",
					    "header", "sep", "was",    "run" };
	int rc = axis_keys(t->r, t->node, keys, sizeof keys / sizeof *keys, "table");

	return read_format(t, node_get(t->node, "format")) ||
			       read_sep(t, node_get(t->node, "sep")) ||
			       read_columns(t, node_get(t->node, "columns")) ||
			       axis_bool(t->r, node_get(t->node, "header"), "header", &t->header) ||
			       rc
		       ? -1
		       : 0;
}

/* was: {column: value} */
static int read_was(struct table *t, const struct node *n, struct axis *out)
{
	int rc = 0;

	if (!n)
		return 0;
	if (n->kind != NODE_MAP)
		return COMPLAIN(t->r, n,
				"'was' of a table must be a mapping of columns, as in {site: 1}");
	for (size_t i = 0; i < n->n; i++) {
		size_t k = 0;

		while (k < out->n_names && strcmp(out->names[k], n->keys[i]->text) != 0)
			k++;
		if (k == out->n_names)
			rc = COMPLAIN(t->r, n->keys[i], "'%s' has no column '%s'", t->file,
				      n->keys[i]->text);
		else if (axis_value(t->r, n->items[i], &out->was[k]))
			rc = -1;
	}
	return rc;
}

static int table_finish(struct table *t, struct axis *out)
{
	const char **names;
	size_t k = 0, cells = t->n * t->n_used;

	if (!t->n_used)
		return COMPLAIN(t->r, t->at, "'%s' has no columns", t->file);
	if (!t->n)
		return COMPLAIN(t->r, t->at, "'%s' has no rows: no task would run", t->file);
	names = arena_alloc(t->r->a, t->n_used * sizeof *names);
	for (size_t i = 0; i < t->n_columns; i++)
		if (t->columns[i].used)
			names[k++] = t->columns[i].name;
	axis_set_names(t->r, out, names, k);
	out->n = t->n;
	out->rows = memcpy(arena_alloc(t->r->a, cells * sizeof *t->rows), t->rows,
			   cells * sizeof *t->rows);
	out->lines = memcpy(arena_alloc(t->r->a, t->n * sizeof *t->lines), t->lines,
			    t->n * sizeof *t->lines);
	out->file = t->file;
	return read_was(t, node_get(t->node, "was"), out);
}

int axis_read_table(struct axis_reader *r, const struct node *n, struct axis *out)
{
	struct table t = { .r = r, .node = n };
	struct file_view v = { 0 };
	char *path = NULL;
	int rc = -1;

	*out = (struct axis){ .node = n };
	if (n->kind != NODE_MAP)
		return COMPLAIN(r, n, "a table must be a mapping, as in {file: sites.csv}");
	path = table_path(&t);
	if (!path || read_options(&t))
		goto out;
	if (axis_view(r, t.at, path, t.file, &v))
		goto out;
	rc = t.format == TABLE_JSON || t.format == TABLE_JSONL ? table_read_json(&t, v.data, v.len)
							       : read_delimited(&t, v.data, v.len);
	if (axis_view_end(r, t.at, path, t.file, &v))
		rc = -1;
	if (!rc)
		rc = table_finish(&t, out);
out:
	free(t.columns);
	free(t.rows);
	free(t.lines);
	file_view_free(&v);
	free(path);
	return rc;
}
