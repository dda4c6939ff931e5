/* SPDX-License-Identifier: MIT */
/*
 * The limit for bench/pool: starts a program many times, some of them at once, and does nothing
 * else.
 *
 *	spawn_limit [-c | -o FILE] COUNT SLOTS PROGRAM [WORD ...]
 *
 * It is posix_spawn and waitpid, and no more: nothing is recorded, no process group, no limit, no
 * memory looked at. The program's stdout is /dev/null. With -c each slot's stdout is a file in
 * memory; when the program has ended, all of it is read into this process, and the file emptied:
 * the shortest way to have every program's whole output. (A pipe costs more: it is read while the
 * program runs, and 100 kB do not fit into it.) With -o, what was read is then written to FILE,
 * which is synced at the end. Exits with 1 when a program failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOTS_MAX 1024

struct slot {
	pid_t pid; /* 0: free */
	int out;   /* -1: nothing is captured */
	posix_spawn_file_actions_t actions;
};

/* Where output goes to. */
struct room {
	char *data;
	size_t cap;
	int kept;       /* a file that all of it is written to; -1: none */
	uint64_t total; /* bytes that all programs printed */
};

static void die(const char *what, int number)
{
	(void)fprintf(stderr, "spawn_limit: %s: %s\n", what, strerror(number));
	exit(2);
}

static void slot_open(struct slot *s, bool capture)
{
	s->pid = 0;
	s->out = capture ? memfd_create("output", MFD_CLOEXEC) : -1;
	if (capture && s->out < 0) {
		die("cannot make a file in memory", errno);
	}
	(void)posix_spawn_file_actions_init(&s->actions);
	(void)posix_spawn_file_actions_addopen(&s->actions, 0, "/dev/null", O_RDONLY, 0);
	if (capture) {
		(void)posix_spawn_file_actions_adddup2(&s->actions, s->out, 1);
	} else {
		(void)posix_spawn_file_actions_addopen(&s->actions, 1, "/dev/null", O_WRONLY, 0);
	}
}

static void slot_start(struct slot *s, char **argv)
{
	int number;

	number = posix_spawn(&s->pid, argv[0], &s->actions, NULL, argv, environ);
	if (number) {
		die(argv[0], number);
	}
}

/* All that the slot's program printed, into `room`. */
static void slot_read(struct slot *s, struct room *room)
{
	struct stat st;
	size_t size;

	if (fstat(s->out, &st) < 0) {
		die("cannot read output", errno);
	}
	size = (size_t)st.st_size;
	if (size > room->cap) {
		free(room->data);
		room->data = malloc(size);
		room->cap = size;
	}
	if (size == 0) {
		return;
	}
	if (!room->data || pread(s->out, room->data, size, 0) != (ssize_t)size ||
	    ftruncate(s->out, 0) < 0 || lseek(s->out, 0, SEEK_SET) < 0) {
		die("cannot read output", errno);
	}
	if (room->kept >= 0 && write(room->kept, room->data, size) != (ssize_t)size) {
		die("cannot write output", errno);
	}
	room->total += size;
}

static struct slot *slot_of(struct slot *slots, unsigned n, pid_t pid)
{
	for (unsigned i = 0; i < n; i++) {
		if (slots[i].pid == pid) {
			return &slots[i];
		}
	}
	return NULL;
}

static bool run(struct slot *slots, unsigned n, unsigned long count, char **argv, struct room *room)
{
	unsigned long started = 0, ended = 0;
	bool good = true;
	struct slot *s;
	int status;
	pid_t pid;

	while (ended < count) {
		while (started < count && (s = slot_of(slots, n, 0))) {
			slot_start(s, argv);
			started++;
		}
		pid = waitpid(-1, &status, 0);
		s = pid > 0 ? slot_of(slots, n, pid) : NULL;
		if (!s) {
			die("waitpid", errno);
		}
		good = good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
		if (s->out >= 0) {
			slot_read(s, room);
		}
		s->pid = 0;
		ended++;
	}
	return good;
}

static void usage(void)
{
	(void)fputs("usage: spawn_limit [-c | -o FILE] COUNT SLOTS PROGRAM [WORD ...]\n", stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	static struct slot slots[SLOTS_MAX];
	struct room room = { .kept = -1 };
	unsigned long count, n;
	bool capture = false, good;
	int option;

	while ((option = getopt(argc, argv, "+co:")) != -1) {
		if (option == '?') {
			usage();
		}
		capture = true;
		if (option == 'o') {
			room.kept = open(optarg, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
			if (room.kept < 0) {
				die(optarg, errno);
			}
		}
	}
	if (argc - optind < 3) {
		usage();
	}
	count = strtoul(argv[optind], NULL, 10);
	n = strtoul(argv[optind + 1], NULL, 10);
	if (count < 1 || n < 1 || n > SLOTS_MAX) {
		usage();
	}
	for (unsigned i = 0; i < n; i++) {
		slot_open(&slots[i], capture);
	}
	good = run(slots, (unsigned)n, count, argv + optind + 2, &room);
	if (room.kept >= 0 && fdatasync(room.kept) < 0) {
		die("cannot sync output", errno);
	}
	if (capture) {
		(void)printf("%llu\n", (unsigned long long)room.total);
	}
	free(room.data);
	return good ? 0 : 1;
}
