/* SPDX-License-Identifier: MIT */
/* Writing files so that others see all of one or nothing: a temporary name, fsync, then rename or
 * link. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"

int file_write_fd(int fd, const void *p, size_t n, const char *name, struct err *e)
{
	const char *at = p;

	while (n) {
		const ssize_t put = write(fd, at, n);

		if (put >= 0) {
			at += put;
			n -= (size_t)put;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			struct pollfd ready = { .fd = fd, .events = POLLOUT };

			poll(&ready, 1, -1);
		} else if (errno != EINTR) {
			return err_errno(e, "cannot write '%s'", name);
		}
	}
	return 0;
}

int file_sync_fd(int fd)
{
	int rc;

	do {
		rc = fsync(fd);
	} while (rc < 0 && errno == EINTR);
	return rc < 0 && (errno == EINVAL || errno == EROFS || errno == ENOTSUP) ? 0 : rc;
}

int file_sync_dir(const char *path, struct err *e)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc, number;

	if (fd < 0) {
		return err_errno(e, "cannot open folder '%s'", path);
	}
	rc = file_sync_fd(fd);
	if (rc < 0) {
		err_errno(e, "cannot sync folder '%s'", path);
	}
	number = errno;
	close(fd);
	errno = number;
	return rc;
}

int file_sync_name(const char *path, struct err *e)
{
	char *dir = path_dir(path);
	struct err why = ERR_INIT;
	int rc = file_sync_dir(dir, &why), number;

	if (rc < 0 && (errno == EACCES || errno == EPERM)) {
		rc = 0;
	} else if (rc < 0 && e && !err_is(e)) {
		*e = why;
	}
	number = errno;
	free(dir);
	errno = number;
	return rc;
}

/* ".tmp-HOST-PID-N" beside path: of this process and call alone, and hidden from file_list. */
static char *temporary_name(const char *path)
{
	static unsigned counter;
	char *dir = path_dir(path);
	char *host = mem_dupn(proc_host(), strnlen(proc_host(), 64));
	char *name, *full;

	for (char *s = host; *s; s++) {
		if (*s == '/') {
			*s = '_';
		}
	}
	name = mem_printf(".tmp-%s-%ld-%u", host, (long)getpid(), counter++);
	full = path_join(dir, name);
	free(dir);
	free(host);
	free(name);
	return full;
}

/* Opens what stands at d->path where it is neither a file nor absent: a device, a pipe. 1 when it
 * did. */
static int draft_open_special(struct file_draft *d, struct err *e)
{
	struct stat st;
	char *target;

	if (lstat(d->path, &st) < 0) {
		return 0;
	}
	if (S_ISLNK(st.st_mode) && (target = realpath(d->path, NULL)) != NULL) {
		free(d->path);
		d->path = target;
	}
	if (stat(d->path, &st) < 0 || S_ISREG(st.st_mode)) {
		return 0;
	}
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return err_errno(e, "cannot write '%s'", d->path);
	}
	d->fd = open(d->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	return d->fd < 0 ? err_errno(e, "cannot write '%s'", d->path) : 1;
}

int file_draft_open(struct file_draft *d, const char *path, struct err *e)
{
	int special;

	*d = (struct file_draft){ -1, NULL, mem_dup(path) };
	special = draft_open_special(d, e);
	while (special == 0 && d->fd < 0) {
		free(d->temporary);
		d->temporary = temporary_name(d->path);
		d->fd = open(d->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			     0666);
		if (d->fd >= 0) {
			(void)flock(d->fd, LOCK_EX | LOCK_NB); /* for file_sweep */
		}
		if (d->fd < 0 && errno != EEXIST && errno != EINTR) {
			err_errno(e, "cannot write '%s'", path);
			free(d->temporary); /* which was never made */
			d->temporary = NULL;
			special = -1;
		}
	}
	if (special < 0) {
		file_draft_drop(d);
		return -1;
	}
	return 0;
}

void file_draft_drop(struct file_draft *d)
{
	const int number = errno;

	if (d->fd >= 0) {
		close(d->fd);
	}
	if (d->temporary) {
		unlink(d->temporary);
	}
	free(d->temporary);
	free(d->path);
	*d = (struct file_draft){ -1, NULL, NULL };
	errno = number;
}

/*
 * Gives the temporary file its name unless that is taken: 1 then. NFS may report a link that it
 * made as one that was there, because the answer was lost and the call repeated: a second link to
 * our file tells.
 */
static int link_new(const char *temporary, const char *path)
{
	struct stat st;

	if (link(temporary, path) == 0) {
		return 0;
	}
	if (errno == EEXIST) {
		return stat(temporary, &st) == 0 && st.st_nlink == 2 ? 0 : 1;
	}
	if (errno == EPERM || errno == ENOTSUP || errno == ENOSYS || errno == EMLINK) {
		/* a file system without hard links */
		if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
			return 0;
		}
		return errno == EEXIST ? 1 : -1;
	}
	return -1;
}

int file_draft_publish(struct file_draft *d, bool replace, struct err *e)
{
	int rc = 0, closed, number;

	if (d->temporary && file_sync_fd(d->fd) < 0) {
		rc = err_errno(e, "cannot sync '%s'", d->path);
		goto out;
	}
	closed = close(d->fd);
	d->fd = -1;
	if (closed < 0 && errno != EINTR) {
		rc = err_errno(e, "cannot write '%s'", d->path);
		goto out;
	}
	if (!d->temporary) {
		goto out;
	}
	if (replace) {
		rc = rename(d->temporary, d->path);
		if (rc == 0) {
			free(d->temporary);
			d->temporary = NULL;
		}
	} else {
		rc = link_new(d->temporary, d->path);
	}
	if (rc < 0) {
		err_errno(e, "cannot publish '%s'", d->path);
	} else if (rc == 0) {
		rc = file_sync_name(d->path, e);
	}
out:
	number = errno;
	file_draft_drop(d);
	errno = number;
	return rc;
}

static int publish(const char *path, const void *p, size_t n, bool replace, struct err *e)
{
	struct file_draft d;

	if (file_draft_open(&d, path, e) < 0) {
		return -1;
	}
	if (file_write_fd(d.fd, p, n, path, e) < 0) {
		file_draft_drop(&d);
		return -1;
	}
	return file_draft_publish(&d, replace, e);
}

int file_publish(const char *path, const void *p, size_t n, struct err *e)
{
	return publish(path, p, n, true, e);
}

int file_publish_new(const char *path, const void *p, size_t n, struct err *e)
{
	struct stat st;

	if (lstat(path, &st) == 0) { /* most losers of a race need not write at all */
		return 1;
	}
	return publish(path, p, n, false, e);
}
