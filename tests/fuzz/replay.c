/* SPDX-License-Identifier: MIT */
/*
 * The kept inputs, without libFuzzer: every one must go through its target. For each target NAME
 * they lie in tests/fuzz/corpus/NAME.pack, one after another, each behind a line "@ BYTES", and in
 * the files of tests/fuzz/corpus/NAME/, those that once showed a fault.
 *
 *	replay                        all of them, one line of TAP a target
 *	replay TARGET FILE...         these files
 *	replay --unpack TARGET DIR    writes each input of the pack into a file
 *	replay --pack FILE...         a pack of these files on stdout
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/fuzz/fuzz.h"

#define SECONDS 120 /* an input may take before it counts as hanging, on a busy machine */

/* Shared with the child that runs a target, to say where it died. */
static struct progress {
	char name[256];
	unsigned done;
} * progress;

typedef void (*input_fn)(void *arg, const char *name, struct part in);

static char *corpus(const char *name, const char *ending)
{
	const char *srcdir = getenv("srcdir");

	return mem_printf("%s/tests/fuzz/corpus/%s%s", srcdir ? srcdir : ".", name, ending);
}

static void fail(const char *name, const char *what)
{
	fprintf(stderr, "%s: %s\n", name, what);
	exit(2);
}

static void each_packed(const char *path, input_fn fn, void *arg)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	size_t at = 0;

	if (!file_exists(path))
		return;
	if (file_read(path, &b, 0, &e) < 0)
		fail(path, e.text);
	for (unsigned n = 1; at < b.len; n++) {
		char name[32], *end;
		unsigned long len;

		if (strncmp(b.data + at, "@ ", 2) != 0)
			fail(path, "is no pack");
		len = strtoul(b.data + at + 2, &end, 10);
		at = (size_t)(end - b.data) + 1;
		if (*end != '\n' || len > b.len - at)
			fail(path, "is no pack");
		snprintf(name, sizeof name, "%u", n);
		fn(arg, name, (struct part){ b.data + at, len });
		at += len + 1;
	}
	buf_free(&b);
}

static void each_file(const char *const *paths, size_t n, input_fn fn, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		struct buf b = BUF_INIT;
		struct err e = ERR_INIT;

		if (file_read(paths[i], &b, 0, &e) < 0)
			fail(paths[i], e.text);
		fn(arg, paths[i], (struct part){ buf_str(&b), b.len });
		buf_free(&b);
	}
}

static void each_in_folder(const char *dir, input_fn fn, void *arg)
{
	char **names = NULL;
	size_t n = 0;

	if (!file_exists(dir))
		return;
	if (file_list(dir, &names, &n, NULL) < 0)
		fail(dir, "cannot be read");
	for (size_t i = 0; i < n; i++) {
		const char *path = path_join(dir, names[i]);

		each_file(&path, 1, fn, arg);
		free((char *)(uintptr_t)path);
	}
	free(names);
}

/* ---- running ---- */

static void run_input(void *arg, const char *name, struct part in)
{
	const struct fuzz_target *t = arg;
	char *copy = mem_dupn(in.text, in.len);

	snprintf(progress->name, sizeof progress->name, "%s", name);
	progress->done++;
	alarm(SECONDS);
	t->run((struct part){ copy, in.len });
	alarm(0);
	free(copy);
}

/* All inputs of a target in a child; whether they went through. */
static bool run_target(const struct fuzz_target *t)
{
	char *pack = corpus(t->name, ".pack"), *dir = corpus(t->name, "");
	pid_t child;
	int status = 0;

	*progress = (struct progress){ .name = "" };
	fflush(stdout);
	child = fork();
	if (child == 0) {
		each_packed(pack, run_input, (void *)(uintptr_t)t);
		each_in_folder(dir, run_input, (void *)(uintptr_t)t);
		free(pack);
		free(dir);
		exit(0);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
	}
	free(pack);
	free(dir);
	return child > 0 && status == 0 && progress->done > 0;
}

static int run_all(void)
{
	int code = 0;

	for (size_t i = 0; i < fuzz_target_count; i++) {
		const struct fuzz_target *t = &fuzz_targets[i];
		const bool good = run_target(t);

		printf("%sok %zu - %s: %u inputs\n", good ? "" : "not ", i + 1, t->name,
		       progress->done);
		if (!good)
			printf("# died at input '%s' of tests/fuzz/corpus/%s\n", progress->name,
			       t->name);
		code |= !good;
	}
	printf("1..%zu\n", fuzz_target_count);
	return code;
}

/* ---- packs ---- */

static void write_input(void *arg, const char *name, struct part in)
{
	char *path = path_join(arg, name);
	struct err e = ERR_INIT;

	if (file_publish(path, in.text, in.len, &e) < 0)
		fail(path, e.text);
	free(path);
}

static void print_input(void *arg, const char *name, struct part in)
{
	(void)arg;
	(void)name;
	printf("@ %zu\n", in.len);
	fwrite(in.text, 1, in.len, stdout);
	putchar('\n');
}

int main(int argc, char **argv)
{
	const struct fuzz_target *t;

	progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (progress == MAP_FAILED)
		fail(argv[0], "no memory");
	if (argc == 1)
		return run_all();
	if (argc == 4 && strcmp(argv[1], "--unpack") == 0) {
		char *pack = corpus(argv[2], ".pack"), *dir = corpus(argv[2], "");

		each_packed(pack, write_input, argv[3]);
		free(pack);
		free(dir);
		return 0;
	}
	if (strcmp(argv[1], "--pack") == 0) {
		each_file((const char *const *)argv + 2, (size_t)argc - 2, print_input, NULL);
		return 0;
	}
	t = fuzz_find(argv[1]);
	if (!t)
		fail(argv[1], "there is no target of this name");
	each_file((const char *const *)argv + 2, (size_t)argc - 2, run_input, (void *)(uintptr_t)t);
	return 0;
}
