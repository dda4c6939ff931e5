/* SPDX-License-Identifier: MIT */
/* Private to the summaries: what is kept of a group's values, and the statistics that follow. */
#ifndef PPGEN_COLLECT_MOMENTS_H
#define PPGEN_COLLECT_MOMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "gen/spec.h"

struct extreme {
	double value;
	struct buf text; /* as it was written */
};

/* What a statistic needs to be kept beside the sums. */
enum { MOMENTS_VALUES = 1, MOMENTS_EXTREMES = 2 };
unsigned moments_need(enum stat_kind kind);

/* Zeroed at first. */
struct moments {
	uint64_t n;
	double sum, lost; /* Neumaier: the sum, and what rounding took from it */
	double mean,
		squares; /* Welford: the running mean, and the sum of squared deviations from it */
	struct extreme min, max;
	double *values; /* where they are kept */
	size_t n_values, cap_values;
	bool sorted;
};

void moments_add(struct moments *m, double v, const char *text, size_t len, unsigned keep);
/* All but count, min and max. false: there are too few values for it. */
bool moments_stat(struct moments *m, enum stat_kind kind, double q, double *out);
void moments_release(struct moments *m);

#endif
