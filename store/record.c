/* SPDX-License-Identifier: MIT */
/*
 * Records: sealing a line with its checksum, and reading one back. Reading is the program's hottest
 * path: a run of 10^6 tasks has twice as many lines, and every command begins by reading them all.
 * So a line is walked once, keys are told apart by their length and first letters, and nothing is
 * allocated or copied but what has a fixed size.
 */
#include "store/record.h"

#include <string.h>

#include "base/hash.h"

#define SEAL_HEAD     ",\"crc\":\""
#define SEAL_HEAD_LEN (sizeof SEAL_HEAD - 1)
#define SEAL_LEN      (SEAL_HEAD_LEN + 8 + 2) /* the digits, the quote, the brace */

const char *const outcome_names[OUTCOME_COUNT] = {
	[OUTCOME_NONE] = "none",
	[OUTCOME_OK] = "ok",
	[OUTCOME_EXIT] = "exit",
	[OUTCOME_SIGNAL] = "signal",
	[OUTCOME_TIMEOUT] = "timeout",
	[OUTCOME_OOM] = "oom",
	[OUTCOME_INVALID] = "invalid",
	[OUTCOME_NOT_STARTED] = "not-started",
	[OUTCOME_INTERRUPTED] = "interrupted",
	[OUTCOME_LOST] = "lost",
};

static const char *const kind_names[RECORD_UNKNOWN] = {
	[RECORD_HEADER] = "header", [RECORD_START] = "start", [RECORD_END] = "end",
	[RECORD_VOID] = "void",     [RECORD_CLOSE] = "close",
};

bool outcome_is_failure(enum outcome o)
{
	return o >= OUTCOME_EXIT && o <= OUTCOME_NOT_STARTED;
}

unsigned outcome_retry_bit(enum outcome o)
{
	static const unsigned bits[OUTCOME_COUNT] = {
		[OUTCOME_EXIT] = RETRY_EXIT,       [OUTCOME_SIGNAL] = RETRY_SIGNAL,
		[OUTCOME_TIMEOUT] = RETRY_TIMEOUT, [OUTCOME_OOM] = RETRY_OOM,
		[OUTCOME_INVALID] = RETRY_INVALID,
	};

	return bits[o];
}

void record_seal(struct buf *b, size_t from)
{
	static const char digits[] = "0123456789abcdef";
	const uint32_t crc = crc32c(0, b->data + from, b->len - from);
	char tail[SEAL_LEN + 1];

	memcpy(tail, SEAL_HEAD, SEAL_HEAD_LEN);
	for (unsigned i = 0; i < 8; i++) {
		tail[SEAL_HEAD_LEN + i] = digits[crc >> (28 - 4 * i) & 15];
	}
	memcpy(tail + SEAL_HEAD_LEN + 8, "\"}\n", 3);
	buf_add(b, tail, sizeof tail);
}

/* The values of lower-case hexadecimal digits, plus one: 0 is none. */
static const uint8_t hex_digits[256] = {
	['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

/* More than 15 where it is no digit. */
static inline unsigned nibble(char c)
{
	return hex_digits[(unsigned char)c] - 1u;
}

static bool seal_is_right(const char *line, size_t len)
{
	const char *tail = line + len - SEAL_LEN;
	uint32_t crc = 0;

	if (memcmp(tail, SEAL_HEAD, SEAL_HEAD_LEN) != 0 || line[len - 2] != '"' ||
	    line[len - 1] != '}') {
		return false;
	}
	for (unsigned i = 0; i < 8; i++) {
		const unsigned n = nibble(tail[SEAL_HEAD_LEN + i]);

		if (n > 15) {
			return false;
		}
		crc = crc << 4 | n;
	}
	return crc32c(0, line, len - SEAL_LEN) == crc;
}

static bool take_id(struct json v, uint8_t id[TASK_ID_SIZE])
{
	unsigned bad = 0;

	if (v.type != JSON_STRING || v.len != 2 * TASK_ID_SIZE + 2) {
		return false;
	}
	for (size_t i = 0; i < TASK_ID_SIZE; i++) {
		const unsigned high = nibble(v.text[1 + 2 * i]), low = nibble(v.text[2 + 2 * i]);

		bad |= (high | low) > 15;
		id[i] = (uint8_t)(high << 4 | low);
	}
	return !bad;
}

/* Digits only, as writers write them; anything else leaves *out as it is. */
static inline void take_u64(struct json v, uint64_t *out)
{
	uint64_t n = 0;

	if (v.type != JSON_NUMBER || v.len > 19) { /* 19 digits cannot overflow */
		return;
	}
	for (size_t i = 0; i < v.len; i++) {
		const unsigned digit = (unsigned)(unsigned char)v.text[i] - '0';

		if (digit > 9) {
			return;
		}
		n = n * 10 + digit;
	}
	*out = n;
}

static inline void take_unsigned(struct json v, unsigned *out)
{
	uint64_t n = *out;

	take_u64(v, &n);
	*out = n > UINT32_MAX ? UINT32_MAX : (unsigned)n;
}

static inline void take_int(struct json v, int *out)
{
	const bool negative = v.type == JSON_NUMBER && v.text[0] == '-';
	uint64_t n = 0;

	if (negative) {
		v.text++;
		v.len--;
	}
	take_u64(v, &n);
	if (n <= INT32_MAX) {
		*out = negative ? -(int)n : (int)n;
	}
}

/* A string of `room - 1` bytes, or shorter. */
static inline void take_text(struct json v, char *out, size_t room)
{
	if (v.type == JSON_STRING && v.len >= 2 && v.len - 2 < room) {
		memcpy(out, v.text + 1, v.len - 2);
		out[v.len - 2] = '\0';
	}
}

static inline int take_name(struct json v, const char *const *names, int n, int unknown)
{
	if (v.type == JSON_STRING && v.len >= 2) {
		for (int i = 0; i < n; i++) {
			if (strlen(names[i]) == v.len - 2 &&
			    memcmp(names[i], v.text + 1, v.len - 2) == 0) {
				return i;
			}
		}
	}
	return unknown;
}

#define KEY2(a, b) ((unsigned)(a) << 8 | (unsigned)(b))

static void take_key1(struct record *r, char key, struct json v)
{
	if (key == 'i') {
		take_u64(v, &r->index);
	} else if (key == 't') {
		take_u64(v, &r->time_ms);
	} else if (key == 'k') {
		r->kind =
			(enum record_kind)take_name(v, kind_names, RECORD_UNKNOWN, RECORD_UNKNOWN);
	}
}

/* The keys of several letters: no two that we know share their first two letters. */
static void take_key(struct record *r, const char *key, size_t n, struct json v)
{
	switch (KEY2(key[0], key[1])) {
	case KEY2('i', 'd'):
		r->has_id = n == 2 && take_id(v, r->id);
		break;
	case KEY2('r', 'h'):
		if (n == 2) {
			take_text(v, r->results, sizeof r->results);
		}
		break;
	case KEY2('a', 't'):
		if (n == 3 && key[2] == 't') {
			take_unsigned(v, &r->attempt);
		}
		break;
	case KEY2('o', 'u'):
		if (n == 3 && key[2] == 't') {
			r->outcome = (enum outcome)take_name(v, outcome_names, OUTCOME_COUNT,
							     OUTCOME_NONE);
		}
		break;
	case KEY2('s', 'i'):
		if (n == 3 && key[2] == 'g') {
			take_int(v, &r->signal);
		}
		break;
	case KEY2('p', 'l'):
		if (n == 4 && memcmp(key, "plan", 4) == 0) {
			take_unsigned(v, &r->plan);
		}
		break;
	case KEY2('c', 'o'):
		if (n == 4 && memcmp(key, "code", 4) == 0) {
			take_text(v, r->code, sizeof r->code);
		}
		break;
	case KEY2('c', 'k'):
		if (n == 4 && memcmp(key, "ckpt", 4) == 0) {
			r->checkpointed = v.type == JSON_BOOL && v.text[0] == 't';
		}
		break;
	case KEY2('e', 'x'):
		if (n == 4 && memcmp(key, "exit", 4) == 0) {
			take_int(v, &r->exit_code);
		}
		break;
	case KEY2('s', 'l'):
		if (n == 4 && memcmp(key, "slot", 4) == 0) {
			take_unsigned(v, &r->slot);
		}
		break;
	case KEY2('t', 'i'):
		if (n == 4 && memcmp(key, "time", 4) == 0) {
			take_u64(v, &r->time_ms);
		}
		break;
	case KEY2('u', 'p'):
		if (n == 4 && memcmp(key, "upto", 4) == 0) {
			take_unsigned(v, &r->upto);
		}
		break;
	case KEY2('v', 'o'):
		if (n == 5 && memcmp(key, "voids", 5) == 0) {
			take_unsigned(v, &r->voids);
		}
		break;
	default:
		break;
	}
}

/*
 * Takes the member at p, where it looks as writers write it: a short plain key, no blanks, and a
 * number or a string whose end is plain to see. Returns where it ends, or NULL where it does not
 * look so. The seal behind `end` stops every loop.
 */
static inline const char *take_plain(const char *p, const char *end, struct json *key,
				     struct json *v)
{
	const char *q = p + 1;

	if (*p != '"') {
		return NULL;
	}
	while (*q >= 'a' && *q <= 'z') {
		q++;
	}
	if (q >= end || q[0] != '"' || q[1] != ':') {
		return NULL;
	}
	*key = (struct json){ JSON_STRING, p, (size_t)(q + 1 - p) };
	p = q + 2;
	q = p;
	if (*p == '"') {
		q = memchr(p + 1, '"', (size_t)(end - p));
		if (!q || q[-1] == '\\') {
			return NULL;
		}
		*v = (struct json){ JSON_STRING, p, (size_t)(q + 1 - p) };
		return q + 1;
	}
	while ((*q >= '0' && *q <= '9') || *q == '.') {
		q++;
	}
	*v = (struct json){ JSON_NUMBER, p, (size_t)(q - p) };
	return *q == ',' && q > p ? q : NULL;
}

static inline void take_member(struct record *r, struct json key, struct json v)
{
	if (key.len == 3) {
		take_key1(r, key.text[1], v);
	} else if (key.len > 3) {
		take_key(r, key.text + 1, key.len - 2, v);
	}
}

int record_decode(const char *line, size_t len, struct record *r)
{
	const char *p = line + 1, *end, *next;
	struct json_iter it;
	struct json key, v;

	*r = (struct record){ .kind = RECORD_UNKNOWN };
	if (len < SEAL_LEN + 2 || line[0] != '{' || !seal_is_right(line, len)) {
		return 0;
	}
	r->line = (struct json){ JSON_OBJECT, line, len };
	end = line + len - SEAL_LEN;
	while ((next = take_plain(p, end, &key, &v)) != NULL && next <= end) {
		take_member(r, key, v);
		if (next == end) {
			return 1;
		}
		p = next + 1;
		if (*next != ',') {
			return 1;
		}
	}
	/* The rest, whatever it looks like. The brace that an iterator passes over is here the byte
	 * before p. */
	it = json_iter((struct json){ JSON_OBJECT, p - 1, (size_t)(end - p) + 2 });
	while (json_next(&it, &key, &v)) {
		if (key.len == 3 &&
		    key.text[1] == 'r') { /* the row, which ends a record and may be long */
			break;
		}
		take_member(r, key, v);
	}
	return 1;
}

struct piece record_piece(const struct record *r, const char *member, const char *name)
{
	struct piece p = { .there = false };
	struct json v = json_get(r->line, member), item;
	struct json_iter it;

	if (name) {
		v = json_get(v, name);
	}
	if (v.type != JSON_ARRAY) {
		return p;
	}
	it = json_iter(v);
	if (!json_next(&it, NULL, &item)) {
		return p;
	}
	if (item.type == JSON_STRING && item.len >= 2) {
		p.file = item.text + 1;
		p.file_len = item.len - 2;
	} else if (!json_u64(item, &p.offset)) {
		return p;
	}
	if (!json_next(&it, NULL, &item) || !json_u64(item, &p.len)) {
		return p;
	}
	if (p.len > 0) {
		if (!json_next(&it, NULL, &item) || item.type != JSON_STRING ||
		    item.len != SHA256_HEX - 1 + 2) {
			return p;
		}
		p.sha256 = item.text + 1;
	}
	p.there = true;
	return p;
}

struct json record_row(const struct record *r)
{
	return json_get(r->line, "r");
}
