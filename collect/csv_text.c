/* SPDX-License-Identifier: MIT */
/* Files as text in pieces; see csv_text.h. */
#include "collect/csv_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define FIRST ((size_t)1 << 16) /* what is read ahead, */
#define STEP  ((size_t)1 << 18) /* and then at once */

struct csv_text *csv_text_new(void)
{
	struct csv_text *t = mem_alloc(sizeof *t);

	t->fd = -1;
	return t;
}

void csv_text_free(struct csv_text *t)
{
	csv_text_close(t);
	free(t->data);
	free(t);
}

void csv_text_close(struct csv_text *t)
{
	if (t->fd >= 0) {
		(void)close(t->fd);
	}
	t->fd = -1;
	t->len = 0;
	t->whole = false;
	if (t->cap > 4 * STEP) { /* a long row was in it */
		free(t->data);
		t->data = NULL;
		t->cap = 0;
	}
}

/* Reads until there is no room or no more; errno or 0. */
static int text_fill(struct csv_text *t)
{
	while (!t->whole && t->len < t->cap) {
		const ssize_t got = read(t->fd, t->data + t->len, t->cap - t->len);

		if (got > 0) {
			t->len += (size_t)got;
			t->total += (uint64_t)got;
		} else if (got == 0) {
			t->whole = true;
		} else if (errno != EINTR) {
			return errno;
		}
	}
	return 0;
}

static void text_room(struct csv_text *t, size_t cap)
{
	if (t->cap < cap) {
		t->data = mem_resize(t->data, cap, 1);
		t->cap = cap;
	}
}

/* errno or 0 */
static int text_open(struct csv_text *t)
{
	struct stat st;

	do {
		t->fd = open(t->name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	} while (t->fd < 0 && errno == EINTR);
	if (t->fd < 0 || fstat(t->fd, &st) < 0) {
		return errno;
	}
	if (S_ISDIR(st.st_mode)) {
		return EISDIR;
	}
	t->size = S_ISREG(st.st_mode) && st.st_size > 0 ? (uint64_t)st.st_size : 0;
	text_room(t, FIRST);
	return text_fill(t);
}

/* As base/file.h has it: the user's fault where the name or the rights are wrong. */
static int cannot_read(const char *name, int number, struct err *e)
{
	static const int named[] = { ENOENT, ENOTDIR, EISDIR, EACCES, EPERM, ELOOP, ENAMETOOLONG };
	const bool first = !err_is(e);

	errno = number;
	err_errno(e, "cannot read '%s'", name);
	for (size_t i = 0; e && first && i < sizeof named / sizeof *named; i++) {
		if (number == named[i]) {
			e->kind = ERR_BAD;
		}
	}
	return -1;
}

void csv_text_ahead(struct csv_text *t, const char *name, const struct stat *not_this)
{
	struct stat st;

	t->name = name;
	t->error = 0;
	t->passed = t->left = false;
	t->total = t->size = 0;
	if (stat(name, &st) < 0) {
		t->error = errno;
	} else if (not_this && st.st_dev == not_this->st_dev && st.st_ino == not_this->st_ino) {
		t->passed = true;
	} else if (!S_ISREG(st.st_mode)) {
		t->left = true;
	} else {
		t->error = text_open(t);
	}
}

int csv_text_begin(struct csv_text *t, struct err *e)
{
	if (t->left) {
		t->error = text_open(t);
	}
	return t->error ? cannot_read(t->name, t->error, e) : 0;
}

int csv_text_more(struct csv_text *t, size_t used, struct err *e)
{
	size_t cap;
	int number;

	t->len -= used;
	memmove(t->data, t->data + used, t->len);
	if (t->len == t->cap && t->cap >= CSV_TEXT_MOST) {
		return err_bad(e, "a row of more than %zuM: a quote is not closed, perhaps",
			       CSV_TEXT_MOST >> 20);
	}
	cap = t->len <= t->cap / 2 ? STEP : t->cap < CSV_TEXT_MOST / 2 ? 2 * t->cap : CSV_TEXT_MOST;
	text_room(t, cap);
	number = text_fill(t);
	return number ? cannot_read(t->name, number, e) : 0;
}

int csv_text_end(const struct csv_text *t, struct err *e)
{
	return t->total < t->size ? err_fail(e, "'%s' became shorter while it was read", t->name)
				  : 0;
}
