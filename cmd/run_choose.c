/* SPDX-License-Identifier: MIT */
/* ppgen run: which tasks have work to do, and what older results are worth. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/describe.h"
#include "cmd/failures.h"
#include "cmd/run_session.h"

int session_scan(struct session *s, struct err *e)
{
	struct scan_options o = { .judge = true };
	if (s->scanned)
		scan_free(&s->scan);
	s->scanned = false;
	if (scan_fold(s->at.rundir, s->plan, &o, &s->scan, e) < 0)
		return -1;
	s->scanned = true;
	return 0;
}

/* --stale was said where nothing is stale (any more): what was decided before stands. */
static void note_decided(const struct session *s)
{
	const struct plan *p = s->plan;
	bool keep = s->o->stale && !strcmp(s->o->stale, "keep");
	if (keep && p->n_rerun)
		fputs("ppgen: note: --stale=keep finds nothing: --stale=rerun was said of older results before\n",
		      stderr);
	else if (s->o->stale && !keep && p->n_keep)
		fputs("ppgen: note: --stale=rerun finds nothing: --stale=keep was said of older results before; --force runs tasks again\n",
		      stderr);
}

/* Results by older code: asks, or does what --stale says and remembers it in a new plan. */
int session_settle(struct session *s, struct err *e)
{
	struct buf b = BUF_INIT;
	uint64_t tasks = 0;
	for (size_t i = 0; i < s->scan.n_stale; i++) {
		tasks += s->scan.stale[i].tasks;
		if (s->o->stale && !strcmp(s->o->stale, "keep"))
			plan_add_keep(s->plan, s->scan.stale[i].code);
		else if (s->o->stale)
			plan_add_rerun(s->plan, s->scan.stale[i].code);
	}
	if (!s->scan.n_stale) {
		note_decided(s);
		return 0;
	}
	if (!s->o->stale && s->o->dry) {
		put_counted(&b, tasks, "task");
		fprintf(stderr,
			"ppgen: note: %s %s results of older code: run will ask for --stale=keep or --stale=rerun\n",
			buf_str(&b), tasks == 1 ? "has" : "have");
		buf_free(&b);
		return 0;
	}
	if (!s->o->stale) {
		put_counted(&b, tasks, "task");
		err_bad(e,
			"%s in '%s' %s results of older code (the command, environment or an input has changed since): "
			"accept them with --stale=keep, or run them again with --stale=rerun",
			buf_str(&b), s->at.rundir, tasks == 1 ? "has" : "have");
		buf_free(&b);
		return -1;
	}
	s->plan->number = 0; /* a draft again, to be published under a number of its own */
	s->published = false;
	return session_scan(s, e);
}

static void mark(struct selection *sel, uint64_t i)
{
	sel->bits[i / 64] |= UINT64_C(1) << (i % 64);
	sel->count++;
}

/* Good when it ran, and not by the `results:` of now. Its output is kept: to run it again would
 * change nothing. */
static bool is_unread(struct session *s, const struct task_state *t)
{
	struct record r;
	return t->outcome == OUTCOME_INVALID && t->flags & TASK_REREAD &&
	       scan_read(&s->scan, t->file, t->offset, &r, NULL) == 0 && r.outcome == OUTCOME_OK;
}

/* What is selected and has no good result (or all that is selected, with --force). */
int session_choose(struct session *s, struct err *e)
{
	uint64_t from, to, lacking = 0;
	if (read_index_range(s->o->index, s->scan.count, &from, &to, e) < 0 ||
	    select_tasks(s->plan, s->o->tasks.items, s->o->tasks.n, s->o->only, &s->sel, e) < 0)
		return -1;
	if (s->o->index)
		selection_narrow(&s->sel, s->scan.count, from, to);
	s->todo.bits = mem_array(s->scan.count / 64 + 1, sizeof *s->todo.bits);
	s->unread.bits = mem_array(s->scan.count / 64 + 1, sizeof *s->unread.bits);
	for (uint64_t i = 0; i < s->scan.count; i++) {
		if (!selected(&s->sel, i))
			continue;
		bool full = s->o->first && s->todo.count == s->o->first;
		if (full && s->scan.count > CLASSES_WALK_MAX)
			break; /* to count the good ones of 10^9 would take longer than to run the
				  first ten */
		const struct task_state *t = &s->scan.tasks[i];
		bool good = t->outcome == OUTCOME_OK;
		s->good += good;
		lacking += t->outcome == OUTCOME_NONE && t->flags & TASK_REREAD;
		if (!good && !s->o->force && is_unread(s, t))
			mark(&s->unread, i);
		else if (!full && (!good || s->o->force))
			mark(&s->todo, i);
	}
	bool rerun = s->o->force || (s->o->stale && !strcmp(s->o->stale, "rerun"));
	if (lacking && !rerun && !s->o->dry)
		return err_bad(
			e,
			"%llu good result%s a file or value that `results:` asks for now and did not then: take it out again, or run "
			"these tasks again with --stale=rerun",
			(unsigned long long)lacking, lacking == 1 ? " lacks" : "s lack");
	return 0;
}

/* The pool's source: the tasks to do in their order, those that failed before last, so that they
 * cannot keep the others from their turn. */
int session_next(void *arg, uint64_t *index, unsigned *attempt, unsigned *upto, struct err *e)
{
	struct session *s = arg;
	(void)e;
	if (s->given == s->todo.count)
		return 0;
	for (;; s->next++) {
		if (s->next == s->scan.count) {
			s->failed_turn = true;
			s->next = 0;
		}
		if (selected(&s->todo, s->next) &&
		    outcome_is_failure(s->scan.tasks[s->next].outcome) == s->failed_turn)
			break;
	}
	const struct task_state *t = &s->scan.tasks[s->next];
	s->given++;
	*index = s->next++;
	*attempt = t->attempts + 1u;
	*upto = s->o->force ? t->attempts : 0;
	return 1;
}

/* Whether any of these has no good result. */
bool session_any_bad(const struct session *s, const struct selection *of)
{
	uint64_t left = of->count;
	for (uint64_t i = 0; left && i < s->scan.count; i++) {
		if (!selected(of, i))
			continue;
		if (s->scan.tasks[i].outcome != OUTCOME_OK)
			return true;
		left--;
	}
	return false;
}
