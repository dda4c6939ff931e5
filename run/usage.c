/* SPDX-License-Identifier: MIT */
/* Reading /proc. A process may vanish at any moment: then it is simply not in the table. */
#include "run/usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define ENVIRONMENT_MAX (4u << 20)

/* Reads what fits of /proc/PID/<name>; the length, or -1. */
static ssize_t read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return -1;
	}
	n = read(fd, text, size - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n;
}

/*
 * "PID (NAME) STATE PPID PGRP ...": the name may hold anything, so the last ')' ends it. Fields as
 * in proc(5); start time is field 22.
 */
static bool parse_stat(const char *text, struct usage_proc *p)
{
	const char *at = strrchr(text, ')');
	char *end;

	if (!at || at[1] != ' ' || at[2] == '\0' || at[3] != ' ') {
		return false; /* no test: the kernel writes no other form */
	}
	p->state = at[2];
	p->ppid = (pid_t)strtol(at + 4, &end, 10);
	p->group = (pid_t)strtol(end, &end, 10);
	for (int field = 6; field < 22; field++) {
		end += strspn(end, " ");
		end += strcspn(end, " ");
	}
	p->start = strtoull(end, NULL, 10);
	return true;
}

static int by_pid(const void *a, const void *b)
{
	const pid_t x = ((const struct usage_proc *)a)->pid,
		    y = ((const struct usage_proc *)b)->pid;

	return (x > y) - (x < y);
}

static int list_pids(struct usage *u)
{
	DIR *dir = opendir("/proc");
	const struct dirent *d;

	u->n = 0;
	if (!dir) {
		return -1;
	}
	while ((d = readdir(dir))) {
		if (d->d_name[0] >= '1' && d->d_name[0] <= '9') {
			ARRAY_ROOM(u->procs, u->n, u->cap);
			u->procs[u->n++] =
				(struct usage_proc){ .pid = (pid_t)strtol(d->d_name, NULL, 10),
						     .owner = USAGE_UNKNOWN };
		}
	}
	(void)closedir(dir);
	if (u->n == 0) {
		return -1; /* no process, not even this one: nothing is mounted there */
	}
	qsort(u->procs, u->n, sizeof *u->procs, by_pid);
	return 0;
}

int usage_scan(struct usage *u)
{
	char text[1024];
	size_t from;

	if (list_pids(u) < 0) {
		return -1;
	}
	/* The youngest first, for they are the likeliest to be gone when their turn comes; what is
	 * left is moved to the end. */
	from = u->n;
	for (size_t i = u->n; i-- > 0;) {
		struct usage_proc *p = &u->procs[i];

		if (read_proc(p->pid, "stat", text, sizeof text) > 0 && parse_stat(text, p)) {
			u->procs[--from] = *p;
		}
	}
	u->n -= from;
	memmove(u->procs, u->procs + from, u->n * sizeof *u->procs);
	return 0;
}

/* The list is opened once: to find a name below /proc costs ten times what reading it does. */
static int open_children(struct usage *u)
{
	const int self = (int)getpid();
	char path[64];

	if (!u->lists) {
		(void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", self, self);
		u->children = open(path, O_RDONLY | O_CLOEXEC);
		u->lists = u->children >= 0;
	}
	return u->lists ? 0 : -1;
}

int usage_children(struct usage *u, pid_t **pids, size_t *n)
{
	char text[4096];
	pid_t pid = 0; /* as far as it was read: a number may be cut by the end of `text` */
	off_t at = 0;
	ssize_t got;

	if (open_children(u) < 0) {
		return -1;
	}
	buf_clear(&u->text);
	*n = 0;
	do {
		got = pread(u->children, text, sizeof text, at);
		if (got < 0 && errno != EINTR) {
			return -1;
		}
		for (ssize_t k = 0; k < got; k++) {
			if (text[k] >= '0' && text[k] <= '9') {
				pid = pid * 10 + (text[k] - '0');
			} else {
				buf_add(&u->text, &pid, sizeof pid); /* a blank is behind each */
				++*n;
				pid = 0;
			}
		}
		at += got > 0 ? got : 0;
	} while (got < 0 || got > (ssize_t)sizeof text / 2); /* they come by about a page */
	*pids = (pid_t *)(void *)u->text.data;
	return 0;
}

void usage_free(struct usage *u)
{
	free(u->procs);
	buf_free(&u->text);
	if (u->lists) {
		(void)close(u->children);
	}
	*u = (struct usage)USAGE_INIT;
}

struct usage_proc *usage_find(const struct usage *u, pid_t pid)
{
	const struct usage_proc key = { .pid = pid };

	return u->n ? bsearch(&key, u->procs, u->n, sizeof key, by_pid) : NULL;
}

/* The owner of p by its ancestors. A table read while processes end may hold a circle: hence the
 * limit. */
static int owner_of(const struct usage *u, const struct usage_proc *p)
{
	for (size_t steps = 0; p && steps <= u->n; steps++) {
		if (p->owner != USAGE_UNKNOWN) {
			return p->owner;
		}
		p = p->ppid > 0 ? usage_find(u, p->ppid) : NULL;
	}
	return USAGE_FOREIGN;
}

void usage_inherit(struct usage *u)
{
	for (size_t i = 0; i < u->n; i++) {
		u->procs[i].owner = owner_of(u, &u->procs[i]);
	}
}

void usage_memory(pid_t pid, uint64_t *own, uint64_t *shared)
{
	static uint64_t page;
	char text[256], *at;
	uint64_t resident, common;

	*own = *shared = 0;
	if (page == 0) {
		page = (uint64_t)sysconf(_SC_PAGESIZE);
	}
	if (read_proc(pid, "statm", text, sizeof text) <= 0) {
		return;
	}
	(void)strtoull(text, &at, 10); /* size */
	resident = strtoull(at, &at, 10);
	common = strtoull(at, NULL, 10);
	*shared = common * page;
	*own = resident > common ? (resident - common) * page : 0;
}

/* Reads all of /proc/PID/environ into u->text. */
static bool read_environment(struct usage *u, pid_t pid)
{
	char path[64];
	ssize_t n = -1;
	int fd;

	(void)snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return false;
	}
	buf_clear(&u->text);
	do {
		buf_room(&u->text, 65536);
		n = read(fd, u->text.data + u->text.len, u->text.cap - u->text.len - 1);
		if (n > 0) {
			u->text.len += (size_t)n;
		}
	} while ((n > 0 || (n < 0 && errno == EINTR)) && u->text.len < ENVIRONMENT_MAX);
	u->text.data[u->text.len] = '\0';
	(void)close(fd);
	return n >= 0;
}

bool usage_variable(struct usage *u, pid_t pid, const char *name, struct buf *value)
{
	const size_t n = strlen(name);
	const char *p, *end;

	buf_clear(value);
	if (!read_environment(u, pid)) {
		return false;
	}
	end = u->text.data + u->text.len;
	for (p = u->text.data; p < end; p += strlen(p) + 1) {
		if (strncmp(p, name, n) == 0 && p[n] == '=') {
			buf_puts(value, p + n + 1);
			return true;
		}
	}
	return false;
}

uint64_t usage_ticks_now(void)
{
	const long hz = sysconf(_SC_CLK_TCK);
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * (uint64_t)hz + (uint64_t)t.tv_nsec * (uint64_t)hz / 1000000000u;
}
