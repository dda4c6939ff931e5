/* SPDX-License-Identifier: MIT */
/*
 * asked.json: what the scheduler said last, for everybody who wants to know within the next minute.
 *
 *   {"time":MS,"why":null,"lags":false,"seen":[[ARRAY,FIRST,LAST,"done","CD"],...]}
 *
 * It is a cache that everybody may overwrite: whatever is not sound in it is as if it were not
 * there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "submit/scheduler_internal.h"

#define ASKED      "asked.json"
#define ASKED_MOST (UINT64_C(16) << 20)

static bool state_of(struct json v, enum job_state *state)
{
	for (int k = 0; k < JOB_STATE_COUNT; k++) {
		if (json_eq(v, job_state_names[k])) {
			*state = (enum job_state)k;
			return true;
		}
	}
	return false;
}

static bool seen_load(struct json row, struct job_seen *x)
{
	struct json_iter it = json_iter(row);
	struct json v[5];
	uint64_t array;
	char *word;

	*x = (struct job_seen){ .array = 0 };
	for (size_t k = 0; k < 5; k++) {
		if (row.type != JSON_ARRAY || !json_next(&it, NULL, &v[k])) {
			return false;
		}
	}
	word = json_string(v[4]);
	if (word) {
		memcpy(x->word, word, strnlen(word, JOB_WORD - 1));
	}
	free(word);
	if (!json_u64(v[0], &array) || array > UINT32_MAX || !json_u64(v[1], &x->first) ||
	    !json_u64(v[2], &x->last) || x->last < x->first || !state_of(v[3], &x->state)) {
		return false;
	}
	x->array = (unsigned)array;
	return true;
}

static bool follows(const struct job_seen *a, const struct job_seen *b)
{
	return a->array < b->array || (a->array == b->array && a->last < b->first);
}

static bool view_load(struct json v, struct job_view *out)
{
	struct json_iter it = json_iter(json_get(v, "seen"));
	struct json row;
	size_t cap = 0;

	if (!json_u64(json_get(v, "time"), &out->asked_ms) ||
	    json_get(v, "seen").type != JSON_ARRAY) {
		return false;
	}
	out->why = json_string(json_get(v, "why"));
	out->failed = out->why != NULL;
	out->lags = json_true(json_get(v, "lags"));
	while (json_next(&it, NULL, &row)) {
		ARRAY_ROOM(out->seen, out->n, cap);
		if (!seen_load(row, &out->seen[out->n]) ||
		    (out->n && !follows(&out->seen[out->n - 1], &out->seen[out->n]))) {
			return false;
		}
		out->n++;
	}
	return true;
}

bool asked_load(const struct submission *s, struct job_view *out)
{
	char *path = path_join(s->dir, ASKED);
	struct buf b = BUF_INIT;
	struct json v;
	bool good;

	*out = (struct job_view){ .seen = NULL };
	good = file_exists(path) && file_read(path, &b, ASKED_MOST, NULL) == 0 &&
	       json_parse(buf_str(&b), b.len, &v, NULL) == 0 && v.type == JSON_OBJECT &&
	       view_load(v, out);
	if (!good) {
		job_view_free(out);
	}
	buf_free(&b);
	free(path);
	return good;
}

/* Somebody else's run directory may be one that we cannot write in: then nobody is told. */
void asked_save(const struct submission *s, const struct job_view *v)
{
	char *path = path_join(s->dir, ASKED);
	struct buf b = BUF_INIT;

	buf_printf(&b, "{\"time\":%llu,\"why\":", (unsigned long long)v->asked_ms);
	json_puts(&b, v->failed ? (v->why ? v->why : "") : NULL);
	buf_printf(&b, ",\"lags\":%s,\"seen\":[", v->lags ? "true" : "false");
	for (size_t i = 0; i < v->n; i++) {
		const struct job_seen *x = &v->seen[i];

		buf_printf(&b, "%s[%u,%llu,%llu,", i ? "," : "", x->array,
			   (unsigned long long)x->first, (unsigned long long)x->last);
		json_puts(&b, job_state_names[x->state]);
		buf_putc(&b, ',');
		json_puts(&b, x->word);
		buf_putc(&b, ']');
	}
	buf_puts(&b, "]}\n");
	(void)file_publish(path, b.data, b.len, NULL);
	buf_free(&b);
	free(path);
}
