/* SPDX-License-Identifier: MIT */
/*
 * Submissions: what was handed to a scheduler. submissions/0001/ is written under another name and
 * then given its number by rename, before anything is submitted, so it is there whole or not at
 * all, and nobody can take its number:
 *
 *   submission.json    below, never changed
 *   template.tmpl      the template as it was
 *   tasks-1.jsonl      the tasks of array 1 in their order: {"v":1,"tasks":N,"runs":N,"crc":HEX},
 *                      then the runs: [first,count,attempt,upto,tries,lost,memory,time]
 *   array-1.sh         the script; finalise.sh
 *   environment        what the user submitted from, until it has ended: store/submission_env.h
 *   log/               a file an element, 1.17 and the like; finalise
 *
 * and, each published once by link() when it has happened:
 *
 *   job-1.json         {"id":"4711","time":MS}: array 1 was submitted; job-finalise.json
 *   released.json      the arrays were let go
 *   ended.json         nothing of it runs any more:
 *                      {"how":"done|failed|stopped|cancelled|refused|superseded","why":..,
 *                       "next":N,"time":MS}
 *
 * and, rewritten by whoever asks:
 *
 *   asked.json         what the scheduler said last, and when
 *
 * A submission lives from its number to its ended.json. There is at most one that lives: the
 * latest.
 */
#ifndef PPGEN_STORE_SUBMISSION_H
#define PPGEN_STORE_SUBMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "gen/spec.h"

#define LOST_MOST      3 /* attempts cut off by no fault of the task; then it counts as failed */
#define SUBMISSION_TAG 9 /* a letter and 7 letters or digits, by chance; and a NUL */

/* A run of tasks with consecutive indexes that have the same past. */
struct task_run {
	uint64_t first, count;
	unsigned attempt; /* the number of their next attempt, from 1 */
	unsigned upto;    /* as of struct source: earlier attempts that no longer count once this is
			     good */
	unsigned tries;   /* failed attempts since the user submitted: what `retry.times` limits */
	unsigned lost;    /* attempts that a dead node, preemption or the wall time cut off */
	double memory, time; /* factors of the limits, above 0 */
};

struct task_list {
	struct task_run *runs;
	uint64_t *from; /* the position of each run's first task */
	size_t n, cap;
	uint64_t tasks;
};
/* Appends one task with like's past (without first, count); joins runs. */
void task_list_add(struct task_list *l, uint64_t index, const struct task_run *like);
/* The task at a position below l->tasks: its index, and its past (first is the index, count 1). */
uint64_t task_list_at(const struct task_list *l, uint64_t position, struct task_run *past);
void task_list_free(struct task_list *l); /* l is empty and usable afterwards */
int task_list_load(const char *submission_dir, unsigned array, struct task_list *out,
		   struct err *e);

struct submission_array {
	struct resources res;             /* of one task of it; texts in the arena */
	uint64_t tasks, chunk, chunks;    /* chunk: tasks of one; the last one may have fewer */
	uint64_t slots, elements, first;  /* the index of the first element */
	bool single;                      /* one element as a plain job; its index is `first` */
	uint64_t throttle, time, reserve; /* seconds; time 0: no wall time was asked for */
	const char *name; /* of the job: it holds the tag, so the job can be found by it */
	const char *id;   /* NULL until the scheduler gave one */
};

struct submission {
	struct arena *arena;
	unsigned number, plan;
	unsigned chain, round; /* the first submission of this chain, and which one this is, from 1
				*/
	const char *dir;       /* absolute; of a draft, its folder for now */
	const char *home;      /* absolute: what dir is once it is published */
	char tag[SUBMISSION_TAG];
	uint64_t time_ms;
	const char *user, *host; /* who submitted, where */
	const char *program;     /* ppgen, as nodes start it */
	const char *template_name;
	bool finalises;              /* has a finaliser */
	const char *finalise_name;   /* the job's; NULL: none */
	uint64_t finalise_most;      /* of a draft: seconds that its job may last; 0: not known */
	const char *finalise_id;     /* NULL until known, or none */
	const char *scratch, *setup; /* of the site; NULL */
	const char *environment; /* the file in dir that holds the submitter's; NULL: the node's */
	uint64_t start_spread; /* seconds, the most: see worker_spread; 0: elements begin at once */
	const char *const *launch; /* words, NULL-terminated; NULL: the template's */
	struct json
		site; /* what cmd wrote to be found again for the next round; JSON_NONE: nothing */
	struct submission_array *arrays;
	size_t n_arrays;
	bool released;
	/* how it ended; how NULL: it lives */
	const char *how, *why;
	unsigned next; /* the submission that took over; 0: none */
};

/*
 * A submission in the making: fill `s` (texts in its arena), put the tasks, write scripts and the
 * template into s->dir, then publish. submission_draft makes the folder, with log/ in it, under a
 * name that nobody looks at; chooses the tag; sets number (the one that publishing will give unless
 * somebody is quicker, so that scripts can name s->home), time, user and host, and makes it the
 * first round of a chain of its own.
 */
int submission_draft(const char *rundir, struct submission *s, struct err *e);
int submission_put_tasks(const struct submission *s, unsigned array, const struct task_list *l,
			 struct err *e);
/*
 * Writes submission.json, syncs every file, gives the folder its number. 1: somebody else took that
 * number meanwhile: drop it, and draft everything again. A text that is not UTF-8, a number out of
 * range and the like are errors that name the member.
 */
int submission_publish(struct submission *s, struct err *e);
/* A draft that was not published: removes its folder, and frees it. */
void submission_drop(struct submission *s);

/*
 * One that was published, of which nothing was handed over: takes its number back and removes it,
 * since somebody else's has taken over. Frees it. -1: it is still there.
 */
int submission_withdraw(struct submission *s, struct err *e);

/* What has happened. 0, or 1 when somebody wrote it before (what they wrote stands and is read). */
int submission_set_id(struct submission *s, unsigned array /* 0: finaliser */, const char *id,
		      struct err *e);
int submission_set_released(struct submission *s, struct err *e);
int submission_set_ended(struct submission *s, const char *how, const char *why, unsigned next,
			 struct err *e);

/* 0 when there is none. */
unsigned submission_latest(const char *rundir, struct err *e);
/* -1: there is none of that number (ERR_BAD), or it cannot be understood; the message names the
 * file. */
int submission_load(const char *rundir, unsigned number, struct submission *out, struct err *e);
void submission_free(struct submission *s); /* twice is fine */
/* The one that lives: 1 and loaded, 0 none, -1. */
int submission_living(const char *rundir, struct submission *out, struct err *e);
/* Only whether it has ended: one look at one name. */
bool submission_has_ended(const char *rundir, unsigned number);
/* "<rundir>/submissions/0001"; the caller frees. */
char *submission_path(const char *rundir, unsigned number);

#endif
