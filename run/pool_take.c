/* SPDX-License-Identifier: MIT */
/*
 * Taking in what an attempt left: its streams and result files are judged, and kept in the
 * journal's output. Where it is little, which it nearly always is, all is read at once, judged from
 * memory and put out by one write. Where it is much, a thread does it (pool_intake.c), so that
 * meanwhile the loop sees to other tasks.
 *
 * Of a large file only windows are in memory: it is hashed and copied step by step, and judged
 * through a mapping. A process that the task left behind may still write to it: what has become
 * shorter while it was judged is no result.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "run/pool_internal.h"

#define TAKE_LITTLE (UINT64_C(1) << 20) /* bytes of one attempt that are taken in at once */
#define READ_MAX    (UINT64_C(8) << 20) /* what is larger is mapped, not read */

/* ---- begin and end ---- */

void taker_open(struct taker *k, const struct pool *p)
{
	k->results = &p->spec->results;
	k->journal = p->journal;
	k->judge = judge_new(k->results);
}

void taker_close(struct taker *k)
{
	judge_free(k->judge);
	take_tools_free(k->tools);
}

static void left_close(struct left *l)
{
	file_view_free(&l->view);
	*l = (struct left){ .take = { .fd = -1 }, .data = "", .view = { .data = "" } };
}

/* The streams belong to the slot, and so do their descriptors. */
static void taking_close(struct taking *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i >= SPOOL_COUNT && t->left[i].take.fd >= 0) {
			(void)close(t->left[i].take.fd);
		}
		left_close(&t->left[i]);
	}
}

static struct taking *taking_new(size_t n)
{
	struct taking *t = mem_alloc(sizeof *t);

	t->left = mem_array(n, sizeof *t->left);
	for (size_t i = 0; i < n; i++) {
		left_close(&t->left[i]);
	}
	return t;
}

static void taking_free(struct taking *t, size_t n)
{
	if (t) {
		taking_close(t, n);
		free(t->left);
		buf_free(&t->room);
		buf_free(&t->line);
		buf_free(&t->row);
		buf_free(&t->why);
		free(t);
	}
}

void take_done(struct pool *p, struct slot *s)
{
	const size_t n = STREAM_COUNT + p->spec->results.n_files;

	if (p->taking) {
		taking_free(s->taking, n);
	} else if (s->taking) {
		taking_close(s->taking, n);
		p->taking = s->taking;
	}
	s->taking = NULL;
}

void take_close(struct pool *p)
{
	taking_free(p->taking, STREAM_COUNT + p->spec->results.n_files);
	taker_close(&p->taker);
}

/* Of an interpreter's file, what it wrote since the attempt began. */
static int open_part(struct taking *t, const struct slot *s, int k)
{
	struct lane *l = s->lane;
	const off_t from = l->from[k];
	off_t end = s->answered ? s->answer.size[k] : lseek(s->fd[k], 0, SEEK_END);

	if (end < 0) {
		return err_errno(&t->fault, "cannot read '%s'", s->spool[k]);
	}
	l->from[k] = end;
	end = end < from ? from : end; /* the function made it shorter: it has none here */
	t->left[k].take = (struct take){
		.fd = s->fd[k],
		.name = s->spool[k],
		.from = (uint64_t)from,
		.len = (uint64_t)(end - from),
	};
	t->bytes += (uint64_t)(end - from);
	return 0;
}

static int open_stream(struct taking *t, struct slot *s, int k)
{
	struct stat st;

	if (s->lane) {
		return open_part(t, s, k);
	}
	if (fstat(s->fd[k], &st) < 0) {
		return err_errno(&t->fault, "cannot read '%s'", s->spool[k]);
	}
	s->spool_size[k] = st.st_size;
	s->spool_linked[k] = st.st_nlink != 1;
	t->left[k].take = (struct take){
		.fd = s->fd[k],
		.path = s->spool[k],
		.name = t->names[k],
		.len = (uint64_t)st.st_size,
	};
	t->bytes += (uint64_t)st.st_size;
	return 0;
}

/* What an interpreter has answered, or that it did not. */
static void begin_answer(struct slot *s, struct taking *t)
{
	const struct task *task = &s->job->task;
	struct answer *a = &s->answer;
	struct left *l = &t->left[STREAM_VALUE];

	if (!s->answered) {
		if (t->outcome == OUTCOME_INVALID) {
			buf_puts(
				&t->why,
				s->lane && s->lane->spoilt
					? "what the interpreter said is none of the protocol: does "
					  "the function write to descriptors that it did not open?"
					: "the interpreter ended (exit code 0) before the function "
					  "had returned");
		}
		return;
	}
	if (a->value_fd >= 0) {
		(void)snprintf(t->names[STREAM_VALUE], sizeof t->names[STREAM_VALUE], "%s.%u.value",
			       task->shown, task->attempt);
	}
	l->take = (struct take){ .fd = a->value_fd,
				 .name = a->value_fd < 0 ? "value" : t->names[STREAM_VALUE],
				 .from = a->value_from,
				 .len = a->value_len };
	a->value_fd = -1;
	l->data = a->value ? a->value : "";
	l->there = a->value != NULL || a->value_len == 0;
	t->bytes += a->value_len;
	if (a->status == ANSWER_OK || t->outcome == OUTCOME_OK) {
		return;
	}
	if (t->outcome == OUTCOME_EXIT || t->outcome == OUTCOME_INVALID) {
		buf_add(&t->why, a->why, a->why_len);
	}
}

void take_begin(struct pool *p, struct slot *s, enum outcome outcome)
{
	struct taking *t = p->taking;

	p->taking = NULL;
	if (!t) {
		t = taking_new(STREAM_COUNT + p->spec->results.n_files);
	}
	s->taking = t;
	t->slot = s;
	t->outcome = outcome;
	t->judged = t->much = t->done = false;
	t->bytes = 0;
	buf_swap(&t->line, &p->line);
	buf_clear(&t->row);
	buf_clear(&t->why);
	err_clear(&t->fault);
	t->rc = open_stream(t, s, STREAM_STDOUT);
	if (t->rc == 0 && !p->spec->results.log) {
		t->rc = open_stream(t, s, STREAM_STDERR);
	}
	if (p->calls) {
		begin_answer(s, t);
	}
	if (t->rc == 0 && outcome == OUTCOME_OK) {
		results_open(p, s, t);
	}
}

/* ---- judging ---- */

struct exhibits {
	const struct taker *taker;
	struct taking *t;
};

/* Reads all of a file to `to`, which has room for it; what became shorter is taken as it is. */
static int read_left(struct take *k, char *to, struct err *e)
{
	uint64_t have = 0;
	ssize_t n;

	while (have < k->len) {
		n = pread(k->fd, to + have, (size_t)(k->len - have), (off_t)(k->from + have));
		if (n == 0) {
			break;
		}
		if (n > 0) {
			have += (uint64_t)n;
		} else if (errno != EINTR) {
			return err_errno(e, "cannot read '%s'", k->path ? k->path : k->name);
		}
	}
	k->len = have;
	return 0;
}

/* Its bytes, read or mapped. */
static int view_left(struct left *l, struct err *e)
{
	struct take *k = &l->take;
	char *data;

	if (k->len > READ_MAX && k->from == 0) {
		return file_view_map(k->fd, (size_t)k->len, &l->view)
			       ? 0
			       : err_errno(e, "cannot map '%s'", k->path ? k->path : k->name);
	}
	data = mem_alloc((size_t)k->len + 1);
	if (read_left(k, data, e) < 0) {
		free(data);
		return -1;
	}
	if (k->len == 0) {
		free(data); /* no test: it became empty since its size was asked for */
	} else {
		l->view = (struct file_view){ .data = data, .len = (size_t)k->len };
	}
	return 0;
}

/* A judge_get. */
static int exhibit(void *arg, size_t which, const char **data, size_t *len, struct err *e)
{
	const struct exhibits *x = arg;
	struct left *l = &x->t->left[which];

	if (!l->there) {
		if (l->take.len > 0 && view_left(l, e) < 0) {
			return -1;
		}
		l->data = l->view.data;
		l->there = true;
	}
	*data = l->take.len ? l->data : "";
	*len = (size_t)l->take.len;
	return 0;
}

static const char *left_name(const struct taker *k, const struct taking *t, size_t i)
{
	return i >= STREAM_COUNT    ? t->left[i].take.name
	       : i == STREAM_VALUE  ? "value"
	       : i == STREAM_STDERR ? "stderr"
	       : k->results->log    ? "log"
				    : "stdout";
}

/* Whether what was judged through a mapping is what the judge saw. */
static bool is_whole(const struct taker *k, struct taking *t)
{
	struct stat st;

	for (size_t i = 0; i < STREAM_COUNT + k->results->n_files; i++) {
		const struct left *l = &t->left[i];

		if (file_view_torn(&l->view) ||
		    (l->view.mapped &&
		     (fstat(l->take.fd, &st) < 0 || (uint64_t)st.st_size < l->take.len))) {
			buf_clear(&t->why);
			buf_clear(&t->row);
			buf_printf(&t->why, "%s: became shorter while it was read",
				   left_name(k, t, i));
			return false;
		}
	}
	return true;
}

static int judge_left(const struct taker *k, struct taking *t)
{
	struct exhibits x = { k, t };
	const int r = judge_run(k->judge, exhibit, &x, &t->row, &t->why, &t->fault);

	if (r < 0) {
		return -1;
	}
	if (!is_whole(k, t) || r == 0) {
		t->outcome = OUTCOME_INVALID;
	}
	return 0;
}

/* ---- little ---- */

/* Moves what was in memory from the beginning, a value, to the other bytes. */
static void add_value(struct taking *t)
{
	struct left *l = &t->left[STREAM_VALUE];

	if (t->row.len > 0) {
		l->take.len = 0; /* the record's row is all of it */
	} else if (l->take.len > 0 && l->take.fd < 0) {
		memcpy(t->room.data + t->room.len, l->data, (size_t)l->take.len);
		l->data = t->room.data + t->room.len;
		t->room.len += (size_t)l->take.len;
	}
}

static int take_little(const struct taker *k, struct taking *t, size_t n)
{
	uint64_t at;

	buf_clear(&t->room);
	buf_room(&t->room, (size_t)t->bytes);
	for (size_t i = 0; i < n; i++) {
		struct left *l = &t->left[i];

		if (l->there) {
			continue;
		}
		if (l->take.len > 0 &&
		    read_left(&l->take, t->room.data + t->room.len, &t->fault) < 0) {
			return -1;
		}
		l->data = t->room.data + t->room.len;
		l->there = true;
		t->room.len += (size_t)l->take.len;
	}
	if (t->judged && judge_left(k, t) < 0) {
		return -1; /* no test: it fails where bytes cannot be had only, and here they are */
	}
	add_value(t);
	if (journal_output(k->journal, buf_str(&t->room), t->room.len, &at, &t->fault) < 0) {
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if (t->left[i].take.len > 0) {
			t->left[i].take.offset = at + (uint64_t)(t->left[i].data - t->room.data);
		}
	}
	return 0;
}

/* ---- much ---- */

/* A little value beside much else goes its way: through a file. */
static void file_value(struct taking *t)
{
	struct left *l = &t->left[STREAM_VALUE];
	const int fd = memfd_create("value", MFD_CLOEXEC);

	if (fd < 0 || write(fd, l->data, (size_t)l->take.len) != (ssize_t)l->take.len) {
		t->rc = err_errno(&t->fault, "cannot make room for a value");
	}
	l->take.fd = fd;
}

/* Gives all of it a place. */
static void find_places(struct pool *p, struct taking *t, size_t n)
{
	static const char *const endings[SPOOL_COUNT] = { "out", "err" };
	const struct task *task = &t->slot->job->task;

	t->much = true;
	for (size_t i = 0; i < n; i++) {
		if (i < SPOOL_COUNT) {
			(void)snprintf(t->names[i], sizeof t->names[i], "%s.%u.%s", task->shown,
				       task->attempt, endings[i]);
		}
		if (i == STREAM_VALUE && t->left[i].take.len > 0 && t->left[i].take.fd < 0) {
			file_value(t);
		}
		if (t->left[i].take.len > 0) {
			journal_take_begin(p->journal, &t->left[i].take);
		}
	}
}

int take_much(struct taker *k, struct taking *t)
{
	const size_t n = STREAM_COUNT + k->results->n_files;

	if (!k->tools) {
		k->tools = take_tools_new();
	}
	if (t->judged && judge_left(k, t) < 0) {
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		file_view_free(&t->left[i].view);
		if (t->left[i].take.len > 0 &&
		    journal_take_copy(k->journal, k->tools, &t->left[i].take, &t->fault) < 0) {
			return -1;
		}
	}
	return 0;
}

bool take_in(struct pool *p, struct taking *t)
{
	const size_t n = STREAM_COUNT + p->spec->results.n_files;

	if (t->rc < 0 || (t->bytes == 0 && !t->judged)) {
		return true;
	}
	if (t->bytes <= TAKE_LITTLE) {
		t->rc = take_little(&p->taker, t, n);
		return true;
	}
	find_places(p, t, n);
	if (t->rc < 0) {
		return true;
	}
	if (intake_give(p, t)) {
		return false;
	}
	t->rc = take_much(&p->taker, t);
	return true;
}
