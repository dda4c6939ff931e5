/* SPDX-License-Identifier: MIT */
/*
 * Single records, read again. One journal is open at a time, and a window of it is held, which
 * grows where records are asked for one behind the other: mostly they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/scan_internal.h"

#define WINDOW_FIRST ((size_t)8 << 10)
#define WINDOW_MOST  ((size_t)256 << 10)

struct scan_reader {
	const struct scan *s;
	int fd; /* -1: none is open */
	uint32_t file;
	char *text;
	size_t len, room, window;
	uint64_t base; /* the file's offset of text */
};

struct scan_reader *scan_reader_new(const struct scan *s)
{
	struct scan_reader *x = mem_alloc(sizeof *x);

	x->s = s;
	x->fd = -1;
	x->window = WINDOW_FIRST;
	return x;
}

void scan_reader_free(struct scan_reader *x)
{
	if (!x) {
		return;
	}
	if (x->fd >= 0) {
		close(x->fd);
	}
	free(x->text);
	free(x);
}

static int open_file(struct scan_reader *x, uint32_t file, struct err *e)
{
	if (x->fd >= 0 && x->file == file) {
		return 0;
	}
	if (x->fd >= 0) {
		close(x->fd);
	}
	x->len = 0;
	x->file = file;
	x->fd = open(x->s->files[file].path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (x->fd < 0) {
		err_errno(e, "cannot read '%s'", x->s->files[file].path);
		return -1;
	}
	return 0;
}

/* Holds `n` bytes from `offset` on, or what there is of them. */
static int hold(struct scan_reader *x, uint64_t offset, size_t n, struct err *e)
{
	if (n > x->room) {
		x->room = n;
		x->text = mem_resize(x->text, n, 1);
	}
	x->base = offset;
	x->len = 0;
	while (x->len < n) {
		const ssize_t got =
			pread(x->fd, x->text + x->len, n - x->len, (off_t)(offset + x->len));

		if (got < 0 && errno != EINTR) {
			return err_errno(e, "cannot read '%s'", x->s->files[x->file].path);
		}
		if (got == 0) {
			break;
		}
		x->len += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

/* The line at `offset`, where the window holds all of it. */
static const char *find_line(const struct scan_reader *x, uint64_t offset, size_t *len)
{
	const char *from, *newline;

	if (offset < x->base || offset >= x->base + x->len) {
		return NULL;
	}
	from = x->text + (offset - x->base);
	newline = memchr(from, '\n', x->len - (size_t)(offset - x->base));
	if (!newline && x->base + x->len < x->s->files[x->file].bytes) {
		return NULL;
	}
	*len = newline ? (size_t)(newline - from) : x->len - (size_t)(offset - x->base);
	return from;
}

static int get_line(struct scan_reader *x, uint32_t file, uint64_t offset, const char **line,
		    size_t *len, struct err *e)
{
	size_t n;

	if (open_file(x, file, e) < 0) {
		return -1;
	}
	*line = find_line(x, offset, len);
	if (*line) {
		return 0;
	}
	/* twice as much when it goes on from here, little after a jump */
	x->window = offset >= x->base && offset <= x->base + x->len + x->window && x->len
			    ? x->window * 2
			    : WINDOW_FIRST;
	if (x->window > WINDOW_MOST) {
		x->window = WINDOW_MOST;
	}
	for (n = x->window; !*line && n <= RECORD_MAX * 2; n *= 2) {
		if (hold(x, offset, n, e) < 0) {
			return -1;
		}
		*line = find_line(x, offset, len);
		if (x->len < n) {
			break;
		}
	}
	return 0;
}

int scan_reader_get(struct scan_reader *x, uint32_t file, uint64_t offset, struct record *r,
		    struct err *e)
{
	const char *line;
	size_t len;

	if (file >= x->s->n_files || offset >= x->s->files[file].bytes) {
		return err_fail(e, "no record at %llu of journal %lu", (unsigned long long)offset,
				(unsigned long)file);
	}
	if (get_line(x, file, offset, &line, &len, e) < 0) {
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
