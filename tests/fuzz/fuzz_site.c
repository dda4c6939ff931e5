/* SPDX-License-Identifier: MIT */
/* A site file: each of its sites is asked for all that it says, for small and large tasks. */
#include <stdlib.h>

#include "gen/site.h"
#include "tests/fuzz/fuzz.h"

static void try_settings(const struct site *s)
{
	static const char *const names[] = { "slurm", "pbs", "sge" };
	struct resources res = { .cpus = 1, .nodes = 1 };

	for (size_t i = 0; i < 6; i++) {
		struct diags *d = diags_new();
		struct template *t = template_load(names[i % 3], d);
		struct site_settings out = { 0 };
		struct err e = ERR_INIT;

		MUST(t != NULL);
		res.gpus = i / 3;
		res.memory = (uint64_t)i << 30;
		if (site_settings(s, t, &res, i % 2, &out, &e) < 0)
			MUST(err_is(&e));
		free(out.options);
		template_free(t);
		diags_free(d);
	}
}

static void try_site(const struct site *s)
{
	struct site_row *rows;
	struct resources res = { 0 };
	struct shape_limits limits = { 0 };
	struct buf b = BUF_INIT;

	for (size_t i = site_rows(s, &rows); i-- > 0;)
		MUST(rows[i].key && rows[i].value);
	site_finaliser(s, &res);
	site_limits(s, &limits);
	(void)site_finalises(s);
	(void)site_launch(s);
	if (site_scratch(s).value)
		(void)site_expand(site_scratch(s).value, &b, NULL);
	buf_free(&b);
	try_settings(s);
}

void fuzz_site(struct part in)
{
	struct diags *d = diags_new();
	char *path = mem_printf("%s/sites.yaml", scratch_folder());
	struct site *s;

	scratch_empty();
	scratch_write(scratch_folder(), "sites.yaml", in.text, in.len);
	s = site_load_file(path, NULL, d);
	MUST(!s == (diags_errors(d) > 0));
	if (s) {
		const char *const *names;
		int n = site_names(s, &names);

		try_site(s);
		for (int i = 0; i < n && i < 4; i++) {
			struct diags *more = diags_new();
			struct site *one = site_load_file(path, names[i], more);

			MUST(one != NULL);
			try_site(one);
			site_free(one);
			diags_free(more);
		}
	}
	site_free(s);
	diags_free(d);
	free(path);
}
