/* SPDX-License-Identifier: MIT */
/* ppgen check: is the spec good? Reads everything that it names, runs nothing, writes nothing. */
#include <stdlib.h>

#include "cmd/cmd.h"

static const struct opt opts[] = {
	COMMON_DIR,
	COMMON_SITE,
	COMMON_SET,
	{ 0 },
};

static int run(int argc, char **argv)
{
	struct common o = { 0 };
	struct place at = { 0 };
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	bool published;
	int code;
	if (cmd_parse(&cmd_check, &argc, argv, &o, &code))
		return code;
	if (argc > 2) {
		err_bad(&e, "one spec is checked at a time");
		code = cmd_fail(&e);
		goto out;
	}
	if (place_find(argv[1], &o, &at, &e) < 0) {
		code = cmd_fail(&e);
		goto out;
	}
	struct plan *p = plan_now(&at, &o, &published, &code);
	if (p) {
		put_counted(&b, space_count(p->spec->space), "task");
		printf("%s: good, %s\n", at.spec ? at.spec : at.rundir, buf_str(&b));
	}
	plan_free(p);
out:
	buf_free(&b);
	place_free(&at);
	opt_texts_free(&o.sets);
	return code;
}

const struct command cmd_check = {
	.name = "check",
	.args = "[SPEC]",
	.summary = "say whether a spec is good, and what is wrong with it",
	.about =
		"Reads the spec and every file that it names (tables, lists, inputs), and says what is wrong, "
		"each with its line and column; up to 20 errors at once. Runs nothing. Writes nothing, except that a table by url "
		"is fetched into the run directory.",
	.opts = opts,
	.bounded = true,
	.run = run,
};
