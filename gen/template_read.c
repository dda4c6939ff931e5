/* SPDX-License-Identifier: MIT */
/* Reading what a scheduler's commands print, by the patterns of its template. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gen/template_internal.h"

static bool found_in(struct pattern *p, const char *text)
{
	size_t at = 0;

	return text && pattern_next(p, text, strlen(text), &at, NULL) == 1;
}

bool template_is_here(const struct template *t, const char *out, const char *err)
{
	return found_in(t->priv->detect, out) || found_in(t->priv->detect, err);
}

char *template_read_id(const struct template *t, const char *out)
{
	regmatch_t m[2];

	if (regexec(&t->priv->id, out, 2, m, 0) != 0 || m[1].rm_so < 0 || m[1].rm_so == m[1].rm_eo)
		return NULL;
	return mem_dupn(out + m[1].rm_so, (size_t)(m[1].rm_eo - m[1].rm_so));
}

uint64_t template_read_limit(const struct template_limit *l, const char *out, size_t len)
{
	uint64_t least = UINT64_MAX, v;
	size_t at = 0, n;

	while (pattern_next(l->reader, out, len, &at, NULL) == 1) {
		const char *text = pattern_group(l->reader, "limit", &n);

		if (!text || !n)
			continue;
		if (l->kind == LIMIT_TIME ? !text_duration(text, n, &v) : !text_u64(text, n, &v))
			continue;
		v = v > l->less ? v - l->less : 0;
		least = v < least ? v : least;
	}
	return least;
}

bool template_ask_counts(const struct template_ask *a, int exit_code, const char *out,
			 const char *err)
{
	if (!a->condition)
		return exit_code == 0;
	return found_in(a->condition, out) || found_in(a->condition, err);
}

/* The texts of one or two groups, as one. NULL: neither took part. */
static char *joined(const struct pattern *p, const char *first, const char *second,
		    const char *between)
{
	size_t n1 = 0, n2 = 0;
	const char *a = pattern_group(p, first, &n1);
	const char *b = second ? pattern_group(p, second, &n2) : NULL;
	struct buf out = BUF_INIT;

	if (!a && !b)
		return NULL;
	buf_add(&out, a ? a : "", n1);
	if (n1 && n2)
		buf_puts(&out, between);
	buf_add(&out, b ? b : "", n2);
	return buf_take(&out);
}

enum job_state template_state_of(const struct template *t, const char *text, size_t len)
{
	for (size_t i = 0; i < t->n_states; i++)
		if (pattern_whole(t->priv->states[i], text, len, NULL) == 1)
			return t->states[i].state;
	return JOB_STATE_UNKNOWN;
}

int template_read(const struct template *t, const struct template_ask *a, const char *out,
		  size_t len, size_t *at, struct template_seen *seen, struct err *e)
{
	int rc = pattern_next(a->reader, out, len, at, e);

	*seen = (struct template_seen){ 0 };
	if (rc < 0)
		return err_wrap(e, "%s: the pattern of '%s'", t->priv->file,
				a == &t->find ? "find" : "ask");
	if (rc == 0)
		return 0;
	seen->id = joined(a->reader, "id", "id2", "");
	seen->index = joined(a->reader, "index", NULL, "");
	seen->name = joined(a->reader, "name", NULL, "");
	seen->word = joined(a->reader, "state", "state2", " ");
	if (seen->word)
		seen->state = template_state_of(t, seen->word, strlen(seen->word));
	return 1;
}

void template_seen_free(struct template_seen *s)
{
	free(s->id);
	free(s->index);
	free(s->name);
	free(s->word);
	*s = (struct template_seen){ 0 };
}
