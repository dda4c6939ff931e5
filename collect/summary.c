/* SPDX-License-Identifier: MIT */
/* Group summaries: the groups, and what of each row goes into them. The arithmetic is in moments.c.
 */
#include "collect/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "collect/moments.h"

/* A column that statistics are made of: a result, or a parameter. */
struct metric {
	const char *name;
	long column;    /* of the results; -1: a parameter, or a column that no row has */
	long parameter; /* -1: none */
	unsigned keep;  /* MOMENTS_* */
};

struct group {
	const char *key;
	size_t key_len;
	uint64_t rows;
	struct value *by;        /* one a `by` */
	struct moments *moments; /* one a metric */
};

struct summary {
	const struct output *o;
	const struct space *space;
	struct arena *arena;
	size_t *by; /* the parameters' numbers */
	struct metric *metrics;
	size_t n_metrics;
	size_t *stat_metric; /* of each stat */
	struct group *groups;
	size_t n, cap;
	uint32_t *slots; /* a hash table: 1 + the group's number */
	size_t n_slots;
	struct group *last;
	struct buf key;
};

/* ---- names ---- */

static long parameter_of(const struct space *s, const char *name)
{
	for (size_t k = 0; k < space_names(s); k++)
		if (strcmp(space_name(s, k), name) == 0)
			return (long)k;
	return -1;
}

static int unknown(const char *what, const char *name, const char *const *known, size_t n,
		   struct err *e)
{
	const char *near = text_nearest(name, known, n);

	if (near)
		return err_bad(e, "there is no %s '%s' (did you mean '%s'?)", what, name, near);
	return err_bad(e, "there is no %s '%s'", what, name);
}

static int unknown_column(const char *name, const struct columns *c, struct err *e)
{
	const size_t n = columns_count(c);
	char **names = mem_array(n + 1, sizeof *names);

	for (size_t k = 0; k < n; k++)
		names[k] = mem_dupn(columns_get(c, k).name, columns_get(c, k).len);
	unknown("result column", name, (const char *const *)names, n, e);
	for (size_t k = 0; k < n; k++)
		free(names[k]);
	free(names);
	return -1;
}

/* The metric of a column, a new one when it is the first of that name. */
static int find_metric(struct summary *s, const char *name, const struct columns *c, size_t *at,
		       struct err *e)
{
	struct metric *m;

	for (*at = 0; *at < s->n_metrics; ++*at)
		if (strcmp(s->metrics[*at].name, name) == 0)
			return 0;
	m = &s->metrics[s->n_metrics++];
	*m = (struct metric){ name, -1, parameter_of(s->space, name), 0 };
	if (m->parameter < 0)
		m->column = columns_find(c, name, strlen(name));
	if (m->parameter < 0 && m->column < 0 && columns_rows(c) > 0)
		return unknown_column(name, c, e);
	return 0;
}

static int bind_names(struct summary *s, const struct columns *c, struct err *e)
{
	const struct output *o = s->o;

	for (size_t i = 0; i < o->n_by; i++) {
		const long k = parameter_of(s->space, o->by[i]);

		if (k < 0)
			return unknown("parameter", o->by[i], space_name_list(s->space),
				       space_names(s->space), e);
		s->by[i] = (size_t)k;
	}
	for (size_t i = 0; i < o->n_stats; i++) {
		if (!o->stats[i].column)
			continue;
		if (find_metric(s, o->stats[i].column, c, &s->stat_metric[i], e) < 0)
			return -1;
		s->metrics[s->stat_metric[i]].keep |= moments_need(o->stats[i].kind);
	}
	return 0;
}

struct summary *summary_new(const struct output *o, const struct space *sp, const struct columns *c,
			    struct err *e)
{
	struct summary *s = mem_alloc(sizeof *s);

	s->o = o;
	s->space = sp;
	s->arena = arena_new();
	s->by = mem_array(o->n_by + 1, sizeof *s->by);
	s->metrics = mem_array(o->n_stats + 1, sizeof *s->metrics);
	s->stat_metric = mem_array(o->n_stats + 1, sizeof *s->stat_metric);
	if (bind_names(s, c, e) < 0) {
		err_wrap(e, "summary '%s'", o->to);
		summary_free(s);
		return NULL;
	}
	return s;
}

void summary_free(struct summary *s)
{
	if (!s)
		return;
	for (size_t g = 0; g < s->n; g++)
		for (size_t m = 0; m < s->n_metrics; m++)
			moments_release(&s->groups[g].moments[m]);
	arena_free(s->arena);
	free(s->by);
	free(s->metrics);
	free(s->stat_metric);
	free(s->groups);
	free(s->slots);
	buf_free(&s->key);
	free(s);
}

/* ---- groups ---- */

static size_t slot_of(const struct summary *s, const char *key, size_t len)
{
	size_t at = (size_t)hash_bytes(key, len) & (s->n_slots - 1);

	for (; s->slots[at]; at = (at + 1) & (s->n_slots - 1)) {
		const struct group *g = &s->groups[s->slots[at] - 1];

		if (g->key_len == len && memcmp(g->key, key, len) == 0)
			break;
	}
	return at;
}

static void slots_grow(struct summary *s)
{
	s->n_slots = s->n_slots ? s->n_slots * 2 : 64;
	free(s->slots);
	s->slots = mem_array(s->n_slots, sizeof *s->slots);
	for (size_t i = 0; i < s->n; i++)
		s->slots[slot_of(s, s->groups[i].key, s->groups[i].key_len)] = (uint32_t)(i + 1);
}

static struct group *add_group(struct summary *s, const struct point *p)
{
	struct group *g;

	ARRAY_ROOM(s->groups, s->n, s->cap);
	g = &s->groups[s->n++];
	*g = (struct group){ .key = arena_dupn(s->arena, s->key.data, s->key.len),
			     .key_len = s->key.len };
	g->by = arena_alloc(s->arena, (s->o->n_by + 1) * sizeof *g->by);
	for (size_t i = 0; p && i < s->o->n_by; i++) {
		g->by[i] = p->values[s->by[i]];
		g->by[i].text = arena_dupn(s->arena, g->by[i].text, g->by[i].len);
	}
	g->moments = arena_alloc(s->arena, (s->n_metrics + 1) * sizeof *g->moments);
	return g;
}

/* The group of a point: often the one of the row before. */
static struct group *group_of(struct summary *s, const struct point *p)
{
	size_t at;

	buf_clear(&s->key);
	for (size_t i = 0; i < s->o->n_by; i++) {
		const struct value *v = &p->values[s->by[i]];

		buf_putc(&s->key, (char)v->type);
		buf_add(&s->key, &v->len, sizeof v->len);
		buf_add(&s->key, v->text, v->len);
	}
	if (s->last && s->last->key_len == s->key.len &&
	    memcmp(s->last->key, s->key.data, s->key.len) == 0)
		return s->last;
	if ((s->n + 1) * 2 > s->n_slots)
		slots_grow(s);
	at = slot_of(s, s->key.data, s->key.len);
	if (s->slots[at])
		return s->last = &s->groups[s->slots[at] - 1];
	s->slots[at] = (uint32_t)(s->n + 1);
	return s->last = add_group(s, p);
}

/* ---- rows ---- */

static int no_number(struct gather_task *t, const struct metric *m, const char *text, size_t len,
		     bool large, struct err *e)
{
	struct buf b = BUF_INIT;

	gather_put_name(t, &b);
	buf_printf(&b, ": '%s' is '", m->name);
	text_put_shown(&b, text, len, 60);
	err_bad(e, "%s', %s", b.data, large ? "too large for a double" : "no number");
	buf_free(&b);
	return -1;
}

int summary_row(struct summary *s, struct gather_task *t, const struct row *row, const long *order,
		struct err *e)
{
	const struct point *p = gather_point(t);
	struct group *g = group_of(s, p);

	g->rows++;
	for (size_t i = 0; i < s->n_metrics; i++) {
		const struct metric *m = &s->metrics[i];
		const char *text = "";
		size_t len = 0;
		double v;

		if (m->parameter >= 0) {
			text = p->values[m->parameter].text;
			len = p->values[m->parameter].len;
		} else if (m->column >= 0 && order[m->column] >= 0) {
			text = row->cells[order[m->column]].text;
			len = row->cells[order[m->column]].len;
		}
		if (len == 0)
			continue;
		if (!text_is_number(text, len))
			return no_number(t, m, text, len, false, e);
		v = text_number(text, len);
		if (!isfinite(v))
			return no_number(t, m, text, len, true, e);
		moments_add(&g->moments[i], v, text, len, m->keep);
	}
	return 0;
}

/* ---- the table ---- */

static int write_stat(const struct group *g, const struct statistic *stat, struct moments *m,
		      struct writer *w, struct err *e)
{
	struct buf b = BUF_INIT;
	double v = 0;
	int rc = 0;

	if (stat->kind == STAT_COUNT) {
		buf_put_u64(&b, g->rows);
		writer_cell(w, JSON_NUMBER, b.data, b.len);
	} else if (stat->kind == STAT_MIN || stat->kind == STAT_MAX) {
		const struct extreme *x = stat->kind == STAT_MIN ? &m->min : &m->max;

		writer_cell(w, m->n ? JSON_NUMBER : JSON_NULL, buf_str(&x->text),
			    m->n ? x->text.len : 0);
	} else if (!moments_stat(m, stat->kind, stat->q, &v)) {
		writer_cell(w, JSON_NULL, "", 0);
	} else if (!isfinite(v)) {
		rc = err_bad(e, "'%s' is too large for a double", stat->title);
	} else {
		summary_put_double(&b, v);
		writer_cell(w, JSON_NUMBER, b.data, b.len);
	}
	buf_free(&b);
	return rc;
}

int summary_write(struct summary *s, struct writer *w, struct err *e)
{
	for (size_t i = 0; i < s->o->n_by; i++)
		writer_column(w, s->o->by[i], strlen(s->o->by[i]));
	for (size_t i = 0; i < s->o->n_stats; i++)
		writer_column(w, s->o->stats[i].title, strlen(s->o->stats[i].title));
	if (!s->o->n_by && !s->n) { /* all rows are one group, also when there are none */
		buf_clear(&s->key);
		add_group(s, NULL);
	}
	for (size_t k = 0; k < s->n; k++) {
		struct group *g = &s->groups[k];

		for (size_t i = 0; i < s->o->n_by; i++)
			writer_value(w, &g->by[i]);
		for (size_t i = 0; i < s->o->n_stats; i++)
			if (write_stat(g, &s->o->stats[i], &g->moments[s->stat_metric[i]], w, e) <
			    0)
				return err_wrap(e, "summary '%s'", s->o->to);
		if (writer_row(w, e) < 0)
			return -1;
	}
	return 0;
}
