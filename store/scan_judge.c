/* SPDX-License-Identifier: MIT */
/*
 * Reading kept output again under changed `results:`, so that nothing needs to run for it. Streams
 * are always kept; a result file only where it was declared when the attempt ran.
 */
#include <string.h>

#include "store/scan_internal.h"

struct kept { /* what the judge asks for */
	struct scan *s;
	const struct record *r;
	const char *writer;
	bool damaged;
};

static struct piece kept_piece(const struct kept *k, size_t which)
{
	const struct results *rs = &k->s->plan->spec->results;

	if (which < STREAM_COUNT) {
		return record_piece(k->r, which == STREAM_STDERR ? "e" : "o", NULL);
	}
	return record_piece(k->r, "f", rs->files[which - STREAM_COUNT].name);
}

/* A judge_get. */
static int kept_get(void *arg, size_t which, const char **data, size_t *len, struct err *e)
{
	struct kept *k = arg;
	const struct piece p = kept_piece(k, which);
	struct err why = ERR_INIT;

	if (!p.there && which >= STREAM_COUNT) {
		return 1;
	}
	if (output_get(k->s->priv->reader, k->writer, &p, true, data, len, &why) < 0) {
		k->damaged = why.kind == ERR_BAD;
		if (e && !err_is(e)) {
			*e = why;
		}
		return -1;
	}
	return 0;
}

int scan_judge(struct scan *s, uint32_t file, const struct record *r, enum outcome *out,
	       struct buf *why, struct err *e)
{
	struct scan_private *p = s->priv;
	struct kept k = { .s = s, .r = r, .writer = s->files[file].writer };
	struct err failed = ERR_INIT;
	int rc;

	*out = r->outcome;
	if (r->outcome != OUTCOME_OK && r->outcome != OUTCOME_INVALID) {
		return 0;
	}
	for (size_t i = 0; i < s->plan->spec->results.n_files; i++) {
		if (!kept_piece(&k, STREAM_COUNT + i).there) {
			buf_puts(why, "result file '");
			buf_puts(why, s->plan->spec->results.files[i].name);
			buf_puts(why, "' was not kept when this ran");
			*out = OUTCOME_NONE;
			return 0;
		}
	}
	if (!p->judge) {
		p->judge = judge_new(&s->plan->spec->results);
	}
	if (!p->reader) {
		p->reader = output_reader_new(s->rundir);
	}
	buf_clear(&p->row);
	rc = judge_run(p->judge, kept_get, &k, &p->row, why, &failed);
	if (rc < 0 && k.damaged) {
		buf_puts(why, failed.text);
		*out = OUTCOME_LOST;
		return 0;
	}
	if (rc < 0) {
		if (e && !err_is(e)) {
			*e = failed;
		}
		return -1;
	}
	*out = rc ? OUTCOME_OK : OUTCOME_INVALID;
	return 0;
}
