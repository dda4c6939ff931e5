/* SPDX-License-Identifier: MIT */
/*
 * Taking a finished file in: streamed into the packed output; or kept as a file of its own, by
 * renaming it, and only hashed here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "store/journal_internal.h"

#define TAKE_STEP ((size_t)262144)

struct take_tools {
	struct sha256 *hash;
	char *room;
};

struct take_tools *take_tools_new(void)
{
	struct take_tools *t = mem_alloc(sizeof *t);

	t->hash = sha256_new();
	t->room = mem_alloc(TAKE_STEP);
	return t;
}

void take_tools_free(struct take_tools *t)
{
	if (t) {
		sha256_free(t->hash);
		free(t->room);
		free(t);
	}
}

/* ---- begin ---- */

/* Whether the name is still that of the file that was written, and no other name is. */
static bool has_its_name(int fd, const char *path)
{
	struct stat st, now;

	return fstat(fd, &st) == 0 && lstat(path, &now) == 0 && now.st_dev == st.st_dev &&
	       now.st_ino == st.st_ino && now.st_nlink == 1;
}

/* Whether the file can be renamed to files/: that may be a link to another file system. */
static bool can_move(const struct journal *j, const struct take *t)
{
	char *top = path_join(j->rundir, "files");
	struct stat st, folder;
	const bool apart =
		fstat(t->fd, &st) == 0 && stat(top, &folder) == 0 && st.st_dev != folder.st_dev;

	free(top);
	return !apart && has_its_name(t->fd, t->path);
}

void journal_take_begin(struct journal *j, struct take *t)
{
	t->own = t->path && t->len >= OUTPUT_OWN_FILE && can_move(j, t);
	t->offset = j->output_end;
	if (!t->own) {
		j->output_end += t->len; /* what is not filled stays void */
	}
}

/* ---- copy ---- */

static const char *shown_name(const struct take *t)
{
	return t->path ? t->path : t->name;
}

/* Reads up to TAKE_STEP bytes at `at`. 0 at the end of the file. */
static ssize_t read_step(const struct take *t, char *room, uint64_t at, struct err *e)
{
	const uint64_t left = t->len - at;
	ssize_t got;

	do {
		got = pread(t->fd, room, left < TAKE_STEP ? (size_t)left : TAKE_STEP,
			    (off_t)(t->from + at));
	} while (got < 0 && errno == EINTR);
	return got < 0 ? err_errno(e, "cannot read '%s'", shown_name(t)) : got;
}

/* A file that has become shorter meanwhile (a task may truncate its own) is taken as it is. */
int journal_take_copy(const struct journal *j, struct take_tools *tools, struct take *t,
		      struct err *e)
{
	uint64_t at = 0, place = t->offset;

	sha256_begin(tools->hash);
	while (at < t->len) {
		const ssize_t got = read_step(t, tools->room, at, e);

		if (got < 0) {
			return -1;
		}
		if (got == 0) {
			break;
		}
		sha256_add(tools->hash, tools->room, (size_t)got);
		if (!t->own && journal_write_output(j, tools->room, (size_t)got, &place, e) < 0) {
			return -1;
		}
		at += (uint64_t)got;
	}
	sha256_end(tools->hash, t->hash);
	t->len = at;
	if (t->own) {
		return journal_sync_fd(t->fd, t->path, e);
	}
	return at < OUTPUT_OWN_FILE ? 0 : journal_sync_fd(j->output_fd, j->output_path, e);
}

/* ---- end ---- */

/* "<xx>/<writer>-<n>.<name>", of safe characters. */
static char *own_file_name(struct journal *j, const char *name)
{
	char xx[JOURNAL_XX];
	char *s, *full;

	journal_xx(j->writer, xx);
	full = mem_printf("%s/%s-%llu.%.100s", xx, j->writer, (unsigned long long)++j->own_files,
			  name);
	for (s = full + strlen(full) - strnlen(name, 100); *s; s++) {
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		      (*s >= '0' && *s <= '9') || *s == '.' || *s == '-')) {
			*s = '_';
		}
	}
	return full;
}

static int make_files_folder(struct journal *j, const char *file, struct err *e)
{
	char *top = path_join(j->rundir, "files");
	char *full = path_join(top, file);
	char *dir = path_dir(full);
	int rc = 0;

	if (!j->files_made) {
		rc = file_make_dirs(dir, e);
		if (rc == 0 && (file_sync_dir(top, e) < 0 || file_sync_dir(j->rundir, e) < 0)) {
			rc = -1;
		}
		j->files_made = rc == 0;
	}
	free(dir);
	free(full);
	free(top);
	return rc;
}

/*
 * Nothing is left where it lies: then what wrote it may have been cut short, and not have looked. A
 * shorter one tells by itself, for there is no room to pack it.
 */
static bool is_full(int fd)
{
	struct statvfs v;

	return fstatvfs(fd, &v) == 0 && v.f_blocks > 0 &&
	       (geteuid() == 0 ? v.f_bfree : v.f_bavail) == 0;
}

/* Gives the file its place below files/: 0 done, 1 it cannot be renamed there (another file
 * system), -1. */
static int rename_own(struct journal *j, const struct take *t, const char *file, struct err *e)
{
	char *top = path_join(j->rundir, "files");
	char *to = path_join(top, file);
	char *dir = path_dir(to);
	struct stat st;
	int rc = -1, copy;

	if (is_full(t->fd)) {
		errno = ENOSPC;
		err_errno(e,
			  "cannot keep '%s', which may be cut short "
			  "(nothing that was recorded is lost: make room, then run again)",
			  t->path);
		goto out;
	}
	if (make_files_folder(j, file, e) < 0) {
		goto out;
	}
	if (!has_its_name(t->fd, t->path)) {
		rc = 1;
		goto out;
	}
	/* what a process that was left behind has added does not count */
	if (fstat(t->fd, &st) < 0 ||
	    ((uint64_t)st.st_size > t->len && ftruncate(t->fd, (off_t)t->len) < 0)) {
		err_errno(e, "cannot shorten '%s'", t->path);
		goto out;
	}
	if (rename(t->path, to) < 0) {
		rc = errno == EXDEV || errno == ENOENT
			     ? 1
			     : err_errno(e, "cannot keep '%s' as '%s'", t->path, to);
		goto out;
	}
	if (j->n_unsynced == JOURNAL_UNSYNCED && journal_sync(j, e) < 0) {
		goto out;
	}
	copy = fcntl(t->fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0) {
		err_errno(e, "cannot keep '%s'", to);
		goto out;
	}
	j->unsynced[j->n_unsynced++] = copy;
	rc = file_sync_dir(dir, e);
out:
	free(dir);
	free(to);
	free(top);
	return rc;
}

static void put_piece(struct buf *members, const char *file, uint64_t offset, uint64_t len,
		      const uint8_t hash[SHA256_SIZE])
{
	char hex[SHA256_HEX] = "";

	buf_putc(members, '[');
	if (file) {
		json_puts(members, file);
	} else {
		buf_put_u64(members, offset);
	}
	buf_putc(members, ',');
	buf_put_u64(members, len);
	if (len) {
		hex_put(hex, hash, SHA256_SIZE);
	}
	buf_puts(members, ",\"");
	buf_puts(members, hex);
	buf_puts(members, "\"]");
}

void journal_put_piece(struct buf *members, uint64_t offset, const void *p, size_t len)
{
	uint8_t hash[SHA256_SIZE];

	if (len) {
		sha256_of(p, len, hash);
	}
	put_piece(members, NULL, offset, len, hash);
}

int journal_take_end(struct journal *j, struct take_tools *tools, struct take *t,
		     struct buf *members, struct err *e)
{
	char *file = NULL;
	int rc = 0;

	if (t->own) {
		file = own_file_name(j, t->name);
		rc = rename_own(j, t, file, e);
	}
	if (rc == 1) {
		free(file);
		file = NULL;
		t->path = NULL;
		journal_take_begin(j, t);
		rc = journal_take_copy(j, tools, t, e);
	}
	if (rc == 0) {
		j->output_dirty |= !t->own && t->len > 0;
		put_piece(members, file, t->offset, t->len, t->hash);
	}
	free(file);
	return rc;
}
