/* SPDX-License-Identifier: MIT */
/* The walk over journals that are torn, damaged or strange. */
#include "tests/unit/scan_test.h"

#include <sys/stat.h>

/* ---- the walk ---- */

struct walked {
	unsigned n;
	unsigned attempts[64];
	uint64_t ends[64];
	uint64_t damaged;
	struct scan_file last;
};

static int walk_one(void *arg, const struct scan_file *f, uint64_t offset, const struct record *r)
{
	struct walked *w = arg;

	w->attempts[w->n] = r->kind == RECORD_CLOSE ? 99 : r->attempt;
	w->ends[w->n] = offset + r->line.len;
	w->n++;
	w->damaged = f->damaged;
	w->last = *f;
	return 0;
}

static struct walked walk(const char *dir)
{
	struct walked w = { .n = 0 };
	struct err e = ERR_INIT;

	assert_int_equal(scan_records(dir, walk_one, &w, &e), 0);
	return w;
}

static struct buf some_records(const struct plan *p, bool closed)
{
	struct buf b = BUF_INIT;

	for (unsigned a = 1; a <= 5; a++) {
		put_rec(&b, p,
			&(struct rec){ .kind = RECORD_END,
				       .attempt = a,
				       .outcome = OUTCOME_OK,
				       .row = "{\"x\":\"\\n\\\"}\"}" });
	}
	if (closed) {
		put_rec(&b, p, &(struct rec){ .kind = RECORD_CLOSE });
	}
	return b;
}

/* Cut at every byte: every whole record is seen, and nothing else. */
static void test_torn(void **state)
{
	struct plan *p = make_plan(*state, SPEC);

	for (int closed = 0; closed < 2; closed++) {
		struct buf b = some_records(p, closed);
		struct walked all;

		write_journal(*state, "w", b.data, b.len);
		all = walk(*state);
		assert_int_equal(all.n, closed ? 6 : 5);
		for (size_t n = 0; n <= b.len; n++) {
			struct walked w;
			unsigned want = 0;

			write_journal(*state, "w", b.data, n);
			w = walk(*state);
			while (want < all.n && all.ends[want] <= n) {
				assert_int_equal(w.attempts[want], all.attempts[want]);
				want++;
			}
			assert_int_equal(w.n, want);
			assert_int_equal(w.damaged, 0);
		}
		buf_free(&b);
	}
	plan_free(p);
}

/* Torn, then written on, as a writer does after a short write: only the torn record is lost. */
static void test_torn_and_continued(void **state)
{
	struct plan *p = make_plan(*state, SPEC);
	struct buf b = some_records(p, false);
	struct walked all;
	size_t second, third;

	write_journal(*state, "w", b.data, b.len);
	all = walk(*state);
	second = all.ends[0] + 1;
	third = all.ends[1] + 1;
	for (size_t n = second; n <= third - 1; n++) {
		struct buf c = BUF_INIT;
		struct walked w;

		buf_add(&c, b.data, n);
		buf_putc(&c, '\n');
		buf_add(&c, b.data + third, b.len - third);
		write_journal(*state, "w", c.data, c.len);
		w = walk(*state);
		assert_int_equal(w.n, n == third - 1 ? 5 : 4);
		assert_int_equal(w.attempts[0], 1);
		assert_int_equal(w.attempts[w.n - 1], 5);
		assert_int_equal(w.damaged, n > second && n < third - 1 ? 1 : 0);
		buf_free(&c);
	}
	buf_free(&b);
	plan_free(p);
}

/* Every byte spoilt in turn: the record it is in is lost (two, when it parted them), the others are
 * seen. */
static void test_flipped(void **state)
{
	static const char marks[] = { '\n', '\0', '}', (char)0xff };
	struct plan *p = make_plan(*state, SPEC);
	struct buf b = some_records(p, true);

	for (size_t i = 0; i < b.len; i++) {
		for (size_t k = 0; k < sizeof marks; k++) {
			const char was = b.data[i];
			const bool part = was == '\n' && i + 1 < b.len;
			struct walked w;

			if (was == marks[k]) {
				continue;
			}
			b.data[i] = marks[k];
			write_journal(*state, "w", b.data, b.len);
			w = walk(*state);
			assert_int_equal(w.n, part ? 4 : 5);
			for (unsigned x = 1; x < w.n; x++) {
				assert_true(w.attempts[x] > w.attempts[x - 1]);
			}
			b.data[i] = was;
		}
	}
	buf_free(&b);
	plan_free(p);
}

/* In a closed file, damage is counted wherever it is; rubbish between records hides none of them.
 */
static void test_damaged_middle(void **state)
{
	static const char rubbish[] = "\0\0\0 zeros \xff\n\n\nnot json\n{\"k\":\"end\"}\n";
	struct plan *p = make_plan(*state, SPEC);
	struct buf b = BUF_INIT, some = some_records(p, true);
	struct walked w;
	struct scan s;

	buf_add(&b, rubbish, sizeof rubbish - 1);
	buf_add(&b, some.data, some.len);
	write_journal(*state, "w", b.data, b.len);
	w = walk(*state);
	assert_int_equal(w.n, 6);
	assert_int_equal(w.damaged, 3);
	assert_true(w.last.closed);
	fold(*state, p, NULL, &s);
	assert_int_equal(s.damaged, 3);
	assert_int_equal(s.tasks[0].outcome, OUTCOME_OK);
	scan_free(&s);
	scan_free(&s); /* twice is fine */
	buf_free(&b);
	buf_free(&some);
	plan_free(p);
}

/* Other files, other folders and no folder at all are no fault. */
static void test_strange_folder(void **state)
{
	struct plan *p = make_plan(*state, SPEC);
	char *path = path_join(*state, "journal/stray"),
	     *inner = path_join(*state, "journal/ab/x.tmp");
	struct scan s;

	write_journal(*state, "w", "", 0);
	put_file(path, "x", 1);
	put_file(inner, "x", 1);
	fold(*state, p, NULL, &s);
	assert_int_equal(s.n_files, 1);
	assert_int_equal(s.count, 4);
	scan_free(&s);
	clear_journals(*state);
	fold(*state, p, NULL, &s);
	assert_int_equal(s.n_files, 0);
	scan_free(&s);
	free(path);
	free(inner);
	plan_free(p);
}

/* A pipe in the place of a journal: nobody waits for what it may say. */
static void test_pipe(void **state)
{
	char *folder = path_join(*state, "journal/ab"), *path = path_join(folder, "w.jsonl");
	struct walked w = { .n = 0 };
	struct err e = ERR_INIT;

	file_make_dirs(folder, &e);
	assert_no_error(&e);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(scan_records(*state, walk_one, &w, &e), -1);
	assert_non_null(strstr(e.text, path));
	free(path);
	free(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_torn),           TEST(test_torn_and_continued), TEST(test_flipped),
		TEST(test_damaged_middle), TEST(test_strange_folder),     TEST(test_pipe)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
