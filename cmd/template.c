/* SPDX-License-Identifier: MIT */
/* ppgen template: what there is, what one holds, and whether it is good. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cmd/template.h"

struct values {
	bool json, commands;
};

static const struct opt opts[] = {
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL, "print the list as JSON", NULL,
	  0 },
	{ 0, "commands", OPT_FLAG, offsetof(struct values, commands), NULL,
	  "render: print the commands, not the script", NULL, 0 },
	{ 0 },
};

/* ---- list ---- */

static const char *about_of(const struct template_name *n, struct template **t)
{
	struct diags *d = diags_new();

	*t = n->shadowed ? NULL : template_load(n->name, d);
	diags_free(d);
	if (n->shadowed)
		return "hidden by the one above";
	return *t ? (*t)->about : "cannot be read: `ppgen template check` tells why";
}

static void put_row(const struct template_name *n, bool json, struct buf *b)
{
	struct template *t;
	const char *about = about_of(n, &t);

	if (json) {
		json_put_sep(b);
		buf_putc(b, '{');
		json_put_key(b, "name");
		json_puts(b, n->name);
		json_put_key(b, "origin");
		json_puts(b, n->origin);
		json_put_key(b, "hidden");
		buf_puts(b, n->shadowed ? "true" : "false");
		json_put_key(b, "good");
		buf_puts(b, t ? "true" : n->shadowed ? "null" : "false");
		json_put_key(b, "about");
		json_puts(b, t ? about : NULL);
		buf_putc(b, '}');
	} else {
		buf_printf(b, "%-12s %s (%s)\n", n->name, about, n->origin);
	}
	template_free(t);
}

static int list(bool json)
{
	struct template_name *names;
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	size_t n;

	if (template_list(&names, &n, &e) < 0)
		return cmd_fail(&e);
	buf_puts(&b, json ? "[" : "");
	for (size_t i = 0; i < n; i++)
		put_row(&names[i], json, &b);
	buf_puts(&b, json ? "]\n" : "");
	fputs(buf_str(&b), stdout);
	buf_free(&b);
	template_list_free(names, n);
	return EXIT_GOOD;
}

/* ---- show, render ---- */

/* NULL: said on stderr. */
static struct template *load(const char *name)
{
	struct diags *d = diags_new();
	struct template *t = template_load(name, d);

	(void)cmd_diags(d);
	diags_free(d);
	return t;
}

static int show(const char *name)
{
	struct template *t = load(name);
	size_t len;
	const char *text = t ? template_text(t, &len) : NULL;

	if (text)
		fwrite(text, 1, len, stdout);
	template_free(t);
	return text ? EXIT_GOOD : EXIT_USAGE;
}

static int render(const char *name, const char *values, bool lines)
{
	struct template *t = load(name);
	struct diags *d = diags_new();
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	struct sample s;
	int code = EXIT_USAGE;

	if (t) {
		sample_new(&s, t);
		if (sample_read(&s, t, values, d) < 0)
			code = cmd_diags(d);
		else if ((lines ? sample_put_commands(&s, t, &b, &e)
				: template_script(t, &s.v, &b, &e)) < 0)
			code = cmd_fail(&e);
		else
			code = fputs(buf_str(&b), stdout) < 0 ? EXIT_SYSTEM : EXIT_GOOD;
		sample_free(&s);
	}
	buf_free(&b);
	diags_free(d);
	template_free(t);
	return code;
}

/* ---- read ---- */

static void put_column(const char *text)
{
	struct buf b = BUF_INIT;

	text_put_shown(&b, text ? text : "-", text ? strlen(text) : 1, 0);
	printf("%s\t", buf_str(&b));
	buf_free(&b);
}

static int read_jobs(const struct template *t, const struct template_ask *a, const struct buf *said,
		     struct err *e)
{
	struct template_seen seen;
	size_t at = 0;
	int rc;

	if (a->only_if && !template_ask_counts(a, 0, buf_str(said), ""))
		return err_bad(e, "this is no answer: 'only_if' is not found in it");
	while ((rc = template_read(t, a, buf_str(said), said->len, &at, &seen, e)) > 0) {
		put_column(seen.id);
		if (a == &t->find) {
			printf("%s\n", seen.name ? seen.name : "-");
		} else {
			put_column(seen.index && *seen.index ? seen.index : NULL);
			put_column(job_state_names[seen.state]);
			printf("%s\n", seen.word ? seen.word : "-");
		}
		template_seen_free(&seen);
	}
	return rc;
}

/* "ask", "ask-2": the number, from 1; 0: it is another fact. */
static size_t number_of(const char *fact, const char *name)
{
	const size_t n = strlen(name);
	uint64_t k;

	if (strncmp(fact, name, n) != 0)
		return 0;
	if (!fact[n])
		return 1;
	return fact[n] == '-' && text_u64(fact + n + 1, strlen(fact + n + 1), &k) ? (size_t)k : 0;
}

static int read_fact(const struct template *t, const char *fact, const struct buf *said,
		     struct err *e)
{
	const size_t ask = number_of(fact, "ask"), limit = number_of(fact, "limit");
	char *id;
	uint64_t v;

	if (strcmp(fact, "detect") == 0)
		return puts(template_is_here(t, buf_str(said), NULL) ? "yes" : "no") < 0;
	if (strcmp(fact, "id") == 0) {
		id = template_read_id(t, buf_str(said));
		if (!id)
			return err_bad(e, "there is no id in it");
		puts(id);
		free(id);
		return 0;
	}
	if (strcmp(fact, "find") == 0)
		return read_jobs(t, &t->find, said, e);
	if (ask && ask <= t->n_ask)
		return read_jobs(t, &t->ask[ask - 1], said, e);
	if (limit && limit <= t->n_limits) {
		v = template_read_limit(&t->limits[limit - 1], buf_str(said), said->len);
		if (v == UINT64_MAX)
			puts("none");
		else
			printf("%" PRIu64 "\n", v);
		return 0;
	}
	return err_bad(e, "'%s' is nothing that is read: write detect, id, ask-N, find or limit-N",
		       fact);
}

static int read_said(const char *name, const char *fact)
{
	struct template *t = load(name);
	struct buf said = BUF_INIT;
	struct err e = ERR_INIT;
	int rc = -1;

	if (t && file_read("/dev/stdin", &said, (uint64_t)64 << 20, &e) == 0)
		rc = read_fact(t, fact, &said, &e);
	buf_free(&said);
	template_free(t);
	if (rc < 0 && err_is(&e))
		return cmd_fail(&e);
	return rc < 0 ? EXIT_USAGE : EXIT_GOOD;
}

static int run(int argc, char **argv)
{
	struct values o = { 0 };
	const char *what;
	int code;

	if (cmd_parse(&cmd_template, &argc, argv, &o, &code))
		return code;
	what = argc > 1 ? argv[1] : "";
	if ((o.json && strcmp(what, "list") != 0) || (o.commands && strcmp(what, "render") != 0)) {
		fprintf(stderr, "ppgen template: %s\n",
			o.json ? "--json goes with list" : "--commands goes with render");
		return EXIT_USAGE;
	}
	if (strcmp(what, "list") == 0 && argc == 2)
		return list(o.json);
	if (strcmp(what, "show") == 0 && argc == 3)
		return show(argv[2]);
	if (strcmp(what, "check") == 0 && argc == 3)
		return template_check(argv[2]);
	if (strcmp(what, "render") == 0 && argc == 4)
		return render(argv[2], argv[3], o.commands);
	if (strcmp(what, "read") == 0 && argc == 4)
		return read_said(argv[2], argv[3]);
	fprintf(stderr, "ppgen template: write list, show NAME, check NAME, render NAME VALUES or "
			"read NAME FACT\n");
	return EXIT_USAGE;
}

const struct command cmd_template = {
	.name = "template",
	.args = "list|show NAME|check NAME|render NAME VALUES|read NAME FACT",
	.summary = "list, show and check templates, which tell ppgen how to use a scheduler",
	.about =
		"A template holds all that ppgen knows of one scheduler; ppgen-template(5) describes it. NAME is a template's name, "
		"or a file (with a '/' or ending in .tmpl). Names are looked for in ~/.config/ppgen/templates/ first, then among "
		"those that are built in.\n\n"
		"list: every template that can be found.\n\n"
		"show: the template's file, as a beginning for one's own.\n\n"
		"check: reads a template and says what is missing or unknown, each with its line and column. Prints the script and the "
		"commands that it makes of several sample jobs, lets the shell look at the scripts, and lists what the template cannot "
		"express. Exit 0 when it is good, 2 when not.\n\n"
		"render: the script (with --commands the commands) that it makes of the values in a YAML file.\n\n"
		"read: what it understands of a command's output, which is read from standard input. FACT is detect, id, find, ask-N or "
		"limit-N. Of ask it prints id, index, state and the scheduler's own word in columns, of find id and name.\n\n"
		"\tppgen template show NAME > ~/.config/ppgen/templates/mine.tmpl\n"
		"\tppgen template check mine\n"
		"\tppgen template read mine ask-1 <what-the-scheduler-said",
	.opts = opts,
	.run = run,
};
