/* SPDX-License-Identifier: MIT */
/* What a submission left behind, and what of it is done again. Journals and claims are written as
 * workers write them. */
#include "tests/unit/scan_test.h"

#include "store/claim.h"
#include "store/journal.h"
#include "store/submission.h"
#include "submit/review.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define EVENTS   40
#define WRITERS  16
#define ELEMENTS 4
#define TASKS    8
#define RETRYING                                                                \
	"ppgen: 1\nparams: {T: {from: 1, to: 8, step: 1}}\ncommand: echo {T}\n" \
	"resources: {cpus: 1, memory: 1G, time: 100}\n"                         \
	"overrides:\n  - {where: T > 6, cpus: 2}\n"                             \
	"retry: {times: 2, on: [exit, timeout, oom], memory: x2, time: x1.5}\n"
#define PLAIN "ppgen: 1\nparams: {T: {from: 1, to: 8, step: 1}}\ncommand: echo {T}\n"

/* What a worker does. */
enum doing {
	NOTHING, /* the end of the table */
	BEGIN,   /* element `element` begins (again) */
	START,
	END_,
	CKPT, /* END_ after the checkpoint signal */
	TOLD, /* the element was told to end */
	CLOSE /* the element's journal */
};

struct event {
	enum doing doing;
	unsigned element, task, attempt;
	enum outcome outcome;
};

#define B(e)                      \
	{                         \
		BEGIN, e, 0, 0, 0 \
	}
#define S(e, t, a)                \
	{                         \
		START, e, t, a, 0 \
	}
#define E(e, t, a, o)                      \
	{                                  \
		END_, e, t, a, OUTCOME_##o \
	}
#define K(e, t, a)                                 \
	{                                          \
		CKPT, e, t, a, OUTCOME_INTERRUPTED \
	}
#define T(e)                     \
	{                        \
		TOLD, e, 0, 0, 0 \
	}
#define C(e)                      \
	{                         \
		CLOSE, e, 0, 0, 0 \
	}
/* an attempt from its start to its end */
#define A(e, t, a, o) S(e, t, a), E(e, t, a, o)

struct world {
	const char *dir;
	struct plan *plan;
	struct submission s;
	struct journal *all[WRITERS], *now[ELEMENTS + 1];
	size_t n;
};

/* One submission with one array of 4 elements. past: of all its tasks; NULL: none. */
static void world_begin(struct world *w, const char *dir, const char *spec,
			const struct task_run *past)
{
	static const struct task_run first = { .attempt = 1, .memory = 1, .time = 1 };
	struct task_list l = { NULL, NULL, 0, 0, 0 };
	struct err e = ERR_INIT;
	struct submission_array *a;

	*w = (struct world){ .dir = dir, .plan = make_plan(dir, spec) };
	assert_int_equal(submission_draft(dir, &w->s, &e), 0);
	w->s.plan = w->plan->number;
	w->s.program = "/usr/bin/ppgen";
	w->s.template_name = "test";
	w->s.n_arrays = 1;
	w->s.arrays = a = arena_alloc(w->s.arena, 2 * sizeof *a);
	*a = (struct submission_array){ .res = w->plan->spec->res,
					.name = "test-1",
					.tasks = TASKS,
					.chunk = 1,
					.chunks = TASKS,
					.slots = 2,
					.elements = ELEMENTS,
					.first = 1,
					.time = 600,
					.reserve = 60 };
	for (unsigned i = 0; i < TASKS; i++) {
		task_list_add(&l, i, past ? past : &first);
	}
	submission_put_tasks(&w->s, 1, &l, &e);
	task_list_free(&l);
	submission_publish(&w->s, &e);
	assert_no_error(&e);
}

static void world_end(struct world *w)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->all[i]) {
			journal_close(w->all[i], NULL);
		}
	}
	submission_free(&w->s);
	plan_free(w->plan);
}

static void begin_element(struct world *w, unsigned element)
{
	struct err e = ERR_INIT;
	struct journal *j = journal_create(w->dir, w->plan->number, "", &e);
	struct claims *c;
	unsigned run;

	assert_no_error(&e);
	c = claims_open(w->dir, w->s.number, 1, element, ELEMENTS, TASKS, j, "7", &run, &e);
	assert_no_error(&e);
	claims_close(c);
	assert_true(w->n < WRITERS);
	w->all[w->n++] = w->now[element] = j;
}

static void put_record(struct world *w, const struct event *ev)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	char id[2 * TASK_ID_SIZE + 1];

	hex_id(w->plan, ev->task, id);
	buf_printf(&b, "{\"k\":\"%s\",\"id\":\"%s\",\"i\":%u,\"plan\":%u,\"att\":%u",
		   ev->doing == START ? "start" : "end", id, ev->task, w->plan->number,
		   ev->attempt);
	if (ev->doing != START) {
		buf_printf(&b, ",\"out\":\"%s\",\"code\":\"%s\",\"rh\":\"%s\"%s",
			   outcome_names[ev->outcome], w->plan->code, w->plan->results,
			   ev->doing == CKPT ? ",\"ckpt\":true" : "");
	}
	journal_append(w->now[ev->element], b.data, b.len, &e);
	assert_no_error(&e);
	buf_free(&b);
}

static void world_do(struct world *w, const struct event *events)
{
	for (; events->doing != NOTHING; events++) {
		if (events->doing == BEGIN) {
			begin_element(w, events->element);
		} else if (events->doing == CLOSE) {
			for (size_t i = 0; i < w->n; i++) {
				if (w->all[i] == w->now[events->element]) {
					w->all[i] = NULL;
				}
			}
			journal_close(w->now[events->element], NULL);
		} else if (events->doing == TOLD) {
			assert_int_equal(journal_append(w->now[events->element],
							"{\"k\":\"told\",\"t\":1", 17, NULL),
					 0);
		} else {
			put_record(w, events);
		}
	}
}

/* states: of elements 1 to 4; NULL: the scheduler says nothing. */
static void world_review(struct world *w, const enum job_state *states, struct review *out)
{
	struct job_seen seen[ELEMENTS];
	struct job_view jobs = { .seen = seen, .n = ELEMENTS };
	struct err e = ERR_INIT;
	struct scan scan;

	for (unsigned i = 0; states && i < ELEMENTS; i++) {
		seen[i] = (struct job_seen){
			.array = 1, .first = i + 1, .last = i + 1, .state = states[i]
		};
	}
	fold(w->dir, w->plan, NULL, &scan);
	review_find(w->dir, w->plan, &w->s, &scan, states ? &jobs : NULL, out, &e);
	assert_no_error(&e);
	scan_free(&scan);
}

/* ---- one round ---- */

/* What is wanted of one task in the next round; attempt 0: it is not done again. */
struct want {
	unsigned attempt, tries, lost;
	double memory, time;
};

#define NOT                   \
	{                     \
		0, 0, 0, 0, 0 \
	}
#define AS_WAS                \
	{                     \
		1, 0, 0, 1, 1 \
	}
#define DONE_8                                                                 \
	{                                                                      \
		JOB_STATE_DONE, JOB_STATE_DONE, JOB_STATE_DONE, JOB_STATE_DONE \
	}
#define LAST(s)                                                               \
	{                                                                     \
		JOB_STATE_DONE, JOB_STATE_DONE, JOB_STATE_DONE, JOB_STATE_##s \
	}

/* Finds a task in the classes. */
static struct task_run task_again(const struct review *r, unsigned task, struct resources *res)
{
	struct task_run run;

	for (size_t k = 0; k < r->n_classes; k++) {
		const struct task_list *l = &r->classes[k].tasks;

		for (uint64_t i = 0; i < l->tasks; i++) {
			if (task_list_at(l, i, &run) == task) {
				*res = r->classes[k].res;
				return run;
			}
		}
	}
	return (struct task_run){ .attempt = 0 };
}

/* Tasks 0 to 3 ended well in element 1, so that there is progress; the rows are about task 4, in
 * element 4; 5 to 7 are good too. */
#define GOOD_REST                                                                             \
	B(1), A(1, 0, 1, OK), A(1, 1, 1, OK), A(1, 2, 1, OK), A(1, 3, 1, OK), A(1, 5, 1, OK), \
		A(1, 6, 1, OK), A(1, 7, 1, OK), C(1)

static void test_task(void **state)
{
	static const struct {
		const char *name;
		struct event events[EVENTS];
		enum job_state states[ELEMENTS];
		struct task_run past;
		struct want want;
		uint64_t failed;
		enum outcome cause; /* as counted; OUTCOME_EXIT: not counted by itself */
		const char *spec;
	} rows[] = {
		{ "good",
		  { GOOD_REST, B(4), A(4, 4, 1, OK), C(4) },
		  DONE_8,
		  { 0 },
		  NOT,
		  0,
		  OUTCOME_OK,
		  NULL },
		{ "good at last",
		  { GOOD_REST, B(4), A(4, 4, 1, EXIT), A(4, 4, 2, OK), C(4) },
		  DONE_8,
		  { 0 },
		  NOT,
		  0,
		  OUTCOME_OK,
		  NULL },
		{ "never started", { GOOD_REST }, DONE_8, { 0 }, AS_WAS, 0, OUTCOME_NONE, NULL },
		{ "failed once",
		  { GOOD_REST, B(4), A(4, 4, 1, EXIT), C(4) },
		  DONE_8,
		  { 0 },
		  { 2, 1, 0, 1, 1 },
		  0,
		  OUTCOME_EXIT,
		  NULL },
		{ "failed twice",
		  { GOOD_REST, B(4), A(4, 4, 1, EXIT), A(4, 4, 2, EXIT), C(4) },
		  DONE_8,
		  { 0 },
		  { 3, 2, 0, 1, 1 },
		  0,
		  OUTCOME_EXIT,
		  NULL },
		{ "failed three times",
		  { GOOD_REST, B(4), A(4, 4, 1, EXIT), A(4, 4, 2, EXIT), A(4, 4, 3, EXIT), C(4) },
		  DONE_8,
		  { 0 },
		  NOT,
		  1,
		  OUTCOME_EXIT,
		  NULL },
		{ "failed before",
		  { GOOD_REST, B(4), A(4, 4, 7, EXIT), C(4) },
		  DONE_8,
		  { .attempt = 7, .tries = 2, .memory = 1, .time = 1 },
		  NOT,
		  1,
		  OUTCOME_EXIT,
		  NULL },
		{ "a cause that is not named",
		  { GOOD_REST, B(4), A(4, 4, 1, SIGNAL), C(4) },
		  DONE_8,
		  { 0 },
		  NOT,
		  1,
		  OUTCOME_EXIT,
		  NULL },
		{ "the last cause counts",
		  { GOOD_REST, B(4), A(4, 4, 1, SIGNAL), A(4, 4, 2, EXIT), C(4) },
		  DONE_8,
		  { 0 },
		  { 3, 2, 0, 1, 1 },
		  0,
		  OUTCOME_EXIT,
		  NULL },
		{ "cannot be started",
		  { GOOD_REST, B(4), A(4, 4, 1, NOT_STARTED), C(4) },
		  DONE_8,
		  { 0 },
		  NOT,
		  1,
		  OUTCOME_EXIT,
		  NULL },
		{ "no retry in the spec",
		  { GOOD_REST, B(4), A(4, 4, 1, EXIT), C(4) },
		  DONE_8,
		  { 0 },
		  NOT,
		  1,
		  OUTCOME_EXIT,
		  PLAIN },
		{ "over its memory",
		  { GOOD_REST, B(4), A(4, 4, 1, OOM), C(4) },
		  DONE_8,
		  { 0 },
		  { 2, 1, 0, 2, 1 },
		  0,
		  OUTCOME_OOM,
		  NULL },
		{ "over its memory twice",
		  { GOOD_REST, B(4), A(4, 4, 1, OOM), A(4, 4, 2, OOM), C(4) },
		  DONE_8,
		  { 0 },
		  { 3, 2, 0, 4, 1 },
		  0,
		  OUTCOME_OOM,
		  NULL },
		{ "grown before",
		  { GOOD_REST, B(4), A(4, 4, 3, OOM), C(4) },
		  DONE_8,
		  { .attempt = 3, .memory = 4, .time = 3 },
		  { 4, 1, 0, 8, 3 },
		  0,
		  OUTCOME_OOM,
		  NULL },
		{ "over its time",
		  { GOOD_REST, B(4), A(4, 4, 1, TIMEOUT), C(4) },
		  DONE_8,
		  { 0 },
		  { 2, 1, 0, 1, 1.5 },
		  0,
		  OUTCOME_TIMEOUT,
		  NULL },
		{ "the node died",
		  { GOOD_REST, B(4), S(4, 4, 1) },
		  LAST(LOST),
		  { 0 },
		  { 2, 0, 1, 1, 1 },
		  0,
		  OUTCOME_LOST,
		  NULL },
		{ "the worker vanished",
		  { GOOD_REST, B(4), S(4, 4, 1) },
		  LAST(UNKNOWN),
		  { 0 },
		  { 2, 0, 1, 1, 1 },
		  0,
		  OUTCOME_LOST,
		  NULL },
		{ "lost a third time",
		  { GOOD_REST, B(4), S(4, 4, 3) },
		  LAST(LOST),
		  { .attempt = 3, .lost = 2, .memory = 1, .time = 1 },
		  NOT,
		  1,
		  OUTCOME_LOST,
		  NULL },
		{ "the wall time",
		  { GOOD_REST, B(4), S(4, 4, 1) },
		  LAST(TIMEOUT),
		  { 0 },
		  { 2, 0, 1, 1, 1 },
		  0,
		  OUTCOME_INTERRUPTED,
		  NULL },
		{ "interrupted",
		  { GOOD_REST, B(4), A(4, 4, 1, INTERRUPTED), C(4) },
		  LAST(TIMEOUT),
		  { 0 },
		  { 2, 0, 1, 1, 1 },
		  0,
		  OUTCOME_INTERRUPTED,
		  NULL },
		{ "put off, then failed",
		  { GOOD_REST, B(4), A(4, 4, 1, INTERRUPTED), A(4, 4, 2, EXIT), C(4) },
		  DONE_8,
		  { 0 },
		  { 3, 1, 0, 1, 1 },
		  0,
		  OUTCOME_EXIT,
		  NULL },
		{ "put off, then interrupted",
		  { GOOD_REST, B(4), A(4, 4, 1, INTERRUPTED), A(4, 4, 2, INTERRUPTED), C(4) },
		  DONE_8,
		  { 0 },
		  { 3, 0, 1, 1, 1 },
		  0,
		  OUTCOME_INTERRUPTED,
		  NULL },
		{ "checkpointed",
		  { GOOD_REST, B(4), S(4, 4, 9), K(4, 4, 9), C(4) },
		  LAST(TIMEOUT),
		  { .attempt = 9, .lost = 2, .memory = 1, .time = 1 },
		  { 10, 0, 2, 1, 1 },
		  0,
		  OUTCOME_INTERRUPTED,
		  NULL },
		{ "the element's memory",
		  { GOOD_REST, B(4), S(4, 4, 1) },
		  LAST(OOM),
		  { 0 },
		  { 2, 1, 0, 2, 1 },
		  0,
		  OUTCOME_OOM,
		  NULL },
		{ "the element's memory, and the worker was told",
		  { GOOD_REST, B(4), A(4, 4, 1, INTERRUPTED), C(4) },
		  LAST(OOM),
		  { 0 },
		  { 2, 1, 0, 2, 1 },
		  0,
		  OUTCOME_OOM,
		  NULL },
		{ "put off, then the element's memory",
		  { GOOD_REST, B(4), A(4, 4, 1, INTERRUPTED), S(4, 4, 2) },
		  LAST(OOM),
		  { 0 },
		  { 3, 1, 0, 2, 1 },
		  0,
		  OUTCOME_OOM,
		  NULL },
		{ "the element's memory, no retry",
		  { GOOD_REST, B(4), S(4, 4, 1) },
		  LAST(OOM),
		  { 0 },
		  NOT,
		  1,
		  OUTCOME_OOM,
		  PLAIN },
		{ "requeued and good",
		  { GOOD_REST, B(4), S(4, 4, 1), B(4), A(4, 4, 2, OK), C(4) },
		  DONE_8,
		  { 0 },
		  NOT,
		  0,
		  OUTCOME_OK,
		  NULL },
		{ "requeued and failed",
		  { GOOD_REST, B(4), S(4, 4, 1), B(4), A(4, 4, 2, EXIT), C(4) },
		  DONE_8,
		  { 0 },
		  { 3, 1, 1, 1, 1 },
		  0,
		  OUTCOME_EXIT,
		  NULL },
		/* the scheduler's word is about the last start only */
		{ "requeued, then no memory",
		  { GOOD_REST, B(4), S(4, 4, 1), B(4), S(4, 4, 2) },
		  LAST(OOM),
		  { 0 },
		  { 3, 1, 1, 2, 1 },
		  0,
		  OUTCOME_OOM,
		  NULL },
		/* two attempts of one number, in elements that ran at once */
		{ "twice at once",
		  { GOOD_REST, B(3), S(3, 4, 1), B(4), A(4, 4, 1, EXIT), C(4) },
		  DONE_8,
		  { 0 },
		  { 2, 1, 1, 1, 1 },
		  0,
		  OUTCOME_EXIT,
		  NULL },
		{ "twice at once, the other way",
		  { GOOD_REST, B(3), A(3, 4, 1, EXIT), C(3), B(4), S(4, 4, 1) },
		  DONE_8,
		  { 0 },
		  { 2, 1, 1, 1, 1 },
		  0,
		  OUTCOME_EXIT,
		  NULL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char *dir = mem_printf("%s/%zu", (const char *)*state, i);
		const bool good = rows[i].cause == OUTCOME_OK;
		struct resources res;
		struct review r;
		struct task_run got;
		struct world w;

		world_begin(&w, dir, rows[i].spec ? rows[i].spec : RETRYING,
			    rows[i].past.attempt ? &rows[i].past : NULL);
		world_do(&w, rows[i].events);
		world_review(&w, rows[i].states, &r);
		got = task_again(&r, 4, &res);
		if (got.attempt != rows[i].want.attempt || got.tries != rows[i].want.tries ||
		    got.lost != rows[i].want.lost || got.memory != rows[i].want.memory ||
		    got.time != rows[i].want.time || r.failed != rows[i].failed) {
			fail_msg("%s: attempt %u, tries %u, lost %u, memory %g, time %g, failed %u",
				 rows[i].name, got.attempt, got.tries, got.lost, got.memory,
				 got.time, (unsigned)r.failed);
		}
		if (got.attempt) {
			const struct resources *base = &w.plan->spec->res;

			assert_true(res.memory == (uint64_t)((double)base->memory * got.memory));
			assert_true(res.time_s == (uint64_t)((double)base->time_s * got.time));
			assert_int_equal(res.cpus, 1);
		}
		assert_int_equal(r.tasks, TASKS);
		assert_int_equal(r.good, good ? TASKS : TASKS - 1);
		assert_int_equal(r.again, rows[i].want.attempt > 0);
		assert_int_equal(r.left, 0);
		assert_int_equal(r.tasks, r.good + r.failed + r.again + r.left);
		assert_int_equal(r.timed_out, rows[i].cause == OUTCOME_TIMEOUT);
		assert_int_equal(r.oom, rows[i].cause == OUTCOME_OOM);
		assert_int_equal(r.lost, rows[i].cause == OUTCOME_LOST);
		assert_int_equal(r.interrupted, rows[i].cause == OUTCOME_INTERRUPTED);
		assert_int_equal(r.never_started, rows[i].cause == OUTCOME_NONE);
		assert_int_equal(r.elements, ELEMENTS);
		assert_true(r.progress);
		assert_null(r.stopped);
		review_free(&r);
		world_end(&w);
		free(dir);
	}
}

/* ---- rounds in which something is wrong with more than a task ---- */

static void test_round(void **state)
{
	static const struct {
		const char *name;
		struct event events[EVENTS];
		enum job_state states[ELEMENTS];
		unsigned lost; /* losses before */
		bool stop;     /* too many failures */
		uint64_t again, failed, left, started, lost_elements;
		bool progress;
		const char *stopped;
	} rows[] = {
		{ "nothing began",
		  { { 0 } },
		  DONE_8,
		  0,
		  false,
		  0,
		  0,
		  8,
		  0,
		  0,
		  false,
		  "ever started" },
		{ "elements began and died",
		  { B(1), C(1), B(2), C(2), B(3), C(3), B(4), C(4) },
		  DONE_8,
		  0,
		  false,
		  0,
		  0,
		  8,
		  4,
		  0,
		  false,
		  "ever started" },
		/* nodes die before anything is started: that is not the tasks' fault, for a while
		 */
		{ "nodes died", { B(1), B(2) }, LAST(LOST), 0, false, 8, 0, 0, 2, 3, false, NULL },
		{ "nodes died again",
		  { B(1), B(2) },
		  LAST(LOST),
		  2,
		  false,
		  0,
		  8,
		  0,
		  2,
		  3,
		  false,
		  NULL },
		/* one of two slots' tasks took the memory: both get more, and neither is blamed */
		{ "memory of two",
		  { B(1), S(1, 0, 1), S(1, 1, 1) },
		  { JOB_STATE_OOM, JOB_STATE_DONE, JOB_STATE_DONE, JOB_STATE_DONE },
		  0,
		  false,
		  8,
		  0,
		  0,
		  1,
		  0,
		  false,
		  NULL },
		{ "cut off and nothing else",
		  { B(1), S(1, 0, 1), S(1, 1, 1) },
		  { JOB_STATE_TIMEOUT, JOB_STATE_DONE, JOB_STATE_DONE, JOB_STATE_DONE },
		  0,
		  false,
		  8,
		  0,
		  0,
		  1,
		  0,
		  false,
		  NULL },
		{ "some progress",
		  { B(1), A(1, 0, 1, OK), S(1, 1, 1) },
		  LAST(DONE),
		  2,
		  false,
		  6,
		  1,
		  0,
		  1,
		  1,
		  true,
		  NULL },
		/* one journal is closed, the other is not */
		{ "one vanished",
		  { B(1), A(1, 0, 1, OK), C(1), B(2), S(2, 1, 1), B(3), A(3, 2, 1, OK), C(3) },
		  DONE_8,
		  0,
		  false,
		  6,
		  0,
		  0,
		  3,
		  1,
		  true,
		  NULL },
		{ "too many failures",
		  { B(1), A(1, 0, 1, EXIT), A(1, 1, 1, NOT_STARTED), C(1) },
		  DONE_8,
		  0,
		  true,
		  0,
		  1,
		  7,
		  1,
		  0,
		  true,
		  "too many" },
		{ "cancelled by hand",
		  { B(1), A(1, 0, 1, OK), S(1, 1, 1) },
		  LAST(CANCELLED),
		  0,
		  false,
		  0,
		  0,
		  7,
		  1,
		  1,
		  true,
		  "cancelled" },
		/* by somebody, and the scheduler does not say so */
		{ "told to end",
		  { B(1), A(1, 0, 1, OK), A(1, 1, 1, INTERRUPTED), T(1), C(1) },
		  { JOB_STATE_ENDED },
		  0,
		  false,
		  0,
		  0,
		  7,
		  1,
		  0,
		  true,
		  "told to end" },
		{ "told to end, and begun again",
		  { B(1), A(1, 0, 1, OK), A(1, 1, 1, INTERRUPTED), T(1), C(1), B(1), A(1, 2, 1, OK),
		    C(1) },
		  { JOB_STATE_UNKNOWN },
		  0,
		  false,
		  6,
		  0,
		  0,
		  1,
		  0,
		  true,
		  NULL },
		{ "told to end, by a node that goes",
		  { B(4), A(4, 0, 1, OK), A(4, 1, 1, INTERRUPTED), T(4), C(4) },
		  LAST(LOST),
		  0,
		  false,
		  7,
		  0,
		  0,
		  1,
		  1,
		  true,
		  NULL },
		/* nothing would be done again anyway */
		{ "cancelled when all was good",
		  { B(1), A(1, 0, 1, OK), A(1, 1, 1, OK), A(1, 2, 1, OK), A(1, 3, 1, OK),
		    A(1, 4, 1, OK), A(1, 5, 1, OK), A(1, 6, 1, OK), A(1, 7, 1, NOT_STARTED), C(1) },
		  LAST(CANCELLED),
		  0,
		  false,
		  0,
		  1,
		  0,
		  1,
		  0,
		  true,
		  NULL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct task_run past = {
			.attempt = 1, .lost = rows[i].lost, .memory = 1, .time = 1
		};
		char *dir = mem_printf("%s/%zu", (const char *)*state, i);
		struct review r;
		struct world w;

		world_begin(&w, dir, RETRYING, &past);
		world_do(&w, rows[i].events);
		if (rows[i].stop) {
			char *path = mem_printf("%s/claims/0001/stop", dir);

			put_file(path, "", 0);
			free(path);
		}
		world_review(&w, rows[i].states, &r);
		if (r.again != rows[i].again || r.failed != rows[i].failed ||
		    r.left != rows[i].left || r.elements_started != rows[i].started ||
		    r.elements_lost != rows[i].lost_elements || r.progress != rows[i].progress ||
		    (r.stopped != NULL) != (rows[i].stopped != NULL)) {
			fail_msg(
				"%s: again %u, failed %u, left %u, started %u, lost %u, progress %d, stopped: %s",
				rows[i].name, (unsigned)r.again, (unsigned)r.failed,
				(unsigned)r.left, (unsigned)r.elements_started,
				(unsigned)r.elements_lost, r.progress,
				r.stopped ? r.stopped : "no");
		}
		assert_true(!r.stopped || strstr(r.stopped, rows[i].stopped));
		assert_true(r.again > 0 || r.n_classes == 0);
		review_free(&r);
		world_end(&w);
		free(dir);
	}
}

/* A chain has its end, whatever its tasks save: the last round leaves what another would do again.
 */
static void test_last_round(void **state)
{
	static const struct event events[] = { B(1), A(1, 0, 1, OK), S(1, 1, 1), { 0 } };
	static const enum job_state states[] = DONE_8;

	for (unsigned round = ROUNDS_MOST - 1; round <= ROUNDS_MOST; round++) {
		char *dir = mem_printf("%s/%u", (const char *)*state, round);
		struct review r;
		struct world w;

		world_begin(&w, dir, RETRYING, NULL);
		w.s.round = round;
		world_do(&w, events);
		world_review(&w, states, &r);
		assert_int_equal(r.again > 0, round < ROUNDS_MOST);
		assert_int_equal(r.left > 0, round == ROUNDS_MOST);
		assert_true(round < ROUNDS_MOST || strstr(r.stopped, "last round"));
		review_free(&r);
		world_end(&w);
		free(dir);
	}
}

/* Of two tasks in an element that ran out of memory. */
static void test_shared_memory(void **state)
{
	static const struct event events[] = { B(1), S(1, 0, 1), S(1, 1, 1), { 0 } };
	static const enum job_state states[ELEMENTS] = { JOB_STATE_OOM };
	struct resources res;
	struct task_run got;
	struct review r;
	struct world w;

	world_begin(&w, *state, RETRYING, NULL);
	world_do(&w, events);
	world_review(&w, states, &r);
	assert_int_equal(r.oom, 2);
	assert_int_equal(r.elements_oom, 1);
	assert_int_equal(r.never_started, 6);
	for (unsigned t = 0; t < 2; t++) {
		got = task_again(&r, t, &res);
		assert_int_equal(got.tries, 0);
		assert_int_equal(got.lost, 1);
		assert_true(got.memory == 2);
		assert_true(res.memory == UINT64_C(2) << 30);
	}
	/* raised ones, the others, and those of the override */
	assert_int_equal(r.n_classes, 3);
	assert_int_equal(r.classes[1].tasks.tasks, 4);
	assert_int_equal(r.classes[1].tasks.n, 1);
	assert_int_equal(r.classes[2].res.cpus, 2);
	review_free(&r);
	world_end(&w);
}

/* Neither is blamed: so it is no matter of retries, but of losses. */
static void test_shared_blame(void **state)
{
	static const struct event events[] = { B(1), S(1, 0, 1), S(1, 1, 1), { 0 } };
	static const enum job_state states[ELEMENTS] = { JOB_STATE_OOM };

	for (unsigned lost = 0; lost < LOST_MOST; lost++) {
		const struct task_run past = { .attempt = 1, .lost = lost, .memory = 1, .time = 1 };
		char *dir = mem_printf("%s/%u", (const char *)*state, lost);
		struct review r;
		struct world w;

		world_begin(&w, dir, PLAIN, &past);
		world_do(&w, events);
		world_review(&w, states, &r);
		assert_int_equal(r.again, lost + 1 < LOST_MOST ? TASKS : 0);
		assert_int_equal(r.failed, lost + 1 < LOST_MOST ? 0 : TASKS);
		review_free(&r);
		world_end(&w);
		free(dir);
	}
}

/* A success that does not count, since the code had changed: to run it again would change nothing.
 */
static void test_stale(void **state)
{
	static const struct event rest[] = { A(1, 1, 1, OK), A(1, 2, 1, OK), A(1, 3, 1, OK),
					     A(1, 4, 1, OK), A(1, 5, 1, OK), A(1, 6, 1, OK),
					     A(1, 7, 1, OK), C(1),           { 0 } };
	static const enum job_state states[ELEMENTS] = LAST(CANCELLED);
	struct event ok = E(1, 0, 1, OK);
	struct review r;
	struct world w;
	char code[CODE_HEX];

	world_begin(&w, *state, RETRYING, NULL);
	begin_element(&w, 1);
	memcpy(code, w.plan->code, sizeof code);
	memcpy(w.plan->code, OTHER, sizeof code);
	put_record(&w, &ok);
	memcpy(w.plan->code, code, sizeof code);
	world_review(&w, NULL, &r);
	assert_int_equal(r.good, 0);
	assert_int_equal(r.left, 1);
	assert_int_equal(r.again, 7);
	assert_null(r.stopped);
	review_free(&r);
	/* nothing else is left: then it is not for the cancelled element that nothing is done */
	world_do(&w, rest);
	world_review(&w, states, &r);
	assert_int_equal(r.good, 7);
	assert_int_equal(r.left, 1);
	assert_int_equal(r.elements_cancelled, 1);
	assert_null(r.stopped);
	review_free(&r);
	world_end(&w);
}

/* Records of other plans and of other submissions say nothing here. */
static void test_others(void **state)
{
	struct event mine = E(1, 0, 1, EXIT), next = E(1, 1, 1, EXIT);
	struct err e = ERR_INIT;
	struct journal *j;
	struct review r;
	struct scan scan;
	struct world w;

	world_begin(&w, *state, RETRYING, NULL);
	begin_element(&w, 1);
	put_record(&w, &mine);
	w.plan->number = 9;
	put_record(&w, &next);
	w.plan->number = 1;
	j = w.now[1];
	w.now[1] = w.all[w.n++] = journal_create(*state, 1, "", &e); /* a local run's */
	assert_no_error(&e);
	put_record(&w, &next);
	put_record(&w, &mine);
	w.now[1] = j;
	world_review(&w, NULL, &r);
	assert_int_equal(r.never_started, 7);
	assert_int_equal(r.again, 8);
	assert_int_equal(r.elements_started, 1);
	review_free(&r);
	/* a number that was used elsewhere is not used again */
	fold(*state, w.plan, NULL, &scan);
	w.s.plan = 2;
	assert_int_equal(review_find(*state, w.plan, &w.s, &scan, NULL, &r, &e), -1);
	assert_non_null(strstr(e.text, "belongs to plan 2, not to plan 1"));
	scan_free(&scan);
	world_end(&w);
}

/* ---- classes ---- */

static void test_raise(void **state)
{
	static const struct {
		uint64_t memory, time;
		double memory_factor, time_factor;
		uint64_t raised_memory, raised_time;
	} rows[] = {
		{ 1000, 10, 1, 1, 1000, 10 },
		{ 1000, 10, 2, 1.5, 2000, 15 },
		{ 1001, 7, 1.5, 1.5, 1502, 11 }, /* rounded up */
		{ 0, 0, 8, 8, 0, 0 },            /* no limit stays none */
		{ UINT64_C(1) << 62, UINT64_C(1) << 62, 1e12, 4, INT64_MAX, INT64_MAX },
		{ (UINT64_C(1) << 60) + 1, 5, 1, 1, (UINT64_C(1) << 60) + 1, 5 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct task_run past = { .memory = rows[i].memory_factor,
					       .time = rows[i].time_factor };
		struct resources res = { .memory = rows[i].memory, .time_s = rows[i].time };

		resources_raise(&res, &past);
		assert_true(res.memory == rows[i].raised_memory);
		assert_true(res.time_s == rows[i].raised_time);
	}
}

static void test_classes(void **state)
{
	static const struct task_run first = { .attempt = 1, .memory = 1, .time = 1 };
	static const struct task_run later = { .attempt = 2, .memory = 1, .time = 1 };
	struct submit_class *classes = NULL;
	size_t n = 0;

	(void)state;
	for (uint64_t i = 0; i < 100000; i++) {
		const struct resources res = { .cpus = i % 1000 < 7 ? i % 1000 + 2 : 1 };

		classes_add(&classes, &n, &res, i, i < 50000 ? &first : &later);
	}
	assert_int_equal(n, 8);
	for (size_t k = 0; k < 7; k++) {
		assert_int_equal(classes[k].res.cpus, k + 2);
		assert_int_equal(classes[k].tasks.tasks, 100);
	}
	assert_int_equal(classes[7].tasks.tasks, 100000 - 700);
	assert_int_equal(classes[7].tasks.n, 100);
	assert_int_equal(classes[7].tasks.runs[99].attempt, 2);
	classes_free(classes, n);
	classes_free(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_task),
		TEST(test_round),
		TEST(test_last_round),
		TEST(test_stale),
		TEST(test_shared_memory),
		TEST(test_shared_blame),
		TEST(test_others),
		cmocka_unit_test(test_raise),
		cmocka_unit_test(test_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
