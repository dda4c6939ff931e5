/* SPDX-License-Identifier: MIT */
/*
 * Reading a submission back: submission.json by the table of its members, and what has happened
 * since. Everything is checked as it was when it was written; what is wrong is named with its
 * file.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "store/submission_internal.h"

#define FILE_MAX (UINT64_C(64) << 20)

int submission_newer(uint64_t version, int known, struct err *e)
{
	return err_bad(e,
		       "it has version %" PRIu64 ", but this ppgen (" PPGEN_VERSION
		       ") knows versions up to %d: use a newer ppgen",
		       version, known);
}

const char *submission_text(struct submission *s, struct json v)
{
	struct buf b = BUF_INIT;
	const char *text = NULL;

	if (v.type == JSON_STRING) {
		json_put_decoded(&b, v);
		if (!b.len || !memchr(b.data, '\0', b.len)) {
			text = arena_dupn(s->arena, buf_str(&b), b.len);
		}
		buf_free(&b);
	}
	return text;
}

/* ---- members ---- */

static int take_number(const struct member *m, struct json v, void *at, struct err *e)
{
	uint64_t n;

	if (v.type != JSON_NUMBER || !json_u64(v, &n) || n < m->least || n > m->most) {
		return err_fail(e, "its '%s' is out of range: %.*s", m->key,
				v.len < 40 ? (int)v.len : 40, v.text);
	}
	if (m->type == MEMBER_UNSIGNED) {
		*(unsigned *)at = (unsigned)n;
	} else {
		*(uint64_t *)at = n;
	}
	return 0;
}

static int take_member(struct submission *s, const struct member *m, struct json object, void *base,
		       struct err *e)
{
	const struct json v = json_get(object, m->key);
	void *at = member_place(m, base);
	const char *text;

	if (m->type == MEMBER_TEXT_OR_NULL && (v.type == JSON_NONE || v.type == JSON_NULL)) {
		*(const char **)at = NULL;
		return 0;
	}
	if (m->type == MEMBER_U64_OR_0 && v.type == JSON_NONE) {
		*(uint64_t *)at = 0;
		return 0;
	}
	if (v.type == JSON_NONE) {
		return err_fail(e, "it has no '%s'", m->key);
	}
	if (m->type == MEMBER_UNSIGNED || m->type == MEMBER_U64 || m->type == MEMBER_U64_OR_0) {
		return take_number(m, v, at, e);
	}
	if (m->type == MEMBER_BOOL) {
		*(bool *)at = json_true(v);
		return v.type == JSON_BOOL
			       ? 0
			       : err_fail(e, "its '%s' is neither true nor false", m->key);
	}
	text = submission_text(s, v);
	*(const char **)at = text;
	return text ? 0 : err_fail(e, "its '%s' is no text", m->key);
}

static int take_table(struct submission *s, const struct member_table *t, struct json object,
		      void *base, struct err *e)
{
	if (object.type != JSON_OBJECT) {
		return err_fail(e, "it is no object");
	}
	for (size_t i = 0; i < t->n; i++) {
		if (take_member(s, &t->rows[i], object, base, e) < 0) {
			return -1;
		}
	}
	return 0;
}

static size_t count_items(struct json array)
{
	struct json_iter it = json_iter(array);
	size_t n = 0;

	while (json_next(&it, NULL, NULL)) {
		n++;
	}
	return n;
}

static int take_launch(struct submission *s, struct json v, struct err *e)
{
	struct json item;
	struct json_iter it;
	const char **words;
	size_t n = 0;

	if (v.type == JSON_NONE || v.type == JSON_NULL) {
		return 0;
	}
	if (v.type != JSON_ARRAY) {
		return err_fail(e, "its 'launch' is no list of words");
	}
	words = arena_alloc(s->arena, (count_items(v) + 1) * sizeof *words);
	for (it = json_iter(v); json_next(&it, NULL, &item); n++) {
		words[n] = submission_text(s, item);
		if (!words[n]) {
			return err_fail(e, "its 'launch' is no list of words");
		}
	}
	s->launch = words;
	return 0;
}

static int take_arrays(struct submission *s, struct json v, struct err *e)
{
	struct json item;
	struct json_iter it;
	size_t n = 0;

	if (v.type != JSON_ARRAY) {
		return err_fail(e, "it has no 'arrays'");
	}
	s->n_arrays = count_items(v);
	s->arrays = arena_alloc(s->arena, (s->n_arrays + 1) * sizeof *s->arrays);
	for (it = json_iter(v); json_next(&it, NULL, &item); n++) {
		struct submission_array *a = &s->arrays[n];

		if (take_table(s, &array_members, item, a, e) < 0 ||
		    take_table(s, &resource_members, json_get(item, "resources"), &a->res, e) < 0) {
			return err_wrap(e, "array %zu", n + 1);
		}
	}
	return 0;
}

static int take_all(struct submission *s, unsigned number, const char *text, size_t len,
		    struct err *e)
{
	struct json v, tag;
	uint64_t version;

	if (json_parse(text, len, &v, e) < 0) {
		return -1;
	}
	if (v.type != JSON_OBJECT || !json_u64(json_get(v, "v"), &version) || version == 0) {
		return err_fail(e, "it has no 'v'");
	}
	if (version > SUBMISSION_FORMAT) {
		return submission_newer(version, SUBMISSION_FORMAT, e);
	}
	if (take_table(s, &submission_members, v, s, e) < 0 ||
	    take_launch(s, json_get(v, "launch"), e) < 0 ||
	    take_arrays(s, json_get(v, "arrays"), e) < 0) {
		return -1;
	}
	tag = json_get(v, "tag");
	if (tag.type == JSON_STRING && tag.len == SUBMISSION_TAG - 1 + 2) {
		memcpy(s->tag, tag.text + 1, SUBMISSION_TAG - 1);
	}
	s->site = json_get(v, "site");
	if (s->number != number) {
		return err_fail(e, "its 'number' is %u", s->number);
	}
	return submission_check(s, e);
}

/* ---- what has happened ---- */

/* Reads one of the files that are published when something happened: 1 and its object, whose text
 * is in the arena, 0 it has not happened. */
static int read_event(struct submission *s, const char *name, struct json *out, struct err *e)
{
	char *path = path_join(s->dir, name);
	struct buf b = BUF_INIT;
	int rc = 0;

	if (!file_absent(path)) {
		rc = file_read(path, &b, FILE_MAX, e);
		if (rc == 0) {
			const char *text = arena_dupn(s->arena, buf_str(&b), b.len);

			rc = json_parse(text, b.len, out, e) < 0 ? -1 : 1;
			if (rc > 0 && out->type != JSON_OBJECT) {
				rc = err_fail(e, "it is no object");
			}
			if (rc < 0) {
				err_wrap(e, "'%s'", path);
			}
		}
	}
	buf_free(&b);
	free(path);
	return rc;
}

static int read_id(struct submission *s, const char *name, const char **id, struct err *e)
{
	struct json v;
	const int rc = read_event(s, name, &v, e);

	if (rc <= 0) {
		return rc;
	}
	*id = submission_text(s, json_get(v, "id"));
	return *id ? 0 : err_fail(e, "'%s/%s': it has no 'id'", s->dir, name);
}

static int read_ids(struct submission *s, struct err *e)
{
	for (size_t i = 0; i < s->n_arrays; i++) {
		char *name = mem_printf("job-%zu.json", i + 1);
		const int rc = read_id(s, name, &s->arrays[i].id, e);

		free(name);
		if (rc < 0) {
			return -1;
		}
	}
	return read_id(s, "job-finalise.json", &s->finalise_id, e);
}

static int read_ended(struct submission *s, struct err *e)
{
	struct json v;
	uint64_t next = 0;
	const int rc = read_event(s, "ended.json", &v, e);

	if (rc <= 0) {
		return rc;
	}
	s->how = submission_text(s, json_get(v, "how"));
	s->why = submission_text(s, json_get(v, "why"));
	if (json_u64(json_get(v, "next"), &next) && next <= NUMBERS_MAX) {
		s->next = (unsigned)next;
	}
	return s->how ? 0 : err_fail(e, "'%s/ended.json': it has no 'how'", s->dir);
}

int submission_read_events(struct submission *s, struct err *e)
{
	struct json v;
	int rc;

	if (read_ids(s, e) < 0) {
		return -1;
	}
	rc = read_event(s, "released.json", &v, e);
	s->released = rc > 0;
	return rc < 0 ? -1 : read_ended(s, e);
}

/* ---- the whole ---- */

int submission_load(const char *rundir, unsigned number, struct submission *out, struct err *e)
{
	char *at = path_absolute(rundir);
	char *dir = submission_path(at, number), *path = path_join(dir, "submission.json");
	struct buf b = BUF_INIT;
	const char *text;
	int rc = -1;

	*out = (struct submission){ .arena = arena_new() };
	out->dir = out->home = arena_dup(out->arena, dir);
	if (number == 0 || file_absent(dir)) {
		err_bad(e, "there is no submission %u in '%s'", number, rundir);
		goto out;
	}
	if (file_read(path, &b, FILE_MAX, e) < 0) {
		goto out;
	}
	text = arena_dupn(out->arena, buf_str(&b), b.len);
	if (take_all(out, number, text, b.len, e) < 0) {
		err_wrap(e, "'%s'", path);
		goto out;
	}
	rc = submission_read_events(out, e);
out:
	if (rc < 0) {
		submission_free(out);
	}
	buf_free(&b);
	free(path);
	free(dir);
	free(at);
	return rc;
}
