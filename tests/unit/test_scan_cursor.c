/* SPDX-License-Identifier: MIT */
/* What the last fold remembered: the same is said with it as without, and it is believed only where
 * everything is as it was. */
#include "tests/unit/scan_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#define WRITERS 3
#define TASKS   40
#define SPEC40 \
	"ppgen: 1\nparams: {T: {from: 1, to: 40, step: 1}}\ncommand: echo {T}\nresults: {stdout: json}\n"

static const struct scan_options judging = { .judge = true };

struct grown { /* journals that grow */
	const char *dir;
	struct plan *plan;
	struct buf text[WRITERS];
	bool closed[WRITERS];
	char *pad;
	uint32_t chance;
};

static unsigned chance(struct grown *g, unsigned below)
{
	g->chance = g->chance * 1664525 + 1013904223;
	return (g->chance >> 8) % below;
}

static char *cursor_path(const char *dir)
{
	return rundir_path(dir, "cache/scan");
}

static void forget(const char *dir)
{
	char *path = rundir_path(dir, "cache");

	assert_int_equal(file_remove_tree(path, NULL), 0);
	free(path);
}

static bool remembers(const char *dir)
{
	char *path = cursor_path(dir);
	const bool is = file_exists(path);

	free(path);
	return is;
}

static void grown_init(struct grown *g, const char *dir)
{
	*g = (struct grown){ .dir = dir, .plan = make_plan(dir, SPEC40), .chance = 7 };
	g->pad = mem_alloc(20000);
	memset(g->pad, 'x', 16000);
	memcpy(g->pad, ",\"pad\":\"", 8);
	g->pad[15999] = '"';
	for (int w = 0; w < WRITERS; w++) {
		put_header(&g->text[w], "\"host\":\"elsewhere\"");
	}
}

static void grown_free(struct grown *g)
{
	for (int w = 0; w < WRITERS; w++) {
		buf_free(&g->text[w]);
	}
	free(g->pad);
	plan_free(g->plan);
}

static void grown_write(struct grown *g)
{
	static const char *const names[WRITERS] = { "a", "c", "b" };

	for (int w = 0; w < WRITERS; w++) {
		if (g->text[w].len > 0) {
			write_journal(g->dir, names[w], g->text[w].data, g->text[w].len);
		}
	}
}

/* About as much as makes a fold remember anew. */
static void grow(struct grown *g, unsigned records)
{
	for (unsigned i = 0; i < records; i++) {
		static const enum outcome outcomes[] = { OUTCOME_OK, OUTCOME_EXIT, OUTCOME_LOST,
							 OUTCOME_INTERRUPTED };
		const unsigned w = chance(g, WRITERS), kind = chance(g, 20);
		struct rec r = { .task = chance(g, TASKS),
				 .attempt = 1 + chance(g, 4),
				 .row = chance(g, 2) ? "{\"x\":1}" : "{\"x\":2}",
				 .more = g->pad };

		if (g->closed[w]) {
			continue;
		}
		r.kind = kind < 6 ? RECORD_START : kind == 6 ? RECORD_VOID : RECORD_END;
		r.outcome = outcomes[chance(g, 4)];
		r.code = kind == 7 ? OTHER : NULL;
		r.voids = r.kind == RECORD_VOID ? 1 : kind == 8 ? 2 : 0;
		put_rec(&g->text[w], g->plan, &r);
	}
}

static void assert_same(struct scan *a, struct scan *b)
{
	assert_int_equal(a->n_files, b->n_files);
	assert_int_equal(a->foreign, b->foreign);
	assert_int_equal(a->damaged, b->damaged);
	assert_int_equal(a->n_open, b->n_open);
	assert_int_equal(a->n_stale, b->n_stale);
	assert_memory_equal(a->tasks, b->tasks, a->count * sizeof *a->tasks);
	for (size_t i = 0; i < a->n_open; i++) {
		assert_int_equal(a->open[i].index, b->open[i].index);
		assert_int_equal(a->open[i].file, b->open[i].file);
		assert_int_equal(a->open[i].offset, b->open[i].offset);
		assert_int_equal(a->open[i].attempt, b->open[i].attempt);
	}
	for (size_t i = 0; i < a->n_files; i++) {
		assert_int_equal(a->files[i].whole, b->files[i].whole);
		assert_int_equal(a->files[i].damaged, b->files[i].damaged);
		assert_int_equal(a->files[i].closed, b->files[i].closed);
		assert_int_equal(a->files[i].dead, b->files[i].dead);
	}
}

/* Folds with what is remembered and without, on a copy of it that is put back. */
static void fold_both(struct grown *g)
{
	char *path = cursor_path(g->dir), *aside = rundir_path(g->dir, "aside");
	const bool had = file_exists(path);
	struct scan with, without;

	if (had) {
		assert_int_equal(rename(path, aside), 0);
	}
	fold(g->dir, g->plan, &judging, &without);
	forget(g->dir);
	if (had) {
		char *cache = rundir_path(g->dir, "cache");

		assert_int_equal(file_make_dirs(cache, NULL), 0);
		assert_int_equal(rename(aside, path), 0);
		free(cache);
	}
	fold(g->dir, g->plan, &judging, &with);
	assert_same(&with, &without);
	scan_free(&with);
	scan_free(&without);
	free(path);
	free(aside);
}

static void test_growing(void **state)
{
	struct grown g;
	unsigned remembered = 0;

	grown_init(&g, *state);
	for (unsigned step = 0; step < 24; step++) {
		const unsigned w = step % WRITERS;
		const size_t whole = g.text[w].len;

		grow(&g, 20 + chance(&g, 120));
		if (step ==
		    14) { /* a journal that sorts before the others begins late, another ends */
			put_rec(&g.text[1], g.plan, &(struct rec){ .kind = RECORD_CLOSE });
			g.closed[1] = true;
		}
		if (step % 4 == 3 && !g.closed[w] && whole < g.text[w].len) { /* torn, and whole */
			const size_t len = g.text[w].len;

			g.text[w].len -= 5;
			grown_write(&g);
			fold_both(&g);
			g.text[w].len = len;
		}
		grown_write(&g);
		fold_both(&g);
		remembered += remembers(*state);
	}
	assert_true(remembered > 15);
	grown_free(&g);
}

/* Bytes that were read are not read again; with them spoilt, only who reads all can tell. */
static void test_used(void **state)
{
	struct grown g;
	struct scan s;

	grown_init(&g, *state);
	grow(&g, 600);
	grown_write(&g);
	fold(*state, g.plan, &judging, &s);
	assert_true(remembers(*state));
	assert_int_equal(s.damaged, 0);
	scan_free(&s);
	g.text[0].data[g.text[0].len / 2] ^= 1;
	grown_write(&g);
	fold(*state, g.plan, &judging, &s);
	assert_int_equal(s.damaged, 0);
	scan_free(&s);
	fold(*state, g.plan, &(struct scan_options){ .judge = true, .repick = true }, &s);
	assert_int_equal(s.damaged, 1);
	scan_free(&s);
	forget(*state);
	fold(*state, g.plan, &judging, &s);
	assert_int_equal(s.damaged, 1);
	scan_free(&s);
	assert_false(remembers(*state)); /* the journal is not closed: what is damaged may come */
	grown_free(&g);
}

/* What does not hold any more is not believed. */
static void test_not_believed(void **state)
{
	static const char *const what[] = { "a byte of it",      "its end",  "a publication",
					    "a shorter journal", "its tail", "another plan" };

	for (size_t k = 0; k < sizeof what / sizeof *what; k++) {
		char *path = cursor_path(*state),
		     *published = rundir_path(*state, "collect/published.json");
		char *collect = rundir_path(*state, "collect");
		struct buf b = BUF_INIT;
		struct grown g;
		struct scan s, again;

		clear_journals(*state);
		forget(*state);
		grown_init(&g, *state);
		grow(&g, 600);
		grown_write(&g);
		fold(*state, g.plan, &judging, &s);
		scan_free(&s);
		g.text[0].data[g.text[0].len / 2] ^= 1; /* told by who reads all */
		assert_int_equal(file_read(path, &b, 0, NULL), 0);
		if (k == 0) {
			b.data[b.len / 2] ^= 1;
			put_file(path, b.data, b.len);
		} else if (k == 1) {
			put_file(path, b.data, b.len - 1);
		} else if (k == 2) {
			assert_int_equal(file_make_dirs(collect, NULL), 0);
			put_file(published, "{\"journals\":{}}", 15);
		} else if (k == 3) {
			g.text[2].len -= 10;
		} else if (k == 4) {
			g.text[2].data[g.text[2].len - 30] ^= 1;
		} else {
			plan_free(g.plan);
			g.plan = make_plan(*state, SPEC40 "seed: 5\n");
		}
		grown_write(&g);
		fold(*state, g.plan, &judging, &again);
		if (again.damaged == 0) {
			fail_msg("believed in spite of %s", what[k]);
		}
		scan_free(&again);
		assert_int_equal(file_remove_tree(collect, NULL), 0);
		buf_free(&b);
		free(collect);
		free(published);
		free(path);
		grown_free(&g);
	}
}

/* A published table pins what counts, and the fold behind it begins where the table was made. */
static void test_published(void **state)
{
	static const char sha[] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	struct err e = ERR_INIT;
	struct grown g;
	struct scan s;

	grown_init(&g, *state);
	grow(&g, 600);
	grown_write(&g);
	fold(*state, g.plan, &judging, &s);
	assert_int_equal(scan_mark_published(&s, sha, &e), 0);
	scan_free(&s);
	g.text[0].data[g.text[0].len / 2] ^= 1;
	grown_write(&g);
	fold(*state, g.plan, &judging, &s);
	assert_int_equal(s.damaged, 0); /* not read again */
	scan_free(&s);
	g.text[0].data[g.text[0].len / 2] ^= 1;
	grow(&g, 300);
	grown_write(&g);
	fold_both(&g);
	grown_free(&g);
}

/* Small runs leave nothing behind, and a folder that cannot be written to is no fault. */
static void test_unwanted(void **state)
{
	char *cache = rundir_path(*state, "cache");
	struct grown g;
	struct scan s;

	grown_init(&g, *state);
	grow(&g, 50);
	grown_write(&g);
	fold(*state, g.plan, &judging, &s);
	scan_free(&s);
	assert_false(file_exists(cache));
	grow(&g, 600);
	grown_write(&g);
	put_file(cache, "", 0); /* a file where the folder should be */
	fold(*state, g.plan, &judging, &s);
	scan_free(&s);
	assert_int_equal(unlink(cache), 0);
	grown_free(&g);
	free(cache);
}

/* Whatever number its head holds, no more is asked for than may be, and all is read. */
static void test_head(void **state)
{
	static const uint64_t much = UINT64_C(1) << 60;
	char *path = cursor_path(*state);
	struct buf b = BUF_INIT;
	struct grown g;
	struct scan s;

	grown_init(&g, *state);
	grow(&g, 600);
	grown_write(&g);
	fold(*state, g.plan, &judging, &s);
	scan_free(&s);
	g.text[0].data[g.text[0].len / 2] ^= 1; /* told by who reads all */
	grown_write(&g);
	assert_int_equal(file_read(path, &b, 0, NULL), 0);
	for (size_t at = 0; at < 112; at += 8) { /* to where its texts begin */
		char was[8];

		memcpy(was, b.data + at, sizeof was);
		memcpy(b.data + at, &much, sizeof much);
		put_file(path, b.data, b.len);
		memcpy(b.data + at, was, sizeof was);
		fold(*state, g.plan, &judging, &s);
		assert_int_equal(s.damaged, 1);
		scan_free(&s);
	}
	buf_free(&b);
	free(path);
	grown_free(&g);
}

/* What another process is writing is left to it; what one left long ago is not in the way. */
static void test_left_behind(void **state)
{
	static const struct {
		const char *what;
		long age;
		bool folder, remembers, left;
	} rows[] = {
		{ "just now", 0, false, false, true },
		{ "long ago", 3600, false, true, false },
		{ "a clock that was wrong", -3600, false, true, false },
		{ "a folder, which cannot be replaced", 3600, true, false, false },
	};
	char *fresh = rundir_path(*state, "cache/.scan.new"), *path = cursor_path(*state);
	char *cache = rundir_path(*state, "cache");
	struct grown g;

	grown_init(&g, *state);
	grow(&g, 600);
	grown_write(&g);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const time_t then = time(NULL) - rows[i].age;
		const struct timespec times[2] = { { .tv_sec = then }, { .tv_sec = then } };
		struct stat st;
		struct scan s;

		assert_int_equal(file_make_dirs(rows[i].folder ? path : cache, NULL), 0);
		put_file(fresh, "x", 1);
		assert_int_equal(utimensat(AT_FDCWD, fresh, times, 0), 0);
		fold(*state, g.plan, &judging, &s);
		assert_int_equal(s.damaged, 0);
		scan_free(&s);
		if (file_exists(fresh) != rows[i].left ||
		    (stat(path, &st) == 0 && S_ISREG(st.st_mode)) != rows[i].remembers) {
			fail_msg("%s", rows[i].what);
		}
		forget(*state);
	}
	free(cache);
	free(fresh);
	free(path);
	grown_free(&g);
}

/* A journal that began since then, and sorts between the others. */
static void test_new_journal(void **state)
{
	struct grown g;

	grown_init(&g, *state);
	grow(&g, 600);
	grown_write(&g);
	fold_both(&g);
	assert_true(remembers(*state));
	write_journal(*state, "b0", g.text[1].data, g.text[1].len);
	fold_both(&g);
	grown_free(&g);
}

/* ---- single records ---- */

#define JOURNALS 11 /* more than are held open */

/* Records read again: on and on in a long journal, in turns from many, and where none is. */
static void test_reader(void **state)
{
	struct grown g;
	struct buf text = BUF_INIT;
	struct scan_reader *x;
	struct record r;
	struct err e = ERR_INIT;
	uint64_t first, ends[TASKS];
	struct scan s;
	char name[16];

	grown_init(&g, *state);
	put_header(&text, "\"host\":\"elsewhere\"");
	first = text.len;
	for (unsigned i = 0; i < TASKS; i++) {
		const struct rec end = { .kind = RECORD_END,
					 .task = i,
					 .attempt = 1,
					 .outcome = OUTCOME_OK,
					 .row = "{\"x\":1}",
					 .more = g.pad };

		ends[i] = text.len;
		put_rec(&text, g.plan, &end);
	}
	for (int k = 0; k < JOURNALS; k++) {
		snprintf(name, sizeof name, "w%02d", k);
		write_journal(*state, name, text.data, k ? ends[1] : text.len);
	}
	fold(*state, g.plan, &judging, &s);
	assert_int_equal(s.n_files, JOURNALS);
	x = scan_reader_new(&s);
	for (unsigned i = 0; i < TASKS; i++) {
		assert_int_equal(scan_reader_get(x, 0, ends[i], &r, &e), 0);
		assert_int_equal(r.index, i);
	}
	for (uint32_t k = 0; k < 3 * JOURNALS; k++) {
		assert_int_equal(scan_reader_get(x, k * 4 % JOURNALS, first, &r, &e), 0);
		assert_int_equal(r.index, 0);
	}
	assert_int_equal(scan_reader_get(x, JOURNALS, first, &r, &e), -1);
	assert_string_equal(e.text + strlen(e.text) - 10, "journal 11");
	err_clear(&e);
	assert_int_equal(scan_reader_get(x, 1, ends[1], &r, &e), -1);
	assert_int_equal(strncmp(e.text, "no record at ", 13), 0);
	err_clear(&e);
	assert_int_equal(scan_reader_get(x, 1, first + 1, &r, &e), -1);
	assert_non_null(strstr(e.text, "has become unreadable"));
	scan_reader_free(x);
	scan_reader_free(NULL);
	/* a journal that went away, and a folder in the place of one */
	x = scan_reader_new(&s);
	assert_int_equal(unlink(s.files[0].path), 0);
	assert_int_equal(unlink(s.files[1].path), 0);
	assert_int_equal(mkdir(s.files[1].path, 0700), 0);
	for (uint32_t k = 0; k < 2; k++) {
		err_clear(&e);
		assert_int_equal(scan_reader_get(x, k, first, &r, &e), -1);
		assert_non_null(strstr(e.text, "cannot read '"));
		assert_non_null(strstr(e.text, k ? "Is a directory" : "No such file"));
		assert_int_equal(e.kind, ERR_SYSTEM);
	}
	scan_reader_free(x);
	scan_free(&s);
	buf_free(&text);
	grown_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_growing),      TEST(test_used),
					    TEST(test_not_believed), TEST(test_published),
					    TEST(test_unwanted),     TEST(test_reader),
					    TEST(test_head),         TEST(test_left_behind),
					    TEST(test_new_journal) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
