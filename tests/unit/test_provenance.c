/* SPDX-License-Identifier: MIT */
/* Where a run came from: what is written, and what must never be. */
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
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/provenance.h"

static void test_secret_names(void **state)
{
	static const struct {
		const char *name;
		bool secret;
	} rows[] = {
		{ "API_TOKEN", true },
		{ "my_secret_x", true },
		{ "password", true },
		{ "AWS_ACCESS_KEY_ID", true },
		{ "PassPhrase", true },
		{ "key", true },
		{ "PATH", false },
		{ "", false },
		{ "tok", false },
		{ "resources.cpus", false },
		{ "env.GITHUB_token", true },
	};

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		if (provenance_is_secret(rows[k].name) != rows[k].secret)
			fail_msg("'%s'", rows[k].name);
	}
}

static void test_public_text(void **state)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		{ "", "" },
		{ "run", "run" },
		{ "monkey.yaml", "monkey.yaml" },
		{ "--token=abc", "--token=***" },
		{ "API_TOKEN=abc def", "API_TOKEN=***" },
		{ "env.DB_PASSWORD=hunter2", "env.DB_PASSWORD=***" },
		{ "env={api_key: abc, B: c}", "env={api_key: ***" },
		{ "env={\"api_key\": \"abc\"}", "env={\"api_key\": \"***" },
		{ "curl --token abc", "curl --token ***" },
		{ "https://u:p@example.org/x", "https://example.org/x" },
		{ "url=https://u:p@example.org/x?a=1&sig=99",
		  "url=https://example.org/x?a=1&sig=***" },
		{ "get 'ftp://me:pw@h/f' now", "get 'ftp://h/f' now" },
		{ "a=1 ssh://git@h/x b", "a=1 ssh://h/x b" },
		{ "T=2.5,L=64", "T=2.5,L=64" },
		{ "--secret", "--secret" },
	};
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		buf_clear(&b);
		provenance_put_public(&b, rows[k].text);
		assert_string_equal(buf_str(&b), rows[k].shown);
	}
	buf_free(&b);
}

static char *get(struct json v, const char *key)
{
	return json_string(json_get(v, key));
}

static void put_object(struct buf *b, const char *dir, int argc, char *const *argv, struct json *v)
{
	struct err e = ERR_INIT;

	buf_clear(b);
	buf_putc(b, '{');
	provenance_put(b, "1.2.3", dir, argc, argv);
	buf_putc(b, '}');
	if (json_parse(b->data, b->len, v, &e) < 0)
		fail_msg("%s: %s", e.text, b->data);
}

static void check_text(struct json v, const char *key, const char *want)
{
	char *text = get(v, key);

	assert_non_null(text);
	assert_string_equal(text, want);
	free(text);
}

static void test_members(void **state)
{
	char *argv[] = { "ppgen",
			 "run",
			 "a b",
			 "--password",
			 "hunter2",
			 "--set",
			 "env.MY_TOKEN=xyz",
			 "--url",
			 "https://u:geheim@h/x",
			 "TOKEN",
			 "last" };
	const char *const dir = *state;
	struct buf b = BUF_INIT;
	struct json v, item;
	struct json_iter it;
	char *cwd = getcwd(NULL, 0), *text;
	mode_t mask = umask(027);

	put_object(&b, dir, sizeof argv / sizeof *argv, argv, &v);
	assert_int_equal(umask(mask), 027);
	check_text(v, "version", "1.2.3");
	check_text(v, "umask", "0027");
	check_text(v, "cwd", cwd);
	check_text(v, "host", proc_host());
	text = get(v, "user");
	assert_true(text && *text);
	free(text);
	text = get(v, "time");
	assert_int_equal(strlen(text), strlen("2026-01-31T12:00:00.123+00:00"));
	free(text);
	it = json_iter(json_get(v, "argv"));
	for (size_t k = 0; k < sizeof argv / sizeof *argv; k++) {
		assert_true(json_next(&it, NULL, &item));
		if (k == 4 || k == 10)
			assert_true(json_eq(item, "***"));
	}
	assert_false(json_next(&it, NULL, &item));
	assert_null(strstr(b.data, "hunter2"));
	assert_null(strstr(b.data, "xyz"));
	assert_null(strstr(b.data, "geheim"));
	assert_int_equal(json_get(v, "git").type, JSON_NONE); /* the folder is no repository */
	buf_free(&b);
	free(cwd);
}

static void git(const char *dir, const char *const *words)
{
	const char *argv[16] = { "git",
				 "-c",
				 "user.name=A",
				 "-c",
				 "user.email=a@example.org",
				 "-c",
				 "init.defaultBranch=trunk" };
	struct buf out = BUF_INIT;
	size_t n = 7;

	while (*words)
		argv[n++] = *words++;
	assert_int_equal(proc_capture(argv, dir, 20, &out, NULL, 1 << 20, NULL), 0);
	buf_free(&out);
}

static bool have_git(void)
{
	static const char *const argv[] = { "git", "--version", NULL };
	struct buf out = BUF_INIT;
	bool have = proc_capture(argv, NULL, 5, &out, NULL, 1000, NULL) == 0;

	buf_free(&out);
	return have;
}

static void test_git(void **state)
{
	static const char *const steps[][6] = {
		{ "init", "-q", NULL },
		{ "add", "f", NULL },
		{ "commit", "-q", "-m", "one", NULL },
		{ "remote", "add", "origin", "https://me:geheim@example.org/r.git", NULL },
	};
	const char *const diff[] = { "git", "diff", "HEAD", NULL };
	char *argv[] = { "ppgen" };
	char *dir = path_join(*state, "repo"), *file = path_join(dir, "f"), *commit;
	struct buf b = BUF_INIT, out = BUF_INIT;
	struct json v, g;
	uint8_t sum[SHA256_SIZE];
	char hex[SHA256_HEX];

	if (!have_git()) {
		free(dir);
		free(file);
		skip();
	}
	assert_int_equal(file_make_dirs(dir, NULL), 0);
	assert_int_equal(file_publish(file, "one\n", 4, NULL), 0);
	for (size_t k = 0; k < sizeof steps / sizeof *steps; k++)
		git(dir, steps[k]);
	put_object(&b, dir, 1, argv, &v);
	g = json_get(v, "git");
	commit = get(g, "commit");
	assert_int_equal(strlen(commit), 40);
	free(commit);
	check_text(g, "branch", "trunk");
	check_text(g, "remote", "https://example.org/r.git");
	assert_int_equal(json_get(g, "dirty").type, JSON_BOOL);
	assert_false(json_true(json_get(g, "dirty")));
	assert_int_equal(json_get(g, "diff_sha256").type, JSON_NONE);

	assert_int_equal(file_publish(file, "two\n", 4, NULL), 0);
	put_object(&b, dir, 1, argv, &v);
	g = json_get(v, "git");
	assert_true(json_true(json_get(g, "dirty")));
	assert_int_equal(proc_capture(diff, dir, 20, &out, NULL, 1 << 20, NULL), 0);
	sha256_of(out.data, out.len, sum);
	hex_put(hex, sum, sizeof sum);
	check_text(g, "diff_sha256", hex);
	buf_free(&b);
	buf_free(&out);
	free(dir);
	free(file);
}

static int setup(void **state)
{
	char *dir = mem_dup("/tmp/ppgen-test-XXXXXX");

	*state = dir;
	setenv("GIT_CEILING_DIRECTORIES", "/tmp", 1);
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	int rc = file_remove_tree(*state, NULL);

	free(*state);
	return rc;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secret_names),
		cmocka_unit_test(test_public_text),
		cmocka_unit_test_setup_teardown(test_members, setup, teardown),
		cmocka_unit_test_setup_teardown(test_git, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
