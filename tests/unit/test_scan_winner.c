/* SPDX-License-Identifier: MIT */
/* Which attempt counts, in whatever order the records stand. */
#include "tests/unit/scan_test.h"

/* ---- which attempt counts ---- */

struct winner_case {
	const char *name;
	struct rec recs[5];
	unsigned n;
	enum outcome outcome;
	unsigned winner; /* attempt; 0: none */
	unsigned attempts, flags;
};

static const struct winner_case winner_cases[] = {
	{ "nothing", { START(1) }, 0, OUTCOME_NONE, 0, 0, 0 },
	{ "one success", { END(1, OK) }, 1, OUTCOME_OK, 1, 1, 0 },
	{ "one failure", { END(1, EXIT) }, 1, OUTCOME_EXIT, 1, 1, 0 },
	{ "the last failure",
	  { END(1, EXIT), END(2, TIMEOUT), END(3, OOM) },
	  3,
	  OUTCOME_OOM,
	  3,
	  3,
	  0 },
	{ "success before failure",
	  { END(1, EXIT), END(2, OK), END(3, SIGNAL) },
	  3,
	  OUTCOME_OK,
	  2,
	  3,
	  0 },
	{ "the first success", { END(3, OK), END(2, OK), END(1, EXIT) }, 3, OUTCOME_OK, 2, 3, 0 },
	{ "interrupted is no failure",
	  { END(1, EXIT), END(2, INTERRUPTED), END(3, LOST) },
	  3,
	  OUTCOME_EXIT,
	  1,
	  3,
	  0 },
	{ "only interrupted", { END(1, INTERRUPTED), END(2, LOST) }, 2, OUTCOME_NONE, 0, 2, 0 },
	{ "same results",
	  { END_ROW(1, "{\"x\":1}"), END_ROW(2, "{\"x\":1}") },
	  2,
	  OUTCOME_OK,
	  1,
	  2,
	  0 },
	{ "different results",
	  { END_ROW(1, "{\"x\":1}"), END_ROW(2, "{\"x\":1}"), END_ROW(3, "{\"x\":2}") },
	  3,
	  OUTCOME_OK,
	  1,
	  3,
	  TASK_DIFFERS },
	{ "different, but void",
	  { END_ROW(1, "{\"x\":1}"), END_ROW(2, "{\"x\":1}"), END_ROW(3, "{\"x\":2}"), VOID(2) },
	  4,
	  OUTCOME_OK,
	  3,
	  3,
	  0 },
	{ "void", { END(1, OK), VOID(1) }, 2, OUTCOME_NONE, 0, 1, 0 },
	{ "void success, then failure",
	  { END(1, OK), VOID(1), END(2, EXIT) },
	  3,
	  OUTCOME_EXIT,
	  2,
	  2,
	  0 },
	{ "two voids",
	  { END(1, OK), VOID(1), END(2, OK), VOID(2), END(3, OK) },
	  5,
	  OUTCOME_OK,
	  3,
	  3,
	  0 },
	{ "voids of a success", { END(1, OK), END_VOIDS(2, OK, 1) }, 2, OUTCOME_OK, 2, 2, 0 },
	{ "voids of a failure", { END(1, OK), END_VOIDS(2, EXIT, 1) }, 2, OUTCOME_OK, 1, 2, 0 },
	{ "voids of another code",
	  { END(1, OK), END_VOIDS(3, OK, 2), END_CODE(2, OK, OTHER) },
	  3,
	  OUTCOME_OK,
	  3,
	  3,
	  0 },
	{ "stale", { END_CODE(1, OK, OTHER) }, 1, OUTCOME_NONE, 1, 1, TASK_STALE },
	{ "a stale failure is nothing", { END_CODE(1, EXIT, OTHER) }, 1, OUTCOME_NONE, 0, 1, 0 },
	{ "stale, and good", { END_CODE(1, OK, OTHER), END(2, OK) }, 2, OUTCOME_OK, 2, 2, 0 },
	{ "stale, and failed",
	  { END_CODE(1, OK, OTHER), END(2, EXIT) },
	  2,
	  OUTCOME_NONE,
	  1,
	  2,
	  TASK_STALE },
	{ "of two stale ones the last",
	  { END_CODE(2, OK, OTHER), END_CODE(1, OK, OLDER) },
	  2,
	  OUTCOME_NONE,
	  2,
	  2,
	  TASK_STALE },
	{ "stale and void", { END_CODE(1, OK, OTHER), VOID(1) }, 2, OUTCOME_NONE, 0, 1, 0 },
	{ "judged under other results",
	  { END_RH(1, OK, FORMER) },
	  1,
	  OUTCOME_OK,
	  1,
	  1,
	  TASK_REREAD },
	{ "invalid then", { END_RH(1, INVALID, FORMER) }, 1, OUTCOME_INVALID, 1, 1, TASK_REREAD },
	{ "invalid now", { END(1, INVALID) }, 1, OUTCOME_INVALID, 1, 1, 0 },
	{ "failed under other results", { END_RH(1, EXIT, FORMER) }, 1, OUTCOME_EXIT, 1, 1, 0 },
	{ "an end without its start", { END(4, OK) }, 1, OUTCOME_OK, 4, 4, 0 },
	{ "twice the same",
	  { END_ROW(1, "{\"x\":1}"), END_ROW(1, "{\"x\":1}") },
	  2,
	  OUTCOME_OK,
	  1,
	  1,
	  0 },
};

static void check_winner(const char *dir, const struct plan *p, const struct winner_case *c)
{
	struct err e = ERR_INIT;
	const struct task_state *t;
	struct record r = { .attempt = 0 };
	struct scan s;

	fold(dir, p, NULL, &s);
	t = &s.tasks[2];
	if (t->outcome != OUTCOME_NONE || t->flags & TASK_STALE) {
		assert_int_equal(scan_read(&s, t->file, t->offset, &r, &e), 0);
	}
	if (t->outcome != c->outcome || r.attempt != c->winner || t->attempts != c->attempts ||
	    t->flags != c->flags) {
		fail_msg("%s: outcome %s, attempt %u of %u, flags %u", c->name,
			 outcome_names[t->outcome], r.attempt, (unsigned)t->attempts,
			 (unsigned)t->flags);
	}
	for (size_t i = 0; i < 4; i++) {
		assert_true(i == 2 ||
			    (s.tasks[i].attempts == 0 && s.tasks[i].outcome == OUTCOME_NONE));
	}
	scan_free(&s);
}

/* Calls check for every order of the records, in one file and in a file each. */
static void permute(const char *dir, const struct plan *p, const struct winner_case *c,
		    unsigned *order, unsigned k)
{
	struct buf b = BUF_INIT;

	for (unsigned i = k; i < c->n; i++) {
		const unsigned x = order[k];

		order[k] = order[i];
		order[i] = x;
		permute(dir, p, c, order, k + 1);
		order[i] = order[k];
		order[k] = x;
	}
	if (k < c->n) {
		return;
	}
	clear_journals(dir);
	for (unsigned i = 0; i < c->n; i++) {
		put_rec(&b, p, &c->recs[order[i]]);
	}
	write_journal(dir, "one", buf_str(&b), b.len);
	check_winner(dir, p, c);
	clear_journals(dir);
	for (unsigned i = 0; i < c->n; i++) {
		char writer[16];

		buf_clear(&b);
		put_rec(&b, p, &c->recs[order[i]]);
		snprintf(writer, sizeof writer, "w%u", i);
		write_journal(dir, writer, b.data, b.len);
	}
	check_winner(dir, p, c);
	buf_free(&b);
}

static void test_winner(void **state)
{
	struct plan *p = make_plan(*state, SPEC);

	for (size_t i = 0; i < sizeof winner_cases / sizeof *winner_cases; i++) {
		unsigned order[5] = { 0, 1, 2, 3, 4 };

		permute(*state, p, &winner_cases[i], order, 0);
	}
	plan_free(p);
}

/* Attempts of one number (two runs that did not see each other): the writer's name decides,
 * whatever the order of files. */
static void test_tie(void **state)
{
	struct plan *p = make_plan(*state, SPEC);
	static const enum outcome outcomes[] = { OUTCOME_OK, OUTCOME_EXIT };

	for (size_t i = 0; i < 2; i++) {
		const struct rec r = {
			.kind = RECORD_END, .attempt = 1, .outcome = outcomes[i], .row = "{\"x\":1}"
		};
		struct buf b = BUF_INIT;
		struct scan s;

		put_rec(&b, p, &r);
		write_journal(*state, "b", b.data, b.len);
		write_journal(*state, "a", b.data, b.len);
		write_journal(*state, "c", b.data, b.len);
		fold(*state, p, NULL, &s);
		assert_string_equal(s.files[s.tasks[0].file].writer, "a");
		assert_int_equal(s.tasks[0].flags, 0);
		scan_free(&s);
		buf_free(&b);
	}
	plan_free(p);
}

/* Two values of one code are the same where their bytes are, wherever those stand. */
static void test_same_values(void **state)
{
	static const char row[] = "{\"x\":1}";
	static const struct {
		const char *row[2];
		const char *text[2]; /* of a piece; NULL: none */
		const char *rh[2];
		bool same;
	} rows[] = {
		{ { row, row }, { NULL, NULL }, { NULL, NULL }, true },
		{ { row, row }, { NULL, NULL }, { NULL, FORMER }, true },
		{ { row, NULL }, { NULL, row }, { NULL, FORMER }, true },
		{ { NULL, row }, { row, NULL }, { FORMER, FORMER }, true },
		{ { row, NULL }, { NULL, "{\"x\":2}" }, { NULL, FORMER }, false },
		{ { row, "{\"x\":2}" }, { NULL, NULL }, { NULL, FORMER }, false },
		{ { NULL, NULL }, { "abc", "abc" }, { NULL, NULL }, true },
		{ { NULL, NULL }, { "abc", "abd" }, { NULL, NULL }, false },
		{ { NULL, NULL }, { "abc", NULL }, { NULL, NULL }, false },
		{ { NULL, NULL }, { NULL, NULL }, { NULL, NULL }, true },
	};
	struct plan *p = make_plan(*state, SPEC);
	struct results *rs = &((struct spec *)(uintptr_t)p->spec)->results;

	rs->stream[STREAM_STDOUT].format = FORMAT_NONE;
	rs->stream[STREAM_VALUE].format = FORMAT_VALUE;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b = BUF_INIT;
		struct scan s;

		for (unsigned k = 0; k < 2; k++) {
			const char *text = rows[i].text[k];
			uint8_t hash[SHA256_SIZE];
			char hex[SHA256_HEX], *more = NULL;

			if (text) {
				sha256_of(text, strlen(text), hash);
				hex_put(hex, hash, SHA256_SIZE);
				more = mem_printf(",\"v\":[%u,%zu,\"%s\"]", k, strlen(text), hex);
			}
			put_rec(&b, p,
				&(struct rec){ .kind = RECORD_END,
					       .task = 2,
					       .attempt = k + 1,
					       .outcome = OUTCOME_OK,
					       .rh = rows[i].rh[k],
					       .row = rows[i].row[k],
					       .more = more });
			free(more);
		}
		write_journal(*state, "w", b.data, b.len);
		fold(*state, p, NULL, &s);
		if (!(s.tasks[2].flags & TASK_DIFFERS) != rows[i].same) {
			fail_msg("row %zu", i);
		}
		scan_free(&s);
		buf_free(&b);
	}
	plan_free(p);
}

/* ---- order ---- */

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* What a fold says, as text: nothing in it depends on places. */
static char *fingerprint(const char *dir, const struct plan *p)
{
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	struct scan s;

	fold(dir, p, NULL, &s);
	for (uint64_t i = 0; i < s.count; i++) {
		const struct task_state *t = &s.tasks[i];
		struct record r = { .attempt = 0 };

		if (t->outcome != OUTCOME_NONE || t->flags & TASK_STALE) {
			assert_int_equal(scan_read(&s, t->file, t->offset, &r, &e), 0);
		}
		buf_printf(&b, "%u %u %u %u\n", t->outcome, t->flags, t->attempts, r.attempt);
	}
	for (size_t i = 0; i < s.n_stale; i++) {
		buf_printf(&b, "%llu\n", (unsigned long long)s.stale[i].tasks);
	}
	scan_free(&s);
	return buf_take(&b);
}

static void test_order(void **state)
{
	enum { RECORDS = 60, FILES = 6 };
	static const enum outcome outcomes[] = { OUTCOME_OK, OUTCOME_OK, OUTCOME_EXIT,
						 OUTCOME_TIMEOUT, OUTCOME_INTERRUPTED };
	struct plan *p = make_plan(*state, SPEC);
	uint64_t seed = 88172645463325252u;

	plan_add_keep(p, OLDER);
	for (int world = 0; world < 30; world++) {
		struct rec recs[RECORDS];
		char *first = NULL;
		unsigned n = 2 + (unsigned)(next_random(&seed) % (RECORDS - 1));

		for (unsigned i = 0; i < n; i++) {
			const uint64_t x = next_random(&seed);

			recs[i] = (struct rec){
				.kind = x % 17 == 0 ? RECORD_VOID : RECORD_END,
				.task = (unsigned)(x >> 8) % 4,
				.attempt = i + 1,
				.outcome = outcomes[(x >> 16) % 5],
				.code = (x >> 24) % 4 == 0   ? OTHER
					: (x >> 24) % 4 == 1 ? OLDER
							     : NULL,
				.voids = (x >> 32) % 9 ? 0 : 1 + (unsigned)(x >> 40) % n,
				.row = (x >> 48) % 3 ? "{\"x\":1}" : "{\"x\":2}",
			};
			if (recs[i].kind == RECORD_VOID) {
				recs[i].voids = 1 + (unsigned)(x >> 40) % (n / 2 + 1);
			}
		}
		for (int turn = 0; turn < 12; turn++) {
			struct buf files[FILES] = { BUF_INIT };
			char *now;

			for (unsigned i = 0; i + 1 < n; i++) {
				const unsigned k = i + (unsigned)(next_random(&seed) % (n - i));
				const struct rec x = recs[i];

				recs[i] = recs[k];
				recs[k] = x;
			}
			for (unsigned i = 0; i < n; i++) {
				put_rec(&files[next_random(&seed) % FILES], p, &recs[i]);
			}
			for (unsigned i = 0; i < FILES; i++) {
				char name[16];

				snprintf(name, sizeof name, "w%u", i);
				write_journal(*state, name, buf_str(&files[i]), files[i].len);
				buf_free(&files[i]);
			}
			now = fingerprint(*state, p);
			if (first) {
				assert_string_equal(now, first);
				free(now);
			} else {
				first = now;
			}
		}
		free(first);
	}
	plan_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_winner),
		TEST(test_tie),
		TEST(test_same_values),
		TEST(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
