/* SPDX-License-Identifier: MIT */
/* Axes from the spec: the forms of a grid's value, lists, lines of a file, and zip groups. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "gen/axis.h"

static int no_values(struct axis_reader *r, const struct node *n, const char *name)
{
	return COMPLAIN(r, n, "'%s' has no values: no task would run", name);
}

/* A list, or one value. */
static int read_list(struct axis_reader *r, const struct node *key, const struct node *n,
		     struct axis *out)
{
	bool many = n->kind == NODE_SEQ;
	struct value *rows;
	int rc = 0;

	out->n = many ? n->n : 1;
	out->node = n;
	if (!out->n)
		return no_values(r, n, key->text);
	rows = arena_alloc(r->a, out->n * sizeof *rows);
	for (uint64_t i = 0; i < out->n; i++)
		if (axis_value(r, many ? n->items[i] : n, &rows[i]))
			rc = -1;
	out->rows = rows;
	return rc;
}

static int read_values(struct axis_reader *r, const struct node *key, const struct node *n,
		       struct axis *out)
{
	static const char *const keys[] = { "values", "was" };
	const struct node *list = node_get(n, "values");
	int rc = axis_keys(r, n, keys, sizeof keys / sizeof *keys, key->text);

	axis_set_names(r, out, &key->text, 1);
	if (list->kind != NODE_SEQ)
		return COMPLAIN(r, list, "'values' must be a list, not %s", node_kind_name(list));
	if (axis_read_was(r, node_get(n, "was"), out->was))
		rc = -1;
	return read_list(r, key, list, out) || rc ? -1 : 0;
}

typedef int form_fn(struct axis_reader *r, const struct node *key, const struct node *n,
		    struct axis *out);

static int read_form(struct axis_reader *r, const struct node *key, const struct node *n,
		     struct axis *out)
{
	static const struct {
		const char *key;
		form_fn *read;
	} forms[] = {
		{ "values", read_values },    { "glob", axis_read_glob },
		{ "lines", axis_read_lines }, { "from", axis_read_numbers },
		{ "to", axis_read_numbers },  { "step", axis_read_numbers },
		{ "num", axis_read_numbers },
	};
	static const char *const known[] = {
		"values", "glob", "lines", "from", "to", "step", "num"
	};
	const char *near = NULL;

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (node_get(n, forms[i].key))
			return forms[i].read(r, key, n, out);
	if (axis_habits(r, key, n))
		return -1;
	for (size_t i = 0; i < n->n && !near; i++)
		near = text_nearest(n->keys[i]->text, known, sizeof known / sizeof *known);
	if (near)
		return COMPLAIN(r, n, "'%s' is a mapping of no known form (did you mean '%s'?)",
				key->text, near);
	return COMPLAIN(
		r, n,
		"'%s' is a mapping of no known form: there are {values: [..]}, {from, to, step}, "
		"{from, to, num}, {glob: ..} and {lines: ..}",
		key->text);
}

int axis_read(struct axis_reader *r, const struct node *key, const struct node *n, struct axis *out)
{
	*out = (struct axis){ .node = n };
	if (axis_claim(r, key->text, key))
		return -1;
	if (n->kind == NODE_MAP)
		return read_form(r, key, n, out);
	if (n->kind == NODE_SCALAR && !n->quoted && strpbrk(n->text, ",("))
		diag_warn(
			r->d, n->origin, n->line, n->col,
			"'%s' is one value, this text: several are written as a list, [..] (one text is put in quotes)",
			key->text);
	axis_set_names(r, out, &key->text, 1);
	return read_list(r, key, n, out);
}

/* The words of a line, set off by blanks, as a list. */
static struct value split_line(struct axis_reader *r, const char *s, size_t n)
{
	struct buf b = BUF_INIT;
	struct value v = { VALUE_LIST, NULL, 0 };
	size_t i = 0;

	while (i < n) {
		size_t from = i;

		while (i < n && s[i] != ' ' && s[i] != '\t')
			i++;
		if (i > from)
			value_list_add(&b, &(struct value){ value_type_of(s + from, i - from),
							    s + from, i - from });
		else
			i++;
	}
	value_list_end(&b);
	v.text = arena_dupn(r->a, b.data, b.len);
	v.len = b.len;
	buf_free(&b);
	return v;
}

struct lines {
	const struct node *at;
	const char *file;
	bool split;
	struct value *rows;
	uint32_t *numbers;
	size_t n, cap, cap_numbers;
};

static int add_line(struct axis_reader *r, struct lines *l, uint64_t number, const char *s,
		    size_t n)
{
	char text[24];
	struct buf b = BUF_INIT;

	if (n && s[n - 1] == '\r')
		n--;
	if (!n)
		return 0;
	if (memchr(s, '\0', n) || !text_is_utf8(s, n))
		return COMPLAIN(r, l->at, "'%s' line %" PRIu64 ": not UTF-8 text", l->file, number);
	if (l->n == AXIS_ROWS_MAX)
		return COMPLAIN(r, l->at, "'%s' has more than %" PRIu64 " lines", l->file,
				AXIS_ROWS_MAX);
	buf_put_u64(&b, number);
	memcpy(text, b.data, b.len + 1);
	if (2 * l->n + 2 > l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->rows = mem_resize(l->rows, l->cap, sizeof *l->rows);
	}
	ARRAY_ROOM(l->numbers, l->n, l->cap_numbers);
	l->rows[2 * l->n] = l->split ? split_line(r, s, n) : axis_cell(r, s, n);
	l->rows[2 * l->n + 1] = axis_cell(r, text, b.len);
	l->numbers[l->n++] = (uint32_t)number;
	buf_free(&b);
	return 0;
}

static int all_lines(struct axis_reader *r, struct lines *l, const char *text, size_t len)
{
	const char *p = text, *end = text + len;

	if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	for (uint64_t number = 1; p < end; number++) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));

		if (!stop)
			stop = end;
		if (number > UINT32_MAX || add_line(r, l, number, p, (size_t)(stop - p)))
			return -1;
		p = stop + 1;
	}
	return 0;
}

/* Each line that is not empty is a value; beside it stands the parameter `line`, its number from 1.
 */
int axis_read_lines(struct axis_reader *r, const struct node *key, const struct node *n,
		    struct axis *out)
{
	static const char *const keys[] = { "lines", "split", "was" };
	const char *const names[] = { key->text, "line" };
	struct lines l = { .at = node_get(n, "lines") };
	struct file_view v = { 0 };
	char *path = NULL;
	int rc = axis_keys(r, n, keys, sizeof keys / sizeof *keys, key->text);

	l.file = axis_text(r, l.at, "lines");
	axis_set_names(r, out, names, 2);
	if (!l.file || axis_claim(r, "line", l.at) ||
	    axis_read_was(r, node_get(n, "was"), out->was) ||
	    axis_bool(r, node_get(n, "split"), "split", &l.split) || rc)
		return -1;
	path = axis_path(r, l.file);
	rc = axis_view(r, l.at, path, l.file, &v);
	if (rc)
		goto out;
	rc = all_lines(r, &l, v.data, v.len);
	if (axis_view_end(r, l.at, path, l.file, &v))
		rc = -1;
	if (!rc && !l.n)
		rc = COMPLAIN(r, l.at, "'%s' has no lines: no task would run", l.file);
	if (rc)
		goto out;
	out->n = l.n;
	out->rows = memcpy(arena_alloc(r->a, 2 * l.n * sizeof *l.rows), l.rows,
			   2 * l.n * sizeof *l.rows);
	out->lines = memcpy(arena_alloc(r->a, l.n * sizeof *l.numbers), l.numbers,
			    l.n * sizeof *l.numbers);
	out->file = l.file;
out:
	free(l.rows);
	free(l.numbers);
	free(path);
	return rc;
}

/* Puts the columns of `part` behind the `at` columns that are in `out`. */
static void join_columns(struct axis *out, struct value *rows, const struct axis *part, size_t at)
{
	for (size_t k = 0; k < part->n_names; k++) {
		out->names[at + k] = part->names[k];
		out->was[at + k] = part->was[k];
		for (uint64_t i = 0; i < part->n; i++)
			rows[i * out->n_names + at + k] = part->rows[i * part->n_names + k];
	}
}

static int read_columns(struct axis_reader *r, const struct node *group, struct axis *parts,
			size_t *n_names)
{
	int rc = 0;

	*n_names = 0;
	for (size_t i = 0; i < group->n; i++) {
		const struct node *key = group->keys[i];

		if (axis_read(r, key, group->items[i], &parts[i])) {
			rc = -1;
			continue;
		}
		if (parts[i].is_range && parts[i].n > r->rows_most) {
			rc = COMPLAIN(r, key,
				      "'%s' has %" PRIu64
				      " values, and a zip group at most %" PRIu64,
				      key->text, parts[i].n, r->rows_most);
			continue;
		}
		axis_to_rows(r, &parts[i]);
		*n_names += parts[i].n_names;
		if (!rc && parts[i].n != parts[0].n)
			rc = COMPLAIN(r, group->items[i],
				      "'%s' has %" PRIu64 " values and '%s' has %" PRIu64
				      ": a zip group walks together",
				      group->keys[0]->text, parts[0].n, key->text, parts[i].n);
	}
	return rc;
}

int axis_read_zip(struct axis_reader *r, const struct node *group, struct axis *out)
{
	struct axis *parts;
	struct value *rows;
	size_t n_names, at = 0;

	*out = (struct axis){ .node = group };
	if (group->kind != NODE_MAP || !group->n)
		return COMPLAIN(
			r, group,
			"a zip group must be a mapping of lists, as in {a: [1, 2], b: [3, 4]}");
	parts = arena_alloc(r->a, group->n * sizeof *parts);
	if (read_columns(r, group, parts, &n_names))
		return -1;
	out->n = parts[0].n;
	out->n_names = n_names;
	out->names = arena_alloc(r->a, n_names * sizeof *out->names);
	out->was = arena_alloc(r->a, n_names * sizeof *out->was);
	rows = arena_alloc(r->a, out->n * n_names * sizeof *rows);
	for (size_t i = 0; i < group->n; i++) {
		join_columns(out, rows, &parts[i], at);
		at += parts[i].n_names;
	}
	out->rows = rows;
	return 0;
}
