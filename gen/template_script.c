/* SPDX-License-Identifier: MIT */
/* The job script of a template, and whether all that was wished for is in it. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gen/template_internal.h"

/* ---- wishes ---- */

#define ARRAY_BITS (VALUE_BIT(JOB_FIRST) | VALUE_BIT(JOB_LAST) | VALUE_BIT(JOB_COUNT))
#define CPUS_BITS  (VALUE_BIT(JOB_CPUS) | VALUE_BIT(JOB_CPUS_PER_NODE) | VALUE_BIT(JOB_CPUS_TOTAL))
#define RANKS_BITS                                                                             \
	(VALUE_BIT(JOB_RANKS) | VALUE_BIT(JOB_RANKS_PER_NODE) | VALUE_BIT(JOB_CPUS_PER_NODE) | \
	 VALUE_BIT(JOB_CPUS_TOTAL))
#define MEMORY_BITS (VALUE_BIT(JOB_MEMORY) | VALUE_BIT(JOB_MEMORY_PER_CPU))

/* Which values may tell of a wish; 0: it is none. */
static uint64_t told_by(const struct job_values *v, enum job_value k)
{
	const char *text = v->text[k];

	if (job_value_is_list(k) ? !v->n_list[k] : !text)
		return 0;
	switch (k) {
	case JOB_NODES:
		return strcmp(text, "1") != 0 ? VALUE_BIT(k) : 0;
	case JOB_CPUS:
		return strcmp(text, "1") != 0 ? CPUS_BITS : 0;
	case JOB_RANKS:
		return strcmp(text, "1") != 0 ? RANKS_BITS : 0;
	case JOB_COUNT:
		return ARRAY_BITS;
	case JOB_MEMORY:
	case JOB_MEMORY_PER_CPU:
		return MEMORY_BITS;
	default:
		return job_value_is_request(k) ? VALUE_BIT(k) : 0;
	}
}

static void put_origin(struct buf *b, const struct job_values *v, enum job_value k)
{
	if (v->origin[k])
		buf_printf(b, " (from %s)", v->origin[k]);
}

/* "because 'partition' is set" */
static void put_reason(struct buf *b, const struct rendering *r, const struct piece *by)
{
	const struct filter *last = by->n_filters ? &by->filters[by->n_filters - 1] : NULL;

	buf_puts(b, "because ");
	piece_put_name(b, r->t, by);
	if (last && last->kind == FILTER_UNLESS)
		buf_puts(b, " is set");
	else if (by->n_filters &&
		 (last->kind == FILTER_PLAIN || by->filters[0].kind == FILTER_ABOVE))
		buf_puts(b, " is what it is");
	else if (by->name == NAME_OPTION)
		buf_puts(b, " is not set: a site file can set it");
	else
		buf_puts(b, " is not set");
}

static int refuse(const struct rendering *r, enum job_value k, struct err *e)
{
	const char *what = k == JOB_COUNT ? "an array" : job_value_names[k];
	const struct drop *drop = &r->drops[k];
	struct buf b = BUF_INIT;

	if (drop->line && k != JOB_COUNT) {
		buf_puts(&b, what);
		put_origin(&b, r->v, k);
		buf_printf(&b, " would be lost: template '%s' leaves its line %d out ", r->t->name,
			   drop->line);
		put_reason(&b, r, drop->by);
	} else {
		buf_printf(&b, "template '%s' cannot express %s", r->t->name, what);
		put_origin(&b, r->v, k);
	}
	err_bad(e, "%s", buf_str(&b));
	buf_free(&b);
	return -1;
}

static int check_wishes(const struct rendering *r, struct err *e)
{
	for (int k = 0; k < JOB_VALUE_COUNT; k++) {
		const uint64_t by = told_by(r->v, (enum job_value)k);

		if (by && !((k == JOB_COUNT ? r->written : r->used) & by))
			return refuse(r, (enum job_value)k, e);
	}
	return 0;
}

/* ---- the body ---- */

/* Whole lines of a site: they must be directives, or they would be run, and end the directives. */
static int put_lines(struct rendering *r, int list, struct buf *out, struct err *e)
{
	const char *directive = r->t->priv->directive;
	struct buf origin = BUF_INIT;
	int rc = 0;

	put_origin(&origin, r->v, (enum job_value)list);
	for (size_t i = 0; rc == 0 && i < r->v->n_list[list]; i++) {
		const char *item = r->v->list[list][i];

		if (strncmp(item, directive, strlen(directive)) != 0)
			rc = err_bad(e,
				     "the line '%s'%s is no directive of template '%s': it begins "
				     "with '%s'",
				     item, buf_str(&origin), r->t->name, directive);
		else if (strpbrk(item, "\r\n"))
			rc = err_bad(e, "a line of %s%s holds a newline", job_value_names[list],
				     buf_str(&origin));
		buf_puts(out, item);
		buf_putc(out, '\n');
	}
	r->used |= VALUE_BIT(list);
	r->written |= VALUE_BIT(list);
	buf_free(&origin);
	return rc;
}

static int put_line(struct rendering *r, const struct body_line *line, struct buf *out,
		    struct err *e)
{
	const int list = tmpl_text_list(&line->text);
	const size_t from = out->len;
	int rc;

	if (list >= 0)
		return put_lines(r, list, out, e);
	rc = tmpl_text_fill(r, &line->text, line->directive ? PLACE_DIRECTIVE : PLACE_SHELL, out,
			    e);
	if (rc < 0)
		return -1;
	if (rc == 1 && (out->len > from || !tmpl_text_has_names(&line->text)))
		buf_putc(out, '\n');
	return 0;
}

/* Some schedulers read directives wherever they stand, also within a command. */
static int check_forbidden(const struct template *t, const struct buf *script, size_t from,
			   struct err *e)
{
	const struct template_private *p = t->priv;
	const char *text = buf_str(script), *end;
	int line = 1;

	for (const char *at = text + from; p->no_go && *at; at = end + (*end != '\0'), line++) {
		struct buf shown = BUF_INIT;
		size_t begin = 0;
		int rc;

		end = strchrnul(at, '\n');
		if (strncmp(at, p->directive, strlen(p->directive)) == 0)
			continue;
		rc = pattern_next(p->no_go, at, (size_t)(end - at), &begin, e);
		if (rc == 0)
			continue;
		text_put_shown(&shown, at, (size_t)(end - at), 80);
		if (rc > 0)
			err_bad(e,
				"line %d of the script would be misread: '%s' in it matches '%s', "
				"which template '%s' forbids",
				line, buf_str(&shown), p->forbidden, t->name);
		buf_free(&shown);
		return -1;
	}
	return 0;
}

int template_script(const struct template *t, const struct job_values *v, struct buf *out,
		    struct err *e)
{
	struct rendering r = { .t = t, .v = v };
	const size_t from = out->len;
	struct buf words = BUF_INIT;
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < t->priv->n_body; i++)
		rc = put_line(&r, &t->priv->body[i], out, e);
	if (rc == 0)
		rc = check_forbidden(t, out, from, e);
	if (rc == 0)
		rc = template_fill_words(&r, t->submit.command, &words, &n, e);
	if (rc == 0)
		rc = check_wishes(&r, e);
	if (rc < 0)
		out->len = from;
	buf_free(&words);
	return rc;
}

/* ---- names of jobs ---- */

/* Whether a byte is in the inside of a bracket expression: characters and ranges. */
static bool is_allowed(const char *set, char c)
{
	for (; *set; set++) {
		if (set[1] == '-' && set[2]) {
			if (c >= set[0] && c <= set[2])
				return true;
			set += 2;
		} else if (*set == c) {
			return true;
		}
	}
	return false;
}

static void put_fitted(const struct template *t, const char *s, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		buf_putc(out, is_allowed(t->job_name.allowed, s[i]) ? s[i] : '_');
}

void template_job_name(const struct template *t, const char *name, const char *suffix,
		       struct buf *out)
{
	const size_t tail = strlen(suffix), most = (size_t)t->job_name.most;
	const char first = *name ? *name : *suffix;
	const bool letter = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z');
	const size_t lead = t->job_name.letter_first && !letter;
	size_t room = most > tail + lead ? most - tail - lead : 0, len = strlen(name);

	if (lead)
		buf_putc(out, 'j');
	put_fitted(t, name, len < room ? len : room, out);
	put_fitted(t, suffix, tail, out);
}
