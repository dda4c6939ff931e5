/* SPDX-License-Identifier: MIT */
/*
 * What libyaml finds wrong, said so that somebody who does not know YAML's grammar can mend it. The
 * common traps are told apart by looking at the text around the place; the rest is a table; what is
 * not in it passes as libyaml says it.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "gen/yaml_internal.h"

struct fault {
	const yaml_parser_t *p;
	const char *text;
	size_t len;
	size_t at;         /* offset of the problem */
	size_t line_start; /* of its line */
	const char *origin;
	struct diags *d;
};

size_t yaml_offset(const char *text, size_t len, size_t line, size_t column)
{
	size_t i = 0;

	for (; line && i < len; i++)
		if (text[i] == '\n' || (text[i] == '\r' && (i + 1 == len || text[i + 1] != '\n')))
			line--;
	for (; column && i < len; column--) {
		i++;
		while (i < len && ((unsigned char)text[i] & 0xc0) == 0x80)
			i++;
	}
	return i;
}

void yaml_place(const char *text, size_t at, int *line, int *col)
{
	*line = 1;
	*col = 1;
	for (size_t i = 0; i < at; i++) {
		if (text[i] == '\n' || (text[i] == '\r' && text[i + 1] != '\n')) {
			*line += 1;
			*col = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			*col += 1;
		}
	}
}

#define AT_MARK(f, m) (f)->d, (f)->origin, (int)(m).line + 1, (int)(m).column + 1

static char char_at(const struct fault *f, size_t i)
{
	return i < f->len ? f->text[i] : '\0';
}

/* The last character before the fault on its line that is no blank; NUL when there is none. */
static char char_before(const struct fault *f)
{
	size_t i = f->at;

	while (i > f->line_start && (f->text[i - 1] == ' ' || f->text[i - 1] == '\t'))
		i--;
	return i > f->line_start ? f->text[i - 1] : '\0';
}

/* Whether "name: " stands in the line before the fault, so that it lies in that key's value. */
static bool key_before(const struct fault *f)
{
	for (size_t i = f->line_start; i + 1 < f->at; i++)
		if (f->text[i] == ':' && (f->text[i + 1] == ' ' || f->text[i + 1] == '\t'))
			return true;
	return false;
}

/* Bytes that are no text. libyaml's reader gives an offset and no mark. */
static bool fault_reader(const struct fault *f)
{
	size_t at = f->p->problem_offset < f->len ? f->p->problem_offset : f->len;
	int line, col;

	if (f->p->error != YAML_READER_ERROR)
		return false;
	if (strstr(f->p->problem,
		   "trailing")) /* the offset is behind the byte that promised more */
		for (int i = 0; i < 3 && at && (unsigned char)f->text[at] < 0xc0; i++)
			at--;
	yaml_place(f->text, at, &line, &col);
	if (at == 0 && f->len > 1 &&
	    (memcmp(f->text, "\xff\xfe", 2) == 0 || memcmp(f->text, "\xfe\xff", 2) == 0))
		diag_error(f->d, f->origin, line, col, "this is UTF-16: save it as UTF-8");
	else if (char_at(f, at) == '\0')
		diag_error(f->d, f->origin, line, col, "a NUL byte is here: a spec is UTF-8 text");
	else if ((unsigned char)char_at(f, at) < 0x20 || char_at(f, at) == 0x7f)
		diag_error(
			f->d, f->origin, line, col,
			"the control character \\x%02x is here: write \"\\x%02x\" in double quotes",
			(unsigned char)char_at(f, at), (unsigned char)char_at(f, at));
	else
		diag_error(f->d, f->origin, line, col, "not UTF-8: the byte \\x%02x is here",
			   (unsigned char)char_at(f, at));
	return true;
}

static bool fault_character(const struct fault *f)
{
	const char c = char_at(f, f->at);

	if (strcmp(f->p->problem, "found character that cannot start any token") != 0)
		return false;
	if (c == '\t')
		diag_error(AT_MARK(f, f->p->problem_mark),
			   "a tab cannot indent in YAML: use spaces");
	else
		diag_error(AT_MARK(f, f->p->problem_mark),
			   "a value cannot begin with '%c': put it in quotes", c);
	return true;
}

static void say_blank(const struct fault *f, int line, int col, const char *key, size_t n)
{
	const size_t most = 40;

	diag_error(f->d, f->origin, line, col, "a blank must follow the colon: write '%.*s: '",
		   (int)(n < most ? n : most), key);
}

/* "key:value" or "key" in the line above, at the indentation of this line: YAML takes both lines
 * for one text. */
static bool fault_line_above(const struct fault *f)
{
	size_t from = f->line_start, end, colon;
	size_t indent = 0, here = strspn(f->text + f->line_start, " ");

	while (from && (f->text[from - 1] == '\n' || f->text[from - 1] == '\r'))
		from--;
	end = from;
	while (from && f->text[from - 1] != '\n' && f->text[from - 1] != '\r')
		from--;
	indent = strspn(f->text + from, " ");
	if (from == end || indent != here)
		return false;
	colon = from + strcspn(f->text + from, ":\r\n");
	if (f->text[colon] == ':')
		say_blank(f, (int)f->p->problem_mark.line, (int)indent + 1, f->text + from + indent,
			  colon - from - indent);
	else
		diag_error(f->d, f->origin, (int)f->p->problem_mark.line, (int)indent + 1,
			   "a ':' is missing here: each line of a mapping is 'key: value'");
	return true;
}

/* "a: b: c", and a key that is indented as if it went on with the value above. */
static bool fault_colon(const struct fault *f)
{
	if (strcmp(f->p->problem, "mapping values are not allowed in this context") != 0)
		return false;
	if (key_before(f))
		diag_error(AT_MARK(f, f->p->problem_mark),
			   "': ' cannot stand in plain text: put the whole value in quotes");
	else if (!fault_line_above(f))
		diag_error(AT_MARK(f, f->p->problem_mark),
			   "this line goes on with the value above it: check the indentation");
	return true;
}

/* "key:value", of which YAML makes text. */
static bool fault_key(const struct fault *f)
{
	const yaml_mark_t m = f->p->context_mark;
	const size_t at = yaml_offset(f->text, f->len, m.line, m.column);
	const size_t eol = at + strcspn(f->text + at, "\r\n");
	const char *colon = memchr(f->text + at, ':', eol - at);

	if (strcmp(f->p->problem, "could not find expected ':'") != 0)
		return false;
	if (colon && colon[1] != ' ')
		say_blank(f, (int)m.line + 1, (int)m.column + 1, f->text + at,
			  (size_t)(colon - f->text) - at);
	else
		diag_error(AT_MARK(f, m),
			   "a ':' is missing here: each line of a mapping is 'key: value'");
	return true;
}

/* `command: {a} b` and `command: "a" b`: something follows a value that was complete. */
static bool fault_behind(const struct fault *f)
{
	const char before = char_before(f);

	if (strcmp(f->p->problem, "did not find expected key") != 0 || !before)
		return false;
	if (before == '}' || before == ']')
		diag_error(
			AT_MARK(f, f->p->problem_mark),
			"text follows '%c': a value that begins with '%c' must be in quotes as a "
			"whole",
			before, before == '}' ? '{' : '[');
	else if (before == '"' || before == '\'')
		diag_error(
			AT_MARK(f, f->p->problem_mark),
			"text follows a closing quote: put the whole value in quotes of the other "
			"kind");
	else
		return false;
	return true;
}

static bool fault_escape(const struct fault *f)
{
	const char c = char_at(f, f->at + 1);

	if (strcmp(f->p->problem, "found unknown escape character") != 0)
		return false;
	diag_error(AT_MARK(f, f->p->problem_mark),
		   "'\\%c' means nothing in double quotes: use single quotes, in which a backslash "
		   "is a backslash",
		   c > ' ' && c < 0x7f ? c : '?');
	return true;
}

static bool fault_unclosed(const struct fault *f)
{
	const char *what = f->p->context ? f->p->context : "";
	const yaml_mark_t c = f->p->context_mark;

	if (strstr(what, "quoted scalar") &&
	    (strstr(f->p->problem, "unexpected end of stream") ||
	     strstr(f->p->problem, "unexpected document indicator"))) {
		diag_error(AT_MARK(f, c), "the quote that opens here is not closed");
		return true;
	}
	if (strncmp(f->p->problem, "did not find expected ',' or", 28) == 0) {
		const char close = f->p->problem[strlen(f->p->problem) - 2];

		diag_error(AT_MARK(f, f->p->problem_mark),
			   "'%c' of %d:%d is not closed: ',' or '%c' was expected here",
			   close == '}' ? '{' : '[', (int)c.line + 1, (int)c.column + 1, close);
		return true;
	}
	return false;
}

static const struct {
	const char *theirs, *ours;
} known[] = {
	{ "did not find expected key", "a key was expected here: check the indentation" },
	{ "did not find expected '-' indicator", "'- ' was expected here: check the indentation" },
	{ "did not find expected node content", "a value was expected here" },
	{ "block sequence entries are not allowed in this context",
	  "'- ' cannot begin a list here: put it on a line of its own, or write [a, b]" },
	{ "mapping keys are not allowed in this context", "a key cannot stand here" },
	{ "found a tab character that violates indentation",
	  "a tab cannot indent in YAML: use spaces" },
	{ "found a tab character where an indentation space is expected",
	  "a tab cannot indent in YAML: use spaces" },
	{ "found unexpected ':'", "':' cannot stand here: put the value in quotes" },
	{ "did not find expected comment or line break",
	  "text follows '|' or '>': it begins on the next line, or put the value in quotes" },
	{ "did not find expected hexdecimal number",
	  "'\\x', '\\u' and '\\U' want 2, 4 and 8 hexadecimal digits" },
	{ "found invalid Unicode character escape code", "no character has this code" },
	{ "did not find expected alphabetic or numeric character",
	  "'&' and '*' begin an anchor's name: put the value in quotes" },
	{ "found unexpected end of stream", "the text ends too early" },
	{ "did not find expected <document start>",
	  "the document ended above: '---' or nothing was expected" },
	{ "found incompatible YAML document", "only YAML 1.2 is known: remove the line '%YAML'" },
	{ "found duplicate %YAML directive", "'%YAML' is here twice" },
	{ "found undefined tag handle", "a value that begins with '!' must be in quotes" },
};

static bool fault_known(const struct fault *f)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(f->p->problem, known[i].theirs) == 0) {
			diag_error(AT_MARK(f, f->p->problem_mark), "%s", known[i].ours);
			return true;
		}
	return false;
}

void yaml_fault(const yaml_parser_t *p, const char *text, size_t len, const char *origin,
		struct diags *d)
{
	static bool (*const tries[])(const struct fault *f) = {
		fault_reader, fault_character, fault_colon,    fault_key,
		fault_behind, fault_escape,    fault_unclosed, fault_known,
	};
	struct fault f = { .p = p, .text = text, .len = len, .origin = origin, .d = d };

	if (p->error == YAML_MEMORY_ERROR || !p->problem) {
		diag_error(d, origin, 0, 0, "libyaml ran out of memory");
		return;
	}
	f.at = yaml_offset(text, len, p->problem_mark.line, p->problem_mark.column);
	f.line_start = yaml_offset(text, len, p->problem_mark.line, 0);
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
		if (tries[i](&f))
			return;
	diag_error(AT_MARK(&f, p->problem_mark), "not YAML: %s", p->problem);
}
