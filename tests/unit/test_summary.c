/* SPDX-License-Identifier: MIT */
/* Group summaries against known numbers, the statistics themselves, and the texts of doubles. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "collect/moments.h"
#include "collect/summary.h"
#include "gen/yaml.h"

/* Quantiles as R 4.2's quantile(x, type = 7) gives them; sd as its sd(). */
static void test_statistics(void **state)
{
	static const struct {
		double x[10];
		size_t n;
		enum stat_kind kind;
		double q, want;
	} cases[] = {
		{ { 1, 2, 3, 4 }, 4, STAT_MEAN, 0, 2.5 },
		{ { 1, 2, 3, 4 }, 4, STAT_SD, 0, 1.2909944487358056 },
		{ { 1, 2, 3, 4 }, 4, STAT_SEM, 0, 0.6454972243679028 },
		{ { 1, 2, 3, 4 }, 4, STAT_MEDIAN, 0, 2.5 },
		{ { 4, 1, 3 }, 3, STAT_MEDIAN, 0, 3 },
		{ { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, 10, STAT_QUANTILE, 0.25, 3.25 },
		{ { 10, 9, 8, 7, 6, 5, 4, 3, 2, 1 }, 10, STAT_QUANTILE, 0.9, 9.1 },
		{ { 2.5, 7.25, -1, 4 }, 4, STAT_QUANTILE, 0.1, 0.05 },
		{ { 5, 1 }, 2, STAT_QUANTILE, 0, 1 },
		{ { 5, 1 }, 2, STAT_QUANTILE, 1, 5 },
		{ { 7 }, 1, STAT_QUANTILE, 0.3, 7 },
		{ { 7 }, 1, STAT_MEAN, 0, 7 },
		{ { 1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16 },
		  4,
		  STAT_SD,
		  0,
		  5.477225575051661 }, /* sqrt(30) */
		{ { 1, 1e100, 1, -1e100 }, 4, STAT_SUM, 0, 2 },
		{ { 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1 }, 10, STAT_SUM, 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct moments m = { .n = 0 };
		double v;

		assert_false(moments_stat(&m, cases[i].kind, cases[i].q, &v));
		for (size_t k = 0; k < cases[i].n; k++)
			moments_add(&m, cases[i].x[k], "", 0, MOMENTS_VALUES);
		assert_true(moments_stat(&m, cases[i].kind, cases[i].q, &v));
		assert_true(fabs(v - cases[i].want) <= 1e-15 * fmax(1, fabs(cases[i].want)));
		assert_int_equal(m.n > 1, moments_stat(&m, STAT_SD, 0, &v));
		moments_release(&m);
	}
}

static void test_doubles(void **state)
{
	static const struct {
		double v;
		const char *want;
	} cases[] = { { 0.1, "0.1" },
		      { 1.0 / 3, "0.3333333333333333" },
		      { 2, "2" },
		      { 0.1 + 0.2, "0.30000000000000004" },
		      { 1e21, "1e+21" },
		      { -1.5e-7, "-1.5e-07" },
		      { 5e-324, "4.94065645841247e-324" },
		      { 100000, "100000" } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf b = BUF_INIT;

		summary_put_double(&b, cases[i].v);
		assert_string_equal(b.data, cases[i].want);
		assert_true(text_number(b.data, b.len) == cases[i].v);
		assert_true(text_is_json_number(b.data, b.len));
		buf_free(&b);
	}
}

/* ---- groups ---- */

static const char spec[] = "params: {grid: {T: [1.50, 2], s: [a, \"b,c\"]}}\nrepeat: 2\n";

static const char *by_s[] = { "s" }, *by_ts[] = { "T", "s" }, *by_x[] = { "Ss" };
static const char *by_far[] = { "temperature" };
static struct statistic stats_all[] = {
	{ STAT_COUNT, NULL, 0, "count" },  { STAT_MEAN, "x", 0, "mean_x" },
	{ STAT_SD, "x", 0, "sd_x" },       { STAT_MIN, "x", 0, "min_x" },
	{ STAT_MAX, "x", 0, "max_x" },     { STAT_QUANTILE, "x", .25, "q25_x" },
	{ STAT_SUM, "y.z", 0, "sum_y.z" }, { STAT_MAX, "T", 0, "max_T" },
};
static struct statistic stat_typo[] = { { STAT_MEAN, "enrgy", 0, "mean_enrgy" } };

struct sum_case {
	struct output o;
	char format;
	const char *rows[8]; /* one a task */
	const char *want;
};

static const struct sum_case cases[] = {
	{ { .to = "s", .by = by_s, .n_by = 1, .stats = stats_all, .n_stats = 8 },
	  'c',
	  { "{\"x\":1.0,\"y\":{\"z\":1}}", "{\"x\":3,\"y\":{\"z\":1}}", "{\"x\":5,\"y\":{\"z\":1}}",
	    "{\"x\":null,\"y\":{\"z\":1}}", "{\"x\":1.00,\"y\":{\"z\":1}}",
	    "{\"x\":-0.10,\"y\":{\"z\":1}}", "{\"x\":\"\",\"y\":{\"z\":0.1}}",
	    "{\"x\":\"5.50\",\"y\":{\"z\":0.2}}" },
	  "s,count,mean_x,sd_x,min_x,max_x,q25_x,sum_y.z,max_T\n"
	  "a,4,1.225,1.2919623317522329,-0.10,3,0.725,4,2\n"
	  "\"b,c\",4,5.25,0.3535533905932738,5,5.50,5.125,2.3,2\n" },
	{ { .to = "s", .by = by_ts, .n_by = 2, .stats = stats_all, .n_stats = 4 },
	  'l',
	  { "{\"x\":1}", "{\"x\":3}", "{\"x\":5}", "{}", "{}", "{\"x\":null}" },
	  "{\"T\":1.50,\"s\":\"a\",\"count\":2,\"mean_x\":2,\"sd_x\":1.4142135623730951,\"min_x\":1}\n"
	  "{\"T\":1.50,\"s\":\"b,c\",\"count\":2,\"mean_x\":5,\"sd_x\":null,\"min_x\":5}\n"
	  "{\"T\":2,\"s\":\"a\",\"count\":2,\"mean_x\":null,\"sd_x\":null,\"min_x\":null}\n" },
	{ { .to = "s", .stats = stats_all, .n_stats = 2 },
	  'c',
	  { "{\"x\":1}", "{\"x\":2}" },
	  "count,mean_x\n2,1.5\n" },
	{ { .to = "s", .stats = stats_all, .n_stats = 4 },
	  'c',
	  { NULL },
	  "count,mean_x,sd_x,min_x\n0,,,\n" },
	{ { .to = "s", .by = by_s, .n_by = 1, .stats = stats_all, .n_stats = 2 },
	  'c',
	  { NULL },
	  "s,count,mean_x\n" },
	{ { .to = "s", .by = by_s, .n_by = 1, .stats = stats_all, .n_stats = 2 },
	  'c',
	  { "{\"x\":\"nan\"}" },
	  "!task t0 (T=1.50, s=a, rep=0): 'x' is 'nan', no number" },
	{ { .to = "s", .by = by_s, .n_by = 1, .stats = stats_all, .n_stats = 2 },
	  'c',
	  { "{\"x\":1}", "{\"x\":true}" },
	  "!task t1 (T=1.50, s=a, rep=1): 'x' is 'true', no number" },
	{ { .to = "s", .by = by_s, .n_by = 1, .stats = stats_all, .n_stats = 2 },
	  'c',
	  { "{\"x\":1e999}" },
	  "!task t0 (T=1.50, s=a, rep=0): 'x' is '1e999', too large for a double" },
	{ { .to = "s", .by = by_s, .n_by = 1, .stats = stats_all, .n_stats = 2 },
	  'c',
	  { "{\"x\":1e308}", "{\"x\":1e308}" },
	  "!summary 's': 'mean_x' is too large for a double" },
	{ { .to = "s", .by = by_s, .n_by = 1, .stats = stat_typo, .n_stats = 1 },
	  'c',
	  { "{\"x\":1,\"energy\":1}" },
	  "!summary 's': there is no result column 'enrgy' (did you mean 'energy'?)" },
	{ { .to = "s", .by = by_x, .n_by = 1, .stats = stats_all, .n_stats = 1 },
	  'c',
	  { "{\"x\":1}" },
	  "!summary 's': there is no parameter 'Ss' (did you mean 's'?)" },
	{ { .to = "s", .by = by_far, .n_by = 1, .stats = stats_all, .n_stats = 1 },
	  'c',
	  { "{\"x\":1}" },
	  "!summary 's': there is no parameter 'temperature'" },
};

struct run {
	const struct space *space;
	struct point point;
	struct columns *columns;
	struct summary *summary;
	const char *const *rows;
};

/* The two walks over the tasks, as the collector does them. */
static int walk(struct run *r, struct err *e)
{
	static const struct extract json = { .format = FORMAT_JSON };
	struct rows *rows = rows_new(&json);
	const struct row *row;
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < 8 && r->rows[i]; i++) {
		struct gather_task t = { .space = r->space, .index = i, .point = &r->point };

		memcpy(t.shown, "t", 2);
		t.shown[1] = (char)('0' + i);
		assert_int_equal(rows_begin(rows, r->rows[i], strlen(r->rows[i]), e), 0);
		assert_int_equal(rows_next(rows, &row, e), 1);
		rc = r->summary
			     ? summary_row(r->summary, &t, row, columns_order(r->columns, row), e)
			     : columns_note(r->columns, &t, row, e);
	}
	rows_free(rows);
	return rc;
}

static int summarize(struct run *r, const struct sum_case *c, const char *path, struct err *e)
{
	struct writer *w;
	int rc = walk(r, e);

	if (rc < 0 || !(r->summary = summary_new(&c->o, r->space, r->columns, e)))
		return -1;
	rc = walk(r, e);
	w = writer_open(path, c->format, e);
	if (rc == 0)
		rc = summary_write(r->summary, w, e);
	if (rc == 0)
		rc = writer_finish(w, e);
	if (rc == 0)
		rc = writer_publish(w, e);
	writer_free(w);
	return rc;
}

static void test_groups(void **state)
{
	char dir[] = "/tmp/ppgen-test-summary-XXXXXX", *path;
	struct arena *a = arena_new();
	struct diags *d = diags_new();
	const struct node *root = yaml_parse(a, spec, sizeof spec - 1, "spec", d);
	struct space *space = space_new(&(struct space_source){ .root = root, .dir = "." }, d);

	(void)state;
	assert_non_null(space);
	assert_non_null(mkdtemp(dir));
	path = path_join(dir, "s");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct run r = { .space = space,
				 .columns = columns_new(space),
				 .rows = cases[i].rows };
		struct buf got = BUF_INIT;
		struct err e = ERR_INIT;

		point_init(&r.point, space);
		if (summarize(&r, &cases[i], path, &e) < 0)
			buf_printf(&got, "!%s", e.text);
		else
			assert_int_equal(file_read(path, &got, 0, &e), 0);
		assert_string_equal(got.data, cases[i].want);
		summary_free(r.summary);
		columns_free(r.columns);
		point_free(&r.point);
		buf_free(&got);
	}
	free(path);
	file_remove_tree(dir, NULL);
	space_free(space);
	diags_free(d);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statistics),
		cmocka_unit_test(test_doubles),
		cmocka_unit_test(test_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
