/* SPDX-License-Identifier: MIT */
/* What the scanner's tests share: a small plan, and journals made of records in short form. */
#ifndef PPGEN_TESTS_UNIT_SCAN_TEST_H
#define PPGEN_TESTS_UNIT_SCAN_TEST_H

#include "tests/unit/store_test.h"

#include <stdio.h>

#include "base/hash.h"
#include "gen/plan.h"
#include "store/rundir.h"
#include "store/scan.h"

#define OTHER  "00000000000000aa" /* code hashes that are not the plan's */
#define OLDER  "00000000000000bb"
#define FORMER "0badbeef" /* a results hash that is not the plan's */
#define SPEC   "ppgen: 1\nparams: {T: [1, 2, 3, 4]}\ncommand: echo {T}\nresults: {stdout: json}\n"

/* A record, in short. code and rh: NULL is the plan's. */
struct rec {
	enum record_kind kind;
	unsigned task, attempt;
	enum outcome outcome;
	const char *code, *rh;
	unsigned voids; /* of a void: upto */
	const char *row, *more;
};

/* No sync: hundreds of files are written here. */
static inline void put_file(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static inline struct plan *make_plan(const char *dir, const char *text)
{
	char *path = path_join(dir, "spec.yaml"), *plans = path_join(dir, "plan");
	struct spec_options o = { .sets = NULL };
	struct diags *d = diags_new();
	struct err e = ERR_INIT;
	struct spec *s;
	struct plan *p;

	rundir_create(dir, &e);
	assert_no_error(&e);
	put_file(path, text, strlen(text));
	s = spec_read(path, &o, d);
	if (!s) {
		fail_msg("%s", diags_text(d));
	}
	p = plan_draft(s, NULL, d);
	if (!p) {
		fail_msg("%s", diags_text(d));
	}
	plan_publish(p, plans, "", &e);
	assert_no_error(&e);
	diags_free(d);
	free(path);
	free(plans);
	return p;
}

static inline void hex_id(const struct plan *p, uint64_t index, char out[2 * TASK_ID_SIZE + 1])
{
	uint8_t id[TASK_ID_SIZE];
	struct point pt;

	point_init(&pt, p->spec->space);
	space_point(p->spec->space, index, &pt);
	task_id(p->spec->space, &pt, id);
	hex_put(out, id, TASK_ID_SIZE);
	point_free(&pt);
}

static inline void put_rec(struct buf *b, const struct plan *p, const struct rec *r)
{
	static const char *const kinds[] = { "header", "start", "end", "void", "close", "sync" };
	const size_t from = b->len;
	char id[2 * TASK_ID_SIZE + 1];

	hex_id(p, r->task, id);
	buf_printf(b, "{\"k\":\"%s\"", kinds[r->kind]);
	if (r->kind == RECORD_VOID) {
		buf_printf(b, ",\"id\":\"%s\",\"upto\":%u,\"why\":\"wrong\"", id, r->voids);
	} else if (r->kind == RECORD_SYNC) {
		buf_puts(b, ",\"t\":1");
	} else if (r->kind != RECORD_CLOSE) {
		buf_printf(b, ",\"id\":\"%s\",\"i\":%u,\"plan\":%u,\"att\":%u", id, r->task,
			   p->number, r->attempt);
	}
	if (r->kind == RECORD_END) {
		buf_printf(b, ",\"out\":\"%s\",\"code\":\"%s\",\"rh\":\"%s\",\"voids\":%u%s",
			   outcome_names[r->outcome], r->code ? r->code : p->code,
			   r->rh ? r->rh : p->results, r->voids, r->more ? r->more : "");
		buf_printf(b, r->row ? ",\"r\":%s" : "%s", r->row ? r->row : "");
	}
	record_seal(b, from);
}

static inline void put_header(struct buf *b, const char *process)
{
	const size_t from = b->len;

	buf_puts(b, "{\"k\":\"header\",\"v\":1,\"writer\":\"w\",\"plan\":1,");
	buf_puts(b, process);
	record_seal(b, from);
}

static inline void write_journal(const char *dir, const char *writer, const void *p, size_t n)
{
	char *folder = path_join(dir, "journal/ab");
	char *path = mem_printf("%s/%s.jsonl", folder, writer);
	struct err e = ERR_INIT;

	file_make_dirs(folder, &e);
	assert_no_error(&e);
	put_file(path, p, n);
	free(path);
	free(folder);
}

static inline void clear_journals(const char *dir)
{
	char *path = path_join(dir, "journal");

	assert_int_equal(file_remove_tree(path, NULL), 0);
	free(path);
}

static inline void fold(const char *dir, const struct plan *p, const struct scan_options *o,
			struct scan *s)
{
	static const struct scan_options plain = { .judge = false };
	struct err e = ERR_INIT;

	scan_fold(dir, p, o ? o : &plain, s, &e);
	assert_no_error(&e);
}

/* Of task 2. */
#define START(a)                                              \
	{                                                     \
		.kind = RECORD_START, .task = 2, .attempt = a \
	}
#define END(a, o)                                                                   \
	{                                                                           \
		.kind = RECORD_END, .task = 2, .attempt = a, .outcome = OUTCOME_##o \
	}
#define END_ROW(a, r)                                                                        \
	{                                                                                    \
		.kind = RECORD_END, .task = 2, .attempt = a, .outcome = OUTCOME_OK, .row = r \
	}
#define END_CODE(a, o, c)                                                                      \
	{                                                                                      \
		.kind = RECORD_END, .task = 2, .attempt = a, .outcome = OUTCOME_##o, .code = c \
	}
#define END_RH(a, o, h)                                                                      \
	{                                                                                    \
		.kind = RECORD_END, .task = 2, .attempt = a, .outcome = OUTCOME_##o, .rh = h \
	}
#define END_VOIDS(a, o, v)                                                                      \
	{                                                                                       \
		.kind = RECORD_END, .task = 2, .attempt = a, .outcome = OUTCOME_##o, .voids = v \
	}
#define VOID(n)                                            \
	{                                                  \
		.kind = RECORD_VOID, .task = 2, .voids = n \
	}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

#endif
