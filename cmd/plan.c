/* SPDX-License-Identifier: MIT */
/* ppgen plan: what a run would do, or the whole table of tasks. Runs nothing and writes nothing. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cmd/describe.h"

struct values {
	struct common common;
	const char *format;
	bool json;
	uint64_t show;
};

static const struct opt opts[] = {
	COMMON_DIR,
	COMMON_SITE,
	COMMON_SET,
	{ 0, "format", OPT_CHOICE, offsetof(struct values, format), "FORMAT",
	  "print the table of all tasks instead: csv, tsv or jsonl", "csv|tsv|jsonl", 0 },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL, "print the summary as JSON",
	  NULL, 0 },
	{ 'n', "show", OPT_COUNT, offsetof(struct values, show), "N",
	  "show the first N tasks and the last (default: 3)", NULL, 0 },
	{ 0 },
};

#define FLUSH_AT 65536

static int flush(struct buf *b, struct err *e)
{
	int r = b->len && fwrite(b->data, 1, b->len, stdout) != b->len ? err_errno(e, "stdout") : 0;
	buf_clear(b);
	return r;
}

/* A row of the table: its values behind the task's id. */
static void put_row(struct buf *b, const struct space *s, const struct point *pt, const char *id,
		    char sep)
{
	if (sep) {
		buf_puts(b, id);
		for (size_t k = 0; k < pt->n; k++) {
			const struct value *v = &pt->values[k];
			buf_putc(b, sep);
			if (v->type == VALUE_NUMBER)
				buf_add(b, v->text, v->len);
			else
				csv_put(b, sep, v->text, v->len);
		}
	} else {
		buf_printf(b, "{\"task\":\"%s\"", id);
		for (size_t k = 0; k < pt->n; k++) {
			json_put_key(b, space_name(s, k));
			value_put_json(b, &pt->values[k]);
		}
		buf_putc(b, '}');
	}
	buf_putc(b, '\n');
}

static int print_table(const struct plan *p, const char *format, struct err *e)
{
	const struct space *s = p->spec->space;
	char sep = !strcmp(format, "csv") ? ',' : !strcmp(format, "tsv") ? '\t' : '\0';
	struct buf b = BUF_INIT;
	struct point pt;
	int r = 0;
	point_init(&pt, s);
	if (sep) {
		buf_puts(&b, "task");
		for (size_t k = 0; k < space_names(s); k++)
			buf_printf(&b, "%c%s", sep, space_name(s, k));
		buf_putc(&b, '\n');
	}
	for (uint64_t i = 0; r == 0 && i < space_count(s); i++) {
		char shown[TASK_ID_SHOWN];
		load_shown(p, i, &pt, shown);
		put_row(&b, s, &pt, shown, sep);
		if (b.len > FLUSH_AT)
			r = flush(&b, e);
	}
	if (r == 0)
		r = flush(&b, e);
	point_free(&pt);
	buf_free(&b);
	return r;
}

static void put_parameters(struct buf *b, const struct space *s)
{
	buf_puts(b, "\nparameters\n");
	for (size_t a = 0; a < space_axes(s); a++) {
		buf_puts(b, "  ");
		space_put_axis(s, a, b);
		buf_putc(b, '\n');
	}
	uint64_t kept = space_count(s) - space_added(s);
	if (kept != space_crossed(s) || space_added(s)) {
		buf_puts(b, "  ");
		text_put_count(b, space_crossed(s));
		buf_puts(b, " crossed, ");
		text_put_count(b, kept);
		buf_puts(b, " kept, ");
		text_put_count(b, space_added(s));
		buf_puts(b, " added\n");
	}
}

static int put_tasks(struct buf *b, const struct plan *p, const char *rundir, uint64_t show,
		     struct err *e)
{
	uint64_t count = space_count(p->spec->space);
	buf_puts(b, "\ntasks, as they are started\n");
	uint64_t first = show < count ? show : count;
	for (uint64_t i = 0; i < first; i++)
		if (put_sample(b, p, rundir, NULL, i, e) < 0)
			return -1;
	if (count > first + 1)
		buf_puts(b, "  ...\n");
	if (count > first && show)
		return put_sample(b, p, rundir, NULL, count - 1, e);
	return 0;
}

static void put_files(struct buf *b, const struct plan *p)
{
	size_t shown = 0;
	buf_puts(b, "\nfiles whose content counts (a change makes results stale)\n");
	if (!p->n_files)
		buf_puts(b, "  none: `inputs:` names what a task reads beside its command\n");
	for (size_t i = 0; i < p->n_files && shown < 20; i++, shown++)
		buf_printf(b, "  %.12s  %s%s\n", p->files[i].sha256, p->files[i].path,
			   p->files[i].per_task ? "  (of its tasks only)" : "");
	if (p->n_files > shown)
		buf_printf(b, "  ... %zu more\n", p->n_files - shown);
}

static void put_settings(struct buf *b, const struct plan *p)
{
	struct setting *set = NULL;
	size_t n = spec_settings(p->spec, &set);
	buf_puts(b, "\nsettings, and where each comes from\n");
	for (size_t i = 0; i < n; i++) {
		buf_printf(b, "  %-20s ", set[i].key);
		text_put_shown(b, set[i].value, strlen(set[i].value), 70);
		buf_printf(b, "  (%s)\n", set[i].origin);
	}
}

static int print_summary(const struct plan *p, const struct place *at, uint64_t show, struct err *e)
{
	struct buf b = BUF_INIT;
	struct selection all = { NULL, space_count(p->spec->space) };
	struct class *classes = NULL;
	size_t n = 0;
	bool whole;
	buf_printf(&b, "%s: ", p->spec->name);
	put_counted(&b, all.count, "task");
	buf_printf(&b, "\n  run directory %s", at->rundir);
	if (p->number)
		buf_printf(&b, ", plan %04u\n", p->number);
	else
		buf_puts(&b, " (a new plan would be made)\n");
	put_parameters(&b, p->spec->space);
	int r = classes_find(p, &all, &classes, &n, &whole, e);
	if (r == 0) {
		buf_puts(&b, "\nresources\n");
		put_classes(&b, classes, n, whole);
		r = put_tasks(&b, p, at->rundir, show, e);
	}
	if (r == 0) {
		put_files(&b, p);
		put_settings(&b, p);
		r = flush(&b, e);
	}
	free(classes);
	buf_free(&b);
	return r;
}

static int print_json(const struct plan *p, const struct place *at, struct err *e)
{
	struct buf b = BUF_INIT;
	const struct space *s = p->spec->space;
	struct setting *set = NULL;
	size_t n = spec_settings(p->spec, &set);
	buf_puts(&b, "{\"name\":");
	json_puts(&b, p->spec->name);
	buf_printf(&b,
		   ",\"tasks\":%" PRIu64 ",\"crossed\":%" PRIu64 ",\"added\":%" PRIu64
		   ",\"plan\":%u,\"code\":\"%s\",\"rundir\":",
		   space_count(s), space_crossed(s), space_added(s), p->number, p->code);
	json_puts(&b, at->rundir);
	json_put_key(&b, "parameters");
	buf_putc(&b, '[');
	for (size_t k = 0; k < space_names(s); k++) {
		json_put_sep(&b);
		json_puts(&b, space_name(s, k));
	}
	buf_puts(&b, "],\"files\":[");
	for (size_t i = 0; i < p->n_files; i++) {
		json_put_sep(&b);
		buf_puts(&b, "{\"path\":");
		json_puts(&b, p->files[i].path);
		buf_printf(&b, ",\"sha256\":\"%s\"}", p->files[i].sha256);
	}
	buf_puts(&b, "],\"settings\":{");
	for (size_t i = 0; i < n; i++) {
		json_put_key(&b, set[i].key);
		buf_puts(&b, "{\"value\":");
		json_puts(&b, set[i].value);
		buf_puts(&b, ",\"from\":");
		json_puts(&b, set[i].origin);
		buf_putc(&b, '}');
	}
	buf_puts(&b, "}}\n");
	int r = flush(&b, e);
	buf_free(&b);
	return r;
}

static int run(int argc, char **argv)
{
	struct values o = { .show = 3 };
	struct place at = { 0 };
	struct err e = ERR_INIT;
	struct plan *p = NULL;
	bool published;
	int code;
	if (cmd_parse(&cmd_plan, &argc, argv, &o, &code))
		return code;
	int r = argc > 2 ? err_bad(&e, "one spec is planned at a time")
			 : place_find(argv[1], &o.common, &at, &e);
	if (r == 0) {
		p = plan_now(&at, &o.common, &published, &code);
		if (!p)
			goto out;
		if (o.format)
			r = print_table(p, o.format, &e);
		else if (o.json)
			r = print_json(p, &at, &e);
		else
			r = print_summary(p, &at, o.show, &e);
	}
	if (r < 0)
		code = cmd_fail(&e);
out:
	plan_free(p);
	place_free(&at);
	opt_texts_free(&o.common.sets);
	return code;
}

const struct command cmd_plan = {
	.name = "plan",
	.args = "[SPEC|RUNDIR]",
	.summary = "show what a run would do: counts, tasks, commands, files, settings",
	.about =
		"Shows how many tasks the spec describes, the first and the last of them with their commands exactly as they will be "
		"executed, the resources they ask for, the files whose content counts, and where each setting came from.\n\n"
		"With --format it prints the whole table of tasks, which is also how a sweep in YAML becomes a CSV file:\n\n"
		"\tppgen plan --format csv spec.yaml > tasks.csv",
	.opts = opts,
	.bounded = true,
	.run = run,
};
