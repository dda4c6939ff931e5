/* SPDX-License-Identifier: MIT */
/* A task's environment: a hundred variables of the base and two dozen of ours, for tens of
 * thousands of tasks a second. */
#include "gen/launch_env.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static uint32_t name_hash(const char *name, size_t n)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (size_t k = 0; k < n; k++)
		h = (h ^ (unsigned char)name[k]) * 16777619u;
	return h;
}

static const char *var_text(const struct launch_var *v, const struct buf *text)
{
	return v->borrowed ? v->borrowed : text->data + v->offset;
}

static size_t slot_of(const struct launch_env *env, const struct buf *text, const char *name,
		      size_t n, uint32_t hash)
{
	size_t at = hash & (env->n_slots - 1);

	while (env->slots[at]) {
		const struct launch_var *v = &env->vars[env->slots[at] - 1];

		if (v->hash == hash && v->name_len == n && memcmp(var_text(v, text), name, n) == 0)
			break;
		at = (at + 1) & (env->n_slots - 1);
	}
	return at;
}

static void grow(struct launch_env *env)
{
	free(env->slots);
	env->n_slots = env->n_slots ? env->n_slots * 2 : 256;
	env->slots = mem_array(env->n_slots, sizeof *env->slots);
	for (size_t k = 0; k < env->n; k++) {
		size_t at = env->vars[k].hash & (env->n_slots - 1);

		while (env->slots[at])
			at = (at + 1) & (env->n_slots - 1);
		env->slots[at] = (uint32_t)k + 1;
	}
}

static bool find_var(const struct launch_env *env, const struct buf *text, const char *name,
		     size_t n)
{
	return env->n_slots && env->slots[slot_of(env, text, name, n, name_hash(name, n))];
}

static void put_var(struct launch_env *env, const struct buf *text, struct launch_var v)
{
	const char *name = var_text(&v, text);
	size_t at;

	if ((env->n + 1) * 2 > env->n_slots)
		grow(env);
	v.hash = name_hash(name, v.name_len);
	at = slot_of(env, text, name, v.name_len, v.hash);
	if (env->slots[at]) {
		env->vars[env->slots[at] - 1] = v;
		return;
	}
	ARRAY_ROOM(env->vars, env->n, env->cap);
	env->vars[env->n++] = v;
	env->slots[at] = (uint32_t)env->n;
}

static bool is_start(const struct launch_env *env, const char *const *base)
{
	size_t k = 0;

	while (k < env->start.n_base && base && base[k] == env->start.base[k])
		k++;
	return env->start.slots && k == env->start.n_base && (!base || !base[k]);
}

static void *copy_of(void *old, const void *items, size_t n, size_t size)
{
	void *copy = mem_resize(old, n + 1, size);

	if (n)
		memcpy(copy, items, n * size);
	return copy;
}

/* Hashes the base's names; the first of two that are the same counts, as for getenv. */
static void put_base(struct launch_env *env, const char *const *base)
{
	size_t n = 0;

	env->n = 0;
	if (!env->n_slots)
		grow(env);
	memset(env->slots, 0, env->n_slots * sizeof *env->slots);
	for (; base && base[n]; n++) {
		const char *equals = strchr(base[n], '=');
		struct launch_var v = { .borrowed = base[n],
					.name_len = equals ? (size_t)(equals - base[n]) : 0 };

		if (equals && !find_var(env, NULL, base[n], v.name_len))
			put_var(env, NULL, v);
	}
	env->start.base = copy_of(env->start.base, base, n, sizeof *base);
	env->start.n_base = n;
	env->start.vars = copy_of(env->start.vars, env->vars, env->n, sizeof *env->vars);
	env->start.n = env->n;
	env->start.slots = copy_of(env->start.slots, env->slots, env->n_slots, sizeof *env->slots);
	env->start.n_slots = env->n_slots;
}

void launch_env_start(struct launch_env *env, const char *const *base)
{
	if (!is_start(env, base) || env->n_slots != env->start.n_slots) {
		put_base(env, base);
		return;
	}
	env->n = env->start.n;
	if (env->n)
		memcpy(env->vars, env->start.vars, env->n * sizeof *env->vars);
	memcpy(env->slots, env->start.slots, env->n_slots * sizeof *env->slots);
}

void launch_env_free(struct launch_env *env)
{
	free(env->vars);
	free(env->slots);
	free(env->start.base);
	free(env->start.vars);
	free(env->start.slots);
	memset(env, 0, sizeof *env);
}

void launch_env_named(struct launch_env *env, struct buf *text, size_t from, bool shown)
{
	struct launch_var v = { .offset = from, .name_len = text->len - from, .shown = shown };

	buf_putc(text, '=');
	put_var(env, text, v);
}

void launch_env_begin(struct launch_env *env, struct buf *text, const char *name, bool shown)
{
	size_t from = text->len;

	buf_puts(text, name);
	launch_env_named(env, text, from, shown);
}

bool launch_env_has(const struct launch_env *env, const struct buf *text, const char *name)
{
	return find_var(env, text, name, strlen(name));
}

bool launch_env_shown(const struct launch_env *env, size_t k)
{
	return env->vars[k].shown;
}

void launch_env_point(const struct launch_env *env, const struct buf *text, char **envp)
{
	for (size_t k = 0; k < env->n; k++) {
		const struct launch_var *v = &env->vars[k];

		envp[k] = v->borrowed ? (char *)v->borrowed : text->data + v->offset;
	}
	envp[env->n] = NULL;
}
