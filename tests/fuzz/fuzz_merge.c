/* SPDX-License-Identifier: MIT */
/* Merging CSV files, parts separated by lines "--": the table holds what a plain reader of each
 * finds. */
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "collect/collect.h"
#include "tests/fuzz/fuzz.h"

#define FILES_MAX 4

static void put_rows(struct buf *b, const char *text, size_t len, bool header, uint64_t *rows)
{
	struct csv c;
	int rc;

	csv_open(&c, text, len, ',');
	while ((rc = csv_next(&c, NULL)) == 1) {
		if (!header) {
			header = true;
			continue;
		}
		for (size_t i = 0; i < c.n; i++) {
			if (i)
				buf_putc(b, ',');
			buf_printf(b, "%zu:", c.cells[i].len);
			buf_add(b, c.cells[i].text, c.cells[i].len);
		}
		buf_putc(b, '\n');
		++*rows;
	}
	MUST(rc == 0);
	csv_close(&c);
}

void fuzz_merge(struct part in)
{
	char *names[FILES_MAX], *to = mem_printf("%s/out.csv", scratch_folder());
	struct buf expected = BUF_INIT, got = BUF_INIT, merged = BUF_INIT;
	struct part parts[FILES_MAX];
	struct err e = ERR_INIT;
	char sha256[65];
	uint64_t files = 0, rows = 0, counted = 0, lines = 0;
	size_t n = 0;

	scratch_empty();
	while (n < FILES_MAX && (in.len || n == 0)) {
		char name[16] = { 'a', (char)('0' + n), '.', 'c', 's', 'v', '\0' };

		parts[n] = part_cut(&in);
		scratch_write(scratch_folder(), name, parts[n].text, parts[n].len);
		names[n] = mem_printf("%s/%s", scratch_folder(), name);
		n++;
	}
	if (collect_csv((const char *const *)names, n, to, 'c', &files, &rows, sha256, &e) == 0) {
		bool first = true;

		MUST(file_read(to, &merged, 0, NULL) == 0);
		for (size_t i = 0; i < n; i++) {
			struct csv c;

			csv_open(&c, parts[i].text, parts[i].len, ',');
			if (csv_next(&c, NULL) == 1) {
				put_rows(&expected, parts[i].text, parts[i].len, first, &counted);
				first = false;
			}
			csv_close(&c);
		}
		put_rows(&got, buf_str(&merged), merged.len, true, &lines);
		MUST(files <= n);
		/* a first cell that begins with a byte order mark would lose it */
		if (merged.len < 3 || memcmp(merged.data, "\xef\xbb\xbf", 3) != 0) {
			must_equal(expected.data, expected.len, got.data, got.len, "merged");
			MUST(lines == rows + 1 && counted == lines);
		}
	} else {
		MUST(err_is(&e) && !file_exists(to));
	}
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(to);
	buf_free(&expected);
	buf_free(&got);
	buf_free(&merged);
}
