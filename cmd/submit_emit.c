/* SPDX-License-Identifier: MIT */
/* ppgen submit: what is shown (--dry-run) or written for a user who submits by hand (--emit). */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "cmd/describe.h"
#include "cmd/submit_session.h"
#include "store/rundir.h"

#define SCRIPT_BYTES_MAX ((uint64_t)4 << 20) /* more than any scheduler takes */

void put_array(struct buf *b, const struct submission_array *a)
{
	buf_printf(b, "  %s: ", a->name);
	put_counted(b, a->tasks, "task");
	buf_puts(b, " (");
	put_resources(b, &a->res);
	buf_puts(b, " each) in ");
	put_counted(b, a->elements, "element");
	if (a->slots > 1)
		buf_printf(b, ", %llu at a time in each", (unsigned long long)a->slots);
	if (a->throttle)
		buf_printf(b, ", at most %llu running", (unsigned long long)a->throttle);
	if (a->time) {
		buf_puts(b, ", of ");
		text_put_duration(b, (double)a->time);
	}
	buf_putc(b, '\n');
}

static int put_file_text(struct buf *b, const char *dir, const char *name, struct err *e)
{
	char *path = path_join(dir, name);
	int rc;

	buf_printf(b, "---- %s\n", name);
	rc = file_read(path, b, SCRIPT_BYTES_MAX, e);
	free(path);
	return rc;
}

static int put_scripts(struct buf *b, const struct submission *s, struct err *e)
{
	char name[32];
	int rc = 0;

	for (size_t k = 1; rc == 0 && k <= s->n_arrays; k++) {
		snprintf(name, sizeof name, "array-%zu.sh", k);
		rc = put_file_text(b, s->dir, name, e);
	}
	return rc == 0 && s->finalises ? put_file_text(b, s->dir, "finalise.sh", e) : rc;
}

static double cpu_hours(const struct submission *s)
{
	double hours = 0;

	for (size_t k = 0; k < s->n_arrays; k++) {
		const struct resources *r = &s->arrays[k].res;

		hours += (double)s->arrays[k].tasks * (double)resources_cpus(r) *
			 (double)r->time_s / 3600;
	}
	return hours;
}

/* What tasks will run in: "environment: 63 variables of yours go along; ..". */
static void put_environment(struct buf *b, const struct submit_session *x)
{
	uint64_t n = 0;

	if (!x->environment) {
		buf_printf(b, "  environment: the node's own (%s)\n",
			   site_environment(x->site).origin);
		return;
	}
	while (x->environment[n])
		n++;
	buf_puts(b, "  environment: ");
	put_counted(b, n, "variable");
	buf_puts(b, " of yours, not what tells of this machine, job and login\n");
}

/* The arrays, why they are as they are, their scripts and the commands. */
static int put_draft(struct buf *b, const struct submit_session *x, const struct submit_request *q,
		     const struct submission *s, const struct shape *shapes, struct err *e)
{
	for (size_t k = 0; k < s->n_arrays; k++) {
		put_array(b, &s->arrays[k]);
		buf_printf(b, "    elements by %s; time by %s\n", shapes[k].elements_by,
			   shapes[k].time_by);
	}
	if (cpu_hours(s) > 0)
		buf_printf(b, "  at most %.1f cpu hours\n", cpu_hours(s));
	put_environment(b, x);
	if (put_scripts(b, s, e) < 0)
		return -1;
	buf_puts(b, "---- commands\n");
	return submit_put_commands(q, s, b, e);
}

int submit_dry_run(struct submit_session *x, struct submit_request *q, struct err *e)
{
	char *elsewhere = NULL, *folder = path_join(q->rundir, "submissions");
	struct shape *shapes;
	struct submission s;
	struct buf b = BUF_INIT;
	bool there;
	int rc = 0;

	q->by_hand = false; /* the commands alone, without what records them */
	say_begin(&x->s, NULL);
	if (!rundir_is(q->rundir)) { /* nothing is made that was not there */
		const char *temporary = getenv("TMPDIR");

		elsewhere = mem_printf("%s/ppgen-dry.XXXXXX", temporary ? temporary : "/tmp");
		if (!mkdtemp(elsewhere))
			rc = err_errno(e, "cannot make the folder '%s'", elsewhere);
		q->draft_in = elsewhere;
	}
	there = file_exists(folder);
	if (rc == 0 && (rc = submit_draft(q, &s, &shapes, e)) == 0) {
		rc = put_draft(&b, x, q, &s, shapes, e);
		submission_drop(&s);
		free(shapes);
	}
	if (!there)
		(void)rmdir(folder);
	free(folder);
	if (rc == 0) {
		buf_puts(&b, "---- tasks\n");
		rc = put_samples(&b, &x->s, e);
	}
	if (rc == 0)
		fputs(buf_str(&b), stdout);
	if (elsewhere)
		(void)file_remove_tree(elsewhere, NULL);
	free(elsewhere);
	buf_free(&b);
	return rc;
}

/* ---- by hand ---- */

static int copy_script(const struct submission *s, const char *dir, const char *name, struct err *e)
{
	char *from = path_join(s->dir, name), *to = path_join(dir, name);
	struct buf b = BUF_INIT;
	int rc = file_read(from, &b, SCRIPT_BYTES_MAX, e);

	if (rc == 0)
		rc = file_publish(to, buf_str(&b), b.len, e);
	if (rc == 0 && chmod(to, 0755) < 0)
		rc = err_errno(e, "cannot make '%s' executable", to);
	buf_free(&b);
	free(from);
	free(to);
	return rc;
}

/* The head of submit.sh: it records what it does, as submit would have done. */
static void put_recorder(struct buf *b, const struct submission *s)
{
	buf_puts(
		b,
		"#!/bin/sh\n"
		"# Submits what ppgen wrote; once. The scripts beside this file are copies of those that it submits.\n"
		"submission=");
	text_put_shell(b, s->home, strlen(s->home));
	buf_puts(
		b,
		"\n"
		"if [ -e \"$submission/job-1.json\" ] || [ -e \"$submission/ended.json\" ]; then\n"
		"\techo 'this was submitted already, or is over' >&2\n"
		"\texit 1\n"
		"fi\n"
		"publish() {\n"
		"\tcat >\"$submission/.$1.$$\" && mv \"$submission/.$1.$$\" \"$submission/$1\"\n"
		"}\n"
		"record() {\n"
		"\t[ \"$1\" = finalise ] && echo \"finaliser: $2\" || echo \"submitted: $2\"\n"
		"\tprintf '{\"id\":\"%s\",\"time\":%s000}\\n' \"$2\" \"$(date +%s)\" | publish \"job-$1.json\"\n"
		"}\n");
}

int submit_emit(const struct submit_session *x, const struct submit_request *q,
		const struct submission *s, struct err *e)
{
	const char *dir = x->o->emit;
	char *path = path_join(dir, "submit.sh"), name[32];
	struct buf b = BUF_INIT;
	int rc = file_make_dirs(dir, e);

	for (size_t k = 1; rc == 0 && k <= s->n_arrays; k++) {
		snprintf(name, sizeof name, "array-%zu.sh", k);
		rc = copy_script(s, dir, name, e);
	}
	if (rc == 0 && s->finalises)
		rc = copy_script(s, dir, "finalise.sh", e);
	put_recorder(&b, s);
	if (rc == 0)
		rc = submit_put_commands(q, s, &b, e);
	buf_puts(
		&b,
		"printf '{\"released\":true,\"time\":%s000}\\n' \"$(date +%s)\" | publish released.json\n");
	if (rc == 0)
		rc = file_publish(path, b.data, b.len, e);
	if (rc == 0 && chmod(path, 0755) < 0)
		rc = err_errno(e, "cannot make '%s' executable", path);
	buf_free(&b);
	free(path);
	return rc;
}
