/* SPDX-License-Identifier: MIT */
/* Files that are hashed for a plan: looked at once, hashed only when no older plan knows them as
 * they are. */
#include "gen/plan_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"

/*
 * A file changed this shortly before it was hashed may change again without a new mtime (file
 * systems count in steps of up to a second), so its hash is never lent.
 */
#define RACY_NS    INT64_C(1100000000)
#define HASH_TRIES 3

/* One folder of a walk; the chain upward finds links that lead back. */
struct level {
	const struct level *up;
	dev_t dev;
	ino_t ino;
};

struct walk {
	struct plan_files *list;
	struct sha256 *h;
	struct buf path, label;
	size_t files;
};

static int by_inode(const void *pa, const void *pb)
{
	const struct plan_file *a = *(const struct plan_file *const *)pa;
	const struct plan_file *b = *(const struct plan_file *const *)pb;

	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	return a->ino < b->ino ? -1 : a->ino > b->ino;
}

void plan_files_init(struct plan_files *l, const struct plan *old)
{
	*l = (struct plan_files){ .paths = textset_new() };
	if (!old || !old->n_files)
		return;
	l->lend = mem_array(old->n_files, sizeof *l->lend);
	for (size_t k = 0; k < old->n_files; k++) {
		if (!old->files[k].racy)
			l->lend[l->n_lend++] = &old->files[k];
	}
	qsort(l->lend, l->n_lend, sizeof *l->lend, by_inode);
}

void plan_file_free(struct plan_file *f)
{
	free(f->path);
}

void plan_files_free(struct plan_files *l)
{
	for (size_t k = 0; k < l->n; k++)
		plan_file_free(&l->items[k]);
	free(l->items);
	free(l->lend);
	textset_free(l->paths);
	*l = (struct plan_files){ 0 };
}

bool plan_files_is_rundir(const char *path)
{
	char *mark = path_join(path, "ppgen.json");
	char *plans = path_join(path, "plan");
	bool is = file_exists(mark) && file_exists(plans);

	free(mark);
	free(plans);
	return is;
}

static void stat_into(struct plan_file *f, const struct stat *st)
{
	f->dev = (uint64_t)st->st_dev;
	f->ino = (uint64_t)st->st_ino;
	f->size = (uint64_t)st->st_size;
	f->mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static bool same_stat(const struct plan_file *a, const struct plan_file *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns;
}

static const struct plan_file *lent(const struct plan_files *l, const struct plan_file *f)
{
	const struct plan_file *const *hit;

	if (!l->n_lend)
		return NULL;
	hit = bsearch(&f, l->lend, l->n_lend, sizeof *l->lend, by_inode);
	return hit && same_stat(*hit, f) ? *hit : NULL;
}

static bool is_racy(const struct plan_file *f)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - f->mtime_ns < RACY_NS;
}

/* Fills f's hash, lent or computed; a file that changes meanwhile is read again. */
static int hash_file(const struct plan_files *l, struct plan_file *f, const struct stat *first,
		     struct err *e)
{
	struct stat st = *first;

	for (int try = 0; try < HASH_TRIES; try++) {
		uint8_t sum[SHA256_SIZE];
		struct plan_file after = { 0 };
		const struct plan_file *known;

		stat_into(f, &st);
		known = lent(l, f);
		if (known) {
			memcpy(f->sha256, known->sha256, sizeof f->sha256);
			return 0;
		}
		f->racy = is_racy(f);
		if (sha256_file(f->path, sum, e) < 0)
			return -1;
		if (stat(f->path, &st) < 0)
			return err_errno(e, "cannot look at '%s'", f->path);
		stat_into(&after, &st);
		if (same_stat(f, &after)) {
			hex_put(f->sha256, sum, sizeof sum);
			return 0;
		}
	}
	return err_bad(e, "'%s' changes while it is read: wait until nobody writes it", f->path);
}

static int put_file(struct walk *w, const struct stat *st, struct err *e)
{
	struct plan_files *l = w->list;
	bool added;
	size_t k = textset_add(l->paths, w->path.data, w->path.len, &added);

	if (added) {
		struct plan_file *f;

		ARRAY_ROOM(l->items, l->n, l->cap);
		f = &l->items[l->n++];
		*f = (struct plan_file){ .path = mem_dupn(w->path.data, w->path.len) };
		if (hash_file(l, f, st, e) < 0)
			return -1;
	}
	if (w->h) {
		sha256_add_framed(w->h, "file", 4);
		sha256_add_framed(w->h, w->label.data, w->label.len);
		sha256_add_framed(w->h, l->items[k].sha256, SHA256_HEX - 1);
	}
	return 0;
}

static int put_folder(struct walk *w, const struct level *here, struct err *e);

/* One name of a folder, appended to the walk's path already. */
static int put_entry(struct walk *w, const struct level *up, const char *name, struct err *e)
{
	struct stat st;

	if (stat(w->path.data, &st) < 0)
		return errno == ENOENT || errno == ELOOP
			       ? 0
			       : err_errno(e, "cannot look at '%s'", w->path.data);
	if (S_ISREG(st.st_mode)) {
		if (++w->files > PLAN_FOLDER_MAX)
			return err_bad(e, "it has more than %d files: name the files that matter",
				       PLAN_FOLDER_MAX);
		return put_file(w, &st, e);
	}
	if (!S_ISDIR(st.st_mode) || strcmp(name, "__pycache__") == 0 ||
	    plan_files_is_rundir(w->path.data))
		return 0;
	for (const struct level *l = up; l; l = l->up) {
		if (l->dev == st.st_dev && l->ino == st.st_ino)
			return 0;
	}
	return put_folder(w, &(struct level){ up, st.st_dev, st.st_ino }, e);
}

static void cut(struct buf *b, size_t len)
{
	b->len = len;
	b->data[len] = '\0';
}

static int put_folder(struct walk *w, const struct level *here, struct err *e)
{
	size_t path_len = w->path.len, label_len = w->label.len;
	char **names = NULL;
	size_t n = 0;
	int rc = file_list(w->path.data, &names, &n, e);

	for (size_t k = 0; k < n && rc == 0; k++) {
		if (w->path.data[path_len - 1] != '/')
			buf_putc(&w->path, '/');
		buf_puts(&w->path, names[k]);
		buf_putc(&w->label, '/');
		buf_puts(&w->label, names[k]);
		rc = put_entry(w, here, names[k], e);
		cut(&w->path, path_len);
		cut(&w->label, label_len);
	}
	free(names);
	return rc;
}

int plan_files_put(struct plan_files *l, const char *path, const char *label, struct sha256 *h,
		   struct err *e)
{
	struct walk w = { .list = l, .h = h };
	struct stat st;
	int rc;

	if (stat(path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? 1
			       : err_errno(e, "cannot look at '%s'", path);
	buf_puts(&w.path, path);
	buf_puts(&w.label, label);
	if (S_ISREG(st.st_mode)) {
		rc = put_file(&w, &st, e);
	} else if (S_ISDIR(st.st_mode)) {
		rc = put_folder(&w, &(struct level){ NULL, st.st_dev, st.st_ino }, e);
		if (rc == 0 && w.files == 0)
			rc = err_bad(e, "the folder has no files");
	} else {
		rc = err_bad(e, "it is neither a file nor a folder");
	}
	buf_free(&w.path);
	buf_free(&w.label);
	return rc;
}
