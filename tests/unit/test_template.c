/* SPDX-License-Identifier: MIT */
/* Templates: their facts, what is read from a scheduler's answers, and where they are found. */
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/template_test.h"

/* ---- facts ---- */

static void test_good(void **state)
{
	struct template *t = parse(good, NULL);
	size_t len;

	(void)state;
	assert_string_equal(t->name, "fake");
	assert_string_equal(t->about, "A scheduler for tests");
	assert_string_equal(t->origin, "fake.tmpl");
	assert_string_equal(t->submit.id, "^job ([0-9]+)( .*)?$");
	assert_int_equal(t->n_ask, 2);
	assert_false(t->ask[0].lags);
	assert_true(t->ask[1].lags);
	assert_int_equal(t->n_states, 5);
	assert_int_equal(t->states[1].state, JOB_STATE_DONE);
	assert_int_equal(t->n_limits, 2);
	assert_int_equal(t->limits[0].less, 1);
	assert_int_equal(t->array_first, 1);
	assert_int_equal(t->array_least, 2);
	assert_int_equal(t->job_name.most, 20);
	assert_true(t->job_name.letter_first);
	assert_string_equal(t->launch[1], "{{ranks}}");
	assert_null(t->launch[2]);
	assert_string_equal(t->environment.own[1], "FJOB");
	assert_string_equal(t->environment.ends, "FEND");
	assert_int_equal(t->n_options, 2);
	assert_string_equal(t->options[0].fallback, "fast");
	assert_null(t->options[1].fallback);
	assert_string_equal(template_directive(t), "#F");
	assert_string_equal(template_text(t, &len), good);
	assert_int_equal(len, sizeof good - 1);
	template_free(t);
	template_free(NULL);
}

/* What is not there, one fact at a time: the line that begins so is taken out. */
static void test_missing(void **state)
{
	static const struct {
		const char *line, *said;
	} rows[] = {
		{ "template:", "the fact 'template' is missing" },
		{ "name:", "the fact 'name' is missing" },
		{ "about:", "the fact 'about' is missing" },
		{ "detect:", "the fact 'detect' is missing" },
		{ "  run: [fsub", "the fact 'submit.run' is missing" },
		{ "  hold:", "the fact 'submit.hold' is missing" },
		{ "  after:", "the fact 'submit.after' is missing" },
		{ "  id:", "the fact 'submit.id' is missing" },
		{ "release:", "the fact 'release' is missing" },
		{ "cancel:", "the fact 'cancel' is missing" },
		{ "ask:", "the fact 'ask' is missing" },
		{ "find:", "the fact 'find' is missing" },
		{ "states:", "the fact 'states' is missing" },
		{ "array:", "the fact 'array' is missing" },
		{ "job_name:", "the fact 'job_name' is missing" },
		{ "launch:", "the fact 'launch' is missing" },
		{ "environment:", "the fact 'environment' is missing" },
		{ "script:", "the fact 'script' is missing" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *begin = mem_printf("\n%s", rows[i].line);
		const char *at = strstr(good, begin), *end = strchr(at + 1, '\n');
		char *text = mem_printf("%.*s%s", (int)(at - good), good, end);
		struct buf said = BUF_INIT;

		assert_null(parse(text, &said));
		if (!strstr(buf_str(&said), rows[i].said))
			fail_msg("%s: %s", rows[i].line, buf_str(&said));
		buf_free(&said);
		free(text);
		free(begin);
	}
}

static void test_faults(void **state)
{
	static const struct {
		const char *from, *to, *said;
	} rows[] = {
		/* keys */
		{ "about:", "abuot:",
		  "fake.tmpl:4:1: unknown key 'abuot' (did you mean 'about'?)\n" },
		{ "  hold: [-H]", "  hodl: [-H]",
		  "fake.tmpl:8:3: unknown key 'hodl' in submit (did you mean 'hold'?)" },
		{ "only_if:", "onlyif:", "unknown key 'onlyif' in ask (did you mean 'only_if'?)" },
		{ "less: 1", "minus: 1", "unknown key 'minus' in limits" },
		{ "{default: fast", "{fallback: fast", "unknown key 'fallback' in options.lane" },
		{ "detect: {run: [fq, --version], match:", "detect: {run: [fq, --version], regex:",
		  "unknown key 'regex' in detect: write 'match'" },
		{ "name: fake\n", "name: fake\nname: x\n",
		  "fake.tmpl:4:1: the key 'name' is here twice" },
		/* types */
		{ "template: 1", "template: 2",
		  "fake.tmpl:2:11: 'template' must be 1, the version of templates that this ppgen knows, not '2'" },
		{ "name: fake", "name: my fake",
		  "fake.tmpl:3:7: 'my fake' is no name: letters, digits, '.', '_' and '-'" },
		{ "about: A scheduler for tests", "about: [a]",
		  "'about' must be text, not a list" },
		{ "[-H]", "-H", "fake.tmpl:8:9: 'hold' must be a list of words, not '-H'" },
		{ "[-H]", "[]", "'hold' is empty" },
		{ "[-H]", "[[x]]", "each item of 'run' must be text, not a list" },
		{ "lags: true", "lags: yes", "'lags' must be true or false, not 'yes'" },
		{ "first: 1", "first: 2", "'first' must be a whole number from 0 to 1, not '2'" },
		{ "most: 20", "most: 5", "'most' must be a whole number from 12 to 4096, not '5'" },
		{ "allowed: 'A-Za-z0-9_.'", "allowed: 'A-Za-z'", "'allowed' must hold '_'" },
		{ "[FARRAY_*]", "['A*B']", "'A*B' is no name of an environment variable" },
		{ "of: index", "of: indx",
		  "'of' must be index, size, jobs, queued or time, not 'indx' (did you mean 'index'?)" },
		{ "done: [OK, FINE]", "dnoe: OK",
		  "fake.tmpl:15:10: 'states' must be queued, held, running, done, failed, timeout, oom, lost, cancelled, stuck or ended, not 'dnoe' (did you mean 'done'?)" },
		{ "ask: [{", "ask: [3, {", "each item of 'ask' must be a mapping, not '3'" },
		/* commands */
		{ "'{{hold}}', ", "", "'submit.run' must name {{hold}}" },
		{ "'{{after}}', ", "", "'submit.run' must name {{after}}" },
		{ "'{{extra}}', ", "", "'submit.run' must name {{extra}}" },
		{ ", '{{script}}'", "", "'submit.run' must name {{script}}" },
		{ "[frel, '{{ids}}']", "[frel]", "fake.tmpl:11:10: 'release' must name {{ids}}" },
		{ "[frel, '{{ids}}']", "[frel, '{{idz}}']",
		  "fake.tmpl:11:20: unknown value 'idz' (did you mean 'ids'?)" },
		{ "[frel, '{{ids}}']", "[frel, '-x{{ids}}']",
		  "'ids' is a list: it stands alone, or is joined as in {{ids|join:,}}" },
		{ "[fdel, '{{ids}}']", "[fdel, '{{hold}}']",
		  "'{{hold}}' stands in submit.run only" },
		{ "'{{hold}}'", "'x{{hold}}'", "'{{hold}}' is a word of its own" },
		{ "'{{hold}}'", "'{{hold|q}}'", "'hold' and 'after' take no filter" },
		/* patterns */
		{ "'^fq \\d'", "'^fq ('",
		  "fake.tmpl:5:39: 'match' is no pattern: column 6 of '^fq (': " },
		{ "(?<state>\\w+)'", "\\w+'", "'match' has no group 'state': write (?<state>...)" },
		{ "(?<name>.*)", "(.*)", "'match' has no group 'name'" },
		{ "(?<limit>\\S+)', less", "(\\S+)', less", "'match' has no group 'limit'" },
		{ "'^job ([0-9]+)( .*)?$'", "'^job ([0-9]+$'",
		  "'id' is no extended regular expression: " },
		{ "'^job ([0-9]+)( .*)?$'", "'^job [0-9]+$'",
		  "'id' has no group: put what is the id in parentheses" },
		{ "'^job ([0-9]+)( .*)?$'", "'job ([0-9]+)'",
		  "'id' must match a whole line: begin it with '^' and end it with '$'" },
		{ "'^job ([0-9]+)( .*)?$'", "'^#([0-9]+)$'", "'id' cannot hold '#'" },
		{ "'%%'", "'%('", "'forbidden' is no pattern" },
		{ "directive: '#F'", "directive: F",
		  "'directive' must begin with '#': it is a comment for the shell" },
		{ "'{{ranks}}'", "'{{rank}}'", "a launcher does not know '{{rank}}'" },
		{ "gate: {help: the gate}", "gate: {}", "the fact 'options.gate.help' is missing" },
		/* the file */
		{ "---\ntemplate", "template",
		  "fake.tmpl:1:1: a template begins with a line '---'" },
		{ "\n---\n#!/bin/sh", "\n#!/bin/sh",
		  "the facts do not end: a second line '---' is missing" },
		{ "about: A scheduler for tests\n", "about: A scheduler for tests\r\n",
		  "fake.tmpl:4:1: this line ends in CR LF, which no shell takes" },
		{ "#F name={{name}}\n", "#F name={{name}}\r\n",
		  "fake.tmpl:25:1: this line ends in CR LF" },
		{ "exec >>", "# \xff\nexec >>", "fake.tmpl:33:1: this is no UTF-8" },
		{ "detect: {", "detect: {{", "fake.tmpl:5:" },
		/* the body */
		{ "#!/bin/sh\n", "",
		  "fake.tmpl:24:1: the body is a job script: it begins with '#!'" },
		{ "exec {{worker}}", "true",
		  "the body does not name {{worker}}, what the job is for" },
		{ ">>{{log|q}}", ">/dev/null",
		  "the body does not name {{log}}, where its output goes" },
		{ "{{directives}}\n", "",
		  "the body does not name {{directives}}, lines that a site adds" },
		{ "#F gate={{option:gate}}\n", "", "the body does not name {{option:gate}}" },
		{ "acct={{account}}", "acct={{acccount}}",
		  "fake.tmpl:29:11: unknown value 'acccount' (did you mean 'account'?)" },
		{ "{{log|q}}", "{{log|quote}}", "fake.tmpl:33:14: unknown filter 'quote'" },
		{ "{{memory}}", "{{memory|mb}}", "unknown filter 'mb' (did you mean 'mib'?)" },
		{ "{{option:lane}}", "{{option:lanes}}",
		  "fake.tmpl:30:11: unknown option 'lanes' (did you mean 'lane'?)" },
		{ "{{option:lane}}", "{{option:x}} {{option:lane}}",
		  "unknown option 'x': it must stand in 'options'" },
		{ "{{memory}}", "{{memory", "fake.tmpl:28:8: '{{' is not closed" },
		{ "{?%{{throttle}}?}", "{?%{{throttle}}", "fake.tmpl:26:28: '{?' is not closed" },
		{ "{?%{{throttle}}?}", "{?%{?{{throttle}}?}?}", "'{?' within '{?'" },
		{ "{?%{{throttle}}?}", "{?x?}",
		  "'{? ?}' names no value: it would always stand there" },
		{ "{{memory}}", "{{memory|or}}",
		  "the filter 'or' wants a text behind a colon: 'or:...'" },
		{ "{{memory}}", "{{memory|mib:3}}", "the filter 'mib' takes no text" },
		{ "{{memory}}", "{{memory|above:x}}",
		  "the filter 'above' wants a whole number, not 'x'" },
		{ "{{memory}}", "{{memory|join:x}}", "the filter 'join' is for lists" },
		{ "{{memory}}", "{{memory|if|q}}", "nothing can follow the filter 'if'" },
		{ "{{directives}}", "{{directives|or:x}}",
		  "'directives' is a list: put 'join:' before the filter 'or'" },
		{ "{{directives}}", "x {{directives}}", "'directives' is a list: it stands alone" },
		{ "{{memory}}", "{{}}", "unknown value ''" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = changed(rows[i].from, rows[i].to);
		struct buf said = BUF_INIT;
		struct template *t = parse(text, &said);

		if (t || !strstr(buf_str(&said), rows[i].said))
			fail_msg("'%s' -> '%s': %s", rows[i].from, rows[i].to, buf_str(&said));
		buf_free(&said);
		free(text);
	}
}

/* Several faults are told at once; what is only strange is no fault. */
static void test_many_faults(void **state)
{
	char *text = changed("about: A scheduler for tests\ndetect", "abuot: x\nfoo: 1\ndetect");
	struct buf said = BUF_INIT;
	struct template *t;

	(void)state;
	assert_null(parse(text, &said));
	assert_non_null(strstr(buf_str(&said), "'abuot'"));
	assert_non_null(strstr(buf_str(&said), "'foo'"));
	assert_non_null(strstr(buf_str(&said), "'about' is missing"));
	free(text);

	buf_clear(&said);
	text = changed("script: {directive: '#F', forbidden: '%%'}", "script: {directive: '#F'}");
	t = parse(text, &said);
	assert_non_null(t);
	assert_string_equal(buf_str(&said), "");
	template_free(t);
	free(text);

	/* without `forbidden`, directives are read up to the first command: one behind it is
	 * strange */
	text = mem_printf("%s#F late\n", good);
	memcpy(strstr(text, ", forbidden: '%%'"), "                 ", 17);
	t = parse(text, &said);
	assert_non_null(t);
	assert_non_null(strstr(buf_str(&said), "warning: a directive behind the first command"));
	template_free(t);
	free(text);
	buf_free(&said);
}

static void test_odd_files(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *said;
	} rows[] = {
		{ "", 0, "x.tmpl:1:1: a template begins with a line '---'" },
		{ "---\n", 4, "the facts do not end" },
		{ "---", 3, "a template begins" },
		{ "---\n---\n#!/bin/sh\n", 18, "x.tmpl" },
		{ "---\n- a\n---\n", 12, "the front matter is a mapping of facts, not a list" },
		{ "---\na\0b\n---\n", 12, "this is no text: it holds a NUL" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct diags *d = diags_new();

		assert_null(template_parse(rows[i].text, rows[i].len, "x.tmpl", d));
		if (!strstr(diags_text(d), rows[i].said))
			fail_msg("row %zu: %s", i, diags_text(d));
		diags_free(d);
	}
}

/* ---- reading ---- */

static void test_read(void **state)
{
	struct template *t = parse(good, NULL);
	struct template_seen seen;
	struct err e = ERR_INIT;
	static const char out[] = "fq: 3 jobs\n12 OK\n12.3-9%2 PENDING\nnoise\n13.4 RUN\n14 ODD\n",
			  acct[] = "ab X 1\na X 2\n";
	size_t at = 0;
	char *id;

	(void)state;
	assert_int_equal(template_read(t, &t->ask[0], out, strlen(out), &at, &seen, &e), 1);
	assert_string_equal(seen.id, "12");
	assert_null(seen.index);
	assert_null(seen.name);
	assert_string_equal(seen.word, "OK");
	assert_int_equal(seen.state, JOB_STATE_DONE);
	template_seen_free(&seen);
	assert_int_equal(template_read(t, &t->ask[0], out, strlen(out), &at, &seen, &e), 1);
	assert_string_equal(seen.index, "3-9%2");
	assert_int_equal(seen.state, JOB_STATE_QUEUED);
	template_seen_free(&seen);
	assert_int_equal(template_read(t, &t->ask[0], out, strlen(out), &at, &seen, &e), 1);
	assert_int_equal(seen.state, JOB_STATE_RUNNING);
	template_seen_free(&seen);
	assert_int_equal(template_read(t, &t->ask[0], out, strlen(out), &at, &seen, &e), 1);
	assert_int_equal(seen.state, JOB_STATE_UNKNOWN);
	template_seen_free(&seen);
	assert_int_equal(template_read(t, &t->ask[0], out, strlen(out), &at, &seen, &e), 0);

	at = 0; /* pieces of an id and of a state */
	assert_int_equal(template_read(t, &t->ask[1], acct, strlen(acct), &at, &seen, &e), 1);
	assert_string_equal(seen.id, "ab");
	assert_string_equal(seen.word, "X 1");
	assert_int_equal(seen.state, JOB_STATE_FAILED);
	template_seen_free(&seen);
	assert_int_equal(template_read(t, &t->ask[1], acct, strlen(acct), &at, &seen, &e), 1);
	assert_string_equal(seen.id, "a");
	assert_int_equal(seen.state, JOB_STATE_UNKNOWN);
	template_seen_free(&seen);

	assert_true(template_ask_counts(&t->ask[0], 1, "fq: no jobs\n", ""));
	assert_true(template_ask_counts(&t->ask[0], 1, "", "x\nfq: no such job"));
	assert_false(template_ask_counts(&t->ask[0], 0, "", "cannot connect"));
	assert_true(template_ask_counts(&t->ask[1], 0, "", ""));
	assert_false(template_ask_counts(&t->ask[1], 1, "a", ""));
	assert_true(template_is_here(t, "fq 3.1", ""));
	assert_true(template_is_here(t, "", "hello\nfq 3.1"));
	assert_false(template_is_here(t, "sfq 3.1", NULL));

	id = template_read_id(t, "hello\njob 4711 queued\n");
	assert_string_equal(id, "4711");
	free(id);
	assert_null(template_read_id(t, "job x\n"));
	assert_null(template_read_id(t, "a job 4711\n"));
	assert_null(template_read_id(t, ""));
	template_free(t);
}

static void test_limits(void **state)
{
	static const struct {
		size_t limit;
		const char *out;
		uint64_t value;
	} rows[] = {
		{ 0, "max 1001\n", 1000 },
		{ 0, "max 0\n", 0 },
		{ 0, "max 50\nmax 20\nmax 70", 19 },
		{ 0, "max UNLIMITED\n", UINT64_MAX },
		{ 0, "max 1:00:00\n", UINT64_MAX },
		{ 0, "", UINT64_MAX },
		{ 0, "max 99999999999999999999999", UINT64_MAX },
		{ 1, "time 1:30:00", 5400 },
		{ 1, "time 1-00:00:00", 86400 },
		{ 1, "time 30:00", 1800 },
		{ 1, "time 90", 90 },
		{ 1, "time INFINITY", UINT64_MAX },
	};
	struct template *t = parse(good, NULL);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (template_read_limit(&t->limits[rows[i].limit], rows[i].out,
					strlen(rows[i].out)) != rows[i].value)
			fail_msg("row %zu", i);
	template_free(t);
}

/* ---- finding ---- */

static char top[] = "/tmp/ppgen-template-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(top));
	assert_int_equal(setenv("XDG_CONFIG_HOME", top, 1), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return file_remove_tree(top, NULL);
}

static void put(const char *name, const char *text)
{
	char *path = mem_printf("%s/ppgen/templates/%s", top, name), *dir = path_dir(path);

	assert_int_equal(file_make_dirs(dir, NULL), 0);
	assert_int_equal(file_publish(path, text, strlen(text), NULL), 0);
	free(dir);
	free(path);
}

static struct template *load(const char *name, struct buf *said)
{
	struct diags *d = diags_new();
	struct template *t = template_load(name, d);

	buf_clear(said);
	buf_puts(said, diags_text(d));
	diags_free(d);
	return t;
}

/* Each of those that are built in is good; what they share is theirs to say. */
static void test_built_in(void **state)
{
	static const char *const names[] = { "pbs", "sge", "slurm", "torque" };
	struct buf said = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct template *t = load(names[i], &said);
		struct job_values v = usual();
		struct buf out = BUF_INIT;
		struct err e = ERR_INIT;

		assert_string_equal(buf_str(&said), "");
		assert_string_equal(t->name, names[i]);
		assert_string_equal(t->origin, "built in");
		if (template_script(t, &v, &out, &e) < 0)
			fail_msg("%s: %s", names[i], e.text);
		assert_non_null(strstr(buf_str(&out), "\nexec w 'a b' "));
		buf_free(&out);
		template_free(t);
	}
	assert_null(load("slrum", &said));
	assert_string_equal(
		buf_str(&said),
		"slrum: there is no template of this name (did you mean 'slurm'?): there are "
		"pbs, sge, slurm, torque\n");
	assert_null(load("zzz", &said));
	assert_string_equal(
		buf_str(&said),
		"zzz: there is no template of this name: there are pbs, sge, slurm, torque\n");
	assert_null(load("./nothing", &said));
	assert_non_null(strstr(buf_str(&said), "./nothing: there is no such file"));
	buf_free(&said);
}

static void test_users(void **state)
{
	char *other = changed("name: fake", "name: slurm"), *path;
	char *bare = mem_dupn(good, sizeof good - 2);
	struct buf said = BUF_INIT;
	struct template_name *list;
	struct template *t;
	size_t n;

	(void)state;
	put("fake.tmpl", good);
	put("slurm.tmpl", other);
	put("broken.tmpl", "---\nname: broken\n---\n");
	put("wrong.tmpl", good);
	put("bare.tmpl", bare);
	put("README", "no template");
	put(".hidden.tmpl", good);

	t = load("fake", &said);
	assert_non_null(t);
	path = mem_printf("%s/ppgen/templates/fake.tmpl", top);
	assert_string_equal(t->origin, path);
	template_free(t);
	t = load(path, &said); /* the same by its path */
	assert_non_null(t);
	template_free(t);
	free(path);
	t = load("slurm", &said); /* hides the one that is built in */
	assert_string_equal(t->about, "A scheduler for tests");
	template_free(t);
	assert_null(load("broken", &said));
	assert_non_null(strstr(buf_str(&said),
			       "/ppgen/templates/broken.tmpl:2:1: the fact 'template' is missing"));
	assert_null(load("wrong", &said));
	assert_non_null(
		strstr(buf_str(&said),
		       "wrong.tmpl: this template calls itself 'fake': write 'name: wrong'"));
	path = mem_printf("%s/ppgen/templates/bare.tmpl", top); /* no newline at its end */
	t = load(path, &said);
	assert_non_null(t);
	template_free(t);
	free(path);

	assert_int_equal(template_list(&list, &n, NULL), 0);
	assert_int_equal(n, 9);
	assert_string_equal(list[0].name, "bare");
	assert_string_equal(list[5].name, "slurm");
	assert_false(list[5].shadowed);
	assert_string_equal(list[6].name, "slurm");
	assert_true(list[6].shadowed);
	assert_string_equal(list[6].origin, "built in");
	template_list_free(list, n);
	buf_free(&said);
	free(other);
	free(bare);
}

static bool is_in(const char *const *list, const char *name)
{
	return variables_have(list, name, strlen(name));
}

/* Those of all templates: of the user's own too, and a broken one does no harm. Run after
 * test_users. */
static void test_variables(void **state)
{
	const struct scheduler_variables *v = template_variables();

	(void)state;
	assert_true(is_in(v->cpus, "NSLOTS"));
	assert_true(is_in(v->cpus, "NCPUS"));
	assert_true(is_in(v->cpus, "FCPUS"));
	assert_true(is_in(v->hidden, "PBS_ARRAY_INDEX"));
	assert_true(is_in(v->hidden, "PBS_ARRAYID"));
	assert_true(is_in(v->hidden, "SGE_TASK_ID"));
	assert_true(is_in(v->hidden, "FARRAY_3"));
	assert_false(is_in(v->hidden, "FARRAY"));
	assert_false(is_in(v->hidden, "PBS_ARRAYIDS"));
	assert_false(is_in(v->hidden, "SGE_ROOT"));
	assert_true(is_in(v->own, "FJOB"));
	assert_false(is_in(v->own, "PBS_CONF_FILE"));
	assert_true(is_in(v->recorded, "PBS_JOBID"));
	assert_false(is_in(v->recorded, "PBS_JOBCOOKIE"));
	assert_true(is_in(v->hidden, "SLURM_ARRAY_TASK_ID")); /* a user's template hides that one */
	assert_ptr_equal(template_variables(), v);
	assert_false(variables_have(NULL, "x", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),      cmocka_unit_test(test_missing),
		cmocka_unit_test(test_faults),    cmocka_unit_test(test_many_faults),
		cmocka_unit_test(test_odd_files), cmocka_unit_test(test_read),
		cmocka_unit_test(test_limits),    cmocka_unit_test(test_built_in),
		cmocka_unit_test(test_users),     cmocka_unit_test(test_variables),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
