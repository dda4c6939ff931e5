/* SPDX-License-Identifier: MIT */
/*
 * The intake: a thread that takes in what large attempts left, one after another, while the loop
 * goes on with the others. It is made when the first such attempt ends.
 *
 * What is given to it is the thread's alone until it comes back; of the journal it uses what never
 * changes. It has all signals blocked but those of faults, so that the loop hears them; and it
 * starts no processes. The slot stays taken meanwhile, so no more can wait here than there are
 * slots.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "run/pool_internal.h"

struct list {
	struct taking *first, **end;
};

struct intake {
	pthread_t thread;
	int event_fd;
	struct taker taker;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t more;
	struct list waiting, done;
	bool closing;
};

static void list_add(struct list *l, struct taking *t)
{
	t->next = NULL;
	*l->end = t;
	l->end = &t->next;
}

static struct taking *list_take(struct list *l)
{
	struct taking *t = l->first;

	l->first = t->next;
	if (!l->first) {
		l->end = &l->first;
	}
	return t;
}

/* ---- the thread ---- */

/* The next one; NULL: there will be none. */
static struct taking *wait_for_one(struct intake *in)
{
	struct taking *t = NULL;

	(void)pthread_mutex_lock(&in->lock);
	while (!in->closing && !in->waiting.first) {
		(void)pthread_cond_wait(&in->more, &in->lock);
	}
	if (!in->closing) {
		t = list_take(&in->waiting);
	}
	(void)pthread_mutex_unlock(&in->lock);
	return t;
}

static void *take_all(void *arg)
{
	const uint64_t one = 1;
	struct intake *in = arg;
	struct taking *t;

	while ((t = wait_for_one(in)) != NULL) {
		t->rc = take_much(&in->taker, t);
		t->done = true;
		(void)pthread_mutex_lock(&in->lock);
		list_add(&in->done, t);
		(void)pthread_mutex_unlock(&in->lock);
		(void)!write(in->event_fd, &one, sizeof one);
	}
	return NULL;
}

/* ---- the loop's side ---- */

/* The thread begins with the signal mask that we have here. */
static int start_thread(struct intake *in)
{
	static const int faults[] = { SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP };
	sigset_t set, before;
	int rc;

	(void)sigfillset(&set);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		(void)sigdelset(&set, faults[i]);
	}
	(void)pthread_sigmask(SIG_SETMASK, &set, &before);
	rc = pthread_create(&in->thread, NULL, take_all, in);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0 ? 0 : -1;
}

static void intake_free(struct intake *in)
{
	taker_close(&in->taker);
	(void)pthread_cond_destroy(&in->more);
	(void)pthread_mutex_destroy(&in->lock);
	(void)close(in->event_fd);
	free(in);
}

/* NULL where the limit of processes or files is reached. */
static struct intake *intake_new(const struct pool *p)
{
	const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct intake *in;

	if (fd < 0) {
		return NULL;
	}
	in = mem_alloc(sizeof *in);
	in->event_fd = fd;
	in->waiting.end = &in->waiting.first;
	in->done.end = &in->done.first;
	(void)pthread_mutex_init(&in->lock, NULL);
	(void)pthread_cond_init(&in->more, NULL);
	taker_open(&in->taker, p);
	if (start_thread(in) < 0) {
		intake_free(in);
		return NULL;
	}
	return in;
}

bool intake_give(struct pool *p, struct taking *t)
{
	struct intake *in = p->intake;

	if (!in && p->stop != STOP_KILL) {
		in = p->intake = intake_new(p);
	}
	if (!in) {
		return false;
	}
	(void)pthread_mutex_lock(&in->lock);
	list_add(&in->waiting, t);
	(void)pthread_cond_signal(&in->more);
	(void)pthread_mutex_unlock(&in->lock);
	return true;
}

int intake_fd(const struct pool *p)
{
	return p->intake ? p->intake->event_fd : -1;
}

struct taking *intake_fetch(struct pool *p)
{
	struct intake *in = p->intake;
	struct taking *t;
	uint64_t n;

	(void)!read(in->event_fd, &n, sizeof n);
	(void)pthread_mutex_lock(&in->lock);
	t = in->done.first;
	in->done.first = NULL;
	in->done.end = &in->done.first;
	(void)pthread_mutex_unlock(&in->lock);
	return t;
}

void intake_close(struct pool *p)
{
	struct intake *in = p->intake;

	if (!in) {
		return;
	}
	(void)pthread_mutex_lock(&in->lock);
	in->closing = true;
	(void)pthread_cond_signal(&in->more);
	(void)pthread_mutex_unlock(&in->lock);
	(void)pthread_join(in->thread, NULL);
	intake_free(in);
	p->intake = NULL;
}
