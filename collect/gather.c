/* SPDX-License-Identifier: MIT */
/*
 * Rows from records. A small row stands in the record itself; all else is read from the kept
 * output, whose hash is checked, by the very reader that judged it when the attempt ended.
 */
#include "collect/gather.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/output.h"

struct gather {
	const struct scan *scan;
	struct scan_reader *records;
	const struct results *results;
	bool streams; /* the spec reads at least one */
	struct judge *judge;
	struct rows *rows; /* for rows in records */
	struct output_reader *outputs;
	struct point point;
	struct gather_task task;
	struct record record;
	const char *writer;
	struct json row; /* in the record; JSON_NONE when it holds none that counts */
};

struct gather *gather_new(const struct scan *s)
{
	static const struct extract inline_rows = { .format = FORMAT_JSON };
	struct gather *g = mem_alloc(sizeof *g);

	g->scan = s;
	g->records = scan_reader_new(s);
	g->results = &s->plan->spec->results;
	for (size_t k = 0; k < STREAM_COUNT; k++)
		g->streams |= g->results->stream[k].format != FORMAT_NONE;
	g->judge = judge_new(g->results);
	g->rows = rows_new(&inline_rows);
	g->outputs = output_reader_new(s->rundir);
	point_init(&g->point, s->plan->spec->space);
	return g;
}

void gather_free(struct gather *g)
{
	if (!g)
		return;
	scan_reader_free(g->records);
	judge_free(g->judge);
	rows_free(g->rows);
	output_reader_free(g->outputs);
	point_free(&g->point);
	free(g);
}

const struct point *gather_point(struct gather_task *t)
{
	if (!t->pointed)
		space_point(t->space, t->index, t->point);
	t->pointed = true;
	return t->point;
}

static void put_name(const struct space *s, const char *shown, const struct point *p, size_t most,
		     struct buf *b)
{
	struct buf params = BUF_INIT;

	for (size_t k = 0; k < p->n; k++) {
		buf_puts(&params, k ? ", " : "");
		buf_puts(&params, space_name(s, k));
		buf_putc(&params, '=');
		buf_add(&params, p->values[k].text, p->values[k].len);
	}
	buf_printf(b, "task %s", shown);
	if (params.len) {
		buf_puts(b, " (");
		text_put_shown(b, params.data, params.len, most);
		buf_putc(b, ')');
	}
	buf_free(&params);
}

void gather_put_name(struct gather_task *t, struct buf *b)
{
	put_name(t->space, t->shown, gather_point(t), GATHER_PARAMS_SHOWN, b);
}

void gather_put_index(const struct space *s, uint64_t index, size_t most, struct buf *b)
{
	struct point p;
	uint8_t id[TASK_ID_SIZE];
	char shown[TASK_ID_SHOWN];

	point_init(&p, s);
	space_point(s, index, &p);
	task_id(s, &p, id);
	task_id_show(id, shown);
	put_name(s, shown, &p, most, b);
	point_free(&p);
}

struct gather_text gather_seed(struct gather_task *t)
{
	if (t->record)
		t->seed = t->record->seed;
	t->record = NULL;
	if (t->seed.type != JSON_STRING)
		return (struct gather_text){ "", 0 };
	return (struct gather_text){ t->seed.text + 1, t->seed.len - 2 };
}

int gather_open(struct gather *g, uint64_t index, struct err *e)
{
	const struct task_state *state = &g->scan->tasks[index];

	g->task = (struct gather_task){ .space = g->scan->plan->spec->space,
					.index = index,
					.point = &g->point,
					.record = &g->record };
	if (scan_reader_get(g->records, state->file, state->offset, &g->record, e) < 0)
		return -1;
	g->writer = g->scan->files[state->file].writer;
	memcpy(g->task.id, g->record.id, sizeof g->task.id);
	task_id_show(g->task.id, g->task.shown);
	g->row = record_row(&g->record);
	if (strcmp(g->record.results, g->scan->plan->results) != 0)
		g->row.type = JSON_NONE; /* judged by other rules than today's */
	return 0;
}

/* ---- rows ---- */

static int get_output(void *arg, size_t which, const char **data, size_t *len, struct err *e)
{
	struct gather *g = arg;
	struct piece p;

	if (which < STREAM_COUNT)
		p = record_stream(&g->record, (enum stream)which);
	else
		p = record_piece(&g->record, "f", g->results->files[which - STREAM_COUNT].name);
	if (!p.there)
		return 1;
	return output_get(g->outputs, g->writer, &p, true, data, len, e);
}

struct give {
	struct gather *g;
	gather_fn fn;
	void *arg;
	struct err *e;
};

static int give_row(void *arg, const struct row *row)
{
	const struct give *x = arg;

	return x->fn(x->arg, &x->g->task, row, x->e) ? 1 : 0;
}

int gather_rows(struct gather *g, size_t source, gather_fn fn, void *arg, struct err *e)
{
	static const struct row nothing = { NULL, 0, 0 };
	struct give x = { g, fn, arg, e };
	struct err lost = ERR_INIT;
	struct buf name = BUF_INIT;
	const struct row *row = &nothing;
	int rc;

	if (source == 0 && (!g->streams || g->row.type == JSON_OBJECT)) {
		if (g->streams && row_from_json(g->rows, g->row, &row, e) < 0)
			return -1;
		return fn(arg, &g->task, row, e);
	}
	if (source == 0)
		rc = judge_stream_rows(g->judge, get_output, g, give_row, &x, &lost);
	else
		rc = judge_file_rows(g->judge, source - 1, get_output, g, give_row, &x, &lost);
	if (rc >= 0)
		return rc ? -1 : 0;
	gather_put_name(&g->task, &name);
	err_bad(e, "%s: %s", name.data, lost.text);
	buf_free(&name);
	return GATHER_LOST;
}
