/* SPDX-License-Identifier: MIT */
/*
 * The pool's insides. pool.c is the loop; pool_admit.c chooses what starts next; pool_start.c
 * starts it; pool_watch.c ends what runs too long, takes too much or was left behind; pool_end.c
 * reaps, judges and records; pool_result.c reads what a task left; pool_record.c writes the two
 * records; pool_spool.c has the files that output goes to.
 */
#ifndef PPGEN_RUN_POOL_INTERNAL_H
#define PPGEN_RUN_POOL_INTERNAL_H

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <time.h>

#include "run/cgroup.h"
#include "run/pool.h"
#include "run/spawn.h"
#include "run/usage.h"
#include "store/result.h"

#define POOL_AHEAD     64    /* tasks that are looked at when the first one does not fit, */
#define POOL_OVERTAKEN 64    /* and how many may overtake it */
#define NEVER          1e300 /* a time on the monotonic clock */

/* A task on its way: waiting in the window, or in a slot. Jobs are used again, so that a task costs
 * no memory calls. */
struct job {
	struct task task;
	unsigned upto;                     /* of the source */
	unsigned tries;                    /* attempts that ended in this pool run */
	double memory_factor, time_factor; /* what earlier ones multiplied the limits with */
};

/* An attempt that comes after all others. */
struct again {
	uint64_t index;
	unsigned attempt, upto, tries;
	double memory_factor, time_factor;
};

/* A result file: where it will be, and what was there before the start. */
struct result_place {
	char *path; /* absolute */
	bool there;
	struct timespec mtime, ctime;
	ino_t ino;
	off_t size;
};

enum slot_state { SLOT_FREE, SLOT_RUNNING, SLOT_LINGERING };

struct slot {
	enum slot_state state; /* lingering: the leader ended by our TERM, others of its group have
				  their grace yet */
	unsigned number;
	struct job *job;
	pid_t pid; /* and process group */
	char *spool[STREAM_COUNT];
	bool spool_kept[STREAM_COUNT];    /* it is there, empty, and nobody else has it */
	bool spool_renamed[STREAM_COUNT]; /* it was taken in as a file of its own */
	off_t spool_size[STREAM_COUNT];   /* as it was taken in */
	int fd[STREAM_COUNT];             /* [1] is [0] where both streams go to one file */
	double started, ended;            /* monotonic */
	struct timespec started_at;       /* the clock that stamps files */
	uint64_t start_ticks;             /* as in /proc */
	double deadline;                  /* TERM, or KILL when that was sent */
	bool term_sent;
	enum outcome ended_by; /* why we ended it; OUTCOME_NONE: we did not */
	uint64_t peak;         /* bytes, of the tree, as sampled */
	uint64_t mask; /* bytes: the kernel's peak of the leader counts from here, see pool_end.c */
	int status;
	struct rusage usage;
	char *scratch; /* NULL: none */
	char code[CODE_HEX];
	struct result_place *results; /* spec.results.n_files of them */
};

enum stop { STOP_NO, STOP_DRAIN, STOP_TERM, STOP_KILL };

struct pool {
	const struct pool_options *o;
	const struct spec *spec;
	struct journal *journal;
	struct source *src;
	struct pool_summary *sum;
	struct err fault; /* why pool_run will return -1 */

	struct slot *slots;
	unsigned n_slots, running; /* slots that are not free */
	uint64_t cpus_free, memory_free;
	int *gpu_slot; /* the slot that has GPU g; -1: free */
	size_t gpus_free;

	struct job *window[POOL_AHEAD];
	size_t n_window;
	unsigned overtaken; /* how often window[0] was */
	bool source_empty;
	struct again *again;
	size_t n_again, again_head, cap_again;
	struct job **spare;
	size_t n_spare, cap_spare;

	enum stop stop;
	bool hurry;   /* more could be started at once: do not wait */
	bool crowded; /* there are as many processes as there may be: none starts until one ends */
	bool dirty;   /* recorded since the last sync */
	double next_sync, next_sample, next_tick, next_code;
	double now; /* of this turn of the loop */

	int guard_fd; /* -1: there is none, or it is gone */
	int signal_fd;
	sigset_t mask_before;
	struct sigaction chld_before, pipe_before;

	struct spawn_shared shared;
	struct spawner *spawner;
	struct launch launch;
	struct judge *judge;
	struct oom_watch oom;
	struct usage procs;
	uint64_t own_peak; /* bytes: of our own memory, as it was at the last look and some more */
	uint64_t begin_ticks; /* processes that are older belong to no task */
	char code[CODE_HEX];  /* of the plan, as of now */

	struct buf line, gpus, why, row, text; /* rooms that are used again */
};

/* pool_admit.c */
void admit_open(struct pool *p);
void admit_close(struct pool *p);
bool admit_waiting(const struct pool *p); /* something is left to start */
struct job *admit_next(struct pool *p);   /* what fits now, its resources taken; NULL: nothing does.
					     Faults go to p->fault */
void admit_return(struct pool *p, const struct job *job,
		  unsigned slot);                    /* gives its resources back */
void admit_release(struct pool *p, struct job *job); /* the job itself */
void admit_take_gpus(struct pool *p, const struct job *job, unsigned slot);
void admit_again(struct pool *p, const struct job *job, enum outcome why);

/* pool_start.c. -1: the pool cannot go on */
int start_job(struct pool *p, struct job *job);

/* pool_spool.c */
int spools_open(struct pool *p, struct slot *s);
void spools_drop(struct pool *p, struct slot *s);
void spools_release(struct pool *p, struct slot *s);

/* pool_watch.c */
void watch_own_peak(struct pool *p);
bool slot_signal(const struct slot *s,
		 int number); /* the whole group; false when there is none any more */
void slot_term(struct pool *p, struct slot *s, enum outcome why, double grace);
void slot_kill(struct slot *s, enum outcome why);
double watch_next(const struct pool *p); /* when it wants to be called again */
int watch_deadlines(struct pool *p);
void watch_processes(struct pool *p); /* memory and strays, by one look at /proc */
void watch_code(struct pool *p);

/* pool_end.c. -1: the pool cannot go on */
int end_reap(struct pool *p);
int end_slot(struct pool *p, struct slot *s);
/* p->why says why. crowded: not its own fault, it comes again. */
int end_unstarted(struct pool *p, struct slot *s, bool crowded);

/* pool_result.c */
int results_note(struct pool *p, struct slot *s, const struct launch_place *at,
		 const char *workdir);
void results_forget(struct pool *p, struct slot *s);
/* OUTCOME_OK, or OUTCOME_INVALID and p->why; p->row is the inline row; appends "f" to the record in
 * p->line. -1: the system failed */
int results_take(struct pool *p, struct slot *s, enum outcome *out);

/* pool_record.c */
int record_start(struct pool *p, const struct slot *s);
void record_end_begin(struct pool *p, const struct slot *s);
int record_streams(struct pool *p, struct slot *s);
int record_end(struct pool *p, const struct slot *s, enum outcome outcome, uint64_t rss);

/* pool.c */
void pool_event_send(struct pool *p, struct pool_event *ev);
void pool_stopping(struct pool *p, enum stop level, const char *what);

#endif
