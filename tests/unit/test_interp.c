/* SPDX-License-Identifier: MIT */
/* One interpreter and its pipes. What it runs here are small programs that say what a test wants.
 */
#include "run/interp.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "tests/unit/refuse.h"
#include "tests/unit/store_test.h"

#define WAIT_MS 60000 /* for a busy machine */

/* What all programs begin with: line() reads a request, say() writes, and who is left alone ends */
static const char prelude[] = "import os, signal, sys\n"
			      "def line():\n"
			      "    got = b''\n"
			      "    while not got.endswith(b'\\n'):\n"
			      "        piece = os.read(3, 65536)\n"
			      "        if not piece:\n"
			      "            os._exit(0)\n"
			      "        got += piece\n"
			      "    return got\n"
			      "def say(text):\n"
			      "    while text:\n"
			      "        text = text[os.write(4, text):]\n"
			      "def rest():\n"
			      "    while True:\n"
			      "        line()\n";
#define HELLO "line()\nsay(b'{\"ppgen\":1,\"wants\":[]}\\n')\n"

static struct spawner *spawner;
static struct spawn_shared shared;

static int group_setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	spawner = spawner_new();
	return spawn_prepare(&shared);
}

static int group_teardown(void **state)
{
	(void)state;
	spawner_free(spawner);
	spawn_release(&shared);
	return 0;
}

static int program_file(const char *text)
{
	const int fd = memfd_create("program", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, prelude, strlen(prelude)), strlen(prelude));
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static struct interp *try_start(const char *word, const char *text, const char *folder, bool forks,
				struct buf *why)
{
	char *argv[] = { (char *)word, "-I", "-S", "/dev/fd/5", NULL };
	const struct interp_start s = {
		.spawner = spawner,
		.shared = &shared,
		.argv = argv,
		.envp = environ,
		.workdir = folder,
		.out_fd = shared.null_fd,
		.err_fd = STDERR_FILENO,
		.program_fd = program_file(text),
		.folder = folder,
		.forks = forks,
		.shares = !forks && interp_can_share(),
	};
	struct interp *ip = interp_start(&s, why);

	close(s.program_fd);
	if (ip) {
		interp_send(ip, "{\"ppgen\":1}\n", 12);
	}
	return ip;
}

static struct interp *start(const char *text, const char *folder, bool forks)
{
	struct buf why = BUF_INIT;
	struct interp *ip = try_start("python3", text, folder, forks, &why);

	if (!ip) {
		fail_msg("%s", buf_str(&why));
	}
	buf_free(&why);
	return ip;
}

/* Its pipes are closed: then it must leave. */
static void leave(struct interp *ip)
{
	const pid_t pid = interp_pid(ip);

	interp_free(ip);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
}

#define ENDED (-3)

static int hello(struct interp *ip, struct buf *wants, struct buf *why)
{
	int r;

	while ((r = interp_hello(ip, wants, why)) == 0) {
		wait_for(interp_fd(ip), POLLIN);
		if (interp_read(ip) < 0) {
			return interp_hello(ip, wants, why) == 0 ? ENDED : 99;
		}
	}
	return r;
}

static int answer(struct interp *ip, struct answer *a)
{
	int r;

	while ((r = interp_answer(ip, a)) == 0) {
		wait_for(interp_fd(ip), POLLIN);
		if (interp_read(ip) < 0) {
			return interp_answer(ip, a) == 0 ? ENDED : 99;
		}
	}
	return r;
}

/* One that has loaded its function, and says what follows. */
static struct interp *ready(const char *text, const char *folder, bool forks)
{
	char *all = mem_printf(HELLO "%s", text);
	struct interp *ip = start(all, folder, forks);
	struct buf wants = BUF_INIT, why = BUF_INIT;

	if (hello(ip, &wants, &why) != 1) {
		fail_msg("%s", buf_str(&why));
	}
	buf_free(&wants);
	buf_free(&why);
	free(all);
	return ip;
}

static void send(struct interp *ip, const char *line)
{
	interp_send(ip, line, strlen(line));
}

/* ---- hello ---- */

#define NO_PROTOCOL "what it said first is not the protocol that this ppgen speaks"

static const struct {
	const char *text;
	int r;
	const char *wants, *why;
} hellos[] = {
	{ "say(b'{\"ppgen\":1,\"language\":\"x\",\"wants\":[\"seed\",\"keep\"]}\\n'); rest()", 1,
	  "[\"seed\",\"keep\"]", "" },
	{ "say(b'{\"ppgen\":1}\\n'); rest()", 1, "", "" },
	{ "for c in b'{\"ppgen\":1,\"wants\":[]}\\n':\n    say(bytes([c]))\nrest()", 1, "[]", "" },
	{ "say(b'{\"ppgen\":1,\"wants\":[\"' + b'y' * 60000 + b'\"]}\\n'); rest()", 1, NULL, "" },
	{ "say(b'{\"ppgen\":1,\"error\":\"cannot import \\\\u0027m\\\\u0027: no \\xc3\\xa9\"}\\n')",
	  -1, "", "cannot import 'm': no \xc3\xa9" },
	{ "say(b'{\"ppgen\":2,\"wants\":[]}\\n'); rest()", -1, "", NO_PROTOCOL },
	{ "say(b'{\"wants\":[]}\\n'); rest()", -1, "", NO_PROTOCOL },
	{ "say(b'Welcome to Python\\n'); rest()", -1, "", NO_PROTOCOL },
	{ "say(b'[1]\\n'); rest()", -1, "", NO_PROTOCOL },
	{ "say(b'\\n'); rest()", -1, "", NO_PROTOCOL },
	{ "say(b'\\0\\xff\\n'); rest()", -1, "", NO_PROTOCOL },
	{ "say(b'x' * 70000); rest()", -1, "", "" },
	{ "say(b'{\"ppgen\":1'); sys.exit(3)", ENDED, "", "" },
	{ "sys.exit(3)", ENDED, "", "" },
};

static void test_hello(void **state)
{
	for (size_t i = 0; i < sizeof hellos / sizeof *hellos; i++) {
		char *text = mem_printf("line()\n%s\n", hellos[i].text);
		struct interp *ip = start(text, *state, false);
		struct buf wants = BUF_INIT, why = BUF_INIT;
		const int r = hello(ip, &wants, &why);

		if (r != hellos[i].r || strcmp(buf_str(&why), hellos[i].why) != 0 ||
		    (hellos[i].wants && strcmp(buf_str(&wants), hellos[i].wants) != 0)) {
			fail_msg("%s: %d, '%s', '%s'", hellos[i].text, r, buf_str(&wants),
				 buf_str(&why));
		}
		assert_true(hellos[i].wants || wants.len > 60000);
		leave(ip);
		buf_free(&wants);
		buf_free(&why);
		free(text);
	}
}

/* ---- answers ---- */

static void test_answers(void **state)
{
	struct interp *ip =
		ready("line()\n"
		      "say(b'0 ok 0 1500000 250 7 9 8 0\\n{\"x\":\\n1}')\n" /* a value of 8 bytes */
		      "line()\n"
		      "for c in b'1 exit 3 0 0 7 9 0 5\\nwhy\\n!':\n"
		      "    say(bytes([c]))\n"
		      "line()\n"
		      "say(b'2 invalid 0 0 0 8 9 2 3\\n{}abc3 ok 0 0 0 8 10 0 0\\n"
		      "4 ok 0 1 2 9223372036854775 10 1 0\\n5')\n"
		      "sys.exit(1)\n",
		      *state, false);
	struct answer a;

	assert_true(interp_ahead(ip) >= 1);
	send(ip, "[0]\n");
	assert_int_equal(answer(ip, &a), 1);
	assert_int_equal(a.seq, 0);
	assert_int_equal(a.status, ANSWER_OK);
	assert_int_equal(a.code, 0);
	assert_float_equal(a.wall, 1.5, 1e-9);
	assert_float_equal(a.cpu, 0.00025, 1e-9);
	assert_int_equal(a.size[0], 7);
	assert_int_equal(a.size[1], 9);
	assert_int_equal(a.value_len, 8);
	assert_memory_equal(a.value, "{\"x\":\n1}", 8);
	assert_int_equal(a.value_fd, -1);
	assert_int_equal(a.why_len, 0);

	send(ip, "[1]\n");
	assert_int_equal(answer(ip, &a), 1);
	assert_int_equal(a.seq, 1);
	assert_int_equal(a.status, ANSWER_EXIT);
	assert_int_equal(a.code, 3);
	assert_int_equal(a.value_len, 0);
	assert_int_equal(a.why_len, 5);
	assert_memory_equal(a.why, "why\n!", 5);

	send(ip, "[2]\n"); /* many at once, and half of one */
	assert_int_equal(answer(ip, &a), 1);
	assert_int_equal(a.seq, 2);
	assert_int_equal(a.status, ANSWER_INVALID);
	assert_memory_equal(a.value, "{}", 2);
	assert_memory_equal(a.why, "abc", 3);
	assert_int_equal(answer(ip, &a), 1);
	assert_int_equal(a.seq, 3);
	assert_int_equal(a.size[1], 10);
	assert_int_equal(answer(ip, &a), 1);
	assert_int_equal(a.seq, 4);
	assert_true(a.size[0] == 9223372036854775);
	assert_memory_equal(a.value, "5", 1);
	assert_int_equal(answer(ip, &a), ENDED);
	leave(ip);
}

/* What ends the value's text is the first of what follows it. */
static void check_large(const struct answer *a, uint64_t len)
{
	struct stat st;
	char *all = mem_alloc((size_t)len);

	assert_null(a->value);
	assert_true(a->value_fd >= 0);
	assert_int_equal(fstat(a->value_fd, &st), 0);
	assert_int_equal(st.st_size, len);
	assert_int_equal(a->value_from, 0);
	assert_int_equal(pread(a->value_fd, all, (size_t)len, 0), len);
	for (uint64_t i = 0; i < len; i++) {
		if (all[i] != (char)(i % 251)) {
			fail_msg("another byte at %llu", (unsigned long long)i);
		}
	}
	free(all);
	close(a->value_fd);
}

static void test_large(void **state)
{
	struct interp *ip = ready("value = bytes(i % 251 for i in range(3 << 20))\n"
				  "def give(n, why):\n"
				  "    head = '0 ok 0 0 0 0 0 %d %d\\n' % (n, len(why))\n"
				  "    say(head.encode() + value[:n] + why)\n"
				  "line()\n"
				  "give(3 << 20, b'both')\n"
				  "give(1, b'')\n"
				  "give(1 << 20, b'')\n"
				  "give((1 << 20) + 1, b'w' * 65536)\n"
				  "say(b'1 ok 0 0 0 0 0 3000000 0\\n' + value[:2000000])\n",
				  *state, false);
	struct answer a;

	send(ip, "[0]\n");
	assert_int_equal(answer(ip, &a), 1);
	assert_int_equal(a.value_len, 3 << 20);
	assert_int_equal(a.why_len, 4);
	assert_memory_equal(a.why, "both", 4);
	check_large(&a, 3 << 20);
	assert_int_equal(answer(ip, &a), 1);
	assert_int_equal(a.value_len, 1);
	assert_int_equal(a.value_fd, -1);
	assert_int_equal(answer(ip, &a), 1); /* the largest that stays in memory */
	assert_int_equal(a.value_fd, -1);
	assert_int_equal(a.value_len, 1 << 20);
	assert_int_equal(a.value[(1 << 20) - 1], (char)(((1 << 20) - 1) % 251));
	assert_int_equal(answer(ip, &a), 1);
	assert_int_equal(a.why_len, 65536);
	assert_int_equal(a.why[65535], 'w');
	check_large(&a, (1 << 20) + 1);
	assert_int_equal(answer(ip, &a), ENDED); /* it dies within a value */
	leave(ip);
}

/* A value that has nowhere to go. */
static void test_no_room(void **state)
{
	char *folder = path_join(*state, "gone");
	struct interp *ip;
	struct answer a;

	assert_int_equal(mkdir(folder, 0777), 0);
	ip = ready("line()\n"
		   "try:\n"
		   "    say(b'0 ok 0 0 0 0 0 2000000 0\\n' + bytes(2000000))\n"
		   "except OSError: # nobody reads on\n"
		   "    pass\n",
		   folder, false);
	assert_int_equal(rmdir(folder), 0);
	send(ip, "[0]\n");
	assert_int_equal(answer(ip, &a), -2);
	assert_int_equal(errno, ENOENT);
	leave(ip);
	free(folder);
}

static const char *const malformed[] = {
	"\n",
	"0\n",
	" 0 ok 0 0 0 0 0 0 0\n",
	"x ok 0 0 0 0 0 0 0\n",
	"-1 ok 0 0 0 0 0 0 0\n",
	"+1 ok 0 0 0 0 0 0 0\n",
	"0 ok\n",
	"0 ok 0 0 0 0 0 0\n",
	"0 ok 0 0 0 0 0 0 0 0\n",
	"0 ok 0 0 0 0 0 0 0 \n",
	"0 ok 0 0 0 0 0 0 0\r\n",
	"0 ok  0 0 0 0 0 0 0\n",
	"0 OK 0 0 0 0 0 0 0\n",
	"0 okay 0 0 0 0 0 0 0\n",
	"0 invalid\n",
	"0 exit -1 0 0 0 0 0 0\n",
	"0 exit 256 0 0 0 0 0 0\n",
	"0 exit 1.0 0 0 0 0 0 0\n",
	"0 ok 0 1e3 0 0 0 0 0\n",
	"0 ok 0 0 0 0x1 0 0 0\n",
	"0 ok 0 0 0 0 0 2147483649 0\n",
	"0 ok 0 0 0 0 0 99999999999999999999999 0\n",
	"0 ok 0 0 0 0 0 0 65537\n",
	"0 ok 0 0 0 0 0 0 -5\n",
	"99999999999999999999 ok 0 0 0 0 0 0 0\n",
	"0 ok 0 0 0 0 0 0 0 and words behind it, as print() to a wrong descriptor leaves them\n",
};

/* Each is alone, and has other text behind it. */
static void test_malformed(void **state)
{
	for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
		struct interp *ip =
			ready("say(line() + b'1 ok 0 0 0 0 0 0 0\\n')\nrest()\n", *state, false);
		struct answer a;

		send(ip, malformed[i]);
		if (answer(ip, &a) != -1) {
			fail_msg("taken for an answer: %s", malformed[i]);
		}
		leave(ip);
	}
}

static void test_endless_head(void **state)
{
	static const struct {
		const char *text;
		int r;
	} rows[] = {
		{ "say(b'0' * 255)\n", ENDED }, /* its end may come yet */
		{ "say(b'0' * 256)\nrest()\n", -1 },
		{ "say(b'0' * 300 + b'\\n')\nrest()\n", -1 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct interp *ip = ready(rows[i].text, *state, false);
		struct answer a;

		assert_int_equal(answer(ip, &a), rows[i].r);
		leave(ip);
	}
}

/* ---- what is taken back ---- */

/* It reads so many calls, says so, and goes on as it is told. */
static struct interp *reader(const char *folder, int reads, const char *then)
{
	char *text = mem_printf("for i in range(%d):\n    line()\n"
				"say(b'0 ok 0 0 0 0 0 0 0\\n')\n"
				"%s\n",
				reads, then);
	struct interp *ip = ready(text, folder, false);

	free(text);
	return ip;
}

static void wait_until_stopped(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
}

/* It stops, and when it goes on it says how many more it gets. */
#define STOPS                                    \
	"os.kill(os.getpid(), signal.SIGSTOP)\n" \
	"n = 0\n"                                \
	"while os.read(3, 65536):\n"             \
	"    n += 1\n"                           \
	"say(b'1 ok 0 0 0 0 0 %d 0\\n' % n + b'n' * n)"
#define DIES "os.kill(os.getpid(), signal.SIGKILL)"

static void test_take_back(void **state)
{
	static const struct {
		int reads, sends, back;
		bool dies;
	} rows[] = {
		{ 2, 5, 3, false }, { 2, 5, 3, true },  { 0, 5, 5, false },
		{ 0, 5, 5, true },  { 5, 5, 0, false }, { 5, 5, 0, true },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct interp *ip = reader(*state, rows[i].reads, rows[i].dies ? DIES : STOPS);
		struct answer a;
		uint64_t seqs[10];

		if (interp_ahead(ip) < 5) {
			leave(ip);
			skip();
		}
		for (int k = 0; k < rows[i].sends; k++) {
			if (rows[i].reads == 0 && k == 2 && rows[i].dies) {
				assert_int_equal(answer(ip, &a), 1);
				assert_int_equal(answer(ip, &a), ENDED); /* the rest comes later */
			}
			char line[64];

			(void)snprintf(line, sizeof line, "[\"%s\",%d,{},[]]\n",
				       k % 2 ? "call" : "chunk", 100 + k);
			send(ip, line);
		}
		assert_int_equal(interp_unsent_fd(ip), -1);
		if (rows[i].dies) {
			while (answer(ip, &a) != ENDED) {
			}
		} else {
			wait_until_stopped(interp_pid(ip));
			assert_int_equal(answer(ip, &a), 1);
		}
		assert_int_equal(interp_take_back(ip, seqs, 0), 0);
		if (rows[i].back > 2) { /* not more than is asked for */
			assert_int_equal(interp_take_back(ip, seqs, 2), 2);
		}
		assert_int_equal(interp_take_back(ip, seqs + 2, 8),
				 rows[i].back - 2 * (rows[i].back > 2));
		for (int k = 0; k < rows[i].back; k++) {
			assert_int_equal(seqs[k], 100 + rows[i].sends - rows[i].back + k);
		}
		assert_int_equal(interp_take_back(ip, seqs, 8), 0); /* none twice */
		interp_hang_up(ip);
		if (!rows[i].dies) {
			assert_int_equal(kill(interp_pid(ip), SIGCONT), 0);
			assert_int_equal(answer(ip, &a), 1);
			assert_int_equal(a.seq, 1);
			assert_int_equal(a.value_len, 0); /* and it got none of them */
		}
		leave(ip);
	}
}

/* As many as it says may be sent ahead go into the pipe, however long, while it reads none. */
static void test_ahead(void **state)
{
	struct interp *ip = reader(*state, 0, STOPS);
	uint64_t seqs[256];
	struct answer a;

	wait_until_stopped(interp_pid(ip));
	assert_in_range(interp_ahead(ip), 1, 255);
	for (unsigned i = 0; i < interp_ahead(ip); i++) {
		char line[INTERP_PACKET + 1];
		int n = snprintf(line, sizeof line, "[\"call\",%u,\"", 7 + i);

		if (i % 2) {
			memset(line + n, 'x', sizeof line - (size_t)n);
			n = INTERP_PACKET - 3;
		}
		memcpy(line + n, "\"]\n", 3);
		interp_send(ip, line, (size_t)n + 3);
	}
	assert_int_equal(interp_unsent_fd(ip), -1);
	assert_int_equal(interp_take_back(ip, seqs, 256), interp_ahead(ip));
	for (unsigned i = 0; i < interp_ahead(ip); i++) {
		assert_int_equal(seqs[i], 7 + i);
	}
	interp_hang_up(ip);
	assert_int_equal(interp_take_back(ip, seqs, 256), 0);
	assert_int_equal(kill(interp_pid(ip), SIGCONT), 0);
	while (answer(ip, &a) != ENDED) {
	}
	leave(ip);
}

/* It begins the second of what comes in one packet, and says of the last how many came. */
#define HELLO_PACKS                                       \
	"line()\n"                                        \
	"import mmap\n"                                   \
	"page = memoryview(mmap.mmap(6, 16)).cast('Q')\n" \
	"say(b'{\"ppgen\":1,\"packs\":true,\"wants\":[]}\\n')\n"
#define BEGINS                                             \
	"n = os.read(3, 65536).count(b'\\n')\n"            \
	"page[0] = 11\n"                                   \
	"say(b'10 ok 0 0 0 0 0 %d 0\\n' % n + b'n' * n)\n" \
	"os.kill(os.getpid(), signal.SIGSTOP)\n"           \
	"say(b'%d back 0 0 0 0 0 0 0\\n' % page[1])\n"     \
	"say(b'12 ok 0 0 0 0 0 %d 0\\n' % len(line()))\n"

static void test_packs(void **state)
{
	static const char lines[] = "[\"call\",10]\n[\"call\",11]\n[\"call\",12]\n";
	struct interp *ip = start(HELLO_PACKS BEGINS, *state, false);
	struct buf wants = BUF_INIT, why = BUF_INIT;
	struct answer a;

	if (!interp_can_share()) {
		leave(ip);
		skip();
	}
	assert_int_equal(hello(ip, &wants, &why), 1);
	assert_true(interp_packs(ip));
	assert_int_equal(interp_begun(ip), 0);
	send(ip, lines);
	assert_int_equal(answer(ip, &a), 1);
	assert_int_equal(a.value_len, 3); /* in one packet */
	wait_until_stopped(interp_pid(ip));
	assert_int_equal(interp_begun(ip), 11);
	send(ip, "[\"call\",13]\n[\"call\",14]\n");
	interp_revoke(ip, 14);
	interp_barrier();
	assert_int_equal(interp_revoked(ip), 11);
	interp_hang_up(ip);
	assert_int_equal(kill(interp_pid(ip), SIGCONT), 0);
	assert_int_equal(answer(ip, &a), 1);
	assert_int_equal(a.status, ANSWER_BACK);
	assert_int_equal(a.seq, 14);
	assert_int_equal(answer(ip, &a), ENDED); /* nothing was left to be read */
	leave(ip);

	ip = ready("rest()\n", *state, false);
	assert_false(interp_packs(ip)); /* it has not said so */
	leave(ip);
	buf_free(&wants);
	buf_free(&why);
}

/* ---- long lines ---- */

static char *long_line(size_t len)
{
	char *line = mem_alloc(len + 1);

	for (size_t i = 0; i < len; i++) {
		line[i] = (char)('a' + i / 7 % 26);
	}
	for (size_t i = 0; i + 10 <= len; i += INTERP_PACKET) {
		memcpy(line + i, i ? "[1,2,3,4," : "[\"c\",77, ", 9);
	}
	line[len - 1] = '\n';
	return line;
}

static void test_long_lines(void **state)
{
	static const size_t sizes[] = {
		INTERP_PACKET - 1, INTERP_PACKET, INTERP_PACKET + 1, 100000, 1500000,
	};
	struct interp *ip = ready("while True:\n"
				  "    got = line()\n"
				  "    say(b'0 ok 0 0 0 0 0 %d 0\\n' % len(got) + got)\n",
				  *state, false);
	struct answer a;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *line = long_line(sizes[i]);

		interp_send(ip, line, sizes[i]);
		while (interp_unsent_fd(ip) >= 0) {
			wait_for(interp_unsent_fd(ip), POLLOUT);
			interp_go_on(ip);
		}
		assert_int_equal(answer(ip, &a), 1);
		assert_int_equal(a.value_len, sizes[i]);
		if (a.value) {
			assert_memory_equal(a.value, line, sizes[i]);
		} else {
			char *got = mem_alloc(sizes[i]);

			assert_int_equal(pread(a.value_fd, got, sizes[i], 0), sizes[i]);
			assert_memory_equal(got, line, sizes[i]);
			free(got);
			close(a.value_fd);
		}
		free(line);
	}
	leave(ip);
}

/* A line of which a part was read counts as read, whatever the rest looks like; one that nobody has
 * begun to read comes back. */
static void test_long_line_back(void **state)
{
	static const struct {
		const char *text;
		size_t len, back;
	} rows[] = {
		{ "os.read(3, 4096)\n" DIES, 2 * INTERP_PACKET + 10, 0 },
		{ "os.read(3, 4096)\nos.read(3, 4096)\n" DIES, 2 * INTERP_PACKET + 10, 0 },
		{ "line()\n" DIES, 2 * INTERP_PACKET + 10, 0 },
		{ DIES, 2 * INTERP_PACKET + 10, 1 },
		{ DIES, 1500000, 0 }, /* it was never sent as a whole */
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *line = long_line(rows[i].len); /* each packet begins with a bracket */
		struct interp *ip = ready(rows[i].text, *state, false);
		struct answer a;
		uint64_t seqs[3];

		interp_send(ip, line, rows[i].len);
		assert_int_equal(answer(ip, &a), ENDED);
		if (interp_ahead(ip) > 1) {
			assert_int_equal(interp_take_back(ip, seqs, 3), rows[i].back);
			assert_true(rows[i].back == 0 || seqs[0] == 77);
		}
		assert_int_equal(interp_take_back(ip, seqs, 3), 0);
		leave(ip);
		free(line);
	}
}

/* ---- what the system refuses ---- */

/* In a process of its own: 0 when all is as it must be. */
static void apart(void (*check)(const char *folder), const char *folder)
{
	const pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)setenv("CMOCKA_TEST_ABORT", "1", 1);
		spawn_release(&shared);
		assert_int_equal(spawn_prepare(&shared), 0); /* for this process */
		check(folder);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Without packets nothing is sent ahead, and all else is the same. */
static void check_no_packets(const char *folder)
{
	struct interp *ip;
	struct answer a;
	uint64_t seq;

	refuse_at(SYS_pipe2, 1, O_CLOEXEC | O_DIRECT, EINVAL);
	ip = ready("say(line() and b'0 ok 0 0 0 0 0 0 0\\n')\nos.kill(os.getpid(), 9)\n", folder,
		   false);
	assert_int_equal(interp_ahead(ip), 1);
	send(ip, "[0]\n");
	assert_int_equal(answer(ip, &a), 1);
	assert_int_equal(answer(ip, &a), ENDED);
	assert_int_equal(interp_take_back(ip, &seq, 1), 0);
	send(ip, "[\"call\",5,{}]\n"); /* what one that is dead has not read */
	assert_int_equal(interp_take_back(ip, &seq, 1), 1);
	assert_int_equal(seq, 5);
	leave(ip);
}

static void check_no_pipes(const char *folder)
{
	struct buf why = BUF_INIT;

	refuse(SYS_pipe2, ANY, EMFILE);
	assert_null(try_start("python3", "", folder, false, &why));
	assert_int_equal(errno, EMFILE);
	assert_string_equal(buf_str(&why),
			    "cannot make pipes for an interpreter: Too many open files");
	buf_free(&why);
}

static void check_no_socket(const char *folder)
{
	struct buf why = BUF_INIT;

	refuse(SYS_socketpair, ANY, ENFILE);
	assert_null(try_start("python3", "", folder, true, &why));
	assert_int_equal(errno, ENFILE);
	assert_non_null(strstr(buf_str(&why), "cannot make pipes for an interpreter: "));
	buf_free(&why);
}

static void check_no_processes(const char *folder)
{
	struct buf why = BUF_INIT;
	const int before = dup(0), after = 0;

	close(before);
	refuse_processes();
	assert_null(try_start("python3", "", folder, false, &why));
	assert_int_equal(errno, EAGAIN);
	assert_non_null(strstr(buf_str(&why), "the limit of processes, see ulimit -u"));
	assert_int_equal(dup(after), before); /* all descriptors were given back */
	buf_free(&why);
}

/* File systems without O_TMPFILE. */
static void check_no_tmpfile(const char *folder)
{
	struct stat st;
	char **names;
	size_t n;
	int fd;

	refuse_at(SYS_openat, 2, O_TMPFILE | O_RDWR | O_CLOEXEC, EOPNOTSUPP);
	fd = interp_open_file(folder);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "abc", 3), 3);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(file_list(folder, &names, &n, NULL), 0);
	assert_int_equal(n, 0);
	free(names);
	close(fd);
}

static void test_refused(void **state)
{
	struct buf why = BUF_INIT;

	apart(check_no_packets, *state);
	apart(check_no_pipes, *state);
	apart(check_no_socket, *state);
	apart(check_no_processes, *state);
	apart(check_no_tmpfile, *state);
	assert_null(try_start("python-that-is-none", "", *state, false, &why));
	assert_int_equal(errno, ENOENT);
	assert_string_equal(buf_str(&why),
			    "cannot start 'python-that-is-none': no such file or directory");
	buf_free(&why);
	interp_free(NULL);
}

/* ---- answers in files ---- */

static void test_file_answers(void **state)
{
	static const struct {
		const char *text;
		int r;
		off_t from;
		uint64_t value_len;
		size_t why_len;
	} rows[] = {
		{ "", 0, 0, 0, 0 },
		{ "0 ok 0 1 1 2 3 0 0\n", 1, 19, 0, 0 },
		{ "0 ok 0 1 1 2 3 4 2\nabcdef", 1, 19, 4, 2 },
		{ "0 exit 255 1 1 2 3 0 3\nwhy", 1, 23, 0, 3 },
		{ "0 ok 0 1 1 2 3 4 2\nabcde", -1, 0, 0, 0 },
		{ "0 ok 0 1 1 2 3 4 2\nabcdefg", -1, 0, 0, 0 },
		{ "0 ok 0 1 1 2 3 4 2\n", -1, 0, 0, 0 },
		{ "0 ok 0 1 1 2 3 4", -1, 0, 0, 0 },
		{ "0 o", -1, 0, 0, 0 },
		{ "\n", -1, 0, 0, 0 },
		{ "0\n", -1, 0, 0, 0 },
		{ "hello, world\n", -1, 0, 0, 0 },
	};
	struct answer a;
	off_t from;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const int fd = interp_open_file(*state);
		const size_t len = strlen(rows[i].text);

		assert_true(fd >= 0);
		assert_int_equal(write(fd, rows[i].text, len), len);
		if (interp_file_answer(fd, &a, &from) != rows[i].r) {
			fail_msg("not %d: %s", rows[i].r, rows[i].text);
		}
		if (rows[i].r == 1) {
			assert_int_equal(from, rows[i].from);
			assert_int_equal(a.value_len, rows[i].value_len);
			assert_int_equal(a.why_len, rows[i].why_len);
			assert_int_equal(a.size[1], 3);
		}
		close(fd);
	}
	assert_int_equal(interp_file_answer(-1, &a, &from), -1);
}

/* ---- one that forks ---- */

/* It takes requests as one that forks does, and answers by `then`, which knows text, fds. */
#define ZYGOTE                                                                            \
	"import array, socket\n"                                                          \
	"s = socket.socket(fileno=3)\n"                                                   \
	"while True:\n"                                                                   \
	"    fds = array.array('i')\n"                                                    \
	"    text, more, flags, address = s.recvmsg(1 << 17, socket.CMSG_SPACE(4 * 4))\n" \
	"    if not text:\n"                                                              \
	"        os._exit(0)\n"                                                           \
	"    for level, kind, data in more:\n"                                            \
	"        fds.frombytes(data[:len(data) // 4 * 4])\n"

static void test_fork(void **state)
{
	static const struct {
		const char *then;
		int number; /* 0: it has forked */
		const char *why;
	} rows[] = {
		{ "os.write(fds[2], b'%d ' % len(fds) + text); say(b'0 4711\\n')", 0, "" },
		{ "os.write(fds[2], b'3 ' + text)\n    for c in b'0 4711\\n':\n"
		  "        say(bytes([c]))",
		  0, "" },
		{ "say(b'0 -11\\n')", EAGAIN,
		  "the interpreter cannot fork: Resource temporarily unavailable" },
		{ "say(b'0 -12\\n')", ENOMEM,
		  "the interpreter cannot fork: Cannot allocate memory" },
		{ "os._exit(0)", EPIPE, "the interpreter cannot fork: Broken pipe" },
		{ "say(b'0 47'); os._exit(0)", EPIPE, "the interpreter cannot fork: Broken pipe" },
		{ "say(b'0 0\\n')", EPROTO, "the interpreter cannot fork: Protocol error" },
		{ "say(b'0 1\\n')", EPROTO, "the interpreter cannot fork: Protocol error" },
		{ "say(b'what?\\n')", EPROTO, "the interpreter cannot fork: Protocol error" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *text = mem_printf(ZYGOTE "    %s\n", rows[i].then);
		struct interp *ip = ready(text, *state, true);
		const int fds[3] = { shared.null_fd, shared.null_fd, interp_open_file(*state) };
		struct buf why = BUF_INIT;
		char got[64] = "";
		pid_t pid;

		assert_true(fds[2] >= 0);
		pid = interp_fork(ip, "[\"call\"]\n", 9, fds, &why);
		assert_int_equal(pid, rows[i].number ? -1 : 4711);
		assert_string_equal(buf_str(&why), rows[i].why);
		if (rows[i].number) {
			assert_int_equal(errno, rows[i].number);
		} else {
			assert_int_equal(pread(fds[2], got, sizeof got - 1, 0), 11);
			assert_string_equal(got, "3 [\"call\"]\n");
		}
		close(fds[2]);
		leave(ip);
		buf_free(&why);
		free(text);
	}
}

/* Lines of any length, one after the other; and one that is dead already. */
static void test_fork_lines(void **state)
{
	static const size_t sizes[] = { 10, 65536, 65537, 300000, 11 };
	struct interp *ip = ready(ZYGOTE "    if text == b'file\\n':\n"
					 "        with open(fds[3], 'rb') as f:\n"
					 "            text = f.read()\n"
					 "        assert len(fds) == 4\n"
					 "        fds = fds[:3]\n"
					 "    assert len(fds) == 3\n"
					 "    os.write(fds[2], text)\n"
					 "    for fd in fds:\n"
					 "        os.close(fd)\n"
					 "    say(b'%d 4711\\n' % len(text))\n"
					 "    if len(text) == 11:\n"
					 "        os._exit(0)\n",
				  *state, true);
	struct buf why = BUF_INIT;
	int fds[3] = { shared.null_fd, shared.null_fd, -1 };

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *line = long_line(sizes[i]), *got = mem_alloc(sizes[i] + 1);

		fds[2] = interp_open_file(*state);
		assert_int_equal(interp_fork(ip, line, sizes[i], fds, &why), 4711);
		assert_int_equal(pread(fds[2], got, sizes[i] + 1, 0), sizes[i]);
		assert_memory_equal(got, line, sizes[i]);
		close(fds[2]);
		free(line);
		free(got);
	}
	fds[2] = shared.null_fd;
	wait_for(interp_fd(ip), POLLIN); /* its end */
	assert_int_equal(interp_fork(ip, "[1]\n", 4, fds, &why), -1);
	assert_int_equal(errno, EPIPE);
	assert_string_equal(buf_str(&why), "the interpreter cannot fork: Broken pipe");
	buf_free(&why);
	leave(ip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hello, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_answers, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_large, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_no_room, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_malformed, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_endless_head, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_take_back, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_packs, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_ahead, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_long_lines, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_long_line_back, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_refused, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_file_answers, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_fork, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_fork_lines, folder_setup, folder_teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
