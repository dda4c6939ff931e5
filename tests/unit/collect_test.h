/* SPDX-License-Identifier: MIT */
/* Run directories that are made by hand, and collected. */
#ifndef PPGEN_TESTS_UNIT_COLLECT_TEST_H
#define PPGEN_TESTS_UNIT_COLLECT_TEST_H

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

struct run {
	char dir[40];
	char *rundir, *plans;
	struct diags *diags;
	struct plan *plan;
	struct journal *journals[2];
	const char *code; /* NULL: that of today */
	bool no_seed;
};

/* ---- a run by hand ---- */

/* As if the spec had `results: {value: ..}`, not stdout: what a function returned is read so. */
static inline void run_value(struct run *r, enum format f)
{
	struct results *rs = &((struct spec *)(uintptr_t)r->plan->spec)->results;

	rs->stream[STREAM_STDOUT].format = FORMAT_NONE;
	rs->stream[STREAM_VALUE].format = f;
}

static inline void run_open(struct run *r, const char *spec)
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

static inline void run_close(struct run *r)
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

static inline void put_piece(struct journal *j, const char *key, const char *text, struct buf *b)
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

static inline void run_end_as(struct run *r, size_t journal, uint64_t index, const char *outcome,
			      const char *row, const char *key, const char *out, const char *trace)
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
		"{\"k\":\"end\",\"id\":\"%s\",\"i\":%llu,\"plan\":%u,\"att\":1,\"slot\":0,\"code\":\"%s\"",
		id, (unsigned long long)index, r->plan->number, r->code ? r->code : t.code);
	if (!r->no_seed)
		buf_printf(&b, ",\"seed\":\"%llu\"", (unsigned long long)index + 100);
	if (out)
		put_piece(j, key, out, &b);
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

/* An attempt's end: `row` stands in the record, `out` and `trace` in the output; each may be NULL.
 */
static inline void run_end(struct run *r, size_t journal, uint64_t index, const char *outcome,
			   const char *row, const char *out, const char *trace)
{
	run_end_as(r, journal, index, outcome, row, ",\"o\":", out, trace);
}

/* The same of a call: `row` as it stands in the record, `value` where it is not the row. */
static inline void run_returned(struct run *r, size_t journal, uint64_t index, const char *row,
				const char *value, const char *trace)
{
	run_end_as(r, journal, index, "ok", row, ",\"v\":", value, trace);
}

static inline int collect(struct run *r, const struct collect_options *o,
			  struct collect_report *report, struct err *e)
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
static inline char *read_table(const struct run *r, const char *name)
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

static inline void assert_table(const struct run *r, const char *name, const char *want)
{
	char *got = read_table(r, name);

	assert_string_equal(got, want);
	free(got);
}

static inline bool run_has(const struct run *r, const char *name)
{
	char *path = mem_printf("%s/collect/%s", r->rundir, name);
	const bool there = file_exists(path);

	free(path);
	return there;
}

static inline void assert_begins(const char *text, const char *want)
{
	if (strncmp(text, want, strlen(want)) != 0)
		assert_string_equal(text, want);
}

/* Whether all of the pieces stand in the text, in their order. */
static inline void assert_says(const char *text, const char *const *pieces)
{
	const char *at = text;

	for (size_t i = 0; pieces[i]; i++) {
		at = strstr(at, pieces[i]);
		if (!at)
			print_error("'%s' lacks '%s'\n", text, pieces[i]);
		assert_non_null(at);
	}
}

/* The first byte that was kept of a journal's output is another now. */
static inline void damage_output(const struct run *r, size_t journal)
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

#endif
