/* SPDX-License-Identifier: MIT */
/*
 * One interpreter that lives on and calls a function for task after task: its process and its two
 * pipes, in the protocol of ppgen-language(7). It knows nothing of slots and records.
 *
 * Requests go through a pipe in packet mode (pipe2(2), O_DIRECT): a read gives one packet, so
 * that what the interpreter has not read yet can be taken back, also after its end. That is how it
 * is known which of the calls sent ahead it had begun.
 */
#ifndef PPGEN_RUN_INTERP_H
#define PPGEN_RUN_INTERP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "gen/spec.h"
#include "run/spawn.h"

struct interp;

/* back: the call was not begun, since it had been taken back */
enum answer_status { ANSWER_OK, ANSWER_EXIT, ANSWER_INVALID, ANSWER_BACK };

/* What came back of one call. The texts are valid until the next interp_read. */
struct answer {
	uint64_t seq;
	enum answer_status status;
	int code;                /* of ANSWER_EXIT: 0 to 255 */
	double wall, cpu;        /* seconds */
	off_t size[SPOOL_COUNT]; /* of the files on 1 and 2, now */
	const char *value;       /* NULL where it is in value_fd */
	uint64_t value_len;
	int value_fd;        /* a file without a name, for large values; -1. The caller closes it */
	uint64_t value_from; /* where it begins there */
	const char *why;
	size_t why_len;
};

struct interp_start {
	struct spawner *spawner;
	const struct spawn_shared *shared;
	char *const *argv, *const *envp;
	const char *workdir;
	int out_fd, err_fd;
	int program_fd; /* what the interpreter is to run, opened for reading by its name again */
	const char *folder; /* for values that are large */
	int pages;          /* of each pipe, 0: 64. A user may have 16384 in all */
	bool forks;         /* it is to fork a child a task: see interp_fork */
	bool shares;        /* it gets a page of memory that we share: see interp_packs */
};

/* It waits for its first line. NULL and `why`, with errno: it could not be started. */
struct interp *interp_start(const struct interp_start *s, struct buf *why);
/* Closes the pipes, at which it leaves by itself; its process is the caller's to wait for. Accepts
 * NULL. */
void interp_free(struct interp *ip);

/* It is told to leave; what it says is still heard. */
void interp_hang_up(struct interp *ip);

pid_t interp_pid(const struct interp *ip);
int interp_fd(const struct interp *ip);         /* readable when answers came */
int interp_unsent_fd(const struct interp *ip);  /* to be polled for writing; -1: all is sent */
unsigned interp_ahead(const struct interp *ip); /* calls that may be sent before they are read */

/* Sends a line, or begins to. Long lines (over a packet) only when nothing else is under way. */
void interp_send(struct interp *ip, const char *line, size_t len);
void interp_go_on(struct interp *ip); /* with what is unsent */
#define INTERP_PACKET 4096

/*
 * Takes back lines that it has not read: the numbers of their calls, in their order, at most
 * `most`; how many. It reads at the same time, so what it has read may stand between them. A line
 * that is longer than a packet stays.
 */
size_t interp_take_back(struct interp *ip, uint64_t *seqs, size_t most);

/* Whether this system has what a shared page needs. */
bool interp_can_share(void);

/*
 * One that uses the shared page may get several lines in a packet. It tells there which call it
 * begins, and so what it has read can be taken back, too: interp_revoke says that it shall begin
 * no call up to number `last`. After interp_barrier, which takes some 10 ms and serves for any
 * number of them, interp_revoked gives the number of the last that it did begin, 0 for none. All
 * behind that are taken back, and some of them come back once more (ANSWER_BACK); that last one
 * may come back, too.
 */
bool interp_packs(const struct interp *ip);
void interp_revoke(struct interp *ip, uint64_t last);
void interp_barrier(void);
uint64_t interp_revoked(struct interp *ip);
uint64_t interp_begun(const struct interp *ip); /* the last call that it began, now; 0 */

/*
 * Of one that forks: the pid of a child that does the line's call, and is our child, too, the
 * leader of its own process group. fds: its stdout, its stderr, and where its answer goes. -1 and
 * `why`.
 */
pid_t interp_fork(struct interp *ip, const char *line, size_t len, const int fds[3],
		  struct buf *why);

/* Reads what came, at most so much that others are not kept waiting. 1: there may be more at once,
 * 0, -1: its end of the pipe is closed. */
int interp_read(struct interp *ip);
/* 1 when it has said that it is ready, with what the function wants (a JSON array), 0 not yet, -1:
 * it cannot call the function, see `why`; or what it said is none of the protocol. */
int interp_hello(struct interp *ip, struct buf *wants, struct buf *why);
/* The answer that a child has left in a file: its head; the value begins at *from, and why behind
 * it. 1, 0 none, -1. */
int interp_file_answer(int fd, struct answer *a, off_t *from);
/* A file for values and answers, which has no name. -1 with errno. */
int interp_open_file(const char *folder);

/* 1: the next answer, 0: none is whole yet, -1: what came is none of the protocol, -2 with errno:
 * there is no room for what came. */
int interp_answer(struct interp *ip, struct answer *a);

#endif
