/* SPDX-License-Identifier: MIT */
/* What the tests of array elements share: submissions that no scheduler knows of, and elements on
 * them. */
#ifndef PPGEN_TESTS_UNIT_WORKER_TEST_H
#define PPGEN_TESTS_UNIT_WORKER_TEST_H

#include "tests/unit/scan_test.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/proc.h"
#include "run/worker.h"
#include "run/worker_internal.h"
#include "store/claim.h"
#include "store/submission.h"
#include "tests/unit/refuse.h"

#define TASKS_MOST 512

/* ---- a submission ---- */

struct site_of_test { /* what a test may change before its submission is made */
	uint64_t chunk, slots, elements, time, reserve;
	const char *scratch, *setup;
	struct task_run past;
};

struct world {
	char *rundir;
	struct plan *plan;
	struct submission submission;
	struct template template;
	uint64_t tasks;
};

static const struct site_of_test ordinary = {
	.chunk = 7, .slots = 2, .elements = 3, .past = { .attempt = 1, .memory = 1, .time = 1 }
};

/* One array of all tasks of the spec, all with one past. */
static inline void world_begin(struct world *w, const char *dir, const char *spec,
			       const struct site_of_test *site)
{
	struct task_list l = { .runs = NULL };
	struct submission *s = &w->submission;
	struct err e = ERR_INIT;
	struct submission_array *a;
	char *text = mem_printf("ppgen: 1\nname: t\n%s", spec);

	*w = (struct world){ .rundir = path_join(dir, "run") };
	w->plan = make_plan(w->rundir, text);
	w->tasks = space_count(w->plan->spec->space);
	submission_draft(w->rundir, s, &e);
	assert_no_error(&e);
	s->plan = w->plan->number;
	s->program = "/bin/ppgen";
	s->template_name = "test";
	s->scratch = site->scratch;
	s->setup = site->setup;
	s->n_arrays = 1;
	a = s->arrays = arena_alloc(s->arena, sizeof *a);
	a->res = w->plan->spec->res;
	a->tasks = w->tasks;
	a->chunk = site->chunk;
	a->chunks = (w->tasks - 1) / site->chunk + 1;
	a->slots = site->slots;
	a->elements = site->elements;
	a->first = 1;
	a->time = site->time;
	a->reserve = site->reserve;
	a->name = "t";
	for (uint64_t i = 0; i < w->tasks; i++) {
		task_list_add(&l, i, &site->past);
	}
	submission_put_tasks(s, 1, &l, &e);
	assert_no_error(&e);
	assert_int_equal(submission_publish(s, &e), 0);
	assert_no_error(&e);
	task_list_free(&l);
	free(text);
}

static inline void world_end(struct world *w)
{
	submission_free(&w->submission);
	plan_free(w->plan);
	free(w->rundir);
}

static inline struct worker_options element_of(const struct world *w, uint64_t element)
{
	return (struct worker_options){ .rundir = w->rundir,
					.plan = w->plan,
					.submission = &w->submission,
					.template = &w->template,
					.array = 1,
					.element = element,
					.job = "4711_1",
					.guard_fd = -1,
					.began = proc_monotonic() };
}

/* ---- what was said ---- */

static int saved_stderr = -1;

/* What is written to stderr goes to a file of the run directory. */
static inline void quieten(const struct world *w)
{
	char *path = path_join(w->rundir, "said");
	FILE *f = fopen(path, "a");

	assert_non_null(f);
	(void)fflush(stderr);
	saved_stderr = dup(2);
	assert_int_equal(dup2(fileno(f), 2), 2);
	assert_int_equal(fclose(f), 0);
	free(path);
}

static inline void speak_again(void)
{
	assert_int_equal(dup2(saved_stderr, 2), 2);
	close(saved_stderr);
}

static inline void assert_said(const struct world *w, const char *text)
{
	char *path = path_join(w->rundir, "said");
	struct buf b = BUF_INIT;

	assert_int_equal(file_read(path, &b, 0, NULL), 0);
	if (!strstr(b.data, text)) {
		fail_msg("'%s' is not in: %s", text, b.data);
	}
	buf_free(&b);
	free(path);
}

static inline int run_options(const struct world *w, const struct worker_options *o,
			      struct worker_report *rep, struct err *e)
{
	int rc;

	quieten(w);
	rc = worker_run(o, rep, e);
	speak_again();
	return rc;
}

static inline struct worker_report run_element(const struct world *w, uint64_t element)
{
	const struct worker_options o = element_of(w, element);
	struct worker_report rep;
	struct err e = ERR_INIT;

	run_options(w, &o, &rep, &e);
	assert_no_error(&e);
	return rep;
}

/* An element in a process of its own, and a session, as a scheduler starts one. */
static inline pid_t start_element(const struct world *w, uint64_t element)
{
	const pid_t pid = fork();

	if (pid == 0) {
		const struct worker_options o = element_of(w, element);
		struct worker_report rep;
		int rc;

		(void)setsid();
		quieten(w);
		rc = worker_run(&o, &rep, NULL);
		free_files(); /* a test may have limited them */
		_exit(rc < 0 ? 3 : rep.sum.failed ? 1 : 0);
	}
	return pid;
}

static inline int wait_for(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- what is recorded ---- */

struct ends {
	unsigned good[TASKS_MOST], bad[TASKS_MOST], cut[TASKS_MOST], starts[TASKS_MOST];
	unsigned highest[TASKS_MOST]; /* attempt */
	unsigned n_good, n_bad, n_cut, n_starts, n_claims, n_done;
	char *start; /* the last start record's line */
};

static inline int take_end(void *arg, const struct scan_file *file, uint64_t offset,
			   const struct record *r)
{
	struct ends *x = arg;
	struct json whole;

	(void)file;
	(void)offset;
	assert_int_equal(json_parse(r->line.text, r->line.len, &whole, NULL), 0);
	if (r->kind == RECORD_UNKNOWN) {
		x->n_claims += json_eq(json_get(r->line, "k"), "claim");
		x->n_done += json_eq(json_get(r->line, "k"), "done");
	}
	if (r->kind != RECORD_START && r->kind != RECORD_END) {
		return 0;
	}
	assert_in_range(r->index, 0, TASKS_MOST - 1);
	if (r->attempt > x->highest[r->index]) {
		x->highest[r->index] = r->attempt;
	}
	if (r->kind == RECORD_START) {
		x->starts[r->index]++;
		x->n_starts++;
		free(x->start);
		x->start = mem_dupn(r->line.text, r->line.len);
	} else if (r->outcome == OUTCOME_OK) {
		x->good[r->index]++;
		x->n_good++;
	} else if (r->outcome == OUTCOME_INTERRUPTED) {
		x->cut[r->index]++;
		x->n_cut++;
	} else {
		x->bad[r->index]++;
		x->n_bad++;
	}
	return 0;
}

static inline struct ends read_ends(const struct world *w)
{
	struct ends x = { .n_good = 0 };
	struct err e = ERR_INIT;

	assert_int_equal(scan_records(w->rundir, take_end, &x, &e), 0);
	assert_no_error(&e);
	return x;
}

static inline void assert_each_once(const struct world *w)
{
	struct ends x = read_ends(w);

	assert_int_equal(x.n_good, w->tasks);
	assert_int_equal(x.n_starts, w->tasks);
	for (uint64_t i = 0; i < w->tasks; i++) {
		assert_int_equal(x.good[i], 1);
		assert_int_equal(x.highest[i], 1);
	}
	free(x.start);
}

static inline bool claim_there(const struct world *w, const char *name)
{
	char *path = mem_printf("%s/claims/0001/%s", w->rundir, name);
	const bool is = file_exists(path);

	free(path);
	return is;
}

static inline unsigned count_free(const struct world *w)
{
	char *path = path_join(w->rundir, "claims/0001"), **names;
	size_t n;
	unsigned found = 0;

	assert_int_equal(file_list(path, &names, &n, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		found += strstr(names[i], ".free") != NULL;
	}
	free(names);
	free(path);
	return found;
}

/* Waits until so much is recorded. */
static inline void wait_for_records(const struct world *w, unsigned good, unsigned starts)
{
	const struct timespec pause = { 0, 5000000 };

	for (int i = 0; i < 12000; i++) {
		struct ends x = read_ends(w);

		free(x.start);
		if (x.n_good >= good && x.n_starts >= starts) {
			return;
		}
		nanosleep(&pause, NULL);
	}
	fail_msg("nothing was recorded");
}

static inline bool has_said(const struct world *w, const char *text)
{
	char *path = path_join(w->rundir, "said");
	struct buf b = BUF_INIT;
	bool has;

	assert_int_equal(file_read(path, &b, 0, NULL), 0);
	has = strstr(b.data, text) != NULL;
	buf_free(&b);
	free(path);
	return has;
}

#endif
