/* SPDX-License-Identifier: MIT */
/* ppgen collect: merges what the tasks returned. */
#include "collect/collect.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>

#include "cmd/failures.h"
#include "store/rundir.h"

struct values {
	struct common common;
	bool partial, repick, csv, quiet;
	const char *to, *format;
	const char *stale;
};

static const struct opt opts[] = {
	{ 'o', "output", OPT_TEXT, offsetof(struct values, to), "FILE",
	  "write the main table to FILE ('-': stdout) instead of what `collect:` lists", NULL, 0 },
	{ 0, "format", OPT_CHOICE, offsetof(struct values, format), "FORMAT",
	  "with -o: csv, tsv, jsonl or json (default: by FILE's ending)", "csv|tsv|jsonl|json", 0 },
	{ 0, "partial", OPT_FLAG, offsetof(struct values, partial), NULL,
	  "leave out tasks without a good result, and leave missing cells empty", NULL, 0 },
	{ 0, "repick", OPT_FLAG, offsetof(struct values, repick), NULL,
	  "choose anew among a task's successes, whatever was published before", NULL, 0 },
	{ 0, "stale", OPT_CHOICE, offsetof(struct values, stale), "WHAT",
	  "keep: accept results that older code made (remembered)", "keep", 0 },
	{ 0, "csv", OPT_FLAG, offsetof(struct values, csv), NULL,
	  "without any run: merge the CSV files that the words name (or match) into one", NULL, 0 },
	{ 'q', "quiet", OPT_FLAG, offsetof(struct values, quiet), NULL,
	  "say nothing when all is well", NULL, 0 },
	COMMON_DIR,
	COMMON_SITE,
	COMMON_SET,
	{ 0 },
};

/* 'c' 't' 'l' 'j' for csv, tsv, jsonl, json; 0 for none. */
static char format_letter(const char *name)
{
	if (!name)
		return 0;
	return name[0] == 'j' ? (name[4] ? 'l' : 'j') : name[0];
}

static int merge_files(int argc, char **argv, const struct values *o)
{
	struct err e = ERR_INIT;
	uint64_t files = 0, rows = 0;
	char sha[65];
	if (argc < 2) {
		err_bad(&e,
			"--csv wants files or a quoted pattern: ppgen collect --csv 'data/*.csv' -o all.csv");
		return cmd_fail(&e);
	}
	if (collect_csv((const char *const *)(argv + 1), (size_t)argc - 1, o->to ? o->to : "-",
			format_letter(o->format), &files, &rows, sha, &e) < 0)
		return cmd_fail(&e);
	if (!o->quiet)
		fprintf(stderr, "%s: %" PRIu64 " rows of %" PRIu64 " files, sha256 %s\n",
			o->to ? o->to : "-", rows, files, sha);
	return EXIT_GOOD;
}

static int refuse_stale(const struct scan *s, struct err *e)
{
	uint64_t tasks = 0;
	for (size_t i = 0; i < s->n_stale; i++)
		tasks += s->stale[i].tasks;
	return err_bad(
		e,
		"%" PRIu64
		" task%s only results of older code: accept them with --stale=keep, or run them again with "
		"`ppgen run --stale=rerun`",
		tasks, tasks == 1 ? " has" : "s have");
}

/* Why there is no table: the causes, then the error. */
static void say_causes(struct scan *s, const char *named)
{
	struct selection all = { NULL, s->count };
	struct cause *list = NULL;
	struct buf b = BUF_INIT;
	size_t n = 0;
	if (causes_find(s, &all, &list, &n, NULL) == 0 && n) {
		put_causes(&b, s, named, list, n, 3);
		fputs(buf_str(&b), stderr);
	}
	causes_free(list, n);
	buf_free(&b);
}

static int merge_run(const struct values *o, const struct place *at, struct plan *p, bool published,
		     int argc, char **argv)
{
	struct err e = ERR_INIT;
	struct scan s;
	struct scan_options so = { .repick = o->repick, .judge = true };
	struct collect_options co = { .partial = o->partial,
				      .to = o->to,
				      .format = format_letter(o->format) };
	struct collect_report rep = { 0 };
	mem_limit_raise(space_count(p->spec->space) * (sizeof *s.tasks + 1));
	if (scan_fold(at->rundir, p, &so, &s, &e) < 0)
		return cmd_fail(&e);
	int r = 0;
	if (s.n_stale && o->stale) {
		for (size_t i = 0; i < s.n_stale; i++)
			plan_add_keep(p, s.stale[i].code);
		published = false;
		scan_free(&s);
		if (scan_fold(at->rundir, p, &so, &s, &e) < 0)
			return cmd_fail(&e);
	} else if (s.n_stale && !o->partial) {
		r = refuse_stale(&s, &e);
	}
	if (r == 0 && !published) {
		p->number = 0;
		r = publish_draft(p, at, argc, argv, &e);
	}
	if (r == 0)
		r = collect_run(&s, &co, &rep, &e);
	if (s.damaged_output)
		fprintf(stderr,
			"ppgen: kept output of %" PRIu64
			" attempts is damaged, and does not count: `ppgen run` runs their tasks again\n",
			s.damaged_output);
	if (r < 0)
		say_causes(&s, at->named);
	else if (!o->quiet)
		say_collected(&rep);
	say_differing(&s);
	bool whole = rep.merged == rep.expected;
	collect_report_free(&rep);
	scan_free(&s);
	if (r < 0)
		return cmd_fail(&e) == EXIT_USAGE
			       ? EXIT_TASKS
			       : EXIT_SYSTEM; /* what is missing is no fault of the usage */
	return whole ? EXIT_GOOD : EXIT_TASKS;
}

static int run(int argc, char **argv)
{
	struct values o = { 0 };
	struct place at = { 0 };
	struct err e = ERR_INIT;
	int code;
	bool published;
	signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write(), and what was
				     begun is tidied up */
	if (cmd_parse(&cmd_collect, &argc, argv, &o, &code))
		return code;
	if (o.csv) {
		code = merge_files(argc, argv, &o);
	} else if (o.format && !o.to) {
		err_bad(&e, "--format is for the table that -o names: add -o FILE, or -o -");
		code = cmd_fail(&e);
	} else if ((argc > 2 ? err_bad(&e, "one run is collected at a time (--csv merges files)")
			     : place_find(argv[1], &o.common, &at, &e)) < 0) {
		code = cmd_fail(&e);
	} else if (rundir_find(at.rundir, &e) <= 0) {
		err_bad(&e, "nothing has been run in '%s' yet: `ppgen run` starts it", at.rundir);
		code = cmd_fail(&e);
	} else {
		at.starts_nothing = true;
		struct plan *p = plan_now(&at, &o.common, &published, &code);
		if (p)
			code = merge_run(&o, &at, p, published, argc, argv);
		plan_free(p);
	}
	place_free(&at);
	opt_texts_free(&o.common.sets);
	return code;
}

const struct command cmd_collect = {
	.name = "collect",
	.args = "[SPEC|RUNDIR] | --csv FILE|PATTERN ...",
	.summary = "merge what the tasks returned into tables",
	.about =
		"Writes the tables that the spec's `collect:` lists into the run's collect/ folder: the same bytes wherever and in whatever "
		"order the tasks ran. A table is written whole or not at all; with tasks missing it is refused unless --partial is given. "
		"The exit code is 1 when something is missing.\n\n"
		"\tppgen collect spec.yaml\n"
		"\tppgen collect spec.yaml -o - --format jsonl | head\n\n"
		"With --csv it needs no run: many CSV files of one structure become one, in the order of their names, their headers checked.\n\n"
		"\tppgen collect --csv 'data/*.csv' -o all.csv",
	.opts = opts,
	.bounded = true,
	.run = run,
};
