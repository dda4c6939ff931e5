/* SPDX-License-Identifier: MIT */
/*
 * Many CSV files of one structure into one. The files are mapped and walked once, in blocks: where
 * a block holds neither quotes nor CRs its lines are checked and copied as they are; else they are
 * read cell by cell and written anew.
 */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "collect/collect.h"
#include "collect/csv_fast.h"
#include "collect/writer.h"

#define BLOCK ((size_t)1 << 20)
#define FORGET \
	((size_t)16 << 20) /* mapped bytes that were read are given back in pieces of this size */

struct names {
	char **items;
	size_t n, cap;
};

struct merge {
	struct writer *w;
	char format;
	const char *first; /* the file whose header all must have */
	struct buf header_text;
	struct csv_cell *header;
	size_t columns;
	uint64_t files;
};

/* ---- names ---- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_add(struct names *l, const char *name)
{
	ARRAY_ROOM(l->items, l->n, l->cap);
	l->items[l->n++] = mem_dup(name);
}

static void names_free(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i]);
	free(l->items);
}

/* A name that exists stands for itself, whatever is in it; else it is a pattern. */
static int names_expand(struct names *l, const char *pattern, struct err *e)
{
	glob_t found;
	int rc;

	if (file_exists(pattern) || !strpbrk(pattern, "*?[")) {
		names_add(l, pattern);
		return 0;
	}
	rc = glob(pattern, GLOB_NOSORT, NULL, &found);
	if (rc == GLOB_NOMATCH)
		return err_bad(e, "no file matches '%s'", pattern);
	if (rc != 0)
		return err_fail(e, "cannot look for '%s'", pattern);
	for (size_t i = 0; i < found.gl_pathc; i++)
		names_add(l, found.gl_pathv[i]);
	globfree(&found);
	return 0;
}

static bool is_same_file(const struct stat *a, const char *path)
{
	struct stat b;

	return stat(path, &b) == 0 && a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

/* Each name once, in the order of bytes; not the file that is being written. */
static int names_settle(struct names *l, const char *to, struct err *e)
{
	struct stat st;
	const bool there =
		strcmp(to, "-") == 0 ? fstat(STDOUT_FILENO, &st) == 0 : stat(to, &st) == 0;
	const bool is_file = there && S_ISREG(st.st_mode);
	size_t kept = 0;

	if (l->n)
		qsort(l->items, l->n, sizeof *l->items, compare_names);
	for (size_t i = 0; i < l->n; i++) {
		if ((kept && strcmp(l->items[kept - 1], l->items[i]) == 0) ||
		    (is_file && is_same_file(&st, l->items[i])))
			free(l->items[i]);
		else
			l->items[kept++] = l->items[i];
	}
	l->n = kept;
	return kept ? 0
		    : err_bad(e,
			      "no CSV files are given: name them, or a pattern in quotes: 'data/*.csv'");
}

/* ---- headers ---- */

static int shown_error(struct err *e, const char *fmt, size_t line, const struct csv_cell *cell)
{
	struct buf b = BUF_INIT;

	text_put_shown(&b, cell->text, cell->len, 80);
	err_bad(e, "line %zu: column '%s' %s", line, b.data, fmt);
	buf_free(&b);
	return -1;
}

static bool same_cell(const struct csv_cell *a, const struct csv_cell *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/* Names the columns of the table by the first file's header. */
static int header_take(struct merge *m, const char *name, const struct csv *c, struct err *e)
{
	size_t at = 0;

	m->first = name;
	m->columns = c->n;
	m->header = mem_array(c->n, sizeof *m->header);
	for (size_t i = 0; i < c->n; i++) {
		for (size_t k = 0; k < i; k++)
			if (same_cell(&c->cells[i], &c->cells[k]))
				return shown_error(e, "stands twice in the header", c->line,
						   &c->cells[i]);
		buf_add(&m->header_text, c->cells[i].text, c->cells[i].len);
		m->header[i].len = c->cells[i].len;
	}
	for (size_t i = 0; i < c->n; at += m->header[i++].len) {
		m->header[i].text = buf_str(&m->header_text) + at;
		writer_column(m->w, m->header[i].text, m->header[i].len);
	}
	return 0;
}

static int header_check(const struct merge *m, const struct csv *c, struct err *e)
{
	struct buf b = BUF_INIT;

	if (c->n != m->columns)
		return err_bad(e, "line %zu: %zu column%s, in '%s' there %s %zu", c->line, c->n,
			       c->n == 1 ? "" : "s", m->first, m->columns == 1 ? "is" : "are",
			       m->columns);
	for (size_t i = 0; i < c->n; i++) {
		if (same_cell(&c->cells[i], &m->header[i]))
			continue;
		buf_printf(&b, "line %zu: column %zu is '", c->line, i + 1);
		text_put_shown(&b, c->cells[i].text, c->cells[i].len, 80);
		buf_printf(&b, "', in '%s' it is '", m->first);
		text_put_shown(&b, m->header[i].text, m->header[i].len, 80);
		err_bad(e, "%s'", b.data);
		buf_free(&b);
		return -1;
	}
	return 0;
}

/* ---- rows ---- */

static int ragged(const struct merge *m, size_t line, size_t cells, struct err *e)
{
	return err_bad(e, "line %zu: %zu cell%s where the header has %zu", line, cells,
		       cells == 1 ? "" : "s", m->columns);
}

static int write_row(struct merge *m, const struct csv *c, struct err *e)
{
	const bool json = m->format == 'l' || m->format == 'j';

	if (c->n != m->columns)
		return ragged(m, c->line, c->n, e);
	for (size_t i = 0; i < c->n; i++) {
		const struct csv_cell *x = &c->cells[i];
		enum json_type type = JSON_STRING;

		if (json && text_is_number(x->text, x->len))
			type = JSON_NUMBER;
		else if (json && x->len == 0 && !x->quoted)
			type = JSON_NULL;
		writer_cell(m->w, type, x->text, x->len);
	}
	return writer_row(m->w, e);
}

/* Lines that need no reading: checked, and copied in runs. */
static int copy_block(struct merge *m, struct csv *c, const char *end, struct err *e)
{
	struct csv_lines l = {
		.p = c->p, .end = end, .sep = c->sep, .columns = m->columns, .line = c->next_line
	};
	const char *run;
	uint64_t rows;
	size_t n;

	while (csv_lines_take(&l, &run, &n, &rows)) {
		if (writer_copy(m->w, run, n, rows, e) < 0)
			return -1;
		if (run[n - 1] != '\n' && writer_copy(m->w, "\n", 1, 0, e) < 0)
			return -1;
	}
	if (l.cells)
		return ragged(m, (size_t)l.line, l.cells, e);
	c->p = end;
	c->next_line = (size_t)l.line;
	return 0;
}

static int read_block(struct merge *m, struct csv *c, const char *end, struct err *e)
{
	int rc = 1;

	while (rc == 1 && c->p < end)
		if ((rc = csv_next(c, e)) == 1 && write_row(m, c, e) < 0)
			rc = -1;
	return rc < 0 ? -1 : 0;
}

/* The end of the line in which the block's last byte lies. */
static const char *block_end(const struct csv *c)
{
	const char *newline;

	if ((size_t)(c->end - c->p) <= BLOCK)
		return c->end;
	newline = memchr(c->p + BLOCK - 1, '\n', (size_t)(c->end - c->p) - BLOCK + 1);
	return newline ? newline + 1 : c->end;
}

/* Pages behind us will not be read again. */
static void forget(const struct file_view *v, const char *p, size_t *forgotten)
{
	const size_t done = (size_t)(p - v->data) / FORGET * FORGET;

	if (!v->mapped || done <= *forgotten)
		return;
	madvise((void *)(uintptr_t)(v->data + *forgotten), done - *forgotten, MADV_DONTNEED);
	*forgotten = done;
}

static int merge_rows(struct merge *m, struct csv *c, const struct file_view *v, struct err *e)
{
	const bool as_it_is =
		(m->format == 'c' && c->sep == ',') || (m->format == 't' && c->sep == '\t');
	size_t forgotten = 0;

	while (c->p < c->end) {
		const char *end = block_end(c);
		const bool plain = as_it_is && csv_lines_plain(c->p, (size_t)(end - c->p));

		if ((plain ? copy_block(m, c, end, e) : read_block(m, c, end, e)) < 0)
			return -1;
		forget(v, c->p, &forgotten);
	}
	return 0;
}

static bool is_tsv(const char *name)
{
	const char *dot = strrchr(path_name(name), '.');

	return dot && (strcasecmp(dot, ".tsv") == 0 || strcasecmp(dot, ".tab") == 0);
}

static int merge_file(struct merge *m, const char *name, struct err *e)
{
	struct file_view v;
	struct err why = ERR_INIT, torn = ERR_INIT;
	struct csv c;
	int rc;

	if (file_view(name, &v, e) < 0)
		return -1;
	csv_open(&c, v.data, v.len, is_tsv(name) ? '\t' : ',');
	rc = csv_next(&c, &why);
	if (rc == 0)
		rc = err_bad(&why, "no header line: the file is empty");
	else if (rc == 1)
		rc = m->header ? header_check(m, &c, &why) : header_take(m, name, &c, &why);
	if (rc == 0)
		rc = merge_rows(m, &c, &v, &why);
	if (file_view_check(&v, name, &torn) < 0) {
		why = torn;
		rc = -1;
	}
	if (rc < 0 && why.kind == ERR_SYSTEM)
		err_fail(e, "%s", why.text);
	else if (rc < 0)
		err_bad(e, "%s: %s", name, why.text);
	csv_close(&c);
	file_view_free(&v);
	m->files++;
	return rc;
}

static int merge_all(struct merge *m, const struct names *l, const char *to, struct err *e)
{
	m->w = writer_open(to, m->format, e);
	if (!m->w)
		return -1;
	for (size_t i = 0; i < l->n; i++)
		if (merge_file(m, l->items[i], e) < 0)
			return -1;
	return writer_finish(m->w, e) < 0 ? -1 : writer_publish(m->w, e);
}

int collect_csv(const char *const *patterns, size_t n, const char *to, char format, uint64_t *files,
		uint64_t *rows, char sha256[65], struct err *e)
{
	struct names l = { NULL, 0, 0 };
	struct merge m = { .w = NULL };
	int rc = writer_format_of(to, format, &m.format, e);

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = names_expand(&l, patterns[i], e);
	if (rc == 0)
		rc = names_settle(&l, to, e);
	if (rc == 0)
		rc = merge_all(&m, &l, to, e);
	if (rc == 0) {
		*files = m.files;
		*rows = writer_rows(m.w);
		memcpy(sha256, writer_sha256(m.w), 65);
	}
	writer_free(m.w);
	names_free(&l);
	buf_free(&m.header_text);
	free(m.header);
	return rc;
}
