/* SPDX-License-Identifier: MIT */
/* Running a command of a template: its words, its environment, and what it said. */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"
#include "base/text.h"
#include "submit/scheduler_internal.h"

#define SAID_LINES 5
#define SAID_MOST  400                /* bytes of one line */
#define KEPT_MOST  ((size_t)64 << 20) /* bytes of an answer */
#define FUNCTION   "BASH_FUNC_"

const char *own_user(void)
{
	const struct passwd *p = getpwuid(geteuid());
	const char *name = p ? p->pw_name : getenv("LOGNAME");

	return name ? name : "";
}

/* ---- environment ---- */

/*
 * Whether a command may see a variable. Functions of a shell and values of several lines break the
 * files in which schedulers keep a job's environment.
 */
static bool is_passed(const struct template *t, const char *entry, bool passes_on)
{
	const char *equals = strchr(entry, '=');

	if (!equals || strncmp(entry, FUNCTION, strlen(FUNCTION)) == 0 || strchr(equals, '\n')) {
		return false;
	}
	if (!passes_on && (strncmp(entry, "LC_ALL=", 7) == 0)) {
		return false;
	}
	return !variables_have(t->environment.own, entry, (size_t)(equals - entry));
}

/* One block, borrowing the texts. Answers are read by patterns, so they are wanted in English. */
static const char **make_environment(const struct template *t, bool passes_on)
{
	const char **env;
	size_t n = 0, out = 0;

	while (environ[n]) {
		n++;
	}
	env = mem_array(n + 2, sizeof *env);
	for (size_t i = 0; i < n; i++) {
		if (is_passed(t, environ[i], passes_on)) {
			env[out++] = environ[i];
		}
	}
	if (!passes_on) {
		env[out] = "LC_ALL=C";
	}
	return env;
}

/* ---- running ---- */

static char *words_text(char *const *words)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; words[i]; i++) {
		buf_puts(&b, i ? " " : "");
		text_put_shell(&b, words[i], strlen(words[i]));
	}
	return b.data ? buf_take(&b) : mem_dup("");
}

int command_run(const struct template *t, const struct template_command *c,
		const struct job_values *v, const struct command_how *how, struct answer *a,
		struct err *e)
{
	struct job_values values = *v;
	const char **env;
	char **words;

	*a = (struct answer){ .code = -1 };
	if (!values.text[JOB_USER]) {
		values.text[JOB_USER] = own_user();
	}
	words = template_words(t, c, &values, how->hold, how->after, e);
	if (!words) {
		return -1;
	}
	a->command = words_text(words);
	env = make_environment(t, how->passes_on);
	a->code = proc_capture_env((const char *const *)words, env, NULL, how->timeout_s, &a->out,
				   &a->errors, KEPT_MOST, e);
	free(env);
	free(words);
	return a->code < 0 ? -1 : 0;
}

void answer_free(struct answer *a)
{
	free(a->command);
	buf_free(&a->out);
	buf_free(&a->errors);
	*a = (struct answer){ .code = -1 };
}

/* ---- what it said ---- */

/* Where the last lines that are not blank begin. */
static const char *last_lines(const char *text, size_t len)
{
	const char *from = text + len;
	size_t lines = 0;

	while (from > text) {
		const char *end = from, *line;

		line = memrchr(text, '\n', (size_t)(end - text));
		line = line ? line + 1 : text;
		if (strspn(line, " \t\r") < (size_t)(end - line) && ++lines > SAID_LINES) {
			return end < text + len ? end + 1 : end;
		}
		if (line == text) {
			break;
		}
		from = line - 1;
	}
	return text;
}

/* The lines that are not blank, joined by "; ". */
static void put_lines(struct buf *b, const char *p, const char *end)
{
	const size_t start = b->len;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *to = newline ? newline : end;

		while (p < to && memchr(" \t\r", *p, 3)) {
			p++;
		}
		while (to > p && memchr(" \t\r", to[-1], 3)) {
			to--;
		}
		if (to > p) {
			buf_puts(b, b->len > start ? "; " : "");
			text_put_shown(b, p, (size_t)(to - p), SAID_MOST);
		}
		p = newline ? newline + 1 : end;
	}
}

void answer_put_said(const struct answer *a, struct buf *b)
{
	const size_t start = b->len;

	for (int i = 0; i < 2 && b->len == start; i++) {
		const struct buf *said = i ? &a->out : &a->errors;
		const char *text = buf_str(said);

		put_lines(b, last_lines(text, said->len), text + said->len);
	}
	if (b->len == start) {
		buf_puts(b, "it said nothing");
	}
}

bool answer_counts(const struct template_ask *ask, const struct answer *a, struct err *why)
{
	struct buf said = BUF_INIT;

	if (template_ask_counts(ask, a->code, buf_str(&a->out), buf_str(&a->errors))) {
		return true;
	}
	answer_put_said(a, &said);
	err_fail(why, "'%s' failed (exit code %d): %s", a->command, a->code, buf_str(&said));
	buf_free(&said);
	return false;
}
