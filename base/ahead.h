/* SPDX-License-Identifier: MIT */
/*
 * Work that is done ahead: jobs 0, 1, 2 ... are made by several threads at once and taken one by
 * one in their order, so that what comes of them does not depend on how many threads there were.
 * Jobs wait in a few slots, which bounds the memory; where only one processor may be used, or there
 * is one job, no thread is started.
 */
#ifndef PPGEN_BASE_AHEAD_H
#define PPGEN_BASE_AHEAD_H

#include <stdint.h>

struct ahead {
	/* A slot holds one job's work until it is taken; it is used again for later jobs. */
	void *(*slot_new)(void *arg);
	void (*slot_free)(void *slot);
	/* Makes a job, in any thread, also the caller's: touches its slot and what nobody changes.
	 * What went wrong is kept in the slot. */
	void (*make)(void *arg, uint64_t job, void *slot);
	/* Takes a job, in the caller's thread; a value that is not 0 ends all. */
	int (*take)(void *arg, uint64_t job, void *slot);
};

/* Processors that this process may use, at most `most`; at least 1. */
unsigned ahead_threads(unsigned most);

/* 0, or what take returned. No thread is left when it returns. `threads` counts the caller's. */
int ahead_run(const struct ahead *a, void *arg, uint64_t jobs, unsigned threads);

#endif
