/* SPDX-License-Identifier: MIT */
/* What the system may refuse, made to happen: in a process that a test forked, for good. */
#ifndef PPGEN_TESTS_UNIT_REFUSE_H
#define PPGEN_TESTS_UNIT_REFUSE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ANY (-1L)

/* From now on the kernel answers this call, where its argument `at` is `value` (or ANY), with an
 * error. */
static inline void refuse_at(long call, unsigned at, long value, int number)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, args) +
							   at * (unsigned)sizeof(uint64_t)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)value, 0, value == ANY ? 0 : 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)number),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof code / sizeof *code, code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		_exit(77);
	}
}

static inline void refuse(long call, long first, int number)
{
	refuse_at(call, 0, first, number);
}

/* No process can be started, by whichever call the library takes. */
static inline void refuse_processes(void)
{
#ifdef SYS_vfork
	refuse(SYS_vfork, ANY, EAGAIN);
#endif
#ifdef SYS_fork
	refuse(SYS_fork, ANY, EAGAIN);
#endif
	refuse(SYS_clone, ANY, EAGAIN);
}

/* Only so many descriptors more can be opened; free_descriptors ends that. */
static inline void leave_descriptors(unsigned n)
{
	struct rlimit l;
	int fd = 3;

	for (unsigned i = 0; fcntl(fd, F_GETFD) >= 0 || i++ < n; fd++) {
	}
	l.rlim_cur = l.rlim_max = (rlim_t)fd;
	if (setrlimit(RLIMIT_NOFILE, &l) < 0) {
		_exit(77);
	}
}

static inline void free_descriptors(void)
{
	for (int fd = 3; fd < 256; fd++) {
		(void)close(fd);
	}
}

/* Ends limit_files. */
static inline void free_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_FSIZE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_FSIZE, &l);
	}
}

/* A file of ours may hold no more than n bytes; free_files ends that. */
static inline void limit_files(size_t n)
{
	struct rlimit l;

	(void)signal(SIGXFSZ, SIG_IGN);
	if (getrlimit(RLIMIT_FSIZE, &l) < 0) {
		_exit(77);
	}
	l.rlim_cur = n;
	if (setrlimit(RLIMIT_FSIZE, &l) < 0) {
		_exit(77);
	}
}

#endif
