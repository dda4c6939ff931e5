/* SPDX-License-Identifier: MIT */
/*
 * The tasks of an array, as runs of consecutive indexes with an equal past: where nothing was done
 * before, 10^6 tasks are one run. The file's first line counts what follows and holds its checksum:
 * a list that was cut or changed must not run other tasks than those that were submitted.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "store/submission_internal.h"

#define LIST_VERSION 1
#define RUN_NUMBERS  6 /* whole ones, then */
#define RUN_FACTORS  2

static bool same_past(const struct task_run *a, const struct task_run *b)
{
	return a->attempt == b->attempt && a->upto == b->upto && a->tries == b->tries &&
	       a->lost == b->lost && a->memory == b->memory && a->time == b->time;
}

static void add_run(struct task_list *l, const struct task_run *run)
{
	const size_t before = l->cap;

	ARRAY_ROOM(l->runs, l->n, l->cap);
	if (l->cap != before) {
		l->from = mem_resize(l->from, l->cap, sizeof *l->from);
	}
	l->from[l->n] = l->tasks;
	l->runs[l->n++] = *run;
	l->tasks += run->count;
}

void task_list_add(struct task_list *l, uint64_t index, const struct task_run *like)
{
	struct task_run *last = l->n ? &l->runs[l->n - 1] : NULL, run;

	if (last && last->first + last->count == index && same_past(last, like)) {
		last->count++;
		l->tasks++;
		return;
	}
	run = *like;
	run.first = index;
	run.count = 1;
	add_run(l, &run);
}

uint64_t task_list_at(const struct task_list *l, uint64_t position, struct task_run *past)
{
	size_t low = 0, high = l->n;

	while (high - low > 1) { /* the last run that does not begin behind it */
		const size_t middle = low + (high - low) / 2;

		if (l->from[middle] <= position) {
			low = middle;
		} else {
			high = middle;
		}
	}
	*past = l->runs[low];
	past->first += position - l->from[low];
	past->count = 1;
	return past->first;
}

void task_list_free(struct task_list *l)
{
	free(l->runs);
	free(l->from);
	*l = (struct task_list){ .runs = NULL };
}

/* ---- the file ---- */

static char *list_path(const char *dir, unsigned array)
{
	return mem_printf("%s/tasks-%u.jsonl", dir, array);
}

static bool run_is_sound(const struct task_run *r)
{
	return r->count > 0 && r->first < SPACE_TASKS_MAX &&
	       r->count <= SPACE_TASKS_MAX - r->first && r->attempt > 0 && r->upto < r->attempt &&
	       isfinite(r->memory) && r->memory > 0 && isfinite(r->time) && r->time > 0;
}

static void put_run(struct buf *b, const struct task_run *r)
{
	const uint64_t numbers[] = { r->first, r->count, r->attempt, r->upto, r->tries, r->lost };
	char text[TEXT_DOUBLE_MAX];

	buf_putc(b, '[');
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		buf_put_u64(b, numbers[i]);
		buf_putc(b, ',');
	}
	buf_add(b, text, text_of_double(r->memory, text));
	buf_putc(b, ',');
	buf_add(b, text, text_of_double(r->time, text));
	buf_puts(b, "]\n");
}

int submission_put_tasks(const struct submission *s, unsigned array, const struct task_list *l,
			 struct err *e)
{
	char *path = list_path(s->dir, array);
	struct buf head = BUF_INIT, runs = BUF_INIT;
	int rc = 0;

	buf_puts(&runs, "");
	for (size_t i = 0; rc == 0 && i < l->n; i++) {
		if (!run_is_sound(&l->runs[i])) {
			rc = err_fail(e, "'%s': run %zu has a number out of range", path, i + 1);
		}
		put_run(&runs, &l->runs[i]);
	}
	buf_printf(&head,
		   "{\"v\":%d,\"tasks\":%" PRIu64 ",\"runs\":%zu,\"crc\":\"%08" PRIx32 "\"}\n",
		   LIST_VERSION, l->tasks, l->n, crc32c(0, runs.data, runs.len));
	buf_add(&head, runs.data, runs.len);
	if (rc == 0) {
		rc = submission_write(path, head.data, head.len, e);
	}
	buf_free(&head);
	buf_free(&runs);
	free(path);
	return rc;
}

/* One line, "[..]"; false when it is not what put_run writes. */
static bool take_run(const char *line, size_t len, struct task_run *r)
{
	struct json v, item;
	struct json_iter it;
	uint64_t numbers[RUN_NUMBERS] = { 0 };
	double *const factors[] = { &r->memory, &r->time };
	size_t n = 0;

	if (json_parse(line, len, &v, NULL) < 0 || v.type != JSON_ARRAY) {
		return false;
	}
	for (it = json_iter(v); json_next(&it, NULL, &item); n++) {
		if (item.type != JSON_NUMBER || n >= RUN_NUMBERS + RUN_FACTORS ||
		    !(n < RUN_NUMBERS ? json_u64(item, &numbers[n])
				      : json_double(item, factors[n - RUN_NUMBERS]))) {
			return false;
		}
	}
	for (size_t i = 2; i < RUN_NUMBERS; i++) {
		if (numbers[i] > UINT32_MAX) {
			return false;
		}
	}
	r->first = numbers[0];
	r->count = numbers[1];
	r->attempt = (unsigned)numbers[2];
	r->upto = (unsigned)numbers[3];
	r->tries = (unsigned)numbers[4];
	r->lost = (unsigned)numbers[5];
	return n == RUN_NUMBERS + RUN_FACTORS && run_is_sound(r);
}

struct list_head {
	uint64_t tasks, runs;
};

/* The first line; `rest` is what it counts. */
static int take_head(const char *line, size_t len, const char *rest, size_t rest_len,
		     struct list_head *h, struct err *e)
{
	struct json v;
	char crc[16];
	uint64_t version;

	if (json_parse(line, len, &v, e) < 0) {
		return -1;
	}
	if (!json_u64(json_get(v, "v"), &version) || version == 0) {
		return err_fail(e, "it has no 'v'");
	}
	if (version > LIST_VERSION) {
		return submission_newer(version, LIST_VERSION, e);
	}
	if (!json_u64(json_get(v, "tasks"), &h->tasks) ||
	    !json_u64(json_get(v, "runs"), &h->runs)) {
		return err_fail(e, "it does not say how many tasks it holds");
	}
	snprintf(crc, sizeof crc, "%08" PRIx32, crc32c(0, rest, rest_len));
	return json_eq(json_get(v, "crc"), crc)
		       ? 0
		       : err_fail(e, "it is damaged or cut short: its checksum is wrong");
}

static int take_list(const struct file_view *v, struct task_list *out, struct err *e)
{
	const char *const end = v->data + v->len;
	const char *newline = memchr(v->data, '\n', v->len), *at;
	struct list_head h;

	if (!newline) {
		return err_fail(e, "it is empty or cut short");
	}
	at = newline + 1;
	if (take_head(v->data, (size_t)(newline - v->data), at, (size_t)(end - at), &h, e) < 0) {
		return -1;
	}
	while (at < end) {
		struct task_run run;

		newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline || !take_run(at, (size_t)(newline - at), &run) ||
		    run.count > SPACE_TASKS_MAX - out->tasks) {
			return err_fail(e, "line %zu is no run of tasks", out->n + 2);
		}
		add_run(out, &run);
		at = newline + 1;
	}
	return out->tasks == h.tasks && out->n == h.runs
		       ? 0
		       : err_fail(e, "it holds %" PRIu64 " tasks and not %" PRIu64, out->tasks,
				  h.tasks);
}

int task_list_load(const char *submission_dir, unsigned array, struct task_list *out, struct err *e)
{
	char *path = list_path(submission_dir, array);
	struct file_view v;
	int rc;

	*out = (struct task_list){ .runs = NULL };
	rc = file_view(path, &v, e);
	if (rc == 0) {
		rc = take_list(&v, out, e) < 0 ? err_wrap(e, "'%s'", path)
					       : file_view_check(&v, path, e);
		if (rc < 0) {
			task_list_free(out);
		}
		file_view_free(&v);
	}
	free(path);
	return rc;
}
