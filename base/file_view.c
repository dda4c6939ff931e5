/* SPDX-License-Identifier: MIT */
/* Files for reading, mapped. */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/file.h"

void file_view_free(struct file_view *v)
{
	if (v->mapped) {
		munmap((void *)(uintptr_t)v->data, v->len);
	} else if (v->len) {
		free((void *)(uintptr_t)v->data);
	}
	*v = (struct file_view){ "", 0, false };
}
