/* SPDX-License-Identifier: MIT */
/* What the tests of the run directory share: a folder of their own, and records. */
#ifndef PPGEN_TESTS_UNIT_STORE_TEST_H
#define PPGEN_TESTS_UNIT_STORE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

/* A cmocka setup: *state is the path of a new empty folder. */
static inline int folder_setup(void **state)
{
	const char *base = getenv("TMPDIR");
	char *path = mem_printf("%s/ppgen-test-XXXXXX", base && base[0] ? base : "/tmp");

	if (!mkdtemp(path)) {
		free(path);
		return -1;
	}
	*state = path;
	return 0;
}

static inline int folder_teardown(void **state)
{
	const int rc = file_remove_tree(*state, NULL);

	free(*state);
	return rc;
}

static inline void assert_no_error(const struct err *e)
{
	if (err_is(e)) {
		fail_msg("%s", e->text);
	}
}

#endif
