/* SPDX-License-Identifier: MIT */
/* The body of a template: the job script, line by line. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gen/template_internal.h"

struct body {
	struct template *t;
	struct diags *d;
	size_t cap;
	uint64_t named;
	bool commands; /* a line that is neither empty nor a comment has been seen */
};

static bool is_directive(const struct template *t, const char *line, size_t n)
{
	const char *directive = t->priv->directive;
	const size_t len = directive ? strlen(directive) : 0;

	return len && n >= len && memcmp(line, directive, len) == 0;
}

/* A line may begin with conditions, which leave nothing there. */
static bool begins_as_directive(const struct template *t, const struct tmpl_text *x)
{
	size_t i = 0;

	while (i < x->n && piece_is_condition(&x->pieces[i]))
		i++;
	return i < x->n && x->pieces[i].text &&
	       is_directive(t, x->pieces[i].text, x->pieces[i].len);
}

/* How the line goes on that these begin: a comment, nothing, or a command. */
static bool is_command(const struct tmpl_text *x)
{
	for (size_t i = 0; i < x->n; i++) {
		const struct piece *p = &x->pieces[i];

		if (p->text)
			return p->text[0] != '#' && strspn(p->text, " \t") < p->len;
		if (!piece_is_condition(p))
			return tmpl_text_list(x) < 0;
	}
	return false;
}

static void add_line(struct body *b, const char *line, size_t n, int number)
{
	struct template_private *p = b->t->priv;
	struct body_line *l;
	struct err e = ERR_INIT;
	size_t at = 0;

	ARRAY_ROOM(p->body, p->n_body, b->cap);
	l = &p->body[p->n_body];
	memset(l, 0, sizeof *l);
	if (tmpl_text_compile(p->arena, b->t, line, n, false, &l->text, &at, &e) < 0) {
		diag_error(b->d, p->file, number, (int)at + 1, "%s", e.text);
		return;
	}
	l->text.line = number;
	l->directive = begins_as_directive(b->t, &l->text);
	if (l->directive && b->commands && !p->no_go)
		diag_warn(b->d, p->file, number, 1,
			  "a directive behind the first command: most schedulers read no further");
	b->commands |= is_command(&l->text);
	b->named |= tmpl_text_names(&l->text);
	p->n_body++;
}

/* What every job script must do. */
static void check_body(struct body *b, int first)
{
	const struct template_private *p = b->t->priv;
	static const struct {
		enum job_value value;
		const char *why;
	} rows[] = {
		{ JOB_WORKER, "what the job is for" },
		{ JOB_LOG, "where its output goes" },
		{ JOB_DIRECTIVES, "lines that a site adds" },
	};
	const struct piece *head = p->n_body ? p->body[0].text.pieces : NULL;

	if (!head || !p->body[0].text.n || !head->text || strncmp(head->text, "#!", 2) != 0)
		diag_error(b->d, p->file, first, 1,
			   "the body is a job script: it begins with '#!'");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!(b->named & VALUE_BIT(rows[i].value)))
			diag_error(b->d, p->file, first, 1, "the body does not name {{%s}}, %s",
				   job_value_names[rows[i].value], rows[i].why);
	for (size_t i = 0; i < b->t->n_options; i++) {
		bool found = false;

		for (size_t k = 0; k < p->n_body && !found; k++)
			for (size_t w = 0; w < p->body[k].text.n && !found; w++) {
				const struct piece *x = &p->body[k].text.pieces[w];

				found = !x->text && x->name == NAME_OPTION && x->option == i;
			}
		if (!found)
			diag_error(b->d, p->file, first, 1, "the body does not name {{option:%s}}",
				   b->t->options[i].name);
	}
}

void template_read_body(struct template *t, const char *body, size_t len, int first,
			struct diags *d)
{
	struct body b = { .t = t, .d = d };
	const size_t before = diags_errors(d);
	const char *end = body + len;
	int number = first;

	for (const char *at = body; at < end; number++) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));

		add_line(&b, at, (size_t)((nl ? nl : end) - at), number);
		at = nl ? nl + 1 : end;
	}
	t->priv->named |= b.named;
	if (diags_errors(d) == before)
		check_body(&b, first);
}
