/* SPDX-License-Identifier: MIT */
/* How much of this machine is ours: the least of what the kernel, the control groups and the
 * scheduler grant. */
#include "run/capacity.h"

#include <ctype.h>
#include <dirent.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "gen/template.h"
#include "run/cgroup.h"

#define CPUS_MAX 65536

/* Processors that this process may be scheduled on. The kernel's mask may be wider than a
 * cpu_set_t. */
static uint64_t affinity_count(void)
{
	uint64_t n = 0;

	for (size_t cpus = CPU_SETSIZE; n == 0 && cpus <= CPUS_MAX; cpus *= 2) {
		cpu_set_t *set = CPU_ALLOC(cpus);
		const size_t size = CPU_ALLOC_SIZE(cpus);

		if (!set) {
			break; /* no test: no memory for a few bytes */
		}
		if (sched_getaffinity(0, size, set) == 0) {
			n = (uint64_t)CPU_COUNT_S(size, set);
		}
		CPU_FREE(set);
	}
	return n ? n : 1;
}

static void limit_cpus(struct capacity *c, uint64_t n, const char *by)
{
	if (n > 0 && n < c->cpus) {
		c->cpus = n;
		c->cpus_by = by;
	}
}

static void limit_cpus_by_variable(struct capacity *c, const char *name)
{
	const char *text = getenv(name);
	uint64_t n;

	if (text && text_u64(text, strlen(text), &n)) {
		limit_cpus(c, n, name);
	}
}

static uint64_t total_memory(void)
{
	const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

static void add_gpu(struct capacity *c, const char *id, size_t n)
{
	c->gpus = mem_resize(c->gpus, c->n_gpus + 1, sizeof *c->gpus);
	c->gpus[c->n_gpus++] = mem_dupn(id, n);
}

/* "0,2,GPU-41ab": ids up to the first that CUDA would not take either ("-1", "NoDevFiles",
 * nothing). */
static void gpus_from_list(struct capacity *c, const char *list)
{
	while (*list) {
		const size_t n = strcspn(list, ",");

		if (n == 0 || *list == '-' || text_eq(list, n, "NoDevFiles") ||
		    text_eq(list, n, "none")) {
			return;
		}
		add_gpu(c, list, n);
		list += n + (list[n] == ',');
	}
}

static int by_number(const void *a, const void *b)
{
	const unsigned long x = strtoul(*(char *const *)a, NULL, 10),
			    y = strtoul(*(char *const *)b, NULL, 10);

	return (x > y) - (x < y);
}

void capacity_add_devices(struct capacity *c, const char *folder)
{
	static const char prefix[] = "nvidia";
	DIR *dir = opendir(folder);
	const struct dirent *d;

	while (dir && (d = readdir(dir))) {
		const char *number = d->d_name + sizeof prefix - 1;

		if (strncmp(d->d_name, prefix, sizeof prefix - 1) == 0 &&
		    isdigit((unsigned char)*number) &&
		    strspn(number, "0123456789") == strlen(number)) {
			add_gpu(c, number, strlen(number));
		}
	}
	if (dir) {
		(void)closedir(dir);
	}
	if (c->n_gpus > 1) {
		qsort(c->gpus, c->n_gpus, sizeof *c->gpus, by_number);
	}
}

void capacity_find(struct capacity *c)
{
	static const char *const devices[] = { "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES" };
	struct cgroup_limits group;
	bool listed = false;

	*c = (struct capacity){ .cpus = affinity_count(),
				.cpus_by = "affinity",
				.memory = total_memory() };
	cgroup_limits(CGROUP_SELF, CGROUP_ROOT, &group);
	limit_cpus(c, group.cpus, "cgroup");
	for (const char *const *name = template_variables()->cpus; *name; name++) {
		limit_cpus_by_variable(c, *name);
	}
	if (group.memory > 0 && (c->memory == 0 || group.memory < c->memory)) {
		/* no test: it takes a cgroup of our own; test_cgroups has what is read */
		c->memory = group.memory;
	}
	for (size_t i = 0; i < sizeof devices / sizeof *devices && !listed; i++) {
		const char *list = getenv(devices[i]);

		if (list) {
			gpus_from_list(c, list);
			listed = true;
		}
	}
	if (!listed) {
		capacity_add_devices(c, "/dev");
	}
}

void capacity_free(struct capacity *c)
{
	for (size_t i = 0; i < c->n_gpus; i++) {
		free(c->gpus[i]);
	}
	free(c->gpus);
	*c = (struct capacity){ 0 };
}
