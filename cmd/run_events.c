/* SPDX-License-Identifier: MIT */
/* ppgen run --json. */
#include "cmd/run_events.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/proc.h"

#define MOMENT_S   0.25               /* a task that runs for so long is told to have begun */
#define STEP       ((size_t)4096)     /* a pipe that is ready takes so much at once */
#define GOOD_MOST  1000               /* values in a line */
#define WAITS_MOST ((size_t)64 << 20) /* bytes; from there on the reader is waited for */

struct begun { /* runs, and was not told yet */
	char shown[TASK_ID_SHOWN];
	uint64_t index;
	unsigned attempt;
	double at;
};

/* Good values that stand one behind the other in a file, and were not told yet. */
struct good {
	size_t n;
	char *file; /* NULL: none yet */
	uint64_t offset, end;
	struct buf index, length;
};

struct run_events {
	int fd;        /* -1: nobody reads any more */
	bool together; /* good values are told many at a time */
	struct good good;
	bool planned; /* the first line was told */
	struct buf text;
	size_t written; /* of it */
	size_t sure;    /* what stands before it was recorded */
	struct begun *begun;
	size_t n, cap;
};

struct run_events *run_events_new(int fd, bool together)
{
	struct run_events *x = mem_alloc(sizeof *x);

	x->fd = fd;
	x->together = together;
	return x;
}

/* ---- writing ---- */

static void forget(struct run_events *x)
{
	buf_clear(&x->text);
	x->written = x->sure = 0;
}

/* Drops what was written, once it is the larger part. */
static void move_up(struct run_events *x)
{
	const size_t left = x->text.len - x->written;

	if (x->written > left) {
		memmove(x->text.data, x->text.data + x->written, left);
		x->text.len = left;
		x->sure -= x->written;
		x->written = 0;
	}
}

/* Writes what can be written now; with `all`, everything. */
static void flush(struct run_events *x, bool all)
{
	const size_t end = all ? x->text.len : x->sure;

	while (x->fd >= 0 && x->written < end) {
		const size_t left = end - x->written;
		struct pollfd p = { .fd = x->fd, .events = POLLOUT };
		ssize_t n;

		if (poll(&p, 1, all || left > WAITS_MOST ? -1 : 0) == 0) {
			move_up(x);
			return;
		}
		n = write(x->fd, x->text.data + x->written, left < STEP ? left : STEP);
		if (n > 0) {
			x->written += (size_t)n;
		} else if (n < 0 && errno != EINTR && errno != EAGAIN) {
			x->fd = -1;
		}
	}
	if (x->fd < 0 || x->written == x->text.len) {
		forget(x);
	}
}

static void line_end(struct run_events *x)
{
	buf_puts(&x->text, "}\n");
	if (x->text.len - x->written > WAITS_MOST) {
		flush(x, false);
	}
}

static void put_u64(struct buf *b, const char *key_and_colon, uint64_t v)
{
	buf_puts(b, key_and_colon);
	buf_put_u64(b, v);
}

static void put_good(struct run_events *x)
{
	struct good *g = &x->good;
	struct buf *b = &x->text;

	if (g->n == 0) {
		return;
	}
	buf_puts(b, "{\"event\":\"good\",\"file\":");
	json_puts(b, g->file);
	put_u64(b, ",\"offset\":", g->offset);
	buf_puts(b, ",\"index\":[");
	buf_add(b, g->index.data, g->index.len);
	buf_puts(b, "],\"length\":[");
	buf_add(b, g->length.data, g->length.len);
	buf_putc(b, ']');
	g->n = 0;
	line_end(x);
}

static void add_good(struct run_events *x, const struct pool_event *ev)
{
	struct good *g = &x->good;

	if (g->n == GOOD_MOST ||
	    (g->n > 0 && (ev->value_offset != g->end || strcmp(g->file, ev->value_file) != 0))) {
		put_good(x);
	}
	if (g->n++ == 0) {
		if (!g->file || strcmp(g->file, ev->value_file) != 0) {
			free(g->file);
			g->file = mem_dup(ev->value_file);
		}
		g->offset = ev->value_offset;
		buf_clear(&g->index);
		buf_clear(&g->length);
	}
	put_u64(&g->index, g->n > 1 ? "," : "", ev->task->point.index);
	put_u64(&g->length, g->n > 1 ? "," : "", ev->value_len);
	g->end = ev->value_offset + ev->value_len;
}

/* All that was said is recorded. */
static void flush_sure(struct run_events *x)
{
	put_good(x);
	x->sure = x->text.len;
	flush(x, false);
}

static void put_task(struct run_events *x, const char *event, const char *shown, uint64_t index,
		     unsigned attempt)
{
	put_good(x);
	buf_puts(&x->text, "{\"event\":\"");
	buf_puts(&x->text, event);
	buf_puts(&x->text, "\",\"task\":\"");
	buf_puts(&x->text, shown);
	put_u64(&x->text, "\",\"index\":", index);
	put_u64(&x->text, ",\"attempt\":", attempt);
}

/* ---- the pool's events ---- */

static void forget_start(struct run_events *x, const struct task *t)
{
	for (size_t i = 0; i < x->n; i++) {
		if (x->begun[i].index == t->point.index && x->begun[i].attempt == t->attempt) {
			x->begun[i] = x->begun[--x->n];
			return;
		}
	}
}

static void note_start(struct run_events *x, const struct task *t)
{
	struct begun *b;

	forget_start(x, t); /* it was passed by, and begins now */
	ARRAY_ROOM(x->begun, x->n, x->cap);
	b = &x->begun[x->n++];
	memcpy(b->shown, t->shown, sizeof b->shown);
	b->index = t->point.index;
	b->attempt = t->attempt;
	b->at = proc_monotonic();
}

static void put_starts(struct run_events *x)
{
	const double now = x->n ? proc_monotonic() : 0;
	size_t n = 0;

	for (size_t i = 0; i < x->n; i++) {
		const struct begun *b = &x->begun[i];

		if (now - b->at < MOMENT_S) {
			x->begun[n++] = *b;
			continue;
		}
		put_task(x, "start", b->shown, b->index, b->attempt);
		line_end(x);
	}
	x->n = n;
}

static void put_end(struct run_events *x, const struct pool_event *ev)
{
	struct buf *b = &x->text;

	forget_start(x, ev->task);
	if (x->together && ev->outcome == OUTCOME_OK && ev->value_file && !ev->row) {
		add_good(x, ev);
		return;
	}
	put_task(x, "end", ev->task->shown, ev->task->point.index, ev->task->attempt);
	buf_printf(b, ",\"outcome\":\"%s\",\"retried\":%s,\"wall\":%.4f",
		   outcome_names[ev->outcome], ev->retried ? "true" : "false", ev->wall);
	if (ev->why && *ev->why) {
		buf_puts(b, ",\"why\":");
		json_puts(b, ev->why);
	}
	if (ev->row) {
		buf_puts(b, ",\"row\":");
		buf_add(b, ev->row, ev->row_len);
	} else if (ev->value_file) {
		buf_puts(b, ",\"value\":[");
		json_puts(b, ev->value_file);
		put_u64(b, ",", ev->value_offset);
		put_u64(b, ",", ev->value_len);
		buf_putc(b, ']');
	}
	line_end(x);
}

void run_events_pool(struct run_events *x, const struct pool_event *ev)
{
	if (x->fd < 0) {
		return;
	}
	switch (ev->kind) {
	case POOL_START:
		note_start(x, ev->task);
		break;
	case POOL_END:
		put_end(x, ev);
		break;
	case POOL_STOPPING:
		put_good(x);
		buf_puts(&x->text, "{\"event\":\"stopping\",\"text\":");
		json_puts(&x->text, ev->text);
		line_end(x);
		break;
	case POOL_TICK:
		put_starts(x);
		flush_sure(x);
		break;
	case POOL_IDLE:
		flush_sure(x);
		break;
	case POOL_UNRECORDED:
		x->text.len = x->sure;
		x->good.n = 0;
		break;
	}
}

/* ---- before and after ---- */

void run_events_plan(struct run_events *x, const struct session *s)
{
	struct buf *b = x ? &x->text : NULL;

	if (!x) {
		return;
	}
	x->planned = true;
	put_u64(b, "{\"event\":\"plan\",\"plan\":", s->plan->number);
	put_u64(b, ",\"tasks\":", s->sel.count);
	put_u64(b, ",\"good\":", s->good);
	put_u64(b, ",\"todo\":", s->todo.count);
	buf_puts(b, ",\"run\":");
	json_puts(b, s->at.rundir);
	line_end(x);
	flush_sure(x);
}

void run_events_summary(struct run_events *x, const struct session *s, int code)
{
	struct buf *b = x ? &x->text : NULL;
	uint64_t ok = 0, failed = 0;

	if (!x || !x->planned) {
		return;
	}
	for (uint64_t i = 0; s->scanned && i < s->scan.count; i++) {
		if (selected(&s->sel, i)) {
			ok += s->scan.tasks[i].outcome == OUTCOME_OK;
			failed += outcome_is_failure(s->scan.tasks[i].outcome);
		}
	}
	put_good(x);
	put_u64(b, "{\"event\":\"summary\",\"ok\":", ok);
	put_u64(b, ",\"failed\":", failed);
	put_u64(b, ",\"interrupted\":", s->sum.interrupted);
	put_u64(b, ",\"missing\":", s->sel.count - ok - failed);
	put_u64(b, ",\"exit\":", (uint64_t)code);
	line_end(x);
	flush(x, true);
}

void run_events_free(struct run_events *x)
{
	if (!x) {
		return;
	}
	put_good(x);
	flush(x, true);
	buf_free(&x->text);
	buf_free(&x->good.index);
	buf_free(&x->good.length);
	free(x->good.file);
	free(x->begun);
	free(x);
}
