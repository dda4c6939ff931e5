/* SPDX-License-Identifier: MIT */
/* What a command's table says to people: -h and the man page; and to bash, its completion. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/opt.h"
#include "base/text.h"

#define HELP_WIDTH 80
#define ROFF_WIDTH 76 /* escaped dashes may make lines longer: mandoc warns above 80 */
#define HELP_COLUMN_MOST \
	30 /* where help begins at the latest; longer options get a line of their own */

static const struct opt HELP = { 'h', "help", OPT_FLAG, 0, NULL, "show this help", NULL, 0 };

/* The row behind o; after the table's last one, -h, unless the table has it. */
static const struct opt *next_option(const struct command *c, const struct opt *o)
{
	const struct opt *next = o ? o + 1 : c->opts;

	if (o == &HELP) {
		return NULL;
	}
	if (next && next->name) {
		return next;
	}
	for (next = c->opts; next && next->name; next++) {
		if (strcmp(next->name, HELP.name) == 0) {
			return NULL;
		}
	}
	return &HELP;
}

static const char *option_arg(const struct opt *o)
{
	return o->type == OPT_FLAG ? NULL : o->choices ? o->choices : o->arg;
}

/* Columns, not bytes: characters of UTF-8 count once. */
static size_t width(const char *s, size_t n)
{
	size_t columns = 0;

	for (size_t i = 0; i < n; i++) {
		columns += ((unsigned char)s[i] & 0xc0) != 0x80;
	}
	return columns;
}

static void put_spaces(struct buf *b, size_t n)
{
	while (n--) {
		buf_putc(b, ' ');
	}
}

/* Text from column `at` on, broken at blanks; further lines begin at `indent`. Ends the line. */
static void put_wrapped(struct buf *b, const char *text, size_t at, size_t indent)
{
	bool first = true;

	while (*(text += strspn(text, " \t\n"))) {
		const size_t n = strcspn(text, " \t\n"), columns = width(text, n);

		if (!first && at + 1 + columns > HELP_WIDTH) {
			buf_putc(b, '\n');
			put_spaces(b, indent);
			at = indent;
		} else if (!first) {
			buf_putc(b, ' ');
			at++;
		}
		buf_add(b, text, n);
		at += columns;
		text += n;
		first = false;
	}
	buf_putc(b, '\n');
}

/* "  -j, --jobs N" */
static void put_option(struct buf *b, const struct opt *o)
{
	const char *arg = option_arg(o);

	if (o->letter) {
		buf_printf(b, "  -%c, --%s", o->letter, o->name);
	} else {
		buf_printf(b, "      --%s", o->name);
	}
	if (arg) {
		buf_printf(b, " %s", arg);
	}
}

/* Where the help of the options begins: two behind the longest that is not too long. */
static size_t help_column(const struct command *c)
{
	struct buf b = BUF_INIT;
	size_t column = 0;

	for (const struct opt *o = NULL; (o = next_option(c, o)) != NULL;) {
		buf_clear(&b);
		put_option(&b, o);
		if (width(b.data, b.len) + 2 <= HELP_COLUMN_MOST &&
		    width(b.data, b.len) + 2 > column) {
			column = width(b.data, b.len) + 2;
		}
	}
	buf_free(&b);
	return column;
}

void opt_help(const struct command *c, struct buf *b)
{
	const size_t column = help_column(c);
	struct buf usage = BUF_INIT;

	buf_printf(&usage, "usage: ppgen %s [OPTIONS]", c->name);
	if (c->args && *c->args) {
		buf_printf(&usage, " %s", c->args);
	}
	put_wrapped(b, usage.data, 0, strlen("usage: ppgen ") + strlen(c->name) + 1);
	buf_putc(b, '\n');
	put_wrapped(b, c->summary, 0, 0);
	buf_puts(b, "\noptions:\n");
	for (const struct opt *o = NULL; (o = next_option(c, o)) != NULL;) {
		size_t at;

		buf_clear(&usage);
		put_option(&usage, o);
		buf_add(b, usage.data, usage.len);
		at = width(usage.data, usage.len);
		if (at + 2 > column) {
			buf_putc(b, '\n');
			at = 0;
		}
		put_spaces(b, column - at);
		put_wrapped(b, o->help, column, column);
	}
	buf_free(&usage);
}

/* Text for roff: backslashes and dashes escaped; `start` says that a line begins here. */
static void put_roff(struct buf *b, const char *s, size_t n, bool start)
{
	for (size_t i = 0; i < n; i++) {
		if (start && (s[i] == '.' || s[i] == '\'')) {
			buf_puts(b, "\\&");
		}
		start = s[i] == '\n';
		if (s[i] == '\\') {
			buf_puts(b, "\\e");
		} else if (s[i] == '-') {
			buf_puts(b, "\\-");
		} else {
			buf_putc(b, s[i]);
		}
	}
}

/* The same for running text, on lines of at most ROFF_WIDTH bytes where blanks allow it. */
static void put_roff_text(struct buf *b, const char *s, size_t n)
{
	size_t line = b->len; /* where the output line began */

	while (line > 0 && b->data[line - 1] != '\n') {
		line--;
	}
	while (n) {
		size_t blanks = 0, word;

		while (blanks < n && s[blanks] == ' ') {
			blanks++;
		}
		for (word = blanks; word < n && s[word] != ' ';) {
			word++;
		}
		if (blanks > 0 && b->len > line) {
			const bool full = b->len - line + 1 + (word - blanks) > ROFF_WIDTH;

			buf_putc(b, full ? '\n' : ' ');
			line = full ? b->len : line;
		}
		put_roff(b, s + blanks, word - blanks, b->len == line);
		s += word;
		n -= word;
	}
}

static void put_roff_upper(struct buf *b, const char *s)
{
	for (; *s; s++) {
		const char c = *s >= 'a' && *s <= 'z' ? (char)(*s - 'a' + 'A') : *s;

		put_roff(b, &c, 1, false);
	}
}

static void end_example(struct buf *b, bool *example)
{
	if (*example) {
		buf_puts(b, ".EE\n.RE\n");
		*example = false;
	}
}

/* Paragraphs; lines that begin with a tab are shown as they stand. */
static void put_roff_about(struct buf *b, const char *about)
{
	bool example = false, paragraph = false; /* paragraph: one is due before the next text */

	while (*about) {
		const size_t n = strcspn(about, "\n");

		if (n == 0 && !example) {
			paragraph = true;
		} else if (n == 0) {
			size_t blank = strspn(about, "\n");

			if (about[blank] == '\t') { /* a blank line inside an example */
				buf_putc(b, '\n');
			} else {
				end_example(b, &example);
				paragraph = true;
			}
		} else if (about[0] == '\t') {
			if (!example) {
				buf_puts(b, ".PP\n.RS 4\n.EX\n");
			}
			example = true;
			paragraph = false;
			put_roff(b, about + 1, n - 1, true);
			buf_putc(b, '\n');
		} else {
			if (example || paragraph) {
				end_example(b, &example);
				buf_puts(b, ".PP\n");
			}
			paragraph = false;
			put_roff_text(b, about, n);
			buf_putc(b, '\n');
		}
		about += n + (about[n] == '\n');
	}
	end_example(b, &example);
}

/* A sentence from a help text: capital first, full stop last. */
static void put_roff_sentence(struct buf *b, const char *s)
{
	const size_t n = strlen(s);
	char first;

	if (n == 0) {
		return;
	}
	first = s[0] >= 'a' && s[0] <= 'z' ? (char)(s[0] - 'a' + 'A') : s[0];
	put_roff(b, &first, 1, true);
	put_roff_text(b, s + 1, n - 1);
	buf_puts(b, s[n - 1] == '.' ? "\n" : ".\n");
}

static void put_roff_options(struct buf *b, const struct command *c)
{
	buf_puts(b, ".SH OPTIONS\n");
	for (const struct opt *o = NULL; (o = next_option(c, o)) != NULL;) {
		const char *arg = option_arg(o);

		buf_puts(b, ".TP\n");
		if (o->letter) {
			buf_printf(b, "\\fB\\-%c\\fR, ", o->letter);
		}
		buf_puts(b, "\\fB\\-\\-");
		put_roff(b, o->name, strlen(o->name), false);
		buf_puts(b, "\\fR");
		if (arg) {
			buf_puts(b, " \\fI");
			put_roff(b, arg, strlen(arg), false);
			buf_puts(b, "\\fR");
		}
		buf_putc(b, '\n');
		put_roff_sentence(b, o->help);
	}
}

static void put_roff_exit(struct buf *b)
{
	static const struct {
		const char *code, *meaning;
	} codes[] = {
		{ "0", "All is good" },
		{ "1", "Some tasks failed or are missing" },
		{ "2", "Bad usage, or a bad spec" },
		{ "3", "The system failed" },
		{ "130", "Interrupted" },
	};

	buf_puts(b, ".SH EXIT STATUS\n");
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		buf_printf(b, ".TP\n\\fB%s\\fR\n%s.\n", codes[i].code, codes[i].meaning);
	}
}

/* The page's date: the source's where that is known, so that a build can be repeated, else today.
 */
static void put_date(struct buf *b)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	time_t now = time(NULL);
	uint64_t given;
	struct tm tm;
	char date[32];

	if (epoch && text_u64(epoch, strlen(epoch), &given)) {
		now = (time_t)given;
	}
	if (gmtime_r(&now, &tm) && strftime(date, sizeof date, "%Y-%m-%d", &tm)) {
		buf_puts(b, date);
	}
}

void opt_man(const struct command *c, const char *version, struct buf *b)
{
	buf_puts(b, ".TH PPGEN\\-");
	put_roff_upper(b, c->name);
	buf_puts(b, " 1 \"");
	put_date(b);
	buf_printf(b, "\" \"ppgen %s\" \"ppgen manual\"\n.SH NAME\nppgen\\-", version);
	put_roff(b, c->name, strlen(c->name), false);
	buf_puts(b, " \\- ");
	put_roff(b, c->summary, strlen(c->summary), false);
	buf_puts(b, "\n.SH SYNOPSIS\n\\fBppgen ");
	put_roff(b, c->name, strlen(c->name), false);
	buf_puts(b, "\\fR [\\fIOPTIONS\\fR]");
	if (c->args && *c->args) {
		buf_puts(b, "\n");
		put_roff_text(b, c->args, strlen(c->args));
	}
	buf_puts(b, "\n.SH DESCRIPTION\n");
	if (c->about && *c->about) {
		put_roff_about(b, c->about);
	} else {
		put_roff_sentence(b, c->summary);
	}
	put_roff_options(b, c);
	put_roff_exit(b);
}

/* A word inside double quotes of bash. */
static void put_bash(struct buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (memchr("\"\\$`", s[i], 4)) {
			buf_putc(b, '\\');
		}
		buf_putc(b, s[i] == '|' ? ' ' : s[i]);
	}
}

/* "run:--stale) words="keep rerun" ;;" for each option with choices, and no words where a value is
 * free. */
static void put_bash_values(struct buf *b, const struct command *c)
{
	for (const struct opt *o = c->opts; o && o->name; o++) {
		if (o->type == OPT_FLAG) {
			continue;
		}
		buf_printf(b, "\t%s:--%s", c->name, o->name);
		if (o->letter) {
			buf_printf(b, "|%s:-%c", c->name, o->letter);
		}
		buf_puts(b, ") words=\"");
		if (o->choices) {
			put_bash(b, o->choices, strlen(o->choices));
		}
		buf_puts(b, "\"; value=1 ;;\n");
	}
}

static void put_bash_options(struct buf *b, const struct command *c)
{
	const char *gap = "";

	buf_printf(b, "\t%s) words=\"", c->name);
	for (const struct opt *o = NULL; (o = next_option(c, o)) != NULL; gap = " ") {
		buf_printf(b, "%s--%s", gap, o->name);
	}
	buf_puts(b, "\" ;;\n");
}

void opt_completion(const struct command *const *commands, size_t n, struct buf *b)
{
	buf_puts(b,
		 "# bash completion for ppgen\n"
		 "_ppgen()\n"
		 "{\n"
		 "\tlocal cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
		 "\tlocal words=\"\" value=\"\"\n"
		 "\n"
		 "\tCOMPREPLY=()\n"
		 "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
		 "\t\tmapfile -t COMPREPLY < <(compgen -W \"");
	for (size_t i = 0; i < n; i++) {
		buf_printf(b, "%s%s", i ? " " : "", commands[i]->name);
	}
	buf_puts(b, "\" -- \"$cur\")\n"
		    "\t\treturn\n"
		    "\tfi\n"
		    "\tcase \"${COMP_WORDS[1]}:$prev\" in\n");
	for (size_t i = 0; i < n; i++) {
		put_bash_values(b, commands[i]);
	}
	buf_puts(b, "\tesac\n"
		    "\tif [ -z \"$value\" ] && [ \"${cur:0:1}\" = - ]; then\n"
		    "\t\tcase \"${COMP_WORDS[1]}\" in\n");
	for (size_t i = 0; i < n; i++) {
		buf_putc(b, '\t');
		put_bash_options(b, commands[i]);
	}
	buf_puts(b, "\t\tesac\n"
		    "\tfi\n"
		    "\tif [ -n \"$words\" ]; then\n"
		    "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
		    "\tfi\n"
		    "}\n"
		    "complete -o default -F _ppgen ppgen\n");
}
