/* SPDX-License-Identifier: MIT */
/*
 * A plan's folder from anywhere: the input is its files. Hashes in run.json that are written "?"
 * are made right, else nothing but the first check would ever be reached.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "gen/plan.h"
#include "gen/task.h"
#include "tests/fuzz/fuzz.h"

static void put_hash(struct buf *b, const struct entry *file)
{
	uint8_t sum[SHA256_SIZE];
	char hex[SHA256_HEX];

	sha256_of(file ? file->text.text : "", file ? file->text.len : 0, sum);
	hex_put(hex, sum, sizeof sum);
	buf_puts(b, hex);
}

/* Appends text with the value of "key":"?" made by what follows. */
static void put_filled(struct buf *b, struct part text, const char *key, const char *hex)
{
	char *mark = mem_printf("\"%s\":\"?\"", key);
	const char *at = memmem(text.text, text.len, mark, strlen(mark));

	if (at) {
		buf_add(b, text.text, (size_t)(at - text.text));
		buf_printf(b, "\"%s\":\"%s\"", key, hex);
		at += strlen(mark);
		buf_add(b, at, text.len - (size_t)(at - text.text));
	} else {
		buf_add(b, text.text, text.len);
	}
	free(mark);
}

static void fill_run(struct archive *a, const char *dir)
{
	const struct entry *run = archive_find(a, "run.json");
	struct space *s = space_load(dir, NULL);
	struct buf hex[3] = { BUF_INIT, BUF_INIT, BUF_INIT };
	static const char *const keys[] = { "spec_sha256", "inputs_sha256", "space" };
	struct buf b = BUF_INIT;

	if (run) {
		put_hash(&hex[0], archive_find(a, "spec.yaml"));
		put_hash(&hex[1], archive_find(a, "inputs.jsonl"));
		if (s) {
			uint8_t sum[SHA256_SIZE];
			char text[SHA256_HEX];

			space_hash(s, sum);
			hex_put(text, sum, sizeof sum);
			buf_puts(&hex[2], text);
		}
		buf_add(&b, run->text.text, run->text.len);
		for (size_t k = 0; k < 3; k++) {
			struct buf next = BUF_INIT;
			const struct part text = { buf_str(&b), b.len };

			put_filled(&next, text, keys[k], buf_str(&hex[k]));
			buf_free(&b);
			b = next;
		}
		scratch_write(dir, "run.json", b.data, b.len);
	}
	for (size_t k = 0; k < 3; k++)
		buf_free(&hex[k]);
	buf_free(&b);
	space_free(s);
}

static void try_points(const struct space *s)
{
	const uint64_t n = space_count(s);
	struct point p;
	uint8_t id[TASK_ID_SIZE];
	struct seeds seeds;

	if (n == 0)
		return;
	point_init(&p, s);
	for (unsigned k = 0; k < 5; k++) {
		space_point(s, k < 4 ? n / 4 * k : n - 1, &p);
		task_id(s, &p, id);
		task_seeds(s, &p, id, &seeds);
	}
	point_free(&p);
}

/* What was loaded is saved as the same bytes mean. */
static void try_axes(const char *dir)
{
	struct space *s = space_load(dir, NULL), *t;
	char *other = mem_printf("%s/other", scratch_folder());
	uint8_t a[32], b[32];

	if (s) {
		try_points(s);
		scratch_write(scratch_folder(), "other/mark", "", 0);
		MUST(space_save(s, other, NULL) == 0);
		t = space_load(other, NULL);
		MUST(t != NULL);
		space_hash(s, a);
		space_hash(t, b);
		MUST(memcmp(a, b, sizeof a) == 0 && space_count(s) == space_count(t));
		space_free(t);
	}
	space_free(s);
	free(other);
}

void fuzz_plan(struct part in)
{
	struct archive a;
	struct diags *d = diags_new();
	char *plans = mem_printf("%s/plan", scratch_folder());
	char *dir = mem_printf("%s/0001", plans);
	struct plan *p;

	scratch_empty();
	archive_open(&a, in);
	for (size_t i = 1; i < a.n; i++) {
		char *name = mem_printf("plan/0001/%s", a.items[i].name);

		if (!a.items[i].target)
			scratch_write(scratch_folder(), name, a.items[i].text.text,
				      a.items[i].text.len);
		free(name);
	}
	try_axes(dir);
	fill_run(&a, dir);
	MUST(plan_latest(plans, NULL) <= 1);
	p = plan_load(plans, 1, d);
	MUST(!p == (diags_errors(d) > 0));
	if (p) {
		struct task t;

		task_init(&t, p);
		(void)task_load(&t, p, 0, NULL);
		task_free(&t);
	}
	plan_free(p);
	archive_free(&a);
	diags_free(d);
	free(dir);
	free(plans);
}
