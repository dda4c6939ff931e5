/* SPDX-License-Identifier: MIT */
/* Loading a space that space_save froze. The file's own hash tells damage; what stands in it is
 * checked all the same. */
#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "gen/space_internal.h"

struct load {
	struct space *s;
	struct err *e;
	const char *p, *end; /* the lines that are left */
	uint64_t where_points, where_kept;
	char where_sum[SHA256_HEX];
};

static int damaged(struct load *l, const char *what)
{
	return err_bad(l->e, "damaged: %s", what);
}

/* The next line as JSON; JSON_NONE behind the last one. */
static struct json next_line(struct load *l)
{
	const char *stop = memchr(l->p, '\n', (size_t)(l->end - l->p));
	struct json v = { .type = JSON_NONE };

	if (!stop)
		return v;
	if (json_parse(l->p, (size_t)(stop - l->p), &v, NULL))
		v.type = JSON_NONE;
	l->p = stop + 1;
	return v;
}

/* Takes the last line off, and checks the rest against it. */
static int check_sum(struct load *l)
{
	const char *last = l->end;
	uint8_t sum[SHA256_SIZE];
	char hex[SHA256_HEX];
	struct json v;

	if (l->p == l->end || l->end[-1] != '\n')
		return damaged(l, "it is cut off");
	for (last--; last > l->p && last[-1] != '\n';)
		last--;
	if (json_parse(last, (size_t)(l->end - last), &v, NULL))
		return damaged(l, "its last line is not the hash");
	sha256_of(l->p, (size_t)(last - l->p), sum);
	hex_put(hex, sum, sizeof sum);
	if (!json_eq(json_get(v, "sha256"), hex))
		return damaged(l, "its content does not have its hash");
	l->end = last;
	return 0;
}

static int load_value(struct load *l, struct json v, struct value *out)
{
	struct buf b = BUF_INIT;
	int rc = 0;

	if (v.type != JSON_STRING)
		return damaged(l, "a value is no text");
	json_put_decoded(&b, v);
	if (!b.len || !memchr("snbl", b.data[0], 4) ||
	    (b.data[0] == 'n' && !text_is_number(b.data + 1, b.len - 1)))
		rc = damaged(l, "a value's type is wrong");
	else
		*out = (struct value){ (enum value_type)b.data[0],
				       arena_dupn(l->s->arena, b.data + 1, b.len - 1), b.len - 1 };
	buf_free(&b);
	return rc;
}

static int load_rows(struct load *l, uint64_t n, size_t n_names, const struct value **out)
{
	struct value *rows = arena_alloc(l->s->arena, (n * n_names + 1) * sizeof *rows);

	*out = rows;
	for (uint64_t i = 0; i < n; i++) {
		struct json line = next_line(l), v;
		struct json_iter it = json_iter(line);
		size_t k = 0;

		if (line.type != JSON_ARRAY)
			return damaged(l, "rows are missing");
		for (; json_next(&it, NULL, &v); k++)
			if (k == n_names || load_value(l, v, &rows[i * n_names + k]))
				return damaged(l, "a row has too many values");
		if (k != n_names)
			return damaged(l, "a row has too few values");
	}
	return 0;
}

static size_t array_length(struct json v)
{
	struct json_iter it = json_iter(v);
	size_t n = 0;

	while (v.type == JSON_ARRAY && json_next(&it, NULL, NULL))
		n++;
	return n;
}

static bool get_i64(struct json v, int64_t *out)
{
	bool minus = v.type == JSON_NUMBER && v.len && *v.text == '-';
	uint64_t u;

	if (v.type != JSON_NUMBER || !text_u64(v.text + minus, v.len - minus, &u) || u > INT64_MAX)
		return false;
	*out = minus ? -(int64_t)u : (int64_t)u;
	return true;
}

static int load_range(struct load *l, struct json v, struct axis *x)
{
	uint64_t decimals, least;
	__extension__ __int128 last;

	if (!get_i64(json_get(v, "from"), &x->range.from) ||
	    !get_i64(json_get(v, "step"), &x->range.step) ||
	    !json_u64(json_get(v, "decimals"), &decimals) ||
	    !json_u64(json_get(v, "least"), &least) || decimals > 18 || least > decimals ||
	    x->n_names != 1 || x->n > AXIS_RANGE_MAX)
		return damaged(l, "a range is wrong");
	last = x->range.from + (__extension__(__int128) x->range.step) * (int64_t)(x->n - 1);
	if (last > INT64_MAX || last < -INT64_MAX)
		return damaged(l, "a range is wrong");
	x->is_range = true;
	x->range.decimals = (unsigned)decimals;
	x->range.least = (unsigned)least;
	return 0;
}

static int load_names(struct load *l, struct json names, struct json was, struct axis *x)
{
	struct json_iter it = json_iter(names), wt = json_iter(was);
	struct json name, old;

	x->n_names = array_length(names);
	if (!x->n_names || array_length(was) != x->n_names)
		return damaged(l, "an axis has no names");
	x->names = arena_alloc(l->s->arena, x->n_names * sizeof *x->names);
	x->was = arena_alloc(l->s->arena, x->n_names * sizeof *x->was);
	for (size_t k = 0; json_next(&it, NULL, &name) && json_next(&wt, NULL, &old); k++) {
		char *text = json_string(name);

		if (!text || !name_is_parameter(text) || name_is_reserved(text)) {
			free(text);
			return damaged(l, "a parameter's name is wrong");
		}
		x->names[k] = arena_dup(l->s->arena, text);
		free(text);
		if (old.type != JSON_NULL && load_value(l, old, &x->was[k]))
			return -1;
	}
	return 0;
}

static int load_axes(struct load *l, struct json axes)
{
	struct space *s = l->s;
	struct json_iter it = json_iter(axes);
	struct json v;

	if (axes.type != JSON_ARRAY)
		return damaged(l, "no axes");
	s->axes = arena_alloc(s->arena, (array_length(axes) + 1) * sizeof *s->axes);
	for (; json_next(&it, NULL, &v); s->n_axes++) {
		struct axis *x = &s->axes[s->n_axes];

		if (load_names(l, json_get(v, "names"), json_get(v, "was"), x))
			return -1;
		if (!json_u64(json_get(v, "n"), &x->n) || !x->n)
			return damaged(l, "an axis has no values");
		if (json_get(v, "range").type == JSON_OBJECT) {
			if (load_range(l, json_get(v, "range"), x))
				return -1;
		} else if (x->n > (uint64_t)(l->end - l->p)) {
			return damaged(l, "rows are missing");
		}
	}
	return 0;
}

static int load_seeds(struct load *l, struct json head)
{
	struct space *s = l->s;
	struct json list = json_get(head, "seed_by"), v;
	struct json_iter it = json_iter(list);
	char *seed = json_string(json_get(head, "seed"));

	if (!seed || !text_is_integer(seed, strlen(seed))) {
		free(seed);
		return damaged(l, "no seed");
	}
	s->seed = arena_dup(s->arena, seed);
	free(seed);
	s->seed_by = arena_alloc(s->arena, (array_length(list) + 1) * sizeof *s->seed_by);
	while (list.type == JSON_ARRAY && json_next(&it, NULL, &v)) {
		char *name = json_string(v);

		s->seed_by[s->n_seed_by++] = arena_dup(s->arena, name ? name : "");
		free(name);
	}
	return 0;
}

static int load_where(struct load *l, struct json v)
{
	char *sum;

	if (v.type == JSON_NULL)
		return 0;
	sum = json_string(json_get(v, "sha256"));
	if (sum && strlen(sum) == SHA256_HEX - 1)
		memcpy(l->where_sum, sum, SHA256_HEX);
	free(sum);
	if (!l->where_sum[0] || !json_u64(json_get(v, "points"), &l->where_points) ||
	    !json_u64(json_get(v, "kept"), &l->where_kept) || l->where_points > SPACE_WHERE_MAX)
		return damaged(l, "its where is wrong");
	l->s->where_rep = json_true(json_get(v, "rep"));
	return 0;
}

static int load_head(struct load *l, struct json head)
{
	struct space *s = l->s;
	struct json repeat = json_get(head, "repeat");
	uint64_t format, added;

	if (head.type != JSON_OBJECT || !json_u64(json_get(head, "format"), &format))
		return damaged(l, "its first line is wrong");
	if (format != 1)
		return err_bad(l->e, "format %" PRIu64 " is of a newer ppgen", format);
	s->repeat = 1;
	if (!json_u64(json_get(head, "added"), &added) || added > (uint64_t)(l->end - l->p) ||
	    (repeat.type != JSON_NULL && (!json_u64(repeat, &s->repeat) || !s->repeat)))
		return damaged(l, "its first line is wrong");
	if (load_seeds(l, head) || load_axes(l, json_get(head, "axes")) ||
	    load_where(l, json_get(head, "where")))
		return -1;
	for (size_t i = 0; i < s->n_axes; i++)
		if (!s->axes[i].is_range &&
		    load_rows(l, s->axes[i].n, s->axes[i].n_names, &s->axes[i].rows))
			return -1;
	if (repeat.type != JSON_NULL)
		space_add_rep(s);
	s->n_added = added;
	return 0;
}

static int load_bits(struct load *l, const char *dir)
{
	struct space *s = l->s;
	uint64_t points = s->where_rep ? s->crossed : s->crossed / s->repeat,
		 words = bitmap_words(points);
	char *path = path_join(dir, "where.bits");
	struct file_view v = { 0 };
	uint8_t sum[SHA256_SIZE];
	char hex[SHA256_HEX];
	int rc = file_view(path, &v, l->e);

	if (rc)
		goto out;
	sha256_of(v.data, v.len, sum);
	hex_put(hex, sum, sizeof sum);
	if (l->where_points != points || v.len != words * 8 || strcmp(hex, l->where_sum) != 0) {
		rc = err_bad(l->e, "'%s' is damaged: its content does not have its hash", path);
		goto out;
	}
	s->where = bitmap_new(points);
	memcpy(s->where->words, v.data, v.len);
	for (uint64_t i = 0; i < words; i++)
		s->where->words[i] = le64toh(s->where->words[i]);
	bitmap_finish(s->where);
	if (s->where->kept != l->where_kept ||
	    (points % 64 && s->where->words[words - 1] >> (points % 64)))
		rc = err_bad(l->e, "'%s' is damaged: its counts are wrong", path);
	s->kept = s->where->kept * (s->where_rep ? 1 : s->repeat);
	if (!rc)
		rc = file_view_check(&v, path, l->e);
out:
	file_view_free(&v);
	free(path);
	return rc;
}

static int load_all(struct load *l)
{
	struct space *s = l->s;
	size_t bad;

	if (check_sum(l) || load_head(l, next_line(l)))
		return -1;
	if (space_complete(s))
		return damaged(l, "too many points");
	if (load_rows(l, s->n_added, space_plain_names(s), &s->added))
		return -1;
	if (l->p != l->end)
		return damaged(l, "too many rows");
	return space_find_seed_by(s, &bad) ? 0 : damaged(l, "its seed_by names no parameter");
}

struct space *space_load(const char *dir, struct err *e)
{
	char *path = path_join(dir, "axes.jsonl");
	struct file_view v = { 0 };
	struct load l = { .e = e };
	struct space *s = NULL;

	if (file_view(path, &v, e))
		goto out;
	s = mem_alloc(sizeof *s);
	s->arena = arena_new();
	l.s = s;
	l.p = v.data;
	l.end = v.data + v.len;
	if (load_all(&l))
		err_wrap(e, "'%s'", path);
	else if (!file_view_check(&v, path, e) && (!l.where_sum[0] || !load_bits(&l, dir)))
		goto out;
	space_free(s);
	s = NULL;
out:
	file_view_free(&v);
	free(path);
	return s;
}
