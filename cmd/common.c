/* SPDX-License-Identifier: MIT */
/* Saying what went wrong, and small texts that several commands show. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "collect/collect.h"

int cmd_parse(const struct command *c, int *argc, char **argv, void *values, int *code)
{
	struct err e = ERR_INIT;
	int r = opt_parse(c, argc, argv, values, &e);
	if (r < 0) {
		fprintf(stderr, "ppgen %s: %s\n", c->name, e.text);
		*code = EXIT_USAGE;
		return -1;
	}
	*code = EXIT_GOOD;
	return r;
}

int cmd_fail(const struct err *e)
{
	fprintf(stderr, "ppgen: %s\n", e->text);
	return e->kind == ERR_BAD ? EXIT_USAGE : EXIT_SYSTEM;
}

int cmd_diags(struct diags *d)
{
	fputs(diags_text(d), stderr);
	return diags_errors(d) ? EXIT_USAGE : EXIT_GOOD;
}

void put_params(struct buf *b, const struct plan *p, const struct point *pt, size_t most)
{
	const struct space *s = p->spec->space;
	size_t from = b->len;
	for (size_t k = 0; k < space_names(s); k++) {
		buf_puts(b, k ? ", " : "");
		buf_printf(b, "%s=", space_name(s, k));
		text_put_shown(b, pt->values[k].text, pt->values[k].len, 60);
	}
	if (most && b->len - from > most) {
		b->len = from + most - 3;
		while (b->len > from && ((unsigned char)b->data[b->len] & 0xC0) == 0x80)
			b->len--;
		buf_puts(b, "...");
	}
}

void load_shown(const struct plan *p, uint64_t index, struct point *pt, char shown[TASK_ID_SHOWN])
{
	uint8_t id[TASK_ID_SIZE];
	space_point(p->spec->space, index, pt);
	task_id(p->spec->space, pt, id);
	task_id_show(id, shown);
}

void put_counted(struct buf *b, uint64_t n, const char *noun)
{
	text_put_count(b, n);
	buf_printf(b, " %s%s", noun, n == 1 ? "" : "s");
}

/* A path as seen from the working folder, where it lies below that. */
static const char *brief_path(const char *path, const char *here)
{
	size_t n = strlen(here);
	return !strncmp(path, here, n) && path[n] == '/' ? path + n + 1 : path;
}

void say_collected(const struct collect_report *r)
{
	struct buf b = BUF_INIT;
	char *here = path_absolute(".");
	for (size_t i = 0; i < r->n_tables; i++) {
		const struct collected *t = &r->tables[i];
		buf_printf(&b, "%s: ", brief_path(t->path, here));
		put_counted(&b, t->rows, "row");
		buf_printf(&b, ", sha256 %s\n", t->sha256);
	}
	if (r->merged != r->expected) {
		buf_puts(&b, "expected ");
		put_counted(&b, r->expected, "task");
		buf_printf(&b, ": %llu merged, %llu failed, %llu missing",
			   (unsigned long long)r->merged, (unsigned long long)r->failed,
			   (unsigned long long)r->missing);
		if (r->stale)
			buf_printf(&b, ", %llu stale", (unsigned long long)r->stale);
		buf_putc(&b, '\n');
	}
	fputs(buf_str(&b), stderr);
	free(here);
	buf_free(&b);
}

void say_differing(const struct scan *s)
{
	uint64_t n = 0, first = 0;
	for (uint64_t i = 0; i < s->count; i++)
		if (s->tasks[i].flags & TASK_DIFFERS && n++ == 0)
			first = i;
	if (n)
		fprintf(stderr,
			"ppgen: warning: %llu task%s ran twice under the same code and returned different results (task %llu, say): "
			"not deterministic; the first success counts\n",
			(unsigned long long)n, n == 1 ? "" : "s", (unsigned long long)first);
}

#define PREVIEW_LINES 5
#define PREVIEW_BYTES 4096

/* Prints lines of text, long ones cut; returns where it stopped. */
static const char *say_lines(const char *p, const char *end, unsigned lines)
{
	struct buf b = BUF_INIT;
	while (lines-- && p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;
		size_t len = (size_t)(stop - p);
		while (len && p[len - 1] == '\r')
			len--;
		buf_puts(&b, "  ");
		text_put_shown(&b, p, len, 100);
		buf_putc(&b, '\n');
		p = nl ? nl + 1 : end;
	}
	fputs(buf_str(&b), stderr);
	buf_free(&b);
	return p;
}

void say_preview(const char *path)
{
	char text[PREVIEW_BYTES];
	FILE *f = fopen(path, "re");
	if (!f)
		return;
	const char *end = text + fread(text, 1, sizeof text, f);
	if (say_lines(text, end, PREVIEW_LINES) < end || getc(f) != EOF)
		fputs("  ...\n", stderr);
	fclose(f);
}
