/* SPDX-License-Identifier: MIT */
/* A call as a person would write it: a program of one line in the function's own language. */
#include <string.h>

#include "base/json.h"
#include "gen/call.h"
#include "gen/language.h"

/* The words of struct language's `literals`. */
enum literal {
	LITERAL_TRUE,
	LITERAL_FALSE,
	LITERAL_LIST,
	LITERAL_LIST_END,
	LITERAL_NAMED,
	LITERAL_NAMED_END,
	LITERAL_MANY,
	LITERAL_MANY_END
};

static void put_literal(struct buf *b, const struct language *l, int which)
{
	const char *word = l->literals;

	while (which-- > 0) {
		word += strcspn(word, " ");
		word += strspn(word, " ");
	}
	buf_add(b, word, strcspn(word, " "));
}

static void put_value(struct buf *b, const struct language *l, const struct value *v)
{
	struct buf room = BUF_INIT;
	struct value item;
	size_t at = 0, n = 0;

	switch (v->type) {
	case VALUE_BOOL:
		put_literal(b, l, value_is_true(v) ? LITERAL_TRUE : LITERAL_FALSE);
		return;
	case VALUE_LIST:
		put_literal(b, l, LITERAL_LIST);
		while (value_list_next(v, &at, &room, &item)) {
			buf_puts(b, n++ ? ", " : "");
			put_value(b, l, &item);
		}
		put_literal(b, l, LITERAL_LIST_END);
		buf_free(&room);
		return;
	default: /* numbers and texts are everywhere as JSON has them */
		value_put_json(b, v);
	}
}

static void put_named(struct buf *b, const struct spec *s, const struct point *point)
{
	for (size_t k = 0; k < point->n; k++) {
		buf_puts(b, k ? ", " : "");
		buf_puts(b, space_name(s->space, k));
		buf_putc(b, '=');
		put_value(b, s->function.language, &point->values[k]);
	}
}

/* `per: chunk`: a list of one. */
static void put_chunk(struct buf *b, const struct spec *s, const struct point *point)
{
	const struct language *l = s->function.language;
	const bool one = point->n == 1;

	put_literal(b, l, one ? LITERAL_LIST : LITERAL_MANY);
	if (one) {
		put_value(b, l, &point->values[0]);
	} else {
		put_literal(b, l, LITERAL_NAMED);
		put_named(b, s, point);
		put_literal(b, l, LITERAL_NAMED_END);
	}
	put_literal(b, l, one ? LITERAL_LIST_END : LITERAL_MANY_END);
}

static void put_part(struct buf *b, const struct spec *s, const struct point *point,
		     const char *name, size_t n)
{
	const char *call = s->function.call;
	const size_t module = call_module(call);

	if (strncmp(name, "module", n) == 0)
		buf_add(b, call, module);
	else if (strncmp(name, "file", n) == 0)
		json_put(b, call, module);
	else if (strncmp(name, "function", n) == 0)
		buf_puts(b, call + module + 1);
	else if (s->function.chunk)
		put_chunk(b, s, point);
	else
		put_named(b, s, point);
}

void call_put_program(const struct spec *s, const struct point *point, struct buf *out)
{
	const struct language *l = s->function.language;
	const char *text = l->show_module;

	if (language_is_file(l, s->function.call, call_module(s->function.call)))
		text = l->show_file;
	while (*text) {
		const size_t plain = strcspn(text, "{");

		buf_add(out, text, plain);
		text += plain;
		if (*text) {
			const size_t n = strcspn(text, "}");

			put_part(out, s, point, text + 1, n - 1);
			text += n + (text[n] == '}');
		}
	}
}
