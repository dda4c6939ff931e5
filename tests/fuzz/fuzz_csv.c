/* SPDX-License-Identifier: MIT */
/* CSV, TSV and columns set off by blanks: what was read, written and read again is the same. */
#include <string.h>

#include "base/csv.h"
#include "tests/fuzz/fuzz.h"

/* Writes all rows as CSV; false where the text is none. Counts cells. */
static bool rewrite(struct part in, char sep, char to, struct buf *out, size_t *cells)
{
	struct csv c;
	struct err e = ERR_INIT;
	size_t line = 0;
	int rc;

	csv_open(&c, in.text, in.len, sep);
	while ((rc = csv_next(&c, &e)) == 1) {
		MUST(c.n > 0 && c.line > line);
		line = c.line;
		for (size_t i = 0; i < c.n; i++) {
			if (i)
				buf_putc(out, to);
			/* a row of one empty cell is a blank line unless it is quoted */
			if (c.n == 1 && c.cells[0].len == 0)
				buf_puts(out, "\"\"");
			else
				csv_put(out, to, c.cells[i].text, c.cells[i].len);
		}
		*cells += c.n;
		buf_putc(out, '\n');
	}
	MUST((rc < 0) == err_is(&e));
	csv_close(&c);
	return rc == 0;
}

void fuzz_csv(struct part in)
{
	static const char seps[] = { ',', '\t', ' ' };

	for (size_t k = 0; k < sizeof seps; k++) {
		struct buf once = BUF_INIT, twice = BUF_INIT;
		size_t n = 0, m = 0;
		const char to = seps[k] == ' ' ? ',' : seps[k];

		if (rewrite(in, seps[k], to, &once, &n)) {
			const struct part again = { buf_str(&once), once.len };

			/* a first cell that begins with a byte order mark would lose it */
			if (once.len < 3 || memcmp(once.data, "\xef\xbb\xbf", 3) != 0) {
				MUST(rewrite(again, to, to, &twice, &m) && n == m);
				must_equal(once.data, once.len, twice.data, twice.len, "CSV");
			}
		}
		buf_free(&once);
		buf_free(&twice);
	}
}
