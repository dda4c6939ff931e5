/* SPDX-License-Identifier: MIT */
/* Rows from CSV and TSV: the header names the columns. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/rows.h"

/* Blanks around a name or a number are not meant; in text they may be. */
static void trim_cell(const struct csv_cell *c, const char **from, size_t *n)
{
	const char *end = c->text + c->len;
	const char *p = c->text;

	while (p < end && *p == ' ')
		p++;
	while (end > p && end[-1] == ' ')
		end--;
	*from = p;
	*n = (size_t)(end - p);
}

/* The reader reuses its buffer, so the names are copied. */
static int take_header(struct rows *r, struct err *e)
{
	const char *from;
	size_t n, at = 0;

	buf_clear(&r->header_text);
	r->n_header = 0;
	for (size_t i = 0; i < r->csv.n; i++) {
		from = r->csv.cells[i].text;
		n = r->csv.cells[i].len;
		if (!r->csv.cells[i].quoted)
			trim_cell(&r->csv.cells[i], &from, &n);
		if (n > COLUMN_NAME_MAX)
			return err_bad(e, "line %zu: a column's name is longer than 4096 bytes",
				       r->line + r->csv.line);
		ARRAY_ROOM(r->header, r->n_header, r->cap_header);
		r->header[r->n_header++] = (struct cell){ .name_len = n };
		buf_add(&r->header_text, from, n);
	}
	row_maker_begin(&r->m);
	for (size_t i = 0; i < r->n_header; at += r->header[i++].name_len) {
		r->header[i].name = buf_str(&r->header_text) + at;
		row_maker_add(&r->m, r->header[i].name, r->header[i].name_len, JSON_NULL, "", 0);
	}
	return 0;
}

static int next_csv(struct rows *r, struct err *e)
{
	struct err inner = ERR_INIT;
	const int rc = csv_next(&r->csv, &inner);

	if (rc < 0)
		return rows_wrap(e, &inner, r->line + 1);
	if (rc == 0)
		return 0;
	if (r->csv.n != r->n_header)
		return err_bad(e, "line %zu: %zu cell%s where the header has %zu",
			       r->line + r->csv.line, r->csv.n, r->csv.n == 1 ? "" : "s",
			       r->n_header);
	row_maker_begin(&r->m);
	for (size_t i = 0; i < r->n_header; i++) {
		const struct csv_cell *c = &r->csv.cells[i];
		enum json_type type = JSON_STRING;
		const char *text = c->text, *number;
		size_t len = c->len, n;

		trim_cell(c, &number, &n);
		if (text_is_number(number, n)) {
			type = JSON_NUMBER;
			text = number;
			len = n;
		} else if (len == 0 && !c->quoted) {
			type = JSON_NULL;
		}
		row_maker_add(&r->m, r->header[i].name, r->header[i].name_len, type, text, len);
	}
	r->given++;
	return 1;
}

int rows_begin_csv(struct rows *r, struct err *e)
{
	struct err inner = ERR_INIT;
	struct buf shown = BUF_INIT;
	long twice;
	int rc;

	r->line = rows_line(r, r->p) - 1;
	csv_open(&r->csv, r->p, (size_t)(r->end - r->p), r->x->format == FORMAT_TSV ? '\t' : ',');
	r->csv_open = true;
	rc = csv_next(&r->csv, &inner);
	if (rc < 0)
		return rows_wrap(e, &inner, r->line + 1);
	if (rc == 0)
		return err_bad(e, "no header line: the text is empty");
	if (take_header(r, e) < 0)
		return -1;
	twice = row_maker_twice(&r->m);
	if (twice >= 0) {
		text_put_shown(&shown, r->header[twice].name, r->header[twice].name_len, 80);
		err_bad(e, "line %zu: column '%s' stands twice in the header",
			r->line + r->csv.line, shown.data);
		buf_free(&shown);
		return -1;
	}
	r->next = next_csv;
	return 0;
}
