/* SPDX-License-Identifier: MIT */
/* Templates: their facts, what becomes of values, what is refused, what is read, and where they are
 * found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "gen/template.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* A scheduler that nobody has. Tests change one text in it. */
static const char good[] =
	"---\n"
	"template: 1\n"
	"name: fake\n"
	"about: A scheduler for tests\n"
	"detect: {run: [fq, --version], match: '^fq \\d'}\n"
	"submit:\n"
	"  run: [fsub, -q, '{{hold}}', '{{after}}', '{{extra}}', '{{script}}']\n"
	"  hold: [-H]\n"
	"  after: [-w, 'all({{ids|join:&}})']\n"
	"  id: '^job ([0-9]+)( .*)?$'\n"
	"release: [frel, '{{ids}}']\n"
	"cancel: [fdel, '{{ids}}']\n"
	"ask: [{run: [fq, '{{ids|join:,}}'], match: '^(?<id>\\d+)(?:\\.(?<index>\\S+))? (?<state>\\w+)', only_if: '^fq:'}, "
	"{run: [facct], match: '^(?<id>a)(?<id2>b)? (?<state>\\w+) (?<state2>\\w+)', lags: true}]\n"
	"find: {run: [fq, -u, '{{user}}'], match: '^(?<id>\\d+) (?<name>.*)$'}\n"
	"states: {done: [OK, FINE], queued: 'PEND.*', running: RUN, failed: 'X 1'}\n"
	"limits: [{of: index, run: [fconf], match: 'max (?<limit>\\S+)', less: 1}, "
	"{of: time, run: [fconf, '{{partition}}'], match: 'time (?<limit>\\S+)'}]\n"
	"array: {first: 1, least: 2}\n"
	"job_name: {most: 20, allowed: 'A-Za-z0-9_.', letter_first: true}\n"
	"launch: [frun, '{{ranks}}']\n"
	"environment: {cpus: [FCPUS], hidden: [FARRAY_*], own: [F_*, FJOB], recorded: [FJOB], ends: FEND}\n"
	"script: {directive: '#F', forbidden: '%%'}\n"
	"options: {lane: {default: fast, help: the lane}, gate: {help: the gate}}\n"
	"---\n"
	"#!/bin/sh\n"
	"#F name={{name}}\n"
	"#F array={{first}}-{{last}}{?%{{throttle}}?}\n"
	"#F size={{nodes}}x{{cpus_per_node}}\n"
	"#F mem={{memory}}\n"
	"#F acct={{account}}\n"
	"#F lane={{option:lane}}\n"
	"#F gate={{option:gate}}\n"
	"{{directives}}\n"
	"exec >>{{log|q}} || exit 3\n"
	"exec {{worker}} --job \"$FJOB\"\n";

/* The good text with the first `from` in it replaced. The caller frees. */
static char *changed(const char *from, const char *to)
{
	const char *at = strstr(good, from);

	if (!at)
		fail_msg("'%s' is not in the text", from);
	return mem_printf("%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static struct template *parse(const char *text, struct buf *said)
{
	struct diags *d = diags_new();
	struct template *t = template_parse(text, strlen(text), "fake.tmpl", d);

	if (said)
		buf_puts(said, diags_text(d));
	else if (!t)
		fail_msg("%s", diags_text(d));
	diags_free(d);
	return t;
}

static struct template *parse_changed(const char *from, const char *to)
{
	char *text = changed(from, to);
	struct template *t = parse(text, NULL);

	free(text);
	return t;
}

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
		{ "{?%{{throttle}}?}", "{?%{{throttle}}", "fake.tmpl:26:27: '{?' is not closed" },
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

/* ---- rendering ---- */

static const char *const two_ids[] = { "7", "8" };

/* What most rows have. */
static struct job_values usual(void)
{
	struct job_values v = { .text = { [JOB_NAME] = "n",
					  [JOB_SCRIPT] = "/s",
					  [JOB_WORKER] = "w 'a b'",
					  [JOB_LOG] = "/l o",
					  [JOB_NODES] = "1",
					  [JOB_RANKS] = "1",
					  [JOB_RANKS_PER_NODE] = "1",
					  [JOB_CPUS] = "1",
					  [JOB_CPUS_PER_NODE] = "1",
					  [JOB_CPUS_TOTAL] = "1",
					  [JOB_USER] = "ann" } };
	return v;
}

static void test_script(void **state)
{
	static const char *const options[] = { "slow", NULL };
	static const char *const lines[] = { "#F a", "#F b %%" };
	struct template *t = parse(good, NULL);
	struct job_values v = usual();
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(template_script(t, &v, &out, &e), 0);
	assert_string_equal(buf_str(&out),
			    "#!/bin/sh\n#F name=n\n#F size=1x1\n#F lane=fast\n"
			    "exec >>'/l o' || exit 3\nexec w 'a b' --job \"$FJOB\"\n");
	buf_clear(&out);
	v.text[JOB_FIRST] = "1";
	v.text[JOB_LAST] = v.text[JOB_COUNT] = "9";
	v.text[JOB_THROTTLE] = "3";
	v.text[JOB_MEMORY] = v.text[JOB_MEMORY_PER_CPU] = "4096";
	v.list[JOB_DIRECTIVES] = lines;
	v.n_list[JOB_DIRECTIVES] = 2;
	v.options = options;
	assert_int_equal(template_script(t, &v, &out, &e), 0);
	assert_string_equal(buf_str(&out),
			    "#!/bin/sh\n#F name=n\n#F array=1-9%3\n#F size=1x1\n#F mem=4096\n"
			    "#F lane=slow\n#F a\n#F b %%\nexec >>'/l o' || exit 3\n"
			    "exec w 'a b' --job \"$FJOB\"\n");
	buf_free(&out);
	template_free(t);
}

/*
 * A line of the body, and what it becomes. No wish is named, so that none can be lost: user is q,
 * notice 5430, script 3 GiB and 1 byte, last a text for no shell, first is not set, nor is the
 * option gate.
 */
static void test_lines(void **state)
{
	static const struct {
		const char *line, *becomes; /* NULL: it is refused */
	} rows[] = {
		{ "plain", "plain\n" },
		{ "", "\n" },
		{ "a {{user}} b", "a q b\n" },
		{ "a {{first}} b", "" },
		{ "a {{first|or:none}} b", "a none b\n" },
		{ "a {{user|or:none}} b", "a q b\n" },
		{ "a {{first|or:}}.", "a .\n" },
		{ "a{? x={{first}}?} b", "a b\n" },
		{ "a{? x={{user}}?} b", "a x=q b\n" },
		{ "a{? x={{user}},{{first}}?} b", "a b\n" },
		{ "{?a{{user}}?}{?b{{first}}?}{?c{{user}}?}", "aqcq\n" },
		{ "{?x={{first}}?}", "" },
		{ "{?x={{first}}?} ", " \n" },
		{ "{{first}}{? x={{user}}?}", "" },
		{ "x{{user|if}}", "x\n" },
		{ "x{{first|if}}", "" },
		{ "x{{user|unless}}", "" },
		{ "x{{first|unless}}", "x\n" },
		{ "{{user|if}}", "" },
		{ "{{user|if}}x {{user}}", "x q\n" },
		{ "{{notice}}", "5430\n" },
		{ "{{notice|min}}", "91\n" },
		{ "{{notice|hms}}", "1:30:30\n" },
		{ "{{notice|dhms}}", "0-01:30:30\n" },
		{ "{{script|dhms}}", "37282-16:51:13\n" },
		{ "{{script|hms}}", "894784:51:13\n" },
		{ "{{script|kib}}", "3145729\n" },
		{ "{{script|mib}}M", "3073M\n" },
		{ "{{script|gib}}G", "4G\n" },
		{ "{{first|mib}}M", "" },
		{ "{{user|mib}}M", NULL },
		{ "{{nodes|above:1|if}}x", "" },
		{ "{{nodes|above:1|unless}}x", "x\n" },
		{ "{{nodes|above:0}}x", "1x\n" },
		{ "{{first|above:1|unless}}x", "x\n" },
		{ "{{last}}", NULL },
		{ "{{last|q}}", "'a b'\\''s'\n" },
		{ "{{last|plain}}x", "" },
		{ "{{last|plain|or:odd}}x", "oddx\n" },
		{ "{{user|plain}}x", "qx\n" },
		{ "{{ids|join:,}}", "7,8\n" },
		{ "{{ids|join: and }}", NULL },
		{ "{{ids|join: and |q}}", "'7 and 8'\n" },
		{ "{{ids|q|join: }}", "7 8\n" },
		{ "{{ids|join:,|or:x}}", "7,8\n" },
		{ "{{extra|join:,|or:x}}", "x\n" },
		{ "{{extra|join:,}}", "" },
		{ "{{ids|if}}y", "y\n" },
		{ "{{extra|unless}}y", "y\n" },
		{ "{{option:gate}}", "" },
		{ "{{option:gate|or:shut}}", "shut\n" },
		{ "{{'{{x}}'}} {{'{?'}}", "{{x}} {?\n" },
		{ "a ?} }} b", "a ?} }} b\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *to = mem_printf("%s\nexec >>", rows[i].line);
		struct template *t = parse_changed("exec >>", to);
		struct job_values v = usual();
		struct buf out = BUF_INIT;
		struct err e = ERR_INIT;
		const char *got, *end;

		v.text[JOB_USER] = "q";
		v.text[JOB_NOTICE] = "5430";
		v.text[JOB_SCRIPT] = "3221225473";
		v.text[JOB_LAST] = "a b's";
		v.list[JOB_IDS] = two_ids;
		v.n_list[JOB_IDS] = 2;
		if (template_script(t, &v, &out, &e) < 0) {
			if (rows[i].becomes || strncmp(e.text, "fake.tmpl:33: ", 14) != 0)
				fail_msg("%s: %s", rows[i].line, e.text);
		} else {
			assert_non_null(rows[i].becomes);
			got = strstr(buf_str(&out), "lane=fast\n") + strlen("lane=fast\n");
			end = strstr(got, "exec >>");
			if (strlen(rows[i].becomes) != (size_t)(end - got) ||
			    memcmp(got, rows[i].becomes, (size_t)(end - got)) != 0)
				fail_msg("'%s' became '%.*s'", rows[i].line, (int)(end - got), got);
		}
		buf_free(&out);
		template_free(t);
		free(to);
	}
}

static char *joined_words(const struct template *t, const struct template_command *c,
			  const struct job_values *v, bool hold, bool after)
{
	struct err e = ERR_INIT;
	char **words = template_words(t, c, v, hold, after, &e);
	struct buf b = BUF_INIT;

	if (!words)
		fail_msg("%s", e.text);
	for (char **w = words; *w; w++)
		buf_printf(&b, "%s<%s>", w > words ? " " : "", *w);
	free(words);
	return buf_take(&b);
}

static void test_words(void **state)
{
	static const char *const extra[] = { "-x", "a b", "" };
	static const struct {
		bool hold, after;
		size_t n_extra;
		const char *words;
	} rows[] = {
		{ false, false, 0, "<fsub> <-q> </s>" },
		{ true, false, 0, "<fsub> <-q> <-H> </s>" },
		{ false, true, 0, "<fsub> <-q> <-w> <all(7&8)> </s>" },
		{ true, true, 3, "<fsub> <-q> <-H> <-w> <all(7&8)> <-x> <a b> <> </s>" },
	};
	struct template *t = parse(good, NULL);
	struct job_values v = usual();
	struct err e = ERR_INIT;
	char *got;

	(void)state;
	v.list[JOB_IDS] = two_ids;
	v.n_list[JOB_IDS] = 2;
	v.list[JOB_EXTRA] = extra;
	for (size_t i = 0; i < COUNT(rows); i++) {
		v.n_list[JOB_EXTRA] = rows[i].n_extra;
		got = joined_words(t, t->submit.command, &v, rows[i].hold, rows[i].after);
		assert_string_equal(got, rows[i].words);
		free(got);
	}
	got = joined_words(t, t->release, &v, false, false);
	assert_string_equal(got, "<frel> <7> <8>");
	free(got);
	got = joined_words(t, t->ask[0].command, &v, false, false);
	assert_string_equal(got, "<fq> <7,8>");
	free(got);
	template_free(t);

	t = parse_changed(
		"[frel, '{{ids}}']",
		"['{{account}}', '{{user|unless}}', '{?-p{{account}}?}', '{{ids|if}}', '{{ids|join:}}', '']");
	got = joined_words(t, t->release, &v, false, false);
	assert_string_equal(got, "<78> <>");
	free(got);
	template_free(t);

	t = parse_changed("[frel, '{{ids}}']", "['{{ids}}', '{{memory|mib}}']");
	v.n_list[JOB_IDS] = 0;
	assert_null(template_words(t, t->release, &v, false, false, &e));
	assert_string_equal(e.text, "fake.tmpl: nothing is left of a command");
	v.text[JOB_MEMORY] = "much";
	err_clear(&e);
	assert_null(template_words(t, t->release, &v, false, false, &e));
	assert_string_equal(e.text,
			    "fake.tmpl:11: the filter 'mib' wants a whole number, not 'much'");
	template_free(t);
}

static void test_can_say(void **state)
{
	struct template *t = parse_changed(
		"[fdel, '{{ids}}']", "[fdel, '{{ids}}', '{{partition|unless}}', '{?{{qos}}?}']");
	struct job_values v = usual();

	(void)state;
	assert_true(template_can_say(t, t->limits[0].command, &v));
	assert_false(template_can_say(t, t->limits[1].command, &v));
	assert_false(template_can_say(t, t->cancel, &v));
	v.list[JOB_IDS] = two_ids;
	v.n_list[JOB_IDS] = 1;
	assert_true(template_can_say(t, t->cancel, &v));
	v.text[JOB_PARTITION] = "p";
	assert_true(template_can_say(t, t->limits[1].command, &v));
	assert_false(template_can_say(t, t->cancel, &v));
	template_free(t);
}

/* ---- what is refused ---- */

static const char *const one_line[] = { "module load x" };
static const char *const two_lines[] = { "#F x\nrm -rf /" };

static void test_wishes(void **state)
{
	static const struct {
		enum job_value k;
		const char *text, *origin, *from, *to, *said; /* said NULL: it is fine */
	} rows[] = {
		{ JOB_ACCOUNT, "a", "sites.yaml:4", "", "", NULL },
		{ JOB_QOS, "high", "sites.yaml:4", "", "",
		  "template 'fake' cannot express qos (from sites.yaml:4)" },
		{ JOB_QOS, "high", NULL, "", "", "template 'fake' cannot express qos" },
		{ JOB_TIME, "1", NULL, "", "", "template 'fake' cannot express time" },
		{ JOB_GPUS, "1", "the spec", "", "",
		  "template 'fake' cannot express gpus (from the spec)" },
		{ JOB_NOTICE, "1", NULL, "", "", NULL },
		{ JOB_EXCLUSIVE, "yes", NULL, "", "", "template 'fake' cannot express exclusive" },
		{ JOB_EXCLUSIVE, "yes", NULL, "exec >>", "#F alone{{exclusive|if}}\nexec >>",
		  NULL },
		{ JOB_EXCLUSIVE, "yes", NULL, "exec >>", "#F shared{{exclusive|unless}}\nexec >>",
		  "template 'fake' cannot express exclusive" },
		/* lost with the line, or with its part, for want of another */
		{ JOB_MAIL_ON, "end", "sites.yaml:9", "exec >>", "#F {{mail}} {{mail_on}}\nexec >>",
		  "mail_on (from sites.yaml:9) would be lost: template 'fake' leaves its line 33 out because mail is not set" },
		{ JOB_GPU_TYPE, "a", NULL, "exec >>", "#F x{?{{gpus}}:{{gpu_type}}?}\nexec >>",
		  "gpu_type would be lost: template 'fake' leaves its line 33 out because gpus is not set" },
		{ JOB_QOS, "q", NULL, "exec >>", "#F {{option:gate}}={{qos}}\nexec >>",
		  "because option 'gate' is not set" },
		{ JOB_QOS, "q", NULL, "exec >>", "#F {{qos}}{{name|unless}}\nexec >>",
		  "because name is set" },
		{ JOB_QOS, "q r", NULL, "exec >>", "#F {{qos|plain}}\nexec >>",
		  "because qos is what it is" },
		{ JOB_THROTTLE, "2", NULL, "", "",
		  "throttle would be lost: template 'fake' leaves its line 26 out because first is not set" },
		/* numbers that are wishes when they are more than 1 */
		{ JOB_NODES, "2", NULL, "", "", NULL },
		{ JOB_NODES, "2", NULL, "size={{nodes}}",
		  "size=", "template 'fake' cannot express nodes" },
		{ JOB_NODES, "1", NULL, "size={{nodes}}", "size=", NULL },
		{ JOB_CPUS, "4", NULL, "{{cpus_per_node}}", "",
		  "template 'fake' cannot express cpus" },
		{ JOB_CPUS, "4", NULL, "{{cpus_per_node}}", "{{cpus_total}}", NULL },
		{ JOB_RANKS, "4", NULL, "{{cpus_per_node}}", "{{cpus}}",
		  "template 'fake' cannot express ranks" },
		{ JOB_RANKS, "4", NULL, "{{cpus_per_node}}", "{{ranks_per_node}}", NULL },
		{ JOB_MEMORY, "4", NULL, "mem={{memory}}", "mem={{memory_per_cpu|or:x}}", NULL },
		{ JOB_MEMORY_PER_CPU, "4", NULL, "", "",
		  "template 'fake' cannot express memory_per_cpu" },
		/* an array must be more than a condition */
		{ JOB_COUNT, "4", NULL, "#F array={{first}}-{{last}}{?%{{throttle}}?}",
		  "#F array{{count|if}}", "template 'fake' cannot express an array" },
		{ JOB_COUNT, "4", NULL, "#F array={{first}}-{{last}}{?%{{throttle}}?}",
		  "#F array={{count}}", NULL },
		/* texts that would be something else where they stand */
		{ JOB_ACCOUNT, "a b", "sites.yaml:4", "", "",
		  "fake.tmpl:29: account 'a b' (from sites.yaml:4) cannot stand in a directive of template 'fake': it holds ' '" },
		{ JOB_ACCOUNT, "a\"b", NULL, "", "", "it holds '\"'" },
		{ JOB_ACCOUNT, "a#b", NULL, "", "", "it holds '#'" },
		{ JOB_ACCOUNT, "$(reboot)", NULL, "", "", "it holds '$'" },
		{ JOB_ACCOUNT, "a\n#F b", NULL, "", "", "it holds '\\n'" },
		{ JOB_ACCOUNT, "[a|b]&c*2", NULL, "", "", NULL },
		{ JOB_ACCOUNT, "a b", NULL, "acct={{account}}", "acct={{account|q}}", NULL },
		{ JOB_ACCOUNT, "a\tb", NULL, "acct={{account}}", "acct={{account|q}}",
		  "it holds '\\x09'" },
		{ JOB_ACCOUNT, "a;b", NULL, "#F acct={{account}}", "export A={{account}}",
		  "cannot stand in a script of template 'fake': it holds ';'" },
		{ JOB_ACCOUNT, "a;b", NULL, "#F acct={{account}}", "export A={{account|q}}", NULL },
		{ JOB_ACCOUNT, "a~b", NULL, "#F acct={{account}}", "export A={{account}}",
		  "it holds '~'" },
		{ JOB_ACCOUNT, "a/b.c-d_e:f@g", NULL, "#F acct={{account}}", "export A={{account}}",
		  NULL },
		{ JOB_LOG, "/a\nb", NULL, "", "", "log '/a\\nb' cannot stand in a script" },
		{ JOB_LOG, "/100%%", NULL, "", "",
		  "line 5 of the script would be misread: 'exec >>/100%% || exit 3' in it matches '%%', which template 'fake' forbids" },
		{ JOB_ACCOUNT, "100%%", NULL, "", "", NULL }, /* within a directive it may stand */
		{ JOB_MEMORY, "2G", NULL, "{{memory}}", "{{memory|mib}}",
		  "fake.tmpl:28: the filter 'mib' wants a whole number, not '2G'" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct template *t = parse_changed(rows[i].from, rows[i].to);
		struct job_values v = usual();
		struct buf out = BUF_INIT;
		struct err e = ERR_INIT;
		int rc;

		v.text[rows[i].k] = rows[i].text;
		v.origin[rows[i].k] = rows[i].origin;
		rc = template_script(t, &v, &out, &e);
		if (!rows[i].said && rc < 0)
			fail_msg("row %zu: %s", i, e.text);
		if (rows[i].said && (rc == 0 || !strstr(e.text, rows[i].said)))
			fail_msg("row %zu: %s", i, rc ? e.text : "nothing was said");
		if (rc < 0)
			assert_int_equal(out.len, 0);
		buf_free(&out);
		template_free(t);
	}
}

static void test_lists(void **state)
{
	struct template *t = parse(good, NULL);
	struct job_values v = usual();
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	v.list[JOB_DIRECTIVES] = one_line;
	v.n_list[JOB_DIRECTIVES] = 1;
	v.origin[JOB_DIRECTIVES] = "sites.yaml:7";
	assert_int_equal(template_script(t, &v, &out, &e), -1);
	assert_string_equal(
		e.text,
		"the line 'module load x' (from sites.yaml:7) is no directive of template 'fake': it "
		"begins with '#F'");
	err_clear(&e);
	v.list[JOB_DIRECTIVES] = two_lines;
	assert_int_equal(template_script(t, &v, &out, &e), -1);
	assert_string_equal(e.text, "a line of directives (from sites.yaml:7) holds a newline");
	buf_free(&out);
	template_free(t);
}

static void test_job_name(void **state)
{
	static const struct {
		const char *name, *suffix, *fits;
	} rows[] = {
		{ "ising", "_k3x9.1", "ising_k3x9.1" },
		{ "a-b c/d", "_k3x9.1", "a_b_c_d_k3x9.1" },
		{ "\xc3\xa9t\xc3\xa9", "_k", "j__t___k" },
		{ "3d", "_k", "j3d_k" },
		{ "_x", "_k", "j_x_k" },
		{ "averyveryverylongname", "_k3x9.1", "averyveryvery_k3x9.1" },
		{ "1averyveryverylongname", "_k3x9.1", "j1averyveryve_k3x9.1" },
		{ "", "k", "k" },
		{ "", "_k", "j_k" },
	};
	struct template *t = parse(good, NULL);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf b = BUF_INIT;

		template_job_name(t, rows[i].name, rows[i].suffix, &b);
		assert_string_equal(buf_str(&b), rows[i].fits);
		assert_true(b.len <= 20);
		buf_free(&b);
	}
	template_free(t);
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
	assert_ptr_equal(template_variables(), v);
	assert_false(variables_have(NULL, "x", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),      cmocka_unit_test(test_missing),
		cmocka_unit_test(test_faults),    cmocka_unit_test(test_many_faults),
		cmocka_unit_test(test_odd_files), cmocka_unit_test(test_script),
		cmocka_unit_test(test_lines),     cmocka_unit_test(test_words),
		cmocka_unit_test(test_can_say),   cmocka_unit_test(test_wishes),
		cmocka_unit_test(test_lists),     cmocka_unit_test(test_job_name),
		cmocka_unit_test(test_read),      cmocka_unit_test(test_limits),
		cmocka_unit_test(test_built_in),  cmocka_unit_test(test_users),
		cmocka_unit_test(test_variables),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
