/* SPDX-License-Identifier: MIT */
/* ppgen run: what people are told before, instead and after. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/describe.h"
#include "cmd/failures.h"
#include "cmd/run_session.h"

void say_begin(const struct session *s, const struct capacity *c)
{
	struct buf b = BUF_INIT;
	buf_printf(&b, "%s: ", s->plan->spec->name);
	put_counted(&b, s->sel.count, "task");
	if (s->good) {
		buf_puts(&b, ", ");
		text_put_count(&b, s->good);
		buf_puts(&b, " good already");
	}
	if (s->todo.count) {
		buf_puts(&b, ", ");
		text_put_count(&b, s->todo.count);
		buf_puts(&b, " to run");
	} else {
		buf_puts(&b, s->sel.count ? ": nothing to do"
					  : ": no task is meant by --only and --task");
	}
	if (c && s->todo.count) {
		buf_puts(&b, " on ");
		put_counted(&b, c->cpus, "processor");
		buf_printf(&b, " (%s)", c->cpus_by);
	}
	fprintf(stderr, "%s\n", buf_str(&b));
	buf_free(&b);
}

void say_unread(struct session *s)
{
	struct cause *list = NULL;
	struct buf b = BUF_INIT;
	size_t n = 0;
	if (!s->unread.count)
		return;
	buf_puts(&b, "ppgen: ");
	put_counted(&b, s->unread.count, "task");
	buf_printf(
		&b,
		" %s good until `results:` changed, and what %s wrote is kept: correct `results:`, or run again with --force\n",
		s->unread.count == 1 ? "was" : "were", s->unread.count == 1 ? "it" : "they");
	if (causes_find(&s->scan, &s->unread, &list, &n, NULL) == 0)
		put_causes(&b, &s->scan, s->at.named, list, n, 3);
	causes_free(list, n);
	fputs(buf_str(&b), stderr);
	buf_free(&b);
}

#define DRY_SAMPLES 5

int put_samples(struct buf *b, struct session *s, struct err *e)
{
	uint64_t shown = 0;
	int r = 0;
	for (uint64_t i = 0; r == 0 && i < s->scan.count && shown < DRY_SAMPLES; i++) {
		if (!selected(&s->todo, i))
			continue;
		r = put_sample(b, s->plan, s->at.rundir, s->launch, i, e);
		shown++;
	}
	if (s->todo.count > shown) {
		buf_puts(b, "  ... ");
		put_counted(b, s->todo.count - shown, "more task");
		buf_putc(b, '\n');
	}
	return r;
}

int say_dry_run(struct session *s, const struct capacity *c, struct err *e)
{
	struct buf b = BUF_INIT;
	struct class *list = NULL;
	size_t n = 0;
	bool whole;
	say_begin(s, c);
	int r = classes_find(s->plan, &s->todo, &list, &n, &whole, e);
	if (r == 0 && s->todo.count) {
		put_classes(&b, list, n, whole);
		double hours = 0;
		for (size_t i = 0; i < n; i++)
			hours += (double)list[i].tasks * (double)resources_cpus(&list[i].res) *
				 (double)list[i].res.time_s / 3600;
		if (hours > 0)
			buf_printf(&b, "  at most %.1f cpu hours\n", hours);
	}
	if (r == 0)
		r = put_samples(&b, s, e);
	if (r == 0)
		fputs(buf_str(&b), stdout);
	free(list);
	buf_free(&b);
	return r;
}

/* After the pool: counts, causes, and what to do next. */
void say_end(struct session *s, const struct pool_summary *sum, double seconds, bool bad)
{
	struct buf b = BUF_INIT;
	struct cause *list = NULL;
	size_t n = 0;
	buf_printf(&b, "%s: ", s->plan->spec->name);
	put_counted(&b, sum->ok + sum->failed, "task");
	buf_puts(&b, " ended in ");
	text_put_duration(&b, seconds);
	buf_printf(&b, ": %llu good, %llu failed", (unsigned long long)sum->ok,
		   (unsigned long long)sum->failed);
	if (sum->interrupted)
		buf_printf(&b, ", %llu interrupted", (unsigned long long)sum->interrupted);
	buf_putc(&b, '\n');
	if (sum->failed && causes_find(&s->scan, &s->todo, &list, &n, NULL) == 0)
		put_causes(&b, &s->scan, s->at.named, list, n, 5);
	causes_free(list, n);
	if (sum->failed && s->o->force)
		buf_puts(
			&b,
			"where a task that was good failed now, its earlier result still counts\n");
	if (sum->stopped_by_failures)
		buf_puts(&b, "stopped: more failed than max_failures allows\n");
	if (sum->stopped_by_signal)
		buf_printf(&b, "interrupted: `ppgen run%s` goes on from here\n", s->at.named);
	else if (bad)
		buf_printf(
			&b,
			"`ppgen run%s` runs what failed or is missing again; `ppgen collect%s --partial` merges what is good\n",
			s->at.named, s->at.named);
	fputs(buf_str(&b), stderr);
	buf_free(&b);
}
