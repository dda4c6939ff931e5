/* SPDX-License-Identifier: MIT */
/* Of an interpreter that forks: a message a call, with the descriptors that its child is to have.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run/interp_internal.h"

#define MESSAGE_MAX ((size_t)1 << 16) /* bytes that surely fit into one message of a socket */
#define FORK_MS     60000             /* that a fork may take */

/* One message with descriptors: the line itself, or, where it is too long for one, a file that
 * holds it. */
static int send_message(struct interp *ip, const char *line, size_t len, const int *fds, size_t n)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(4 * sizeof(int))];
	} control = { 0 };
	struct iovec text = { (void *)line, len };
	struct msghdr m = { .msg_iov = &text,
			    .msg_iovlen = 1,
			    .msg_control = control.room,
			    .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	ssize_t put;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	do {
		put = sendmsg(ip->requests, &m, MSG_NOSIGNAL);
	} while (put < 0 && errno == EINTR);
	return put < 0 ? -1 : 0;
}

static int send_call(struct interp *ip, const char *line, size_t len, const int fds[3])
{
	int all[4] = { fds[0], fds[1], fds[2], -1 }, rc;

	if (len <= MESSAGE_MAX) {
		return send_message(ip, line, len, fds, 3);
	}
	all[3] = memfd_create("request", MFD_CLOEXEC);
	rc = all[3] >= 0 && write(all[3], line, len) == (ssize_t)len &&
			     lseek(all[3], 0, SEEK_SET) == 0
		     ? send_message(ip, "file\n", 5, all, 4)
		     : -1;
	if (all[3] >= 0) {
		(void)close(all[3]);
	}
	return rc;
}

/* Waits for "SEQ PID". -1 with errno. */
static pid_t read_pid(struct interp *ip)
{
	struct pollfd fd = { .fd = ip->replies, .events = POLLIN };
	const char *line, *end;
	char *stop;
	long pid;

	while ((line = ip->in.data + ip->in_at,
		end = ip->in.len > ip->in_at ? memchr(line, '\n', ip->in.len - ip->in_at) : NULL) ==
	       NULL) {
		const int n = poll(&fd, 1, FORK_MS);

		if (n == 0 || (n < 0 && errno != EINTR) || (n > 0 && interp_read(ip) < 0)) {
			errno = n == 0 ? ETIMEDOUT : EPIPE;
			return -1;
		}
	}
	ip->in_at += (size_t)(end - line) + 1;
	(void)strtol(line, &stop, 10);
	pid = strtol(stop, NULL, 10);
	if (pid <= 1) {
		errno = pid < 0 ? (int)-pid : EPROTO;
		return -1;
	}
	return (pid_t)pid;
}

pid_t interp_fork(struct interp *ip, const char *line, size_t len, const int fds[3],
		  struct buf *why)
{
	const pid_t pid = send_call(ip, line, len, fds) < 0 ? -1 : read_pid(ip);
	const int number = errno;

	if (pid < 0) {
		buf_clear(why);
		buf_printf(why, "the interpreter cannot fork: %s", strerror(number));
	}
	errno = number;
	return pid;
}
