/* SPDX-License-Identifier: MIT */
/*
 * Expressions and texts from anywhere: nothing may crash, leak or read beyond its input, and a
 * fault's offset lies in the text. Built with clang -fsanitize=fuzzer,address,undefined.
 */
#include <stdint.h>
#include <stdlib.h>

#include "gen/expr.h"
#include "gen/text.h"

static const char *const names[] = { "T", "code", "xs", "on" };
static const struct value values[] = {
	{ VALUE_NUMBER, "2.5", 3 },
	{ VALUE_STRING, "a/b.c", 5 },
	{ VALUE_LIST, "[1,\"a\",true]", 12 },
	{ VALUE_BOOL, "true", 4 },
};
static const char *const specials[SPECIAL_COUNT] = { "1", "2", "/s", "4", "5", "t6", "7" };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_expr(const char *text, size_t len)
{
	struct err e = ERR_INIT;
	size_t at = 0;
	struct expr *x = expr_compile(text, len, names, 4, &at, &e);

	if (at > len || !x == !err_is(&e))
		abort();
	if (x)
		(void)expr_test(x, values, &e);
	expr_free(x);
}

static void try_words(const char *text, size_t len)
{
	struct arena *a = arena_new();
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	struct words w;
	size_t at = 0;

	if (words_split(a, text, len, names, 4, SPECIAL_ALL, &w, &at, &e) == 0)
		for (size_t i = 0; i < w.n; i++)
			(void)ptext_fill(w.items[i], values, specials, &b, &e);
	if (at > len)
		abort();
	buf_free(&b);
	arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_dupn((const char *)data, size);

	try_expr(text, size);
	try_words(text, size);
	free(text);
	return 0;
}
