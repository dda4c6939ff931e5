/* SPDX-License-Identifier: MIT */
/*
 * Files and paths. Everything is opened O_CLOEXEC, short writes are continued, EINTR is retried,
 * close and fsync are checked when writing. Messages name the file. A file that cannot be opened
 * for reading because of its name or its rights is ERR_BAD, all else ERR_SYSTEM; errno is kept.
 *
 * After a power loss, no more is taken for granted than POSIX says: a file's bytes and size outlast
 * it once the file was synced, a name (made, renamed, linked, removed) once its folder was. What
 * was not synced may be there or not, in any order and in any part, a size without its bytes
 * included; only a rename is there as a whole or not at all.
 */
#ifndef PPGEN_BASE_FILE_H
#define PPGEN_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends the whole of a file to b; more than `most` bytes (0: no limit) is an error. */
int file_read(const char *path, struct buf *b, uint64_t most, struct err *e);

int file_write_fd(int fd, const void *p, size_t n, const char *name, struct err *e);

/*
 * A file in the making, for what is too large for memory: write to fd, then publish (1 when `path`
 * is there already and `replace` is false), or drop. Publish closes and drops in any case; dropping
 * twice is fine. A symbolic link at `path` is followed, and a device or a pipe there is written to
 * directly, so that -o /dev/null does what it says.
 */
struct file_draft {
	int fd;
	char *temporary; /* NULL when written to directly */
	char *path;
};
int file_draft_open(struct file_draft *d, const char *path, struct err *e);
int file_draft_publish(struct file_draft *d, bool replace, struct err *e);
void file_draft_drop(struct file_draft *d);

/* Removes from a folder what processes of this machine that are gone left under temporary names:
 * drafts of files, and of plans and submissions. */
void file_sweep(const char *folder);

/* Publishes a file whole: temporary name in the same folder, write, fsync, rename, fsync of the
 * folder. */
int file_publish(const char *path, const void *p, size_t n, struct err *e);
/* As file_publish, by link(): 1 when `path` is there already (and left as it is). */
int file_publish_new(const char *path, const void *p, size_t n, struct err *e);

/* fsync, begun again when it was interrupted; file systems and devices that know none are taken at
 * their word. -1 with errno. */
int file_sync_fd(int fd);
int file_sync_dir(const char *path, struct err *e);
/* Syncs the folder that a path stands in, where we may read it. */
int file_sync_name(const char *path, struct err *e);
/* mkdir -p, 0777 less umask; the names of folders that it made are durable. */
int file_make_dirs(const char *path, struct err *e);
int file_remove_tree(const char *path,
		     struct err *e); /* follows no symbolic link; absent is fine */
bool file_exists(const char *path);
/* Certainly not there: a file that could not be looked at may be, and reading it will tell. */
bool file_absent(const char *path);

/* Names in a folder that do not begin with a dot, sorted bytewise; *names and its strings in one
 * block: free(*names). */
int file_list(const char *path, char ***names, size_t *n, struct err *e);

/*
 * A file's bytes for reading: mapped where possible, else read. An empty file has data "" and len
 * 0.
 *
 * Somebody may shorten the file while it is mapped: then zeros stand where bytes are missing (see
 * file_view.c), and the view is torn. So whoever believes what it read asks file_view_check when it
 * is done, unless a hash tells. -1 there: "'path' became shorter while it was read".
 */
struct guarded;
struct file_view {
	const char *data;
	size_t len;
	bool mapped;
	struct guarded *guard;
};
int file_view(const char *path, struct file_view *v, struct err *e);
int file_view_check(const struct file_view *v, const char *path, struct err *e);
bool file_view_torn(const struct file_view *v); /* as check, but blind within the last page */
void file_view_free(struct file_view *v);
/* Maps the first len bytes of an open file; false where it cannot be. fd may be closed after it. */
bool file_view_map(int fd, size_t len, struct file_view *v);

/* Joins with one slash; an absolute b stands for itself. The caller frees. */
char *path_join(const char *a, const char *b);
char *path_dir(const char *p);        /* "." when there is no slash; the caller frees */
const char *path_name(const char *p); /* after the last slash; borrowed */
char *path_absolute(const char *p);   /* against the working folder, "." and ".." resolved as text;
					 the caller frees */

#endif
