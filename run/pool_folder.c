/* SPDX-License-Identifier: MIT */
/*
 * The folders of an attempt: {scratch}, empty at its start and removed when it was good; {keep},
 * which lasts over attempts until one is good and durable: not before, or a crash of the machine
 * could take both the result and what it was made from.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "run/pool_internal.h"

/* 0 made, 1 it was there. Only we may enter. */
static int make_folder(const char *path, struct err *e)
{
	char *dir;
	int rc;

	if (mkdir(path, 0700) == 0) {
		return 0;
	}
	if (errno == ENOENT) {
		dir = path_dir(path);
		rc = file_make_dirs(dir, e);
		free(dir);
		if (rc < 0) {
			return -1;
		}
		if (mkdir(path, 0700) == 0) {
			return 0;
		}
	}
	return errno == EEXIST ? 1 : err_errno(e, "cannot make the folder '%s'", path);
}

/* An empty folder: what an earlier attempt left is removed. */
int folder_scratch(const char *path, struct err *e)
{
	const int r = make_folder(path, e);

	if (r != 1) {
		return r;
	}
	if (file_remove_tree(path, e) < 0) {
		return -1;
	}
	return mkdir(path, 0700) == 0 ? 0 : err_errno(e, "cannot make the folder '%s'", path);
}

/* The folder with what earlier attempts left in it; fresh: these no longer count. */
int folder_keep(const char *path, bool fresh, struct err *e)
{
	struct stat st;
	int r;

	if (fresh) {
		return folder_scratch(path, e);
	}
	r = make_folder(path, e);
	if (r == 1 && (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))) {
		return err_bad(e, "'%s' is no folder: remove it", path);
	}
	return r < 0 ? -1 : 0;
}

void folder_scratch_done(struct slot *s, enum outcome outcome)
{
	if (s->scratch && outcome == OUTCOME_OK) {
		(void)file_remove_tree(s->scratch, NULL); /* a folder that stays does no harm */
	}
	free(s->scratch);
	s->scratch = NULL;
}

void folder_keep_done(struct pool *p, struct slot *s, enum outcome outcome)
{
	if (s->keep && outcome == OUTCOME_OK) {
		ARRAY_ROOM(p->done, p->n_done, p->cap_done);
		p->done[p->n_done++] = s->keep;
	} else {
		free(s->keep);
	}
	s->keep = NULL;
}

void folder_synced(struct pool *p)
{
	while (p->n_done) {
		char *path = p->done[--p->n_done];

		(void)file_remove_tree(path, NULL);
		free(path);
	}
}

void folder_close(struct pool *p)
{
	while (p->n_done) {
		/* no test: after a sync that failed; not durable: they stay */
		free(p->done[--p->n_done]);
	}
	free(p->done);
	if (p->o->scratch) {
		(void)rmdir(p->o->scratch); /* ours; it stays where something is kept in it */
	}
}
