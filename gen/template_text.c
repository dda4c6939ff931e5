/* SPDX-License-Identifier: MIT */
/* Texts of a template with {{name|filter}} and {? ... ?}, compiled when the template is read. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gen/template_internal.h"

const char *const job_value_names[JOB_VALUE_COUNT] = {
	[JOB_NAME] = "name",
	[JOB_SCRIPT] = "script",
	[JOB_WORKER] = "worker",
	[JOB_LOG] = "log",
	[JOB_NODES] = "nodes",
	[JOB_RANKS] = "ranks",
	[JOB_RANKS_PER_NODE] = "ranks_per_node",
	[JOB_CPUS] = "cpus",
	[JOB_CPUS_PER_NODE] = "cpus_per_node",
	[JOB_CPUS_TOTAL] = "cpus_total",
	[JOB_FIRST] = "first",
	[JOB_LAST] = "last",
	[JOB_COUNT] = "count",
	[JOB_THROTTLE] = "throttle",
	[JOB_MEMORY] = "memory",
	[JOB_MEMORY_PER_CPU] = "memory_per_cpu",
	[JOB_TIME] = "time",
	[JOB_NOTICE] = "notice",
	[JOB_GPUS] = "gpus",
	[JOB_GPU_TYPE] = "gpu_type",
	[JOB_CONSTRAINT] = "constraint",
	[JOB_LICENCES] = "licences",
	[JOB_EXCLUSIVE] = "exclusive",
	[JOB_ACCOUNT] = "account",
	[JOB_PARTITION] = "partition",
	[JOB_QOS] = "qos",
	[JOB_RESERVATION] = "reservation",
	[JOB_MAIL] = "mail",
	[JOB_MAIL_ON] = "mail_on",
	[JOB_DIRECTIVES] = "directives",
	[JOB_EXTRA] = "extra",
	[JOB_IDS] = "ids",
	[JOB_USER] = "user",
};

const char *const filter_names[FILTER_COUNT] = {
	[FILTER_ABOVE] = "above",   [FILTER_DHMS] = "dhms",   [FILTER_GIB] = "gib",
	[FILTER_HMS] = "hms",       [FILTER_IF] = "if",       [FILTER_JOIN] = "join",
	[FILTER_KIB] = "kib",       [FILTER_MIB] = "mib",     [FILTER_MIN] = "min",
	[FILTER_OR] = "or",         [FILTER_PLAIN] = "plain", [FILTER_Q] = "q",
	[FILTER_UNLESS] = "unless",
};

bool job_value_is_request(enum job_value v)
{
	return v >= JOB_THROTTLE && v <= JOB_EXTRA && v != JOB_NOTICE;
}

bool job_value_is_list(enum job_value v)
{
	return v == JOB_DIRECTIVES || v == JOB_EXTRA || v == JOB_IDS;
}

struct compiler {
	struct arena *a;
	const struct template *t;
	const char *text;
	size_t len, at;
	bool in_submit;
	struct piece *pieces;
	size_t n, cap;
	struct buf literal;
	unsigned group, groups;
	size_t group_at;  /* where the open group began */
	bool group_names; /* something is named in it */
	struct err *e;
};

static bool looking_at(const struct compiler *c, const char *what)
{
	const size_t n = strlen(what);

	return c->len - c->at >= n && memcmp(c->text + c->at, what, n) == 0;
}

static void add_piece(struct compiler *c, struct piece p)
{
	p.group = c->group;
	ARRAY_ROOM(c->pieces, c->n, c->cap);
	c->pieces[c->n++] = p;
}

static void end_literal(struct compiler *c)
{
	if (!c->literal.len)
		return;
	add_piece(c, (struct piece){ .text = arena_dupn(c->a, c->literal.data, c->literal.len),
				     .len = c->literal.len });
	buf_clear(&c->literal);
}

/* ---- {{name|filter:text}} ---- */

static int unknown_name(struct compiler *c, const char *name, size_t n)
{
	const char *all[JOB_VALUE_COUNT + 2], *near;
	size_t count = 0;
	char *word = mem_dupn(name, n);

	for (; count < JOB_VALUE_COUNT; count++)
		all[count] = job_value_names[count];
	if (c->in_submit) {
		all[count++] = "hold";
		all[count++] = "after";
	}
	near = text_nearest(word, all, count);
	if (near)
		err_bad(c->e, "unknown value '%s' (did you mean '%s'?)", word, near);
	else if (!c->in_submit && (text_eq(name, n, "hold") || text_eq(name, n, "after")))
		err_bad(c->e, "'{{%s}}' stands in submit.run only", word);
	else
		err_bad(c->e, "unknown value '%s'", word);
	free(word);
	return -1;
}

static int find_option(struct compiler *c, const char *name, size_t n, struct piece *p)
{
	const char **all = mem_array(c->t->n_options + 1, sizeof *all), *near;
	char *word;
	int rc = 0;

	for (size_t i = 0; i < c->t->n_options; i++) {
		all[i] = c->t->options[i].name;
		if (text_eq(name, n, all[i])) {
			p->name = NAME_OPTION;
			p->option = i;
			goto out;
		}
	}
	word = mem_dupn(name, n);
	near = text_nearest(word, all, c->t->n_options);
	rc = near ? err_bad(c->e, "unknown option '%s' (did you mean '%s'?)", word, near)
		  : err_bad(c->e, "unknown option '%s': it must stand in 'options'", word);
	free(word);
out:
	free(all);
	return rc;
}

static int find_name(struct compiler *c, const char *name, size_t n, struct piece *p)
{
	static const char option[] = "option:";

	if (n >= sizeof option - 1 && memcmp(name, option, sizeof option - 1) == 0)
		return find_option(c, name + sizeof option - 1, n - (sizeof option - 1), p);
	for (int i = 0; i < JOB_VALUE_COUNT; i++) {
		if (text_eq(name, n, job_value_names[i])) {
			p->name = i;
			return 0;
		}
	}
	if (c->in_submit && (text_eq(name, n, "hold") || text_eq(name, n, "after"))) {
		p->name = *name == 'h' ? NAME_HOLD : NAME_AFTER;
		return 0;
	}
	return unknown_name(c, name, n);
}

static int unknown_filter(struct compiler *c, const char *name, size_t n)
{
	char *word = mem_dupn(name, n);
	const char *near = text_nearest(word, filter_names, FILTER_COUNT);

	if (near)
		err_bad(c->e, "unknown filter '%s' (did you mean '%s'?)", word, near);
	else
		err_bad(c->e, "unknown filter '%s'", word);
	free(word);
	return -1;
}

static int read_filter(struct compiler *c, const char *text, size_t n, struct filter *f)
{
	const char *colon = memchr(text, ':', n);
	const size_t len = colon ? (size_t)(colon - text) : n;
	int k = 0;
	bool takes;

	while (k < FILTER_COUNT && !text_eq(text, len, filter_names[k]))
		k++;
	if (k == FILTER_COUNT)
		return unknown_filter(c, text, len);
	takes = k == FILTER_OR || k == FILTER_JOIN || k == FILTER_ABOVE;
	if (takes && !colon)
		return err_bad(c->e, "the filter '%s' wants a text behind a colon: '%s:...'",
			       filter_names[k], filter_names[k]);
	if (!takes && colon)
		return err_bad(c->e, "the filter '%s' takes no text", filter_names[k]);
	f->kind = (enum filter_kind)k;
	f->arg = colon ? arena_dupn(c->a, colon + 1, n - len - 1) : NULL;
	if (k == FILTER_ABOVE && !text_u64(f->arg, strlen(f->arg), &f->number))
		return err_bad(c->e, "the filter 'above' wants a whole number, not '%s'", f->arg);
	return 0;
}

/* What filters can follow what. */
static int check_filters(struct compiler *c, const struct piece *p)
{
	const bool list = p->name < JOB_VALUE_COUNT && job_value_is_list((enum job_value)p->name);
	bool joined = false;

	if (p->name == NAME_HOLD || p->name == NAME_AFTER)
		return p->n_filters ? err_bad(c->e, "'hold' and 'after' take no filter") : 0;
	for (size_t i = 0; i < p->n_filters; i++) {
		const enum filter_kind k = p->filters[i].kind;

		if (k == FILTER_JOIN && (!list || joined))
			return err_bad(c->e, "the filter 'join' is for lists");
		joined |= k == FILTER_JOIN;
		if ((k == FILTER_IF || k == FILTER_UNLESS) && i + 1 < p->n_filters)
			return err_bad(c->e, "nothing can follow the filter '%s'", filter_names[k]);
		if (list && !joined && k != FILTER_Q && k != FILTER_IF && k != FILTER_UNLESS)
			return err_bad(c->e, "'%s' is a list: put 'join:' before the filter '%s'",
				       job_value_names[p->name], filter_names[k]);
	}
	return 0;
}

/* Where a filter ends: the next '|', or the end. */
static size_t filter_len(const char *text, size_t n)
{
	const char *bar = memchr(text, '|', n);

	return bar ? (size_t)(bar - text) : n;
}

/* The inside of {{ }}; c->at is moved to what is wrong. */
static int read_placeholder(struct compiler *c, const char *text, size_t n)
{
	struct piece p = { .len = 0 };
	struct filter found[8];
	size_t len = filter_len(text, n);

	c->at = (size_t)(text - c->text);
	if (find_name(c, text, len, &p) < 0)
		return -1;
	while (len < n) {
		const char *at = text + len + 1;
		const size_t part = filter_len(at, n - len - 1);

		c->at = (size_t)(at - c->text);
		if (p.n_filters == sizeof found / sizeof *found)
			return err_bad(c->e, "too many filters");
		if (read_filter(c, at, part, &found[p.n_filters]) < 0)
			return -1;
		p.n_filters++;
		len += 1 + part;
	}
	p.filters = arena_alloc(c->a, (p.n_filters + 1) * sizeof *p.filters);
	memcpy(p.filters, found, p.n_filters * sizeof *found);
	c->at = (size_t)(text - c->text);
	if (check_filters(c, &p) < 0)
		return -1;
	c->group_names = true;
	add_piece(c, p);
	return 0;
}

/* {{'text'}}: as it stands there, so that {{ and {? can be written. */
static const char *literal_end(const struct compiler *c, const char *open)
{
	const char *end;

	if (open[2] != '\'')
		return NULL;
	end = memmem(open + 3, (size_t)(c->text + c->len - open - 3), "'}}", 3);
	return end;
}

static int one_placeholder(struct compiler *c)
{
	const char *open = c->text + c->at, *end = literal_end(c, open);
	size_t after;

	if (end) {
		buf_add(&c->literal, open + 3, (size_t)(end - open - 3));
		c->at = (size_t)(end + 3 - c->text);
		return 0;
	}
	end = memmem(open, c->len - c->at, "}}", 2);
	if (!end)
		return err_bad(c->e, "'{{' is not closed: write {{'{{'}} for braces");
	end_literal(c);
	after = (size_t)(end + 2 - c->text);
	if (read_placeholder(c, open + 2, (size_t)(end - open - 2)) < 0)
		return -1;
	c->at = after;
	return 0;
}

/* ---- {? ... ?} ---- */

static int open_group(struct compiler *c)
{
	if (c->group)
		return err_bad(c->e, "'{?' within '{?'");
	end_literal(c);
	c->group = ++c->groups;
	c->group_at = c->at;
	c->group_names = false;
	c->at += 2;
	return 0;
}

static int close_group(struct compiler *c)
{
	end_literal(c);
	if (!c->group_names) {
		c->at = c->group_at;
		return err_bad(c->e, "'{? ?}' names no value: it would always stand there");
	}
	c->group = 0;
	c->at += 2;
	return 0;
}

static int one_step(struct compiler *c)
{
	if (looking_at(c, "{{"))
		return one_placeholder(c);
	if (looking_at(c, "{?"))
		return open_group(c);
	if (c->group && looking_at(c, "?}"))
		return close_group(c);
	buf_putc(&c->literal, c->text[c->at++]);
	return 0;
}

/* A list stands alone, or it is joined. */
static int check_lists(struct compiler *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct piece *p = &c->pieces[i];
		bool joined = false;

		if (p->text ||
		    (p->name < JOB_VALUE_COUNT && !job_value_is_list((enum job_value)p->name)) ||
		    p->name == NAME_OPTION)
			continue;
		for (size_t k = 0; k < p->n_filters; k++)
			joined |= p->filters[k].kind != FILTER_Q;
		if (joined || c->n == 1)
			continue;
		c->at = 0;
		if (p->name >= JOB_VALUE_COUNT)
			return err_bad(c->e, "'{{%s}}' is a word of its own",
				       p->name == NAME_HOLD ? "hold" : "after");
		return err_bad(c->e,
			       "'%s' is a list: it stands alone, or is joined as in {{%s|join:,}}",
			       job_value_names[p->name], job_value_names[p->name]);
	}
	return 0;
}

int tmpl_text_compile(struct arena *a, const struct template *t, const char *text, size_t len,
		      bool in_submit, struct tmpl_text *out, size_t *at, struct err *e)
{
	struct compiler c = {
		.a = a, .t = t, .text = text, .len = len, .in_submit = in_submit, .e = e
	};
	int rc = 0;

	while (rc == 0 && c.at < len)
		rc = one_step(&c);
	if (rc == 0 && c.group) {
		c.at = c.group_at;
		rc = err_bad(e, "'{?' is not closed: write {{'{?'}} for the two characters");
	}
	end_literal(&c);
	if (rc == 0)
		rc = check_lists(&c);
	if (rc == 0) {
		out->n = c.n;
		out->groups = c.groups;
		out->pieces = arena_alloc(a, (c.n + 1) * sizeof *out->pieces);
		if (c.n)
			memcpy(out->pieces, c.pieces, c.n * sizeof *c.pieces);
	} else {
		*at = c.at;
	}
	buf_free(&c.literal);
	free(c.pieces);
	return rc;
}

/* ---- questions about what was compiled ---- */

int tmpl_text_list(const struct tmpl_text *t)
{
	const struct piece *p = t->pieces;

	if (t->n != 1 || p->text || p->name >= JOB_VALUE_COUNT ||
	    !job_value_is_list((enum job_value)p->name))
		return -1;
	for (size_t i = 0; i < p->n_filters; i++)
		if (p->filters[i].kind != FILTER_Q)
			return -1;
	return p->name;
}

bool piece_is_condition(const struct piece *p)
{
	enum filter_kind last;

	if (p->text || !p->n_filters)
		return false;
	last = p->filters[p->n_filters - 1].kind;
	return last == FILTER_IF || last == FILTER_UNLESS;
}

bool tmpl_text_has_names(const struct tmpl_text *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!t->pieces[i].text)
			return true;
	return false;
}

uint64_t tmpl_text_names(const struct tmpl_text *t)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < t->n; i++)
		if (!t->pieces[i].text && t->pieces[i].name < JOB_VALUE_COUNT)
			bits |= VALUE_BIT(t->pieces[i].name);
	return bits;
}
