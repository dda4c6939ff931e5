/* SPDX-License-Identifier: MIT */
/* What is passed on to workers, its file, and how it meets a node's own environment. */
#include "store/submission_env.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define FILE_MAX ((uint64_t)64 << 20) /* more than a system lets a process have */

extern char **environ;

/* See the header; a '*' at the end stands for any rest. */
static const char *const nodes_own[] = {
	/* the machine, and folders that a prologue makes for the job */
	"HOSTNAME",
	"HOST",
	"HOSTTYPE",
	"MACHTYPE",
	"OSTYPE",
	"TMPDIR",
	"TMP",
	"TEMP",
	"TEMPDIR",
	/* the login session */
	"XDG_RUNTIME_DIR",
	"XDG_SESSION_*",
	"XDG_SEAT*",
	"XDG_VTNR",
	"DISPLAY",
	"WAYLAND_DISPLAY",
	"XAUTHORITY",
	"SSH_*",
	"DBUS_*",
	"KRB5CCNAME",
	"GPG_*",
	"TERM",
	"TERM_*",
	"TERMCAP",
	"COLORTERM",
	"COLUMNS",
	"LINES",
	"TMUX*",
	"STY",
	"WINDOW",
	"WINDOWID",
	"INVOCATION_ID",
	"JOURNAL_STREAM",
	"NOTIFY_SOCKET",
	"LISTEN_FDS",
	"LISTEN_PID",
	"LISTEN_FDNAMES",
	/* the shell */
	"_",
	"SHLVL",
	"PWD",
	"OLDPWD",
	"SHELLOPTS",
	"BASHOPTS",
	/* cards of the allocation */
	"CUDA_VISIBLE_DEVICES",
	"CUDA_MPS_*",
	"NVIDIA_VISIBLE_DEVICES",
	"ROCR_VISIBLE_DEVICES",
	"HIP_VISIBLE_DEVICES",
	"GPU_DEVICE_ORDINAL",
	"ZE_AFFINITY_MASK",
	/* a rank of an MPI job; not PMIX_MCA_* and OMPI_MCA_*, which users set */
	"PMI_RANK",
	"PMI_SIZE",
	"PMI_FD",
	"PMI_PORT",
	"PMI_ID",
	"PMI_CONTROL_*",
	"PMIX_RANK",
	"PMIX_NAMESPACE",
	"PMIX_SERVER_*",
	"PMIX_HOSTNAME",
	"OMPI_COMM_WORLD_*",
	"OMPI_UNIVERSE_SIZE",
	"MPI_LOCALRANKID",
	"MPI_LOCALNRANKS",
	NULL,
};

/* What must not come from the node where the submitter had none. PBS sets the last one to the job's
 * processors. */
static const char *const submitters_own[] = {
	"PYTHON*",       "VIRTUAL_ENV",     "VIRTUAL_ENV_PROMPT", "CONDA_*",         "R_HOME",
	"R_LIBS",        "R_LIBS_*",        "R_ENVIRON*",         "R_PROFILE*",      "PERL5LIB",
	"JULIA_PROJECT", "JULIA_LOAD_PATH", "JULIA_DEPOT_PATH",   "OMP_NUM_THREADS", NULL,
};

/* ---- lists ---- */

static size_t name_length(const char *entry)
{
	const size_t n = strcspn(entry, "=");

	return entry[n] == '=' ? n : 0;
}

/* The entry of the same name, NULL: none. */
static const char *find(const char *const *env, const char *name, size_t n)
{
	for (; *env; env++) {
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=') {
			return *env;
		}
	}
	return NULL;
}

struct list {
	const char **items;
	size_t n, cap;
};

static void list_add(struct list *l, const char *entry)
{
	ARRAY_ROOM(l->items, l->n, l->cap);
	l->items[l->n++] = entry;
}

/* The list's entries as one block. The list is empty afterwards. */
static char **list_take(struct list *l)
{
	size_t bytes = 0;
	char **out, *at;

	for (size_t i = 0; i < l->n; i++) {
		bytes += strlen(l->items[i]) + 1;
	}
	out = mem_alloc((l->n + 1) * sizeof *out + bytes);
	at = (char *)(out + l->n + 1);
	for (size_t i = 0; i < l->n; i++) {
		const size_t len = strlen(l->items[i]) + 1;

		memcpy(at, l->items[i], len);
		out[i] = at;
		at += len;
	}
	free(l->items);
	*l = (struct list){ NULL, 0, 0 };
	return out;
}

/* ---- what is passed on, and what it meets ---- */

char **submission_env_passed(const struct template *t, const char *const *env)
{
	struct list l = { NULL, 0, 0 };

	for (; *env; env++) {
		const size_t n = name_length(*env);

		if (n && !variables_have(nodes_own, *env, n) &&
		    !variables_have(t->environment.own, *env, n) &&
		    !variables_have(t->environment.hidden, *env, n)) {
			list_add(&l, *env);
		}
	}
	return list_take(&l);
}

/* Whether a folder of n bytes stands in a list of folders. */
static bool is_among(const char *folders, const char *folder, size_t n)
{
	for (;;) {
		const size_t len = strcspn(folders, ":");

		if (len == n && memcmp(folders, folder, n) == 0) {
			return true;
		}
		if (!folders[len]) {
			return false;
		}
		folders += len + 1;
	}
}

/* "PATH=..": the submitter's, then what only the node has. The caller frees. */
static char *merged_path(const char *passed, const char *node)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, passed);
	for (node += strlen("PATH=");;) {
		const size_t n = strcspn(node, ":");

		/* an empty one is the working folder, which nobody asked for */
		if (n && !is_among(buf_str(&b) + strlen("PATH="), node, n)) {
			if (buf_str(&b)[b.len - 1] != '=') {
				buf_putc(&b, ':');
			}
			buf_add(&b, node, n);
		}
		if (!node[n]) {
			return buf_take(&b);
		}
		node += n + 1;
	}
}

char **submission_env_merged(const char *const *passed, const char *const *node)
{
	const char *his = find(passed, "PATH", strlen("PATH"));
	const char *here = find(node, "PATH", strlen("PATH"));
	char *path = his && here ? merged_path(his, here) : NULL, **out;
	struct list l = { NULL, 0, 0 };

	for (size_t i = 0; passed[i]; i++) {
		list_add(&l, path && passed[i] == his ? path : passed[i]);
	}
	for (; *node; node++) {
		const size_t n = name_length(*node);

		if (n && !find(passed, *node, n) && !variables_have(submitters_own, *node, n)) {
			list_add(&l, *node);
		}
	}
	out = list_take(&l);
	free(path);
	return out;
}

/* ---- the file ---- */

int submission_env_write(const struct submission *s, const char *const *passed, struct err *e)
{
	char *path = path_join(s->dir, SUBMISSION_ENVIRONMENT);
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct buf b = BUF_INIT;
	struct stat st;
	int rc;

	for (; *passed; passed++) {
		buf_add(&b, *passed, strlen(*passed) + 1);
	}
	rc = fd < 0 ? err_errno(e, "cannot make '%s'", path)
		    : file_write_fd(fd, buf_str(&b), b.len, path, e);
	if (rc == 0) {
		rc = fstat(fd, &st) == 0 && (st.st_mode & 077);
	}
	if (fd >= 0 && close(fd) < 0 && rc == 0) {
		/* no test: an error of a file system that writes on closing */
		rc = err_errno(e, "cannot write '%s'", path);
	}
	buf_free(&b);
	free(path);
	return rc;
}

/* The entries of the file's text, 0, or -1: it is damaged. */
static int split(const struct buf *b, struct list *l)
{
	for (size_t at = 0; at < b->len;) {
		const char *entry = b->data + at;
		const size_t n = strnlen(entry, b->len - at);

		if (at + n == b->len || !name_length(entry)) {
			return -1;
		}
		list_add(l, entry);
		at += n + 1;
	}
	return 0;
}

char **submission_env_read(const struct submission *s, struct err *e)
{
	char *path = path_join(s->dir, SUBMISSION_ENVIRONMENT), **out = NULL;
	struct list l = { NULL, 0, 0 };
	struct buf b = BUF_INIT;

	if (file_read(path, &b, FILE_MAX, e) == 0) {
		if (split(&b, &l) == 0) {
			out = list_take(&l);
		} else {
			(void)err_fail(e, "'%s' is damaged: submit again", path);
		}
	}
	free(l.items);
	buf_free(&b);
	free(path);
	return out;
}

int submission_env_apply(const struct submission *s, struct err *e)
{
	struct err why = ERR_INIT;
	char **passed;

	if (!s->environment) {
		return 0;
	}
	passed = submission_env_read(s, &why);
	if (!passed) {
		/* it is removed behind ended.json, which so is there */
		char *ended = path_join(s->dir, "ended.json");
		const bool over = file_exists(ended);

		free(ended);
		return over ? 0 : err_fail(e, "%s", why.text);
	}
	environ = submission_env_merged((const char *const *)passed, (const char *const *)environ);
	free(passed);
	return 0;
}
