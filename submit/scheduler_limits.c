/* SPDX-License-Identifier: MIT */
/* What a scheduler allows, as far as it tells. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "submit/scheduler_internal.h"

/* A command that was run: several limits may stand in one answer. */
struct asked {
	char **words;
	struct answer answer;
	bool good;
};

static bool same_words(char *const *a, char *const *b)
{
	size_t i = 0;

	while (a[i] && b[i] && strcmp(a[i], b[i]) == 0) {
		i++;
	}
	return !a[i] && !b[i];
}

/* A text that lives for ever: limits are passed about by value, and there are few commands. */
static const char *origin_text(const char *text)
{
	static char **texts;
	static size_t n, cap;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(texts[i], text) == 0) {
			return texts[i];
		}
	}
	ARRAY_ROOM(texts, n, cap);
	texts[n] = mem_dup(text);
	return texts[n++];
}

/* The answer to a limit's command, asked for now unless it was before; NULL when it cannot be
 * had. */
static const struct answer *ask(const struct template *t, const struct template_limit *l,
				const struct job_values *v, struct asked *done, size_t *n)
{
	const struct command_how how = { .timeout_s = PROBE_S };
	struct asked *x = &done[*n];
	char **words = template_words(t, l->command, v, false, false, NULL);

	if (!words) {
		return NULL;
	}
	for (size_t i = 0; i < *n; i++) {
		if (same_words(done[i].words, words)) {
			free(words);
			return done[i].good ? &done[i].answer : NULL;
		}
	}
	x->words = words;
	x->good = command_run(t, l->command, v, &how, &x->answer, NULL) == 0 && x->answer.code == 0;
	++*n;
	return x->good ? &x->answer : NULL;
}

void scheduler_limits(const struct template *t, const struct job_values *values,
		      struct shape_limits *out)
{
	struct asked *done = mem_array(t->n_limits, sizeof *done);
	struct job_values v = { .text = { NULL } };
	size_t n = 0;

	if (values) {
		v = *values;
	}
	if (!v.text[JOB_USER]) {
		v.text[JOB_USER] = own_user();
	}
	for (int k = 0; k < LIMIT_COUNT; k++) {
		out->of[k] = UINT64_MAX;
		out->origin[k] = NULL;
	}
	for (size_t i = 0; i < t->n_limits; i++) {
		const struct template_limit *l = &t->limits[i];
		const struct answer *a;
		uint64_t limit;

		if (!template_can_say(t, l->command, &v)) {
			continue;
		}
		a = ask(t, l, &v, done, &n);
		if (!a) {
			continue;
		}
		limit = template_read_limit(l, buf_str(&a->out), a->out.len);
		if (limit < out->of[l->kind]) {
			out->of[l->kind] = limit;
			out->origin[l->kind] = origin_text(a->command);
		}
	}
	for (size_t i = 0; i < n; i++) {
		free(done[i].words);
		answer_free(&done[i].answer);
	}
	free(done);
}
