/* SPDX-License-Identifier: MIT */
/* Counting tasks, and refusing a table that would not be whole. */
#include "collect/tally.h"

#include "base/buf.h"
#include "base/text.h"
#include "collect/gather.h"

#define NAMED        3  /* tasks that are named for each cause */
#define PARAMS_SHOWN 48 /* bytes */

enum cause { CAUSE_FAILED, CAUSE_STALE, CAUSE_RUNNING, CAUSE_MISSING, CAUSE_COUNT };

struct tally {
	uint64_t count[CAUSE_COUNT];
	uint64_t named[CAUSE_COUNT][NAMED];
};

static enum cause cause_of(const struct task_state *t)
{
	if (outcome_is_failure((enum outcome)t->outcome))
		return CAUSE_FAILED;
	if (t->flags & TASK_STALE)
		return CAUSE_STALE;
	return t->flags & TASK_RUNNING ? CAUSE_RUNNING : CAUSE_MISSING;
}

static int refuse(const struct scan *s, const struct tally *t, const struct collect_report *r,
		  struct err *e)
{
	static const char *const words[CAUSE_COUNT] = { "failed", "with results of other code only",
							"still running", "without any result" };
	struct buf b = BUF_INIT;

	text_put_count(&b, r->expected);
	buf_puts(&b, " expected, ");
	text_put_count(&b, r->merged);
	buf_puts(&b, " to merge, ");
	text_put_count(&b, r->failed);
	buf_puts(&b, " failed, ");
	text_put_count(&b, r->missing);
	buf_puts(&b, " missing");
	for (size_t c = 0; c < CAUSE_COUNT; c++) {
		if (!t->count[c])
			continue;
		buf_puts(&b, "; ");
		text_put_count(&b, t->count[c]);
		buf_printf(&b, " %s: ", words[c]);
		for (uint64_t i = 0; i < t->count[c] && i < NAMED; i++) {
			buf_puts(&b, i ? ", " : "");
			gather_put_index(s->plan->spec->space, t->named[c][i], PARAMS_SHOWN, &b);
		}
		buf_puts(&b, t->count[c] > NAMED ? ", ..." : "");
	}
	err_bad(e,
		"the table would not be whole: %s: see `ppgen log TASK`, `ppgen run` again, or --partial",
		b.data);
	buf_free(&b);
	return -1;
}

int tally_tasks(const struct scan *s, bool partial, struct collect_report *out, struct err *e)
{
	struct tally t = { { 0 }, { { 0 } } };

	out->expected = s->count;
	for (uint64_t i = 0; i < s->count; i++) {
		enum cause c;

		if (s->tasks[i].outcome == OUTCOME_OK) {
			out->merged++;
			continue;
		}
		c = cause_of(&s->tasks[i]);
		if (t.count[c] < NAMED)
			t.named[c][t.count[c]] = i;
		t.count[c]++;
	}
	out->failed = t.count[CAUSE_FAILED];
	out->stale = t.count[CAUSE_STALE];
	out->running = t.count[CAUSE_RUNNING];
	out->missing = out->stale + out->running + t.count[CAUSE_MISSING];
	return partial || out->merged == out->expected ? 0 : refuse(s, &t, out, e);
}
