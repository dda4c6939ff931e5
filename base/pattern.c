/* SPDX-License-Identifier: MIT */
/* Regular expressions by PCRE2. What programs print may be any bytes: what is no UTF-8 never
 * matches, and does no harm. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/pattern.h"

#include <pcre2.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

#define MESSAGE_MAX 120
#define STEPS_MOST  10000000u
#define HEAP_MOST   65536u /* KiB */

static pcre2_match_context *limits; /* made once, for all threads */

struct pattern {
	pcre2_code *code;
	pcre2_match_data *match;
	char *source;
	const char *text; /* of the last match; NULL: there was none */
};

struct pattern *pattern_new(const char *text, struct err *e)
{
	const uint32_t options = PATTERN_OPTIONS | PCRE2_DUPNAMES;
	PCRE2_UCHAR message[MESSAGE_MAX];
	struct pattern *p;
	pcre2_code *code;
	PCRE2_SIZE at;
	int fault;

	code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, options, &fault, &at, NULL);
	if (!code) {
		pcre2_get_error_message(fault, message, sizeof message);
		err_bad(e, "column %zu of '%s': %s", (size_t)at + 1, text, (const char *)message);
		return NULL;
	}
	/* where it is not possible, the interpreter does it */
	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	p = mem_alloc(sizeof *p);
	p->code = code;
	p->match = pcre2_match_data_create_from_pattern(code, NULL);
	p->source = mem_dup(text);
	return p;
}

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	pcre2_match_data_free(p->match);
	pcre2_code_free(p->code);
	free(p->source);
	free(p);
}

static void make_limits(void)
{
	limits = pcre2_match_context_create(NULL);
	if (!limits)
		return;
	pcre2_set_match_limit(limits, STEPS_MOST);
	pcre2_set_heap_limit(limits, HEAP_MOST);
}

int pattern_match(const pcre2_code *code, pcre2_match_data *match, const char *text, size_t len,
		  size_t from, uint32_t options)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int rc;

	pthread_once(&once, make_limits);
	if (!match || !limits)
		return PCRE2_ERROR_NOMEMORY;
	rc = pcre2_match(code, (PCRE2_SPTR)text, len, from, options, match, limits);
	if (rc == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter has the heap */
		rc = pcre2_match(code, (PCRE2_SPTR)text, len, from, options | PCRE2_NO_JIT, match,
				 limits);
	return rc;
}

/* 1 found, 0 not, -1. */
static int match(struct pattern *p, const char *text, size_t len, size_t from, uint32_t options,
		 struct err *e)
{
	PCRE2_UCHAR message[MESSAGE_MAX];
	int rc = pattern_match(p->code, p->match, text, len, from, options);

	p->text = rc > 0 ? text : NULL;
	if (rc > 0)
		return 1;
	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	pcre2_get_error_message(rc, message, sizeof message);
	return err_bad(e, "'%s' gave up: %s", p->source, (const char *)message);
}

int pattern_next(struct pattern *p, const char *text, size_t len, size_t *at, struct err *e)
{
	const PCRE2_SIZE *v;
	int rc;

	if (*at > len) {
		p->text = NULL;
		return 0;
	}
	rc = match(p, text, len, *at, 0, e);
	if (rc <= 0)
		return rc;
	v = pcre2_get_ovector_pointer(p->match);
	/* \K in a lookahead can make a match end before it begins, and what was found before must
	 * not be found for ever */
	*at = v[1] > *at ? v[1] : *at + 1;
	if (v[1] == v[0] && *at == v[1])
		++*at;
	while (*at < len && ((unsigned char)text[*at] & 0xc0) == 0x80)
		++*at;
	return 1;
}

int pattern_whole(struct pattern *p, const char *text, size_t len, struct err *e)
{
	return match(p, text, len, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, e);
}

bool pattern_has_group(const struct pattern *p, const char *name)
{
	return pcre2_substring_number_from_name(p->code, (PCRE2_SPTR)name) !=
	       PCRE2_ERROR_NOSUBSTRING;
}

/* Several groups may have one name: the first that took part counts. */
const char *pattern_group(const struct pattern *p, const char *name, size_t *len)
{
	const PCRE2_SIZE *v = pcre2_get_ovector_pointer(p->match);
	const uint32_t n = pcre2_get_ovector_count(p->match);
	PCRE2_SPTR row, last;
	int size;

	if (!p->text)
		return NULL;
	size = pcre2_substring_nametable_scan(p->code, (PCRE2_SPTR)name, &row, &last);
	for (; size > 0 && row <= last; row += size) {
		const size_t group = (size_t)row[0] << 8 | row[1];

		if (group < n && v[2 * group] != PCRE2_UNSET) {
			*len = v[2 * group + 1] - v[2 * group];
			return p->text + v[2 * group];
		}
	}
	return NULL;
}
