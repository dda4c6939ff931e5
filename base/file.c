/* SPDX-License-Identifier: MIT */
/* Reading files, listing and making folders, and paths as text. Writing is in file_publish.c,
 * removing in file_remove.c. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define READ_STEP ((size_t)65536)
#define MAP_FROM  ((off_t)16384) /* below this, reading is quicker than mapping */

/* As err_errno, but the user's fault where the name or the rights are wrong. */
static int read_error(struct err *e, const char *path)
{
	static const int named[] = { ENOENT, ENOTDIR, EISDIR, EACCES, EPERM, ELOOP, ENAMETOOLONG };
	const int number = errno;
	const bool first = !err_is(e);

	err_errno(e, "cannot read '%s'", path);
	for (size_t i = 0; e && first && i < sizeof named / sizeof *named; i++) {
		if (number == named[i]) {
			e->kind = ERR_BAD;
		}
	}
	return -1;
}

static void close_quietly(int fd)
{
	const int number = errno;

	close(fd);
	errno = number;
}

static int open_read(const char *path, struct stat *st, struct err *e)
{
	int fd;

	do {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0) {
		return read_error(e, path);
	}
	if (fstat(fd, st) < 0) {
		err_errno(e, "cannot read '%s'", path);
		close_quietly(fd);
		return -1;
	}
	if (S_ISDIR(st->st_mode)) {
		errno = EISDIR;
		read_error(e, path);
		close_quietly(fd);
		return -1;
	}
	return fd;
}

/* Appends what fd still has to b; `most` as in file_read. */
static int read_all(int fd, const char *path, struct buf *b, uint64_t most, struct err *e)
{
	uint64_t total = 0;

	for (;;) {
		ssize_t got;

		if (b->cap - b->len < 2) {
			buf_room(b, READ_STEP);
		}
		got = read(fd, b->data + b->len, b->cap - b->len - 1);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			return err_errno(e, "cannot read '%s'", path);
		}
		if (got == 0) {
			return 0;
		}
		b->len += (size_t)got;
		b->data[b->len] = '\0';
		total += (uint64_t)got;
		if (most && total > most) {
			errno = EFBIG;
			return err_bad(e, "'%s' is larger than %llu bytes", path,
				       (unsigned long long)most);
		}
	}
}

int file_read(const char *path, struct buf *b, uint64_t most, struct err *e)
{
	struct stat st;
	const int fd = open_read(path, &st, e);
	int rc;

	if (fd < 0) {
		return -1;
	}
	buf_room(b, 0);
	if (S_ISREG(st.st_mode) && st.st_size > 0) {
		if (most && (uint64_t)st.st_size > most) {
			close_quietly(fd);
			errno = EFBIG;
			return err_bad(e, "'%s' is larger than %llu bytes", path,
				       (unsigned long long)most);
		}
		buf_room(b, (size_t)st.st_size + 1); /* one more, to see the end at once */
	}
	rc = read_all(fd, path, b, most, e);
	close_quietly(fd);
	return rc;
}

int file_view(const char *path, struct file_view *v, struct err *e)
{
	struct stat st;
	struct buf b = BUF_INIT;
	const int fd = open_read(path, &st, e);
	int rc;

	*v = (struct file_view){ .data = "" };
	if (fd < 0) {
		return -1;
	}
	if (S_ISREG(st.st_mode) && st.st_size >= MAP_FROM && (uint64_t)st.st_size <= SIZE_MAX &&
	    file_view_map(fd, (size_t)st.st_size, v)) {
		close_quietly(fd);
		return 0;
	}
	rc = read_all(fd, path, &b, 0, e);
	close_quietly(fd);
	if (rc < 0 || b.len == 0) {
		buf_free(&b);
		return rc;
	}
	v->len = b.len;
	v->data = buf_take(&b);
	return 0;
}

bool file_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

bool file_absent(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* A folder is there already, or is now; ENOENT when its parent is not. */
static int make_dir(const char *path)
{
	struct stat st;

	if (mkdir(path, 0777) == 0) {
		return file_sync_name(path, NULL);
	}
	if (errno != EEXIST && errno != EROFS && errno != EACCES && errno != EPERM) {
		return -1;
	}
	const int number = errno;

	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode)) {
			return 0;
		}
		errno = ENOTDIR;
		return -1;
	}
	if (errno != ELOOP) {
		errno = number;
	}
	return -1;
}

int file_make_dirs(const char *path, struct err *e)
{
	char *copy = mem_dup(path);
	size_t n = strlen(copy);
	int rc = 0;

	while (n > 1 && copy[n - 1] == '/') {
		copy[--n] = '\0';
	}
	if (make_dir(copy) < 0) {
		for (size_t i = 1; errno == ENOENT && rc == 0 && i < n; i++) {
			if (copy[i] == '/' && copy[i - 1] != '/') {
				copy[i] = '\0';
				rc = make_dir(copy);
				if (rc < 0) {
					err_errno(e, "cannot make folder '%s'", copy);
				}
				copy[i] = '/';
				errno = rc < 0 ? errno : ENOENT;
			}
		}
		if (rc == 0) {
			rc = make_dir(copy);
			if (rc < 0) {
				err_errno(e, "cannot make folder '%s'", copy);
			}
		}
	}
	const int number = errno;

	free(copy);
	errno = number;
	return rc;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One block: first the pointers, then the names, which stand in `all` one after another. */
static char **names_pack(const struct buf *all, size_t count)
{
	const size_t head = (count + 1) * sizeof(char *);
	char **names = mem_alloc(head + all->len);
	char *s = (char *)names + head;

	if (all->len) {
		memcpy(s, all->data, all->len);
	}
	for (size_t i = 0; i < count; i++) {
		names[i] = s;
		s += strlen(s) + 1;
	}
	qsort(names, count, sizeof *names, compare_names);
	return names;
}

int file_list(const char *path, char ***names, size_t *n, struct err *e)
{
	struct buf all = BUF_INIT;
	struct dirent *entry;
	size_t count = 0;
	DIR *dir = opendir(path);
	int rc = 0;

	*names = NULL;
	*n = 0;
	if (!dir) {
		return read_error(e, path);
	}
	while (errno = 0, (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.') {
			buf_add(&all, entry->d_name, strlen(entry->d_name) + 1);
			count++;
		}
	}
	if (errno) {
		rc = err_errno(e, "cannot read '%s'", path);
	} else {
		*names = names_pack(&all, count);
		*n = count;
	}
	const int number = errno;

	closedir(dir);
	buf_free(&all);
	errno = number;
	return rc;
}

char *path_join(const char *a, const char *b)
{
	size_t n = strlen(a);

	if (b[0] == '/' || n == 0) {
		return mem_dup(b);
	}
	if (b[0] == '\0') {
		return mem_dup(a);
	}
	while (n > 0 && a[n - 1] == '/') {
		n--;
	}
	return mem_printf("%.*s/%s", (int)n, a, b);
}

char *path_dir(const char *p)
{
	const char *slash = strrchr(p, '/');

	if (!slash) {
		return mem_dup(".");
	}
	while (slash > p && slash[-1] == '/') {
		slash--;
	}
	return slash == p ? mem_dup("/") : mem_dupn(p, (size_t)(slash - p));
}

const char *path_name(const char *p)
{
	const char *slash = strrchr(p, '/');

	return slash ? slash + 1 : p;
}

char *path_absolute(const char *p)
{
	char *here = p[0] == '/' ? mem_dup("") : getcwd(NULL, 0);
	struct buf b = BUF_INIT;
	char *whole;

	if (!here) { /* the working folder is gone: there is nothing better to say */
		return mem_dup(p);
	}
	whole = mem_printf("%s/%s", here, p);
	buf_room(&b, strlen(whole));
	for (const char *s = whole; *s;) {
		size_t n;

		s += strspn(s, "/");
		n = strcspn(s, "/");
		if (n == 2 && s[0] == '.' && s[1] == '.') {
			while (b.len > 0 && b.data[--b.len] != '/') {
			}
			b.data[b.len] = '\0';
		} else if (n > 0 && !(n == 1 && s[0] == '.')) {
			buf_putc(&b, '/');
			buf_add(&b, s, n);
		}
		s += n;
	}
	if (b.len == 0) {
		buf_putc(&b, '/');
	}
	free(here);
	free(whole);
	return buf_take(&b);
}
