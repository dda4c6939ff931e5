/* SPDX-License-Identifier: MIT */
/* A scan from its beginning to its end: journals are opened, folded, and stay open for those who
 * read records again. */
#include "store/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/scan_fold.h"

static int fold_files(struct scan *s, struct err *e)
{
	if (scan_list(s->rundir, &s->files, &s->n_files, e) < 0) {
		return -1;
	}
	for (size_t i = 0; i < s->n_files; i++) {
		if (scan_open(&s->files[i], e) < 0) {
			return -1;
		}
	}
	return 0;
}

/* All that is known once the journals are open. */
static int fold_all(struct fold *f)
{
	struct scan *s = f->s;

	if (!f->o->repick) {
		if (published_load(s, f->e) < 0) {
			return -1;
		}
		if (f->o->judge) {
			f->from = cursor_load(s, &f->was_open, &f->n_was_open);
			f->n_known = s->priv->n_voids;
		}
	}
	if (fold_pass(f) < 0 || fold_voids(f) < 0 || fold_open(f) < 0 || fold_stale(f) < 0 ||
	    winner_compare_all(s, f->e) < 0) {
		return -1;
	}
	if (!f->o->repick && f->o->judge) {
		cursor_save(s);
	}
	return 0;
}

int scan_fold(const char *rundir, const struct plan *p, const struct scan_options *o,
	      struct scan *out, struct err *e)
{
	struct fold f = { .s = out, .o = o, .e = e };
	int rc;

	*out = (struct scan){ .plan = p,
			      .rundir = mem_dup(rundir),
			      .priv = mem_alloc(sizeof *out->priv) };
	point_init(&f.point, p->spec->space);
	out->count = space_count(p->spec->space);
	out->tasks = mem_array(out->count, sizeof *out->tasks);
	rc = fold_files(out, e);
	if (rc == 0) {
		rc = fold_all(&f);
	}
	id_index_free(f.ids);
	point_free(&f.point);
	open_table_free(&f.open);
	free(f.was_open);
	free(f.from);
	if (rc < 0) {
		scan_free(out);
	}
	return rc;
}

void scan_free(struct scan *s)
{
	if (!s->priv) {
		return;
	}
	published_free(s);
	for (size_t i = 0; i < s->n_files; i++) {
		scan_file_release(&s->files[i]);
	}
	judge_free(s->priv->judge);
	output_reader_free(s->priv->reader);
	buf_free(&s->priv->row);
	buf_free(&s->priv->why);
	free(s->priv->doubles.items);
	free(s->priv->voids);
	free(s->priv->ends);
	scan_reader_free(s->priv->records);
	free(s->priv);
	free(s->files);
	free(s->tasks);
	free(s->open);
	free(s->stale);
	free(s->rundir);
	*s = (struct scan){ .priv = NULL };
}
