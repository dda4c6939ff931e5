/* SPDX-License-Identifier: MIT */
/* Folders for tables, which never lead out of the run's collect/. */
#include "collect/place.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

/* Whether path, with its links followed, is base or below it. */
static bool is_inside(const char *base, const char *path)
{
	char *real = realpath(path, NULL);
	const size_t n = strlen(base);
	bool inside;

	inside = real && strncmp(real, base, n) == 0 && (real[n] == '/' || real[n] == '\0');
	free(real);
	return inside;
}

static int leads_out(const char *path, struct err *e)
{
	return err_bad(
		e, "'%s' is a symbolic link that leads out of the run's collect folder: remove it",
		path);
}

/* Makes one folder, or finds it there and inside. */
static int make_folder(const char *base, const char *path, struct err *e)
{
	if (mkdir(path, 0777) == 0)
		return file_sync_name(path, e);
	if (errno != EEXIST)
		return err_errno(e, "cannot make folder '%s'", path);
	return is_inside(base, path) ? 0 : leads_out(path, e);
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
	char *real = NULL;
	struct stat st;
	int rc;

	rc = file_make_dirs(base, e);
	if (rc == 0 && !(real = realpath(base, NULL)))
		rc = err_errno(e, "cannot use folder '%s'", base);
	if (rc == 0)
		rc = make_folders(real, path, strlen(path) - strlen(to), e);
	if (rc == 0 && lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && !is_inside(real, path))
		rc = leads_out(path, e);
	free(real);
	if (rc == 0)
		return path;
	free(path);
	return NULL;
}
