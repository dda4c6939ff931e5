/* SPDX-License-Identifier: MIT */
/*
 * ppgen results: what each task gave, one line a task. A program that reads it (--json) finds the
 * value that a function returned in the line itself, or is told where its bytes are.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "cmd/failures.h"
#include "store/output.h"

struct values {
	struct common common;
	bool failed, json;
	const char *only, *index;
};

static const struct opt opts[] = {
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "print an object a task, with its parameters and where its value is", NULL, 0 },
	{ 0, "failed", OPT_FLAG, offsetof(struct values, failed), NULL, "the tasks that failed",
	  NULL, 0 },
	{ 0, "only", OPT_TEXT, offsetof(struct values, only), "EXPR",
	  "the tasks for which EXPR holds, as in `where:`", NULL, 0 },
	{ 0, "index", OPT_TEXT, offsetof(struct values, index), "A-B",
	  "the tasks with the indexes A to B", NULL, 0 },
	COMMON_DIR,
	COMMON_SITE,
	{ 0 },
};

#define SHOWN_MOST 160 /* bytes of a row or a cause on a line for people */
#define WRITE_STEP ((size_t)64 << 10)

struct lister {
	const struct values *o;
	const struct plan *plan;
	struct scan scan;
	struct point point;
	int digits; /* of the last index */
	struct buf out, why, path;
};

/* One task, as its line tells it. */
struct result {
	uint64_t index;
	const struct task_state *state;
	enum outcome outcome; /* OUTCOME_NONE: there is no result */
	char shown[TASK_ID_SHOWN];
	struct record rec;   /* not of OUTCOME_NONE */
	struct json wall, v; /* its members */
	struct json row;     /* JSON_NONE: there is none, or the value is more than that */
	bool pointed;        /* the lister's point is this task's */
};

/* ---- one task ---- */

static void load_point(struct lister *l, struct result *t)
{
	if (!t->pointed)
		space_point(l->plan->spec->space, t->index, &l->point);
	t->pointed = true;
}

static int load_why(struct lister *l, struct result *t, struct err *e)
{
	enum outcome unused;
	buf_clear(&l->why);
	if (t->outcome == OUTCOME_NONE || t->outcome == OUTCOME_OK)
		return 0;
	if (t->state->flags & TASK_REREAD)
		return scan_judge(&l->scan, t->state->file, &t->rec, &unused, &l->why, e);
	put_why(&l->why, &t->rec);
	return 0;
}

/* A row that was judged by other rules than today's is one only where it is all of a value. */
static bool row_counts(const struct lister *l, const struct record *r)
{
	return l->plan->spec->results.stream[STREAM_VALUE].format != FORMAT_NONE ||
	       strcmp(r->results, l->plan->results) == 0;
}

static int load_result(struct lister *l, uint64_t index, struct result *t, struct err *e)
{
	static const char *const members[] = { "wall", "v" };
	struct json found[2];
	uint8_t id[TASK_ID_SIZE];
	*t = (struct result){ .index = index,
			      .state = &l->scan.tasks[index],
			      .outcome = l->scan.tasks[index].outcome };
	if (t->outcome == OUTCOME_NONE) {
		load_point(l, t);
		task_id(l->plan->spec->space, &l->point, id);
		task_id_show(id, t->shown);
		return load_why(l, t, e);
	}
	if (scan_read(&l->scan, t->state->file, t->state->offset, &t->rec, e) < 0)
		return -1;
	task_id_show(t->rec.id, t->shown);
	json_get_each(t->rec.line, members, 2, found);
	t->wall = found[0];
	t->v = found[1];
	if (t->outcome == OUTCOME_OK && t->v.type == JSON_NONE && row_counts(l, &t->rec))
		t->row = record_row(&t->rec);
	return load_why(l, t, e);
}

static const char *outcome_text(const struct result *t)
{
	return t->outcome == OUTCOME_NONE ? "missing" : outcome_names[t->outcome];
}

/* Of a task without a result: what is known of it all the same; NULL: it was not begun. */
static const char *missing_state(const struct result *t)
{
	return t->state->flags & TASK_RUNNING ? "running"
	       : t->state->flags & TASK_STALE ? "stale"
	       : t->state->flags & TASK_LOST  ? "lost"
					      : NULL;
}

static unsigned attempt_of(const struct result *t)
{
	return t->outcome == OUTCOME_NONE ? t->state->attempts : t->rec.attempt;
}

/* ---- as JSON ---- */

static void put_u64(struct buf *b, const char *key_and_colon, uint64_t v)
{
	buf_puts(b, key_and_colon);
	buf_put_u64(b, v);
}

/* ["output/ab/W.out",OFFSET,LEN,"SHA256"] */
static void put_value(struct lister *l, const struct result *t)
{
	const struct piece p = record_stream(&t->rec, STREAM_VALUE);
	struct buf *path = &l->path, *b = &l->out;
	if (!p.there)
		return;
	buf_clear(path);
	output_put_place(path, l->scan.files[t->state->file].writer, &p);
	buf_puts(b, ",\"value\":[");
	json_put(b, path->data, path->len);
	put_u64(b, ",", p.offset);
	put_u64(b, ",", p.len);
	buf_puts(b, ",\"");
	buf_add(b, p.sha256 ? p.sha256 : "", p.sha256 ? SHA256_HEX - 1 : 0);
	buf_puts(b, "\"]");
}

static void put_json(struct lister *l, struct result *t)
{
	struct buf *b = &l->out;
	const struct space *sp = l->plan->spec->space;
	load_point(l, t);
	put_u64(b, "{\"index\":", t->index);
	buf_puts(b, ",\"task\":\"");
	buf_puts(b, t->shown);
	buf_puts(b, "\",\"outcome\":\"");
	buf_puts(b, outcome_text(t));
	put_u64(b, "\",\"attempt\":", attempt_of(t));
	if (t->outcome != OUTCOME_NONE) {
		put_u64(b, ",\"plan\":", t->rec.plan);
	} else if (missing_state(t)) {
		buf_puts(b, ",\"state\":\"");
		buf_puts(b, missing_state(t));
		buf_putc(b, '"');
	}
	if (t->wall.type == JSON_NUMBER) {
		buf_puts(b, ",\"wall\":");
		buf_add(b, t->wall.text, t->wall.len);
	}
	buf_puts(b, ",\"params\":{");
	for (size_t k = 0; k < space_names(sp); k++) {
		json_put_key(b, space_name(sp, k));
		value_put_json(b, &l->point.values[k]);
	}
	buf_putc(b, '}');
	if (l->why.len) {
		buf_puts(b, ",\"why\":");
		json_put(b, l->why.data, l->why.len);
	}
	if (t->row.type == JSON_OBJECT) {
		buf_puts(b, ",\"row\":");
		buf_add(b, t->row.text, t->row.len);
	} else if (t->outcome == OUTCOME_OK && t->v.type != JSON_NONE) {
		put_value(l, t);
	}
	buf_puts(b, "}\n");
}

/* ---- for people ---- */

static void put_cut(struct buf *b, const char *text, size_t len)
{
	text_put_shown(b, text, len, SHOWN_MOST);
}

static void put_heading(struct lister *l)
{
	buf_printf(&l->out, "%*s  %-17s  %-11s  %7s  result\n", l->digits, "index", "task",
		   "outcome", "attempt");
}

static void put_line(struct lister *l, const struct result *t)
{
	struct buf *b = &l->out;
	const struct piece p = t->outcome == OUTCOME_OK ? record_stream(&t->rec, STREAM_VALUE)
							: (struct piece){ .there = false };
	buf_printf(b, "%*" PRIu64 "  %-17s  %-11s  %7u  ", l->digits, t->index, t->shown,
		   outcome_text(t), attempt_of(t));
	if (l->why.len) {
		put_cut(b, l->why.data, l->why.len);
	} else if (t->row.type == JSON_OBJECT) {
		put_cut(b, t->row.text, t->row.len);
	} else if ((p.there && !p.text) ||
		   (t->outcome == OUTCOME_OK &&
		    l->plan->spec->results.stream[STREAM_VALUE].format == FORMAT_BYTES)) {
		put_counted(b, p.len, "byte");
	} else {
		buf_puts(b,
			 t->outcome == OUTCOME_NONE && missing_state(t) ? missing_state(t) : "-");
	}
	buf_putc(b, '\n');
}

/* ---- all of them ---- */

static int write_out(struct buf *b, size_t least, struct err *e)
{
	if (b->len < least || b->len == 0)
		return 0;
	if (fwrite(b->data, 1, b->len, stdout) != b->len || fflush(stdout))
		return err_errno(e, "stdout");
	buf_clear(b);
	return 0;
}

static int list(struct lister *l, const struct selection *sel, struct err *e)
{
	uint64_t from, to, last = l->scan.count ? l->scan.count - 1 : 0;
	struct result t;
	if (read_index_range(l->o->index, l->scan.count, &from, &to, e) < 0)
		return -1;
	for (l->digits = 5; last >= 100000; last /= 10)
		l->digits++; /* of "index" at least */
	if (!l->o->json)
		put_heading(l);
	for (uint64_t i = from; i < to; i++) {
		if (!selected(sel, i) ||
		    (l->o->failed && !outcome_is_failure(l->scan.tasks[i].outcome)))
			continue;
		if (load_result(l, i, &t, e) < 0)
			return -1;
		if (l->o->json)
			put_json(l, &t);
		else
			put_line(l, &t);
		if (write_out(&l->out, WRITE_STEP, e) < 0)
			return -1;
	}
	return write_out(&l->out, 1, e);
}

static int view(const struct values *o, const struct place *at, const struct plan *p,
		const char *const *words, size_t n)
{
	struct err e = ERR_INIT;
	struct lister l = { .o = o, .plan = p };
	const struct scan_options so = { .judge = true };
	struct selection sel;
	if (scan_fold(at->rundir, p, &so, &l.scan, &e) < 0)
		return cmd_fail(&e);
	point_init(&l.point, p->spec->space);
	int r = select_tasks(p, words, n, o->only, &sel, &e);
	if (r == 0) {
		r = list(&l, &sel, &e);
		selection_free(&sel);
	}
	point_free(&l.point);
	buf_free(&l.out);
	buf_free(&l.why);
	buf_free(&l.path);
	scan_free(&l.scan);
	return r < 0 ? cmd_fail(&e) : EXIT_GOOD;
}

static int run(int argc, char **argv)
{
	struct values o = { 0 };
	struct place at = { 0 };
	struct err e = ERR_INIT;
	int code;
	if (cmd_parse(&cmd_results, &argc, argv, &o, &code))
		return code;
	const int named = argc > 1 && place_is(argv[1]);
	if (place_find(named ? argv[1] : NULL, &o.common, &at, &e) < 0) {
		code = cmd_fail(&e);
	} else {
		struct plan *p = plan_last(&at, &code);
		if (p)
			code = view(&o, &at, p, (const char *const *)argv + 1 + named,
				    (size_t)(argc - 1 - named));
		plan_free(p);
	}
	place_free(&at);
	return code;
}

const struct command cmd_results = {
	.name = "results",
	.args = "[SPEC|RUNDIR] [TASK ...]",
	.summary = "list what each task gave, also while the run goes on",
	.about =
		"One line a task, in the order of their indexes: the outcome of the attempt that counts (ok, exit, signal, timeout, oom, invalid, "
		"not-started, or missing), its number, and its row, the size of its value, or why it failed. TASK is as in `ppgen log`; without "
		"any, all tasks are listed. The tables that `collect:` describes are written by `ppgen collect`.\n\n"
		"With --json: index, task, outcome, attempt, plan (that it was run by), wall (seconds), params, and why where it failed. \"row\" is "
		"the row where it stands in the journal; else \"value\" says where the value that a function returned is: "
		"[file below the run directory, offset, length, SHA-256]. Of a missing task \"state\" is running, stale or lost where it is, and "
		"\"attempt\" is the number of attempts that were begun.\n\n"
		"\tppgen results\n"
		"\tppgen results --failed runs/ising\n"
		"\tppgen results --json --index 0-99 spec.yaml",
	.opts = opts,
	.run = run,
};
