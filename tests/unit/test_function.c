/* SPDX-License-Identifier: MIT */
/* The code of functions: which files count, and what changes its hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "gen/plan.h"

#define FILES_MAX 12

static char *top; /* a folder of this test */

static void put_file(const char *name, const char *text)
{
	char *path = path_join(top, name), *dir = path_dir(path);
	struct err e = ERR_INIT;

	if (file_make_dirs(dir, &e) < 0 || file_publish(path, text, strlen(text), &e) < 0)
		fail_msg("%s", e.text);
	free(dir);
	free(path);
}

static struct plan *try_draft(const char *text, struct diags *d)
{
	char *path = path_join(top, "spec.yaml");
	char *whole = mem_printf("ppgen: 1\nparams: {T: [1, 2]}\n%s\n", text);
	struct spec *s;

	put_file("spec.yaml", whole);
	s = spec_read(path, NULL, d);
	free(whole);
	free(path);
	return s ? plan_draft(s, NULL, d) : NULL;
}

static struct plan *draft(const char *text)
{
	struct diags *d = diags_new();
	struct plan *p = try_draft(text, d);

	if (!p)
		fail_msg("%s", diags_text(d));
	diags_free(d);
	return p;
}

struct file {
	const char *name, *text;
};

struct row {
	const char *what;
	struct file files[FILES_MAX];
	const char *spec;
	const char *counted; /* the names of those that count, in their order */
};

static const struct row rows[] = {
	{ "a module alone",
	  { { "sim.py", "import os\n" }, { "other.py", "" } },
	  "python: sim:run",
	  "sim.py" },
	{ "nothing beside the spec", { { "other.py", "" } }, "python: numpy.linalg:norm", "" },
	{ "a package, and what runs before it",
	  { { "a/__init__.py", "" },
	    { "a/b/__init__.py", "" },
	    { "a/b/c.py", "" },
	    { "c.py", "" } },
	  "python: a.b.c:run",
	  "a/__init__.py a/b/__init__.py a/b/c.py" },
	{ "a package as the module",
	  { { "a/__init__.py", "from . import x\nfrom .y import z" },
	    { "a/x.py", "" },
	    { "a/y.py", "" },
	    { "x.py", "" } },
	  "python: a:run",
	  "a/__init__.py a/x.py a/y.py" },
	{ "one after the other",
	  { { "a.py", "import b" }, { "b.py", "import c" }, { "c.py", "" } },
	  "python: a:run",
	  "a.py b.py c.py" },
	{ "in a circle",
	  { { "a.py", "import b\nimport a\n" },
	    { "b.py", "from c import x\n" },
	    { "c.py", "import a, b" } },
	  "python: a:run",
	  "a.py b.py c.py" },
	{ "several on a line",
	  { { "a.py", "import b, c as d, e.f; import g\nif 1: import h\n" },
	    { "b.py", "" },
	    { "c.py", "" },
	    { "d.py", "" },
	    { "e/f.py", "" },
	    { "g.py", "" },
	    { "h.py", "" } },
	  "python: a:run",
	  "a.py b.py c.py e/f.py g.py h.py" },
	{ "names over several lines",
	  { { "a.py", "from p import (x,  # y, z\n    w as v,\n)\nimport b, \\\n  c\n" },
	    { "p/x.py", "" },
	    { "p/y.py", "" },
	    { "p/w.py", "" },
	    { "p/v.py", "" },
	    { "b.py", "" },
	    { "c.py", "" } },
	  "python: a:run",
	  "a.py p/x.py p/w.py b.py c.py" },
	{ "comments and words that only look so",
	  { { "a.py",
	      "# import b\n#import b\nx = 'a; import b'\nimports = 1\nimportb\nfromb = 2\n'''from b''' # import b\n" },
	    { "b.py", "" } },
	  "python: a:run",
	  "a.py" },
	{ "upwards from within",
	  { { "p/__init__.py", "" },
	    { "p/q/__init__.py", "" },
	    { "p/q/r.py", "from .. import s\nfrom ..t import u\nfrom ...... import v\n" },
	    { "p/s.py", "" },
	    { "p/t.py", "" },
	    { "s.py", "" },
	    { "v.py", "" } },
	  "python: p.q.r:run",
	  "p/__init__.py p/q/__init__.py p/q/r.py p/s.py p/t.py" },
	{ "a file in a folder sees what is beside it, and beside the spec",
	  { { "m/sim.py", "import near, far" }, { "m/near.py", "" }, { "far.py", "" } },
	  "python: m/sim.py:run",
	  "m/sim.py m/near.py far.py" },
	{ "from a working folder",
	  { { "w/sim.py", "import b" }, { "w/b.py", "" }, { "b.py", "" }, { "sim.py", "" } },
	  "python: sim.py:run\nworkdir: w",
	  "w/sim.py w/b.py" },
	{ "not what a run left",
	  { { "runs/x/ppgen.json", "" },
	    { "runs/x/plan/0001/a", "" },
	    { "runs/x/b.py", "" },
	    { "a.py", "import runs.x.b" } },
	  "python: a:run",
	  "a.py" },
	{ "a link, once",
	  { { "a.py", "import b, link" }, { "b.py", "" } },
	  "python: a:run",
	  "a.py b.py" },
	{ "no text at all",
	  { { "a.py", "\xff\xfe\nimport b\n\x80" }, { "b.py", "" } },
	  "python: a:run",
	  "a.py b.py" },
	{ "sourced files",
	  { { "sim.R",
	      "source(\"lib/help.R\")\n#source('no.R')\nsource('https://x/y.R')\nsys.source('sim.R')\n" },
	    { "lib/help.R", "source( 'more things.R' )" },
	    { "more things.R", "" },
	    { "no.R", "" } },
	  "r: 'sim.R:run'",
	  "sim.R lib/help.R more things.R" },
};

static void put_files(const struct row *row)
{
	for (size_t k = 0; k < FILES_MAX && row->files[k].name; k++)
		put_file(row->files[k].name, row->files[k].text);
}

static void clear(void)
{
	struct err e = ERR_INIT;

	assert_int_equal(file_remove_tree(top, &e), 0);
	assert_int_equal(file_make_dirs(top, &e), 0);
}

static void test_files(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		struct buf counted = BUF_INIT;
		struct plan *p;
		char *real, *link;

		clear();
		put_files(&rows[k]);
		real = realpath(top, NULL);
		link = path_join(real, "link.py");
		if (strstr(rows[k].what, "link"))
			assert_int_equal(symlink("b.py", link), 0);
		p = draft(rows[k].spec);
		for (size_t i = 0; i < p->n_files; i++) {
			assert_memory_equal(p->files[i].path, real, strlen(real));
			buf_puts(&counted, i ? " " : "");
			buf_puts(&counted, p->files[i].path + strlen(real) + 1);
		}
		if (strcmp(buf_str(&counted), rows[k].counted) != 0)
			fail_msg("%s: '%s' instead of '%s'", rows[k].what, buf_str(&counted),
				 rows[k].counted);
		buf_free(&counted);
		plan_free(p);
		free(real);
		free(link);
	}
}

static void code_of(const char *spec, char out[CODE_HEX])
{
	struct plan *p = draft(spec);

	memcpy(out, p->code, CODE_HEX);
	plan_free(p);
}

/* What decides what a function returns changes the hash; how it is called does not. */
static void test_what_counts(void **state)
{
	static const char *const same[] = {
		"python: sim:run",
		"python: {call: sim:run}",
		"python: {call: sim:run, per: task, batch: 7}",
		"python: {call: sim:run, isolate: fork}",
		"python: {call: sim:run, batch: auto, isolate: worker}\nresults: {value: rows}",
		"python: sim:run\nresources: {cpus: 4}",
	};
	static const char *const others[] = {
		"python: sim:other",
		"python: sim.py:run",
		"python: {call: sim:run, per: chunk}",
		"python: {call: sim:run, interpreter: python3}",
		"python: {call: sim:run, interpreter: python3.11}",
		"python: sim:run\nresults: {value: bytes}",
		"python: sim:run\nresults: {value: none}",
		"python: sim:run\nenv: {A: b}",
		"python: sim:run\nseed: 7",
		"command: sim:run",
		"shell: sim:run",
	};
	char codes[sizeof others / sizeof *others + 1][CODE_HEX], now[CODE_HEX];

	(void)state;
	put_file("sim.py", "import help\n");
	put_file("help.py", "x = 1\n");
	code_of(same[0], codes[0]);
	for (size_t k = 1; k < sizeof same / sizeof *same; k++) {
		code_of(same[k], now);
		assert_string_equal(now, codes[0]);
	}
	for (size_t k = 1; k < sizeof codes / sizeof *codes; k++) {
		code_of(others[k - 1], codes[k]);
		for (size_t i = 0; i < k; i++)
			assert_string_not_equal(codes[i], codes[k]);
	}
}

/* An edit of a module far down is noticed by a plan that is under way. */
static void test_edit(void **state)
{
	struct err e = ERR_INIT;
	char now[CODE_HEX];
	struct plan *p;

	(void)state;
	put_file("sim.py", "import help\n");
	put_file("help.py", "x = 1\n");
	p = draft("python: sim.py:run");
	assert_int_equal(plan_code_now(p, now, &e), 0);
	assert_string_equal(now, p->code);
	put_file("help.py", "x = 2\n");
	assert_int_equal(plan_code_now(p, now, &e), 0);
	assert_string_not_equal(now, p->code);
	put_file("help.py", "x = 1\n");
	assert_int_equal(plan_code_now(p, now, &e), 0);
	assert_string_equal(now, p->code);
	put_file("json.py", ""); /* which nothing imports */
	assert_int_equal(plan_code_now(p, now, &e), 0);
	assert_string_equal(now, p->code);
	plan_free(p);
}

/* Folder and all: the spec is the same elsewhere. */
static void test_moved(void **state)
{
	char first[CODE_HEX], second[CODE_HEX];
	char *whole = top;

	(void)state;
	for (int k = 0; k < 2; k++) {
		top = path_join(whole, k ? "b" : "a");
		put_file("m/sim.py", "import help\n");
		put_file("help.py", "x = 1\n");
		code_of("python: m/sim.py:run", k ? second : first);
		free(top);
	}
	top = whole;
	assert_string_equal(first, second);
}

static void test_frozen(void **state)
{
	struct diags *d = diags_new();
	struct err e = ERR_INIT;
	struct plan *p, *loaded;
	char *dir = path_join(top, "run"), *path;
	char now[CODE_HEX];

	(void)state;
	put_file("sim.py", "import help\n");
	put_file("help.py", "x = 1\n");
	p = draft("python: {call: 'sim.py:run', interpreter: [venv/bin/python, -u]}");
	assert_int_equal(file_make_dirs(dir, &e), 0);
	if (plan_publish(p, dir, "", &e) < 0)
		fail_msg("%s", e.text);
	path = path_join(top, "sim.py");
	assert_int_equal(unlink(path), 0); /* what was frozen needs no file of the user's */
	loaded = plan_load(dir, p->number, d);
	if (!loaded)
		fail_msg("%s", diags_text(d));
	assert_string_equal(loaded->code, p->code);
	assert_int_equal(loaded->spec->start, START_FUNCTION);
	assert_string_equal(loaded->spec->function.call, "sim.py:run");
	assert_int_equal(loaded->spec->function.interpreter.n, 2);
	assert_int_equal(plan_code_now(loaded, now, &e), 0);
	assert_string_not_equal(now, p->code);
	plan_free(loaded);
	plan_free(p);
	diags_free(d);
	free(path);
	free(dir);
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
		IN_FOLDER(test_files), IN_FOLDER(test_what_counts), IN_FOLDER(test_edit),
		IN_FOLDER(test_moved), IN_FOLDER(test_frozen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
