/* SPDX-License-Identifier: MIT */
/* `python:`, `r:` and their like: a function as a task. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "gen/call.h"
#include "gen/language.h"
#include "gen/launch_parts.h"
#include "gen/plan_code.h"
#include "gen/spec_internal.h"

#define BATCH_MOST 1000000u

/* A function's name: words of letters, digits and '_', dots between them. */
static bool is_dotted(const char *s, size_t n)
{
	bool begins = true;

	for (size_t i = 0; i < n; i++) {
		const unsigned char c = (unsigned char)s[i];
		const bool digit = c >= '0' && c <= '9';
		const bool letter = c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (c == '.' ? begins : c < 0x80 && !letter && !(digit && !begins))
			return false;
		begins = c == '.';
	}
	return !begins;
}

static int complain_form(struct reader *r, const struct node *n, const struct language *l)
{
	const char *dot = strrchr(n->text, '.');

	if (dot && dot[1] && !strchr(n->text, ':') && is_dotted(n->text, n->len) &&
	    !language_is_file(l, n->text, n->len))
		return COMPLAIN(r, n, "'%s' is not %s: write '%.*s:%s'", shown(r, n->text, n->len),
				l->form, (int)(dot - n->text), n->text, dot + 1);
	if (language_is_file(l, n->text, n->len))
		return COMPLAIN(r, n, "'%s' is not %s: say which function of the file",
				shown(r, n->text, n->len), l->form);
	return COMPLAIN(r, n, "'%s' is not %s", shown(r, n->text, n->len), l->form);
}

static void read_call(struct reader *r, const struct node *n, const char *what, struct function *f)
{
	size_t module;

	if (!ask_text(r, n, what))
		return;
	f->pos = (struct pos){ n->origin, n->line, n->col };
	module = call_module(n->text);
	if (!module || !is_dotted(n->text + module + 1, n->len - module - 1) ||
	    (!language_is_file(f->language, n->text, module) && !is_dotted(n->text, module)))
		complain_form(r, n, f->language);
	else
		f->call = n->text;
}

static void read_interpreter(struct reader *r, const struct node *n, struct function *f)
{
	struct err e = ERR_INIT;
	size_t at;

	f->interpreter_given = n != NULL;
	if (n)
		ask_constant_words(r, n, "interpreter", &f->interpreter);
	else if (words_split(r->a, f->language->interpreter, strlen(f->language->interpreter), NULL,
			     0, 0, &f->interpreter, &at, &e))
		COMPLAIN(r, r->root, "%s", e.text);
}

static void read_batch(struct reader *r, const struct node *n, struct function *f)
{
	if (n->kind == NODE_SCALAR && text_eq(n->text, n->len, "auto"))
		return;
	if (n->kind == NODE_SCALAR && text_u64(n->text, n->len, &f->batch) && f->batch &&
	    f->batch <= BATCH_MOST)
		return;
	complain_must(r, n, "batch",
		      arena_printf(r->a, "auto or a whole number from 1 to %u", BATCH_MOST));
}

static void read_isolate(struct reader *r, const struct node *n, struct function *f)
{
	static const char *const words[] = { "worker", "fork" };

	f->fork = ask_choice(r, n, "isolate", words, 2) == 1;
	if (f->fork && !f->language->fork)
		COMPLAIN(r, n, "%s cannot fork a child for each task: leave 'isolate' out",
			 f->language->title);
}

static void read_keys(struct reader *r, const struct node *map, struct function *f)
{
	static const char *const pers[] = { "task", "chunk" };
	const char *name = f->language->name;
	const bool unknown = keys_check(r, map, KEY_LANGUAGE, name) != 0;
	const struct node *call = node_get(map, "call"), *batch = node_get(map, "batch"), *n;

	if (call)
		read_call(r, call, "call", f);
	else if (!unknown)
		COMPLAIN(r, map, "'call' is missing in '%s': it says which function", name);
	if (batch)
		read_batch(r, batch, f);
	if ((n = node_get(map, "per")))
		f->chunk = ask_choice(r, n, "per", pers, 2) == 1;
	if ((n = node_get(map, "isolate")))
		read_isolate(r, n, f);
	if (f->fork && f->chunk)
		COMPLAIN(r, n,
			 "'isolate: fork' has a child for each task, 'per: chunk' one call for "
			 "several: keep one");
	else if (f->fork && batch)
		COMPLAIN(r, batch,
			 "'batch' says nothing with 'isolate: fork', where each task has a child "
			 "of its own: leave it out");
}

void read_function(struct reader *r, const struct node *n, const struct language *l)
{
	struct function *f = &r->s->function;

	r->s->start = START_FUNCTION;
	f->language = l;
	f->pos = (struct pos){ n->origin, n->line, n->col };
	read_interpreter(r, n->kind == NODE_MAP ? node_get(n, "interpreter") : NULL, f);
	if (n->kind == NODE_MAP && !(n->n == 1 && node_is_null(n->items[0])))
		read_keys(r, n, f);
	else if (n->kind != NODE_SEQ)
		read_call(r, n, l->name, f);
	else
		complain_must(r, n, l->name, arena_printf(r->a, "%s, or a mapping", l->form));
}

/* One call has one working folder, and one environment. */
static void check_chunk(struct reader *r)
{
	const struct node *env = node_get(r->root, "env"), *n = node_get(r->root, "workdir");
	const struct spec *s = r->s;

	if (s->workdir && !ptext_is_constant(s->workdir))
		COMPLAIN(r, n,
			 "'workdir' differs between tasks, and with 'per: chunk' one call is made "
			 "for several: let the function choose the folder");
	for (size_t i = 0; s->space && i < s->n_env; i++) {
		if (s->env[i].value && !launch_env_is_shared(s, &s->env[i]))
			COMPLAIN(r, node_get(env, s->env[i].name),
				 "'env.%s' differs between tasks, and with 'per: chunk' one call "
				 "is made for several: leave it to the function",
				 s->env[i].name);
	}
}

/* Of a file elsewhere nobody would notice an edit; `inputs:`, even empty, says that it was thought
 * of. */
static void warn_outside(struct reader *r, const char *path, const char *name)
{
	const struct pos *at = &r->s->function.pos;
	char *real;

	if (plan_find_beside(r->s, path, &real, NULL) == 0)
		diag_warn(r->d, at->origin, at->line, at->col,
			  "'%s' is not below the spec's folder: when it changes, older results "
			  "stay; write inputs: {code: %s} so that it is noticed (inputs: {} if "
			  "that is meant)",
			  shown(r, name, strlen(name)), shown(r, name, strlen(name)));
	free(real);
}

static bool has_module(const struct language *l, const char *dir, const char *name, size_t n)
{
	struct buf path = BUF_INIT;
	bool has = false;

	for (size_t k = 0; !has; k++) {
		buf_clear(&path);
		buf_puts(&path, dir);
		buf_putc(&path, '/');
		if (!language_put_file(l, k, name, n, &path))
			break;
		has = file_exists(path.data);
	}
	buf_free(&path);
	return has;
}

/* Who gives a `workdir` may still think of the module beside the spec. */
static void warn_elsewhere(struct reader *r, const char *folder)
{
	const struct function *f = &r->s->function;
	const size_t n = call_module(f->call);
	char *name = arena_dupn(r->a, f->call, n);

	for (char *dot = strchr(name, '.'); dot; dot = strchr(dot, '.'))
		*dot = '/';
	if (!has_module(f->language, folder, name, n) &&
	    has_module(f->language, r->s->dir, name, n))
		diag_warn(
			r->d, f->pos.origin, f->pos.line, f->pos.col,
			"'%s' stands in the spec's folder, and is looked for in 'workdir': move it there, or let the function change folders",
			shown(r, f->call, n));
}

/* A file that is named must be there; a module may be installed anywhere. */
static void check_file(struct reader *r, const char *folder, size_t n)
{
	const struct function *f = &r->s->function;
	const char *name = arena_dupn(r->a, f->call, n);
	char *path = path_join(folder, name);

	if (!file_exists(path))
		diag_error(r->d, f->pos.origin, f->pos.line, f->pos.col,
			   "'%s' is not there: it is looked for in %s", shown(r, name, n),
			   r->s->workdir && ptext_is_constant(r->s->workdir) ? "'workdir'"
									     : "the spec's folder");
	else if (!node_get(r->root, "inputs"))
		warn_outside(r, path, name);
	free(path);
}

static void check_place(struct reader *r)
{
	const struct function *f = &r->s->function;
	char *folder;
	size_t n;

	if (!f->call || r->o->frozen)
		return;
	folder = spec_folder(r->s);
	n = call_module(f->call);
	if (language_is_file(f->language, f->call, n))
		check_file(r, folder, n);
	else
		warn_elsewhere(r, folder);
	free(folder);
}

void check_function(struct reader *r)
{
	if (r->s->start != START_FUNCTION)
		return;
	check_place(r);
	if (r->s->function.chunk)
		check_chunk(r);
}
