/* SPDX-License-Identifier: MIT */
/* ppgen log: what a task was, how it was started, what it said, and why it failed. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/proc.h"
#include "base/text.h"
#include "cmd/attempts.h"
#include "cmd/describe.h"
#include "cmd/failures.h"
#include "cmd/log_element.h"
#include "cmd/log_follow.h"
#include "store/journal.h"
#include "store/output.h"

struct values {
	struct common common;
	bool failed, raw_out, raw_err, raw_value, follow, json;
	uint64_t show, submission;
	const char *only, *element;
};

static const struct opt opts[] = {
	{ 0, "failed", OPT_FLAG, offsetof(struct values, failed), NULL, "the tasks that failed",
	  NULL, 0 },
	{ 0, "only", OPT_TEXT, offsetof(struct values, only), "EXPR",
	  "the tasks for which EXPR holds, as in `where:`", NULL, 0 },
	{ 'n', "show", OPT_COUNT, offsetof(struct values, show), "N",
	  "show at most N tasks (default: 10)", NULL, 1 },
	{ 0, "stdout", OPT_FLAG, offsetof(struct values, raw_out), NULL,
	  "print just the task's stdout, every byte of it", NULL, 0 },
	{ 0, "stderr", OPT_FLAG, offsetof(struct values, raw_err), NULL,
	  "print just the task's stderr, every byte of it", NULL, 0 },
	{ 0, "value", OPT_FLAG, offsetof(struct values, raw_value), NULL,
	  "print just the value that the function returned, every byte of it", NULL, 0 },
	{ 'f', "follow", OPT_FLAG, offsetof(struct values, follow), NULL,
	  "follow the stdout of a task that is running", NULL, 0 },
	{ 0, "element", OPT_TEXT, offsetof(struct values, element), "I|A.I|finalise",
	  "what element I (of array A) of the latest submission said, or its finaliser", NULL, 0 },
	{ 0, "submission", OPT_COUNT, offsetof(struct values, submission), "N",
	  "with --element: of submission N, not of the latest", NULL, 1 },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "print parameters and records as JSON, one task a line", NULL, 0 },
	COMMON_DIR,
	COMMON_SITE,
	{ 0 },
};

#define SHOWN_BYTES 65536 /* of one stream; more is cut in front */
#define SHOWN_ROWS  20    /* of a value; more is cut behind */
#define SHOWN_ROW   2000  /* bytes of a row */

struct viewer {
	const struct values *o;
	const char *rundir;
	const struct plan *plan;
	struct scan scan;
	struct output_reader *outputs;
	struct buf live; /* a spool's bytes */
};

/* The attempt that people want to see: the one that counts, else the last. */
static const struct attempt *main_attempt(struct viewer *v, uint64_t index,
					  const struct attempts *a)
{
	const struct task_state *t = &v->scan.tasks[index];
	const struct attempt *best = a->n ? &a->items[a->n - 1] : NULL;
	for (size_t i = 0; t->outcome != OUTCOME_NONE && i < a->n; i++) {
		struct record r;
		if (a->items[i].ended &&
		    !strcmp(a->items[i].writer, v->scan.files[t->file].writer) &&
		    scan_read(&v->scan, t->file, t->offset, &r, NULL) == 0 &&
		    r.attempt == a->items[i].rec.attempt)
			best = &a->items[i];
	}
	return best;
}

static const char *const spool_endings[SPOOL_COUNT] = { "out", "err" };

/* A stream's bytes: from the packed output, or from the slot's spool while it runs (or after its
 * worker died). */
static int stream_bytes(struct viewer *v, const struct attempt *a, enum stream which,
			const char **data, size_t *len, struct err *e)
{
	*data = "";
	*len = 0;
	if (a->ended) {
		struct piece p = record_stream(&a->rec, which);
		return output_get(v->outputs, a->writer, &p, true, data, len, e);
	}
	if (which == STREAM_VALUE)
		return 0;
	char *path = journal_spool_path(v->rundir, a->writer, a->rec.slot, spool_endings[which]);
	const uint64_t begin = attempt_begins(a, which);
	struct stat st;
	buf_clear(&v->live);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	free(path);
	if (fd < 0 || fstat(fd, &st) < 0) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	off_t from = st.st_size > SHOWN_BYTES ? st.st_size - SHOWN_BYTES : 0;
	if ((uint64_t)from < begin)
		from = (off_t)begin;
	buf_room(&v->live, SHOWN_BYTES);
	ssize_t n = pread(fd, v->live.data, SHOWN_BYTES, from);
	close(fd);
	if (n > 0) {
		*data = v->live.data;
		*len = (size_t)n;
	}
	return 0;
}

/* A line indented by four blanks, made printable. */
static void put_indented(struct buf *b, const char *p, const char *stop, size_t most)
{
	buf_puts(b, "    ");
	for (const char *tab; (tab = memchr(p, '\t', (size_t)(stop - p))); p = tab + 1) {
		text_put_shown(b, p, (size_t)(tab - p), 0);
		buf_putc(b, '\t');
	}
	text_put_shown(b, p, (size_t)(stop - p), most);
	buf_putc(b, '\n');
}

/* Lines indented by four blanks, made printable; only the end of long text. */
static void put_stream(struct buf *b, const char *title, const char *data, size_t len)
{
	const char *p = data, *end = data + len;
	if (!len)
		return;
	buf_printf(b, "  %s\n", title);
	if (len > SHOWN_BYTES) {
		buf_printf(b, "    ... %zu bytes before (--%s prints all)\n", len - SHOWN_BYTES,
			   title);
		p = end - SHOWN_BYTES;
	}
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;
		put_indented(b, p, stop, 0);
		p = nl ? nl + 1 : end;
	}
}

static void put_attempt(struct buf *b, const struct attempt *a)
{
	double x;
	buf_printf(b, "  attempt %-4u ", a->rec.attempt);
	if (!a->ended) {
		buf_puts(b, a->writer_dead ? "lost: its worker died" : "running");
	} else if (a->rec.outcome == OUTCOME_OK) {
		buf_puts(b, "good");
	} else {
		buf_printf(b, "%s: ",
			   a->rec.outcome == OUTCOME_INTERRUPTED || a->rec.outcome == OUTCOME_LOST
				   ? "ended"
				   : "failed");
		put_why(b, &a->rec);
	}
	if (a->ended && json_double(json_get(a->rec.line, "wall"), &x)) {
		buf_puts(b, ", ");
		text_put_duration(b, x);
	}
	if (a->ended && json_double(json_get(a->rec.line, "cpu"), &x)) {
		buf_puts(b, " (cpu ");
		text_put_duration(b, x);
		buf_puts(b, ")");
	}
	uint64_t rss;
	if (a->ended && json_u64(json_get(a->rec.line, "rss"), &rss) && rss) {
		buf_puts(b, ", peak ");
		text_put_size(b, rss);
	}
	buf_puts(b, ", ");
	proc_put_time(b, a->rec.time_ms);
	buf_printf(b, ", on %s, plan %04u\n", a->host, a->rec.plan);
}

static const char *state_name(const struct task_state *t)
{
	if (t->outcome == OUTCOME_OK)
		return "good";
	if (t->flags & TASK_RUNNING)
		return "running";
	if (t->outcome != OUTCOME_NONE)
		return "failed";
	if (t->flags & TASK_STALE)
		return "stale (only results of older code)";
	return t->flags & TASK_LOST ? "lost with its worker" : "not run yet";
}

static void put_results(const struct viewer *v, struct buf *b, const struct attempt *a)
{
	const struct results *rs = &v->plan->spec->results;
	for (size_t k = 0; a->ended && k < rs->n_files; k++) {
		struct piece p = record_piece(&a->rec, "f", rs->files[k].name);
		if (!p.there)
			continue;
		buf_printf(b, "  result file %s: ", rs->files[k].name);
		put_counted(b, p.len, "byte");
		buf_putc(b, '\n');
	}
	struct json row = record_row(&a->rec);
	if (row.type == JSON_OBJECT && !record_piece(&a->rec, "v", NULL).there)
		buf_printf(b, "  result %.*s\n", (int)row.len, row.text);
}

/* A row a line, where it is JSON. */
static void put_value_rows(struct buf *b, const char *data, size_t len, struct json value)
{
	struct json_iter it = json_iter(value);
	struct json row;
	uint64_t n = 0;
	if (value.type != JSON_ARRAY) {
		put_indented(b, data, data + len, SHOWN_ROW);
		return;
	}
	while (json_next(&it, NULL, &row)) {
		if (n++ < SHOWN_ROWS)
			put_indented(b, row.text, row.text + row.len, SHOWN_ROW);
	}
	if (n > SHOWN_ROWS) {
		buf_puts(b, "    ... ");
		put_counted(b, n - SHOWN_ROWS, "row");
		buf_puts(b, " more (--value prints all)\n");
	}
}

/* A value that is more than the row that was shown. */
static int put_value(struct viewer *v, struct buf *b, const struct attempt *a, struct err *e)
{
	struct json value;
	const char *data;
	size_t len;
	if (!a->ended || !record_piece(&a->rec, "v", NULL).there)
		return 0;
	if (stream_bytes(v, a, STREAM_VALUE, &data, &len, e) < 0)
		return -1;
	if (v->plan->spec->results.stream[STREAM_VALUE].format != FORMAT_BYTES &&
	    json_parse(data, len, &value, NULL) == 0) {
		buf_puts(b, "  value\n");
		put_value_rows(b, data, len, value);
		return 0;
	}
	buf_puts(b, "  value ");
	put_counted(b, len, "byte");
	buf_puts(b, len ? " (--value prints them)\n" : "\n");
	return 0;
}

static int show_text(struct viewer *v, uint64_t index, const struct attempts *a, struct err *e)
{
	struct buf b = BUF_INIT;
	struct task t;
	const char *data;
	size_t len;
	task_init(&t, v->plan);
	int r = task_load(&t, v->plan, index, e);
	if (r == 0) {
		buf_printf(&b, "task %" PRIu64 " %s: %s\n  ", index, t.shown,
			   state_name(&v->scan.tasks[index]));
		put_params(&b, v->plan, &t.point, 0);
		buf_putc(&b, '\n');
		r = put_command(&b, v->plan, v->rundir, NULL, index, e);
	}
	for (size_t i = 0; r == 0 && i < a->n; i++)
		put_attempt(&b, &a->items[i]);
	const struct attempt *m = main_attempt(v, index, a);
	if (r == 0 && m)
		put_results(v, &b, m);
	if (r == 0 && m)
		r = put_value(v, &b, m, e);
	for (int k = 0; r == 0 && m && k < SPOOL_COUNT; k++) {
		r = stream_bytes(v, m, (enum stream)k, &data, &len, e);
		if (r == 0)
			put_stream(&b, k == STREAM_STDERR ? "stderr" : "stdout", data, len);
	}
	if (r == 0)
		printf("%s\n", buf_str(&b));
	task_free(&t);
	buf_free(&b);
	return r;
}

static int show_json(struct viewer *v, uint64_t index, const struct attempts *a)
{
	struct buf b = BUF_INIT;
	struct point pt;
	char shown[TASK_ID_SHOWN];
	point_init(&pt, v->plan->spec->space);
	space_point(v->plan->spec->space, index, &pt);
	task_id_show(a->id, shown);
	buf_printf(&b, "{\"task\":\"%s\",\"index\":%" PRIu64 ",\"state\":", shown, index);
	json_puts(&b, state_name(&v->scan.tasks[index]));
	buf_puts(&b, ",\"parameters\":{");
	for (size_t k = 0; k < pt.n; k++) {
		json_put_key(&b, space_name(v->plan->spec->space, k));
		value_put_json(&b, &pt.values[k]);
	}
	buf_puts(&b, "},\"attempts\":[");
	for (size_t i = 0; i < a->n; i++) {
		json_put_sep(&b);
		buf_puts(&b, a->items[i].line);
	}
	buf_puts(&b, "]}\n");
	fputs(buf_str(&b), stdout);
	point_free(&pt);
	buf_free(&b);
	return 0;
}

static int show_raw(struct viewer *v, uint64_t index, const struct attempts *a, struct err *e)
{
	const struct attempt *m = main_attempt(v, index, a);
	const char *data;
	size_t len;
	const bool wanted[STREAM_COUNT] = { v->o->raw_out, v->o->raw_err, v->o->raw_value };
	for (int k = 0; m && k < STREAM_COUNT; k++) {
		if (!wanted[k])
			continue;
		if (stream_bytes(v, m, (enum stream)k, &data, &len, e) < 0)
			return -1;
		if (fwrite(data, 1, len, stdout) != len)
			return err_errno(e, "stdout");
	}
	return 0;
}

static int show_all(struct viewer *v, const struct selection *sel, struct err *e)
{
	uint64_t limit = v->o->show ? v->o->show : 10, count = 0, shown = 0;
	limit = limit < v->scan.count ? limit : v->scan.count;
	uint64_t *indexes = mem_array(limit + 1, sizeof *indexes);
	struct point pt;
	point_init(&pt, v->plan->spec->space);
	struct attempts *list = mem_array(limit + 1, sizeof *list);
	for (uint64_t i = 0; i < v->scan.count; i++) {
		if (!selected(sel, i) ||
		    (v->o->failed && !outcome_is_failure(v->scan.tasks[i].outcome)))
			continue;
		if (count++ >= limit)
			continue;
		space_point(v->plan->spec->space, i, &pt);
		task_id(v->plan->spec->space, &pt, list[shown].id);
		indexes[shown++] = i;
	}
	int r = attempts_find(v->rundir, list, shown, e);
	for (uint64_t i = 0; r == 0 && i < shown; i++) {
		if (v->o->follow)
			r = log_follow(v->rundir, &v->scan,
				       list[i].n ? &list[i].items[list[i].n - 1] : NULL, e);
		else if (v->o->raw_out || v->o->raw_err || v->o->raw_value)
			r = show_raw(v, indexes[i], &list[i], e);
		else
			r = v->o->json ? show_json(v, indexes[i], &list[i])
				       : show_text(v, indexes[i], &list[i], e);
	}
	fflush(stdout);
	if (r == 0 && count > shown)
		fprintf(stderr, "ppgen: %" PRIu64 " more tasks: -n shows more\n", count - shown);
	if (r == 0 && !count)
		fprintf(stderr, "ppgen: no task %s\n", v->o->failed ? "failed" : "is meant");
	attempts_free(list, shown);
	free(list);
	free(indexes);
	point_free(&pt);
	return r;
}

static int view(const struct values *o, const struct place *at, const struct plan *p,
		const char *const *words, size_t n)
{
	struct err e = ERR_INIT;
	struct viewer v = { .o = o, .rundir = at->rundir, .plan = p };
	struct scan_options so = { .judge = true };
	struct selection sel;
	if (n == 0 && !o->failed && !o->only) {
		err_bad(&e,
			"which task? Give an index, an id's beginning, values (T=2.5,L=64), or --failed");
		return cmd_fail(&e);
	}
	if (scan_fold(at->rundir, p, &so, &v.scan, &e) < 0)
		return cmd_fail(&e);
	v.outputs = output_reader_new(at->rundir);
	int r = select_tasks(p, words, n, o->only, &sel, &e);
	if (r == 0) {
		r = show_all(&v, &sel, &e);
		selection_free(&sel);
	}
	output_reader_free(v.outputs);
	buf_free(&v.live);
	scan_free(&v.scan);
	return r < 0 ? cmd_fail(&e) : EXIT_GOOD;
}

static int run(int argc, char **argv)
{
	struct values o = { 0 };
	struct place at = { 0 };
	struct err e = ERR_INIT;
	int code;
	if (cmd_parse(&cmd_log, &argc, argv, &o, &code))
		return code;
	bool named = argc > 1 && place_is(argv[1]);
	if (o.submission && !o.element)
		err_bad(&e, "--submission goes with --element");
	if (err_is(&e) || place_find(named ? argv[1] : NULL, &o.common, &at, &e) < 0 ||
	    (o.element && log_element(&at, o.submission, o.element, &e) < 0)) {
		code = cmd_fail(&e);
	} else if (!o.element) {
		struct plan *p = plan_last(&at, &code);
		if (p)
			code = view(&o, &at, p, (const char *const *)argv + (named ? 2 : 1),
				    (size_t)argc - (named ? 2 : 1));
		plan_free(p);
	}
	place_free(&at);
	return code;
}

const struct command cmd_log = {
	.name = "log",
	.args = "[SPEC|RUNDIR] [TASK ...]",
	.summary = "show a task: its command, attempts, output, and why it failed",
	.about =
		"TASK is an index, an id's beginning, or values as T=2.5,L=64. Shows the task's parameters, the command as it is started (it can be "
		"pasted into a shell, after what `setup:` does), every attempt, and of the attempt that counts its row or value, its stdout and "
		"its stderr.\n\n"
		"\tppgen log --failed\n"
		"\tppgen log T=2.5,L=64 --stderr\n"
		"\tppgen log --element 17\n"
		"\tppgen log --element finalise --submission 1",
	.opts = opts,
	.run = run,
};
