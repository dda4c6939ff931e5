/* SPDX-License-Identifier: MIT */
/* Where a run came from. Rather too much is struck out than too little: this is shared with papers
 * and data. */
#include "base/provenance.h"

#include <ctype.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fetch.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"

#define GIT_SECONDS   5
#define GIT_LINES_MAX ((size_t)1 << 16)
#define GIT_DIFF_MAX  ((size_t)64 << 20) /* a larger diff is dirty without a hash */
#define STRUCK        "***"

static bool is_secret_name(const char *name, size_t n)
{
	static const char *const parts[] = { "token", "secret", "pass", "key" };

	for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
		size_t len = strlen(parts[k]);

		for (size_t at = 0; at + len <= n; at++) {
			if (strncasecmp(name + at, parts[k], len) == 0)
				return true;
		}
	}
	return false;
}

bool provenance_is_secret(const char *name)
{
	return is_secret_name(name, strlen(name));
}

static bool in_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/*
 * Whether a secret's name stands at s, n bytes long, and something follows that it may name. *value
 * is then where that begins: behind '=', ':' or blanks, with quotes around them.
 */
static bool secret_at(const char *s, size_t n, const char **value)
{
	size_t gap;

	if (!is_secret_name(s, n))
		return false;
	gap = strspn(s + n, "\"' \t\n=:");
	*value = s + n + gap;
	return gap > 0 && **value && strcspn(s + n, " \t\n=:") < gap;
}

/* Where a URL at s ends: it holds no blanks, quotes or brackets that text puts around it. */
static size_t url_length(const char *s)
{
	return strcspn(s, " \t\r\n\"'<>`");
}

void provenance_put_public(struct buf *b, const char *text)
{
	const char *value;

	while (*text) {
		size_t n = 0;

		while (in_name(text[n]))
			n++;
		if (n && secret_at(text, n, &value)) {
			buf_add(b, text, (size_t)(value - text));
			buf_puts(b, STRUCK);
			return;
		}
		if (n && fetch_is_url(text)) {
			char *url = mem_dupn(text, url_length(text)),
			     *shown = fetch_url_public(url);

			buf_puts(b, shown);
			n = strlen(url);
			free(url);
			free(shown);
		} else {
			n = n ? n : 1;
			buf_add(b, text, n);
		}
		text += n;
	}
}

/* Whether the word after this one is a secret: this one ends in a name that says so. */
static bool announces_secret(const char *word)
{
	size_t n = strlen(word), from = n;

	if (n && (word[n - 1] == '=' || word[n - 1] == ':'))
		from = --n;
	while (from > 0 && in_name(word[from - 1]))
		from--;
	if (from > 0 && word[from - 1] != ' ' && word[from - 1] != '{' && word[from - 1] != ',')
		return false;
	return is_secret_name(word + from, n - from);
}

static void put_argv(struct buf *b, int argc, char *const *argv)
{
	struct buf word = BUF_INIT;
	bool struck = false;

	json_put_key(b, "argv");
	buf_putc(b, '[');
	for (int k = 0; k < argc; k++) {
		buf_clear(&word);
		if (struck)
			buf_puts(&word, STRUCK);
		else
			provenance_put_public(&word, argv[k]);
		json_put_sep(b);
		json_put(b, buf_str(&word), word.len);
		struck = k > 0 && announces_secret(argv[k]);
	}
	buf_putc(b, ']');
	buf_free(&word);
}

static void put_user(struct buf *b)
{
	const struct passwd *pw = getpwuid(geteuid());

	json_put_key(b, "user");
	if (pw) {
		json_puts(b, pw->pw_name);
		return;
	}
	buf_putc(b, '"');
	buf_put_u64(b, (unsigned long long)geteuid());
	buf_putc(b, '"');
}

/* The mask can only be read by setting it. */
static void put_umask(struct buf *b)
{
	mode_t mask = umask(077);

	umask(mask);
	json_put_key(b, "umask");
	buf_printf(b, "\"%04o\"", (unsigned)mask);
}

static void put_cwd(struct buf *b)
{
	char *cwd = getcwd(NULL, 0);

	if (cwd) {
		json_put_key(b, "cwd");
		json_puts(b, cwd);
	}
	free(cwd);
}

/* The first line of what git says into `line`; false unless it exits with 0. */
static bool ask_git(const char *dir, struct buf *out, size_t most, const char *const *words)
{
	const char *argv[16] = { "git", "--no-optional-locks" };
	size_t n = 2;

	while (*words && n < sizeof argv / sizeof *argv - 1)
		argv[n++] = *words++;
	buf_clear(out);
	return proc_capture(argv, dir, GIT_SECONDS, out, NULL, most, NULL) == 0;
}

/* The next line of *at as a string of its own; NULL at the end. */
static char *take_line(const char **at)
{
	size_t n = strcspn(*at, "\n");
	char *line;

	if (!**at)
		return NULL;
	line = mem_dupn(*at, n);
	*at += n + ((*at)[n] == '\n');
	return line;
}

static void put_git_head(struct buf *b, const char *heads)
{
	char *commit = take_line(&heads), *branch = take_line(&heads);

	if (commit) {
		json_put_key(b, "commit");
		json_puts(b, commit);
	}
	if (branch && strcmp(branch, "HEAD") != 0) {
		json_put_key(b, "branch");
		json_puts(b, branch);
	}
	free(commit);
	free(branch);
}

static void put_git_remote(struct buf *b, const char *remotes)
{
	char *remote = take_line(&remotes), *url = NULL;
	struct buf shown = BUF_INIT;

	if (remote) {
		url = fetch_url_public(remote);
		provenance_put_public(&shown, url);
		json_put_key(b, "remote");
		json_puts(b, buf_str(&shown));
	}
	buf_free(&shown);
	free(url);
	free(remote);
}

static void put_git_diff(struct buf *b, const struct buf *diff)
{
	uint8_t sum[SHA256_SIZE];
	char hex[SHA256_HEX];

	json_put_key(b, "dirty");
	buf_puts(b, diff->len ? "true" : "false");
	if (!diff->len || diff->len >= GIT_DIFF_MAX)
		return;
	sha256_of(diff->data, diff->len, sum);
	hex_put(hex, sum, sizeof sum);
	json_put_key(b, "diff_sha256");
	json_puts(b, hex);
}

static void put_git(struct buf *b, const char *dir)
{
	static const char *const head[] = { "rev-parse", "HEAD", "--abbrev-ref", "HEAD", NULL };
	static const char *const remote[] = { "remote", "get-url", "origin", NULL };
	static const char *const diff[] = { "diff", "--no-ext-diff", "--no-color", "HEAD", NULL };
	struct buf out = BUF_INIT;

	if (ask_git(dir, &out, GIT_LINES_MAX, head)) {
		json_put_key(b, "git");
		buf_putc(b, '{');
		put_git_head(b, buf_str(&out));
		if (ask_git(dir, &out, GIT_LINES_MAX, remote))
			put_git_remote(b, buf_str(&out));
		if (ask_git(dir, &out, GIT_DIFF_MAX, diff))
			put_git_diff(b, &out);
		buf_putc(b, '}');
	}
	buf_free(&out);
}

void provenance_put(struct buf *members, const char *version, const char *dir, int argc,
		    char *const *argv)
{
	struct buf b = BUF_INIT;

	buf_putc(&b, '{'); /* so that json_put_key sees where the object begins */
	json_put_key(&b, "version");
	json_puts(&b, version);
	put_argv(&b, argc, argv);
	put_cwd(&b);
	put_user(&b);
	put_umask(&b);
	json_put_key(&b, "host");
	json_puts(&b, proc_host());
	json_put_key(&b, "time");
	buf_putc(&b, '"');
	proc_put_time(&b, proc_unix_ms());
	buf_putc(&b, '"');
	if (dir)
		put_git(&b, dir);
	buf_add(members, b.data + 1, b.len - 1);
	buf_free(&b);
}
