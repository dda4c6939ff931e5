/* SPDX-License-Identifier: MIT */
/*
 * {glob: "data/{sample}_R1.nc"}: the paths that match, sorted bytewise, and what each {name} in the
 * pattern stood for. A {name} takes one or more bytes other than '/', as many as it can; the same
 * name again must stand for the same text.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "gen/axis.h"

enum piece_kind { PIECE_BYTE, PIECE_ANY, PIECE_STAR, PIECE_SET, PIECE_NAME };

struct piece {
	enum piece_kind kind;
	char byte;
	size_t name;
	const char *set; /* between the brackets */
	size_t set_len;
};

/* One part of the pattern between slashes. */
struct level {
	struct piece *pieces;
	size_t n;
	bool magic; /* else `literal` is the name */
	char *literal;
};

struct capture {
	const char *text; /* NULL: not bound yet */
	size_t len;
};

struct found {
	char *path;
	char **texts; /* one a name */
};

struct glob {
	struct axis_reader *r;
	const struct node *at;
	struct level *levels;
	size_t n_levels;
	const char *names[64];
	size_t n_names;
	bool absolute;
	struct found *found;
	size_t n_found, cap;
};

static int name_piece(struct glob *g, const char *s, size_t n, struct piece *p)
{
	const char *name = arena_dupn(g->r->a, s, n);

	p->kind = PIECE_NAME;
	for (p->name = 0; p->name < g->n_names; p->name++)
		if (strcmp(g->names[p->name], name) == 0)
			return 0;
	if (g->n_names == sizeof g->names / sizeof *g->names)
		return COMPLAIN(g->r, g->at, "the pattern has more than 64 names");
	if (axis_claim(g->r, name, g->at))
		return -1;
	g->names[g->n_names++] = name;
	return 0;
}

/* One piece at s (n bytes are left); the bytes it takes, or -1. */
static int take_piece(struct glob *g, const char *s, size_t n, struct piece *p)
{
	const char *end;

	*p = (struct piece){ .kind = PIECE_BYTE, .byte = *s };
	if (n > 1 && ((*s == '{' && s[1] == '{') || (*s == '}' && s[1] == '}')))
		return 2;
	if (*s == '\\' && n > 1) {
		p->byte = s[1];
		return 2;
	}
	if (*s == '{') {
		end = memchr(s, '}', n);
		if (!end)
			return COMPLAIN(g->r, g->at, "'{' is not closed: write '{{' for a brace");
		return name_piece(g, s + 1, (size_t)(end - s) - 1, p) ? -1 : (int)(end - s) + 1;
	}
	if (*s == '}')
		return COMPLAIN(g->r, g->at, "'}' closes nothing: write '}}' for a brace");
	if (*s == '*' && n > 1 && s[1] == '*')
		return COMPLAIN(g->r, g->at,
				"'**' is not supported: write one '*' for each folder");
	if (*s == '*' || *s == '?') {
		p->kind = *s == '*' ? PIECE_STAR : PIECE_ANY;
		return 1;
	}
	end = *s == '[' && n > 2 ? memchr(s + 2 + (s[1] == '!' || s[1] == '^'), ']',
					  n - 2 - (s[1] == '!' || s[1] == '^'))
				 : NULL;
	if (!end)
		return 1;
	p->kind = PIECE_SET;
	p->set = s + 1;
	p->set_len = (size_t)(end - s) - 1;
	return (int)(end - s) + 1;
}

static int compile_level(struct glob *g, const char *s, size_t n, struct level *l)
{
	struct buf literal = BUF_INIT;
	size_t i = 0;

	l->pieces = arena_alloc(g->r->a, (n + 1) * sizeof *l->pieces);
	while (i < n) {
		int took = take_piece(g, s + i, n - i, &l->pieces[l->n]);

		if (took < 0) {
			buf_free(&literal);
			return -1;
		}
		if (l->pieces[l->n].kind == PIECE_BYTE)
			buf_putc(&literal, l->pieces[l->n].byte);
		else
			l->magic = true;
		l->n++;
		i += (size_t)took;
	}
	l->literal = arena_dup(g->r->a, buf_str(&literal));
	buf_free(&literal);
	return 0;
}

static int compile(struct glob *g, const char *pattern)
{
	size_t n = strlen(pattern), i = 0;

	g->absolute = *pattern == '/';
	g->levels = arena_alloc(g->r->a, (n + 1) * sizeof *g->levels);
	while (i < n) {
		size_t len = strcspn(pattern + i, "/");

		if (len && compile_level(g, pattern + i, len, &g->levels[g->n_levels++]))
			return -1;
		i += len + 1;
	}
	return 0;
}

static size_t char_length(const char *s, size_t n)
{
	size_t k = 1;

	while (k < n && (s[k] & 0xC0) == 0x80)
		k++;
	return k;
}

static bool in_set(const struct piece *p, unsigned char c)
{
	const char *s = p->set, *end = p->set + p->set_len;
	bool negate = *s == '!' || *s == '^', in = false;

	for (s += negate; s < end; s++) {
		unsigned char low = (unsigned char)*s, high = low;

		if (s + 2 < end && s[1] == '-') {
			high = (unsigned char)s[2];
			s += 2;
		}
		if (c >= low && c <= high)
			in = true;
	}
	return in != negate;
}

static bool match(const struct piece *p, size_t n, const char *s, size_t len, struct capture *c);

static bool match_name(const struct piece *p, size_t n, const char *s, size_t len,
		       struct capture *c)
{
	struct capture *mine = &c[p->name];

	if (mine->text)
		return mine->len <= len && memcmp(mine->text, s, mine->len) == 0 &&
		       match(p + 1, n - 1, s + mine->len, len - mine->len, c);
	for (size_t k = len; k >= 1; k--) {
		mine->text = s;
		mine->len = k;
		if (match(p + 1, n - 1, s + k, len - k, c))
			return true;
	}
	mine->text = NULL;
	return false;
}

static bool match(const struct piece *p, size_t n, const char *s, size_t len, struct capture *c)
{
	for (; n; n--, p++) {
		size_t k = 1;

		if (p->kind == PIECE_NAME)
			return match_name(p, n, s, len, c);
		if (p->kind == PIECE_STAR) {
			for (k = 0; k <= len; k++)
				if (match(p + 1, n - 1, s + k, len - k, c))
					return true;
			return false;
		}
		if (!len || (p->kind == PIECE_BYTE && *s != p->byte) ||
		    (p->kind == PIECE_SET && !in_set(p, (unsigned char)*s)))
			return false;
		if (p->kind == PIECE_ANY)
			k = char_length(s, len);
		s += k;
		len -= k;
	}
	return len == 0;
}

/* A leading dot is matched only by a dot, as in a shell. */
static bool match_level(const struct level *l, const char *name, struct capture *c)
{
	if (name[0] == '.' && (l->pieces[0].kind != PIECE_BYTE || l->pieces[0].byte != '.'))
		return false;
	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       match(l->pieces, l->n, name, strlen(name), c);
}

static int add_found(struct glob *g, const char *path, const struct capture *c)
{
	struct found *f;

	if (!text_is_utf8(path, strlen(path)))
		return COMPLAIN(g->r, g->at, "'%s' is no UTF-8: rename it",
				axis_shown(g->r, path, strlen(path)));
	if (strchr(path, '\n'))
		return COMPLAIN(g->r, g->at, "'%s' holds a newline: rename it",
				axis_shown(g->r, path, strlen(path)));
	if (g->n_found == AXIS_ROWS_MAX)
		return COMPLAIN(g->r, g->at, "the pattern matches too many files");
	ARRAY_ROOM(g->found, g->n_found, g->cap);
	f = &g->found[g->n_found++];
	f->path = arena_dup(g->r->a, path);
	f->texts = arena_alloc(g->r->a, (g->n_names + 1) * sizeof *f->texts);
	for (size_t k = 0; k < g->n_names; k++)
		f->texts[k] = arena_dupn(g->r->a, c[k].text, c[k].len);
	return 0;
}

static int walk(struct glob *g, size_t level, const char *path, const struct capture *c);

/* One name in the folder `path` ("" is the spec's), when it matches. */
static int walk_name(struct glob *g, size_t level, const char *path, const char *name,
		     const struct capture *c)
{
	struct capture mine[64];
	struct buf b = BUF_INIT;
	int rc;

	memcpy(mine, c, g->n_names * sizeof *c);
	if (g->levels[level].magic && !match_level(&g->levels[level], name, mine))
		return 0;
	buf_puts(&b, path);
	if (b.len && b.data[b.len - 1] != '/')
		buf_putc(&b, '/');
	buf_puts(&b, name);
	rc = walk(g, level + 1, b.data, mine);
	buf_free(&b);
	return rc;
}

static int walk_folder(struct glob *g, size_t level, const char *path, const struct capture *c)
{
	char *real = axis_path(g->r, *path ? path : ".");
	DIR *dir = opendir(real);
	struct dirent *entry;
	int rc = 0;

	free(real);
	if (!dir && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (!dir)
		return COMPLAIN(g->r, g->at, "cannot read the folder '%s': %s", *path ? path : ".",
				strerror(errno));
	errno = 0;
	while (!rc && (entry = readdir(dir)) != NULL)
		rc = walk_name(g, level, path, entry->d_name, c);
	closedir(dir);
	return rc;
}

static int walk(struct glob *g, size_t level, const char *path, const struct capture *c)
{
	char *real;
	struct stat st;
	bool there;

	if (level < g->n_levels) {
		if (g->levels[level].magic)
			return walk_folder(g, level, path, c);
		return walk_name(g, level, path, g->levels[level].literal, c);
	}
	real = axis_path(g->r, path);
	there = lstat(real, &st) == 0;
	free(real);
	return there ? add_found(g, path, c) : 0;
}

static int compare_found(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->path, ((const struct found *)b)->path);
}

static void fill(struct glob *g, struct axis *out)
{
	size_t k = out->n_names;
	struct value *rows = arena_alloc(g->r->a, g->n_found * k * sizeof *rows);

	qsort(g->found, g->n_found, sizeof *g->found, compare_found);
	for (size_t i = 0; i < g->n_found; i++) {
		const struct found *f = &g->found[i];

		rows[i * k] = (struct value){ VALUE_STRING, f->path, strlen(f->path) };
		for (size_t j = 1; j < k; j++) {
			size_t len = strlen(f->texts[j - 1]);

			rows[i * k + j] = (struct value){ value_type_of(f->texts[j - 1], len),
							  f->texts[j - 1], len };
		}
	}
	out->n = g->n_found;
	out->rows = rows;
}

int axis_read_glob(struct axis_reader *r, const struct node *key, const struct node *n,
		   struct axis *out)
{
	static const char *const keys[] = { "glob", "was" };
	struct glob g = { .r = r, .at = node_get(n, "glob") };
	const char *names[65] = { key->text };
	struct capture none[64] = { { 0 } };
	int rc = axis_keys(r, n, keys, sizeof keys / sizeof *keys, key->text);
	const char *pattern = axis_text(r, g.at, "glob");

	if (!pattern || rc || compile(&g, pattern))
		return -1;
	memcpy(names + 1, g.names, g.n_names * sizeof *names);
	axis_set_names(r, out, names, g.n_names + 1);
	if (axis_read_was(r, node_get(n, "was"), out->was))
		return -1;
	rc = walk(&g, 0, g.absolute ? "/" : "", none);
	if (!rc && !g.n_found)
		rc = COMPLAIN(r, g.at, "'%s' matches nothing: no task would run",
			      axis_shown(r, pattern, strlen(pattern)));
	if (!rc)
		fill(&g, out);
	free(g.found);
	return rc;
}
