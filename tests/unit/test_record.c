/* SPDX-License-Identifier: MIT */
#include "tests/unit/store_test.h"

#include "store/record.h"

#define ID  "000102030405060708090a0b0c0d0eff"
#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* A sealed line without its newline. */
static struct buf sealed(const char *members)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, members);
	record_seal(&b, 0);
	assert_int_equal(b.data[b.len - 1], '\n');
	b.data[--b.len] = '\0';
	return b;
}

static void test_seal(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_puts(&b, "before ");
	buf_puts(&b, "{\"k\":\"close\",\"t\":1");
	record_seal(&b, 7);
	/* the checksum of a line never changes: old journals must stay readable */
	assert_string_equal(b.data, "before {\"k\":\"close\",\"t\":1,\"crc\":\"d925fa87\"}\n");
	buf_free(&b);
}

static void test_decode_end(void **state)
{
	struct buf b = sealed(
		"{\"k\":\"end\",\"id\":\"" ID "\",\"i\":77,\"plan\":3,\"att\":2,\"out\":\"exit\","
		"\"exit\":3,\"sig\":0,\"why\":\"exit code 3\",\"t\":1700000000123,\"wall\":1.5,"
		"\"cpu\":0.25,\"rss\":123456,\"seed\":\"42\",\"code\":\"0011223344556677\","
		"\"rh\":\"89abcdef\",\"voids\":1,\"new\":[{\"i\":9}],"
		"\"o\":[5,7,\"" SHA "\"],\"f\":{\"trace\":[\"ab/w-1.trace\",99,\"" SHA "\"],"
		"\"none\":[4,0,\"\"]},\"r\":{\"i\":1,\"att\":\"x\"}");
	struct record r;
	struct piece p;

	(void)state;
	assert_int_equal(record_decode(b.data, b.len, &r), 1);
	assert_int_equal(r.kind, RECORD_END);
	assert_true(r.has_id);
	assert_int_equal(r.id[1], 1);
	assert_int_equal(r.id[15], 255);
	assert_int_equal(r.index, 77);
	assert_int_equal(r.plan, 3);
	assert_int_equal(r.attempt, 2);
	assert_int_equal(r.outcome, OUTCOME_EXIT);
	assert_int_equal(r.exit_code, 3);
	assert_int_equal(r.signal, 0);
	assert_int_equal(r.time_ms, 1700000000123);
	assert_string_equal(r.code, "0011223344556677");
	assert_string_equal(r.results, "89abcdef");
	assert_int_equal(r.voids, 1);
	p = record_piece(&r, "o", NULL);
	assert_true(p.there);
	assert_null(p.file);
	assert_int_equal(p.offset, 5);
	assert_int_equal(p.len, 7);
	assert_memory_equal(p.sha256, SHA, 64);
	p = record_piece(&r, "f", "trace");
	assert_true(p.there);
	assert_int_equal(p.file_len, strlen("ab/w-1.trace"));
	assert_memory_equal(p.file, "ab/w-1.trace", p.file_len);
	assert_int_equal(p.len, 99);
	p = record_piece(&r, "f", "none");
	assert_true(p.there);
	assert_int_equal(p.len, 0);
	assert_null(p.sha256);
	assert_false(record_piece(&r, "e", NULL).there);
	assert_false(record_piece(&r, "f", "other").there);
	assert_int_equal(record_row(&r).len, strlen("{\"i\":1,\"att\":\"x\"}"));
	buf_free(&b);
}

/* What a stream left; of a value that is the row, the row's text. */
static void test_streams(void **state)
{
	static const struct {
		const char *members;
		enum stream which;
		const char *text; /* "": a piece; NULL: nothing */
		uint64_t offset, len;
	} rows[] = {
		{ "\"o\":[5,7,\"" SHA "\"],\"e\":[9,2,\"" SHA "\"]", STREAM_STDERR, "", 9, 2 },
		{ "\"r\":{\"value\":1.5},\"exit\":0,\"o\":[5,7,\"" SHA "\"]", STREAM_STDOUT, "", 5,
		  7 },
		{ "\"r\":{\"value\":1.5},\"exit\":0,\"o\":[5,7,\"" SHA "\"]", STREAM_VALUE,
		  "{\"value\":1.5}", 0, 13 },
		{ "\"r\":{\"a.b\":1},\"exit\":0,\"v\":[5,7,\"" SHA "\"],\"f\":{\"v\":[8,0]}",
		  STREAM_VALUE, "", 5, 7 },
		{ "\"f\":{\"v\":[8,0]},\"e\":[2,0],\"v\":[\"ab/x.val\",70,\"" SHA "\"]",
		  STREAM_VALUE, "", 0, 70 },
		{ "\"exit\":0,\"v\":[0,0]", STREAM_VALUE, "", 0, 0 },
		{ "\"exit\":0,\"o\":[5,7,\"" SHA "\"]", STREAM_VALUE, NULL, 0, 0 },
		{ "\"r\":{},\"exit\":0", STREAM_STDOUT, NULL, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *line =
			mem_printf("{\"k\":\"end\",\"id\":\"" ID "\",\"i\":77,\"plan\":3,\"att\":2,"
				   "\"slot\":0,\"seed\":\"42\",\"code\":\"0011223344556677\","
				   "\"t\":1700000000123,\"out\":\"ok\",\"rh\":\"89abcdef\",%s",
				   rows[i].members);
		struct buf b = sealed(line);
		struct record r;
		struct piece p;

		assert_int_equal(record_decode(b.data, b.len, &r), 1);
		assert_int_equal(r.outcome, OUTCOME_OK);
		p = record_stream(&r, rows[i].which);
		assert_int_equal(p.there, rows[i].text != NULL);
		assert_int_equal(p.offset, rows[i].offset);
		assert_int_equal(p.len, rows[i].len);
		assert_int_equal(p.text != NULL, rows[i].text && *rows[i].text);
		if (p.text) {
			assert_memory_equal(p.text, rows[i].text, p.len);
			assert_null(p.sha256);
		}
		buf_free(&b);
		free(line);
	}
}

static void test_decode_kinds(void **state)
{
	static const struct {
		const char *members;
		enum record_kind kind;
		enum outcome outcome;
	} rows[] = {
		{ "{\"k\":\"header\",\"v\":1", RECORD_HEADER, OUTCOME_NONE },
		{ "{\"k\":\"start\"", RECORD_START, OUTCOME_NONE },
		{ "{\"k\":\"void\",\"upto\":3", RECORD_VOID, OUTCOME_NONE },
		{ "{\"k\":\"close\"", RECORD_CLOSE, OUTCOME_NONE },
		{ "{\"k\":\"claim\"", RECORD_UNKNOWN, OUTCOME_NONE },
		{ "{\"k\":\"en\"", RECORD_UNKNOWN, OUTCOME_NONE },
		{ "{\"k\":\"endx\"", RECORD_UNKNOWN, OUTCOME_NONE },
		{ "{\"k\":7", RECORD_UNKNOWN, OUTCOME_NONE },
		{ "{\"x\":1", RECORD_UNKNOWN, OUTCOME_NONE },
		{ "{\"k\":\"end\",\"out\":\"ok\"", RECORD_END, OUTCOME_OK },
		{ "{\"k\":\"end\",\"out\":\"not-started\"", RECORD_END, OUTCOME_NOT_STARTED },
		{ "{\"k\":\"end\",\"out\":\"lost\"", RECORD_END, OUTCOME_LOST },
		{ "{\"k\":\"end\",\"out\":\"of a later ppgen\"", RECORD_END, OUTCOME_NONE },
		{ "{\"k\":\"end\",\"id\":\"short\",\"i\":-1,\"att\":\"2\",\"code\":\"x\"",
		  RECORD_END, OUTCOME_NONE },
		{ "{\"k\":\"end\",\"id\":\""
		  "Z00102030405060708090a0b0c0d0eff"
		  "\"",
		  RECORD_END, OUTCOME_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b = sealed(rows[i].members);
		struct record r;

		assert_int_equal(record_decode(b.data, b.len, &r), 1);
		assert_int_equal(r.kind, rows[i].kind);
		assert_int_equal(r.outcome, rows[i].outcome);
		assert_false(r.has_id);
		assert_int_equal(r.index, 0);
		buf_free(&b);
	}
}

static void test_decode_checkpoint(void **state)
{
	static const struct {
		const char *members;
		bool is;
	} rows[] = {
		{ "{\"k\":\"end\",\"out\":\"interrupted\",\"ckpt\":true", true },
		{ "{\"k\":\"end\",\"out\":\"timeout\",\"ckpt\":true,\"o\":[0,1,\"" SHA "\"]",
		  true },
		{ "{\"k\":\"end\",\"out\":\"interrupted\"", false },
		{ "{\"k\":\"end\",\"ckpt\":false", false },
		{ "{\"k\":\"end\",\"ckpt\":1", false },
		{ "{\"k\":\"end\",\"ckpt\":\"true\"", false },
		{ "{\"k\":\"end\",\"ckpoint\":true", false },
		{ "{\"k\":\"end\",\"r\":{\"ckpt\":true}", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b = sealed(rows[i].members);
		struct record r;

		assert_int_equal(record_decode(b.data, b.len, &r), 1);
		assert_int_equal(r.kind, RECORD_END);
		if (r.checkpointed != rows[i].is) {
			fail_msg("%s", rows[i].members);
		}
		buf_free(&b);
	}
}

/* Any one byte changed, and any end missing: never a record. */
static void test_damage(void **state)
{
	struct buf b =
		sealed("{\"k\":\"end\",\"id\":\"" ID "\",\"i\":77,\"r\":{\"a\":\"\xc3\xa4\"}");
	struct record r;

	(void)state;
	assert_int_equal(record_decode(b.data, b.len, &r), 1);
	for (size_t i = 0; i < b.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			b.data[i] ^= (char)(1 << bit);
			assert_int_equal(record_decode(b.data, b.len, &r), 0);
			b.data[i] ^= (char)(1 << bit);
		}
	}
	for (size_t n = 0; n < b.len; n++) {
		char *copy = mem_dupn(b.data, n); /* so that a sanitizer sees a read beyond */

		copy = mem_resize(copy, n, 1);
		assert_int_equal(record_decode(copy, n, &r), 0);
		free(copy);
	}
	buf_free(&b);
}

/* A right checksum over what is no JSON (another program's line): whatever comes out, nothing
 * beyond the line is read. */
static void test_odd_lines(void **state)
{
	static const char *const lines[] = {
		"{",
		"{\"",
		"{\"k",
		"{\"k\"",
		"{\"k\":",
		"{\"k\":\"",
		"{\"k\":\"end",
		"{\"o\":[",
		"{\"r\":{\"a\":",
		"{\"id\":\"\\",
		"{,,,",
		"{]",
		"{\"k\":\"end\"}{",
		"{\"f\":{\"trace\":[1,2",
		"{\"o\":[1",
		"{\"o\":[1,5]",
		"{\"o\":[1,5,\"short\"]",
		"{\"o\":[]",
		"{\"o\":[\"",
		"{\"i\":99999999999999999999999",
		"{\"att\":4294967296",
	};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct buf b = sealed(lines[i]);
		char *copy = mem_resize(mem_dupn(b.data, b.len), b.len, 1);
		struct record r;

		if (record_decode(copy, b.len, &r)) {
			assert_false(record_piece(&r, "o", NULL).there);
			assert_false(record_piece(&r, "f", "trace").there);
			record_row(&r);
		}
		free(copy);
		buf_free(&b);
	}
}

/* ---- the pool's form, which is read in one go, and any other ---- */

#define HEAD(kind)                                                                                 \
	"{\"k\":\"" kind "\",\"id\":\"" ID "\",\"i\":12345678901,\"plan\":3,\"att\":2,\"slot\":7," \
	"\"seed\":\"1234567890\",\"code\":\"0011223344556677\",\"t\":1700000000123"
#define ROW(x) ",\"r\":{\"i\":" x ",\"out\":\"exit\"}"

/* The members in another order, or written otherwise, mean the same. */
static const struct {
	const char *name, *pools, *other;
} form_rows[] = {
	{ "start", HEAD("start") ",\"cpus\":1",
	  "{\"cpus\":1,\"t\":1700000000123,\"code\":\"0011223344556677\",\"seed\":\"1234567890\","
	  "\"slot\":7,\"att\":2,\"plan\":3,\"i\":12345678901,\"id\":\"" ID "\",\"k\":\"start\"" },
	{ "a good end", HEAD("end") ",\"out\":\"ok\",\"rh\":\"89abcdef\"" ROW("1") ",\"exit\":0",
	  "{\"k\": \"end\", \"id\": \"" ID
	  "\", \"i\": 12345678901, \"plan\": 3, \"att\": 2, \"slot\": 7, "
	  "\"seed\": \"1234567890\", \"code\": \"0011223344556677\", \"t\": 1700000000123, "
	  "\"rh\":\"89abcdef\",\"out\":\"ok\"" ROW("1") },
	{ "one that voids",
	  HEAD("end") ",\"out\":\"ok\",\"rh\":\"89abcdef\",\"voids\":4" ROW("1") ",\"exit\":0",
	  HEAD("end") ",\"new\":[1],\"voids\":4,\"out\":\"ok\",\"rh\":\"89abcdef\"" ROW("1") },
	{ "a failure",
	  HEAD("end") ",\"out\":\"signal\",\"rh\":\"89abcdef\",\"exit\":0,\"sig\":9,\"wall\":0.5",
	  HEAD("end") ",\"sig\":9,\"out\":\"signal\",\"rh\":\"89abcdef\"" },
	{ "no row", HEAD("end") ",\"out\":\"ok\",\"rh\":\"89abcdef\",\"exit\":0,\"sig\":0",
	  HEAD("end") " ,\"out\" :\"ok\",\"rh\":\"89abcdef\"" },
	{ "a checkpoint",
	  HEAD("end") ",\"out\":\"interrupted\",\"rh\":\"89abcdef\",\"ckpt\":true,\"exit\":0,\"sig\":15",
	  HEAD("end") ",\"ckpt\":true,\"sig\":15,\"rh\":\"89abcdef\",\"out\":\"interrupted\"" },
};

static void assert_same_record(const struct record *a, const struct record *b, const char *name)
{
	const struct json x = record_row(a), y = record_row(b);

	if (a->kind != b->kind || a->has_id != b->has_id || a->index != b->index ||
	    a->plan != b->plan || a->attempt != b->attempt || a->slot != b->slot ||
	    a->voids != b->voids || a->outcome != b->outcome || a->exit_code != b->exit_code ||
	    a->signal != b->signal || a->checkpointed != b->checkpointed ||
	    a->time_ms != b->time_ms || strcmp(a->code, b->code) != 0 ||
	    strcmp(a->results, b->results) != 0 || memcmp(a->id, b->id, TASK_ID_SIZE) != 0) {
		fail_msg("%s: another form, another meaning", name);
	}
	assert_int_equal(a->seed.len, b->seed.len);
	assert_memory_equal(a->seed.text, b->seed.text, a->seed.len);
	assert_int_equal(x.type, y.type);
	assert_int_equal(x.len, y.len);
	if (x.len) {
		assert_memory_equal(x.text, y.text, x.len);
	}
}

static void test_forms(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof form_rows / sizeof *form_rows; k++) {
		struct buf a = sealed(form_rows[k].pools), b = sealed(form_rows[k].other);
		struct record x, y;

		assert_int_equal(record_decode(a.data, a.len, &x), 1);
		assert_int_equal(record_decode(b.data, b.len, &y), 1);
		assert_int_equal(x.index, 12345678901);
		assert_int_equal(x.seed.len, 12);
		assert_same_record(&x, &y, form_rows[k].name);
		buf_free(&a);
		buf_free(&b);
	}
}

/* Cut or changed at every byte, and sealed anew: whatever comes of it, nothing outside is read. */
static void test_forms_cut(void **state)
{
	static const char marks[] = { '"', ',', '0', 'g', '}' };

	(void)state;
	for (size_t k = 0; k < sizeof form_rows / sizeof *form_rows; k++) {
		const char *text = form_rows[k].pools;

		for (size_t n = 1; n <= strlen(text); n++) {
			for (size_t m = 0; m <= sizeof marks; m++) {
				struct buf b = BUF_INIT;
				struct record r;
				char *exact;

				buf_add(&b, text, m < sizeof marks ? strlen(text) : n);
				if (m < sizeof marks) {
					b.data[n - 1] = marks[m];
				}
				record_seal(&b, 0);
				exact = malloc(b.len -
					       1); /* so that a checker sees a byte too far */
				assert_non_null(exact);
				memcpy(exact, b.data, b.len - 1);
				if (record_decode(exact, b.len - 1, &r)) {
					record_row(&r);
					record_piece(&r, "o", NULL);
				}
				free(exact);
				buf_free(&b);
			}
		}
	}
}

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < OUTCOME_COUNT; i++) {
		assert_non_null(outcome_names[i]);
		assert_int_equal(outcome_is_failure((enum outcome)i),
				 i != OUTCOME_NONE && i != OUTCOME_OK && i != OUTCOME_INTERRUPTED &&
					 i != OUTCOME_LOST);
	}
}

static void test_retry_bits(void **state)
{
	static const struct {
		enum outcome outcome;
		unsigned bit;
	} rows[] = {
		{ OUTCOME_NONE, 0 },
		{ OUTCOME_OK, 0 },
		{ OUTCOME_EXIT, RETRY_EXIT },
		{ OUTCOME_SIGNAL, RETRY_SIGNAL },
		{ OUTCOME_TIMEOUT, RETRY_TIMEOUT },
		{ OUTCOME_OOM, RETRY_OOM },
		{ OUTCOME_INVALID, RETRY_INVALID },
		{ OUTCOME_NOT_STARTED, 0 },
		{ OUTCOME_INTERRUPTED, 0 },
		{ OUTCOME_LOST, 0 },
	};

	(void)state;
	assert_int_equal(sizeof rows / sizeof *rows, OUTCOME_COUNT);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(outcome_retry_bit(rows[i].outcome), rows[i].bit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_decode_end),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_decode_kinds),
		cmocka_unit_test(test_decode_checkpoint),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_odd_lines),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_forms_cut),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_retry_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
