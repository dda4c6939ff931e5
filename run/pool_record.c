/* SPDX-License-Identifier: MIT */
/* The two records of an attempt: see store/record.h. Written straight into a buffer: at 10^6 tasks
 * each member counts. */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "run/pool_internal.h"

static void put_u64(struct buf *b, const char *key_and_colon, uint64_t v)
{
	buf_puts(b, key_and_colon);
	buf_put_u64(b, v);
}

/* Seconds with four decimals. printf's way with them would take a tenth of what a task costs us. */
static void put_seconds(struct buf *b, const char *key_and_colon, double s)
{
	const uint64_t parts = s > 0 && s < 1e12 ? (uint64_t)(s * 1e4 + 0.5) : 0;
	char decimals[5] = ".";

	for (uint64_t left = parts, k = 4; k > 0; k--, left /= 10) {
		decimals[k] = (char)('0' + left % 10);
	}
	put_u64(b, key_and_colon, parts / 10000);
	buf_add(b, decimals, sizeof decimals);
}

/* Begins p->line with what both records say of an attempt. */
static void put_head(struct pool *p, const struct slot *s, const char *kind)
{
	const struct task *t = &s->job->task;
	struct buf *b = &p->line;
	char id[2 * TASK_ID_SIZE + 1];

	hex_put(id, t->id, TASK_ID_SIZE);
	buf_clear(b);
	buf_puts(b, "{\"k\":\"");
	buf_puts(b, kind);
	buf_puts(b, "\",\"id\":\"");
	buf_puts(b, id);
	put_u64(b, "\",\"i\":", t->point.index);
	put_u64(b, ",\"plan\":", p->o->plan->number);
	put_u64(b, ",\"att\":", t->attempt);
	put_u64(b, ",\"slot\":", s->number);
	put_u64(b, ",\"seed\":\"", t->seeds.seed);
	buf_puts(b, "\",\"code\":\"");
	buf_puts(b, s->code);
	put_u64(b, "\",\"t\":", proc_unix_ms());
}

static int append(struct pool *p)
{
	p->dirty = true;
	return journal_append(p->journal, p->line.data, p->line.len, &p->fault);
}

int record_start(struct pool *p, const struct slot *s)
{
	const struct resources *r = &s->job->task.res;

	put_head(p, s, "start");
	put_u64(&p->line, ",\"cpus\":", r->cpus);
	if (r->memory) {
		put_u64(&p->line, ",\"mem\":", r->memory);
	}
	if (r->time_s) {
		put_u64(&p->line, ",\"limit\":", r->time_s);
	}
	if (r->gpus) {
		buf_puts(&p->line, ",\"gpus\":");
		json_puts(&p->line, p->gpus.data);
	}
	if (s->lane && (s->lane->from[0] > 0 || s->lane->from[1] > 0)) {
		put_u64(&p->line, ",\"at\":[", (uint64_t)s->lane->from[0]);
		put_u64(&p->line, ",", (uint64_t)s->lane->from[1]);
		buf_putc(&p->line, ']');
	}
	return append(p);
}

void record_end_begin(struct pool *p, const struct slot *s)
{
	put_head(p, s, "end");
	buf_clear(&p->pieces);
}

int record_end(struct pool *p, const struct slot *s, enum outcome outcome, bool saved, uint64_t rss)
{
	struct buf *b = &p->line;
	const struct rusage *u = &s->usage;
	const double cpu = (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
			   (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;

	buf_puts(b, ",\"out\":\"");
	buf_puts(b, outcome_names[outcome]);
	buf_puts(b, "\"");
	buf_puts(b, ",\"rh\":\"");
	buf_puts(b, p->o->plan->results);
	buf_puts(b, "\"");
	if (s->job->upto > 0) {
		put_u64(b, ",\"voids\":", s->job->upto);
	}
	if (saved) {
		buf_puts(b, ",\"ckpt\":true");
	}
	if (p->row.len > 0) {
		buf_puts(b, ",\"r\":"); /* readers that only ask what counts stop here */
		buf_add(b, p->row.data, p->row.len);
	}
	if (outcome != OUTCOME_NOT_STARTED) {
		put_u64(b,
			",\"exit\":", WIFEXITED(s->status) ? (uint64_t)WEXITSTATUS(s->status) : 0);
		put_u64(b, ",\"sig\":", WIFSIGNALED(s->status) ? (uint64_t)WTERMSIG(s->status) : 0);
		put_seconds(b, ",\"wall\":", s->ended - s->started);
		put_seconds(b, ",\"cpu\":", cpu);
	}
	if (rss > 0) {
		put_u64(b, ",\"rss\":", rss);
	}
	/* exit code and signal have members of their own */
	if (p->why.len > 0 && ((outcome != OUTCOME_EXIT && outcome != OUTCOME_SIGNAL) ||
			       s->checkpoint_sent || p->calls)) {
		buf_puts(b, ",\"why\":");
		json_put(b, p->why.data, p->why.len);
	}
	buf_add(b, p->pieces.data, p->pieces.len);
	return append(p);
}
