/* SPDX-License-Identifier: MIT */
/* How tasks are started: words, environment, folders, and the line that people are shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "gen/task.h"

#define WORDS_MAX 12

static char *top; /* a folder of this test */

static struct plan *draft(const char *text)
{
	struct diags *d = diags_new();
	char *path = path_join(top, "spec.yaml");
	struct err e = ERR_INIT;
	struct spec *s;
	struct plan *p;

	assert_int_equal(file_publish(path, text, strlen(text), &e), 0);
	s = spec_read(path, NULL, d);
	p = s ? plan_draft(s, NULL, d) : NULL;
	if (!p)
		fail_msg("%s", diags_text(d));
	diags_free(d);
	free(path);
	return p;
}

static const char *const base_env[] = { "PATH=/usr/bin:/bin", "HOME=/home/me", "MKL_NUM_THREADS=7",
					NULL };

static struct launch_place place(void)
{
	return (struct launch_place){ .rundir = "/run/dir", .base_env = base_env };
}

static void launch(const struct plan *p, uint64_t index, struct task *t, struct launch *l,
		   const struct launch_place *at)
{
	struct err e = ERR_INIT;

	if (task_load(t, p, index, &e) < 0 || task_launch(t, p, at, l, &e) < 0)
		fail_msg("%s", e.text);
}

static const char *env_get(const struct launch *l, const char *name)
{
	const char *found = NULL;
	size_t n = strlen(name);

	for (char **v = l->envp; *v; v++) {
		if (strncmp(*v, name, n) == 0 && (*v)[n] == '=') {
			assert_null(found); /* never twice */
			found = *v + n + 1;
		}
	}
	return found;
}

static void test_words(void **state)
{
	static const struct {
		const char *spec;
		uint64_t index;
		const char *words[WORDS_MAX];
	} rows[] = {
		{ "params: {T: [1.50, 2]}\ncommand: a --T={T} '{T} {T}' {{T}}",
		  0,
		  { "a", "--T=1.50", "1.50 1.50", "{T}" } },
		{ "params: {s: ['a b', '$(x)']}\ncommand: a {s}", 1, { "a", "$(x)" } },
		{ "params: {s: ['', \"q'\\\"\\n\"]}\ncommand: a {s}", 0, { "a", "" } },
		{ "params: {s: ['', \"q'\\\"\\n\"]}\ncommand: a {s}", 1, { "a", "q'\"\n" } },
		{ "params: {s: ['-rf', '{x}']}\ncommand: a {s}", 1, { "a", "{x}" } },
		{ "params: {l: [[1, 'b c', 2.50], []]}\ncommand: a {l} z",
		  0,
		  { "a", "1", "b c", "2.50", "z" } },
		{ "params: {l: [[1, 'b c', 2.50], []]}\ncommand: a {l} z", 1, { "a", "z" } },
		{ "params: {l: [[1, 'b c', 2.50], []]}\ncommand: a x{l}",
		  0,
		  { "a", "x[1,\"b c\",2.50]" } },
		{ "params: {l: [[a, b]]}\ncommand: '{l}'", 0, { "a", "b" } },
		{ "params: {f: [d/x.tar.gz]}\ncommand: a {f:dir} {f:name} {f:stem} {f:ext}",
		  0,
		  { "a", "d", "x.tar.gz", "x.tar", ".gz" } },
		{ "params: {n: [7]}\nresources: {cpus: 3, memory: 2G}\ncommand: a {n:03d} {cpus} {memory} {index}",
		  0,
		  { "a", "007", "3", "2147483648", "0" } },
		{ "params: {T: [1, 2]}\nrepeat: 3\ncommand: a {T} {rep}", 4, { "a", "2", "1" } },
		{ "params: {T: [5]}\nshell: echo \"$T\" {T}",
		  0,
		  { "/bin/sh", "-c", "echo \"$T\" {T}" } },
		{ "params: {T: [5]}\nshell: {script: x, with: bash -eu}",
		  0,
		  { "bash", "-eu", "-c", "x" } },
	};
	struct launch l = { 0 };

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		char *text = mem_printf("ppgen: 1\n%s\n", rows[k].spec);
		const struct launch_place at = place();
		struct plan *p = draft(text);
		struct task t;

		task_init(&t, p);
		launch(p, rows[k].index, &t, &l, &at);
		for (size_t w = 0; w < WORDS_MAX; w++) {
			const char *want = rows[k].words[w], *got = l.argv[w];

			if (!want != !got || (want && strcmp(want, got) != 0))
				fail_msg("'%s', word %zu: '%s', not '%s'", rows[k].spec, w,
					 got ? got : "(none)", want ? want : "(none)");
			if (!want)
				break;
		}
		assert_string_equal(l.workdir, top);
		assert_null(l.scratch);
		task_free(&t);
		plan_free(p);
		free(text);
	}
	launch_free(&l);
}

static void test_errors(void **state)
{
	static const struct {
		const char *spec, *want;
	} rows[] = {
		{ "params: {l: [[]]}\ncommand: '{l}'", "all its words are empty lists" },
		{ "params: {s: [x]}\ncommand: a {s:03d}", "wants an integer" },
		{ "params: {s: [x]}\ncommand: a\nenv: {A: '{s:.3f}'}", "env.A: " },
		{ "params: {s: ['']}\ncommand: a\nworkdir: '{s}'", "workdir is empty for task t" },
	};
	struct launch l = { 0 };

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		char *text = mem_printf("ppgen: 1\n%s\n", rows[k].spec);
		const struct launch_place at = place();
		struct plan *p = draft(text);
		struct err e = ERR_INIT;
		struct task t;

		task_init(&t, p);
		assert_int_equal(task_load(&t, p, 0, &e), 0);
		assert_int_equal(task_launch(&t, p, &at, &l, &e), -1);
		if (!strstr(e.text, rows[k].want))
			fail_msg("'%s' is not in '%s'", rows[k].want, e.text);
		task_free(&t);
		plan_free(p);
		free(text);
	}
	launch_free(&l);
}

static void test_environment(void **state)
{
	struct plan *p = draft(
		"ppgen: 1\nparams: {T: [1, 2], my_l: [[1, 'x y']]}\nresources: {cpus: 4, memory: 1k}\n"
		"env: {OMP_NUM_THREADS: '1', HOME: \"/h/{T}\", NEW: '{seed} {task}', E: ''}\n"
		"shell: ./x \"$PPGEN_SCRATCH\"\n");
	const struct launch_place at = { .rundir = "/run/dir",
					 .base_env = base_env,
					 .gpus = "0,3" };
	struct launch l = { 0 };
	struct task t;
	char text[200];

	(void)state;
	task_init(&t, p);
	t.attempt = 2;
	launch(p, 0, &t, &l, &at);
	launch(p, 1, &t, &l, &at); /* the memory is used again */
	assert_string_equal(env_get(&l, "PATH"), "/usr/bin:/bin");
	assert_string_equal(env_get(&l, "HOME"), "/h/2");
	assert_string_equal(env_get(&l, "T"), "2");
	assert_string_equal(env_get(&l, "my_l"), "[1,\"x y\"]");
	assert_string_equal(env_get(&l, "E"), "");
	assert_string_equal(env_get(&l, "OMP_NUM_THREADS"), "1");
	assert_string_equal(env_get(&l, "MKL_NUM_THREADS"), "7");
	assert_string_equal(env_get(&l, "OPENBLAS_NUM_THREADS"), "4");
	assert_string_equal(env_get(&l, "JULIA_NUM_THREADS"), "4");
	assert_string_equal(env_get(&l, "CUDA_VISIBLE_DEVICES"), "0,3");
	assert_string_equal(env_get(&l, "ROCR_VISIBLE_DEVICES"), "0,3");
	assert_string_equal(env_get(&l, "PPGEN_TASK"), t.shown);
	assert_string_equal(env_get(&l, "PPGEN_INDEX"), "1");
	assert_string_equal(env_get(&l, "PPGEN_ATTEMPT"), "2");
	assert_string_equal(env_get(&l, "PPGEN_CPUS"), "4");
	assert_string_equal(env_get(&l, "PPGEN_MEMORY"), "1024");
	assert_string_equal(env_get(&l, "PPGEN_RUN"), "/run/dir");
	snprintf(text, sizeof text, "%lu", (unsigned long)t.seeds.seed);
	assert_string_equal(env_get(&l, "PPGEN_SEED"), text);
	snprintf(text, sizeof text, "%llu", (unsigned long long)t.seeds.seed64);
	assert_string_equal(env_get(&l, "PPGEN_SEED64"), text);
	snprintf(text, sizeof text, "%lu,%lu,%lu,%lu", (unsigned long)t.seeds.words[0],
		 (unsigned long)t.seeds.words[1], (unsigned long)t.seeds.words[2],
		 (unsigned long)t.seeds.words[3]);
	assert_string_equal(env_get(&l, "PPGEN_SEED_WORDS"), text);
	snprintf(text, sizeof text, "%lu %s", (unsigned long)t.seeds.seed, t.shown);
	assert_string_equal(env_get(&l, "NEW"), text);
	snprintf(text, sizeof text, "/run/dir/scratch/%s", t.shown);
	assert_string_equal(env_get(&l, "PPGEN_SCRATCH"), text);
	assert_string_equal(l.scratch, text);
	task_free(&t);
	launch_free(&l);
	plan_free(p);
}

/* {launch}: words of their own where it stands alone, else a line for a shell. */
static void test_launch_words(void **state)
{
	static const char *const starter[] = { "run it",
					       "-N{{nodes}}",
					       "-n",
					       "{{ranks}}",
					       "--per={{ranks_per_node}}x{{cpus}}",
					       "{{ranks}}{{nodes}}",
					       NULL };
	static const struct {
		const char *spec;
		bool starter;
		const char *words[WORDS_MAX];
		const char *variable; /* PPGEN_LAUNCH */
	} rows[] = {
		{ "command: '{launch} p {T}'\nresources: {ranks: 4}",
		  false,
		  { "mpiexec", "-n", "4", "p", "1" },
		  "mpiexec -n 4" },
		{ "command: '{launch} p {T}'\nresources: {ranks: 7, nodes: 2, cpus: 3}",
		  true,
		  { "run it", "-N2", "-n", "7", "--per=4x3", "72", "p", "1" },
		  "'run it' -N2 -n 7 --per=4x3 72" },
		{ "command: [env, '{launch}', '-c={launch} x', y]\nresources: {ranks: 4}",
		  false,
		  { "env", "mpiexec", "-n", "4", "-c=mpiexec -n 4 x", "y" },
		  "mpiexec -n 4" },
		{ "shell: $PPGEN_LAUNCH p\nresources: {ranks: 2}",
		  false,
		  { "/bin/sh", "-c", "$PPGEN_LAUNCH p" },
		  "mpiexec -n 2" },
		{ "command: p", true, { "p" }, NULL },
	};
	struct launch l = { 0 };

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		char *text = mem_printf("ppgen: 1\nparams: {T: [1]}\n%s\n", rows[k].spec);
		struct launch_place at = place();
		struct plan *p = draft(text);
		const char *variable;
		struct task t;

		at.launch = rows[k].starter ? starter : NULL;
		task_init(&t, p);
		launch(p, 0, &t, &l, &at);
		for (size_t w = 0; w < WORDS_MAX; w++) {
			const char *want = rows[k].words[w], *got = l.argv[w];

			if (!want != !got || (want && strcmp(want, got) != 0))
				fail_msg("'%s', word %zu: '%s', not '%s'", rows[k].spec, w,
					 got ? got : "(none)", want ? want : "(none)");
			if (!want)
				break;
		}
		variable = env_get(&l, "PPGEN_LAUNCH");
		if (!rows[k].variable)
			assert_null(variable);
		else
			assert_string_equal(variable, rows[k].variable);
		task_free(&t);
		plan_free(p);
		free(text);
	}
	launch_free(&l);
}

static void test_launch_errors(void **state)
{
	static const struct {
		const char *word, *want;
	} rows[] = {
		{ "a{{ranks", "'{{' is not closed" },
		{ "{{rank}}",
		  "a launcher does not know '{{rank}}': it knows ranks, nodes, cpus and "
		  "ranks_per_node" },
		{ "{{}}", "a launcher does not know '{{}}'" },
	};
	struct plan *p = draft("ppgen: 1\nparams: {T: [1]}\ncommand: '{launch} p'\n"
			       "resources: {ranks: 2}\n");
	struct launch l = { 0 };
	struct task t;

	(void)state;
	assert_int_equal(launch_check_word("-n{{ranks}}x{{nodes}}}}", NULL), 0);
	task_init(&t, p);
	assert_int_equal(task_load(&t, p, 0, NULL), 0);
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		const char *const words[] = { "x", rows[k].word, NULL };
		struct launch_place at = place();
		struct err e = ERR_INIT, e2 = ERR_INIT;

		assert_int_equal(launch_check_word(rows[k].word, &e), -1);
		assert_non_null(strstr(e.text, rows[k].want));
		at.launch = words;
		assert_int_equal(task_launch(&t, p, &at, &l, &e2), -1);
		assert_non_null(strstr(e2.text, rows[k].want));
	}
	t.res.ranks = 0; /* which a spec that was read cannot give */
	{
		const struct launch_place at = place();
		struct err e = ERR_INIT;

		assert_int_equal(task_launch(&t, p, &at, &l, &e), -1);
		assert_non_null(strstr(e.text, "'{launch}' needs 'ranks'"));
	}
	task_free(&t);
	launch_free(&l);
	plan_free(p);
}

/* {keep} stays with the run; {scratch} goes where the place says. */
static void test_folders(void **state)
{
	struct plan *p = draft("ppgen: 1\nparams: {T: [1]}\ncommand: p {keep} {scratch}\n"
			       "results: {files: {a: '{keep}/a.csv'}}\n");
	struct launch_place at = place();
	struct buf path = BUF_INIT, shown = BUF_INIT;
	struct launch l = { 0 };
	struct task t;
	char *keep, *scratch, *want;

	(void)state;
	at.scratch = "/fast/ppgen-1";
	task_init(&t, p);
	launch(p, 0, &t, &l, &at);
	keep = mem_printf("/run/dir/keep/%s.%s", t.shown, t.code);
	scratch = mem_printf("/fast/ppgen-1/%s", t.shown);
	assert_string_equal(l.keep, keep);
	assert_string_equal(l.scratch, scratch);
	assert_string_equal(l.argv[1], keep);
	assert_string_equal(l.argv[2], scratch);
	assert_string_equal(env_get(&l, "PPGEN_KEEP"), keep);
	assert_string_equal(env_get(&l, "PPGEN_SCRATCH"), scratch);
	assert_int_equal(task_path(&t, p, &at, p->spec->results.files[0].path, &path, NULL), 0);
	assert_string_equal(buf_str(&path) + strlen(keep), "/a.csv");
	launch_put_command(&l, &shown);
	want = mem_printf("mkdir -p %s %s && cd ", scratch, keep);
	assert_int_equal(strncmp(buf_str(&shown), want, strlen(want)), 0);
	free(want);
	free(keep);
	free(scratch);
	buf_free(&path);
	buf_free(&shown);
	task_free(&t);
	launch_free(&l);
	plan_free(p);
}

/* What a task gets, and how elements look, does not change what it computes. */
static void test_code_stays(void **state)
{
	static const char *const same[] = {
		"resources: {ranks: 4, nodes: 2, cpus: 2, exclusive: true, constraint: x}\n",
		"resources: {ranks: 2, licences: a, gpus: 1, gpu_type: a}\noverrides: [{where: T == 1, ranks: 9}]\n",
		"resources: {ranks: 2}\nsubmit: {elements: 3, element_time: 1h, max_running: 3}\n",
		"resources: {ranks: 2}\ncheckpoint: {signal: TERM}\n",
	};
	char first[CODE_HEX];

	(void)state;
	for (size_t k = 0; k < sizeof same / sizeof *same; k++) {
		char *text = mem_printf(
			"ppgen: 1\nparams: {T: [1]}\ncommand: '{launch} p {keep}'\n%s", same[k]);
		struct plan *p = draft(text);

		if (k == 0)
			memcpy(first, p->code, CODE_HEX);
		assert_string_equal(p->code, first);
		plan_free(p);
		free(text);
	}
	{
		struct plan *p = draft("ppgen: 1\nparams: {T: [1]}\ncommand: 'p {keep}'\n");

		assert_string_not_equal(p->code, first);
		plan_free(p);
	}
}

/* The same memory for tasks with other bases, and with more variables than there was room for. */
static void test_other_base(void **state)
{
	static const char *const twice[] = { "A=1", "A=2", "nonsense", "B=3", NULL };
	static char texts[300][16];
	const char *many[301];
	const struct launch_place places[] = {
		{ .rundir = "/r", .base_env = twice },
		{ .rundir = "/r", .base_env = many },
		{ .rundir = "/r", .base_env = NULL },
	};
	struct plan *p = draft("ppgen: 1\nparams: {T: [1]}\nenv: {B: '4'}\ncommand: x\n");
	struct launch l = { 0 };
	struct task t;

	(void)state;
	for (size_t k = 0; k < 300; k++) {
		snprintf(texts[k], sizeof texts[k], "V%zu=%zu", k, k);
		many[k] = texts[k];
	}
	many[300] = NULL;
	task_init(&t, p);
	for (size_t k = 0; k < 12; k++) {
		launch(p, 0, &t, &l, &places[k / 2 % 3]);
		assert_string_equal(env_get(&l, "B"), "4");
		assert_string_equal(env_get(&l, "PPGEN_TASK"), t.shown);
		assert_int_equal(env_get(&l, "A") != NULL, k / 2 % 3 == 0);
		assert_int_equal(env_get(&l, "V299") != NULL, k / 2 % 3 == 1);
		if (k / 2 % 3 == 0)
			assert_string_equal(env_get(&l, "A"), "1");
	}
	task_free(&t);
	launch_free(&l);
	plan_free(p);
}

static void test_no_parameters_for_commands(void **state)
{
	struct plan *p = draft("ppgen: 1\nparams: {T: [1]}\ncommand: x\n");
	const struct launch_place at = place();
	struct launch l = { 0 };
	struct task t;

	(void)state;
	task_init(&t, p);
	launch(p, 0, &t, &l, &at);
	assert_null(env_get(&l, "T"));
	assert_null(env_get(&l, "CUDA_VISIBLE_DEVICES"));
	assert_string_equal(env_get(&l, "PPGEN_MEMORY"), "0");
	task_free(&t);
	launch_free(&l);
	plan_free(p);
}

static void put_file(const char *name, const char *text)
{
	char *path = path_join(top, name);

	assert_int_equal(file_publish(path, text, strlen(text), NULL), 0);
	free(path);
}

static void test_paths(void **state)
{
	static const char sum[] =
		"41ab41ab41ab41ab41ab41ab41ab41ab41ab41ab41ab41ab41ab41ab41ab41ab";
	char *text = mem_printf(
		"ppgen: 1\nparams: {T: [1, 2]}\ncommand: x\nworkdir: \"w{T}\"\n"
		"inputs: {all: all.txt, own: 'in{T}.txt', far: {url: 'https://example.org/x', sha256: %s}}\n"
		"results: {files: {a: 'out{T}.csv', b: '{scratch}/b.csv', c: '/abs/{index}.csv'}}\n",
		sum);
	const struct launch_place at = place();
	struct buf b = BUF_INIT;
	struct launch l = { 0 };
	struct plan *p;
	struct task t;
	char *want[5];

	(void)state;
	put_file("all.txt", "x");
	put_file("in1.txt", "x");
	put_file("in2.txt", "y");
	p = draft(text);
	task_init(&t, p);
	launch(p, 1, &t, &l, &at);
	want[0] = mem_printf("%s/w2", top);
	want[1] = mem_printf("%s/w2/out2.csv", top);
	want[2] = mem_printf("/run/dir/scratch/%s/b.csv", t.shown);
	want[3] = mem_dup("/abs/1.csv");
	want[4] = mem_printf("%s/in2.txt", top);
	assert_string_equal(l.workdir, want[0]);
	for (size_t k = 0; k < 4; k++) {
		const struct ptext *path =
			k < 3 ? p->spec->results.files[k].path : p->spec->inputs[1].path;

		buf_clear(&b);
		assert_int_equal(task_path(&t, p, &at, path, &b, NULL), 0);
		assert_string_equal(buf_str(&b), want[k + 1]);
	}
	assert_string_equal(env_get(&l, "PPGEN_INPUT_OWN"), want[4]);
	buf_clear(&b);
	buf_printf(&b, "%s/all.txt", top);
	assert_string_equal(env_get(&l, "PPGEN_INPUT_ALL"), buf_str(&b));
	buf_clear(&b);
	buf_printf(&b, "/run/dir/inputs/%s", sum);
	assert_string_equal(env_get(&l, "PPGEN_INPUT_FAR"), buf_str(&b));
	for (size_t k = 0; k < 5; k++)
		free(want[k]);
	buf_free(&b);
	task_free(&t);
	launch_free(&l);
	plan_free(p);
	free(text);
}

/* An input's name is a placeholder in the command and in env; a parameter of that name comes first.
 */
static void test_inputs(void **state)
{
	static const char sum[] =
		"41ab41ab41ab41ab41ab41ab41ab41ab41ab41ab41ab41ab41ab41ab41ab41ab";
	char *text = mem_printf(
		"ppgen: 1\nparams: {T: [1, 2], both: [p]}\nworkdir: \"w{T}\"\n"
		"inputs: {all: all.txt, own: 'in{T}.txt', both: all.txt, far: {url: 'https://example.org/x', sha256: %s}}\n"
		"command: [x, '{all}', '-i={own:name}', '{both}', '{far}', '{own:stem}{T}']\n"
		"env: {A: '{own:ext}', B: '{all:stem}'}\n",
		sum);
	const struct launch_place at = place();
	struct launch l = { 0 };
	struct plan *p;
	struct task t;
	char *want[6];

	(void)state;
	put_file("all.txt", "x");
	put_file("in1.txt", "x");
	put_file("in2.txt", "y");
	p = draft(text);
	task_init(&t, p);
	launch(p, 1, &t, &l, &at);
	want[0] = mem_dup("x");
	want[1] = mem_printf("%s/all.txt", top);
	want[2] = mem_dup("-i=in2.txt");
	want[3] = mem_dup("p");
	want[4] = mem_printf("/run/dir/inputs/%s", sum);
	want[5] = mem_dup("in22");
	for (size_t k = 0; k < 6; k++) {
		assert_string_equal(l.argv[k], want[k]);
		free(want[k]);
	}
	assert_null(l.argv[6]);
	assert_string_equal(env_get(&l, "A"), ".txt");
	assert_string_equal(env_get(&l, "B"), "all");
	task_free(&t);
	launch_free(&l);
	plan_free(p);
	free(text);
}

static void test_base_env(void **state)
{
	char *given[] = { "A=1",
			  "SLURM_ARRAY_TASK_ID=3",
			  "SLURM_JOB_ID=4",
			  "PBS_ARRAY_INDEX=1",
			  "PBS_ARRAYID=1",
			  "PBS_ARRAYIDS=1",
			  "SGE_TASK_ID=2",
			  "SGE_TASK_STEPSIZE=1",
			  "SGE_ROOT=/x",
			  "PPGEN_TASK=t1",
			  "=odd",
			  "odd",
			  "B=",
			  NULL };
	static const char *const want[] = {
		"A=1", "SLURM_JOB_ID=4", "PBS_ARRAYIDS=1", "SGE_ROOT=/x", "B=", NULL
	};
	char **out = task_base_env(given);

	(void)state;
	for (size_t k = 0; want[k]; k++)
		assert_string_equal(out[k], want[k]);
	assert_null(out[sizeof want / sizeof *want - 1]);
	free(out);
	out = task_base_env(NULL);
	assert_null(out[0]);
	free(out);
}

static void test_shown(void **state)
{
	static const struct {
		const char *spec, *want; /* %d the folder, %s the seed, %t the task */
	} rows[] = {
		{ "command: x --T={T}", "cd %d && env PPGEN_SEED=%s x '--T=a b'" },
		{ "command: x {T} {seed}", "cd %d && x 'a b' %s" },
		{ "command: x {seed}\nenv: {A: \"it's {T}\", B: '1'}",
		  "cd %d && env A='it'\\''s a b' B=1 x %s" },
		{ "command: x\nenv: {S: '{seed}'}", "cd %d && env S=%s x" },
		{ "command: x {seed} {scratch}",
		  "mkdir -p /run/dir/scratch/%t && cd %d && x %s /run/dir/scratch/%t" },
		{ "shell: x $PPGEN_SEED $PPGEN_TASK",
		  "cd %d && env PPGEN_TASK=%t PPGEN_SEED=%s T='a b' L=3 /bin/sh -c "
		  "'x $PPGEN_SEED $PPGEN_TASK'" },
	};
	struct launch l = { 0 };
	struct buf got = BUF_INIT, want = BUF_INIT;

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		char *text = mem_printf("ppgen: 1\nparams: {T: [a b], L: [3]}\n%s\n", rows[k].spec);
		const struct launch_place at = place();
		struct plan *p = draft(text);
		struct task t;

		task_init(&t, p);
		launch(p, 0, &t, &l, &at);
		buf_clear(&got);
		buf_clear(&want);
		launch_put_command(&l, &got);
		for (const char *c = rows[k].want; *c; c++) {
			if (*c != '%')
				buf_putc(&want, *c);
			else if (*++c == 'd')
				buf_puts(&want, top);
			else if (*c == 's')
				buf_put_u64(&want, t.seeds.seed);
			else
				buf_puts(&want, t.shown);
		}
		assert_string_equal(buf_str(&got), buf_str(&want));
		task_free(&t);
		plan_free(p);
		free(text);
	}
	buf_free(&got);
	buf_free(&want);
	launch_free(&l);
}

/* What is shown does, pasted into a shell, what the task does. */
static void test_shown_runs(void **state)
{
	static const char *const specs[] = {
		"ppgen: 1\nparams: {T: ['it''s $HOME; \"x\"', \"a\\nb\", '']}\ncommand: [printf, '%s|', '{T}', '{seed}', '{{}}']\n",
		"ppgen: 1\nparams: {T: ['it''s $HOME; \"x\"', \"a\\nb\", '']}\nenv: {A: '<{T}>'}\n"
		"shell: printf '%s|' \"$T\" \"$A\" \"$PPGEN_SEED\" \"$PPGEN_TASK\"\n",
	};
	struct launch l = { 0 };
	struct buf shown = BUF_INIT, a = BUF_INIT, b = BUF_INIT;

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		const struct launch_place at = place();
		struct plan *p = draft(specs[k]);
		struct task t;

		task_init(&t, p);
		for (uint64_t i = 0; i < 3; i++) {
			const char *sh[] = { "sh", "-c", NULL, NULL };
			const char *env[64] = { "env", "-i" };
			size_t n = 2;

			launch(p, i, &t, &l, &at);
			for (char **v = l.envp; *v; v++)
				env[n++] = *v;
			for (char **v = l.argv; *v; v++)
				env[n++] = *v;
			assert_true(n < 64);
			buf_clear(&shown);
			buf_clear(&a);
			buf_clear(&b);
			launch_put_command(&l, &shown);
			sh[2] = shown.data;
			assert_int_equal(proc_capture(sh, NULL, 20, &a, NULL, 10000, NULL), 0);
			assert_int_equal(proc_capture(env, l.workdir, 20, &b, NULL, 10000, NULL),
					 0);
			assert_string_equal(buf_str(&a), buf_str(&b));
			assert_true(a.len > 10);
		}
		task_free(&t);
		plan_free(p);
	}
	buf_free(&shown);
	buf_free(&a);
	buf_free(&b);
	launch_free(&l);
}

static void test_overrides(void **state)
{
	struct plan *p = draft(
		"ppgen: 1\nparams: {L: [1, 2]}\ncommand: x\nresources: {cpus: 1, memory: 1G}\n"
		"overrides: [{where: L > 1, cpus: 4}]\n");
	struct err e = ERR_INIT;
	struct task t;

	(void)state;
	task_init(&t, p);
	assert_int_equal(task_load(&t, p, 1, &e), 0);
	assert_int_equal(t.res.cpus, 4);
	assert_int_equal(t.res.memory, 1 << 30);
	assert_string_equal(t.code, p->code);
	assert_int_equal(t.attempt, 1);
	assert_int_equal(t.point.index, 1);
	assert_int_equal(task_load(&t, p, 0, &e), 0);
	assert_int_equal(t.res.cpus, 1);
	task_free(&t);
	plan_free(p);
}

static int setup(void **state)
{
	(void)state;
	top = mem_dup("/tmp/ppgen-test-XXXXXX");
	return mkdtemp(top) ? 0 : -1;
}

static int teardown(void **state)
{
	int rc = file_remove_tree(top, NULL);

	(void)state;
	free(top);
	return rc;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_words),       IN_FOLDER(test_errors),
		IN_FOLDER(test_environment), IN_FOLDER(test_paths),
		IN_FOLDER(test_shown),       IN_FOLDER(test_no_parameters_for_commands),
		IN_FOLDER(test_shown_runs),  IN_FOLDER(test_overrides),
		IN_FOLDER(test_other_base),  cmocka_unit_test(test_base_env),
		IN_FOLDER(test_inputs),      IN_FOLDER(test_launch_words),
		IN_FOLDER(test_folders),     IN_FOLDER(test_launch_errors),
		IN_FOLDER(test_code_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
