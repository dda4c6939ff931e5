/* SPDX-License-Identifier: MIT */
/*
 * Statistics of numbers that come one after another. References: Neumaier, Z. Angew. Math. Mech. 54
 * (1974); Welford, Technometrics 4 (1962); Hyndman and Fan, Am. Stat. 50 (1996), type 7.
 */
#include "collect/moments.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "collect/summary.h"

static void extreme_set(struct extreme *x, double v, const char *text, size_t len)
{
	x->value = v;
	buf_clear(&x->text);
	buf_add(&x->text, text, len);
}

unsigned moments_need(enum stat_kind kind)
{
	static const unsigned char needs[] = {
		[STAT_MIN] = MOMENTS_EXTREMES,
		[STAT_MAX] = MOMENTS_EXTREMES,
		[STAT_MEDIAN] = MOMENTS_VALUES,
		[STAT_QUANTILE] = MOMENTS_VALUES,
		[STAT_SUM] = 0,
	};

	return needs[kind];
}

void moments_add(struct moments *m, double v, const char *text, size_t len, unsigned keep)
{
	const double sum = m->sum + v;
	const double delta = v - m->mean;

	m->lost += fabs(m->sum) >= fabs(v) ? (m->sum - sum) + v : (v - sum) + m->sum;
	m->sum = sum;
	m->n++;
	m->mean += delta / (double)m->n;
	m->squares += delta * (v - m->mean);
	if (keep & MOMENTS_EXTREMES) {
		if (m->n == 1 || v < m->min.value)
			extreme_set(&m->min, v, text, len);
		if (m->n == 1 || v > m->max.value)
			extreme_set(&m->max, v, text, len);
	}
	if (keep & MOMENTS_VALUES) {
		ARRAY_ROOM(m->values, m->n_values, m->cap_values);
		m->values[m->n_values++] = v;
		m->sorted = false;
	}
}

void moments_release(struct moments *m)
{
	buf_free(&m->min.text);
	buf_free(&m->max.text);
	free(m->values);
}

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value at (n - 1) q of the sorted ones, between two of them in proportion. */
static double quantile(struct moments *m, double q)
{
	const double h = (double)(m->n_values - 1) * q;
	const double below = floor(h);
	const size_t at = (size_t)below;

	if (!m->sorted)
		qsort(m->values, m->n_values, sizeof *m->values, compare_doubles);
	m->sorted = true;
	if (h <= below || at + 1 >= m->n_values)
		return m->values[at];
	return (1 - (h - below)) * m->values[at] + (h - below) * m->values[at + 1];
}

bool moments_stat(struct moments *m, enum stat_kind kind, double q, double *out)
{
	const double n = (double)m->n;

	if (m->n == 0 || ((kind == STAT_SD || kind == STAT_SEM) && m->n < 2))
		return false;
	switch (kind) {
	case STAT_SUM:
		*out = m->sum + m->lost;
		return true;
	case STAT_MEAN:
		*out = (m->sum + m->lost) / n;
		return true;
	case STAT_SD:
		*out = sqrt(m->squares / (n - 1));
		return true;
	case STAT_SEM:
		*out = sqrt(m->squares / (n - 1) / n);
		return true;
	case STAT_MEDIAN:
		*out = quantile(m, 0.5);
		return true;
	case STAT_QUANTILE:
		*out = quantile(m, q);
		return true;
	case STAT_COUNT: /* no test: these are written as they were read, not computed */
	case STAT_MIN:
	case STAT_MAX:
		break;
	}
	return false;
}

void summary_put_double(struct buf *b, double v)
{
	char text[TEXT_DOUBLE_MAX];
	const size_t n = text_of_double(v, text);

	buf_add(b, text, n);
}
