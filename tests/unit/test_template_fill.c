/* SPDX-License-Identifier: MIT */
/* Templates: what becomes of values in scripts and commands, and what is refused. */
#include "tests/unit/template_test.h"

static const char *const two_ids[] = { "7", "8" };

/* ---- rendering ---- */

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
		  "because option 'gate' is not set: a site file can set it" },
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_script),   cmocka_unit_test(test_lines),
		cmocka_unit_test(test_words),    cmocka_unit_test(test_can_say),
		cmocka_unit_test(test_wishes),   cmocka_unit_test(test_lists),
		cmocka_unit_test(test_job_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
