/* SPDX-License-Identifier: MIT */
#include "run/interp_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "gen/call.h"

#define PAGES        64 /* of a pipe */
#define PAGE_SIZE    4096
#define READ_STEP    ((size_t)1 << 18)
#define VALUE_LITTLE ((uint64_t)1 << 20) /* what is larger goes to a file */
#define VALUE_MAX    ((uint64_t)2 << 30)
#define WHY_MAX      ((uint64_t)1 << 16)
#define HEAD_FIELDS  8 /* numbers in an answer's head, the status aside */
#define HEAD_MAX     256
#define HELLO_MAX    ((size_t)1 << 16)
#define MORE_MAX     4 /* descriptors that it gets beside 0, 1 and 2 */

/* ---- start ---- */

/* A second way to read from a pipe, that does not wait; its flags are not those of the first. */
static int open_again(int fd)
{
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

/* The pipe of requests: theirs[0] is the interpreter's end. Where there is no packet mode, nothing
 * is sent ahead. */
static int open_requests(struct interp *ip, int pages, int *theirs)
{
	int fds[2];

	ip->ahead = 1;
	if (pipe2(fds, O_CLOEXEC | O_DIRECT) == 0) {
		const int size = fcntl(fds[1], F_SETPIPE_SZ, pages * PAGE_SIZE);
		const int room = size > 0 ? size : fcntl(fds[1], F_GETPIPE_SZ);

		ip->ahead = room > 2 * PAGE_SIZE ? (unsigned)(room / PAGE_SIZE) - 1 : 1;
	} else if (pipe2(fds, O_CLOEXEC) < 0) {
		return -1;
	}
	ip->requests = fds[1];
	*theirs = spawn_move_fd(fds[0]);
	ip->unread = *theirs < 0 ? -1 : open_again(*theirs);
	if (ip->unread < 0 ||
	    fcntl(ip->requests, F_SETFL, fcntl(ip->requests, F_GETFL) | O_NONBLOCK) < 0) {
		return -1;
	}
	return 0;
}

static int open_socket(struct interp *ip, int *theirs)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		return -1;
	}
	ip->requests = fds[0];
	*theirs = spawn_move_fd(fds[1]);
	return *theirs < 0 ? -1 : 0;
}

static int open_replies(struct interp *ip, int pages, int *theirs)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0) {
		return -1;
	}
	ip->replies = fds[0];
	(void)fcntl(fds[0], F_SETPIPE_SZ, pages * PAGE_SIZE);
	*theirs = spawn_move_fd(fds[1]);
	return *theirs < 0 ? -1 : fcntl(ip->replies, F_SETFL, O_NONBLOCK);
}

static void close_fd(int *fd)
{
	if (*fd >= 0) {
		(void)close(*fd);
	}
	*fd = -1;
}

struct interp *interp_start(const struct interp_start *s, struct buf *why)
{
	struct interp *ip = mem_alloc(sizeof *ip);
	const int pages = s->pages > 0 ? s->pages : PAGES;
	int theirs[MORE_MAX] = { -1, -1, -1, -1 }, number;

	*ip = (struct interp){ .requests = -1, .unread = -1, .replies = -1, .value_fd = -1 };
	ip->folder = mem_dup(s->folder);
	buf_room(&ip->in, READ_STEP);
	theirs[2] = fcntl(s->program_fd, F_DUPFD_CLOEXEC, SPAWN_MORE_FD);
	if (theirs[2] < 0 ||
	    (s->forks ? open_socket(ip, &theirs[0]) : open_requests(ip, pages, &theirs[0])) < 0 ||
	    open_replies(ip, pages, &theirs[1]) < 0 ||
	    (s->shares && interp_page_open(ip, &theirs[3]) < 0)) {
		buf_clear(why);
		buf_printf(why, "cannot make pipes for an interpreter: %s", strerror(errno));
		ip->pid = -1;
	} else {
		const struct spawn w = {
			.shared = s->shared,
			.argv = s->argv,
			.envp = s->envp,
			.workdir = s->workdir,
			.out_fd = s->out_fd,
			.err_fd = s->err_fd,
			.more = theirs,
			.n_more = s->shares ? 4 : 3,
		};

		ip->pid = spawn_start(s->spawner, &w, why);
	}
	number = errno;
	for (int i = 0; i < MORE_MAX; i++) {
		close_fd(&theirs[i]);
	}
	if (ip->pid <= 0) {
		interp_free(ip);
		errno = number;
		return NULL;
	}
	return ip;
}

void interp_free(struct interp *ip)
{
	if (!ip) {
		return;
	}
	close_fd(&ip->requests);
	close_fd(&ip->unread);
	close_fd(&ip->replies);
	close_fd(&ip->value_fd);
	interp_page_drop(ip);
	buf_free(&ip->out);
	buf_free(&ip->in);
	free(ip->folder);
	free(ip);
}

void interp_hang_up(struct interp *ip)
{
	close_fd(&ip->requests);
}

pid_t interp_pid(const struct interp *ip)
{
	return ip->pid;
}

int interp_fd(const struct interp *ip)
{
	return ip->replies;
}

int interp_unsent_fd(const struct interp *ip)
{
	return ip->out.len > ip->out_at ? ip->requests : -1;
}

unsigned interp_ahead(const struct interp *ip)
{
	return ip->ahead;
}

/* ---- requests ---- */

void interp_go_on(struct interp *ip)
{
	while (ip->out_at < ip->out.len) {
		const ssize_t put =
			write(ip->requests, ip->out.data + ip->out_at, ip->out.len - ip->out_at);

		if (put < 0 && errno == EINTR) {
			continue;
		}
		if (put < 0) {
			return; /* EAGAIN; of a reader that is gone we hear otherwise */
		}
		ip->out_at += (size_t)put;
	}
	buf_clear(&ip->out);
	ip->out_at = 0;
}

void interp_send(struct interp *ip, const char *line, size_t len)
{
	ssize_t put = -1;

	ip->long_line = len > INTERP_PACKET ? len : 0;
	if (ip->out.len == 0) {
		do {
			put = write(ip->requests, line, len);
		} while (put < 0 && errno == EINTR);
	}
	if (put < (ssize_t)len) {
		buf_add(&ip->out, line + (put > 0 ? put : 0), len - (size_t)(put > 0 ? put : 0));
	}
}

/* The number of ["call",SEQ,... or ["chunk",SEQ,...; 0: it is the beginning of neither. */
static bool read_seq(const char *packet, size_t len, uint64_t *seq)
{
	const char *comma = len > 0 && packet[0] == '[' ? memchr(packet, ',', len) : NULL;
	const char *const end = packet + len;

	for (*seq = 0; comma && ++comma < end && *comma >= '0' && *comma <= '9';) {
		*seq = *seq * 10 + (uint64_t)(*comma - '0');
	}
	return comma && comma < end && *comma == ',';
}

size_t interp_take_back(struct interp *ip, uint64_t *seqs, size_t most)
{
	char packet[INTERP_PACKET];
	size_t n = 0, all = 0;

	while (n < most) {
		const ssize_t got = read(ip->unread, packet, sizeof packet);

		if (got == 0 || (got < 0 && errno != EINTR)) {
			break;
		}
		n += got > 0 && (!ip->long_line || all == 0) &&
		     read_seq(packet, (size_t)got, &seqs[n]);
		all += got > 0 ? (size_t)got : 0;
	}
	if (ip->long_line) { /* it was alone; its last piece may look like a line */
		n = all == ip->long_line ? n : 0;
		ip->long_line = 0;
	}
	return n;
}

/* ---- answers ---- */

int interp_read(struct interp *ip)
{
	ssize_t got;

	if (ip->in_at > 0) {
		ip->in.len -= ip->in_at;
		memmove(ip->in.data, ip->in.data + ip->in_at, ip->in.len);
		ip->in_at = 0;
	}
	buf_room(&ip->in, READ_STEP);
	do {
		got = read(ip->replies, ip->in.data + ip->in.len, READ_STEP);
	} while (got < 0 && errno == EINTR);
	if (got > 0) {
		ip->in.len += (size_t)got;
		ip->in.data[ip->in.len] = '\0';
		return 1;
	}
	return got < 0 ? 0 : -1;
}

int interp_hello(struct interp *ip, struct buf *wants, struct buf *why)
{
	const char *line = ip->in.data + ip->in_at;
	const size_t have = ip->in.len - ip->in_at;
	const char *end = have ? memchr(line, '\n', have) : NULL;
	struct json hello, error;
	uint64_t version;

	if (!end) {
		return have > HELLO_MAX ? -1 : 0;
	}
	ip->in_at += (size_t)(end - line) + 1;
	if (json_parse(line, (size_t)(end - line), &hello, NULL) < 0 || hello.type != JSON_OBJECT ||
	    !json_u64(json_get(hello, "ppgen"), &version) || version != CALL_PROTOCOL) {
		buf_puts(why, "what it said first is not the protocol that this ppgen speaks");
		return -1;
	}
	error = json_get(hello, "error");
	if (error.type == JSON_STRING) {
		json_put_decoded(why, error);
		return -1;
	}
	if (!json_true(json_get(hello, "packs"))) {
		interp_page_drop(ip);
	}
	hello = json_get(hello, "wants");
	buf_add(wants, hello.text, hello.len);
	return 1;
}

static const char *const status_names[] = { "ok", "exit", "invalid", "back" };

/* A number and the blank or line end behind it; NULL when it is none. */
static const char *read_number(const char *p, const char *end, uint64_t *out)
{
	const char *const from = p;

	for (*out = 0; p < end && *p >= '0' && *p <= '9' && p - from < 19; p++) {
		*out = *out * 10 + (uint64_t)(*p - '0');
	}
	return p > from && p <= end && (*p == ' ' || *p == '\n') ? p + 1 : NULL;
}

static const char *read_status(const char *p, const char *end, enum answer_status *out)
{
	for (int i = 0; i <= ANSWER_BACK; i++) {
		const size_t n = strlen(status_names[i]);

		if (end - p > (ptrdiff_t)n && memcmp(p, status_names[i], n) == 0 && p[n] == ' ') {
			*out = (enum answer_status)i;
			return p + n + 1;
		}
	}
	return NULL;
}

/* SEQ STATUS CODE WALL CPU OUT ERR NVALUE NWHY; *p is past it. -1: it is not of this form. */
static int read_head(const char **at, const char *end, struct answer *a)
{
	uint64_t n[HEAD_FIELDS];
	const char *p = read_number(*at, end, &n[0]);

	p = p ? read_status(p, end, &a->status) : NULL;
	for (int i = 1; i < HEAD_FIELDS; i++) {
		p = p ? read_number(p, end, &n[i]) : NULL;
	}
	if (!p || p != end + 1 || n[1] > 255 || n[6] > VALUE_MAX || n[7] > WHY_MAX) {
		return -1;
	}
	a->seq = n[0];
	a->code = (int)n[1];
	a->wall = (double)n[2] / 1e6;
	a->cpu = (double)n[3] / 1e6;
	a->size[0] = (off_t)n[4];
	a->size[1] = (off_t)n[5];
	a->value_len = n[6];
	a->why_len = (size_t)n[7];
	a->value_fd = -1;
	a->value_from = 0;
	*at = p;
	return 0;
}

int interp_open_file(const char *folder)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) { /* NFS, Lustre */
		char *path = mem_printf("%s/.value.%ld", folder, (long)getpid());

		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0) {
			(void)unlink(path);
		}
		free(path);
	}
	return fd;
}

/* Moves what came of a large value into its file. 1: it is whole; 0; -2 with errno: no room. */
static int take_large(struct interp *ip)
{
	uint64_t n = ip->in.len - ip->in_at;

	n = n < ip->value_left ? n : ip->value_left;
	while (n > 0) {
		const ssize_t put = write(ip->value_fd, ip->in.data + ip->in_at, (size_t)n);

		if (put <= 0 && errno != EINTR) {
			return -2;
		}
		if (put > 0) {
			ip->in_at += (size_t)put;
			ip->value_left -= (uint64_t)put;
			n -= (uint64_t)put;
		}
	}
	return ip->value_left == 0;
}

/* Gives the answer whose value is in its file. */
static int end_large(struct interp *ip, struct answer *a)
{
	const int r = take_large(ip);

	if (r <= 0) {
		return r;
	}
	if (ip->in.len - ip->in_at < ip->large.why_len) {
		return 0;
	}
	*a = ip->large;
	a->value = NULL;
	a->value_fd = ip->value_fd;
	a->why = ip->in.data + ip->in_at;
	ip->in_at += a->why_len;
	ip->value_fd = -1;
	return 1;
}

int interp_answer(struct interp *ip, struct answer *a)
{
	const char *const from = ip->in.data + ip->in_at, *p = from, *end;
	const size_t have = ip->in.len - ip->in_at;

	if (ip->value_fd >= 0) {
		return end_large(ip, a);
	}
	if (have == 0) {
		return 0;
	}
	end = memchr(from, '\n', have < HEAD_MAX ? have : HEAD_MAX);
	if (!end) {
		return have < HEAD_MAX ? 0 : -1;
	}
	if (read_head(&p, end, a) < 0) {
		return -1;
	}
	if (a->value_len > VALUE_LITTLE) {
		ip->in_at += (size_t)(p - from);
		ip->large = *a;
		ip->value_left = a->value_len;
		ip->value_fd = interp_open_file(ip->folder);
		return ip->value_fd < 0 ? -2 : end_large(ip, a);
	}
	if (have - (size_t)(p - from) < a->value_len + a->why_len) {
		return 0;
	}
	a->value = p;
	a->why = p + a->value_len;
	ip->in_at += (size_t)(p - from) + (size_t)a->value_len + a->why_len;
	return 1;
}

int interp_file_answer(int fd, struct answer *a, off_t *from)
{
	char head[HEAD_MAX];
	const ssize_t got = pread(fd, head, sizeof head, 0);
	const char *p = head, *end = got > 0 ? memchr(head, '\n', (size_t)got) : NULL;

	if (got == 0) {
		return 0;
	}
	if (!end || read_head(&p, end, a) < 0) {
		return -1;
	}
	*from = (off_t)(p - head);
	return lseek(fd, 0, SEEK_END) == *from + (off_t)a->value_len + (off_t)a->why_len ? 1 : -1;
}
