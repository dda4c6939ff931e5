/* SPDX-License-Identifier: MIT */
/* Splitting a command line into words by POSIX shell quoting (XCU 2.2), when the plan is made and
 * not when a task runs. */
#include <stdlib.h>
#include <string.h>

#include "gen/text.h"

struct split {
	const char *text;
	size_t len, at;
	struct buf word;
	size_t *from; /* for each byte of word, where in text it stood */
	size_t from_cap;
	bool open; /* a word has begun; it may be empty, as in '' */
	struct err *e;
};

static void put(struct split *s, size_t at)
{
	ARRAY_ROOM(s->from, s->word.len, s->from_cap);
	s->from[s->word.len] = at;
	buf_putc(&s->word, s->text[at]);
	s->open = true;
}

static int single_quoted(struct split *s)
{
	size_t begin = s->at++;

	s->open = true;
	while (s->at < s->len && s->text[s->at] != '\'')
		put(s, s->at++);
	if (s->at == s->len) {
		s->at = begin;
		return err_bad(s->e, "a single quote is not closed");
	}
	s->at++;
	return 0;
}

static int double_quoted(struct split *s)
{
	size_t begin = s->at++;

	s->open = true;
	while (s->at < s->len && s->text[s->at] != '"') {
		char c = s->text[s->at];
		char next = s->at + 1 < s->len ? s->text[s->at + 1] : '\0';

		if (c == '$' || c == '`')
			return err_bad(
				s->e,
				"'%c' within double quotes is for a shell, and none runs here: "
				"use single quotes, or use shell:",
				c);
		if (c == '\\' && next == '\n') {
			s->at += 2;
			continue;
		}
		if (c == '\\' && next && strchr("$`\"\\", next))
			s->at++;
		put(s, s->at++);
	}
	if (s->at == s->len) {
		s->at = begin;
		return err_bad(s->e, "a double quote is not closed");
	}
	s->at++;
	return 0;
}

static int backslash(struct split *s)
{
	if (s->at + 1 == s->len)
		return err_bad(s->e, "a backslash at the end quotes nothing");
	if (s->text[s->at + 1] == '\n') {
		s->at += 2;
		return 0;
	}
	s->at++;
	put(s, s->at++);
	return 0;
}

/* What a shell would act on, outside quotes. */
static int refuse_shell(struct split *s, char c)
{
	static const struct {
		char c;
		const char *what;
	} rows[] = {
		{ '|', "a pipe" },         { '&', "a background job" }, { ';', "a second command" },
		{ '<', "a redirection" },  { '>', "a redirection" },    { '$', "a variable" },
		{ '*', "a pattern" },      { '?', "a pattern" },        { '[', "a pattern" },
		{ '~', "a home folder" },  { '(', "a subshell" },       { ')', "a subshell" },
		{ '`', "a substitution" }, { '#', "a comment" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].c == c)
			return err_bad(s->e,
				       "unquoted '%c' is for a shell (%s), and none runs here: "
				       "quote it, or use shell:",
				       c, rows[i].what);
	}
	return 0;
}

/* A newline is fine in front of and behind everything. */
static bool is_blank_to_end(const struct split *s)
{
	for (size_t i = s->at; i < s->len; i++)
		if (!strchr(" \t\r\n", s->text[i]))
			return false;
	return true;
}

static int one_piece(struct split *s)
{
	char c = s->text[s->at];

	if (c == '\'')
		return single_quoted(s);
	if (c == '"')
		return double_quoted(s);
	if (c == '\\')
		return backslash(s);
	if (c != '#' || !s->open)
		if (refuse_shell(s, c))
			return -1;
	put(s, s->at++);
	return 0;
}

/* 1: a word, in s->word; 0: none is left; -1. */
static int next_word(struct split *s)
{
	buf_clear(&s->word);
	s->open = false;
	while (s->at < s->len) {
		char c = s->text[s->at];

		if (c == '\n' && !is_blank_to_end(s))
			return err_bad(s->e,
				       "a command is one line: fold it with '>-', or use shell:");
		if (strchr(" \t\r\n", c)) {
			if (s->open)
				return 1;
			s->at++;
		} else if (one_piece(s)) {
			return -1;
		}
	}
	return s->open;
}

/* NAME=value in front of a command sets a variable in a shell; here it would be a program of that
 * name. */
static int refuse_assignment(const struct split *s, size_t begin)
{
	size_t i = begin;

	while (i < s->at && (s->text[i] == '_' || (s->text[i] >= 'A' && s->text[i] <= 'Z') ||
			     (s->text[i] >= 'a' && s->text[i] <= 'z') ||
			     (i > begin && s->text[i] >= '0' && s->text[i] <= '9')))
		i++;
	if (i == begin || i == s->at || s->text[i] != '=')
		return 0;
	return err_bad(
		s->e,
		"'%.*s=' in front of a command sets a variable in a shell, and none runs here: "
		"use env:",
		(int)(i - begin), s->text + begin);
}

static size_t skip_blanks(const struct split *s, size_t at)
{
	while (at < s->len && strchr(" \t\r\n", s->text[at]))
		at++;
	return at;
}

int words_split(struct arena *a, const char *text, size_t len, const char *const *names, size_t n,
		unsigned specials, struct words *out, size_t *at, struct err *e)
{
	struct split s = { .text = text, .len = len, .e = e };
	struct ptext **items = NULL;
	size_t count = 0, cap = 0, fault, begin;
	int rc;

	s.at = skip_blanks(&s, 0);
	begin = s.at;
	while ((rc = next_word(&s)) == 1) {
		if (!count && refuse_assignment(&s, begin)) {
			s.at = begin;
			rc = -1;
			break;
		}
		ARRAY_ROOM(items, count, cap);
		items[count] = ptext_compile(a, buf_str(&s.word), s.word.len, names, n, specials,
					     &fault, e);
		if (!items[count]) {
			s.at = s.from[fault];
			rc = -1;
			break;
		}
		count++;
	}
	if (rc == 0 && !count)
		rc = err_bad(e, "the command is empty");
	if (rc == 0) {
		out->n = count;
		out->items = arena_alloc(a, count * sizeof *out->items);
		memcpy(out->items, items, count * sizeof *items);
	} else if (at) {
		*at = s.at;
	}
	free(items);
	free(s.from);
	buf_free(&s.word);
	return rc;
}
