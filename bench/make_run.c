/* SPDX-License-Identifier: MIT */
/*
 * A run directory with many finished tasks, without running them:
 *
 *	make_run [-j JOURNALS] [-n TASKS] [-r] [-l LINES] SPEC RUNDIR
 *
 * Reads and plans SPEC as `ppgen run -d RUNDIR SPEC` does, publishes the plan, and writes for every
 *task (or the first TASKS) the two records and the output that the pool would, through the same
 *functions: store/journal.h for records and output, the judge of store/result.h for what the output
 *means. What a task printed is three numbers that follow from its index:
 *
 *	{"energy": -0.537102, "spin": 0.0931, "steps": 48213}
 *
 * SPEC must say `results: {stdout: json}` (or none). -j: as if so many array elements had taken
 *turns. -r: tasks ended in an order that has nothing to do with their index. -l: writes to LINES
 *what other programs are to make the table of, as JSON Lines in that order: task, parameters, seed,
 *results.
 *
 * bench/ builds it with libppgen.a. The run is whole: `ppgen status SPEC -d RUNDIR` says that all
 *is good, and `collect` merges it.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "store/journal.h"
#include "store/result.h"
#include "store/rundir.h"

#define JOURNALS_MAX 1000
#define SPLIT_MIX    UINT64_C(0x9E3779B97F4A7C15)

/* ppgen.c has them for the program; what is linked here only asks for them. */
const struct command *const commands[] = { NULL };
const size_t n_commands = 0;

struct maker {
	const struct plan *plan;
	struct journal *journals[JOURNALS_MAX];
	uint64_t n_journals;
	struct judge *judge;
	struct task task;
	uint64_t began; /* ms */
	struct buf output, line, row, why;
	FILE *lines; /* NULL: none */
};

/* Chance that is the same each time (SplitMix64). */
static uint64_t mix(uint64_t x)
{
	x += SPLIT_MIX;
	x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
	return x ^ x >> 31;
}

/* What task `index` prints. */
static void put_output(struct buf *b, uint64_t index)
{
	const uint64_t x = mix(index);

	buf_clear(b);
	buf_printf(b, "{\"energy\": %.6f, \"spin\": %.4f, \"steps\": %u}\n",
		   (double)(x >> 40) / (1 << 23) - 1, (double)(x >> 20 & 0xFFFFF) / 0x100000,
		   (unsigned)(x & 0xFFFF));
}

/* A judge_get: the one stream that there is. */
static int get_output(void *arg, size_t which, const char **data, size_t *len, struct err *e)
{
	const struct maker *m = arg;

	(void)e;
	*data = which == 0 ? m->output.data : "";
	*len = which == 0 ? m->output.len : 0;
	return which < STREAM_COUNT ? 0 : 1;
}

/* What both records of an attempt begin with. */
static void put_head(struct maker *m, const char *kind, uint64_t ms)
{
	const struct task *t = &m->task;
	char id[2 * TASK_ID_SIZE + 1];

	hex_put(id, t->id, TASK_ID_SIZE);
	buf_clear(&m->line);
	buf_printf(&m->line,
		   "{\"k\":\"%s\",\"id\":\"%s\",\"i\":%llu,\"plan\":%u,\"att\":1,\"slot\":0,"
		   "\"seed\":\"%u\",\"code\":\"%s\",\"t\":%llu",
		   kind, id, (unsigned long long)t->point.index, m->plan->number, t->seeds.seed,
		   t->code, (unsigned long long)ms);
}

/* The end record, and before it the output that it names. */
static int put_end(struct maker *m, struct journal *j, struct err *e)
{
	uint8_t hash[SHA256_SIZE];
	char hex[SHA256_HEX];
	uint64_t offset;
	int r;

	put_output(&m->output, m->task.point.index);
	sha256_of(m->output.data, m->output.len, hash);
	hex_put(hex, hash, SHA256_SIZE);
	buf_clear(&m->row);
	r = judge_run(m->judge, get_output, m, &m->row, &m->why, e);
	if (r <= 0) {
		return r < 0 ? -1 : err_bad(e, "no result: %s", buf_str(&m->why));
	}
	if (journal_output(j, m->output.data, m->output.len, &offset, e) < 0) {
		return -1;
	}
	buf_printf(&m->line, ",\"out\":\"ok\",\"rh\":\"%s\"", m->plan->results);
	if (m->row.len) {
		buf_puts(&m->line, ",\"r\":");
		buf_add(&m->line, m->row.data, m->row.len);
	}
	buf_printf(&m->line,
		   ",\"exit\":0,\"sig\":0,\"wall\":0.0100,\"cpu\":0.0020,\"o\":[%llu,%zu,\"%s\"]",
		   (unsigned long long)offset, m->output.len, hex);
	return journal_append(j, m->line.data, m->line.len, e);
}

/* The same as a line for other programs. */
static int put_line(struct maker *m, struct err *e)
{
	const struct space *s = m->plan->spec->space;
	struct buf *b = &m->line;

	buf_clear(b);
	buf_printf(b, "{\"task\":\"%s\"", m->task.shown);
	for (size_t k = 0; k < space_names(s); k++) {
		json_put_key(b, space_name(s, k));
		value_put_json(b, &m->task.point.values[k]);
	}
	buf_printf(b, ",\"seed\":%u", m->task.seeds.seed);
	if (m->row.len > 2) {
		buf_putc(b, ',');
		buf_add(b, m->row.data + 1, m->row.len - 2);
	}
	buf_puts(b, "}\n");
	return fwrite(b->data, 1, b->len, m->lines) == b->len ? 0
							      : err_errno(e, "cannot write lines");
}

static int make_task(struct maker *m, uint64_t turn, uint64_t index, struct err *e)
{
	struct journal *j = m->journals[turn % m->n_journals];
	const uint64_t ms = m->began + turn / 100;

	if (task_load(&m->task, m->plan, index, e) < 0) {
		return -1;
	}
	put_head(m, "start", ms);
	buf_printf(&m->line, ",\"cpus\":%llu", (unsigned long long)m->task.res.cpus);
	if (journal_append(j, m->line.data, m->line.len, e) < 0) {
		return -1;
	}
	put_head(m, "end", ms + 10);
	if (put_end(m, j, e) < 0) {
		return -1;
	}
	return m->lines ? put_line(m, e) : 0;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		const uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* A step that visits every one of n in an order that looks like none. */
static uint64_t wide_step(uint64_t n)
{
	uint64_t step = (uint64_t)((double)n * 0.6180339887) | 1;

	while (common_divisor(step, n) != 1) {
		step++;
	}
	return step;
}

static int make_tasks(struct maker *m, const char *rundir, uint64_t most, bool mixed, struct err *e)
{
	const uint64_t all = space_count(m->plan->spec->space);
	const uint64_t n = most && most < all ? most : all;
	const uint64_t step = mixed && n > 2 ? wide_step(n) : 1;
	uint64_t opened = 0, index = 0;
	int r = 0;

	m->began = proc_unix_ms();
	m->judge = judge_new(&m->plan->spec->results);
	task_init(&m->task, m->plan);
	for (; r == 0 && opened < m->n_journals; opened++) {
		m->journals[opened] = journal_create(rundir, m->plan->number, "", e);
		if (!m->journals[opened]) {
			r = -1;
		}
	}
	for (uint64_t turn = 0; r == 0 && turn < n; turn++, index = (index + step) % n) {
		r = make_task(m, turn, index, e);
	}
	for (uint64_t k = 0; k < opened; k++) {
		if (journal_close(m->journals[k], r < 0 ? NULL : e) < 0) {
			r = -1;
		}
	}
	task_free(&m->task);
	judge_free(m->judge);
	buf_free(&m->output);
	buf_free(&m->line);
	buf_free(&m->row);
	buf_free(&m->why);
	return r;
}

/* The steps of `ppgen run`, as far as a plan is published. */
static struct plan *make_plan(const char *spec, const char *rundir, int argc, char **argv,
			      struct err *e)
{
	struct common c = { .dir = rundir };
	struct place at = { 0 };
	struct plan *p = NULL;
	bool published;
	int code;

	if (place_find(spec, &c, &at, e) < 0) {
		return NULL;
	}
	p = plan_now(&at, &c, &published, &code);
	if (!p) {
		err_bad(e, "'%s' makes no plan", spec);
	} else if (rundir_create(at.rundir, e) < 0 ||
		   (!published && publish_draft(p, &at, argc, argv, e) < 0)) {
		plan_free(p);
		p = NULL;
	}
	place_free(&at);
	return p;
}

static bool get_number(const char *text, uint64_t most, uint64_t *out)
{
	return text_u64(text, strlen(text), out) && *out >= 1 && *out <= most;
}

int main(int argc, char **argv)
{
	struct maker m = { .n_journals = 1 };
	struct err e = ERR_INIT;
	const char *lines = NULL;
	uint64_t most = 0;
	bool mixed = false, good = true;
	struct plan *p;
	int c, r = -1;

	while ((c = getopt(argc, argv, "j:n:rl:")) != -1) {
		good &= c != '?' && (c != 'j' || get_number(optarg, JOURNALS_MAX, &m.n_journals)) &&
			(c != 'n' || get_number(optarg, SPACE_TASKS_MAX, &most));
		mixed |= c == 'r';
		lines = c == 'l' ? optarg : lines;
	}
	if (!good || argc - optind != 2) {
		fputs("usage: make_run [-j JOURNALS] [-n TASKS] [-r] [-l LINES] SPEC RUNDIR\n",
		      stderr);
		return 2;
	}
	p = make_plan(argv[optind], argv[optind + 1], argc, argv, &e);
	m.plan = p;
	if (p && lines && !(m.lines = fopen(lines, "we"))) {
		err_errno(&e, "cannot write '%s'", lines);
	} else if (p) {
		r = make_tasks(&m, argv[optind + 1], most, mixed, &e);
	}
	if (m.lines && fclose(m.lines) != 0 && r == 0) {
		r = err_errno(&e, "cannot write '%s'", lines);
	}
	plan_free(p);
	if (r < 0) {
		fprintf(stderr, "make_run: %s\n", e.text);
	}
	return r < 0 ? 3 : 0;
}
