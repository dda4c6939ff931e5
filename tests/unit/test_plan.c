/* SPDX-License-Identifier: MIT */
/* Plans: what changes the code hash and what does not, publishing and reading back, damage. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "gen/plan.h"
#include "gen/textset.h"

static const char base_spec[] = "ppgen: 1\n"
				"params: {T: [1, 2], L: [8, 16]}\n"
				"repeat: 2\n"
				"seed: 1\n"
				"inputs: {data: in/d.txt, lib: lib}\n"
				"command: python3 sim.py --T={T} {L}\n"
				"env: {A: x, B: \"{T}\"}\n"
				"resources: {cpus: 1}\n"
				"results: {stdout: json}\n";

static char *top; /* a folder of this test */

static char *in_top(const char *name)
{
	return path_join(top, name);
}

static void put_file(const char *name, const char *text)
{
	char *path = in_top(name), *dir = path_dir(path);
	struct err e = ERR_INIT;

	if (file_make_dirs(dir, &e) < 0 || file_publish(path, text, strlen(text), &e) < 0)
		fail_msg("%s", e.text);
	free(dir);
	free(path);
}

static void put_base(void)
{
	put_file("sim.py", "print(1)\n");
	put_file("in/d.txt", "data\n");
	put_file("lib/a.py", "a\n");
	put_file("lib/sub/b.py", "b\n");
}

static struct spec *read_spec(const char *text, const char *const *sets, size_t n_sets,
			      struct diags *d)
{
	struct spec_options o = { .sets = sets, .n_sets = n_sets };
	char *path = in_top("spec.yaml");
	struct spec *s;

	put_file("spec.yaml", text);
	s = spec_read(path, &o, d);
	free(path);
	return s;
}

static struct plan *try_draft(const char *text, const struct plan *old, struct diags *d)
{
	struct spec *s = read_spec(text, NULL, 0, d);

	return s ? plan_draft(s, old, d) : NULL;
}

static struct plan *draft(const char *text, const struct plan *old)
{
	struct diags *d = diags_new();
	struct plan *p = try_draft(text, old, d);

	if (!p)
		fail_msg("%s", diags_text(d));
	diags_free(d);
	return p;
}

/* The text with the first `from` in it replaced. The caller frees. */
static char *changed(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	assert_non_null(at);
	return mem_printf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void test_what_counts(void **state)
{
	enum { SAME = 0, CODE = 1, RESULTS = 2, PLAN = 4 };
	static const struct {
		const char *from, *to;
		int changes;
	} rows[] = {
		{ "seed: 1", "seed: 1", SAME },
		{ "resources: {cpus: 1}", "resources: {cpus: 2, memory: 2G, time: 5m}", PLAN },
		{ "resources: {cpus: 1}", "retry: {times: 3}", PLAN },
		{ "resources: {cpus: 1}", "max_failures: 5", PLAN },
		{ "resources: {cpus: 1}", "collect: [{to: x.csv}]", PLAN },
		{ "resources: {cpus: 1}", "overrides: [{where: T > 1, cpus: 2}]", PLAN },
		{ "resources: {cpus: 1}", "name: other", PLAN },
		{ "repeat: 2", "repeat: 3", PLAN },
		{ "T: [1, 2]", "T: [1, 2, 3]", PLAN },
		{ "ppgen: 1\n", "ppgen: 1\n# a comment\n", PLAN },
		{ "A: x, B: \"{T}\"", "B: \"{T}\", A: x", PLAN },
		{ "data: in/d.txt, lib: lib", "lib: lib, data: in/d.txt", PLAN },
		{ "stdout: json", "stdout: number", RESULTS },
		{ "stdout: json", "stderr: json", RESULTS },
		{ "stdout: json", "log: json", RESULTS },
		{ "stdout: json", "stdout: {last_line: json}", RESULTS },
		{ "stdout: json", "stdout: {regex: {E: 'E=(.*)'}}", RESULTS },
		{ "stdout: json", "stdout: json, files: {t: t.csv}", RESULTS },
		{ "seed: 1", "seed: 2", CODE },
		{ "seed: 1", "seed: 1\nseed_by: [rep]", CODE },
		{ "seed: 1", "setup: module load x", CODE },
		{ "seed: 1", "seed: 1\nworkdir: in", CODE },
		{ "seed: 1", "seed: 1\nworkdir: \"{scratch}\"", CODE },
		{ "A: x", "A: y", CODE },
		{ "A: x", "C: x", CODE },
		{ "A: x, ", "", CODE },
		{ "--T={T} {L}", "--T={L} {T}", CODE },
		{ "--T={T}", "'--T={T}'", PLAN }, /* the same words */
		{ "--T={T} {L}", "--T={T}{L}", CODE },
		{ "command: python3 sim.py --T={T} {L}", "shell: python3 sim.py --T=\"$T\" \"$L\"",
		  CODE },
		{ "data: in/d.txt", "data: ./in/d.txt", CODE },
		{ "data: in/d.txt", "more: in/d.txt", CODE },
		{ "data: in/d.txt, ", "", CODE },
		{ "lib: lib", "lib: lib/a.py", CODE },
	};
	struct plan *a, *b;

	(void)state;
	put_base();
	a = draft(base_spec, NULL);
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		char *text = changed(base_spec, rows[k].from, rows[k].to);
		int changes = 0;

		b = draft(text, a);
		changes |= strcmp(a->code, b->code) ? CODE : 0;
		changes |= strcmp(a->results, b->results) ? RESULTS : 0;
		changes |= !changes && !plan_same(a, b) ? PLAN : 0;
		assert_int_equal(plan_same(a, b), changes == SAME);
		if (changes != rows[k].changes)
			fail_msg("'%s' -> '%s': %d, not %d", rows[k].from, rows[k].to, changes,
				 rows[k].changes);
		plan_free(b);
		free(text);
	}
	plan_free(a);
}

static void test_shell_counts(void **state)
{
	static const char text[] =
		"ppgen: 1\nparams: {T: [1]}\nshell: {script: echo $T, with: bash}\n";
	static const char *const rows[][2] = {
		{ "echo $T", "echo  $T" },
		{ "with: bash", "with: bash -e" },
		{ ", with: bash", "" },
	};
	struct plan *a = draft(text, NULL);

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		char *other = changed(text, rows[k][0], rows[k][1]);
		struct plan *b = draft(other, NULL);

		assert_string_not_equal(a->code, b->code);
		plan_free(b);
		free(other);
	}
	plan_free(a);
}

/* Whether a change on disk is seen: by a new draft, and by plan_code_now. */
static void check_now(struct plan *p, bool is_changed)
{
	struct plan *b = draft(base_spec, p);
	struct err e = ERR_INIT;
	char now[CODE_HEX];

	if (plan_code_now(p, now, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(now, b->code);
	assert_int_equal(strcmp(p->code, now) != 0, is_changed);
	assert_int_equal(!plan_same(p, b), is_changed);
	plan_free(b);
}

static void test_files_count(void **state)
{
	static const struct {
		const char *name, *text;
		bool counts;
	} rows[] = {
		{ "sim.py", "print(2)\n", true },
		{ "in/d.txt", "other\n", true },
		{ "lib/a.py", "aa\n", true },
		{ "lib/new.py", "new\n", true },
		{ "lib/sub/b.py", "B\n", true },
		{ "in/e.txt", "not named\n", false },
		{ "python3", "not this: PATH finds it\n", false },
		{ "lib/.hidden", "x\n", false },
		{ "lib/__pycache__/a.pyc", "x\n", false },
	};

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		struct plan *p;

		put_base();
		p = draft(base_spec, NULL);
		check_now(p, false);
		put_file(rows[k].name, rows[k].text);
		check_now(p, rows[k].counts);
		plan_free(p);
		file_remove_tree(top, NULL);
		assert_int_equal(mkdir(top, 0777), 0);
	}
}

static bool has_file(const struct plan *p, const char *name)
{
	char *path = in_top(name);
	bool has = false;

	for (size_t k = 0; k < p->n_files; k++)
		has |= strcmp(p->files[k].path, path) == 0;
	free(path);
	return has;
}

/* Which words of a command are files: beside or under the spec, and in no run directory. */
static void test_words(void **state)
{
	static const char text[] =
		"ppgen: 1\nparams: {T: [1]}\n"
		"command: ./go sim.py runs/a/collect/r.csv ../up.txt /etc/passwd lib {T}.txt sim.py\n";
	struct plan *p;
	char *dir = top, *below = in_top("proj");

	(void)state;
	put_file("up.txt", "up\n");
	top = below;
	put_base();
	put_file("go", "#!/bin/sh\n");
	put_file("1.txt", "1\n");
	put_file("runs/a/ppgen.json", "{}\n");
	put_file("runs/a/plan/0001/run.json", "{}\n");
	put_file("runs/a/collect/r.csv", "a\n");
	p = draft(text, NULL);
	assert_true(has_file(p, "go"));
	assert_true(has_file(p, "sim.py"));
	assert_int_equal(p->n_files, 2);
	plan_free(p);

	p = draft("ppgen: 1\nparams: {T: [1]}\nworkdir: lib\ncommand: cat a.py sim.py\n", NULL);
	assert_true(has_file(p, "lib/a.py"));
	assert_int_equal(p->n_files, 1);
	plan_free(p);

	p = draft("ppgen: 1\nparams: {T: [1]}\ninputs: {all: .}\ncommand: \"true\"\n", NULL);
	assert_true(has_file(p, "lib/sub/b.py"));
	assert_false(has_file(p, "runs/a/collect/r.csv"));
	plan_free(p);
	top = dir;
	free(below);
}

/* The whole folder moved: the same code. */
static void test_moved(void **state)
{
	char *dir = top, *one = in_top("one"), *two = in_top("two");
	struct plan *a, *b;

	(void)state;
	top = one;
	put_base();
	a = draft(base_spec, NULL);
	assert_int_equal(rename(one, two), 0);
	top = two;
	b = draft(base_spec, NULL);
	assert_string_equal(a->code, b->code);
	plan_free(a);
	plan_free(b);
	top = dir;
	free(one);
	free(two);
}

static void check_errors(const char *text, const char *want)
{
	struct diags *d = diags_new();
	struct plan *p = try_draft(text, NULL, d);
	const char *shown;

	assert_null(p);
	shown = diags_text(d);
	shown += strncmp(shown, top, strlen(top)) == 0 ? strlen(top) + 1 : 0;
	if (!strstr(shown, want))
		fail_msg("'%s' is not in '%s'", want, shown);
	diags_free(d);
}

static void test_input_errors(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "ppgen: 1\nparams: {T: [1]}\ninputs:\n  lattice: l.h5\ncommand: x\n",
		  "spec.yaml:4:12: input 'lattice' names 'l.h5', which is not there\n" },
		{ "ppgen: 1\nparams: {T: [1, 2]}\ninputs:\n  f: \"{T}.dat\"\ncommand: x\n",
		  "spec.yaml:4:6: input 'f' names '2.dat', which is not there\n" },
		{ "ppgen: 1\nparams: {T: {from: 1, to: 12, step: 1}}\ninputs:\n  f: \"{T}.dat\"\ncommand: x\n",
		  "input 'f' names 6 more files that are not there\n" },
		{ "ppgen: 1\nparams: {T: [1]}\ninputs:\n  f: empty\ncommand: x\n",
		  "spec.yaml:4:6: input 'f' names 'empty': the folder has no files\n" },
		{ "ppgen: 1\nparams: {T: [1]}\ninputs:\n  f: /dev/null\ncommand: x\n",
		  "spec.yaml:4:6: input 'f' names '/dev/null': it is neither a file nor a folder\n" },
	};
	char *empty = in_top("empty");

	(void)state;
	put_file("1.dat", "1\n");
	assert_int_equal(mkdir(empty, 0777), 0);
	free(empty);
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
		check_errors(rows[k].text, rows[k].want);
}

static void task_codes(const struct plan *p, char (*out)[CODE_HEX])
{
	struct point pt;
	struct err e = ERR_INIT;

	point_init(&pt, p->spec->space);
	for (uint64_t k = 0; k < space_count(p->spec->space); k++) {
		space_point(p->spec->space, k, &pt);
		if (plan_task_code(p, &pt, out[k], &e) < 0)
			fail_msg("%s", e.text);
	}
	point_free(&pt);
}

/* A combination that no task has needs no file. */
static void test_per_task_where(void **state)
{
	struct plan *p;

	(void)state;
	put_file("a1.dat", "1\n");
	put_file("b2.dat", "2\n");
	p = draft("ppgen: 1\nparams:\n  grid: {s: [a, b], L: [1, 2]}\n"
		  "  where: (s == 'a' and L == 1) or (s == 'b' and L == 2)\n"
		  "inputs: {f: \"{s}{L}.dat\"}\ncommand: x\n",
		  NULL);
	assert_int_equal(p->n_files, 2);
	plan_free(p);
	p = draft(
		"ppgen: 1\nparams:\n  grid: {s: [a, b], L: [1, 2], n: {from: 1, to: 600000, step: 1}}\n"
		"  where: (s == 'a' and L == 1) or (s == 'b' and L == 2)\n"
		"inputs: {f: \"{s}{L}.dat\"}\ncommand: x\n",
		NULL);
	assert_int_equal(p->n_files, 2);
	plan_free(p);
}

/* Hashes of files that did not change are lent, and those of files that may have are not. */
static void test_lending(void **state)
{
	static const char text[] = "ppgen: 1\nparams: {T: [1]}\ninputs: {f: f.txt}\ncommand: x\n";
	const struct timespec old[2] = { { 1000000000, 5 }, { 1000000000, 5 } };
	char *path = in_top("f.txt");
	struct plan *p, *q;

	(void)state;
	put_file("f.txt", "one\n");
	p = draft(text, NULL);
	assert_true(p->files[0].racy);
	plan_free(p);
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	p = draft(text, NULL);
	assert_false(p->files[0].racy);
	memset(p->files[0].sha256, 'f', 64); /* to see that it comes from here */
	q = draft(text, p);
	assert_string_equal(q->files[0].sha256, p->files[0].sha256);
	plan_free(q);
	put_file("f.txt", "two\n");
	q = draft(text, p);
	assert_string_not_equal(q->files[0].sha256, p->files[0].sha256);
	plan_free(q);
	plan_free(p);
	free(path);
}

static void test_decisions(void **state)
{
	struct plan *p, *q;
	char code[CODE_HEX];

	(void)state;
	put_base();
	p = draft(base_spec, NULL);
	for (unsigned k = 0; k < 1000; k++) {
		snprintf(code, sizeof code, "%016x", k % 100);
		plan_add_keep(p, code);
	}
	plan_add_rerun(p, "00000000000000aa");
	assert_int_equal(p->n_keep, 100);
	assert_true(plan_accepts(p, "0000000000000063", p->code));
	assert_false(plan_accepts(p, "0000000000000064", p->code));
	assert_true(plan_accepts(p, p->code, p->code));
	assert_true(plan_reruns(p, "00000000000000aa"));
	assert_false(plan_reruns(p, "0000000000000001"));
	q = draft(base_spec, p);
	assert_int_equal(q->n_keep, 100);
	assert_true(plan_reruns(q, "00000000000000aa"));
	assert_true(plan_same(p, q));
	plan_add_rerun(q, "00000000000000bb");
	assert_false(plan_same(p, q));
	plan_free(p);
	plan_free(q);
}

static void publish(struct plan *p, const char *plans, const char *provenance)
{
	struct err e = ERR_INIT;

	if (plan_publish(p, plans, provenance, &e) < 0)
		fail_msg("%s", e.text);
}

static struct plan *load(const char *plans, unsigned number)
{
	struct diags *d = diags_new();
	struct plan *p = plan_load(plans, number, d);

	if (!p)
		fail_msg("%s", diags_text(d));
	diags_free(d);
	return p;
}

/* Changes the last byte of a file. */
static void flip_bit(const char *dir, const char *name)
{
	char *path = path_join(dir, name);
	FILE *f = fopen(path, "r+");
	int c;

	assert_non_null(f);
	assert_int_equal(fseek(f, -1, SEEK_END), 0);
	c = getc(f);
	assert_int_equal(fseek(f, -1, SEEK_END), 0);
	putc(c ^ 1, f);
	assert_int_equal(fclose(f), 0);
	free(path);
}

static void test_per_task(void **state)
{
	static const char text[] =
		"ppgen: 1\nparams:\n  grid: {s: [a, b, c], d: [x, y], L: [1, 2]}\n"
		"  where: s != 'c' or L == 1\n"
		"inputs: {f: \"data/{s}.txt\", g: \"dirs/{d}\"}\ncommand: cat {s} {d} {L}\n";
	char before[10][CODE_HEX], after[10][CODE_HEX];
	struct diags *d = diags_new();
	char *plans = in_top("run/plan");
	struct plan *p, *q;

	(void)state;
	put_file("data/a.txt", "a\n");
	put_file("data/b.txt", "b\n");
	put_file("data/c.txt", "c\n");
	put_file("dirs/x/1", "x1\n");
	put_file("dirs/x/2", "x2\n");
	put_file("dirs/y/1", "y1\n");
	p = draft(text, NULL);
	assert_true(p->per_task_inputs);
	assert_int_equal(p->n_files, 6);
	task_codes(p, before);
	assert_string_not_equal(before[0], p->code);
	put_file("data/b.txt", "B\n");
	q = draft(text, p);
	assert_string_equal(p->code, q->code);
	assert_false(plan_same(p, q));
	task_codes(q, after);
	for (size_t k = 0; k < 10; k++) /* s varies slowest: 4 of a, 4 of b, 2 of c */
		assert_int_equal(strcmp(before[k], after[k]) != 0, k >= 4 && k < 8);
	plan_free(q);
	put_file("data/b.txt", "b\n");
	put_file("dirs/y/2", "more\n");
	q = draft(text, p);
	task_codes(q, after);
	for (size_t k = 0; k < 10; k++)
		assert_int_equal(strcmp(before[k], after[k]) != 0,
				 k == 2 || k == 3 || k == 6 || k == 7 || k == 9);
	plan_free(q);
	publish(p, plans, NULL);
	q = load(plans, 1);
	assert_true(q->per_task_inputs);
	assert_true(plan_same(p, q));
	task_codes(q, after);
	assert_memory_equal(before, after, sizeof before);
	plan_free(q);
	flip_bit(p->dir, "where.bits");
	assert_null(plan_load(plans, 1, d));
	diags_free(d);
	plan_free(p);
	free(plans);
}

static void test_round_trip(void **state)
{
	const char *const sets[] = { "resources.cpus=3", "env.A=a \"b\"\\" };
	struct diags *d = diags_new();
	char *plans = in_top("run/plan"), *spec = in_top("spec.yaml"), *script = in_top("sim.py"),
	     *data = in_top("in");
	struct plan *p, *q;
	struct err e = ERR_INIT;
	char **names;
	size_t n;

	(void)state;
	put_base();
	assert_int_equal(plan_latest(plans, &e), 0);
	p = plan_draft(read_spec(base_spec, sets, 2, d), NULL, d);
	assert_non_null(p);
	plan_add_keep(p, "0123456789abcdef");
	plan_add_rerun(p, "fedcba9876543210");
	publish(p, plans, "\"argv\":[\"ppgen\"]");
	assert_int_equal(p->number, 1);
	assert_int_equal(plan_latest(plans, &e), 1);
	assert_int_equal(unlink(spec) | unlink(script) | file_remove_tree(data, NULL), 0);
	q = load(plans, 1);
	assert_true(plan_same(p, q));
	assert_string_equal(q->spec->path, p->spec->path);
	assert_string_equal(q->spec->dir, p->spec->dir);
	assert_string_equal(q->spec->name, "spec");
	assert_int_equal(q->spec->res.cpus, 3);
	assert_int_equal(q->n_files, 4);
	for (size_t k = 0; k < q->n_files; k++) {
		assert_int_equal(q->files[k].mtime_ns, p->files[k].mtime_ns);
		assert_int_equal(q->files[k].ino, p->files[k].ino);
		assert_int_equal(q->files[k].size, p->files[k].size);
		assert_int_equal(q->files[k].racy, p->files[k].racy);
	}
	assert_int_equal(plan_code_now(q, (char[CODE_HEX]){ 0 }, &e), -1); /* an input is gone */
	assert_non_null(strstr(e.text, "in/d.txt"));
	publish(q, plans, "");
	assert_int_equal(q->number, 2);
	assert_int_equal(file_list(plans, &names, &n, &e), 0);
	assert_int_equal(n, 2);
	free(names);
	plan_free(p);
	plan_free(q);
	diags_free(d);
	free(plans);
	free(spec);
	free(script);
	free(data);
}

/* Two processes publish at once: each gets a number of its own, and nothing is left over. */
static void test_two_publishers(void **state)
{
	enum { CHILDREN = 2, EACH = 5 };
	char *plans = in_top("run/plan");
	pid_t pids[CHILDREN];
	int status;

	(void)state;
	put_base();
	for (int k = 0; k < CHILDREN; k++) {
		pids[k] = fork();
		if (pids[k] == 0) {
			struct plan *p = draft(base_spec, NULL);
			int rc = 0;

			for (int i = 0; i < EACH; i++)
				rc |= plan_publish(p, plans, NULL, NULL);
			plan_free(p);
			_exit(rc ? 1 : 0);
		}
	}
	for (int k = 0; k < CHILDREN; k++) {
		assert_int_equal(waitpid(pids[k], &status, 0), pids[k]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(plan_latest(plans, NULL), CHILDREN * EACH);
	for (unsigned k = 1; k <= CHILDREN * EACH; k++) {
		struct plan *p = load(plans, k);

		assert_int_equal(p->number, k);
		plan_free(p);
	}
	free(plans);
}

static void overwrite(const char *path, const char *from, const char *to)
{
	struct buf b = BUF_INIT;
	char *text;
	FILE *f;

	assert_int_equal(file_read(path, &b, 0, NULL), 0);
	text = changed(buf_str(&b), from, to);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	free(text);
	buf_free(&b);
}

static void test_damage(void **state)
{
	static const struct {
		const char *file, *from, *to, *want;
	} rows[] = {
		{ "run.json", "{", "[", "run.json: line 1" },
		{ "run.json", "\"format\":1", "\"format\":2",
		  "its format is 2, and this program knows 1" },
		{ "run.json", "\"number\":1", "\"number\":7", "its number is not 1" },
		{ "run.json", "\"tasks\":8", "\"tasks\":9", "axes are damaged" },
		{ "run.json", "\"sets\"", "\"bets\"", "it has no 'sets'" },
		{ "run.json", "\"code\":\"", "\"code\":\"x", "its 'code' is no hash" },
		{ "run.json", "\"keep\":[", "\"keep\":[1", "its 'keep' holds what is no hash" },
		{ "spec.yaml", "seed: 1", "seed: 2", "spec.yaml: it is not what was planned" },
		{ "inputs.jsonl", "sim.py", "sin.py", "inputs.jsonl: it is not what was planned" },
		{ "axes.jsonl", "16", "17", "" },
		{ "axes.jsonl", "{", "", "" },
	};
	static const char *const files[] = { "run.json", "spec.yaml", "inputs.jsonl",
					     "axes.jsonl" };
	char *plans = in_top("run/plan");

	(void)state;
	put_base();
	for (size_t k = 0; k < sizeof rows / sizeof *rows + sizeof files / sizeof *files; k++) {
		struct diags *d = diags_new();
		struct plan *p = draft(base_spec, NULL);
		const char *file = k < sizeof rows / sizeof *rows
					   ? rows[k].file
					   : files[k - sizeof rows / sizeof *rows];
		char *path;

		publish(p, plans, NULL);
		path = path_join(p->dir, file);
		if (k < sizeof rows / sizeof *rows)
			overwrite(path, rows[k].from, rows[k].to);
		else
			assert_int_equal(unlink(path), 0);
		plan_free(p);
		p = plan_load(plans, 1, d);
		if (p)
			fail_msg("%s was damaged, and nobody saw it (row %zu)", file, k);
		if (k < sizeof rows / sizeof *rows && !strstr(diags_text(d), rows[k].want))
			fail_msg("'%s' is not in '%s'", rows[k].want, diags_text(d));
		assert_true(diags_errors(d) > 0);
		diags_free(d);
		free(path);
		assert_int_equal(file_remove_tree(plans, NULL), 0);
	}
	free(plans);
}

/* What cannot be published leaves nothing behind. */
static void test_publish_fails(void **state)
{
	char *plans = in_top("file/plan"), *file = in_top("file");
	struct err e = ERR_INIT;
	struct plan *p;

	(void)state;
	put_base();
	put_file("file", "in the way\n");
	p = draft(base_spec, NULL);
	assert_int_equal(plan_publish(p, plans, NULL, &e), -1);
	assert_true(err_is(&e));
	assert_int_equal(p->number, 0);
	assert_null(p->dir);
	plan_free(p);
	free(plans);
	free(file);
}

/* What was fetched is left alone when it is right, and fetched again when it is not. */
static void test_fetch(void **state)
{
	static const char text[] =
		"ppgen: 1\nparams: {T: [1]}\ninputs:\n  far: {url: 'http://127.0.0.1:1/x', sha256: "
		"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03}\ncommand: x\n";
	char *inputs = in_top("inputs");
	struct diags *d = diags_new();
	struct plan *p;

	(void)state;
	put_file("inputs/5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
		 "hello\n");
	p = draft(text, NULL);
	assert_int_equal(p->n_files, 0);
	assert_int_equal(plan_fetch(p->spec, inputs, d), 0);
	put_file("inputs/5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
		 "hallo\n");
	assert_int_equal(plan_fetch(p->spec, inputs, d), -1);
	assert_non_null(strstr(diags_text(d), "spec.yaml:4:8: input 'far': "));
	assert_non_null(strstr(diags_text(d), "127.0.0.1:1/x"));
	diags_free(d);
	plan_free(p);
	free(inputs);
}

/* A published plan has no passwords: it is the draft's equal only while it need not fetch. */
static void test_secret_urls(void **state)
{
	static const char text[] =
		"ppgen: 1\nparams: {T: [1]}\ninputs:\n  far: {url: 'http://me:s3cret@127.0.0.1:1/x', sha256: "
		"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03}\ncommand: x\n";
	static const char kept[] =
		"secret/inputs/5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
	char *plans = in_top("secret/plan");
	struct diags *d = diags_new();
	struct err e = ERR_INIT;
	struct plan *p = draft(text, NULL), *old;

	(void)state;
	assert_int_equal(plan_publish(p, plans, "", &e), 0);
	plan_free(p);
	old = plan_load(plans, 1, d);
	if (!old)
		fail_msg("%s", diags_text(d));
	p = draft(text, old);
	assert_string_equal(old->spec->inputs[0].url, "http://127.0.0.1:1/x");
	assert_string_equal(p->spec->inputs[0].url, "http://me:s3cret@127.0.0.1:1/x");
	assert_false(plan_same(p, old));
	put_file(kept, "hello\n");
	assert_true(plan_same(p, old));
	put_file(kept, "hallo\n");
	assert_false(plan_same(p, old));
	plan_free(p);
	plan_free(old);
	diags_free(d);
	free(plans);
}

static void test_textset(void **state)
{
	struct textset *s = textset_new();
	char text[32];
	bool added;

	(void)state;
	for (unsigned k = 0; k < 20000; k++) {
		int n = snprintf(text, sizeof text, "text %u", k % 10000);

		assert_int_equal(textset_add(s, text, (size_t)n, &added), k % 10000);
		assert_int_equal(added, k < 10000);
	}
	assert_int_equal(textset_count(s), 10000);
	assert_string_equal(textset_text(s, 77), "text 77");
	assert_int_equal(textset_find(s, "text 9", 6), 9);
	assert_true(textset_find(s, "text", 4) == TEXTSET_NONE);
	assert_int_equal(textset_add(s, "", 0, &added), 10000);
	textset_free(s);
	textset_free(NULL);
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
		IN_FOLDER(test_what_counts), IN_FOLDER(test_shell_counts),
		IN_FOLDER(test_files_count), IN_FOLDER(test_words),
		IN_FOLDER(test_moved),       IN_FOLDER(test_input_errors),
		IN_FOLDER(test_per_task),    IN_FOLDER(test_per_task_where),
		IN_FOLDER(test_lending),     IN_FOLDER(test_decisions),
		IN_FOLDER(test_round_trip),  IN_FOLDER(test_two_publishers),
		IN_FOLDER(test_damage),      IN_FOLDER(test_publish_fails),
		IN_FOLDER(test_fetch),       cmocka_unit_test(test_textset),
		IN_FOLDER(test_secret_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
