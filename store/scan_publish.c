/* SPDX-License-Identifier: MIT */
/*
 * What was published. collect/published.json says how far each journal had been read when a table
 * was last published, so that a result that turns up later never takes the place of one that is in
 * the table:
 *
 *   {"table":SHA256,"plan":N,"journals":{WRITER:BYTES,...},"winners":{WRITER:[OFFSET,...],...}}
 *
 * The lengths alone would do until the next publication, at which the late result has been read as
 * well. So the few winners that the plain rule would not choose are listed by place in `winners`.
 * It is no more than a memory: where it is absent or damaged the plain rule holds.
 */
#include <stdlib.h>
#include <string.h>

#include "base/inside.h"
#include "base/json.h"
#include "base/mem.h"
#include "store/rundir.h"
#include "store/scan_internal.h"

#define PUBLISHED_MAX (UINT64_C(1) << 30)

/* A journal by its writer's name; SIZE_MAX when there is none. */
static size_t find_writer(const struct scan *s, const char *writer)
{
	size_t low = 0, high = s->n_files;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = strcmp(s->files[middle].writer, writer);

		if (order == 0) {
			return middle;
		}
		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return SIZE_MAX;
}

static int compare_u64(const void *pa, const void *pb)
{
	const uint64_t *a = pa, *b = pb;

	return *a < *b ? -1 : *a > *b;
}

static void load_winners(struct published *p, struct json list)
{
	struct json_iter it = json_iter(list);
	struct json v;
	size_t cap = 0;

	while (list.type == JSON_ARRAY && json_next(&it, NULL, &v)) {
		ARRAY_ROOM(p->winners, p->n_winners, cap);
		if (json_u64(v, &p->winners[p->n_winners])) {
			p->n_winners++;
		}
	}
	if (p->n_winners > 0) {
		qsort(p->winners, p->n_winners, sizeof *p->winners, compare_u64);
	}
}

/* Walks one of the two maps by writer. */
static void load_map(struct scan *s, struct json map, bool winners)
{
	struct json_iter it = json_iter(map);
	struct json key, v;

	while (map.type == JSON_OBJECT && json_next(&it, &key, &v)) {
		char *writer = json_string(key);
		const size_t at = writer ? find_writer(s, writer) : SIZE_MAX;

		if (at != SIZE_MAX && winners) {
			load_winners(&s->priv->published[at], v);
		} else if (at != SIZE_MAX) {
			json_u64(v, &s->priv->published[at].bytes);
		}
		free(writer);
	}
}

/* A file that is damaged says nothing; one that cannot be read may say who has won. */
int published_load(struct scan *s, struct err *e)
{
	char *path = rundir_path(s->rundir, PUBLISHED);
	struct buf b = BUF_INIT;
	struct json v;
	int rc = 0;

	if (!file_absent(path) && (rc = file_read(path, &b, PUBLISHED_MAX, e)) == 0 &&
	    json_parse(buf_str(&b), b.len, &v, NULL) == 0) {
		s->priv->published = mem_array(s->n_files, sizeof *s->priv->published);
		load_map(s, json_get(v, "journals"), false);
		load_map(s, json_get(v, "winners"), true);
	}
	buf_free(&b);
	free(path);
	return rc;
}

bool published_has(const struct scan *s, uint32_t file, uint64_t offset)
{
	return offset < s->priv->published[file].bytes;
}

bool published_won(const struct scan *s, uint32_t file, uint64_t offset)
{
	const struct published *p = &s->priv->published[file];

	return p->n_winners > 0 &&
	       bsearch(&offset, p->winners, p->n_winners, sizeof *p->winners, compare_u64);
}

void published_free(struct scan *s)
{
	for (size_t i = 0; s->priv->published && i < s->n_files; i++) {
		free(s->priv->published[i].winners);
	}
	free(s->priv->published);
	s->priv->published = NULL;
}

static int compare_by_file(const void *pa, const void *pb)
{
	const struct place *a = pa, *b = pb;

	if (a->file != b->file) {
		return a->file < b->file ? -1 : 1;
	}
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* The winners that lose by the plain rule to another success of their task, by place. */
static int find_pinned(struct scan *s, struct places *pinned, struct err *e)
{
	for (size_t i = 0; i < s->priv->doubles.n; i++) {
		const struct place *d = &s->priv->doubles.items[i];
		const struct task_state *st = &s->tasks[d->index];
		struct contender won = { .file = st->file, .offset = st->offset };
		struct contender lost = { .file = d->file, .offset = d->offset };
		struct record r;

		if (scan_read(s, won.file, won.offset, &r, e) < 0) {
			return -1;
		}
		won.attempt = r.attempt;
		if (scan_read(s, lost.file, lost.offset, &r, e) < 0) {
			return -1;
		}
		lost.attempt = r.attempt;
		if (winner_first(&lost, &won)) {
			ARRAY_ROOM(pinned->items, pinned->n, pinned->cap);
			pinned->items[pinned->n++] =
				(struct place){ d->index, won.offset, won.file, 0 };
		}
	}
	if (pinned->n > 0) {
		qsort(pinned->items, pinned->n, sizeof *pinned->items, compare_by_file);
	}
	return 0;
}

static void put_winners(const struct scan *s, const struct places *pinned, struct buf *b)
{
	for (size_t i = 0; i < pinned->n; i++) {
		const struct place *p = &pinned->items[i];
		const bool new_file = i == 0 || p->file != p[-1].file;

		if (!new_file && p->offset == p[-1].offset) {
			continue;
		}
		if (new_file) {
			if (i > 0) {
				buf_putc(b, ']');
			}
			json_put_key(b, s->files[p->file].writer);
			buf_putc(b, '[');
		}
		json_put_sep(b);
		buf_put_u64(b, p->offset);
	}
	if (pinned->n > 0) {
		buf_putc(b, ']');
	}
}

int scan_mark_published(struct scan *s, const char *table_sha256, struct err *e)
{
	char *dir = rundir_path(s->rundir, "collect");
	char *path = rundir_path(s->rundir, PUBLISHED);
	struct places pinned = { NULL, 0, 0 };
	struct buf b = BUF_INIT;
	int rc = -1;

	if (find_pinned(s, &pinned, e) < 0) {
		goto out;
	}
	buf_putc(&b, '{');
	json_put_key(&b, "table");
	json_puts(&b, table_sha256);
	buf_printf(&b, ",\"plan\":%u,\"journals\":{", s->plan->number);
	for (size_t i = 0; i < s->n_files; i++) {
		json_put_key(&b, s->files[i].writer);
		buf_put_u64(&b, s->files[i].whole);
	}
	buf_puts(&b, "},\"winners\":{");
	put_winners(s, &pinned, &b);
	buf_puts(&b, "}}\n");
	if (inside_check_parent(dir, e) == 0 && file_make_dirs(dir, e) == 0 &&
	    inside_check_parent(path, e) == 0) {
		rc = file_publish(path, b.data, b.len, e);
	}
	if (rc == 0) { /* the same attempts count as before, but now for another reason */
		s->priv->remembered = 0;
		cursor_save(s);
	}
out:
	free(pinned.items);
	buf_free(&b);
	free(path);
	free(dir);
	return rc;
}
