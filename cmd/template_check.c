/* SPDX-License-Identifier: MIT */
/* ppgen template check: is a template good, and what can it not express? */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "cmd/template.h"

#define SHELL_S 10 /* for looking at a script */

struct checker {
	const struct template *t;
	const char *file;
	int faults;
	struct buf cannot; /* wishes that the template has no words for */
};

static void complain(struct checker *c, const char *where, const char *what)
{
	fflush(stdout);
	fprintf(stderr, "%s: %s: %s\n", c->file, where, what);
	c->faults++;
}

/* Whether the shell that the script names can read it. Other interpreters are not tried. */
static void check_syntax(struct checker *c, const char *where, const struct buf *script)
{
	static const char *const shells[] = { "sh", "bash", "dash", "ksh", "zsh" };
	const char *line = buf_str(script), *name;
	char path[] = "/tmp/ppgen-template.XXXXXX", *shell;
	struct buf out = BUF_INIT, errors = BUF_INIT;
	struct err e = ERR_INIT;
	bool known = false;
	int fd;

	if (strncmp(line, "#!", 2) != 0)
		return;
	line += 2 + strspn(line + 2, " ");
	shell = mem_dupn(line, strcspn(line, " \n"));
	name = path_name(shell);
	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
		known |= strcmp(name, shells[i]) == 0;
	fd = known && file_exists(shell) ? mkstemp(path) : -1;
	if (fd >= 0) {
		const char *const argv[] = { shell, "-n", path, NULL };

		if (file_write_fd(fd, script->data, script->len, path, &e) == 0 &&
		    proc_capture(argv, NULL, SHELL_S, &out, &errors, 0, &e) > 0)
			complain(c, where, buf_str(&errors));
		(void)close(fd);
		(void)unlink(path);
	}
	free(shell);
	buf_free(&out);
	buf_free(&errors);
}

/* Prints what becomes of a sample: its script, and its commands. */
static void show(struct checker *c, const struct sample *s, const char *title)
{
	struct buf script = BUF_INIT, lines = BUF_INIT;
	struct err e = ERR_INIT;

	printf("==== %s ====\n", title);
	if (template_script(c->t, &s->v, &script, &e) < 0) {
		complain(c, title, e.text);
	} else {
		fputs(buf_str(&script), stdout);
		check_syntax(c, title, &script);
	}
	err_clear(&e);
	if (sample_put_commands(s, c->t, &lines, &e) < 0)
		complain(c, title, e.text);
	else
		printf("---- its commands ----\n%s\n", buf_str(&lines));
	buf_free(&script);
	buf_free(&lines);
}

static bool renders(const struct checker *c, const struct sample *s, struct err *e)
{
	struct buf script = BUF_INIT;
	const bool good = template_script(c->t, &s->v, &script, e) == 0;

	buf_free(&script);
	return good;
}

/* All that can be wished for at once; what cannot, alone or with the others, is remembered. */
static void wish_all(struct checker *c, struct sample *s)
{
	for (int k = 0; k < JOB_VALUE_COUNT; k++) {
		const enum job_value v = (enum job_value)k;
		const struct job_values before = s->v;
		struct err e = ERR_INIT;

		if (!sample_wish(s, c->t, v) || renders(c, s, &e))
			continue;
		s->v = before;
		buf_printf(&c->cannot, "  %-12s %s\n", job_value_names[k], e.text);
	}
}

static void check_mpi(struct checker *c, struct sample *s)
{
	struct err e = ERR_INIT;

	sample_mpi(s);
	if (renders(c, s, &e)) {
		show(c, s, "an MPI task: 16 ranks on 2 nodes");
		return;
	}
	buf_printf(&c->cannot, "  %-12s %s\n", "nodes, ranks", e.text);
}

/* A template that was read without fault: each situation in turn. */
static void check_situations(struct checker *c)
{
	struct sample s;

	sample_new(&s, c->t);
	sample_array(&s, c->t);
	sample_add(&s, JOB_IDS, "4711");
	sample_add(&s, JOB_IDS, "4712");
	show(c, &s, "an array of 10 elements");
	sample_free(&s);

	sample_new(&s, c->t);
	show(c, &s, "a single job");
	check_mpi(c, &s);
	sample_free(&s);

	sample_new(&s, c->t);
	sample_array(&s, c->t);
	wish_all(c, &s);
	show(c, &s, "an array with all that can be wished for");
	sample_free(&s);
}

int template_check(const char *name)
{
	struct checker c = { .file = name };
	struct diags *d = diags_new();
	struct template *t = template_load(name, d);
	int code = cmd_diags(d);

	diags_free(d);
	if (!t)
		return EXIT_USAGE;
	c.t = t;
	check_situations(&c);
	if (c.cannot.len)
		printf("==== what it cannot express ====\n%s", buf_str(&c.cannot));
	fflush(stdout);
	if (c.faults)
		code = EXIT_USAGE;
	else
		fprintf(stderr, "%s: good\n", name);
	buf_free(&c.cannot);
	template_free(t);
	return code;
}
