/* SPDX-License-Identifier: MIT */
/* Schedulers print lists of indexes much alike; what differs is small enough to be read by one
 * grammar: part [, part]..., a part being N, N-M or N-M:S. */
#include "submit/index_list.h"

#include <string.h>

#include "base/text.h"

struct reader {
	const char *p, *end;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What stands around indexes and means nothing here. */
static void skip(struct reader *r)
{
	while (r->p < r->end && memchr(" \t[]", *r->p, 4)) {
		r->p++;
	}
}

static bool take(struct reader *r, char c)
{
	skip(r);
	if (r->p == r->end || *r->p != c) {
		return false;
	}
	r->p++;
	return true;
}

static bool take_number(struct reader *r, uint64_t *n)
{
	const char *from;

	skip(r);
	from = r->p;
	while (r->p < r->end && is_digit(*r->p)) {
		r->p++;
	}
	return text_u64(from, (size_t)(r->p - from), n);
}

bool index_list_walk(const char *text, size_t len, index_fn fn, void *arg)
{
	struct reader r = { text, text + len };

	skip(&r);
	if (r.p == r.end) {
		return true;
	}
	do {
		uint64_t first, last, step = 1, throttle;

		if (!take_number(&r, &first)) {
			return false;
		}
		last = first;
		if (take(&r, '-') && !take_number(&r, &last)) {
			return false;
		}
		if (take(&r, ':') && (!take_number(&r, &step) || step == 0)) {
			return false;
		}
		if (take(&r, '%') && !take_number(&r, &throttle)) {
			return false;
		}
		if (last < first) {
			return false;
		}
		fn(arg, first, last, step);
	} while (take(&r, ','));
	skip(&r);
	return r.p == r.end;
}
