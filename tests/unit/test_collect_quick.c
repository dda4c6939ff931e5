/* SPDX-License-Identifier: MIT */
/*
 * The collector's two ways: each way back from the quick one to the careful one gives the same
 * tables and the same words. And what neither can read or write.
 */
#include <sys/wait.h>

#include "collect/gather.h"
#include "tests/unit/collect_test.h"
#include "tests/unit/refuse.h"

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

/* Records that lack what ours have, or hold what ours do not. */
static void test_odd_records(void **state)
{
	static const char wrong[] = "0123456789abcdef0123456789abcdef"
				    "0123456789abcdef0123456789abcdef";
	struct collect_report report;
	struct err e = ERR_INIT;
	struct run r;
	char *row;

	(void)state;
	run_open(&r, "params: {grid: {T: [1, 2]}}\ncommand: [\"true\"]\nresults: {stdout: json}\n");
	r.no_seed = true;
	run_end(&r, 0, 0, "ok", "{\"e\":1}", NULL, NULL);
	run_end(&r, 0, 1, "ok", "{\"e\":2}", NULL, NULL);
	assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e), 0);
	assert_table(&r, "results.csv", "task,T,seed,e\nt,1,,1\nt,2,,2\n");
	collect_report_free(&report);
	run_close(&r);

	run_open(&r, "params: {grid: {T: [1, 2]}}\ncommand: [\"true\"]\nresults: {stdout: json}\n");
	run_end(&r, 0, 0, "ok", "{\"e\":1}", NULL, NULL);
	row = mem_printf("{\"%05000d\":3}", 1);
	run_end(&r, 0, 1, "ok", row, NULL, NULL);
	free(row);
	assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e), -1);
	assert_says(e.text,
		    (const char *const[]){ "a recorded row is no object of columns", NULL });
	collect_report_free(&report);
	run_close(&r);

	err_clear(&e);
	run_open(&r, "params: {grid: {T: [1, 2]}}\ncommand: [\"true\"]\nresults: {stdout: json}\n");
	run_end(&r, 0, 0, "ok", "{\"e\":1}", NULL, NULL);
	run_end(&r, 0, 1, "ok", NULL, NULL, NULL);
	assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e), -1);
	assert_says(e.text, (const char *const[]){ "task t", "(T=2)", "no JSON value", NULL });
	collect_report_free(&report);
	run_close(&r);

	err_clear(&e);
	run_open(&r, "params: {grid: {T: [1, 2]}}\ncommand: [\"true\"]\nresults: {stdout: json}\n");
	run_end(&r, 0, 0, "ok", "{\"e\":1}", NULL, NULL);
	r.code = wrong;
	run_end(&r, 0, 1, "ok", "{\"e\":2}", NULL, NULL);
	assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e), -1);
	assert_says(e.text, (const char *const[]){ "2 expected, 1 to merge, 0 failed, 1 missing",
						   "1 with results of other code only: task t",
						   "(T=2)", NULL });
	assert_int_equal(report.stale, 1);
	collect_report_free(&report);
	run_close(&r);
	gather_free(NULL);
}

/* More groups than there is room for at first. */
static void test_many_groups(void **state)
{
	struct collect_report report;
	struct buf want = BUF_INIT;
	struct err e = ERR_INIT;
	struct run r;

	(void)state;
	run_open(&r, "repeat: 200\ncommand: [\"true\"]\nresults: {stdout: csv}\n"
		     "collect: [{to: t.csv, by: [rep], sum: a}]\n");
	buf_puts(&want, "rep,sum_a\n");
	for (unsigned i = 0; i < 200; i++) {
		run_end(&r, 0, i, "ok", NULL, "a\n1\n2\n", NULL);
		buf_printf(&want, "%u,3\n", i);
	}
	assert_int_equal(collect(&r, &(struct collect_options){ .to = NULL }, &report, &e), 0);
	assert_table(&r, "t.csv", buf_str(&want));
	buf_free(&want);
	collect_report_free(&report);
	run_close(&r);
}

static void no_sync(void)
{
	refuse(SYS_fsync, ANY, EIO);
}

static void no_rename(void)
{
#ifdef SYS_rename
	refuse(SYS_rename, ANY, EACCES);
#endif
#ifdef SYS_renameat
	refuse(SYS_renameat, ANY, EACCES);
#endif
	refuse(SYS_renameat2, ANY, EACCES);
}

/* A disk that does not take what was written, or a folder that does not take the name: the table is
 * not there. */
static void test_not_published(void **state)
{
	static const struct {
		void (*prepare)(void);
		const char *says;
	} rows[] = { { no_sync, "cannot sync '" }, { no_rename, "cannot publish '" } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct run r;
		char *path;
		int status;
		pid_t pid;

		run_open(&r, "repeat: 1\ncommand: [\"true\"]\n");
		run_end(&r, 0, 0, "ok", NULL, NULL, NULL);
		path = path_join(r.dir, "t.csv");
		(void)fflush(NULL);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			const struct collect_options o = { .to = path };
			struct collect_report report;
			struct err e = ERR_INIT;

			rows[i].prepare();
			if (collect(&r, &o, &report, &e) == 0)
				_exit(1);
			_exit(strstr(e.text, rows[i].says) && strstr(e.text, "t.csv") ? 0 : 2);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_false(file_exists(path));
		assert_false(run_has(&r, "published.json"));
		free(path);
		run_close(&r);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quick),
		cmocka_unit_test(test_quick_tables),
		cmocka_unit_test(test_record_lost_since),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_odd_records),
		cmocka_unit_test(test_many_groups),
		cmocka_unit_test(test_not_published),
		cmocka_unit_test(test_bad_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
