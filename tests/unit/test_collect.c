/* SPDX-License-Identifier: MIT */
/*
 * The collector on run directories that are made by hand: records in any order and in several
 * journals give the same bytes; what is missing, failed, damaged or of another shape is told, or
 * left out with --partial.
 */
#include "tests/unit/collect_test.h"

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

/* What functions returned: a row in the record, one that is nested, lists, no cells; columns that
 * only some tasks have. The quick way gives up at the latter, and the careful one gives the same.
 */
static void test_values(void **state)
{
	static const char spec[] = "params: {grid: {T: [1, 2, 3, 4]}}\n"
				   "command: [\"true\"]\n"
				   "results: {files: {trace: \"t{T}.csv\"}}\n"
				   "collect:\n"
				   "  - {to: main.csv}\n"
				   "  - {to: lines.jsonl}\n"
				   "  - {from: trace, to: traces.csv}\n";
	static const char *const trace = "v\n7\n";

	(void)state;
	for (int mixed = 0; mixed < 2; mixed++) {
		struct collect_report report;
		struct err e = ERR_INIT;
		struct run r;

		run_open(&r, spec);
		run_value(&r, FORMAT_VALUE);
		run_returned(&r, 0, 0, "{\"a\":1.50,\"b.c\":\"NaN\"}", NULL, trace);
		run_returned(&r, 1, 3, NULL, "[]", trace);
		run_returned(&r, 0, 2, NULL,
			     "[{\"a\":1,\"b\":{\"c\":2}},{\"a\":[1, 2],\"b\":{\"c\":\"-inf\"}}]",
			     trace);
		run_returned(&r, 1, 1, mixed ? "{}" : "{\"a\":null,\"b.c\":true}",
			     mixed ? NULL : "{\"a\":null,\"b\":{\"c\":true}}", trace);
		if (mixed) { /* which is an error, unless it is asked for */
			static const char *const says[] = { "(T=2) has no column 'a'", "--partial",
							    NULL };

			assert_int_equal(
				collect(&r, &(struct collect_options){ .to = NULL }, &report, &e),
				-1);
			assert_says(e.text, says);
			err_clear(&e);
		}
		assert_int_equal(
			collect(&r, &(struct collect_options){ .partial = mixed }, &report, &e), 0);
		assert_string_equal(e.text, "");
		assert_table(
			&r, "main.csv",
			mixed ? "task,T,seed,a,b.c\nt,1,100,1.50,NaN\nt,2,101,,\nt,3,102,1,2\n"
				"t,3,102,\"[1,2]\",-inf\n"
			      : "task,T,seed,a,b.c\nt,1,100,1.50,NaN\nt,2,101,,true\nt,3,102,1,2\n"
				"t,3,102,\"[1,2]\",-inf\n");
		assert_table(
			&r, "lines.jsonl",
			mixed ? "{\"task\":\"t\",\"T\":1,\"seed\":100,\"a\":1.50,\"b.c\":\"NaN\"}\n"
				"{\"task\":\"t\",\"T\":2,\"seed\":101,\"a\":null,\"b.c\":null}\n"
				"{\"task\":\"t\",\"T\":3,\"seed\":102,\"a\":1,\"b.c\":2}\n"
				"{\"task\":\"t\",\"T\":3,\"seed\":102,\"a\":[1,2],\"b.c\":\"-inf\"}\n"
			      : "{\"task\":\"t\",\"T\":1,\"seed\":100,\"a\":1.50,\"b.c\":\"NaN\"}\n"
				"{\"task\":\"t\",\"T\":2,\"seed\":101,\"a\":null,\"b.c\":true}\n"
				"{\"task\":\"t\",\"T\":3,\"seed\":102,\"a\":1,\"b.c\":2}\n"
				"{\"task\":\"t\",\"T\":3,\"seed\":102,\"a\":[1,2],\"b.c\":\"-inf\"}\n");
		assert_table(&r, "traces.csv",
			     "task,T,seed,v\nt,1,100,7\nt,2,101,7\nt,3,102,7\nt,4,103,7\n");
		collect_report_free(&report);
		run_close(&r);
	}
}

/* Bytes have no columns, and are not read. */
static void test_bytes(void **state)
{
	struct collect_report report;
	struct err e = ERR_INIT;
	struct run r;

	(void)state;
	run_open(&r, "params: {grid: {T: [1, 2, 3]}}\ncommand: [\"true\"]\n");
	run_value(&r, FORMAT_BYTES);
	run_returned(&r, 0, 0, NULL, "\x80\x04K\x01.", NULL);
	run_returned(&r, 0, 1, NULL, "\x80\x04K\x02.", NULL);
	run_returned(&r, 0, 2, NULL, NULL, NULL);
	damage_output(&r, 0);
	collect(&r, &(struct collect_options){ .to = NULL }, &report, &e);
	assert_string_equal(e.text, "");
	assert_table(&r, "results.csv", "task,T,seed\nt,1,100\nt,2,101\nt,3,102\n");
	collect_report_free(&report);
	run_close(&r);
}

/* Statistics of what functions returned. */
static void test_value_summary(void **state)
{
	struct collect_report report;
	struct err e = ERR_INIT;
	struct run r;

	(void)state;
	run_open(
		&r,
		"params: {grid: {T: [1, 2], L: [1, 2]}}\n"
		"command: [\"true\"]\n"
		"results: {stdout: json}\n"
		"collect: [{to: sums.csv, by: [T], count: true, mean: [value, x.y], max: value}]\n");
	run_value(&r, FORMAT_VALUE);
	run_returned(&r, 0, 0, "{\"value\":1.5}", NULL, NULL);
	run_returned(&r, 0, 1, "{\"value\":2.5,\"x.y\":1}", "{\"value\":2.5,\"x\":{\"y\":1}}",
		     NULL);
	run_returned(&r, 1, 2, NULL, "[{\"value\":4},{\"value\":null}]", NULL);
	run_returned(&r, 1, 3, "{\"value\":3}", NULL, NULL);
	collect(&r, &(struct collect_options){ .partial = true }, &report, &e);
	assert_string_equal(e.text, "");
	assert_table(&r, "sums.csv",
		     "T,count,mean_value,mean_x.y,max_value\n1,2,2,1,2.5\n2,3,3.5,,4\n");
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
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_value_summary),
		cmocka_unit_test(test_many_rows),
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
