/* SPDX-License-Identifier: MIT */
/* Included in front of every file by --enable-coverage: what ran is counted also where a process
 * ends by _exit. One killed by a signal takes its counts with it. */
#ifndef PPGEN_TESTS_COVERAGE_EXIT_H
#define PPGEN_TESTS_COVERAGE_EXIT_H

#include <unistd.h>

void __gcov_dump(void);

static inline _Noreturn void coverage_exit(int code)
{
	__gcov_dump();
	_exit(code);
}
#define _exit(code) coverage_exit(code)

#endif
