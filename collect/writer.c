/* SPDX-License-Identifier: MIT */
/* Tables as CSV, TSV, JSON Lines and JSON. */
#include "collect/writer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"

#define WRITE_FROM ((size_t)256 << 10) /* bytes that are gathered before they are written */

struct key { /* what stands before a cell in JSON: {"task": or ,"T": */
	size_t at, len;
};

struct writer {
	char *path;
	char format;
	bool to_stdout;
	bool cut; /* nobody reads stdout any more */
	struct file_draft draft;
	struct buf out;
	struct sha256 *sha;
	char hex[SHA256_HEX];
	uint64_t rows;

	struct buf key_text;
	struct key *keys;
	size_t n, cap;   /* columns */
	size_t at;       /* the next cell's */
	size_t row_from; /* where the row begins in `out` */
	bool begun;      /* the header is written */
	bool part;       /* has no file: rows stay in `out` until they are joined */
};

struct writer *writer_open(const char *path, char format, struct err *e)
{
	struct writer *w = mem_alloc(sizeof *w);

	w->path = mem_dup(path);
	w->format = format;
	w->to_stdout = strcmp(path, "-") == 0;
	w->draft.fd = -1;
	w->sha = sha256_new();
	sha256_begin(w->sha);
	if (!w->to_stdout && file_draft_open(&w->draft, path, e) < 0) {
		w->draft = (struct file_draft){ .fd = -1 };
		writer_free(w);
		return NULL;
	}
	buf_room(&w->out, WRITE_FROM + WRITE_FROM / 4);
	return w;
}

void writer_free(struct writer *w)
{
	if (!w)
		return;
	if (!w->to_stdout && !w->part)
		file_draft_drop(&w->draft);
	sha256_free(w->sha);
	free(w->path);
	free(w->keys);
	buf_free(&w->key_text);
	buf_free(&w->out);
	free(w);
}

/* ---- bytes ---- */

static int put_bytes(struct writer *w, const void *p, size_t n, struct err *e)
{
	struct err why = ERR_INIT;
	int rc;

	sha256_add(w->sha, p, n);
	if (w->cut)
		return 0;
	errno = 0;
	rc = file_write_fd(w->to_stdout ? STDOUT_FILENO : w->draft.fd, p, n,
			   w->to_stdout ? "standard output" : w->path, &why);
	if (rc < 0 && w->to_stdout && errno == EPIPE) {
		w->cut = true; /* as with `| head`: what was wanted was read */
		return 0;
	}
	return rc < 0 ? err_fail(e, "%s", why.text) : 0;
}

static int flush(struct writer *w, struct err *e)
{
	const int rc = w->out.len ? put_bytes(w, w->out.data, w->out.len, e) : 0;

	buf_clear(&w->out);
	return rc;
}

/* ---- columns ---- */

static bool is_json(const struct writer *w)
{
	return w->format == 'l' || w->format == 'j';
}

static char separator(const struct writer *w)
{
	return w->format == 't' ? '\t' : ',';
}

void writer_column(struct writer *w, const char *name, size_t len)
{
	const size_t from = w->key_text.len;

	ARRAY_ROOM(w->keys, w->n, w->cap);
	if (is_json(w)) {
		buf_putc(&w->key_text, w->n ? ',' : '{');
		json_put(&w->key_text, name, len);
		buf_putc(&w->key_text, ':');
	} else {
		if (w->n)
			buf_putc(&w->key_text, separator(w));
		csv_put(&w->key_text, separator(w), name, len);
	}
	w->keys[w->n++] = (struct key){ from, w->key_text.len - from };
}

/* What stands before the first row. */
static void begin(struct writer *w)
{
	w->begun = true;
	if (w->format == 'j') {
		buf_putc(&w->out, '[');
	} else if (w->format != 'l') {
		buf_add(&w->out, w->key_text.data, w->key_text.len);
		if (w->n == 1 && w->key_text.len == 0)
			buf_puts(&w->out, "\"\"");
		buf_putc(&w->out, '\n');
	}
	w->row_from = w->out.len;
}

/* ---- cells ---- */

static void before_cell(struct writer *w)
{
	if (!w->begun)
		begin(w);
	if (w->at == 0 && w->format == 'j')
		buf_puts(&w->out, w->rows ? ",\n" : "\n");
	if (w->at == 0)
		w->row_from = w->out.len;
	if (is_json(w))
		buf_add(&w->out, w->key_text.data + w->keys[w->at].at, w->keys[w->at].len);
	else if (w->at)
		buf_putc(&w->out, separator(w));
	w->at++;
}

static void put_json(struct writer *w, enum json_type type, const char *text, size_t len)
{
	switch (type) {
	case JSON_NONE:
	case JSON_NULL:
		buf_puts(&w->out, "null");
		return;
	case JSON_STRING:
		json_put(&w->out, text, len);
		return;
	case JSON_NUMBER:
		value_put_json(&w->out, &(struct value){ VALUE_NUMBER, text, len });
		return;
	case JSON_BOOL:
	case JSON_ARRAY:
	case JSON_OBJECT:
		buf_add(&w->out, text, len);
		return;
	}
}

void writer_cell(struct writer *w, enum json_type type, const char *text, size_t len)
{
	before_cell(w);
	if (is_json(w))
		put_json(w, type, text, len);
	else if (type == JSON_NUMBER || type == JSON_BOOL)
		buf_add(&w->out, text, len);
	else if (len)
		csv_put(&w->out, separator(w), text, len);
}

void writer_value(struct writer *w, const struct value *v)
{
	before_cell(w);
	if (is_json(w))
		value_put_json(&w->out, v);
	else if (v->type == VALUE_NUMBER)
		buf_add(&w->out, v->text, v->len);
	else
		csv_put(&w->out, separator(w), v->text, v->len);
}

int writer_row(struct writer *w, struct err *e)
{
	w->rows++;
	w->at = 0;
	if (w->format != 'j') {
		if (is_json(w))
			buf_putc(&w->out, '}');
		else if (w->out.len ==
			 w->row_from) /* a lone empty cell: a blank line would be passed over */
			buf_puts(&w->out, "\"\"");
		buf_putc(&w->out, '\n');
	} else {
		buf_putc(&w->out, '}');
	}
	return w->out.len >= WRITE_FROM && !w->part ? flush(w, e) : 0;
}

int writer_copy(struct writer *w, const char *p, size_t n, uint64_t rows, struct err *e)
{
	if (!w->begun)
		begin(w);
	w->rows += rows;
	if (w->out.len + n < WRITE_FROM) {
		buf_add(&w->out, p, n);
		return 0;
	}
	return flush(w, e) < 0 ? -1 : put_bytes(w, p, n, e);
}

/* ---- parts ---- */

struct writer *writer_part(const struct writer *w)
{
	struct writer *part = mem_alloc(sizeof *part);

	part->format = w->format;
	part->part = part->begun = true;
	part->draft.fd = -1;
	buf_add(&part->key_text, w->key_text.data, w->key_text.len);
	part->n = part->cap = w->n;
	part->keys = mem_array(w->n, sizeof *part->keys);
	memcpy(part->keys, w->keys, w->n * sizeof *w->keys);
	return part;
}

size_t writer_part_size(const struct writer *part)
{
	return part->out.len;
}

void writer_part_clear(struct writer *part)
{
	buf_clear(&part->out);
	part->rows = 0;
	part->at = 0;
}

int writer_join(struct writer *w, struct writer *part, struct err *e)
{
	int rc;

	if (part->rows == 0)
		return 0;
	if (w->format == 'j' && w->rows)
		buf_putc(&w->out, ',');
	rc = writer_copy(w, part->out.data, part->out.len, part->rows, e);
	writer_part_clear(part);
	return rc;
}

/* ---- the end ---- */

int writer_finish(struct writer *w, struct err *e)
{
	uint8_t digest[SHA256_SIZE];

	if (!w->begun)
		begin(w);
	if (w->format == 'j')
		buf_puts(&w->out, w->rows ? "\n]\n" : "]\n");
	if (flush(w, e) < 0)
		return -1;
	sha256_end(w->sha, digest);
	hex_put(w->hex, digest, sizeof digest);
	/* Synced before any table gets its name, so that a full disk is noticed in time. */
	if (w->draft.temporary && file_sync_fd(w->draft.fd) < 0)
		return err_errno(e, "cannot sync '%s'", w->path);
	return 0;
}

uint64_t writer_rows(const struct writer *w)
{
	return w->rows;
}

const char *writer_sha256(const struct writer *w)
{
	return w->hex;
}

const char *writer_path(const struct writer *w)
{
	return w->path;
}

int writer_publish(struct writer *w, struct err *e)
{
	return w->to_stdout ? 0 : file_draft_publish(&w->draft, true, e);
}

/* ---- formats ---- */

char writer_format(const char *path)
{
	static const struct {
		const char *ending;
		char format;
	} known[] = {
		{ "csv", 'c' }, { "tsv", 't' }, { "jsonl", 'l' }, { "ndjson", 'l' }, { "json", 'j' }
	};
	const char *dot = strrchr(path_name(path), '.');

	for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++)
		if (strcasecmp(dot + 1, known[i].ending) == 0)
			return known[i].format;
	return 0;
}

int writer_format_of(const char *path, char given, char *format, struct err *e)
{
	*format = given ? given : writer_format(path);
	if (!*format && (strcmp(path, "-") == 0 || !strchr(path_name(path), '.')))
		*format = 'c';
	if (*format)
		return 0;
	return err_bad(
		e,
		"no format is known for the ending of '%s': end it in .csv, .tsv, .jsonl or .json, "
		"or give --format",
		path);
}
