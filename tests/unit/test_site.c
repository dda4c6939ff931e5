/* SPDX-License-Identifier: MIT */
/* The site file: which one is read, which site is meant, what is in force for a class of tasks, and
 * what is wrong with bad ones. */
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
#include "gen/site.h"

static char folder[] = "/tmp/ppgen-test-site-XXXXXX";
static char *path; /* of the site file, which PPGEN_SITES names */

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	path = path_join(folder, "sites.yaml");
	setenv("PPGEN_SITES", path, 1);
	unsetenv("PPGEN_SITE");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(path);
	return file_remove_tree(folder, NULL);
}

static void put_file(const char *text)
{
	assert_int_equal(file_publish(path, text, strlen(text), NULL), 0);
}

static struct site *load(const char *text, const char *name)
{
	struct diags *d = diags_new();
	struct site *s;

	put_file(text);
	s = site_load(name, d);
	if (!s)
		fail_msg("%s", diags_text(d));
	assert_string_equal(diags_text(d), "");
	diags_free(d);
	return s;
}

/* What is said of a bad file, with FILE in place of its path. */
static void check_bad(const char *text, const char *name, const char *want)
{
	struct diags *d = diags_new();
	struct buf got = BUF_INIT;
	const char *said, *at;

	put_file(text);
	assert_null(site_load(name, d));
	for (said = diags_text(d); (at = strstr(said, path)); said = at + strlen(path)) {
		buf_add(&got, said, (size_t)(at - said));
		buf_puts(&got, "FILE");
	}
	buf_puts(&got, said);
	assert_string_equal(buf_str(&got), want);
	buf_free(&got);
	diags_free(d);
}

/* ---- which file ---- */

static void test_file(void **state)
{
	static const struct {
		const char *sites, *config, *home, *want;
	} rows[] = {
		{ "/a/b.yaml", "/config", "/home/me", "/a/b.yaml" },
		{ NULL, "/config", "/home/me", "/config/ppgen/sites.yaml" },
		{ "", "/config", "/home/me", "/config/ppgen/sites.yaml" },
		{ NULL, "", "/home/me", "/home/me/.config/ppgen/sites.yaml" },
		{ NULL, "relative", "/home/me", "/home/me/.config/ppgen/sites.yaml" },
		{ NULL, NULL, "/home/me", "/home/me/.config/ppgen/sites.yaml" },
	};
	static const char *const names[] = { "PPGEN_SITES", "XDG_CONFIG_HOME", "HOME" };
	char *before[3];

	(void)state;
	for (size_t k = 0; k < 3; k++)
		before[k] = getenv(names[k]) ? mem_dup(getenv(names[k])) : NULL;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *const values[] = { rows[i].sites, rows[i].config, rows[i].home };
		char *got;

		for (size_t k = 0; k < 3; k++) {
			if (values[k])
				setenv(names[k], values[k], 1);
			else
				unsetenv(names[k]);
		}
		got = site_file();
		assert_string_equal(got, rows[i].want);
		free(got);
	}
	for (size_t k = 0; k < 3; k++) {
		if (before[k])
			setenv(names[k], before[k], 1);
		else
			unsetenv(names[k]);
		free(before[k]);
	}
}

/* No file and none named is no error; a named one that is missing is. */
static void test_no_file(void **state)
{
	struct diags *d = diags_new();
	struct site *s;
	char *want;
	size_t len = 7;

	(void)state;
	unlink(path);
	assert_null(site_load(NULL, d));
	want = mem_printf("%s: there is no such file (PPGEN_SITES names it)\n", path);
	assert_string_equal(diags_text(d), want);
	free(want);
	diags_free(d);
	d = diags_new();
	unsetenv("PPGEN_SITES");
	setenv("XDG_CONFIG_HOME", folder, 1);
	s = site_load(NULL, d);
	assert_non_null(s);
	assert_null(site_name(s));
	assert_null(site_source(s, &len));
	assert_int_equal(len, 0);
	want = mem_printf("there is no file '%s/ppgen/sites.yaml'", folder);
	assert_string_equal(site_chosen(s), want);
	free(want);
	site_free(s);
	assert_null(site_load("hpc", d));
	want = mem_printf(
		"--site: there is no site 'hpc': there is no file '%s/ppgen/sites.yaml'\n", folder);
	assert_string_equal(diags_text(d), want);
	free(want);
	diags_free(d);
	unsetenv("XDG_CONFIG_HOME");
	setenv("PPGEN_SITES", path, 1);
}

/* A file in which nothing is said is fine; so is a name for no site, whatever the file holds. */
static void test_nothing_said(void **state)
{
	static const char *const texts[] = { "", "\n", "# only\n\n  # comments\n", "   " };
	struct diags *d = diags_new();
	struct site *s;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		s = load(texts[i], NULL);
		assert_null(site_name(s));
		assert_null(site_scheduler(s).value);
		assert_true(site_finalises(s));
		site_free(s);
	}
	put_file("{{{ no YAML");
	s = site_load("none", d);
	assert_non_null(s);
	assert_null(site_name(s));
	assert_string_equal(site_chosen(s), "--site none");
	site_free(s);
	setenv("PPGEN_SITE", "none", 1);
	s = site_load(NULL, d);
	assert_non_null(s);
	assert_string_equal(site_chosen(s), "PPGEN_SITE=none");
	site_free(s);
	unsetenv("PPGEN_SITE");
	diags_free(d);
}

/* ---- which site ---- */

static void test_choice(void **state)
{
	const char *host = proc_host();
	char *brief = mem_dupn(host, strcspn(host, "."));
	char *match = mem_printf("its hosts match '%s'", host);
	char *usual = mem_printf("it is the default of '%s'", path);
	char *none =
		mem_printf("'%s' has no site whose hosts match '%s', and no default", path, host);
	const struct {
		const char *hosts, *usual, *variable, *name; /* %s: of site b */
		const char *want, *chosen;
	} rows[] = {
		{ "[nowhere]", "", NULL, "a", "a", "--site" },
		{ host, "default: c", "c", "a", "a", "--site" },
		{ host, "default: a", "c", NULL, "c", "PPGEN_SITE" },
		{ host, "default: a", NULL, NULL, "b", match },
		{ host, "default: a", "", NULL, "b", match },
		{ brief, "", NULL, NULL, "b", match },
		{ "['x*', '*']", "", NULL, NULL, "b", match },
		{ "[nowhere]", "default: c", NULL, NULL, "c", usual },
		{ "[nowhere]", "", NULL, NULL, NULL, none },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *text = mem_printf("%s\nsites: {a: {account: x}, b: {hosts: %s}, c: {hosts: "
					"[nowhere, '*']}, d: {}}\n",
					rows[i].usual, rows[i].hosts);
		struct site *s;

		if (strcmp(rows[i].hosts, "[nowhere]") == 0)
			strstr(text, ", '*'")[3] = '!'; /* then not c either */
		if (rows[i].variable)
			setenv("PPGEN_SITE", rows[i].variable, 1);
		s = load(text, rows[i].name);
		if (rows[i].want)
			assert_string_equal(site_name(s), rows[i].want);
		else
			assert_null(site_name(s));
		assert_string_equal(site_chosen(s), rows[i].chosen);
		unsetenv("PPGEN_SITE");
		site_free(s);
		free(text);
	}
	free(brief);
	free(match);
	free(usual);
	free(none);
}

static void test_names(void **state)
{
	struct site *s = load("sites: {b: {}, a.1: {}, C_-: {}}\n", NULL);
	const char *const *names;

	(void)state;
	assert_int_equal(site_names(s, &names), 3);
	assert_string_equal(names[0], "b");
	assert_string_equal(names[1], "a.1");
	assert_string_equal(names[2], "C_-");
	site_free(s);
	check_bad("sites: {hpc: {}, home: {}}\n", "hpx",
		  "--site: there is no site 'hpx' (did you mean 'hpc'?): 'FILE' has hpc, home\n");
	setenv("PPGEN_SITE", "zzz", 1);
	check_bad("sites: {hpc: {}, home: {}}\n", NULL,
		  "PPGEN_SITE: there is no site 'zzz': 'FILE' has hpc, home\n");
	unsetenv("PPGEN_SITE");
	check_bad("# nothing\n", "x", "--site: there is no site 'x': 'FILE' has none\n");
}

/* A frozen copy: chosen by its name alone, and nothing of the environment is asked. */
static void test_frozen(void **state)
{
	static const char text[] = "default: a\nsites: {a: {hosts: '*'}, b: {account: y, runs: "
				   "$PPGEN_TEST_UNSET/r}}\n";
	struct diags *d = diags_new();
	struct site *s = load(text, "a");
	char *copy = path_join(folder, "copy.yaml");
	const char *source;
	size_t len;

	(void)state;
	source = site_source(s, &len);
	assert_int_equal(len, sizeof text - 1);
	assert_string_equal(source, text);
	assert_int_equal(file_publish(copy, source, len, NULL), 0);
	site_free(s);
	s = site_load_file(copy, "b", d);
	assert_non_null(s);
	assert_string_equal(site_name(s), "b");
	site_free(s);
	s = site_load_file(copy, NULL, d);
	assert_non_null(s);
	assert_null(site_name(s));
	site_free(s);
	s = site_load_file("/nonexistent/sites.yaml", NULL, d);
	assert_non_null(s);
	assert_null(site_name(s));
	site_free(s);
	assert_string_equal(diags_text(d), "");
	assert_null(site_load_file(copy, "c", d));
	assert_null(site_load_file("/nonexistent/sites.yaml", "a", d));
	assert_int_equal(diags_errors(d), 2);
	diags_free(d);
	free(copy);
}

/* ---- what is wrong ---- */

static void test_bad(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "[a]",
		  "FILE:1:1: a site file is a mapping, not a list: it begins with 'sites:'\n" },
		{ "default: a\n", "FILE:1:1: 'sites' is missing: write sites: {NAME: {...}}\n" },
		{ "site: {a: {}}\n", "FILE:1:1: unknown key 'site' (did you mean 'sites'?)\n" },
		{ "account: x\nsites: {}\n",
		  "FILE:1:1: unknown key 'account': it belongs in a site: sites: {NAME: {...}}\n" },
		{ "sites: {a: {}, a: {}}\n",
		  "FILE:1:16: the key 'a' is here twice: first in line 1\n" },
		{ "sites: {none: {}, '-x': {}}\n",
		  "FILE:1:9: 'none' means no site: choose another name\n"
		  "FILE:1:19: '-x' is no name for a site: letters, digits, '.', '_' and '-', the first a "
		  "letter or digit\n" },
		{ "default: hpx\nsites: {hpc: {}, b: {}}\n",
		  "FILE:1:10: 'default' names no site of this file: 'hpx' (did you mean 'hpc'?)\n" },
		{ "default: zzz\nsites: {hpc: {}}\n",
		  "FILE:1:10: 'default' names no site of this file: 'zzz'\n" },
		{ "sites: {a: {acount: x}, b: {qeue: y}, c: {queue: z}}\n",
		  "FILE:1:13: unknown key 'acount' in sites.a (did you mean 'account'?)\n"
		  "FILE:1:29: unknown key 'qeue' in sites.b\n"
		  "FILE:1:43: unknown key 'queue' in sites.c: write 'partition'\n" },
		{ "sites: {a: {slots: 3, mail-on: end, finalizer: false}}\n",
		  "FILE:1:13: unknown key 'slots' in sites.a: it belongs in 'submit'\n"
		  "FILE:1:23: unknown key 'mail-on' in sites.a: write 'mail_on'\n"
		  "FILE:1:37: unknown key 'finalizer' in sites.a: write 'finaliser'\n" },
		{ "sites: {a: {environment: nodes, start_spread: x}, b: {env: node, start_spread: 2d}}\n",
		  "FILE:1:26: 'environment' must be submitter or node, not 'nodes' (did you mean "
		  "'node'?)\n"
		  "FILE:1:47: 'start_spread' must be a duration of at most a day, as in 10s or 1m, or 0 "
		  "for none, not 'x'\n"
		  "FILE:1:55: unknown key 'env' in sites.b: write 'environment: submitter' or "
		  "'environment: node'; variables belong in a spec's 'env' or in 'setup'\n"
		  "FILE:1:80: 'start_spread' must be a duration of at most a day, as in 10s or 1m, or 0 "
		  "for none, not '2d'\n" },
		{ "sites: {a: {scheduler: x, template: y}}\n",
		  "FILE:1:27: 'scheduler' and 'template' exclude each other: the first names a "
		  "template, the second its file\n" },
		{ "sites: {a: {scheduler: ./x.tmpl}, b: {scheduler: x.tmpl}}\n",
		  "FILE:1:24: 'scheduler' is a name: write 'template: ./x.tmpl' for a file\n"
		  "FILE:1:50: 'scheduler' is a name: write 'template: x.tmpl' for a file\n" },
		{ "sites: {a: {account: '', partition: [x], qos: \"a\\nb\", mail: ~}}\n",
		  "FILE:1:22: 'account' is empty\n"
		  "FILE:1:37: 'partition' must be text, not a list\n"
		  "FILE:1:47: 'qos' must be one line without control characters, not 'a\\nb'\n"
		  "FILE:1:61: 'mail' must be text, and has no value\n" },
		{ "sites: {a: {hosts: {x: y}, directives: [[a]], options: [pe]}}\n",
		  "FILE:1:20: 'hosts' must be a list of texts, not a mapping\n"
		  "FILE:1:41: each item of 'directives' must be text, not a list\n"
		  "FILE:1:56: 'options' must be a mapping, not a list\n" },
		{ "sites: {a: {options: {pe: [x]}}}\n",
		  "FILE:1:27: 'options.pe' must be text, not a list\n" },
		{ "sites: {a: {launch: []}, b: {launch: \"a 'b'\"}, c: {launch: 'x {{rank}}'}}\n",
		  "FILE:1:21: 'launch' is empty: leave it out for that of the template\n"
		  "FILE:1:38: 'launch' is no line for a shell: write a list of words\n"
		  "FILE:1:60: 'launch': a launcher does not know '{{rank}}': it knows ranks, nodes, "
		  "cpus and ranks_per_node\n" },
		{ "sites: {a: {runs: runs, scratch: tmp}}\n",
		  "FILE:1:19: 'runs' must be an absolute path, or begin with a variable, not 'runs'\n"
		  "FILE:1:34: 'scratch' must be an absolute path, or begin with a variable, not "
		  "'tmp'\n" },
		{ "sites: {a: {submit: {slot: 1, slots: 0, time: 3h, element_time: x}}}\n",
		  "FILE:1:22: unknown key 'slot' in sites.a.submit (did you mean 'slots'?)\n"
		  "FILE:1:38: 'slots' must be a whole number from 1 to 100000000, not '0'\n"
		  "FILE:1:41: unknown key 'time' in sites.a.submit: write 'element_time'\n"
		  "FILE:1:65: 'element_time' must be a duration as in 90 (seconds), 10m, 1h30m or "
		  "2:00:00, not 'x'\n" },
		{ "sites: {a: {limits: {tim: 1h, elements: -1}}}\n",
		  "FILE:1:22: unknown key 'tim' in sites.a.limits (did you mean 'time'?)\n"
		  "FILE:1:41: 'elements' must be a whole number from 1 to 100000000, not '-1'\n" },
		{ "sites: {a: {finaliser: no}, b: {finaliser: {mem: 1G, nodes: 2}}}\n",
		  "FILE:1:24: 'finaliser' must be a mapping or false, not 'no'\n"
		  "FILE:1:45: unknown key 'mem' in sites.b.finaliser: write 'memory'\n"
		  "FILE:1:54: unknown key 'nodes' in sites.b.finaliser\n" },
		{ "sites: {a: {when: {if: gpus > 0}}}\n",
		  "FILE:1:19: 'when' must be a list, not a mapping\n" },
		{ "sites: {a: {when: [{partition: x}, {if: cpus > 1}, {where: cpus > 1, qos: x}]}}\n",
		  "FILE:1:20: 'if' is missing in sites.a.when: it says for which tasks\n"
		  "FILE:1:36: this 'when' changes nothing: give a partition or the like\n"
		  "FILE:1:53: unknown key 'where' in sites.a.when: write 'if'\n" },
		{ "sites: {a: {when: [{if: gpuss > 0, qos: x}]}}\n",
		  "FILE:1:25: unknown parameter 'gpuss' (did you mean 'gpus'?): 'if' knows cpus, "
		  "memory, time, gpus, nodes, ranks, gpu_type and constraint\n" },
		{ "sites: {a: {when: [{if: memory > 64G, qos: x}]}}\n",
		  "FILE:1:34: '64G' is no number: memory counts in bytes, as in memory > 64 * 1024 ** "
		  "3, and time in seconds\n" },
		{ "sites: {a: {when: [{if: gpu_type > 3, qos: x}]}}\n",
		  "FILE:1:25: this 'if' cannot be told: '>' wants two numbers or two texts, not "
		  "'gpu_type' (text) and a number\n" },
		{ "sites: {a: {account: x\n",
		  "FILE:2:1: '{' of 1:12 is not closed: ',' or '}' was expected here\n" },
		{ "sites: {a: x, b: ~}\n",
		  "FILE:1:12: 'sites.a' must be a mapping, not 'x'\n"
		  "FILE:1:18: 'sites.b' must be a mapping, and has no value\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		check_bad(rows[i].text, NULL, rows[i].want);
}

/* ---- what is in force ---- */

static void test_workers(void **state)
{
	static const struct {
		const char *text;
		bool keeps;
		uint64_t spread;
		const char *origin; /* of the environment */
	} rows[] = {
		{ "sites: {a: {}}\n", true, 10, NULL },
		{ "sites: {a: {environment: submitter, start_spread: 1m}}\n", true, 60,
		  "sites.yaml:1" },
		{ "sites:\n  a: {environment: node, start_spread: 0}\n", false, 0, "sites.yaml:2" },
		{ "sites: {a: {start_spread: 0s}}\n", true, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct site *s = load(rows[i].text, "a");

		assert_int_equal(site_keeps_environment(s), rows[i].keeps);
		assert_int_equal(site_start_spread(s), rows[i].spread);
		if (rows[i].origin)
			assert_string_equal(site_environment(s).origin, rows[i].origin);
		else
			assert_null(site_environment(s).value);
		site_free(s);
	}
}

static void test_texts(void **state)
{
	struct site *s;
	char *want;

	(void)state;
	setenv("PPGEN_TEST_A", "/fast", 1);
	s = load(
		"sites:\n  a:\n    template: my/x.tmpl\n    runs: ${PPGEN_TEST_A}/me/../r\n"
		"    scratch: $TMPDIR/x\n    setup: |\n      module load a\n      b\n"
		"    launch: srun  --mpi=pmix -n{{ranks}} \n  b: {scheduler: zz, launch: [a b, c]}\n",
		"a");
	want = mem_printf("%s/my/x.tmpl", folder);
	assert_string_equal(site_scheduler(s).value, want);
	assert_string_equal(site_scheduler(s).origin, "sites.yaml:3");
	assert_string_equal(site_runs(s).value, "/fast/r");
	assert_string_equal(site_runs(s).origin, "sites.yaml:4");
	assert_string_equal(site_scratch(s).value, "$TMPDIR/x");
	assert_string_equal(site_setup(s).value, "module load a\nb\n");
	assert_string_equal(site_launch(s)[0], "srun");
	assert_string_equal(site_launch(s)[1], "--mpi=pmix");
	assert_string_equal(site_launch(s)[2], "-n{{ranks}}");
	assert_null(site_launch(s)[3]);
	site_free(s);
	free(want);
	s = load("sites: {b: {scheduler: zz, launch: [a b, c]}}\n", "b");
	assert_string_equal(site_scheduler(s).value, "zz");
	assert_string_equal(site_launch(s)[0], "a b");
	assert_null(site_runs(s).value);
	assert_null(site_scratch(s).value);
	site_free(s);
	unsetenv("PPGEN_TEST_A");
	check_bad("sites: {a: {runs: $PPGEN_TEST_A/r}}\n", "a",
		  "FILE:1:19: the variable 'PPGEN_TEST_A' is not set: set it, or write "
		  "${PPGEN_TEST_A:-PATH}\n");
	s = load("sites: {a: {runs: $PPGEN_TEST_A/r}, b: {}}\n",
		 "b"); /* not the one that is meant */
	site_free(s);
}

static const char layered[] =
	"sites:\n"
	"  a:\n"
	"    account: phys\n"
	"    partition: normal\n"
	"    directives: [one, two]\n"
	"    options: {pe: smp}\n"
	"    submit: {slots: 4, max_running: 100, elements: 500}\n"
	"    when:\n"
	"      - {if: gpus > 0, partition: gpu, options: {queue: g}}\n"
	"      - {if: memory > 8 * 1024 ** 3 or time >= 3600, qos: long, directives: [], submit: {slots: 1}}\n"
	"      - {if: gpu_type == 'a100' and constraint == '', partition: a100}\n"
	"      - {if: ranks > 4 and nodes == 2 and cpus == 3, partition: mpi}\n"
	"    finaliser: {partition: serial, time: 30m, options: {pe: one}}\n";

static struct template_option options[] = { { .name = "pe", .fallback = "make" },
					    { .name = "queue", .fallback = "all.q" },
					    { .name = "other" } };
static const struct template sample = { .name = "zz", .options = options, .n_options = 3 };

static void test_settings(void **state)
{
	static const struct {
		struct resources res;
		bool finaliser;
		const char *partition, *from, *qos, *pe, *queue;
		size_t directives;
		uint64_t slots;
	} rows[] = {
		{ { .cpus = 1, .nodes = 1 },
		  false,
		  "normal",
		  "sites.yaml:4",
		  NULL,
		  "smp",
		  "all.q",
		  2,
		  4 },
		{ { .cpus = 1, .gpus = 2 }, false, "gpu", "sites.yaml:9", NULL, "smp", "g", 2, 4 },
		{ { .cpus = 1, .gpus = 2, .gpu_type = "a100", .time_s = 3600 },
		  false,
		  "a100",
		  "sites.yaml:11",
		  "long",
		  "smp",
		  "g",
		  0,
		  1 },
		{ { .gpus = 2, .gpu_type = "a100", .constraint = "x" },
		  false,
		  "gpu",
		  "sites.yaml:9",
		  NULL,
		  "smp",
		  "g",
		  2,
		  4 },
		{ { .memory = (UINT64_C(8) << 30) + 1 },
		  false,
		  "normal",
		  "sites.yaml:4",
		  "long",
		  "smp",
		  "all.q",
		  0,
		  1 },
		{ { .memory = UINT64_C(8) << 30 },
		  false,
		  "normal",
		  "sites.yaml:4",
		  NULL,
		  "smp",
		  "all.q",
		  2,
		  4 },
		{ { .cpus = 3, .ranks = 8, .nodes = 2 },
		  false,
		  "mpi",
		  "sites.yaml:12",
		  NULL,
		  "smp",
		  "all.q",
		  2,
		  4 },
		{ { .cpus = 1, .gpus = 1, .time_s = 7200 },
		  true,
		  "serial",
		  "sites.yaml:13",
		  "long",
		  "one",
		  "g",
		  0,
		  1 },
	};
	struct site *s = load(layered, "a");

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct site_settings got;
		struct err e = ERR_INIT;

		if (site_settings(s, &sample, &rows[i].res, rows[i].finaliser, &got, &e) < 0)
			fail_msg("%s", e.text);
		assert_string_equal(got.text[SITE_ACCOUNT].value, "phys");
		assert_string_equal(got.text[SITE_ACCOUNT].origin, "sites.yaml:3");
		assert_string_equal(got.text[SITE_PARTITION].value, rows[i].partition);
		assert_string_equal(got.text[SITE_PARTITION].origin, rows[i].from);
		assert_int_equal(got.text[SITE_QOS].value != NULL, rows[i].qos != NULL);
		assert_string_equal(got.options[0], rows[i].pe);
		assert_string_equal(got.options[1], rows[i].queue);
		assert_null(got.options[2]);
		assert_int_equal(got.n_directives, rows[i].directives);
		if (rows[i].directives)
			assert_string_equal(got.directives[1], "two");
		assert_int_equal(got.wish.slots, rows[i].slots);
		assert_string_equal(got.wish.slots_origin,
				    rows[i].slots == 4 ? "sites.yaml:7" : "sites.yaml:10");
		assert_int_equal(got.wish.max_running, 100);
		assert_int_equal(got.wish.elements, 500);
		assert_int_equal(got.wish.element_time, 0);
		free(got.options);
	}
	site_free(s);
}

static void test_settings_errors(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "sites: {a: {options: {pee: x}}}\n",
		  ":1:23: template 'zz' has no option 'pee' (did you mean 'pe'?)" },
		{ "sites: {a: {when: [{if: gpus > 0, options: {fast: x}}]}}\n",
		  ":1:45: template 'zz' has no option 'fast': `ppgen template show zz` lists them" },
		{ "sites: {a: {when: [{if: cpus != 3 or gpu_type < 3, qos: x}]}}\n",
		  ":1:20: this 'when' cannot be told: '<' wants two numbers or two texts" },
	};
	const struct resources res = { .cpus = 3 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct site *s = load(rows[i].text, "a");
		struct err e = ERR_INIT;
		struct site_settings got;
		char *want = mem_printf("%s%s", path, rows[i].want);

		assert_int_equal(site_settings(s, &sample, &res, false, &got, &e), -1);
		if (strncmp(e.text, want, strlen(want)) != 0)
			assert_string_equal(e.text, want);
		assert_int_equal(e.kind, ERR_BAD);
		assert_null(got.options);
		free(want);
		site_free(s);
	}
}

static void test_finaliser(void **state)
{
	static const struct {
		const char *site;
		bool on;
		uint64_t cpus, memory, time;
	} rows[] = {
		{ "{}", true, 1, 2048, 3600 },
		{ "{finaliser: false}", false, 1, 2048, 3600 },
		{ "{finaliser: true}", true, 1, 2048, 3600 },
		{ "{finaliser: {cpus: 2, memory: 512M, time: 30m}}", true, 2, 512, 1800 },
		{ "{limits: {time: 20m}}", true, 1, 2048, 1200 },
		{ "{limits: {time: 20m}, finaliser: {time: 10m}}", true, 1, 2048, 600 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *text = mem_printf("sites: {a: %s}\n", rows[i].site);
		struct site *s = load(text, "a");
		struct resources res;

		site_finaliser(s, &res);
		assert_int_equal(site_finalises(s), rows[i].on);
		assert_int_equal(res.cpus, rows[i].cpus);
		assert_int_equal(res.memory, rows[i].memory << 20);
		assert_int_equal(res.time_s, rows[i].time);
		assert_int_equal(res.nodes, 1);
		site_free(s);
		free(text);
	}
}

static void test_limits(void **state)
{
	struct site *s = load("sites: {a: {limits: {time: 24h, elements: 1000}}}\n", "a");
	struct shape_limits l = { .origin = { NULL } };

	(void)state;
	for (int k = 0; k < LIMIT_COUNT; k++)
		l.of[k] = UINT64_MAX;
	l.of[LIMIT_TIME] = 3600;
	l.origin[LIMIT_TIME] = "asked";
	site_limits(s, &l);
	assert_int_equal(l.of[LIMIT_TIME], 3600); /* never widened */
	assert_string_equal(l.origin[LIMIT_TIME], "asked");
	assert_int_equal(l.of[LIMIT_QUEUED], 1000);
	assert_string_equal(l.origin[LIMIT_QUEUED], "sites.yaml:1");
	assert_true(l.of[LIMIT_INDEX] == UINT64_MAX && l.of[LIMIT_JOBS] == UINT64_MAX);
	l.of[LIMIT_TIME] = 100 * 3600;
	site_limits(s, &l);
	assert_int_equal(l.of[LIMIT_TIME], 24 * 3600);
	assert_string_equal(l.origin[LIMIT_TIME], "sites.yaml:1");
	site_free(s);
}

/* The spec's wishes come before the site's, one by one. */
static void test_wishes(void **state)
{
	static const char text[] = "ppgen: 1\nparams: {T: [1]}\ncommand: x\nsubmit:\n  slots: 8\n";
	static const char *const sets[] = { "submit.element_time=30m" };
	const struct spec_options o = { .sets = sets, .n_sets = 1, .origin = "dir/f.yaml" };
	const struct resources res = { .cpus = 1, .nodes = 1 };
	struct site *site = load("sites: {a: {submit: {slots: 4, elements: 7, max_running: 9, "
				 "element_time: 2h}}}\n",
				 "a");
	char *file = path_join(folder, "f.yaml");
	struct diags *d = diags_new();
	struct site_settings settings;
	struct shape_wish got;
	struct spec *s;

	(void)state;
	assert_int_equal(file_publish(file, text, strlen(text), NULL), 0);
	s = spec_read(file, &o, d);
	if (!s)
		fail_msg("%s", diags_text(d));
	assert_int_equal(site_settings(site, NULL, &res, false, &settings, NULL), 0);
	submit_wish_merge(s, &settings, &got);
	assert_int_equal(got.slots, 8);
	assert_string_equal(got.slots_origin, "f.yaml:5");
	assert_int_equal(got.elements, 7);
	assert_string_equal(got.elements_origin, "sites.yaml:1");
	assert_int_equal(got.max_running, 9);
	assert_int_equal(got.element_time, 1800);
	assert_string_equal(got.time_origin, "--set submit.element_time");
	free(settings.options);
	spec_free(s);
	site_free(site);
	diags_free(d);
	free(file);
}

static void test_rows(void **state)
{
	static const struct site_row want[] = {
		{ "account", "phys", "sites.yaml:3" },
		{ "partition", "normal", "sites.yaml:4" },
		{ "directives", "[one, two]", "sites.yaml:5" },
		{ "options.pe", "smp", "sites.yaml:6" },
		{ "submit.slots", "4", "sites.yaml:7" },
		{ "submit.max_running", "100", "sites.yaml:7" },
		{ "submit.elements", "500", "sites.yaml:7" },
		{ "when gpus > 0: partition", "gpu", "sites.yaml:9" },
		{ "when gpus > 0: options.queue", "g", "sites.yaml:9" },
		{ "when memory > 8 * 1024 ** 3 or time >= 3600: qos", "long", "sites.yaml:10" },
		{ "when memory > 8 * 1024 ** 3 or time >= 3600: directives", "[]",
		  "sites.yaml:10" },
		{ "when memory > 8 * 1024 ** 3 or time >= 3600: submit.slots", "1",
		  "sites.yaml:10" },
		{ "when gpu_type == 'a100' and constraint == '': partition", "a100",
		  "sites.yaml:11" },
		{ "when ranks > 4 and nodes == 2 and cpus == 3: partition", "mpi",
		  "sites.yaml:12" },
		{ "finaliser.partition", "serial", "sites.yaml:13" },
		{ "finaliser.time", "30m", "sites.yaml:13" },
		{ "finaliser.options.pe", "one", "sites.yaml:13" },
	};
	struct site *s = load(layered, "a");
	struct site_row *got;

	(void)state;
	assert_int_equal(site_rows(s, &got), sizeof want / sizeof *want);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		assert_string_equal(got[i].key, want[i].key);
		assert_string_equal(got[i].value, want[i].value);
		assert_string_equal(got[i].origin, want[i].origin);
	}
	site_free(s);
	s = load("", NULL);
	assert_int_equal(site_rows(s, &got), 0);
	site_free(s);
}

static void test_expand(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: an error, which is `error` */
		const char *error;
	} rows[] = {
		{ "/a/b", "/a/b", NULL },
		{ "$PT_A/x", "/v w/x", NULL },
		{ "/s/${PT_A}x$PT_B", "/s//v wxb", NULL },
		{ "${PT_NONE:-/tmp}/x", "/tmp/x", NULL },
		{ "${PT_EMPTY:-/tmp}/x", "/tmp/x", NULL },
		{ "${PT_B:-/tmp}/x", "b/x", NULL },
		{ "${PT_NONE:-}x", "x", NULL },
		{ "~/r", "/home/me/r", NULL },
		{ "/a~/r", "/a~/r", NULL },
		{ "a$/b$", "a$/b$", NULL },
		{ "$1", "$1", NULL },
		{ "/x/$PT_NONE/y", NULL,
		  "the variable 'PT_NONE' is not set: set it, or write ${PT_NONE:-PATH}" },
		{ "$PT_EMPTY", NULL,
		  "the variable 'PT_EMPTY' is not set: set it, or write ${PT_EMPTY:-PATH}" },
		{ "${PT_A", NULL, "'${PT_A' is no variable: write ${NAME} or ${NAME:-TEXT}" },
		{ "${}", NULL, "'${}' is no variable: write ${NAME} or ${NAME:-TEXT}" },
		{ "${PT_A%x}", NULL, "'${PT_A%x}' is no variable: write ${NAME} or ${NAME:-TEXT}" },
	};
	char *home = mem_dup(getenv("HOME") ? getenv("HOME") : "/");

	(void)state;
	setenv("PT_A", "/v w", 1);
	setenv("PT_B", "b", 1);
	setenv("PT_EMPTY", "", 1);
	setenv("HOME", "/home/me", 1);
	unsetenv("PT_NONE");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b = BUF_INIT;
		struct err e = ERR_INIT;

		assert_int_equal(site_expand(rows[i].text, &b, &e), rows[i].want ? 0 : -1);
		if (rows[i].want)
			assert_string_equal(buf_str(&b), rows[i].want);
		else
			assert_string_equal(e.text, rows[i].error);
		buf_free(&b);
	}
	setenv("HOME", home, 1);
	free(home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_nothing_said),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_frozen),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_workers),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_settings_errors),
		cmocka_unit_test(test_finaliser),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_wishes),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_expand),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
