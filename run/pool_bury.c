/* SPDX-License-Identifier: MIT */
/* The end of interpreters: what is said of one that cannot be used, and what becomes of the calls
 * of one that is gone. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gen/language.h"
#include "run/pool_calls.h"

#define EDITS_MAX  4
#define TAIL_SHOWN 2000 /* bytes of what one said that could not load its function */

/* The end of what it wrote to its stderr, for people. */
static void put_tail(int fd, struct buf *b)
{
	char text[TAIL_SHOWN + 1];
	struct stat st;
	off_t from;
	ssize_t got;
	const char *at = text;

	if (fd < 0 || fstat(fd, &st) < 0) {
		return;
	}
	from = st.st_size > TAIL_SHOWN ? st.st_size - TAIL_SHOWN : 0;
	got = pread(fd, text, TAIL_SHOWN, from);
	if (got <= 0) {
		return;
	}
	while (got > 0 && text[got - 1] == '\n') {
		got--;
	}
	text[got] = '\0';
	if (from > 0 && strchr(text, '\n')) {
		at = strchr(text, '\n') + 1;
	}
	buf_puts(b, at);
}

/* It could not load the function: then no other can. */
int lane_refused(struct pool *p, int fd, const char *why)
{
	struct pool_event ev = { .kind = POOL_STOPPING };

	buf_clear(&p->text);
	put_tail(fd, &p->text);
	if (p->text.len > 0) {
		ev.text = p->text.data;
		pool_event_send(p, &ev);
	}
	return err_bad(&p->fault, "%s '%s': %s", p->spec->function.language->name,
		       p->spec->function.call, why);
}

int lane_unstarted(struct pool *p, int number)
{
	const bool system =
		number == EMFILE || number == ENFILE || number == EAGAIN || number == ENOMEM;

	return system ? err_fail(&p->fault, "%s", buf_str(&p->why))
		      : err_bad(&p->fault, "%s", buf_str(&p->why));
}

int lane_edited(struct pool *p)
{
	struct calls *c = p->calls;

	if (strcmp(c->edited, p->code) == 0) {
		return 0; /* one edit meets all that are loading */
	}
	memcpy(c->edited, p->code, sizeof c->edited);
	if (++c->edits < EDITS_MAX) {
		return 0;
	}
	return err_bad(&p->fault,
		       "%s '%s': its code changes whenever it is loaded: does it write to a file "
		       "that counts as code? (ppgen plan lists them)",
		       p->spec->function.language->name, p->spec->function.call);
}

void lane_put_end(struct buf *b, int status)
{
	if (WIFSIGNALED(status)) {
		buf_printf(b, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	} else {
		buf_printf(b, "exit code %d", WEXITSTATUS(status));
	}
}

/* It ended by itself, and had not begun what it was sent. */
static int bury_unbegun(struct pool *p, struct slot *s, bool loading)
{
	struct buf why = BUF_INIT;
	int rc;

	if (!loading && ++p->calls->deaths < DEATHS_MAX) {
		if (!s->lane->begun) {
			call_forget(p, s);
			return 0;
		}
		s->ended_by = OUTCOME_INTERRUPTED;
		s->uncharged = true;
		return end_gone(p, s);
	}
	buf_puts(&why, loading ? "its interpreter ended while it loaded the function: "
			       : "its interpreter ends before it begins a call: ");
	lane_put_end(&why, s->lane->status);
	rc = lane_refused(p, s->fd[STREAM_STDERR], why.data);
	buf_free(&why);
	call_forget(p, s);
	return rc;
}

/* What it used beside what its answers told of. */
static struct rusage rest_of_usage(const struct lane *l)
{
	struct rusage u = l->usage;
	const double all = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
			   (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6,
		     rest = all > l->cpu ? all - l->cpu : 0;

	u.ru_stime = (struct timeval){ 0 };
	u.ru_utime.tv_sec = (time_t)rest;
	u.ru_utime.tv_usec = (suseconds_t)((rest - (double)u.ru_utime.tv_sec) * 1e6);
	return u;
}

/* All its answers were heard: what it had begun is charged, what it had not begun comes again. */
int lane_bury(struct pool *p, struct slot *s)
{
	struct lane *l = s->lane;
	const bool loading = !l->ready, begun = !loading && l->n > 0 && !call_is_unread(s),
		   ended = s->ended_by != OUTCOME_NONE || p->stop >= STOP_TERM;

	p->calls->opening -= loading;
	p->calls->loading -= loading && l->loading;
	interp_free(l->interp);
	l->interp = NULL;
	l->gone = l->doomed = l->closed = false;
	if (l->n == 0) {
		s->pid = 0;
		spools_drop(p, s);
		return 0;
	}
	s->ended = l->gone_at;
	s->status = l->status;
	s->usage = rest_of_usage(l);
	if (l->chunk > 1) {
		call_drop(p, s, 1);
		s->job->single = true;
		call_forget(p, s);
		return 0;
	}
	call_drop(p, s, 1);
	if (!begun && !ended) {
		return bury_unbegun(p, s, loading);
	}
	if (!begun && !l->begun) {
		call_forget(p, s); /* we ended it, and no record speaks of it */
		return 0;
	}
	p->calls->deaths = 0;
	return end_gone(p, s);
}
