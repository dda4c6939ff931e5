/* SPDX-License-Identifier: MIT */
/*
 * The walk over journals. They are cut into segments, which threads read and decode ahead, and
 * whose records are then given in their order. A line belongs to the segment in which it begins.
 *
 * A journal may grow, and its writer die, while it is read: what is read is the file as long as it
 * was when it was opened. A line that is no sound record is passed over up to the next newline. It
 * counts as damage, unless it is the unfinished end of a file that may still be written to, or
 * whose writer was killed in the middle of a write.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ahead.h"
#include "base/json.h"
#include "base/mem.h"
#include "store/journal_internal.h"
#include "store/scan_internal.h"

#define SEGMENT     ((uint64_t)256 << 10)
#define THREADS     4 /* more do not pay: what is decoded is taken by one */
#define THREADS_FOR 8 /* segments: fewer are quicker without */

struct decoded {
	uint64_t offset;
	uint64_t damaged; /* lines of the segment before it */
	struct record r;  /* borrows from the segment's text */
};

struct segment {
	char *text;
	size_t len, room;
	uint64_t base; /* the file's offset of text */
	struct decoded *items;
	size_t n, cap;
	uint64_t damaged; /* whole lines that are no record */
	uint64_t whole;   /* where its last sound record ends; 0: it has none */
	bool torn;        /* the file's last line has no newline and is no record */
	struct err failed;
};

struct walk {
	const struct scan_walk *w;
	uint64_t *first; /* the first job of each file, and behind the last the number of all */
	size_t file;     /* that is being given */
	bool begun;
	struct err *e;
};

/* ---- a segment ---- */

static void *segment_new(void *arg)
{
	(void)arg;
	return mem_alloc(sizeof(struct segment));
}

static void segment_free(void *slot)
{
	struct segment *s = slot;

	free(s->text);
	free(s->items);
	free(s);
}

/* Reads on up to offset `to` of the file, or to its end where it has become shorter. */
static int read_to(struct segment *s, int fd, uint64_t to)
{
	const size_t need = (size_t)(to - s->base);

	if (need > s->room) {
		s->room = need + (size_t)(SEGMENT / 4);
		s->text = mem_resize(s->text, s->room, 1);
	}
	while (s->len < need) {
		const ssize_t got =
			pread(fd, s->text + s->len, need - s->len, (off_t)(s->base + s->len));

		if (got < 0 && errno != EINTR) {
			return -1;
		}
		if (got == 0) {
			break;
		}
		s->len += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

/* Reads the segment and the rest of the line that crosses its end. */
static int read_segment(struct segment *s, int fd, uint64_t end, uint64_t bytes)
{
	uint64_t to = end;

	if (read_to(s, fd, to) < 0) {
		return -1;
	}
	while (to < bytes && s->len == (size_t)(to - s->base) && s->len > 0 &&
	       s->len <= SEGMENT + RECORD_MAX &&
	       !memchr(s->text + (end - 1 - s->base), '\n', s->len - (size_t)(end - 1 - s->base))) {
		to = bytes - to < SEGMENT / 16 ? bytes : to + SEGMENT / 16;
		if (read_to(s, fd, to) < 0) {
			return -1;
		}
	}
	return 0;
}

static void decode_line(struct segment *s, const char *from, const char *to, bool ended)
{
	ARRAY_ROOM(s->items, s->n, s->cap);
	if (record_decode(from, (size_t)(to - from), &s->items[s->n].r)) {
		s->items[s->n].damaged = s->damaged;
		s->items[s->n++].offset = s->base + (uint64_t)(from - s->text);
		s->whole = s->base + (uint64_t)(to - s->text) + ended;
	} else if (ended) {
		s->damaged++;
	} else {
		s->torn = true;
	}
}

/* The lines that begin from `at` on and before `end`. */
static void decode_lines(struct segment *s, uint64_t at, uint64_t end, uint64_t bytes)
{
	const char *const data = s->text, *const stop = data + s->len;
	const char *const last = data + (end - s->base < s->len ? end - s->base : s->len);
	const char *p = data + (at - s->base), *newline;

	if (at > s->base) { /* behind the line that began before */
		newline = memchr(data, '\n', s->len);
		p = newline ? newline + 1 : stop;
	}
	for (; p < last; p = newline ? newline + 1 : stop) {
		newline = memchr(p, '\n', (size_t)(stop - p));
		if (newline == p) {
			continue;
		}
		if (newline || s->base + s->len >= bytes) {
			decode_line(s, p, newline ? newline : stop, newline != NULL);
		} else { /* longer than any record, or the file has become shorter */
			s->damaged++;
		}
	}
}

/* The file that a job is of: the last one whose first job is not behind it. */
static size_t file_of(const struct walk *x, uint64_t job)
{
	size_t low = 0, high = x->w->n;

	while (high - low > 1) {
		const size_t middle = low + (high - low) / 2;

		if (x->first[middle] <= job) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return low;
}

static uint64_t begin_of(const struct scan_walk *w, size_t file)
{
	return w->from ? w->from[file] : 0;
}

static void make_segment(void *arg, uint64_t job, void *slot)
{
	const struct walk *x = arg;
	struct segment *s = slot;
	const size_t k = file_of(x, job);
	const struct scan_file *f = &x->w->files[k];
	const uint64_t begin = begin_of(x->w, k);
	const uint64_t at = begin + (job - x->first[k]) * SEGMENT;
	const uint64_t end = f->bytes - at < SEGMENT ? f->bytes : at + SEGMENT;
	const int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	s->n = s->len = 0;
	s->damaged = s->whole = 0;
	s->torn = false;
	s->failed = (struct err)ERR_INIT;
	s->base = at > begin ? at - 1 : at;
	if (fd < 0 || read_segment(s, fd, end, f->bytes) < 0) {
		err_errno(&s->failed, "cannot read '%s'", f->path);
		s->failed.kind = ERR_SYSTEM;
	} else {
		decode_lines(s, at, end, f->bytes);
	}
	if (fd >= 0) {
		close(fd);
	}
}

/* ---- in order ---- */

/* Goes on to a file: ends those before it, and begins it. */
static void go_to(struct walk *x, size_t file)
{
	while (x->file < file || !x->begun) {
		if (x->begun) {
			if (x->w->end) {
				x->w->end(x->w->arg, x->file);
			}
			x->file++;
		}
		x->begun = x->file < x->w->n;
		if (!x->begun) {
			return;
		}
		if (x->w->begin) {
			x->w->begin(x->w->arg, x->file);
		}
	}
}

/* What a newer program wrote may mean something else by the same words. */
static int check_format(const struct scan_file *f, struct json header, struct err *e)
{
	uint64_t format;

	if (json_u64(json_get(header, "v"), &format) && format > JOURNAL_FORMAT) {
		return err_bad(e,
			       "'%s' has format %llu, but this ppgen knows formats up to %d: "
			       "use a newer ppgen",
			       f->path, (unsigned long long)format, JOURNAL_FORMAT);
	}
	return 0;
}

static int take_segment(void *arg, uint64_t job, void *slot)
{
	struct walk *x = arg;
	struct segment *s = slot;
	struct scan_file *f;
	uint64_t before;
	int rc = 0;

	go_to(x, file_of(x, job));
	f = &x->w->files[x->file];
	before = f->damaged;
	if (err_is(&s->failed)) {
		if (x->e && !err_is(x->e)) {
			*x->e = s->failed;
		}
		return -1;
	}
	for (size_t i = 0; rc == 0 && i < s->n; i++) {
		const struct record *r = &s->items[i].r;

		f->damaged = before + s->items[i].damaged;
		f->closed |= r->kind == RECORD_CLOSE;
		if (r->kind == RECORD_HEADER) {
			scan_take_header(f, r->line);
			if (check_format(f, r->line, x->e) < 0) {
				return -1;
			}
		}
		rc = x->w->fn(x->w->arg, x->file, s->items[i].offset, r);
	}
	f->whole = s->whole ? s->whole : f->whole;
	f->damaged = before + s->damaged + (s->torn && f->closed);
	return rc;
}

int scan_walk(const struct scan_walk *w, struct err *e)
{
	static const struct ahead steps = { segment_new, segment_free, make_segment, take_segment };
	struct walk x = { .w = w, .e = e };
	uint64_t jobs = 0;
	int rc;

	x.first = mem_array(w->n + 1, sizeof *x.first);
	for (size_t i = 0; i < w->n; i++) {
		const uint64_t from = begin_of(w, i), bytes = w->files[i].bytes;

		w->files[i].damaged = from ? w->files[i].damaged : 0;
		x.first[i] = jobs;
		jobs += bytes > from ? (bytes - from + SEGMENT - 1) / SEGMENT : 0;
	}
	x.first[w->n] = jobs;
	rc = ahead_run(&steps, &x, jobs, jobs < THREADS_FOR ? 1 : ahead_threads(THREADS));
	if (rc == 0) {
		go_to(&x, w->n);
	}
	free(x.first);
	return rc;
}
