/* SPDX-License-Identifier: MIT */
/*
 * What an element that begins again held when it was ended. Its earlier selves' journals name every
 * chunk that they tried to claim and every one that they were done with, so only few claims are
 * left to be looked at. What a node took with it when it died is the journal's last seconds: chunks
 * of the element's own share that the journals do not know of are looked at as well.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "store/claim_internal.h"
#include "store/scan.h"

struct earlier {
	const struct claims *claims;
	char **writers;
	size_t n, cap;
	unsigned *tried; /* a chunk: the highest generation that they tried to claim; 0: none */
	unsigned *done;  /* and the highest that they were done with */
};

/* A scan_fn. */
static int take_record(void *arg, const struct scan_file *file, uint64_t offset,
		       const struct record *r)
{
	struct earlier *x = arg;
	const struct json kind = json_get(r->line, "k");
	unsigned *place;
	uint64_t chunk, generation;

	(void)file;
	(void)offset;
	if (r->kind != RECORD_UNKNOWN || !(json_eq(kind, "claim") || json_eq(kind, "done")) ||
	    !json_u64(json_get(r->line, "c"), &chunk) || chunk >= x->claims->chunks ||
	    !json_u64(json_get(r->line, "g"), &generation) || generation > UINT32_MAX) {
		return 0;
	}
	place = json_eq(kind, "claim") ? &x->tried[chunk] : &x->done[chunk];
	*place = generation > *place ? (unsigned)generation : *place;
	return 0;
}

static int read_earlier(struct earlier *x, struct err *e)
{
	const struct claims *c = x->claims;

	for (unsigned run = 1; run < c->run; run++) {
		const struct claim_name name = { CLAIM_ELEMENT, c->array, c->element, run };
		char *writer = claim_writer(c->folder, &name);

		if (!writer) {
			continue; /* it ended before it could say who it was */
		}
		ARRAY_ROOM(x->writers, x->n, x->cap);
		x->writers[x->n++] = writer;
		if (scan_writer_records(c->rundir, writer, take_record, x, e) < 0) {
			return -1;
		}
	}
	return 0;
}

static bool is_earlier(const struct earlier *x, const char *writer)
{
	for (size_t i = 0; i < x->n; i++) {
		if (strcmp(x->writers[i], writer) == 0) {
			return true;
		}
	}
	return false;
}

/* Whether a chunk's highest claim may be one of theirs that they were not done with. */
static bool may_be_theirs(const struct earlier *x, uint64_t chunk)
{
	const struct claims *c = x->claims;
	const struct chunk_state *s = &c->states[chunk];

	if (s->generation == 0 || s->freed || x->done[chunk] == s->generation) {
		return false;
	}
	return x->tried[chunk] == s->generation ||
	       (x->tried[chunk] == 0 && chunk % c->elements == c->element % c->elements);
}

int claims_inherit(struct claims *c, struct err *e)
{
	struct earlier x = { .claims = c };
	int rc;

	x.tried = mem_array(c->chunks, sizeof *x.tried);
	x.done = mem_array(c->chunks, sizeof *x.done);
	rc = read_earlier(&x, e);
	for (uint64_t k = 0; rc == 0 && k < c->chunks; k++) {
		if (may_be_theirs(&x, k)) {
			const struct claim_name name = { CLAIM_CHUNK, c->array, k,
							 c->states[k].generation };
			char *writer = claim_writer(c->folder, &name);

			c->states[k].mine = writer && is_earlier(&x, writer);
			c->mine += c->states[k].mine;
			free(writer);
		}
	}
	for (size_t i = 0; i < x.n; i++) {
		free(x.writers[i]);
	}
	free(x.writers);
	free(x.tried);
	free(x.done);
	return rc;
}
