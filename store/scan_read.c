/* SPDX-License-Identifier: MIT */
/*
 * Single records, read again. Of the last few journals a window each is held: records are mostly
 * asked for in the order of tasks, which several writers took in turn, and each wrote nearly in
 * that order. So a window begins a little before the record that it is read for, and grows where
 * the next one follows.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/scan_internal.h"

#define WINDOWS      8
#define WINDOW_FIRST ((size_t)4 << 10)
#define WINDOW_MOST  ((size_t)64 << 10)

struct window {
	int fd; /* -1: it is free */
	uint32_t file;
	uint64_t used; /* when last */
	char *text;
	size_t len, room;
	size_t size;   /* to be read at once */
	uint64_t base; /* the file's offset of text */
};

struct scan_reader {
	const struct scan *s;
	struct window windows[WINDOWS];
	uint64_t clock;
};

struct scan_reader *scan_reader_new(const struct scan *s)
{
	struct scan_reader *x = mem_alloc(sizeof *x);

	x->s = s;
	for (size_t i = 0; i < WINDOWS; i++) {
		x->windows[i].fd = -1;
	}
	return x;
}

void scan_reader_free(struct scan_reader *x)
{
	if (!x) {
		return;
	}
	for (size_t i = 0; i < WINDOWS; i++) {
		if (x->windows[i].fd >= 0) {
			close(x->windows[i].fd);
		}
		free(x->windows[i].text);
	}
	free(x);
}

/* The window of a file; where it has none, the one that was not used for longest becomes it. */
static struct window *window_of(struct scan_reader *x, uint32_t file, struct err *e)
{
	struct window *w = &x->windows[0];

	for (size_t i = 0; i < WINDOWS; i++) {
		struct window *other = &x->windows[i];

		if (other->fd >= 0 && other->file == file) {
			other->used = ++x->clock;
			return other;
		}
		if (w->fd >= 0 && (other->fd < 0 || other->used < w->used)) {
			w = other;
		}
	}
	if (w->fd >= 0) {
		close(w->fd);
	}
	w->file = file;
	w->len = 0;
	w->size = WINDOW_FIRST;
	w->used = ++x->clock;
	w->fd = open(x->s->files[file].path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (w->fd < 0) {
		err_errno(e, "cannot read '%s'", x->s->files[file].path);
		return NULL;
	}
	return w;
}

/* Holds `n` bytes from `offset` on, or what there is of them. */
static int hold(struct window *w, uint64_t offset, size_t n, const char *path, struct err *e)
{
	if (n > w->room) {
		w->room = n;
		w->text = mem_resize(w->text, n, 1);
	}
	w->base = offset;
	w->len = 0;
	while (w->len < n) {
		const ssize_t got =
			pread(w->fd, w->text + w->len, n - w->len, (off_t)(offset + w->len));

		if (got < 0 && errno != EINTR) {
			return err_errno(e, "cannot read '%s'", path);
		}
		if (got == 0) {
			break;
		}
		w->len += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

/* The line at `offset`, where the window holds all of it. */
static const char *find_line(const struct window *w, uint64_t offset, uint64_t bytes, size_t *len)
{
	const char *from, *newline;

	if (offset < w->base || offset >= w->base + w->len) {
		return NULL;
	}
	from = w->text + (offset - w->base);
	newline = memchr(from, '\n', w->len - (size_t)(offset - w->base));
	if (!newline && w->base + w->len < bytes) {
		return NULL;
	}
	*len = newline ? (size_t)(newline - from) : w->len - (size_t)(offset - w->base);
	return from;
}

static int get_line(struct window *w, const struct scan_file *f, uint64_t offset, const char **line,
		    size_t *len, struct err *e)
{
	size_t before;

	*line = find_line(w, offset, f->bytes, len);
	if (*line) {
		return 0;
	}
	/* twice as much when it goes on from here, little after a jump */
	w->size = w->len > 0 && offset >= w->base && offset <= w->base + w->len + w->size
			  ? w->size * 2
			  : WINDOW_FIRST;
	if (w->size > WINDOW_MOST) {
		w->size = WINDOW_MOST;
	}
	before = w->size / 4 < offset ? w->size / 4 : (size_t)offset;
	for (size_t n = w->size; !*line && n <= RECORD_MAX * 2; n *= 2) {
		if (hold(w, offset - before, n, f->path, e) < 0) {
			return -1;
		}
		*line = find_line(w, offset, f->bytes, len);
		if (w->len < n) {
			break;
		}
	}
	return 0;
}

int scan_reader_get(struct scan_reader *x, uint32_t file, uint64_t offset, struct record *r,
		    struct err *e)
{
	struct window *w;
	const char *line;
	size_t len;

	if (file >= x->s->n_files || offset >= x->s->files[file].bytes) {
		return err_fail(e, "no record at %llu of journal %lu", (unsigned long long)offset,
				(unsigned long)file);
	}
	w = window_of(x, file, e);
	if (!w || get_line(w, &x->s->files[file], offset, &line, &len, e) < 0) {
		return -1;
	}
	if (!line || !record_decode(line, len, r)) {
		return err_fail(e, "'%s': the record at %llu has become unreadable",
				x->s->files[file].path, (unsigned long long)offset);
	}
	return 0;
}

int scan_read(struct scan *s, uint32_t file, uint64_t offset, struct record *r, struct err *e)
{
	if (!s->priv->records) {
		s->priv->records = scan_reader_new(s);
	}
	return scan_reader_get(s->priv->records, file, offset, r, e);
}
