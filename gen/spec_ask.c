/* SPDX-License-Identifier: MIT */
/* Asking a node for a value of a type. What is wrong is said here, once and in the same words
 * everywhere. */
#include <string.h>

#include "base/text.h"
#include "gen/spec_internal.h"

#define SHOWN_MAX    60
#define LINE_MAX_LEN 1000u

const char *shown(struct reader *r, const char *text, size_t len)
{
	struct buf b = BUF_INIT;
	const char *out;

	text_put_shown(&b, text, len, SHOWN_MAX);
	out = arena_dup(r->a, buf_str(&b));
	buf_free(&b);
	return out;
}

/* What a node is, for "... must be X, not Y": a scalar is shown. */
static const char *not_what(struct reader *r, const struct node *n)
{
	if (n->kind != NODE_SCALAR || node_is_null(n))
		return node_kind_name(n);
	return arena_printf(r->a, "'%s'", shown(r, n->text, n->len));
}

/* Two traps that make of a key and its value something else. */
static const char *trap_hint(struct reader *r, const struct node *n)
{
	size_t colon;

	if (n->kind == NODE_MAP && n->n == 1 && node_is_null(n->items[0]))
		return ": a value that begins with '{' must be in quotes";
	if (n->kind != NODE_SCALAR || n->quoted)
		return "";
	colon = strcspn(n->text, ":");
	if (n->text[colon] && n->text[colon + 1] && n->text[colon + 1] != ' ' &&
	    !memchr(n->text, ' ', colon))
		return arena_printf(r->a, ": a blank must follow the colon of '%s:'",
				    shown(r, n->text, colon));
	return "";
}

/* "'env'"; for "collect[]": "each item of 'collect'". */
static const char *named(struct reader *r, const char *what)
{
	const size_t n = strlen(what);

	if (n > 2 && strcmp(what + n - 2, "[]") == 0)
		return arena_printf(r->a, "each item of '%.*s'", (int)(n - 2), what);
	return arena_printf(r->a, "'%s'", what);
}

int complain_must(struct reader *r, const struct node *n, const char *what, const char *must)
{
	if (node_is_null(n))
		return COMPLAIN(r, n, "%s must be %s, and has no value", named(r, what), must);
	return COMPLAIN(r, n, "%s must be %s, not %s%s", named(r, what), must, not_what(r, n),
			trap_hint(r, n));
}

bool ask_map(struct reader *r, const struct node *n, const char *what)
{
	if (n->kind == NODE_MAP)
		return true;
	complain_must(r, n, what, "a mapping");
	return false;
}

bool ask_list(struct reader *r, const struct node *n, const char *what)
{
	if (n->kind == NODE_SEQ)
		return true;
	complain_must(r, n, what, "a list");
	return false;
}

bool ask_text(struct reader *r, const struct node *n, const char *what)
{
	if (n->kind == NODE_SCALAR && !node_is_null(n))
		return true;
	complain_must(r, n, what, "text");
	return false;
}

int ask_line(struct reader *r, const struct node *n, const char *what, const char **out)
{
	if (!ask_text(r, n, what))
		return -1;
	if (!n->text[strspn(n->text, " ")])
		return COMPLAIN(r, n, "%s is empty", named(r, what));
	if (n->len > LINE_MAX_LEN)
		return COMPLAIN(r, n, "%s is too long: %u characters at most", named(r, what),
				LINE_MAX_LEN);
	for (size_t i = 0; i < n->len; i++)
		if ((unsigned char)n->text[i] < ' ' || n->text[i] == 0x7f)
			return COMPLAIN(r, n,
					"%s must be one line without control characters, not '%s'",
					named(r, what), shown(r, n->text, n->len));
	*out = n->text;
	return 0;
}

int ask_count(struct reader *r, const struct node *n, const char *what, uint64_t least,
	      uint64_t most, uint64_t *out)
{
	uint64_t v;

	if (n->kind == NODE_SCALAR && text_u64(n->text, n->len, &v) && v >= least && v <= most) {
		*out = v;
		return 0;
	}
	return complain_must(r, n, what,
			     arena_printf(r->a, "a whole number from %llu to %llu",
					  (unsigned long long)least, (unsigned long long)most));
}

int ask_size(struct reader *r, const struct node *n, const char *what, uint64_t *out)
{
	if (n->kind != NODE_SCALAR || !text_size(n->text, n->len, out))
		return complain_must(r, n, what, "a size as in 512M or 2G");
	if (!*out)
		return COMPLAIN(r, n, "'%s' is 0: leave it out for no limit", what);
	return 0;
}

int ask_duration(struct reader *r, const struct node *n, const char *what, uint64_t *out)
{
	if (n->kind != NODE_SCALAR || !text_duration(n->text, n->len, out))
		return complain_must(r, n, what,
				     "a duration as in 90 (seconds), 10m, 1h30m or 2:00:00");
	if (!*out)
		return COMPLAIN(r, n, "'%s' is 0: leave it out for no limit", what);
	return 0;
}

bool ask_true(struct reader *r, const struct node *n, const char *what, bool *out)
{
	const struct value v = { .text = n->text, .len = n->len, .type = VALUE_BOOL };

	if (n->kind == NODE_SCALAR && !n->quoted && value_type_of(n->text, n->len) == VALUE_BOOL) {
		*out = value_is_true(&v);
		return true;
	}
	complain_must(r, n, what, "true or false");
	return false;
}

int complain_at(struct reader *r, const struct node *n, size_t at, const char *text)
{
	int line, col;

	node_pos(n, at, &line, &col);
	return diag_error(r->d, n->origin, line, col, "%s", text);
}

struct ptext *ask_ptext(struct reader *r, const struct node *n, const char *what, unsigned specials)
{
	struct err e = ERR_INIT;
	struct ptext *t;
	size_t at = 0;

	if (!ask_text(r, n, what) || r->names_open)
		return NULL;
	t = ptext_compile(r->a, n->text, n->len, r->names, r->n_names, specials, &at, &e);
	if (!t)
		complain_at(r, n, at, e.text);
	return t;
}

int ask_words(struct reader *r, const struct node *n, const char *what, unsigned specials,
	      struct words *out)
{
	struct err e = ERR_INIT;
	size_t at = 0;

	if (n->kind == NODE_SEQ) {
		out->items = arena_alloc(r->a, (n->n + 1) * sizeof *out->items);
		for (size_t i = 0; i < n->n; i++)
			out->items[out->n++] = ask_ptext(
				r, n->items[i], arena_printf(r->a, "%s[]", what), specials);
	} else if (!ask_text(r, n, what)) {
		return -1;
	} else if (r->names_open) {
		return 0;
	} else if (words_split(r->a, n->text, n->len, r->names, r->n_names, specials, out, &at,
			       &e)) {
		return complain_at(r, n, at, e.text);
	}
	if (!out->n)
		return COMPLAIN(r, n, "'%s' is empty", what);
	return 0;
}

int ask_constant_words(struct reader *r, const struct node *n, const char *what, struct words *out)
{
	struct reader plain = *r;

	plain.names = NULL;
	plain.n_names = plain.n_extra = 0;
	plain.names_open = false;
	return ask_words(&plain, n, what, 0, out);
}

const struct expr *ask_expr(struct reader *r, const struct node *n, const char *what)
{
	struct err e = ERR_INIT;
	struct expr *x;
	size_t at = 0;

	if (!ask_text(r, n, what) || r->names_open)
		return NULL;
	x = expr_compile(n->text, n->len, r->names, r->n_names, &at, &e);
	if (!x)
		complain_at(r, n, at, e.text);
	return x;
}

int ask_choice(struct reader *r, const struct node *n, const char *what, const char *const *choices,
	       size_t n_choices)
{
	struct buf all = BUF_INIT;
	const char *near = NULL, *must;

	if (n->kind == NODE_SCALAR) {
		for (size_t i = 0; i < n_choices; i++)
			if (text_eq(n->text, n->len, choices[i]))
				return (int)i;
		near = node_is_null(n) ? NULL : text_nearest(n->text, choices, n_choices);
	}
	for (size_t i = 0; i < n_choices; i++)
		buf_printf(&all, "%s%s", !i ? "" : i + 1 == n_choices ? " or " : ", ", choices[i]);
	must = arena_dup(r->a, buf_str(&all));
	buf_free(&all);
	if (near)
		COMPLAIN(r, n, "%s must be %s, not %s (did you mean '%s'?)", named(r, what), must,
			 not_what(r, n), near);
	else
		complain_must(r, n, what, must);
	return -1;
}

int ask_name(struct reader *r, const struct node *n, const char *what)
{
	const char *near;

	if (!ask_text(r, n, what))
		return -1;
	for (size_t i = 0; i < r->n_names; i++)
		if (text_eq(n->text, n->len, r->names[i]))
			return (int)i;
	if (r->names_open)
		return -1;
	near = text_nearest(n->text, r->names, r->n_names);
	if (near)
		COMPLAIN(r, n, "unknown parameter '%s' in '%s' (did you mean '%s'?)",
			 shown(r, n->text, n->len), what, near);
	else if (text_eq(n->text, n->len, "rep"))
		COMPLAIN(r, n, "'rep' in '%s' needs 'repeat:'", what);
	else
		COMPLAIN(r, n, "unknown parameter '%s' in '%s'", shown(r, n->text, n->len), what);
	return -1;
}

void warn_cut(struct reader *r, const struct node *n)
{
	if (n->kind == NODE_SCALAR && n->cut)
		WARN(r, n,
		     "' #' begins a comment and ends this text: put it in quotes if '#' belongs "
		     "to it");
}

bool is_identifier(const char *s)
{
	const char *const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";

	return *s && strchr(letters, *s) &&
	       !s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789")];
}

const struct node *key_node(const struct node *map, const char *key)
{
	for (size_t i = 0; map->kind == NODE_MAP && i < map->n; i++)
		if (strcmp(map->keys[i]->text, key) == 0)
			return map->keys[i];
	return map;
}
