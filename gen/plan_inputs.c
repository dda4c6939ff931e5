/* SPDX-License-Identifier: MIT */
/* Inputs that name a parameter: each task has files of its own, and so a code hash of its own. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "gen/plan_code.h"

/* As CODE_FORMAT of plan_code.c. */
#define TASK_CODE_FORMAT "ppgen-task-code-v1"

#define MISSING_SHOWN 5
#define NAMED_MAX     10000000u /* distinct paths that one input may name */
#define WALK_TASKS                                                                               \
	UINT64_C(1000000) /* with a `where`, up to here the tasks themselves are walked, not the \
			     combinations */

/* One input with parameters, over all tasks. */
struct sweep {
	const struct spec *spec;
	const struct input *in;
	struct plan_files *files;
	struct textset *seen; /* paths as filled, good and missing */
	struct textset *missing;
	struct textset *needed; /* of the missing ones, those that a task really names; NULL: not
				   asked for */
	struct buf filled;
	struct err e;
};

/* Of one more combination or task: 0 to go on. */
static int sweep_point(void *arg, const struct point *pt, uint64_t times)
{
	struct sweep *w = arg;
	const char *named;
	char *path;
	bool added;
	int rc;

	(void)times;
	buf_clear(&w->filled);
	if (ptext_fill(w->in->path, pt->values, NULL, &w->filled, &w->e) < 0)
		return -1;
	named = buf_str(&w->filled);
	if (w->needed) {
		if (textset_find(w->missing, named, w->filled.len) != TEXTSET_NONE)
			textset_add(w->needed, named, w->filled.len, NULL);
		return 0;
	}
	textset_add(w->seen, named, w->filled.len, &added);
	if (!added)
		return 0;
	if (textset_count(w->seen) > NAMED_MAX)
		return err_bad(&w->e, "it names more than %u files", NAMED_MAX);
	path = plan_input_path(w->spec, named);
	rc = plan_files_put(w->files, path, named, NULL, &w->e);
	free(path);
	if (rc < 0)
		return err_wrap(&w->e, "'%s'", named);
	if (rc == 1)
		textset_add(w->missing, named, w->filled.len, NULL);
	return 0;
}

static int sweep_tasks(struct sweep *w)
{
	const struct space *space = w->spec->space;
	uint64_t n = space_count(space);
	struct point pt;
	int rc = 0;

	point_init(&pt, space);
	for (uint64_t k = 0; k < n && rc == 0; k++) {
		space_point(space, k, &pt);
		rc = sweep_point(w, &pt, 1);
	}
	point_free(&pt);
	return rc;
}

static int sweep_combinations(struct sweep *w)
{
	size_t n = space_names(w->spec->space);
	bool *uses = mem_array(n + 1, sizeof *uses);
	int rc;

	for (size_t k = 0; k < n; k++)
		uses[k] = ptext_uses(w->in->path, k);
	rc = space_combinations(w->spec->space, uses, sweep_point, w);
	free(uses);
	return rc;
}

/* With a `where` there can be combinations that no task has: what is missing is asked for again, of
 * the tasks. */
static int sweep(struct sweep *w)
{
	const struct space *space = w->spec->space;
	bool exact = space_added(space) == 0 && space_count(space) == space_crossed(space);
	struct textset *all;

	if (!exact && space_count(space) <= WALK_TASKS)
		return sweep_tasks(w);
	if (sweep_combinations(w) < 0)
		return -1;
	if (exact || !textset_count(w->missing))
		return 0;
	w->needed = textset_new();
	if (sweep_tasks(w) < 0)
		return -1;
	all = w->missing;
	w->missing = w->needed;
	w->needed = NULL;
	textset_free(all);
	return 0;
}

static int complain_missing(const struct sweep *w, struct diags *d)
{
	const struct pos *at = &w->in->pos;
	size_t n = textset_count(w->missing);

	for (size_t k = 0; k < n && k < MISSING_SHOWN; k++)
		diag_error(d, at->origin, at->line, at->col,
			   "input '%s' names '%s', which is not there", w->in->name,
			   textset_text(w->missing, k));
	if (n > MISSING_SHOWN)
		diag_error(d, at->origin, at->line, at->col,
			   "input '%s' names %zu more files that are not there", w->in->name,
			   n - MISSING_SHOWN);
	return n ? -1 : 0;
}

int plan_code_per_task(const struct spec *s, struct plan_files *files, struct diags *d)
{
	int rc = 0;

	for (size_t k = 0; k < s->n_inputs; k++) {
		const struct input *in = &s->inputs[k];
		struct sweep w = { .spec = s, .in = in, .files = files };

		if (in->url || ptext_is_constant(in->path))
			continue;
		w.seen = textset_new();
		w.missing = textset_new();
		if (sweep(&w) < 0)
			rc = diag_error(d, in->pos.origin, in->pos.line, in->pos.col,
					"input '%s': %s", in->name, w.e.text);
		else if (complain_missing(&w, d) < 0)
			rc = -1;
		textset_free(w.seen);
		textset_free(w.missing);
		textset_free(w.needed);
		buf_free(&w.filled);
	}
	return rc;
}

size_t plan_shared_files(const struct plan *p)
{
	size_t lo = 0, hi = p->n_files;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->files[mid].per_task)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* The first of the per-task files whose path is not below `path`, bytewise; n_files when there is
 * none. */
static size_t files_from(const struct plan *p, const char *path)
{
	size_t lo = 0, hi = p->n_files;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (!p->files[mid].per_task || strcmp(p->files[mid].path, path) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Adds the hash of the file, or those of the files of the folder, that a task's input names. */
static int put_task_input(const struct plan *p, const struct input *in, const char *filled,
			  struct sha256 *h, struct err *e)
{
	char *path = plan_input_path(p->spec, filled), *below = NULL;
	size_t k = files_from(p, path), len, found = 0;

	plan_put(h, in->name);
	if (k < p->n_files && strcmp(p->files[k].path, path) == 0) {
		plan_put(h, p->files[k].sha256);
		found = 1;
		goto out;
	}
	below = mem_printf("%s/", path);
	len = strlen(below);
	for (k = files_from(p, below); k < p->n_files && strncmp(p->files[k].path, below, len) == 0;
	     k++, found++) {
		plan_put(h, p->files[k].path + len);
		plan_put(h, p->files[k].sha256);
	}
out:
	plan_put_count(h, "files", found);
	if (!found)
		err_bad(e, "input '%s' names '%s', which was not there when plan %u was made",
			in->name, filled, p->number);
	free(below);
	free(path);
	return found ? 0 : -1;
}

int plan_task_code(const struct plan *p, const struct point *pt, char out[CODE_HEX], struct err *e)
{
	const struct spec *s = p->spec;
	uint8_t sum[SHA256_SIZE];
	struct buf filled = BUF_INIT;
	struct sha256 *h;
	int rc = 0;

	if (!p->per_task_inputs) {
		memcpy(out, p->code, CODE_HEX);
		return 0;
	}
	h = sha256_new();
	sha256_begin(h);
	plan_put(h, TASK_CODE_FORMAT);
	plan_put(h, p->code);
	for (size_t k = 0; k < s->n_inputs && rc == 0; k++) {
		const struct input *in = &s->inputs[k];

		if (in->url || ptext_is_constant(in->path))
			continue;
		buf_clear(&filled);
		rc = ptext_fill(in->path, pt->values, NULL, &filled, e);
		if (rc == 0)
			rc = put_task_input(p, in, buf_str(&filled), h, e);
	}
	sha256_end(h, sum);
	hex_put(out, sum, CODE_HEX / 2);
	sha256_free(h);
	buf_free(&filled);
	return rc;
}
