/* SPDX-License-Identifier: MIT */
/*
 * One writer's journal. A record is one write() to a file that nobody else writes; what was written
 * stays, whatever happens to this process. A write that was cut short leaves half a line: the next
 * one begins with a newline, so that only the half line is lost, which was never acknowledged.
 */
#include "store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "store/journal_internal.h"
#include "store/process.h"
#include "store/record.h"

#define HOST_MAX   40
#define NAME_TRIES 8

void journal_xx(const char *writer, char xx[JOURNAL_XX])
{
	const uint32_t crc = crc32c(0, writer, strlen(writer));
	const uint8_t byte = (uint8_t)(crc ^ crc >> 8 ^ crc >> 16 ^ crc >> 24);

	hex_put(xx, &byte, 1);
}

char *journal_spool_path(const char *rundir, const char *writer, unsigned slot, const char *ending)
{
	char xx[JOURNAL_XX];

	journal_xx(writer, xx);
	return mem_printf("%s/output/%s/%s.%u.%s", rundir, xx, writer, slot, ending);
}

const char *journal_writer(const struct journal *j)
{
	return j->writer;
}

const char *journal_output_file(const struct journal *j)
{
	return j->output_path + strlen(j->rundir) + 1;
}

/* HOST-TIME-CHANCE, of letters, digits, '.', '_' and '-' only: it becomes a file's name. */
static int make_writer(char **out, struct err *e)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	char host[HOST_MAX + 1], when[16], chance[9];
	const char *name = proc_host();
	size_t n = strnlen(name, HOST_MAX), at = sizeof when - 1;
	uint64_t ms = proc_unix_ms();
	uint8_t bytes[4];

	for (size_t i = 0; i < n; i++) {
		const char c = name[i];
		const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				   (c >= '0' && c <= '9') || (i > 0 && (c == '-' || c == '.'));

		host[i] = plain ? c : '_';
	}
	host[n] = '\0';
	when[at] = '\0';
	do {
		when[--at] = digits[ms % 36];
		ms /= 36;
	} while (ms && at);
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
		return err_errno(e, "cannot get random bytes from the system");
	}
	hex_put(chance, bytes, sizeof bytes);
	*out = mem_printf("%s-%s-%s", host, when + at, chance);
	return 0;
}

/* Makes <rundir>/<kind>/<xx>/<name>, which must be new; 1 when it is not. */
static int create_file(const struct journal *j, const char *kind, const char *ending, int flags,
		       int *fd, char **path, struct err *e)
{
	char xx[JOURNAL_XX];
	char *top = path_join(j->rundir, kind);
	char *dir;
	int rc = -1;

	journal_xx(j->writer, xx);
	dir = path_join(top, xx);
	free(*path);
	*path = mem_printf("%s/%s%s", dir, j->writer, ending);
	if (file_make_dirs(dir, e) < 0) {
		goto out;
	}
	*fd = open(*path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | flags, 0666);
	if (*fd < 0) {
		rc = errno == EEXIST ? 1 : err_errno(e, "cannot make '%s'", *path);
		goto out;
	}
	if (file_sync_dir(dir, e) < 0 || file_sync_dir(top, e) < 0) {
		goto out;
	}
	rc = 0;
out:
	free(dir);
	free(top);
	return rc;
}

static int create_files(struct journal *j, struct err *e)
{
	int rc = 1;

	for (int i = 0; rc == 1 && i < NAME_TRIES; i++) {
		free(j->writer);
		j->writer = NULL;
		if (make_writer(&j->writer, e) < 0) {
			return -1;
		}
		/* the output first: then every journal that is there has one */
		rc = create_file(j, "output", ".out", 0, &j->output_fd, &j->output_path, e);
		if (rc == 0) {
			rc = create_file(j, "journal", ".jsonl", O_APPEND, &j->fd, &j->path, e);
			if (rc == 1) { /* no test: the name was drawn before, without output */
				close(j->output_fd);
				j->output_fd = -1;
			}
		}
	}
	return rc == 1 ? err_fail(e, "cannot make '%s': it is there already", j->path) : rc;
}

static void journal_drop(struct journal *j)
{
	const int number = errno;

	for (size_t i = 0; i < j->n_unsynced; i++) {
		close(j->unsynced[i]);
	}
	if (j->fd >= 0) {
		close(j->fd);
	}
	if (j->output_fd >= 0) {
		close(j->output_fd);
	}
	buf_free(&j->line);
	buf_free(&j->held_lines);
	buf_free(&j->held_output);
	free(j->path);
	free(j->output_path);
	free(j->writer);
	free(j->rundir);
	free(j);
	errno = number;
}

static int append_header(struct journal *j, unsigned plan, const char *members, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	buf_puts(&b, "{\"k\":\"header\",\"v\":");
	buf_put_u64(&b, JOURNAL_FORMAT);
	json_put_key(&b, "writer");
	json_puts(&b, j->writer);
	buf_printf(&b, ",\"plan\":%u,\"time\":%llu", plan, (unsigned long long)proc_unix_ms());
	process_put_self(&b);
	if (members[0]) {
		buf_putc(&b, ',');
		buf_puts(&b, members);
	}
	rc = journal_append(j, b.data, b.len, e);
	buf_free(&b);
	return rc;
}

struct journal *journal_create(const char *rundir, unsigned plan, const char *header_members,
			       struct err *e)
{
	struct journal *j = mem_alloc(sizeof *j);

	j->rundir = mem_dup(rundir);
	j->fd = j->output_fd = -1;
	/* synced, so that whatever outlasts a power loss has its header */
	if (create_files(j, e) < 0 || append_header(j, plan, header_members, e) < 0 ||
	    journal_sync_fd(j->fd, j->path, e) < 0) {
		journal_drop(j);
		return NULL;
	}
	return j;
}

/* One write of the line: how much of it is on file. */
static size_t write_line(struct journal *j)
{
	ssize_t put;

	do {
		put = write(j->fd, j->line.data, j->line.len);
	} while (put < 0 && errno == EINTR);
	if (put > 0) {
		j->dirty = true;
		j->torn = j->line.data[put - 1] != '\n';
		if ((size_t)put < j->line.len) {
			errno = ENOSPC; /* what cuts a write to a file short; a second one tells for
					   sure */
		}
	}
	return put > 0 ? (size_t)put : 0;
}

/* Writes lines that are whole. What a write that was cut short left of them is tried once more, the
 * line that it tore from its beginning. */
static int write_lines(struct journal *j, const char *lines, size_t len, struct err *e)
{
	for (int i = 0; i < 2 && len > 0; i++) {
		const size_t skip = j->torn ? 1 : 0;
		size_t put;

		buf_clear(&j->line);
		if (skip) {
			buf_putc(&j->line, '\n');
		}
		buf_add(&j->line, lines, len);
		put = write_line(j);
		if (put == j->line.len) {
			return 0;
		}
		if (put == 0) {
			break;
		}
		for (put -= put > 0 ? skip : 0; put > 0 && lines[put - 1] != '\n'; put--) {
		}
		lines += put;
		len -= put;
	}
	return len == 0 ? 0
			: err_errno(e,
				    "cannot record in '%s' (nothing that was recorded is lost: "
				    "make room, then run again)",
				    j->path);
}

int journal_append(struct journal *j, const char *members, size_t len, struct err *e)
{
	size_t from = j->held_lines.len;
	int rc;

	if (memchr(members, '\n', len)) {
		return err_fail(e, "a record for '%s' holds a line break", j->path);
	}
	buf_add(&j->held_lines, members, len);
	record_seal(&j->held_lines, from);
	if (j->held) {
		return 0;
	}
	rc = write_lines(j, j->held_lines.data, j->held_lines.len, e);
	buf_clear(&j->held_lines);
	return rc;
}

int journal_write_output(const struct journal *j, const void *p, size_t n, uint64_t *place,
			 struct err *e)
{
	const char *at = p;

	while (n) {
		const ssize_t put = pwrite(j->output_fd, at, n, (off_t)*place);

		if (put > 0) {
			*place += (uint64_t)put;
			at += put;
			n -= (size_t)put;
		} else if (put == 0 || errno != EINTR) {
			if (put == 0) { /* no test: no file system is known that says so */
				errno = ENOSPC;
			}
			return err_errno(
				e,
				"cannot keep output in '%s' "
				"(nothing that was recorded is lost: make room, then run again)",
				j->output_path);
		}
	}
	return 0;
}

/* Where it fails, the records that are held name what is not there: they are lost, too. */
static int put_held_output(struct journal *j, struct err *e)
{
	uint64_t at = j->held_at;
	const int rc =
		journal_write_output(j, buf_str(&j->held_output), j->held_output.len, &at, e);

	buf_clear(&j->held_output);
	if (rc < 0) {
		j->held_fault = errno;
		buf_clear(&j->held_lines);
	}
	return rc;
}

/* All that is held goes out. */
static int put_held(struct journal *j, struct err *e)
{
	int rc = put_held_output(j, e);

	if (rc == 0 && j->held_lines.len > 0) {
		rc = write_lines(j, j->held_lines.data, j->held_lines.len, e);
		j->held_fault = rc < 0 ? errno : 0;
	}
	buf_clear(&j->held_lines);
	return rc;
}

int journal_output(struct journal *j, const void *p, size_t n, uint64_t *offset, struct err *e)
{
	j->output_dirty |= n > 0;
	*offset = j->output_end;
	if (!j->held) {
		return journal_write_output(j, p, n, &j->output_end, e);
	}
	if (j->held_at + j->held_output.len != j->output_end) {
		/* something else was given a place meanwhile */
		if (put_held_output(j, e) < 0) {
			return -1;
		}
	}
	if (j->held_output.len == 0) {
		j->held_at = j->output_end;
	}
	buf_add(&j->held_output, p, n);
	j->output_end += n;
	return 0;
}

void journal_hold(struct journal *j)
{
	j->held = true;
	j->held_fault = 0;
}

int journal_release(struct journal *j, struct err *e)
{
	const int fault = j->held_fault; /* of what went out before */
	int rc = put_held(j, e);

	j->held = false;
	j->held_fault = 0;
	if (rc == 0 && fault) {
		errno = fault;
		rc = err_errno(e, "cannot record in '%s'", j->path);
	}
	return rc;
}

int journal_sync_fd(int fd, const char *name, struct err *e)
{
	int rc;

	do {
		rc = fdatasync(fd);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0 && errno != EINVAL && errno != EROFS && errno != ENOTSUP) {
		return err_errno(e, "cannot sync '%s'", name);
	}
	return 0;
}

static int sync_output(struct journal *j, struct err *e)
{
	for (size_t i = 0; i < j->n_unsynced; i++) {
		if (journal_sync_fd(j->unsynced[i], "files", e) < 0) {
			return -1;
		}
	}
	while (j->n_unsynced) {
		close(j->unsynced[--j->n_unsynced]);
	}
	if (j->output_dirty && journal_sync_fd(j->output_fd, j->output_path, e) < 0) {
		return -1;
	}
	j->output_dirty = false;
	return 0;
}

static int append_mark(struct journal *j, const char *kind, struct err *e)
{
	char text[64];

	snprintf(text, sizeof text, "{\"k\":\"%s\",\"t\":%llu", kind,
		 (unsigned long long)proc_unix_ms());
	return journal_append(j, text, strlen(text), e);
}

/*
 * A sync that failed leaves everything marked: the next one tries, and fails, again rather than
 * pass the loss over. The system may write records to the disk before we ask, and so before the
 * output that they name; the sync record between the two tells readers which records that cannot
 * have happened to. Where there is no room for one, they look for themselves.
 */
int journal_sync(struct journal *j, struct err *e)
{
	const bool held = j->held;

	/* the mark speaks of what is on file */
	if ((held && put_held(j, e) < 0) || sync_output(j, e) < 0) {
		return -1;
	}
	if (!j->dirty) {
		return 0;
	}
	j->held = false;
	append_mark(j, "sync", NULL);
	j->held = held;
	if (journal_sync_fd(j->fd, j->path, e) < 0) {
		return -1;
	}
	j->dirty = false;
	return 0;
}

int journal_close(struct journal *j, struct err *e)
{
	int rc, fd;

	if (!j) {
		return 0;
	}
	/* a close record, too, says that all output is there */
	rc = sync_output(j, e);
	if (rc == 0) {
		rc = append_mark(j, "close", e);
	}
	if (journal_sync_fd(j->fd, j->path, e) < 0) {
		rc = -1;
	}
	fd = j->output_fd;
	j->output_fd = -1;
	if (close(fd) < 0 && errno != EINTR) {
		rc = err_errno(e, "cannot close '%s'", j->output_path);
	}
	fd = j->fd;
	j->fd = -1;
	if (close(fd) < 0 && errno != EINTR) {
		rc = err_errno(e, "cannot close '%s'", j->path);
	}
	journal_drop(j);
	return rc;
}
