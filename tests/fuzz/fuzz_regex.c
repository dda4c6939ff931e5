/* SPDX-License-Identifier: MIT */
/* Patterns: the first line is one, what follows is searched. What is found lies in the text. */
#include <stdlib.h>
#include <string.h>

#include "base/pattern.h"
#include "gen/expr.h"
#include "store/regex.h"
#include "tests/fuzz/fuzz.h"

static void try_pattern(const char *pattern, struct part in)
{
	struct pattern *p = pattern_new(pattern, NULL);
	size_t at = 0, last = 0;

	if (!p)
		return;
	while (at <= in.len && pattern_next(p, in.text, in.len, &at, NULL) == 1) {
		size_t n;

		MUST(at > last || last == 0);
		last = at;
		(void)pattern_group(p, "id", &n);
		if (at > in.len)
			break;
	}
	(void)pattern_whole(p, in.text, in.len, NULL);
	pattern_free(p);
}

void fuzz_regex(struct part in)
{
	char *pattern = part_copy(part_line(&in));
	const struct regex_entry x = { .column = "a", .pattern = pattern };
	struct regex_set *s = regex_set_new(&x, 1);
	struct err e = ERR_INIT;
	const char *found = NULL;
	size_t n = 0;
	int rc = regex_last(s, 0, in.text, in.len, &found, &n, &e);

	MUST((rc < 0) == err_is(&e));
	if (rc == 1 && found)
		MUST(found >= in.text && found + n <= in.text + in.len);
	regex_set_free(s);
	try_pattern(pattern, in);
	free(pattern);
}
