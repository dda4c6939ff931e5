/* SPDX-License-Identifier: MIT */
/*
 * Reading a plan back. Nothing of the user's is opened, and everything is checked against the
 * hashes that run.json holds: a damaged plan must not run other tasks than the ones that were
 * planned.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "gen/plan_parts.h"

/* A spec may be as long as YAML_BYTES_MAX, and some of it stands in run.json twice, escaped. */
#define RUN_BYTES_MAX (8 * (uint64_t)YAML_BYTES_MAX)

/* What run.json says, as far as it is needed again. */
struct loaded {
	struct json run;
	char *name, *spec, *dir, *spec_sha256, *inputs_sha256, *space, *code, *results;
	uint64_t tasks;
	const char **sets; /* and what they point to, each its own block */
	size_t n_sets;
};

static void loaded_free(struct loaded *r)
{
	for (size_t k = 0; k < r->n_sets; k++)
		free((char *)r->sets[k]);
	free(r->sets);
	free(r->name);
	free(r->spec);
	free(r->dir);
	free(r->spec_sha256);
	free(r->inputs_sha256);
	free(r->space);
	free(r->code);
	free(r->results);
}

static bool is_hex(const char *s, size_t digits)
{
	return s && strlen(s) == digits && strspn(s, "0123456789abcdef") == digits;
}

static int get_text(const struct loaded *r, const char *key, char **out, struct err *e)
{
	*out = json_string(json_get(r->run, key));
	return *out ? 0 : err_bad(e, "it has no '%s'", key);
}

static int get_hex(const struct loaded *r, const char *key, size_t digits, char **out,
		   struct err *e)
{
	if (get_text(r, key, out, e) < 0)
		return -1;
	return is_hex(*out, digits) ? 0 : err_bad(e, "its '%s' is no hash", key);
}

static int get_sets(struct loaded *r, struct err *e)
{
	struct json list = json_get(r->run, "sets"), item;
	struct json_iter it;
	size_t cap = 0;

	if (list.type != JSON_ARRAY)
		return err_bad(e, "it has no 'sets'");
	it = json_iter(list);
	while (json_next(&it, NULL, &item)) {
		char *text = json_string(item);

		if (!text)
			return err_bad(e, "its 'sets' are no texts");
		ARRAY_ROOM(r->sets, r->n_sets, cap);
		r->sets[r->n_sets++] = text;
	}
	return 0;
}

static int get_codes(const struct loaded *r, const char *key, struct plan *p,
		     void (*add)(struct plan *p, const char *code), struct err *e)
{
	struct json list = json_get(r->run, key), item;
	struct json_iter it;

	if (list.type != JSON_ARRAY)
		return err_bad(e, "it has no '%s'", key);
	it = json_iter(list);
	while (json_next(&it, NULL, &item)) {
		char *code = json_string(item);
		bool good = is_hex(code, CODE_HEX - 1);

		if (good)
			add(p, code);
		free(code);
		if (!good)
			return err_bad(e, "its '%s' holds what is no hash", key);
	}
	return 0;
}

static int read_run(const struct buf *text, struct plan *p, struct loaded *r, struct err *e)
{
	uint64_t format, number;

	if (json_parse(buf_str(text), text->len, &r->run, e) < 0)
		return -1;
	if (!json_u64(json_get(r->run, "format"), &format))
		return err_bad(e, "it has no 'format'");
	if (format != PLAN_FORMAT)
		return err_bad(e,
			       "its format is %" PRIu64
			       ", and this program knows %d: use the program that made it",
			       format, PLAN_FORMAT);
	if (!json_u64(json_get(r->run, "number"), &number) || number != p->number)
		return err_bad(e, "its number is not %u", p->number);
	if (!json_u64(json_get(r->run, "tasks"), &r->tasks))
		return err_bad(e, "it has no 'tasks'");
	if (get_text(r, "name", &r->name, e) < 0 || get_text(r, "spec", &r->spec, e) < 0 ||
	    get_text(r, "dir", &r->dir, e) < 0 ||
	    get_hex(r, "spec_sha256", SHA256_HEX - 1, &r->spec_sha256, e) < 0 ||
	    get_hex(r, "inputs_sha256", SHA256_HEX - 1, &r->inputs_sha256, e) < 0 ||
	    get_hex(r, "space", SHA256_HEX - 1, &r->space, e) < 0 ||
	    get_hex(r, "code", CODE_HEX - 1, &r->code, e) < 0 ||
	    get_hex(r, "results", RESULTS_HEX - 1, &r->results, e) < 0 || get_sets(r, e) < 0 ||
	    get_codes(r, "keep", p, plan_add_keep, e) < 0 ||
	    get_codes(r, "rerun", p, plan_add_rerun, e) < 0)
		return -1;
	memcpy(p->code, r->code, CODE_HEX);
	memcpy(p->results, r->results, RESULTS_HEX);
	return 0;
}

static int check_hash(const void *p, size_t n, const char *want, struct err *e)
{
	uint8_t sum[SHA256_SIZE];
	char hex[SHA256_HEX];

	sha256_of(p, n, sum);
	hex_put(hex, sum, sizeof sum);
	return strcmp(hex, want) == 0
		       ? 0
		       : err_bad(e, "it is not what was planned: its hash is %s, not %s", hex,
				 want);
}

/* Signed digits in quotes. */
static bool get_mtime(struct json v, int64_t *out)
{
	char *text = json_string(v), *end;
	bool good = text && *text && !isspace((unsigned char)*text);

	if (good) {
		*out = strtoll(text, &end, 10);
		good = *end == '\0';
	}
	free(text);
	return good;
}

static int read_file_line(const char *line, size_t len, struct plan_file *f, struct err *e)
{
	struct json v;
	char *sum;

	if (json_parse(line, len, &v, e) < 0)
		return -1;
	sum = json_string(json_get(v, "sha256"));
	if (is_hex(sum, SHA256_HEX - 1))
		memcpy(f->sha256, sum, SHA256_HEX);
	free(sum);
	f->per_task = json_true(json_get(v, "task"));
	f->racy = json_true(json_get(v, "racy"));
	f->path = json_string(json_get(v, "path"));
	if (f->path && f->sha256[0] && json_u64(json_get(v, "size"), &f->size) &&
	    get_mtime(json_get(v, "mtime_ns"), &f->mtime_ns) &&
	    json_u64(json_get(v, "dev"), &f->dev) && json_u64(json_get(v, "ino"), &f->ino))
		return 0;
	free(f->path);
	return err_bad(e, "a member is missing or wrong");
}

static int read_files(const struct buf *text, const struct loaded *r, struct plan *p, struct err *e)
{
	const char *at = buf_str(text), *end = at + text->len;
	size_t cap = 0;

	if (check_hash(at, text->len, r->inputs_sha256, e) < 0)
		return -1;
	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		struct plan_file f = { 0 };

		if (!nl)
			return err_bad(e, "its last line is not whole");
		if (read_file_line(at, (size_t)(nl - at), &f, e) < 0)
			return err_wrap(e, "line %zu", p->n_files + 1);
		ARRAY_ROOM(p->files, p->n_files, cap);
		p->files[p->n_files++] = f;
		at = nl + 1;
	}
	return 0;
}

/* The frozen spec, read with the folder's own copies of all that it needs. */
static int read_spec(struct plan *p, const struct loaded *r, const char *path, struct diags *d)
{
	struct spec_options o = { .sets = r->sets,
				  .n_sets = r->n_sets,
				  .frozen = p->dir,
				  .origin = r->spec,
				  .dir = r->dir };
	struct err e = ERR_INIT;
	struct buf text = BUF_INIT;
	uint8_t sum[SHA256_SIZE];
	char hex[SHA256_HEX];
	int rc = file_read(path, &text, YAML_BYTES_MAX, &e);

	if (rc == 0)
		rc = check_hash(buf_str(&text), text.len, r->spec_sha256, &e);
	buf_free(&text);
	if (rc < 0)
		return diag_error(d, path, 0, 0, "%s", e.text);
	p->spec = spec_read(path, &o, d);
	if (!p->spec)
		return diag_error(
			d, path, 0, 0,
			"the plan's spec cannot be read: another version of this program made it, or its "
			"axes are damaged");
	p->spec->path = arena_dup(p->spec->arena, r->spec);
	p->spec->name = arena_dup(p->spec->arena, r->name);
	space_hash(p->spec->space, sum);
	hex_put(hex, sum, sizeof sum);
	if (space_count(p->spec->space) != r->tasks || strcmp(hex, r->space) != 0)
		return diag_error(d, p->dir, 0, 0,
				  "the plan's axes are damaged: they are not what was planned");
	return 0;
}

static int load(struct plan *p, struct loaded *r, struct buf *text, struct diags *d)
{
	char *run = path_join(p->dir, "run.json"), *inputs = path_join(p->dir, "inputs.jsonl");
	char *spec = path_join(p->dir, "spec.yaml");
	struct err e = ERR_INIT;
	int rc;

	rc = file_read(run, text, RUN_BYTES_MAX, &e);
	if (rc == 0)
		rc = read_run(text, p, r, &e);
	if (rc < 0) {
		diag_error(d, run, 0, 0, "%s", e.text);
		goto out;
	}
	rc = read_spec(p, r, spec, d);
	if (rc < 0)
		goto out;
	buf_clear(text); /* r->run is not used any more */
	rc = file_read(inputs, text, 0, &e);
	if (rc == 0)
		rc = read_files(text, r, p, &e);
	if (rc < 0)
		diag_error(d, inputs, 0, 0, "%s", e.text);
out:
	free(run);
	free(inputs);
	free(spec);
	return rc;
}

struct plan *plan_load(const char *plans, unsigned number, struct diags *d)
{
	struct plan *p = mem_alloc(sizeof *p);
	struct loaded r = { 0 };
	struct buf text = BUF_INIT;
	int rc;

	p->number = number;
	p->dir = mem_printf("%s/%04u", plans, number);
	rc = load(p, &r, &text, d);
	loaded_free(&r);
	buf_free(&text);
	if (rc < 0) {
		plan_free(p);
		return NULL;
	}
	for (size_t k = 0; k < p->spec->n_inputs; k++) {
		const struct input *in = &p->spec->inputs[k];

		p->per_task_inputs |= !in->url && !ptext_is_constant(in->path);
	}
	return p;
}
