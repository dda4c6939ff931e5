/* SPDX-License-Identifier: MIT */
/*
 * Kept output. It is read again under changed `results:`, so that nothing needs to run for it;
 * streams are always kept, a result file only where it was declared when the attempt ran. And it is
 * looked for where a power loss may have taken it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
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
		return record_stream(k->r, (enum stream)which);
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
	if (s->plan->spec->results.stream[STREAM_VALUE].format != FORMAT_NONE &&
	    !kept_piece(&k, STREAM_VALUE).there) {
		buf_puts(why, "the value was not kept when this ran");
		*out = OUTCOME_NONE;
		return 0;
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

/* ---- output that a power loss took ---- */

/*
 * The system writes files to the disk in any order, so a record may outlast what it names, unless a
 * sync record behind it says that the output was durable first. Of those behind the last sync
 * record, a second's worth mostly, the output is looked at.
 */
#define SYNC_BEGIN "\n{\"k\":\"sync\""
#define SYNC_MAX   ((size_t)128) /* bytes of a sync record are fewer */
#define BLOCK      ((size_t)65536)

/* The last sync record that begins in the first n bytes of a text; NULL when there is none. */
static const char *find_last(const char *text, size_t n, size_t len)
{
	const char *last = NULL, *at = text;
	struct record r;

	while ((at = memmem(at, len - (size_t)(at - text), SYNC_BEGIN, strlen(SYNC_BEGIN))) &&
	       at < text + n) {
		const char *newline;

		at++;
		newline = memchr(at, '\n', len - (size_t)(at - text));
		if (newline && record_decode(at, (size_t)(newline - at), &r) &&
		    r.kind == RECORD_SYNC) {
			last = at;
		}
	}
	return last;
}

uint64_t scan_last_sync(const struct scan_file *f)
{
	const int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = mem_alloc(BLOCK + SYNC_MAX);
	uint64_t end = f->bytes, found = 0;

	while (fd >= 0 && end > 0 && found == 0) {
		const size_t n = end < BLOCK ? (size_t)end : BLOCK;
		const ssize_t got = pread(fd, text, n + SYNC_MAX, (off_t)(end - n));
		const char *last;

		if (got <= 0) { /* then all that is kept is looked at */
			break;
		}
		last = find_last(text, n, (size_t)got);
		end -= n;
		if (last) {
			found = end + (uint64_t)(last - text);
		}
	}
	if (fd >= 0) {
		close(fd);
	}
	free(text);
	return found;
}

/* 1 it is there, 0 it is not, -1 that could not be found out. */
static int piece_there(struct scan *s, uint32_t file, const struct piece *p, struct err *e)
{
	struct err why = ERR_INIT;
	const char *data;
	size_t len;

	if (!s->priv->reader) {
		s->priv->reader = output_reader_new(s->rundir);
	}
	if (output_get(s->priv->reader, s->files[file].writer, p, true, &data, &len, &why) == 0) {
		return 1;
	}
	if (why.kind == ERR_BAD) {
		return 0;
	}
	if (e && !err_is(e)) {
		*e = why;
	}
	return -1;
}

int scan_output_there(struct scan *s, uint32_t file, uint64_t offset, const struct record *r,
		      struct err *e)
{
	struct json_iter it;
	struct json key;
	int there = 1;

	if (!s->files[file].unsure || offset < s->files[file].sure) {
		return 1;
	}
	for (int i = 0; there == 1 && i < STREAM_COUNT; i++) {
		const struct piece p = record_stream(r, (enum stream)i);

		there = piece_there(s, file, &p, e);
	}
	it = json_iter(json_get(r->line, "f"));
	while (there == 1 && json_next(&it, &key, NULL)) {
		char *name = json_string(key);
		const struct piece p = record_piece(r, "f", name);

		there = piece_there(s, file, &p, e);
		free(name);
	}
	return there;
}
