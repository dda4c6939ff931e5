/* SPDX-License-Identifier: MIT */
/*
 * The journals of a run: which there are, how long each is, whether its writer will write more; and
 * walks over all of them or one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/journal_internal.h"
#include "store/process.h"
#include "store/scan_internal.h"
#include "store/submission.h"

#define JOURNAL_ENDING ".jsonl"
#define CLOSE_MAX      256 /* bytes of a close record are fewer */
#define HEADER_MAX     ((size_t)256 << 10)

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

/* Folders come and go: one that is not there holds nothing, nor does a file among them. A file in
 * the place of all is damage. */
static int list_names(const char *dir, bool all, char ***names, size_t *n, struct err *e)
{
	struct err why = ERR_INIT;

	if (file_list(dir, names, n, &why) == 0) {
		return 0;
	}
	*names = NULL;
	*n = 0;
	if (errno == ENOENT || (errno == ENOTDIR && !all)) {
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

	if (list_names(dir, false, &names, &n, e) < 0) {
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
	int rc = list_names(top, true, &names, &n_names, e);

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

static int open_journal(const struct scan_file *f, struct stat *st, struct err *e)
{
	/* a pipe in the place of a journal would wait for somebody for ever */
	const int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0 && fstat(fd, st) == 0) {
		if (S_ISREG(st->st_mode)) {
			return fd;
		}
		errno = EINVAL;
	}
	if (e && !err_is(e)) {
		err_errno(e, "cannot read '%s'", f->path);
		e->kind = ERR_SYSTEM;
	}
	if (fd >= 0) {
		const int number = errno;

		close(fd);
		errno = number;
	}
	return -1;
}

static size_t read_at(int fd, char *p, size_t n, uint64_t offset)
{
	ssize_t got;

	do {
		got = pread(fd, p, n, (off_t)offset);
	} while (got < 0 && errno == EINTR);
	return got > 0 ? (size_t)got : 0;
}

/* Whether the last line is a close record: nobody writes behind one. */
static bool ends_closed(int fd, uint64_t bytes)
{
	char tail[CLOSE_MAX];
	size_t n = bytes < sizeof tail ? (size_t)bytes : sizeof tail;
	const char *from;
	struct record r;

	n = read_at(fd, tail, n, bytes - n);
	while (n && tail[n - 1] == '\n') {
		n--;
	}
	from = n ? memrchr(tail, '\n', n) : NULL;
	from = from ? from + 1 : tail;
	return record_decode(from, (size_t)(tail + n - from), &r) == 1 && r.kind == RECORD_CLOSE;
}

int scan_open(struct scan_file *f, struct err *e)
{
	struct stat st;
	const int fd = open_journal(f, &st, e);

	if (fd < 0) {
		return -1;
	}
	f->damaged = f->whole = 0;
	f->bytes = (uint64_t)st.st_size;
	f->closed = ends_closed(fd, f->bytes);
	close(fd);
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

void scan_take_header(struct scan_file *f, struct json header)
{
	f->dead = header_is_dead(f, header);
	f->unsure = f->dead && !f->closed && !process_same_boot(header);
	f->sure = f->unsure ? scan_last_sync(f) : 0;
}

void scan_read_header(struct scan_file *f)
{
	struct stat st;
	struct record r;
	const char *newline;
	char *text;
	size_t n;
	const int fd = open_journal(f, &st, NULL);

	if (fd < 0) {
		return;
	}
	text = mem_alloc(HEADER_MAX);
	n = read_at(fd, text, HEADER_MAX, 0);
	newline = memchr(text, '\n', n);
	if (newline && record_decode(text, (size_t)(newline - text), &r) &&
	    r.kind == RECORD_HEADER) {
		scan_take_header(f, r.line);
	}
	free(text);
	close(fd);
}

bool scan_writer_gone(const char *rundir, const char *writer)
{
	char xx[JOURNAL_XX];
	struct scan_file f = { .path = NULL };
	bool gone = true;

	journal_xx(writer, xx);
	f.path = mem_printf("%s/journal/%s/%s" JOURNAL_ENDING, rundir, xx, writer);
	if (scan_open(&f, NULL) == 0) {
		scan_read_header(&f);
		gone = f.closed || f.dead;
	}
	free(f.path);
	return gone;
}

/* What a caller's walk is made of: it is told of a file, the inner walk of a number. */
struct plain_walk {
	const struct scan_file *files;
	scan_fn fn;
	void *arg;
};

static int give_plain(void *arg, size_t file, uint64_t offset, const struct record *r)
{
	const struct plain_walk *x = arg;

	return x->fn(x->arg, &x->files[file], offset, r);
}

static int walk_files(struct scan_file *files, size_t n, scan_fn fn, void *arg, struct err *e)
{
	struct plain_walk x = { files, fn, arg };
	const struct scan_walk w = { .files = files, .n = n, .fn = give_plain, .arg = &x };

	return scan_walk(&w, e);
}

int scan_records(const char *rundir, scan_fn fn, void *arg, struct err *e)
{
	struct scan_file *files;
	size_t n;
	int rc = scan_list(rundir, &files, &n, e);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = scan_open(&files[i], e);
	}
	if (rc == 0) {
		rc = walk_files(files, n, fn, arg, e);
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
	char xx[JOURNAL_XX];
	int rc;

	if (!is_writer(writer)) {
		return err_fail(e, "'%.100s' is no writer's name", writer);
	}
	journal_xx(writer, xx);
	f.path = mem_printf("%s/journal/%s/%s" JOURNAL_ENDING, rundir, xx, writer);
	f.writer = mem_dup(writer);
	rc = scan_open(&f, &why);
	if (rc == 0) {
		rc = walk_files(&f, 1, fn, arg, e);
	} else if (errno == ENOENT || errno == ENOTDIR) {
		rc = 0;
	} else if (e && !err_is(e)) {
		*e = why;
	}
	scan_file_release(&f);
	return rc;
}
