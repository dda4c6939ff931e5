/* SPDX-License-Identifier: MIT */
/* Kept output, read through a few mapped files. A file that has grown since it was mapped is mapped
 * again. */
#include "store/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/journal_internal.h"

#define READER_FILES 8

struct mapped {
	char *path; /* NULL: free */
	struct file_view view;
	uint64_t used; /* when last */
};

struct output_reader {
	char *rundir;
	struct mapped files[READER_FILES];
	uint64_t clock;
};

struct output_reader *output_reader_new(const char *rundir)
{
	struct output_reader *r = mem_alloc(sizeof *r);

	r->rundir = mem_dup(rundir);
	return r;
}

static void mapped_free(struct mapped *m)
{
	if (m->path) {
		file_view_free(&m->view);
		free(m->path);
		m->path = NULL;
	}
}

void output_reader_free(struct output_reader *r)
{
	if (!r) {
		return;
	}
	for (size_t i = 0; i < READER_FILES; i++) {
		mapped_free(&r->files[i]);
	}
	free(r->rundir);
	free(r);
}

/* Below files/, whatever a journal from elsewhere may say. */
static bool file_is_below(const char *file, size_t n)
{
	if (n == 0 || file[0] == '/' || memchr(file, '\0', n)) {
		return false;
	}
	for (size_t i = 0; i + 1 < n; i++) {
		if (file[i] == '.' && file[i + 1] == '.' && (i == 0 || file[i - 1] == '/') &&
		    (i + 2 == n || file[i + 2] == '/')) {
			return false;
		}
	}
	return true;
}

void output_put_place(struct buf *b, const char *writer, const struct piece *p)
{
	char xx[JOURNAL_XX];

	if (p->file) {
		buf_puts(b, "files/");
		buf_add(b, p->file, p->file_len);
		return;
	}
	journal_xx(writer, xx);
	buf_puts(b, "output/");
	buf_puts(b, xx);
	buf_putc(b, '/');
	buf_puts(b, writer);
	buf_puts(b, ".out");
}

static char *piece_path(const struct output_reader *r, const char *writer, const struct piece *p)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, r->rundir);
	buf_putc(&b, '/');
	output_put_place(&b, writer, p);
	return buf_take(&b);
}

/* The file as it is now, at least `need` bytes of it where it has so many. Takes path. */
static struct mapped *reader_map(struct output_reader *r, char *take_path, uint64_t need,
				 struct err *e)
{
	struct mapped *m = &r->files[0];
	struct err why = ERR_INIT;

	for (size_t i = 0; i < READER_FILES; i++) {
		struct mapped *other = &r->files[i];

		if (other->path && strcmp(other->path, take_path) == 0) {
			m = other;
			break;
		}
		if (m->path && (!other->path || other->used < m->used)) {
			m = other;
		}
	}
	m->used = ++r->clock;
	if (m->path && strcmp(m->path, take_path) == 0 && m->view.len >= need) {
		free(take_path);
		return m;
	}
	mapped_free(m);
	if (file_view(take_path, &m->view, &why) < 0) {
		if (errno == ENOENT) {
			err_bad(e, "kept output '%s' is missing", take_path);
		} else if (e && !err_is(e)) {
			*e = why;
			e->kind = ERR_SYSTEM;
		}
		free(take_path);
		return NULL;
	}
	m->path = take_path;
	return m;
}

int output_get(struct output_reader *r, const char *writer, const struct piece *p, bool check,
	       const char **data, size_t *len, struct err *e)
{
	uint8_t hash[SHA256_SIZE];
	char hex[SHA256_HEX];
	struct mapped *m;

	*data = "";
	*len = 0;
	if (!p->there || p->len == 0) {
		return 0;
	}
	if (p->text) { /* its record's checksum was right */
		*data = p->text;
		*len = (size_t)p->len;
		return 0;
	}
	if (p->file && !file_is_below(p->file, p->file_len)) {
		return err_bad(e, "output of '%s' is damaged: it names the file '%.*s'", writer,
			       (int)p->file_len, p->file);
	}
	if (p->offset > UINT64_MAX - p->len) {
		return err_bad(e, "output of '%s' is damaged: it lies nowhere", writer);
	}
	m = reader_map(r, piece_path(r, writer, p), p->offset + p->len, e);
	if (!m) {
		return err_wrap(e, "output of '%s'", writer);
	}
	if (m->view.len < p->offset + p->len) {
		return err_bad(e, "output of '%s' is damaged: '%s' ends before it does", writer,
			       m->path);
	}
	*data = m->view.data + p->offset;
	*len = (size_t)p->len;
	if (check) {
		sha256_of(*data, *len, hash);
		hex_put(hex, hash, SHA256_SIZE);
		if (!p->sha256 || memcmp(hex, p->sha256, SHA256_HEX - 1) != 0) {
			return err_bad(e,
				       "output of '%s' is damaged: %llu bytes at %llu of '%s' "
				       "are not what was written",
				       writer, (unsigned long long)p->len,
				       (unsigned long long)p->offset, m->path);
		}
	}
	return 0;
}
