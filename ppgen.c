/* SPDX-License-Identifier: MIT */
/* ppgen: one spec of a parameter sweep, run here or over many nodes, merged into one table. The
 * commands, and main. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"

const struct command *const commands[] = {
	&cmd_init,     &cmd_check,   &cmd_plan,     &cmd_run,        &cmd_submit,  &cmd_status,
	&cmd_log,      &cmd_results, &cmd_wait,     &cmd_cancel,     &cmd_collect, &cmd_site,
	&cmd_template, &cmd_worker,  &cmd_finalise, &cmd_completion, &cmd_man,
};
const size_t n_commands = sizeof commands / sizeof commands[0];

#define MEMORY_MOST (UINT64_C(4) << 30) /* bytes: LIMITS in ppgen-spec(5) */

static void put_usage(FILE *f)
{
	fputs("usage: ppgen COMMAND [OPTIONS] ...\n\n"
	      "ppgen runs a script over a parameter sweep that one YAML file describes,\n"
	      "records every result, and merges them into one table.\n\n",
	      f);
	for (size_t i = 0; i < n_commands; i++)
		if (commands[i]->summary)
			fprintf(f, "  %-11s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n`ppgen COMMAND -h` shows a command's options; ppgen-spec(5) describes the spec.\n"
	      "New here: `ppgen init` writes a spec that runs.\n",
	      f);
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < n_commands; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

/* Says that there is no such command, and which one may be meant. */
static int unknown(const char *name)
{
	const char *names[sizeof commands / sizeof commands[0]];
	for (size_t i = 0; i < n_commands; i++)
		names[i] = commands[i]->name;
	static const struct {
		const char *habit, *use;
	} habits[] = {
		{ "retry", "run" },      { "rerun", "run --force" },
		{ "resume", "run" },     { "continue", "run" },
		{ "restart", "run" },    { "start", "run" },
		{ "validate", "check" }, { "logs", "log" },
		{ "merge", "collect" },  { "dry-run", "run --dry-run" },
		{ "new", "init" },       { "list", "status" },
	};
	for (size_t i = 0; i < sizeof habits / sizeof habits[0]; i++) {
		if (!strcmp(habits[i].habit, name)) {
			fprintf(stderr, "ppgen: there is no command '%s': use `ppgen %s`\n", name,
				habits[i].use);
			return EXIT_USAGE;
		}
	}
	const char *near = text_nearest(name, names, n_commands);
	if (near)
		fprintf(stderr, "ppgen: there is no command '%s' (did you mean '%s'?)\n", name,
			near);
	else
		fprintf(stderr, "ppgen: there is no command '%s': `ppgen help` lists them\n", name);
	return EXIT_USAGE;
}

static int help(int argc, char **argv)
{
	if (argc < 2) {
		put_usage(stdout);
		return EXIT_GOOD;
	}
	const struct command *c = find(argv[1]);
	if (!c)
		return unknown(argv[1]);
	struct buf b = BUF_INIT;
	opt_help(c, &b);
	fputs(buf_str(&b), stdout);
	buf_free(&b);
	return EXIT_GOOD;
}

static int dispatch(int argc, char **argv)
{
	const char *name = argv[1];
	if (!strcmp(name, "help") || !strcmp(name, "-h") || !strcmp(name, "--help"))
		return help(argc - 1, argv + 1);
	if (!strcmp(name, "--version") || !strcmp(name, "-V") || !strcmp(name, "version")) {
		puts("ppgen " PPGEN_VERSION);
		return EXIT_GOOD;
	}
	const struct command *c = find(name);
	struct err e = ERR_INIT;
	if (c && c->bounded && mem_limit(MEMORY_MOST, &e) < 0)
		return cmd_fail(&e);
	return c ? c->run(argc - 1, argv + 1) : unknown(name);
}

/*
 * What whoever started us may have left in disorder. Without descriptors 0, 1 and 2, a table would
 * take their numbers, and messages end up in it: so they are there, but the wrong way round, for
 * using them is an error still. With SIGCHLD ignored, children would vanish unseen.
 */
static void settle(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
			break;
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_DFL); /* `| head` ends what only shows; run and collect ignore it */
	signal(SIGXFSZ, SIG_IGN); /* `ulimit -f` is an error of write(), with a message */
}

int main(int argc, char **argv)
{
	settle();
	if (argc < 2) {
		put_usage(stderr);
		return EXIT_USAGE;
	}
	int code = dispatch(argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		if (code == EXIT_GOOD)
			code = EXIT_SYSTEM;
		perror("ppgen: stdout");
	}
	return code;
}
