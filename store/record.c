/* SPDX-License-Identifier: MIT */
/* Records: their names, sealing a line with its checksum, and the parts of a line that only some
 * readers want. */
#include "store/record.h"

#include <string.h>

#include "base/hash.h"
#include "store/record_seal.h"

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
			return (struct piece){ .there = false };
		}
		p.sha256 = item.text + 1;
	}
	p.there = true;
	return p;
}

struct piece record_stream(const struct record *r, enum stream which)
{
	static const char *const members[STREAM_COUNT] = {
		[STREAM_STDOUT] = "o", [STREAM_STDERR] = "e", [STREAM_VALUE] = "v"
	};
	struct piece p = record_piece(r, members[which], NULL);
	struct json row;

	if (which == STREAM_VALUE && !p.there) {
		row = record_row(r);
		if (row.type == JSON_OBJECT) {
			p = (struct piece){ .there = true, .text = row.text, .len = row.len };
		}
	}
	return p;
}

struct json record_row(const struct record *r)
{
	struct json row = { JSON_NONE, NULL, 0 };
	struct json_iter it;

	if (r->row) { /* an iterator over a list passes over the byte before its first item */
		it = json_iter((struct json){ JSON_ARRAY, r->row - 1,
					      (size_t)(r->line.text + r->line.len - r->row) + 1 });
		json_next(&it, NULL, &row);
	}
	return row;
}
