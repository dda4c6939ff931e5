/* SPDX-License-Identifier: MIT */
/*
 * The pool's insides. pool.c is the loop; pool_admit.c chooses what starts next; pool_start.c
 * starts it; pool_watch.c ends what runs too long, takes too much or was left behind; pool_stop.c
 * is told to stop, and tells the tasks; pool_end.c reaps, judges and records; pool_result.c looks
 * at what a task left, pool_take.c takes it in, on a thread of its own (pool_intake.c) where it is
 * much; pool_record.c writes the two records; pool_spool.c has the files that output goes to;
 * pool_folder.c scratch and kept folders.
 *
 * Of functions: pool_call.c sends calls to interpreters (pool_ahead.c knows which), pool_answer.c
 * hears what comes back, pool_lane.c starts interpreters and sees them go.
 */
#ifndef PPGEN_RUN_POOL_INTERNAL_H
#define PPGEN_RUN_POOL_INTERNAL_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <time.h>

#include "base/file.h"
#include "gen/call.h"
#include "run/cgroup.h"
#include "run/interp.h"
#include "run/pool.h"
#include "run/spawn.h"
#include "run/usage.h"
#include "store/result.h"

#define POOL_AHEAD     64    /* tasks that are looked at when the first one does not fit, */
#define POOL_OVERTAKEN 64    /* and how many may overtake it */
#define POOL_AGAIN     256   /* attempts that wait before one is made again in mid-source */
#define NEVER          1e300 /* a time on the monotonic clock */
/* What a task needs beside `before` to be worth a start, and until it heeds its checkpoint signal.
 */
#define CHECKPOINT_S 5.0
#define HELD_S       0.5 /* how long news of a signal may take that an attempt died of */

/* A task on its way: waiting in the window, or in a slot. Jobs are used again, so that a task costs
 * no memory calls. */
struct job {
	struct task task;
	unsigned upto;                     /* of the source */
	unsigned tries;                    /* attempts that ended, as `retry` counts them */
	double memory_factor, time_factor; /* what earlier ones multiplied the limits with */
	uint64_t cpus; /* what it takes of this machine's: all, when it runs alone */
	bool single;   /* of a chunk that was cut off: it is a chunk of its own */
};

/* An attempt that comes after all others, unless too many of them wait. */
struct again {
	uint64_t index;
	unsigned attempt, upto, tries;
	double memory_factor, time_factor;
};

/* A result file: where it will be, and what was there before the start. */
struct result_place {
	char *path; /* absolute */
	bool there;
	bool ahead; /* its time was later than the start: a clock that is not ours wrote it */
	struct timespec mtime, ctime;
	ino_t ino;
	off_t size;
};

/* A signal that came to us: when, and from whom. */
struct heard {
	double at;
	uint32_t from; /* pid */
};

enum slot_state { SLOT_FREE, SLOT_RUNNING, SLOT_LINGERING, SLOT_TAKING };

/* One stream or result file of an attempt that ended. */
struct left {
	struct take take; /* fd is -1 where there is none */
	bool there;       /* for the judge: data is its bytes */
	const char *data;
	struct file_view view; /* what data may stand in */
};

/* What an attempt left, on its way into the journal's output. While the intake's thread has it,
 * nobody else touches it. */
struct taking {
	struct taking *next;
	struct slot *slot;
	enum outcome outcome; /* as far as it is known */
	bool judged;          /* it is to be judged */
	bool much;            /* its pieces were given places one by one */
	bool done;            /* by the intake */
	int rc;               /* -1: it cannot be recorded, and fault tells why */
	uint64_t bytes;       /* in all */
	struct left *left;    /* STREAM_COUNT, and the result files */
	char names[STREAM_COUNT][TASK_ID_SHOWN + 24];
	struct buf room; /* of little, all bytes */
	struct buf line, row, why;
	struct err fault;
};

/* What one thread needs to take in. */
struct taker {
	const struct results *results;
	struct journal *journal;
	struct judge *judge;
	struct take_tools *tools;
};

/*
 * A slot's interpreter, and the calls that were sent to it: the first is the slot's attempt, those
 * behind it were sent ahead, so that short calls need not wait for us. They take nothing of the
 * resources, have no records, and may be taken back, until the one before them has ended.
 */
struct call {
	struct job *job;
	uint64_t seq;
};

struct lane {
	struct interp *interp; /* NULL: there is none now */
	bool loading;          /* it was told which function to load, */
	bool ready;            /* and has loaded it */
	bool gone;   /* it ended: status and usage say how; what it said is yet to be heard */
	bool doomed; /* it is being ended, and gets no calls */
	bool spoilt; /* since it said what is none of the protocol */
	int status;
	struct rusage usage;
	double gone_at;
	uint64_t cpus, memory; /* what it was started with */
	char *gpus;            /* the same */
	char code[CODE_HEX];   /* of when it was started */
	struct call *calls;    /* n of them, from calls[head] on, which is the slot's job */
	size_t head, n, cap;
	uint64_t next_seq;
	uint64_t revoked;        /* what it was told last to begin no call up to */
	bool closed;             /* it can answer no more, and lives; */
	double closed_at;        /* since then */
	size_t chunk;            /* of `per: chunk`: tasks that went in one call; else 0 */
	bool begun;              /* the start of the first is recorded */
	bool long_line;          /* the last that was sent is longer than a packet */
	off_t from[SPOOL_COUNT]; /* where the output of the first begins */
	double mean;             /* seconds that a call takes, lately */
	double cpu;              /* processor time that its answers told of */
};

struct slot {
	enum slot_state state; /* lingering: the leader ended, and by our TERM: others of its group
				  have their grace yet; or `held`. taking: all is over but for
				  what it left */
	unsigned number;
	struct job *job;
	pid_t pid; /* and process group */
	/* Of functions: */
	struct lane *lane; /* NULL where each task has a process of its own */
	bool answered;     /* the attempt that is being ended has: */
	struct answer answer;
	int answer_fd; /* where the answer of a process of its own goes; -1 */
	struct buf answer_why;
	char *spool[SPOOL_COUNT];
	bool spool_kept[SPOOL_COUNT];     /* it is there, empty, and nobody else has it; */
	int spool_spare[SPOOL_COUNT];     /* and open, as if it were new; -1: not open */
	double spool_opened[SPOOL_COUNT]; /* monotonic: by its name */
	bool spool_renamed[SPOOL_COUNT];  /* it was taken in as a file of its own */
	off_t spool_size[SPOOL_COUNT];    /* as it was taken in; */
	bool spool_linked[SPOOL_COUNT];   /* the task has removed its name, or given it more */
	struct taking *taking;            /* in its last state */
	int fd[SPOOL_COUNT];              /* [1] is [0] where both streams go to one file */
	double started, ended;            /* monotonic */
	struct timespec started_at;       /* the clock that stamps files */
	uint64_t start_ticks;             /* as in /proc */
	double deadline;                  /* TERM, or KILL when that was sent */
	enum outcome due_as;              /* why it is ended then */
	double grace;                     /* seconds from that TERM to KILL */
	bool term_sent;
	enum outcome ended_by; /* why we ended it; OUTCOME_NONE: we did not */
	bool cut_off;          /* ended at the end of the pool's time */
	bool uncharged;        /* it comes again, for it is not its own fault */
	bool held;             /* perhaps it died of a signal that we are yet to hear of */
	double checkpoint_at;  /* when its checkpoint signal is due; NEVER: none, or it was sent */
	bool checkpoint_sent;
	enum outcome announced; /* what that signal spoke of */
	uint64_t peak;          /* bytes, of the tree, as sampled */
	uint64_t mask; /* bytes: the kernel's peak of the leader counts from here, see pool_end.c */
	int status;
	struct rusage usage;
	char *scratch, *keep; /* NULL: none */
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
	size_t n_window, ahead; /* of it are looked at: fewer by `late` */
	size_t late;            /* tasks that were left, since they would not end in time */
	double longest;         /* seconds that an attempt took */
	unsigned overtaken;     /* how often window[0] was */
	bool source_empty;
	uint64_t given; /* by the source */
	struct again *again;
	size_t n_again, again_head, cap_again;
	struct job *
		*back; /* of functions: sent ahead and taken back, they come before the window */
	size_t n_back, cap_back;
	struct calls *calls; /* NULL but for functions */
	struct job **spare;
	size_t n_spare, cap_spare;

	enum stop stop;
	uint32_t told;          /* bits of the signals that told us to stop */
	struct heard heard[32]; /* by number */
	bool hurry;             /* more could be started at once: do not wait */
	bool crowded; /* there are as many processes as there may be: none starts until one ends */
	bool dirty;   /* recorded since the last sync */
	double next_sync, next_sample, next_tick, next_code;
	double now; /* of this turn of the loop */

	struct pollfd *polls;
	int guard_fd; /* -1: there is none, or it is gone */
	int signal_fd;
	sigset_t mask_before;
	struct sigaction chld_before, pipe_before;

	struct spawn_shared shared;
	struct spawner *spawner;
	struct launch launch;
	struct taker taker;    /* the loop's own */
	struct taking *taking; /* one that is not in use */
	struct intake *intake; /* NULL: not needed so far */
	struct oom_watch oom;
	struct usage procs;
	uint64_t own_peak; /* bytes: of our own memory, as it was at the last look and some more */
	char **done; /* kept folders of good attempts that are recorded, but not durable yet */
	size_t n_done, cap_done;
	uint64_t begin_ticks; /* processes that are older belong to no task */
	char code[CODE_HEX];  /* of the plan, as of now */

	struct {
		uint64_t offset, len;                  /* in the journal's output; 0: none */
	} value;                                       /* of the attempt that is being recorded */
	struct buf line, pieces, gpus, why, row, text; /* rooms that are used again */
};

/* pool_admit.c */
void admit_open(struct pool *p);
void admit_close(struct pool *p);
bool admit_waiting(const struct pool *p); /* something is left to start */
struct job *admit_next(struct pool *p);   /* what fits now, its resources taken; NULL: nothing does.
					     Faults go to p->fault */
/* What comes next, when it needs just what `as` has: nothing is taken for it. NULL: it does not. */
struct job *admit_same(struct pool *p, const struct job *as);
void admit_back(struct pool *p, struct job *job); /* it did not begin: it comes before all others */
uint64_t admit_left(const struct pool *p);        /* how many there are about to come */
void admit_return(struct pool *p, const struct job *job,
		  unsigned slot);                    /* gives its resources back */
void admit_release(struct pool *p, struct job *job); /* the job itself */
void admit_take_gpus(struct pool *p, const struct job *job, unsigned slot);
void admit_name_gpus(struct pool *p, const struct job *job); /* those it would get, in p->gpus */
void admit_again(struct pool *p, const struct job *job, enum outcome why);
/* Whether a further attempt after one that ended so is made here. */
bool admit_may_grow(const struct pool *p, const struct job *job, enum outcome why);

/* pool_start.c. -1: the pool cannot go on */
int start_job(struct pool *p, struct job *job);
/* Of functions: a free slot gets the job; an attempt begins in it, now. */
struct slot *slot_find(struct pool *p); /* a free one */
void slot_take(struct pool *p, struct slot *s, struct job *job);
void slot_begin(struct pool *p, struct slot *s, struct job *job);
void slot_set_deadline(struct pool *p, struct slot *s, uint64_t times); /* `times` its limit */
void slot_send_start(struct pool *p, const struct slot *s);

/* pool_lane.c: only where the spec has a function. -1: the pool cannot go on */
int lanes_open(struct pool *p);
void lanes_close(struct pool *p); /* lets the interpreters leave, for a moment */
/* A free slot, best one whose interpreter suits the job: there is one where lane_may_start. */
struct slot *lane_for(struct pool *p, const struct job *job);
bool lane_suits(const struct pool *p, const struct lane *l, const struct job *job);
int lane_start(struct pool *p, struct slot *s);   /* an interpreter for the slot's job. 1: p->why */
void lane_opened(struct pool *p, struct slot *s); /* it has loaded the function */
void lane_leave(struct pool *p, struct slot *s);  /* one that has nothing to do is let go */
bool lane_reap(struct pool *p, pid_t pid);        /* false: it is none of theirs */
/* -1: the function cannot be loaded, as the interpreter's stderr, fd, tells. */
int lane_refused(struct pool *p, int fd, const char *why);
bool lane_owns(const struct pool *p, pid_t pid); /* it is an interpreter's */
size_t lane_idle(const struct pool *p);          /* interpreters that lead no task */
int lane_bury(struct pool *p, struct slot *s);   /* one that is gone, after all its answers */
void lane_kill(struct slot *s);
bool lane_may_start(const struct pool *p); /* a task may begin now */

/* pool_fork.c: where each task has a process of its own, forked by an interpreter that has loaded
 * the function. The same */
int fork_start(struct pool *p, struct job *job);
int fork_turn(struct pool *p); /* hears that the function is loaded */
size_t fork_polls(const struct pool *p, struct pollfd *fds);
bool fork_reap(struct pool *p, pid_t pid);
bool fork_owns(const struct pool *p, pid_t pid);
void fork_read_answer(struct slot *s); /* its process is gone */
unsigned fork_hang_up(struct pool *p); /* how many there are */
size_t fork_count(const struct pool *p);
void fork_close(struct pool *p);

/* pool_call.c: the same */
int call_start(struct pool *p, struct job *job);
int call_turn(struct pool *p);                               /* hears answers, sends calls ahead */
size_t call_polls(const struct pool *p, struct pollfd *fds); /* at most two a slot */
double call_due(const struct pool *p);                       /* when call_turn wants to be called */
/* Seconds that pay before the next look, since many answers come meanwhile; 0. */
double call_moment(const struct pool *p);
bool call_goes_on(const struct slot *s);            /* further calls were sent behind the first */
void call_released(struct pool *p, struct slot *s); /* the first is recorded: the next begins */
void call_forget(struct pool *p,
		 struct slot *s); /* the first comes again, as if it had not been sent */
void call_take_back(struct pool *p, struct slot *s); /* what it has not begun */
/* The same of all slots for which that holds (NULL: of all), which takes no longer than of one. */
void calls_take_back(struct pool *p, bool (*which)(const struct pool *, const struct slot *));
void call_drop(struct pool *p, struct slot *s,
	       size_t keep); /* all behind the first `keep` come again */

/* pool_folder.c. -1: this attempt cannot have it */
int folder_scratch(const char *path, struct err *e);
int folder_keep(const char *path, bool fresh, struct err *e);
void folder_scratch_done(struct slot *s, enum outcome outcome);
void folder_keep_done(struct pool *p, struct slot *s, enum outcome outcome);
void folder_synced(struct pool *p); /* all that is recorded is durable now */
void folder_close(struct pool *p);

/* pool_spool.c */
int spools_open(struct pool *p, struct slot *s);
void spools_drop(struct pool *p, struct slot *s);
void spools_release(struct pool *p, struct slot *s);

/* pool_watch.c */
void watch_own_peak(struct pool *p);
bool slot_signal(const struct slot *s,
		 int number); /* the whole group; false when there is none any more */
void slot_term(struct pool *p, struct slot *s, enum outcome why, double grace);
void slot_kill(struct pool *p, struct slot *s, enum outcome why);
double watch_next(const struct pool *p); /* when it wants to be called again */
int watch_deadlines(struct pool *p);     /* limits, graces, checkpoints */
void watch_processes(struct pool *p);    /* memory and strays, by one look at /proc */
void watch_code(struct pool *p);
void watch_code_now(struct pool *p); /* however lately it was looked at */

/* pool_stop.c */
void stop_say(struct pool *p, enum stop level, const char *what); /* goes on to a higher level */
void stop_killing(struct pool *p);                                /* all, now */
void stop_obey(struct pool *p, int number);                       /* a signal that came to us */
bool stop_is_echo(struct pool *p, int number, uint32_t from);
double stop_next(const struct pool *p); /* when stop_in_time wants to be called */
void stop_in_time(struct pool *p);      /* cuts off what runs at the end of our time */
void stop_checkpoint_due(const struct pool *p, struct slot *s); /* of an attempt that begins */
void stop_checkpoint(const struct pool *p, struct slot *s);     /* sends it */
bool stop_died_of(int status, int number);

/* pool_end.c. -1: the pool cannot go on */
int end_reap(struct pool *p);
int end_slot(struct pool *p, struct slot *s);        /* its process is gone, or it has answered */
int end_gone(struct pool *p, struct slot *s);        /* the same, but news may be on their way */
int end_taken(struct pool *p, struct slot *s);       /* and the intake is done with it */
int end_waiting(struct pool *p, struct slot *s);     /* or never will be: after a fault */
void end_unrecorded(struct pool *p, struct slot *s); /* after a fault */
bool end_was_told(const struct pool *p, int status); /* it died of a signal that came to us, too */
/* p->why says why. crowded: not its own fault, it comes again. */
int end_unstarted(struct pool *p, struct slot *s, bool crowded);

/* pool_result.c */
int results_note(struct pool *p, struct slot *s, const struct launch_place *at,
		 const char *workdir);
void results_forget(struct pool *p, struct slot *s);
/* Opens the result files of an attempt that went well: t->judged when all can count, else
 * OUTCOME_INVALID and t->why. */
void results_open(struct pool *p, const struct slot *s, struct taking *t);

/* pool_take.c. p->line, with the beginning of an end record, goes along, and comes back */
void take_begin(struct pool *p, struct slot *s, enum outcome outcome);
bool take_in(struct pool *p, struct taking *t); /* false: the intake does it */
int take_much(struct taker *k, struct taking *t);
void take_done(struct pool *p, struct slot *s); /* frees what the slot has of it */
void take_close(struct pool *p);
void taker_open(struct taker *k, const struct pool *p);
void taker_close(struct taker *k);

/* pool_pieces.c. All is taken in: gives the pieces, line, row and why to p. -1: it cannot be
 * recorded, see p->fault */
int take_end(struct pool *p, struct slot *s);

/* pool_intake.c */
bool intake_give(struct pool *p, struct taking *t); /* false: there is no thread for it */
int intake_fd(const struct pool *p);                /* readable when something is done; -1: none */
struct taking *intake_fetch(struct pool *p);        /* all that is done since, by `next` */
void intake_close(struct pool *p); /* waits for what is being taken in; the rest is left as it is */

/* pool_record.c */
int record_start(struct pool *p, const struct slot *s);
void record_end_begin(struct pool *p, const struct slot *s);
int record_end(struct pool *p, const struct slot *s, enum outcome outcome, bool saved,
	       uint64_t rss);

/* pool.c */
void pool_event_send(struct pool *p, struct pool_event *ev);

#endif
