/* SPDX-License-Identifier: MIT */
/*
 * submission.json: the table of its members, checking and writing. Nothing is written that could
 * not be read back: JSON knows no bytes that are not UTF-8, and a path that came back with other
 * ones would be another path.
 */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "gen/shape.h"
#include "store/submission_internal.h"

#define AT(s, member) offsetof(struct s, member)
#define ANY           0, UINT64_MAX

static const struct member submission_rows[] = {
	{ "number", MEMBER_UNSIGNED, AT(submission, number), 1, NUMBERS_MAX },
	{ "plan", MEMBER_UNSIGNED, AT(submission, plan), 1, UINT32_MAX },
	{ "chain", MEMBER_UNSIGNED, AT(submission, chain), 1, NUMBERS_MAX },
	{ "round", MEMBER_UNSIGNED, AT(submission, round), 1, NUMBERS_MAX },
	{ "time", MEMBER_U64, AT(submission, time_ms), ANY },
	{ "user", MEMBER_TEXT, AT(submission, user), ANY },
	{ "host", MEMBER_TEXT, AT(submission, host), ANY },
	{ "program", MEMBER_TEXT, AT(submission, program), ANY },
	{ "template", MEMBER_TEXT, AT(submission, template_name), ANY },
	{ "finalises", MEMBER_BOOL, AT(submission, finalises), ANY },
	{ "finalise_name", MEMBER_TEXT_OR_NULL, AT(submission, finalise_name), ANY },
	{ "scratch", MEMBER_TEXT_OR_NULL, AT(submission, scratch), ANY },
	{ "setup", MEMBER_TEXT_OR_NULL, AT(submission, setup), ANY },
	{ "environment", MEMBER_TEXT_OR_NULL, AT(submission, environment), ANY },
	{ "start_spread", MEMBER_U64_OR_0, AT(submission, start_spread), 0, SPREAD_MAX },
};

static const struct member array_rows[] = {
	{ "name", MEMBER_TEXT, AT(submission_array, name), ANY },
	{ "tasks", MEMBER_U64, AT(submission_array, tasks), 1, SPACE_TASKS_MAX },
	{ "chunk", MEMBER_U64, AT(submission_array, chunk), 1, SPACE_TASKS_MAX },
	{ "chunks", MEMBER_U64, AT(submission_array, chunks), 1, CHUNKS_MAX },
	{ "slots", MEMBER_U64, AT(submission_array, slots), 1, UINT32_MAX },
	{ "elements", MEMBER_U64, AT(submission_array, elements), 1, UINT32_MAX },
	{ "first", MEMBER_U64, AT(submission_array, first), 0, UINT32_MAX },
	{ "single", MEMBER_BOOL, AT(submission_array, single), ANY },
	{ "throttle", MEMBER_U64, AT(submission_array, throttle), 0, UINT32_MAX },
	{ "seconds", MEMBER_U64, AT(submission_array, time), 0, UINT32_MAX },
	{ "reserve", MEMBER_U64, AT(submission_array, reserve), 0, UINT32_MAX },
};

static const struct member resource_rows[] = {
	{ "set", MEMBER_UNSIGNED, AT(resources, set), 0, UINT32_MAX },
	{ "cpus", MEMBER_U64, AT(resources, cpus), 1, UINT32_MAX },
	{ "memory", MEMBER_U64, AT(resources, memory), ANY },
	{ "seconds", MEMBER_U64, AT(resources, time_s), ANY },
	{ "gpus", MEMBER_U64, AT(resources, gpus), 0, UINT32_MAX },
	{ "nodes", MEMBER_U64, AT(resources, nodes), 0, UINT32_MAX },
	{ "ranks", MEMBER_U64, AT(resources, ranks), 0, UINT32_MAX },
	{ "gpu_type", MEMBER_TEXT_OR_NULL, AT(resources, gpu_type), ANY },
	{ "constraint", MEMBER_TEXT_OR_NULL, AT(resources, constraint), ANY },
	{ "licences", MEMBER_TEXT_OR_NULL, AT(resources, licences), ANY },
	{ "exclusive", MEMBER_BOOL, AT(resources, exclusive), ANY },
};

#define TABLE(rows)                                   \
	{                                             \
		(rows), sizeof(rows) / sizeof *(rows) \
	}
const struct member_table submission_members = TABLE(submission_rows);
const struct member_table array_members = TABLE(array_rows);
const struct member_table resource_members = TABLE(resource_rows);

/* ---- checking ---- */

static int check_text(const char *key, const char *text, struct err *e)
{
	struct buf shown = BUF_INIT;

	if (text_is_utf8(text, strlen(text))) {
		return 0;
	}
	text_put_shown(&shown, text, strlen(text), 200);
	(void)err_bad(e, "its '%s' is not UTF-8: '%s'", key, buf_str(&shown));
	buf_free(&shown);
	return -1;
}

static int check_member(const struct member *m, const void *base, struct err *e)
{
	const void *at = member_value(m, base);
	const char *text;
	uint64_t n;

	switch (m->type) {
	case MEMBER_TEXT:
	case MEMBER_TEXT_OR_NULL:
		text = *(const char *const *)at;
		if (!text) {
			return m->type == MEMBER_TEXT ? err_fail(e, "it has no '%s'", m->key) : 0;
		}
		return check_text(m->key, text, e);
	case MEMBER_UNSIGNED:
		n = *(const unsigned *)at;
		break;
	case MEMBER_U64:
	case MEMBER_U64_OR_0:
		n = *(const uint64_t *)at;
		break;
	default:
		return 0;
	}
	return n >= m->least && n <= m->most
		       ? 0
		       : err_fail(e, "its '%s' is out of range: %" PRIu64, m->key, n);
}

static int check_table(const struct member_table *t, const void *base, struct err *e)
{
	for (size_t i = 0; i < t->n; i++) {
		if (check_member(&t->rows[i], base, e) < 0) {
			return -1;
		}
	}
	return 0;
}

static bool tag_is_sound(const char *tag)
{
	return strlen(tag) == SUBMISSION_TAG - 1 && tag[0] >= 'a' && tag[0] <= 'z' &&
	       strspn(tag, "abcdefghijklmnopqrstuvwxyz0123456789") == SUBMISSION_TAG - 1;
}

static int check_array(const struct submission_array *a, struct err *e)
{
	if (check_table(&array_members, a, e) < 0 ||
	    check_table(&resource_members, &a->res, e) < 0) {
		return -1;
	}
	if (a->chunks != (a->tasks - 1) / a->chunk + 1) {
		return err_fail(e, "its 'chunks' do not hold its 'tasks'");
	}
	if (a->single && a->elements != 1) {
		return err_fail(e, "its 'single' is true, but it has %" PRIu64 " elements",
				a->elements);
	}
	return 0;
}

int submission_check(const struct submission *s, struct err *e)
{
	uint64_t chunks = 0;

	if (check_table(&submission_members, s, e) < 0) {
		return -1;
	}
	if (!tag_is_sound(s->tag)) {
		return err_fail(e, "its 'tag' is none");
	}
	for (size_t i = 0; s->launch && s->launch[i]; i++) {
		if (check_text("launch", s->launch[i], e) < 0) {
			return -1;
		}
	}
	if (s->n_arrays == 0) {
		return err_fail(e, "it has no 'arrays'");
	}
	for (size_t i = 0; i < s->n_arrays; i++) {
		if (check_array(&s->arrays[i], e) < 0) {
			return err_wrap(e, "array %zu", i + 1);
		}
		chunks += s->arrays[i].chunks;
	}
	return chunks <= CHUNKS_MAX ? 0
				    : err_fail(e, "it has %" PRIu64 " chunks, and %d are the most",
					       chunks, CHUNKS_MAX);
}

/* ---- writing ---- */

static void put_member(struct buf *b, const struct member *m, const void *base)
{
	const void *at = member_value(m, base);

	json_put_key(b, m->key);
	switch (m->type) {
	case MEMBER_UNSIGNED:
		buf_put_u64(b, *(const unsigned *)at);
		break;
	case MEMBER_U64:
	case MEMBER_U64_OR_0:
		buf_put_u64(b, *(const uint64_t *)at);
		break;
	case MEMBER_BOOL:
		buf_puts(b, *(const bool *)at ? "true" : "false");
		break;
	default:
		json_puts(b, *(const char *const *)at);
	}
}

static void put_table(struct buf *b, const struct member_table *t, const void *base)
{
	for (size_t i = 0; i < t->n; i++) {
		put_member(b, &t->rows[i], base);
	}
}

static void put_arrays(struct buf *b, const struct submission *s)
{
	json_put_key(b, "arrays");
	buf_putc(b, '[');
	for (size_t i = 0; i < s->n_arrays; i++) {
		buf_puts(b, i ? ",\n{" : "\n{");
		put_table(b, &array_members, &s->arrays[i]);
		json_put_key(b, "resources");
		buf_putc(b, '{');
		put_table(b, &resource_members, &s->arrays[i].res);
		buf_puts(b, "}}");
	}
	buf_putc(b, ']');
}

static void put_launch(struct buf *b, const struct submission *s)
{
	json_put_key(b, "launch");
	if (!s->launch) {
		buf_puts(b, "null");
		return;
	}
	buf_putc(b, '[');
	for (size_t i = 0; s->launch[i]; i++) {
		json_put_sep(b);
		json_puts(b, s->launch[i]);
	}
	buf_putc(b, ']');
}

int submission_put(const struct submission *s, struct buf *b, struct err *e)
{
	if (submission_check(s, e) < 0) {
		return -1;
	}
	buf_printf(b, "{\"v\":%d,\"ppgen\":", SUBMISSION_FORMAT);
	json_puts(b, PPGEN_VERSION);
	put_table(b, &submission_members, s);
	json_put_key(b, "tag");
	json_puts(b, s->tag);
	put_launch(b, s);
	if (s->site.type != JSON_NONE) {
		json_put_key(b, "site");
		buf_add(b, s->site.text, s->site.len);
	}
	put_arrays(b, s);
	buf_puts(b, "}\n");
	return 0;
}
