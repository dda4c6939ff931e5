/* SPDX-License-Identifier: MIT */
/* A template from its text, and its end. */
#include "gen/template.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "gen/template_internal.h"

#define TEMPLATE_BYTES_MAX (1u << 20)

/* Where the line begins that is nothing but "---", behind the first; NULL: there is none. */
static const char *find_fence(const char *text)
{
	const char *at = text;

	while ((at = strstr(at, "\n---"))) {
		if (at[4] == '\n' || at[4] == '\0')
			return at + 1;
		at += 4;
	}
	return NULL;
}

static int line_of(const char *text, const char *at)
{
	int line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

/* What is wrong with a text before it is looked at as a template. */
static int check_text(const char *text, size_t len, const char *file, struct diags *d)
{
	const char *cr = memchr(text, '\r', len);
	size_t at = 0;

	if (len > TEMPLATE_BYTES_MAX)
		return diag_error(d, file, 0, 0, "too large for a template: more than 1 MiB");
	if (memchr(text, '\0', len))
		return diag_error(d, file, 0, 0, "this is no text: it holds a NUL");
	if (cr)
		return diag_error(d, file, line_of(text, cr), 1,
				  "this line ends in CR LF, which no shell takes: save the file "
				  "with plain LF line ends");
	while (at < len) {
		const size_t n = text_utf8_len(text + at, len - at);

		if (!n)
			return diag_error(d, file, line_of(text, text + at), 1, "this is no UTF-8");
		at += n;
	}
	return 0;
}

static void read_all(struct template *t, struct diags *d)
{
	struct template_private *p = t->priv;
	const size_t before = diags_errors(d);
	const char *fence, *body;

	if (check_text(p->text, p->len, p->file, d) < 0)
		return;
	if (strncmp(p->text, "---\n", 4) != 0) {
		diag_error(d, p->file, 1, 1,
			   "a template begins with a line '---', then its facts, then '---' again, "
			   "then the job script");
		return;
	}
	fence = find_fence(p->text + 3);
	if (!fence) {
		diag_error(d, p->file, 1, 1,
			   "the facts do not end: a second line '---' is missing");
		return;
	}
	template_read_front(t, arena_dupn(p->arena, p->text, (size_t)(fence - p->text)),
			    (size_t)(fence - p->text), d);
	if (diags_errors(d) > before)
		return;
	body = fence[3] ? fence + 4 : fence + 3;
	template_read_body(t, body, strlen(body), line_of(p->text, body), d);
}

struct template *template_parse(const char *text, size_t len, const char *origin, struct diags *d)
{
	const size_t before = diags_errors(d);
	struct template *t = mem_alloc(sizeof *t);
	struct arena *a = arena_new();

	t->priv = mem_alloc(sizeof *t->priv);
	t->priv->arena = a;
	t->priv->text = arena_dupn(a, text, len);
	t->priv->len = len;
	t->origin = t->priv->file = arena_dup(a, origin);
	read_all(t, d);
	if (diags_errors(d) == before)
		return t;
	template_free(t);
	return NULL;
}

static void free_ask(struct template_ask *a)
{
	pattern_free(a->reader);
	pattern_free(a->condition);
}

void template_free(struct template *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_ask; i++)
		free_ask(&t->ask[i]);
	free_ask(&t->find);
	for (size_t i = 0; i < t->n_limits; i++)
		pattern_free(t->limits[i].reader);
	for (size_t i = 0; i < t->n_states; i++)
		pattern_free(t->priv->states[i]);
	pattern_free(t->priv->detect);
	pattern_free(t->priv->no_go);
	if (t->priv->id_compiled)
		regfree(&t->priv->id);
	free(t->priv->body);
	arena_free(t->priv->arena);
	free(t->priv);
	free(t);
}

const char *template_text(const struct template *t, size_t *len)
{
	*len = t->priv->len;
	return t->priv->text;
}

const char *template_directive(const struct template *t)
{
	return t->priv->directive;
}
