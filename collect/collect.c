/* SPDX-License-Identifier: MIT */
/*
 * The collector. Mostly every task gives the same columns, and quick.c writes the tables in one
 * walk. Where that is not so there are two, over the tasks in their order: the first finds the
 * columns and whether everything can be read, the second writes. Tables get their names at the very
 * end, when all of them are written and synced.
 */
#include "collect/collect.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "collect/collection.h"
#include "collect/place.h"
#include "collect/summary.h"
#include "collect/tally.h"
#include "store/rundir.h"

/* ---- what is to be made ---- */

static size_t source_of(const struct spec *s, const char *from)
{
	for (size_t k = 0; from && k < s->results.n_files; k++)
		if (strcmp(s->results.files[k].name, from) == 0)
			return k + 1;
	return 0;
}

/* The spec's outputs, or the one that was asked for. */
static int choose_tables(struct collection *c, struct err *e)
{
	const struct output *outputs = c->spec->outputs;
	size_t n = c->spec->n_outputs;

	if (c->options->to) {
		c->main.to = c->options->to;
		if (writer_format_of(c->main.to, c->options->format, &c->main.format, e) < 0)
			return -1;
		outputs = &c->main;
		n = 1;
	}
	c->tables = mem_array(n, sizeof *c->tables);
	c->n_tables = n;
	for (size_t i = 0; i < n; i++) {
		c->tables[i] = (struct table){ .o = &outputs[i],
					       .source = source_of(c->spec, outputs[i].from) };
		if (!c->columns[c->tables[i].source])
			c->columns[c->tables[i].source] = columns_new(c->spec->space);
	}
	return 0;
}

static int collection_init(struct collection *c, struct scan *s, const struct collect_options *o,
			   struct err *e)
{
	*c = (struct collection){ .scan = s, .options = o, .spec = s->plan->spec };
	c->gather = gather_new(s);
	c->n_sources = c->spec->results.n_files + 1;
	c->columns = mem_array(c->n_sources, sizeof *c->columns);
	c->lost = mem_alloc(s->count / 8 + 1);
	return choose_tables(c, e);
}

static void collection_release(struct collection *c)
{
	for (size_t i = 0; i < c->n_tables; i++) {
		writer_free(c->tables[i].w);
		summary_free(c->tables[i].summary);
	}
	for (size_t k = 0; k < c->n_sources; k++)
		columns_free(c->columns[k]);
	gather_free(c->gather);
	free(c->columns);
	free(c->tables);
	free(c->lost);
}

/* ---- the walks ---- */

static bool is_lost(const struct collection *c, uint64_t i)
{
	return c->lost[i / 8] >> (i % 8) & 1;
}

struct walk {
	struct collection *c;
	size_t source;
	gather_fn fn;
};

/* Gives every row of every source that a table is from to fn. GATHER_LOST ends it, as an error
 * does. */
static int walk_task(struct walk *w, uint64_t index, struct err *e)
{
	struct collection *c = w->c;
	int rc = gather_open(c->gather, index, e);

	for (w->source = 0; rc == 0 && w->source < c->n_sources; w->source++)
		if (c->columns[w->source])
			rc = gather_rows(c->gather, w->source, w->fn, w, e);
	return rc;
}

static int note_row(void *arg, struct gather_task *t, const struct row *row, struct err *e)
{
	struct walk *w = arg;

	return columns_note(w->c->columns[w->source], t, row, e);
}

/* One first walk. Returns how many tasks turned out to be lost, or -1. */
static long note_rows(struct collection *c, struct err *e)
{
	struct walk w = { .c = c, .fn = note_row };
	long lost = 0;

	for (size_t k = 0; k < c->n_sources; k++)
		if (c->columns[k])
			columns_clear(c->columns[k]);
	for (uint64_t i = 0; i < c->scan->count; i++) {
		struct err why = ERR_INIT;
		int rc;

		if (c->scan->tasks[i].outcome != OUTCOME_OK || is_lost(c, i))
			continue;
		rc = walk_task(&w, i, &why);
		if ((rc == GATHER_LOST || (rc < 0 && why.kind == ERR_BAD)) && c->options->partial) {
			c->lost[i / 8] |= (uint8_t)(1u << (i % 8));
			lost++;
		} else if (rc == GATHER_LOST) {
			c->n_lost++;
			return err_bad(
				e,
				"%s: this result is lost: `ppgen run --force --task TASK`, or --partial",
				why.text);
		} else if (rc < 0) {
			return why.kind == ERR_SYSTEM ? err_fail(e, "%s", why.text)
						      : err_bad(e, "%s", why.text);
		}
	}
	c->n_lost += (uint64_t)lost;
	return lost;
}

static int refuse_gap(const struct collection *c, size_t source, const struct column_gap *gap,
		      struct err *e)
{
	struct buf has = BUF_INIT, lacks = BUF_INIT, name = BUF_INIT;

	text_put_shown(&name, gap->column.name, gap->column.len, 80);
	gather_put_index(c->spec->space, gap->lacks, GATHER_PARAMS_SHOWN, &lacks);
	gather_put_index(c->spec->space, gap->has, GATHER_PARAMS_SHOWN, &has);
	if (gap->has == gap->lacks)
		err_bad(e,
			"%s: some of its rows have no column '%s', others have: --partial leaves such cells empty",
			lacks.data, name.data);
	else
		err_bad(e, "%s has no column '%s', but %s has: --partial leaves such cells empty",
			lacks.data, name.data, has.data);
	if (source)
		err_wrap(e, "%s", c->spec->results.files[source - 1].name);
	buf_free(&name);
	buf_free(&has);
	buf_free(&lacks);
	return -1;
}

/* The columns of all tables. A task that is lost has no say in them, so the walk is done again
 * without it. */
static int find_columns(struct collection *c, struct err *e)
{
	struct column_gap gap;
	long lost;

	while ((lost = note_rows(c, e)) > 0) {
	}
	if (lost < 0)
		return -1;
	for (size_t k = 0; !c->options->partial && k < c->n_sources; k++)
		if (c->columns[k] && columns_gap(c->columns[k], &gap))
			return refuse_gap(c, k, &gap, e);
	return 0;
}

/* ---- tables ---- */

static void name_columns(const struct collection *c, struct table *t)
{
	const struct columns *results = c->columns[t->source];

	writer_column(t->w, "task", 4);
	for (size_t k = 0; k < space_names(c->spec->space); k++)
		writer_column(t->w, space_name(c->spec->space, k),
			      strlen(space_name(c->spec->space, k)));
	writer_column(t->w, "seed", 4);
	for (size_t k = 0; k < columns_count(results); k++)
		writer_column(t->w, columns_get(results, k).name, columns_get(results, k).len);
}

int table_open(struct collection *c, struct table *t, struct err *e)
{
	char *base, *path;

	if (t->o->n_stats) {
		t->summary = summary_new(t->o, c->spec->space, c->columns[t->source], e);
		if (!t->summary)
			return -1;
	}
	if (c->options->to) {
		path = mem_dup(t->o->to);
	} else {
		base = rundir_path(c->scan->rundir, "collect");
		path = place_make(base, t->o->to, e);
		free(base);
	}
	t->w = path ? writer_open(path, t->o->format, e) : NULL;
	free(path);
	if (t->w && !t->summary)
		name_columns(c, t);
	return t->w ? 0 : -1;
}

int table_put_row(struct writer *w, struct gather_task *t, const struct row *row, const long *order,
		  size_t n, struct err *e)
{
	const struct point *p = gather_point(t);
	const struct gather_text seed = gather_seed(t);

	writer_cell(w, JSON_STRING, t->shown, TASK_ID_SHOWN - 1);
	for (size_t k = 0; k < p->n; k++)
		writer_value(w, &p->values[k]);
	writer_cell(w, seed.len ? JSON_NUMBER : JSON_NULL, seed.text, seed.len);
	for (size_t k = 0; k < n; k++) {
		if (order[k] < 0)
			writer_cell(w, JSON_NULL, "", 0);
		else
			writer_cell(w, row->cells[order[k]].type, row->cells[order[k]].text,
				    row->cells[order[k]].len);
	}
	return writer_row(w, e);
}

static int write_row(void *arg, struct gather_task *t, const struct row *row, struct err *e)
{
	struct walk *w = arg;
	struct collection *c = w->c;
	const long *order = columns_order(c->columns[w->source], row);
	const size_t n = columns_count(c->columns[w->source]);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->n_tables; i++) {
		if (c->tables[i].source != w->source)
			continue;
		rc = c->tables[i].summary ? summary_row(c->tables[i].summary, t, row, order, e)
					  : table_put_row(c->tables[i].w, t, row, order, n, e);
	}
	return rc;
}

/* The second walk. */
static int write_rows(struct collection *c, struct err *e)
{
	struct walk w = { .c = c, .fn = write_row };

	for (size_t i = 0; i < c->n_tables; i++)
		if (table_open(c, &c->tables[i], e) < 0)
			return -1;
	for (uint64_t i = 0; i < c->scan->count; i++)
		if (c->scan->tasks[i].outcome == OUTCOME_OK && !is_lost(c, i) &&
		    walk_task(&w, i, e))
			return -1;
	return 0;
}

static int finish_tables(struct collection *c, struct err *e)
{
	for (size_t i = 0; i < c->n_tables; i++) {
		struct table *t = &c->tables[i];

		if (t->summary && summary_write(t->summary, t->w, e) < 0)
			return -1;
		if (writer_finish(t->w, e) < 0)
			return -1;
	}
	return 0;
}

static int publish_tables(struct collection *c, struct collect_report *out, struct err *e)
{
	out->tables = mem_array(c->n_tables, sizeof *out->tables);
	for (size_t i = 0; i < c->n_tables; i++) {
		const struct writer *w = c->tables[i].w;
		struct collected *done = &out->tables[out->n_tables++];

		done->path = mem_dup(writer_path(w));
		done->rows = writer_rows(w);
		memcpy(done->sha256, writer_sha256(w), sizeof done->sha256);
		if (writer_publish(c->tables[i].w, e) < 0)
			return -1;
	}
	return 0;
}

/* Remembers what was published; for a table that went to stdout, that is worth trying but not
 * failing for. */
static int mark_published(const struct collection *c, const struct collect_report *r, struct err *e)
{
	const bool quietly = c->options->to && strcmp(c->options->to, "-") == 0;
	const int rc = scan_mark_published(c->scan, r->tables[0].sha256, quietly ? NULL : e);

	return quietly ? 0 : rc;
}

/* Tables that somebody began, and was killed. */
static void sweep(const char *rundir)
{
	char *path = rundir_path(rundir, "collect");

	file_sweep(path);
	free(path);
}

int collect_run(struct scan *s, const struct collect_options *o, struct collect_report *out,
		struct err *e)
{
	struct collection c;
	int rc;

	*out = (struct collect_report){ .expected = 0 };
	if (!o->to)
		sweep(s->rundir);
	rc = collection_init(&c, s, o, e);
	if (rc == 0)
		rc = tally_tasks(s, o->partial, out, e);
	if (rc == 0)
		rc = quick_write(&c, e);
	if (rc == QUICK_NOT && (rc = find_columns(&c, e)) == 0)
		rc = write_rows(&c, e);
	if (rc == 0)
		rc = finish_tables(&c, e);
	if (rc == 0)
		rc = publish_tables(&c, out, e);
	if (rc == 0)
		rc = mark_published(&c, out, e);
	out->merged -= c.n_lost;
	out->missing += c.n_lost;
	collection_release(&c);
	return rc;
}

void collect_report_free(struct collect_report *r)
{
	for (size_t i = 0; i < r->n_tables; i++)
		free(r->tables[i].path);
	free(r->tables);
	r->tables = NULL;
	r->n_tables = 0;
}
