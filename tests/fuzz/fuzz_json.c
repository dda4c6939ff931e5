/* SPDX-License-Identifier: MIT */
/* JSON: all ways of reading agree; what was read, written and read again is the same. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

static void put(struct buf *b, struct json v);

static void put_items(struct buf *b, struct json v)
{
	struct json_iter it = json_iter(v), again = json_iter(v);
	struct json key, item, unnamed;

	buf_putc(b, v.type == JSON_ARRAY ? '[' : '{');
	while (json_next(&it, &key, &item)) {
		MUST((key.type == JSON_NONE) == (v.type == JSON_ARRAY));
		MUST(json_next(&again, NULL, &unnamed) && unnamed.text == item.text);
		json_put_sep(b);
		if (v.type == JSON_OBJECT) {
			put(b, key);
			buf_putc(b, ':');
		}
		put(b, item);
	}
	buf_putc(b, v.type == JSON_ARRAY ? ']' : '}');
}

static void put(struct buf *b, struct json v)
{
	MUST(v.type != JSON_NONE && v.len > 0);
	if (v.type == JSON_STRING) {
		struct buf s = BUF_INIT;
		char *text = json_string(v);

		json_put_decoded(&s, v);
		MUST(text && text_is_utf8(buf_str(&s), s.len));
		must_equal(text, strlen(text), s.data, strlen(buf_str(&s)), "string");
		json_put(b, buf_str(&s), s.len);
		free(text);
		buf_free(&s);
	} else if (v.type == JSON_ARRAY || v.type == JSON_OBJECT) {
		put_items(b, v);
	} else {
		double d;

		MUST(v.type != JSON_NUMBER ||
		     (text_is_json_number(v.text, v.len) && json_double(v, &d)));
		buf_add(b, v.text, v.len);
	}
}

static void try_get(struct json object)
{
	static const char *const keys[] = { "a", "b", "", "crc", "id", "k", "long key", "r" };
	struct json each[8];

	json_get_each(object, keys, 8, each);
	for (size_t i = 0; i < 8; i++) {
		struct json one = json_get(object, keys[i]);

		/* a key that is written with escapes is found by the first alone */
		if (!memchr(object.text, '\\', object.len))
			MUST(one.type == each[i].type && (!one.type || one.text == each[i].text));
	}
}

void fuzz_json(struct part in)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct json v, w, trusted = json_trust(in.text, in.len);
	struct err e = ERR_INIT;

	if (json_parse(in.text, in.len, &v, &e) < 0) {
		MUST(strncmp(e.text, "line ", 5) == 0);
		return;
	}
	MUST(trusted.type == v.type);
	must_equal(trusted.text, trusted.len, v.text, v.len, "trusted");
	put(&once, v);
	MUST(json_parse(once.data, once.len, &w, NULL) == 0);
	put(&twice, w);
	must_equal(once.data, once.len, twice.data, twice.len, "JSON");
	if (v.type == JSON_OBJECT)
		try_get(v);
	buf_free(&once);
	buf_free(&twice);
}
