/* SPDX-License-Identifier: MIT */
/* Memory: zeroed, checked for overflow, aligned; running out of it ends the process with 3. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

static void test_zeroed(void **state)
{
	static const char zeros[100];
	char *p = mem_alloc(100), *q = mem_array(10, 10);

	(void)state;
	assert_memory_equal(p, zeros, 100);
	assert_memory_equal(q, zeros, 100);
	free(p);
	free(q);
	p = mem_alloc(0);
	assert_non_null(p);
	free(p);
	p = mem_resize(NULL, 0, 8);
	assert_non_null(p);
	free(p);
}

static void test_dup(void **state)
{
	char *a = mem_dup("abc"), *b = mem_dupn("a\0bc", 3), *c = mem_printf("%d-%s", 7, "x");
	char *d = mem_dupn(NULL, 0);

	(void)state;
	assert_string_equal(a, "abc");
	assert_memory_equal(b, "a\0b\0", 4);
	assert_string_equal(c, "7-x");
	assert_string_equal(d, "");
	free(a);
	free(b);
	free(c);
	free(d);
}

static void test_room(void **state)
{
	size_t *items = NULL, n = 0, cap = 0;

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		ARRAY_ROOM(items, n, cap);
		items[n++] = i;
	}
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(items[i], i);
	}
	free(items);
}

static void test_arena(void **state)
{
	static const size_t sizes[] = { 0, 1, 3, 16, 100, 5000, 7, 300000, 17, 1 };
	struct arena *a = arena_new();
	char *pieces[1000];

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		const size_t n = sizes[i % 10];

		pieces[i] = arena_alloc(a, n);
		assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < n; k++) {
			if (pieces[i][k] != 0) {
				fail_msg("piece %zu is not zeroed at %zu", i, k);
			}
		}
		memset(pieces[i], (int)(i % 251) + 1, n);
	}
	for (size_t i = 0; i < 1000; i++) {
		for (size_t k = 0; k < sizes[i % 10]; k += 97) {
			assert_int_equal((unsigned char)pieces[i][k], i % 251 + 1);
		}
	}
	assert_string_equal(arena_dup(a, "abc"), "abc");
	assert_memory_equal(arena_dupn(a, "a\0b", 3), "a\0b\0", 4);
	assert_string_equal(arena_printf(a, "%s=%05d", "n", 42), "n=00042");
	arena_free(a);
	arena_free(NULL);
}

enum out_way { OUT_RESIZE, OUT_DUPN, OUT_ARENA };

static void run_out(enum out_way way)
{
	struct arena *a = arena_new();

	switch (way) {
	case OUT_RESIZE:
		mem_resize(NULL, SIZE_MAX / 2, 3);
		break;
	case OUT_DUPN:
		mem_dupn("", SIZE_MAX);
		break;
	case OUT_ARENA:
		arena_alloc(a, SIZE_MAX - 4);
		break;
	}
	arena_free(a);
}

static void test_out_of_memory(void **state)
{
	(void)state;
	for (int way = OUT_RESIZE; way <= OUT_ARENA; way++) {
		char text[200] = "";
		int pipes[2], status;
		pid_t pid;

		assert_int_equal(pipe(pipes), 0);
		pid = fork();
		if (pid == 0) {
			dup2(pipes[1], STDERR_FILENO);
			run_out((enum out_way)way);
			_exit(0);
		}
		close(pipes[1]);
		assert_true(read(pipes[0], text, sizeof text - 1) > 0);
		close(pipes[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 3);
		assert_non_null(strstr(text, "ppgen: out of memory"));
	}
}

/* In a child: asks for `want` bytes under a limit, and gives what was said. */
static int run_limited(const char *wish, size_t raise, size_t want, char *text, size_t room)
{
	int pipes[2], status;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		struct err e = ERR_INIT;

		dup2(pipes[1], STDERR_FILENO);
		setenv("PPGEN_MEMORY_LIMIT", wish, 1);
		if (mem_limit((size_t)32 << 20, &e) < 0) {
			fprintf(stderr, "%s", e.text);
			_exit(2);
		}
		mem_limit_raise(raise);
		free(mem_alloc(want));
		_exit(0);
	}
	close(pipes[1]);
	got = read(pipes[0], text, room - 1);
	text[got > 0 ? got : 0] = '\0';
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#if defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static void test_limit(void **state)
{
	static const struct {
		const char *wish;
		size_t raise, want; /* MiB */
		int code;
		const char *said;
	} rows[] = {
		{ "", 0, 8, 0, "" },
		{ "", 0, 64, 3, "more than 32M are wanted" },
		{ "128M", 0, 64, 0, "" },
		{ "128M", 0, 256, 3, "more than 128M are wanted" },
		{ "0", 0, 256, 0, "" },
		{ "128M", 256, 256, 0, "" },
		{ "128M", 256, 512, 3, "more than 128M are wanted" },
		{ "0", 256, 512, 0, "" },
		{ "much", 0, 1, 2, "PPGEN_MEMORY_LIMIT is 'much', which is no size, as in 8G" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[200];
		int code = run_limited(rows[i].wish, rows[i].raise << 20, rows[i].want << 20, text,
				       sizeof text);

		if ((SANITIZED || getenv("VALGRIND_LOGS")) &&
		    rows[i].code == 3) { /* nothing is limited there */
			assert_int_equal(code, 0);
			continue;
		}
		assert_int_equal(code, rows[i].code);
		assert_non_null(strstr(text, rows[i].said));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroed),        cmocka_unit_test(test_dup),
		cmocka_unit_test(test_room),          cmocka_unit_test(test_arena),
		cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
