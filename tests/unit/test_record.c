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
		cmocka_unit_test(test_seal),         cmocka_unit_test(test_decode_end),
		cmocka_unit_test(test_decode_kinds), cmocka_unit_test(test_decode_checkpoint),
		cmocka_unit_test(test_damage),       cmocka_unit_test(test_odd_lines),
		cmocka_unit_test(test_names),        cmocka_unit_test(test_retry_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
