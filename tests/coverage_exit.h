/* SPDX-License-Identifier: MIT */
/* Included in front of every file by --enable-coverage: what ran is counted also where a process
 * ends by _exit, becomes another program, or sends itself a signal. One that another kills takes
 * its counts with it. execve is left alone: between vfork and it the counts are the parent's. */
#ifndef PPGEN_TESTS_COVERAGE_EXIT_H
#define PPGEN_TESTS_COVERAGE_EXIT_H

#include <signal.h>
#include <unistd.h>

void __gcov_dump(void);
void __gcov_reset(void);

static inline _Noreturn void coverage_exit(int code)
{
	__gcov_dump();
	_exit(code);
}

static inline int coverage_execvp(const char *file, char *const argv[])
{
	__gcov_dump();
	__gcov_reset();
	return execvp(file, argv);
}

static inline int coverage_kill(pid_t pid, int number)
{
	if (pid == getpid()) {
		__gcov_dump();
		__gcov_reset();
	}
	return kill(pid, number);
}

#define _exit(code)        coverage_exit(code)
#define execvp(file, argv) coverage_execvp(file, argv)
#define kill(pid, number)  coverage_kill(pid, number)

#endif
