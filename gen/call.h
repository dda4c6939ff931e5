/* SPDX-License-Identifier: MIT */
/*
 * Calling a function of the user's in an interpreter that lives on: what is told to it, as text.
 * The protocol is that of ppgen-language(7). Nothing here starts anything: see run/interp.h.
 */
#ifndef PPGEN_GEN_CALL_H
#define PPGEN_GEN_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "gen/task.h"

/* How long the module's name, or the file's, is in "sim:run"; 0: there is no ':'. */
size_t call_module(const char *call);

#define CALL_PROTOCOL 1
#define CALL_SCRIPT   "/dev/fd/5" /* where the language's program stands for its interpreter */

/*
 * How an interpreter for tasks with t's resources is started, as task_launch says it of a task:
 * argv are its words and CALL_SCRIPT; the working folder is the spec's, or `workdir` where that
 * names nothing; the environment holds what is the same for all tasks of these resources:
 * PPGEN_RUN, PPGEN_CPUS and PPGEN_MEMORY of t, inputs without placeholders, `env` that names no
 * parameter and nothing of a task but {cpus} and {memory}, OMP_NUM_THREADS and its kin, the GPUs.
 * -1 also where a folder's name is no UTF-8, as all that is told to interpreters must be.
 */
int call_launch(const struct task *t, const struct plan *p, const struct launch_place *at,
		struct launch *l, struct err *e);

/* What makes requests for one plan: knows which variables differ between tasks. */
struct call_maker;
struct call_maker *call_maker_new(const struct plan *p, const struct launch_place *at);
void call_maker_free(struct call_maker *m);

/* Appends the line that an interpreter gets first, with its newline. shares: it has a page that is
 * shared with us. */
void call_put_open(struct call_maker *m, bool shares, struct buf *out);

/*
 * Appends the request for one task, with its newline: ["call",SEQ,{PARAMS},"WORDS",[TEXTS],DIR].
 * -1: a text cannot be filled, and nothing was appended. For `per: chunk`: call_chunk_begin,
 * call_chunk_add for each task, call_chunk_end, which appends one request for all that could be
 * added; they have numbers from seq on.
 */
int call_put(struct call_maker *m, const struct task *t, uint64_t seq, struct buf *out,
	     struct err *e);
void call_chunk_begin(struct call_maker *m, uint64_t seq);
int call_chunk_add(struct call_maker *m, const struct task *t, struct err *e);
void call_chunk_end(struct call_maker *m, struct buf *out);

/* Appends a program in the function's language that calls it for one task and prints what it
 * returns, for people: without what a function gets besides its parameters. */
void call_put_program(const struct spec *s, const struct point *point, struct buf *out);

/* The folders of the task that was last put or added; absolute; valid until the next one. */
const char *call_scratch(const struct call_maker *m);
const char *call_keep(const struct call_maker *m);

#endif
