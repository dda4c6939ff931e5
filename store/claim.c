/* SPDX-License-Identifier: MIT */
/*
 * Taking chunks and giving them back. What this element believes of the folder may be old: only
 * making the next generation's file decides. A file that was there teaches that this chunk is
 * taken; the folder is listed again when that happens often, and before saying that nothing is
 * left.
 */
#include "store/claim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "store/claim_internal.h"
#include "store/process.h"
#include "store/submission.h"

#define MISSES_MOST 3 /* claims that others had already, then the folder is listed */

/* ---- opening ---- */

static char *stop_path(const char *rundir, unsigned submission)
{
	return mem_printf("%s/claims/%04u/stop", rundir, submission);
}

bool claims_stopped(const char *rundir, unsigned submission)
{
	char *path = stop_path(rundir, submission);
	const bool stopped = file_exists(path);

	free(path);
	return stopped;
}

/* Makes this start's own file, under the first run's number that is free. */
static int register_element(struct claims *c, const char *job, struct err *e)
{
	struct claim_name name = { CLAIM_ELEMENT, c->array, c->element, 0 };
	struct buf b = BUF_INIT;
	int rc;

	buf_puts(&b, "{\"writer\":");
	json_puts(&b, journal_writer(c->journal));
	json_put_key(&b, "job");
	json_puts(&b, job);
	buf_printf(&b, ",\"time\":%" PRIu64, proc_unix_ms());
	process_put_self(&b);
	buf_puts(&b, "}\n");
	do {
		char *path;

		name.generation++;
		path = claim_path(c->folder, &name);
		rc = claim_create(path, &b, true, e);
		free(path);
	} while (rc == 1 && name.generation < UINT32_MAX);
	c->run = name.generation;
	buf_free(&b);
	return rc;
}

struct claims *claims_open(const char *rundir, unsigned submission, unsigned array,
			   uint64_t element, uint64_t elements, uint64_t chunks, struct journal *j,
			   const char *job, unsigned *run, struct err *e)
{
	const char *writer = journal_writer(j);
	struct claims *c = mem_alloc(sizeof *c);

	*c = (struct claims){
		.rundir = mem_dup(rundir),
		.folder = claim_folder(rundir, submission),
		.submission = submission,
		.array = array,
		.element = element,
		.elements = elements,
		.chunks = chunks,
		.journal = j,
		.states = mem_array(chunks, sizeof *c->states),
		.share = element % elements, /* whether they count from 0 or from 1 */
		.chance = hash_bytes(writer, strlen(writer)) | 1,
	};
	if (file_make_dirs(c->folder, e) < 0 || register_element(c, job, e) < 0 ||
	    (c->run > 1 && (claims_list(c, e) < 0 || claims_inherit(c, e) < 0))) {
		claims_close(c);
		return NULL;
	}
	*run = c->run;
	return c;
}

void claims_close(struct claims *c)
{
	if (c) {
		free(c->rundir);
		free(c->folder);
		free(c->states);
		free(c);
	}
}

/* ---- what the folder tells ---- */

static void take_name(void *arg, const struct claim_name *n)
{
	struct claims *c = arg;
	struct chunk_state *s;

	if (n->kind == CLAIM_ELEMENT || n->array != c->array || n->number >= c->chunks) {
		return;
	}
	s = &c->states[n->number];
	if (n->generation > s->generation) {
		s->generation = n->generation;
		s->freed = n->kind == CLAIM_FREE;
	} else if (n->generation == s->generation) {
		s->freed |= n->kind == CLAIM_FREE;
	}
}

int claims_list(struct claims *c, struct err *e)
{
	c->listed = true;
	return claim_folder_read(c->folder, take_name, c, e);
}

/* ---- choosing ---- */

/* xorshift64*: elements that look at the same folder at once must not choose the same chunk. */
static uint64_t chance_below(struct claims *c, uint64_t n)
{
	c->chance ^= c->chance >> 12;
	c->chance ^= c->chance << 25;
	c->chance ^= c->chance >> 27;
	return (c->chance * UINT64_C(0x2545f4914f6cdd1d) >> 11) % n;
}

static bool is_untaken(const struct chunk_state *s)
{
	return s->generation == 0;
}

static bool is_freed(const struct chunk_state *s)
{
	return s->freed && s->held == 0 && !s->shut;
}

static bool choose_any(struct claims *c, bool (*fits)(const struct chunk_state *s), uint64_t *chunk)
{
	uint64_t n = 0, skip;

	for (uint64_t k = 0; k < c->chunks; k++) {
		n += fits(&c->states[k]);
	}
	if (n == 0) {
		return false;
	}
	skip = chance_below(c, n);
	for (*chunk = 0; !fits(&c->states[*chunk]) || skip-- > 0;) {
		++*chunk;
	}
	return true;
}

/* What seems best to take; false: nothing seems free. */
static bool choose(struct claims *c, uint64_t *chunk)
{
	for (*chunk = 0; c->mine > 0 && *chunk < c->chunks; ++*chunk) {
		if (c->states[*chunk].mine) {
			return true;
		}
	}
	for (; c->share < c->chunks; c->share += c->elements) {
		if (is_untaken(&c->states[c->share])) {
			*chunk = c->share;
			return true;
		}
	}
	return choose_any(c, is_untaken, chunk) || choose_any(c, is_freed, chunk);
}

/* ---- taking ---- */

void claim_holders_free(struct claim_holder *h, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(h[i].writer);
	}
	free(h);
}

/* Who had the chunk before: all of them, or false where one is not known. */
static bool find_holders(const struct claims *c, uint64_t chunk, struct claim_holder **holders,
			 size_t *n)
{
	const unsigned before = c->states[chunk].generation;

	*n = 0;
	*holders = before ? mem_array(before, sizeof **holders) : NULL;
	for (unsigned g = 1; g <= before; g++) {
		const struct claim_name name = { CLAIM_CHUNK, c->array, chunk, g };
		char *writer = claim_writer(c->folder, &name);

		if (!writer) {
			claim_holders_free(*holders, *n);
			*holders = NULL;
			*n = 0;
			return false;
		}
		(*holders)[(*n)++] = (struct claim_holder){ writer, g };
	}
	return true;
}

static int record(struct claims *c, const char *kind, uint64_t chunk, unsigned generation,
		  struct err *e)
{
	char *text =
		mem_printf("{\"k\":\"%s\",\"c\":%" PRIu64 ",\"g\":%u", kind, chunk, generation);
	const int rc = journal_append(c->journal, text, strlen(text), e);

	free(text);
	return rc;
}

/* Makes the next generation's file: 1 ours, 0 somebody else's, -1. */
static int create_claim(struct claims *c, uint64_t chunk, struct err *e)
{
	struct chunk_state *s = &c->states[chunk];
	const struct claim_name name = { CLAIM_CHUNK, c->array, chunk, s->generation + 1 };
	struct buf b = BUF_INIT;
	char *path;
	int rc;

	if (record(c, "claim", chunk, name.generation, e) < 0) {
		return -1;
	}
	buf_puts(&b, "{\"writer\":");
	json_puts(&b, journal_writer(c->journal));
	buf_printf(&b, ",\"element\":%" PRIu64 ",\"run\":%u}\n", c->element, c->run);
	path = claim_path(c->folder, &name);
	rc = claim_create(path, &b, false, e);
	free(path);
	buf_free(&b);
	if (rc < 0) {
		return -1;
	}
	s->generation = name.generation;
	s->freed = false;
	s->held = rc == 0 ? name.generation : 0;
	return rc == 0;
}

/* As create_claim, with those who had it before. */
static int try_claim(struct claims *c, uint64_t chunk, struct claim_holder **holders, size_t *n,
		     struct err *e)
{
	struct chunk_state *s = &c->states[chunk];
	int rc;

	c->mine -= s->mine;
	s->mine = false;
	if (!find_holders(c, chunk, holders, n)) {
		s->shut = true;
		return 0;
	}
	rc = create_claim(c, chunk, e);
	if (rc <= 0) {
		claim_holders_free(*holders, *n);
		*holders = NULL;
		*n = 0;
	}
	return rc;
}

int claims_next(struct claims *c, uint64_t *chunk, struct claim_holder **holders, size_t *n,
		struct err *e)
{
	bool fresh = false;
	unsigned misses = 0;

	*holders = NULL;
	*n = 0;
	if (submission_has_ended(c->rundir, c->submission) ||
	    claims_stopped(c->rundir, c->submission)) {
		return 0;
	}
	for (;;) {
		const bool any = choose(c, chunk);
		const int rc = any ? try_claim(c, *chunk, holders, n, e) : 0;

		if (rc != 0 || (!any && fresh)) {
			return rc;
		}
		if (!fresh && (!any || !c->listed || ++misses >= MISSES_MOST)) {
			if (claims_list(c, e) < 0) {
				return -1;
			}
			fresh = true;
		}
	}
}

/* ---- giving back ---- */

int claims_done(struct claims *c, uint64_t chunk, struct err *e)
{
	return record(c, "done", chunk, c->states[chunk].held, e);
}

/* Makes an empty file; that it is there already is as good. */
static int create_mark(const char *path, struct err *e)
{
	const struct buf none = BUF_INIT;

	return claim_create(path, &none, false, e) < 0 ? -1 : 0;
}

int claims_release(struct claims *c, uint64_t chunk, struct err *e)
{
	const struct claim_name name = { CLAIM_FREE, c->array, chunk, c->states[chunk].held };
	char *path = claim_path(c->folder, &name);
	const int rc = create_mark(path, e);

	free(path);
	return rc;
}

int claims_stop(struct claims *c, struct err *e)
{
	char *path = stop_path(c->rundir, c->submission);
	const int rc = create_mark(path, e);

	free(path);
	return rc;
}
