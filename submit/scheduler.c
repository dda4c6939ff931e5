/* SPDX-License-Identifier: MIT */
/* Commands that change something at the scheduler, and the one that finds jobs by their names. */
#include "submit/scheduler.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "submit/scheduler_internal.h"

/* ---- submitting ---- */

/* The program's name, without its folder: "sbatch". */
static void put_program(struct buf *b, const struct answer *a)
{
	const size_t n = strcspn(a->command, " ");
	const char *slash = memrchr(a->command, '/', n);
	const char *from = slash ? slash + 1 : a->command;

	text_put_shown(b, from, n - (size_t)(from - a->command), 0);
}

/* "sbatch refused array-1.sh (exit code 1): ..." */
static int submit_refused(const struct job_values *v, const struct answer *a, struct err *e)
{
	const char *script = v->text[JOB_SCRIPT] ? path_name(v->text[JOB_SCRIPT]) : "the job";
	struct buf b = BUF_INIT;

	put_program(&b, a);
	buf_printf(&b, " refused %s (exit code %d): ", script, a->code);
	answer_put_said(a, &b);
	err_bad(e, "%s", b.data);
	buf_free(&b);
	return -1;
}

/* It said yes, and nothing that could be an id. */
static int submit_no_id(const struct template *t, const struct answer *a, struct err *e)
{
	struct buf b = BUF_INIT;

	text_put_shown(&b, buf_str(&a->out), a->out.len, 200);
	err_fail(
		e,
		"no job id in what '%s' said: '%s': look whether the job is there, and at 'submit.id' in %s",
		a->command, buf_str(&b), t->origin);
	buf_free(&b);
	return -1;
}

int scheduler_test(const struct template *t, const struct job_values *v, struct err *e)
{
	const struct command_how how = { .timeout_s = COMMAND_S };
	struct answer a;
	int rc;

	if (!t->submit.test) {
		return 0;
	}
	rc = command_run(t, t->submit.test, v, &how, &a, e);
	if (rc == 0 && a.code != 0) {
		rc = submit_refused(v, &a, e);
	}
	answer_free(&a);
	return rc;
}

int scheduler_submit(const struct template *t, const struct job_values *v, bool hold,
		     const char *const *after, size_t n_after, char **id, struct err *e)
{
	const struct command_how how = {
		.timeout_s = COMMAND_S, .hold = hold, .after = n_after > 0, .passes_on = true
	};
	struct job_values values = *v;
	struct answer a;
	int rc;

	*id = NULL;
	if (n_after > 0) {
		values.list[JOB_IDS] = after;
		values.n_list[JOB_IDS] = n_after;
	}
	rc = command_run(t, t->submit.command, &values, &how, &a, e);
	if (rc == 0 && a.code != 0) {
		rc = submit_refused(v, &a, e);
	} else if (rc == 0) {
		*id = template_read_id(t, buf_str(&a.out));
		rc = *id ? 0 : submit_no_id(t, &a, e);
	}
	answer_free(&a);
	return rc;
}

/* ---- finding ---- */

/* Calls fn for every job of this user that lives. -1 also when fn says so. */
static int find_each(const struct template *t,
		     int (*fn)(void *arg, const struct template_seen *seen, struct err *e),
		     void *arg, struct err *e)
{
	const struct command_how how = { .timeout_s = COMMAND_S };
	const struct job_values none = { .text = { NULL } };
	struct template_seen seen;
	struct answer a;
	size_t at = 0;
	int rc = command_run(t, t->find.command, &none, &how, &a, e);

	if (rc == 0 && !answer_counts(&t->find, &a, e)) {
		rc = -1;
	}
	while (rc == 0) {
		rc = template_read(t, &t->find, buf_str(&a.out), a.out.len, &at, &seen, e);
		if (rc <= 0) {
			break;
		}
		rc = seen.id ? fn(arg, &seen, e) : 0;
		template_seen_free(&seen);
	}
	answer_free(&a);
	return rc;
}

struct finding {
	const char *const *names;
	char **ids;
	size_t n;
};

/* Elements of an array may be listed one by one: they have one id. */
static int find_name(void *arg, const struct template_seen *seen, struct err *e)
{
	struct finding *f = arg;

	for (size_t k = 0; seen->name && k < f->n; k++) {
		if (!f->names[k] || strcmp(f->names[k], seen->name) != 0) {
			continue;
		}
		if (f->ids[k] && strcmp(f->ids[k], seen->id) != 0) {
			return err_fail(
				e,
				"jobs %s and %s are both named '%s': find out which one is wrong, and cancel it",
				f->ids[k], seen->id, seen->name);
		}
		if (!f->ids[k]) {
			f->ids[k] = mem_dup(seen->id);
		}
	}
	return 0;
}

int scheduler_find(const struct template *t, const char *const *names, size_t n, char **ids,
		   struct err *e)
{
	struct finding f = { names, ids, n };

	for (size_t k = 0; k < n; k++) {
		ids[k] = NULL;
	}
	if (find_each(t, find_name, &f, e) == 0) {
		return 0;
	}
	for (size_t k = 0; k < n; k++) {
		free(ids[k]);
		ids[k] = NULL;
	}
	return err_wrap(e, "the scheduler cannot be asked for jobs by name");
}

/* ---- release, cancel ---- */

unsigned scheduler_patience_s = 30;

struct living {
	const char *const *ids;
	bool *lives;
	size_t n;
};

static int find_id(void *arg, const struct template_seen *seen, struct err *e)
{
	struct living *l = arg;

	(void)e;
	for (size_t k = 0; k < l->n; k++) {
		l->lives[k] |= strcmp(l->ids[k], seen->id) == 0;
	}
	return 0;
}

/* Which of the jobs live, of those that were thought to; how many, or -1. */
static int find_living(const struct template *t, const char *const *ids, size_t n, bool *lives)
{
	bool *found = mem_array(n, sizeof *found);
	struct living l = { ids, found, n };
	int rc = find_each(t, find_id, &l, NULL), count = 0;

	for (size_t k = 0; rc == 0 && k < n; k++) {
		lives[k] = lives[k] && found[k];
		count += lives[k];
	}
	free(found);
	return rc < 0 ? -1 : count;
}

static int change(const struct template *t, const struct template_command *c,
		  const char *const *ids, size_t n, struct err *e)
{
	const struct command_how how = { .timeout_s = COMMAND_S };
	struct job_values v = { .list = { [JOB_IDS] = ids }, .n_list = { [JOB_IDS] = n } };
	struct answer a;
	int rc = command_run(t, c, &v, &how, &a, e);

	if (rc == 0 && a.code != 0) {
		struct buf b = BUF_INIT;

		answer_put_said(&a, &b);
		rc = err_fail(e, "'%s' failed (exit code %d): %s", a.command, a.code, buf_str(&b));
		buf_free(&b);
	}
	answer_free(&a);
	return rc;
}

/* Each job that lives by itself. How many were not changed. */
static int change_each(const struct template *t, const struct template_command *c,
		       const char *const *ids, size_t n, bool *lives, struct err *e)
{
	int failed = 0;

	for (size_t k = 0; k < n; k++) {
		lives[k] = lives[k] && change(t, c, &ids[k], 1, e) < 0;
		failed += lives[k];
	}
	return failed;
}

/*
 * Schedulers say only by words that a job is gone, and one such job may keep the others from being
 * looked at. So where the command fails it is asked which jobs live, and it is tried for each of
 * those alone. Who cannot be cancelled may be ending already: that takes a while.
 */
static int change_all(const struct template *t, const struct template_command *c,
		      const char *const *ids, size_t n, unsigned patience_s, struct err *e)
{
	struct err why = ERR_INIT;
	bool *lives;
	int left;

	if (n == 0 || change(t, c, ids, n, &why) == 0) {
		return 0;
	}
	lives = mem_array(n, sizeof *lives);
	memset(lives, true, n * sizeof *lives);
	left = find_living(t, ids, n, lives);
	if (left > 0 && n > 1) {
		err_clear(&why);
		left = change_each(t, c, ids, n, lives, &why);
	}
	for (unsigned i = 0; left > 0 && i < patience_s; i++) {
		sleep(1);
		left = find_living(t, ids, n, lives);
	}
	free(lives);
	if (left != 0 && e && !err_is(e)) {
		*e = why;
	}
	return left == 0 ? 0 : -1;
}

int scheduler_release(const struct template *t, const char *const *ids, size_t n, struct err *e)
{
	return change_all(t, t->release, ids, n, 0, e);
}

int scheduler_cancel(const struct template *t, const char *const *ids, size_t n, struct err *e)
{
	return change_all(t, t->cancel, ids, n, scheduler_patience_s, e);
}
