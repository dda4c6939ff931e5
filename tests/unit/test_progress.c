/* SPDX-License-Identifier: MIT */
/* What people see: lines in a file, a bar on a terminal, failures with an end. */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "run/progress.h"
#include "tests/unit/pool_test.h"

static struct pool_event ended(const struct task *t, enum outcome outcome, uint64_t done,
			       uint64_t failed, uint64_t total)
{
	return (struct pool_event){ .kind = POOL_END,
				    .task = t,
				    .outcome = outcome,
				    .why = "exit code 3",
				    .done = done,
				    .failed = failed,
				    .ok = done - failed,
				    .total = total };
}

/* A run of `total` tasks, `failed` of which failed first; what was written to a file. */
static char *lines(struct run *r, struct task *t, uint64_t total, uint64_t failed, bool quiet)
{
	char *path = path_join(r->dir, "lines");
	const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct progress *p = progress_new(r->plan, fd, quiet);
	struct buf b = BUF_INIT;

	for (uint64_t i = 1; i <= total; i++) {
		const bool bad = i <= failed;
		struct pool_event ev =
			ended(t, bad ? OUTCOME_EXIT : OUTCOME_OK, i, bad ? i : failed, total);

		progress_event(p, &ev);
	}
	progress_free(p);
	(void)close(fd);
	assert_int_equal(file_read(path, &b, 0, NULL), 0);
	free(path);
	return b.data ? buf_take(&b) : mem_dup("");
}

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, word)); p++) {
		n++;
	}
	return n;
}

static void load(struct run *r, struct task *t)
{
	struct err e = ERR_INIT;

	run_begin(r, "params: {T: [1.5], name: ['a b']}\ncommand: 'true'\n");
	task_init(t, r->plan);
	assert_int_equal(task_load(t, r->plan, 0, &e), 0);
}

/* Of many parameters the first are shown. */
static void test_many_parameters(void **state)
{
	struct buf spec = BUF_INIT;
	struct err e = ERR_INIT;
	struct run r;
	struct task t;
	char *text;

	(void)state;
	buf_puts(&spec, "command: 'true'\nparams: {");
	for (unsigned i = 0; i < 40; i++) {
		buf_printf(&spec, "%sname_%u: [abcdefghij%u]", i ? ", " : "", i, i);
	}
	buf_puts(&spec, "}\n");
	run_begin(&r, buf_str(&spec));
	task_init(&t, r.plan);
	assert_int_equal(task_load(&t, r.plan, 0, &e), 0);
	text = lines(&r, &t, 1, 1, false);
	assert_non_null(strstr(text, " failed: exit code 3 (name_0=abcdefghij0, name_1="));
	assert_non_null(strstr(text, ", ...)\n1/1, 1 failed\n"));
	assert_null(strstr(text, "name_39"));
	free(text);
	task_free(&t);
	buf_free(&spec);
	run_free(&r);
}

static void test_lines(void **state)
{
	struct run r;
	struct task t;
	char *text, *expected;

	(void)state;
	load(&r, &t);
	text = lines(&r, &t, 400, 0, false);
	assert_string_equal(text, "400/400\n");
	free(text);
	text = lines(&r, &t, 400, 0, true);
	assert_string_equal(text, "");
	free(text);
	text = lines(&r, &t, 2, 1, false);
	expected =
		mem_printf("%.9s failed: exit code 3 (T=1.5, name=a b)\n2/2, 1 failed\n", t.shown);
	assert_string_equal(text, expected);
	free(text);
	free(expected);
	text = lines(&r, &t, 1200, 1000, true);
	assert_int_equal(count(text, " failed: "), 5);
	assert_int_equal(count(text, "more failures are not shown"), 1);
	assert_int_equal(count(text, "\n"), 6);
	free(text);
	task_free(&t);
	run_free(&r);
}

/* Neither a retried attempt nor an interrupted one is shown as a failure. */
static void test_no_failures(void **state)
{
	struct run r;
	struct task t;
	struct progress *p;
	struct pool_event ev;
	char *path;
	int fd;
	struct buf b = BUF_INIT;

	(void)state;
	load(&r, &t);
	path = path_join(r.dir, "lines");
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	p = progress_new(r.plan, fd, false);
	ev = ended(&t, OUTCOME_EXIT, 0, 0, 5);
	ev.retried = true;
	progress_event(p, &ev);
	ev = ended(&t, OUTCOME_INTERRUPTED, 1, 0, 5);
	progress_event(p, &ev);
	ev = (struct pool_event){
		.kind = POOL_STOPPING,
		.text = "interrupted: waiting for 3 tasks, Ctrl-C again ends them",
		.total = 5
	};
	progress_event(p, &ev);
	progress_free(p);
	(void)close(fd);
	assert_int_equal(file_read(path, &b, 0, NULL), 0);
	assert_string_equal(b.data, "interrupted: waiting for 3 tasks, Ctrl-C again ends them\n");
	buf_free(&b);
	free(path);
	task_free(&t);
	run_free(&r);
}

#define CLEARED 7 /* bytes that end a bar: the drawn line's end, and the cleared line */

/* Draws half of a run on a terminal of that many columns; what it got. */
static char *on_terminal(struct run *r, struct task *t, unsigned short columns)
{
	const struct winsize size = { .ws_row = 24, .ws_col = columns };
	char text[4096];
	struct progress *p;
	struct pool_event ev;
	int master, terminal;
	size_t len = 0;
	ssize_t n;

	master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) {
		skip();
	}
	terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(terminal >= 0);
	assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
	p = progress_new(r->plan, terminal, false);
	ev = ended(t, OUTCOME_OK, 50, 0, 100);
	progress_event(p, &ev);
	progress_free(p);
	/* what was written in two pieces may also come in two */
	do {
		n = read(master, text + len, sizeof text - len);
		assert_true(n > 0);
		len += (size_t)n;
	} while (len < CLEARED || memcmp(text + len - CLEARED, "\033[K\r\033[K", CLEARED) != 0);
	(void)close(master);
	(void)close(terminal);
	return mem_dupn(text, len);
}

static void test_bar(void **state)
{
	static const struct {
		unsigned short columns;
		const char *text;
	} rows[] = {
		{ 80, "\r[####################....................] 50/100\033[K\r\033[K" },
		{ 30, "\r[##########..........] 50/100\033[K\r\033[K" },
		{ 20, "\r[#####.....] 50/100\033[K\r\033[K" },
		{ 12, "\r50/100\033[K\r\033[K" },
		{ 4, "\r50/\033[K\r\033[K" },
	};
	struct run r;
	struct task t;

	(void)state;
	load(&r, &t);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *text = on_terminal(&r, &t, rows[i].columns);

		assert_string_equal(text, rows[i].text);
		free(text);
	}
	task_free(&t);
	run_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_parameters),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_no_failures),
		cmocka_unit_test(test_bar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
