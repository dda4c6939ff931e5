/* SPDX-License-Identifier: MIT */
/* Which scheduler is here: every template's own question, put to this machine. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pattern.h"
#include "base/text.h"
#include "submit/scheduler_internal.h"

#define SAID_MOST 100

struct found {
	char *name, *why;
};

struct search {
	struct found *found;
	size_t n, cap;
	struct buf tried;  /* "'sbatch --version', ..." */
	struct buf broken; /* templates that cannot be read */
};

/* Columns of a table are far apart. */
static void put_squeezed(struct buf *b, const char *from, const char *end)
{
	struct buf line = BUF_INIT;

	for (; from < end; from++) {
		const bool blank = *from == ' ' || *from == '\t';

		if (!blank) {
			buf_putc(&line, *from);
		} else if (line.len > 0 && line.data[line.len - 1] != ' ') {
			buf_putc(&line, ' ');
		}
	}
	text_put_shown(b, buf_str(&line), line.len, SAID_MOST);
	buf_free(&line);
}

/* The line in which the template's pattern was found: what convinced us. */
static void put_proof(struct buf *b, const struct template *t, const struct answer *a)
{
	struct pattern *p = pattern_new(t->detect.match, NULL);
	bool found = false;

	for (int i = 0; p && !found && i < 2; i++) {
		const struct buf *said = i ? &a->errors : &a->out;
		const char *text = buf_str(said), *from, *end;
		size_t at = 0;

		found = pattern_next(p, text, said->len, &at, NULL) == 1;
		if (found) {
			at = at > said->len ? said->len : at;
			at -= at > 0 && text[at - 1] == '\n';
			from = memrchr(text, '\n', at);
			from = from ? from + 1 : text;
			end = text + at + strcspn(text + at, "\n");
			put_squeezed(b, from, end);
		}
	}
	pattern_free(p);
}

static void detect_one(struct search *s, const struct template *t)
{
	const struct command_how how = { .timeout_s = PROBE_S };
	const struct job_values none = { .text = { NULL } };
	struct buf why = BUF_INIT;
	struct answer a;

	if (command_run(t, t->detect.command, &none, &how, &a, NULL) == 0 &&
	    template_is_here(t, buf_str(&a.out), buf_str(&a.errors))) {
		buf_printf(&why, "'%s' says ", a.command);
		put_proof(&why, t, &a);
		ARRAY_ROOM(s->found, s->n, s->cap);
		s->found[s->n++] = (struct found){ mem_dup(t->name), buf_take(&why) };
	}
	if (a.command) {
		buf_printf(&s->tried, "%s'%s'", s->tried.len ? ", " : "", a.command);
	}
	answer_free(&a);
}

/* A template that cannot be read does not keep the others from being tried; but it is told when
 * none of those is it. */
static void search(struct search *s, const struct template_name *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct diags *d;
		struct template *t;

		if (names[i].shadowed) {
			continue;
		}
		d = diags_new();
		t = template_load(names[i].name, d);
		if (t) {
			detect_one(s, t);
		} else {
			buf_printf(&s->broken, "%s'%s'", s->broken.len ? ", " : "", names[i].name);
		}
		template_free(t);
		diags_free(d);
	}
}

static int none_found(const struct search *s, struct err *e)
{
	if (s->broken.len) {
		return err_bad(
			e,
			"no scheduler was found here: tried %s, and could not read the template %s (`ppgen template check` tells why)",
			s->tried.len ? buf_str(&s->tried) : "nothing", buf_str(&s->broken));
	}
	return err_bad(
		e,
		"no scheduler was found here: tried %s: name one with --template or in the site file, or use `ppgen run`",
		s->tried.len ? buf_str(&s->tried) : "nothing");
}

static int several_found(const struct search *s, struct err *e)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < s->n; i++) {
		buf_printf(&b, "%s'%s' (%s)",
			   i == 0          ? ""
			   : i + 1 == s->n ? " and "
					   : ", ",
			   s->found[i].name, s->found[i].why);
	}
	err_bad(e,
		"%s%s seem to be here: name one with --template, or as 'scheduler' in the site file",
		s->n == 2 ? "both " : "", buf_str(&b));
	buf_free(&b);
	return -1;
}

int scheduler_detect(char **name, char **why, struct err *e)
{
	struct search s = { .found = NULL };
	struct template_name *names;
	size_t n;
	int rc;

	*name = *why = NULL;
	if (template_list(&names, &n, e) < 0) {
		return -1;
	}
	search(&s, names, n);
	if (s.n == 1) {
		*name = s.found[0].name;
		*why = s.found[0].why;
		s.n = 0;
		rc = 0;
	} else {
		rc = s.n ? several_found(&s, e) : none_found(&s, e);
	}
	for (size_t i = 0; i < s.n; i++) {
		free(s.found[i].name);
		free(s.found[i].why);
	}
	free(s.found);
	buf_free(&s.tried);
	buf_free(&s.broken);
	template_list_free(names, n);
	return rc;
}
