/* SPDX-License-Identifier: MIT */
/* Plans in memory: drafts, comparison, which older results count, and what must be fetched. */
#include "gen/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/fetch.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "gen/plan_code.h"

typedef char code_text[CODE_HEX];

static void add_code(code_text **list, size_t *n, struct textset **set, const char *code)
{
	bool added;

	if (!*set)
		*set = textset_new();
	textset_add(*set, code, strlen(code), &added);
	if (!added)
		return;
	if ((*n & (*n - 1)) == 0) /* room for a power of two */
		*list = mem_resize(*list, *n ? *n * 2 : 1, sizeof **list);
	memset((*list)[*n], 0, CODE_HEX);
	memcpy((*list)[*n], code, strnlen(code, CODE_HEX - 1));
	++*n;
}

static bool has_code(const struct textset *set, const char *code)
{
	return set && textset_find(set, code, strlen(code)) != TEXTSET_NONE;
}

void plan_add_keep(struct plan *p, const char *code)
{
	add_code(&p->keep, &p->n_keep, &p->keep_set, code);
}

void plan_add_rerun(struct plan *p, const char *code)
{
	add_code(&p->rerun, &p->n_rerun, &p->rerun_set, code);
}

bool plan_accepts(const struct plan *p, const char *code, const char *now)
{
	return strcmp(code, now) == 0 || has_code(p->keep_set, code);
}

bool plan_reruns(const struct plan *p, const char *code)
{
	return has_code(p->rerun_set, code);
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	for (size_t k = 0; k < p->n_files; k++)
		plan_file_free(&p->files[k]);
	free(p->files);
	free(p->keep);
	free(p->rerun);
	textset_free(p->keep_set);
	textset_free(p->rerun_set);
	if (p->spec)
		spec_free(p->spec);
	free(p->dir);
	free(p);
}

static int by_path(const void *pa, const void *pb)
{
	const struct plan_file *a = pa, *b = pb;

	return strcmp(a->path, b->path);
}

/* The shared files as they were hashed, then the tasks' own by path; empties both lists. */
static void take_files(struct plan *p, struct plan_files *shared, struct plan_files *own)
{
	p->n_files = shared->n + own->n;
	p->files = mem_array(p->n_files + 1, sizeof *p->files);
	if (own->n)
		qsort(own->items, own->n, sizeof *own->items, by_path);
	for (size_t k = 0; k < own->n; k++)
		own->items[k].per_task = true;
	if (shared->n)
		memcpy(p->files, shared->items, shared->n * sizeof *p->files);
	if (own->n)
		memcpy(p->files + shared->n, own->items, own->n * sizeof *p->files);
	shared->n = own->n = 0;
}

/*
 * What was kept was kept for the code of then: under other code it is asked again. What was to be
 * run again stays so.
 */
static void inherit_decisions(struct plan *p, const struct plan *old)
{
	bool same = old && strcmp(old->code, p->code) == 0;

	for (size_t k = 0; same && k < old->n_keep; k++)
		plan_add_keep(p, old->keep[k]);
	for (size_t k = 0; old && k < old->n_rerun; k++)
		plan_add_rerun(p, old->rerun[k]);
}

struct plan *plan_draft(struct spec *take_spec, const struct plan *old, struct diags *d)
{
	struct plan *p = mem_alloc(sizeof *p);
	struct plan_files shared, own;
	int rc;

	p->spec = take_spec;
	for (size_t k = 0; k < p->spec->n_inputs; k++) {
		const struct input *in = &p->spec->inputs[k];

		p->per_task_inputs |= !in->url && !ptext_is_constant(in->path);
	}
	plan_files_init(&shared, old);
	plan_files_init(&own, old);
	plan_results_hash(&p->spec->results, p->results);
	rc = plan_code_shared(p->spec, &shared, p->code, d);
	if (p->per_task_inputs && plan_code_per_task(p->spec, &own, d) < 0)
		rc = -1;
	if (rc == 0) {
		take_files(p, &shared, &own);
		inherit_decisions(p, old);
	}
	plan_files_free(&shared);
	plan_files_free(&own);
	if (rc < 0) {
		plan_free(p);
		return NULL;
	}
	return p;
}

static bool same_codes(const struct textset *set, size_t n, const code_text *list, size_t n_list)
{
	bool same = n == n_list;

	for (size_t k = 0; k < n_list && same; k++)
		same = has_code(set, list[k]);
	return same;
}

static bool same_sets(const struct spec *a, const struct spec *b)
{
	bool same = a->n_sets == b->n_sets;

	for (size_t k = 0; same && k < a->n_sets; k++)
		same = strcmp(a->sets[k], b->sets[k]) == 0;
	return same;
}

static bool same_files(const struct plan *a, const struct plan *b)
{
	bool same = a->n_files == b->n_files;

	for (size_t k = 0; same && k < a->n_files; k++)
		same = a->files[k].per_task == b->files[k].per_task &&
		       strcmp(a->files[k].path, b->files[k].path) == 0 &&
		       strcmp(a->files[k].sha256, b->files[k].sha256) == 0;
	return same;
}

/* 1 when the file is there with this hash, 0 when not. */
static int is_fetched(const char *path, const char *sha256)
{
	uint8_t sum[SHA256_SIZE];
	char hex[SHA256_HEX];

	if (!file_exists(path) || sha256_file(path, sum, NULL) < 0)
		return 0;
	hex_put(hex, sum, sizeof sum);
	return strcmp(hex, sha256) == 0;
}

/*
 * A published plan does not hold the secrets of its urls, so it cannot fetch them again: it stands
 * for the draft only while what they gave is kept.
 */
static bool can_stand_for(const struct plan *old, const struct plan *draft)
{
	bool can = true;

	for (size_t k = 0; can && k < draft->spec->n_inputs; k++) {
		const struct input *in = &old->spec->inputs[k], *now = &draft->spec->inputs[k];
		char *path;

		if (!now->url || !in->url || strcmp(in->url, now->url) == 0)
			continue;
		path = mem_printf("%s/../../inputs/%s", old->dir, in->sha256);
		can = is_fetched(path, in->sha256);
		free(path);
	}
	return can;
}

bool plan_same(const struct plan *a, const struct plan *b)
{
	const struct spec *x = a->spec, *y = b->spec;
	uint8_t p[SHA256_SIZE], q[SHA256_SIZE];

	if (strcmp(a->code, b->code) != 0 || strcmp(a->results, b->results) != 0 ||
	    x->text_len != y->text_len || memcmp(x->text, y->text, x->text_len) != 0 ||
	    strcmp(x->dir, y->dir) != 0 || strcmp(x->name, y->name) != 0 || !same_sets(x, y) ||
	    !same_files(a, b))
		return false;
	if ((b->dir && !can_stand_for(b, a)) || (a->dir && !can_stand_for(a, b)))
		return false;
	if (!same_codes(a->keep_set, a->n_keep, b->keep, b->n_keep) ||
	    !same_codes(a->rerun_set, a->n_rerun, b->rerun, b->n_rerun))
		return false;
	space_hash(x->space, p);
	space_hash(y->space, q);
	return memcmp(p, q, sizeof p) == 0;
}

int plan_fetch(const struct spec *s, const char *inputs_dir, struct diags *d)
{
	int rc = 0;

	for (size_t k = 0; k < s->n_inputs; k++) {
		const struct input *in = &s->inputs[k];
		struct err e = ERR_INIT;
		char *path;

		if (!in->url)
			continue;
		path = path_join(inputs_dir, in->sha256);
		if (file_make_dirs(inputs_dir, &e) < 0 ||
		    (!is_fetched(path, in->sha256) &&
		     fetch_file(in->url, in->sha256, path, &e) < 0))
			rc = diag_error(d, in->pos.origin, in->pos.line, in->pos.col,
					"input '%s': %s", in->name, e.text);
		free(path);
	}
	return rc;
}
