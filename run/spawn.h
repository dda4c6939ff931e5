/* SPDX-License-Identifier: MIT */
/*
 * Starting one task: vfork, then nothing but system calls, then execve. The parent waits until the
 * program runs or could not be started, so it knows at once which of the two it was. The child
 * leads its own process group, has no other descriptors than 0, 1, 2 (and `more`), an empty signal
 * mask and default dispositions, and is killed when this process dies.
 */
#ifndef PPGEN_RUN_SPAWN_H
#define PPGEN_RUN_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/buf.h"

/* What is the same for all tasks of a pool. */
struct spawn_shared {
	pid_t self;        /* this process */
	int null_fd;       /* stdin */
	int ignored[64];   /* signals to be set back to their default, 0-terminated */
	char oom_score[8]; /* for /proc/self/oom_score_adj; "" to leave it */
	size_t oom_score_len;
	bool restore_files; /* set RLIMIT_NOFILE to `files` */
	struct rlimit files;
};

struct spawn {
	const struct spawn_shared *shared;
	char *const *argv;
	char *const *envp;
	const char *workdir;
	int out_fd, err_fd;
	/* descriptors that become 3, 4, ...; each of them SPAWN_MORE_FD or higher (spawn_move_fd)
	 */
	const int *more;
	size_t n_more;
};

#define SPAWN_MORE_FD 16
/* Moves a descriptor to where `more` may have it; closed when the program starts. -1 with errno,
 * and fd is closed. */
int spawn_move_fd(int fd);

/* Finds what is the same for all: ignored signals, the score (ours and 500 more), /dev/null. -1
 * with errno. */
int spawn_prepare(struct spawn_shared *s);
void spawn_release(struct spawn_shared *s);

/* The child's pid, or -1 and in `why` "cannot start 'python9': no such file or directory" or
 * "cannot enter 'dir': ...". */
struct spawner;
struct spawner *spawner_new(void); /* remembers where programs were found */
void spawner_free(struct spawner *s);
pid_t spawn_start(struct spawner *s, const struct spawn *w, struct buf *why);

#endif
