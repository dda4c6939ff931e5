/* SPDX-License-Identifier: MIT */
/*
 * Result files: what was there before an attempt, and what is there after it. One that counts must
 * have been written by this attempt: it was not there before, or is not the same as before, or was
 * written since the start by the clock that stamps local files.
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
#include "base/text.h"
#include "run/pool_internal.h"

#define RESULT_FILE_MAX (UINT64_C(2) << 30)
#define PATH_SHOWN      400
#define TICK_NS         20000000 /* the clock that stamps files goes by steps of less */

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool is_earlier(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

static int64_t ns_between(struct timespec a, struct timespec b)
{
	return (b.tv_sec - a.tv_sec) * INT64_C(1000000000) + (b.tv_nsec - a.tv_nsec);
}

int results_note(struct pool *p, struct slot *s, const struct launch_place *at, const char *workdir)
{
	const struct results *rs = &p->spec->results;
	struct stat st;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &s->started_at);
	for (size_t k = 0; k < rs->n_files; k++) {
		struct result_place *r = &s->results[k];

		buf_clear(&p->text);
		if (task_path(&s->job->task, p->o->plan, at, rs->files[k].path, &p->text,
			      &p->fault) < 0) {
			return -1;
		}
		*r = (struct result_place){ .path = path_join(workdir, buf_str(&p->text)) };
		if (stat(r->path, &st) == 0) {
			r->there = true;
			r->ahead = ns_between(s->started_at, st.st_mtim) > TICK_NS;
			r->mtime = st.st_mtim;
			r->ctime = st.st_ctim;
			r->ino = st.st_ino;
			r->size = st.st_size;
		}
	}
	return 0;
}

void results_forget(struct pool *p, struct slot *s)
{
	for (size_t k = 0; k < p->spec->results.n_files; k++) {
		free(s->results[k].path);
		s->results[k].path = NULL;
	}
}

static bool is_fresh(const struct slot *s, const struct result_place *r, const struct stat *st)
{
	return !r->there || st->st_ino != r->ino || st->st_size != r->size ||
	       !same_time(st->st_mtim, r->mtime) || !same_time(st->st_ctim, r->ctime) ||
	       (!r->ahead && !is_earlier(st->st_mtim, s->started_at));
}

/* O_NONBLOCK: a pipe in its place must not hold us up. */
static int open_file(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* What another node wrote may not be seen here yet: NFS believes for half a minute that a name is
 * not there, unless its folder is read. */
static int open_remote(const char *path)
{
	char *folder = path_dir(path);
	DIR *d = opendir(folder);

	if (d) {
		(void)readdir(d);
		(void)closedir(d);
	}
	free(folder);
	return open_file(path);
}

/* Opens result file k; false and t->why when it cannot count. */
static bool open_result(struct pool *p, const struct slot *s, size_t k, struct taking *t)
{
	const struct result_file *rf = &p->spec->results.files[k];
	const struct result_place *r = &s->results[k];
	struct take *to = &t->left[STREAM_COUNT + k].take;
	const char *fault = NULL;
	struct stat st;
	int fd = open_file(r->path);

	if (fd < 0 && errno == ENOENT && s->job->task.res.nodes > 1) {
		fd = open_remote(r->path);
	}
	if (fd < 0) {
		fault = errno == ENOENT || errno == ENOTDIR ? "is not there"
			: errno == EACCES                   ? "may not be read"
							    : "cannot be opened";
	} else if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		fault = "is not a regular file";
	} else if (!is_fresh(s, r, &st)) {
		fault = "is older than the start of the task";
	} else if ((uint64_t)st.st_size > RESULT_FILE_MAX) {
		fault = "has more than 2G";
	}
	if (!fault) {
		*to = (struct take){ .fd = fd, .name = rf->name, .len = (uint64_t)st.st_size };
		t->bytes += to->len;
		return true;
	}
	if (t->why.len == 0) { /* the path as the spec has it: failures are grouped by this text */
		const char *path = ptext_source(rf->path);

		buf_printf(&t->why, "result file '%s': '", rf->name);
		text_put_shown(&t->why, path, strlen(path), PATH_SHOWN);
		buf_printf(&t->why, "' %s", fault);
	}
	if (fd >= 0) {
		(void)close(fd);
	}
	return false;
}

void results_open(struct pool *p, const struct slot *s, struct taking *t)
{
	const struct results *rs = &p->spec->results;
	bool good = true;

	bool asked = rs->n_files > 0;

	for (size_t k = 0; k < STREAM_COUNT; k++) {
		asked |= rs->stream[k].format != FORMAT_NONE;
	}
	if (!asked) {
		return;
	}
	for (size_t k = 0; k < rs->n_files; k++) {
		good &= open_result(p, s, k, t);
	}
	t->judged = good;
	if (!good) {
		t->outcome = OUTCOME_INVALID;
	}
}
