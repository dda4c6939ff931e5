/* SPDX-License-Identifier: MIT */
/*
 * Reading a record back. This is the program's hottest path: a run of 10^6 tasks has twice as many
 * lines, and every command begins by reading them all. So a line is walked once, its head is
 * compared with the very form in which the pool writes it, keys are told apart by their length and
 * first letters, and nothing is allocated or copied but what has a fixed size.
 */
#include <string.h>

#include "base/hash.h"
#include "store/record.h"
#include "store/record_seal.h"

static const char *const kind_names[RECORD_UNKNOWN] = {
	[RECORD_HEADER] = "header", [RECORD_START] = "start", [RECORD_END] = "end",
	[RECORD_VOID] = "void",     [RECORD_CLOSE] = "close", [RECORD_SYNC] = "sync",
};

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

#define ROW        "\"r\":"
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
	case KEY2('s', 'e'):
		if (n == 4 && memcmp(key, "seed", 4) == 0) {
			r->seed = v;
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

/* ---- as writers write it ---- */

/* Steps over a text that is known to stand here. */
static inline bool eat(const char **p, const char *text, size_t n)
{
	if (memcmp(*p, text, n) != 0) {
		return false;
	}
	*p += n;
	return true;
}
#define EAT(p, text) eat((p), (text), sizeof(text) - 1)

/* Eight lower-case digits as four bytes, all at once; false where one is none. */
static inline bool eat_hex8(const char *p, uint8_t *out)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	uint64_t v, digit, letter;

	memcpy(&v, p, sizeof v);
	/* a byte's high bit is set by the sum when it is at least so much */
	digit = (v + ones * (0x80 - '0')) & ~(v + ones * (0x80 - '9' - 1));
	letter = (v + ones * (0x80 - 'a')) & ~(v + ones * (0x80 - 'f' - 1));
	if (v & high || ((digit | letter) & high) != high) {
		return false;
	}
	v = (v & ones * 0x0f) + 9 * (v >> 6 & ones);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	for (int i = 0; i < 4; i++) {
		out[i] = (uint8_t)((v << 4 & 0xf0) | (v >> 8 & 0x0f));
		v >>= 16;
	}
	return true;
}

static inline bool eat_number(const char **p, uint64_t *out)
{
	const char *q = *p;
	uint64_t n = 0;

	for (; (unsigned)(*q - '0') <= 9; q++) {
		n = n * 10 + (unsigned)(*q - '0');
	}
	if (q == *p || q - *p > 19) {
		return false;
	}
	*p = q;
	*out = n;
	return true;
}

static inline bool eat_count(const char **p, unsigned *out)
{
	uint64_t n;

	if (!eat_number(p, &n)) {
		return false;
	}
	*out = n > UINT32_MAX ? UINT32_MAX : (unsigned)n;
	return true;
}

/*
 * The head of a start or end record in the very form in which the pool writes it: where it ends, or
 * NULL where it looks otherwise. The seal behind it stops every loop, and the line is long enough
 * for every step since each is tried only when the one before stood there.
 */
static const char *take_head(const char *p, struct record *r)
{
	const char *seed;

	if (!EAT(&p, "{\"k\":\"")) {
		return NULL;
	}
	if (EAT(&p, "end\",\"id\":\"")) {
		r->kind = RECORD_END;
	} else if (EAT(&p, "start\",\"id\":\"")) {
		r->kind = RECORD_START;
	} else {
		return NULL;
	}
	for (size_t i = 0; i < TASK_ID_SIZE; i += 4, p += 8) {
		if (!eat_hex8(p, r->id + i)) {
			return NULL;
		}
	}
	if (!EAT(&p, "\",\"i\":") || !eat_number(&p, &r->index) || !EAT(&p, ",\"plan\":") ||
	    !eat_count(&p, &r->plan) || !EAT(&p, ",\"att\":") || !eat_count(&p, &r->attempt) ||
	    !EAT(&p, ",\"slot\":") || !eat_count(&p, &r->slot) || !EAT(&p, ",\"seed\":")) {
		return NULL;
	}
	seed = p++;
	while ((unsigned)(*p - '0') <= 9) {
		p++;
	}
	r->seed = (struct json){ JSON_STRING, seed, (size_t)(p + 1 - seed) };
	if (*seed != '"' || !EAT(&p, "\",\"code\":\"")) {
		return NULL;
	}
	memcpy(r->code, p, CODE_HEX - 1);
	p += CODE_HEX - 1;
	if (memchr(r->code, '"', CODE_HEX - 1) || !EAT(&p, "\",\"t\":") ||
	    !eat_number(&p, &r->time_ms)) {
		return NULL;
	}
	r->has_id = true;
	return p;
}

#define GOOD_MIN 32

/* What follows the head of a record of a good result. */
static const char *take_good(const char *p, const char *end, struct record *r)
{
	const char *const from = p;

	if (end - p < GOOD_MIN || !EAT(&p, ",\"out\":\"ok\",\"rh\":\"")) {
		return from;
	}
	memcpy(r->results, p, RESULTS_HEX - 1);
	p += RESULTS_HEX - 1;
	if (memchr(r->results, '"', RESULTS_HEX - 1) || *p != '"') {
		r->results[0] = '\0';
		return from;
	}
	r->outcome = OUTCOME_OK;
	return p + 1;
}

/* Bytes that every step above may look at before it knows that they are there: a shorter line is
 * none that the pool wrote. */
#define HEAD_MIN 160

int record_decode(const char *line, size_t len, struct record *r)
{
	const char *p = line, *end, *next;
	struct json_iter it;
	struct json key, v;

	*r = (struct record){ .kind = RECORD_UNKNOWN };
	if (len < SEAL_LEN + 2 || line[0] != '{' || !seal_is_right(line, len)) {
		return 0;
	}
	r->line = (struct json){ JSON_OBJECT, line, len };
	end = line + len - SEAL_LEN;
	next = len >= HEAD_MIN ? take_head(line, r) : NULL;
	if (next) {
		p = r->kind == RECORD_END ? take_good(next, end, r) : next;
	}
	if (p == end) {
		return 1;
	}
	if (!next || *p != ',') {
		p = line;
		*r = (struct record){ .kind = RECORD_UNKNOWN, .line = r->line };
	}
	p++;
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
	if (memcmp(p, ROW, sizeof ROW - 1) == 0) {
		r->row = p + sizeof ROW - 1;
		return 1;
	}
	/* The rest, whatever it looks like. The brace that an iterator passes over is here the byte
	 * before p. */
	it = json_iter((struct json){ JSON_OBJECT, p - 1, (size_t)(end - p) + 2 });
	while (json_next(&it, &key, &v)) {
		if (key.len == 3 && key.text[1] == 'r') {
			r->row = v.text;
			break;
		}
		take_member(r, key, v);
	}
	return 1;
}
