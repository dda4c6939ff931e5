/* SPDX-License-Identifier: MIT */
/* Naming processes, and telling whether one that was named is gone. In doubt it is not gone. */
#include "store/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"

/* The namespace of process ids: a pid means nothing in another one (a container). "" where it
 * cannot be told. */
static const char *process_namespace(void)
{
	static char name[64];
	ssize_t n;

	if (!name[0]) {
		n = readlink("/proc/self/ns/pid", name, sizeof name - 1);
		name[n > 0 ? n : 0] = '\0';
	}
	return name;
}

static pid_t guardian;

void process_set_guardian(pid_t pid)
{
	guardian = pid;
}

static void put_pid(struct buf *b, pid_t pid, uint64_t start)
{
	buf_printf(b, "\"pid\":%ld,\"start\":%llu", (long)pid, (unsigned long long)start);
}

void process_put_self(struct buf *b)
{
	const uint64_t guarded_since = guardian ? proc_start_ticks(guardian) : 0;

	json_put_key(b, "host");
	json_puts(b, proc_host());
	json_put_key(b, "boot");
	json_puts(b, proc_boot_id());
	if (proc_machine()[0]) {
		json_put_key(b, "machine_id");
		json_puts(b, proc_machine());
	}
	json_put_key(b, "ns");
	json_puts(b, process_namespace());
	buf_putc(b, ',');
	put_pid(b, getpid(), proc_start_ticks(getpid()));
	if (guarded_since) {
		json_put_key(b, "guardian");
		buf_putc(b, '{');
		put_pid(b, guardian, guarded_since);
		buf_putc(b, '}');
	}
}

/* Ended, but not waited for by its parent yet: it does nothing any more. */
static bool is_zombie(pid_t pid)
{
	char path[64], text[512];
	const char *behind;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return false;
	}
	n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	behind = strrchr(text, ')'); /* the name before it may hold anything */
	return behind && behind[1] == ' ' && (behind[2] == 'Z' || behind[2] == 'X');
}

/* Host names need not be unique: every second new machine is called localhost. */
static bool is_other_machine(struct json object)
{
	const struct json machine = json_get(object, "machine_id");

	return machine.len > 2 && proc_machine()[0] && !json_eq(machine, proc_machine());
}

bool process_same_boot(struct json object)
{
	const struct json boot = json_get(object, "boot");

	return json_eq(json_get(object, "host"), proc_host()) && boot.len > 2 &&
	       json_eq(boot, proc_boot_id());
}

/* Looks for a process of this machine, boot and namespace. */
static enum process_state judge_here(struct json object, uint64_t *pid)
{
	uint64_t start, ticks;

	if (!json_u64(json_get(object, "pid"), pid) || *pid == 0 || *pid > INT32_MAX) {
		return PROCESS_UNKNOWN;
	}
	ticks = proc_start_ticks((pid_t)*pid);
	if (ticks == 0) { /* gone, or hidden from us (a /proc with hidepid) */
		return kill((pid_t)*pid, 0) == 0 || errno == EPERM ? PROCESS_UNKNOWN : PROCESS_GONE;
	}
	if (json_u64(json_get(object, "start"), &start) && start != 0 && start != ticks) {
		return PROCESS_GONE;
	}
	return is_zombie((pid_t)*pid) ? PROCESS_GONE : PROCESS_ALIVE;
}

enum process_state process_judge_pid(struct json object, uint64_t *pid)
{
	const struct json host = json_get(object, "host"), boot = json_get(object, "boot");
	const struct json ns = json_get(object, "ns"), guarded = json_get(object, "guardian");
	uint64_t guardian_pid;
	enum process_state state;

	*pid = 0;
	if (!json_u64(json_get(object, "pid"), pid) || !json_eq(host, proc_host()) ||
	    boot.len <= 2 || !proc_boot_id()[0]) {
		return PROCESS_UNKNOWN;
	}
	if (!json_eq(boot, proc_boot_id())) {
		return is_other_machine(object) ? PROCESS_UNKNOWN : PROCESS_GONE;
	}
	if (ns.len > 2 && process_namespace()[0] && !json_eq(ns, process_namespace())) {
		return PROCESS_UNKNOWN;
	}
	state = judge_here(object, pid);
	if (state == PROCESS_GONE && guarded.type == JSON_OBJECT) {
		state = judge_here(guarded, &guardian_pid);
		if (state != PROCESS_GONE) {
			*pid = guardian_pid;
		}
	}
	return state;
}

enum process_state process_judge(struct json object)
{
	uint64_t pid;

	return process_judge_pid(object, &pid);
}
