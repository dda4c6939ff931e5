/* SPDX-License-Identifier: MIT */
/* What a task is called and what it draws its random numbers from. Everything here is for ever: see
 * tests/unit/test_task_id.c. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "gen/space_internal.h"

/* Each piece behind its length, eight bytes, little endian. */
static void put_framed(struct buf *b, const void *p, size_t n)
{
	uint8_t len[8];

	for (unsigned i = 0; i < 8; i++)
		len[i] = (uint8_t)((uint64_t)n >> (8 * i));
	buf_room(b, sizeof len + n);
	memcpy(b->data + b->len, len, sizeof len);
	memcpy(b->data + b->len + sizeof len, p, n);
	b->len += sizeof len + n;
}

static void put_framed_text(struct buf *b, const char *s)
{
	put_framed(b, s, strlen(s));
}

static void put_parameter(struct buf *b, const char *name, const struct value *v)
{
	char letter = (char)v->type;

	put_framed_text(b, name);
	put_framed(b, &letter, 1);
	put_framed(b, v->text, v->len);
}

static void put_framed_u64(struct buf *b, uint64_t v)
{
	char digits[24], *p = digits + sizeof digits;

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	put_framed(b, p, (size_t)(digits + sizeof digits - p));
}

void task_id(const struct space *s, const struct point *p, uint8_t id[TASK_ID_SIZE])
{
	static _Thread_local struct buf b;
	uint8_t sum[SHA256_SIZE];

	buf_clear(&b);
	put_framed_text(&b, "ppgen-task-v1");
	for (size_t i = 0; i < space_plain_names(s); i++) {
		size_t k = s->sorted[i];

		if (!s->was[k] || !value_equal(s->was[k], &p->values[k]))
			put_parameter(&b, s->names[k], &p->values[k]);
	}
	put_framed_u64(&b, p->rep);
	sha256_of(b.data, b.len, sum);
	memcpy(id, sum, TASK_ID_SIZE);
}

void task_id_show(const uint8_t id[TASK_ID_SIZE], char out[TASK_ID_SHOWN])
{
	out[0] = 't';
	hex_put(out + 1, id, (TASK_ID_SHOWN - 2) / 2);
}

static uint64_t big_endian(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

void task_seeds(const struct space *s, const struct point *p, const uint8_t id[TASK_ID_SIZE],
		struct seeds *out)
{
	uint8_t sum[SHA256_SIZE];
	struct buf b = BUF_INIT;

	put_framed_text(&b, "ppgen-seed-v1");
	put_framed_text(&b, s->seed);
	if (!s->n_seed_by)
		put_framed(&b, id, TASK_ID_SIZE);
	for (size_t i = 0; i < s->n_seed_by; i++) {
		size_t k = s->seed_by_name[i];

		put_parameter(&b, s->names[k], &p->values[k]);
	}
	sha256_of(b.data, b.len, sum);
	buf_free(&b);
	out->seed64 = big_endian(sum, 8) & INT64_MAX;
	out->seed = (uint32_t)(out->seed64 >> 32);
	for (size_t i = 0; i < 4; i++)
		out->words[i] = (uint32_t)big_endian(sum + 8 + 4 * i, 4);
}
