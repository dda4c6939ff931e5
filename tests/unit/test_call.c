/* SPDX-License-Identifier: MIT */
/* What interpreters are told: how they are started, their first line, and the requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "gen/call.h"
#include "gen/language.h"

static char *top; /* a folder of this test */

static struct plan *draft(const char *text)
{
	struct diags *d = diags_new();
	char *path = path_join(top, "spec.yaml"), *whole = mem_printf("ppgen: 1\n%s", text);
	struct err e = ERR_INIT;
	struct spec *s;
	struct plan *p;

	assert_int_equal(file_publish(path, whole, strlen(whole), &e), 0);
	s = spec_read(path, NULL, d);
	p = s ? plan_draft(s, NULL, d) : NULL;
	if (!p)
		fail_msg("%s", diags_text(d));
	diags_free(d);
	free(whole);
	free(path);
	return p;
}

static const char *const base_env[] = { "PATH=/bin", "HOME=/me", "MKL_NUM_THREADS=7", NULL };

static struct launch_place place(void)
{
	return (struct launch_place){ .rundir = "/run/a \"b\"", .base_env = base_env };
}

/* The request for one task, without the newline that must end it, and none before. */
static struct buf request(const struct plan *p, uint64_t index)
{
	const struct launch_place at = place();
	struct call_maker *m = call_maker_new(p, &at);
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	struct json v;
	struct task t;

	task_init(&t, p);
	if (task_load(&t, p, index, &e) < 0 || call_put(m, &t, 41 + index, &out, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(out.data[--out.len], '\n');
	out.data[out.len] = '\0';
	assert_null(strchr(out.data, '\n'));
	if (json_parse(out.data, out.len, &v, &e) < 0)
		fail_msg("%s: %s", e.text, out.data);
	assert_int_equal(v.type, JSON_ARRAY);
	task_free(&t);
	call_maker_free(m);
	return out;
}

static void assert_begins(const char *text, const char *head)
{
	if (strncmp(text, head, strlen(head)) != 0)
		fail_msg("%s\ninstead of\n%s", text, head);
}

static struct json item(struct json list, size_t k)
{
	struct json_iter it = json_iter(list);
	struct json v = { 0 };

	for (size_t i = 0; i <= k; i++)
		assert_true(json_next(&it, NULL, &v));
	return v;
}

static void test_params(void **state)
{
	static const struct {
		const char *params;
		uint64_t index;
		const char *json;
	} rows[] = {
		{ "{T: [1.50, 2], L: [8]}", 0, "{\"T\":1.50,\"L\":8}" },
		{ "{T: [.5, +3, -.25, 5., 1.e3]}", 0, "{\"T\":0.5}" },
		{ "{T: [.5, +3, -.25, 5., 1.e3]}", 1, "{\"T\":3}" },
		{ "{T: [.5, +3, -.25, 5., 1.e3]}", 2, "{\"T\":-0.25}" },
		{ "{T: [.5, +3, -.25, 5., 1.e3]}", 3, "{\"T\":5}" },
		{ "{n: [123456789012345678901234567890123456789012345678901234567890]}", 0,
		  "{\"n\":123456789012345678901234567890123456789012345678901234567890}" },
		{ "{b: [true, False, 'true']}", 1, "{\"b\":false}" },
		{ "{b: [true, False, 'true']}", 2, "{\"b\":\"true\"}" },
		{ "{s: ['-rf', \"a\\nb\\t\\\"q\\\" \\\\ '\", \"\xc3\xa9\xf0\x9f\x98\x80\", '']}", 0,
		  "{\"s\":\"-rf\"}" },
		{ "{s: ['-rf', \"a\\nb\\t\\\"q\\\" \\\\ '\", \"\xc3\xa9\xf0\x9f\x98\x80\", '']}", 1,
		  "{\"s\":\"a\\nb\\t\\\"q\\\" \\\\ '\"}" },
		{ "{s: ['-rf', \"a\\nb\\t\\\"q\\\" \\\\ '\", \"\xc3\xa9\xf0\x9f\x98\x80\", '']}", 2,
		  "{\"s\":\"\xc3\xa9\xf0\x9f\x98\x80\"}" },
		{ "{s: ['-rf', \"a\\nb\\t\\\"q\\\" \\\\ '\", \"\xc3\xa9\xf0\x9f\x98\x80\", '']}", 3,
		  "{\"s\":\"\"}" },
		{ "{s: ['{T}', '$HOME', \"\\x01\"]}", 0, "{\"s\":\"{T}\"}" },
		{ "{s: ['{T}', '$HOME', \"\\x01\"]}", 2, "{\"s\":\"\\u0001\"}" },
		{ "{l: [[1, .5, 'a,]\"b', true, 1e9], []]}", 0,
		  "{\"l\":[1,0.5,\"a,]\\\"b\",true,1e9]}" },
		{ "{l: [[1, .5, 'a,]\"b', true, 1e9], []]}", 1, "{\"l\":[]}" },
		{ "{}", 0, "{}" },
	};

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		char *text = mem_printf("params: %s\npython: sim:run\n", rows[k].params);
		struct plan *p = draft(text);
		struct buf line = request(p, rows[k].index);
		char *head =
			mem_printf("[\"call\",%d,%s,\"t", 41 + (int)rows[k].index, rows[k].json);

		assert_begins(line.data, head);
		free(head);
		buf_free(&line);
		plan_free(p);
		free(text);
	}
}

static void test_repeat(void **state)
{
	struct plan *p = draft("params: {T: [1]}\nrepeat: 3\npython: sim:run\n");
	struct buf line = request(p, 2);

	(void)state;
	assert_non_null(strstr(line.data, ",{\"T\":1,\"rep\":2},"));
	buf_free(&line);
	plan_free(p);
}

/* The value of a variable, as a command would have it. */
static const char *launched(const struct launch *l, const char *name)
{
	const size_t n = strlen(name);

	for (char **v = l->envp; *v; v++)
		if (strncmp(*v, name, n) == 0 && (*v)[n] == '=')
			return *v + n + 1;
	fail_msg("no %s", name);
	return NULL;
}

static size_t count(struct json list)
{
	struct json_iter it = json_iter(list);
	size_t n = 0;

	while (json_next(&it, NULL, NULL))
		n++;
	return n;
}

/* Words that go behind what the first line says: together what a command has. */
static void assert_words(struct json heads, char *words, const struct launch *l)
{
	static const char *const names[] = {
		"PPGEN_TASK",       "PPGEN_INDEX",   "PPGEN_SEED",    "PPGEN_SEED64",
		"PPGEN_SEED_WORDS", "PPGEN_ATTEMPT", "PPGEN_SCRATCH", "PPGEN_KEEP",
	};
	char *rest = words;

	assert_int_equal(count(heads), sizeof names / sizeof *names);
	for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
		char *word = strsep(&rest, " "), *head = json_string(item(heads, k));
		char *wanted = mem_printf("%s=%s", names[k], launched(l, names[k]));
		char *got = mem_printf("%s%s", head, word ? word : " is not there");

		assert_string_equal(got, wanted);
		free(got);
		free(wanted);
		free(head);
	}
	assert_null(rest);
}

static void assert_texts(struct json list, struct json values, const struct launch *l)
{
	static const char *const names[] = { "PPGEN_INPUT_ONE", "A", "D", "E" };

	assert_int_equal(count(list), sizeof names / sizeof *names);
	assert_int_equal(count(values), sizeof names / sizeof *names);
	for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
		char *got = json_string(item(values, k));

		assert_true(json_eq(item(list, k), names[k]));
		assert_string_equal(got, launched(l, names[k]));
		free(got);
	}
}

/* What differs between tasks goes with the request, in the order that the first line says. */
static void test_variables(void **state)
{
	static const char text[] =
		"params: {T: [a, b]}\npython: sim:run\nworkdir: 'out/{T}'\n"
		"inputs: {one: 'in-{T}', all: in-a}\n"
		"env: {A: '{T}-{seed}', B: '{cpus}', C: '{all}', D: '{one}', E: 'x\"{scratch}'}\n";
	const struct launch_place at = place();
	struct call_maker *m;
	struct buf open = BUF_INIT, line, got = BUF_INIT;
	struct json first, whole;
	struct launch l = { 0 };
	struct err e = ERR_INIT;
	struct plan *p;
	struct task t;

	(void)state;
	for (const char *c = "ab"; *c; c++) {
		char *path = mem_printf("%s/in-%c", top, *c);

		assert_int_equal(file_publish(path, c, 1, &e), 0);
		free(path);
	}
	p = draft(text);
	m = call_maker_new(p, &at);
	call_put_open(m, false, &open);
	assert_int_equal(json_parse(open.data, open.len, &first, &e), 0);
	line = request(p, 1);
	whole = json_trust(line.data, line.len);
	task_init(&t, p);
	assert_int_equal(task_load(&t, p, 1, &e), 0);
	if (task_launch(&t, p, &at, &l, &e) < 0)
		fail_msg("%s", e.text);
	json_put_decoded(&got, item(whole, 3));
	assert_words(json_get(first, "variables"), got.data, &l);
	assert_texts(json_get(first, "texts"), item(whole, 4), &l);
	buf_clear(&got);
	json_put_decoded(&got, item(whole, 5));
	assert_string_equal(buf_str(&got), l.workdir);
	launch_free(&l);
	task_free(&t);
	call_maker_free(m);
	buf_free(&got);
	buf_free(&open);
	buf_free(&line);
	plan_free(p);
}

static void test_open(void **state)
{
	static const struct {
		const char *spec, *call, *folder, *per, *isolate, *value;
	} rows[] = {
		{ "python: sim:run", "sim:run", "", "task", "worker", "rows" },
		{ "python: {call: 'sim:A.run', isolate: fork}\nresults: {value: none}", "sim:A.run",
		  "", "task", "fork", "none" },
		{ "python: {call: sim:run, per: chunk}\nworkdir: 'a \"b'\nresults: {value: bytes}",
		  "sim:run", "/a \"b", "chunk", "worker", "bytes" },
		{ "python: sim:run\nworkdir: 'a/{T}'", "sim:run", "", "task", "worker", "rows" },
		{ "python: sim:run\nworkdir: /tmp", "sim:run", "/tmp", "task", "worker", "rows" },
	};

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		char *text = mem_printf("params: {T: [1], L: [2]}\n%s\n", rows[k].spec);
		struct plan *p = draft(text);
		const struct launch_place at = place();
		struct call_maker *m = call_maker_new(p, &at);
		char *folder = rows[k].folder[0] == '/' && rows[k].folder[1] == 't'
				       ? mem_dup(rows[k].folder)
				       : mem_printf("%s%s", p->spec->dir, rows[k].folder);
		struct buf open = BUF_INIT;
		struct err e = ERR_INIT;
		struct json v;

		call_put_open(m, false, &open);
		assert_int_equal(open.data[open.len - 1], '\n');
		if (json_parse(open.data, open.len, &v, &e) < 0)
			fail_msg("%s: %s", e.text, open.data);
		assert_begins(open.data, "{\"ppgen\":1,");
		assert_true(json_eq(json_get(v, "call"), rows[k].call));
		free(text);
		text = json_string(json_get(v, "folder"));
		assert_string_equal(text, folder);
		assert_true(json_eq(json_get(v, "per"), rows[k].per));
		assert_true(json_eq(json_get(v, "isolate"), rows[k].isolate));
		assert_true(json_eq(json_get(v, "value"), rows[k].value));
		assert_non_null(strstr(open.data, "\"params\":[\"T\",\"L\"]"));
		buf_free(&open);
		call_maker_free(m);
		plan_free(p);
		free(folder);
		free(text);
	}
}

static void test_launch(void **state)
{
	static const char *const there[] = { "PATH=/bin",
					     "PPGEN_CPUS=3",
					     "PPGEN_MEMORY=1073741824",
					     "OMP_NUM_THREADS=3",
					     "MKL_NUM_THREADS=7",
					     "B=3 cpus",
					     "CUDA_VISIBLE_DEVICES=1",
					     "PPGEN_RUN=/run/a \"b\"",
					     "PPGEN_INPUT_ALL=/etc/hosts" };
	static const char *const absent[] = { "PPGEN_TASK",    "PPGEN_SEED", "PPGEN_SCRATCH",
					      "PPGEN_ATTEMPT", "A",          "T" };
	struct plan *p =
		draft("params: {T: [1]}\nresources: {cpus: 3, memory: 1G}\n"
		      "env: {A: '{T}', B: '{cpus} cpus'}\ninputs: {all: /etc/hosts}\n"
		      "python: {call: sim:run, interpreter: [venv/bin/python, -X, utf8]}\n");
	struct launch_place at = place();
	struct launch l = { 0 };
	struct err e = ERR_INIT;
	struct task t;
	char *program = path_join(p->spec->dir, "venv/bin/python");

	(void)state;
	at.gpus = "1";
	task_init(&t, p);
	assert_int_equal(task_load(&t, p, 0, &e), 0);
	if (call_launch(&t, p, &at, &l, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(l.argv[0], program);
	assert_string_equal(l.argv[1], "-X");
	assert_string_equal(l.argv[2], "utf8");
	assert_string_equal(l.argv[3], CALL_SCRIPT);
	assert_null(l.argv[4]);
	assert_string_equal(l.workdir, p->spec->dir);
	for (size_t k = 0; k < sizeof there / sizeof *there; k++) {
		bool found = false;

		for (char **v = l.envp; *v; v++)
			found |= strcmp(*v, there[k]) == 0;
		if (!found)
			fail_msg("no %s", there[k]);
	}
	for (size_t k = 0; k < sizeof absent / sizeof *absent; k++) {
		for (char **v = l.envp; *v; v++)
			assert_false(strncmp(*v, absent[k], strlen(absent[k])) == 0 &&
				     (*v)[strlen(absent[k])] == '=');
	}
	launch_free(&l);
	at.rundir = "/run/\xff";
	assert_int_equal(call_launch(&t, p, &at, &l, &e), -1);
	assert_non_null(strstr(e.text, "is no UTF-8"));
	launch_free(&l);
	task_free(&t);
	plan_free(p);
	free(program);
}

static void test_chunk(void **state)
{
	struct plan *p = draft("params: {T: [1, 2, 3]}\npython: {call: sim:run, per: chunk}\n");
	const struct launch_place at = place();
	struct call_maker *m = call_maker_new(p, &at);
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	char *scratch;
	struct json v;
	struct task t;

	(void)state;
	task_init(&t, p);
	for (int again = 0; again < 2; again++) { /* the same maker, for chunk after chunk */
		buf_clear(&out);
		call_chunk_begin(m, 7);
		for (uint64_t k = 0; k < 3; k += 2) {
			assert_int_equal(task_load(&t, p, k, &e), 0);
			assert_int_equal(call_chunk_add(m, &t, &e), 0);
			scratch = mem_printf("/run/a \"b\"/scratch/%s", t.shown);
			assert_string_equal(call_scratch(m), scratch);
			free(scratch);
			scratch = mem_printf("/run/a \"b\"/keep/%s.%s", t.shown, t.code);
			assert_string_equal(call_keep(m), scratch);
			free(scratch);
		}
		call_chunk_end(m, &out);
		assert_int_equal(json_parse(out.data, out.len, &v, &e), 0);
		assert_begins(out.data, "[\"chunk\",7,[{\"T\":1},{\"T\":3}],[\"t");
		assert_int_equal(count(v), 4);
		assert_int_equal(count(item(v, 3)), 2);
		scratch = json_string(item(item(v, 3), 1));
		assert_begins(strchr(scratch, ' '), " 2 "); /* PPGEN_INDEX */
		free(scratch);
	}
	task_free(&t);
	call_maker_free(m);
	buf_free(&out);
	plan_free(p);
}

/* What cannot be filled leaves nothing behind, and the next one is whole. */
static void test_errors(void **state)
{
	struct plan *p = draft("params: {n: [1.5, 2]}\nenv: {A: '{n:03d}'}\npython: sim:run\n");
	const struct launch_place at = place();
	struct call_maker *m = call_maker_new(p, &at);
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	struct task t;

	(void)state;
	task_init(&t, p);
	buf_puts(&out, "before");
	assert_int_equal(task_load(&t, p, 0, &e), 0);
	assert_int_equal(call_put(m, &t, 1, &out, &e), -1);
	assert_non_null(strstr(e.text, "env.A"));
	assert_string_equal(out.data, "before");
	err_clear(&e);
	assert_int_equal(task_load(&t, p, 1, &e), 0);
	assert_int_equal(call_put(m, &t, 2, &out, &e), 0);
	assert_begins(out.data, "before[\"call\",2,{\"n\":2},\"t");
	assert_non_null(strstr(out.data, "\",[\"002\"]]\n"));
	call_chunk_begin(m, 3);
	assert_int_equal(task_load(&t, p, 0, &e), 0);
	assert_int_equal(call_chunk_add(m, &t, NULL), -1);
	assert_int_equal(task_load(&t, p, 1, &e), 0);
	assert_int_equal(call_chunk_add(m, &t, &e), 0);
	buf_clear(&out);
	call_chunk_end(m, &out);
	assert_begins(out.data, "[\"chunk\",3,[{\"n\":2}],[\"t");
	assert_non_null(strstr(out.data, "\"],[[\"002\"]]]\n"));
	task_free(&t);
	call_maker_free(m);
	buf_free(&out);
	plan_free(p);
}

static void test_program(void **state)
{
	static const struct {
		const char *spec, *program;
	} rows[] = {
		{ "params: {T: [.5], s: ['a\"b'], b: [true], l: [[1, false]]}\npython: pkg.sim:A.run",
		  "import pkg.sim; print(pkg.sim.A.run(T=0.5, s=\"a\\\"b\", b=True, l=[1, False]))" },
		{ "params: {T: [1]}\npython: {call: sim:run, per: chunk}",
		  "import sim; print(sim.run([1]))" },
		{ "params: {T: [1], L: [x]}\npython: {call: sim:run, per: chunk}",
		  "import sim; print(sim.run([dict(T=1, L=\"x\")]))" },
		{ "params: {T: [1], b: [false]}\nr: 'sim.R:run'",
		  "source(\"sim.R\"); print(run(T=1, b=FALSE))" },
	};

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		char *path = path_join(top, "sim.R");
		struct err e = ERR_INIT;
		struct buf out = BUF_INIT;
		struct plan *p;
		struct task t;

		assert_int_equal(file_publish(path, "", 0, &e), 0);
		p = draft(rows[k].spec);
		task_init(&t, p);
		assert_int_equal(task_load(&t, p, 0, &e), 0);
		call_put_program(p->spec, &t.point, &out);
		assert_string_equal(out.data, rows[k].program);
		buf_free(&out);
		task_free(&t);
		plan_free(p);
		free(path);
	}
}

static void test_languages(void **state)
{
	const struct language *l, *before = NULL;
	size_t n = 0;

	(void)state;
	for (; (l = language_at(n)) != NULL; n++) {
		assert_ptr_equal(language_find(l->name, strlen(l->name)), l);
		assert_true(!before || strcmp(before->name, l->name) < 0);
		assert_true(l->len == strlen(l->text) && l->len > 0);
		assert_non_null(strstr(l->text, l->import)); /* as it stands in the file */
		before = l;
	}
	assert_true(n >= 2);
	assert_null(language_at(n + 1));
	assert_null(language_find("python", 3));
	l = language_find("python", 6);
	assert_true(l->fork);
	assert_true(language_is_file(l, "a/sim.py", 8));
	assert_false(language_is_file(l, ".py", 3));
	assert_false(language_is_file(l, "sim", 3));
	assert_false(language_is_file(l, "a/__init__", 10));
	assert_int_equal(call_module("sim.py:run"), 6);
	assert_int_equal(call_module("a:b.py:run"), 6);
	assert_int_equal(call_module("run"), 0);
}

static int set_up(void **state)
{
	char name[] = "/tmp/ppgen-call.XXXXXX";

	(void)state;
	top = mkdtemp(name) ? mem_dup(name) : NULL;
	return top ? 0 : -1;
}

static int tear_down(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	file_remove_tree(top, &e);
	free(top);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_params, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_repeat, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_variables, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_open, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_launch, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_chunk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_errors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_program, set_up, tear_down),
		cmocka_unit_test(test_languages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
