/* SPDX-License-Identifier: MIT */
/* Private to the collector: where a table goes inside the run's collect/. */
#ifndef PPGEN_COLLECT_PLACE_H
#define PPGEN_COLLECT_PLACE_H

#include "base/err.h"

/*
 * The path of `to` below `base`, its folders made. Refused where a symbolic link on the way, or at
 * the end, leads out of base. The caller frees; NULL on error.
 */
char *place_make(const char *base, const char *to, struct err *e);

#endif
