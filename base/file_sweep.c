/* SPDX-License-Identifier: MIT */
/*
 * What a killed process left half made: files and folders under temporary names, which say who made
 * them: ".KIND-HOST-PID-N". They are removed once that process is gone. It may only seem so, to a
 * container that has the name of another: a file that is being made is locked, too.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"

/* The process that a name of this machine's tells; 0: it is no such name. */
static long maker_of(const char *name)
{
	static const char *const kinds[] = { ".tmp-", ".new-", ".draft-" };
	const size_t host = strnlen(proc_host(), 64);
	long pid = 0;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const size_t n = strlen(kinds[i]);
		char *end;

		if (strncmp(name, kinds[i], n) != 0 || strncmp(name + n, proc_host(), host) != 0 ||
		    name[n + host] != '-') {
			continue;
		}
		pid = strtol(name + n + host + 1, &end, 10);
		if (*end != '-' || end[1] == '\0' || end[1 + strspn(end + 1, "0123456789")]) {
			pid = 0;
		}
	}
	return pid > 0 ? pid : 0;
}

static bool is_gone(long pid)
{
	return kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

static void remove_left(int dir, const char *folder, const char *name)
{
	const int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char *path;

	if (fd < 0) {
		return;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && unlinkat(dir, name, 0) < 0 &&
	    (errno == EISDIR || errno == EPERM)) {
		path = path_join(folder, name);
		(void)file_remove_tree(path, NULL);
		free(path);
	}
	close(fd);
}

void file_sweep(const char *folder)
{
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *d;

	while (dir && (d = readdir(dir)) != NULL) {
		const long pid = d->d_name[0] == '.' ? maker_of(d->d_name) : 0;

		if (pid && is_gone(pid)) {
			remove_left(fd, folder, d->d_name);
		}
	}
	if (dir) {
		closedir(dir);
	} else if (fd >= 0) {
		close(fd);
	}
}
