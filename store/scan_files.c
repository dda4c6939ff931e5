/* SPDX-License-Identifier: MIT */
/*
 * The walk over journals. A journal may grow, and its writer die, while it is read: what is read is
 * the file as long as it was when it was opened. A line that is no sound record is passed over up
 * to the next newline. It counts as damage, unless it is the unfinished end of a file that may
 * still be written to, or whose writer was killed in the middle of a write.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/journal_internal.h"
#include "store/process.h"
#include "store/scan_internal.h"
#include "store/submission.h"

#define JOURNAL_ENDING ".jsonl"

void scan_file_release(struct scan_file *f)
{
	free(f->writer);
	free(f->path);
}

static int compare_files(const void *pa, const void *pb)
{
	const struct scan_file *a = pa, *b = pb;
	const int order = strcmp(a->writer, b->writer);

	return order ? order : strcmp(a->path, b->path);
}

struct listing {
	struct scan_file *files;
	size_t n, cap;
};

/* Folders come and go: one that is not there, or is none, holds nothing. */
static int list_names(const char *dir, char ***names, size_t *n, struct err *e)
{
	struct err why = ERR_INIT;

	if (file_list(dir, names, n, &why) == 0) {
		return 0;
	}
	*names = NULL;
	*n = 0;
	if (errno == ENOENT || errno == ENOTDIR) {
		return 0;
	}
	if (e && !err_is(e)) {
		*e = why;
		e->kind = ERR_SYSTEM;
	}
	return -1;
}

static int list_folder(const char *dir, struct listing *l, struct err *e)
{
	const size_t ending = strlen(JOURNAL_ENDING);
	char **names;
	size_t n;

	if (list_names(dir, &names, &n, e) < 0) {
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		const size_t len = strlen(names[i]);

		if (len > ending && strcmp(names[i] + len - ending, JOURNAL_ENDING) == 0) {
			ARRAY_ROOM(l->files, l->n, l->cap);
			l->files[l->n++] = (struct scan_file){
				.writer = mem_dupn(names[i], len - ending),
				.path = path_join(dir, names[i]),
			};
		}
	}
	free(names);
	return 0;
}

int scan_list(const char *rundir, struct scan_file **files, size_t *n, struct err *e)
{
	char *top = path_join(rundir, "journal");
	struct listing l = { NULL, 0, 0 };
	char **names;
	size_t n_names;
	int rc = list_names(top, &names, &n_names, e);

	for (size_t i = 0; rc == 0 && i < n_names; i++) {
		char *dir = path_join(top, names[i]);

		rc = list_folder(dir, &l, e);
		free(dir);
	}
	free(names);
	free(top);
	if (l.n > 0) {
		qsort(l.files, l.n, sizeof *l.files, compare_files);
	}
	*files = l.files;
	*n = l.n;
	if (rc < 0) {
		while (*n) {
			scan_file_release(&l.files[--*n]);
		}
		free(l.files);
		*files = NULL;
	}
	return rc;
}

/* Whether the last line is a close record: nobody writes behind one. */
static bool ends_closed(const struct file_view *v)
{
	const char *end = v->data + v->len, *from;
	struct record r;

	while (end > v->data && end[-1] == '\n') {
		end--;
	}
	from = memrchr(v->data, '\n', (size_t)(end - v->data));
	from = from ? from + 1 : v->data;
	return record_decode(from, (size_t)(end - from), &r) == 1 && r.kind == RECORD_CLOSE;
}

int scan_open(struct scan_file *f, struct scan_view *v, struct err *e)
{
	struct err why = ERR_INIT;

	v->whole = 0;
	f->damaged = 0;
	if (file_view(f->path, &v->view, &why) < 0) {
		if (e && !err_is(e)) {
			*e = why;
			e->kind = ERR_SYSTEM;
		}
		return -1;
	}
	f->bytes = v->view.len;
	f->closed = ends_closed(&v->view);
	return 0;
}

/*
 * Whether the writer that a header names writes no more. An array element mostly ran on a machine
 * that cannot be asked; but when its submission has ended, so has it: nothing it may still do
 * counts as going on.
 */
static bool header_is_dead(const struct scan_file *f, struct json header)
{
	uint64_t number;
	char *xx, *journal, *rundir;
	bool ended;

	if (process_judge(header) == PROCESS_GONE) {
		return true;
	}
	if (!json_u64(json_get(header, "submission"), &number) || number == 0 ||
	    number > UINT32_MAX) {
		return false;
	}
	xx = path_dir(f->path); /* <rundir>/journal/<xx>/<writer>.jsonl */
	journal = path_dir(xx);
	rundir = path_dir(journal);
	ended = submission_has_ended(rundir, (unsigned)number);
	free(rundir);
	free(journal);
	free(xx);
	return ended;
}

int scan_walk(struct scan_file *f, struct scan_view *v, scan_fn fn, void *arg)
{
	const char *const data = v->view.data, *const end = data + v->view.len;
	const char *p = data;
	struct record r;
	int rc = 0;

	f->damaged = 0;
	while (rc == 0 && p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *to = newline ? newline : end;

		if (to == p) {
			p++;
			continue;
		}
		if (record_decode(p, (size_t)(to - p), &r)) {
			v->whole = (uint64_t)(to - data) + (newline ? 1 : 0);
			f->closed |= r.kind == RECORD_CLOSE;
			if (r.kind == RECORD_HEADER) {
				f->dead = header_is_dead(f, r.line);
			}
			rc = fn(arg, f, (uint64_t)(p - data), &r);
		} else if (newline || f->closed) {
			f->damaged++;
		}
		p = newline ? newline + 1 : end;
	}
	return rc;
}

bool scan_writer_gone(const char *rundir, const char *writer)
{
	char xx[JOURNAL_XX];
	struct scan_file f = { .path = NULL };
	struct scan_view v;
	struct record r;
	const char *newline;
	bool gone = true;

	journal_xx(writer, xx);
	f.path = mem_printf("%s/journal/%s/%s" JOURNAL_ENDING, rundir, xx, writer);
	if (scan_open(&f, &v, NULL) == 0) {
		newline = memchr(v.view.data, '\n', v.view.len);
		gone = f.closed ||
		       (newline &&
			record_decode(v.view.data, (size_t)(newline - v.view.data), &r) &&
			r.kind == RECORD_HEADER && header_is_dead(&f, r.line));
		file_view_free(&v.view);
	}
	free(f.path);
	return gone;
}

int scan_records(const char *rundir, scan_fn fn, void *arg, struct err *e)
{
	struct scan_file *files;
	size_t n;
	int rc = scan_list(rundir, &files, &n, e);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct scan_view v;

		rc = scan_open(&files[i], &v, e);
		if (rc == 0) {
			rc = scan_walk(&files[i], &v, fn, arg);
			file_view_free(&v.view);
		}
	}
	for (size_t i = 0; i < n; i++) {
		scan_file_release(&files[i]);
	}
	free(files);
	return rc;
}

/* A name as journal_create makes them: it becomes part of a path. */
static bool is_writer(const char *name)
{
	if (!name[0] || name[0] == '.') {
		return false;
	}
	for (; *name; name++) {
		if (!((*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
		      (*name >= '0' && *name <= '9') || strchr("._-", *name))) {
			return false;
		}
	}
	return true;
}

int scan_writer_records(const char *rundir, const char *writer, scan_fn fn, void *arg,
			struct err *e)
{
	struct scan_file f = { .path = NULL };
	struct err why = ERR_INIT;
	struct scan_view v;
	char xx[JOURNAL_XX];
	int rc;

	if (!is_writer(writer)) {
		return err_fail(e, "'%.100s' is no writer's name", writer);
	}
	journal_xx(writer, xx);
	f.path = mem_printf("%s/journal/%s/%s" JOURNAL_ENDING, rundir, xx, writer);
	f.writer = mem_dup(writer);
	rc = scan_open(&f, &v, &why);
	if (rc == 0) {
		rc = scan_walk(&f, &v, fn, arg);
		file_view_free(&v.view);
	} else if (errno == ENOENT || errno == ENOTDIR) {
		rc = 0;
	} else if (e && !err_is(e)) {
		*e = why;
	}
	scan_file_release(&f);
	return rc;
}
