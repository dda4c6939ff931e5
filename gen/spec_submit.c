/* SPDX-License-Identifier: MIT */
/* What a spec says of its life on a cluster: the checkpoint signal, the shape of array elements,
 * and how MPI tasks are started. */
#include <signal.h>
#include <string.h>

#include "base/text.h"
#include "gen/language.h"
#include "gen/spec_internal.h"

#define BEFORE_DEFAULT 300u /* seconds */
#define SLOTS_MAX      65536u
#define ELEMENTS_MAX   100000000u

/* Those that a program can take and that mean nothing else to ppgen. */
static const char *const signal_names[] = { "USR1", "USR2", "TERM", "INT",
					    "HUP",  "CONT", "QUIT", "ALRM" };
static const int signals[] = {
	SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGHUP, SIGCONT, SIGQUIT, SIGALRM
};
#define N_SIGNALS (sizeof signals / sizeof *signals)

static void read_signal(struct reader *r, const struct node *n, int *out)
{
	int k;

	for (size_t i = 0; i < N_SIGNALS && n->kind == NODE_SCALAR && n->len > 3; i++) {
		if (strncmp(n->text, "SIG", 3) == 0 && strcmp(n->text + 3, signal_names[i]) == 0) {
			*out = signals[i];
			return;
		}
	}
	k = ask_choice(r, n, "signal", signal_names, N_SIGNALS);
	if (k >= 0)
		*out = signals[k];
}

/* A task that gets its signal as soon as it starts has no use for it. */
static void warn_before(struct reader *r, const struct node *n)
{
	const struct spec *s = r->s;
	uint64_t least = s->res.time_s;
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < s->n_overrides; i++) {
		const struct resources *o = &s->overrides[i].res;

		if (o->set & RES_TIME && (!least || o->time_s < least))
			least = o->time_s;
	}
	if (!least || s->checkpoint.before_s < least)
		return;
	text_put_duration(&b, (double)s->checkpoint.before_s);
	buf_puts(&b, ", and 'time' only ");
	text_put_duration(&b, (double)least);
	WARN(r, n,
	     "'before' in 'checkpoint' is %s: such a task gets the signal right after its "
	     "start",
	     buf_str(&b));
	buf_free(&b);
}

/* A duration for which 0 does not mean what it means for limits. */
static int ask_span(struct reader *r, const struct node *n, const char *what, const char *advice,
		    uint64_t *out)
{
	uint64_t s;

	if (n->kind == NODE_SCALAR && text_duration(n->text, n->len, &s) && !s)
		return COMPLAIN(r, n, "'%s' is 0: %s", what, advice);
	return ask_duration(r, n, what, out);
}

static void read_checkpoint(struct reader *r)
{
	const struct node *n = node_get(r->root, "checkpoint"), *k;
	struct checkpoint *c = &r->s->checkpoint;
	bool unknown;

	if (!n || !ask_map(r, n, "checkpoint"))
		return;
	unknown = keys_check(r, n, "checkpoint", "checkpoint") != 0;
	c->before_s = BEFORE_DEFAULT;
	if ((k = node_get(n, "signal")))
		read_signal(r, k, &c->signal);
	else if (!unknown)
		COMPLAIN(r, n,
			 "'signal' is missing in 'checkpoint': which one tasks get, as in USR1");
	if ((k = node_get(n, "before")) &&
	    ask_span(r, k, "before", "a signal at the very end comes too late", &c->before_s))
		return;
	warn_before(r, k ? k : n);
}

static struct pos pos_of(const struct node *n)
{
	return (struct pos){ n->origin, n->line, n->col };
}

/* Tasks that run alone in their element leave no place for others. */
static void check_slots(struct reader *r, const struct node *n)
{
	const struct resources *res = &r->s->res;
	const char *why = res->nodes > 1 ? "'nodes' is more than 1"
			  : res->ranks   ? "'ranks' is given"
					 : "'exclusive' is true";

	if (r->s->submit.slots > 1 && resources_alone(res))
		COMPLAIN(r, n,
			 "'slots' is %llu, and %s in 'resources': such tasks run one at a time in "
			 "an element",
			 (unsigned long long)r->s->submit.slots, why);
}

static void read_shape(struct reader *r)
{
	const struct node *n = node_get(r->root, "submit"), *k;
	struct submit_wish *w = &r->s->submit;

	if (!n || !ask_map(r, n, "submit"))
		return;
	keys_check(r, n, "submit", "submit");
	if ((k = node_get(n, "slots"))) {
		w->slots_pos = pos_of(k);
		if (!ask_count(r, k, "slots", 1, SLOTS_MAX, &w->slots))
			check_slots(r, k);
	}
	if ((k = node_get(n, "elements"))) {
		w->elements_pos = pos_of(k);
		ask_count(r, k, "elements", 1, ELEMENTS_MAX, &w->elements);
	}
	if ((k = node_get(n, "max_running")))
		ask_count(r, k, "max_running", 1, ELEMENTS_MAX, &w->max_running);
	if ((k = node_get(n, "element_time"))) {
		w->time_pos = pos_of(k);
		ask_span(r, k, "element_time", "leave it out to have it chosen", &w->element_time);
	}
}

/* The scalar below n that names `what`, and where in it; NULL when none does. */
static const struct node *find_text(const struct node *n, const char *what, size_t *at)
{
	const struct node *found = NULL;
	const char *p;

	if (!n)
		return NULL;
	if (n->kind == NODE_SCALAR && (p = strstr(n->text, what))) {
		*at = (size_t)(p - n->text);
		return n;
	}
	for (size_t i = 0; i < n->n && !found; i++)
		found = find_text(n->items[i], what, at);
	return found;
}

/* Where the most nodes, or ranks, are asked for; NULL where one of each is all. */
static const struct node *find_many(const struct reader *r)
{
	const struct node *res = node_get(r->root, "resources"), *over, *n = NULL;

	if (r->s->res.ranks > 1)
		n = node_get(res, "ranks");
	if (!n && r->s->res.nodes > 1)
		n = node_get(res, "nodes");
	over = node_get(r->root, "overrides");
	for (size_t i = 0; !n && i < r->s->n_overrides; i++) {
		const struct resources *o = &r->s->overrides[i].res;

		if (o->ranks > 1 || o->nodes > 1)
			n = over;
	}
	return n;
}

/* A function is called in one process. */
static void check_one_process(struct reader *r)
{
	const char *name = r->s->function.language->name;
	const struct node *n = find_many(r), *ranks;
	size_t at = 0;

	ranks = node_get(node_get(r->root, "resources"), "ranks");
	if (!n)
		n = ranks;
	if (n)
		COMPLAIN(r, n,
			 "a function is called in one process on one node: use 'command' instead "
			 "of '%s' for several",
			 name);
	n = find_text(node_get(r->root, "env"), "{launch", &at);
	if (n)
		complain_at(r, n, at, "'{launch}' starts MPI processes, and a function is called");
}

/* {launch} and `ranks` go together. */
static void check_launch(struct reader *r)
{
	const struct node *way = node_get(r->root, "command"), *n;
	const bool shell = r->s->start == START_SHELL;
	const struct resources *res = &r->s->res;
	size_t at = 0;

	if (r->s->start == START_FUNCTION) {
		check_one_process(r);
		return;
	}
	if (shell)
		way = node_get(r->root, "shell");
	if (!spec_uses_launch(r->s)) {
		if (way && !r->names_open && (n = find_many(r)))
			WARN(r, n,
			     "the task is started once, on one node: begin %s to start it on all "
			     "of them",
			     shell ? "its program with $PPGEN_LAUNCH"
				   : "the command with {launch}");
		return;
	}
	if (res->ranks)
		return;
	n = find_text(way, "{launch", &at);
	if (!n || shell)
		n = find_text(node_get(r->root, "env"), "{launch", &at);
	if (n)
		complain_at(
			r, n, at,
			"'{launch}' starts MPI processes, and 'resources' has no 'ranks': say how "
			"many (1 where only 'overrides' ask for more)");
	else if ((n = find_text(way, "PPGEN_LAUNCH", &at)))
		WARN(r, n, "PPGEN_LAUNCH is not set: 'resources' has no 'ranks'");
}

void read_submit(struct reader *r)
{
	read_checkpoint(r);
	read_shape(r);
	check_launch(r);
}
