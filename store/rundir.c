/* SPDX-License-Identifier: MIT */
/*
 * The run directory's outer form. What stands in it:
 *
 *   ppgen.json            {"format":1}: marks the folder as ours
 *   plan/0001/            frozen plans (gen/plan.h)
 *   inputs/               what was fetched
 *   claims/               who works here (store/hold.c)
 *   journal/<xx>/         a .jsonl file a writer (store/journal.c)
 *   output/<xx>/          a packed .out file a writer, and the spools of its slots
 *   files/<xx>/           large kept files
 *   collect/              tables, and published.json (store/scan_publish.c)
 *   scratch/              the tasks' scratch folders
 *
 * The last five but journal and output are made by those who need them.
 */
#include "store/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#define MARK     "ppgen.json"
#define MARK_MAX 65536

static const char *const folders[] = { "plan", "claims", "journal", "output" };

void rundir_umask(const char *rundir)
{
	struct stat st;

	if (stat(rundir, &st) == 0) {
		const mode_t before = umask(077);

		(void)umask(before & ~(st.st_mode & 0777));
	}
}

char *rundir_path(const char *rundir, const char *what)
{
	return path_join(rundir, what);
}

bool rundir_is(const char *path)
{
	char *mark = path_join(path, MARK);
	struct stat st;
	const bool is = stat(mark, &st) == 0 && S_ISREG(st.st_mode);

	free(mark);
	return is;
}

int rundir_find(const char *path, struct err *e)
{
	char *mark = path_join(path, MARK);
	struct stat st;
	int rc = stat(mark, &st) == 0 ? S_ISREG(st.st_mode) : -1;

	if (rc < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		rc = 0;
	} else if (rc < 0) {
		const bool named = errno == EACCES || errno == ELOOP || errno == ENAMETOOLONG;

		err_errno(e, "cannot look at '%s'", mark);
		if (named && e) {
			e->kind = ERR_BAD;
		}
	}
	free(mark);
	return rc;
}

int rundir_check(const char *path, struct err *e)
{
	char *mark = path_join(path, MARK);
	struct buf b = BUF_INIT;
	struct json v;
	uint64_t format;
	int rc = -1;

	if (!rundir_is(path)) {
		err_bad(e, "'%s' is no run directory: there is no '" MARK "' in it", path);
		goto out;
	}
	if (file_read(mark, &b, MARK_MAX, e) < 0) {
		goto out;
	}
	if (json_parse(buf_str(&b), b.len, &v, NULL) < 0 ||
	    !json_u64(json_get(v, "format"), &format) || format == 0) {
		err_bad(e, "'%s' is damaged: it should be {\"format\":%d}", mark, RUNDIR_FORMAT);
		goto out;
	}
	if (format > RUNDIR_FORMAT) {
		err_bad(e,
			"'%s' has format %llu, but this ppgen knows formats up to %d: "
			"use a newer ppgen",
			path, (unsigned long long)format, RUNDIR_FORMAT);
		goto out;
	}
	rc = 0;
out:
	buf_free(&b);
	free(mark);
	return rc;
}

/* Nothing in it but what a publisher of MARK may have in the making; -1 when it cannot be read. */
static int folder_is_empty(const char *path, struct err *e)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int empty = 1;

	if (!dir) {
		return err_errno(e, "cannot read '%s'", path);
	}
	while (empty == 1 && (errno = 0, entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;

		empty = strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
			strncmp(name, ".tmp-", 5) == 0;
	}
	if (empty == 1 && errno) {
		empty = err_errno(e, "cannot read '%s'", path);
	}
	closedir(dir);
	return empty;
}

/* The remedy is the same whatever is wrong with the place; whose folder it is explains most of the
 * rest. */
static int not_writable(const char *path, struct err *e)
{
	const int number = errno;
	const struct passwd *owner;
	struct stat st;

	if (stat(path, &st) == 0 && st.st_uid != geteuid()) {
		owner = getpwuid(st.st_uid);
		errno = number;
		return err_bad(e,
			       "cannot write in '%s', which belongs to %s (%s): "
			       "name another folder with -d DIR",
			       path, owner ? owner->pw_name : "somebody else", strerror(number));
	}
	errno = number;
	return err_bad(e, "cannot write in '%s' (%s): name another folder with -d DIR", path,
		       strerror(number));
}

/* Makes the folder itself, and the mark in it. */
static int make_mark(const char *path, struct err *e)
{
	char *mark = path_join(path, MARK);
	char *text = mem_printf("{\"format\":%d}\n", RUNDIR_FORMAT);
	struct err why = ERR_INIT;
	struct stat st;
	int rc = -1, empty;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
		err_bad(e, "'%s' is no folder: name another with -d DIR", path);
		goto out;
	}
	if (file_make_dirs(path, &why) < 0) {
		if (errno == ENOSPC || errno == EDQUOT || errno == EIO) {
			err_fail(e, "%s", why.text);
		} else {
			err_bad(e, "%s: name another folder with -d DIR", why.text);
		}
		goto out;
	}
	empty = folder_is_empty(path, e);
	if (empty < 0) {
		goto out;
	}
	if (!empty && !rundir_is(path)) { /* asked last: another process may be making it */
		err_bad(e,
			"'%s' is neither empty nor a run directory: "
			"name another folder with -d DIR",
			path);
		goto out;
	}
	if (file_publish_new(mark, text, strlen(text), &why) < 0) {
		if (errno == EACCES || errno == EPERM || errno == EROFS) {
			not_writable(path, e);
		} else if (e && !err_is(e)) {
			*e = why;
		}
		goto out;
	}
	rc = 0;
out:
	free(text);
	free(mark);
	return rc;
}

int rundir_create(const char *path, struct err *e)
{
	struct err why = ERR_INIT;

	if (!rundir_is(path) && make_mark(path, e) < 0) {
		return -1;
	}
	if (rundir_check(path, e) < 0) {
		return -1;
	}
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		char *folder = path_join(path, folders[i]);
		int rc = file_make_dirs(folder, &why);

		if (rc == 0 && access(folder, W_OK | X_OK) < 0) {
			rc = not_writable(folder, e);
		} else if (rc < 0 && (errno == EACCES || errno == EPERM || errno == EROFS)) {
			not_writable(path, e);
		} else if (rc < 0 && e && !err_is(e)) {
			*e = why;
		}
		free(folder);
		if (rc < 0) {
			return -1;
		}
	}
	/* whoever made these may have been killed before he had synced them */
	return file_sync_dir(path, e) < 0 ? -1 : file_sync_name(path, e);
}
