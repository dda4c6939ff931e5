/* SPDX-License-Identifier: MIT */
/* The page of memory that we share with an interpreter: what it says there of the calls that it
 * begins, and we of those that we take back. See ppgen-language(7). */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run/interp_internal.h"

#define SIZE 4096

/* The shared page, in words of 64 bits: the call that was begun last, which the interpreter writes,
 * and the last that is taken back, which we write. */
enum { PAGE_BEGUN, PAGE_REVOKED };

/* membarrier(2), whose header old systems do not have */
#define BARRIER_QUERY  0
#define BARRIER_GLOBAL 1

static long barrier(int command)
{
#ifdef SYS_membarrier
	return syscall(SYS_membarrier, command, 0, 0);
#else
	(void)command;
	return -1;
#endif
}

bool interp_can_share(void)
{
	const long known = sizeof(long) < sizeof(uint64_t) ? 0 : barrier(BARRIER_QUERY);

	return known > 0 && (known & BARRIER_GLOBAL);
}

int interp_page_open(struct interp *ip, int *theirs)
{
	const int fd = memfd_create("page", MFD_CLOEXEC);
	void *page = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, SIZE) == 0) {
		page = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	}
	ip->page = page == MAP_FAILED ? NULL : page;
	*theirs = spawn_move_fd(fd);
	return ip->page && *theirs >= 0 ? 0 : -1;
}

void interp_page_drop(struct interp *ip)
{
	if (ip->page) {
		(void)munmap(ip->page, SIZE);
	}
	ip->page = NULL;
}

bool interp_packs(const struct interp *ip)
{
	return ip->page;
}

uint64_t interp_begun(const struct interp *ip)
{
	return __atomic_load_n(&ip->page[PAGE_BEGUN], __ATOMIC_ACQUIRE);
}

/*
 * It writes which call it begins, and then reads whether that is taken back; we write, and then
 * read. The barrier orders its steps, too, which no language that it may be written in can: so
 * that of two that meet, one sees the other.
 */
void interp_revoke(struct interp *ip, uint64_t last)
{
	__atomic_store_n(&ip->page[PAGE_REVOKED], last, __ATOMIC_SEQ_CST);
}

void interp_barrier(void)
{
	(void)barrier(BARRIER_GLOBAL);
}

/* First the page, then the pipe: else what it had read between two of our reads would seem begun.
 */
uint64_t interp_revoked(struct interp *ip)
{
	const uint64_t begun = interp_begun(ip);
	char packet[INTERP_PACKET];
	ssize_t got;

	do {
		got = read(ip->unread, packet, sizeof packet);
	} while (got > 0 || (got < 0 && errno == EINTR));
	return begun;
}
