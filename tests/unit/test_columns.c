/* SPDX-License-Identifier: MIT */
/* Column sets: order of first appearance, gaps, and results that repeat a parameter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "collect/columns.h"
#include "gen/yaml.h"

struct fixture {
	struct arena *arena;
	struct diags *diags;
	struct space *space;
	struct point point;
	struct rows *rows;
};

static const struct extract json = { .format = FORMAT_JSON };

static int setup(void **state)
{
	static const char spec[] = "params: {grid: {T: [1.50, 2], s: [a]}}\n";
	static struct fixture f;

	f.arena = arena_new();
	f.diags = diags_new();
	f.space =
		space_new(&(struct space_source){ .root = yaml_parse(f.arena, spec, sizeof spec - 1,
								     "spec", f.diags),
						  .dir = "." },
			  f.diags);
	f.rows = rows_new(&json);
	*state = &f;
	if (!f.space)
		return -1;
	point_init(&f.point, f.space);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	point_free(&f->point);
	rows_free(f->rows);
	space_free(f->space);
	diags_free(f->diags);
	arena_free(f->arena);
	return 0;
}

static struct gather_task task(struct fixture *f, uint64_t index)
{
	struct gather_task t = { .space = f->space,
				 .index = index,
				 .seed = { JSON_STRING, "\"77\"", 4 },
				 .point = &f->point };

	memcpy(t.shown, "t00000000000000ff", sizeof t.shown);
	t.shown[1] = (char)('0' + index);
	return t;
}

/* Notes rows, one a task; "!" and the message where that fails. */
static void note(struct fixture *f, struct columns *c, const char *const *texts, struct buf *got)
{
	const struct row *row;
	struct err e = ERR_INIT;

	buf_clear(got);
	for (uint64_t i = 0; texts[i]; i++) {
		struct gather_task t = task(f, i);

		assert_int_equal(rows_begin(f->rows, texts[i], strlen(texts[i]), &e), 0);
		assert_int_equal(rows_next(f->rows, &row, &e), 1);
		if (columns_note(c, &t, row, &e) < 0) {
			buf_printf(got, "!%s", e.text);
			return;
		}
	}
	for (size_t k = 0; k < columns_count(c); k++)
		buf_printf(got, "%s%.*s", k ? " " : "", (int)columns_get(c, k).len,
			   columns_get(c, k).name);
}

static void test_sets(void **state)
{
	static const struct {
		const char *rows[3], *want, *gap;
		uint64_t has, lacks;
	} cases[] = {
		{ { "{\"b\":1,\"a\":2}", "{\"a\":3,\"b\":4}" }, "b a", NULL, 0, 0 },
		{ { "{\"b\":1}", "{\"a\":3,\"b\":4}" }, "b a", "a", 1, 0 },
		{ { "{\"b\":1,\"a\":2}", "{\"b\":4}" }, "b a", "a", 0, 1 },
		{ { "{}", "{}" }, "", NULL, 0, 0 },
		{ { "{}", "{\"x\":1}" }, "x", "x", 1, 0 },
		{ { "{\"x\":1}", "{}" }, "x", "x", 0, 1 },
		/* what repeats a parameter, by text or as a number */
		{ { "{\"T\":1.5,\"x\":1,\"s\":\"a\"}", "{\"T\":2.0,\"x\":1}" }, "x", NULL, 0, 0 },
		{ { "{\"seed\":77,\"x\":1}", "{\"seed\":\"77\",\"x\":1}" }, "x", NULL, 0, 0 },
		{ { "{\"task\":\"t00000000000000ff\",\"x\":1}" }, "x", NULL, 0, 0 },
		{ { "{\"rep\":5}" }, "rep", NULL, 0, 0 },
		{ { "{\"T\":1.5,\"x\":1}", "{\"T\":2.5,\"x\":1}" },
		  "!task t10000000000000ff (T=2, s=a): its result 'T' is '2.5', but its parameter of this name is '2': "
		  "rename the result",
		  NULL,
		  0,
		  0 },
		{ { "{\"s\":null}" },
		  "!task t00000000000000ff (T=1.50, s=a): its result 's' is '', but its parameter of this name is 'a': "
		  "rename the result",
		  NULL,
		  0,
		  0 },
		{ { "{\"task\":0}" },
		  "!task t00000000000000ff (T=1.50, s=a): its result 'task' is '0', but its column of this name is "
		  "'t00000000000000ff': rename the result",
		  NULL,
		  0,
		  0 },
		{ { "{\"seed\":1}" },
		  "!task t00000000000000ff (T=1.50, s=a): its result 'seed' is '1', but its column of this name is '77': "
		  "rename the result",
		  NULL,
		  0,
		  0 },
	};
	struct fixture *f = *state;
	struct buf got = BUF_INIT;
	struct column_gap gap;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct columns *c = columns_new(f->space);

		for (int again = 0; again < 2; again++) {
			columns_clear(c);
			note(f, c, cases[i].rows, &got);
			assert_string_equal(got.data, cases[i].want);
			if (got.len && got.data[0] == '!')
				continue;
			assert_int_equal(columns_gap(c, &gap), cases[i].gap != NULL);
			if (cases[i].gap) {
				assert_int_equal(gap.column.len, strlen(cases[i].gap));
				assert_memory_equal(gap.column.name, cases[i].gap, gap.column.len);
				assert_int_equal(gap.has, cases[i].has);
				assert_int_equal(gap.lacks, cases[i].lacks);
			}
		}
		columns_free(c);
	}
	buf_free(&got);
}

static void test_order(void **state)
{
	static const char *const rows[] = { "{\"b\":1,\"T\":1.5,\"a\":2}", "{\"c\":3,\"b\":4}",
					    NULL };
	static const long want[][3] = { { 0, 2, -1 }, { 1, -1, 0 } };
	struct fixture *f = *state;
	struct columns *c = columns_new(f->space);
	struct buf got = BUF_INIT;
	struct err e = ERR_INIT;
	const struct row *row;

	note(f, c, rows, &got);
	assert_string_equal(got.data, "b a c");
	for (int again = 0; again < 4; again++) {
		const char *text = rows[again % 2];

		assert_int_equal(rows_begin(f->rows, text, strlen(text), &e), 0);
		assert_int_equal(rows_next(f->rows, &row, &e), 1);
		assert_memory_equal(columns_order(c, row), want[again % 2], sizeof want[0]);
	}
	assert_int_equal(columns_find(c, "c", 1), 2);
	assert_int_equal(columns_find(c, "T", 1), -1);
	columns_free(c);
	buf_free(&got);
}

static void test_many(void **state)
{
	struct fixture *f = *state;
	struct columns *c = columns_new(f->space);
	struct buf b = BUF_INIT, got = BUF_INIT;
	const char *rows[3] = { NULL, NULL, NULL };

	for (int i = 0; i < 3000; i++)
		buf_printf(&b, "%c\"c%d\":%d", i ? ',' : '{', i, i);
	buf_puts(&b, "}");
	rows[0] = rows[1] = b.data;
	note(f, c, rows, &got);
	assert_int_equal(columns_count(c), 3000);
	assert_int_equal(columns_find(c, "c2999", 5), 2999);
	assert_int_equal(columns_rows(c), 2);
	columns_free(c);
	buf_free(&b);
	buf_free(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
