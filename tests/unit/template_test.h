/* SPDX-License-Identifier: MIT */
/* What the tests of templates share: a scheduler that nobody has. */
#ifndef PPGEN_TESTS_UNIT_TEMPLATE_TEST_H
#define PPGEN_TESTS_UNIT_TEMPLATE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gen/template.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Tests change one text in it. */
static const char good[] =
	"---\n"
	"template: 1\n"
	"name: fake\n"
	"about: A scheduler for tests\n"
	"detect: {run: [fq, --version], match: '^fq \\d'}\n"
	"submit:\n"
	"  run: [fsub, -q, '{{hold}}', '{{after}}', '{{extra}}', '{{script}}']\n"
	"  hold: [-H]\n"
	"  after: [-w, 'all({{ids|join:&}})']\n"
	"  id: '^job ([0-9]+)( .*)?$'\n"
	"release: [frel, '{{ids}}']\n"
	"cancel: [fdel, '{{ids}}']\n"
	"ask: [{run: [fq, '{{ids|join:,}}'], match: '^(?<id>\\d+)(?:\\.(?<index>\\S+))? (?<state>\\w+)', only_if: '^fq:'}, "
	"{run: [facct], match: '^(?<id>a)(?<id2>b)? (?<state>\\w+) (?<state2>\\w+)', lags: true}]\n"
	"find: {run: [fq, -u, '{{user}}'], match: '^(?<id>\\d+) (?<name>.*)$'}\n"
	"states: {done: [OK, FINE], queued: 'PEND.*', running: RUN, failed: 'X 1'}\n"
	"limits: [{of: index, run: [fconf], match: 'max (?<limit>\\S+)', less: 1}, "
	"{of: time, run: [fconf, '{{partition}}'], match: 'time (?<limit>\\S+)'}]\n"
	"array: {first: 1, least: 2}\n"
	"job_name: {most: 20, allowed: 'A-Za-z0-9_.', letter_first: true}\n"
	"launch: [frun, '{{ranks}}']\n"
	"environment: {cpus: [FCPUS], hidden: [FARRAY_*], own: [F_*, FJOB], recorded: [FJOB], ends: FEND}\n"
	"script: {directive: '#F', forbidden: '%%'}\n"
	"options: {lane: {default: fast, help: the lane}, gate: {help: the gate}}\n"
	"---\n"
	"#!/bin/sh\n"
	"#F name={{name}}\n"
	"#F array={{first}}-{{last}}{?%{{throttle}}?}\n"
	"#F size={{nodes}}x{{cpus_per_node}}\n"
	"#F mem={{memory}}\n"
	"#F acct={{account}}\n"
	"#F lane={{option:lane}}\n"
	"#F gate={{option:gate}}\n"
	"{{directives}}\n"
	"exec >>{{log|q}} || exit 3\n"
	"exec {{worker}} --job \"$FJOB\"\n";

/* The good text with the first `from` in it replaced. The caller frees. */
static inline char *changed(const char *from, const char *to)
{
	const char *at = strstr(good, from);

	if (!at)
		fail_msg("'%s' is not in the text", from);
	return mem_printf("%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static inline struct template *parse(const char *text, struct buf *said)
{
	struct diags *d = diags_new();
	struct template *t = template_parse(text, strlen(text), "fake.tmpl", d);

	if (said)
		buf_puts(said, diags_text(d));
	else if (!t)
		fail_msg("%s", diags_text(d));
	diags_free(d);
	return t;
}

static inline struct template *parse_changed(const char *from, const char *to)
{
	char *text = changed(from, to);
	struct template *t = parse(text, NULL);

	free(text);
	return t;
}

/* What most rows have. */
static inline struct job_values usual(void)
{
	struct job_values v = { .text = { [JOB_NAME] = "n",
					  [JOB_SCRIPT] = "/s",
					  [JOB_WORKER] = "w 'a b'",
					  [JOB_LOG] = "/l o",
					  [JOB_NODES] = "1",
					  [JOB_RANKS] = "1",
					  [JOB_RANKS_PER_NODE] = "1",
					  [JOB_CPUS] = "1",
					  [JOB_CPUS_PER_NODE] = "1",
					  [JOB_CPUS_TOTAL] = "1",
					  [JOB_USER] = "ann" } };
	return v;
}

#endif
