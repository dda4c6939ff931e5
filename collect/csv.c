/* SPDX-License-Identifier: MIT */
/*
 * Many CSV files of one structure into one. The files are walked once, in pieces that are read
 * ahead: lines that hold neither quotes nor CRs are checked and copied as they are; others are read
 * cell by cell and written anew.
 */
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ahead.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "collect/collect.h"
#include "collect/csv_fast.h"
#include "collect/csv_text.h"
#include "collect/writer.h"

#define READERS 2 /* threads: one merges, the other reads ahead */
/* Files that are read ahead together: a thread that waits for another costs more than a small file.
 */
#define FILES_A_JOB 8

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

	if (!strpbrk(pattern, "*?[") || file_exists(pattern)) {
		names_add(l, pattern);
		return 0;
	}
	rc = glob(pattern, GLOB_NOSORT, NULL, &found);
	if (rc == GLOB_NOMATCH)
		return err_bad(e, "no file matches '%s'", pattern);
	if (rc != 0) /* no test: without GLOB_ERR it is only a lack of memory */
		return err_fail(e, "cannot look for '%s'", pattern);
	for (size_t i = 0; i < found.gl_pathc; i++)
		names_add(l, found.gl_pathv[i]);
	globfree(&found);
	return 0;
}

/* Each name once, in the order of bytes. */
static void names_settle(struct names *l)
{
	size_t kept = 0;

	if (l->n)
		qsort(l->items, l->n, sizeof *l->items, compare_names);
	for (size_t i = 0; i < l->n; i++) {
		if (kept && strcmp(l->items[kept - 1], l->items[i]) == 0)
			free(l->items[i]);
		else
			l->items[kept++] = l->items[i];
	}
	l->n = kept;
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

/*
 * Lines up to `end` that need no reading: checked, and copied in runs. c->p is then there, or at a
 * line that is to be read.
 */
static int copy_lines(struct merge *m, struct csv *c, struct csv_text *t, const char *end,
		      struct err *e)
{
	struct csv_lines l = {
		.p = c->p, .end = end, .sep = c->sep, .columns = m->columns, .line = c->next_line
	};
	const char *run;
	uint64_t rows;
	size_t n;

	do {
		while (csv_lines_take(&l, &run, &n, &rows)) {
			if (writer_copy(m->w, run, n, rows, e) < 0)
				return -1;
			if (run[n - 1] != '\n' && writer_copy(m->w, "\n", 1, 0, e) < 0)
				return -1;
		}
		c->p = l.p;
		if (l.odd && l.odd[0] == '\r' && l.odd + 1 < end && l.odd[1] == '\n')
			l.p = csv_lines_drop_crs(t->data + (l.p - t->data), l.odd, end);
	} while (l.p != c->p);
	c->next_line = (size_t)l.line;
	return l.cells ? ragged(m, (size_t)l.line, l.cells, e) : 0;
}

/* Reads a row: 1, 0 when there is none, -1; 2 when it cannot be told before more of the text is
 * there.
 */
static int next_row(struct csv *c, bool whole, struct err *e)
{
	const char *const from = c->p;
	const size_t line = c->next_line;
	struct err why = ERR_INIT;
	const int rc = csv_next(c, &why);

	if (!whole && c->p == c->end) {
		c->p = from;
		c->next_line = line;
		return 2;
	}
	return rc < 0 ? err_bad(e, "%s", why.text) : rc;
}

/* Reads and writes one row, or `all` that there are: 1, 0 when the text is used up, 2 as next_row,
 * -1. */
static int read_rows(struct merge *m, struct csv *c, bool whole, bool all, struct err *e)
{
	int rc;

	do {
		rc = next_row(c, whole, e);
		if (rc == 1 && write_row(m, c, e) < 0)
			return -1;
	} while (rc == 1 && all);
	return rc;
}

/* Reads on behind what c has used. */
static int read_on(struct csv *c, struct csv_text *t, struct err *e)
{
	if (csv_text_more(t, (size_t)(c->p - t->data), e) < 0)
		return e->kind == ERR_SYSTEM ? -1 : err_wrap(e, "line %zu", c->next_line);
	c->p = t->data;
	c->end = t->data + t->len;
	return 0;
}

/* Where the last whole line in the text ends. */
static const char *lines_end(const struct csv *c, bool whole)
{
	const char *newline =
		whole || c->p == c->end ? NULL : memrchr(c->p, '\n', (size_t)(c->end - c->p));

	return whole ? c->end : newline ? newline + 1 : c->p;
}

static int merge_rows(struct merge *m, struct csv *c, struct csv_text *t, struct err *e)
{
	const bool as_it_is =
		(m->format == 'c' && c->sep == ',') || (m->format == 't' && c->sep == '\t');
	int rc;

	for (;;) {
		const char *end = as_it_is ? lines_end(c, t->whole) : c->end;

		rc = as_it_is ? copy_lines(m, c, t, end, e) : 0;
		if (rc == 0 && (c->p < end || !as_it_is))
			rc = read_rows(m, c, t->whole, !as_it_is, e);
		if (rc < 0 || (rc != 1 && t->whole))
			return rc;
		if (rc != 1 && read_on(c, t, e) < 0)
			return -1;
	}
}

static bool is_tsv(const char *name)
{
	const char *dot = strrchr(path_name(name), '.');

	return dot && (strcasecmp(dot, ".tsv") == 0 || strcasecmp(dot, ".tab") == 0);
}

/* The first row: 1, 0 when there is none, -1. */
static int read_header(struct csv *c, struct csv_text *t, struct err *e)
{
	const char sep = is_tsv(t->name) ? '\t' : ',';
	int rc;

	for (;;) {
		csv_open(c, t->data, t->len, sep);
		rc = next_row(c, t->whole, e);
		if (rc != 2)
			return rc;
		csv_close(c);
		if (csv_text_more(t, 0, e) < 0)
			return -1;
	}
}

static int merge_file(struct merge *m, struct csv_text *t, struct err *e)
{
	struct err why = ERR_INIT;
	struct csv c = { .p = NULL };
	int rc = csv_text_begin(t, e);

	if (rc < 0)
		return -1;
	rc = read_header(&c, t, &why);
	if (rc == 0)
		rc = err_bad(&why, "no header line: the file is empty");
	else if (rc == 1)
		rc = m->header ? header_check(m, &c, &why) : header_take(m, t->name, &c, &why);
	if (rc == 0)
		rc = merge_rows(m, &c, t, &why);
	if (t->whole && csv_text_end(t, e) < 0)
		rc = -1; /* whatever else is wrong with it */
	else if (rc < 0 && why.kind == ERR_SYSTEM)
		err_fail(e, "%s", why.text);
	else if (rc < 0)
		err_bad(e, "%s: %s", t->name, why.text);
	csv_close(&c);
	m->files++;
	return rc;
}

/* ---- all files ---- */

struct files {
	struct merge *m;
	const struct names *names;
	const struct stat *not_this; /* what is written is not read, too; NULL: nothing to mind */
	struct err *e;
};

static void *slot_new(void *arg)
{
	struct csv_text **slot = mem_array(FILES_A_JOB, sizeof *slot);

	(void)arg;
	for (size_t i = 0; i < FILES_A_JOB; i++)
		slot[i] = csv_text_new();
	return slot;
}

static void slot_free(void *slot)
{
	struct csv_text **texts = slot;

	for (size_t i = 0; i < FILES_A_JOB; i++)
		csv_text_free(texts[i]);
	free(texts);
}

static size_t job_files(const struct files *f, uint64_t job)
{
	const size_t left = f->names->n - (size_t)job * FILES_A_JOB;

	return left < FILES_A_JOB ? left : FILES_A_JOB;
}

static void files_make(void *arg, uint64_t job, void *slot)
{
	const struct files *f = arg;
	struct csv_text **texts = slot;
	const size_t n = job_files(f, job);

	for (size_t i = 0; i < n; i++)
		csv_text_ahead(texts[i], f->names->items[job * FILES_A_JOB + i], f->not_this);
}

static int files_take(void *arg, uint64_t job, void *slot)
{
	const struct files *f = arg;
	struct csv_text **texts = slot;
	const size_t n = job_files(f, job);
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		if (rc == 0 && !texts[i]->passed)
			rc = merge_file(f->m, texts[i], f->e);
		csv_text_close(texts[i]);
	}
	return rc;
}

static int merge_all(struct merge *m, const struct names *l, const char *to, struct err *e)
{
	static const struct ahead ahead = { slot_new, slot_free, files_make, files_take };
	struct stat st;
	const bool there =
		strcmp(to, "-") == 0 ? fstat(STDOUT_FILENO, &st) == 0 : stat(to, &st) == 0;
	const uint64_t jobs = (l->n + FILES_A_JOB - 1) / FILES_A_JOB;
	struct files f = { m, l, there && S_ISREG(st.st_mode) ? &st : NULL, e };

	m->w = writer_open(to, m->format, e);
	if (!m->w || ahead_run(&ahead, &f, jobs, ahead_threads(READERS)) < 0)
		return -1;
	if (m->files == 0)
		return err_bad(
			e,
			"no CSV files are given: name them, or a pattern in quotes: 'data/*.csv'");
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
	names_settle(&l);
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
