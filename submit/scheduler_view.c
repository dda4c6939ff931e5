/* SPDX-License-Identifier: MIT */
/*
 * What has become of the elements. While it is asked for, each array is a sheet with a cell an
 * element; what is handed out and kept are runs of equal cells. There are at most CHUNKS_MAX
 * elements.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/proc.h"
#include "base/text.h"
#include "submit/index_list.h"
#include "submit/scheduler_internal.h"

#define WORDS_MOST 250 /* different ones; further ones are not shown */

struct cell {
	uint8_t state; /* enum job_state */
	uint8_t word;  /* 0: none */
};

struct sheet {
	const char *id; /* NULL: not submitted */
	const char *name;
	unsigned array;
	bool single; /* one job: whatever index it is given, it is this one */
	uint64_t first, n;
	struct cell *cells, *fresh; /* so far, and of the answer that is read */
	struct cell whole;          /* what the answer says of all that it does not name */
};

struct asking {
	const struct template *t;
	const struct submission *s;
	struct sheet *sheets; /* the finaliser's, then one an array */
	size_t n;
	char words[WORDS_MOST][JOB_WORD];
	size_t n_words;
	bool counted; /* an answer counted */
	bool lags;
	struct err why; /* the first that did not */
};

bool job_state_is_over(enum job_state s)
{
	switch (s) {
	case JOB_STATE_DONE:
	case JOB_STATE_FAILED:
	case JOB_STATE_TIMEOUT:
	case JOB_STATE_OOM:
	case JOB_STATE_LOST:
	case JOB_STATE_CANCELLED:
	case JOB_STATE_ENDED:
		return true;
	default:
		return false;
	}
}

/* ---- sheets ---- */

static void sheet_init(struct sheet *x, const struct sheet *like)
{
	*x = *like;
	x->cells = mem_array(x->n, sizeof *x->cells);
	x->fresh = mem_array(x->n, sizeof *x->fresh);
}

static void asking_init(struct asking *q, const struct template *t, const struct submission *s)
{
	*q = (struct asking){ .t = t, .s = s, .why = ERR_INIT };
	q->sheets = mem_array(s->n_arrays + 1, sizeof *q->sheets);
	sheet_init(&q->sheets[q->n++], &(struct sheet){ .id = s->finalise_id,
							.name = s->finalise_name,
							.single = true,
							.n = 1 });
	for (size_t k = 0; k < s->n_arrays; k++) {
		const struct submission_array *a = &s->arrays[k];

		sheet_init(&q->sheets[q->n++], &(struct sheet){ .id = a->id,
								.name = a->name,
								.array = (unsigned)k + 1,
								.single = a->single,
								.first = a->first,
								.n = a->elements });
	}
}

static void asking_free(struct asking *q)
{
	for (size_t k = 0; k < q->n; k++) {
		free(q->sheets[k].cells);
		free(q->sheets[k].fresh);
	}
	free(q->sheets);
}

static uint8_t word_of(struct asking *q, const char *text)
{
	char word[JOB_WORD] = "";

	memcpy(word, text, strnlen(text, JOB_WORD - 1));
	if (!word[0]) {
		return 0;
	}
	for (size_t i = 0; i < q->n_words; i++) {
		if (strcmp(q->words[i], word) == 0) {
			return (uint8_t)(i + 1);
		}
	}
	if (q->n_words == WORDS_MOST) {
		return 0;
	}
	memcpy(q->words[q->n_words++], word, sizeof word);
	return (uint8_t)q->n_words;
}

/* Nothing more can be learned of it. Who was lost may be started again by the scheduler. */
static bool is_final(struct cell c)
{
	return job_state_is_over(c.state) && c.state != JOB_STATE_LOST &&
	       c.state != JOB_STATE_ENDED;
}

static bool sheet_is_final(const struct sheet *x)
{
	for (uint64_t i = 0; i < x->n; i++) {
		if (!is_final(x->cells[i])) {
			return false;
		}
	}
	return true;
}

static bool sheet_is_known(const struct sheet *x)
{
	for (uint64_t i = 0; i < x->n; i++) {
		if (x->cells[i].state == JOB_STATE_UNKNOWN ||
		    x->cells[i].state == JOB_STATE_ENDED) {
			return false;
		}
	}
	return true;
}

/* ---- what was known before ---- */

static struct sheet *sheet_of_array(struct asking *q, unsigned array)
{
	return array < q->n ? &q->sheets[array] : NULL;
}

/* Calls for every cell that an older view speaks of: into `fresh`. */
static void old_to_fresh(struct asking *q, const struct job_view *old)
{
	for (size_t k = 0; k < q->n; k++) {
		memset(q->sheets[k].fresh, 0, q->sheets[k].n * sizeof *q->sheets[k].fresh);
	}
	for (size_t i = 0; i < old->n; i++) {
		const struct job_seen *x = &old->seen[i];
		struct sheet *sheet = sheet_of_array(q, x->array);
		const struct cell c = { (uint8_t)x->state, word_of(q, x->word) };

		for (uint64_t at = x->first; sheet && at <= x->last; at++) {
			if (at < sheet->first || at - sheet->first >= sheet->n) {
				break; /* not written by us: what follows is no better */
			}
			sheet->fresh[at - sheet->first] = c;
		}
	}
}

/* Arrays that are wholly over need not be asked for. */
static void keep_final(struct asking *q, const struct job_view *old)
{
	old_to_fresh(q, old);
	for (size_t k = 0; k < q->n; k++) {
		struct sheet *x = &q->sheets[k];

		for (uint64_t i = 0; i < x->n; i++) {
			x->cells[i] = is_final(x->fresh[i]) ? x->fresh[i] : (struct cell){ 0, 0 };
		}
		if (!sheet_is_final(x)) {
			memset(x->cells, 0, x->n * sizeof *x->cells);
		}
	}
}

/*
 * After asking: ends that were seen before and that the scheduler has forgotten. When it could not
 * be asked, everything stays.
 */
static void keep_ended(struct asking *q, const struct job_view *old)
{
	old_to_fresh(q, old);
	for (size_t k = 0; k < q->n; k++) {
		struct sheet *x = &q->sheets[k];

		for (uint64_t i = 0; i < x->n; i++) {
			const struct cell was = x->fresh[i], now = x->cells[i];
			const bool forgotten =
				now.state == JOB_STATE_UNKNOWN ||
				(now.state == JOB_STATE_ENDED && was.state != JOB_STATE_UNKNOWN);

			if (forgotten && (job_state_is_over(was.state) || !q->counted)) {
				x->cells[i] = was;
			}
		}
	}
}

/* ---- reading an answer ---- */

struct filling {
	struct sheet *sheet;
	struct cell cell;
};

/* An index_fn. */
static void fill(void *arg, uint64_t first, uint64_t last, uint64_t step)
{
	struct filling *f = arg;
	struct sheet *x = f->sheet;
	const uint64_t end = x->first + x->n - 1; /* an array has an element */

	if (first < x->first) {
		const uint64_t steps = (x->first - first - 1) / step + 1;

		if (steps > (end - first) / step) {
			return;
		}
		first += steps * step;
	}
	last = last < end ? last : end;
	while (first <= last) {
		x->fresh[first - x->first] = f->cell;
		if (last - first < step) {
			break;
		}
		first += step;
	}
}

static struct sheet *sheet_of_id(struct asking *q, const char *id)
{
	for (size_t k = 0; k < q->n; k++) {
		if (q->sheets[k].id && strcmp(q->sheets[k].id, id) == 0) {
			return &q->sheets[k];
		}
	}
	return NULL;
}

static void take_seen(struct asking *q, const struct template_seen *seen)
{
	struct filling f = { .sheet = seen->id ? sheet_of_id(q, seen->id) : NULL };

	if (!f.sheet) {
		return;
	}
	if (seen->name && f.sheet->name && strcmp(seen->name, f.sheet->name) != 0) {
		return; /* ours was forgotten, and its id given to another */
	}
	f.cell = (struct cell){ (uint8_t)seen->state, word_of(q, seen->word ? seen->word : "") };
	if (f.sheet->single || !seen->index || !seen->index[0]) {
		f.sheet->whole = f.cell;
	} else {
		(void)index_list_walk(seen->index, strlen(seen->index), fill, &f);
	}
}

/* Takes what an answer says into the cells that know less. */
static void merge(struct asking *q, bool lags)
{
	for (size_t k = 0; k < q->n; k++) {
		struct sheet *x = &q->sheets[k];

		for (uint64_t i = 0; i < x->n; i++) {
			const bool named =
				x->fresh[i].state != JOB_STATE_UNKNOWN || x->fresh[i].word != 0;
			const struct cell c = named ? x->fresh[i] : x->whole;
			struct cell *now = &x->cells[i];
			const bool over = job_state_is_over(c.state);

			if (lags && q->counted && !over) {
				continue; /* who was asked before knows what lives */
			}
			if (now->state == JOB_STATE_ENDED
				    ? over
				    : now->state == JOB_STATE_UNKNOWN &&
					      (c.state != JOB_STATE_UNKNOWN || now->word == 0)) {
				*now = c;
			}
		}
	}
}

/* Reads all of an answer. -1: the pattern gave up. */
static int read_answer(struct asking *q, const struct template_ask *ask, const struct answer *a)
{
	struct template_seen seen;
	size_t at = 0;
	int rc;

	for (size_t k = 0; k < q->n; k++) {
		memset(q->sheets[k].fresh, 0, q->sheets[k].n * sizeof *q->sheets[k].fresh);
		q->sheets[k].whole = (struct cell){ 0, 0 };
	}
	while ((rc = template_read(q->t, ask, buf_str(&a->out), a->out.len, &at, &seen, &q->why)) >
	       0) {
		take_seen(q, &seen);
		template_seen_free(&seen);
	}
	return rc;
}

/* One of the template's ways to ask. */
static void ask_one(struct asking *q, const struct template_ask *ask, const char *const *ids,
		    size_t n)
{
	const struct command_how how = { .timeout_s = COMMAND_S };
	struct job_values v = { .list = { [JOB_IDS] = ids }, .n_list = { [JOB_IDS] = n } };
	struct answer a;

	v.text[JOB_USER] = q->s->user;
	if (command_run(q->t, ask->command, &v, &how, &a, &q->why) == 0 &&
	    answer_counts(ask, &a, &q->why) && read_answer(q, ask, &a) == 0) {
		merge(q, ask->lags);
		q->counted = true;
		q->lags |= ask->lags;
	}
	answer_free(&a);
}

/* Of every array of which something is not known; the finaliser's last. The caller frees. */
static const char **ids_to_ask(const struct asking *q, size_t *n)
{
	const char **ids = mem_array(q->n + 1, sizeof *ids);

	*n = 0;
	for (size_t k = 1; k <= q->n; k++) {
		const struct sheet *x = &q->sheets[k % q->n];

		if (x->id && !sheet_is_final(x)) {
			ids[(*n)++] = x->id;
		}
	}
	return ids;
}

static bool all_known(const struct asking *q)
{
	for (size_t k = 0; k < q->n; k++) {
		if (q->sheets[k].id && !sheet_is_known(&q->sheets[k])) {
			return false;
		}
	}
	return true;
}

/* ---- views ---- */

static void to_view(const struct asking *q, struct job_view *out)
{
	size_t cap = 0;

	for (size_t k = 0; k < q->n; k++) {
		const struct sheet *x = &q->sheets[k];
		uint64_t to;

		for (uint64_t i = 0; i < x->n; i = to) {
			const struct cell c = x->cells[i];

			for (to = i + 1; to < x->n && x->cells[to].state == c.state &&
					 x->cells[to].word == c.word;
			     to++) {
			}
			if (c.state == JOB_STATE_UNKNOWN && c.word == 0) {
				continue;
			}
			ARRAY_ROOM(out->seen, out->n, cap);
			out->seen[out->n] = (struct job_seen){ .array = x->array,
							       .first = x->first + i,
							       .last = x->first + to - 1,
							       .state = c.state };
			if (c.word) {
				memcpy(out->seen[out->n].word, q->words[c.word - 1], JOB_WORD);
			}
			out->n++;
		}
	}
}

static bool is_recent(uint64_t then_ms, uint64_t now_ms, unsigned max_age_s)
{
	const uint64_t age = now_ms > then_ms ? now_ms - then_ms : then_ms - now_ms;

	return age < (uint64_t)max_age_s * 1000;
}

int scheduler_view(const struct template *t, const struct submission *s, unsigned max_age_s,
		   struct job_view *out, struct err *e)
{
	const uint64_t now = proc_unix_ms();
	struct job_view old;
	struct asking q;
	const char **ids;
	size_t n;

	(void)e;
	*out = (struct job_view){ .seen = NULL };
	if (asked_load(s, &old) && is_recent(old.asked_ms, now, max_age_s)) {
		*out = old;
		return 0;
	}
	asking_init(&q, t, s);
	keep_final(&q, &old);
	ids = ids_to_ask(&q, &n);
	for (size_t i = 0; n > 0 && i < t->n_ask && !all_known(&q); i++) {
		ask_one(&q, &t->ask[i], ids, n);
	}
	out->asked_ms = old.asked_ms;
	if (n > 0) {
		keep_ended(&q, &old);
		out->asked_ms = now;
		out->failed = !q.counted;
		out->why = out->failed ? mem_dup(q.why.text) : NULL;
		out->lags = q.lags && !all_known(&q);
	}
	to_view(&q, out);
	if (n > 0) {
		asked_save(s, out);
	}
	free(ids);
	asking_free(&q);
	job_view_free(&old);
	return 0;
}

void job_view_free(struct job_view *v)
{
	free(v->seen);
	free(v->why);
	*v = (struct job_view){ .seen = NULL };
}

enum job_state job_view_state(const struct job_view *v, unsigned array, uint64_t element,
			      const char **word)
{
	size_t low = 0, high = v->n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const struct job_seen *x = &v->seen[middle];

		if (x->array < array || (x->array == array && x->last < element)) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	if (low < v->n && v->seen[low].array == array && v->seen[low].first <= element) {
		if (word) {
			*word = v->seen[low].word;
		}
		return v->seen[low].state;
	}
	if (word) {
		*word = "";
	}
	return JOB_STATE_UNKNOWN;
}
