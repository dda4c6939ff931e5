/* SPDX-License-Identifier: MIT */
/*
 * Removing trees that others made: names are resolved one at a time against an open folder, so that
 * a symbolic link that is put there meanwhile leads nowhere; one folder is open at a time, so that
 * depth has no limit; folders without write permission (package caches) are given it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

/* The way down to the folder that is being emptied. */
struct step {
	char *name; /* in its parent */
	dev_t dev;  /* of the parent: what ".." must lead back to */
	ino_t ino;
};

struct way {
	struct step *steps;
	size_t n, cap;
};

static bool dot_or_dots(const char *s)
{
	return s[0] == '.' && (s[1] == '\0' || (s[1] == '.' && s[2] == '\0'));
}

/* Opens a folder for emptying. */
static int open_dir(int at, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(at, name, flags);
	struct stat st;

	if (fd < 0 && errno == EACCES) {
		if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode) ||
		    fchmodat(at, name, 0700, 0) < 0) {
			errno = EACCES;
			return -1;
		}
		fd = openat(at, name, flags);
	}
	if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700) {
		(void)!fchmod(fd, (st.st_mode & 07777) | 0700);
	}
	return fd;
}

/* Removes what is no full folder; returns the name of the first full one (the caller frees) or
 * NULL, with errno. */
static char *empty_files(int fd)
{
	char *full = NULL;
	struct dirent *entry;
	const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	int number = 0;

	if (!dir) {
		number = errno;
		if (copy >= 0) {
			close(copy);
		}
		errno = number;
		return NULL;
	}
	rewinddir(dir);
	while (!full && (errno = 0, entry = readdir(dir)) != NULL) {
		if (dot_or_dots(entry->d_name) || unlinkat(fd, entry->d_name, 0) == 0 ||
		    errno == ENOENT) {
			continue;
		}
		if (errno != EISDIR && errno != EPERM) {
			break;
		}
		if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
			if (errno != ENOTEMPTY && errno != EEXIST) {
				break;
			}
			full = mem_dup(entry->d_name);
		}
	}
	number = full ? 0 : errno;
	closedir(dir);
	errno = number;
	return full;
}

/* From fd into its folder `name`, which is owned from here on. Returns the new fd, or -1. */
static int way_down(struct way *w, int fd, char *name)
{
	struct stat st;
	const int below = fstat(fd, &st) < 0 ? -1 : open_dir(fd, name);

	if (below < 0) {
		free(name);
		return -1;
	}
	ARRAY_ROOM(w->steps, w->n, w->cap);
	w->steps[w->n++] = (struct step){ name, st.st_dev, st.st_ino };
	close(fd);
	return below;
}

/* Back to the parent, where the emptied folder is removed. Returns the parent's fd, or -1. */
static int way_up(struct way *w, int fd)
{
	struct step *s = &w->steps[w->n - 1];
	struct stat st;
	const int above = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (above < 0) {
		return -1;
	}
	if (fstat(above, &st) < 0 || st.st_dev != s->dev || st.st_ino != s->ino) {
		close(above);
		errno = EBUSY; /* moved meanwhile: what is above is not ours to empty */
		return -1;
	}
	if (unlinkat(above, s->name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY) {
		const int number = errno;

		close(above);
		errno = number;
		return -1;
	}
	free(s->name);
	w->n--;
	close(fd);
	return above;
}

/* Empties the folder that is open as fd, which is closed. */
static int empty_tree(int fd)
{
	struct way w = { NULL, 0, 0 };
	int rc = -1, number;

	for (;;) {
		char *full = empty_files(fd);
		int next;

		if (full) {
			next = way_down(&w, fd, full);
		} else if (errno) {
			break;
		} else if (w.n == 0) {
			rc = 0;
			break;
		} else {
			next = way_up(&w, fd);
		}
		if (next < 0) {
			break;
		}
		fd = next;
	}
	number = errno;
	close(fd);
	while (w.n) {
		free(w.steps[--w.n].name);
	}
	free(w.steps);
	errno = number;
	return rc;
}

int file_remove_tree(const char *path, struct err *e)
{
	int fd;

	if (unlink(path) == 0 || errno == ENOENT) {
		return 0;
	}
	if (errno != EISDIR && errno != EPERM) {
		return err_errno(e, "cannot remove '%s'", path);
	}
	if (rmdir(path) == 0 || errno == ENOENT) {
		return 0;
	}
	fd = open_dir(AT_FDCWD, path);
	if (fd < 0 || empty_tree(fd) < 0 || (rmdir(path) < 0 && errno != ENOENT)) {
		return err_errno(e, "cannot remove '%s'", path);
	}
	return 0;
}
