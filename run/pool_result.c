/* SPDX-License-Identifier: MIT */
/*
 * What a task left: its streams and result files, judged, and the files kept. A result file must
 * have been written by this attempt: it was not there before, or is not the same as before, or was
 * written since the start by the clock that stamps local files.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "run/pool_internal.h"

#define RESULT_FILE_MAX (UINT64_C(2) << 30)
#define READ_MAX        (UINT64_C(8) << 20) /* what is larger is mapped, not read */
#define PATH_SHOWN      400
#define TICK_NS         20000000 /* the clock that stamps files goes by steps of less */

/* A file's bytes. */
struct view {
	int fd;
	char *data;
	size_t len;
	bool got, mapped;
};

/* What the judge asks for. */
struct exhibits {
	const struct slot *slot;
	struct view *views; /* STREAM_COUNT and the result files */
};

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

/* Opens result file k; false and p->why when it cannot count. */
static bool open_result(struct pool *p, const struct slot *s, size_t k, struct view *v)
{
	const struct result_place *r = &s->results[k];
	const char *fault = NULL;
	struct stat st;

	v->fd = open_file(r->path);
	if (v->fd < 0 && errno == ENOENT && s->job->task.res.nodes > 1) {
		v->fd = open_remote(r->path);
	}
	if (v->fd < 0) {
		fault = errno == ENOENT || errno == ENOTDIR ? "is not there"
			: errno == EACCES                   ? "may not be read"
							    : "cannot be opened";
	} else if (fstat(v->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		fault = "is not a regular file";
	} else if (!is_fresh(s, r, &st)) {
		fault = "is older than the start of the task";
	} else if ((uint64_t)st.st_size > RESULT_FILE_MAX) {
		fault = "has more than 2G";
	}
	if (!fault) {
		v->len = (size_t)st.st_size;
		return true;
	}
	if (p->why.len == 0) { /* the path as the spec has it: failures are grouped by this text */
		const char *path = ptext_source(p->spec->results.files[k].path);

		buf_printf(&p->why, "result file '%s': '", p->spec->results.files[k].name);
		text_put_shown(&p->why, path, strlen(path), PATH_SHOWN);
		buf_printf(&p->why, "' %s", fault);
	}
	if (v->fd >= 0) {
		(void)close(v->fd);
		v->fd = -1;
	}
	return false;
}

/* Reads a view's file; what became shorter since is taken as it is. */
static int view_read(struct view *v, struct err *e)
{
	size_t have = 0;
	ssize_t n;

	v->data = mem_alloc(v->len + 1);
	while (have < v->len) {
		n = pread(v->fd, v->data + have, v->len - have, (off_t)have);
		if (n == 0) {
			break;
		}
		if (n > 0) {
			have += (size_t)n;
		} else if (errno != EINTR) {
			return err_errno(e, "cannot read a task's output");
		}
	}
	v->len = have;
	return 0;
}

static int view_map(struct view *v, struct err *e)
{
	void *at = mmap(NULL, v->len, PROT_READ, MAP_PRIVATE, v->fd, 0);

	if (at == MAP_FAILED) {
		return err_errno(e, "cannot map a task's output");
	}
	v->data = at;
	v->mapped = true;
	return 0;
}

static void view_free(struct view *v)
{
	if (v->mapped) {
		(void)munmap(v->data, v->len);
	} else {
		free(v->data);
	}
}

/* A judge_get. */
static int exhibit(void *arg, size_t which, const char **data, size_t *len, struct err *e)
{
	struct exhibits *x = arg;
	struct view *v = &x->views[which];
	struct stat st;

	if (!v->got && which < STREAM_COUNT) {
		if (fstat(x->slot->fd[which], &st) < 0) {
			return err_errno(e, "cannot read '%s'", x->slot->spool[which]);
		}
		v->fd = x->slot->fd[which];
		v->len = (size_t)st.st_size;
	}
	if (!v->got && v->len > 0 && (v->len <= READ_MAX ? view_read(v, e) : view_map(v, e)) < 0) {
		return -1;
	}
	v->got = true;
	*data = v->len ? v->data : "";
	*len = v->len;
	return 0;
}

/* Packs the result files that are there: ,"f":{"trace":[OFF,LEN,"SHA"]}. */
static int keep_results(struct pool *p, struct view *files)
{
	const struct results *rs = &p->spec->results;
	bool first = true, renamed;

	for (size_t k = 0; k < rs->n_files; k++) {
		if (files[k].fd < 0) {
			continue;
		}
		buf_puts(&p->pieces, first ? ",\"f\":{" : ",");
		json_puts(&p->pieces, rs->files[k].name);
		buf_putc(&p->pieces, ':');
		if (journal_take_spool(p->journal, files[k].fd, NULL, files[k].len,
				       rs->files[k].name, &p->pieces, &renamed, &p->fault) < 0) {
			return -1;
		}
		first = false;
	}
	if (!first) {
		buf_putc(&p->pieces, '}');
	}
	return 0;
}

int results_take(struct pool *p, struct slot *s, enum outcome *out)
{
	const struct results *rs = &p->spec->results;
	const size_t n = rs->n_files;
	struct view *views;
	struct exhibits x;
	bool good = true;
	int rc = -1, r;

	*out = OUTCOME_OK;
	if (n == 0 && rs->stream[0].format == FORMAT_NONE && rs->stream[1].format == FORMAT_NONE) {
		return 0;
	}
	views = mem_array(STREAM_COUNT + n, sizeof *views);
	x = (struct exhibits){ s, views };
	for (size_t k = 0; k < n; k++) {
		good &= open_result(p, s, k, &views[STREAM_COUNT + k]);
	}
	if (good) {
		r = judge_run(p->judge, exhibit, &x, &p->row, &p->why, &p->fault);
		if (r < 0) {
			goto out;
		}
		good = r > 0;
	}
	*out = good ? OUTCOME_OK : OUTCOME_INVALID;
	rc = keep_results(p, views + STREAM_COUNT);
out:
	for (size_t k = 0; k < STREAM_COUNT + n; k++) {
		view_free(&views[k]);
		if (k >= STREAM_COUNT && views[k].fd >= 0) {
			(void)close(views[k].fd);
		}
	}
	free(views);
	return rc;
}
