/* SPDX-License-Identifier: MIT */
/* What an element may use: processors, memory, time, folders, environment. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/provenance.h"
#include "base/text.h"
#include "gen/site.h"
#include "gen/task.h"
#include "run/setup.h"
#include "run/worker_internal.h"
#include "store/rundir.h"

#define GRACE_S      10.0
#define RESERVE_MIN  5.0  /* where the submission knew no wall time: a tenth of what is left, */
#define RESERVE_MAX  60.0 /* within these, as its shape would have it */
#define SPREAD_EACH  0.02
#define SPREAD_SHARE 100 /* of the element's time */
#define VALUE_MAX    4096

extern char **environ;

static const struct submission_array *array_of(const struct worker_options *o)
{
	return &o->submission->arrays[o->array - 1];
}

/* ---- processors, memory, gpus ---- */

/* Of one task on this machine: as the pool counts them. */
static uint64_t task_cpus(const struct resources *r)
{
	const uint64_t ranks = r->ranks ? r->ranks : 1, cpus = r->cpus ? r->cpus : 1;

	return r->nodes > 1 ? 1 : ranks > UINT64_MAX / cpus ? UINT64_MAX : cpus * ranks;
}

/* A template that stands in no folder that this machine knows may name variables of its own. */
static void limit_by_variables(struct capacity *c, const char *const *names)
{
	for (; names && *names; names++) {
		const char *text = getenv(*names);
		uint64_t n;

		if (text && text_u64(text, strlen(text), &n) && n > 0 && n < c->cpus) {
			c->cpus = n;
			c->cpus_by = *names;
		}
	}
}

void place_capacity(const struct worker_options *o, struct capacity *c)
{
	const struct submission_array *a = array_of(o);
	const uint64_t one = task_cpus(&a->res), memory = a->res.memory;
	uint64_t slots, most;

	capacity_find(c);
	limit_by_variables(c, o->template->environment.cpus);
	slots = c->cpus / one;
	if (slots >= a->slots) {
		slots = a->slots;
		c->cpus_by = "the submission's slots";
	}
	c->cpus = one * (slots ? slots : 1);
	if (memory) {
		most = memory <= UINT64_MAX / a->slots ? memory * a->slots : UINT64_MAX;
		c->memory = c->memory == 0 || c->memory > most ? most
			    : c->memory > memory               ? c->memory
							       : memory;
	}
	while (a->res.gpus && c->n_gpus > a->res.gpus * a->slots) {
		free(c->gpus[--c->n_gpus]);
	}
}

/* ---- time ---- */

double worker_began(void)
{
	const uint64_t ticks = proc_start_ticks(getpid());
	const long a_second = sysconf(_SC_CLK_TCK);
	struct timespec now;
	double ago;

	/* both count from the boot, the time that a machine slept included */
	if (ticks == 0 || a_second <= 0 || clock_gettime(CLOCK_BOOTTIME, &now) < 0) {
		/* no test: without /proc the time until now is not known, and not counted */
		return proc_monotonic();
	}
	ago = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)ticks / (double)a_second;
	return proc_monotonic() - fmax(ago, 0);
}

/* Seconds from now until the job ends, by the variable that says so; < 0: none does. One that lies
 * in the past is a clock that is wrong: we live. */
static double seconds_left(const struct worker_options *o)
{
	const char *name = o->template->environment.ends, *text = name ? getenv(name) : NULL;
	const uint64_t now = proc_unix_ms() / 1000;
	uint64_t ends;

	return text && text_u64(text, strlen(text), &ends) && ends > now ? (double)(ends - now)
									 : -1;
}

double place_end(const struct worker_options *o, double *grace)
{
	const struct submission_array *a = array_of(o);
	const double left = seconds_left(o), now = proc_monotonic();
	double reserve = (double)a->reserve, end = 0;

	if (a->time > 0) {
		end = o->began + (double)a->time;
	}
	if (left >= 0) {
		end = end > 0 ? fmin(end, now + left) : now + left;
	}
	if (end > 0 && a->time == 0 && reserve <= 0) {
		reserve = fmin(fmax(left / 10, RESERVE_MIN), RESERVE_MAX);
	}
	*grace = end > 0 ? fmin(GRACE_S, reserve / 2) : GRACE_S;
	/* 0 would mean never, and the clock began at the boot */
	return end > 0 ? fmax(end - reserve, 1e-6) : 0;
}

double worker_spread(const struct submission_array *a, uint64_t element, uint64_t most)
{
	const uint64_t together =
		a->throttle && a->throttle < a->elements ? a->throttle : a->elements;
	double width = fmin((double)most, SPREAD_EACH * (double)together);

	if (a->time) {
		width = fmin(width, (double)a->time / SPREAD_SHARE);
	}
	return width * (double)((element - a->first) % together) / (double)together;
}

/* ---- folders ---- */

char *place_scratch(const struct worker_options *o, const char *writer, struct err *e)
{
	struct buf b = BUF_INIT;
	char *base = NULL, *path;

	if (o->submission->scratch && spec_uses_scratch(o->plan->spec)) {
		if (site_expand(o->submission->scratch, &b, e) < 0) {
			err_wrap(e, "the site's scratch '%s'", o->submission->scratch);
			buf_free(&b);
			return NULL;
		}
		if (buf_str(&b)[0] != '/') {
			err_bad(e, "the site's scratch '%s' is no absolute path on %s: '%s'",
				o->submission->scratch, proc_host(), buf_str(&b));
			buf_free(&b);
			return NULL;
		}
		base = buf_take(&b);
	} else {
		base = rundir_path(o->rundir, "scratch");
	}
	path = path_join(base, writer);
	free(base);
	return path;
}

/* ---- environment ---- */

static bool is_listed(const char *variable, const char *const *names)
{
	return variables_have(names, variable, strcspn(variable, "="));
}

/* Both set-ups as one script, the site's first; NULL: there is none. The caller frees. */
static char *setup_script(const struct worker_options *o)
{
	const char *site = o->submission->setup, *spec = o->plan->spec->setup;

	return site && spec ? mem_printf("%s\n%s", site, spec)
	       : site       ? mem_dup(site)
	       : spec       ? mem_dup(spec)
			    : NULL;
}

char **place_environment(const struct worker_options *o, struct err *e)
{
	char *script = setup_script(o);
	char **env = setup_environment(script, o->plan->spec->dir, e);
	size_t n = 0;

	for (size_t i = 0; env && env[i]; i++) {
		if (!is_listed(env[i], o->template->environment.hidden)) {
			env[n++] = env[i];
		}
	}
	if (env) {
		env[n] = NULL;
	}
	free(script);
	return env;
}

/* Variables that only this submission's template finds worth keeping. */
static void put_recorded(const struct worker_options *o, struct buf *b)
{
	json_put_key(b, "recorded");
	buf_putc(b, '{');
	for (char **v = environ; *v; v++) {
		const char *eq = strchr(*v, '=');

		if (eq && is_listed(*v, o->template->environment.recorded) &&
		    !is_listed(*v, template_variables()->recorded)) {
			char *name = mem_dupn(*v, (size_t)(eq - *v));

			if (!provenance_is_secret(name)) {
				json_put_key(b, name);
				json_put(b, eq + 1, strnlen(eq + 1, VALUE_MAX));
			}
			free(name);
		}
	}
	buf_putc(b, '}');
}

void place_put_header(const struct worker_options *o, const struct capacity *c, struct buf *b)
{
	buf_printf(b, "\"submission\":%u,\"array\":%u,\"element\":%" PRIu64, o->submission->number,
		   o->array, o->element);
	json_put_key(b, "job");
	json_puts(b, o->job);
	json_put_key(b, "template");
	json_puts(b, o->submission->template_name);
	capacity_put_environment(b, c);
	put_recorded(o, b);
}
