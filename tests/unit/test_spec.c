/* SPDX-License-Identifier: MIT */
/* What a good spec becomes. What is wrong with bad ones is in tests/cases/bad. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "gen/spec.h"

static char folder[] = "/tmp/ppgen-test-spec-XXXXXX";
static char *path;

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	path = path_join(folder, "ising.yaml");
	return 0;
}

static int teardown(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	free(path);
	return file_remove_tree(folder, &e);
}

static struct spec *read_with(const char *text, const char *const *sets, size_t n_sets,
			      const char *warnings)
{
	struct spec_options o = { .sets = sets, .n_sets = n_sets, .origin = "f" };
	struct err e = ERR_INIT;
	struct diags *d = diags_new();
	struct spec *s;

	assert_int_equal(file_publish(path, text, strlen(text), &e), 0);
	s = spec_read(path, &o, d);
	if (!s)
		fail_msg("%s", diags_text(d));
	assert_string_equal(diags_text(d), warnings);
	diags_free(d);
	return s;
}

static struct spec *read_spec(const char *text)
{
	return read_with(text, NULL, 0, "");
}

#define HEAD "ppgen: 1\nparams: {T: [1, 2, 3], f: [a.nc]}\n"

static void test_defaults(void **state)
{
	struct spec *s = read_spec("ppgen: 1\ncommand: [echo, 'a b', '']\n");

	(void)state;
	assert_string_equal(s->name, "f");
	assert_string_equal(s->dir, folder);
	assert_int_equal(space_count(s->space), 1);
	assert_int_equal(s->start, START_COMMAND);
	assert_int_equal(s->command.n, 3);
	assert_string_equal(ptext_source(s->command.items[1]), "a b");
	assert_string_equal(ptext_source(s->command.items[2]), "");
	assert_int_equal(s->res.cpus, 1);
	assert_int_equal(s->res.memory, 0);
	assert_int_equal(s->res.time_s, 0);
	assert_int_equal(s->res.set, 0);
	assert_int_equal(s->res.nodes, 1);
	assert_int_equal(s->res.ranks, 0);
	assert_null(s->res.gpu_type);
	assert_false(s->res.exclusive);
	assert_int_equal(s->checkpoint.signal, 0);
	assert_int_equal(s->submit.slots + s->submit.elements + s->submit.max_running, 0);
	assert_false(spec_uses_keep(s) || spec_uses_launch(s));
	assert_int_equal(s->retry.times, 0);
	assert_int_equal(s->retry.on,
			 RETRY_EXIT | RETRY_SIGNAL | RETRY_TIMEOUT | RETRY_OOM | RETRY_INVALID);
	assert_true(s->max_failures < 0);
	assert_int_equal(s->n_outputs, 1);
	assert_false(s->outputs_given);
	assert_string_equal(s->outputs[0].to, "results.csv");
	assert_int_equal(s->outputs[0].format, 'c');
	assert_null(s->workdir);
	assert_null(s->setup);
	assert_false(spec_uses_scratch(s));
	spec_free(s);
}

static void test_start(void **state)
{
	struct spec *s = read_spec(
		HEAD
		"shell: |\n  echo $T\n  cat \"$f\"\nsetup: module load x\nworkdir: out/{T}\n"
		"env: {A: '{cpus}', B: 010, SLURM_ARRAY_TASK_ID: '{index}'}\n"
		"inputs:\n  a: a.py\n  b: '{f}'\n  c: {path: c.txt}\n  d:\n    url: "
		"https://example.org/x\n"
		"    sha256: ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef0123456789\n");

	(void)state;
	assert_int_equal(s->start, START_SHELL);
	assert_string_equal(s->shell, "echo $T\ncat \"$f\"\n");
	assert_int_equal(s->shell_with.n, 2);
	assert_string_equal(ptext_source(s->shell_with.items[0]), "/bin/sh");
	assert_string_equal(ptext_source(s->shell_with.items[1]), "-c");
	assert_string_equal(s->setup, "module load x");
	assert_string_equal(ptext_source(s->workdir), "out/{T}");
	assert_int_equal(s->n_env, 3);
	assert_string_equal(s->env[1].name, "B");
	assert_string_equal(ptext_source(s->env[1].value), "010");
	assert_int_equal(s->n_inputs, 4);
	assert_true(ptext_is_constant(s->inputs[0].path));
	assert_false(ptext_is_constant(s->inputs[1].path));
	assert_string_equal(ptext_source(s->inputs[2].path), "c.txt");
	assert_null(s->inputs[3].path);
	assert_string_equal(s->inputs[3].url, "https://example.org/x");
	assert_string_equal(s->inputs[3].sha256,
			    "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789");
	spec_free(s);
}

static void test_with(void **state)
{
	static const struct {
		const char *with, *words;
	} rows[] = { { "bash", "bash|-c|" },
		     { "bash -l", "bash|-l|-c|" },
		     { "[python3, -u]", "python3|-u|-c|" },
		     { "'my shell'", "my|shell|-c|" } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf text = BUF_INIT, words = BUF_INIT;
		struct spec *s;

		buf_printf(&text, HEAD "shell: {script: x, with: %s}\n", rows[i].with);
		s = read_spec(text.data);
		for (size_t k = 0; k < s->shell_with.n; k++)
			buf_printf(&words, "%s|", ptext_source(s->shell_with.items[k]));
		assert_string_equal(words.data, rows[i].words);
		assert_string_equal(s->shell, "x");
		spec_free(s);
		buf_free(&text);
		buf_free(&words);
	}
}

static void test_resources(void **state)
{
	struct spec *s = read_spec(
		HEAD
		"command: run {T}\n"
		"resources: {cpus: 2, memory: 2G, time: 10:00:00}\n"
		"overrides:\n  - {where: T >= 2, cpus: 4, memory: 8G}\n"
		"  - {where: T == 3, gpus: 1, cpus: 8, time: 90}\n"
		"retry: {times: 3, on: [oom, timeout], memory: x2, time: 1.5}\nmax_failures: 5%\n");
	static const struct resources want[] = {
		{ .set = RES_CPUS | RES_MEMORY | RES_TIME,
		  .cpus = 2,
		  .memory = UINT64_C(2) << 30,
		  .time_s = 36000 },
		{ .set = RES_CPUS | RES_MEMORY | RES_TIME,
		  .cpus = 4,
		  .memory = UINT64_C(8) << 30,
		  .time_s = 36000 },
		{ .set = RES_CPUS | RES_MEMORY | RES_TIME | RES_GPUS,
		  .cpus = 8,
		  .memory = UINT64_C(8) << 30,
		  .time_s = 90,
		  .gpus = 1 },
	};
	struct point p;

	(void)state;
	point_init(&p, s->space);
	for (uint64_t i = 0; i < 3; i++) {
		struct err e = ERR_INIT;
		struct resources got;

		space_point(s->space, i, &p);
		assert_int_equal(spec_resources(s, &p, &got, &e), 0);
		assert_int_equal(got.set, want[i].set);
		assert_int_equal(got.cpus, want[i].cpus);
		assert_int_equal(got.memory, want[i].memory);
		assert_int_equal(got.time_s, want[i].time_s);
		assert_int_equal(got.gpus, want[i].gpus);
	}
	point_free(&p);
	assert_int_equal(s->retry.times, 3);
	assert_int_equal(s->retry.on, RETRY_OOM | RETRY_TIMEOUT);
	assert_true(s->retry.memory == 2 && s->retry.time == 1.5);
	assert_true(s->max_failures_percent);
	assert_true(s->max_failures == 0.05);
	spec_free(s);
	s = read_spec(HEAD "command: run\nretry: 2\nmax_failures: 10\n");
	assert_int_equal(s->retry.times, 2);
	assert_true(s->max_failures == 10 && !s->max_failures_percent);
	spec_free(s);
}

static void test_cluster_resources(void **state)
{
	struct spec *s = read_spec(
		HEAD
		"command: '{launch} run {T}'\n"
		"resources: {nodes: 2, ranks: 16, cpus: 4, gpus: 1, gpu_type: a100, constraint: "
		"\"big&fast\",\n"
		"  licences: 'matlab@srv:2', exclusive: true}\n"
		"overrides:\n"
		"  - {where: T >= 2, ranks: 7, nodes: 3, gpu_type: 1080, exclusive: false}\n"
		"  - {where: T == 3, constraint: slow, licences: none}\n");
	static const struct resources want[] = {
		{ .nodes = 2,
		  .ranks = 16,
		  .gpu_type = "a100",
		  .constraint = "big&fast",
		  .licences = "matlab@srv:2",
		  .exclusive = true },
		{ .nodes = 3,
		  .ranks = 7,
		  .gpu_type = "1080",
		  .constraint = "big&fast",
		  .licences = "matlab@srv:2" },
		{ .nodes = 3,
		  .ranks = 7,
		  .gpu_type = "1080",
		  .constraint = "slow",
		  .licences = "none" },
	};
	struct point p;

	(void)state;
	point_init(&p, s->space);
	for (uint64_t i = 0; i < 3; i++) {
		struct err e = ERR_INIT;
		struct resources got, same = want[i];

		space_point(s->space, i, &p);
		assert_int_equal(spec_resources(s, &p, &got, &e), 0);
		same.cpus = 4;
		same.gpus = 1;
		assert_true(resources_equal(&got, &same));
		assert_int_equal(got.set, RES_NODES | RES_RANKS | RES_CPUS | RES_GPUS |
						  RES_GPU_TYPE | RES_CONSTRAINT | RES_LICENCES |
						  RES_EXCLUSIVE);
	}
	point_free(&p);
	assert_true(spec_uses_launch(s));
	spec_free(s);
}

/* Nodes and ranks may come from different overrides; where they meet, they must fit. */
static void test_ranks_meet(void **state)
{
	struct spec *s = read_with(HEAD "command: '{launch} run {T}'\n"
					"resources: {ranks: 2}\n"
					"overrides:\n  - {where: T >= 2, nodes: 4}\n"
					"  - {where: T == 3, ranks: 4}\n",
				   NULL, 0, "");
	struct err e = ERR_INIT;
	struct resources got;
	struct point p;

	(void)state;
	point_init(&p, s->space);
	space_point(s->space, 0, &p);
	assert_int_equal(spec_resources(s, &p, &got, &e), 0);
	space_point(s->space, 2, &p);
	assert_int_equal(spec_resources(s, &p, &got, &e), 0);
	assert_int_equal(got.ranks, 4);
	assert_int_equal(got.nodes, 4);
	space_point(s->space, 1, &p);
	assert_int_equal(spec_resources(s, &p, &got, &e), -1);
	assert_string_equal(e.text,
			    "the overrides that hold give 2 ranks on 4 nodes: every node has "
			    "at least one rank");
	point_free(&p);
	spec_free(s);
}

static void test_compare_resources(void **state)
{
	static const struct {
		struct resources res;
		bool equal, alone; /* equal to the first */
		uint64_t per_node, cpus;
	} rows[] = {
		{ { .cpus = 2, .nodes = 1 }, true, false, 1, 2 },
		{ { .set = RES_CPUS, .cpus = 2, .nodes = 1 }, true, false, 1, 2 },
		{ { .cpus = 3, .nodes = 1 }, false, false, 1, 3 },
		{ { .cpus = 2, .nodes = 1, .memory = 1 }, false, false, 1, 2 },
		{ { .cpus = 2, .nodes = 1, .time_s = 1 }, false, false, 1, 2 },
		{ { .cpus = 2, .nodes = 1, .gpus = 1 }, false, false, 1, 2 },
		{ { .cpus = 2, .nodes = 2 }, false, true, 1, 4 },
		{ { .cpus = 2, .nodes = 1, .ranks = 1 }, false, true, 1, 2 },
		{ { .cpus = 2, .nodes = 3, .ranks = 7 }, false, true, 3, 14 },
		{ { .cpus = 2, .nodes = 3, .ranks = 6 }, false, true, 2, 12 },
		{ { .cpus = 2, .nodes = 1, .ranks = 5 }, false, true, 5, 10 },
		{ { .cpus = 2, .nodes = 1, .exclusive = true }, false, true, 1, 2 },
		{ { .cpus = 2, .nodes = 1, .gpu_type = "a" }, false, false, 1, 2 },
		{ { .cpus = 2, .nodes = 1, .constraint = "a" }, false, false, 1, 2 },
		{ { .cpus = 2, .nodes = 1, .licences = "a" }, false, false, 1, 2 },
		{ { .cpus = UINT64_MAX, .nodes = 1, .ranks = 2 }, false, true, 2, UINT64_MAX },
	};
	char a[] = "one", b[] = "one";
	const struct resources x = { .licences = a }, y = { .licences = b },
			       z = { .licences = "two" };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct resources *r = &rows[i].res;

		assert_int_equal(resources_equal(&rows[0].res, r), rows[i].equal);
		assert_int_equal(resources_alone(r), rows[i].alone);
		assert_int_equal(resources_ranks_per_node(r), rows[i].per_node);
		assert_int_equal(resources_cpus(r), rows[i].cpus);
	}
	assert_true(resources_equal(&x, &y));
	assert_false(resources_equal(&x, &z));
}

static void test_checkpoint(void **state)
{
	static const struct {
		const char *text;
		int signal;
		uint64_t before;
	} rows[] = {
		{ "{signal: USR1}", SIGUSR1, 300 },
		{ "{signal: SIGUSR2, before: 90}", SIGUSR2, 90 },
		{ "{signal: TERM, before: 1h}", SIGTERM, 3600 },
		{ "{signal: INT}", SIGINT, 300 },
		{ "{signal: SIGHUP}", SIGHUP, 300 },
		{ "{signal: CONT}", SIGCONT, 300 },
		{ "{signal: QUIT}", SIGQUIT, 300 },
		{ "{signal: ALRM}", SIGALRM, 300 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf text = BUF_INIT;
		struct spec *s;

		buf_printf(&text, HEAD "command: run {keep}\ncheckpoint: %s\n", rows[i].text);
		s = read_spec(text.data);
		assert_int_equal(s->checkpoint.signal, rows[i].signal);
		assert_int_equal(s->checkpoint.before_s, rows[i].before);
		spec_free(s);
		buf_free(&text);
	}
}

static void test_submit(void **state)
{
	static const char *const sets[] = { "submit.elements=7" };
	struct spec *s =
		read_with(HEAD "command: run {T}\n"
			       "submit:\n  slots: 4\n  max_running: 50\n  element_time: 2h\n",
			  sets, 1, "");

	(void)state;
	assert_int_equal(s->submit.slots, 4);
	assert_int_equal(s->submit.slots_pos.line, 5);
	assert_string_equal(s->submit.slots_pos.origin, "f");
	assert_int_equal(s->submit.max_running, 50);
	assert_int_equal(s->submit.element_time, 7200);
	assert_int_equal(s->submit.time_pos.line, 7);
	assert_int_equal(s->submit.elements, 7);
	assert_int_equal(s->submit.elements_pos.line, 0);
	assert_string_equal(s->submit.elements_pos.origin, "--set submit.elements");
	spec_free(s);
}

static void test_results(void **state)
{
	static const struct {
		const char *results;
		enum format out, err;
		bool last_line, log;
		const char *column;
	} rows[] = {
		{ "{stdout: json}", FORMAT_JSON, FORMAT_NONE, false, false, NULL },
		{ "{stdout: csv, stderr: number}", FORMAT_CSV, FORMAT_NUMBER, false, false, NULL },
		{ "{stdout: tsv}", FORMAT_TSV, FORMAT_NONE, false, false, NULL },
		{ "{stdout: jsonl}", FORMAT_JSONL, FORMAT_NONE, false, false, NULL },
		{ "{stdout: none}", FORMAT_NONE, FORMAT_NONE, false, false, NULL },
		{ "{stdout: text}", FORMAT_TEXT, FORMAT_NONE, false, false, "text" },
		{ "{stdout: number}", FORMAT_NUMBER, FORMAT_NONE, false, false, "value" },
		{ "{stdout: {number: E}}", FORMAT_NUMBER, FORMAT_NONE, false, false, "E" },
		{ "{stdout: {last_line: {number: E}}}", FORMAT_NUMBER, FORMAT_NONE, true, false,
		  "E" },
		{ "{stdout: {last_line: json}}", FORMAT_JSON, FORMAT_NONE, true, false, NULL },
		{ "{last_line: number}", FORMAT_NUMBER, FORMAT_NONE, true, false, "value" },
		{ "{last_line: {text: E}}", FORMAT_TEXT, FORMAT_NONE, true, false, "E" },
		{ "{log: {regex: {E: 'E=(.*)', M: M}}}", FORMAT_REGEX, FORMAT_NONE, false, true,
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf text = BUF_INIT;
		const struct extract *x;
		struct spec *s;

		buf_printf(&text, HEAD "command: run\nresults: %s\n", rows[i].results);
		s = read_spec(text.data);
		x = &s->results.stream[STREAM_STDOUT];
		assert_int_equal(x->format, rows[i].out);
		assert_int_equal(s->results.stream[STREAM_STDERR].format, rows[i].err);
		assert_int_equal(x->last_line, rows[i].last_line);
		assert_int_equal(s->results.log, rows[i].log);
		if (rows[i].column)
			assert_string_equal(x->column, rows[i].column);
		if (x->format == FORMAT_REGEX) {
			assert_int_equal(x->n_regex, 2);
			assert_string_equal(x->regex[0].column, "E");
			assert_string_equal(x->regex[0].pattern, "E=(.*)");
		}
		spec_free(s);
		buf_free(&text);
	}
}

static void test_files(void **state)
{
	struct spec *s = read_spec(
		HEAD "command: run\nworkdir: '{scratch}'\nresults:\n  files:\n    a: a.CSV\n    b: "
		     "'{T}.ndjson'\n"
		     "    c: {path: c.dat, format: tsv, as: rows}\n    d: d.json\n");
	static const enum format want[] = { FORMAT_CSV, FORMAT_JSONL, FORMAT_TSV, FORMAT_JSON };

	(void)state;
	assert_int_equal(s->results.n_files, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(s->results.files[i].format, want[i]);
	assert_string_equal(s->results.files[1].name, "b");
	assert_true(spec_uses_scratch(s));
	spec_free(s);
}

static void test_collect(void **state)
{
	struct spec *s = read_spec(
		HEAD "repeat: 2\ncommand: run\nresults: {stdout: json, files: {trace: '{T}.csv'}}\n"
		     "collect:\n  - {to: sub/all.tsv}\n  - {to: t.jsonl, from: trace}\n"
		     "  - {to: s.json, by: [T, rep], mean: [E, M], count: true, sd: E,\n"
		     "     quantiles: {E: [0.025, 0.5], M: 1}}\n  - {to: total.csv, sum: E, count: "
		     "false}\n");
	static const char *const titles[] = { "mean_E", "mean_M", "count", "sd_E",
					      "q2.5_E", "q50_E",  "q100_M" };
	const struct output *o = &s->outputs[2];

	(void)state;
	assert_true(s->outputs_given);
	assert_int_equal(s->n_outputs, 4);
	assert_int_equal(s->outputs[0].format, 't');
	assert_int_equal(s->outputs[1].format, 'l');
	assert_string_equal(s->outputs[1].from, "trace");
	assert_int_equal(o->format, 'j');
	assert_int_equal(o->n_by, 2);
	assert_string_equal(o->by_text, "T, rep");
	assert_int_equal(o->n_stats, 7);
	for (size_t i = 0; i < o->n_stats; i++)
		assert_string_equal(o->stats[i].title, titles[i]);
	assert_null(o->stats[2].column);
	assert_true(o->stats[4].kind == STAT_QUANTILE && o->stats[4].q == 0.025);
	assert_int_equal(s->outputs[3].n_stats, 1);
	assert_int_equal(s->outputs[3].n_by, 0);
	spec_free(s);
}

static void test_keep_and_launch(void **state)
{
	static const struct {
		const char *text;
		bool keep, launch;
		const char *warnings;
	} rows[] = {
		{ "command: run {T}", false, false, "" },
		{ "command: run --state={keep}", true, false, "" },
		{ "command: run\nworkdir: '{keep}'", true, false, "" },
		{ "command: run\nenv: {A: '{keep}/x'}", true, false, "" },
		{ "command: run\nresults: {files: {a: '{keep}/a.csv'}}", true, false, "" },
		{ "shell: cat \"$PPGEN_KEEP\"/x", true, false, "" },
		{ "command: '{launch} run'\nresources: {ranks: 4}", false, true, "" },
		{ "command: ['{launch}', run]\nresources: {ranks: 4, nodes: 2}", false, true, "" },
		{ "command: run\nenv: {A: '{launch} x'}\nresources: {ranks: 4}", false, true, "" },
		{ "shell: $PPGEN_LAUNCH run\nresources: {ranks: 4}", false, true, "" },
		{ "command: run\nresources: {ranks: 1}", false, false, "" },
		{ "command: run\nresources: {ranks: 4}", false, false,
		  "f:4:20: warning: the task is started once, on one node: begin the command with "
		  "{launch} to start it on all of them\n" },
		{ "shell: run\nresources: {nodes: 4}", false, false,
		  "f:4:20: warning: the task is started once, on one node: begin its program with "
		  "$PPGEN_LAUNCH to start it on all of them\n" },
		{ "command: run\noverrides: [{where: T > 1, ranks: 4}]", false, false,
		  "f:4:12: warning: the task is started once, on one node: begin the command with "
		  "{launch} to start it on all of them\n" },
		{ "shell: $PPGEN_LAUNCH run", false, true,
		  "f:3:8: warning: PPGEN_LAUNCH is not set: 'resources' has no 'ranks'\n" },
		{ "shell: run {launch}", false, false,
		  "f:3:8: warning: '{launch}' is not replaced in 'shell': write $PPGEN_LAUNCH\n" },
		{ "shell: run {keep}", false, false,
		  "f:3:8: warning: '{keep}' is not replaced in 'shell': write \"$PPGEN_KEEP\"\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf text = BUF_INIT;
		struct spec *s;

		buf_printf(&text, HEAD "%s\n", rows[i].text);
		s = read_with(text.data, NULL, 0, rows[i].warnings);
		assert_int_equal(spec_uses_keep(s), rows[i].keep);
		assert_int_equal(spec_uses_launch(s), rows[i].launch);
		spec_free(s);
		buf_free(&text);
	}
}

static void test_scratch(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
		{ "command: run {T}", false },
		{ "command: run {scratch}/x", true },
		{ "command: bash -c 'echo \"$PPGEN_SCRATCH\"'", true },
		{ "shell: cd \"$PPGEN_SCRATCH\"", true },
		{ "shell: cd /", false },
		{ "command: run\nenv: {TMPDIR: '{scratch}'}", true },
		{ "command: run\nresults: {files: {a: '{scratch}/a.csv'}}", true },
		{ "command: run\nworkdir: '{scratch}'", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf text = BUF_INIT;
		struct spec *s;

		buf_printf(&text, HEAD "%s\n", rows[i].text);
		s = read_spec(text.data);
		assert_int_equal(spec_uses_scratch(s), rows[i].want);
		spec_free(s);
		buf_free(&text);
	}
}

static void test_warnings(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "command: grep {T} #x",
		  "f:3:10: warning: ' #' begins a comment and ends this text: put it in quotes if "
		  "'#' belongs to it\n" },
		{ "command: grep {T} # a comment", "" },
		{ "shell: echo {T} ${f}",
		  "f:3:8: warning: '{T}' is not replaced in 'shell': write \"$T\"\n" },
		{ "command: run\nretry: {times: 1, memory: x2}",
		  "f:4:27: warning: 'memory' in 'retry' has nothing to grow: 'resources' has no "
		  "'memory'\n" },
		{ "command: run\nretry: {times: 1, memory: x2}\nresources: {memory: 1G}", "" },
		{ "command: run\nresources: {gpu_type: a100}",
		  "f:4:23: warning: 'gpu_type' says of what kind GPUs are, and no task asks for any: "
		  "give 'gpus'\n" },
		{ "command: run\nresources: {gpu_type: a100}\noverrides: [{where: T > 1, gpus: 1}]",
		  "" },
		{ "command: run\nresources: {time: 5m}\ncheckpoint: {signal: USR1}",
		  "f:5:13: warning: 'before' in 'checkpoint' is 5m 00s, and 'time' only 5m 00s: such a "
		  "task gets the signal right after its start\n" },
		{ "command: run\nresources: {time: 1h}\noverrides: [{where: T > 1, time: 5m}]\n"
		  "checkpoint: {signal: USR1, before: 6m}",
		  "f:6:36: warning: 'before' in 'checkpoint' is 6m 00s, and 'time' only 5m 00s: such a "
		  "task gets the signal right after its start\n" },
		{ "command: run\nresults: {files: {a: a.csv}}",
		  "f:4:22: warning: every task writes the same file 'a.csv': name a parameter or "
		  "{task} in it, or write "
		  "workdir: \"{scratch}\"\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf text = BUF_INIT;

		buf_printf(&text, HEAD "%s\n", rows[i].text);
		spec_free(read_with(text.data, NULL, 0, rows[i].want));
		buf_free(&text);
	}
}

static void test_settings(void **state)
{
	static const char *const sets[] = { "resources.cpus=3", "env.B=x", "retry=1",
					    "submit.slots=2" };
	static const struct setting want[] = {
		{ "name", "f", "default" },
		{ "command", "run {T}", "f:3" },
		{ "env.A", "1", "f:4" },
		{ "env.B", "x", "--set env.B" },
		{ "resources.cpus", "3", "--set resources.cpus" },
		{ "resources.memory", "1G", "f:6" },
		{ "resources.time", "no limit", "default" },
		{ "retry.times", "1", "--set retry" },
		{ "results.stdout", "{regex: {E: x}}", "f:7" },
		{ "collect", "[{to: results.csv}]", "default" },
		{ "seed", "0", "default" },
		{ "resources.nodes", "1", "default" },
		{ "resources.exclusive", "false", "default" },
		{ "checkpoint.signal", "SIGUSR1", "f:8" },
		{ "checkpoint.before", "5m", "default" },
		{ "submit.slots", "2", "--set submit.slots" },
		{ "submit.element_time", "2h", "f:9" },
	};
	struct spec *s = read_with(
		HEAD
		"command: run {T}\nenv: {A: 1}\nresources:\n  memory: 1G\nresults: {stdout: "
		"{regex: {E: x}}}\ncheckpoint: {signal: SIGUSR1}\nsubmit: {element_time: 2h}\n",
		sets, 4, "");
	struct setting *got;
	const size_t n = spec_settings(s, &got);

	(void)state;
	assert_int_equal(s->res.cpus, 3);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		size_t k = 0;

		while (k < n && strcmp(got[k].key, want[i].key) != 0)
			k++;
		if (k == n)
			fail_msg("no setting '%s'", want[i].key);
		assert_string_equal(got[k].value, want[i].value);
		assert_string_equal(got[k].origin, want[i].origin);
	}
	spec_free(s);
}

#define SUM "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"

/* What is kept with a plan holds no password and no token; what fetches holds them. */
static void test_secrets(void **state)
{
	static const char *const sets[] = { "inputs.b.url=https://u:pw@h/b", "env.A=x" };
	static const char text[] = HEAD "command: run https://u:pw@h/a\r\ninputs:\n"
					"  a: {url: \"https://u:pw@h/a\", sha256: " SUM "}\n"
					"  b: {url: https://h/b, sha256: " SUM "}\n"
					"  c: {url: https://h/c?sig=t0p&x=1, sha256: " SUM "}\n";
	struct spec *s = read_with(text, sets, 2, "");
	struct setting *got;
	const size_t n = spec_settings(s, &got);

	(void)state;
	assert_string_equal(s->text, HEAD "command: run https://u:pw@h/a\r\ninputs:\n"
					  "  a: {url: \"https://h/a\", sha256: " SUM "}\n"
					  "  b: {url: https://h/b, sha256: " SUM "}\n"
					  "  c: {url: https://h/c?sig=***&x=1, sha256: " SUM "}\n");
	assert_int_equal(s->text_len, strlen(s->text));
	assert_true(spec_has_text(s, text, sizeof text - 1));
	assert_true(spec_has_text(s, s->text, s->text_len));
	assert_false(spec_has_text(s, text, sizeof text - 2));
	assert_string_equal(s->sets[0], "inputs.b.url=https://h/b");
	assert_string_equal(s->sets[1], "env.A=x");
	assert_string_equal(s->inputs[0].url, "https://u:pw@h/a");
	assert_string_equal(s->inputs[1].url, "https://u:pw@h/b");
	for (size_t k = 0; k < n; k++)
		if (strncmp(got[k].key, "inputs.", 7) == 0)
			assert_null(strstr(got[k].value, "pw"));
	spec_free(s);
}

static void test_merge(void **state)
{
	struct spec *s = read_spec(HEAD "command: run\nresources: &big {cpus: 4, memory: 1G}\n"
					"overrides:\n  - {<<: *big, where: T > 2, cpus: 8}\n");

	(void)state;
	assert_int_equal(s->overrides[0].res.cpus, 8);
	assert_int_equal(s->overrides[0].res.memory, UINT64_C(1) << 30);
	spec_free(s);
}

static void test_man(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	spec_man_keys(&b);
	assert_non_null(
		strstr(b.data, "\n\\fBresources.cpus\\fR: count (default: 1)\nProcessors; "));
	assert_non_null(strstr(b.data, "\n\\fBcheckpoint.before\\fR: duration (default: 5m)\n"));
	assert_non_null(strstr(b.data, "\\fBparams.grid.\\fINAME\\fB.from\\fR: number\n"));
	assert_non_null(strstr(b.data, "\n\\fBpython.call, r.call\\fR: function\n"));
	assert_non_null(strstr(b.data, "\\fBoverrides.where\\fR"));
	assert_non_null(strstr(b.data, "Known, and not yet supported:\ncontainer,\nwrap.\n"));
	for (const char *p = b.data; (p = strstr(p, "\n.")); p++)
		assert_true(strncmp(p, "\n.TP\n", 5) == 0 || strncmp(p, "\n.PP\n", 5) == 0 ||
			    !strcmp(p, "\n.\n"));
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),   cmocka_unit_test(test_start),
		cmocka_unit_test(test_with),       cmocka_unit_test(test_resources),
		cmocka_unit_test(test_results),    cmocka_unit_test(test_files),
		cmocka_unit_test(test_collect),    cmocka_unit_test(test_scratch),
		cmocka_unit_test(test_warnings),   cmocka_unit_test(test_settings),
		cmocka_unit_test(test_merge),      cmocka_unit_test(test_man),
		cmocka_unit_test(test_secrets),    cmocka_unit_test(test_cluster_resources),
		cmocka_unit_test(test_submit),     cmocka_unit_test(test_compare_resources),
		cmocka_unit_test(test_ranks_meet), cmocka_unit_test(test_keep_and_launch),
		cmocka_unit_test(test_checkpoint),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
