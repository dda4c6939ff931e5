/* SPDX-License-Identifier: MIT */
/* Taking inputs apart, and a folder to put them into. */
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "store/record.h"

const struct fuzz_target fuzz_targets[] = {
	{ "csv", fuzz_csv },           { "expr", fuzz_expr },   { "journal", fuzz_journal },
	{ "json", fuzz_json },         { "merge", fuzz_merge }, { "plan", fuzz_plan },
	{ "regex", fuzz_regex },       { "rows", fuzz_rows },   { "rundir", fuzz_rundir },
	{ "site", fuzz_site },         { "spec", fuzz_spec },   { "submission", fuzz_submission },
	{ "template", fuzz_template }, { "text", fuzz_text },
};
const size_t fuzz_target_count = sizeof fuzz_targets / sizeof *fuzz_targets;

const struct fuzz_target *fuzz_find(const char *name)
{
	for (size_t i = 0; i < fuzz_target_count; i++)
		if (strcmp(fuzz_targets[i].name, name) == 0)
			return &fuzz_targets[i];
	return NULL;
}

_Noreturn void must_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

void must_equal(const char *a, size_t an, const char *b, size_t bn, const char *what)
{
	if (an == bn && (an == 0 || memcmp(a, b, an) == 0))
		return;
	fprintf(stderr, "%s differs:\n<%.*s>\n<%.*s>\n", what, (int)an, an ? a : "", (int)bn,
		bn ? b : "");
	abort();
}

/* ---- parts ---- */

struct part part_line(struct part *rest)
{
	struct part line = *rest;
	const char *nl = rest->len ? memchr(rest->text, '\n', rest->len) : NULL;

	line.len = nl ? (size_t)(nl - rest->text) : rest->len;
	rest->text += line.len + (nl != NULL);
	rest->len -= line.len + (nl != NULL);
	return line;
}

struct part part_cut(struct part *rest)
{
	struct part first = { rest->text, 0 };

	while (rest->len) {
		struct part line = part_line(rest);

		if (line.len == 2 && memcmp(line.text, "--", 2) == 0)
			break;
		first.len = (size_t)(rest->text - first.text);
	}
	return first;
}

char *part_copy(struct part p)
{
	return mem_dupn(p.text, p.len);
}

/* ---- archives ---- */

static bool is_tame(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > 200 || name[0] == '/' || name[n - 1] == '/' || strstr(name, "//"))
		return false;
	for (const char *p = name; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (p[0] == '.' && (p[1] == '/' || p[1] == '\0' || p[1] == '.'))
			return false;
	}
	return true;
}

/* Takes a line "== NAME"; false where it is none. */
static bool entry_begin(struct part line, struct entry *out)
{
	char *name, *arrow;

	if (line.len < 4 || memcmp(line.text, "== ", 3) != 0)
		return false;
	name = mem_dupn(line.text + 3, line.len - 3);
	arrow = strstr(name, " -> ");
	if (arrow)
		*arrow = '\0';
	if (!is_tame(name) || strlen(name) != (arrow ? (size_t)(arrow - name) : line.len - 3)) {
		free(name);
		return false;
	}
	*out = (struct entry){ .name = name, .target = arrow ? mem_dup(arrow + 4) : NULL };
	return true;
}

void archive_open(struct archive *a, struct part in)
{
	*a = (struct archive){ .n = 1 };
	a->items[0] = (struct entry){ .name = mem_dup(""), .text = { in.text, 0 } };
	while (in.len) {
		struct part line = part_line(&in);
		struct entry *last = &a->items[a->n - 1];

		if (a->n < ENTRIES_MAX && entry_begin(line, last + 1)) {
			last[1].text = (struct part){ in.text, 0 };
			a->n++;
		} else {
			last->text.len = (size_t)(in.text - last->text.text);
		}
	}
}

void archive_free(struct archive *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->items[i].name);
		free(a->items[i].target);
	}
}

const struct entry *archive_find(const struct archive *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++)
		if (!a->items[i].target && strcmp(a->items[i].name, name) == 0)
			return &a->items[i];
	return NULL;
}

/* ---- a folder ---- */

static char scratch[64];
static pid_t scratch_owner;

static void scratch_remove(void)
{
	if (scratch[0] && getpid() == scratch_owner)
		file_remove_tree(scratch, NULL);
}

const char *scratch_folder(void)
{
	static const char *const places[] = { "/dev/shm", "/tmp" };

	if (scratch[0] && getpid() == scratch_owner)
		return scratch;
	for (size_t i = 0; i < 2; i++) {
		snprintf(scratch, sizeof scratch, "%s/ppgen-fuzz.XXXXXX", places[i]);
		if (mkdtemp(scratch)) {
			if (!scratch_owner)
				atexit(scratch_remove);
			scratch_owner = getpid();
			return scratch;
		}
	}
	must_failed("a folder can be made", __FILE__, __LINE__);
}

void scratch_empty(void)
{
	const char *folder = scratch_folder();

	MUST(file_remove_tree(folder, NULL) == 0);
	MUST(mkdir(folder, 0700) == 0);
}

/* Opens a folder below dir and all on the way, made where they are missing. -1: one is no folder.
 */
static int open_folders(const char *folder, const char *name)
{
	int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (const char *slash; at >= 0 && (slash = strchr(name, '/')); name = slash + 1) {
		char *part = mem_dupn(name, (size_t)(slash - name));
		int next;

		(void)mkdirat(at, part, 0700);
		next = openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(at);
		free(part);
		at = next;
	}
	return at;
}

void scratch_write(const char *folder, const char *name, const char *text, size_t len)
{
	int at = open_folders(folder, name), fd;

	if (at < 0)
		return;
	fd = openat(at, path_name(name), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	close(at);
	if (fd < 0)
		return;
	MUST(file_write_fd(fd, text, len, name, NULL) == 0);
	close(fd);
}

void scratch_link(const char *folder, const char *name, const char *target)
{
	int at = open_folders(folder, name);

	if (at < 0)
		return;
	(void)symlinkat(target, at, path_name(name));
	close(at);
}

bool names_outside(struct part p)
{
	for (size_t i = 0; i < p.len; i++) {
		if (p.text[i] == '~' || (p.text[i] == '.' && i && p.text[i - 1] == '.'))
			return true;
		if (p.text[i] == '/' && (!i || !(isalnum((unsigned char)p.text[i - 1]) ||
						 memchr("_}*.-]?", p.text[i - 1], 7))))
			return true;
		/* an escape may be a slash; %TAG may not, but costs nothing */
		if (p.text[i] == '\\' && i + 1 < p.len && memchr("xuU/", p.text[i + 1], 4))
			return true;
	}
	return false;
}

void put_sealed(struct buf *b, struct part text)
{
	static const char mark[] = ",\"crc\":\"?\"}";
	const size_t n = sizeof mark - 1;

	while (text.len) {
		const char *before = text.text;
		struct part line = part_line(&text);
		const size_t from = b->len;

		if (line.len > n && memcmp(line.text + line.len - n, mark, n) == 0) {
			buf_add(b, line.text, line.len - n);
			record_seal(b, from);
		} else {
			buf_add(b, before, (size_t)(text.text - before));
		}
	}
}
