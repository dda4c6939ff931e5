/* SPDX-License-Identifier: MIT */
/*
 * Freezing a space into a plan's folder. axes.jsonl is one JSON value a line:
 *
 *   {"format":1,"seed":"0","seed_by":["rep"],"repeat":5,"axes":[
 *     {"names":["T"],"was":[null],"n":7,"range":{"from":15,"step":25,"decimals":2,"least":1}},
 *     {"names":["code","steps"],"was":["smetro",null],"n":2}],
 *    "where":{"points":14,"kept":12,"rep":false,"sha256":".."},"added":1}      (one line; repeat,
 * where: null when not given)
 *   ["smetro","n1e6"]       a row of an axis without range, axis by axis: each value's type letter
 * and its text
 *   ["n2.269","n128",...]   the added points, without rep
 *   {"sha256":".."}         of all lines before
 *
 * where.bits holds the where's bits as 64-bit words, little endian.
 */
#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "gen/space_internal.h"

static void put_value(struct buf *b, const struct value *v)
{
	struct buf text = BUF_INIT;

	buf_putc(&text, (char)v->type);
	buf_add(&text, v->text, v->len);
	json_put(b, text.data, text.len);
	buf_free(&text);
}

static void put_row(struct buf *b, const struct value *row, size_t n)
{
	buf_putc(b, '[');
	for (size_t k = 0; k < n; k++) {
		json_put_sep(b);
		put_value(b, &row[k]);
	}
	buf_puts(b, "]\n");
}

static void put_axis(struct buf *b, const struct axis *x)
{
	json_put_sep(b);
	buf_puts(b, "{\"names\":[");
	for (size_t k = 0; k < x->n_names; k++) {
		json_put_sep(b);
		json_puts(b, x->names[k]);
	}
	buf_puts(b, "],\"was\":[");
	for (size_t k = 0; k < x->n_names; k++) {
		json_put_sep(b);
		if (x->was[k].text)
			put_value(b, &x->was[k]);
		else
			buf_puts(b, "null");
	}
	buf_printf(b, "],\"n\":%" PRIu64, x->n);
	if (x->is_range)
		buf_printf(b,
			   ",\"range\":{\"from\":%" PRId64 ",\"step\":%" PRId64
			   ",\"decimals\":%u,\"least\":%u}",
			   x->range.from, x->range.step, x->range.decimals, x->range.least);
	buf_putc(b, '}');
}

/* The words as they lie on disk; on a little-endian machine that is where they are already. */
static const uint64_t *disk_words(const struct bitmap *m, uint64_t **own)
{
	*own = NULL;
#if __BYTE_ORDER == __BIG_ENDIAN
	uint64_t n = bitmap_words(m->n);

	*own = mem_array(n + 1, sizeof **own);
	for (uint64_t i = 0; i < n; i++)
		(*own)[i] = htole64(m->words[i]);
	return *own;
#else
	return m->words;
#endif
}

static void put_where(struct buf *b, const struct space *s)
{
	const struct bitmap *m = s->where;
	uint8_t sum[SHA256_SIZE];
	char hex[SHA256_HEX];
	uint64_t *own;

	if (!m) {
		buf_puts(b, ",\"where\":null");
		return;
	}
	sha256_of(disk_words(m, &own), bitmap_words(m->n) * 8, sum);
	free(own);
	hex_put(hex, sum, sizeof sum);
	buf_printf(b,
		   ",\"where\":{\"points\":%" PRIu64 ",\"kept\":%" PRIu64
		   ",\"rep\":%s,\"sha256\":\"%s\"}",
		   m->n, m->kept, s->where_rep ? "true" : "false", hex);
}

static void put_head(struct buf *b, const struct space *s)
{
	buf_puts(b, "{\"format\":1,\"seed\":");
	json_puts(b, s->seed);
	buf_puts(b, ",\"seed_by\":[");
	for (size_t i = 0; i < s->n_seed_by; i++) {
		json_put_sep(b);
		json_puts(b, s->seed_by[i]);
	}
	buf_puts(b, "],\"repeat\":");
	if (s->repeats)
		buf_printf(b, "%" PRIu64, s->repeat);
	else
		buf_puts(b, "null");
	buf_puts(b, ",\"axes\":[");
	for (size_t i = 0; i < space_plain_axes(s); i++)
		put_axis(b, &s->axes[i]);
	buf_putc(b, ']');
	put_where(b, s);
	buf_printf(b, ",\"added\":%" PRIu64 "}\n", s->n_added);
}

void space_put_axes(const struct space *s, struct buf *b)
{
	uint8_t sum[SHA256_SIZE];
	char hex[SHA256_HEX];

	put_head(b, s);
	for (size_t i = 0; i < s->n_axes; i++) {
		const struct axis *x = &s->axes[i];

		for (uint64_t r = 0; !x->is_range && r < x->n; r++)
			put_row(b, x->rows + r * x->n_names, x->n_names);
	}
	for (uint64_t i = 0; i < s->n_added; i++)
		put_row(b, s->added + i * space_plain_names(s), space_plain_names(s));
	sha256_of(b->data, b->len, sum);
	hex_put(hex, sum, sizeof sum);
	buf_printf(b, "{\"sha256\":\"%s\"}\n", hex);
}

void space_hash(const struct space *s, uint8_t out[32])
{
	struct buf b = BUF_INIT;

	space_put_axes(s, &b);
	sha256_of(b.data, b.len, out);
	buf_free(&b);
}

int space_save(const struct space *s, const char *dir, struct err *e)
{
	char *axes = path_join(dir, "axes.jsonl"), *bits = path_join(dir, "where.bits");
	struct buf b = BUF_INIT;
	uint64_t *own;
	int rc = 0;

	if (s->where) {
		rc = file_publish(bits, disk_words(s->where, &own), bitmap_words(s->where->n) * 8,
				  e);
		free(own);
	}
	space_put_axes(s, &b);
	if (!rc)
		rc = file_publish(axes, b.data, b.len, e);
	buf_free(&b);
	free(axes);
	free(bits);
	return rc;
}
