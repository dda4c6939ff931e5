/* SPDX-License-Identifier: MIT */
/* The claims' folder: names, files, and what it tells those who only look. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "store/claim_internal.h"

#define FILE_MAX 65536

/* ---- names ---- */

void claim_name_put(char out[CLAIM_NAME_MAX], const struct claim_name *n)
{
	snprintf(out, CLAIM_NAME_MAX, "%c%u.%06" PRIu64 ".%u%s",
		 n->kind == CLAIM_ELEMENT ? 'e' : 'a', n->array, n->number, n->generation,
		 n->kind == CLAIM_FREE ? ".free" : "");
}

/* Digits up to a dot or the end. */
static bool take_number(const char **at, uint64_t most, uint64_t *out)
{
	const char *p = *at;

	*out = 0;
	while (*p >= '0' && *p <= '9' && *out <= most) {
		*out = *out * 10 + (uint64_t)(*p++ - '0');
	}
	if (p == *at || *out > most || (*p != '.' && *p != '\0')) {
		return false;
	}
	*at = p + (*p == '.');
	return true;
}

bool claim_name_parse(const char *text, struct claim_name *n)
{
	const char *at = text + 1;
	uint64_t array, generation;
	char again[CLAIM_NAME_MAX];

	if ((text[0] != 'a' && text[0] != 'e') || !take_number(&at, UINT32_MAX, &array) ||
	    !take_number(&at, UINT32_MAX, &n->number) ||
	    !take_number(&at, UINT32_MAX, &generation)) {
		return false;
	}
	n->kind = text[0] == 'e' ? CLAIM_ELEMENT : *at ? CLAIM_FREE : CLAIM_CHUNK;
	n->array = (unsigned)array;
	n->generation = (unsigned)generation;
	claim_name_put(again, n); /* leading zeros, another ending and the like are not ours */
	return array > 0 && generation > 0 && strcmp(again, text) == 0;
}

char *claim_folder(const char *rundir, unsigned submission)
{
	return mem_printf("%s/claims/%04u", rundir, submission);
}

char *claim_path(const char *folder, const struct claim_name *n)
{
	char name[CLAIM_NAME_MAX];

	claim_name_put(name, n);
	return path_join(folder, name);
}

int claim_folder_read(const char *folder, void (*fn)(void *arg, const struct claim_name *n),
		      void *arg, struct err *e)
{
	struct err why = ERR_INIT;
	struct claim_name name;
	char **names;
	size_t n;

	if (file_list(folder, &names, &n, &why) < 0) {
		return errno == ENOENT ? 0 : err_fail(e, "%s", why.text);
	}
	for (size_t i = 0; i < n; i++) {
		if (claim_name_parse(names[i], &name)) {
			fn(arg, &name);
		}
	}
	free(names);
	return 0;
}

/* ---- files ---- */

int claim_create(const char *path, const struct buf *text, bool sync, struct err *e)
{
	int fd, rc;

	do {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0) {
		return errno == EEXIST ? 1 : err_errno(e, "cannot make '%s'", path);
	}
	rc = file_write_fd(fd, buf_str(text), text->len, path, e);
	if (rc == 0 && sync && file_sync_fd(fd) < 0) {
		rc = err_errno(e, "cannot sync '%s'", path);
	}
	if (close(fd) < 0 && rc == 0 && errno != EINTR) {
		rc = err_errno(e, "cannot write '%s'", path);
	}
	if (rc < 0) {
		(void)unlink(path); /* half a claim would keep everybody from the chunk */
	}
	return rc;
}

static char *get_text(struct json v, const char *key)
{
	char *text = json_string(json_get(v, key));

	return text ? text : mem_dup("");
}

/* 1 and what the file says, in b; 0 it is torn; -1 it cannot be read. */
static int read_object(const char *path, struct buf *b, struct json *v, struct err *e)
{
	if (file_read(path, b, FILE_MAX, e) < 0) {
		return -1;
	}
	return json_parse(buf_str(b), b->len, v, NULL) == 0 && v->type == JSON_OBJECT;
}

char *claim_writer(const char *folder, const struct claim_name *n)
{
	char *path = claim_path(folder, n), *writer = NULL;
	struct buf b = BUF_INIT;
	struct json v;

	if (read_object(path, &b, &v, NULL) > 0) {
		writer = json_string(json_get(v, "writer"));
	}
	if (writer && !writer[0]) {
		free(writer);
		writer = NULL;
	}
	buf_free(&b);
	free(path);
	return writer;
}

/* ---- for those who look ---- */

struct looking {
	struct claims_view *view;
	size_t cap;
};

static void look_at(void *arg, const struct claim_name *n)
{
	struct looking *l = arg;
	struct claims_view *v = l->view;

	if (n->kind == CLAIM_ELEMENT) {
		ARRAY_ROOM(v->elements, v->n_elements, l->cap);
		v->elements[v->n_elements++] = (struct element_run){ .element = n->number,
								     .array = n->array,
								     .run = n->generation };
	} else if (n->kind == CLAIM_CHUNK && n->generation == 1) {
		v->taken++; /* whoever takes a later generation leaves this file there */
	}
}

static int compare_runs(const void *pa, const void *pb)
{
	const struct element_run *a = pa, *b = pb;

	if (a->array != b->array) {
		return a->array < b->array ? -1 : 1;
	}
	if (a->element != b->element) {
		return a->element < b->element ? -1 : 1;
	}
	return a->run < b->run ? -1 : a->run > b->run;
}

int claims_view(const char *rundir, unsigned submission, struct claims_view *out, struct err *e)
{
	char *folder = claim_folder(rundir, submission);
	struct looking l = { .view = out };
	int rc;

	*out = (struct claims_view){ .elements = NULL };
	rc = claim_folder_read(folder, look_at, &l, e);
	if (rc == 0 && out->n_elements > 1) {
		qsort(out->elements, out->n_elements, sizeof *out->elements, compare_runs);
	}
	out->stopped = claims_stopped(rundir, submission);
	free(folder);
	return rc;
}

void claims_view_free(struct claims_view *v)
{
	free(v->elements);
	*v = (struct claims_view){ .elements = NULL };
}

int claims_element(const char *rundir, unsigned submission, const struct element_run *r,
		   struct element_start *out, struct err *e)
{
	const struct claim_name name = { CLAIM_ELEMENT, r->array, r->element, r->run };
	char *folder = claim_folder(rundir, submission), *path = claim_path(folder, &name);
	struct buf b = BUF_INIT;
	struct json v = { JSON_NONE, NULL, 0 };
	const int rc = read_object(path, &b, &v, e);

	*out = (struct element_start){ .writer = NULL };
	if (rc >= 0) {
		v = rc > 0 ? v : (struct json){ JSON_NONE, NULL, 0 };
		out->writer = get_text(v, "writer");
		out->job = get_text(v, "job");
		out->host = get_text(v, "host");
		(void)json_u64(json_get(v, "time"), &out->time_ms);
	}
	buf_free(&b);
	free(path);
	free(folder);
	return rc < 0 ? -1 : 0;
}

void element_start_free(struct element_start *s)
{
	free(s->writer);
	free(s->job);
	free(s->host);
	*s = (struct element_start){ .writer = NULL };
}
