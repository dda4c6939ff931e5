/* SPDX-License-Identifier: MIT */
/*
 * Progress for people. A terminal has one line that is drawn again, at most ten times a second: the
 * pool must not wait for a slow one. Elsewhere, a line every ten seconds and one at the end.
 */
#include "run/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/text.h"

#define DRAW_S          0.1
#define LINE_S          10.0
#define RATE_S          1.0 /* the rate is measured over this at least */
#define RATE_WEIGHT     0.3 /* of the newest measurement */
#define FAILURES_SHOWN  5
#define BAR_MIN         10
#define BAR_MAX         40
#define COLUMNS_DEFAULT 80
#define VALUE_SHOWN     40
#define PARAMS_SHOWN    200
#define ID_SHORT        9  /* 't' and 8 digits: enough to find one of 10^4 tasks, */
#define ID_LONG         13 /* and of 10^6 */
#define MANY_TASKS      10000

struct progress {
	const struct plan *plan;
	int fd;
	bool quiet, terminal;
	bool drawn;              /* the bar stands on the terminal's line */
	double begin, next_draw; /* monotonic; NEXT_DRAW also of plain lines */
	double rate, rate_since; /* ends a second, smoothed; < 0: not known yet */
	uint64_t rate_done, line_done;
	unsigned failures;
	struct buf text;
};

struct progress *progress_new(const struct plan *plan, int fd, bool quiet)
{
	struct progress *p = mem_alloc(sizeof *p);

	p->plan = plan;
	p->fd = fd;
	p->quiet = quiet;
	p->terminal = isatty(fd) == 1;
	p->begin = p->rate_since = proc_monotonic();
	p->next_draw = p->terminal ? p->begin : p->begin + LINE_S;
	p->rate = -1;
	return p;
}

/* Nobody may be there to read it: then it is lost, and the run goes on. */
static void show(struct progress *p)
{
	const char *at = buf_str(&p->text);
	size_t left = p->text.len;

	while (left > 0) {
		const ssize_t n = write(p->fd, at, left);

		if (n < 0 && errno == EINTR) {
			continue; /* no test: the pool blocks the signals that have handlers */
		}
		if (n <= 0) {
			break;
		}
		at += n;
		left -= (size_t)n;
	}
	buf_clear(&p->text);
}

static void put_clear(struct progress *p)
{
	if (p->drawn) {
		buf_puts(&p->text, "\r\033[K");
		p->drawn = false;
	}
}

static void measure(struct progress *p, const struct pool_event *ev, double now)
{
	const double t = now - p->rate_since;
	double fresh;

	if (t < RATE_S) {
		return;
	}
	fresh = (double)(ev->done - p->rate_done) / t;
	p->rate = p->rate < 0 ? fresh : p->rate + RATE_WEIGHT * (fresh - p->rate);
	p->rate_since = now;
	p->rate_done = ev->done;
}

/* "52/s", "2.5/min", "3/h". */
static void put_rate(struct buf *b, double per_second)
{
	static const struct {
		double seconds;
		const char *name;
	} units[] = { { 1, "s" }, { 60, "min" }, { 3600, "h" } };
	size_t i = 0;

	while (i < 2 && per_second * units[i].seconds < 1) {
		i++;
	}
	buf_printf(b, per_second * units[i].seconds < 9.95 ? "%.1f/%s" : "%.0f/%s",
		   per_second * units[i].seconds, units[i].name);
}

/* "120/400  3 failed  52/s  ETA 5s"; what is not known yet is left out. */
static void put_numbers(struct buf *b, const struct progress *p, const struct pool_event *ev,
			const char *gap, double now)
{
	text_put_count(b, ev->done);
	buf_putc(b, '/');
	text_put_count(b, ev->total);
	if (ev->failed) {
		buf_puts(b, gap);
		text_put_count(b, ev->failed);
		buf_puts(b, " failed");
	}
	if (ev->done == 0 || now - p->begin < RATE_S) {
		return;
	}
	buf_puts(b, gap);
	/* The latest rate; where a task takes long, the mean says more. */
	put_rate(b, p->rate > 1 ? p->rate : (double)ev->done / (now - p->begin));
	if (ev->done < ev->total) {
		buf_printf(b, "%sETA ", gap);
		text_put_duration(b, (double)(ev->total - ev->done) * (now - p->begin) /
					     (double)ev->done);
	}
}

static size_t columns(const struct progress *p)
{
	struct winsize w;

	return ioctl(p->fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : COLUMNS_DEFAULT;
}

static void put_bar(struct progress *p, const struct pool_event *ev, double now)
{
	struct buf numbers = BUF_INIT;
	const size_t wide = columns(p);
	size_t bar, full;

	put_numbers(&numbers, p, ev, "  ", now);
	buf_putc(&p->text, '\r');
	/* Brackets, a blank, and the last column, which would wrap on some terminals. */
	if (numbers.len + BAR_MIN + 4 <= wide) {
		bar = wide - numbers.len - 4;
		bar = bar > BAR_MAX ? BAR_MAX : bar;
		full = ev->total ? (size_t)((double)bar * (double)ev->done / (double)ev->total)
				 : bar;
		full = full > bar ? bar : full;
		buf_putc(&p->text, '[');
		for (size_t i = 0; i < bar; i++) {
			buf_putc(&p->text, i < full ? '#' : '.');
		}
		buf_puts(&p->text, "] ");
	}
	buf_add(&p->text, numbers.data, numbers.len < wide ? numbers.len : wide - 1);
	buf_puts(&p->text, "\033[K");
	buf_free(&numbers);
	p->drawn = true;
}

static void draw(struct progress *p, const struct pool_event *ev, double now)
{
	const bool last = ev->done == ev->total && ev->kind == POOL_END;

	if (p->quiet) {
		return;
	}
	measure(p, ev, now);
	if (p->terminal && (now >= p->next_draw || last)) {
		put_bar(p, ev, now);
		p->next_draw = now + DRAW_S;
	} else if (!p->terminal && (now >= p->next_draw || last) &&
		   (ev->done > p->line_done || !last)) {
		put_numbers(&p->text, p, ev, ", ", now);
		buf_putc(&p->text, '\n');
		p->line_done = ev->done;
		p->next_draw = now + LINE_S;
	}
}

static void put_params(struct buf *b, const struct plan *plan, const struct point *pt)
{
	const size_t from = b->len;

	for (size_t k = 0; k < pt->n; k++) {
		if (b->len - from > PARAMS_SHOWN) {
			buf_puts(b, ", ...");
			break;
		}
		buf_printf(b, "%s%s=", k ? ", " : "", space_name(plan->spec->space, k));
		text_put_shown(b, pt->values[k].text, pt->values[k].len, VALUE_SHOWN);
	}
}

static void put_failure(struct progress *p, const struct pool_event *ev)
{
	const int digits = ev->total > MANY_TASKS ? ID_LONG : ID_SHORT;
	const struct task *t = ev->task;

	if (++p->failures > FAILURES_SHOWN + 1) {
		return;
	}
	put_clear(p);
	p->next_draw = p->terminal ? 0 : p->next_draw;
	if (p->failures > FAILURES_SHOWN) {
		buf_puts(&p->text, "more failures are not shown one by one\n");
		return;
	}
	buf_printf(&p->text, "%.*s failed: ", digits, t->shown);
	text_put_shown(&p->text, ev->why, strlen(ev->why), 0);
	if (t->point.n > 0) {
		buf_puts(&p->text, " (");
		put_params(&p->text, p->plan, &t->point);
		buf_putc(&p->text, ')');
	}
	buf_putc(&p->text, '\n');
}

void progress_event(void *progress, const struct pool_event *ev)
{
	struct progress *p = progress;

	if (ev->kind == POOL_END && !ev->retried && outcome_is_failure(ev->outcome)) {
		put_failure(p, ev);
	} else if (ev->kind == POOL_STOPPING) {
		put_clear(p);
		buf_printf(&p->text, "%s\n", ev->text);
		p->next_draw = p->terminal ? 0 : p->next_draw;
	}
	draw(p, ev, proc_monotonic());
	show(p);
}

void progress_free(struct progress *p)
{
	if (!p) {
		return; /* no test: its only user has made one */
	}
	put_clear(p);
	show(p);
	buf_free(&p->text);
	free(p);
}
