/* SPDX-License-Identifier: MIT */
/* What a task needs, what it needs where, and what follows when it fails. */
#include <string.h>

#include "base/text.h"
#include "gen/spec_internal.h"

#define CPUS_MAX     65536u
#define GPUS_MAX     1024u
#define NODES_MAX    1000000u
#define RANKS_MAX    10000000u
#define RETRIES_MAX  100u
#define FACTOR_MAX   100.0
#define FAILURES_MAX (UINT64_C(1) << 48)

/* What only a cluster knows. */
static void read_cluster_needs(struct reader *r, const struct node *map, struct resources *res)
{
	const struct node *nodes = node_get(map, "nodes"), *ranks = node_get(map, "ranks");
	const struct node *type = node_get(map, "gpu_type"), *con = node_get(map, "constraint");
	const struct node *lic = node_get(map, "licences"), *excl = node_get(map, "exclusive");

	if (nodes && !ask_count(r, nodes, "nodes", 1, NODES_MAX, &res->nodes))
		res->set |= RES_NODES;
	if (ranks && !ask_count(r, ranks, "ranks", 1, RANKS_MAX, &res->ranks))
		res->set |= RES_RANKS;
	if (type && !ask_line(r, type, "gpu_type", &res->gpu_type))
		res->set |= RES_GPU_TYPE;
	if (con && !ask_line(r, con, "constraint", &res->constraint))
		res->set |= RES_CONSTRAINT;
	if (lic && !ask_line(r, lic, "licences", &res->licences))
		res->set |= RES_LICENCES;
	if (excl && ask_true(r, excl, "exclusive", &res->exclusive))
		res->set |= RES_EXCLUSIVE;
	if (ranks && nodes && res->set & RES_RANKS && res->set & RES_NODES &&
	    res->ranks < res->nodes)
		COMPLAIN(r, ranks,
			 "'ranks' is %llu and 'nodes' %llu: every node has at least one rank",
			 (unsigned long long)res->ranks, (unsigned long long)res->nodes);
}

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
	read_cluster_needs(r, map, res);
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
		COMPLAIN(r, n,
			 "this override changes nothing: give cpus, memory, time, gpus "
			 "or the like");
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

static bool any_sets(const struct spec *s, unsigned what)
{
	for (size_t i = 0; i < s->n_overrides; i++)
		if (s->overrides[i].res.set & what)
			return true;
	return false;
}

static bool any_gpus(const struct spec *s)
{
	for (size_t i = 0; i < s->n_overrides; i++)
		if (s->overrides[i].res.gpus)
			return true;
	return false;
}

/*
 * An override that gives nodes or ranks alone: the other is that of `resources`, unless some
 * override gives it too. Which of them meet in a task is known only there: see spec_resources.
 */
static void check_ranks(struct reader *r)
{
	const struct spec *s = r->s;

	for (size_t i = 0; i < s->n_overrides; i++) {
		const struct override *o = &s->overrides[i];
		const unsigned set = o->res.set & (RES_NODES | RES_RANKS);
		const uint64_t nodes = set & RES_NODES ? o->res.nodes : s->res.nodes;
		const uint64_t ranks = set & RES_RANKS ? o->res.ranks : s->res.ranks;

		if ((set == RES_NODES && !any_sets(s, RES_RANKS) && ranks && ranks < nodes) ||
		    (set == RES_RANKS && !any_sets(s, RES_NODES) && ranks < nodes))
			diag_error(r->d, o->pos.origin, o->pos.line, o->pos.col,
				   "'ranks' is %llu and 'nodes' %llu with this override: every "
				   "node has at least one rank",
				   (unsigned long long)ranks, (unsigned long long)nodes);
	}
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
	return s->res.set & what || any_sets(s, what);
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

	s->res = (struct resources){ .cpus = 1, .nodes = 1 };
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
	check_ranks(r);
	if (s->res.gpu_type && !s->res.gpus && !any_gpus(s))
		WARN(r, node_get(n, "gpu_type"),
		     "'gpu_type' says of what kind GPUs are, and no task asks for any: give 'gpus'");
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
	if (from->set & RES_NODES)
		to->nodes = from->nodes;
	if (from->set & RES_RANKS)
		to->ranks = from->ranks;
	if (from->set & RES_GPU_TYPE)
		to->gpu_type = from->gpu_type;
	if (from->set & RES_CONSTRAINT)
		to->constraint = from->constraint;
	if (from->set & RES_LICENCES)
		to->licences = from->licences;
	if (from->set & RES_EXCLUSIVE)
		to->exclusive = from->exclusive;
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
	if (out->ranks && out->ranks < out->nodes)
		return err_bad(e,
			       "the overrides that hold give %llu ranks on %llu nodes: every node "
			       "has at least one rank",
			       (unsigned long long)out->ranks, (unsigned long long)out->nodes);
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool resources_equal(const struct resources *a, const struct resources *b)
{
	return a->cpus == b->cpus && a->memory == b->memory && a->time_s == b->time_s &&
	       a->gpus == b->gpus && a->nodes == b->nodes && a->ranks == b->ranks &&
	       same_text(a->gpu_type, b->gpu_type) && same_text(a->constraint, b->constraint) &&
	       same_text(a->licences, b->licences) && a->exclusive == b->exclusive;
}

bool resources_alone(const struct resources *r)
{
	return r->ranks || r->nodes > 1 || r->exclusive;
}

uint64_t resources_ranks_per_node(const struct resources *r)
{
	const uint64_t nodes = r->nodes ? r->nodes : 1;

	return r->ranks ? (r->ranks - 1) / nodes + 1 : 1;
}

uint64_t resources_cpus(const struct resources *r)
{
	const uint64_t times = r->ranks ? r->ranks : r->nodes ? r->nodes : 1;

	return r->cpus > UINT64_MAX / times ? UINT64_MAX : r->cpus * times;
}
