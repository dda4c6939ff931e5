/* SPDX-License-Identifier: MIT */
/*
 * Results. The first line is the format and what belongs to it ("json", "last_line number NAME",
 * "regex PATTERN"); the rest is what a task printed. A row that was put into a record is the same
 * when it is read back, and one that is taken as it stands is just what would have been written.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/rows.h"
#include "tests/fuzz/fuzz.h"

static bool take_word(char **at, const char *word)
{
	const size_t n = strlen(word);

	if (strncmp(*at, word, n) != 0 || ((*at)[n] != ' ' && (*at)[n] != '\0'))
		return false;
	*at += n + ((*at)[n] == ' ');
	return true;
}

static bool read_format(char *line, struct extract *x, struct regex_entry *regex)
{
	static const struct {
		const char *name;
		enum format format;
	} formats[] = {
		{ "none", FORMAT_NONE },   { "json", FORMAT_JSON },   { "jsonl", FORMAT_JSONL },
		{ "csv", FORMAT_CSV },     { "tsv", FORMAT_TSV },     { "number", FORMAT_NUMBER },
		{ "text", FORMAT_TEXT },   { "regex", FORMAT_REGEX }, { "value", FORMAT_VALUE },
		{ "bytes", FORMAT_BYTES },
	};

	*x = (struct extract){ .last_line = take_word(&line, "last_line") };
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		if (!take_word(&line, formats[i].name))
			continue;
		x->format = formats[i].format;
		if (x->format == FORMAT_REGEX) {
			regex[0] = (struct regex_entry){ .column = "a", .pattern = line };
			regex[1] = (struct regex_entry){ .column = "b.c", .pattern = "(x)?y*" };
			x->regex = regex;
			x->n_regex = 2;
		} else if (*line) {
			x->column = line;
		}
		return true;
	}
	return false;
}

/* Cells whose text is UTF-8 come back as they were, but for numbers that JSON spells differently.
 */
static void same_row(const struct row *a, const struct row *b)
{
	MUST(a->n == b->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct cell *x = &a->cells[i], *y = &b->cells[i];

		MUST(x->type == y->type);
		must_equal(x->name, x->name_len, y->name, y->name_len, "name");
		if (x->type != JSON_NUMBER)
			must_equal(x->text, x->len, y->text, y->len, "cell");
		else
			MUST(text_number(x->text, x->len) == text_number(y->text, y->len));
	}
}

static bool is_utf8(const struct row *row)
{
	for (size_t i = 0; i < row->n; i++)
		if (!text_is_utf8(row->cells[i].text, row->cells[i].len) ||
		    !text_is_utf8(row->cells[i].name, row->cells[i].name_len))
			return false;
	return true;
}

static void try_record(const struct rows *r, struct rows *other, const struct row *row)
{
	struct buf b = BUF_INIT;
	const struct row *back;
	struct json v;

	row_put_json(row, &b);
	if (rows_verbatim(r, &v))
		must_equal(b.data, b.len, v.text, v.len, "verbatim row");
	MUST(json_parse(b.data, b.len, &v, NULL) == 0);
	MUST(row_from_json(other, v, &back, NULL) == 0);
	if (is_utf8(row))
		same_row(row, back);
	buf_free(&b);
}

void fuzz_rows(struct part in)
{
	struct extract x, none = { .format = FORMAT_NONE };
	struct regex_entry regex[2];
	struct err e = ERR_INIT;
	char *line = part_copy(part_line(&in));

	if (read_format(line, &x, regex)) {
		struct rows *r = rows_new(&x), *other = rows_new(&none);
		const struct row *row;
		uint64_t n = 0, again = 0;
		int rc = rows_begin(r, in.text, in.len, &e);

		while (rc == 0 && (rc = rows_next(r, &row, &e)) == 1) {
			try_record(r, other, row);
			n++;
			rc = 0;
		}
		MUST((rc < 0) == err_is(&e));
		/* a second walk with the same reader */
		rc = rows_begin(r, in.text, in.len, NULL);
		while (rc == 0 && rows_next(r, &row, NULL) == 1)
			again++;
		MUST(n == again);
		rows_free(r);
		rows_free(other);
	}
	free(line);
}
