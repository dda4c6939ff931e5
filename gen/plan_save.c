/* SPDX-License-Identifier: MIT */
/*
 * Publishing a plan: all of it is written into a folder that nobody looks into, synced, and then
 * given the next number by rename, which fails when that number is taken. run.json holds
 *
 *   {"format":1,"number":N,"name":"ising","spec":PATH,"dir":FOLDER,"spec_sha256":HEX,
 *    "inputs_sha256":HEX,"space":HEX,"sets":["KEY=VALUE"],"code":HEX16,"results":HEX8,"tasks":N,"keep":[HEX16],"rerun":[HEX16],
 *    "settings":{KEY:[VALUE,ORIGIN]}, ...provenance...}
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/inside.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/provenance.h"
#include "base/text.h"
#include "gen/plan_parts.h"

#define NUMBERS_MAX 1000000u

static void put_hash(struct buf *b, const char *key, const void *p, size_t n)
{
	uint8_t sum[SHA256_SIZE];
	char hex[SHA256_HEX];

	sha256_of(p, n, sum);
	hex_put(hex, sum, sizeof sum);
	json_put_key(b, key);
	json_puts(b, hex);
}

static void put_member(struct buf *b, const char *key, const char *value)
{
	json_put_key(b, key);
	json_puts(b, value);
}

static void put_number(struct buf *b, const char *key, unsigned long long n)
{
	json_put_key(b, key);
	buf_put_u64(b, n);
}

/* Numbers above 2^53 go as text: JavaScript and jq would round them. */
static void put_number_text(struct buf *b, const char *key, unsigned long long n)
{
	json_put_key(b, key);
	buf_putc(b, '"');
	buf_put_u64(b, n);
	buf_putc(b, '"');
}

static void put_codes(struct buf *b, const char *key, char (*codes)[CODE_HEX], size_t n)
{
	json_put_key(b, key);
	buf_putc(b, '[');
	for (size_t k = 0; k < n; k++) {
		json_put_sep(b);
		json_puts(b, codes[k]);
	}
	buf_putc(b, ']');
}

/* A setting's value, less what is secret in it. */
static void put_public(struct buf *b, const char *key, const char *value)
{
	struct buf shown = BUF_INIT;

	if (provenance_is_secret(key))
		buf_puts(&shown, "***");
	else
		provenance_put_public(&shown, value);
	json_puts(b, buf_str(&shown));
	buf_free(&shown);
}

static void put_settings(struct buf *b, const struct spec *s)
{
	struct setting *rows;
	size_t n = spec_settings(s, &rows);

	json_put_key(b, "settings");
	buf_putc(b, '{');
	for (size_t k = 0; k < n; k++) {
		json_put_key(b, rows[k].key);
		buf_putc(b, '[');
		put_public(b, rows[k].key, rows[k].value);
		json_put_sep(b);
		json_puts(b, rows[k].origin);
		buf_putc(b, ']');
	}
	buf_putc(b, '}');
}

/* What does not depend on the plan's number: run.json from its second member on. */
static void put_rest(struct buf *b, const struct plan *p, const struct buf *inputs,
		     const char *provenance)
{
	const struct spec *s = p->spec;
	uint8_t sum[SHA256_SIZE];
	char hex[SHA256_HEX];

	put_member(b, "name", s->name);
	put_member(b, "spec", s->path);
	put_member(b, "dir", s->dir);
	put_hash(b, "spec_sha256", s->text, s->text_len);
	put_hash(b, "inputs_sha256", buf_str(inputs), inputs->len);
	space_hash(s->space, sum);
	hex_put(hex, sum, sizeof sum);
	put_member(b, "space", hex);
	json_put_key(b, "sets");
	buf_putc(b, '[');
	for (size_t k = 0; k < s->n_sets; k++) {
		json_put_sep(b);
		json_puts(b, s->sets[k]);
	}
	buf_putc(b, ']');
	put_member(b, "code", p->code);
	put_member(b, "results", p->results);
	put_number(b, "tasks", space_count(s->space));
	put_codes(b, "keep", p->keep, p->n_keep);
	put_codes(b, "rerun", p->rerun, p->n_rerun);
	put_settings(b, s);
	if (provenance && *provenance) {
		json_put_sep(b);
		buf_puts(b, provenance);
	}
	buf_puts(b, "}\n");
}

static void put_files(struct buf *b, const struct plan *p)
{
	for (size_t k = 0; k < p->n_files; k++) {
		const struct plan_file *f = &p->files[k];

		buf_putc(b, '{');
		put_member(b, "path", f->path);
		put_number(b, "size", f->size);
		json_put_key(b, "mtime_ns");
		buf_printf(b, "\"%lld\"", (long long)f->mtime_ns);
		put_number_text(b, "dev", f->dev);
		put_number_text(b, "ino", f->ino);
		put_member(b, "sha256", f->sha256);
		if (f->per_task)
			buf_puts(b, ",\"task\":true");
		if (f->racy)
			buf_puts(b, ",\"racy\":true");
		buf_puts(b, "}\n");
	}
}

static int write_file(const char *dir, const char *name, const void *p, size_t n, struct err *e)
{
	char *path = path_join(dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int rc = fd < 0 ? err_errno(e, "cannot create '%s'", path)
			: file_write_fd(fd, p, n, path, e);

	if (fd >= 0 && rc == 0 && file_sync_fd(fd) < 0)
		rc = err_errno(e, "cannot sync '%s'", path);
	if (fd >= 0 && close(fd) < 0 && errno != EINTR && rc == 0)
		rc = err_errno(e, "cannot write '%s'", path);
	free(path);
	return rc;
}

/* fsync of what others wrote into the folder. */
static int sync_files(const char *dir, struct err *e)
{
	char **names = NULL;
	size_t n = 0;
	int rc = file_list(dir, &names, &n, e);

	for (size_t k = 0; k < n && rc == 0; k++) {
		char *path = path_join(dir, names[k]);
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || file_sync_fd(fd) < 0)
			rc = err_errno(e, "cannot sync '%s'", path);
		if (fd >= 0)
			close(fd);
		free(path);
	}
	free(names);
	return rc;
}

static int write_run(const char *dir, unsigned number, const struct buf *rest, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	buf_printf(&b, "{\"format\":%d,\"number\":%u,", PLAN_FORMAT, number);
	buf_add(&b, rest->data, rest->len);
	rc = write_file(dir, "run.json", b.data, b.len, e);
	buf_free(&b);
	return rc == 0 ? file_sync_dir(dir, e) : -1;
}

/* Gives the finished folder the first number from `number` on that nobody has. */
static int take_number(const char *draft, const char *plans, unsigned number,
		       const struct buf *rest, struct plan *p, struct err *e)
{
	for (; number < NUMBERS_MAX; number++) {
		char *path;

		if (write_run(draft, number, rest, e) < 0)
			return -1;
		path = mem_printf("%s/%04u", plans, number);
		if (rename(draft, path) == 0) {
			free(p->dir);
			p->dir = path;
			p->number = number;
			return file_sync_dir(plans, e);
		}
		if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR) {
			err_errno(e, "cannot publish the plan as '%s'", path);
			free(path);
			return -1;
		}
		free(path);
	}
	return err_fail(e, "'%s' holds too many plans", plans);
}

/* A name that begins with a dot, so that nobody takes it for a plan. */
static char *make_draft_folder(const char *plans, struct err *e)
{
	for (unsigned n = 0;; n++) {
		char *path = mem_printf("%s/.new-%s-%ld-%u", plans, proc_host(), (long)getpid(), n);

		if (mkdir(path, 0777) == 0)
			return path;
		if (errno != EEXIST || n == 1000) {
			err_errno(e, "cannot make '%s'", path);
			free(path);
			return NULL;
		}
		free(path);
	}
}

int plan_publish(struct plan *p, const char *plans, const char *provenance, struct err *e)
{
	const struct spec *s = p->spec;
	struct buf inputs = BUF_INIT, rest = BUF_INIT;
	struct err look = ERR_INIT;
	unsigned latest;
	char *draft;
	int rc = -1;

	if (inside_check_parent(plans, e) < 0 || file_make_dirs(plans, e) < 0)
		return -1;
	latest = plan_latest(plans, &look);
	if (err_is(&look))
		return err_fail(e, "%s", look.text);
	draft = make_draft_folder(plans, e);
	if (!draft)
		return -1;
	put_files(&inputs, p);
	put_rest(&rest, p, &inputs, provenance);
	if (write_file(draft, "spec.yaml", s->text, s->text_len, e) == 0 &&
	    write_file(draft, "inputs.jsonl", buf_str(&inputs), inputs.len, e) == 0 &&
	    space_save(s->space, draft, e) == 0 && sync_files(draft, e) == 0)
		rc = take_number(draft, plans, latest + 1, &rest, p, e);
	if (rc < 0)
		file_remove_tree(draft, NULL);
	free(draft);
	buf_free(&inputs);
	buf_free(&rest);
	return rc;
}

/* The number that a folder's name stands for; 0: none. */
static unsigned number_of(const char *name)
{
	uint64_t n;

	if (strlen(name) < 4 || !text_u64(name, strlen(name), &n) || n > NUMBERS_MAX)
		return 0;
	return (unsigned)n;
}

unsigned plan_latest(const char *plans, struct err *e)
{
	char **names = NULL;
	size_t n = 0;
	unsigned latest = 0;

	if (file_absent(plans) || file_list(plans, &names, &n, e) < 0)
		return 0;
	for (size_t k = 0; k < n; k++) {
		if (number_of(names[k]) > latest)
			latest = number_of(names[k]);
	}
	free(names);
	return latest;
}
