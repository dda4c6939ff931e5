/* SPDX-License-Identifier: MIT */
/* ppgen init: writes a commented spec that runs as it is. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cmd/cmd.h"

static const struct opt opts[] = { { 0 } };

static const char template[] =
	"# A parameter sweep for ppgen. It runs as it is:\n"
	"#   ppgen check   is it good?\n"
	"#   ppgen plan    what would run?\n"
	"#   ppgen run     run it (again: only what is missing)\n"
	"# Everything that can stand here: man ppgen-spec\n"
	"ppgen: 1\n"
	"\n"
	"# Every combination of these is a task.\n"
	"params:\n"
	"  grid:\n"
	"    speed: [10, 20, 30]                      # metres a second\n"
	"    angle: {from: 15, to: 75, step: 15}      # degrees\n"
	"  # table: {file: sites.csv}                 # or: a row of a table is a point\n"
	"  # where: not (speed == 10 and angle > 60)  # leave points out\n"
	"\n"
	"# repeat: 5                                  # each point five times, as rep = 0..4\n"
	"# seed: 1                                    # tasks get {seed}, $PPGEN_SEED\n"
	"\n"
	"# How a task is started. With `command:` {name} stands for a parameter, and there is no shell:\n"
	"#   command: python3 simulate.py --speed={speed} --angle={angle} --seed={seed}\n"
	"# With `python:` (or `r:`) a function gets them by name, and what it returns is the result:\n"
	"#   python: simulate:run\n"
	"# With `shell:` the parameters are environment variables.\n"
	"shell: |\n"
	"  awk 'BEGIN {\n"
	"    v = ENVIRON[\"speed\"]; a = ENVIRON[\"angle\"] * atan2(0, -1) / 180\n"
	"    printf \"{\\\"distance\\\": %.3f, \\\"height\\\": %.3f}\\n\", v*v*sin(2*a)/9.81, (v*sin(a))^2/19.62\n"
	"  }'\n"
	"\n"
	"# What a task returns: here a JSON object on stdout, whose members become columns.\n"
	"results:\n"
	"  stdout: json\n"
	"\n"
	"resources: {cpus: 1, time: 1m}               # of one task\n"
	"# retry: {times: 2}\n"
	"\n"
	"# The tables that are written when all is done, into runs/NAME/collect/.\n"
	"collect:\n"
	"  - {to: results.csv}\n"
	"  - {to: by_angle.csv, by: [angle], mean: distance, max: distance}\n";

static int run(int argc, char **argv)
{
	struct err e = ERR_INIT;
	int none, code;
	if (cmd_parse(&cmd_init, &argc, argv, &none, &code))
		return code;
	const char *path = argc > 1 ? argv[1] : "sweep.yaml";
	int r = argc > 2 ? err_bad(&e, "one file is written at a time")
			 : file_publish_new(path, template, strlen(template), &e);
	if (r == 1)
		r = err_bad(&e, "'%s' is there already, and is left as it is: name another file",
			    path);
	if (r < 0)
		return cmd_fail(&e);
	fprintf(stderr, "wrote %s; next: ppgen run %s\n", path, path);
	return EXIT_GOOD;
}

const struct command cmd_init = {
	.name = "init",
	.args = "[FILE]",
	.summary = "write a commented spec that runs",
	.about =
		"Writes a small sweep with comments into FILE (default: sweep.yaml). It runs as it is; change it into your own. "
		"A file that is there is left alone.",
	.opts = opts,
	.run = run,
};
