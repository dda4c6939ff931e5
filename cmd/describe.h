/* SPDX-License-Identifier: MIT */
/* Descriptions of a plan that `plan`, `run --dry-run` and `log` share. */
#ifndef PPGEN_CMD_DESCRIBE_H
#define PPGEN_CMD_DESCRIBE_H

#include "cmd/cmd.h"

/* A set of resources and how many tasks ask for it. */
struct class
{
	struct resources res;
	uint64_t tasks;
};
#define CLASSES_WALK_MAX                                                        \
	UINT64_C(10000000) /* more tasks than this are not walked to count them \
			    */

/*
 * The classes of the tasks that are selected, in order of first appearance; the caller frees *out.
 * With overrides and more than CLASSES_WALK_MAX tasks only the first that many are looked at
 * (*whole is false then).
 */
int classes_find(const struct plan *p, const struct selection *s, struct class **out, size_t *n,
		 bool *whole, struct err *e);
void put_resources(
	struct buf *b,
	const struct resources *r); /* "1 cpu, 2G, 10m, 1 gpu", "2 nodes, 16 ranks of 1 cpu" */
void put_classes(struct buf *b, const struct class *c, size_t n, bool whole);

/*
 * How task `index` is started, as a line for a shell: "      cd ... && python3 ...\n". launch: what
 * {launch} stands for, as in struct launch_place.
 */
int put_command(struct buf *b, const struct plan *p, const char *rundir, const char *const *launch,
		uint64_t index, struct err *e);

/* "  12  t3f9a1c0  T=1.5, L=16\n       cd ... && python3 ...\n" */
int put_sample(struct buf *b, const struct plan *p, const char *rundir, const char *const *launch,
	       uint64_t index, struct err *e);

#endif
