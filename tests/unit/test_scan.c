/* SPDX-License-Identifier: MIT */
#include "tests/unit/store_test.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/proc.h"
#include "gen/plan.h"
#include "store/journal.h"
#include "store/process.h"
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

struct world {
	const char *dir; /* the run directory */
	struct plan *plan;
};

/* No sync: hundreds of files are written here. */
static void put_file(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static struct plan *make_plan(const char *dir, const char *text)
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

static void hex_id(const struct plan *p, uint64_t index, char out[2 * TASK_ID_SIZE + 1])
{
	uint8_t id[TASK_ID_SIZE];
	struct point pt;

	point_init(&pt, p->spec->space);
	space_point(p->spec->space, index, &pt);
	task_id(p->spec->space, &pt, id);
	hex_put(out, id, TASK_ID_SIZE);
	point_free(&pt);
}

static void put_rec(struct buf *b, const struct plan *p, const struct rec *r)
{
	static const char *const kinds[] = { "header", "start", "end", "void", "close" };
	const size_t from = b->len;
	char id[2 * TASK_ID_SIZE + 1];

	hex_id(p, r->task, id);
	buf_printf(b, "{\"k\":\"%s\"", kinds[r->kind]);
	if (r->kind == RECORD_VOID) {
		buf_printf(b, ",\"id\":\"%s\",\"upto\":%u,\"why\":\"wrong\"", id, r->voids);
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

static void put_header(struct buf *b, const char *process)
{
	const size_t from = b->len;

	buf_puts(b, "{\"k\":\"header\",\"v\":1,\"writer\":\"w\",\"plan\":1,");
	buf_puts(b, process);
	record_seal(b, from);
}

static void write_journal(const char *dir, const char *writer, const void *p, size_t n)
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

static void clear_journals(const char *dir)
{
	char *path = path_join(dir, "journal");

	assert_int_equal(file_remove_tree(path, NULL), 0);
	free(path);
}

static void fold(const char *dir, const struct plan *p, const struct scan_options *o,
		 struct scan *s)
{
	static const struct scan_options plain = { .judge = false };
	struct err e = ERR_INIT;

	scan_fold(dir, p, o ? o : &plain, s, &e);
	assert_no_error(&e);
}

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

/* ---- which attempt counts ---- */

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
	{ "two stale ones",
	  { END_CODE(2, OK, OTHER), END_CODE(1, OK, OLDER) },
	  2,
	  OUTCOME_NONE,
	  1,
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

/* ---- plans ---- */

static void test_growth(void **state)
{
	struct plan *p1 = make_plan(*state, "ppgen: 1\nparams: {T: [2, 4]}\ncommand: echo {T}\n");
	struct plan *p2 =
		make_plan(*state, "ppgen: 1\nparams: {T: [1, 2, 3, 4]}\ncommand: echo {T}\n");
	struct plan *p3 = make_plan(*state, "ppgen: 1\nparams: {T: [4]}\ncommand: echo {T}\n");
	struct buf b = BUF_INIT;
	struct scan s;

	assert_int_equal(p1->number, 1);
	assert_int_equal(p3->number, 3);
	put_rec(&b, p1,
		&(struct rec){
			.kind = RECORD_END, .task = 0, .attempt = 1, .outcome = OUTCOME_OK });
	put_rec(&b, p1, &(struct rec){ .kind = RECORD_START, .task = 1, .attempt = 1 });
	put_rec(&b, p1,
		&(struct rec){
			.kind = RECORD_END, .task = 1, .attempt = 1, .outcome = OUTCOME_EXIT });
	put_rec(&b, p2,
		&(struct rec){
			.kind = RECORD_END, .task = 2, .attempt = 1, .outcome = OUTCOME_OK });
	write_journal(*state, "w", b.data, b.len);
	fold(*state, p2, NULL, &s);
	assert_int_equal(s.tasks[0].outcome, OUTCOME_NONE);
	assert_int_equal(s.tasks[1].outcome, OUTCOME_OK);
	assert_int_equal(s.tasks[2].outcome, OUTCOME_OK);
	assert_int_equal(s.tasks[3].outcome, OUTCOME_EXIT);
	assert_int_equal(s.foreign, 0);
	assert_int_equal(s.n_open, 0);
	scan_free(&s);
	fold(*state, p3, NULL, &s);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.tasks[0].outcome, OUTCOME_EXIT);
	assert_int_equal(s.foreign, 2);
	scan_free(&s);
	/* a journal that numbers its tasks by something else than the plan that it names: the ids
	 * hold */
	buf_clear(&b);
	p1->number = 2;
	put_rec(&b, p1,
		&(struct rec){
			.kind = RECORD_END, .task = 0, .attempt = 2, .outcome = OUTCOME_OK });
	put_rec(&b, p1,
		&(struct rec){
			.kind = RECORD_END, .task = 1, .attempt = 2, .outcome = OUTCOME_OK });
	clear_journals(*state);
	write_journal(*state, "v", b.data, b.len);
	fold(*state, p2, NULL, &s);
	assert_int_equal(s.tasks[0].outcome, OUTCOME_NONE);
	assert_int_equal(s.tasks[1].outcome, OUTCOME_OK);
	assert_int_equal(s.tasks[3].outcome, OUTCOME_OK);
	scan_free(&s);
	buf_free(&b);
	plan_free(p1);
	plan_free(p2);
	plan_free(p3);
}

static void test_stale(void **state)
{
	struct plan *p = make_plan(*state, SPEC);
	struct buf b = BUF_INIT;
	struct scan s;

	for (unsigned i = 0; i < 4; i++) {
		put_rec(&b, p,
			&(struct rec){ .kind = RECORD_END,
				       .task = i,
				       .attempt = 1,
				       .outcome = OUTCOME_OK,
				       .code = i == 3 ? OLDER : OTHER });
	}
	put_rec(&b, p,
		&(struct rec){
			.kind = RECORD_END, .task = 0, .attempt = 2, .outcome = OUTCOME_OK });
	write_journal(*state, "w", b.data, b.len);
	fold(*state, p, NULL, &s);
	assert_int_equal(s.n_stale, 2);
	assert_string_equal(s.stale[0].code, OTHER);
	assert_int_equal(s.stale[0].tasks, 2);
	assert_string_equal(s.stale[1].code, OLDER);
	assert_int_equal(s.stale[1].tasks, 1);
	scan_free(&s);
	plan_add_keep(p, OTHER);
	fold(*state, p, NULL, &s);
	assert_int_equal(s.n_stale, 1);
	assert_int_equal(s.tasks[1].outcome, OUTCOME_OK);
	assert_int_equal(s.tasks[3].flags, TASK_STALE);
	/* two accepted successes of different code may differ */
	assert_int_equal(s.tasks[0].flags, 0);
	scan_free(&s);
	plan_add_rerun(p, OLDER);
	fold(*state, p, NULL, &s);
	assert_int_equal(s.n_stale, 0);
	assert_int_equal(s.tasks[3].outcome, OUTCOME_NONE);
	assert_int_equal(s.tasks[3].flags, 0);
	assert_int_equal(s.tasks[3].attempts, 1);
	scan_free(&s);
	buf_free(&b);
	plan_free(p);
}

/* ---- starts without an end ---- */

static void test_open(void **state)
{
	enum { RUNNING = TASK_RUNNING, LOST = TASK_LOST };
	static const struct {
		const char *process; /* "self", "dead", "elsewhere" */
		bool closed;
		unsigned n;
		struct rec recs[3], elsewhere[2]; /* of this journal, and of another one */
		unsigned flags, open;
	} rows[] = {
		{ "self", false, 1, { START(1) }, { { .task = 0 } }, RUNNING, 1 },
		{ "elsewhere", false, 1, { START(1) }, { { .task = 0 } }, RUNNING, 1 },
		{ "dead", false, 1, { START(1) }, { { .task = 0 } }, LOST, 1 },
		{ "self", true, 1, { START(1) }, { { .task = 0 } }, LOST, 1 },
		{ "self", false, 2, { START(1), END(1, EXIT) }, { { .task = 0 } }, 0, 0 },
		{ "self",
		  false,
		  3,
		  { START(1), END(1, EXIT), START(2) },
		  { { .task = 0 } },
		  RUNNING,
		  1 },
		{ "dead",
		  false,
		  3,
		  { START(1), END(1, EXIT), START(2) },
		  { { .task = 0 } },
		  LOST,
		  1 },
		{ "dead", false, 2, { START(1), START(1) }, { { .task = 0 } }, LOST, 1 },
		/* recorded since */
		{ "dead", false, 1, { START(1) }, { END(2, EXIT) }, 0, 1 },
		{ "dead", false, 1, { START(1) }, { END(1, LOST) }, 0, 0 },
		{ "dead", false, 1, { START(2) }, { END(1, EXIT) }, LOST, 1 },
		{ "dead", false, 2, { START(1), VOID(1) }, { { .task = 0 } }, 0, 1 },
	};
	struct plan *p = make_plan(*state, SPEC);
	struct buf self = BUF_INIT;

	buf_putc(&self, '{');
	process_put_self(&self);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b = BUF_INIT;
		struct scan s;

		clear_journals(*state);
		if (rows[i].process[0] == 's') {
			put_header(&b, self.data + 1);
		} else if (rows[i].process[0] == 'e') {
			put_header(&b, "\"host\":\"node3\",\"boot\":\"x\",\"pid\":1,\"start\":1");
		} else {
			char *text =
				mem_printf("\"host\":\"%s\",\"boot\":\"%s\",\"pid\":1,\"start\":1",
					   proc_host(), proc_boot_id());

			put_header(&b, text);
			free(text);
		}
		for (unsigned k = 0; k < rows[i].n; k++) {
			put_rec(&b, p, &rows[i].recs[k]);
		}
		if (rows[i].closed) {
			put_rec(&b, p, &(struct rec){ .kind = RECORD_CLOSE });
		}
		write_journal(*state, "m", b.data, b.len);
		buf_clear(&b);
		for (unsigned k = 0; k < 2 && rows[i].elsewhere[k].task == 2; k++) {
			put_rec(&b, p, &rows[i].elsewhere[k]);
			write_journal(*state, "a", b.data, b.len);
		}
		fold(*state, p, NULL, &s);
		if (s.tasks[2].flags != rows[i].flags || s.n_open != rows[i].open) {
			fail_msg("row %zu: flags %u, %zu open", i, (unsigned)s.tasks[2].flags,
				 s.n_open);
		}
		scan_free(&s);
		buf_free(&b);
	}
	buf_free(&self);
	plan_free(p);
}

/* ---- what was published ---- */

static unsigned winner_of(const char *dir, const struct plan *p, bool repick, const char *mark)
{
	const struct scan_options o = { .repick = repick };
	struct err e = ERR_INIT;
	struct record r;
	struct scan s;

	fold(dir, p, &o, &s);
	scan_read(&s, s.tasks[2].file, s.tasks[2].offset, &r, &e);
	assert_no_error(&e);
	if (mark) {
		scan_mark_published(&s, mark, &e);
		assert_no_error(&e);
	}
	scan_free(&s);
	return r.attempt;
}

/* A published winner stays through later results and later publications, until it is picked again.
 */
static void test_published(void **state)
{
	static const char *const damaged[] = {
		"",
		"{\"journals\":",
		"[{},7]",
		"7",
		"{\"journals\":[1],\"winners\":{\"w\":{},\"late\":[\"x\",-1]}}",
		"{\"journals\":{\"w\":\"x\",\"gone\":7},\"winners\":{\"gone\":[7]}}",
	};
	struct plan *p = make_plan(*state, SPEC);
	char *path = path_join(*state, "collect/published.json");
	struct buf b = BUF_INIT, c = BUF_INIT;

	put_rec(&b, p, &(struct rec)END(3, OK));
	write_journal(*state, "w", b.data, b.len);
	assert_int_equal(winner_of(*state, p, false, "aa"), 3);
	/* late results, in another journal and in the same one */
	put_rec(&b, p, &(struct rec)END(2, OK));
	write_journal(*state, "w", b.data, b.len);
	put_rec(&c, p, &(struct rec)END(1, OK));
	write_journal(*state, "late", c.data, c.len);
	assert_int_equal(winner_of(*state, p, false, NULL), 3);
	assert_int_equal(winner_of(*state, p, true, NULL), 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(winner_of(*state, p, false, "bb"), 3);
	}
	/* void, it counts no more */
	put_rec(&c, p, &(struct rec)VOID(3));
	put_rec(&c, p, &(struct rec)END(4, OK));
	write_journal(*state, "late", c.data, c.len);
	assert_int_equal(winner_of(*state, p, false, NULL), 4);
	buf_clear(&c);
	put_rec(&c, p, &(struct rec)END(1, OK));
	write_journal(*state, "late", c.data, c.len);
	/* damaged or absent, what was published is forgotten */
	assert_int_equal(winner_of(*state, p, false, NULL), 3);
	for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
		put_file(path, damaged[i], strlen(damaged[i]));
		assert_int_equal(winner_of(*state, p, false, NULL), 1);
	}
	/* picked again and published, the new one stays */
	assert_int_equal(winner_of(*state, p, true, "cc"), 1);
	assert_int_equal(winner_of(*state, p, false, NULL), 1);
	buf_free(&b);
	buf_free(&c);
	free(path);
	plan_free(p);
}

/* A record that was half there when the table was published is not among the published ones. */
static void test_published_torn(void **state)
{
	struct plan *p = make_plan(*state, SPEC);
	struct buf b = BUF_INIT;
	size_t first;

	put_rec(&b, p, &(struct rec)END(2, OK));
	first = b.len;
	put_rec(&b, p, &(struct rec)END(1, OK));
	write_journal(*state, "w", b.data, first + (b.len - first) / 2);
	assert_int_equal(winner_of(*state, p, false, "aa"), 2);
	write_journal(*state, "w", b.data, b.len);
	assert_int_equal(winner_of(*state, p, false, "aa"), 2);
	assert_int_equal(winner_of(*state, p, false, "aa"), 2);
	buf_free(&b);
	plan_free(p);
}

/* ---- results that changed ---- */

/* Records an attempt with kept output in a journal of its own. */
static void record_output(const char *dir, const struct plan *p, unsigned task, unsigned attempt,
			  enum outcome o, const char *out, const char *trace)
{
	struct err e = ERR_INIT;
	struct journal *j = journal_create(dir, p->number, "", &e);
	struct buf b = BUF_INIT, more = BUF_INIT;
	uint8_t hash[SHA256_SIZE];
	char hex[SHA256_HEX];
	uint64_t offset;

	assert_no_error(&e);
	const char *const texts[] = { out, trace }, *const forms[] = { ",\"o\":[",
								       ",\"f\":{\"trace\":[" };

	for (size_t i = 0; i < 2; i++) {
		if (texts[i]) {
			assert_int_equal(journal_output(j, texts[i], strlen(texts[i]), &offset, &e),
					 0);
			sha256_of(texts[i], strlen(texts[i]), hash);
			hex_put(hex, hash, SHA256_SIZE);
			buf_printf(&more, "%s%llu,%zu,\"%s\"]%s", forms[i],
				   (unsigned long long)offset, strlen(texts[i]), hex, i ? "}" : "");
		}
	}
	put_rec(&b, p,
		&(struct rec){ .kind = RECORD_END,
			       .task = task,
			       .attempt = attempt,
			       .outcome = o,
			       .rh = FORMER,
			       .more = buf_str(&more) });
	/* unsealed again: the journal seals it */
	b.len -= strlen(",\"crc\":\"00000000\"}\n");
	assert_int_equal(journal_append(j, b.data, b.len, &e), 0);
	assert_int_equal(journal_close(j, &e), 0);
	buf_free(&b);
	buf_free(&more);
}

static void test_reread(void **state)
{
	const struct scan_options judge = { .judge = true };
	struct plan *p = make_plan(*state, SPEC);
	struct buf why = BUF_INIT;
	struct err e = ERR_INIT;
	enum outcome o;
	struct record r;
	struct scan s;

	record_output(*state, p, 0, 1, OUTCOME_INVALID, "{\"x\": 1}", NULL);
	record_output(*state, p, 1, 1, OUTCOME_OK, "no json", NULL);
	record_output(*state, p, 2, 1, OUTCOME_OK, "", NULL);
	record_output(*state, p, 2, 2, OUTCOME_INVALID, "{\"x\": 2}", NULL);
	record_output(*state, p, 2, 3, OUTCOME_OK, "{\"x\": 2}", NULL);
	fold(*state, p, NULL, &s); /* as it was judged then */
	assert_int_equal(s.tasks[0].outcome, OUTCOME_INVALID);
	assert_int_equal(s.tasks[1].outcome, OUTCOME_OK);
	assert_int_equal(s.tasks[1].flags, TASK_REREAD);
	scan_free(&s);
	fold(*state, p, &judge, &s);
	assert_int_equal(s.tasks[0].outcome, OUTCOME_OK);
	assert_int_equal(s.tasks[0].flags, TASK_REREAD);
	assert_int_equal(s.tasks[1].outcome, OUTCOME_INVALID);
	assert_int_equal(s.tasks[2].outcome, OUTCOME_OK);
	assert_int_equal(s.tasks[2].flags, TASK_REREAD);
	assert_int_equal(scan_read(&s, s.tasks[2].file, s.tasks[2].offset, &r, &e), 0);
	assert_int_equal(r.attempt, 2); /* the first that is good now */
	assert_int_equal(scan_read(&s, s.tasks[1].file, s.tasks[1].offset, &r, &e), 0);
	assert_int_equal(scan_judge(&s, s.tasks[1].file, &r, &o, &why, &e), 0);
	assert_int_equal(o, OUTCOME_INVALID);
	assert_non_null(strstr(why.data, "stdout"));
	scan_free(&s);
	buf_free(&why);
	plan_free(p);
}

/* Files that are declared now: kept ones are read, others must come from a new run; damaged output
 * is as good as none. */
static void test_reread_files(void **state)
{
	const struct scan_options judge = { .judge = true };
	struct plan *p =
		make_plan(*state, "ppgen: 1\nparams: {T: [1, 2, 3, 4]}\ncommand: echo {T}\n"
				  "results: {files: {trace: 'x{T}.csv'}}\n");
	struct scan s;

	record_output(*state, p, 0, 1, OUTCOME_OK, NULL, "a,b\n1,2\n");
	record_output(*state, p, 1, 1, OUTCOME_OK, "x", NULL);
	record_output(*state, p, 2, 1, OUTCOME_OK, NULL, "a,b\n1\n");
	record_output(*state, p, 3, 1, OUTCOME_OK, NULL, "a,b\n3,4\n");
	fold(*state, p, &judge, &s);
	assert_int_equal(s.tasks[0].outcome, OUTCOME_OK);
	assert_int_equal(s.tasks[1].outcome, OUTCOME_NONE);
	assert_int_equal(s.tasks[1].flags, TASK_REREAD);
	assert_int_equal(s.tasks[2].outcome, OUTCOME_INVALID);
	assert_int_equal(s.tasks[3].outcome, OUTCOME_OK);
	/* spoil the output of the last */
	char *path = mem_dup(s.files[s.tasks[3].file].path), *name;

	scan_free(&s);
	name = strrchr(path, '/');
	*name = '\0';
	struct buf out = BUF_INIT;

	buf_printf(&out, "%s/output/%s/%.*s.out", (const char *)*state, strrchr(path, '/') + 1,
		   (int)(strlen(name + 1) - strlen(".jsonl")), name + 1);
	assert_true(file_exists(out.data));
	put_file(out.data, "a,b\n3,5\n", 8);
	fold(*state, p, &judge, &s);
	assert_int_equal(s.tasks[3].outcome, OUTCOME_NONE);
	assert_int_equal(s.tasks[3].flags, 0);
	assert_int_equal(s.tasks[0].outcome, OUTCOME_OK);
	scan_free(&s);
	buf_free(&out);
	free(path);
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

/* ---- size ---- */

static void test_large(void **state)
{
	enum { TASKS = 100000 };
	struct plan *p = make_plan(
		*state,
		"ppgen: 1\nparams: {grid: {i: {from: 1, to: 100000, step: 1}}}\ncommand: echo {i}\n");
	struct buf b = BUF_INIT;
	struct scan s;
	double t;

	assert_int_equal(space_count(p->spec->space), TASKS);
	for (unsigned i = 0; i < TASKS; i++) {
		const struct rec r = { .kind = RECORD_END,
				       .task = i,
				       .attempt = 1,
				       .outcome = i % 10 ? OUTCOME_OK : OUTCOME_EXIT,
				       .row = "{\"energy\":-1.25}" };

		put_rec(&b, p, &(struct rec){ .kind = RECORD_START, .task = i, .attempt = 1 });
		put_rec(&b, p, &r);
		if (i % 25000 == 24999) {
			char name[16];

			snprintf(name, sizeof name, "w%u", i);
			write_journal(*state, name, b.data, b.len);
			buf_clear(&b);
		}
	}
	t = proc_monotonic();
	fold(*state, p, NULL, &s);
	t = proc_monotonic() - t;
	print_message("200,000 records of %u tasks in %.3f s\n", TASKS, t);
	assert_true(t < 20); /* a sanitizer on a busy machine */
	for (unsigned i = 0; i < TASKS; i++) {
		assert_int_equal(s.tasks[i].outcome, i % 10 ? OUTCOME_OK : OUTCOME_EXIT);
	}
	assert_int_equal(s.n_open, 0);
	assert_int_equal(s.n_files, 4);
	scan_free(&s);
	buf_free(&b);
	plan_free(p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_torn),
		TEST(test_torn_and_continued),
		TEST(test_flipped),
		TEST(test_damaged_middle),
		TEST(test_strange_folder),
		TEST(test_winner),
		TEST(test_tie),
		TEST(test_growth),
		TEST(test_stale),
		TEST(test_open),
		TEST(test_published),
		TEST(test_published_torn),
		TEST(test_reread),
		TEST(test_reread_files),
		TEST(test_order),
		TEST(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
