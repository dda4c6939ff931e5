/* SPDX-License-Identifier: MIT */
/*
 * Who runs in a run directory. claims/local.NNNN names a process; it appears whole and at most once
 * (link()), and only the highest generation means anything. To take over from a holder that ended
 * (local.NNNN.done, or its process is gone), the next generation is published, and then the folder
 * is read again: whoever read an old state, and so published a generation that has been used
 * before, sees a higher one and steps back. For that the highest generation is never removed, and
 * older ones only when HOLD_KEEP newer ones exist: so a reader would have to miss that many names
 * in one reading.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/text.h"
#include "store/process.h"
#include "store/rundir.h"

#define HOLD_PREFIX "local."
#define HOLD_DONE   ".done"
#define HOLD_KEEP   8
#define HOLD_TRIES \
	1000 /* of 1 to 20 ms: others come and go meanwhile, or a folder's listing is stale */
#define HOLD_MAX 65536

struct hold {
	char *claims;
	uint64_t generation;
	pid_t pid;
};

struct generations {
	uint64_t highest;
	bool done; /* of the highest */
};

static char *hold_path(const char *claims, uint64_t generation, const char *ending)
{
	char *name = mem_printf(HOLD_PREFIX "%04llu%s", (unsigned long long)generation, ending);
	char *path = path_join(claims, name);

	free(name);
	return path;
}

/* "local.0012" or "local.0012.done"; 0 for another name. */
static uint64_t name_generation(const char *name, bool *done)
{
	size_t n = strlen(name);
	uint64_t generation;

	if (strncmp(name, HOLD_PREFIX, strlen(HOLD_PREFIX)) != 0) {
		return 0;
	}
	name += strlen(HOLD_PREFIX);
	n -= strlen(HOLD_PREFIX);
	*done = n > strlen(HOLD_DONE) && strcmp(name + n - strlen(HOLD_DONE), HOLD_DONE) == 0;
	if (*done) {
		n -= strlen(HOLD_DONE);
	}
	return text_u64(name, n, &generation) ? generation : 0;
}

/* Reads the folder; with `below` > 0 also removes what stands below that generation. */
static int read_generations(const char *claims, uint64_t below, struct generations *g,
			    struct err *e)
{
	char **names;
	size_t n;

	*g = (struct generations){ 0, false };
	if (file_list(claims, &names, &n, e) < 0) {
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		bool done = false;
		const uint64_t generation = name_generation(names[i], &done);

		if (generation > g->highest) {
			*g = (struct generations){ generation, done };
		} else if (generation == g->highest && generation > 0) {
			g->done |= done;
		}
		if (generation > 0 && generation < below) {
			char *path = path_join(claims, names[i]);

			unlink(path);
			free(path);
		}
	}
	free(names);
	return 0;
}

static void put_holder(struct buf *b, struct json v, uint64_t pid)
{
	char *host = json_string(json_get(v, "host"));
	uint64_t since = 0;

	buf_printf(b, "pid %llu on %s", (unsigned long long)pid,
		   host ? host : "an unknown machine");
	if (json_u64(json_get(v, "time"), &since)) {
		buf_puts(b, " since ");
		proc_put_time(b, since);
	}
	free(host);
}

/*
 * Looks at one generation: 1 and its state and description, 0 when it is not there (any more), -1.
 * A claim that cannot be understood cannot be judged.
 */
static int read_holder(const char *claims, uint64_t generation, enum process_state *state,
		       struct buf *who, struct err *e)
{
	char *path = hold_path(claims, generation, "");
	struct buf b = BUF_INIT;
	struct err why = ERR_INIT;
	struct json v;
	uint64_t pid;
	int rc = 1;

	if (file_read(path, &b, HOLD_MAX, &why) < 0) {
		rc = errno == ENOENT ? 0 : -1;
		if (rc < 0 && e && !err_is(e)) {
			*e = why;
		}
	} else if (json_parse(buf_str(&b), b.len, &v, NULL) < 0 || v.type != JSON_OBJECT) {
		*state = PROCESS_UNKNOWN;
		buf_printf(who, "a process that '%s' does not name", path);
	} else {
		*state = process_judge_pid(v, &pid);
		put_holder(who, v, pid);
	}
	buf_free(&b);
	free(path);
	return rc;
}

/* 1 when the present holder is in the way (then in e), 0 when it is not, -1. */
static int holder_refuses(const char *rundir, const char *claims, const struct generations *g,
			  const struct hold_how *how, struct err *e)
{
	const bool take_over = how->take_over || (g->highest > 0 && how->over == g->highest);
	enum process_state state = PROCESS_GONE;
	struct buf who = BUF_INIT;
	int rc = 0;

	if (g->highest > 0 && !g->done) {
		rc = read_holder(claims, g->highest, &state, &who, e);
	}
	if (rc > 0 && state == PROCESS_ALIVE) {
		err_bad(e, "'%s' is in use by %s: wait until that ends, or stop it", rundir,
			who.data);
	} else if (rc > 0 && state == PROCESS_UNKNOWN && !take_over) {
		err_bad(e,
			"'%s' is in use by %s, and whether that still runs cannot be told "
			"from here: stop it there, or, if it is gone, say --take-over",
			rundir, who.data);
	} else if (rc > 0) {
		rc = 0;
	}
	buf_free(&who);
	return rc;
}

/* Publishes a generation: 0 ours, 1 there already. */
static int publish_claim(const char *claims, uint64_t generation, unsigned submission,
			 struct err *e)
{
	char *path = hold_path(claims, generation, "");
	struct buf b = BUF_INIT;
	int rc;

	buf_putc(&b, '{');
	process_put_self(&b);
	if (submission) {
		buf_printf(&b, ",\"submission\":%u", submission);
	}
	buf_printf(&b, ",\"time\":%llu}\n", (unsigned long long)proc_unix_ms());
	rc = file_publish_new(path, b.data, b.len, e);
	buf_free(&b);
	free(path);
	return rc;
}

static void unpublish_claim(const char *claims, uint64_t generation)
{
	char *path = hold_path(claims, generation, "");

	unlink(path);
	free(path);
}

/* Publishing failed, maybe behind the link(): a claim of ours would be in our own way at the next
 * try. Somebody else's by this name is let alone. */
static void unpublish_own(const char *claims, uint64_t generation)
{
	char *path = hold_path(claims, generation, "");
	struct buf b = BUF_INIT;
	struct json v;
	uint64_t pid = 0;

	if (file_read(path, &b, HOLD_MAX, NULL) == 0 &&
	    json_parse(buf_str(&b), b.len, &v, NULL) == 0 && v.type == JSON_OBJECT &&
	    json_u64(json_get(v, "pid"), &pid) && pid == (uint64_t)getpid() &&
	    process_judge(v) == PROCESS_ALIVE) {
		unlink(path);
	}
	buf_free(&b);
	free(path);
}

/* One turn: 0 held, 1 refused (e says by whom), 2 the state changed meanwhile: look again, -1. */
static int try_hold(const char *rundir, const char *claims, const struct hold_how *how,
		    uint64_t *mine, struct err *e)
{
	struct generations g;
	int rc;

	if (read_generations(claims, 0, &g, e) < 0) {
		return -1;
	}
	rc = holder_refuses(rundir, claims, &g, how, e);
	if (rc != 0) {
		return rc;
	}
	*mine = g.highest + 1;
	rc = publish_claim(claims, *mine, how->submission, e);
	if (rc < 0) {
		unpublish_own(claims, *mine);
		return -1;
	}
	if (rc > 0) {
		return 2;
	}
	if (read_generations(claims, 0, &g, e) < 0) {
		unpublish_claim(claims, *mine);
		return -1;
	}
	if (g.highest > *mine) { /* ours is one that was used and removed before */
		unpublish_claim(claims, *mine);
		return 2;
	}
	if (*mine > HOLD_KEEP) {
		read_generations(claims, *mine - HOLD_KEEP, &g, NULL);
	}
	return 0;
}

/* What those before us left half made. */
static void sweep(const char *rundir)
{
	static const char *const folders[] = { "", "claims", "collect", "plan", "submissions" };

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		char *path = rundir_path(rundir, folders[i]);

		file_sweep(path);
		free(path);
	}
}

int rundir_hold_how(const char *rundir, const struct hold_how *how, struct hold **out,
		    struct err *e)
{
	char *claims = path_join(rundir, "claims");
	uint64_t mine = 0;
	int rc = 2;

	*out = NULL;
	for (long i = 0; rc == 2 && i < HOLD_TRIES; i++) {
		const long ms = i < 20 ? i : 20;
		const struct timespec pause = { 0, ms * 1000000L };

		nanosleep(&pause, NULL);
		rc = try_hold(rundir, claims, how, &mine, e);
	}
	if (rc == 2) {
		rc = err_fail(e, "cannot claim '%s': its folder 'claims' changes all the time",
			      rundir);
	}
	if (rc != 0) {
		free(claims);
		return rc;
	}
	*out = mem_alloc(sizeof **out);
	**out = (struct hold){ .claims = claims, .generation = mine, .pid = getpid() };
	sweep(rundir);
	return 0;
}

int rundir_hold(const char *rundir, bool take_over, struct hold **out, struct err *e)
{
	return rundir_hold_how(rundir, &(struct hold_how){ .take_over = take_over }, out, e);
}

uint64_t rundir_held_by(const char *rundir, unsigned *submission)
{
	char *claims = path_join(rundir, "claims"), *path = NULL;
	struct buf b = BUF_INIT;
	struct generations g;
	struct json v;
	uint64_t number = 0;

	if (read_generations(claims, 0, &g, NULL) == 0 && g.highest > 0 && !g.done) {
		path = hold_path(claims, g.highest, "");
	}
	if (path && file_read(path, &b, HOLD_MAX, NULL) == 0 &&
	    json_parse(buf_str(&b), b.len, &v, NULL) == 0 && v.type == JSON_OBJECT) {
		(void)json_u64(json_get(v, "submission"), &number);
	}
	*submission = number <= UINT32_MAX ? (unsigned)number : 0;
	buf_free(&b);
	free(path);
	free(claims);
	return *submission ? g.highest : 0;
}

void rundir_release(struct hold *h)
{
	char *path;

	if (!h) {
		return;
	}
	if (h->pid == getpid()) { /* a child that was forked holds nothing */
		path = hold_path(h->claims, h->generation, HOLD_DONE);
		/* where this fails, the end of this process says the same */
		file_publish_new(path, "", 0, NULL);
		free(path);
	}
	free(h->claims);
	free(h);
}

int rundir_holder(const char *rundir, char **who, bool *alive_here, struct err *e)
{
	char *claims = path_join(rundir, "claims");
	enum process_state state = PROCESS_GONE;
	struct buf b = BUF_INIT;
	struct generations g;
	int rc = 0;

	*who = NULL;
	*alive_here = false;
	if (!file_absent(claims)) {
		rc = read_generations(claims, 0, &g, e);
	} else {
		g.highest = 0;
	}
	if (rc == 0 && g.highest > 0 && !g.done) {
		rc = read_holder(claims, g.highest, &state, &b, e);
	}
	if (rc > 0) {
		rc = state != PROCESS_GONE;
		*alive_here = state == PROCESS_ALIVE;
	}
	if (rc > 0) {
		*who = buf_take(&b);
	}
	buf_free(&b);
	free(claims);
	return rc;
}
