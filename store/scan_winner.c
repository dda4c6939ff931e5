/* SPDX-License-Identifier: MIT */
/*
 * Which attempt counts. Every rule here compares two attempts and is a strict order, so the outcome
 * does not depend on the order in which attempts are met. Of the attempt that counts so far only
 * its place is kept: its number is read again where it matters, which is where a task has several
 * attempts of one rank.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "store/scan_internal.h"

static enum rank state_rank(const struct task_state *st)
{
	if (st->outcome == OUTCOME_OK) {
		return RANK_GOOD;
	}
	if (st->flags & TASK_STALE) {
		return RANK_STALE;
	}
	if (st->outcome != OUTCOME_NONE) {
		return RANK_FAILED;
	}
	return st->flags & TASK_REREAD ? RANK_NOT_KEPT : RANK_NOTHING;
}

static bool place_first(const struct contender *a, const struct contender *b)
{
	return a->file != b->file ? a->file < b->file : a->offset < b->offset;
}

bool winner_first(const struct contender *a, const struct contender *b)
{
	return a->attempt != b->attempt ? a->attempt < b->attempt : place_first(a, b);
}

/* Whether a counts rather than b, both of one rank. */
static bool contender_beats(const struct scan *s, const struct contender *a,
			    const struct contender *b)
{
	bool a_is, b_is;

	/* of stale ones the last: an earlier one may have been given up for it by --stale=rerun */
	if (a->rank == RANK_FAILED || a->rank == RANK_STALE) {
		return a->attempt != b->attempt ? a->attempt > b->attempt : place_first(a, b);
	}
	if (s->priv->published) {
		a_is = published_won(s, a->file, a->offset);
		b_is = published_won(s, b->file, b->offset);
		if (a_is != b_is) {
			return a_is;
		}
		a_is = published_has(s, a->file, a->offset);
		b_is = published_has(s, b->file, b->offset);
		if (a_is != b_is) {
			return a_is;
		}
	}
	return winner_first(a, b);
}

int winner_offer(struct scan *s, uint64_t index, const struct contender *c, struct err *e)
{
	struct task_state *st = &s->tasks[index];
	struct contender now = { .rank = state_rank(st), .file = st->file, .offset = st->offset };
	struct places *doubles = &s->priv->doubles;
	struct record r;
	bool wins = c->rank > now.rank;

	if (c->rank == now.rank) {
		if (scan_read(s, now.file, now.offset, &r, e) < 0) {
			return -1;
		}
		now.attempt = r.attempt;
		wins = contender_beats(s, c, &now);
		if (c->rank == RANK_GOOD) {
			const struct contender *loser = wins ? &now : c;

			ARRAY_ROOM(doubles->items, doubles->n, doubles->cap);
			doubles->items[doubles->n++] =
				(struct place){ index, loser->offset, loser->file, 0 };
		}
	}
	if (wins) {
		st->file = c->file;
		st->offset = c->offset;
		st->outcome = (uint8_t)c->outcome;
		st->flags = (uint8_t)((st->flags & ~(TASK_STALE | TASK_REREAD)) | c->flags);
	}
	return 0;
}

static int compare_places(const void *pa, const void *pb)
{
	const struct place *a = pa, *b = pb;

	if (a->index != b->index) {
		return a->index < b->index ? -1 : 1;
	}
	if (a->file != b->file) {
		return a->file < b->file ? -1 : 1;
	}
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* The hash of a piece that has bytes. */
static const char *piece_hash(const struct piece *p, char hex[SHA256_HEX])
{
	uint8_t hash[SHA256_SIZE];

	if (!p->text) {
		return p->sha256;
	}
	sha256_of(p->text, (size_t)p->len, hash);
	hex_put(hex, hash, SHA256_SIZE);
	return hex;
}

static bool same_piece(const struct piece *x, const struct piece *y)
{
	char one[SHA256_HEX], other[SHA256_HEX];

	return x->len == y->len && (x->len == 0 || memcmp(piece_hash(x, one), piece_hash(y, other),
							  SHA256_HEX - 1) == 0);
}

static bool same_stream(const struct record *a, const struct record *b, enum stream which)
{
	const struct piece x = record_stream(a, which), y = record_stream(b, which);

	return same_piece(&x, &y);
}

static bool same_file(const struct record *a, const struct record *b, const char *name)
{
	const struct piece x = record_piece(a, "f", name), y = record_piece(b, "f", name);

	return x.there == y.there && same_piece(&x, &y);
}

/* Whether two successes gave the same: the parsed row where both hold it, else the bytes of what
 * results are read from. */
static bool same_results(const struct results *rs, const struct record *a, const struct record *b)
{
	const struct json x = record_row(a), y = record_row(b);

	if (x.type == JSON_OBJECT && y.type == JSON_OBJECT && strcmp(a->results, b->results) == 0) {
		if (x.len != y.len || memcmp(x.text, y.text, x.len) != 0) {
			return false;
		}
	} else {
		for (size_t k = 0; k < STREAM_COUNT; k++) {
			if (rs->stream[k].format != FORMAT_NONE &&
			    !same_stream(a, b, (enum stream)k)) {
				return false;
			}
		}
	}
	for (size_t k = 0; k < rs->n_files; k++) {
		if (!same_file(a, b, rs->files[k].name)) {
			return false;
		}
	}
	return true;
}

/* A record that outlives the reader's next call. */
static int read_kept(struct scan *s, uint32_t file, uint64_t offset, struct record *r,
		     struct arena *a, struct err *e)
{
	struct record borrowed;
	const char *line;

	if (scan_read(s, file, offset, &borrowed, e) < 0) {
		return -1;
	}
	line = arena_dupn(a, borrowed.line.text, borrowed.line.len);
	record_decode(line, borrowed.line.len, r);
	return 0;
}

/* Compares the successes of one task: each with the first that has its code hash. */
static int compare_group(struct scan *s, const struct place *group, size_t n, struct err *e)
{
	struct task_state *st = &s->tasks[group[0].index];
	struct record *records = mem_array(n + 1, sizeof *records);
	struct arena *lines = arena_new();
	int rc = read_kept(s, st->file, st->offset, &records[0], lines, e);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		size_t first = 0;

		rc = read_kept(s, group[i].file, group[i].offset, &records[i + 1], lines, e);
		if (rc < 0) {
			break;
		}
		while (strcmp(records[first].code, records[i + 1].code) != 0) {
			first++;
		}
		if (!same_results(&s->plan->spec->results, &records[first], &records[i + 1])) {
			st->flags |= TASK_DIFFERS;
			break;
		}
	}
	arena_free(lines);
	free(records);
	return rc;
}

int winner_compare_all(struct scan *s, struct err *e)
{
	struct places *d = &s->priv->doubles;

	if (d->n > 0) {
		qsort(d->items, d->n, sizeof *d->items, compare_places);
	}
	for (size_t i = 0, to; i < d->n; i = to) {
		for (to = i + 1; to < d->n && d->items[to].index == d->items[i].index; to++) {
		}
		if (compare_group(s, &d->items[i], to - i, e) < 0) {
			return -1;
		}
	}
	return 0;
}
