/* SPDX-License-Identifier: MIT */
/*
 * All processes of this machine as one table from /proc, to find descendants and what memory they
 * use. The kernel's lists of children are optional, one a thread and racy, so this reads every
 * /proc/PID/stat: about 5 us a process.
 */
#ifndef PPGEN_RUN_USAGE_H
#define PPGEN_RUN_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

#define USAGE_UNKNOWN (-1) /* not looked at yet */
#define USAGE_FOREIGN (-2) /* no descendant of ours */

struct usage_proc {
	pid_t pid, ppid, group;
	char state;     /* as in /proc/PID/stat: 'Z' is dead already */
	uint64_t start; /* clock ticks since the machine started; with the pid names a process */
	int owner;      /* for the caller: an own number, or USAGE_* */
};

struct usage {
	struct usage_proc *procs; /* sorted by pid */
	size_t n, cap;
	/* private: */
	struct buf text;
	bool lists; /* `children` is open: the kernel's list of our children */
	int children;
};

#define USAGE_INIT                             \
	{                                      \
		NULL, 0, 0, BUF_INIT, false, 0 \
	}

int usage_scan(
	struct usage *u); /* all of /proc; every owner is USAGE_UNKNOWN. -1: there is no /proc */
void usage_free(struct usage *u);
/* The children's pids of the process that calls it first with this u (its main thread's), quickly
 * where the kernel lists them (CONFIG_PROC_CHILDREN); -1 where it does not. */
int usage_children(struct usage *u, pid_t **pids, size_t *n); /* borrowed from u->text */
struct usage_proc *usage_find(const struct usage *u, pid_t pid);

/*
 * Gives every process the owner of its nearest ancestor that has one (set those first; also on the
 * process that is the root of all, so that walks end there); USAGE_FOREIGN where no ancestor has.
 */
void usage_inherit(struct usage *u);

/*
 * Memory of a process in bytes, from /proc/PID/statm: `own` is resident pages that no file and no
 * shared memory is behind, `shared` the rest. Both 0 when it is gone. A tree uses the sum of `own`
 * and the largest `shared`: libraries and shared arrays are counted once.
 */
void usage_memory(pid_t pid, uint64_t *own, uint64_t *shared);

/* The value of an environment variable that a process was started with; false when it has none, or
 * cannot be asked. */
bool usage_variable(struct usage *u, pid_t pid, const char *name, struct buf *value);

uint64_t usage_ticks_now(void); /* the clock of usage_proc.start */

#endif
