/* SPDX-License-Identifier: MIT */
/* Lists of array indexes as schedulers print them: "3", "1-99:2", "3-9%2", "1,4,7-9", "[3-9]". */
#ifndef PPGEN_SUBMIT_INDEX_LIST_H
#define PPGEN_SUBMIT_INDEX_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void (*index_fn)(void *arg, uint64_t first, uint64_t last, uint64_t step);

/*
 * Calls fn for every part of the list, step >= 1. Blanks, square brackets and a throttle ("%2")
 * are passed over. False when something is not understood ("1,4,..."): the parts before it were
 * given. An empty list is understood, and gives nothing.
 */
bool index_list_walk(const char *text, size_t len, index_fn fn, void *arg);

#endif
