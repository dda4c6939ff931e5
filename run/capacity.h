/* SPDX-License-Identifier: MIT */
/* What this process may really use: affinity, cgroup quota, the scheduler's allocation, memory,
 * GPUs. */
#ifndef PPGEN_RUN_CAPACITY_H
#define PPGEN_RUN_CAPACITY_H

#include <stdint.h>

#include "base/buf.h"

struct capacity {
	uint64_t cpus; /* the least of: affinity, cgroup cpu.max (v1: cfs quota) rounded up, and the
			  variables of schedulers that template_variables() lists */
	const char *cpus_by; /* what decided: "affinity", "cgroup", a variable's name, "-j" */
	uint64_t memory;     /* bytes: MemTotal or the cgroup's limit, whichever is less */
	char **gpus;         /* ids from CUDA_VISIBLE_DEVICES / ROCR_VISIBLE_DEVICES, else one a
				/dev/nvidia[0-9]+ */
	size_t n_gpus;
};

void capacity_find(struct capacity *c);
void capacity_free(struct capacity *c);

/* Adds a GPU for each file nvidia[0-9]+ of a folder (/dev), in the order of their numbers. */
void capacity_add_devices(struct capacity *c, const char *folder);

/* Members of a journal's header about this worker ("\"kernel\":..,\"cpu\":.."): an allow-list,
 * never values of names that look secret. */
void capacity_put_environment(struct buf *members, const struct capacity *c);

#endif
