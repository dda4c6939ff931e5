/* SPDX-License-Identifier: MIT */
/* What a round is started with: this program, and the environment of its chain. */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cmd/round.h"
#include "store/submission_env.h"

extern char **environ;

const char *program_path(void)
{
	static char path[PATH_MAX];
	ssize_t n;

	if (path[0])
		return path;
	n = readlink("/proc/self/exe", path, sizeof path - 1);
	if (n <= 0)
		return NULL;
	path[n] = '\0';
	if (n > 10 && !strcmp(path + n - 10, " (deleted)") && !file_exists(path))
		path[n - 10] = '\0'; /* a newer one was put in its place meanwhile */
	return path;
}

int round_find_environment(struct round *r, struct err *e)
{
	struct err why = ERR_INIT;

	if (r->environment || !r->sub.environment)
		return 0;
	r->environment = submission_env_read(&r->sub, &why);
	if (r->environment)
		return 0;
	if (r->unattended)
		return err_fail(e, "%s", why.text);
	fprintf(stderr,
		"ppgen: note: %s: the tasks run in the environment of this command instead\n",
		why.text);
	r->environment = submission_env_passed(r->template, (const char *const *)environ);
	return 0;
}
