/* SPDX-License-Identifier: MIT */
/*
 * ppgen log -f. The spool of a command is its own: when it ends, the spool's name goes to another
 * file. That of an interpreter goes on with the output of the next task, so the journal is looked
 * at, too: the end's record says how much of it was this one's.
 */
#include "cmd/log_follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/journal.h"

#define TURN_US   200000
#define LOOKS     5                 /* turns between two looks whether the worker is still there */
#define READ_MOST ((size_t)4 << 20) /* bytes of a journal in one turn; a line is shorter */

struct follower {
	const struct attempt *a;
	int spool, journal; /* -1: it is not there */
	uint64_t journal_at;
	uint64_t begin, shown; /* of the spool */
	uint64_t most;         /* bytes that are this attempt's; UINT64_MAX: not known yet */
	struct buf text;
};

/* The end's record, when it has been written. */
static bool take_line(struct follower *f, const char *line, size_t len)
{
	struct record r;
	if (!record_decode(line, len, &r) || r.kind != RECORD_END ||
	    r.attempt != f->a->rec.attempt || memcmp(r.id, f->a->rec.id, TASK_ID_SIZE) != 0)
		return false;
	f->most = record_stream(&r, STREAM_STDOUT).len;
	return true;
}

static bool has_ended(struct follower *f)
{
	ssize_t n;
	buf_clear(&f->text);
	buf_room(&f->text, READ_MOST);
	if (f->journal < 0 ||
	    (n = pread(f->journal, f->text.data, READ_MOST, (off_t)f->journal_at)) <= 0)
		return false;
	const char *p = f->text.data, *end = p + n, *nl;
	for (; p < end && (nl = memchr(p, '\n', (size_t)(end - p))); p = nl + 1)
		if (take_line(f, p, (size_t)(nl - p)))
			return true;
	f->journal_at += (uint64_t)(p - f->text.data);
	return false;
}

static int copy(struct follower *f, const char *path, struct err *e)
{
	char chunk[8192];
	while (f->shown < f->most) {
		const uint64_t left = f->most - f->shown;
		const ssize_t n = pread(f->spool, chunk, left < sizeof chunk ? left : sizeof chunk,
					(off_t)(f->begin + f->shown));
		if (n < 0)
			return err_errno(e, "'%s'", path);
		if (n == 0)
			break;
		fwrite(chunk, 1, (size_t)n, stdout);
		f->shown += (uint64_t)n;
	}
	return fflush(stdout) ? err_errno(e, "stdout, from '%s'", path) : 0;
}

static int open_journal(struct follower *f, const struct scan *s)
{
	for (size_t i = 0; i < s->n_files; i++) {
		if (strcmp(s->files[i].writer, f->a->writer) == 0) {
			f->journal_at = s->files[i].whole;
			return open(s->files[i].path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		}
	}
	return -1;
}

int log_follow(const char *rundir, const struct scan *s, const struct attempt *a, struct err *e)
{
	struct follower f = { .a = a, .most = UINT64_MAX };
	struct stat mine, now;
	int r = 0;
	if (!a || a->ended)
		return err_bad(e, "this task is not running: leave out -f");
	char *path = journal_spool_path(rundir, a->writer, a->rec.slot, "out");
	f.begin = attempt_begins(a, STREAM_STDOUT);
	f.spool = open(path, O_RDONLY | O_CLOEXEC);
	f.journal = open_journal(&f, s);
	bool over = f.spool < 0 || fstat(f.spool, &mine) < 0;
	for (unsigned turn = 0; r == 0 && !over; turn++) {
		over = has_ended(&f) || stat(path, &now) < 0 || now.st_ino != mine.st_ino ||
		       (turn % LOOKS == 0 && scan_writer_gone(rundir, a->writer));
		r = copy(&f, path, e);
		if (!over && r == 0)
			usleep(TURN_US);
	}
	if (f.spool >= 0)
		close(f.spool);
	if (f.journal >= 0)
		close(f.journal);
	buf_free(&f.text);
	free(path);
	return r;
}
