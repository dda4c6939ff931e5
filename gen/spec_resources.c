/* SPDX-License-Identifier: MIT */
/* What a task needs, what it needs where, and what follows when it fails. */
#include <string.h>

#include "base/text.h"
#include "gen/spec_internal.h"

#define CPUS_MAX     65536u
#define GPUS_MAX     1024u
#define RETRIES_MAX  100u
#define FACTOR_MAX   100.0
#define FAILURES_MAX (UINT64_C(1) << 48)

static void read_needs(struct reader *r, const struct node *map, struct resources *res)
{
	const struct node *cpus = node_get(map, "cpus"), *memory = node_get(map, "memory");
	const struct node *time = node_get(map, "time"), *gpus = node_get(map, "gpus");

	if (cpus && !ask_count(r, cpus, "cpus", 1, CPUS_MAX, &res->cpus))
		res->set |= RES_CPUS;
	if (memory && !ask_size(r, memory, "memory", &res->memory))
		res->set |= RES_MEMORY;
	if (time && !ask_duration(r, time, "time", &res->time_s))
		res->set |= RES_TIME;
	if (gpus && !ask_count(r, gpus, "gpus", 0, GPUS_MAX, &res->gpus))
		res->set |= RES_GPUS;
}

static void read_override(struct reader *r, const struct node *n)
{
	const struct node *where;
	struct override *o;
	bool unknown;

	if (!ask_map(r, n, "overrides[]"))
		return;
	unknown = keys_check(r, n, "overrides[]", "overrides") != 0;
	o = &r->s->overrides[r->s->n_overrides++];
	where = node_get(n, "where");
	o->pos = (struct pos){ n->origin, n->line, n->col };
	if (where)
		o->pos = (struct pos){ where->origin, where->line, where->col };
	read_needs(r, n, &o->res);
	if (where)
		o->where = ask_expr(r, where, "where");
	else if (!unknown)
		COMPLAIN(r, n, "'where' is missing in overrides: it says for which tasks");
	if (where && !o->res.set && !unknown && n->n == 1)
		COMPLAIN(r, n, "this override changes nothing: give cpus, memory, time or gpus");
}

static void read_overrides(struct reader *r)
{
	const struct node *list = node_get(r->root, "overrides");

	if (!list || !ask_list(r, list, "overrides"))
		return;
	r->s->overrides = arena_alloc(r->a, (list->n + 1) * sizeof *r->s->overrides);
	for (size_t i = 0; i < list->n; i++)
		read_override(r, list->items[i]);
}

/* "x2", "2", "1.5". */
static void read_factor(struct reader *r, const struct node *n, const char *what, double *out)
{
	const char *text = n->text;
	size_t len = n->len;

	if (n->kind == NODE_SCALAR && len && *text == 'x') {
		text++;
		len--;
	}
	if (n->kind == NODE_SCALAR && text_is_number(text, len)) {
		*out = text_number(text, len);
		if (*out >= 1 && *out <= FACTOR_MAX)
			return;
	}
	complain_must(r, n, what, "a factor from x1 to x100 as in x2");
	*out = 1;
}

static void read_causes(struct reader *r, const struct node *n, unsigned *on)
{
	static const char *const causes[] = { "exit", "signal", "timeout", "oom", "invalid" };
	static const unsigned bits[] = { RETRY_EXIT, RETRY_SIGNAL, RETRY_TIMEOUT, RETRY_OOM,
					 RETRY_INVALID };
	const size_t count = n->kind == NODE_SEQ ? n->n : 1;

	*on = 0;
	if (!count)
		COMPLAIN(r, n, "'on' is empty: leave out 'retry' for no further attempts");
	for (size_t i = 0; i < count; i++) {
		const struct node *item = n->kind == NODE_SEQ ? n->items[i] : n;
		const int k = ask_choice(r, item, "on", causes, sizeof causes / sizeof *causes);

		if (k >= 0)
			*on |= bits[k];
	}
}

static bool any_has(const struct spec *s, unsigned what)
{
	unsigned set = s->res.set;

	for (size_t i = 0; i < s->n_overrides; i++)
		set |= s->overrides[i].res.set;
	return set & what;
}

static void read_retry(struct reader *r)
{
	const struct node *n = node_get(r->root, "retry"), *k;
	struct retry *t = &r->s->retry;
	bool unknown;

	if (!n)
		return;
	if (n->kind == NODE_SCALAR && !node_is_null(n)) {
		ask_count(r, n, "retry", 0, RETRIES_MAX, &t->times);
		return;
	}
	if (!ask_map(r, n, "retry"))
		return;
	unknown = keys_check(r, n, "retry", "retry") != 0;
	if ((k = node_get(n, "times")))
		ask_count(r, k, "times", 0, RETRIES_MAX, &t->times);
	else if (!unknown)
		COMPLAIN(r, n, "'times' is missing in 'retry': how many further attempts");
	if ((k = node_get(n, "on")))
		read_causes(r, k, &t->on);
	if ((k = node_get(n, "memory")))
		read_factor(r, k, "memory", &t->memory);
	if (t->memory > 1 && !any_has(r->s, RES_MEMORY))
		WARN(r, k, "'memory' in 'retry' has nothing to grow: 'resources' has no 'memory'");
	if ((k = node_get(n, "time")))
		read_factor(r, k, "time", &t->time);
	if (t->time > 1 && !any_has(r->s, RES_TIME))
		WARN(r, k, "'time' in 'retry' has nothing to grow: 'resources' has no 'time'");
}

static void read_max_failures(struct reader *r)
{
	const struct node *n = node_get(r->root, "max_failures");
	struct spec *s = r->s;
	uint64_t count;

	if (!n)
		return;
	if (n->kind == NODE_SCALAR && n->len > 1 && n->text[n->len - 1] == '%' &&
	    text_is_number(n->text, n->len - 1)) {
		s->max_failures = text_number(n->text, n->len - 1) / 100;
		s->max_failures_percent = true;
		if (s->max_failures < 0 || s->max_failures > 1)
			COMPLAIN(r, n, "'max_failures' must lie between 0%% and 100%%, not '%s'",
				 shown(r, n->text, n->len));
		return;
	}
	if (n->kind != NODE_SCALAR || !text_u64(n->text, n->len, &count) || count > FAILURES_MAX)
		complain_must(r, n, "max_failures", "a count or a percentage as in 5%");
	else
		s->max_failures = (double)count;
}

void read_resources(struct reader *r)
{
	const struct node *n = node_get(r->root, "resources");
	struct spec *s = r->s;

	s->res = (struct resources){ .cpus = 1 };
	s->retry = (struct retry){
		.on = RETRY_EXIT | RETRY_SIGNAL | RETRY_TIMEOUT | RETRY_OOM | RETRY_INVALID,
		.memory = 1,
		.time = 1,
	};
	s->max_failures = -1;
	if (n && ask_map(r, n, "resources")) {
		keys_check(r, n, "resources", "resources");
		read_needs(r, n, &s->res);
	}
	read_overrides(r);
	read_retry(r);
	read_max_failures(r);
}

static void resources_take(struct resources *to, const struct resources *from)
{
	if (from->set & RES_CPUS)
		to->cpus = from->cpus;
	if (from->set & RES_MEMORY)
		to->memory = from->memory;
	if (from->set & RES_TIME)
		to->time_s = from->time_s;
	if (from->set & RES_GPUS)
		to->gpus = from->gpus;
	to->set |= from->set;
}

int spec_resources(const struct spec *s, const struct point *p, struct resources *out,
		   struct err *e)
{
	*out = s->res;
	for (size_t i = 0; i < s->n_overrides; i++) {
		const struct override *o = &s->overrides[i];
		const int holds = expr_test(o->where, p->values, e);

		if (holds < 0)
			return err_wrap(e, "%s:%d:%d: the 'where' of an override cannot be told",
					o->pos.origin, o->pos.line, o->pos.col);
		if (holds)
			resources_take(out, &o->res);
	}
	return 0;
}
