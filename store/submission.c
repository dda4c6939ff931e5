/* SPDX-License-Identifier: MIT */
/*
 * Numbers, drafts, publishing, and what happens to a submission. A draft is a folder that nobody
 * looks into; when all of it is synced, rename gives it its number, which fails when somebody has
 * that number already. What happens later is a file each, taken by link(), so that it happens once.
 */
#include "store/submission.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include "store/submission_env.h"
#include "store/submission_internal.h"

#define FOLDER "submissions"
#define ENDED  "ended.json"

char *submission_path(const char *rundir, unsigned number)
{
	return mem_printf("%s/" FOLDER "/%04u", rundir, number);
}

/* The number that a folder's name stands for, written as we write it; 0: none. */
static unsigned number_of(const char *name)
{
	char again[24];
	uint64_t n;

	if (!text_u64(name, strlen(name), &n) || n == 0 || n > NUMBERS_MAX) {
		return 0;
	}
	snprintf(again, sizeof again, "%04u", (unsigned)n);
	return strcmp(again, name) == 0 ? (unsigned)n : 0;
}

unsigned submission_latest(const char *rundir, struct err *e)
{
	char *folder = path_join(rundir, FOLDER);
	char **names = NULL;
	size_t n = 0;
	unsigned latest = 0;

	if (!file_absent(folder) && file_list(folder, &names, &n, e) == 0) {
		for (size_t i = 0; i < n; i++) {
			const unsigned number = number_of(names[i]);

			latest = number > latest ? number : latest;
		}
		free(names);
	}
	free(folder);
	return latest;
}

bool submission_has_ended(const char *rundir, unsigned number)
{
	char *path = mem_printf("%s/" FOLDER "/%04u/" ENDED, rundir, number);
	const bool ended = file_exists(path);

	free(path);
	return ended;
}

int submission_living(const char *rundir, struct submission *out, struct err *e)
{
	struct err look = ERR_INIT;
	const unsigned number = submission_latest(rundir, &look);

	*out = (struct submission){ .arena = NULL };
	if (err_is(&look)) {
		return err_fail(e, "%s", look.text);
	}
	if (number == 0 || submission_has_ended(rundir, number)) {
		return 0;
	}
	if (submission_load(rundir, number, out, e) < 0) {
		return -1;
	}
	if (!out->how) {
		return 1;
	}
	submission_free(out); /* it ended while we looked */
	return 0;
}

void submission_free(struct submission *s)
{
	if (s->arena) {
		arena_free(s->arena);
	}
	*s = (struct submission){ .arena = NULL };
}

/* ---- drafts ---- */

/* A letter first: names of jobs must not begin with a digit everywhere. 36 and 26 do not divide
 * 2^64, which nobody will notice. */
static int choose_tag(char tag[SUBMISSION_TAG], struct err *e)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	uint64_t chance;

	if (getrandom(&chance, sizeof chance, 0) != (ssize_t)sizeof chance) {
		return err_errno(e, "cannot get random bytes from the system");
	}
	for (int i = 0; i < SUBMISSION_TAG - 1; i++) {
		const unsigned among = i == 0 ? 26 : 36;

		tag[i] = digits[chance % among];
		chance /= among;
	}
	tag[SUBMISSION_TAG - 1] = '\0';
	return 0;
}

static const char *user_name(struct arena *a)
{
	const struct passwd *p = getpwuid(geteuid());

	return p ? arena_dup(a, p->pw_name) : arena_printf(a, "%u", (unsigned)geteuid());
}

/* A name that begins with a dot, so that nobody takes it for a submission. */
static char *make_draft_folder(const char *folder, struct err *e)
{
	for (unsigned n = 0;; n++) {
		char *path =
			mem_printf("%s/.draft-%s-%ld-%u", folder, proc_host(), (long)getpid(), n);

		if (mkdir(path, 0777) == 0) {
			return path;
		}
		if (errno != EEXIST) {
			err_errno(e, "cannot make the folder '%s'", path);
			free(path);
			return NULL;
		}
		free(path);
	}
}

int submission_draft(const char *rundir, struct submission *s, struct err *e)
{
	char *at = path_absolute(rundir), *folder = path_join(at, FOLDER);
	char *draft = NULL, *log = NULL, *home = NULL;
	struct err look = ERR_INIT;
	int rc = -1;

	*s = (struct submission){ .arena = arena_new() };
	if (choose_tag(s->tag, e) < 0 || file_make_dirs(folder, e) < 0) {
		goto out;
	}
	s->number = submission_latest(at, &look) + 1;
	if (err_is(&look)) {
		err_fail(e, "%s", look.text);
		goto out;
	}
	draft = make_draft_folder(folder, e);
	if (!draft) {
		goto out;
	}
	home = submission_path(at, s->number);
	s->chain = s->number;
	s->round = 1;
	s->dir = arena_dup(s->arena, draft);
	s->home = arena_dup(s->arena, home);
	s->time_ms = proc_unix_ms();
	s->user = user_name(s->arena);
	s->host = arena_dup(s->arena, proc_host());
	log = path_join(draft, "log");
	rc = file_make_dirs(log, e);
out:
	if (rc < 0) {
		submission_drop(s);
	}
	free(home);
	free(log);
	free(draft);
	free(folder);
	free(at);
	return rc;
}

void submission_drop(struct submission *s)
{
	if (s->dir && strcmp(s->dir, s->home) != 0) {
		(void)file_remove_tree(s->dir, NULL); /* a folder that stays is in nobody's way */
	}
	submission_free(s);
}

/* ---- publishing ---- */

int submission_write(const char *path, const void *p, size_t n, struct err *e)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int rc = fd < 0 ? err_errno(e, "cannot make '%s'", path) : file_write_fd(fd, p, n, path, e);

	if (fd >= 0 && rc == 0 && file_sync_fd(fd) < 0) {
		rc = err_errno(e, "cannot sync '%s'", path);
	}
	if (fd >= 0 && close(fd) < 0 && errno != EINTR && rc == 0) {
		rc = err_errno(e, "cannot write '%s'", path);
	}
	return rc;
}

/* What others wrote into the folder, and its folders. */
static int sync_files(const char *dir, struct err *e)
{
	char **names = NULL;
	size_t n = 0;
	int rc = file_list(dir, &names, &n, e);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		char *path = path_join(dir, names[i]);
		const int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || file_sync_fd(fd) < 0) {
			rc = err_errno(e, "cannot sync '%s'", path);
		}
		if (fd >= 0) {
			close(fd);
		}
		free(path);
	}
	free(names);
	return rc == 0 ? file_sync_dir(dir, e) : -1;
}

static int write_record(const struct submission *s, struct err *e)
{
	char *path = path_join(s->dir, "submission.json");
	struct buf b = BUF_INIT;
	int rc = submission_put(s, &b, e);

	if (rc < 0) {
		err_wrap(e, "the submission cannot be recorded");
	} else {
		rc = submission_write(path, b.data, b.len, e);
	}
	buf_free(&b);
	free(path);
	return rc;
}

int submission_publish(struct submission *s, struct err *e)
{
	char *folder = path_dir(s->home);
	int rc = -1;

	if (write_record(s, e) < 0 || sync_files(s->dir, e) < 0) {
		goto out;
	}
	if (rename(s->dir, s->home) == 0) {
		s->dir = s->home;
		rc = file_sync_dir(folder, e);
	} else if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR) {
		rc = 1;
	} else {
		err_errno(e, "cannot publish the submission as '%s'", s->home);
	}
out:
	free(folder);
	return rc;
}

int submission_withdraw(struct submission *s, struct err *e)
{
	char *folder = path_dir(s->home), *away = NULL;
	int rc = 0;

	/* an empty folder of our own, in whose place it can be put */
	away = make_draft_folder(folder, e);
	if (!away) {
		rc = -1;
	} else if (rename(s->home, away) < 0) {
		rc = err_errno(e, "cannot take back '%s'", s->home);
		(void)rmdir(away);
	} else {
		(void)file_remove_tree(away, NULL); /* nobody looks at what stays */
	}
	free(away);
	free(folder);
	submission_free(s);
	return rc;
}

/* ---- what happens ---- */

/* Publishes one file of what has happened: 0, or 1 when it was there; then what it says is read. */
static int set_event(struct submission *s, const char *name, const struct buf *text, struct err *e)
{
	char *path = path_join(s->dir, name);
	const int rc = file_publish_new(path, text->data, text->len, e);

	free(path);
	return rc < 0 || submission_read_events(s, e) < 0 ? -1 : rc;
}

static void put_time(struct buf *b)
{
	buf_printf(b, ",\"time\":%" PRIu64 "}\n", proc_unix_ms());
}

int submission_set_id(struct submission *s, unsigned array, const char *id, struct err *e)
{
	char *name = array ? mem_printf("job-%u.json", array) : mem_dup("job-finalise.json");
	struct buf b = BUF_INIT;
	int rc;

	if (array > s->n_arrays) {
		rc = err_fail(e, "submission %u has no array %u", s->number, array);
	} else if (!text_is_utf8(id, strlen(id)) || !id[0]) {
		rc = err_fail(e, "the id of array %u of submission %u is not UTF-8", array,
			      s->number);
	} else {
		buf_puts(&b, "{\"id\":");
		json_puts(&b, id);
		put_time(&b);
		rc = set_event(s, name, &b, e);
	}
	buf_free(&b);
	free(name);
	return rc;
}

int submission_set_released(struct submission *s, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	buf_puts(&b, "{\"released\":true");
	put_time(&b);
	rc = set_event(s, "released.json", &b, e);
	buf_free(&b);
	return rc;
}

int submission_set_ended(struct submission *s, const char *how, const char *why, unsigned next,
			 struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	buf_puts(&b, "{\"how\":");
	json_puts(&b, how);
	json_put_key(&b, "why");
	json_puts(&b, why); /* for people: what is no UTF-8 is replaced */
	buf_printf(&b, ",\"next\":%u", next);
	put_time(&b);
	rc = set_event(s, ENDED, &b, e);
	/* never before it is sure that it ended: without it, nothing of it could be begun again */
	if (rc == 0 || (rc == 1 && file_sync_dir(s->dir, NULL) == 0)) {
		char *path = path_join(s->dir, SUBMISSION_ENVIRONMENT);

		(void)unlink(path); /* nobody needs it any more, and it may hold secrets */
		free(path);
	}
	buf_free(&b);
	return rc;
}
