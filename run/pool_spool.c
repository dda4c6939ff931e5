/* SPDX-License-Identifier: MIT */
/*
 * Spools: the files that a running task's stdout and stderr go to, two a slot.
 *
 * No process of an earlier attempt may hold the file that a later one's output goes to. So an
 * attempt gets new files; or, when the one before was short and left no process, the same ones,
 * emptied: at thousands of tasks a second, making and removing files costs more than the tasks do
 * (ext4 passes over every inode that was freed within the last minute). Who follows a task's
 * output (`log -f`) sees by the change of file that it ended; nobody begins to follow a task of
 * less than a second.
 *
 * They stay open, for a second at most: then they are opened by their names again, so that a run
 * directory that was removed is noticed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "run/pool_internal.h"

#define SHORT_S  1.0
#define REOPEN_S 1.0

/* Appended to, so that programs which open /dev/stdout again, or share one file for both streams,
 * do not write over each other. */
#define SPOOL_FLAGS    (O_RDWR | O_APPEND | O_CLOEXEC)
#define SETTABLE_FLAGS (O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME | O_NONBLOCK) /* by fcntl */

static int open_new(const char *path, struct err *e)
{
	int fd = open(path, SPOOL_FLAGS | O_CREAT | O_EXCL, 0666);

	if (fd < 0 && errno == EEXIST && unlink(path) == 0) {
		fd = open(path, SPOOL_FLAGS | O_CREAT | O_EXCL, 0666);
	}
	if (fd < 0) {
		return err_errno(
			e, "cannot make '%s'%s", path,
			errno == EMFILE
				? " (lower -j, or raise the limit of open files, see ulimit -n)"
				: "");
	}
	return fd;
}

/* The spool of the last attempt, if it may be used again; -1. */
static int open_again(struct pool *p, struct slot *s, int k)
{
	const int fd = s->spool_spare[k];

	s->spool_spare[k] = -1;
	if (fd >= 0 && p->now - s->spool_opened[k] < REOPEN_S) {
		return fd;
	}
	if (fd >= 0) {
		(void)close(fd);
	}
	s->spool_opened[k] = p->now;
	return s->spool_kept[k] ? open(s->spool[k], SPOOL_FLAGS | O_NOFOLLOW) : -1;
}

static int open_spool(struct pool *p, struct slot *s, int k)
{
	static const char *const endings[SPOOL_COUNT] = { "out", "err" };
	int fd;

	if (!s->spool[k]) {
		s->spool[k] = journal_spool_path(p->o->rundir, journal_writer(p->journal),
						 s->number, endings[k]);
	}
	fd = open_again(p, s, k);
	s->spool_kept[k] = s->spool_renamed[k] = s->spool_linked[k] = false;
	s->spool_size[k] = 0;
	return fd >= 0 ? fd : open_new(s->spool[k], &p->fault);
}

int spools_open(struct pool *p, struct slot *s)
{
	s->fd[STREAM_STDOUT] = open_spool(p, s, STREAM_STDOUT);
	if (s->fd[STREAM_STDOUT] < 0) {
		return -1;
	}
	s->fd[STREAM_STDERR] =
		p->spec->results.log ? s->fd[STREAM_STDOUT] : open_spool(p, s, STREAM_STDERR);
	return s->fd[STREAM_STDERR] < 0 ? -1 : 0;
}

/*
 * Whether all our children lead running tasks: whatever an attempt that ended left behind is our
 * child, or has an ancestor that is. Only we reap, so all leaders are in the list, and it is enough
 * to count. False where the kernel does not list children.
 */
static bool leaders_only(struct pool *p, const struct slot *ended)
{
	size_t n, leaders = lane_idle(p);
	pid_t *pids;

	if (usage_children(&p->procs, &pids, &n) < 0) {
		return false;
	}
	for (unsigned k = 0; k < p->n_slots; k++) {
		const struct slot *s = &p->slots[k];

		leaders += s->state == SLOT_RUNNING && s != ended;
	}
	return n == leaders;
}

static bool empty_spool(const struct slot *s, int k)
{
	return s->spool_size[k] == 0 || ftruncate(s->fd[k], 0) == 0;
}

/* Takes back what the last attempt may have done to the open file: its flags, offset and locks.
 * False where that cannot be. */
static bool as_opened(int fd)
{
	struct flock all = { .l_type = F_UNLCK, .l_whence = SEEK_SET };
	const int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & SETTABLE_FLAGS) == O_APPEND && lseek(fd, 0, SEEK_SET) == 0 &&
	       flock(fd, LOCK_UN) == 0 && fcntl(fd, F_OFD_SETLK, &all) == 0;
}

/* After they were taken in: kept for the next attempt in this slot, or removed. */
void spools_drop(struct pool *p, struct slot *s)
{
	const bool keep = s->ended - s->started < SHORT_S && leaders_only(p, s);

	for (int k = 0; k < SPOOL_COUNT; k++) {
		if (s->fd[k] < 0 || (k == STREAM_STDERR && p->spec->results.log)) {
			continue;
		}
		s->spool_kept[k] =
			keep && !s->spool_renamed[k] && !s->spool_linked[k] && empty_spool(s, k);
		if (s->spool_kept[k] && as_opened(s->fd[k])) {
			s->spool_spare[k] = s->fd[k];
			continue;
		}
		if (!s->spool_kept[k]) {
			(void)unlink(
				s->spool[k]); /* not there when it was kept as a file of its own */
		}
		(void)close(s->fd[k]);
	}
	s->fd[0] = s->fd[1] = -1;
}

/* At the end of the pool. What could not be taken in stays, with its output; where no process was
 * started there is none. */
void spools_release(struct pool *p, struct slot *s)
{
	for (int k = 0; k < SPOOL_COUNT; k++) {
		if (s->spool_kept[k] || (s->fd[k] >= 0 && s->pid <= 0)) {
			(void)unlink(s->spool[k]);
		}
		if (s->spool_spare[k] >= 0) {
			(void)close(s->spool_spare[k]);
		}
		if (s->fd[k] >= 0 && !(k == STREAM_STDERR && p->spec->results.log)) {
			(void)close(s->fd[k]);
		}
		free(s->spool[k]);
	}
}
