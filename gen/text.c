/* SPDX-License-Identifier: MIT */
/* Compiling text with placeholders. */
#include "gen/text.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gen/text_internal.h"

#define WIDTH_MAX 999

const char *const special_names[SPECIAL_COUNT] = {
	[SPECIAL_SEED] = "seed",   [SPECIAL_SEED64] = "seed64", [SPECIAL_SCRATCH] = "scratch",
	[SPECIAL_CPUS] = "cpus",   [SPECIAL_MEMORY] = "memory", [SPECIAL_TASK] = "task",
	[SPECIAL_INDEX] = "index", [SPECIAL_KEEP] = "keep",     [SPECIAL_LAUNCH] = "launch",
};

struct compile {
	struct arena *arena;
	const char *text;
	size_t len;
	size_t at;
	const char *const *names;
	size_t n_names;
	unsigned specials;
	struct part *parts;
	size_t n, cap;
	struct buf literal;
	struct err *e;
};

static void literal_flush(struct compile *c)
{
	if (!c->literal.len)
		return;
	ARRAY_ROOM(c->parts, c->n, c->cap);
	c->parts[c->n++] = (struct part){
		.kind = PART_LITERAL,
		.text = arena_dupn(c->arena, c->literal.data, c->literal.len),
		.len = c->literal.len,
	};
	buf_clear(&c->literal);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Decimal digits at *s into *out, which stays as it is when there are none; false when the number
 * is too big. */
static bool take_number(const char **s, int *out)
{
	int v = 0;

	if (!is_digit(**s))
		return true;
	for (; is_digit(**s); (*s)++) {
		v = v * 10 + (**s - '0');
		if (v > WIDTH_MAX)
			return false;
	}
	*out = v;
	return true;
}

/* [0][width][.precision] and one of d e E f g G. */
static bool read_format(const char *s, struct part *p)
{
	p->precision = -1;
	if (*s == '0') {
		p->zero = true;
		s++;
	}
	if (!take_number(&s, &p->width))
		return false;
	if (*s == '.') {
		s++;
		if (!is_digit(*s) || !take_number(&s, &p->precision))
			return false;
	}
	if (!*s || s[1] || !strchr("deEfgG", *s))
		return false;
	if (*s == 'd' && p->precision >= 0)
		return false;
	p->mod = *s == 'd' ? MOD_INTEGER : MOD_FLOAT;
	p->letter = *s;
	return true;
}

static int read_modifier(struct compile *c, struct part *p, const char *spec)
{
	static const char *const words[] = { "dir", "name", "stem", "ext" };
	static const enum modifier mods[] = { MOD_DIR, MOD_NAME, MOD_STEM, MOD_EXT };
	const char *near;

	p->spec = spec;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(spec, words[i]) == 0) {
			p->mod = mods[i];
			return 0;
		}
	}
	if (read_format(spec, p))
		return 0;
	near = text_nearest(spec, words, sizeof words / sizeof *words);
	if (near)
		return err_bad(c->e, "no modifier '%s' (did you mean '%s'?)", spec, near);
	return err_bad(
		c->e,
		"no modifier '%s': there are dir, name, stem, ext, and formats such as 03d and .3f",
		spec);
}

static int unknown_name(struct compile *c, const char *name)
{
	const char **all = mem_array(c->n_names + SPECIAL_COUNT, sizeof *all);
	size_t n = 0;
	const char *near;

	for (size_t i = 0; i < c->n_names; i++)
		all[n++] = c->names[i];
	for (size_t i = 0; i < SPECIAL_COUNT; i++)
		if (c->specials & SPECIAL_BIT(i))
			all[n++] = special_names[i];
	near = text_nearest(name, all, n);
	if (strcmp(name, "rep") == 0)
		err_bad(c->e, "'{rep}' needs 'repeat:'");
	else if (near)
		err_bad(c->e, "unknown parameter '%s' (did you mean '%s'?)", name, near);
	else
		err_bad(c->e, "unknown parameter '%s': write '{{' for a brace", name);
	free(all);
	return -1;
}

static int find_name(struct compile *c, struct part *p, const char *name)
{
	for (size_t i = 0; i < c->n_names; i++) {
		if (strcmp(name, c->names[i]) == 0) {
			p->kind = PART_NAME;
			p->which = i;
			return 0;
		}
	}
	for (size_t i = 0; i < SPECIAL_COUNT; i++) {
		if (strcmp(name, special_names[i]) != 0)
			continue;
		if (!(c->specials & SPECIAL_BIT(i)))
			return err_bad(c->e, "'{%s}' cannot stand here", name);
		p->kind = PART_SPECIAL;
		p->which = i;
		return 0;
	}
	return unknown_name(c, name);
}

static size_t name_length(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && ((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
			 s[i] == '_' || (i && is_digit(s[i]))))
		i++;
	return i;
}

/* At '{': reads {name} or {name:modifier}. */
static int read_placeholder(struct compile *c)
{
	const char *s = c->text + c->at + 1;
	const char *close = memchr(s, '}', c->len - c->at - 1);
	struct part p = { .precision = -1 };
	size_t inside, n;
	const char *name;

	if (!close)
		return err_bad(c->e, "'{' is not closed: write '{{' for a brace");
	inside = (size_t)(close - s);
	n = name_length(s, inside);
	if (!n || (n < inside && s[n] != ':'))
		return err_bad(
			c->e,
			"a placeholder is a name in braces, as in '{T}': write '{{' and '}}' for braces");
	name = arena_dupn(c->arena, s, n);
	if (find_name(c, &p, name))
		return -1;
	if (n < inside) {
		const char *spec = arena_dupn(c->arena, s + n + 1, inside - n - 1);

		if (read_modifier(c, &p, spec)) {
			c->at += n + 2;
			return -1;
		}
	}
	p.text = name;
	p.len = n;
	literal_flush(c);
	ARRAY_ROOM(c->parts, c->n, c->cap);
	c->parts[c->n++] = p;
	c->at += inside + 2;
	return 0;
}

static int read_all(struct compile *c)
{
	while (c->at < c->len) {
		char ch = c->text[c->at];

		if (ch != '{' && ch != '}') {
			buf_putc(&c->literal, ch);
			c->at++;
		} else if (c->at + 1 < c->len && c->text[c->at + 1] == ch) {
			buf_putc(&c->literal, ch);
			c->at += 2;
		} else if (ch == '}') {
			return err_bad(c->e, "'}' closes nothing: write '}}' for a brace");
		} else if (read_placeholder(c)) {
			return -1;
		}
	}
	literal_flush(c);
	return 0;
}

struct ptext *ptext_compile(struct arena *a, const char *text, size_t len, const char *const *names,
			    size_t n, unsigned specials, size_t *at, struct err *e)
{
	struct compile c = { .arena = a,
			     .text = text,
			     .len = len,
			     .names = names,
			     .n_names = n,
			     .specials = specials,
			     .e = e };
	struct ptext *t = NULL;

	if (read_all(&c)) {
		if (at)
			*at = c.at;
		goto out;
	}
	t = arena_alloc(a, sizeof *t);
	t->source = arena_dupn(a, text, len);
	t->n = c.n;
	t->parts = arena_alloc(a, (c.n + 1) * sizeof *t->parts);
	t->n_names = n;
	t->uses = arena_alloc(a, n + 1);
	for (size_t i = 0; i < c.n; i++) {
		t->parts[i] = c.parts[i];
		if (c.parts[i].kind == PART_NAME)
			t->uses[c.parts[i].which] = true;
		else if (c.parts[i].kind == PART_SPECIAL)
			t->specials |= SPECIAL_BIT(c.parts[i].which);
	}
out:
	free(c.parts);
	buf_free(&c.literal);
	return t;
}

bool ptext_uses(const struct ptext *t, size_t name)
{
	return name < t->n_names && t->uses[name];
}

bool ptext_uses_special(const struct ptext *t, enum special s)
{
	return t->specials & SPECIAL_BIT(s);
}

bool ptext_is_constant(const struct ptext *t)
{
	return t->n == 0 || (t->n == 1 && t->parts[0].kind == PART_LITERAL);
}

const char *ptext_source(const struct ptext *t)
{
	return t->source;
}

int ptext_alone(const struct ptext *t)
{
	if (t->n != 1 || t->parts[0].kind != PART_NAME || t->parts[0].mod != MOD_NONE)
		return -1;
	return (int)t->parts[0].which;
}

bool ptext_alone_special(const struct ptext *t, enum special s)
{
	return t->n == 1 && t->parts[0].kind == PART_SPECIAL && t->parts[0].mod == MOD_NONE &&
	       t->parts[0].which == (size_t)s;
}
