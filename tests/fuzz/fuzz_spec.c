/* SPDX-License-Identifier: MIT */
/*
 * A spec, "== NAME" the files that it reads. What `check` accepts can be planned: every task has
 * its id, its seeds, its command; the frozen plan, read back, has the same tasks.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "gen/call.h"
#include "gen/task.h"
#include "tests/fuzz/fuzz.h"

#define POINTS_MOST 3000 /* that one input may ask to be gone through */

static struct plan *draft(const char *path, const struct plan *old)
{
	struct diags *d = diags_new();
	const struct spec_options o = { .points_most = POINTS_MOST };
	struct spec *s = spec_read(path, &o, d);
	struct plan *p = NULL;

	MUST(!s == (diags_errors(d) > 0));
	if (s)
		p = plan_draft(s, old, d);
	MUST(!p == (diags_errors(d) > 0));
	diags_free(d);
	return p;
}

/* What interpreters are told is one line of JSON. */
static void check_line(const struct buf *b)
{
	struct err e = ERR_INIT;
	struct json v;

	MUST(b->len && memchr(b->data, '\n', b->len) == b->data + b->len - 1);
	if (json_parse(b->data, b->len, &v, &e) < 0)
		must_failed(e.text, __FILE__, __LINE__);
}

static void try_call(const struct plan *p, const struct task *t, const struct launch_place *at)
{
	struct call_maker *m = call_maker_new(p, at);
	struct buf line = BUF_INIT;
	struct launch l = { 0 };
	struct err e = ERR_INIT;

	call_put_open(m, false, &line);
	check_line(&line);
	buf_clear(&line);
	if (p->spec->function.chunk) {
		call_chunk_begin(m, 1);
		if (call_chunk_add(m, t, &e) == 0) {
			call_chunk_end(m, &line);
			check_line(&line);
		}
	} else if (call_put(m, t, 1, &line, &e) == 0) {
		check_line(&line);
	} else {
		MUST(line.len == 0);
	}
	err_clear(&e);
	if (call_launch(t, p, at, &l, &e) == 0)
		MUST(l.argv[0] && l.argv[1] && l.workdir[0] == '/');
	launch_free(&l);
	buf_free(&line);
	call_maker_free(m);
}

static void try_task(const struct plan *p, const struct plan *q, uint64_t index)
{
	const struct launch_place at = { .rundir = "/nowhere" };
	struct task a, b;
	struct launch l = { 0 };
	struct err e = ERR_INIT;
	struct buf shown = BUF_INIT;

	task_init(&a, p);
	task_init(&b, q);
	if (task_load(&a, p, index, &e) == 0) {
		MUST(task_load(&b, q, index, NULL) == 0);
		MUST(memcmp(a.id, b.id, sizeof a.id) == 0 && strcmp(a.code, b.code) == 0);
		MUST(a.seeds.seed64 == b.seeds.seed64 && a.point.rep == b.point.rep);
		for (size_t k = 0; k < a.point.n; k++)
			MUST(value_equal(&a.point.values[k], &b.point.values[k]));
		a.attempt = 1;
		if (task_launch(&a, p, &at, &l, &e) == 0) {
			MUST(l.argv[0] && l.workdir[0] == '/');
			launch_put_command(&l, &shown);
		}
		if (p->spec->start == START_FUNCTION)
			try_call(p, &a, &at);
	}
	launch_free(&l);
	task_free(&a);
	task_free(&b);
	buf_free(&shown);
}

static int count_combinations(void *arg, const struct point *p, uint64_t times)
{
	(void)p;
	(void)times;
	return ++*(int *)arg == 1000;
}

static void try_space(const struct space *s)
{
	const uint64_t n = space_count(s);
	struct buf b = BUF_INIT;
	bool *uses = mem_array(space_names(s) + 1, sizeof *uses);
	int combinations = 0;

	MUST(n > 0 && n <= SPACE_TASKS_MAX && space_added(s) <= n);
	for (size_t k = 0; k < space_axes(s); k++)
		space_put_axis(s, k, &b);
	for (size_t k = 0; k < space_names(s); k += 2)
		uses[k] = true;
	space_combinations(s, uses, count_combinations, &combinations);
	MUST(combinations > 0);
	if (n <= 200) {
		struct id_index *x = id_index_new(s);
		struct point p;

		point_init(&p, s);
		for (uint64_t i = 0; i < n; i++) {
			uint8_t id[TASK_ID_SIZE];

			space_point(s, i, &p);
			MUST(p.index == i);
			task_id(s, &p, id);
			MUST(id_index_find(x, id) == i);
		}
		point_free(&p);
		id_index_free(x);
	}
	free(uses);
	buf_free(&b);
}

/* What was accepted once is published and read back. */
static void try_plan(struct plan *p, const char *path, const char *plans)
{
	struct diags *d = diags_new();
	struct err e = ERR_INIT;
	struct setting *rows;
	const uint64_t n = space_count(p->spec->space);
	struct plan *back, *again;

	try_space(p->spec->space);
	for (size_t i = spec_settings(p->spec, &rows); i-- > 0;)
		MUST(rows[i].key && rows[i].value && rows[i].origin);
	if (plan_publish(p, plans, "", &e) < 0)
		must_failed(e.text, __FILE__, __LINE__); /* what was checked can be published */
	back = plan_load(plans, p->number, d);
	if (!back)
		must_failed(diags_text(d), __FILE__, __LINE__);
	MUST(plan_same(p, back));
	again = draft(path, back);
	MUST(again && plan_same(again, back));
	try_task(p, back, 0);
	try_task(p, back, n / 2);
	try_task(p, back, n - 1);
	plan_free(again);
	plan_free(back);
	diags_free(d);
}

void fuzz_spec(struct part in)
{
	struct archive a;
	struct plan *p;
	char *path, *plans;

	if (names_outside(in))
		return;
	scratch_empty();
	archive_open(&a, in);
	path = mem_printf("%s/spec.yaml", scratch_folder());
	plans = mem_printf("%s/plan", scratch_folder());
	scratch_write(scratch_folder(), "spec.yaml", a.items[0].text.text, a.items[0].text.len);
	for (size_t i = 1; i < a.n; i++)
		if (!a.items[i].target && strcmp(a.items[i].name, "spec.yaml") != 0)
			scratch_write(scratch_folder(), a.items[i].name, a.items[i].text.text,
				      a.items[i].text.len);
	p = draft(path, NULL);
	if (p)
		try_plan(p, path, plans);
	plan_free(p);
	archive_free(&a);
	free(path);
	free(plans);
}
