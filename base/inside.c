/* SPDX-License-Identifier: MIT */
#include "base/inside.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

int inside_check(const char *folder, const char *path, struct err *e)
{
	struct stat st;
	char *base, *real;
	bool inside;
	int number = 0;
	size_t n;

	if (lstat(path, &st) < 0)
		return 0;
	base = realpath(folder, NULL);
	if (!base)
		number = errno;
	real = realpath(path, NULL);
	if (!real)
		number = errno;
	if (number && number != ENOENT && number != ENOTDIR && number != ELOOP) {
		free(base);
		free(real);
		errno = number;
		return err_errno(e, "cannot tell where '%s' leads", path);
	}
	n = base ? strlen(base) : 0;
	if (n == 1) /* "/" */
		n = 0;
	inside = base && real && strncmp(real, base, n) == 0 && (real[n] == '/' || real[n] == '\0');
	free(base);
	free(real);
	return inside ? 0
		      : err_bad(e, "'%s' is a symbolic link that leads out of '%s': remove it",
				path, folder);
}

int inside_check_parent(const char *path, struct err *e)
{
	char *folder = path_dir(path);
	int rc = inside_check(folder, path, e);

	free(folder);
	return rc;
}
