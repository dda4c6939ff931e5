/* SPDX-License-Identifier: MIT */
/*
 * Slots stand in a ring: job j uses slot j modulo their number, once the job before it there has
 * been taken. The caller makes jobs too while the one that it wants is not ready.
 */
#include "base/ahead.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

#define SLOTS_A_THREAD 3
#define STACK          ((size_t)512 << 10)

struct line_up {
	const struct ahead *a;
	void *arg;
	uint64_t jobs;
	unsigned n_slots;
	void **slots;
	bool *made;     /* by slot */
	uint64_t begun; /* jobs that somebody makes or has made */
	uint64_t taken; /* jobs whose slots are free again */
	bool over;      /* nothing more is wanted */
	pthread_mutex_t lock;
	pthread_cond_t room, ready;
};

unsigned ahead_threads(unsigned most)
{
	cpu_set_t set;
	int n = 1;

	if (sched_getaffinity(0, sizeof set, &set) == 0) {
		n = CPU_COUNT(&set);
	}
	return n < 1 ? 1 : (unsigned)n < most ? (unsigned)n : most;
}

/* Whether there is a job that can be begun now. */
static bool has_room(const struct line_up *l)
{
	return l->begun < l->jobs && l->begun < l->taken + l->n_slots;
}

/* Makes the next job; called and left with the lock held. */
static void make_next(struct line_up *l)
{
	const uint64_t job = l->begun++;
	const size_t slot = (size_t)(job % l->n_slots);

	pthread_mutex_unlock(&l->lock);
	l->a->make(l->arg, job, l->slots[slot]);
	pthread_mutex_lock(&l->lock);
	l->made[slot] = true;
	if (job == l->taken) {
		pthread_cond_signal(&l->ready);
	}
}

static void *helper(void *arg)
{
	struct line_up *l = arg;

	pthread_mutex_lock(&l->lock);
	while (!l->over && l->begun < l->jobs) {
		if (has_room(l)) {
			make_next(l);
		} else {
			pthread_cond_wait(&l->room, &l->lock);
		}
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* As many as the system gives: without any, the caller does all itself. Signals stay with the
 * threads that the program had. */
static unsigned start_helpers(struct line_up *l, pthread_t *threads, unsigned n)
{
	pthread_attr_t attr;
	sigset_t all, before;
	unsigned started = 0;

	if (n == 0 || pthread_attr_init(&attr) != 0) {
		return 0;
	}
	pthread_attr_setstacksize(&attr, STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (started < n && pthread_create(&threads[started], &attr, helper, l) == 0) {
		started++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return started;
}

static int take_all(struct line_up *l)
{
	int rc = 0;

	pthread_mutex_lock(&l->lock);
	while (rc == 0 && l->taken < l->jobs) {
		const size_t slot = (size_t)(l->taken % l->n_slots);

		if (!l->made[slot]) {
			if (has_room(l)) {
				make_next(l);
			} else {
				pthread_cond_wait(&l->ready, &l->lock);
			}
			continue;
		}
		pthread_mutex_unlock(&l->lock);
		rc = l->a->take(l->arg, l->taken, l->slots[slot]);
		pthread_mutex_lock(&l->lock);
		l->made[slot] = false;
		l->taken++;
		pthread_cond_signal(&l->room);
	}
	l->over = true;
	pthread_cond_broadcast(&l->room);
	pthread_mutex_unlock(&l->lock);
	return rc;
}

int ahead_run(const struct ahead *a, void *arg, uint64_t jobs, unsigned threads)
{
	struct line_up l = { .a = a, .arg = arg, .jobs = jobs };
	pthread_t *helpers;
	unsigned n;
	int rc;

	if (threads > jobs) {
		threads = (unsigned)jobs;
	}
	if (jobs == 0) {
		return 0;
	}
	l.n_slots = threads > 1 ? threads * SLOTS_A_THREAD : 1;
	l.slots = mem_array(l.n_slots, sizeof *l.slots);
	l.made = mem_array(l.n_slots, sizeof *l.made);
	for (unsigned i = 0; i < l.n_slots; i++) {
		l.slots[i] = a->slot_new(arg);
	}
	pthread_mutex_init(&l.lock, NULL);
	pthread_cond_init(&l.room, NULL);
	pthread_cond_init(&l.ready, NULL);
	helpers = mem_array(threads, sizeof *helpers);
	n = start_helpers(&l, helpers, threads - 1);
	rc = take_all(&l);
	while (n) {
		pthread_join(helpers[--n], NULL);
	}
	pthread_cond_destroy(&l.ready);
	pthread_cond_destroy(&l.room);
	pthread_mutex_destroy(&l.lock);
	for (unsigned i = 0; i < l.n_slots; i++) {
		a->slot_free(l.slots[i]);
	}
	free(helpers);
	free(l.made);
	free(l.slots);
	return rc;
}
