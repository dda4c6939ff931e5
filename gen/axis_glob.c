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
	size_t choice; /* of a star or a name: which of the level's it is */
	bool again;    /* a name that stands in this level once more */
};

/* One part of the pattern between slashes. */
struct level {
	struct piece *pieces;
	size_t n, n_choices;
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

/* Numbers a star or a name, and marks the earlier places of the same name. */
static void note_choice(struct level *l, struct piece *p)
{
	p->choice = l->n_choices++;
	for (struct piece *q = l->pieces; p->kind == PIECE_NAME && q < p; q++)
		q->again |= q->kind == PIECE_NAME && q->name == p->name;
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
		if (l->pieces[l->n].kind == PIECE_STAR || l->pieces[l->n].kind == PIECE_NAME)
			note_choice(l, &l->pieces[l->n]);
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

/* Characters in the order of their numbers, which is that of their bytes. */
static int compare_chars(const char *a, size_t na, const char *b, size_t nb)
{
	const int c = memcmp(a, b, na < nb ? na : nb);

	return c ? c : (na > nb) - (na < nb);
}

static bool in_set(const struct piece *p, const char *c, size_t len)
{
	const char *s = p->set, *end = p->set + p->set_len;
	bool negate = *s == '!' || *s == '^', in = false;

	for (s += negate; s < end;) {
		const char *low = s, *high = s;
		size_t low_len = char_length(s, (size_t)(end - s)), high_len = low_len;

		s += low_len;
		if (s + 1 < end && *s == '-') {
			high = s + 1;
			high_len = char_length(high, (size_t)(end - high));
			s = high + high_len;
		}
		in |= compare_chars(c, len, low, low_len) >= 0 &&
		      compare_chars(c, len, high, high_len) <= 0;
	}
	return in != negate;
}

/*
 * One name against one level. From a star or a name the rest is tried at each length; where it
 * failed is remembered, so that the time is the pattern's times the name's length and not a power
 * of it.
 */
struct
try {
	const struct level *level;
	const char *text;
	size_t len;
	struct capture *c;
	uint8_t *failed; /* len + 1 for each choice */
};

static bool match(struct try *t, size_t piece, size_t at);

/* Whether a character ends in front of byte `at`. */
static bool is_boundary(const struct try *t, size_t at)
{
	return at == t->len || (t->text[at] & 0xC0) != 0x80;
}

static bool match_star(struct try *t, size_t piece, size_t at)
{
	for (size_t to = at; to <= t->len; to++)
		if (is_boundary(t, to) && match(t, piece + 1, to))
			return true;
	return false;
}

/* What failed behind a name that comes again may fit another text of it. */
static void forget_failures(struct try *t, size_t from)
{
	if (from < t->level->n_choices)
		memset(t->failed + from * (t->len + 1), 0,
		       (t->level->n_choices - from) * (t->len + 1));
}

static bool match_name(struct try *t, size_t piece, size_t at)
{
	const struct piece *p = &t->level->pieces[piece];
	struct capture *mine = &t->c[p->name];

	for (size_t to = t->len; to > at; to--) {
		if (!is_boundary(t, to))
			continue;
		*mine = (struct capture){ t->text + at, to - at };
		if (p->again)
			forget_failures(t, p->choice + 1);
		if (match(t, piece + 1, to))
			return true;
	}
	mine->text = NULL;
	return false;
}

/* The same text again. */
static bool match_bound(struct try *t, size_t piece, size_t at, const struct capture *c)
{
	return c->len <= t->len - at && memcmp(c->text, t->text + at, c->len) == 0 &&
	       match(t, piece + 1, at + c->len);
}

static bool match_choice(struct try *t, size_t piece, size_t at)
{
	const struct piece *p = &t->level->pieces[piece];
	uint8_t *failed = &t->failed[p->choice * (t->len + 1) + at];

	if (p->kind == PIECE_NAME && t->c[p->name].text)
		return match_bound(t, piece, at, &t->c[p->name]);
	if (!*failed)
		*failed = !(p->kind == PIECE_STAR ? match_star(t, piece, at)
						  : match_name(t, piece, at));
	return !*failed;
}

static bool match(struct try *t, size_t piece, size_t at)
{
	for (; piece < t->level->n; piece++) {
		const struct piece *p = &t->level->pieces[piece];
		const char *s = t->text + at;
		size_t k = 1;

		if (p->kind == PIECE_STAR || p->kind == PIECE_NAME)
			return match_choice(t, piece, at);
		if (at == t->len || (p->kind == PIECE_BYTE && *s != p->byte))
			return false;
		if (p->kind != PIECE_BYTE)
			k = char_length(s, t->len - at);
		if (p->kind == PIECE_SET && !in_set(p, s, k))
			return false;
		at += k;
	}
	return at == t->len;
}

/* A leading dot is matched only by a dot, as in a shell. */
static bool match_level(const struct level *l, const char *name, struct capture *c)
{
	struct try t = { .level = l, .text = name, .len = strlen(name), .c = c };
	bool matches;

	if (name[0] == '.' && (l->pieces[0].kind != PIECE_BYTE || l->pieces[0].byte != '.'))
		return false;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	t.failed = mem_alloc(l->n_choices * (t.len + 1) + 1);
	matches = match(&t, 0, 0);
	free(t.failed);
	return matches;
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
	for (errno = 0; !rc && (entry = readdir(dir)) != NULL; errno = 0)
		rc = walk_name(g, level, path, entry->d_name, c);
	if (!rc && errno)
		rc = COMPLAIN(g->r, g->at, "cannot read the folder '%s': %s", *path ? path : ".",
			      strerror(errno));
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
