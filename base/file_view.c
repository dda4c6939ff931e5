/* SPDX-License-Identifier: MIT */
/*
 * Mapped files, and what happens when one becomes shorter, or cannot be read, while it is mapped:
 * the kernel sends SIGBUS to the thread that touches the page, which would end us. Instead, the
 * handler puts zeros in the place of that page and of all behind it, and marks the view as torn;
 * who reads the view asks for that mark at the end and believes nothing that it read.
 *
 * The handler runs on the thread that touched the page, at that very instruction. It finds the view
 * in a table of atomics: a row is complete before its view is handed out, and `to` is 0 while a row
 * is being filled or cleared by another thread, so that it holds no address then.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define VIEWS_MAX 4096 /* mapped at a time; further files are read into memory */

static struct guarded {
	atomic_uintptr_t from; /* 0: the row is free */
	atomic_uintptr_t to;
	atomic_bool torn;
} guarded[VIEWS_MAX];

static atomic_uintptr_t page_size;

static bool put_zeros(struct guarded *g, uintptr_t at)
{
	const uintptr_t from = atomic_load(&g->from), to = atomic_load(&g->to);
	const uintptr_t page = at - at % atomic_load(&page_size);

	if (at < from || at >= to) {
		return false;
	}
	atomic_store(&g->torn, true);
	return mmap((void *)page, to - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		    0) != MAP_FAILED;
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	const int before = errno;
	bool ours = false;

	(void)context;
	for (size_t i = 0; info->si_code == BUS_ADRERR && i < VIEWS_MAX; i++) {
		ours |= put_zeros(&guarded[i], (uintptr_t)info->si_addr);
	}
	if (!ours) {
		(void)sigaction(number, &by_default, NULL);
		(void)raise(number); /* blocked while we are here: it comes when we return */
	}
	errno = before;
}

/* Before a file is mapped. Looked at each time: who else takes SIGBUS (a test's frame does) may
 * give it back later. */
static int watch(void)
{
	struct sigaction now, action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };
	sigset_t set;

	if (sigaction(SIGBUS, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
	    now.sa_sigaction == on_bus_error) {
		return 0;
	}
	atomic_store(&page_size, (uintptr_t)sysconf(_SC_PAGESIZE));
	(void)sigemptyset(&action.sa_mask);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGBUS);
	return sigaction(SIGBUS, &action, NULL) < 0 || sigprocmask(SIG_UNBLOCK, &set, NULL) < 0 ? -1
												: 0;
}

/* A row for a mapping of len bytes at p; NULL when none is free. */
static struct guarded *guard(const void *p, size_t len)
{
	const uintptr_t from = (uintptr_t)p;

	for (size_t i = 0; i < VIEWS_MAX; i++) {
		struct guarded *g = &guarded[i];
		uintptr_t none = 0;

		if (atomic_load(&g->from) == 0 &&
		    atomic_compare_exchange_strong(&g->from, &none, from)) {
			atomic_store(&g->torn, false);
			atomic_store(&g->to, from + len);
			return g;
		}
	}
	return NULL;
}

bool file_view_map(int fd, size_t len, struct file_view *v)
{
	struct guarded *g;
	void *p;

	*v = (struct file_view){ .data = "" };
	if (len == 0 || watch() < 0) {
		return false;
	}
	p = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED) {
		return false;
	}
	g = guard(p, len);
	if (!g) {
		(void)munmap(p, len);
		return false;
	}
	*v = (struct file_view){ .data = p, .len = len, .mapped = true, .guard = g };
	return true;
}

/* The last byte is touched, since a file that became shorter lacks that one first. */
bool file_view_torn(const struct file_view *v)
{
	const struct guarded *g = v->guard;

	if (!g) {
		return false;
	}
	(void)*(const volatile char *)(v->data + v->len - 1);
	return atomic_load(&g->torn);
}

int file_view_check(const struct file_view *v, const char *path, struct err *e)
{
	struct stat st;

	if (file_view_torn(v) ||
	    (v->mapped && stat(path, &st) == 0 && (uint64_t)st.st_size < v->len)) {
		return err_fail(e, "'%s' became shorter while it was read", path);
	}
	return 0;
}

void file_view_free(struct file_view *v)
{
	struct guarded *g = v->guard;

	if (v->mapped) {
		atomic_store(&g->to, 0);
		atomic_store(&g->from, 0);
		(void)munmap((void *)(uintptr_t)v->data, v->len);
	} else if (v->len) {
		free((void *)(uintptr_t)v->data);
	}
	*v = (struct file_view){ .data = "" };
}
