/* SPDX-License-Identifier: MIT */
/* Parsing a command line by a command's table. Help, man page and completion are in opt_help.c,
 * from the same table. */
#include "base/opt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

static const struct opt HELP = { 'h', "help", OPT_FLAG, 0, NULL, "show this help", NULL, 0 };

struct line {
	const struct command *c;
	char **argv;
	int argc, next; /* the word to be read */
	void *values;
	bool help;
	struct err *e;
};

static const struct opt *find_long(const struct command *c, const char *name, size_t n)
{
	for (const struct opt *o = c->opts; o && o->name; o++) {
		if (text_eq(name, n, o->name)) {
			return o;
		}
	}
	return text_eq(name, n, HELP.name) ? &HELP : NULL;
}

static const struct opt *find_letter(const struct command *c, char letter)
{
	for (const struct opt *o = c->opts; o && o->name; o++) {
		if (o->letter == letter) {
			return o;
		}
	}
	return letter == HELP.letter ? &HELP : NULL;
}

static int unknown_long(const struct line *l, const char *name, size_t n)
{
	const char **names = NULL;
	const char *nearest;
	size_t count = 0, cap = 0;
	char *word = mem_dupn(name, n);
	struct buf shown = BUF_INIT;

	for (const struct opt *o = l->c->opts; o && o->name; o++) {
		ARRAY_ROOM(names, count, cap);
		names[count++] = o->name;
	}
	ARRAY_ROOM(names, count, cap);
	names[count++] = HELP.name;
	nearest = text_nearest(word, names, count);
	text_put_shown(&shown, name, n, 60);
	if (nearest) {
		err_bad(l->e, "unknown option '--%s' (did you mean '--%s'?)", shown.data, nearest);
	} else {
		err_bad(l->e, "unknown option '--%s': see 'ppgen %s -h'", shown.data, l->c->name);
	}
	buf_free(&shown);
	free(word);
	free(names);
	return -1;
}

/* "keep|rerun" as "'keep' or 'rerun'". */
static void put_choices(struct buf *b, const char *choices)
{
	for (const char *s = choices; *s;) {
		const size_t n = strcspn(s, "|");
		const char *rest = s + n + (s[n] == '|');

		if (s != choices) {
			buf_puts(b, *rest ? ", " : " or ");
		}
		buf_printf(b, "'%.*s'", (int)n, s);
		s = rest;
	}
}

static int wrong_choice(const struct line *l, const struct opt *o, const char *value)
{
	struct buf wanted = BUF_INIT, shown = BUF_INIT;

	put_choices(&wanted, o->choices);
	text_put_shown(&shown, value, strlen(value), 60);
	err_bad(l->e, "option '--%s' does not know '%s': give %s", o->name, shown.data,
		wanted.data);
	buf_free(&wanted);
	buf_free(&shown);
	return -1;
}

static bool is_choice(const char *choices, const char *value)
{
	for (const char *s = choices; *s;) {
		const size_t n = strcspn(s, "|");

		if (text_eq(s, n, value)) {
			return true;
		}
		s += n + (s[n] == '|');
	}
	return false;
}

static int wrong_count(const struct line *l, const struct opt *o, const char *value)
{
	struct buf shown = BUF_INIT;

	text_put_shown(&shown, value, strlen(value), 60);
	err_bad(l->e, "option '--%s' needs a whole number from %llu, not '%s'", o->name,
		(unsigned long long)o->least, shown.data);
	buf_free(&shown);
	return -1;
}

/* Stores a value (NULL for a flag) where the table says. */
static int store(struct line *l, const struct opt *o, const char *value)
{
	void *const at = o == &HELP ? NULL : (char *)l->values + o->offset;
	struct opt_texts *texts = at;
	uint64_t count;

	if (!at) {
		l->help = true;
		return 0;
	}
	switch (o->type) {
	case OPT_FLAG:
		*(bool *)at = true;
		return 0;
	case OPT_CHOICE:
		if (!is_choice(o->choices, value)) {
			return wrong_choice(l, o, value);
		}
		*(const char **)at = value;
		return 0;
	case OPT_TEXT:
		*(const char **)at = value;
		return 0;
	case OPT_TEXTS:
		ARRAY_ROOM(texts->items, texts->n, texts->cap);
		texts->items[texts->n++] = value;
		return 0;
	case OPT_COUNT:
		if (!text_u64(value, strlen(value), &count) || count < o->least) {
			return wrong_count(l, o, value);
		}
		*(uint64_t *)at = count;
		return 0;
	}
	return 0;
}

/* The word behind an option, which must be there. */
static const char *next_value(struct line *l, const struct opt *o)
{
	if (l->next < l->argc) {
		return l->argv[l->next++];
	}
	err_bad(l->e, "option '--%s' needs a value: %s", o->name, o->choices ? o->choices : o->arg);
	return NULL;
}

static int parse_long(struct line *l, const char *word)
{
	const size_t n = strcspn(word, "=");
	const struct opt *o = find_long(l->c, word, n);
	const char *value;

	if (!o) {
		return unknown_long(l, word, n);
	}
	if (o->type == OPT_FLAG) {
		if (word[n] == '=') {
			return err_bad(l->e, "option '--%s' takes no value", o->name);
		}
		return store(l, o, NULL);
	}
	value = word[n] == '=' ? word + n + 1 : next_value(l, o);
	return value ? store(l, o, value) : -1;
}

/* "-xyVALUE": flags up to the first option that takes a value, which is the rest or the next word.
 */
static int parse_letters(struct line *l, const char *word)
{
	for (; *word; word++) {
		const struct opt *o = find_letter(l->c, *word);
		const char *value;

		if (!o) {
			struct buf shown = BUF_INIT;
			const size_t n = text_utf8_len(word, strlen(word));

			text_put_shown(&shown, word, n ? n : 1, 0);
			err_bad(l->e, "unknown option '-%s': see 'ppgen %s -h'", shown.data,
				l->c->name);
			buf_free(&shown);
			return -1;
		}
		if (o->type == OPT_FLAG) {
			if (store(l, o, NULL) < 0) {
				return -1;
			}
			continue;
		}
		value = word[1] ? word + 1 : next_value(l, o);
		return value ? store(l, o, value) : -1;
	}
	return 0;
}

int opt_parse(const struct command *c, int *argc, char **argv, void *values, struct err *e)
{
	struct line l = { c, argv, *argc, 1, values, false, e };
	int words = 1;
	bool only_words = false;

	while (l.next < l.argc) {
		char *const word = argv[l.next++];
		int rc = 0;

		if (only_words || word[0] != '-' || word[1] == '\0') {
			argv[words++] = word;
		} else if (strcmp(word, "--") == 0) {
			only_words = true;
		} else if (word[1] == '-') {
			rc = parse_long(&l, word + 2);
		} else {
			rc = parse_letters(&l, word + 1);
		}
		if (rc < 0) {
			return -1;
		}
		if (l.help) {
			struct buf b = BUF_INIT;

			opt_help(c, &b);
			fputs(b.data, stdout);
			buf_free(&b);
			return 1;
		}
	}
	if (words < *argc) {
		argv[words] = NULL;
	}
	*argc = words;
	return 0;
}

void opt_texts_free(struct opt_texts *t)
{
	free(t->items);
	*t = (struct opt_texts){ NULL, 0, 0 };
}
