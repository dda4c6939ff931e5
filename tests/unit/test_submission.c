/* SPDX-License-Identifier: MIT */
#include "tests/unit/store_test.h"

#include <sys/wait.h>

#include "base/proc.h"
#include "store/journal.h"
#include "store/record.h"
#include "store/rundir.h"
#include "store/scan.h"
#include "store/submission_env.h"

static const char site[] = "{\"account\":\"phys-12\",\"when\":[1,2]}";

/* A draft as `ppgen submit` fills it, with two arrays. */
static void fill(struct submission *s)
{
	static const char *const words[] = { "srun", "--mpi=pmix", "-n", "{{ranks}}", NULL };

	s->plan = 3;
	s->program = "/opt/a b/ppgen";
	s->template_name = "slurm";
	s->finalises = true;
	s->finalise_name = "ising-final";
	s->scratch = "$TMPDIR";
	s->setup = "module load gcc\n# \"quoted\" \xc3\xa9";
	s->environment = SUBMISSION_ENVIRONMENT;
	s->start_spread = 7;
	s->launch = words;
	s->site = (struct json){ JSON_OBJECT, site, sizeof site - 1 };
	s->n_arrays = 2;
	s->arrays = arena_alloc(s->arena, 2 * sizeof *s->arrays);
	s->arrays[0] = (struct submission_array){
		.res = { .set = RES_CPUS | RES_GPU_TYPE,
			 .cpus = 4,
			 .memory = UINT64_C(1) << 45,
			 .time_s = 3600,
			 .gpus = 2,
			 .nodes = 1,
			 .gpu_type = "a100",
			 .exclusive = true },
		.tasks = 1001,
		.chunk = 10,
		.chunks = 101,
		.slots = 4,
		.elements = 20,
		.first = 1,
		.throttle = 5,
		.time = 7200,
		.reserve = 60,
		.name = "ising-a",
	};
	s->arrays[1] = (struct submission_array){
		.res = { .cpus = 1,
			 .nodes = 2,
			 .ranks = 16,
			 .constraint = "ib",
			 .licences = "x:1" },
		.tasks = 1,
		.chunk = 1,
		.chunks = 1,
		.slots = 1,
		.elements = 1,
		.single = true,
		.name = "ising-b",
	};
}

static void draft(const char *rundir, struct submission *s)
{
	struct err e = ERR_INIT;

	submission_draft(rundir, s, &e);
	assert_no_error(&e);
	fill(s);
}

static void publish(struct submission *s)
{
	struct err e = ERR_INIT;
	const int rc = submission_publish(s, &e);

	assert_no_error(&e);
	assert_int_equal(rc, 0);
}

static void load(const char *rundir, unsigned number, struct submission *s)
{
	struct err e = ERR_INIT;

	submission_load(rundir, number, s, &e);
	assert_no_error(&e);
}

static char *file_of(const char *rundir, const char *name)
{
	char *dir = submission_path(rundir, 1), *path = path_join(dir, name);

	free(dir);
	return path;
}

static void put_text(const char *path, const char *text)
{
	struct err e = ERR_INIT;

	file_publish(path, text, strlen(text), &e);
	assert_no_error(&e);
}

static void test_round_trip(void **state)
{
	struct submission s, b;
	char *path;

	draft(*state, &s);
	assert_int_equal(s.number, 1);
	assert_int_equal(s.chain, 1);
	assert_int_equal(s.round, 1);
	assert_int_equal(strlen(s.tag), SUBMISSION_TAG - 1);
	assert_in_range(s.tag[0], 'a', 'z');
	assert_string_not_equal(s.dir, s.home);
	assert_int_equal(submission_latest(*state, NULL), 0); /* a draft is nothing yet */
	path = path_join(s.dir, "log");
	assert_true(file_exists(path));
	free(path);
	publish(&s);
	assert_string_equal(s.dir, s.home);
	assert_true(s.dir[0] == '/');
	assert_int_equal(submission_latest(*state, NULL), 1);

	load(*state, 1, &b);
	assert_int_equal(b.number, 1);
	assert_int_equal(b.plan, 3);
	assert_int_equal(b.time_ms, s.time_ms);
	assert_string_equal(b.dir, s.dir);
	assert_string_equal(b.tag, s.tag);
	assert_string_equal(b.user, s.user);
	assert_string_equal(b.host, proc_host());
	assert_string_equal(b.program, s.program);
	assert_string_equal(b.template_name, "slurm");
	assert_true(b.finalises);
	assert_string_equal(b.finalise_name, "ising-final");
	assert_string_equal(b.scratch, "$TMPDIR");
	assert_string_equal(b.setup, s.setup);
	assert_string_equal(b.environment, SUBMISSION_ENVIRONMENT);
	assert_int_equal(b.start_spread, 7);
	assert_string_equal(b.launch[3], "{{ranks}}");
	assert_null(b.launch[4]);
	assert_int_equal(b.site.len, sizeof site - 1);
	assert_memory_equal(b.site.text, site, sizeof site - 1);
	assert_int_equal(b.n_arrays, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct submission_array *x = &s.arrays[i], *y = &b.arrays[i];

		assert_string_equal(y->name, x->name);
		assert_null(y->id);
		assert_int_equal(y->tasks, x->tasks);
		assert_int_equal(y->chunk, x->chunk);
		assert_int_equal(y->chunks, x->chunks);
		assert_int_equal(y->slots, x->slots);
		assert_int_equal(y->elements, x->elements);
		assert_int_equal(y->first, x->first);
		assert_int_equal(y->single, x->single);
		assert_int_equal(y->throttle, x->throttle);
		assert_int_equal(y->time, x->time);
		assert_int_equal(y->reserve, x->reserve);
		assert_int_equal(y->res.set, x->res.set);
		assert_true(resources_equal(&y->res, &x->res));
	}
	assert_string_equal(b.arrays[0].res.gpu_type, "a100");
	assert_null(b.arrays[0].res.constraint);
	assert_null(b.how);
	assert_false(b.released);
	submission_free(&b);
	submission_free(&s);
	submission_free(&s); /* twice is fine */
}

/* What may be left out. */
static void test_least(void **state)
{
	struct submission s, b;

	draft(*state, &s);
	s.finalises = false;
	s.finalise_name = s.scratch = s.setup = s.environment = NULL;
	s.launch = NULL;
	s.site.type = JSON_NONE;
	publish(&s);
	load(*state, 1, &b);
	assert_null(b.scratch);
	assert_null(b.setup);
	assert_null(b.environment);
	assert_null(b.launch);
	assert_null(b.finalise_name);
	assert_null(b.finalise_id);
	assert_int_equal(b.site.type, JSON_NONE);
	submission_free(&b);
	submission_free(&s);
}

static void test_drop(void **state)
{
	char *folder = path_join(*state, "submissions"), *dir;
	struct submission s;

	draft(*state, &s);
	dir = mem_dup(s.dir);
	assert_true(file_exists(dir));
	submission_drop(&s);
	assert_false(file_exists(dir));
	submission_drop(&s);
	submission_free(&s);
	free(dir);

	draft(*state, &s);
	publish(&s);
	dir = mem_dup(s.dir);
	submission_drop(&s); /* a published one stays */
	assert_true(file_exists(dir));
	free(dir);
	free(folder);
}

/* Who comes second drafts again. */
/* One whose work somebody else's does gives its number back, with all that it holds. */
static void test_withdraw(void **state)
{
	struct submission a, b;
	struct err e = ERR_INIT;
	char **names, *folder = path_join(*state, "submissions");
	size_t n;

	draft(*state, &a);
	publish(&a);
	submission_free(&a);
	draft(*state, &b);
	publish(&b);
	assert_int_equal(submission_latest(*state, NULL), 2);
	assert_int_equal(submission_withdraw(&b, &e), 0);
	assert_no_error(&e);
	assert_int_equal(submission_latest(*state, NULL), 1);
	assert_int_equal(file_list(folder, &names, &n, &e), 0);
	assert_int_equal(n, 1);
	free(names);
	free(folder);
	draft(*state, &b); /* the number is free again */
	assert_int_equal(b.number, 2);
	publish(&b);
	submission_free(&b);
}

static void test_race(void **state)
{
	struct submission a, b;
	struct err e = ERR_INIT;

	draft(*state, &a);
	draft(*state, &b);
	assert_int_equal(b.number, 1);
	assert_string_not_equal(a.tag, b.tag);
	publish(&a);
	assert_int_equal(submission_publish(&b, &e), 1);
	assert_no_error(&e);
	submission_drop(&b);
	draft(*state, &b);
	assert_int_equal(b.number, 2);
	publish(&b);
	assert_int_equal(submission_latest(*state, NULL), 2);
	submission_free(&a);
	submission_free(&b);
}

/* Many at once: each number is given once. */
static void test_many(void **state)
{
	enum { MANY = 8 };
	pid_t pids[MANY];
	unsigned latest;

	for (int i = 0; i < MANY; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			for (;;) {
				struct submission s;

				if (submission_draft(*state, &s, NULL) < 0) {
					_exit(1);
				}
				fill(&s);
				switch (submission_publish(&s, NULL)) {
				case 0:
					_exit(0);
				case 1:
					submission_drop(&s);
					break;
				default:
					_exit(2);
				}
			}
		}
	}
	for (int i = 0; i < MANY; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	latest = submission_latest(*state, NULL);
	assert_int_equal(latest, MANY);
	for (unsigned n = 1; n <= latest; n++) {
		struct submission s;

		load(*state, n, &s);
		submission_free(&s);
	}
}

static void test_happens(void **state)
{
	struct submission s, b, living;
	char *environment = file_of(*state, SUBMISSION_ENVIRONMENT);
	struct err e = ERR_INIT;

	assert_int_equal(submission_living(*state, &living, &e), 0);
	draft(*state, &s);
	publish(&s);
	assert_int_equal(submission_living(*state, &living, &e), 1);
	assert_int_equal(living.number, 1);
	submission_free(&living);

	assert_int_equal(submission_set_id(&s, 1, "4711", &e), 0);
	assert_string_equal(s.arrays[0].id, "4711");
	load(*state, 1, &b);
	assert_string_equal(b.arrays[0].id, "4711");
	assert_null(b.arrays[1].id);
	assert_null(b.finalise_id);
	assert_int_equal(submission_set_id(&b, 1, "4712", &e), 1); /* the first one stands */
	assert_string_equal(b.arrays[0].id, "4711");
	assert_int_equal(submission_set_id(&b, 2, "12[].srv \"x\"", &e), 0);
	assert_int_equal(submission_set_id(&b, 0, "4713", &e), 0);
	assert_int_equal(submission_set_released(&b, &e), 0);
	assert_int_equal(submission_set_released(&s, &e), 1);
	assert_true(s.released);
	assert_string_equal(s.arrays[1].id, "12[].srv \"x\"");
	assert_string_equal(s.finalise_id, "4713");
	assert_no_error(&e);
	assert_int_equal(submission_set_id(&s, 3, "1", &e), -1);
	err_clear(&e);
	assert_int_equal(submission_set_id(&s, 1, "\xff", &e), -1);
	assert_int_equal(submission_set_id(&s, 1, "", NULL), -1);
	err_clear(&e);

	assert_false(submission_has_ended(*state, 1));
	put_text(environment, "A=1");
	assert_int_equal(submission_set_ended(&s, "superseded", NULL, 2, &e), 0);
	assert_true(submission_has_ended(*state, 1));
	assert_true(file_absent(environment)); /* it may hold secrets */
	assert_int_equal(submission_set_ended(&b, "failed", "too late", 0, &e), 1);
	assert_no_error(&e);
	assert_string_equal(b.how, "superseded");
	assert_null(b.why);
	assert_int_equal(b.next, 2);
	assert_int_equal(submission_living(*state, &living, &e), 0);
	assert_no_error(&e);
	submission_free(&b);
	load(*state, 1, &b);
	assert_string_equal(b.how, "superseded");
	assert_true(b.released);
	free(environment);
	submission_free(&b);
	submission_free(&s);
}

/* Only the latest can live, and folders that are none of ours are passed over. */
static void test_numbers(void **state)
{
	static const char *const names[] = { "1",    "00012", "2000000", ".draft-x",
					     "0x10", "10 ",   "notes" };
	struct submission s, living;
	struct err e = ERR_INIT;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *path = mem_printf("%s/submissions/%s", (char *)*state, names[i]);

		assert_int_equal(file_make_dirs(path, &e), 0);
		free(path);
	}
	assert_int_equal(submission_latest(*state, &e), 0);
	for (unsigned n = 1; n <= 2; n++) {
		draft(*state, &s);
		assert_int_equal(s.number, n);
		publish(&s);
		assert_int_equal(submission_living(*state, &living, &e), 1);
		assert_int_equal(living.number, n);
		submission_free(&living);
		assert_int_equal(submission_set_ended(&s, "done", "", 0, &e), 0);
		submission_free(&s);
	}
	assert_int_equal(submission_load(*state, 3, &s, &e), -1);
	assert_int_equal(e.kind, ERR_BAD);
	assert_non_null(strstr(e.text, "no submission 3"));
	assert_int_equal(submission_load(*state, 0, &s, NULL), -1);
}

/* What must not be written: each names its member. */
static void test_not_written(void **state)
{
	static const char bad[] = "/opt/\xff/ppgen";
	static const char *const bad_words[] = { "srun", bad, NULL };

	for (int i = 0; i < 13; i++) {
		static const char *const messages[] = {
			"'program' is not UTF-8",
			"'scratch' is not UTF-8",
			"'launch' is not UTF-8",
			"'gpu_type' is not UTF-8",
			"no 'template'",
			"'plan' is out of range",
			"'chunks' do not hold",
			"'chunk' is out of range",
			"no 'arrays'",
			"no 'name'",
			"'cpus' is out of range",
			"'single' is true",
			"'tag' is none",
		};
		struct submission s;
		struct err e = ERR_INIT;

		draft(*state, &s);
		switch (i) {
		case 0:
			s.program = bad;
			break;
		case 1:
			s.scratch = bad;
			break;
		case 2:
			s.launch = bad_words;
			break;
		case 3:
			s.arrays[0].res.gpu_type = bad;
			break;
		case 4:
			s.template_name = NULL;
			break;
		case 5:
			s.plan = 0;
			break;
		case 6:
			s.arrays[0].chunks = 100;
			break;
		case 7:
			s.arrays[1].chunk = 0;
			break;
		case 8:
			s.n_arrays = 0;
			break;
		case 9:
			s.arrays[1].name = NULL;
			break;
		case 10:
			s.arrays[1].res.cpus = 0;
			break;
		case 11:
			s.arrays[0].single = true;
			break;
		default:
			s.tag[0] = '1';
		}
		assert_int_equal(submission_publish(&s, &e), -1);
		if (!strstr(e.text, messages[i])) {
			fail_msg("'%s' is not in '%s'", messages[i], e.text);
		}
		submission_drop(&s);
	}
	assert_int_equal(submission_latest(*state, NULL), 0);
}

/* Replaces one text of submission.json, and expects the message. */
static void assert_refused(const char *rundir, const char *whole, const char *from, const char *to,
			   const char *message)
{
	char *path = file_of(rundir, "submission.json");
	const char *at = strstr(whole, from);
	struct submission s;
	struct err e = ERR_INIT;
	char *text;

	if (!at) {
		fail_msg("'%s' is not in %s", from, whole);
		return;
	}
	text = mem_printf("%.*s%s%s", (int)(at - whole), whole, to, at + strlen(from));
	put_text(path, text);
	assert_int_equal(submission_load(rundir, 1, &s, &e), -1);
	if (!strstr(e.text, message) || !strstr(e.text, path)) {
		fail_msg("for '%s': '%s' is not in '%s'", to, message, e.text);
	}
	free(text);
	free(path);
}

static void test_damaged(void **state)
{
	static const struct {
		const char *from, *to, *message;
	} rows[] = {
		{ "\"v\":1", "\"v\":2", "version 2, but this ppgen" },
		{ "\"v\":1", "\"v\":0", "no 'v'" },
		{ "\"v\":1", "\"w\":1", "no 'v'" },
		{ "\"plan\":3", "\"plan\":-3", "'plan' is out of range" },
		{ "\"plan\":3", "\"plan\":3.5", "'plan' is out of range" },
		{ "\"plan\":3", "\"plan\":4294967296", "'plan' is out of range" },
		{ "\"plan\":3", "\"plan\":\"3\"", "'plan' is out of range" },
		{ "\"plan\":3,", "", "no 'plan'" },
		{ "\"number\":1", "\"number\":2", "'number' is 2" },
		{ "\"template\":\"slurm\"", "\"template\":null", "'template' is no text" },
		{ "\"template\":\"slurm\"", "\"template\":\"a\\u0000b\"", "'template' is no text" },
		{ "\"template\":\"slurm\"", "\"template\":\"\xff\"", "UTF-8" },
		{ "\"finalises\":true", "\"finalises\":1", "neither true nor false" },
		{ "\"chunk\":10,", "\"chunk\":11,", "array 1: its 'chunks'" },
		{ "\"chunks\":101", "\"chunks\":20001", "array 1: its 'chunks' is out of range" },
		{ "\"ranks\":16", "\"ranks\":99999999999999999999", "array 2: its 'ranks'" },
		{ "\"arrays\":", "\"arrayz\":", "no 'arrays'" },
		{ "[\"srun\"", "[7", "'launch' is no list" },
		{ "\"start_spread\":7", "\"start_spread\":-7", "'start_spread' is out of range" },
		{ "\"environment\":\"environment\"", "\"environment\":true",
		  "'environment' is no text" },
		{ "\"tag\":\"", "\"tag\":\"A", "'tag' is none" },
	};
	struct submission s;
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	char *path;

	draft(*state, &s);
	publish(&s);
	submission_free(&s);
	path = file_of(*state, "submission.json");
	file_read(path, &b, 0, &e);
	assert_no_error(&e);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_refused(*state, b.data, rows[i].from, rows[i].to, rows[i].message);
	}
	for (size_t cut = 0; cut + 2 < b.len; cut += 7) { /* truncated */
		struct err why = ERR_INIT;
		char *text = mem_dupn(b.data, cut);

		put_text(path, text);
		assert_int_equal(submission_load(*state, 1, &s, &why), -1);
		assert_non_null(strstr(why.text, "submission.json"));
		assert_int_equal(submission_living(*state, &s, NULL), -1);
		free(text);
	}
	buf_free(&b);
	free(path);
}

/* Members that an older ppgen did not write. */
static void test_older(void **state)
{
	static const char *const later[] = { ",\"environment\":\"environment\"",
					     ",\"start_spread\":7" };
	char *path = file_of(*state, "submission.json"), *at;
	struct submission s;
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	draft(*state, &s);
	publish(&s);
	submission_free(&s);
	file_read(path, &b, 0, &e);
	assert_no_error(&e);
	for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
		at = strstr(b.data, later[i]);
		assert_non_null(at);
		memmove(at, at + strlen(later[i]), strlen(at + strlen(later[i])) + 1);
	}
	put_text(path, b.data);
	load(*state, 1, &s);
	assert_null(s.environment);
	assert_int_equal(s.start_spread, 0);
	assert_string_equal(s.setup, "module load gcc\n# \"quoted\" \xc3\xa9");
	submission_free(&s);
	buf_free(&b);
	free(path);
}

static void test_damaged_events(void **state)
{
	static const struct {
		const char *name, *text, *message;
	} rows[] = {
		{ "job-1.json", "", "job-1.json" },
		{ "job-1.json", "{\"id\":\"47", "job-1.json" },
		{ "job-1.json", "[]", "job-1.json': it is no object" },
		{ "job-1.json", "{\"id\":7}", "job-1.json': it has no 'id'" },
		{ "job-finalise.json", "{}", "job-finalise.json': it has no 'id'" },
		{ "released.json", "x", "released.json" },
		{ "ended.json", "{\"why\":\"\"}", "ended.json': it has no 'how'" },
	};
	struct submission s;

	draft(*state, &s);
	publish(&s);
	submission_free(&s);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *path = file_of(*state, rows[i].name);
		struct err e = ERR_INIT;

		put_text(path, rows[i].text);
		assert_int_equal(submission_load(*state, 1, &s, &e), -1);
		if (!strstr(e.text, rows[i].message)) {
			fail_msg("'%s' is not in '%s'", rows[i].message, e.text);
		}
		unlink(path);
		free(path);
	}
}

/* ---- the scanner's rule ---- */

/* A journal whose writer ran on a machine that cannot be asked. */
static void put_journal(const char *rundir, const char *writer, const char *submission)
{
	struct buf b = BUF_INIT;
	char *dir = path_join(rundir, "journal/ab"), *path = mem_printf("%s/%s.jsonl", dir, writer);
	struct err e = ERR_INIT;

	buf_printf(&b,
		   "{\"k\":\"header\",\"v\":1,\"writer\":\"%s\",\"plan\":1,\"host\":\"elsewhere\","
		   "\"boot\":\"x\",\"pid\":7,\"start\":7%s",
		   writer, submission);
	record_seal(&b, 0);
	file_make_dirs(dir, &e);
	file_publish(path, b.data, b.len, &e);
	assert_no_error(&e);
	buf_free(&b);
	free(path);
	free(dir);
}

static int note_dead(void *arg, const struct scan_file *file, uint64_t offset,
		     const struct record *r)
{
	struct buf *b = arg;

	(void)offset;
	if (r->kind == RECORD_HEADER) {
		buf_printf(b, "%s:%d ", file->writer, file->dead);
	}
	return 0;
}

static void assert_dead(const char *rundir, const char *expected)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	assert_int_equal(scan_records(rundir, note_dead, &b, &e), 0);
	assert_no_error(&e);
	assert_string_equal(buf_str(&b), expected);
	buf_free(&b);
}

static void test_dead_with_submission(void **state)
{
	struct submission s;
	struct err e = ERR_INIT;

	rundir_create(*state, &e);
	assert_no_error(&e);
	put_journal(*state, "a", "");
	put_journal(*state, "b", ",\"submission\":1,\"array\":1,\"element\":1");
	put_journal(*state, "c", ",\"submission\":2");
	put_journal(*state, "d", ",\"submission\":\"no\"");
	draft(*state, &s);
	publish(&s);
	assert_dead(*state, "a:0 b:0 c:0 d:0 ");
	assert_int_equal(submission_set_ended(&s, "done", "", 0, &e), 0);
	assert_dead(*state, "a:0 b:1 c:0 d:0 ");
	submission_free(&s);
}

static int count_kinds(void *arg, const struct scan_file *file, uint64_t offset,
		       const struct record *r)
{
	unsigned *counts = arg;

	(void)file;
	(void)offset;
	counts[r->kind]++;
	return 0;
}

/* One writer's records, the element's own kinds passed over by who does not know them. */
static void test_writer_records(void **state)
{
	unsigned counts[RECORD_UNKNOWN + 1] = { 0 };
	static const char claim[] = "{\"k\":\"claim\",\"c\":7,\"g\":1";
	struct err e = ERR_INIT;
	struct journal *j;
	char *writer;

	rundir_create(*state, &e);
	j = journal_create(*state, 1, "", &e);
	assert_no_error(&e);
	assert_int_equal(journal_append(j, claim, strlen(claim), &e), 0);
	writer = mem_dup(journal_writer(j));
	assert_int_equal(journal_close(j, &e), 0);
	j = journal_create(*state, 1, "", &e); /* another one, of which nothing is told */
	assert_int_equal(journal_close(j, &e), 0);
	assert_int_equal(scan_writer_records(*state, writer, count_kinds, counts, &e), 0);
	assert_no_error(&e);
	assert_int_equal(counts[RECORD_HEADER], 1);
	assert_int_equal(counts[RECORD_UNKNOWN], 1);
	assert_int_equal(counts[RECORD_CLOSE], 1);
	assert_int_equal(scan_writer_records(*state, "nobody-x-1", count_kinds, counts, &e), 0);
	assert_int_equal(counts[RECORD_HEADER], 1);
	assert_no_error(&e);
	assert_int_equal(scan_writer_records(*state, "../../x", count_kinds, counts, &e), -1);
	free(writer);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_least),
		TEST(test_drop),
		TEST(test_withdraw),
		TEST(test_race),
		TEST(test_many),
		TEST(test_happens),
		TEST(test_numbers),
		TEST(test_not_written),
		TEST(test_damaged),
		TEST(test_older),
		TEST(test_damaged_events),
		TEST(test_dead_with_submission),
		TEST(test_writer_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
