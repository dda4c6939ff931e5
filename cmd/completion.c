/* SPDX-License-Identifier: MIT */
/* ppgen completion: completion for bash, from the commands' own tables. */
#include "cmd/cmd.h"

static const struct opt opts[] = { { 0 } };

static int run(int argc, char **argv)
{
	struct buf b = BUF_INIT;
	int none, code;
	if (cmd_parse(&cmd_completion, &argc, argv, &none, &code))
		return code;
	opt_completion(commands, n_commands, &b);
	fputs(buf_str(&b), stdout);
	buf_free(&b);
	return EXIT_GOOD;
}

const struct command cmd_completion = {
	.name = "completion",
	.args = "",
	.summary = "print completion for bash",
	.about = "Prints a script that completes ppgen's commands and options in bash.\n\n"
		 "\tsource <(ppgen completion)",
	.opts = opts,
	.run = run,
};
