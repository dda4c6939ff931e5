/* SPDX-License-Identifier: MIT */
/*
 * A run directory as a whole. The first file is a spec, from which a plan is published; the others
 * are put into the run directory, symbolic links too. Then it is read and collected as `collect`
 * does. Nothing outside of it may change, and reading it twice says the same.
 *
 * In journals, "crc":"?", "id":"?N" (task N's id), "code":"?" and the hash in [OFFSET,LENGTH,"?"]
 * are made right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "collect/collect.h"
#include "gen/task.h"
#include "store/rundir.h"
#include "store/scan.h"
#include "store/submission.h"
#include "tests/fuzz/fuzz.h"

#define POINTS_MOST 1000

static struct plan *publish(struct part spec, const char *plans)
{
	const struct spec_options o = { .points_most = POINTS_MOST };
	struct diags *d = diags_new();
	char *path = mem_printf("%s/spec.yaml", scratch_folder());
	struct plan *p = NULL;
	struct spec *s;

	scratch_write(scratch_folder(), "spec.yaml", spec.text, spec.len);
	s = spec_read(path, &o, d);
	if (s)
		p = plan_draft(s, NULL, d);
	if (p && (space_count(p->spec->space) > POINTS_MOST || plan_publish(p, plans, "", NULL))) {
		plan_free(p);
		p = NULL;
	}
	diags_free(d);
	free(path);
	return p;
}

static void put_id(struct buf *b, const struct plan *p, uint64_t index)
{
	uint8_t id[TASK_ID_SIZE];
	char hex[2 * TASK_ID_SIZE + 1];
	struct point pt;

	point_init(&pt, p->spec->space);
	space_point(p->spec->space, index % space_count(p->spec->space), &pt);
	task_id(p->spec->space, &pt, id);
	hex_put(hex, id, sizeof id);
	buf_puts(b, hex);
	point_free(&pt);
}

/* The output that belongs to a journal. */
static struct part output_of(const struct archive *a, const char *journal)
{
	const char *from = journal + strlen("journal/"), *dot = strrchr(from, '.');
	char *name = mem_printf("output/%.*s.out", (int)(dot ? dot - from : 0), from);
	const struct entry *found = archive_find(a, name);

	free(name);
	return found ? found->text : (struct part){ "", 0 };
}

static void put_piece_hash(struct buf *b, struct part output)
{
	uint64_t offset, len;
	uint8_t sum[SHA256_SIZE];
	char hex[SHA256_HEX];
	const char *open = memrchr(b->data, '[', b->len);

	if (!open ||
	    sscanf(open, "[%20llu,%20llu,", (unsigned long long *)&offset,
		   (unsigned long long *)&len) != 2 ||
	    offset > output.len || len > output.len - offset) {
		offset = len = 0;
	}
	sha256_of(output.text + offset, len, sum);
	hex_put(hex, sum, sizeof sum);
	buf_puts(b, hex);
}

/* Fills in what a fuzzer cannot know. */
static void put_journal(struct buf *out, const struct plan *p, const struct archive *a,
			const struct entry *x)
{
	struct buf b = BUF_INIT;
	struct part output = output_of(a, x->name), filled;
	const char *at = x->text.text, *end = at + x->text.len;

	while (at < end) {
		if (end - at > 7 && memcmp(at, "\"id\":\"?", 7) == 0) {
			uint64_t index = 0;

			for (at += 7; at < end && *at >= '0' && *at <= '9' && index < 10000; at++)
				index = 10 * index + (uint64_t)(*at - '0');
			buf_puts(&b, "\"id\":\"");
			put_id(&b, p, index);
		} else if (end - at > 10 && memcmp(at, "\"code\":\"?\"", 10) == 0) {
			buf_printf(&b, "\"code\":\"%s\"", p->code);
			at += 10;
		} else if (end - at > 8 && memcmp(at, "\"rh\":\"?\"", 8) == 0) {
			buf_printf(&b, "\"rh\":\"%s\"", p->results);
			at += 8;
		} else if (end - at > 5 && memcmp(at, ",\"?\"]", 5) == 0) {
			buf_puts(&b, ",\"");
			put_piece_hash(&b, output);
			buf_puts(&b, "\"]");
			at += 5;
		} else {
			buf_putc(&b, *at++);
		}
	}
	filled = (struct part){ buf_str(&b), b.len };
	put_sealed(out, filled);
	buf_free(&b);
}

/* A link leads into the run directory, or to its neighbour, whatever it says. */
static void put_link(const char *rundir, const struct entry *x)
{
	char *target;

	if (x->target[0] == '/' || strstr(x->target, ".."))
		target = mem_printf("%s/outside%s", scratch_folder(),
				    strstr(x->target, "results.csv") ? "/results.csv" : "");
	else
		target = mem_dup(x->target);
	scratch_link(rundir, x->name, target);
	free(target);
}

static void fill(const char *rundir, const struct plan *p, const struct archive *a)
{
	for (size_t i = 1; i < a->n; i++) {
		const struct entry *x = &a->items[i];
		struct buf b = BUF_INIT;

		if (x->target) {
			put_link(rundir, x);
		} else {
			if (strncmp(x->name, "journal/", 8) == 0)
				put_journal(&b, p, a, x);
			else
				buf_add(&b, x->text.text, x->text.len);
			scratch_write(rundir, x->name, buf_str(&b), b.len);
		}
		buf_free(&b);
	}
}

static void same_scan(const struct scan *a, const struct scan *b)
{
	MUST(a->count == b->count && a->n_files == b->n_files && a->n_open == b->n_open);
	MUST(a->foreign == b->foreign && a->damaged == b->damaged && a->n_stale == b->n_stale);
	MUST(a->damaged_output == b->damaged_output);
	for (uint64_t i = 0; i < a->count; i++) {
		const struct task_state *x = &a->tasks[i], *y = &b->tasks[i];

		MUST(x->outcome == y->outcome && x->flags == y->flags &&
		     x->attempts == y->attempts);
		if (x->outcome)
			MUST(x->offset == y->offset && x->file == y->file);
	}
}

static bool collect(const char *rundir, const struct plan *p, struct buf *tables)
{
	const struct scan_options o = { .judge = true };
	const struct collect_options c = { .partial = true };
	struct scan s, again;
	struct collect_report report = { 0 };
	struct err e = ERR_INIT;
	bool good = false;

	if (scan_fold(rundir, p, &o, &s, &e) < 0) {
		MUST(err_is(&e));
		return false;
	}
	MUST(scan_fold(rundir, p, &o, &again, NULL) == 0);
	same_scan(&s, &again);
	scan_free(&again);
	for (uint64_t i = 0; i < s.count; i++) {
		struct record r;

		if (s.tasks[i].outcome)
			MUST(scan_read(&s, s.tasks[i].file, s.tasks[i].offset, &r, NULL) == 0);
	}
	if (collect_run(&s, &c, &report, &e) == 0) {
		MUST(report.expected == s.count);
		MUST(report.expected == report.merged + report.failed + report.missing);
		for (size_t i = 0; i < report.n_tables; i++)
			buf_printf(tables, "%s %s\n", report.tables[i].path,
				   report.tables[i].sha256);
		good = true;
	} else {
		MUST(err_is(&e));
	}
	collect_report_free(&report);
	scan_free(&s);
	return good;
}

/* The neighbour holds what it held. */
static void check_outside(void)
{
	char *path = mem_printf("%s/outside", scratch_folder());
	char *file = mem_printf("%s/results.csv", path);
	struct buf b = BUF_INIT;
	char **names;
	size_t n;

	MUST(file_list(path, &names, &n, NULL) == 0);
	MUST(n == 1 && strcmp(names[0], "results.csv") == 0);
	MUST(file_read(file, &b, 0, NULL) == 0);
	must_equal(b.data, b.len, "mine\n", 5, "a file outside of the run directory");
	free(names);
	free(path);
	free(file);
	buf_free(&b);
}

void fuzz_rundir(struct part in)
{
	struct archive a;
	struct buf first = BUF_INIT, second = BUF_INIT;
	char *rundir = mem_printf("%s/run", scratch_folder());
	char *plans = mem_printf("%s/plan", rundir);
	struct plan *p;
	struct submission sub;

	archive_open(&a, in);
	if (names_outside(a.items[0].text))
		goto out;
	scratch_empty();
	scratch_write(scratch_folder(), "outside/results.csv", "mine\n", 5);
	MUST(rundir_create(rundir, NULL) == 0);
	p = publish(a.items[0].text, plans);
	if (p) {
		fill(rundir, p, &a);
		if (rundir_check(rundir, NULL) == 0 && collect(rundir, p, &first)) {
			/* what was published once stays */
			MUST(collect(rundir, p, &second));
			must_equal(first.data, first.len, second.data, second.len, "tables");
		}
		if (submission_living(rundir, &sub, NULL) == 1)
			submission_free(&sub);
		check_outside();
	}
	plan_free(p);
out:
	archive_free(&a);
	buf_free(&first);
	buf_free(&second);
	free(rundir);
	free(plans);
}
