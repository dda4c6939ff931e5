/* SPDX-License-Identifier: MIT */
/* The code hash: what decides what a task computes, and nothing else. */
#include "gen/plan_code.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "gen/language.h"

/* These stand in front of what is hashed; a change of what follows needs a new one, and makes every
 * old result stale. */
#define CODE_FORMAT    "ppgen-code-v1"
#define RESULTS_FORMAT "ppgen-results-v1"

char *plan_input_path(const struct spec *s, const char *filled)
{
	char *joined = path_join(s->dir, filled);
	char *path = path_absolute(joined);

	free(joined);
	return path;
}

void plan_put(struct sha256 *h, const char *text)
{
	sha256_add_framed(h, text, strlen(text));
}

/* Text that may be absent, told apart from empty text. */
static void put_maybe(struct sha256 *h, const char *text)
{
	plan_put(h, text ? "given" : "absent");
	plan_put(h, text ? text : "");
}

void plan_put_count(struct sha256 *h, const char *what, size_t n)
{
	char text[24];

	plan_put(h, what);
	for (size_t k = sizeof text - 1;; n /= 10) {
		text[k] = '\0';
		text[--k] = (char)('0' + n % 10);
		if (n < 10) {
			plan_put(h, text + k);
			return;
		}
	}
}

static void put_words(struct sha256 *h, const char *what, const struct words *w)
{
	plan_put_count(h, what, w->n);
	for (size_t k = 0; k < w->n; k++)
		plan_put(h, ptext_source(w->items[k]));
}

static int env_by_name(const void *pa, const void *pb)
{
	const struct env_entry *a = pa, *b = pb;

	return strcmp(a->name, b->name);
}

static void put_env(struct sha256 *h, const struct spec *s)
{
	struct env_entry *sorted = mem_array(s->n_env + 1, sizeof *sorted);

	if (s->n_env)
		memcpy(sorted, s->env, s->n_env * sizeof *sorted);
	qsort(sorted, s->n_env, sizeof *sorted, env_by_name);
	plan_put_count(h, "env", s->n_env);
	for (size_t k = 0; k < s->n_env; k++) {
		plan_put(h, sorted[k].name);
		plan_put(h, ptext_source(sorted[k].value));
	}
	free(sorted);
}

/*
 * What a function returns is kept as it was asked for, so that counts; which interpreter it is does
 * where somebody chose it. `batch` and `isolate` are ways to the same result.
 */
static void put_function(struct sha256 *h, const struct spec *s)
{
	const struct function *f = &s->function;

	plan_put(h, "function");
	plan_put(h, f->language->name);
	plan_put(h, f->call);
	plan_put(h, f->chunk ? "chunk" : "task");
	plan_put_count(h, "value", (size_t)s->results.stream[STREAM_VALUE].format);
	if (f->interpreter_given)
		put_words(h, "interpreter", &f->interpreter);
	else
		plan_put(h, "any interpreter");
}

static void put_start(struct sha256 *h, const struct spec *s)
{
	const char *const *names = NULL;
	size_t n;

	if (s->start == START_COMMAND) {
		put_words(h, "command", &s->command);
	} else if (s->start == START_SHELL) {
		put_words(h, "shell", &s->shell_with);
		plan_put(h, s->shell);
	} else {
		put_function(h, s);
	}
	put_env(h, s);
	plan_put(h, "setup");
	put_maybe(h, s->setup);
	plan_put(h, "workdir");
	put_maybe(h, s->workdir ? ptext_source(s->workdir) : NULL);
	plan_put(h, "seed");
	plan_put(h, space_root_seed(s->space));
	n = space_seed_by(s->space, &names);
	plan_put_count(h, "seed_by", n);
	for (size_t k = 0; k < n; k++)
		plan_put(h, names[k]);
}

/* What a text without placeholders says ("{{" is a brace in it). The caller frees. */
static char *constant_text(const struct ptext *t, struct err *e)
{
	struct buf b = BUF_INIT;

	if (ptext_fill(t, NULL, NULL, &b, e) < 0) {
		buf_free(&b);
		return NULL;
	}
	return buf_take(&b);
}

static int complain(struct diags *d, const struct input *in, const char *named, int rc,
		    struct err *e)
{
	if (rc == 1)
		return diag_error(d, in->pos.origin, in->pos.line, in->pos.col,
				  "input '%s' names '%s', which is not there", in->name, named);
	return diag_error(d, in->pos.origin, in->pos.line, in->pos.col, "input '%s' names '%s': %s",
			  in->name, named, e->text);
}

/* An input that is the same for all tasks: a file, a folder or a url. */
static int put_shared_input(const struct spec *s, const struct input *in, struct plan_files *files,
			    struct sha256 *h, struct diags *d)
{
	struct err e = ERR_INIT;
	char *named, *path;
	int rc;

	plan_put(h, in->name);
	if (in->url) {
		plan_put(h, "url");
		plan_put(h, in->sha256);
		return 0;
	}
	named = constant_text(in->path, &e);
	if (!named)
		return complain(d, in, ptext_source(in->path), -1, &e);
	path = plan_input_path(s, named);
	rc = plan_files_put(files, path, named, h, &e);
	if (rc != 0)
		rc = complain(d, in, named, rc, &e);
	free(path);
	free(named);
	return rc;
}

static int input_by_name(const void *pa, const void *pb)
{
	const struct input *a = *(const struct input *const *)pa,
			   *b = *(const struct input *const *)pb;

	return strcmp(a->name, b->name);
}

static int put_inputs(const struct spec *s, struct plan_files *files, struct sha256 *h,
		      struct diags *d)
{
	const struct input **sorted = mem_array(s->n_inputs + 1, sizeof *sorted);
	int rc = 0;

	for (size_t k = 0; k < s->n_inputs; k++)
		sorted[k] = &s->inputs[k];
	qsort(sorted, s->n_inputs, sizeof *sorted, input_by_name);
	plan_put_count(h, "inputs", s->n_inputs);
	for (size_t k = 0; k < s->n_inputs; k++) {
		const struct input *in = sorted[k];

		if (in->url || ptext_is_constant(in->path)) {
			if (put_shared_input(s, in, files, h, d) < 0)
				rc = -1;
		} else {
			plan_put(h, in->name);
			plan_put(h, "per task");
			plan_put(h, ptext_source(in->path));
		}
	}
	free(sorted);
	return rc;
}

/* Whether a resolved path lies below `dir` (resolved, too) and in no run directory there. */
static bool is_beside(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	char *up;
	bool ours = false;

	if (n == 1)
		n = 0;
	if (strncmp(path, dir, n) != 0 || path[n] != '/')
		return false;
	up = path_dir(path);
	while (!ours && strlen(up) > n && strlen(up) > 1) {
		char *next;

		ours = plan_files_is_rundir(up);
		next = path_dir(up);
		free(up);
		up = next;
	}
	free(up);
	return !ours;
}

/* Whether the last call failed because the word is no file that we could read, and not for a
 * reason that may be another one the next moment: then the hash would change, and back. */
static bool is_no_file(void)
{
	return errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ENAMETOOLONG ||
	       errno == ELOOP;
}

int plan_find_beside(const struct spec *s, const char *path, char **real, struct err *e)
{
	struct stat st;
	char *dir = NULL;
	const bool there = stat(path, &st) == 0;
	int rc = 0;

	*real = NULL;
	if (there && !S_ISREG(st.st_mode))
		return 0;
	if (there && access(path, R_OK) == 0 && (*real = realpath(path, NULL)) != NULL &&
	    (dir = realpath(s->dir, NULL)) != NULL)
		rc = is_beside(*real, dir);
	else if (!is_no_file())
		rc = err_errno(e, "cannot look at '%s'", path);
	free(dir);
	if (rc <= 0) {
		free(*real);
		*real = NULL;
	}
	return rc;
}

/*
 * A word that names a file beside or under the spec's folder: part of the code. `base` is where
 * relative words start. A first word without a slash is a program that PATH finds, not a file
 * beside the spec.
 */
static int put_word(const struct spec *s, const struct ptext *word, bool first, const char *base,
		    struct plan_files *files, struct sha256 *h, struct err *e)
{
	char *text, *path = NULL, *real = NULL;
	int rc = 0;

	if (!ptext_is_constant(word))
		return 0;
	text = constant_text(word, e);
	if (!text)
		return -1;
	if (!text[0] || (first && !strchr(text, '/')))
		goto out;
	path = path_join(base, text);
	rc = plan_find_beside(s, path, &real, e);
	if (rc <= 0)
		goto out;
	free(path);
	path = path_absolute(real);
	rc = plan_files_put(files, path, text, h, e) < 0 ? -1 : 0;
out:
	free(real);
	free(path);
	free(text);
	return rc;
}

static int put_word_files(const struct spec *s, struct plan_files *files, struct sha256 *h,
			  struct err *e)
{
	const struct words *w = s->start == START_COMMAND ? &s->command : &s->shell_with;
	char *base = NULL;
	int rc = 0;

	plan_put(h, "words");
	if (s->workdir && ptext_is_constant(s->workdir)) {
		char *text = constant_text(s->workdir, e);

		if (!text)
			return -1;
		base = path_join(s->dir, text);
		free(text);
	}
	for (size_t k = 0; k < w->n && rc == 0; k++)
		rc = put_word(s, w->items[k], k == 0, base ? base : s->dir, files, h, e);
	free(base);
	return rc;
}

int plan_code_shared(const struct spec *s, struct plan_files *files, char out[CODE_HEX],
		     struct diags *d)
{
	struct sha256 *h = sha256_new();
	struct err e = ERR_INIT;
	uint8_t sum[SHA256_SIZE];
	int rc;

	sha256_begin(h);
	plan_put(h, CODE_FORMAT);
	put_start(h, s);
	rc = put_inputs(s, files, h, d);
	if (s->start == START_FUNCTION) {
		if (plan_code_function(s, files, h, &e) < 0)
			rc = diag_error(d, s->function.pos.origin, s->function.pos.line,
					s->function.pos.col, "the function's files: %s", e.text);
	} else if (put_word_files(s, files, h, &e) < 0) {
		rc = diag_error(d, s->path, 0, 0, "the command's files: %s", e.text);
	}
	sha256_end(h, sum);
	hex_put(out, sum, CODE_HEX / 2);
	sha256_free(h);
	return rc;
}

int plan_code_now(const struct plan *p, char out[CODE_HEX], struct err *e)
{
	struct diags *d = diags_new();
	struct plan lender = *p; /* of the shared files, which stand first */
	struct plan_files files;
	int rc;

	lender.n_files = plan_shared_files(p);
	plan_files_init(&files, &lender);
	rc = plan_code_shared(p->spec, &files, out, d);
	if (rc < 0) {
		const char *text = diags_text(d);

		err_bad(e, "%.*s", (int)strcspn(text, "\n"), text);
	}
	plan_files_free(&files);
	diags_free(d);
	return rc;
}

static void put_extract(struct sha256 *h, const struct extract *x)
{
	plan_put_count(h, "format", (size_t)x->format);
	plan_put(h, x->last_line ? "last line" : "all");
	plan_put_count(h, "regex", x->n_regex);
	for (size_t k = 0; k < x->n_regex; k++) {
		plan_put(h, x->regex[k].column);
		plan_put(h, x->regex[k].pattern);
	}
}

void plan_results_hash(const struct results *r, char out[RESULTS_HEX])
{
	struct sha256 *h = sha256_new();
	uint8_t sum[SHA256_SIZE];

	sha256_begin(h);
	plan_put(h, RESULTS_FORMAT);
	for (int k = 0; k < SPOOL_COUNT; k++)
		put_extract(h, &r->stream[k]);
	if (r->stream[STREAM_VALUE].format != FORMAT_NONE)
		put_extract(h, &r->stream[STREAM_VALUE]);
	plan_put(h, r->log ? "log" : "streams");
	plan_put_count(h, "files", r->n_files);
	for (size_t k = 0; k < r->n_files; k++) {
		plan_put(h, r->files[k].name);
		plan_put(h, ptext_source(r->files[k].path));
		plan_put_count(h, "format", (size_t)r->files[k].format);
	}
	sha256_end(h, sum);
	hex_put(out, sum, RESULTS_HEX / 2);
	sha256_free(h);
}
