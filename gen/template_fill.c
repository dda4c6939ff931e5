/* SPDX-License-Identifier: MIT */
/* Filling the texts of a template with the values of a job. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gen/template_internal.h"

/* What a value has become on its way through the filters. */
struct filtered {
	struct buf text;
	bool set;
	bool safe; /* quoted for a shell, or by whoever made it */
};

void piece_put_name(struct buf *b, const struct template *t, const struct piece *p)
{
	if (p->name == NAME_OPTION)
		buf_printf(b, "option '%s'", t->options[p->option].name);
	else if (p->name < JOB_VALUE_COUNT)
		buf_puts(b, job_value_names[p->name]);
	else
		buf_puts(b, p->name == NAME_HOLD ? "hold" : "after");
}

static const char *option_value(const struct rendering *r, size_t k)
{
	return r->v->options ? r->v->options[k] : r->t->options[k].fallback;
}

static bool is_set(const struct rendering *r, const struct piece *p)
{
	switch (p->name) {
	case NAME_OPTION:
		return option_value(r, p->option) != NULL;
	case NAME_HOLD:
		return r->hold;
	case NAME_AFTER:
		return r->after;
	default:
		return job_value_is_list((enum job_value)p->name) ? r->v->n_list[p->name] > 0
								  : r->v->text[p->name] != NULL;
	}
}

/* ---- filters ---- */

static bool all_of(const char *s, const char *more)
{
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		      (*s >= '0' && *s <= '9') || strchr(more, *s)))
			return false;
	return true;
}

static void put_units(struct buf *b, uint64_t v, uint64_t unit)
{
	buf_put_u64(b, v / unit + (v % unit != 0));
}

static void put_hms(struct buf *b, uint64_t s, bool days)
{
	uint64_t hours = s / 3600;

	if (days) {
		buf_printf(b, "%llu-", (unsigned long long)(hours / 24));
		hours %= 24;
	}
	buf_printf(b, days ? "%02llu:%02u:%02u" : "%llu:%02u:%02u", (unsigned long long)hours,
		   (unsigned)(s / 60 % 60), (unsigned)(s % 60));
}

/* A filter that wants a number; "why" it is none is an error. */
static int filter_number(struct filtered *x, const struct filter *f, struct err *e)
{
	uint64_t v;

	if (!x->set)
		return 0;
	if (!text_u64(buf_str(&x->text), x->text.len, &v))
		return err_bad(e, "the filter '%s' wants a whole number, not '%s'",
			       filter_names[f->kind], buf_str(&x->text));
	if (f->kind == FILTER_ABOVE) {
		x->set = v > f->number;
		return 0;
	}
	buf_clear(&x->text);
	switch (f->kind) {
	case FILTER_MIN:
		put_units(&x->text, v, 60);
		break;
	case FILTER_KIB:
		put_units(&x->text, v, UINT64_C(1) << 10);
		break;
	case FILTER_MIB:
		put_units(&x->text, v, UINT64_C(1) << 20);
		break;
	case FILTER_GIB:
		put_units(&x->text, v, UINT64_C(1) << 30);
		break;
	default:
		put_hms(&x->text, v, f->kind == FILTER_DHMS);
		break;
	}
	return 0;
}

static void quote(struct filtered *x)
{
	struct buf out = BUF_INIT;

	text_put_shell(&out, buf_str(&x->text), x->text.len);
	buf_free(&x->text);
	x->text = out;
	x->safe = true;
}

static int apply(struct filtered *x, const struct filter *f, struct err *e)
{
	switch (f->kind) {
	case FILTER_IF:
	case FILTER_UNLESS:
		buf_clear(&x->text);
		if (f->kind == FILTER_UNLESS)
			x->set = !x->set;
		return 0;
	case FILTER_OR:
		if (!x->set) {
			buf_clear(&x->text);
			buf_puts(&x->text, f->arg);
			x->set = x->safe = true;
		}
		return 0;
	case FILTER_PLAIN:
		x->set = x->set && all_of(buf_str(&x->text), "_./:@+=-");
		return 0;
	case FILTER_Q:
		if (x->set)
			quote(x);
		return 0;
	case FILTER_JOIN:
		return 0; /* done when the list was put together */
	default:
		return filter_number(x, f, e);
	}
}

/* A list as one text, for `join` (items quoted when q stands before it). */
static void put_list(const struct rendering *r, const struct piece *p, struct filtered *x)
{
	const char *sep = " ";
	bool quoted = false;

	for (size_t i = 0; i < p->n_filters && p->filters[i].kind != FILTER_JOIN; i++)
		quoted |= p->filters[i].kind == FILTER_Q;
	for (size_t i = 0; i < p->n_filters; i++)
		if (p->filters[i].kind == FILTER_JOIN)
			sep = p->filters[i].arg;
	for (size_t i = 0; i < r->v->n_list[p->name]; i++) {
		const char *item = r->v->list[p->name][i];

		buf_puts(&x->text, i ? sep : "");
		if (quoted)
			text_put_shell(&x->text, item, strlen(item));
		else
			buf_puts(&x->text, item);
	}
	x->safe = quoted;
}

/* Where the filters begin that work on the joined text. */
static size_t behind_join(const struct piece *p)
{
	for (size_t i = 0; i < p->n_filters; i++)
		if (p->filters[i].kind == FILTER_JOIN)
			return i + 1;
	return 0;
}

/* Puts a value through its filters. The caller frees x->text. */
static int filter_piece(const struct rendering *r, const struct piece *p, struct filtered *x,
			struct err *e)
{
	size_t from = 0;

	*x = (struct filtered){ .set = is_set(r, p), .safe = p->name == JOB_WORKER };
	if (p->name < JOB_VALUE_COUNT && job_value_is_list((enum job_value)p->name)) {
		if (x->set)
			put_list(r, p, x);
		from = behind_join(p);
	} else if (x->set) {
		buf_puts(&x->text,
			 p->name == NAME_OPTION ? option_value(r, p->option) : r->v->text[p->name]);
	}
	for (size_t i = from; i < p->n_filters; i++)
		if (apply(x, &p->filters[i], e) < 0)
			return -1;
	return 0;
}

/* ---- what may stand where ---- */

/* A directive is no shell's: each scheduler splits it in its own way at these. */
static const char *bad_in_directive(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f || strchr("\"'`\\#$", *s))
			return s;
	return NULL;
}

static const char *bad_in_shell(const char *s)
{
	for (; *s; s++) {
		const char one[] = { *s, '\0' };

		if (!all_of(one, "_./:@+=,%-"))
			return s;
	}
	return NULL;
}

static const char *control_in(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return s;
	return NULL;
}

static int check_place(const struct rendering *r, const struct piece *p, const struct filtered *x,
		       enum text_place place, struct err *e)
{
	const char *s = buf_str(&x->text), *bad = NULL;
	const char *origin = p->name < JOB_VALUE_COUNT ? r->v->origin[p->name] : NULL;
	const char *raw = p->name < JOB_VALUE_COUNT ? r->v->text[p->name] : NULL;
	struct buf b = BUF_INIT;

	if (place == PLACE_WORD)
		return 0;
	bad = control_in(s);
	if (!bad && !x->safe)
		bad = place == PLACE_DIRECTIVE ? bad_in_directive(s) : bad_in_shell(s);
	if (!bad)
		return 0;
	piece_put_name(&b, r->t, p);
	buf_puts(&b, " '");
	text_put_shown(&b, raw ? raw : s, strlen(raw ? raw : s), 80);
	buf_puts(&b, "'");
	if (origin)
		buf_printf(&b, " (from %s)", origin);
	buf_printf(&b, " cannot stand in a %s of template '%s': it holds '",
		   place == PLACE_DIRECTIVE ? "directive" : "script", r->t->name);
	text_put_shown(&b, bad, 1, 0);
	buf_putc(&b, '\'');
	err_bad(e, "%s", buf_str(&b));
	buf_free(&b);
	return -1;
}

/* ---- texts ---- */

/* Which piece of a group is not set; NULL: none. *rc is -1 when a filter did not fit. */
static const struct piece *lacking(const struct rendering *r, const struct tmpl_text *t,
				   unsigned group, int *rc, struct err *e)
{
	struct filtered x;

	*rc = 0;
	for (size_t i = 0; i < t->n; i++) {
		const struct piece *p = &t->pieces[i];
		bool set;

		if (p->group != group || p->text)
			continue;
		*rc = filter_piece(r, p, &x, e);
		set = x.set;
		buf_free(&x.text);
		if (*rc < 0 || !set)
			return p;
	}
	return NULL;
}

static bool is_unless(const struct piece *p)
{
	return p->n_filters && p->filters[p->n_filters - 1].kind == FILTER_UNLESS;
}

/* Remembers what is left out with a group (of the whole text for 0) for want of `by`. */
static void note_drops(struct rendering *r, const struct tmpl_text *t, unsigned group,
		       const struct piece *by)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct piece *p = &t->pieces[i];

		if (p->text || p->name >= JOB_VALUE_COUNT || (group && p->group != group) ||
		    is_unless(p))
			continue;
		if (!r->drops[p->name].line)
			r->drops[p->name] = (struct drop){ t->line, by };
	}
}

static int put_piece(struct rendering *r, const struct piece *p, enum text_place place,
		     struct buf *out, struct err *e)
{
	struct filtered x;
	int rc = filter_piece(r, p, &x, e);

	if (rc == 0)
		rc = check_place(r, p, &x, place, e);
	if (rc == 0) {
		buf_add(out, buf_str(&x.text), x.text.len);
		if (p->name < JOB_VALUE_COUNT) {
			r->used |= VALUE_BIT(p->name);
			if (!piece_is_condition(p))
				r->written |= VALUE_BIT(p->name);
		}
	}
	buf_free(&x.text);
	return rc;
}

static int fill(struct rendering *r, const struct tmpl_text *t, enum text_place place,
		struct buf *out, struct err *e)
{
	unsigned checked = 0;
	bool left_out = false;
	int rc;
	const struct piece *by = lacking(r, t, 0, &rc, e);

	if (rc < 0)
		return -1;
	if (by) {
		note_drops(r, t, 0, by);
		return 0;
	}
	for (size_t i = 0; i < t->n; i++) {
		const struct piece *p = &t->pieces[i];

		if (p->group && p->group != checked) {
			checked = p->group;
			by = lacking(r, t, checked, &rc, e);
			if (rc < 0)
				return -1;
			left_out = by != NULL;
			if (by)
				note_drops(r, t, checked, by);
		}
		if (p->group && left_out)
			continue;
		if (p->text)
			buf_add(out, p->text, p->len);
		else if (put_piece(r, p, place, out, e) < 0)
			return -1;
	}
	return 1;
}

int tmpl_text_fill(struct rendering *r, const struct tmpl_text *t, enum text_place place,
		   struct buf *out, struct err *e)
{
	const size_t from = out->len;
	int rc = fill(r, t, place, out, e);

	if (rc < 0) {
		out->len = from;
		err_wrap(e, "%s:%d", r->t->priv->file, t->line);
	}
	return rc;
}

/* ---- words of commands ---- */

static void put_word(struct buf *out, size_t *n, const char *text, size_t len)
{
	buf_add(out, text, len);
	buf_putc(out, '\0');
	++*n;
}

static int put_words(struct rendering *r, const struct tmpl_text *word, struct buf *out, size_t *n,
		     struct err *e)
{
	const int list = tmpl_text_list(word);
	struct buf one = BUF_INIT;
	int rc;

	if (list >= 0) {
		for (size_t i = 0; i < r->v->n_list[list]; i++)
			put_word(out, n, r->v->list[list][i], strlen(r->v->list[list][i]));
		r->used |= VALUE_BIT(list);
		r->written |= VALUE_BIT(list);
		return 0;
	}
	rc = tmpl_text_fill(r, word, PLACE_WORD, &one, e);
	if (rc == 1 && (one.len || !tmpl_text_has_names(word)))
		put_word(out, n, buf_str(&one), one.len);
	buf_free(&one);
	return rc < 0 ? -1 : 0;
}

int template_fill_words(struct rendering *r, const struct template_command *c, struct buf *out,
			size_t *n, struct err *e)
{
	for (size_t i = 0; c && i < c->n; i++) {
		const struct piece *p = c->words[i].pieces;
		int rc;

		if (c->words[i].n == 1 && p->name == NAME_HOLD && !p->text)
			rc = r->hold ? template_fill_words(r, r->t->hold, out, n, e) : 0;
		else if (c->words[i].n == 1 && p->name == NAME_AFTER && !p->text)
			rc = r->after ? template_fill_words(r, r->t->after, out, n, e) : 0;
		else
			rc = put_words(r, &c->words[i], out, n, e);
		if (rc < 0)
			return -1;
	}
	return 0;
}

char **template_words(const struct template *t, const struct template_command *c,
		      const struct job_values *v, bool hold, bool after, struct err *e)
{
	struct rendering r = { .t = t, .v = v, .hold = hold, .after = after };
	struct buf text = BUF_INIT;
	char **words = NULL, *at;
	size_t n = 0;
	int rc = template_fill_words(&r, c, &text, &n, e);

	if (rc == 0 && n == 0)
		err_bad(e, "%s: nothing is left of a command", t->priv->file);
	if (rc == 0 && n > 0) {
		words = mem_alloc((n + 1) * sizeof *words + text.len);
		at = (char *)(words + n + 1);
		memcpy(at, text.data, text.len);
		for (size_t i = 0; i < n; i++, at += strlen(at) + 1)
			words[i] = at;
	}
	buf_free(&text);
	return words;
}

bool template_can_say(const struct template *t, const struct template_command *c,
		      const struct job_values *v)
{
	const struct rendering r = { .t = t, .v = v };
	int rc;

	for (size_t i = 0; i < c->n; i++)
		if (lacking(&r, &c->words[i], 0, &rc, NULL))
			return false;
	return true;
}
