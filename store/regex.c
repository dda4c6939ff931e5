/* SPDX-License-Identifier: MIT */
/* The patterns of a `regex:` by PCRE2. Output may be any bytes: what is no UTF-8 never matches, and
 * does no harm. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "store/regex.h"

#include <pcre2.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/pattern.h"

struct regex_set {
	const struct regex_entry *entries;
	pcre2_code **codes;
	struct err *errors; /* of codes that are NULL */
	pcre2_match_data **matches;
	size_t n;
};

static void compile(struct regex_set *s, size_t k)
{
	PCRE2_UCHAR text[120];
	PCRE2_SIZE at;
	int code;

	s->codes[k] = pcre2_compile((PCRE2_SPTR)s->entries[k].pattern, PCRE2_ZERO_TERMINATED,
				    PATTERN_OPTIONS, &code, &at, NULL);
	if (!s->codes[k]) {
		pcre2_get_error_message(code, text, sizeof text);
		err_bad(&s->errors[k], "regex '%s': at %zu: %s", s->entries[k].column, (size_t)at,
			(const char *)text);
		return;
	}
	pcre2_jit_compile(
		s->codes[k],
		PCRE2_JIT_COMPLETE); /* where it is not possible, the interpreter does it */
	s->matches[k] = pcre2_match_data_create_from_pattern(s->codes[k], NULL);
}

struct regex_set *regex_set_new(const struct regex_entry *entries, size_t n)
{
	struct regex_set *s = mem_alloc(sizeof *s);

	s->entries = entries;
	s->n = n;
	s->codes = mem_array(n + 1, sizeof *s->codes);
	s->matches = mem_array(n + 1, sizeof *s->matches);
	s->errors = mem_array(n + 1, sizeof *s->errors);
	for (size_t k = 0; k < n; k++)
		compile(s, k);
	return s;
}

void regex_set_free(struct regex_set *s)
{
	if (!s)
		return;
	for (size_t k = 0; k < s->n; k++) {
		pcre2_match_data_free(s->matches[k]);
		pcre2_code_free(s->codes[k]);
	}
	free(s->codes);
	free(s->matches);
	free(s->errors);
	free(s);
}

/* Where to look on behind a match: an empty one must not be found for ever. */
static size_t next_start(const PCRE2_SIZE *v, const char *text, size_t len)
{
	size_t at = v[1];

	if (v[1] > v[0])
		return at;
	for (at++; at < len && ((unsigned char)text[at] & 0xc0) == 0x80; at++) {
	}
	return at;
}

int regex_last(struct regex_set *s, size_t k, const char *text, size_t len, const char **found,
	       size_t *n, struct err *e)
{
	PCRE2_UCHAR message[120];
	PCRE2_SIZE *v;
	size_t at = 0;
	int rc = 0, any = 0;

	if (!s->codes[k])
		return err_bad(e, "%s", s->errors[k].text);
	v = pcre2_get_ovector_pointer(s->matches[k]);
	while (at <= len) {
		size_t group;

		rc = pattern_match(s->codes[k], s->matches[k], text, len, at, 0);
		if (rc < 0)
			break;
		any = 1;
		group = pcre2_get_ovector_count(s->matches[k]) > 1 ? 1 : 0;
		*found = v[2 * group] == PCRE2_UNSET ? NULL : text + v[2 * group];
		*n = *found ? v[2 * group + 1] - v[2 * group] : 0;
		at = next_start(v, text, len);
	}
	if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH)
		return any;
	pcre2_get_error_message(rc, message, sizeof message);
	return err_bad(e, "regex '%s' gave up: %s", s->entries[k].column, (const char *)message);
}
