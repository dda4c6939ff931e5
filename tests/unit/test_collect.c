/* SPDX-License-Identifier: MIT */
/*
 * The collector on run directories that are made by hand: records in any order and in several
 * journals give the same bytes; what is missing, failed, damaged or of another shape is told, or
 * left out with --partial.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "collect/collect.h"
#include "gen/task.h"
#include "store/journal.h"
#include "store/rundir.h"
#include "tests/unit/refuse.h"

struct run {
	char dir[40];
	char *rundir, *plans;
	struct diags *diags;
	struct plan *plan;
	struct journal *journals[2];
};

/* ---- a run by hand ---- */

static void run_open(struct run *r, const char *spec)
{
	struct err e = ERR_INIT;
	char *path, *text;
	struct spec *s;

	*r = (struct run){ .dir = "/tmp/ppgen-test-collect-XXXXXX" };
	assert_non_null(mkdtemp(r->dir));
	r->rundir = path_join(r->dir, "run");
	r->plans = path_join(r->rundir, "plan");
	r->diags = diags_new();
	path = path_join(r->dir, "spec.yaml");
	text = mem_printf("ppgen: 1\n%s", spec);
	assert_int_equal(file_publish(path, text, strlen(text), &e), 0);
	assert_int_equal(rundir_create(r->rundir, &e), 0);
	s = spec_read(path, &(struct spec_options){ .sets = NULL }, r->diags);
	if (!s)
		print_error("%s", diags_text(r->diags));
	assert_non_null(s);
	r->plan = plan_draft(s, NULL, r->diags);
	assert_non_null(r->plan);
	assert_int_equal(plan_publish(r->plan, r->plans, "", &e), 0);
	for (size_t k = 0; k < 2; k++) {
		r->journals[k] = journal_create(r->rundir, r->plan->number, "", &e);
		assert_non_null(r->journals[k]);
	}
	free(path);
	free(text);
}

static void run_close(struct run *r)
{
	struct err e = ERR_INIT;

	for (size_t k = 0; k < 2; k++)
		journal_close(r->journals[k], &e);
	plan_free(r->plan);
	diags_free(r->diags);
	file_remove_tree(r->dir, &e);
	free(r->rundir);
	free(r->plans);
}

static void put_piece(struct journal *j, const char *key, const char *text, struct buf *b)
{
	struct err e = ERR_INIT;
	uint8_t digest[SHA256_SIZE];
	char hex[SHA256_HEX];
	uint64_t offset;

	assert_int_equal(journal_output(j, text, strlen(text), &offset, &e), 0);
	sha256_of(text, strlen(text), digest);
	hex_put(hex, digest, sizeof digest);
	buf_printf(b, "%s[%llu,%zu,\"%s\"]", key, (unsigned long long)offset, strlen(text), hex);
}

/* An attempt's end: `row` stands in the record, `out` and `trace` in the output; each may be NULL.
 */
static void run_end(struct run *r, size_t journal, uint64_t index, const char *outcome,
		    const char *row, const char *out, const char *trace)
{
	struct journal *j = r->journals[journal];
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	struct task t;
	char id[2 * TASK_ID_SIZE + 1];

	task_init(&t, r->plan);
	assert_int_equal(task_load(&t, r->plan, index, &e), 0);
	hex_put(id, t.id, TASK_ID_SIZE);
	buf_printf(
		&b,
		"{\"k\":\"end\",\"id\":\"%s\",\"i\":%llu,\"plan\":%u,\"att\":1,\"slot\":0,\"seed\":\"%llu\",\"code\":\"%s\"",
		id, (unsigned long long)index, r->plan->number, (unsigned long long)index + 100,
		t.code);
	if (out)
		put_piece(j, ",\"o\":", out, &b);
	if (trace) {
		put_piece(j, ",\"f\":{\"trace\":", trace, &b);
		buf_putc(&b, '}');
	}
	buf_printf(&b, ",\"t\":1,\"out\":\"%s\",\"exit\":0,\"sig\":0,\"rh\":\"%s\"", outcome,
		   r->plan->results);
	if (row)
		buf_printf(&b, ",\"r\":%s", row);
	assert_int_equal(journal_append(j, b.data, b.len, &e), 0);
	task_free(&t);
	buf_free(&b);
}

static int collect(struct run *r, const struct collect_options *o, struct collect_report *report,
		   struct err *e)
{
	const struct scan_options so = { .judge = true };
	struct scan s;
	int rc;

	assert_int_equal(scan_fold(r->rundir, r->plan, &so, &s, e), 0);
	rc = collect_run(&s, o, report, e);
	scan_free(&s);
	return rc;
}

/* The table without its ids, which are no concern of these tests: each is replaced by its letter t.
 */
static char *read_table(const struct run *r, const char *name)
{
	char *path = mem_printf("%s/collect/%s", r->rundir, name);
	struct buf raw = BUF_INIT, b = BUF_INIT;

	assert_int_equal(file_read(path, &raw, 0, NULL), 0);
	for (const char *p = raw.data; *p; p++) {
		buf_putc(&b, *p);
		if (*p == 't' && strspn(p + 1, "0123456789abcdef") >= 16)
			p += 16;
	}
	buf_free(&raw);
	free(path);
	return buf_take(&b);
}

static void assert_table(const struct run *r, const char *name, const char *want)
{
	char *got = read_table(r, name);

	assert_string_equal(got, want);
	free(got);
}

static bool run_has(const struct run *r, const char *name)
{
	char *path = mem_printf("%s/collect/%s", r->rundir, name);
	const bool there = file_exists(path);

	free(path);
	return there;
}

/* ---- tables ---- */

static const char grid[] = "params: {grid: {T: [1.50, \"a,b\"], L: [1, 2]}}\n"
			   "repeat: 1\n"
			   "command: [\"true\"]\n"
			   "results: {stdout: json}\n";

static void test_order_does_not_matter(void **state)
{
	static const char *const rows[] = { "{\"e\":1.0,\"s\":\"x\"}",
					    "{\"s\":\"-y\\n\",\"e\":2e0}",
					    "{\"e\":null,\"s\":\"\"}",
					    "{\"e\":[1,2],\"s\":\"\\\"\"}" };
	static const size_t orders[2][4] = { { 0, 1, 2, 3 }, { 3, 1, 2, 0 } };
	char sha256[2][65];

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct collect_report report;
		struct err e = ERR_INIT;
		struct run r;

		run_open(&r, grid);
		for (size_t i = 0; i < 4; i++) {
			/* some rows are in the record, some must be read from the output */
			const size_t at = orders[k][i];

			run_end(&r, (i + k) % 2, at, "ok", (at + k) % 2 ? rows[at] : NULL, rows[at],
				NULL);
		}
		assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e),
				 0);
		assert_string_equal(e.text, "");
		assert_table(&r, "results.csv",
			     "task,T,L,rep,seed,e,s\n"
			     "t,1.50,1,0,100,1.0,x\n"
			     "t,1.50,2,0,101,2e0,\"-y\n\"\n"
			     "t,\"a,b\",1,0,102,,\n"
			     "t,\"a,b\",2,0,103,\"[1,2]\",\"\"\"\"\n");
		assert_int_equal(report.expected, 4);
		assert_int_equal(report.merged, 4);
		assert_int_equal(report.n_tables, 1);
		assert_int_equal(report.tables[0].rows, 4);
		memcpy(sha256[k], report.tables[0].sha256, 65);
		assert_true(run_has(&r, "published.json"));
		collect_report_free(&report);
		run_close(&r);
	}
	assert_string_equal(sha256[0], sha256[1]);
}

static void test_several_tables(void **state)
{
	struct collect_report report;
	struct err e = ERR_INIT;
	struct run r;

	(void)state;
	run_open(&r, "params: {grid: {T: [1, 2]}}\n"
		     "command: [\"true\"]\n"
		     "results:\n"
		     "  stdout: number\n"
		     "  files: {trace: \"t{T}.csv\"}\n"
		     "collect:\n"
		     "  - {to: deep/main.jsonl}\n"
		     "  - {from: trace, to: traces.csv}\n"
		     "  - {to: sums.json, by: [T], count: true, mean: value}\n"
		     "  - {from: trace, to: traces.tsv, mean: v, max: v}\n");
	run_end(&r, 0, 1, "ok", "{\"value\":4}", "4\n", "T,v\n2.0,7\n2,\"8\"\n2,\n");
	run_end(&r, 0, 0, "ok", NULL, ".5\n", "T,v\n1,0.25\n");
	assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e), 0);
	assert_table(
		&r, "deep/main.jsonl",
		"{\"task\":\"t\",\"T\":1,\"seed\":100,\"value\":0.5}\n{\"task\":\"t\",\"T\":2,\"seed\":101,\"value\":4}\n");
	assert_table(&r, "traces.csv",
		     "task,T,seed,v\nt,1,100,0.25\nt,2,101,7\nt,2,101,8\nt,2,101,\n");
	assert_table(
		&r, "sums.json",
		"[\n{\"T\":1,\"count\":1,\"mean_value\":0.5},\n{\"T\":2,\"count\":1,\"mean_value\":4}\n]\n");
	assert_table(&r, "traces.tsv", "mean_v\tmax_v\n5.083333333333333\t8\n");
	assert_int_equal(report.n_tables, 4);
	collect_report_free(&report);
	run_close(&r);
}

static void test_no_results(void **state)
{
	struct collect_report report;
	struct err e = ERR_INIT;
	struct run r;

	(void)state;
	run_open(&r, "params: {grid: {T: [1, 2]}}\ncommand: [\"true\"]\n");
	run_end(&r, 0, 0, "ok", NULL, NULL, NULL);
	run_end(&r, 0, 1, "ok", NULL, "noise\n", NULL);
	assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e), 0);
	assert_table(&r, "results.csv", "task,T,seed\nt,1,100\nt,2,101\n");
	collect_report_free(&report);
	run_close(&r);
}

/* `stdout: csv` may give no row or many; their task and parameters stand before each. */
static void test_many_rows(void **state)
{
	struct collect_report report;
	struct err e = ERR_INIT;
	struct run r;

	(void)state;
	run_open(&r,
		 "params: {grid: {T: [1, 2, 3]}}\ncommand: [\"true\"]\nresults: {stdout: csv}\n");
	run_end(&r, 0, 2, "ok", NULL, "a,b\n5,6\n", NULL);
	run_end(&r, 0, 0, "ok", NULL, "b,a\n1,\xff\n3,\"x,y\"\n", NULL);
	run_end(&r, 1, 1, "ok", NULL, "b,a\n", NULL);
	assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e), 0);
	assert_table(&r, "results.csv",
		     "task,T,seed,b,a\nt,1,100,1,\xff\nt,1,100,3,\"x,y\"\nt,3,102,6,5\n");
	collect_report_free(&report);
	run_close(&r);
}

/* ---- what is not whole ---- */

static void assert_begins(const char *text, const char *want)
{
	if (strncmp(text, want, strlen(want)) != 0)
		assert_string_equal(text, want);
}

/* Whether all of the pieces stand in the text, in their order. */
static void assert_says(const char *text, const char *const *pieces)
{
	const char *at = text;

	for (size_t i = 0; pieces[i]; i++) {
		at = strstr(at, pieces[i]);
		if (!at)
			print_error("'%s' lacks '%s'\n", text, pieces[i]);
		assert_non_null(at);
	}
}

static void test_partial(void **state)
{
	struct collect_report report;
	struct err e = ERR_INIT;
	struct run r;

	(void)state;
	run_open(&r, grid);
	run_end(&r, 0, 0, "ok", "{\"e\":1}", "{\"e\":1}", NULL);
	run_end(&r, 0, 1, "exit", NULL, "Traceback", NULL);
	run_end(&r, 0, 3, "ok", "{\"f\":3}", "{\"f\":3}", NULL);
	assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e), -1);
	assert_begins(
		e.text,
		"the table would not be whole: 4 expected, 2 to merge, 1 failed, 1 missing; 1 failed: task t");
	assert_says(e.text, (const char *const[]){
				    "(T=1.50, L=2, rep=0)", "1 without any result: task t",
				    "(T=a,b, L=1, rep=0)", "`ppgen log TASK`", "--partial", NULL });
	assert_int_equal(report.missing, 1);
	assert_false(run_has(&r, "results.csv"));
	assert_false(run_has(&r, "published.json"));
	collect_report_free(&report);

	err_clear(&e);
	assert_int_equal(collect(&r, &(struct collect_options){ .partial = true }, &report, &e), 0);
	assert_table(&r, "results.csv",
		     "task,T,L,rep,seed,e,f\nt,1.50,1,0,100,1,\nt,\"a,b\",2,0,103,,3\n");
	assert_int_equal(report.expected, 4);
	assert_int_equal(report.merged, 2);
	assert_int_equal(report.failed, 1);
	assert_int_equal(report.missing, 1);
	collect_report_free(&report);
	run_close(&r);
}

static void test_gap(void **state)
{
	struct collect_report report;
	struct err e = ERR_INIT;
	struct run r;

	(void)state;
	run_open(&r, "params: {grid: {T: [1, 2]}}\ncommand: [\"true\"]\nresults: {stdout: json}\n");
	run_end(&r, 0, 0, "ok", "{\"e\":1}", "{\"e\":1}", NULL);
	run_end(&r, 0, 1, "ok", "{\"e\":1,\"err\":2}", "{\"e\":1,\"err\":2}", NULL);
	assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e), -1);
	assert_says(e.text,
		    (const char *const[]){ "task t", "(T=1) has no column 'err', but task t",
					   "(T=2) has: --partial leaves such cells empty", NULL });
	collect_report_free(&report);
	err_clear(&e);
	assert_int_equal(collect(&r, &(struct collect_options){ .partial = true }, &report, &e), 0);
	assert_table(&r, "results.csv", "task,T,seed,e,err\nt,1,100,1,\nt,2,101,1,2\n");
	collect_report_free(&report);
	run_close(&r);
}

/* The first byte that was kept of a journal's output is another now. */
static void damage_output(const struct run *r, size_t journal)
{
	char *out = journal_spool_path(r->rundir, journal_writer(r->journals[journal]), 0, "out");
	char *xx = strstr(out, ".0.out");
	FILE *f;

	memcpy(xx, ".out", 5);
	f = fopen(out, "r+");
	assert_non_null(f);
	fputs("X", f);
	fclose(f);
	free(out);
}

static void test_damaged(void **state)
{
	struct collect_report report;
	struct err e = ERR_INIT;
	struct run r;

	(void)state;
	run_open(&r, "params: {grid: {T: [1, 2]}}\ncommand: [\"true\"]\nresults: {stdout: csv}\n");
	run_end(&r, 0, 0, "ok", NULL, "e,lost\n1,2\n3,4\n", NULL);
	run_end(&r, 1, 1, "ok", NULL, "e\n5\n6\n", NULL);
	damage_output(&r, 0);
	assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e), -1);
	assert_says(e.text, (const char *const[]){ "task t", "(T=1): ", "is damaged",
						   "this result is lost", "`ppgen run", NULL });
	assert_int_equal(report.missing, 1);
	collect_report_free(&report);
	err_clear(&e);
	assert_int_equal(collect(&r, &(struct collect_options){ .partial = true }, &report, &e), 0);
	assert_table(&r, "results.csv", "task,T,seed,e\nt,2,101,5\nt,2,101,6\n");
	assert_int_equal(report.merged, 1);
	assert_int_equal(report.missing, 1);
	collect_report_free(&report);
	run_close(&r);
}

/* ---- the quick way and the careful one ---- */

#define LARGE 300000 /* bytes of a cell that make a block of each task */

/* A task of `stdout: csv` that gives one row: a cell of n bytes, and 1. */
static void end_large(struct run *r, uint64_t index, size_t n)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, "a,b\n");
	for (size_t i = 0; i < n; i++)
		buf_putc(&b, 'x');
	buf_puts(&b, ",1\n");
	run_end(r, 0, index, "ok", NULL, buf_str(&b), NULL);
	buf_free(&b);
}

static void fill_other_columns(struct run *r)
{
	end_large(r, 0, LARGE);
	run_end(r, 0, 1, "ok", NULL, "b,a\n2,3\n", NULL);
	run_end(r, 0, 2, "ok", NULL, "a,c\n4,5\n", NULL);
}

static void fill_lost(struct run *r)
{
	end_large(r, 0, LARGE);
	end_large(r, 1, 1);
	run_end(r, 1, 2, "ok", NULL, "a,b\n4,5\n", NULL);
	damage_output(r, 1);
}

static void fill_contradiction(struct run *r)
{
	end_large(r, 0, LARGE);
	end_large(r, 1, 1);
	run_end(r, 0, 2, "ok", NULL, "a,b,rep\n4,5,2\n6,7,1\n", NULL);
}

static void fill_row_by_row(struct run *r)
{
	end_large(r, 0, LARGE);
	run_end(r, 0, 1, "ok", NULL, "a,b\n\"1\n2\",\"\"\n,-\n", NULL);
	run_end(r, 0, 2, "ok", NULL, "a,b\n", NULL);
}

/* Rows are asked of the first 64 tasks only. */
static void fill_late_rows(struct run *r)
{
	for (uint64_t i = 0; i < 66; i++)
		run_end(r, i % 2, i, "ok", NULL, i < 65 ? "a,b\n" : "a,b\n1,2\n", NULL);
}

static void fill_no_rows(struct run *r)
{
	for (uint64_t i = 0; i < 3; i++)
		run_end(r, 0, i, "ok", NULL, "a,b\n", NULL);
}

/* The first that tell do so in time; blocks without any row stand between those with some. */
static void fill_partial(struct run *r)
{
	run_end(r, 0, 0, "exit", NULL, NULL, NULL);
	run_end(r, 0, 1, "ok", NULL, "a,b\n", NULL);
	end_large(r, 2, LARGE);
	run_end(r, 1, 3, "timeout", NULL, NULL, NULL);
	end_large(r, 5, LARGE);
	run_end(r, 1, 6, "ok", NULL, "b,a\n5,6\n", NULL);
}

/* Small rows, whose long parameter makes more of them than a block may hold: 3400 of 10 kB. */
static void fill_too_large(struct run *r)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, "a\n");
	for (int i = 0; i < 3400; i++)
		buf_puts(&b, "1\n");
	run_end(r, 0, 0, "ok", NULL, "a\n0\n", NULL);
	run_end(r, 0, 1, "ok", NULL, buf_str(&b), NULL);
	buf_free(&b);
}

/* The first task alone is more: its block is one task, and too large still. */
static void fill_first_too_large(struct run *r)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, "a\n");
	for (int i = 0; i < 3400; i++)
		buf_puts(&b, "1\n");
	run_end(r, 0, 1, "ok", NULL, buf_str(&b), NULL);
	buf_free(&b);
}

struct quick_case {
	const char *name;
	void (*fill)(struct run *r);
	const char *params; /* NULL: repeat and no other */
	unsigned repeat;
	char format;
	bool partial;
	uint64_t rows;    /* of the table, */
	const char *says; /* or what is wrong with it */
};

/* What is told and made in the careful way: a table that goes to stdout cannot be begun anew. */
static int collect_carefully(struct run *r, const struct quick_case *x,
			     struct collect_report *report, struct buf *table, struct err *e)
{
	const struct collect_options o = { .to = "-", .format = x->format, .partial = x->partial };
	char *path = path_join(r->dir, "stdout");
	const int was = dup(STDOUT_FILENO);
	int fd, rc;

	(void)fflush(stdout);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(was >= 0 && fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0);
	rc = collect(r, &o, report, e);
	assert_true(dup2(was, STDOUT_FILENO) >= 0);
	close(was);
	close(fd);
	assert_int_equal(file_read(path, table, 0, NULL), 0);
	free(path);
	return rc;
}

static void assert_same(struct run *r, const struct quick_case *x)
{
	struct collect_report quick, careful;
	struct err e = ERR_INIT, f = ERR_INIT;
	struct buf got = BUF_INIT, want = BUF_INIT;
	char *path = mem_printf("%s/collect/t.%s", r->rundir, x->format == 'j' ? "json" : "csv");
	const int rc = collect(r, &(struct collect_options){ .partial = x->partial }, &quick, &e);

	assert_int_equal(collect_carefully(r, x, &careful, &want, &f), rc);
	assert_int_equal(rc, x->says ? -1 : 0);
	assert_string_equal(e.text, f.text);
	assert_int_equal(quick.merged, careful.merged);
	assert_int_equal(quick.failed, careful.failed);
	assert_int_equal(quick.missing, careful.missing);
	if (x->says) {
		assert_says(e.text, (const char *const[]){ x->says, NULL });
		assert_false(file_exists(path));
	} else {
		assert_int_equal(quick.tables[0].rows, x->rows);
		assert_int_equal(careful.tables[0].rows, x->rows);
		assert_string_equal(quick.tables[0].sha256, careful.tables[0].sha256);
		assert_int_equal(file_read(path, &got, 0, NULL), 0);
		assert_int_equal(got.len, want.len);
		assert_memory_equal(got.data, want.data, want.len);
	}
	collect_report_free(&quick);
	collect_report_free(&careful);
	buf_free(&got);
	buf_free(&want);
	free(path);
}

static const struct quick_case quick_cases[] = {
	{ "no way back", fill_row_by_row, NULL, 3, 'c', false, 3, NULL },
	{ "no way back, JSON", fill_row_by_row, NULL, 3, 'j', false, 3, NULL },
	{ "other columns", fill_other_columns, NULL, 3, 'c', false, 0, "has no column 'c'" },
	{ "other columns, partial", fill_other_columns, NULL, 3, 'c', true, 3, NULL },
	{ "lost", fill_lost, NULL, 3, 'c', false, 0, "this result is lost" },
	{ "lost, partial", fill_lost, NULL, 3, 'c', true, 2, NULL },
	{ "contradiction", fill_contradiction, NULL, 3, 'c', false, 0, "rep" },
	{ "contradiction, partial", fill_contradiction, NULL, 3, 'j', true, 2, NULL },
	{ "too late", fill_late_rows, NULL, 66, 'c', false, 1, NULL },
	{ "no rows", fill_no_rows, NULL, 3, 'c', false, 0, NULL },
	{ "partial", fill_partial, NULL, 7, 'c', true, 3, NULL },
	{ "partial, JSON", fill_partial, NULL, 7, 'j', true, 3, NULL },
	{ "not partial", fill_partial, NULL, 7, 'c', false, 0, "7 expected, 4 to merge, 2 failed" },
	{ "too large", fill_too_large, "s", 1, 'c', false, 3401, NULL },
	{ "the first too large", fill_first_too_large, "s", 1, 'c', true, 3400, NULL },
};

static void test_quick(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof quick_cases / sizeof *quick_cases; i++) {
		const struct quick_case *x = &quick_cases[i];
		struct buf spec = BUF_INIT;
		struct run r;

		print_message("%s\n", x->name);
		if (x->params)
			buf_printf(&spec, "params: {grid: {%s: [a, %010000d]}}\n", x->params, 7);
		else
			buf_printf(&spec, "repeat: %u\n", x->repeat);
		buf_printf(&spec,
			   "command: [\"true\"]\nresults: {stdout: csv}\n"
			   "collect: [{to: t.%s}]\n",
			   x->format == 'j' ? "json" : "csv");
		run_open(&r, buf_str(&spec));
		x->fill(&r);
		assert_same(&r, x);
		run_close(&r);
		buf_free(&spec);
	}
}

/* Several tables of several sources, in blocks, are what they are where a summary, which must see
 * each row in turn, is asked for, too. */
static void test_quick_tables(void **state)
{
	static const char *const names[] = { "main.jsonl", "all.json", "v.csv", "v.tsv" };
	static const char spec[] = "params: {grid: {T: [1, 2, 3]}}\n"
				   "command: [\"true\"]\n"
				   "results: {stdout: csv, files: {trace: \"t{T}.csv\"}}\n"
				   "collect:\n"
				   "  - {to: main.jsonl}\n  - {to: all.json}\n"
				   "  - {from: trace, to: v.csv}\n  - {from: trace, to: v.tsv}\n";
	struct buf large = BUF_INIT;
	char *tables[2][4];

	(void)state;
	buf_puts(&large, "v\n");
	for (int i = 0; i < LARGE / 2; i++)
		buf_puts(&large, "8\n");
	for (size_t k = 0; k < 2; k++) {
		char *text = mem_printf("%s%s", spec, k ? "  - {to: n.csv, count: true}\n" : "");
		struct collect_report report;
		struct err e = ERR_INIT;
		struct run r;

		run_open(&r, text);
		run_end(&r, 0, 1, "ok", NULL, "a\n", "v,T\n\"1\t2\",2\n3,2.0\n");
		run_end(&r, 1, 0, "ok", NULL, "a\n\"4,5\"\n", buf_str(&large));
		run_end(&r, 0, 2, "ok", NULL, "a\n6\n7\n", "v\n9\n");
		assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e),
				 0);
		assert_int_equal(report.tables[0].rows, 3);
		assert_int_equal(report.tables[1].rows, 3);
		assert_int_equal(report.tables[2].rows, LARGE / 2 + 3);
		assert_int_equal(report.tables[3].rows, LARGE / 2 + 3);
		for (size_t i = 0; i < 4; i++)
			tables[k][i] = read_table(&r, names[i]);
		collect_report_free(&report);
		run_close(&r);
		free(text);
	}
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(tables[0][i], tables[1][i]);
		free(tables[0][i]);
		free(tables[1][i]);
	}
	buf_free(&large);
}

/* ---- what cannot be read or written ---- */

/* A record that was read when the run was, and is damaged since: neither way passes it over. */
static void test_record_lost_since(void **state)
{
	const struct scan_options so = { .judge = true };
	struct run r;

	(void)state;
	run_open(&r, "repeat: 3\ncommand: [\"true\"]\nresults: {stdout: csv}\n");
	end_large(&r, 0, LARGE);
	run_end(&r, 0, 1, "ok", NULL, "a,b\n1,2\n", NULL);
	run_end(&r, 1, 2, "ok", NULL, "a,b\n3,4\n", NULL);
	for (int partial = 0; partial < 2; partial++) {
		struct collect_report report;
		struct err e = ERR_INIT;
		struct scan s;
		char was;
		int fd;

		assert_int_equal(scan_fold(r.rundir, r.plan, &so, &s, &e), 0);
		fd = open(s.files[s.tasks[1].file].path, O_RDWR);
		assert_true(fd >= 0);
		assert_int_equal(pread(fd, &was, 1, (off_t)s.tasks[1].offset), 1);
		assert_int_equal(pwrite(fd, "X", 1, (off_t)s.tasks[1].offset), 1);
		assert_int_equal(collect_run(&s, &(struct collect_options){ .partial = partial },
					     &report, &e),
				 -1);
		assert_says(e.text,
			    (const char *const[]){ "journal", "has become unreadable", NULL });
		assert_int_equal(e.kind, ERR_SYSTEM);
		assert_false(run_has(&r, "results.csv"));
		assert_int_equal(pwrite(fd, &was, 1, (off_t)s.tasks[1].offset), 1);
		close(fd);
		collect_report_free(&report);
		scan_free(&s);
	}
	run_close(&r);
}

/* No more than so many bytes can be written to a file: nothing is published. */
static void test_no_room(void **state)
{
	static const struct {
		const char *collect;
		bool other; /* a column: the quick way ends */
	} rows[] = {
		{ "[{to: t.csv}]", false },
		{ "[{to: t.csv}]", true },
		{ "[{to: t.csv, by: [T], count: true}]", false },
		{ "[{to: t.csv, count: true}]", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *spec = mem_printf(
			"params: {grid: {T: [%0200000d, %0200000d]}}\ncommand: [\"true\"]\n"
			"results: {stdout: csv}\ncollect: %s\n",
			1, 2, rows[i].collect);
		struct collect_report report;
		struct err e = ERR_INIT;
		struct run r;
		int rc;

		run_open(&r, spec);
		run_end(&r, 0, 0, "ok", NULL, "a,b\n1,2\n", NULL);
		run_end(&r, 0, 1, "ok", NULL, rows[i].other ? "a\n1\n" : "a,b\n1,2\n", NULL);
		limit_files(i == 3 ? 3 : 20000);
		rc = collect(&r, &(struct collect_options){ .partial = true }, &report, &e);
		free_files();
		assert_int_equal(rc, -1);
		assert_says(e.text, (const char *const[]){ "cannot write '", "/collect/t.csv'",
							   "File too large", NULL });
		assert_false(run_has(&r, "t.csv"));
		assert_false(run_has(&r, "published.json"));
		collect_report_free(&report);
		run_close(&r);
		free(spec);
	}
}

struct refusal {
	const char *spec; /* from `results` on; two tasks, T=1 and T=2 */
	const char *out[2], *trace[2];
	const char *says[4];
};

/* What no way gives a table of. */
static void test_refusals(void **state)
{
	static const struct refusal rows[] = {
		{ "results: {stdout: jsonl}\n",
		  { "{\"a\":1}\n{\"b\":1}\n", "{\"a\":1}\n" },
		  { NULL },
		  { "(T=1): some of its rows have no column 'b', others have", NULL } },
		{ "results: {stdout: csv, files: {trace: \"t{T}.csv\"}}\n"
		  "collect: [{from: trace, to: t.csv}]\n",
		  { "a\n1\n", "a\n1\n" },
		  { "v,w\n1,2\n", "v\n1\n" },
		  { "trace: task t", "(T=2) has no column 'w', but task t", "(T=1) has", NULL } },
		{ "results: {stdout: csv}\ncollect: [{to: t.csv, mean: aa}]\n",
		  { "a\n1\n", "a\n2\n" },
		  { NULL },
		  { "summary 't.csv': there is no result column 'aa' (did you mean 'a'?)", NULL } },
		{ "results: {stdout: csv}\ncollect: [{to: t.csv, sd: a}]\n",
		  { "a\n-1e308\n", "a\n1e308\n" },
		  { NULL },
		  { "summary 't.csv': 'sd_a' is too large for a double", NULL } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *spec = mem_printf("params: {grid: {T: [1, 2]}}\ncommand: [\"true\"]\n%s",
					rows[i].spec);
		struct collect_report report;
		struct err e = ERR_INIT;
		struct run r;

		run_open(&r, spec);
		for (size_t k = 0; k < 2; k++)
			run_end(&r, 0, k, "ok", NULL, rows[i].out[k], rows[i].trace[k]);
		assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e),
				 -1);
		assert_says(e.text, rows[i].says);
		assert_int_equal(e.kind, ERR_BAD);
		assert_false(run_has(&r, "t.csv"));
		assert_false(run_has(&r, "published.json"));
		collect_report_free(&report);
		run_close(&r);
		free(spec);
	}
}

/* A table cannot get its name; a folder's name is longer than may be. */
static void test_bad_places(void **state)
{
	struct collect_report report;
	struct err e = ERR_INIT;
	struct run r;
	char *path, *spec;

	(void)state;
	run_open(&r, "repeat: 1\ncommand: [\"true\"]\n");
	run_end(&r, 0, 0, "ok", NULL, NULL, NULL);
	path = mem_printf("%s/collect/results.csv", r.rundir);
	assert_int_equal(file_make_dirs(path, &e), 0);
	assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e), -1);
	assert_says(e.text, (const char *const[]){ "collect/results.csv", "Is a directory", NULL });
	assert_false(run_has(&r, "published.json"));
	collect_report_free(&report);
	free(path);
	run_close(&r);

	err_clear(&e);
	spec = mem_printf("repeat: 1\ncommand: [\"true\"]\ncollect: [{to: %0300d/t.csv}]\n", 1);
	run_open(&r, spec);
	run_end(&r, 0, 0, "ok", NULL, NULL, NULL);
	assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e), -1);
	assert_says(e.text, (const char *const[]){ "cannot make folder '",
						   "0001': ", "File name too long", NULL });
	collect_report_free(&report);
	run_close(&r);
	free(spec);
}

/* ---- places ---- */

static void test_places(void **state)
{
	struct collect_report report;
	struct err e = ERR_INIT;
	struct buf got = BUF_INIT;
	struct run r;
	char *out, *link;

	(void)state;
	run_open(
		&r,
		"params: {grid: {T: [1]}}\ncommand: [\"true\"]\ncollect: [{to: fits/a.csv}, {to: b.csv}]\n");
	run_end(&r, 0, 0, "ok", NULL, NULL, NULL);
	/* elsewhere, by the file's ending */
	out = path_join(r.dir, "else.tsv");
	assert_int_equal(collect(&r, &(struct collect_options){ .to = out }, &report, &e), 0);
	assert_string_equal(report.tables[0].path, out);
	assert_int_equal(file_read(out, &got, 0, &e), 0);
	assert_begins(got.data, "task\tT\tseed\n");
	collect_report_free(&report);
	assert_int_equal(collect(&r, &(struct collect_options){ .to = "x.parquet" }, &report, &e),
			 -1);
	assert_begins(e.text, "no format is known for the ending of 'x.parquet'");
	collect_report_free(&report);
	/* a link that leads out of collect/ */
	err_clear(&e);
	link = mem_printf("%s/collect/fits", r.rundir);
	assert_int_equal(symlink(r.dir, link), 0);
	assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e), -1);
	assert_says(e.text,
		    (const char *const[]){ "fits' is a symbolic link that leads out", NULL });
	assert_false(run_has(&r, "b.csv"));
	collect_report_free(&report);
	assert_int_equal(unlink(link), 0);
	free(link);
	link = mem_printf("%s/collect/b.csv", r.rundir);
	assert_int_equal(symlink(out, link), 0);
	err_clear(&e);
	assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e), -1);
	assert_says(e.text,
		    (const char *const[]){ "b.csv' is a symbolic link that leads out", NULL });
	collect_report_free(&report);
	assert_int_equal(unlink(link), 0);
	err_clear(&e);
	assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e), 0);
	assert_true(run_has(&r, "fits/a.csv"));
	assert_true(run_has(&r, "b.csv"));
	collect_report_free(&report);
	free(link);
	free(out);
	buf_free(&got);
	run_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_several_tables),
		cmocka_unit_test(test_no_results),
		cmocka_unit_test(test_many_rows),
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_quick),
		cmocka_unit_test(test_quick_tables),
		cmocka_unit_test(test_record_lost_since),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_bad_places),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
