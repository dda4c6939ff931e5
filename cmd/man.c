/* SPDX-License-Identifier: MIT */
/* ppgen man: prints man pages from the commands' own tables. For the build; not listed. */
#include <string.h>

#include "cmd/cmd.h"
#include "gen/spec.h"

static const struct opt opts[] = { { 0 } };

/* ppgen(1): the commands in a list. */
static void put_overview(struct buf *b)
{
	buf_puts(
		b,
		".TH PPGEN 1 \"\" \"ppgen " PPGEN_VERSION "\" \"ppgen manual\"\n"
		".SH NAME\nppgen \\- run a script over a parameter sweep and merge what it returns into one table\n"
		".SH SYNOPSIS\n.B ppgen\n.I COMMAND\n[\\fIOPTIONS\\fR] ...\n"
		".SH DESCRIPTION\nOne YAML file, the spec, describes a script and a sweep over its parameters.\n"
		".B ppgen run\nruns its tasks on this machine, several at once, and records every result in a journal that\n"
		"survives being killed.\n.B ppgen collect\nmerges what they returned into tables: the same bytes in whatever "
		"order the tasks ran.\nRun again, it does only what has no good result yet.\n"
		".SH COMMANDS\n");
	for (size_t i = 0; i < n_commands; i++) {
		if (!commands[i]->summary)
			continue;
		buf_printf(b, ".TP\n.BR ppgen\\-%s (1)\n%s\n", commands[i]->name,
			   commands[i]->summary);
	}
	buf_puts(
		b,
		".PP\nA command that works on a run takes the spec or the run directory; with neither, the only spec in the "
		"current folder.\n"
		".SH EXIT STATUS\n0 all tasks are good; 1 some failed or are missing; 2 bad usage or a bad spec; 3 the system "
		"failed; 130 interrupted.\n"
		".SH FILES\n.TP\n.I runs/NAME/\nthe run directory, beside the spec: plans, journals, kept output, tables\n"
		".SH ENVIRONMENT\n.TP\n.BR CURL_CA_BUNDLE \", \" SSL_CERT_FILE\n"
		"certificates that downloads are verified against, in place of the system's\n"
		".TP\n.B PPGEN_MEMORY_LIMIT\n"
		"the memory that check, plan and collect may ask for, as in 16G (default: 4G; 0: no limit)\n"
		".SH SEE ALSO\n.BR ppgen\\-run (1),\n.BR ppgen\\-spec (5)\n");
}

static int run(int argc, char **argv)
{
	struct buf b = BUF_INIT;
	int none, code;
	if (cmd_parse(&cmd_man, &argc, argv, &none, &code))
		return code;
	if (argc < 2)
		put_overview(&b);
	else if (!strcmp(argv[1], "spec"))
		spec_man_keys(&b);
	else
		for (size_t i = 0; i < n_commands; i++)
			if (!strcmp(commands[i]->name, argv[1]))
				opt_man(commands[i], PPGEN_VERSION, &b);
	fputs(buf_str(&b), stdout);
	code = b.len ? EXIT_GOOD : EXIT_USAGE;
	buf_free(&b);
	return code;
}

const struct command cmd_man = {
	.name = "man",
	.args = "[COMMAND|spec]",
	.summary = NULL, /* not listed */
	.about = "",
	.opts = opts,
	.run = run,
};
