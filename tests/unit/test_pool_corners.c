/* SPDX-License-Identifier: MIT */
/* The pool where the system refuses one call only, and where things happen at an odd moment. Each
 * case in a process of its own. */
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/unit/pool_test.h"

static void nap(double s)
{
	const struct timespec t = { (time_t)s, (long)((s - (double)(time_t)s) * 1e9) };

	(void)nanosleep(&t, NULL);
}

static void need(bool good, const struct run *r, const char *what)
{
	if (!good) {
		fail_msg("%s\n%s\n%s", what, r->e.text, buf_str(&r->journal));
	}
}

static void put_text(const char *path, const char *text)
{
	assert_int_equal(file_publish(path, text, strlen(text), NULL), 0);
}

/* ---- one call is refused ---- */

#define QUICK "params: {x: [1, 2, 3]}\nshell: 'echo $x'\nresults: {stdout: number}\n"
#define LARGE                                                                                      \
	"params: {x: [1, 2, 3]}\nshell: \"head -c 2000000 /dev/zero | tr '\\\\0' ' '; echo $x\"\n" \
	"results: {stdout: number}\n"
/* its leader goes at the TERM, and another one heeds none */
#define LATE                                           \
	"shell: |\n  echo begun; trap 'exit 0' TERM\n" \
	"  sh -c 'trap \"\" TERM; sleep 1000' &\n  wait\nresources: {time: 1s}\n"
#define SLOW  "params: {x: [1, 2, 3]}\nshell: sleep 0.3\nresources: {memory: 100M}\n"
#define BROAD "params: {x: [1, 2, 3]}\nshell: 'echo begun; sleep 60'\nresources: {cpus: 2}\n"

static void no_fstat(void)
{
#ifdef SYS_newfstatat
	refuse_at(SYS_newfstatat, 3, AT_EMPTY_PATH, EIO);
#endif
#ifdef SYS_fstat
	refuse(SYS_fstat, ANY, EIO);
#endif
}

static void no_pread(void)
{
	refuse(SYS_pread64, ANY, EIO);
}

static void no_event_fd(void)
{
	refuse(SYS_eventfd2, ANY, EMFILE);
}

static void no_threads(void)
{
#ifdef SYS_clone3
	refuse(SYS_clone3, ANY, EAGAIN);
#endif
	refuse(SYS_clone,
	       CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND | CLONE_THREAD |
		       CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID,
	       EAGAIN);
}

static void no_list(void)
{
	refuse(SYS_getdents64, ANY, EIO);
}

static void no_streams(void)
{
#ifdef SYS_dup2
	refuse(SYS_dup2, ANY, EIO);
#endif
	refuse(SYS_dup3, ANY, EIO);
}

static void no_waiting(void)
{
	refuse(SYS_ppoll, ANY, EINVAL);
}

static const struct {
	const char *name, *spec;
	void (*prepare)(void);
	bool later; /* when a task runs: programs need that call to begin */
	uint64_t cpus;
	int rc;
	const char *text;     /* in the message when rc is -1, else in a record */
	size_t ends;          /* records of ends */
	enum outcome outcome; /* of each */
} rows[] = {
	{ "no size", QUICK, no_fstat, true, 1, -1, "cannot read '", 0, OUTCOME_OK },
	{ "no reading", QUICK, no_pread, true, 1, -1, "cannot read '", 0, OUTCOME_OK },
	{ "no reading of much", LARGE, no_pread, true, 1, -1, ".out': Input", 0, OUTCOME_OK },
	{ "no reading late", LATE, no_pread, true, 1, -1, ".out': Input", 0, OUTCOME_OK },
	{ "no descriptor for the intake", LARGE, no_event_fd, false, 2, 0, "\"out\":\"ok\"", 3,
	  OUTCOME_OK },
	{ "no thread for it", LARGE, no_threads, false, 2, 0, "\"out\":\"ok\"", 3, OUTCOME_OK },
	{ "no list of processes", SLOW, no_list, false, 2, 0, "\"out\":\"ok\"", 3, OUTCOME_OK },
	{ "no streams", QUICK, no_streams, false, 2, 0, "cannot start '/bin/sh'", 3,
	  OUTCOME_NOT_STARTED },
	{ "no waiting while one is next", BROAD, no_waiting, false, 3, -1, "cannot wait for tasks",
	  1, OUTCOME_INTERRUPTED },
};

static void (*on_first_start)(void);

static void on_start(struct run *r, const struct pool_event *ev)
{
	(void)r;
	if (ev->kind == POOL_START && on_first_start) {
		on_first_start();
		on_first_start = NULL;
	}
}

static void nothing_yet(void)
{
}

/* A process that only runs the pool: what it is refused must not keep us from reading the journal.
 */
static int run_in_child(struct run *r, char *said, size_t room)
{
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		int rc;

		r->unread = true;
		rc = run_pool(r);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left */
		(void)!write(ends[1], r->e.text, strlen(r->e.text));
		_exit(rc < 0 ? 100 : 0);
	}
	(void)close(ends[1]);
	n = read(ends[0], said, room - 1);
	said[n > 0 ? n : 0] = '\0';
	(void)close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 100 || WEXITSTATUS(status) == 0));
	run_read(r);
	return WEXITSTATUS(status) ? -1 : 0;
}

static void check_refused(size_t i)
{
	char said[1000];
	struct run r;
	int rc;

	run_begin(&r, rows[i].spec);
	r.capacity.cpus = rows[i].cpus;
	r.before = rows[i].later ? nothing_yet : rows[i].prepare;
	on_first_start = rows[i].later ? rows[i].prepare : NULL;
	r.on_event = on_start;
	rc = run_in_child(&r, said, sizeof said);
	if (rc != rows[i].rc || r.n_ends != rows[i].ends ||
	    !strstr(rc < 0 ? said : buf_str(&r.journal), rows[i].text)) {
		fail_msg("%s: %d, %s\n%s", rows[i].name, rc, said, buf_str(&r.journal));
	}
	for (size_t k = 0; k < r.n_ends; k++) {
		if (r.ends[k].outcome != rows[i].outcome) {
			fail_msg("%s: %s", rows[i].name, r.ends[k].line);
		}
	}
	run_free(&r);
}

static void test_refused(void **state)
{
	(void)state;
	at_once(sizeof rows / sizeof *rows, check_refused);
}

/* ---- other cases ---- */

/* The journal is full at any place, and no process can be started. */
static size_t room;

static void no_room_to_start(void)
{
	refuse_processes();
	limit_files(room);
}

static void full_unstarted(void)
{
	size_t failed = 0;

	for (room = 200; room < 3200; room += 150) {
		const pid_t pid = fork();
		int status;

		if (pid == 0) {
			struct run r;
			int rc;

			run_begin(&r, QUICK);
			r.before = no_room_to_start;
			rc = run_pool(&r);
			need(rc == 0 ? r.n_ends == 3 : strstr(r.e.text, "/journal/") != NULL, &r,
			     "a full journal");
			run_free(&r);
			_exit(rc < 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
		failed += WEXITSTATUS(status) == 1;
	}
	assert_in_range(failed, 3, 19);
}

/* A task's limit of open files is ours before the pool raised it. */
static rlim_t files_before = 50;

static void few_files(void)
{
	const struct rlimit l = { files_before, 4096 };

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
}

static void no_limits(void *arg, unsigned *tries, double *memory, double *time)
{
	(void)arg, (void)tries, (void)memory, (void)time;
	refuse(SYS_prlimit64, ANY, EPERM);
}

static void file_limit(void)
{
	struct rlimit l;
	struct run r;
	char *text;

	few_files();
	run_begin(&r, "shell: ulimit -S -n\n");
	need(run_pool(&r) == 0 && r.sum.ok == 1, &r, "pool_run");
	text = run_output(&r, run_end_of(&r, 0), "o", NULL);
	assert_string_equal(text, "50\n");
	free(text);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
	assert_int_equal(l.rlim_cur, files_before);
	run_free(&r);
	run_begin(&r, QUICK);
	r.past = no_limits;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.sum.failed, 3);
	assert_int_equal(run_end_of(&r, 0)->outcome, OUTCOME_NOT_STARTED);
	assert_non_null(strstr(run_end_of(&r, 0)->line, "cannot start '/bin/sh'"));
	run_free(&r);
}

static void scratch_nowhere(void)
{
	struct run r;

	run_begin(&r, "params: {x: [1, 2]}\ncommand: [echo, '{scratch}']\n");
	r.o.scratch = "/proc/nothing/of/ours";
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.sum.failed, 2);
	assert_int_equal(run_end_of(&r, 1)->outcome, OUTCOME_NOT_STARTED);
	assert_non_null(strstr(run_end_of(&r, 1)->line, "'/proc/nothing"));
	run_free(&r);
}

static void no_removal(void)
{
	refuse(SYS_unlinkat, ANY, EIO);
}

static void scratch_stays(void)
{
	struct run r;

	run_begin(&r, "command: [sh, -c, 'echo > {scratch}/mark; exit 1']\nretry: {times: 1}\n");
	r.before = no_removal;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(run_end_of(&r, 0)->attempt, 2);
	assert_int_equal(run_end_of(&r, 0)->outcome, OUTCOME_NOT_STARTED);
	assert_non_null(strstr(run_end_of(&r, 0)->line, "cannot remove '"));
	run_free(&r);
}

/* No second process while the first one runs: its turn comes when that one has ended. */
static void on_crowd(struct run *r, const struct pool_event *ev)
{
	if (ev->kind == POOL_START && ev->task->point.index == 0) {
		refuse_processes();
	} else if (ev->kind == POOL_END && ev->task->point.index == 1) {
		char *go = path_join(r->dir, "go");

		put_text(go, "");
		free(go);
	}
}

static void crowded(void)
{
	struct run r;

	run_begin(&r, "params: {x: [0, 1]}\n"
		      "shell: 'test $x != 0 || while [ ! -e go ]; do sleep 0.05; done'\n");
	r.on_event = on_crowd;
	need(run_pool(&r) == 0 && r.n_ends == 3, &r, "pool_run");
	assert_int_equal(r.ends[0].index, 1);
	assert_int_equal(r.ends[0].outcome, OUTCOME_INTERRUPTED);
	assert_int_equal(run_end_of(&r, 0)->outcome, OUTCOME_OK);
	assert_int_equal(run_end_of(&r, 1)->attempt, 2);
	assert_int_equal(run_end_of(&r, 1)->outcome, OUTCOME_NOT_STARTED);
	assert_int_equal(r.sum.interrupted, 0);
	run_free(&r);
}

/* ---- admission ---- */

static unsigned n_started, place_of_large;

static void on_order(struct run *r, const struct pool_event *ev)
{
	(void)r;
	if (ev->kind == POOL_START) {
		place_of_large = ev->task->point.index == 1 ? n_started : place_of_large;
		n_started++;
	}
}

/* Task 1 needs all: 64 small ones may overtake it while task 0 runs, and then none. */
static void overtaken(void)
{
	struct run r;

	run_begin(&r,
		  "params: {x: {from: 0, to: 79, step: 1}}\n"
		  "shell: 'if [ $x = 0 ]; then while [ ! -e done.65 ]; do sleep 0.05; done; sleep "
		  "0.3; fi; : >done.$x'\n"
		  "overrides:\n  - {where: x == 1, cpus: 2}\n");
	r.on_event = on_order;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.sum.ok, 80);
	assert_int_equal(place_of_large, 65);
	run_free(&r);
}

/* What the overrides add up to is no task that could be run: the pool says so and gives up. */
static void impossible(void)
{
	struct run r;

	run_begin(&r, "params: {x: [1, 2]}\ncommand: 'true'\n"
		      "overrides:\n  - {where: x == 2, ranks: 2}\n  - {where: x > 1, nodes: 4}\n");
	need(run_pool(&r) == -1, &r, "pool_run");
	need(strstr(r.e.text, "every node has at least one rank") != NULL, &r, "the message");
	assert_int_equal(r.sum.failed, 0);
	run_free(&r);
}

/* The list of attempts to make again is used from its front on. */
static void many_again(void)
{
	struct run r;

	run_begin(&r, "params: {x: {from: 1, to: 20, step: 1}}\ncommand: 'false'\n"
		      "retry: {times: 4}\n");
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.sum.attempts, 100);
	assert_int_equal(r.sum.failed, 20);
	for (uint64_t i = 0; i < 20; i++) {
		assert_int_equal(run_end_of(&r, i)->attempt, 5);
	}
	run_free(&r);
}

static void many_at_once(void)
{
	struct run r;

	run_begin(&r, "params: {x: {from: 1, to: 70, step: 1}}\ncommand: 'true'\n");
	r.capacity.cpus = 70;
	need(run_pool(&r) == 0, &r, "pool_run");
	assert_int_equal(r.sum.ok, 70);
	run_free(&r);
}

/* ---- stopping ---- */

/* The leader goes at the TERM; one of its group heeds none, and says when the leader is gone. */
#define KIN                                                                        \
	"trap 'exit 0' TERM\n"                                                     \
	"  sh -c 'trap \"\" TERM; echo $$ >kin; while kill -0 $1 2>/dev/null; do " \
	"sleep 0.05; done; [ $2 = 0 ] || kill -TERM $2; exec sleep 1000' sh $$ "

static void need_no_kin(struct run *r)
{
	char *path = path_join(r->dir, "kin");
	struct buf b = BUF_INIT;

	assert_int_equal(file_read(path, &b, 0, NULL), 0);
	assert_int_equal(kill((pid_t)atol(b.data), 0), -1);
	buf_free(&b);
	free(path);
}

static void killed_with_kin(void)
{
	struct run r;

	run_begin(&r, "shell: |\n  " KIN "$PPID &\n"
		      "  while [ ! -s kin ]; do sleep 0.02; done\n  kill -TERM $PPID\n  wait\n");
	r.o.grace_s = 100;
	need(run_pool(&r) == 0 && r.n_ends == 1, &r, "pool_run");
	assert_string_equal(r.said.data, "terminated: ending 1 task\ninterrupted: ending 1 task\n");
	assert_int_equal(r.ends[0].outcome, OUTCOME_INTERRUPTED);
	need_no_kin(&r);
	run_free(&r);
}

/* The pool's time ends while one that is over its own limit has its grace. */
static void end_with_kin(void)
{
	struct run r;

	run_begin(&r, "shell: |\n  " KIN "0 &\n  wait\nresources: {time: 1s}\n");
	r.o.grace_s = 6;
	r.left = 5;
	need(run_pool(&r) == 0 && r.n_ends == 1, &r, "pool_run");
	assert_int_equal(r.ends[0].outcome, OUTCOME_TIMEOUT);
	assert_true(r.sum.stopped_by_time);
	assert_string_equal(r.said.data, "out of time: ending 1 task\n");
	need_no_kin(&r);
	run_free(&r);
}

static void on_terminated(struct run *r, const struct pool_event *ev)
{
	if (ev->kind == POOL_STOPPING && strncmp(ev->text, "terminated", 10) == 0) {
		(void)r;
		assert_int_equal(kill(getpid(), SIGTERM), 0);
	}
}

/* Told to end while a task over its limit has a long grace: that one gets no longer than others. */
static void told_in_grace(void)
{
	struct run r;

	run_begin(&r, "shell: |\n  trap 'kill -TERM $PPID' TERM\n"
		      "  while :; do sleep 0.05; done\nresources: {time: 1s}\n");
	r.o.grace_s = 100;
	r.on_event = on_terminated;
	need(run_pool(&r) == 0 && r.n_ends == 1, &r, "pool_run");
	assert_string_equal(r.said.data, "terminated: ending 1 task\ninterrupted: ending 1 task\n");
	assert_int_equal(r.ends[0].outcome, OUTCOME_TIMEOUT);
	run_free(&r);
}

/* ---- processes ---- */

/* A child that was there before the pool is no task's: it ends when all do. */
static void older_child(void)
{
	struct run r;
	char *path, *text;
	pid_t older;

	run_begin(&r, "shell: 'sleep 0.5; kill -0 $(cat older)'\nresources: {memory: 100M}\n");
	older = fork();
	if (older == 0) {
		nap(1000);
		_exit(0);
	}
	path = path_join(r.dir, "older");
	text = mem_printf("%d", (int)older);
	put_text(path, text);
	nap(0.1); /* the clock of starts goes by steps of 10 ms */
	need(run_pool(&r) == 0 && r.sum.ok == 1, &r, "pool_run");
	assert_int_equal(waitpid(older, NULL, WNOHANG), -1);
	free(text);
	free(path);
	run_free(&r);
}

/* One that hides whose it is may belong to any that runs: it is ended when none does. */
static void nameless(void)
{
	struct run r;
	char *path;
	struct buf b = BUF_INIT;

	run_begin(&r, "params: {x: [leaves, looks]}\nresources: {memory: 1G}\n"
		      "shell: |\n"
		      "  if [ $x = leaves ]; then\n"
		      "  while [ ! -e looks ]; do sleep 0.02; done\n"
		      "  (env -i setsid sh -c 'echo $$ >stray; exec sleep 1000' &)\n"
		      "  while [ ! -s stray ]; do sleep 0.02; done; exit 0; fi\n"
		      "  : >looks; while [ ! -s stray ]; do sleep 0.02; done\n"
		      "  sleep 1.5; [ -d /proc/$(cat stray) ]\n");
	need(run_pool(&r) == 0 && r.sum.ok == 2, &r, "pool_run");
	path = path_join(r.dir, "stray");
	assert_int_equal(file_read(path, &b, 0, NULL), 0);
	assert_int_equal(kill((pid_t)atol(b.data), 0), -1);
	buf_free(&b);
	free(path);
	run_free(&r);
}

/* ---- files ---- */

static char *input;

static void on_removal(struct run *r, const struct pool_event *ev)
{
	(void)r;
	if (ev->kind == POOL_START) {
		assert_int_equal(unlink(input), 0);
	}
}

static void with_input(struct run *r, const char *name, const char *rest)
{
	char dir[] = "/tmp/ppgen-test-XXXXXX", *spec;

	assert_non_null(mkdtemp(dir));
	input = path_join(dir, "1.txt");
	put_text(input, "one\n");
	spec = mem_printf("params: {x: [1]}\ninputs: {data: '%s/%s'}\n%s", dir, name, rest);
	run_begin(r, spec);
	free(spec);
}

static void input_done(struct run *r)
{
	char *dir = path_dir(input);

	assert_int_equal(file_remove_tree(dir, NULL), 0);
	free(dir);
	free(input);
	run_free(r);
}

/* An input that cannot be read at the moment has not changed. */
static void input_gone(void)
{
	struct run r;

	with_input(&r, "1.txt", "command: sleep 1.2\n");
	r.on_event = on_removal;
	need(run_pool(&r) == 0 && r.sum.ok == 1, &r, "pool_run");
	assert_string_equal(run_end_of(&r, 0)->code, r.plan->code);
	input_done(&r);
}

static struct run *the_run;

/* What another process with our name left, say on another node. */
static void put_spools(void)
{
	static const char *const endings[] = { "out", "err" };

	for (size_t i = 0; i < 2; i++) {
		char *path = journal_spool_path(the_run->rundir, the_run->writer, 0, endings[i]);
		char *dir = path_dir(path);

		assert_int_equal(file_make_dirs(dir, NULL), 0);
		put_text(path, "7\n");
		free(dir);
		free(path);
	}
}

static void spool_there(void)
{
	struct run r;
	char *text;

	run_begin(&r, QUICK);
	the_run = &r;
	r.before = put_spools;
	need(run_pool(&r) == 0 && r.sum.ok == 3, &r, "pool_run");
	text = run_output(&r, run_end_of(&r, 0), "o", NULL);
	assert_string_equal(text, "1\n");
	free(text);
	run_free(&r);
}

/* A file that holds less than its size says, as those of the kernel do. */
#define SHORT_FILE "/sys/devices/system/cpu/online"

static void short_file(void)
{
	struct buf b = BUF_INIT;
	struct stat st;
	struct run r;
	char *text;

	if (stat(SHORT_FILE, &st) < 0 || file_read(SHORT_FILE, &b, 0, NULL) < 0 ||
	    b.len >= (size_t)st.st_size) {
		print_message("SKIP no such file: " SHORT_FILE "\n");
		return;
	}
	run_begin(&r, "shell: 'ln -s " SHORT_FILE " cpus; echo 5'\n"
		      "results: {stdout: number, files: {cpus: {path: cpus, format: csv}}}\n");
	need(run_pool(&r) == 0 && r.n_ends == 1, &r, "pool_run");
	text = run_output(&r, run_end_of(&r, 0), "f", "cpus");
	assert_string_equal(text, b.data);
	free(text);
	text = run_output(&r, run_end_of(&r, 0), "o", NULL);
	assert_string_equal(text, "5\n");
	free(text);
	buf_free(&b);
	run_free(&r);
}

/* A result of several nodes is looked for once more before it is missing. */
static void several_nodes(void)
{
	struct run r;

	run_begin(&r, "params: {d: ['.', nowhere]}\nshell: 'true'\nresources: {nodes: 2}\n"
		      "results: {files: {out: '{d}/none.csv'}}\n");
	need(run_pool(&r) == 0 && r.sum.failed == 2, &r, "pool_run");
	for (uint64_t i = 0; i < 2; i++) {
		assert_int_equal(run_end_of(&r, i)->outcome, OUTCOME_INVALID);
		assert_non_null(strstr(run_end_of(&r, i)->line, "' is not there"));
	}
	run_free(&r);
}

static void no_workdir(void)
{
	struct run r;

	run_begin(&r, "params: {w: [., '']}\nworkdir: '{w}'\ncommand: 'true'\n");
	need(run_pool(&r) == 0 && r.sum.ok == 1, &r, "pool_run");
	assert_int_equal(run_end_of(&r, 1)->outcome, OUTCOME_NOT_STARTED);
	assert_non_null(strstr(run_end_of(&r, 1)->line, "workdir is empty for task t"));
	run_free(&r);
}

/* A path that is none for one task: its result cannot be looked for, and the pool gives up. */
static void no_result_path(void)
{
	struct run r;

	run_begin(&r, "params: {x: [1, two]}\ncommand: 'true'\n"
		      "results: {files: {out: 'out.{x:03d}.csv'}}\n");
	need(run_pool(&r) == -1, &r, "pool_run");
	need(strstr(r.e.text, "'{x:03d}' wants") != NULL, &r, "the message");
	run_free(&r);
}

static void (*const cases[])(void) = {
	full_unstarted, file_limit,    scratch_nowhere, scratch_stays,   crowded,
	overtaken,      many_again,    many_at_once,    killed_with_kin, end_with_kin,
	told_in_grace,  older_child,   nameless,        input_gone,      spool_there,
	short_file,     several_nodes, no_workdir,      impossible,      no_result_path,
};

static void run_case(size_t i)
{
	cases[i]();
}

static void test_cases(void **state)
{
	(void)state;
	at_once(sizeof cases / sizeof *cases, run_case);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
