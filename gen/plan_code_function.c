/* SPDX-License-Identifier: MIT */
/*
 * The code of a function: its module's file, and those of the modules that it imports, as far as
 * they lie beside or under the spec's folder. What is installed elsewhere is left to the user, as
 * the libraries of a command are.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/pattern.h"
#include "gen/call.h"
#include "gen/language.h"
#include "gen/plan_code.h"

#define MODULES_MOST 10000
#define MODULE_BYTES (64u << 20)

struct modules {
	const struct spec *s;
	const struct language *l;
	struct textset *found; /* files, links resolved, in the order they were found */
	char *roots[2]; /* where modules are looked for: beside the call's file, and the call's
			   folder */
	size_t n_roots;
	struct err *e;
};

/* Notes the file at `path` where it is code of the spec's. 1, 0, -1. */
static int note_file(struct modules *m, const char *path)
{
	char *real;
	int rc = plan_find_beside(m->s, path, &real, m->e);

	if (rc > 0) {
		textset_add(m->found, real, strlen(real), NULL);
		if (textset_count(m->found) > MODULES_MOST)
			rc = err_bad(m->e, "the function imports more than %d files", MODULES_MOST);
	}
	free(real);
	return rc;
}

/* Notes the files that a module's name, its dots made slashes already, may stand for in dir. */
static int note_name(struct modules *m, const char *dir, const char *name, size_t n)
{
	struct buf path = BUF_INIT;
	int rc = 0;

	for (size_t k = 0; rc == 0; k++) {
		buf_clear(&path);
		buf_puts(&path, dir);
		buf_putc(&path, '/');
		if (!language_put_file(m->l, k, name, n, &path))
			break;
		rc = note_file(m, path.data);
	}
	buf_free(&path);
	return rc < 0 ? -1 : 0;
}

/* A module, and the packages around it, whose code runs first: a, a/b and a/b/c. */
static int note_module(struct modules *m, const char *dir, const char *name, size_t n)
{
	char *slashed = mem_dupn(name, n);
	int rc = 0;

	for (size_t k = 0; k <= n && rc == 0; k++) {
		if (k < n && slashed[k] != '.')
			continue;
		if (k < n)
			slashed[k] = '/';
		if (k)
			rc = note_name(m, dir, slashed, k);
	}
	free(slashed);
	return rc;
}

/* What an import names in the file `from`: a module of the roots; with dots in front, one beside
 * the file, or above it; or a file. */
static int note_import(struct modules *m, const char *from, const char *name, size_t n)
{
	char *dir = path_dir(from);
	int rc = 0;

	if (n && language_is_file(m->l, name, n)) {
		char *file = mem_dupn(name, n);

		for (size_t k = 0; k < m->n_roots && rc == 0; k++) {
			char *path = path_join(m->roots[k], file);

			rc = note_file(m, path) < 0 ? -1 : 0;
			free(path);
		}
		free(file);
	} else if (n && *name == '.') {
		for (name++, n--; n && *name == '.'; name++, n--) {
			char *up = path_dir(dir);

			free(dir);
			dir = up;
		}
		rc = note_module(m, dir, name, n);
	} else {
		for (size_t k = 0; n && k < m->n_roots && rc == 0; k++)
			rc = note_module(m, m->roots[k], name, n);
	}
	free(dir);
	return rc;
}

/* Behind a comment, when one begins at p; else p. */
static const char *skip_comment(const char *p, const char *end)
{
	while (p < end && *p == '#') {
		while (p < end && *p != '\n')
			p++;
	}
	return p;
}

/* The next name of "a as b, c.d"; brackets, comments and what follows a name are passed over. */
static bool next_name(const char **at, const char *end, const char **name, size_t *n)
{
	const char *p = skip_comment(*at, end);

	while (p < end && strchr(" \t\r\n()\\,", *p))
		p = skip_comment(p + 1, end);
	*name = p;
	while (p < end && !strchr(" \t\r\n()\\,#", *p))
		p++;
	*n = (size_t)(p - *name);
	while (p < end && *p != ',') {
		const char *behind = skip_comment(p, end);

		p = behind > p ? behind : p + 1;
	}
	*at = p;
	return *n > 0;
}

/* "from W import A, B": W, and A and B where they are modules in it. */
static int note_within(struct modules *m, const char *from, const char *within, size_t len,
		       const char *names, size_t names_len)
{
	const char *at = names, *end = names + names_len, *name;
	struct buf whole = BUF_INIT;
	size_t n;
	int rc = note_import(m, from, within, len);

	while (rc == 0 && next_name(&at, end, &name, &n)) {
		buf_clear(&whole);
		buf_add(&whole, within, len);
		if (len && within[len - 1] != '.')
			buf_putc(&whole, '.');
		buf_add(&whole, name, n);
		rc = note_import(m, from, whole.data, whole.len);
	}
	buf_free(&whole);
	return rc;
}

static int note_match(struct modules *m, const char *from, const struct pattern *p)
{
	size_t n, len, names_len = 0;
	const char *text = pattern_group(p, "modules", &n), *name, *end;
	const char *within = pattern_group(p, "within", &len);
	const char *names = pattern_group(p, "names", &names_len);

	if (within && note_within(m, from, within, len, names ? names : "", names_len) < 0)
		return -1;
	if (!text)
		return 0;
	if (language_is_file(m->l, text, n))
		return note_import(m, from, text, n);
	for (end = text + n; next_name(&text, end, &name, &n);) {
		if (note_import(m, from, name, n) < 0)
			return -1;
	}
	return 0;
}

/* Notes what one file imports. */
static int scan_file(struct modules *m, const char *path, struct pattern *imports)
{
	struct buf text = BUF_INIT;
	size_t at = 0;
	int rc = file_read(path, &text, MODULE_BYTES, m->e);

	while (rc == 0) {
		rc = pattern_next(imports, buf_str(&text), text.len, &at, m->e);
		if (rc < 0)
			err_wrap(m->e, "cannot tell what '%s' imports", path);
		if (rc <= 0)
			break;
		rc = note_match(m, path, imports);
	}
	buf_free(&text);
	return rc;
}

/* The module of the call itself. */
static int note_call(struct modules *m)
{
	const char *call = m->s->function.call;
	const size_t n = call_module(call);
	char *folder = spec_folder(m->s), *file, *path;
	int rc = 0;

	if (language_is_file(m->l, call, n)) {
		file = mem_dupn(call, n);
		path = path_join(folder, file);
		m->roots[m->n_roots++] = path_dir(path);
		rc = note_file(m, path);
		free(path);
		free(file);
	}
	m->roots[m->n_roots++] = folder;
	if (m->n_roots == 1)
		rc = note_module(m, folder, call, n);
	return rc < 0 ? -1 : 0;
}

/* A file's name as the hash has it: a spec's folder may be moved. */
static const char *label_of(const char *path, const char *dir)
{
	const size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static int put_files(struct modules *m, struct plan_files *files, struct sha256 *h)
{
	struct pattern *imports = pattern_new(m->l->import, m->e);
	char *dir = realpath(m->s->dir, NULL);
	int rc = imports ? 0 : -1;

	for (size_t k = 0; rc == 0 && k < textset_count(m->found); k++) {
		char *path = mem_dup(textset_text(m->found, k));

		if (plan_files_put(files, path, label_of(path, dir ? dir : m->s->dir), h, m->e) < 0)
			rc = -1;
		else
			rc = scan_file(m, path, imports);
		free(path);
	}
	pattern_free(imports);
	free(dir);
	return rc;
}

int plan_code_function(const struct spec *s, struct plan_files *files, struct sha256 *h,
		       struct err *e)
{
	struct modules m = { .s = s, .l = s->function.language, .found = textset_new(), .e = e };
	int rc = note_call(&m);

	plan_put(h, "modules");
	if (rc == 0)
		rc = put_files(&m, files, h);
	for (size_t k = 0; k < m.n_roots; k++)
		free(m.roots[k]);
	textset_free(m.found);
	return rc;
}
