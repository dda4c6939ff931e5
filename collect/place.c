/* SPDX-License-Identifier: MIT */
/* Folders for tables, which never lead out of the run's collect/. */
#include "collect/place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/inside.h"
#include "base/mem.h"

/* Makes one folder, or finds it there and inside. */
static int make_folder(const char *base, const char *path, struct err *e)
{
	if (mkdir(path, 0777) == 0)
		return file_sync_name(path, e);
	if (errno != EEXIST)
		return err_errno(e, "cannot make folder '%s'", path);
	return inside_check(base, path, e);
}

static int make_folders(const char *base, char *path, size_t from, struct err *e)
{
	int rc = 0;

	for (char *slash = path + from; rc == 0 && (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		rc = make_folder(base, path, e);
		*slash = '/';
	}
	return rc;
}

char *place_make(const char *base, const char *to, struct err *e)
{
	char *path = path_join(base, to);
	struct stat st;
	int rc;

	rc = inside_check_parent(base, e);
	if (rc == 0)
		rc = file_make_dirs(base, e);
	if (rc == 0)
		rc = make_folders(base, path, strlen(path) - strlen(to), e);
	if (rc == 0 && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		rc = inside_check(base, path, e);
	if (rc == 0)
		return path;
	free(path);
	return NULL;
}
