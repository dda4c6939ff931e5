/* SPDX-License-Identifier: MIT */
/* Jobs that nobody asked for, to see what a template makes of them. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "cmd/template.h"
#include "gen/yaml.h"

#define VALUES_BYTES_MAX ((uint64_t)1 << 20)

void sample_set(struct sample *s, enum job_value k, const char *text)
{
	s->v.text[k] = arena_dup(s->arena, text);
}

void sample_add(struct sample *s, enum job_value k, const char *item)
{
	const size_t n = s->v.n_list[k];
	const char **list = arena_alloc(s->arena, (n + 1) * sizeof *list);

	if (n)
		memcpy(list, s->v.list[k], n * sizeof *list);
	list[n] = arena_dup(s->arena, item);
	s->v.list[k] = list;
	s->v.n_list[k] = n + 1;
}

void sample_new(struct sample *s, const struct template *t)
{
	static const struct {
		enum job_value k;
		const char *text;
	} rows[] = {
		{ JOB_NAME, "sample" },
		{ JOB_SCRIPT, "/runs/sample/submissions/0001/array-1.sh" },
		{ JOB_WORKER, "/usr/bin/ppgen worker /runs/sample --submission 1 --array 1" },
		{ JOB_LOG, "/runs/sample/submissions/0001/log/1" },
		{ JOB_NODES, "1" },
		{ JOB_RANKS, "1" },
		{ JOB_RANKS_PER_NODE, "1" },
		{ JOB_CPUS, "1" },
		{ JOB_CPUS_PER_NODE, "1" },
		{ JOB_CPUS_TOTAL, "1" },
		{ JOB_USER, "ann" },
	};

	*s = (struct sample){ .arena = arena_new() };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		sample_set(s, rows[i].k, rows[i].text);
	s->options = arena_alloc(s->arena, (t->n_options + 1) * sizeof *s->options);
	for (size_t i = 0; i < t->n_options; i++)
		s->options[i] = t->options[i].fallback;
	s->v.options = s->options;
}

void sample_free(struct sample *s)
{
	arena_free(s->arena);
	s->arena = NULL;
}

void sample_array(struct sample *s, const struct template *t)
{
	sample_set(s, JOB_FIRST, t->array_first ? "1" : "0");
	sample_set(s, JOB_LAST, t->array_first ? "10" : "9");
	sample_set(s, JOB_COUNT, "10");
}

void sample_mpi(struct sample *s)
{
	sample_set(s, JOB_NODES, "2");
	sample_set(s, JOB_RANKS, "16");
	sample_set(s, JOB_RANKS_PER_NODE, "8");
	sample_set(s, JOB_CPUS_PER_NODE, "8");
	sample_set(s, JOB_CPUS_TOTAL, "16");
}

bool sample_wish(struct sample *s, const struct template *t, enum job_value k)
{
	static const char *const texts[JOB_VALUE_COUNT] = {
		[JOB_THROTTLE] = "4",
		[JOB_MEMORY] = "3221225472",
		[JOB_TIME] = "5430",
		[JOB_NOTICE] = "60",
		[JOB_GPUS] = "2",
		[JOB_GPU_TYPE] = "a100",
		[JOB_CONSTRAINT] = "fast",
		[JOB_LICENCES] = "matlab",
		[JOB_EXCLUSIVE] = "yes",
		[JOB_ACCOUNT] = "phys-12",
		[JOB_PARTITION] = "normal",
		[JOB_QOS] = "high",
		[JOB_RESERVATION] = "course",
		[JOB_MAIL] = "ann@example.org",
		[JOB_MAIL_ON] = "end",
	};

	if (k == JOB_DIRECTIVES)
		sample_add(s, k, template_directive(t));
	else if (k == JOB_EXTRA)
		sample_add(s, k, "--extra");
	else if (texts[k])
		sample_set(s, k, texts[k]);
	else
		return false;
	if (k == JOB_MEMORY)
		sample_set(s, JOB_MEMORY_PER_CPU, texts[k]);
	if (k == JOB_GPU_TYPE)
		sample_set(s, JOB_GPUS, texts[JOB_GPUS]);
	return true;
}

/* ---- from a file ---- */

#define COMPLAIN(n, ...) diag_error(d, (n)->origin, (n)->line, (n)->col, __VA_ARGS__)

static int read_value(struct sample *s, const struct node *key, const struct node *n,
		      struct diags *d)
{
	const char *near;
	int k = 0;

	while (k < JOB_VALUE_COUNT && !text_eq(key->text, key->len, job_value_names[k]))
		k++;
	if (k == JOB_VALUE_COUNT) {
		near = text_nearest(key->text, job_value_names, JOB_VALUE_COUNT);
		return near ? COMPLAIN(key, "unknown value '%s' (did you mean '%s'?)", key->text,
				       near)
			    : COMPLAIN(key, "unknown value '%s'", key->text);
	}
	if (!job_value_is_list((enum job_value)k)) {
		if (n->kind != NODE_SCALAR || node_is_null(n))
			return COMPLAIN(n, "'%s' must be text, not %s", key->text,
					node_kind_name(n));
		sample_set(s, (enum job_value)k, n->text);
		return 0;
	}
	if (n->kind != NODE_SEQ)
		return COMPLAIN(n, "'%s' must be a list, not %s", key->text, node_kind_name(n));
	for (size_t i = 0; i < n->n; i++) {
		if (n->items[i]->kind != NODE_SCALAR)
			return COMPLAIN(n->items[i], "each item of '%s' must be text", key->text);
		sample_add(s, (enum job_value)k, n->items[i]->text);
	}
	return 0;
}

static int read_option(struct sample *s, const struct template *t, const struct node *key,
		       const struct node *n, struct diags *d)
{
	for (size_t i = 0; i < t->n_options; i++) {
		if (!text_eq(key->text, key->len, t->options[i].name))
			continue;
		if (n->kind != NODE_SCALAR || node_is_null(n))
			return COMPLAIN(n, "'%s' must be text, not %s", key->text,
					node_kind_name(n));
		s->options[i] = arena_dup(s->arena, n->text);
		return 0;
	}
	return COMPLAIN(key, "template '%s' has no option '%s'", t->name, key->text);
}

static int read_map(struct sample *s, const struct template *t, const struct node *root,
		    struct diags *d)
{
	int rc = 0;

	if (root->kind != NODE_MAP)
		return COMPLAIN(root, "the file is a mapping of names to values, not %s",
				node_kind_name(root));
	for (size_t i = 0; i < root->n; i++) {
		const struct node *key = root->keys[i], *n = root->items[i];

		if (!text_eq(key->text, key->len, "options")) {
			rc |= read_value(s, key, n, d);
			continue;
		}
		if (n->kind != NODE_MAP)
			rc = COMPLAIN(n, "'options' must be a mapping, not %s", node_kind_name(n));
		for (size_t k = 0; n->kind == NODE_MAP && k < n->n; k++)
			rc |= read_option(s, t, n->keys[k], n->items[k], d);
	}
	return rc;
}

int sample_read(struct sample *s, const struct template *t, const char *path, struct diags *d)
{
	struct buf text = BUF_INIT;
	struct err e = ERR_INIT;
	const struct node *root;
	int rc;

	if (file_read(path, &text, VALUES_BYTES_MAX, &e) < 0) {
		rc = diag_error(d, path, 0, 0, "%s", e.text);
	} else {
		root = yaml_parse(s->arena, buf_str(&text), text.len, path, d);
		rc = root ? read_map(s, t, root, d) : -1;
	}
	buf_free(&text);
	return rc;
}

/* ---- commands ---- */

static int put_command(const struct sample *s, const struct template *t, const char *title,
		       const struct template_command *c, bool hold, bool after, struct buf *out,
		       struct err *e)
{
	char **words;

	if (!c || (!template_can_say(t, c, &s->v) && c != t->submit.command))
		return 0;
	words = template_words(t, c, &s->v, hold, after, e);
	if (!words)
		return -1;
	buf_printf(out, "%s:", title);
	for (char **w = words; *w; w++) {
		buf_putc(out, ' ');
		text_put_shell(out, *w, strlen(*w));
	}
	buf_putc(out, '\n');
	free(words);
	return 0;
}

int sample_put_commands(const struct sample *s, const struct template *t, struct buf *out,
			struct err *e)
{
	const bool ids = s->v.n_list[JOB_IDS] > 0;
	char title[40];
	int rc = put_command(s, t, "detect", t->detect.command, false, false, out, e);

	if (rc == 0)
		rc = put_command(s, t, "submit", t->submit.command, false, false, out, e);
	if (rc == 0)
		rc = put_command(s, t, "submit test", t->submit.test, false, false, out, e);
	if (rc == 0)
		rc = put_command(s, t, "submit held", t->submit.command, true, false, out, e);
	if (rc == 0 && ids)
		rc = put_command(s, t, "submit after", t->submit.command, false, true, out, e);
	if (rc == 0)
		rc = put_command(s, t, "release", t->release, false, false, out, e);
	if (rc == 0)
		rc = put_command(s, t, "cancel", t->cancel, false, false, out, e);
	for (size_t i = 0; rc == 0 && i < t->n_ask; i++) {
		(void)snprintf(title, sizeof title, "ask %zu", i + 1);
		rc = put_command(s, t, title, t->ask[i].command, false, false, out, e);
	}
	if (rc == 0)
		rc = put_command(s, t, "find", t->find.command, false, false, out, e);
	for (size_t i = 0; rc == 0 && i < t->n_limits; i++) {
		(void)snprintf(title, sizeof title, "limit %zu (%s)", i + 1,
			       limit_names[t->limits[i].kind]);
		rc = put_command(s, t, title, t->limits[i].command, false, false, out, e);
	}
	return rc;
}
