/* SPDX-License-Identifier: MIT */
/* What the control groups of this process allow, version 1 and 2, and whether the kernel killed
 * something for memory. */
#ifndef PPGEN_RUN_CGROUP_H
#define PPGEN_RUN_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#define CGROUP_SELF "/proc/self/cgroup"
#define CGROUP_ROOT "/sys/fs/cgroup"

struct cgroup_limits {
	uint64_t cpus;   /* processors' worth of time, rounded up; 0: no limit */
	uint64_t memory; /* bytes; 0: no limit */
};

/* The least of this process's group and all groups above it. self, root: CGROUP_*, others in tests.
 */
void cgroup_limits(const char *self, const char *root, struct cgroup_limits *out);

/* Counts the kernel's kills for want of memory: in our group where it counts them, else on the
 * whole machine. */
struct oom_watch {
	char *path;
	uint64_t last;
};
void oom_watch_open(struct oom_watch *w, const char *self, const char *root);
bool oom_watch_rose(struct oom_watch *w); /* since the last call, or open */
void oom_watch_close(struct oom_watch *w);

#endif
