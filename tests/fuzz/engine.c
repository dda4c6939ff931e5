/* SPDX-License-Identifier: MIT */
/* libFuzzer's side: the program's name says which target it is, as in fuzz/spec. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct fuzz_target *target;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	target = fuzz_find(path_name((*argv)[0]));
	if (!target) {
		fprintf(stderr, "'%s': there is no target of this name\n", (*argv)[0]);
		exit(2);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of just this size, so that one byte too many is seen */
	char *text = mem_dupn((const char *)data, size);

	target->run((struct part){ text, size });
	free(text);
	return 0;
}
