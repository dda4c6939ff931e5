/* SPDX-License-Identifier: MIT */
/*
 * What an element says in its log: who and where it is, failures (one line a cause: thousands of
 * tasks fail for the same reason), how far it is now and then, and how it ended. Plain lines; a
 * line is one write.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/text.h"
#include "run/worker_internal.h"

#define LINE_S       60.0
#define CAUSES_SHOWN 20
#define PARAMS_SHOWN 200
#define VALUE_SHOWN  40

struct cause {
	char *why;
	uint64_t n;
};

struct worker_log {
	const struct worker_options *o;
	double began, next_line; /* monotonic */
	uint64_t said;           /* tasks that had ended at the last line */
	struct cause causes[CAUSES_SHOWN];
	size_t n_causes;
	uint64_t n_other; /* failures by causes that are not shown */
	struct buf text;
};

struct worker_log *worker_log_new(const struct worker_options *o)
{
	struct worker_log *l = mem_alloc(sizeof *l);

	l->o = o;
	l->began = proc_monotonic();
	l->next_line = l->began + LINE_S;
	return l;
}

void worker_log_free(struct worker_log *l)
{
	if (!l) {
		return;
	}
	for (size_t i = 0; i < l->n_causes; i++) {
		free(l->causes[i].why);
	}
	buf_free(&l->text);
	free(l);
}

static void line_begin(struct worker_log *l)
{
	buf_clear(&l->text);
	buf_puts(&l->text, "ppgen: ");
}

/* A log that cannot be written is no reason to stop. */
static void line_end(struct worker_log *l)
{
	buf_putc(&l->text, '\n');
	(void)file_write_fd(STDERR_FILENO, l->text.data, l->text.len, "stderr", NULL);
}

void worker_log_note(struct worker_log *l, const char *text)
{
	line_begin(l);
	buf_puts(&l->text, text);
	line_end(l);
}

static void put_counted(struct buf *b, uint64_t n, const char *noun)
{
	text_put_count(b, n);
	buf_printf(b, " %s%s", noun, n == 1 ? "" : "s");
}

/* Behind a comma, where there are any. */
static void put_some(struct buf *b, uint64_t n, const char *what)
{
	if (n) {
		buf_puts(b, ", ");
		text_put_count(b, n);
		buf_printf(b, " %s", what);
	}
}

/* ---- the beginning ---- */

void worker_log_begin(struct worker_log *l, const struct capacity *c, double end, unsigned run)
{
	const struct worker_options *o = l->o;
	const struct submission_array *a = &o->submission->arrays[o->array - 1];
	struct buf *b = &l->text;

	line_begin(l);
	buf_printf(b, "submission %u, array %u, element %" PRIu64, o->submission->number, o->array,
		   o->element);
	if (run > 1) {
		buf_printf(b, " (start %u)", run);
	}
	if (o->job[0]) {
		buf_puts(b, ", job ");
		text_put_shown(b, o->job, strlen(o->job), 100);
	}
	buf_printf(b, " on %s: up to ", proc_host());
	put_counted(b, a->slots, "task");
	buf_puts(b, " at a time, ");
	put_counted(b, c->cpus, "cpu");
	buf_printf(b, " (%s)", c->cpus_by);
	if (c->memory) {
		buf_puts(b, ", ");
		text_put_size(b, c->memory);
		buf_puts(b, " of memory");
	}
	if (c->n_gpus) {
		buf_puts(b, ", ");
		put_counted(b, c->n_gpus, "gpu");
	}
	if (end > 0) {
		const double left = end - proc_monotonic();

		buf_puts(b, ", until ");
		proc_put_time(b, proc_unix_ms() + (uint64_t)(left > 0 ? left * 1000 : 0));
	}
	line_end(l);
}

/* ---- what happens ---- */

static void put_params(struct buf *b, const struct plan *p, const struct point *pt)
{
	const size_t from = b->len;

	for (size_t k = 0; k < pt->n; k++) {
		if (b->len - from > PARAMS_SHOWN) {
			buf_puts(b, ", ...");
			break;
		}
		buf_printf(b, "%s%s=", k ? ", " : " (", space_name(p->spec->space, k));
		text_put_shown(b, pt->values[k].text, pt->values[k].len, VALUE_SHOWN);
	}
	if (pt->n > 0) {
		buf_putc(b, ')');
	}
}

static void say_failure(struct worker_log *l, const struct pool_event *ev)
{
	struct cause *c = l->causes;

	while (c < l->causes + l->n_causes && strcmp(c->why, ev->why) != 0) {
		c++;
	}
	if (c == l->causes + CAUSES_SHOWN) {
		l->n_other++;
		return;
	}
	if (c < l->causes + l->n_causes) {
		c->n++;
		return;
	}
	*c = (struct cause){ mem_dup(ev->why), 1 };
	l->n_causes++;
	line_begin(l);
	buf_printf(&l->text, "%s failed: ", ev->task->shown);
	text_put_shown(&l->text, ev->why, strlen(ev->why), 0);
	put_params(&l->text, l->o->plan, &ev->task->point);
	line_end(l);
}

static void say_counts(struct worker_log *l, const struct pool_event *ev, double now)
{
	struct buf *b = &l->text;

	l->next_line = now + LINE_S;
	if (ev->done == l->said) {
		return;
	}
	l->said = ev->done;
	line_begin(l);
	proc_put_time(b, proc_unix_ms());
	buf_puts(b, ": ");
	text_put_count(b, ev->ok);
	buf_puts(b, " good");
	put_some(b, ev->failed, "failed");
	put_some(b, ev->running, "running");
	line_end(l);
}

void worker_log_event(struct worker_log *l, const struct pool_event *ev)
{
	const double now = proc_monotonic();

	if (ev->kind == POOL_END && !ev->retried && outcome_is_failure(ev->outcome)) {
		say_failure(l, ev);
	} else if (ev->kind == POOL_STOPPING) {
		worker_log_note(l, ev->text);
	}
	if (now >= l->next_line) {
		say_counts(l, ev, now);
	}
}

/* ---- the end ---- */

static void say_causes(struct worker_log *l)
{
	for (size_t i = 0; i < l->n_causes; i++) {
		if (l->causes[i].n > 1) {
			line_begin(l);
			put_counted(&l->text, l->causes[i].n, "task");
			buf_puts(&l->text, " failed so: ");
			text_put_shown(&l->text, l->causes[i].why, strlen(l->causes[i].why), 0);
			line_end(l);
		}
	}
	if (l->n_other) {
		line_begin(l);
		put_counted(&l->text, l->n_other, "more task");
		buf_puts(&l->text, " failed, by causes that are not shown");
		line_end(l);
	}
}

static const char *end_reason(const struct worker_report *r)
{
	return r->sum.stopped_by_system     ? "the system failed"
	       : r->sum.stopped_by_signal   ? "told to end"
	       : r->sum.stopped_by_failures ? "too many failures"
	       : r->out_of_time             ? "out of time"
	       : r->nothing_to_do           ? "there is nothing to do"
					    : "nothing is left to take";
}

void worker_log_end(struct worker_log *l, const struct worker_report *r)
{
	struct buf *b = &l->text;

	say_causes(l);
	line_begin(l);
	buf_printf(b, "end: %s", end_reason(r));
	if (r->sum.attempts) {
		buf_puts(b, ": ");
		text_put_count(b, r->sum.ok);
		buf_puts(b, " good");
		put_some(b, r->sum.failed, "failed");
		put_some(b, r->sum.interrupted, "interrupted");
		buf_puts(b, ", of ");
		put_counted(b, r->chunks, "chunk");
		buf_puts(b, ", in ");
		text_put_duration(b, proc_monotonic() - l->began);
	}
	line_end(l);
}
