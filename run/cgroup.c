/* SPDX-License-Identifier: MIT */
/*
 * Control groups. /proc/self/cgroup has a line a hierarchy, "ID:CONTROLLERS:PATH": version 2 is
 * "0::PATH". In a container PATH may not exist below the mount; walking up ends at the mount
 * itself, which is then the container's own group.
 */
#include "run/cgroup.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define SMALL_FILE  65536
#define NO_LIMIT_V1 (UINT64_C(1) << 60) /* version 1 writes "none" as a number near 2^63 */

static void take_least(uint64_t *least, uint64_t v)
{
	if (v > 0 && (*least == 0 || v < *least)) {
		*least = v;
	}
}

/* The whole of a small file; false when it cannot be read. */
static bool read_small(struct buf *b, const char *path)
{
	buf_clear(b);
	return file_read(path, b, SMALL_FILE, NULL) == 0;
}

/* The number that text begins with; 0 when it begins with something else ("max", "-1"). */
static uint64_t leading_number(const char *text)
{
	uint64_t v = 0;

	(void)text_u64(text, strspn(text, "0123456789"), &v);
	return v;
}

static uint64_t file_number(struct buf *b, const char *dir, const char *name)
{
	char *path = path_join(dir, name);
	const uint64_t v = read_small(b, path) ? leading_number(buf_str(b)) : 0;

	free(path);
	return v;
}

static uint64_t processors(uint64_t quota, uint64_t period)
{
	return quota == 0 || period == 0 ? 0 : (quota - 1) / period + 1;
}

static void limits_v2(struct buf *b, const char *dir, struct cgroup_limits *l)
{
	char *path = path_join(dir, "cpu.max");
	const char *blank;

	if (read_small(b, path) && (blank = strchr(buf_str(b), ' '))) {
		take_least(&l->cpus,
			   processors(leading_number(b->data), leading_number(blank + 1)));
	}
	free(path);
	take_least(&l->memory, file_number(b, dir, "memory.max"));
}

static void limits_v1_cpu(struct buf *b, const char *dir, struct cgroup_limits *l)
{
	const uint64_t quota = file_number(b, dir, "cpu.cfs_quota_us");

	take_least(&l->cpus, processors(quota, file_number(b, dir, "cpu.cfs_period_us")));
}

static void limits_v1_memory(struct buf *b, const char *dir, struct cgroup_limits *l)
{
	const uint64_t v = file_number(b, dir, "memory.limit_in_bytes");

	take_least(&l->memory, v < NO_LIMIT_V1 ? v : 0);
}

typedef void (*limits_fn)(struct buf *b, const char *dir, struct cgroup_limits *l);

/* Asks every group from root/mount/path up to root/mount. */
static void walk_up(const char *root, const char *mount, const char *path, limits_fn fn,
		    struct cgroup_limits *l)
{
	struct buf b = BUF_INIT;
	char *dir = mem_printf("%s%s%s", root, mount, path);
	const size_t least = strlen(root) + strlen(mount);
	char *slash;

	for (;;) {
		fn(&b, dir, l);
		slash = strrchr(dir + least, '/');
		if (!slash) {
			break;
		}
		*slash = '\0';
	}
	free(dir);
	buf_free(&b);
}

/* Whether a list "cpu,cpuacct" holds a word. */
static bool list_has(const char *list, const char *word)
{
	const size_t n = strlen(word);

	for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
		if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == '\0')) {
			return true;
		}
	}
	return false;
}

/* Takes the next line of /proc/self/cgroup apart; false at the end. */
static bool next_group(char **at, char **controllers, char **path)
{
	char *line, *colon;

	while (**at) {
		line = *at;
		*at += strcspn(line, "\n");
		if (**at) {
			*(*at)++ = '\0';
		}
		colon = strchr(line, ':');
		*path = colon ? strchr(colon + 1, ':') : NULL;
		if (*path) {
			*controllers = colon + 1;
			*(*path)++ = '\0';
			if (strcmp(*path, "/") == 0) {
				*path = *path + 1;
			}
			return true;
		}
	}
	return false;
}

void cgroup_limits(const char *self, const char *root, struct cgroup_limits *out)
{
	struct buf b = BUF_INIT;
	char *at, *controllers, *path;

	*out = (struct cgroup_limits){ 0, 0 };
	at = read_small(&b, self) ? b.data : NULL;
	while (at && next_group(&at, &controllers, &path)) {
		if (*controllers == '\0') {
			walk_up(root, "", path, limits_v2, out);
			walk_up(root, "/unified", path, limits_v2, out);
		}
		if (list_has(controllers, "cpu")) {
			walk_up(root, "/cpu", path, limits_v1_cpu, out);
		}
		if (list_has(controllers, "memory")) {
			walk_up(root, "/memory", path, limits_v1_memory, out);
		}
	}
	buf_free(&b);
}

/* The number behind "oom_kill " at a line's beginning; false when there is no such line. */
static bool oom_count(const char *path, uint64_t *count)
{
	static const char key[] = "oom_kill ";
	struct buf b = BUF_INIT;
	bool found = false;

	if (read_small(&b, path)) {
		for (const char *p = b.data; p && !found;
		     p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
			if (strncmp(p, key, sizeof key - 1) == 0) {
				*count = leading_number(p + sizeof key - 1);
				found = true;
			}
		}
	}
	buf_free(&b);
	return found;
}

void oom_watch_open(struct oom_watch *w, const char *self, const char *root)
{
	struct buf b = BUF_INIT;
	char *at, *controllers, *path;

	*w = (struct oom_watch){ NULL, 0 };
	at = read_small(&b, self) ? b.data : NULL;
	while (at && !w->path && next_group(&at, &controllers, &path)) {
		if (list_has(controllers, "memory")) {
			w->path = mem_printf("%s/memory%s/memory.oom_control", root, path);
		} else if (*controllers == '\0') {
			w->path = mem_printf("%s%s/memory.events", root, path);
		}
		if (w->path && !oom_count(w->path, &w->last)) {
			free(w->path);
			w->path = NULL;
		}
	}
	if (!w->path) {
		w->path = mem_dup("/proc/vmstat");
		(void)oom_count(w->path, &w->last);
	}
	buf_free(&b);
}

bool oom_watch_rose(struct oom_watch *w)
{
	uint64_t now = w->last;
	const bool rose = w->path && oom_count(w->path, &now) && now > w->last;

	w->last = now;
	return rose;
}

void oom_watch_close(struct oom_watch *w)
{
	free(w->path);
	w->path = NULL;
}
