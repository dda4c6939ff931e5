/* SPDX-License-Identifier: MIT */
/* The environment that results were made in, for a journal's header. */
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "base/buf.h"
#include "base/fetch.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "gen/template.h"
#include "run/capacity.h"
#include "run/cgroup.h"

#define VALUE_MAX 4096 /* a longer value is cut: LOADEDMODULES can be long, but not this long */

extern char **environ;

/* Variables that are kept; a star at the end stands for any rest. */
static const char *const allowed[] = {
	"LANG",
	"LC_*",
	"TZ",
	"LOADEDMODULES",
	"_LMFILES_",
	"CONDA_PREFIX",
	"CONDA_DEFAULT_ENV",
	"VIRTUAL_ENV",
	"R_HOME",
	"R_LIBS",
	"R_LIBS_USER",
	"JULIA_PROJECT",
	"JULIA_NUM_THREADS",
	"PYTHONPATH",
	"PYTHONHASHSEED",
	"OMP_*",
	"MKL_*",
	"OPENBLAS_*",
	"GOTO_*",
	"BLIS_*",
	"NUMEXPR_*",
	"KMP_*",
	"GOMP_*",
	"MALLOC_*",
	"CUDA_VISIBLE_DEVICES",
	"ROCR_VISIBLE_DEVICES",
	"LD_LIBRARY_PATH",
	"LD_PRELOAD",
	NULL,
};

/* What a scheduler says of the job, its template tells. */
static bool is_allowed(const char *name, size_t n)
{
	return variables_have(allowed, name, n) ||
	       variables_have(template_variables()->recorded, name, n);
}

/* Names that hold TOKEN, SECRET, PASS or KEY are never written, allowed or not. */
static bool looks_secret(const char *name, size_t n)
{
	static const char *const words[] = { "TOKEN", "SECRET", "PASS", "KEY", "CREDENTIAL" };

	for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
		const size_t len = strlen(words[w]);

		for (size_t i = 0; i + len <= n; i++) {
			if (strncasecmp(name + i, words[w], len) == 0) {
				return true;
			}
		}
	}
	return false;
}

static void put_variables(struct buf *b)
{
	json_put_key(b, "env");
	buf_putc(b, '{');
	for (char **v = environ; *v; v++) {
		const char *eq = strchr(*v, '=');
		const size_t n = eq ? (size_t)(eq - *v) : 0, len = eq ? strlen(eq + 1) : 0;

		if (n == 0 || !is_allowed(*v, n) || looks_secret(*v, n)) {
			continue;
		}
		json_put_sep(b);
		json_put(b, *v, n);
		buf_putc(b, ':');
		if (fetch_is_url(eq + 1)) {
			char *public = fetch_url_public(eq + 1);

			json_puts(b, public);
			free(public);
		} else {
			json_put(b, eq + 1, len < VALUE_MAX ? len : VALUE_MAX);
		}
	}
	buf_putc(b, '}');
}

/* Writes the value of the first line "key<separators>value" of a file, unquoted; nothing when there
 * is none. */
static void put_line_value(struct buf *b, const char *member, const char *path, const char *key,
			   const char *separators)
{
	struct buf text = BUF_INIT;
	const size_t n = strlen(key);
	const char *p;
	size_t len;

	if (file_read(path, &text, (uint64_t)16 << 20, NULL) < 0) {
		/* no test: a system without /etc/os-release or /proc has no such member */
		buf_free(&text);
		return;
	}
	for (p = text.data; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		if (strncmp(p, key, n) == 0 && (p[n] == '\0' || strchr(separators, p[n]))) {
			p += n + strspn(p + n, separators);
			len = strcspn(p, "\n");
			if (len >= 2 && *p == '"' && p[len - 1] == '"') {
				p++;
				len -= 2;
			}
			json_put_key(b, member);
			json_put(b, p, len);
			break;
		}
	}
	buf_free(&text);
}

/* The processors' numbers as "0-3,8". */
static void put_affinity(struct buf *b)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) < 0) {
		return; /* no test: more than 1024 processors; then there is no such member */
	}
	json_put_key(b, "affinity");
	buf_putc(b, '"');
	for (int i = 0, first = 1; i < CPU_SETSIZE; i++) {
		int end = i;

		if (!CPU_ISSET(i, &set)) {
			continue;
		}
		while (end + 1 < CPU_SETSIZE && CPU_ISSET(end + 1, &set)) {
			end++;
		}
		buf_printf(b, end > i ? "%s%d-%d" : "%s%d", first ? "" : ",", i, end);
		first = 0;
		i = end;
	}
	buf_putc(b, '"');
}

static void put_limits(struct buf *b)
{
	static const struct {
		const char *name;
		int which;
	} rows[] = {
		{ "as", RLIMIT_AS },         { "core", RLIMIT_CORE },
		{ "cpu", RLIMIT_CPU },       { "data", RLIMIT_DATA },
		{ "fsize", RLIMIT_FSIZE },   { "memlock", RLIMIT_MEMLOCK },
		{ "nofile", RLIMIT_NOFILE }, { "nproc", RLIMIT_NPROC },
		{ "stack", RLIMIT_STACK },
	};
	struct rlimit l;

	json_put_key(b, "ulimits");
	buf_putc(b, '{');
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (getrlimit(rows[i].which, &l) < 0 || l.rlim_cur == RLIM_INFINITY) {
			continue; /* absent: unlimited */
		}
		json_put_key(b, rows[i].name);
		buf_put_u64(b, l.rlim_cur);
	}
	buf_putc(b, '}');
}

static void put_number(struct buf *b, const char *member, uint64_t v)
{
	if (v > 0) {
		json_put_key(b, member);
		buf_put_u64(b, v);
	}
}

void capacity_put_environment(struct buf *members, const struct capacity *c)
{
	struct cgroup_limits group;
	struct utsname u;

	cgroup_limits(CGROUP_SELF, CGROUP_ROOT, &group);
	if (uname(&u) == 0) {
		json_put_key(members, "kernel");
		json_puts(members, u.release);
		json_put_key(members, "machine");
		json_puts(members, u.machine);
	}
	put_line_value(members, "os", "/etc/os-release", "PRETTY_NAME", "=");
	put_line_value(members, "cpu", "/proc/cpuinfo", "model name", "\t :");
	put_affinity(members);
	put_number(members, "cpus", c->cpus);
	json_put_key(members, "cpus_by");
	json_puts(members, c->cpus_by);
	put_number(members, "memory", c->memory);
	put_number(members, "cgroup_cpus", group.cpus);
	put_number(members, "cgroup_memory", group.memory);
	json_put_key(members, "gpus");
	buf_putc(members, '[');
	for (size_t i = 0; i < c->n_gpus; i++) {
		json_put_sep(members);
		json_puts(members, c->gpus[i]);
	}
	buf_putc(members, ']');
	put_limits(members);
	put_variables(members);
}
