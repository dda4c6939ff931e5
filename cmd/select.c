/* SPDX-License-Identifier: MIT */
/* Which tasks are meant by TASK words and --only. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "cmd/cmd.h"

static void mark(struct selection *s, uint64_t index)
{
	uint64_t bit = UINT64_C(1) << (index % 64);
	if (!(s->bits[index / 64] & bit))
		s->count++;
	s->bits[index / 64] |= bit;
}

bool selected(const struct selection *s, uint64_t index)
{
	return !s->bits || s->bits[index / 64] >> (index % 64) & 1;
}

void selection_free(struct selection *s)
{
	free(s->bits);
	s->bits = NULL;
}

/* "t3f9a": at least one digit, no more than an id has. */
static bool is_id_prefix(const char *w)
{
	size_t n = strlen(w);
	return w[0] == 't' && n >= 2 && n <= 2 * TASK_ID_SIZE + 1 &&
	       strspn(w + 1, "0123456789abcdef") == n - 1;
}

static int by_id(const struct plan *p, const char *w, struct selection *s, struct err *e)
{
	const struct space *sp = p->spec->space;
	struct point pt;
	uint64_t found = 0;
	point_init(&pt, sp);
	for (uint64_t i = 0; i < space_count(sp); i++) {
		uint8_t id[TASK_ID_SIZE];
		char hex[2 * TASK_ID_SIZE + 1];
		space_point(sp, i, &pt);
		task_id(sp, &pt, id);
		hex_put(hex, id, TASK_ID_SIZE);
		if (!strncmp(hex, w + 1, strlen(w + 1))) {
			mark(s, i);
			found++;
		}
	}
	point_free(&pt);
	if (found == 0)
		return err_bad(e, "no task has an id that begins with '%s'", w);
	if (found > 1)
		return err_bad(e, "%llu tasks have ids that begin with '%s': give more digits",
			       (unsigned long long)found, w);
	return 0;
}

/* One NAME=VALUE of a word. */
struct want {
	size_t name;
	const char *text;
	size_t len;
};

static bool fits(const struct value *v, const struct want *w)
{
	if (v->len == w->len && !memcmp(v->text, w->text, w->len))
		return true;
	return v->type == VALUE_NUMBER && text_is_number(w->text, w->len) &&
	       text_number(v->text, v->len) == text_number(w->text, w->len);
}

/* Reads "T=2.5,L=64"; a comma ends a value only where another NAME= follows. */
static int read_wants(const struct plan *p, const char *word, struct want *wants, size_t *n,
		      struct err *e)
{
	const struct space *sp = p->spec->space;
	*n = 0;
	for (const char *at = word; *at;) {
		size_t len = strcspn(at, "=");
		char *name = mem_dupn(at, len);
		size_t k = 0;
		while (k < space_names(sp) && strcmp(space_name(sp, k), name))
			k++;
		if (k == space_names(sp)) {
			const char *near = text_nearest(name, space_name_list(sp), space_names(sp));
			err_bad(e, "'%s' names no parameter: there is no '%s'%s%s%s", word, name,
				near ? " (did you mean '" : "", near ? near : "",
				near ? "'?)" : "");
			free(name);
			return -1;
		}
		free(name);
		const char *value = at + len + 1, *stop = value;
		for (; *stop; stop++) {
			size_t w =
				*stop == ','
					? strspn(stop + 1,
						 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")
					: 0;
			if (w && stop[1 + w] == '=')
				break;
		}
		if (*n == space_names(sp))
			return err_bad(e, "'%s' gives more values than there are parameters", word);
		wants[(*n)++] = (struct want){ k, value, (size_t)(stop - value) };
		at = *stop ? stop + 1 : stop;
	}
	return 0;
}

static int by_values(const struct plan *p, const char *word, struct selection *s, struct err *e)
{
	const struct space *sp = p->spec->space;
	struct want *wants = mem_array(space_names(sp) + 1, sizeof *wants);
	struct point pt;
	uint64_t found = 0;
	size_t n;
	int r = read_wants(p, word, wants, &n, e);
	point_init(&pt, sp);
	for (uint64_t i = 0; r == 0 && i < space_count(sp); i++) {
		space_point(sp, i, &pt);
		bool all = true;
		for (size_t k = 0; all && k < n; k++)
			all = fits(&pt.values[wants[k].name], &wants[k]);
		if (all) {
			mark(s, i);
			found++;
		}
	}
	point_free(&pt);
	free(wants);
	if (r == 0 && !found)
		r = err_bad(e, "no task has '%s'", word);
	return r;
}

static int by_word(const struct plan *p, const char *w, struct selection *s, struct err *e)
{
	uint64_t index;
	if (text_u64(w, strlen(w), &index)) {
		if (index >= space_count(p->spec->space))
			return err_bad(e, "there is no task %s: the last one is %llu", w,
				       (unsigned long long)space_count(p->spec->space) - 1);
		mark(s, index);
		return 0;
	}
	if (is_id_prefix(w))
		return by_id(p, w, s, e);
	if (strchr(w, '='))
		return by_values(p, w, s, e);
	return err_bad(
		e,
		"'%s' names no task: give an index, an id's beginning (t3f9), or values (T=2.5,L=64)",
		w);
}

/* Keeps what is marked (or, with nothing marked by words, everything) and fulfils the expression.
 */
static int by_expression(const struct plan *p, const char *text, bool all, struct selection *s,
			 struct err *e)
{
	const struct space *sp = p->spec->space;
	size_t at = 0;
	struct expr *x =
		expr_compile(text, strlen(text), space_name_list(sp), space_names(sp), &at, e);
	if (!x)
		return err_wrap(e, "--only '%s', character %zu", text, at + 1);
	struct point pt;
	point_init(&pt, sp);
	int t = 0;
	s->count = 0;
	for (uint64_t i = 0; i < space_count(sp); i++) {
		if (!all && !selected(s, i))
			continue;
		space_point(sp, i, &pt);
		t = expr_test(x, pt.values, e);
		if (t < 0)
			break;
		s->bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
		if (t)
			mark(s, i);
	}
	if (t < 0) {
		struct buf b = BUF_INIT;
		put_params(&b, p, &pt, 120);
		err_wrap(e, "--only '%s' at %s", text, buf_str(&b));
		buf_free(&b);
	}
	point_free(&pt);
	expr_free(x);
	return t < 0 ? -1 : 0;
}

int select_tasks(const struct plan *p, const char *const *words, size_t n, const char *only,
		 struct selection *s, struct err *e)
{
	uint64_t count = space_count(p->spec->space);
	*s = (struct selection){ NULL, count };
	if (n == 0 && !only)
		return 0;
	s->bits = mem_array(count / 64 + 1, sizeof *s->bits);
	s->count = 0;
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = by_word(p, words[i], s, e);
	if (r == 0 && only)
		r = by_expression(p, only, n == 0, s, e);
	if (r < 0)
		selection_free(s);
	return r;
}

int read_index_range(const char *text, uint64_t count, uint64_t *from, uint64_t *to, struct err *e)
{
	const char *dash = text ? strchr(text, '-') : NULL;

	*from = 0;
	*to = count;
	if (!text)
		return 0;
	if (!text_u64(text, dash ? (size_t)(dash - text) : strlen(text), from) ||
	    (dash && dash[1] && !text_u64(dash + 1, strlen(dash + 1), to)))
		return err_bad(e, "--index '%s' is no range: write A-B, A- or A", text);
	if (!dash)
		*to = *from;
	if (*from > *to)
		return err_bad(e, "--index '%s' ends before it begins", text);
	*to = *to < count ? *to + 1 : count;
	return 0;
}

void selection_narrow(struct selection *s, uint64_t count, uint64_t from, uint64_t to)
{
	struct selection part = { .bits = mem_array(count / 64 + 1, sizeof *part.bits) };

	for (uint64_t i = from; i < to; i++) {
		if (selected(s, i)) {
			part.bits[i / 64] |= UINT64_C(1) << (i % 64);
			part.count++;
		}
	}
	selection_free(s);
	*s = part;
}
