/* SPDX-License-Identifier: MIT */
/* What {launch} stands for: the words that start an MPI program on all that its task was given. */
#include <string.h>

#include "base/text.h"
#include "gen/launch_env.h"
#include "gen/task.h"

/* What a word of a launcher may name. */
enum { LAUNCH_RANKS, LAUNCH_NODES, LAUNCH_CPUS, LAUNCH_PER_NODE, LAUNCH_COUNT };
static const char *const names[LAUNCH_COUNT] = { "ranks", "nodes", "cpus", "ranks_per_node" };

/* Without any cluster: MPI's own starter, which all of them have. */
static const char *const standard[] = { "mpiexec", "-n", "{{ranks}}", NULL };

/* One word with its values in place of {{name}}. values NULL: only looks whether it is right. */
static int put_word(const char *word, const uint64_t *values, struct buf *out, struct err *e)
{
	const char *open;

	for (; (open = strstr(word, "{{")); word = strstr(open, "}}") + 2) {
		const char *name = open + 2, *close = strstr(name, "}}");
		size_t k = 0;

		if (!close)
			return err_bad(e, "'{{' is not closed");
		while (k < LAUNCH_COUNT && !text_eq(name, (size_t)(close - name), names[k]))
			k++;
		if (k == LAUNCH_COUNT)
			return err_bad(
				e,
				"a launcher does not know '{{%.*s}}': it knows ranks, nodes, "
				"cpus and ranks_per_node",
				(int)(close - name), name);
		if (!values)
			continue;
		buf_add(out, word, (size_t)(open - word));
		buf_put_u64(out, values[k]);
	}
	if (values)
		buf_puts(out, word);
	return 0;
}

int launch_check_word(const char *word, struct err *e)
{
	return put_word(word, NULL, NULL, e);
}

int launcher_fill(struct launcher *l, const char *const *words, const struct resources *res,
		  struct err *e)
{
	const uint64_t values[LAUNCH_COUNT] = {
		[LAUNCH_RANKS] = res->ranks,
		[LAUNCH_NODES] = res->nodes ? res->nodes : 1,
		[LAUNCH_CPUS] = res->cpus,
		[LAUNCH_PER_NODE] = resources_ranks_per_node(res),
	};

	l->n = 0;
	buf_clear(&l->words);
	buf_clear(&l->line);
	if (!res->ranks)
		return 0;
	for (const char *const *w = words ? words : standard; *w; w++) {
		const size_t from = l->words.len;

		if (put_word(*w, values, &l->words, e) < 0)
			return err_wrap(e, "the launcher's word '%s'", *w);
		if (l->n++)
			buf_putc(&l->line, ' ');
		text_put_shell(&l->line, l->words.data + from, l->words.len - from);
		buf_putc(&l->words, '\0');
	}
	return 0;
}

void launcher_free(struct launcher *l)
{
	buf_free(&l->words);
	buf_free(&l->line);
}
