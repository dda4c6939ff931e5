/* SPDX-License-Identifier: MIT */
/* One table: parsed by, shown by -h, the man page and the completion. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/opt.h"

#define COUNT(a)   (sizeof(a) / sizeof *(a))
#define WORDS_MOST 12

struct values {
	bool dry, quiet;
	const char *out, *stale;
	struct opt_texts set;
	uint64_t jobs, first;
};

static const struct opt opts[] = {
	{ 'n', "dry-run", OPT_FLAG, offsetof(struct values, dry), NULL, "show what would be done",
	  NULL, 0 },
	{ 'q', "quiet", OPT_FLAG, offsetof(struct values, quiet), NULL, "say less", NULL, 0 },
	{ 'j', "jobs", OPT_COUNT, offsetof(struct values, jobs), "N",
	  "run at most N tasks at once; the default is the number of processors that this process may really use",
	  NULL, 1 },
	{ 'o', "output", OPT_TEXT, offsetof(struct values, out), "FILE", "write to FILE", NULL, 0 },
	{ 0, "set", OPT_TEXTS, offsetof(struct values, set), "KEY=VALUE",
	  "change a setting; may be repeated", NULL, 0 },
	{ 0, "first", OPT_COUNT, offsetof(struct values, first), "N", "only the first N tasks",
	  NULL, 0 },
	{ 0, "stale", OPT_CHOICE, offsetof(struct values, stale), "HOW",
	  "what becomes of stale results", "keep|rerun|ask", 0 },
	{ 0, NULL, OPT_FLAG, 0, NULL, NULL, NULL, 0 },
};

static int run_nothing(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static const struct command command = {
	.name = "run",
	.args = "[SPEC|RUNDIR] [TASK ...]",
	.summary = "run the tasks of a spec on this machine",
	.about =
		"First paragraph with a back\\slash and --dashes.\n.dots at a start\n'quote at a start\n\n"
		"Second paragraph:\n\tppgen run spec.yaml\n\t.hidden -x\n\n\tppgen status\nBehind it.\n\n\tlast",
	.opts = opts,
	.run = run_nothing,
};
static const struct command bare = {
	.name = "init", .args = "", .summary = "write a spec", .run = run_nothing
};

static const struct opt wide_opts[] = {
	{ 'k', "keep", OPT_FLAG, offsetof(struct values, dry), NULL, "keep it", NULL, 0 },
	{ 0, "a-long-option", OPT_TEXT, offsetof(struct values, out), "SOMETHING-LONG",
	  "help on a line of its own", NULL, 0 },
	{ 0, NULL, OPT_FLAG, 0, NULL, NULL, NULL, 0 },
};
static const struct command wide = {
	.name = "wide",
	.args = "X",
	.summary = "has a wide option",
	.opts = wide_opts,
	.run = run_nothing,
};

/* Splits "a b c" into argv[1..]; "_" stands for an empty word. Returns argc. */
static int split(char *line, char **argv)
{
	int argc = 1;

	argv[0] = (char[]){ "run" };
	for (char *word = line; *word;) {
		const size_t n = strcspn(word, " ");
		char *const next = word + n + (word[n] == ' ');

		word[n] = '\0';
		argv[argc++] = strcmp(word, "_") == 0 ? word + 1 : word;
		word = next;
	}
	argv[argc] = NULL;
	return argc;
}

/* The values and words that came of a line, as text. */
static void outcome(const struct values *v, int argc, char **argv, struct buf *b)
{
	buf_printf(b, "n%d q%d j%d f%d o%s s%s", v->dry, v->quiet, (int)v->jobs, (int)v->first,
		   v->out ? v->out : "-", v->stale ? v->stale : "-");
	for (size_t i = 0; i < v->set.n; i++) {
		buf_printf(b, " set:%s", v->set.items[i]);
	}
	for (int i = 1; i < argc; i++) {
		buf_printf(b, " <%s>", argv[i]);
	}
	assert_null(argv[argc]);
}

static void test_parse(void **state)
{
	static const char *const rows[][2] = {
		{ "", "n0 q0 j0 f0 o- s-" },
		{ "spec.yaml T=2.5,L=64", "n0 q0 j0 f0 o- s- <spec.yaml> <T=2.5,L=64>" },
		{ "-n -q", "n1 q1 j0 f0 o- s-" },
		{ "-nq spec", "n1 q1 j0 f0 o- s- <spec>" },
		{ "spec -nj4 task", "n1 q0 j4 f0 o- s- <spec> <task>" },
		{ "-j 4 -ofile", "n0 q0 j4 f0 ofile s-" },
		{ "-o -", "n0 q0 j0 f0 o- s-" },
		{ "-o -n", "n0 q0 j0 f0 o-n s-" },
		{ "--jobs=4 --jobs 5", "n0 q0 j5 f0 o- s-" },
		{ "--output= --dry-run", "n1 q0 j0 f0 o s-" },
		{ "--output _ x", "n0 q0 j0 f0 o s- <x>" },
		{ "--set a=1 x --set=b=2 --set c", "n0 q0 j0 f0 o- s- set:a=1 set:b=2 set:c <x>" },
		{ "--stale keep --stale=rerun", "n0 q0 j0 f0 o- srerun" },
		{ "--first 0", "n0 q0 j0 f0 o- s-" },
		{ "- a", "n0 q0 j0 f0 o- s- <-> <a>" },
		{ "a -- -n --jobs -- b", "n0 q0 j0 f0 o- s- <a> <-n> <--jobs> <--> <b>" },
		{ "-j4 --", "n0 q0 j4 f0 o- s-" },
		{ "_", "n0 q0 j0 f0 o- s- <>" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct values v = { 0 };
		struct buf line = BUF_INIT, b = BUF_INIT;
		struct err e = ERR_INIT;
		char *argv[WORDS_MOST];
		int argc;

		buf_puts(&line, rows[i][0]);
		argc = split(line.data, argv);
		if (opt_parse(&command, &argc, argv, &v, &e) != 0) {
			fail_msg("%s: %s", rows[i][0], e.text);
		}
		outcome(&v, argc, argv, &b);
		assert_string_equal(b.data, rows[i][1]);
		opt_texts_free(&v.set);
		buf_free(&line);
		buf_free(&b);
	}
}

static void test_faults(void **state)
{
	static const char *const rows[][2] = {
		{ "--jbos 4", "unknown option '--jbos' (did you mean '--jobs'?)" },
		{ "--dryrun", "unknown option '--dryrun' (did you mean '--dry-run'?)" },
		{ "--hlep", "unknown option '--hlep' (did you mean '--help'?)" },
		{ "--frobnicate=1", "unknown option '--frobnicate': see 'ppgen run -h'" },
		{ "-x", "unknown option '-x': see 'ppgen run -h'" },
		{ "-nx", "unknown option '-x': see 'ppgen run -h'" },
		{ "-\xc3\xa9", "unknown option '-\xc3\xa9': see 'ppgen run -h'" },
		{ "--dry-run=yes", "option '--dry-run' takes no value" },
		{ "--help=1", "option '--help' takes no value" },
		{ "--jobs", "option '--jobs' needs a value: N" },
		{ "-j", "option '--jobs' needs a value: N" },
		{ "-j 0", "option '--jobs' needs a whole number from 1, not '0'" },
		{ "-j two", "option '--jobs' needs a whole number from 1, not 'two'" },
		{ "-j -1", "option '--jobs' needs a whole number from 1, not '-1'" },
		{ "--jobs=", "option '--jobs' needs a whole number from 1, not ''" },
		{ "--stale=kepe",
		  "option '--stale' does not know 'kepe': give 'keep', 'rerun' or 'ask'" },
		{ "--stale=", "option '--stale' does not know '': give 'keep', 'rerun' or 'ask'" },
		{ "--stale", "option '--stale' needs a value: keep|rerun|ask" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct values v = { 0 };
		struct buf line = BUF_INIT;
		struct err e = ERR_INIT;
		char *argv[WORDS_MOST];
		int argc;

		buf_puts(&line, rows[i][0]);
		argc = split(line.data, argv);
		assert_int_equal(opt_parse(&command, &argc, argv, &v, &e), -1);
		assert_int_equal(e.kind, ERR_BAD);
		assert_string_equal(e.text, rows[i][1]);
		opt_texts_free(&v.set);
		buf_free(&line);
	}
}

static void test_help(void **state)
{
	static const char want[] =
		"usage: ppgen run [OPTIONS] [SPEC|RUNDIR] [TASK ...]\n"
		"\n"
		"run the tasks of a spec on this machine\n"
		"\n"
		"options:\n"
		"  -n, --dry-run               show what would be done\n"
		"  -q, --quiet                 say less\n"
		"  -j, --jobs N                run at most N tasks at once; the default is the\n"
		"                              number of processors that this process may really\n"
		"                              use\n"
		"  -o, --output FILE           write to FILE\n"
		"      --set KEY=VALUE         change a setting; may be repeated\n"
		"      --first N               only the first N tasks\n"
		"      --stale keep|rerun|ask  what becomes of stale results\n"
		"  -h, --help                  show this help\n";
	struct buf b = BUF_INIT;

	(void)state;
	opt_help(&command, &b);
	assert_string_equal(b.data, want);
	for (const char *s = b.data; *s; s += strcspn(s, "\n") + 1) {
		assert_in_range(strcspn(s, "\n"), 0, 80);
	}
	buf_clear(&b);
	opt_help(&wide, &b);
	assert_non_null(strstr(b.data, "  -k, --keep  keep it\n"
				       "      --a-long-option SOMETHING-LONG\n"
				       "              help on a line of its own\n"
				       "  -h, --help  show this help\n"));
	buf_clear(&b);
	opt_help(&bare, &b);
	assert_string_equal(b.data, "usage: ppgen init [OPTIONS]\n\nwrite a spec\n\noptions:\n"
				    "  -h, --help  show this help\n");
	buf_free(&b);
}

/* -h is printed to stdout, and the parser returns 1. */
static void test_help_option(void **state)
{
	static const char *const lines[] = { "-h", "--help", "spec -nh",
					     "--jobs 3 --help --nonsense" };
	struct buf want = BUF_INIT;

	(void)state;
	opt_help(&command, &want);
	for (size_t i = 0; i < COUNT(lines); i++) {
		char name[] = "/tmp/ppgen-test-XXXXXX", text[4096] = "";
		const int fd = mkstemp(name), out = dup(STDOUT_FILENO);
		struct buf line = BUF_INIT;
		struct values v = { 0 };
		struct err e = ERR_INIT;
		char *argv[WORDS_MOST];
		int argc, rc;

		assert_true(fd >= 0 && out >= 0);
		unlink(name);
		buf_puts(&line, lines[i]);
		argc = split(line.data, argv);
		fflush(stdout);
		dup2(fd, STDOUT_FILENO);
		rc = opt_parse(&command, &argc, argv, &v, &e);
		fflush(stdout);
		dup2(out, STDOUT_FILENO);
		close(out);
		assert_int_equal(rc, 1);
		assert_int_equal(pread(fd, text, sizeof text - 1, 0), want.len);
		assert_string_equal(text, want.data);
		close(fd);
		buf_free(&line);
	}
	buf_free(&want);
}

static void test_man(void **state)
{
	static const char *const parts[] = {
		".TH PPGEN\\-RUN 1 \"2026-01-31\" \"ppgen 0.1\" \"ppgen manual\"\n",
		".SH NAME\nppgen\\-run \\- run the tasks of a spec on this machine\n",
		".SH SYNOPSIS\n\\fBppgen run\\fR [\\fIOPTIONS\\fR]\n[SPEC|RUNDIR] [TASK ...]\n",
		".SH DESCRIPTION\nFirst paragraph with a back\\eslash and \\-\\-dashes.\n",
		"dashes.\n\\&.dots at a start\n\\&'quote at a start\n.PP\nSecond paragraph:\n",
		".EX\nppgen run spec.yaml\n\\&.hidden \\-x\n\nppgen status\n.EE\n.RE\n.PP\nBehind it.\n",
		".EX\nlast\n.EE\n.RE\n.SH OPTIONS\n.TP\n\\fB\\-n\\fR, \\fB\\-\\-dry\\-run\\fR\nShow what would be done.\n",
		"Run at most N tasks at once; the default is the number of processors that\nthis process",
		".TP\n\\fB\\-\\-set\\fR \\fIKEY=VALUE\\fR\n",
		".TP\n\\fB\\-\\-stale\\fR \\fIkeep|rerun|ask\\fR\n",
		".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nShow this help.\n.SH EXIT STATUS\n.TP\n\\fB0\\fR\n",
		"\\fB130\\fR\nInterrupted.\n",
	};
	struct buf b = BUF_INIT;
	const char *at;

	(void)state;
	setenv("SOURCE_DATE_EPOCH", "1769860800", 1);
	opt_man(&command, "0.1", &b);
	at = b.data;
	for (size_t i = 0; i < COUNT(parts); i++) {
		at = strstr(at, parts[i]);
		if (!at) {
			fail_msg("part %zu is missing in\n%s", i, b.data);
		}
	}
	buf_clear(&b);
	opt_man(&bare, "0.1", &b);
	assert_non_null(strstr(b.data, ".SH DESCRIPTION\nWrite a spec.\n.SH OPTIONS\n"));
	buf_free(&b);
}

static void test_completion(void **state)
{
	static const struct command *const commands[] = { &command, &bare };
	struct buf b = BUF_INIT;

	(void)state;
	opt_completion(commands, 2, &b);
	assert_non_null(strstr(b.data, "compgen -W \"run init\" -- \"$cur\""));
	assert_non_null(strstr(b.data, "run:--stale) words=\"keep rerun ask\""));
	assert_non_null(strstr(b.data, "run:--jobs|run:-j) words=\"\""));
	assert_non_null(strstr(
		b.data,
		"run) words=\"--dry-run --quiet --jobs --output --set --first --stale --help\""));
	assert_non_null(strstr(b.data, "init) words=\"--help\""));
	assert_non_null(strstr(b.data, "complete -o default -F _ppgen ppgen\n"));
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse), cmocka_unit_test(test_faults),
		cmocka_unit_test(test_help),  cmocka_unit_test(test_help_option),
		cmocka_unit_test(test_man),   cmocka_unit_test(test_completion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
