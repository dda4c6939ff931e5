/* SPDX-License-Identifier: MIT */
/* Short helper programs (git, bash -l), and facts about this machine and process. */
#ifndef PPGEN_BASE_PROC_H
#define PPGEN_BASE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Runs argv (found by PATH, no shell) in `dir` (NULL: here), stdin from /dev/null, and appends its
 * stdout to `out` (at most `most` bytes of each are kept; 0: all). stderr is appended to `errors`;
 * NULL: thrown away. Ends it with SIGKILL (its whole group) after timeout_s seconds (0: never).
 * Returns its exit code, 128 + signal, or -1 (not started, timed out).
 */
int proc_capture(const char *const *argv, const char *dir, unsigned timeout_s, struct buf *out,
		 struct buf *errors, size_t most, struct err *e);
/* As proc_capture, with an environment of its own ("K=V", NULL-terminated). PATH is still ours. */
int proc_capture_env(const char *const *argv, const char *const *envp, const char *dir,
		     unsigned timeout_s, struct buf *out, struct buf *errors, size_t most,
		     struct err *e);

double proc_monotonic(void);                         /* seconds, CLOCK_MONOTONIC */
uint64_t proc_unix_ms(void);                         /* milliseconds since 1970, CLOCK_REALTIME */
void proc_put_time(struct buf *b, uint64_t unix_ms); /* "2026-01-31T12:00:00.123+00:00", UTC */

/* $XDG_CONFIG_HOME/ppgen/NAME, else ~/.config/ppgen/NAME; the caller frees. */
char *proc_config_path(const char *name);
const char *proc_host(void);    /* borrowed */
const char *proc_boot_id(void); /* borrowed; "" where the kernel does not tell */
/* Names this installation of a system, for comparing: a hash of /etc/machine-id. Borrowed; "" where
 * there is none, as in many containers. */
const char *proc_machine(void);
uint64_t proc_start_ticks(
	pid_t pid); /* /proc/PID/stat field 22: with pid and boot id names a process; 0 when gone */

#endif
