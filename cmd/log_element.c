/* SPDX-License-Identifier: MIT */
/* ppgen log --element: what an array element, or the finaliser, wrote: its setup, its own lines,
 * its end. */
#include "cmd/log_element.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "store/rundir.h"
#include "store/submission.h"

#define LOG_BYTES_MAX ((uint64_t)64 << 20)

/* The log's file name; NULL and the error where there is no such element. */
static char *log_name(const struct submission *s, const char *which, struct err *e)
{
	const char *dot = strchr(which, '.');
	const struct submission_array *a;
	uint64_t array = 1, element;

	if (!strcmp(which, "finalise"))
		return mem_dup(which);
	if ((dot && !text_u64(which, (size_t)(dot - which), &array)) ||
	    !text_u64(dot ? dot + 1 : which, strlen(dot ? dot + 1 : which), &element)) {
		err_bad(e, "--element '%s' is no element: write I, A.I or finalise", which);
		return NULL;
	}
	if (array < 1 || array > s->n_arrays) {
		err_bad(e, "there is no array %llu: submission %04u has %zu",
			(unsigned long long)array, s->number, s->n_arrays);
		return NULL;
	}
	a = &s->arrays[array - 1];
	if (element < a->first || element - a->first >= a->elements) {
		err_bad(e, "array %llu of submission %04u has elements %llu to %llu, not %llu",
			(unsigned long long)array, s->number, (unsigned long long)a->first,
			(unsigned long long)(a->first + a->elements - 1),
			(unsigned long long)element);
		return NULL;
	}
	if (a->single)
		return mem_printf("%llu", (unsigned long long)array);
	return mem_printf("%llu.%llu", (unsigned long long)array, (unsigned long long)element);
}

static int print_log(const struct submission *s, const char *name, const char *which, struct err *e)
{
	char *dir = path_join(s->dir, "log"), *path = path_join(dir, name);
	struct err why = ERR_INIT;
	struct buf b = BUF_INIT;
	int rc = file_read(path, &b, LOG_BYTES_MAX, &why);

	if (rc == 0)
		fwrite(buf_str(&b), 1, b.len, stdout);
	else if (errno == ENOENT)
		err_bad(e,
			"%s of submission %04u has written nothing: it has not begun, or never reached '%s'",
			strcmp(which, "finalise") ? "the element" : "the finaliser", s->number,
			path);
	else if (e)
		*e = why;
	buf_free(&b);
	free(path);
	free(dir);
	return rc;
}

int log_element(const struct place *at, uint64_t number, const char *which, struct err *e)
{
	const unsigned latest =
		rundir_find(at->rundir, e) > 0 ? submission_latest(at->rundir, e) : 0;
	struct submission s;
	char *name;
	int rc = -1;

	if (!latest)
		return err_bad(e, "nothing was submitted in '%s'", at->rundir);
	if (number > latest)
		return err_bad(e, "there is no submission %llu: the latest is %04u",
			       (unsigned long long)number, latest);
	if (submission_load(at->rundir, number ? (unsigned)number : latest, &s, e) < 0)
		return -1;
	name = log_name(&s, which, e);
	if (name)
		rc = print_log(&s, name, which, e);
	free(name);
	submission_free(&s);
	return rc;
}
