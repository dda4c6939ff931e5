/* SPDX-License-Identifier: MIT */
/* The fold: plans that change, starts without an end, and size. */
#include "tests/unit/scan_test.h"

#include "base/proc.h"
#include "store/process.h"

/* ---- plans ---- */

static void test_growth(void **state)
{
	struct plan *p1 = make_plan(*state, "ppgen: 1\nparams: {T: [2, 4]}\ncommand: echo {T}\n");
	struct plan *p2 =
		make_plan(*state, "ppgen: 1\nparams: {T: [1, 2, 3, 4]}\ncommand: echo {T}\n");
	struct plan *p3 = make_plan(*state, "ppgen: 1\nparams: {T: [4]}\ncommand: echo {T}\n");
	struct buf b = BUF_INIT;
	struct scan s;

	assert_int_equal(p1->number, 1);
	assert_int_equal(p3->number, 3);
	put_rec(&b, p1,
		&(struct rec){
			.kind = RECORD_END, .task = 0, .attempt = 1, .outcome = OUTCOME_OK });
	put_rec(&b, p1, &(struct rec){ .kind = RECORD_START, .task = 1, .attempt = 1 });
	put_rec(&b, p1,
		&(struct rec){
			.kind = RECORD_END, .task = 1, .attempt = 1, .outcome = OUTCOME_EXIT });
	put_rec(&b, p2,
		&(struct rec){
			.kind = RECORD_END, .task = 2, .attempt = 1, .outcome = OUTCOME_OK });
	write_journal(*state, "w", b.data, b.len);
	fold(*state, p2, NULL, &s);
	assert_int_equal(s.tasks[0].outcome, OUTCOME_NONE);
	assert_int_equal(s.tasks[1].outcome, OUTCOME_OK);
	assert_int_equal(s.tasks[2].outcome, OUTCOME_OK);
	assert_int_equal(s.tasks[3].outcome, OUTCOME_EXIT);
	assert_int_equal(s.foreign, 0);
	assert_int_equal(s.n_open, 0);
	scan_free(&s);
	fold(*state, p3, NULL, &s);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.tasks[0].outcome, OUTCOME_EXIT);
	assert_int_equal(s.foreign, 2);
	scan_free(&s);
	/* a journal that numbers its tasks by something else than the plan that it names: the ids
	 * hold */
	buf_clear(&b);
	p1->number = 2;
	put_rec(&b, p1,
		&(struct rec){
			.kind = RECORD_END, .task = 0, .attempt = 2, .outcome = OUTCOME_OK });
	put_rec(&b, p1,
		&(struct rec){
			.kind = RECORD_END, .task = 1, .attempt = 2, .outcome = OUTCOME_OK });
	clear_journals(*state);
	write_journal(*state, "v", b.data, b.len);
	fold(*state, p2, NULL, &s);
	assert_int_equal(s.tasks[0].outcome, OUTCOME_NONE);
	assert_int_equal(s.tasks[1].outcome, OUTCOME_OK);
	assert_int_equal(s.tasks[3].outcome, OUTCOME_OK);
	scan_free(&s);
	buf_free(&b);
	plan_free(p1);
	plan_free(p2);
	plan_free(p3);
}

static void test_stale(void **state)
{
	struct plan *p = make_plan(*state, SPEC);
	struct buf b = BUF_INIT;
	struct scan s;

	for (unsigned i = 0; i < 4; i++) {
		put_rec(&b, p,
			&(struct rec){ .kind = RECORD_END,
				       .task = i,
				       .attempt = 1,
				       .outcome = OUTCOME_OK,
				       .code = i == 3 ? OLDER : OTHER });
	}
	put_rec(&b, p,
		&(struct rec){
			.kind = RECORD_END, .task = 0, .attempt = 2, .outcome = OUTCOME_OK });
	write_journal(*state, "w", b.data, b.len);
	fold(*state, p, NULL, &s);
	assert_int_equal(s.n_stale, 2);
	assert_string_equal(s.stale[0].code, OTHER);
	assert_int_equal(s.stale[0].tasks, 2);
	assert_string_equal(s.stale[1].code, OLDER);
	assert_int_equal(s.stale[1].tasks, 1);
	scan_free(&s);
	plan_add_keep(p, OTHER);
	fold(*state, p, NULL, &s);
	assert_int_equal(s.n_stale, 1);
	assert_int_equal(s.tasks[1].outcome, OUTCOME_OK);
	assert_int_equal(s.tasks[3].flags, TASK_STALE);
	/* two accepted successes of different code may differ */
	assert_int_equal(s.tasks[0].flags, 0);
	scan_free(&s);
	plan_add_rerun(p, OLDER);
	fold(*state, p, NULL, &s);
	assert_int_equal(s.n_stale, 0);
	assert_int_equal(s.tasks[3].outcome, OUTCOME_NONE);
	assert_int_equal(s.tasks[3].flags, 0);
	assert_int_equal(s.tasks[3].attempts, 1);
	scan_free(&s);
	buf_free(&b);
	plan_free(p);
}

/* ---- starts without an end ---- */

static void test_open(void **state)
{
	enum { RUNNING = TASK_RUNNING, LOST = TASK_LOST };
	static const struct {
		const char *process; /* "self", "dead", "elsewhere" */
		bool closed;
		unsigned n;
		struct rec recs[3], elsewhere[2]; /* of this journal, and of another one */
		unsigned flags, open;
	} rows[] = {
		{ "self", false, 1, { START(1) }, { { .task = 0 } }, RUNNING, 1 },
		{ "elsewhere", false, 1, { START(1) }, { { .task = 0 } }, RUNNING, 1 },
		{ "dead", false, 1, { START(1) }, { { .task = 0 } }, LOST, 1 },
		{ "self", true, 1, { START(1) }, { { .task = 0 } }, LOST, 1 },
		{ "self", false, 2, { START(1), END(1, EXIT) }, { { .task = 0 } }, 0, 0 },
		{ "self",
		  false,
		  3,
		  { START(1), END(1, EXIT), START(2) },
		  { { .task = 0 } },
		  RUNNING,
		  1 },
		{ "dead",
		  false,
		  3,
		  { START(1), END(1, EXIT), START(2) },
		  { { .task = 0 } },
		  LOST,
		  1 },
		{ "dead", false, 2, { START(1), START(1) }, { { .task = 0 } }, LOST, 1 },
		/* recorded since */
		{ "dead", false, 1, { START(1) }, { END(2, EXIT) }, 0, 1 },
		{ "dead", false, 1, { START(1) }, { END(1, LOST) }, 0, 0 },
		{ "dead", false, 1, { START(2) }, { END(1, EXIT) }, LOST, 1 },
		{ "dead", false, 2, { START(1), VOID(1) }, { { .task = 0 } }, 0, 1 },
	};
	struct plan *p = make_plan(*state, SPEC);
	struct buf self = BUF_INIT;

	buf_putc(&self, '{');
	process_put_self(&self);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b = BUF_INIT;
		struct scan s;

		clear_journals(*state);
		if (rows[i].process[0] == 's') {
			put_header(&b, self.data + 1);
		} else if (rows[i].process[0] == 'e') {
			put_header(&b, "\"host\":\"node3\",\"boot\":\"x\",\"pid\":1,\"start\":1");
		} else {
			char *text =
				mem_printf("\"host\":\"%s\",\"boot\":\"%s\",\"pid\":1,\"start\":1",
					   proc_host(), proc_boot_id());

			put_header(&b, text);
			free(text);
		}
		for (unsigned k = 0; k < rows[i].n; k++) {
			put_rec(&b, p, &rows[i].recs[k]);
		}
		if (rows[i].closed) {
			put_rec(&b, p, &(struct rec){ .kind = RECORD_CLOSE });
		}
		write_journal(*state, "m", b.data, b.len);
		buf_clear(&b);
		for (unsigned k = 0; k < 2 && rows[i].elsewhere[k].task == 2; k++) {
			put_rec(&b, p, &rows[i].elsewhere[k]);
			write_journal(*state, "a", b.data, b.len);
		}
		fold(*state, p, NULL, &s);
		if (s.tasks[2].flags != rows[i].flags || s.n_open != rows[i].open) {
			fail_msg("row %zu: flags %u, %zu open", i, (unsigned)s.tasks[2].flags,
				 s.n_open);
		}
		scan_free(&s);
		buf_free(&b);
	}
	buf_free(&self);
	plan_free(p);
}

/* ---- size ---- */

static void test_large(void **state)
{
	enum { TASKS = 100000 };
	struct plan *p =
		make_plan(*state, "ppgen: 1\nparams: {grid: {i: {from: 1, to: 100000, step: 1}}}\n"
				  "command: echo {i}\n");
	struct buf b = BUF_INIT;
	struct scan s;
	double t;

	assert_int_equal(space_count(p->spec->space), TASKS);
	for (unsigned i = 0; i < TASKS; i++) {
		const struct rec r = { .kind = RECORD_END,
				       .task = i,
				       .attempt = 1,
				       .outcome = i % 10 ? OUTCOME_OK : OUTCOME_EXIT,
				       .row = "{\"energy\":-1.25}" };

		put_rec(&b, p, &(struct rec){ .kind = RECORD_START, .task = i, .attempt = 1 });
		put_rec(&b, p, &r);
		if (i % 25000 == 24999) {
			char name[16];

			snprintf(name, sizeof name, "w%u", i);
			write_journal(*state, name, b.data, b.len);
			buf_clear(&b);
		}
	}
	t = proc_monotonic();
	fold(*state, p, NULL, &s);
	t = proc_monotonic() - t;
	print_message("200,000 records of %u tasks in %.3f s\n", TASKS, t);
	assert_true(t < 20); /* a sanitizer on a busy machine */
	for (unsigned i = 0; i < TASKS; i++) {
		assert_int_equal(s.tasks[i].outcome, i % 10 ? OUTCOME_OK : OUTCOME_EXIT);
	}
	assert_int_equal(s.n_open, 0);
	assert_int_equal(s.n_files, 4);
	scan_free(&s);
	buf_free(&b);
	plan_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_growth),
		TEST(test_stale),
		TEST(test_open),
		TEST(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
