/* SPDX-License-Identifier: MIT */
/* The pieces of a record: where what was taken in stands. */
#include "base/json.h"
#include "run/pool_internal.h"

static int put_piece(struct pool *p, struct taking *t, struct left *l)
{
	if (t->much && l->take.len > 0) {
		return journal_take_end(p->journal, p->taker.tools, &l->take, &p->pieces,
					&t->fault);
	}
	journal_put_piece(&p->pieces, l->take.offset, l->data, (size_t)l->take.len);
	return 0;
}

/* ,"f":{"trace":[OFF,LEN,"SHA"]} */
static int put_files(struct pool *p, struct taking *t)
{
	bool first = true;

	for (size_t k = 0; k < p->spec->results.n_files; k++) {
		struct left *l = &t->left[STREAM_COUNT + k];

		if (l->take.fd >= 0) {
			buf_puts(&p->pieces, first ? ",\"f\":{" : ",");
			json_puts(&p->pieces, l->take.name);
			buf_putc(&p->pieces, ':');
			if (put_piece(p, t, l) < 0) {
				/* no test: only what is renamed can fail, and these have no path */
				return -1;
			}
			first = false;
		}
	}
	if (!first) {
		buf_putc(&p->pieces, '}');
	}
	return 0;
}

int take_end(struct pool *p, struct slot *s)
{
	static const char *const keys[STREAM_COUNT] = { ",\"o\":", ",\"e\":", ",\"v\":" };
	struct taking *t = s->taking;

	if (t->much && !p->taker.tools) {
		p->taker.tools = take_tools_new();
	}
	buf_clear(&p->pieces);
	p->value.offset = t->left[STREAM_VALUE].take.offset;
	p->value.len = t->left[STREAM_VALUE].take.len;
	if (t->rc == 0) {
		t->rc = put_files(p, t);
	}
	for (int i = 0; t->rc == 0 && i < STREAM_COUNT; i++) {
		if (t->left[i].take.len > 0) {
			buf_puts(&p->pieces, keys[i]);
			t->rc = put_piece(p, t, &t->left[i]);
			if (i < SPOOL_COUNT) {
				s->spool_renamed[i] = t->left[i].take.own;
			}
		}
	}
	if (t->left[STREAM_VALUE].take.len == 0 && t->outcome == OUTCOME_OK &&
	    p->spec->results.stream[STREAM_VALUE].format == FORMAT_BYTES) {
		buf_puts(&p->pieces, ",\"v\":[0,0]"); /* no bytes are a value, too */
	}
	if (t->rc < 0) {
		if (!err_is(&p->fault)) {
			p->fault = t->fault;
		}
		return -1;
	}
	buf_swap(&t->line, &p->line);
	buf_swap(&t->row, &p->row);
	buf_swap(&t->why, &p->why);
	return 0;
}
