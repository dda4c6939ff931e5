/* SPDX-License-Identifier: MIT */
/* Placeholders, command lines, units and quoting: what is quoted is read as what it was. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/opt.h"
#include "base/pattern.h"
#include "base/text.h"
#include "gen/text.h"
#include "tests/fuzz/fuzz.h"

static const char *const names[] = { "T", "code", "xs", "on", "n" };
static const struct value values[] = {
	{ VALUE_NUMBER, "2.5", 3 },
	{ VALUE_STRING, "a/b.c", 5 },
	{ VALUE_LIST, "[1,\"a\",true]", 12 },
	{ VALUE_BOOL, "true", 4 },
	{ VALUE_NUMBER, "17", 2 },
};
static const char *const specials[SPECIAL_COUNT] = { "1",  "2", "/s", "4",           "5",
						     "t6", "7", "/k", "mpiexec -n 2" };

static void try_words(struct part in)
{
	struct arena *a = arena_new();
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	struct words w;
	struct ptext *t;
	size_t at = 0;

	if (words_split(a, in.text, in.len, names, 5, SPECIAL_ALL, &w, &at, &e) == 0)
		for (size_t i = 0; i < w.n; i++)
			(void)ptext_fill(w.items[i], values, specials, &b, NULL);
	MUST(at <= in.len);
	at = 0;
	t = ptext_compile(a, in.text, in.len, names, 5, SPECIAL_PATH, &at, NULL);
	MUST(at <= in.len);
	if (t) {
		must_equal(ptext_source(t), strlen(ptext_source(t)), in.text,
			   strnlen(in.text, in.len), "source");
		(void)ptext_fill(t, values, specials, &b, NULL);
	}
	buf_free(&b);
	arena_free(a);
}

/* A word that was quoted for a shell is one word, the same, for our reader of command lines. */
static void try_quoting(struct part in)
{
	struct arena *a = arena_new();
	struct buf b = BUF_INIT, filled = BUF_INIT;
	struct err e = ERR_INIT;
	struct words w;
	size_t at;

	if (!memchr(in.text, '\0', in.len) && !memchr(in.text, '{', in.len) &&
	    !memchr(in.text, '}', in.len)) {
		text_put_shell(&b, in.text, in.len);
		MUST(words_split(a, b.data, b.len, names, 5, SPECIAL_ALL, &w, &at, &e) == 0);
		MUST(w.n == 1 && ptext_fill(w.items[0], values, specials, &filled, &e) == 0);
		must_equal(in.text, in.len, filled.data, filled.len, "shell word");
	}
	buf_free(&b);
	buf_free(&filled);
	arena_free(a);
}

static void try_shown(struct part in)
{
	struct buf b = BUF_INIT;

	for (size_t most = 0; most < 90; most += 30) {
		buf_clear(&b);
		text_put_shown(&b, in.text, in.len, most);
		MUST(text_is_utf8(buf_str(&b), b.len) && (most == 0 || b.len <= most + 3));
		for (size_t i = 0; i < b.len; i++)
			MUST((unsigned char)b.data[i] >= ' ' && b.data[i] != 127);
	}
	buf_clear(&b);
	json_put(&b, in.text, in.len);
	struct json v;
	struct buf back = BUF_INIT;

	MUST(json_parse(b.data, b.len, &v, NULL) == 0);
	if (text_is_utf8(in.text, in.len)) {
		json_put_decoded(&back, v);
		must_equal(in.text, in.len, back.data, back.len, "JSON string");
	}
	buf_free(&back);
	buf_free(&b);
}

static void try_numbers(struct part line)
{
	char text[TEXT_DOUBLE_MAX];
	uint64_t v;
	struct buf b = BUF_INIT;

	if (text_is_json_number(line.text, line.len))
		MUST(text_is_number(line.text, line.len));
	if (text_is_integer(line.text, line.len))
		MUST(text_is_number(line.text, line.len));
	if (text_is_number(line.text, line.len)) {
		const double d = text_number(line.text, line.len);

		if (isfinite(d)) {
			const size_t n = text_of_double(d, text);

			MUST(text_is_number(text, n) && text_number(text, n) == d);
		}
	}
	if (text_u64(line.text, line.len, &v)) {
		uint64_t back;

		buf_put_u64(&b, v);
		MUST(text_u64(b.data, b.len, &back) && back == v);
	}
	(void)text_duration(line.text, line.len, &v);
	if (text_size(line.text, line.len, &v)) {
		buf_clear(&b);
		text_put_size(&b, v);
	}
	buf_free(&b);
}

void fuzz_text(struct part in)
{
	struct part rest = in;

	try_words(in);
	try_quoting(in);
	try_shown(in);
	while (rest.len)
		try_numbers(part_line(&rest));
}
