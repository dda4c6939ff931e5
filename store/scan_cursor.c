/* SPDX-License-Identifier: MIT */
/*
 * Where the last fold ended: <rundir>/cache/scan. A status of 10^6 finished tasks reads 16 MB of it
 * rather than 500 MB of journals. It is a memory and no more: where it is absent, damaged, made by
 * another machine's layout, for another plan or after another publication, or where a journal is
 * not as it was, all is read anew. It is not written where what was read may yet change: behind
 * damage in a journal that is not closed (pages of a shared file system may arrive out of order),
 * or after output that could not be read.
 *
 * A head; the states, 16 bytes a task; for each journal how far it was read, with its name; open
 * starts, voids, doubles and ends as the fold holds them; the CRC-32C of all that. The bytes are
 * those of memory, hence the head's sizes and mark.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "store/rundir.h"
#include "store/scan_internal.h"

#define CURSOR         "cache/scan"
#define CURSOR_NEW     "cache/.scan.new"
#define CURSOR_VERSION 1
#define MARK           UINT32_C(0x01020304)
#define WORTH          (UINT64_C(4) << 20) /* bytes of journals: fewer are read quickly enough */
#define ABANDONED_S    600                 /* a new one that old was left by a killed process */
#define TAIL           64                  /* bytes before the place that must be as they were */
#define ITEMS_MOST     (UINT64_C(1) << 28) /* of a kind; what asks for more is not believed */
#define CHUNK          4096                /* states that are written at once */

struct cursor_head {
	char magic[8];
	uint32_t version, mark, plan, published;
	uint32_t state_size, open_size;
	uint64_t count, n_files, n_open, n_voids, n_doubles, n_ends;
	uint64_t foreign, names; /* bytes of all names */
	uint64_t any_stale;
	char code[CODE_HEX], results[RESULTS_HEX];
	char pad[6];
};

struct cursor_file {
	uint64_t whole, damaged;
	uint32_t tail; /* CRC-32C of the TAIL bytes before `whole` */
	uint32_t name; /* bytes of its name */
};

/* ---- what it must agree with ---- */

static uint32_t published_now(const struct scan *s)
{
	char *path = rundir_path(s->rundir, PUBLISHED);
	struct buf b = BUF_INIT;
	uint32_t crc = 0;

	if (file_exists(path) && file_read(path, &b, 0, NULL) == 0) {
		crc = crc32c(1, b.data, b.len);
	}
	buf_free(&b);
	free(path);
	return crc;
}

static struct cursor_head make_head(const struct scan *s)
{
	struct cursor_head h;

	memset(&h, 0, sizeof h); /* what pads it too */
	memcpy(h.magic, "ppgscan", sizeof h.magic);
	h.version = CURSOR_VERSION;
	h.mark = MARK;
	h.plan = s->plan->number;
	h.published = published_now(s);
	h.state_size = sizeof(struct task_state);
	h.open_size = sizeof(struct open_start);
	h.count = s->count;
	memcpy(h.code, s->plan->code, sizeof h.code);
	memcpy(h.results, s->plan->results, sizeof h.results);
	return h;
}

/* Whether two are for the same, whatever they hold. */
static bool same_head(const struct cursor_head *a, const struct cursor_head *b)
{
	return memcmp(a, b, offsetof(struct cursor_head, n_files)) == 0 &&
	       memcmp(a->code, b->code, sizeof a->code) == 0 &&
	       memcmp(a->results, b->results, sizeof a->results) == 0;
}

/* "ab/host-time-chance.jsonl" */
static const char *file_name(const struct scan_file *f)
{
	const char *slash = strrchr(f->path, '/');

	while (slash > f->path && slash[-1] != '/') {
		slash--;
	}
	return slash;
}

static bool tail_crc(const struct scan_file *f, uint64_t whole, uint32_t *crc)
{
	char tail[TAIL];
	const size_t n = whole < TAIL ? (size_t)whole : TAIL;
	const int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const bool read = fd >= 0 && pread(fd, tail, n, (off_t)(whole - n)) == (ssize_t)n;

	if (fd >= 0) {
		close(fd);
	}
	*crc = read ? crc32c(0, tail, n) : 0;
	return read;
}

/* ---- reading ---- */

struct cursor_in {
	int fd;
	uint32_t crc;
	bool failed;
};

static void get(struct cursor_in *in, void *p, size_t n)
{
	char *at = p;

	while (n > 0 && !in->failed) {
		const ssize_t got = read(in->fd, at, n);

		if (got > 0) {
			in->crc = crc32c(in->crc, at, (size_t)got);
			at += got;
			n -= (size_t)got;
		} else if (got == 0 || errno != EINTR) {
			in->failed = true;
		}
	}
}

static void *get_items(struct cursor_in *in, uint64_t n, size_t size)
{
	void *items;

	if (in->failed || n > ITEMS_MOST || n == 0) {
		in->failed |= n > ITEMS_MOST;
		return NULL;
	}
	items = mem_array((size_t)n, size);
	get(in, items, (size_t)n * size);
	return items;
}

struct loaded {
	struct cursor_head head;
	struct task_state *tasks;
	struct cursor_file *files;
	char *names;
	struct open_start *open;
	struct voided *voids;
	struct place *doubles;
	struct ended *ends;
	uint32_t *map; /* its numbers of files -> ours */
};

static void loaded_free(struct loaded *l)
{
	free(l->tasks);
	free(l->files);
	free(l->names);
	free(l->open);
	free(l->voids);
	free(l->doubles);
	free(l->ends);
	free(l->map);
}

static bool read_all(struct cursor_in *in, const struct scan *s, struct loaded *l)
{
	const struct cursor_head now = make_head(s);
	uint32_t crc, sum;

	get(in, &l->head, sizeof l->head);
	if (in->failed || !same_head(&l->head, &now) || l->head.names > ITEMS_MOST) {
		return false;
	}
	l->tasks = get_items(in, l->head.count, sizeof *l->tasks);
	l->files = get_items(in, l->head.n_files, sizeof *l->files);
	l->names = get_items(in, l->head.names, 1);
	l->open = get_items(in, l->head.n_open, sizeof *l->open);
	l->voids = get_items(in, l->head.n_voids, sizeof *l->voids);
	l->doubles = get_items(in, l->head.n_doubles, sizeof *l->doubles);
	l->ends = get_items(in, l->head.n_ends, sizeof *l->ends);
	sum = in->crc;
	get(in, &crc, sizeof crc);
	return !in->failed && crc == sum;
}

/* Finds its journals among ours, which stand in the same order. */
static bool map_files(const struct scan *s, struct loaded *l)
{
	const char *name = l->names, *const end = name + l->head.names;
	size_t k = 0;

	l->map = mem_array((size_t)l->head.n_files + 1, sizeof *l->map);
	for (size_t i = 0; i < l->head.n_files; i++, k++) {
		const struct cursor_file *x = &l->files[i];
		uint32_t crc;

		if (x->name > (size_t)(end - name)) {
			return false;
		}
		while (k < s->n_files && (strlen(file_name(&s->files[k])) != x->name ||
					  memcmp(file_name(&s->files[k]), name, x->name) != 0)) {
			k++;
		}
		if (k == s->n_files || s->files[k].bytes < x->whole ||
		    !tail_crc(&s->files[k], x->whole, &crc) || crc != x->tail) {
			return false;
		}
		if (!s->files[k].closed) {
			scan_read_header(&s->files[k]);
		}
		if (s->files[k].unsure && s->files[k].sure < x->whole) {
			return false; /* a power loss may have taken output since then */
		}
		l->map[i] = (uint32_t)k;
		name += x->name;
	}
	return true;
}

/* The same numbers of files as ours, and nothing out of bounds. */
static bool renumber(struct loaded *l)
{
	const uint64_t n = l->head.n_files, count = l->head.count;
	bool sound = true;

	for (uint64_t i = 0; i < count; i++) {
		struct task_state *t = &l->tasks[i];

		sound &= t->file < n || (t->file == 0 && t->outcome == OUTCOME_NONE);
		sound &= t->outcome < OUTCOME_COUNT;
		t->file = t->file < n ? l->map[t->file] : 0;
	}
	for (uint64_t i = 0; i < l->head.n_open; i++) {
		sound &= l->open[i].file < n;
		sound &= l->open[i].index < count || l->open[i].index == UINT64_MAX;
		l->open[i].file = l->open[i].file < n ? l->map[l->open[i].file] : 0;
	}
	for (uint64_t i = 0; i < l->head.n_doubles; i++) {
		sound &= l->doubles[i].file < n && l->doubles[i].index < count;
		l->doubles[i].file = l->doubles[i].file < n ? l->map[l->doubles[i].file] : 0;
	}
	for (uint64_t i = 0; i < l->head.n_voids; i++) {
		sound &= l->voids[i].index < count;
	}
	return sound;
}

/* Moves what was read into the scan. */
static uint64_t *take_up(struct scan *s, struct loaded *l, struct open_start **was_open,
			 size_t *n_open)
{
	struct scan_private *p = s->priv;
	uint64_t *from = mem_array(s->n_files, sizeof *from);

	free(s->tasks);
	s->tasks = l->tasks;
	p->voids = l->voids;
	p->n_voids = p->cap_voids = (size_t)l->head.n_voids;
	p->doubles =
		(struct places){ l->doubles, (size_t)l->head.n_doubles, (size_t)l->head.n_doubles };
	p->ends = l->ends;
	p->n_ends = p->cap_ends = (size_t)l->head.n_ends;
	p->any_stale = l->head.any_stale != 0;
	s->foreign = l->head.foreign;
	*was_open = l->open;
	*n_open = (size_t)l->head.n_open;
	for (size_t i = 0; i < l->head.n_files; i++) {
		struct scan_file *f = &s->files[l->map[i]];

		from[l->map[i]] = f->whole = l->files[i].whole;
		f->damaged = l->files[i].damaged;
		p->remembered += f->whole;
	}
	l->tasks = NULL;
	l->voids = NULL;
	l->doubles = NULL;
	l->ends = NULL;
	l->open = NULL;
	return from;
}

uint64_t *cursor_load(struct scan *s, struct open_start **was_open, size_t *n_open)
{
	char *path = rundir_path(s->rundir, CURSOR);
	struct cursor_in in = { .fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) };
	struct loaded l = { .tasks = NULL };
	uint64_t *from = NULL;

	free(path);
	if (in.fd < 0) {
		return NULL;
	}
	if (s->plan->number > 0 && read_all(&in, s, &l) && map_files(s, &l) && renumber(&l)) {
		from = take_up(s, &l, was_open, n_open);
	}
	close(in.fd);
	loaded_free(&l);
	return from;
}

/* ---- writing ---- */

struct cursor_out {
	int fd;
	uint32_t crc;
	bool failed;
};

static void put(struct cursor_out *out, const void *p, size_t n)
{
	if (n > 0 && !out->failed) {
		out->crc = crc32c(out->crc, p, n);
		out->failed = file_write_fd(out->fd, p, n, CURSOR, NULL) < 0;
	}
}

/* Without the flags that are found anew each time. */
static void put_states(struct cursor_out *out, const struct scan *s)
{
	struct task_state *room = mem_array(CHUNK, sizeof *room);

	for (uint64_t at = 0; at < s->count; at += CHUNK) {
		const size_t n = s->count - at < CHUNK ? (size_t)(s->count - at) : CHUNK;

		memcpy(room, s->tasks + at, n * sizeof *room);
		for (size_t i = 0; i < n; i++) {
			room[i].flags &= TASK_STALE | TASK_REREAD;
		}
		put(out, room, n * sizeof *room);
	}
	free(room);
}

static bool put_files(struct cursor_out *out, const struct scan *s)
{
	for (size_t i = 0; i < s->n_files; i++) {
		const struct scan_file *f = &s->files[i];
		struct cursor_file x = { .whole = f->whole,
					 .damaged = f->damaged,
					 .name = (uint32_t)strlen(file_name(f)) };

		if (!tail_crc(f, f->whole, &x.tail)) {
			return false; /* no test: a journal that went away since it was read */
		}
		put(out, &x, sizeof x);
	}
	for (size_t i = 0; i < s->n_files; i++) {
		put(out, file_name(&s->files[i]), strlen(file_name(&s->files[i])));
	}
	return true;
}

static bool put_all(struct cursor_out *out, const struct scan *s)
{
	const struct scan_private *p = s->priv;
	struct cursor_head h = make_head(s);

	h.n_files = s->n_files;
	h.n_open = s->n_open;
	h.n_voids = p->n_voids;
	h.n_doubles = p->doubles.n;
	h.n_ends = p->n_ends;
	h.foreign = s->foreign;
	h.any_stale = p->any_stale;
	for (size_t i = 0; i < s->n_files; i++) {
		h.names += strlen(file_name(&s->files[i]));
	}
	put(out, &h, sizeof h);
	put_states(out, s);
	if (!put_files(out, s)) {
		return false;
	}
	put(out, s->open, s->n_open * sizeof *s->open);
	put(out, p->voids, p->n_voids * sizeof *p->voids);
	put(out, p->doubles.items, p->doubles.n * sizeof *p->doubles.items);
	put(out, p->ends, p->n_ends * sizeof *p->ends);
	put(out, &(uint32_t){ out->crc }, sizeof out->crc);
	return !out->failed;
}

/* Made by nobody else at this time: -1 when somebody does. */
static int open_new(const char *path)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	struct stat st;
	int fd = open(path, flags, 0666);

	if (fd < 0 && errno == EEXIST && lstat(path, &st) == 0) {
		const double age = difftime(time(NULL), st.st_mtime);

		if ((age > ABANDONED_S || age < -ABANDONED_S) && unlink(path) == 0) {
			fd = open(path, flags, 0666);
		}
	}
	return fd;
}

/* Whether all that was read stays as it is, and enough is new. */
static bool is_worth(const struct scan *s)
{
	uint64_t known = 0;

	if (s->plan->number == 0 || s->damaged_output > 0 || s->count > ITEMS_MOST) {
		return false;
	}
	for (size_t i = 0; i < s->n_files; i++) {
		if (s->files[i].damaged > 0 && !s->files[i].closed) {
			return false;
		}
		known += s->files[i].whole;
	}
	return known >= WORTH && known - s->priv->remembered >= WORTH / 4 + s->count * 8;
}

void cursor_save(struct scan *s)
{
	char *dir = rundir_path(s->rundir, "cache");
	char *path = rundir_path(s->rundir, CURSOR);
	char *fresh = rundir_path(s->rundir, CURSOR_NEW);
	struct cursor_out out = { .fd = -1 };

	if (is_worth(s) && file_make_dirs(dir, NULL) == 0) {
		out.fd = open_new(fresh);
	}
	if (out.fd >= 0) {
		const bool whole = put_all(&out, s);

		if (close(out.fd) < 0 || !whole || rename(fresh, path) < 0) {
			unlink(fresh);
		}
	}
	free(fresh);
	free(path);
	free(dir);
}
