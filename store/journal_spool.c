/* SPDX-License-Identifier: MIT */
/*
 * Taking a finished spool in. Small ones, which is nearly all of them, are read whole and packed by
 * one write; larger ones are streamed; from OUTPUT_OWN_FILE bytes the file itself is kept, by
 * renaming it, and only hashed here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "store/journal_internal.h"

#define SPOOL_STEP ((size_t)65536)

/* Reads up to SPOOL_STEP bytes at `at` into j->room. 0 at the end of the file. */
static ssize_t spool_read(struct journal *j, int fd, uint64_t at, uint64_t left, const char *path,
			  struct err *e)
{
	const size_t want = left < SPOOL_STEP ? (size_t)left : SPOOL_STEP;
	size_t have = 0;

	if (!j->room) {
		j->room = mem_alloc(SPOOL_STEP);
	}
	while (have < want) {
		const ssize_t got = pread(fd, j->room + have, want - have, (off_t)(at + have));

		if (got == 0) {
			break;
		}
		if (got > 0) {
			have += (size_t)got;
		} else if (errno != EINTR) {
			return err_errno(e, "cannot read '%s'", path ? path : "a task's output");
		}
	}
	return (ssize_t)have;
}

/*
 * Walks the first *len bytes: hashes them, and with `pack` appends them to the packed output. A
 * file that has become shorter meanwhile (a task may truncate its own) is taken as it is: *len is
 * then less.
 */
static int spool_stream(struct journal *j, int fd, uint64_t *len, bool pack, const char *path,
			uint64_t *offset, uint8_t hash[SHA256_SIZE], struct err *e)
{
	uint64_t at = 0, place;

	*offset = j->output_end;
	sha256_begin(j->hash);
	while (at < *len) {
		const ssize_t got = spool_read(j, fd, at, *len - at, path, e);

		if (got < 0) {
			return -1;
		}
		if (got == 0) {
			break;
		}
		sha256_add(j->hash, j->room, (size_t)got);
		if (pack && journal_output(j, j->room, (size_t)got, &place, e) < 0) {
			return -1;
		}
		at += (uint64_t)got;
	}
	sha256_end(j->hash, hash);
	*len = at;
	return 0;
}

/* One read, one hash in one go, one write. */
static int spool_small(struct journal *j, int fd, uint64_t *len, const char *path, uint64_t *offset,
		       uint8_t hash[SHA256_SIZE], struct err *e)
{
	const ssize_t got = *len ? spool_read(j, fd, 0, *len, path, e) : 0;

	if (got < 0) {
		return -1;
	}
	*len = (uint64_t)got;
	sha256_of(j->room ? j->room : "", (size_t)got, hash);
	return journal_output(j, j->room, (size_t)got, offset, e);
}

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

/* Gives the spool its place below files/: 0 done, 1 it cannot be renamed there (another file
 * system), -1. */
static int spool_rename(struct journal *j, int fd, const char *path, uint64_t len, const char *file,
			struct err *e)
{
	char *top = path_join(j->rundir, "files");
	char *to = path_join(top, file);
	char *dir = path_dir(to);
	struct stat st, now;
	int rc = -1, copy;

	if (make_files_folder(j, file, e) < 0) {
		goto out;
	}
	if (fstat(fd, &st) < 0) {
		err_errno(e, "cannot read '%s'", path);
		goto out;
	}
	/* the name must still be that of what was read, and nobody else's file by another name */
	if (lstat(path, &now) < 0 || now.st_dev != st.st_dev || now.st_ino != st.st_ino ||
	    now.st_nlink != 1) {
		rc = 1;
		goto out;
	}
	if ((uint64_t)st.st_size > len && truncate(path, (off_t)len) < 0) {
		err_errno(e, "cannot shorten '%s'", path);
		goto out;
	}
	if (rename(path, to) < 0) {
		rc = errno == EXDEV || errno == ENOENT
			     ? 1
			     : err_errno(e, "cannot keep '%s' as '%s'", path, to);
		goto out;
	}
	if (j->n_unsynced == JOURNAL_UNSYNCED && journal_sync(j, e) < 0) {
		goto out;
	}
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
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

int journal_take_spool(struct journal *j, int fd, const char *path, uint64_t len, const char *name,
		       struct buf *members, bool *renamed, struct err *e)
{
	const bool own = path && len >= OUTPUT_OWN_FILE;
	char *file = NULL;
	uint8_t hash[SHA256_SIZE];
	uint64_t offset = 0;
	int rc = -1;

	*renamed = false;
	if (len <= SPOOL_STEP) {
		rc = spool_small(j, fd, &len, path, &offset, hash, e);
	} else {
		rc = spool_stream(j, fd, &len, !own, path, &offset, hash, e);
	}
	if (rc == 0 && own) {
		file = own_file_name(j, name);
		rc = spool_rename(j, fd, path, len, file, e);
		if (rc == 1) {
			free(file);
			file = NULL;
			rc = spool_stream(j, fd, &len, true, path, &offset, hash, e);
		} else {
			*renamed = rc == 0;
		}
	}
	if (rc == 0) {
		put_piece(members, file, offset, len, hash);
	}
	free(file);
	return rc;
}
