/* SPDX-License-Identifier: MIT */
/* The tables that collect makes. */
#include <string.h>

#include "base/text.h"
#include "gen/spec_internal.h"

static const struct {
	const char *ending;
	char format;
} endings[] = {
	{ ".csv", 'c' }, { ".tsv", 't' }, { ".jsonl", 'l' }, { ".ndjson", 'l' }, { ".json", 'j' }
};

#define PUBLISHED "published.json" /* a file of collect/ that is not the user's to name */

static const struct {
	const char *key;
	enum stat_kind kind;
} stats[] = {
	{ "mean", STAT_MEAN }, { "sd", STAT_SD },         { "sem", STAT_SEM }, { "min", STAT_MIN },
	{ "max", STAT_MAX },   { "median", STAT_MEDIAN }, { "sum", STAT_SUM },
};

/* No absolute path, no "..", no empty step. */
static bool is_inside(const char *path)
{
	for (const char *p = path;;) {
		const size_t n = strcspn(p, "/");

		if (!n || (n == 1 && *p == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		if (!p[n])
			return true;
		p += n + 1;
	}
}

static bool is_below(const char *path, const char *folder)
{
	const size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && path[n] == '/';
}

static char format_of(const char *path)
{
	const char *dot = strrchr(path, '.');

	for (size_t i = 0;
	     dot && dot > path && dot[-1] != '/' && i < sizeof endings / sizeof *endings; i++)
		if (strcmp(dot, endings[i].ending) == 0)
			return endings[i].format;
	return 0;
}

static void read_to(struct reader *r, const struct node *n, struct output *o)
{
	const char *name;

	if (!ask_text(r, n, "to"))
		return;
	name = shown(r, n->text, n->len);
	o->to = n->text;
	o->format = format_of(n->text);
	if (strpbrk(n->text, "{}"))
		COMPLAIN(r, n, "placeholders in 'to' (one file a task) are not yet supported");
	else if (!is_inside(n->text))
		COMPLAIN(r, n,
			 "'%s' must lie in the run's collect/: a path without '..' that does not "
			 "begin with '/'",
			 name);
	else if (!o->format)
		COMPLAIN(r, n,
			 "the format of '%s' does not show: let it end in .csv, .tsv, .jsonl or "
			 ".json",
			 name);
	else if (strcmp(n->text, PUBLISHED) == 0)
		COMPLAIN(r, n, "'%s' is ppgen's own: choose another name", name);
	for (const struct output *p = r->s->outputs; p < o; p++) {
		if (p->to && strcmp(p->to, n->text) == 0)
			COMPLAIN(r, n, "'%s' is written twice: choose another name", name);
		else if (p->to && (is_below(p->to, n->text) || is_below(n->text, p->to)))
			COMPLAIN(r, n,
				 "'%s' and '%s' cannot both be there: one would be a table and a "
				 "folder",
				 shown(r, p->to, strlen(p->to)), name);
	}
}

static void read_from(struct reader *r, const struct node *n, struct output *o)
{
	const struct results *res = &r->s->results;
	const char **names, *near;

	if (!ask_text(r, n, "from"))
		return;
	names = arena_alloc(r->a, (res->n_files + 1) * sizeof *names);
	for (size_t i = 0; i < res->n_files; i++) {
		names[i] = res->files[i].name;
		if (strcmp(names[i], n->text) == 0)
			o->from = n->text;
	}
	if (o->from)
		return;
	near = text_nearest(n->text, names, res->n_files);
	if (near)
		COMPLAIN(r, n, "'%s' is no result file (did you mean '%s'?)",
			 shown(r, n->text, n->len), near);
	else
		COMPLAIN(r, n,
			 "'%s' is no result file: 'from' names one of 'results: {files: ...}'",
			 shown(r, n->text, n->len));
}

static void read_by(struct reader *r, const struct node *n, struct output *o)
{
	struct buf b = BUF_INIT;
	const size_t count = n->kind == NODE_SEQ ? n->n : 1;

	o->by = arena_alloc(r->a, (count + 1) * sizeof *o->by);
	for (size_t i = 0; i < count; i++) {
		const struct node *item = n->kind == NODE_SEQ ? n->items[i] : n;
		const int k = ask_name(r, item, "by");

		if (k < 0)
			continue;
		for (size_t j = 0; j < o->n_by; j++)
			if (strcmp(o->by[j], r->names[k]) == 0)
				COMPLAIN(r, item, "'%s' is twice in 'by'", r->names[k]);
		o->by[o->n_by++] = r->names[k];
		buf_printf(&b, "%s%s", b.len ? ", " : "", r->names[k]);
	}
	o->by_text = arena_dup(r->a, buf_str(&b));
	buf_free(&b);
}

static void stat_add(struct reader *r, const struct node *at, struct output *o, struct statistic st)
{
	for (size_t i = 0; i < o->n_stats; i++)
		if (strcmp(o->stats[i].title, st.title) == 0)
			COMPLAIN(r, at, "the column '%s' is twice in this table",
				 shown(r, st.title, strlen(st.title)));
	for (size_t i = 0; i < o->n_by; i++)
		if (strcmp(o->by[i], st.title) == 0)
			COMPLAIN(r, at, "the column '%s' has the name of a parameter in 'by'",
				 shown(r, st.title, strlen(st.title)));
	o->stats[o->n_stats++] = st;
}

/* Complains of a column that no result gives, where all that they give is known. */
static void check_column(struct reader *r, const struct node *n, const struct output *o)
{
	const char **names, *near;

	if (o->from || r->columns_open || r->names_open)
		return;
	names = arena_alloc(r->a, (r->n_columns + r->n_names + 1) * sizeof *names);
	for (size_t i = 0; i < r->n_columns; i++)
		names[i] = r->columns[i].name;
	for (size_t i = 0; i < r->n_names; i++)
		names[r->n_columns + i] = r->names[i];
	for (size_t i = 0; i < r->n_columns + r->n_names; i++)
		if (strcmp(names[i], n->text) == 0)
			return;
	near = text_nearest(n->text, names, r->n_columns + r->n_names);
	if (near)
		COMPLAIN(r, n, "no result gives the column '%s' (did you mean '%s'?)",
			 shown(r, n->text, n->len), near);
	else
		COMPLAIN(r, n, "no result gives the column '%s'", shown(r, n->text, n->len));
}

static void read_columns(struct reader *r, const struct node *n, const char *what,
			 enum stat_kind kind, struct output *o)
{
	const size_t count = n->kind == NODE_SEQ ? n->n : 1;

	if (!count)
		COMPLAIN(r, n, "'%s' is empty: name columns", what);
	for (size_t i = 0; i < count; i++) {
		const struct node *c = n->kind == NODE_SEQ ? n->items[i] : n;

		if (!ask_text(r, c, what))
			continue;
		check_column(r, c, o);
		stat_add(r, c, o,
			 (struct statistic){
				 .kind = kind,
				 .column = c->text,
				 .title = arena_printf(r->a, "%s_%s", what, c->text),
			 });
	}
}

static void read_quantile(struct reader *r, const struct node *n, const char *column,
			  struct output *o)
{
	double q = -1;

	if (n->kind == NODE_SCALAR && text_is_number(n->text, n->len))
		q = text_number(n->text, n->len);
	if (!(q >= 0 && q <= 1)) {
		complain_must(r, n, "quantiles[]", "a number from 0 to 1");
		return;
	}
	stat_add(r, n, o,
		 (struct statistic){
			 .kind = STAT_QUANTILE,
			 .column = column,
			 .q = q,
			 .title = arena_printf(r->a, "q%.10g_%s", q * 100, column),
		 });
}

static void read_quantiles(struct reader *r, const struct node *map, struct output *o)
{
	if (!ask_map(r, map, "quantiles"))
		return;
	for (size_t i = 0; i < map->n; i++) {
		const struct node *list = map->items[i];

		check_column(r, map->keys[i], o);
		if (list->kind != NODE_SEQ)
			read_quantile(r, list, map->keys[i]->text, o);
		else if (!list->n)
			COMPLAIN(r, list, "'quantiles' is empty for '%s': write [0.25, 0.75]",
				 shown(r, map->keys[i]->text, map->keys[i]->len));
		for (size_t k = 0; list->kind == NODE_SEQ && k < list->n; k++)
			read_quantile(r, list->items[k], map->keys[i]->text, o);
	}
}

/* How many statistics an entry can have at most. */
static size_t stats_room(const struct node *n)
{
	size_t room = 1;

	for (size_t i = 0; i < n->n; i++) {
		room += 1 + n->items[i]->n;
		for (size_t k = 0; k < n->items[i]->n; k++)
			room += 1 + n->items[i]->items[k]->n;
	}
	return room;
}

/* The statistics, in the order in which they are written. */
static void read_stats(struct reader *r, const struct node *n, struct output *o)
{
	bool yes = false;

	o->stats = arena_alloc(r->a, stats_room(n) * sizeof *o->stats);
	for (size_t i = 0; i < n->n; i++) {
		const char *key = n->keys[i]->text;
		const struct node *v = n->items[i];

		for (size_t k = 0; k < sizeof stats / sizeof *stats; k++)
			if (strcmp(key, stats[k].key) == 0)
				read_columns(r, v, key, stats[k].kind, o);
		if (strcmp(key, "quantiles") == 0)
			read_quantiles(r, v, o);
		else if (strcmp(key, "count") == 0 && ask_true(r, v, "count", &yes) && yes)
			stat_add(r, v, o,
				 (struct statistic){ .kind = STAT_COUNT, .title = "count" });
	}
}

static void read_output(struct reader *r, const struct node *n)
{
	const size_t before = diags_errors(r->d);
	const struct node *to, *from, *by;
	struct output *o;
	bool unknown;

	if (!ask_map(r, n, "collect[]"))
		return;
	unknown = keys_check(r, n, "collect[]", "collect") != 0;
	o = &r->s->outputs[r->s->n_outputs++];
	o->pos = (struct pos){ n->origin, n->line, n->col };
	o->by_text = "";
	to = node_get(n, "to");
	from = node_get(n, "from");
	by = node_get(n, "by");
	if (to)
		read_to(r, to, o);
	else if (!unknown)
		COMPLAIN(r, n, "'to' is missing in collect: the table's file");
	if (from)
		read_from(r, from, o);
	if (by)
		read_by(r, by, o);
	read_stats(r, n, o);
	if (by && !o->n_stats && diags_errors(r->d) == before)
		COMPLAIN(r, key_node(n, "by"),
			 "'by' groups nothing: give mean, sd, sem, min, max, median, sum, "
			 "quantiles or count");
}

void read_collect(struct reader *r)
{
	const struct node *list = node_get(r->root, "collect");
	struct spec *s = r->s;

	s->outputs = arena_alloc(r->a, (list ? list->n + 1 : 1) * sizeof *s->outputs);
	if (!list) {
		s->outputs[s->n_outputs++] = (struct output){
			.to = "results.csv",
			.format = 'c',
			.by_text = "",
			.pos = { s->path, 0, 0 },
		};
		return;
	}
	s->outputs_given = true;
	if (list->kind == NODE_MAP)
		COMPLAIN(r, list, "'collect' must be a list: begin the entry with '- '");
	else if (ask_list(r, list, "collect") && !list->n)
		COMPLAIN(r, list, "'collect' is empty: leave it out for results.csv");
	for (size_t i = 0; list->kind == NODE_SEQ && i < list->n; i++)
		read_output(r, list->items[i]);
}
