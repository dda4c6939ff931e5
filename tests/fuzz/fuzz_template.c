/* SPDX-License-Identifier: MIT */
/* A template, then a line "--" and what its scheduler printed. */
#include <stdlib.h>
#include <string.h>

#include "gen/template.h"
#include "tests/fuzz/fuzz.h"

static const char *const ids[] = { "4711", "4712[]" };
static const char *const extra[] = { "-p", "it's" };
static const char *const options[64] = { "one", NULL, "three" };

static void set_values(struct job_values *v)
{
	static const struct {
		enum job_value name;
		const char *text;
	} rows[] = {
		{ JOB_NAME, "n-a" },
		{ JOB_SCRIPT, "/r/s.sh" },
		{ JOB_WORKER, "exec 'p' worker" },
		{ JOB_LOG, "/r/it's/1" },
		{ JOB_NODES, "2" },
		{ JOB_RANKS, "16" },
		{ JOB_RANKS_PER_NODE, "8" },
		{ JOB_CPUS, "2" },
		{ JOB_CPUS_PER_NODE, "16" },
		{ JOB_CPUS_TOTAL, "32" },
		{ JOB_FIRST, "1" },
		{ JOB_LAST, "20" },
		{ JOB_COUNT, "20" },
		{ JOB_MEMORY, "3221225473" },
		{ JOB_TIME, "93784" },
		{ JOB_GPUS, "1" },
		{ JOB_ACCOUNT, "phys" },
		{ JOB_USER, "ada" },
	};

	*v = (struct job_values){ .options = options };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		v->text[rows[i].name] = rows[i].text;
	v->list[JOB_IDS] = ids;
	v->n_list[JOB_IDS] = 2;
	v->list[JOB_EXTRA] = extra;
	v->n_list[JOB_EXTRA] = 2;
}

static void try_words(const struct template *t, const struct template_command *c,
		      const struct job_values *v)
{
	char **words = c ? template_words(t, c, v, true, true, NULL) : NULL;

	if (c)
		(void)template_can_say(t, c, v);
	free(words);
}

static void try_reading(const struct template *t, const struct template_ask *a, const char *text,
			size_t len)
{
	struct template_seen seen;
	size_t at = 0, rounds = 0;

	(void)template_ask_counts(a, 0, text, "");
	while (template_read(t, a, text, len, &at, &seen, NULL) == 1) {
		MUST(seen.state < JOB_STATE_COUNT && ++rounds <= len + 1);
		template_seen_free(&seen);
	}
}

static void try_template(const struct template *t, struct part said)
{
	struct job_values v;
	struct buf b = BUF_INIT;
	char *text = part_copy(said);
	const size_t len = strlen(text);

	set_values(&v);
	if (t->n_options > 64)
		v.options = NULL;
	if (template_script(t, &v, &b, NULL) == 0)
		MUST(b.len > 0);
	try_words(t, t->submit.command, &v);
	try_words(t, t->submit.test, &v);
	try_words(t, t->detect.command, &v);
	try_words(t, t->release, &v);
	try_words(t, t->cancel, &v);
	for (size_t i = 0; i < t->n_ask; i++) {
		try_words(t, t->ask[i].command, &v);
		try_reading(t, &t->ask[i], text, len);
	}
	try_words(t, t->find.command, &v);
	try_reading(t, &t->find, text, len);
	for (size_t i = 0; i < t->n_limits; i++) {
		try_words(t, t->limits[i].command, &v);
		(void)template_read_limit(&t->limits[i], text, len);
	}
	free(template_read_id(t, text));
	(void)template_is_here(t, text, text);
	(void)template_state_of(t, text, len);
	buf_clear(&b);
	template_job_name(t, text, "-abc1234", &b);
	buf_free(&b);
	free(text);
}

void fuzz_template(struct part in)
{
	struct part text = part_cut(&in);
	struct diags *d = diags_new();
	char *copy = part_copy(text);
	struct template *t = template_parse(copy, text.len, "fuzz.tmpl", d);

	MUST(!t == (diags_errors(d) > 0));
	if (t) {
		size_t len;
		const char *whole = template_text(t, &len);

		must_equal(whole, len, text.text, text.len, "template");
		try_template(t, in);
	}
	template_free(t);
	diags_free(d);
	free(copy);
}
