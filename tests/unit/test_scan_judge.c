/* SPDX-License-Identifier: MIT */
/* Results that were published, and results that are read again. */
#include "tests/unit/scan_test.h"

#include "base/proc.h"
#include "store/journal_internal.h"
#include "store/scan_internal.h"

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
static void record_kept(const char *dir, const struct plan *p, const struct rec *rec,
			const char *const texts[2], const char *const forms[2])
{
	struct rec with = *rec;
	struct err e = ERR_INIT;
	struct journal *j = journal_create(dir, p->number, "", &e);
	struct buf b = BUF_INIT, more = BUF_INIT;
	uint8_t hash[SHA256_SIZE];
	char hex[SHA256_HEX];
	uint64_t offset;

	assert_no_error(&e);
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
	with.more = buf_str(&more);
	put_rec(&b, p, &with);
	/* unsealed again: the journal seals it */
	b.len -= strlen(",\"crc\":\"00000000\"}\n");
	assert_int_equal(journal_append(j, b.data, b.len, &e), 0);
	assert_int_equal(journal_close(j, &e), 0);
	buf_free(&b);
	buf_free(&more);
}

static void record_output(const char *dir, const struct plan *p, unsigned task, unsigned attempt,
			  enum outcome o, const char *out, const char *trace)
{
	const char *const texts[] = { out, trace };
	static const char *const forms[] = { ",\"o\":[", ",\"f\":{\"trace\":[" };
	const struct rec r = {
		.kind = RECORD_END, .task = task, .attempt = attempt, .outcome = o, .rh = FORMER
	};

	record_kept(dir, p, &r, texts, forms);
}

static void record_value(const char *dir, const struct plan *p, unsigned task, const char *row,
			 const char *value)
{
	const char *const texts[] = { value, NULL };
	static const char *const forms[] = { ",\"v\":[", NULL };
	const struct rec r = { .kind = RECORD_END,
			       .task = task,
			       .attempt = 1,
			       .outcome = OUTCOME_OK,
			       .rh = FORMER,
			       .row = row };

	record_kept(dir, p, &r, texts, forms);
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

/* Values that were rows are bytes now, and the other way round: nothing runs again but what has no
 * value. */
static void test_reread_values(void **state)
{
	static const struct {
		const char *row, *value;  /* as the record has them */
		enum outcome rows, bytes; /* as they are judged now */
	} kept[] = {
		{ "{\"value\":1.5}", NULL, OUTCOME_OK, OUTCOME_OK },
		{ NULL, "[{\"a\":1},{\"a\":2}]", OUTCOME_OK, OUTCOME_OK },
		{ NULL, "no json", OUTCOME_INVALID, OUTCOME_OK },
		{ NULL, NULL, OUTCOME_NONE, OUTCOME_NONE },
	};
	const struct scan_options judge = { .judge = true };
	struct plan *p = make_plan(*state, SPEC);
	struct results *rs = &((struct spec *)(uintptr_t)p->spec)->results;
	struct scan s;

	rs->stream[STREAM_STDOUT].format = FORMAT_NONE;
	for (unsigned i = 0; i < 4; i++) {
		record_value(*state, p, i, kept[i].row, kept[i].value);
	}
	for (int turn = 0; turn < 3; turn++) {
		rs->stream[STREAM_VALUE].format = turn == 1 ? FORMAT_BYTES : FORMAT_VALUE;
		fold(*state, p, &judge, &s);
		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(s.tasks[i].outcome,
					 turn == 1 ? kept[i].bytes : kept[i].rows);
			assert_int_equal(s.tasks[i].flags, TASK_REREAD);
		}
		scan_free(&s);
	}
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

/* ---- what a power loss took ---- */

static void put_output(const char *dir, const char *writer, const void *p, size_t n)
{
	char xx[JOURNAL_XX];
	char *folder, *path;

	journal_xx(writer, xx);
	folder = mem_printf("%s/output/%s", dir, xx);
	path = mem_printf("%s/%s.out", folder, writer);
	assert_int_equal(file_make_dirs(folder, NULL), 0);
	put_file(path, p, n);
	free(path);
	free(folder);
}

/*
 * A record may outlast a power loss that took the output which it names. It does not count then,
 * but the output is looked at only where the machine was started anew, and only of records with no
 * sync record behind them.
 */
static void test_power_loss(void **state)
{
	static const char out[] = ",\"o\":[0,5,\"#\"]"; /* #: the hash of "hello" */
	static const char err[] = ",\"o\":[0,5,\"#\"],\"e\":[5,3,\"#\"]";
	static const char val[] = ",\"v\":[0,5,\"#\"]";
	static const char file[] = ",\"f\":{\"a\":[0,0,\"\"],\"b\":[1,5,\"#\"]}";
	static const struct {
		const char *boot;    /* NULL: that of now */
		const char *journal; /* e: the end record, s: a sync record, c: a close record */
		const char *kept, *output;
		size_t n; /* bytes of output there are */
		bool good;
	} rows[] = {
		{ "x", "e", out, "hello", 5, true },       { "x", "e", out, "hello", 4, false },
		{ "x", "e", out, "hel\0\0", 5, false },    { "x", "e", out, "", 0, false },
		{ "x", "e", err, "hello", 5, false },      { "x", "e", val, "hello", 5, true },
		{ "x", "e", val, "hell", 4, false },       { "x", "e", file, "hello", 5, false },
		{ "x", "e", file, " hello", 6, true },     { "x", "e", "", "", 0, true },
		{ "x", "se", out, "hello", 5, true },      { "x", "se", out, "hel\0\0", 5, false },
		{ "x", "ssse", out, "hel\0\0", 5, false }, { "x", "es", out, "hel\0\0", 5, true },
		{ "x", "ess", out, "", 0, true },          { "x", "ec", out, "", 0, true },
		{ NULL, "e", out, "hel\0\0", 5, true },    { NULL, "se", out, "", 0, true },
	};
	struct plan *p = make_plan(*state, SPEC);
	uint8_t hash[SHA256_SIZE];
	char hex[SHA256_HEX];

	sha256_of("hello", 5, hash);
	hex_put(hex, hash, SHA256_SIZE);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *header = mem_printf("\"host\":\"%s\",\"boot\":\"%s\",\"pid\":%d,\"start\":1",
					  proc_host(), rows[i].boot ? rows[i].boot : proc_boot_id(),
					  INT32_MAX);
		struct buf b = BUF_INIT, kept = BUF_INIT;
		struct rec r = END(1, OK);
		struct scan s;

		for (const char *k = rows[i].kept; *k; k++) {
			buf_add(&kept, *k == '#' ? hex : k, *k == '#' ? SHA256_HEX - 1 : 1);
		}
		r.more = buf_str(&kept);
		clear_journals(*state);
		put_header(&b, header);
		for (const char *k = rows[i].journal; *k; k++) {
			r.kind = *k == 'e' ? RECORD_END : *k == 's' ? RECORD_SYNC : RECORD_CLOSE;
			put_rec(&b, p, &r);
		}
		write_journal(*state, "w", b.data, b.len);
		put_output(*state, "w", rows[i].output, rows[i].n);
		fold(*state, p, NULL, &s);
		if ((s.tasks[2].outcome == OUTCOME_OK) != rows[i].good ||
		    s.damaged_output != !rows[i].good) {
			fail_msg("row %zu: outcome %d, %d damaged", i, (int)s.tasks[2].outcome,
				 (int)s.damaged_output);
		}
		scan_free(&s);
		buf_free(&b);
		buf_free(&kept);
		free(header);
	}
	plan_free(p);
}

/* The last sync record is found however far from the end it stands. */
static void test_last_sync(void **state)
{
	struct plan *p = make_plan(*state, SPEC);
	char *path = path_join(*state, "j.jsonl");
	struct scan_file f = { .path = path };
	struct buf b = BUF_INIT;

	for (size_t far = 0; far < 200000; far += far < 65000 || far > 66000 ? 9973 : 17) {
		size_t at;

		buf_clear(&b);
		put_header(&b, "\"host\":\"x\"");
		put_rec(&b, p, &(struct rec){ .kind = RECORD_SYNC });
		put_rec(&b, p, &(struct rec)END(1, OK));
		at = b.len;
		put_rec(&b, p, &(struct rec){ .kind = RECORD_SYNC });
		for (const size_t end = b.len + far; b.len < end;) {
			buf_puts(&b,
				 "{\"k\":\"sync\",\"t\":1,\"crc\":\"00000000\"}\n"); /* unsound */
		}
		put_file(path, b.data, b.len);
		f.bytes = b.len;
		assert_int_equal(scan_last_sync(&f), at);
	}
	f.bytes = 0;
	assert_int_equal(scan_last_sync(&f), 0);
	buf_free(&b);
	free(path);
	plan_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_published),     TEST(test_published_torn), TEST(test_reread),
		TEST(test_reread_values), TEST(test_reread_files),   TEST(test_power_loss),
		TEST(test_last_sync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
