/* SPDX-License-Identifier: MIT */
/* `setup:` runs once a worker in `bash -l`; the environment that it leaves is what tasks inherit.
 */
#ifndef PPGEN_RUN_SETUP_H
#define PPGEN_RUN_SETUP_H

#include "base/err.h"

/*
 * NULL-terminated "K=V" in one block (free it). With setup NULL: task_base_env(environ). What setup
 * prints goes to stderr. -1/NULL with "setup: exit code 1" and the last lines of what it said. dir:
 * where it runs (the spec's folder).
 */
char **setup_environment(const char *setup, const char *dir, struct err *e);

#endif
