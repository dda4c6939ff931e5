/* SPDX-License-Identifier: MIT */
/* Classes of tasks: what has equal resources runs in one array. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "submit/review.h"

/* Rounded up; what no number can hold is as much as one can. */
static uint64_t grown(uint64_t x, double factor)
{
	const double raised = ceil((double)x * factor);

	if (!(factor > 1)) { /* also what is no number; and 2^60 bytes stay exact */
		return x;
	}
	return raised < 9e18 ? (uint64_t)raised : INT64_MAX;
}

void resources_raise(struct resources *res, const struct task_run *past)
{
	res->memory = grown(res->memory, past->memory);
	res->time_s = grown(res->time_s, past->time);
}

void classes_add(struct submit_class **classes, size_t *n, const struct resources *res,
		 uint64_t index, const struct task_run *past)
{
	size_t k = 0;

	while (k < *n && !resources_equal(&(*classes)[k].res, res)) {
		k++;
	}
	if (k == *n) {
		if ((*n & (*n - 1)) == 0) { /* full: 0, 1, 2, 4, ... */
			*classes = mem_resize(*classes, *n ? 2 * *n : 1, sizeof **classes);
		}
		(*classes)[(*n)++] = (struct submit_class){ .res = *res };
	}
	task_list_add(&(*classes)[k].tasks, index, past);
}

void classes_free(struct submit_class *classes, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		task_list_free(&classes[k].tasks);
	}
	free(classes);
}
