/* SPDX-License-Identifier: MIT */
/*
 * Private to launch*.c and call*.c: what commands and calls share of how a task is started. What is
 * *shared* is the same for all tasks of a plan that have the same resources, so that an interpreter
 * which lives on can get it once.
 */
#ifndef PPGEN_GEN_LAUNCH_PARTS_H
#define PPGEN_GEN_LAUNCH_PARTS_H

#include "gen/launch_env.h"
#include "gen/task.h"

#define DIGITS_MAX 21 /* of a 64-bit number, and the NUL */

/* The texts of {seed}, {cpus} and so on. */
struct specials {
	const char *texts[SPECIAL_COUNT];
	char seed[DIGITS_MAX], seed64[DIGITS_MAX], cpus[DIGITS_MAX], memory[DIGITS_MAX],
		index[DIGITS_MAX];
};

/* Where tasks have their scratch and keep folders, with a slash at the end. */
void launch_put_scratch_folder(struct buf *out, const struct launch_place *at);
void launch_put_keep_folder(struct buf *out, const struct launch_place *at);

/* Of t; the folders' texts are put into scratch and keep, and must live as long. */
void launch_specials(struct specials *s, const struct task *t, const struct launch_place *at,
		     struct buf *scratch, struct buf *keep);

/* Makes what begins at `from` in b absolute: relative paths begin in dir. */
void launch_make_absolute(struct buf *b, size_t from, const char *dir);

/* Appends the task's working folder. */
int launch_put_workdir(const struct task *t, const struct spec *s, const struct specials *sp,
		       struct buf *out, struct err *e);

/*
 * What placeholders of the command and of env stand for, into w->values: the parameters, then the
 * inputs' absolute paths (of a url: where it was fetched to). Where only shared ones are wanted,
 * those of the other inputs are empty.
 */
int launch_values(struct launch_work *w, const struct spec *s, const struct task *t,
		  const struct launch_place *at, bool shared, struct err *e);

bool launch_input_is_shared(const struct input *in);
bool launch_env_is_shared(const struct spec *s, const struct env_entry *env);

/* PPGEN_INPUT_<NAME>, and the value of PPGEN_SEED_WORDS. */
void launch_put_input_name(struct buf *b, const char *name);
void launch_put_seed_words(struct buf *b, const struct seeds *seeds);

#endif
