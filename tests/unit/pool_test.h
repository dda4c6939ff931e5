/* SPDX-License-Identifier: MIT */
/* What the tests of the pool share: a small run in a folder of its own. */
#ifndef PPGEN_TESTS_UNIT_POOL_TEST_H
#define PPGEN_TESTS_UNIT_POOL_TEST_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "gen/plan.h"
#include "gen/task.h"
#include "run/pool.h"
#include "store/journal.h"
#include "store/rundir.h"
#include "tests/unit/refuse.h"

#define ENDS_MAX 512

/* One end record, copied out. */
struct end {
	uint64_t index;
	unsigned attempt, voids;
	enum outcome outcome;
	int exit_code, signal;
	char code[CODE_HEX];
	char *line;
};

struct run {
	char *dir, *rundir;
	struct plan *plan;
	struct capacity capacity;
	struct pool_options o;
	struct pool_summary sum;
	struct err e;
	uint64_t next; /* the source's place */
	unsigned upto;
	void (*before)(void); /* makes the system refuse something to pool_run, and to all that
				 follows */
	bool unread;          /* the journal is not read after the run */
	double left;          /* seconds until the end of the pool's time; 0: no end */
	void (*past)(void *arg, unsigned *tries, double *memory, double *time);
	struct buf journal; /* its text, after the run */
	char *writer;
	struct end ends[ENDS_MAX];
	size_t n_ends, n_starts;
	unsigned events[POOL_UNRECORDED + 1]; /* by kind */
	struct buf said;                      /* texts of POOL_STOPPING */
	void (*on_event)(struct run *r, const struct pool_event *ev);
};

/* Makes the folder; spec is the text of spec.yaml behind its first lines. */
static inline void run_begin(struct run *r, const char *spec)
{
	struct diags *d = diags_new();
	char *path, *plans, *text = mem_printf("ppgen: 1\nname: t\n%s", spec);
	struct spec *s;

	*r = (struct run){ .dir = mem_dup("/tmp/ppgen-test-XXXXXX") };
	assert_non_null(mkdtemp(r->dir));
	r->rundir = path_join(r->dir, "run");
	path = path_join(r->dir, "spec.yaml");
	assert_int_equal(file_publish(path, text, strlen(text), &r->e), 0);
	s = spec_read(path, NULL, d);
	r->plan = s ? plan_draft(s, NULL, d) : NULL;
	if (!r->plan) {
		fail_msg("%s", diags_text(d));
	}
	assert_int_equal(rundir_create(r->rundir, &r->e), 0);
	plans = path_join(r->rundir, "plan");
	if (plan_publish(r->plan, plans, "", &r->e) < 0) {
		fail_msg("%s", r->e.text);
	}
	free(plans);
	free(path);
	free(text);
	diags_free(d);
	capacity_find(&r->capacity);
	r->capacity.cpus = 2;
}

static inline int run_next(void *arg, uint64_t *index, unsigned *attempt, unsigned *upto,
			   struct err *e)
{
	struct run *r = arg;

	(void)e;
	if (r->next == space_count(r->plan->spec->space)) {
		return 0;
	}
	*index = r->next++;
	*attempt = r->upto + 1;
	*upto = r->upto;
	return 1;
}

static inline void run_event(void *arg, const struct pool_event *ev)
{
	struct run *r = arg;

	r->events[ev->kind]++;
	if (ev->kind == POOL_STOPPING) {
		buf_printf(&r->said, "%s\n", ev->text);
	}
	if (r->on_event) {
		r->on_event(r, ev);
	}
}

/* Reads the journal: every line must be sound. */
static inline void run_read(struct run *r)
{
	char *path = mem_printf("%s/journal", r->rundir), **names, *dir, *file;
	size_t n;

	assert_int_equal(file_list(path, &names, &n, &r->e), 0);
	assert_int_equal(n, 1);
	dir = path_join(path, names[0]);
	free(names);
	assert_int_equal(file_list(dir, &names, &n, &r->e), 0);
	assert_int_equal(n, 1);
	file = path_join(dir, names[0]);
	assert_int_equal(file_read(file, &r->journal, 0, &r->e), 0);
	for (char *p = r->journal.data, *nl; (nl = strchr(p, '\n')); p = nl + 1) {
		struct record rec;

		assert_true(r->before || record_decode(p, (size_t)(nl - p), &rec) == 1);
		if (record_decode(p, (size_t)(nl - p), &rec) != 1) {
			continue; /* torn: it was refused a write */
		}
		r->n_starts += rec.kind == RECORD_START;
		if (rec.kind == RECORD_END) {
			struct end *end = &r->ends[r->n_ends++];

			assert_true(r->n_ends < ENDS_MAX);
			*end = (struct end){
				rec.index,     rec.attempt, rec.voids, rec.outcome,
				rec.exit_code, rec.signal,  "",        mem_dupn(p, (size_t)(nl - p))
			};
			memcpy(end->code, rec.code, sizeof end->code);
		}
	}
	free(names);
	free(file);
	free(dir);
	free(path);
}

static inline int run_pool_in(struct run *r, int guard_fd)
{
	static char *environment[] = { "PATH=/usr/bin:/bin", "HOME=/tmp", NULL };
	struct source src = { .next = run_next,
			      .arg = r,
			      .total = space_count(r->plan->spec->space),
			      .past = r->past };
	struct journal *j = journal_create(r->rundir, r->plan->number, "", &r->e);
	int rc;

	assert_non_null(j);
	r->writer = mem_dup(journal_writer(j));
	r->o.plan = r->plan;
	r->o.rundir = r->rundir;
	r->o.capacity = &r->capacity;
	r->o.base_env = r->o.base_env ? r->o.base_env : (const char *const *)environment;
	r->o.guard_fd = guard_fd;
	r->o.sync_s = 1;
	r->o.grace_s = r->o.grace_s > 0 ? r->o.grace_s : 0.3;
	r->o.max_failures = r->o.max_failures ? r->o.max_failures : UINT64_MAX;
	r->o.max_failures_share = r->o.max_failures_share > 0 ? r->o.max_failures_share : 2;
	r->o.event = run_event;
	r->o.event_arg = r;
	r->o.end = r->left != 0 ? proc_monotonic() + r->left : 0;
	if (r->before) {
		r->before();
	}
	rc = pool_run(&r->o, j, &src, &r->sum, &r->e);
	if (r->before) {
		(void)journal_close(j, NULL);
		if (r->unread) {
			return rc;
		}
		free_descriptors();
		free_files();
		run_read(r);
		return rc;
	}
	assert_int_equal(journal_close(j, NULL), 0);
	run_read(r);
	assert_int_equal(r->events[POOL_END], r->n_ends); /* one each, whatever stopped it */
	assert_int_equal(r->n_starts, r->n_ends);
	return rc;
}

static inline int run_pool(struct run *r)
{
	return run_pool_in(r, -1);
}

/* The end of task `index`, its last attempt. */
static inline struct end *run_end_of(struct run *r, uint64_t index)
{
	struct end *found = NULL;

	for (size_t i = 0; i < r->n_ends; i++) {
		if (r->ends[i].index == index && (!found || r->ends[i].attempt > found->attempt)) {
			found = &r->ends[i];
		}
	}
	if (!found) {
		fail_msg("no end record of task %llu", (unsigned long long)index);
	}
	return found;
}

/* The bytes of a stream or result file of an end record; the caller frees. */
static inline char *run_output(struct run *r, const struct end *end, const char *member,
			       const char *name)
{
	struct record rec;
	struct piece p;
	struct buf b = BUF_INIT;
	char *spool, *dir, *path;

	assert_int_equal(record_decode(end->line, strlen(end->line), &rec), 1);
	p = record_piece(&rec, member, name);
	if (!p.there) {
		return mem_dup("");
	}
	spool = journal_spool_path(r->rundir, r->writer, 0, "x");
	dir = path_dir(spool);
	path = p.file ? mem_printf("%s/files/%.*s", r->rundir, (int)p.file_len, p.file)
		      : mem_printf("%s/%s.out", dir, r->writer);
	assert_int_equal(file_read(path, &b, 0, &r->e), 0);
	if (!p.file) {
		assert_true(p.offset + p.len <= b.len);
		memmove(b.data, b.data + p.offset, p.len);
		b.data[p.len] = '\0';
	}
	free(spool);
	free(dir);
	free(path);
	return buf_take(&b);
}

static inline void run_free(struct run *r)
{
	for (size_t i = 0; i < r->n_ends; i++) {
		free(r->ends[i].line);
	}
	plan_free(r->plan);
	capacity_free(&r->capacity);
	buf_free(&r->journal);
	buf_free(&r->said);
	(void)file_remove_tree(r->dir, NULL);
	free(r->writer);
	free(r->rundir);
	free(r->dir);
}

/* Does n rows of a test at once, each in a process of its own: most of what they do is waiting. A
 * failed assertion ends the row's process, with its message. */
static inline void at_once(size_t n, void (*row)(size_t i))
{
	pid_t *pids = mem_array(n, sizeof *pids);
	bool failed = false;

	(void)fflush(NULL);
	for (size_t i = 0; i < n; i++) {
		pids[i] = fork();
		assert_int_not_equal(pids[i], -1);
		if (pids[i] == 0) {
			assert_int_equal(setenv("CMOCKA_TEST_ABORT", "1", 1), 0);
			row(i);
			_exit(0);
		}
	}
	for (size_t i = 0; i < n; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		if (status != 0) {
			print_error("row %zu failed\n", i);
			failed = true;
		}
	}
	free(pids);
	assert_false(failed);
}

#endif
